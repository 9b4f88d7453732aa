"""Who comes in through a listening socket: limits, TLS, a link for each, and their end.

A connection is counted from its first moment, so that handshakes of TLS are counted as well. It is
*anonymous* until its link is told otherwise (``ConnectionLink.identified``): of those fewer may be
open. Whoever is too much is turned away at once, and that is traced.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from omapush.bearers.driving import Clock, OnTrace
from omapush.bearers.tcp_link import TcpLink, peer_name
from omapush.bearers.tls_engine import TlsEngine
from omapush.bearers.tls_sessions import OnSession
from omapush.bearers.tls_stream import TlsStream
from omapush.core.networks import source_key
from omapush.core.peer_certificate import PeerCertificate
from omapush.core.trace import TraceRecord
from omapush.ota.interface import ConnectionLink, StreamSession

RequestT = TypeVar("RequestT")
IndicationT = TypeVar("IndicationT")

NOT_ADMITTED = "not admitted"
"""Why somebody was turned away whom the listener's own judge does not want."""

EndFor = Callable[[str], tuple[TlsEngine, OnSession | None]]
"""Gives an end of TLS for a connection from this peer address, and what keeps its session.

:raises ValueError: the server's name cannot be one. :raises ssl.SSLError: the context is not for
    this role.
"""


@dataclass(frozen=True, slots=True)
class ListenLimits:
    """How many connections may be open at a time, in all and from one address.

    Of IPv6 the addresses of one /64 are one: a single host has all of them.

    :ivar max_anonymous: how many of them may be anonymous; ``None``: as many as may be open.
    :ivar max_anonymous_per_address: the same, of those from one address.
    :ivar handshake_seconds: how long a handshake of TLS may take.
    :ivar keep_alive_seconds: see ``bearers.keep_alive``: by it places of peers that are gone become
        free; 0: TCP does not ask.
    """

    connections: int = 64
    per_address: int = 16
    max_anonymous: int | None = None
    max_anonymous_per_address: int | None = None
    handshake_seconds: float = 10.0
    keep_alive_seconds: int = 0


class TcpListener:
    """An open listening socket and the connections that came through it."""

    def __init__(self, server: asyncio.Server, gate: Gate) -> None:
        self._server = server
        self._gate = gate

    @property
    def port(self) -> int:
        """The port that is listened on, which the system chose if 0 was asked for."""
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many connections are open, those in a handshake of TLS included."""
        return len(self._gate.places)

    @property
    def anonymous(self) -> int:
        """How many of them are anonymous."""
        return self._gate.anonymous

    def request_all(self, primitive: Any) -> None:  # noqa: ANN401 - as its sessions take it
        """Hand a primitive to the session of every connection."""
        for place in list(self._gate.places):
            if place.link is not None:
                place.link.request(primitive)

    async def close(self, reason: str) -> None:
        """Stop listening and close every connection; returns when the last one has ended.

        That is at the latest when those are cut whose peers do not read, see ``tcp_link``.
        """
        self._gate.shut()
        self._server.close()
        for place in list(self._gate.places):
            place.turn_out(reason)
        await self._gate.emptied()
        await self._server.wait_closed()


class Place:
    """One connection's place among those that are open."""

    __slots__ = ("_gate", "address", "anonymous", "link", "transport")

    def __init__(self, gate: Gate, address: str, transport: asyncio.Transport) -> None:
        self._gate = gate
        self.address = address
        self.anonymous = True
        self.transport = transport
        self.link: TcpLink[Any, Any] | None = None

    def identified(self) -> None:
        """Be anonymous no more."""
        self._gate.know(self)

    def leave(self) -> None:
        """Give the place to somebody else: the connection is gone."""
        self._gate.leave(self)

    def turn_out(self, reason: str) -> None:
        """Close the connection, or cut it if nothing has begun on it."""
        if self.link is not None:
            self.link.close(reason)
        else:
            self.transport.abort()


class Gate:
    """Counts open connections and says who is too much.

    :param admits: is asked whether somebody from this address may come in at all.
    :param knows: is asked whether who is at this address counts among the anonymous at no time.
    :ivar anonymous: how many connections are anonymous.
    """

    def __init__(
        self,
        limits: ListenLimits,
        admits: Callable[[str], bool] | None = None,
        knows: Callable[[str], bool] | None = None,
    ) -> None:
        self._limits = limits
        self._admits = admits
        self._knows = knows
        self._by_address: Counter[str] = Counter()
        self._anonymous_by_address: Counter[str] = Counter()
        self._shut = False
        self.anonymous = 0
        self.places: set[Place] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def shut(self) -> None:
        """Let nobody in any more: some may have been accepted already."""
        self._shut = True

    async def emptied(self) -> None:
        """Wait until no connection is open."""
        await self._empty.wait()

    def refusal(self, address: str) -> str | None:
        """Return why one more connection from ``address`` may not come in; ``None``: it may."""
        if self._shut:
            return "no longer listening"
        limits, source = self._limits, source_key(address)
        counted: tuple[tuple[str, int, int | None], ...] = (
            ("connections", len(self.places), limits.connections),
            ("connections from this address", self._by_address[source], limits.per_address),
        )
        if not self._is_known(address):
            counted += (
                ("anonymous connections", self.anonymous, limits.max_anonymous),
                (
                    "anonymous connections from this address",
                    self._anonymous_by_address[source],
                    limits.max_anonymous_per_address,
                ),
            )
        for what, count, limit in counted:
            if limit is not None and count >= limit:
                return f"too many {what}"
        if self._admits is not None and not self._admits(address):
            return NOT_ADMITTED
        return None

    def enter(self, address: str, transport: asyncio.Transport) -> Place:
        """Count a connection."""
        place = Place(self, address, transport)
        source = source_key(address)
        self.places.add(place)
        self._empty.clear()
        self._by_address[source] += 1
        if self._is_known(address):
            place.anonymous = False
        else:
            self._anonymous_by_address[source] += 1
            self.anonymous += 1
        return place

    def _is_known(self, address: str) -> bool:
        return self._knows is not None and self._knows(address)

    def know(self, place: Place) -> None:
        """Count a connection among the anonymous no more."""
        if place.anonymous:
            place.anonymous = False
            self.anonymous -= 1
            _count_down(self._anonymous_by_address, source_key(place.address))

    def leave(self, place: Place) -> None:
        """Count a connection no more."""
        self.know(place)
        self.places.discard(place)
        if not self.places:
            self._empty.set()
        _count_down(self._by_address, source_key(place.address))


@dataclass(frozen=True, slots=True)
class Entrance(Generic[RequestT, IndicationT]):
    """What a listener does with a connection.

    :ivar open_session: may raise :class:`~omapush.ota.interface.SecurityFailure` where ``tls_end``
        is given: whoever has this certificate is not wanted.
    :ivar tls_end: gives TLS, if connections are by TLS.
    """

    gate: Gate
    limits: ListenLimits
    open_session: Callable[[str, PeerCertificate | None], StreamSession[RequestT, IndicationT]]
    on_indication: Callable[[ConnectionLink[RequestT], IndicationT], None]
    on_closed: Callable[[ConnectionLink[RequestT], str], None] | None
    tls_end: EndFor | None
    incoming: bytearray
    clock: Clock
    on_trace: OnTrace

    def come_in(self, transport: asyncio.Transport) -> None:
        """Judge the peer; give the transport to a link of its own, or close it."""
        address = _peer_address(transport)
        refusal = self.gate.refusal(address)
        if refusal is not None:
            self._trace("turned_away", {"peer": address, "reason": refusal})
            transport.abort()
            return
        place = self.gate.enter(address, transport)
        if self.tls_end is None:
            self._begin(place)
        else:
            self._begin_tls(place, self.tls_end)

    def _begin(self, place: Place) -> None:
        try:
            link = self._link(place, None)
        except BaseException:
            place.leave()
            place.transport.abort()
            raise
        place.transport.set_protocol(link)
        link.connection_made(place.transport)

    def _begin_tls(self, place: Place, end_for: EndFor) -> None:
        transport, peer = place.transport, peer_name(place.transport)

        def failed(reason: str) -> None:
            place.leave()
            self._trace("handshake_failed", {"peer": peer, "reason": reason})

        try:
            engine, on_session = end_for(place.address)
        except (ValueError, ssl.SSLError) as error:  # not a name, or not a context for this role
            failed(f"TLS: {error}")
            transport.abort()
            return
        stream = TlsStream(
            engine,
            self.incoming,
            self.limits.handshake_seconds,
            lambda _stream: self._link(place, engine.peer_certificate),
            failed,
            on_session,
        )
        transport.set_protocol(stream)
        stream.connection_made(transport)

    def _link(
        self, place: Place, certificate: PeerCertificate | None
    ) -> TcpLink[RequestT, IndicationT]:
        """Return a link for a peer that was admitted."""

        def closed(reason: str) -> None:
            place.leave()
            if self.on_closed is not None:
                self.on_closed(link, reason)

        link: TcpLink[RequestT, IndicationT] = TcpLink(
            self.open_session(place.address, certificate),
            lambda indication: self.on_indication(link, indication),
            closed,
            self.clock,
            self.on_trace,
            self.incoming,
        )
        link.counts_until(place.identified)
        place.link = link
        return link

    def _trace(self, event: str, detail: dict[str, str | int | bool | None]) -> None:
        self.on_trace(TraceRecord(self.clock(), "tcp", event, detail))


class AcceptedConnection(asyncio.Protocol):
    """Waits for the connection, for only then the peer's address is known; then hands over."""

    def __init__(self, entrance: Entrance[Any, Any]) -> None:
        self._entrance = entrance

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand over."""
        self._entrance.come_in(cast("asyncio.Transport", transport))


def _count_down(counter: Counter[str], source: str) -> None:
    counter[source] -= 1
    if not counter[source]:
        del counter[source]


def _peer_address(transport: asyncio.Transport) -> str:
    name = transport.get_extra_info("peername")
    return str(name[0]) if name else ""
