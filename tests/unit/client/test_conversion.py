"""Content in the form that an application takes (CAI-58, WAP-167, WAP-184)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from omapush.cai.model import PushEvent, RegistrationRequest
from omapush.client.agent import PushClient
from omapush.client.conversion import ConversionError, convertible, for_application, takes
from omapush.content.indication import ServiceIndication
from omapush.content.message import PushMessage
from omapush.ota.interface import PoConfirmedPushRes, PoPushAbortReq, PushStatus

WML = "x-wap-application:wml.ua"
TEXT, BINARY = "text/vnd.wap.si", "application/vnd.wap.sic"
# The example that the specification of SI prints, with its octets.
SI_OCTETS = bytes.fromhex(
    "02056a0045c60d0378797a008503656d61696c2f3132332f6162632e776d6c000ac3071999062515231510c3041999"
    "06300103596f7520686176652034206e657720652d6d61696c73000101"
)
SI = ServiceIndication.from_wbxml(SI_OCTETS)


def request(*accept: str) -> RegistrationRequest:
    return RegistrationRequest(WML, accept=accept)


def message(content_type: str, body: bytes, *more: tuple[str, str]) -> PushMessage:
    return PushMessage((("Content-Type", content_type), *more), body)


def test_binary_becomes_text_for_who_names_the_text_only() -> None:
    digest = (("Content-MD5", "x"), ("Content-Length", "75"), ("X-Acme", "1"))
    converted = for_application(message(f"{BINARY}; level=1", SI_OCTETS, *digest), request(TEXT))
    assert converted.headers == (
        ("Content-Type", f"{TEXT}; level=1; charset=utf-8"),
        ("X-Acme", "1"),
    )
    assert ServiceIndication.from_xml(converted.body, charset="utf-8") == SI


def test_text_becomes_binary_for_who_names_the_binary_only() -> None:
    converted = for_application(message(f'{TEXT}; charset="UTF-8"', SI.to_xml()), request(BINARY))
    assert converted.headers == (("Content-Type", BINARY),)
    assert ServiceIndication.from_wbxml(converted.body) == SI


@pytest.mark.parametrize("accept", [(), (BINARY, TEXT), ("*/*",), ("application/*", TEXT)])
def test_content_stays_as_received_for_who_takes_that(accept: tuple[str, ...]) -> None:
    received = message(BINARY, b"not even WBXML", ("Content-MD5", "x"))
    assert for_application(received, request(*accept)) is received


@pytest.mark.parametrize(
    ("accept", "media_type", "taken"),
    [
        ((TEXT,), BINARY, True),
        (("Text/VND.wap.SI; charset=utf-8",), BINARY, True),
        ((BINARY,), TEXT, True),
        (("text/*",), BINARY, False),  # a range names no form
        ((TEXT,), "application/vnd.wap.slc", False),
        (("text/x",), "image/png", False),
    ],
)
def test_other_form_is_taken_where_one_is_named(
    accept: tuple[str, ...], media_type: str, taken: bool
) -> None:
    assert takes(request(*accept), media_type) is taken


@pytest.mark.parametrize(
    "received",
    [
        message(BINARY, b""),
        message(BINARY, b"\xff\xff\xff"),
        message(BINARY, SI_OCTETS[:-3]),
        message(BINARY, SI_OCTETS, ("Content-Encoding", "gzip")),
        message(f"{BINARY}; charset=x-none; MAC=AB", SI_OCTETS),
    ],
)
def test_what_cannot_be_converted_is_an_error_of_ours(received: PushMessage) -> None:
    with pytest.raises(ConversionError) as caught:
        for_application(received, request(TEXT))
    assert caught.value.reason


def test_secured_provisioning_document_is_never_converted() -> None:
    """WAP-184: the MAC is over the octets as they were sent."""
    secured = message("application/vnd.wap.connectivity-wbxml; SEC=1; MAC=AB12", b"\x03\x0b\x6a\0E")
    with pytest.raises(ConversionError, match="secured"):
        for_application(secured, request("text/vnd.wap.connectivity-xml"))


def test_gateways_are_told_the_binary_forms_beside_the_text() -> None:
    assert convertible(["text/vnd.wap.SI", "text/plain"]) == (BINARY,)
    assert convertible([BINARY, "text/*"]) == ()


async def test_application_gets_the_form_it_named_and_the_gateway_an_answer(
    client: PushClient, link: Any
) -> None:
    taken: list[PushEvent] = []

    async def take(event: PushEvent) -> None:
        taken.append(event)

    await client.register_application(WML, accept=[TEXT], handler=take)
    async with asyncio.timeout(10):
        assert isinstance(await link.push("2", SI_OCTETS, BINARY), PoConfirmedPushRes)
        refused = await link.push("2", b"\x00", BINARY)
    assert isinstance(refused, PoPushAbortReq)
    assert refused.status is PushStatus.USERDCU
    (event,) = taken
    assert event.content_type == f"{TEXT}; charset=utf-8"
    assert dict(event.headers)["Content-Type"] == event.content_type
    assert ServiceIndication.from_xml(event.content) == SI
