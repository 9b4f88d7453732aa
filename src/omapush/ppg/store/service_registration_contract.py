"""The ledger's part for Push Service Registration: which clients have registered, and until when.

A part of :class:`omapush.ppg.store.contract.Store`, whose rules hold here too. A registration is
named by an id that nobody can guess, and belongs to an owner; who is not the owner can neither
change nor end it. One that has run out is none any more, whether or not it has been forgotten.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Protocol

from omapush.content.message import Header
from omapush.core.instants import Instant


@dataclass(frozen=True, slots=True)
class ServiceRegistrationRecord:
    """A client's registration at a push service of this gateway.

    :ivar registration_id: our own, part of its ``Location``.
    :ivar owner: who may refresh and end it, and whose registrations are counted together.
    :ivar service: the name of the push service.
    :ivar client_id: the client that it is of; ``None``: none that the gateway knows.
    :ivar terminal_id: what it called itself.
    :ivar application_ids: what it is registered for.
    :ivar protocols: the variants that it offered; empty: it did not say.
    :ivar cpi: the CPI headers of its latest request.
    :ivar authenticated: it proved who it is.
    :ivar address: where the latest request came from.
    """

    registration_id: str
    owner: str
    service: str
    made_at: Instant
    refreshed_at: Instant
    expires_at: Instant
    client_id: str | None = None
    terminal_id: str | None = None
    application_ids: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    cpi: tuple[Header, ...] = field(default=())
    authenticated: bool = False
    address: str = ""


@dataclass(frozen=True, slots=True)
class ServiceRegistrationBounds:
    """How many registrations may hold at a time: of one owner at one service, and in all."""

    of_owner: int
    in_all: int


class ServiceRegistrationOutcome(enum.Enum):
    """What became of a new registration."""

    KEPT = "kept"
    TOO_MANY_OF_OWNER = "too many of its owner"
    TOO_MANY = "too many in all"


class ServiceRegistrationStore(Protocol):
    """What the ledger does for Push Service Registration."""

    async def keep_service_registration(
        self, record: ServiceRegistrationRecord, bounds: ServiceRegistrationBounds
    ) -> ServiceRegistrationOutcome:
        """Keep a new registration, unless there are too many that hold at its ``refreshed_at``.

        The same id again is kept already. Several gateways that write to one database at the same
        time may exceed the bounds, each by what it has under way.
        """

    async def refresh_service_registration(self, record: ServiceRegistrationRecord) -> bool:
        """Replace a registration that its owner has and that holds at ``refreshed_at``.

        ``made_at`` stays. ``False``: there is none such, and nothing is changed.
        """

    async def end_service_registration(
        self, registration_id: str, owner: str, now: Instant
    ) -> ServiceRegistrationRecord | None:
        """Forget a registration of ``owner``; return it if it was there and held at ``now``."""

    async def service_registration(self, registration_id: str) -> ServiceRegistrationRecord | None:
        """Return a registration, also one that has run out, as long as it is not forgotten."""

    async def service_registrations(
        self, now: Instant, after: str = "", limit: int = 100, client_id: str | None = None
    ) -> list[ServiceRegistrationRecord]:
        """Return registrations that hold at ``now``, by ascending id.

        :param after: only those with greater ids. :param limit: at most so many.
        :param client_id: only those of this client; ``None``: all.
        """

    async def forget_service_registrations(self, expired_before: Instant, limit: int) -> int:
        """Forget at most ``limit`` registrations that ran out before then; return how many.

        :meth:`keep_service_registration` does it as well, a few at a time.
        """
