"""The client's own application, from its settings."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

from omapush.client.agent import PushClient
from omapush.client.built_in.application import APPLICATION, BuiltInApplication
from omapush.client.built_in.cache import MemoryCache
from omapush.client.built_in.inbox_store import InboxStore
from omapush.client.built_in.indications import Indications
from omapush.client.built_in.services import Followed, LoadingPolicy, Services
from omapush.client.service_point.content_routes import ClientContent
from omapush.core.instants import Instant
from omapush.daemon.settings import ClientSettings


@contextlib.asynccontextmanager
async def built_in_application(
    settings: ClientSettings, clock: Callable[[], Instant], agent: PushClient
) -> AsyncIterator[ClientContent]:
    """Let ``agent`` take what the settings let it take itself; yield where that goes.

    Provisioning documents are not taken: nothing in the daemon could be configured by one.

    :raises InboxStoreError: the file of the inbox cannot be used.
    """
    if not settings.built_in.enabled:
        yield ClientContent()
        return
    async with opened_inbox(settings, clock) as indications:
        content = ClientContent(indications, _services(settings), _cache(settings))
        application = BuiltInApplication(
            indications=content.indications,
            services=content.services,
            cache=content.cache,
            cached_types=settings.built_in.cached_types,
            trust_everyone=settings.built_in.trust_everyone,
        )
        agent.take_itself(APPLICATION, application.accept, application.take)
        yield content


@contextlib.asynccontextmanager
async def opened_inbox(
    settings: ClientSettings, clock: Callable[[], Instant]
) -> AsyncIterator[Indications]:
    """Open the inbox's file, which then belongs to this process alone.

    :raises InboxStoreError: it cannot be used; a client that runs has it, for example.
    """
    store = InboxStore(settings.inbox.path, capacity=settings.inbox.capacity)
    try:
        await store.open()
        indications = Indications(store, clock)
        await indications.load()
        yield indications
    finally:
        await store.close()


def _services(settings: ClientSettings) -> Services | None:
    table = settings.built_in
    if table.service_loading is Followed.NOBODY:
        return None
    policy = LoadingPolicy(table.service_loading, tuple(table.loading_hosts))
    return Services(policy, has_cache=table.cache_octets > 0)


def _cache(settings: ClientSettings) -> MemoryCache | None:
    octets = settings.built_in.cache_octets
    return MemoryCache(max_octets=octets) if octets else None
