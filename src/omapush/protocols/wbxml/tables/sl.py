"""Service Loading 1.0 (WAP-168)."""

from omapush.protocols.wbxml.tables import internet
from omapush.protocols.wbxml.tokens import TokenTable, consecutive

SL = TokenTable(
    title="SL 1.0",
    root="sl",
    public_id=0x06,
    public_name="-//WAPFORUM//DTD SL 1.0//EN",
    system_id="http://www.wapforum.org/DTD/sl.dtd",
    version=0x02,
    tags={0: {0x05: "sl"}},
    starts={
        0: consecutive(
            0x05,
            "action=execute-low action=execute-high action=cache href href=http://"
            " href=http://www. href=https:// href=https://www.",
        )
    },
    values=internet.VALUES,
    fragments=internet.FRAGMENTS,
)
