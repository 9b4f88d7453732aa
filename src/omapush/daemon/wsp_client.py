"""How pushes by OTA-WSP come in to a running Push Client."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from omapush.bearers.udp import UdpBearer
from omapush.cai.model import Binding, Protocol
from omapush.client.binding.own_ports import UDP
from omapush.client.binding.push_receiver import PushReceiver, take_unit_push
from omapush.client.binding.shared_binder import BearerReports
from omapush.daemon.clock import SystemClock
from omapush.daemon.settings import ClientSettings
from omapush.ota.datagrams import Peer
from omapush.ota.interface import PushSource


@contextlib.asynccontextmanager
async def listening_for_datagrams(
    settings: ClientSettings, clock: SystemClock, receiver: PushReceiver, reports: BearerReports
) -> AsyncIterator[None]:
    """Take connectionless pushes by UDP, if the settings open a port for them.

    :param reports: is told when the port is open.
    :raises BearerUnavailable: the port cannot be had.
    """
    where = settings.ota_wsp.udp_listen
    if where is None:
        yield
        return

    def take(octets: bytes, peer: Peer) -> None:
        take_unit_push(receiver, octets, PushSource(Protocol.OTA_WSP.value, UDP, peer.host))

    endpoint = await UdpBearer(clock).open(where.host, where.port, take)
    reports.binding_up(Binding(Protocol.OTA_WSP.value, UDP, str(where)))
    try:
        yield
    finally:
        reports.binding_down(Protocol.OTA_WSP.value, UDP)
        endpoint.close()
