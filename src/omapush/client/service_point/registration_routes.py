"""Registration and deregistration at the service access point (CAI 5.1, 5.2)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from omapush.cai import wire
from omapush.cai.model import (
    CaiError,
    DeregistrationRejected,
    Reason,
    Registration,
    RegistrationRequest,
    RegistrationState,
)
from omapush.client.agent import PushClient
from omapush.client.registry import user_of
from omapush.client.service_point.callers import Callers, owner_of, uid_of
from omapush.client.service_point.requests import (
    OpenRequests,
    flag,
    guarded,
    read_object,
    wait_ms,
)
from omapush.client.store import ClientStoreError
from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError, OmapushError
from omapush.core.instants import Instant


@dataclass(frozen=True, slots=True)
class Taken:
    """A registration request that was taken.

    :ivar token: new, for a caller who had none. :ivar known: it updated a registration.
    """

    registration: Registration
    token: str | None
    known: bool


class Registrations:
    """What both versions of the interface do with registrations.

    :param trust_application_id: see ``service_point``.
    """

    def __init__(
        self,
        client: PushClient,
        callers: Callers,
        waiting: OpenRequests,
        clock: Callable[[], Instant],
        *,
        trust_application_id: bool,
    ) -> None:
        self._client = client
        self._callers = callers
        self._waiting = waiting
        self._clock = clock
        self._trust_application_id = trust_application_id
        # One at a time, so that no new token makes room for others before it is used.
        self._giving = asyncio.Lock()

    async def register(self, request: Request, asked: RegistrationRequest, wait_ms: int) -> Taken:
        """Register for who calls, and wait until the registration is no longer pending.

        :raises RegistrationRejected: not accepted.
        :raises ClientDisconnect: the caller hung up, and nobody else knows the new token.
        """
        token = None
        owner = await self._callers.owner_if_told(request)
        if owner is not None:
            before = {one.registration_id for one in self._client.registrations(owner)}
            registration = await self._client.register(owner, asked)
            known = registration.registration_id in before
        else:
            token = self._callers.new_token()
            owner = owner_of(uid_of(request), token)
            async with self._giving:
                registration, known = await self._register_with(request, asked, token)
        try:
            if wait_ms:
                registration = await self.no_longer_pending(request, owner, registration, wait_ms)
            if token is not None and not known and await request.is_disconnected():
                raise ClientDisconnect
        except ClientDisconnect:
            if token is not None and not known:
                await self._client.deregister(owner, registration.registration_id)
            raise
        return Taken(registration, token, known)

    def find(self, owner: str, registration_id: str) -> Registration:
        """Return a registration of ``owner``. :raises DeregistrationRejected: there is none."""
        for registration in self._client.registrations(owner):
            if registration.registration_id == registration_id:
                return registration
        raise DeregistrationRejected(Reason.NOT_REGISTERED, "no such registration of yours")

    async def no_longer_pending(
        self, request: Request, owner: str, registration: Registration, wait_ms: int
    ) -> Registration:
        """Return the registration after its next change, or as it is when the wait is over."""
        position = self._client.status.position
        known = {one.registration_id: one for one in self._client.registrations(owner)}
        current = known.get(registration.registration_id, registration)
        if not wait_ms or current.state is not RegistrationState.PENDING:
            return current
        return await self._changed(request, current, wait_ms, position)

    async def deregister(
        self, request: Request, owner: str, registration_id: str, wait_ms: int
    ) -> Registration:
        """End a registration, and wait for the end; ``force`` of the request leaves servers out."""
        force = flag(request, "force")
        ended = await self._client.deregister(owner, registration_id, force=force)
        if not wait_ms or ended.state is not RegistrationState.DEREGISTERING:
            return ended
        # Its servers may have answered meanwhile.
        position = self._client.status.position
        known = {one.registration_id: one for one in self._client.registrations(owner)}
        now = known.get(registration_id, replace(ended, state=RegistrationState.DEREGISTERED))
        if now.state is not RegistrationState.DEREGISTERING:
            return now
        return await self._changed(request, now, wait_ms, position)

    def named(self, owner: str, text: str, instance: str | None, parameter: str) -> Registration:
        """Return the registration of ``owner`` for a push application id (CAI-46).

        :raises CaiError: no such id, none registered for it (CAI-48), or several instances.
        """
        try:
            wanted = ApplicationId.parse(text)
        except DecodeError as error:
            raise CaiError(Reason.INVALID_PARAMETER, error.reason, parameter) from error
        found = [
            one
            for one in self._client.registrations(owner)
            if one.push_application_id == wanted.canonical
            and one.state is not RegistrationState.FAILED
            and instance in (None, one.request.instance)
        ]
        if not found:
            raise DeregistrationRejected(
                Reason.NOT_REGISTERED, f"you have not registered {wanted}", parameter
            )
        if len(found) > 1:
            raise CaiError(Reason.INVALID_PARAMETER, "several instances have that id", "instance")
        return found[0]

    async def _changed(
        self, request: Request, registration: Registration, wait_ms: int, position: int
    ) -> Registration:
        next_change = self._client.status.next_of(registration.registration_id, wait_ms, position)
        return await self._waiting.wait(request, next_change) or registration

    def _namesake(self, request: Request, asked: RegistrationRequest) -> str | None:
        """Return who has registrations for the same user under the same Application ID."""
        if not self._trust_application_id or asked.application_id is None:
            return None
        user = user_of(owner_of(uid_of(request), ""))
        for one in self._client.live_registrations():
            if user_of(one.owner) == user and one.request.application_id == asked.application_id:
                return one.owner
        return None

    async def _register_with(
        self, request: Request, asked: RegistrationRequest, token: str
    ) -> tuple[Registration, bool]:
        """Register for the application that is to have a new token; tell whether it was known.

        The token is good first: a registration whose token is lost could be used by nobody, and
        would keep its push application id from everybody else.
        """
        uid = uid_of(request)
        owner = owner_of(uid, token)
        await self._callers.give(uid, token, self._clock())
        try:
            namesake = self._namesake(request, asked)
            if namesake is None:
                return await self._client.register(owner, asked), False
            return await self._taken_over(namesake, owner, asked)
        except OmapushError:
            with contextlib.suppress(ClientStoreError):  # then it goes after a day
                await self._callers.take_back(token)
            raise

    async def _taken_over(
        self, namesake: str, owner: str, asked: RegistrationRequest
    ) -> tuple[Registration, bool]:
        """Register for ``namesake``, and give all that it has to ``owner``."""
        before = {one.registration_id for one in self._client.registrations(namesake)}
        registration = await self._client.register(namesake, asked)
        known = registration.registration_id in before
        try:
            await self._client.change_owner(namesake, owner)
        except ClientStoreError:
            if not known:
                await self._client.deregister(namesake, registration.registration_id)
            raise
        return registration, known


class _Requests:
    """The requests of ``/v1/registrations``."""

    def __init__(self, client: PushClient, callers: Callers, registrations: Registrations) -> None:
        self._client = client
        self._callers = callers
        self._registrations = registrations

    async def register(self, request: Request) -> Response:
        asked = wire.registration_request(await read_object(request))
        taken = await self._registrations.register(request, asked, wait_ms(request))
        members = wire.registration_members(taken.registration)
        if taken.token is not None:
            members["token"] = taken.token
        location = f"/v1/registrations/{taken.registration.registration_id}"
        return JSONResponse(members, 200 if taken.known else 202, {"Location": location})

    async def listed(self, request: Request) -> Response:
        owner = await self._callers.owner(request)
        registrations = self._client.registrations(owner)
        return JSONResponse([wire.registration_members(one) for one in registrations])

    async def one(self, request: Request) -> Response:
        owner = await self._callers.owner(request)
        patience_ms = wait_ms(request)
        found = self._registrations.find(owner, request.path_params["id"])
        found = await self._registrations.no_longer_pending(request, owner, found, patience_ms)
        return JSONResponse(wire.registration_members(found))

    async def change(self, request: Request) -> Response:
        owner = await self._callers.owner(request)
        changes = await read_object(request)
        found = self._registrations.find(owner, request.path_params["id"])
        asked = wire.changed_request(found.request, changes)
        changed = await self._client.change(owner, found.registration_id, asked)
        return JSONResponse(wire.registration_members(changed))

    async def deregister(self, request: Request) -> Response:
        owner = await self._callers.owner(request)
        return await self._ended(request, owner, request.path_params["id"])

    async def deregister_by_id(self, request: Request) -> Response:
        owner = await self._callers.owner(request)
        name = "push_application_id"
        asked = request.query_params
        found = self._registrations.named(owner, asked.get(name, ""), asked.get("instance"), name)
        return await self._ended(request, owner, found.registration_id)

    async def _ended(self, request: Request, owner: str, registration_id: str) -> Response:
        patience_ms = wait_ms(request)
        ended = await self._registrations.deregister(request, owner, registration_id, patience_ms)
        return JSONResponse(wire.registration_members(ended), 202)


def registration_routes(
    client: PushClient, callers: Callers, registrations: Registrations
) -> list[Route]:
    """Return the routes below ``/v1/registrations``."""
    requests = _Requests(client, callers, registrations)
    every, one = "/v1/registrations", "/v1/registrations/{id}"
    return [
        Route(every, guarded(requests.listed), methods=["GET"]),
        Route(every, guarded(requests.register), methods=["POST"]),
        Route(every, guarded(requests.deregister_by_id), methods=["DELETE"]),
        Route(one, guarded(requests.one), methods=["GET"]),
        Route(one, guarded(requests.change), methods=["PATCH"]),
        Route(one, guarded(requests.deregister), methods=["DELETE"]),
    ]
