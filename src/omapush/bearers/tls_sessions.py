"""Sessions of TLS that this side, as TLS client, may resume: with whom, and how many are kept.

WAP-219 wants sessions resumed. On a connection that was accepted the server is known by its address
alone, and by the name that it has to have.
"""

from __future__ import annotations

import ssl
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from omapush.bearers.tls_engine import TlsEngine

OnSession = Callable[[ssl.SSLSession | None], None]
"""Is given what a later connection may resume."""

MAX_SERVERS = 256
"""Servers whose sessions are kept: a gateway may dial many terminals that are TLS servers."""
PER_SERVER = 4
"""Sessions for each: one ticket serves one connection (RFC 8446 C.4)."""


@dataclass(frozen=True, slots=True)
class Server:
    """With whom a session was made.

    The context and the name belong to it: a session that is resumed is not verified again.
    """

    context: ssl.SSLContext
    name: str
    host: str
    port: int = 0


class TlsSessions:
    """Keeps the latest sessions with the servers that were called last.

    They are kept in memory only, for they are keys.
    """

    def __init__(self, max_servers: int = MAX_SERVERS, per_server: int = PER_SERVER) -> None:
        self._max_servers = max_servers
        self._per_server = per_server
        self._kept: OrderedDict[Server, deque[ssl.SSLSession]] = OrderedDict()

    def engine(self, server: Server) -> tuple[TlsEngine, OnSession]:
        """Return a client's end of TLS towards ``server``, and what keeps its session at the end.

        :raises ValueError: the server's name cannot be one. :raises ssl.SSLError: the context is
            not a client's.
        """

        def keep(session: ssl.SSLSession | None) -> None:
            self.keep(server, session)

        engine = TlsEngine(
            server.context,
            server_side=False,
            server_name=server.name,
            session=self.take(server),
        )
        return engine, keep

    def take(self, server: Server) -> ssl.SSLSession | None:
        """Return a session to be resumed and forget it, or ``None``."""
        sessions = self._kept.get(server)
        if not sessions:
            return None
        taken = sessions.pop()
        if not sessions:
            del self._kept[server]
        return taken

    def keep(self, server: Server, session: ssl.SSLSession | None) -> None:
        """Keep what a connection leaves, if it leaves anything that can be resumed."""
        if session is None or not (session.id or session.has_ticket):
            return
        sessions = self._kept.setdefault(server, deque(maxlen=self._per_server))
        sessions.append(session)
        self._kept.move_to_end(server)
        if len(self._kept) > self._max_servers:
            self._kept.popitem(last=False)
