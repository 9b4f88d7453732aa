"""Segmentation to short messages: vectors V10 to V13."""

from __future__ import annotations

import pytest

from omapush.core.errors import EncodeError
from omapush.protocols.sms.segmentation import segment, segment_count

MMS_NOTIFICATION = bytes.fromhex(
    "7b0603beaf848c82985431323334353637008d908919802b3335383430313233343536372f545950453d504c4d4e0096"
    "4772656574696e67732066726f6d2074686520707573682074657374207375697465008a808e0278008805810303f480"
    "83687474703a2f2f6d6d73632e6578616d706c652e636f6d2f6d6d732f30313233343536373839616263646566303132"
    "3334353637383961626364656600"
)
V11A = bytes.fromhex(
    "0c08041234020105040b8423f07b0603beaf848c82985431323334353637008d908919802b3335383430313233343536"
    "372f545950453d504c4d4e00964772656574696e67732066726f6d207468652070757368207465737420737569746500"
    "8a808e0278008805810303f48083687474703a2f2f6d6d73632e6578616d706c652e636f6d2f6d6d732f3031"
)
V11B = bytes.fromhex(
    "0c08041234020205040b8423f032333435363738396162636465663031323334353637383961626364656600"
)
V12A = bytes.fromhex(
    "0b00037f020105040b8423f07b0603beaf848c82985431323334353637008d908919802b333538343031323334353637"
    "2f545950453d504c4d4e00964772656574696e67732066726f6d2074686520707573682074657374207375697465008a"
    "808e0278008805810303f48083687474703a2f2f6d6d73632e6578616d706c652e636f6d2f6d6d732f303132"
)
V12B = bytes.fromhex(
    "0b00037f020205040b8423f0333435363738396162636465663031323334353637383961626364656600"
)
SERVICE_INDICATION = bytes.fromhex(
    "010603aeaf8202056a0045c60d0378797a008503656d61696c2f3132332f6162632e776d6c000ac30719990625152315"
    "10c304199906300103596f7520686176652034206e657720652d6d61696c73000101"
)


def test_segmentation_writes_v11_with_16_bit_reference() -> None:
    assert segment(MMS_NOTIFICATION, 2948, 9200, 0x1234) == (V11A, V11B)


def test_segmentation_writes_v12_with_8_bit_reference() -> None:
    assert segment(MMS_NOTIFICATION, 2948, 9200, 0x7F, 8) == (V12A, V12B)


def test_segmentation_writes_v13_without_concatenation() -> None:
    expected = bytes.fromhex("0605040b8423f0") + SERVICE_INDICATION
    assert segment(SERVICE_INDICATION, 2948, 9200, 0x1234) == (expected,)


@pytest.mark.parametrize(
    ("length", "bits", "count"),
    [
        (0, 16, 1),
        (133, 16, 1),
        (134, 16, 2),
        (254, 16, 2),
        (255, 16, 3),
        (256, 8, 2),
        (257, 8, 3),
        (32_385, 16, 255),
        (32_386, 16, 256),
        (32_640, 8, 255),
    ],
)
def test_segmentation_knows_the_count_before(length: int, bits: int, count: int) -> None:
    assert segment_count(length, bits) == count
    if count <= 255:
        segments = segment(bytes(length), 2948, 9200, 7, bits)
        assert len(segments) == count
        assert max(len(one) for one in segments) <= 140


def test_segmentation_refuses_more_segments_than_allowed() -> None:
    with pytest.raises(EncodeError, match="256 short messages, 255"):
        segment(bytes(32_386), 2948, 9200, 1)
    with pytest.raises(EncodeError, match="3 short messages, 2"):
        segment(bytes(255), 2948, 9200, 1, max_segments=2)


@pytest.mark.parametrize(
    ("destination", "source", "reference", "bits", "maximum"),
    [
        (65_536, 9200, 1, 16, 140),
        (2948, -1, 1, 16, 140),
        (2948, 9200, 65_536, 16, 140),
        (2948, 9200, 256, 8, 140),
        (2948, 9200, 1, 12, 140),
        (2948, 9200, 1, 16, 141),
        (2948, 9200, 1, 16, 13),
    ],
)
def test_segmentation_refuses_impossible_arguments(
    destination: int, source: int, reference: int, bits: int, maximum: int
) -> None:
    with pytest.raises(EncodeError):
        segment(bytes(200), destination, source, reference, bits, maximum)


def test_segmentation_keeps_to_a_smaller_maximum() -> None:
    segments = segment(bytes(100), 2948, 9200, 1, maximum=60)
    assert [len(one) for one in segments] == [60, 60, 19]
    assert segment_count(100, maximum=60) == 3
