"""Optional parameters, called TLVs since SMPP 5.0 (SMPP 3.4, 5.3; SMPP 5.0, 4.8.4).

A :class:`Tlv` keeps its octets as they came, known or not, so that every PDU can be written again
as it was. Reading a value is forgiving: SMSCs send strings without NUL and numbers of other widths.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from omapush.core.errors import EncodeError
from omapush.core.octets import OctetReader, OctetWriter

MAX_VALUE = 0xFFFF
MAX_INTEGER = 4


class Tag(enum.IntEnum):
    """Tags that the specification names."""

    DEST_ADDR_SUBUNIT = 0x0005
    DEST_NETWORK_TYPE = 0x0006
    DEST_BEARER_TYPE = 0x0007
    DEST_TELEMATICS_ID = 0x0008
    SOURCE_ADDR_SUBUNIT = 0x000D
    SOURCE_NETWORK_TYPE = 0x000E
    SOURCE_BEARER_TYPE = 0x000F
    SOURCE_TELEMATICS_ID = 0x0010
    QOS_TIME_TO_LIVE = 0x0017
    PAYLOAD_TYPE = 0x0019
    ADDITIONAL_STATUS_INFO_TEXT = 0x001D
    RECEIPTED_MESSAGE_ID = 0x001E
    MS_MSG_WAIT_FACILITIES = 0x0030
    PRIVACY_INDICATOR = 0x0201
    SOURCE_SUBADDRESS = 0x0202
    DEST_SUBADDRESS = 0x0203
    USER_MESSAGE_REFERENCE = 0x0204
    USER_RESPONSE_CODE = 0x0205
    SOURCE_PORT = 0x020A
    DESTINATION_PORT = 0x020B
    SAR_MSG_REF_NUM = 0x020C
    LANGUAGE_INDICATOR = 0x020D
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    CALLBACK_NUM_PRES_IND = 0x0302
    CALLBACK_NUM_ATAG = 0x0303
    NUMBER_OF_MESSAGES = 0x0304
    CALLBACK_NUM = 0x0381
    DPF_RESULT = 0x0420
    SET_DPF = 0x0421
    MS_AVAILABILITY_STATUS = 0x0422
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    DELIVERY_FAILURE_REASON = 0x0425
    MORE_MESSAGES_TO_SEND = 0x0426
    MESSAGE_STATE = 0x0427
    CONGESTION_STATE = 0x0428
    USSD_SERVICE_OP = 0x0501
    BROADCAST_CHANNEL_INDICATOR = 0x0600
    BROADCAST_CONTENT_TYPE = 0x0601
    BROADCAST_CONTENT_TYPE_INFO = 0x0602
    BROADCAST_MESSAGE_CLASS = 0x0603
    BROADCAST_REP_NUM = 0x0604
    BROADCAST_FREQUENCY_INTERVAL = 0x0605
    BROADCAST_AREA_IDENTIFIER = 0x0606
    BROADCAST_ERROR_STATUS = 0x0607
    BROADCAST_AREA_SUCCESS = 0x0608
    BROADCAST_END_TIME = 0x0609
    BROADCAST_SERVICE_GROUP = 0x060A
    BILLING_IDENTIFICATION = 0x060B
    SOURCE_NETWORK_ID = 0x060D
    DEST_NETWORK_ID = 0x060E
    SOURCE_NODE_ID = 0x060F
    DEST_NODE_ID = 0x0610
    DEST_ADDR_NP_RESOLUTION = 0x0611
    DEST_ADDR_NP_INFORMATION = 0x0612
    DEST_ADDR_NP_COUNTRY = 0x0613
    DISPLAY_TIME = 0x1201
    SMS_SIGNAL = 0x1203
    MS_VALIDITY = 0x1204
    ALERT_ON_MESSAGE_DELIVERY = 0x130C
    ITS_REPLY_TYPE = 0x1380
    ITS_SESSION_INFO = 0x1383


class Form(enum.Enum):
    """What the octets of a value are."""

    INTEGER = "integer"
    TEXT = "text"
    OCTETS = "octets"


@dataclass(frozen=True, slots=True)
class TlvKind:
    """The form of a value and how many octets it may have, a text's NUL included."""

    form: Form
    least: int
    most: int


def _integer(size: int) -> TlvKind:
    return TlvKind(Form.INTEGER, size, size)


def _text(least: int, most: int) -> TlvKind:
    return TlvKind(Form.TEXT, least, most)


def _octets(least: int, most: int) -> TlvKind:
    return TlvKind(Form.OCTETS, least, most)


KINDS: dict[int, TlvKind] = {
    **dict.fromkeys(Tag, _integer(1)),
    Tag.DEST_TELEMATICS_ID: _integer(2),
    Tag.QOS_TIME_TO_LIVE: _integer(4),
    Tag.ADDITIONAL_STATUS_INFO_TEXT: _text(1, 256),
    Tag.RECEIPTED_MESSAGE_ID: _text(1, 65),
    Tag.SOURCE_SUBADDRESS: _octets(2, 23),
    Tag.DEST_SUBADDRESS: _octets(2, 23),
    Tag.USER_MESSAGE_REFERENCE: _integer(2),
    Tag.SOURCE_PORT: _integer(2),
    Tag.DESTINATION_PORT: _integer(2),
    Tag.SAR_MSG_REF_NUM: _integer(2),
    Tag.CALLBACK_NUM_ATAG: _octets(0, 65),
    Tag.CALLBACK_NUM: _octets(4, 19),
    Tag.NETWORK_ERROR_CODE: _octets(3, 3),
    Tag.MESSAGE_PAYLOAD: _octets(0, MAX_VALUE),
    Tag.BROADCAST_CONTENT_TYPE: _octets(3, 3),
    Tag.BROADCAST_CONTENT_TYPE_INFO: _octets(1, 255),
    Tag.BROADCAST_REP_NUM: _integer(2),
    Tag.BROADCAST_FREQUENCY_INTERVAL: _octets(3, 3),
    Tag.BROADCAST_AREA_IDENTIFIER: _octets(1, MAX_VALUE),
    Tag.BROADCAST_ERROR_STATUS: _integer(4),
    Tag.BROADCAST_END_TIME: _text(1, 17),
    Tag.BROADCAST_SERVICE_GROUP: _octets(1, 255),
    Tag.BILLING_IDENTIFICATION: _octets(1, 1024),
    Tag.SOURCE_NETWORK_ID: _text(7, 66),
    Tag.DEST_NETWORK_ID: _text(7, 66),
    Tag.SOURCE_NODE_ID: _octets(6, 6),
    Tag.DEST_NODE_ID: _octets(6, 6),
    Tag.DEST_ADDR_NP_INFORMATION: _octets(1, 10),
    Tag.DEST_ADDR_NP_COUNTRY: _octets(1, 5),
    Tag.SMS_SIGNAL: _integer(2),
    # One octet in 3.4; 5.0 adds a unit and a count after it.
    Tag.MS_VALIDITY: _octets(1, 4),
    Tag.ALERT_ON_MESSAGE_DELIVERY: _octets(0, 1),
    Tag.ITS_SESSION_INFO: _integer(2),
}
"""Of every named tag; one octet is what most have."""


@dataclass(frozen=True, slots=True)
class Tlv:
    """One optional parameter; ``octets`` are its value as it stands in the PDU."""

    tag: int
    octets: bytes

    @property
    def name(self) -> str:
        """The specification's name, or the tag in hexadecimal."""
        try:
            return Tag(self.tag).name.lower()
        except ValueError:
            return f"0x{self.tag:04x}"

    @property
    def has_proper_length(self) -> bool:
        """Whether the value is as long as the specification lets it be; unknown tags always."""
        kind = KINDS.get(self.tag)
        return kind is None or kind.least <= len(self.octets) <= kind.most

    @property
    def value(self) -> int | str | bytes:
        """The value in its form; octets, where the form is unknown or not kept."""
        kind = KINDS.get(self.tag)
        form = Form.OCTETS if kind is None else kind.form
        if form is Form.INTEGER and 1 <= len(self.octets) <= MAX_INTEGER:
            return self.as_integer()
        return self.as_text() if form is Form.TEXT else self.octets

    def as_integer(self) -> int:
        """Read the octets as an unsigned number."""
        return int.from_bytes(self.octets, "big")

    def as_text(self) -> str:
        """Read the octets up to a NUL, if there is one, each as one character (ISO 8859-1)."""
        return self.octets.partition(b"\0")[0].decode("latin-1")


def tlv(tag: int, value: int | str | bytes) -> Tlv:
    """Make a TLV: a number in the tag's width, a text with its NUL, octets as they are.

    :raises EncodeError: the value has not the form or the length that the tag asks for.
    """
    kind = KINDS.get(tag)
    form = None if kind is None else kind.form
    if isinstance(value, bytes):
        octets = value
    elif isinstance(value, str) and form in (None, Form.TEXT):
        octets = _c_octets(value)
    elif isinstance(value, int) and kind is not None and form is Form.INTEGER:
        octets = _number(value, kind.most)
    else:
        raise EncodeError(f"TLV 0x{tag:04x} holds no {type(value).__name__}", layer="smpp")
    made = Tlv(tag, octets)
    if not made.has_proper_length or len(octets) > MAX_VALUE or not 0 <= tag <= 0xFFFF:
        raise EncodeError(f"TLV 0x{tag:04x} cannot hold {len(octets)} octets", layer="smpp")
    return made


def read_tlv(reader: OctetReader) -> Tlv:
    """Read one TLV. :raises DecodeError: cut off."""
    tag = reader.uint16()
    return Tlv(tag, reader.take(reader.uint16()))


def write_tlv(writer: OctetWriter, written: Tlv) -> None:
    """Append a TLV. :raises EncodeError: the tag or the length does not fit two octets."""
    writer.uint16(written.tag).uint16(len(written.octets)).take(written.octets)


def _number(value: int, size: int) -> bytes:
    try:
        return value.to_bytes(size, "big")
    except OverflowError as error:
        raise EncodeError(f"{value} does not fit {size} octets", layer="smpp") from error


def _c_octets(text: str) -> bytes:
    try:
        octets = text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise EncodeError("text has characters beyond ISO 8859-1", layer="smpp") from error
    if b"\0" in octets:
        raise EncodeError("a NUL-terminated string cannot hold a NUL", layer="smpp")
    return octets + b"\0"
