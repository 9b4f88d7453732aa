"""Service Indication 1.0 (WAP-167)."""

from omapush.protocols.wbxml.opaque import DATE
from omapush.protocols.wbxml.tables import internet
from omapush.protocols.wbxml.tokens import TokenTable, consecutive

SI = TokenTable(
    title="SI 1.0",
    root="si",
    public_id=0x05,
    public_name="-//WAPFORUM//DTD SI 1.0//EN",
    system_id="http://www.wapforum.org/DTD/si.dtd",
    version=0x02,
    tags={0: consecutive(0x05, "si indication info item")},
    starts={
        0: consecutive(
            0x05,
            "action=signal-none action=signal-low action=signal-medium action=signal-high"
            " action=delete created href href=http:// href=http://www. href=https://"
            " href=https://www. si-expires si-id class",
        )
    },
    values=internet.VALUES,
    fragments=internet.FRAGMENTS,
    attribute_codecs={"created": DATE, "si-expires": DATE},
)
