"""What can be set for a client's modem, and for what a session initiation request may do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from omapush.daemon.settings_table import Endpoint, NetworkSetting, parse_endpoint
from omapush.daemon.settings_table import Table as _Table

NumberSetting = Annotated[str, Field(pattern=r"^\+?[0-9]{1,20}$")]


class ModemTable(_Table):
    """[modem]"""

    kind: Literal["line", "modem-manager"] | None = Field(
        None,
        description="where short messages come from: `line`, TPDUs as text over TCP or a Unix "
        "socket, or `modem-manager`, ModemManager over D-Bus (extra `omapush[modem]`); default: "
        "no modem",
    )
    address: str | None = Field(
        None,
        description="line: host:port, or the path of a Unix socket with a `/` in it; "
        "modem-manager: address of the bus, default the system's",
    )
    listen: bool = Field(
        default=False, description="line: the modem connects to the client, not the client to it"
    )
    service_centre: NumberSetting | None = Field(
        None, description="line: number of the service centre whose messages come by it"
    )
    path: Path = Field(
        Path("omapush-short-messages.db"),
        description="SQLite file of the short messages that are not dealt with",
    )
    hold_hours: float = Field(
        24, gt=0, le=720, description="how long a push waits for an application that is away"
    )

    @model_validator(mode="after")
    def _line(self) -> Self:
        if self.kind == "line":
            if self.address is None:
                raise ValueError("a line needs an address")
            self.line_address()
        elif self.listen or self.service_centre is not None:
            raise ValueError("listen and service_centre are for kind = 'line'")
        return self

    def line_address(self) -> Endpoint | Path:
        """Return where the line is. :raises ValueError: neither host:port nor a path."""
        address = self.address or ""
        return Path(address) if "/" in address else parse_endpoint(address)


class SiaTable(_Table):
    """[sia]"""

    gateways: list[NetworkSetting] = Field(
        [],
        description="gateways that the client may contact when a session initiation request asks "
        "for it; default: none, such requests have no effect",
    )
    variants: list[Literal["OTA-HTTP", "OTA-WSP", "OTA-SIP"]] = Field(
        ["OTA-HTTP", "OTA-WSP", "OTA-SIP"],
        min_length=1,
        max_length=3,
        description="by which variants gateways are contacted; where a request names several, the "
        "first of these is used. By OTA-SIP only the core of ota_sip is",
    )
    lockout_seconds: float = Field(
        60, ge=1, le=86_400, description="how long a gateway's further requests have no effect"
    )
    hide_applications: bool = Field(
        default=False,
        description="tell gateways that any application may be pushed to, not which ones there are",
    )
