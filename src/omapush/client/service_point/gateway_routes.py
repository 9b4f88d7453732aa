"""The connections that the client has dialled, for its own user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from omapush.client.connections.kept_connection import ConnectionStatus
from omapush.client.service_point.peer_credentials import Handle, for_owner
from omapush.core.instants import Instant, format_utc


def gateway_routes(
    statuses: Callable[[], list[ConnectionStatus]], guarded: Callable[[Handle], Handle]
) -> list[Route]:
    """Return the route; only the user whom the client runs as, and root, are answered.

    :param statuses: returns how the connections stand.
    :param guarded: turns errors of the interface into answers.
    """

    async def listed(_request: Request) -> Response:
        return JSONResponse([_members(one) for one in statuses()])

    return [Route("/v1/gateways", guarded(for_owner(listed)), methods=["GET"])]


def _members(one: ConnectionStatus) -> dict[str, Any]:
    return {
        "name": one.name,
        "contact_points": list(one.contact_points),
        "purpose": one.purpose.value,
        "state": one.state.value,
        "peer": one.peer,
        "secure": one.secure,
        "since": _instant(one.since),
        "next_try": _instant(one.next_try),
        "ended": one.ended,
        "ended_at": _instant(one.ended_at),
        "failures": one.failures,
    }


def _instant(instant: Instant | None) -> str | None:
    return None if instant is None else format_utc(instant)
