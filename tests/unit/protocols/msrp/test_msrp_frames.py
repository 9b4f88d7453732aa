"""Frames of MSRP: what is written is read, however it is cut, and what is none is refused."""

from __future__ import annotations

import pytest

from omapush.protocols.msrp.bad_frame import BadFrame
from omapush.protocols.msrp.byte_range import ByteRange
from omapush.protocols.msrp.frame import (
    Content,
    End,
    FailureReport,
    Flag,
    Piece,
    Request,
    Response,
)
from omapush.protocols.msrp.reading import MAX_HEAD, FrameReader
from omapush.protocols.msrp.uri import MsrpUri, parse_path
from omapush.protocols.msrp.writing import encode_request, encode_response, response_to

ALICE = parse_path("msrp://127.0.0.1:2855/k9sWh2Lq;tcp")
BOB = parse_path("msrps://relay.push.test:9000;tcp msrp://[::1]:7654/iau39soe2843z;tcp")
SEND = Request(
    "d93kswow",
    "SEND",
    BOB,
    ALICE,
    "12339sdqwer",
    success_report=True,
    byte_range=ByteRange(1, 16, 16),
    content_type="text/plain",
)
# RFC 4975 5.2, with our own addresses
WRITTEN = (
    b"MSRP d93kswow SEND\r\n"
    b"To-Path: msrps://relay.push.test:9000;tcp msrp://[::1]:7654/iau39soe2843z;tcp\r\n"
    b"From-Path: msrp://127.0.0.1:2855/k9sWh2Lq;tcp\r\n"
    b"Message-ID: 12339sdqwer\r\n"
    b"Success-Report: yes\r\n"
    b"Failure-Report: yes\r\n"
    b"Byte-Range: 1-16/16\r\n"
    b"Content-Type: text/plain\r\n"
    b"\r\n"
    b"Hi, I'm Alice!\r\n"
    b"\r\n-------d93kswow$\r\n"
)


def joined(pieces: list[Piece]) -> list[Piece]:
    """Return the pieces with neighbouring content put together."""
    whole: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, Content) and whole and isinstance(whole[-1], Content):
            whole[-1] = Content(whole[-1].octets + piece.octets)
        else:
            whole.append(piece)
    return whole


def test_request_is_written_as_the_rfc_shows_it() -> None:
    assert encode_request(SEND, b"Hi, I'm Alice!\r\n") == WRITTEN


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
def test_request_is_read_in_pieces_of_any_size(size: int) -> None:
    reader = FrameReader()
    stream = WRITTEN * 3
    pieces = [
        piece
        for start in range(0, len(stream), size)
        for piece in reader.receive(stream[start : start + size])
    ]
    assert joined(pieces) == [SEND, Content(b"Hi, I'm Alice!\r\n"), End(Flag.LAST)] * 3


@pytest.mark.parametrize("size", [1, 5, 10_000])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"\r\n-------d93kswo",
        b"\r\n-------d93kswowx$\r\n",
        b"\r\n-------d93kswow$x",
        b"\r\n-------d93kswow\r\n-------d93kswow",
    ],
)
def test_content_that_looks_like_an_end_is_content(content: bytes, size: int) -> None:
    stream = encode_request(SEND, content, Flag.MORE)
    reader = FrameReader()
    pieces = [
        piece
        for start in range(0, len(stream), size)
        for piece in reader.receive(stream[start : start + size])
    ]
    expected = [Content(content)] if content else []
    assert joined(pieces) == [SEND, *expected, End(Flag.MORE)]


def test_empty_content_may_leave_out_its_line_end() -> None:
    stream = encode_request(SEND).replace(b"\r\n\r\n\r\n--", b"\r\n\r\n--")
    assert FrameReader().receive(stream) == [SEND, End(Flag.LAST)]


def test_request_without_content_has_no_empty_line() -> None:
    request = Request("abcd", "REPORT", ALICE, BOB, "12339sdqwer", status=(200, "OK"))
    octets = encode_request(request)
    assert octets.endswith(b"Status: 000 200 OK\r\n-------abcd$\r\n")
    assert FrameReader().receive(octets) == [request, End(Flag.LAST)]


def test_response_goes_to_the_hop_that_the_request_came_from() -> None:
    response = response_to(SEND, 200)
    assert response == Response("d93kswow", 200, "OK", ALICE, BOB[:1])
    octets = encode_response(response)
    assert FrameReader().receive(octets + octets) == [response, response]


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\n",
        b"MSRP abc SEND\r\n",
        b"MSRP abcd SEND SEND\r\n",
        b"MSRP abcd 20\r\n",
        b"MSRP abcd SEND\r\nFrom-Path: x\r\n-------abcd$\r\n",
        WRITTEN.replace(b"1-16/16", b"16-1/16"),
        WRITTEN.replace(b"1-16/16", b"1-17/16"),
        WRITTEN.replace(b"1-16/16", b"1-\xb9/16"),
        WRITTEN.replace(b"Message-ID: ", b"Message-ID: +"),
        WRITTEN.replace(b"Failure-Report: yes", b"Failure-Report: maybe"),
        WRITTEN.replace(b"Content-Type: text/plain\r\n", b""),
        WRITTEN.replace(b"To-Path: msrps:", b"To-Path: sips:"),
        WRITTEN.replace(b":9000", b":0"),
        b"MSRP abcd 200 OK\r\nTo-Path: msrp://a;tcp\r\nFrom-Path: msrp://a;tcp\r\n\r\nx",
        b"MSRP abcd SEND\r\nTo-Path: msrp://a;tcp\r\nFrom-Path: msrp://a;tcp\r\n-------abcd!\r\n",
        b"MSRP " + b"x" * MAX_HEAD,
        b"MSRP abcd SEND\r\n" + b"A: b\r\n" * MAX_HEAD,
    ],
)
def test_what_is_no_frame_is_refused(octets: bytes) -> None:
    with pytest.raises(BadFrame):
        FrameReader().receive(octets)


def test_identifier_of_a_status_may_be_of_another_name_space_but_is_refused() -> None:
    request = Request("abcd", "REPORT", ALICE, BOB, "12339sdqwer", status=(200, "OK"))
    with pytest.raises(BadFrame, match="not a status"):
        FrameReader().receive(encode_request(request).replace(b"000 200", b"001 200"))


def test_unknown_headers_are_kept() -> None:
    request = Request(
        "abcd", "SEND", ALICE, BOB, failure_report=FailureReport.NO, more=(("X-Wap", "ü, 1"),)
    )
    (read, _) = FrameReader().receive(encode_request(request))
    assert isinstance(read, Request)
    assert read.header("x-wap") == "ü, 1"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("msrp://Host:2855/abc;tcp", "MSRP://user@host/abc;TCP;x=y", True),
        ("msrp://host/abc;tcp", "msrp://host/ABC;tcp", False),
        ("msrp://host/abc;tcp", "msrps://host/abc;tcp", False),
        ("msrp://host:1/abc;tcp", "msrp://host/abc;tcp", False),
    ],
)
def test_uris_are_compared_as_the_rfc_says(one: str, other: str, same: bool) -> None:
    assert MsrpUri.parse(one).is_same(MsrpUri.parse(other)) is same


def test_uri_is_written_as_it_was_read() -> None:
    text = "msrps://alice@[::1]:9000/a-b_c;tcp;x=y"
    assert str(MsrpUri.parse(text)) == text
