"""The server's transaction machines alone, timer by timer (RFC 3261 17.2, RFC 6026 7.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from omapush.core.instants import Instant
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import SipResponse
from omapush.protocols.sip.responses import plain_response
from omapush.protocols.sip.server_transactions import (
    InviteServer,
    NonInviteServer,
    ReturnPath,
    ServerTransaction,
)
from omapush.protocols.sip.timers import SipTimers
from omapush.protocols.sip.transaction import State
from omapush.testing.sip_endpoints import invite_request, push_request

UDP = ReturnPath(Hop(Transport.UDP, "192.0.2.1", 5060))
TCP = ReturnPath(Hop(Transport.TCP, "192.0.2.1", 40_000, connection=1))


@dataclass
class Notes:
    """What a machine asked for, with the time at which it did; 100 is sent when it is wanted."""

    now: Instant = Instant(0)
    sent: list[tuple[int, str]] = field(default_factory=list)
    told: list[tuple[int, str]] = field(default_factory=list)

    def reply(self, octets: bytes, path: ReturnPath) -> None:
        self.sent.append((self.now, octets.decode()))

    def unanswered(self, transaction: ServerTransaction, now: Instant) -> None:
        transaction.respond(plain_response(100), b"100", now)

    def expired(self, transaction: InviteServer, now: Instant) -> None:
        self.told.append((now, "expired"))
        transaction.respond(plain_response(487), b"487", now)

    def unacknowledged(self, transaction: InviteServer) -> None:
        self.told.append((self.now, "unacknowledged"))

    def run(self, machine: ServerTransaction, until: int) -> None:
        """Let time pass, waking the machine exactly when it wants."""
        while machine.due is not None and machine.due <= until:
            self.now = machine.due
            machine.wake(self.now)
        self.now = Instant(until)

    def respond(self, machine: ServerTransaction, status: int) -> SipResponse:
        response = plain_response(status)
        machine.respond(response, str(status).encode(), self.now)
        return response

    def times(self, what: str) -> list[int]:
        return [at for at, sent in self.sent if sent == what]


def message_server(path: ReturnPath = UDP) -> tuple[Notes, NonInviteServer]:
    notes = Notes()
    machine = NonInviteServer("key", push_request(), path, SipTimers(), notes)
    machine.start(Instant(0))
    return notes, machine


def invite_server(
    path: ReturnPath = UDP, timers: SipTimers | None = None
) -> tuple[Notes, InviteServer]:
    notes = Notes()
    machine = InviteServer("key", invite_request(), path, timers or SipTimers(), notes)
    machine.start(Instant(0))
    return notes, machine


# -- other requests than INVITE --


def test_server_repeats_its_answer_for_each_repetition_until_timer_j() -> None:
    notes, machine = message_server()
    machine.repeated()
    assert notes.sent == []
    notes.run(machine, 100)
    notes.respond(machine, 200)
    machine.repeated()
    machine.repeated()
    assert notes.times("200") == [100, 100, 100]
    notes.run(machine, 32_099)
    assert machine.state is State.COMPLETED
    notes.run(machine, 32_100)
    assert machine.is_over


def test_server_over_tcp_is_over_with_its_answer() -> None:
    notes, machine = message_server(TCP)
    notes.respond(machine, 200)
    assert machine.is_over
    assert machine.due is None


def test_server_answers_once() -> None:
    notes, machine = message_server()
    notes.respond(machine, 480)
    notes.respond(machine, 200)
    assert notes.sent == [(0, "480")]


def test_server_sends_100_to_message_when_the_user_is_slow() -> None:
    notes, machine = message_server()
    notes.run(machine, 9_000)
    machine.repeated()
    notes.respond(machine, 200)
    assert notes.sent == [(3_500, "100"), (9_000, "100"), (9_000, "200")]


def test_server_sends_no_other_provisional_response_to_message() -> None:
    notes, machine = message_server()
    notes.respond(machine, 180)
    machine.repeated()
    assert notes.sent == []
    notes.respond(machine, 200)
    assert notes.sent == [(0, "200")]


def test_server_forgets_message_that_is_never_answered_without_408() -> None:
    notes, machine = message_server()
    notes.run(machine, 32_000)
    assert machine.is_over
    assert notes.sent == [(3_500, "100")]


# -- INVITE --


def test_server_sends_100_to_invite_after_200_ms() -> None:
    notes, machine = invite_server()
    notes.run(machine, 1_000)
    machine.repeated()
    assert notes.times("100") == [200, 1_000]


def test_server_repeats_last_provisional_response() -> None:
    notes, machine = invite_server()
    notes.respond(machine, 180)
    notes.run(machine, 1_000)
    machine.repeated()
    assert notes.sent == [(0, "180"), (1_000, "180")]


def test_server_repeats_refusal_by_timer_g_until_timer_h() -> None:
    notes, machine = invite_server()
    notes.respond(machine, 486)
    notes.run(machine, 40_000)
    assert notes.times("486") == [
        0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ]  # fmt: skip
    assert machine.is_over
    assert notes.told == []


def test_server_rests_when_refusal_is_acknowledged_and_absorbs_acks_until_timer_i() -> None:
    notes, machine = invite_server()
    notes.respond(machine, 486)
    notes.run(machine, 600)
    assert not machine.acknowledged(notes.now)
    assert not machine.acknowledged(notes.now)
    machine.repeated()
    assert machine.state is State.CONFIRMED
    notes.run(machine, 5_599)
    assert not machine.is_over
    notes.run(machine, 5_600)
    assert machine.is_over
    assert notes.times("486") == [0, 500]


def test_server_over_tcp_repeats_no_refusal_and_is_over_with_the_ack() -> None:
    notes, machine = invite_server(TCP)
    notes.respond(machine, 486)
    notes.run(machine, 600)
    assert notes.times("486") == [0]
    machine.acknowledged(notes.now)
    assert machine.is_over


@pytest.mark.parametrize("path", [UDP, TCP])
def test_server_repeats_2xx_over_any_transport_and_tells_that_no_ack_came(path: ReturnPath) -> None:
    notes, machine = invite_server(path)
    notes.respond(machine, 200)
    notes.run(machine, 40_000)
    assert notes.times("200") == [
        0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ]  # fmt: skip
    assert notes.told == [(32_000, "unacknowledged")]
    assert machine.is_over


def test_server_rests_when_2xx_is_acknowledged_and_absorbs_invites_until_timer_l() -> None:
    notes, machine = invite_server()
    notes.respond(machine, 200)
    machine.repeated()
    notes.run(machine, 600)
    assert machine.acknowledged(notes.now)
    assert not machine.acknowledged(notes.now)
    machine.repeated()
    assert notes.times("200") == [0, 500]
    notes.run(machine, 31_999)
    assert not machine.is_over
    notes.run(machine, 32_000)
    assert machine.is_over
    assert notes.told == []


def test_server_ends_invite_that_its_user_forgot() -> None:
    notes, machine = invite_server(timers=SipTimers(patience_ms=60_000))
    notes.run(machine, 60_000)
    assert notes.told == [(60_000, "expired")]
    assert notes.times("487") == [60_000]
    assert machine.state is State.COMPLETED
