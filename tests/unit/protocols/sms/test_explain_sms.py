"""Explanations of TPDUs and user data."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError
from omapush.core.explanation import Field
from omapush.protocols.sms.address import Address
from omapush.protocols.sms.explain import explain, explain_user_data, status_text
from omapush.protocols.sms.segmentation import segment
from omapush.protocols.sms.timestamps import RelativeValidity, Timestamp
from omapush.protocols.sms.tpdu import Direction, SmsCommand, SmsStatusReport, SmsSubmit
from omapush.protocols.sms.user_data import UserData
from omapush.protocols.sms.user_data_header import Concatenation, UserDataHeader

SEGMENT = segment(bytes(200), 2948, 9200, 0x1234)[0]
V14A = bytes.fromhex("4405812143f5000411112221000000" + "8c") + SEGMENT


def value(tree: Field, name: str) -> object:
    found = tree.named(name)
    assert found is not None
    return found.value


def covered(tree: Field) -> bytes:
    return b"".join(child.octets for child in tree.children)


def test_explanation_of_deliver_covers_every_octet() -> None:
    tree = explain(V14A)
    assert tree.name == "SMS-DELIVER"
    assert covered(tree) == V14A
    assert [child.name for child in tree.children] == [
        "first octet", "TP-OA", "TP-PID", "TP-DCS", "TP-SCTS", "TP-UDL", "TP-UD",
    ]  # fmt: skip
    assert value(tree, "TP-OA") == "12345"
    flag = tree.named("TP-MMS")
    assert flag is not None
    assert (flag.value, flag.note) == (True, "no more messages wait")
    assert value(tree, "TP-UDHI") is True
    assert value(tree, "TP-DCS") == "8 bit data"
    assert value(tree, "TP-SCTS") == "2011-11-22T12:00:00+00:00"
    data = tree.named("TP-UD")
    assert data is not None
    assert covered(data) == SEGMENT
    assert [child.value for child in data.children] == [
        12,
        "segment 1 of 2, reference 4660",
        "to port 2948 (push), from port 9200 (connectionless)",
        "127 octets",
    ]
    assert all(
        V14A[field.offset : field.offset + len(field.octets)] == field.octets
        for field in tree.walk()
    )


def test_explanation_of_submit_shows_service_centre_text_and_validity() -> None:
    message = SmsSubmit(
        Address.parse("+358401"),
        UserData.of_text("hello", UserDataHeader((Concatenation(1, 2, 1, 8),))),
        validity_period=RelativeValidity(167),
    )
    tree = explain(b"\0" + message.encode(), Direction.FROM_MOBILE, service_centre=True)
    assert tree.name == "SMS-SUBMIT"
    assert (value(tree, "TP-VPF"), value(tree, "TP-VP")) == ("relative", "86400 s")
    assert (value(tree, "TP-DA"), value(tree, "payload")) == ("+358401", "hello")
    centre = tree.named("SCA")
    assert centre is not None
    assert centre.note == "the modem uses its own setting"
    assert covered(tree) == b"\0" + message.encode()


def test_explanation_of_status_report_says_what_the_status_means() -> None:
    nonsense = Timestamp(bytes(7))
    tree = explain(SmsStatusReport(1, Address("1"), nonsense, nonsense, 0x46).encode())
    status, time = tree.named("TP-ST"), tree.named("TP-DT")
    assert status is not None
    assert time is not None
    assert status.note == "permanent error, no more attempts"
    assert time.note == "no such date or time"
    assert [status_text(status) for status in (0, 0x20, 0x60, 0x80)] == [
        "transaction completed",
        "temporary error, still trying",
        "temporary error, no more attempts",
        "reserved",
    ]


def test_explanation_of_reports_and_commands_names_them() -> None:
    assert explain(b"\0\0", Direction.FROM_MOBILE).name == "SMS-DELIVER-REPORT"
    assert explain(b"\0\xd3\0", Direction.FROM_MOBILE, refusal=True).named("TP-FCS") is not None
    assert explain(b"\1\0" + bytes(7)).name == "SMS-SUBMIT-REPORT"
    command = SmsCommand(1, 2, 3, Address("1"), status_report_request=True).encode()
    assert value(explain(command, Direction.FROM_MOBILE), "TP-SRR") is True


def test_explanation_of_user_data_says_which_elements_do_not_count() -> None:
    tree = explain_user_data(
        bytes.fromhex("17" + "0003010201" + "0003010203" + "04020102" + "05040b8423f0" + "7001aa")
    )
    notes = [child.note for child in tree.children]
    assert notes == [
        None,
        None,
        "ignored: there is no such segment",
        "ignored: a later element counts",
        None,
        None,
        None,
    ]
    assert value(tree, "information element 0x70") == "aa"


def test_explanation_of_user_data_opens_wcmp() -> None:
    tree = explain_user_data(bytes.fromhex("11090f33040b8423f0030791534812325476"))
    assert value(tree, "Wireless Control Message Protocol") == "nothing listens on the port"
    assert value(tree, "Destination Port") == 2948
    assert value(tree, "Address Information") == "+358421234567"
    port = tree.named("Originator Port")
    assert port is not None
    assert port.offset == 7
    broken = explain_user_data(bytes.fromhex("0409023304"))
    assert broken.children[1].note == "wcmp: 2 octets wanted, 0 left (at octet 2)"


def test_explanation_notes_user_data_that_do_not_fit() -> None:
    assert explain_user_data(SEGMENT).note is None
    assert explain_user_data(SEGMENT + b"x").note == "141 octets do not fit one short message"


def test_explanation_refuses_what_the_decoder_refuses() -> None:
    with pytest.raises(DecodeError):
        explain(V14A[:-1])
    with pytest.raises(DecodeError):
        explain_user_data(b"\x05\x05")
