"""Receiving result notifications (PAP 5.2): a plain ASGI application, no server in it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from omapush import __version__
from omapush.core.errors import OmapushError
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
BODY_SECONDS = 10
"""Patience for the whole of one."""
MAX_REMEMBERED = 10_000
"""How many notifications are recognised when they come again."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Handler = Callable[[ResultNotificationMessage], Awaitable[None]]
"""Takes responsibility for a notification by returning."""

log = logging.getLogger(__name__)

_LENIENT = Tolerance(strict_dtd=False)
_CHALLENGE = b'Basic realm="result notifications", charset="UTF-8"'
_PRODUCT = f"omapush/{__version__}"


class NotNowError(OmapushError):
    """For a handler to raise that wants a notification later; any other error is logged as well."""


class NotificationReceiver:
    """Takes result notifications, each once, in one of two forms.

    With a ``handler`` it is called with each notification, and the gateway is answered 1000 only
    after it has returned. If it fails or is too slow the answer is 503, so that the gateway comes
    again. A handler that puts the notification on disk before it returns loses nothing in a
    crash; but it may see a notification again if the crash comes between its return and the answer.

    Without one notifications wait in memory to be fetched by :meth:`notifications` or
    :meth:`wait_for`. They are answered 1000 when they come, so a crash of the program loses those
    that wait and the one that it works on: the gateway will not bring them again. Ask for the
    status of what must not be lost (PAP 5.4).

    In both forms, what comes again is recognised, the last 10,000, and answered 1000 as before.

    :param handler: awaited for each notification, for several at a time.
    :param handler_timeout_seconds: its patience; then it is cancelled. Gateways have little
        themselves, ours 10 seconds.
    :param max_waiting: notifications that may wait to be handed out, or be with the handler, at a
        time; more are answered 503, so that the gateway brings them again.
    :param username: demand these credentials by HTTP Basic; without TLS everybody on the way can
        read them. Gateways of omapush have none to give.
    :raises ValueError: a user name without a password, or the other way round.
    """

    def __init__(
        self,
        handler: Handler | None = None,
        *,
        handler_timeout_seconds: float = 8.0,
        max_waiting: int = 1_000,
        username: str | None = None,
        password: str | None = None,
    ) -> None:
        if (username is None) != (password is None):
            raise ValueError("a user name and its password belong together")
        self._handler = handler
        self._handler_timeout = handler_timeout_seconds
        self._max_waiting = max_waiting
        self._token = None
        if username is not None:
            self._token = base64.b64encode(f"{username}:{password}".encode())
        self._waiting: deque[ResultNotificationMessage] = deque()
        self._handling: set[bytes] = set()
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._changed = asyncio.Condition()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["method"] != "POST":
            await _respond(send, 405, b"notifications are POSTed\n", (b"allow", b"POST"))
            return
        headers = dict(scope["headers"])
        if not self._admits(headers.get(b"authorization", b"")):
            await _respond(send, 401, b"who are you?\n", (b"www-authenticate", _CHALLENGE))
            return
        body = await _body(receive)
        if body is None:
            return  # the gateway hung up: nobody to answer
        if isinstance(body, int):
            await _respond(send, body, b"too large, or too slow\n")
            return
        charset = parameters(headers.get(b"content-type", b"").decode("latin-1")).get("charset")
        try:
            document = xml.decode(body, charset=charset, tolerance=_LENIENT)
        except BadMessage as error:
            answer = Pap(BadMessageResponse(error.code, str(error), error.fragment), error.version)
            await _respond(send, 202, xml.encode(answer))
            return
        await self._take(document, send)

    async def notifications(self) -> AsyncIterator[ResultNotificationMessage]:
        """Yield notifications as they come, if there is no handler that gets them."""
        while True:
            yield await self._next(lambda _one: True)

    async def wait_for(self, push_id: str, timeout_seconds: float) -> ResultNotificationMessage:
        """Return the next notification about ``push_id`` that was not handed out yet.

        A push to several recipients has one for each. There are none if a handler gets them.

        :raises TimeoutError: none came in time.
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
        if not await self._taken(message):
            await _respond(send, 503, b"not now\n")
            return
        response = ResultNotificationResponse(message.push_id, StatusCode.OK, message.address, "OK")
        answer = Pap(response, document.version, document.owner, product_name=_PRODUCT)
        await _respond(send, 202, xml.encode(answer))

    def _admits(self, authorization: bytes) -> bool:
        if self._token is None:
            return True
        scheme, _, token = authorization.partition(b" ")
        return scheme.lower() == b"basic" and hmac.compare_digest(token.strip(), self._token)

    async def _taken(self, message: ResultNotificationMessage) -> bool:
        """Take ``message``; false: it has to come again."""
        key = _key(message)
        if key in self._seen:
            return True
        if self._handler is not None:
            return await self._handled(key, message, self._handler)
        async with self._changed:
            if key in self._seen:
                return True
            if len(self._waiting) >= self._max_waiting:
                return False
            self._remember(key)
            self._waiting.append(message)
            self._changed.notify_all()
        return True

    async def _handled(
        self, key: bytes, message: ResultNotificationMessage, handler: Handler
    ) -> bool:
        if key in self._handling or len(self._handling) >= self._max_waiting:
            return False
        self._handling.add(key)
        try:
            async with asyncio.timeout(self._handler_timeout):
                await handler(message)
        except NotNowError:
            return False
        except Exception:
            # Whatever it is, it is the program's, and the gateway has to come again.
            log.warning("a notification about %r was not handled", message.push_id, exc_info=True)
            return False
        finally:
            self._handling.discard(key)
        self._remember(key)
        return True

    def _remember(self, key: bytes) -> None:
        self._seen[key] = None
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)


def _key(message: ResultNotificationMessage) -> bytes:
    """Return what is the same for the same notification, and short however long that is."""
    parts = (message.push_id, message.address.address_value, message.message_state.value)
    text = "\0".join(parts)  # no XML document holds a NUL
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


async def _body(receive: Receive) -> bytes | int | None:
    """Return the body, or the status that refuses it, or ``None``: the gateway hung up."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                event = await receive()
                if event["type"] == "http.disconnect":
                    return None
                body += event.get("body", b"")
                if len(body) > MAX_BODY:
                    return 413
                if not event.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        return 408


async def _respond(
    send: Send, status: int, body: bytes, header: tuple[bytes, bytes] | None = None
) -> None:
    kind = b"application/xml; charset=UTF-8" if status == 202 else b"text/plain"
    head = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if header is not None:
        head.append(header)
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
