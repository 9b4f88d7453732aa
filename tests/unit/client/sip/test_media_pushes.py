"""Pushes by INVITE and MSRP, at the client: against a gateway's end of the session in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from omapush.client.sip.media import MAX_SESSIONS, MediaPorts, MediaPushes
from omapush.client.sip.media_offer import Agreed, MediaTerms
from omapush.content.message import PushMessage
from omapush.ota.interface import (
    BearerUnavailable,
    PoConfirmedPushInd,
    PushSource,
    PushStatus,
)
from omapush.ota.sip.envelope import CONTENT_TYPE, decode_push, encode_envelope
from omapush.ota.sip.media import MediaStream, message_of
from omapush.protocols.msrp.connection import MsrpConnection
from omapush.protocols.msrp.session import (
    Ends,
    MsrpSettings,
    ReportInd,
)
from omapush.protocols.msrp.uri import MsrpUri, parse_path
from omapush.protocols.sdp import (
    Description,
    Direction,
    Media,
    Setup,
    encode_description,
    parse_description,
)
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.testing.pair import StreamPair
from omapush.testing.virtual_clock import VirtualClock

from .scripted_agent import WML, ScriptedAgent

GATEWAY = MsrpUri("127.0.0.1", 2855, "k9sWh2LqwertzuiopAsd")
PUSH = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", WML)), b"hello")
OFFER = Media(
    port=2855,
    path=str(GATEWAY),
    accept_types=(CONTENT_TYPE,),
    setup=Setup.ACTPASS,
    direction=Direction.SENDONLY,
)


def invite(offer: Media = OFFER) -> SipRequest:
    return SipRequest(
        "INVITE",
        "sip:alice@127.0.0.1:5081",
        SipHeaders(
            (
                ("From", "<sip:ppg@push.test>;tag=ppg1"),
                ("To", "<sip:alice@push.test>"),
                ("Call-ID", "call-1"),
                ("CSeq", "1 INVITE"),
                ("Contact", "<sip:127.0.0.1:5070>"),
                ("Content-Type", "application/sdp"),
            )
        ),
        encode_description(Description("127.0.0.1", (offer,))),
    )


def read(content_type: str, headers: Any, body: bytes) -> PoConfirmedPushInd:
    message = decode_push(content_type, headers, body, 65_536)
    source = PushSource("OTA-SIP", "IMS", "127.0.0.1", "sip:ppg@push.test")
    return PoConfirmedPushInd("1", message, source)


class Gateway:
    """The other end: it offers, and drives its end of the session."""

    def __init__(self) -> None:
        self.agent = ScriptedAgent()
        self.clock = VirtualClock()
        self.terms = MediaTerms("127.0.0.1", ("text/plain",), 65_536)
        self.sent: list[SipRequest] = []
        self.answers: list[SipResponse] = []
        self.refuses_connections = False
        self.pair: StreamPair[Any, Any, Any, Any] | None = None
        ids = (f"Id{number:018}" for number in count(1))
        ports = MediaPorts(
            lambda: self.terms,
            lambda: "sip:alice@127.0.0.1:5081",
            self._send,
            self._connect,
            lambda: next(ids),
        )
        self.media = MediaPushes(self.agent, ports, self.clock, 65_536)

    async def _send(self, request: SipRequest) -> SipResponse:
        self.sent.append(request)
        return SipResponse(200, "OK")

    async def _connect(
        self,
        agreed: Agreed,
        session: MediaStream,
        on_indication: Callable[[Any], None],
        on_closed: Callable[[str], None],
        timeout_ms: int,
    ) -> Any:
        if self.refuses_connections:
            raise BearerUnavailable("connection refused")
        assert agreed.next_hop == GATEWAY
        ends = Ends((GATEWAY,), agreed.ends.own)
        ids = (f"Gw{number:018}" for number in count(1))
        mine = MsrpConnection(MsrpSettings(), lambda: next(ids), find=lambda uri: ends)
        self.pair = StreamPair(self.clock, session, MediaStream(mine))
        self.pair.left.on_indication = on_indication
        self.pair.open()
        link = self.pair.left
        link.close = on_closed  # type: ignore[attr-defined]
        return link

    def offer(self, request: SipRequest | None = None) -> SipResponse:
        self.media.invited(request or invite(), self.answers.append, read)
        return self.answers[-1]

    def in_dialog(self, method: str, sequence: int) -> SipRequest:
        to = self.answers[0].headers.first("To") or ""
        headers = invite().headers.replaced("To", to)
        return SipRequest(method, "sip:alice", headers.replaced("CSeq", f"{sequence} {method}"))

    async def acknowledge(self) -> None:
        self.media.acknowledged(self.in_dialog("ACK", 1))
        await settle()

    def push(self, message: PushMessage = PUSH, *, confirmed: bool = True) -> None:
        assert self.pair is not None
        body = encode_envelope(message)
        self.pair.right.request(message_of("message1", CONTENT_TYPE, body, confirmed=confirmed))
        self.pair.settle()

    def reports(self) -> list[ReportInd]:
        assert self.pair is not None
        self.pair.settle()
        return [one for one in self.pair.right.take() if isinstance(one, ReportInd)]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    yield gateway
    await gateway.media.close()


async def test_client_connects_and_reports_what_its_application_took(gateway: Gateway) -> None:
    response = gateway.offer()
    assert response.status == 200
    answered = parse_description(response.body).msrp
    assert answered is not None
    assert (answered.setup, answered.direction) == (Setup.ACTIVE, Direction.RECVONLY)
    assert answered.accept_types == (CONTENT_TYPE, "text/plain")
    assert gateway.pair is None
    await gateway.acknowledge()
    gateway.push()
    [(push, _)] = gateway.agent.pushes
    assert (push.message.body, push.message.get("X-Wap-Application-Id")) == (b"hello", WML)
    assert gateway.reports() == []
    gateway.agent.accept()
    [report] = gateway.reports()
    assert (report.status, report.message_id) == (200, "message1")


async def test_refusal_is_reported_with_its_push_status(gateway: Gateway) -> None:
    gateway.offer()
    await gateway.acknowledge()
    gateway.push()
    gateway.agent.refuse(PushStatus.USERDCU, "the application does not take text/plain")
    [report] = gateway.reports()
    assert report.status == 415
    assert ("X-Wap-Push-Status", "238 the application does not take text/plain") in report.more


async def test_push_of_which_no_report_is_wanted_is_the_clients_to_keep(gateway: Gateway) -> None:
    gateway.offer()
    await gateway.acknowledge()
    gateway.push(confirmed=False)
    assert not gateway.agent.pushes
    assert [one.message.body for one in gateway.agent.units] == [b"hello"]


async def test_body_that_is_no_push_is_refused(gateway: Gateway) -> None:
    gateway.offer()
    await gateway.acknowledge()
    gateway.push(PushMessage((("X-Wap-Application-Id", WML),), b"x"))
    [report] = gateway.reports()
    assert report.status == 403
    assert not gateway.agent.pushes


async def test_bye_of_the_gateway_ends_session_and_connection(gateway: Gateway) -> None:
    gateway.offer()
    await gateway.acknowledge()
    assert gateway.media.bye(gateway.in_dialog("BYE", 2)).status == 200
    assert gateway.pair is not None
    gateway.pair.settle()
    assert gateway.pair.left.closed is not None
    assert gateway.media.bye(gateway.in_dialog("BYE", 3)).status == 481
    assert gateway.sent == []


async def test_connection_that_breaks_is_told_by_bye(gateway: Gateway) -> None:
    gateway.offer()
    await gateway.acknowledge()
    assert gateway.pair is not None
    gateway.pair.cut()
    await settle()
    [bye] = gateway.sent
    assert (bye.method, bye.uri, bye.headers.first("CSeq")) == (
        "BYE",
        "sip:127.0.0.1:5070",
        "1 BYE",
    )
    assert bye.headers.first("From") == gateway.answers[0].headers.first("To")


async def test_connection_that_cannot_be_had_is_told_by_bye(gateway: Gateway) -> None:
    gateway.refuses_connections = True
    gateway.offer()
    await gateway.acknowledge()
    await settle()
    assert [one.method for one in gateway.sent] == ["BYE"]


async def test_answer_that_nobody_acknowledges_ends_the_session(gateway: Gateway) -> None:
    response = gateway.offer()
    gateway.media.unacknowledged(
        response.with_headers(response.headers.added(("Call-ID", "call-1")))
    )
    await settle()
    assert [one.method for one in gateway.sent] == ["BYE"]


async def test_gateway_that_must_connect_finds_the_session_at_the_listener(
    gateway: Gateway,
) -> None:
    gateway.terms = replace(gateway.terms, listens_at=2856)
    response = gateway.offer(invite(replace(OFFER, setup=Setup.ACTIVE)))
    answered = parse_description(response.body).msrp
    assert answered is not None
    assert (answered.setup, answered.port) == (Setup.PASSIVE, 2856)
    await gateway.acknowledge()
    assert gateway.pair is None
    ends = Ends((GATEWAY,), parse_path(answered.path))
    ids = (f"Gw{number:018}" for number in count(1))
    mine = MediaStream(MsrpConnection(MsrpSettings(), lambda: next(ids), ends=ends), binds=True)
    gateway.pair = StreamPair(gateway.clock, gateway.media.accepted_stream(), mine)
    link: Any = gateway.pair.left
    link.identified = lambda: named.append(True)
    named: list[bool] = []
    gateway.pair.left.on_indication = lambda one: gateway.media.indication(link, one)
    gateway.pair.open()
    gateway.push()
    gateway.agent.accept()
    assert [one.status for one in gateway.reports()] == [200]
    assert named == [True]


@pytest.mark.parametrize(
    "offer",
    [
        replace(OFFER, setup=Setup.ACTIVE),
        replace(OFFER, setup=None),
        replace(OFFER, direction=Direction.RECVONLY),
        replace(OFFER, kind="audio", protocol="RTP/AVP"),
        replace(OFFER, path="msrp:nowhere"),
    ],
)
async def test_offer_that_cannot_be_met_is_refused(gateway: Gateway, offer: Media) -> None:
    assert gateway.offer(invite(offer)).status == 488


async def test_session_by_tls_is_wanted_where_the_core_is(gateway: Gateway) -> None:
    """REQ20: content is protected no less than what announces it."""
    gateway.terms = replace(gateway.terms, must_be_secure=True)
    assert gateway.offer().status == 488


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [(b"", "application/sdp", 488), (b"v=1", "application/sdp", 400), (b"x", "text/plain", 415)],
)
async def test_body_that_is_no_offer_is_refused(
    gateway: Gateway, body: bytes, content_type: str, status: int
) -> None:
    one = invite()
    headers = one.headers.replaced("Content-Type", content_type)
    assert gateway.offer(SipRequest("INVITE", one.uri, headers, body)).status == status


async def test_only_so_many_sessions_are_open(gateway: Gateway) -> None:
    for number in range(MAX_SESSIONS + 1):
        one = invite()
        gateway.offer(one.with_headers(one.headers.replaced("Call-ID", f"call-{number}")))
    assert [one.status for one in gateway.answers] == [200] * MAX_SESSIONS + [486]
    assert gateway.answers[-1].headers.first("Retry-After") is not None
