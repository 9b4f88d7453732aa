"""PDUs to octets and back, by the fields that their classes declare (SMPP 3.4, 3.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, NamedTuple, get_type_hints

from omapush.core.errors import DecodeError, EncodeError
from omapush.core.octets import OctetReader, OctetWriter
from omapush.protocols.smpp.commands import RESPONSE, CommandId, name_of
from omapush.protocols.smpp.errors import LAYER, PduError
from omapush.protocols.smpp.fields import Kind
from omapush.protocols.smpp.pdu import Pdu
from omapush.protocols.smpp.status import CommandStatus
from omapush.protocols.smpp.tlvs import Tlv, read_tlv, write_tlv

HEADER_SIZE = 16
MAX_SEQUENCE_NUMBER = 0x7FFF_FFFF
_HEADER = struct.Struct(">IIII")


class Header(NamedTuple):
    """The first 16 octets of every PDU (SMPP 3.4, 3.2)."""

    command_length: int
    command_id: int
    command_status: int
    sequence_number: int


class PreparedPdu(NamedTuple):
    """A request whose body is octets already: only header and number are missing."""

    command_id: CommandId
    body: bytes


def layout_of(pdu_class: type[Pdu]) -> tuple[tuple[str, Kind], ...]:
    """Return the names and kinds of the mandatory fields in the order of the wire."""
    hints = get_type_hints(pdu_class, include_extras=True)
    annotated = ((name.name, hints[name.name]) for name in fields(pdu_class))
    return tuple(
        (name, hint.__metadata__[0]) for name, hint in annotated if hasattr(hint, "__metadata__")
    )


def _classes(base: type[Pdu]) -> Iterator[type[Pdu]]:
    for derived in base.__subclasses__():
        if "command_id" in vars(derived):
            yield derived
        yield from _classes(derived)


PDU_CLASSES: dict[int, type[Pdu]] = {known.command_id: known for known in _classes(Pdu)}
"""The class of every command."""

LAYOUTS = {known: layout_of(known) for known in PDU_CLASSES.values()}
"""The mandatory fields of every class."""


def encode_body(pdu: Pdu) -> bytes:
    """Return mandatory fields and TLVs. :raises EncodeError: a value does not fit its field."""
    layout = LAYOUTS[type(pdu)]
    if pdu.bare_when_refused and pdu.command_status and _is_empty(pdu):
        return b""
    writer = OctetWriter()
    for name, kind in layout:
        try:
            kind.write(writer, getattr(pdu, name))
        except EncodeError as error:
            raise EncodeError(error.reason, name, LAYER) from error
    for tlv in pdu.tlvs:
        write_tlv(writer, tlv)
    return writer.getvalue()


def _is_empty(pdu: Pdu) -> bool:
    return not pdu.tlvs and not any(getattr(pdu, name) for name, _ in LAYOUTS[type(pdu)])


def encode_header(command_id: int, command_status: int, sequence_number: int, body: bytes) -> bytes:
    """Return a whole PDU. :raises EncodeError: a number does not fit four octets."""
    try:
        return (
            _HEADER.pack(HEADER_SIZE + len(body), command_id, command_status, sequence_number)
            + body
        )
    except struct.error as error:
        raise EncodeError("command_status or sequence_number does not fit", layer=LAYER) from error


def encode_pdu(pdu: Pdu) -> bytes:
    """Return the octets of ``pdu``.

    :raises EncodeError: a value does not fit its field; ``position`` names the field.
    """
    return encode_header(pdu.command_id, pdu.command_status, pdu.sequence_number, encode_body(pdu))


def read_header(octets: bytes) -> Header:
    """Read the header. :raises PduError: fewer than 16 octets."""
    if len(octets) < HEADER_SIZE:
        raise PduError(
            f"{HEADER_SIZE} octets of header wanted, {len(octets)} there",
            len(octets),
            CommandStatus.ESME_RINVCMDLEN,
        )
    return Header._make(_HEADER.unpack_from(octets))


def decode_pdu(octets: bytes, header: Header | None = None) -> Pdu:
    """Read one whole PDU; ``header`` is its own, if that was read already.

    A response may lack its body, whatever its status: its fields then have their defaults. What
    follows the mandatory fields is read as TLVs, in responses to the last one that is whole.

    :raises PduError: not a PDU, an unknown command, a field that is wrong or too long, a TLV that
        is cut off; ``command_status`` is what the peer is to be told, ``position`` the octet.
    """
    header = header or read_header(octets)
    if header.command_length != len(octets):
        raise PduError(
            f"command_length {header.command_length} of {len(octets)} octets",
            0,
            CommandStatus.ESME_RINVCMDLEN,
        )
    pdu_class = PDU_CLASSES.get(header.command_id)
    if pdu_class is None:
        raise PduError(
            f"command {name_of(header.command_id)} is not known", 4, CommandStatus.ESME_RINVCMDID
        )
    reader = OctetReader(octets, LAYER)
    reader.take(HEADER_SIZE)
    values = _read_fields(reader, pdu_class, header)
    return pdu_class(
        **values,
        sequence_number=header.sequence_number,
        command_status=header.command_status,
        tlvs=_read_tlvs(reader, header) if reader.remaining else (),
    )


def has_body(header: Header) -> bool:
    """Whether mandatory fields follow: always in a request, so that their lack is an error."""
    return header.command_length > HEADER_SIZE or not header.command_id & RESPONSE


def _read_fields(reader: OctetReader, pdu_class: type[Pdu], header: Header) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if not has_body(header):
        return values
    for name, kind in LAYOUTS[pdu_class]:
        try:
            values[name] = kind.read(reader)
        except PduError:
            raise
        except DecodeError as error:
            raise PduError(f"{name}: {error.reason}", error.position, kind.status) from error
    return values


def _read_tlvs(reader: OctetReader, header: Header) -> tuple[Tlv, ...]:
    tlvs: list[Tlv] = []
    while reader.remaining:
        try:
            tlvs.append(read_tlv(reader))
        except DecodeError as error:
            if header.command_id & RESPONSE:
                break  # the message was taken or refused; that must not be lost
            raise PduError(
                f"TLV: {error.reason}", error.position, CommandStatus.ESME_RINVOPTPARSTREAM
            ) from error
    return tuple(tlvs)


def answer_to(
    request: Pdu,
    command_status: int = 0,
    *,
    message_id: str = "",
    system_id: str = "",
    tlvs: tuple[Tlv, ...] = (),
) -> Pdu:
    """Return the response to ``request``; a field that it has not is left out.

    :raises EncodeError: the request has no response (outbind, alert_notification).
    """
    response_class = PDU_CLASSES.get(request.command_id | RESPONSE)
    if response_class is None or request.command_id & RESPONSE:
        raise EncodeError(f"{name_of(request.command_id)} has no response", layer=LAYER)
    given = {"message_id": message_id, "system_id": system_id}
    layout = LAYOUTS[response_class]
    values: dict[str, Any] = {name: given[name] for name, _ in layout if name in given}
    return response_class(
        **values,
        sequence_number=request.sequence_number,
        command_status=command_status,
        tlvs=tlvs,
    )
