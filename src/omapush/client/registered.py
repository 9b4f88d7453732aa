"""A registration and what belongs to it while this process lives."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from omapush.cai.model import Registration, RegistrationRequest, RegistrationState
from omapush.client.applications import check_request
from omapush.client.binding.bindings import RegistrationBindings, WantedBinding
from omapush.client.dispatch import Receiver
from omapush.client.handler import Handler
from omapush.client.mailbox import Mailbox
from omapush.core.instants import DAY_MS, Instant

IN_PROCESS = "in-process"
"""Owner of the registrations that code in this process makes."""
KEPT_FAILED_MS = DAY_MS
"""How long a registration that failed can still be looked at."""


class Registered:
    """One registration, its bindings, its mailbox, and who looks into it.

    :ivar seen_at: when the application was last heard of.
    :ivar server: the task that calls ``handler``.
    :ivar patience: ends the registration if it stays pending.
    :ivar ending: the task that ends it at its servers.
    :ivar updating: another request is being written for it.
    :ivar unbound: its bindings are to be begun.
    """

    def __init__(self, registration: Registration, seen_at: Instant) -> None:
        self.registration = registration
        self.mailbox = Mailbox(registration.request.max_outstanding)
        self.seen_at = seen_at
        self.bindings: RegistrationBindings | None = None
        self.handler: Handler | None = None
        self.server: asyncio.Task[None] | None = None
        self.patience: asyncio.TimerHandle | None = None
        self.ending: asyncio.Task[None] | None = None
        self.updating = False
        self.unbound = False

    @property
    def receiver(self) -> Receiver:
        """The registration as pushes see it."""
        if self.bindings is None:
            return Receiver(self.registration)
        return Receiver(self.registration, self.bindings.scopes)

    @property
    def wanted(self) -> tuple[WantedBinding, ...]:
        """What it is bound by, as it is kept on disk."""
        return self.bindings.wanted if self.bindings is not None else ()

    @property
    def granted(self) -> tuple[str, ...]:
        """Contact points that the registration's servers have named."""
        return self.bindings.granted if self.bindings is not None else ()

    @property
    def state(self) -> RegistrationState:
        """Where the registration is."""
        return self.registration.state

    def stop_waiting(self) -> None:
        """Let the time for being pending count no longer."""
        if self.patience is not None:
            self.patience.cancel()
            self.patience = None


def unregistered(
    push_application_id: str, accept: Sequence[str], handler: Handler, now: Instant
) -> Registered:
    """Return what takes pushes of an application id without being anybody's registration.

    :raises RegistrationRejected: not the form of an application id or of types.
    """
    request = RegistrationRequest(push_application_id, accept=tuple(accept))
    registration = Registration(
        registration_id=secrets.token_hex(8),
        owner=IN_PROCESS,
        push_application_id=check_request(request).canonical,
        request=request,
        state=RegistrationState.REGISTERED,
        created=now,
        updated=now,
    )
    entry = Registered(registration, now)
    entry.handler = handler
    return entry


def outdated(failed: Sequence[Registered], new: Registration, now: Instant, most: int) -> list[str]:
    """Return which failed registrations to forget: replaced by ``new``, old, or too many to keep.

    :param failed: the oldest failure first.
    """
    return [
        one.registration_id
        for number, one in enumerate(entry.registration for entry in reversed(failed))
        if (one.owner, one.push_application_id) == (new.owner, new.push_application_id)
        or now - one.updated > KEPT_FAILED_MS
        or number >= most
    ]
