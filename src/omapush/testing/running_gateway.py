"""A real gateway daemon with an initiator who hears how pushes end.

The terminals are the test's own: it writes their part of the settings. Waits are short, so that
what is tried again is tried within a test::

    gateway = RunningGateway(folder, client_table("anna", NUMBER, ota_http="127.0.0.1:4035"))
    async with gateway.running():
        push_id = await gateway.push(NUMBER)
        result = await gateway.ended(push_id)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx2

from omapush.core.instants import Instant
from omapush.initiator import NotificationReceiver, PushInitiator, serve
from omapush.pap.codes import MessageState, StatusCode
from omapush.pap.model import DeliveryMethod, ResultNotificationMessage
from omapush.ppg.store.contract import PushRecord
from omapush.ppg.store.opening import open_store
from omapush.testing.daemons import Daemon, DaemonError, free_port

PATIENCE_SECONDS = 30
DELIVERY = (
    "retry_first_seconds = 0.05\nretry_longest_seconds = 0.2\nresponse_timeout_seconds = 0.5\n"
    "max_sent_attempts = 2\nregistration_age_seconds = 600\n"
)


def address_of(number: int) -> str:
    """Return the push address of the ``number``-th client."""
    return f"WAPPUSH=+44{number:010}/TYPE=PLMN@ppg.example.net"


def client_table(name: str, address: str, **settings: str | bool) -> str:
    """Return a ``[[clients]]`` table; ``settings`` are its further keys."""
    lines = ["[[clients]]", f'id = "{name}"', f'addresses = ["{address}"]']
    lines += [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    return "\n".join((*lines, ""))


class RunningGateway:
    """See the module.

    :param clients: ``[[clients]]`` tables.
    :param ota_http: lines of the table ``[ota_http]``.
    :param delivery: lines of the table ``[delivery]``.
    :param log: further lines of the table ``[log]``.
    """

    def __init__(
        self,
        folder: Path,
        clients: str,
        *,
        ota_http: str = "",
        delivery: str = DELIVERY,
        log: str = "",
    ) -> None:
        self.pap, self.admin = free_port(), free_port()
        settings = folder / "ppg.toml"
        settings.write_text(
            f'[pap]\nlisten = "127.0.0.1:{self.pap}"\nanonymous_from = ["127.0.0.1/32"]\n'
            f'[admin]\nlisten = "127.0.0.1:{self.admin}"\n'
            f'[store]\nurl = "sqlite:///{folder}/omapush.db"\n'
            f'[log]\nformat = "json"\n{log}[delivery]\n{delivery}'
            f"{'[ota_http]' if ota_http else ''}\n{ota_http}\n{clients}"
        )
        self.daemon = Daemon("ppg", settings, port=self.pap)
        self.store = open_store(f"sqlite:///{folder}/omapush.db")
        self.initiator = PushInitiator(f"http://127.0.0.1:{self.pap}/pap")
        self._receiver = NotificationReceiver()
        self._notify_to = ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[RunningGateway]:
        """Run it. :raises DaemonError: it did not end well, or left a traceback in its log."""
        await self.daemon.start()
        try:
            await self.store.open()
            async with serve(self._receiver) as self._notify_to, self.initiator:
                yield self
        finally:
            await self.store.close()
            status = await self.daemon.stop()
        if status or "Traceback" in self.daemon.log:
            raise DaemonError(f"ended with {status}:\n{self.daemon.log}")

    async def push(
        self,
        address: str,
        content: bytes = b"hello",
        content_type: str = "text/plain",
        *,
        application: str | None = "x-wap-application:wml.ua",
        confirmed: bool = True,
        deliver_before: Instant | None = None,
    ) -> str:
        """Submit a push; return its push-id. :raises AssertionError: it was not accepted."""
        method = DeliveryMethod.CONFIRMED if confirmed else DeliveryMethod.UNCONFIRMED
        result = await self.initiator.submit(
            [address],
            application,
            content,
            content_type,
            delivery_method=method,
            deliver_before=deliver_before,
            notify_to=self._notify_to,
        )
        if result.code != StatusCode.ACCEPTED_FOR_PROCESSING:
            raise AssertionError(f"not accepted: {result}")
        return result.push_id

    async def ended(self, push_id: str) -> ResultNotificationMessage:
        """Wait for the result notification."""
        return await self._receiver.wait_for(push_id, PATIENCE_SECONDS)

    async def delivers(self, address: str) -> None:
        """Push to ``address``. :raises AssertionError: it was not delivered."""
        result = await self.ended(await self.push(address))
        if result.message_state is not MessageState.DELIVERED or result.code != StatusCode.OK:
            raise AssertionError(f"not delivered: {result}")

    async def record(self, push_id: str) -> PushRecord:
        """Return the push as the ledger has it."""
        record = await self.store.push(push_id)
        if record is None:
            raise AssertionError(f"not in the ledger: {push_id}")
        return record

    async def reasons(self, push_id: str) -> str:
        """Return what the timeline says, a line for each event."""
        record = await self.record(push_id)
        return "\n".join(f"{line.event}: {line.detail}" for line in record.timeline)

    async def until_said(self, push_id: str, words: str) -> str:
        """Wait until the timeline says ``words``; return all of it."""
        return await self._until(words, lambda: self.reasons(push_id))

    async def until_logged(self, words: str) -> str:
        """Wait until the log says ``words``; return all of it."""

        async def log() -> str:
            return self.daemon.log

        return await self._until(words, log)

    async def _until(self, words: str, read: Callable[[], Awaitable[str]]) -> str:
        said = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    if words in (said := await read()):
                        return said
                    await asyncio.sleep(0.02)
        raise AssertionError(f"{words!r} is not in:\n{said}")

    async def is_ready(self) -> bool:
        """Ask it what its operator would."""
        async with httpx2.AsyncClient(trust_env=False) as client:
            return (await client.get(f"http://127.0.0.1:{self.admin}/readyz")).status_code == 200

    @property
    def resident_kib(self) -> int:
        """Memory that the process has in use."""
        return self.daemon.resident_kib
