"""A session of SMPP as a stream bearer drives it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from omapush.core.instants import Instant
from omapush.ota.interface import CloseConnection, Effect, SendOctets
from omapush.protocols.smpp import primitives as smpp

RequestT = TypeVar("RequestT", contravariant=True)


class SmppSession(Protocol[RequestT]):
    """What both roles of ``protocols.smpp`` have."""

    def connected(self, now: Instant) -> None: ...
    def request(self, primitive: RequestT, now: Instant) -> None: ...
    def receive(self, octets: bytes, now: Instant) -> None: ...
    def disconnected(self, reason: str, now: Instant) -> None: ...
    def next_timer(self) -> Instant | None: ...
    def handle_timer(self, now: Instant) -> None: ...
    def effects(self) -> list[smpp.Effect]: ...
    def indications(self) -> list[smpp.Indication]: ...


class SmppStream(Generic[RequestT]):
    """Implements ``ota.interface.StreamSession`` for a session of SMPP.

    A request is a sequence of primitives: what is asked for together goes out by one write.
    """

    def __init__(self, session: SmppSession[RequestT]) -> None:
        self._session = session
        self.connected = session.connected
        self.receive = session.receive
        self.disconnected = session.disconnected
        self.next_timer = session.next_timer
        self.handle_timer = session.handle_timer
        self.indications = session.indications

    def request(self, primitive: Sequence[RequestT], now: Instant) -> None:
        """Take primitives from above, in order."""
        for each in primitive:
            self._session.request(each, now)

    def effects(self) -> list[Effect]:
        """Hand out what is to be done, in the words of stream bearers."""
        return [
            SendOctets(effect.octets)
            if isinstance(effect, smpp.SendOctets)
            else CloseConnection(effect.reason)
            for effect in self._session.effects()
        ]
