"""The registration at a SIP/IP core, for the client's own user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from omapush.client.service_point.peer_credentials import Handle, for_owner
from omapush.client.sip.status import SipStatus
from omapush.core.instants import Instant, format_utc


def sip_routes(
    status: Callable[[], SipStatus | None], guarded: Callable[[Handle], Handle]
) -> list[Route]:
    """Return the route; only the user whom the client runs as, and root, are answered.

    :param status: returns how it stands; ``None``: OTA-SIP is not set up.
    :param guarded: turns errors of the interface into answers.
    """

    async def told(_request: Request) -> Response:
        found = status()
        return JSONResponse([] if found is None else [_members(found)])

    return [Route("/v1/sip", guarded(for_owner(told)), methods=["GET"])]


def _members(one: SipStatus) -> dict[str, Any]:
    return {
        "aor": one.aor,
        "core": one.core,
        "state": one.condition.value,
        "instance": one.instance,
        "contact": one.contact,
        "gruu": one.gruu,
        "tags": list(one.tags),
        "applications": list(one.applications.ids),
        "instances": list(one.applications.instances),
        "expires": _instant(one.expires),
        "next_try": _instant(one.next_try),
        "last_answer": one.last_answer,
        "answered_at": _instant(one.answered_at),
        "gateways": [
            {"uri": each.uri, "told": each.is_told, "said": each.said} for each in one.gateways
        ],
    }


def _instant(instant: Instant | None) -> str | None:
    return None if instant is None else format_utc(instant)
