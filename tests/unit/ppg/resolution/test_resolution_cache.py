"""Remembered answers: their life, their number, and one look-up for all who ask at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.instants import Instant
from omapush.pap import address as addressing
from omapush.pap.address import Address
from omapush.ppg.resolution.bounded import BoundedLookUps, LookUpLimits
from omapush.ppg.resolution.cache import CacheLimits, CachingResolver
from omapush.ppg.resolution.port import (
    NOBODY,
    ClientFound,
    GroupFound,
    NotServed,
    Resolved,
    ResolverUnavailable,
)
from omapush.testing.virtual_clock import VirtualClock


def user(name: str, ppg: str = "x") -> Address:
    return addressing.parse(f"WAPPUSH={name}/TYPE=USER@{ppg}")


@dataclass(eq=False)
class Question:
    """What the backend is being asked, until the test lets it answer."""

    names: list[str]
    asked_at: Instant
    answered: asyncio.Future[None] = field(default_factory=asyncio.Future)


class Backend:
    """Answers when the test says so, with when it was asked; capitals are nobody."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.questions: list[Question] = []
        self.asked: list[list[str]] = []
        self.closed = False

    async def resolve(self, addresses: Sequence[Address]) -> list[Resolved]:
        question = Question([address.value for address in addresses], self._clock())
        under_way = {name for other in self.questions for name in other.names}
        assert not under_way & set(question.names), "asked for twice at a time"
        assert len(set(question.names)) == len(question.names), "asked for twice at once"
        self.questions.append(question)
        self.asked.append(question.names)
        try:
            await question.answered
        finally:
            self.questions.remove(question)
        return [self._answer(name, question.asked_at) for name in question.names]

    async def close(self) -> None:
        self.closed = True

    @staticmethod
    def _answer(name: str, asked_at: Instant) -> Resolved:
        text = f"{name} {asked_at}"
        return NotServed(text) if name.isupper() else ClientFound(text)


async def settle_down() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def text_of(answer: Resolved) -> str:
    if isinstance(answer, ClientFound):
        return answer.client_id
    assert isinstance(answer, NotServed)
    return answer.reason


LIMITS = CacheLimits(found_ms=100, not_served_ms=10, max_entries=4)


@dataclass
class Caller:
    names: str
    came_at: Instant
    under_way: dict[str, Question]  # what was being asked for already when it came
    task: asyncio.Task[list[Resolved]]
    cancelled: bool = False


class Run:
    """One run of the cache against what a caller may expect of it."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.backend = Backend(self.clock)
        self.resolver = CachingResolver(self.backend, self.clock, LIMITS)
        self.callers: list[Caller] = []
        self.failed: list[Question] = []

    async def act(self, action: tuple[str, object]) -> None:
        match action:
            case ("ask", str(names)):
                under_way = {name: each for each in self.backend.questions for name in each.names}
                call = self.resolver.resolve([user(name) for name in names])
                task = asyncio.create_task(call)
                self.callers.append(Caller(names, self.clock(), under_way, task))
            case ("answer", int(number)) if self.backend.questions:
                question = self.backend.questions[number % len(self.backend.questions)]
                question.answered.set_result(None)
            case ("fail", int(number)) if self.backend.questions:
                question = self.backend.questions[number % len(self.backend.questions)]
                self.failed.append(question)
                question.answered.set_exception(ResolverUnavailable("away"))
            case ("cancel", int(number)) if self.callers:
                caller = self.callers[number % len(self.callers)]
                caller.cancelled = caller.task.cancel() or caller.cancelled
            case ("pass", int(milliseconds)):
                self.clock.advance(milliseconds)
        await settle_down()

    def judge(self, caller: Caller) -> None:
        if caller.cancelled:
            assert caller.task.cancelled()
            return
        error = caller.task.exception()
        if error is not None:
            assert isinstance(error, ResolverUnavailable)
            assert any(set(caller.names) & set(question.names) for question in self.failed)
            return
        for name, answer in zip(caller.names, caller.task.result(), strict=True):
            called, asked_at = text_of(answer).split()
            life = LIMITS.not_served_ms if name.isupper() else LIMITS.found_ms
            question = caller.under_way.get(name)
            assert called == name
            if question is not None:
                assert int(asked_at) == question.asked_at  # joined, not asked for again
            else:
                assert caller.came_at - life < int(asked_at) <= caller.came_at


ACTIONS = st.one_of(
    st.tuples(st.just("ask"), st.text(st.sampled_from("abcdAB"), min_size=1, max_size=4)),
    st.tuples(st.sampled_from(["answer", "answer", "fail", "cancel"]), st.integers(0, 5)),
    st.tuples(st.just("pass"), st.sampled_from([1, 9, 10, 50, 100])),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTIONS, max_size=30))
async def test_any_callers_get_young_answers_and_nothing_is_asked_for_twice_at_a_time(
    actions: list[tuple[str, object]],
) -> None:
    run = Run()
    for action in actions:
        await run.act(action)
        assert run.resolver.remembered <= LIMITS.max_entries
    while run.backend.questions:
        await run.act(("answer", 0))
    for caller in run.callers:
        run.judge(caller)
    await run.resolver.close()
    assert run.backend.closed


async def answered(run: Run, names: str) -> list[Resolved]:
    await run.act(("ask", names))
    while run.backend.questions:
        await run.act(("answer", 0))
    return run.callers[-1].task.result()


async def test_answer_is_remembered_to_the_end_of_its_life_whatever_gateway_is_named() -> None:
    run = Run()
    (first, nobody) = await answered(run, "aA")
    run.clock.advance(9)
    assert await run.resolver.resolve([user("a", "other.example"), user("A")]) == [first, nobody]
    run.clock.advance(1)
    assert (await answered(run, "aA"))[0] == first
    assert run.backend.asked == [["a", "A"], ["A"]]
    run.clock.advance(90)
    assert (await answered(run, "a"))[0] != first


async def test_longest_unused_answer_goes_first() -> None:
    run = Run()
    for names in ("a", "b", "c", "d", "a", "e", "a", "b"):
        await answered(run, names)
    assert [names for (names,) in run.backend.asked] == ["a", "b", "c", "d", "e", "b"]


async def test_group_counts_with_its_members_and_one_too_large_is_not_remembered() -> None:
    class Groups(Backend):
        async def resolve(self, addresses: Sequence[Address]) -> list[Resolved]:
            self.asked.append([address.value for address in addresses])
            return [GroupFound(each.value, (NOBODY,) * int(each.value)) for each in addresses]

    clock = VirtualClock()
    backend = Groups(clock)
    resolver = CachingResolver(backend, clock, CacheLimits(max_entries=6))
    for size in ("2", "1", "2", "9", "9", "4", "4"):
        await resolver.resolve([user(size)])
        assert resolver.remembered <= 6
    assert backend.asked == [["2"], ["1"], ["9"], ["9"], ["4"]]


async def test_nothing_is_remembered_where_life_is_none() -> None:
    clock = VirtualClock()
    backend = Backend(clock)
    resolver = CachingResolver(backend, clock, CacheLimits(found_ms=0, not_served_ms=0))
    for _ in range(2):
        call = asyncio.create_task(resolver.resolve([user("a"), user("A")]))
        await settle_down()
        backend.questions[0].answered.set_result(None)
        await call
    assert len(backend.asked) == 2
    assert resolver.remembered == 0


async def test_more_addresses_than_may_be_under_way_are_refused() -> None:
    clock = VirtualClock()
    backend = Backend(clock)
    resolver = CachingResolver(backend, clock, CacheLimits(max_under_way=2))
    first = asyncio.create_task(resolver.resolve([user("a"), user("b")]))
    await settle_down()
    with pytest.raises(ResolverUnavailable, match="2 addresses"):
        await resolver.resolve([user("c")])
    joined = asyncio.create_task(resolver.resolve([user("b")]))
    await settle_down()
    backend.questions[0].answered.set_result(None)
    assert [await joined, await first]
    await resolver.close()


async def test_closing_leaves_nobody_waiting() -> None:
    run = Run()
    await run.act(("ask", "a"))
    late = asyncio.create_task(run.resolver.resolve([user("b")]))
    await asyncio.sleep(0)  # its question is not begun yet
    await run.resolver.close()
    for task in (run.callers[0].task, late):
        with pytest.raises(ResolverUnavailable, match="closed"):
            await task
    with pytest.raises(ResolverUnavailable, match="closed"):
        await run.resolver.resolve([user("c")])


async def test_fault_of_the_backend_reaches_everybody_who_waits() -> None:
    run = Run()
    await run.act(("ask", "a"))
    await run.act(("ask", "a"))
    run.backend.questions[0].answered.set_exception(RuntimeError("a bug"))
    for caller in run.callers:
        with pytest.raises(RuntimeError, match="a bug"):
            await caller.task
    assert len(await answered(run, "a")) == 1


async def test_small_call_is_not_held_up_by_a_large_one() -> None:
    order: list[str] = []

    async def look_up(name: str) -> str:
        await asyncio.sleep(0)
        order.append(name)
        return name.upper()

    look_ups = BoundedLookUps(LookUpLimits(at_a_time=2))
    large = asyncio.create_task(look_ups.run(look_up, ["l"] * 50))
    small = asyncio.create_task(look_ups.run(look_up, ["s"]))
    assert await large == ["L"] * 50
    assert await small == ["S"]
    assert order.index("s") < 10


async def test_fault_of_a_look_up_is_told_as_it_is() -> None:
    async def look_up(name: str) -> str:
        raise KeyError(name)

    with pytest.raises(KeyError):
        await BoundedLookUps(LookUpLimits()).run(look_up, ["a", "b"])
    assert await BoundedLookUps(LookUpLimits()).run(look_up, []) == []
