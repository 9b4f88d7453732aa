"""Packets, groups, and what is missing of a message (WAP-224, 7.14)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.errors import EncodeError, LimitError
from omapush.protocols.wtp.segmentation import Collected, OutgoingMessage, Reassembly


def test_a_short_message_is_one_packet() -> None:
    message = OutgoingMessage(b"short", 10, 30)
    assert not message.is_segmented
    assert message.in_last_group
    assert list(message.group) == [0]


def test_groups_hold_as_many_octets_as_agreed_and_at_least_one_packet() -> None:
    message = OutgoingMessage(b"x" * 65, 10, 25)
    groups = [list(message.group)]
    while not message.in_last_group:
        message.next_group()
        groups.append(list(message.group))
    assert groups == [[0, 1], [2, 3], [4, 5, 6]]
    small = OutgoingMessage(b"x" * 30, 10, 5)
    assert list(small.group) == [0]


def test_trailers_mark_the_end_of_a_group_and_of_the_message() -> None:
    message = OutgoingMessage(b"x" * 40, 10, 20)
    assert [message.trailers(number) for number in message.group] == [
        (False, False),
        (True, False),
    ]
    message.next_group()
    assert [message.trailers(number) for number in message.group] == [
        (False, False),
        (False, True),
    ]


def test_a_smaller_group_counts_from_the_next_one_on() -> None:
    message = OutgoingMessage(b"x" * 60, 10, 30)
    message.limit_group(10)
    assert list(message.group) == [0, 1, 2]
    message.next_group()
    assert list(message.group) == [3]


def test_a_message_of_over_256_packets_is_not_sent() -> None:
    assert OutgoingMessage(b"x" * 2560, 10, 100).is_segmented
    with pytest.raises(EncodeError):
        OutgoingMessage(b"x" * 2561, 10, 100)


def add(
    reassembly: Reassembly, number: int, data: bytes, *, gtr: bool = False, ttr: bool = False
) -> Collected:
    return reassembly.add(number, data, group_trailer=gtr, transmission_trailer=ttr)


def test_packets_in_order_complete_groups_and_then_the_message() -> None:
    one = Reassembly(100)
    assert add(one, 0, b"a") is Collected.PART
    assert add(one, 1, b"b", gtr=True) is Collected.GROUP
    assert one.trailer == 1
    assert add(one, 2, b"c", ttr=True) is Collected.MESSAGE
    assert one.take_message() == b"abc"


def test_a_gap_is_named_and_filled_late() -> None:
    one = Reassembly(100)
    add(one, 0, b"a")
    assert add(one, 3, b"d", gtr=True) is Collected.GAP
    assert one.missing(one.trailer) == (1, 2)
    assert add(one, 2, b"c") is Collected.PART
    assert add(one, 1, b"b") is Collected.GROUP
    assert add(one, 3, b"other", gtr=True) is Collected.GROUP
    assert add(one, 1, b"b") is Collected.PART
    assert add(one, 4, b"e", ttr=True) is Collected.MESSAGE
    assert one.take_message() == b"abcde"


def test_a_message_taken_is_not_kept_and_its_last_packet_is_recognised() -> None:
    one = Reassembly(100)
    add(one, 0, b"a", ttr=True)
    assert not one.is_segmented
    one.take_message()
    assert one.is_complete
    assert add(one, 0, b"a", ttr=True) is Collected.MESSAGE
    assert add(one, 7, b"z") is Collected.PART


def test_a_message_larger_than_allowed_is_refused() -> None:
    one = Reassembly(10)
    add(one, 0, b"x" * 10)
    add(one, 0, b"x" * 10)
    with pytest.raises(LimitError):
        add(one, 1, b"y")


@settings(max_examples=50)
@given(
    data=st.binary(min_size=11, max_size=400),
    size=st.integers(5, 60),
    group=st.integers(1, 200),
    order=st.randoms(use_true_random=False),
)
def test_packets_in_any_order_and_twice_give_the_message(
    data: bytes, size: int, group: int, order: st.randoms
) -> None:
    message = OutgoingMessage(data, size, group)
    packets = []
    while True:
        packets += [(number, *message.trailers(number)) for number in message.group]
        if message.in_last_group:
            break
        message.next_group()
    packets *= 2
    order.shuffle(packets)
    one = Reassembly(len(data))
    events = [
        one.add(number, message.packet(number), group_trailer=gtr, transmission_trailer=ttr)
        for number, gtr, ttr in packets
    ]
    assert events[-1] is Collected.MESSAGE
    assert one.take_message() == data
