"""Whatever comes is a SIP message or refused, and what was read stays what it is when written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.feature_tags import (
    AcceptContact,
    FeatureSet,
    RejectContact,
    accept_contacts,
    reject_contacts,
)
from omapush.protocols.sip.header_fields import (
    CSeq,
    NameAddress,
    Via,
    addresses,
    call_id,
    contact_expires,
    contacts,
    cseq,
    expires,
    from_tag,
    max_forwards,
    parse_date,
    parse_retry_after,
    to_tag,
    top_via,
    vias,
)
from omapush.protocols.sip.message import SipHeaders, SipMessage, SipRequest, SipResponse
from omapush.protocols.sip.parameters import Parameters
from omapush.protocols.sip.parsing import parse_message
from omapush.protocols.sip.stream import Received, SipStream, SipStreamLost, StreamLimits
from omapush.protocols.sip.uri import SipUri
from omapush.protocols.sip.writing import encode_message

TORTURE = [
    path.read_bytes()
    for path in sorted((Path(__file__).parents[1] / "unit/protocols/sip/torture").glob("*.dat"))
]
READERS: list[Callable[[SipMessage], object]] = [
    top_via, vias, cseq, call_id, from_tag, to_tag, contacts, expires, max_forwards,
    accept_contacts, reject_contacts, lambda message: addresses(message, "Route"),
    lambda message: [contact_expires(one, message) for one in contacts(message)],
    lambda message: [one.sip_uri() for one in contacts(message)],
    lambda message: [FeatureSet.of(one.parameters) for one in contacts(message)],
]  # fmt: skip

tokens = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=8)
values = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)
hosts = st.sampled_from(["push.test", "192.0.2.1", "[2001:db8::1]", "a_b", "localhost"])
users = st.none() | st.text(max_size=8).filter(bool)
plain_values = st.text("abcXYZ019-.[]:/", max_size=8)
parameters = st.lists(
    st.tuples(tokens, st.none() | st.tuples(values, st.booleans())),
    max_size=4,
    unique_by=lambda one: one[0].lower(),
)
uris = st.builds(
    SipUri.of, users, hosts, st.none() | st.integers(0, 65_535), st.sampled_from(["sip", "sips"])
)
pieces = st.lists(
    st.sampled_from(
        [
            "sip:a@b", "<sip:a@b>", "<", ">", '"', "\\", ";", ",", "=", " ", "\t", "tag", ":", "@",
            "SIP/2.0/UDP", "/", "h", "branch=z9hG4bK", "*", "require", '="#>=1"', '="<a,b>"', "!",
            "+g.oma.pusheventapp", "9", "INVITE", "(", ")", "%41", "%", "?", "[", "]", "\x00", "é",
        ]
    ),
    max_size=16,
).map("".join)  # fmt: skip


def parameters_of(items: list[tuple[str, tuple[str, bool] | None]]) -> Parameters:
    made = Parameters()
    for name, value in items:
        text, quote = (None, False) if value is None else value
        made = made.with_(name, text, quote=quote)
    return made


requests = st.builds(
    lambda method, uri, to, sender, number, extra, body: SipRequest(
        method,
        str(uri),
        SipHeaders(
            (
                ("Via", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1;rport"),
                ("From", str(sender)),
                ("To", str(to)),
                ("Call-ID", "1@h"),
                ("CSeq", f"{number} {method}"),
                *((f"X-{name}", value.strip(" \t")) for name, value in extra),
            )
        ),
        body,
    ),
    tokens,
    uris,
    st.builds(NameAddress, st.none() | values, uris.map(str), parameters.map(parameters_of)),
    st.builds(NameAddress, st.none(), uris.map(str), parameters.map(parameters_of)),
    st.integers(0, 2**31 - 1),
    st.lists(st.tuples(tokens, values), max_size=4),
    st.binary(max_size=60),
)


def tried(octets: bytes) -> SipMessage | None:
    try:
        return parse_message(octets)
    except BadSipMessage as error:
        refused = error
    assert refused.status in {400, 416, 505}
    if refused.readable is not None:
        read_all(refused.readable)
    return None


def read_all(message: SipMessage) -> None:
    for read in READERS:
        with suppress(BadSipMessage):
            read(message)


def check(octets: bytes) -> None:
    message = tried(octets)
    if message is None:
        return
    # What was taken has what an answer needs.
    for read in (top_via, cseq, call_id, from_tag, to_tag):
        read(message)
    read_all(message)
    again = parse_message(encode_message(message))
    assert again.headers.without("Content-Length") == message.headers.without("Content-Length")
    assert again.body == message.body


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_octets_are_a_message_or_refused(octets: bytes) -> None:
    check(octets)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_changed_torture_message_is_a_message_or_refused(data: st.DataObject) -> None:
    octets = data.draw(st.sampled_from(TORTURE))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(octets)))
        gone = data.draw(st.integers(0, 8))
        piece = data.draw(st.binary(max_size=3) | pieces.map(str.encode))
        octets = octets[:at] + piece + octets[at + gone :]
    check(octets)


@settings(max_examples=200, deadline=None)
@given(requests)
def test_request_survives_the_wire(request: SipRequest) -> None:
    again = parse_message(encode_message(request))
    assert isinstance(again, SipRequest)
    assert (again.method, again.uri, again.body) == (request.method, request.uri, request.body)
    assert again.headers.without("Content-Length") == request.headers
    assert cseq(again).method == request.method
    assert SipUri.parse(again.uri).is_equivalent(SipUri.parse(request.uri))


@settings(max_examples=100, deadline=None)
@given(st.integers(100, 699), values)
def test_response_survives_the_wire(status: int, reason: str) -> None:
    headers = SipHeaders(
        (
            ("Via", "SIP/2.0/UDP h"),
            ("From", "<sip:a@b>"),
            ("To", "<sip:c@d>"),
            ("Call-ID", "1"),
            ("CSeq", "1 INVITE"),
        )
    )
    again = parse_message(encode_message(SipResponse(status, reason, headers)))
    assert isinstance(again, SipResponse)
    assert (again.status, again.reason) == (status, reason)


@settings(max_examples=200, deadline=None)
@given(st.none() | values, uris, parameters)
def test_address_survives_being_written(
    name: str | None, uri: SipUri, items: list[tuple[str, tuple[str, bool] | None]]
) -> None:
    address = NameAddress(name, str(uri), parameters_of(items))
    again = NameAddress.parse(str(address))
    assert again == address
    assert again.sip_uri() == uri
    for item, value in items:
        assert again.parameters.has(item.upper())
        assert again.parameters.get(item) == (None if value is None else value[0])


@settings(max_examples=200, deadline=None)
@given(tokens, hosts, st.none() | st.integers(0, 65_535), parameters)
def test_via_survives_being_written(
    transport: str,
    host: str,
    port: int | None,
    items: list[tuple[str, tuple[str, bool] | None]],
) -> None:
    via = Via(transport.upper(), host, port, parameters_of(items))
    assert Via.parse(str(via)) == via


@settings(max_examples=300, deadline=None)
@given(pieces)
def test_any_header_value_is_read_or_refused(text: str) -> None:
    for parse in (
        NameAddress.parse, Via.parse, CSeq.parse, Parameters.parse, SipUri.parse, parse_date,
        parse_retry_after, AcceptContact.parse, RejectContact.parse,
    ):  # fmt: skip
        try:
            value = parse(text)
        except BadSipMessage:
            continue
        if isinstance(value, NameAddress | Via | CSeq | SipUri):
            assert type(value).parse(str(value)) == value


@settings(max_examples=200, deadline=None)
@given(
    st.lists(requests.map(encode_message) | st.sampled_from([b"\r\n", b"\r\n\r\n"]), max_size=4),
    st.lists(st.integers(1, 60), min_size=1, max_size=20),
    st.booleans(),
)
def test_stream_is_cut_alike_however_it_comes(
    parts: list[bytes], lengths: list[int], dialled: bool
) -> None:
    octets = b"".join(parts)
    received: list[Received] = []
    stream, at = SipStream(dialled=dialled), 0
    while at < len(octets):
        length = lengths[at % len(lengths)]
        received += stream.receive(octets[at : at + length])
        at += length
    messages = [one for one in received if isinstance(one, bytes)]
    assert messages == [one for one in parts if one.strip()]
    assert received == SipStream(dialled=dialled).receive(octets)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=40) | st.sampled_from(TORTURE), max_size=6))
def test_stream_is_bounded_and_agrees_with_the_parser(pieces_of_it: list[bytes]) -> None:
    stream = SipStream(StreamLimits(head=4_000, body=600))
    received: list[Received] = []
    try:
        for piece in pieces_of_it:
            received += stream.receive(piece)
    except SipStreamLost as lost:
        received += lost.before
        with pytest.raises(SipStreamLost):
            stream.receive(b"")
    for one in received:
        if isinstance(one, bytes):
            assert len(one) <= 4_604
            check(one)
