"""Media types with parameters, both ways: Content-Type, Accept, and parameters elsewhere.

WSP 8.4.2.4 (parameters) and 8.4.2.7, 8.4.2.24 (media types).

Taken although it is sloppy: old and new parameter codes with either form of text; text where a
number is usual; a parameter without value; a parameter number that nobody registered, which is
dropped. A charset that has no name here is called ``x-mib-`` and its MIBenum.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from omapush.core.errors import DecodeError, EncodeError
from omapush.core.octets import OctetReader
from omapush.protocols.wsp.assigned_numbers import HEADER_FIELDS, PARAMETERS
from omapush.protocols.wsp.profile import HeaderProfile
from omapush.protocols.wsp.registers import (
    CHARACTER_SET_CODES,
    CHARACTER_SETS,
    CONTENT_TYPE_CODES,
    CONTENT_TYPES,
)
from omapush.protocols.wsp.values import (
    LAYER,
    TOKEN,
    date,
    http_date,
    integer,
    long_integer,
    quality,
    quoted,
    quoted_string,
    read_integer,
    read_quality,
    read_text,
    read_token,
    short_integer,
    text_string,
    text_value,
    token_text,
    unquoted,
    version,
    version_text,
    with_length,
)

Parameter = tuple[str, str | None]
"""Name and value as they are meant, without quoting; ``None`` for a name alone."""

Q, CHARSET, LEVEL, INTEGER_TYPE, UAPROF, DIFFERENCES, MEDIA_TYPE = 0, 1, 2, 3, 4, 7, 9
SECURE = 0x10
_DATES = (0x13, 0x14, 0x15)
_SHORT = (0x08, 0x11)
_INTEGERS = (INTEGER_TYPE, 0x0E, 0x16)
_OLD_TEXTS = (0x05, 0x06, 0x0A, 0x0B, 0x0C, 0x0D, 0x0F)


# Reading


def media_name(code: int, position: int) -> str:
    """Return the media type that ``code`` stands for. :raises DecodeError: none."""
    known = CONTENT_TYPES.get(code)
    if known is None:
        raise DecodeError(f"no media type has the code 0x{code:02X}", position, LAYER)
    return known[0]


def charset_name(code: int) -> str:
    """Return the name of a character set; ``*`` for 0."""
    return CHARACTER_SETS.get(code, f"x-mib-{code}") if code else "*"


def field_name(code: int, position: int) -> str:
    """Return the name of a header field. :raises DecodeError: not assigned."""
    known = HEADER_FIELDS.get(code)
    if known is None:
        raise DecodeError(f"no header field has the code 0x{code:02X}", position, LAYER)
    return known[0]


def _parameter_number(code: int, number: int, position: int) -> str:
    """Return the text of the parameter ``code`` whose value is the integer ``number``."""
    if code == CHARSET:
        return charset_name(number)
    if code == MEDIA_TYPE:
        return media_name(number, position)
    if code == DIFFERENCES:
        return field_name(number, position)
    if code in _DATES:
        return http_date(number, position)
    if code in {LEVEL, UAPROF} and number <= 0x7F:
        return version_text(number)
    return str(number)


def _read_value(reader: OctetReader, code: int | None) -> str | None:
    """Read a parameter's value, of a well-known ``code`` or untyped: the first octet decides."""
    if code == Q:
        return read_quality(reader)
    position = reader.position
    first = reader.peek()
    if first == 0:
        reader.uint8()
        return None
    if 0x20 <= first < 0x80:
        text = read_text(reader)
        return unquoted(text) if first == 0x22 else text
    number = read_integer(reader)
    return str(number) if code is None else _parameter_number(code, number, position)


def read_parameter(reader: OctetReader) -> Parameter | None:
    """Read one parameter; ``None`` if its number is not registered."""
    if 0x20 <= reader.peek() < 0x80:
        name = read_token(reader)
        return name, _read_value(reader, None)
    code = read_integer(reader)
    known = PARAMETERS.get(code)
    if known is None:
        _read_value(reader, None)
        return None
    return known[0], _read_value(reader, code)


def parameter_text(parameter: Parameter) -> str:
    """Return ``parameter`` as a text header has it."""
    name, value = parameter
    return name if value is None else f"{name}={quoted(value)}"


def read_parameters(reader: OctetReader) -> str:
    """Read parameters to the end; returns them with a semicolon before each."""
    said = []
    while reader.remaining:
        parameter = read_parameter(reader)
        if parameter is not None:
            said.append("; " + parameter_text(parameter))
    return "".join(said)


def read_media_range(reader: OctetReader) -> str:
    """Read the media type of a general form: well-known or Extension-media."""
    position = reader.position
    if 0x20 <= reader.peek() < 0x80:
        return read_text(reader).strip(" \t")
    return media_name(read_integer(reader), position)


def read_media(reader: OctetReader) -> str:
    """Read the content of a general form: a media type and its parameters."""
    return read_media_range(reader) + read_parameters(reader)


# Writing

_PARAMETER = re.compile(  # possessive throughout, so that no text takes more than linear time
    r'[ \t]*+(?:([^\s;=,"]++)[ \t]*+(?:=[ \t]*+("(?:[^"\\]++|\\.)*+"|[^;"]*+))?+[ \t]*+)?+(?:;|\Z)'
)


def split_parameters(text: str) -> tuple[str, list[Parameter]]:
    """Split a text header's value at its semicolons.

    :raises EncodeError: what follows the first is not a list of parameters.
    """
    head, semicolon, rest = text.partition(";")
    parameters: list[Parameter] = []
    at = 0
    while semicolon and at < len(rest):
        found = _PARAMETER.match(rest, at)
        if found is None:
            raise EncodeError(f"not parameters: {rest[at : at + 40]!r}", layer=LAYER)
        at = found.end()
        name, value = found[1], found[2]
        if name is not None:
            said = value if value is None else value.strip(" \t")
            parameters.append((name, unquoted(said) if said and said[0] == '"' else said))
    return head.strip(" \t"), parameters


def _codes_by_name() -> dict[str, list[int]]:
    """Return the codes of each parameter name, the latest first; without what is never sent."""
    codes: dict[str, list[int]] = {}
    for code, (name, _) in sorted(PARAMETERS.items(), reverse=True):
        if code != UAPROF:
            codes.setdefault(name.lower(), []).append(code)
    return codes


_PARAMETER_CODES = _codes_by_name()


def _code_of(name: str, value: str | None, profile: HeaderProfile, *, related: bool) -> int | None:
    """Return the code that ``name`` may be sent with to this peer, or ``None``."""
    for code in _PARAMETER_CODES.get(name.lower(), ()):
        if code == MEDIA_TYPE and not related:
            continue
        if code == INTEGER_TYPE and (related or not _is_number(value)):
            continue
        if PARAMETERS[code][1] <= profile.encoding_version or code in profile.assumed_parameters:
            return code
    return None


def _is_number(value: str | None) -> bool:
    return bool(value and re.fullmatch("0|[1-9][0-9]{0,9}", value, re.ASCII))


def _write_charset(value: str) -> bytes:
    code = charset_code(value)
    return text_value(value) if code is None else integer(code)


def charset_code(name: str) -> int | None:
    """Return the MIBenum of ``name``, 0 for ``*``, ``None`` if it is not known."""
    if name == "*":
        return 0
    if re.fullmatch("x-mib-[1-9][0-9]{0,8}", name, re.ASCII | re.IGNORECASE):
        return int(name[6:])
    return CHARACTER_SET_CODES.get(name.lower())


def _write_date(value: str) -> bytes:
    try:
        return date(value)
    except EncodeError:
        return text_value(value)


def _write_short(value: str) -> bytes:
    fits = _is_number(value) and int(value) <= 0x7F
    return short_integer(int(value)) if fits else text_value(value)


def _write_untyped(value: str) -> bytes:
    return integer(int(value)) if _is_number(value) else text_value(value)


def _write_old_text(value: str) -> bytes:
    # A mark at its beginning would be taken for a Quoted-string's.
    return quoted_string(value) if value[:1] == '"' else text_string(value)


def _write_field_name(value: str) -> bytes:
    code = next((code for code, (name, _) in HEADER_FIELDS.items() if name == value), None)
    return text_value(value) if code is None else short_integer(code)


def _writers() -> dict[int, Callable[[str], bytes]]:
    writers: dict[int, Callable[[str], bytes]] = dict.fromkeys(PARAMETERS, text_value)
    writers |= dict.fromkeys(_OLD_TEXTS, _write_old_text)
    writers |= dict.fromkeys(_DATES, _write_date)
    writers |= dict.fromkeys(_SHORT, _write_short)
    writers |= dict.fromkeys(_INTEGERS, _write_untyped)
    return writers | {CHARSET: _write_charset, LEVEL: version, DIFFERENCES: _write_field_name}


_WRITERS = _writers()


def write_parameter(
    parameter: Parameter, profile: HeaderProfile, *, related: bool = False
) -> bytes:
    """Write one parameter, with its code if the peer knows that.

    :param related: whether it belongs to multipart/related, whose ``type`` is a media type.
    :raises EncodeError: a name that is no token, a value with control characters, no quality.
    """
    name, value = parameter
    code = _code_of(name, value, profile, related=related)
    if code is None:
        return token_text(name) + (b"\0" if value is None else _write_untyped(value))
    token = short_integer(code)
    if code == Q:
        weight = quality(value or "")
        return b"" if weight is None else token + weight
    if value is None or code == SECURE:
        return token + b"\0"
    if code == MEDIA_TYPE:
        return token + _constrained(value, profile)
    return token + _WRITERS[code](value)


def write_parameters(
    parameters: Iterable[Parameter], profile: HeaderProfile, *, related: bool = False
) -> bytes:
    """Write ``parameters`` in order, as :func:`write_parameter` does each."""
    return b"".join(write_parameter(one, profile, related=related) for one in parameters)


def _media_code(name: str, profile: HeaderProfile) -> int | None:
    """Return the code that this peer knows for a media type, or ``None``."""
    code = CONTENT_TYPE_CODES.get(name.lower())
    if code is None or not profile.content_type_codes:
        return None
    known = CONTENT_TYPES[code][1] <= profile.encoding_version
    return code if known or code in profile.assumed_content_types else None


def _constrained(name: str, profile: HeaderProfile) -> bytes:
    """Write a media type without parameters in one octet, or as text (Constrained-encoding)."""
    code = _media_code(name, profile)
    if code is not None and code <= 0x7F:
        return short_integer(code)
    return text_string(name)


_MEDIA_TYPE = re.compile(rf"{TOKEN.pattern}/{TOKEN.pattern}")


def write_content_type(value: str, profile: HeaderProfile) -> bytes:
    """Write a Content-Type in the shortest form that the peer knows (WSP 8.4.2.24).

    :raises EncodeError: not a media type with parameters.
    """
    name, parameters = split_parameters(value)
    if not _MEDIA_TYPE.fullmatch(name):
        raise EncodeError(f"not a media type: {name[:40]!r}", "Content-Type", LAYER)
    code = _media_code(name, profile)
    written = write_parameters(
        parameters, profile, related=name.lower().endswith(("/related", "multipart.related"))
    )
    if not written and (code is None or code <= 0x7F):
        return text_string(name) if code is None else short_integer(code)
    if code is None:
        return with_length(text_string(name) + written)
    return with_length((short_integer(code) if code <= 0x7F else long_integer(code)) + written)
