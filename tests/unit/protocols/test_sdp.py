"""Session descriptions for MSRP: read, written, answered, refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omapush.core.errors import EncodeError
from omapush.protocols.sdp import (
    MAX_MEDIA,
    MAX_OCTETS,
    BadDescription,
    Description,
    Direction,
    Media,
    Setup,
    encode_description,
    parse_description,
)

OFFER = (
    b"v=0\r\n"
    b"o=- 3755 1 IN IP4 127.0.0.1\r\n"
    b"s=-\r\n"
    b"c=IN IP4 127.0.0.1\r\n"
    b"t=0 0\r\n"
    b"m=message 2855 TCP/MSRP *\r\n"
    b"a=accept-types:application/vnd.oma.push\r\n"
    b"a=path:msrp://127.0.0.1:2855/k9sWh2Lq;tcp\r\n"
    b"a=setup:actpass\r\n"
    b"a=sendonly\r\n"
)
MEDIA = Media(
    port=2855,
    path="msrp://127.0.0.1:2855/k9sWh2Lq;tcp",
    accept_types=("application/vnd.oma.push",),
    setup=Setup.ACTPASS,
    direction=Direction.SENDONLY,
    host="127.0.0.1",
)
DESCRIPTION = Description("127.0.0.1", (MEDIA,), 3755)


def test_offer_is_written_and_read_as_the_digest_shows_it() -> None:
    assert encode_description(DESCRIPTION) == OFFER
    assert parse_description(OFFER) == DESCRIPTION


def test_lines_that_are_not_understood_are_ignored() -> None:
    more = b"b=AS:64\na=chatroom:x\na=rtpmap:1 x\nk=clear:x\n"
    assert parse_description(OFFER.replace(b"\r\n", b"\n") + more) == DESCRIPTION


def test_medium_may_have_an_address_of_its_own() -> None:
    (medium,) = parse_description(OFFER + b"c=IN IP6 ::1\r\n").media
    assert medium.host == "::1"


def test_what_the_session_says_holds_for_media_that_say_nothing_else() -> None:
    of_all = (
        b"a=setup:passive\r\na=fingerprint:SHA-256 AB:CD\r\na=sendonly\r\na=path:msrp://x;tcp\r\n"
    )
    head, _, media = OFFER.partition(b"m=")
    without = media.replace(b"a=setup:actpass\r\na=sendonly\r\n", b"")
    (read,) = parse_description(head + of_all + b"m=" + without).media
    assert (read.setup, read.direction) == (Setup.PASSIVE, Direction.SENDONLY)
    assert (read.fingerprint, read.path) == ("SHA-256 AB:CD", MEDIA.path)
    (own,) = parse_description(head + of_all + b"m=" + media).media
    assert own.setup is Setup.ACTPASS


def test_line_ends_are_those_of_the_standard() -> None:
    odd = "s=a\x85a=path:msrp://x;tcp\u2028\x0bm=message 9 TCP/MSRP *".encode()
    assert parse_description(OFFER.replace(b"s=-", odd)) == DESCRIPTION


def test_description_with_a_line_end_in_a_value_is_not_written() -> None:
    forged = replace(MEDIA, accept_types=("a/b\r\na=path:msrp://192.0.2.66:1/x;tcp",))
    with pytest.raises(EncodeError):
        encode_description(Description("127.0.0.1", (forged,)))


def test_other_media_are_refused_with_port_zero() -> None:
    audio = b"m=audio 49170 RTP/AVP 0 8\r\na=sendrecv\r\n"
    head, _, message = OFFER.partition(b"m=")
    offer = parse_description(head + audio + b"m=" + message + b"m=message 9 TCP/MSRP *\r\n")
    answer = offer.answered_by(Media(port=9, path="msrp://[::1]:9/abcd;tcp"), "::1")
    octets = encode_description(answer)
    assert b"o=- 3755 1 IN IP6 ::1\r\n" in octets
    assert b"m=audio 0 RTP/AVP 0 8\r\nm=message 9 TCP/MSRP *\r\na=path" in octets
    assert octets.endswith(b"m=message 0 TCP/MSRP *\r\n")


def test_offer_without_msrp_has_nothing_to_be_taken() -> None:
    assert parse_description(OFFER.replace(b"m=message 2855", b"m=message 0")).msrp is None
    assert parse_description(OFFER.replace(b"TCP/MSRP", b"UDP/XYZ")).msrp is None
    assert parse_description(OFFER.replace(b"a=path", b"a=way")).msrp is None


@pytest.mark.parametrize(
    ("accepted", "content_type", "taken"),
    [
        (("*",), "a/b", True),
        (("text/*",), "Text/Plain; charset=utf-8", True),
        (("text/plain",), "text/html", False),
        ((), "a/b", False),
    ],
)
def test_types_are_taken_by_name_or_wildcard(
    accepted: tuple[str, ...],
    content_type: str,
    taken: bool,
) -> None:
    assert Media(accept_types=accepted).accepts(content_type) is taken


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"v=1\r\n",
        b"v=0\r\n",
        b"v=0\r\nnonsense\r\n",
        OFFER.replace(b"3755", b"x"),
        OFFER.replace(b"c=IN IP4", b"c=IN IP5"),
        OFFER.replace(b"2855 TCP", b"99999 TCP"),
        OFFER.replace(b"m=message", b"m="),
        OFFER.replace(b"actpass", b"holdconn"),
        OFFER + b"a=max-size:many\r\n",
        OFFER + b"m=message 1 TCP/MSRP *\r\n" * MAX_MEDIA,
        OFFER + b"a=x\r\n" * MAX_OCTETS,
    ],
)
def test_what_is_no_description_is_refused(octets: bytes) -> None:
    with pytest.raises(BadDescription):
        parse_description(octets)
