"""Event delivery at the service access point: pushes are asked for, fetched and answered (CAI 5.3).

An event that is handed out is leased to the caller until its deadline. One whose caller hangs up
before it was written, or is answered with an error, is the next one again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from omapush.cai import wire
from omapush.cai.model import Accept, Answer, CaiError, EventGone, PushEvent, Reason
from omapush.client.agent import PushClient
from omapush.client.service_point.callers import Callers
from omapush.client.service_point.requests import (
    OpenRequests,
    count,
    guarded,
    read_object,
    wait_ms,
)


class Events:
    """What both versions of the interface do with events.

    :param members: how an event is written.
    """

    def __init__(
        self,
        client: PushClient,
        callers: Callers,
        waiting: OpenRequests,
        members: Callable[[PushEvent], dict[str, Any]] = wire.event_members,
    ) -> None:
        self._client = client
        self._callers = callers
        self._waiting = waiting
        self._members = members

    async def next_ones(self, request: Request) -> Response:
        """Hand out the events that are there; with ``wait``, as soon as there is one."""
        owner = await self._callers.owner(request)
        registration_id = request.query_params.get("registration")
        if registration_id is None:
            detail = "whose events is to be said"
            raise CaiError(Reason.INVALID_PARAMETER, detail, "registration")
        most = count(request, "max", 1, wire.MAX_OUTSTANDING)
        patience_ms = wait_ms(request)
        first = await self._client.next_event(owner, registration_id, 0)
        if first is None and patience_ms:
            asking = self._client.next_event(owner, registration_id, patience_ms)
            first = await self._waiting.wait(request, asking)
        if first is None:
            return JSONResponse([])
        events = [first]
        try:
            while len(events) < most:
                event = await self._client.next_event(owner, registration_id, 0)
                if event is None:
                    break
                events.append(event)
            if not await request.is_disconnected():
                return JSONResponse([self._members(event) for event in events])
        except BaseException:
            await self._give_back(owner, events)
            raise
        # Who asked hung up meanwhile.
        await self._give_back(owner, events)
        return JSONResponse([])

    async def _give_back(self, owner: str, events: Sequence[PushEvent]) -> None:
        """Let the next one who asks get them, in their order."""
        for event in reversed(events):
            await released(self._client, owner, event)

    async def content(self, request: Request) -> Response:
        """Give the content of an event, octet for octet."""
        owner = await self._callers.owner(request)
        event = self._client.event(owner, request.path_params["id"])
        return Response(event.content, media_type="application/octet-stream")

    async def accept(self, request: Request) -> Response:
        """Take the application's acceptance."""
        return await self._answer(request, Accept())

    async def reject(self, request: Request) -> Response:
        """Take the application's refusal."""
        return await self._answer(request, wire.rejection(await read_object(request)))

    async def _answer(self, request: Request, answer: Answer) -> Response:
        owner = await self._callers.owner(request)
        await self._client.answer(owner, request.path_params["id"], answer)
        return Response(status_code=204)

    def routes(self, prefix: str) -> list[Route]:
        """Return the routes below ``prefix``."""
        one = f"{prefix}/events/{{id}}"
        return [
            Route(f"{prefix}/events", guarded(self.next_ones), methods=["GET"]),
            Route(f"{one}/accept", guarded(self.accept), methods=["POST"]),
            Route(f"{one}/reject", guarded(self.reject), methods=["POST"]),
            Route(f"{one}/content", guarded(self.content), methods=["GET"]),
        ]


async def released(client: PushClient, owner: str, event: PushEvent) -> None:
    """Give back an event that its caller has not had."""
    with contextlib.suppress(EventGone):  # its time is over, or its registration has ended
        await client.release(owner, event.event_id)
