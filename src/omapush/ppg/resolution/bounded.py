"""How many look-ups may go on at a time, how many callers may wait, and how long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from omapush.ppg.resolution.port import ResolverUnavailable

QuestionT = TypeVar("QuestionT")
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class LookUpLimits:
    """What a backend is asked for.

    :ivar timeout_ms: patience for all answers of one call.
    :ivar at_a_time: connections, each with one look-up at a time.
    :ivar most_waiting: calls beyond so many are refused at once.
    :ivar max_members: entries of one group.
    """

    timeout_ms: int = 5_000
    at_a_time: int = 8
    most_waiting: int = 1_024
    max_members: int = 10_000


class BoundedLookUps:
    """Runs look-ups for several callers within limits."""

    def __init__(self, limits: LookUpLimits) -> None:
        self._limits = limits
        self._places = asyncio.Semaphore(limits.at_a_time)
        self._calls = 0
        self._closed = False

    def close(self) -> None:
        """Refuse what is asked from now on."""
        self._closed = True

    async def run(
        self,
        look_up: Callable[[QuestionT], Awaitable[AnswerT]],
        questions: Sequence[QuestionT],
    ) -> list[AnswerT]:
        """Return what ``look_up`` returns for each question, in order.

        :raises ResolverUnavailable: ``look_up`` raises it, too many callers wait, or it takes too
            long. What goes on is cancelled then.
        """
        if self._closed:
            raise ResolverUnavailable("the resolver is closed")
        if self._calls >= self._limits.most_waiting:
            raise ResolverUnavailable(f"{self._calls} look-ups are waiting already")
        self._calls += 1
        try:
            async with asyncio.timeout(self._limits.timeout_ms / 1000):
                return await self._run(look_up, questions)
        except TimeoutError as error:
            raise ResolverUnavailable("no answer in time") from error
        finally:
            self._calls -= 1

    async def _run(
        self,
        look_up: Callable[[QuestionT], Awaitable[AnswerT]],
        questions: Sequence[QuestionT],
    ) -> list[AnswerT]:
        answers: dict[int, AnswerT] = {}
        left = iter(enumerate(questions))

        async def work(left: Iterator[tuple[int, QuestionT]]) -> None:
            # A place is given back after each look-up, so that small calls pass large ones.
            for number, question in left:
                async with self._places:
                    answers[number] = await look_up(question)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(len(questions), self._limits.at_a_time)):
                    group.create_task(work(left))
        except ExceptionGroup as errors:
            first = errors.exceptions[0]
            if not isinstance(first, ResolverUnavailable):
                raise first from errors
            raise ResolverUnavailable(first.reason) from first
        return [answers[number] for number in range(len(questions))]
