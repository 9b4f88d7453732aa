"""PAP over HTTP: the gateway's front door, as a plain ASGI application (PAP 13).

Only what belongs to HTTP is decided here: path, method, credentials, size, patience. Whatever
reaches :class:`~omapush.ppg.acceptance.Acceptance` is answered with a PAP document under HTTP 202,
whatever its quality (PAP 13.4.1); only an initiator that is too fast gets it under 503.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass

import structlog

from omapush.core.instants import Instant
from omapush.ppg.acceptance import Acceptance, PapRequest
from omapush.ppg.asgi import (
    HttpIdentification,
    RawHeaders,
    Receive,
    Refusal,
    Scope,
    Send,
    read_body,
    refuse,
    respond,
    retry_after,
    source_of,
    too_large,
)
from omapush.ppg.authentication import Identified, Initiators
from omapush.ppg.metrics import Metrics

log = structlog.get_logger(__name__)

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
        self._identification = HttpIdentification(initiators, clock)
        self._metrics = metrics
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {name: value for name, value in scope["headers"]}  # noqa: C416 - last one wins
        source = source_of(scope)
        admitted = await self._admit(scope, headers)
        if isinstance(admitted, Refusal):
            await self._refuse(admitted, source, send)
            return
        settings = self._settings
        body = await read_body(receive, settings.max_entity, settings.read_timeout_ms)
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
        status, more = settings.success_status, _NO_HEADERS
        if answer.retry_after_ms is not None:
            # Too fast: HTTP can say when to come back, PAP cannot (RFC 9110, 10.2.3).
            status, more = 503, retry_after(answer.retry_after_ms)
        await respond(send, status, answer.content_type, answer.document, more)

    async def _admit(
        self, scope: Scope, headers: MutableMapping[bytes, bytes]
    ) -> Identified | Refusal:
        """Decide by the head of the request alone."""
        if scope["path"] not in self._settings.paths:
            return Refusal(404, "no PAP here")
        if scope["method"] != "POST":
            return Refusal(405, "PAP is POSTed", ((b"allow", b"POST"),))
        identified = await self._identification.identify(scope)
        if not isinstance(identified, Identified):
            return identified
        if int(headers.get(b"content-length") or 0) > self._settings.max_entity:
            return too_large(self._settings.max_entity)
        return identified

    async def _refuse(self, refusal: Refusal, source: str, send: Send) -> None:
        log.info("pap_refused", status=refusal.status, reason=refusal.reason, source=source)
        self._metrics.refused(refusal.status)
        await refuse(send, refusal)
