"""An application on a D-Bus, for tests: it registers with the push client and notes what comes.

Needs ``dbus-fast`` (the extra ``omapush[dbus]``).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dbus_fast import DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from omapush.cai.model import Registration
from omapush.client.dbus.applications import Applications, application_of
from omapush.client.handler import Handler

PATIENCE_SECONDS = 20
CLIENT = "org.omapush.Client1"
CLIENT_PATH = "/org/omapush/Client1"
PATH = "/test/application"


class OnBus:
    """What the agent of a test asks about event handlers: those on the bus, and no others."""

    def __init__(self, applications: Applications) -> None:
        self._applications = applications

    def check(self, *asked: object) -> None:
        """Take any."""

    def handler_for(self, registration: Registration) -> Handler | None:
        """Return what calls the application, if it says where it is."""
        handler = registration.request.event_handler
        if handler is None:
            return None
        return self._applications.handler(*application_of(handler), os.getuid())


@dataclass(slots=True)
class NotedPush:
    """A push that was handed over: its members without variants, and its content."""

    members: dict[str, Any]
    content: bytes


@dataclass(slots=True)
class DbusApplication:
    """Call :meth:`start` first and :meth:`stop` last.

    :ivar result: what it answers to a push; an error name is raised, ``None`` never answers.
    :ivar before_answer: called when a push is there, before it is answered.
    """

    address: str
    client: str = CLIENT
    result: str | None = "accept"
    before_answer: Callable[[], None] = lambda: None
    pushes: asyncio.Queue[NotedPush] = field(default_factory=asyncio.Queue)
    changes: asyncio.Queue[tuple[str, ...]] = field(default_factory=asyncio.Queue)
    signals: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    released: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    _bus: MessageBus | None = None

    async def start(self, name: str | None = None) -> None:
        """Connect, and take a bus name if one is given."""
        self._bus = await MessageBus(bus_address=self.address, negotiate_unix_fd=True).connect()
        self._bus.add_message_handler(self._take)
        if name is not None:
            await self._bus.request_name(name)

    def stop(self) -> None:
        """Go away, as if it had crashed."""
        if self._bus is not None:
            self._bus.disconnect()

    async def gone(self) -> None:
        """Wait until the bus is gone."""
        if self._bus is not None:
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

    @property
    def unique_name(self) -> str:
        """The name that the bus gave it."""
        return str(self._bus.unique_name) if self._bus is not None else ""

    async def register(self, push_application_id: str, **members: Variant) -> str:
        """Register; return the path of the registration. :raises DBusError: not accepted."""
        request = {
            "push_application_id": Variant("s", push_application_id),
            "path": Variant("o", PATH),
            **members,
        }
        return str(await self.call(CLIENT_PATH, CLIENT, "Register", "a{sv}", request))

    async def registrations(self) -> list[str]:
        """Return the paths of its registrations."""
        return list(await self.call(CLIENT_PATH, CLIENT, "GetRegistrations"))

    async def property(self, path: str, name: str) -> object:
        """Return a property of a registration. :raises DBusError: it has none."""
        arguments = ("org.omapush.Registration1", name)
        value = await self.call(path, "org.freedesktop.DBus.Properties", "Get", "ss", *arguments)
        return value.value

    async def call(
        self, path: str, interface: str, member: str, signature: str = "", *body: object
    ) -> Any:  # noqa: ANN401 - whatever the method answers
        """Call the client; return the first value. :raises DBusError: an error was answered."""
        if self._bus is None:
            raise DBusError("org.freedesktop.DBus.Error.Disconnected", "not started")
        call = Message(
            self.client, path, interface, member, signature=signature, body=list(body)
        )  # fmt: skip
        async with asyncio.timeout(PATIENCE_SECONDS):
            answer = await self._bus.call(call)
        if answer.message_type is MessageType.ERROR:
            raise DBusError(str(answer.error_name), str(answer.body[0] if answer.body else ""))
        return answer.body[0] if answer.body else None

    async def next_push(self) -> NotedPush:
        """Wait for a push."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.pushes.get()

    async def state(self, wanted: str) -> None:
        """Wait until it is told that a registration has this state."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await self.changes.get())[2] != wanted:
                pass

    def _take(self, message: Message) -> Message | bool | None:
        if message.message_type is MessageType.SIGNAL:
            if str(message.path).startswith(CLIENT_PATH):
                self.signals.put_nowait(message)
            return None
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        match message.member:
            case "Push":
                return self._pushed(message)
            case "StatusChanged":
                self.changes.put_nowait(tuple(message.body))
            case "Released":
                self.released.put_nowait(str(message.path))
            case _:
                return None
        return True

    def _pushed(self, call: Message) -> Message | bool:
        event, index = call.body
        with os.fdopen(call.unix_fds[index], "rb") as file:
            content = file.read()
        members = {name: each.value for name, each in event.items()}
        self.pushes.put_nowait(NotedPush(members, content))
        self.before_answer()
        if self.result is None:
            return True
        if self.result.startswith("org."):
            return Message.new_error(call, self.result, "it was asked to")
        return Message.new_method_return(call, "s", [self.result])
