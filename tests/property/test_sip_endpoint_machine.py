"""A state machine drives two SIP endpoints through a network that does what it likes.

What must hold whatever happens: each own request ends once, no request is told twice, and when
nothing happens any more nothing is remembered.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from omapush.core.instants import Instant
from omapush.protocols.sip.dialog import Dialog
from omapush.protocols.sip.endpoint import SipEndpoint
from omapush.protocols.sip.hop import Hop
from omapush.protocols.sip.message import Field, SipRequest
from omapush.protocols.sip.primitives import (
    CancelledInd,
    EndpointSettings,
    RequestInd,
    ResponseInd,
    TransactionFailedInd,
)
from omapush.protocols.sip.responses import plain_response
from omapush.testing.sip_endpoints import (
    LEFT,
    RIGHT,
    invite_request,
    push_request,
    sip_endpoint,
)

CONTACT: Field = ("Contact", "<sip:any@192.0.2.9:5060>")
LIFETIME_MS = 450
"""How long datagrams live here: less than what SIP allows for between two repetitions."""
MAXIMUM = 6
SETTINGS = EndpointSettings(
    maximum_client_transactions=MAXIMUM,
    maximum_server_transactions=MAXIMUM,
    maximum_remembered=1_000,
)


@dataclass
class End:
    """One endpoint with its user."""

    hop: Hop
    other: Hop
    endpoint: SipEndpoint
    sent: dict[str, SipRequest] = field(default_factory=dict)
    given_up: set[str] = field(default_factory=set)
    ends: Counter[str] = field(default_factory=Counter)
    told: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    open: list[str] = field(default_factory=list)


class TwoEndpoints(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = Instant(1_000)
        self.number = 0
        self.ends = [
            End(LEFT, RIGHT, sip_endpoint(LEFT, SETTINGS)),
            End(RIGHT, LEFT, sip_endpoint(RIGHT, SETTINGS)),
        ]
        self.flying: list[tuple[Instant, Hop, Hop, bytes]] = []

    def carry_out(self, end: End) -> None:
        """Do for an endpoint what a bearer and a user would do."""
        while (effects := end.endpoint.effects()) or (told := end.endpoint.indications()):
            for effect in effects:
                self.flying.append((self.now, end.hop, effect.hop, effect.octets))
            if effects:
                continue
            for one in told:
                self.take(end, one)

    def take(self, end: End, indication: object) -> None:
        match indication:
            case RequestInd(key=key, request=request):
                end.told[request.headers.first("Call-ID"), request.method] += 1
                end.open.append(key)
            case ResponseInd(key=key, response=response):
                end.ends[key] += 1
                invite = end.sent[key]
                if invite.method == "INVITE" and response.is_success:
                    ack = Dialog.of_response(invite, response).acknowledge(invite)
                    end.endpoint.acknowledge(ack, end.other, self.now)
            case TransactionFailedInd(key=key):
                end.ends[key] += 1
            case CancelledInd(key=key):
                end.open.remove(key)

    @rule(side=st.integers(0, 1), invites=st.booleans())
    def send(self, side: int, invites: bool) -> None:
        end = self.ends[side]
        self.number += 1
        request = invite_request(self.number) if invites else push_request(self.number)
        key = end.endpoint.send(request, end.other, self.now)
        assert key not in end.sent
        end.sent[key] = request
        self.carry_out(end)

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 1_000), again=st.booleans())
    def deliver(self, which: int, again: bool) -> None:
        which %= len(self.flying)
        _, source, hop, octets = self.flying[which]
        if not again:
            del self.flying[which]
        (end,) = (one for one in self.ends if one.hop == hop)
        end.endpoint.receive(octets, source, self.now)
        self.carry_out(end)

    @precondition(lambda self: self.flying)
    @rule()
    def deliver_all(self) -> None:
        for _ in range(len(self.flying)):
            self.deliver(0, again=False)

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 1_000))
    def lose(self, which: int) -> None:
        del self.flying[which % len(self.flying)]

    @rule(milliseconds=st.sampled_from([1, 50, 200, 449, 500, 1_000, 4_000, 32_000]))
    def wait(self, milliseconds: int) -> None:
        until = Instant(self.now + milliseconds)
        while (due := self.next_due()) is not None and due <= until:
            self.now = max(self.now, due)
            for end in self.ends:
                end.endpoint.handle_timer(self.now)
                self.carry_out(end)
        self.now = until
        self.flying = [one for one in self.flying if one[0] + LIFETIME_MS >= self.now]

    def next_due(self) -> Instant | None:
        dues = (end.endpoint.next_timer() for end in self.ends)
        return min((due for due in dues if due is not None), default=None)

    @rule(
        side=st.integers(0, 1),
        which=st.integers(0, 1_000),
        status=st.sampled_from([100, 180, 200, 302, 486]),
    )
    def respond(self, side: int, which: int, status: int) -> None:
        end = self.ends[side]
        if not end.open:
            return
        key = end.open[which % len(end.open)]
        if status >= 200:
            end.open.remove(key)
        end.endpoint.respond(key, plain_response(status, CONTACT), self.now)
        self.carry_out(end)

    @rule(side=st.integers(0, 1), which=st.integers(0, 1_000))
    def cancel(self, side: int, which: int) -> None:
        end = self.ends[side]
        if not end.sent:
            return
        key = sorted(end.sent)[which % len(end.sent)]
        if end.sent[key].method != "INVITE" and not end.ends[key]:
            end.given_up.add(key)
        end.endpoint.cancel(key, self.now)
        self.carry_out(end)

    @rule(side=st.integers(0, 1), after_sending=st.booleans())
    def unreachable(self, side: int, after_sending: bool) -> None:
        end = self.ends[side]
        end.endpoint.unreachable(end.other, "gone", self.now, after_sending=after_sending)
        self.carry_out(end)

    @invariant()
    def nothing_is_told_twice(self) -> None:
        for end in self.ends:
            assert max(end.ends.values(), default=0) <= 1
            assert max(end.told.values(), default=0) <= 1
            assert set(end.ends) <= set(end.sent)
            assert not set(end.ends) & end.given_up

    def teardown(self) -> None:
        for end in self.ends:
            for key in end.open[::2]:
                end.endpoint.respond(key, plain_response(200, CONTACT), self.now)
            self.carry_out(end)
        self.flying.clear()
        for _ in range(20):
            self.wait(32_000)
            self.flying.clear()
        for end in self.ends:
            assert end.endpoint.is_idle
            assert end.endpoint.next_timer() is None
            assert set(end.ends) == set(end.sent) - end.given_up
        self.nothing_is_told_twice()


def test_two_endpoints_agree_over_any_network() -> None:
    run_state_machine_as_test(
        TwoEndpoints, settings=settings(max_examples=150, stateful_step_count=60, deadline=None)
    )
