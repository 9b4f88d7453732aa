"""The local service access point: the CAI as HTTP and JSON on a Unix socket.

Who calls is known by two things: the user id that the kernel tells, and the application token that
was given at the first registration. Together they are "the same application" of CAI-21.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from omapush import __version__
from omapush.cai import wire
from omapush.cai.model import (
    Accept,
    Answer,
    CaiError,
    DeregistrationRejected,
    EventGone,
    Protocol,
    Reason,
    Registration,
    RegistrationRequest,
    RegistrationState,
)
from omapush.client.agent import PushClient
from omapush.client.content_routes import ClientContent, content_routes
from omapush.client.mailbox import MAX_EVENTS, MAX_OCTETS
from omapush.client.peer_credentials import SCOPE_KEY
from omapush.client.registry import user_of
from omapush.client.store import ClientStore, ClientStoreError
from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError, OmapushError
from omapush.core.instants import Instant

log = structlog.get_logger(__name__)

MAX_BODY = 262_144
"""Octets of the largest request."""
MAX_WAIT_SECONDS = 60.0
BODY_SECONDS = 10
"""Patience for the whole body of a request."""

_HTTP_STATUS = {
    Reason.PERMISSION_DENIED: 403,
    Reason.NOT_REGISTERED: 404,
    Reason.ALREADY_REGISTERED: 409,
    Reason.ADDRESS_IN_USE: 409,
    Reason.UNSUPPORTED_OPTION: 422,
    Reason.UNAVAILABLE: 503,
    Reason.LIMIT_EXCEEDED: 429,
    Reason.TIMEOUT: 408,
    Reason.INTERNAL_ERROR: 500,
}


class _Unauthorized(CaiError):
    def __init__(self, detail: str) -> None:
        super().__init__(Reason.PERMISSION_DENIED, detail)


class ServicePoint:
    """The ASGI application in front of a client.

    :param trust_application_id: a process of the same user that names the same Application ID, but
        has no token, is the same application (CAI-21) and gets a new token. Without it, an
        application that lost its token cannot come back to its registration.
    :param content: what the client itself takes, to be looked at by its user.
    """

    def __init__(
        self,
        client: PushClient,
        store: ClientStore,
        clock: Callable[[], Instant],
        *,
        trust_application_id: bool = False,
        content: ClientContent | None = None,
    ) -> None:
        self._trust_application_id = trust_application_id
        self._client = client
        self._store = store
        self._clock = clock
        self.application = Starlette(
            routes=[
                Route("/v1/info", self._guarded(self._info)),
                Route("/v1/registrations", self._guarded(self._list), methods=["GET"]),
                Route("/v1/registrations", self._guarded(self._register), methods=["POST"]),
                Route(
                    "/v1/registrations", self._guarded(self._deregister_by_id), methods=["DELETE"]
                ),
                Route("/v1/registrations/{id}", self._guarded(self._one), methods=["GET"]),
                Route(
                    "/v1/registrations/{id}", self._guarded(self._deregister), methods=["DELETE"]
                ),
                Route("/v1/events", self._guarded(self._events), methods=["GET"]),
                Route("/v1/events/{id}/content", self._guarded(self._content), methods=["GET"]),
                Route("/v1/events/{id}/accept", self._guarded(self._accept), methods=["POST"]),
                Route("/v1/events/{id}/reject", self._guarded(self._reject), methods=["POST"]),
                *content_routes(content or ClientContent(), self._guarded, _wait_seconds),
            ],
            exception_handlers={HTTPException: _not_ours},
        )

    # -- requests --

    async def _info(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "version": __version__,
                "api": ["v1"],
                "cai": ["1.1"],
                "protocols": {one.value: one is Protocol.OTA_HTTP for one in Protocol},
                "limits": {
                    "registrations_per_user": self._client.limits.per_user,
                    "registrations": self._client.limits.in_all,
                    "waiting_events": MAX_EVENTS,
                    "waiting_octets": MAX_OCTETS,
                    "request_octets": MAX_BODY,
                    "wait_seconds": MAX_WAIT_SECONDS,
                },
            }
        )

    async def _register(self, request: Request) -> Response:
        asked = wire.registration_request(await self._object(request))
        token = None
        owner = await self._owner(request, required=False)
        if owner is None:
            token = secrets.token_urlsafe(32)
            owner = self._namesake(request, asked) or _owner(self._uid(request), token)
        before = {one.registration_id for one in self._client.registrations(owner)}
        registration = await self._client.register(owner, asked)
        known = registration.registration_id in before
        if token is not None:
            await self._give(request, registration, token, known=known)
        members = wire.registration_members(registration)
        if token is not None:
            members["token"] = token
        location = f"/v1/registrations/{registration.registration_id}"
        return JSONResponse(members, 200 if known else 202, {"Location": location})

    def _namesake(self, request: Request, asked: RegistrationRequest) -> str | None:
        """Return who has registrations for the same user under the same Application ID."""
        if not self._trust_application_id or asked.application_id is None:
            return None
        user = _owner(self._uid(request), "").partition("/")[0]
        for one in self._client.live_registrations():
            if user_of(one.owner) == user and one.request.application_id == asked.application_id:
                return one.owner
        return None

    async def _give(
        self, request: Request, registration: Registration, token: str, *, known: bool
    ) -> None:
        """Make the token good for the application's registrations, before it is told."""
        owner = _owner(self._uid(request), token)
        try:
            await self._store.keep_token(_hash(token), self._uid(request), self._clock())
            await self._client.change_owner(registration.owner, owner)
        except ClientStoreError:
            if not known:  # without its token nobody could ever use the registration
                await self._client.deregister(registration.owner, registration.registration_id)
            raise

    async def _list(self, request: Request) -> Response:
        owner = await self._known_owner(request)
        registrations = self._client.registrations(owner)
        return JSONResponse([wire.registration_members(one) for one in registrations])

    async def _one(self, request: Request) -> Response:
        owner = await self._known_owner(request)
        wait_seconds = _wait_seconds(request)
        registration = self._find(owner, request.path_params["id"])
        if wait_seconds and registration.state is RegistrationState.PENDING:
            registration = await self._changed(owner, registration, wait_seconds)
        return JSONResponse(wire.registration_members(registration))

    async def _deregister(self, request: Request) -> Response:
        owner = await self._known_owner(request)
        registration = await self._client.deregister(owner, request.path_params["id"])
        return JSONResponse(wire.registration_members(registration), 202)

    async def _deregister_by_id(self, request: Request) -> Response:
        owner = await self._known_owner(request)
        try:
            wanted = ApplicationId.parse(request.query_params.get("push_application_id", ""))
        except DecodeError as error:
            parameter = "push_application_id"
            raise CaiError(Reason.INVALID_PARAMETER, error.reason, parameter) from error
        for registration in self._client.registrations(owner):
            if registration.push_application_id == wanted.canonical:
                ended = await self._client.deregister(owner, registration.registration_id)
                return JSONResponse(wire.registration_members(ended), 202)
        raise DeregistrationRejected(Reason.NOT_REGISTERED, f"you have not registered {wanted}")

    async def _events(self, request: Request) -> Response:
        owner = await self._known_owner(request)
        registration_id = request.query_params.get("registration", "")
        wait_ms = round(_wait_seconds(request) * 1000)
        event = await self._client.next_event(owner, registration_id, wait_ms)
        if event is None:
            return JSONResponse([])
        if await request.is_disconnected():
            # Who asked hung up meanwhile; the next one who asks gets the event.
            await self._client.release(owner, event.event_id)
            return JSONResponse([])
        return JSONResponse([wire.event_members(event)])

    async def _content(self, request: Request) -> Response:
        owner = await self._known_owner(request)
        event = self._client.event(owner, request.path_params["id"])
        return Response(event.content, media_type="application/octet-stream")

    async def _accept(self, request: Request) -> Response:
        return await self._answer(request, Accept())

    async def _reject(self, request: Request) -> Response:
        return await self._answer(request, wire.rejection(await self._object(request)))

    async def _answer(self, request: Request, answer: Answer) -> Response:
        owner = await self._known_owner(request)
        await self._client.answer(owner, request.path_params["id"], answer)
        return Response(status_code=204)

    # -- who, and what went wrong --

    def _guarded(
        self, handle: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Turn errors of the interface into answers."""

        async def guarded(request: Request) -> Response:
            try:
                return await handle(request)
            except _Unauthorized as error:
                return JSONResponse(wire.error_members(error), 401, {"WWW-Authenticate": "Bearer"})
            except EventGone as error:
                return JSONResponse(wire.error_members(error), 410 if error.settled else 409)
            except CaiError as error:
                status = _HTTP_STATUS.get(error.cause, 400)
                return JSONResponse(wire.error_members(error), status)
            except ClientDisconnect:
                return Response(status_code=400)  # nobody reads it
            except OmapushError as error:
                log.error("service_point_failed", path=request.url.path, reason=str(error))
                fault = CaiError(Reason.INTERNAL_ERROR, "the client cannot do that now")
                return JSONResponse(wire.error_members(fault), 500)

        return guarded

    async def _known_owner(self, request: Request) -> str:
        owner = await self._owner(request, required=True)
        if owner is None:
            raise _Unauthorized("an application token is needed")
        return owner

    async def _owner(self, request: Request, *, required: bool) -> str | None:
        """Return who calls, or ``None`` if no token was given and none is required."""
        uid = self._uid(request)
        authorization = request.headers.get("Authorization")
        if authorization is None:
            if required:
                raise _Unauthorized("an application token is needed")
            return None
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not await self._store.has_token(_hash(token), uid):
            raise _Unauthorized("the application token is not known")
        return _owner(uid, token)

    def _uid(self, request: Request) -> int:
        uid = request.scope.get(SCOPE_KEY)
        if not isinstance(uid, int):
            raise CaiError(Reason.PERMISSION_DENIED, "only over a Unix socket")
        return uid

    async def _object(self, request: Request) -> dict[str, Any]:
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for piece in request.stream():
                    body += piece
                    if len(body) > MAX_BODY:
                        detail = f"a request has at most {MAX_BODY} octets"
                        raise CaiError(Reason.LIMIT_EXCEEDED, detail)
        except TimeoutError as error:
            raise CaiError(Reason.TIMEOUT, "the request did not come to its end") from error
        return wire.parse_object(bytes(body) or b"{}")

    def _find(self, owner: str, registration_id: str) -> Registration:
        for registration in self._client.registrations(owner):
            if registration.registration_id == registration_id:
                return registration
        raise DeregistrationRejected(Reason.NOT_REGISTERED, "no such registration of yours")

    async def _changed(
        self, owner: str, registration: Registration, wait_seconds: float
    ) -> Registration:
        """Return the registration after its next change, or as it is when the wait is over."""
        changed = await self._client.next_change(
            registration.registration_id, round(wait_seconds * 1000)
        )
        return changed or self._find(owner, registration.registration_id)


async def _not_ours(_request: Request, error: Exception) -> Response:
    """Answer what no route answers, in the same form as every error."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    fault = CaiError(Reason.INVALID_PARAMETER, "there is no such request")
    return JSONResponse(wire.error_members(fault), status)


def _owner(uid: int, token: str) -> str:
    return f"uid:{uid}/{_hash(token)[:32]}"


def _hash(token: str) -> str:
    # The token has 256 random bits: a plain hash cannot be turned back, nor guessed in time by
    # comparing prefixes in the database's index.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _wait_seconds(request: Request) -> float:
    text = request.query_params.get("wait", "0")
    try:
        wait = float(text)
    except ValueError as error:
        raise CaiError(Reason.INVALID_PARAMETER, f"{text[:20]!r} is no time", "wait") from error
    if not 0 <= wait <= MAX_WAIT_SECONDS:
        detail = f"wait is between 0 and {MAX_WAIT_SECONDS:g} seconds"
        raise CaiError(Reason.INVALID_PARAMETER, detail, "wait")
    return wait
