"""Short messages from ModemManager over D-Bus, by the extra ``omapush[modem]``.

Implements ``ota.modem``.

What ModemManager can and cannot do here:

* It puts segments together itself and shows a message as ``RECEIVING`` until it is whole, then as
  ``RECEIVED``; segments that are missing for good leave a message ``RECEIVING`` for ever.
* It removes the user data header. Of a message with 8 bit data, ``Data`` holds what came after it;
  which port it was for is not told anywhere. So whatever 8 bit data read as a push are taken for
  one, and all others are left alone, for other programs that want them.
* ``Number`` is the originator. Whether that is a number or a name that looks like one is not told,
  so lists of originators are worth less here; ``SMSC`` is the service centre.
* It acknowledges to the network on its own. A message that is refused here stays in ModemManager's
  memory and is tried again; one that was taken is deleted there.
* It cannot send 8 bit data with a header, so nothing is answered by WCMP.

Messages that came while nobody listened are found on each start, of either side. ModemManager may
come and go; a bus that goes away is waited for with growing waits. Signals are only hints: what
counts is what ModemManager itself answers when it is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from dbus_fast import BusType, DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, DBusFastError

from omapush.core.errors import OmapushError
from omapush.core.instants import SECOND_MS
from omapush.ota.interface import BearerUnavailable
from omapush.ota.modem import (
    ModemState,
    NotOurs,
    OnMessage,
    OnState,
    ReceivedPayload,
    Taken,
    Verdict,
)

log = structlog.get_logger(__name__)

KindT = TypeVar("KindT")

SERVICE = "org.freedesktop.ModemManager1"
ROOT = "/org/freedesktop/ModemManager1"
MESSAGING = f"{SERVICE}.Modem.Messaging"
SMS = f"{SERVICE}.Sms"
_BUS = "org.freedesktop.DBus"
_PROPERTIES = f"{_BUS}.Properties"
_OBJECTS = f"{_BUS}.ObjectManager"

RECEIVED = 3
"""MMSmsState: whole."""
DELIVER = 1
"""MMSmsPduType: SMS-DELIVER; CDMA's messages have another form and are left alone."""

MAX_OCTETS = 65_536
"""Longer data are no push: 255 segments hold half as much."""
MAX_MESSAGES = 4_096
"""Messages that are looked at in one go."""
CALL_SECONDS = 25
"""How long ModemManager may take to answer, as D-Bus has it."""

_RULES = (
    f"sender='{_BUS}',member='NameOwnerChanged',arg0='{SERVICE}'",
    f"sender='{SERVICE}',interface='{MESSAGING}',member='Added'",
    f"sender='{SERVICE}',interface='{_OBJECTS}',member='InterfacesAdded'",
    f"sender='{SERVICE}',interface='{_PROPERTIES}',member='PropertiesChanged',arg0='{SMS}'",
)
_ERRORS = (DBusFastError, DBusError, AuthError, OSError, EOFError, TimeoutError)


@dataclass(frozen=True, slots=True)
class ModemManagerSettings:
    """Which bus ModemManager is on, and the waits.

    :ivar bus_address: of D-Bus; ``None``: the system's bus.
    :ivar rescan_ms: how often all messages are looked at, for those that were refused and for
        signals that were lost.
    :ivar first_wait_ms: until the bus is tried again; doubles up to ``longest_wait_ms``.
    """

    bus_address: str | None = None
    rescan_ms: int = 60 * SECOND_MS
    first_wait_ms: int = SECOND_MS
    longest_wait_ms: int = 60 * SECOND_MS


class NotAnsweredError(OmapushError):
    """ModemManager answered a call with an error, or with something else than its interface has."""


class ModemManager:
    """All modems that ModemManager knows, as one."""

    def __init__(self, settings: ModemManagerSettings | None = None) -> None:
        self._settings = settings or ModemManagerSettings()

    async def run(self, on_message: OnMessage, on_state: OnState) -> None:
        """See ``ota.modem``. :raises BearerUnavailable: the address of the bus is none."""
        wait_ms = self._settings.first_wait_ms
        while True:
            try:
                bus = await self._connected()
            except _ERRORS as error:
                log.warning("dbus_down", why=str(error), retry_ms=wait_ms)
            else:
                wait_ms = self._settings.first_wait_ms
                try:
                    await _Listening(bus, self._settings, on_message, on_state).run()
                except (*_ERRORS, NotAnsweredError) as error:
                    log.warning("dbus_lost", why=str(error), retry_ms=wait_ms)
                finally:
                    bus.disconnect()
            await asyncio.sleep(wait_ms / 1000)
            wait_ms = min(wait_ms * 2, self._settings.longest_wait_ms)

    async def _connected(self) -> MessageBus:
        try:
            bus = MessageBus(bus_address=self._settings.bus_address, bus_type=BusType.SYSTEM)
        except DBusFastError as error:
            raise BearerUnavailable(f"no address of a D-Bus: {error}") from error
        async with asyncio.timeout(CALL_SECONDS):
            return await bus.connect()


@dataclass(slots=True)
class _Judged:
    """What became of messages that are still there, by path; of one life of ModemManager.

    :ivar ours: taken, but not deleted yet.
    :ivar others: left alone.
    """

    ours: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)

    def keep_only(self, paths: set[str]) -> None:
        """Forget messages that are gone."""
        self.ours &= paths
        self.others &= paths


class _Listening:
    """One connection to a bus."""

    def __init__(
        self,
        bus: MessageBus,
        settings: ModemManagerSettings,
        on_message: OnMessage,
        on_state: OnState,
    ) -> None:
        self._bus = bus
        self._settings = settings
        self._on_message = on_message
        self._on_state = on_state
        self._owner: str | None = None
        self._judged = _Judged()
        self._hint = asyncio.Event()
        self._state = ModemState.DOWN

    async def run(self) -> None:
        """Look at the messages whenever something may have changed, until the bus is gone."""
        self._bus.add_message_handler(self._signal)
        for rule in _RULES:
            await self._bus_itself("AddMatch", f"type='signal',{rule}")
        gone = asyncio.ensure_future(_disconnected(self._bus))
        try:
            while not gone.done():
                self._hint.clear()
                await self._look()
                hint = asyncio.ensure_future(self._hint.wait())
                patience = self._settings.rescan_ms / 1000
                await asyncio.wait(
                    {gone, hint}, timeout=patience, return_when=asyncio.FIRST_COMPLETED
                )
                hint.cancel()
            await gone
        finally:
            gone.cancel()
            self._tell(ModemState.DOWN)

    def _signal(self, message: Message) -> None:
        """Note that there may be something to do. Anybody on the bus may send signals."""
        if message.message_type is MessageType.SIGNAL and message.sender in (_BUS, self._owner):
            self._hint.set()

    async def _look(self) -> None:
        """Find ModemManager, and take every message that is there and whole."""
        owner = await self._find_owner()
        if owner != self._owner:
            # Another life: paths mean other messages now.
            self._owner, self._judged = owner, _Judged()
            log.info("modem_manager_up" if owner else "modem_manager_down")
        self._tell(ModemState.UP if owner else ModemState.DOWN)
        if owner is None:
            return
        try:
            messages = await self._messages()
        except NotAnsweredError as error:
            # It went away; a signal will tell when it is back.
            log.warning("modem_manager_failed", why=error.reason)
            return
        self._judged.keep_only(set(messages))
        for path, modem in messages.items():
            try:
                await self._message(path, modem)
            except NotAnsweredError as error:
                # One message, or its modem, is not there any more; the others are.
                log.warning("modem_message_failed", path=path, why=error.reason)

    def _tell(self, state: ModemState) -> None:
        if state is not self._state:
            self._state = state
            self._on_state(state)

    async def _find_owner(self) -> str | None:
        try:
            return _of(str, await self._bus_itself("GetNameOwner", SERVICE))
        except NotAnsweredError:
            return None

    async def _messages(self) -> dict[str, str]:
        """Return the paths of all messages, with their modem's."""
        objects = _of(dict, await self._ask(ROOT, _OBJECTS, "GetManagedObjects"))
        found: dict[str, str] = {}
        for modem, interfaces in objects.items():
            if MESSAGING not in _of(dict, interfaces):
                continue
            # A modem that is locked or asleep has none to show.
            with contextlib.suppress(NotAnsweredError):
                paths = _of(list, await self._ask(modem, MESSAGING, "List"))
                found |= dict.fromkeys(paths[: MAX_MESSAGES - len(found)], modem)
        return found

    async def _message(self, path: str, modem: str) -> None:
        """Take a message, unless it was judged before, and have it deleted when it is taken."""
        if path in self._judged.others:
            return
        if path not in self._judged.ours:
            properties = _of(dict, await self._ask(path, _PROPERTIES, "GetAll", SMS))
            verdict = await self._verdict(message_of(properties))
            if isinstance(verdict, NotOurs):
                log.info("modem_message_left_alone", path=path, why=verdict.reason)
                self._judged.others.add(path)
            if not isinstance(verdict, Taken):
                return
            self._judged.ours.add(path)
        await self._ask(modem, MESSAGING, "Delete", path, "o")

    async def _verdict(self, message: ReceivedPayload | NotOurs | None) -> Verdict | None:
        return await self._on_message(message) if isinstance(message, ReceivedPayload) else message

    async def _bus_itself(self, member: str, argument: str) -> object:
        call = Message(
            destination=_BUS,
            path="/org/freedesktop/DBus",
            interface=_BUS,
            member=member,
            signature="s",
            body=[argument],
        )
        return await self._call(call)

    async def _ask(
        self,
        path: str,
        interface: str,
        member: str,
        argument: str | None = None,
        signature: str = "s",
    ) -> object:
        call = Message(
            destination=SERVICE,
            path=path,
            interface=interface,
            member=member,
            signature="" if argument is None else signature,
            body=[] if argument is None else [argument],
        )
        return await self._call(call)

    async def _call(self, call: Message) -> object:
        """Return the first value of the answer. :raises NotAnsweredError: an error came."""
        async with asyncio.timeout(CALL_SECONDS):
            answer = await self._bus.call(call)
        if answer.message_type is MessageType.ERROR:
            why = f"{answer.error_name} {answer.body}"
            raise NotAnsweredError(f"{call.member} at {call.path}: {why[:200]}")
        return answer.body[0] if answer.body else None


async def _disconnected(bus: MessageBus) -> None:
    await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # so it is in the library


def message_of(properties: Mapping[str, Variant]) -> ReceivedPayload | NotOurs | None:
    """Return what the properties of an Sms object hold; ``None``: it is not whole yet.

    :raises NotAnsweredError: they are not those of such an object.
    """
    values: dict[str, object] = {name: each.value for name, each in properties.items()}
    if values.get("State") != RECEIVED:
        return None
    data = _of(bytes, values.get("Data", b""))
    if values.get("PduType") != DELIVER or values.get("Text") or not data:
        return NotOurs("it has no 8 bit data")
    if len(data) > MAX_OCTETS:
        return NotOurs(f"it has {len(data)} octets")
    number, centre = values.get("Number", ""), values.get("SMSC", "")
    return ReceivedPayload(_of(str, number), data, _of(str, centre) or None)


def _of(kind: type[KindT], value: object) -> KindT:
    if not isinstance(value, kind):
        raise NotAnsweredError(f"ModemManager gave a {type(value).__name__}, not a {kind.__name__}")
    return value
