"""One connection that the terminal has dialled: its pushes to the receiver, the answers back."""

from __future__ import annotations

import asyncio

from omapush.client.binding.push_receiver import PushReceiver
from omapush.client.connections.dialling import Destination
from omapush.core.instants import Instant
from omapush.ota.http.client import HttpClientRequest
from omapush.ota.interface import (
    ClientIndication,
    PoConfirmedPushInd,
    PomCapabilitiesChangedReq,
    PoPushVoidInd,
    StreamLink,
)


class OpenConnection:
    """Stands between a link and the receiver, for whom it is the link.

    Some event loops read before they say who is there, so what comes early waits for :meth:`begin`.

    :ivar to: what was dialled. :ivar ended: why it ended, when it has.
    :ivar address: of the gateway. :ivar dialled_from: the terminal's own, if it is known.
    """

    def __init__(self, to: Destination, receiver: PushReceiver) -> None:
        self.to = to
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.address = ""
        self.dialled_from: str | None = None
        self.opened_at = Instant(0)
        self._receiver = receiver
        self._link: StreamLink[HttpClientRequest] | None = None
        self._begun = False
        self._early: list[ClientIndication] = []  # few: the session bounds them
        self._unanswered: set[str] = set()

    @property
    def peer(self) -> str:
        """The gateway's address and port, for people."""
        return self._link.peer if self._link is not None else ""

    @property
    def is_idle(self) -> bool:
        """Whether no push waits for its answer."""
        return not self._unanswered

    def opened(self, link: StreamLink[HttpClientRequest], now: Instant) -> None:
        """There is a link; nothing is told before :meth:`begin`."""
        self._link, self.opened_at = link, now

    def begin(self) -> None:
        """Go on with what the connection has brought already."""
        self._begun = True
        early, self._early = self._early, []
        for indication in early:
            self.indication(indication)

    def request(self, primitive: HttpClientRequest) -> None:
        """Hand a primitive to the session."""
        if not isinstance(primitive, PomCapabilitiesChangedReq):
            self._unanswered.discard(primitive.reference)
        if self._link is not None and not self.ended.done():
            self._link.request(primitive)

    def close(self, reason: str) -> None:
        """End the connection."""
        if self._link is not None:
            self._link.close(reason)

    def abandon(self, reason: str) -> None:
        """End the connection, and do not wait for its last octets: nobody may get them."""
        self.close(reason)
        self.closed(reason)

    def indication(self, indication: ClientIndication) -> None:
        """Take what the session tells."""
        if not self._begun:
            self._early.append(indication)
            return
        match indication:
            case PoConfirmedPushInd(reference=reference):
                self._unanswered.add(reference)
            case PoPushVoidInd(reference=reference):
                self._unanswered.discard(reference)
        self._receiver.indication(self, indication)

    def closed(self, reason: str) -> None:
        """Take the end of the connection."""
        if not self.ended.done():
            self.ended.set_result(reason)
