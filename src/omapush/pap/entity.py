"""PAP's MIME entities: a control document alone, or multipart/related with content (PAP 7).

The well-formed case is split on octets. What is not well-formed, in ways that deployed initiators
are known for, goes through one repair and the same split again; each repair is named.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import quopri
import re
from dataclasses import dataclass

from omapush.content.application_id import HEADER, REGISTRY
from omapush.content.message import Header, PushMessage
from omapush.core.errors import EncodeError
from omapush.pap.bad_message import BadMessage
from omapush.pap.tolerance import Tolerance

MAX_PARTS = 16
"""Parts of one entity that are looked at; PAP knows three."""
MAX_HEADERS = 64
"""Header lines of one part."""
MAX_HEADER_OCTETS = 8_192
"""Octets of all header lines of one part."""

_PARAMETER = re.compile(r';\s*([A-Za-z0-9!#$&+.^_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]+))')
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{1,70}")
_QUOTED_TYPE = re.compile(r';\s*type\s*=\s*"', re.IGNORECASE)
_FOLD = re.compile(rb"\r?\n[ \t]+")
_NAME = re.compile(rb"[!-9;-~]+")
_ESCAPED = re.compile(r"\\(.)")
_DEFAULT = Tolerance()
_NAMES = frozenset(REGISTRY.values())
_CONTROL_TYPES = ("application/xml", "text/xml", "")


@dataclass(frozen=True, slots=True)
class Part:
    """One body part: its header lines as received, and its octets."""

    headers: tuple[Header, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Entity:
    """What an HTTP body of PAP holds.

    :ivar control: the control document; ``control_charset`` is what its part's header says.
    :ivar content: the push message of a submission.
    :ivar capabilities: the third entity of a submission, or the second of a ccq answer.
    :ivar repairs: what had to be forgiven.
    """

    control: bytes
    control_charset: str | None = None
    content: PushMessage | None = None
    capabilities: bytes | None = None
    repairs: tuple[str, ...] = ()


def split(content_type: str, octets: bytes, tolerance: Tolerance = _DEFAULT) -> Entity:
    """Take an HTTP body apart.

    :param content_type: of the HTTP request or response.
    :raises BadMessage: empty, of another media type, or not a multipart as it says.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if not octets:
        raise BadMessage("the body is empty")
    if media_type in ("application/xml", "text/xml"):
        return Entity(octets, parameters(content_type).get("charset"))
    if media_type != "multipart/related":
        raise BadMessage(f"neither multipart/related nor application/xml: {media_type[:60]!r}")
    given = parameters(content_type)
    repairs = _check_type(content_type, given, tolerance)
    boundary = given.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary) or boundary.endswith(" "):
        raise BadMessage("multipart/related without a legal boundary")
    parts = _parts(octets, boundary.encode("ascii"), tolerance, repairs)
    return _entity(parts, tolerance, repairs)


def join(
    control: bytes, content: PushMessage | None = None, capabilities: bytes | None = None
) -> tuple[str, bytes]:
    """Put an entity together; return Content-Type and body.

    The boundary follows from the content, so that the same entity always has the same octets.

    :raises EncodeError: a header holds a line end.
    """
    if content is None and capabilities is None:
        return "application/xml; charset=UTF-8", control
    blocks = [_block((("Content-Type", "application/xml; charset=UTF-8"),), control)]
    if content is not None:
        blocks.append(_block(content.headers, content.body))
    if capabilities is not None:
        blocks.append(_block((("Content-Type", "application/xml"),), capabilities))
    boundary = _unused_boundary(blocks)
    delimiter = b"--" + boundary
    body = (
        b"".join(delimiter + b"\r\n" + block + b"\r\n" for block in blocks) + delimiter + b"--\r\n"
    )
    return f'multipart/related; boundary="{boundary.decode()}"; type="application/xml"', body


def parameters(value: str) -> dict[str, str]:
    """Return the parameters of a header value, names in lower case; the first of a name counts."""
    found: dict[str, str] = {}
    if ";" not in value:
        return found
    for match in _PARAMETER.finditer(value[:MAX_HEADER_OCTETS]):
        quoted = match[2]
        text = match[3] if quoted is None else quoted
        if quoted is not None and "\\" in quoted:
            text = _ESCAPED.sub(r"\1", quoted)
        found.setdefault(match[1].lower(), text)
    return found


def _check_type(content_type: str, given: dict[str, str], tolerance: Tolerance) -> list[str]:
    """Judge the ``type`` parameter, which names the media type of the root part (RFC 2387)."""
    named = given.get("type", "")
    right = named.lower() == "application/xml"
    if right and _QUOTED_TYPE.search(content_type):
        return []
    if tolerance.strict_type_param:
        raise BadMessage('multipart/related needs type="application/xml"')
    if right:
        return ["unquoted type parameter"]  # RFC 2045 5.1: what holds a "/" is quoted
    return [f"type parameter {named[:60]!r}" if named else "no type parameter"]


def _parts(octets: bytes, boundary: bytes, tolerance: Tolerance, repairs: list[str]) -> list[Part]:
    try:
        return _split_strictly(octets, boundary)
    except BadMessage:
        if tolerance.strict_mime:
            raise
    repaired = _repaired(octets, boundary, repairs)
    return _split_strictly(repaired, boundary)


def _split_strictly(octets: bytes, boundary: bytes) -> list[Part]:
    """Split a well-formed multipart body (RFC 2046, 5.1.1)."""
    delimiter = b"\r\n--" + boundary
    # The first delimiter may open the body; a CRLF in front makes it look like the others.
    pieces = (b"\r\n" + octets).split(delimiter, MAX_PARTS + 1)
    if len(pieces) < 2:
        raise BadMessage("the boundary does not occur in the body")
    parts: list[Part] = []
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return parts
        start = piece.lstrip(b" \t")
        if not start.startswith(b"\r\n"):
            raise BadMessage("a delimiter is not alone on its line")
        parts.append(_part(start[2:]))
    raise BadMessage("the closing delimiter is missing")


def _part(block: bytes) -> Part:
    if block.startswith(b"\r\n"):
        return Part((), block[2:])
    head, blank, body = block.partition(b"\r\n\r\n")
    if not blank:
        raise BadMessage("no empty line ends the headers of a part")
    return Part(_headers(head), body)


def _headers(head: bytes) -> tuple[Header, ...]:
    if len(head) > MAX_HEADER_OCTETS:
        raise BadMessage(f"the headers of a part have more than {MAX_HEADER_OCTETS} octets")
    unfolded = _FOLD.sub(b" ", head) if b"\n " in head or b"\n\t" in head else head
    lines = unfolded.split(b"\r\n")
    if len(lines) > MAX_HEADERS:
        raise BadMessage(f"a part has more than {MAX_HEADERS} headers")
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        text = _text(value.strip(b" \t"))
        if not colon or not _NAME.fullmatch(name) or _CONTROL.search(text):
            raise BadMessage(f"not a header line: {line[:60]!r}")
        headers.append((name.decode("ascii"), text))
    return tuple(headers)


_CONTROL = re.compile("[\x00-\x08\n-\x1f\x7f]")


def _text(octets: bytes) -> str:
    """Return a header value: UTF-8 if it is, else octet by octet as HTTP reads it."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _entity(parts: list[Part], tolerance: Tolerance, repairs: list[str]) -> Entity:
    if not parts:
        raise BadMessage("the multipart body has no part")
    control = parts[0]
    named = next((value for name, value in control.headers if name.lower() == "content-type"), "")
    if named.partition(";")[0].strip().lower() not in _CONTROL_TYPES:
        raise BadMessage(f"the first part is not a control entity: {named[:60]!r}")
    if len(parts) > 3:
        if tolerance.strict_mime:
            raise BadMessage(f"{len(parts)} parts; PAP knows three")
        repairs.append(f"{len(parts) - 3} parts too many")
    content = _content(parts[1], repairs) if len(parts) > 1 else None
    if content is not None and not tolerance.strict_application_id:
        content = _completed(content, repairs)
    return Entity(
        control=_decoded(control, repairs).body,
        control_charset=parameters(named).get("charset"),
        content=content,
        capabilities=_decoded(parts[2], repairs).body if len(parts) > 2 else None,
        repairs=tuple(repairs),
    )


def _content(part: Part, repairs: list[str]) -> PushMessage:
    """Return the push message; artefacts of MIME do not travel on (Push Message 6)."""
    decoded = _decoded(part, repairs)
    kept = []
    for name, value in decoded.headers:
        lower = name.lower()
        form_data = lower == "content-disposition" and value.lower().startswith("form-data")
        odd_coding = lower == "content-encoding" and value.lower() in ("binary", "7bit", "8bit")
        if form_data or odd_coding:
            repairs.append(f"{name}: {value[:40]}")
        elif lower not in ("content-transfer-encoding", "mime-version", "content-length"):
            kept.append((name, value))
    return PushMessage(tuple(kept), decoded.body)


def _completed(content: PushMessage, repairs: list[str]) -> PushMessage:
    """Return the push message, its application id with the scheme that the sender left out."""
    named = content.get(HEADER)
    if named is None or ":" in named or f"x-wap-application:{named.lower()}" not in _NAMES:
        return content
    repairs.append(f"{HEADER}: {named}")
    return content.replacing(HEADER, f"x-wap-application:{named.lower()}")


def _decoded(part: Part, repairs: list[str]) -> Part:
    """Undo a Content-Transfer-Encoding, which HTTP does not need but initiators send."""
    coding = next(
        (
            value.strip().lower()
            for name, value in part.headers
            if name.lower() == "content-transfer-encoding"
        ),
        "",
    )
    match coding:
        case "" | "7bit" | "8bit" | "binary":
            return part
        case "base64":
            try:
                body = base64.b64decode(re.sub(rb"\s+", b"", part.body), validate=True)
            except (binascii.Error, ValueError) as error:
                raise BadMessage("a part is not the base64 that it says") from error
        case "quoted-printable":
            body = quopri.decodestring(part.body)
        case _:
            raise BadMessage(f"unknown Content-Transfer-Encoding {coding[:40]!r}")
    repairs.append(f"Content-Transfer-Encoding {coding}")
    return Part(part.headers, body)


def _repaired(octets: bytes, boundary: bytes, repairs: list[str]) -> bytes:
    """Return the body with the faults of known senders mended.

    Only delimiter lines and part headers are touched: what stands in a part stays as it is, save
    for the line end before a delimiter, which belongs to the delimiter.
    """
    line = re.compile(
        rb"(?:\A|\r\n|\n\r|\n|\r)[ \t]*--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r|\n|\Z)"
    )
    found = list(line.finditer(octets))
    if not found:
        raise BadMessage("the boundary does not occur in the body")
    pieces = [b""]
    for number, match in enumerate(found[: MAX_PARTS + 1]):
        if match[1]:
            break
        end = found[number + 1].start() if number + 1 < len(found) else len(octets)
        pieces.append(_repaired_part(octets[match.end() : end], repairs))
    repairs.append("multipart line ends or delimiters")
    if not any(match[1] for match in found):
        repairs.append("no closing delimiter")
    delimiter = b"--" + boundary
    return (b"\r\n" + delimiter + b"\r\n").join(pieces) + b"\r\n" + delimiter + b"--\r\n"


_EARLY_BLANK = re.compile(rb"[ \t\r\n]*[\r\n](?=[ \t]*content-type[ \t]*:)", re.IGNORECASE)


def _repaired_part(block: bytes, repairs: list[str]) -> bytes:
    """Return one part, its headers with CRLF and an empty line behind them."""
    rest = re.sub(rb"\A(?:\r\n|\n\r|\n|\r)", b"", block, count=1)
    early = _EARLY_BLANK.match(rest)
    if early is not None:
        repairs.append("empty line before part headers")
        rest = rest[early.end() :]
    headers = []
    while True:
        found = re.match(rb"[ \t]*([!-9;-~]+:[^\r\n]*)(?:\r\n|\n\r|\n|\r|\Z)", rest)
        if found is None or rest.lstrip().startswith(b"<"):
            break
        headers.append(found[1].strip())
        rest = rest[found.end() :]
        if len(headers) > MAX_HEADERS:
            raise BadMessage(f"a part has more than {MAX_HEADERS} headers")
    blank = re.match(rb"[ \t]*(?:\r\n|\n\r|\n|\r)", rest)
    if blank is not None:
        rest = rest[blank.end() :]
    elif headers:
        repairs.append("no empty line behind part headers")
    head = b"\r\n".join(headers) + b"\r\n" if headers else b""
    return head + b"\r\n" + rest


def _block(headers: tuple[Header, ...], body: bytes) -> bytes:
    lines = []
    for name, value in headers:
        if "\r" in value or "\n" in value or not re.fullmatch(r"[!-9;-~]+", name):
            raise EncodeError(f"not a header that can be written: {name[:60]!r}")
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines).encode() + b"\r\n" + body


def _unused_boundary(blocks: list[bytes]) -> bytes:
    digest = hashlib.sha256(b"".join(blocks))
    while True:
        boundary = b"omapush-" + digest.hexdigest()[:24].encode()
        if not any(boundary in block for block in blocks):
            return boundary
        digest.update(b"again")
