"""A listener that notes what it is told of a binding, in the agent's place."""

from __future__ import annotations

import asyncio

from omapush.cai.model import (
    Binding,
    BindingState,
    ConnectionProfile,
    Registration,
    RegistrationRequest,
    RegistrationState,
)
from omapush.core.instants import Instant

PATIENCE_SECONDS = 20


class BindingNotes:
    """Implements ``client.binding.binder.BindingListener``.

    :ivar told: every binding that was told, in order; ``kept`` and ``trusted`` likewise.
    """

    def __init__(self) -> None:
        self.told: list[Binding] = []
        self.kept: list[str] = []
        self.trusted: list[str] = []
        self._changed = asyncio.Event()

    def changed(self, binding: Binding, number: int = 0) -> None:
        """Note it."""
        self.told.append(binding)
        self._changed.set()

    def keep(self, server_data: str) -> None:
        """Note it."""
        self.kept.append(server_data)

    def trust(self, contact_point: str) -> None:
        """Note it."""
        self.trusted.append(contact_point)

    @property
    def states(self) -> list[BindingState]:
        """The states that were told, in order."""
        return [binding.state for binding in self.told]

    async def until(self, *states: BindingState) -> Binding:
        """Wait until the states that were told are these; return the last binding."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.states != list(states):
                self._changed.clear()
                await self._changed.wait()
        return self.told[-1]


def registration_of(
    push_application_id: str = "x-wap-application:wml.ua", *profiles: ConnectionProfile
) -> Registration:
    """Return a registration as the agent would hand it to a variant."""
    return Registration(
        registration_id="r1",
        owner="P",
        push_application_id=push_application_id,
        request=RegistrationRequest(push_application_id, profiles=profiles),
        state=RegistrationState.PENDING,
        created=Instant(0),
        updated=Instant(0),
    )
