"""Applications of a Push Client by every way in, as one thing, so that a test is written once.

::

    async with SocketWayIn(directory) as way_in:
        await way_in.lead_to(client, store, clock)
        application = way_in.application("P")
        registration = await application.register(RegistrationRequest("x-wap-application:mms.ua"))
        event = await application.next_event(registration.registration_id)

A :class:`WayIn` outlives clients: it leads to one after the other, and an application is the same
to each. What an application is answered are values of ``cai.model``, and errors are those of
``cai.model`` as well, whichever way they came.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, cast

import httpx2
from starlette.types import ASGIApp, Receive, Scope, Send

from omapush.cai import wire
from omapush.cai.model import (
    Accept,
    Binding,
    BindingState,
    CaiError,
    CaiVersion,
    DeregistrationRejected,
    EventGone,
    PushEvent,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
    Reject,
    RejectReason,
    Trust,
)
from omapush.client.agent import PushClient
from omapush.client.service_client import ServiceClient, ServicePointError
from omapush.client.service_messages import Changes
from omapush.client.service_point.peer_credentials import SCOPE_KEY, PeerCredentialsProtocol
from omapush.client.service_point.point import ServicePoint
from omapush.client.store import ClientStore
from omapush.core.instants import Instant, parse_utc
from omapush.daemon.client import unix_socket
from omapush.daemon.serving import HttpServer

WAIT_SECONDS = 30.0

_READ_ONLY = frozenset(
    (
        "id",
        "state",
        "reason",
        "detail",
        "created",
        "updated",
        "cai_version",
        "bindings",
        "warnings",
    )
)


class Application(Protocol):
    """An application, as a test plays it."""

    async def register(self, request: RegistrationRequest) -> Registration:
        """Register, or update; return the first answer. :raises RegistrationRejected: rejected."""

    async def change(self, registration_id: str, request: RegistrationRequest) -> Registration:
        """Replace the request of a registration. :raises RegistrationRejected: rejected."""

    async def settled(self, registration_id: str) -> Registration:
        """Return a registration when it is no longer pending: the second answer."""

    async def registrations(self) -> list[Registration]:
        """Return the application's registrations."""

    async def deregister(self, registration_id: str, *, force: bool = False) -> Registration:
        """Deregister; return the answer. :raises DeregistrationRejected: rejected."""

    async def next_event(
        self, registration_id: str, wait_seconds: float = WAIT_SECONDS
    ) -> PushEvent | None:
        """Wait for a push, which is then leased to the application."""

    async def accept(self, event_id: str) -> None:
        """Take responsibility. :raises EventGone: too late, or answered before."""

    async def reject(self, event_id: str, answer: Reject) -> None:
        """Refuse. :raises EventGone: too late, or answered before."""


class WayIn(Protocol):
    """A way by which applications come to a client."""

    async def lead_to(
        self, client: PushClient, store: ClientStore, clock: Callable[[], Instant]
    ) -> None:
        """Lead to this client from now on, and to no other."""

    def application(self, name: str, uid: int | None = None) -> Application:
        """Return an application; the same name is the same application.

        :param uid: the user that it runs as; ``None``: whom the test runs as.
        """

    async def __aenter__(self) -> Self:
        """Begin."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close what is open."""


# -- in the client's own process --


class InProcessWayIn:
    """Applications that call the agent."""

    client: PushClient

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """There is nothing to close."""

    async def lead_to(
        self, client: PushClient, store: ClientStore, clock: Callable[[], Instant]
    ) -> None:
        self.client = client

    def application(self, name: str, uid: int | None = None) -> Application:
        return _InProcessApplication(self, name if uid is None else f"uid:{uid}/{name}")


class _InProcessApplication:
    def __init__(self, way_in: InProcessWayIn, owner: str) -> None:
        self._way_in = way_in
        self._owner = owner

    @property
    def _client(self) -> PushClient:
        return self._way_in.client

    async def register(self, request: RegistrationRequest) -> Registration:
        return await self._client.register(self._owner, request)

    async def change(self, registration_id: str, request: RegistrationRequest) -> Registration:
        return await self._client.change(self._owner, registration_id, request)

    async def settled(self, registration_id: str) -> Registration:
        while True:
            (found,) = (
                one
                for one in self._client.registrations(self._owner)
                if one.registration_id == registration_id
            )
            if found.state is not RegistrationState.PENDING:
                return found
            await self._client.next_change(registration_id, round(WAIT_SECONDS * 1000))

    async def registrations(self) -> list[Registration]:
        return self._client.registrations(self._owner)

    async def deregister(self, registration_id: str, *, force: bool = False) -> Registration:
        return await self._client.deregister(self._owner, registration_id, force=force)

    async def next_event(
        self, registration_id: str, wait_seconds: float = WAIT_SECONDS
    ) -> PushEvent | None:
        wait_ms = round(wait_seconds * 1000)
        return await self._client.next_event(self._owner, registration_id, wait_ms)

    async def accept(self, event_id: str) -> None:
        await self._client.answer(self._owner, event_id, Accept())

    async def reject(self, event_id: str, answer: Reject) -> None:
        await self._client.answer(self._owner, event_id, answer)


# -- over the service access point --


class SocketWayIn:
    """Applications in other processes, as far as the client can tell.

    :param directory: where the sockets are.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._tokens: dict[str, str] = {}
        self._connections: dict[str, ServiceClient] = {}
        self._served = contextlib.AsyncExitStack()
        self._point: ServicePoint | None = None
        self._sockets = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._leave()

    async def lead_to(
        self, client: PushClient, store: ClientStore, clock: Callable[[], Instant]
    ) -> None:
        await self._leave()
        self._point = ServicePoint(client, store, clock)

    def application(self, name: str, uid: int | None = None) -> Application:
        return _SocketApplication(self, name, uid)

    async def connection(self, name: str, uid: int | None) -> ServiceClient:
        """Return the application's connection to the present client."""
        if name not in self._connections:
            connection = ServiceClient(await self.serve(uid), self._tokens.get(name))
            self._connections[name] = await self._served.enter_async_context(connection)
        return self._connections[name]

    async def serve(self, uid: int | None = None) -> Path:
        """Serve the present client at a socket of its own, and return its path.

        :param uid: whom the kernel is to name as the user of whoever connects.
        """
        if self._point is None:
            raise RuntimeError("the way leads to no client yet")
        self._sockets += 1
        path = self._directory / f"{self._sockets}.sock"
        application = self._point.application
        listening = unix_socket(path)
        served = application if uid is None else _as_user(application, uid)
        server = HttpServer(served, [listening], http=PeerCredentialsProtocol)
        running = asyncio.create_task(server.run_until_stopped())

        point = self._point

        async def stop() -> None:
            point.stop()
            server.stop()
            await running
            listening.close()

        self._served.push_async_callback(stop)
        return path

    async def _leave(self) -> None:
        for name, connection in self._connections.items():
            if connection.token is not None:
                self._tokens[name] = connection.token
        self._connections.clear()
        await self._served.aclose()


def _as_user(application: ASGIApp, uid: int) -> ASGIApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[SCOPE_KEY] = uid
        await application(scope, receive, send)

    return serve


class _SocketApplication:
    def __init__(self, way_in: SocketWayIn, name: str, uid: int | None) -> None:
        self._way_in = way_in
        self._name = name
        self._uid = uid

    async def _cai(self) -> ServiceClient:
        return await self._way_in.connection(self._name, self._uid)

    async def register(self, request: RegistrationRequest) -> Registration:
        asked = (await self._cai()).register(wire.request_members(request), wait_seconds=0)
        return _registration(await _told(asked, RegistrationRejected))

    async def change(self, registration_id: str, request: RegistrationRequest) -> Registration:
        members = wire.request_members(request)
        changes = {name: members.get(name) for name in wire.CHANGEABLE_MEMBERS}
        asked = (await self._cai()).change(registration_id, cast("Changes", changes))
        return _registration(await _told(asked, RegistrationRejected))

    async def settled(self, registration_id: str) -> Registration:
        asked = (await self._cai()).registration(registration_id, WAIT_SECONDS)
        return _registration(await _told(asked, DeregistrationRejected))

    async def registrations(self) -> list[Registration]:
        cai = await self._cai()
        if cai.token is None:  # it never registered, and has nothing to be asked by
            return []
        return [_registration(one) for one in await cai.registrations()]

    async def deregister(self, registration_id: str, *, force: bool = False) -> Registration:
        cai = await self._cai()
        asked = cai.deregister(registration_id, force=force)
        return _registration(await _told(asked, DeregistrationRejected))

    async def next_event(
        self, registration_id: str, wait_seconds: float = WAIT_SECONDS
    ) -> PushEvent | None:
        cai = await self._cai()
        asked = cai.next_event(registration_id, wait_seconds)
        members = await _told(asked, DeregistrationRejected)
        return None if members is None else _event(members, await cai.content(members))

    async def accept(self, event_id: str) -> None:
        await _told((await self._cai()).accept(event_id), CaiError)

    async def reject(self, event_id: str, answer: Reject) -> None:
        reason, detail = RejectReason(answer.reason).value, answer.detail
        await _told((await self._cai()).reject(event_id, reason, detail), CaiError)


async def _told(asked: Awaitable[Any], kind: type[CaiError]) -> Any:  # noqa: ANN401 - JSON
    """Return an answer. :raises CaiError: of ``kind``, or an :class:`EventGone`."""
    try:
        return await asked
    except ServicePointError as error:
        if error.status in (httpx2.codes.CONFLICT, httpx2.codes.GONE) and kind is CaiError:
            raise EventGone(error.reason, settled=error.status == httpx2.codes.GONE) from error
        parameter = None if error.position is None else str(error.position)
        raise kind(Reason(error.cause), error.reason, parameter) from error


def _registration(members: Mapping[str, Any]) -> Registration:
    request = {name: value for name, value in members.items() if name not in _READ_ONLY}
    return Registration(
        registration_id=members["id"],
        owner="",
        push_application_id=members["push_application_id"],
        request=replace(
            wire.registration_request(request), cai_version=CaiVersion(members["cai_version"])
        ),
        state=RegistrationState(members["state"]),
        created=parse_utc(members["created"]),
        updated=parse_utc(members["updated"]),
        reason=_reason(members),
        detail=members["detail"],
        bindings=tuple(_binding(one) for one in members["bindings"]),
    )


def _binding(members: Mapping[str, Any]) -> Binding:
    return Binding(
        protocol=members["protocol"],
        bearer=members["bearer"],
        address=members["address"],
        state=BindingState(members["state"]),
        reason=_reason(members),
        detail=members["detail"],
        expires=_instant(members["expires"]),
    )


def _event(members: Mapping[str, Any], content: bytes) -> PushEvent:
    return PushEvent(
        event_id=members["id"],
        registration_id=members["registration"],
        push_application_id=members["push_application_id"],
        content=content,
        content_type=members["content_type"],
        headers=tuple((name, value) for name, value in members["headers"]),
        protocol=members["protocol"],
        bearer=members["bearer"],
        source=members["source"],
        received=parse_utc(members["received"]),
        deadline=parse_utc(members["deadline"]),
        confirmed=members["confirmed"],
        trust=Trust(**members["trust"]),
        push_id=members["push_id"],
        binding=members["binding"],
        expires=_instant(members["expires"]),
        delivery_attempt=members["delivery_attempt"],
    )


def _reason(members: Mapping[str, Any]) -> Reason | None:
    return None if members["reason"] is None else Reason(members["reason"])


def _instant(text: str | None) -> Instant | None:
    return None if text is None else parse_utc(text)
