"""Which tag a terminal goes by, how long a request may take, and when it ends a connection."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest

from omapush.core.instants import SECOND_MS, Instant, later
from omapush.ota.http import cpi
from omapush.ota.http.client import (
    CAPABILITIES_CHANGED,
    LAST_PUSH,
    SILENT,
    HttpTerminalSession,
    HttpTerminalSettings,
)
from omapush.ota.interface import (
    ClientCapabilities,
    CloseConnection,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PomCapabilitiesChangedReq,
    PoPushAbortReq,
    PushFlag,
    PushSource,
    PushStatus,
    SendOctets,
)
from omapush.protocols.http import HttpClientEnd, Request, Response

NOW = Instant(1_700_000_000_000)
SOURCE = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1")
CAPABILITIES = ClientCapabilities(max_push_requests=3)
TAG = cpi.tag(cpi.to_headers(CAPABILITIES))
OTHER = "2jmj7g=="
SETTINGS = HttpTerminalSettings("4165012322222")
INNER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello"


class Rig:
    def __init__(self, settings: HttpTerminalSettings = SETTINGS, sir: str | None = None) -> None:
        self.session = HttpTerminalSession(settings, lambda: CAPABILITIES, SOURCE, sir_cpi_tag=sir)
        self.session.connected(NOW)
        self.gateway = HttpClientEnd(10_000)
        self.closed: str | None = None

    def octets(self, method: str, *headers: tuple[str, str]) -> bytes:
        body = INNER if method == "POST" else b""
        inside = (("Content-Type", "application/http"),) if body else ()
        request = Request(method, "/wappush", (("Host", ""), *inside, *headers), body)
        return self.gateway.request(request)

    def send(self, method: str, *headers: tuple[str, str], at: Instant = NOW) -> None:
        self.session.receive(self.octets(method, *headers), at)

    def pushes(self) -> list[PoConfirmedPushInd]:
        indications = self.session.indications()
        return [one for one in indications if isinstance(one, PoConfirmedPushInd)]

    def accept(self) -> None:
        for push in self.pushes():
            self.session.request(PoConfirmedPushRes(push.reference), NOW)

    def answers(self) -> list[Response]:
        octets = b""
        for effect in self.session.effects():
            match effect:
                case SendOctets(octets=more):
                    octets += more
                case CloseConnection(reason=reason):
                    self.closed = reason
        return self.gateway.receive(octets)

    def ask(self, method: str, *headers: tuple[str, str]) -> tuple[str, str | None]:
        """Return the first three characters of the push status, and the tag."""
        self.send(method, *headers)
        self.accept()
        (response,) = self.answers()
        assert response.status == 204
        return (response.get("X-Wap-Push-Status") or "")[:3], response.get("X-Wap-CPITag")


# -- the assumed tag (digest 5.3, 11.4, 16.2) --


@pytest.mark.parametrize(
    ("sir", "header", "options", "post"),
    [
        (None, None, ("501", TAG), ("400", None)),
        (None, TAG, ("500", None), ("400", None)),
        (None, OTHER, ("501", TAG), ("256", TAG)),
        (None, "", ("501", TAG), ("400", None)),
        (TAG, None, ("500", None), ("400", None)),
        (OTHER, None, ("501", TAG), ("256", TAG)),
        (OTHER, TAG, ("500", None), ("400", None)),
        (TAG, OTHER, ("501", TAG), ("256", TAG)),
    ],
)
def test_terminal_compares_tag_of_header_or_of_sir(
    sir: str | None,
    header: str | None,
    options: tuple[str, str | None],
    post: tuple[str, str | None],
) -> None:
    given = () if header is None else (("X-Wap-CPITag", header),)
    assert Rig(sir=sir).ask("OPTIONS", *given) == options
    assert Rig(sir=sir).ask("POST", *given) == post


@pytest.mark.parametrize("first", ["OPTIONS", "POST"])
def test_tag_of_sir_counts_for_the_first_request_only(first: str) -> None:
    rig = Rig(sir=TAG)
    rig.ask(first)
    assert rig.ask("OPTIONS") == ("501", TAG)
    rig = Rig(replace(SETTINGS, takes_untagged=False), sir=TAG)
    rig.ask(first)
    assert rig.ask("POST") == ("256", TAG)


def test_tag_of_sir_outlives_a_request_that_was_not_judged_by_it() -> None:
    rig = Rig(sir=TAG)
    rig.ask("OPTIONS", ("X-Wap-Push-OTA-Version", "9.0"))
    assert rig.ask("OPTIONS") == ("500", None)


@pytest.mark.parametrize(
    ("settings", "header", "answer"),
    [
        (replace(SETTINGS, takes_mismatched=True), OTHER, ("401", TAG)),
        (replace(SETTINGS, takes_mismatched=True), TAG, ("400", None)),
        (replace(SETTINGS, takes_mismatched=True), None, ("400", None)),
        (replace(SETTINGS, takes_untagged=False), None, ("256", TAG)),
        (replace(SETTINGS, takes_untagged=False), TAG, ("400", None)),
        (replace(SETTINGS, takes_untagged=False), OTHER, ("256", TAG)),
    ],
)
def test_terminal_takes_or_discards_pushes_by_their_tag_as_set_up(
    settings: HttpTerminalSettings, header: str | None, answer: tuple[str, str | None]
) -> None:
    rig = Rig(settings)
    assert rig.ask("POST", *(() if header is None else (("X-Wap-CPITag", header),))) == answer


def test_refusal_of_mismatched_push_is_the_applications() -> None:
    rig = Rig(replace(SETTINGS, takes_mismatched=True))
    rig.send("POST", ("X-Wap-CPITag", OTHER))
    (push,) = rig.pushes()
    rig.session.request(PoPushAbortReq(push.reference, PushStatus.USERPND), NOW)
    (response,) = rig.answers()
    assert (response.get("X-Wap-Push-Status") or "")[:3] == "236"


@pytest.mark.parametrize(
    ("header", "ends"),
    [(TAG, True), (OTHER, True), (None, False)],
    ids=["matching", "refused", "untagged"],
)
def test_gateway_that_goes_by_a_tag_is_made_to_ask_after_a_change(
    header: str | None, ends: bool
) -> None:
    takes = [CAPABILITIES]
    rig = Rig()
    rig.session = HttpTerminalSession(SETTINGS, lambda: takes[-1], SOURCE)
    rig.session.connected(NOW)
    rig.ask("POST", *(() if header is None else (("X-Wap-CPITag", header),)))
    takes.append(replace(CAPABILITIES, max_message_size=9_000))
    rig.session.request(PomCapabilitiesChangedReq(), NOW)
    rig.answers()
    assert rig.closed == (CAPABILITIES_CHANGED if ends else None)


# -- profile headers (digest 7 and 18) --


def test_profile_is_cpi_and_part_of_the_tag() -> None:
    profile = cpi.profile_headers(["http://wap.example/phone.xml"], ["<rdf:RDF/>", "<a> \n </a>"])
    rig = Rig(replace(SETTINGS, profile=profile[::-1]))
    rig.send("OPTIONS")
    (response,) = rig.answers()
    given = (*cpi.to_headers(CAPABILITIES), *profile)
    assert response.headers[-len(given) :] == given
    assert response.get("X-Wap-CPITag") == cpi.tag(given) != TAG


# -- the last push (digest 11.3) --

LAST = ("X-Wap-Push-Info", "last")
CLOSING = replace(SETTINGS, close_after_last=True)


def test_terminal_ends_connection_after_last_push_is_answered() -> None:
    rig = Rig(CLOSING)
    rig.send("POST", LAST)
    assert rig.answers() == []
    assert rig.closed is None
    (push,) = rig.pushes()
    assert push.flags == PushFlag.LAST
    rig.session.request(PoConfirmedPushRes(push.reference), NOW)
    assert len(rig.answers()) == 1
    assert rig.closed == LAST_PUSH


def test_terminal_waits_for_every_answer_before_it_ends_after_last_push() -> None:
    rig = Rig(CLOSING)
    rig.send("POST")
    rig.send("POST", LAST)
    first, second = rig.pushes()
    rig.session.request(PoConfirmedPushRes(second.reference), NOW)
    assert (rig.answers(), rig.closed) == ([], None)
    rig.session.request(PoConfirmedPushRes(first.reference), NOW)
    assert len(rig.answers()) == 2
    assert rig.closed == LAST_PUSH


def test_push_that_follows_the_last_one_after_all_takes_the_word_back() -> None:
    rig = Rig(CLOSING)
    rig.send("POST", LAST)
    rig.send("POST")
    rig.accept()
    assert len(rig.answers()) == 2
    assert rig.closed is None


def test_request_that_has_begun_keeps_connection_open_after_last_push() -> None:
    rig = Rig(CLOSING)
    octets = rig.octets("POST", LAST) + rig.octets("OPTIONS")
    rig.session.receive(octets[:-5], NOW)
    rig.accept()
    assert len(rig.answers()) == 1
    assert rig.closed is None
    rig.session.receive(octets[-5:], NOW)
    assert len(rig.answers()) == 1
    assert rig.closed == LAST_PUSH


def test_terminal_that_keeps_its_connections_does_so_after_last_push() -> None:
    rig = Rig()
    assert rig.ask("POST", LAST) == ("400", None)
    assert rig.closed is None


# -- tokens, priorities and cookies (digest 0, 11.3, 19) --


def test_terminal_passes_over_unknown_tokens_priority_and_cookies() -> None:
    rig = Rig()
    rig.send(
        "POST",
        ("X-Wap-Push-Info", "authenticated, Trusted ,future,,"),
        ("X-Wap-Push-MsgPriority", "high"),
        ("Cookie", "a=b"),
    )
    (push,) = rig.pushes()
    assert push.flags == PushFlag.INITIATOR_AUTHENTICATED | PushFlag.CONTENT_TRUSTED
    assert push.message.headers == (("Content-Type", "text/plain"),)
    rig.session.request(PoConfirmedPushRes(push.reference), NOW)
    (response,) = rig.answers()
    assert response.get("Set-Cookie") is None


def test_headers_of_the_hop_are_no_headers_of_a_push_that_is_the_post_itself() -> None:
    rig = Rig()
    hop = (
        ("Authorization", "Basic eDp5"),
        ("Cookie", "a=b"),
        ("X-Wap-Push-MsgPriority", "high"),
        ("x-wap-profile-warning", "200"),
    )
    request = Request("POST", "/wappush", (("Host", ""), ("Content-Type", "a/b"), *hop), b"x")
    rig.session.receive(rig.gateway.request(request), NOW)
    (push,) = rig.pushes()
    assert push.message.headers == (("Content-Type", "a/b"),)


# -- slow gateways --


def slow(rig: Rig, octets: bytes, *, seconds: int = 10) -> Instant:
    """Let one octet come every so many seconds until the session's timer goes off."""
    at = NOW
    for octet in octets:
        due = rig.session.next_timer()
        assert due is not None
        if due <= at:
            rig.session.handle_timer(due)
            return due
        rig.session.receive(bytes((octet,)), at)
        at = later(at, seconds * SECOND_MS)
    raise AssertionError("the timer never went off")


@pytest.mark.parametrize("begun", [0, 60])
def test_terminal_gives_up_request_that_trickles_in(begun: int) -> None:
    rig = Rig()
    octets = rig.octets("POST")
    rig.session.receive(octets[:begun], NOW)
    assert slow(rig, octets[begun:]) == later(NOW, SETTINGS.request_timeout_ms)
    (response,) = rig.answers()
    assert response.status == 408
    assert (response.get("X-Wap-Push-Status") or "")[:3] == "234"
    assert response.get("Connection") == "close"
    rig.session.handle_timer(later(NOW, SETTINGS.request_timeout_ms + 2 * SECOND_MS))
    rig.answers()
    assert rig.closed == "the request takes too long"


def test_terminal_gives_up_chunks_without_end() -> None:
    rig = Rig()
    head = b"POST /wappush HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n"
    rig.session.receive(head, NOW)
    assert slow(rig, b"1\r\nx\r\n" * 100) == later(NOW, SETTINGS.request_timeout_ms)


def test_deadline_of_a_request_begins_with_that_request() -> None:
    rig = Rig()
    at = NOW
    for _ in range(5):
        octets = rig.octets("OPTIONS")
        rig.session.receive(octets[:3], at)
        at = later(at, SETTINGS.request_timeout_ms - 1)
        rig.session.handle_timer(at)
        following = rig.octets("OPTIONS")
        rig.session.receive(octets[3:] + following[:3], at)
        assert rig.session.next_timer() == later(at, SETTINGS.request_timeout_ms)
        rig.session.receive(following[3:], at)
        assert len(rig.answers()) == 2
    assert rig.session.next_timer() == later(at, SETTINGS.idle_timeout_ms)


def test_slow_request_behind_an_unanswered_push_is_given_up_in_its_turn() -> None:
    rig = Rig()
    rig.send("POST")
    (push,) = rig.pushes()
    rig.session.receive(b"POST /wap", NOW)
    due = later(NOW, SETTINGS.request_timeout_ms)
    assert rig.session.next_timer() == due
    rig.session.handle_timer(due)
    assert rig.answers() == []
    assert rig.session.next_timer() is None  # the client keeps the application's deadline
    rig.session.request(PoConfirmedPushRes(push.reference), due)
    rig.gateway.request(Request("GET", "/", (("Host", ""),)))
    assert [one.status for one in rig.answers()] == [204, 408]


def test_requests_that_the_terminal_itself_holds_up_have_no_deadline() -> None:
    rig = Rig()
    for _ in range(CAPABILITIES.max_push_requests + 3):
        rig.send("POST")
    assert rig.session.next_timer() is None
    for _ in range(CAPABILITIES.max_push_requests + 3):
        rig.accept()
    assert rig.session.next_timer() == later(NOW, SETTINGS.idle_timeout_ms)


def test_empty_lines_between_requests_are_no_slow_request() -> None:
    rig = Rig()
    rig.session.receive(rig.octets("OPTIONS") + b"\r\n", NOW)
    rig.answers()
    rig.session.handle_timer(later(NOW, SETTINGS.idle_timeout_ms))
    rig.answers()
    assert rig.closed == SILENT


# -- memory --


def test_idle_session_takes_less_than_a_kibibyte() -> None:
    rig = Rig()
    options = rig.octets("OPTIONS", ("X-Wap-Push-OTA-Version", "1.0"))

    def registered(number: int) -> HttpTerminalSession:
        settings = HttpTerminalSettings(f"44{number:08}")
        session = HttpTerminalSession(settings, _capabilities, SOURCE)
        session.connected(NOW)
        session.receive(options, NOW)
        session.effects()
        session.indications()
        return session

    registered(0)
    count = 200
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        sessions = [registered(number) for number in range(count)]
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(sessions) == count
    assert (after - before) / count < 1_024


def _capabilities() -> ClientCapabilities:
    return CAPABILITIES
