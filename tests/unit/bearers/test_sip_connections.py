"""Connections of SIP that cannot be opened soon."""

from __future__ import annotations

import asyncio

import pytest

from omapush.bearers import sip_connections
from omapush.bearers.driving import no_trace
from omapush.bearers.sip_connections import CROWDED, SipConnections
from omapush.bearers.sip_settings import TransportSettings
from omapush.bearers.tcp import TcpBearer
from omapush.ota.interface import BearerUnavailable
from omapush.protocols.sip.hop import Hop, Transport
from omapush.testing.virtual_clock import VirtualClock

CORE = Hop(Transport.TCP, "192.0.2.1", 5060)


async def test_what_waits_for_a_connection_fails_at_once_when_it_is_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(TcpBearer, "dial", never)
    monkeypatch.setattr(sip_connections, "MAX_UNWRITTEN", 2_500)
    failed: list[tuple[str, bool]] = []

    def on_unreachable(hop: Hop, reason: str, *, after_sending: bool) -> None:
        failed.append((reason, after_sending))

    connections = SipConnections(
        TransportSettings(CORE),
        lambda octets, hop: None,
        on_unreachable,
        lambda hop: False,
        VirtualClock(),
        no_trace,
    )
    connections.send(b"x" * 1_300, CORE)
    waiting = asyncio.create_task(connections.connected(CORE))
    await asyncio.sleep(0)
    connections.send(b"x" * 1_300, CORE)
    assert failed == [(CROWDED, False)]
    assert len(connections) == 0
    connections.send(b"x" * 1_300, CORE)  # it is dialled anew
    assert len(connections) == 1
    with pytest.raises(BearerUnavailable, match=CROWDED):
        await waiting
    assert failed == [(CROWDED, False)]
    await connections.close("the gateway stops")
    assert failed == [(CROWDED, False), ("the gateway stops", False)]
