"""Services waiting to be loaded (SL, WAP-168).

Pure, like ``inbox``: a :class:`LoadingQueue` is a value. Whether this client follows service
loading at all, and from whom, is policy and decided before.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from omapush.content.indication import LoadingAction, ServiceLoading

MAX_WAITING = 16
"""Services that wait; WAP-168 wants three at least."""
MAX_HREF = 2_048
"""Characters of an address; WAP-168 wants 500 octets at least."""

_URGENCY = {LoadingAction.CACHE: 0, LoadingAction.EXECUTE_LOW: 1, LoadingAction.EXECUTE_HIGH: 2}


class Loading(enum.Enum):
    """What became of a service loading that was received."""

    QUEUED = "queued"
    REPLACED = "replaced"
    """Queued; a less urgent one with the same address is dropped."""
    DUPLICATE = "duplicate"
    """Dropped: one with the same address waits and is as urgent."""
    NO_CACHE = "no cache"
    """Dropped silently: it asks for caching and the client has no cache."""
    FULL = "full"
    """Dropped: too many wait that are as urgent."""
    TOO_LARGE = "too large"
    """Dropped: the address is longer than :data:`MAX_HREF`."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One service in the queue; ``number`` is the order of arrival."""

    number: int
    href: str
    action: LoadingAction

    @property
    def runs(self) -> bool:
        """Whether it is executed, in a clean context; otherwise it only goes into the cache."""
        return self.action is not LoadingAction.CACHE

    @property
    def may_disturb(self) -> bool:
        """Whether loading it may disturb the user."""
        return self.action is LoadingAction.EXECUTE_HIGH


@dataclass(frozen=True, slots=True)
class LoadingQueue:
    """What waits, the next first: by action (high, low, cache), then by arrival."""

    waiting: tuple[Waiting, ...] = ()
    next_number: int = 1
    capacity: int = MAX_WAITING


def receive(
    queue: LoadingQueue, loading: ServiceLoading, *, has_cache: bool = True
) -> tuple[LoadingQueue, Loading]:
    """Take one service loading; of several with one address the most urgent is kept."""
    if len(loading.href) > MAX_HREF:
        return queue, Loading.TOO_LARGE
    if loading.action is LoadingAction.CACHE and not has_cache:
        return queue, Loading.NO_CACHE
    entry = Waiting(queue.next_number, loading.href, loading.action)
    same = next((known for known in queue.waiting if known.href == entry.href), None)
    if same is not None:
        if _URGENCY[same.action] >= _URGENCY[entry.action]:
            return queue, Loading.DUPLICATE
        return _with(_without(queue, same), entry), Loading.REPLACED
    if len(queue.waiting) >= queue.capacity:
        last = queue.waiting[-1] if queue.waiting else None
        if last is None or _URGENCY[last.action] >= _URGENCY[entry.action]:
            return queue, Loading.FULL
        queue = _without(queue, last)
    return _with(queue, entry), Loading.QUEUED


def take(queue: LoadingQueue) -> tuple[LoadingQueue, Waiting | None]:
    """Take out the next service to be loaded, ``None`` if nothing waits."""
    if not queue.waiting:
        return queue, None
    return replace(queue, waiting=queue.waiting[1:]), queue.waiting[0]


def _with(queue: LoadingQueue, entry: Waiting) -> LoadingQueue:
    ordered = sorted(
        (*queue.waiting, entry), key=lambda known: (-_URGENCY[known.action], known.number)
    )
    return replace(queue, waiting=tuple(ordered), next_number=queue.next_number + 1)


def _without(queue: LoadingQueue, gone: Waiting) -> LoadingQueue:
    return replace(queue, waiting=tuple(known for known in queue.waiting if known != gone))
