"""OTA-SIP of a running Push Client, from its settings.

A :class:`ClientSip` is made before the agent, whose registrations it binds, and opened after it;
only in between the sockets are open and the core knows the client.
"""

from __future__ import annotations

import contextlib
import ipaddress
import random
import secrets
import socket
import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Iterable

from omapush.bearers.sip_core import SipCoreBearer
from omapush.bearers.sip_settings import Listen, TransportSettings
from omapush.bearers.sip_trust import SipTrust
from omapush.bearers.tcp import TcpBearer
from omapush.bearers.tcp_link import LONG_TURN
from omapush.client.binding.push_receiver import PushReceiver
from omapush.client.sip.account import Account
from omapush.client.sip.binder import OtaSipBinder
from omapush.client.sip.exchange import AuthenticatedExchange
from omapush.client.sip.media import MediaPorts, MediaPushes
from omapush.client.sip.media_offer import Agreed, MediaTerms
from omapush.client.sip.registration import SipRegistration
from omapush.client.sip.status import SipStatus
from omapush.client.sip.user_agent import SipUserAgent, UserAgentRules
from omapush.core.instants import Instant
from omapush.core.networks import ip_address
from omapush.core.peer_certificate import PeerCertificate
from omapush.daemon.client_sip_settings import ClientSipTable
from omapush.daemon.network_watch import watching
from omapush.daemon.settings_table import Endpoint, milliseconds
from omapush.daemon.tls import serving_context, verifying_context
from omapush.ota.interface import ConnectionLink, SecurityFailure
from omapush.ota.sip.media import MediaStream
from omapush.protocols.msrp.session import MsrpIndication, MsrpRequest
from omapush.protocols.sip.digest import DigestClient
from omapush.protocols.sip.hop import Hop, Transport

LISTEN_TRIES = 8
"""Ports that are tried where any will do: it has to be free by UDP and by TCP."""


class ClientSip:
    """The client at its core.

    :param instance: who this device is, a URN.
    :param own: returns the ids that the client takes by itself.
    :raises SettingsError: a file with certificates or a secret cannot be used.
    """

    def __init__(
        self,
        table: ClientSipTable,
        clock: Callable[[], Instant],
        receiver: PushReceiver,
        instance: str,
        own: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._table = table
        self._msrp_port: int | None = None
        self._tls = _tls(table)
        self._tcp = TcpBearer(clock, turn=LONG_TURN)
        self._bearer = SipCoreBearer(transport_settings(table, self._tls), clock)
        digest = digest_of(table)
        exchange = AuthenticatedExchange(self._bearer, digest)
        rules = UserAgentRules(
            acceptance_ms=milliseconds(table.acceptance_seconds),
            max_message_size=table.max_message_size,
            anybody_may_send=table.anybody_may_send,
            hides_applications=table.hide_applications,
        )
        self.registration = SipRegistration(
            account_of(table, instance), self._bearer, digest, receiver, rules, clock
        )
        self.binder = OtaSipBinder(self.registration, own, default=table.default)
        self.registration.on_change = self.binder.changed
        ports = MediaPorts(
            self._terms,
            self.registration.contact_uri,
            exchange.send,
            self._connect,
            lambda: secrets.token_hex(12),  # of MSRP's characters (RFC 4975 9)
        )
        self._receiver = receiver
        self._media = MediaPushes(receiver, ports, clock, table.max_message_size)
        agent = SipUserAgent(receiver, self._media, rules, self.registration.contact, clock)
        self._bearer.serve(agent)

    def status(self) -> SipStatus:
        """Return how it stands."""
        return self.registration.status()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Open the sockets and register; at the end the core is told that nobody is there.

        :raises BearerUnavailable: an address of the settings cannot be had.
        """
        await self._bearer.open()
        try:
            async with self._listening(), watching(self.registration.look):
                self.registration.start()
                try:
                    yield
                finally:
                    await self._media.close()
                    await self.registration.close()
        finally:
            await self._bearer.close("the client stops")

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        """Take the connections of gateways that have to connect themselves."""
        at = self._table.msrp_listen
        if at is None:
            yield
            return
        listener = await self._tcp.listen(
            at.host,
            at.port,
            lambda _peer: self._media.accepted_stream(),
            self._media.indication,
            tls=_serving(self._table),
        )
        self._msrp_port = listener.port
        try:
            yield
        finally:
            await listener.close("the client stops")

    def _terms(self) -> MediaTerms:
        host, _, _ = self._bearer.contact().rpartition(":")
        by_tls = self._table.transport == "tls"
        return MediaTerms(
            host.strip("[]"),
            self._receiver.capabilities().accept,
            self._table.max_message_size,
            self._msrp_port,
            must_be_secure=by_tls and not self._table.allow_plain,
        )

    async def _connect(
        self,
        agreed: Agreed,
        session: MediaStream,
        on_indication: Callable[[MsrpIndication], None],
        on_closed: Callable[[str], None],
        timeout_ms: int,
    ) -> ConnectionLink[MsrpRequest]:
        hop = agreed.next_hop
        tls = self._tls if agreed.secure else None
        return await self._tcp.dial(
            hop.host,
            hop.port,
            lambda _: session,
            on_indication,
            on_closed,
            timeout_ms,
            tls,
            on_certificate=check_of(agreed.fingerprint) if agreed.secure else None,
        )


def check_of(fingerprint: str | None) -> Callable[[PeerCertificate | None], None]:
    """Return what compares a verified certificate with the one that the offer has announced.

    Other hashes than SHA-256 say nothing here; the certificate is verified in any case.
    """
    kind, _, written = (fingerprint or "").strip().partition(" ")
    announced = written.replace(":", "").strip().lower()

    def check(certificate: PeerCertificate | None) -> None:
        if kind.lower() != "sha-256":
            return
        if certificate is None or certificate.sha256 != announced:
            raise SecurityFailure("TLS: the certificate is not the one that was announced")

    return check


def new_instance() -> str:
    """Return who a device is that nobody has named (RFC 5626 4.1)."""
    return uuid.uuid4().urn


def account_of(table: ClientSipTable, instance: str) -> Account:
    """Return who registers, and how."""
    core = _core_of(table)
    return Account(
        aor=table.aor or "",
        instance=instance,
        core=str(core),
        transport=core.transport,
        expires_s=table.expires_seconds,
        outbound=table.outbound,
        gateways=tuple(table.ppg),
        spread=random.random,
        new_token=lambda: secrets.token_hex(10),
    )


def transport_settings(table: ClientSipTable, tls: ssl.SSLContext | None) -> TransportSettings:
    """Return which sockets there are."""
    return TransportSettings(
        core=_core_of(table),
        listen=_listens(table),
        dialling_tls=tls,
        core_name=table.server_name,
        listening_tls=_serving(table) if table.listen is not None else None,
        trust=SipTrust(
            tuple(ipaddress.ip_network(text, strict=False) for text in table.trusted),
        ),
    )


def _core_of(table: ClientSipTable) -> Hop:
    core = table.core or Endpoint("", 0)
    return Hop(Transport(table.transport.upper()), core.host, core.port)


def _listens(table: ClientSipTable) -> tuple[Listen, ...]:
    """Return where requests come to: those that are too long for a datagram by TCP (18.1.1)."""
    transport, at = Transport(table.transport.upper()), table.listen
    if transport is not Transport.UDP:
        return () if at is None else (Listen(transport, at.host, at.port),)
    if at is None or at.port == 0:
        host = _own_host(table) if at is None else at.host
        at = Endpoint(host, _port_for_both(host))
    return tuple(Listen(one, at.host, at.port) for one in (Transport.UDP, Transport.TCP))


def _own_host(table: ClientSipTable) -> str:
    """Return the address to listen at: every one, unless the core is on this machine."""
    core = ip_address(table.core.host) if table.core is not None else None
    if core is not None and core.is_loopback:
        return str(core)
    return "::" if core is not None and core.version == 6 else "0.0.0.0"  # noqa: S104 - see there


def _port_for_both(host: str) -> int:
    """Return a port that is free by UDP and by TCP; 0: none was found."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(LISTEN_TRIES):
        with (
            socket.socket(family, socket.SOCK_DGRAM) as datagrams,
            socket.socket(family, socket.SOCK_STREAM) as connections,
            contextlib.suppress(OSError),
        ):
            datagrams.bind((host, 0))
            port = int(datagrams.getsockname()[1])
            connections.bind((host, port))
            return port
    return 0


def digest_of(table: ClientSipTable) -> DigestClient | None:
    """Return what proves who the user is. :raises SettingsError: a file cannot be used."""
    password = table.our_password()
    if password is None:
        return None
    # Content is protected as well where a server offers that (REQ20).
    return DigestClient(
        table.our_username(),
        password,
        lambda: secrets.token_hex(12),
        realm=table.realm,
        protects_body=True,
    )


def _serving(table: ClientSipTable) -> ssl.SSLContext | None:
    """Return TLS towards those that connect; ``None``: there is no certificate for it."""
    certificate, key = table.client_certificate, table.client_key
    if certificate is None or key is None:
        return None
    return serving_context(certificate, key, table.ca_file, "ota_sip")


def _tls(table: ClientSipTable) -> ssl.SSLContext:
    certificate, key = table.client_certificate, table.client_key
    own = None
    if certificate is not None and key is not None:
        own = (certificate, key, "ota_sip.client_certificate and client_key")
    return verifying_context(table.ca_file, "ota_sip.ca_file", own=own)
