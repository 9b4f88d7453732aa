"""What every table of the settings has in common."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


def _network(value: str) -> str:
    ipaddress.ip_network(value, strict=False)
    return value


NetworkSetting = Annotated[str, AfterValidator(_network)]


class Table(BaseModel):
    """A table whose keys are all known, and which nobody changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
