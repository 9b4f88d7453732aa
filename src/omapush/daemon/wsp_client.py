"""How pushes by OTA-WSP come in to a running Push Client."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import structlog

from omapush.bearers.udp import UdpBearer
from omapush.cai.model import Binding, Protocol
from omapush.client.agent import PushClient
from omapush.core.errors import DecodeError
from omapush.daemon.clock import SystemClock
from omapush.daemon.settings import ClientSettings
from omapush.ota.datagrams import Peer
from omapush.ota.interface import PushSource
from omapush.ota.wsp.unit_push import unit_push_indication

log = structlog.get_logger(__name__)

UDP = "UDP"


@contextlib.asynccontextmanager
async def listening_for_datagrams(
    settings: ClientSettings, clock: SystemClock, agent: PushClient
) -> AsyncIterator[None]:
    """Take connectionless pushes by UDP, if the settings open a port for them.

    :raises BearerUnavailable: the port cannot be had.
    """
    where = settings.ota_wsp.udp_listen
    if where is None:
        yield
        return

    def take(octets: bytes, peer: Peer) -> None:
        take_unit_push(agent, octets, PushSource(Protocol.OTA_WSP.value, UDP, peer.host))

    endpoint = await UdpBearer(clock).open(where.host, where.port, take)
    agent.binding_up(Binding(Protocol.OTA_WSP.value, UDP, str(where)))
    try:
        yield
    finally:
        agent.binding_down(Protocol.OTA_WSP.value, UDP)
        endpoint.close()


def take_unit_push(agent: PushClient, octets: bytes, source: PushSource) -> None:
    """Give a datagram that came to the push port to ``agent``; what is none is logged."""
    try:
        indication = unit_push_indication(octets, source)
    except DecodeError as error:
        log.warning("push_malformed", source=source.address, bearer=source.bearer, why=str(error))
        return
    log.debug("push_arrived", source=source.address, bearer=source.bearer, octets=len(octets))
    agent.unit_push(indication)
