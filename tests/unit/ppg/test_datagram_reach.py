"""One push to one UDP port: its datagram, where it goes, and names that mean nothing just now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import MINUTE_MS, Instant
from omapush.ota.datagrams import DatagramEndpoint, OnDatagram, Peer
from omapush.ota.interface import BearerUnavailable, OutcomeKind, PushFlag
from omapush.ota.wsp.unit_push import decode_unit_push
from omapush.pap.codes import StatusCode
from omapush.ppg import datagram_reach
from omapush.ppg.contacts import UdpContact
from omapush.ppg.datagram_reach import DatagramPassage, DatagramReach, Datagrams, DatagramSettings
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.store.contract import ClaimedDelivery, DeliveryKey
from omapush.ppg.transform import Unfit
from omapush.testing.virtual_clock import START, VirtualClock

MMS = PushMessage(
    (("Content-Type", "application/vnd.wap.mms-message"), ("X-Wap-Application-Id", "4")),
    b"\x8c\x82",
)
CLAIMED = ClaimedDelivery(
    key=DeliveryKey("0" * 32, 3),
    push_id="a@pi",
    initiator_id="weather",
    client_id="anna",
    address="anna",
    owner="ppg-1/a",
    attempt=1,
    sent_attempts=0,
    in_doubt=False,
    lease_until=Instant(START + 300_000),
    received_at=START,
    expires_at=Instant(START + 3_600_000),
    confirmed=False,
    flags=2,
    message=MMS,
)


class Network:
    """A port that notes, and names that can be unknown."""

    port = 9200

    def __init__(self) -> None:
        self.names = {"anna.example.net": "192.0.2.7"}
        self.looked_up: list[str] = []
        self.sent: list[tuple[bytes, Peer]] = []
        self.refusal: BearerUnavailable | None = None

    async def open(self, host: str, port: int, on_datagram: OnDatagram) -> DatagramEndpoint:
        raise AssertionError

    async def resolve(self, host: str, port: int, timeout_ms: int) -> Peer:
        if host[0].isdigit():
            return Peer(host, port)
        self.looked_up.append(host)
        if host not in self.names:
            raise BearerUnavailable(f"{host} cannot be resolved")
        return Peer(self.names[host], port)

    def send(self, octets: bytes, peer: Peer) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.sent.append((octets, peer))

    def close(self) -> None:
        raise AssertionError


class World:
    def __init__(self) -> None:
        self.network = Network()
        self.clock = VirtualClock()
        self.datagrams = Datagrams(
            self.network, self.network, DatagramSettings(max_datagram=200, name_age_ms=MINUTE_MS)
        )

    def reach(self, host: str = "192.0.2.7") -> DatagramReach:
        retry = RetryPolicy(first_ms=1_000)
        return DatagramReach("anna", UdpContact(host), self.datagrams, retry, self.clock)

    async def passage(self, reach: DatagramReach) -> DatagramPassage:
        made = await reach.passage(CLAIMED, MMS)
        assert isinstance(made, DatagramPassage)
        return made


@pytest.fixture
def world() -> World:
    return World()


async def test_push_is_one_datagram_to_the_push_port_and_is_then_done(world: World) -> None:
    outcome = await (await world.passage(world.reach())).push()
    [(octets, peer)] = world.network.sent
    assert peer == Peer("192.0.2.7", 2948)
    push = decode_unit_push(octets)
    assert (push.message, push.flags) == (MMS, PushFlag.CONTENT_TRUSTED)
    assert (outcome.kind, outcome.delivery_id) == (OutcomeKind.DONE, str(CLAIMED.key))
    assert outcome.reason == f"sent, {len(octets)} octets; nobody confirms it"


async def test_attempts_of_a_delivery_have_one_transaction_id(world: World) -> None:
    reach = world.reach()
    first = await world.passage(reach)
    again = await reach.passage(replace(CLAIMED, attempt=2, in_doubt=True), MMS)
    other = await reach.passage(replace(CLAIMED, key=DeliveryKey("0" * 32, 4)), MMS)
    assert isinstance(again, DatagramPassage)
    assert isinstance(other, DatagramPassage)
    assert first.datagram == again.datagram
    assert first.datagram[0] != other.datagram[0]
    assert first.datagram[1:] == other.datagram[1:]


async def test_datagram_that_the_network_does_not_take_is_tried_later(world: World) -> None:
    world.network.refusal = BearerUnavailable("no route")
    outcome = await (await world.passage(world.reach())).push()
    assert (outcome.kind, outcome.reason) == (OutcomeKind.LATER, "no route")


async def test_push_that_is_too_long_for_a_datagram_is_unfit(world: World) -> None:
    verdict = await world.reach().passage(CLAIMED, replace(MMS, body=bytes(200)))
    assert isinstance(verdict, Unfit)
    assert "a push by UDP has at most 200" in verdict.reason


async def test_message_that_wsp_cannot_say_is_unfit(world: World) -> None:
    verdict = await world.reach().passage(CLAIMED, PushMessage((), b"x"))
    assert isinstance(verdict, Unfit)
    assert verdict.code is StatusCode.TRANSFORMATION_FAILURE


async def test_name_is_looked_up_once_for_a_while_by_all_reaches(world: World) -> None:
    for _ in range(3):
        passage = await world.passage(world.reach("anna.example.net"))
        assert passage.peer == Peer("192.0.2.7", 2948)
    assert len(world.network.looked_up) == 1
    world.network.names["anna.example.net"] = "192.0.2.8"
    world.clock.advance(MINUTE_MS)
    passage = await world.passage(world.reach("anna.example.net"))
    assert passage.peer == Peer("192.0.2.8", 2948)
    assert len(world.network.looked_up) == 2


async def test_names_that_are_remembered_are_bounded_and_addresses_are_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datagram_reach, "NAMES", 3)
    for number in range(10):
        name = f"client-{number}.example.net"
        world.network.names[name] = "192.0.2.9"
        await world.passage(world.reach(name))
        await world.passage(world.reach(f"192.0.2.{number}"))
    assert [where.host for where in world.datagrams._known] == [
        f"client-{number}.example.net" for number in (7, 8, 9)
    ]


async def test_name_that_cannot_be_resolved_is_not_asked_for_before_the_wait_is_over(
    world: World,
) -> None:
    reach = world.reach("nobody.example.net")
    assert (reach.not_before, reach.worth_keeping) == (0, False)
    for _ in range(2):
        with pytest.raises(BearerUnavailable, match="cannot be resolved"):
            await reach.passage(CLAIMED, MMS)
    assert len(world.network.looked_up) == 1
    assert reach.worth_keeping
    world.clock.advance(reach.not_before - world.clock())
    world.network.names["nobody.example.net"] = "192.0.2.9"
    await world.passage(reach)
    assert (reach.not_before, reach.worth_keeping) == (0, False)
    reach.retire("no more pushes for now")
