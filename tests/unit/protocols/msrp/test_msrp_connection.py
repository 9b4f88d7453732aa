"""Two ends of an MSRP session, and ends that do not behave."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from omapush.core.instants import SECOND_MS, Instant
from omapush.protocols.msrp.byte_range import ByteRange
from omapush.protocols.msrp.connection import MsrpConnection
from omapush.protocols.msrp.frame import (
    Content,
    End,
    FailureReport,
    Flag,
    Request,
    Response,
    Status,
)
from omapush.protocols.msrp.reading import FrameReader
from omapush.protocols.msrp.session import (
    Authorise,
    AuthorisedInd,
    Bind,
    BoundInd,
    EndedInd,
    Ends,
    EndSession,
    FarEnd,
    MessageFailedInd,
    MessageInd,
    MessageSentInd,
    MsrpSettings,
    ReportInd,
    SendMessage,
    SendReport,
    StopMessage,
)
from omapush.protocols.msrp.uri import MsrpUri, parse_path
from omapush.protocols.msrp.writing import encode_request, encode_response, response_to

NOW = Instant(1_000)
GATEWAY = parse_path("msrp://127.0.0.1:2855/gatewaysession;tcp")
DEVICE = parse_path("msrp://127.0.0.1:9/devicesession;tcp")
THERE = Ends(GATEWAY, DEVICE)
HERE = Ends(DEVICE, GATEWAY)
SMALL = MsrpSettings(chunk_octets=10, window=3)


def ids(prefix: str) -> Callable[[], str]:
    """Return a source of identifiers."""
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers):06}"


def active(settings: MsrpSettings = SMALL) -> MsrpConnection:
    """Return the device's end."""
    return MsrpConnection(settings, ids("device"), ends=HERE)


def passive(settings: MsrpSettings = SMALL) -> MsrpConnection:
    """Return the gateway's end, which does not know yet whose connection it is."""

    def find(uri: MsrpUri) -> Ends | Status:
        return THERE if uri.is_same(GATEWAY[-1]) else Status.NO_SESSION

    return MsrpConnection(settings, ids("gateway"), find=find)


def carry(*ends: MsrpConnection) -> None:
    """Carry octets between two ends until there are none."""
    one, other = ends
    while True:
        there, back = b"".join(one.written()), b"".join(other.written())
        if not there and not back:
            return
        other.receive(there, NOW)
        one.receive(back, NOW)


def bound() -> tuple[MsrpConnection, MsrpConnection]:
    """Return the gateway's and the device's end, bound to each other."""
    gateway, device = passive(), active()
    device.request(Bind(), NOW)
    carry(gateway, device)
    assert gateway.indications() == [BoundInd(THERE)]
    assert device.indications() == [BoundInd(HERE)]
    return gateway, device


@pytest.mark.parametrize("octets", [0, 1, 9, 10, 11, 1_000])
@pytest.mark.parametrize("failure_report", list(FailureReport))
def test_message_arrives_whole_and_its_report_comes_back(
    octets: int, failure_report: FailureReport
) -> None:
    gateway, device = bound()
    body = bytes(number % 251 for number in range(octets))
    message = SendMessage("message1", "a/b", body, True, failure_report)
    gateway.request(message, NOW)
    carry(gateway, device)
    (arrived,) = device.indications()
    assert isinstance(arrived, MessageInd)
    assert (arrived.body, arrived.content_type) == (body, "a/b")
    assert gateway.indications() == [MessageSentInd("message1")]
    device.request(SendReport("message1", octets), NOW)
    carry(gateway, device)
    assert gateway.indications() == [ReportInd("message1", 200, "OK")]
    assert gateway.next_timer() is None
    assert device.next_timer() is None


def test_messages_take_turns() -> None:
    gateway, device = bound()
    gateway.request(SendMessage("longmessage", "a/b", b"x" * 200), NOW)
    gateway.request(SendMessage("shortmessage", "a/b", b"y"), NOW)
    carry(gateway, device)
    ended = [one.message_id for one in device.indications() if isinstance(one, MessageInd)]
    assert ended == ["shortmessage", "longmessage"]


def test_no_more_is_written_than_the_window_allows() -> None:
    gateway, _ = bound()
    gateway.request(SendMessage("longmessage", "a/b", b"x" * 200), NOW)
    pieces = FrameReader().receive(b"".join(gateway.written()))
    assert sum(isinstance(piece, Request) for piece in pieces) == SMALL.window


def test_chunks_through_a_relay_are_small() -> None:
    relay = parse_path("msrp://127.0.0.1:2856/place;tcp")
    ends = Ends(GATEWAY, (*relay, *DEVICE))
    gateway = MsrpConnection(MsrpSettings(), ids("gateway"), ends=ends)
    gateway.request(SendMessage("message1", "a/b", b"x" * 5_000), NOW)
    pieces = FrameReader().receive(b"".join(gateway.written()))
    ranges = [str(one.byte_range) for one in pieces if isinstance(one, Request)]
    assert ranges == ["1-2048/5000", "2049-4096/5000", "4097-5000/5000"]


def test_message_beyond_the_window_is_answered_whatever_was_asked_for() -> None:
    gateway, device = bound()
    message = SendMessage("longmessage", "a/b", b"x" * 200, failure_report=FailureReport.NO)
    gateway.request(message, NOW)
    first = FrameReader().receive(b"".join(gateway.written()))[0]
    assert isinstance(first, Request)
    assert first.failure_report is FailureReport.YES
    assert device.next_timer() is None


def test_identifier_that_stands_in_the_content_is_not_used() -> None:
    gateway, device = bound()
    body = b"-------gateway000001$\r\n-------gateway000002"
    gateway = MsrpConnection(MsrpSettings(), ids("gateway"), ends=THERE)
    gateway.request(SendMessage("message1", "a/b", body), NOW)
    device.receive(b"".join(gateway.written()), NOW)
    assert [one.body for one in device.indications() if isinstance(one, MessageInd)] == [body]


def test_unanswered_chunk_fails_its_message_after_thirty_seconds() -> None:
    gateway, _ = bound()
    gateway.request(SendMessage("message1", "a/b", b"x" * 15), NOW)
    gateway.request(SendMessage("message2", "a/b", b"x" * 200), NOW)
    due = gateway.next_timer()
    assert due == NOW + 30 * SECOND_MS
    gateway.handle_timer(Instant(due - 1))
    assert gateway.indications() == []
    gateway.handle_timer(due)
    failed = [one for one in gateway.indications() if isinstance(one, MessageFailedInd)]
    assert [(one.message_id, one.status, one.was_written) for one in failed] == [
        ("message1", Status.TIMEOUT, True),
        ("message2", Status.TIMEOUT, False),
    ]
    assert b"".join(gateway.written()).count(b"#\r\n") == 1  # of the one that was on its way


def test_receiver_that_wants_no_more_stops_the_sender() -> None:
    gateway, device = bound()
    gateway.request(SendMessage("message1", "a/b", b"x" * 500), NOW)
    device.receive(b"".join(gateway.written()), NOW)
    device.request(StopMessage("message1"), NOW)
    carry(gateway, device)
    (failed,) = gateway.indications()
    assert isinstance(failed, MessageFailedInd)
    assert failed.status == Status.STOP_SENDING
    assert device.indications() == []
    gateway.request(SendMessage("message2", "a/b", b"y" * 50), NOW)
    carry(gateway, device)
    assert [type(one) for one in device.indications()] == [MessageInd]


def test_message_that_is_too_long_is_refused_and_the_next_is_taken() -> None:
    gateway, _ = bound()
    device = active(MsrpSettings(max_octets=100))
    gateway.request(SendMessage("message1", "a/b", b"x" * 101), NOW)
    gateway.request(SendMessage("message2", "a/b", b"y" * 100), NOW)
    carry(gateway, device)
    assert [type(one) for one in gateway.indications()] == [MessageFailedInd, MessageSentInd]
    assert [one.body for one in device.indications() if isinstance(one, MessageInd)] == [b"y" * 100]


def test_type_that_is_not_taken_is_refused() -> None:
    gateway, _ = bound()
    device = active(MsrpSettings(accept_types=("application/vnd.oma.push",)))
    gateway.request(SendMessage("message1", "text/plain; charset=utf-8", b"x"), NOW)
    carry(gateway, device)
    (failed,) = gateway.indications()
    assert isinstance(failed, MessageFailedInd)
    assert failed.status == Status.UNSUPPORTED_TYPE


def answer_of(end: MsrpConnection, octets: bytes) -> int:
    """Return the status by which ``end`` answers."""
    end.receive(octets, NOW)
    (piece,) = FrameReader().receive(b"".join(end.written()))
    assert isinstance(piece, Response)
    return piece.status


@pytest.mark.parametrize("make", [active, passive])
def test_request_for_another_session_is_refused(make: Callable[[], MsrpConnection]) -> None:
    other = parse_path("msrp://127.0.0.1:2855/othersession;tcp")
    request = Request("abcd", "SEND", other, DEVICE, "message1")
    assert answer_of(make(), encode_request(request)) == Status.NO_SESSION


def test_unknown_method_is_refused() -> None:
    request = Request("abcd", "NICKNAME", DEVICE, GATEWAY)
    assert answer_of(active(), encode_request(request)) == Status.UNKNOWN_METHOD


def test_chunk_that_lies_is_refused_and_nothing_is_kept_of_it() -> None:
    request = Request(
        "abcd", "SEND", DEVICE, GATEWAY, "message1", byte_range=ByteRange(1, 3, 10),
        content_type="a/b",
    )  # fmt: skip
    device = active()
    assert answer_of(device, encode_request(request, b"abcdef")) == Status.OUT_OF_BOUNDS
    assert device.indications() == [BoundInd(HERE)]


def test_endless_chunk_that_was_refused_ends_the_connection() -> None:
    device = active(MsrpSettings(max_octets=1_000))
    request = Request("abcd", "SEND", DEVICE, GATEWAY, "message1", content_type="a/b")
    device.receive(encode_request(request, b"", Flag.MORE)[: -len("\r\n-------abcd+\r\n")], NOW)
    for _ in range(40):
        device.receive(b"x" * 100, NOW)
    assert device.closing is not None
    answers = FrameReader().receive(b"".join(device.written()))
    assert [one.status for one in answers if isinstance(one, Response)] == [Status.STOP_SENDING]


def test_message_that_the_sender_gave_up_is_forgotten() -> None:
    device = active()
    request = Request("abcd", "SEND", DEVICE, GATEWAY, "message1", content_type="a/b")
    device.receive(encode_request(request, b"abc", Flag.MORE), NOW)
    device.receive(encode_request(request, b"", Flag.ABORTED), NOW)
    device.receive(encode_request(request, b"def", Flag.LAST), NOW)
    arrived = [one for one in device.indications() if isinstance(one, MessageInd)]
    assert [one.body for one in arrived] == [b"def"]


def test_answer_to_nothing_says_nothing() -> None:
    device = active()
    request = Request("abcd", "SEND", GATEWAY, DEVICE)
    device.receive(encode_response(response_to(request, 413)), NOW)
    assert device.indications() == []
    assert device.closing is None


def test_what_is_no_msrp_ends_the_connection() -> None:
    device = active()
    device.receive(b"HTTP/1.1 200 OK\r\n", NOW)
    assert device.closing is not None
    assert device.written() == []


def test_end_of_the_connection_fails_what_was_not_answered() -> None:
    gateway, _ = bound()
    gateway.request(SendMessage("message1", "a/b", b"x" * 15), NOW)
    gateway.disconnected("cut")
    assert gateway.indications() == [
        MessageFailedInd("message1", Status.TIMEOUT, "cut", was_written=True),
        EndedInd("cut"),
    ]
    gateway.request(SendMessage("message2", "a/b", b"x"), NOW)
    assert [type(one) for one in gateway.indications()] == [MessageFailedInd]


def test_session_that_is_ended_closes_its_connection() -> None:
    gateway, _ = bound()
    gateway.request(EndSession("no more"), NOW)
    assert gateway.closing == "no more"


def test_failure_that_a_relay_reports_ends_the_message() -> None:
    gateway, _ = bound()
    gateway.request(SendMessage("message1", "a/b", b"x" * 500), NOW)
    report = Request("abcd", "REPORT", GATEWAY, DEVICE, "message1", status=(408, "no"))
    gateway.receive(encode_request(report), NOW)
    assert gateway.indications() == [ReportInd("message1", 408, "no")]
    gateway.written()
    gateway.handle_timer(Instant(NOW + 60 * SECOND_MS))
    assert gateway.indications() == []


def test_relay_gives_a_path_or_a_challenge() -> None:
    device = active()
    relay = MsrpUri.parse("msrp://127.0.0.1:2855;tcp")
    device.request(Authorise(relay), NOW)
    (request, _) = FrameReader().receive(b"".join(device.written()))
    assert isinstance(request, Request)
    assert (request.method, request.to_path, request.from_path) == ("AUTH", (relay,), DEVICE)
    challenged = response_to(request, 401)
    more = (("WWW-Authenticate", 'Digest realm="relay"'),)
    octets = encode_response(Response(challenged.transaction_id, 401, "", DEVICE, (relay,), more))
    device.receive(octets, NOW)
    assert device.indications() == [AuthorisedInd(401, challenge='Digest realm="relay"')]
    device.request(Authorise(relay, "Digest x"), NOW)
    (request, _) = FrameReader().receive(b"".join(device.written()))
    assert isinstance(request, Request)
    assert request.header("Authorization") == "Digest x"
    used = (("Use-Path", "msrp://127.0.0.1:2855/place;tcp"), ("Expires", "900"))
    octets = encode_response(Response(request.transaction_id, 200, "OK", DEVICE, (relay,), used))
    device.receive(octets, NOW)
    path = parse_path("msrp://127.0.0.1:2855/place;tcp")
    assert device.indications() == [AuthorisedInd(200, path, 900)]


def test_content_of_a_request_that_is_refused_is_dropped() -> None:
    pieces = FrameReader().receive(
        encode_request(Request("abcd", "SEND", DEVICE, GATEWAY, "m123", content_type="a/b"), b"x")
    )
    assert [type(one) for one in pieces] == [Request, Content, End]


def test_end_with_a_place_at_a_relay_answers_the_way_the_push_came() -> None:
    device = MsrpConnection(SMALL, ids("device"), ends=Ends(DEVICE, ()))
    relay = parse_path("msrp://127.0.0.1:2855/place;tcp")
    push = Request("abcd", "SEND", DEVICE, relay + GATEWAY, "message1", content_type="a/b")
    device.receive(encode_request(push, b"x"), NOW)
    device.written()
    device.request(SendReport("message1", 1), NOW)
    (report, _) = FrameReader().receive(b"".join(device.written()))
    assert isinstance(report, Request)
    assert report.to_path == relay + GATEWAY


def test_end_with_a_place_at_a_relay_is_told_where_the_other_one_is() -> None:
    gateway = MsrpConnection(SMALL, ids("gateway"), ends=Ends(GATEWAY, ()))
    relay = parse_path("msrp://127.0.0.1:2855/place;tcp")
    gateway.request(FarEnd(relay + DEVICE), NOW)
    gateway.request(SendMessage("message1", "a/b", b"x"), NOW)
    request = FrameReader().receive(b"".join(gateway.written()))[0]
    assert isinstance(request, Request)
    assert (request.to_path, request.from_path) == (relay + DEVICE, GATEWAY)
