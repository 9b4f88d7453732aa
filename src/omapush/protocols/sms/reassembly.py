"""Datagrams from the user data of short messages, in any order and within bounds (WDP 6.2).

Segments belong together when originator, reference (with its width), count and ports agree. What
arrives twice is dropped, also for a while after the datagram is complete. A segment that
contradicts one already held (same number, other octets) starts afresh: the sender has come round to
an old reference, and what is left of the old datagram must not become part of the new one.

Bounds hold for each originator first, so that one hostile phone can push out only what it sent
itself; when the whole is full, an originator gives up an own datagram or is refused.
"""

from __future__ import annotations

import enum
from array import array
from collections import deque
from dataclasses import dataclass, field

from omapush.core.errors import LimitError
from omapush.core.instants import MINUTE_MS, Instant, later
from omapush.protocols.sms.segmentation import MAX_SEGMENTS
from omapush.protocols.sms.user_data_header import (
    LAYER,
    ApplicationPorts,
    Concatenation,
    UserDataHeader,
    split,
)


@dataclass(frozen=True, slots=True)
class ReassemblyLimits:
    """How much is kept, and for how long.

    Push 2.2 added a floor for what receivers must reassemble; its numbers are not known to us, so
    the default takes every datagram that can be written, 255 segments.

    :ivar timeout_ms: from the first segment to arrive until the datagram is given up.
    :ivar duplicates_ms: how long segments of a complete datagram are recognised and dropped.
    :ivar max_segments: of one datagram.
    :ivar originator_datagrams: incomplete ones of one originator.
    :ivar originator_octets: payload held for one originator; holds at least one datagram.
    :ivar datagrams: incomplete ones in whole.
    :ivar octets: payload held in whole.
    """

    timeout_ms: int = 10 * MINUTE_MS
    duplicates_ms: int = MINUTE_MS
    max_segments: int = MAX_SEGMENTS
    originator_datagrams: int = 8
    originator_octets: int = 65_536
    datagrams: int = 1_024
    octets: int = 4_194_304


@dataclass(frozen=True, slots=True)
class Datagram:
    """A whole datagram as it came by short messages.

    :ivar source_address: the originator, as it was given.
    :ivar header: of its first segment, other information elements included.
    :ivar segments: how many short messages it took.
    """

    source_address: str
    header: UserDataHeader
    payload: bytes
    segments: int = 1

    @property
    def destination_port(self) -> int | None:
        """The port addressed; ``None``: the user data names no ports."""
        ports = self.header.ports
        return None if ports is None else ports.destination

    @property
    def source_port(self) -> int | None:
        """The port it came from; ``None``: the user data names no ports."""
        ports = self.header.ports
        return None if ports is None else ports.source


class GivenUpReason(enum.Enum):
    """Why a datagram was not completed."""

    TIMED_OUT = "timed out"
    CONTRADICTED = "contradicted by a segment of another datagram with its reference"
    OVERFLOW = "the originator sent more than may be held"


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A datagram that will not be delivered.

    :ivar has_first: whether its first segment had come; only then may its sender be told by WCMP
        that reassembly failed.
    """

    source_address: str
    concatenation: Concatenation
    ports: ApplicationPorts | None
    received: int
    has_first: bool
    reason: GivenUpReason


@dataclass(frozen=True, slots=True)
class _Key:
    """What the segments of one datagram have in common."""

    source_address: str
    reference: int
    bits: int
    count: int
    destination_port: int | None
    source_port: int | None


@dataclass(slots=True)
class _Partial:
    """A datagram of which segments are missing."""

    deadline: Instant
    concatenation: Concatenation
    header: UserDataHeader
    segments: dict[int, bytes] = field(default_factory=dict)
    octets: int = 0


@dataclass(slots=True)
class _Share:
    """What one originator occupies: its datagrams, oldest first."""

    partials: dict[_Key, _Partial] = field(default_factory=dict)
    completed: dict[_Key, _Completed] = field(default_factory=dict)
    octets: int = 0


@dataclass(frozen=True, slots=True)
class _Completed:
    """Recognises segments of a datagram already delivered by their hashes."""

    until: Instant
    hashes: array[int]


class Reassembler:
    """Puts segments together. No clock: every call is given ``now``, which never goes back."""

    def __init__(self, limits: ReassemblyLimits | None = None) -> None:
        self._limits = limits or ReassemblyLimits()
        self._partials: dict[_Key, _Partial] = {}
        self._shares: dict[str, _Share] = {}
        self._completed: dict[_Key, _Completed] = {}
        self._given_up: deque[tuple[Instant, GivenUp]] = deque(maxlen=self._limits.datagrams)
        self._octets = 0

    @property
    def open_datagrams(self) -> int:
        """How many datagrams are incomplete."""
        return len(self._partials)

    @property
    def octets(self) -> int:
        """How many octets of payload are held."""
        return self._octets

    def holds(self, source_address: str, header: UserDataHeader) -> bool:
        """Whether the segment that ``header`` speaks of is held, its datagram being incomplete."""
        concatenation = header.concatenation
        if concatenation is None:
            return False
        partial = self._partials.get(_key(source_address, concatenation, header.ports))
        return partial is not None and concatenation.number in partial.segments

    def receive(self, source_address: str, user_data: bytes, now: Instant) -> Datagram | None:
        """Take the user data, header included, of one short message.

        :return: the datagram that it completes, or is; ``None`` while segments are missing and for
            duplicates.
        :raises DecodeError: the header is malformed; nothing else is affected.
        :raises LimitError: more segments than allowed, or no room: the segment is dropped.
        """
        return self.receive_segment(source_address, *split(user_data), now)

    def receive_segment(
        self, source_address: str, header: UserDataHeader, payload: bytes, now: Instant
    ) -> Datagram | None:
        """Take a segment as :meth:`receive` does, its header apart.

        For what comes without a header in its user data, as with SMPP's SAR parameters, and for
        text, whose payload is septets.

        :raises LimitError: as :meth:`receive` does.
        """
        self._expire(now)
        concatenation = header.concatenation
        if concatenation is None or concatenation.count == 1:
            return Datagram(source_address, header, payload)
        if concatenation.count > self._limits.max_segments:
            raise LimitError(
                f"{concatenation.count} segments, {self._limits.max_segments} are allowed",
                layer=LAYER,
            )
        key = _key(source_address, concatenation, header.ports)
        if self._is_late(key, concatenation, payload):
            return None
        partial = self._partial(key, concatenation, header, payload, now)
        if concatenation.number in partial.segments:
            return None
        self._add(key, partial, concatenation.number, header, payload, now)
        if len(partial.segments) < concatenation.count:
            return None
        return self._complete(key, partial, now)

    def next_timer(self) -> Instant | None:
        """Return when :meth:`handle_timer` has something to tell; ``None``: never as it stands."""
        if self._given_up:
            return self._given_up[0][0]
        return next((partial.deadline for partial in self._partials.values()), None)

    def handle_timer(self, now: Instant) -> list[GivenUp]:
        """Give up what has waited long enough; return all given up since the last call.

        Between two calls at most as many as there may be incomplete datagrams are remembered.
        """
        self._expire(now)
        given_up = [one for _, one in self._given_up]
        self._given_up.clear()
        return given_up

    def _is_late(self, key: _Key, concatenation: Concatenation, payload: bytes) -> bool:
        """Whether the segment was in a datagram delivered already."""
        completed = self._completed.get(key)
        if completed is None:
            return False
        if completed.hashes[concatenation.number - 1] == hash(payload):
            return True
        self._forget(key)
        return False

    def _partial(
        self,
        key: _Key,
        concatenation: Concatenation,
        header: UserDataHeader,
        payload: bytes,
        now: Instant,
    ) -> _Partial:
        """Return the datagram that the segment belongs to, a new one if need be."""
        partial = self._partials.get(key)
        if partial is not None:
            if partial.segments.get(concatenation.number, payload) == payload:
                return partial
            self._give_up(key, GivenUpReason.CONTRADICTED, now)
        return _Partial(later(now, self._limits.timeout_ms), concatenation, header)

    def _add(
        self,
        key: _Key,
        partial: _Partial,
        number: int,
        header: UserDataHeader,
        payload: bytes,
        now: Instant,
    ) -> None:
        self._make_room(key, len(payload), now)
        share = self._shares.setdefault(key.source_address, _Share())
        self._partials[key] = share.partials[key] = partial
        partial.segments[number] = payload
        if number == 1:
            partial.header = header
        partial.octets += len(payload)
        share.octets += len(payload)
        self._octets += len(payload)

    def _make_room(self, key: _Key, octets: int, now: Instant) -> None:
        """Give up this originator's oldest datagrams until the segment fits.

        :raises LimitError: it does not, and the originator has nothing else to give up.
        """
        while not self._fits(key, octets):
            share = self._shares.get(key.source_address, _Share())
            oldest = next((known for known in share.partials if known != key), None)
            if oldest is None:
                raise LimitError("no room for more incomplete datagrams", layer=LAYER)
            self._give_up(oldest, GivenUpReason.OVERFLOW, now)

    def _fits(self, key: _Key, octets: int) -> bool:
        limits = self._limits
        share = self._shares.get(key.source_address, _Share())
        more = 0 if key in self._partials else 1
        return (
            len(share.partials) + more <= limits.originator_datagrams
            and share.octets + octets <= limits.originator_octets
            and len(self._partials) + more <= limits.datagrams
            and self._octets + octets <= limits.octets
        )

    def _complete(self, key: _Key, partial: _Partial, now: Instant) -> Datagram:
        ordered = [partial.segments[number] for number in range(1, key.count + 1)]
        completed = _Completed(
            later(now, self._limits.duplicates_ms), array("q", map(hash, ordered))
        )
        self._remove(key)
        self._remember(key, completed)
        return Datagram(key.source_address, partial.header, b"".join(ordered), key.count)

    def _remember(self, key: _Key, completed: _Completed) -> None:
        """Recognise the datagram's segments from now on, if there is room."""
        share = self._shares.setdefault(key.source_address, _Share())
        self._completed[key] = share.completed[key] = completed
        if (
            len(share.completed) > self._limits.originator_datagrams
            or len(self._completed) > self._limits.datagrams
        ):
            self._forget(next(iter(share.completed)))

    def _forget(self, key: _Key) -> None:
        del self._completed[key]
        del self._shares[key.source_address].completed[key]
        self._drop_empty_share(key.source_address)

    def _give_up(self, key: _Key, reason: GivenUpReason, now: Instant) -> None:
        partial = self._remove(key)
        given_up = GivenUp(
            key.source_address,
            partial.concatenation,
            partial.header.ports,
            len(partial.segments),
            1 in partial.segments,
            reason,
        )
        self._given_up.append((now, given_up))

    def _remove(self, key: _Key) -> _Partial:
        partial = self._partials.pop(key)
        share = self._shares[key.source_address]
        del share.partials[key]
        share.octets -= partial.octets
        self._octets -= partial.octets
        self._drop_empty_share(key.source_address)
        return partial

    def _drop_empty_share(self, source_address: str) -> None:
        share = self._shares[source_address]
        if not share.partials and not share.completed:
            del self._shares[source_address]

    def _expire(self, now: Instant) -> None:
        """Forget what is over; both dictionaries are in the order of their instants."""
        while self._partials:
            key, partial = next(iter(self._partials.items()))
            if partial.deadline > now:
                break
            self._give_up(key, GivenUpReason.TIMED_OUT, now)
        while self._completed:
            key, completed = next(iter(self._completed.items()))
            if completed.until > now:
                break
            self._forget(key)


def _key(source_address: str, concatenation: Concatenation, ports: ApplicationPorts | None) -> _Key:
    return _Key(
        source_address,
        concatenation.reference,
        concatenation.bits,
        concatenation.count,
        None if ports is None else ports.destination,
        None if ports is None else ports.source,
    )
