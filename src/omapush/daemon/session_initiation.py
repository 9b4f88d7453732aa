"""What session initiation requests lead to in a running Push Client."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable, Mapping
from typing import Protocol

from omapush.client.binding.push_sessions import ClientPushSessions
from omapush.client.connections.terminal_connections import Request, TerminalConnections
from omapush.client.sia import ANY, GatewayAddress, SessionWish, SiaSettings, Variant
from omapush.core.instants import SECOND_MS
from omapush.daemon.modem_settings import SiaTable
from omapush.ota.datagrams import Peer


def sia_settings(table: SiaTable, is_known: Callable[[str], bool] | None = None) -> SiaSettings:
    """Return what session initiation requests may lead to.

    :param is_known: whether a gateway that the client dials is at an address; ``None``: it dials
        none.
    """
    return SiaSettings(
        gateways=tuple(ipaddress.ip_network(text, strict=False) for text in table.gateways),
        lockout_ms=round(table.lockout_seconds * SECOND_MS),
        hide_applications=table.hide_applications,
        is_known=is_known,
    )


def opens_sessions(table: SiaTable) -> bool:
    """Whether such a request may lead to a push session by OTA-WSP."""
    return bool(table.gateways) and Variant.OTA_WSP.value in table.variants


def dials_on_request(table: SiaTable) -> bool:
    """Whether it may lead to a connection to a gateway that the settings do not name."""
    return bool(table.gateways) and Variant.OTA_HTTP.value in table.variants


class WspSessionOpener:
    """Opens push sessions over UDP.

    :ivar sessions: where they are held; ``None`` until the client runs, and then nothing is opened.
    """

    def __init__(self) -> None:
        self.sessions: ClientPushSessions | None = None

    def open(self, wish: SessionWish) -> None:
        """Open a session, or another in place of one that may be lost."""
        if self.sessions is not None:
            self.sessions.open(_peer(wish.gateway), wish.applications)

    def is_open(self, gateway: GatewayAddress) -> bool:
        """Whether there is a session with ``gateway``."""
        return self.sessions is not None and _peer(gateway) in self.sessions.gateways


class HttpConnectionOpener:
    """Dials gateways (TO-TCP), which then register the client (WAP-235 8.3)."""

    def __init__(self, connections: TerminalConnections) -> None:
        self._connections = connections

    def open(self, wish: SessionWish) -> None:
        """Dial, or dial again in place of a connection that the gateway may have lost."""
        gateway, tag = wish.gateway, wish.cpi_tag
        written = None if tag is None else base64.b64encode(tag).decode("ascii")
        hides = wish.applications == (ANY,)
        self._connections.asked_for(
            Request(
                gateway.host,
                gateway.port,
                gateway.secure,
                written,
                hides,
                wish.provisioning_url,
            )
        )

    def is_open(self, gateway: GatewayAddress) -> bool:
        """Whether there is a connection to ``gateway``."""
        return self._connections.is_connected(gateway.host, gateway.port)


class CoreRegistrationOpener:
    """Registers at the client's own SIP/IP core, and tells gateways what is taken.

    :param ask: does that; ``is_registered``: whether the core knows the client.
    """

    def __init__(self, ask: Callable[[], None], is_registered: Callable[[], bool]) -> None:
        self._ask = ask
        self._is_registered = is_registered

    def open(self, wish: SessionWish) -> None:
        """Register, unless that is done, and tell the gateways of the settings."""
        self._ask()

    def is_open(self, gateway: GatewayAddress) -> bool:
        """Whether the core knows the client."""
        return self._is_registered()


class VariantOpener(Protocol):
    """Opens what one variant has; see ``client.sia.SessionOpener``."""

    def open(self, wish: SessionWish) -> None:
        """Begin to open it."""

    def is_open(self, gateway: GatewayAddress) -> bool:
        """Whether it is open."""


class SessionOpeners:
    """Opens by whichever variant a wish is for. Implements ``client.sia.SessionOpener``.

    :param by_variant: the preferred one first.
    """

    def __init__(self, by_variant: Mapping[Variant, VariantOpener]) -> None:
        self._by_variant = dict(by_variant)

    @property
    def variants(self) -> tuple[Variant, ...]:
        """What can be opened."""
        return tuple(self._by_variant)

    def open(self, wish: SessionWish) -> None:
        """Begin to open what is wished."""
        self._by_variant[wish.gateway.variant].open(wish)

    def is_open(self, gateway: GatewayAddress) -> bool:
        """Whether there is a session or a connection with ``gateway``."""
        return self._by_variant[gateway.variant].is_open(gateway)


def session_openers(
    table: SiaTable,
    wsp: WspSessionOpener,
    connections: TerminalConnections,
    sip: CoreRegistrationOpener | None = None,
) -> SessionOpeners:
    """Return the openers in the order that the settings prefer.

    :param sip: ``None``: there is no core.
    """
    by_name: dict[str, VariantOpener] = {
        Variant.OTA_WSP.value: wsp,
        Variant.OTA_HTTP.value: HttpConnectionOpener(connections),
    }
    if sip is not None:
        by_name[Variant.OTA_SIP.value] = sip
    return SessionOpeners(
        {Variant(name): by_name[name] for name in table.variants if name in by_name}
    )


def _peer(gateway: GatewayAddress) -> Peer:
    return Peer(gateway.host, gateway.port)
