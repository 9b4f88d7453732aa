"""Bindings that a push service arranges: the client registers there and binds what it answers.

Used for registrations that name a Push Service Registration URI (CAI-29), and for those that name
neither that nor a profile, where the settings have an address (CAI-30)::

    begin ──► service_registration_hold ──► service_registration ──► (the push service)
                       │
                       └── registered_profiles ──► the binders of the variants

It has the port of a binder towards the agent, but for one registration it may tell of several
bindings: one for each profile that the service has answered with. What it wants to be kept names
the registration at the service; :meth:`ServiceRegistrationBinder.withdraw` ends it by that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from omapush.cai.model import (
    Binding,
    BindingState,
    ConnectionProfile,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
)
from omapush.client.applications import announced
from omapush.client.binding.binder import (
    SHARED,
    BearerOffer,
    Binder,
    BindingFailed,
    BindingHold,
    BindingListener,
)
from omapush.client.service_registration.hold import (
    BEARER,
    PROTOCOL,
    Pause,
    ServiceRegistrationHold,
    Timing,
)
from omapush.client.service_registration.kept import Kept, read_kept
from omapush.client.service_registration.procedure import (
    Registered,
    ServiceRegistrationClient,
    ServiceRegistrationFailed,
)
from omapush.client.service_registration.registered_profiles import Way, provisioned_ways, ways_for
from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError
from omapush.core.instants import SECOND_MS, Instant
from omapush.ota.interface import ClientCapabilities
from omapush.ota.service_registration import ServiceRegistrationRequest
from omapush.web.policy import TargetForbiddenError

SCOPE = "service registration"
MAX_LEFT_OVER = 64
"""Requests at a time that come to their end though their registrations have ended."""
CLOSING_MS = 5 * SECOND_MS
"""How long they may take when the client stops."""

_PARAMETER = "registration_uri"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServiceRegistrationSettings:
    """What the client says of itself, and where it asks by default.

    :ivar uri: the pre-configured push service (CAI-30); ``None``: there is none.
    :ivar terminal_id: ``None``: it is told to nobody.
    :ivar capabilities: sizes, counts and codings; the rest is that of the registration.
    """

    uri: str | None
    terminal_id: str | None
    capabilities: ClientCapabilities


async def _sleep(milliseconds: int) -> None:
    await asyncio.sleep(milliseconds / SECOND_MS)


class ServiceRegistrationBinder:
    """Implements ``client.binding.binder.Binder`` for registrations without a profile of their own.

    :param binders: the variants' own, best first.
    :param pause: waits so many milliseconds.
    """

    def __init__(
        self,
        client: ServiceRegistrationClient,
        binders: Sequence[Binder],
        settings: ServiceRegistrationSettings,
        clock: Callable[[], Instant],
        pause: Pause = _sleep,
    ) -> None:
        self._client = client
        self._binders = tuple(binders)
        self._settings = settings
        self._timing = Timing(clock, pause)
        self._left_over: set[asyncio.Task[None]] = set()

    @property
    def protocol(self) -> str:
        """What it is called; not a variant that a profile could ask for."""
        return PROTOCOL

    def offers(self) -> tuple[BearerOffer, ...]:
        """Return HTTP, which is always there."""
        return (BearerOffer(BEARER, available=True),)

    def is_default(self) -> bool:
        """Whether registrations without a profile use it (CAI-30)."""
        return self._settings.uri is not None

    def scope(self, request: RegistrationRequest, profile: ConnectionProfile, where: str) -> str:
        """Return the scope of the push service that the registration names (CAI-24).

        :raises RegistrationRejected: its address is none, or policy forbids it.
        """
        if request.registration_uri is None:
            return SHARED
        try:
            parts = urlsplit(request.registration_uri)
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            is_address = False
        if not is_address:
            detail = f"{_PARAMETER} is no http or https URL"
            raise RegistrationRejected(Reason.INVALID_PARAMETER, detail, _PARAMETER)
        try:
            self._client.check(request.registration_uri)
        except TargetForbiddenError as error:
            raise RegistrationRejected(
                Reason.PERMISSION_DENIED, error.reason, _PARAMETER
            ) from error
        return f"{SCOPE} {request.registration_uri}"

    def begin(
        self,
        registration: Registration,
        profile: ConnectionProfile,
        listener: BindingListener,
        server_data: str,
    ) -> BindingHold:
        """Begin the procedure; ``server_data`` lets it go on where an earlier life left off."""
        request = registration.request
        uri = self._uri(request)
        if uri is None:
            detail = "no push service is set up"
            listener.changed(
                Binding(
                    PROTOCOL, BEARER, "", BindingState.FAILED, Reason.UNSUPPORTED_OPTION, detail
                )
            )
            return _Nothing()
        kept = read_kept(server_data)
        if kept is None or kept.uri != uri:
            kept = Kept(uri)
        scope = SHARED if request.registration_uri is None else f"{SCOPE} {uri}"
        return ServiceRegistrationHold(self, registration, kept, scope, listener, self._timing)

    def announce(self) -> None:
        """Do nothing: a push service is told what one registration takes, and not all in all."""

    async def withdraw(self, server_data: str) -> None:
        """End what was kept: the bindings of the profiles, then the registration (CAI-49).

        :raises BindingFailed: not all of it; it may be called again.
        """
        kept = read_kept(server_data)
        if kept is None:
            return
        failure: BindingFailed | None = None
        by_protocol = {binder.protocol: binder for binder in self._binders}
        for one in kept.profiles:
            binder = by_protocol.get(one.protocol)
            try:
                if binder is not None:
                    await binder.withdraw(one.server_data)
            except BindingFailed as error:
                failure = error
        if kept.location is not None:
            await self._client.deregister(kept.location)
        if failure is not None:
            raise failure

    async def close(self) -> None:
        """Close connections to push services; holds are closed by whoever began them.

        What they left over is given a little time to end.
        """
        if self._left_over:
            await asyncio.wait(self._left_over, timeout=CLOSING_MS / SECOND_MS)
        left = tuple(self._left_over)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._client.close()

    # -- for service_registration_hold --

    async def register(self, url: str, request: ServiceRegistrationRequest) -> Registered:
        """Register or refresh. :raises ServiceRegistrationFailed: it did not succeed."""
        return await self._client.register(url, request)

    def request_for(self, registration: Registration) -> ServiceRegistrationRequest:
        """Return what a push service is asked for this registration, and for no other."""
        offered = [binder.protocol for binder in self._binders if binder.offers()]
        return ServiceRegistrationRequest(
            announced([registration], self._settings.capabilities),
            tuple(dict.fromkeys(offered)),
            self._settings.terminal_id,
        )

    def ways(self, registration: Registration, answer: Registered) -> list[Way]:
        """Return the ways that an answer gives. :raises ServiceRegistrationFailed: none."""
        refused: list[str] = []
        if answer.answer is None:
            ways = provisioned_ways(self._binders)
        else:
            self._check_application(registration, answer.answer.application_ids)
            ways, refused = ways_for(registration, answer.answer.profiles, self._binders)
        if ways:
            return ways
        if refused:
            detail = f"no profile of the push service can be used: {'; '.join(refused[:3])}"
            raise ServiceRegistrationFailed(Reason.UNSUPPORTED_OPTION, detail)
        detail = "the push service offers no connection profile"
        raise ServiceRegistrationFailed(Reason.NOT_OFFERED_BY_SERVER, detail)

    @staticmethod
    def _check_application(registration: Registration, served: Sequence[str]) -> None:
        if served and registration.push_application_id not in map(_canonical, served):
            detail = "the push service does not serve this push application id"
            raise ServiceRegistrationFailed(Reason.NOT_OFFERED_BY_SERVER, detail)

    def end_left_over(self, request: asyncio.Task[Registered], location: str | None) -> None:
        """End what a request that nobody waits for any more registers, unless at ``location``.

        :param location: is kept by the agent, who ends it if it is to end.
        """
        if len(self._left_over) >= MAX_LEFT_OVER:
            log.warning("service_registration_abandoned", reason="too many are being ended")
            request.cancel()
            return
        task = asyncio.create_task(self._end_left_over(request, location))
        self._left_over.add(task)
        task.add_done_callback(self._left_over.discard)

    async def _end_left_over(self, request: asyncio.Task[Registered], location: str | None) -> None:
        try:
            made = (await request).location
            if made is not None and made != location:
                await self._client.deregister(made)
        except ServiceRegistrationFailed as error:
            log.info("service_registration_left_over", reason=error.cause.value)
        except Exception:
            log.exception("service_registration_left_over_broke")

    def _uri(self, request: RegistrationRequest) -> str | None:
        if request.registration_uri is not None:
            return request.registration_uri
        return None if request.profiles else self._settings.uri


def _canonical(application_id: str) -> str:
    try:
        return ApplicationId.parse(application_id).canonical
    except DecodeError:
        return application_id


class _Nothing:
    """A binding that failed before it was begun."""

    def refresh(self, registration: Registration) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""
