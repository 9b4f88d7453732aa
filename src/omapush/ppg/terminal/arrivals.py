"""Terminals that dial the gateway (TO-TCP, WAP-235 7.2.4): from a nameless connection to a client.

The gateway asks first: nothing is known of a connection but the peer's address until the terminal
has answered. Then it is a client's, or it is closed. Whoever fails to prove who he is, again and
again, is not listened to for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from omapush.core.instants import Instant
from omapush.core.networks import host_of
from omapush.ota.http.ppg import (
    HttpPpgRequest,
    HttpPpgSession,
    HttpPpgSettings,
    Scheme,
    TerminalAccounts,
)
from omapush.ota.interface import ConnectionLink, PpgIndication, RegistrationInd, SessionFailedInd
from omapush.ppg.client import Client
from omapush.ppg.lockout import Lockout
from omapush.ppg.terminal.accounts import Accounts, AccountsForStrangers
from omapush.ppg.terminal.connection import Method, TerminalConnection
from omapush.ppg.terminal.directory import Directory
from omapush.ppg.terminal.identification import Identification, Stranger, is_proved
from omapush.ppg.terminal.live import LiveTerminals
from omapush.ppg.terminal.metrics import Refusal, TerminalMetrics
from omapush.ppg.terminal.remembering import to_record

log = structlog.get_logger(__name__)


class Arrivals:
    """What a listener of ``bearers.tcp`` does with connections of terminals.

    :param new_nonce: gives a text that nobody can foresee, for a challenge.
    """

    def __init__(
        self,
        identification: Identification,
        accounts: Accounts,
        live: LiveTerminals,
        directory: Directory,
        session: HttpPpgSettings,
        lockout: Lockout,
        new_nonce: Callable[[], str],
        clock: Callable[[], Instant],
        metrics: TerminalMetrics | None = None,
    ) -> None:
        self._metrics = metrics or TerminalMetrics()
        self._identification = identification
        self._accounts = accounts
        self._live = live
        self._directory = directory
        self._session = session
        self._lockout = lockout
        self._new_nonce = new_nonce
        self._clock = clock
        # Where terminals are asked for a proof the session waits for it.
        is_asked = session.challenge is not Scheme.NONE
        self._shown: TerminalAccounts = accounts if is_asked else AccountsForStrangers(accounts)
        self._known: dict[ConnectionLink[HttpPpgRequest], tuple[str, TerminalConnection]] = {}

    def __len__(self) -> int:
        """How many connections belong to a client."""
        return len(self._known)

    def health(self) -> Sequence[str]:
        """Return a line for people."""
        return (f"terminals: {len(self._known)} connections of {len(self._live)} clients",)

    def admits(self, address: str) -> bool:
        """Whether a connection from ``address`` is listened to now."""
        return not self._lockout.remaining_ms(address, self._clock())

    def open_session(self, address: str) -> HttpPpgSession:
        """Return the session of a connection that a terminal at ``address`` has made."""
        terminal_id = self._accounts.terminal_at(address)
        known = None if terminal_id is None else self._accounts.known_cpi(terminal_id)
        return HttpPpgSession(
            self._session,
            assumed_cpi_tag=None if known is None else known.tag,
            known_cpi=None if known is None else known.cpi,
            assumed_terminal_id=terminal_id if known is not None else None,
            accounts=self._shown,
            new_nonce=self._new_nonce,
        )

    def indication(self, link: ConnectionLink[HttpPpgRequest], indication: PpgIndication) -> None:
        """Take what a session tells."""
        match indication:
            case RegistrationInd():
                indication = self._as_proved(link, indication)
                self._registered(link, indication)
            case SessionFailedInd():
                self._failed(link, indication)
        known = self._known.get(link)
        if known is not None:
            known[1].indication(indication)

    def _as_proved(
        self, link: ConnectionLink[HttpPpgRequest], told: RegistrationInd
    ) -> RegistrationInd:
        """Say also of a terminal that it is authenticated which has shown its certificate."""
        proved = is_proved(self._accounts, told, link.peer_certificate)
        return replace(told, authenticated=True) if proved and not told.authenticated else told

    def closed(self, link: ConnectionLink[HttpPpgRequest], reason: str) -> None:
        """Take the end of a connection."""
        known = self._known.pop(link, None)
        if known is None:
            log.debug("stranger_left", peer=link.peer, reason=reason)
            return
        client_id, connection = known
        self._metrics.ended(Method.TO_TCP)
        connection.ended(reason)
        log.debug("terminal_disconnected", client=client_id, peer=link.peer, reason=reason)
        if self._live.remove(client_id, connection):
            self._directory.departed(client_id)

    def _registered(self, link: ConnectionLink[HttpPpgRequest], told: RegistrationInd) -> None:
        host = host_of(link.peer)
        found = self._identification.client_of(told, host, link.peer_certificate)
        known = self._known.get(link)
        kind = Refusal.UNNAMED
        if isinstance(found, Stranger):
            kind = Refusal.STRANGER if found.unproved else kind
        elif known is not None and known[0] != found.client_id:
            kind = Refusal.ANOTHER_TERMINAL
            found = Stranger("it says that it is another terminal now")
        if isinstance(found, Stranger):
            if known is not None:
                known[1].retire(found.reason)
            self._refuse(link, told, found, kind)
        else:
            self._metrics.registered(Method.TO_TCP, authenticated=told.authenticated)
            connection = self._connection(link, found) if known is None else known[1]
            connection.registered_at = self._clock()
            self._remember(link, found, told, connected=known is None)
            if known is None:
                # After the registration, by which it becomes usable.
                connection.indication(told)
                self._live.add(found.client_id, connection)

    def _connection(
        self, link: ConnectionLink[HttpPpgRequest], client: Client
    ) -> TerminalConnection:
        connection = TerminalConnection(
            Method.TO_TCP, link.peer, self._clock(), link, secure=link.is_secure
        )
        self._known[link] = client.client_id, connection
        link.identified()
        # Not for everybody's eyes: a line for each would cost a quarter of what coming in costs.
        log.debug("terminal_connected", client=client.client_id, peer=link.peer)
        return connection

    def _failed(self, link: ConnectionLink[HttpPpgRequest], told: SessionFailedInd) -> None:
        if told.authentication:
            self._metrics.refused(Method.TO_TCP, Refusal.CREDENTIALS)
            self._note_failure(link.peer)
            log.warning("terminal_refused", peer=link.peer, reason=told.reason)
        elif link not in self._known:
            self._metrics.refused(Method.TO_TCP, Refusal.REGISTRATION)
            # Crowds that say nothing are counted; whoever refuses us may be a terminal of ours.
            tell = log.debug if told.status is None else log.info
            tell("terminal_not_registered", peer=link.peer, reason=told.reason)

    def _note_failure(self, peer: str) -> None:
        host = host_of(peer)
        if self._lockout.failed(host, self._clock()):
            self._metrics.locked_out()
            log.warning("terminal_address_locked_out", host=host)

    def _refuse(
        self,
        link: ConnectionLink[HttpPpgRequest],
        told: RegistrationInd,
        why: Stranger,
        kind: Refusal,
    ) -> None:
        self._metrics.refused(Method.TO_TCP, kind)
        if why.unproved:
            self._note_failure(link.peer)
        terminal_id = ascii(told.terminal_id)
        log.warning("terminal_refused", peer=link.peer, terminal=terminal_id, reason=why.reason)
        link.close(why.reason)

    def _remember(
        self,
        link: ConnectionLink[HttpPpgRequest],
        client: Client,
        told: RegistrationInd,
        *,
        connected: bool,
    ) -> None:
        host = host_of(link.peer)
        terminal_id = told.terminal_id or ""
        if told.authenticated or self._accounts.must_prove(terminal_id):
            # Only a proof counts: a mere name would end the row of whoever guesses between.
            self._lockout.succeeded(host)
        before = self._accounts.known_cpi(terminal_id)
        known = before.cpi if before is not None else {}
        record = to_record(client.client_id, told, known, link.peer, self._clock())
        if record.cpi_tag is not None:
            self._accounts.learn(terminal_id, record.cpi_tag, record.cpi)
        self._accounts.seen(terminal_id, host)
        self._directory.arrived(record, connected=connected)
