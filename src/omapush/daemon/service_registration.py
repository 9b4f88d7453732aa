"""The Push Service Registration procedure of a running client, from its settings."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import AsyncIterator, Callable, Sequence

from omapush.client.binding.binder import Binder
from omapush.client.service_registration.binder import (
    ServiceRegistrationBinder,
    ServiceRegistrationSettings,
)
from omapush.client.service_registration.procedure import ServiceRegistrationClient
from omapush.core.instants import SECOND_MS, Instant
from omapush.core.networks import Network
from omapush.daemon.service_registration_settings import ServiceRegistrationTable
from omapush.daemon.settings_table import SettingsError
from omapush.daemon.tls import verifying_context
from omapush.ota.interface import ClientCapabilities
from omapush.web.authentication import CredentialsByHost, CredentialsError, HostCredentials
from omapush.web.policy import OutboundPolicy, TargetForbiddenError


@contextlib.asynccontextmanager
async def registering_at_services(
    table: ServiceRegistrationTable,
    terminal_id: str,
    capabilities: ClientCapabilities,
    binders: Sequence[Binder],
    clock: Callable[[], Instant],
) -> AsyncIterator[ServiceRegistrationBinder]:
    """Give the binder for registrations at push services as long as the context lasts.

    :param capabilities: sizes, counts and codings of this client.
    :param binders: those of the variants, best first.
    :raises SettingsError: the settings contradict each other, or name a file that cannot be used.
    """
    policy = _policy(table)
    client = ServiceRegistrationClient(
        policy,
        max(1, round(table.timeout_seconds * SECOND_MS)),
        _credentials(table),
        verifying_context(table.ca_file, "service_registration.ca_file"),
    )
    settings = ServiceRegistrationSettings(
        table.uri, terminal_id if table.tell_terminal_id else None, capabilities
    )
    binder = ServiceRegistrationBinder(client, binders, settings, clock)
    try:
        yield binder
    finally:
        await binder.close()


def _policy(table: ServiceRegistrationTable) -> OutboundPolicy:
    policy = OutboundPolicy(
        _networks(table.forbid), _networks(table.allow), tuple(table.hosts), table.tls_only
    )
    if table.uri is not None:
        try:
            policy.parse(table.uri)
        except TargetForbiddenError as error:
            raise SettingsError(f"service_registration.uri: {error.reason}") from error
    return policy


def _credentials(table: ServiceRegistrationTable) -> CredentialsByHost:
    try:
        return CredentialsByHost(
            HostCredentials(one.host, one.username, one.secret(), one.realm)
            for one in table.credentials
        )
    except CredentialsError as error:
        raise SettingsError(f"service_registration.credentials: {error.reason}") from error


def _networks(texts: Sequence[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
