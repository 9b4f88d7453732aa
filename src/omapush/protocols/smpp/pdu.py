"""Protocol data units, one class each (SMPP 3.4, section 4; SMPP 5.0, section 4).

A class lists its mandatory fields in the order of the wire; the annotation of a field is all that
reading, writing and explaining need. Where the two versions differ, 5.0 is a superset of 3.4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from omapush.protocols.smpp import fields as f
from omapush.protocols.smpp.commands import CommandId
from omapush.protocols.smpp.tlvs import MAX_INTEGER, Tag, Tlv
from omapush.protocols.smpp.values import InterfaceVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """What all have: the header (SMPP 3.4, 3.2) and optional parameters.

    :ivar sequence_number: joins a response to its request; whoever sends requests through a
        session leaves it 0 and the session numbers them.
    :ivar command_status: 0 in requests.
    """

    command_id: ClassVar[CommandId]
    bare_when_refused: ClassVar[bool] = False
    """A response without body when its status is not 0 (SMPP 3.4, 4.1.2 and 4.4.2)."""

    sequence_number: int = 0
    command_status: int = 0
    tlvs: tuple[Tlv, ...] = ()

    def tlv(self, tag: int) -> Tlv | None:
        """Return the first TLV with ``tag``."""
        for known in self.tlvs:
            if known.tag == tag:
                return known
        return None

    def integer(self, tag: int) -> int | None:
        """Return a TLV as a number, whatever its width; ``None`` if absent or not a number."""
        found = self.tlv(tag)
        proper = found is not None and 1 <= len(found.octets) <= MAX_INTEGER
        return found.as_integer() if found is not None and proper else None

    def text(self, tag: int) -> str | None:
        """Return a TLV as text up to its NUL; ``None`` if absent."""
        found = self.tlv(tag)
        return None if found is None else found.as_text()

    def octets(self, tag: int) -> bytes | None:
        """Return the octets of a TLV; ``None`` if absent."""
        found = self.tlv(tag)
        return None if found is None else found.octets


# -- session (SMPP 3.4, 4.1 to 4.3 and 4.11) --


@dataclass(frozen=True, slots=True)
class Bind(Pdu):
    """What the three bind requests have in common."""

    system_id: f.SystemId = ""
    password: f.Password = field(default="", repr=False)
    system_type: f.SystemType = ""
    interface_version: f.Octet = InterfaceVersion.V3_4
    addr_ton: f.Octet = 0
    addr_npi: f.Octet = 0
    address_range: f.AddressRange = ""


@dataclass(frozen=True, slots=True)
class BindTransmitter(Bind):
    """Bind to send messages to the SMSC."""

    command_id = CommandId.BIND_TRANSMITTER


@dataclass(frozen=True, slots=True)
class BindReceiver(Bind):
    """Bind to get messages from the SMSC."""

    command_id = CommandId.BIND_RECEIVER


@dataclass(frozen=True, slots=True)
class BindTransceiver(Bind):
    """Bind for both."""

    command_id = CommandId.BIND_TRANSCEIVER


@dataclass(frozen=True, slots=True)
class BindResp(Pdu):
    """What the three bind responses have in common."""

    bare_when_refused = True

    system_id: f.GivenSystemId = ""


@dataclass(frozen=True, slots=True)
class BindTransmitterResp(BindResp):
    """Answer to bind_transmitter."""

    command_id = CommandId.BIND_TRANSMITTER_RESP


@dataclass(frozen=True, slots=True)
class BindReceiverResp(BindResp):
    """Answer to bind_receiver."""

    command_id = CommandId.BIND_RECEIVER_RESP


@dataclass(frozen=True, slots=True)
class BindTransceiverResp(BindResp):
    """Answer to bind_transceiver."""

    command_id = CommandId.BIND_TRANSCEIVER_RESP


@dataclass(frozen=True, slots=True)
class Outbind(Pdu):
    """The SMSC asks the ESME, which it dialled, to bind; there is no response."""

    command_id = CommandId.OUTBIND

    system_id: f.SystemId = ""
    password: f.Password = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Unbind(Pdu):
    """End the session."""

    command_id = CommandId.UNBIND


@dataclass(frozen=True, slots=True)
class UnbindResp(Pdu):
    """Answer to unbind."""

    command_id = CommandId.UNBIND_RESP


@dataclass(frozen=True, slots=True)
class EnquireLink(Pdu):
    """Ask whether the other end is alive."""

    command_id = CommandId.ENQUIRE_LINK


@dataclass(frozen=True, slots=True)
class EnquireLinkResp(Pdu):
    """Answer to enquire_link."""

    command_id = CommandId.ENQUIRE_LINK_RESP


@dataclass(frozen=True, slots=True)
class GenericNack(Pdu):
    """A PDU could not be understood at all."""

    command_id = CommandId.GENERIC_NACK


# -- messages (SMPP 3.4, 4.4 to 4.7) --


@dataclass(frozen=True, slots=True)
class _Message(Pdu):
    """submit_sm and deliver_sm have the same fields."""

    service_type: f.ServiceType = ""
    source_addr_ton: f.SourceTon = 0
    source_addr_npi: f.SourceNpi = 0
    source_addr: f.SourceAddress = ""
    dest_addr_ton: f.DestinationTon = 0
    dest_addr_npi: f.DestinationNpi = 0
    destination_addr: f.DestinationAddress = ""
    esm_class: f.Octet = 0
    protocol_id: f.Octet = 0
    priority_flag: f.Octet = 0
    schedule_delivery_time: f.ScheduleTime = ""
    validity_period: f.ValidityPeriod = ""
    registered_delivery: f.Octet = 0
    replace_if_present_flag: f.Octet = 0
    data_coding: f.Octet = 0
    sm_default_msg_id: f.Octet = 0
    short_message: f.ShortMessageOctets = b""

    @property
    def payload(self) -> bytes:
        """The message: short_message, or message_payload if that is empty."""
        return self.short_message or self.octets(Tag.MESSAGE_PAYLOAD) or b""


@dataclass(frozen=True, slots=True)
class SubmitSm(_Message):
    """A message for one handset."""

    command_id = CommandId.SUBMIT_SM


@dataclass(frozen=True, slots=True)
class SubmitSmResp(Pdu):
    """The SMSC took the message under ``message_id``, or refused it."""

    command_id = CommandId.SUBMIT_SM_RESP
    bare_when_refused = True

    message_id: f.GivenMessageId = ""


@dataclass(frozen=True, slots=True)
class DeliverSm(_Message):
    """A message or a delivery receipt for the ESME."""

    command_id = CommandId.DELIVER_SM


@dataclass(frozen=True, slots=True)
class DeliverSmResp(Pdu):
    """Answer to deliver_sm; ``message_id`` is not used."""

    command_id = CommandId.DELIVER_SM_RESP

    message_id: f.GivenMessageId = ""


@dataclass(frozen=True, slots=True)
class SubmitMulti(Pdu):
    """A message for up to 255 handsets and distribution lists."""

    command_id = CommandId.SUBMIT_MULTI

    service_type: f.ServiceType = ""
    source_addr_ton: f.SourceTon = 0
    source_addr_npi: f.SourceNpi = 0
    source_addr: f.SourceAddress = ""
    dest_addresses: f.Destinations = ()
    esm_class: f.Octet = 0
    protocol_id: f.Octet = 0
    priority_flag: f.Octet = 0
    schedule_delivery_time: f.ScheduleTime = ""
    validity_period: f.ValidityPeriod = ""
    registered_delivery: f.Octet = 0
    replace_if_present_flag: f.Octet = 0
    data_coding: f.Octet = 0
    sm_default_msg_id: f.Octet = 0
    short_message: f.ShortMessageOctets = b""


@dataclass(frozen=True, slots=True)
class SubmitMultiResp(Pdu):
    """The SMSC took the message, except for ``unsuccess_smes``."""

    command_id = CommandId.SUBMIT_MULTI_RESP
    bare_when_refused = True

    message_id: f.GivenMessageId = ""
    unsuccess_smes: f.Unsuccessful = ()


@dataclass(frozen=True, slots=True)
class DataSm(Pdu):
    """A message either way, its content in message_payload; the WAP mapping of WDP uses it."""

    command_id = CommandId.DATA_SM

    service_type: f.ServiceType = ""
    source_addr_ton: f.SourceTon = 0
    source_addr_npi: f.SourceNpi = 0
    source_addr: f.LongSourceAddress = ""
    dest_addr_ton: f.DestinationTon = 0
    dest_addr_npi: f.DestinationNpi = 0
    destination_addr: f.LongDestinationAddress = ""
    esm_class: f.Octet = 0
    registered_delivery: f.Octet = 0
    data_coding: f.Octet = 0

    @property
    def payload(self) -> bytes:
        """The message."""
        return self.octets(Tag.MESSAGE_PAYLOAD) or b""


@dataclass(frozen=True, slots=True)
class DataSmResp(Pdu):
    """Answer to data_sm."""

    command_id = CommandId.DATA_SM_RESP

    message_id: f.GivenMessageId = ""


# -- messages already taken (SMPP 3.4, 4.8 to 4.10 and 4.12) --


@dataclass(frozen=True, slots=True)
class QuerySm(Pdu):
    """Ask for the state of a message."""

    command_id = CommandId.QUERY_SM

    message_id: f.MessageId = ""
    source_addr_ton: f.SourceTon = 0
    source_addr_npi: f.SourceNpi = 0
    source_addr: f.SourceAddress = ""


@dataclass(frozen=True, slots=True)
class QuerySmResp(Pdu):
    """The state of a message; ``final_date`` is empty until it has a final one."""

    command_id = CommandId.QUERY_SM_RESP
    bare_when_refused = True

    message_id: f.GivenMessageId = ""
    final_date: f.FinalDate = ""
    message_state: f.Octet = 0
    error_code: f.Octet = 0


@dataclass(frozen=True, slots=True)
class CancelSm(Pdu):
    """Cancel a message, or all between two addresses if ``message_id`` is empty."""

    command_id = CommandId.CANCEL_SM

    service_type: f.ServiceType = ""
    message_id: f.MessageId = ""
    source_addr_ton: f.SourceTon = 0
    source_addr_npi: f.SourceNpi = 0
    source_addr: f.SourceAddress = ""
    dest_addr_ton: f.DestinationTon = 0
    dest_addr_npi: f.DestinationNpi = 0
    destination_addr: f.DestinationAddress = ""


@dataclass(frozen=True, slots=True)
class CancelSmResp(Pdu):
    """Answer to cancel_sm."""

    command_id = CommandId.CANCEL_SM_RESP


@dataclass(frozen=True, slots=True)
class ReplaceSm(Pdu):
    """Replace the text of a message that is not delivered yet."""

    command_id = CommandId.REPLACE_SM

    message_id: f.MessageId = ""
    source_addr_ton: f.SourceTon = 0
    source_addr_npi: f.SourceNpi = 0
    source_addr: f.SourceAddress = ""
    schedule_delivery_time: f.ScheduleTime = ""
    validity_period: f.ValidityPeriod = ""
    registered_delivery: f.Octet = 0
    sm_default_msg_id: f.Octet = 0
    short_message: f.ShortMessageOctets = b""


@dataclass(frozen=True, slots=True)
class ReplaceSmResp(Pdu):
    """Answer to replace_sm."""

    command_id = CommandId.REPLACE_SM_RESP


@dataclass(frozen=True, slots=True)
class AlertNotification(Pdu):
    """A handset that could not be reached (set_dpf) is there again; there is no response."""

    command_id = CommandId.ALERT_NOTIFICATION

    source_addr_ton: f.SourceTon = 0
    source_addr_npi: f.SourceNpi = 0
    source_addr: f.LongSourceAddress = ""
    esme_addr_ton: f.DestinationTon = 0
    esme_addr_npi: f.DestinationNpi = 0
    esme_addr: f.LongDestinationAddress = ""


# -- cell broadcast (SMPP 5.0, 4.4) --


@dataclass(frozen=True, slots=True)
class BroadcastSm(Pdu):
    """A message for an area; area, content type, repetitions and interval are TLVs."""

    command_id = CommandId.BROADCAST_SM

    service_type: f.ServiceType = ""
    source_addr_ton: f.SourceTon = 0
    source_addr_npi: f.SourceNpi = 0
    source_addr: f.SourceAddress = ""
    message_id: f.MessageId = ""
    priority_flag: f.Octet = 0
    schedule_delivery_time: f.ScheduleTime = ""
    validity_period: f.ValidityPeriod = ""
    replace_if_present_flag: f.Octet = 0
    data_coding: f.Octet = 0
    sm_default_msg_id: f.Octet = 0


@dataclass(frozen=True, slots=True)
class BroadcastSmResp(Pdu):
    """Answer to broadcast_sm."""

    command_id = CommandId.BROADCAST_SM_RESP
    bare_when_refused = True

    message_id: f.GivenMessageId = ""


@dataclass(frozen=True, slots=True)
class QueryBroadcastSm(Pdu):
    """Ask for the state of a broadcast."""

    command_id = CommandId.QUERY_BROADCAST_SM

    message_id: f.MessageId = ""
    source_addr_ton: f.SourceTon = 0
    source_addr_npi: f.SourceNpi = 0
    source_addr: f.SourceAddress = ""


@dataclass(frozen=True, slots=True)
class QueryBroadcastSmResp(Pdu):
    """The state of a broadcast is in TLVs."""

    command_id = CommandId.QUERY_BROADCAST_SM_RESP
    bare_when_refused = True

    message_id: f.GivenMessageId = ""


@dataclass(frozen=True, slots=True)
class CancelBroadcastSm(Pdu):
    """Cancel a broadcast."""

    command_id = CommandId.CANCEL_BROADCAST_SM

    service_type: f.ServiceType = ""
    message_id: f.MessageId = ""
    source_addr_ton: f.SourceTon = 0
    source_addr_npi: f.SourceNpi = 0
    source_addr: f.SourceAddress = ""


@dataclass(frozen=True, slots=True)
class CancelBroadcastSmResp(Pdu):
    """Answer to cancel_broadcast_sm."""

    command_id = CommandId.CANCEL_BROADCAST_SM_RESP
