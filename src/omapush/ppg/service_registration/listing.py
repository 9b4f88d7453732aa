"""The operator's page: who is registered at the push services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from omapush.core.instants import Instant, format_utc
from omapush.ppg.paging import page_size
from omapush.ppg.store.contract import Store, StoreUnavailable
from omapush.ppg.store.service_registration_contract import ServiceRegistrationRecord

PATH = "/service-registrations"


def listing_route(store: Store, clock: Callable[[], Instant]) -> Route:
    """Return the route that lists registrations as JSON, by ascending id.

    ``?client=ID`` lists those of one client; ``?after=ID`` goes on behind one, and ``?limit=N``
    asks for so many. ``next`` in the answer is what to give to ``after``, as long as there may be
    more.
    """

    async def listing(request: Request) -> Response:
        given = request.query_params
        limit = page_size(request)
        try:
            found = await store.service_registrations(
                clock(), given.get("after", ""), limit, given.get("client")
            )
        except StoreUnavailable as error:
            reason = f"the ledger does not answer: {error.reason}\n"
            return PlainTextResponse(reason, status_code=503)
        more = found[-1].registration_id if len(found) == limit else None
        return JSONResponse({"registrations": [_told(each) for each in found], "next": more})

    return Route(PATH, listing)


def _told(record: ServiceRegistrationRecord) -> dict[str, Any]:
    return {
        "id": record.registration_id,
        "service": record.service,
        "client": record.client_id,
        "terminal_id": record.terminal_id,
        "authenticated": record.authenticated,
        "applications": record.application_ids,
        "protocols": record.protocols,
        "address": record.address,
        "made": format_utc(record.made_at),
        "refreshed": format_utc(record.refreshed_at),
        "expires": format_utc(record.expires_at),
    }
