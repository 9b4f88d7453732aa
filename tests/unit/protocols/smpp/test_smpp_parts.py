"""Small parts of SMPP: stream splitting, templates, status codes, times, names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.core.instants import DAY_MS, Instant, parse_utc
from omapush.protocols.smpp.codec import encode_pdu
from omapush.protocols.smpp.commands import name_of
from omapush.protocols.smpp.errors import PduError
from omapush.protocols.smpp.pdu import EnquireLink, SubmitSm
from omapush.protocols.smpp.status import (
    MEANINGS,
    CommandStatus,
    StatusClass,
    classify,
    describe,
)
from omapush.protocols.smpp.stream import PduBuffer
from omapush.protocols.smpp.template import SubmitTemplate
from omapush.protocols.smpp.times import format_absolute, format_relative, parse_time
from omapush.protocols.smpp.tlvs import Tag, tlv

STREAM = [encode_pdu(EnquireLink(sequence_number=n)) for n in (1, 2)]
STREAM.insert(1, encode_pdu(SubmitSm(short_message=b"x" * 100)))


def test_buffer_cuts_a_stream_in_any_segments() -> None:
    octets = b"".join(STREAM)
    for size in range(1, len(octets) + 1):
        buffer, found = PduBuffer(), []
        for start in range(0, len(octets), size):
            buffer.append(octets[start : start + size])
            while (one := buffer.take()) is not None:
                found.append(one)
        assert found == STREAM
        assert buffer.held == 0


def test_buffer_refuses_lengths_that_cannot_be_true() -> None:
    for length, error in (
        (0, PduError),
        (15, PduError),
        (1_001, LimitError),
        (2**32 - 1, LimitError),
    ):
        buffer = PduBuffer(max_pdu=1_000)
        buffer.append(length.to_bytes(4, "big"))
        with pytest.raises(error) as caught:
            buffer.take()
        assert caught.value.layer == "smpp"


MODEL = SubmitSm(
    service_type="WAP",
    source_addr_ton=5,
    source_addr="1234",
    dest_addr_ton=1,
    dest_addr_npi=1,
    esm_class=0x40,
    validity_period="000001000000000R",
    registered_delivery=1,
    data_coding=4,
    tlvs=(tlv(Tag.SOURCE_PORT, 9200),),
)


@pytest.mark.parametrize("model", [MODEL, SubmitSm(), SubmitSm(source_addr="d" * 20)])
@pytest.mark.parametrize("address", ["", "1", "358401234567", "9" * 20])
@pytest.mark.parametrize("size", [0, 1, 140, 254])
def test_template_writes_what_the_codec_writes(model: SubmitSm, address: str, size: int) -> None:
    meant = replace(model, sequence_number=7, destination_addr=address, short_message=b"\0" * size)
    written = SubmitTemplate(model).encode(7, address.encode(), b"\0" * size)
    assert written == encode_pdu(meant)


def test_template_refuses_what_does_not_fit() -> None:
    template = SubmitTemplate(MODEL)
    for address, message in ((b"1" * 21, b""), (b"1\0", b""), (b"1", b"x" * 255)):
        with pytest.raises(EncodeError):
            template.prepare(address, message)
    with pytest.raises(EncodeError):
        template.encode(1 << 32, b"1", b"")
    with pytest.raises(EncodeError):
        SubmitTemplate(SubmitSm(service_type="too long"))


def test_every_status_has_a_meaning() -> None:
    assert set(MEANINGS) == set(CommandStatus)


@pytest.mark.parametrize(
    ("status", "reason", "status_class"),
    [
        (0, None, StatusClass.SUCCESS),
        (0x14, None, StatusClass.THROTTLED),
        (0x58, None, StatusClass.THROTTLED),
        (0x08, None, StatusClass.TEMPORARY),
        (0x0B, None, StatusClass.PERMANENT),
        (0x0E, None, StatusClass.LINK),
        (0xFE, None, StatusClass.TEMPORARY),
        (0xFE, 0, StatusClass.TEMPORARY),
        (0xFE, 2, StatusClass.PERMANENT),
        (0x08, 2, StatusClass.TEMPORARY),
        (0x09, None, StatusClass.UNKNOWN),
        (0x400, None, StatusClass.UNKNOWN),
    ],
)
def test_statuses_are_classified(
    status: int, reason: int | None, status_class: StatusClass
) -> None:
    assert classify(status, reason) is status_class


def test_classes_say_whether_to_try_again() -> None:
    retried = {known for known in StatusClass if known.may_retry}
    assert retried == {StatusClass.THROTTLED, StatusClass.TEMPORARY, StatusClass.LINK}


def test_codes_are_described_for_people() -> None:
    assert describe(0x0B) == "ESME_RINVDSTADR (destination address is invalid)"
    assert describe(0x401) == "0x00000401 (vendor's own code)"
    assert describe(0x09) == "0x00000009 (reserved code)"
    assert name_of(0x80000004) == "submit_sm_resp"
    assert name_of(0x0F0F) == "0x00000f0f"


NOW = parse_utc("2024-01-02T15:30:45Z")


def test_times_are_written() -> None:
    assert format_absolute(Instant(NOW + 789)) == "240102153045700+"
    assert format_relative(0) == "000000000000000R"
    assert format_relative(DAY_MS + 3_661_001) == "000001010102000R"
    for wrong in (-1, 100 * DAY_MS):
        with pytest.raises(EncodeError):
            format_relative(wrong)
    with pytest.raises(EncodeError):
        format_absolute(Instant(0))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("240102153045000+", "2024-01-02T15:30:45Z"),
        ("240102153045004-", "2024-01-02T16:30:45Z"),
        ("000001010102000R", "2024-01-03T16:31:47Z"),
        ("000100000000000R", "2024-02-01T15:30:45Z"),
    ],
)
def test_times_are_read(text: str, meant: str) -> None:
    assert parse_time(text, NOW) == parse_utc(meant)


@pytest.mark.parametrize(
    "text",
    ["", "2401021530", "241302153045000+", "240102153045000", "240102153045099+", "x" * 99],
)
def test_times_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_time(text, NOW)
