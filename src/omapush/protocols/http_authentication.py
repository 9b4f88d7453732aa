"""The grammar of HTTP authentication headers (RFC 9110 11), whatever the scheme.

Text is that of a header: one character for each octet. Nothing is tried twice (``++``, ``*+`` in
the expressions), so that the time is linear in the length of a header.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from omapush.core.errors import DecodeError, EncodeError

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_SPACE = r"[ \t]*+"
_QUOTED = r'"((?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+)"'
_VALUE = rf"(?:{_QUOTED}|({_NAME}))"
_END = rf"{_SPACE}(?:,|\Z)"
_PARAMETER = re.compile(rf"{_SPACE}(?:({_NAME}){_SPACE}={_SPACE}{_VALUE})?+{_END}")
_TOKEN68 = r"[A-Za-z0-9._~+/-]++=*+"
# A challenge and its first parameter, one that has something else behind it or nothing, or a
# further parameter of the challenge before.
_OF_CHALLENGE = re.compile(
    rf"{_SPACE}(?:"
    rf"(?:({_NAME})[ \t]++)?({_NAME}){_SPACE}={_SPACE}{_VALUE}{_END}"
    rf"|({_NAME})(?:[ \t]++({_TOKEN68}))?+{_END}"
    rf"|(?:,|\Z))"
)
_SCHEME = re.compile(rf"({_NAME})(?:[ \t]++(.*))?", re.DOTALL)
_WRITABLE = re.compile(r"[\t -~\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class GivenChallenge:
    """One challenge of a list; names are in small letters."""

    scheme: str
    parameters: dict[str, str]


def split_scheme(header: str) -> tuple[str, str]:
    """Return the scheme in small letters and what follows it. :raises DecodeError: no scheme."""
    match = _SCHEME.fullmatch(header.strip(" \t"))
    if match is None:
        raise DecodeError("no authentication scheme")
    return match[1].lower(), match[2] or ""


def parse_parameters(text: str) -> dict[str, str]:
    """Read ``name=value, name="value"`` (RFC 9110 11.2); names come in small letters.

    :raises DecodeError: something else, or a name twice.
    """
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None:
            raise DecodeError("not a list of parameters", position)
        name, quoted, token = match.groups()
        if name is not None:
            _add(found, name, quoted, token, position)
        position = match.end()
    return found


def parse_challenges(text: str, at_most: int) -> list[GivenChallenge]:
    """Read a list of challenges (RFC 9110 11.6.1), with their parameters if they have any.

    :raises DecodeError: something else, or more than ``at_most`` challenges.
    """
    challenges: list[GivenChallenge] = []
    position = 0
    while position < len(text):
        match = _OF_CHALLENGE.match(text, position)
        if match is None:
            raise DecodeError("not a list of challenges", position)
        scheme, name, quoted, token, alone, _token68 = match.groups()
        if scheme is not None or alone is not None:
            challenges.append(GivenChallenge((scheme or alone).lower(), {}))
        if not challenges and name is not None:
            raise DecodeError("a parameter before any scheme", position)
        if len(challenges) > at_most:
            raise DecodeError("too many challenges", position)
        if name is not None:
            _add(challenges[-1].parameters, name, quoted, token, position)
        position = match.end()
    return challenges


def quoted(value: str) -> str:
    """Return ``value`` as a quoted string. :raises EncodeError: a header cannot hold it."""
    if not _WRITABLE.fullmatch(value):
        raise EncodeError("a character that a quoted string cannot hold")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def basic_credentials(token: str) -> tuple[bytes, bytes]:
    """Return user name and password of Basic (RFC 7617 2).

    :raises DecodeError: not base64, or no colon in it.
    """
    try:
        username, colon, password = base64.b64decode(token, validate=True).partition(b":")
    except (binascii.Error, ValueError) as error:
        raise DecodeError("Basic credentials that are not base64") from error
    if not colon:
        raise DecodeError("Basic credentials without a colon")
    return username, password


def _add(
    found: dict[str, str], name: str, quoted_value: str | None, token: str, position: int
) -> None:
    if name.lower() in found:
        raise DecodeError("a parameter is given twice", position)
    value = token if quoted_value is None else re.sub(r"\\(.)", r"\1", quoted_value)
    found[name.lower()] = value
