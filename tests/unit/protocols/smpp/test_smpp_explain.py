"""PDUs explained: every octet is named once, TLVs included."""

from __future__ import annotations

import pytest

from omapush.core.explanation import Field
from omapush.protocols.smpp import pdu
from omapush.protocols.smpp.codec import encode_pdu
from omapush.protocols.smpp.errors import PduError
from omapush.protocols.smpp.explain import USER_DATA_HEADER, explain
from omapush.protocols.smpp.fields import DistributionList, SmeAddress, UnsuccessfulSme
from omapush.protocols.smpp.pdu import DeliverSm, Pdu, SubmitSm
from omapush.protocols.smpp.tlvs import Tag, Tlv, tlv

RECEIPT = DeliverSm(
    sequence_number=7,
    source_addr="358401234567",
    source_addr_ton=1,
    esm_class=4,
    short_message=b"id:7",
    tlvs=(tlv(Tag.RECEIPTED_MESSAGE_ID, "7"), tlv(Tag.MESSAGE_STATE, 2), Tlv(0x1400, b"?")),
)
SAMPLES = [
    RECEIPT,
    SubmitSm(esm_class=0x40, short_message=b"\x06\x05\x04\x0b\x84\x23\xf0x"),
    pdu.BindTransceiver(system_id="esme", password="secret"),
    pdu.BindTransceiverResp(command_status=0x0E),
    pdu.SubmitMulti(dest_addresses=(SmeAddress(1, 1, "123"), DistributionList("staff"))),
    pdu.SubmitMultiResp(message_id="1", unsuccess_smes=(UnsuccessfulSme(1, 1, "123", 11),)),
    pdu.EnquireLink(),
    pdu.SubmitSmResp(),
]


def leaves(field: Field) -> list[Field]:
    return [leaf for child in field.children for leaf in leaves(child)] or [field]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_explanation_names_every_octet_once_in_order(sample: Pdu) -> None:
    octets = encode_pdu(sample)
    tree = explain(octets)
    assert tree.octets == octets
    assert b"".join(leaf.octets for leaf in leaves(tree)) == octets
    for field in tree.walk():
        assert octets[field.offset : field.offset + len(field.octets)] == field.octets


def value(tree: Field, name: str) -> tuple[object, str | None]:
    field = tree.named(name)
    assert field is not None, name
    return field.value, field.note


def test_explanation_says_what_fields_mean() -> None:
    tree = explain(encode_pdu(RECEIPT))
    assert tree.name == "deliver_sm"
    assert value(tree, "command_id") == ("deliver_sm", None)
    assert value(tree, "command_status") == ("ESME_ROK (no error)", None)
    assert value(tree, "source_addr") == ("358401234567", None)
    assert value(tree, "source_addr_ton") == (1, "international")
    assert value(tree, "esm_class") == (4, "default mode, delivery_receipt")
    assert value(tree, "sm_length") == (4, None)
    state = tree.named("message_state")
    assert state is not None
    assert [(part.name, part.value, part.note) for part in state.children] == [
        ("parameter_tag", 0x427, None),
        ("length", 1, None),
        ("value", 2, "delivered"),
    ]
    unknown = tree.named("0x1400")
    assert unknown is not None
    assert unknown.children[2].octets == b"?"


def test_explanation_leaves_user_data_to_others_and_says_so() -> None:
    short = explain(encode_pdu(SAMPLES[1])).named("short_message")
    assert short is not None
    assert (short.value, short.note) == (None, USER_DATA_HEADER)
    assert short.octets[:1] == b"\x06"
    payload = SubmitSm(esm_class=0xC0, tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"\0x"),))
    tree = explain(encode_pdu(payload))
    assert value(tree, "esm_class") == (0xC0, "default mode, udhi, reply path")
    found = tree.named("message_payload")
    assert found is not None
    assert found.children[2].note == USER_DATA_HEADER


def test_explanation_shows_no_password_as_text() -> None:
    assert value(explain(encode_pdu(SAMPLES[2])), "password")[0] is None


def test_explanation_warns_of_lengths_and_numbers_that_are_not_proper() -> None:
    tree = explain(encode_pdu(DeliverSm(tlvs=(Tlv(Tag.MESSAGE_STATE, b"\0\2"),), esm_class=0x0C)))
    state = tree.named("message_state")
    assert state is not None
    assert (state.children[2].value, state.children[2].note) == (
        2,
        "2 octets are not what the specification allows",
    )
    assert value(tree, "sequence_number") == (0, "outside 1 to 0x7fffffff")
    assert value(tree, "esm_class") == (12, "default mode, reserved type 0x0c")


def test_explanation_shows_what_decoding_leaves_unread() -> None:
    octets = encode_pdu(pdu.SubmitSmResp(message_id="7", tlvs=(Tlv(0x1D, b"busy\0"),)))[:-1]
    tree = explain(len(octets).to_bytes(4, "big") + octets[4:])
    assert value(tree, "(unread)")[1] == "a TLV that is cut off"


def test_explanation_fails_as_decoding_does() -> None:
    with pytest.raises(PduError):
        explain(b"\0\0\0\x10\0\0\0\x04\0\0\0\0\0\0\0\1")
