"""What can be set for the ways into a client over D-Bus."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from omapush.daemon.settings_table import Table as _Table

_ELEMENT = r"[A-Za-z_-][A-Za-z0-9_-]*"
_BusName = Annotated[str, Field(pattern=rf"^{_ELEMENT}(\.{_ELEMENT})+$", max_length=255)]
_Path = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9_]+)+$", max_length=255)]
_Text = Annotated[str, Field(min_length=1, max_length=256)]


def _bus(value: str) -> str:
    if value not in ("off", "session", "system") and ":" not in value:
        raise ValueError("is off, session, system or an address such as unix:path=/run/bus")
    return value


class DbusTable(_Table):
    """[dbus]"""

    bus: Annotated[str, AfterValidator(_bus)] = Field(
        "off",
        description="which bus: `session`, `system`, an address of one, or `off` (extra "
        "`omapush[dbus]`)",
    )
    name: _BusName = Field(
        "org.omapush.Client1", description="the bus name under which applications find the client"
    )
    ofono: bool = Field(
        default=False, description="take push notification agents as oFono does, beside it"
    )
    ofono_name: _BusName = Field(
        "org.ofono",
        description="the bus name under which agents find that; oFono's own works only where no "
        "oFono runs",
    )
    ofono_modem: _Path = Field("/omapush0", description="the object path of the modem they see")
    ofono_application_ids: list[_Text] = Field(
        ["x-wap-application:mms.ua"],
        min_length=1,
        max_length=32,
        description="the push application ids whose pushes an agent gets",
    )

    @model_validator(mode="after")
    def _on(self) -> Self:
        if self.bus == "off" and self.ofono:
            raise ValueError("ofono needs a bus")
        if self.ofono and self.name == self.ofono_name:
            raise ValueError("name and ofono_name are to differ")
        return self
