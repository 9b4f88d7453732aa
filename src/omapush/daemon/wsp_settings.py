"""What can be set for OTA-WSP on the gateway's side."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from omapush.core.instants import MINUTE_MS
from omapush.daemon.settings_table import Endpoint, EndpointSetting
from omapush.daemon.settings_table import Table as _Table
from omapush.ota.wsp.unit_push import GATEWAY_PORT
from omapush.ppg.short_message_reach import ReceiptPolicy, ShortMessageSettings
from omapush.ppg.unit_push import HeaderRule, UnitPushSettings
from omapush.protocols.wsp.profile import profile_for


class HeaderProfileTable(_Table):
    """[[header_profiles]]"""

    clients: list[str] = Field(["*"], description="patterns of client ids that it is for")
    initiators: list[str] = Field(["*"], description="patterns of initiator ids that it is for")
    encoding_version: Literal["1.1", "1.2", "1.3", "1.4", "1.5"] = Field(
        "1.2", description="newest version of WSP's header codes that the phones know"
    )
    content_type_codes: bool = Field(
        default=True, description="media types as numbers; phones drop pushes that spell them out"
    )
    application_codes: bool = Field(
        default=True, description="an application id that comes with a number goes out as that"
    )
    unknown_headers: bool = Field(
        default=True, description="headers that WSP has no number for go out, as text"
    )

    def rule(self) -> HeaderRule:
        """Return the rule."""
        known = profile_for((("Encoding-Version", self.encoding_version),))
        profile = replace(
            known,
            content_type_codes=self.content_type_codes,
            application_codes=self.application_codes,
            unknown_headers=self.unknown_headers,
        )
        return HeaderRule(profile, tuple(self.clients), tuple(self.initiators))


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

    def short_messages(self, unit_push: UnitPushSettings) -> ShortMessageSettings:
        """Return how SMS is used for pushes."""
        return ShortMessageSettings(
            unit_push,
            max_segments=self.max_segments,
            reference_bits=self.reference_bits,
            receipts=self.receipts,
            report_within_ms=max(1, round(self.report_within_minutes * MINUTE_MS)),
        )
