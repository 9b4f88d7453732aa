"""Delivery receipts: TLVs, the many texts, ids in hexadecimal and decimal, and what is none."""

from __future__ import annotations

import pytest

from omapush.core.instants import Instant, parse_utc
from omapush.protocols.smpp import pdu
from omapush.protocols.smpp.pdu import DataSm, DeliverSm
from omapush.protocols.smpp.receipt import (
    NetworkError,
    Receipt,
    matching_keys,
    normal_form,
    parse_date,
    parse_receipt,
)
from omapush.protocols.smpp.receipt_text import state_of
from omapush.protocols.smpp.tlvs import Tag, Tlv, tlv
from omapush.protocols.smpp.values import MessageState

S = MessageState
APPENDIX_B = (
    "id:0000000007 sub:001 dlvrd:001 submit date:1111221200 done date:1111221201 "
    "stat:DELIVRD err:000 text:Hello"
)


def receipt_of(text: str, *tlvs: Tlv, esm_class: int = 4, data_coding: int = 0) -> Receipt:
    short = text.encode("utf-16-be" if data_coding == 8 else "latin-1")
    found = parse_receipt(
        DeliverSm(
            esm_class=esm_class, data_coding=data_coding, short_message=short[:255], tlvs=tlvs
        )
    )
    assert found is not None
    return found


def test_receipt_in_the_form_of_appendix_b_is_read_whole() -> None:
    assert receipt_of(APPENDIX_B) == Receipt(
        message_id="0000000007",
        state=S.DELIVERED,
        error="000",
        submitted=parse_utc("2011-11-22T12:00:00Z"),
        done=parse_utc("2011-11-22T12:01:00Z"),
        text="Hello",
    )


def test_receipt_in_tlvs_alone_is_read() -> None:
    found = parse_receipt(
        DataSm(
            esm_class=4,
            tlvs=(
                tlv(Tag.RECEIPTED_MESSAGE_ID, "00000007"),
                tlv(Tag.MESSAGE_STATE, 5),
                tlv(Tag.NETWORK_ERROR_CODE, b"\x03\x00\x1b"),
            ),
        )
    )
    assert found == Receipt("00000007", S.UNDELIVERABLE, network_error=NetworkError(3, 27))
    assert found.is_final


def test_receipt_with_both_believes_the_tlvs_and_keeps_the_id_of_the_text() -> None:
    found = receipt_of(APPENDIX_B, tlv(Tag.RECEIPTED_MESSAGE_ID, "1f"), tlv(Tag.MESSAGE_STATE, 3))
    assert (found.message_id, found.text_message_id) == ("1f", "0000000007")
    assert found.state is S.EXPIRED


def test_receipt_with_a_reserved_state_believes_the_text() -> None:
    assert receipt_of(APPENDIX_B, tlv(Tag.MESSAGE_STATE, 99)).state is S.DELIVERED


@pytest.mark.parametrize(
    ("text", "message_id", "state", "error"),
    [
        # no text:, short error
        (
            "id:17 sub:001 dlvrd:000 submit date:2401021530 done date:2401021531 "
            "stat:UNDELIV err:12",
            "17",
            S.UNDELIVERABLE,
            "12",
        ),
        # capitals, Text with a capital, id in hexadecimal
        (
            "ID:A1B2C3 SUB:001 DLVRD:001 SUBMIT DATE:240102153000 DONE DATE:240102153001 "
            "STAT:DELIVRD ERR:000 TEXT:",
            "A1B2C3",
            S.DELIVERED,
            "000",
        ),
        # other order
        ("stat:REJECTD err:045 id:77 done date:2401021531", "77", S.REJECTED, "045"),
        # text before what counts
        ("text:stock id:9 stat:EXPIRED err:0", "9", S.EXPIRED, "0"),
        # the sender's own text looks like a receipt
        ("id:9 stat:EXPIRED err:1 text:id:8 stat:DELIVRD", "9", S.EXPIRED, "1"),
        # spaces after colons, blank fields
        ("id: 5f-00-aa sub: dlvrd: stat: ACCEPTD err: text:", "5f-00-aa", S.ACCEPTED, None),
        # an identifier with colons, a UUID
        ("id:msg:12:7 stat:DELIVRD", "msg:12:7", S.DELIVERED, None),
        (
            "id:0a3f0be1-7cf5-4ad3-8d8e-1bd6d6f3a9b2 sub:001 dlvrd:001 submit date:1204231020 "
            "done date:1204231021 stat:DELIVRD err:0",
            "0a3f0be1-7cf5-4ad3-8d8e-1bd6d6f3a9b2",
            S.DELIVERED,
            "0",
        ),
        # other separators and names
        ("message_id=42;status=DELIVERED;error code=0", "42", S.DELIVERED, "0"),
        ("msgid:42, state:ENROUTE, errorcode:1", "42", S.ENROUTE, "1"),
        ("id:42\nstat:UNKNOWN\nerr:8\n", "42", S.UNKNOWN, "8"),
        # nothing but the id; nothing
        ("id:42", "42", None, None),
        ("id: stat:", None, None, None),
        ("", None, None, None),
    ],
)
def test_receipt_in_other_forms_is_read(
    text: str, message_id: str | None, state: MessageState | None, error: str | None
) -> None:
    found = receipt_of(text)
    assert (found.message_id, found.state, found.error) == (message_id, state, error)


def test_receipt_of_unknown_text_keeps_the_text() -> None:
    found = receipt_of("your message arrived")
    assert found == Receipt(None, None, text="your message arrived")
    assert not found.is_final


def test_receipt_in_ucs2_behind_a_header_or_in_message_payload_is_read() -> None:
    assert receipt_of("id:42 stat:DELIVRD", data_coding=8).message_id == "42"
    assert receipt_of("\x02\x70\x00id:42 stat:DELIVRD", esm_class=0x44).message_id == "42"
    payload = tlv(Tag.MESSAGE_PAYLOAD, APPENDIX_B.encode())
    assert receipt_of("", payload).state is S.DELIVERED


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("DELIVRD", S.DELIVERED),
        ("DELIVERED", S.DELIVERED),
        ("delivrd", S.DELIVERED),
        ("DLVRD", S.DELIVERED),
        ("EXPIRED", S.EXPIRED),
        ("EXPIRD", S.EXPIRED),
        ("DELETED", S.DELETED),
        ("UNDELIV", S.UNDELIVERABLE),
        ("UNDELIVERABLE", S.UNDELIVERABLE),
        ("Not delivered", S.UNDELIVERABLE),
        ("FAILED", S.UNDELIVERABLE),
        ("ACCEPTD", S.ACCEPTED),
        ("ACCEPTED", S.ACCEPTED),
        ("ENROUTE", S.ENROUTE),
        ("EN_ROUTE", S.ENROUTE),
        ("EN ROUTE", S.ENROUTE),
        ("BUFFRED", S.ENROUTE),
        ("UNKNOWN", S.UNKNOWN),
        ("REJECTD", S.REJECTED),
        ("REJECTED", S.REJECTED),
        ("SKIPPED", S.SKIPPED),
        ("SCHEDULED", S.SCHEDULED),
        ("2", S.DELIVERED),
        ("10", None),
        ("\u0662", None),
        ("", None),
        ("ROUTED", None),
    ],
)
def test_states_are_known_in_their_spellings(words: str, state: MessageState | None) -> None:
    assert state_of(words) is state


def test_states_that_something_may_follow_are_not_final() -> None:
    assert {state for state in S if not state.is_final} == {S.SCHEDULED, S.ENROUTE, S.ACCEPTED}
    intermediate = receipt_of("id:1 stat:UNDELIV", esm_class=0x20)
    assert intermediate.is_intermediate
    assert not intermediate.is_final


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2401021530", "2024-01-02T15:30:00Z"),
        ("240102153045", "2024-01-02T15:30:45Z"),
        ("202401021530", "2024-01-02T15:30:00Z"),
        ("20240102153045", "2024-01-02T15:30:45Z"),
        ("2024-01-02 15:30:45", "2024-01-02T15:30:45Z"),
        ("24/01/02 15:30", "2024-01-02T15:30:00Z"),
        ("240102153045008+", "2024-01-02T13:30:45Z"),
    ],
)
def test_dates_of_receipts_are_read(text: str, meant: str) -> None:
    assert parse_date(text) == parse_utc(meant)


@pytest.mark.parametrize(
    "text", ["", "0", "2413021530", "0000000000", "24010215", "9" * 400, "0000010000000R", "\u0663"]
)
def test_dates_that_do_not_exist_are_none(text: str) -> None:
    assert parse_date(text) is None


def test_dates_are_read_by_the_clock_of_the_smsc() -> None:
    assert parse_date("2401021530", 120) == parse_utc("2024-01-02T13:30:00Z")
    found = parse_receipt(
        DeliverSm(esm_class=4, short_message=b"id:1 stat:DELIVRD done date:7001010000"),
        utc_offset_minutes=-60,
    )
    assert found is not None
    assert found.done == Instant(3_600_000)


def test_message_of_a_handset_is_not_believed_to_be_a_receipt() -> None:
    forged = DeliverSm(short_message=APPENDIX_B.encode())
    assert parse_receipt(forged) is None
    trusted = parse_receipt(forged, trusts_unmarked_text=True)
    assert trusted is not None
    assert trusted.message_id == "0000000007"
    assert parse_receipt(DeliverSm(short_message=b"id: hi"), trusts_unmarked_text=True) is None


@pytest.mark.parametrize("esm_class", [0x08, 0x10, 0x18])
def test_acknowledgement_of_a_person_is_no_receipt(esm_class: int) -> None:
    found = DeliverSm(esm_class=esm_class, short_message=APPENDIX_B.encode())
    assert parse_receipt(found, trusts_unmarked_text=True) is None


def test_other_pdus_are_no_receipts() -> None:
    assert parse_receipt(pdu.SubmitSm(esm_class=4)) is None


def test_receipt_with_its_id_in_a_tlv_needs_no_esm_class() -> None:
    found = parse_receipt(DeliverSm(tlvs=(tlv(Tag.RECEIPTED_MESSAGE_ID, "7"),)))
    assert found == Receipt("7", None)


@pytest.mark.parametrize(
    ("given", "receipted"),
    [
        ("0000000007", "7"),
        ("7", "0000000007"),
        ("1F", "31"),
        ("31", "1f"),
        ("0000001f", "31"),
        ("A1B2C3", "a1b2c3"),
        ("000", "0"),
        ("x-1", "X-1"),
    ],
)
def test_ids_that_mean_the_same_match(given: str, receipted: str) -> None:
    assert normal_form(given) in matching_keys(receipted)


def test_ids_match_themselves_first() -> None:
    assert matching_keys("0010") == ("10", "a", "16")
    assert matching_keys("") == ("",)
    assert matching_keys("9" * 65) == ("9" * 65,)
    assert normal_form("11") not in matching_keys("10")
