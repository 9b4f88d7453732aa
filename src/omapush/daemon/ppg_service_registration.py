"""The push services of a running gateway, from its settings."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable, Iterator

from omapush.core.instants import SECOND_MS, Instant
from omapush.daemon.client_settings import ClientTable
from omapush.daemon.patient_http import patient_protocol
from omapush.daemon.serving import HttpServer, listening_socket
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_table import SettingsError
from omapush.daemon.tls import server_options
from omapush.ppg.authentication import Initiators
from omapush.ppg.credentials import Initiator
from omapush.ppg.service_registration.http import (
    REALM,
    ServiceRegistrationHttpSettings,
    ServiceRegistrationOverHttp,
)
from omapush.ppg.service_registration.registrar import (
    KnownTerminal,
    RegistrarSettings,
    ServiceRegistrar,
)
from omapush.ppg.store.contract import Store

MAX_HEAD = 16_384
"""Octets of the head of a request; more is 400."""


def check_service_registration(settings: PpgSettings) -> None:
    """Check what only composition can see. :raises SettingsError: something does not fit."""
    table = settings.service_registration
    if table.listen is not None:
        _terminals(settings)
        server_options(table.tls_certificate, table.tls_key, "service_registration")


def service_registration_server(
    settings: PpgSettings, store: Store, clock: Callable[[], Instant]
) -> HttpServer | None:
    """Return what serves registrations; ``None``: the settings have none.

    :raises SettingsError: they contradict themselves, or name a file that cannot be used.
    :raises ListenError: the address cannot be had.
    """
    table = settings.service_registration
    if table.listen is None:
        return None
    tls = server_options(table.tls_certificate, table.tls_key, "service_registration")
    timeout_ms = round(table.read_timeout_seconds * SECOND_MS)
    application = ServiceRegistrationOverHttp(
        _registrar(settings, store, clock),
        _terminals(settings),
        ServiceRegistrationHttpSettings(tuple(table.paths), timeout_ms),
        clock,
    )
    return HttpServer(
        application,
        [listening_socket(table.listen)],
        http=patient_protocol(table.read_timeout_seconds),
        h11_max_incomplete_event_size=MAX_HEAD,
        limit_concurrency=table.max_connections,
        **tls,
    )


def _registrar(
    settings: PpgSettings, store: Store, clock: Callable[[], Instant]
) -> ServiceRegistrar:
    table = settings.service_registration
    return ServiceRegistrar(
        [each.service() for each in table.services],
        [
            KnownTerminal(client.id, terminal_id, password is not None)
            for client, terminal_id, password in _named(settings)
        ],
        store,
        RegistrarSettings(
            table.expires_seconds * SECOND_MS, table.max_per_address, table.max_registrations
        ),
        clock,
        lambda: secrets.token_hex(16),
    )


def _terminals(settings: PpgSettings) -> Initiators:
    """Return the clients that can prove who they are, as those who may register."""
    table = settings.service_registration
    known = [
        Initiator(client.id, terminal_id, password)
        for client, terminal_id, password in _named(settings)
        if password is not None
    ]
    names = [one.username for one in known]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(f"clients: two have the terminal_id {twice!r}")
    if not known and not table.anonymous_from:
        raise SettingsError(
            "service_registration: nobody may register: no client has a terminal_password, and "
            "there is no anonymous_from"
        )
    return Initiators(
        known,
        tuple(ipaddress.ip_network(text, strict=False) for text in table.anonymous_from),
        secret=secrets.token_bytes(32),
        schemes=table.schemes,
        realm=REALM,
    )


def _named(settings: PpgSettings) -> Iterator[tuple[ClientTable, str, str | None]]:
    for client in settings.clients:
        if client.terminal_id is not None:
            yield client, client.terminal_id, client.terminal_secret()
