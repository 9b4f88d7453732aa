"""Values of decoders as JSON has them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import TypeAlias

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


def plain(value: object) -> Json:
    """Return ``value`` without anything that JSON lacks.

    Octets become hexadecimal digits, members of an enumeration their names in lower case, and
    dataclasses objects with their attributes.
    """
    if value is None or isinstance(value, str | bool | float):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, enum.Flag):
        return [str(one.name).lower() for one in type(value) if one & value]
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if isinstance(value, int):
        return int(value)
    return _composed(value)


def _composed(value: object) -> Json:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | frozenset | set):
        return [plain(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in _names(type(value))}
    return str(value)


@cache
def _names(shape: type) -> tuple[str, ...]:
    """Return the names of the attributes of a dataclass."""
    return tuple(each.name for each in fields(shape))
