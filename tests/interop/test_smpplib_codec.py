"""SMPP between us and smpplib: what it reads in our octets, and what we read in its own."""

from __future__ import annotations

import importlib
import os
from types import SimpleNamespace
from typing import Any

import pytest

from omapush.protocols.smpp.codec import decode_pdu, encode_pdu, layout_of
from omapush.protocols.smpp.pdu import (
    BindTransceiver,
    BindTransceiverResp,
    DeliverSm,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Pdu,
    QuerySm,
    SubmitSm,
    SubmitSmResp,
    Unbind,
)
from omapush.protocols.smpp.tlvs import Tag, tlv

RECEIPT = b"id:0000000007 sub:001 dlvrd:001 submit date:1111221200 stat:DELIVRD err:000 text:"
PDUS: list[Pdu] = [
    BindTransceiver(sequence_number=1, system_id="a", password="b", system_type="c"),
    BindTransceiverResp(
        sequence_number=1, system_id="smsc", tlvs=(tlv(Tag.SC_INTERFACE_VERSION, 0x34),)
    ),
    SubmitSm(
        sequence_number=2,
        service_type="WAP",
        source_addr_ton=5,
        source_addr="1234",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr="358401234567",
        esm_class=0x40,
        data_coding=4,
        registered_delivery=1,
        priority_flag=2,
        short_message=bytes.fromhex("0605040b8423f001060183"),
    ),
    SubmitSm(
        sequence_number=3,
        destination_addr="358401234567",
        data_coding=4,
        tlvs=(
            *(tlv(Tag.SOURCE_PORT, 9_200), tlv(Tag.DESTINATION_PORT, 2_948)),
            *(tlv(Tag.SAR_MSG_REF_NUM, 77), tlv(Tag.SAR_TOTAL_SEGMENTS, 2)),
            *(tlv(Tag.SAR_SEGMENT_SEQNUM, 1), tlv(Tag.MESSAGE_PAYLOAD, b"\x01\x06\x01\x83x")),
        ),
    ),
    SubmitSmResp(sequence_number=3, message_id="0000000007"),
    DeliverSm(
        sequence_number=4,
        source_addr="358401234567",
        esm_class=4,
        short_message=RECEIPT,
        tlvs=(tlv(Tag.RECEIPTED_MESSAGE_ID, "0000000007"), tlv(Tag.MESSAGE_STATE, 2)),
    ),
    QuerySm(sequence_number=5, message_id="0000000007", source_addr="1234"),
    EnquireLink(sequence_number=6),
    EnquireLinkResp(sequence_number=6),
    GenericNack(sequence_number=7, command_status=3),
    Unbind(sequence_number=8),
]


@pytest.fixture(scope="module")
def smpplib() -> Any:
    """Return smpplib's package of PDUs."""
    try:
        return importlib.import_module("smpplib.smpp")
    except ImportError:
        if os.environ.get("CI") == "true":
            pytest.fail("smpplib is missing")
        return pytest.skip("smpplib is missing")


# It asks its client for the numbers of requests, also of those that it reads.
CLIENT = SimpleNamespace(next_sequence=lambda: 9)


def plain(value: object) -> object:
    """Return one of smpplib's values as we have it: text for octets, nothing for empty."""
    return value.decode("latin-1") if isinstance(value, bytes) else (value or "")


@pytest.mark.parametrize("number", range(len(PDUS)))
def test_smpplib_reads_our_pdu(smpplib: Any, number: int) -> None:
    pdu = PDUS[number]
    read = smpplib.parse_pdu(encode_pdu(pdu), client=CLIENT)
    assert (read.sequence, read.status) == (pdu.sequence_number, pdu.command_status)
    for name, _ in layout_of(type(pdu)):
        assert plain(getattr(read, name)) == plain(getattr(pdu, name)), name
    for each in pdu.tlvs:
        assert plain(getattr(read, each.name)) == plain(each.value), each.name


def test_we_read_what_smpplib_writes(smpplib: Any) -> None:
    user_data = bytes.fromhex("0605040b8423f001060183")
    submit = smpplib.make_pdu(
        "submit_sm",
        client=CLIENT,
        source_addr_ton=5,
        source_addr="1234",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr="358401234567",
        esm_class=0x40,
        data_coding=4,
        registered_delivery=1,
        short_message=user_data,
        sar_msg_ref_num=77,
        user_message_reference=5,
    )
    assert decode_pdu(submit.generate()) == SubmitSm(
        sequence_number=9,
        source_addr_ton=5,
        source_addr="1234",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr="358401234567",
        esm_class=0x40,
        data_coding=4,
        registered_delivery=1,
        short_message=user_data,
        tlvs=(tlv(Tag.USER_MESSAGE_REFERENCE, 5), tlv(Tag.SAR_MSG_REF_NUM, 77)),
    )
    bind = smpplib.make_pdu(
        "bind_transceiver", client=CLIENT, system_id="a", password="b", system_type="c"
    )
    read = decode_pdu(bind.generate())
    assert isinstance(read, BindTransceiver)
    assert (read.system_id, read.password, read.system_type) == ("a", "b", "c")
    query = smpplib.make_pdu("query_sm", client=CLIENT, message_id="7", source_addr="1234")
    assert decode_pdu(query.generate()) == QuerySm(
        sequence_number=9, message_id="7", source_addr="1234"
    )
