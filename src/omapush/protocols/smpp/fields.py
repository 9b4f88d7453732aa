"""Kinds of mandatory fields: each reads and writes one (SMPP 3.4, 3.1).

A PDU class declares its fields as ``Annotated[type, kind]``; nothing else has to be said of them.
C-octet strings are text in ISO 8859-1, which gives every octet back as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from omapush.core.errors import EncodeError
from omapush.core.octets import OctetReader, OctetWriter
from omapush.protocols.smpp.errors import LAYER, PduError, PduLimitError
from omapush.protocols.smpp.status import CommandStatus

MAX_SHORT_MESSAGE = 254
"""Octets that SMPP 3.4 allows (5.2.21); 5.0 allows one more, which we take but do not send."""
DESTINATION_SME = 1
DESTINATION_LIST = 2

_SYSTEM_ERROR = CommandStatus.ESME_RSYSERR


class Kind(Protocol):
    """How a field stands in a PDU, and what to answer when it is wrong."""

    @property
    def status(self) -> CommandStatus:
        """The command status that names this field."""

    def read(self, reader: OctetReader) -> Any:  # noqa: ANN401 - the field's own type
        """Read the field. :raises DecodeError: cut off, or not of this kind."""

    def write(self, writer: OctetWriter, value: Any) -> None:  # noqa: ANN401 - as above
        """Append the field. :raises EncodeError: the value does not fit."""


@dataclass(frozen=True, slots=True)
class Integer:
    """An unsigned number of ``size`` octets."""

    size: int = 1
    status: CommandStatus = _SYSTEM_ERROR

    def read(self, reader: OctetReader) -> int:
        """Read the number."""
        return reader.uint8() if self.size == 1 else int.from_bytes(reader.take(self.size), "big")

    def write(self, writer: OctetWriter, value: int) -> None:
        """Append the number."""
        try:
            writer.take(int(value).to_bytes(self.size, "big"))
        except OverflowError as error:
            raise EncodeError(f"{value} does not fit {self.size} octets", layer=LAYER) from error


@dataclass(frozen=True, slots=True)
class COctetString:
    """A string that ends in NUL; ``size`` is the most octets it may have, the NUL included.

    :ivar forgiving: when reading, any length is taken, and the end of the PDU for a NUL: what a
        response says of a message already taken must not be lost to a peer's untidiness.
    """

    size: int
    status: CommandStatus = _SYSTEM_ERROR
    forgiving: bool = False

    def read(self, reader: OctetReader) -> str:
        """Read the string."""
        start = reader.position
        if self.forgiving:
            octets, _, _ = reader.between(start, start + reader.remaining).partition(b"\0")
            reader.take(min(len(octets) + 1, reader.remaining))
            return octets.decode("latin-1")
        octets = reader.text_string()
        if len(octets) >= self.size:
            raise PduLimitError(
                f"string of {len(octets) + 1} octets, and {self.size} are allowed",
                start,
                self.status,
            )
        return octets.decode("latin-1")

    def write(self, writer: OctetWriter, value: str) -> None:
        """Append the string and its NUL."""
        try:
            octets = value.encode("latin-1")
        except UnicodeEncodeError as error:
            raise EncodeError("string has characters beyond ISO 8859-1", layer=LAYER) from error
        if len(octets) >= self.size:
            raise EncodeError(
                f"string of {len(octets) + 1} octets, and {self.size} are allowed", layer=LAYER
            )
        writer.text_string(octets)


@dataclass(frozen=True, slots=True)
class ShortMessage:
    """sm_length and short_message, which are one value (SMPP 3.4, 5.2.21 and 5.2.22)."""

    status: CommandStatus = CommandStatus.ESME_RINVMSGLEN

    def read(self, reader: OctetReader) -> bytes:
        """Read the length, then so many octets."""
        return reader.take(reader.uint8())

    def write(self, writer: OctetWriter, value: bytes) -> None:
        """Append length and octets."""
        if len(value) > MAX_SHORT_MESSAGE:
            raise EncodeError(
                f"short_message of {len(value)} octets, and {MAX_SHORT_MESSAGE} are allowed",
                layer=LAYER,
            )
        writer.uint8(len(value)).take(value)


SYSTEM_ID = COctetString(16, CommandStatus.ESME_RINVSYSID)
PASSWORD = COctetString(9, CommandStatus.ESME_RINVPASWD)
SERVICE_TYPE = COctetString(6, CommandStatus.ESME_RINVSERTYP)
SOURCE_ADDRESS = COctetString(21, CommandStatus.ESME_RINVSRCADR)
DESTINATION_ADDRESS = COctetString(21, CommandStatus.ESME_RINVDSTADR)
LONG_SOURCE_ADDRESS = COctetString(65, CommandStatus.ESME_RINVSRCADR)
LONG_DESTINATION_ADDRESS = COctetString(65, CommandStatus.ESME_RINVDSTADR)
MESSAGE_ID = COctetString(65, CommandStatus.ESME_RINVMSGID)
GIVEN_MESSAGE_ID = COctetString(65, CommandStatus.ESME_RINVMSGID, forgiving=True)
LIST_NAME = COctetString(21, CommandStatus.ESME_RINVDLNAME)
OCTET = Integer()

Octet = Annotated[int, OCTET]
SystemId = Annotated[str, SYSTEM_ID]
GivenSystemId = Annotated[str, COctetString(16, forgiving=True)]
Password = Annotated[str, PASSWORD]
SystemType = Annotated[str, COctetString(13, CommandStatus.ESME_RINVSYSTYP)]
AddressRange = Annotated[str, COctetString(41, CommandStatus.ESME_RBINDFAIL)]
ServiceType = Annotated[str, SERVICE_TYPE]
SourceTon = Annotated[int, Integer(1, CommandStatus.ESME_RINVSRCTON)]
SourceNpi = Annotated[int, Integer(1, CommandStatus.ESME_RINVSRCNPI)]
SourceAddress = Annotated[str, SOURCE_ADDRESS]
LongSourceAddress = Annotated[str, LONG_SOURCE_ADDRESS]
DestinationTon = Annotated[int, Integer(1, CommandStatus.ESME_RINVDSTTON)]
DestinationNpi = Annotated[int, Integer(1, CommandStatus.ESME_RINVDSTNPI)]
DestinationAddress = Annotated[str, DESTINATION_ADDRESS]
LongDestinationAddress = Annotated[str, LONG_DESTINATION_ADDRESS]
ScheduleTime = Annotated[str, COctetString(17, CommandStatus.ESME_RINVSCHED)]
ValidityPeriod = Annotated[str, COctetString(17, CommandStatus.ESME_RINVEXPIRY)]
FinalDate = Annotated[str, COctetString(17, forgiving=True)]
MessageId = Annotated[str, MESSAGE_ID]
GivenMessageId = Annotated[str, GIVEN_MESSAGE_ID]
ShortMessageOctets = Annotated[bytes, ShortMessage()]


@dataclass(frozen=True, slots=True)
class SmeAddress:
    """A destination of submit_multi that is a number (SMPP 3.4, 4.5.1.1)."""

    dest_addr_ton: int
    dest_addr_npi: int
    destination_addr: str


@dataclass(frozen=True, slots=True)
class DistributionList:
    """A destination of submit_multi that is a list kept by the SMSC (SMPP 3.4, 4.5.1.2)."""

    dl_name: str


@dataclass(frozen=True, slots=True)
class UnsuccessfulSme:
    """A destination that submit_multi did not reach, and why (SMPP 3.4, 4.5.2.1)."""

    dest_addr_ton: int
    dest_addr_npi: int
    destination_addr: str
    error_status_code: int


Destination = SmeAddress | DistributionList


def read_destination(reader: OctetReader) -> Destination:
    """Read one dest_address with its flag. :raises DecodeError: cut off, or an unknown flag."""
    start = reader.position
    flag = reader.uint8()
    if flag == DESTINATION_SME:
        return SmeAddress(reader.uint8(), reader.uint8(), DESTINATION_ADDRESS.read(reader))
    if flag == DESTINATION_LIST:
        return DistributionList(LIST_NAME.read(reader))
    raise PduError(f"dest_flag {flag} is not known", start, CommandStatus.ESME_RINVDESTFLAG)


def read_unsuccessful(reader: OctetReader) -> UnsuccessfulSme:
    """Read one unsuccess_sme. :raises DecodeError: cut off."""
    ton, npi = reader.uint8(), reader.uint8()
    return UnsuccessfulSme(ton, npi, DESTINATION_ADDRESS.read(reader), reader.uint32())


@dataclass(frozen=True, slots=True)
class DestinationList:
    """number_of_dests and dest_address(es), at most 255 (SMPP 3.4, 4.5.1)."""

    status: CommandStatus = CommandStatus.ESME_RINVNUMDESTS

    def read(self, reader: OctetReader) -> tuple[Destination, ...]:
        """Read the count, then so many destinations."""
        return tuple(read_destination(reader) for _ in range(reader.uint8()))

    def write(self, writer: OctetWriter, value: tuple[Destination, ...]) -> None:
        """Append count and destinations."""
        writer.uint8(len(value))
        for destination in value:
            match destination:
                case SmeAddress():
                    writer.uint8(DESTINATION_SME).uint8(destination.dest_addr_ton)
                    writer.uint8(destination.dest_addr_npi)
                    DESTINATION_ADDRESS.write(writer, destination.destination_addr)
                case DistributionList():
                    LIST_NAME.write(writer.uint8(DESTINATION_LIST), destination.dl_name)


@dataclass(frozen=True, slots=True)
class UnsuccessfulList:
    """no_unsuccess and unsuccess_sme(s) (SMPP 3.4, 4.5.2)."""

    status: CommandStatus = _SYSTEM_ERROR

    def read(self, reader: OctetReader) -> tuple[UnsuccessfulSme, ...]:
        """Read the count, then so many addresses; nothing where SMSCs leave the count out."""
        if not reader.remaining:
            return ()
        return tuple(read_unsuccessful(reader) for _ in range(reader.uint8()))

    def write(self, writer: OctetWriter, value: tuple[UnsuccessfulSme, ...]) -> None:
        """Append count and addresses."""
        writer.uint8(len(value))
        for failed in value:
            writer.uint8(failed.dest_addr_ton).uint8(failed.dest_addr_npi)
            DESTINATION_ADDRESS.write(writer, failed.destination_addr)
            writer.uint32(failed.error_status_code)


Destinations = Annotated[tuple[Destination, ...], DestinationList()]
Unsuccessful = Annotated[tuple[UnsuccessfulSme, ...], UnsuccessfulList()]
