"""What a response of the peer means for the request that it answers."""

from __future__ import annotations

from omapush.protocols.smpp.codec import PDU_CLASSES, Header, decode_pdu
from omapush.protocols.smpp.commands import RESPONSE, CommandId
from omapush.protocols.smpp.errors import PduError
from omapush.protocols.smpp.pdu import Pdu
from omapush.protocols.smpp.primitives import Reference, SendCnf, SendKind
from omapush.protocols.smpp.status import StatusClass, classify, describe
from omapush.protocols.smpp.tlvs import Tag


def answers(header: Header, command_id: int) -> bool:
    """Whether a response is of the kind that ``command_id`` gets."""
    return header.command_id in (command_id | RESPONSE, CommandId.GENERIC_NACK)


def read_response(octets: bytes, header: Header) -> tuple[Pdu | None, str]:
    """Read a response, or say why it cannot be read; of such a refusal the status is enough."""
    try:
        return decode_pdu(octets, header), ""
    except PduError as error:
        if header.command_status and header.command_id in PDU_CLASSES:
            bare = PDU_CLASSES[header.command_id](
                sequence_number=header.sequence_number, command_status=header.command_status
            )
            return bare, ""
        return None, f"the response cannot be read: {error}"


def confirmation(reference: Reference, octets: bytes, header: Header) -> SendCnf:
    """Return the outcome of the request that this response answers.

    In doubt if the response cannot be read and does not refuse: the peer may have taken it.
    """
    response, reason = read_response(octets, header)
    if response is None:
        return SendCnf(reference, SendKind.IN_DOUBT, StatusClass.UNKNOWN, None, reason)
    status = response.command_status
    failure_reason = response.integer(Tag.DELIVERY_FAILURE_REASON) if response.tlvs else None
    status_class = classify(status, failure_reason)
    if response.command_id == CommandId.GENERIC_NACK and status_class is StatusClass.SUCCESS:
        status_class = StatusClass.UNKNOWN  # a refusal that does not say why
    said = describe(status) if status else ""
    return SendCnf(reference, SendKind.ANSWERED, status_class, response, said)
