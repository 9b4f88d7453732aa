"""Two WTP endpoints over a link that loses, repeats, delays and reorders."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.instants import Instant
from omapush.protocols.wtp.endpoint import WtpEndpoint
from omapush.protocols.wtp.primitives import (
    DatagramDropped,
    Handle,
    Indication,
    Request,
    TrAbortInd,
    TrAbortReq,
    TrInvokeCnf,
    TrInvokeInd,
    TrInvokeReq,
    TrInvokeRes,
    TrResultCnf,
    TrResultInd,
    TrResultReq,
    TrResultRes,
)
from omapush.protocols.wtp.settings import GSM_SMS, WtpSettings
from omapush.protocols.wtp.tid import TransactionIdCache
from omapush.testing.datagram_link import DatagramLink, Faults
from omapush.testing.virtual_clock import START, VirtualClock

Link = DatagramLink[Request, Indication, Request, Indication]

HOUR_MS = 3_600_000
SMALL_SEGMENTS = WtpSettings(segment_size=10, maximum_group=30)


def endpoint(which: WtpSettings, *, trusting: bool = True, first: int = 0) -> WtpEndpoint:
    # A cache that began long ago knows that strangers are new.
    started = Instant(START - HOUR_MS) if trusting else START
    cache = TransactionIdCache(10, 4 * which.timers.wait_ms, started)
    return WtpEndpoint(which, cache, "peer", first)


def linked(
    faults: Faults | None = None,
    seed: int = 0,
    which: WtpSettings | None = None,
    *,
    trusting: bool = True,
    first: int = 0,
) -> tuple[VirtualClock, Link]:
    which = which or WtpSettings()
    clock = VirtualClock()
    link: Link = DatagramLink(
        clock,
        endpoint(which, trusting=trusting, first=first),
        endpoint(which, trusting=trusting),
        faults,
        seed,
    )
    return clock, link


def told(indications: list[Indication], kind: type[Indication]) -> list[Indication]:
    return [one for one in indications if isinstance(one, kind)]


def acknowledge(link: Link) -> None:
    def answer(indication: Indication) -> None:
        if isinstance(indication, TrInvokeInd) and indication.transaction_class == 1:
            link.right.request(TrInvokeRes(indication.handle, b"got it"))
        elif isinstance(indication, TrInvokeInd) and indication.transaction_class == 2:
            link.right.request(TrResultReq(indication.handle, indication.data[::-1]))

    def take(indication: Indication) -> None:
        if isinstance(indication, TrResultInd):
            link.left.request(TrResultRes(indication.handle, b"bye"))

    link.right.on_indication = answer
    link.left.on_indication = take


def message(number: int, length: int) -> bytes:
    return bytes((number,)) + bytes(at % 251 for at in range(length))


faults = st.builds(
    Faults,
    latency_ms=st.integers(1, 400),
    jitter_ms=st.integers(0, 1_500),
    loss=st.floats(0, 0.6),
    duplication=st.floats(0, 0.5),
)


@settings(max_examples=60, deadline=None)
@given(
    faults=faults,
    seed=st.integers(0, 1 << 30),
    lengths=st.lists(st.integers(0, 200), min_size=1, max_size=8),
    trusting=st.booleans(),
    first=st.sampled_from([0, 0x3FFE, 0x7FFD]),
)
def test_each_reliable_message_is_delivered_at_most_once_and_ends_once(
    faults: Faults, seed: int, lengths: list[int], trusting: bool, first: int
) -> None:
    clock, link = linked(faults, seed, SMALL_SEGMENTS, trusting=trusting, first=first)
    acknowledge(link)
    sent = {}
    for number, length in enumerate(lengths, 1):
        sent[number] = message(number, length)
        link.left.request(TrInvokeReq(Handle(number), 1, sent[number]))
        clock.advance(150)
    clock.advance(HOUR_MS)
    left, right = link.left.take(), link.right.take()
    delivered = Counter(one.data for one in right if isinstance(one, TrInvokeInd))
    confirmed = [one.handle for one in left if isinstance(one, TrInvokeCnf)]
    given_up = [one.handle for one in left if isinstance(one, TrAbortInd)]
    assert sorted(confirmed + given_up) == sorted(sent)
    assert all(count == 1 for count in delivered.values())
    assert set(delivered) <= set(sent.values())
    assert all(sent[handle] in delivered for handle in confirmed)
    assert all(one.exit_info == b"got it" for one in left if isinstance(one, TrInvokeCnf))
    assert link.left.machine.next_timer() is None
    assert link.right.machine.next_timer() is None


@settings(max_examples=40, deadline=None)
@given(
    faults=faults,
    seed=st.integers(0, 1 << 30),
    length=st.integers(0, 300),
    announce=st.booleans(),
)
def test_a_result_comes_back_whole_or_both_ends_give_up(
    faults: Faults, seed: int, length: int, announce: bool
) -> None:
    which = WtpSettings(segment_size=10, maximum_group=30, announce_segmentation=announce)
    clock, link = linked(faults, seed, which)
    acknowledge(link)
    link.left.request(TrInvokeReq(Handle(1), 2, message(1, length)))
    clock.advance(HOUR_MS)
    left, right = link.left.take(), link.right.take()
    results = [one for one in left if isinstance(one, TrResultInd)]
    assert len(results) + len(told(left, TrAbortInd)) == 1
    assert len(told(right, TrInvokeInd)) <= 1
    assert len(told(left, TrInvokeCnf)) <= 1
    if results:
        assert results[0].data == message(1, length)[::-1]
    for one in right:
        assert not isinstance(one, TrResultCnf) or one.exit_info == b"bye"
    assert link.left.machine.next_timer() is None
    assert link.right.machine.next_timer() is None


@pytest.mark.parametrize("which", [WtpSettings(), SMALL_SEGMENTS, GSM_SMS])
@pytest.mark.parametrize("transaction_class", [1, 2])
def test_a_clean_link_carries_many_messages_without_any_repetition(
    which: WtpSettings, transaction_class: int
) -> None:
    clock, link = linked(Faults(latency_ms=50), which=which)
    acknowledge(link)
    for number in range(1, 21):
        data = message(number, number * 10)
        link.left.request(TrInvokeReq(Handle(number), transaction_class, data))
    clock.advance(HOUR_MS)
    left = link.left.take()
    assert [one.handle for one in left if isinstance(one, TrInvokeCnf)] == list(range(1, 21))
    assert not told(left, TrAbortInd)
    assert not told(left, DatagramDropped)
    assert not [octets for octets in link.left.sent + link.right.sent if octets[0] & 1]


def test_a_refused_message_is_not_delivered_again_when_the_refusal_was_lost() -> None:
    clock, link = linked()
    aborts = 0

    def lose_first_abort(octets: bytes) -> bool:
        nonlocal aborts
        aborts += octets[0] >> 3 & 0x0F == 4
        return aborts == 1

    def refuse(indication: Indication) -> None:
        if isinstance(indication, TrInvokeInd):
            link.right.request(TrAbortReq(indication.handle, 0xEB))

    link.right.drop = lose_first_abort
    link.right.on_indication = refuse
    link.left.request(TrInvokeReq(Handle(1), 1, b"unwanted"))
    clock.advance(HOUR_MS)
    assert len(told(link.right.take(), TrInvokeInd)) == 1
    assert link.left.take() == [TrAbortInd(Handle(1), 1, 0xEB, by_peer=True)]
    assert aborts == 2


def test_a_stranger_is_asked_before_its_message_is_delivered_and_a_ghost_is_not_delivered() -> None:
    clock, link = linked(trusting=False)
    acknowledge(link)
    link.left.request(TrInvokeReq(Handle(1), 1, b"real"))
    clock.advance(5_000)
    assert [one[0] for one in link.right.sent] == [0x1C, 0x98]
    assert [one.hex()[:2] for one in link.left.sent] == ["0e", "1c"]
    assert len(told(link.right.take(), TrInvokeInd)) == 1
    # A duplicate, when both ends have forgotten the transaction.
    clock.advance(60_000)
    link.right.receive(bytes.fromhex("0e000011") + b"real")
    clock.advance(HOUR_MS)
    assert not told(link.right.take(), TrInvokeInd)
    assert link.left.sent[-1].hex() == "20000002"


def test_a_silent_user_makes_the_responder_abort_and_both_ends_learn_it() -> None:
    clock, link = linked()
    link.left.request(TrInvokeReq(Handle(1), 1, b"anyone?"))
    clock.advance(HOUR_MS)
    assert link.left.take() == [TrAbortInd(Handle(1), 0, 0x08, by_peer=True)]
    ending = [one for one in link.right.take() if isinstance(one, TrAbortInd)]
    assert [one.reason for one in ending] == [0x08]


def test_a_peer_without_segmentation_gets_the_message_whole() -> None:
    clock = VirtualClock()
    whole = WtpSettings(segmentation=False)
    link: Link = DatagramLink(clock, endpoint(SMALL_SEGMENTS), endpoint(whole))
    acknowledge(link)
    link.left.request(TrInvokeReq(Handle(1), 1, b"x" * 100))
    clock.advance(HOUR_MS)
    assert [one.data for one in link.right.take() if isinstance(one, TrInvokeInd)] == [b"x" * 100]
    assert link.left.take() == [TrInvokeCnf(Handle(1), b"got it")]


def test_short_messages_leave_together_in_one_datagram_when_they_fit() -> None:
    clock, link = linked(which=GSM_SMS)
    acknowledge(link)
    for number in (1, 2, 3):
        link.left.machine.request(TrInvokeReq(Handle(number), 1, b"short"), clock())
    link.left.pump()
    clock.advance(HOUR_MS)
    assert len(link.left.sent) == 1
    assert len(link.right.sent) == 1
    assert len(told(link.left.take(), TrInvokeCnf)) == 3
