"""Long hostile input ends in time: where time grew with the square of it, these took minutes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.feature_tags import AcceptContact
from omapush.protocols.sip.header_fields import (
    CSeq,
    NameAddress,
    Via,
    contacts,
    parse_date,
    parse_retry_after,
    parse_seconds,
    vias,
)
from omapush.protocols.sip.listing import split_list
from omapush.protocols.sip.message import SipHeaders, SipRequest
from omapush.protocols.sip.parameters import Parameters
from omapush.protocols.sip.parsing import HEAD_LIMIT, parse_message
from omapush.protocols.sip.stream import SipStream, SipStreamLost
from omapush.protocols.sip.uri import SipUri

LONG = 400_000
PIECES = [
    " ", "\t", '"', '\\"', "a", "a ", ";", "; ", ";a", ";a=", ';a="', ",", "<", ">", "<>", "<a>",
    "a:", ":", "@", "%41", "%", "0", "(", "(\\", "SIP/2.0/UDP h ,", " ,", "=", "&", "?", "*",
    ";a=1 ",
]  # fmt: skip
BEGINNINGS = [
    "",
    "sip:",
    "<sip:",
    '"',
    "a ",
    "SIP/2.0/UDP h",
    "*;a=",
    "1 (",
    "sip:a@h;",
    "sip:a@h?",
]


@pytest.mark.parametrize(
    "parse",
    [
        NameAddress.parse, Via.parse, CSeq.parse, Parameters.parse, SipUri.parse, parse_date,
        parse_retry_after, parse_seconds, AcceptContact.parse, split_list,
        lambda text: vias(SipRequest("X", "sip:h", SipHeaders((("Via", text),)))),
        lambda text: contacts(SipRequest("X", "sip:h", SipHeaders((("Contact", text),)))),
    ],
)  # fmt: skip
def test_long_header_value_is_read_or_refused_in_linear_time(
    parse: Callable[[str], object],
) -> None:
    for beginning in BEGINNINGS:
        for piece in PIECES:
            with suppress(BadSipMessage):
                parse(beginning + piece * (60_000 // len(piece)) + "x")


@pytest.mark.parametrize("name", ["To", "Via", "CSeq", "Call-ID", "Max-Forwards", "X", "l"])
def test_message_with_a_long_header_is_read_or_refused_in_linear_time(name: str) -> None:
    for beginning in BEGINNINGS:
        for piece in [*PIECES, "\r\n ", " \r\n\t"]:
            text = beginning + piece * (60_000 // len(piece))
            with suppress(BadSipMessage):
                parse_message(f"X sip:h SIP/2.0\r\n{name}: {text}\r\n\r\n".encode())


def test_start_line_is_read_or_refused_in_linear_time() -> None:
    for piece in PIECES:
        with suppress(BadSipMessage):
            parse_message(b"X " + piece.encode() * (60_000 // len(piece)) + b" SIP/2.0\r\n\r\n")


def test_head_that_comes_octet_by_octet_is_looked_through_once() -> None:
    stream = SipStream()
    for _ in range(HEAD_LIMIT):
        stream.receive(b"\r")
    with pytest.raises(SipStreamLost):
        stream.receive(b"\r")


def test_many_keep_alives_in_one_read_are_cut_in_linear_time() -> None:
    assert len(SipStream(dialled=True).receive(b"\r\n" * LONG)) == LONG
    assert len(SipStream().receive(b"\r\n" * LONG)) == LONG // 2


def test_datagram_of_empty_lines_is_refused_in_linear_time() -> None:
    with pytest.raises(BadSipMessage):
        parse_message(b"\r\n" * LONG)
