"""Group commit: calls that wait at the same time share one transaction.

::

    Store methods ──► Lane.call ──► waiting ──► a worker ──► one transaction ──► commit
                          ▲                        │
                          └─ answers, or an error of one call alone ◄┘

A :class:`Lane` bounds how many calls may wait and how long. Its workers are tasks, each with one
transaction at a time; what comes while they commit waits for the next. Calls with the same
transaction function become one call of it with all their items. When a shared transaction fails
because of what it was given, it is taken back and each call runs alone, so that one bad value never
fails its neighbours.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import Connection
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as SqlalchemyTimeoutError

from omapush.core.errors import OmapushError
from omapush.ppg.store.contract import StoreRefused, StoreUnavailable

Transaction = Callable[[Connection, list[Any]], list[Any]]
"""Takes a list of items, gives one answer for each, in order."""

ITEMS_TOGETHER = 256
"""So many items share a transaction, to bound how long others wait for its locks."""
ROWS_TOGETHER = 1_024
"""So many rows do: one push to very many brings as many as hundreds of others."""
TRIES = 5
"""How often a transaction is begun that another process hindered."""

_REPEATABLE_SQLSTATES = frozenset({"40001", "40P01"})  # serialization failure, deadlock


class RepeatTransactionError(OmapushError):
    """What was read has just been changed by another process; run the transaction again."""


DATABASE_ERRORS = (
    DBAPIError,
    SqlalchemyTimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
    UnicodeError,
    OverflowError,
    RepeatTransactionError,
)
"""What a transaction may raise for which :func:`as_store_error` has a name. asyncpg's own errors
come unwrapped when they happen while connecting."""


Work = Callable[[Connection], list[list[Any]]]
Transact = Callable[[Work], Awaitable[list[list[Any]]]]
"""Runs the work in a transaction of its own; commits if it returns, rolls back if it raises."""


@dataclass(slots=True, eq=False)
class Call:
    """One waiting call. ``deadline`` is in seconds of the event loop's clock."""

    transaction: Transaction
    items: Sequence[Any]
    rows: int
    answer: asyncio.Future[list[Any]]
    deadline: float


class Lane:
    """The waiting calls of one kind (writing or reading), and the workers that run them.

    :param transact: gives a transaction of the database.
    :param workers: how many transactions may go on at a time.
    :param most_waiting: calls beyond this many are refused at once.
    :param longest_wait_s: a call that is not answered after so many seconds is given up.
    """

    def __init__(
        self, transact: Transact, workers: int, most_waiting: int, longest_wait_s: float
    ) -> None:
        self._transact = transact
        self._most_waiting = most_waiting
        self._longest_wait_s = longest_wait_s
        self._loop = asyncio.get_running_loop()
        # Both bounded by ``most_waiting``, for what is not answered is counted.
        self._waiting: deque[Call] = deque()
        self._watched: deque[Call] = deque()  # in the order of their deadlines
        self._unanswered = 0
        self._watch: asyncio.TimerHandle | None = None
        self._arrived = asyncio.Event()
        self._closing = False
        self._workers = [self._loop.create_task(self._work()) for _ in range(workers)]

    async def call(
        self, transaction: Transaction, items: Sequence[Any], rows: int | None = None
    ) -> list[Any]:
        """Run ``transaction`` over ``items`` together with other calls; return the answers.

        :param rows: about how many rows it writes, if that is not one for each item.
        """
        if self._closing:
            raise StoreUnavailable("the store is closed")
        if self._unanswered >= self._most_waiting:
            raise StoreUnavailable(f"{self._unanswered} calls are waiting for the store already")
        deadline = self._loop.time() + self._longest_wait_s
        call = Call(
            transaction,
            items,
            len(items) if rows is None else rows,
            self._loop.create_future(),
            deadline,
        )
        self._unanswered += 1
        self._waiting.append(call)
        self._watched.append(call)
        if self._watch is None:
            self._watch = self._loop.call_at(deadline, self._give_up_late_ones)
        self._arrived.set()
        return await call.answer

    async def close(self) -> None:
        """Finish what waits, then end the workers."""
        self._closing = True
        self._arrived.set()
        await asyncio.gather(*self._workers)
        if self._watch is not None:
            self._watch.cancel()

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                if self._closing:
                    return
                self._arrived.clear()
                await self._arrived.wait()
            calls = self._take_what_waits()
            await self._run_together(calls)
            self._unanswered -= len(calls)
            while self._watched and self._watched[0].answer.done():
                self._watched.popleft()

    def _take_what_waits(self) -> list[Call]:
        calls: list[Call] = []
        items = rows = 0
        while self._waiting and items < ITEMS_TOGETHER and rows < ROWS_TOGETHER:
            call = self._waiting.popleft()
            calls.append(call)
            items += len(call.items)
            rows += call.rows
        return calls

    async def _run_together(self, calls: Sequence[Call]) -> None:
        """Run ``calls`` in one transaction; if one of them spoils it, each in its own."""
        # What nobody waits for any more has not begun, and need not.
        wanted = [call for call in calls if not call.answer.done()]
        if not wanted:
            return
        try:
            answers = await self._try(lambda connection: _run_groups(connection, wanted))
        except StoreUnavailable as error:
            for call in wanted:
                _fail(call, _fresh(error))
        except Exception as error:  # noqa: BLE001 # it is handed to the call that caused it
            if len(wanted) == 1:
                _fail(wanted[0], error)
                return
            for call in wanted:
                await self._run_together([call])
        else:
            for call, answer in zip(wanted, answers, strict=True):
                if not call.answer.done():
                    call.answer.set_result(answer)

    async def _try(self, work: Work) -> list[list[Any]]:
        for tries_left in reversed(range(TRIES)):
            try:
                return await self._transact(work)
            except DATABASE_ERRORS as error:
                if not (tries_left and _is_repeatable(error)):
                    raise as_store_error(error) from error
        raise AssertionError("unreachable")

    def _give_up_late_ones(self) -> None:
        now = self._loop.time()
        while self._watched:
            call = self._watched[0]
            if not call.answer.done() and call.deadline > now:
                break
            self._watched.popleft()
            _fail(
                call,
                StoreUnavailable(f"the store did not answer within {self._longest_wait_s:g} s"),
            )
        self._watch = None
        if self._watched:
            self._watch = self._loop.call_at(self._watched[0].deadline, self._give_up_late_ones)


def _fail(call: Call, error: Exception) -> None:
    if not call.answer.done():
        call.answer.set_exception(error)


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


_AWAY = (
    OperationalError,
    InterfaceError,
    InternalError,
    SqlalchemyTimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
)


def as_store_error(error: Exception) -> OmapushError:
    """Return what the contract calls ``error``: refused for what it was given, or unavailable."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    reason = str(cause).partition("\n")[0] or type(cause).__name__
    if isinstance(error, UnicodeError | OverflowError | DataError | IntegrityError):
        return StoreRefused(f"the store cannot hold this: {reason}")
    if isinstance(error, _AWAY):
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
