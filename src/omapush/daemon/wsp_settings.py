"""What can be set for OTA-WSP on the gateway's side."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from omapush.core.instants import MINUTE_MS
from omapush.daemon.settings_table import Endpoint, EndpointSetting
from omapush.daemon.settings_table import Table as _Table
from omapush.ota.wsp.unit_push import GATEWAY_PORT
from omapush.ppg.short_message_reach import ReceiptPolicy, ShortMessageSettings


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
    max_segments: int = Field(
        10, ge=1, le=255, description="short messages that one push by SMS may take; more is 2006"
    )
    reference_bits: Literal[8, 16] = Field(
        16, description="width of the reference that joins them; 8 for phones that know no other"
    )
    receipts: ReceiptPolicy = Field(
        ReceiptPolicy.NOTIFIED,
        description="when SMSCs are asked for delivery receipts; notified: when the initiator "
        "wants a result notification",
    )
    report_within_minutes: float = Field(
        30, gt=0, le=10_080, description="a receipt that is not there by then is asked for"
    )

    def short_messages(self) -> ShortMessageSettings:
        """Return how SMS is used for pushes."""
        return ShortMessageSettings(
            max_segments=self.max_segments,
            reference_bits=self.reference_bits,
            receipts=self.receipts,
            report_within_ms=max(1, round(self.report_within_minutes * MINUTE_MS)),
        )
