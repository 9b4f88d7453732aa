"""Both ends of OTA-HTTP joined by a simulated link: registration, pushes, cuts, stale tags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.content.message import PushMessage
from omapush.ota.http import cpi
from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    OutcomeKind,
    PoConfirmedPushInd,
    PoConfirmedPushReq,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PoPushReq,
    PoPushVoidInd,
    PpgIndication,
    PpgRequest,
    PushOutcome,
    PushSource,
    PushStatus,
    RegistrationInd,
    SessionFailedInd,
)
from omapush.testing.pair import Link, StreamPair
from omapush.testing.virtual_clock import VirtualClock

CAPABILITIES = ClientCapabilities(accept=("*/*",), max_message_size=10_000)
MESSAGE = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", "2")), b"hello")
Answer = Callable[[PoConfirmedPushInd], ClientRequest | None]


def accept(indication: PoConfirmedPushInd) -> ClientRequest:
    return PoConfirmedPushRes(indication.reference)


class Pair:
    """A gateway on the left, a terminal on the right, and an application that answers."""

    def __init__(
        self,
        link: Link | None = None,
        answer: Answer = accept,
        known_cpi: dict[str, tuple[tuple[str, str], ...]] | None = None,
        **capabilities: int,
    ) -> None:
        self.clock = VirtualClock()
        self.capabilities = replace(CAPABILITIES, **capabilities)  # type: ignore[arg-type]
        tag = next(iter(known_cpi), None) if known_cpi else None
        ppg = HttpPpgSession(HttpPpgSettings(), assumed_cpi_tag=tag, known_cpi=known_cpi)
        terminal = HttpTerminalSession(
            HttpTerminalSettings("4165012322222"),
            lambda: self.capabilities,
            PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1"),
        )
        self.streams: StreamPair[PpgRequest, PpgIndication, ClientRequest, ClientIndication] = (
            StreamPair(self.clock, ppg, terminal, link)
        )
        self.answer = answer
        self.streams.right.on_indication = self._at_terminal
        self.arrived: list[PoConfirmedPushInd] = []
        self.void: list[str] = []
        self.streams.open()

    def _at_terminal(self, indication: ClientIndication) -> None:
        if isinstance(indication, PoPushVoidInd):
            self.void.append(indication.reference)
            return
        self.arrived.append(indication)
        answer = self.answer(indication)
        if answer is not None:
            self.streams.right.request(answer)

    def push(self, *delivery_ids: str) -> dict[str, PushOutcome]:
        for delivery_id in delivery_ids:
            self.streams.left.request(PoConfirmedPushReq(delivery_id, MESSAGE))
        self.streams.settle()
        return self.outcomes()

    def outcomes(self) -> dict[str, PushOutcome]:
        told = [one for one in self.streams.left.take() if isinstance(one, PushOutcome)]
        outcomes = {one.delivery_id: one for one in told}
        assert len(outcomes) == len(told)  # one outcome for each
        return outcomes


def kinds(outcomes: dict[str, PushOutcome]) -> dict[str, OutcomeKind]:
    return {delivery_id: outcome.kind for delivery_id, outcome in outcomes.items()}


def test_gateway_registers_terminal_and_delivers_push() -> None:
    pair = Pair(Link(latency_ms=40))
    (registration,) = pair.streams.left.take()
    assert isinstance(registration, RegistrationInd)
    assert registration.terminal_id == "4165012322222"
    assert registration.capabilities == CAPABILITIES
    assert registration.cpi_tag == cpi.tag(cpi.to_headers(CAPABILITIES))
    assert kinds(pair.push("a")) == {"a": OutcomeKind.DONE}
    (arrived,) = pair.arrived
    assert arrived.push_id == "a"
    assert arrived.message.body == b"hello"
    assert arrived.message.get("X-Wap-Application-Id") == "2"


def test_gateway_that_remembers_terminal_is_spared_its_cpi() -> None:
    headers = cpi.to_headers(CAPABILITIES)
    pair = Pair(known_cpi={cpi.tag(headers): headers})
    (registration,) = pair.streams.left.take()
    assert isinstance(registration, RegistrationInd)
    assert registration.capabilities == CAPABILITIES
    assert b"X-Wap-Push-Status: 500" in pair.streams.right.sent
    assert b"X-Wap-Push-Accept" not in pair.streams.right.sent


def test_gateway_with_old_tag_gets_new_cpi() -> None:
    pair = Pair(known_cpi={"b2xkIQ==": ()})
    (registration,) = pair.streams.left.take()
    assert isinstance(registration, RegistrationInd)
    assert registration.capabilities == CAPABILITIES


@pytest.mark.parametrize(
    "status", [s for s in PushStatus if s is not PushStatus.CPITAG], ids=lambda s: s.name
)
def test_refusal_of_application_reaches_gateway(status: PushStatus) -> None:
    pair = Pair(answer=lambda ind: PoPushAbortReq(ind.reference, status, "no, thanks"))
    outcome = pair.push("a")["a"]
    assert outcome.status == status
    assert outcome.kind is (OutcomeKind.LATER if status.may_retry else OutcomeKind.NEVER)
    assert "no, thanks" in outcome.reason


def test_unconfirmed_push_is_done_although_refused() -> None:
    pair = Pair(answer=lambda ind: PoPushAbortReq(ind.reference, PushStatus.USERRFS))
    pair.streams.left.request(PoPushReq("u", MESSAGE))
    pair.streams.settle()
    assert kinds(pair.outcomes()) == {"u": OutcomeKind.DONE}


def test_change_at_terminal_costs_one_registration_and_no_push() -> None:
    pair = Pair()
    assert kinds(pair.push("a")) == {"a": OutcomeKind.DONE}
    pair.capabilities = replace(CAPABILITIES, accept_app_id=("x-org:new",))
    assert kinds(pair.push("b")) == {"b": OutcomeKind.DONE}
    assert [one.push_id for one in pair.arrived] == ["a", "b"]
    assert pair.streams.left.sent.count(b"OPTIONS ") == 2
    pair.capabilities = CAPABILITIES  # back again: known under its tag
    assert kinds(pair.push("c")) == {"c": OutcomeKind.DONE}
    assert pair.streams.left.sent.count(b"OPTIONS ") == 2


def test_terminal_that_changes_all_the_time_is_given_up() -> None:
    pair = Pair()
    size = iter(range(2_000, 3_000))

    class Changing(HttpTerminalSession):
        __slots__ = ()

        def receive(self, octets: bytes, now: object) -> None:
            pair.capabilities = replace(CAPABILITIES, max_message_size=next(size))
            super().receive(octets, now)  # type: ignore[arg-type]

    pair.streams.right.session.__class__ = Changing
    outcome = pair.push("a")["a"]
    assert (outcome.kind, outcome.status) == (OutcomeKind.NEVER, PushStatus.CPITAG)
    assert pair.arrived == []


def test_terminal_of_another_version_ends_the_session() -> None:
    clock = VirtualClock()
    terminal = HttpTerminalSession(
        HttpTerminalSettings("44"), lambda: CAPABILITIES, PushSource("OTA-HTTP", "00", "::1")
    )
    terminal.connected(clock())
    terminal.receive(
        b"OPTIONS /wappush HTTP/1.1\r\nHost:\r\nX-Wap-Push-OTA-Version: 2.0\r\n\r\n", clock()
    )
    ppg = HttpPpgSession(HttpPpgSettings())
    ppg.connected(clock())
    ppg.request(PoConfirmedPushReq("a", MESSAGE), clock())
    for effect in terminal.effects():
        ppg.receive(effect.octets, clock())  # type: ignore[union-attr] # it sends only
    failed, outcome = ppg.indications()
    assert failed == SessionFailedInd(
        "registration refused: X-Wap-Push-Status 600 Version Not Supported",
        may_retry=False,
        status=600,
    )
    assert isinstance(outcome, PushOutcome)
    assert outcome.kind is OutcomeKind.LATER


def test_application_that_never_answers_leaves_push_in_doubt() -> None:
    pair = Pair(answer=lambda _ind: None)
    assert pair.push("a", "b") == {}
    pair.clock.advance(30_000)
    assert kinds(pair.outcomes()) == {"a": OutcomeKind.IN_DOUBT, "b": OutcomeKind.LATER}
    assert pair.void == ["1"]


def test_silent_connection_is_closed_by_terminal() -> None:
    pair = Pair()
    pair.clock.advance(599_999)
    assert pair.streams.left.closed is None
    pair.clock.advance(1)
    assert pair.streams.left.closed == "the peer closed the connection"


def test_pipelined_pushes_are_answered_in_order_of_the_pushes() -> None:
    waiting: list[PoConfirmedPushInd] = []

    def answer(indication: PoConfirmedPushInd) -> None:
        waiting.append(indication)

    pair = Pair(answer=answer, max_push_requests=4)
    pair.push("a", "b", "c", "d", "e", "f")
    assert [one.push_id for one in waiting] == ["a", "b", "c", "d"]
    refused = PoPushAbortReq(waiting[2].reference, PushStatus.USERPND)
    for one in (refused, *(accept(waiting[number]) for number in (3, 1, 0))):
        pair.streams.right.request(one)
    pair.streams.settle()
    assert list(kinds(pair.outcomes()).items()) == [
        ("a", OutcomeKind.DONE),
        ("b", OutcomeKind.DONE),
        ("c", OutcomeKind.NEVER),
        ("d", OutcomeKind.DONE),
    ]
    assert [one.push_id for one in waiting] == ["a", "b", "c", "d", "e", "f"]


def test_pushes_behind_a_cut_after_the_second_of_four_answers_are_in_doubt() -> None:
    pair = Pair(
        answer=lambda ind: accept(ind) if ind.push_id in "ab" else None, max_push_requests=4
    )
    pair.streams.left.take()
    assert kinds(pair.push("a", "b", "c", "d", "e", "f", "g")) == {
        "a": OutcomeKind.DONE,
        "b": OutcomeKind.DONE,
    }
    pair.streams.cut()
    assert kinds(pair.outcomes()) == {
        "c": OutcomeKind.IN_DOUBT,
        "d": OutcomeKind.IN_DOUBT,
        "e": OutcomeKind.IN_DOUBT,
        "f": OutcomeKind.IN_DOUBT,
        "g": OutcomeKind.LATER,
    }
    assert len(pair.void) == 4


# -- wherever the link is cut --


def uncut() -> tuple[int, int]:
    """Return how many octets an undisturbed run of two pushes carries each way."""
    pair = Pair()
    pair.push("a", "b")
    return pair.streams.left.received, pair.streams.right.received


def check(pair: Pair) -> None:
    """Two pushes through a link that is cut somewhere: nothing is told that is not so."""
    outcomes = pair.push("a", "b")
    pair.streams.cut()
    outcomes |= pair.outcomes()
    assert set(outcomes) == {"a", "b"}
    arrived = {one.push_id for one in pair.arrived}
    for delivery_id, outcome in outcomes.items():
        if outcome.kind is OutcomeKind.DONE:
            assert delivery_id in arrived
        else:
            assert outcome.kind in (OutcomeKind.IN_DOUBT, OutcomeKind.LATER)
        if outcome.kind is OutcomeKind.LATER:
            assert delivery_id not in arrived


def test_gateway_tells_no_untruth_wherever_answers_are_cut() -> None:
    for cut in range(uncut()[0] + 1):
        check(Pair(Link(cut_to_left=cut)))


def test_gateway_tells_no_untruth_wherever_requests_are_cut() -> None:
    for cut in range(uncut()[1] + 1):
        check(Pair(Link(cut_to_right=cut)))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_segments_change_nothing(data: st.DataObject) -> None:
    def segment(available: int) -> int:
        return data.draw(st.integers(1, min(available, 60)))

    statuses = data.draw(st.lists(st.sampled_from([None, *PushStatus]), min_size=1, max_size=6))
    allowed = data.draw(st.integers(1, 4))
    ids = [str(number) for number in range(len(statuses))]

    def answer(indication: PoConfirmedPushInd) -> ClientRequest:
        status = statuses[int(indication.push_id or "0")]
        if status is None:
            return accept(indication)
        return PoPushAbortReq(indication.reference, status)

    whole = Pair(Link(), answer, max_push_requests=allowed)
    cut_up = Pair(Link(latency_ms=7, segment=segment), answer, max_push_requests=allowed)
    one, other = whole.push(*ids), cut_up.push(*ids)
    assert one == other
    assert set(one) == set(ids)
    assert whole.streams.left.sent == cut_up.streams.left.sent
    assert whole.streams.right.sent == cut_up.streams.right.sent
