"""Octets of every kind, read through all their layers."""

from __future__ import annotations

from typing import Any, cast

import pytest

from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.content.recipes import mms_notification, service_indication
from omapush.content.session_initiation import SessionInitiation
from omapush.core.errors import DecodeError, LimitError
from omapush.inspection.kinds import KINDS, KNOWN, MAX_OCTETS, NotYetKnownError
from omapush.inspection.layers import explained_so_far, inspect
from omapush.inspection.model import Inspection, Kind
from omapush.ota.interface import PushFlag
from omapush.ota.wsp.unit_push import encode_unit_push
from omapush.pap.entity import join
from omapush.protocols.smpp.codec import encode_pdu
from omapush.protocols.smpp.pdu import BindTransceiver, DataSm, DeliverSm, SubmitSm
from omapush.protocols.smpp.tlvs import Tag, tlv
from omapush.protocols.smpp.values import UDHI
from omapush.protocols.sms.address import Address
from omapush.protocols.sms.segmentation import segment
from omapush.protocols.sms.timestamps import RelativeValidity, Timestamp
from omapush.protocols.sms.tpdu import SmsDeliver, SmsSubmit
from omapush.protocols.sms.user_data import UserData
from omapush.protocols.wdp import AddressType
from omapush.protocols.wsp.multipart import Part, encode_multipart
from omapush.protocols.wsp.pdu import ConfirmedPush, Connect, Disconnect, Get, Push
from omapush.protocols.wsp.pdu_codec import encode_pdu as encode_wsp
from omapush.protocols.wsp.pdu_codec import encode_unit_pdu
from omapush.protocols.wtp import concatenation
from omapush.protocols.wtp import pdu as wtp

LOCATION = "http://mmsc.example/x"
SI = bytes.fromhex("02056a0045c60c03696d672e6769660001034869000101")
CONTROL = (
    b'<?xml version="1.0"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" '
    b'"http://www.wapforum.org/DTD/pap_2.0.dtd"><pap><push-message push-id="1@x" '
    b'deliver-before-timestamp="2026-12-01T00:00:00Z">'
    b'<address address-value="WAPPUSH=+4412/TYPE=PLMN@x"/></push-message></pap>'
)
STAMP = Timestamp(bytes.fromhex("62112121000000"))


def push(message: PushMessage | None = None) -> bytes:
    return encode_unit_push(message or mms_notification(LOCATION, 12_345), PushFlag.NONE, 7)


def user_data(datagram: bytes, port: int = 2948) -> bytes:
    (only,) = segment(datagram, port, 9200, 1)
    return only


def layer_names(inspection: Inspection) -> list[str]:
    return [layer.name for layer in inspection.layers]


def decoded(kind: Kind, octets: bytes) -> dict[str, Any]:
    return cast("dict[str, Any]", inspect(kind, octets, trees=False).decoded)


def innermost(values: dict[str, Any]) -> dict[str, Any]:
    while "carries" in values:
        values = values["carries"][0]["decoded"]
    return values


# What every kind says


def test_unit_push_tells_transaction_headers_body_and_the_notification_in_it() -> None:
    said = decoded(Kind.WSP, push())
    assert said["connectionless"] is True
    assert (said["tid"], said["pdu"]) == (7, "Push")
    assert said["content_type"] == "application/vnd.wap.mms-message"
    assert ["X-Wap-Application-Id", "x-wap-application:mms.ua"] in said["headers"]
    (carried,) = said["carries"]
    assert carried["kind"] == "mms"
    assert bytes.fromhex(said["body"])[:2] == b"\x8c\x82"
    assert carried["decoded"]["content_location"] == LOCATION
    assert carried["decoded"]["message_size"] == 12_345


def test_pdu_of_a_session_has_no_transaction_of_its_own() -> None:
    body = ConfirmedPush((("Content-Type", "text/plain"),), b"hello")
    said = decoded(Kind.WSP, encode_wsp(body))
    assert said["connectionless"] is False
    assert (said["tid"], said["pdu"]) == (None, "ConfirmedPush")
    assert innermost(said) == {"text": "hello"}


@pytest.mark.parametrize(
    ("octets", "name", "value"),
    [
        (encode_wsp(Connect()), "version", 0x10),
        (encode_wsp(Disconnect(300)), "session_id", 300),
        (encode_wsp(Get("http://a.example/")), "uri", "http://a.example/"),
        (encode_unit_pdu(9, Get("http://a.example/")), "tid", 9),
        (encode_wsp(Get("http://a.example/")), "method", "Get"),
    ],
)
def test_wsp_pdu_tells_its_fields(octets: bytes, name: str, value: object) -> None:
    found = decoded(Kind.WSP, octets)[name]
    assert str(found).lower() == str(value).lower()


def test_header_without_text_is_told_apart_with_a_warning() -> None:
    inspection = inspect(Kind.WSP, bytes.fromhex("01060383f3800101"))
    (unread,) = cast("list[dict[str, Any]]", inspection.decoded["unread_headers"])
    assert unread["position"] == 4
    assert any("octet 4" in warning for warning in inspection.warnings)


def test_multipart_tells_its_parts_and_reads_each() -> None:
    parts = (
        Part((("Content-Type", "application/vnd.wap.sic"),), SI),
        Part((("Content-Type", "text/plain"),), b"hello"),
    )
    content_type = (("Content-Type", "application/vnd.wap.multipart.mixed"),)
    octets = encode_unit_pdu(1, Push(content_type, encode_multipart(parts)))
    inspection = inspect(Kind.WSP, octets)
    said = cast("dict[str, Any]", inspection.decoded)
    assert [part["content_type"] for part in said["parts"]] == [
        "application/vnd.wap.sic",
        "text/plain",
    ]
    assert [each["kind"] for each in said["carries"]] == ["wbxml", "text"]
    for layer in inspection.layers[1:]:
        assert layer.offset is not None
        end = layer.offset + len(layer.tree.octets)
        assert octets[layer.offset : end] == layer.tree.octets


def test_wbxml_becomes_xml() -> None:
    said = decoded(Kind.WBXML, SI)
    assert said["version"] == "1.2"
    assert said["document_type"] == "SI 1.0"
    assert 'href="http://img.gif"' in said["xml"]
    assert ">Hi</indication>" in said["xml"]


def test_octets_after_a_wbxml_document_are_warned_of() -> None:
    assert "2 octets after the end" in inspect(Kind.WBXML, SI + b"\0\0").warnings[0]


def test_user_data_tell_ports_and_what_they_carry() -> None:
    said = decoded(Kind.SMS_USER_DATA, user_data(push()))
    assert said["ports"] == {"destination": 2948, "source": 9200, "bits": 16}
    assert said["concatenation"] is None
    assert bytes.fromhex(said["payload"]) == push()
    assert innermost(said)["content_location"] == LOCATION


def test_segment_is_read_no_further_and_says_so() -> None:
    first, second = segment(push() * 2, 2948, 9200, 77)
    inspection = inspect(Kind.SMS_USER_DATA, second)
    assert inspection.decoded["concatenation"] == {
        "reference": 77,
        "count": 2,
        "number": 2,
        "bits": 16,
    }
    assert "carries" not in inspection.decoded
    assert inspection.warnings[0].startswith("sms: segment 2 of 2, reference 77: not read further")
    assert len(first) == 140


def test_port_of_wtls_is_told_instead_of_read() -> None:
    inspection = inspect(Kind.SMS_USER_DATA, user_data(push(), 2949))
    assert "carries" not in inspection.decoded
    assert "WTLS" in inspection.warnings[0]


def test_deliver_tells_addresses_time_and_layers_below() -> None:
    data = UserData.of_octets(user_data(push()))
    octets = SmsDeliver(Address.parse("+441234567890"), STAMP, data).encode()
    inspection = inspect(Kind.SMS_DELIVER, octets)
    said = cast("dict[str, Any]", inspection.decoded)
    assert said["tpdu"] == "SMS-DELIVER"
    assert said["originating_address"] == "+441234567890"
    assert said["service_centre_timestamp"].startswith("2026-11-12T12:00:00")
    assert said["user_data"] == data.octets.hex()
    assert layer_names(inspection) == ["sms", "wsp", "mms"]
    assert inspection.layers[1].offset == octets.index(push())


def test_submit_is_read_with_the_service_centre_that_a_modem_prints() -> None:
    data = UserData.of_text("hello")
    submit = SmsSubmit(Address.parse("12345"), data, validity_period=RelativeValidity(167))
    octets = bytes.fromhex("0691448720003023"[:14]) + submit.encode()
    said = decoded(Kind.SMS_SUBMIT, octets)
    assert said["service_centre"].startswith("+4478")
    assert said["text"] == "hello"
    assert said["payload"] is None
    assert said["validity_period"] == {"seconds": 86_400}


def test_submit_sm_tells_fields_by_the_specification_and_the_message_below() -> None:
    octets = encode_pdu(
        SubmitSm(
            sequence_number=9,
            source_addr="100",
            destination_addr="441234567890",
            esm_class=UDHI,
            data_coding=0xF5,
            short_message=user_data(push()),
        )
    )
    inspection = inspect(Kind.SMPP, octets)
    said = cast("dict[str, Any]", inspection.decoded)
    assert said["command"] == "submit_sm"
    assert said["command_status"] == 0
    assert said["sequence_number"] == 9
    assert said["fields"]["destination_addr"] == "441234567890"
    assert bytes.fromhex(said["fields"]["short_message"]) == user_data(push())
    assert layer_names(inspection) == ["smpp", "sms", "wsp", "mms"]


def test_message_payload_with_ports_in_tlvs_is_read() -> None:
    tlvs = (
        tlv(Tag.SOURCE_PORT, 9200),
        tlv(Tag.DESTINATION_PORT, 2948),
        tlv(Tag.MESSAGE_PAYLOAD, push()),
    )
    inspection = inspect(Kind.SMPP, encode_pdu(DataSm(data_coding=4, tlvs=tlvs)))
    assert layer_names(inspection) == ["smpp", "wsp", "mms"]
    names = [each["name"] for each in cast("list[dict[str, Any]]", inspection.decoded["tlvs"])]
    assert names == ["source_port", "destination_port", "message_payload"]


def test_segment_in_sar_tlvs_is_read_no_further() -> None:
    tlvs = (
        tlv(Tag.DESTINATION_PORT, 2948),
        tlv(Tag.SAR_MSG_REF_NUM, 5),
        tlv(Tag.SAR_TOTAL_SEGMENTS, 2),
        tlv(Tag.SAR_SEGMENT_SEQNUM, 1),
    )
    pdu = SubmitSm(data_coding=4, short_message=push(), tlvs=tlvs)
    inspection = inspect(Kind.SMPP, encode_pdu(pdu))
    assert "carries" not in inspection.decoded
    assert "segment 1 of 2" in inspection.warnings[0]


def test_receipt_is_told_in_its_parts() -> None:
    text = b"id:0123 sub:001 dlvrd:001 submit date:2611211200 done date:2611211201 stat:DELIVRD"
    said = decoded(Kind.SMPP, encode_pdu(DeliverSm(esm_class=4, short_message=text)))
    assert said["receipt"]["message_id"] == "0123"
    assert said["receipt"]["state"] == "delivered"
    assert said["receipt"]["done"] == "2026-11-21T12:01:00Z"


@pytest.mark.parametrize(
    ("coding", "octets", "text"),
    [
        (0, b"a\0b", "a@b"),
        (0, "é".encode("latin-1"), "é"),
        (1, b"a", "a"),
        (3, "é".encode("latin-1"), "é"),
        (6, "Ж".encode("iso8859_5"), "Ж"),
        (8, "Ж".encode("utf-16-be"), "Ж"),
        (0x18, "Ж".encode("utf-16-be"), "Ж"),
        (4, b"a", None),
        (0xF5, b"a", None),
    ],
)
def test_text_of_a_message_follows_its_coding(coding: int, octets: bytes, text: str | None) -> None:
    pdu = SubmitSm(data_coding=coding, short_message=octets)
    assert decoded(Kind.SMPP, encode_pdu(pdu))["text"] == text


def test_password_is_told_to_nobody() -> None:
    octets = encode_pdu(BindTransceiver(system_id="me", password="secret"))
    said = decoded(Kind.SMPP, octets)
    assert said["fields"]["system_id"] == "me"
    assert said["fields"]["password"] is None


def test_invoke_carries_a_pdu_of_a_session() -> None:
    content = encode_wsp(ConfirmedPush((("Content-Type", "application/vnd.wap.sic"),), SI))
    inspection = inspect(Kind.WTP, wtp.encode(wtp.Invoke(5, 1, content)))
    said = cast("dict[str, Any]", inspection.decoded)
    assert (said["pdu"], said["tid"], said["transaction_class"]) == ("Invoke", 5, 1)
    assert layer_names(inspection) == ["wtp", "wsp", "wbxml"]


def test_concatenated_pdus_are_told_one_by_one() -> None:
    content = encode_wsp(Disconnect(1))
    octets = concatenation.join([wtp.encode(wtp.Ack(5)), wtp.encode(wtp.Invoke(6, 0, content))])
    said = decoded(Kind.WTP, octets)
    assert [each["pdu"] for each in said["pdus"]] == ["Ack", "Invoke"]
    assert [each["decoded"]["pdu"] for each in said["carries"]] == ["Disconnect"]


def test_fault_in_a_concatenated_pdu_is_told_by_its_place_in_the_datagram() -> None:
    octets = concatenation.join([wtp.encode(wtp.Ack(5)), b"\x0e\x00"])
    with pytest.raises(DecodeError) as refusal:
        inspect(Kind.WTP, octets)
    assert refusal.value.position == 7


def test_segmented_invoke_is_read_no_further() -> None:
    pdu = wtp.Invoke(5, 1, b"\x06\0", group_trailer=False, transmission_trailer=False)
    inspection = inspect(Kind.WTP, wtp.encode(pdu))
    assert "packet 0 of a segmented message" in inspection.warnings[0]
    assert "carries" not in inspection.decoded


def test_session_initiation_tells_applications_and_contact_points() -> None:
    points = (AddressType.of_ip("192.0.2.1", 9201),)
    octets = SessionInitiation((ApplicationId(None, 4),), points).encode()
    said = decoded(Kind.SIR, octets)
    assert said["application_ids"] == ["x-wap-application:mms.ua"]
    assert said["wsp_contact_points"] == [{"address": "192.0.2.1", "port": 9201, "bearer": None}]
    inside = decoded(
        Kind.WSP, encode_unit_pdu(1, Push((("Content-Type", "application/vnd.wap.sia"),), octets))
    )
    assert innermost(inside) == said


@pytest.mark.parametrize("prefix", ["http", "head", "body"])
def test_pap_entity_is_read_with_and_without_what_http_put_before_it(prefix: str) -> None:
    content_type, body = join(CONTROL, service_indication("Hi", "http://a.example/"))
    head = f"Host: x\r\nContent-Type: {content_type}\r\n\r\n".encode()
    octets = {"http": b"POST /pap HTTP/1.1\r\n" + head + body, "head": head + body, "body": body}
    inspection = inspect(Kind.PAP, octets[prefix])
    said = cast("dict[str, Any]", inspection.decoded)
    assert (said["operation"], said["version"]) == ("push-message", "2.0")
    assert said["attributes"]["push-id"] == "1@x"
    assert said["attributes"]["deliver-before-timestamp"] == "2026-12-01T00:00:00Z"
    assert said["attributes"]["addresses"] == [{"address-value": "WAPPUSH=+4412/TYPE=PLMN@x"}]
    assert ["Content-Type", "text/vnd.wap.si"] in [
        [name, value.partition(";")[0]] for name, value in said["content"]["headers"]
    ]
    assert layer_names(inspection) == ["pap", "text"]


def test_pap_document_alone_is_read() -> None:
    said = decoded(Kind.PAP, CONTROL)
    assert said["operation"] == "push-message"
    assert "content" not in said


# What cannot be read


def test_every_kind_has_a_decoder() -> None:
    assert set(KINDS) == set(Kind)
    assert set(Kind) - set(KNOWN) == {Kind.CBS, Kind.ALC}


@pytest.mark.parametrize("kind", sorted(set(Kind) - set(KNOWN)))
def test_kind_whose_protocol_has_not_landed_says_so(kind: Kind) -> None:
    with pytest.raises(NotYetKnownError, match="cannot be decoded yet") as refusal:
        inspect(kind, b"\x01")
    assert refusal.value.layer == kind.value


@pytest.mark.parametrize("kind", KNOWN)
def test_nothing_and_too_much_are_refused(kind: Kind) -> None:
    with pytest.raises(DecodeError, match="no octets"):
        inspect(kind, b"")
    with pytest.raises(LimitError):
        inspect(kind, bytes(MAX_OCTETS + 1))
    with pytest.raises(LimitError):
        inspect(kind, bytes(KINDS[kind].most + 1))


def test_carried_octets_that_cannot_be_read_are_a_warning_not_a_refusal() -> None:
    inspection = inspect(Kind.SMS_USER_DATA, user_data(b"\x01\x06\x7f"))
    (carried,) = cast("list[dict[str, Any]]", inspection.decoded["carries"])
    assert carried["kind"] == "wsp"
    assert carried["position"] == 3
    assert "what is carried is not wsp" in inspection.warnings[0]
    assert layer_names(inspection) == ["sms"]


@pytest.mark.parametrize(
    ("kind", "octets", "names"),
    [
        (Kind.WSP, "01061bbe", ["TID", "Type", "HeadersLen"]),
        (Kind.WSP, "010604be", ["TID", "Type", "HeadersLen"]),
        (Kind.WSP, "010604be8d80af", ["TID", "Type", "HeadersLen", "Content-Type"]),
        (Kind.WBXML, "02056a0045c6ff", ["version", "publicid", "charset", "strtbl"]),
        (Kind.SMS_USER_DATA, "0b05040b8423f00003", ["UDHL", "Application port addressing"]),
        (Kind.SMS_DELIVER, "440c914421436587", ["first octet"]),
        (Kind.SMS_SUBMIT, "41000c914421436587f900", ["first octet", "TP-MR", "TP-DA", "TP-PID"]),
        (Kind.SMPP, "00000012" + "00000004" + "00000000" + "00000001" + "0001", ["command_length"]),
        (Kind.WTP, "0e0001", ["PDU Type and flags", "TID"]),
        (Kind.SIR, "0100ff", ["Version", "AppIdListLen"]),
    ],
)  # fmt: skip
def test_refusal_knows_what_was_read_before_the_fault(
    kind: Kind, octets: str, names: list[str]
) -> None:
    with pytest.raises(DecodeError):
        inspect(kind, bytes.fromhex(octets))
    found = [field.name for field in explained_so_far(kind, bytes.fromhex(octets))]
    assert len(found) >= len(names)
    for name, field in zip(names, found, strict=False):
        assert field.startswith(name)
