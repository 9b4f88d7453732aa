"""A message that comes in chunks: in any order, overlapping, with gaps (RFC 4975 5.1, 7.3.1)."""

from __future__ import annotations

from bisect import bisect_right

from omapush.protocols.msrp.bad_frame import BadFrame
from omapush.protocols.msrp.byte_range import ByteRange

MAX_PIECES = 1_024
"""So many separate pieces one message may have while it comes."""


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
        self._starts: list[int] = []  # of the pieces, in order, counted from 0
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
        return bytes(self._pieces[0]) if self._pieces else b""

    def _place(self, start: int, octets: bytes) -> None:
        """Put octets where they belong; of what comes twice the later counts (7.3.1)."""
        if not octets:
            return
        place = bisect_right(self._starts, start) - 1
        if place >= 0 and self._starts[place] + len(self._pieces[place]) >= start:
            piece, begin = self._pieces[place], self._starts[place]
            before = len(piece)
            if start - begin == before:
                piece += octets  # as nearly always; the other takes twice as long
            else:
                piece[start - begin : start - begin + len(octets)] = octets
            self._octets += len(piece) - before
        else:
            place += 1
            if len(self._pieces) >= MAX_PIECES:
                raise TooLarge(f"more than {MAX_PIECES} separate pieces")
            self._starts.insert(place, start)
            self._pieces.insert(place, bytearray(octets))
            self._octets += len(octets)
        self._join(place)

    def _join(self, place: int) -> None:
        """Join the piece with those behind it that it has reached."""
        piece, begin = self._pieces[place], self._starts[place]
        while place + 1 < len(self._pieces) and self._starts[place + 1] <= begin + len(piece):
            overlap = begin + len(piece) - self._starts[place + 1]
            following = self._pieces[place + 1]
            self._octets -= min(overlap, len(following))
            piece += following[overlap:]
            del self._pieces[place + 1], self._starts[place + 1]
