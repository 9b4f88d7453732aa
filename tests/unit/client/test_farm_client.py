"""Simulated clients towards a gateway's session: what they do with pushes, and what is counted."""

from __future__ import annotations

from typing import Any

import pytest

from omapush.client.farm.clients import MAX_CLIENTS, Farm, FarmClient, FarmError, Fates, Group
from omapush.client.farm.script import parse_script, seeded_chance
from omapush.content.message import PushMessage
from omapush.core.instants import later
from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings
from omapush.ota.interface import (
    ClientCapabilities,
    ClientRequest,
    OutcomeKind,
    PoConfirmedPushReq,
    PpgIndication,
    PushFlag,
    PushOutcome,
    RegistrationInd,
)
from omapush.ota.wsp.unit_push import encode_unit_push
from omapush.testing.pair import StreamPair
from omapush.testing.virtual_clock import VirtualClock

MESSAGE = PushMessage((("Content-Type", "text/plain"),), b"hi")
GATEWAY = "192.0.2.10"
TWO = ClientCapabilities(accept=("*/*",), max_push_requests=2)


class Lab:
    """A farm without sockets; waits are those of a clock that is a number."""

    def __init__(self, script: str, count: int = 1, seed: int = 1) -> None:
        self.clock = VirtualClock()
        self.vanished: list[tuple[str, int]] = []
        self.ended = 0
        self.farm = Farm(seeded_chance(seed), self._wait, self._vanished, self._ended)
        group = Group(count, "phone-##", parse_script(script), TWO)
        self.clients = self.farm.clients([group])

    def connection(self, number: int = 0) -> Connection:
        return Connection(self.clients[number], self.clock)

    @property
    def fates(self) -> dict[str, Fates]:
        return self.farm.figures.by_behaviour

    def _wait(self, milliseconds: int, call: Any) -> Any:
        return self.clock.call_at(later(self.clock(), milliseconds), call)

    def _vanished(self, client: FarmClient, milliseconds: int) -> None:
        self.vanished.append((client.client_id, milliseconds))

    def _ended(self) -> None:
        self.ended += 1


class Connection:
    """A gateway's session and a client's, joined; the client's indications go to the client."""

    peer = f"{GATEWAY}:1"

    def __init__(self, client: FarmClient, clock: VirtualClock) -> None:
        self._client = client
        self._count = 0
        settings = HttpPpgSettings(response_timeout_ms=30_000)
        self._pair = StreamPair(clock, HttpPpgSession(settings), client.session(GATEWAY))
        self.told: list[PpgIndication] = []
        self.closed = ""
        client.opened()
        self._pair.open()
        self.settle()

    def push(self, count: int = 1) -> None:
        for _ in range(count):
            self._count += 1
            self._pair.left.request(PoConfirmedPushReq(f"d{self._count}", MESSAGE))
        self.settle()

    def settle(self) -> None:
        """Let everything happen that needs no time."""
        while True:
            self._pair.settle()
            indications = self._pair.right.take()
            for indication in indications:
                self._client.indication(self, indication)
            if not indications:
                break
        self.told += self._pair.left.take()

    @property
    def outcomes(self) -> list[tuple[OutcomeKind, int | None]]:
        return [(one.kind, one.status) for one in self.told if isinstance(one, PushOutcome)]

    def request(self, primitive: ClientRequest) -> None:
        self._pair.right.request(primitive)

    def close(self, reason: str) -> None:
        self.closed = reason
        self._pair.cut(reason)


def test_client_announces_its_id_and_what_its_group_takes() -> None:
    lab = Lab("accept", count=3)
    (told,) = lab.connection(2).told
    assert isinstance(told, RegistrationInd)
    assert told.terminal_id == "phone-03"
    assert told.capabilities == TWO


def test_client_accepts_push_at_once() -> None:
    lab = Lab("accept")
    gateway = lab.connection()
    gateway.push()
    assert gateway.outcomes == [(OutcomeKind.DONE, 400)]
    assert lab.fates == {"accept": Fates(received=1, accepted=1)}
    assert lab.ended == 1


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("refuse", (OutcomeKind.NEVER, 235)),
        ("refuse(busy)", (OutcomeKind.LATER, 237)),
        ("refuse(no_application)", (OutcomeKind.NEVER, 236)),
    ],
)
def test_client_refuses_push_with_the_status_of_its_script(
    script: str, outcome: tuple[OutcomeKind, int]
) -> None:
    lab = Lab(script)
    gateway = lab.connection()
    gateway.push()
    assert gateway.outcomes == [outcome]
    assert lab.fates == {script: Fates(received=1, refused=1)}


def test_client_answers_after_the_time_of_its_script() -> None:
    lab = Lab("delay(2s)")
    gateway = lab.connection()
    gateway.push()
    lab.clock.advance(1_999)
    gateway.settle()
    assert gateway.outcomes == []
    assert lab.farm.figures.pushes.waiting == 1
    lab.clock.advance(1)
    gateway.settle()
    assert gateway.outcomes == [(OutcomeKind.DONE, 400)]
    assert lab.fates == {"delay(2s)": Fates(received=1, accepted=1)}


def test_push_is_void_when_the_gateway_does_not_wait_so_long() -> None:
    lab = Lab("delay(40s)")
    gateway = lab.connection()
    gateway.push()
    lab.clock.advance(30_000)
    gateway.settle()
    assert gateway.outcomes == [(OutcomeKind.IN_DOUBT, None)]
    assert lab.fates == {"delay(40s)": Fates(received=1, void=1)}
    lab.clock.advance(20_000)
    assert lab.fates == {"delay(40s)": Fates(received=1, void=1)}
    assert lab.ended == 1


def test_client_that_vanishes_closes_without_an_answer() -> None:
    lab = Lab("vanish")
    gateway = lab.connection()
    gateway.push(2)
    assert gateway.closed == "vanished"
    assert {kind for kind, _ in gateway.outcomes} == {OutcomeKind.IN_DOUBT}
    assert lab.fates["vanish"].void == lab.fates["vanish"].received > 0
    assert lab.vanished == []


def test_client_that_vanishes_for_a_time_tells_how_long() -> None:
    lab = Lab("vanish(10s)")
    gateway = lab.connection()
    gateway.push()
    assert lab.vanished == [("phone-01", 10_000)]


def test_pushes_of_two_connections_are_kept_apart() -> None:
    """References are unique in a session only."""
    lab = Lab("delay(1s)")
    first, second = lab.connection(), lab.connection()
    first.push()
    lab.clock.advance(500)
    second.push()
    lab.clock.advance(500)
    for gateway in (first, second):
        gateway.settle()
    assert (len(first.outcomes), len(second.outcomes)) == (1, 0)
    lab.clock.advance(500)
    second.settle()
    assert second.outcomes == [(OutcomeKind.DONE, 400)]


def test_run_with_the_same_seed_repeats_itself() -> None:
    def run(seed: int) -> list[list[tuple[OutcomeKind, int | None]]]:
        lab = Lab("accept:50% refuse:30% refuse(busy):20%", count=4, seed=seed)
        connections = [lab.connection(number) for number in range(4)]
        for _ in range(10):
            for connection in connections:
                connection.push()
        return [connection.outcomes for connection in connections]

    assert run(5) == run(5)
    assert run(5) != run(6)


def test_unconfirmed_push_by_datagram_is_counted() -> None:
    lab = Lab("refuse")
    (client,) = lab.clients
    client.datagram(encode_unit_push(MESSAGE, PushFlag.NONE, 1), GATEWAY)
    client.datagram(b"\x00\x07", GATEWAY)
    figures = lab.farm.figures
    assert (figures.unconfirmed, figures.malformed, lab.ended) == (1, 1, 1)
    assert figures.pushes == Fates()


@pytest.mark.parametrize(
    ("pattern", "count", "ids"),
    [
        ("phone-##", 2, ["phone-01", "phone-02"]),
        ("#@example.net", 2, ["1@example.net", "2@example.net"]),
        ("a#", 11, [f"a{number}" for number in range(1, 12)]),
        ("alone", 1, ["alone"]),
    ],
)
def test_pattern_numbers_the_ids(pattern: str, count: int, ids: list[str]) -> None:
    group = Group(count, pattern, parse_script("accept"), TWO)
    assert list(group.ids()) == ids


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ([(2, "phone")], "needs # for their number"),
        ([(1, "a b")], "printable characters"),
        ([(1, "x" * 129)], "printable characters"),
        ([(2, "a#"), (1, "a2")], "two clients have the id 'a2'"),
        ([(MAX_CLIENTS, "a#"), (1, "b")], "at most 100,000 clients"),
    ],
)
def test_groups_that_cannot_be_are_refused(groups: list[tuple[int, str]], reason: str) -> None:
    lab = Lab("accept")
    made = [Group(count, pattern, parse_script("accept"), TWO) for count, pattern in groups]
    with pytest.raises(FarmError, match=reason):
        lab.farm.clients(made)
