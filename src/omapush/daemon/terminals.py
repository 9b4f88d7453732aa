"""OTA-HTTP as the gateway's settings ask for it: who may dial in, and how others are dialled."""

from __future__ import annotations

import contextlib
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass

import structlog
from starlette.routing import Route

from omapush.bearers.driving import OnTrace
from omapush.bearers.tcp import NOT_ADMITTED, ListenLimits, TcpBearer, TcpListener
from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.content.session_initiation import OTA_HTTP, OTA_HTTP_CPI_TAG, SessionInitiation
from omapush.core.instants import Instant
from omapush.core.trace import TraceRecord
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_table import Endpoint, SettingsError, milliseconds
from omapush.daemon.terminal_settings import SCHEMES, TerminalsTable
from omapush.daemon.tls import serving_context, verifying_context
from omapush.ota.http.authentication import Scheme
from omapush.ota.http.ppg import HttpPpgSettings
from omapush.ota.interface import (
    ConnectionLink,
    SecurityFailure,
    SessionIndication,
    SessionRequest,
    StreamSession,
)
from omapush.ppg.contacts import HttpContact
from omapush.ppg.hastening import Hastening
from omapush.ppg.lockout import Lockout, LockoutSettings
from omapush.ppg.profiles import Profiles
from omapush.ppg.recipients import Recipients
from omapush.ppg.session_request import request_message
from omapush.ppg.store.contract import Store
from omapush.ppg.terminal.accounts import Accounts, Secrets
from omapush.ppg.terminal.arrivals import Arrivals
from omapush.ppg.terminal.connection import Method
from omapush.ppg.terminal.dialling import Dialling, Terminals
from omapush.ppg.terminal.directory import Directory, DirectorySettings
from omapush.ppg.terminal.identification import Identification
from omapush.ppg.terminal.listing import TerminalListing
from omapush.ppg.terminal.live import LiveTerminals
from omapush.ppg.terminal.metrics import Refusal, TerminalMetrics
from omapush.ppg.terminal.reach import ConnectionRequest
from omapush.protocols.wdp import AddressType

log = structlog.get_logger(__name__)

NONCE_OCTETS = 16


@dataclass(frozen=True, slots=True)
class TerminalWays:
    """What reaching terminals needs.

    :ivar request: asks those that dial in for a connection; ``None``: nobody is asked.
    :ivar directory: to be run as long as terminals may come and go.
    :ivar listing: the operator's page.
    """

    terminals: Terminals
    live: LiveTerminals
    request: ConnectionRequest | None
    directory: Callable[[], Coroutine[object, object, None]]
    health: Callable[[], Sequence[str]]
    listing: Route


def terminal_secrets(settings: PpgSettings) -> dict[str, Secrets]:
    """Return the passwords between terminals and the gateway, by Terminal-ID.

    :raises SettingsError: a file cannot be read or is empty.
    """
    found = {}
    for table in settings.clients:
        between = table.secrets()
        if between is None or table.terminal_id is None:
            continue
        if between.certificates and settings.ota_http.tls_client_certificate == "none":
            raise SettingsError(
                f"clients: the certificate of {table.id!r} needs ota_http.tls_client_certificate"
            )
        found[table.terminal_id] = between
    return found


def check_terminals(settings: PpgSettings) -> None:
    """Check what only the files can tell. :raises SettingsError: something does not fit."""
    terminal_secrets(settings)
    _server(settings.ota_http)
    secure = _secure_dialling(settings.ota_http, TcpBearer(lambda: Instant(0)))
    for table in settings.clients:
        wheres = (contact.where for contact in table.ways())
        if secure is None and any(isinstance(x, HttpContact) and x.secure for x in wheres):
            raise SettingsError(
                f"clients: ota_http_secure of {table.id!r} needs ota_http.tls_certificate, or "
                'po_tcp_tls_roles = "tcp"'
            )


@contextlib.asynccontextmanager
async def terminal_ways(
    settings: PpgSettings,
    recipients: Recipients,
    store: Store,
    profiles: Profiles | None,
    wake: Callable[[], None],
    clock: Callable[[], Instant],
    metrics: TerminalMetrics,
) -> AsyncIterator[TerminalWays]:
    """Open the ports that terminals dial.

    :param wake: is called when something may have become due.
    :raises BearerUnavailable: a port cannot be had. :raises SettingsError: a file cannot be used.
    """
    table = settings.ota_http
    accounts = Accounts(table.name, terminal_secrets(settings))
    session = _session_settings(settings, accounts)
    bearer = TcpBearer(clock, _count(metrics))
    live = LiveTerminals()
    hastening = Hastening(store, wake, clock)
    directory = Directory(
        store,
        settings.gateway.node,
        hastening.begin,
        clock,
        DirectorySettings(lease_ms=milliseconds(table.lease_seconds)),
    )
    arrivals = Arrivals(
        _identification(table, recipients, accounts),
        accounts,
        live,
        directory,
        session,
        Lockout(
            LockoutSettings(table.lockout_failures, locked_ms=milliseconds(table.lockout_seconds))
        ),
        _new_nonce,
        clock,
        metrics,
    )
    dialling = Dialling(
        bearer,
        session,
        _new_nonce,
        milliseconds(settings.delivery.connect_timeout_seconds),
        _secure_dialling(table, bearer),
        accounts,
        accounts,
        table.authentication_required,
    )
    terminals = Terminals(dialling, clock, profiles, metrics)
    listeners: list[TcpListener] = []
    metrics.watch(Method.TO_TCP, "anonymous", lambda: sum(one.anonymous for one in listeners))
    metrics.watch(Method.TO_TCP, "registered", arrivals.__len__)
    metrics.watch(Method.PO_TCP, "registered", terminals.dialled.connections)
    try:
        await _listen(table, bearer, arrivals, listeners)
        yield TerminalWays(
            terminals,
            live,
            connection_request(table.contacts()),
            directory.run,
            arrivals.health if listeners else tuple,
            TerminalListing(
                (live, terminals.dialled), recipients, store, settings.gateway.node, clock
            ).route(),
        )
    finally:
        for listener in listeners:
            await listener.close("the gateway stops")
        await hastening.close()
        await directory.close()


def _count(metrics: TerminalMetrics) -> OnTrace:
    """Return what counts those who do not get as far as a session."""

    def count(record: TraceRecord) -> None:
        if record.event == "turned_away":
            admitted = record.detail["reason"] != NOT_ADMITTED
            reason = Refusal.TOO_MANY if admitted else Refusal.LOCKED_OUT
            metrics.refused(Method.TO_TCP, reason)
        elif record.event == "handshake_failed":
            metrics.tls_failed(Method.TO_TCP)

    return count


async def _listen(
    table: TerminalsTable, bearer: TcpBearer, arrivals: Arrivals, listeners: list[TcpListener]
) -> None:
    """Open the ports, and add each to ``listeners``, which the caller closes."""
    limits = ListenLimits(
        table.max_connections,
        table.max_connections,
        table.max_anonymous,
        table.max_anonymous_per_address,
        table.handshake_timeout_seconds,
        table.tcp_keepalive_seconds,
    )
    for endpoint, tls in ((table.listen, None), (table.secure_listen, _server(table))):
        if endpoint is None:
            continue
        listeners.append(
            await bearer.listen(
                endpoint.host,
                endpoint.port,
                arrivals.open_session,
                arrivals.indication,
                limits,
                arrivals.closed,
                tls,
                admits=arrivals.admits,
            )
        )


def _server(table: TerminalsTable) -> ssl.SSLContext | None:
    if table.tls_certificate is None or table.tls_key is None:
        return None
    return serving_context(
        table.tls_certificate,
        table.tls_key,
        table.tls_client_ca,
        "ota_http",
        require_certificate=table.tls_client_certificate == "required",
    )


class SecureBearer:
    """Dials by TLS (PO-TCP). Implements ``ota.interface.StreamBearer``.

    :param tls_server: the gateway is the TLS server though it dials (WAP-235 7.2.2).
    """

    def __init__(self, bearer: TcpBearer, tls: ssl.SSLContext, *, tls_server: bool) -> None:
        self._bearer = bearer
        self._tls = tls
        self._tls_server = tls_server

    async def connect(
        self,
        host: str,
        port: int,
        session: StreamSession[SessionRequest, SessionIndication],
        on_indication: Callable[[SessionIndication], None],
        on_closed: Callable[[str], None],
        timeout_ms: int,
    ) -> ConnectionLink[SessionRequest]:
        """Open a connection and start ``session`` on it, when TLS has succeeded.

        :raises BearerUnavailable: as ``TcpBearer.connect``. :raises SecurityFailure: likewise; it
            says who was to be what, as a terminal that takes the same role is heard of no further.
        """
        try:
            return await self._bearer.connect(
                host,
                port,
                session,
                on_indication,
                on_closed,
                timeout_ms,
                self._tls,
                tls_server=self._tls_server,
            )
        except SecurityFailure as failure:
            role = f"the gateway is the TLS {'server' if self._tls_server else 'client'} there"
            reason = f"{failure.reason}; {role} (ota_http.po_tcp_tls_roles)"
            raise SecurityFailure(reason) from failure


def _secure_dialling(table: TerminalsTable, bearer: TcpBearer) -> SecureBearer | None:
    """Return what dials terminals by TLS; ``None``: in this role nothing is set up."""
    if table.po_tcp_tls_roles == "tcp":
        own = None
        if table.tls_certificate is not None and table.tls_key is not None:
            names = "ota_http.tls_certificate and ota_http.tls_key"
            own = table.tls_certificate, table.tls_key, names
        tls = verifying_context(table.po_tcp_ca, "ota_http.po_tcp_ca", own=own)
        return SecureBearer(bearer, tls, tls_server=False)
    server = _server(table)
    return None if server is None else SecureBearer(bearer, server, tls_server=True)


def _session_settings(settings: PpgSettings, accounts: Accounts) -> HttpPpgSettings:
    table = settings.ota_http
    asks = table.authentication_required or accounts.any_password
    return HttpPpgSettings(
        registration_timeout_ms=milliseconds(table.registration_timeout_seconds),
        response_timeout_ms=milliseconds(settings.delivery.response_timeout_seconds),
        identity=table.name,
        challenge=SCHEMES[table.authenticate] if asks else Scheme.NONE,
        # It may have shown a certificate instead, of which the session does not know.
        proof_required=False,
        profile_warning=settings.profiles.fetch,
    )


def _identification(
    table: TerminalsTable, recipients: Recipients, accounts: Accounts
) -> Identification:
    required = table.authentication_required
    return Identification(recipients, accounts, proof_required=required)


def connection_request(contacts: Sequence[Endpoint]) -> ConnectionRequest | None:
    """Return what makes the push that asks a terminal to dial in (WAP-235, 8.3)."""
    if not contacts:
        return None
    points = tuple(AddressType.of_ip(point.host, point.port) for point in contacts)

    def request(application_id: ApplicationId, tag: bytes | None) -> PushMessage:
        option = OTA_HTTP if tag is None else OTA_HTTP_CPI_TAG
        return request_message(
            SessionInitiation(
                (application_id,),
                contact_points=points,
                protocol_options=(option,) * len(points),
                cpi_tags=() if tag is None else (tag,) * len(points),
            )
        )

    return request


def _new_nonce() -> str:
    return secrets.token_hex(NONCE_OCTETS)
