"""Connections that the gateway dials (PO-TCP, WAP-235 7.2.4), registered before they are used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from omapush.core.instants import SECOND_MS, Instant
from omapush.ota.http.ppg import (
    NO_ACCOUNTS,
    HttpPpgRequest,
    HttpPpgSession,
    HttpPpgSettings,
    Scheme,
    TerminalAccounts,
)
from omapush.ota.interface import (
    BearerUnavailable,
    ClientCapabilities,
    ConnectionLink,
    RegistrationInd,
    SecurityFailure,
    StreamBearer,
)
from omapush.ppg.client import Client
from omapush.ppg.contacts import HttpContact
from omapush.ppg.profiles import Profiles
from omapush.ppg.reach import RegistrationFailedError
from omapush.ppg.store.contract import RegistrationRecord
from omapush.ppg.terminal.connection import Method, TerminalConnection
from omapush.ppg.terminal.identification import Proofs, is_proved
from omapush.ppg.terminal.live import LiveTerminals
from omapush.ppg.terminal.metrics import Refusal, TerminalMetrics


@dataclass(frozen=True, slots=True)
class Dialling:
    """What dialling needs.

    :ivar secure: dials by TLS; ``None``: this gateway does not.
    :ivar proofs: who has to prove who it is, and by which certificates; ``None``: nobody.
    :ivar proof_required: every terminal has to.
    """

    bearer: StreamBearer
    session: HttpPpgSettings
    new_nonce: Callable[[], str]
    connect_timeout_ms: int = 10 * SECOND_MS
    secure: StreamBearer | None = None
    accounts: TerminalAccounts = NO_ACCOUNTS
    proofs: Proofs | None = None
    proof_required: bool = False


class Terminals:
    """Dials terminals, with what is remembered about each.

    :param profiles: completes what terminals say that they take; default: that counts alone.
    :ivar dialled: the connections that are open.
    :ivar metrics: counts what comes of them.
    """

    def __init__(
        self,
        dialling: Dialling,
        clock: Callable[[], Instant],
        profiles: Profiles | None = None,
        metrics: TerminalMetrics | None = None,
    ) -> None:
        self._dialling = dialling
        self._clock = clock
        self._profiles = profiles
        # One for each contact, and such as are closed when their pushes have ended.
        self.dialled = LiveTerminals(most_of_one=None)
        self.metrics = metrics or TerminalMetrics()

    async def capabilities(self, connection: TerminalConnection) -> ClientCapabilities:
        """Return what the terminal takes: its own words, then those of its profile."""
        registration = connection.registration
        if self._profiles is None:
            return registration.capabilities
        return await self._profiles.complete(registration.capabilities, registration.cpi)

    async def open(
        self, client: Client, where: HttpContact, remembered: RegistrationRecord | None
    ) -> TerminalConnection:
        """Return a registered connection to ``client``.

        :raises BearerUnavailable: nobody answers there.
        :raises RegistrationFailedError: refused, or another terminal than the expected answered.
        """
        now = self._clock()
        connection = TerminalConnection(Method.PO_TCP, str(where), now, secure=where.secure)
        try:
            link = await self._dial(client, where, remembered, connection)
            registration = await connection.opened(link)
        except RegistrationFailedError:
            self.metrics.refused(Method.PO_TCP, Refusal.REGISTRATION)
            connection.retire("registration did not succeed")
            raise
        except BaseException:
            connection.retire("registration did not succeed")
            raise
        self._registered(client, registration, connection)
        if connection.usable:  # it may have ended in the same moment
            self.dialled.add(client.client_id, connection)
        return connection

    async def register_again(self, client: Client, connection: TerminalConnection) -> None:
        """Ask the terminal anew what it takes (WAP-235 7.2.5).

        :raises BearerUnavailable: the connection ended.
        :raises RegistrationFailedError: refused, or it is another terminal now.
        """
        registration = await connection.register_again()
        self._registered(client, registration, connection)

    def _registered(
        self, client: Client, registration: RegistrationInd, connection: TerminalConnection
    ) -> None:
        connection.registered_at = self._clock()
        refusal = self._refusal(client, registration, connection)
        dialled = connection.method is Method.PO_TCP  # the others are counted where they come in
        if refusal is not None:
            kind, reason = refusal
            if dialled:
                self.metrics.refused(Method.PO_TCP, kind)
            connection.retire("another terminal answered, perhaps")
            raise RegistrationFailedError(reason, may_retry=True, status=None)
        if dialled:
            self.metrics.registered(Method.PO_TCP, authenticated=registration.authenticated)

    async def _dial(
        self,
        client: Client,
        where: HttpContact,
        remembered: RegistrationRecord | None,
        connection: TerminalConnection,
    ) -> ConnectionLink[HttpPpgRequest]:
        dialling = self._dialling
        bearer = dialling.secure if where.secure else dialling.bearer
        if bearer is None or where.host is None:
            raise BearerUnavailable("no TLS is set up for dialling terminals")
        session = HttpPpgSession(
            self._session_settings(client),
            assumed_cpi_tag=remembered.cpi_tag if remembered else None,
            known_cpi=remembered.cpi if remembered else {},
            assumed_terminal_id=client.terminal_id,
            accounts=dialling.accounts,
            new_nonce=dialling.new_nonce,
            prov_url=client.prov_url,
        )

        def ended(reason: str) -> None:
            self._ended(client.client_id, connection, reason)

        try:
            link = await bearer.connect(
                where.host,
                where.port,
                session,
                connection.indication,
                ended,
                dialling.connect_timeout_ms,
            )
        except BearerUnavailable as error:
            self.metrics.dialled("unreachable")
            if isinstance(error, SecurityFailure):
                self.metrics.tls_failed(Method.PO_TCP)
            raise
        self.metrics.dialled("connected")
        return link

    def _ended(self, client_id: str, connection: TerminalConnection, reason: str) -> None:
        if connection in self.dialled.of(client_id):
            self.dialled.remove(client_id, connection)
            self.metrics.ended(Method.PO_TCP)
        connection.ended(reason)

    def _session_settings(self, client: Client) -> HttpPpgSettings:
        """Return how to talk to the terminal: a proof that it does not owe is not asked for."""
        settings, proofs = self._dialling.session, self._dialling.proofs
        terminal_id = client.terminal_id
        owes = terminal_id is not None and proofs is not None and proofs.must_prove(terminal_id)
        if owes or settings.proof_required:
            return settings
        return replace(settings, challenge=Scheme.NONE)

    def _refusal(
        self, client: Client, registration: RegistrationInd, connection: TerminalConnection
    ) -> tuple[Refusal, str] | None:
        expected, answered = client.terminal_id, registration.terminal_id
        if expected not in (None, answered):
            # Addresses move between terminals: what answers there may be somebody else's.
            reason = f"terminal {answered!r} answered, {expected!r} was expected"
            return Refusal.ANOTHER_TERMINAL, reason
        if self._wants_proof(expected) and not self._is_proved(registration, connection):
            return Refusal.CREDENTIALS, f"terminal {answered!r} has not proved who it is"
        return None

    def _wants_proof(self, terminal_id: str | None) -> bool:
        proofs = self._dialling.proofs
        if self._dialling.proof_required:
            return True
        return terminal_id is not None and proofs is not None and proofs.must_prove(terminal_id)

    def _is_proved(self, registration: RegistrationInd, connection: TerminalConnection) -> bool:
        proofs = self._dialling.proofs
        if proofs is None:
            return registration.authenticated
        return is_proved(proofs, registration, connection.peer_certificate)
