"""The event stream of the service access point: pushes and changes of state as they happen.

Server-Sent Events. A message ``push`` is an event, leased to the reader until its deadline. A
message ``status`` is a registration that has changed; its id lets a reader that was away for a
moment go on where it was (``Last-Event-ID``). A reader that comes without one, or was away for too
long, is told how its registrations stand.

A stream holds no queue: each registration has at most one push that is not yet written, and what
changed is read from the client's own, limited memory of changes. So a reader that is slow, or does
not read at all, costs nothing more.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import Counter
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from omapush.cai import wire
from omapush.cai.model import (
    CaiError,
    DeregistrationRejected,
    PushEvent,
    Reason,
    Registration,
    RegistrationState,
)
from omapush.client.agent import PushClient
from omapush.client.service_point.callers import Callers, uid_of
from omapush.client.service_point.event_routes import released
from omapush.client.service_point.requests import OpenRequests, guarded, hung_up
from omapush.core.errors import OmapushError
from omapush.core.instants import MINUTE_MS

log = structlog.get_logger(__name__)

KEEP_ALIVE_SECONDS = 15.0
MAX_STREAMS_PER_USER = 16

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
]


class EventStreams:
    """The streams that are open."""

    def __init__(
        self,
        client: PushClient,
        callers: Callers,
        waiting: OpenRequests,
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
    ) -> None:
        self.client = client
        self.waiting = waiting
        self.keep_alive_seconds = keep_alive_seconds
        self._callers = callers
        self._open: Counter[int] = Counter()
        # Numbers of changes begin anew with each start of the client, and so do these names.
        self._life = secrets.token_hex(4)

    @property
    def routes(self) -> list[Route]:
        """The route of streams."""
        return [Route("/v1/stream", guarded(self._stream), methods=["GET"])]

    def name_of(self, position: int) -> str:
        """Return the id of a message."""
        return f"{self._life}-{position}"

    def close(self, uid: int) -> None:
        """Note that a stream of a user is over."""
        self._open[uid] -= 1
        if not self._open[uid]:
            del self._open[uid]

    async def _stream(self, request: Request) -> Response:
        owner = await self._callers.owner(request)
        uid = uid_of(request)
        named = frozenset(request.query_params.getlist("registration"))
        own = {one.registration_id for one in self.client.registrations(owner)}
        if named - own:
            raise DeregistrationRejected(
                Reason.NOT_REGISTERED, "no such registration of yours", "registration"
            )
        if self._open[uid] >= MAX_STREAMS_PER_USER:
            detail = f"a user has at most {MAX_STREAMS_PER_USER} streams"
            raise CaiError(Reason.LIMIT_EXCEEDED, detail)
        self._open[uid] += 1
        position = self._position(request.headers.get("Last-Event-ID", ""))
        return _Stream(self, owner, named, position, uid)

    def _position(self, name: str) -> int | None:
        """Return after which change to go on; ``None``: it is not known any more."""
        life, _, number = name.partition("-")
        if life != self._life or not (number.isascii() and number.isdecimal()):
            return None
        position = int(number[:18])
        return position if self.client.status.remembers(position) else None


class _Stream(Response):
    """One stream, until its reader hangs up or all its registrations have ended.

    :param named: the registrations it is about; empty: all of its owner.
    :param position: the last change that the reader knows.
    """

    def __init__(
        self,
        streams: EventStreams,
        owner: str,
        named: frozenset[str],
        position: int | None,
        uid: int,
    ) -> None:
        super().__init__()
        self._streams = streams
        self._client = streams.client
        self._owner = owner
        self._named = named
        self._position = position
        self._uid = uid
        self._handing: dict[str, asyncio.Task[None]] = {}
        self._writing = asyncio.Lock()
        self._failed = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._send = send
        self._gone = asyncio.create_task(hung_up(Request(scope, receive)))
        ends = [
            self._gone,
            asyncio.create_task(self._follow()),
            asyncio.create_task(self._streams.waiting.stopping.wait()),
            asyncio.create_task(self._failed.wait()),
        ]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._streams.close(self._uid)
            tasks = [*ends, *self._handing.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    # -- changes of state --

    async def _follow(self) -> None:
        """Write changes of state, and comments where there are none for long."""
        status = self._client.status
        if self._position is None:
            await self._tell_standing()
        while True:
            moved = status.next_move()
            if self._position is None or not status.remembers(self._position):
                await self._tell_standing()
            await self._tell_changes(self._position or 0)
            self._hand_out()
            if self._named and not self._named & self._current():
                return
            try:
                async with asyncio.timeout(self._streams.keep_alive_seconds):
                    await moved.wait()
            except TimeoutError:
                await self._write(": nothing new\n\n")

    async def _tell_standing(self) -> None:
        self._position = self._client.status.position
        for one in self._client.registrations(self._owner):
            if self._concerns(one):
                await self._tell(wire.status_members(one), self._position)

    async def _tell_changes(self, position: int) -> None:
        for number, change in self._client.status.after(position):
            self._position = number
            if change.registration.owner == self._owner and self._concerns(change.registration):
                await self._tell(wire.status_members(change.registration, change.old), number)

    async def _tell(self, members: dict[str, Any], position: int) -> None:
        name = self._streams.name_of(position)
        await self._write(f"event: status\nid: {name}\ndata: {json.dumps(members)}\n\n")

    def _concerns(self, registration: Registration) -> bool:
        return not self._named or registration.registration_id in self._named

    def _current(self) -> set[str]:
        """Return the registrations of the owner that can still change."""
        return {
            one.registration_id
            for one in self._client.registrations(self._owner)
            if one.state is not RegistrationState.FAILED
        }

    # -- pushes --

    def _hand_out(self) -> None:
        """Begin to hand out the pushes of registrations that are new."""
        for one in self._client.registrations(self._owner):
            handing = self._handing.get(one.registration_id)
            if one.state.is_live and self._concerns(one) and (handing is None or handing.done()):
                task = asyncio.create_task(self._hand_out_of(one.registration_id))
                self._handing[one.registration_id] = task

    async def _hand_out_of(self, registration_id: str) -> None:
        try:
            while True:
                event = await self._client.next_event(self._owner, registration_id, MINUTE_MS)
                if event is not None and not await self._hand_over(event):
                    return
        except DeregistrationRejected:
            del self._handing[registration_id]  # it has ended
        except OmapushError as error:
            # The reader comes again, and then it may work.
            log.error("stream_failed", registration=registration_id, reason=str(error))
            self._failed.set()

    async def _hand_over(self, event: PushEvent) -> bool:
        """Write a push; return whether there was still somebody to read it."""
        written = False
        try:
            written = await self._write(
                f"event: push\ndata: {json.dumps(wire.event_members(event))}\n\n"
            )
        finally:
            if not written:
                await released(self._client, self._owner, event)
        return written

    async def _write(self, text: str) -> bool:
        """Write a message; return whether there was still somebody to read it."""
        async with self._writing:
            if self._gone.done():
                return False
            await self._send(
                {"type": "http.response.body", "body": text.encode("ascii"), "more_body": True}
            )
            return not self._gone.done()
