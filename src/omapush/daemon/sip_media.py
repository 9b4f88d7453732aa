"""The port where devices of SIP users fetch longer pushes (MSRP), and the dialling of others."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable

from omapush.bearers.tcp import ListenLimits, TcpBearer, TcpListener
from omapush.core.instants import Instant
from omapush.core.networks import ip_address
from omapush.daemon.msrp_identifiers import new_identifier
from omapush.daemon.settings_table import milliseconds
from omapush.daemon.sip_settings import SipTable
from omapush.daemon.tls import serving_context, verifying_context
from omapush.ota.interface import (
    ConnectionLink,
    SessionIndication,
    SessionRequest,
    StreamSession,
)
from omapush.ppg.sip.line import SipLine
from omapush.ppg.sip.media_arrivals import MediaArrivals
from omapush.ppg.sip.media_push import MediaPush, MediaSettings
from omapush.protocols.msrp.session import MsrpSettings

CONNECTIONS = ListenLimits(4_096, 64, 512, 32)


class SecureMediaBearer:
    """Dials devices by TLS. Implements ``ota.interface.StreamBearer``."""

    def __init__(self, bearer: TcpBearer, tls: ssl.SSLContext) -> None:
        self._bearer = bearer
        self._tls = tls

    async def connect(
        self,
        host: str,
        port: int,
        session: StreamSession[SessionRequest, SessionIndication],
        on_indication: Callable[[SessionIndication], None],
        on_closed: Callable[[str], None],
        timeout_ms: int,
    ) -> ConnectionLink[SessionRequest]:
        """Open a connection; see ``TcpBearer.connect``."""
        return await self._bearer.connect(
            host, port, session, on_indication, on_closed, timeout_ms, self._tls
        )


@contextlib.asynccontextmanager
async def media_push(
    table: SipTable, line: SipLine, clock: Callable[[], Instant]
) -> AsyncIterator[MediaPush]:
    """Open the port, if the settings have one.

    :raises BearerUnavailable: the port cannot be had. :raises SettingsError: a file cannot be used.
    """
    bearer = TcpBearer(clock)
    msrp = MsrpSettings()
    arrivals = MediaArrivals(msrp, new_identifier)
    listener: TcpListener | None = None
    if table.msrp_listen is not None:
        listener = await bearer.listen(
            table.msrp_listen.host,
            table.msrp_listen.port,
            arrivals.open_session,
            arrivals.indication,
            CONNECTIONS,
            arrivals.closed,
            _serving(table),
        )
    settings = MediaSettings(
        _host(table, line),
        0 if listener is None else listener.port,
        table.msrp_secure,
        milliseconds(table.msrp_idle_seconds),
        msrp=msrp,
    )
    dialling = bearer
    if table.msrp_secure:
        secure = SecureMediaBearer(bearer, verifying_context(table.tls_ca, "sip.tls_ca"))
        media = MediaPush(line, secure, arrivals, settings)
    else:
        media = MediaPush(line, dialling, arrivals, settings)
    try:
        yield media
    finally:
        if listener is not None:
            await listener.close("the gateway stops")


def _serving(table: SipTable) -> ssl.SSLContext | None:
    if not table.msrp_secure or table.tls_certificate is None or table.tls_key is None:
        return None
    return serving_context(table.tls_certificate, table.tls_key, None, "sip")


def _host(table: SipTable, line: SipLine) -> str:
    """Return what devices are told to connect to, or else where this end is."""
    if table.msrp_address is not None:
        return table.msrp_address
    listened = None if table.msrp_listen is None else ip_address(table.msrp_listen.host)
    if listened is not None and not listened.is_unspecified:
        return str(listened)
    return line.caller.core.contact().rpartition(":")[0].strip("[]")
