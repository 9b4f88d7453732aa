"""Reaching a client by connectionless pushes over UDP (OTA-WSP, WAP-235 6.3).

A datagram is sent once and nobody answers: the delivery has ended when it is with the network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from omapush.content.message import PushMessage
from omapush.core.instants import MINUTE_MS, Instant, later
from omapush.ota.datagrams import DatagramBearer, DatagramEndpoint, Peer
from omapush.ota.interface import BearerUnavailable, OutcomeKind, PushOutcome
from omapush.ppg.contacts import UdpContact
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.reach import BackOff
from omapush.ppg.store.contract import ClaimedDelivery
from omapush.ppg.transform import Unfit
from omapush.ppg.unit_push import UnitPushSettings, datagram_of

OUTSTANDING = 16
NAMES = 1_024
"""So many names are remembered with their addresses."""


@dataclass(frozen=True, slots=True)
class DatagramSettings:
    """How UDP is used for pushes.

    :ivar max_datagram: octets of the longest push; longer ones would be cut into IP fragments,
        which networks lose.
    :ivar resolve_ms: patience with names.
    :ivar name_age_ms: a name is looked up again after so long.
    """

    unit_push: UnitPushSettings = UnitPushSettings()
    max_datagram: int = 1_472
    resolve_ms: int = 5_000
    name_age_ms: int = MINUTE_MS


class Datagrams:
    """What all UDP reaches share: the open port, and what names were found to mean.

    Where datagrams go is in the settings only.
    """

    def __init__(
        self, bearer: DatagramBearer, endpoint: DatagramEndpoint, settings: DatagramSettings
    ) -> None:
        self._bearer = bearer
        self._known: dict[UdpContact, _Known] = {}
        self.endpoint = endpoint
        self.settings = settings

    async def peer(self, where: UdpContact, now: Instant) -> Peer:
        """Return where datagrams for ``where`` go. :raises BearerUnavailable: not resolved."""
        known = self._known.get(where)
        if known is not None and now < known.until:
            return known.peer
        peer = await self._bearer.resolve(where.host, where.port, self.settings.resolve_ms)
        self._known.pop(where, None)
        if peer.host != where.host:
            while len(self._known) >= NAMES:
                del self._known[next(iter(self._known))]
            self._known[where] = _Known(peer, later(now, self.settings.name_age_ms))
        return peer


@dataclass(frozen=True, slots=True)
class _Known:
    peer: Peer
    until: Instant


class DatagramReach:
    """The way to a client's push port."""

    is_open = False
    outstanding_limit = OUTSTANDING

    def __init__(
        self,
        client_id: str,
        where: UdpContact,
        datagrams: Datagrams,
        retry: RetryPolicy,
        clock: Callable[[], Instant],
    ) -> None:
        self._where = where
        self._datagrams = datagrams
        self._clock = clock
        self._back_off = BackOff(retry, clock, client_id)

    @property
    def not_before(self) -> Instant:
        """Nothing is sent before: its name could not be resolved."""
        return self._back_off.not_before

    @property
    def worth_keeping(self) -> bool:
        """Whether there is a growing wait."""
        return self.not_before > 0

    async def ask(self, claimed: ClaimedDelivery, message: PushMessage) -> None:
        """Do nothing: nobody has to open this way."""

    def retire(self, reason: str) -> None:
        """Nothing is open."""

    async def passage(
        self, claimed: ClaimedDelivery, message: PushMessage
    ) -> DatagramPassage | Unfit:
        """Return the way for one push; see :class:`omapush.ppg.reach.Reach`."""
        settings = self._datagrams.settings
        datagram = datagram_of(claimed, message, settings.unit_push)
        if isinstance(datagram, Unfit):
            return datagram
        if len(datagram) > settings.max_datagram:
            return Unfit(
                f"{len(datagram)} octets, and a push by UDP has at most {settings.max_datagram}"
            )
        now = self._clock()
        self._back_off.check(now)
        try:
            peer = await self._datagrams.peer(self._where, now)
        except BearerUnavailable as error:
            self._back_off.failed(error.reason)
            raise
        self._back_off.succeeded()
        return DatagramPassage(str(claimed.key), datagram, peer, self._datagrams.endpoint)


@dataclass(frozen=True, slots=True)
class DatagramPassage:
    """One datagram and where it goes."""

    delivery_id: str
    datagram: bytes
    peer: Peer
    endpoint: DatagramEndpoint

    async def push(self) -> PushOutcome:
        """Hand it to the network."""
        try:
            self.endpoint.send(self.datagram, self.peer)
        except BearerUnavailable as error:
            return PushOutcome(self.delivery_id, OutcomeKind.LATER, error.reason)
        reason = f"sent, {len(self.datagram)} octets; nobody confirms it"
        return PushOutcome(self.delivery_id, OutcomeKind.DONE, reason)
