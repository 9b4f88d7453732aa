"""PAP over HTTP: the gateway's front door, as a plain ASGI application (PAP 13).

Only what belongs to HTTP is decided here: path, method, credentials, size, patience. Whatever
reaches :class:`~omapush.ppg.acceptance.Acceptance` is answered with a PAP document under HTTP 202,
whatever its quality (PAP 13.4.1); only an initiator that is too fast gets it under 503.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from omapush.core.instants import SECOND_MS, Instant
from omapush.ppg.acceptance import Acceptance, PapRequest
from omapush.ppg.authentication import (
    Forbidden,
    Identified,
    Initiators,
    LockedOut,
    NeedsVerification,
    Unidentified,
)
from omapush.ppg.credentials import RequestCredentials
from omapush.ppg.metrics import Metrics
from omapush.ppg.peer_certificate import SCOPE_KEY
from omapush.ppg.verifying import PasswordVerifier

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
RawHeaders = Sequence[tuple[bytes, bytes]]

_NO_HEADERS: RawHeaders = ()


@dataclass(frozen=True, slots=True)
class PapHttpSettings:
    """Limits of the front door.

    :ivar max_entity: octets of the largest body; a larger one is answered 413 without reading it.
    :ivar read_timeout_ms: patience for the whole body; then 408.
    :ivar success_status: HTTP status of PAP answers.
    """

    paths: tuple[str, ...] = ("/pap",)
    max_entity: int = 1_048_576
    read_timeout_ms: int = 30_000
    success_status: int = 202


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is HTTP's alone."""

    status: int
    reason: str
    headers: RawHeaders = ()


class PapOverHttp:
    """The ASGI application that takes PAP."""

    def __init__(
        self,
        acceptance: Acceptance,
        initiators: Initiators,
        metrics: Metrics,
        settings: PapHttpSettings,
        clock: Callable[[], Instant],
    ) -> None:
        self._acceptance = acceptance
        self._initiators = initiators
        self._metrics = metrics
        self._settings = settings
        self._clock = clock
        self._verifier = PasswordVerifier()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {name: value for name, value in scope["headers"]}  # noqa: C416 - last one wins
        source = str(scope["client"][0]) if scope.get("client") else ""
        admitted = await self._admit(scope, headers, source)
        if isinstance(admitted, Refusal):
            await self._refuse(admitted, source, send)
            return
        body = await self._body(receive)
        if body is None:
            return  # the initiator hung up: nobody to answer
        if isinstance(body, Refusal):
            await self._refuse(body, source, send)
            return
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        application_id = headers.get(b"x-wap-application-id")
        named = None if application_id is None else application_id.decode("latin-1")
        request = PapRequest(content_type, body, admitted, source, named)
        answer = await self._acceptance.answer(request)
        self._metrics.answered(answer.element, answer.code)
        status, more = self._settings.success_status, _NO_HEADERS
        if answer.retry_after_ms is not None:
            # Too fast: HTTP can say when to come back, PAP cannot (RFC 9110, 10.2.3).
            status, more = 503, _retry_after(answer.retry_after_ms)
        await _respond(send, status, answer.content_type, answer.document, more)

    async def _admit(
        self, scope: Scope, headers: MutableMapping[bytes, bytes], source: str
    ) -> Identified | Refusal:
        """Decide by the head of the request alone."""
        if scope["path"] not in self._settings.paths:
            return Refusal(404, "no PAP here")
        if scope["method"] != "POST":
            return Refusal(405, "PAP is POSTed", ((b"allow", b"POST"),))
        if [name for name, _ in scope["headers"]].count(b"authorization") > 1:
            # RFC 9110 5.3: somebody before us may have judged another one of them.
            return Refusal(400, "more than one Authorization header")
        identified = await self._identify(_credentials(scope, headers, source))
        if not isinstance(identified, Identified):
            return identified
        if int(headers.get(b"content-length") or 0) > self._settings.max_entity:
            return self._too_large()
        return identified

    async def _identify(self, request: RequestCredentials) -> Identified | Refusal:
        verdict = self._initiators.identify(request, self._clock())
        if isinstance(verdict, NeedsVerification):
            right = await self._verifier.verify(verdict.verification)
            if right is None:
                reason = "too many passwords are being verified"
                return Refusal(503, reason, ((b"retry-after", b"1"),))
            verdict = self._initiators.settle(verdict, right=right, now=self._clock())
        return verdict if isinstance(verdict, Identified) else _refusal(verdict)

    async def _body(self, receive: Receive) -> bytes | Refusal | None:
        try:
            async with asyncio.timeout(self._settings.read_timeout_ms / 1000):
                return await self._whole_body(receive)
        except TimeoutError:
            close = ((b"connection", b"close"),)
            return Refusal(408, "the body did not arrive in time", close)

    async def _whole_body(self, receive: Receive) -> bytes | Refusal | None:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        first: bytes = event.get("body", b"")
        if not event.get("more_body"):
            return first if len(first) <= self._settings.max_entity else self._too_large()
        body = bytearray(first)
        while event.get("more_body"):
            if len(body) > self._settings.max_entity:
                return self._too_large()
            event = await receive()
            if event["type"] == "http.disconnect":
                return None
            body += event.get("body", b"")
        return bytes(body) if len(body) <= self._settings.max_entity else self._too_large()

    def _too_large(self) -> Refusal:
        reason = f"the body is larger than {self._settings.max_entity} octets"
        return Refusal(413, reason, ((b"connection", b"close"),))

    async def _refuse(self, refusal: Refusal, source: str, send: Send) -> None:
        log.info("pap_refused", status=refusal.status, reason=refusal.reason, source=source)
        self._metrics.refused(refusal.status)
        text = f"{refusal.reason}\n".encode()
        await _respond(send, refusal.status, b"text/plain; charset=utf-8", text, refusal.headers)


def _retry_after(wait_ms: int) -> RawHeaders:
    seconds = max(1, -(-wait_ms // SECOND_MS))
    return ((b"retry-after", str(seconds).encode()),)


def _credentials(
    scope: Scope, headers: MutableMapping[bytes, bytes], source: str
) -> RequestCredentials:
    authorization = headers.get(b"authorization")
    target: bytes = scope.get("raw_path") or scope["path"].encode()
    if scope.get("query_string"):
        target += b"?" + scope["query_string"]
    return RequestCredentials(
        source,
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
            return Refusal(429, reason, _retry_after(retry_after_ms))


async def _respond(
    send: Send, status: int, content_type: bytes, body: bytes, headers: RawHeaders = ()
) -> None:
    length = str(len(body)).encode()
    head = [(b"content-type", content_type), (b"content-length", length), *headers]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
