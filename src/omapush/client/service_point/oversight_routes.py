"""What the client's own user sees of all applications: their registrations, and refused pushes."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from omapush.cai import wire
from omapush.cai.model import DeregistrationRejected, Reason, Registration
from omapush.client.agent import PushClient
from omapush.client.quarantine import MAX_ENTRIES
from omapush.client.service_point.peer_credentials import Handle, for_owner
from omapush.client.service_point.requests import count, flag, guarded
from omapush.core.instants import format_utc


def oversight_routes(client: PushClient) -> list[Route]:
    """Return the routes; only the user whom the client runs as, and root, are answered."""
    requests = _Oversight(client)

    def route(path: str, handle: Handle, method: str = "GET") -> Route:
        return Route(path, guarded(for_owner(handle)), methods=[method])

    return [
        route("/v1/applications", requests.applications),
        route("/v1/applications/{id}", requests.end, "DELETE"),
        route("/v1/quarantine", requests.quarantine),
        route("/v1/quarantine", requests.clear_quarantine, "DELETE"),
    ]


class _Oversight:
    def __init__(self, client: PushClient) -> None:
        self._client = client

    async def applications(self, _request: Request) -> Response:
        """List every registration of everybody."""
        return JSONResponse([self._members(one) for one in self._client.all_registrations()])

    async def end(self, request: Request) -> Response:
        """End a registration whose application cannot: its token is lost, or it is gone."""
        registration_id = request.path_params["id"]
        for one in self._client.all_registrations():
            if one.registration_id == registration_id:
                force = flag(request, "force")
                ended = await self._client.deregister(one.owner, registration_id, force=force)
                return JSONResponse(wire.registration_members(ended), 202)
        raise DeregistrationRejected(Reason.NOT_REGISTERED, "there is no such registration")

    async def quarantine(self, request: Request) -> Response:
        """List refused pushes, the newest first."""
        most = count(request, "max", MAX_ENTRIES, MAX_ENTRIES)
        return JSONResponse(await self._client.quarantine.listed(most))

    async def clear_quarantine(self, _request: Request) -> Response:
        """Forget the refused pushes."""
        await self._client.quarantine.clear()
        return Response(status_code=204)

    def _members(self, registration: Registration) -> dict[str, Any]:
        registration_id = registration.registration_id
        seen = self._client.last_seen(registration_id)
        return {
            **wire.registration_members(registration),
            "owner": registration.owner,
            "waiting": self._client.waiting(registration_id),
            "last_seen": format_utc(seen) if seen is not None else None,
        }
