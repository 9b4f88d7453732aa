"""Pushes between us and python-messaging: the MMS notification, content types, primitive values."""

from __future__ import annotations

import importlib
import os
from array import array
from datetime import datetime
from typing import Any

import pytest

from omapush.content import mms_notification as mms
from omapush.content import recipes
from omapush.content.application_id import HEADER as APPLICATION_ID
from omapush.content.application_id import outgoing_value
from omapush.content.message import PushMessage
from omapush.ota.interface import PushFlag
from omapush.ota.wsp.unit_push import encode_unit_push
from omapush.protocols.sms.address import Address
from omapush.protocols.sms.segmentation import segment
from omapush.protocols.sms.timestamps import Timestamp
from omapush.protocols.sms.tpdu import SmsDeliver
from omapush.protocols.sms.user_data import UserData
from omapush.protocols.wsp import values
from omapush.protocols.wsp.headers import encode_content_headers
from omapush.protocols.wsp.profile import HeaderProfile
from omapush.protocols.wsp.registers import CONTENT_TYPES

LATEST = HeaderProfile(encoding_version=(1, 6))
LOCATION = "http://mmsc.example.com/mms/0123456789abcdef0123456789abcdef"
SENT = Timestamp.of(datetime.fromisoformat("2024-05-06T07:08:09+00:00"))


def peer(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        if os.environ.get("CI") == "true":
            pytest.fail("python-messaging is missing")
        pytest.skip("python-messaging is missing")


def pushed(message: PushMessage) -> bytes:
    """Return ``message`` as a gateway sends it."""
    headers = dict(message.headers)
    headers[APPLICATION_ID] = outgoing_value(headers[APPLICATION_ID])
    return encode_unit_push(PushMessage(tuple(headers.items()), message.body), PushFlag.NONE, 0x7B)


@pytest.mark.parametrize("subject", ["Greetings from the push test suite", "Grüße, жук", None])
@pytest.mark.parametrize("sender", ["+358401234567", "a@example.com", None])
def test_python_messaging_reads_our_mms_notification_out_of_short_messages(
    subject: str | None, sender: str | None
) -> None:
    sms, wap = peer("messaging.sms"), peer("messaging.sms.wap")
    message = recipes.mms_notification(
        LOCATION, 30_720, from_=sender, subject=subject, transaction_id="T1234567"
    )
    received = b""
    for octets in segment(pushed(message), 2948, 9200, 0x1234):
        tpdu = SmsDeliver(Address.parse("12345"), SENT, UserData.of_octets(octets))
        read = sms.SmsDeliver((b"\0" + tpdu.encode()).hex())
        received += octets[1 + octets[0] :]
        assert (read.udh.ports.dest_port, read.udh.ports.orig_port) == (2948, 9200)
    assert wap.is_a_wap_push_notification(received)
    headers = wap.extract_push_notification(received).headers
    expected = {
        "Message-Type": "m-notification-ind",
        "Transaction-Id": "T1234567",
        "MMS-Version": "1.0",
        "Subject": subject,
        "From": f"{sender}/TYPE=PLMN" if sender and sender.startswith("+") else sender,
        "Message-Class": "Personal",
        "Message-Size": 30_720,
        "Expiry": 259_200,
        "Content-Location": LOCATION,
    }
    # A content type is there before anything is read.
    del headers["Content-Type"]
    assert headers == {name: value for name, value in expected.items() if value is not None}
    ours = mms.decode(message.body)
    assert (ours.subject, ours.from_, ours.message_size) == (subject, expected["From"], 30_720)


def read(method: str, octets: bytes) -> Any:
    """Return what one of python-messaging's decoders of WSP says."""
    iterator = peer("messaging.mms.iterator")
    decoder = peer("messaging.mms.wsp_pdu").Decoder
    return getattr(decoder, method)(iterator.PreviewIterator(array("B", octets)))


CONTENT_TYPE_DIFFERENCES = {
    # Kannel is with us; tshark has a third name for each.
    "application/vnd.wap.catc": "text/vnd.wap.wta-event",
    "application/vnd.wap.wsic": "application/vnd.wap.wta-eventc",
    # We are right: a slip of the pen.
    "multipart/byteranges": "multipart/byterantes",
    # Registered after its table was made, or with a code of two octets, which it does not know.
    "application/vnd.syncml.ds.notification": None,
    "text/vnd.wap.emn+xml": None,
    "application/vnd.omads-email+xml": None,
    "application/vnd.wap.emn+wbxml": None,
    "application/vnd.omaloc-supl-init": None,
    "application/vnd.oma.drm.roap-trigger+wbxml": None,
}


def test_python_messaging_reads_our_content_types() -> None:
    different: dict[str, str | None] = {}
    for name, _ in CONTENT_TYPES.values():
        if ";" in name:
            continue
        octets = encode_content_headers([("Content-Type", name)], LATEST)
        try:
            said, parameters = read("decode_content_type_value", octets)
        except StopIteration:
            said, parameters = None, {}
        if (said, parameters) != (name, {}):
            different[name] = said
    assert different == CONTENT_TYPE_DIFFERENCES


@pytest.mark.parametrize(
    ("content_type", "parameters"),
    [
        ("text/plain; charset=utf-8", {"Charset": "utf-8"}),
        ("text/plain; charset=iso-8859-1; name=a.txt", {"Charset": "iso-8859-1", "Name": "a.txt"}),
        # python-messaging does not look the number of the type up; we are right.
        ('multipart/related; type=text/plain; start="<1>"', {"Type": 3, "Start": "<1>"}),
        # It does not know the parameters of provisioning; we are right.
        ("application/vnd.wap.connectivity-wbxml; sec=1; mac=AB12", {}),
    ],
)
def test_python_messaging_reads_the_parameters_of_our_content_types(
    content_type: str, parameters: dict[str, object]
) -> None:
    octets = encode_content_headers([("Content-Type", content_type)], LATEST)
    essence = content_type.partition(";")[0]
    assert read("decode_content_type_value", octets) == (essence, parameters)


@pytest.mark.parametrize(
    ("method", "octets", "value"),
    [
        ("decode_uint_var", values.uintvar(0x87A5), 0x87A5),
        ("decode_long_integer", values.long_integer(0x123456), 0x123456),
        ("decode_short_integer", values.short_integer(5), 5),
        ("decode_integer_value", values.integer(1_400), 1_400),
        ("decode_version_value", values.version("1.4"), "1.4"),
        ("decode_text_string", values.text_string("héé"), "héé"),
        ("decode_quoted_string", values.quoted_string("a b"), "a b"),
        ("decode_q_value", values.quality("0.333"), 0.333),
        ("decode_q_value", values.quality("0.5"), 0.5),
    ],
)
def test_python_messaging_reads_our_values(method: str, octets: bytes, value: object) -> None:
    said = read(method, octets)
    assert said == (pytest.approx(value) if isinstance(value, float) else value)
