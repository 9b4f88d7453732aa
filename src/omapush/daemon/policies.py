"""What the settings say of initiators, clients and outbound calls, as the gateway's own objects."""

from __future__ import annotations

import ipaddress
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from omapush.core.errors import DecodeError, OmapushError
from omapush.core.instants import SECOND_MS, Instant
from omapush.daemon.resolution import resolver_of
from omapush.daemon.settings import InitiatorTable, PpgSettings
from omapush.daemon.settings_table import SettingsError
from omapush.daemon.tls import verifying_context
from omapush.pap import address as addressing
from omapush.ppg.authentication import ANONYMOUS, Initiators
from omapush.ppg.authorisation import Authorisation
from omapush.ppg.client import Client
from omapush.ppg.credentials import Initiator
from omapush.ppg.lockout import LockoutSettings
from omapush.ppg.notification_sender import ListenerCredentials
from omapush.ppg.patterns import PatternError
from omapush.ppg.recipients import Recipients
from omapush.ppg.resolution.port import Resolver
from omapush.ppg.subscribers import Subscribers
from omapush.web.policy import OutboundPolicy


@dataclass(frozen=True, slots=True)
class Policies:
    """What the settings say about initiators, clients and notification targets."""

    initiators: Initiators
    recipients: Recipients
    targets: OutboundPolicy
    authorisation: Authorisation
    resolver: Resolver
    listeners: Mapping[str, ListenerCredentials]
    listener_tls: ssl.SSLContext


def policies(settings: PpgSettings, clock: Callable[[], Instant]) -> Policies:
    """Read the policies out of ``settings``. :raises SettingsError: they contradict themselves."""
    try:
        recipients = _recipients(settings)
        return Policies(
            _initiators(settings),
            recipients,
            _targets(settings),
            _authorisation(settings),
            resolver_of(settings.groups, settings.resolvers, recipients, clock),
            _listeners(settings),
            verifying_context(settings.notification.ca_file, "notification.ca_file"),
        )
    except SettingsError:
        raise
    except OmapushError as error:
        raise SettingsError(str(error)) from error


def _initiators(settings: PpgSettings) -> Initiators:
    usernames = [table.username for table in settings.initiators if table.username is not None]
    ids = [table.id for table in settings.initiators]
    keys = [key for table in settings.initiators for key in table.api_key_sha256]
    for values, what in ((usernames, "username"), (ids, "id"), (keys, "api_key_sha256")):
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise SettingsError(f"initiators: two have the {what} {twice!r}")
    for table in settings.initiators:
        if (table.certificate_sha256 or table.certificate_name) and not settings.pap.tls_client_ca:
            raise SettingsError(
                f"initiators: the certificate of {table.id!r} needs pap.tls_client_ca"
            )
    pap = settings.pap
    return Initiators(
        [_initiator(table) for table in settings.initiators],
        _networks(pap.anonymous_from),
        secret=secrets.token_bytes(32),
        schemes=pap.schemes,
        lockout=LockoutSettings(
            pap.lockout_failures, locked_ms=round(pap.lockout_seconds * SECOND_MS)
        ),
    )


def _initiator(table: InitiatorTable) -> Initiator:
    ha1_sha256, ha1_md5 = table.digest_ha1_sha256, table.digest_ha1_md5
    return Initiator(
        table.id,
        table.username,
        table.secret(),
        _networks(table.allowed_addresses),
        table.idempotent_resubmission,
        digest_ha1_sha256=ha1_sha256.get_secret_value() if ha1_sha256 else None,
        digest_ha1_md5=ha1_md5.get_secret_value() if ha1_md5 else None,
        api_keys_sha256=tuple(table.api_key_sha256),
        certificates_sha256=tuple(table.certificate_sha256),
        certificate_names=tuple(table.certificate_name),
        require_all=table.require_all,
    )


def _authorisation(settings: PpgSettings) -> Authorisation:
    tables = {ANONYMOUS: settings.anonymous, **{table.id: table for table in settings.initiators}}
    policies = {}
    for initiator_id, table in tables.items():
        try:
            policies[initiator_id] = table.policy()
        except PatternError as error:
            raise SettingsError(f"permissions of {initiator_id!r}: {error.reason}") from error
    return Authorisation(policies)


def _recipients(settings: PpgSettings) -> Recipients:
    listed = (
        Client(
            client_id=table.id,
            addresses=tuple(_address(table.id, text) for text in table.addresses),
            contacts=table.ways(),
            terminal_id=table.terminal_id,
            prov_url=table.prov_url,
        )
        for table in settings.clients
    )
    return Recipients(listed, Subscribers(table.range() for table in settings.subscribers))


def _address(client_id: str, text: str) -> addressing.Address:
    try:
        return addressing.parse(text, tolerant=True)
    except DecodeError as error:
        raise SettingsError(
            f"clients: address {text!r} of {client_id!r}: {error.reason}"
        ) from error


def _targets(settings: PpgSettings) -> OutboundPolicy:
    table = settings.notification
    return OutboundPolicy(_networks(table.forbid), _networks(table.allow))


def _networks(
    texts: list[str],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def _listeners(settings: PpgSettings) -> dict[str, ListenerCredentials]:
    credentials = {}
    for table in settings.initiators:
        password = table.notify_secret()
        if table.notify_username is not None and password is not None:
            credentials[table.id] = ListenerCredentials(table.notify_username, password)
    return credentials
