"""Registration information: what the reg event package tells its watchers (RFC 3680).

The body of a NOTIFY (``application/reginfo+xml``) lists addresses of record with the contacts that
are bound to them. A full document says all; a partial one says what changed, and :func:`merged`
puts it into what was known before. GRUUs come in elements of RFC 5628.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from omapush.core.errors import DecodeError, EncodeError
from omapush.protocols import xml
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.header_fields import NameAddress, parse_seconds
from omapush.protocols.sip.lexical import unquoted
from omapush.protocols.sip.parameters import Parameters

MEDIA_TYPE = "application/reginfo+xml"
EVENT_PACKAGE = "reg"
MAX_OCTETS = 262_144
"""Octets of a document."""
MAX_CONTACTS = 1_024
"""Contacts of a document, and of what several documents say together."""
MAX_REGISTRATIONS = 256
MAX_PARAMETERS = 128
"""Parameters of one contact."""

_SPACE = " \t\r\n"
_VERSION = re.compile(r"[0-9]{1,18}")
_Choice = TypeVar("_Choice", bound=enum.Enum)


class RegistrationState(enum.Enum):
    """The state of an address of record (RFC 3680 5.2)."""

    INIT = "init"
    ACTIVE = "active"
    TERMINATED = "terminated"


class ContactState(enum.Enum):
    """The state of a contact (RFC 3680 5.3)."""

    ACTIVE = "active"
    TERMINATED = "terminated"


class ContactEvent(enum.Enum):
    """What brought a contact into its state (RFC 3680 5.3)."""

    REGISTERED = "registered"
    CREATED = "created"
    REFRESHED = "refreshed"
    SHORTENED = "shortened"
    EXPIRED = "expired"
    DEACTIVATED = "deactivated"
    PROBATION = "probation"
    UNREGISTERED = "unregistered"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class WatchedContact:
    """A contact that is, or was, bound to an address of record.

    :ivar identifier: the registrar's name for it.
    :ivar uri: where it is reached.
    :ivar parameters: the parameters of its Contact header that the registrar passes on, feature
        tags among them.
    :ivar expires: seconds for which the binding will last; ``None``: not said.
    :ivar retry_after: seconds after which a contact on probation may come again.
    """

    identifier: str
    uri: str
    state: ContactState
    event: ContactEvent
    parameters: Parameters = Parameters()
    expires: int | None = None
    retry_after: int | None = None
    display_name: str | None = None
    pub_gruu: str | None = None
    temp_gruu: str | None = None

    @property
    def address(self) -> NameAddress:
        """The contact as a Contact header would have it."""
        return NameAddress(self.display_name, self.uri, self.parameters)


@dataclass(frozen=True, slots=True)
class WatchedRegistration:
    """An address of record with its contacts."""

    aor: str
    identifier: str
    state: RegistrationState
    contacts: tuple[WatchedContact, ...] = ()


@dataclass(frozen=True, slots=True)
class RegInfo:
    """One document, or what several say together.

    :ivar version: counts the documents of one subscription.
    :ivar is_full: it says all; otherwise only what changed.
    """

    version: int
    is_full: bool
    registrations: tuple[WatchedRegistration, ...] = ()


def read_reginfo(octets: bytes) -> RegInfo:
    """Read a document; elements and attributes that are not known are passed over.

    :raises BadSipMessage: no such document, or more than the bounds of this module.
    """
    if len(octets) > MAX_OCTETS:
        raise BadSipMessage(f"registration information of {len(octets)} octets", status=413)
    root = _root(octets)
    if _name(root) != "reginfo":
        raise BadSipMessage("the document element is not reginfo")
    state = root.get("state")
    if state not in ("full", "partial"):
        raise BadSipMessage("reginfo is neither full nor partial")
    version = root.get("version") or ""
    if not _VERSION.fullmatch(version):
        raise BadSipMessage("reginfo without a version")
    registrations = tuple(_registration(one) for one in root if _name(one) == "registration")
    return _bounded(RegInfo(int(version), state == "full", registrations))


def merged(known: RegInfo | None, news: RegInfo) -> RegInfo | None:
    """Return what is known after a further document of one subscription (RFC 3680 5.1).

    Registrations and contacts that have ended are in what is returned, and are left out of the next
    one.

    :returns: ``None`` if a document is missing in between: the subscription has to be refreshed,
        to get a full one. An older document, which was overtaken, changes nothing.
    :raises BadSipMessage: more than the bounds of this module.
    """
    if known is not None and news.version <= known.version:
        return known
    if news.is_full:
        return news
    if known is None or news.version != known.version + 1:
        return None
    registrations = {one.identifier: _alive(one) for one in known.registrations if _lives(one)}
    for one in news.registrations:
        before = registrations.get(one.identifier)
        # What has ended has no contacts but those that it ended with.
        kept = before.contacts if before and _lives(one) else ()
        contacts = {each.identifier: each for each in kept}
        contacts |= {each.identifier: each for each in one.contacts}
        registrations[one.identifier] = replace(one, contacts=tuple(contacts.values()))
    return _bounded(
        RegInfo(news.version, is_full=True, registrations=tuple(registrations.values()))
    )


def _lives(registration: WatchedRegistration) -> bool:
    return registration.state is not RegistrationState.TERMINATED


def _alive(registration: WatchedRegistration) -> WatchedRegistration:
    contacts = tuple(one for one in registration.contacts if one.state is ContactState.ACTIVE)
    return replace(registration, contacts=contacts)


def _bounded(info: RegInfo) -> RegInfo:
    if len(info.registrations) > MAX_REGISTRATIONS:
        raise BadSipMessage(f"more than {MAX_REGISTRATIONS} registrations", status=413)
    if sum(len(one.contacts) for one in info.registrations) > MAX_CONTACTS:
        raise BadSipMessage(f"more than {MAX_CONTACTS} contacts", status=413)
    return info


def _root(octets: bytes) -> Any:  # noqa: ANN401 - lxml's element type is private
    try:
        text = octets.decode(xml.encoding_of(octets)).removeprefix("\ufeff")
        xml.refuse_expansion(text)
        return xml.parse(text, text.encode())
    except DecodeError as error:
        raise BadSipMessage(error.reason, error.position) from error
    except UnicodeError as error:
        raise BadSipMessage("registration information not in its character set") from error


def _registration(element: Any) -> WatchedRegistration:  # noqa: ANN401 - as above
    return WatchedRegistration(
        _attribute(element, "aor"),
        _attribute(element, "id"),
        _choice(RegistrationState, _attribute(element, "state")),
        tuple(_contact(one) for one in element if _name(one) == "contact"),
    )


def _contact(element: Any) -> WatchedContact:  # noqa: ANN401 - as above
    uri = display_name = pub_gruu = temp_gruu = None
    parameters = Parameters()
    for child in element:
        name = _name(child)
        if name == "uri":
            uri = _text(child)
        elif name == "display-name":
            display_name = _text(child)
        elif name == "unknown-param":
            parameters = _with_parameter(parameters, child)
        elif name == "pub-gruu":
            pub_gruu = child.get("uri")
        elif name == "temp-gruu":
            temp_gruu = child.get("uri")
    if not uri:
        raise BadSipMessage("a contact without a URI")
    return WatchedContact(
        _attribute(element, "id"),
        uri,
        _choice(ContactState, _attribute(element, "state")),
        _choice(ContactEvent, _attribute(element, "event")),
        parameters,
        _seconds(element, "expires"),
        _seconds(element, "retry-after"),
        display_name,
        pub_gruu,
        temp_gruu,
    )


def _with_parameter(parameters: Parameters, element: Any) -> Parameters:  # noqa: ANN401 - as above
    """Registrars write values with and without their quotation marks; here they all have them."""
    text = _text(element)
    if len(parameters.items) >= MAX_PARAMETERS:
        raise BadSipMessage(f"more than {MAX_PARAMETERS} parameters", status=413)
    try:
        return parameters.with_(
            _attribute(element, "name"), unquoted(text) if text else None, quote=True
        )
    except EncodeError as error:
        raise BadSipMessage(error.reason) from error


def _name(element: Any) -> str:  # noqa: ANN401 - as above
    return str(element.tag).rpartition("}")[2]


def _text(element: Any) -> str:  # noqa: ANN401 - as above
    return "".join(element.itertext()).strip(_SPACE)


def _attribute(element: Any, name: str) -> str:  # noqa: ANN401 - as above
    value: str | None = element.get(name)
    if value is None:
        raise BadSipMessage(f"{_name(element)[:40]} without {name}")
    return value


def _seconds(element: Any, name: str) -> int | None:  # noqa: ANN401 - as above
    value: str | None = element.get(name)
    return None if value is None else parse_seconds(value)


def _choice(kind: type[_Choice], written: str) -> _Choice:
    try:
        return kind(written)
    except ValueError as error:
        raise BadSipMessage(f"no {kind.__name__}: {written[:40]!r}") from error
