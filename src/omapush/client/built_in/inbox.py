"""The inbox of service indications: what becomes of each one received (SI, WAP-167).

Pure: an :class:`Inbox` is a value, every function returns the next one, and ``now`` is an argument
(``None``: the client has no clock). :func:`receive` runs the steps of the specification,
:func:`to_present` gives the order in which waiting ones are shown; the user's answer is
:func:`postpone` or :func:`remove`. ``inbox_store`` keeps an inbox on disk.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from omapush.content.indication import ServiceIndication, SignalAction
from omapush.core.instants import Instant

MAX_INDICATIONS = 100
"""Indications kept; WAP-167 wants ten at least."""
MAX_CHARACTERS = 8_192
"""Characters of one indication in all its parts; WAP-167 wants 500 octets at least."""


class Outcome(enum.Enum):
    """What became of an indication that was received."""

    PRESENT = "present"
    """Stored, and to be presented as soon as may be: see :attr:`Entry.may_disturb`."""
    POSTPONED = "postponed"
    """Stored without a word to the user (signal-low)."""
    INFORM = "inform"
    """Not stored and never presented (signal-none): its info element may be used now."""
    DELETED = "deleted"
    """It asked for deletion; those it meant are gone, and so is it."""
    EXPIRED = "expired"
    """Discarded: it was over before it came."""
    OUT_OF_ORDER = "out of order"
    """Discarded: one with its id is newer or the same."""
    MALFORMED = "malformed"
    """Discarded: it asks for deletion without an explicit si-id."""
    TOO_LARGE = "too large"
    """Discarded: more than :data:`MAX_CHARACTERS`."""
    FULL = "full"
    """Discarded: there is no room, and nothing that is less urgent."""


class State(enum.Enum):
    """Where an indication in the inbox stands."""

    WAITING = "waiting"
    """To be presented."""
    POSTPONED = "postponed"
    """Presented and put off, or never to be presented on its own."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One indication in the inbox.

    :ivar number: order of arrival, never given twice.
    :ivar received: when it came, or ``None`` without a clock.
    :ivar source: the address that it came from, if that is known.
    """

    number: int
    indication: ServiceIndication
    state: State
    received: Instant | None = None
    source: str = ""

    @property
    def may_disturb(self) -> bool:
        """Whether the user may be disturbed by presenting it."""
        return self.indication.action is SignalAction.SIGNAL_HIGH


@dataclass(frozen=True, slots=True)
class Inbox:
    """The indications that are kept, in order of arrival."""

    entries: tuple[Entry, ...] = ()
    next_number: int = 1
    capacity: int = MAX_INDICATIONS


@dataclass(frozen=True, slots=True)
class Reception:
    """What :func:`receive` did.

    :ivar entry: what was stored, or ``None``.
    :ivar removed: what had to go: replaced, deleted, or to make room.
    """

    inbox: Inbox
    outcome: Outcome
    entry: Entry | None = None
    removed: tuple[Entry, ...] = ()


_URGENCY = {
    SignalAction.SIGNAL_LOW: 0,
    SignalAction.SIGNAL_MEDIUM: 1,
    SignalAction.SIGNAL_HIGH: 2,
}


def receive(
    inbox: Inbox, indication: ServiceIndication, now: Instant | None = None, source: str = ""
) -> Reception:
    """Take one indication (WAP-167, as corrected by SIN 103).

    Several that wait are received one after the other before any is presented.
    """
    refused = _refused(indication, now)
    if refused is not None:
        return Reception(inbox, refused)
    # Step 2
    same = _comparable(inbox, indication)
    if any(_is_as_new(known, indication) for known in same):
        return Reception(inbox, Outcome.OUT_OF_ORDER)
    # Steps 3 and 4; what a deletion meant goes with or without a time of creation.
    if indication.action is SignalAction.DELETE:
        meant = tuple(known for known in inbox.entries if _key(known) == indication.si_id)
        return Reception(_without(inbox, meant), Outcome.DELETED, removed=meant)
    kept = _without(inbox, same)
    # Step 5
    if indication.action is SignalAction.SIGNAL_NONE:
        return Reception(kept, Outcome.INFORM, removed=same)
    return _stored(kept, same, Entry(inbox.next_number, indication, State.WAITING, now, source))


def _refused(indication: ServiceIndication, now: Instant | None) -> Outcome | None:
    """Return why an indication is discarded whatever the inbox holds."""
    if _characters(indication) > MAX_CHARACTERS:
        return Outcome.TOO_LARGE
    # Step 1: no clock, no expiry.
    if _is_over(indication, now):
        return Outcome.EXPIRED
    if indication.action is SignalAction.DELETE and not indication.si_id:
        return Outcome.MALFORMED
    return None


def expire(inbox: Inbox, now: Instant) -> tuple[Inbox, tuple[Entry, ...]]:
    """Drop what is over by ``now``; return the inbox and what went (WAP-167)."""
    over = tuple(entry for entry in inbox.entries if _is_over(entry.indication, now))
    return _without(inbox, over), over


def next_expiry(inbox: Inbox) -> Instant | None:
    """Return when :func:`expire` has something to do next, or ``None``."""
    ends = (entry.indication.si_expires for entry in inbox.entries)
    return min((end for end in ends if end is not None), default=None)


def to_present(inbox: Inbox) -> tuple[Entry, ...]:
    """Return what waits, the most urgent first and then by arrival (WAP-167)."""
    waiting = (entry for entry in inbox.entries if entry.state is State.WAITING)
    return tuple(sorted(waiting, key=lambda entry: (-_urgency(entry), entry.number)))


def postponed(inbox: Inbox) -> tuple[Entry, ...]:
    """Return what a user finds who looks, by arrival."""
    return tuple(entry for entry in inbox.entries if entry.state is State.POSTPONED)


def postpone(inbox: Inbox, number: int) -> Inbox:
    """Put one off: the user said so, or cancelled its loading. An unknown number does nothing."""
    entries = tuple(
        replace(entry, state=State.POSTPONED) if entry.number == number else entry
        for entry in inbox.entries
    )
    return replace(inbox, entries=entries)


def remove(inbox: Inbox, number: int) -> Inbox:
    """Drop one: it was used or the user deleted it. An unknown number does nothing."""
    return _where(inbox, lambda entry: entry.number != number)


def _stored(inbox: Inbox, removed: tuple[Entry, ...], entry: Entry) -> Reception:
    silent = entry.indication.action is SignalAction.SIGNAL_LOW
    if silent:
        entry = replace(entry, state=State.POSTPONED)
    if len(inbox.entries) >= inbox.capacity:
        victim = min(inbox.entries, key=_worth, default=None)
        if victim is None or _urgency(victim) > _urgency(entry):
            return Reception(inbox, Outcome.FULL, removed=removed)
        inbox = _without(inbox, (victim,))
        removed = (*removed, victim)
    stored = replace(inbox, entries=(*inbox.entries, entry), next_number=inbox.next_number + 1)
    return Reception(stored, Outcome.POSTPONED if silent else Outcome.PRESENT, entry, removed)


def _worth(entry: Entry) -> tuple[int, bool, int]:
    """Return what decides who makes room: the least urgent, put off already, the oldest."""
    return _urgency(entry), entry.state is State.WAITING, entry.number


def _urgency(entry: Entry) -> int:
    return _URGENCY.get(entry.indication.action, 0)


def _comparable(inbox: Inbox, indication: ServiceIndication) -> tuple[Entry, ...]:
    """Return the stored ones to which steps 2 and 3 apply: one key, and both say when made."""
    wanted = indication.comparison_key
    if wanted is None or indication.created is None:
        return ()
    return tuple(
        entry
        for entry in inbox.entries
        if _key(entry) == wanted and entry.indication.created is not None
    )


def _key(entry: Entry) -> str | None:
    return entry.indication.comparison_key


def _is_as_new(known: Entry, received: ServiceIndication) -> bool:
    """Whether ``known`` was made when ``received`` was, or later; both say when."""
    made, newly_made = known.indication.created, received.created
    return made is not None and newly_made is not None and made >= newly_made


def _is_over(indication: ServiceIndication, now: Instant | None) -> bool:
    return now is not None and indication.si_expires is not None and indication.si_expires <= now


def _characters(indication: ServiceIndication) -> int:
    parts = [indication.text, indication.href or "", indication.si_id or ""]
    parts.extend(part for item in indication.info for part in (item.item_class, item.text))
    return sum(map(len, parts))


def _without(inbox: Inbox, gone: Iterable[Entry]) -> Inbox:
    numbers = {entry.number for entry in gone}
    return _where(inbox, lambda entry: entry.number not in numbers)


def _where(inbox: Inbox, keep: Callable[[Entry], bool]) -> Inbox:
    return replace(inbox, entries=tuple(filter(keep, inbox.entries)))
