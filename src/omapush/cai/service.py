"""The functions of the interface (CAI-1): what a Push Client offers to applications."""

from __future__ import annotations

from typing import Protocol

from omapush.cai.model import Answer, PushEvent, Registration, RegistrationRequest


class ClientApplicationInterface(Protocol):
    """Registration, deregistration and event delivery.

    ``owner`` is who calls, as established by the way in which the call came: never a claim of the
    caller's.
    """

    async def register(self, owner: str, request: RegistrationRequest) -> Registration:
        """Register, or update the caller's own registration for the same id (CAI-21).

        Returns as soon as the request is accepted, in state pending or already registered
        (CAI-27); how it ends is a change of state.

        :raises RegistrationRejected: not accepted (CAI-20, CAI-26).
        """

    async def deregister(self, owner: str, registration_id: str) -> Registration:
        """End a registration (CAI 5.2).

        :raises DeregistrationRejected: the caller has no such registration (CAI-48).
        """

    def registrations(self, owner: str) -> list[Registration]:
        """Return the caller's registrations."""

    async def next_event(self, owner: str, registration_id: str, wait_ms: int) -> PushEvent | None:
        """Wait for the next push of a registration; it is leased to the caller till its deadline.

        :raises DeregistrationRejected: the caller has no such registration.
        """

    async def answer(self, owner: str, event_id: str, answer: Answer) -> None:
        """Accept or refuse a leased push.

        :raises EventGone: unknown, of another owner, or its deadline has passed.
        """
