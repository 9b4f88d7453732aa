"""TCP asks whether the other end is still there, as often as it was told to."""

from __future__ import annotations

import asyncio
import socket

import pytest

from omapush.bearers.keep_alive import PROBE_SECONDS, PROBES, keep_alive


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
