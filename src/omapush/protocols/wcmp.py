"""WCMP: what datagram layers tell each other where there is no ICMP (WAP-202).

A message travels in information element 0x09 of a user data header, or as payload of a short
message that SMPP marks so. Errors are easily forged, so :func:`finding_of` gives a fact to weigh,
and nothing here decides what follows from it. No error is ever answered with an error.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from omapush.core.errors import DecodeError, EncodeError
from omapush.core.octets import OctetReader, OctetWriter
from omapush.protocols.recording import Part, Recorder
from omapush.protocols.sms.user_data_header import WCMP, InformationElement, UserDataHeader
from omapush.protocols.wdp import BEARERS, AddressFormat, address_text

LAYER = "wcmp"
MAX_QUOTED = 64
"""Octets of the datagram that a parameter problem quotes."""


class Type(enum.IntEnum):
    """Message types; below 128 are errors."""

    DESTINATION_UNREACHABLE = 51
    PARAMETER_PROBLEM = 54
    MESSAGE_TOO_BIG = 60
    REASSEMBLY_FAILURE = 61
    ECHO_REQUEST = 178
    ECHO_REPLY = 179


class UnreachableCode(enum.IntEnum):
    """Why a destination is unreachable; other codes are kept as numbers."""

    NO_ROUTE = 0
    PROHIBITED = 1
    ADDRESS = 3
    PORT = 4


class ReassemblyCode(enum.IntEnum):
    """Why reassembly failed; other codes are kept as numbers."""

    TIME_EXCEEDED = 1
    BUFFER_OVERFLOW = 2


@dataclass(frozen=True, slots=True)
class AddressInformation:
    """The destination of the datagram that failed.

    :ivar bearer: a code of :data:`~omapush.protocols.wdp.BEARERS`, or a reserved one.
    :ivar address: as that bearer writes it.
    """

    bearer: int
    address: bytes

    @property
    def text(self) -> str:
        """The address as people write it; in hexadecimal if its form is not known or wrong."""
        known = BEARERS.get(self.bearer)
        form = AddressFormat.OTHER if known is None else known.address_format
        written = address_text(self.address, form)
        return self.address.hex() if written is None else written

    def write(self, writer: OctetWriter) -> None:
        """Append type, length and address. :raises EncodeError: it is too long."""
        writer.uint8(self.bearer).uint8(len(self.address)).take(self.address)


@dataclass(frozen=True, slots=True)
class DestinationUnreachable:
    """Nobody takes datagrams there."""

    code: int
    destination_port: int
    source_port: int
    address: AddressInformation

    def encode(self) -> bytes:
        """Return the message. :raises EncodeError: a field does not fit."""
        writer = _header(Type.DESTINATION_UNREACHABLE, self.code)
        writer.uint16(self.destination_port).uint16(self.source_port)
        self.address.write(writer)
        return writer.getvalue()


@dataclass(frozen=True, slots=True)
class ParameterProblem:
    """The header of a datagram was not understood.

    :ivar index: of the octet in ``datagram``, which is its beginning, at most 64 octets.
    """

    address: AddressInformation
    index: int
    datagram: bytes
    code: int = 0

    def encode(self) -> bytes:
        """Return the message. :raises EncodeError: a field does not fit."""
        writer = _header(Type.PARAMETER_PROBLEM, self.code)
        self.address.write(writer)
        return writer.uint8(self.index).take(self.datagram[:MAX_QUOTED]).getvalue()


@dataclass(frozen=True, slots=True)
class MessageTooBig:
    """A datagram is larger than the receiver takes.

    :ivar maximum_size: octets that it does take.
    """

    destination_port: int
    source_port: int
    address: AddressInformation
    maximum_size: int
    code: int = 0

    def encode(self) -> bytes:
        """Return the message. :raises EncodeError: a field does not fit."""
        writer = _header(Type.MESSAGE_TOO_BIG, self.code)
        writer.uint16(self.destination_port).uint16(self.source_port)
        self.address.write(writer)
        return writer.uint16(self.maximum_size).getvalue()


@dataclass(frozen=True, slots=True)
class ReassemblyFailure:
    """Segments did not become a datagram; only said when the first had come."""

    code: int
    destination_port: int
    source_port: int
    address: AddressInformation

    def encode(self) -> bytes:
        """Return the message. :raises EncodeError: a field does not fit."""
        writer = _header(Type.REASSEMBLY_FAILURE, self.code)
        writer.uint16(self.destination_port).uint16(self.source_port)
        self.address.write(writer)
        return writer.getvalue()


@dataclass(frozen=True, slots=True)
class EchoRequest:
    """Are you there?"""

    identifier: int
    sequence: int
    data: bytes = b""
    code: int = 0

    def encode(self) -> bytes:
        """Return the message. :raises EncodeError: a field does not fit."""
        writer = _header(Type.ECHO_REQUEST, self.code)
        return writer.uint16(self.identifier).uint16(self.sequence).take(self.data).getvalue()

    def reply(self) -> EchoReply:
        """Return the answer that every node owes."""
        return EchoReply(self.identifier, self.sequence, self.data)


@dataclass(frozen=True, slots=True)
class EchoReply:
    """I am: the values of the request."""

    identifier: int
    sequence: int
    data: bytes = b""
    code: int = 0

    def encode(self) -> bytes:
        """Return the message. :raises EncodeError: a field does not fit."""
        writer = _header(Type.ECHO_REPLY, self.code)
        return writer.uint16(self.identifier).uint16(self.sequence).take(self.data).getvalue()


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """A message of another type; to be ignored."""

    message_type: int
    code: int
    data: bytes

    def encode(self) -> bytes:
        """Return the message. :raises EncodeError: a field does not fit."""
        return _header(self.message_type, self.code).take(self.data).getvalue()


Message = (
    DestinationUnreachable
    | ParameterProblem
    | MessageTooBig
    | ReassemblyFailure
    | EchoRequest
    | EchoReply
    | UnknownMessage
)


def in_user_data(message: Message) -> bytes:
    """Return user data of a short message that carries ``message`` in its header.

    :raises EncodeError: a field does not fit, or the message does not fit one header.
    """
    encoded = message.encode()
    if len(encoded) > 137:
        raise EncodeError(f"{len(encoded)} octets of WCMP do not fit one header", layer=LAYER)
    return UserDataHeader((InformationElement(WCMP, encoded),)).encode()


def _header(message_type: int, code: int) -> OctetWriter:
    return OctetWriter().uint8(message_type).uint8(code)


def decode(octets: bytes) -> Message:
    """Read a WCMP message.

    :raises DecodeError: cut off, or octets left over.
    """
    return parts_of(octets)[0]


def parts_of(octets: bytes) -> tuple[Message, list[Part]]:
    """Read a message as :func:`decode` does and return its parts too. :raises DecodeError: so."""
    recorder = Recorder(OctetReader(octets, LAYER))
    message_type = recorder.read("Type", OctetReader.uint8)
    code = recorder.read("Code", OctetReader.uint8)
    message = _read_data(recorder, message_type, code)
    if recorder.reader.remaining:
        raise DecodeError(
            f"{recorder.reader.remaining} octets after the end", recorder.reader.position, LAYER
        )
    return message, recorder.parts


def _read_data(recorder: Recorder, message_type: int, code: int) -> Message:
    match message_type:
        case Type.DESTINATION_UNREACHABLE:
            return DestinationUnreachable(code, *_ports(recorder), _address(recorder))
        case Type.REASSEMBLY_FAILURE:
            return ReassemblyFailure(code, *_ports(recorder), _address(recorder))
        case Type.MESSAGE_TOO_BIG:
            destination, source = _ports(recorder)
            address = _address(recorder)
            size = recorder.read("Maximum Message Size", OctetReader.uint16)
            return MessageTooBig(destination, source, address, size, code)
        case Type.PARAMETER_PROBLEM:
            address = _address(recorder)
            index = recorder.read("Index", OctetReader.uint8)
            return ParameterProblem(address, index, recorder.read("Data", OctetReader.rest), code)
        case Type.ECHO_REQUEST | Type.ECHO_REPLY:
            identifier = recorder.read("Identifier", OctetReader.uint16)
            sequence = recorder.read("Sequence Number", OctetReader.uint16)
            data = recorder.read("Data", OctetReader.rest)
            echo = EchoRequest if message_type == Type.ECHO_REQUEST else EchoReply
            return echo(identifier, sequence, data, code)
    return UnknownMessage(message_type, code, recorder.read("Data", OctetReader.rest))


def _ports(recorder: Recorder) -> tuple[int, int]:
    return (
        recorder.read("Destination Port", OctetReader.uint16),
        recorder.read("Originator Port", OctetReader.uint16),
    )


def _address(recorder: Recorder) -> AddressInformation:
    return recorder.read("Address Information", _read_address)


def _read_address(reader: OctetReader) -> AddressInformation:
    bearer = reader.uint8()
    return AddressInformation(bearer, reader.take(reader.uint8()))


class Finding(enum.Enum):
    """What an error says of a datagram that was sent."""

    NO_ROUTE = "no route to the address"
    PROHIBITED = "communication with the address is prohibited"
    ADDRESS_UNREACHABLE = "the address cannot be reached now"
    PORT_UNREACHABLE = "nothing listens on the port"
    TOO_BIG = "the datagram is larger than the receiver takes"
    SEGMENTS_LOST = "not all segments arrived in time"
    NO_BUFFER = "the receiver had no room to reassemble"
    NOT_UNDERSTOOD = "the datagram's header was not understood"


_UNREACHABLE: dict[int, Finding] = {
    UnreachableCode.NO_ROUTE: Finding.NO_ROUTE,
    UnreachableCode.PROHIBITED: Finding.PROHIBITED,
    UnreachableCode.ADDRESS: Finding.ADDRESS_UNREACHABLE,
    UnreachableCode.PORT: Finding.PORT_UNREACHABLE,
}
_REASSEMBLY: dict[int, Finding] = {
    ReassemblyCode.TIME_EXCEEDED: Finding.SEGMENTS_LOST,
    ReassemblyCode.BUFFER_OVERFLOW: Finding.NO_BUFFER,
}


def finding_of(message: Message) -> Finding | None:
    """Return what ``message`` says of the datagram it is about.

    :return: ``None`` for echoes, unknown types, and codes that no specification gives.
    """
    match message:
        case DestinationUnreachable(code=code):
            return _UNREACHABLE.get(code)
        case ReassemblyFailure(code=code):
            return _REASSEMBLY.get(code)
        case MessageTooBig():
            return Finding.TOO_BIG
        case ParameterProblem():
            return Finding.NOT_UNDERSTOOD
    return None
