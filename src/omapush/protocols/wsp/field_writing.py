"""Text headers to octets: the number that the peer knows for a field, and its value (WSP 8.4.2).

Lists of a well-known field become one header for each item (WSP 8.4.2, first paragraphs); a field
that goes out under its name keeps its text as it is. Output is strict: what has no binary form is
refused, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from omapush.protocols.wsp.assigned_numbers import (
    METHOD_CODES,
)
from omapush.protocols.wsp.media import (
    charset_code,
    split_parameters,
    write_content_type,
)
from omapush.protocols.wsp.profile import HeaderProfile
from omapush.protocols.wsp.registers import LANGUAGE_CODES
from omapush.protocols.wsp.structured_writing import (
    FIELD_CODES,
    Writer,
    byte_range,
    cache_control,
    challenge,
    content_range,
    cookies,
    credentials,
    digest,
    disposition,
    document,
    encoding_version,
    expectation,
    field_code,
    field_name,
    pragma,
    profile_warning,
    refused,
    retry_after,
    set_cookie,
    split_list,
    warning,
)
from omapush.protocols.wsp.values import (
    date,
    decimal,
    integer,
    quality,
    quoted_string,
    short_integer,
    text_string,
    token_text,
    with_length,
)


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
        raise refused(text, "a method that WSP has a number for")
    return short_integer(code)


def _public(text: str, _: HeaderProfile) -> bytes:
    code = METHOD_CODES.get(text)
    return token_text(text) if code is None else short_integer(code)


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
        raise refused(text, "an application id")
    return text_string(text)


def _bearer(text: str, _: HeaderProfile) -> bytes:
    if not re.fullmatch("[0-9A-Fa-f]{2}", text):
        raise refused(text, "two hexadecimal digits")
    return integer(int(text, 16))


def _binary_digits(text: str, _: HeaderProfile) -> bytes:
    if not re.fullmatch("[01]{1,7}", text):
        raise refused(text, "one to seven binary digits")
    return short_integer(int(text, 2))


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
    "cache-control": cache_control,
    "connection": _coded({"close": 0}),
    "content-encoding": _CONTENT_CODING,
    "content-language": _content_language,
    "expect": expectation,
    "if-match": _text,
    "if-none-match": _text,
    "pragma": pragma,
    "profile-warning": profile_warning,
    "public": _public,
    "range": byte_range,
    "te": _te,
    "trailer": field_name,
    "transfer-encoding": _coded({"chunked": 0}),
    "upgrade": _text,
    "vary": field_name,
    "via": _text,
    "warning": warning,
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
    **dict.fromkeys(("authorization", "proxy-authorization"), credentials),
    **dict.fromkeys(("www-authenticate", "proxy-authenticate"), challenge),
    **dict.fromkeys(("profile-diff", "x-wap-loc-invocation", "x-wap-loc-delivery"), document),
    "bearer-indication": _bearer,
    "content-disposition": disposition,
    "content-id": lambda text, _: quoted_string(text),
    "content-md5": digest,
    "content-range": content_range,
    "content-type": write_content_type,
    "cookie": cookies,
    "encoding-version": encoding_version,
    "if-range": lambda text, _: text_string(text) if text[:1] in '"W' else date(text),
    "push-flag": _binary_digits,
    "retry-after": retry_after,
    "set-cookie": set_cookie,
    "x-wap-application-id": _application,
    "x-wap-security": _coded({"close-subordinate": 0}),
}
"""Fields with one value that is not a plain text."""


def write_field(name: str, value: str, profile: HeaderProfile) -> bytes:
    """Write one text header as none, one or, from a list, several headers.

    :raises EncodeError: a value that the field cannot have, a name that is no token.
    """
    value = value.strip(" \t")
    code = field_code(name, profile)
    if code is None:
        if not profile.unknown_headers and name.lower() not in FIELD_CODES:
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
