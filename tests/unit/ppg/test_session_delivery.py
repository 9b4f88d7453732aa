"""Pushes in sessions through the delivery loop: waiting for the client, and what comes then."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import MINUTE_MS, SECOND_MS
from omapush.ota.datagrams import DatagramEndpoint, OnDatagram, Peer
from omapush.ota.interface import (
    ClientCapabilities,
    OutcomeKind,
    PoConfirmedPushReq,
    PushOutcome,
    RegistrationInd,
)
from omapush.ota.wsp.ppg import PomConnectInd, PomDisconnectInd, PushIn, WspPpgRequest
from omapush.ota.wsp.unit_push import decode_unit_push
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, SessionContact, UdpContact
from omapush.ppg.datagram_reach import Datagrams, DatagramSettings
from omapush.ppg.push_sessions import PushSessions
from omapush.ppg.recipients import Recipients
from omapush.ppg.session_reach import SessionSettings
from omapush.ppg.store.contract import DeliveryState
from omapush.ppg.ways import Sessions
from omapush.testing.delivery_bench import DeliveryBench

HOST = "192.0.2.7"
PEER = Peer(HOST, 40_000)
TEXT = PushMessage((("Content-Type", "text/plain"),), b"hello")
REQUEST = PushMessage((("Content-Type", "application/vnd.wap.sia"),), b"\x01")
TAKES = ClientCapabilities(("*/*",), max_message_size=1_000, max_push_requests=4)
IN_SESSION, BY_UDP = Contact(SessionContact(HOST), "ANY", "IP"), Contact(UdpContact(HOST))


class Air:
    """Both the port for sessions and that for datagrams, with a client that confirms."""

    port = 9201

    def __init__(self) -> None:
        self.tell: Callable[[PushOutcome], None] = lambda _: None
        self.pushes: list[PushIn] = []
        self.datagrams: list[bytes] = []
        self.is_silent = False

    def request(self, primitive: WspPpgRequest) -> None:
        if isinstance(primitive, PushIn):
            self.pushes.append(primitive)
            if not self.is_silent:
                delivery_id = primitive.request.delivery_id
                self.tell(PushOutcome(delivery_id, OutcomeKind.DONE, "confirmed by the client"))

    async def open(self, host: str, port: int, on_datagram: OnDatagram) -> DatagramEndpoint:
        raise AssertionError

    async def resolve(self, host: str, port: int, timeout_ms: int) -> Peer:
        return Peer(host, port)

    def send(self, octets: bytes, peer: Peer) -> None:
        assert peer == Peer(HOST, 2948)
        self.datagrams.append(octets)

    def close(self) -> None:
        raise AssertionError


class World:
    """A gateway with a client that has a session now and then."""

    def __init__(self, *contacts: Contact) -> None:
        self.air = Air()
        self.bench = DeliveryBench(Recipients([Client("anna", (), contacts)]))
        self.sessions = PushSessions({HOST: "anna"}.get, lambda _: None, self.bench.clock)
        self.sessions.start(self.air)
        self.air.tell = self.sessions.indication

    async def start(self) -> None:
        await self.bench.start(
            datagrams=Datagrams(self.air, self.air, DatagramSettings()),
            sessions=Sessions(self.sessions, SessionSettings(lambda _: REQUEST, 30 * SECOND_MS)),
        )

    async def connect(self, session_id: int = 1) -> None:
        told = RegistrationInd(None, "0B", "dGFn", TAKES)
        self.sessions.indication(PomConnectInd(session_id, PEER, told))
        await self.bench.store.hasten(["anna"], self.bench.clock())
        await self.bench.rest()

    async def accept(
        self, push_id: str, method: str = "confirmed", life_ms: int = 3_600_000
    ) -> None:
        await self.bench.accept(
            push_id,
            "anna",
            message=TEXT,
            confirmed=method in ("confirmed", "preferconfirmed"),
            control={"qos": {"delivery_method": method}},
            life_ms=life_ms,
        )
        await self.bench.rest()

    async def state(self, push_id: str) -> DeliveryState:
        return (await self.bench.delivery(push_id)).state


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World(BY_UDP, IN_SESSION)
    await made.start()
    yield made
    await made.bench.close()


async def test_confirmed_push_asks_for_a_session_and_goes_in_it_when_it_is_there(
    world: World,
) -> None:
    await world.accept("a@pi")
    await world.accept("b@pi")
    [datagram] = world.air.datagrams  # one request for both
    assert decode_unit_push(datagram).message.media_type == "application/vnd.wap.sia"
    assert await world.state("a@pi") is DeliveryState.QUEUED
    assert "asked for a push session" in (await world.bench.delivery("a@pi")).reason
    await world.connect()
    for push_id in ("a@pi", "b@pi"):
        delivery = await world.bench.delivery(push_id)
        assert (delivery.state, delivery.confirmed) == (DeliveryState.DELIVERED, True)
        assert (delivery.network, delivery.bearer) == ("ANY", "IP")
    assert all(isinstance(each.request, PoConfirmedPushReq) for each in world.air.pushes)
    assert await world.bench.events("a@pi") == [
        "accepted", "attempt", "session_requested", "retry", "attempt", "session_used",
        "delivered",
    ]  # fmt: skip


async def test_push_whose_client_does_not_come_expires_and_asks_again_meanwhile(
    world: World,
) -> None:
    await world.accept("a@pi", life_ms=3 * MINUTE_MS)
    for _ in range(20):
        await world.bench.pass_time(10 * SECOND_MS)
    delivery = await world.bench.delivery("a@pi")
    assert (delivery.state, delivery.sent_attempts) == (DeliveryState.EXPIRED, 0)
    assert 2 <= len(world.air.datagrams) <= 6
    assert len({datagram[0] for datagram in world.air.datagrams}) > 1  # none is a repetition
    assert world.air.pushes == []


@pytest.mark.parametrize(
    ("method", "has_session", "in_session", "confirmed"),
    [
        ("unconfirmed", True, False, False),  # the settings name UDP first
        ("notspecified", False, False, False),
        ("preferconfirmed", True, True, True),
        ("preferconfirmed", False, False, False),
        ("confirmed", True, True, True),
    ],
)
async def test_method_and_session_choose_the_way(
    world: World, method: str, *, has_session: bool, in_session: bool, confirmed: bool
) -> None:
    if has_session:
        await world.connect()
    await world.accept("a@pi", method)
    delivery = await world.bench.delivery("a@pi")
    assert (delivery.state, delivery.confirmed) == (DeliveryState.DELIVERED, confirmed)
    assert len(world.air.pushes) == in_session


async def test_session_that_ends_under_a_push_leaves_it_in_doubt_and_it_is_sent_again(
    world: World,
) -> None:
    await world.connect()
    world.air.is_silent = True
    await world.accept("a@pi")
    [push] = world.air.pushes
    lost = PushOutcome(push.request.delivery_id, OutcomeKind.IN_DOUBT, "sent, and not confirmed")
    world.sessions.indication(lost)
    world.sessions.indication(PomDisconnectInd(1, "DISCONNECT"))
    await world.bench.rest()
    assert await world.state("a@pi") is DeliveryState.IN_DOUBT
    world.air.is_silent = False
    await world.connect(2)
    await world.bench.pass_time(5 * SECOND_MS)
    assert await world.state("a@pi") is DeliveryState.DELIVERED
    assert [each.session_id for each in world.air.pushes] == [1, 2]


async def test_pushes_under_way_are_as_many_as_the_session_takes(world: World) -> None:
    await world.connect()
    world.air.is_silent = True
    for number in range(10):
        await world.accept(f"{number}@pi")
    assert len(world.air.pushes) <= TAKES.max_push_requests + 1


async def test_client_in_a_session_leaves_no_lane(world: World) -> None:
    await world.connect()
    await world.accept("a@pi")
    await world.bench.until(lambda: world.bench.lanes == 0)
