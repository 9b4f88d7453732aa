"""All sessions of one listening port at the server: peers, their WTP, whose each message is.

:class:`WspServer` keeps one WTP endpoint for each peer address, finds the session that a message
is of (WSP 7.1.3: the checks before any table), and lets a session go on from another address by
its identifier. Peers and sessions are bounded in number: above that strangers are ignored, and new
sessions take the place of the one that has rested longest, or are refused with CONGESTION.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from omapush.core.errors import DecodeError
from omapush.core.instants import SECOND_MS, Instant
from omapush.protocols.wsp.assigned_numbers import AbortReason
from omapush.protocols.wsp.capabilities import DEFAULTS
from omapush.protocols.wsp.pdu import Connect, Disconnect, Get, Pdu, Post, Resume, Suspend
from omapush.protocols.wsp.pdu_codec import decode_pdu
from omapush.protocols.wsp.session_primitives import (
    SConfirmedPushReq,
    ServerIndication,
    ServerRequest,
    SessionTrouble,
    SPushAbortInd,
    SPushReq,
)
from omapush.protocols.wsp.session_server import (
    Cause,
    ServerSession,
    ServerSettings,
)
from omapush.protocols.wsp.session_states import ServerEvent, ServerState
from omapush.protocols.wsp.session_timers import Schedule
from omapush.protocols.wsp.session_transactions import Transaction, TransactionPort
from omapush.protocols.wtp.codes import TransactionClass
from omapush.protocols.wtp.endpoint import WtpEndpoint
from omapush.protocols.wtp.primitives import (
    DatagramDropped,
    Handle,
    Indication,
    Request,
    TrInvokeInd,
    TrInvokeReq,
)
from omapush.protocols.wtp.settings import WtpSettings
from omapush.protocols.wtp.tid import TransactionIdCache


@dataclass(frozen=True, slots=True)
class SendTo:
    """Effect: send a datagram to a peer."""

    peer: Hashable
    octets: bytes


@dataclass(frozen=True, slots=True)
class SessionIndication:
    """What the user is told.

    :ivar session_id: of which session; ``None`` where it is of none.
    :ivar peer: the address at which that happened.
    """

    session_id: int | None
    peer: Hashable
    primitive: ServerIndication


@dataclass(frozen=True, slots=True)
class WspServerSettings:
    """Bounds of a server, and what its layers do.

    :ivar maximum_peers: addresses remembered at once.
    :ivar maximum_sessions: sessions at once, resting ones included.
    :ivar transaction_id_lifetime_ms: how long an initiator's last identifier is remembered;
        longer than WTP remembers a finished transaction.
    """

    session: ServerSettings = field(default_factory=ServerSettings)
    wtp: WtpSettings = field(default_factory=WtpSettings)
    maximum_peers: int = 10_000
    maximum_sessions: int = 10_000
    transaction_id_lifetime_ms: int = 300_000


class _Peer(TransactionPort):
    """WTP with one address, and whose its transactions are.

    :ivar bound: the session of this address.
    :ivar asking: the one that is asked for, or to be resumed, from this address.
    """

    def __init__(
        self, address: Hashable, endpoint: WtpEndpoint, touched: dict[_Peer, None]
    ) -> None:
        self._address = address
        self.endpoint = endpoint
        self.bound: ServerSession | None = None
        self.asking: ServerSession | None = None
        self.owners: dict[Handle, ServerSession] = {}
        self._touched = touched
        self._handles = itertools.count(1)

    @property
    def address(self) -> Hashable:
        return self._address

    @property
    def is_idle(self) -> bool:
        """Whether it may be forgotten."""
        return self.bound is None and self.asking is None and self.endpoint.is_idle

    def invoke(
        self, owner: object, transaction_class: int, data: bytes, now: Instant
    ) -> Transaction:
        handle = Handle(next(self._handles))
        if transaction_class != TransactionClass.UNRELIABLE:
            self.own(owner, handle)
        self.request(TrInvokeReq(handle, transaction_class, data), now)
        return Transaction(self, handle)

    def request(self, primitive: Request, now: Instant) -> None:
        self.endpoint.request(primitive, now)
        self._touched[self] = None

    def own(self, owner: object, handle: Handle) -> None:
        if isinstance(owner, ServerSession):
            self.owners[handle] = owner

    def release(self, handle: Handle) -> None:
        self.owners.pop(handle, None)


class WspServer:
    """Sans-IO machine for one port: datagrams of many peers, sessions by identifier.

    :param next_session_id: gives identifiers, 0 to 2**32 - 1, none used again soon. Whoever knows
        one can resume its session, so they should not be guessable.
    :param started: since when everything was seen that came (see ``TransactionIdCache``).
    """

    def __init__(
        self,
        settings: WspServerSettings,
        next_session_id: Callable[[], int],
        started: Instant,
    ) -> None:
        self.settings = settings.session
        self._settings = settings
        self._next_session_id = next_session_id
        self._transaction_ids = TransactionIdCache(
            settings.maximum_peers, settings.transaction_id_lifetime_ms, started
        )
        self._peers: OrderedDict[Hashable, _Peer] = OrderedDict()
        self._sessions: dict[int, ServerSession] = {}
        self._touched: dict[_Peer, None] = {}
        self._schedule = Schedule()
        self._effects: list[SendTo] = []
        self._indications: list[SessionIndication] = []

    @property
    def session_count(self) -> int:
        """Sessions there are, resting ones and those asked for included."""
        return len(self._sessions)

    def session(self, session_id: int) -> ServerSession | None:
        """Return a session, to look at."""
        return self._sessions.get(session_id)

    # -- the machine's outside --

    def request(self, session_id: int, primitive: ServerRequest, now: Instant) -> None:
        """Take a primitive of the user; a push of a session that is gone ends at once."""
        session = self._sessions.get(session_id)
        if session is None:
            if isinstance(primitive, SPushReq | SConfirmedPushReq):
                gone = SPushAbortInd(primitive.push_id, AbortReason.DISCONNECT, sent=False)
                self._indications.append(SessionIndication(session_id, None, gone))
            return
        session.request(primitive, now)
        self._tidy(session)
        self._settle(now)

    def receive(self, peer: Hashable, datagram: bytes, now: Instant) -> None:
        """Take a datagram of a peer, whatever it holds; nothing is raised for it."""
        known = self._peers.get(peer) or self._new_peer(peer, now)
        if known is None:
            self._trouble(peer, "wsp", "no room for another peer")
            return
        self._peers.move_to_end(peer)
        known.endpoint.receive(datagram, now)
        self._touched[known] = None
        self._settle(now)

    def next_timer(self) -> Instant | None:
        """Return when :meth:`handle_timer` is to be called, ``None`` for never."""
        return self._schedule.next()

    def handle_timer(self, now: Instant) -> None:
        """Do what is due."""
        for address in self._schedule.take(now):
            peer = self._peers.get(address)
            if peer is not None:
                peer.endpoint.handle_timer(now)
                self._touched[peer] = None
        self._settle(now)

    def effects(self) -> list[SendTo]:
        """Return and forget the datagrams to be sent, in order."""
        effects, self._effects = self._effects, []
        return effects

    def indications(self) -> list[SessionIndication]:
        """Return and forget what the user is to be told, in order."""
        told, self._indications = self._indications, []
        return told

    # -- what sessions ask for --

    def tell(self, session: ServerSession, indication: ServerIndication) -> None:
        """Tell the user."""
        self._indications.append(SessionIndication(session.session_id, session.address, indication))

    def replace_others(self, session: ServerSession, port: TransactionPort, now: Instant) -> None:
        """End every other session with that peer."""
        peer = self._peers.get(port.address)
        for other in (peer.bound, peer.asking) if peer is not None else ():
            if other is not None and other is not session:
                other.handle_event(ServerEvent.DISCONNECT, Cause(now))
                self._tidy(other)

    def bind(self, session: ServerSession, port: TransactionPort) -> None:
        """Have ``session`` be the one with that peer, and no longer with the one it has now."""
        self._unbind(session)
        peer = self._peers.get(port.address)
        if peer is not None:
            peer.bound = session

    # -- what peers say --

    def _settle(self, now: Instant) -> None:
        """Carry out what the endpoints want, and what follows from that, until all is quiet."""
        while self._touched:
            peer, _ = self._touched.popitem()
            for effect in peer.endpoint.effects():
                self._effects.append(SendTo(peer.address, effect.octets))
            for indication in peer.endpoint.indications():
                self._take(peer, indication, now)
            self._schedule.set(peer.address, peer.endpoint.next_timer())

    def _take(self, peer: _Peer, indication: Indication, now: Instant) -> None:
        if isinstance(indication, DatagramDropped):
            self._trouble(peer.address, "wtp", indication.reason, indication.position)
        elif isinstance(indication, TrInvokeInd):
            self._invoked(peer, indication, now)
        else:
            # Every other indication is the last one of its transaction at a server.
            owner = peer.owners.pop(indication.handle, None)
            if owner is not None:
                owner.handle_transaction(Transaction(peer, indication.handle), indication, now)
                self._tidy(owner)

    def _invoked(self, peer: _Peer, indication: TrInvokeInd, now: Instant) -> None:
        transaction = Transaction(peer, indication.handle)
        is_reliable = indication.transaction_class != TransactionClass.UNRELIABLE
        limit = self._maximum_receive_unit(peer)
        if limit and len(indication.data) > limit:
            self._trouble(peer.address, "wsp", f"an SDU of over {limit} octets")
            if is_reliable:
                transaction.abort(AbortReason.MRUEXCEEDED, now)
            return
        try:
            pdu = decode_pdu(indication.data, tolerant=True)
        except DecodeError as error:
            position = error.position if isinstance(error.position, int) else None
            self._trouble(peer.address, "wsp", error.reason, position)
            if is_reliable:
                transaction.abort(AbortReason.PROTOERR, now)
            return
        if indication.transaction_class == TransactionClass.RESULT:
            self._asked(peer, pdu, Cause(now, transaction, pdu))
        elif is_reliable:
            reason = AbortReason.PROTOERR if peer.bound else AbortReason.DISCONNECT
            transaction.abort(reason, now)
        else:
            self._notified(peer, pdu, now)

    def _maximum_receive_unit(self, peer: _Peer) -> int:
        offered = self.settings.capabilities.server_sdu_size
        if peer.bound is not None:
            offered = peer.bound.agreed.server_sdu_size
        return DEFAULTS.server_sdu_size or 0 if offered is None else offered

    def _asked(self, peer: _Peer, pdu: Pdu, cause: Cause) -> None:
        """An Invoke of class 2 came."""
        transaction = cause.transaction
        if transaction is None:
            return
        if isinstance(pdu, Connect):
            self._connect(peer, transaction, cause)
            return
        session: ServerSession | None
        if isinstance(pdu, Resume):
            session = self._sessions.get(pdu.session_id)
        else:
            session = peer.asking or peer.bound
        if session is None:
            transaction.abort(AbortReason.DISCONNECT, cause.now)
        elif isinstance(pdu, Resume):
            self._resume(peer, session, transaction, cause)
        elif not isinstance(pdu, Get | Post) or not session.handle_event(ServerEvent.METHOD, cause):
            transaction.abort(AbortReason.PROTOERR, cause.now)

    def _notified(self, peer: _Peer, pdu: Pdu, now: Instant) -> None:
        """An Invoke of class 0 came: only a session of this very address listens to it."""
        if not isinstance(pdu, Suspend | Disconnect):
            self._trouble(peer.address, "wsp", f"{type(pdu).__name__} in a class 0 Invoke")
            return
        session = self._sessions.get(pdu.session_id)
        if session is None or session not in (peer.bound, peer.asking):
            self._trouble(peer.address, "wsp", "of a session that is not with this address")
            return
        suspends = isinstance(pdu, Suspend)
        event = ServerEvent.CLIENT_SUSPEND if suspends else ServerEvent.CLIENT_DISCONNECT
        session.handle_event(event, Cause(now, pdu=pdu))
        self._tidy(session)

    # -- new sessions, and those that move --

    def _connect(self, peer: _Peer, transaction: Transaction, cause: Cause) -> None:
        self._give_up_asking(peer, cause.now)
        session_id = self._free_session_id(cause.now)
        if session_id is None:
            transaction.abort(AbortReason.CONGESTION, cause.now)
            return
        session = ServerSession(self, session_id)
        self._sessions[session_id] = session
        peer.asking = session
        session.handle_event(ServerEvent.CONNECT, cause)

    def _resume(
        self, peer: _Peer, session: ServerSession, transaction: Transaction, cause: Cause
    ) -> None:
        if peer.asking is not session:
            self._give_up_asking(peer, cause.now)
        before = self._peer_asking(session)
        if session.handle_event(ServerEvent.RESUME, cause):
            if session.state is ServerState.RESUMING:
                if before is not None:
                    before.asking = None
                peer.asking = session
        else:
            transaction.abort(AbortReason.PROTOERR, cause.now)

    def _give_up_asking(self, peer: _Peer, now: Instant) -> None:
        """One session at a time is asked for from an address: the latest."""
        session = peer.asking
        if session is not None:
            resumes = session.state is ServerState.RESUMING
            event = ServerEvent.SUSPEND if resumes else ServerEvent.DISCONNECT
            session.handle_event(event, Cause(now))
            peer.asking = None
            self._tidy(session)

    def _free_session_id(self, now: Instant) -> int | None:
        if len(self._sessions) >= self._settings.maximum_sessions:
            resting = next(
                (one for one in self._sessions.values() if one.state is ServerState.SUSPENDED),
                None,
            )
            if resting is None:
                return None
            resting.handle_event(ServerEvent.DISCONNECT, Cause(now))
            self._tidy(resting)
        for _ in range(_ATTEMPTS):
            session_id = self._next_session_id()
            if session_id not in self._sessions:
                return session_id
        return None

    # -- the tables of this server --

    def _new_peer(self, address: Hashable, now: Instant) -> _Peer | None:
        if len(self._peers) >= self._settings.maximum_peers:
            oldest = itertools.islice(self._peers.values(), _ATTEMPTS)
            idle = next((peer for peer in oldest if peer.is_idle), None)
            if idle is None:
                return None
            del self._peers[idle.address]
            self._schedule.set(idle.address, None)
        endpoint = WtpEndpoint(
            self._settings.wtp,
            self._transaction_ids,
            address,
            # Ahead of what this address last had, were it forgotten in between.
            now // SECOND_MS,
        )
        peer = _Peer(address, endpoint, self._touched)
        self._peers[address] = peer
        return peer

    def _peer_asking(self, session: ServerSession) -> _Peer | None:
        port = session.asking_port
        peer = self._peers.get(port.address) if port is not None else None
        return peer if peer is not None and peer.asking is session else None

    def _tidy(self, session: ServerSession) -> None:
        """Forget what the session's new state leaves behind."""
        if session.state not in _ASKING:
            peer = self._peer_asking(session)
            if peer is not None:
                peer.asking = None
            session.asking_port = None
        if session.has_ended:
            self._unbind(session)
            self._sessions.pop(session.session_id, None)

    def _unbind(self, session: ServerSession) -> None:
        port = session.port
        peer = self._peers.get(port.address) if port is not None else None
        if peer is not None and peer.bound is session:
            peer.bound = None

    def _trouble(
        self, peer: Hashable, layer: str, reason: str, position: int | None = None
    ) -> None:
        trouble = SessionTrouble(layer, reason, position)
        self._indications.append(SessionIndication(None, peer, trouble))


_ATTEMPTS = 64

_ASKING = frozenset((ServerState.CONNECTING, ServerState.TERMINATING, ServerState.RESUMING))
"""States in which a session is asked for from an address that is not yet its own."""
