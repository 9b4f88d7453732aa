"""Which object, which interface, which signature: what every service on a bus has to know.

A service says which objects one caller sees, and does what their methods say. Everything else is
here: introspection, properties, and errors for what does not exist. An object that the caller does
not see does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from dbus_fast import ErrorType, Message, Variant
from dbus_fast.introspection import Interface, Method, Node

from omapush.client.dbus.bus import BUS
from omapush.client.dbus.names import Caller
from omapush.core.errors import OmapushError

INTROSPECTABLE = f"{BUS}.Introspectable"
PROPERTIES = f"{BUS}.Properties"

# The library has one more, ObjectManager, which would show everything to everybody.
_STANDARD = [one for one in Node.default().interfaces if one.name in (INTROSPECTABLE, PROPERTIES)]

Shown = Mapping[str, Mapping[str, Variant]]
"""An object as one caller sees it: its interfaces, and the properties of each."""


class Refusal(OmapushError):
    """A call is answered with an error.

    :ivar name: of the D-Bus error.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


@dataclass(frozen=True, slots=True)
class Result:
    """What a method answers."""

    signature: str = ""
    body: tuple[Any, ...] = ()


class Objects(Protocol):
    """The objects of a service."""

    @property
    def interfaces(self) -> Mapping[str, Interface]:
        """The interfaces that objects can have, by name."""

    @property
    def invalid_arguments(self) -> str:
        """The name of the error for a call with another signature than the method's."""

    async def seen_by(self, caller: Caller) -> Mapping[str, Shown]:
        """Return the objects that ``caller`` sees, by path."""

    async def invoke(self, caller: Caller, call: Message) -> Result:
        """Do what a method says; its object is seen by the caller, its signature is right.

        :raises Refusal: it cannot be done.
        """


def described(*documents: str) -> dict[str, Interface]:
    """Return the interfaces that introspection documents describe, by name."""
    found = (interface for one in documents for interface in Node.parse(one).interfaces)
    return {interface.name: interface for interface in found}


async def answer(objects: Objects, caller: Caller, call: Message) -> Message:
    """Return the answer to a call; what cannot be done is an error."""
    try:
        result = await _result(objects, caller, call)
    except Refusal as refusal:
        return Message.new_error(call, refusal.name, refusal.reason)
    return Message.new_method_return(call, result.signature, list(result.body))


async def _result(objects: Objects, caller: Caller, call: Message) -> Result:
    seen = await objects.seen_by(caller)
    path = call.path or "/"
    shown = seen.get(path)
    if call.interface == INTROSPECTABLE and call.member == "Introspect":
        return Result("s", (_document(objects, seen, path),))
    if shown is None:
        raise Refusal(ErrorType.UNKNOWN_OBJECT.value, f"there is no object {path}")
    if call.interface == PROPERTIES:
        return _property(shown, call)
    method = _method(objects, shown, call)
    if method.in_signature != call.signature:
        text = f"{method.name} takes {method.in_signature!r}, not {call.signature!r}"
        raise Refusal(objects.invalid_arguments, text)
    return await objects.invoke(caller, call)


def _method(objects: Objects, shown: Shown, call: Message) -> Method:
    # The interface may be left out of a call; no two of an object have a method in common.
    wanted = [call.interface] if call.interface else list(shown)
    for name in wanted:
        if name in shown:
            for method in objects.interfaces[name].methods:
                if method.name == call.member:
                    return method
    text = f"{call.path} has no method {call.interface or ''}.{call.member}"
    raise Refusal(ErrorType.UNKNOWN_METHOD.value, text)


def _property(shown: Shown, call: Message) -> Result:
    match call.member, call.signature:
        case "GetAll", "s":
            # The standard interfaces are there too, and have none.
            return Result("a{sv}", (dict(shown.get(call.body[0], {})),))
        case "Get", "ss":
            interface, name = call.body
            value = shown.get(interface, {}).get(name)
            if value is None:
                text = f"there is no property {interface}.{name}"
                raise Refusal(ErrorType.UNKNOWN_PROPERTY.value, text)
            return Result("v", (value,))
        case "Set", "ssv":
            text = "properties cannot be set here"
            raise Refusal(ErrorType.PROPERTY_READ_ONLY.value, text)
    text = f"there is no {PROPERTIES}.{call.member} with {call.signature!r}"
    raise Refusal(ErrorType.UNKNOWN_METHOD.value, text)


def _document(objects: Objects, seen: Mapping[str, Shown], path: str) -> str:
    """Return the introspection document of an object, or of what is above objects."""
    node = Node(interfaces=list(_STANDARD))
    node.interfaces += [objects.interfaces[name] for name in seen.get(path, {})]
    above = "" if path == "/" else path
    below = {one[len(above) + 1 :] for one in seen if one.startswith(f"{above}/") and one != path}
    if path != "/" and path not in seen and not below:
        raise Refusal(ErrorType.UNKNOWN_OBJECT.value, f"there is no object {path}")
    node.nodes += [Node(name) for name in sorted({one.partition("/")[0] for one in below} - {""})]
    return node.tostring()
