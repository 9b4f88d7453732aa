"""``org.omapush.Client1``: the interface (CAI 5) for applications on a bus.

Who calls is the user behind the connection and one of its names. An application that claims a bus
name, and really has it, is known by that name again, after restarts of either side; any other is
known by its connection and gone with it. Of a registration nobody else learns: neither its object
nor its signals, which go to its application only.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

import structlog
from dbus_fast import Message, Variant
from dbus_fast.validators import is_bus_name_valid, is_object_path_valid

from omapush import __version__
from omapush.cai import wire
from omapush.cai.model import (
    CaiError,
    CaiVersion,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    StatusChange,
)
from omapush.client.agent import PushClient
from omapush.client.dbus.applications import (
    SCHEME,
    Applications,
    application_of,
    event_handler,
)
from omapush.client.dbus.bus import Bus, CallFailed
from omapush.client.dbus.names import Caller, caller, holder_of, holder_of_user
from omapush.client.dbus.objects import (
    PROPERTIES,
    Refusal,
    Result,
    Shown,
    answer,
    described,
)
from omapush.client.dbus.variants import members_of, text_of, variant_of, variants_of
from omapush.core.errors import OmapushError

log = structlog.get_logger(__name__)

NAME = "org.omapush.Client1"
CLIENT = "org.omapush.Client1"
REGISTRATION = "org.omapush.Registration1"
PATH = "/org/omapush/Client1"
REGISTRATIONS = f"{PATH}/registration"
ERROR = "org.omapush.Error"

_DOCUMENT = f"""
<node>
  <interface name="{CLIENT}">
    <method name="Register">
      <arg name="request" type="a{{sv}}" direction="in"/>
      <arg name="registration" type="o" direction="out"/>
    </method>
    <method name="Unregister"><arg name="registration" type="o" direction="in"/></method>
    <method name="GetRegistrations">
      <arg name="registrations" type="ao" direction="out"/>
    </method>
    <property name="Version" type="s" access="read"/>
    <property name="Info" type="a{{sv}}" access="read"/>
  </interface>
  <interface name="{REGISTRATION}">
    <method name="Deregister"/>
    <signal name="StateChanged">
      <arg name="old" type="s"/><arg name="new" type="s"/><arg name="reason" type="s"/>
    </signal>
    <property name="State" type="s" access="read"/>
    <property name="Reason" type="s" access="read"/>
    <property name="Detail" type="s" access="read"/>
    <property name="PushApplicationId" type="s" access="read"/>
    <property name="Bindings" type="aa{{sv}}" access="read"/>
  </interface>
</node>
"""
_OWNER = re.compile(r"uid:([0-9]+)/dbus:(.+)")
_CHANGING = ("State", "Reason", "Detail", "Bindings")


class ClientService:
    """The service, on whichever bus it is offered.

    :param applications: calls the applications on that bus; whoever makes the agent gives it
        handlers of these, for it refuses event handlers that it knows nothing of.
    :param info: what the property ``Info`` says beside versions.
    """

    interfaces = described(_DOCUMENT)
    invalid_arguments = "org.freedesktop.DBus.Error.InvalidArgs"

    def __init__(
        self,
        agent: PushClient,
        applications: Applications,
        name: str = NAME,
        info: Callable[[], Mapping[str, Any]] | None = None,
    ) -> None:
        self.name = name
        self.applications = applications
        self._agent = agent
        self._info = info or dict
        self._bus: Bus | None = None
        # The names under which registrations are held, by user.
        self._names: dict[int, set[str]] = {}
        # A connection that breaks while it registers is cleaned up after that.
        self._registering = asyncio.Lock()

    async def start(self) -> None:
        """Serve the registrations of an earlier life; call it before pushes can come.

        Those of connections have ended with that life: their names mean others now.
        """
        for registration in self._agent.live_registrations():
            owner = _OWNER.fullmatch(registration.owner)
            if owner is None:
                continue
            if owner[2].startswith(":"):
                await self._end(registration)
            else:
                self._serve(int(owner[1]), owner[2], registration)

    async def tell_changes(self) -> None:
        """Tell applications what becomes of their registrations, for as long as this runs."""
        async with contextlib.aclosing(self._agent.status_changes()) as changes:
            async for change in changes:
                try:
                    await self._tell(change)
                except OmapushError as error:
                    log.info("status_not_told", why=error.reason)

    # -- what the bus tells --

    def connected(self, bus: Bus) -> None:
        """See ``bus.Service``."""
        self._bus = bus
        self.applications.connected(bus)

    async def disconnected(self) -> None:
        """See ``bus.Service``. Applications that have but their connection lose it."""
        for names in list(self._names.values()):
            for name in [one for one in names if one.startswith(":")]:
                await self.vanished(name)
        self._bus = None
        self.applications.disconnected()

    async def vanished(self, name: str) -> None:
        """See ``bus.Service``. A bus name may come back; a connection never does."""
        if not name.startswith(":"):
            return
        async with self._registering:
            for uid, names in list(self._names.items()):
                if name in names:
                    for registration in self._agent.registrations(_owner(uid, name)):
                        await self._end(registration)
                        self._release(name, registration)
                    self._forget(uid, name)

    async def answer(self, bus: Bus, call: Message) -> Message:
        """See ``bus.Service``."""
        try:
            return await answer(self, await caller(bus, call.sender), call)
        except CallFailed as error:
            return Message.new_error(call, error.name, error.reason)
        except CaiError as error:
            return Message.new_error(call, error_name(error.cause), _message(error))
        except OmapushError as error:
            log.error("dbus_call_failed", member=call.member, reason=str(error))
            name = error_name(Reason.INTERNAL_ERROR)
            return Message.new_error(call, name, "the client cannot do that now")

    # -- objects --

    async def seen_by(self, caller: Caller) -> Mapping[str, Shown]:
        """See ``objects.Objects``."""
        info = {"version": __version__, "cai": [one.value for one in CaiVersion]}
        client = {
            "Version": Variant("s", __version__),
            "Info": Variant("a{sv}", variants_of({**info, **self._info()})),
        }
        own = await self._own(caller)
        return {
            PATH: {CLIENT: client},
            **{path: {REGISTRATION: properties_of(one)} for path, one in own.items()},
        }

    async def invoke(self, caller: Caller, call: Message) -> Result:
        """See ``objects.Objects``."""
        match call.member:
            case "Register":
                return Result("o", (await self._register(caller, call.body[0]),))
            case "GetRegistrations":
                return Result("ao", (list(await self._own(caller)),))
            case "Unregister":
                await self._deregister(caller, call.body[0])
            case "Deregister":
                await self._deregister(caller, str(call.path))
        return Result()

    async def _own(self, caller: Caller) -> dict[str, Registration]:
        """Return the registrations of a caller, under all of its names, by path."""
        found: dict[str, Registration] = {}
        for name in sorted(self._names.get(caller.uid, ())):
            if await self._has(caller, name):
                for registration in self._agent.registrations(_owner(caller.uid, name)):
                    found[path_of(registration)] = registration
        return found

    async def _has(self, caller: Caller, name: str) -> bool:
        if name.startswith(":") or self._bus is None:
            return name == caller.name
        return await holder_of(self._bus, name) == caller.name

    async def _register(self, caller: Caller, dictionary: Mapping[str, Variant]) -> str:
        # The lock comes first: from here on, the end of the connection is seen after this.
        async with self._registering:
            members = members_of(dictionary)
            path = _object_path(members.pop("path", None))
            name = await self._name(caller, members.pop("bus_name", None))
            request = _request(members, event_handler(name, path))
            registration = await self._agent.register(_owner(caller.uid, name), request)
            self._serve(caller.uid, name, registration)
            # Nothing may wait between here and the answer: it comes before any change of state.
            return path_of(registration)

    async def _name(self, caller: Caller, claimed: object) -> str:
        """Return by which name a caller is to be known: the one that it claims, if it has it."""
        if claimed is None:
            return caller.name
        if not isinstance(claimed, str) or not is_bus_name_valid(claimed):
            _reject(Reason.INVALID_PARAMETER, "bus_name", "is no bus name")
        if not await self._has(caller, claimed):
            _reject(Reason.PERMISSION_DENIED, "bus_name", "is not yours, says the bus")
        return claimed

    async def _deregister(self, caller: Caller, path: str) -> None:
        registration = (await self._own(caller)).get(path)
        if registration is None:
            # CAI-48. Of another's registration not even the existence is told.
            raise Refusal(error_name(Reason.NOT_REGISTERED), "no such registration of yours")
        await self._agent.deregister(registration.owner, registration.registration_id)

    # -- registrations --

    def _serve(self, uid: int, name: str, registration: Registration) -> None:
        """Have the application called with the pushes of its registration."""
        self._names.setdefault(uid, set()).add(name)
        _, path = application_of(registration.request.event_handler or "")
        handler = self.applications.handler(name, path, uid)
        self._agent.attach(registration.owner, registration.registration_id, handler)

    async def _end(self, registration: Registration) -> None:
        try:
            await self._agent.deregister(registration.owner, registration.registration_id)
        except CaiError as error:
            # It has ended already, or ends as soon as it can.
            log.info("not_deregistered", id=registration.registration_id, why=error.detail)
        except OmapushError as error:
            log.error("not_deregistered", id=registration.registration_id, why=str(error))

    def _forget(self, uid: int, name: str) -> None:
        self._names[uid].discard(name)
        if not self._names[uid]:
            del self._names[uid]

    async def _tell(self, change: StatusChange) -> None:
        registration = change.registration
        owner = _OWNER.fullmatch(registration.owner)
        if owner is None:
            return
        uid, name = int(owner[1]), owner[2]
        receiver = await self._receiver(name, uid)
        if receiver is not None and self._bus is not None:
            _signal(self._bus, receiver, change)
            _, path = application_of(registration.request.event_handler or "")
            self.applications.tell_status(receiver, path, path_of(registration), change)
            if not change.new.is_live:
                self._release(receiver, registration)
        if not self._agent.registrations(registration.owner) and name in self._names.get(uid, ()):
            self._forget(uid, name)

    async def _receiver(self, name: str, uid: int) -> str | None:
        if self._bus is None or name.startswith(":"):
            return name if self._bus is not None else None
        return await holder_of_user(self._bus, name, uid)

    def _release(self, receiver: str, ended: Registration) -> None:
        """Tell an application that a path of its is not called any more, if that is so."""
        handler = ended.request.event_handler
        others = self._agent.registrations(ended.owner)
        if any(one.state.is_live and one.request.event_handler == handler for one in others):
            return
        with contextlib.suppress(CallFailed):  # the bus is gone, which says as much
            self.applications.release(receiver, application_of(handler or "")[1])


def path_of(registration: Registration) -> str:
    """Return the path of a registration's object."""
    return f"{REGISTRATIONS}/{registration.registration_id}"


def properties_of(registration: Registration) -> dict[str, Variant]:
    """Return the properties of a registration's object."""
    bindings = wire.registration_members(registration)["bindings"]
    return {
        "State": Variant("s", registration.state.value),
        "Reason": Variant("s", registration.reason.value if registration.reason else ""),
        "Detail": Variant("s", text_of(registration.detail)),
        "PushApplicationId": Variant("s", text_of(registration.push_application_id)),
        "Bindings": variant_of(bindings) if bindings else Variant("aa{sv}", []),
    }


def error_name(reason: Reason) -> str:
    """Return the name of the D-Bus error for a reason."""
    return f"{ERROR}.{''.join(word.capitalize() for word in reason.value.split('_'))}"


def _message(error: CaiError) -> str:
    parameter = error.parameter or ""
    return text_of(
        error.detail if error.detail.startswith(parameter) else f"{parameter}: {error.detail}"
    )


def _owner(uid: int, name: str) -> str:
    return f"uid:{uid}/dbus:{name}"


def _object_path(value: object) -> str:
    if not isinstance(value, str) or not is_object_path_valid(value):
        _reject(Reason.INVALID_PARAMETER, "path", "is no object path")
    return value


def _request(members: dict[str, Any], handler: str) -> RegistrationRequest:
    if members.get("event_handler") not in (None, "", handler):
        what = f"is what {SCHEME} and path say, over this way in"
        _reject(Reason.UNSUPPORTED_OPTION, "event_handler", what)
    return replace(wire.registration_request(members), event_handler=handler)


def _reject(cause: Reason, parameter: str, what: str) -> NoReturn:
    raise RegistrationRejected(cause, f"{parameter} {what}", parameter)


def _signal(bus: Bus, receiver: str, change: StatusChange) -> None:
    """Send the signals of a change, to the application that it concerns and nobody else."""
    path = path_of(change.registration)
    properties = properties_of(change.registration)
    changed = {name: properties[name] for name in _CHANGING}
    bus.tell(
        receiver, path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [REGISTRATION, changed, []],
        signal=True,
    )  # fmt: skip
    reason = properties["Reason"].value
    body = [change.old.value, change.new.value, reason]
    bus.tell(receiver, path, REGISTRATION, "StateChanged", "sss", body, signal=True)
