"""What the service access point has beside the CAI: inbox, services and cache of this client.

Only the user whom the client runs as, and root, are answered: the kernel tells who calls. What
users of the socket's group may do, they may do as applications.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from omapush.cai import wire
from omapush.cai.model import CaiError, Reason
from omapush.client.built_in.cache import CachePort
from omapush.client.built_in.indications import Indications, entry_members
from omapush.client.built_in.services import Services
from omapush.client.service_point.peer_credentials import Handle, for_owner
from omapush.core.instants import format_utc

_MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ClientContent:
    """What the client itself has taken; ``None``: it does not take that."""

    indications: Indications | None = None
    services: Services | None = None
    cache: CachePort | None = None


def content_routes(
    content: ClientContent,
    guarded: Callable[[Handle], Handle],
    wait_seconds: Callable[[Request], float],
) -> list[Route]:
    """Return the routes of what there is.

    :param guarded: turns errors of the interface into answers.
    :param wait_seconds: reads the parameter ``wait``.
    """

    def route(path: str, handle: Handle, method: str = "GET") -> Route:
        return Route(path, guarded(for_owner(handle)), methods=[method])

    routes: list[Route] = []
    if content.indications is not None:
        inbox = _InboxRequests(content.indications, wait_seconds)
        routes += [
            route("/v1/inbox", inbox.listed),
            route("/v1/inbox/{number}", inbox.one),
            route("/v1/inbox/{number}", inbox.delete, "DELETE"),
            route("/v1/inbox/{number}/shown", inbox.shown, "POST"),
        ]
    if content.services is not None:
        routes.append(route("/v1/services/next", _next_service(content.services), "POST"))
    if content.cache is not None:
        routes.append(route("/v1/cache", _cached(content.cache)))
    return routes


class _InboxRequests:
    def __init__(self, indications: Indications, wait_seconds: Callable[[Request], float]) -> None:
        self._indications = indications
        self._wait_seconds = wait_seconds

    async def listed(self, request: Request) -> Response:
        """List the inbox; with ``wait``, as soon as something newer than ``after`` is there."""
        after = _number(request.query_params.get("after", "0"), "after")
        wait_ms = round(self._wait_seconds(request) * 1000)
        entries = await self._indications.arrived_after(after, wait_ms)
        return JSONResponse([entry_members(entry) for entry in entries])

    async def one(self, request: Request) -> Response:
        entry = await self._indications.find(_number_of(request))
        return _not_there() if entry is None else JSONResponse(entry_members(entry))

    async def shown(self, request: Request) -> Response:
        entry = await self._indications.mark_shown(_number_of(request))
        return _not_there() if entry is None else JSONResponse(entry_members(entry))

    async def delete(self, request: Request) -> Response:
        found = await self._indications.delete(_number_of(request))
        return Response(status_code=204) if found else _not_there()


def _next_service(services: Services) -> Handle:
    async def take(_request: Request) -> Response:
        waiting = services.take()
        if waiting is None:
            return Response(status_code=204)
        return JSONResponse(
            {
                "href": waiting.href,
                "action": waiting.action.value,
                "runs": waiting.runs,
                "may_disturb": waiting.may_disturb,
            }
        )

    return take


def _cached(cache: CachePort) -> Handle:
    async def get(request: Request) -> Response:
        found = cache.get(request.query_params.get("uri", ""))
        if found is None:
            return _not_there()
        return JSONResponse(
            {
                "uri": found.uri,
                "content_type": found.content_type,
                "dated": None if found.dated is None else format_utc(found.dated),
                "content_b64": base64.b64encode(found.body).decode("ascii"),
            }
        )

    return get


def _number_of(request: Request) -> int:
    return _number(request.path_params["number"], "number")


def _number(text: str, parameter: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
        raise CaiError(Reason.INVALID_PARAMETER, f"{text[:20]!r} is no number", parameter)
    return int(text)


def _not_there() -> Response:
    fault = CaiError(Reason.INVALID_PARAMETER, "there is nothing of that name")
    return JSONResponse(wire.error_members(fault), 404)
