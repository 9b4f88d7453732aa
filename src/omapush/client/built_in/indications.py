"""The user's service indications: an inbox (``inbox``) that is on disk before anybody hears of it.

:class:`Indications` runs one change after another. Each is saved first; when it cannot be, nothing
has changed and whoever asked gets the
:class:`~omapush.client.built_in.inbox_store.InboxStoreError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from omapush.client.built_in import inbox as inboxes
from omapush.client.built_in.inbox import Entry, Inbox, Reception
from omapush.client.built_in.inbox_store import InboxStorage, InboxStoreError
from omapush.content.indication import ServiceIndication
from omapush.core.instants import Instant, format_utc

log = structlog.get_logger(__name__)


class Indications:
    """The inbox of a running client, or of the command line when no client runs.

    :param storage: open, and nobody else's.
    """

    def __init__(self, storage: InboxStorage, clock: Callable[[], Instant]) -> None:
        self._storage = storage
        self._clock = clock
        self._inbox = Inbox()
        self._changing = asyncio.Lock()
        self._arrived = asyncio.Condition()

    async def load(self) -> None:
        """Read what was saved; call it first. :raises InboxStoreError: it cannot be read."""
        self._inbox = await self._storage.load()

    async def receive(self, indication: ServiceIndication, source: str = "") -> Reception:
        """Take an indication that was pushed; on disk when this returns (WAP-167).

        :param source: the address that it came from.
        :raises InboxStoreError: it cannot be kept; the inbox is as before.
        """
        async with self._changing:
            now = self._clock()
            kept, _ = inboxes.expire(self._inbox, now)
            reception = inboxes.receive(kept, indication, now, source)
            await self._save(reception.inbox)
        log.info(
            "indication_received",
            outcome=reception.outcome.value,
            action=indication.action.value,
            number=reception.entry.number if reception.entry is not None else None,
            removed=[entry.number for entry in reception.removed],
            source=source,
        )
        if reception.entry is not None:
            async with self._arrived:
                self._arrived.notify_all()
        return reception

    async def listed(self) -> tuple[Entry, ...]:
        """Return what waits in the order of presentation, then what was shown or is silent.

        What is over is dropped before; if that cannot be saved, it is left out all the same.
        """
        async with self._changing:
            kept, over = inboxes.expire(self._inbox, self._clock())
            if over:
                try:
                    await self._save(kept)
                except InboxStoreError as error:
                    log.error("expiry_not_kept", reason=str(error))
        return (*inboxes.to_present(kept), *inboxes.postponed(kept))

    async def arrived_after(self, number: int, wait_ms: int) -> tuple[Entry, ...]:
        """Return what is listed as soon as something newer than ``number`` is, or after the wait.

        :param number: of the newest entry that the caller knows, 0 for none.
        """

        def is_there() -> bool:
            return any(entry.number > number for entry in self._inbox.entries)

        try:
            async with asyncio.timeout(wait_ms / 1000), self._arrived:
                await self._arrived.wait_for(is_there)
        except TimeoutError:
            pass  # then what is there now is the answer
        return await self.listed()

    async def find(self, number: int) -> Entry | None:
        """Return the entry of that number, ``None`` if there is none any more."""
        return next((entry for entry in await self.listed() if entry.number == number), None)

    async def mark_shown(self, number: int) -> Entry | None:
        """Note that the user has seen an entry, which then waits no longer; return it.

        :raises InboxStoreError: that cannot be kept.
        """
        async with self._changing:
            await self._save(inboxes.postpone(self._inbox, number))
        return await self.find(number)

    async def delete(self, number: int) -> bool:
        """Drop an entry; return whether there was one.

        :raises InboxStoreError: it is still there.
        """
        async with self._changing:
            kept = inboxes.remove(self._inbox, number)
            found = len(kept.entries) < len(self._inbox.entries)
            await self._save(kept)
        return found

    async def _save(self, inbox: Inbox) -> None:
        if inbox != self._inbox:
            await self._storage.save(inbox)
            self._inbox = inbox


def entry_members(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON-able members."""
    indication = entry.indication
    return {
        "number": entry.number,
        "state": entry.state.value,
        "action": indication.action.value,
        "may_disturb": entry.may_disturb,
        "text": indication.text,
        "href": indication.href,
        "si_id": indication.si_id,
        "created": _time(indication.created),
        "expires": _time(indication.si_expires),
        "received": _time(entry.received),
        "source": entry.source,
        "info": [{"class": item.item_class, "text": item.text} for item in indication.info],
    }


def _time(instant: Instant | None) -> str | None:
    return None if instant is None else format_utc(instant)
