"""Takes short messages over from a modem and brings the pushes in them to their applications.

A message is on disk before the modem is told that it may forget it. A push whose application is
away or busy now is offered again: after growing waits, at once when an application registers, and
for :attr:`IntakeLimits.hold_ms` at most. What nobody will ever take (not a push, a source that is
not trusted, a type that the application does not take) is dropped with its reason in the log; the
network has no use for an answer.

On failure: when the disk does not take a message, the modem is told to refuse it, and a push that
is whole is offered all the same. What cannot be removed from the disk comes again after a restart,
where the client recognises it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from omapush.client.short_messages.messages import (
    BEARER,
    Arrived,
    Held,
    ShortMessages,
    Stranger,
    failure_cause,
)
from omapush.client.short_messages.store import ShortMessageStore, ShortMessageStoreError
from omapush.core.errors import DecodeError
from omapush.core.instants import DAY_MS, MINUTE_MS, SECOND_MS, Instant, later
from omapush.ota.interface import (
    ClientRequest,
    PoPushAbortReq,
    PoUnitPushInd,
    PushStatus,
)
from omapush.ota.modem import (
    FailureCause,
    NotOurs,
    ReceivedMessage,
    ReceivedPayload,
    ReceivedTpdu,
    Refused,
    Taken,
    Verdict,
)

log = structlog.get_logger(__name__)

_FOR_NOW = (PushStatus.USERREQ, PushStatus.USERDCR, PushStatus.USERPND)
"""Refusals that another try may overcome: no answer, no room, no application there."""

Offer = Callable[[PoUnitPushInd], Awaitable[ClientRequest]]
"""Offers a push to the client and returns what became of it."""


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """How many pushes wait for their applications, and how long.

    :ivar hold_ms: how long a push is offered again.
    :ivar first_wait_ms: until it is offered again; doubles up to ``longest_wait_ms``.
    :ivar waiting: pushes in whole; beyond it messages are refused.
    :ivar of_originator: pushes of one originator; beyond it that one's oldest is dropped.
    """

    hold_ms: int = DAY_MS
    first_wait_ms: int = 10 * SECOND_MS
    longest_wait_ms: int = 2 * MINUTE_MS
    waiting: int = 256
    of_originator: int = 32


@dataclass(slots=True)
class _Waiting:
    """A push that is not dealt with."""

    push: PoUnitPushInd
    datagram: Arrived
    arrived: Instant
    task: asyncio.Task[None] | None = None


class ShortMessageIntake:
    """The way of short messages into one client. Call :meth:`start` first, :meth:`close` last."""

    def __init__(
        self,
        messages: ShortMessages,
        store: ShortMessageStore,
        offer: Offer,
        clock: Callable[[], Instant],
        limits: IntakeLimits | None = None,
    ) -> None:
        self._messages = messages
        self._store = store
        self._offer = offer
        self._clock = clock
        self._limits = limits or IntakeLimits()
        self._waiting: dict[str, _Waiting] = {}
        self._taking = asyncio.Lock()
        self._again = asyncio.Event()

    async def start(self) -> None:
        """Open the store and go on with what waits in it. :raises ShortMessageStoreError: so."""
        await self._store.open()
        for kept in await self._store.datagrams():
            try:
                push = kept.datagram.indication()
            except DecodeError as error:  # another version took it for a push
                log.warning("short_message_lost", why=str(error))
                await self._store.forget_datagram(kept.datagram.key)
            else:
                self._put(_Waiting(push, kept.datagram, kept.arrived))
        now = self._clock()
        for segment in await self._store.segments():
            try:
                self._messages.receive(segment.message, min(segment.arrived, now))
            except DecodeError as error:
                log.warning("short_message_lost", why=str(error))
        await self.give_up_old()

    async def close(self) -> None:
        """Leave off; what waits is on disk."""
        tasks = [one.task for one in self._waiting.values() if one.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._store.close()

    async def take(self, message: ReceivedMessage) -> Verdict:
        """Take a message over (``ota.modem.OnMessage``)."""
        async with self._taking:
            try:
                return await self._take(message, self._clock())
            except DecodeError as error:
                cause = failure_cause(error)
                log.warning(
                    "short_message_refused",
                    layer=error.layer,
                    position=error.position,
                    why=error.reason,
                    cause=f"{cause:02X}",
                )
                return Refused(cause, error.reason)
            except ShortMessageStoreError as error:
                log.error("short_message_not_kept", why=str(error))
                return Refused(FailureCause.ERROR_IN_MS, "the client cannot keep it")

    async def give_up_old(self) -> None:
        """Forget datagrams of which segments are missing for too long."""
        given_up = self._messages.handle_timer(self._clock())
        for _, one in given_up:
            log.info(
                "datagram_given_up",
                source=one.source_address,
                segments=f"{one.received} of {one.concatenation.count}",
                why=one.reason.value,
            )
        if given_up:
            await self._store.forget_segments([group for group, _ in given_up])

    async def run(self) -> None:
        """Give up old datagrams in time; until cancelled."""
        while True:
            due = self._messages.next_timer()
            wait_ms = MINUTE_MS if due is None else min(max(due - self._clock(), 0), MINUTE_MS)
            await asyncio.sleep(max(wait_ms, SECOND_MS) / 1000)
            async with self._taking:
                try:
                    await self.give_up_old()
                except ShortMessageStoreError as error:
                    log.error("datagrams_not_forgotten", why=str(error))

    def try_again(self) -> None:
        """Offer every push that waits now: an application has come."""
        self._again.set()
        self._again = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many pushes wait for their applications."""
        return len(self._waiting)

    async def _take(self, message: ReceivedMessage, now: Instant) -> Verdict:
        if len(self._waiting) >= self._limits.waiting:
            # Before anything is read: the last segment of a datagram must not be used up.
            return Refused(FailureCause.MEMORY_CAPACITY_EXCEEDED, "too many pushes wait")
        try:
            reading = self._messages.receive(message, now)
        finally:
            await self.give_up_old()
        match reading:
            case Held():
                # The modem's own memory reassembles what comes as a payload.
                if isinstance(message, ReceivedTpdu):
                    await self._store.keep_segment(reading, message, now)
            case Arrived():
                return await self._arrived(reading, message, now)
            case Stranger(reason=reason):
                log.info("short_message_is_no_push", why=reason)
                return NotOurs(reason)
        return Taken()

    async def _arrived(self, datagram: Arrived, message: ReceivedMessage, now: Instant) -> Verdict:
        if datagram.key in self._waiting:
            return Taken()
        try:
            push = datagram.indication()
        except DecodeError as error:
            if isinstance(message, ReceivedPayload):
                # Nothing says that it is for us: other 8 bit data look the same.
                return NotOurs(f"its data are no push: {error}")
            source = datagram.originator.address
            log.warning("push_malformed", source=source, bearer=BEARER, why=str(error))
            if datagram.group is not None:
                await self._store.forget_segments([datagram.group])
            # The short messages are sound, and would be no better a second time.
            return Taken()
        await self._make_room(datagram.originator.key)
        try:
            await self._store.keep_datagram(datagram, now)
        finally:
            # Even if the disk does not take it: the segments before it will not come again.
            self._put(_Waiting(push, datagram, now))
        return Taken()

    async def _make_room(self, originator: str) -> None:
        """Drop the oldest push of an originator of which enough wait."""
        own = [one for one in self._waiting.values() if one.datagram.originator.key == originator]
        if len(own) >= self._limits.of_originator:
            await self._end(own[0], "its originator sent too many that nobody takes")

    def _put(self, one: _Waiting) -> None:
        self._waiting[one.datagram.key] = one
        one.task = asyncio.create_task(self._deliver(one))

    async def _deliver(self, one: _Waiting) -> None:
        """Offer a push until it is dealt with."""
        source = one.datagram.originator.address
        log.debug("push_arrived", source=source, bearer=BEARER, octets=len(one.datagram.octets))
        wait_ms = self._limits.first_wait_ms
        while True:
            again = self._again
            outcome = await self._offer(one.push)
            if not isinstance(outcome, PoPushAbortReq):
                return await self._end(one, None)
            left_ms = later(one.arrived, self._limits.hold_ms) - self._clock()
            if outcome.status not in _FOR_NOW or left_ms <= 0:
                return await self._end(one, outcome.reason)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(wait_ms, left_ms) / 1000):
                    await again.wait()
            wait_ms = min(wait_ms * 2, self._limits.longest_wait_ms)

    async def _end(self, one: _Waiting, dropped: str | None) -> None:
        """Forget a push, which was taken or is dropped for a reason."""
        self._waiting.pop(one.datagram.key, None)
        if dropped is not None:
            source = one.datagram.originator.address
            log.info("push_dropped", source=source, bearer=BEARER, why=dropped)
        if one.task is not None and one.task is not asyncio.current_task():
            one.task.cancel()
        try:
            await self._store.forget_datagram(one.datagram.key)
        except ShortMessageStoreError as error:
            log.error("push_not_forgotten", why=str(error))
