"""What can be set for OTA-WSP on the gateway's side."""

from __future__ import annotations

from pydantic import Field

from omapush.daemon.settings_table import Endpoint, EndpointSetting
from omapush.daemon.settings_table import Table as _Table
from omapush.ota.wsp.unit_push import GATEWAY_PORT


class OtaWspTable(_Table):
    """[ota_wsp]"""

    udp_from: EndpointSetting = Field(
        Endpoint("0.0.0.0", GATEWAY_PORT),  # noqa: S104 - a port to send from
        description="local address and port that connectionless pushes by UDP come from; opened "
        "only if a client is reached that way",
    )
    max_datagram: int = Field(
        1_472, ge=128, le=65_507, description="longest push by UDP in octets, WSP headers included"
    )
