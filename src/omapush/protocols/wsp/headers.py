"""Header blocks, both ways: text headers and the octets that stand for them (WSP 8.4.1).

A block is a sequence of headers up to a known end. It starts on header code page 1; a shift changes
the page for the rest of the block. Pages other than 1 have no meaning unless it was agreed on.

Taken although it is sloppy, besides what ``field_reading`` and ``media`` take: a number as value of
a field that is named in text; a header block without a Content-Type where there must be one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.core.octets import OctetReader
from omapush.protocols.wsp.assigned_numbers import CONTENT_TYPE_FIELD, HEADER_FIELDS
from omapush.protocols.wsp.field_reading import CONTENT_RANGES, SYNTAX
from omapush.protocols.wsp.field_writing import write_field
from omapush.protocols.wsp.media import write_content_type
from omapush.protocols.wsp.profile import DEFAULT_PROFILE, HeaderProfile
from omapush.protocols.wsp.structured_reading import content_range
from omapush.protocols.wsp.values import (
    LAYER,
    TOKEN,
    decode_text,
    read_length,
    token_text,
)

Header = tuple[str, str]
"""Name and value, as HTTP has them."""

MAX_BLOCK = 65_536
"""Octets of the largest header block that is looked at."""

DEFAULT_PAGE = 1
SHIFT = 0x7F


@dataclass(frozen=True, slots=True)
class RawHeader:
    """A header that has no text: a number not assigned, a value that makes no sense.

    :ivar page: the header code page it is on.
    :ivar field: its number on that page, or its name.
    :ivar octets: its value, whole.
    :ivar reason: why it has no text.
    :ivar position: of its first octet.
    """

    page: int
    field: int | str
    octets: bytes
    reason: str = dataclasses.field(default="", compare=False)
    position: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """The headers of a block in order, and those without text."""

    headers: tuple[Header, ...] = ()
    raw_headers: tuple[RawHeader, ...] = ()


# Decoding

Value = int | bytes | OctetReader
"""A value by its form: the number in a single octet, a text, or octets of known length."""


class CutHeader(NamedTuple):
    """One header, cut out and not yet understood; a shift of pages has a field of ``None``."""

    page: int
    field: int | str | None
    start: int
    value_start: int
    value: Value


def cut_value(reader: OctetReader) -> Value:
    """Cut out the next value; its first octet says where it ends (WSP 8.4.1.2).

    :raises DecodeError: cut off. :raises LimitError: a length over 32 bits.
    """
    first = reader.peek()
    if first >= 0x80:
        return reader.uint8() & 0x7F
    if first >= 0x20:
        return reader.text_string()
    return reader.view(read_length(reader, reader.uint8()))


def cut_headers(reader: OctetReader) -> Iterator[CutHeader]:
    """Yield the headers of a block, and its shifts of code page.

    :raises DecodeError: a header that is cut off, or begins with no field name.
    """
    page = DEFAULT_PAGE
    while reader.remaining:
        start = reader.position
        first = reader.peek()
        name: int | str
        if first >= 0x80:
            name = reader.uint8() & 0x7F
        elif 0x20 <= first < SHIFT:
            name = decode_text(reader.text_string(), start)
            if not TOKEN.fullmatch(name):
                raise DecodeError(f"not a field name: {name[:40]!r}", start, LAYER)
        elif first:
            page = reader.uint8()
            page = reader.uint8() if page == SHIFT else page
            yield CutHeader(page, None, start, start, page)
            continue
        else:
            raise DecodeError("no header begins with 0x00", start, LAYER)
        value_start = reader.position
        yield CutHeader(page, name, start, value_start, cut_value(reader))


def _named_value(value: Value, position: int) -> str:
    """Return the value of a field that is named in text, which is a text itself."""
    if isinstance(value, bytes):
        return decode_text(value, position).strip(" \t")
    if isinstance(value, int):
        return str(value)
    if value.remaining:
        raise DecodeError("a text is wanted after a name in text", position, LAYER)
    return ""


def value_text(code: int, value: Value, position: int, body_length: int | None = None) -> str:
    """Return what ``value`` says in the field ``code`` of page 1.

    :raises DecodeError: not assigned, or no value of this field.
    """
    syntax = SYNTAX.get(code)
    if syntax is None:
        raise DecodeError(f"no header field has the code 0x{code:02X}", position, LAYER)
    if isinstance(value, int):
        return syntax.short(value, position)
    if isinstance(value, bytes):
        return syntax.text(decode_text(value, position))
    if not value.remaining:
        return ""
    is_range = code in CONTENT_RANGES
    text = content_range(value, body_length) if is_range else syntax.structured(value)
    if value.remaining:
        raise DecodeError(
            f"{value.remaining} octets more than the value has", value.position, LAYER
        )
    return text


def header_of(cut: CutHeader, body_length: int | None = None) -> Header:
    """Return ``cut`` as text. :raises DecodeError: it has no text."""
    if isinstance(cut.field, str):
        return cut.field, _named_value(cut.value, cut.value_start)
    if cut.page != DEFAULT_PAGE or cut.field is None:
        raise DecodeError(f"code page {cut.page} was not agreed on", cut.start, LAYER)
    text = value_text(cut.field, cut.value, cut.value_start, body_length)
    return HEADER_FIELDS[cut.field][0], text


def read_headers(
    reader: OctetReader, *, tolerant: bool = False, body_length: int | None = None
) -> HeaderBlock:
    """Read a header block to the end of ``reader``.

    :param tolerant: keep a header without text in ``raw_headers`` instead of refusing the block.
    :param body_length: octets of the body that these headers are about, where there is one.
    :raises DecodeError: malformed. :raises LimitError: over :data:`MAX_BLOCK` octets.
    """
    headers: list[Header] = []
    raw: list[RawHeader] = []
    _read_into(reader, headers, raw, tolerant=tolerant, body_length=body_length)
    return HeaderBlock(tuple(headers), tuple(raw))


def _read_into(
    reader: OctetReader,
    headers: list[Header],
    raw: list[RawHeader],
    *,
    tolerant: bool,
    body_length: int | None,
) -> None:
    if reader.remaining > MAX_BLOCK:
        raise LimitError(f"headers of {reader.remaining} octets", reader.position, LAYER)
    for cut in cut_headers(reader):
        if cut.field is None:
            continue
        # Cutting leaves the reader at the end of this header: what fails below can be kept.
        end = reader.position
        try:
            headers.append(header_of(cut, body_length))
        except DecodeError as error:
            if not tolerant:
                raise
            octets = reader.between(cut.value_start, end)
            raw.append(RawHeader(cut.page, cut.field, octets, error.reason, cut.start))


def read_content_headers(
    reader: OctetReader, body_length: int | None, *, tolerant: bool = False
) -> HeaderBlock:
    """Read a block that begins with the value of a Content-Type, as those of content do.

    The type becomes the first header, unless it is empty or, when ``tolerant``, has no text: then
    it is the first of ``raw_headers``. Raises as :func:`read_headers`.
    """
    headers: list[Header] = []
    raw: list[RawHeader] = []
    if reader.remaining:
        start = reader.position
        value = cut_value(reader)
        try:
            text = value_text(CONTENT_TYPE_FIELD, value, start)
            if text:
                headers.append(("Content-Type", text))
        except DecodeError as error:
            if not tolerant:
                raise
            octets = reader.between(start, reader.position)
            raw.append(RawHeader(DEFAULT_PAGE, CONTENT_TYPE_FIELD, octets, error.reason, start))
        _read_into(reader, headers, raw, tolerant=tolerant, body_length=body_length)
    return HeaderBlock(tuple(headers), tuple(raw))


def decode_headers(octets: bytes, *, tolerant: bool = False) -> HeaderBlock:
    """Decode a header block that stands alone, such as acknowledgement headers.

    Raises as :func:`read_headers`.
    """
    return read_headers(OctetReader(octets, LAYER), tolerant=tolerant)


# Encoding


def encode_headers(
    headers: Iterable[Header],
    profile: HeaderProfile = DEFAULT_PROFILE,
    raw_headers: Iterable[RawHeader] = (),
) -> bytes:
    """Encode a header block for a peer of ``profile``; ``raw_headers`` follow as they are.

    :raises EncodeError: a name that is no token, or a value that its field cannot have; its
        position is the name.
    """
    written = [_encode_header(name, value, profile) for name, value in headers]
    page = DEFAULT_PAGE
    for raw in sorted(raw_headers, key=lambda header: header.page):
        if raw.page != page:
            page = raw.page
            written.append(bytes((page,)) if 0 < page < 0x20 else bytes((SHIFT, page)))
        name = raw.field
        written.append(token_text(name) if isinstance(name, str) else bytes((0x80 | name,)))
        written.append(raw.octets)
    return b"".join(written)


def _encode_header(name: str, value: str, profile: HeaderProfile) -> bytes:
    try:
        return write_field(name, value, profile)
    except EncodeError as error:
        raise EncodeError(error.reason, name, LAYER) from error


def encode_content_headers(
    headers: Iterable[Header],
    body: bytes,
    profile: HeaderProfile = DEFAULT_PROFILE,
    raw_headers: Iterable[RawHeader] = (),
) -> bytes:
    """Encode the headers of ``body``: the value of the Content-Type first, then the others.

    Without a Content-Type an empty one is written, which is right only where there is no body.

    :raises EncodeError: as :func:`encode_headers`; a body of no type; two different types.
    """
    content_type, others = _without_content_type(headers)
    raw = list(raw_headers)
    kept = next((one for one in raw if _is_content_type(one)), None)
    if content_type is not None:
        first = write_content_type(content_type, profile)
    elif kept is not None:
        raw.remove(kept)
        first = kept.octets
    elif body:
        raise EncodeError("a body needs a Content-Type", "Content-Type", LAYER)
    else:
        first = b"\0"
    if body and not profile.content_length:
        others = [header for header in others if header[0].lower() != "content-length"]
    return first + encode_headers(others, profile, raw)


def _is_content_type(raw: RawHeader) -> bool:
    return raw.page == DEFAULT_PAGE and raw.field == CONTENT_TYPE_FIELD


def _without_content_type(headers: Iterable[Header]) -> tuple[str | None, list[Header]]:
    content_type: str | None = None
    others: list[Header] = []
    for name, value in headers:
        if name.lower() != "content-type":
            others.append((name, value))
        elif content_type is None:
            content_type = value
        elif content_type != value:
            raise EncodeError("two different media types", "Content-Type", LAYER)
    return content_type, others
