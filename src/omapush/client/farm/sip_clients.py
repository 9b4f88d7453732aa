"""Simulated clients of OTA-SIP: many users at one core, behind one end of SIP.

Who calls whom::

    (bearer: SipCore) ──► SipFarm ──► SipFarmClient: its registration (ota.sip.registering)
                             │              │
                             └──────────────┴──► FarmClient: what its script does with a push

All share one port, or one connection to the core; who a request is for, its Request-URI says. The
script's refusals are what a real client answers for them (``ota.sip.results``). Sessions (INVITE)
are not taken.

On failure: what the core refuses is counted with its reason, and tried again if that may help. A
client that has vanished answers nothing, and its registration goes on as if it were there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count

from omapush.client.farm.clients import Farm, FarmClient, FarmError, Waiting
from omapush.client.sip.flow import Flow
from omapush.core.errors import OmapushError
from omapush.core.instants import Instant
from omapush.ota.interface import (
    BearerUnavailable,
    ClientRequest,
    PoPushVoidInd,
)
from omapush.ota.sip.capabilities import to_headers
from omapush.ota.sip.core import Answer, Origin, SipCore
from omapush.ota.sip.push_features import PushFeatures
from omapush.ota.sip.push_resource_identifier import ANY
from omapush.ota.sip.reception import Recipient, read_message
from omapush.ota.sip.registering import (
    DeregisteredInd,
    NotRegisteredInd,
    RegisteredInd,
    Registering,
    RegisteringSettings,
    SendRegister,
)
from omapush.ota.sip.requests import contact_of, options_answer
from omapush.ota.sip.results import answer_of
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.digest import DigestClient
from omapush.protocols.sip.hop import Transport
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.protocols.sip.uri import SipUri

METHODS = ("MESSAGE", "OPTIONS")
FAREWELL_SECONDS = 5.0
"""How long the core may take to hear that nobody is there any more."""


@dataclass(frozen=True, slots=True)
class SipAccounts:
    """How the clients register.

    :ivar domain: of their addresses of record; the id of a client is its user.
    :ivar password: of every one; ``None``: there is none.
    :ivar expires_s: for how long.
    :ivar new_token: returns a text that nobody can guess, fit for Call-IDs and nonces.
    :ivar instance_of: returns the URN of the device of the client with this id.
    """

    domain: str
    transport: Transport
    new_token: Callable[[], str]
    instance_of: Callable[[str], str]
    password: str | None = None
    expires_s: int = 600

    def contact_of(self, user: str, place: str) -> str:
        """Return the URI at which ``user`` is reached at ``host:port``."""
        by = "" if self.transport is Transport.UDP else f";transport={self.transport.value.lower()}"
        return f"sip:{user}@{place}{by}"


class SipFarm:
    """The clients at their core. Implements ``ota.sip.core.SipServer``.

    :param begin: has clients registered, at the farm's pace, by calling :meth:`register`.
    """

    def __init__(
        self,
        farm: Farm,
        clients: Iterable[FarmClient],
        accounts: SipAccounts,
        core: SipCore,
        clock: Callable[[], Instant],
        begin: Callable[[], None],
    ) -> None:
        self.farm = farm
        self.accounts = accounts
        self.clock = clock
        self._core = core
        self._begin = begin
        self._clients: dict[str, SipFarmClient] = {}
        for one in clients:
            if not _is_user(one.client_id):
                raise FarmError(f"not the user of a SIP address: {one.client_id!r}")
            self._clients[one.client_id] = SipFarmClient(self, one)
        self._references = count(1)
        self._flow = Flow(core, begin, self._not_reached, lambda: farm.chance("", 0, "flow"))
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_closing = False

    def start(self) -> None:
        """Have everybody registered, as soon as there is a connection to the core if one is needed.

        The sockets are open.
        """
        if self.accounts.transport is Transport.UDP:
            self._begin()
        else:
            self._flow.want()

    async def register(self, client: FarmClient) -> None:
        """Register a client; return when the core has answered. Later refreshes go by themselves.

        :raises BearerUnavailable: never; the registration is tried again by itself.
        """
        await self._clients[client.client_id].register(self._core.contact())

    def vanish(self, client: FarmClient, milliseconds: int) -> None:
        """Let ``client`` answer nothing for a time."""
        self._clients[client.client_id].gone_until = Instant(self.clock() + milliseconds)

    async def close(self) -> None:
        """Take all registrations back, unless the core does not answer soon."""
        self.is_closing = True
        await self._flow.close()
        for one in self._clients.values():
            one.end()
            await asyncio.sleep(0)  # what has come is read in between
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=FAREWELL_SECONDS)
        late = list(self._tasks)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    # -- ota.sip.core.SipServer --

    def arrived(self, request: SipRequest, origin: Origin, answer: Answer) -> None:
        """Have the client that it is for serve a request."""
        try:
            user = SipUri.parse(request.uri).user or ""
        except BadSipMessage:
            user = ""
        client = self._clients.get(user)
        if client is None:
            answer(SipResponse(404, "Not Found"))
        else:
            client.arrived(request, origin, answer, str(next(self._references)))

    def acknowledged(self, ack: SipRequest) -> None:
        """No INVITE was accepted."""

    def unacknowledged(self, invite: SipRequest, response: SipResponse) -> None:
        """No INVITE was accepted."""

    def cancelled(self, invite: SipRequest) -> None:
        """No INVITE was accepted."""

    # -- for the clients --

    def contact(self, user: str) -> str:
        """Return the URI at which a client is reached now."""
        return self.accounts.contact_of(user, self._core.contact())

    def send(self, one: SendRegister, client: SipFarmClient) -> None:
        """Send a REGISTER, and tell ``client`` what came of it."""
        task = asyncio.get_running_loop().create_task(self._send(one, client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, one: SendRegister, client: SipFarmClient) -> None:
        try:
            response = await self._core.send(one.request)
        except OmapushError as error:
            client.failed(one.key, error.reason)
        else:
            client.answered(one.key, response)

    def _not_reached(self, error: BearerUnavailable) -> None:
        self.farm.figures.failures[error.reason] += 1


class SipFarmClient:
    """One of them: its registration, and what comes to it.

    :ivar gone_until: nothing is answered before.
    """

    __slots__ = ("_client", "_farm", "_features", "_is_registered", "_machine", "_settled",
                 "_timer", "gone_until")  # fmt: skip

    def __init__(self, farm: SipFarm, client: FarmClient) -> None:
        accounts, user = farm.accounts, client.client_id
        password, token = accounts.password, accounts.new_token
        digest = None if password is None else DigestClient(user, password, token)
        self._farm = farm
        self._client = client
        self._features = _features(client.capabilities().accept_app_id)
        self._machine = Registering(
            RegisteringSettings(
                f"sip:{user}@{accounts.domain}",
                f"sip:{accounts.domain}",
                accounts.instance_of(user),
                accounts.expires_s,
            ),
            digest,
            token,
            lambda: farm.farm.chance(user, 0, "wait"),
        )
        self._is_registered = False
        self._settled: asyncio.Future[None] | None = None
        self._timer: Waiting | None = None
        self.gone_until = Instant(0)

    async def register(self, place: str) -> None:
        """Register, or register again after the connection was lost."""
        now = self._farm.clock()
        if self._machine.granted is not None:  # it leads to a connection that is gone
            self._machine.flow_lost("the connection to the core was lost", now)
            self._drive()
        self._settled = asyncio.get_running_loop().create_future()
        contact = self._farm.accounts.contact_of(self._client.client_id, place)
        self._machine.register(contact, self._features, now)
        self._drive()
        await self._settled

    def end(self) -> None:
        """Take the registration back."""
        self._machine.deregister(self._farm.clock())
        self._drive()

    def answered(self, key: int, response: SipResponse) -> None:
        """The core has answered a REGISTER."""
        self._machine.answered(key, response, self._farm.clock())
        self._drive()

    def failed(self, key: int, reason: str) -> None:
        """Nobody has answered a REGISTER."""
        self._machine.failed(key, reason, self._farm.clock())
        self._drive()

    def arrived(self, request: SipRequest, origin: Origin, answer: Answer, reference: str) -> None:
        """Serve a request."""
        if self.gone_until > self._farm.clock():
            return
        match request.method:
            case "MESSAGE":
                self._pushed(request, origin, answer, reference)
            case "OPTIONS":
                told = to_headers(self._client.capabilities())
                contact = contact_of(self._address(), self._features)
                answer(options_answer(contact, told, methods=METHODS))
            case _:
                allow = SipHeaders((("Allow", ", ".join(METHODS)),))
                answer(SipResponse(405, "Method Not Allowed", allow))

    def _pushed(self, request: SipRequest, origin: Origin, answer: Answer, reference: str) -> None:
        takes = self._client.capabilities()
        recipient = Recipient(takes.accept_app_id, takes.max_message_size)
        found = read_message(request, origin, reference, recipient, self._farm.clock())
        if isinstance(found, SipResponse):
            self._farm.farm.figures.malformed += 1
            answer(found)
        else:
            link = _AnswerToMessage(self._client, answer, reference, str(origin.hop))
            self._client.indication(link, found)

    def _address(self) -> str:
        """Return the URI of this device: its GRUU, if it has one."""
        granted = self._machine.granted
        gruu = None if granted is None else granted.public_gruu
        return gruu or self._farm.contact(self._client.client_id)

    # -- the registration --

    def _drive(self) -> None:
        for one in self._machine.requests():
            self._farm.send(one, self)
        for indication in self._machine.indications():
            self._told(indication)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._machine.next_timer()
        if due is not None and not self._farm.is_closing:
            wait_ms = max(0, due - self._farm.clock())
            self._timer = self._farm.farm.wait(wait_ms, self._woken)

    def _woken(self) -> None:
        self._timer = None
        self._machine.handle_timer(self._farm.clock())
        self._drive()

    def _told(self, indication: RegisteredInd | NotRegisteredInd | DeregisteredInd) -> None:
        figures = self._farm.farm.figures
        match indication:
            case RegisteredInd():
                figures.registrations += 1
                self._stands(is_registered=True)
            case NotRegisteredInd(reason=reason, still_holds=still_holds):
                figures.failures[reason] += 1
                self._stands(is_registered=still_holds)
            case DeregisteredInd():
                self._stands(is_registered=False)
        if self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    def _stands(self, *, is_registered: bool) -> None:
        self._farm.farm.figures.registered += is_registered - self._is_registered
        self._is_registered = is_registered


class _AnswerToMessage:
    """In place of the link to a gateway: the script's answer becomes the final response.

    Nothing is answered before the script says so, however long that takes. Implements
    ``ota.interface.StreamLink``.
    """

    __slots__ = ("_answer", "_client", "_reference", "peer")

    def __init__(self, client: FarmClient, answer: Answer, reference: str, peer: str) -> None:
        self.peer = peer
        self._client = client
        self._answer = answer
        self._reference = reference

    def request(self, primitive: ClientRequest) -> None:
        """Answer the push."""
        self._answer(answer_of(primitive, accept=self._client.capabilities().accept))

    def close(self, reason: str) -> None:
        """Never answer it."""
        self._client.indication(self, PoPushVoidInd(self._reference, reason))


def _features(applications: tuple[str, ...]) -> PushFeatures:
    if "*" in applications:
        return PushFeatures((ANY,))
    return PushFeatures.declared(applications)


def _is_user(text: str) -> bool:
    try:
        return SipUri.parse(f"sip:{text}@host").user == text
    except BadSipMessage:
        return False
