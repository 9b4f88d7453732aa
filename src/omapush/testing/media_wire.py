"""A connection in memory between two media streams, and a device that takes pushes over MSRP."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from omapush.core.instants import Instant
from omapush.core.peer_certificate import PeerCertificate
from omapush.ota.interface import CloseConnection, SendOctets
from omapush.ota.sip.media import Answered, MediaStream, report_of
from omapush.ppg.sip.media_arrivals import MediaArrivals
from omapush.protocols.msrp.connection import MsrpConnection
from omapush.protocols.msrp.session import (
    Ends,
    MessageFailedInd,
    MessageInd,
    MsrpIndication,
    MsrpRequest,
    MsrpSettings,
)
from omapush.protocols.msrp.uri import MsrpUri, parse_path
from omapush.protocols.sdp import (
    Direction,
    Media,
    Setup,
    encode_description,
    parse_description,
)
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse

Clock = Callable[[], Instant]


class WireEnd:
    """One end of a connection; implements ``ota.interface.ConnectionLink``."""

    peer = "192.0.2.7:50000"
    is_secure = False
    peer_certificate: PeerCertificate | None = None

    def __init__(
        self,
        stream: MediaStream,
        on_indication: Callable[[WireEnd, MsrpIndication], None],
        on_closed: Callable[[WireEnd, str], None],
        clock: Clock,
    ) -> None:
        self._stream = stream
        self._on_indication = on_indication
        self._on_closed = on_closed
        self._clock = clock
        self._other: WireEnd | None = None
        self._is_open = True
        self.is_identified = False

    def joined(self, other: WireEnd) -> None:
        """Be connected."""
        self._other = other
        self._stream.connected(self._clock())
        self._drain()

    def identified(self) -> None:
        """Take note of it."""
        self.is_identified = True

    def request(self, primitive: MsrpRequest) -> None:
        """Hand a primitive to the stream."""
        self._stream.request(primitive, self._clock())
        self._drain()

    def close(self, reason: str) -> None:
        """Close the connection at both ends."""
        for end in (self, self._other):
            if end is not None:
                end.lost(reason)

    def lost(self, reason: str) -> None:
        """The connection ends."""
        if not self._is_open:
            return
        self._is_open = False
        self._stream.disconnected(reason, self._clock())
        self._drain()
        self._on_closed(self, reason)

    def received(self, octets: bytes) -> None:
        """Octets came."""
        if self._is_open:
            self._stream.receive(octets, self._clock())
            self._drain()

    def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        for effect in self._stream.effects():
            match effect:
                case SendOctets(octets=octets) if self._other is not None and self._is_open:
                    loop.call_soon(self._other.received, octets)
                case CloseConnection(reason=reason):
                    loop.call_soon(self.close, reason)
                case _:
                    pass
        for indication in self._stream.indications():
            self._on_indication(self, indication)


class MediaDevice:
    """The device's side: answers INVITEs, connects or is connected to, takes pushes.

    :ivar taken: the messages that came. :ivar failed: its own that did not arrive.
    :ivar answers: what it says of those that came, one after the other; then that they are taken;
        ``None``: nothing.
    :ivar setup: of its answer; ``max_size`` and ``accept_types`` likewise.
    """

    def __init__(self, arrivals: MediaArrivals, clock: Clock) -> None:
        self.setup = Setup.ACTIVE
        self.max_size: int | None = None
        self.accept_types: tuple[str, ...] = ("*",)
        self.taken: list[MessageInd] = []
        self.failed: list[MessageFailedInd] = []
        self.answers: list[Answered | None] = []
        self.offers: list[Media] = []
        self.ends: list[WireEnd] = []
        self.connects = True
        self._arrivals = arrivals
        self._clock = clock
        self._numbers = itertools.count(1)
        self._sessions: dict[str | None, Ends] = {}

    def invited(self, request: SipRequest) -> SipResponse:
        """Answer an INVITE."""
        offer = parse_description(request.body)
        media = offer.msrp
        if media is None:
            return SipResponse(488, "Not Acceptable Here")
        self.offers.append(media)
        own = MsrpUri("192.0.2.7", 7654, f"device{next(self._numbers):010d}")
        ends = Ends((own,), parse_path(media.path))
        self._sessions[own.session_id] = ends
        answer = Media(
            port=own.port,
            protocol=media.protocol,
            path=str(own),
            accept_types=self.accept_types,
            max_size=self.max_size,
            setup=self.setup,
            direction=Direction.RECVONLY,
        )
        if self.setup is Setup.ACTIVE and self.connects:
            asyncio.get_running_loop().call_soon(self._connect, ends)
        body = encode_description(offer.answered_by(answer, own.host))
        headers = (("Contact", "<sip:alice@192.0.2.7>"), ("Content-Type", "application/sdp"))
        return SipResponse(200, "OK", SipHeaders(headers), body)

    async def connect(
        self,
        host: str,
        port: int,
        session: Any,  # noqa: ANN401 - of the bearer's port
        on_indication: Callable[[Any], None],
        on_closed: Callable[[str], None],
        timeout_ms: int,
    ) -> Any:  # noqa: ANN401
        """Be dialled; the gateway's ``ota.interface.StreamBearer``."""
        stream = MediaStream(MsrpConnection(MsrpSettings(), self._new_id, find=self._find))
        mine = WireEnd(stream, self._indication, _nothing, self._clock)
        theirs = WireEnd(
            session,
            lambda _, told: on_indication(told),
            lambda _, why: on_closed(why),
            self._clock,
        )
        self.ends.append(mine)
        mine.joined(theirs)
        theirs.joined(mine)
        return theirs

    def _connect(self, ends: Ends) -> None:
        connection = MsrpConnection(MsrpSettings(), self._new_id, ends=ends)
        mine = WireEnd(MediaStream(connection, binds=True), self._indication, _nothing, self._clock)
        theirs = WireEnd(
            self._arrivals.open_session("192.0.2.7"),
            self._arrivals.indication,
            self._arrivals.closed,
            self._clock,
        )
        self.ends.append(mine)
        theirs.joined(mine)
        mine.joined(theirs)

    def _find(self, uri: MsrpUri) -> Ends:
        return self._sessions[uri.session_id]

    def _indication(self, end: WireEnd, indication: MsrpIndication) -> None:
        if isinstance(indication, MessageFailedInd):
            self.failed.append(indication)
        if not isinstance(indication, MessageInd) or not indication.body:
            return
        self.taken.append(indication)
        answered = self.answers.pop(0) if self.answers else Answered()
        report = None if answered is None else report_of(indication, answered)
        if report is not None:
            end.request(report)

    def _new_id(self) -> str:
        return f"id{next(self._numbers):014d}"


def _nothing(_end: WireEnd, _reason: str) -> None:
    """A device does not mind."""
