"""One HTTP message at the beginning of octets: what it is, and where it ends."""

from __future__ import annotations

import pytest

from omapush.protocols.http import (
    HttpError,
    HttpLimitError,
    IncompleteHttpError,
    read_request,
    read_response,
)

REQUEST = b"POST /wappush HTTP/1.1\r\nHost: \r\nContent-Length: 5\r\n\r\nhello"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def test_message_ends_where_its_length_says() -> None:
    request, length = read_request(b"\r\n" + REQUEST + b"GET", 100)
    assert (request.method, request.target, request.body) == ("POST", "/wappush", b"hello")
    assert length == 2 + len(REQUEST)
    response, length = read_response(RESPONSE + RESPONSE, 100)
    assert (response.status, response.reason, response.body) == (200, "OK", b"hello")
    assert length == len(RESPONSE)


def test_response_without_a_length_goes_to_the_end() -> None:
    whole = b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello"
    response, length = read_response(whole, 100)
    assert (response.body, length) == (b"hello", len(whole))


def test_answer_to_head_has_no_body() -> None:
    response, length = read_response(RESPONSE, 100, "HEAD")
    assert (response.body, length) == (b"", len(RESPONSE) - 5)


@pytest.mark.parametrize("cut", [0, 10, 30, len(RESPONSE) - 1])
def test_message_that_is_cut_is_not_complete(cut: int) -> None:
    with pytest.raises(IncompleteHttpError):
        read_request(REQUEST[:cut], 100)
    with pytest.raises(IncompleteHttpError):
        read_response(RESPONSE[:cut], 100)


def test_chunks_that_are_cut_are_not_complete() -> None:
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    assert read_response(whole, 100)[0].body == b"hello"
    with pytest.raises(IncompleteHttpError):
        read_response(whole[:-4], 100)


@pytest.mark.parametrize("bad", [b"\0" * 8 + b"\r\n\r\n", b"HTTP/1.1 204 No\nX: y\n\n"])
def test_what_is_no_http_is_refused(bad: bytes) -> None:
    for read in (read_request, read_response):
        with pytest.raises(HttpError) as caught:
            read(bad, 100)
        assert not isinstance(caught.value, IncompleteHttpError)


def test_body_that_is_too_large_is_refused() -> None:
    for read, octets in ((read_request, REQUEST), (read_response, RESPONSE)):
        with pytest.raises(HttpLimitError):
            read(octets, 4)
