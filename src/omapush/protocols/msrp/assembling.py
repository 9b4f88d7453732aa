"""A message that comes in chunks: in any order, overlapping, with gaps (RFC 4975 5.1, 7.3.1)."""

from __future__ import annotations

from bisect import bisect_right

from omapush.protocols.msrp.bad_frame import BadFrame
from omapush.protocols.msrp.byte_range import ByteRange

MAX_PIECES = 16_384
"""So many pieces one message may have while it comes: 32 MiB backwards, in the smallest chunks that
are usual."""


class OutOfBounds(BadFrame):
    """A chunk has octets that its own range, or the range of an earlier one, leaves out (423)."""


class TooLarge(BadFrame):
    """A message is longer than is taken (413)."""


class IncomingMessage:
    """What has come of one message.

    :param max_octets: the longest message that is taken.
    """

    def __init__(self, max_octets: int) -> None:
        self._max = max_octets
        # Of the pieces, in order, counted from 0. None overlaps another, but they may touch: pieces
        # that were joined would be copied as often as a sender goes backwards.
        self._starts: list[int] = []
        self._pieces: list[bytearray] = []
        self._octets = 0
        self._total: int | None = None
        self._has_last = False
        self._position = 0
        self._end: int | None = None

    @property
    def octets(self) -> int:
        """How many octets are held."""
        return self._octets

    def begin(self, chunk: ByteRange) -> None:
        """A chunk begins. :raises OutOfBounds: its range cannot be. :raises TooLarge: it is."""
        if chunk.total is not None:
            if self._total not in (None, chunk.total):
                raise OutOfBounds(f"a total of {chunk.total}, and before it was {self._total}")
            self._total = chunk.total
            if chunk.total > self._max:
                raise TooLarge(f"{chunk.total} octets, and {self._max} are taken")
        if self._total is not None and max(chunk.end or 0, chunk.start - 1) > self._total:
            raise OutOfBounds(f"{chunk} is beyond the total of {self._total}")
        self._position, self._end = chunk.start - 1, chunk.end

    def add(self, octets: bytes) -> None:
        """Take content of the chunk that began last.

        :raises OutOfBounds: it is longer than its range. :raises TooLarge: the message is too long.
        """
        position, after = self._position, self._position + len(octets)
        bound = self._total if self._end is None else self._end
        if bound is not None and after > bound:
            raise OutOfBounds(f"content up to octet {after}, and the range ends at {bound}")
        if after > self._max:
            raise TooLarge(f"more than {self._max} octets")
        self._position = after
        self._place(position, octets)

    def finish(self, *, last: bool) -> None:
        """The chunk that began last has ended; ``last``: the sender has no more.

        :raises OutOfBounds: it is shorter than its range says, or than the total.
        """
        if self._end is not None and self._position != self._end:
            raise OutOfBounds(f"content up to octet {self._position}, and {self._end} was said")
        if not last:
            return
        if self._total is None:
            self._total = self._position
        if self._position != self._total:
            raise OutOfBounds(f"ended at octet {self._position} of {self._total}")
        self._has_last = True

    @property
    def content(self) -> bytes | None:
        """The whole message; ``None``: something is missing."""
        if not self._has_last or self._octets != self._total:
            return None
        return b"".join(self._pieces)

    def _place(self, start: int, octets: bytes) -> None:
        """Put octets where they belong; of what comes twice the later counts (7.3.1)."""
        place, end = bisect_right(self._starts, start) - 1, start + len(octets)
        if place < 0 or self._end_of(place) <= start:
            place += 1
        done = start
        while done < end:
            begin = self._starts[place] if place < len(self._starts) else end
            if done < begin:
                until = min(begin, end)
                place = self._fill(place, done, octets[done - start : until - start])
            else:
                until = min(self._end_of(place), end)
                piece = self._pieces[place]
                piece[done - begin : until - begin] = octets[done - start : until - start]
                place += 1
            done = until

    def _fill(self, place: int, start: int, octets: bytes) -> int:
        """Put octets into the gap before a piece; return where that piece stands then."""
        self._octets += len(octets)
        if place and self._end_of(place - 1) == start:
            self._pieces[place - 1] += octets
            return place
        if len(self._pieces) >= MAX_PIECES:
            raise TooLarge(f"more than {MAX_PIECES} separate pieces")
        self._starts.insert(place, start)
        self._pieces.insert(place, bytearray(octets))
        return place + 1

    def _end_of(self, place: int) -> int:
        return self._starts[place] + len(self._pieces[place])
