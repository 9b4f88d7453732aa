"""What an application in the client's own process holds of its registration (CAI 5.2, CAI-47)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from omapush.cai.model import (
    Accept,
    DeregistrationRejected,
    PushEvent,
    Reason,
    Registration,
    RegistrationFailed,
    RegistrationRejected,
    RegistrationState,
    Reject,
)
from omapush.core.instants import SECOND_MS

if TYPE_CHECKING:
    from omapush.client.agent import PushClient

WAIT_MS = 30 * SECOND_MS
"""How long one request for an event waits; then the next follows."""


class ApplicationRegistration:
    """A registration as the application in the same process holds it."""

    def __init__(self, client: PushClient, owner: str, registration_id: str) -> None:
        self._client = client
        self._owner = owner
        self.registration_id = registration_id

    @property
    def registration(self) -> Registration:
        """The registration as it is now. :raises RegistrationRejected: it is no more."""
        for registration in self._client.registrations(self._owner):
            if registration.registration_id == self.registration_id:
                return registration
        raise RegistrationRejected(Reason.NOT_REGISTERED, "the registration has ended")

    @property
    def state(self) -> RegistrationState:
        """Where the registration is."""
        return self.registration.state

    async def wait_registered(self, timeout_ms: int = 60 * SECOND_MS) -> Registration:
        """Wait until the registration has succeeded (CAI-42).

        :raises RegistrationFailed: it failed (CAI-41), or not within the time.
        """
        changes = self._client.status_changes()
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                while self.state is RegistrationState.PENDING:
                    await anext(changes)
        except TimeoutError as error:
            raise RegistrationFailed(Reason.TIMEOUT, "still pending") from error
        finally:
            await changes.aclose()
        registration = self.registration
        if registration.state is not RegistrationState.REGISTERED:
            cause = registration.reason or Reason.INTERNAL_ERROR
            raise RegistrationFailed(cause, f"the registration is {registration.state}")
        return registration

    async def events(self) -> AsyncIterator[LeasedEvent]:
        """Yield pushes one after another; the next comes when this one is over.

        Ends when the registration does.
        """
        while True:
            try:
                event = await self._client.next_event(self._owner, self.registration_id, WAIT_MS)
            except DeregistrationRejected:
                return
            if event is not None:
                yield LeasedEvent(self._client, self._owner, event)

    async def deregister(self) -> Registration:
        """End the registration (CAI-47)."""
        return await self._client.deregister(self._owner, self.registration_id)


@dataclass(frozen=True, slots=True)
class LeasedEvent:
    """A push that waits for this application's answer."""

    client: PushClient
    owner: str
    event: PushEvent

    async def accept(self) -> None:
        """Take responsibility. :raises EventGone: too late."""
        await self.client.answer(self.owner, self.event.event_id, Accept())

    async def reject(self, answer: Reject | None = None) -> None:
        """Refuse. :raises EventGone: too late."""
        await self.client.answer(self.owner, self.event.event_id, answer or Reject())
