"""MMS notifications and provisioning documents between us and decoders that we did not write."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import struct
import subprocess
from array import array
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from omapush.content import mms_notification
from omapush.content.mms_notification import Expiry, MessageClass, MmsNotification, Priority
from omapush.content.provisioning import builder, documents
from omapush.content.provisioning.model import ProvisioningDocument
from omapush.core.instants import Instant

NOTIFICATION = MmsNotification(
    transaction_id="T1234567",
    content_location="http://mmsc.example.com/mms/0123",
    from_="+358401234567/TYPE=PLMN",
    subject="Greetings",
    message_class=MessageClass.ADVERTISEMENT,
    message_size=30720,
    expiry=Expiry(seconds=259200),
)


def missing(peer: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{peer} is missing")
    pytest.skip(f"{peer} is missing")


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        missing(name)
    return str(found)


def run(*arguments: str | Path, home: Path) -> bytes:
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    ended = subprocess.run(
        [str(argument) for argument in arguments],
        env=environment,
        capture_output=True,
        timeout=60,
        check=True,
    )
    return ended.stdout


def test_python_messaging_reads_our_notification() -> None:
    try:
        message = importlib.import_module("messaging.mms.message")
    except ImportError:
        return missing("python-messaging")
    octets = mms_notification.encode(NOTIFICATION)
    headers = message.MMSMessage.from_data(array("B", octets)).headers
    shown = {name: value for name, value in headers.items() if name != "Content-Type"}
    assert shown == {
        "Message-Type": "m-notification-ind",
        "Transaction-Id": "T1234567",
        "MMS-Version": "1.0",
        "From": "+358401234567/TYPE=PLMN",
        "Subject": "Greetings",
        "Message-Class": "Advertisement",
        "Message-Size": 30720,
        "Expiry": 259200,
        "Content-Location": "http://mmsc.example.com/mms/0123",
    }
    return None


def dissected(notification: MmsNotification, folder: Path) -> dict[str, Any]:
    """Return tshark's fields of ``notification``."""
    # tshark knows it as the body of a connectionless push: TID, Push, content type, mms.ua.
    octets = b"\x7b\x06\x03\xbe\xaf\x84" + mms_notification.encode(notification)
    capture = folder / "mms.pcap"
    with capture.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 147))
        file.write(struct.pack("<IIII", 0, 0, len(octets), len(octets)) + octets)
    link = 'uat:user_dlts:"User 0 (DLT=147)","wsp-cl","0","","0",""'
    shown = run(program("tshark"), "-r", capture, "-o", link, "-T", "json", home=folder)
    [packet] = json.loads(shown)
    fields: dict[str, Any] = packet["_source"]["layers"]["mmse"]
    return {name.removeprefix("mmse."): value for name, value in fields.items()}


def test_tshark_reads_our_notification_field_by_field(tmp_path: Path) -> None:
    fields = dissected(NOTIFICATION, tmp_path)
    expected = {
        "message_type": "0x82",
        "transaction_id": "T1234567",
        "mms_version": "1.0",
        "from": "+358401234567/TYPE=PLMN",
        "subject": "Greetings",
        "message_class.id": "0x81",
        "message_size": "30720",
        "content_location": "http://mmsc.example.com/mms/0123",
    }
    assert {name: fields.get(name) for name in expected} == expected


def test_tshark_reads_texts_and_times_of_every_form(tmp_path: Path) -> None:
    rich = replace(
        NOTIFICATION,
        subject="Grüße",
        expiry=Expiry(at=Instant(1_700_000_000_000)),
        message_class="x-own",
        priority=Priority.HIGH,
        delivery_report=True,
        version="1.3",
    )
    fields = dissected(rich, tmp_path)
    expected = {
        "expiry.abs": "Nov 14, 2023 22:13:20.000000000 UTC",
        "message_class.str": "x-own",
        "priority": "0x82",
        "delivery_report": "0x80",
        "mms_version": "1.3",
    }
    assert {name: fields.get(name) for name in expected} == expected
    # tshark reads every subject as US-ASCII, whatever charset it names.
    assert re.fullmatch("Gr\N{REPLACEMENT CHARACTER}+e", fields["subject"])
    assert "_ws.malformed" not in json.dumps(fields)


def whole_document() -> ProvisioningDocument:
    return builder.document(
        builder.bootstrap("Example", provurl="http://prov.example/"),
        builder.napdef(
            "NAP1",
            "Example GPRS",
            "apn.example",
            bearers=("GSM-GPRS", "GSM-CSD"),
            internet=True,
            authentication=builder.napauthinfo("CHAP", "guest", "secret & é"),
        ),
        builder.pxlogical(
            "push.example",
            "Example",
            (
                builder.pxphysical(
                    "P1",
                    "192.0.2.1",
                    to_napids=("NAP1", "INTERNET"),
                    ports=(builder.port(8080, "OTA-HTTP-TO"),),
                ),
            ),
            push_enabled=True,
        ),
        builder.browser("Home", "http://a.example/", to_proxies=("push.example",)),
        builder.multimedia_messaging("MMS", "http://mmsc.example/", to_napids=("NAP1",)),
        builder.access("rule", application_ids=("w4",), ports=(80,), to_napids=("NAP1",)),
    )


def test_libwbxml_reads_our_provisioning_document(tmp_path: Path) -> None:
    binary = tmp_path / "ours.wbxml"
    binary.write_bytes(documents.write_wbxml(whole_document()))
    text = run(program("wbxml2xml"), "-o", "-", binary, home=tmp_path)
    assert documents.read_text(text) == whole_document()


def test_we_read_the_provisioning_document_of_libwbxml(tmp_path: Path) -> None:
    text, binary = tmp_path / "ours.xml", tmp_path / "theirs.wbxml"
    text.write_bytes(documents.write_text(whole_document()))
    run(program("xml2wbxml"), "-o", binary, text, home=tmp_path)
    assert documents.read_wbxml(binary.read_bytes()) == whole_document()
