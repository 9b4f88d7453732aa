"""The JSON members of the interface (``cai.wire``) as D-Bus values, and back.

A dictionary ``a{sv}`` has the members of a JSON object; what stands in them is read by the one
reader that there is. Going out, a member that says nothing is left out: D-Bus has no null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dbus_fast import Variant

from omapush.cai.model import Reason, RegistrationRejected

MAX_DEPTH = 8
"""Values in values; a request has three."""
MAX_VALUES = 4_096
"""Values in a dictionary, those in values included."""


def members_of(dictionary: Mapping[str, Variant]) -> dict[str, Any]:
    """Return what a dictionary holds, without the variants around it.

    :raises RegistrationRejected: values that JSON does not have, or too deep or too many of them.
    """
    reading = _Reading()
    return {name: reading.value(value, name[:100], 1) for name, value in dictionary.items()}


class _Reading:
    def __init__(self) -> None:
        self._left = MAX_VALUES

    def value(self, value: object, where: str, depth: int) -> Any:  # noqa: ANN401 - any JSON value
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            what = f"is deeper than {MAX_DEPTH} or has more than {MAX_VALUES} values"
            raise _invalid(where, what)
        match value:
            case Variant():
                return self.value(value.value, where, depth + 1)
            case bool() | int() | float() | str():
                return value
            case list() | tuple():
                return [
                    self.value(one, f"{where}[{number}]", depth + 1)
                    for number, one in enumerate(value)
                ]
            case dict() if all(isinstance(name, str) for name in value):
                return {
                    name: self.value(one, f"{where}.{name}"[:200], depth + 1)
                    for name, one in value.items()
                }
        raise _invalid(where, "has a type that is not taken")


def variants_of(members: Mapping[str, Any]) -> dict[str, Variant]:
    """Return JSON-able members as ``a{sv}``, without those that say nothing."""
    return {
        text_of(name): variant_of(value) for name, value in members.items() if value is not None
    }


def variant_of(value: object) -> Variant:
    """Return a JSON-able value as a variant; a list has values of one kind."""
    match value:
        case bool():
            return Variant("b", value)
        case int():
            return Variant("x", value)
        case float():
            return Variant("d", value)
        case Mapping():
            return Variant("a{sv}", variants_of(value))
        case str():
            return Variant("s", text_of(value))
        case Sequence():
            return _list(value)
    raise TypeError(f"a {type(value).__name__} is no JSON value")


def _list(values: Sequence[Any]) -> Variant:
    if values and all(isinstance(one, Mapping) for one in values):
        return Variant("aa{sv}", [variants_of(one) for one in values])
    if values and not any(isinstance(one, str) for one in values):
        # Pairs: the headers of an event.
        return Variant("a(ss)", [[text_of(name), text_of(value)] for name, value in values])
    return Variant("as", [text_of(one) for one in values])


def text_of(text: str) -> str:
    """Return ``text`` without what D-Bus cannot say: the bus hangs up on who sends it."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return clean.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _invalid(where: str, what: str) -> RegistrationRejected:
    return RegistrationRejected(Reason.INVALID_PARAMETER, f"{where} {what}", where)
