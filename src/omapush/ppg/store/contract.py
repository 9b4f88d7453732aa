"""The contract of the ledger.

Rules that every implementation obeys (the design note "The ledger" gives the reasons):

1. A call that returns has its effect on stable storage. A call that raises
   :class:`StoreUnavailable` may or may not have had it, and is safe to repeat as it is.
2. Calls take and give lists, so that one commit serves many; concurrent calls share commits.
3. :meth:`Store.claim` gives each due row to one owner for the length of a lease. When a lease ends
   unsettled the row becomes due again and the next claim marks it in doubt.
4. :meth:`Store.settle` is fenced by (owner, attempt): who lost the lease changes nothing.
5. Every change of state appends an event to the push's timeline in the same commit.
6. What a bearer reports is matched with what it took, whichever of the two is stored first.
7. :meth:`Store.attach` routes: the rows of a client whose live connection a node holds are claimed
   there only, and no other node puts them off.
8. :meth:`Store.wake_ups` are hints. Polling is the truth.

All instants are milliseconds since the epoch; all durations are milliseconds.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from omapush.content.message import Header, PushMessage
from omapush.core.errors import OmapushError
from omapush.core.instants import HOUR_MS, Instant
from omapush.ota.bearer_reports import BearerReport, ReportVerdict
from omapush.ota.interface import CarriedPart
from omapush.ppg.store.service_registration_contract import ServiceRegistrationStore


class StoreUnavailable(OmapushError):
    """The ledger cannot be reached or did not answer; the call may be repeated as it is."""


class StoreRefused(OmapushError):
    """The ledger cannot hold what it was given, such as a lone surrogate in a push id or a number
    of more than 63 bits. Nothing was stored, and repeating the call is in vain.
    """


class DeliveryState(enum.StrEnum):
    """Where a delivery is. The last eight are final and carry PAP's names (PAP 8.6)."""

    QUEUED = "queued"
    """Waiting for its due time."""
    IN_FLIGHT = "in_flight"
    """Claimed by a gateway process that holds a live lease."""
    IN_DOUBT = "in_doubt"
    """Was in flight when its gateway process died or lost the lease; whether the client got it is
    not known. Policy decides what happens next."""
    HANDED_OVER = "handed_over"
    """A bearer has taken it and will report whether it arrived. Its due time is when the bearer is
    to be asked, should no report have come."""
    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"
    EXPIRED = "expired"
    ABORTED = "aborted"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Whether the delivery has ended; a final state never changes."""
        return self not in (self.QUEUED, self.IN_FLIGHT, self.IN_DOUBT, self.HANDED_OVER)


MOST_ORPHANS = 10_000
"""So many reports are kept for which no settlement has come yet; beyond this the oldest go."""
ORPHAN_LIFE_MS = HOUR_MS
"""A report is applied to a part that is settled at most so long after it: bearers use their
references again, and the report of another part must not be taken for one of this."""
LONGEST_DETAIL = 500
"""So many characters of a report's detail are kept."""
LONGEST_REFERENCE = 255
"""The name of a bearer and a reference have at most so many characters, all printable. Parts and
reports with others are passed over: a report may name anything, and never raises."""

MOST_FOUND = 16
"""So many registrations are told of a terminal or an address; thousands may share an address."""

PLACED_AT_ONCE = 500
"""So many deliveries of one push are put in their places by one transaction."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a recipient gets nothing of an accepted push: a PAP status code, and a sentence."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """One recipient of a push that is to be accepted.

    :ivar position: 0-based place of the recipient in the submission.
    :ivar address: the initiator's own address string, byte for byte (PPG 6).
    :ivar client_id: the client that the address was resolved to.
    :ivar due_at: when it may first be delivered.
    :ivar recipient: the address in its one normal form: by it the initiator's later operations find
        the recipient again, however they spell it (PPG 6).
    :ivar rejection: the push is accepted, but not for this recipient: the delivery has ended before
        it began, and is notified (PAP 6.1).
    :ivar members: of a group, how many deliveries are its part; of any other recipient 0. A group
        is one recipient towards the initiator (PPG 6): it is never sent itself, ends with the last
        of its members, and is due only in case that none of them ends.
    :ivar part_of: the position of the group that this delivery is a part of. It is not notified.
    """

    position: int
    address: str
    client_id: str
    due_at: Instant
    recipient: str
    rejection: Rejection | None = None
    members: int = 0
    part_of: int | None = None


@dataclass(frozen=True, slots=True)
class Replacement:
    """Which earlier push of the same initiator a new one replaces (PAP 8.2).

    :ivar pending_only: the new one goes only to recipients for whom the earlier could be cancelled.
    """

    push_id: str
    pending_only: bool


@dataclass(frozen=True, slots=True)
class NewPush:
    """A submission that passed every check and is to become durable.

    :ivar push_key: our own unique key, 32 hexadecimal digits, ascending with time; makes a repeated
        commit harmless.
    :ivar push_id: the initiator's; unique in the ledger for as long as the record is kept.
    :ivar content_digest: of control and content, for recognising an identical resubmission.
    :ivar control: the facts of the control entity that later documents must echo, as JSON-able
        values (owned by ``ppg.acceptance``).
    :ivar flags: ``ota.interface.PushFlag`` as a number.
    :ivar expires_at: after this nothing is transmitted any more.
    :ivar replaces: the earlier push that is cancelled, recipient by recipient, in the same commit.
    """

    push_key: str
    push_id: str
    initiator_id: str
    pap_version: str
    received_at: Instant
    expires_at: Instant
    content_digest: str
    confirmed: bool
    flags: int
    notify_url: str | None
    control: Mapping[str, object]
    message: PushMessage
    deliveries: tuple[NewDelivery, ...]
    replaces: Replacement | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The push is on disk (or was already, by this very call repeated)."""

    push_key: str


@dataclass(frozen=True, slots=True)
class DuplicatePushId:
    """The push id is taken by an earlier push; nothing was stored.

    The facts let the caller decide about idempotent resubmission.
    """

    push_id: str
    initiator_id: str
    content_digest: str
    received_at: Instant


@dataclass(frozen=True, slots=True)
class NothingToReplace:
    """A replacement of what is pending only found nothing that it could cancel; nothing was stored.

    :ivar known: the push that was to be replaced is known.
    """

    known: bool


class CancelOutcome(enum.StrEnum):
    """What became of the wish to cancel one delivery (PAP 5.3)."""

    CANCELLED = "cancelled"
    """It was waiting, and will never be sent."""
    ON_ITS_WAY = "on_its_way"
    """A gateway process holds it, or an attempt is in doubt: it could not be assured."""
    ENDED = "ended"
    """It had ended before, other than by cancellation."""
    CANCELLED_BEFORE = "cancelled_before"


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A wish to cancel a push, wholly or for some recipients.

    :ivar recipients: in their normal form, as in :class:`NewDelivery`; none means all.
    :ivar reason: stands in the timeline and becomes PAP's ``desc``.
    """

    push_id: str
    initiator_id: str
    at: Instant
    reason: str
    recipients: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CancelledDelivery:
    """How the wish ended for one recipient."""

    address: str
    recipient: str
    outcome: CancelOutcome


@dataclass(frozen=True, slots=True)
class DeliveryKey:
    """Names one delivery: a push and the position of the recipient."""

    push_key: str
    position: int

    def __str__(self) -> str:
        return f"{self.push_key}.{self.position}"


@dataclass(frozen=True, slots=True)
class ReportedPart:
    """A part that a bearer took, and the last that it reported of it; ``None``: nothing yet."""

    carried: CarriedPart
    verdict: ReportVerdict | None = None


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that the caller now owns until ``lease_until``.

    :ivar attempt: number of this claim, from 1; together with ``owner`` the fence of ``settle``.
    :ivar sent_attempts: how many earlier attempts reached the client or may have.
    :ivar in_doubt: an earlier owner vanished while the row was in flight.
    :ivar handed_over: a bearer has taken it and has not reported, or not of all parts: it must not
        be sent again unless the bearer denies it. May stand together with ``in_doubt``.
    :ivar notified: the initiator wants to hear how it ends.
    :ivar carried: the parts that bearers took in the latest attempt that any was taken in, by
        number, with what was reported of each.
    :ivar reported: what the reports together say, if that ends the delivery: they came while it was
        in flight.
    """

    key: DeliveryKey
    push_id: str
    initiator_id: str
    client_id: str
    address: str
    owner: str
    attempt: int
    sent_attempts: int
    in_doubt: bool
    lease_until: Instant
    received_at: Instant
    expires_at: Instant
    confirmed: bool
    flags: int
    message: PushMessage
    control: Mapping[str, object] = field(default_factory=dict)
    handed_over: bool = False
    notified: bool = False
    carried: tuple[ReportedPart, ...] = ()
    reported: ReportVerdict | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an owned delivery goes on.

    A final ``state`` ends it; ``notify`` then adds the result notification to the outbox in the
    same commit, due at ``at``. With :attr:`DeliveryState.QUEUED`, or ``IN_DOUBT`` when the client
    may have got it, the row becomes due again at ``due_at``; ``sent`` tells whether the attempt may
    have reached the client and so counts. With ``HANDED_OVER`` it becomes due at ``due_at`` if no
    report has ended it by then.

    If the client has come to another node meanwhile, and only there, what waits for a retry is due
    at once: that node has brought back what it found, and could not see this.

    Reports that have come before are applied in the same commit, and may end the delivery although
    ``state`` does not, or otherwise than ``state`` does, if that does not tell how it went.

    :ivar carried: the parts that a bearer took and will report about, whatever the state. A part
        that names the reference of another delivery takes it over: the youngest has it.
    :ivar network: name of the network over which it was sent, if it was and has one; ``bearer``
        likewise.
    :ivar code: PAP status code, e.g. 1000.
    :ivar confirmed: the delivery method really used, for a final state.
    :ivar reason: why; stands in the timeline and becomes PAP's ``desc``.
    """

    key: DeliveryKey
    owner: str
    attempt: int
    at: Instant
    state: DeliveryState
    reason: str
    code: int | None = None
    confirmed: bool = False
    sent: bool = False
    due_at: Instant | None = None
    notify: bool = False
    network: str | None = None
    bearer: str | None = None
    carried: tuple[CarriedPart, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportResult:
    """What a report did.

    :ivar known: it names a part that we know; of an unknown one it is kept for a while, since a
        bearer may report before the settlement is stored.
    :ivar key: the delivery that it is about.
    :ivar ended: the state in which the report ended that delivery, if it did.
    """

    known: bool
    key: DeliveryKey | None = None
    ended: DeliveryState | None = None


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One line of a push's timeline. ``position`` is ``None`` for the push as a whole."""

    push_key: str
    position: int | None
    at: Instant
    event: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery as the ledger knows it now."""

    key: DeliveryKey
    address: str
    client_id: str
    state: DeliveryState
    due_at: Instant | None
    attempt: int
    sent_attempts: int
    code: int | None
    reason: str
    confirmed: bool
    event_time: Instant | None
    recipient: str = ""
    part_of: int | None = None
    network: str | None = None
    bearer: str | None = None


@dataclass(frozen=True, slots=True)
class PushRecord:
    """A push with its deliveries (by position) and its timeline (oldest first).

    The timeline begins with an ``accepted`` event at ``received_at``.
    """

    push_key: str
    push_id: str
    initiator_id: str
    pap_version: str
    received_at: Instant
    expires_at: Instant
    confirmed: bool
    notify_url: str | None
    control: Mapping[str, object]
    deliveries: tuple[DeliveryRecord, ...]
    timeline: tuple[TimelineEvent, ...]


class NotificationState(enum.StrEnum):
    """Where a result notification is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ClaimedNotification:
    """A result notification that the caller now owns until ``lease_until``, and all it must say."""

    key: DeliveryKey
    owner: str
    attempt: int
    lease_until: Instant
    url: str
    initiator_id: str
    push_id: str
    pap_version: str
    control: Mapping[str, object]
    received_at: Instant
    address: str
    state: DeliveryState
    code: int
    reason: str
    confirmed: bool
    event_time: Instant
    created_at: Instant
    network: str | None = None
    bearer: str | None = None


@dataclass(frozen=True, slots=True)
class NotificationSettlement:
    """How an owned notification goes on: ended, or pending again at ``due_at``."""

    key: DeliveryKey
    owner: str
    attempt: int
    at: Instant
    state: NotificationState
    reason: str
    due_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class RegistrationRecord:
    """What registration told about a client on one bearer (WAP-235, 7.2.5).

    :ivar cpi_tag: the client's current CPITag.
    :ivar cpi: the CPI headers known under each tag.
    :ivar address: where it was reached or came from, for people.
    :ivar host: the IP address of that, where there is one: by it a terminal that dials in from
        there and has not said who it is may be recognised.
    """

    client_id: str
    bearer: str
    seen_at: Instant
    terminal_id: str | None
    cpi_tag: str | None
    cpi: Mapping[str, tuple[Header, ...]] = field(default_factory=dict)
    authenticated: bool = False
    address: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A live connection of a client, held by one node.

    :ivar kind: the client may be attached in several ways at a time, once in each.
    :ivar node: the gateway process, as in the first half of an owner.
    :ivar epoch: which of two attachments of one kind is the newer, such as the instant in which
        the connection came to be.
    :ivar until: when it ends unless it is renewed.
    :ivar address: the terminal's, for people.
    """

    client_id: str
    kind: str
    node: str
    epoch: int
    until: Instant
    address: str = ""


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """How much that has not ended is in which state, for metrics and health."""

    deliveries: Mapping[DeliveryState, int]
    notifications: Mapping[NotificationState, int]
    oldest_due_at: Instant | None


class Store(ServiceRegistrationStore, Protocol):
    """The ledger. Every method raises :class:`StoreUnavailable` when the database is away."""

    @property
    def is_shared(self) -> bool:
        """Whether several gateway processes may use it at a time."""

    def wake_ups(self, node: str, on_wake: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        """Tell other nodes, and be told, of what was stored, as long as the context is open.

        ``on_wake`` is called when another process has stored deliveries for a client that is
        attached to ``node``, or for very many. These are hints, which may be lost, repeated or
        vain: who relies on them must poll as well. Where the ledger is not shared nobody is told.
        """

    async def open(self) -> None:
        """Connect, and bring the schema up to date. Call once, before everything else."""

    async def close(self) -> None:
        """Finish what was begun and disconnect. Safe to call twice."""

    async def accept(
        self, pushes: Sequence[NewPush]
    ) -> list[Accepted | DuplicatePushId | NothingToReplace]:
        """Make ``pushes`` durable; one answer for each, in order.

        Pushes are judged one by one: a duplicate does not hinder its neighbours. Of two equal push
        ids in one call the first wins. The same ``push_key`` again is not a duplicate.

        A push that replaces another cancels its waiting deliveries to the same recipients in the
        same commit. With ``pending_only`` a recipient for whom nothing was cancelled is rejected
        (PAP 2008); if there is no other, nothing is stored.
        """

    async def expand(self) -> int:
        """Put deliveries of a push to very many in their places; how many; 0: none is left.

        ``accept`` puts the first :data:`PLACED_AT_ONCE` deliveries of a push in their places and
        keeps the others in bulk, so that it takes one short commit however many there are. Until
        they are in their places they cannot be claimed; ``push`` and ``cancel`` know of them.
        """

    async def cancel(self, wish: Cancellation) -> list[CancelledDelivery] | None:
        """Cancel what still waits of a push; tell for each recipient asked for what became of it.

        Each recipient is cancelled in one step with its result notification; a push to very many
        in several commits. ``None``: no such push of that initiator is known.
        """

    async def recover(self, node: str, incarnation: str, now: Instant) -> int:
        """End at once all leases of earlier incarnations of ``node``; return how many.

        An owner is written ``node/incarnation``. Its attachments end as well: who starts holds no
        connection.
        """

    async def claim(
        self,
        owner: str,
        now: Instant,
        lease_ms: int,
        limit: int,
        per_client: int,
        excluding: Collection[str] = (),
    ) -> list[ClaimedDelivery]:
        """Take deliveries that are due, oldest first, and whose route is empty or this node.

        :param limit: at most so many.
        :param per_client: at most so many for one client.
        :param excluding: clients that are to be passed over now.
        """

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Settle owned deliveries; ``False`` where the fence refused."""

    async def report(self, reports: Sequence[BearerReport]) -> list[ReportResult]:
        """Take what bearers report, in one commit; one result for each, in order.

        A delivery is delivered when all parts of one attempt are reported delivered, and fails with
        the first part of its latest attempt that is reported to have failed for good. It ends at
        once unless it is in flight; then its settlement ends it. Its result notification is due in
        the same commit.

        Each report adds a line to the timeline, also of a delivery that has ended; one that repeats
        what is known of its part changes nothing. The first final report of a part stands.
        """

    async def defer(
        self, client_id: str, until: Instant, now: Instant, reason: str, node: str
    ) -> int:
        """Make the queued, unclaimed deliveries of a client that are due before ``until`` due then.

        None is put beyond its own expiry. For a client that cannot be reached, so that its backlog
        does not cost an attempt each; what is handed over stays where it is. Returns how many rows
        moved. No event is written; ``reason`` stands in the delivery's record until its next
        settlement.

        :param node: the one that could not reach it. Nothing moves if only others have live
            attachments of the client, which has just come to one of them.
        """

    async def hasten(self, client_ids: Sequence[str], now: Instant) -> int:
        """Make the queued deliveries of clients due now that wait only for a retry.

        For clients that have just been seen. What was only deferred comes back as well, but not
        what is handed over; nothing becomes due before the instant with which it was accepted.
        Returns how many rows moved.
        """

    async def attach(self, attachments: Sequence[Attachment], now: Instant) -> list[bool]:
        """Record who holds live connections of clients, and route their rows there.

        A higher ``epoch`` wins, an equal one of the same node renews; ``False`` where a newer one
        stands. When ``until`` has passed unrenewed the rows may be claimed by any node again. A few
        hundred share a commit: a long list is not one commit, but its order is kept.
        """

    async def detach(self, attachments: Sequence[Attachment]) -> list[bool]:
        """Forget attachments; ``False`` where it is no longer this node and epoch."""

    async def attachments(self, client_id: str, now: Instant) -> list[Attachment]:
        """Return the live attachments of a client, in the order of their kinds."""

    async def record(self, events: Sequence[TimelineEvent]) -> None:
        """Append lines to timelines without changing a state."""

    async def push(self, push_id: str, *, timeline: bool = True) -> PushRecord | None:
        """Return what is known of a push, or ``None`` if the id was never accepted or is purged.

        :param timeline: without it only the ``accepted`` event is told.
        """

    async def claim_notifications(
        self,
        owner: str,
        now: Instant,
        lease_ms: int,
        limit: int,
        per_url: int,
        excluding: Collection[str] = (),
    ) -> list[ClaimedNotification]:
        """Take result notifications that are due, oldest first.

        :param limit: at most so many.
        :param per_url: at most so many for one target URL.
        :param excluding: target URLs that are to be passed over now.
        """

    async def settle_notifications(
        self, settlements: Sequence[NotificationSettlement]
    ) -> list[bool]:
        """Settle owned notifications; ``False`` where the fence refused."""

    async def remember_registrations(self, registrations: Sequence[RegistrationRecord]) -> None:
        """Keep what registrations told, replacing what was kept for that client and bearer."""

    async def registrations(self, client_id: str) -> list[RegistrationRecord]:
        """Return what is kept about a client, most recently seen first."""

    async def registrations_of_terminal(self, terminal_id: str) -> list[RegistrationRecord]:
        """Return what is kept of a terminal, most recently seen first; a terminal may have served
        several clients. At most :data:`MOST_FOUND`.
        """

    async def registrations_at(self, host: str) -> list[RegistrationRecord]:
        """Return who was last seen at an IP address, most recently seen first.

        Several clients may share it: who wants to know one must ask whether it is the only one. At
        most :data:`MOST_FOUND`.
        """

    async def next_due(self, now: Instant) -> Instant | None:
        """When, after ``now``, the next delivery or notification falls due: a hint for sleeping.

        ``None`` if none does. What is due already is not told: claim it.
        """

    async def counts(self) -> StoreCounts:
        """Count by state what has not ended; states without any are left out.

        Costs as much as there is work waiting, not as much as there are records.
        """

    async def purge(self, received_before: Instant, limit: int) -> int:
        """Forget pushes received before then whose deliveries and notifications have all ended.

        At most ``limit`` pushes a call; returns how many. Their push ids may be used again. Reports
        that came before then and belong to no delivery are forgotten as well.
        """
