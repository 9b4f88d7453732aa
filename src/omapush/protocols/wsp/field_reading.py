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

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from omapush.core.errors import DecodeError
from omapush.core.octets import OctetReader
from omapush.protocols.wsp.assigned_numbers import METHODS, PROFILE_WARNINGS, WARNINGS
from omapush.protocols.wsp.media import (
    charset_name,
    field_name,
    media_name,
    parameter_text,
    read_media,
    read_parameter,
    read_parameters,
)
from omapush.protocols.wsp.registers import LANGUAGES
from omapush.protocols.wsp.values import (
    LAYER,
    TOKEN,
    http_date,
    quoted,
    read_date,
    read_integer,
    read_long_integer,
    read_quality,
    read_text,
    read_token,
    read_version,
    unquoted,
    version_text,
)

Short = Callable[[int, int], str]
"""Takes the number in a one-octet value and its offset."""
Structured = Callable[[OctetReader], str]
"""Takes the octets after the length, all of which it must read."""


@dataclass(frozen=True, slots=True)
class FieldSyntax:
    """What the three forms of a field's value mean; empty octets are an empty text."""

    short: Short
    text: Callable[[str], str]
    structured: Structured


def _no_short(number: int, position: int) -> str:
    raise DecodeError(f"0x{0x80 | number:02X} is no value of this field", position, LAYER)


def _no_structure(reader: OctetReader) -> str:
    raise DecodeError("this field has no value with a length", reader.position, LAYER)


def _plain(text: str) -> str:
    return text.strip(" \t")


def _field(
    short: Short = _no_short,
    structured: Structured = _no_structure,
    text: Callable[[str], str] = _plain,
) -> FieldSyntax:
    return FieldSyntax(short, text, structured)


def _coded(names: Mapping[int, str]) -> Short:
    """Return a reader of the one-octet values that ``names`` lists."""

    def short(number: int, position: int) -> str:
        name = names.get(number)
        return _no_short(number, position) if name is None else name

    return short


def _number_or_text(reader: OctetReader, short: Short) -> str:
    """Read an integer that ``short`` understands, or a text."""
    if 0x20 <= reader.peek() < 0x80:
        return _plain(read_text(reader))
    position = reader.position
    return short(read_integer(reader), position)


def _with_quality(short: Short) -> Structured:
    """Return a reader of an item and its quality, if there is one."""

    def structured(reader: OctetReader) -> str:
        item = _number_or_text(reader, short)
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
_ENCODING = _field(_coded(_CONTENT_CODINGS), _with_quality(_coded(_CONTENT_CODINGS | {3: "*"})))
_language = _coded(LANGUAGES)
_any_language = _coded(LANGUAGES | {0: "*"})
_method = _coded(METHODS)


def _long_language(reader: OctetReader) -> str:
    position = reader.position
    return _language(read_long_integer(reader), position)


_FIELD_NAME = _field(field_name)


# Structures


def _authorization(reader: OctetReader) -> str:
    if reader.peek() == 0x80:
        reader.uint8()
        user, password = read_text(reader), read_text(reader)
        said = b64encode(f"{user}:{password}".encode("utf-8", "surrogateescape"))
        return f"Basic {said.decode('ascii')}"
    scheme = read_token(reader)
    return f"{scheme} {_listed_parameters(reader)}".rstrip()


def _authenticate(reader: OctetReader) -> str:
    if reader.peek() == 0x80:
        reader.uint8()
        scheme = "Basic"
    else:
        scheme = read_token(reader)
    realm = read_text(reader)
    realm = unquoted(realm) if realm[:1] == '"' else realm
    rest = _listed_parameters(reader)
    return f"{scheme} realm={_always_quoted(realm)}" + (f", {rest}" if rest else "")


def _always_quoted(text: str) -> str:
    said = quoted(text)
    return said if said[:1] == '"' else f'"{said}"'


def _listed_parameters(reader: OctetReader) -> str:
    said = []
    while reader.remaining:
        parameter = read_parameter(reader)
        if parameter is not None:
            said.append(parameter_text(parameter))
    return ", ".join(said)


CACHE_DIRECTIVES: dict[int, str] = {
    0: "no-cache",
    1: "no-store",
    2: "max-age",
    3: "max-stale",
    4: "min-fresh",
    5: "only-if-cached",
    6: "public",
    7: "private",
    8: "no-transform",
    9: "must-revalidate",
    10: "proxy-revalidate",
    11: "s-maxage",
}
SECONDS_DIRECTIVES = ("max-age", "max-stale", "min-fresh", "s-maxage")
FIELDS_DIRECTIVES = ("no-cache", "private")
_cache_directive = _coded(CACHE_DIRECTIVES)
_lone_directive = _coded(
    {code: name for code, name in CACHE_DIRECTIVES.items() if code not in {2, 4, 11}}
)


def _cache_control(reader: OctetReader) -> str:
    if 0x20 <= reader.peek() < 0x80:
        parameter = read_parameter(reader)
        return "" if parameter is None else parameter_text(parameter)
    position = reader.position
    directive = _cache_directive(read_integer(reader), position)
    if directive in SECONDS_DIRECTIVES:
        return f"{directive}={read_integer(reader)}"
    if directive in FIELDS_DIRECTIVES:
        names = []
        while reader.remaining:
            names.append(_number_or_text(reader, field_name))
        return f'{directive}="{", ".join(_token(name, position) for name in names)}"'
    return directive


def _token(text: str, position: int) -> str:
    if not TOKEN.fullmatch(text):
        raise DecodeError(f"not a token: {text[:40]!r}", position, LAYER)
    return text


def _base64(reader: OctetReader) -> str:
    return b64encode(reader.rest()).decode("ascii")


def _digest(reader: OctetReader) -> str:
    if reader.remaining != 16:
        raise DecodeError("an MD5 digest has 16 octets", reader.position, LAYER)
    return _base64(reader)


def content_range(reader: OctetReader, body_length: int | None) -> str:
    """Read a Content-Range, whose last octet follows from the length of the body.

    Where that is not known, or there is none, the range goes to the end of the whole.

    :raises DecodeError: neither the body's length nor the whole's is known.
    """
    position = reader.position
    first = reader.uintvar()
    whole: int | None = None
    if reader.remaining and reader.peek() == 0x80 and reader.remaining == 1:
        reader.uint8()
    else:
        whole = reader.uintvar()
    last = first + body_length - 1 if body_length else (whole or 0) - 1
    if last < first:
        raise DecodeError("a content range without an end", position, LAYER)
    return f"bytes {first}-{last}/{'*' if whole is None else whole}"


def _range(reader: OctetReader) -> str:
    position, form = reader.position, reader.uint8()
    if form == 0x81:
        return f"bytes=-{reader.uintvar()}"
    if form != 0x80:
        raise DecodeError(f"no range begins with 0x{form:02X}", position, LAYER)
    first = reader.uintvar()
    return f"bytes={first}-{reader.uintvar() if reader.remaining else ''}"


def _retry_after(reader: OctetReader) -> str:
    position, form = reader.position, reader.uint8()
    if form == 0x80:
        return read_date(reader)
    if form == 0x81:
        return str(read_integer(reader))
    raise DecodeError(f"no time to retry begins with 0x{form:02X}", position, LAYER)


def _pragma(reader: OctetReader) -> str:
    parameter = read_parameter(reader)
    return "" if parameter is None else parameter_text(parameter)


_warning_code = _coded({short: str(code) for short, code in WARNINGS.items()})
_profile_warning_code = _coded({short: str(code) for short, code in PROFILE_WARNINGS.items()})


def _lone_warning(number: int, position: int) -> str:
    return f'{_warning_code(number, position)} - ""'


def _warning(reader: OctetReader) -> str:
    position = reader.position
    code = _warning_code(read_integer(reader), position)
    agent = read_text(reader) or "-"
    return f"{code} {agent} {_always_quoted(read_text(reader))}"


def _profile_warning(reader: OctetReader) -> str:
    position = reader.position
    said = [_profile_warning_code(read_integer(reader), position), read_text(reader)]
    while reader.remaining:
        said.append(f'"{read_date(reader)}"')
    return " ".join(said)


def _typed_with_parameters(short: Short) -> Structured:
    return lambda reader: _number_or_text(reader, short) + read_parameters(reader)


def _expect(reader: OctetReader) -> str:
    if reader.peek() == 0x80:
        reader.uint8()
        return "100-continue"
    name, value = read_token(reader), read_text(reader)
    value = unquoted(value) if value[:1] == '"' else value
    return f"{name}={quoted(value)}{read_parameters(reader)}"


def _content_id(text: str) -> str:
    return unquoted(text) if text[:1] == '"' else _plain(text)


_COOKIE_BREAKERS = frozenset(' \t",;\\')


def _cookie_pair(reader: OctetReader) -> str:
    name, value = read_token(reader), read_text(reader)
    value = unquoted(value) if value[:1] == '"' else value
    return f"{name}={quoted(value) if _COOKIE_BREAKERS & set(value) else value}"


def _set_cookie(reader: OctetReader) -> str:
    version = read_version(reader)
    return f"{_cookie_pair(reader)}; Version={quoted(version)}{read_parameters(reader)}"


def _cookie(reader: OctetReader) -> str:
    said = f"$Version={quoted(read_version(reader))}"
    while reader.remaining:
        one = reader.view(reader.uintvar())
        said += "; " + _cookie_pair(one)
        for attribute in ("$Path", "$Domain"):
            value = read_text(one) if one.remaining else ""
            if value:
                said += f"; {attribute}={quoted(value)}"
    return said


def _version(number: int, _: int) -> str:
    return version_text(number)


def _paged_version(reader: OctetReader) -> str:
    page = read_integer(reader)
    return f"{page} {read_version(reader)}" if reader.remaining else str(page)


_transfer_coding = _coded({2: "chunked", 3: "identity", 4: "gzip", 5: "compress", 6: "deflate"})
_disposition = _coded({0: "form-data", 1: "attachment", 2: "inline"})
_DOCUMENT = _field(structured=_base64)
_CREDENTIALS = _field(structured=_authorization)
_CHALLENGE = _field(structured=_authenticate)
_MEDIA = _field(media_name, read_media)
_CHARSETS = _field(_charset, _with_quality(_charset))
_CACHE = _field(_lone_directive, _cache_control)
_DISPOSITION = _field(_disposition, _typed_with_parameters(_disposition))
_PROFILE_WARNING = _field(_profile_warning_code, _profile_warning)
_EXPECT = _field(_coded({0: "100-continue"}), _expect)

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
    0x04: _field(_coded({0: "none", 1: "bytes"})),
    0x09: _field(_coded({0: "close"})),
    0x0B: _field(_coded(_CONTENT_CODINGS)),
    0x0C: _field(_language, _long_language),
    0x0F: _field(structured=_digest),
    0x1F: _field(_coded({0: "no-cache"}), _pragma),
    0x23: _field(structured=_range),
    0x25: _field(structured=_retry_after),
    0x27: _field(_coded({0: "chunked"})),
    0x2C: _field(_lone_warning, _warning),
    0x2F: _field(_application, _long_application),
    0x32: _field(_accepted_application, _long_application),
    0x33: _field(_bearer, _long_bearer),
    0x34: _field(_binary_digits),
    0x39: _field(_coded({1: "trailers"}), _with_quality(_transfer_coding)),
    0x40: _field(text=_content_id),
    0x41: _field(structured=_set_cookie),
    0x42: _field(structured=_cookie),
    0x43: _field(_version, _paged_version),
    0x46: _field(_coded({0: "close-subordinate"})),
}
"""How to read the value of each field of code page 1."""

CONTENT_RANGES = (0x10, 0x3E)
