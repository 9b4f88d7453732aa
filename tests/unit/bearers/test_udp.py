"""UDP over real sockets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from omapush.bearers.udp import MAX_DATAGRAM, UdpBearer, UdpEndpoint
from omapush.core.instants import Instant
from omapush.core.trace import TraceRecord
from omapush.ota.datagrams import Peer
from omapush.ota.interface import BearerUnavailable

LOOPBACK = "127.0.0.1"


class Inbox:
    """Keeps what came."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[tuple[bytes, Peer]] = asyncio.Queue()

    def take(self, octets: bytes, peer: Peer) -> None:
        self.came.put_nowait((octets, peer))

    async def next(self) -> tuple[bytes, Peer]:
        async with asyncio.timeout(10):
            return await self.came.get()


@pytest.fixture
def traces() -> list[TraceRecord]:
    return []


@pytest.fixture
async def bearer(traces: list[TraceRecord]) -> AsyncIterator[UdpBearer]:
    yield UdpBearer(lambda: Instant(1), traces.append)
    await asyncio.sleep(0)  # ports that the test closed are closed by the next turn of the loop


async def test_datagram_arrives_with_its_source_and_is_answered(bearer: UdpBearer) -> None:
    here, there = Inbox(), Inbox()
    one = await bearer.open(LOOPBACK, 0, here.take)
    other = await bearer.open(LOOPBACK, 0, there.take)
    one.send(b"\x01\x06", Peer(LOOPBACK, other.port))
    octets, peer = await there.next()
    assert (octets, peer) == (b"\x01\x06", Peer(LOOPBACK, one.port))
    other.send(b"\x00", peer)
    assert await here.next() == (b"\x00", Peer(LOOPBACK, other.port))
    one.close()
    other.close()


async def test_longest_datagram_passes_and_a_longer_one_is_refused(bearer: UdpBearer) -> None:
    inbox = Inbox()
    endpoint = await bearer.open(LOOPBACK, 0, inbox.take)
    itself = Peer(LOOPBACK, endpoint.port)
    endpoint.send(bytes(MAX_DATAGRAM), itself)
    assert len((await inbox.next())[0]) == MAX_DATAGRAM
    with pytest.raises(BearerUnavailable, match="65508 octets do not fit"):
        endpoint.send(bytes(MAX_DATAGRAM + 1), itself)
    endpoint.close()


async def test_port_that_is_taken_is_refused_by_name(bearer: UdpBearer) -> None:
    endpoint = await bearer.open(LOOPBACK, 0, Inbox().take)
    with pytest.raises(BearerUnavailable, match=f"UDP port {LOOPBACK}:{endpoint.port}"):
        await bearer.open(LOOPBACK, endpoint.port, Inbox().take)
    endpoint.close()


async def test_port_refuses_more_while_the_system_takes_nothing(bearer: UdpBearer) -> None:
    inbox = Inbox()
    endpoint = await bearer.open(LOOPBACK, 0, inbox.take)
    itself = Peer(LOOPBACK, endpoint.port)
    endpoint.pause_writing()
    with pytest.raises(BearerUnavailable, match="takes no more"):
        endpoint.send(b"x", itself)
    endpoint.resume_writing()
    endpoint.send(b"y", itself)
    assert (await inbox.next())[0] == b"y"
    endpoint.close()


async def test_closed_port_sends_nothing(bearer: UdpBearer) -> None:
    endpoint: UdpEndpoint = await bearer.open(LOOPBACK, 0, Inbox().take)
    endpoint.close()
    endpoint.close()
    with pytest.raises(BearerUnavailable, match="closed"):
        endpoint.send(b"x", Peer(LOOPBACK, 9))


async def test_report_of_the_system_is_traced_and_the_port_lives_on(
    bearer: UdpBearer, traces: list[TraceRecord]
) -> None:
    inbox = Inbox()
    endpoint = await bearer.open(LOOPBACK, 0, inbox.take)
    endpoint.error_received(ConnectionRefusedError(111, "whatever"))
    assert [(each.event, each.detail["reason"]) for each in traces] == [
        ("not_sent", "Connection refused")
    ]
    endpoint.send(b"x", Peer(LOOPBACK, endpoint.port))
    assert (await inbox.next())[0] == b"x"
    endpoint.close()


async def test_datagram_that_the_system_refuses_is_not_sent(
    bearer: UdpBearer, traces: list[TraceRecord]
) -> None:
    # The system says so at once: without that the gateway would report such a push as sent.
    endpoint = await bearer.open(LOOPBACK, 0, Inbox().take)
    with pytest.raises(BearerUnavailable, match=r"cannot send to \[2001:db8::1\]:2948"):
        endpoint.send(b"x", Peer("2001:db8::1", 2948))
    with pytest.raises(BearerUnavailable, match="cannot send to not an address:2948"):
        endpoint.send(b"x", Peer("not an address", 2948))
    assert traces == []
    endpoint.close()


async def test_datagram_of_a_link_local_address_comes_without_its_zone(bearer: UdpBearer) -> None:
    inbox = Inbox()
    endpoint = await bearer.open(LOOPBACK, 0, inbox.take)
    endpoint.datagram_received(b"x", ("fe80::1%eth0", 9201))
    assert await inbox.next() == (b"x", Peer("fe80::1", 9201))
    endpoint.close()


async def test_address_needs_no_look_up_and_a_name_gets_one(bearer: UdpBearer) -> None:
    assert await bearer.resolve("2001:db8::1", 2948, 1) == Peer("2001:db8::1", 2948)
    assert (await bearer.resolve("localhost", 2948, 5_000)).host in ("127.0.0.1", "::1")
    with pytest.raises(BearerUnavailable, match="cannot be resolved"):
        await bearer.resolve("a..b", 2948, 5_000)
