"""Reaching a client over one of its contacts: the port that each kind of contact implements.

A lane asks a :class:`Reach` for a :class:`Passage` for one push, and sends the push through it.
What must be kept between pushes (a connection, a session, the wait after a failure) is the
reach's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from omapush.content.message import PushMessage
from omapush.core.errors import OmapushError
from omapush.core.instants import Instant, later
from omapush.ota.interface import (
    BearerUnavailable,
    PoConfirmedPushReq,
    PoPushReq,
    PpgRequest,
    PushFlag,
    PushOutcome,
)
from omapush.ppg.contacts import Contact
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.store.contract import (
    ClaimedDelivery,
    DeliveryKey,
    Store,
    StoreUnavailable,
    TimelineEvent,
)
from omapush.ppg.transform import Unfit

log = structlog.get_logger(__name__)


class RegistrationFailedError(OmapushError):
    """The client is there but did not let itself be registered.

    :ivar may_retry: whether another connection may fare better.
    :ivar status: what the client said, if it said something.
    """

    def __init__(self, reason: str, *, may_retry: bool, status: int | None) -> None:
        super().__init__(reason)
        self.may_retry = may_retry
        self.status = status


class Passage(Protocol):
    """One push, made fit for the client, with the way open for it."""

    async def push(self) -> PushOutcome:
        """Send it and wait for its end; the wait is bounded."""


class Reach(Protocol):
    """The way to one client over one contact."""

    @property
    def not_before(self) -> Instant:
        """Nothing leads there before; 0 when the last try went well."""

    @property
    def is_open(self) -> bool:
        """Whether the client holds the way open now: a session, or a connection."""

    @property
    def worth_keeping(self) -> bool:
        """Whether it holds something for the next push: a connection, or a wait not over."""

    @property
    def outstanding_limit(self) -> int:
        """How many pushes may be under way at a time, at least 1."""

    async def passage(self, claimed: ClaimedDelivery, message: PushMessage) -> Passage | Unfit:
        """Open the way for one push; ``message`` is the claimed one, made fit for the air.

        :raises BearerUnavailable: the client cannot be reached there now; nothing was sent.
        :raises RegistrationFailedError: the client did not let itself be registered.
        """

    async def ask(self, claimed: ClaimedDelivery, message: PushMessage) -> str | None:
        """Ask the client to open the way itself, for a push that nothing else leads to.

        Returned is what came of it, for the timeline; ``None``: it cannot be asked, or was not long
        ago. If it does what it is asked, what waits for it is looked at again.
        """

    def retire(self, reason: str) -> None:
        """Close what is open when the pushes under way have ended."""


def request_of(claimed: ClaimedDelivery, message: PushMessage) -> PpgRequest:
    """Return the primitive that sends ``message``, confirmed or not as the delivery wants it."""
    delivery_id, flags = str(claimed.key), PushFlag(claimed.flags)
    if claimed.confirmed:
        return PoConfirmedPushReq(delivery_id, message, flags)
    return PoPushReq(delivery_id, message, flags)


async def note(store: Store, key: DeliveryKey, at: Instant, event: str, detail: str) -> None:
    """Leave a line in the timeline of a delivery; if the ledger is away the delivery goes on."""
    try:
        await store.record([TimelineEvent(key.push_key, key.position, at, event, detail)])
    except StoreUnavailable as error:
        log.warning("ledger_unavailable", reason=error.reason)


class BackOff:
    """The growing wait after failures in a row.

    :param seed: spreads the waits of different clients, see :meth:`RetryPolicy.wait_ms`.
    """

    def __init__(self, policy: RetryPolicy, clock: Callable[[], Instant], seed: str) -> None:
        self._policy = policy
        self._clock = clock
        self._seed = seed
        self._failures = 0
        self._failure = ""
        self.not_before = Instant(0)

    def check(self, now: Instant) -> None:
        """:raises BearerUnavailable: the wait is not over; with the last failure's reason."""
        if now < self.not_before:
            raise BearerUnavailable(self._failure)

    def succeeded(self) -> None:
        """End the wait."""
        self._failures, self.not_before = 0, Instant(0)

    def failed(self, reason: str, *, at_least_ms: int = 0) -> int:
        """Begin a wait, and return its length in milliseconds."""
        self._failures += 1
        wait = max(self._policy.wait_ms(self._failures, self._seed), at_least_ms)
        self.not_before, self._failure = later(self._clock(), wait), reason
        return wait


class ClosedReach:
    """A way that this gateway has no bearer for; pushes wait until it has, or expire."""

    not_before = Instant(0)
    is_open = False
    worth_keeping = False
    outstanding_limit = 1

    def __init__(self, contact: Contact) -> None:
        self._contact = contact

    async def passage(self, claimed: ClaimedDelivery, message: PushMessage) -> Passage | Unfit:
        """:raises BearerUnavailable: always."""
        raise BearerUnavailable(f"no bearer is configured for {self._contact.where.way}")

    async def ask(self, claimed: ClaimedDelivery, message: PushMessage) -> None:
        """Do nothing: there is nobody to ask."""

    def retire(self, reason: str) -> None:
        """Nothing is open."""
