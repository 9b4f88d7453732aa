"""Whether an Invoke is new (WAP-224, 7.8): what was last seen of each initiator.

A network may deliver a datagram twice, even long after. A responder therefore remembers the last
transaction identifier of each initiator, and asks the initiator (Ack with Tve) when that memory
cannot tell.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from omapush.core.instants import Instant, later

WINDOW = 1 << 14
"""Identifiers ahead of the last one that count as new: half of all."""


def is_ahead(transaction_id: int, last: int) -> bool:
    """Apply the test of WAP-224 7.8.2: ``transaction_id`` comes after ``last``, counting round."""
    if transaction_id >= last:
        return 0 < transaction_id - last <= WINDOW
    return last - transaction_id >= WINDOW


@dataclass(slots=True)
class _Entry:
    last: int
    until: Instant


class TransactionIdCache:
    """The last identifier of each of many initiators, bounded in number and in time.

    :param size: initiators remembered at once.
    :param lifetime_ms: how long a datagram may live in the network, generously.
    :param started: since when this cache has seen everything; an initiator that it does not know
        is trusted only when nothing from before can still be under way.
    """

    def __init__(self, size: int, lifetime_ms: int, started: Instant) -> None:
        self._size = size
        self._lifetime_ms = lifetime_ms
        self._complete_from = later(started, lifetime_ms)
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def accepts(
        self, initiator: Hashable, transaction_id: int, *, tid_new: bool, now: Instant
    ) -> bool:
        """Tell whether an Invoke of class 1 or 2 is certainly new, and remember it then.

        ``False``: ask the initiator, and call :meth:`verified` if it affirms.
        """
        entry = self._known(initiator, now)
        if tid_new:
            self._remember(initiator, 0, now)
            return False
        if entry is None:
            if now < self._complete_from:
                return False
            # Nothing of it for a lifetime: no duplicate can be under way.
            self._remember(initiator, transaction_id, now)
            return True
        if is_ahead(transaction_id, entry.last):
            self._remember(initiator, transaction_id, now)
            return True
        return False

    def verified(
        self, initiator: Hashable, transaction_id: int, *, tid_new: bool, now: Instant
    ) -> None:
        """The initiator affirmed: the value kept stays unless it began anew (WAP-224, 7.8.3)."""
        if tid_new or self._known(initiator, now) is None:
            self._remember(initiator, transaction_id, now)

    def _known(self, initiator: Hashable, now: Instant) -> _Entry | None:
        entry = self._entries.get(initiator)
        if entry is not None and entry.until <= now:
            del self._entries[initiator]
            return None
        return entry

    def _remember(self, initiator: Hashable, last: int, now: Instant) -> None:
        self._entries[initiator] = _Entry(last, later(now, self._lifetime_ms))
        self._entries.move_to_end(initiator)
        if len(self._entries) > self._size:
            _, forgotten = self._entries.popitem(last=False)
            # What is forgotten too early could be taken for new; so nobody unknown is trusted.
            self._complete_from = max(self._complete_from, forgotten.until)
