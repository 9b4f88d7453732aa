"""The client's transaction machines alone, timer by timer (RFC 3261 17.1, RFC 6026 7.2)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from omapush.core.instants import Instant
from omapush.protocols.sip.client_transactions import (
    ClientTransaction,
    InviteClient,
    NonInviteClient,
)
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.protocols.sip.timers import SipTimers
from omapush.protocols.sip.transaction import State
from omapush.testing.sip_endpoints import invite_request, push_request

UDP = Hop(Transport.UDP, "192.0.2.2", 5060)
TCP = Hop(Transport.TCP, "192.0.2.2", 5060)
VIA = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKone;rport"


@dataclass
class Notes:
    """What a machine asked for, with the time at which it did."""

    now: Instant = Instant(0)
    sent: list[tuple[int, str]] = field(default_factory=list)
    ends: list[tuple[int, str]] = field(default_factory=list)

    def transmit(self, octets: bytes, hop: Hop) -> None:
        self.sent.append((self.now, octets.split(b" ")[0].decode()))

    def answered(self, transaction: ClientTransaction, response: SipResponse, now: Instant) -> None:
        self.ends.append((now, str(response.status)))

    def succeeded_again(
        self, transaction: InviteClient, response: SipResponse, now: Instant
    ) -> None:
        self.ends.append((now, f"again {response.status}"))

    def timed_out(self, transaction: ClientTransaction) -> None:
        self.ends.append((self.now, "timed out"))

    def cancel(self, invite: InviteClient, now: Instant) -> None:
        self.sent.append((now, "CANCEL"))

    def run(self, machine: ClientTransaction, until: int) -> None:
        """Let time pass, waking the machine exactly when it wants."""
        while machine.due is not None and machine.due <= until:
            self.now = machine.due
            machine.wake(self.now)
        self.now = Instant(until)

    def times(self, what: str) -> list[int]:
        return [at for at, sent in self.sent if sent == what]


def response(status: int, tag: str = "right") -> SipResponse:
    return SipResponse(status, "", SipHeaders((("To", f"<sip:alice@push.test>;tag={tag}"),)))


def started(
    request: SipRequest, hop: Hop, timers: SipTimers | None = None
) -> tuple[Notes, ClientTransaction]:
    notes = Notes()
    kind = InviteClient if request.method == "INVITE" else NonInviteClient
    machine = kind("key", hop, timers or SipTimers(), notes)
    sent = request.with_headers(request.headers.before("Via", VIA))
    machine.start(sent, f"{request.method} octets".encode(), hop, Instant(0))
    return notes, machine


# -- other requests than INVITE --


def test_client_repeats_message_by_timer_e_and_gives_up_by_timer_f() -> None:
    notes, machine = started(push_request(), UDP)
    notes.run(machine, 60_000)
    assert notes.times("MESSAGE") == [
        0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ]  # fmt: skip
    assert notes.ends == [(32_000, "timed out")]
    assert machine.is_over


def test_client_repeats_nothing_over_tcp() -> None:
    notes, machine = started(push_request(), TCP)
    notes.run(machine, 60_000)
    assert notes.times("MESSAGE") == [0]
    assert notes.ends == [(32_000, "timed out")]


def test_client_repeats_message_every_t2_after_provisional_response() -> None:
    notes, machine = started(push_request(), UDP)
    notes.run(machine, 600)
    machine.receive(response(100), notes.now)
    notes.run(machine, 12_000)
    assert notes.times("MESSAGE") == [0, 500, 1_500, 5_500, 9_500]
    assert machine.state is State.PROCEEDING


def test_client_takes_one_final_response_and_absorbs_the_rest_until_timer_k() -> None:
    notes, machine = started(push_request(), UDP)
    notes.run(machine, 700)
    machine.receive(response(200), notes.now)
    machine.receive(response(200), notes.now)
    machine.receive(response(480), notes.now)
    assert notes.ends == [(700, "200")]
    notes.run(machine, 5_699)
    assert machine.state is State.COMPLETED
    notes.run(machine, 5_700)
    assert machine.is_over
    assert notes.times("MESSAGE") == [0, 500]


def test_client_over_tcp_is_over_with_the_final_response() -> None:
    notes, machine = started(push_request(), TCP)
    machine.receive(response(200), Instant(10))
    assert machine.is_over
    assert machine.due is None
    assert notes.ends == [(10, "200")]


# -- INVITE --


def test_client_repeats_invite_by_timer_a_and_gives_up_by_timer_b() -> None:
    notes, machine = started(invite_request(), UDP)
    notes.run(machine, 33_000)
    assert notes.times("INVITE") == [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]
    assert notes.ends == [(32_000, "timed out")]


def test_client_does_not_repeat_invite_after_provisional_response() -> None:
    notes, machine = started(invite_request(), UDP)
    machine.receive(response(180), Instant(100))
    notes.run(machine, 60_000)
    assert notes.times("INVITE") == [0]
    assert notes.ends == []


def test_client_acknowledges_refusal_and_each_repetition_of_it_until_timer_d() -> None:
    notes, machine = started(invite_request(), UDP)
    for now in (100, 600, 1_600):
        notes.now = Instant(now)
        machine.receive(response(486), notes.now)
    assert notes.times("ACK") == [100, 600, 1_600]
    assert notes.ends == [(100, "486")]
    notes.run(machine, 32_099)
    assert machine.state is State.COMPLETED
    notes.run(machine, 32_100)
    assert machine.is_over


def test_client_over_tcp_is_over_with_the_ack_of_refusal() -> None:
    notes, machine = started(invite_request(), TCP)
    machine.receive(response(486), Instant(100))
    assert [what for _, what in notes.sent] == ["INVITE", "ACK"]
    assert machine.is_over


@pytest.mark.parametrize("hop", [UDP, TCP])
def test_client_is_told_of_further_2xx_until_timer_m(hop: Hop) -> None:
    notes, machine = started(invite_request(), hop)
    machine.receive(response(200), Instant(100))
    machine.receive(response(200), Instant(600))
    machine.receive(response(486), Instant(700))
    assert notes.ends == [(100, "200"), (600, "again 200")]
    notes.run(machine, 32_099)
    assert machine.state is State.ACCEPTED
    notes.run(machine, 32_100)
    assert machine.is_over


# -- CANCEL (9.1) --


def test_client_cancels_invite_only_after_provisional_response() -> None:
    notes, machine = started(invite_request(), UDP)
    assert isinstance(machine, InviteClient)
    machine.cancel(Instant(0))
    notes.run(machine, 700)
    assert notes.times("CANCEL") == []
    machine.receive(response(100), notes.now)
    machine.cancel(notes.now)
    assert notes.times("CANCEL") == [700]
    machine.receive(response(487), Instant(800))
    assert notes.ends == [(800, "487")]


def test_client_gives_cancelled_invite_up_that_is_never_answered() -> None:
    notes, machine = started(invite_request(), UDP)
    assert isinstance(machine, InviteClient)
    machine.receive(response(180), Instant(100))
    machine.cancel(Instant(1_000))
    notes.run(machine, 40_000)
    assert notes.ends == [(33_000, "timed out")]


def test_client_cancels_by_itself_what_only_gets_provisional_responses() -> None:
    notes, machine = started(invite_request(), UDP, SipTimers(patience_ms=60_000))
    for now in range(100, 50_000, 1_000):
        machine.receive(response(180), Instant(now))
    notes.run(machine, 300_000)
    assert notes.times("CANCEL") == [60_100]
    assert notes.ends == [(92_100, "timed out")]
    assert machine.is_over


def test_client_ends_dialog_of_2xx_that_comes_after_it_gave_up() -> None:
    notes, machine = started(invite_request(), UDP)
    notes.run(machine, 32_000)
    machine.receive(response(200), Instant(40_000))
    assert notes.ends == [(32_000, "timed out"), (40_000, "again 200")]


def test_client_acknowledges_refusal_that_comes_after_it_gave_up() -> None:
    notes, machine = started(invite_request(), UDP)
    notes.run(machine, 33_000)
    machine.receive(response(486), notes.now)
    assert notes.times("ACK") == [33_000]
    assert notes.ends == [(32_000, "timed out")]
