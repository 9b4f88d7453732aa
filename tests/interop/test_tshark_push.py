"""Whole pushes between us and tshark: what goes over UDP, in short messages, by SMPP and by WTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from omapush.content import mms_notification as mms
from omapush.content import recipes
from omapush.content.application_id import HEADER as APPLICATION_ID
from omapush.content.application_id import ApplicationId, outgoing_value
from omapush.content.message import PushMessage
from omapush.content.provisioning import builder
from omapush.content.provisioning.bootstrap_security import SecurityMethod
from omapush.content.session_initiation import SessionInitiation
from omapush.ota.interface import PushFlag
from omapush.ota.wsp.unit_push import GATEWAY_PORT, PUSH_PORT, encode_unit_push
from omapush.protocols.smpp.codec import encode_pdu
from omapush.protocols.smpp.pdu import DataSm, SubmitSm
from omapush.protocols.smpp.tlvs import Tag, tlv
from omapush.protocols.sms.address import Address
from omapush.protocols.sms.segmentation import segment
from omapush.protocols.sms.timestamps import Timestamp
from omapush.protocols.sms.tpdu import SmsDeliver, SmsSubmit
from omapush.protocols.sms.user_data import UserData
from omapush.protocols.wdp import AddressType
from omapush.protocols.wsp import address as wsp_address
from omapush.protocols.wsp import pdu as wsp
from omapush.protocols.wsp.capabilities import Capabilities, ProtocolOption
from omapush.protocols.wsp.multipart import Part, encode_multipart
from omapush.protocols.wsp.pdu_codec import encode_pdu as encode_wsp
from omapush.protocols.wtp import concatenation, tpi
from omapush.protocols.wtp import pdu as wtp
from omapush.testing.tshark import Capture, Dissected

PHONE = "+358401234567"
LOCATION = "http://mmsc.example.com/mms/0123456789abcdef0123456789abcdef"
MMS = recipes.mms_notification(
    LOCATION, 30_720, from_=PHONE, subject="Grüße from the push", transaction_id="T1234567"
)
SI = recipes.service_indication("You have mail", "http://www.xyz.com/email/", binary=True)
PARTS = encode_multipart(
    (
        Part((("Content-Type", "text/plain; charset=utf-8"),), b"first"),
        Part((("Content-Type", "application/vnd.wap.sic"), ("Content-ID", "<2>")), SI.body),
    )
)
ACCESS_POINT = builder.document(
    builder.bootstrap("Example"), builder.napdef("N1", "Ex", "apn.example", bearers=("GSM-GPRS",))
)
PUSHES = {
    "mms": MMS,
    "si": SI,
    "sl": recipes.service_loading("http://www.xyz.com/a", binary=True),
    "co": recipes.cache_operation(["http://www.xyz.com/a"], binary=True),
    "emn": recipes.email_notification("user@example.org", binary=True),
    "provisioning": recipes.provisioning(ACCESS_POINT, method=SecurityMethod.USERPIN, pin="1234"),
    "wake-up": recipes.wake_up(),
    "sir": recipes.session_initiation(
        ["192.0.2.7:4035"], wsp_servers=["192.0.2.8"], applications=["mms.ua", "wml.ua"]
    ),
    "multipart": PushMessage(
        (("Content-Type", "application/vnd.wap.multipart.mixed"),), bytes(PARTS)
    ),
}
# A session initiation request with every field.
FULL_SIR = SessionInitiation(
    application_ids=(ApplicationId(None, 4),),
    wsp_contact_points=(AddressType.of_ip("10.1.2.3", 9201, 0x0B),),
    contact_points=(AddressType.of_ip("10.1.2.4", 4035, 0x0B),),
    protocol_options=(1,),
    provisioning_url=b"\x83\xa2\x0e\xeb",
    cpi_tags=(b"\xa1\xb2\xc3\xd4",),
)
# Where tshark differs:
# What leaves optional fields at the end out is right by the specification (WAP-235); tshark wants
# them, and calls a packet without them malformed.
MALFORMED_TO_TSHARK = {"sir"}
# We are right: WSP has a number for it (registered after tshark's table was made).
UNKNOWN_TO_TSHARK = {"emn": "<Unknown media type identifier 0x30A>"}
# We are right: the character set is UTF-8 and said so; tshark shows its octets one by one.
SUBJECT_TO_TSHARK = "Gr\ufffd\ufffd\ufffd\ufffde from the push"
# We are right: the port is in two octets before the address (WSP 8.2.2.3), as tshark reads it in
# a Redirect; in a session initiation request it says 0.
SIR_PORT_TO_TSHARK = "0"
# The length before the first PDU counts for tshark as a PDU, too.
CONCATENATED_TO_TSHARK = "PDU count: 3"


def for_the_air(message: PushMessage) -> PushMessage:
    """Return ``message`` with its application id as a gateway sends it: a code where it has one."""
    headers = dict(message.headers)
    if APPLICATION_ID in headers:
        headers[APPLICATION_ID] = outgoing_value(headers[APPLICATION_ID])
    return PushMessage(tuple(headers.items()), message.body)


MMS_PUSH = encode_unit_push(for_the_air(MMS), PushFlag.NONE, 0x7B)
SEGMENTS = segment(MMS_PUSH, PUSH_PORT, GATEWAY_PORT, 0x1234)
SENT = Timestamp.of(datetime.fromisoformat("2024-05-06T07:08:09+00:00"))


def submission(number: int, user_data: bytes) -> SubmitSm:
    return SubmitSm(
        sequence_number=number,
        source_addr="1234",
        destination_addr="358401234567",
        dest_addr_ton=1,
        dest_addr_npi=1,
        esm_class=0x40,
        data_coding=4,
        short_message=user_data,
    )


def by_sar(number: int, part: bytes) -> SubmitSm:
    tlvs = (
        *(tlv(Tag.SOURCE_PORT, GATEWAY_PORT), tlv(Tag.DESTINATION_PORT, PUSH_PORT)),
        *(tlv(Tag.SAR_MSG_REF_NUM, 77), tlv(Tag.SAR_TOTAL_SEGMENTS, 2)),
        tlv(Tag.SAR_SEGMENT_SEQNUM, number),
    )
    return SubmitSm(
        sequence_number=number + 10,
        destination_addr="358401234568",
        data_coding=4,
        short_message=part,
        tlvs=tlvs,
    )


SMPP = {
    "user data 1": submission(1, SEGMENTS[0]),
    "user data 2": submission(2, SEGMENTS[1]),
    "sar 1": by_sar(1, MMS_PUSH[:120]),
    "sar 2": by_sar(2, MMS_PUSH[120:]),
    "payload": DataSm(
        sequence_number=20,
        service_type="WAP",
        destination_addr="358401234569",
        data_coding=4,
        tlvs=(
            tlv(Tag.SOURCE_PORT, GATEWAY_PORT),
            tlv(Tag.DESTINATION_PORT, PUSH_PORT),
            tlv(Tag.MESSAGE_PAYLOAD, MMS_PUSH),
        ),
    ),
}
CONFIRMED_PUSH = encode_wsp(
    wsp.ConfirmedPush((*SI.headers, ("Push-Flag", "1")), SI.body),
)
CONNECT = wsp.Connect(
    Capabilities(
        client_sdu_size=1_400,
        server_sdu_size=2_800,
        protocol_options=ProtocolOption.CONFIRMED_PUSH
        | ProtocolOption.PUSH
        | ProtocolOption.ACKNOWLEDGEMENT_HEADERS,
        method_mor=1,
        push_mor=3,
        aliases=(wsp_address.Address(bytes((192, 0, 2, 9)), port=9201),),
        client_message_size=10_000,
    ),
    (("Accept-Application", "4"), ("Encoding-Version", "1.3")),
)
REDIRECT = wsp.Redirect(
    wsp.PERMANENT_REDIRECT, (wsp_address.Address(bytes((192, 0, 2, 10)), bearer=11, port=9201),)
)
WTP = {
    "connect": wtp.Invoke(1, 2, encode_wsp(CONNECT), user_acknowledgement=True),
    "connect reply": wtp.Result(
        0x8001, encode_wsp(wsp.ConnectReply(0x1234, Capabilities(push_mor=1)))
    ),
    "ack": wtp.Ack(1),
    "push": wtp.Invoke(0x10, 1, CONFIRMED_PUSH, user_acknowledgement=True),
    "again": wtp.Invoke(0x10, 1, CONFIRMED_PUSH, user_acknowledgement=True, retransmitted=True),
    "ack with headers": wtp.Ack(0x8010, tpis=(tpi.InfoTpi(b"\xc3\x93"),)),
    "is it yours": wtp.Ack(0x8010, verification=True),
    "refused": wtp.Abort(0x8010, 1, 0xED),
    "no such transaction": wtp.Abort(0x10, 0, 2),
    "suspend": wtp.Invoke(2, 0, encode_wsp(wsp.Suspend(0x1234))),
    "resume": wtp.Invoke(3, 2, encode_wsp(wsp.Resume(0x1234, (("Bearer-Indication", "03"),)))),
    "redirect": wtp.Result(0x8005, encode_wsp(REDIRECT)),
    "get": wtp.Invoke(6, 2, encode_wsp(wsp.Get("http://www.example.com/a"))),
    "reply": wtp.Result(
        0x8006, encode_wsp(wsp.Reply(404, (("Content-Type", "text/plain"),), b"none"))
    ),
    "disconnect": wtp.Invoke(4, 0, encode_wsp(wsp.Disconnect(0x1234))),
    "option": wtp.Invoke(0x21, 2, b"\x01\x10\x00\x00", tpis=(tpi.OptionTpi(1, b"\x05\x78"),)),
    "part 0": wtp.Invoke(0x20, 1, CONFIRMED_PUSH[:30], False, False, user_acknowledgement=True),
    "part 1": wtp.SegmentedInvoke(0x20, 1, CONFIRMED_PUSH[30:50], group_trailer=True),
    "part 2": wtp.SegmentedInvoke(0x20, 2, CONFIRMED_PUSH[50:], transmission_trailer=True),
    "part 1 is missing": wtp.NegativeAck(0x8020, (1,)),
}
CONCATENATED = concatenation.join([wtp.encode(WTP["ack"]), wtp.encode(WTP["disconnect"])])


@pytest.fixture(scope="module")
def seen(dissect: Callable[[Capture], dict[str, Dissected]]) -> dict[str, Dissected]:
    capture = Capture()
    for number, (name, message) in enumerate(PUSHES.items()):
        octets = encode_unit_push(for_the_air(message), PushFlag.CONTENT_TRUSTED, number)
        capture.datagram(name, octets, source_port=GATEWAY_PORT, port=PUSH_PORT)
    full = PushMessage((("Content-Type", "application/vnd.wap.sia"),), FULL_SIR.encode())
    octets = encode_unit_push(full, PushFlag.NONE, 99)
    capture.datagram("full sir", octets, source_port=GATEWAY_PORT, port=PUSH_PORT)
    for number, user_data in enumerate(SEGMENTS, 1):
        text = UserData.of_octets(user_data)
        deliver = SmsDeliver(Address.parse("12345"), SENT, text)
        capture.message(f"deliver {number}", "gsm_sms", deliver.encode())
    submit = SmsSubmit(Address.parse(PHONE), UserData.of_octets(SEGMENTS[1]))
    capture.message("submit", "gsm_sms", submit.encode(), from_mobile=True)
    for name, pdu in SMPP.items():
        capture.segment(name, encode_pdu(pdu), source_port=40_000, port=2775)
    for name, packet in WTP.items():
        capture.datagram(name, wtp.encode(packet), source_port=9201, port=9201)
    capture.datagram("concatenated", CONCATENATED, source_port=9201, port=9201)
    return dissect(capture)


@pytest.mark.parametrize("name", PUSHES)
def test_tshark_reads_our_unit_push(seen: dict[str, Dissected], name: str) -> None:
    packet = seen[name]
    headers = dict(PUSHES[name].headers)
    assert int(packet.value("wsp.TID") or "", 16) == list(PUSHES).index(name)
    assert packet.value("wsp.pdu_type") == "0x06"
    content_type = UNKNOWN_TO_TSHARK.get(name, headers["Content-Type"].partition(";")[0])
    assert packet.value("wsp.header.content_type") == content_type
    application = packet.value("wsp.header.x_wap_application_id")
    assert application == headers.get("X-Wap-Application-Id")
    assert packet.value("wsp.header.push_flag.trusted") == "1"
    assert packet.value("wsp.header.push_flag.authenticated") == "0"
    assert bool(packet.complaints) == (name in MALFORMED_TO_TSHARK)


@pytest.mark.parametrize("name", ["mms", "user data 2", "sar 2", "payload"])
def test_tshark_reads_the_mms_notification_whichever_way_it_went(
    seen: dict[str, Dissected], name: str
) -> None:
    packet = seen[name]
    expected = {
        "message_type": "0x82",
        "transaction_id": "T1234567",
        "mms_version": "1.0",
        "from": f"{PHONE}/TYPE=PLMN",
        "subject": SUBJECT_TO_TSHARK,
        "message_class.id": "0x80",
        "message_size": "30720",
        "expiry.rel": "259200.000000000",
        "content_location": LOCATION,
    }
    assert {field: packet.value(f"mmse.{field}") for field in expected} == expected
    assert mms.decode(MMS.body).subject == "Grüße from the push"


def test_tshark_reads_the_headers_of_our_segments(seen: dict[str, Dissected]) -> None:
    for number in (1, 2):
        for packet in (seen[f"deliver {number}"], seen[f"user data {number}"]):
            said = {
                field: packet.value(f"gsm_sms.{field}")
                for field in ("udh.mm.msg_id", "udh.mm.msg_parts", "udh.mm.msg_part")
            }
            assert list(said.values()) == [str(0x1234), "2", str(number)]
            assert packet.value("gsm_sms.destination_port") == str(PUSH_PORT)
            assert packet.value("gsm_sms.originator_port") == str(GATEWAY_PORT)
    submit = seen["submit"]
    assert submit.value("gsm_sms.tp-da") == PHONE.removeprefix("+")
    assert submit.value("gsm_sms.udh.mm.msg_part") == "2"


def test_tshark_reads_the_security_of_our_provisioning(seen: dict[str, Dissected]) -> None:
    content_type = dict(PUSHES["provisioning"].headers)["Content-Type"]
    packet = seen["provisioning"]
    assert packet.value("wsp.parameter.sec") == "0x01"
    assert content_type.endswith(f"mac={packet.value('wsp.parameter.mac')}")
    assert "BOOTSTRAP" in " ".join(packet.values("wbxml.known_attrstart"))


def test_tshark_reads_our_session_initiation_request(seen: dict[str, Dissected]) -> None:
    packet = seen["full sir"]
    assert packet.value("wap.sir.version") == "1"
    assert packet.value("wsp.header.accept_application") == "x-wap-application:mms.ua"
    assert packet.values("wsp.address.ipv4") == ["10.1.2.3", "10.1.2.4"]
    assert packet.values("wsp.address.bearer_type") == ["0x0b", "0x0b"]
    assert packet.values("wsp.address.port") == [SIR_PORT_TO_TSHARK] * 2
    assert packet.value("wap.sir.protocol_options") == "1"
    assert packet.value("wap.sir.cpi_tag") == "a1:b2:c3:d4"
    assert packet.value("wap.sir.prov_url.length") == "4"


PDU_TYPES = {
    wtp.Invoke: "0x01",
    wtp.Result: "0x02",
    wtp.Ack: "0x03",
    wtp.Abort: "0x04",
    wtp.SegmentedInvoke: "0x05",
    wtp.NegativeAck: "0x07",
}


@pytest.mark.parametrize("name", WTP)
def test_tshark_reads_our_wtp(seen: dict[str, Dissected], name: str) -> None:
    pdu, packet = WTP[name], seen[name]
    assert packet.complaints == []
    assert packet.value("wtp.pdu_type") == PDU_TYPES[type(pdu)]
    identifier = int(packet.value("wtp.TID") or "", 16)
    response = packet.value("wtp.TID.response") == "1"
    assert identifier | response << 15 == pdu.transaction_id
    if isinstance(pdu, wtp.Invoke):
        assert packet.value("wtp.RID") == str(int(pdu.retransmitted))
        assert packet.value("wtp.header.UP") == str(int(pdu.user_acknowledgement))
        transaction_class = packet.value("wtp.inv.transaction_class") or ""
        assert int(transaction_class, 16) == pdu.transaction_class
    if isinstance(pdu, wtp.Ack):
        assert packet.value("wtp.ack.tvetok") == str(int(pdu.verification))
    if isinstance(pdu, wtp.SegmentedInvoke):
        assert packet.value("wtp.header.sequence") == str(pdu.sequence_number)
    if isinstance(pdu, wtp.NegativeAck):
        assert packet.values("wtp.header.sequence") == list(map(str, pdu.missing))
    assert len(packet.fields("wtp.tpi")) == len(pdu.tpis)


def test_tshark_puts_our_segmented_push_together(seen: dict[str, Dissected]) -> None:
    packet = seen["part 2"]
    assert packet.value("wtp.reassembled.length") == str(len(CONFIRMED_PUSH))
    assert packet.value("wsp.pdu_type") == "0x07"
    assert packet.value("wsp.header.push_flag.authenticated") == "1"
    assert packet.values("wbxml.str_i") == seen["push"].values("wbxml.str_i")


def test_tshark_takes_our_concatenation_apart(seen: dict[str, Dissected]) -> None:
    packet = seen["concatenated"]
    assert packet.values("wtp.pdu_type") == ["0x03", "0x01"]
    assert packet.values("wtp.TID") == ["0x0001", "0x0004"]
    whole = packet.protocol("wtp")
    assert whole is not None
    assert CONCATENATED_TO_TSHARK in whole.shown


def test_tshark_reads_what_our_session_says(seen: dict[str, Dissected]) -> None:
    connect = seen["connect"]
    capabilities = {
        name: connect.value(f"wsp.capability.{name}")
        for name in (
            *("client_sdu_size", "server_sdu_size", "protocol_opt", "method_mor", "push_mor"),
            *("aliases", "client_message_size"),
        )
    }
    assert list(capabilities.values()) == [
        *("1400", "2800", "0xd0", "1", "3"),
        *("08:87:44:23:f1:c0:00:02:09", "10000"),
    ]
    for name in ("connect reply", "suspend", "resume", "disconnect"):
        assert seen[name].value("wsp.server.session_id") == str(0x1234)
    assert seen["resume"].value("wsp.header.bearer_indication") == "GSM SMS"
    redirect = seen["redirect"]
    assert redirect.value("wsp.redirect.flags.permanent") == "1"
    assert redirect.value("wsp.address.ipv4") == "192.0.2.10"
    assert redirect.value("wsp.address.port") == "9201"
    assert seen["get"].value("wsp.uri") == "http://www.example.com/a"
    assert seen["refused"].value("wtp.abort.reason.user") == "0xed"
    assert seen["no such transaction"].value("wtp.abort.reason.provider") == "0x02"
    assert "404 Not Found" in seen["reply"].fields("wsp.reply.status")[0].shown
