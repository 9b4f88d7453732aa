"""Segmentation and re-assembly of long messages (WAP-224, 7.14): packets, groups, what is missing.

A message of several packets leaves in groups; a group is acknowledged as a whole before the next
one is sent. :class:`OutgoingMessage` knows where its sender is, :class:`Reassembly` what its
receiver has.
"""

from __future__ import annotations

import enum

from omapush.core.errors import EncodeError, LimitError
from omapush.protocols.wtp.codes import LAYER

MAX_PACKETS = 256
"""Packets of one message: sequence numbers are one octet and do not wrap."""


class OutgoingMessage:
    """A user's message as packets, and the group under way.

    :param segment_size: octets of data in each packet, ``None`` to send it whole.
    :param maximum_group: octets of data in each group (at least one packet goes).
    :raises EncodeError: it needs more than :data:`MAX_PACKETS`.
    """

    def __init__(self, data: bytes, segment_size: int | None, maximum_group: int) -> None:
        if segment_size is None or len(data) <= segment_size:
            self._packets = [data]
        else:
            self._packets = [
                data[at : at + segment_size] for at in range(0, len(data), segment_size)
            ]
        if len(self._packets) > MAX_PACKETS:
            raise EncodeError(f"{len(data)} octets need more than {MAX_PACKETS} packets")
        self.data = data
        self._start = 0
        self._end = 0
        self.limit_group(maximum_group)

    @property
    def is_segmented(self) -> bool:
        """Whether there is more than one packet."""
        return len(self._packets) > 1

    @property
    def group(self) -> range:
        """The sequence numbers of the group under way."""
        return range(self._start, self._end)

    @property
    def trailer(self) -> int:
        """The sequence number of the last packet of the group under way."""
        return self._end - 1

    @property
    def in_last_group(self) -> bool:
        """Whether nothing comes after the group under way."""
        return self._end == len(self._packets)

    def packet(self, number: int) -> bytes:
        """Return the data of a packet."""
        return self._packets[number]

    def trailers(self, number: int) -> tuple[bool, bool]:
        """Return the flags GTR and TTR of a packet of a segmented message."""
        last = number == len(self._packets) - 1
        return number == self.trailer and not last, last

    def limit_group(self, octets: int) -> None:
        """The receiver takes so many octets in one group, from the next group on."""
        self._group_size = max(1, octets)
        if self._end == 0:
            self._end = self._fill(0)

    def next_group(self) -> None:
        """The group under way was acknowledged; the next one is."""
        self._start, self._end = self._end, self._fill(self._end)

    def _fill(self, start: int) -> int:
        end = start + 1
        octets = len(self._packets[start])
        while end < len(self._packets) and octets + len(self._packets[end]) <= self._group_size:
            octets += len(self._packets[end])
            end += 1
        return end


class Collected(enum.Enum):
    """What a packet did for the message it belongs to."""

    PART = "part"
    """It is kept; its group goes on."""
    GAP = "gap"
    """It ends a group of which packets are missing."""
    GROUP = "group"
    """All packets up to the end of a group are there."""
    MESSAGE = "message"
    """All packets are there."""


class Reassembly:
    """The packets of one message that have arrived.

    :param maximum_size: octets of the whole message that are taken.
    """

    def __init__(self, maximum_size: int) -> None:
        self._maximum_size = maximum_size
        self._size = 0
        self._packets: dict[int, bytes] = {}
        self._trailer = -1
        self._last: int | None = None
        self._taken = False

    @property
    def trailer(self) -> int:
        """The highest sequence number at which a group was seen to end, -1 before the first."""
        return self._trailer

    @property
    def is_segmented(self) -> bool:
        """Whether it comes in more than one packet."""
        return self._last != 0

    @property
    def is_complete(self) -> bool:
        """Whether every packet of the message is there."""
        return self._taken or (self._last is not None and not self.missing(self._last))

    def add(
        self, number: int, data: bytes, *, group_trailer: bool, transmission_trailer: bool
    ) -> Collected:
        """Keep a packet; one that is there already changes nothing.

        :raises LimitError: the message is larger than what is taken.
        """
        ends_group = group_trailer or transmission_trailer
        if self._taken:
            return Collected.MESSAGE if transmission_trailer else Collected.PART
        is_new = number not in self._packets
        if is_new:
            if self._size + len(data) > self._maximum_size:
                raise LimitError(f"a message of over {self._maximum_size} octets", None, LAYER)
            self._packets[number] = data
            self._size += len(data)
        if transmission_trailer and self._last is None:
            self._last = number
        if ends_group:
            self._trailer = max(self._trailer, number)
        if self.is_complete:
            return Collected.MESSAGE
        if not ends_group and (number > self._trailer or not is_new):
            return Collected.PART
        if self.missing(self._trailer):
            return Collected.GAP if ends_group else Collected.PART
        # Also when the packet that was missing comes after the trailer.
        return Collected.GROUP

    def missing(self, up_to: int) -> tuple[int, ...]:
        """Return the sequence numbers from 0 to ``up_to`` that are not there."""
        return tuple(number for number in range(up_to + 1) if number not in self._packets)

    def take_message(self) -> bytes:
        """Return the message and keep it no longer; only when :attr:`is_complete`, and once."""
        last = 0 if self._last is None else self._last
        message = b"".join(self._packets[number] for number in range(last + 1))
        self._packets.clear()
        self._taken = True
        return message
