"""What each octet of a header block means, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from omapush.core.errors import DecodeError
from omapush.core.explanation import Field
from omapush.core.octets import OctetReader
from omapush.protocols.wsp.assigned_numbers import CONTENT_TYPE_FIELD, HEADER_FIELDS
from omapush.protocols.wsp.headers import (
    DEFAULT_PAGE,
    CutHeader,
    cut_headers,
    cut_value,
    header_of,
)
from omapush.protocols.wsp.media import parameter_text, read_media_range, read_parameter
from omapush.protocols.wsp.profile import HeaderProfile
from omapush.protocols.wsp.registers import CONTENT_TYPE_CODES
from omapush.protocols.wsp.structured_writing import field_code
from omapush.protocols.wsp.values import LENGTH_QUOTE, MAX_SHORT_LENGTH, read_length

_APPLICATION_FIELDS = (0x2F, 0x32)
_MEDIA_FIELDS = (0x00, CONTENT_TYPE_FIELD)
_ALL_CODES = HeaderProfile(encoding_version=(15, 15))
_UNKNOWN_PEER = HeaderProfile()


def explain_headers(
    block: OctetReader, application_names: Mapping[int, str], body_length: int | None
) -> Iterator[Field]:
    """Explain the headers to the end of ``block``, one after the other.

    A header without text has a note that says why.

    :raises DecodeError: a header is cut off, or begins with no field name.
    """
    for cut in cut_headers(block):
        yield _header(block, cut, block.position, application_names, body_length)


def explain_content_type(block: OctetReader) -> Field:
    """Explain the value of a Content-Type that stands without its field's number."""
    start = block.position
    cut = CutHeader(DEFAULT_PAGE, CONTENT_TYPE_FIELD, start, start, cut_value(block))
    field = _header(block, cut, block.position, {}, None)
    return Field("Content-Type", start, field.octets, field.value, field.children, field.note)


def _header(
    block: OctetReader,
    cut: CutHeader,
    end: int,
    application_names: Mapping[int, str],
    body_length: int | None,
) -> Field:
    octets = block.between(cut.start, end)
    if cut.field is None:
        return Field("Header code page shift", cut.start, octets, cut.page)
    notes = list(_notes(block, cut, end))
    value: str | None = None
    name = cut.field if isinstance(cut.field, str) else f"field 0x{cut.field:02X}"
    try:
        name, value = header_of(cut, body_length)
    except DecodeError as error:
        notes.insert(0, error.reason)
        if isinstance(cut.field, int) and cut.page == DEFAULT_PAGE and cut.field in HEADER_FIELDS:
            name = HEADER_FIELDS[cut.field][0]
    if cut.field in _APPLICATION_FIELDS and value and cut.page == DEFAULT_PAGE:
        known = _application_name(value, application_names)
        notes.extend([known] if known else [])
    children = tuple(_children(block, cut, end))
    return Field(name, cut.start, octets, value, children, "; ".join(notes) or None)


def _application_name(value: str, names: Mapping[int, str]) -> str | None:
    try:
        return names.get(int(value, 16))
    except ValueError:
        return None


def _notes(block: OctetReader, cut: CutHeader, end: int) -> Iterator[str]:
    """Yield what is legal and unwise, or sloppy, in a header."""
    value = block.between(cut.value_start, end)
    if isinstance(cut.field, str):
        code = field_code(cut.field, _UNKNOWN_PEER)
        if code is not None:
            yield f"spelled out, although every peer knows the number 0x{code:02X}"
        return
    if cut.page != DEFAULT_PAGE or cut.field is None:
        return
    if cut.field in HEADER_FIELDS and HEADER_FIELDS[cut.field][1] > (1, 2):
        major, minor = HEADER_FIELDS[cut.field][1]
        yield f"only for peers of encoding version {major}.{minor} and later"
    if cut.field in _MEDIA_FIELDS and isinstance(cut.value, bytes):
        yield from _spelled_out(cut.value)
    has_length = isinstance(cut.value, OctetReader) and value[0] == LENGTH_QUOTE
    if has_length and len(value) <= 2 + MAX_SHORT_LENGTH:
        yield "a length below 31 needs one octet only"
    if cut.field == 0x0D:
        yield "the length of the PDU shows it anyway"


def _spelled_out(media_type: bytes) -> Iterator[str]:
    code = CONTENT_TYPE_CODES.get(media_type.decode("latin-1").lower())
    if code is not None:
        yield f"spelled out, although it has the number 0x{code:02X}; handsets may drop it"


def _children(block: OctetReader, cut: CutHeader, end: int) -> Iterator[Field]:
    """Yield the field's name and its value; a media type's parameters as well."""
    if cut.value_start > cut.start:
        octets = block.between(cut.start, cut.value_start)
        name = cut.field if isinstance(cut.field, str) else f"0x{octets[0] & 0x7F:02X}"
        yield Field("field name", cut.start, octets, name)
    octets = block.between(cut.value_start, end)
    parts: tuple[Field, ...] = ()
    if cut.page == DEFAULT_PAGE and cut.field in _MEDIA_FIELDS and octets[0] <= LENGTH_QUOTE:
        parts = tuple(_media_parts(_again(block, cut.value_start, end)))
    yield Field("value", cut.value_start, octets, children=parts)


def _again(block: OctetReader, start: int, end: int) -> OctetReader:
    """Return a new reader of octets that were read already, with the same positions."""
    reader = OctetReader(block.between(0, end), block.layer)
    reader.take(start)
    return reader


def _media_parts(reader: OctetReader) -> Iterator[Field]:
    """Yield length, type and parameters of a general form, as far as they can be read."""
    start = reader.position
    length = read_length(reader, reader.uint8())
    yield Field("Value-length", start, reader.between(start, reader.position), length)
    try:
        if reader.remaining:
            start = reader.position
            media = read_media_range(reader)
            octets = reader.between(start, reader.position)
            note = next(_spelled_out(octets.rstrip(b"\0")), None)
            yield Field("media type", start, octets, media, note=note)
        while reader.remaining:
            start = reader.position
            parameter = read_parameter(reader)
            octets = reader.between(start, reader.position)
            said = None if parameter is None else parameter_text(parameter)
            note = "not registered, ignored" if parameter is None else None
            yield Field("parameter", start, octets, said, note=note)
    except DecodeError as error:
        octets = reader.between(start, reader.position + reader.remaining)
        yield Field("rest of the value", start, octets, note=error.reason)
