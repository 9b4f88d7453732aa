"""What a client is known to take, told and compared as UAProf (PAP 5.1, 5.5). Pure decisions.

What is known comes from the CPI headers of its registration and, where fetching is enabled, from
the profile that these headers name. What a terminal says in headers stands before what stands in
a profile: the headers are newer.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import functools
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from omapush.content.application_id import ANY_APPLICATION, ApplicationId
from omapush.content.message import Header
from omapush.content.uaprof import (
    Profile,
    PushCharacteristics,
    profile_of,
    push_characteristics,
)
from omapush.core.errors import DecodeError
from omapush.ota.http import cpi
from omapush.ota.interface import ClientCapabilities
from omapush.ppg.store.contract import RegistrationRecord

MAX_REFERENCES = 8
"""Profiles, and differences, of one registration that are looked at."""
MAX_CLAIMS = 128
"""Entries of one list of an initiator's assumptions that are judged."""

# Capability, UAProf attribute, and the names of the CPI header (WAP-235, 7.2.5.5).
_CORRESPONDENCE = (
    ("accept", "accept", (cpi.ACCEPT,)),
    ("accept_charset", "accept_charset", (cpi.ACCEPT_CHARSET,)),
    ("accept_encoding", "accept_encoding", (cpi.ACCEPT_ENCODING,)),
    ("accept_language", "accept_language", (cpi.ACCEPT_LANGUAGE,)),
    ("accept_app_id", "accept_app_id", (cpi.ACCEPT_APP_ID,)),
    ("max_message_size", "msg_size", (cpi.MAX_MSG_SIZE, "X-Wap-Push-MsgSize")),
    ("max_push_requests", "max_push_req", (cpi.MAX_PUSH_REQ,)),
)
_URI = re.compile(
    r'"\s*(https?://[^"\s]{1,1024})\s*"|(?:^|,)\s*(https?://[^",\s]{1,1024})', re.IGNORECASE
)
_DIGEST = re.compile(r'"\s*([0-9]{1,4})-([A-Za-z0-9+/]{22}==)\s*"')
_DIFFERENCE = re.compile(r"\s*([0-9]{1,4})\s*;\s*(<.*)", re.DOTALL)
_ZERO = re.compile(r"q\s*=\s*0(?:\.0{0,3})?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ProfileReferences:
    """What the CPI headers of a registration say about UAProf (WAP-248, 9.1).

    :ivar uris: where profiles stand, in order.
    :ivar differences: the documents that the terminal sent along, in order, as octets; resolved
        after the profiles.
    """

    uris: tuple[str, ...] = ()
    differences: tuple[bytes, ...] = ()


def remembered_cpi(registration: RegistrationRecord) -> tuple[Header, ...] | None:
    """Return the CPI headers that are remembered under the client's current tag, if any are."""
    if registration.cpi_tag is None:
        return None
    return registration.cpi.get(registration.cpi_tag)


def capabilities_of(registration: RegistrationRecord) -> ClientCapabilities | None:
    """Return what the client is known to take; ``None`` if nothing is on file (PAP 3008)."""
    headers = remembered_cpi(registration)
    if headers is None:
        return None
    try:
        return cpi.to_capabilities(headers)
    except DecodeError:
        return None  # kept by an older version that took what this one does not


def profile_references(headers: Iterable[Header]) -> ProfileReferences:
    """Read x-wap-profile and x-wap-profile-diff out of CPI headers.

    A difference counts only if x-wap-profile lists it with its digest (WAP-248, 9.1).
    """
    uris: dict[str, None] = {}
    digests: list[tuple[str, bytes]] = []
    documents: dict[str, str] = {}
    for name, value in headers:
        if name.lower() == cpi.PROFILE:
            uris |= dict.fromkeys(quoted or bare for quoted, bare in _URI.findall(value))
            digests += [(number, _decoded(digest)) for number, digest in _DIGEST.findall(value)]
        elif name.lower() == cpi.PROFILE_DIFF:
            found = _DIFFERENCE.fullmatch(value)
            if found is not None:
                documents.setdefault(found[1], found[2])
    differences = [
        documents[number].encode("latin-1", "replace")
        for number, digest in digests[:MAX_REFERENCES]
        if number in documents and _has_digest(documents[number], digest)
    ]
    return ProfileReferences(tuple(uris)[:MAX_REFERENCES], tuple(differences))


def with_profile(
    capabilities: ClientCapabilities,
    profile: Profile,
    headers: Iterable[Header] | None = None,
) -> ClientCapabilities:
    """Fill in from a profile what the client did not say in CPI headers itself.

    :param profile: already merged with its differences.
    :param headers: the CPI headers from which ``capabilities`` was read. Without them a capability
        that has its default counts as not said.
    """
    said = None if headers is None else {name.lower() for name, _ in headers}
    default = ClientCapabilities()
    characteristics = push_characteristics(profile)
    found: dict[str, object] = {}
    for capability, attribute, names in _CORRESPONDENCE:
        value = getattr(characteristics, attribute)
        if said is None:
            is_said = getattr(capabilities, capability) != getattr(default, capability)
        else:
            is_said = any(name.lower() in said for name in names)
        if value is not None and not is_said:
            found[capability] = value
    return dataclasses.replace(capabilities, **found)  # type: ignore[arg-type] # by the table above


def to_profile(capabilities: ClientCapabilities, app_id: str | None) -> Profile:
    """Return the answer to a client capabilities query (PAP 8.11, 10.1).

    :param app_id: the application that the query asks about (PAP 8.10): the answer then names no
        other, and no content type at all if the client does not have it.
    """
    accept, applications = capabilities.accept, capabilities.accept_app_id
    if app_id is not None and not _is_any(app_id):
        has_it = accepts_application(applications, app_id)
        accept = accept if has_it else ()
        applications = (app_id.strip(),) if has_it else ()
    return profile_of(
        PushCharacteristics(
            accept=accept,
            accept_charset=capabilities.accept_charset,
            accept_encoding=capabilities.accept_encoding,
            accept_language=capabilities.accept_language,
            accept_app_id=applications,
            msg_size=capabilities.max_message_size,
            max_push_req=capabilities.max_push_requests,
        )
    )


def assumed_mismatch(assumed: Profile, known: ClientCapabilities) -> str | None:
    """Say what the initiator assumes of the client and the client lacks (PAP 5.1, code 2005).

    Judged is the component PushCharacteristics; what the initiator does not mention it does not
    assume. Returns the first shortfall as a sentence for ``desc``, or ``None``.
    """
    claims = push_characteristics(assumed)
    lists: tuple[tuple[str, tuple[str, ...] | None, tuple[str, ...], _Covers], ...] = (
        ("content of type", claims.accept, known.accept, accepts_type),
        ("the charset", claims.accept_charset, known.accept_charset, _accepts_token),
        ("the content coding", claims.accept_encoding, known.accept_encoding, accepts_coding),
        ("the language", claims.accept_language, known.accept_language, _accepts_language),
        ("the application", claims.accept_app_id, known.accept_app_id, accepts_application),
    )
    for what, wanted, accepted, covers in lists:
        for entry in (wanted or ())[:MAX_CLAIMS]:
            if not _is_refusal(entry) and not covers(accepted, entry):
                return f"the client does not take {what} {entry[:80]}"
    if claims.msg_size is not None and claims.msg_size > known.max_message_size:
        return f"the client takes {known.max_message_size} octets, not {claims.msg_size}"
    return None


_Covers = Callable[[tuple[str, ...], str], bool]


def accepts_type(accepted: tuple[str, ...], wanted: str) -> bool:
    """Whether the media ranges of ``accepted`` cover a media type or range (RFC 9110, 12.5.1)."""
    media_type = _token(wanted)
    major = media_type.partition("/")[0]
    return _decided(accepted, (media_type, f"{major}/*", "*/*", "*"))


def accepts_application(accepted: tuple[str, ...], wanted: str) -> bool:
    """Whether ``accepted`` names the application, by URI or by code, or names any.

    That the initiator assumes any application is met only by a client that takes any.
    """
    if any(_is_any(entry) for entry in accepted):
        return True
    if _is_any(wanted):
        return False
    return any(_same_application(entry, wanted) for entry in accepted)


def _is_any(entry: str) -> bool:
    application = _application(entry)
    return entry.strip() == "*" or (
        application is not None and application.registered_code == ANY_APPLICATION
    )


def _same_application(one: str, other: str) -> bool:
    left, right = _application(one), _application(other)
    if left is None or right is None:
        return one.strip() == other.strip()
    return left.same_application(right)


@functools.lru_cache(maxsize=2_048)
def _application(entry: str) -> ApplicationId | None:
    try:
        return ApplicationId.parse(entry)
    except DecodeError:
        return None


def _accepts_token(accepted: tuple[str, ...], wanted: str) -> bool:
    return _decided(accepted, (_token(wanted), "*"))


def accepts_coding(accepted: tuple[str, ...], wanted: str) -> bool:
    """Judge a content coding; no coding at all is taken unless refused (RFC 9110, 12.5.3)."""
    coding = _token(wanted)
    return _decided(accepted, (coding, "*"), otherwise=coding == "identity")


def _accepts_language(accepted: tuple[str, ...], wanted: str) -> bool:
    """Judge a language: a range covers what it is a prefix of (RFC 4647, 3.3.1)."""
    parts = _token(wanted).split("-")
    prefixes = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return _decided(accepted, (*prefixes, "*"))


def _decided(
    accepted: tuple[str, ...], ranges: tuple[str, ...], *, otherwise: bool = False
) -> bool:
    """Find the first of ``ranges``, most specific first, that is listed; quality 0 refuses."""
    listed = {_token(entry): not _is_refusal(entry) for entry in accepted}
    return next((listed[entry] for entry in ranges if entry in listed), otherwise)


def _token(entry: str) -> str:
    return entry.partition(";")[0].strip().lower()


def _is_refusal(entry: str) -> bool:
    return any(_ZERO.fullmatch(parameter.strip()) for parameter in entry.split(";")[1:])


def _decoded(digest: str) -> bytes:
    try:
        return base64.b64decode(digest, validate=True)
    except binascii.Error:
        return b""


def _has_digest(document: str, digest: bytes) -> bool:
    """Compare with MD5 of the document as it came, or with its white space folded."""
    for text in (document, " ".join(document.split())):
        octets = text.encode("latin-1", "replace")
        if hashlib.md5(octets, usedforsecurity=False).digest() == digest:
            return True
    return False
