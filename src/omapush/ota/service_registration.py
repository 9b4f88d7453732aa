"""Push Service Registration, both ends: the request's headers, and the answer's XML.

A client that has only the address of a push service asks there for the ways by which its pushes
can come (CAI 5.1, CAI-29). The standard names the procedure and what it yields, but writes no
protocol down; this is ours:

* The request is a POST without a body. Its headers say who asks (``X-Wap-Terminal-Id``), for which
  applications and with which capabilities (the CPI of OTA-HTTP), and by which variants pushes may
  come (``X-Push-Protocols``).
* The answer lists profiles, best first, and says how long they hold; or it is empty, and the client
  keeps to the profile that it was provisioned with.

:class:`RegisteredProfile` has the members of a connection profile of the CAI, and nothing of it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lxml import etree

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.ota.http import cpi
from omapush.ota.http.headers import MAX_TERMINAL_ID, OUR_VERSION, TERMINAL_ID, VERSION
from omapush.ota.http.headers import choose_version as _choose_version
from omapush.ota.interface import ClientCapabilities
from omapush.protocols.http import Header
from omapush.protocols.xml import encoding_of, parse, refuse_expansion

MEDIA_TYPE = "application/xml"
NAMESPACE = "urn:x-push:service-registration:1"
PROTOCOLS = "X-Push-Protocols"
"""Header: the variants by which pushes may come, as connection profiles name them."""

MAX_OCTETS = 65_536
"""Octets of an answer's body."""
MAX_PROFILES = 64
"""As many profiles as an application itself may ask for."""
MAX_APPLICATION_IDS = 1_024
MAX_TEXT = 4_096
"""Characters of an element that holds no foreign XML."""
MAX_PROTOCOLS = 32
MAX_EXPIRES_SECONDS = 31_536_000
"""A year: a longer time is read as this, and nothing depends on the difference."""

_ROOT, _PROFILE, _APPLICATION = "push-registration", "profile", "app-id"
_TEXTS = {
    "protocol": "protocol",
    "bearer-type": "bearer_type",
    "contact-point": "contact_point",
    "cb-message-id": "cb_message_id",
}
_FOREIGN = {
    "mbms-user-service-description": "mbms_user_service_description",
    "bcast-access-info": "bcast_access_info",
}
_PORT = "port"
_MEMBERS = {**_TEXTS, **_FOREIGN, _PORT: _PORT}
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ServiceRegistrationRequest:
    """What a client asks a push service.

    :ivar capabilities: with the applications that it asks for in ``accept_app_id``.
    :ivar protocols: the variants that it offers; empty: it does not say.
    :ivar terminal_id: ``None``: it does not say who it is.
    """

    capabilities: ClientCapabilities
    protocols: tuple[str, ...] = ()
    terminal_id: str | None = None


@dataclass(frozen=True, slots=True)
class RegisteredProfile:
    """One way by which the pushes may come; members as in a connection profile (CAI-11 to 18).

    :ivar priority: the lowest number is the best; ``None``: after all that have one.
    """

    protocol: str | None = None
    bearer_type: str | None = None
    port: int | None = None
    contact_point: str | None = None
    cb_message_id: str | None = None
    mbms_user_service_description: str | None = None
    bcast_access_info: str | None = None
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class ServiceRegistration:
    """What a push service answers.

    :ivar registration_id: the service's own name for it.
    :ivar expires_seconds: how long it holds from now on; ``None``: until it is ended.
    :ivar application_ids: for which applications; empty: for those that were asked for.
    :ivar profiles: best first.
    """

    registration_id: str | None = None
    expires_seconds: int | None = None
    application_ids: tuple[str, ...] = ()
    profiles: tuple[RegisteredProfile, ...] = ()


def to_headers(request: ServiceRegistrationRequest) -> tuple[Header, ...]:
    """Write the headers of a request, the first one and each refresh."""
    headers: list[Header] = [("Accept", MEDIA_TYPE), (VERSION, OUR_VERSION)]
    if request.terminal_id is not None:
        headers.append((TERMINAL_ID, request.terminal_id))
    headers += cpi.to_headers(request.capabilities)
    if request.protocols:
        headers.append((PROTOCOLS, ", ".join(request.protocols)))
    return tuple(headers)


def read_headers(headers: Iterable[Header]) -> ServiceRegistrationRequest:
    """Read the headers of a request, for the end that serves it.

    :raises DecodeError: another major version, or a value that does not have its form.
    """
    given = tuple(headers)
    version = _first(given, VERSION)
    if version is not None and _choose_version(version) is None:
        raise DecodeError(f"another version than {OUR_VERSION}: {version[:40]!r}", VERSION)
    terminal_id = (_first(given, TERMINAL_ID) or "").strip() or None
    if terminal_id is not None and len(terminal_id) > MAX_TERMINAL_ID:
        raise LimitError(f"a Terminal-ID of {len(terminal_id)} characters", TERMINAL_ID)
    return ServiceRegistrationRequest(
        cpi.to_capabilities(cpi.of_headers(given)), _protocols(given), terminal_id
    )


def _protocols(headers: tuple[Header, ...]) -> tuple[str, ...]:
    said = ",".join(value for name, value in headers if name.lower() == PROTOCOLS.lower())
    entries = tuple(entry.strip() for entry in said.split(",") if entry.strip())
    if len(entries) > MAX_PROTOCOLS:
        raise LimitError(f"more than {MAX_PROTOCOLS} protocols", PROTOCOLS)
    for entry in entries:
        if not _TOKEN.fullmatch(entry):
            raise DecodeError(f"not the name of a protocol: {entry[:40]!r}", PROTOCOLS)
    return entries


def _first(headers: tuple[Header, ...], name: str) -> str | None:
    return next((value for known, value in headers if known.lower() == name.lower()), None)


def encode(registration: ServiceRegistration) -> bytes:
    """Write an answer.

    :raises EncodeError: a value that XML cannot hold, or that :func:`decode` would not take back.
    """
    foreign = any(_foreign_texts(profile) for profile in registration.profiles)
    # Beside foreign XML our namespace has a prefix: a default would take in what has none.
    prefixes: dict[Any, str] = {"psr" if foreign else None: NAMESPACE}
    root = etree.Element(_name(_ROOT), nsmap=prefixes)
    try:
        if registration.registration_id is not None:
            root.set("id", registration.registration_id)
        if registration.expires_seconds is not None:
            root.set("expires", str(registration.expires_seconds))
        for application in registration.application_ids:
            etree.SubElement(root, _name(_APPLICATION)).text = application
        for profile in registration.profiles:
            _append(root, profile)
        octets = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    except (ValueError, TypeError) as error:
        raise EncodeError("a character that XML cannot hold") from error
    try:
        decode(octets)
    except DecodeError as error:
        raise EncodeError(f"no answer could say this: {error.reason}", error.position) from error
    return octets


def _append(root: Any, profile: RegisteredProfile) -> None:  # noqa: ANN401 - lxml's type is private
    element = etree.SubElement(root, _name(_PROFILE))
    if profile.priority is not None:
        element.set("priority", str(profile.priority))
    for name, member in _TEXTS.items():
        value = getattr(profile, member)
        if value is not None:
            etree.SubElement(element, _name(name)).text = value
    if profile.port is not None:
        etree.SubElement(element, _name(_PORT)).text = str(profile.port)
    for name, text in _foreign_texts(profile).items():
        child = etree.SubElement(element, _name(name))
        if text.lstrip().startswith("<"):
            child.append(_foreign_element(text))
        else:
            child.text = text


def _foreign_texts(profile: RegisteredProfile) -> dict[str, str]:
    texts = {name: getattr(profile, member) for name, member in _FOREIGN.items()}
    return {name: text for name, text in texts.items() if text is not None}


def _foreign_element(text: str) -> Any:  # noqa: ANN401
    try:
        refuse_expansion(text)
        return parse(text, text.encode())
    except (DecodeError, UnicodeError) as error:
        raise EncodeError("foreign XML that is not well-formed") from error


def decode(octets: bytes, charset: str | None = None) -> ServiceRegistration:
    """Read an answer. What it does not know is passed over, in any order.

    :param charset: as the Content-Type says; ``None``: it does not.
    :raises DecodeError: no XML, a document type declaration, something that is no registration, or
        a value that does not have its form. :raises LimitError: too large.
    """
    root = _document_element(octets, charset)
    applications = [_text(one) for one in _children(root, _APPLICATION)]
    profiles = [
        _profile(element, number) for number, element in enumerate(_children(root, _PROFILE))
    ]
    if len(profiles) > MAX_PROFILES:
        raise LimitError(f"more than {MAX_PROFILES} profiles")
    if len(applications) > MAX_APPLICATION_IDS:
        raise LimitError(f"more than {MAX_APPLICATION_IDS} applications")
    return ServiceRegistration(
        registration_id=root.get("id"),
        expires_seconds=_expires(root.get("expires")),
        application_ids=tuple(one for one in applications if one),
        profiles=tuple(sorted(profiles, key=_rank)),
    )


def _document_element(octets: bytes, charset: str | None) -> Any:  # noqa: ANN401
    if len(octets) > MAX_OCTETS:
        raise LimitError(f"more than {MAX_OCTETS} octets")
    encoding = encoding_of(octets, charset)
    try:
        text = octets.decode(encoding).removeprefix("\ufeff")
        utf_8 = text.encode()
    except UnicodeError as error:
        raise DecodeError(f"not in the character set {encoding}") from error
    refuse_expansion(text)
    root = parse(text, utf_8)
    if root.getroottree().docinfo.doctype:
        raise DecodeError("a document type declaration")
    if _local(root) != _ROOT:
        raise DecodeError(f"no {_ROOT} document")
    return root


def _profile(element: Any, number: int) -> RegisteredProfile:  # noqa: ANN401
    where = f"{_PROFILE}[{number}]"
    members: dict[str, Any] = {"priority": _number(element.get("priority"), f"{where}/@priority")}
    for child in _children(element):
        name = _local(child)
        member = _MEMBERS.get(name, "")
        if member in members:
            raise DecodeError(f"{name} is given twice", where)
        if name in _TEXTS:
            members[member] = _text(child)
        elif name in _FOREIGN:
            members[member] = _foreign(child)
        elif name == _PORT:
            members[member] = _port(_text(child), f"{where}/{_PORT}")
    return RegisteredProfile(**members)


def _rank(profile: RegisteredProfile) -> tuple[bool, int]:
    return profile.priority is None, profile.priority or 0


def _name(local: str) -> str:
    return f"{{{NAMESPACE}}}{local}"


def _children(element: Any, name: str | None = None) -> list[Any]:  # noqa: ANN401
    children = [child for child in element if isinstance(child.tag, str)]
    return [child for child in children if name is None or _local(child) == name]


def _local(element: Any) -> str:  # noqa: ANN401
    """Return an element's name if it is ours; a service may leave the namespace out."""
    name = etree.QName(element)
    return name.localname if name.namespace in (None, NAMESPACE) else ""


def _text(element: Any) -> str | None:  # noqa: ANN401
    """Return the text, or ``None`` if there is none: an empty element says nothing."""
    if _children(element):
        raise DecodeError("holds elements instead of text", _local(element))
    text = "".join(element.itertext()).strip()
    if len(text) > MAX_TEXT:
        raise LimitError(f"more than {MAX_TEXT} characters", _local(element))
    return text or None


def _foreign(element: Any) -> str | None:  # noqa: ANN401
    """Return foreign XML, or the text that stands in its place, such as a URL."""
    children = _children(element)
    if not children:
        text = _text(element)
        if text is not None and text.startswith("<"):
            raise DecodeError("holds XML as text", _local(element))
        return text
    if len(children) > 1:
        raise DecodeError("holds more than one element", _local(element))
    # A copy keeps the namespaces that it uses or declares, and loses ours.
    alone = copy.deepcopy(children[0])
    alone.tail = None
    return str(etree.tostring(alone, encoding="unicode"))


def _number(text: str | None, where: str) -> int | None:
    if text is None:
        return None
    if not _NUMBER.fullmatch(text.strip()):
        raise DecodeError(f"not a number: {text[:40]!r}", where)
    return int(text)


def _port(text: str | None, where: str) -> int | None:
    port = _number(text, where)
    if port is not None and not 1 <= port <= 65_535:
        raise DecodeError(f"not a port: {port}", where)
    return port


def _expires(text: str | None) -> int | None:
    seconds = _number(text, "@expires")
    if seconds == 0:
        raise DecodeError("a registration that holds no time", "@expires")
    return None if seconds is None else min(seconds, MAX_EXPIRES_SECONDS)
