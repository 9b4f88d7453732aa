"""One bind to an SMSC, made again whenever it is lost.

::

    run ─► connect ─► bind ─► bound ─► ended ─► wait ─► connect ...

A wait doubles until a bind has lasted for longer than the wait before it, so that an SMSC that
binds and hangs up is not called without pause. Where it refuses our credentials we wait long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from omapush.bearers.driving import Clock
from omapush.bearers.smpp_stream import SmppStream
from omapush.bearers.smsc_account import SmscAccount
from omapush.bearers.tcp import TcpBearer
from omapush.core.backoff import Backoff
from omapush.core.instants import Instant, later
from omapush.ota.interface import BearerUnavailable, StreamLink
from omapush.protocols.smpp.codec import PreparedPdu
from omapush.protocols.smpp.esme import EsmeSession
from omapush.protocols.smpp.pdu import Pdu
from omapush.protocols.smpp.primitives import (
    BindType,
    BoundInd,
    EsmeRequest,
    Indication,
    LateResponseInd,
    RequestInd,
    SendCnf,
    SendKind,
    SendReq,
    SessionEndedInd,
    UnbindReq,
)
from omapush.protocols.smpp.status import CommandStatus, StatusClass

log = structlog.get_logger(__name__)

REFUSED_CREDENTIALS = frozenset(
    {
        CommandStatus.ESME_RINVPASWD,
        CommandStatus.ESME_RINVSYSID,
        CommandStatus.ESME_RINVSYSTYP,
        CommandStatus.ESME_RPROHIBITED,
        CommandStatus.ESME_RSERTYPUNAUTH,
    }
)

Connection = StreamLink[Sequence[EsmeRequest]]
"""What a request of the SMSC came over, and its answer has to go back over."""


class LinkOwner(Protocol):
    """Whoever has several binds and gives them work."""

    def link_changed(self, link: SmscLink) -> None:
        """The bind is there, is gone, or has room again."""

    def answered(self) -> None:
        """The SMSC answered a request."""

    def requested(self, pdu: Pdu, connection: Connection) -> None:
        """The SMSC brought something; the session waits for its answer."""

    def answered_late(self, pdu: Pdu) -> None:
        """An answer came after its request had ended in doubt."""


class SmscLink:
    """One bind.

    :param number: among the binds of the SMSC, for people.
    :ivar failure: why the last attempt ended; empty while it is bound.
    """

    def __init__(
        self,
        account: SmscAccount,
        bind_type: BindType,
        number: int,
        tcp: TcpBearer,
        clock: Clock,
        spread: Callable[[], float],
        owner: LinkOwner,
    ) -> None:
        pace = account.pace
        self.bind_type = bind_type
        self.number = number
        self.failure = "not connected yet"
        self.outstanding = 0
        self._account = account
        self._tcp = tcp
        self._clock = clock
        self._owner = owner
        self._backoff = Backoff(pace.reconnect_first_ms, pace.reconnect_longest_ms, spread)
        self._connection: Connection | None = None
        self._bound_at: Instant | None = None
        self._ended: asyncio.Future[SessionEndedInd] | None = None
        self._closing = asyncio.Event()
        self._asked: dict[int, asyncio.Future[SendCnf]] = {}
        self._outbox: list[EsmeRequest] = []
        self._last_reference = 0

    @property
    def is_bound(self) -> bool:
        """Whether messages may flow."""
        return self._bound_at is not None

    @property
    def has_room(self) -> bool:
        """Whether a request may be sent now: bound to send, and the window is not full."""
        if self._connection is None or self.bind_type is BindType.RECEIVER:
            return False
        return self.is_bound and self.outstanding < self._account.pace.window

    def send(self, pdu: Pdu | PreparedPdu, confirmed: asyncio.Future[SendCnf]) -> None:
        """Send a request, if :attr:`has_room`; ``confirmed`` gets its end, whatever happens."""
        self._last_reference += 1
        reference = self._last_reference
        self._asked[reference] = confirmed
        self.outstanding += 1
        if not self._outbox:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outbox.append(SendReq(reference, pdu))

    def _flush(self) -> None:
        """Write by one write what this turn of the event loop asked for."""
        requests, self._outbox = self._outbox, []
        if self._connection is not None:
            self._connection.request(requests)
            return
        for request in requests:
            if isinstance(request, SendReq):
                self._confirm(
                    SendCnf(request.reference, SendKind.NOT_SENT, StatusClass.LINK, None, "unbound")
                )

    # -- the life of a bind --

    async def run(self) -> None:
        """Bind, and bind again, until :meth:`close` is called."""
        while not self._closing.is_set():
            try:
                ended = await self._once()
            except Exception:
                log.exception("smsc_bind_failed_unexpectedly", smsc=self._account.name)
                ended = SessionEndedInd("failed unexpectedly")
            wait_ms = self._wait_ms(ended)
            try:
                async with asyncio.timeout(wait_ms / 1000):
                    await self._closing.wait()
            except TimeoutError:
                pass

    async def close(self, patience_ms: int) -> None:
        """Unbind in good order, or after ``patience_ms`` in any."""
        self._closing.set()
        connection, ended = self._connection, self._ended
        if connection is None or ended is None:
            return
        connection.request([UnbindReq()])
        await asyncio.wait([ended], timeout=patience_ms / 1000)
        connection.close("the gateway stops")

    async def _once(self) -> SessionEndedInd:
        """Connect, bind and stay until the end; return why it ended."""
        account = self._account
        closed = asyncio.get_running_loop().create_future()
        self._ended = closed
        session = EsmeSession(account.esme(self.bind_type))
        early: list[Indication] = []

        def indicated(indication: Indication) -> None:
            # Some event loops read before they tell who waits for the connection that it is there.
            if self._connection is None and not closed.done():
                early.append(indication)
            else:
                self._indicated(indication, closed)

        def on_closed(reason: str) -> None:
            if not closed.done() and self._connection is not None:
                closed.set_result(SessionEndedInd(reason))

        try:
            self._connection = await self._tcp.connect(
                account.host,
                account.port,
                SmppStream(session),
                indicated,
                on_closed,
                account.pace.connect_timeout_ms,
                account.tls,
            )
        except BearerUnavailable as error:
            return SessionEndedInd(error.reason)
        for indication in early:
            self._indicated(indication, closed)
        self._owner.link_changed(self)
        try:
            return await asyncio.shield(closed)
        finally:
            self._connection.close("the bind has ended")
            self._connection = None

    def _wait_ms(self, ended: SessionEndedInd) -> int:
        """Note how a bind ended; return how long to wait before the next."""
        lasted_from, self._bound_at = self._bound_at, None
        self.failure = ended.reason
        if lasted_from is not None and self._clock() > later(lasted_from, self._backoff.next_ms):
            self._backoff.reset()
        wait_ms = self._backoff.wait_ms()
        said = log.info if ended.orderly and self._closing.is_set() else log.warning
        if ended.command_status in REFUSED_CREDENTIALS:
            wait_ms = max(wait_ms, self._account.pace.reconnect_refused_ms)
            said = log.error
        said(
            "smsc_bind_ended",
            smsc=self._account.name,
            bind=self.number,
            reason=ended.reason,
            again_in_ms=None if self._closing.is_set() else wait_ms,
        )
        self._owner.link_changed(self)
        return wait_ms

    # -- what the session tells --

    def _indicated(self, indication: Indication, closed: asyncio.Future[SessionEndedInd]) -> None:
        match indication:
            case SendCnf():
                if indication.kind is SendKind.ANSWERED:
                    self._owner.answered()
                self._confirm(indication)
            case RequestInd(pdu=pdu) if self._connection is not None:
                self._owner.requested(pdu, self._connection)
            case BoundInd():
                self._bound(indication)
            case LateResponseInd(response=pdu):
                self._owner.answered_late(pdu)
            case SessionEndedInd():
                self._bound_at = None
                if not closed.done():
                    closed.set_result(indication)
            case _:
                log.debug("smsc_indicated", smsc=self._account.name, what=type(indication).__name__)

    def _bound(self, indication: BoundInd) -> None:
        self._bound_at = self._clock()
        self.failure = ""
        self._owner.answered()
        log.info(
            "smsc_bound",
            smsc=self._account.name,
            bind=self.number,
            bind_type=indication.bind_type.name.lower(),
            peer=indication.system_id,
            version=indication.interface_version,
        )
        self._owner.link_changed(self)

    def _confirm(self, confirmation: SendCnf) -> None:
        confirmed = self._asked.pop(int(confirmation.reference), None)
        if confirmed is None:
            return
        self.outstanding -= 1
        if not confirmed.done():
            confirmed.set_result(confirmation)
        self._owner.link_changed(self)
