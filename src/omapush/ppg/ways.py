"""From a route to the reach that knows its kind of contact: the one place that tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from omapush.core.instants import HOUR_MS, Instant
from omapush.ota.bearer_reports import BearerReport
from omapush.ota.short_messages import ShortMessageBearer
from omapush.ppg.client import Client
from omapush.ppg.contacts import (
    Connectionless,
    HttpContact,
    SessionContact,
    SipContact,
    SmsContact,
    UdpContact,
)
from omapush.ppg.datagram_reach import DatagramReach, Datagrams
from omapush.ppg.profiles import Profiles
from omapush.ppg.push_sessions import PushSessions
from omapush.ppg.reach import ClosedReach, Reach
from omapush.ppg.reports import Reports
from omapush.ppg.routing import Route
from omapush.ppg.session_reach import SessionReach, SessionSettings
from omapush.ppg.short_message_reach import ShortMessageReach, ShortMessageSettings
from omapush.ppg.sip.reach import SipReach, SipUsers
from omapush.ppg.store.contract import ClaimedDelivery, Store
from omapush.ppg.terminal.dialling import Terminals
from omapush.ppg.terminal.live import LiveTerminals
from omapush.ppg.terminal.reach import TerminalReach, TerminalReachSettings


@dataclass(frozen=True, slots=True)
class ShortMessages:
    """What reaching phones by SMS needs."""

    bearer: ShortMessageBearer
    settings: ShortMessageSettings
    reports: Reports


@dataclass(frozen=True, slots=True)
class Sessions:
    """What reaching clients in their push sessions needs.

    :ivar profiles: completes what clients said when they connected; ``None``: that counts alone.
    """

    sessions: PushSessions
    settings: SessionSettings
    profiles: Profiles | None = None


class Ways:
    """Gives each client's lane its reaches.

    :param datagrams: for contacts by UDP; ``None``: none is configured.
    :param short_messages: for contacts by SMS; ``None``: no SMSC is configured.
    :param sessions: for push sessions; ``None``: no port is open for them.
    :param sip: for SIP users; ``None``: no core is configured.
    :param live: the connections that terminals have made.
    """

    def __init__(
        self,
        store: Store,
        terminals: Terminals,
        clock: Callable[[], Instant],
        settings: TerminalReachSettings | None = None,
        datagrams: Datagrams | None = None,
        short_messages: ShortMessages | None = None,
        sessions: Sessions | None = None,
        live: LiveTerminals | None = None,
        sip: SipUsers | None = None,
    ) -> None:
        self._store = store
        self._terminals = terminals
        self._clock = clock
        self._settings = settings or TerminalReachSettings()
        self._datagrams = datagrams
        self._short_messages = short_messages
        self._sessions = sessions
        self._sip = sip
        self._live = LiveTerminals() if live is None else live

    def reach(self, client: Client, route: Route) -> Reach:
        """Return the way to ``client`` over the contact of ``route``."""
        match route.contact.where:
            case HttpContact() as where:
                return self._terminal(client, where)
            case UdpContact() as where if self._datagrams is not None:
                retry = self._settings.retry
                return DatagramReach(client.client_id, where, self._datagrams, retry, self._clock)
            case SmsContact() as where if self._short_messages is not None:
                return self._phone(where, self._short_messages)
            case SessionContact() as where if self._sessions is not None:
                return self._in_session(client, where, self._sessions)
            case SipContact() as where if self._sip is not None:
                return self._by_core(client, where, self._sip)
            case _:
                return ClosedReach(route.contact)

    def health(self) -> Sequence[str]:
        """Return lines for people about what carries pushes; see ``ppg.admin``."""
        return () if self._short_messages is None else self._short_messages.bearer.health()

    async def inquire(self, client: Client | None, claimed: ClaimedDelivery) -> tuple[str, int]:
        """Ask the bearer that has a push what became of it; its answer goes into the ledger.

        Returned is a sentence for the timeline, and how many milliseconds to wait for a report.

        :raises StoreUnavailable: the ledger did not take the answer.
        """
        contacts = client.contacts if client is not None else ()
        phones = [each.where for each in contacts if isinstance(each.where, SmsContact)]
        if self._short_messages is None or not phones:
            return "no report has come, and no bearer is left to be asked", HOUR_MS
        wait_ms = self._short_messages.settings.report_within_ms
        reports: list[BearerReport] = []
        for phone in phones:
            # Which of its numbers had the push is not known; an SMSC tells nothing of another's.
            reports = reports or await self._phone(phone, self._short_messages).inquire(claimed)
        if not reports:
            return "no report has come, and the SMSC does not tell either", wait_ms
        await self._short_messages.reports.take(reports)
        told = ", ".join(sorted({report.verdict.value for report in reports}))
        return f"the SMSC was asked, and says: {told}", wait_ms

    def _terminal(self, client: Client, where: HttpContact) -> Reach:
        return TerminalReach(
            client,
            where,
            self._store,
            self._terminals,
            self._live,
            self._connectionless(client),
            self._clock,
            self._settings,
        )

    def _in_session(self, client: Client, where: SessionContact, sessions: Sessions) -> Reach:
        return SessionReach(
            client,
            where,
            sessions.sessions,
            self._connectionless(client),
            self._store,
            sessions.profiles,
            self._settings.retry,
            sessions.settings,
            self._clock,
        )

    def _by_core(self, client: Client, where: SipContact, sip: SipUsers) -> Reach:
        other = self._connectionless(client)
        return SipReach(client, where, sip, other, self._store, self._settings.retry, self._clock)

    def _connectionless(self, client: Client) -> Reach | None:
        """Return the first way for a session request: by another it would never leave."""
        reaches = (
            self.reach(client, Route(each, each.where.way))
            for each in client.contacts
            if isinstance(each.where, Connectionless)
        )
        return next((each for each in reaches if not isinstance(each, ClosedReach)), None)

    def _phone(self, where: SmsContact, sms: ShortMessages) -> ShortMessageReach:
        return ShortMessageReach(where, sms.bearer, sms.settings)
