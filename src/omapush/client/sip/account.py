"""Who registers at a SIP/IP core, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from omapush.protocols.sip.hop import Transport


@dataclass(frozen=True, slots=True)
class Account:
    """Who registers, and how.

    :ivar aor: the address of record. :ivar instance: the device, a URN.
    :ivar core: where the core is, for people. :ivar transport: by which it is reached.
    :ivar gateways: URIs of gateways that are told what is taken.
    :ivar spread: from 0 to 1, at random. :ivar new_token: returns a text that nobody can guess.
    """

    aor: str
    instance: str
    core: str
    transport: Transport
    spread: Callable[[], float]
    new_token: Callable[[], str]
    expires_s: int = 600
    outbound: bool = False
    gateways: tuple[str, ...] = ()

    @property
    def registrar(self) -> str:
        """The URI of the domain."""
        scheme, _, rest = self.aor.partition(":")
        return f"{scheme}:{rest.rpartition('@')[2]}"

    def contact_at(self, place: str) -> str:
        """Return the URI by which this device is reached at ``host:port``."""
        user = self.aor.partition(":")[2].rpartition("@")[0]
        by = "" if self.transport is Transport.UDP else f";transport={self.transport.value.lower()}"
        return f"sip:{user}@{place}{by}"
