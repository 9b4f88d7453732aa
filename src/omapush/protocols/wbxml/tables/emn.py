"""E-mail notification 1.0."""

from omapush.protocols.wbxml.opaque import DATE
from omapush.protocols.wbxml.tokens import TokenTable, consecutive

EMN = TokenTable(
    title="EMN 1.0",
    root="emn",
    public_id=0x0D,
    public_name="-//WAPFORUM//DTD EMN 1.0//EN",
    system_id="http://www.wapforum.org/DTD/emn.dtd",
    tags={0: {0x05: "emn"}},
    starts={
        0: consecutive(
            0x05,
            "timestamp mailbox mailbox=mailat: mailbox=pop:// mailbox=imap:// mailbox=http://"
            " mailbox=http://www. mailbox=https:// mailbox=https://www.",
        )
    },
    # Decoders disagree whether these end in a slash: read without one, and not written.
    values={0: {0x85: ".com", 0x86: ".edu", 0x87: ".net", 0x88: ".org"}},
    unwritten=frozenset({".com", ".edu", ".net", ".org"}),
    attribute_codecs={"timestamp": DATE},
)
