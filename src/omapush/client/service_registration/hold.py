"""One registration at a push service, over time: registered, refreshed, lost and found again.

The first attempt decides whether the application's registration succeeds; only a server that asks
for a little patience gets it. After that a server that is away is asked again with growing waits,
and nothing is lost before the registration has expired.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from omapush.cai.model import Binding, BindingState, Reason, Registration
from omapush.client.binding.binder import BindingListener
from omapush.client.service_registration.kept import Kept
from omapush.client.service_registration.procedure import Registered, ServiceRegistrationFailed
from omapush.client.service_registration.registered_profiles import RegisteredProfiles, Way
from omapush.core.instants import HOUR_MS, MINUTE_MS, SECOND_MS, Instant, later
from omapush.ota.service_registration import ServiceRegistrationRequest

log = structlog.get_logger(__name__)

PROTOCOL = "Push Service Registration"
BEARER = "HTTP"

REFRESH_PERCENT = 80
"""When a registration is refreshed, in percent of the time that it holds."""
MIN_REFRESH_MS = 10 * SECOND_MS
"""No server is asked more often than that, however short a time it grants."""
MAX_FIRST_WAIT_MS = 30 * SECOND_MS
"""A server that wants to be asked later than this has failed the first attempt."""
MAX_FIRST_ATTEMPTS = 3
FIRST_WAIT_MS = 5 * SECOND_MS
LONGEST_WAIT_MS = HOUR_MS

Pause = Callable[[int], Awaitable[None]]


class RegisteringBinder(Protocol):
    """What a hold needs of the binder that made it."""

    async def register(self, url: str, request: ServiceRegistrationRequest) -> Registered:
        """Register or refresh. :raises ServiceRegistrationFailed: it did not succeed."""

    def request_for(self, registration: Registration) -> ServiceRegistrationRequest:
        """Return what a push service is asked for this registration."""

    def ways(self, registration: Registration, answer: Registered) -> list[Way]:
        """Return the ways that an answer gives. :raises ServiceRegistrationFailed: none."""

    def end_left_over(self, request: asyncio.Task[Registered], location: str | None) -> None:
        """End what a request that nobody waits for any more registers, unless at ``location``."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The present, and how to wait for later."""

    clock: Callable[[], Instant]
    pause: Pause


class ServiceRegistrationHold:
    """Implements ``client.binding.binder.BindingHold``. Works in a task of its own until closed."""

    def __init__(
        self,
        binder: RegisteringBinder,
        registration: Registration,
        kept: Kept,
        scope: str,
        listener: BindingListener,
        timing: Timing,
    ) -> None:
        self._binder = binder
        self._registration = registration
        self._kept = kept
        self._listener = listener
        self._timing = timing
        self._profiles = RegisteredProfiles(scope, listener, self._keep_for)
        self._asked: ServiceRegistrationRequest | None = None
        self._woken = asyncio.Event()
        self._has_registered = kept.location is not None
        self._failures = 0
        self._task = asyncio.create_task(self._run())

    def refresh(self, registration: Registration) -> None:
        """The registration, or what the client takes in all, has changed: announce it."""
        self._registration = registration
        self._profiles.refresh(registration)
        if self._asked is not None and self._binder.request_for(registration) != self._asked:
            self._woken.set()

    async def close(self) -> None:
        """Leave off on this side; nothing is told any more, and the server is not told either.

        A request that is under way comes to its end, since the server may have had it: what it
        registers is known to nobody else, so the binder ends it.
        """
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._profiles.close()

    async def _run(self) -> None:
        try:
            while True:
                try:
                    await self._register()
                except ServiceRegistrationFailed as error:
                    if not await self._survives(error):
                        return
                else:
                    self._failures = 0
                    if self._profiles.all_failed:
                        return
                    await self._wait_for_refresh()
        except Exception:
            # A fault of ours: the application is to hear of it, not to wait for ever.
            log.exception("service_registration_broke", registration=self._id)
            await self._fail(Reason.INTERNAL_ERROR, "a fault of the client")

    @property
    def _id(self) -> str:
        return self._registration.registration_id

    async def _register(self) -> None:
        registration = self._registration
        self._asked = self._binder.request_for(registration)
        self._woken.clear()
        answer = await self._ask(self._asked)
        expires_ms = None
        if answer.answer is not None and answer.answer.expires_seconds is not None:
            expires_ms = answer.answer.expires_seconds * SECOND_MS
        self._kept = replace(
            self._kept,
            location=answer.location or self._kept.location,
            expires=None if expires_ms is None else later(self._timing.clock(), expires_ms),
        )
        self._has_registered = True
        # First of all, so that it can be ended whatever becomes of its profiles.
        self._listener.keep(self._kept.write())
        log.info("service_registration_done", registration=self._id, expires_ms=expires_ms)
        ways = self._binder.ways(registration, answer)
        await self._profiles.become(registration, ways, lambda way: self._kept.of_profile(*way.key))

    async def _ask(self, request: ServiceRegistrationRequest) -> Registered:
        if self._kept.location is not None:
            try:
                return await self._call(self._kept.location, request)
            except ServiceRegistrationFailed as error:
                if not error.is_gone:
                    raise
            # The server has forgotten the registration: begin anew.
            self._kept = replace(self._kept, location=None)
        return await self._call(self._kept.uri, request)

    async def _call(self, url: str, request: ServiceRegistrationRequest) -> Registered:
        call = asyncio.create_task(self._binder.register(url, request))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            self._binder.end_left_over(call, self._kept.location)
            raise

    async def _survives(self, error: ServiceRegistrationFailed) -> bool:
        """Wait until it is time to try again; false: there will be no other attempt."""
        self._failures += 1
        wait_ms = self._wait_after(error)
        log.warning(
            "service_registration_failed",
            registration=self._id,
            reason=error.cause.value,
            detail=error.detail,
            again_in_ms=wait_ms,
        )
        if wait_ms is None:
            await self._fail(error.cause, error.detail)
            return False
        until = later(self._timing.clock(), wait_ms)
        expires = self._kept.expires
        if expires is not None and expires <= until:
            await self._wait_until(expires)
            if self._timing.clock() >= expires:
                await self._profiles.lose(error.cause, error.detail)
                self._kept = replace(self._kept, expires=None)
        await self._wait_until(until)
        return True

    def _wait_after(self, error: ServiceRegistrationFailed) -> int | None:
        if not error.cause.retryable:
            return None
        if self._has_registered:
            doubled = FIRST_WAIT_MS << min(self._failures - 1, 20)
            return min(max(doubled, error.retry_after_ms or 0), LONGEST_WAIT_MS)
        asked_for = error.retry_after_ms
        if asked_for is None or asked_for > MAX_FIRST_WAIT_MS:
            return None
        return max(asked_for, SECOND_MS) if self._failures < MAX_FIRST_ATTEMPTS else None

    async def _fail(self, cause: Reason, detail: str) -> None:
        if not await self._profiles.fail(cause, detail):
            self._listener.changed(
                Binding(PROTOCOL, BEARER, self._kept.uri, BindingState.FAILED, cause, detail)
            )

    async def _wait_for_refresh(self) -> None:
        now, expires = self._timing.clock(), self._kept.expires
        if expires is None:
            await self._woken.wait()
            return
        wait_ms = max((expires - now) * REFRESH_PERCENT // 100, MIN_REFRESH_MS)
        await self._wait_until(later(now, wait_ms))

    async def _wait_until(self, instant: Instant) -> None:
        """Wait until then, or until there is something new to announce.

        In steps, so that time in which the device slept counts.
        """
        while not self._woken.is_set():
            left_ms = instant - self._timing.clock()
            if left_ms <= 0:
                return
            await self._pause_unless_woken(min(left_ms, MINUTE_MS))

    async def _pause_unless_woken(self, milliseconds: int) -> None:
        waits = (
            asyncio.ensure_future(self._timing.pause(milliseconds)),
            asyncio.ensure_future(self._woken.wait()),
        )
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*waits, return_exceptions=True)

    def _keep_for(self, way: Way, server_data: str) -> None:
        self._kept = self._kept.with_profile(*way.key, server_data)
        self._listener.keep(self._kept.write())
