"""The interface as JSON, for applications in other processes.

Members are called as in :mod:`omapush.cai.model`. Whatever an application sends is a value or a
:class:`~omapush.cai.model.RegistrationRejected` that names the member at fault.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, NoReturn

from omapush.cai.model import (
    Answer,
    Binding,
    BindingState,
    CaiError,
    ConnectionProfile,
    Delivery,
    EventGone,
    PushEvent,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
    Reject,
    RejectReason,
    WhitelistEntry,
)
from omapush.content.written_forms import content_type_parameters
from omapush.core.instants import format_utc

MAX_TEXT = 4_096
"""Characters of the longest text member."""
MAX_LIST = 64
"""Entries of the longest list."""
MAX_INLINE = 65_536
"""Octets of content that an event carries in itself; more is fetched separately."""
MAX_ACK_TIMEOUT_SECONDS = 120
MAX_OUTSTANDING = 16

_PROFILE_TEXTS = (
    "protocol",
    "bearer_type",
    "contact_point",
    "cb_message_id",
    "mbms_user_service_description",
    "bcast_access_info",
)
_REQUEST_TEXTS = ("application_id", "registration_uri", "instance")


def parse_object(octets: bytes) -> dict[str, Any]:
    """Read a JSON object. :raises RegistrationRejected: it is none."""
    try:
        value = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise RegistrationRejected(Reason.INVALID_PARAMETER, "not JSON") from error
    return _object(value, "body")


def registration_request(value: Mapping[str, Any]) -> RegistrationRequest:
    """Read a registration request. :raises RegistrationRejected: not of the form of CAI 5.1."""
    _known(value, REQUEST_MEMBERS, "")
    push_application_id = value.get("push_application_id")
    if isinstance(push_application_id, int) and not isinstance(push_application_id, bool):
        push_application_id = f"{push_application_id:X}"
    texts = {name: _text(value.get(name), name) for name in _REQUEST_TEXTS}
    request = RegistrationRequest(
        push_application_id=_text(push_application_id, "push_application_id") or "",
        profiles=tuple(
            _profile(entry, f"profiles[{number}]")
            for number, entry in enumerate(_list(value.get("profiles"), "profiles"))
        ),
        application_id=texts["application_id"],
        registration_uri=texts["registration_uri"],
        instance=texts["instance"],
    )
    changeable = {name: given for name, given in value.items() if name in _CHANGEABLE}
    return changed_request(request, changeable)


def changed_request(request: RegistrationRequest, value: Mapping[str, Any]) -> RegistrationRequest:
    """Return ``request`` with the members that ``value`` has; ``null`` is as if never given.

    :raises RegistrationRejected: not of the form of CAI 5.1, or a member that makes a registration
        what it is, and so cannot be changed.
    """
    _known(value, REQUEST_MEMBERS, "")
    fixed = sorted(set(value) - set(_CHANGEABLE))
    if fixed:
        _invalid(fixed[0], "cannot be changed: register anew")
    read = {name: (_CHANGEABLE[name], given) for name, given in value.items()}
    return replace(
        request, **{field: reader(given, name) for name, ((field, reader), given) in read.items()}
    )


def request_members(request: RegistrationRequest) -> dict[str, Any]:
    """Return a request as JSON-able members, without those that say nothing."""
    members = asdict(request)
    timeout_ms = members.pop("ack_timeout_ms")
    if timeout_ms is not None:
        members["ack_timeout"] = timeout_ms / 1000
    del members["cai_version"]  # by which way in it came, and not a member
    members["delivery"] = request.delivery.value
    members["profiles"] = [_without_none(profile) for profile in members["profiles"]]
    members["whitelist"] = [_without_none(entry) for entry in members["whitelist"]]
    return _without_none(members)


def registration_members(registration: Registration) -> dict[str, Any]:
    """Return a registration as JSON-able members; the owner is nobody's business.

    ``warnings`` says what is short of perfect about bindings that are up.
    """
    return {
        "id": registration.registration_id,
        **request_members(registration.request),
        "push_application_id": registration.push_application_id,
        "state": registration.state.value,
        "reason": registration.reason.value if registration.reason else None,
        "detail": registration.detail,
        "created": format_utc(registration.created),
        "updated": format_utc(registration.updated),
        "cai_version": registration.request.cai_version.value,
        "bindings": [_binding_members(binding) for binding in registration.bindings],
        "warnings": [
            {"protocol": one.protocol, "reason": one.reason.value, "detail": one.detail}
            for one in registration.bindings
            if one.state is BindingState.UP and one.reason is not None
        ],
    }


def status_members(
    registration: Registration, old: RegistrationState | None = None
) -> dict[str, Any]:
    """Return a change of state as JSON-able members; without ``old``, how it stands."""
    return {
        "registration": registration_members(registration),
        "old": old.value if old is not None else None,
        "new": registration.state.value,
    }


def _binding_members(binding: Binding) -> dict[str, Any]:
    return {
        "protocol": binding.protocol,
        "bearer": binding.bearer,
        "address": binding.address,
        "state": binding.state.value,
        "reason": binding.reason.value if binding.reason else None,
        "detail": binding.detail,
        "expires": format_utc(binding.expires) if binding.expires is not None else None,
    }


def event_members(event: PushEvent) -> dict[str, Any]:
    """Return an event as JSON-able members; long content is left out and fetched by its id."""
    content: dict[str, Any] = {"size": len(event.content)}
    if len(event.content) <= MAX_INLINE:
        content["content_b64"] = base64.b64encode(event.content).decode("ascii")
    return {
        "id": event.event_id,
        "registration": event.registration_id,
        "push_application_id": event.push_application_id,
        "content_type": event.content_type,
        "content_type_parameters": _parameters(event.content_type),
        "headers": [list(header) for header in event.headers],
        **content,
        "protocol": event.protocol,
        "bearer": event.bearer,
        "source": event.source,
        "received": format_utc(event.received),
        "deadline": format_utc(event.deadline),
        "confirmed": event.confirmed,
        "trust": asdict(event.trust),
        "push_id": event.push_id,
        "binding": event.binding,
        "expires": format_utc(event.expires) if event.expires is not None else None,
        "delivery_attempt": event.delivery_attempt,
    }


def _parameters(content_type: str) -> dict[str, str]:
    """Return the parameters of a type by their names; of one that is repeated, the first."""
    given = content_type_parameters(content_type)
    return {name: value.strip('"') for name, value in reversed(given)}


def error_members(error: CaiError) -> dict[str, Any]:
    """Return the body of an error answer."""
    return {
        "error": error.cause.value,
        "parameter": error.parameter,
        "detail": error.detail,
        # An answer that came too late does not fare better later.
        "retryable": error.cause.retryable and not isinstance(error, EventGone),
    }


def rejection(value: Mapping[str, Any]) -> Answer:
    """Read the body of a refusal. :raises RegistrationRejected: not one of the reasons."""
    _known(value, frozenset(("reason", "detail")), "")
    reason = _text(value.get("reason"), "reason") or RejectReason.REFUSED.value
    try:
        return Reject(RejectReason(reason), _text(value.get("detail"), "detail") or "")
    except ValueError:
        names = ", ".join(member.value for member in RejectReason)
        _invalid("reason", f"none of {names}")


def _whitelist_entry(value: object, where: str) -> WhitelistEntry:
    entry = _object(value, where)
    _known(entry, WHITELIST_MEMBERS, where)
    addr = _text(entry.get("addr"), f"{where}.addr")
    if not addr:
        _invalid(f"{where}.addr", "is missing")
    return WhitelistEntry(
        addr,
        _text(entry.get("type"), f"{where}.type"),
        _texts(entry.get("content_types"), f"{where}.content_types"),
    )


def _profile(value: object, where: str) -> ConnectionProfile:
    profile = _object(value, where)
    _known(profile, PROFILE_MEMBERS, where)
    texts = {name: _text(profile.get(name), f"{where}.{name}") for name in _PROFILE_TEXTS}
    return ConnectionProfile(port=_port(profile.get("port"), f"{where}.port"), **texts)


def _port(value: object, where: str) -> int | None:
    if value is None:
        return None
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdecimal() or len(text) > 5:
        _invalid(where, "is no port")
    if not 1 <= int(text) <= 65_535:
        _invalid(where, "is no port")
    return int(text)


def _whitelist(value: object, where: str) -> tuple[WhitelistEntry, ...]:
    return tuple(
        _whitelist_entry(entry, f"{where}[{number}]")
        for number, entry in enumerate(_list(value, where))
    )


def _ack_timeout_ms(value: object, where: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        _invalid(where, "is no number of seconds")
    if not 1 <= value <= MAX_ACK_TIMEOUT_SECONDS:
        _invalid(where, f"is not between 1 and {MAX_ACK_TIMEOUT_SECONDS} seconds")
    return round(value * 1000)


def _delivery(value: object, where: str) -> Delivery:
    text = _text(value, where) or Delivery.AT_LEAST_ONCE.value
    try:
        return Delivery(text)
    except ValueError:
        _invalid(where, "is neither at_least_once nor at_most_once")


def _max_outstanding(value: object, where: str) -> int:
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_OUTSTANDING:
        _invalid(where, f"is no number from 1 to {MAX_OUTSTANDING}")
    return value


def _text(value: object, where: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_TEXT or not _encodable(value):
        _invalid(where, f"is no text of at most {MAX_TEXT} characters")
    return value


def _encodable(text: str) -> bool:
    """Whether ``text`` is free of lone surrogates, which JSON can spell but nothing can keep."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _texts(value: object, where: str) -> tuple[str, ...]:
    entries = _list(value, where)
    return tuple(_text(entry, f"{where}[{number}]") or "" for number, entry in enumerate(entries))


def _list(value: object, where: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MAX_LIST:
        _invalid(where, f"is no list of at most {MAX_LIST}")
    return value


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _invalid(where, "is no object")
    return value


def _flag(value: object, where: str) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        _invalid(where, "is neither true nor false")
    return value


def _known(value: Mapping[str, Any], names: frozenset[str], where: str) -> None:
    unknown = sorted(set(value) - names)
    if unknown:
        name = f"{where}.{unknown[0]}".lstrip(".")[:100]
        _invalid(name, "is not a member that is known")


def _invalid(where: str, what: str) -> NoReturn:
    raise RegistrationRejected(Reason.INVALID_PARAMETER, f"{where} {what}", where)


def _without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value not in (None, (), [], False)}


_CHANGEABLE: dict[str, tuple[str, Callable[[object, str], Any]]] = {
    "event_handler": ("event_handler", _text),
    "whitelist": ("whitelist", _whitelist),
    "accept": ("accept", _texts),
    "delegated_storage": ("delegated_storage", _flag),
    "ack_timeout": ("ack_timeout_ms", _ack_timeout_ms),
    "delivery": ("delivery", _delivery),
    "max_outstanding": ("max_outstanding", _max_outstanding),
}
"""Members that may be changed later: which field each is, and what reads it."""

PROFILE_MEMBERS = frozenset((*_PROFILE_TEXTS, "port"))
WHITELIST_MEMBERS = frozenset(("addr", "type", "content_types"))
CHANGEABLE_MEMBERS = frozenset(_CHANGEABLE)
REQUEST_MEMBERS = CHANGEABLE_MEMBERS | {"push_application_id", "profiles", *_REQUEST_TEXTS}
