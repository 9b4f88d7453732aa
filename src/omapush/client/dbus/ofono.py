"""oFono's push notification agents, beside no oFono: they get the pushes of every bearer.

The objects have the shape of oFono's: a manager at ``/`` that names one modem, which has
``org.ofono.PushNotification``. An agent there takes raw datagrams as they come to port 2948, so
each push is written as one (WAP-235 6.3), by whatever bearer it came.

There is one agent at a time. It stands for registrations, one for each push application id of the
settings; they end when it unregisters or its connection ends, and it is then told by ``Release``.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from dbus_fast import Message, Variant

from omapush.cai.model import (
    Accept,
    Answer,
    CaiError,
    PushEvent,
    Registration,
    RegistrationRequest,
    Reject,
    RejectReason,
)
from omapush.client.agent import PushClient
from omapush.client.dbus.applications import ANSWER_SECONDS
from omapush.client.dbus.bus import Bus, CallFailed
from omapush.client.dbus.names import Caller, caller
from omapush.client.dbus.objects import Refusal, Result, Shown, answer, described
from omapush.client.dbus.variants import text_of
from omapush.content import application_id
from omapush.content.message import Header, PushMessage
from omapush.core.errors import EncodeError, OmapushError
from omapush.core.instants import to_datetime
from omapush.ota.interface import PushFlag
from omapush.ota.wsp.unit_push import encode_unit_push

log = structlog.get_logger(__name__)

NAME = "org.ofono"
MANAGER = "org.ofono.Manager"
MODEM = "org.ofono.Modem"
PUSH = "org.ofono.PushNotification"
AGENT = "org.ofono.PushNotificationAgent"
ERROR = "org.ofono.Error"

_AGENT = "dbus:ofono-agent"
"""Which of a user's applications an agent is, in the owner of its registrations."""
_DOCUMENT = f"""
<node>
  <interface name="{MANAGER}">
    <method name="GetModems"><arg name="modems" type="a(oa{{sv}})" direction="out"/></method>
    <signal name="ModemAdded">
      <arg name="path" type="o"/><arg name="properties" type="a{{sv}}"/>
    </signal>
    <signal name="ModemRemoved"><arg name="path" type="o"/></signal>
  </interface>
  <interface name="{MODEM}">
    <method name="GetProperties"><arg name="properties" type="a{{sv}}" direction="out"/></method>
    <signal name="PropertyChanged">
      <arg name="name" type="s"/><arg name="value" type="v"/>
    </signal>
  </interface>
  <interface name="{PUSH}">
    <method name="RegisterAgent"><arg name="path" type="o" direction="in"/></method>
    <method name="UnregisterAgent"><arg name="path" type="o" direction="in"/></method>
  </interface>
</node>
"""
_MODEM_PROPERTIES = {
    "Powered": Variant("b", True),  # noqa: FBT003 - a value of D-Bus
    "Online": Variant("b", True),  # noqa: FBT003
    "Interfaces": Variant("as", [PUSH]),
}


@dataclass(frozen=True, slots=True)
class OfonoSettings:
    """What is offered to agents.

    :ivar name: the bus name; oFono's own only where no oFono runs.
    :ivar modem: the path of the modem's object.
    :ivar application_ids: the push application ids whose pushes an agent gets.
    """

    name: str = NAME
    modem: str = "/omapush0"
    application_ids: tuple[str, ...] = ("x-wap-application:mms.ua",)


@dataclass(slots=True)
class _Agent:
    caller: Caller
    path: str
    registrations: list[Registration] = field(default_factory=list)


class OfonoService:
    """The service, on whichever bus it is offered."""

    interfaces = described(_DOCUMENT)
    invalid_arguments = f"{ERROR}.InvalidArguments"

    def __init__(self, client: PushClient, settings: OfonoSettings | None = None) -> None:
        self._client = client
        self._settings = settings or OfonoSettings()
        self._bus: Bus | None = None
        self._agent: _Agent | None = None
        self._changing = asyncio.Lock()

    @property
    def name(self) -> str:
        """See ``bus.Service``."""
        return self._settings.name

    async def start(self) -> None:
        """End what an earlier life left: its agent has to come again."""
        for registration in self._client.live_registrations():
            if registration.owner.endswith(f"/{_AGENT}"):
                await self._end(registration)

    # -- what the bus tells --

    def connected(self, bus: Bus) -> None:
        """See ``bus.Service``."""
        self._bus = bus

    async def disconnected(self) -> None:
        """See ``bus.Service``."""
        async with self._changing:
            await self._release()
        self._bus = None

    async def vanished(self, name: str) -> None:
        """See ``bus.Service``."""
        async with self._changing:
            if self._agent is not None and self._agent.caller.name == name:
                log.info("ofono_agent_gone", agent=name)
                await self._release()

    async def answer(self, bus: Bus, call: Message) -> Message:
        """See ``bus.Service``."""
        try:
            return await answer(self, await caller(bus, call.sender), call)
        except CallFailed as error:
            return Message.new_error(call, error.name, error.reason)

    # -- objects --

    async def seen_by(self, caller: Caller) -> Mapping[str, Shown]:
        """See ``objects.Objects``. oFono's own way of properties are methods."""
        return {"/": {MANAGER: {}}, self._settings.modem: {MODEM: {}, PUSH: {}}}

    async def invoke(self, caller: Caller, call: Message) -> Result:
        """See ``objects.Objects``."""
        match call.member:
            case "GetModems":
                return Result("a(oa{sv})", ([[self._settings.modem, _MODEM_PROPERTIES]],))
            case "GetProperties":
                return Result("a{sv}", (_MODEM_PROPERTIES,))
        async with self._changing:
            if call.member == "RegisterAgent":
                await self._register(caller, call.body[0])
            else:
                await self._unregister(caller, call.body[0])
        return Result()

    async def _register(self, caller: Caller, path: str) -> None:
        if self._agent is not None:
            raise Refusal(f"{ERROR}.InProgress", "there is an agent")
        self._agent = agent = _Agent(caller, path)
        owner = f"uid:{caller.uid}/{_AGENT}"
        try:
            for one in self._settings.application_ids:
                request = RegistrationRequest(push_application_id=one)
                registration = await self._client.register(owner, request)
                agent.registrations.append(registration)
                self._client.attach(owner, registration.registration_id, self._receive)
        except OmapushError as error:
            await self._release(tell=False)
            detail = error.detail if isinstance(error, CaiError) else "it cannot be kept now"
            raise Refusal(f"{ERROR}.Failed", text_of(detail)) from error
        log.info("ofono_agent", agent=caller.name, path=path)

    async def _unregister(self, caller: Caller, path: str) -> None:
        agent = self._agent
        if agent is None or (agent.caller.name, agent.path) != (caller.name, path):
            raise Refusal(f"{ERROR}.Failed", "it is not your agent")
        await self._release()

    async def _release(self, *, tell: bool = True) -> None:
        """Let the agent go, if there is one, and tell it if it is still there."""
        agent, self._agent = self._agent, None
        if agent is None:
            return
        for registration in agent.registrations:
            await self._end(registration)
        if tell and self._bus is not None:
            with contextlib.suppress(CallFailed):
                self._bus.tell(agent.caller.name, agent.path, AGENT, "Release")

    async def _end(self, registration: Registration) -> None:
        try:
            await self._client.deregister(registration.owner, registration.registration_id)
        except OmapushError as error:
            log.info("not_deregistered", id=registration.registration_id, why=error.reason)

    # -- pushes --

    async def _receive(self, event: PushEvent) -> Answer:
        agent = self._agent
        if agent is None or self._bus is None:
            return Reject(RejectReason.TRY_LATER, "there is no agent")
        try:
            octets = datagram_of(event)
        except EncodeError as error:
            return Reject(RejectReason.UNSUPPORTED_TYPE, f"no datagram: {error.reason}")
        body = [octets, info_of(event)]
        where = (agent.caller.name, agent.path, AGENT, "ReceiveNotification", "aya{sv}")
        try:
            await self._bus.call(*where, body, seconds=ANSWER_SECONDS)
        except CallFailed as error:
            log.info("ofono_agent_failed", why=error.reason)
            return Reject(RejectReason.TRY_LATER, f"application_error: {error.name}")
        return Accept()


def datagram_of(event: PushEvent) -> bytes:
    """Return the datagram of a connectionless push that says the same as ``event``.

    Headers that WSP cannot say are left out.

    :raises EncodeError: its Content-Type is one of them.
    """
    # The same for each repetition, as that is all by which a datagram tells one.
    transaction_id = zlib.crc32(event.event_id.encode("utf-8", "replace")) & 0xFF
    headers = _with_application(event)
    flags = PushFlag.NONE
    if event.trust.authenticated:
        flags |= PushFlag.INITIATOR_AUTHENTICATED
    if event.trust.trusted:
        flags |= PushFlag.CONTENT_TRUSTED
    try:
        return encode_unit_push(PushMessage(headers, event.content), flags, transaction_id)
    except EncodeError:
        wanted = ("content-type", application_id.HEADER.lower())
        headers = tuple(one for one in headers if one[0].lower() in wanted)
        return encode_unit_push(PushMessage(headers, event.content), flags, transaction_id)


def _with_application(event: PushEvent) -> tuple[Header, ...]:
    """Return the headers, with the application that the push was for in any case, as its number.

    That is how it comes over the air (PPG 5.1.2.1.2), and what agents compare.
    """
    message = PushMessage(event.headers, b"")
    if message.content_type is None:
        message = message.replacing("Content-Type", event.content_type)
    named = message.get(application_id.HEADER) or event.push_application_id
    value = application_id.outgoing_value(named)
    return message.replacing(application_id.HEADER, value).headers


def info_of(event: PushEvent) -> dict[str, Variant]:
    """Return what oFono tells beside the datagram. Both times are when it came, in UTC."""
    received = to_datetime(event.received).strftime("%Y-%m-%dT%H:%M:%S+0000")
    return {
        "Sender": Variant("s", text_of(event.source)),
        "LocalSentTime": Variant("s", received),
        "SentTime": Variant("s", received),
    }
