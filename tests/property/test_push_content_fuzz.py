"""MMS notifications and provisioning documents: accepted or refused with a documented error, and
what was written is read back."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.content import mms_notification
from omapush.content.mms_notification import (
    Expiry,
    MessageClass,
    MmsNotification,
    Priority,
    UnreadHeader,
)
from omapush.content.provisioning import documents
from omapush.content.provisioning.bootstrap_security import (
    SecurityMethod,
    SecurityParameters,
    Verification,
    gsm_network_secret,
    mac_of,
    security_parameters,
    user_pin_mac,
    verify,
)
from omapush.content.provisioning.model import Characteristic, Parm, ProvisioningDocument
from omapush.content.provisioning.schema import RULES, VALUES
from omapush.content.provisioning.validation import findings
from omapush.core.errors import DecodeError, EncodeError
from omapush.core.instants import Instant

NOTIFICATION = bytes.fromhex(
    "8c82985431008d908919802b3335383430313233343536372f545950453d504c4d4e00964772006574696e678a80"
    "8e0278008805810303f48083687474703a2f2f6100"
)
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\x7f"), max_size=40)
INSTANTS = st.integers(0, 250_000_000).map(lambda seconds: Instant(seconds * 1_000))
OTHERS = st.builds(
    UnreadHeader,
    st.sampled_from([0xA7, 0xB1, 0xF0]),
    st.sampled_from([b"\x80", b"text\0", b"\x02ab", b"\0"]),
)
NOTIFICATIONS = st.builds(
    MmsNotification,
    transaction_id=ASCII,
    content_location=ASCII,
    version=st.sampled_from(["1.0", "1.3", "7.14", "2"]),
    from_=st.none() | TEXT.filter(bool),
    subject=st.none() | TEXT,
    message_class=st.sampled_from(MessageClass) | ASCII.filter(bool),
    message_size=st.integers(0, (1 << 64) - 1),
    expiry=st.builds(Expiry, seconds=st.integers(0, 1 << 40)) | st.builds(Expiry, at=INSTANTS),
    delivery_report=st.none() | st.booleans(),
    priority=st.none() | st.sampled_from(Priority),
    others=st.lists(OTHERS, max_size=3).map(tuple),
)


@settings(max_examples=100, deadline=None)
@given(NOTIFICATIONS)
def test_notification_that_was_written_is_read_back(notification: MmsNotification) -> None:
    written = mms_notification.encode(notification)
    assert mms_notification.decode(written) == notification
    children = mms_notification.explain(written).children
    assert b"".join(child.octets for child in children) == written


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.integers(0, len(NOTIFICATION)), st.booleans())
def test_decoder_of_notifications_reads_or_refuses_anything(
    octets: bytes,
    cut: int,
    replaced: bool,
) -> None:
    kept = NOTIFICATION[cut + len(octets) if replaced else cut :]
    given_octets = NOTIFICATION[:cut] + octets + kept
    try:
        read = mms_notification.decode(given_octets)
    except DecodeError:
        return
    children = mms_notification.explain(given_octets).children
    assert b"".join(child.octets for child in children) == given_octets
    with contextlib.suppress(EncodeError):
        written = mms_notification.encode(read)
        assert mms_notification.encode(mms_notification.decode(written)) == written


NAMES = st.sampled_from([*VALUES, "NAME", "APPID", "URI", "TO-NAPID", "x-own"])
PARM_VALUES = (
    st.none() | TEXT | st.sampled_from(sorted({one for some in VALUES.values() for one in some}))
)
XML_TEXT = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
PARMS = st.lists(
    st.builds(Parm, NAMES, st.none() | st.text(XML_TEXT, max_size=12) | PARM_VALUES), max_size=4
)
TYPES = st.sampled_from([*RULES, "x-own"])
CHARACTERISTICS = st.recursive(
    st.builds(Characteristic, TYPES, PARMS.map(tuple)),
    lambda inner: st.builds(
        Characteristic, TYPES, PARMS.map(tuple), st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=6,
)
DOCUMENTS = st.builds(
    ProvisioningDocument,
    st.lists(CHARACTERISTICS, max_size=3).map(tuple),
    st.sampled_from([None, "1.0", "1.1", "2.0"]),
)


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS)
def test_provisioning_document_that_was_written_is_read_back(
    document: ProvisioningDocument,
) -> None:
    findings(document)
    with contextlib.suppress(EncodeError):
        assert documents.read_wbxml(documents.write_wbxml(document)) == document
    with contextlib.suppress(EncodeError):
        assert documents.read_text(documents.write_text(document)) == document


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 80), DOCUMENTS)
def test_readers_of_provisioning_read_or_refuse_anything(
    octets: bytes, cut: int, document: ProvisioningDocument
) -> None:
    inputs = [octets]
    with contextlib.suppress(EncodeError):
        whole = documents.write_wbxml(document)
        inputs.append(whole[:cut] + octets + whole[cut + len(octets) :])
    for given_octets in inputs:
        for read in (documents.read_text, documents.read_wbxml):
            with contextlib.suppress(DecodeError):
                findings(read(given_octets))


PINS = st.from_regex("[0-9]{4,8}", fullmatch=True)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=100), PINS, PINS, st.from_regex("[0-9]{6,15}", fullmatch=True))
def test_document_is_authentic_for_its_own_secrets_only(
    document: bytes, pin: str, other: str, imsi: str
) -> None:
    network_secret = gsm_network_secret(imsi)
    for method in (SecurityMethod.USERPIN, SecurityMethod.USERNETWPIN):
        mac = mac_of(method, document, pin=pin, network_secret=network_secret)
        parameters = SecurityParameters(method, mac)
        for typed in (pin, other):
            found = verify(parameters, document, pin=typed, network_secret=network_secret)
            expected = Verification.AUTHENTIC if typed == pin else Verification.MISMATCH
            assert found is expected
    digits = "0" + pin
    told = user_pin_mac(digits, document)
    parameters = SecurityParameters(SecurityMethod.USERPINMAC)
    assert verify(parameters, document, pin=told) is Verification.AUTHENTIC


@settings(max_examples=100, deadline=None)
@given(TEXT | st.from_regex("a/b(; ?(sec|mac|x)=[0-9A-Fa-z]{0,4}){0,3}", fullmatch=True))
def test_reader_of_security_parameters_reads_or_refuses_anything(content_type: str) -> None:
    with contextlib.suppress(DecodeError):
        parameters = security_parameters(content_type)
        verify(parameters, b"document", pin="1234", network_secret=b"secret")
