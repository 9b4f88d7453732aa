"""Short messages between us and decoders that we did not write: python-messaging and tshark."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from omapush.protocols.sms import data_coding
from omapush.protocols.sms.address import Address, encode_service_centre
from omapush.protocols.sms.reading import decode_with_service_centre
from omapush.protocols.sms.segmentation import segment
from omapush.protocols.sms.timestamps import Timestamp
from omapush.protocols.sms.tpdu import Direction, SmsDeliver, SmsStatusReport, SmsSubmit, Tpdu
from omapush.protocols.sms.user_data import UserData
from omapush.protocols.sms.user_data_header import Concatenation, UserDataHeader
from omapush.testing.tshark import Capture, Dissected

SENT = Timestamp.of(datetime.fromisoformat("2024-05-06T07:08:09+00:00"))
PHONE = Address.parse("+358401234567")
CENTRE = Address.parse("+358405202000")
SEGMENTS = segment(bytes(range(200)), 2948, 9200, 0x1234)


def missing(peer: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{peer} is missing")
    pytest.skip(f"{peer} is missing")


@pytest.fixture(scope="module")
def messaging() -> Any:
    """Return python-messaging's package of short messages."""
    try:
        return importlib.import_module("messaging.sms")
    except ImportError:
        return missing("python-messaging")


@pytest.mark.parametrize(
    ("text", "coding", "header"),
    [
        ("hello €[world]@", data_coding.GSM_7_BIT, None),
        ("жук", data_coding.UCS2, None),
        (
            "hello after a header",
            data_coding.GSM_7_BIT,
            UserDataHeader((Concatenation(7, 2, 1, 8),)),
        ),
        ("x" * 160, data_coding.GSM_7_BIT, None),
    ],
)
def test_python_messaging_reads_our_text(
    messaging: Any, text: str, coding: data_coding.DataCoding, header: UserDataHeader | None
) -> None:
    message = SmsDeliver(PHONE, SENT, UserData.of_text(text, header, coding))
    read = messaging.SmsDeliver((encode_service_centre(CENTRE) + message.encode()).hex())
    assert (read.text, read.number, read.csca) == (text, str(PHONE), str(CENTRE))
    assert read.date == datetime(2024, 5, 6, 7, 8, 9)  # noqa: DTZ001 # the peer's is naive


def test_python_messaging_reads_our_segments_and_names(messaging: Any) -> None:
    for number, octets in enumerate(SEGMENTS, 1):
        message = SmsDeliver(Address.parse("Operator"), SENT, UserData.of_octets(octets))
        read = messaging.SmsDeliver((b"\0" + message.encode()).hex())
        concatenation, ports = read.udh.concat, read.udh.ports
        assert read.number == "Operator"
        assert (concatenation.ref, concatenation.cnt, concatenation.seq) == (0x1234, 2, number)
        assert (ports.dest_port, ports.orig_port) == (2948, 9200)


@pytest.mark.parametrize("text", ["hola €", "жук", "long " * 60])
def test_we_read_what_python_messaging_submits(messaging: Any, text: str) -> None:
    submission = messaging.SmsSubmit("+34616123456", text)
    submission.csca = "+34656000311"
    parts = []
    for one in submission.to_pdu():
        octets = bytes.fromhex(one.pdu)
        centre, message = decode_with_service_centre(octets, Direction.FROM_MOBILE)
        assert isinstance(message, SmsSubmit)
        assert encode_service_centre(centre) + message.encode() == octets
        assert (str(centre), str(message.destination_address)) == ("+34656000311", "+34616123456")
        parts.append(message.user_data.text or "")
    assert "".join(parts) == text


def test_tshark_reads_our_tpdus_field_by_field(
    dissect: Callable[[Capture], dict[str, Dissected]],
) -> None:
    messages: dict[str, Tpdu] = {
        "segment 1": SmsDeliver(PHONE, SENT, UserData.of_octets(SEGMENTS[0])),
        "segment 2": SmsDeliver(PHONE, SENT, UserData.of_octets(SEGMENTS[1])),
        "text": SmsDeliver(Address.parse("Operator"), SENT, UserData.of_text("hello €")),
        "report": SmsStatusReport(9, PHONE, SENT, SENT, 0x46),
    }
    capture = Capture()
    for name, message in messages.items():
        capture.message(name, "gsm_sms", message.encode())
    seen = dissect(capture)
    for number in (1, 2):
        expected = {
            "tp-oa": "358401234567",
            "dis_field_addr.num_type": "1",
            "tp-udhi": "1",
            "tp-mms": "1",
            "tp-dcs": "4",
            "tp.user_data_length": str(len(SEGMENTS[number - 1])),
            "udh.mm.msg_id": str(0x1234),
            "udh.mm.msg_parts": "2",
            "udh.mm.msg_part": str(number),
            "destination_port": "2948",
            "originator_port": "9200",
            "scts.year": "24",
            "scts.seconds": "9",
            "scts.timezone": "0",
        }
        fields = seen[f"segment {number}"]
        assert {name: fields.value(f"gsm_sms.{name}") for name in expected} == expected
    text, report = seen["text"], seen["report"]
    assert text.value("gsm_sms.tp-oa") == "Operator"
    assert text.value("gsm_sms.sms_text") == "hello €"
    said = [report.value(f"gsm_sms.{name}") for name in ("tp-mti", "tp-mr", "tp-ra")]
    assert said == ["2", "9", "358401234567"]
