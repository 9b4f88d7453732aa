"""Group commit: calls that wait at the same time share one transaction.

::

    Store methods ──► Lane.call ──► waiting ──► run_together ──► one transaction
                          ▲                          │
                          └── answers, or an error of one call alone ◄─┘

A :class:`Lane` bounds how many calls may wait and how long. Calls with the same transaction
function become one call of it with all their items. When a shared transaction fails because of
what it was given, it is taken back and each call runs alone, so that one bad value never fails its
neighbours.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
)

from omapush.core.errors import OmapushError
from omapush.ppg.store.contract import StoreRefused, StoreUnavailable

Transaction = Callable[[Connection, list[Any]], list[Any]]
"""Takes a list of items, gives one answer for each, in order."""

ITEMS_TOGETHER = 256
"""So many items share a transaction, to bound how long others wait for its locks."""
TRIES = 5
"""How often a transaction is begun that another process hindered."""

_REPEATABLE_SQLSTATES = frozenset({"40001", "40P01"})  # serialization failure, deadlock


class RepeatTransactionError(OmapushError):
    """What was read has just been changed by another process; run the transaction again."""


@dataclass(slots=True, eq=False)
class Call:
    """One waiting call. ``deadline`` is in seconds of the event loop's clock."""

    transaction: Transaction
    items: Sequence[Any]
    answer: asyncio.Future[list[Any]]
    deadline: float


Outcome = list[Any] | BaseException
Begin = Callable[[], AbstractContextManager[Connection]]
"""Opens a transaction that commits at the end, or rolls back when an exception passes."""


class Engine(Protocol):
    """Executes what a lane hands over, and reports each outcome to :meth:`Lane.finish`."""

    def hand_over(self, call: Call) -> None:
        """Take ``call``; returns at once."""


class Lane:
    """The waiting calls of one kind (writing or reading).

    :param most_waiting: calls beyond this many are refused at once.
    :param longest_wait_s: a call that is not answered after so many seconds is given up.
    """

    def __init__(self, engine: Engine, most_waiting: int, longest_wait_s: float) -> None:
        self._engine = engine
        self._most_waiting = most_waiting
        self._longest_wait_s = longest_wait_s
        self._loop = asyncio.get_running_loop()
        # In the order of their deadlines; answered calls stay until they come to the front.
        self._waiting: deque[Call] = deque()
        self._unanswered = 0
        self._watch: asyncio.TimerHandle | None = None

    async def call(self, transaction: Transaction, items: Sequence[Any]) -> list[Any]:
        """Run ``transaction`` over ``items`` together with other calls; return the answers."""
        if self._unanswered >= self._most_waiting:
            raise StoreUnavailable(f"{self._unanswered} calls are waiting for the store already")
        call = Call(
            transaction,
            items,
            self._loop.create_future(),
            self._loop.time() + self._longest_wait_s,
        )
        self._waiting.append(call)
        self._unanswered += 1
        if self._watch is None:
            self._watch = self._loop.call_at(call.deadline, self._give_up_late_ones)
        self._engine.hand_over(call)
        return await call.answer

    def finish(self, outcomes: Sequence[tuple[Call, Outcome]]) -> None:
        """Give each call its outcome; a call that was given up before is passed over."""
        for call, outcome in outcomes:
            self._unanswered -= 1
            if call.answer.done():
                continue
            if isinstance(outcome, BaseException):
                call.answer.set_exception(outcome)
            else:
                call.answer.set_result(outcome)
        while self._waiting and self._waiting[0].answer.done():
            self._waiting.popleft()

    def close(self) -> None:
        """Fail what still waits."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        for call in self._waiting:
            if not call.answer.done():
                call.answer.set_exception(StoreUnavailable("the store is closed"))
        self._waiting.clear()

    def _give_up_late_ones(self) -> None:
        now = self._loop.time()
        while self._waiting and (
            self._waiting[0].answer.done() or self._waiting[0].deadline <= now
        ):
            call = self._waiting.popleft()
            if not call.answer.done():
                call.answer.set_exception(
                    StoreUnavailable(f"the store did not answer within {self._longest_wait_s:g} s")
                )
        self._watch = None
        if self._waiting:
            self._watch = self._loop.call_at(self._waiting[0].deadline, self._give_up_late_ones)


def run_together(begin: Begin, calls: Sequence[Call]) -> list[tuple[Call, Outcome]]:
    """Run ``calls`` in one transaction; if one of them spoils it, each in its own."""
    # A call that nobody waits for any more has not begun, and need not.
    wanted = [call for call in calls if not call.answer.done()]
    outcomes: list[tuple[Call, Outcome]] = [(c, []) for c in calls if c.answer.done()]
    try:
        answers = _transact(begin, wanted)
        outcomes += zip(wanted, answers, strict=True)
    except StoreUnavailable as error:
        outcomes += [(call, _fresh(error)) for call in wanted]
    except Exception as error:  # noqa: BLE001 # every error is handed to the call that caused it
        if len(wanted) == 1:
            outcomes.append((wanted[0], error))
        else:
            for call in wanted:
                outcomes += run_together(begin, [call])
    return outcomes


def _transact(begin: Begin, calls: Sequence[Call]) -> list[list[Any]]:
    for tries_left in reversed(range(TRIES)):
        try:
            with begin() as connection:
                return _run_groups(connection, calls)
        except (DBAPIError, OSError, UnicodeError, OverflowError, RepeatTransactionError) as error:
            if not (tries_left and _is_repeatable(error)):
                raise as_store_error(error) from error
    raise AssertionError("unreachable")


def _run_groups(connection: Connection, calls: Sequence[Call]) -> list[list[Any]]:
    """Run calls with the same transaction function as one; return the answers call by call."""
    groups: dict[Transaction, list[Any]] = {}
    places = []
    for call in calls:
        items = groups.setdefault(call.transaction, [])
        places.append(slice(len(items), len(items) + len(call.items)))
        items.extend(call.items)
    answers = {transaction: transaction(connection, items) for transaction, items in groups.items()}
    return [answers[call.transaction][place] for call, place in zip(calls, places, strict=True)]


def as_store_error(error: Exception) -> OmapushError:
    """Return what the contract calls ``error``: refused for what it was given, or unavailable."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    reason = str(cause).partition("\n")[0] or type(cause).__name__
    if isinstance(error, UnicodeError | OverflowError | DataError | IntegrityError):
        return StoreRefused(f"the store cannot hold this: {reason}")
    if isinstance(error, OperationalError | InterfaceError | InternalError | OSError):
        return StoreUnavailable(f"the store does not answer: {reason}")
    if isinstance(error, RepeatTransactionError) or _is_repeatable(error):
        return StoreUnavailable(f"the store is changed by others too often: {reason}")
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return StoreUnavailable(f"the connection to the store broke: {reason}")
    if isinstance(error, DBAPIError) and _sqlstate(error)[:2] in ("08", "25", "53", "57", "58"):
        # Connection, read-only standby, resources, operator intervention, system error.
        return StoreUnavailable(f"the store does not answer: {reason}")
    return StoreRefused(f"the store cannot do this: {reason}")


def _fresh(error: StoreUnavailable) -> StoreUnavailable:
    copy = StoreUnavailable(error.reason, error.position)
    copy.__cause__ = error.__cause__
    return copy


def _is_repeatable(error: Exception) -> bool:
    if isinstance(error, RepeatTransactionError):
        return True
    return isinstance(error, DBAPIError) and _sqlstate(error) in _REPEATABLE_SQLSTATES


def _sqlstate(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")
