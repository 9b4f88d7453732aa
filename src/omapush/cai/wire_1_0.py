"""CAI 1.0 as JSON: its own parameter names over :mod:`omapush.cai.wire`.

What 1.1 has added is refused by name. Events have content and type, but no headers.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

from omapush.cai import wire
from omapush.cai.model import (
    CaiVersion,
    ConnectionProfile,
    PushEvent,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    WhitelistEntry,
)
from omapush.core.instants import format_utc

_REQUEST = {
    "pushApplicationID": "push_application_id",
    "applicationID": "application_id",
    "eventHandler": "event_handler",
    "whitelist": "whitelist",
    "connectionProfile": "profiles",
    "Accept": "accept",
}
_PROFILE = {"protocol": "protocol", "bearerType": "bearer_type", "port": "port"}
_WHITELIST = {"addr": "addr", "type": "type", "contentTypes": "content_types"}
_SINCE_1_1 = frozenset(
    (
        "pushServiceRegistrationURI",
        "registrationURI",
        "contactPoint",
        "cellBroadcastMessageId",
        "mbmsUserServiceDescription",
        "bcastAccessInfo",
        "instance",
        "delegatedStorage",
        "ackTimeout",
        "delivery",
        "maxOutstanding",
        *(wire.REQUEST_MEMBERS - set(_REQUEST.values())),
        *(wire.PROFILE_MEMBERS - set(_PROFILE.values())),
    )
)
"""Parameters of CAI 1.1 and of this client, in whichever spelling somebody may try."""

_SPELLED = {
    ours: name for names in (_REQUEST, _PROFILE, _WHITELIST) for name, ours in names.items()
}
_WORD = re.compile(r"[a-z_]+")


def registration_request(value: Mapping[str, Any]) -> RegistrationRequest:
    """Read a registration request of CAI 1.0.

    :raises RegistrationRejected: not of that form.
    """
    members = _renamed(value, _REQUEST, "")
    profiles = members.get("profiles")
    if isinstance(profiles, dict):
        members["profiles"] = [_renamed(profiles, _PROFILE, "connectionProfile")]
    elif isinstance(profiles, list):
        members["profiles"] = _each_renamed(profiles, _PROFILE, "connectionProfile")
    if isinstance(members.get("whitelist"), list):
        members["whitelist"] = _each_renamed(members["whitelist"], _WHITELIST, "whitelist")
    try:
        request = wire.registration_request(members)
    except RegistrationRejected as error:
        raise spelled(error, value) from error
    return replace(request, cai_version=CaiVersion.V1_0)


def registration_members(registration: Registration) -> dict[str, Any]:
    """Return a registration as JSON-able members."""
    request = registration.request
    optional = {
        "applicationID": request.application_id,
        "eventHandler": request.event_handler,
        "whitelist": [_whitelist_members(entry) for entry in request.whitelist],
        "connectionProfile": [_profile_members(profile) for profile in request.profiles],
        "Accept": list(request.accept),
    }
    return {
        "id": registration.registration_id,
        "pushApplicationID": registration.push_application_id,
        **{name: value for name, value in optional.items() if value},
        "state": registration.state.value,
        "reason": registration.reason.value if registration.reason else None,
        "detail": registration.detail,
    }


def event_members(event: PushEvent) -> dict[str, Any]:
    """Return an event as JSON-able members (CAI-58, CAI-59)."""
    content: dict[str, Any] = {"size": len(event.content)}
    if len(event.content) <= wire.MAX_INLINE:
        content["content_b64"] = base64.b64encode(event.content).decode("ascii")
    return {
        "id": event.event_id,
        "registration": event.registration_id,
        "pushApplicationID": event.push_application_id,
        "contentType": event.content_type,
        **content,
        "received": format_utc(event.received),
        "deadline": format_utc(event.deadline),
    }


def spelled(error: RegistrationRejected, value: Mapping[str, Any]) -> RegistrationRejected:
    """Return ``error`` about the request ``value`` with its parameter as CAI 1.0 calls it."""
    if error.parameter is None:
        return error
    name = _WORD.sub(lambda found: _SPELLED.get(found[0], found[0]), error.parameter)
    if isinstance(value.get("connectionProfile"), dict):
        name = name.replace("connectionProfile[0]", "connectionProfile", 1)
    return RegistrationRejected(error.cause, error.detail.replace(error.parameter, name), name)


def _each_renamed(entries: list[Any], names: Mapping[str, str], where: str) -> list[Any]:
    return [
        _renamed(entry, names, f"{where}[{number}]") if isinstance(entry, dict) else entry
        for number, entry in enumerate(entries)
    ]


def _renamed(value: Mapping[str, Any], names: Mapping[str, str], where: str) -> dict[str, Any]:
    unknown = sorted(set(value) - set(names))
    if unknown:
        _refuse(unknown[0], where)
    return {names[name]: given for name, given in value.items()}


def _refuse(name: str, where: str) -> NoReturn:
    path = f"{where}.{name}".lstrip(".")[:100]
    if name in _SINCE_1_1:
        detail = f"{path} is not supported in CAI 1.0"
        raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, path)
    detail = f"{path} is not a member that is known"
    raise RegistrationRejected(Reason.INVALID_PARAMETER, detail, path)


def _whitelist_members(entry: WhitelistEntry) -> dict[str, Any]:
    optional = {"type": entry.type, "contentTypes": list(entry.content_types)}
    return {"addr": entry.addr, **{name: value for name, value in optional.items() if value}}


def _profile_members(profile: ConnectionProfile) -> dict[str, Any]:
    members = {name: getattr(profile, ours) for name, ours in _PROFILE.items()}
    return {name: value for name, value in members.items() if value is not None}
