"""Responses that another reader could see end elsewhere: the client's end refuses each."""

from __future__ import annotations

import pytest

from omapush.core.errors import LimitError
from omapush.protocols.http import (
    MAX_HEAD,
    MAX_HEADERS,
    MAX_INTERIM,
    HttpClientEnd,
    Request,
    Response,
)

OK = "HTTP/1.1 200 OK\r\n"
POST = Request("POST", "/wappush", (("Host", ""),), b"x")
BEHIND = "HTTP/1.1 204 X\r\nX-Wap-Push-Status: 400\r\n\r\n"


def end(outstanding: int = 2) -> HttpClientEnd:
    client = HttpClientEnd(max_body=100)
    for _ in range(outstanding):
        client.request(POST)
    return client


@pytest.mark.parametrize("segment", [1, 7, 100_000])
@pytest.mark.parametrize(
    "octets",
    [
        OK + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
        OK + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
        OK + "Content-Length: 2, 2\r\n\r\nhi",
        OK + "Content-Length: +2\r\n\r\nhi",
        OK + "Content-Length: 0x2\r\n\r\nhi",
        OK + "Content-Length: -1\r\n\r\n",
        OK + "Content-Length:\r\n\r\n",
        OK + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        OK + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        OK + "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK.replace("\r\n", "\n") + "Content-Length: 0\n\n",
        OK + "X: y\nContent-Length: 0\r\n\r\n",
        OK + "X: y\rContent-Length: 0\r\n\r\n",
        OK + "X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        OK + "X: a\r\n\tb\r\nContent-Length: 0\r\n\r\n",
        OK + "X: a\0b\r\nContent-Length: 0\r\n\r\n",
        OK + "X: a\x01b\r\nContent-Length: 0\r\n\r\n",
        OK + "X: a\x7fb\r\nContent-Length: 0\r\n\r\n",
        OK + "Content-Length : 0\r\n\r\n",
        OK + ": 0\r\nContent-Length: 0\r\n\r\n",
        OK + "X-\xff: 0\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 204 X\r\nContent-Length: 42\r\n\r\n" + BEHIND,
        "HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 100 X\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 100 X\r\nX: y\n\r\n\r\n",
        "HTTP/1.1 101 X\r\n\r\n",
        "HTTP/1.1 099 X\r\n\r\n",
        "HTTP/1.1 20 X\r\n\r\n",
        "HTTP/2.0 200 X\r\nContent-Length: 0\r\n\r\n",
        "HTTP/9.9 200 X\r\nContent-Length: 0\r\n\r\n",
        "\r\n" + OK + "Content-Length: 0\r\n\r\n",
        "".join((OK, *("A: b\r\n" for _ in range(MAX_HEADERS + 1)), "\r\n")),
        OK + "A: " + "b" * MAX_HEAD + "\r\n\r\n",
        "HTTP/1.1 100 X\r\n\r\n" * (MAX_INTERIM + 1),
    ],
)
def test_client_refuses_response_whose_end_is_not_clear(octets: str, segment: int) -> None:
    client = end()
    whole = octets.encode("latin-1")
    for start in range(0, len(whole), segment):
        assert client.receive(whole[start : start + segment]) == []
    assert client.failure is not None
    assert client.receive(BEHIND.encode()) == []


def test_client_names_what_is_too_much_as_a_limit() -> None:
    client = end()
    client.receive(b"HTTP/1.1 100 X\r\n\r\n" * (MAX_INTERIM + 1))
    assert isinstance(client.failure, LimitError)


@pytest.mark.parametrize("segment", [1, 5, 100_000])
def test_client_takes_no_body_for_204_and_reads_the_next_response(segment: int) -> None:
    client = end()
    whole = ("HTTP/1.1 100 X\r\n\r\n" * MAX_INTERIM + BEHIND * 2).encode()
    read: list[Response] = []
    for start in range(0, len(whole), segment):
        read += client.receive(whole[start : start + segment])
    assert [one.status for one in read] == [204, 204]
    assert client.failure is None


def test_client_takes_204_that_says_that_it_has_no_body() -> None:
    (response,) = end(1).receive(b"HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n")
    assert response.status == 204


def test_body_behind_204_answers_nothing() -> None:
    client = end(2)
    assert len(client.receive(b"HTTP/1.1 204 X\r\n\r\nhello" + BEHIND.encode())) == 1
    assert client.failure is not None


def test_response_gives_all_values_of_a_header() -> None:
    response = Response(200, (("X-A", "1"), ("B", "2"), ("x-a", "3")))
    assert response.values("X-a") == ["1", "3"]
    assert response.values("C") == []
