"""Capabilities of a session: their octets, and who may answer what (WSP 8.3, 6.1).

The client proposes in Connect, the server answers in ConnectReply (:func:`answer`), the client
checks the answer and knows what holds (:func:`in_force`).

Taken although it is sloppy: several instances of one capability are alternatives in order of
preference, and the first counts; Protocol Options of more octets than one, whose first counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import IntFlag
from typing import Any

from omapush.core.errors import DecodeError, EncodeError
from omapush.core.octets import OctetReader
from omapush.protocols.wsp.address import Address, encode_addresses, read_addresses
from omapush.protocols.wsp.values import (
    LAYER,
    decode_text,
    read_token,
    text_string,
    token_text,
    uintvar,
)


class ProtocolOption(IntFlag):
    """What a session may do besides methods (WSP 8.3.2.2)."""

    CONFIRMED_PUSH = 0x80
    PUSH = 0x40
    SESSION_RESUME = 0x20
    ACKNOWLEDGEMENT_HEADERS = 0x10
    LARGE_DATA_TRANSFER = 0x08


Names = tuple[tuple[int, str | None], ...]
"""Codes with the names they stand for; an answer names the codes only."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one end says of a session; ``None`` for what it does not mention.

    :ivar client_sdu_size: octets of the largest SDU to the client; 0 for any.
    :ivar server_sdu_size: octets of the largest SDU to the server; 0 for any.
    :ivar protocol_options: bits of :class:`ProtocolOption`.
    :ivar method_mor: most outstanding method requests.
    :ivar push_mor: most outstanding confirmed pushes.
    :ivar extended_methods: PDU types and method names.
    :ivar header_code_pages: page numbers and names.
    :ivar aliases: other addresses of the sender.
    :ivar client_message_size: octets of the largest whole message to the client; 0 for any.
    :ivar server_message_size: octets of the largest whole message to the server; 0 for any.
    :ivar unknown: identifiers that WSP does not have, with their parameters.
    """

    client_sdu_size: int | None = None
    server_sdu_size: int | None = None
    protocol_options: ProtocolOption | None = None
    method_mor: int | None = None
    push_mor: int | None = None
    extended_methods: Names | None = None
    header_code_pages: Names | None = None
    aliases: tuple[Address, ...] | None = None
    client_message_size: int | None = None
    server_message_size: int | None = None
    unknown: tuple[tuple[int | str, bytes], ...] = ()


DEFAULTS = Capabilities(
    client_sdu_size=1400,
    server_sdu_size=1400,
    protocol_options=ProtocolOption(0),
    method_mor=1,
    push_mor=1,
    extended_methods=(),
    header_code_pages=(),
    aliases=(),
    client_message_size=1400,
    server_message_size=1400,
)
"""What holds where nobody says anything (WSP 8.3.2)."""


def _one_octet(value: int) -> bytes:
    if not 0 <= value <= 0xFF:
        raise EncodeError(f"{value} does not fit one octet", layer=LAYER)
    return bytes((value,))


def _read_options(reader: OctetReader) -> ProtocolOption:
    options = reader.uint8()
    reader.rest()  # further flag octets and unknown bits mean nothing yet
    return ProtocolOption(options & 0xF8)


def _read_names(reader: OctetReader) -> Names:
    """Read codes with names; a list of bare codes is what a ConnectReply has."""
    names = []
    while reader.remaining:
        code, position = reader.uint8(), reader.position
        names.append((code, decode_text(reader.text_string(), position)))
    return tuple(names)


def _names(names: Names) -> bytes:
    return b"".join(
        _one_octet(code) + (b"" if name is None else text_string(name)) for code, name in names
    )


@dataclass(frozen=True, slots=True)
class _Form:
    attribute: str
    name: str
    read: Callable[[OctetReader], Any]
    write: Callable[[Any], bytes]


FORMS: dict[int, _Form] = {
    0x00: _Form("client_sdu_size", "Client-SDU-Size", OctetReader.uintvar, uintvar),
    0x01: _Form("server_sdu_size", "Server-SDU-Size", OctetReader.uintvar, uintvar),
    0x02: _Form("protocol_options", "Protocol Options", _read_options, _one_octet),
    0x03: _Form("method_mor", "Method-MOR", OctetReader.uint8, _one_octet),
    0x04: _Form("push_mor", "Push-MOR", OctetReader.uint8, _one_octet),
    0x05: _Form("extended_methods", "Extended Methods", _read_names, _names),
    0x06: _Form("header_code_pages", "Header Code Pages", _read_names, _names),
    0x07: _Form("aliases", "Aliases", read_addresses, encode_addresses),
    0x08: _Form("client_message_size", "Client-Message-Size", OctetReader.uintvar, uintvar),
    0x09: _Form("server_message_size", "Server-Message-Size", OctetReader.uintvar, uintvar),
}
"""Form of each capability by identifier (WSP table 37)."""

_NAMED = (0x05, 0x06)


def read_identifier(reader: OctetReader) -> int | str:
    """Read a capability's identifier, a number or a name. :raises DecodeError: neither."""
    if reader.peek() >= 0x80:
        return reader.uint8() & 0x7F
    return read_token(reader)


def read_parameters(
    reader: OctetReader,
    identifier: int,
    *,
    reply: bool,
) -> Any:  # noqa: ANN401 - each capability has its own type
    """Read the parameters of a capability that is in :data:`FORMS`, to the end of ``reader``."""
    if reply and identifier in _NAMED:
        return tuple((code, None) for code in reader.rest())
    value = FORMS[identifier].read(reader)
    if reader.remaining:
        raise DecodeError("octets after a capability's value", reader.position, LAYER)
    return value


def read_capabilities(reader: OctetReader, *, reply: bool) -> Capabilities:
    """Read capabilities to the end of ``reader``.

    :param reply: whether these are an answer, in which lists hold codes without names.
    :raises DecodeError: cut off or malformed. :raises LimitError: a number over 32 bits.
    """
    known: dict[str, Any] = {}
    unknown: list[tuple[int | str, bytes]] = []
    while reader.remaining:
        one = reader.view(reader.uintvar())
        identifier = read_identifier(one)
        if isinstance(identifier, str) or identifier not in FORMS:
            unknown.append((identifier, one.rest()))
        elif one.remaining:
            value = read_parameters(one, identifier, reply=reply)
            known.setdefault(FORMS[identifier].attribute, value)
        elif identifier in (*_NAMED, 0x07):
            known.setdefault(FORMS[identifier].attribute, ())
        # An answer without parameters says that the capability is not known there.
    return Capabilities(**known, unknown=tuple(unknown))


def decode_capabilities(octets: bytes, *, reply: bool = False) -> Capabilities:
    """Read ``octets`` as :func:`read_capabilities` does."""
    return read_capabilities(OctetReader(octets, LAYER), reply=reply)


def encode_capabilities(capabilities: Capabilities) -> bytes:
    """Return the octets of ``capabilities``. :raises EncodeError: a value that has none."""
    written = []
    for identifier, form in FORMS.items():
        value = getattr(capabilities, form.attribute)
        if value is not None:
            written.append(bytes((0x80 | identifier,)) + form.write(value))
    for unknown, parameters in capabilities.unknown:
        name = token_text(unknown) if isinstance(unknown, str) else bytes((0x80 | unknown,))
        written.append(name + parameters)
    return b"".join(uintvar(len(one)) + one for one in written)


# Negotiation (WSP 6.1): integers come to their minimum, sets to their intersection.

_SIZES = ("client_sdu_size", "server_sdu_size", "client_message_size", "server_message_size")
_COUNTS = ("method_mor", "push_mor")
_SETS = ("extended_methods", "header_code_pages")


def _smaller_size(one: int, other: int) -> int:
    return min(one or other, other or one)


def _common(proposed: Names, own: Names) -> Names:
    """Return the codes whose names both ends know, without the names, as an answer has them."""
    names = {name.lower() for _, name in own if name is not None}
    return tuple(
        (code, None) for code, name in proposed if name is not None and name.lower() in names
    )


def _merged(capabilities: Capabilities, below: Capabilities) -> Capabilities:
    """Return ``below`` with all that ``capabilities`` mentions in its place."""
    said = {
        field.name: value
        for field in fields(capabilities)
        if (value := getattr(capabilities, field.name)) is not None
    }
    return replace(below, **said)


def answer(proposed: Capabilities, own: Capabilities) -> Capabilities:
    """Return what a server says to ``proposed``: never more than that, nor than ``own``.

    ``own`` needs to mention only what differs from :data:`DEFAULTS`. The answer mentions every
    capability with a value that differs from the proposal, or from the default where the client
    proposed none; unknown ones come back without parameters.
    """
    able = _merged(own, DEFAULTS)
    wanted = _merged(proposed, DEFAULTS)
    result: dict[str, Any] = {
        name: _smaller_size(getattr(wanted, name), getattr(able, name)) for name in _SIZES
    }
    result |= {name: min(getattr(wanted, name), getattr(able, name)) for name in _COUNTS}
    result["protocol_options"] = (wanted.protocol_options or ProtocolOption(0)) & (
        able.protocol_options or ProtocolOption(0)
    )
    result |= {name: _common(getattr(wanted, name), getattr(able, name)) for name in _SETS}
    said = {
        name: value
        for name, value in result.items()
        if value != _without_names(getattr(wanted, name)) or (name in _SETS and value)
    }
    unknown = tuple((identifier, b"") for identifier, _ in proposed.unknown)
    return Capabilities(**said, unknown=unknown)


def _without_names(value: Any) -> Any:  # noqa: ANN401 - of any capability
    return tuple((code, None) for code, _ in value) if isinstance(value, tuple) else value


def in_force(proposed: Capabilities, answered: Capabilities) -> Capabilities:
    """Return what holds after the server said ``answered`` to ``proposed``, nothing ``None``.

    :raises DecodeError: the answer goes beyond the proposal, which fails the session (WSP 6.1).
    """
    wanted = _merged(proposed, DEFAULTS)
    for name in (*_SIZES, *_COUNTS, "protocol_options", *_SETS):
        said = getattr(answered, name)
        if said is not None and not _within(name, said, getattr(wanted, name)):
            raise DecodeError(f"the answer goes beyond the proposal in {name}", name, LAYER)
    agreed = _merged(answered, wanted)
    return replace(
        agreed,
        extended_methods=_named(wanted.extended_methods, agreed.extended_methods),
        header_code_pages=_named(wanted.header_code_pages, agreed.header_code_pages),
        unknown=(),
    )


def _within(name: str, said: Any, wanted: Any) -> bool:  # noqa: ANN401 - of any capability
    if name in _SIZES:
        return bool(wanted == 0 or 0 < said <= wanted)
    if name in _COUNTS:
        return bool(said <= wanted)
    if name == "protocol_options":
        return not said & ~wanted
    return _codes(said) <= _codes(wanted)


def _codes(names: Names | None) -> set[int]:
    return {code for code, _ in names or ()}


def _named(wanted: Names | None, agreed: Names | None) -> Names:
    """Return the pairs of ``wanted`` whose codes were agreed on."""
    return tuple(pair for pair in wanted or () if pair[0] in _codes(agreed))
