"""What the value of each well-known header field says, as text (WSP 8.4.2).

The first octet of a value tells which of three forms it has, whatever the field is: a number in
that octet, a text, or octets whose length is known. :data:`SYNTAX` says for each field what its
three forms mean. The result is a value that HTTP would take.

Where HTTP has no form of its own: Profile-Diff and the location documents are base64 of their
WBXML; application ids are hexadecimal numbers or URIs (WAP-251, 5.2.2.1); Push-Flag is written in
binary digits and Bearer-Indication in two hexadecimal ones (WAP-235, 6.3).

Taken although it is sloppy: a text in any field, as it stands; an integer of more octets than it
needs; a quality with or without its token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from omapush.core.errors import DecodeError
from omapush.core.octets import OctetReader
from omapush.protocols.wsp.assigned_numbers import METHODS
from omapush.protocols.wsp.media import (
    charset_name,
    field_name,
    media_name,
    read_media,
)
from omapush.protocols.wsp.registers import LANGUAGES
from omapush.protocols.wsp.structured_reading import (
    Short,
    Structured,
    authorization,
    byte_range,
    cache_control,
    challenge,
    coded,
    content_range,
    cookies,
    digest,
    document,
    expectation,
    lone_directive,
    lone_warning,
    no_short,
    number_or_text,
    paged_version,
    plain,
    pragma,
    profile_warning,
    profile_warning_code,
    retry_after,
    set_cookie,
    warning,
    with_parameters,
)
from omapush.protocols.wsp.values import (
    LAYER,
    http_date,
    read_long_integer,
    read_quality,
    unquoted,
    version_text,
)


@dataclass(frozen=True, slots=True)
class FieldSyntax:
    """What the three forms of a field's value mean; empty octets are an empty text."""

    short: Short
    text: Callable[[str], str]
    structured: Structured


def _no_structure(reader: OctetReader) -> str:
    raise DecodeError("this field has no value with a length", reader.position, LAYER)


def _field(
    short: Short = no_short,
    structured: Structured = _no_structure,
    text: Callable[[str], str] = plain,
) -> FieldSyntax:
    return FieldSyntax(short, text, structured)


def _with_quality(short: Short) -> Structured:
    """Return a reader of an item and its quality, if there is one."""

    def structured(reader: OctetReader) -> str:
        item = number_or_text(reader, short)
        if not reader.remaining:
            return item
        if reader.peek() == 0x80:  # the token of q, which no shortest Q-value begins with
            reader.uint8()
        return f"{item};q={read_quality(reader)}"

    return structured


# Numbers and dates


def _decimal(number: int, _: int) -> str:
    return str(number)


_INTEGER = _field(_decimal, lambda reader: str(read_long_integer(reader)))
_TEXT = _field()


def _long_date(reader: OctetReader) -> str:
    position = reader.position
    return http_date(read_long_integer(reader), position)


_DATE = _field(http_date, _long_date)


def _application(number: int, position: int) -> str:
    if number > 0xFFFF_FFFF:  # eight hexadecimal digits (WAP-251, 5.2.2.1)
        raise DecodeError("an application id of more than 32 bits", position, LAYER)
    return f"{number:X}"


def _long_application(reader: OctetReader) -> str:
    position = reader.position
    return _application(read_long_integer(reader), position)


def _accepted_application(number: int, position: int) -> str:
    return "*" if number == 0 else _application(number, position)


def _bearer(number: int, _: int) -> str:
    return f"{number:02X}"


def _long_bearer(reader: OctetReader) -> str:
    position, number = reader.position, read_long_integer(reader)
    if number > 0xFF:
        raise DecodeError("bearer types have two hexadecimal digits", position, LAYER)
    return f"{number:02X}"


def _binary_digits(number: int, _: int) -> str:
    return f"{number:b}"


# Names


def _charset(number: int, _: int) -> str:
    return charset_name(number)


_CONTENT_CODINGS = {0: "gzip", 1: "compress", 2: "deflate"}
_ENCODING = _field(coded(_CONTENT_CODINGS), _with_quality(coded(_CONTENT_CODINGS | {3: "*"})))
_language = coded(LANGUAGES)
_any_language = coded(LANGUAGES | {0: "*"})
_method = coded(METHODS)


def _long_language(reader: OctetReader) -> str:
    position = reader.position
    return _language(read_long_integer(reader), position)


_FIELD_NAME = _field(field_name)


def _content_id(text: str) -> str:
    return unquoted(text) if text[:1] == '"' else plain(text)


def _version(number: int, _: int) -> str:
    return version_text(number)


_transfer_coding = coded({2: "chunked", 3: "identity", 4: "gzip", 5: "compress", 6: "deflate"})
_disposition = coded({0: "form-data", 1: "attachment", 2: "inline"})
_DOCUMENT = _field(structured=document)
_CREDENTIALS = _field(structured=authorization)
_CHALLENGE = _field(structured=challenge)
_MEDIA = _field(media_name, read_media)
_CHARSETS = _field(_charset, _with_quality(_charset))
_CACHE = _field(lone_directive, cache_control)
_DISPOSITION = _field(_disposition, with_parameters(_disposition))
_PROFILE_WARNING = _field(profile_warning_code, profile_warning)
_EXPECT = _field(coded({0: "100-continue"}), expectation)

_TEXTS = (0x0A, 0x0E, 0x13, 0x15, 0x16, 0x18, 0x19, 0x1C, 0x24, 0x26, 0x28, 0x29, 0x2B)

SYNTAX: dict[int, FieldSyntax] = {
    **dict.fromkeys((*_TEXTS, 0x30, 0x31, 0x35), _TEXT),
    **dict.fromkeys((0x05, 0x0D, 0x1E), _INTEGER),
    **dict.fromkeys((0x12, 0x14, 0x17, 0x1B, 0x1D, 0x3F, 0x1A), _DATE),
    **dict.fromkeys((0x00, 0x11), _MEDIA),
    **dict.fromkeys((0x01, 0x3B), _CHARSETS),
    **dict.fromkeys((0x02, 0x3C), _ENCODING),
    **dict.fromkeys((0x07, 0x21), _CREDENTIALS),
    **dict.fromkeys((0x20, 0x2D), _CHALLENGE),
    **dict.fromkeys((0x08, 0x3D, 0x47), _CACHE),
    **dict.fromkeys((0x06, 0x22), _field(_method)),
    **dict.fromkeys((0x2A, 0x3A), _FIELD_NAME),
    **dict.fromkeys((0x2E, 0x45), _DISPOSITION),
    **dict.fromkeys((0x37, 0x44), _PROFILE_WARNING),
    **dict.fromkeys((0x38, 0x48), _EXPECT),
    **dict.fromkeys((0x36, 0x49, 0x4A), _DOCUMENT),
    **dict.fromkeys((0x10, 0x3E), _field(structured=lambda reader: content_range(reader, None))),
    0x03: _field(_any_language, _with_quality(_any_language)),
    0x04: _field(coded({0: "none", 1: "bytes"})),
    0x09: _field(coded({0: "close"})),
    0x0B: _field(coded(_CONTENT_CODINGS)),
    0x0C: _field(_language, _long_language),
    0x0F: _field(structured=digest),
    0x1F: _field(coded({0: "no-cache"}), pragma),
    0x23: _field(structured=byte_range),
    0x25: _field(structured=retry_after),
    0x27: _field(coded({0: "chunked"})),
    0x2C: _field(lone_warning, warning),
    0x2F: _field(_application, _long_application),
    0x32: _field(_accepted_application, _long_application),
    0x33: _field(_bearer, _long_bearer),
    0x34: _field(_binary_digits),
    0x39: _field(coded({1: "trailers"}), _with_quality(_transfer_coding)),
    0x40: _field(text=_content_id),
    0x41: _field(structured=set_cookie),
    0x42: _field(structured=cookies),
    0x43: _field(_version, paged_version),
    0x46: _field(coded({0: "close-subordinate"})),
}
"""How to read the value of each field of code page 1."""

CONTENT_RANGES = (0x10, 0x3E)
