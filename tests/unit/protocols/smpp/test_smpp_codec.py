"""SMPP PDUs to octets and back: vectors, every command, limits, what is refused and how."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from omapush.core.errors import EncodeError, LimitError
from omapush.protocols.smpp import pdu
from omapush.protocols.smpp.codec import (
    LAYOUTS,
    PDU_CLASSES,
    answer_to,
    decode_pdu,
    encode_pdu,
    read_header,
)
from omapush.protocols.smpp.commands import RESPONSE, CommandId, name_of
from omapush.protocols.smpp.errors import PduError
from omapush.protocols.smpp.fields import DistributionList, SmeAddress, UnsuccessfulSme
from omapush.protocols.smpp.pdu import DataSm, DataSmResp, DeliverSm, Pdu, SubmitSm
from omapush.protocols.smpp.status import CommandStatus
from omapush.protocols.smpp.tlvs import Tag, Tlv, tlv
from omapush.protocols.smpp.values import MessageState

HANDSET = "358401234567"
V31 = bytes.fromhex(
    "0000008a0000000400000000000000010005003132333400010133353834303132333435363700400000000001000400"
    "590605040b8423f0010603aeaf8202056a0045c60d0378797a008503656d61696c2f3132332f6162632e776d6c000ac3"
    "071999062515231510c304199906300103596f7520686176652034206e657720652d6d61696c73000101"
)
V32 = bytes.fromhex(
    "000000c50000000400000000000000050005003132333400010133353834303132333435363700000000000001000400"
    "787b0603beaf848c82985431323334353637008d908919802b3335383430313233343536372f545950453d504c4d4e00"
    "964772656574696e67732066726f6d2074686520707573682074657374207375697465008a808e0278008805810303f4"
    "8083687474703a2f2f6d6d73632e6578616d706c652e636f6d020a000223f0020b00020b84020c00021234020e000102"
    "020f000101"
)
V32B = bytes.fromhex(
    "000000730000000400000000000000060005003132333400010133353834303132333435363700000000000001000400"
    "262f6d6d732f303132333435363738396162636465663031323334353637383961626364656600020a000223f0020b00"
    "020b84020c00021234020e000102020f000102"
)
V33 = bytes.fromhex(
    "000000df0000000400000000000000040005003132333400010133353834303132333435363700000000000001000400"
    "00020a000223f0020b00020b840424009e7b0603beaf848c82985431323334353637008d908919802b33353834303132"
    "33343536372f545950453d504c4d4e00964772656574696e67732066726f6d2074686520707573682074657374207375"
    "697465008a808e0278008805810303f48083687474703a2f2f6d6d73632e6578616d706c652e636f6d2f6d6d732f3031"
    "32333435363738396162636465663031323334353637383961626364656600"
)
V34 = bytes.fromhex(
    "0000008b00000103000000000000000157415000000000010133353834303132333435363700000104020a000223f002"
    "0b00020b8404240052010603aeaf8202056a0045c60d0378797a008503656d61696c2f3132332f6162632e776d6c000a"
    "c3071999062515231510c304199906300103596f7520686176652034206e657720652d6d61696c73000101"
)
V35 = bytes.fromhex("00000019800001030000000000000001303030303030303700")
V36 = bytes.fromhex(
    "0000003b00000103000000000000000157415000010133353834303132333435363700000000040000001e0009303030"
    "3030303037000427000102"
)
V37 = bytes.fromhex(
    "000000a20000000500000000000000070001013335383430313233343536370005003132333400040000000000000000"
    "6669643a30303030303030303037207375623a30303120646c7672643a303031207375626d697420646174653a313131"
    "3132323132303020646f6e6520646174653a3131313132323132303120737461743a44454c49565244206572723a3030"
    "3020746578743a001e000237000427000102"
)
ECHO = bytes.fromhex(
    "0000003c0000010300000000000000025741500000000001013335383430313233343536370000000400190001010424"
    "000ab2000001000270696e67"
)
SUBMIT = SubmitSm(
    source_addr_ton=5,
    source_addr="1234",
    dest_addr_ton=1,
    dest_addr_npi=1,
    destination_addr=HANDSET,
    registered_delivery=1,
    data_coding=4,
)
PORTS = (tlv(Tag.SOURCE_PORT, 9200), tlv(Tag.DESTINATION_PORT, 2948))
WDP = DataSm(
    sequence_number=1,
    service_type="WAP",
    dest_addr_ton=1,
    dest_addr_npi=1,
    destination_addr=HANDSET,
    registered_delivery=1,
    data_coding=4,
    tlvs=PORTS,
)


def sar(number: int) -> tuple[Tlv, ...]:
    return (
        *PORTS,
        tlv(Tag.SAR_MSG_REF_NUM, 0x1234),
        tlv(Tag.SAR_TOTAL_SEGMENTS, 2),
        tlv(Tag.SAR_SEGMENT_SEQNUM, number),
    )


VECTORS = {
    "V31": (V31, replace(SUBMIT, sequence_number=1, esm_class=0x40, short_message=V31[49:138])),
    "V32": (V32, replace(SUBMIT, sequence_number=5, short_message=V32[49:169], tlvs=sar(1))),
    "V32b": (V32B, replace(SUBMIT, sequence_number=6, short_message=V32B[49:87], tlvs=sar(2))),
    "V33": (
        V33,
        replace(SUBMIT, sequence_number=4, tlvs=(*PORTS, tlv(Tag.MESSAGE_PAYLOAD, V33[65:]))),
    ),
    "V34": (V34, replace(WDP, tlvs=(*PORTS, tlv(Tag.MESSAGE_PAYLOAD, V34[57:])))),
    "V35": (V35, DataSmResp(sequence_number=1, message_id="00000007")),
    "V36": (
        V36,
        DataSm(
            sequence_number=1,
            service_type="WAP",
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr=HANDSET,
            esm_class=4,
            tlvs=(tlv(Tag.RECEIPTED_MESSAGE_ID, "00000007"), tlv(Tag.MESSAGE_STATE, 2)),
        ),
    ),
    "V37": (
        V37,
        DeliverSm(
            sequence_number=7,
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr=HANDSET,
            dest_addr_ton=5,
            destination_addr="1234",
            esm_class=4,
            short_message=b"id:0000000007 sub:001 dlvrd:001 submit date:1111221200 "
            b"done date:1111221201 stat:DELIVRD err:000 text:",
            tlvs=(tlv(Tag.RECEIPTED_MESSAGE_ID, "7"), tlv(Tag.MESSAGE_STATE, 2)),
        ),
    ),
    "WCMP echo": (
        ECHO,
        replace(
            WDP,
            sequence_number=2,
            registered_delivery=0,
            tlvs=(
                tlv(Tag.PAYLOAD_TYPE, 1),
                tlv(Tag.MESSAGE_PAYLOAD, bytes.fromhex("b2000001000270696e67")),
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_codec_writes_vector(name: str) -> None:
    octets, meant = VECTORS[name]
    assert encode_pdu(meant) == octets


@pytest.mark.parametrize("name", VECTORS)
def test_codec_reads_vector(name: str) -> None:
    octets, meant = VECTORS[name]
    assert decode_pdu(octets) == meant


def test_codec_reads_tlvs_of_vectors() -> None:
    receipt = decode_pdu(V36)
    assert receipt.text(Tag.RECEIPTED_MESSAGE_ID) == "00000007"
    assert receipt.integer(Tag.MESSAGE_STATE) == MessageState.DELIVERED
    segment = decode_pdu(V32B)
    assert [segment.integer(tag) for tag in range(0x20A, 0x210)] == [
        9200,
        2948,
        0x1234,
        None,
        2,
        2,
    ]


def test_every_command_has_a_class_and_every_request_its_response() -> None:
    assert set(PDU_CLASSES) == set(CommandId)
    without = {c for c in CommandId if not c & RESPONSE and c | RESPONSE not in PDU_CLASSES}
    assert without == {CommandId.OUTBIND, CommandId.ALERT_NOTIFICATION}


FILLED = {
    str: "abcde",
    int: 1,
    bytes: b"short",
}


def filled(pdu_class: type[Pdu]) -> Pdu:
    """Every mandatory field with a value that is not its default."""
    values: dict[str, object] = {}
    for name, _kind in LAYOUTS[pdu_class]:
        default = next(known.default for known in fields(pdu_class) if known.name == name)
        values[name] = 7 if isinstance(default, int) else FILLED.get(type(default), ())
    return pdu_class(**values, sequence_number=0x7FFFFFFF, tlvs=(Tlv(0x1401, b"xyz"),))


@pytest.mark.parametrize("command", CommandId, ids=name_of)
def test_codec_reads_back_what_it_wrote(command: CommandId) -> None:
    meant = filled(PDU_CLASSES[command])
    octets = encode_pdu(meant)
    assert read_header(octets) == (len(octets), command, 0, 0x7FFFFFFF)
    assert decode_pdu(octets) == meant


@pytest.mark.parametrize("command", CommandId, ids=name_of)
def test_codec_refuses_every_request_that_is_cut(command: CommandId) -> None:
    octets = encode_pdu(filled(PDU_CLASSES[command]))
    mandatory = len(encode_pdu(replace(filled(PDU_CLASSES[command]), tlvs=())))
    for size in range(16, len(octets)):
        cut = size.to_bytes(4, "big") + octets[4:size]
        if command & RESPONSE or size == mandatory:
            continue
        with pytest.raises(PduError) as caught:
            decode_pdu(cut)
        assert caught.value.layer == "smpp"
        assert isinstance(caught.value.position, int)
        assert caught.value.position <= size


def test_codec_reads_and_writes_destinations_of_submit_multi() -> None:
    multi = pdu.SubmitMulti(
        sequence_number=9,
        dest_addresses=(SmeAddress(1, 1, HANDSET), DistributionList("staff")),
        short_message=b"hello",
    )
    octets = encode_pdu(multi)
    assert b"\x02\x01\x01\x01358401234567\0\x02staff\0" in octets
    assert decode_pdu(octets) == multi
    unknown = octets.replace(b"\x02staff", b"\x03staff")
    with pytest.raises(PduError) as caught:
        decode_pdu(unknown)
    assert caught.value.command_status == CommandStatus.ESME_RINVDESTFLAG


def test_codec_reads_and_writes_unsuccessful_destinations() -> None:
    response = pdu.SubmitMultiResp(
        message_id="17", unsuccess_smes=(UnsuccessfulSme(1, 1, HANDSET, 0x0B),)
    )
    octets = encode_pdu(response)
    assert octets[16:] == b"17\0\x01\x01\x01358401234567\0\0\0\0\x0b"
    assert decode_pdu(octets) == response
    assert decode_pdu(b"\0\0\0\x13" + octets[4:19]) == replace(response, unsuccess_smes=())


def test_codec_reads_responses_without_body_whatever_their_status() -> None:
    for status in (0, 0x58):
        octets = b"".join(n.to_bytes(4, "big") for n in (16, 0x80000004, status, 3))
        assert decode_pdu(octets) == pdu.SubmitSmResp(sequence_number=3, command_status=status)


def test_codec_writes_no_body_in_refusals_of_submit_sm_and_bind() -> None:
    for refused in (pdu.SubmitSmResp, pdu.BindTransceiverResp):
        assert len(encode_pdu(refused(command_status=0x0D))) == 16
    assert len(encode_pdu(pdu.DataSmResp(command_status=0xFE))) == 17


def test_codec_reads_message_id_of_a_response_without_nul_or_too_long() -> None:
    for message_id in ("12345", "x" * 80):
        octets = encode_pdu(pdu.SubmitSmResp())[:16] + message_id.encode()
        octets = len(octets).to_bytes(4, "big") + octets[4:]
        assert decode_pdu(octets) == pdu.SubmitSmResp(message_id=message_id)


def test_codec_reads_response_up_to_a_tlv_that_is_cut() -> None:
    octets = encode_pdu(pdu.SubmitSmResp(message_id="7", tlvs=(Tlv(0x1D, b"busy\0"),)))
    cut = (len(octets) - 1).to_bytes(4, "big") + octets[4:-1]
    assert decode_pdu(cut) == pdu.SubmitSmResp(message_id="7")


@pytest.mark.parametrize(
    ("octets", "status", "position"),
    [
        (b"\0\0\0\x10\0\0\0\x15", CommandStatus.ESME_RINVCMDLEN, 8),
        (V31[:-1], CommandStatus.ESME_RINVCMDLEN, 0),
        (b"\0\0\0\x10\0\0\x0f\x0f\0\0\0\0\0\0\0\1", CommandStatus.ESME_RINVCMDID, 4),
        (b"\0\0\0\x10\0\0\0\x04\0\0\0\0\0\0\0\1", CommandStatus.ESME_RINVSERTYP, 16),
        (b"\0\0\0\x17\0\0\0\x04\0\0\0\0\0\0\0\1WAPWAP\0", CommandStatus.ESME_RINVSERTYP, 16),
        (V31[:48] + b"\x5a" + V31[49:], CommandStatus.ESME_RINVMSGLEN, 49),
        (V36[:-2] + b"\5\2", CommandStatus.ESME_RINVOPTPARSTREAM, 58),
    ],
)
def test_codec_says_what_is_wrong_and_what_to_answer(
    octets: bytes, status: CommandStatus, position: int
) -> None:
    with pytest.raises(PduError) as caught:
        decode_pdu(octets)
    assert (caught.value.command_status, caught.value.position) == (status, position)


def test_codec_names_a_string_that_is_too_long_a_limit() -> None:
    octets = V31.replace(b"1234\0", b"1" * 21 + b"\0", 1)
    with pytest.raises(LimitError) as caught:
        decode_pdu(len(octets).to_bytes(4, "big") + octets[4:])
    assert caught.value.args[1] == 19


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (SubmitSm(service_type="WAPWAP"), "service_type"),
        (SubmitSm(destination_addr="1" * 21), "destination_addr"),
        (SubmitSm(destination_addr="12\0"), "destination_addr"),
        (SubmitSm(source_addr="\u0394"), "source_addr"),
        (SubmitSm(esm_class=256), "esm_class"),
        (SubmitSm(data_coding=-1), "data_coding"),
        (SubmitSm(short_message=b"x" * 255), "short_message"),
        (pdu.SubmitMulti(dest_addresses=(DistributionList("x"),) * 256), "dest_addresses"),
        (pdu.BindReceiver(password="123456789"), "password"),
    ],
)
def test_codec_writes_no_field_that_does_not_fit(wrong: Pdu, field: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode_pdu(wrong)
    assert caught.value.position == field
    assert caught.value.layer == "smpp"


def test_codec_writes_no_sequence_number_beyond_four_octets() -> None:
    with pytest.raises(EncodeError):
        encode_pdu(pdu.EnquireLink(sequence_number=1 << 32))


def test_codec_reads_short_message_of_255_octets_as_5_0_allows() -> None:
    octets = encode_pdu(SubmitSm(short_message=b"x" * 254))
    octets = len(octets + b"y").to_bytes(4, "big") + octets[4:-255] + b"\xff" + b"x" * 254 + b"y"
    read = decode_pdu(octets)
    assert isinstance(read, SubmitSm)
    assert len(read.short_message) == 255


def test_passwords_are_not_in_representations() -> None:
    assert "secret" not in repr(pdu.BindReceiver(password="secret"))
    assert "secret" not in repr(pdu.Outbind(password="secret"))


def test_payload_is_short_message_or_else_message_payload() -> None:
    assert SubmitSm(short_message=b"x", tlvs=(Tlv(0x424, b"y"),)).payload == b"x"
    assert SubmitSm(tlvs=(Tlv(0x424, b"y"),)).payload == b"y"
    assert DataSm().payload == b""


def test_answer_has_the_number_of_the_request_and_message_id_where_there_is_one() -> None:
    assert answer_to(SubmitSm(sequence_number=5), message_id="8") == pdu.SubmitSmResp(
        sequence_number=5, message_id="8"
    )
    refused = CommandStatus.ESME_RCANCELFAIL
    assert answer_to(pdu.CancelSm(sequence_number=6), refused, message_id="8") == pdu.CancelSmResp(
        sequence_number=6, command_status=0x11
    )
    for without in (pdu.Outbind(), pdu.AlertNotification(), pdu.SubmitSmResp()):
        with pytest.raises(EncodeError):
            answer_to(without)
