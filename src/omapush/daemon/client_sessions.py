"""The push sessions of a running Push Client, as its settings ask for them."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable

from omapush.bearers.udp import UdpBearer
from omapush.bearers.udp_machine import UdpMachine
from omapush.client.agent import PushClient
from omapush.client.binding.push_sessions import ClientPushSessions
from omapush.client.binding.shared_binder import SharedBearers
from omapush.daemon.clock import SystemClock
from omapush.daemon.settings import ClientSettings
from omapush.ota.datagrams import DatagramMachine, MachineHost
from omapush.ota.wsp.client import WspClientIndication, WspClientRequest

RESOLVE_MS = 5_000


@contextlib.asynccontextmanager
async def holding_sessions(
    settings: ClientSettings, clock: SystemClock, agent: PushClient, bearers: SharedBearers
) -> AsyncIterator[ClientPushSessions]:
    """Open the sessions that the settings name, and others when they are asked for.

    :param bearers: is told when there are sessions and when not.
    :raises BearerUnavailable: a gateway's name cannot be resolved.
    """

    async def open_port(
        machine: DatagramMachine[WspClientRequest, WspClientIndication],
        on_indication: Callable[[WspClientIndication], None],
    ) -> MachineHost[WspClientRequest]:
        host: UdpMachine[WspClientRequest] = UdpMachine(machine, on_indication, clock)
        await host.open(settings.ota_wsp.session_from, 0)
        return host

    sessions = ClientPushSessions(
        agent,
        bearers,
        open_port,
        settings.terminal.bearer_indication,
        lambda: secrets.randbelow(0x8000),
        clock,
    )
    bearer = UdpBearer(clock)
    try:
        for endpoint in settings.ota_wsp.session_with:
            sessions.keep(await bearer.resolve(endpoint.host, endpoint.port, RESOLVE_MS))
        yield sessions
    finally:
        await sessions.close()
