"""Header values with parts, from text to octets (WSP 8.4.2).

``field_writing`` says which field has which.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable

from omapush.core.errors import EncodeError
from omapush.protocols.wsp.assigned_numbers import (
    CACHE_DIRECTIVES,
    FIELDS_DIRECTIVES,
    HEADER_FIELDS,
    PROFILE_WARNING_CODES,
    SECONDS_DIRECTIVES,
    WARNING_CODES,
)
from omapush.protocols.wsp.media import (
    split_parameters,
    write_parameter,
    write_parameters,
)
from omapush.protocols.wsp.profile import HeaderProfile
from omapush.protocols.wsp.values import (
    LAYER,
    date,
    decimal,
    integer,
    quoted_string,
    short_integer,
    text_string,
    text_value,
    token_text,
    uintvar,
    unquoted,
    version,
    with_length,
)

Writer = Callable[[str, HeaderProfile], bytes]

_PIECE = re.compile(r'[^,"]++|,|"(?:[^"\\]++|\\.)*+"?')


def split_list(text: str) -> list[str]:
    """Split a list at its commas, but not at those within quotation marks."""
    items = [""]
    pieces: list[str] = []
    for piece in _PIECE.findall(text):
        if piece == ",":
            items.append("".join(pieces))
            pieces = []
        else:
            pieces.append(piece)
    items.append("".join(pieces))
    return [item for item in (one.strip(" \t") for one in items) if item]


def refused(text: str, wanted: str) -> EncodeError:
    """Return the error for a ``text`` that is not what is ``wanted``."""
    return EncodeError(f"not {wanted}: {text[:40]!r}", layer=LAYER)


def _codes_by_name() -> dict[str, list[int]]:
    codes: dict[str, list[int]] = {}
    for code, (name, _) in sorted(HEADER_FIELDS.items(), reverse=True):
        codes.setdefault(name.lower(), []).append(code)
    return codes


FIELD_CODES = _codes_by_name()


def field_code(name: str, profile: HeaderProfile) -> int | None:
    """Return the latest number of a field that this peer knows, or ``None``."""
    for code in FIELD_CODES.get(name.lower(), ()):
        if HEADER_FIELDS[code][1] <= profile.encoding_version:
            return code
    return None


def credentials(text: str, profile: HeaderProfile) -> bytes:
    """Write credentials: those of Basic in clear, other schemes with their parameters."""
    scheme, _, rest = text.partition(" ")
    if scheme.lower() != "basic":
        return with_length(token_text(scheme) + _listed_parameters(rest, profile))
    try:
        user, colon, password = (
            b64decode(rest.strip(), validate=True).decode("utf-8").partition(":")
        )
    except (binascii.Error, UnicodeDecodeError) as error:
        # The value is a secret: the reason does not show it.
        raise EncodeError("Basic credentials are not base64 of text", layer=LAYER) from error
    if not colon:
        raise EncodeError("Basic credentials without a colon", layer=LAYER)
    return with_length(b"\x80" + text_string(user) + text_string(password))


def challenge(text: str, profile: HeaderProfile) -> bytes:
    """Write a scheme, its realm and its other parameters. :raises EncodeError: no realm."""
    scheme, _, rest = text.partition(" ")
    parameters = _parameters_of_list(rest)
    realm = next((value for name, value in parameters if name.lower() == "realm"), None)
    if realm is None:
        raise EncodeError("a challenge needs a realm", layer=LAYER)
    others = [(name, value) for name, value in parameters if name.lower() != "realm"]
    start = b"\x80" if scheme.lower() == "basic" else token_text(scheme)
    said = quoted_string(realm) if realm[:1] == '"' else text_string(realm)
    return with_length(start + said + write_parameters(others, profile))


def _parameters_of_list(text: str) -> list[tuple[str, str | None]]:
    return [one for item in split_list(text) for one in split_parameters(";" + item)[1]]


def _listed_parameters(text: str, profile: HeaderProfile) -> bytes:
    return write_parameters(_parameters_of_list(text), profile)


_DIRECTIVE_CODES = {name: code for code, name in CACHE_DIRECTIVES.items()}


def cache_control(text: str, profile: HeaderProfile) -> bytes:
    """Write one directive: in one octet, or with its argument. :raises EncodeError: no such."""
    name, equals, argument = text.partition("=")
    code = _DIRECTIVE_CODES.get(name.lower())
    if code == _DIRECTIVE_CODES["s-maxage"] and profile.encoding_version < (1, 4):
        code = None  # it came with the last number of this field
    if not equals:
        if code is None:
            return token_text(name)
        if name.lower() in SECONDS_DIRECTIVES and name.lower() != "max-stale":
            raise refused(text, "a directive with its seconds")
        return short_integer(code)
    argument = unquoted(argument) if argument[:1] == '"' else argument
    if code is None:
        return with_length(write_parameter((name, argument), profile))
    if name.lower() in SECONDS_DIRECTIVES:
        return with_length(short_integer(code) + integer(decimal(argument)))
    if name.lower() not in FIELDS_DIRECTIVES:
        raise refused(text, "a directive without an argument")
    fields = [field_name(item, profile) for item in split_list(argument)]
    return with_length(short_integer(code) + b"".join(fields))


def field_name(text: str, profile: HeaderProfile) -> bytes:
    """Write the name of a field, by number if this peer knows it."""
    code = field_code(text, profile)
    return token_text(text) if code is None else short_integer(code)


def document(text: str, _: HeaderProfile) -> bytes:
    """Write the octets that ``text`` has in base64. :raises EncodeError: not base64."""
    try:
        return with_length(b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise refused(text, "base64") from error


def digest(text: str, profile: HeaderProfile) -> bytes:
    """Write an MD5 digest. :raises EncodeError: not 16 octets in base64."""
    written = document(text, profile)
    if len(written) != 17:
        raise refused(text, "an MD5 digest in base64")
    return written


_CONTENT_RANGE = re.compile(
    r"bytes[ \t]+([0-9]{1,10})-([0-9]{1,10})/([0-9]{1,10}|\*)", re.ASCII | re.IGNORECASE
)


def content_range(text: str, _: HeaderProfile) -> bytes:
    """Write where a range begins and the whole's length; its end is not sent."""
    found = _CONTENT_RANGE.fullmatch(text)
    if found is None:
        raise refused(text, "a content range of bytes")
    whole = b"\x80" if found[3] == "*" else uintvar(int(found[3]))
    return with_length(uintvar(int(found[1])) + whole)


_RANGE = re.compile(r"([0-9]{1,10})-([0-9]{1,10})?|-([0-9]{1,10})", re.ASCII)


def byte_range(text: str, _: HeaderProfile) -> bytes:
    """Write one range of bytes. :raises EncodeError: another unit or form."""
    found = _RANGE.fullmatch(text.removeprefix("bytes="))
    if found is None:
        raise refused(text, "a range of bytes")
    if found[3] is not None:
        return with_length(b"\x81" + uintvar(int(found[3])))
    last = b"" if found[2] is None else uintvar(int(found[2]))
    return with_length(b"\x80" + uintvar(int(found[1])) + last)


def retry_after(text: str, _: HeaderProfile) -> bytes:
    """Write seconds or a date. :raises EncodeError: neither."""
    if text.isdigit():
        return with_length(b"\x81" + integer(decimal(text)))
    return with_length(b"\x80" + date(text))


def pragma(text: str, profile: HeaderProfile) -> bytes:
    """Write one pragma. :raises EncodeError: not one parameter."""
    if text.lower() == "no-cache":
        return short_integer(0)
    parameters = split_parameters(";" + text)[1]
    if len(parameters) != 1:
        raise refused(text, "one pragma")
    return with_length(write_parameter(parameters[0], profile))


_WARNING = re.compile(r'([0-9]{3}) (\S+) ("(?:[^"\\]++|\\.)*+")(?: ".*")?', re.ASCII)


def warning(text: str, _: HeaderProfile) -> bytes:
    """Write code, agent and text; the code alone where nothing else is said."""
    found = _WARNING.fullmatch(text)
    code = None if found is None else WARNING_CODES.get(int(found[1]))
    if found is None or code is None:
        raise refused(text, "a warning that WSP has a number for")
    said = unquoted(found[3])
    if found[2] == "-" and not said:
        return short_integer(code)
    said_octets = quoted_string(said) if said[:1] == '"' else text_string(said)
    return with_length(short_integer(code) + text_string(found[2]) + said_octets)


_PROFILE_WARNING = re.compile(r'([0-9]{3})(?: (\S+))?((?: "[^"]*")*)', re.ASCII)


def profile_warning(text: str, _: HeaderProfile) -> bytes:
    """Write code, target and dates; the code alone where nothing else is said."""
    found = _PROFILE_WARNING.fullmatch(text)
    code = None if found is None else PROFILE_WARNING_CODES.get(int(found[1]))
    if found is None or code is None:
        raise refused(text, "a profile warning")
    if found[2] is None:
        return short_integer(code)
    dates = b"".join(date(one) for one in re.findall(r'"([^"]*)"', found[3]))
    return with_length(short_integer(code) + text_string(found[2]) + dates)


_DISPOSITIONS = {"form-data": 0, "attachment": 1, "inline": 2}


def disposition(text: str, profile: HeaderProfile) -> bytes:
    """Write a disposition and its parameters."""
    name, parameters = split_parameters(text)
    code = _DISPOSITIONS.get(name.lower())
    start = token_text(name) if code is None else short_integer(code)
    return with_length(start + write_parameters(parameters, profile))


def expectation(text: str, profile: HeaderProfile) -> bytes:
    """Write ``100-continue`` or a name with its value. :raises EncodeError: neither."""
    if text.lower() == "100-continue":
        return short_integer(0)
    parameters = split_parameters(";" + text)[1]
    if not parameters or parameters[0][1] is None:
        raise refused(text, "an expectation")
    name, value = parameters[0]
    said = token_text(name) + text_value(value)
    return with_length(said + write_parameters(parameters[1:], profile))


def _cookie_pair(name: str, value: str | None) -> bytes:
    said = value or ""
    return token_text(name) + (quoted_string(said) if said[:1] == '"' else text_string(said))


def set_cookie(text: str, profile: HeaderProfile) -> bytes:
    """Write one cookie and its parameters. :raises EncodeError: no cookie."""
    parameters = split_parameters(";" + text)[1]
    if not parameters:
        raise refused(text, "a cookie")
    rest = [(name, value) for name, value in parameters[1:] if name.lower() != "version"]
    versions = [value for name, value in parameters[1:] if name.lower() == "version"]
    said = version((versions[0] if versions else None) or "1")
    return with_length(said + _cookie_pair(*parameters[0]) + write_parameters(rest, profile))


def cookies(text: str, _: HeaderProfile) -> bytes:
    """Write cookies, each with its path and domain. :raises EncodeError: attributes of none."""
    parameters = split_parameters(";" + text)[1]
    said = version("1")
    if parameters and parameters[0][0].lower() == "$version":
        said = version(parameters[0][1] or "1")
        parameters = parameters[1:]
    cookies: list[bytes] = []
    for name, value in parameters:
        if not name.startswith("$"):
            cookies.append(_cookie_pair(name, value))
        elif not cookies or name.lower() not in {"$path", "$domain"}:
            raise refused(text, "cookies")
        elif name.lower() == "$path":
            cookies[-1] += text_string(value or "")
        else:
            has_path = cookies[-1].count(b"\0") > 2
            cookies[-1] += (b"" if has_path else b"\0") + text_string(value or "")
    return with_length(said + b"".join(uintvar(len(one)) + one for one in cookies))


def encoding_version(text: str, _: HeaderProfile) -> bytes:
    """Write a version, a header code page, or both."""
    page, space, number = text.partition(" ")
    if space:
        return with_length(short_integer(decimal(page)) + version(number.strip()))
    if re.fullmatch("[89]|[1-9][0-9]{1,2}", page, re.ASCII):  # versions end at 7
        return with_length(short_integer(decimal(page)))
    return version(page)
