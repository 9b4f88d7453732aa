"""Optional parameters: forms, lengths, tolerance in reading."""

from __future__ import annotations

import pytest

from omapush.core.errors import EncodeError
from omapush.protocols.smpp.pdu import DeliverSm
from omapush.protocols.smpp.tlvs import KINDS, Tag, Tlv, tlv


def test_every_tag_has_a_kind() -> None:
    assert set(KINDS) == set(Tag)


@pytest.mark.parametrize(
    ("tag", "value", "octets"),
    [
        (Tag.SOURCE_PORT, 9200, "23f0"),
        (Tag.MESSAGE_STATE, 2, "02"),
        (Tag.QOS_TIME_TO_LIVE, 3600, "00000e10"),
        (Tag.RECEIPTED_MESSAGE_ID, "7", "3700"),
        (Tag.NETWORK_ERROR_CODE, b"\3\0\5", "030005"),
        (Tag.ALERT_ON_MESSAGE_DELIVERY, b"", ""),
        (0x1400, b"vendor", "76656e646f72"),
        (0x1400, "vendor", "76656e646f7200"),
    ],
)
def test_tlv_is_made_in_the_form_of_its_tag(
    tag: int, value: int | str | bytes, octets: str
) -> None:
    assert tlv(tag, value).octets.hex() == octets


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (Tag.SOURCE_PORT, 65536),
        (Tag.SOURCE_PORT, -1),
        (Tag.SOURCE_PORT, "9200"),
        (Tag.SOURCE_PORT, b"\1"),
        (Tag.RECEIPTED_MESSAGE_ID, 7),
        (Tag.RECEIPTED_MESSAGE_ID, "x" * 65),
        (Tag.RECEIPTED_MESSAGE_ID, "a\0b"),
        (Tag.RECEIPTED_MESSAGE_ID, "\u0394"),
        (0x1400, 7),
        (0x1400, b"x" * 65536),
        (0x10000, b""),
    ],
)
def test_tlv_is_not_made_of_what_does_not_fit(tag: int, value: int | str | bytes) -> None:
    with pytest.raises(EncodeError):
        tlv(tag, value)


def test_tlv_reads_forgivingly() -> None:
    assert Tlv(Tag.SOURCE_PORT, b"\0\0\x23\xf0").value == 9200
    assert Tlv(Tag.RECEIPTED_MESSAGE_ID, b"no nul").value == "no nul"
    assert Tlv(Tag.SOURCE_PORT, b"").value == b""
    assert Tlv(Tag.SOURCE_PORT, b"12345").value == b"12345"
    assert Tlv(0x1400, b"\1\2").value == b"\1\2"
    assert not Tlv(Tag.SOURCE_PORT, b"\1").has_proper_length
    assert Tlv(0x1400, b"\1").has_proper_length


def test_tlv_is_named_as_in_the_specification() -> None:
    assert Tlv(0x020B, b"").name == "destination_port"
    assert Tlv(0x1400, b"").name == "0x1400"


def test_pdu_gives_first_of_several_and_none_of_absent() -> None:
    pdu = DeliverSm(tlvs=(Tlv(0x20A, b"\1\2"), Tlv(0x20A, b"\3\4"), Tlv(0x423, b"\3\0\5\0\0")))
    assert pdu.integer(Tag.SOURCE_PORT) == 0x0102
    assert pdu.integer(Tag.DESTINATION_PORT) is None
    assert pdu.integer(Tag.NETWORK_ERROR_CODE) is None
    assert pdu.octets(Tag.NETWORK_ERROR_CODE) == b"\3\0\5\0\0"
    assert pdu.octets(Tag.MESSAGE_PAYLOAD) is None
    assert pdu.text(Tag.RECEIPTED_MESSAGE_ID) is None
