"""Messages from chunks: any order, overlaps, lies."""

from __future__ import annotations

import random

import pytest

from omapush.protocols.msrp.assembling import (
    MAX_PIECES,
    IncomingMessage,
    OutOfBounds,
    TooLarge,
)
from omapush.protocols.msrp.byte_range import ByteRange

TEXT = bytes(range(256)) * 4


def put(message: IncomingMessage, chunk: ByteRange, content: bytes, *, last: bool = False) -> None:
    """Give a whole chunk."""
    message.begin(chunk)
    message.add(content)
    message.finish(last=last)


def test_chunks_in_any_order_become_the_message() -> None:
    order = random.Random(7)
    starts = list(range(0, len(TEXT), 100))
    order.shuffle(starts)
    message = IncomingMessage(10_000)
    for start in starts:
        part = TEXT[start : start + 130]  # with overlaps
        chunk = ByteRange(start + 1, start + len(part), len(TEXT))
        put(message, chunk, part, last=start + len(part) == len(TEXT))
    assert message.content == TEXT
    assert message.octets == len(TEXT)


def test_what_comes_last_counts() -> None:
    message = IncomingMessage(100)
    put(message, ByteRange(1, 10, 10), b"a" * 10, last=True)
    message = IncomingMessage(100)
    put(message, ByteRange(1, 6, 10), b"a" * 6)
    put(message, ByteRange(4, 8, 10), b"b" * 5)
    put(message, ByteRange(8, 10, 10), b"c" * 3, last=True)
    assert message.content == b"aaabbbbccc"


def test_message_is_not_there_while_something_is_missing() -> None:
    message = IncomingMessage(100)
    put(message, ByteRange(6, 10, 10), b"b" * 5, last=True)
    assert message.content is None
    put(message, ByteRange(1, 5, 10), b"a" * 5)
    assert message.content == b"aaaaabbbbb"


def test_message_of_unknown_length_ends_with_its_last_chunk() -> None:
    message = IncomingMessage(100)
    put(message, ByteRange(1, None, None), b"abc")
    put(message, ByteRange(4, None, None), b"def", last=True)
    assert message.content == b"abcdef"


def test_empty_message_is_one() -> None:
    message = IncomingMessage(100)
    put(message, ByteRange(1, 0, 0), b"", last=True)
    assert message.content == b""


@pytest.mark.parametrize(
    ("chunk", "content"),
    [
        (ByteRange(1, 3, 10), b"abcd"),
        (ByteRange(1, 3, 10), b"ab"),
        (ByteRange(9, None, 10), b"abc"),
        (ByteRange(11, None, 10), b"x"),
    ],
)
def test_chunk_that_lies_is_out_of_bounds(chunk: ByteRange, content: bytes) -> None:
    with pytest.raises(OutOfBounds):
        put(IncomingMessage(100), chunk, content)


def test_total_that_changes_is_out_of_bounds() -> None:
    message = IncomingMessage(100)
    put(message, ByteRange(1, 1, 10), b"a")
    with pytest.raises(OutOfBounds):
        message.begin(ByteRange(2, 2, 11))


def test_last_chunk_that_ends_early_is_out_of_bounds() -> None:
    with pytest.raises(OutOfBounds):
        put(IncomingMessage(100), ByteRange(1, None, 10), b"abc", last=True)


@pytest.mark.parametrize("total", [101, None])
def test_message_that_is_too_long_is_refused(total: int | None) -> None:
    message = IncomingMessage(100)
    with pytest.raises(TooLarge):
        put(message, ByteRange(1, None, total), b"a" * 101)
    assert message.octets == 0


def test_far_away_octet_costs_nothing() -> None:
    message = IncomingMessage(10**12)
    put(message, ByteRange(10**11, None, None), b"a")
    assert message.octets == 1


def test_pieces_are_limited() -> None:
    message = IncomingMessage(100_000)
    for number in range(MAX_PIECES):
        put(message, ByteRange(2 * number + 1, None, None), b"a")
    with pytest.raises(TooLarge):
        put(message, ByteRange(2 * MAX_PIECES + 1, None, None), b"a")


def test_message_that_comes_backwards_is_not_copied_with_each_octet() -> None:
    tail = bytes(8 * 1_048_576)
    before = MAX_PIECES - 1
    message = IncomingMessage(len(tail) + before)
    put(message, ByteRange(before + 1, None, before + len(tail)), tail, last=True)
    for number in range(before, 0, -1):
        put(message, ByteRange(number, number, before + len(tail)), b"a")
    assert message.octets == before + len(tail)
    assert message.content == b"a" * before + tail


@pytest.mark.parametrize("seed", range(20))
def test_overlapping_chunks_leave_what_came_last_at_each_octet(seed: int) -> None:
    order = random.Random(seed)
    total = 200
    message, model = IncomingMessage(total), bytearray(total)
    put(message, ByteRange(total, total, total), b"z", last=True)
    model[-1:] = b"z"
    while message.octets < total:
        start = order.randrange(total)
        part = bytes([order.randrange(256)]) * min(order.randrange(60), total - start)
        put(message, ByteRange(start + 1, start + len(part), total), part)
        model[start : start + len(part)] = part
    assert message.content == bytes(model)
