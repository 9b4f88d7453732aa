"""Who a running Push Client is to which gateway, and what gateways must show, from its settings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import structlog

from omapush.cai.model import RegistrationRejected
from omapush.client.binding.contact_point import contact_point_of
from omapush.client.connections.dialling import Destination
from omapush.client.push_mo.model import DefaultProfile
from omapush.core.errors import EncodeError
from omapush.core.instants import SECOND_MS
from omapush.core.peer_certificate import PeerCertificate
from omapush.daemon.gateway_settings import GatewayEntryTable
from omapush.daemon.settings import ClientSettings
from omapush.daemon.settings_table import SettingsError
from omapush.ota.http.authentication import Login, Scheme
from omapush.ota.http.client import HttpTerminalSettings
from omapush.ota.http.contexts import ProvisioningContext

log = structlog.get_logger(__name__)

_SCHEMES = {"none": Scheme.NONE, "basic": Scheme.BASIC, "digest": Scheme.DIGEST}


def terminal_settings(settings: ClientSettings) -> HttpTerminalSettings:
    """Return who the terminal is where no gateway of the settings is concerned."""
    return HttpTerminalSettings(settings.terminal.id, settings.terminal.bearer_indication)


def terminal_to(
    gateway: GatewayEntryTable, settings: ClientSettings, *, by_tls: bool
) -> HttpTerminalSettings:
    """Return who the terminal is to a gateway that it dials.

    :raises SettingsError: a secret cannot be had, or no header can hold it.
    """
    context = context_of(gateway, settings, by_tls=by_tls)
    return HttpTerminalSettings(
        gateway.terminal_id or settings.terminal.id,
        settings.terminal.bearer_indication,
        round(gateway.idle_close_seconds * SECOND_MS),
        contexts=() if context is None else (context,),
        close_after_last=gateway.ends_after_last,
    )


class Provisioned:
    """Who the terminal is to gateways that the Push Management Object names in its profiles.

    :param profiles: returns those of the object as it stands.
    """

    def __init__(
        self, settings: ClientSettings, profiles: Callable[[], Sequence[DefaultProfile]]
    ) -> None:
        self._settings = terminal_settings(settings)
        self._profiles = profiles

    def terminal_for(self, to: Destination) -> HttpTerminalSettings:
        """Return who the terminal is to a gateway that is dialled; without a profile, itself.

        Without TLS its password is proved by Digest and never sent, whatever the object says.
        """
        for profile in self._profiles():
            if profile.auth_secret is not None and _leads_to(profile, to):
                terminal_id = profile.auth_name or self._settings.terminal_id
                scheme = Scheme.NONE if to.contact.tls else Scheme.DIGEST
                try:
                    login = Login(terminal_id, profile.auth_secret, scheme)
                    context = ProvisioningContext(
                        terminal_id, login=login, proxy_id=profile.proxy_id
                    )
                except EncodeError as error:
                    log.warning("credentials_not_usable", profile=profile.name, why=error.reason)
                    break
                return replace(self._settings, terminal_id=terminal_id, contexts=(context,))
        return self._settings


def _leads_to(profile: DefaultProfile, to: Destination) -> bool:
    try:
        place = contact_point_of(profile.connection_profile, "profile")
    except RegistrationRejected:
        return False
    return place is not None and (place.host, place.port or to.port) == (to.contact.host, to.port)


@dataclass(frozen=True, slots=True)
class _Caller:
    """:ivar hosts: where it is. :ivar names: of which its certificate has to be (WAP-183 5.6.1)."""

    hosts: tuple[str, ...]
    names: tuple[str, ...]
    context: ProvisioningContext | None


class Callers:
    """Who the terminal is to gateways that dial it (PO-TCP), and which of the settings they are.

    :param addresses: returns which addresses the name of a gateway is known to have.
    :param by_tls: the connections are secure.
    :raises SettingsError: a secret cannot be had, or no header can hold it.
    """

    def __init__(
        self,
        settings: ClientSettings,
        addresses: Callable[[str], Collection[str]],
        *,
        by_tls: bool,
    ) -> None:
        self._settings = terminal_settings(settings)
        self._addresses = addresses
        self._callers = tuple(_caller(one, settings, by_tls=by_tls) for one in settings.gateways)

    def settings_for(self, address: str, identity: str | None = None) -> HttpTerminalSettings:
        """Return who the terminal is to whoever dials from an address.

        A gateway of the settings meets its own provisioning context first, and anybody else one
        without credentials; by its name (X-Wap-Push-ProvURL) each can be chosen.

        :param identity: which name its certificate has proved.
        """
        known = [one for one in self._callers if one.context is not None]
        first = [one for one in known if self._is(one, address, identity)]
        if not known:
            return self._settings
        chosen = [one.context for one in (*first, *(one for one in known if one not in first))]
        stranger = () if first else (ProvisioningContext(self._settings.terminal_id),)
        contexts = (*stranger, *(one for one in chosen if one is not None))
        return replace(self._settings, contexts=contexts)

    def identity(self, certificate: PeerCertificate, address: str) -> str | None:
        """Return which of the known names a certificate was given to; ``None``: to none of them.

        Known are the gateways of the settings, and in any case the address that was dialled from.
        """
        every = [name for one in self._callers for name in one.names]
        return next((name for name in (*every, address) if certificate.is_of(name)), None)

    def _is(self, caller: _Caller, address: str, identity: str | None) -> bool:
        if identity is not None and identity in caller.names:
            return True
        return any(host == address or address in self._addresses(host) for host in caller.hosts)


def _caller(gateway: GatewayEntryTable, settings: ClientSettings, *, by_tls: bool) -> _Caller:
    hosts = tuple(dict.fromkeys(one.host for one in gateway.places))
    names = (gateway.server_name,) if gateway.server_name else hosts
    return _Caller(hosts, names, context_of(gateway, settings, by_tls=by_tls))


def context_of(
    gateway: GatewayEntryTable, settings: ClientSettings, *, by_tls: bool
) -> ProvisioningContext | None:
    """Return the provisioning context that a gateway of the settings is, if it is one.

    Without TLS no password crosses the network, unless the settings allow it: Digest only.

    :raises SettingsError: a secret cannot be had, or no header can hold it.
    """
    ours, its = gateway.our_password(), gateway.its_password()
    if gateway.prov_url is None and ours is None and its is None:
        return None
    in_clear = by_tls or gateway.clear_password
    terminal_id = gateway.terminal_id or settings.terminal.id
    demand = _SCHEMES[gateway.scheme]
    if demand is Scheme.BASIC and not in_clear:
        demand = Scheme.DIGEST
    try:
        return ProvisioningContext(
            terminal_id,
            gateway.prov_url or "",
            None
            if ours is None
            else Login(terminal_id, ours, Scheme.NONE if in_clear else Scheme.DIGEST),
            None if its is None else Login(gateway.username or "", its),
            demand,
            gateway.username,
        )
    except EncodeError as error:
        raise SettingsError(f"gateways: {gateway.name}: {error.reason}") from error
