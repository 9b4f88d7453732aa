"""HTTP on an open stream: both roles, pipelining, limits, and what is refused."""

from __future__ import annotations

import pytest

from omapush.core.errors import EncodeError, LimitError
from omapush.protocols.http import (
    MAX_HELD,
    HttpClientEnd,
    HttpServerEnd,
    Request,
    Response,
)

GET = Request("GET", "/", (("Host", ""),))
POST = Request("POST", "/wappush", (("Host", ""), ("X-Name", "value")), b"body")


def answer(body: str = "", *, status: int = 200, more: str = "") -> bytes:
    return f"HTTP/1.1 {status} Fine\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def asked(target: str = "/", *, more: str = "", body: str = "") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"POST {target} HTTP/1.1\r\nHost:\r\n{more}{length}\r\n{body}".encode()


def test_client_writes_empty_host_and_length_of_body() -> None:
    octets = HttpClientEnd(100).request(POST)
    assert octets == (
        b"POST /wappush HTTP/1.1\r\nHost: \r\nX-Name: value\r\nContent-Length: 4\r\n\r\nbody"
    )


def test_client_writes_no_length_for_options_without_body() -> None:
    octets = HttpClientEnd(100).request(Request("OPTIONS", "/wappush", (("Host", ""),)))
    assert octets == b"OPTIONS /wappush HTTP/1.1\r\nHost: \r\n\r\n"


@pytest.mark.parametrize("value", ["a\r\nX-Smuggled: 1", "a\nb", "a\0b", "a\rb", "\u0394"])
def test_neither_end_writes_a_header_that_could_break_out(value: str) -> None:
    headers = (("Host", ""), ("X-Name", value))
    with pytest.raises(EncodeError):
        HttpClientEnd(100).request(Request("GET", "/", headers))
    server = HttpServerEnd(100, 1)
    server.receive(asked())
    with pytest.raises(EncodeError):
        server.respond(Response(204, headers))


def test_client_reads_response_in_any_segments() -> None:
    octets = answer("hello", more="X-Name:  spaced \r\n")
    for size in range(1, len(octets) + 1):
        end = HttpClientEnd(100)
        end.request(GET)
        found = [
            response
            for start in range(0, len(octets), size)
            for response in end.receive(octets[start : start + size])
        ]
        (response,) = found
        assert (response.status, response.body) == (200, b"hello")
        assert response.get("x-name") == "spaced"
        assert end.outstanding == 0


def test_client_matches_pipelined_responses_in_order() -> None:
    end = HttpClientEnd(100)
    for _ in range(3):
        end.request(POST)
    one = end.receive(answer("first") + answer("second")[:20])
    two = end.receive(answer("second")[20:] + answer("third"))
    assert [response.body for response in one + two] == [b"first", b"second", b"third"]
    assert end.failure is None


def test_client_keeps_responses_before_what_it_cannot_read() -> None:
    end = HttpClientEnd(100)
    end.request(POST)
    end.request(POST)
    assert [response.body for response in end.receive(answer("first") + b"\0garbage\r\n\r\n")] == [
        b"first"
    ]
    assert end.failure is not None
    assert end.receive(answer("late")) == []


def test_client_fails_on_response_that_nobody_asked_for() -> None:
    end = HttpClientEnd(100)
    end.request(POST)
    assert len(end.receive(answer() + answer())) == 1
    assert end.failure is not None


def test_client_reads_body_that_ends_with_the_stream() -> None:
    end = HttpClientEnd(100)
    end.request(GET)
    assert end.receive(b"HTTP/1.1 200 OK\r\n\r\nall of it") == []
    (response,) = end.receive_end()
    assert response.body == b"all of it"
    assert end.must_close


def test_client_takes_cut_response_for_none() -> None:
    end = HttpClientEnd(100)
    end.request(GET)
    end.receive(answer("hello")[:-1])
    assert end.receive_end() == []
    assert end.failure is not None


def test_client_looks_at_nothing_after_a_closing_response() -> None:
    end = HttpClientEnd(100)
    end.request(GET)
    end.request(GET)
    assert len(end.receive(answer(more="Connection: close\r\n") + answer())) == 1
    assert end.must_close
    assert end.failure is None


def test_client_passes_over_interim_responses() -> None:
    end = HttpClientEnd(100)
    end.request(POST)
    (response,) = end.receive(b"HTTP/1.1 100 Continue\r\n\r\n" + answer("done"))
    assert response.body == b"done"


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + b"x" * 101,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    ],
)
def test_client_refuses_what_is_too_large(octets: bytes) -> None:
    end = HttpClientEnd(100)
    end.request(GET)
    assert end.receive(octets) == []
    assert end.failure is not None


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"NONSENSE\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost:\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost:\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost:\r\nX: " + b"x" * 20_000, 431),
        (asked(body="x" * 101), 413),
        (b"POST / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + b"x" * 101, 413),
    ],
)
def test_server_answers_what_it_refuses_and_closes(octets: bytes, status: int) -> None:
    server = HttpServerEnd(100, 4)
    assert server.receive(octets) == []
    assert server.failure is not None
    assert server.failure.status == status
    assert isinstance(server.failure, LimitError) is (status == 413)
    written, held = server.respond(Response(server.failure.status))
    assert written.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nConnection: close\r\n" in written
    assert (held, server.must_close) == ([], True)
    assert server.receive(asked()) == []


def test_server_answers_whole_requests_before_a_broken_one() -> None:
    server = HttpServerEnd(100, 4)
    (request,) = server.receive(asked("/first") + b"\0\r\n\r\n")
    assert request.target == "/first"
    octets, _ = server.respond(Response(204))
    assert octets == b"HTTP/1.1 204 \r\n\r\n"
    assert not server.must_close
    server.respond(Response(400))
    assert server.must_close


@pytest.mark.parametrize("host", ["", "terminal.example", "127.0.0.1:4035"])
def test_server_takes_any_host(host: str) -> None:
    octets = f"OPTIONS * HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    (request,) = HttpServerEnd(100, 1).receive(octets)
    assert (request.method, request.target, request.get("Host")) == ("OPTIONS", "*", host)


def test_server_reads_chunked_body() -> None:
    chunks = b"3\r\nabc\r\n2;name=value\r\nde\r\n0\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n"
    (request,) = HttpServerEnd(100, 1).receive(head + chunks)
    assert request.body == b"abcde"


def test_server_answers_http_1_0_and_closes() -> None:
    server = HttpServerEnd(100, 4)
    (request,) = server.receive(b"POST /wappush HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi" + asked())
    assert request.body == b"hi"
    octets, held = server.respond(Response(200, (), b"yes"))
    assert octets.endswith(b"\r\n\r\nyes")
    assert b"Connection: close" in octets
    assert (held, server.must_close) == ([], True)


def test_server_looks_at_nothing_after_a_closing_request() -> None:
    server = HttpServerEnd(100, 4)
    assert len(server.receive(asked(more="Connection: close\r\n") + asked("/second"))) == 1
    _, held = server.respond(Response(204))
    assert (held, server.must_close) == ([], True)


def test_server_holds_requests_beyond_its_limit_until_it_answered() -> None:
    server = HttpServerEnd(100, 2)
    requests = server.receive(b"".join(asked(f"/{number}") for number in range(4)))
    assert [request.target for request in requests] == ["/0", "/1"]
    for later in ("/2", "/3"):
        _, held = server.respond(Response(204))
        assert [request.target for request in held] == [later]


def test_server_bounds_what_it_holds() -> None:
    server = HttpServerEnd(100, 1)
    server.receive(asked())
    server.receive(b"x" * MAX_HELD)
    assert server.failure is None
    server.receive(b"x")
    assert isinstance(server.failure, LimitError)


@pytest.mark.parametrize("end", ["client", "server"])
def test_body_announced_as_too_large_is_refused_before_it_comes(end: str) -> None:
    if end == "client":
        client = HttpClientEnd(100)
        client.request(GET)
        client.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n")
        assert isinstance(client.failure, LimitError)
    else:
        server = HttpServerEnd(100, 1)
        server.receive(b"POST / HTTP/1.1\r\nHost:\r\nContent-Length: 101\r\n\r\n")
        assert isinstance(server.failure, LimitError)


def test_server_gives_peer_that_asks_the_go_ahead_for_its_body_once() -> None:
    server = HttpServerEnd(100, 4)
    server.receive(asked("/first"))
    server.receive(asked("/second", more="Expect: 100-continue\r\nContent-Length: 2\r\n"))
    assert server.interim() == b""  # an answer is due before
    server.respond(Response(204))
    assert server.interim() == b"HTTP/1.1 100 \r\n\r\n"
    assert server.interim() == b""
    (request,) = server.receive(b"hi")
    assert request.body == b"hi"
    assert server.interim() == b""


def test_server_gives_no_go_ahead_where_nothing_came() -> None:
    assert HttpServerEnd(max_body=10, max_unanswered=1).interim() == b""


def test_server_gives_no_go_ahead_for_a_body_that_it_refuses() -> None:
    server = HttpServerEnd(100, 4)
    server.receive(asked(more="Expect: 100-continue\r\nContent-Length: 101\r\n"))
    assert server.failure is not None
    assert server.interim() == b""


def test_server_writes_no_body_with_204() -> None:
    server = HttpServerEnd(100, 1)
    server.receive(asked())
    octets, _ = server.respond(Response(204, (), b"not sent"))
    assert octets == b"HTTP/1.1 204 \r\n\r\n"


def test_server_refuses_to_answer_what_was_not_asked() -> None:
    with pytest.raises(EncodeError):
        HttpServerEnd(100, 1).respond(Response(204))
