"""Receiving result notifications (PAP 5.2): a plain ASGI application, no server in it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from omapush import __version__
from omapush.pap import xml
from omapush.pap.bad_message import BadMessage
from omapush.pap.codes import StatusCode
from omapush.pap.entity import parameters
from omapush.pap.model import (
    BadMessageResponse,
    Pap,
    ResultNotificationMessage,
    ResultNotificationResponse,
)
from omapush.pap.tolerance import Tolerance

MAX_BODY = 65_536
"""Octets of the largest notification that is read."""
MAX_REMEMBERED = 10_000
"""How many notifications are recognised when they come again."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LENIENT = Tolerance(strict_dtd=False)
_PRODUCT = f"omapush/{__version__}"


class NotificationReceiver:
    """Takes result notifications and hands each out once.

    :param max_waiting: notifications that may wait to be handed out; more are answered 503, so that
        the gateway brings them again.
    """

    def __init__(self, *, max_waiting: int = 1_000) -> None:
        self._max_waiting = max_waiting
        self._waiting: deque[ResultNotificationMessage] = deque()
        self._seen: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._changed = asyncio.Condition()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["method"] != "POST":
            await _respond(send, 405, b"notifications are POSTed\n", allow=True)
            return
        body = await _body(receive)
        if body is None:
            await _respond(send, 413, b"too large\n")
            return
        headers = dict(scope["headers"])
        charset = parameters(headers.get(b"content-type", b"").decode("latin-1")).get("charset")
        try:
            document = xml.decode(body, charset=charset, tolerance=_LENIENT)
        except BadMessage as error:
            answer = Pap(BadMessageResponse(error.code, str(error), error.fragment), error.version)
            await _respond(send, 202, xml.encode(answer))
            return
        await self._take(document, send)

    async def notifications(self) -> AsyncIterator[ResultNotificationMessage]:
        """Yield notifications as they come."""
        while True:
            yield await self._next(lambda _one: True)

    async def wait_for(self, push_id: str, timeout_seconds: float) -> ResultNotificationMessage:
        """Return the next notification about ``push_id`` that was not handed out yet.

        A push to several recipients has one for each. :raises TimeoutError: none came in time.
        """
        async with asyncio.timeout(timeout_seconds):
            return await self._next(lambda one: one.push_id == push_id)

    async def _next(
        self, wanted: Callable[[ResultNotificationMessage], bool]
    ) -> ResultNotificationMessage:
        async with self._changed:
            while True:
                for one in self._waiting:
                    if wanted(one):
                        self._waiting.remove(one)
                        return one
                await self._changed.wait()

    async def _take(self, document: Pap, send: Send) -> None:
        message = document.message
        if not isinstance(message, ResultNotificationMessage):
            refusal = BadMessageResponse(StatusCode.BAD_REQUEST, "not a result notification")
            answer = Pap(refusal, document.version, document.owner, product_name=_PRODUCT)
            await _respond(send, 202, xml.encode(answer))
            return
        key = (message.push_id, message.address.address_value, message.message_state.value)
        async with self._changed:
            if key not in self._seen:
                if len(self._waiting) >= self._max_waiting:
                    await _respond(send, 503, b"too many notifications wait\n")
                    return
                self._seen[key] = None
                if len(self._seen) > MAX_REMEMBERED:
                    self._seen.popitem(last=False)
                self._waiting.append(message)
                self._changed.notify_all()
        response = ResultNotificationResponse(message.push_id, StatusCode.OK, message.address, "OK")
        answer = Pap(response, document.version, document.owner, product_name=_PRODUCT)
        await _respond(send, 202, xml.encode(answer))


async def _body(receive: Receive) -> bytes | None:
    body = bytearray()
    while True:
        event = await receive()
        body += event.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        if not event.get("more_body"):
            return bytes(body)


async def _respond(send: Send, status: int, body: bytes, *, allow: bool = False) -> None:
    kind = b"application/xml; charset=UTF-8" if status == 202 else b"text/plain"
    head = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if allow:
        head.append((b"allow", b"POST"))
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
