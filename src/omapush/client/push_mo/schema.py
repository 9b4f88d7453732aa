"""Which nodes the Push Management Object has, what they hold, and what may be done with them.

Names and meanings are those of the object ``urn:oma:mo:oma-push:1.1``. Formats, occurrences and
access types are ours, in the usual manner of OMA DM. ``Ext`` holds what others add; ours there is
``ConnProfile``, the default connection profiles.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from omapush.cai.model import RegistrationRejected
from omapush.client.push_mo.node import Format, Node, Path, is_name, is_text
from omapush.client.trust.source_addresses import KINDS, MAX_ADDRESS, read_party
from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError

OBJECT_ID = "urn:oma:mo:oma-push:1.1"
OBJECT_IDS = frozenset(
    f"{prefix}oma:mo:oma-push:{version}" for prefix in ("urn:", "") for version in ("1.0", "1.1")
)
"""By which of them an object is known, in trees and as APPID in client provisioning."""

MAX_TEXT = 256
MAX_DESCRIPTION = 65_536
"""Characters of a description of a service, the longest value there is."""

_WORD = r"[A-Za-z0-9!#$&^_.+-]{1,127}"
_MEDIA_RANGE = re.compile(rf"\*/\*|{_WORD}/(?:\*|{_WORD})")
_INTEGER = re.compile(r"[0-9]{1,10}")
_MAX_INTEGER = (1 << 31) - 1

Check = Callable[[str], str | None]
"""Says what is wrong with a value, or nothing."""


class Access(enum.StrEnum):
    """What may be done with a node, in the order in which a DDF lists it."""

    ADD = "Add"
    DELETE = "Delete"
    GET = "Get"
    REPLACE = "Replace"


class Occurrence(enum.StrEnum):
    """How many there may be under one parent."""

    ONE = "One"
    ZERO_OR_ONE = "ZeroOrOne"
    ZERO_OR_MORE = "ZeroOrMore"


_READ = frozenset({Access.GET})
_NODE = frozenset({Access.ADD, Access.DELETE, Access.GET})
# What must be there can be set and changed, not taken away.
_REQUIRED = frozenset({Access.ADD, Access.GET, Access.REPLACE})
_OPTIONAL = frozenset(Access)
_SECRET = frozenset({Access.ADD, Access.DELETE, Access.REPLACE})


@dataclass(frozen=True, slots=True)
class Rule:
    """What a node is.

    :ivar name: ``None``: the server chooses.
    :ivar format: ``None``: any.
    :ivar open: below it there may be anything.
    """

    name: str | None
    meaning: str
    format: Format | None = Format.NODE
    occurrence: Occurrence = Occurrence.ZERO_OR_ONE
    access: frozenset[Access] = _NODE
    children: tuple[Rule, ...] = ()
    check: Check | None = None
    open: bool = False

    def below(self, name: str) -> Rule | None:
        """Return the rule of the child called ``name``, or ``None`` if there can be none."""
        named = next((rule for rule in self.children if rule.name == name), None)
        unnamed = next((rule for rule in self.children if rule.name is None), None)
        return named or unnamed or (ANYTHING if self.open else None)

    def fault(self, node: Node) -> str | None:
        """Return what is wrong with a leaf's value, or ``None``."""
        if not is_text(node.value):
            return "a character that XML does not have"
        if node.format is Format.NULL and node.value:
            return "a value in a node without one"
        check = _FORMAT_CHECKS.get(node.format) if self.format is None else self.check
        return None if check is None else check(node.value)


# ---- values -------------------------------------------------------------------------------------


def _text(longest: int = MAX_TEXT) -> Check:
    def check(value: str) -> str | None:
        return None if 0 < len(value) <= longest else f"not 1 to {longest} characters"

    return check


def _addr(value: str) -> str | None:
    return None if 0 < len(value.strip()) <= MAX_ADDRESS else f"not 1 to {MAX_ADDRESS} characters"


def _addr_type(value: str) -> str | None:
    named = value.strip().upper()
    return None if named in KINDS and named != "SMSC" else "no type of address that is known"


def _service_centre(value: str) -> str | None:
    try:
        read_party(value, "SMSC", "")
    except RegistrationRejected:
        return "no telephone number"
    return None


def _application_id(value: str) -> str | None:
    try:
        ApplicationId.parse(value)
    except DecodeError as error:
        return error.reason
    return None


def _content_type(value: str) -> str | None:
    return None if _MEDIA_RANGE.fullmatch(value.strip()) else "no media type"


def _integer(first: int, last: int) -> Check:
    def check(value: str) -> str | None:
        number = int(value) if _INTEGER.fullmatch(value) else -1
        return None if first <= number <= last else f"no number from {first} to {last}"

    return check


def _boolean(value: str) -> str | None:
    return None if value in ("true", "false") else "neither true nor false"


def _method(value: str) -> str | None:
    return None if value in ("TO-TCP", "PO-TCP") else "neither TO-TCP nor PO-TCP"


def _uri(value: str) -> str | None:
    return (
        None if re.fullmatch(r"https?://[!-~]{1,1000}", value) else "no address with http or https"
    )


_FORMAT_CHECKS: dict[Format, Check] = {
    Format.INT: lambda value: None if re.fullmatch("-?[0-9]{1,10}", value) else "no number",
    Format.BOOL: _boolean,
}


# ---- nodes --------------------------------------------------------------------------------------

ANYTHING = Rule(
    None, "a vendor's", format=None, occurrence=Occurrence.ZERO_OR_MORE, access=_OPTIONAL, open=True
)
_EXTENSIONS = Rule("Ext", "what vendors add", open=True)


def _leaf(
    name: str,
    meaning: str,
    check: Check,
    format_: Format = Format.CHR,
    occurrence: Occurrence = Occurrence.ZERO_OR_ONE,
    access: frozenset[Access] = _OPTIONAL,
) -> Rule:
    return Rule(name, meaning, format_, occurrence, access, check=check)


def _required(name: str, meaning: str, check: Check) -> Rule:
    return _leaf(name, meaning, check, occurrence=Occurrence.ONE, access=_REQUIRED)


def _unnamed(meaning: str, *children: Rule) -> Rule:
    return Rule(None, meaning, occurrence=Occurrence.ZERO_OR_MORE, children=children)


_CONTENT_TYPE = _unnamed(
    "one content type that the application may get",
    _required("ContentType", "a media type or range, text/plain or text/*", _content_type),
)
_APPLICATION = _unnamed(
    "one application that the source may push to",
    _required("AppId", "a push application id, registered with OMNA or not", _application_id),
    _CONTENT_TYPE,
)
_ADDR_TYPE = _leaf(
    "AddrType",
    "the kind of the address: IPV4, IPV6, E164, ALPHA, URI, FQDN, APN or CBS",
    _addr_type,
    access=_REQUIRED,
)
_TRUSTED_PPG = Rule(
    "TrustedPPG",
    "gateways whose pushes are trusted",
    children=(
        _unnamed(
            "one gateway",
            _required("Addr", "its address", _addr),
            _ADDR_TYPE,
            _APPLICATION,
            _EXTENSIONS,
        ),
        _EXTENSIONS,
    ),
)
_TRUSTED_SMSC = Rule(
    "TrustedSMSC",
    "service centres whose short messages are trusted",
    children=(
        _unnamed(
            "one service centre",
            _required("Addr", "its number", _service_centre),
            _APPLICATION,
            _EXTENSIONS,
        ),
        _EXTENSIONS,
    ),
)
_PROFILE = _unnamed(
    "one connection profile",
    _leaf("Protocol", "OTA-WSP, OTA-HTTP, OTA-SIP or OTA-PTM", _text(64)),
    _leaf("BearerType", "the bearer, as UAProf names it, or CBS, MBMS, BCAST", _text(64)),
    _leaf("Port", "the port", _integer(1, 65_535), Format.INT),
    _leaf("ContactPoint", "the gateway: an IP address, a host name or a URI", _text(MAX_ADDRESS)),
    _leaf("Method", "who opens connections of OTA-HTTP: TO-TCP or PO-TCP", _method),
    _leaf("Secure", "whether with TLS or WTLS", _boolean, Format.BOOL),
    _leaf("CBMessageId", "message identifiers of cell broadcast", _text()),
    _leaf("MBMSUSD", "an MBMS user service description", _text(MAX_DESCRIPTION), Format.XML),
    _leaf("BCASTAccessInfo", "access information of BCAST", _text(MAX_DESCRIPTION), Format.XML),
    _leaf("RegistrationURI", "where push services are registered for", _uri),
    _leaf("ProxyId", "the identity of the gateway", _text()),
    _leaf("AuthType", "how client and gateway prove who they are", _text(64)),
    _leaf("AuthName", "who the client is to the gateway", _text()),
    _leaf("AuthSecret", "its password, which is never told", _text(), access=_SECRET),
    _leaf("Priority", "which profile is tried first, the lowest", _integer(0, 65_535), Format.INT),
    _leaf(
        "SIRLockout",
        "seconds between two answers to one session initiation request",
        _integer(0, _MAX_INTEGER),
        Format.INT,
    ),
    _leaf("MaxMsgSize", "octets of the largest push", _integer(1, _MAX_INTEGER), Format.INT),
    _leaf("MaxPushReq", "pushes at a time", _integer(1, 65_535), Format.INT),
    _leaf("Enable", "whether it is used", _boolean, Format.BOOL),
    Rule(
        "AppId",
        "who uses it by default; nobody named: all",
        children=(
            _unnamed(
                "one application",
                _required("Id", "a push application id", _application_id),
            ),
        ),
    ),
    _EXTENSIONS,
)
_CONNECTION_PROFILES = Rule("ConnProfile", "default connection profiles", children=(_PROFILE,))

SCHEMA = Rule(
    None,
    "one Push Management Object",
    occurrence=Occurrence.ZERO_OR_MORE,
    access=_READ,
    children=(
        Rule(
            "PushWL",
            "the whitelist; present and empty: nobody is trusted",
            children=(_TRUSTED_PPG, _TRUSTED_SMSC),
        ),
        replace(_EXTENSIONS, children=(_CONNECTION_PROFILES,)),
    ),
)
"""The rule of the object's root."""

PROFILE_LEAVES = {rule.name or "": rule for rule in _PROFILE.children if rule.check is not None}
"""The leaves of a connection profile by name."""


def rule_at(path: Path) -> Rule | None:
    """Return the rule of the node at ``path`` below the root, or ``None`` if there can be none."""
    rule: Rule | None = SCHEMA
    for name in path:
        rule = None if rule is None else rule.below(name)
    return rule


def faults(node: Node, path: Path, rule: Rule) -> Iterator[tuple[Path, str]]:
    """Yield what in a subtree is not as the schema has it, with the path."""
    if node.is_leaf:
        if rule.format is None or fits(node.format, rule.format):
            fault = rule.fault(node)
            if fault is not None:
                yield path, fault
        else:
            yield path, f"not of the format {rule.format}"
        return
    if rule.format not in (None, Format.NODE):
        yield path, f"not of the format {rule.format}"
        return
    seen: set[str] = set()
    for child in node.children:
        below, where = rule.below(child.name), (*path, child.name)
        if child.name in seen:
            yield where, "twice"
        elif not is_name(child.name):
            yield where, "no name for a node"
        elif below is None:
            yield where, "no such node"
        else:
            yield from faults(child, where, below)
        seen.add(child.name)


def fits(given: Format, wanted: Format) -> bool:
    """Whether a leaf may be given so: what is text may stand for what text can write."""
    return given is wanted or (given is Format.CHR and wanted is not Format.NODE)


def in_its_format(node: Node, rule: Rule) -> Node:
    """Return a subtree without faults with the formats that the schema has."""
    format_ = node.format if rule.format is None else rule.format
    below = ((child, rule.below(child.name)) for child in node.children)
    children = tuple(in_its_format(child, found) for child, found in below if found is not None)
    return replace(node, format=format_, children=children)
