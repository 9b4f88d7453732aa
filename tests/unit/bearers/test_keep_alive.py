"""TCP asks whether the other end is still there, as often as it was told to."""

from __future__ import annotations

import asyncio
import socket

import pytest

from omapush.bearers.keep_alive import PROBE_SECONDS, PROBES, keep_alive
from omapush.bearers.tcp import TcpBearer
from omapush.bearers.tcp_listener import ListenLimits
from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings
from omapush.testing.virtual_clock import VirtualClock


@pytest.mark.parametrize(("seconds", "probe"), [(90, PROBE_SECONDS), (10, 10)])
async def test_socket_is_told_how_often_to_ask(seconds: int, probe: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, *listening.getsockname())
        found = transport.get_extra_info("socket")
        keep_alive(transport, 0)
        assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
        keep_alive(transport, seconds)
        assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        told = [
            found.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        ]
        assert told == [seconds, probe, PROBES]
        transport.close()
        await asyncio.sleep(0)


async def test_transport_without_a_socket_is_left_alone() -> None:
    keep_alive(asyncio.BaseTransport(), 90)


async def test_listener_has_the_system_ask_whether_its_peers_are_still_there() -> None:
    limits = ListenLimits(keep_alive_seconds=90)
    settings = HttpPpgSettings()
    listener = await TcpBearer(VirtualClock()).listen(
        "127.0.0.1", 0, lambda _: HttpPpgSession(settings), lambda _link, _told: None, limits
    )
    with socket.create_connection(("127.0.0.1", listener.port)) as peer:
        loop = asyncio.get_running_loop()
        peer.setblocking(False)
        await loop.sock_recv(peer, 10)  # the gateway speaks first, so it has accepted
        [place] = listener._gate.places
        accepted = place.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 90
        await listener.close("the test is over")
