"""A SIP/IP core in memory: a gateway's end and clients' ends, joined without sockets.

Each end is an ``ota.sip.core.SipCore`` and serves a ``SipServer``. Between them is a registrar
(``sip_registrar``) and a proxy that does what the core of the tests does: requests for the
gateway's URI go to the gateway, requests for a registered user or GRUU go to the contacts that
Accept-Contact leaves, REGISTER is answered and told to the gateway by a third-party REGISTER with
the client's own inside, and P-Asserted-Identity says who a client is, whatever he says himself::

    core = LoopbackCore()
    core.gateway.serve(application_server)
    core.client.serve(user_agent)
    core.script(Answered(480, "Not registered"), method="MESSAGE")

What a script says happens once, to the next request that it is for. No time passes by itself: what
is lost fails in the next turn of the event loop, and what the other end does not answer fails when
:meth:`LoopbackCore.time_out` is called.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

from omapush.core.instants import Instant
from omapush.core.peer_certificate import PeerCertificate
from omapush.ota.interface import BearerUnavailable
from omapush.ota.sip.core import FlowListener, NoFinalAnswer, Origin, SipServer
from omapush.protocols.sip.header_fields import to_tag
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import Field, SipHeaders, SipRequest, SipResponse
from omapush.protocols.sip.responses import completed_response
from omapush.protocols.sip.writing import encode_message
from omapush.testing.sip_registrar import Binding, Registrar, address_of_record, uri_of
from omapush.testing.sip_users import SipUsers
from omapush.testing.virtual_clock import START

CORE = Hop(Transport.TCP, "127.0.0.1", 5060)
"""Where requests of the core come from."""
RECORD_ROUTE = "<sip:127.0.0.1:5060;lr>"
"""What the core adds to requests that make a dialog."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The core answers by itself; the request goes no further."""

    status: int
    reason: str = ""
    headers: tuple[Field, ...] = ()
    body: bytes = b""

    def response(self) -> SipResponse:
        """Return the answer."""
        return SipResponse(self.status, self.reason, SipHeaders(self.headers), self.body)


class Fate(enum.Enum):
    """What else may become of a request."""

    LOST = enum.auto()
    """It never arrives: ``NoFinalAnswer``."""
    ANSWER_LOST = enum.auto()
    """It arrives, but its answers do not: ``NoFinalAnswer``."""
    UNREACHABLE = enum.auto()
    """It cannot be sent: ``BearerUnavailable``."""


class Held:
    """The request waits until it is let go."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self._waiting: list[Callable[[], None]] = []

    def hold(self, go_on: Callable[[], None]) -> None:
        """Keep a request back."""
        self._waiting.append(go_on)
        self.arrived.set()

    def release(self) -> None:
        """Let it go on."""
        waiting, self._waiting = self._waiting, []
        for go_on in waiting:
            go_on()


Action = Answered | Fate | Held


@dataclass
class _Script:
    action: Action
    method: str | None
    only: Callable[[SipRequest], bool]
    times: int

    def is_for(self, request: SipRequest) -> bool:
        return self.times > 0 and self.method in (None, request.method) and self.only(request)


@dataclass
class _Branch:
    """One copy of a request, under way to one end."""

    end: LoopbackEnd
    request: SipRequest
    final: SipResponse | None = None


@dataclass
class _Exchange:
    """A request and what becomes of it."""

    sender: LoopbackEnd | None
    request: SipRequest
    outcome: asyncio.Future[SipResponse]
    branches: list[_Branch] = field(default_factory=list)
    answer_is_lost: bool = False

    def answered(self, response: SipResponse) -> None:
        if not response.is_final or self.outcome.done():
            return
        if self.answer_is_lost:
            self.failed(NoFinalAnswer("the answer was lost"))
        else:
            self.outcome.set_result(completed_response(response, self.request, "core"))

    def failed(self, error: BearerUnavailable) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)


class LoopbackCore:
    """The core between a gateway and its clients.

    :param clock: by which registrations end; default: time stands still.
    :param ppg: the gateway's URI.
    :param users: who has to prove himself; ``None``: nobody. The gateway never has to.
    :param tells_gateway: whether registrations are told by third-party REGISTER.
    :ivar gateway: the gateway's end. :ivar client: the end of the first client.
    :ivar requests: what the ends sent, as it was sent, but for ACK.
    :ivar third_party_answers: what the gateway said to third-party REGISTERs.
    :ivar registrar: who is registered; may be changed.
    """

    def __init__(
        self,
        clock: Callable[[], Instant] = lambda: START,
        *,
        domain: str = "push.test",
        ppg: str = "sip:ppg@push.test",
        registrar: Registrar[LoopbackEnd] | None = None,
        users: SipUsers | None = None,
        tells_gateway: bool = True,
    ) -> None:
        self.users = users
        self.domain = domain
        self.ppg = ppg
        self.registrar: Registrar[LoopbackEnd] = registrar or Registrar()
        self.tells_gateway = tells_gateway
        self.gateway = LoopbackEnd(self, "127.0.0.1:5070", is_element=True)
        self.client = LoopbackEnd(self, "127.0.0.1:5081")
        self.requests: list[SipRequest] = []
        self.third_party_answers: list[SipResponse] = []
        self._clock = clock
        self._scripts: list[_Script] = []
        self._under_way: list[_Exchange] = []
        self._dialogs: dict[str, tuple[LoopbackEnd | None, LoopbackEnd]] = {}
        self._unacknowledged: dict[str, tuple[LoopbackEnd, SipRequest, SipResponse]] = {}
        self._numbers = count(1)

    def further_client(self, address: str) -> LoopbackEnd:
        """Return the end of one more client, who receives at ``host:port``."""
        return LoopbackEnd(self, address)

    def script(
        self,
        action: Action,
        method: str | None = None,
        *,
        only: Callable[[SipRequest], bool] = lambda _: True,
        times: int = 1,
    ) -> None:
        """Have something happen to the next requests of an end that it is for."""
        self._scripts.append(_Script(action, method, only, times))

    def sent(self, method: str) -> list[SipRequest]:
        """Return the requests of one method that the ends sent."""
        return [one for one in self.requests if one.method == method]

    def time_out(self) -> None:
        """Let the transactions die whose request has no final answer."""
        for exchange in self._under_way:
            exchange.failed(NoFinalAnswer("no answer in time"))

    def no_acknowledgement(self) -> None:
        """Tell the ends that wait for an ACK that none comes."""
        waiting, self._unacknowledged = self._unacknowledged, {}
        for end, invite, response in waiting.values():
            end.served().unacknowledged(invite, response)

    def restart(self) -> None:
        """Forget all registrations and dialogs, without a word."""
        self.registrar.bindings.clear()
        self._dialogs.clear()

    def expire(self, aor: str) -> None:
        """Let the registration of a user end, and tell the gateway."""
        self.registrar.bindings = [one for one in self.registrar.bindings if one.aor != aor]
        self._tell_gateway(aor, None)

    async def deliver(
        self,
        end: LoopbackEnd,
        request: SipRequest,
        *,
        is_trusted: bool = True,
        certificate: PeerCertificate | None = None,
        hop: Hop = CORE,
    ) -> SipResponse:
        """Hand a request of nobody's to an end, as it is, and return the final answer."""
        exchange = self._exchange(None, request)
        self._fork(exchange, [(end, request)], Origin(hop, is_trusted, certificate))
        return await self._outcome(exchange)

    # -- for the ends --

    async def carry(self, sender: LoopbackEnd, request: SipRequest) -> SipResponse:
        """Carry a request and return the final answer, as ``SipCore`` says."""
        self.requests.append(request)
        exchange = self._exchange(sender, request)
        asyncio.get_running_loop().call_soon(self._begin, exchange)
        return await self._outcome(exchange)

    def acknowledge(self, sender: LoopbackEnd, ack: SipRequest) -> None:
        """Carry the ACK of a 2xx."""
        call_id = ack.headers.first("Call-ID") or ""
        self._unacknowledged.pop(call_id, None)
        other = self._other_end(sender, call_id)
        if other is not None:
            asyncio.get_running_loop().call_soon(other.served().acknowledged, ack)

    # -- within --

    def _exchange(self, sender: LoopbackEnd | None, request: SipRequest) -> _Exchange:
        return _Exchange(sender, request, asyncio.get_running_loop().create_future())

    async def _outcome(self, exchange: _Exchange) -> SipResponse:
        self._under_way.append(exchange)
        try:
            return await exchange.outcome
        finally:
            self._under_way.remove(exchange)
            if exchange.outcome.cancelled() or exchange.outcome.exception() is not None:
                self._cancel(exchange)

    def _begin(self, exchange: _Exchange) -> None:
        script = next((one for one in self._scripts if one.is_for(exchange.request)), None)
        action = None
        if script is not None:
            script.times -= 1
            action = script.action
        match action:
            case Answered():
                exchange.answered(action.response())
            case Fate.LOST:
                exchange.failed(NoFinalAnswer("the request was lost"))
            case Fate.UNREACHABLE:
                exchange.failed(BearerUnavailable("connection refused"))
            case Held():
                action.hold(lambda: self._route(exchange))
            case _:
                exchange.answer_is_lost = action is Fate.ANSWER_LOST
                self._route(exchange)

    def _route(self, exchange: _Exchange) -> None:
        """Do what a registrar and proxy does (RFC 3261 10.3, 16)."""
        request, sender = exchange.request, exchange.sender
        if exchange.outcome.done() or sender is None:
            return
        refusal = None
        if self.users is not None and not sender.is_element:
            refusal = self.users.refusal(request)
        if refusal is not None:
            exchange.answered(refusal)
        elif to_tag(request) is not None:
            other = self._other_end(sender, request.headers.first("Call-ID") or "")
            if other is None:
                exchange.answered(SipResponse(481, "Call/Transaction Does Not Exist"))
            else:
                self._fork(exchange, [(other, self._passed_on(request, sender, request.uri))])
        elif request.method == "REGISTER":
            self._register(exchange, sender)
        elif address_of_record(request.uri) == self.ppg:
            passed = self._passed_on(request, sender, request.uri)
            self._fork(exchange, [(self.gateway, passed)])
        else:
            self._to_contacts(exchange, sender)

    def _to_contacts(self, exchange: _Exchange, sender: LoopbackEnd) -> None:
        request, now = exchange.request, self._clock()
        found = self.registrar.contacts(request, now)
        if not found:
            known = self.registrar.knows(address_of_record(request.uri), now)
            why = "No matching contact" if known else "Not registered"
            exchange.answered(SipResponse(480, why))
            return
        self._fork(
            exchange, [(one.end, self._passed_on(request, sender, one.uri)) for one in found]
        )

    def _register(self, exchange: _Exchange, sender: LoopbackEnd) -> None:
        response = self.registrar.register(exchange.request, sender, self._clock())
        exchange.answered(response)
        if response.is_success:
            aor = address_of_record(uri_of(exchange.request.headers.first("To") or ""))
            self._tell_gateway(aor, exchange.request)

    def _tell_gateway(self, aor: str, register: SipRequest | None) -> None:
        """Send the third-party REGISTER (3GPP TS 24.229 5.4.1.7)."""
        if not self.tells_gateway or self.gateway.server is None:
            return
        seconds = self.registrar.remaining_seconds(aor, self._clock())
        number = next(self._numbers)
        fields: list[Field] = [
            ("Via", f"SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKthird{number}"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:scscf@{self.domain}>;tag=third{number}"),
            ("To", f"<{aor}>"),
            ("Call-ID", f"third-party-{number}@127.0.0.1"),
            ("CSeq", "10 REGISTER"),
            ("Contact", "<sip:scscf@127.0.0.1:5060>"),
            ("Expires", str(seconds)),
        ]
        body = b""
        if register is not None:
            fields.append(("Content-Type", "message/sip"))
            body = _inner_register(self.domain, aor, register, seconds)
        request = SipRequest("REGISTER", self.ppg, SipHeaders(tuple(fields)), body)
        exchange = self._exchange(None, request)
        exchange.outcome.add_done_callback(
            lambda done: self.third_party_answers.append(done.result())
        )
        self._fork(exchange, [(self.gateway, request)])

    def _fork(
        self,
        exchange: _Exchange,
        targets: list[tuple[LoopbackEnd, SipRequest]],
        origin: Origin | None = None,
    ) -> None:
        exchange.branches = [_Branch(end, request) for end, request in targets]
        loop = asyncio.get_running_loop()
        for branch in exchange.branches:
            loop.call_soon(self._arrive, exchange, branch, origin or Origin(CORE, is_trusted=True))

    def _arrive(self, exchange: _Exchange, branch: _Branch, origin: Origin) -> None:
        if branch.final is not None:
            return  # cancelled before it arrived
        if branch.end.server is None:
            self._respond(exchange, branch, SipResponse(480, "Nobody there"))
            return

        def answer(response: SipResponse) -> None:
            self._respond(exchange, branch, response)

        branch.end.server.arrived(branch.request, origin, answer)

    def _respond(self, exchange: _Exchange, branch: _Branch, response: SipResponse) -> None:
        """Pass the best answer back (RFC 3261 16.7)."""
        if branch.final is not None or not response.is_final:
            return
        full = completed_response(response, branch.request, f"{next(self._numbers)}ua")
        branch.final = full
        call_id = full.headers.first("Call-ID") or ""
        if full.is_success and branch.request.method == "INVITE" and not exchange.outcome.done():
            self._dialogs[call_id] = (exchange.sender, branch.end)
            self._unacknowledged[call_id] = (branch.end, branch.request, full)
        if branch.request.method == "BYE":
            self._dialogs.pop(call_id, None)
        if full.is_success:
            exchange.answered(_passed_back(full))
            return
        finals = [one.final for one in exchange.branches if one.final is not None]
        if len(finals) == len(exchange.branches):
            exchange.answered(_passed_back(min(finals, key=lambda one: one.status)))

    def _cancel(self, exchange: _Exchange) -> None:
        if exchange.request.method != "INVITE":
            return
        for branch in exchange.branches:
            if branch.final is None:
                branch.final = SipResponse(487, "Request Terminated")
                branch.end.served().cancelled(branch.request)

    def _other_end(self, sender: LoopbackEnd, call_id: str) -> LoopbackEnd | None:
        ends = self._dialogs.get(call_id)
        if ends is None:
            return None
        return ends[1] if ends[0] is sender else ends[0]

    def _passed_on(self, request: SipRequest, sender: LoopbackEnd, uri: str) -> SipRequest:
        """Return a request as the next end receives it."""
        headers = request.headers.without("Route")
        if not sender.is_element:
            caller = uri_of(headers.first("From") or "")
            headers = headers.without("P-Asserted-Identity", "P-Asserted-Service")
            headers = headers.without("Authorization", "Proxy-Authorization")
            headers = headers.added(("P-Asserted-Identity", f"<{caller}>"))
        if request.method in ("INVITE", "SUBSCRIBE"):
            headers = headers.before("Record-Route", RECORD_ROUTE)
        if headers.first("Max-Forwards") is None:
            headers = headers.before("Max-Forwards", "70")
        for via in (sender.address, "127.0.0.1:5060"):
            branch = f"z9hG4bK{next(self._numbers)}"
            headers = headers.before("Via", f"SIP/2.0/TCP {via};branch={branch}")
        return replace(request, uri=uri, headers=headers)


class LoopbackEnd:
    """One end: implements ``ota.sip.core.SipCore``.

    :ivar address: ``host:port`` where it receives.
    :ivar server: what serves the requests that come.
    :ivar is_element: the core believes its P-Asserted-Identity.
    :ivar is_cut_off: nothing that it sends reaches the core.
    :ivar flow: who hears how its connection fares.
    """

    def __init__(self, core: LoopbackCore, address: str, *, is_element: bool = False) -> None:
        self.address = address
        self.is_element = is_element
        self.is_cut_off = False
        self.server: SipServer | None = None
        self.flow: FlowListener | None = None
        self._core = core

    def serve(self, server: SipServer) -> None:
        """Have ``server`` serve the requests that come from now on."""
        self.server = server

    def served(self) -> SipServer:
        """Return the server. :raises AssertionError: there is none."""
        if self.server is None:
            raise AssertionError(f"nobody serves {self.address}")
        return self.server

    def contact(self, transport: Transport | None = None) -> str:
        """Return where this end receives."""
        return self.address

    async def send(
        self, request: SipRequest, hop: Hop | None = None, within_ms: int | None = None
    ) -> SipResponse:
        """Send a request and return the final answer."""
        if self.is_cut_off:
            raise BearerUnavailable("Network is unreachable")
        try:
            async with asyncio.timeout(None if within_ms is None else within_ms / 1000):
                return await self._core.carry(self, request)
        except TimeoutError as error:
            raise NoFinalAnswer(f"no answer within {within_ms} ms") from error

    async def invite(
        self, request: SipRequest, hop: Hop | None = None, within_ms: int | None = None
    ) -> SipResponse:
        """Send an INVITE and return the final answer; it is cancelled with its caller."""
        return await self.send(request, hop, within_ms)

    def acknowledge(self, ack: SipRequest, hop: Hop | None = None) -> None:
        """Send the ACK of a 2xx."""
        self._core.acknowledge(self, ack)

    async def open_flow(self, listener: FlowListener) -> None:
        """Remember who hears how the connection fares."""
        if self.is_cut_off:
            raise BearerUnavailable("Network is unreachable")
        self.flow = listener

    def lose_flow(self, reason: str) -> None:
        """Break the connection to the core."""
        listener, self.flow = self.flow, None
        if listener is not None:
            listener.lost(reason)

    def request_size(self, request: SipRequest) -> int:
        """Return how many octets a request has as it leaves."""
        via = f"SIP/2.0/UDP {self.address};branch=z9hG4bK0123456789abcdef;rport"
        headers = request.headers.before("Via", via)
        if headers.first("Max-Forwards") is None:
            headers = headers.before("Max-Forwards", "70")
        return len(encode_message(request.with_headers(headers)))


def _inner_register(domain: str, aor: str, register: SipRequest, seconds: int) -> bytes:
    """Return the body of a third-party REGISTER: what the client said."""
    headers = SipHeaders(
        (
            ("To", f"<{aor}>"),
            *(("Contact", value) for value in register.headers.every("Contact")),
            ("Expires", str(seconds)),
        )
    )
    return f"REGISTER sip:{domain} SIP/2.0\r\n{_lines(headers)}\r\n".encode(
        "utf-8", "surrogateescape"
    )


def _passed_back(response: SipResponse) -> SipResponse:
    """Return an answer as the sender receives it: the Via headers on the way are gone."""
    return response.with_headers(response.headers.without("Via"))


def _lines(headers: SipHeaders) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.fields)


LoopbackBinding = Binding[LoopbackEnd]
"""A contact that an end registered."""
