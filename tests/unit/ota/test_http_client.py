"""The terminal's end of OTA-HTTP against a scripted gateway."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest

from omapush.core.instants import MINUTE_MS, Instant, later
from omapush.ota.http import cpi
from omapush.ota.http.client import SILENT, HttpTerminalSession, HttpTerminalSettings
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    CloseConnection,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PoPushVoidInd,
    PushFlag,
    PushSource,
    PushStatus,
    SendOctets,
)
from omapush.protocols.http import HttpClientEnd, Request, Response

NOW = Instant(1_700_000_000_000)
SOURCE = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1")
CAPABILITIES = ClientCapabilities(accept=("*/*",), max_message_size=1_000, max_push_requests=2)
TAG = cpi.tag(cpi.to_headers(CAPABILITIES))
INNER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello"
HTTP = ("Content-Type", "application/http")


class Rig:
    """A session and a gateway that reads its answers."""

    def __init__(self) -> None:
        self.capabilities = CAPABILITIES
        self.session = HttpTerminalSession(
            HttpTerminalSettings("4165012322222", "0B"), lambda: self.capabilities, SOURCE
        )
        self.gateway = HttpClientEnd(10_000)
        self.closed: str | None = None
        self.session.connected(NOW)

    def ask(self, method: str, target: str, *headers: tuple[str, str], body: bytes = b"") -> None:
        request = Request(method, target, (("Host", ""), *headers), body)
        self.session.receive(self.gateway.request(request), NOW)

    def post(self, *headers: tuple[str, str], body: bytes = INNER) -> list[ClientIndication]:
        self.ask("POST", "/wappush", HTTP, *headers, body=body)
        return self.session.indications()

    def answers(self) -> list[Response]:
        octets = b""
        for effect in self.session.effects():
            match effect:
                case SendOctets(octets=more):
                    octets += more
                case CloseConnection(reason=reason):
                    self.closed = reason
        responses = self.gateway.receive(octets)
        assert self.gateway.failure is None
        return responses

    def answer(self) -> Response:
        (response,) = self.answers()
        return response


def pushed(indications: list[ClientIndication]) -> PoConfirmedPushInd:
    (indication,) = indications
    assert isinstance(indication, PoConfirmedPushInd)
    return indication


def told(response: Response) -> tuple[int, str | None]:
    status = response.get("X-Wap-Push-Status")
    return response.status, status[:3] if status is not None else None


# -- registration (WAP-235, 7.2.5) --


@pytest.mark.parametrize("target", ["/wappush", "*"])
def test_terminal_registers_with_its_cpi(target: str) -> None:
    rig = Rig()
    rig.ask("OPTIONS", target, ("X-Wap-Push-OTA-Version", "1.0"))
    response = rig.answer()
    assert response.status == 204
    assert response.headers == (
        ("X-Wap-Push-Status", "501 Accepted, CPI included"),
        ("X-Wap-Push-OTA-Version", "1.0"),
        ("X-Wap-Bearer-Indication", "0B"),
        ("X-Wap-Terminal-Id", "4165012322222"),
        ("X-Wap-CPITag", TAG),
        *cpi.to_headers(CAPABILITIES),
    )


def test_terminal_sends_no_cpi_when_tag_matches() -> None:
    rig = Rig()
    rig.ask("OPTIONS", "/wappush", ("x-wap-cpitag", TAG))
    assert rig.answer().headers == (
        ("X-Wap-Push-Status", "500 Accepted"),
        ("X-Wap-Bearer-Indication", "0B"),
        ("X-Wap-Terminal-Id", "4165012322222"),
    )


def test_terminal_sends_cpi_when_tag_differs_and_old_tag_when_setting_returns() -> None:
    rig = Rig()
    rig.capabilities = replace(CAPABILITIES, accept_app_id=("x-org:new",))
    rig.ask("OPTIONS", "/wappush", ("X-Wap-CPITag", TAG))
    response = rig.answer()
    assert told(response) == (204, "501")
    assert response.get("X-Wap-Push-Accept-AppID") == "x-org:new"
    assert response.get("X-Wap-CPITag") != TAG
    rig.capabilities = replace(CAPABILITIES)
    rig.ask("OPTIONS", "/wappush", ("X-Wap-CPITag", TAG))
    assert told(rig.answer()) == (204, "500")


@pytest.mark.parametrize("prov_url", ["", "http://operator.example/context"])
def test_terminal_without_contexts_passes_over_prov_url(prov_url: str) -> None:
    rig = Rig()
    rig.ask("OPTIONS", "/wappush", ("X-Wap-Push-ProvURL", prov_url))
    assert told(rig.answer()) == (204, "501")
    pushed(rig.post(("X-Wap-Push-ProvURL", prov_url)))


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
@pytest.mark.parametrize(
    ("offered", "accepted"), [("1.0", True), ("1.*", True), ("2.*,1.0", True), ("2.0", False)]
)
def test_terminal_judges_offered_version(method: str, offered: str, accepted: bool) -> None:
    rig = Rig()
    rig.ask(method, "/wappush", HTTP, ("X-Wap-Push-OTA-Version", offered), body=INNER)
    for indication in rig.session.indications():
        assert isinstance(indication, PoConfirmedPushInd)
        rig.session.request(PoConfirmedPushRes(indication.reference), NOW)
    response = rig.answer()
    accepting = "501" if method == "OPTIONS" else "400"
    assert told(response) == (204, accepting if accepted else "600")
    assert response.get("X-Wap-Push-OTA-Version") == "1.0"


# -- what is not push --


def test_terminal_knows_one_path() -> None:
    rig = Rig()
    rig.ask("POST", "/other", HTTP, body=INNER)
    assert rig.answer().status == 404
    assert rig.session.indications() == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_terminal_allows_two_methods(method: str) -> None:
    rig = Rig()
    rig.ask(method, "/wappush")
    response = rig.answer()
    assert (response.status, response.get("Allow")) == (405, "POST, OPTIONS")


# -- push (WAP-235, 7.4) --


def test_terminal_indicates_push_and_waits_for_application() -> None:
    rig = Rig()
    indication = pushed(
        rig.post(
            ("X-Wap-CPITag", TAG),
            ("X-Wap-Push-Info", "authenticated,trusted,unknown"),
            ("X-Push-Id", "d1"),
        )
    )
    assert indication.message.headers == (("Content-Type", "text/plain"),)
    assert indication.message.body == b"hello"
    assert indication.flags == PushFlag.INITIATOR_AUTHENTICATED | PushFlag.CONTENT_TRUSTED
    assert (indication.push_id, indication.source) == ("d1", SOURCE)
    assert not indication.response_allowed
    assert rig.answers() == []
    rig.session.request(PoConfirmedPushRes(indication.reference), NOW)
    response = rig.answer()
    assert told(response) == (204, "400")
    assert response.get("X-Wap-CPITag") is None


@pytest.mark.parametrize("status", list(PushStatus))
def test_terminal_answers_refusal_with_its_status(status: PushStatus) -> None:
    rig = Rig()
    indication = pushed(rig.post())
    rig.session.request(PoPushAbortReq(indication.reference, status, "bad\r\nnews é"), NOW)
    response = rig.answer()
    assert response.get("X-Wap-Push-Status") == f"{int(status)} bad??news ?"


@pytest.mark.parametrize(
    ("info", "http", "body"), [("response", 200, b"thanks"), ("last", 204, b""), ("", 204, b"")]
)
def test_terminal_answers_with_body_only_when_allowed(info: str, http: int, body: bytes) -> None:
    rig = Rig()
    indication = pushed(rig.post(("X-Wap-Push-Info", info)))
    answer = PoConfirmedPushRes(indication.reference, b"thanks", "text/plain;x=\r\n\u0394")
    rig.session.request(answer, NOW)
    response = rig.answer()
    assert told(response) == (http, "400")
    assert response.body == body
    if body:
        assert response.get("Content-Type") == "text/plain;x=???"


def test_terminal_refuses_push_made_for_another_tag() -> None:
    rig = Rig()
    assert rig.post(("X-Wap-CPITag", "other")) == []
    response = rig.answer()
    assert told(response) == (204, "256")
    assert response.get("X-Wap-CPITag") == TAG


def test_terminal_takes_push_without_tag_and_does_not_send_its_own() -> None:
    rig = Rig()
    rig.session.request(PoConfirmedPushRes(pushed(rig.post()).reference), NOW)
    response = rig.answer()
    assert (told(response), response.get("X-Wap-CPITag")) == ((204, "400"), None)


def test_terminal_answers_in_order_of_requests() -> None:
    rig = Rig()
    first, second = pushed(rig.post()), pushed(rig.post())
    rig.session.request(PoPushAbortReq(second.reference, PushStatus.USERPND), NOW)
    assert rig.answers() == []
    rig.session.request(PoConfirmedPushRes(first.reference), NOW)
    assert [told(response) for response in rig.answers()] == [(204, "400"), (204, "236")]


def test_terminal_takes_first_answer_only() -> None:
    rig = Rig()
    first, second = pushed(rig.post()), pushed(rig.post())
    rig.session.request(PoConfirmedPushRes(second.reference), NOW)
    rig.session.request(PoPushAbortReq(second.reference, PushStatus.USERRFS), NOW)
    rig.session.request(PoConfirmedPushRes("unknown"), NOW)
    rig.session.request(PoConfirmedPushRes(first.reference), NOW)
    assert [told(response) for response in rig.answers()] == [(204, "400"), (204, "400")]


def test_terminal_discards_pushes_beyond_what_it_announced() -> None:
    rig = Rig()
    first, second = pushed(rig.post()), pushed(rig.post())
    assert rig.post() == []
    assert rig.post() == []  # not even read before there is room
    rig.session.request(PoConfirmedPushRes(first.reference), NOW)
    fourth = pushed(rig.session.indications())
    rig.session.request(PoConfirmedPushRes(second.reference), NOW)
    rig.session.request(PoConfirmedPushRes(fourth.reference), NOW)
    assert [told(response)[1] for response in rig.answers()] == ["400", "400", "237", "400"]


def test_terminal_takes_push_that_is_the_post_itself() -> None:
    rig = Rig()
    headers = (
        ("Content-Type", "text/vnd.wap.si"),
        ("X-Wap-Application-Id", "2"),
        ("X-Wap-Push-OTA-Version", "1.0"),
        ("User-Agent", "gateway"),
    )
    rig.ask("POST", "/wappush", *headers, body=b"<si/>")
    message = pushed(rig.session.indications()).message
    assert message.headers == headers[:2]
    assert message.body == b"<si/>"


@pytest.mark.parametrize("coding", [zlib.compress, lambda body: zlib.compress(body)[2:-4]])
def test_terminal_takes_outer_deflate(coding: object) -> None:
    rig = Rig()
    body = coding(INNER)  # type: ignore[operator] # a function
    assert pushed(rig.post(("Content-Encoding", "deflate"), body=body)).message.body == b"hello"


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"", (400, "235")),
        (b"hello", (400, "235")),
        (INNER.replace(b"\r\n\r\n", b"\r\nContent-Length: 4\r\n\r\n"), (400, "235")),
        (INNER.replace(b"\r\n\r\n", b"\r\nContent-Encoding: br\r\n\r\n"), (400, "235")),
        (INNER + b"x" * 1_000, (413, "237")),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n" + zlib.compress(b"x" * 2_000),
            (413, "237"),
        ),
    ],
)
def test_terminal_refuses_entity_and_keeps_connection(body: bytes, answer: tuple[int, str]) -> None:
    rig = Rig()
    assert rig.post(body=body) == []
    assert told(rig.answer()) == answer
    pushed(rig.post())
    assert rig.closed is None


# -- when the connection cannot go on --


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"\x16\x03\x01\0\r\n\r\n", (400, "235")),
        (
            b"POST /wappush HTTP/1.1\r\nHost:\r\nContent-Length: 90000\r\n\r\n" + b"x" * 90_000,
            (413, "237"),
        ),
    ],
)
def test_terminal_refuses_gateway_after_the_answers_before(
    octets: bytes, status: tuple[int, str]
) -> None:
    rig = Rig()
    indication = pushed(rig.post())
    rig.gateway.request(Request("POST", "/wappush", (("Host", ""),)))
    rig.session.receive(octets, NOW)
    assert rig.answers() == []
    rig.session.request(PoConfirmedPushRes(indication.reference), NOW)
    assert [told(response) for response in rig.answers()] == [(204, "400"), status]
    assert rig.post() == []  # it may go on sending for a while, lest the answer be lost
    assert rig.session.next_timer() == later(NOW, 2_000)
    assert rig.closed is None
    rig.session.handle_timer(later(NOW, 2_000))
    assert rig.answers() == []
    assert rig.closed is not None


def test_terminal_closes_after_answer_when_gateway_asks_for_it() -> None:
    rig = Rig()
    indication = pushed(rig.post(("Connection", "close")))
    rig.session.request(PoConfirmedPushRes(indication.reference), NOW)
    assert told(rig.answer()) == (204, "400")
    assert rig.closed is not None


def test_terminal_tells_which_pushes_are_void_when_connection_ends() -> None:
    rig = Rig()
    first, second = pushed(rig.post()), pushed(rig.post())
    rig.session.request(PoConfirmedPushRes(second.reference), NOW)
    rig.session.disconnected("gone", NOW)
    assert rig.session.indications() == [PoPushVoidInd(first.reference, "gone")]
    rig.session.request(PoConfirmedPushRes(first.reference), NOW)
    assert rig.session.effects() == []


def test_terminal_closes_connection_of_silent_gateway() -> None:
    rig = Rig()
    rig.ask("OPTIONS", "/wappush")
    rig.answers()
    rig.session.handle_timer(later(NOW, 10 * MINUTE_MS - 1))
    assert rig.answers() == []
    assert rig.closed is None
    assert rig.session.next_timer() == later(NOW, 10 * MINUTE_MS)
    rig.session.handle_timer(later(NOW, 10 * MINUTE_MS))
    rig.answers()
    assert rig.closed is not None
    assert rig.session.next_timer() is None


def test_terminal_does_not_wait_long_for_the_first_word_of_a_gateway() -> None:
    """Its system may have dropped the connection, and never told."""
    rig = Rig()
    assert rig.session.next_timer() == later(NOW, MINUTE_MS)
    rig.session.handle_timer(later(NOW, MINUTE_MS))
    rig.answers()
    assert rig.closed == SILENT


def test_terminal_has_patience_while_application_has_not_answered() -> None:
    rig = Rig()
    indication = pushed(rig.post())
    assert rig.session.next_timer() is None
    answered = later(NOW, 5_000)
    rig.session.request(PoConfirmedPushRes(indication.reference), answered)
    assert rig.session.next_timer() == later(answered, 10 * MINUTE_MS)


def test_terminal_closes_when_its_capabilities_cannot_be_said() -> None:
    rig = Rig()
    rig.capabilities = replace(CAPABILITIES, accept=("text/\u0394",))
    rig.ask("OPTIONS", "/wappush")
    assert rig.answers() == []
    assert rig.closed is not None
