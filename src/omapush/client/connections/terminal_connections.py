"""Every connection that the terminal dials, for whomever: at most one to each place.

Beside the connections that registrations hold (``client.binding.dialled``) these are:

* to each gateway of the settings, all the time or when it asks for one; all applications share it;
* to other gateways, as long as they use it, because they asked for it by a session initiation
  request (WAP-235, 8.3). Whether they may is decided before (``client.sia``).
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from omapush.cai.model import Reason
from omapush.client.binding.contact_point import ContactPoint
from omapush.client.connections.dialling import TCP_IP, Destination, DialPorts, Gateway
from omapush.client.connections.kept_connection import (
    ConnectionState,
    ConnectionStatus,
    History,
    Holder,
    KeptConnection,
    Purpose,
)
from omapush.client.connections.open_connection import OpenConnection

log = structlog.get_logger(__name__)

MOST_ASKED_FOR = 16
"""Connections at a time to gateways that are not in the settings, or are at another port."""
WHEN_ASKED = "on request"
"""In place of an address, for gateways that ask for a connection when they need one."""


class SharedWays(Protocol):
    """Is told which bearers gateways can use that the settings name."""

    def up(self, bearer: str, address: str = "", way: str = "") -> None:
        """There is a way over it."""

    def down(
        self,
        bearer: str,
        reason: Reason = Reason.BEARER_LOST,
        detail: str | None = None,
        way: str = "",
    ) -> None:
        """There is none of this kind."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a gateway asks for.

    :ivar host: an IP address. :ivar secure: the port is registered for TLS.
    :ivar cpi_tag: by which it knows the client, as in X-Wap-CPITag.
    :ivar hides_applications: it is not to be told which applications there are.
    :ivar provisioning_url: by which it names one of the settings' gateways, if it does.
    """

    host: str
    port: int
    secure: bool = False
    cpi_tag: str | None = None
    hides_applications: bool = False
    provisioning_url: bytes = b""


class TerminalConnections:
    """Dials and keeps them.

    :param gateways: those of the settings.
    :param ways: is told how these fare.
    :param addresses: returns which addresses a host name is known to have.
    """

    def __init__(
        self,
        ports: DialPorts,
        gateways: Sequence[Gateway] = (),
        ways: SharedWays | None = None,
        addresses: Callable[[str], Collection[str]] = lambda _name: (),
    ) -> None:
        self._ports = ports
        self._gateways = tuple(gateways)
        self._ways = ways
        self._addresses = addresses
        self._histories = {one.name: History() for one in gateways}
        self._kept: dict[str | Destination, KeptConnection] = {}

    # -- life --

    def start(self) -> None:
        """Begin to dial the gateways that are to be connected all the time."""
        for gateway in self._gateways:
            if gateway.always:
                self._keep(gateway.name, gateway).join(_Always())
        self._report()

    async def close(self) -> None:
        """End every connection; no holder is told of it."""
        await asyncio.gather(*(kept.close() for kept in list(self._kept.values())))

    # -- who wants one --

    def hold(self, to: Destination, holder: Holder) -> KeptConnection:
        """Have ``holder`` have part in a connection to ``to``, which it leaves by ``leave``.

        That to a gateway of the settings, if it is one of its contact points.
        """
        ports, gateway = self._ports, self._gateway_at(to)
        key: str | Destination = to
        if gateway is not None:
            key = gateway.name
        else:
            gateway = Gateway(str(to), (to,), ports.terminal_for(to), ports.limits)
        kept = self._kept.get(key) or self._keep(key, gateway)
        kept.join(holder)
        return kept

    def asked_for(self, request: Request) -> bool:
        """Connect to a gateway that asks for it; return whether that is begun, or done already.

        One of the settings, that is not connected elsewhere, is dialled as these say, and any
        other by an own connection.
        """
        for kept in list(self._kept.values()):
            if kept.leads_to(request.host, request.port):
                kept.asked_for(request.cpi_tag)
                return True
        gateway = self._asking(request)
        if gateway is not None and request.hides_applications:
            gateway = replace(gateway, hides_applications=True)
        number = None if gateway is None else self._place(gateway, request)
        if gateway is not None and number is not None:
            its_own = self._kept.get(gateway.name)
            if its_own is None:
                made = self._keep(gateway.name, gateway, number, request.cpi_tag)
                made.join(_OnRequest(gateway))
                return True
            if its_own.connection is None:
                its_own.asked_for(request.cpi_tag, number)
                return True
        return self._by_own_connection(request, gateway)

    def _by_own_connection(self, request: Request, known: Gateway | None) -> bool:
        to = self._place_asked_for(request, known)
        kept = self._kept.get(to)
        if kept is not None:
            kept.asked_for(request.cpi_tag)
            return True
        asked_for = sum(isinstance(key, Destination) for key in self._kept)
        if asked_for >= MOST_ASKED_FOR:
            log.warning("gateway_not_dialled", gateway=str(to), reason="too many connections")
            return False
        ports = self._ports
        if known is not None:
            gateway = replace(known, name=f"{known.name}, {to}", destinations=(to,), always=False)
        else:
            gateway = Gateway(
                str(to),
                (to,),
                ports.terminal_for(to),
                ports.limits,
                always=False,
                hides_applications=request.hides_applications,
            )
        self._keep(to, gateway, cpi_tag=request.cpi_tag).join(_OnRequest(gateway))
        return True

    def knows(self, host: str) -> bool:
        """Whether a gateway of the settings is known to be at this address."""
        return bool(self._known(host))

    def is_connected(self, host: str, port: int) -> bool:
        """Whether there is a connection to this place."""
        return any(kept.leads_to(host, port) for kept in self._kept.values())

    # -- for all --

    def announce(self) -> None:
        """Have gateways learn what the client takes now."""
        for kept in list(self._kept.values()):
            kept.announce()

    def look(self) -> None:
        """Dial anew where the way to a gateway has changed."""
        for kept in list(self._kept.values()):
            kept.look()

    def statuses(self) -> list[ConnectionStatus]:
        """Return how each connection stands, those of the settings first."""
        first = [self._status(one) for one in self._gateways]
        more = [
            kept.status(Purpose.REGISTRATIONS if kept.gateway.always else Purpose.REQUEST)
            for key, kept in self._kept.items()
            if isinstance(key, Destination)
        ]
        return [*first, *more]

    def _status(self, gateway: Gateway) -> ConnectionStatus:
        kept = self._kept.get(gateway.name)
        if kept is not None:
            return kept.status(Purpose.SETTINGS)
        past = self._histories[gateway.name]
        return ConnectionStatus(
            gateway.name,
            tuple(str(to) for to in gateway.destinations),
            Purpose.SETTINGS,
            ConnectionState.ON_REQUEST,
            ended=past.reason,
            ended_at=past.ended_at,
            failures=past.failures,
        )

    # -- inside --

    def _keep(
        self,
        key: str | Destination,
        gateway: Gateway,
        first: int = 0,
        cpi_tag: str | None = None,
    ) -> KeptConnection:
        history = self._histories.get(gateway.name) or History()
        made = KeptConnection(
            gateway,
            self._ports,
            history,
            self._report,
            functools.partial(self._forget, key),
            first,
            cpi_tag,
        )
        self._kept[key] = made
        return made

    def _forget(self, key: str | Destination, kept: KeptConnection) -> None:
        if self._kept.get(key) is kept:
            del self._kept[key]
        self._report()

    def _gateway_at(self, to: Destination) -> Gateway | None:
        """Return the gateway of the settings that is dialled in this very way."""
        for gateway in self._gateways:
            for each in gateway.destinations:
                if replace(each, gateway="", server_name=None) == to:
                    return gateway
        return None

    def _known(self, host: str) -> list[Gateway]:
        """Return the gateways of the settings that are at an address, as far as that is known."""
        return [
            gateway
            for gateway in self._gateways
            if any(self._is_at(to, host) for to in gateway.destinations)
        ]

    def _asking(self, request: Request) -> Gateway | None:
        """Return the gateway of the settings by whose rules one is dialled that asks for it.

        Of those at its address, or without any of all, the one whose PROVURL it names.
        """
        there = self._known(request.host)
        named = (one for one in there or self._gateways if one.is_named(request.provisioning_url))
        return next(named, there[0] if there else None)

    def _place(self, gateway: Gateway, request: Request) -> int | None:
        """Return the number of the gateway's contact point that is asked for, or ``None``."""
        for number, to in enumerate(gateway.destinations):
            if to.port == request.port and self._is_at(to, request.host):
                return number
        return None

    def _is_at(self, to: Destination, host: str) -> bool:
        return to.contact.host == host or host in self._addresses(to.contact.host)

    def _place_asked_for(self, request: Request, known: Gateway | None) -> Destination:
        """Return what is dialled: a gateway of the settings no less securely than these say."""
        contact = ContactPoint(request.host, request.port, request.secure)
        if known is None:
            return Destination(contact, request.port, TCP_IP)
        every = known.destinations
        secure_ports = {to.port for to in every if to.contact.tls}
        needs_tls = request.port in secure_ports or all(to.contact.tls for to in every)
        named = next((to for to in every if self._is_at(to, request.host)), every[0])
        return Destination(
            replace(contact, tls=request.secure or needs_tls),
            request.port,
            named.bearer,
            named.local_address,
            gateway=known.name,
            server_name=named.server_name or named.contact.host,
        )

    def _report(self) -> None:
        """Tell by which bearers gateways of the settings, or those that asked, have a way."""
        if self._ways is None:
            return
        for bearer in dict.fromkeys(one.destinations[0].bearer for one in self._gateways):
            peers = sorted(self._peers(bearer))
            if peers:
                self._ways.up(bearer, ", ".join(peers), way="TO-TCP")
            elif any(not one.always and _is_by(one, bearer) for one in self._gateways):
                self._ways.up(bearer, WHEN_ASKED, way="TO-TCP")
            elif all(self._has_failed(one) for one in self._gateways if _is_by(one, bearer)):
                detail = "no gateway is connected"
                self._ways.down(bearer, Reason.BEARER_LOST, detail, way="TO-TCP")

    def _peers(self, bearer: str) -> Iterable[str]:
        for key, kept in self._kept.items():
            shared = isinstance(key, str) or not kept.gateway.always
            if shared and kept.is_up and _is_by(kept.gateway, bearer):
                yield kept.peer

    def _has_failed(self, gateway: Gateway) -> bool:
        return self._histories[gateway.name].ended_at is not None


class _Always:
    """Wants the connection whatever happens."""

    def connected(self, connection: OpenConnection) -> None:
        """See ``kept_connection.Holder``."""

    def lost(self, cause: Reason, detail: str) -> bool:
        return True

    def released(self) -> bool:
        return True


class _OnRequest:
    """Wants one connection: a few tries, and when it has ended it is over."""

    def __init__(self, gateway: Gateway) -> None:
        self._rounds = gateway.limits.rounds_on_request
        self._was_connected = False

    def connected(self, connection: OpenConnection) -> None:
        self._was_connected = True

    def lost(self, cause: Reason, detail: str) -> bool:
        self._rounds -= 1
        return self._rounds > 0 and not self._was_connected

    def released(self) -> bool:
        return False


def _is_by(gateway: Gateway, bearer: str) -> bool:
    return gateway.destinations[0].bearer == bearer
