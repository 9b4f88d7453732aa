"""Text headers to octets: the number that the peer knows for a field, and its value (WSP 8.4.2).

Lists of a well-known field become one header for each item (WSP 8.4.2, first paragraphs); a field
that goes out under its name keeps its text as it is. Output is strict: what has no binary form is
refused, never guessed.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Mapping

from omapush.core.errors import EncodeError
from omapush.protocols.wsp.assigned_numbers import (
    HEADER_FIELDS,
    METHOD_CODES,
    PROFILE_WARNING_CODES,
    WARNING_CODES,
)
from omapush.protocols.wsp.field_reading import (
    CACHE_DIRECTIVES,
    FIELDS_DIRECTIVES,
    SECONDS_DIRECTIVES,
)
from omapush.protocols.wsp.media import (
    charset_code,
    split_parameters,
    write_content_type,
    write_parameter,
    write_parameters,
)
from omapush.protocols.wsp.profile import HeaderProfile
from omapush.protocols.wsp.registers import LANGUAGE_CODES
from omapush.protocols.wsp.values import (
    LAYER,
    date,
    decimal,
    integer,
    quality,
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

_ITEM = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"|")+')


def split_list(text: str) -> list[str]:
    """Split a list at its commas, but not at those within quotation marks."""
    items = (found.strip(" \t") for found in _ITEM.findall(text))
    return [item for item in items if item]


def _refused(text: str, wanted: str) -> EncodeError:
    return EncodeError(f"not {wanted}: {text[:40]!r}", layer=LAYER)


def _number(text: str, _: HeaderProfile) -> bytes:
    return integer(decimal(text))


def _date(text: str, _: HeaderProfile) -> bytes:
    return date(text)


def _text(text: str, _: HeaderProfile) -> bytes:
    return text_string(text)


def _coded(names: Mapping[str, int]) -> Writer:
    """Return a writer of tokens, some of which have a one-octet form."""

    def write(text: str, _: HeaderProfile) -> bytes:
        code = names.get(text.lower())
        return token_text(text) if code is None else short_integer(code)

    return write


def _weighed(names: Callable[[str], int | None], lone: Callable[[str], int | None]) -> Writer:
    """Return a writer of items with a quality.

    :param names: numbers of items within a structure.
    :param lone: numbers of items that stand alone in one octet.
    """

    def write(text: str, _: HeaderProfile) -> bytes:
        item, parameters = split_parameters(text)
        weight = quality(dict(parameters).get("q") or "1")
        code = lone(item)
        if weight is None and (code is None or code <= 0x7F) and (code, names(item)) != (None, 3):
            return text_string(item) if code is None else short_integer(code)
        code = names(item)
        written = text_string(item) if code is None else integer(code)
        return with_length(written + (weight or b""))

    return write


def _content_codings(*, lone: bool) -> Callable[[str], int | None]:
    codes = {"gzip": 0, "compress": 1, "deflate": 2} | ({} if lone else {"*": 3})
    return lambda item: codes.get(item.lower())


def _language_code(item: str) -> int | None:
    return 0 if item == "*" else LANGUAGE_CODES.get(item.lower())


def _content_language(text: str, _: HeaderProfile) -> bytes:
    code = LANGUAGE_CODES.get(text.lower())
    return token_text(text) if code is None else integer(code)


_TRANSFER_CODINGS = {"chunked": 2, "identity": 3, "gzip": 4, "compress": 5, "deflate": 6}


def _te(text: str, _: HeaderProfile) -> bytes:
    item, parameters = split_parameters(text)
    if item.lower() == "trailers" and not parameters:
        return short_integer(1)
    code = _TRANSFER_CODINGS.get(item.lower())
    written = token_text(item) if code is None else short_integer(code)
    weight = quality(dict(parameters).get("q") or "1")
    return with_length(written + (b"" if weight is None else b"\x80" + weight))


def _method(text: str, _: HeaderProfile) -> bytes:
    code = METHOD_CODES.get(text)
    if code is None:
        raise _refused(text, "a method that WSP has a number for")
    return short_integer(code)


def _public(text: str, _: HeaderProfile) -> bytes:
    code = METHOD_CODES.get(text)
    return token_text(text) if code is None else short_integer(code)


def _credentials(text: str, profile: HeaderProfile) -> bytes:
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


def _challenge(text: str, profile: HeaderProfile) -> bytes:
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


def _cache_control(text: str, profile: HeaderProfile) -> bytes:
    name, equals, argument = text.partition("=")
    code = _DIRECTIVE_CODES.get(name.lower())
    if code == _DIRECTIVE_CODES["s-maxage"] and profile.encoding_version < (1, 4):
        code = None  # it came with the last number of this field
    if not equals:
        if code is None:
            return token_text(name)
        if name.lower() in SECONDS_DIRECTIVES and name.lower() != "max-stale":
            raise _refused(text, "a directive with its seconds")
        return short_integer(code)
    argument = unquoted(argument) if argument[:1] == '"' else argument
    if code is None:
        return with_length(write_parameter((name, argument), profile))
    if name.lower() in SECONDS_DIRECTIVES:
        return with_length(short_integer(code) + integer(decimal(argument)))
    if name.lower() not in FIELDS_DIRECTIVES:
        raise _refused(text, "a directive without an argument")
    fields = [_field_name(item, profile) for item in split_list(argument)]
    return with_length(short_integer(code) + b"".join(fields))


def _field_name(text: str, profile: HeaderProfile) -> bytes:
    code = field_code(text, profile)
    return token_text(text) if code is None else short_integer(code)


def _base64(text: str, _: HeaderProfile) -> bytes:
    try:
        return with_length(b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise _refused(text, "base64") from error


def _digest(text: str, profile: HeaderProfile) -> bytes:
    written = _base64(text, profile)
    if len(written) != 17:
        raise _refused(text, "an MD5 digest in base64")
    return written


_CONTENT_RANGE = re.compile(
    r"bytes[ \t]+([0-9]{1,10})-([0-9]{1,10})/([0-9]{1,10}|\*)", re.ASCII | re.IGNORECASE
)


def _content_range(text: str, _: HeaderProfile) -> bytes:
    found = _CONTENT_RANGE.fullmatch(text)
    if found is None:
        raise _refused(text, "a content range of bytes")
    whole = b"\x80" if found[3] == "*" else uintvar(int(found[3]))
    return with_length(uintvar(int(found[1])) + whole)


_RANGE = re.compile(r"([0-9]{1,10})-([0-9]{1,10})?|-([0-9]{1,10})", re.ASCII)


def _range(text: str, _: HeaderProfile) -> bytes:
    found = _RANGE.fullmatch(text.removeprefix("bytes="))
    if found is None:
        raise _refused(text, "a range of bytes")
    if found[3] is not None:
        return with_length(b"\x81" + uintvar(int(found[3])))
    last = b"" if found[2] is None else uintvar(int(found[2]))
    return with_length(b"\x80" + uintvar(int(found[1])) + last)


def _retry_after(text: str, _: HeaderProfile) -> bytes:
    if text.isdigit():
        return with_length(b"\x81" + integer(decimal(text)))
    return with_length(b"\x80" + date(text))


def _pragma(text: str, profile: HeaderProfile) -> bytes:
    if text.lower() == "no-cache":
        return short_integer(0)
    parameters = split_parameters(";" + text)[1]
    if len(parameters) != 1:
        raise _refused(text, "one pragma")
    return with_length(write_parameter(parameters[0], profile))


_WARNING = re.compile(r'([0-9]{3}) (\S+) ("(?:[^"\\]|\\.)*")(?: ".*")?', re.ASCII)


def _warning(text: str, _: HeaderProfile) -> bytes:
    found = _WARNING.fullmatch(text)
    code = None if found is None else WARNING_CODES.get(int(found[1]))
    if found is None or code is None:
        raise _refused(text, "a warning that WSP has a number for")
    said = unquoted(found[3])
    if found[2] == "-" and not said:
        return short_integer(code)
    said_octets = quoted_string(said) if said[:1] == '"' else text_string(said)
    return with_length(short_integer(code) + text_string(found[2]) + said_octets)


_PROFILE_WARNING = re.compile(r'([0-9]{3})(?: (\S+))?((?: "[^"]*")*)', re.ASCII)


def _profile_warning(text: str, _: HeaderProfile) -> bytes:
    found = _PROFILE_WARNING.fullmatch(text)
    code = None if found is None else PROFILE_WARNING_CODES.get(int(found[1]))
    if found is None or code is None:
        raise _refused(text, "a profile warning")
    if found[2] is None:
        return short_integer(code)
    dates = b"".join(date(one) for one in re.findall(r'"([^"]*)"', found[3]))
    return with_length(short_integer(code) + text_string(found[2]) + dates)


_DISPOSITIONS = {"form-data": 0, "attachment": 1, "inline": 2}


def _disposition(text: str, profile: HeaderProfile) -> bytes:
    name, parameters = split_parameters(text)
    code = _DISPOSITIONS.get(name.lower())
    start = token_text(name) if code is None else short_integer(code)
    return with_length(start + write_parameters(parameters, profile))


_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{1,8}")
_WITH_CODE = re.compile(
    rf"([^;]*);[ \t]*app-encoding[ \t]*=[ \t]*\"?({_HEXADECIMAL.pattern})\"?", re.IGNORECASE
)


def _application(text: str, profile: HeaderProfile) -> bytes:
    """Write an application id: ``*``, hexadecimal digits or a URI (WAP-251, 5.2.2.1)."""
    found = _WITH_CODE.fullmatch(text)
    if found is not None:
        text = found[2] if profile.application_codes else found[1].strip(" \t")
    if text == "*":
        return short_integer(0)
    if _HEXADECIMAL.fullmatch(text):
        return integer(int(text, 16))
    if ":" not in text and "." not in text:
        raise _refused(text, "an application id")
    return text_string(text)


def _bearer(text: str, _: HeaderProfile) -> bytes:
    if not re.fullmatch("[0-9A-Fa-f]{2}", text):
        raise _refused(text, "two hexadecimal digits")
    return integer(int(text, 16))


def _binary_digits(text: str, _: HeaderProfile) -> bytes:
    if not re.fullmatch("[01]{1,7}", text):
        raise _refused(text, "one to seven binary digits")
    return short_integer(int(text, 2))


def _expect(text: str, profile: HeaderProfile) -> bytes:
    if text.lower() == "100-continue":
        return short_integer(0)
    parameters = split_parameters(";" + text)[1]
    if not parameters or parameters[0][1] is None:
        raise _refused(text, "an expectation")
    name, value = parameters[0]
    said = token_text(name) + text_value(value)
    return with_length(said + write_parameters(parameters[1:], profile))


def _cookie_pair(name: str, value: str | None) -> bytes:
    said = value or ""
    return token_text(name) + (quoted_string(said) if said[:1] == '"' else text_string(said))


def _set_cookie(text: str, profile: HeaderProfile) -> bytes:
    parameters = split_parameters(";" + text)[1]
    if not parameters:
        raise _refused(text, "a cookie")
    rest = [(name, value) for name, value in parameters[1:] if name.lower() != "version"]
    versions = [value for name, value in parameters[1:] if name.lower() == "version"]
    said = version((versions[0] if versions else None) or "1")
    return with_length(said + _cookie_pair(*parameters[0]) + write_parameters(rest, profile))


def _cookie(text: str, _: HeaderProfile) -> bytes:
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
            raise _refused(text, "cookies")
        elif name.lower() == "$path":
            cookies[-1] += text_string(value or "")
        else:
            has_path = cookies[-1].count(b"\0") > 2
            cookies[-1] += (b"" if has_path else b"\0") + text_string(value or "")
    return with_length(said + b"".join(uintvar(len(one)) + one for one in cookies))


def _encoding_version(text: str, _: HeaderProfile) -> bytes:
    page, space, number = text.partition(" ")
    if space:
        return with_length(short_integer(decimal(page)) + version(number.strip()))
    if page.isdigit() and int(page) > 7:
        return with_length(short_integer(decimal(page)))
    return version(page)


_ACCEPT_CHARSET = _weighed(charset_code, charset_code)
_ACCEPT_ENCODING = _weighed(_content_codings(lone=False), _content_codings(lone=True))
_CONTENT_CODING = _coded({"gzip": 0, "compress": 1, "deflate": 2})

LISTS: dict[str, Writer] = {
    "accept": write_content_type,
    "accept-application": _application,
    "accept-charset": _ACCEPT_CHARSET,
    "accept-encoding": _ACCEPT_ENCODING,
    "accept-language": _weighed(_language_code, _language_code),
    "accept-ranges": _coded({"none": 0, "bytes": 1}),
    "allow": _method,
    "cache-control": _cache_control,
    "connection": _coded({"close": 0}),
    "content-encoding": _CONTENT_CODING,
    "content-language": _content_language,
    "expect": _expect,
    "if-match": _text,
    "if-none-match": _text,
    "pragma": _pragma,
    "profile-warning": _profile_warning,
    "public": _public,
    "range": _range,
    "te": _te,
    "trailer": _field_name,
    "transfer-encoding": _coded({"chunked": 0}),
    "upgrade": _text,
    "vary": _field_name,
    "via": _text,
    "warning": _warning,
}
"""Fields whose value is a list, and the writer of one item."""

SINGLE: dict[str, Writer] = {
    **dict.fromkeys(("age", "max-forwards", "content-length"), _number),
    **dict.fromkeys(
        (
            "date",
            "expires",
            "if-modified-since",
            "if-unmodified-since",
            "last-modified",
            "x-wap-tod",
        ),
        _date,
    ),
    **dict.fromkeys(("authorization", "proxy-authorization"), _credentials),
    **dict.fromkeys(("www-authenticate", "proxy-authenticate"), _challenge),
    **dict.fromkeys(("profile-diff", "x-wap-loc-invocation", "x-wap-loc-delivery"), _base64),
    "bearer-indication": _bearer,
    "content-disposition": _disposition,
    "content-id": lambda text, _: quoted_string(text),
    "content-md5": _digest,
    "content-range": _content_range,
    "content-type": write_content_type,
    "cookie": _cookie,
    "encoding-version": _encoding_version,
    "if-range": lambda text, _: text_string(text) if text[:1] in '"W' else date(text),
    "push-flag": _binary_digits,
    "retry-after": _retry_after,
    "set-cookie": _set_cookie,
    "x-wap-application-id": _application,
    "x-wap-security": _coded({"close-subordinate": 0}),
}
"""Fields with one value that is not a plain text."""


def _codes_by_name() -> dict[str, list[int]]:
    codes: dict[str, list[int]] = {}
    for code, (name, _) in sorted(HEADER_FIELDS.items(), reverse=True):
        codes.setdefault(name.lower(), []).append(code)
    return codes


_FIELD_CODES = _codes_by_name()


def field_code(name: str, profile: HeaderProfile) -> int | None:
    """Return the latest number of a field that this peer knows, or ``None``."""
    for code in _FIELD_CODES.get(name.lower(), ()):
        if HEADER_FIELDS[code][1] <= profile.encoding_version:
            return code
    return None


def write_field(name: str, value: str, profile: HeaderProfile) -> bytes:
    """Write one text header as none, one or, from a list, several headers.

    :raises EncodeError: a value that the field cannot have, a name that is no token.
    """
    code = field_code(name, profile)
    if code is None:
        if not profile.unknown_headers and name.lower() not in _FIELD_CODES:
            return b""
        return token_text(name) + text_string(value)
    octet = bytes((0x80 | code,))
    key = name.lower()
    write_item = LISTS.get(key)
    if write_item is not None:
        items = _items(key, value)
        return b"".join(octet + write_item(item, profile) for item in items)
    return octet + SINGLE.get(key, _text)(value, profile)


def _items(key: str, value: str) -> list[str]:
    if key == "range":
        value = value.removeprefix("bytes=")
    return split_list(value)
