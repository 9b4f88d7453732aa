"""Remembers answers for a while, and asks for an address once however many want it at a time.

An answer is as old as its question: its life begins when it was asked for. Who asks gets an answer
that is younger than its life, or one that was being asked for when he came. A perishable answer
lives no longer than its source says, nor than the limits say.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from omapush.core.instants import Instant, later
from omapush.pap.address import Address
from omapush.ppg.resolution.port import (
    GroupFound,
    NotServed,
    Perishable,
    Resolved,
    ResolverUnavailable,
    Source,
)

Clock = Callable[[], Instant]


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """How long and how much is remembered.

    :ivar found_ms: life of an answer that leads somewhere; 0: none.
    :ivar not_served_ms: life of "not served"; 0: none.
    :ivar max_entries: answers and members of groups together; the longest unused go first.
    :ivar max_under_way: addresses asked for at a time; more are refused.
    """

    found_ms: int = 60_000
    not_served_ms: int = 10_000
    max_entries: int = 100_000
    max_under_way: int = 100_000


_Outcome = dict[str, Resolved] | Exception
"""What one question to the backend came to. An error is kept as a value: everybody who waits gets
one of his own, and nobody may be left who waits."""


class CachingResolver:
    """Stands before a resolver that is far away. Belongs to one event loop."""

    def __init__(self, inner: Source, clock: Clock, limits: CacheLimits) -> None:
        self._inner = inner
        self._clock = clock
        self._limits = limits
        self._remembered: OrderedDict[str, tuple[Instant, Resolved]] = OrderedDict()
        self._weight = 0
        self._under_way: dict[str, asyncio.Task[_Outcome]] = {}
        self._closed = False

    @property
    def remembered(self) -> int:
        """Answers and members of groups that are remembered."""
        return self._weight

    async def resolve(self, addresses: Sequence[Address]) -> list[Resolved]:
        if self._closed:
            raise ResolverUnavailable("the resolver is closed")
        known: dict[str, Resolved] = {}
        awaited: set[asyncio.Task[_Outcome]] = set()
        missing: dict[str, Address] = {}
        now = self._clock()
        for address in addresses:
            key = address.recipient_key
            answer = self._recall(key, now)
            if answer is not None:
                known[key] = answer
            elif key in self._under_way:
                awaited.add(self._under_way[key])
            else:
                missing[key] = address
        if missing:
            awaited.add(self._ask(missing, now))
        if awaited:
            # Others may wait for the same answer: a caller that gives up does not end it.
            await asyncio.wait(awaited)
        for task in awaited:
            known.update(_answers(task))
        return [known[address.recipient_key] for address in addresses]

    async def close(self) -> None:
        self._closed = True
        tasks = set(self._under_way.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._inner.close()

    def _ask(self, missing: dict[str, Address], now: Instant) -> asyncio.Task[_Outcome]:
        if len(self._under_way) + len(missing) > self._limits.max_under_way:
            raise ResolverUnavailable(f"{len(self._under_way)} addresses are asked for already")
        task = asyncio.get_running_loop().create_task(self._answer(missing, now))
        self._under_way.update(dict.fromkeys(missing, task))
        return task

    async def _answer(self, missing: dict[str, Address], asked_at: Instant) -> _Outcome:
        try:
            answers = await self._inner.resolve(list(missing.values()))
            given = dict(zip(missing, answers, strict=True))
        except Exception as error:  # noqa: BLE001 - raised again by everybody who waits
            return error
        else:
            return {key: self._taken(key, answer, asked_at) for key, answer in given.items()}
        finally:
            for key in missing:
                del self._under_way[key]

    def _recall(self, key: str, now: Instant) -> Resolved | None:
        entry = self._remembered.get(key)
        if entry is None:
            return None
        if entry[0] <= now:
            self._forget(key)
            return None
        self._remembered.move_to_end(key)
        return entry[1]

    def _taken(self, key: str, given: Resolved | Perishable, asked_at: Instant) -> Resolved:
        """Remember what the source gave; return the answer in it."""
        answer = given.answer if isinstance(given, Perishable) else given
        limits = self._limits
        life = limits.not_served_ms if isinstance(answer, NotServed) else limits.found_ms
        if isinstance(given, Perishable):
            life = min(life, given.life_ms)
        self._remember(key, answer, asked_at, life)
        return answer

    def _remember(self, key: str, answer: Resolved, asked_at: Instant, life: int) -> None:
        if key in self._remembered:
            self._forget(key)
        weight = _weight(answer)
        if life <= 0 or weight > self._limits.max_entries:
            return
        self._remembered[key] = (later(asked_at, life), answer)
        self._weight += weight
        while self._weight > self._limits.max_entries:
            self._forget(next(iter(self._remembered)))

    def _forget(self, key: str) -> None:
        _, answer = self._remembered.pop(key)
        self._weight -= _weight(answer)


def _answers(task: asyncio.Task[_Outcome]) -> dict[str, Resolved]:
    if task.cancelled():
        raise ResolverUnavailable("the resolver is closed")
    outcome = task.result()
    if isinstance(outcome, ResolverUnavailable):
        raise ResolverUnavailable(outcome.reason) from outcome
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _weight(answer: Resolved) -> int:
    return 1 + (len(answer.members) if isinstance(answer, GroupFound) else 0)
