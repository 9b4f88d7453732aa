"""Push Service Registration over HTTP: the front of the push services, a plain ASGI application.

::

    POST   <path>        register          201 (204: the provisioned profile), Location
    POST   <path>/<id>   refresh           200 (204), Location
    DELETE <path>/<id>   deregister        204

A request has no body that means anything; a small one is read and passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from omapush.content.message import Header
from omapush.core.errors import DecodeError, EncodeError, OmapushError
from omapush.core.instants import SECOND_MS, Instant
from omapush.ota import service_registration as wire
from omapush.ota.http import headers as names
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
    respond_without_content,
    retry_after,
    source_of,
    too_large,
)
from omapush.ppg.authentication import Identified, Initiators
from omapush.ppg.capabilities import accepts_type
from omapush.ppg.service_registration.registrar import (
    FULL_WAIT_MS,
    Asker,
    ForbiddenError,
    FullError,
    Registered,
    ServiceRegistrar,
    TooLargeError,
    UnknownRegistrationError,
)
from omapush.ppg.service_registration.services import NoSuchServiceError, NothingOfferedError
from omapush.ppg.store.contract import StoreRefused, StoreUnavailable

log = structlog.get_logger(__name__)

REALM = "Push Service Registration"
MAX_BODY = 4_096
"""Octets of a body that are read, to be passed over; more is 413."""
AWAY_WAIT_MS = 5 * SECOND_MS
"""When to come back while the ledger is away."""

_CONTENT_TYPE = f"{wire.MEDIA_TYPE}; charset=utf-8".encode()
_ID = re.compile(r"[0-9a-f]{32}")
_STATUSES: dict[type[OmapushError], int] = {
    UnknownRegistrationError: 404,
    NoSuchServiceError: 404,
    NothingOfferedError: 406,
    ForbiddenError: 403,
    TooLargeError: 431,
    FullError: 503,
    StoreUnavailable: 503,
    StoreRefused: 400,
    DecodeError: 400,
    EncodeError: 400,
}
_ONCE = frozenset(
    name.lower().encode() for name in (names.TERMINAL_ID, names.VERSION, "Content-Length")
)


@dataclass(frozen=True, slots=True)
class ServiceRegistrationHttpSettings:
    """Where registrations are taken.

    :ivar paths: each without a slash at its end.
    :ivar read_timeout_ms: patience for a body; then 408.
    """

    paths: tuple[str, ...] = ("/push-service-registration",)
    read_timeout_ms: int = 10_000


@dataclass(frozen=True, slots=True)
class _Place:
    """What a request is about: a path for new registrations, or one that there is."""

    path: str
    registration_id: str | None


class ServiceRegistrationOverHttp:
    """The ASGI application that takes registrations.

    :param terminals: who may register, and by what they prove who they are; the ids are those of
        clients.
    """

    def __init__(
        self,
        registrar: ServiceRegistrar,
        terminals: Initiators,
        settings: ServiceRegistrationHttpSettings,
        clock: Callable[[], Instant],
    ) -> None:
        self._registrar = registrar
        self._identification = HttpIdentification(terminals, clock)
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        place = self._place(scope["path"])
        if place is None:
            await _refuse(Refusal(404, "no push service here"), scope, send)
            return
        asker = _refused_by_head(scope, place) or await self._asker(scope)
        if isinstance(asker, Refusal):
            await _refuse(asker, scope, send)
            return
        body = await read_body(receive, MAX_BODY, self._settings.read_timeout_ms)
        if body is None:
            return  # nobody to answer
        answer = body if isinstance(body, Refusal) else await self._answer(scope, place, asker)
        if isinstance(answer, Refusal):
            await _refuse(answer, scope, send)
        elif answer is None:
            await respond_without_content(send, 204)
        else:
            await _tell(send, place, answer)

    def _place(self, path: str) -> _Place | None:
        if path in self._settings.paths:
            return _Place(path, None)
        before, _, registration_id = path.rpartition("/")
        if before in self._settings.paths and _ID.fullmatch(registration_id):
            return _Place(before, registration_id)
        return None

    async def _asker(self, scope: Scope) -> Asker | Refusal:
        identified = await self._identification.identify(scope)
        if not isinstance(identified, Identified):
            return identified
        client_id = identified.initiator_id if identified.authenticated else None
        return Asker(client_id, source_of(scope))

    async def _answer(
        self, scope: Scope, place: _Place, asker: Asker
    ) -> Registered | Refusal | None:
        """Do what is asked; ``None``: there is nothing to say."""
        try:
            return await self._done(scope, place, asker)
        except tuple(_STATUSES) as error:
            return _refusal(error)

    async def _done(self, scope: Scope, place: _Place, asker: Asker) -> Registered | None:
        headers = _text_headers(scope)
        if place.registration_id is None:
            return await self._registrar.register(asker, headers)
        if scope["method"] == "POST":
            return await self._registrar.refresh(place.registration_id, asker, headers)
        await self._registrar.end(place.registration_id, asker)
        return None


def _refusal(error: OmapushError) -> Refusal:
    status = next(status for kind, status in _STATUSES.items() if isinstance(error, kind))
    if isinstance(error, UnknownRegistrationError) and error.is_gone:
        return Refusal(410, error.reason)
    if isinstance(error, StoreUnavailable):
        # What its database said is for the operator, who has it from the store's own log.
        return Refusal(status, "the ledger is away", retry_after(AWAY_WAIT_MS))
    more = retry_after(FULL_WAIT_MS) if isinstance(error, FullError) else ()
    return Refusal(status, str(error), more)


def _refused_by_head(scope: Scope, place: _Place) -> Refusal | None:
    """Refuse what nobody needs to be known for."""
    allowed = ("POST",) if place.registration_id is None else ("POST", "DELETE")
    if scope["method"] not in allowed:
        return Refusal(405, "not a method of this", ((b"allow", ", ".join(allowed).encode()),))
    given = [name for name, _ in scope["headers"] if name in _ONCE]
    if len(set(given)) < len(given):
        return Refusal(400, "a header is given twice")
    headers = dict(scope["headers"])
    if int(headers.get(b"content-length") or 0) > MAX_BODY:
        return too_large(MAX_BODY)
    if scope["method"] == "POST" and not _takes_answer(scope):
        return Refusal(406, f"the answer is {wire.MEDIA_TYPE}")
    return None


def _takes_answer(scope: Scope) -> bool:
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept")
    ranges = tuple(one.strip() for one in accepted.decode("latin-1").split(",") if one.strip())
    return not ranges or accepts_type(ranges, wire.MEDIA_TYPE)


def _text_headers(scope: Scope) -> Sequence[Header]:
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
    )


async def _tell(send: Send, place: _Place, registered: Registered) -> None:
    location = f"{place.path}/{registered.registration_id}".encode()
    headers: RawHeaders = ((b"location", location), (b"cache-control", b"no-store"))
    if registered.document is None:
        await respond_without_content(send, 204, headers)
        return
    status = 201 if place.registration_id is None else 200
    await respond(send, status, _CONTENT_TYPE, registered.document, headers)


async def _refuse(refusal: Refusal, scope: Scope, send: Send) -> None:
    log.info(
        "service_registration_refused",
        status=refusal.status,
        reason=refusal.reason,
        source=source_of(scope),
    )
    await refuse(send, refusal)
