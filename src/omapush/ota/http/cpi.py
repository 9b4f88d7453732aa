"""Capability and preference information (CPI) and its tag (WAP-235, 7.2.5.3 and 7.2.5.5)."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from omapush.core.errors import DecodeError
from omapush.ota.interface import ClientCapabilities
from omapush.protocols.http import Header

ACCEPT = "X-Wap-Push-Accept"
ACCEPT_CHARSET = "X-Wap-Push-Accept-Charset"
ACCEPT_ENCODING = "X-Wap-Push-Accept-Encoding"
ACCEPT_LANGUAGE = "X-Wap-Push-Accept-Language"
ACCEPT_APP_ID = "X-Wap-Push-Accept-AppID"
MAX_MSG_SIZE = "X-Wap-Push-MaxMsgSize"
MAX_PUSH_REQ = "X-Wap-Push-Accept-MaxPushReq"
PROFILE = "x-wap-profile"
PROFILE_DIFF = "x-wap-profile-diff"
PROFILE_WARNING = "x-wap-profile-warning"
SUPPORTS_PROFILES = "200"
"""In an OPTIONS request: we read profiles (WAP-248, 6.3.3)."""

# The specification calls one header by two names; both are read, the defined one is written.
_OTHER_NAMES = {"x-wap-push-msgsize": MAX_MSG_SIZE.lower()}
_NAMES = frozenset(
    name.lower()
    for name in (
        ACCEPT,
        ACCEPT_CHARSET,
        ACCEPT_ENCODING,
        ACCEPT_LANGUAGE,
        ACCEPT_APP_ID,
        MAX_MSG_SIZE,
        MAX_PUSH_REQ,
        PROFILE,
        PROFILE_DIFF,
    )
) | frozenset(_OTHER_NAMES)

_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{1,8}")
_NUMBERED = re.compile(r"\s*([0-9]{1,4})\s*;")

MAX_ENTRIES = 1_024
"""Entries of one list that are looked at."""
MAX_NUMBER = 1 << 31
"""Sizes and counts beyond this are read as this."""


def to_headers(capabilities: ClientCapabilities) -> tuple[Header, ...]:
    """Write every capability, defaults as well, in the order that the tag is computed in."""
    return (
        (ACCEPT, ", ".join(capabilities.accept)),
        (ACCEPT_CHARSET, ", ".join(capabilities.accept_charset)),
        (ACCEPT_ENCODING, ", ".join(capabilities.accept_encoding)),
        (ACCEPT_LANGUAGE, ", ".join(capabilities.accept_language)),
        (ACCEPT_APP_ID, ", ".join(capabilities.accept_app_id)),
        (MAX_MSG_SIZE, str(capabilities.max_message_size)),
        (MAX_PUSH_REQ, str(capabilities.max_push_requests)),
    )


def profile_headers(uris: Iterable[str], differences: Iterable[str] = ()) -> tuple[Header, ...]:
    """Write references to UAProf profiles, and the differences from them (WAP-248, 9.1).

    :param uris: of profiles, the most general first.
    :param differences: RDF documents; each is sent on one line, and its digest is of that line.
    """
    references = [f'"{uri}"' for uri in uris]
    written: list[Header] = []
    for number, document in enumerate(differences, 1):
        line = " ".join(document.split())
        digest = hashlib.md5(line.encode("latin-1", "replace"), usedforsecurity=False).digest()
        references.append(f'"{number}-{base64.b64encode(digest).decode("ascii")}"')
        written.append((PROFILE_DIFF, f"{number}; {line}"))
    return ((PROFILE, ", ".join(references)), *written) if references else ()


def in_tag_order(profile: Iterable[Header]) -> tuple[Header, ...]:
    """Return the headers that follow :func:`to_headers`, in the order that the tag is computed in.

    That is x-wap-profile, then the differences by number, then what else the terminal has for CPI.
    """

    def place(header: Header) -> tuple[int, int]:
        name = header[0].lower()
        if name != PROFILE_DIFF:
            return (0 if name == PROFILE else 2), 0
        numbered = _NUMBERED.match(header[1])
        return 1, int(numbered[1]) if numbered else 0

    return tuple(sorted(profile, key=place))


def of_headers(headers: Iterable[Header]) -> tuple[Header, ...]:
    """Return the headers that are CPI, in the order in which they came."""
    return tuple((name, value) for name, value in headers if name.lower() in _NAMES)


def to_capabilities(headers: Iterable[Header]) -> ClientCapabilities:
    """Read capabilities; an absent header means its default (WAP-235, 7.2.5.5).

    :raises DecodeError: a size or count is no number.
    """
    given: dict[str, str] = {}
    for name, value in headers:
        known = _OTHER_NAMES.get(name.lower(), name.lower())
        given[known] = f"{given[known]}, {value}" if known in given else value
    default = ClientCapabilities()
    return ClientCapabilities(
        accept=_list(given, ACCEPT, default.accept),
        accept_charset=_list(given, ACCEPT_CHARSET, default.accept_charset),
        accept_encoding=_list(given, ACCEPT_ENCODING, default.accept_encoding),
        accept_language=_list(given, ACCEPT_LANGUAGE, default.accept_language),
        accept_app_id=_list(given, ACCEPT_APP_ID, default.accept_app_id),
        max_message_size=_number(given, MAX_MSG_SIZE, default.max_message_size),
        max_push_requests=_number(given, MAX_PUSH_REQ, default.max_push_requests),
    )


@dataclass(frozen=True, slots=True)
class ToldCpi:
    """What a terminal told about itself: the tag, the headers, and what they mean."""

    tag: str | None
    headers: tuple[Header, ...]
    capabilities: ClientCapabilities


@functools.lru_cache(maxsize=256)
def told(tag: str | None, headers: tuple[Header, ...]) -> ToldCpi:
    """Read what a terminal told. Terminals alike share the result, as there may be very many.

    :raises DecodeError: a size or count is no number.
    """
    return ToldCpi(tag, headers, to_capabilities(headers))


def tag(headers: Iterable[Header]) -> str:
    """Compute the CPITag: four octets of SHA-1 over the values as sent, in base64 (SIN-101)."""
    values = "".join(value for _, value in headers)
    digest = hashlib.sha1(values.encode("latin-1", "replace"), usedforsecurity=False).digest()
    return tag_of_octets(digest[:4])


def tag_of_octets(octets: bytes) -> str:
    """Return the CPITag as headers have it, from its four octets in an SIR."""
    return base64.b64encode(octets).decode("ascii")


def tag_octets(tag: str) -> bytes | None:
    """Return the four octets of a CPITag, as an SIR has them (WAP-235, 8.4).

    A tag in base64 has four octets. BlackBerry terminals write theirs as a hexadecimal number
    without leading zeros instead. ``None``: neither, so that no SIR can hold it.
    """
    try:
        octets = base64.b64decode(tag.encode("ascii", "replace"), validate=True)
    except binascii.Error:
        octets = b""
    if len(octets) == 4:
        return octets
    return int(tag, 16).to_bytes(4, "big") if _HEXADECIMAL.fullmatch(tag) else None


def _list(given: Mapping[str, str], name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = given.get(name.lower())
    if value is None:
        return default
    entries = (entry.strip() for entry in value.split(",")[:MAX_ENTRIES])
    return tuple(entry for entry in entries if entry)


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    value = given.get(name.lower())
    if value is None:
        return default
    text = value.rpartition(",")[2].strip()
    if not text.isascii() or not text.isdecimal() or len(text) > 20:
        raise DecodeError(f"not a number: {value[:40]!r}", name)
    return min(int(text), MAX_NUMBER)
