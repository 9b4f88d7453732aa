"""A state machine drives a SQL ledger and the ledger in memory side by side: they never differ."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from omapush.core.instants import Instant
from omapush.ota.bearer_reports import BearerReport, ReportVerdict
from omapush.ota.interface import CarriedPart
from omapush.ppg.store.contract import (
    Attachment,
    ClaimedDelivery,
    ClaimedNotification,
    DeliveryState,
    NotificationState,
    RegistrationRecord,
    Replacement,
    Store,
    TimelineEvent,
)
from omapush.ppg.store.opening import open_store
from omapush.testing.memory_store import MemoryStore
from omapush.testing.store_contract import START, at, cancellation, new_push, notified, settled

T = TypeVar("T")

CLIENTS = st.sampled_from(["a", "b", "c"])
NODES = st.sampled_from(["n", "m"])
OWNERS = st.sampled_from(["n/1", "n/2", "m/1"])
STATES = st.sampled_from(
    [DeliveryState.DELIVERED, DeliveryState.EXPIRED, DeliveryState.QUEUED, DeliveryState.IN_DOUBT]
)
CARRYING = st.sampled_from(
    [DeliveryState.HANDED_OVER] * 3 + [DeliveryState.IN_DOUBT, DeliveryState.TIMEOUT]
)
# ``until`` counts from now, here.
ATTACHMENTS = st.builds(
    Attachment,
    CLIENTS,
    st.sampled_from(["http", "wsp"]),
    NODES,
    st.integers(1, 3),
    st.sampled_from([10, 20, 50]),
)
REGISTRATIONS = st.builds(
    RegistrationRecord,
    CLIENTS,
    st.sampled_from(["00", "01"]),
    st.just(START),
    st.sampled_from([None, "t"]),
    st.none(),
    host=st.sampled_from(["", "192.0.2.1"]),
)
# Few different references, so that they are reported early, twice, and used again.
REFERENCES = st.tuples(st.sampled_from(["x", "y"]), st.sampled_from(["1", "2", "3"]))
# Few different instants, so that ends of leases, attachments and waits often coincide.
STEPS = st.sampled_from([0, 10, 20, 50])
LEASES = st.sampled_from([10, 40])


class StoresAgree(RuleBasedStateMachine):
    new_url: ClassVar[Callable[[], str]]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.url = type(self).new_url()
        self.model = MemoryStore()
        self.tested = open_store(self.url)
        self.both(lambda store: store.open())
        self.now = 0
        self.made = 0
        self.push_ids: set[str] = set()
        self.claimed: list[ClaimedDelivery] = []
        self.notifications: list[ClaimedNotification] = []

    def both(self, call: Callable[[Store], Awaitable[T]]) -> T:
        """Make the same call on both; their answers are equal."""
        expected = self.loop.run_until_complete(_awaited(call(self.model)))
        assert self.loop.run_until_complete(_awaited(call(self.tested))) == expected
        return expected

    def teardown(self) -> None:
        try:
            for push_id in sorted(self.push_ids):
                self.both(lambda store, wanted=push_id: store.push(wanted))
        finally:
            self.loop.run_until_complete(self.tested.close())
            self.loop.close()

    @rule(
        recipients=st.lists(st.lists(CLIENTS, min_size=1, max_size=3), min_size=1, max_size=4),
        wait=STEPS,
        life=st.sampled_from([20, 60, 200]),
        notify=st.booleans(),
        reuse=st.integers(0, 5),
        replacing=st.none() | st.tuples(st.integers(0, 4), st.booleans()),
    )
    def accept(
        self,
        recipients: list[list[str]],
        wait: int,
        life: int,
        notify: bool,
        reuse: int,
        replacing: tuple[int, bool] | None,
    ) -> None:
        pushes = []
        for clients in recipients:
            self.made += 1
            push_id = f"id-{max(1, self.made - reuse) if reuse > 3 else self.made}"
            self.push_ids.add(push_id)
            push = new_push(
                self.made,
                clients,
                due=self.now + wait,
                expires=self.now + life,
                push_id=push_id,
                notify_url=f"http://{clients[0]}/" if notify else None,
            )
            if replacing is not None:
                earlier = Replacement(f"id-{max(1, self.made - replacing[0])}", replacing[1])
                push = replace(push, replaces=earlier, received_at=at(self.now))
            pushes += [push] * (2 if reuse == 3 else 1)
        self.both(lambda store: store.accept(pushes))

    @rule(milliseconds=st.sampled_from([10, 20, 40]))
    def time_passes(self, milliseconds: int) -> None:
        self.now += milliseconds

    @rule(
        owner=OWNERS,
        lease=LEASES,
        limit=st.integers(0, 5),
        per_client=st.integers(0, 3),
        excluding=st.sets(CLIENTS, max_size=2),
    )
    def claim(
        self, owner: str, lease: int, limit: int, per_client: int, excluding: set[str]
    ) -> None:
        self.claimed += self.both(
            lambda store: store.claim(owner, at(self.now), lease, limit, per_client, excluding)
        )

    @rule(data=st.data(), state=STATES, wait=STEPS, sent=st.booleans())
    def settle(self, data: st.DataObject, state: DeliveryState, wait: int, sent: bool) -> None:
        if not self.claimed:
            return
        chosen = data.draw(st.lists(st.sampled_from(self.claimed), min_size=1, max_size=4))
        settlements = [
            settled(claimed, self.now, state, due=self.now + wait, sent=sent, notify=wait > 9)
            for claimed in chosen
        ]
        self.both(lambda store: store.settle(settlements))

    @rule(
        data=st.data(),
        state=CARRYING,
        wait=STEPS,
        sent=st.booleans(),
        references=st.lists(REFERENCES, max_size=2, unique=True),
        missing=st.integers(0, 1),
    )
    def hand_over(
        self,
        data: st.DataObject,
        state: DeliveryState,
        wait: int,
        sent: bool,
        references: list[tuple[str, str]],
        missing: int,
    ) -> None:
        if not self.claimed:
            return
        parts = len(references) + missing
        carried = tuple(
            CarriedPart(bearer, reference, number, parts)
            for number, (bearer, reference) in enumerate(references, start=1)
        )
        chosen = data.draw(st.sampled_from(self.claimed))
        settlement = settled(chosen, self.now, state, due=self.now + wait, sent=sent)
        settlement = replace(settlement, carried=carried)
        self.both(lambda store: store.settle([settlement]))

    @rule(told=st.lists(st.tuples(REFERENCES, st.sampled_from(ReportVerdict)), max_size=4))
    def report(self, told: list[tuple[tuple[str, str], ReportVerdict]]) -> None:
        reports = [
            BearerReport(bearer, reference, at(self.now), verdict, "err:\N{SNOWMAN}")
            for (bearer, reference), verdict in told
        ]
        self.both(lambda store: store.report(reports))

    @rule(node=NODES, incarnation=st.sampled_from(["1", "2"]))
    def recover(self, node: str, incarnation: str) -> None:
        self.both(lambda store: store.recover(node, incarnation, at(self.now)))

    @rule(client=CLIENTS, wait=STEPS, node=NODES)
    def defer(self, client: str, wait: int, node: str) -> None:
        until = at(self.now + wait)
        self.both(lambda store: store.defer(client, until, at(self.now), "away", node))

    @rule(clients=st.lists(CLIENTS, max_size=3))
    def hasten(self, clients: list[str]) -> None:
        self.both(lambda store: store.hasten(clients, at(self.now)))

    @rule(attachments=st.lists(ATTACHMENTS, max_size=4))
    def attach(self, attachments: list[Attachment]) -> None:
        live = [replace(each, until=at(self.now + each.until)) for each in attachments]
        self.both(lambda store: store.attach(live, at(self.now)))

    @rule(attachments=st.lists(ATTACHMENTS, max_size=4))
    def detach(self, attachments: list[Attachment]) -> None:
        self.both(lambda store: store.detach(attachments))

    @rule(registrations=st.lists(REGISTRATIONS, max_size=4))
    def remember(self, registrations: list[RegistrationRecord]) -> None:
        seen = [replace(each, seen_at=at(self.now)) for each in registrations]
        self.both(lambda store: store.remember_registrations(seen))

    @rule(
        owner=OWNERS,
        lease=LEASES,
        limit=st.integers(0, 4),
        per_url=st.integers(0, 3),
        excluding=st.sets(st.sampled_from(["http://a/", "http://b/"])),
    )
    def claim_notifications(
        self, owner: str, lease: int, limit: int, per_url: int, excluding: set[str]
    ) -> None:
        self.notifications += self.both(
            lambda store: store.claim_notifications(
                owner, at(self.now), lease, limit, per_url, excluding
            )
        )

    @rule(data=st.data(), state=st.sampled_from(list(NotificationState)), wait=STEPS)
    def settle_notifications(
        self, data: st.DataObject, state: NotificationState, wait: int
    ) -> None:
        if not self.notifications:
            return
        chosen = data.draw(st.lists(st.sampled_from(self.notifications), min_size=1, max_size=3))
        settlements = [notified(each, self.now, state, self.now + wait) for each in chosen]
        self.both(lambda store: store.settle_notifications(settlements))

    @rule(
        number=st.integers(1, 12),
        recipients=st.sets(st.sampled_from(["USER:a", "USER:b", "USER:c"])),
    )
    def cancel(self, number: int, recipients: set[str]) -> None:
        wish = cancellation(number, 0, *recipients)
        wish = replace(wish, at=at(self.now), push_id=f"id-{number}")
        self.both(lambda store: store.cancel(wish))

    @rule(data=st.data())
    def record(self, data: st.DataObject) -> None:
        if not self.claimed:
            return
        key = data.draw(st.sampled_from(self.claimed)).key
        event = TimelineEvent(key.push_key, key.position, at(self.now), "note", "é\N{SNOWMAN}")
        self.both(lambda store: store.record([event]))

    @rule(age=st.integers(0, 50), limit=st.integers(0, 3))
    def purge(self, age: int, limit: int) -> None:
        self.both(lambda store: store.purge(Instant(START + self.made - age), limit))

    @rule()
    def reopen(self) -> None:
        """The tested ledger forgets nothing by being closed."""
        self.now += 10
        self.loop.run_until_complete(self.tested.close())
        self.tested = open_store(self.url)
        self.loop.run_until_complete(self.tested.open())

    @invariant()
    def counts_agree(self) -> None:
        self.both(lambda store: store.counts())
        self.both(lambda store: store.next_due(at(self.now)))

    @invariant()
    def clients_agree(self) -> None:
        for client in "abc":
            self.both(lambda store, wanted=client: store.attachments(wanted, at(self.now)))
            self.both(lambda store, wanted=client: store.registrations(wanted))
        self.both(lambda store: store.registrations_of_terminal("t"))
        self.both(lambda store: store.registrations_at("192.0.2.1"))


async def _awaited(answer: Awaitable[T]) -> T:
    return await answer


def _run(new_url: Callable[[], str], max_examples: int) -> None:
    machine = type("Machine", (StoresAgree,), {"new_url": staticmethod(new_url)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max_examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("home", ["sqlite", "postgresql"])
def test_sql_store_never_differs_from_the_memory_store(
    home: str, request: pytest.FixtureRequest
) -> None:
    if home == "postgresql":
        _run(request.getfixturevalue("new_database"), max_examples=15)
        return
    with tempfile.TemporaryDirectory() as directory:
        _run(lambda: f"sqlite:///{tempfile.mkdtemp(dir=directory)}/ledger.db", max_examples=25)
    assert not Path(directory).exists()
