"""Who takes the pushes that bearers bring: the agent, as its bindings see it."""

from __future__ import annotations

from typing import Protocol

import structlog

from omapush.core.errors import DecodeError
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    PoUnitPushInd,
    PushSource,
    StreamLink,
)
from omapush.ota.wsp.unit_push import unit_push_indication

log = structlog.get_logger(__name__)


class PushReceiver(Protocol):
    """Implemented by ``client.agent``."""

    def capabilities(self) -> ClientCapabilities:
        """Return what the client takes now."""

    def indication(self, link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        """Take an indication of a session; the answer goes to ``link`` when there is one."""

    def unit_push(self, indication: PoUnitPushInd) -> object:
        """Take a push that came without a connection."""


def take_unit_push(receiver: PushReceiver, octets: bytes, source: PushSource) -> None:
    """Give a datagram that came to a push port to ``receiver``; what is none is logged."""
    try:
        indication = unit_push_indication(octets, source)
    except DecodeError as error:
        log.warning("push_malformed", source=source.address, bearer=source.bearer, why=str(error))
        return
    log.debug("push_arrived", source=source.address, bearer=source.bearer, octets=len(octets))
    receiver.unit_push(indication)
