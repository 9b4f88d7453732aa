"""CAI 1.0 at the service access point: its parameter names, one answer, events without headers.

Who calls is known in the same way, and an application may use both versions side by side.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from omapush.cai import wire_1_0
from omapush.cai.model import (
    Reason,
    Registration,
    RegistrationFailed,
    RegistrationRejected,
    RegistrationState,
)
from omapush.client.agent import PushClient
from omapush.client.service_point.callers import Callers
from omapush.client.service_point.event_routes import Events
from omapush.client.service_point.registration_routes import Registrations
from omapush.client.service_point.requests import (
    MAX_WAIT_SECONDS,
    OpenRequests,
    guarded,
    read_object,
)
from omapush.core.instants import SECOND_MS

PREFIX = "/cai/1.0"
_APPLICATION = "pushApplicationID"
_LONGEST_MS = round(MAX_WAIT_SECONDS * SECOND_MS)


def version_1_0_routes(
    client: PushClient, callers: Callers, registrations: Registrations, waiting: OpenRequests
) -> list[Route]:
    """Return the routes of CAI 1.0."""
    requests = _Requests(client, callers, registrations)
    every, one = f"{PREFIX}/registrations", f"{PREFIX}/registrations/{{id}}"
    events = Events(client, callers, waiting, wire_1_0.event_members)
    return [
        *events.routes(PREFIX),
        Route(every, guarded(requests.listed), methods=["GET"]),
        Route(every, guarded(requests.register), methods=["POST"]),
        Route(every, guarded(requests.deregister_by_id), methods=["DELETE"]),
        Route(one, guarded(requests.one), methods=["GET"]),
        Route(one, guarded(requests.deregister), methods=["DELETE"]),
    ]


class _Requests:
    def __init__(self, client: PushClient, callers: Callers, registrations: Registrations) -> None:
        self._client = client
        self._callers = callers
        self._registrations = registrations

    async def register(self, request: Request) -> Response:
        """Register; the one answer says how that ended (CAI-28, CAI-36, CAI-41)."""
        value = await read_object(request)
        asked = wire_1_0.registration_request(value)
        # Its own time runs out first, unless the client stops.
        patience_ms = self._client.limits.registration_timeout_ms + SECOND_MS
        try:
            taken = await self._registrations.register(request, asked, patience_ms)
        except RegistrationRejected as error:
            raise wire_1_0.spelled(error, value) from error
        registration = taken.registration
        if registration.state is not RegistrationState.REGISTERED:
            raise await self._failure(registration, known=taken.known)
        members = wire_1_0.registration_members(registration)
        if taken.token is not None:
            members["token"] = taken.token
        location = f"{PREFIX}/registrations/{registration.registration_id}"
        return JSONResponse(members, 200, {"Location": location})

    async def listed(self, request: Request) -> Response:
        owner = await self._callers.owner(request)
        registrations = self._client.registrations(owner)
        return JSONResponse([wire_1_0.registration_members(one) for one in registrations])

    async def one(self, request: Request) -> Response:
        owner = await self._callers.owner(request)
        found = self._registrations.find(owner, request.path_params["id"])
        return JSONResponse(wire_1_0.registration_members(found))

    async def deregister(self, request: Request) -> Response:
        owner = await self._callers.owner(request)
        return await self._ended(request, owner, request.path_params["id"])

    async def deregister_by_id(self, request: Request) -> Response:
        owner = await self._callers.owner(request)
        text = request.query_params.get(_APPLICATION, "")
        found = self._registrations.named(owner, text, None, _APPLICATION)
        return await self._ended(request, owner, found.registration_id)

    async def _ended(self, request: Request, owner: str, registration_id: str) -> Response:
        """Deregister; the one answer says how that ended (CAI-55, CAI-56)."""
        ended = await self._registrations.deregister(request, owner, registration_id, _LONGEST_MS)
        if ended.state is not RegistrationState.DEREGISTERED:
            detail = ended.detail or "a server has not let go of the registration yet"
            raise RegistrationFailed(ended.reason or Reason.TIMEOUT, detail)
        return JSONResponse(wire_1_0.registration_members(ended))

    async def _failure(self, registration: Registration, *, known: bool) -> RegistrationFailed:
        """Return why a registration did not succeed; a new one that still could, no longer can."""
        if registration.state is RegistrationState.PENDING and not known:
            # The answer is the only one, so it has to stay true.
            await self._client.deregister(
                registration.owner, registration.registration_id, force=True
            )
            return RegistrationFailed(Reason.TIMEOUT, "the registration did not come to its end")
        cause = registration.reason or Reason.UNAVAILABLE
        return RegistrationFailed(cause, registration.detail or f"it is {registration.state}")
