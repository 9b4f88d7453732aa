"""The local service access point: the CAI as HTTP and JSON on a Unix socket.

::

    ServicePoint ──► registration_routes, event_routes, event_stream    /v1
                 ──► version_1_0_routes                                 /cai/1.0
                 ──► content_routes, oversight_routes                   /v1, the client's own user
                        │
                        ├──► callers (who is it?) ──► store
                        ├──► service_requests (read, wait, answer errors)
                        └──► agent

Each request is answered by JSON, and by an error body if it cannot be done; an error that nobody
foresaw is 500, and is logged. Nothing that a caller does holds up another one.
"""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Callable, Iterable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from omapush import __version__
from omapush.cai import wire
from omapush.cai.model import CaiError, CaiVersion, Protocol, Reason
from omapush.client.agent import PushClient
from omapush.client.mailbox import MAX_EVENTS, MAX_OCTETS
from omapush.client.service_point.callers import Callers
from omapush.client.service_point.content_routes import ClientContent, content_routes
from omapush.client.service_point.event_routes import Events
from omapush.client.service_point.event_stream import MAX_STREAMS_PER_USER, EventStreams
from omapush.client.service_point.oversight_routes import oversight_routes
from omapush.client.service_point.registration_routes import Registrations, registration_routes
from omapush.client.service_point.requests import (
    MAX_BODY,
    MAX_WAIT_SECONDS,
    OpenRequests,
    guarded,
    wait_seconds,
)
from omapush.client.service_point.version_1_0_routes import version_1_0_routes
from omapush.client.store import ClientStore
from omapush.core.instants import SECOND_MS, Instant

SCHEMA_PATH = "/v1/schema"


class ServicePoint:
    """The ASGI application in front of a client.

    :param trust_application_id: a process of the same user that names the same Application ID, but
        has no token, is the same application (CAI-21) and gets a new token. Without it, an
        application that lost its token cannot come back to its registration.
    :param content: what the client itself takes, to be looked at by its user.
    :param event_handlers: kinds of event handlers that registrations may name, to be told.
    :param more: further routes, of what else the client has.
    """

    def __init__(
        self,
        client: PushClient,
        store: ClientStore,
        clock: Callable[[], Instant],
        *,
        trust_application_id: bool = False,
        content: ClientContent | None = None,
        event_handlers: Iterable[str] = (),
        more: Iterable[BaseRoute] = (),
    ) -> None:
        self._client = client
        self._event_handlers = ["none", *sorted(set(event_handlers) - {"none"})]
        self._waiting = OpenRequests()
        callers = Callers(store)
        self.registrations = Registrations(
            client, callers, self._waiting, clock, trust_application_id=trust_application_id
        )
        self.streams = EventStreams(client, callers, self._waiting)
        self.application = Starlette(
            # Those that are asked for each push come first.
            routes=[
                *Events(client, callers, self._waiting).routes("/v1"),
                *registration_routes(client, callers, self.registrations),
                *self.streams.routes,
                *version_1_0_routes(client, callers, self.registrations, self._waiting),
                Route("/v1/info", guarded(self._info)),
                Route(SCHEMA_PATH, guarded(_schema)),
                *oversight_routes(client),
                *content_routes(content or ClientContent(), guarded, wait_seconds),
                *more,
            ],
            exception_handlers={HTTPException: _not_ours},
        )

    def stop(self) -> None:
        """Let streams end, and nobody wait any longer: the server is about to stop."""
        self._waiting.stop()

    async def _info(self, _request: Request) -> Response:
        limits = self._client.limits
        return JSONResponse(
            {
                "versions": {
                    "omapush": __version__,
                    "api": ["v1"],
                    "cai": [version.value for version in CaiVersion],
                },
                "protocols": self._protocols(),
                "event_handlers": self._event_handlers,
                "schema": SCHEMA_PATH,
                "limits": {
                    "registrations_per_user": limits.per_user,
                    "registrations": limits.in_all,
                    "registration_seconds": limits.registration_timeout_ms / SECOND_MS,
                    "acceptance_seconds": limits.acceptance_ms / SECOND_MS,
                    "waiting_events": MAX_EVENTS,
                    "waiting_octets": MAX_OCTETS,
                    "inline_octets": wire.MAX_INLINE,
                    "outstanding": wire.MAX_OUTSTANDING,
                    "request_octets": MAX_BODY,
                    "text_characters": wire.MAX_TEXT,
                    "list_entries": wire.MAX_LIST,
                    "wait_seconds": MAX_WAIT_SECONDS,
                    "streams_per_user": MAX_STREAMS_PER_USER,
                },
            }
        )

    def _protocols(self) -> dict[str, Any]:
        """Return every variant of the standard and of this client, with the bearers it has."""
        found: dict[str, dict[str, Any]] = {
            one.value: {"default": False, "bearers": []} for one in Protocol
        }
        for binder in self._client.ways.binders:
            variant = found.setdefault(binder.protocol, {"default": False, "bearers": []})
            variant["default"] |= binder.is_default()
            variant["bearers"] += [
                {"name": offer.name, "available": offer.available} for offer in binder.offers()
            ]
        return found


@functools.cache
def schema_octets() -> bytes:
    """Return the JSON Schema of everything that passes over the service access point."""
    return importlib.resources.files("omapush.cai").joinpath("schema.json").read_bytes()


async def _schema(_request: Request) -> Response:
    return Response(schema_octets(), media_type="application/schema+json")


async def _not_ours(_request: Request, error: Exception) -> Response:
    """Answer what no route answers, in the same form as every error."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    fault = CaiError(Reason.INVALID_PARAMETER, "there is no such request")
    return JSONResponse(wire.error_members(fault), status)
