"""The bearers of OTA-WSP, as far as the gateway's settings ask for them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from omapush.bearers.udp import UdpBearer
from omapush.daemon.clock import SystemClock
from omapush.daemon.settings import PpgSettings
from omapush.ota.datagrams import Peer
from omapush.ppg.contacts import UdpContact
from omapush.ppg.datagram_reach import Datagrams, DatagramSettings


@contextlib.asynccontextmanager
async def datagrams(settings: PpgSettings, clock: SystemClock) -> AsyncIterator[Datagrams | None]:
    """Open the port that pushes by UDP come from; ``None``: no client is reached that way.

    :raises BearerUnavailable: the port cannot be had.
    """
    if not _reaches_by_udp(settings):
        yield None
        return
    table, bearer = settings.ota_wsp, UdpBearer(clock)
    endpoint = await bearer.open(table.udp_from.host, table.udp_from.port, _nobody_answers)
    try:
        yield Datagrams(bearer, endpoint, DatagramSettings(max_datagram=table.max_datagram))
    finally:
        endpoint.close()


def _reaches_by_udp(settings: PpgSettings) -> bool:
    if any(table.networks for table in settings.subscribers):
        return True
    ways = (way for table in settings.clients for way in table.ways())
    return any(isinstance(way.where, UdpContact) for way in ways)


def _nobody_answers(octets: bytes, peer: Peer) -> None:
    """A connectionless push has no answer; what comes to its port all the same is dropped."""
