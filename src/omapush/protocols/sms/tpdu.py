"""TPDUs: what a modem and a service centre say to each other (3GPP 23.040, 9.2.2).

The first octet of a TPDU means another thing in each direction, so ``reading.decode`` is told where
the TPDU came from. A report says whether it acknowledges or refuses only by what it travels in, so
that is told as well.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from omapush.core.errors import EncodeError
from omapush.core.octets import OctetWriter
from omapush.protocols.sms.address import Address
from omapush.protocols.sms.data_coding import DataCoding
from omapush.protocols.sms.timestamps import (
    EnhancedValidity,
    RelativeValidity,
    Timestamp,
    ValidityPeriod,
)
from omapush.protocols.sms.user_data import UserData
from omapush.protocols.sms.user_data_header import LAYER

NO_USER_DATA = UserData(b"", 0)

MAX_COMMAND_DATA = 157
"""Octets of TP-Command-Data (3GPP 23.040, 9.2.3.21)."""


class Direction(enum.Enum):
    """Where a TPDU goes."""

    TO_MOBILE = "to the mobile"
    FROM_MOBILE = "from the mobile"


class MessageType(enum.IntEnum):
    """TP-Message-Type-Indicator (3GPP 23.040, 9.2.3.1)."""

    DELIVER = 0
    SUBMIT = 1
    STATUS_REPORT = 2
    DELIVER_REPORT = DELIVER
    SUBMIT_REPORT = SUBMIT
    COMMAND = STATUS_REPORT


class ValidityFormat(enum.IntEnum):
    """TP-Validity-Period-Format (3GPP 23.040, 9.2.3.3)."""

    NONE = 0
    ENHANCED = 1
    RELATIVE = 2
    ABSOLUTE = 3


def validity_format(validity: ValidityPeriod | None) -> ValidityFormat:
    """Return the bits that announce ``validity``."""
    if isinstance(validity, RelativeValidity):
        return ValidityFormat.RELATIVE
    if isinstance(validity, EnhancedValidity):
        return ValidityFormat.ENHANCED
    return ValidityFormat.NONE if validity is None else ValidityFormat.ABSOLUTE


@dataclass(frozen=True, slots=True)
class SmsDeliver:
    """SMS-DELIVER: a short message arrives at the mobile (9.2.2.1).

    :ivar more_messages: more wait at the service centre; on the wire that is a 0 bit.
    """

    originating_address: Address
    service_centre_timestamp: Timestamp
    user_data: UserData
    protocol_identifier: int = 0
    more_messages: bool = False
    loop_prevention: bool = False
    status_report_indication: bool = False
    reply_path: bool = False

    def encode(self) -> bytes:
        """Return the TPDU. :raises EncodeError: a field cannot be written."""
        first = (
            MessageType.DELIVER
            | _bit(2, on=not self.more_messages)
            | _bit(3, on=self.loop_prevention)
            | _bit(5, on=self.status_report_indication)
            | _bit(6, on=self.user_data.has_header)
            | _bit(7, on=self.reply_path)
        )
        writer = OctetWriter().uint8(first).take(self.originating_address.encode())
        writer.uint8(self.protocol_identifier).uint8(self.user_data.coding.value)
        writer.take(self.service_centre_timestamp.encode())
        return _with_user_data(writer, self.user_data)


@dataclass(frozen=True, slots=True)
class SmsSubmit:
    """SMS-SUBMIT: the mobile sends a short message (9.2.2.2)."""

    destination_address: Address
    user_data: UserData
    message_reference: int = 0
    protocol_identifier: int = 0
    validity_period: ValidityPeriod | None = None
    reject_duplicates: bool = False
    status_report_request: bool = False
    reply_path: bool = False

    def encode(self) -> bytes:
        """Return the TPDU. :raises EncodeError: a field cannot be written."""
        first = (
            MessageType.SUBMIT
            | _bit(2, on=self.reject_duplicates)
            | validity_format(self.validity_period) << 3
            | _bit(5, on=self.status_report_request)
            | _bit(6, on=self.user_data.has_header)
            | _bit(7, on=self.reply_path)
        )
        writer = OctetWriter().uint8(first).uint8(self.message_reference)
        writer.take(self.destination_address.encode()).uint8(self.protocol_identifier)
        writer.uint8(self.user_data.coding.value)
        if self.validity_period is not None:
            writer.take(self.validity_period.encode())
        return _with_user_data(writer, self.user_data)


@dataclass(frozen=True, slots=True)
class OptionalParameters:
    """What TP-Parameter-Indicator announces at the end of a report (9.2.3.27)."""

    protocol_identifier: int | None = None
    data_coding: DataCoding | None = None
    user_data: UserData | None = None

    def encode(self) -> bytes:
        """Return indicator and parameters.

        :raises EncodeError: a field cannot be written, or two codings differ.
        """
        coding, data = self.data_coding, self.user_data
        if data is not None and data.coding != (coding or DataCoding()):
            raise EncodeError("user data of another coding than the report's", layer=LAYER)
        indicator = _bit(0, on=self.protocol_identifier is not None)
        indicator |= _bit(1, on=coding is not None) | _bit(2, on=data is not None)
        writer = OctetWriter().uint8(indicator)
        if self.protocol_identifier is not None:
            writer.uint8(self.protocol_identifier)
        if coding is not None:
            writer.uint8(coding.value)
        return writer.getvalue() if data is None else _with_user_data(writer, data)

    @property
    def has_header(self) -> bool:
        """Whether there are user data with a header."""
        return self.user_data is not None and self.user_data.has_header


@dataclass(frozen=True, slots=True)
class SmsStatusReport:
    """SMS-STATUS-REPORT: what became of a message that the mobile sent (9.2.2.3).

    :ivar status: TP-Status: below 0x20 delivered, below 0x40 still trying, otherwise failed.
    :ivar for_command: the report answers a COMMAND instead of a SUBMIT.
    :ivar parameters: ``None``: the TPDU ends without TP-Parameter-Indicator.
    """

    message_reference: int
    recipient_address: Address
    service_centre_timestamp: Timestamp
    discharge_time: Timestamp
    status: int
    more_messages: bool = False
    loop_prevention: bool = False
    for_command: bool = False
    parameters: OptionalParameters | None = None

    def encode(self) -> bytes:
        """Return the TPDU. :raises EncodeError: a field cannot be written."""
        first = (
            MessageType.STATUS_REPORT
            | _bit(2, on=not self.more_messages)
            | _bit(3, on=self.loop_prevention)
            | _bit(5, on=self.for_command)
            | _bit(6, on=self.parameters is not None and self.parameters.has_header)
        )
        writer = OctetWriter().uint8(first).uint8(self.message_reference)
        writer.take(self.recipient_address.encode())
        writer.take(self.service_centre_timestamp.encode()).take(self.discharge_time.encode())
        writer.uint8(self.status)
        if self.parameters is not None:
            writer.take(self.parameters.encode())
        return writer.getvalue()


@dataclass(frozen=True, slots=True)
class SmsDeliverReport:
    """SMS-DELIVER-REPORT: the mobile took or refused a message (9.2.2.1a).

    :ivar failure_cause: TP-Failure-Cause, 0x80 to 0xFF; ``None``: an acknowledgement.
    """

    failure_cause: int | None = None
    parameters: OptionalParameters = field(default_factory=OptionalParameters)

    def encode(self) -> bytes:
        """Return the TPDU. :raises EncodeError: a field cannot be written."""
        first = MessageType.DELIVER_REPORT | _bit(6, on=self.parameters.has_header)
        writer = OctetWriter().uint8(first)
        _write_cause(writer, self.failure_cause)
        return writer.take(self.parameters.encode()).getvalue()


@dataclass(frozen=True, slots=True)
class SmsSubmitReport:
    """SMS-SUBMIT-REPORT: the service centre took or refused a message (9.2.2.2a).

    :ivar failure_cause: TP-Failure-Cause, 0x80 to 0xFF; ``None``: an acknowledgement.
    """

    service_centre_timestamp: Timestamp
    failure_cause: int | None = None
    parameters: OptionalParameters = field(default_factory=OptionalParameters)

    def encode(self) -> bytes:
        """Return the TPDU. :raises EncodeError: a field cannot be written."""
        first = MessageType.SUBMIT_REPORT | _bit(6, on=self.parameters.has_header)
        writer = OctetWriter().uint8(first)
        _write_cause(writer, self.failure_cause)
        indicator, *rest = self.parameters.encode()
        writer.uint8(indicator).take(self.service_centre_timestamp.encode())
        return writer.take(bytes(rest)).getvalue()


@dataclass(frozen=True, slots=True)
class SmsCommand:
    """SMS-COMMAND: the mobile asks about, cancels or deletes a message it sent (9.2.2.4)."""

    message_reference: int
    command_type: int
    message_number: int
    destination_address: Address
    protocol_identifier: int = 0
    command_data: bytes = b""
    status_report_request: bool = False
    has_header: bool = False

    def encode(self) -> bytes:
        """Return the TPDU. :raises EncodeError: a field cannot be written."""
        if len(self.command_data) > MAX_COMMAND_DATA:
            raise EncodeError(f"command data of {len(self.command_data)} octets", layer=LAYER)
        first = (
            MessageType.COMMAND
            | _bit(5, on=self.status_report_request)
            | _bit(6, on=self.has_header)
        )
        writer = OctetWriter().uint8(first).uint8(self.message_reference)
        writer.uint8(self.protocol_identifier).uint8(self.command_type)
        writer.uint8(self.message_number).take(self.destination_address.encode())
        return writer.uint8(len(self.command_data)).take(self.command_data).getvalue()


Tpdu = SmsDeliver | SmsSubmit | SmsStatusReport | SmsDeliverReport | SmsSubmitReport | SmsCommand


def _bit(number: int, *, on: bool) -> int:
    return 1 << number if on else 0


def _write_cause(writer: OctetWriter, failure_cause: int | None) -> None:
    if failure_cause is None:
        return
    if not 0x80 <= failure_cause <= 0xFF:
        raise EncodeError(f"{failure_cause} is no failure cause", layer=LAYER)
    writer.uint8(failure_cause)


def _with_user_data(writer: OctetWriter, data: UserData) -> bytes:
    return writer.uint8(data.length).take(data.octets).getvalue()
