"""What session initiation requests lead to in a running Push Client."""

from __future__ import annotations

import ipaddress

from omapush.client.binding.push_sessions import ClientPushSessions
from omapush.client.sia import GatewayAddress, SessionWish, SiaSettings, Variant
from omapush.core.instants import SECOND_MS
from omapush.daemon.modem_settings import SiaTable
from omapush.ota.datagrams import Peer


def sia_settings(table: SiaTable) -> SiaSettings:
    """Return what session initiation requests may lead to."""
    return SiaSettings(
        gateways=tuple(ipaddress.ip_network(text, strict=False) for text in table.gateways),
        lockout_ms=round(table.lockout_seconds * SECOND_MS),
        hide_applications=table.hide_applications,
    )


class WspSessionOpener:
    """Opens push sessions over UDP (``client.sia.SessionOpener``); OTA-HTTP is not among them.

    :ivar sessions: where they are held; ``None`` until the client runs, and then nothing is opened.
    """

    variants = (Variant.OTA_WSP,)

    def __init__(self) -> None:
        self.sessions: ClientPushSessions | None = None

    def open(self, wish: SessionWish) -> None:
        """Open a session, or another in place of one that may be lost."""
        if self.sessions is not None:
            self.sessions.open(_peer(wish.gateway), wish.applications)

    def is_open(self, gateway: GatewayAddress) -> bool:
        """Whether there is a session with ``gateway``."""
        return self.sessions is not None and _peer(gateway) in self.sessions.gateways


def _peer(gateway: GatewayAddress) -> Peer:
    return Peer(gateway.host, gateway.port)
