"""The plainest of responses is read without h11: what comes of it is what h11 would have read.

That way is taken only where the whole head comes at once. So the same octets, in two pieces, go by
h11.
"""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from omapush.protocols.http import HttpClientEnd, Request, Response

OPTIONS = Request("OPTIONS", "/wappush", (("Host", ""),))
NAMES = st.sampled_from(
    [b"X-Wap-Push-Status", b"x", b"Connection", b"Content-Length", b"transfer-encoding", b"X Y",
     b"", b"Upgrade", b"Content-Length-", b"%", b"Keep-Alive", b"X\xe9", b"Trailer"]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from([b"501", b"close", b"0", b"2", b"chunked", b"", b"a b\tc", b"h2c", b"\xe9"]),
    st.binary(max_size=6),
)
SPACES = st.sampled_from([b"", b" ", b"  ", b"\t ", b"\n "])
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"])
LINES = st.builds(
    lambda name, before, value, after, end: name + b":" + before + value + after + end,
    NAMES, SPACES, VALUES, SPACES, ENDS,
)  # fmt: skip
STARTS = st.sampled_from(
    [b"HTTP/1.1 204 No Content\r\n", b"HTTP/1.1 204\r\n", b"HTTP/1.1 204 \r\n", b"HTTP/1.1 200\r\n",
     b"HTTP/1.1 204  a\tb \r\n", b"HTTP/1.0 204 x\r\n", b"HTTP/1.1 204x\r\n", b"HTTP/1.1 204 x\n",
     b"HTTP/1.1 204 \xe9\r\n", b"http/1.1 204 x\r\n", b"HTTP/1.1 304 x\r\n"]
)  # fmt: skip
RESPONSES = st.builds(
    lambda start, lines, end: start + b"".join(lines) + end,
    STARTS, st.lists(LINES, max_size=4), st.sampled_from([b"\r\n", b"\r\n", b"", b"\n", b"\r\nab"]),
)  # fmt: skip


def read(*pieces: bytes, asked: int) -> tuple[list[Response], bool, bool, int]:
    """Return what comes of the pieces, with so many requests outstanding."""
    end = HttpClientEnd(100)
    for _ in range(asked):
        end.request(OPTIONS)
    responses = [response for piece in pieces for response in end.receive(piece)]
    return responses, end.failure is not None, end.must_close, end.outstanding


@given(octets=st.lists(RESPONSES, min_size=1, max_size=3).map(b"".join), asked=st.integers(1, 3))
@example(b"HTTP/1.1 204 No Content\r\n" + b"a:b\r\n" * 100 + b"\r\n", 1)
@example(b"HTTP/1.1 204 No Content\r\n" + b"a:b\r\n" * 101 + b"\r\n", 1)
@example(b"HTTP/1.1 204 No Content\r\na: " + b"b" * 16_352 + b"\r\n\r\n", 1)
@example(b"HTTP/1.1 204 No Content\r\na: " + b"b" * 16_353 + b"\r\n\r\n", 1)
def test_response_is_read_alike_at_once_and_in_pieces(octets: bytes, asked: int) -> None:
    assert read(octets, asked=asked) == read(octets[:1], octets[1:], asked=asked)


def test_plain_response_leaves_what_follows_to_the_next_request() -> None:
    plain = b"HTTP/1.1 204 No Content\r\nX-Wap-Push-Status:  400 Accepted \r\n\r\n"
    end = HttpClientEnd(100)
    end.request(OPTIONS)
    end.request(OPTIONS)
    whole = end.receive(plain + plain[:30])
    assert whole == [Response(204, (("X-Wap-Push-Status", "400 Accepted"),), reason="No Content")]
    assert end.outstanding == 1
    assert end.receive(plain[30:]) == whole
    assert end.receive(b"H") == []
    assert end.failure is not None


def test_requests_without_a_body_that_are_alike_are_the_same_octets() -> None:
    first, second = HttpClientEnd(100), HttpClientEnd(100)
    assert first.request(OPTIONS) is second.request(OPTIONS)
