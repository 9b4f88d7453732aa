"""A SIP/IP core, reached by UDP, TCP or TLS: implements ``ota.sip.core.SipCore``.

::

    SipCoreBearer ── SipEndpoint (transactions, protocols.sip) ── SipTransports ┬ UdpBearer
         │                                                                      └ SipConnections
      SipServer (requests that come)                                        (TcpBearer, TLS)

On failure: a request that cannot be sent, or is not answered, fails for its caller alone. What is
no SIP, or is not for anybody, is answered or dropped by the endpoint.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

from omapush.bearers.driving import Clock, Driver, OnTrace
from omapush.bearers.sip_settings import TransportSettings
from omapush.bearers.sip_transports import SipTransports
from omapush.core.instants import Instant
from omapush.ota.interface import BearerUnavailable
from omapush.ota.sip.core import FlowListener, NoFinalAnswer, Origin, SipServer
from omapush.protocols.sip.endpoint import SipEndpoint
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import SipRequest, SipResponse
from omapush.protocols.sip.primitives import (
    AckInd,
    CancelledInd,
    EndpointSettings,
    Indication,
    RequestInd,
    ResponseInd,
    SendMessage,
    TransactionFailedInd,
    UnacknowledgedInd,
)
from omapush.protocols.sip.responses import plain_response

_STRANGER = 403
"""By which a server refuses whoever is no element of the core."""
_Call = Callable[[Instant], object]
"""Something that is done to the endpoint now."""


class _Machine(SipEndpoint):
    """The endpoint as a driver drives it: a primitive is something done to it."""

    def request(self, primitive: _Call, now: Instant) -> None:
        """Do it."""
        primitive(now)


class _EndpointDriver(Driver[_Call]):
    """Drives the endpoint; it is awake until it is put to sleep."""

    __slots__ = ("_awake", "_send")

    def __init__(
        self,
        machine: _Machine,
        send: Callable[[SendMessage], None],
        on_indication: Callable[[Indication], None],
        clock: Clock,
    ) -> None:
        super().__init__(machine, on_indication, clock)
        self._send = send
        self._awake = True

    @property
    def _is_open(self) -> bool:
        return self._awake

    def _carry_out(self, effect: Any) -> None:  # noqa: ANN401 - as the base has it
        self._send(effect)

    def sleep(self) -> None:
        """Be woken no more."""
        self._awake = False
        self._forget_timer()


class SipCoreBearer:
    """One end of SIP: a gateway's, or a client's.

    :param endpoint: how many transactions it has, and how long they wait.
    """

    def __init__(
        self,
        settings: TransportSettings,
        clock: Clock,
        on_trace: OnTrace | None = None,
        endpoint: EndpointSettings | None = None,
    ) -> None:
        self._settings = settings
        self._transports = SipTransports(
            settings, self._received, self._unreachable, clock, on_trace
        )
        self._endpoint = _Machine(
            self._transports.local,
            endpoint or EndpointSettings(),
            lambda: secrets.token_hex(12),
        )
        self._driver = _EndpointDriver(self._endpoint, self._carry, self._indicated, clock)
        self._server: SipServer | None = None
        self._waiting: dict[str, asyncio.Future[SipResponse]] = {}
        self._is_closed = False

    def serve(self, server: SipServer) -> None:
        """Have ``server`` serve the requests that come; until then they are refused (503)."""
        self._server = server

    async def open(self) -> None:
        """Open the sockets. :raises BearerUnavailable: an address cannot be listened on."""
        await self._transports.open()

    async def close(self, reason: str) -> None:
        """Close the sockets; requests that wait fail."""
        self._is_closed = True
        for waiting in list(self._waiting.values()):
            _fail(waiting, BearerUnavailable(reason))
        await self._transports.close(reason)
        self._driver.sleep()

    def port(self, transport: Transport) -> int | None:
        """Return the port that is received at by ``transport``, if there is one."""
        return self._transports.port(transport)

    # -- ota.sip.core.SipCore --

    def contact(self, transport: Transport | None = None) -> str:
        """Return ``host:port`` where this end receives; by default with the core's transport."""
        return self._transports.contact(transport or self._settings.core.transport)

    async def send(
        self, request: SipRequest, hop: Hop | None = None, within_ms: int | None = None
    ) -> SipResponse:
        """Send a request and return the final response, as ``SipCore`` says.

        :raises EncodeError: the request cannot be written.
        """
        if self._is_closed:
            raise BearerUnavailable("it is being shut down")
        next_hop = await self._transports.locate(hop or self._settings.core)
        outcome: asyncio.Future[SipResponse] = asyncio.get_running_loop().create_future()
        key = ""

        def begin(now: Instant) -> None:
            nonlocal key
            key = self._endpoint.send(request, next_hop, now)
            self._waiting[key] = outcome

        self._driver.request(begin)
        try:
            async with asyncio.timeout(None if within_ms is None else within_ms / 1000):
                response = await outcome
        except TimeoutError as error:
            raise NoFinalAnswer(f"no answer within {within_ms} ms") from error
        finally:
            # The caller gives up: only now, for what has been answered is gone already.
            if self._waiting.pop(key, None) is not None and not self._is_closed:
                self._driver.request(lambda now: self._endpoint.cancel(key, now))
        if request.method == "REGISTER" and response.is_success:
            self._note_flow_timer(response)
        return response

    async def invite(
        self, request: SipRequest, hop: Hop | None = None, within_ms: int | None = None
    ) -> SipResponse:
        """Send an INVITE and return the final response, as ``SipCore`` says."""
        return await self.send(request, hop, within_ms)

    def acknowledge(self, ack: SipRequest, hop: Hop | None = None) -> None:
        """Send the ACK of a 2xx. A core that has to be found by name was found by the INVITE."""
        next_hop = self._transports.located(hop or self._settings.core)
        self._driver.request(lambda now: self._endpoint.acknowledge(ack, next_hop, now))

    async def open_flow(self, listener: FlowListener) -> None:
        """Open the connection to the core and keep it alive, as ``SipCore`` says."""
        await self._transports.flow(listener)

    def request_size(self, request: SipRequest) -> int:
        """Return the octets that ``request`` would have as it leaves."""
        return self._endpoint.size(request, self._settings.core)

    # -- from below --

    def _received(self, octets: bytes, source: Hop) -> None:
        self._driver.request(lambda now: self._endpoint.receive(octets, source, now))

    def _unreachable(self, hop: Hop, reason: str, *, after_sending: bool) -> None:
        self._driver.request(
            lambda now: self._endpoint.unreachable(hop, reason, now, after_sending=after_sending)
        )

    def _carry(self, effect: SendMessage) -> None:
        self._transports.send(effect.octets, effect.hop, effect.fallback)

    # -- from the endpoint --

    def _indicated(self, indication: Indication) -> None:
        match indication:
            case ResponseInd(key=key, response=response):
                waiting = self._waiting.pop(key, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(response)
            case TransactionFailedInd(key=key, reason=reason, timed_out=timed_out):
                error = NoFinalAnswer if timed_out else BearerUnavailable
                _fail(self._waiting.pop(key, None), error(reason))
            case RequestInd():
                self._serve(indication)
            case _:
                self._tell(indication)

    def _serve(self, indication: RequestInd) -> None:
        key, source = indication.key, indication.source
        is_trusted = self._transports.is_trusted(source)

        def answer(response: SipResponse) -> None:
            once = response.status == _STRANGER and not is_trusted
            self._driver.request(lambda now: self._endpoint.respond(key, response, now, once=once))

        if self._server is None or self._is_closed:
            answer(plain_response(503))
            return
        origin = Origin(source, is_trusted, self._transports.certificate(source))
        self._server.arrived(indication.request, origin, answer)

    def _tell(self, indication: Indication) -> None:
        if self._server is None:
            return
        match indication:
            case AckInd(ack=ack):
                self._server.acknowledged(ack)
            case CancelledInd(invite=invite):
                self._server.cancelled(invite)
            case UnacknowledgedInd(invite=invite, response=response):
                self._server.unacknowledged(invite, response)

    def _note_flow_timer(self, response: SipResponse) -> None:
        """Take how often the registrar wants to be asked (RFC 5626 4.4)."""
        seconds = (response.headers.first("Flow-Timer") or "").strip()
        if seconds.isascii() and seconds.isdecimal() and len(seconds) <= 5:
            self._transports.flow_timer(int(seconds))


def _fail(waiting: asyncio.Future[SipResponse] | None, error: BearerUnavailable) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_exception(error)
