"""The port where devices of SIP users fetch longer pushes (MSRP), and the dialling of others."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Callable

from omapush.bearers.tcp import ListenLimits, TcpBearer, TcpListener
from omapush.bearers.tcp_link import LONG_TURN
from omapush.core.instants import SECOND_MS, Instant
from omapush.core.networks import ip_address
from omapush.daemon.settings_table import milliseconds
from omapush.daemon.sip_settings import SipTable
from omapush.daemon.tls import serving_context, verifying_context
from omapush.ota.interface import (
    BearerUnavailable,
    ConnectionLink,
    SessionIndication,
    SessionRequest,
    StreamSession,
)
from omapush.ppg.sip.line import SipLine
from omapush.ppg.sip.media_arrivals import MediaArrivals
from omapush.ppg.sip.media_push import OF_GATEWAY, MediaPush, MediaSettings
from omapush.web.policy import OutboundPolicy, TargetForbiddenError

CONNECTIONS = ListenLimits(4_096, 64, 512, 32)


class DeviceBearer:
    """Dials devices where policy lets it. Implements ``ota.interface.StreamBearer``.

    :param tls: dials by TLS.
    """

    def __init__(
        self, bearer: TcpBearer, policy: OutboundPolicy, tls: ssl.SSLContext | None = None
    ) -> None:
        self._bearer = bearer
        self._policy = policy
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
        """Open a connection; see ``TcpBearer.connect``.

        :raises BearerUnavailable: policy forbids it, too.
        """
        address = await self._allowed(host, port, timeout_ms)
        return await self._bearer.connect(
            address,
            port,
            session,
            on_indication,
            on_closed,
            timeout_ms,
            self._tls,
            server_name=host,
        )

    async def _allowed(self, host: str, port: int, timeout_ms: int) -> str:
        """Return the first address of a host. It is dialled as it was judged: no name is looked up
        again.
        """
        try:
            async with asyncio.timeout(timeout_ms / SECOND_MS):
                found = await asyncio.get_running_loop().getaddrinfo(
                    host, port, type=socket.SOCK_STREAM
                )
            address = ipaddress.ip_address(found[0][4][0])
            self._policy.check(address)
        except (OSError, ValueError, OverflowError, TimeoutError) as error:
            raise BearerUnavailable(f"{host[:80]} cannot be resolved") from error
        except TargetForbiddenError as error:
            raise BearerUnavailable(error.reason) from error
        return str(address)


@contextlib.asynccontextmanager
async def media_push(
    table: SipTable, line: SipLine, clock: Callable[[], Instant]
) -> AsyncIterator[MediaPush]:
    """Open the port, if the settings have one.

    :raises BearerUnavailable: the port cannot be had. :raises SettingsError: a file cannot be used.
    """
    bearer = TcpBearer(clock, turn=LONG_TURN)
    arrivals = MediaArrivals(OF_GATEWAY, _new_id)
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
    )
    tls = verifying_context(table.tls_ca, "sip.tls_ca") if table.msrp_secure else None
    try:
        yield MediaPush(line, DeviceBearer(bearer, _policy(table), tls), arrivals, settings)
    finally:
        if listener is not None:
            await listener.close("the gateway stops")


def _policy(table: SipTable) -> OutboundPolicy:
    forbidden, allowed = (
        tuple(ipaddress.ip_network(text, strict=False) for text in texts)
        for texts in (table.msrp_forbid, table.msrp_allow)
    )
    return OutboundPolicy(forbidden, allowed)


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


def _new_id() -> str:
    return secrets.token_hex(12)
