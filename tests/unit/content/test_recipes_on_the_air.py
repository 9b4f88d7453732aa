"""What recipes make is, on the air, to the octet what the specification's examples show; and what
arrives is what was made."""

from __future__ import annotations

from omapush.content import mms_notification, recipes
from omapush.content.application_id import HEADER, outgoing_value
from omapush.content.message import PushMessage
from omapush.content.provisioning import documents
from omapush.content.provisioning.bootstrap_security import (
    SecurityMethod,
    Verification,
    security_parameters,
    verify,
)
from omapush.protocols.wsp.pdu import Push
from omapush.protocols.wsp.pdu_codec import decode_unit_pdu, encode_unit_pdu

# Vectors V10 and V30: connectionless pushes of an MMS notification and of a bootstrap document.
V10 = bytes.fromhex(
    "7b0603beaf848c82985431323334353637008d908919802b3335383430313233343536372f545950453d504c4d4e0096"
    "4772656574696e67732066726f6d2074686520707573682074657374207375697465008a808e0278008805810303f480"
    "83687474703a2f2f6d6d73632e6578616d706c652e636f6d2f6d6d732f30313233343536373839616263646566303132"
    "3334353637383961626364656600"
)
V30 = bytes.fromhex(
    "0106311f2db6918192424345453133423736423230343838444630303844434637304643443332423831444637384232"
    "4100af82030b6a00c54601c65601870706034578616d706c65000101c65501871106034e310001871006ab0187070603"
    "457800018708060361706e2e6578616d706c65000187090689010101"
)
BOOTSTRAP = V30[52:]


def on_the_air(message: PushMessage, transaction: int) -> bytes:
    """Return the connectionless push of ``message``, its application id as a number."""
    sent = message.replacing(HEADER, outgoing_value(message.get(HEADER)))
    return encode_unit_pdu(transaction, Push(sent.headers, sent.body))


def arrived(octets: bytes) -> PushMessage:
    _, pdu = decode_unit_pdu(octets)
    assert isinstance(pdu, Push)
    return PushMessage(pdu.headers, pdu.body)


def test_mms_notification_goes_out_as_the_published_push() -> None:
    message = recipes.mms_notification(
        "http://mmsc.example.com/mms/0123456789abcdef0123456789abcdef",
        30720,
        from_="+358401234567",
        subject="Greetings from the push test suite",
        transaction_id="T1234567",
    )
    assert on_the_air(message, 0x7B).hex() == V10.hex()


def test_handset_reads_the_notification_of_the_published_push() -> None:
    message = arrived(V10)
    assert message.media_type == mms_notification.MEDIA_TYPE
    assert mms_notification.decode(message.body).transaction_id == "T1234567"


def test_bootstrap_document_goes_out_as_the_published_push() -> None:
    document = documents.read_wbxml(BOOTSTRAP)
    message = recipes.provisioning(document, method=SecurityMethod.USERPIN, pin="1234")
    assert on_the_air(message, 1).hex() == V30.hex()


def test_device_finds_the_published_bootstrap_authentic() -> None:
    message = arrived(V30)
    parameters = security_parameters(message.content_type or "")
    assert parameters.method is SecurityMethod.USERPIN
    assert verify(parameters, message.body, pin="1234") is Verification.AUTHENTIC
    assert verify(parameters, message.body, pin="4321") is Verification.MISMATCH


def test_every_security_method_survives_the_air() -> None:
    document = documents.read_wbxml(BOOTSTRAP)
    for method in SecurityMethod:
        made = recipes.provisioning(document, method=method, pin="1234", network_secret=b"\x39\x01")
        sent = security_parameters(made.content_type or "")
        assert security_parameters(arrived(on_the_air(made, 1)).content_type or "") == sent
