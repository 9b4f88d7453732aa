"""Two SIP endpoints over a link that loses, repeats, delays and reorders."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.instants import Instant
from omapush.protocols.sip.dialog import Dialog
from omapush.protocols.sip.endpoint import SipEndpoint
from omapush.protocols.sip.hop import Hop
from omapush.protocols.sip.message import Field, SipRequest
from omapush.protocols.sip.primitives import (
    AckInd,
    CancelledInd,
    EndpointSettings,
    Indication,
    RequestInd,
    ResponseInd,
    TransactionFailedInd,
    UnacknowledgedInd,
)
from omapush.protocols.sip.responses import plain_response
from omapush.protocols.sip.timers import SipTimers
from omapush.testing.datagram_link import DatagramEnd, Faults
from omapush.testing.sip_endpoints import (
    LEFT,
    RIGHT,
    Deed,
    SipLink,
    invite_request,
    push_request,
    sip_link,
)
from omapush.testing.virtual_clock import VirtualClock

CONTACT: Field = ("Contact", "<sip:alice@192.0.2.2:5060>")
LONG_MS = 10 * 60_000
LOSSLESS = Faults()

# The last repetition leaves 500 ms before the other end may forget the first (timers J and L): with
# more jitter than that it could come too late, as SIP itself admits.
faults = st.builds(
    Faults,
    latency_ms=st.integers(0, 400),
    jitter_ms=st.integers(0, 450),
    loss=st.floats(0, 0.6),
    duplication=st.floats(0, 0.5),
)


class Callee:
    """Answers at the right end: MESSAGE and BYE with 200, INVITE after a while."""

    def __init__(
        self, link: SipLink, clock: VirtualClock, status: int = 200, thinks_ms: int = 0
    ) -> None:
        self.told: list[Indication] = []
        self._link = link
        self._clock = clock
        self._status = status
        self._thinks_ms = thinks_ms
        link.right.on_indication = self.take

    def take(self, indication: Indication) -> None:
        self.told.append(indication)
        if not isinstance(indication, RequestInd):
            return
        status = self._status if indication.request.method == "INVITE" else 200
        response = plain_response(status, CONTACT)
        key = indication.key

        def answer() -> None:
            self._link.right.request(lambda end, now: end.respond(key, response, now))

        at = Instant(self._clock() + self._thinks_ms)
        self._clock.call_at(at, answer)

    def requests(self, method: str) -> list[SipRequest]:
        requests = [one.request for one in self.told if isinstance(one, RequestInd)]
        return [one for one in requests if one.method == method]

    def count(self, kind: type[Indication]) -> int:
        return sum(isinstance(one, kind) for one in self.told)


class Caller:
    """Sends from the left end, acknowledges what is accepted and ends it."""

    def __init__(self, link: SipLink) -> None:
        self.ends: dict[str, list[Indication]] = {}
        self._invites: dict[str, SipRequest] = {}
        self._link = link
        link.left.on_indication = self.take

    def send(self, request: SipRequest) -> str:
        keys: list[str] = []
        self._link.left.request(lambda end, now: keys.append(end.send(request, RIGHT, now)))
        self.ends.setdefault(keys[0], [])
        if request.method == "INVITE":
            self._invites[keys[0]] = request
        return keys[0]

    def cancel(self, key: str) -> None:
        self._link.left.request(lambda end, now: end.cancel(key, now))

    def take(self, indication: Indication) -> None:
        assert isinstance(indication, ResponseInd | TransactionFailedInd)
        self.ends.setdefault(indication.key, []).append(indication)
        invite = self._invites.get(indication.key)
        if (
            invite is not None
            and isinstance(indication, ResponseInd)
            and indication.response.is_success
        ):
            dialog = Dialog.of_response(invite, indication.response)
            ack = dialog.acknowledge(invite)
            self._link.left.request(lambda end, now: end.acknowledge(ack, RIGHT, now))
            self.send(dialog.request("BYE"))

    def status(self, key: str) -> int | None:
        """Return the status that the request ended with, ``None`` if it failed."""
        (end,) = self.ends[key]
        return end.response.status if isinstance(end, ResponseInd) else None


def pair(
    faults: Faults = LOSSLESS,
    seed: int = 0,
    status: int = 200,
    thinks_ms: int = 0,
    settings: EndpointSettings | None = None,
) -> tuple[VirtualClock, SipLink, Caller, Callee]:
    clock = VirtualClock()
    link = sip_link(clock, faults, seed, settings)
    return clock, link, Caller(link), Callee(link, clock, status, thinks_ms)


def at_rest(link: SipLink) -> bool:
    """Return whether neither end remembers anything."""
    ends: list[bool] = []
    for end in (link.left, link.right):
        end.request(lambda endpoint, _now: ends.append(endpoint.is_idle))
        assert end.machine.next_timer() is None
    return all(ends)


def methods(sent: list[bytes]) -> list[str]:
    """Return the first words of messages, or their statuses."""
    words = (octets.split(b" ", 2) for octets in sent)
    return [(two if one == b"SIP/2.0" else one).decode() for one, two, _ in words]


@settings(max_examples=60, deadline=None)
@given(faults, st.integers(0, 2**32))
def test_each_message_ends_once_and_is_told_at_most_once(bad: Faults, seed: int) -> None:
    clock, link, caller, callee = pair(bad, seed)
    keys = [caller.send(push_request(number)) for number in range(20)]
    clock.advance(LONG_MS)
    assert all(len(caller.ends[key]) == 1 for key in keys)
    arrived = Counter(one.headers.first("Call-ID") for one in callee.requests("MESSAGE"))
    assert max(arrived.values(), default=0) <= 1
    answered = {number for number, key in enumerate(keys) if caller.status(key) == 200}
    assert {f"call-{number}@192.0.2.1" for number in answered} <= set(arrived)
    assert at_rest(link)


def test_every_message_arrives_when_a_fifth_of_all_is_lost() -> None:
    clock, _, caller, callee = pair(Faults(loss=0.2, jitter_ms=450), seed=3)
    keys = [caller.send(push_request(number)) for number in range(200)]
    clock.advance(LONG_MS)
    assert [caller.status(key) for key in keys] == [200] * 200
    assert len(callee.requests("MESSAGE")) == 200


@settings(max_examples=60, deadline=None)
@given(faults, st.integers(0, 2**32), st.sampled_from([200, 486]), st.integers(0, 3_000))
def test_each_invite_ends_once_and_both_ends_agree(
    bad: Faults, seed: int, status: int, thinks_ms: int
) -> None:
    clock, link, caller, callee = pair(bad, seed, status, thinks_ms)
    keys = [caller.send(invite_request(number)) for number in range(5)]
    clock.advance(LONG_MS)
    assert all(len(ends) == 1 for ends in caller.ends.values())
    arrived = Counter(one.headers.first("Call-ID") for one in callee.requests("INVITE"))
    assert max(arrived.values(), default=0) <= 1
    if status == 200:
        # Each 2xx is acknowledged, or its sender is told that it was not.
        ended = callee.count(AckInd) + callee.count(UnacknowledgedInd)
        assert ended == len(callee.requests("INVITE"))
        accepted = [key for key in keys if caller.status(key) == 200]
        assert len(accepted) <= len(callee.requests("INVITE"))
    else:
        assert callee.count(AckInd) == callee.count(UnacknowledgedInd) == 0
        assert {caller.status(key) for key in keys} <= {486, None}
    assert at_rest(link)


@settings(max_examples=60, deadline=None)
@given(faults, st.integers(0, 2**32), st.integers(0, 4_000), st.integers(0, 4_000))
def test_cancelled_invite_ends_once_whoever_is_faster(
    bad: Faults, seed: int, thinks_ms: int, cancel_after_ms: int
) -> None:
    clock, link, caller, callee = pair(bad, seed, thinks_ms=thinks_ms)
    key = caller.send(invite_request())
    clock.advance(cancel_after_ms)
    caller.cancel(key)
    clock.advance(LONG_MS)
    assert len(caller.ends[key]) == 1
    assert callee.count(CancelledInd) + callee.count(AckInd) + callee.count(
        UnacknowledgedInd
    ) == len(callee.requests("INVITE"))
    assert at_rest(link)


End = DatagramEnd[Deed, Indication]


def answer_and_count(end: End, ends: Counter[str], indication: Indication) -> None:
    if isinstance(indication, ResponseInd | TransactionFailedInd):
        ends[indication.key] += 1
    elif isinstance(indication, RequestInd):
        key = indication.key
        end.request(lambda me, now: me.respond(key, plain_response(200), now))


def send_push(number: int, other: Hop, endpoint: SipEndpoint, now: Instant) -> None:
    endpoint.send(push_request(number), other, now)


@settings(max_examples=40, deadline=None)
@given(faults, st.integers(0, 2**32))
def test_requests_of_both_ends_do_not_disturb_each_other(bad: Faults, seed: int) -> None:
    clock = VirtualClock()
    link = sip_link(clock, bad, seed)
    ends: Counter[str] = Counter()
    for end, other in ((link.left, RIGHT), (link.right, LEFT)):
        end.on_indication = partial(answer_and_count, end, ends)
        for number in range(10):
            end.request(partial(send_push, number, other))
    clock.advance(LONG_MS)
    assert sorted(ends.values()) == [1] * 20
    assert at_rest(link)


# -- single losses, one after the other --


def test_lost_request_is_repeated() -> None:
    clock, link, caller, callee = pair()
    link.left.drop = lambda _octets: len(link.left.sent) == 1
    key = caller.send(push_request())
    clock.advance(1_000)
    assert caller.status(key) == 200
    assert methods(link.left.sent) == ["MESSAGE", "MESSAGE"]
    assert len(callee.requests("MESSAGE")) == 1


def test_lost_answer_is_repeated_from_the_transaction() -> None:
    clock, link, caller, callee = pair()
    link.right.drop = lambda _octets: len(link.right.sent) == 1
    key = caller.send(push_request())
    clock.advance(1_000)
    assert caller.status(key) == 200
    assert link.right.sent[0] == link.right.sent[1]
    assert len(callee.requests("MESSAGE")) == 1


def test_lost_2xx_to_invite_is_repeated_until_its_ack() -> None:
    clock, link, caller, callee = pair()
    link.right.drop = lambda octets: b"INVITE" in octets and len(link.right.sent) <= 3
    caller.send(invite_request())
    clock.advance(20_000)
    assert callee.count(AckInd) == 1
    assert [one for one in methods(link.right.sent) if one != "180"].count("200") >= 3
    assert len(callee.requests("INVITE")) == 1


def test_lost_ack_is_repeated_for_the_repeated_2xx() -> None:
    clock, link, caller, callee = pair()
    lost: list[bytes] = []

    def drop(octets: bytes) -> bool:
        if octets.startswith(b"ACK") and len(lost) < 2:
            lost.append(octets)
            return True
        return False

    link.left.drop = drop
    key = caller.send(invite_request())
    clock.advance(20_000)
    assert callee.count(AckInd) == 1
    assert caller.status(key) == 200
    assert [one for one in link.left.sent if one.startswith(b"ACK")] == [lost[0]] * 3


def test_2xx_without_any_ack_is_given_up_after_32_s() -> None:
    clock, link, caller, callee = pair()
    link.left.drop = lambda octets: not octets.startswith(b"INVITE")
    caller.send(invite_request())
    clock.advance(31_000)
    assert callee.count(UnacknowledgedInd) == 0
    clock.advance(2_000)
    assert callee.count(UnacknowledgedInd) == 1


@pytest.mark.parametrize("broken_after_ms", [0, 30])
def test_broken_link_ends_everything(broken_after_ms: int) -> None:
    clock, link, caller, _ = pair(thinks_ms=100)
    keys = [caller.send(push_request(1)), caller.send(invite_request(2))]
    clock.advance(broken_after_ms)
    link.is_broken = True
    clock.advance(LONG_MS)
    assert [caller.status(key) for key in keys] == [None, None]
    assert at_rest(link)


def test_slow_callee_is_waited_for_without_repetition_of_the_invite() -> None:
    clock, link, caller, callee = pair(thinks_ms=60_000)
    key = caller.send(invite_request())
    clock.advance(LONG_MS)
    assert methods(link.left.sent).count("INVITE") == 1
    assert methods(link.right.sent)[0] == "100"
    assert caller.status(key) == 200
    assert callee.count(AckInd) == 1


def test_shorter_units_shorten_everything() -> None:
    fast = EndpointSettings(timers=SipTimers(t1_ms=10, t2_ms=80, t4_ms=100, patience_ms=1_000))
    clock, link, caller, _ = pair(settings=fast)
    link.is_broken = True
    key = caller.send(push_request())
    clock.advance(640)
    assert caller.status(key) is None
    assert at_rest(link)
