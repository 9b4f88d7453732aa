"""The client as a SIP server: what it answers to pushes by MESSAGE, and to what else comes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from omapush.client.sip.media import MediaPorts, MediaPushes
from omapush.client.sip.media_offer import MediaTerms
from omapush.client.sip.user_agent import SipUserAgent, UserAgentRules
from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.instants import later
from omapush.ota.interface import (
    PoConfirmedPushReq,
    PushFlag,
    PushSource,
    PushStatus,
)
from omapush.ota.sip.iari import iari_of
from omapush.ota.sip.requests import Circumstances, Names, Sender, Target, message
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.testing.sip_link import LoopbackCore
from omapush.testing.virtual_clock import VirtualClock

from .scripted_agent import WML, ScriptedAgent

PPG = Sender("sip:ppg@push.test", is_trusted=True)
ALICE = "sip:alice@push.test"
HELLO = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", WML)), b"hello")


class Client:
    """A user agent at a core in memory."""

    def __init__(self, **rules: Any) -> None:
        self.agent = ScriptedAgent()
        self.clock = VirtualClock()
        self.core = LoopbackCore(self.clock)
        ports = MediaPorts(
            lambda: MediaTerms("127.0.0.1", ("text/plain",), 65_536),
            lambda: "sip:alice@127.0.0.1:5081",
            self.core.client.send,
            _no_connection,
            lambda: "0123456789abcdefghij",
        )
        self.user_agent = SipUserAgent(
            self.agent,
            MediaPushes(self.agent, ports, self.clock, 65_536),
            UserAgentRules(**{"max_message_size": 65_536, **rules}),
            lambda: '<sip:alice@127.0.0.1:5081>;+g.oma.pusheventapp="wml.ua"',
            self.clock,
        )
        self.core.client.serve(self.user_agent)

    def push(
        self,
        pushed: PushMessage = HELLO,
        *,
        bare: bool = False,
        instance: str | None = None,
        **headers: str,
    ) -> SipRequest:
        now = self.clock()
        target = Target(ALICE, ApplicationId.parse(WML), instance)
        wanted = PoConfirmedPushReq("delivery-1", pushed, PushFlag.INITIATOR_AUTHENTICATED)
        request = message(
            PPG,
            Names("call-1", "tag1"),
            target,
            wanted,
            Circumstances(now, later(now, 60_000)),
            bare=bare,
        )
        more = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return request.with_headers(request.headers.added(*more))

    def begin(self, request: SipRequest, **origin: Any) -> asyncio.Task[SipResponse]:
        return asyncio.create_task(self.core.deliver(self.core.client, request, **origin))

    async def answered(self, request: SipRequest, **origin: Any) -> SipResponse:
        return await self.begin(request, **origin)


async def _no_connection(*_: Any) -> Any:
    raise AssertionError("nothing is to connect")


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def plain(method: str, **headers: str) -> SipRequest:
    fields = {
        "From": "<sip:ppg@push.test>;tag=1",
        "To": f"<{ALICE}>",
        "Call-ID": "c",
        "CSeq": f"1 {method}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return SipRequest(method, ALICE, SipHeaders(tuple(fields.items())))


async def test_message_is_answered_when_its_application_took_it() -> None:
    client = Client()
    answer = client.begin(client.push())
    await settle()
    assert not answer.done()
    [(push, _)] = client.agent.pushes
    assert push.message.body == b"hello"
    assert push.push_id == "delivery-1"
    assert push.flags is PushFlag.INITIATOR_AUTHENTICATED
    assert push.source == PushSource("OTA-SIP", "IMS", "127.0.0.1", "sip:ppg@push.test")
    client.agent.accept()
    response = await answer
    assert (response.status, response.body) == (200, b"")


async def test_push_to_an_instance_comes_by_a_way_of_its_own() -> None:
    client = Client()
    client.begin(client.push(instance="urn:uuid:1"))
    await settle()
    [(push, _)] = client.agent.pushes
    assert push.source.binding == iari_of("urn:uuid:1")


async def test_bare_form_is_for_the_application_that_the_core_was_asked_for() -> None:
    client = Client()
    client.begin(client.push(PushMessage((("Content-Type", "text/plain"),), b"hi"), bare=True))
    await settle()
    [(push, _)] = client.agent.pushes
    assert (push.message.get("X-Wap-Application-Id"), push.message.body) == (WML, b"hi")


@pytest.mark.parametrize(
    ("status", "of_source", "answer", "headers"),
    [
        (PushStatus.USERPND, False, 480, {}),
        (PushStatus.USERDCU, False, 415, {"Accept": "application/vnd.oma.push, text/plain"}),
        (PushStatus.USERDCR, False, 486, {"Retry-After": "10"}),
        (PushStatus.USERRFS, False, 603, {}),
        (PushStatus.USERRFS, True, 403, {}),
        (PushStatus.USERREQ, False, 480, {}),
    ],
)
async def test_refusal_is_told_as_the_table_says(
    status: PushStatus, of_source: bool, answer: int, headers: dict[str, str]
) -> None:
    """Section 9 of the reference: which final response stands for which push status."""
    client = Client()
    waiting = client.begin(client.push())
    await settle()
    client.agent.refuse(status, "as it says", of_source=of_source)
    response = await waiting
    assert response.status == answer
    assert response.headers.first("X-Wap-Push-Status") == f"{status.value} as it says"
    for name, value in headers.items():
        assert response.headers.first(name) == value


async def test_application_that_does_not_answer_is_answered_for() -> None:
    client = Client(acceptance_ms=1)
    response = await client.answered(client.push())
    assert response.status == 480
    assert (response.headers.first("X-Wap-Push-Status") or "").startswith("234 ")
    client.agent.accept()  # too late; it disturbs nobody


async def test_envelope_that_cannot_be_read_is_refused() -> None:
    client = Client()
    request = replace(client.push(), body=b"no end of headers")
    response = await client.answered(request)
    assert response.status == 400
    assert (response.headers.first("X-Wap-Push-Status") or "").startswith("235 ")
    assert not client.agent.pushes


async def test_push_that_has_expired_is_dropped() -> None:
    client = Client()
    request = client.push()
    client.clock.advance(61_000)
    assert (await client.answered(request)).status == 480
    assert not client.agent.pushes


async def test_content_that_is_too_large_is_refused() -> None:
    client = Client(max_message_size=1_400)
    large = PushMessage(HELLO.headers, b"x" * 1_401)
    assert (await client.answered(client.push(large))).status == 413


async def test_stranger_is_refused_unless_anybody_may_send() -> None:
    """REQ19: what does not come from the core has not been authenticated."""
    client = Client()
    response = await client.answered(client.push(), is_trusted=False)
    assert response.status == 403
    assert (response.headers.first("X-Wap-Push-Status") or "").startswith("235 ")
    assert not client.agent.pushes
    open_one = Client(anybody_may_send=True)
    open_one.begin(open_one.push(), is_trusted=False)
    await settle()
    [(push, _)] = open_one.agent.pushes
    assert push.source.identity is None  # an identity that nobody vouches for is none


@pytest.mark.parametrize(
    "fields",
    [
        {"To": "<sip:alice@push.test>;tag=of-nobody"},
        {"Require": "100rel"},
    ],
)
async def test_stranger_learns_nothing_and_is_refused_in_one_way(fields: dict[str, str]) -> None:
    """So that it is refused once, and not repeated to where he pretends to be (3261 26.3.2.4)."""
    client = Client()
    for method in ("INVITE", "BYE"):
        request = plain(method)
        headers = request.headers
        for name, value in fields.items():
            headers = headers.replaced(name, value)
        response = await client.answered(request.with_headers(headers), is_trusted=False)
        assert response.status == 403


async def test_options_are_answered_with_what_is_taken() -> None:
    client = Client()
    response = await client.answered(plain("OPTIONS"))
    assert response.status == 200
    assert response.headers.first("Accept") == "application/vnd.oma.push, text/plain"
    assert "pusheventapp" in (response.headers.first("Contact") or "")
    assert response.headers.first("X-Wap-Push-MaxMsgSize") == "65536"
    assert "MESSAGE" in response.headers.listed("Allow")


async def test_hidden_applications_are_not_told() -> None:
    """REQ22."""
    client = Client(hides_applications=True)
    response = await client.answered(plain("OPTIONS"))
    assert WML not in str(response.headers.fields)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (plain("PUBLISH"), 405),
        (plain("SUBSCRIBE", Event="reg"), 489),
        (plain("NOTIFY", Event="reg"), 489),
        (plain("OPTIONS", Require="gruu, foo"), 420),
        (plain("BYE", To=f"<{ALICE}>;tag=none"), 481),
        (plain("INVITE", To=f"<{ALICE}>;tag=none"), 481),
        (plain("INVITE", X_Wap_Application_Id="x-wap-application:other.ua"), 480),
        (plain("INVITE", X_Wap_Application_Id="not an id, this"), 400),
        (plain("INVITE", X_Wap_Push_Size="65537"), 413),
        (plain("INVITE"), 488),
    ],
)
async def test_other_requests_are_answered(request_: SipRequest, status: int) -> None:
    response = await Client().answered(request_)
    assert response.status == status
    if status == 405:
        assert response.headers.first("Allow") is not None
    if status == 420:
        assert response.headers.first("Unsupported") == "foo"


async def test_fault_of_ours_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()

    def breaks() -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(client.agent, "capabilities", breaks)
    assert (await client.answered(plain("OPTIONS"))).status == 500
