"""The Push-OTA variants of a running Push Client, as registrations get their bindings by them.

A :class:`ClientBinders` is made before the agent, which takes its ``binders``, and opened after it:

    binders = ClientBinders(settings, clock)
    agent = PushClient(..., binders=binders.binders)
    binders.give_pushes_to(agent)
    await agent.start()
    async with binders.open(): ...

Those who run a modem or hold sessions report to ``wsp_bearers`` how these fare.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from omapush.bearers.udp import UdpBearer
from omapush.cai.model import Protocol
from omapush.client.binding.binder import Binder
from omapush.client.binding.dialled import DialledConnections
from omapush.client.binding.http_binder import HttpPlaces, OtaHttpBinder
from omapush.client.binding.own_ports import UDP, OwnPorts
from omapush.client.binding.push_receiver import PushReceiver
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.binding.wsp_binder import SMS, WSP_SESSION, OtaWspBinder
from omapush.client.connections.dialling import TCP_IP
from omapush.client.connections.terminal_connections import WHEN_ASKED, TerminalConnections
from omapush.client.push_mo.model import DefaultProfile
from omapush.client.sip.status import SipStatus
from omapush.daemon.client_sip import ClientSip, new_instance
from omapush.daemon.clock import SystemClock
from omapush.daemon.gateway_connections import GatewayConnections
from omapush.daemon.http_listeners import HttpListeners
from omapush.daemon.session_initiation import (
    CoreRegistrationOpener,
    dials_on_request,
    opens_sessions,
)
from omapush.daemon.settings import ClientSettings
from omapush.daemon.wsp_client import listening_for_datagrams
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    PoUnitPushInd,
    StreamLink,
)


class ReceiverToCome:
    """Stands for the agent before there is one. Implements ``client.push_receiver.PushReceiver``.

    :ivar receiver: gets what comes; nothing may come before it is set.
    """

    receiver: PushReceiver

    def capabilities(self) -> ClientCapabilities:
        """Ask the receiver."""
        return self.receiver.capabilities()

    def indication(self, link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        """Hand over."""
        self.receiver.indication(link, indication)

    def unit_push(self, indication: PoUnitPushInd) -> object:
        """Hand over."""
        return self.receiver.unit_push(indication)


class ClientBinders:
    """The variants that the settings describe.

    :ivar http: OTA-HTTP; ``wsp``: OTA-WSP. Both can begin bindings in a scope of their own, for
        registrations whose profiles a server has given.
    :ivar sip: OTA-SIP, where the settings have a core.
    :ivar wsp_bearers: is told how short messages and sessions fare.
    :param spread: gives a number from 0 to 1, by which waits are cut so that not all wait alike.
    :param profiles: returns those of the Push Management Object, which have credentials.
    :param instance: who this device is to a SIP/IP core, a URN; ``None``: a new one each time.
    :raises SettingsError: a file with certificates or a secret cannot be used.
    """

    def __init__(
        self,
        settings: ClientSettings,
        clock: SystemClock,
        spread: Callable[[], float] = random.random,
        profiles: Callable[[], Sequence[DefaultProfile]] = tuple,
        instance: str | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._receiver = ReceiverToCome()
        self._own: Callable[[], Iterable[str]] = tuple
        self._http_bearers = SharedBearers(
            Protocol.OTA_HTTP.value,
            [TCP_IP, *(one.name for one in settings.bearers)],
        )
        if dials_on_request(settings.sia) and not settings.ota_http.po_tcp:
            self._http_bearers.up(TCP_IP, WHEN_ASKED, way="SIR")
        self._dialled = GatewayConnections(
            settings, clock, self._receiver, self._http_bearers, spread, profiles
        )
        self._listeners = HttpListeners(
            settings, clock, self._receiver, spread, addresses=self._dialled.addresses
        )
        self._http_bearers.announce_to(self._listeners.announce)
        addresses = {one.name: one.address for one in settings.bearers}
        places = HttpPlaces(settings.ota_http.listen.port, addresses)
        self.http = OtaHttpBinder(
            self._http_bearers, DialledConnections(self._dialled.connections), places
        )
        self.wsp_bearers = SharedBearers(Protocol.OTA_WSP.value, shared_wsp_bearers(settings))
        self._own_ports = self._new_own_ports()
        udp = settings.ota_wsp.udp_listen
        self.wsp = OtaWspBinder(self.wsp_bearers, udp.port if udp else None, self._own_ports)
        self.sip: ClientSip | None = None
        if settings.ota_sip.core is not None:
            known = settings.ota_sip.instance or instance or new_instance()
            self.sip = ClientSip(settings.ota_sip, clock, self._receiver, known, self._own_ids)

    @property
    def connections(self) -> TerminalConnections:
        """Those that the client dials."""
        return self._dialled.connections

    @property
    def sip_opener(self) -> CoreRegistrationOpener | None:
        """What registers at the core when a gateway asks for it; ``None``: there is no core."""
        if self.sip is None:
            return None
        registration = self.sip.registration
        return CoreRegistrationOpener(registration.ask, lambda: registration.is_registered)

    def sip_status(self) -> SipStatus | None:
        """Return how the registration at the core stands; ``None``: there is no core."""
        return None if self.sip is None else self.sip.status()

    @property
    def binders(self) -> tuple[Binder, ...]:
        """The variants that are set up."""
        wsp = (self.wsp,) if self.wsp.offers() else ()
        sip = (self.sip.binder,) if self.sip is not None else ()
        return (self.http, *wsp, *sip)

    def give_pushes_to(
        self, receiver: PushReceiver, own: Callable[[], Iterable[str]] = tuple
    ) -> None:
        """Have ``receiver`` get the pushes; to be called before anything is begun or opened.

        :param own: returns the ids that the client takes by itself, for a core that has to know.
        """
        self._receiver.receiver = receiver
        self._own = own

    def _own_ids(self) -> Iterable[str]:
        return self._own()

    def _sip(self) -> contextlib.AbstractAsyncContextManager[None]:
        return contextlib.nullcontext() if self.sip is None else self.sip.open()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Open what all share; what is begun by then or meanwhile is closed at the end.

        :raises BearerUnavailable: an address or a port that all share cannot be had.
        """
        settings, clock, receiver = self._settings, self._clock, self._receiver
        try:
            async with (
                self._dialled.open(),
                self._listeners.open(self._http_bearers),
                listening_for_datagrams(settings, clock, receiver, self.wsp_bearers),
                self._sip(),
            ):
                yield
        finally:
            if self._own_ports is not None:
                await self._own_ports.close()

    def _new_own_ports(self) -> OwnPorts | None:
        table = self._settings.ota_wsp
        host = table.own_ports_at or (table.udp_listen.host if table.udp_listen else None)
        if host is None:
            return None
        return OwnPorts(UdpBearer(self._clock), host, self._receiver)


def shared_wsp_bearers(settings: ClientSettings) -> list[str]:
    """Return the bearers that all applications share for OTA-WSP."""
    table = settings.ota_wsp
    return [
        *([UDP] if table.udp_listen is not None else []),
        *([SMS] if settings.modem.kind is not None else []),
        *([WSP_SESSION] if table.session_with or opens_sessions(settings.sia) else []),
    ]
