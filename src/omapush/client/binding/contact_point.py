"""The contact point of a connection profile, as a place that the terminal can dial (CAI-15)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from omapush.cai.model import ConnectionProfile, Reason, RegistrationRejected
from omapush.core.networks import host_and_port, written_host
from omapush.ota.http.ports import SECURE_PUSH_PORT

_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_SCHEMES = {"http": False, "https": True}


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """Where a gateway takes connections of terminals.

    :ivar host: an IP address or a name.
    :ivar port: ``None``: the profile gives none.
    :ivar tls: the connection has to be secure.
    """

    host: str
    port: int | None
    tls: bool

    def __str__(self) -> str:
        if self.port is None:
            return written_host(self.host)
        return host_and_port(self.host, self.port)


def contact_point_of(profile: ConnectionProfile, where: str) -> ContactPoint | None:
    """Return a profile's contact point: an IP address, a host name or a URI; ``None``: it has none.

    It is secure if its URI says so, or the port is the one for that.

    :raises RegistrationRejected: it is none of these, or its port is not that of the profile.
    """
    text = profile.contact_point
    if text is None:
        return None
    parameter = f"{where}.contact_point"
    host, port, tls = _taken_apart(text, parameter)
    if port is not None and profile.port not in (None, port):
        detail = "the port of the contact point is not that of the profile"
        raise RegistrationRejected(Reason.INVALID_PARAMETER, detail, parameter)
    port = profile.port if profile.port is not None else port
    return ContactPoint(host, port, tls or port == SECURE_PUSH_PORT)


def _taken_apart(text: str, parameter: str) -> tuple[str, int | None, bool]:
    if "://" in text:
        return _of_uri(text, parameter)
    host = text.removeprefix("[").removesuffix("]")
    if not _is_host(host):
        raise _invalid("is no IP address, host name or URI", parameter)
    return host, None, False


def _of_uri(text: str, parameter: str) -> tuple[str, int | None, bool]:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _invalid("is no URI", parameter) from error
    if parts.scheme not in _SCHEMES:
        detail = f"{parameter}: the scheme {parts.scheme[:20]!r} is not supported"
        raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, parameter)
    if not _is_host(host) or _has_more(parts):
        raise _invalid("is no URI of a host", parameter)
    return host, port, _SCHEMES[parts.scheme]


def _has_more(parts: SplitResult) -> bool:
    # OTA-HTTP has one path, and the gateway is not logged in to.
    return bool(parts.username or parts.password or parts.query or parts.fragment)


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _HOST_NAME.fullmatch(text) is not None
    return True


def _invalid(what: str, parameter: str) -> RegistrationRejected:
    return RegistrationRejected(Reason.INVALID_PARAMETER, f"{parameter} {what}", parameter)
