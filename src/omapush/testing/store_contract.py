"""The contract suite of the ledger: what every :class:`~omapush.ppg.store.contract.Store` passes.

Subclass :class:`StoreContract` in a test module and give it a fixture ``store`` that yields a fresh
open store; pytest (with pytest-asyncio in automatic mode) collects the rest::

    class TestMyStore(StoreContract):
        @pytest.fixture
        async def store(self):
            store = MyStore()
            await store.open()
            yield store
            await store.close()

A ledger passes :class:`~omapush.testing.report_contract.ReportContract` and
:class:`~omapush.testing.service_registration_contract.ServiceRegistrationContract` as well, and one
that several gateway processes share :class:`SharedStoreContract`.

:func:`new_push` and :func:`settled` build the values that the suite works with.
"""

# ruff: noqa: S101 # a suite asserts

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ppg.store.contract import (
    MOST_FOUND,
    PLACED_AT_ONCE,
    Accepted,
    Attachment,
    Cancellation,
    ClaimedDelivery,
    ClaimedNotification,
    DeliveryKey,
    DeliveryState,
    DuplicatePushId,
    NewDelivery,
    NewPush,
    NothingToReplace,
    NotificationSettlement,
    NotificationState,
    PushRecord,
    RegistrationRecord,
    Rejection,
    Replacement,
    Settlement,
    Store,
    TimelineEvent,
)

OWNER = "node/1"
START = Instant(1_000_000)
"""Every push of the suite is received at or after this."""
LEASE_MS = 1_000
WOKEN_WITHIN_S = 20.0


def at(milliseconds: int) -> Instant:
    """Return the instant so long after :data:`START`."""
    return Instant(START + milliseconds)


def new_push(
    number: int,
    clients: Sequence[str] = ("client",),
    *,
    due: int = 0,
    expires: int = 1_000_000,
    notify_url: str | None = "http://initiator.example/notify",
    push_id: str | None = None,
) -> NewPush:
    """Return the ``number``-th push, with one delivery for each of ``clients``.

    :param due: when its deliveries are due, after :data:`START`; ``expires`` likewise.
    """
    return NewPush(
        push_key=f"{number:032x}",
        push_id=push_id or f"push-{number}@initiator.example",
        initiator_id="initiator",
        pap_version="2.3",
        received_at=at(number),
        expires_at=at(expires),
        content_digest=f"digest-{number}",
        confirmed=True,
        flags=3,
        notify_url=notify_url,
        control={"source-reference": "there", "number": number, "nothing": None},
        message=PushMessage((("Content-Type", "text/plain"), ("X-A", "é")), bytes(range(256))),
        deliveries=tuple(
            NewDelivery(
                position,
                f"WAPPUSH={client}/TYPE=USER@ppg.example",
                client,
                at(due),
                f"USER:{client}",
            )
            for position, client in enumerate(clients)
        ),
    )


def settled(
    claimed: ClaimedDelivery,
    when: int,
    state: DeliveryState = DeliveryState.DELIVERED,
    *,
    due: int | None = None,
    sent: bool = True,
    notify: bool = True,
) -> Settlement:
    """Return the settlement of ``claimed`` at ``when`` after :data:`START`."""
    return Settlement(
        key=claimed.key,
        owner=claimed.owner,
        attempt=claimed.attempt,
        at=at(when),
        state=state,
        reason=f"because {state.value}",
        code=1000 if state.is_final else None,
        confirmed=state is DeliveryState.DELIVERED,
        sent=sent,
        due_at=None if due is None else at(due),
        notify=notify,
    )


def cancellation(number: int, when: int, *recipients: str) -> Cancellation:
    """Return the wish to cancel the ``number``-th push for ``recipients``, or for all."""
    return Cancellation(
        new_push(number).push_id,
        "initiator",
        at(when),
        "the initiator cancelled it",
        frozenset(recipients),
    )


def to_group(number: int, clients: Sequence[str], group_due: int = 900_000) -> NewPush:
    """Return the ``number``-th push, to a group of ``clients``, due itself at ``group_due``."""
    push = new_push(number, ["", *clients])
    group, *parts = push.deliveries
    group = replace(group, recipient="USER:group", members=len(parts), due_at=at(group_due))
    return replace(push, deliveries=(group, *(replace(part, part_of=0) for part in parts)))


def replacing(number: int, clients: Sequence[str], *, pending_only: bool) -> NewPush:
    """Return the ``number``-th push, which replaces the first."""
    earlier = Replacement(new_push(1).push_id, pending_only)
    return replace(new_push(number, clients), replaces=earlier)


def notified(
    claimed: ClaimedNotification,
    when: int,
    state: NotificationState = NotificationState.DELIVERED,
    due: int | None = None,
) -> NotificationSettlement:
    """Return the settlement of a notification at ``when`` after :data:`START`."""
    return NotificationSettlement(
        key=claimed.key,
        owner=claimed.owner,
        attempt=claimed.attempt,
        at=at(when),
        state=state,
        reason="answered 200",
        due_at=None if due is None else at(due),
    )


def attachment(client_id: str, node: str, epoch: int, until: int, kind: str = "wsp") -> Attachment:
    """Return the attachment of a client to ``node`` until so long after :data:`START`."""
    return Attachment(client_id, kind, node, epoch, at(until))


async def claim(
    store: Store, when: int, owner: str = OWNER, limit: int = 100, per_client: int = 100
) -> list[ClaimedDelivery]:
    """Claim at ``when`` after :data:`START`, for :data:`LEASE_MS`."""
    return await store.claim(owner, at(when), LEASE_MS, limit, per_client)


async def known(store: Store, number: int) -> PushRecord:
    """Return the record of :func:`new_push` number ``number``, which must be there."""
    record = await store.push(f"push-{number}@initiator.example")
    assert record is not None
    return record


def names(record: PushRecord, position: int | None = None) -> list[str]:
    """Return the names of the events of one delivery, or of all for ``None``."""
    return [
        event.event for event in record.timeline if position is None or event.position == position
    ]


def numbers(claimed: Sequence[ClaimedDelivery | ClaimedNotification]) -> list[int]:
    """Return the numbers that the claimed pushes were made with."""
    return [int(each.key.push_key, 16) for each in claimed]


class AcceptanceContract:
    """Rules of ``accept`` and ``push``."""

    async def test_accepted_push_is_read_back_as_it_was_given(self, store: Store) -> None:
        push = new_push(1, ["a", "b"])
        assert await store.accept([push]) == [Accepted(push.push_key)]
        record = await known(store, 1)
        assert (record.push_key, record.initiator_id, record.pap_version) == (
            push.push_key,
            "initiator",
            "2.3",
        )
        assert (record.received_at, record.expires_at) == (push.received_at, push.expires_at)
        assert record.confirmed is True
        assert record.notify_url == push.notify_url
        assert record.control == push.control
        assert record.timeline == (
            TimelineEvent(push.push_key, None, push.received_at, "accepted"),
        )
        assert [(d.client_id, d.state, d.due_at, d.attempt) for d in record.deliveries] == [
            ("a", DeliveryState.QUEUED, at(0), 0),
            ("b", DeliveryState.QUEUED, at(0), 0),
        ]
        assert [d.address for d in record.deliveries] == [d.address for d in push.deliveries]

    async def test_unknown_push_id_is_not_found(self, store: Store) -> None:
        assert await store.push("never") is None

    async def test_second_push_of_a_push_id_is_refused_with_facts_of_the_first(
        self, store: Store
    ) -> None:
        first = new_push(1)
        await store.accept([first])
        second = replace(new_push(2), push_id=first.push_id)
        assert await store.accept([second]) == [
            DuplicatePushId(first.push_id, "initiator", "digest-1", first.received_at)
        ]
        assert numbers(await claim(store, 10)) == [1]

    async def test_first_of_two_equal_push_ids_in_one_call_wins(self, store: Store) -> None:
        first, other = new_push(1), new_push(3)
        second = replace(new_push(2), push_id=first.push_id)
        answers = await store.accept([first, second, other])
        assert answers == [
            Accepted(first.push_key),
            DuplicatePushId(first.push_id, "initiator", "digest-1", first.received_at),
            Accepted(other.push_key),
        ]

    async def test_same_push_key_again_is_accepted_and_changes_nothing(self, store: Store) -> None:
        push = new_push(1)
        await store.accept([push])
        [claimed] = await claim(store, 1)
        assert await store.accept([push, push]) == [Accepted(push.push_key)] * 2
        assert await store.settle([settled(claimed, 2)]) == [True]
        assert await store.accept([push]) == [Accepted(push.push_key)]
        record = await known(store, 1)
        assert [d.state for d in record.deliveries] == [DeliveryState.DELIVERED]
        assert await claim(store, 100_000) == []

    async def test_calls_at_the_same_time_are_judged_one_by_one(self, store: Store) -> None:
        pushes = [new_push(n, push_id=f"id-{n % 20}") for n in range(60)]
        answers = await asyncio.gather(*(store.accept([push]) for push in pushes))
        accepted = [a[0].push_key for a in answers if isinstance(a[0], Accepted)]
        assert len(accepted) == 20
        claimed = await claim(store, 100)
        assert sorted(c.key.push_key for c in claimed) == sorted(accepted)

    async def test_no_pushes_are_accepted_as_none(self, store: Store) -> None:
        assert await store.accept([]) == []

    async def test_many_pushes_in_one_call_are_all_kept(self, store: Store) -> None:
        pushes = [new_push(n, ["a", "b", "c"]) for n in range(101)]
        assert await store.accept(pushes) == [Accepted(push.push_key) for push in pushes]
        assert len(await claim(store, 200, limit=1000, per_client=1000)) == 303

    async def test_recipient_that_is_rejected_has_ended_and_the_others_go_on(
        self, store: Store
    ) -> None:
        push = new_push(1, ["a", "b"])
        rejected = replace(push.deliveries[0], rejection=Rejection(2005, "too small a screen"))
        push = replace(push, deliveries=(rejected, push.deliveries[1]))
        assert await store.accept([push]) == [Accepted(push.push_key)]
        first, second = (await known(store, 1)).deliveries
        assert (first.state, first.code) == (DeliveryState.REJECTED, 2005)
        assert (first.reason, first.event_time) == ("too small a screen", at(1))
        assert (first.due_at, second.state) == (None, DeliveryState.QUEUED)
        assert names(await known(store, 1), 0) == ["rejected"]
        assert [claimed.client_id for claimed in await claim(store, 5)] == ["b"]
        [told] = await store.claim_notifications(OWNER, at(5), LEASE_MS, 10, 10)
        assert (told.state, told.code) == (DeliveryState.REJECTED, 2005)


class ClaimContract:
    """Rules of ``claim``."""

    async def test_claim_gives_all_that_the_attempt_needs(self, store: Store) -> None:
        push = new_push(1, ["a", "b"])
        await store.accept([push])
        claimed = await claim(store, 5)
        assert claimed[1] == ClaimedDelivery(
            key=DeliveryKey(push.push_key, 1),
            push_id=push.push_id,
            initiator_id="initiator",
            client_id="b",
            address=push.deliveries[1].address,
            owner=OWNER,
            attempt=1,
            sent_attempts=0,
            in_doubt=False,
            lease_until=at(5 + LEASE_MS),
            received_at=push.received_at,
            expires_at=push.expires_at,
            confirmed=True,
            notified=True,
            flags=3,
            message=push.message,
            control=push.control,
        )
        record = await known(store, 1)
        assert names(record) == ["accepted", "attempt", "attempt"]
        assert record.deliveries[1].state is DeliveryState.IN_FLIGHT

    async def test_claim_takes_what_is_due_oldest_first(self, store: Store) -> None:
        await store.accept([new_push(1, due=30), new_push(2, due=20), new_push(3, due=10)])
        assert numbers(await claim(store, 20, limit=1)) == [3]
        assert numbers(await claim(store, 20)) == [2]
        assert numbers(await claim(store, 29)) == []
        assert numbers(await claim(store, 30)) == [1]

    async def test_claimed_delivery_is_not_given_twice(self, store: Store) -> None:
        await store.accept([new_push(n, [f"c{n}"]) for n in range(50)])
        claims = await asyncio.gather(
            *(claim(store, 100, f"node{i}/1", limit=20) for i in range(5))
        )
        keys = [c.key for claimed in claims for c in claimed]
        keys += [c.key for c in await claim(store, 100)]
        assert len(keys) == len(set(keys)) == 50

    async def test_claim_takes_only_so_many_of_one_client(self, store: Store) -> None:
        await store.accept([new_push(1, ["a", "a", "a", "b"])])
        claimed = await claim(store, 10, per_client=2)
        assert [c.key.position for c in claimed] == [0, 1, 3]

    async def test_claim_passes_over_excluded_clients(self, store: Store) -> None:
        await store.accept([new_push(1, ["a", "b", "c"])])
        claimed = await store.claim(OWNER, at(10), LEASE_MS, 10, 10, excluding=["a", "c"])
        assert [c.client_id for c in claimed] == ["b"]

    async def test_long_backlog_of_others_does_not_hide_a_client(self, store: Store) -> None:
        backlog = [new_push(n, ["a"] * 10 + ["b"] * 10) for n in range(40)]
        await store.accept([*backlog, new_push(40, ["c"], due=50)])
        claimed = await store.claim(OWNER, at(60), LEASE_MS, 2, 1, excluding=["a"])
        assert sorted(c.client_id for c in claimed) == ["b", "c"]

    async def test_claim_of_nothing_takes_nothing(self, store: Store) -> None:
        await store.accept([new_push(1)])
        assert await claim(store, 10, limit=0) == []
        assert await claim(store, 10, per_client=0) == []
        assert numbers(await claim(store, 10)) == [1]


class LeaseContract:
    """Rules of leases, doubt, ``settle`` and ``recover``."""

    async def test_delivery_whose_lease_ended_is_claimed_again_in_doubt(self, store: Store) -> None:
        await store.accept([new_push(1)])
        await claim(store, 0)
        assert await claim(store, LEASE_MS - 1, "other/1") == []
        [again] = await claim(store, LEASE_MS, "other/1")
        assert (again.in_doubt, again.attempt, again.sent_attempts) == (True, 2, 0)
        assert names(await known(store, 1)) == ["accepted", "attempt", "in_doubt", "attempt"]

    async def test_settle_of_a_lost_lease_changes_nothing(self, store: Store) -> None:
        await store.accept([new_push(1)])
        [lost] = await claim(store, 0)
        [held] = await claim(store, LEASE_MS)
        assert await store.settle([settled(lost, 1_500, DeliveryState.ABORTED)]) == [False]
        assert await store.settle([settled(held, 1_600)]) == [True]
        assert await store.settle([settled(held, 1_700, DeliveryState.ABORTED)]) == [False]
        record = await known(store, 1)
        assert record.deliveries[0].state is DeliveryState.DELIVERED
        assert "aborted" not in names(record)

    async def test_settle_after_the_lease_ended_but_before_the_next_claim_holds(
        self, store: Store
    ) -> None:
        await store.accept([new_push(1)])
        [claimed] = await claim(store, 0)
        assert await store.settle([settled(claimed, LEASE_MS + 500)]) == [True]
        assert await claim(store, LEASE_MS + 600) == []

    async def test_settle_with_a_final_state_ends_the_delivery(self, store: Store) -> None:
        await store.accept([new_push(1)])
        [claimed] = await claim(store, 0)
        await store.settle([settled(claimed, 7)])
        [delivery] = (record := await known(store, 1)).deliveries
        assert delivery.state is DeliveryState.DELIVERED
        assert (delivery.code, delivery.reason, delivery.confirmed) == (
            1000,
            "because delivered",
            True,
        )
        assert (delivery.event_time, delivery.due_at, delivery.sent_attempts) == (at(7), None, 1)
        assert record.timeline[-1] == TimelineEvent(
            claimed.key.push_key, 0, at(7), "delivered", "because delivered"
        )
        assert await claim(store, 900_000) == []

    async def test_settle_as_queued_makes_it_due_later(self, store: Store) -> None:
        await store.accept([new_push(1)])
        [claimed] = await claim(store, 0)
        await store.settle([settled(claimed, 5, DeliveryState.QUEUED, due=100, sent=False)])
        assert await claim(store, 99) == []
        [again] = await claim(store, 100)
        assert (again.attempt, again.sent_attempts, again.in_doubt) == (2, 0, False)
        await store.settle([settled(again, 105, DeliveryState.QUEUED, sent=True)])
        [third] = await claim(store, 105)
        assert (third.attempt, third.sent_attempts) == (3, 1)
        assert names(await known(store, 1)).count("retry") == 2

    async def test_settle_never_queues_beyond_the_expiry(self, store: Store) -> None:
        await store.accept([new_push(1, expires=50)])
        [claimed] = await claim(store, 0)
        await store.settle([settled(claimed, 5, DeliveryState.QUEUED, due=100)])
        assert (await known(store, 1)).deliveries[0].due_at == at(50)

    async def test_settlements_of_one_call_are_judged_one_by_one(self, store: Store) -> None:
        await store.accept([new_push(1, ["a", "b"])])
        one, two = await claim(store, 0)
        stranger = replace(settled(two, 3), owner="other/1")
        missing = replace(settled(two, 3), key=DeliveryKey("f" * 32, 0))
        answers = await store.settle(
            [stranger, settled(one, 3), settled(one, 3), missing, settled(two, 3)]
        )
        assert answers == [False, True, False, False, True]

    async def test_recover_ends_leases_of_earlier_incarnations_of_the_node_only(
        self, store: Store
    ) -> None:
        await store.accept([new_push(1, ["a", "b", "c", "d"])])
        for owner in ("node/1", "node/2", "node2/1", "nod/1"):
            assert len(await claim(store, 0, owner, limit=1)) == 1
        assert await store.recover("node", "2", at(5)) == 1
        record = await known(store, 1)
        assert record.deliveries[0].state is DeliveryState.IN_DOUBT
        assert names(record, 0) == ["attempt", "in_doubt"]
        [again] = await claim(store, 5, "node/2")
        assert (again.key.position, again.in_doubt, again.attempt) == (0, True, 2)
        assert names(await known(store, 1), 0) == ["attempt", "in_doubt", "attempt"]

    async def test_owner_whose_lease_was_ended_by_recovery_cannot_settle(
        self, store: Store
    ) -> None:
        await store.accept([new_push(1)])
        [claimed] = await claim(store, 0)
        await store.recover("node", "2", at(5))
        assert await store.settle([settled(claimed, 6)]) == [False]

    async def test_recover_ends_leases_of_notifications(self, store: Store) -> None:
        await store.accept([new_push(1)])
        await store.settle([settled(c, 1) for c in await claim(store, 0)])
        await store.claim_notifications(OWNER, at(2), LEASE_MS, 1, 1)
        assert await store.recover("node", "2", at(5)) == 1
        [again] = await store.claim_notifications("node/2", at(5), LEASE_MS, 1, 1)
        assert again.attempt == 2

    async def test_network_and_bearer_that_were_used_are_kept(self, store: Store) -> None:
        await store.accept([new_push(1)])
        [claimed] = await claim(store, 5)
        sent = settled(claimed, 6, DeliveryState.IN_DOUBT, due=10, notify=False)
        await store.settle([replace(sent, network="GSM", bearer="GPRS")])
        [claimed] = await claim(store, 10)
        assert claimed.control == new_push(1).control
        await store.settle([settled(claimed, 11, DeliveryState.EXPIRED, sent=False)])
        delivery = (await known(store, 1)).deliveries[0]
        assert (delivery.network, delivery.bearer) == ("GSM", "GPRS")
        [told] = await store.claim_notifications(OWNER, at(12), LEASE_MS, 1, 1)
        assert (told.network, told.bearer) == ("GSM", "GPRS")


class MovingContract:
    """Rules of ``defer``, ``hasten``, ``attach``, ``detach`` and ``attachments``."""

    async def test_defer_moves_only_waiting_deliveries_of_the_client(self, store: Store) -> None:
        await store.accept([new_push(1, ["a", "b"]), new_push(2, ["a"], due=900)])
        await store.claim(OWNER, at(0), LEASE_MS, 1, 1)
        await store.accept([new_push(3, ["a"])])
        assert await store.defer("a", at(500), at(1), "not there", "node") == 1
        assert (await known(store, 3)).deliveries[0].due_at == at(500)
        assert (await known(store, 3)).deliveries[0].reason == "not there"
        assert (await known(store, 2)).deliveries[0].due_at == at(900)
        assert names(await known(store, 3)) == ["accepted"]
        assert [c.client_id for c in await claim(store, 499)] == ["b"]

    async def test_defer_puts_none_beyond_its_expiry(self, store: Store) -> None:
        await store.accept([new_push(1, expires=300)])
        assert await store.defer("client", at(500), at(1), "not there", "node") == 1
        assert (await known(store, 1)).deliveries[0].due_at == at(300)
        assert await store.defer("client", at(600), at(1), "not there", "node") == 0

    async def test_deferred_deliveries_keep_their_order(self, store: Store) -> None:
        await store.accept([new_push(n, due=n) for n in range(1, 6)])
        await store.defer("client", at(100), at(1), "not there", "node")
        assert numbers(await claim(store, 100)) == [1, 2, 3, 4, 5]

    async def test_hasten_brings_back_retries_and_deferred_deliveries(self, store: Store) -> None:
        await store.accept([new_push(1), new_push(2), new_push(3, due=400)])
        [one] = await claim(store, 0, limit=1)
        await store.settle([settled(one, 1, DeliveryState.QUEUED, due=300)])
        await store.defer("client", at(500), at(2), "not there", "node")
        assert await store.hasten(["client"], at(10)) == 3
        assert numbers(await claim(store, 10)) == [1, 2]
        # The initiator asked for it not to be delivered before.
        assert numbers(await claim(store, 400)) == [3]

    async def test_hasten_leaves_what_is_owned_due_or_of_others(self, store: Store) -> None:
        await store.accept([new_push(1), new_push(2), new_push(3, ["b"], due=300)])
        await claim(store, 0, limit=1)
        assert await store.hasten(["client"], at(10)) == 0
        assert await store.hasten(["b"], at(10)) == 0

    async def test_hasten_brings_back_the_backlogs_of_very_many_clients(self, store: Store) -> None:
        clients = [f"c{number}" for number in range(700)]
        await store.accept([new_push(1, clients[:400]), new_push(2, clients[400:])])
        await store.accept([new_push(3, ["other"])])
        for name in (*clients, "other"):
            await store.defer(name, at(500), at(1), "not there", "node")
        assert await store.hasten([*clients, "nobody", clients[0]], at(10)) == 700
        assert len(await claim(store, 10, limit=1_000)) == 700
        assert await store.hasten([], at(10)) == 0

    async def test_client_attached_to_a_node_is_claimed_there_only(self, store: Store) -> None:
        await store.accept([new_push(1, ["a", "b"])])
        assert await store.attach([attachment("a", "here", 1, 100)], at(0)) == [True]
        await store.accept([new_push(2, ["a"])])
        assert [c.client_id for c in await claim(store, 10, "there/1")] == ["b"]
        assert numbers(await claim(store, 10, "here/1")) == [1, 2]

    async def test_attachment_that_ran_out_frees_the_client(self, store: Store) -> None:
        await store.accept([new_push(1)])
        await store.attach([attachment("client", "here", 1, 100)], at(0))
        assert await claim(store, 99, "there/1") == []
        assert numbers(await claim(store, 100, "there/1")) == [1]

    async def test_newer_epoch_of_an_attachment_wins(self, store: Store) -> None:
        async def attached(node: str, epoch: int, until: int, now: int) -> bool:
            [answer] = await store.attach([attachment("a", node, epoch, until)], at(now))
            return answer

        assert await attached("here", 5, 100, 0)
        assert not await attached("there", 4, 900, 1)
        assert not await attached("there", 5, 900, 1)
        assert await attached("here", 5, 200, 1)
        assert await attached("there", 6, 300, 1)
        assert await store.detach([attachment("a", "here", 5, 200)]) == [False]
        assert await attached("here", 1, 900, 300)

    async def test_client_attached_in_two_ways_is_claimed_on_both_nodes(self, store: Store) -> None:
        await store.accept([new_push(1, ["a", "a"])])
        await store.attach(
            [attachment("a", "here", 1, 100), attachment("a", "there", 1, 100, "sip")], at(0)
        )
        assert await claim(store, 10, "elsewhere/1") == []
        assert len(await claim(store, 10, "here/1", limit=1)) == 1
        assert len(await claim(store, 10, "there/1", limit=1)) == 1

    async def test_detached_client_is_claimed_anywhere(self, store: Store) -> None:
        await store.accept([new_push(1)])
        held = attachment("client", "here", 1, 100)
        await store.attach([held], at(0))
        assert await store.detach([held]) == [True]
        assert await store.detach([held]) == [False]
        assert numbers(await claim(store, 10, "there/1")) == [1]

    async def test_very_many_attachments_are_kept_renewed_and_forgotten_in_order(
        self, store: Store
    ) -> None:
        here = [attachment(f"c{number}", "here", 5, 100) for number in range(1_203)]
        assert await store.attach(here, at(0)) == [True] * len(here)
        mixed = [replace(each, node="there", epoch=4 + n % 3) for n, each in enumerate(here)]
        newer = [each.epoch > 5 for each in mixed]
        assert await store.attach(mixed, at(1)) == newer
        assert await store.detach(here) == [not each for each in newer]
        assert await store.detach(mixed) == newer
        assert await store.attachments("c2", at(1)) == []

    async def test_attachments_told_twice_in_one_call_are_taken_one_after_the_other(
        self, store: Store
    ) -> None:
        first, second = attachment("a", "here", 1, 100), attachment("a", "there", 2, 100)
        assert await store.attach([second, first, first, second], at(0)) == [
            True,
            False,
            False,
            True,
        ]
        assert await store.attachments("a", at(0)) == [second]
        assert await store.detach([first, second, second]) == [False, True, False]
        assert await store.attach([], at(0)) == []
        assert await store.detach([]) == []

    async def test_attachments_that_are_live_are_told_by_kind(self, store: Store) -> None:
        by_http = replace(attachment("a", "here", 1, 100, "http"), address="192.0.2.1:5000")
        by_sip, by_wsp = (attachment("a", "there", 1, 50, kind) for kind in ("sip", "wsp"))
        renewed = replace(by_wsp, until=at(90), address="\N{SNOWMAN}")
        await store.attach([by_wsp, by_http, by_sip, attachment("b", "here", 1, 100)], at(0))
        await store.attach([renewed], at(10))
        assert await store.attachments("a", at(10)) == [by_http, by_sip, renewed]
        assert await store.attachments("a", at(50)) == [by_http, renewed]
        assert await store.attachments("a", at(100)) == []

    async def test_recover_ends_the_attachments_of_the_node_only(self, store: Store) -> None:
        await store.accept([new_push(1, ["a", "b"])])
        kept = attachment("b", "other", 1, 100)
        await store.attach([attachment("a", "here", 1, 100), kept], at(0))
        assert await store.recover("here", "2", at(5)) == 0
        assert await store.attachments("a", at(5)) == []
        assert await store.attachments("b", at(5)) == [kept]
        assert [each.client_id for each in await claim(store, 5, "there/1")] == ["a"]

    async def test_defer_leaves_a_client_that_another_node_holds(self, store: Store) -> None:
        await store.accept([new_push(1, ["a"])])
        await store.attach([attachment("a", "there", 1, 100)], at(0))
        assert await store.defer("a", at(500), at(1), "not there", "here") == 0
        assert await store.defer("a", at(500), at(1), "not there", "there") == 1
        await store.hasten(["a"], at(2))
        assert await store.defer("a", at(500), at(100), "not there", "here") == 1

    async def test_retry_is_due_at_once_for_a_client_that_came_to_another_node(
        self, store: Store
    ) -> None:
        await store.accept([new_push(1, ["a", "b", "c"], expires=900)])
        there, here, handed = await claim(store, 5, "here/1")
        await store.attach(
            [
                attachment("a", "there", 1, 100),
                attachment("b", "there", 1, 100),
                attachment("b", "here", 1, 100, "sip"),
                attachment("c", "there", 1, 100),
            ],
            at(6),
        )
        await store.settle(
            [
                settled(there, 7, DeliveryState.IN_DOUBT, due=500),
                settled(here, 7, DeliveryState.QUEUED, due=500),
                settled(handed, 7, DeliveryState.HANDED_OVER, due=500),
            ]
        )
        times = [each.due_at for each in (await known(store, 1)).deliveries]
        assert times == [at(7), at(500), at(500)]
        [again] = await claim(store, 8, "there/1")
        await store.settle([settled(again, 9, DeliveryState.QUEUED, due=500)])
        assert (await known(store, 1)).deliveries[0].due_at == at(500)


class SharedStoreContract:
    """Rules of a ledger that several gateway processes share.

    A fixture ``pair`` gives two open stores on one fresh ledger.
    """

    async def test_ledger_is_shared(self, pair: tuple[Store, Store]) -> None:
        assert all(each.is_shared for each in pair)

    async def test_claims_at_the_same_time_never_hide_a_row_from_its_node(
        self, pair: tuple[Store, Store]
    ) -> None:
        here, there = pair
        await here.attach([attachment("a", "here", 1, 9_000)], at(0))
        for number in range(30):
            await there.accept([new_push(number, ["a"]), new_push(1_000 + number, ["b"])])
            mine, theirs = await asyncio.gather(
                claim(here, number, "here/1", per_client=1), claim(there, number, "there/1")
            )
            both = [*mine, *theirs]
            assert "a" in [each.client_id for each in mine]
            assert sorted(each.client_id for each in both) == ["a", "b"]
            await here.settle([settled(each, number) for each in both])

    async def test_clients_come_to_two_nodes_in_any_order(self, pair: tuple[Store, Store]) -> None:
        here, there = (
            [attachment(f"c{number:03}", node, epoch, 9_000) for number in range(200)]
            for node, epoch in (("here", 1), ("there", 2))
        )
        for _ in range(5):
            await asyncio.gather(
                pair[0].attach(here, at(0)),
                pair[1].attach(there[::-1], at(0)),
                pair[0].hasten([each.client_id for each in here], at(0)),
                pair[1].detach(here),
            )
        assert await pair[0].attach(there, at(1)) == [True] * len(there)

    async def test_node_is_woken_for_what_another_stores_for_its_client(
        self, pair: tuple[Store, Store]
    ) -> None:
        here, there = pair
        woken = asyncio.Event()
        async with here.wake_ups("here", woken.set), there.wake_ups("there", _nothing):
            await _woken(woken)  # it listens
            await here.attach([attachment("a", "here", 1, 9_000)], at(0))
            await there.accept([new_push(1, ["b", "a"])])
            await _woken(woken)
            assert [each.client_id for each in await claim(here, 5, "here/1")] == ["b", "a"]

    async def test_node_is_woken_for_what_another_brings_back(
        self, pair: tuple[Store, Store]
    ) -> None:
        here, there = pair
        woken = asyncio.Event()
        await there.accept([new_push(1, ["a"])])
        await there.defer("a", at(500), at(1), "away", "there")
        await here.attach([attachment("a", "here", 1, 9_000)], at(0))
        async with here.wake_ups("here", woken.set), there.wake_ups("there", _nothing):
            await _woken(woken)
            assert await there.hasten(["a"], at(2)) == 1
            await _woken(woken)
            assert numbers(await claim(here, 5, "here/1")) == [1]

    async def test_all_are_woken_for_a_push_to_very_many(self, pair: tuple[Store, Store]) -> None:
        here, there = pair
        woken = asyncio.Event()
        clients = [f"c{number}" for number in range(PLACED_AT_ONCE + 1)]
        async with here.wake_ups("here", woken.set), there.wake_ups("there", _nothing):
            await _woken(woken)
            await there.accept([new_push(1, clients)])
            await _woken(woken)
            assert await there.expand()
            await _woken(woken)

    async def test_nobody_is_woken_after_the_end(self, pair: tuple[Store, Store]) -> None:
        here, there = pair
        woken = asyncio.Event()
        async with here.wake_ups("here", woken.set), there.wake_ups("there", _nothing):
            await _woken(woken)
        await here.attach([attachment("a", "here", 1, 9_000)], at(0))
        assert await there.accept([new_push(1, ["a"])]) == [Accepted(new_push(1).push_key)]
        assert not woken.is_set()


def _nothing() -> None:
    """A wake-up that nobody waits for."""


async def _woken(event: asyncio.Event) -> None:
    async with asyncio.timeout(WOKEN_WITHIN_S):
        await event.wait()
    event.clear()


class NotificationContract:
    """Rules of the outbox."""

    async def test_final_settlement_puts_a_notification_into_the_outbox(self, store: Store) -> None:
        push = new_push(1)
        await store.accept([push])
        [claimed] = await claim(store, 0)
        await store.settle([settled(claimed, 7)])
        assert await store.claim_notifications(OWNER, at(6), LEASE_MS, 10, 10) == []
        assert await store.claim_notifications(OWNER, at(7), LEASE_MS, 10, 10) == [
            ClaimedNotification(
                key=claimed.key,
                owner=OWNER,
                attempt=1,
                lease_until=at(7 + LEASE_MS),
                url="http://initiator.example/notify",
                initiator_id="initiator",
                push_id=push.push_id,
                pap_version="2.3",
                control=push.control,
                received_at=push.received_at,
                address=push.deliveries[0].address,
                state=DeliveryState.DELIVERED,
                code=1000,
                reason="because delivered",
                confirmed=True,
                event_time=at(7),
                created_at=at(7),
            )
        ]

    async def test_nothing_is_notified_unasked(self, store: Store) -> None:
        await store.accept([new_push(1, notify_url=None), new_push(2), new_push(3)])
        one, two, three = await claim(store, 5)
        await store.settle(
            [
                settled(one, 7),
                settled(two, 7, notify=False),
                settled(three, 7, DeliveryState.QUEUED, due=9),
            ]
        )
        assert await store.claim_notifications(OWNER, at(100), LEASE_MS, 10, 10) == []

    async def test_notification_is_retried_until_it_has_ended(self, store: Store) -> None:
        await store.accept([new_push(1)])
        await store.settle([settled(c, 1) for c in await claim(store, 0)])
        [first] = await store.claim_notifications(OWNER, at(1), LEASE_MS, 10, 10)
        retry = notified(first, 2, NotificationState.PENDING, due=50)
        assert await store.settle_notifications([retry, retry]) == [True, False]
        assert await store.claim_notifications(OWNER, at(49), LEASE_MS, 10, 10) == []
        [second] = await store.claim_notifications(OWNER, at(50), LEASE_MS, 10, 10)
        assert second.attempt == 2
        assert await store.settle_notifications([notified(first, 51)]) == [False]
        assert await store.settle_notifications([notified(second, 52)]) == [True]
        assert await store.claim_notifications(OWNER, at(9_999), LEASE_MS, 10, 10) == []
        assert names(await known(store, 1))[-2:] == [
            "notification_retry",
            "notification_delivered",
        ]

    async def test_notification_whose_lease_ended_is_claimed_again(self, store: Store) -> None:
        await store.accept([new_push(1)])
        await store.settle([settled(c, 1) for c in await claim(store, 0)])
        [lost] = await store.claim_notifications(OWNER, at(1), LEASE_MS, 10, 10)
        [held] = await store.claim_notifications("b/1", at(1 + LEASE_MS), LEASE_MS, 10, 10)
        assert await store.settle_notifications([notified(lost, 1_100)]) == [False]
        failed = notified(held, 1_200, NotificationState.FAILED)
        assert await store.settle_notifications([failed]) == [True]

    async def test_excluded_targets_are_passed_over(self, store: Store) -> None:
        await store.accept(
            [new_push(n, notify_url=f"http://target/{n % 2}") for n in range(1, 201)]
        )
        await store.settle(
            [settled(c, 300) for c in await claim(store, 300, limit=200, per_client=200)]
        )
        claimed = await store.claim_notifications(
            OWNER, at(300), LEASE_MS, 150, 150, excluding=["http://target/0"]
        )
        assert numbers(claimed) == list(range(1, 201, 2))

    async def test_one_target_gets_no_more_than_its_share_of_a_claim(self, store: Store) -> None:
        await store.accept(
            [new_push(n, notify_url=f"http://target/{n // 30}") for n in range(1, 33)]
        )
        await store.settle(
            [settled(c, 300) for c in await claim(store, 300, limit=200, per_client=200)]
        )
        claimed = await store.claim_notifications(OWNER, at(300), LEASE_MS, 20, 2)
        assert numbers(claimed) == [1, 2, 30, 31]


class CancelContract:
    """Rules of cancellation and replacement (PAP 5.3, 8.2)."""

    async def test_what_waits_is_cancelled_and_told(self, store: Store) -> None:
        await store.accept([new_push(1, ["a", "b"])])
        told = await store.cancel(cancellation(1, 7))
        assert told is not None
        assert [(each.recipient, each.outcome.value) for each in told] == [
            ("USER:a", "cancelled"),
            ("USER:b", "cancelled"),
        ]
        assert await claim(store, 9) == []
        record = await known(store, 1)
        for delivery in record.deliveries:
            assert delivery.state is DeliveryState.CANCELLED
            assert (delivery.code, delivery.event_time) == (1000, at(7))
            assert (delivery.due_at, delivery.reason) == (None, "the initiator cancelled it")
        assert [(line.event, line.at) for line in record.timeline[1:]] == [("cancelled", at(7))] * 2
        notifications = await store.claim_notifications(OWNER, at(9), LEASE_MS, 10, 10)
        assert [each.state for each in notifications] == [DeliveryState.CANCELLED] * 2
        assert (await store.counts()).deliveries == {}

    async def test_only_the_recipients_asked_for_are_cancelled(self, store: Store) -> None:
        await store.accept([new_push(1, ["a", "b"])])
        told = await store.cancel(cancellation(1, 7, "USER:b", "USER:nobody"))
        assert told is not None
        assert [(each.address, each.outcome.value) for each in told] == [
            ("WAPPUSH=b/TYPE=USER@ppg.example", "cancelled")
        ]
        assert [claimed.client_id for claimed in await claim(store, 9)] == ["a"]

    async def test_what_is_held_in_doubt_or_ended_is_left_alone(self, store: Store) -> None:
        await store.accept([new_push(1, ["held", "doubt", "done", "gone"])])
        [held, doubt, done, gone] = await claim(store, 5, limit=4, per_client=4)
        await store.settle(
            [
                settled(doubt, 6, DeliveryState.IN_DOUBT, due=20, notify=False),
                settled(done, 6),
                settled(gone, 6, DeliveryState.QUEUED, due=20, notify=False),
            ]
        )
        await store.cancel(cancellation(1, 7, "USER:gone"))
        before = await known(store, 1)
        told = await store.cancel(cancellation(1, 8))
        assert told is not None
        assert [each.outcome.value for each in told] == [
            "on_its_way",
            "on_its_way",
            "ended",
            "cancelled_before",
        ]
        assert await known(store, 1) == before
        assert await store.settle([settled(held, 9)]) == [True]

    async def test_push_of_another_initiator_is_not_known(self, store: Store) -> None:
        await store.accept([new_push(1)])
        other = replace(cancellation(1, 7), initiator_id="other")
        assert await store.cancel(other) is None
        assert await store.cancel(cancellation(2, 7)) is None
        assert len(await claim(store, 9)) == 1

    async def test_push_to_many_is_cancelled_whole(self, store: Store) -> None:
        clients = [f"c{number}" for number in range(1_203)]
        await store.accept([new_push(1, clients)])
        told = await store.cancel(cancellation(1, 7))
        assert told is not None
        assert [each.recipient for each in told] == [f"USER:{client}" for client in clients]
        assert {each.outcome.value for each in told} == {"cancelled"}
        assert (await store.counts()).deliveries == {}

    async def test_replacement_of_all_cancels_what_waits_and_goes_to_everybody(
        self, store: Store
    ) -> None:
        await store.accept([new_push(1, ["a", "sent", "other"])])
        first = (await claim(store, 5, limit=2, per_client=1))[1]
        new = replacing(2, ["a", "sent", "new"], pending_only=False)
        assert await store.accept([new]) == [Accepted(new.push_key)]
        states = {each.client_id: each.state for each in (await known(store, 1)).deliveries}
        assert first.client_id == "sent"
        assert states["sent"] is DeliveryState.IN_FLIGHT
        assert states["other"] is DeliveryState.QUEUED  # not among the new one's recipients
        replacement = await known(store, 2)
        assert {each.state for each in replacement.deliveries} == {DeliveryState.QUEUED}
        assert len(replacement.deliveries) == 3

    async def test_replacement_of_what_is_pending_goes_to_nobody_else(self, store: Store) -> None:
        await store.accept([new_push(1, ["sent", "a"])])
        await claim(store, 5, limit=1)
        new = replacing(2, ["a", "sent", "new"], pending_only=True)
        assert await store.accept([new]) == [Accepted(new.push_key)]
        earlier = (await known(store, 1)).deliveries[1]
        assert (earlier.state, earlier.reason) == (
            DeliveryState.CANCELLED,
            f"replaced by {new.push_id}",
        )
        ends = [(d.client_id, d.state, d.code) for d in (await known(store, 2)).deliveries]
        assert ends == [
            ("a", DeliveryState.QUEUED, None),
            ("sent", DeliveryState.REJECTED, 2008),
            ("new", DeliveryState.REJECTED, 2008),
        ]
        told = await store.claim_notifications(OWNER, at(9), LEASE_MS, 10, 10)
        assert sorted((each.push_id, each.state.value) for each in told) == [
            ("push-1@initiator.example", "cancelled"),
            ("push-2@initiator.example", "rejected"),
            ("push-2@initiator.example", "rejected"),
        ]

    async def test_replacement_that_finds_nothing_to_cancel(self, store: Store) -> None:
        await store.accept([new_push(1)])
        await claim(store, 5)
        pending, every = (replacing(n, ["client"], pending_only=n == 2) for n in (2, 3))
        assert await store.accept([pending]) == [NothingToReplace(known=True)]
        unknown = replace(pending, replaces=Replacement("nobody's", pending_only=True))
        assert await store.accept([unknown]) == [NothingToReplace(known=False)]
        assert await store.push(pending.push_id) is None  # and its push-id is free
        both = await store.accept([every, replace(pending, replaces=None)])
        assert both == [Accepted(every.push_key), Accepted(pending.push_key)]

    async def test_replacement_that_is_repeated_changes_nothing(self, store: Store) -> None:
        await store.accept([new_push(1)])
        new = replacing(2, ["client"], pending_only=True)
        assert await store.accept([new]) == [Accepted(new.push_key)]
        before = await known(store, 1), await known(store, 2)
        assert await store.accept([new]) == [Accepted(new.push_key)]
        assert (await known(store, 1), await known(store, 2)) == before

    async def test_replacement_whose_push_id_is_taken_cancels_nothing(self, store: Store) -> None:
        await store.accept([new_push(1), new_push(2)])
        [answer] = await store.accept(
            [replace(replacing(3, ["client"], pending_only=False), push_id=new_push(2).push_id)]
        )
        assert isinstance(answer, DuplicatePushId)
        itself = Replacement(new_push(1).push_id, pending_only=False)
        own = replace(new_push(4), push_id=itself.push_id, replaces=itself)
        [answer] = await store.accept([own])
        assert isinstance(answer, DuplicatePushId)
        assert len(await claim(store, 9)) == 2


class ManyContract:
    """Rules of pushes to very many recipients, and to groups (PPG 6)."""

    async def test_push_to_very_many_is_known_at_once_and_put_in_place_by_pages(
        self, store: Store
    ) -> None:
        clients = [f"c{number}" for number in range(3 * PLACED_AT_ONCE + 7)]
        push = new_push(1, clients)
        last = replace(push.deliveries[-1], rejection=Rejection(2005, "too small"))
        push = replace(push, deliveries=(*push.deliveries[:-1], last))
        assert await store.accept([push]) == [Accepted(push.push_key)]
        before = (await known(store, 1)).deliveries
        assert [each.client_id for each in before] == clients
        assert before[-1].code == 2005
        assert await store.purge(at(9_999_999), 10) == 0
        while await store.expand():
            pass
        assert await store.accept([push]) == [Accepted(push.push_key)]
        after = (await known(store, 1)).deliveries
        assert after[:-1] == before[:-1]
        assert after[-1].state is DeliveryState.REJECTED
        assert len(await claim(store, 5, limit=5_000)) == len(clients) - 1

    async def test_push_to_very_many_is_cancelled_for_those_not_yet_in_place(
        self, store: Store
    ) -> None:
        clients = [f"c{number}" for number in range(2 * PLACED_AT_ONCE)]
        await store.accept([new_push(1, clients)])
        told = await store.cancel(cancellation(1, 7, f"USER:{clients[-1]}"))
        assert told is not None
        assert [each.outcome.value for each in told] == ["cancelled"]
        while await store.expand():
            pass
        assert len(await claim(store, 9, limit=5_000)) == len(clients) - 1

    async def test_group_ends_with_its_last_part_and_is_told_once(self, store: Store) -> None:
        await store.accept([to_group(1, ["a", "b"])])
        [first, second] = await claim(store, 5)
        assert {first.client_id, second.client_id} == {"a", "b"}
        await store.settle([settled(first, 6)])
        group, *parts = (await known(store, 1)).deliveries
        assert group.state is DeliveryState.QUEUED
        assert [part.part_of for part in parts] == [0, 0]
        await store.settle([settled(second, 7, DeliveryState.ABORTED)])
        record = await known(store, 1)
        group = record.deliveries[0]
        assert (group.state, group.code, group.event_time) == (
            DeliveryState.DELIVERED,
            1000,
            at(7),
        )
        assert (group.reason, group.confirmed, group.due_at) == ("1 of 2 delivered", True, None)
        assert names(record, 0) == ["delivered"]
        [told] = await store.claim_notifications(OWNER, at(9), LEASE_MS, 10, 10)
        assert (told.key.position, told.state) == (0, DeliveryState.DELIVERED)
        assert (await store.counts()).deliveries == {}

    async def test_group_of_which_nobody_was_served_is_undeliverable(self, store: Store) -> None:
        await store.accept([to_group(1, ["a", "b"])])
        claimed = await claim(store, 5)
        states = (DeliveryState.EXPIRED, DeliveryState.ABORTED)
        await store.settle(
            [settled(each, 6, state) for each, state in zip(claimed, states, strict=True)]
        )
        group = (await known(store, 1)).deliveries[0]
        assert (group.state, group.code) == (DeliveryState.UNDELIVERABLE, 4000)
        assert group.reason == "0 of 2 delivered: 1 aborted, 1 expired"

    async def test_group_that_waits_is_cancelled_as_one(self, store: Store) -> None:
        await store.accept([to_group(1, ["a", "b"])])
        told = await store.cancel(cancellation(1, 7))
        assert told is not None
        assert [(each.recipient, each.outcome.value) for each in told] == [
            ("USER:group", "cancelled")
        ]
        states = {each.state for each in (await known(store, 1)).deliveries}
        assert states == {DeliveryState.CANCELLED}
        [notification] = await store.claim_notifications(OWNER, at(9), LEASE_MS, 10, 10)
        assert notification.key.position == 0
        again = await store.cancel(cancellation(1, 8))
        assert again is not None
        assert again[0].outcome.value == "cancelled_before"

    async def test_group_that_is_half_sent_cannot_be_cancelled_but_the_rest_is(
        self, store: Store
    ) -> None:
        await store.accept([to_group(1, ["a", "b"])])
        [held] = await claim(store, 5, limit=1)
        told = await store.cancel(cancellation(1, 7))
        assert told is not None
        assert told[0].outcome.value == "on_its_way"
        await store.settle([settled(held, 8)])
        group = (await known(store, 1)).deliveries[0]
        assert (group.state, group.reason) == (DeliveryState.DELIVERED, "1 of 2 delivered")

    async def test_group_whose_parts_never_end_is_due_itself(self, store: Store) -> None:
        await store.accept([to_group(1, ["a"], group_due=500)])
        await claim(store, 5)
        [group] = [each for each in await claim(store, 500) if each.key.position == 0]
        assert group.client_id == ""
        assert await store.settle([settled(group, 501, DeliveryState.EXPIRED)]) == [True]
        [told] = await store.claim_notifications(OWNER, at(501), LEASE_MS, 10, 10)
        assert told.state is DeliveryState.EXPIRED


class RecordContract:
    """Rules of timelines, registrations, counting and purging."""

    async def test_recorded_events_stand_in_the_timeline_in_order(self, store: Store) -> None:
        await store.accept([new_push(1)])
        [claimed] = await claim(store, 5)
        key = claimed.key.push_key
        route = TimelineEvent(key, 0, at(5), "route", "OTA-HTTP")
        note = TimelineEvent(key, None, at(6), "note")
        await store.record([route, note])
        await store.record([TimelineEvent("f" * 32, None, at(6), "lost")])
        await store.settle([settled(claimed, 6)])
        record = await known(store, 1)
        assert names(record) == ["accepted", "attempt", "route", "note", "delivered"]
        assert record.timeline[2:4] == (route, note)

    async def test_registration_replaces_what_was_kept_for_client_and_bearer(
        self, store: Store
    ) -> None:
        first = RegistrationRecord("a", "http", at(1), "terminal", None)
        second = RegistrationRecord(
            client_id="a",
            bearer="http",
            seen_at=at(5),
            terminal_id=None,
            cpi_tag="tag",
            cpi={"tag": (("Accept", "text/plain"), ("Accept", "é")), "old": ()},
            authenticated=True,
            address="192.0.2.1:4035",
            host="192.0.2.1",
        )
        other = RegistrationRecord("a", "sip", at(3), None, None)
        foreign = RegistrationRecord("b", "http", at(9), None, None)
        await store.remember_registrations([first, other, foreign, second])
        assert await store.registrations("a") == [second, other]
        await store.remember_registrations([first])
        await store.remember_registrations([second])
        assert await store.registrations("a") == [second, other]
        assert await store.registrations("c") == []

    async def test_registrations_are_found_by_terminal_and_by_address(self, store: Store) -> None:
        def record(
            client_id: str, seen: int, terminal_id: str | None, host: str
        ) -> RegistrationRecord:
            return RegistrationRecord(client_id, "http", at(seen), terminal_id, None, host=host)

        first, second = record("a", 1, "one", "192.0.2.1"), record("b", 2, "one", "192.0.2.2")
        unknown = record("c", 3, None, "")
        await store.remember_registrations([first, second, unknown])
        assert await store.registrations_of_terminal("one") == [second, first]
        assert await store.registrations_at("192.0.2.1") == [first]
        moved = replace(second, seen_at=at(9), terminal_id="two", host="192.0.2.1")
        await store.remember_registrations([moved])
        assert await store.registrations_at("192.0.2.1") == [moved, first]
        assert await store.registrations_at("192.0.2.2") == []
        assert await store.registrations_at("") == []
        assert await store.registrations_of_terminal("one") == [first]
        behind_one = [record(f"n{number}", number, "nat", "192.0.2.9") for number in range(1_100)]
        await store.remember_registrations(behind_one)
        latest = behind_one[::-1][:MOST_FOUND]
        assert await store.registrations_at("192.0.2.9") == latest
        assert await store.registrations_of_terminal("nat") == latest

    async def test_wake_ups_hinder_nobody(self, store: Store) -> None:
        async with store.wake_ups("node", _nothing):
            await store.attach([attachment("client", "node", 1, 100)], at(0))
            await store.accept([new_push(1)])
            assert numbers(await claim(store, 5)) == [1]

    async def test_next_due_is_the_first_instant_after_now(self, store: Store) -> None:
        assert await store.next_due(at(0)) is None
        await store.accept([new_push(1, due=10), new_push(2, ["b"], due=70)])
        assert await store.next_due(at(9)) == at(10)
        assert await store.next_due(at(10)) == at(70)
        [claimed] = await claim(store, 10)
        await store.settle([settled(claimed, 40)])
        assert await store.next_due(at(39)) == at(40)
        assert await store.next_due(at(70)) is None

    async def test_counts_tell_what_has_not_ended(self, store: Store) -> None:
        await store.accept([new_push(1, due=7), new_push(2, due=5), new_push(3, due=9)])
        one, _two = await claim(store, 7)
        await store.settle([settled(one, 8)])
        counts = await store.counts()
        assert counts.deliveries == {DeliveryState.QUEUED: 1, DeliveryState.IN_FLIGHT: 1}
        assert counts.notifications == {NotificationState.PENDING: 1}
        assert counts.oldest_due_at == at(9)

    async def test_purge_forgets_only_old_pushes_that_have_ended(self, store: Store) -> None:
        await store.accept([new_push(1), new_push(2, ["a", "b"]), new_push(3), new_push(400)])
        claimed = await claim(store, 10)
        ended = [c for c in claimed if (c.key.push_key, c.client_id) != (f"{2:032x}", "b")]
        await store.settle([settled(c, 11) for c in ended])
        notifications = await store.claim_notifications(OWNER, at(11), LEASE_MS, 100, 100)
        await store.settle_notifications(
            [notified(n, 12) for n in notifications if numbers([n]) != [3]]
        )
        assert await store.purge(at(400), 100) == 1
        assert await store.push("push-1@initiator.example") is None
        assert len((await known(store, 2)).deliveries) == 2
        assert names(await known(store, 3))[-1] == "delivered"
        again = replace(new_push(500), push_id="push-1@initiator.example")
        assert await store.accept([again]) == [Accepted(again.push_key)]

    async def test_purge_forgets_at_most_so_many_oldest_first(self, store: Store) -> None:
        await store.accept([new_push(n, notify_url=None) for n in range(300)])
        claimed = await claim(store, 300, limit=300, per_client=300)
        await store.settle([settled(c, 301) for c in claimed if numbers([c]) != [0]])
        assert await store.purge(at(300), 3) == 3
        assert await store.push("push-3@initiator.example") is None
        assert (await known(store, 4)).push_key == f"{4:032x}"
        assert await store.purge(at(300), 1000) == 296
        assert await store.purge(at(300), 1000) == 0


class StoreContract(
    AcceptanceContract,
    ClaimContract,
    LeaseContract,
    MovingContract,
    NotificationContract,
    CancelContract,
    ManyContract,
    RecordContract,
):
    """All of it."""
