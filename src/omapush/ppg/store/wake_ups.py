"""Wake-ups between the gateway processes of one ledger.

A process that stored something for a client whose connection another node holds tells that node to
look. That saves it a polling time and is all: a wake-up may be lost, come late or come for nothing.
Nothing is told within the transaction that stored the work, so acceptance pays nothing for it::

    accept, hasten, expand ──► Caller.tell ──► who holds these clients? ──► NOTIFY ──► on_wake
                                (at most ten times a second)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

import structlog
from sqlalchemy import BigInteger, Connection, Text, bindparam, func, literal, select
from sqlalchemy.sql.elements import ClauseElement

from omapush.core.errors import OmapushError
from omapush.core.instants import Instant
from omapush.ppg.store import schema
from omapush.ppg.store.statements import LARGEST, Sized, Statement, filled_up

log = structlog.get_logger(__name__)

CHANNEL = "omapush_wake"
EVERYBODY = ""
"""What is told in place of a node's name when all are to look."""
PAUSE_S = 0.1
"""Between two calls."""
MOST_NAMED = 8 * LARGEST
"""Who holds more clients than this is not asked for: everybody is told to look."""

_A = schema.attachment.c


def _call(size: int) -> ClauseElement:
    clients = [bindparam(f"client_{number}", type_=Text) for number in range(size)]
    holders = (
        select(_A.node)
        .where(
            _A.client_id.in_(clients),
            _A.until > bindparam("now", type_=BigInteger),
            _A.node != bindparam("node", type_=Text),
        )
        .distinct()
        .subquery()
    )
    return select(func.pg_notify(literal(CHANNEL), holders.c.node))


_calls = Sized(_call)
_call_everybody = Statement(select(func.pg_notify(literal(CHANNEL), literal(EVERYBODY))))


def call(connection: Connection, node: str, client_ids: Sequence[str], now: Instant) -> None:
    """Tell the nodes other than ``node`` that hold these clients' connections; PostgreSQL only."""
    for start in range(0, len(client_ids), LARGEST):
        some = filled_up(client_ids[start : start + LARGEST])
        names = {f"client_{number}": client_id for number, client_id in enumerate(some)}
        _calls.of(len(some)).run(connection, node=node, now=now, **names)


def call_everybody(connection: Connection) -> None:
    """Tell all nodes, ourselves too; PostgreSQL only."""
    _call_everybody.run(connection)


class Caller:
    """Gathers for whom something was stored, and tells those who are to look.

    :param call: tells the holders of some clients as of an instant; everybody if there are none.
    :param pause_s: seconds between two calls.
    """

    def __init__(
        self,
        call: Callable[[Sequence[str], Instant], Awaitable[None]],
        pause_s: float = PAUSE_S,
    ) -> None:
        self._call = call
        self._pause_s = pause_s
        self._clients: set[str] = set()
        self._everybody = False
        self._now = Instant(0)
        self._work: asyncio.Task[None] | None = None

    def tell(self, client_ids: Collection[str], now: Instant) -> None:
        """Something was stored for these clients."""
        if len(self._clients) + len(client_ids) > MOST_NAMED:
            self.tell_everybody()
        elif client_ids:
            self._clients.update(client_ids)
            self._now = max(self._now, now)
            self._begin()

    def tell_everybody(self) -> None:
        """Something was stored, for very many clients."""
        self._everybody = True
        self._begin()

    async def close(self) -> None:
        """Tell nothing more."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    def _begin(self) -> None:
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._clients or self._everybody:
            clients = [] if self._everybody else sorted(self._clients)
            self._clients.clear()
            self._everybody = False
            try:
                await self._call(clients, self._now)
            except OmapushError as error:
                log.debug("wake_up_lost", reason=error.reason)
            await asyncio.sleep(self._pause_s)
