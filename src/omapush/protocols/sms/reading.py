"""Reading TPDUs (3GPP 23.040, 9.2.2), one function for each, by named parts."""

from __future__ import annotations

from collections.abc import Callable

from omapush.core.errors import DecodeError, LimitError
from omapush.core.octets import OctetReader
from omapush.protocols.recording import Recorder
from omapush.protocols.sms.address import Address, read_address, read_service_centre
from omapush.protocols.sms.data_coding import DataCoding
from omapush.protocols.sms.timestamps import (
    EnhancedValidity,
    RelativeValidity,
    Timestamp,
    ValidityPeriod,
)
from omapush.protocols.sms.tpdu import (
    MAX_COMMAND_DATA,
    Direction,
    OptionalParameters,
    SmsCommand,
    SmsDeliver,
    SmsDeliverReport,
    SmsStatusReport,
    SmsSubmit,
    SmsSubmitReport,
    Tpdu,
    ValidityFormat,
)
from omapush.protocols.sms.user_data import UserData, read_user_data
from omapush.protocols.sms.user_data_header import LAYER


def decode(
    octets: bytes,
    direction: Direction = Direction.TO_MOBILE,
    *,
    service_centre: bool = False,
    refusal: bool = False,
) -> Tpdu:
    """Read a TPDU.

    :param direction: where it goes; decides between DELIVER and DELIVER-REPORT, and so on.
    :param service_centre: an address of the service centre stands before it, as modems print it.
    :param refusal: a report that travels in an RP-ERROR, so it has a failure cause.
    :raises DecodeError: cut off, octets left over, a reserved message type, or a wrong length.
    :raises LimitError: an address of over 20 digits, or user data of over 140 octets.
    """
    return read_tpdu(
        Recorder(OctetReader(octets, LAYER)),
        direction,
        service_centre=service_centre,
        refusal=refusal,
    )[1]


def decode_with_service_centre(
    octets: bytes, direction: Direction = Direction.TO_MOBILE, *, refusal: bool = False
) -> tuple[Address | None, Tpdu]:
    """Read the address of the service centre and the TPDU after it, as modems print them.

    :raises DecodeError: as in :func:`decode`.
    """
    recorder = Recorder(OctetReader(octets, LAYER))
    return read_tpdu(recorder, direction, service_centre=True, refusal=refusal)


def read_tpdu(
    recorder: Recorder, direction: Direction, *, service_centre: bool, refusal: bool
) -> tuple[Address | None, Tpdu]:
    """Read all of it, leaving its parts in ``recorder``. :raises DecodeError: as :func:`decode`."""
    centre = recorder.read("SCA", read_service_centre) if service_centre else None
    start = recorder.reader.position
    first = recorder.read("first octet", OctetReader.uint8)
    reading = (_REFUSALS if refusal else _READINGS).get((direction, first & 3))
    if reading is None:
        raise DecodeError(
            f"no TPDU {direction.value} has message type {first & 3} here", start, LAYER
        )
    tpdu = reading(recorder, first)
    if recorder.reader.remaining:
        raise DecodeError(
            f"{recorder.reader.remaining} octets after the end", recorder.reader.position, LAYER
        )
    return centre, tpdu


def _timestamp(reader: OctetReader) -> Timestamp:
    return Timestamp(reader.take(7))


def _data_coding(reader: OctetReader) -> DataCoding:
    return DataCoding(reader.uint8())


def _deliver(recorder: Recorder, first: int) -> SmsDeliver:
    originating_address = recorder.read("TP-OA", read_address)
    protocol_identifier = recorder.read("TP-PID", OctetReader.uint8)
    coding = recorder.read("TP-DCS", _data_coding)
    return SmsDeliver(
        originating_address,
        recorder.read("TP-SCTS", _timestamp),
        _user_data(recorder, coding, first),
        protocol_identifier,
        more_messages=not first & 0x04,
        loop_prevention=bool(first & 0x08),
        status_report_indication=bool(first & 0x20),
        reply_path=bool(first & 0x80),
    )


def _submit(recorder: Recorder, first: int) -> SmsSubmit:
    reference = recorder.read("TP-MR", OctetReader.uint8)
    destination_address = recorder.read("TP-DA", read_address)
    protocol_identifier = recorder.read("TP-PID", OctetReader.uint8)
    coding = recorder.read("TP-DCS", _data_coding)
    reading = _VALIDITY_READINGS.get(ValidityFormat(first >> 3 & 3))
    validity = None if reading is None else recorder.read("TP-VP", reading)
    return SmsSubmit(
        destination_address,
        _user_data(recorder, coding, first),
        reference,
        protocol_identifier,
        validity,
        reject_duplicates=bool(first & 0x04),
        status_report_request=bool(first & 0x20),
        reply_path=bool(first & 0x80),
    )


_VALIDITY_READINGS: dict[ValidityFormat, Callable[[OctetReader], ValidityPeriod]] = {
    ValidityFormat.RELATIVE: lambda reader: RelativeValidity(reader.uint8()),
    ValidityFormat.ABSOLUTE: _timestamp,
    ValidityFormat.ENHANCED: lambda reader: EnhancedValidity(reader.take(7)),
}


def _status_report(recorder: Recorder, first: int) -> SmsStatusReport:
    return SmsStatusReport(
        recorder.read("TP-MR", OctetReader.uint8),
        recorder.read("TP-RA", read_address),
        recorder.read("TP-SCTS", _timestamp),
        recorder.read("TP-DT", _timestamp),
        recorder.read("TP-ST", OctetReader.uint8),
        more_messages=not first & 0x04,
        loop_prevention=bool(first & 0x08),
        for_command=bool(first & 0x20),
        parameters=_parameters(recorder, first) if recorder.reader.remaining else None,
    )


def _deliver_report(recorder: Recorder, first: int) -> SmsDeliverReport:
    return SmsDeliverReport(None, _parameters(recorder, first))


def _deliver_refusal(recorder: Recorder, first: int) -> SmsDeliverReport:
    return SmsDeliverReport(_failure_cause(recorder), _parameters(recorder, first))


def _submit_refusal(recorder: Recorder, first: int) -> SmsSubmitReport:
    return _submit_report(recorder, first, _failure_cause(recorder))


def _submit_report(
    recorder: Recorder, first: int, failure_cause: int | None = None
) -> SmsSubmitReport:
    indicator = recorder.read("TP-PI", _indicator)
    timestamp = recorder.read("TP-SCTS", _timestamp)
    return SmsSubmitReport(timestamp, failure_cause, _announced(recorder, indicator, first))


def _command(recorder: Recorder, first: int) -> SmsCommand:
    reference = recorder.read("TP-MR", OctetReader.uint8)
    protocol_identifier = recorder.read("TP-PID", OctetReader.uint8)
    command_type = recorder.read("TP-CT", OctetReader.uint8)
    number = recorder.read("TP-MN", OctetReader.uint8)
    destination_address = recorder.read("TP-DA", read_address)
    start = recorder.reader.position
    length = recorder.read("TP-CDL", OctetReader.uint8)
    if length > MAX_COMMAND_DATA:
        raise LimitError(f"command data of {length} octets", start, LAYER)
    data = recorder.read("TP-CD", lambda reader: reader.take(length))
    return SmsCommand(
        reference,
        command_type,
        number,
        destination_address,
        protocol_identifier,
        data,
        status_report_request=bool(first & 0x20),
        has_header=bool(first & 0x40),
    )


_READINGS: dict[tuple[Direction, int], Callable[[Recorder, int], Tpdu]] = {
    (Direction.TO_MOBILE, 0): _deliver,
    (Direction.TO_MOBILE, 1): _submit_report,
    (Direction.TO_MOBILE, 2): _status_report,
    (Direction.FROM_MOBILE, 0): _deliver_report,
    (Direction.FROM_MOBILE, 1): _submit,
    (Direction.FROM_MOBILE, 2): _command,
}
_REFUSALS: dict[tuple[Direction, int], Callable[[Recorder, int], Tpdu]] = {
    (Direction.TO_MOBILE, 1): _submit_refusal,
    (Direction.FROM_MOBILE, 0): _deliver_refusal,
}


def _failure_cause(recorder: Recorder) -> int:
    start = recorder.reader.position
    cause = recorder.read("TP-FCS", OctetReader.uint8)
    if cause < 0x80:
        raise DecodeError(f"{cause:#04x} is no failure cause", start, LAYER)
    return cause


def _indicator(reader: OctetReader) -> int:
    """Read TP-Parameter-Indicator; octets that extend it announce nothing that is defined."""
    indicator = octet = reader.uint8()
    while octet & 0x80:
        octet = reader.uint8()
    return indicator


def _parameters(recorder: Recorder, first: int) -> OptionalParameters:
    return _announced(recorder, recorder.read("TP-PI", _indicator), first)


def _announced(recorder: Recorder, indicator: int, first: int) -> OptionalParameters:
    """Read the parameters that ``indicator`` announces (3GPP 23.040, 9.2.3.27)."""
    identifier = recorder.read("TP-PID", OctetReader.uint8) if indicator & 0x01 else None
    coding = recorder.read("TP-DCS", _data_coding) if indicator & 0x02 else None
    data = _user_data(recorder, coding or DataCoding(), first) if indicator & 0x04 else None
    return OptionalParameters(identifier, coding, data)


def _user_data(recorder: Recorder, coding: DataCoding, first: int) -> UserData:
    length = recorder.read("TP-UDL", OctetReader.uint8)
    return recorder.read(
        "TP-UD",
        lambda reader: read_user_data(reader, length, coding, has_header=bool(first & 0x40)),
    )
