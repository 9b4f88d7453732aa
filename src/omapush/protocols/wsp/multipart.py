"""Several contents in one body, in WSP's binary form (WSP 8.5).

``multipart/X`` is ``application/vnd.wap.multipart.X`` on the air. The number of entries that
stands first is written as it is and never relied on: since encoding version 1.4 it may be 0, and
what counts is where the octets end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from omapush.core.errors import LimitError
from omapush.core.octets import OctetReader, OctetWriter
from omapush.protocols.wsp.headers import (
    Header,
    RawHeader,
    encode_content_headers,
    read_content_headers,
)
from omapush.protocols.wsp.media import split_parameters
from omapush.protocols.wsp.profile import DEFAULT_PROFILE, HeaderProfile
from omapush.protocols.wsp.values import LAYER, quoted

MAX_PARTS = 1_024
"""Entries of the longest multipart that is taken apart."""

_TEXT_PREFIX = "multipart/"
_BINARY_PREFIX = "application/vnd.wap.multipart."


@dataclass(frozen=True, slots=True)
class Part:
    """One entry: its headers, Content-Type first, and its octets."""

    headers: tuple[Header, ...]
    body: bytes
    raw_headers: tuple[RawHeader, ...] = ()


class CutPart:
    """One entry, cut out: readers of its headers and of its data."""

    __slots__ = ("data", "headers", "start")

    def __init__(self, start: int, headers: OctetReader, data: OctetReader) -> None:
        self.start = start
        self.headers = headers
        self.data = data


def cut_parts(reader: OctetReader) -> Iterator[CutPart]:
    """Yield the entries that follow the number of entries, to the end of ``reader``.

    :raises DecodeError: an entry is cut off. :raises LimitError: over :data:`MAX_PARTS` entries.
    """
    for _ in range(MAX_PARTS):
        if not reader.remaining:
            return
        start = reader.position
        headers_length = reader.uintvar()
        data_length = reader.uintvar()
        yield CutPart(start, reader.view(headers_length), reader.view(data_length))
    if reader.remaining:
        raise LimitError(f"more than {MAX_PARTS} entries", reader.position, LAYER)


def decode_multipart(octets: bytes, *, tolerant: bool = False) -> tuple[Part, ...]:
    """Take a body apart. Parts that are multiparts themselves stay whole.

    :param tolerant: as in :func:`~omapush.protocols.wsp.headers.read_headers`.
    :raises DecodeError: malformed. :raises LimitError: too many entries, or headers too long.
    """
    reader = OctetReader(octets, LAYER)
    reader.uintvar()
    parts = []
    for cut in cut_parts(reader):
        body = cut.data.rest()
        block = read_content_headers(cut.headers, len(body), tolerant=tolerant)
        parts.append(Part(block.headers, body, block.raw_headers))
    return tuple(parts)


def encode_multipart(parts: Iterable[Part], profile: HeaderProfile = DEFAULT_PROFILE) -> bytes:
    """Put ``parts`` together. :raises EncodeError: a header that cannot be written."""
    entries = list(parts)
    writer = OctetWriter().uintvar(len(entries))
    for part in entries:
        headers = encode_content_headers(part.headers, part.body, profile, part.raw_headers)
        writer.uintvar(len(headers)).uintvar(len(part.body)).take(headers).take(part.body)
    return writer.getvalue()


def is_binary_multipart(content_type: str) -> bool:
    """Whether a body of this type has the form that this module reads."""
    return content_type.lower().startswith(_BINARY_PREFIX)


def binary_type(content_type: str) -> str:
    """Return a ``multipart/X`` as the type it has on the air, without its boundary.

    :raises EncodeError: the parameters are malformed. Other types come back as they are.
    """
    return _renamed(content_type, _TEXT_PREFIX, _BINARY_PREFIX)


def text_type(content_type: str) -> str:
    """Return a type of the air as ``multipart/X``; whoever writes the body adds a boundary."""
    return _renamed(content_type, _BINARY_PREFIX, _TEXT_PREFIX)


def _renamed(content_type: str, old: str, new: str) -> str:
    if not content_type.lower().startswith(old):
        return content_type
    name, parameters = split_parameters(content_type)
    said = [new + name[len(old) :].lower()]
    for key, value in parameters:
        if key.lower() != "boundary":
            said.append(key if value is None else f"{key}={quoted(value)}")
    return "; ".join(said)
