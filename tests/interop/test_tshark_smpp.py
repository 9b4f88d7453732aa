"""SMPP between us and tshark: every command, status and TLV, field by field."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omapush.protocols.smpp.codec import encode_pdu, layout_of
from omapush.protocols.smpp.pdu import (
    BindReceiverResp,
    BindTransceiver,
    BindTransmitter,
    CancelSm,
    CancelSmResp,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    Pdu,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    ReplaceSmResp,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from omapush.protocols.smpp.status import CommandStatus
from omapush.protocols.smpp.tlvs import KINDS, Form, Tag, Tlv, tlv
from omapush.testing.tshark import Capture, Dissected

RECEIPT = (
    b"id:0000000007 sub:001 dlvrd:001 submit date:1111221200 done date:1111221201 "
    b"stat:DELIVRD err:000 text:"
)
PHONE, SHORT = "358401234567", "1234"
PDUS: list[Pdu] = [
    BindTransmitter(system_id="a", password="b", system_type="c", addr_ton=1, addr_npi=1),
    BindTransceiver(system_id="a", password="", interface_version=0x50, address_range="^12"),
    BindReceiverResp(system_id="smsc", tlvs=(tlv(Tag.SC_INTERFACE_VERSION, 0x34),)),
    Outbind(system_id="a", password="b"),
    Unbind(),
    UnbindResp(),
    EnquireLink(),
    EnquireLinkResp(),
    GenericNack(command_status=CommandStatus.ESME_RINVCMDID),
    SubmitSm(
        service_type="WAP",
        source_addr_ton=5,
        source_addr=SHORT,
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=PHONE,
        esm_class=0x40,
        protocol_id=0x7F,
        priority_flag=2,
        data_coding=4,
        registered_delivery=0x11,
        replace_if_present_flag=1,
        sm_default_msg_id=9,
        short_message=bytes.fromhex("0605040b8423f001060183") + b"x",
    ),
    SubmitSm(source_addr=SHORT, destination_addr=PHONE, data_coding=8, short_message=b"\4\x36"),
    SubmitSmResp(message_id="abc"),
    DeliverSm(
        source_addr=PHONE,
        destination_addr=SHORT,
        esm_class=4,
        short_message=RECEIPT,
        tlvs=(tlv(Tag.RECEIPTED_MESSAGE_ID, "0000000007"), tlv(Tag.MESSAGE_STATE, 2)),
    ),
    DeliverSmResp(),
    DataSm(
        service_type="WAP",
        source_addr=SHORT,
        destination_addr=PHONE,
        data_coding=4,
        tlvs=(
            tlv(Tag.SOURCE_PORT, 9200),
            tlv(Tag.DESTINATION_PORT, 2948),
            tlv(Tag.MESSAGE_PAYLOAD, b"\1\6\1\x83x"),
        ),
    ),
    DataSmResp(message_id="x"),
    QuerySm(message_id="abc", source_addr=SHORT),
    QuerySmResp(message_id="abc", message_state=2, error_code=3),
    CancelSm(service_type="WAP", message_id="abc", source_addr=SHORT, destination_addr=PHONE),
    CancelSmResp(),
    ReplaceSm(message_id="abc", source_addr=SHORT, short_message=b"new"),
    ReplaceSmResp(),
]
TIMED = SubmitSm(
    destination_addr=PHONE,
    schedule_delivery_time="240506070809000+",
    validity_period="000001020304000R",
)
# tshark's name, where it has another one than the specification.
OTHER_NAMES = {
    "short_message": "message",
    "schedule_delivery_time": "schedule_delivery_time_r",
    "validity_period": "validity_period_r",
    "final_date": "final_date_r",
}
OTHER_TLV_NAMES = {
    Tag.MS_MSG_WAIT_FACILITIES: "msg_wait.ind",
    Tag.SC_INTERFACE_VERSION: "SC_interface_version",
    Tag.CALLBACK_NUM_PRES_IND: "callback_num.pres",
    Tag.NETWORK_ERROR_CODE: "network_error.type",
    Tag.BROADCAST_CONTENT_TYPE: "broadcast_content_type.nw",
    Tag.BROADCAST_CONTENT_TYPE_INFO: "broadcast_content_type.info",
    Tag.BROADCAST_FREQUENCY_INTERVAL: "broadcast_frequency_interval.unit",
    Tag.BROADCAST_END_TIME: "broadcast_end_time_r",
    Tag.BILLING_IDENTIFICATION: "billing_id",
    Tag.DEST_ADDR_NP_INFORMATION: "dest_addr_np_info",
    Tag.ALERT_ON_MESSAGE_DELIVERY: "alert_on_message_delivery_type",
    Tag.ITS_SESSION_INFO: "its_session.number",
}
# Shown bit by bit.
OF_BITS = {"esm_class": 0xFF, "registered_delivery": 0x1F, "replace_if_present_flag": 1}


def sample(tag: Tag) -> Tlv:
    kind = KINDS[tag]
    if kind.form is Form.TEXT:
        return Tlv(tag, b"1\0")
    return Tlv(tag, bytes(max(kind.least, 1)))


@pytest.fixture(scope="module")
def seen(dissect: Callable[[Capture], dict[str, Dissected]]) -> dict[str, Dissected]:
    capture = Capture()
    for number, pdu in enumerate(PDUS):
        capture.message(f"pdu {number}", "smpp", encode_pdu(pdu))
    capture.message("timed", "smpp", encode_pdu(TIMED))
    for status in CommandStatus:
        octets = encode_pdu(SubmitSmResp(command_status=status))
        capture.message(status.name, "smpp", octets)
    for tag in Tag:
        octets = encode_pdu(DataSm(destination_addr=PHONE, tlvs=(sample(tag),)))
        capture.message(tag.name, "smpp", octets)
    return dissect(capture)


@pytest.mark.parametrize("number", range(len(PDUS)))
def test_tshark_reads_every_field_of_our_pdu(seen: dict[str, Dissected], number: int) -> None:
    pdu, packet = PDUS[number], seen[f"pdu {number}"]
    assert packet.complaints == []
    assert int(packet.value("smpp.command_id") or "", 16) == pdu.command_id
    for name, _ in layout_of(type(pdu)):
        value = getattr(pdu, name)
        if name in OF_BITS:
            continue
        said = packet.value(f"smpp.{OTHER_NAMES.get(name, name)}")
        if isinstance(value, bytes):
            assert (said or "").replace(":", "") == value.hex()
        elif isinstance(value, int):
            assert said is not None
            assert int(said, 0) == value
        else:
            assert said in ({value} if value else {"(Default)", "", "0.000000000", None})


def test_tshark_reads_every_tlv_of_our_pdus(seen: dict[str, Dissected]) -> None:
    for number, pdu in enumerate(PDUS):
        tags = [int(tag, 16) for tag in seen[f"pdu {number}"].values("smpp.opt_param_tag")]
        assert tags == [each.tag for each in pdu.tlvs]
    receipt = seen[f"pdu {next(n for n, pdu in enumerate(PDUS) if isinstance(pdu, DeliverSm))}"]
    assert receipt.value("smpp.receipted_message_id") == "0000000007"
    assert receipt.value("smpp.message_state") == "2"


def test_tshark_reads_the_bits_of_our_submission(seen: dict[str, Dissected]) -> None:
    number = next(n for n, pdu in enumerate(PDUS) if isinstance(pdu, SubmitSm))
    packet = seen[f"pdu {number}"]
    bits = {
        name: packet.value(f"smpp.{name}")
        for name in ("esm.submit.features", "regdel.receipt", "regdel.notif")
    }
    assert bits == {
        "esm.submit.features": "0x01",
        "regdel.receipt": "0x01",
        "regdel.notif": "0x01",
    }
    assert packet.value("smpp.replace_if_present_flag") == "0x01"
    assert packet.value("gsm_sms.destination_port") == "2948"


def test_tshark_reads_our_times(seen: dict[str, Dissected]) -> None:
    packet = seen["timed"]
    assert packet.value("smpp.schedule_delivery_time") == "May  6, 2024 07:08:09.000000000 UTC"
    one_day_two_hours = 86_400 + 2 * 3_600 + 3 * 60 + 4
    assert packet.value("smpp.validity_period_r") == f"{one_day_two_hours}.000000000"


def test_tshark_knows_every_status_that_we_know(seen: dict[str, Dissected]) -> None:
    unknown = {
        status
        for status in CommandStatus
        if "Unknown (" in seen[status.name].fields("smpp.command_status")[0].shown
    }
    assert unknown == set()


def test_tshark_gives_every_tlv_the_name_and_length_that_we_give_it(
    seen: dict[str, Dissected],
) -> None:
    malformed = set()
    for tag in Tag:
        packet = seen[tag.name]
        name = OTHER_TLV_NAMES.get(tag, tag.name.lower())
        assert packet.fields(f"smpp.{name}"), tag.name
        if packet.complaints:
            malformed.add(tag)
    # We are right: it has two octets (SMPP 5.0), and tshark reads past its end.
    assert malformed == {Tag.BROADCAST_REP_NUM}
