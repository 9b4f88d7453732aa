"""M-Notification.ind to the octet, and what deployed senders make of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omapush.content import mms_notification
from omapush.content.mms_notification import (
    Expiry,
    HeaderField,
    MessageClass,
    MmsNotification,
    Priority,
    UnreadHeader,
)
from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.core.instants import Instant

V9 = bytes.fromhex(
    "8c82985431323334353637008d908919802b3335383430313233343536372f545950453d504c4d4e009647726565"
    "74696e67732066726f6d2074686520707573682074657374207375697465008a808e0278008805810303f480"
    "83687474703a2f2f6d6d73632e6578616d706c652e636f6d2f6d6d732f3031323334353637383961626364656630"
    "31323334353637383961626364656600"
)
NOTIFICATION = MmsNotification(
    transaction_id="T1234567",
    content_location="http://mmsc.example.com/mms/0123456789abcdef0123456789abcdef",
    from_="+358401234567/TYPE=PLMN",
    subject="Greetings from the push test suite",
    message_class=MessageClass.PERSONAL,
    message_size=30720,
    expiry=Expiry(seconds=259200),
)
SHORT = MmsNotification("t", "http://a/", message_size=1, expiry=Expiry(seconds=60))


def octets(*parts: bytes | int) -> bytes:
    return b"".join(bytes((part,)) if isinstance(part, int) else part for part in parts)


def with_headers(*parts: bytes | int) -> bytes:
    return octets(b"\x8c\x82\x98t\0\x8d\x90", *parts, b"\x83http://a/\0")


def test_encoder_writes_the_published_notification_to_the_octet() -> None:
    assert mms_notification.encode(NOTIFICATION) == V9
    assert len(V9) == 152


def test_decoder_reads_the_published_notification() -> None:
    assert mms_notification.decode(V9) == NOTIFICATION


def test_decoder_gives_back_all_that_the_encoder_wrote() -> None:
    whole = replace(
        NOTIFICATION,
        version="1.3",
        subject="Grüße 你好",
        from_="jörg@example.com",
        message_class="x-vendor",
        message_size=5,
        expiry=Expiry(at=Instant(1_700_000_000_000)),
        delivery_report=True,
        priority=Priority.HIGH,
        others=(UnreadHeader(HeaderField.STORED, b"\x81"),),
    )
    assert mms_notification.decode(mms_notification.encode(whole)) == whole


def test_encoder_quotes_a_text_that_would_look_like_a_number() -> None:
    written = mms_notification.encode(replace(SHORT, subject="é"))
    assert octets(HeaderField.SUBJECT, b"\x05\xea\x7f\xc3\xa9\0") in written
    assert mms_notification.decode(written).subject == "é"


def test_encoder_writes_a_long_subject_with_a_length_in_several_octets() -> None:
    subject = "ä" * 200
    written = mms_notification.encode(replace(SHORT, subject=subject))
    assert octets(HeaderField.SUBJECT, b"\x1f\x83\x13\xea\x7f") in written
    assert mms_notification.decode(written).subject == subject


@pytest.mark.parametrize(
    ("expiry", "expected"),
    [
        (Expiry(seconds=60), b"\x88\x02\x81\xbc"),
        (Expiry(seconds=128), b"\x88\x03\x81\x01\x80"),
        (Expiry(at=Instant(0)), b"\x88\x03\x80\x01\x00"),
        (Expiry(at=Instant(1_700_000_000_000)), b"\x88\x06\x80\x04\x65\x53\xf1\x00"),
    ],
)
def test_encoder_writes_expiry_in_its_shortest_form(expiry: Expiry, expected: bytes) -> None:
    written = mms_notification.encode(replace(SHORT, expiry=expiry))
    assert expected in written
    assert mms_notification.decode(written).expiry == expiry


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"message_size": None}, "message size"),
        ({"message_class": None}, "message class"),
        ({"message_class": ""}, "empty"),
        ({"expiry": None}, "expiry"),
        ({"expiry": Expiry()}, "absolute or relative"),
        ({"expiry": Expiry(1, Instant(1))}, "absolute or relative"),
        ({"expiry": Expiry(seconds=-1)}, "30 octets"),
        ({"message_size": 1 << 240}, "30 octets"),
        ({"version": "1.0\n"}, "control character"),
        ({"transaction_id": "a\0b"}, "NUL"),
        ({"transaction_id": "ä"}, "US-ASCII"),
        ({"subject": "\ud800"}, "half a character"),
    ],
)
def test_encoder_refuses_what_has_no_form(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(EncodeError, match=reason):
        mms_notification.encode(replace(SHORT, **changes))  # type: ignore[arg-type]  # wrong on purpose


def test_decoder_takes_headers_in_any_order_and_the_first_of_two() -> None:
    read = mms_notification.decode(b"\x83http://a/\0\x83http://b/\0\x98t\0\x8c\x82")
    assert read.content_location == "http://a/"
    assert (read.version, read.expiry, read.message_class) == ("1.0", None, None)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (octets(HeaderField.SUBJECT, b"\x02\x1f\0"), None),
        (octets(HeaderField.SUBJECT, b"\x05\x84ab\xe9\0"), "abé"),
        (octets(HeaderField.SUBJECT, b"\x0a\x02\x03\xe8\x00H\x00i\0\0\0"), "Hi"),
        (octets(HeaderField.SUBJECT, b"\x07\x02\x03\xe8\x7f\xca\0\0"), "翊"),
        (octets(HeaderField.SUBJECT, b"\x08\x02\x03\xe8\x7f\x80\xca\0\0"), "胊"),
        (octets(HeaderField.SUBJECT, b"\x05\xeaa\xff\x62\0"), "a\N{REPLACEMENT CHARACTER}b"),
        (octets(HeaderField.SUBJECT, b"caf\xc3\xa9\0"), "café"),
        (octets(HeaderField.SUBJECT, b"caf\xe9\0"), "café"),
        (octets(HeaderField.SUBJECT, b"\x7f\xc3\xa9\0"), "é"),
    ],
)
def test_decoder_reads_texts_of_several_charsets(header: bytes, expected: str | None) -> None:
    read = mms_notification.decode(with_headers(header))
    assert read.subject == expected


def test_decoder_reads_a_sender_that_is_hidden_and_one_without_its_token() -> None:
    assert mms_notification.decode(with_headers(HeaderField.FROM, b"\x01\x81")).from_ is None
    assert mms_notification.decode(with_headers(HeaderField.FROM, b"+123\0")).from_ == "+123"


def test_decoder_keeps_what_it_does_not_know_as_octets() -> None:
    read = mms_notification.decode(
        with_headers(0xF0, b"\x02ab", 0xF1, b"text\0", 0xF2, 0x85, HeaderField.PRIORITY, 0x99)
    )
    assert read.others == (
        UnreadHeader(0xF0, b"\x02ab"),
        UnreadHeader(0xF1, b"text\0"),
        UnreadHeader(0xF2, b"\x85"),
        UnreadHeader(HeaderField.PRIORITY, b"\x99"),
    )
    assert read.priority is None


def test_decoder_passes_over_a_header_with_a_name_in_text() -> None:
    assert mms_notification.decode(with_headers(b"X-Vendor\0one\0")).others == ()


@pytest.mark.parametrize(
    ("wrong", "reason", "position"),
    [
        (b"", "X-Mms-Message-Type", 0),
        (b"\x8c\x80\x98t\0\x83u\0", "not M-Notification.ind", 1),
        (b"\x8c\x82\x83u\0", "no X-Mms-Transaction-ID", 5),
        (b"\x8c\x82\x98t\0", "no X-Mms-Content-Location", 5),
        (b"\x8c\x82\x98t", "terminating NUL", 3),
        (b"\x8c\x82\x98t\0\x88\x05\x81", "5 octets wanted, 1 left", 7),
        (b"\x8c\x82\x98t\0\x88\x1f\xff\xff\xff\xff\xff", "uintvar", 7),
        (b"\x8c", "1 octet wanted", 1),
    ],
)
def test_decoder_refuses_with_layer_and_position(wrong: bytes, reason: str, position: int) -> None:
    with pytest.raises(DecodeError, match=reason) as caught:
        mms_notification.decode(wrong)
    assert (caught.value.layer, caught.value.position) == ("mms", position)


def test_decoder_bounds_octets_and_headers() -> None:
    with pytest.raises(LimitError, match="153 octets, 152 are taken"):
        mms_notification.decode(V9 + b"\x80", max_octets=152)
    with pytest.raises(LimitError, match="64 headers"):
        mms_notification.decode(V9 + b"\xf0\x80" * 64)


def test_explanation_covers_every_octet_of_the_published_notification() -> None:
    tree = mms_notification.explain(V9)
    assert b"".join(child.octets for child in tree.children) == V9
    assert [child.offset for child in tree.children][:3] == [0, 2, 12]
    shown = {child.name: child.value for child in tree.children}
    assert shown["X-Mms-Message-Type"] == "M-Notification.ind"
    assert shown["X-Mms-Expiry"] == "259200 s from its receipt"
    assert shown["X-Mms-Message-Class"] == "Personal"
    assert shown["X-Mms-Message-Size"] == 30720
    assert tree.note is None


def test_explanation_remarks_on_what_is_odd() -> None:
    tree = mms_notification.explain(
        b"\x98t\0\x8c\x82\x98u\0\xf0\x80X-A\0b\0\x89\x01\x81\x88\x03\x80\x01\x00\x83u\0"
    )
    assert tree.note is not None
    assert "no X-Mms-Message-Size" in tree.note
    assert "do not come first" in tree.note
    notes = [child.note for child in tree.children]
    assert notes[2] == "repeated: the first one counts"
    assert [tree.children[3].name, notes[3]] == ["header 0xf0", "not interpreted"]
    assert [tree.children[4].name, tree.children[4].value] == ["X-A", "b"]
    assert tree.children[5].value == "(not told)"
    assert tree.children[6].value == "1970-01-01T00:00:00Z"


def test_relative_expiry_counts_from_the_receipt() -> None:
    assert Expiry(seconds=2).instant(Instant(1_000)) == 3_000
    assert Expiry(at=Instant(5)).instant(Instant(1_000)) == 5
    assert Expiry(seconds=1 << 60).instant(Instant(0)) == 253_402_300_799_999
