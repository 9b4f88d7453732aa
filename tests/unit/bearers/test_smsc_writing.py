"""Short messages as requests of SMPP: the published PDUs, and what each style makes of a header."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.bearers.smsc_account import Number, SubmissionStyle, ValidityForm, Writing
from omapush.bearers.smsc_writing import Outgoing, Writer
from omapush.core.errors import EncodeError
from omapush.core.instants import DAY_MS, Instant, parse_utc
from omapush.ota.short_messages import ShortMessage, SubmissionWish
from omapush.protocols.smpp.codec import PreparedPdu, encode_body, encode_header
from omapush.protocols.smpp.pdu import DataSm, SubmitSm
from omapush.protocols.smpp.tlvs import Tag
from omapush.protocols.sms.segmentation import segment
from omapush.protocols.sms.user_data_header import (
    ApplicationPorts,
    InformationElement,
    UserDataHeader,
)

NOW = parse_utc("2026-11-21T12:00:00Z")
PHONE = "+358401234567"
PUBLISHED = Writing(source=Number("1234", 5, 0), validity=ValidityForm.NONE)
V31 = (
    "0000008a0000000400000000000000010005003132333400010133353834303132333435363700400000000001000400"
    "590605040b8423f0010603aeaf8202056a0045c60d0378797a008503656d61696c2f3132332f6162632e776d6c000ac3"
    "071999062515231510c304199906300103596f7520686176652034206e657720652d6d61696c73000101"
)
V32 = (
    "000000c50000000400000000000000050005003132333400010133353834303132333435363700000000000001000400"
    "787b0603beaf848c82985431323334353637008d908919802b3335383430313233343536372f545950453d504c4d4e00"
    "964772656574696e67732066726f6d2074686520707573682074657374207375697465008a808e0278008805810303f4"
    "8083687474703a2f2f6d6d73632e6578616d706c652e636f6d020a000223f0020b00020b84020c00021234020e000102"
    "020f000101"
)
V33 = (
    "000000df0000000400000000000000040005003132333400010133353834303132333435363700000000000001000400"
    "00020a000223f0020b00020b840424009e7b0603beaf848c82985431323334353637008d908919802b33353834303132"
    "33343536372f545950453d504c4d4e00964772656574696e67732066726f6d2074686520707573682074657374207375"
    "697465008a808e0278008805810303f48083687474703a2f2f6d6d73632e6578616d706c652e636f6d2f6d6d732f3031"
    "32333435363738396162636465663031323334353637383961626364656600"
)
V34 = (
    "0000008b00000103000000000000000157415000000000010133353834303132333435363700000104020a000223f002"
    "0b00020b8404240052010603aeaf8202056a0045c60d0378797a008503656d61696c2f3132332f6162632e776d6c000a"
    "c3071999062515231510c304199906300103596f7520686176652034206e657720652d6d61696c73000101"
)


def wish(**other: object) -> SubmissionWish:
    return dataclasses.replace(SubmissionWish(Instant(NOW + DAY_MS), receipt=True), **other)


def messages(datagram: bytes, maximum: int = 140, number: str = PHONE) -> list[ShortMessage]:
    return [
        ShortMessage(number, octets)
        for octets in segment(datagram, 2948, 9200, 0x1234, maximum=maximum)
    ]


def octets(outgoing: Outgoing, number: int) -> str:
    pdu = outgoing.pdu
    body = pdu.body if isinstance(pdu, PreparedPdu) else encode_body(pdu)
    return encode_header(pdu.command_id, 0, number, body).hex()


def written(writing: Writing, datagram: bytes, **other: object) -> SubmitSm | DataSm:
    (outgoing,) = Writer(writing).requests(messages(datagram), wish(**other), NOW)
    assert isinstance(outgoing.pdu, SubmitSm | DataSm)
    return outgoing.pdu


def styled(style: SubmissionStyle, **other: object) -> Writing:
    return dataclasses.replace(PUBLISHED, style=style, **other)


def published_datagram(pdu: str, start: str) -> bytes:
    """Return the datagram out of a published PDU: from where it starts to the end."""
    return bytes.fromhex(pdu)[bytes.fromhex(pdu).index(bytes.fromhex(start)) :]


MMS = published_datagram(V33, "7b0603")
SI = published_datagram(V34, "010603ae")


def test_submission_with_header_is_the_published_one() -> None:
    (outgoing,) = Writer(PUBLISHED).requests(messages(SI), wish(), NOW)
    assert octets(outgoing, 1) == V31


def test_submission_with_tlvs_is_the_published_one() -> None:
    # The published segments carry 120 octets; with a header of 13 that makes 133.
    first, second = Writer(styled(SubmissionStyle.SAR)).requests(messages(MMS, 133), wish(), NOW)
    assert octets(first, 5) == V32
    assert isinstance(second.pdu, SubmitSm)
    assert second.pdu.short_message == MMS[120:]
    assert second.pdu.integer(Tag.SAR_SEGMENT_SEQNUM) == 2


def test_submission_of_a_whole_datagram_is_the_published_one() -> None:
    (outgoing,) = Writer(styled(SubmissionStyle.PAYLOAD)).requests(messages(MMS), wish(), NOW)
    assert octets(outgoing, 4) == V33
    assert outgoing.covers == 2


def test_data_sm_is_the_published_one() -> None:
    writing = styled(SubmissionStyle.DATA_SM, source=Number())
    (outgoing,) = Writer(writing).requests(messages(SI), wish(), NOW)
    assert octets(outgoing, 1) == V34


def test_data_sm_of_single_segments_says_that_more_follow() -> None:
    both = messages(MMS)
    writer = Writer(styled(SubmissionStyle.DATA_SM))
    pdus = [each.pdu for each in writer.requests([both[1], both[0]], wish(), NOW)]
    assert [pdu.integer(Tag.MORE_MESSAGES_TO_SEND) for pdu in pdus] == [1, None]  # type: ignore[union-attr] # data_sm
    (rest,) = writer.requests(both[1:], wish(), NOW)
    assert isinstance(rest.pdu, DataSm)
    assert rest.pdu.integer(Tag.SAR_SEGMENT_SEQNUM) == 2
    assert rest.covers == 1


def test_header_that_tlvs_cannot_say_goes_out_as_it_is() -> None:
    header = UserDataHeader((ApplicationPorts(2948, 9200), InformationElement(9, b"\1")))
    odd = [
        ShortMessage(PHONE, header.encode() + b"hello"),
        ShortMessage(PHONE, b"\x05\x00"),
        ShortMessage(PHONE, b"\x00hello"),
    ]
    for style in (SubmissionStyle.SAR, SubmissionStyle.PAYLOAD, SubmissionStyle.DATA_SM):
        for each in odd:
            (outgoing,) = Writer(styled(style)).requests([each], wish(), NOW)
            assert isinstance(outgoing.pdu, PreparedPdu)
            assert outgoing.pdu.body.endswith(each.user_data)


@pytest.mark.parametrize("style", list(SubmissionStyle))
@pytest.mark.parametrize("number", ["+" + "1" * 70, "1\0"])
def test_long_and_strange_numbers_are_refused(style: SubmissionStyle, number: str) -> None:
    def write() -> None:
        for each in Writer(styled(style)).requests(messages(SI, number=number), wish(), NOW):
            octets(each, 1)  # where the header is not prepared, the session finds out

    with pytest.raises(EncodeError):
        write()


def test_short_code_has_the_type_that_is_set() -> None:
    writing = styled(SubmissionStyle.PAYLOAD, short_code=Number("", 3, 9))
    (outgoing,) = Writer(writing).requests(messages(SI, number="12345"), wish(), NOW)
    pdu = outgoing.pdu
    assert isinstance(pdu, SubmitSm)
    assert (pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr) == (3, 9, "12345")


@pytest.mark.parametrize(
    ("form", "lasts_ms", "expected"),
    [
        (ValidityForm.RELATIVE, DAY_MS + 61_999, "000001000101000R"),
        (ValidityForm.RELATIVE, -5_000, "000000000001000R"),
        (ValidityForm.RELATIVE, 1_000 * DAY_MS, "000099000000000R"),
        (ValidityForm.ABSOLUTE, DAY_MS + 999, "261122120000000+"),
        (ValidityForm.NONE, DAY_MS, ""),
    ],
)
def test_expiry_is_told_as_set_and_never_later(
    form: ValidityForm, lasts_ms: int, expected: str
) -> None:
    writing = styled(SubmissionStyle.PAYLOAD, validity=form)
    pdu = written(writing, SI, expires_at=Instant(NOW + lasts_ms))
    assert isinstance(pdu, SubmitSm)
    assert pdu.validity_period == expected


def test_data_sm_tells_expiry_in_seconds() -> None:
    writing = styled(SubmissionStyle.DATA_SM, validity=ValidityForm.RELATIVE)
    assert written(writing, SI).integer(Tag.QOS_TIME_TO_LIVE) == 86_400
    late = written(writing, SI, expires_at=Instant(NOW - 1))
    assert late.integer(Tag.QOS_TIME_TO_LIVE) == 1


def test_receipt_and_urgency_are_told() -> None:
    plain = written(styled(SubmissionStyle.PAYLOAD), SI, receipt=False)
    urgent = written(styled(SubmissionStyle.PAYLOAD), SI, urgent=True)
    assert isinstance(plain, SubmitSm)
    assert isinstance(urgent, SubmitSm)
    assert (plain.registered_delivery, plain.priority_flag) == (0, 0)
    assert (urgent.registered_delivery, urgent.priority_flag) == (1, 2)


def test_class_1_is_told() -> None:
    for style in (SubmissionStyle.PAYLOAD, SubmissionStyle.DATA_SM):
        assert written(styled(style, data_coding=0xF5), SI).data_coding == 0xF5


def test_question_names_the_source_of_the_message() -> None:
    query = Writer(PUBLISHED).query("0042")
    asked = (query.message_id, query.source_addr_ton, query.source_addr)
    assert asked == ("0042", 5, "1234")


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=1_000), st.sampled_from(list(SubmissionStyle)))
def test_every_style_carries_the_datagram_whole(datagram: bytes, style: SubmissionStyle) -> None:
    parts = messages(datagram)
    requests = Writer(styled(style)).requests(parts, wish(), NOW)
    assert sum(each.covers for each in requests) == len(parts)
    if style is SubmissionStyle.UDH:
        for each, part in zip(requests, parts, strict=True):
            assert isinstance(each.pdu, PreparedPdu)
            assert each.pdu.body.endswith(part.user_data)
    else:
        carried = b"".join(each.pdu.payload for each in requests)  # type: ignore[union-attr] # messages
        assert carried == datagram
