"""OTA-SIP as the gateway's settings ask for it: the way to the core, and the port for media."""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from starlette.routing import Route

from omapush.bearers.sip_core import SipCoreBearer
from omapush.bearers.sip_settings import Listen, TransportSettings
from omapush.bearers.sip_trust import SipTrust
from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.core.networks import Network, ip_address
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_table import milliseconds
from omapush.daemon.sip_media import media_push
from omapush.daemon.sip_registrations import static_registrations
from omapush.daemon.sip_settings import SipTable
from omapush.daemon.tls import serving_context, verifying_context
from omapush.ota.sip.method_choice import MethodPolicy
from omapush.ota.sip.requests import Sender
from omapush.ppg.capabilities_query import Inquire
from omapush.ppg.hastening import Hastening
from omapush.ppg.recipients import Recipients
from omapush.ppg.sip.application_server import ApplicationServer
from omapush.ppg.sip.attempt import Means
from omapush.ppg.sip.calling import Caller
from omapush.ppg.sip.capability_query import CapabilityInquiry
from omapush.ppg.sip.learning import Learning
from omapush.ppg.sip.line import SipLine, SipLineSettings
from omapush.ppg.sip.listing import SipUserListing
from omapush.ppg.sip.message_push import MessagePush
from omapush.ppg.sip.metrics import SipMetrics
from omapush.ppg.sip.reach import SipUsers
from omapush.ppg.sip.registration_request import registration_request
from omapush.ppg.sip.registrations import Registrations
from omapush.ppg.sip.subscriptions import Subscriptions
from omapush.ppg.store.contract import Store
from omapush.protocols.sip.digest import DigestClient
from omapush.protocols.sip.hop import Hop, Transport


@dataclass(frozen=True, slots=True)
class SipWays:
    """What reaching SIP users needs; nothing of it is there when no core is configured.

    :ivar inquire: asks users' devices what they take.
    :ivar pages: the operator's, about who is registered.
    """

    users: SipUsers | None
    health: Callable[[], Sequence[str]]
    inquire: Inquire | None = None
    pages: Sequence[Route] = ()


def check_sip(settings: PpgSettings) -> None:
    """Check what only the files can tell. :raises SettingsError: something does not fit."""
    table = settings.sip
    if table.core is None:
        return
    _transports(table, table.core.host, table.core.port)
    digest_of(table)
    static_registrations(table)


def longest_sip_push_ms(settings: PpgSettings) -> int:
    """Return how long the answers to a push by SIP may take; 0: there is no core.

    A device may be asked what it takes, and then a session be opened and connected.
    """
    table = settings.sip
    return 0 if table.core is None else 3 * milliseconds(table.response_timeout_seconds)


@contextlib.asynccontextmanager
async def sip_ways(
    table: SipTable,
    node: str,
    recipients: Recipients,
    store: Store,
    wake: Callable[[], None],
    clock: Callable[[], Instant],
    metrics: SipMetrics,
) -> AsyncIterator[SipWays]:
    """Open the way to the core, and serve what comes from there.

    :param wake: is called when something may have become due.
    :raises BearerUnavailable: a port cannot be had. :raises SettingsError: a file cannot be used.
    """
    if table.core is None or table.uri is None:
        yield SipWays(None, tuple)
        return
    core = SipCoreBearer(_transports(table, table.core.host, table.core.port), clock)
    hastening = Hastening(store, wake, clock)
    learning = Learning(store, recipients.client_of_sip_user, clock)

    def came(user: str) -> None:
        client_id = recipients.client_of_sip_user(user)
        if client_id is not None:
            hastening.begin(client_id)

    registrations = Registrations(clock, table.max_registrations, came, learning.changed)
    for user, devices in static_registrations(table).items():
        registrations.set_up(user, devices)
    metrics.watch_users(registrations.__len__)
    line = SipLine(
        Caller(core, metrics, digest_of(table), frozenset(table.own_domains())),
        Sender(table.uri, (f"<sip:{table.core};lr>",), is_trusted=True, service=table.icsi),
        registrations,
        metrics,
        _line_settings(table),
        lambda: secrets.token_hex(12),
        clock,
    )
    serves = recipients.client_of_sip_user
    try:
        await core.open()
        async with media_push(table, line, clock) as media:
            subscriptions = Subscriptions(line, table.max_registrations)
            core.serve(
                ApplicationServer(
                    line, lambda user: serves(user) is not None, (media, subscriptions)
                )
            )
            users = SipUsers(
                Means(line, MessagePush(line), media),
                _request(table),
                milliseconds(table.ask_again_seconds),
                subscriptions if table.subscribe_registrations else None,
            )
            try:
                yield SipWays(
                    users,
                    lambda: _health(table, line),
                    CapabilityInquiry(line).ask,
                    (SipUserListing(registrations, recipients, node).route(),),
                )
            finally:
                await subscriptions.close()
                await media.close()  # as long as BYE can be sent
    finally:
        await core.close("the gateway stops")
        await hastening.close()
        await learning.close()


def _transports(table: SipTable, host: str, port: int) -> TransportSettings:
    """Return the sockets. :raises SettingsError: a file cannot be used."""
    listens = (
        (Transport.UDP, table.listen_udp),
        (Transport.TCP, table.listen_tcp),
        (Transport.TLS, table.listen_tls),
    )
    return TransportSettings(
        Hop(Transport[table.transport.upper()], host, port),
        tuple(Listen(transport, *where) for transport, where in listens if where is not None),
        dialling_tls=_dialling_tls(table),
        listening_tls=_listening_tls(table),
        trust=SipTrust(_trusted(table, host), tuple(table.trusted_names)),
    )


def _trusted(table: SipTable, host: str) -> tuple[Network, ...]:
    given = tuple(ipaddress.ip_network(text, strict=False) for text in table.trusted_networks)
    address = ip_address(host)
    if given or table.trusted_names or address is None:
        return given
    return (ipaddress.ip_network(address),)


def _dialling_tls(table: SipTable) -> ssl.SSLContext | None:
    if table.transport != "tls":
        return None
    own = None
    if table.tls_certificate is not None and table.tls_key is not None:
        own = table.tls_certificate, table.tls_key, "sip.tls_certificate and sip.tls_key"
    return verifying_context(table.tls_ca, "sip.tls_ca", own=own)


def _listening_tls(table: SipTable) -> ssl.SSLContext | None:
    if table.listen_tls is None or table.tls_certificate is None or table.tls_key is None:
        return None
    return serving_context(table.tls_certificate, table.tls_key, table.tls_ca, "sip")


def digest_of(table: SipTable) -> DigestClient | None:
    """Return what proves who the gateway is. :raises SettingsError: a file cannot be used."""
    secret = table.secret()
    if table.username is None or secret is None:
        return None
    return DigestClient(table.username, secret, lambda: secrets.token_hex(16), realm=table.realm)


def _line_settings(table: SipTable) -> SipLineSettings:
    return SipLineSettings(
        MethodPolicy(table.message_size_limit, table.via_reserve, table.force_msrp_for_confirmed),
        table.ask_capabilities,
        milliseconds(table.response_timeout_seconds),
        plain_devices=table.plain_devices,
        transport=Transport[table.transport.upper()],
    )


def _request(table: SipTable) -> Callable[[ApplicationId], PushMessage] | None:
    point = table.contact_point
    return None if point is None else functools.partial(registration_request, *point)


def _health(table: SipTable, line: SipLine) -> Sequence[str]:
    core = f"SIP/IP core {table.core} by {table.transport.upper()}"
    trouble = f"; last request not answered: {line.caller.trouble}" if line.caller.trouble else ""
    return (f"{core}: devices of {len(line.registrations)} users known{trouble}",)
