"""The connections of a running Push Client that it dials itself, from its settings."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace

from omapush.bearers.tcp import TcpBearer
from omapush.client.binding.push_receiver import PushReceiver
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.connections.dialling import (
    TCP_IP,
    Destination,
    Dial,
    DialLimits,
    DialPorts,
    Gateway,
)
from omapush.client.connections.terminal_connections import TerminalConnections
from omapush.client.push_mo.model import DefaultProfile
from omapush.client.trust.host_names import HostNames
from omapush.core.instants import SECOND_MS, Instant
from omapush.core.networks import ip_address
from omapush.daemon.gateway_settings import KEEP_ALIVE_SECONDS, GatewayEntryTable
from omapush.daemon.http_listeners import wait
from omapush.daemon.network_watch import route_to, watching
from omapush.daemon.settings import ClientSettings
from omapush.daemon.terminal_identity import Provisioned, terminal_to
from omapush.daemon.tls import verifying_context
from omapush.ota.http.client import (
    HttpClientRequest,
    HttpTerminalSession,
    HttpTerminalSettings,
)
from omapush.ota.interface import ClientIndication, StreamLink


@dataclass(frozen=True, slots=True)
class _Way:
    """How a gateway is dialled, whichever of its contact points.

    :ivar tls: for those that are secure.
    """

    tls: ssl.SSLContext
    timeout_ms: int
    keep_alive_seconds: int = KEEP_ALIVE_SECONDS


class GatewayConnections:
    """Dials the gateways of the settings, and others for whoever asks.

    :ivar connections: those that are kept.
    :param spread: gives a number from 0 to 1, by which waits are cut so that not all wait alike.
    :param profiles: returns those of the Push Management Object, which have credentials.
    :raises SettingsError: a file with certificates or a secret cannot be used.
    """

    def __init__(
        self,
        settings: ClientSettings,
        clock: Callable[[], Instant],
        receiver: PushReceiver,
        bearers: SharedBearers,
        spread: Callable[[], float],
        profiles: Callable[[], Sequence[DefaultProfile]] = tuple,
    ) -> None:
        self._names = HostNames(clock)
        gateways = [gateway_of(one, settings) for one in settings.gateways]
        provisioned = Provisioned(settings, profiles)

        def terminal_for(to: Destination) -> HttpTerminalSettings:
            return terminal_at(to, gateways) or provisioned.terminal_for(to)

        ports = DialPorts(
            dial_by_tcp(settings, clock),
            wait,
            clock,
            spread,
            terminal_for,
            receiver,
            route=route_to,
        )
        self._hosts = {
            to.contact.host
            for gateway in gateways
            for to in gateway.destinations
            if ip_address(to.contact.host) is None
        }
        self.connections = TerminalConnections(ports, gateways, bearers, self.addresses)
        self._learning: asyncio.Task[bool] | None = None

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Dial, and look after the network; what was dialled, by whomever, is closed at the end."""
        try:
            self.connections.start()
            self._look()
            async with watching(self._look):
                yield
        finally:
            await self.connections.close()
            if self._learning is not None:
                self._learning.cancel()
                await asyncio.gather(self._learning, return_exceptions=True)
            await self._names.close()

    def _look(self) -> None:
        self.connections.look()
        if self._hosts and (self._learning is None or self._learning.done()):
            self._learning = asyncio.create_task(self._names.learn(self._hosts))

    def addresses(self, name: str) -> frozenset[str]:
        """Return which addresses a gateway's name is known to have."""
        return frozenset(str(one) for one in self._names.known().get(name, ()))


def terminal_at(to: Destination, gateways: Sequence[Gateway]) -> HttpTerminalSettings | None:
    """Return who the terminal is to a gateway of the settings that is dialled for an application.

    A connection of an application's own is not the gateway's, but leads to it all the same, and
    the gateway asks there for the same credentials. ``None``: no gateway of the settings is there.
    """
    place = (to.contact.host, to.port, to.contact.tls)
    for gateway in gateways:
        known = ((one.contact.host, one.port, one.contact.tls) for one in gateway.destinations)
        if place in known:
            # Whether it is used any more is the application's to say.
            return replace(gateway.terminal_over(to), close_after_last=False)
    return None


def gateway_of(table: GatewayEntryTable, settings: ClientSettings) -> Gateway:
    """Return a gateway as it is dialled. :raises SettingsError: a secret cannot be had."""
    bearer = (table.bearer or "").lower()
    found = next((one for one in settings.bearers if one.name.lower() == bearer), None)
    name, address = (TCP_IP, None) if found is None else (found.name, found.address)
    return Gateway(
        table.name,
        tuple(
            Destination(
                place,
                place.port or 0,
                name,
                address,
                gateway=table.name,
                server_name=table.server_name,
            )
            for place in table.places
        ),
        terminal_to(table, settings, by_tls=False),
        DialLimits(
            first_wait_ms=round(table.reconnect_first_seconds * SECOND_MS),
            longest_wait_ms=round(table.reconnect_longest_seconds * SECOND_MS),
            return_ms=round(table.first_again_seconds * SECOND_MS),
        ),
        always=table.connect == "always",
        terminal_by_tls=terminal_to(table, settings, by_tls=True),
        prov_url=table.prov_url or "",
    )


def dial_by_tcp(settings: ClientSettings, clock: Callable[[], Instant]) -> Dial:
    """Return what dials contact points, each by the rules of its gateway.

    :raises SettingsError: a file with certificates cannot be used.
    """
    ways = {one.name: _way(one, settings) for one in settings.gateways}
    table = settings.ota_http
    others = _Way(
        verifying_context(table.contact_ca, "ota_http.contact_ca"),
        round(table.connect_timeout_seconds * SECOND_MS),
    )
    bearer = TcpBearer(clock)

    async def dial(
        to: Destination,
        session: Callable[[str], HttpTerminalSession],
        on_indication: Callable[[ClientIndication], None],
        on_closed: Callable[[str], None],
    ) -> StreamLink[HttpClientRequest]:
        way = ways.get(to.gateway, others)
        return await bearer.dial(
            to.contact.host,
            to.port,
            session,
            on_indication,
            on_closed,
            way.timeout_ms,
            way.tls if to.contact.tls else None,
            to.local_address,
            server_name=to.server_name,
            keep_alive_seconds=way.keep_alive_seconds,
        )

    return dial


def _way(table: GatewayEntryTable, settings: ClientSettings) -> _Way:
    where = f"of gateway {table.name}"
    certificate, key = table.client_certificate, table.client_key
    own = None
    if certificate is not None and key is not None:
        own = (certificate, key, f"client_certificate and client_key {where}")
    ca_file = table.ca_file or settings.ota_http.contact_ca
    return _Way(
        verifying_context(ca_file, f"ca_file {where}", own=own),
        round(table.connect_timeout_seconds * SECOND_MS),
        table.tcp_keepalive_seconds,
    )
