"""Submitting: what is sent, and what each kind of answer becomes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from omapush.content.message import PushMessage
from omapush.content.uaprof import PushCharacteristics, push_characteristics, read_profile
from omapush.core.errors import EncodeError
from omapush.core.instants import parse_utc
from omapush.initiator.client import (
    BadAnswerError,
    HttpRefusalError,
    OutcomeUnknownError,
    PpgUnreachableError,
    PushInitiator,
    SubmissionRefusedError,
    SubmissionResult,
    TooFastError,
    new_push_id,
)
from omapush.initiator.retrying import repeating
from omapush.pap import model, xml
from omapush.pap.entity import split
from omapush.pap.versions import PapVersion, VersionRange

Handler = Callable[[httpx2.Request], httpx2.Response]
URL = "http://ppg.example.net/pap"
SI = (b"<si/>", "text/vnd.wap.si")


def pap(message: model.Message, version: str = "2.0", *listed: VersionRange) -> bytes:
    return xml.encode(model.Pap(message, PapVersion.parse(version), supported_versions=listed))


def accepted(request: httpx2.Request) -> httpx2.Response:
    asked = sent(request)
    response = model.PushResponse(asked.push_id, model.ResponseResult(1001, "Accepted"))
    return httpx2.Response(202, content=pap(response), headers={"Content-Type": "application/xml"})


def sent(request: httpx2.Request) -> model.PushMessage:
    entity = split(request.headers["Content-Type"], request.content)
    message = xml.decode(entity.control).message
    assert isinstance(message, model.PushMessage)
    return message


def initiator(handler: Handler, **more: str) -> PushInitiator:
    return PushInitiator(URL, transport=httpx2.MockTransport(handler), **more)  # type: ignore[arg-type]


async def test_submission_says_everything_and_is_accepted() -> None:
    requests: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return accepted(request)

    async with initiator(handler, username="me", password="pä:ss") as pi:
        result = await pi.submit(
            ["+441234567890", "192.0.2.1", "sip:a@b", "anna@example.net", "WAPPUSH=x/TYPE=USER@y"],
            "x-wap-application:mms.ua",
            bytes(range(256)),
            "application/vnd.wap.mms-message",
            [("X-Extra", "1")],
            delivery_method=model.DeliveryMethod.CONFIRMED,
            deliver_before=parse_utc("2030-01-01T00:00:00Z"),
            notify_to="http://me/",
            push_id="my@id",
            source_reference="me",
        )
    assert (result.push_id, result.code, result.accepted) == ("my@id", 1001, True)
    assert result.raise_for_refusal() is result
    message = sent(requests[0])
    assert [address.address_value for address in message.addresses] == [
        "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net",
        "WAPPUSH=192.0.2.1/TYPE=IPv4@ppg.example.net",
        'WAPPUSH="sip%3Aa%40b"/TYPE=URI@ppg.example.net',
        "WAPPUSH=anna%40example.net/TYPE=USER@ppg.example.net",
        "WAPPUSH=x/TYPE=USER@y",
    ]
    assert message.ppg_notify_requested_to == "http://me/"
    assert message.deliver_before_timestamp == parse_utc("2030-01-01T00:00:00Z")
    content = split(requests[0].headers["Content-Type"], requests[0].content).content
    assert content == PushMessage(
        (
            ("Content-Type", "application/vnd.wap.mms-message"),
            ("X-Wap-Application-Id", "x-wap-application:mms.ua"),
            ("X-Extra", "1"),
        ),
        bytes(range(256)),
    )
    token = base64.b64encode("me:pä:ss".encode()).decode()
    assert requests[0].headers["Authorization"] == f"Basic {token}"


async def test_answer_of_a_deployed_gateway_is_understood() -> None:
    # Kannel writes a space before "=", its own attribute order, PAP 1.0 and no charset.
    text = (
        '<?xml version="1.0"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 1.0//EN" '
        '"http://www.wapforum.org/DTD/pap_1.0.dtd"><pap><push-response push-id="x" '
        'sender-name="k" reply-time="2026-11-21T05:08:30Z" sender-address="/w" more="1">'
        '<response-result code ="21000" desc="quota"></response-result></push-response></pap>'
    )
    async with initiator(lambda _: httpx2.Response(200, text=text)) as pi:
        result = await pi.submit(["+44"], None, *SI)
    assert (result.code, result.desc, result.accepted) == (21000, "quota", False)
    with pytest.raises(SubmissionRefusedError, match="21000 quota"):
        result.raise_for_refusal()


async def test_version_that_is_refused_is_replaced_by_the_best_common_one() -> None:
    versions: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        entity = split(request.headers["Content-Type"], request.content)
        versions.append(str(xml.decode(entity.control).version))
        if versions[-1] == "2.3":
            refusal = model.BadMessageResponse(3002, "no")
            return httpx2.Response(202, content=pap(refusal, "1.0", VersionRange(2, 0)))
        return accepted(request)

    async with initiator(handler, pap_version="2.3") as pi:
        assert (await pi.submit(["+44"], None, *SI)).accepted
        assert (await pi.submit(["+44"], None, *SI)).accepted
    assert versions == ["2.3", "2.0", "2.0"]  # and it is remembered


async def test_bad_message_is_a_refusal_and_not_an_error() -> None:
    answer = pap(model.BadMessageResponse(2000, "what?"))
    async with initiator(lambda _: httpx2.Response(202, content=answer)) as pi:
        result = await pi.submit(["+44"], None, *SI)
    assert (result.code, result.desc, result.accepted) == (2000, "what?", False)


async def test_wishes_and_assumed_capabilities_are_sent() -> None:
    requests: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return accepted(request)

    assumed = PushCharacteristics(accept=("text/vnd.wap.si",), msg_size=1_400)
    async with initiator(handler) as pi:
        await pi.submit(
            ["+44"],
            None,
            *SI,
            priority=model.Priority.HIGH,
            network="GSM",
            network_required=True,
            bearer="SMS",
            deliver_after=parse_utc("2030-01-01T00:00:00Z"),
            capabilities=assumed,
        )
        await pi.submit(["+44"], None, *SI, capabilities=b"<as it is/>")
        await pi.submit(["+44"], None, *SI)
    message = sent(requests[0])
    assert message.quality_of_service == model.QualityOfService(
        model.Priority.HIGH, network="GSM", network_required=True, bearer="SMS"
    )
    assert message.deliver_after_timestamp == parse_utc("2030-01-01T00:00:00Z")
    entities = [split(one.headers["Content-Type"], one.content) for one in requests]
    assert entities[0].capabilities is not None
    assert push_characteristics(read_profile(entities[0].capabilities)) == assumed
    assert [one.capabilities for one in entities[1:]] == [b"<as it is/>", None]
    assert sent(requests[2]).quality_of_service is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"network_required": True},
        {"bearer": "", "bearer_required": True, "network_required": True},
        {"retries": 11},
        {"retries": -1},
        {"headers": [("X-Line", "a\r\nb")]},
    ],
)
async def test_what_cannot_be_written_is_not_sent(wrong: dict[str, Any]) -> None:
    async with initiator(lambda _: pytest.fail("it was sent")) as pi:
        with pytest.raises(EncodeError):
            await pi.submit(["+44"], None, *SI, **wrong)


async def test_gateway_that_is_asked_too_fast_says_when_to_come_again() -> None:
    refusal = pap(model.PushResponse("x", model.ResponseResult(2001, "10 a second")))
    answers = [
        httpx2.Response(503, content=refusal, headers={"Retry-After": "3"}),
        httpx2.Response(503, text="busy", headers={"Retry-After": "1"}),
        httpx2.Response(429, text="locked out", headers={"Retry-After": "9" * 50}),
        httpx2.Response(429, text="", headers={"Retry-After": "Sat, 21 Nov 2026 12:00:00 GMT"}),
    ]
    told: list[tuple[int, int | None, str]] = []
    async with initiator(lambda _: answers.pop(0)) as pi:
        for _ in range(4):
            with pytest.raises(TooFastError) as caught:
                await pi.submit(["+44"], None, *SI)
            error = caught.value
            told.append((error.status, error.retry_after_seconds, str(error)))
    assert told == [
        (503, 3, "HTTP 503 2001 10 a second (again in 3 s)"),
        (503, 1, "HTTP 503 busy (again in 1 s)"),
        (429, 86_400, "HTTP 429 locked out (again in 86400 s)"),
        (429, None, "HTTP 429"),
    ]


async def test_repetition_is_the_same_submission(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies: list[bytes] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        bodies.append(request.content)
        if len(bodies) == 1:
            raise httpx2.ReadTimeout("silent")
        used = model.PushResponse(sent(request).push_id, model.ResponseResult(2007, "used"))
        return httpx2.Response(202, content=pap(used))

    async def no_wait(_attempt: Any, retries: int) -> SubmissionResult:
        return await repeating(_attempt, retries, lambda _seconds: asyncio.sleep(0))

    monkeypatch.setattr("omapush.initiator.client.repeating", no_wait)
    async with initiator(handler) as pi:
        result = await pi.submit(["+44"], None, *SI, retries=1)
    assert bodies[0] == bodies[1]
    assert (result.accepted, result.probably_accepted) == (False, True)


async def test_answer_that_never_ends_leaves_the_outcome_unknown() -> None:
    class Endless(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"<"
            await asyncio.Event().wait()

    def handler(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(202, stream=Endless())

    transport = httpx2.MockTransport(handler)
    async with PushInitiator(URL, transport=transport, timeout_seconds=0.01) as pi:
        with pytest.raises(OutcomeUnknownError, match="in time"):
            await pi.submit(["+44"], None, *SI)


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_failure_half_way_leaves_the_outcome_unknown(status: int) -> None:
    async with initiator(lambda _: httpx2.Response(status, text="oh")) as pi:
        with pytest.raises(OutcomeUnknownError, match=str(status)):
            await pi.submit(["+44"], None, *SI)


@pytest.mark.parametrize("status", [401, 403, 404, 413, 503])
async def test_http_status_without_pap_is_a_refusal_by_http(status: int) -> None:
    async with initiator(lambda _: httpx2.Response(status, text="no")) as pi:
        with pytest.raises(HttpRefusalError) as caught:
            await pi.submit(["+44"], None, *SI)
    assert caught.value.status == status


@pytest.mark.parametrize(
    "body", [b"", b"<html/>", b"x" * 300_000, pap(model.StatusQueryMessage("a"))]
)
async def test_success_without_the_right_document_is_a_bad_answer(body: bytes) -> None:
    async with initiator(lambda _: httpx2.Response(202, content=body)) as pi:
        with pytest.raises(BadAnswerError):
            await pi.submit(["+44"], None, *SI)


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (httpx2.ConnectError("refused"), PpgUnreachableError),
        (httpx2.ConnectTimeout("slow"), PpgUnreachableError),
        (httpx2.ReadTimeout("silent"), OutcomeUnknownError),
        (httpx2.RemoteProtocolError("cut off"), OutcomeUnknownError),
    ],
)
async def test_error_says_whether_the_push_may_have_been_taken(
    failure: Exception, error: type[Exception]
) -> None:
    def handler(_: httpx2.Request) -> httpx2.Response:
        raise failure

    async with initiator(handler) as pi:
        with pytest.raises(error):
            await pi.submit(["+44"], None, *SI)


def test_new_push_ids_differ_and_name_a_host() -> None:
    assert new_push_id() != new_push_id()
    assert "@" in new_push_id()
