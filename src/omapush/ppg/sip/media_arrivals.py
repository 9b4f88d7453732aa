"""The connections that devices make for the media sessions that they were invited to.

By the first request on a connection it is known which session it is for (RFC 4975 5.4); a device
may be quicker with it than the core with its answer to the INVITE.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from omapush.ota.interface import BearerUnavailable, ConnectionLink
from omapush.ota.sip.media import MediaSessions, MediaStream
from omapush.ppg.sip.media_session import MediaSession
from omapush.protocols.msrp.connection import MsrpConnection
from omapush.protocols.msrp.session import BoundInd, Ends, MsrpIndication, MsrpRequest, MsrpSettings
from omapush.protocols.msrp.uri import MsrpUri

log = structlog.get_logger(__name__)

MediaLink = ConnectionLink[MsrpRequest]

MAX_ARRIVALS = 10_000
NOT_WANTED = "nobody waits for it any more"


@dataclass(slots=True)
class Arrival:
    """A connection that is expected.

    :ivar link: it, once it is there.
    :ivar session: who uses it, once he does.
    """

    ends: Ends
    link: asyncio.Future[MediaLink]
    session: MediaSession | None = None

    def hung_up(self, reason: str) -> None:
        """Nobody will come."""
        if not self.link.done():
            self.link.set_exception(BearerUnavailable(reason))


class MediaArrivals:
    """Serves the port that devices connect to.

    :param new_id: returns identifiers that nobody can guess, alphanumeric.
    :param limit: so many connections are expected or open at once.
    """

    def __init__(
        self, settings: MsrpSettings, new_id: Callable[[], str], limit: int = MAX_ARRIVALS
    ) -> None:
        self._settings = settings
        self._new_id = new_id
        self._sessions = MediaSessions(limit)
        self._expected: dict[str | None, Arrival] = {}
        self._come: dict[MediaLink, Arrival] = {}

    @property
    def is_full(self) -> bool:
        """Whether no more connections can be expected."""
        return self._sessions.is_full

    def expect(self, own: MsrpUri) -> Arrival:
        """A connection will come for the session of this URI."""
        # The device's own path stands in its answer, which may come later than its connection.
        arrival = Arrival(Ends((own,), ()), asyncio.get_running_loop().create_future())
        self._sessions.expect(arrival.ends)
        self._expected[own.session_id] = arrival
        return arrival

    def forget(self, arrival: Arrival) -> None:
        """None will come any more, or what came is of no more use: then it is closed."""
        self._sessions.forget(arrival.ends)
        self._expected.pop(arrival.ends.own[-1].session_id, None)
        if arrival.link.cancel() or arrival.session is not None:
            return
        if not arrival.link.cancelled() and arrival.link.exception() is None:
            arrival.link.result().close(NOT_WANTED)

    def open_session(self, address: str) -> MediaStream:
        """Return what speaks on a connection from ``address``."""
        return MediaStream(MsrpConnection(self._settings, self._new_id, find=self._sessions.find))

    def indication(self, link: MediaLink, indication: MsrpIndication) -> None:
        """Take what a connection tells."""
        if isinstance(indication, BoundInd):
            self._bound(link, indication.ends.own[-1])
            return
        arrival = self._come.get(link)
        if arrival is not None and arrival.session is not None:
            arrival.session.indication(indication)

    def closed(self, link: MediaLink, reason: str) -> None:
        """A connection has ended, and with it its session: the place is free again."""
        arrival = self._come.pop(link, None)
        if arrival is None:
            log.info("media_connection_unused", peer=link.peer, reason=reason)
            return
        self.forget(arrival)
        if arrival.session is not None:
            arrival.session.lost(reason)

    def _bound(self, link: MediaLink, own: MsrpUri) -> None:
        link.identified()
        arrival = self._expected.get(own.session_id)
        if arrival is None or arrival.link.done():
            link.close(NOT_WANTED)
            return
        self._come[link] = arrival
        arrival.link.set_result(link)
