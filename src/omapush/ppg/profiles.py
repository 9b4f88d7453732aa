"""UAProf documents that registrations name: fetched, remembered, merged into capabilities.

A terminal names its profile by URL and sends along how it differs (WAP-248, 9.1). What it says in
CPI headers counts first; the profile fills in the rest. If one of its documents cannot be had, the
headers count alone: a push is held up by the timeout at most, and never fails for it.

The terminal chooses the URL, so policy judges it like that of a result notification. A failure is
remembered too, for a short while, and is logged once for each attempt to fetch.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import structlog

from omapush.content.message import Header
from omapush.content.uaprof import PUSH_CHARACTERISTICS, Profile, merge, read_profile
from omapush.core.errors import OmapushError
from omapush.core.instants import DAY_MS, MINUTE_MS, Instant, later
from omapush.ota.interface import ClientCapabilities
from omapush.ppg.capabilities import (
    ProfileReferences,
    capabilities_of,
    profile_references,
    remembered_cpi,
    with_profile,
)
from omapush.ppg.service_registration.known import AT_PUSH_SERVICES
from omapush.ppg.store.contract import RegistrationRecord
from omapush.web.outbound import OutboundClient, OutboundError, OutboundLimits, OutboundRequest
from omapush.web.policy import OutboundPolicy

log = structlog.get_logger(__name__)

REDIRECTIONS = 3
"""Followed for one document, to other hosts as well; each is judged."""
LOOK_UPS = 2
"""Names resolved at a time: terminals choose them, and the gateway needs the threads elsewhere."""
MAX_UNDER_WAY = 256
"""Documents that are being fetched or wait for it; with more, headers count alone."""
_HEADERS = {"Accept": "text/xml, application/xml, application/rdf+xml, */*;q=0.1"}


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """How profiles are fetched.

    :ivar timeout_ms: patience for all documents of one client.
    :ivar max_octets: of one document; a larger one counts as not to be had.
    :ivar entries: documents, and failures, that are remembered; the longest unused go first.
    :ivar life_ms: how long a document is remembered; ``failure_ms``: a failure.
    :ivar at_a_time: documents fetched at a time.
    """

    timeout_ms: int = 5_000
    max_octets: int = 65_536
    entries: int = 1_000
    life_ms: int = DAY_MS
    failure_ms: int = MINUTE_MS
    at_a_time: int = 8


class Profiles:
    """Completes capabilities by profiles. Belongs to one event loop."""

    def __init__(
        self, policy: OutboundPolicy, settings: ProfileSettings, clock: Callable[[], Instant]
    ) -> None:
        self._policy = policy
        self._settings = settings
        self._clock = clock
        limits = OutboundLimits(
            settings.timeout_ms, settings.max_octets, settings.at_a_time, LOOK_UPS
        )
        self._client = OutboundClient(policy, limits)
        self._places = asyncio.Semaphore(settings.at_a_time)
        self._remembered: OrderedDict[str | bytes, tuple[Instant, Profile | None]] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Profile | None]] = {}
        self._closed = False

    async def complete(
        self, capabilities: ClientCapabilities, headers: Sequence[Header]
    ) -> ClientCapabilities:
        """Return ``capabilities`` with what the client's profile adds to them, if it can be had.

        :param headers: the CPI headers from which ``capabilities`` was read.
        """
        references = profile_references(headers)
        if not references.uris and not references.differences:
            return capabilities
        documents = await self._documents(references)
        if documents is None:
            return capabilities
        return with_profile(capabilities, merge(Profile(), *documents), headers)

    async def close(self) -> None:
        """Give up what is being fetched, and close connections."""
        self._closed = True
        tasks = set(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()

    async def _documents(self, references: ProfileReferences) -> list[Profile] | None:
        """Return the profiles, then the differences; ``None`` if one of them cannot be had."""
        known: dict[str, Profile | None] = {}
        awaited: dict[str, asyncio.Task[Profile | None]] = {}
        for uri in references.uris:
            found = self._recall(uri)
            if found is not None:
                known[uri] = found[1]
                continue
            task = self._fetching(uri)
            if task is None:
                return None
            awaited[uri] = task
        if awaited:
            # Others may wait for the same document: a caller that gives up does not end it.
            await asyncio.wait(awaited.values(), timeout=self._settings.timeout_ms / 1000)
        for uri, task in awaited.items():
            known[uri] = task.result() if task.done() and not task.cancelled() else None
        documents = [known[uri] for uri in references.uris]
        documents += [self._difference(octets) for octets in references.differences]
        had = [document for document in documents if document is not None]
        return had if len(had) == len(documents) else None

    def _fetching(self, uri: str) -> asyncio.Task[Profile | None] | None:
        task = self._under_way.get(uri)
        if task is None and not self._closed:
            if len(self._under_way) >= MAX_UNDER_WAY:
                _report(uri, f"{MAX_UNDER_WAY} profiles are being fetched already")
                return None
            task = asyncio.create_task(self._fetch(uri))
            self._under_way[uri] = task
            task.add_done_callback(lambda _task: self._under_way.pop(uri))
        return task

    async def _fetch(self, uri: str) -> Profile | None:
        asked_at, profile = self._clock(), None
        try:
            # The wait for a place counts as well: whoever asked waits no longer.
            async with asyncio.timeout(self._settings.timeout_ms / 1000), self._places:
                profile = await self._fetched(uri)
        except TimeoutError:
            _report(uri, "no answer in time")
        except OmapushError as error:
            _report(uri, error.reason)
        except Exception:
            log.exception("profile_failed_unexpectedly", uri=uri[:200])
        self._remember(uri, profile, asked_at)
        return profile

    async def _fetched(self, uri: str) -> Profile:
        request = OutboundRequest(self._policy.parse(uri), headers=_HEADERS)
        answer = await self._client.call(request, redirections=REDIRECTIONS, elsewhere=True)
        if answer.status != 200:
            raise OutboundError(f"HTTP {answer.status}", written=True)
        if not answer.whole:
            raise OutboundError(f"more than {self._settings.max_octets} octets", written=True)
        return self._read(answer.body)

    def _difference(self, octets: bytes) -> Profile | None:
        found = self._recall(octets)
        if found is not None:
            return found[1]
        profile = None
        try:
            profile = self._read(octets)
        except OmapushError as error:
            _report("x-wap-profile-diff", error.reason)
        self._remember(octets, profile, self._clock())
        return profile

    def _read(self, octets: bytes) -> Profile:
        profile = read_profile(octets, max_octets=self._settings.max_octets)
        # The rest of a profile is large, and nobody here asks for it.
        return Profile({PUSH_CHARACTERISTICS: profile.component(PUSH_CHARACTERISTICS)})

    def _recall(self, key: str | bytes) -> tuple[Instant, Profile | None] | None:
        entry = self._remembered.get(key)
        if entry is None:
            return None
        if entry[0] <= self._clock():
            del self._remembered[key]
            return None
        self._remembered.move_to_end(key)
        return entry

    def _remember(self, key: str | bytes, profile: Profile | None, asked_at: Instant) -> None:
        settings = self._settings
        life_ms = settings.failure_ms if profile is None else settings.life_ms
        self._remembered[key] = (later(asked_at, life_ms), profile)
        self._remembered.move_to_end(key)
        while len(self._remembered) > settings.entries:
            self._remembered.popitem(last=False)


async def known_capabilities(
    registrations: Iterable[RegistrationRecord], profiles: Profiles | None
) -> ClientCapabilities | None:
    """Return what a client is known to take, profile included; ``None`` if nothing is on file.

    The newest registration that says something counts: an older one on another bearer may know
    more, but not better. What a client tells a push service is about some of its applications
    only, and counts where it has told nothing else.
    """
    for registration in sorted(registrations, key=lambda one: one.bearer == AT_PUSH_SERVICES):
        known = capabilities_of(registration)
        if known is not None:
            if profiles is None:
                return known
            return await profiles.complete(known, remembered_cpi(registration) or ())
    return None


def _report(what: str, reason: str) -> None:
    log.info("profile_unavailable", uri=what[:200], reason=reason)
