"""What every table of the settings has in common."""

from __future__ import annotations

import ipaddress
import typing
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic_settings import NoDecode

from omapush.core.errors import OmapushError
from omapush.core.instants import SECOND_MS
from omapush.core.networks import host_and_port


def _network(value: str) -> str:
    ipaddress.ip_network(value, strict=False)
    return value


def _address(value: str) -> str:
    return str(ipaddress.ip_address(value))


AddressSetting = Annotated[str, AfterValidator(_address)]
NetworkSetting = Annotated[str, AfterValidator(_network)]


class SettingsError(OmapushError):
    """The settings cannot be used. ``reason`` holds one line for each fault."""


class Endpoint(typing.NamedTuple):
    """Host and port, written ``host:port`` or ``[v6-address]:port``."""

    host: str
    port: int

    def __str__(self) -> str:
        return host_and_port(self.host, self.port)


def parse_endpoint(text: str) -> Endpoint:
    """Return the endpoint that ``text`` writes. :raises ValueError: it is not host:port."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError("write it as host:port, for example 127.0.0.1:8080")
    return Endpoint(host.strip("[]"), int(port))


def _endpoint(value: object) -> object:
    return parse_endpoint(value) if isinstance(value, str) else value


# The environment gives an endpoint as plain text, not as JSON.
EndpointSetting = Annotated[Endpoint, NoDecode, BeforeValidator(_endpoint)]


def milliseconds(seconds: float) -> int:
    """Return a duration of the settings as the rest of the project counts it, at least 1 ms."""
    return max(1, round(seconds * SECOND_MS))


def first_line(path: Path, what: str) -> str:
    """Return the first line of a file that holds a secret.

    :param what: what it is the secret of, for the error.
    :raises SettingsError: it cannot be read or is empty.
    """
    try:
        line = path.read_text().partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{what}: {error}") from error
    if not line:
        raise SettingsError(f"{what} is empty")
    return line


class Table(BaseModel):
    """A table whose keys are all known, and which nobody changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
