"""One connection to a bus, for a service that is offered there under a name.

The connection and the name are got again, with growing waits, whenever they are lost. How many
calls are in hand at a time is bounded, in all and for each caller. File descriptors that callers
send are closed at once: no method here takes one.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from dbus_fast import BusType, DBusError, ErrorType, Message, MessageFlag, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.constants import NameFlag, RequestNameReply
from dbus_fast.errors import AuthError, DBusFastError

from omapush.core.errors import OmapushError
from omapush.core.instants import SECOND_MS

log = structlog.get_logger(__name__)

BUS = "org.freedesktop.DBus"
BUS_PATH = "/org/freedesktop/DBus"
PEER = f"{BUS}.Peer"

CALL_SECONDS = 25
"""How long the bus itself may take to answer, as D-Bus has it; starting an application too."""
CLOSING_SECONDS = 5
"""How long calls in hand may still take when the bus is left."""
MAX_CALLS = 256
"""Calls in hand at a time."""
MAX_CALLS_OF_ONE = 32
"""Calls of one caller in hand at a time."""

# One rule for all names: unique names come one by one, and no pattern matches them.
_RULE = f"type='signal',sender='{BUS}',path='{BUS_PATH}',member='NameOwnerChanged'"
_ERRORS = (DBusFastError, DBusError, AuthError, OSError, EOFError, TimeoutError)


class BusUnavailable(OmapushError):
    """What is set for the bus is no address of one."""


class CallFailed(OmapushError):
    """A call was answered with an error, or not at all.

    :ivar name: of the D-Bus error.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}"[:300])
        self.name = name


@dataclass(frozen=True, slots=True)
class BusSettings:
    """Which bus, and the waits.

    :ivar bus: ``session``, ``system`` or an address of D-Bus.
    :ivar first_wait_ms: until the bus is tried again; doubles up to ``longest_wait_ms``.
    """

    bus: str
    first_wait_ms: int = SECOND_MS
    longest_wait_ms: int = 60 * SECOND_MS


class Service(Protocol):
    """What is offered under a name. Only one connection is there at a time."""

    @property
    def name(self) -> str:
        """The bus name that it wants."""

    def connected(self, bus: Bus) -> None:
        """The bus is there and the name is ours."""

    async def disconnected(self) -> None:
        """The bus is gone, or is about to be left."""

    async def answer(self, bus: Bus, call: Message) -> Message:
        """Return the answer to a call, which may be an error."""

    async def vanished(self, name: str) -> None:
        """Nobody owns this name any more; unique names never come back."""


async def offer(settings: BusSettings, service: Service) -> None:
    """Offer a service for as long as this runs.

    :raises BusUnavailable: the settings have no address of a bus.
    """
    wait_ms = settings.first_wait_ms
    while True:
        try:
            bus = Bus(await _connection(settings), service)
        except _ERRORS as error:
            log.warning("dbus_down", name=service.name, why=str(error), retry_ms=wait_ms)
        else:
            try:
                await bus.run()
            except (*_ERRORS, CallFailed) as error:
                log.warning("dbus_lost", name=service.name, why=str(error), retry_ms=wait_ms)
            if bus.had_name:
                wait_ms = settings.first_wait_ms
        await asyncio.sleep(wait_ms / 1000)
        wait_ms = min(wait_ms * 2, settings.longest_wait_ms)


async def _connection(settings: BusSettings) -> MessageBus:
    kinds = {"session": BusType.SESSION, "system": BusType.SYSTEM}
    address = None if settings.bus in kinds else settings.bus
    try:
        connection = MessageBus(
            bus_address=address,
            bus_type=kinds.get(settings.bus, BusType.SESSION),
            negotiate_unix_fd=True,
        )
    except DBusFastError as error:
        raise BusUnavailable(f"no address of a D-Bus: {error}") from error
    async with asyncio.timeout(CALL_SECONDS):
        return await connection.connect()


class Bus:
    """One life of the connection.

    :ivar had_name: the name was ours in this life.
    """

    def __init__(self, connection: MessageBus, service: Service) -> None:
        self._connection = connection
        self._service = service
        self._answers: dict[int, tuple[str, asyncio.Future[Message]]] = {}
        self._descriptors: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_hand: Counter[str] = Counter()
        self._closing = False
        self.had_name = False

    async def run(self) -> None:
        """Take the name and answer calls until the bus is gone.

        :raises CallFailed: the name cannot be had, or the bus does not do what it should.
        """
        self._connection.add_message_handler(self._message)
        gone = asyncio.ensure_future(_disconnected(self._connection))
        gone.add_done_callback(lambda _: self._fail_calls())
        try:
            await self.ask_bus("AddMatch", "s", _RULE)
            await self._take_name()
            self._service.connected(self)
            log.info("dbus_up", name=self._service.name)
            await gone
        finally:
            gone.cancel()
            await self._finish_calls()
            await self._service.disconnected()
            self._connection.disconnect()
            for descriptor in list(self._descriptors):
                self._close(descriptor)

    async def _take_name(self) -> None:
        name = self._service.name
        try:
            reply = await self._connection.request_name(name, NameFlag.DO_NOT_QUEUE)
        except DBusError as error:
            raise CallFailed(error.type, error.text) from error
        if reply not in (RequestNameReply.PRIMARY_OWNER, RequestNameReply.ALREADY_OWNER):
            raise CallFailed(ErrorType.ADDRESS_IN_USE.value, f"another program is {name}")
        self.had_name = True

    # -- calls to others --

    async def call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[Any] = (),
        *,
        descriptor: int | None = None,
        seconds: float = CALL_SECONDS,
    ) -> list[Any]:
        """Call a method and return what it answers.

        :param destination: a unique name, or the bus: no answer counts but its own or the bus's.
        :param descriptor: goes with the call as its only one, and is closed by this.
        :raises CallFailed: an error was answered, nothing was, or the bus is gone.
        """
        serial = self._connection.next_serial()
        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
            unix_fds=[] if descriptor is None else [descriptor],
            serial=serial,
        )
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._answers[serial] = destination, future
        try:
            self._send(message, descriptor)
            async with asyncio.timeout(seconds):
                answer = await future
        except TimeoutError as error:
            raise CallFailed(ErrorType.NO_REPLY.value, f"{member} was not answered") from error
        finally:
            self._answers.pop(serial, None)
        if answer.message_type is MessageType.ERROR:
            text = answer.body[0] if answer.body else ""
            raise CallFailed(answer.error_name or ErrorType.FAILED.value, str(text))
        return answer.body

    async def ask_bus(self, member: str, signature: str, *body: object) -> Any:  # noqa: ANN401 - as the bus has it
        """Call a method of the bus and return the first value that it answers, if any.

        :raises CallFailed: an error was answered.
        """
        values = await self.call(BUS, BUS_PATH, BUS, member, signature, body)
        return values[0] if values else None

    def tell(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[Any] = (),
        *,
        signal: bool = False,
    ) -> None:
        """Send a signal to one receiver, or a call whose answer nobody waits for."""
        message = Message(
            message_type=MessageType.SIGNAL if signal else MessageType.METHOD_CALL,
            flags=MessageFlag.NO_REPLY_EXPECTED,
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
        )
        self._send(message)

    def _send(self, message: Message, descriptor: int | None = None) -> None:
        if descriptor is not None:
            self._descriptors.add(descriptor)
        if not self._connection.connected:
            self._close(descriptor)
            raise CallFailed(ErrorType.DISCONNECTED.value, "the bus is gone")
        sent = self._connection.send(message)

        def done(sent: asyncio.Future[None]) -> None:
            self._close(descriptor)
            if not sent.cancelled():
                sent.exception()  # the connection says itself when it breaks

        sent.add_done_callback(done)

    def _close(self, descriptor: int | None) -> None:
        """Close a descriptor, once: its number may mean another file by the next time."""
        if descriptor in self._descriptors:
            self._descriptors.discard(descriptor)
            os.close(descriptor)

    async def _finish_calls(self) -> None:
        """Let calls that are in hand come to their end, and take no more."""
        self._closing = True
        self._fail_calls()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSING_SECONDS)
            for task in late:
                task.cancel()

    def _fail_calls(self) -> None:
        for _, future in self._answers.values():
            if not future.done():
                failed = CallFailed(ErrorType.DISCONNECTED.value, "the bus is gone")
                future.set_exception(failed)

    # -- what comes in --

    def _message(self, message: Message) -> bool:
        """Take a message; ``False`` leaves it to the library."""
        for descriptor in message.unix_fds:
            os.close(descriptor)
        if message.message_type is MessageType.METHOD_CALL:
            if message.interface == PEER:
                return False
            self._take_call(message)
            return True
        if message.message_type is MessageType.SIGNAL:
            if message.member == "NameOwnerChanged" and message.sender == BUS:
                self._name_changed(message)
            return False
        called, future = self._answers.get(message.reply_serial, (None, None))
        if future is None:
            return False
        # Anybody may guess the number of a call.
        if message.sender in (called, BUS) and not future.done():
            future.set_result(message)
        return True

    def _name_changed(self, signal: Message) -> None:
        name, _, owner = signal.body
        if not owner and self.had_name and not self._closing:
            self._spawn(self._service.vanished(name))

    def _take_call(self, call: Message) -> None:
        sender = str(call.sender)
        if self._closing:
            return  # the bus tells the caller when we are gone
        if len(self._tasks) >= MAX_CALLS or self._in_hand[sender] >= MAX_CALLS_OF_ONE:
            text = "too many calls at a time"
            self._answer(call, Message.new_error(call, ErrorType.LIMITS_EXCEEDED, text))
            return
        self._in_hand[sender] += 1
        self._spawn(self._called(call, sender))

    async def _called(self, call: Message, sender: str) -> None:
        try:
            answer = await self._service.answer(self, call)
        except Exception:  # one call must not end the others
            log.warning("dbus_call_failed", member=call.member, path=call.path, exc_info=True)
            answer = Message.new_error(call, ErrorType.FAILED, "the client cannot do that now")
        finally:
            self._in_hand -= Counter((sender,))
        self._answer(call, answer)

    def _answer(self, call: Message, answer: Message) -> None:
        if not call.flags & MessageFlag.NO_REPLY_EXPECTED and self._connection.connected:
            self._send(answer)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _disconnected(bus: MessageBus) -> None:
    await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # so it is in the library
