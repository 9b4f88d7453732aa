"""Short messages between us and decoders that we did not write: python-messaging and tshark."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import struct
import subprocess
from datetime import datetime
from pathlib import Path
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


def dissected(messages: list[Tpdu], folder: Path) -> list[dict[str, Any]]:
    """Return tshark's fields of each of ``messages``, flat."""
    program = shutil.which("tshark")
    if program is None:
        missing("tshark")
    capture = folder / "sms.pcap"
    with capture.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 147))
        for octets in (message.encode() for message in messages):
            file.write(struct.pack("<IIII", 0, 0, len(octets), len(octets)) + octets)
    user_link = 'uat:user_dlts:"User 0 (DLT=147)","gsm_sms","0","","0",""'
    shown = subprocess.run(
        [str(program), "-r", str(capture), "-o", user_link, "-T", "json"],
        env={"HOME": str(folder), "PATH": os.environ["PATH"]},
        capture_output=True,
        timeout=60,
        check=True,
    )
    return [flat(packet["_source"]["layers"]["gsm_sms"]) for packet in json.loads(shown.stdout)]


def flat(tree: Any) -> dict[str, Any]:
    """Return the leaves of ``tree`` by their last name."""
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            leaves |= flat(value)
        else:
            leaves[name.removeprefix("gsm_sms.")] = value
    return leaves


def test_tshark_reads_our_tpdus_field_by_field(tmp_path: Path) -> None:
    segment_1, segment_2, text, report = dissected(
        [
            *(SmsDeliver(PHONE, SENT, UserData.of_octets(octets)) for octets in SEGMENTS),
            SmsDeliver(Address.parse("Operator"), SENT, UserData.of_text("hello €")),
            SmsStatusReport(9, PHONE, SENT, SENT, 0x46),
        ],
        tmp_path,
    )
    for number, fields in enumerate((segment_1, segment_2), 1):
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
        assert {name: fields[name] for name in expected} == expected
    assert (text["tp-oa"], text["sms_text"]) == ("Operator", "hello €")
    assert (report["tp-mti"], report["tp-mr"], report["tp-ra"]) == ("2", "9", "358401234567")
