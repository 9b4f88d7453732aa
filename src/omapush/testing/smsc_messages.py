"""Messages as a simulated SMSC keeps them: what phones get of them, and their receipts."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from omapush.core.instants import Instant, to_datetime
from omapush.protocols.smpp.pdu import DataSm, DeliverSm, Pdu, SubmitSm
from omapush.protocols.smpp.tlvs import Tag, tlv
from omapush.protocols.smpp.values import UDHI, MessageState, MessageType
from omapush.protocols.sms import data_coding
from omapush.protocols.sms.address import Address
from omapush.protocols.sms.data_coding import DataCoding
from omapush.protocols.sms.segmentation import MAXIMUM, segment
from omapush.protocols.sms.timestamps import Timestamp
from omapush.protocols.sms.tpdu import SmsDeliver
from omapush.protocols.sms.user_data import UserData
from omapush.protocols.sms.user_data_header import (
    ApplicationPorts,
    Concatenation,
    UserDataHeader,
)

STATES = {
    MessageState.ENROUTE: "ENROUTE",
    MessageState.DELIVERED: "DELIVRD",
    MessageState.EXPIRED: "EXPIRED",
    MessageState.DELETED: "DELETED",
    MessageState.UNDELIVERABLE: "UNDELIV",
    MessageState.ACCEPTED: "ACCEPTD",
    MessageState.UNKNOWN: "UNKNOWN",
    MessageState.REJECTED: "REJECTD",
}
"""What receipts call the states (SMPP 3.4, appendix B)."""
INTERNATIONAL = 1
ALPHANUMERIC = 5


class ReceiptForm(enum.Enum):
    """Where a receipt says what it says."""

    BOTH = "both"
    TEXT = "text"
    TLVS = "tlvs"
    DATA_SM = "data_sm"
    """In TLVs of data_sm: WAP's own mapping (WAP-159)."""


@dataclass(slots=True, eq=False)
class KeptMessage:
    """A message that was submitted.

    :ivar message_id: as given in the response.
    :ivar system_id: of the ESME that submitted it, and gets its receipts.
    :ivar pdu: the request as it came.
    :ivar reports: how often a receipt was sent, repetitions included.
    """

    message_id: str
    system_id: str
    pdu: SubmitSm | DataSm
    at: Instant
    state: MessageState = MessageState.ENROUTE
    final_at: Instant | None = None
    reports: int = 0
    reported: bool = field(default=False)

    @property
    def number(self) -> str:
        """The phone's number, with ``+`` if it is international."""
        plus = "+" if self.pdu.dest_addr_ton == INTERNATIONAL else ""
        return plus + self.pdu.destination_addr

    @property
    def wants_receipt(self) -> bool:
        """Whether the ESME asked for one whatever happens (SMPP 3.4, 5.2.17)."""
        return self.pdu.registered_delivery & 3 == 1

    def user_data(self) -> tuple[bytes, ...]:
        """Return the user data of each short message that the phone gets, header first.

        Ports and places that came in TLVs are written into headers; a datagram that is too long
        for one short message is segmented, as an SMSC does.

        :raises EncodeError: it cannot be written as short messages.
        """
        pdu, payload = self.pdu, self.pdu.payload
        source, destination = pdu.integer(Tag.SOURCE_PORT), pdu.integer(Tag.DESTINATION_PORT)
        if pdu.esm_class & UDHI or source is None or destination is None:
            return (payload,)
        total = pdu.integer(Tag.SAR_TOTAL_SEGMENTS)
        reference = pdu.integer(Tag.SAR_MSG_REF_NUM) or 0
        if total is None:
            own = int.from_bytes(self.message_id.encode()[-2:], "big")
            return segment(payload, destination, source, own)
        place = Concatenation(reference, total, pdu.integer(Tag.SAR_SEGMENT_SEQNUM) or 0)
        header = UserDataHeader((place, ApplicationPorts(destination, source)))
        return (header.encode() + payload,)

    def tpdus(self) -> tuple[SmsDeliver, ...]:
        """Return what the phone gets over the air (3GPP 23.040, 9.2.2.1).

        :raises EncodeError: it cannot be written so.
        """
        pdu = self.pdu
        has_header = bool(pdu.esm_class & UDHI) or pdu.tlv(Tag.DESTINATION_PORT) is not None
        coding = DataCoding(pdu.data_coding) if pdu.data_coding else data_coding.OCTETS
        stamp = Timestamp.of(to_datetime(self.at).replace(microsecond=0))
        plus = "+" if pdu.source_addr_ton == INTERNATIONAL else ""
        originator = Address.parse(plus + (pdu.source_addr or "0"))
        return tuple(
            SmsDeliver(
                originator,
                stamp,
                UserData.of_octets(octets[:MAXIMUM], coding, has_header=has_header),
            )
            for octets in self.user_data()
        )

    def receipt(self, form: ReceiptForm, message_id: str) -> Pdu:
        """Return a receipt for the present state.

        :param message_id: as the receipt is to spell it.
        """
        in_tlvs = (
            tlv(Tag.RECEIPTED_MESSAGE_ID, message_id),
            tlv(Tag.MESSAGE_STATE, self.state),
        )
        pdu = self.pdu
        receipt = DeliverSm(
            service_type=pdu.service_type,
            source_addr_ton=pdu.dest_addr_ton,
            source_addr_npi=pdu.dest_addr_npi,
            source_addr=pdu.destination_addr,
            dest_addr_ton=pdu.source_addr_ton,
            dest_addr_npi=pdu.source_addr_npi,
            destination_addr=pdu.source_addr,
            esm_class=MessageType.DELIVERY_RECEIPT,
            short_message=b"" if form is ReceiptForm.TLVS else self._text(message_id),
            tlvs=() if form is ReceiptForm.TEXT else in_tlvs,
        )
        return _as_data_sm(receipt) if form is ReceiptForm.DATA_SM else receipt

    def _text(self, message_id: str) -> bytes:
        done = to_datetime(self.final_at or self.at)
        arrived = int(self.state is MessageState.DELIVERED)
        error = 0 if arrived else 1
        submitted = to_datetime(self.at)
        return (
            f"id:{message_id} sub:001 dlvrd:{arrived:03} submit date:{submitted:%y%m%d%H%M} "
            f"done date:{done:%y%m%d%H%M} stat:{STATES[self.state]} err:{error:03} text:"
        ).encode()


def _as_data_sm(receipt: DeliverSm) -> DataSm:
    return DataSm(
        service_type=receipt.service_type,
        source_addr_ton=receipt.source_addr_ton,
        source_addr_npi=receipt.source_addr_npi,
        source_addr=receipt.source_addr,
        dest_addr_ton=receipt.dest_addr_ton,
        dest_addr_npi=receipt.dest_addr_npi,
        destination_addr=receipt.destination_addr,
        esm_class=receipt.esm_class,
        tlvs=receipt.tlvs,
    )
