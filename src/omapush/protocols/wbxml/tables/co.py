"""Cache Operation 1.0 (WAP-175)."""

from omapush.protocols.wbxml.tables import internet
from omapush.protocols.wbxml.tokens import TokenTable, consecutive

CO = TokenTable(
    title="CO 1.0",
    root="co",
    public_id=0x07,
    public_name="-//WAPFORUM//DTD CO 1.0//EN",
    system_id="http://www.wapforum.org/DTD/co_1.0.dtd",
    version=0x02,
    tags={0: consecutive(0x05, "co invalidate-object invalidate-service")},
    starts={0: consecutive(0x05, "uri uri=http:// uri=http://www. uri=https:// uri=https://www.")},
    values=internet.VALUES,
    fragments=internet.FRAGMENTS,
)
