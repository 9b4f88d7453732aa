"""Values of the contract as columns, and back."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from omapush.content.message import Header
from omapush.core.instants import Instant
from omapush.ppg.store.contract import TimelineEvent

# Escaped to ASCII, so that every string survives: PostgreSQL's text knows no NUL, and no database
# knows a lone surrogate.
_to_json = json.JSONEncoder(separators=(",", ":")).encode
_from_json = json.JSONDecoder().decode

_ordinals = itertools.count(secrets.randbits(62))


def json_text(value: Mapping[str, object] | Iterable[object] | Mapping[str, Any]) -> str:
    """Write a control mapping, headers or deliveries in bulk as compact JSON."""
    return _to_json(value)


def array_from(text: str) -> list[list[Any]]:
    """Read what :func:`json_text` wrote of deliveries in bulk."""
    array: list[list[Any]] = _from_json(text)
    return array


def control_from(text: str) -> Mapping[str, object]:
    """Read what :func:`json_text` wrote of a mapping."""
    control: dict[str, object] = _from_json(text)
    return control


def headers_from(text: str) -> tuple[Header, ...]:
    """Read what :func:`json_text` wrote of headers."""
    return tuple((name, value) for name, value in _from_json(text))


def cpi_from(text: str) -> Mapping[str, tuple[Header, ...]]:
    """Read what :func:`json_text` wrote of the CPI headers under each tag."""
    return {
        tag: tuple((name, value) for name, value in headers)
        for tag, headers in _from_json(text).items()
    }


def readable(text: str) -> str:
    """Return ``text`` for people in a form that every database can hold.

    A reason may quote a peer; what the peer sent must not hinder the settling of a delivery.
    """
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def event_row(event: TimelineEvent) -> tuple[Any, ...]:
    """Return the row of table ``event``; rows made later order after rows made before."""
    return (
        event.push_key,
        event.at,
        next(_ordinals),
        event.position,
        readable(event.event),
        readable(event.detail),
    )


def instant_or_none(value: int | None) -> Instant | None:
    """Mark an integer column as an instant."""
    return None if value is None else Instant(value)
