"""Header values of known length, in octets to text: those with parts (WSP 8.4.2).

Each reader takes the octets after the value's length. ``field_reading`` says which field has which.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping

from omapush.core.errors import DecodeError
from omapush.core.octets import OctetReader
from omapush.protocols.wsp.assigned_numbers import (
    CACHE_DIRECTIVES,
    FIELDS_DIRECTIVES,
    PROFILE_WARNINGS,
    SECONDS_DIRECTIVES,
    WARNINGS,
)
from omapush.protocols.wsp.media import (
    field_name,
    parameter_text,
    read_parameter,
    read_parameters,
)
from omapush.protocols.wsp.values import (
    LAYER,
    TOKEN,
    quoted,
    read_date,
    read_integer,
    read_text,
    read_token,
    read_version,
    unquoted,
)

Short = Callable[[int, int], str]
"""Takes the number in a one-octet value and its offset."""
Structured = Callable[[OctetReader], str]
"""Takes the octets after the length, all of which it must read."""


def no_short(number: int, position: int) -> str:
    """Refuse a one-octet value in a field that has none such. :raises DecodeError: always."""
    raise DecodeError(f"0x{0x80 | number:02X} is no value of this field", position, LAYER)


def plain(text: str) -> str:
    """Return a text as a header has it, without spaces around."""
    return text.strip(" \t")


def coded(names: Mapping[int, str]) -> Short:
    """Return a reader of the one-octet values that ``names`` lists."""

    def short(number: int, position: int) -> str:
        name = names.get(number)
        return no_short(number, position) if name is None else name

    return short


def number_or_text(reader: OctetReader, short: Short) -> str:
    """Read an integer that ``short`` understands, or a text."""
    if 0x20 <= reader.peek() < 0x80:
        return plain(read_text(reader))
    position = reader.position
    return short(read_integer(reader), position)


def authorization(reader: OctetReader) -> str:
    """Read credentials: Basic with user and password in clear, or a scheme and parameters."""
    if reader.peek() == 0x80:
        reader.uint8()
        user, password = read_text(reader), read_text(reader)
        said = b64encode(f"{user}:{password}".encode("utf-8", "surrogateescape"))
        return f"Basic {said.decode('ascii')}"
    scheme = read_token(reader)
    return f"{scheme} {_listed_parameters(reader)}".rstrip()


def challenge(reader: OctetReader) -> str:
    """Read a scheme, a realm and parameters."""
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


_cache_directive = coded(CACHE_DIRECTIVES)
lone_directive = coded(
    {code: name for code, name in CACHE_DIRECTIVES.items() if code not in {2, 4, 11}}
)


def cache_control(reader: OctetReader) -> str:
    """Read a directive and its seconds, its field names, or what a foreign one has."""
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
            names.append(number_or_text(reader, field_name))
        return f'{directive}="{", ".join(_token(name, position) for name in names)}"'
    return directive


def _token(text: str, position: int) -> str:
    if not TOKEN.fullmatch(text):
        raise DecodeError(f"not a token: {text[:40]!r}", position, LAYER)
    return text


def document(reader: OctetReader) -> str:
    """Read a WBXML document or digest, which text shows in base64."""
    return b64encode(reader.rest()).decode("ascii")


def digest(reader: OctetReader) -> str:
    """Read the octets of an MD5 digest. :raises DecodeError: not 16."""
    if reader.remaining != 16:
        raise DecodeError("an MD5 digest has 16 octets", reader.position, LAYER)
    return document(reader)


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


def byte_range(reader: OctetReader) -> str:
    """Read a range: first and perhaps last octet, or how many from the end."""
    position, form = reader.position, reader.uint8()
    if form == 0x81:
        return f"bytes=-{reader.uintvar()}"
    if form != 0x80:
        raise DecodeError(f"no range begins with 0x{form:02X}", position, LAYER)
    first = reader.uintvar()
    return f"bytes={first}-{reader.uintvar() if reader.remaining else ''}"


def retry_after(reader: OctetReader) -> str:
    """Read a date or seconds, told apart by the octet before them."""
    position, form = reader.position, reader.uint8()
    if form == 0x80:
        return read_date(reader)
    if form == 0x81:
        return str(read_integer(reader))
    raise DecodeError(f"no time to retry begins with 0x{form:02X}", position, LAYER)


def pragma(reader: OctetReader) -> str:
    """Read one parameter."""
    parameter = read_parameter(reader)
    return "" if parameter is None else parameter_text(parameter)


_warning_code = coded({short: str(code) for short, code in WARNINGS.items()})
profile_warning_code = coded({short: str(code) for short, code in PROFILE_WARNINGS.items()})


def lone_warning(number: int, position: int) -> str:
    """Return a warning of which only the code was sent."""
    return f'{_warning_code(number, position)} - ""'


def warning(reader: OctetReader) -> str:
    """Read code, agent and text."""
    position = reader.position
    code = _warning_code(read_integer(reader), position)
    agent = read_text(reader) or "-"
    return f"{code} {agent} {_always_quoted(read_text(reader))}"


def profile_warning(reader: OctetReader) -> str:
    """Read code, target and dates."""
    position = reader.position
    said = [profile_warning_code(read_integer(reader), position), read_text(reader)]
    while reader.remaining:
        said.append(f'"{read_date(reader)}"')
    return " ".join(said)


def with_parameters(short: Short) -> Structured:
    """Return a reader of a name that ``short`` knows, or a token, and parameters."""
    return lambda reader: number_or_text(reader, short) + read_parameters(reader)


def expectation(reader: OctetReader) -> str:
    """Read ``100-continue`` or name, value and parameters."""
    if reader.peek() == 0x80:
        reader.uint8()
        return "100-continue"
    name, value = read_token(reader), read_text(reader)
    value = unquoted(value) if value[:1] == '"' else value
    return f"{name}={quoted(value)}{read_parameters(reader)}"


_COOKIE_BREAKERS = frozenset(' \t",;\\')


def _cookie_pair(reader: OctetReader) -> str:
    name, value = read_token(reader), read_text(reader)
    value = unquoted(value) if value[:1] == '"' else value
    return f"{name}={quoted(value) if _COOKIE_BREAKERS & set(value) else value}"


def set_cookie(reader: OctetReader) -> str:
    """Read version, name, value and parameters of one cookie."""
    version = read_version(reader)
    return f"{_cookie_pair(reader)}; Version={quoted(version)}{read_parameters(reader)}"


def cookies(reader: OctetReader) -> str:
    """Read a version and cookies, each with its length and perhaps path and domain."""
    said = [f"$Version={quoted(read_version(reader))}"]
    while reader.remaining:
        one = reader.view(reader.uintvar())
        said.append(_cookie_pair(one))
        for attribute in ("$Path", "$Domain"):
            value = read_text(one) if one.remaining else ""
            if value:
                said.append(f"{attribute}={quoted(value)}")
    return "; ".join(said)


def paged_version(reader: OctetReader) -> str:
    """Read a header code page and perhaps the version of it."""
    page = read_integer(reader)
    return f"{page} {read_version(reader)}" if reader.remaining else str(page)
