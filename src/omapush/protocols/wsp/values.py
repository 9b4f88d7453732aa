"""The basic values of WSP headers, both ways (WSP 8.4.2.1 to 8.4.2.5).

Readers take an :class:`OctetReader` and raise :class:`DecodeError` with the offset; writers return
octets and raise :class:`EncodeError`. Texts are UTF-8 when they can be, else Latin-1, as everywhere
in this project, and never hold control characters: a header cannot smuggle in a second one.

Taken although a sender should not write them: integers and lengths that are not in their shortest
form, a Quote octet where none is needed, a quoted string that does have its closing quote.
"""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

from omapush.core.errors import DecodeError, EncodeError
from omapush.core.instants import LATEST, SECOND_MS, Instant, format_http_date, from_datetime
from omapush.core.octets import OctetReader, OctetWriter

LAYER = "wsp"

QUOTE = 0x7F
"""Stands before a text whose first octet would look like a one-octet value."""
LENGTH_QUOTE = 0x1F
"""Says that the value's length follows as a uintvar."""
MAX_SHORT_LENGTH = 30

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""RFC 9110, 5.6.2."""
_CONTROL = re.compile("[\x00-\x08\n-\x1f\x7f]")


def read_length(reader: OctetReader, first: int) -> int:
    """Return how many octets follow, where ``first``, already read, is 0 to 31 (WSP 8.4.2.2)."""
    return reader.uintvar() if first == LENGTH_QUOTE else first


def decode_text(octets: bytes, position: int) -> str:
    """Return the text of a Text-string or Token-text, without its NUL.

    :raises DecodeError: it holds a control character.
    """
    if octets[:1] == b"\x7f":
        octets = octets[1:]
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
    if not text.isprintable() and _CONTROL.search(text):
        raise DecodeError("control character in a text", position, LAYER)
    return text


def read_text(reader: OctetReader) -> str:
    """Read a Text-string; also what is made of one: Token-text, Uri-value, Extension-media."""
    position = reader.position
    return decode_text(reader.text_string(), position)


def read_token(reader: OctetReader) -> str:
    """Read Token-text. :raises DecodeError: empty, or with characters that no token has."""
    position = reader.position
    text = read_text(reader)
    if not TOKEN.fullmatch(text):
        raise DecodeError(f"not a token: {text[:40]!r}", position, LAYER)
    return text


def unquoted(text: str) -> str:
    """Return what a Quoted-string says, where ``text`` begins with its quotation mark."""
    body = text[1:]
    if body.endswith('"') and not body.endswith('\\"'):
        body = body[:-1]  # WSP 8.4.2.1 leaves the closing mark out; many do not
    return re.sub(r"\\(.)", r"\1", body)


def quoted(text: str) -> str:
    """Return ``text`` as a parameter's value in a text header: bare if a token, else quoted."""
    if TOKEN.fullmatch(text):
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def read_long_integer(reader: OctetReader) -> int:
    """Read all of ``reader`` as the octets of a Long-integer. :raises DecodeError: none there."""
    if not reader.remaining:
        raise DecodeError("an integer without octets", reader.position, LAYER)
    return int.from_bytes(reader.rest(), "big")


def read_integer(reader: OctetReader) -> int:
    """Read an Integer-value, short or long (WSP 8.4.2.3)."""
    position = reader.position
    first = reader.uint8()
    if first >= 0x80:
        return first & 0x7F
    if first > MAX_SHORT_LENGTH:
        raise DecodeError(f"no integer begins with 0x{first:02X}", position, LAYER)
    return read_long_integer(reader.view(first))


def http_date(seconds: int, position: int) -> str:
    """Return a Date-value as HTTP writes it. :raises DecodeError: after the year 9999."""
    if seconds * SECOND_MS > LATEST:
        raise DecodeError("a date after the year 9999", position, LAYER)
    return format_http_date(Instant(seconds * SECOND_MS))


def read_date(reader: OctetReader) -> str:
    """Read a Date-value; returns the HTTP form."""
    position = reader.position
    return http_date(read_integer(reader), position)


def version_text(number: int) -> str:
    """Return a Version-value's seven bits as text, ``1.4`` or ``1`` (WSP 8.4.2.3)."""
    major, minor = number >> 4, number & 0x0F
    return str(major) if minor == 0x0F else f"{major}.{minor}"


def read_version(reader: OctetReader) -> str:
    """Read a Version-value, in either form."""
    if reader.peek() >= 0x80:
        return version_text(reader.uint8() & 0x7F)
    return read_text(reader)


def read_quality(reader: OctetReader) -> str:
    """Read a Q-value; returns ``0`` to ``0.999`` without needless zeros (WSP 8.4.2.3)."""
    position = reader.position
    value = reader.uintvar()
    if 1 <= value <= 100:
        digits = f"{value - 1:02}"
    elif 101 <= value <= 1099:
        digits = f"{value - 100:03}"
    else:
        raise DecodeError(f"no quality: {value}", position, LAYER)
    digits = digits.rstrip("0")
    return f"0.{digits}" if digits else "0"


# Writing


def short_integer(value: int) -> bytes:
    """Write a Short-integer. :raises EncodeError: not 0 to 127."""
    if not 0 <= value <= 0x7F:
        raise EncodeError(f"{value} does not fit a short integer", layer=LAYER)
    return bytes((0x80 | value,))


def long_integer(value: int) -> bytes:
    """Write a Long-integer, shortest form. :raises EncodeError: negative or over 30 octets."""
    if value < 0 or value.bit_length() > 8 * MAX_SHORT_LENGTH:
        raise EncodeError("an integer of at most 30 octets is wanted", layer=LAYER)
    size = max(1, (value.bit_length() + 7) // 8)
    return bytes((size,)) + value.to_bytes(size, "big")


def integer(value: int) -> bytes:
    """Write an Integer-value, short if it fits."""
    return short_integer(value) if 0 <= value <= 0x7F else long_integer(value)


def uintvar(value: int) -> bytes:
    """Write a uintvar. :raises EncodeError: negative or over 32 bits."""
    return OctetWriter().uintvar(value).getvalue()


def text_string(text: str) -> bytes:
    """Write a Text-string; a Quote goes first where the first octet is 0x80 or more.

    :raises EncodeError: control characters, which NUL is one of; a tab at the beginning, which
        would be taken for a length.
    """
    if _CONTROL.search(text) or text[:1] == "\t":
        raise EncodeError("control character in a text", layer=LAYER)
    octets = text.encode("utf-8", "surrogateescape")
    return (b"\x7f" if octets[:1] >= b"\x80" else b"") + octets + b"\0"


def token_text(text: str) -> bytes:
    """Write Token-text. :raises EncodeError: not a token."""
    if not TOKEN.fullmatch(text):
        raise EncodeError(f"not a token: {text[:40]!r}", layer=LAYER)
    return text.encode("ascii") + b"\0"


def quoted_string(text: str) -> bytes:
    """Write a Quoted-string that says ``text``: no closing mark on the air."""
    return text_string('"' + re.sub(r'(["\\])', r"\\\1", text))


def text_value(text: str | None) -> bytes:
    """Write a Text-value: No-value, Token-text or Quoted-string (WSP 8.4.2.3)."""
    if text is None:
        return b"\0"
    return token_text(text) if TOKEN.fullmatch(text) else quoted_string(text)


def with_length(content: bytes) -> bytes:
    """Put Value-length before ``content``."""
    if len(content) <= MAX_SHORT_LENGTH:
        return bytes((len(content),)) + content
    return bytes((LENGTH_QUOTE,)) + uintvar(len(content)) + content


def date(text: str) -> bytes:
    """Write an HTTP date as a Date-value. :raises EncodeError: no date, or before 1970."""
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = from_datetime(moment) // SECOND_MS
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise EncodeError(f"not an HTTP date: {text[:40]!r}", layer=LAYER) from error
    return long_integer(seconds)


_VERSION = re.compile(r"([1-7])(?:\.([0-9]|1[0-4]))?", re.ASCII)


def version(text: str) -> bytes:
    """Write a Version-value: one octet where it fits, else text."""
    found = _VERSION.fullmatch(text)
    if found is None:
        return text_string(text)
    minor = 0x0F if found[2] is None else int(found[2])
    return short_integer(int(found[1]) << 4 | minor)


_QUALITY = re.compile(r"0(?:\.([0-9]{0,3}))?|1(?:\.0{0,3})?", re.ASCII)


def quality(text: str) -> bytes | None:
    """Write a Q-value; ``None`` for 1, which is never sent. :raises EncodeError: no quality."""
    found = _QUALITY.fullmatch(text)
    if found is None:
        raise EncodeError(f"not a quality from 0 to 1: {text[:20]!r}", layer=LAYER)
    if text.startswith("1"):
        return None
    thousandths = int((found[1] or "").ljust(3, "0"))
    if thousandths % 10 == 0:
        return uintvar(thousandths // 10 + 1)
    return uintvar(thousandths + 100)


def decimal(text: str) -> int:
    """Return the number that ``text`` writes in decimal. :raises EncodeError: not digits."""
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise EncodeError(f"not a decimal number: {text[:40]!r}", layer=LAYER)
    return int(text)
