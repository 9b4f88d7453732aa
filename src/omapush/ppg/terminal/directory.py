"""What the ledger hears of terminals that come and go: in batches, behind the connections.

Which gateway process holds a client's connection stands in the ledger, so that the client's pushes
go to that process, whoever accepted them ("The ledger", rule 5). It is a lease: what a process that
has died wrote ends by itself. Where the ledger is one process's own, nobody needs to be told.

A terminal that has come is used at once; the ledger learns of it a little later, together with all
that came at about the same time. Then what waited for these clients becomes due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import structlog

from omapush.core.instants import SECOND_MS, Instant, later
from omapush.ppg.store.contract import (
    Attachment,
    RegistrationRecord,
    Store,
    StoreUnavailable,
)

log = structlog.get_logger(__name__)

KIND = "OTA-HTTP"
AT_ONCE = 500
"""Rows of one commit."""
GROWING = 16
"""Terminals that come in one pause, so that more are waited for: then hundreds share a commit."""
MAX_PAUSES = 10


@dataclass(frozen=True, slots=True)
class DirectorySettings:
    """How the ledger is told.

    :ivar lease_ms: an attachment that nobody renews ends after so long.
    :ivar gather_ms: so long is gathered before the ledger is told, for one commit.
    :ivar retry_ms: after so long it is tried again when the ledger was away.
    """

    lease_ms: int = 30 * SECOND_MS
    gather_ms: int = 20
    retry_ms: int = SECOND_MS


class Directory:
    """Tells the ledger which clients are connected here. Runs until it is cancelled.

    :param node: this process, as in the owner of a claim.
    :param hastened: brings back what waits for a client that has come.
    """

    def __init__(
        self,
        store: Store,
        node: str,
        hastened: Callable[[str], None],
        clock: Callable[[], Instant],
        settings: DirectorySettings | None = None,
    ) -> None:
        self._store = store
        self._node = node
        self._hasten = hastened
        self._clock = clock
        self._settings = settings or DirectorySettings()
        self._is_shared = store.is_shared
        self._held: dict[str, Attachment] = {}
        # By client: the latest of what it told, so that news that come meanwhile are not lost.
        self._arrived: dict[str, RegistrationRecord] = {}
        self._departed: dict[str, Attachment] = {}
        self._registrations: dict[tuple[str, str], RegistrationRecord] = {}
        self._renewed_at = clock()
        self._wake = asyncio.Event()

    def arrived(self, registration: RegistrationRecord, *, connected: bool) -> None:
        """Take note that a client has registered.

        :param connected: on a new connection, which stands before those that other processes hold.
        """
        client_id, now = registration.client_id, self._clock()
        self._registrations[client_id, registration.bearer] = registration
        self._arrived[client_id] = registration
        if self._is_shared and (connected or client_id not in self._held):
            self._departed.pop(client_id, None)
            self._held[client_id] = Attachment(
                client_id, KIND, self._node, now, now, registration.address
            )
        self._wake.set()

    def departed(self, client_id: str) -> None:
        """Take note that a client has no connection here any more."""
        self._arrived.pop(client_id, None)
        held = self._held.pop(client_id, None)
        if held is not None:
            self._departed[client_id] = held
            self._wake.set()

    async def run(self) -> None:
        """Tell the ledger, and renew what it was told."""
        while True:
            await self._sleep()
            try:
                await self._tell()
                await self._renew()
            except StoreUnavailable as error:
                # What was not told stays noted; connections are used all the same.
                log.warning("ledger_unavailable", reason=error.reason)
                self._wake.set()
                await asyncio.sleep(self._settings.retry_ms / SECOND_MS)

    async def close(self) -> None:
        """Give up what is held: others may have these clients' pushes at once."""
        self._departed.update(self._held)
        self._held.clear()
        try:
            await self._detach()
        except StoreUnavailable as error:
            log.warning("ledger_unavailable", reason=error.reason)  # the leases end by themselves

    async def _sleep(self) -> None:
        if not self._wake.is_set():
            try:
                async with asyncio.timeout(self._settings.lease_ms / 3 / SECOND_MS):
                    await self._wake.wait()
            except TimeoutError:
                return
        for _ in range(MAX_PAUSES):
            before = len(self._arrived)
            await asyncio.sleep(self._settings.gather_ms / SECOND_MS)
            if not before + GROWING <= len(self._arrived) < AT_ONCE:
                break
        self._wake.clear()

    async def _tell(self) -> None:
        """Tell what was gathered; of what comes meanwhile whole batches only, the rest later."""
        await self._detach()
        # Not until nobody is left: where some come all the time, others must be renewed.
        for _ in range(-(-max(len(self._arrived), len(self._registrations)) // AT_ONCE)):
            arrived = dict(islice(self._arrived.items(), AT_ONCE))
            for refused in await self._attach(arrived):
                await self._after_clocks_that_are_ahead(refused)
            await self._remember()
            for client_id, registration in arrived.items():
                if self._arrived.get(client_id) is registration:
                    del self._arrived[client_id]
                self._hasten(client_id)
            if max(len(self._arrived), len(self._registrations)) < AT_ONCE:
                return

    async def _remember(self) -> None:
        keys = list(islice(self._registrations, AT_ONCE))
        told = {key: self._registrations[key] for key in keys}
        await self._store.remember_registrations(list(told.values()))
        for key, registration in told.items():
            if self._registrations.get(key) is registration:
                del self._registrations[key]

    async def _attach(self, clients: Collection[str]) -> list[Attachment]:
        """Write, or renew, who is held here; return where a newer connection stands elsewhere."""
        held = [self._held[client_id] for client_id in clients if client_id in self._held]
        if not held:
            return []
        attached = await self._write(held)
        return [each for each, taken in zip(held, attached, strict=True) if not taken]

    async def _write(self, held: Collection[Attachment]) -> list[bool]:
        now = self._clock()
        until = later(now, self._settings.lease_ms)
        return await self._store.attach([replace(each, until=until) for each in held], now)

    async def _after_clocks_that_are_ahead(self, refused: Attachment) -> None:
        """Let a connection that has just come stand before one that came to be in the future."""
        now = self._clock()
        for standing in await self._store.attachments(refused.client_id, now):
            if standing.kind != KIND or standing.epoch <= now:
                continue
            if self._held.get(refused.client_id) is not refused:
                continue  # it has gone, or come anew
            log.warning("clock_is_ahead", node=standing.node, milliseconds=standing.epoch - now)
            after = replace(refused, epoch=standing.epoch + 1)
            self._held[refused.client_id] = after
            await self._write([after])

    async def _detach(self) -> None:
        for batch in _batches(list(self._departed), AT_ONCE):
            gone = [self._departed[client_id] for client_id in batch]
            await self._store.detach(gone)
            for each in gone:
                if self._departed.get(each.client_id) is each:
                    del self._departed[each.client_id]

    async def _renew(self) -> None:
        now = self._clock()
        if now - self._renewed_at < self._settings.lease_ms // 3:
            return
        self._renewed_at = now
        for batch in _batches(list(self._held), AT_ONCE):
            await self._attach(batch)


def _batches(items: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
