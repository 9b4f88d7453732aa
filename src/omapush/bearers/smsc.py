"""Short messages through SMSCs, by SMPP. Implements ``ota.short_messages.ShortMessageBearer``.

::

    SmscBearer: which SMSC ── smsc_pool: one SMSC ── smsc_queue: turns ── smsc_link: one bind
        │                        ├ smsc_writing: requests, in the style that it is used to
        │                        ├ smsc_ids: its ids; smsc_rate: its limits
        └ smsc_receipts.Reporter ┴ smsc_receipts.Inbox: what it brings

Which SMSC: of those that serve the number, the first that is bound and not throttling. All
messages of a datagram go through one. Another is tried only as long as none of the datagram was
taken or may have been.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from omapush.bearers.driving import Clock
from omapush.bearers.smsc_account import SmscAccount
from omapush.bearers.smsc_pool import SmscPool, SmscStatus
from omapush.bearers.smsc_receipts import OnMessage, Reporter
from omapush.bearers.tcp import TcpBearer
from omapush.core.instants import SECOND_MS, later
from omapush.ota.bearer_reports import BearerReport, OnReports
from omapush.ota.short_messages import (
    ShortMessage,
    Submission,
    SubmissionVerdict,
    SubmissionWish,
)

PATIENCE_MS = 20 * SECOND_MS
QUERY_PATIENCE_MS = 5 * SECOND_MS
STOP_PATIENCE_MS = 3 * SECOND_MS


class SmscBearer:
    """Several SMSCs, in the order in which they are preferred.

    :param on_reports: takes what SMSCs report; only then they are told that it came.
    :param spread: gives numbers from 0 to 1 that make waits differ.
    :param on_message: is told of messages that are no receipts.
    :param patience_ms: how long the messages of one datagram wait for their turns, in all.
    """

    def __init__(
        self,
        accounts: Sequence[SmscAccount],
        clock: Clock,
        on_reports: OnReports,
        spread: Callable[[], float],
        on_message: OnMessage | None = None,
        patience_ms: int = PATIENCE_MS,
    ) -> None:
        self._clock = clock
        self._patience_ms = patience_ms
        self._reporter = Reporter(on_reports)
        tcp = TcpBearer(clock)
        self._pools = {
            account.bearer: SmscPool(account, tcp, clock, self._reporter, spread, on_message)
            for account in accounts
        }

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the binds up; at the end unbind, whatever happens, within a few seconds."""
        tasks = [asyncio.create_task(pool.run()) for pool in self._pools.values()]
        tasks.append(asyncio.create_task(self._reporter.run()))
        try:
            yield
        finally:
            closing = (pool.close(STOP_PATIENCE_MS) for pool in self._pools.values())
            await asyncio.gather(*closing, return_exceptions=True)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def until_bound(self, timeout_ms: int) -> bool:
        """Wait until every SMSC can be sent to; return whether that came in time."""
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                for pool in self._pools.values():
                    await pool.until_bound()
        except TimeoutError:
            return False
        return True

    def status(self) -> list[SmscStatus]:
        """Return how each SMSC fares."""
        return [pool.status() for pool in self._pools.values()]

    def health(self) -> list[str]:
        """Return a line for each SMSC."""
        return [str(status) for status in self.status()]

    async def submit(
        self, messages: Sequence[ShortMessage], wish: SubmissionWish
    ) -> list[Submission]:
        """Return one answer for each message; see ``ota.short_messages.ShortMessageBearer``."""
        if not messages:
            return []
        deadline = later(self._clock(), self._patience_ms)
        tried: list[list[Submission]] = []
        for pool in self._candidates(messages[0].destination, wish.via):
            answers = await pool.submit(messages, wish, deadline)
            if answers[0].verdict is not SubmissionVerdict.LATER:
                return answers
            tried.append(answers)
        if not tried:
            reason = f"no SMSC serves {messages[0].destination}"
            return [Submission(SubmissionVerdict.NEVER, reason)] * len(messages)
        return [_summary([answers[0] for answers in tried]), *tried[-1][1:]]

    async def query(self, bearer: str, reference: str, destination: str) -> BearerReport | None:
        """Ask the SMSC that has a message; ``None``: it is not ours, or does not tell."""
        pool = self._pools.get(bearer)
        if pool is None:
            return None
        return await pool.query(reference, later(self._clock(), QUERY_PATIENCE_MS))

    def _candidates(self, destination: str, via: str | None) -> list[SmscPool]:
        """Return the SMSCs to try, in order: those that can take something now come first."""
        if via in self._pools:
            return [self._pools[via]]
        serving = [pool for pool in self._pools.values() if pool.account.serves(destination)]
        return sorted(serving, key=lambda pool: (not pool.is_useful, pool.pause_ms() > 0))


def _summary(answers: Sequence[Submission]) -> Submission:
    """Return one answer for what several SMSCs did not take."""
    waits = [each.retry_after_ms for each in answers if each.retry_after_ms is not None]
    reason = "; ".join(dict.fromkeys(each.reason for each in answers))
    bearer = answers[0].bearer
    wait = min(waits, default=None)
    return Submission(SubmissionVerdict.LATER, reason, bearer, retry_after_ms=wait)
