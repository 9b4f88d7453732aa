"""Registrations at push services, driven in SQL and in memory by a state machine: no difference."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from omapush.ppg.store.contract import Store
from omapush.ppg.store.opening import open_store
from omapush.ppg.store.service_registration_contract import ServiceRegistrationBounds
from omapush.testing.memory_store import MemoryStore
from omapush.testing.service_registration_contract import service_registration
from omapush.testing.store_contract import at

T = TypeVar("T")

OWNERS = st.sampled_from(["client a", "client b"])
NUMBERS = st.integers(1, 6)
SERVICES = st.sampled_from(["mms", "other"])
STEPS = st.sampled_from([0, 10, 50, 100])


class RegistrationsAgree(RuleBasedStateMachine):
    new_url: ClassVar[Callable[[], str]]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.model = MemoryStore()
        self.tested = open_store(type(self).new_url())
        self.both(lambda store: store.open())
        self.now = 0

    def both(self, call: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
        """Make the same call on both; their answers are equal."""
        expected = self.loop.run_until_complete(call(self.model))
        assert self.loop.run_until_complete(call(self.tested)) == expected
        return expected

    def teardown(self) -> None:
        self.loop.run_until_complete(self.tested.close())
        self.loop.close()

    @rule(milliseconds=STEPS)
    def time_passes(self, milliseconds: int) -> None:
        self.now += milliseconds

    @rule(number=NUMBERS, owner=OWNERS, service=SERVICES, most=st.integers(0, 3))
    def keep(self, number: int, owner: str, service: str, most: int) -> None:
        record = service_registration(number, owner, now=self.now, service=service)
        bounds = ServiceRegistrationBounds(most, 4)
        self.both(lambda store: store.keep_service_registration(record, bounds))

    @rule(number=NUMBERS, owner=OWNERS, service=SERVICES)
    def refresh(self, number: int, owner: str, service: str) -> None:
        record = service_registration(number, owner, now=self.now, service=service)
        self.both(lambda store: store.refresh_service_registration(record))

    @rule(number=NUMBERS, owner=OWNERS)
    def end(self, number: int, owner: str) -> None:
        self.both(
            lambda store: store.end_service_registration(f"r{number:04d}", owner, at(self.now))
        )

    @rule(before=STEPS, limit=st.integers(0, 3))
    def forget(self, before: int, limit: int) -> None:
        # Which of several go first is not said: so many that it makes no difference, or none.
        most = 100 if limit else 0
        self.both(lambda store: store.forget_service_registrations(at(self.now - before), most))

    @invariant()
    def listings_agree(self) -> None:
        self.both(lambda store: store.service_registrations(at(self.now)))
        self.both(lambda store: store.service_registrations(at(self.now), "r0002", 2, "a"))
        for number in range(1, 7):
            self.both(lambda store, name=f"r{number:04d}": store.service_registration(name))


@pytest.mark.parametrize("home", ["sqlite", "postgresql"])
def test_sql_never_differs_from_memory_about_registrations_at_push_services(
    home: str, request: pytest.FixtureRequest
) -> None:
    if home == "postgresql":
        _run(request.getfixturevalue("new_database"), max_examples=8)
        return
    with tempfile.TemporaryDirectory() as directory:
        _run(lambda: f"sqlite:///{tempfile.mkdtemp(dir=directory)}/ledger.db", max_examples=20)


def _run(new_url: Callable[[], str], max_examples: int) -> None:
    machine = type("Machine", (RegistrationsAgree,), {"new_url": staticmethod(new_url)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max_examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
