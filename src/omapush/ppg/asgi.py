"""One HTTP exchange as ASGI gives it: what every front of the gateway does in the same way.

Who asks is found out before anything is read, a body is read with patience and up to a size, and
what is refused is answered in plain text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from omapush.core.instants import SECOND_MS, Instant
from omapush.ppg.authentication import (
    Forbidden,
    Identified,
    Initiators,
    LockedOut,
    NeedsVerification,
    Unidentified,
)
from omapush.ppg.credentials import RequestCredentials
from omapush.ppg.peer_certificate import SCOPE_KEY
from omapush.ppg.verifying import PasswordVerifier

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
RawHeaders = Sequence[tuple[bytes, bytes]]

PLAIN_TEXT = b"text/plain; charset=utf-8"
_CLOSE = (b"connection", b"close")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is HTTP's alone."""

    status: int
    reason: str
    headers: RawHeaders = ()


class HttpIdentification:
    """Finds out who a request is from, by its ``Authorization`` header and its connection.

    :param known: who may come, and by what they prove it.
    """

    def __init__(self, known: Initiators, clock: Callable[[], Instant]) -> None:
        self._known = known
        self._clock = clock
        self._verifier = PasswordVerifier()

    async def identify(self, scope: Scope) -> Identified | Refusal:
        """Judge the head of a request."""
        if [name for name, _ in scope["headers"]].count(b"authorization") > 1:
            # RFC 9110 5.3: somebody before us may have judged another one of them.
            return Refusal(400, "more than one Authorization header")
        verdict = self._known.identify(_credentials(scope), self._clock())
        if isinstance(verdict, NeedsVerification):
            right = await self._verifier.verify(verdict.verification)
            if right is None:
                reason = "too many passwords are being verified"
                return Refusal(503, reason, ((b"retry-after", b"1"),))
            verdict = self._known.settle(verdict, right=right, now=self._clock())
        return verdict if isinstance(verdict, Identified) else _refusal(verdict)


def source_of(scope: Scope) -> str:
    """Return the IP address that a request comes from; empty: it is not known."""
    return str(scope["client"][0]) if scope.get("client") else ""


async def read_body(receive: Receive, largest: int, timeout_ms: int) -> bytes | Refusal | None:
    """Return the body of a request, or why it is refused; ``None``: the peer hung up."""
    try:
        async with asyncio.timeout(timeout_ms / SECOND_MS):
            return await _whole_body(receive, largest)
    except TimeoutError:
        return Refusal(408, "the body did not arrive in time", (_CLOSE,))


def too_large(largest: int) -> Refusal:
    """Return the refusal of a body that is larger than so many octets."""
    return Refusal(413, f"the body is larger than {largest} octets", (_CLOSE,))


async def _whole_body(receive: Receive, largest: int) -> bytes | Refusal | None:
    event = await receive()
    if event["type"] == "http.disconnect":
        return None
    first: bytes = event.get("body", b"")
    if not event.get("more_body"):
        return first if len(first) <= largest else too_large(largest)
    body = bytearray(first)
    while event.get("more_body"):
        if len(body) > largest:
            return too_large(largest)
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        body += event.get("body", b"")
    return bytes(body) if len(body) <= largest else too_large(largest)


def retry_after(wait_ms: int) -> RawHeaders:
    """Return the header that says when to come back, in whole seconds (RFC 9110, 10.2.3)."""
    seconds = max(1, -(-wait_ms // SECOND_MS))
    return ((b"retry-after", str(seconds).encode()),)


async def respond(
    send: Send, status: int, content_type: bytes, body: bytes, headers: RawHeaders = ()
) -> None:
    """Send a whole answer."""
    length = str(len(body)).encode()
    head = [(b"content-type", content_type), (b"content-length", length), *headers]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def respond_without_content(send: Send, status: int, headers: RawHeaders = ()) -> None:
    """Send an answer that has no content, such as 204."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": b""})


async def refuse(send: Send, refusal: Refusal) -> None:
    """Send why a request is refused."""
    text = f"{refusal.reason}\n".encode()
    await respond(send, refusal.status, PLAIN_TEXT, text, refusal.headers)


def _credentials(scope: Scope) -> RequestCredentials:
    authorization = dict(scope["headers"]).get(b"authorization")
    target: bytes = scope.get("raw_path") or scope["path"].encode()
    if scope.get("query_string"):
        target += b"?" + scope["query_string"]
    return RequestCredentials(
        source_of(scope),
        authorization.decode("latin-1") if authorization is not None else None,
        scope["method"],
        target.decode("latin-1"),
        scope.get(SCOPE_KEY),
    )


def _refusal(verdict: Unidentified | Forbidden | LockedOut) -> Refusal:
    match verdict:
        case Unidentified(reason, challenges):
            headers = tuple((b"www-authenticate", text.encode()) for text in challenges)
            return Refusal(401, reason, headers)
        case Forbidden(reason):
            return Refusal(403, reason)
        case LockedOut(retry_after_ms):
            reason = "too many wrong credentials from there"
            return Refusal(429, reason, retry_after(retry_after_ms))
