"""Every octet on the page "Which bytes?" is written, and explained, by omapush itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from omapush.cli import application
from omapush.content.message import PushMessage
from omapush.content.recipes import mms_notification
from omapush.inspection.joining import inspect_joined
from omapush.inspection.layers import inspect
from omapush.inspection.model import Kind
from omapush.inspection.rendering import render
from omapush.ota.interface import PushFlag
from omapush.ota.wsp.unit_push import GATEWAY_PORT, PUSH_PORT, encode_unit_push
from omapush.pap import entity, xml
from omapush.pap.model import Address as Recipient
from omapush.pap.model import Pap
from omapush.pap.model import PushMessage as PushElement
from omapush.ppg.transform import for_the_air
from omapush.protocols.smpp.codec import encode_pdu
from omapush.protocols.smpp.pdu import SubmitSm
from omapush.protocols.smpp.values import UDHI
from omapush.protocols.sms.address import Address
from omapush.protocols.sms.data_coding import DataCoding
from omapush.protocols.sms.segmentation import segment
from omapush.protocols.sms.timestamps import Timestamp
from omapush.protocols.sms.tpdu import SmsDeliver
from omapush.protocols.sms.user_data import UserData

PAGE = Path(__file__).resolve().parents[3] / "docs/which-bytes.md"
PHONE = "441234567890"
TRANSACTION_ID = 0x2A
REFERENCE = 0x51C3
CLASS_1 = DataCoding(0xF5)
RECEIVED = Timestamp(bytes.fromhex("62111241032500"))
"""21 November 2026, 14:30:52, UTC."""


def message() -> PushMessage:
    return mms_notification(
        "http://mmsc.example.net/mms/fetch?id=7Xq2Lk9dPz0&t=9f86d081884c",
        48_317,
        from_="+441632960123",
        subject="Harbour at sunset",
        transaction_id="7Xq2Lk9dPz0",
    )


def submission() -> str:
    """Return the PAP entity, its binary body in words."""
    document = PushElement(
        "mms-0001@mmsc.example.net",
        (Recipient(f"WAPPUSH=+{PHONE}/TYPE=PLMN@ppg.example.net"),),
    )
    push = message()
    content_type, octets = entity.join(xml.encode(Pap(document)), push)
    body = f"({len(push.body)} octets, explained below)".encode()
    assert octets.count(push.body) == 1
    text = octets.replace(push.body, body).decode().replace("\r\n", "\n").rstrip("\n")
    return f"Content-Type: {content_type}\n\n{text}"


def datagram() -> bytes:
    return encode_unit_push(for_the_air(message()), PushFlag.NONE, TRANSACTION_ID)


def user_data() -> tuple[bytes, ...]:
    return segment(datagram(), PUSH_PORT, GATEWAY_PORT, REFERENCE)


def tpdus() -> list[bytes]:
    sender = Address.parse("12345")
    return [
        SmsDeliver(sender, RECEIVED, UserData.of_octets(each, CLASS_1)).encode()
        for each in user_data()
    ]


def submit_sm() -> bytes:
    return encode_pdu(
        SubmitSm(
            sequence_number=1,
            source_addr="12345",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr=PHONE,
            esm_class=UDHI,
            data_coding=0xF5,
            short_message=user_data()[0],
        )
    )


def sections(lines: list[str]) -> list[str]:
    """Return the layers of an explanation, one text each."""
    return "\n".join(lines).split("\n\n")[1:]


def wrapped(octets: bytes) -> str:
    """Return octets in hexadecimal, 32 in a line."""
    digits = octets.hex()
    return "\n".join(digits[start : start + 64] for start in range(0, len(digits), 64))


def blocks() -> dict[str, str]:
    """Return what the page prints, by the name that stands before each block."""
    first, second = tpdus()
    one, two, whole, session, notification = sections(
        list(render(inspect_joined(Kind.SMS_DELIVER, [first, second])))
    )
    return {
        "PAP": submission(),
        "notification": wrapped(message().body),
        "notification explained": notification,
        "datagram": wrapped(datagram()),
        "datagram explained": session,
        "submit_sm": wrapped(submit_sm()),
        "submit_sm explained": sections(list(render(inspect(Kind.SMPP, submit_sm()))))[0],
        "first TPDU": wrapped(first),
        "first TPDU explained": one,
        "second TPDU": wrapped(second),
        "second TPDU explained": two,
        "joined": whole,
    }


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", blocks())
def test_page_prints_what_omapush_writes(page: str, name: str) -> None:
    assert f"<!-- {name} -->\n\n```text\n{blocks()[name]}\n```\n" in page


def test_page_prints_nothing_else(page: str) -> None:
    assert re.findall(r"<!-- (.*) -->", page) == [*blocks()]
    assert page.count("```text\n") == len(blocks())


def test_every_octet_on_the_air_is_explained() -> None:
    for layer in inspect_joined(Kind.SMS_DELIVER, tpdus()).layers:
        covered = {
            number
            for field in layer.tree.children
            for number in range(field.offset, field.offset + len(field.octets))
        }
        assert covered == set(range(len(layer.tree.octets)))


def test_numbers_in_the_text_are_right(page: str) -> None:
    first, second = user_data()
    for said in (
        f"{len(message().body)} octets of notification",
        f"{len(datagram())} octets of datagram",
        f"{len(first)} and {len(second)} octets of user data",
        f"{len(tpdus()[0])} and {len(tpdus()[1])} octets of TPDU",
    ):
        assert said in page


def test_verb_explains_the_messages_of_the_page() -> None:
    result = CliRunner().invoke(
        application, ["decode", "--join", *(each.hex() for each in tpdus())]
    )
    assert result.exit_code == 0
    assert blocks()["notification explained"] in result.stdout
