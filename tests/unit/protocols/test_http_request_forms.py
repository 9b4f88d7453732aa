"""Requests that two readers may understand differently are refused by the server's end."""

from __future__ import annotations

import pytest

from omapush.protocols.http import MAX_HEADERS, HttpError, HttpServerEnd, Response

HEAD = b"POST /wappush HTTP/1.1\r\nHost:\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LENGTH = b"Content-Length: 2\r\n\r\nhi"

REFUSED = {
    "length and chunks": (
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        400,
    ),
    "length twice, alike": (HEAD + b"Content-Length: 2\r\n" + LENGTH, 400),
    "length twice, different": (HEAD + b"Content-Length: 3\r\n" + LENGTH, 400),
    "length as a list": (HEAD + b"Content-Length: 2, 2\r\n\r\nhi", 400),
    "length with a sign": (HEAD + b"Content-Length: +2\r\n\r\nhi", 400),
    "length in hexadecimal": (HEAD + b"Content-Length: 0x2\r\n\r\nhi", 400),
    "length that is empty": (HEAD + b"Content-Length:\r\n\r\nhi", 400),
    "length of another script": (HEAD + "Content-Length: ٢\r\n\r\nhi".encode(), 400),
    "length without end": (HEAD + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n", 400),
    "chunks in HTTP/1.0": (CHUNKED.replace(b"1.1", b"1.0"), 400),
    "chunks twice": (HEAD + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n", 400),
    "chunks of something": (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunks misspelt": (HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "chunk size with prefix": (CHUNKED + b"0x2\r\nhi\r\n0\r\n\r\n", 400),
    "chunk size with sign": (CHUNKED + b"+2\r\nhi\r\n0\r\n\r\n", 400),
    "chunk longer than said": (CHUNKED + b"2\r\nhihi\r\n0\r\n\r\n", 400),
    "chunk with LF alone": (CHUNKED + b"2\nhi\r\n0\r\n\r\n", 400),
    "folded line": (HEAD + b"X-A: a\r\n b\r\n" + LENGTH, 400),
    "folded line with tab": (HEAD + b"X-A: a\r\n\tContent-Length: 9\r\n" + LENGTH, 400),
    "folded first line": (b"POST /wappush HTTP/1.1\r\n X: a\r\nHost:\r\n" + LENGTH, 400),
    "LF alone": ((HEAD + LENGTH).replace(b"\r\n", b"\n"), 400),
    "LF alone once": (HEAD.replace(b"Host:\r\n", b"Host:\n") + LENGTH, 400),
    "CR alone": (HEAD + b"X-A: a\rContent-Length: 9\r\n" + LENGTH, 400),
    "NUL": (HEAD + b"X-A: a\0b\r\n" + LENGTH, 400),
    "another control character": (HEAD + b"X-A: a\x01b\r\n" + LENGTH, 400),
    "space before colon": (HEAD + b"Content-Length : 2\r\n\r\nhi", 400),
    "tab before colon": (HEAD + b"Content-Length\t: 2\r\n\r\nhi", 400),
    "header without name": (HEAD + b": 2\r\n\r\nhi", 400),
    "header without colon": (HEAD + b"nothing\r\n\r\nhi", 400),
    "target of a proxy": (HEAD.replace(b"/wap", b"http://h/wap") + LENGTH, 400),
    "target of a tunnel": (b"CONNECT h:1 HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "target with a space": (HEAD.replace(b"/wappush", b"/wap push") + LENGTH, 400),
    "target with octets beyond ASCII": (HEAD.replace(b"/wap", "/wäp".encode()) + LENGTH, 400),
    "no Host": (b"POST /wappush HTTP/1.1\r\n" + LENGTH, 400),
    "two Hosts": (HEAD + b"Host: b\r\n" + LENGTH, 400),
    "HTTP/2": (HEAD.replace(b"1.1", b"2.0") + LENGTH, 505),
    "HTTP/0.9": (b"GET /wappush\r\n\r\n", 400),
    "headers without end": (HEAD + b"a:\r\n" * (MAX_HEADERS + 1) + b"\r\n", 431),
}


@pytest.mark.parametrize("form", REFUSED)
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_server_refuses_ambiguous_request_in_any_segments(form: str, size: int) -> None:
    octets, status = REFUSED[form]
    server = HttpServerEnd(100, 4)
    for start in range(0, len(octets), size):
        assert server.receive(octets[start : start + size]) == []
    assert server.failure is not None
    assert server.failure.status == status
    answer, held = server.respond(Response(server.failure.status))
    assert b"\r\nConnection: close\r\n" in answer
    assert held == []
    assert server.must_close


TAKEN = {
    "any Host": (HEAD.replace(b"Host:", b"Host: anything at all:99999") + LENGTH, b"hi"),
    "chunks": (CHUNKED + b"1\r\nh\r\n1;name=value\r\ni\r\n0\r\nContent-Length: 9\r\n\r\n", b"hi"),
    "chunks in capitals": (
        CHUNKED.replace(b"chunked", b"CHUNKED") + b"2\r\nhi\r\n0\r\n\r\n",
        b"hi",
    ),
    "no body": (HEAD + b"\r\n", b""),
    "later minor version": (HEAD.replace(b"1.1", b"1.2") + LENGTH, b"hi"),
    "upgrade that we pass over": (
        HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + LENGTH,
        b"hi",
    ),
    "empty lines before": (b"\r\n\r\n" + HEAD + LENGTH, b"hi"),
    "octets beyond ASCII in a value": (HEAD + b"X-A: \xff\xfe\r\n" + LENGTH, b"hi"),
    "as many headers as may be": (HEAD + b"a:\r\n" * (MAX_HEADERS - 2) + LENGTH, b"hi"),
}


@pytest.mark.parametrize("form", TAKEN)
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_server_takes_what_has_one_meaning_in_any_segments(form: str, size: int) -> None:
    octets, body = TAKEN[form]
    server = HttpServerEnd(100, 4)
    found = [
        request
        for start in range(0, len(octets), size)
        for request in server.receive(octets[start : start + size])
    ]
    assert server.failure is None
    (request,) = found
    assert (request.method, request.body) == ("POST", body)


def test_server_passes_over_empty_lines_behind_a_request() -> None:
    server = HttpServerEnd(100, 4)
    assert len(server.receive(HEAD + LENGTH + b"\r\n")) == 1
    server.respond(Response(204))
    assert server.is_idle
    assert not server.is_reading
    assert len(server.receive(b"\r\n" * 30_000 + HEAD + LENGTH)) == 1


def test_server_is_reading_from_the_first_octet_to_the_last() -> None:
    server = HttpServerEnd(100, 4)
    assert not server.is_reading
    octets = HEAD + LENGTH
    server.receive(octets[:1])
    assert server.is_reading
    server.receive(octets[1:-1])
    assert server.is_reading
    server.receive(octets[-1:])
    assert not server.is_reading


def test_server_that_gives_up_answers_after_the_answers_before() -> None:
    server = HttpServerEnd(100, 4)
    server.receive(HEAD + LENGTH + HEAD)
    server.give_up(HttpError("too slow", 408))
    server.give_up(HttpError("said before", 500))
    assert server.failure is not None
    assert server.failure.status == 408
    assert server.receive(LENGTH) == []
    octets, _ = server.respond(Response(204))
    assert octets.startswith(b"HTTP/1.1 204 ")
    assert not server.must_close
    octets, _ = server.respond(Response(408))
    assert octets.startswith(b"HTTP/1.1 408 ")
    assert server.must_close
