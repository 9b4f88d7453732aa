"""Reassembly of datagrams from short messages."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, LimitError
from omapush.core.instants import Instant
from omapush.protocols.sms.reassembly import (
    Datagram,
    GivenUp,
    GivenUpReason,
    Reassembler,
    ReassemblyLimits,
)
from omapush.protocols.sms.segmentation import segment
from omapush.protocols.sms.user_data_header import (
    ApplicationPorts,
    Concatenation,
    UserDataHeader,
)

NOW = Instant(1_000_000)
PHONE = "+358401234567"


def at(milliseconds: int) -> Instant:
    return Instant(NOW + milliseconds)


def reassembler(**limits: int) -> Reassembler:
    return Reassembler(ReassemblyLimits(**limits))


def feed(
    machine: Reassembler, segments: tuple[bytes, ...], source: str = PHONE, now: Instant = NOW
) -> list[Datagram]:
    received = (machine.receive(source, one, now) for one in segments)
    return [datagram for datagram in received if datagram is not None]


def octets_of(number: int, length: int) -> bytes:
    return bytes((number + index) % 256 for index in range(length))


def test_reassembler_gives_a_single_segment_at_once() -> None:
    [datagram] = feed(Reassembler(), segment(b"hello", 2948, 9200, 0))
    assert (datagram.payload, datagram.segments) == (b"hello", 1)
    assert (datagram.destination_port, datagram.source_port) == (2948, 9200)


def test_reassembler_gives_user_data_without_ports() -> None:
    datagram = Reassembler().receive(PHONE, b"\x00text", NOW)
    assert datagram is not None
    assert (datagram.destination_port, datagram.source_port) == (None, None)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 1, 0, 1, 2)])
def test_reassembler_joins_segments_in_any_order(bits: int, order: tuple[int, ...]) -> None:
    sent = octets_of(1, 300)
    segments = segment(sent, 2948, 9200, 7, bits)
    machine = Reassembler()
    [datagram] = feed(machine, tuple(segments[index] for index in order))
    assert (datagram.payload, datagram.segments, datagram.source_address) == (sent, 3, PHONE)
    assert (datagram.destination_port, datagram.source_port) == (2948, 9200)
    assert (machine.open_datagrams, machine.octets, machine.next_timer()) == (0, 0, None)


def test_reassembler_keeps_originators_references_and_ports_apart() -> None:
    first, second = octets_of(1, 200), octets_of(2, 200)
    machine = Reassembler()
    one = segment(first, 2948, 9200, 7)
    for other, source in [
        (segment(second, 2948, 9200, 7), "+358409999999"),
        (segment(second, 2948, 9200, 8), PHONE),
        (segment(second, 2948, 9200, 7, 8), PHONE),
        (segment(second, 2949, 9200, 7), PHONE),
        (segment(octets_of(2, 300), 2948, 9200, 7), PHONE),
    ]:
        assert feed(machine, other[:1], source) == []
    [datagram] = feed(machine, one)
    assert datagram.payload == first
    assert machine.open_datagrams == 5


def test_reassembler_drops_duplicates_of_a_complete_datagram_for_a_while() -> None:
    segments = segment(octets_of(1, 200), 2948, 9200, 7)
    machine = reassembler(duplicates_ms=1_000)
    assert len(feed(machine, segments)) == 1
    assert feed(machine, segments, now=at(999)) == []
    assert machine.open_datagrams == 0
    assert len(feed(machine, segments, now=at(1_000))) == 1


def test_reassembler_takes_another_datagram_that_reuses_a_complete_reference() -> None:
    machine = Reassembler()
    feed(machine, segment(octets_of(1, 200), 2948, 9200, 7))
    [datagram] = feed(machine, segment(octets_of(2, 200), 2948, 9200, 7))
    assert datagram.payload == octets_of(2, 200)


def test_reassembler_starts_afresh_when_a_reference_comes_round() -> None:
    old, new = (segment(octets_of(number, 300), 2948, 9200, 7) for number in (1, 2))
    machine = Reassembler()
    feed(machine, old[:2])
    [datagram] = feed(machine, new)
    assert datagram.payload == octets_of(2, 300)
    assert machine.next_timer() == NOW
    [given_up] = machine.handle_timer(NOW)
    assert (given_up.reason, given_up.received) == (GivenUpReason.CONTRADICTED, 2)


def test_reassembler_gives_up_after_its_time_and_says_whether_the_first_came() -> None:
    machine = reassembler(timeout_ms=5_000)
    segments = segment(octets_of(1, 300), 2948, 9200, 7)
    feed(machine, segments[1:2])
    feed(machine, segments[:1], "+1", at(10))
    assert machine.next_timer() == at(5_000)
    assert machine.handle_timer(at(4_999)) == []
    given_up = machine.handle_timer(at(6_000))
    assert [(one.source_address, one.has_first, one.received) for one in given_up] == [
        (PHONE, False, 1),
        ("+1", True, 1),
    ]
    assert {one.reason for one in given_up} == {GivenUpReason.TIMED_OUT}
    assert (machine.open_datagrams, machine.octets, machine.next_timer()) == (0, 0, None)
    assert feed(machine, segments[::2], now=at(6_001)) == []


def test_reassembler_does_not_complete_with_a_segment_after_the_time_out() -> None:
    machine = reassembler(timeout_ms=5_000)
    segments = segment(octets_of(1, 200), 2948, 9200, 7)
    feed(machine, segments[:1])
    assert feed(machine, segments[1:], now=at(5_000)) == []
    assert [one.reason for one in machine.handle_timer(at(5_000))] == [GivenUpReason.TIMED_OUT]


def given(machine: Reassembler) -> list[tuple[str, int, GivenUpReason]]:
    told: list[GivenUp] = machine.handle_timer(NOW)
    return [(one.source_address, one.concatenation.reference, one.reason) for one in told]


def test_reassembler_lets_a_hostile_phone_push_out_only_its_own() -> None:
    machine = reassembler(originator_datagrams=2)
    good = segment(octets_of(1, 200), 2948, 9200, 1)
    feed(machine, good[:1])
    for reference in range(4):
        feed(machine, segment(octets_of(2, 200), 2948, 9200, reference)[:1], "bad")
    overflow = GivenUpReason.OVERFLOW
    assert given(machine) == [("bad", 0, overflow), ("bad", 1, overflow)]
    assert machine.open_datagrams == 3
    assert len(feed(machine, good[1:])) == 1


def test_reassembler_bounds_the_octets_of_an_originator() -> None:
    machine = reassembler(originator_octets=300)
    for reference in range(3):
        feed(machine, segment(octets_of(2, 200), 2948, 9200, reference)[:1])
    assert given(machine) == [(PHONE, 0, GivenUpReason.OVERFLOW)]
    assert machine.octets == 254


def test_reassembler_refuses_newcomers_when_the_whole_is_full() -> None:
    machine = reassembler(datagrams=2)
    first, second, third = (
        segment(octets_of(number, 200), 2948, 9200, number) for number in (1, 2, 3)
    )
    feed(machine, first[:1], "one")
    feed(machine, second[:1], "two")
    with pytest.raises(LimitError, match="no room"):
        machine.receive("three", third[0], NOW)
    assert machine.receive("two", third[0], NOW) is None
    assert given(machine) == [("two", 2, GivenUpReason.OVERFLOW)]
    assert len(feed(machine, first[1:], "one")) == 1
    assert machine.receive("three", third[0], NOW) is None


def test_reassembler_refuses_a_datagram_larger_than_its_bounds() -> None:
    machine = reassembler(originator_octets=200)
    segments = segment(octets_of(1, 200 + 127), 2948, 9200, 1)
    feed(machine, segments[:1])
    with pytest.raises(LimitError):
        machine.receive(PHONE, segments[1], NOW)
    with pytest.raises(LimitError, match="3 segments, 2"):
        reassembler(max_segments=2).receive(PHONE, segments[0], NOW)


def test_reassembler_remembers_complete_datagrams_within_bounds() -> None:
    machine = reassembler(originator_datagrams=2, datagrams=3)
    sent = [segment(octets_of(number, 200), 2948, 9200, number) for number in range(4)]
    for segments in sent:
        assert len(feed(machine, segments)) == 1
    assert feed(machine, sent[3]) == []
    assert feed(machine, sent[2]) == []
    assert len(feed(machine, sent[0])) == 1


def test_reassembler_takes_segments_whose_header_came_apart() -> None:
    machine = Reassembler()
    ports = ApplicationPorts(2948, 9200)
    first, second = (UserDataHeader((Concatenation(7, 2, number, 16), ports)) for number in (1, 2))
    assert machine.receive_segment(PHONE, second, b"world", NOW) is None
    datagram = machine.receive_segment(PHONE, first, b"hello ", NOW)
    assert datagram is not None
    assert (datagram.payload, datagram.header) == (b"hello world", first)


def test_reassembler_refuses_a_malformed_header_and_keeps_the_rest() -> None:
    machine = Reassembler()
    segments = segment(octets_of(1, 200), 2948, 9200, 1)
    feed(machine, segments[:1])
    with pytest.raises(DecodeError):
        machine.receive(PHONE, b"\x0c\x08\x04", NOW)
    assert len(feed(machine, segments[1:])) == 1
