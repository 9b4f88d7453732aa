"""The client's own application for the content types that push defines (WAP-167, 168, 175, 184).

It takes the pushes for the WML user agent, the application of pushes that name none (WAP-235, 7.3),
while no application is registered for it. :meth:`BuiltInApplication.accept` says which types it
takes; a type that is switched off is neither announced nor taken, so that its initiator hears 238.

A push is accepted when what it asks for is done: an indication is in the inbox on disk, a service
waits, cached objects are invalid, content is cached. Content that is discarded because its
specification wants it discarded without a word counts as taken. What cannot be read is an
unsupported type (238), what policy forbids is refused (235), what there is no room for is busy
(237): the gateway tries that again.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from omapush.cai.model import Accept, Answer, PushEvent, Reject, RejectReason, Trust
from omapush.client.built_in.bootstrap import Bootstrap
from omapush.client.built_in.cache import (
    CachePort,
    apply,
    may_operate,
    origin_of_push,
    pushed_object,
)
from omapush.client.built_in.inbox import Outcome
from omapush.client.built_in.inbox_store import InboxStoreError
from omapush.client.built_in.indications import Indications
from omapush.client.built_in.services import Followed, Services
from omapush.client.trust.whitelist import type_matches
from omapush.content.application_id import DEFAULT_APPLICATION, REGISTRY
from omapush.content.indication import CacheOperation, ServiceIndication, ServiceLoading
from omapush.content.indication.document import PushDocument
from omapush.content.message import PushMessage
from omapush.content.provisioning.documents import BINARY_MEDIA_TYPE as PROVISIONING
from omapush.content.written_forms import content_type_parameters
from omapush.core.errors import DecodeError
from omapush.ota.interface import PushFlag

log = structlog.get_logger(__name__)

APPLICATION = REGISTRY[DEFAULT_APPLICATION]

_REFUSALS = {
    Outcome.MALFORMED: Reject(RejectReason.UNSUPPORTED_TYPE, "a deletion without si-id"),
    Outcome.TOO_LARGE: Reject(RejectReason.REFUSED, "the indication is too large"),
    Outcome.FULL: Reject(RejectReason.BUSY, "the inbox is full of more urgent indications"),
}

Take = Callable[[PushEvent], Awaitable[Answer | None]]
DocumentT = TypeVar("DocumentT", bound=PushDocument)


class BuiltInApplication:
    """What the client does with pushes for the WML user agent.

    :param indications: the inbox; ``None``: service indications are not taken.
    :param services: what waits to be loaded; not taken if its policy follows nobody.
    :param cache: ``None``: cache operations and content to be cached are not taken.
    :param cached_types: types and ranges of content that is pushed to be cached.
    :param trust_everyone: do not ask who may change the cache (WAP-175).
    :param bootstrap: what judges provisioning documents; ``None``: they are not taken.
    """

    def __init__(
        self,
        *,
        indications: Indications | None = None,
        services: Services | None = None,
        cache: CachePort | None = None,
        cached_types: Sequence[str] = (),
        trust_everyone: bool = False,
        bootstrap: Bootstrap | None = None,
    ) -> None:
        self._cache = cache
        self._cached_types = tuple(cached_types) if cache is not None else ()
        self._trust_everyone = trust_everyone
        takes: dict[type[PushDocument], Take] = {}
        if indications is not None:
            takes[ServiceIndication] = functools.partial(_indication, indications)
        if services is not None and services.policy.followed is not Followed.NOBODY:
            takes[ServiceLoading] = functools.partial(_loading, services)
        if cache is not None:
            takes[CacheOperation] = functools.partial(_operation, cache, trust_everyone)
        self._takes: dict[str, Take] = {
            form: take
            for kind, take in takes.items()
            for form in (kind.TEXT_TYPE, kind.BINARY_TYPE)
        }
        if bootstrap is not None:
            self._takes[PROVISIONING] = bootstrap.receive

    @property
    def accept(self) -> tuple[str, ...]:
        """The types that it takes."""
        return (*self._takes, *self._cached_types)

    async def take(self, event: PushEvent) -> Answer:
        """Take a push; return what its gateway is told. The client's handler for it."""
        message = message_of(event)
        if message.get("Content-Encoding") not in (None, "identity"):
            return Reject(RejectReason.UNSUPPORTED_TYPE, "the content is encoded")
        take = self._takes.get(message.media_type)
        if take is not None:
            try:
                return await take(event) or Accept()
            except DecodeError as error:
                return Reject(RejectReason.UNSUPPORTED_TYPE, str(error))
        if self._cache is not None and _is_one_of(message, self._cached_types):
            return self._keep(self._cache, message, flags_of(event.trust))
        return Reject(RejectReason.UNSUPPORTED_TYPE, f"{message.media_type[:60]} is not taken")

    def _keep(self, cache: CachePort, message: PushMessage, flags: PushFlag) -> Answer:
        """Cache pushed content, from whom operations on its address would be taken."""
        cached = pushed_object(message)
        if cached is None:
            return Reject(RejectReason.REFUSED, "no address to cache it under, or it must not be")
        origin = origin_of_push(message, flags)
        if not (self._trust_everyone or may_operate(cached.uri, origin)):
            return Reject(RejectReason.REFUSED, "the sender may not change the cache there")
        cache.keep(cached)
        return Accept()


async def _indication(indications: Indications, event: PushEvent) -> Answer:
    indication = _read(ServiceIndication, event)
    try:
        reception = await indications.receive(indication, event.source)
    except InboxStoreError as error:
        log.error("indication_not_kept", push_id=event.push_id, reason=str(error))
        return Reject(RejectReason.BUSY, "the indication cannot be kept")
    return _REFUSALS.get(reception.outcome, Accept())


async def _loading(services: Services, event: PushEvent) -> Answer:
    return services.receive(_read(ServiceLoading, event), event.trust)


async def _operation(
    cache: CachePort,
    trust_everyone: bool,  # noqa: FBT001 - bound once, where it has its name
    event: PushEvent,
) -> Answer:
    operation = _read(CacheOperation, event)
    origin = origin_of_push(message_of(event), flags_of(event.trust))
    gone = apply(operation, origin, cache, trust_everyone=trust_everyone)
    log.info("cache_operation", push_id=event.push_id, invalidated=len(gone))
    return Accept()


def _is_one_of(message: PushMessage, types: Sequence[str]) -> bool:
    return any(type_matches(one, message.media_type) for one in types)


def message_of(event: PushEvent) -> PushMessage:
    """Return the message that an event carries."""
    return PushMessage(event.headers, event.content)


def flags_of(trust: Trust) -> PushFlag:
    """Return what the gateway said of a push."""
    flags = PushFlag.INITIATOR_AUTHENTICATED if trust.authenticated else PushFlag.NONE
    return flags | (PushFlag.CONTENT_TRUSTED if trust.trusted else PushFlag.NONE)


def _read(kind: type[DocumentT], event: PushEvent) -> DocumentT:
    """Read a document in either form. :raises DecodeError: it is none."""
    parameters = dict(reversed(content_type_parameters(event.content_type)))
    charset = parameters.get("charset", "").strip('"') or None
    if message_of(event).media_type == kind.BINARY_TYPE:
        return kind.from_wbxml(event.content, charset=charset)
    return kind.from_xml(event.content, charset=charset)
