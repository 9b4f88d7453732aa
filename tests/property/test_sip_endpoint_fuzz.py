"""Whatever comes, an endpoint does not raise, answers little, and serves the next one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.instants import Instant
from omapush.protocols.sip.endpoint import SipEndpoint
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import SipRequest
from omapush.protocols.sip.primitives import EndpointSettings, RequestInd
from omapush.protocols.sip.responses import completed_response, plain_response
from omapush.protocols.sip.writing import encode_message
from omapush.testing.sip_endpoints import (
    LEFT,
    RIGHT,
    invite_request,
    push_request,
    sip_endpoint,
    sip_request,
)

NOW = Instant(0)
SOURCES = (RIGHT, Hop(Transport.TCP, "2001:db8::1", 40_000, connection=1))
CONTACT = ("Contact", "<sip:alice@192.0.2.2>")
RECORD_ROUTE = ("Record-Route", "<sip:core.push.test;lr>")


def busy_endpoint() -> tuple[SipEndpoint, list[bytes]]:
    """Return an endpoint in the middle of everything, and messages that belong to that."""
    endpoint = sip_endpoint(
        LEFT, EndpointSettings(maximum_server_transactions=4, maximum_remembered=4)
    )
    peer = sip_endpoint(RIGHT)
    messages: list[bytes] = []
    for request in (push_request(1), invite_request(2), invite_request(3)):
        key = endpoint.send(request, RIGHT, NOW)
        if request.headers.first("CSeq") == "3 INVITE":
            endpoint.cancel(key, NOW)
        (effect,) = endpoint.effects()
        peer.receive(effect.octets, LEFT, NOW)
        (told,) = peer.indications()
        assert isinstance(told, RequestInd)
        for status in (180, 200, 486):
            response = plain_response(status, CONTACT, RECORD_ROUTE)
            messages.append(encode_message(completed_response(response, told.request, "right")))
    for number, method in enumerate(("MESSAGE", "INVITE", "CANCEL", "ACK", "OPTIONS"), 10):
        call = {"CANCEL": 11, "ACK": 11}.get(method, number)
        request = sip_request(method, call, CONTACT, RECORD_ROUTE, ("Require", "path"))
        via = f"SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKin{call};rport"
        messages.append(encode_message(request.with_headers(request.headers.before("Via", via))))
    endpoint.effects()
    return endpoint, messages


MESSAGES = busy_endpoint()[1]
pieces = st.sampled_from(
    [
        b"", b"\r\n", b"\r\n\r\n", b";", b",", b"<", b">", b'"', b" ", b":", b"\xff\xfe", b"\x00",
        b";tag=", b";tag=1;tag=2", b"branch=z9hG4bK", b";rport=99999999999", b"9" * 30, b"ACK",
        b"SIP/2.0", b"Via: SIP/2.0/TCP x", b"To: <sip:a@b>", b"Require: foo", b"Contact: *",
        b"%00", b"[::1]", b"Record-Route: <tel:1>", b"CSeq: 2 INVITE",
        b"To: <sip:alice@push.test>;tag=fork",
    ]
)  # fmt: skip
# Which message, then replacements: where (per mille), how many octets, by what; and the source.
changes = st.lists(st.tuples(st.integers(0, 999), st.integers(0, 12), pieces), max_size=3)
inputs = st.lists(
    st.tuples(st.sampled_from(MESSAGES), changes, st.sampled_from(SOURCES)), max_size=25
)


def changed(octets: bytes, how: list[tuple[int, int, bytes]]) -> bytes:
    for at, length, piece in how:
        begin = at * len(octets) // 1_000
        octets = octets[:begin] + piece + octets[begin + length :]
    return octets


@settings(max_examples=300, deadline=None)
@given(inputs, st.booleans())
def test_endpoint_survives_changed_messages(
    arriving: list[tuple[bytes, list[tuple[int, int, bytes]], Hop]], answers: bool
) -> None:
    endpoint, _ = busy_endpoint()
    for octets, how, source in arriving:
        endpoint.receive(changed(octets, how), source, NOW)
        # A forked 2xx takes ACK and BYE, a CANCEL its own answer and that of the INVITE.
        assert len(endpoint.effects()) <= 2
        for one in endpoint.indications():
            if answers and isinstance(one, RequestInd):
                endpoint.respond(one.key, plain_response(200, CONTACT), NOW)
                assert len(endpoint.effects()) == 1
    endpoint.receive(encode_message(fresh_push()), RIGHT, NOW)
    assert endpoint.indications() or endpoint.effects()  # taken, or 503
    for _ in range(2_000):
        due = endpoint.next_timer()
        if due is None:
            break
        endpoint.handle_timer(due)
    assert endpoint.is_idle


def fresh_push() -> SipRequest:
    request = push_request(99)
    via = "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKfresh"
    return request.with_headers(request.headers.before("Via", via))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_endpoint_drops_what_is_no_sip(octets: bytes) -> None:
    endpoint, _ = busy_endpoint()
    endpoint.receive(octets, RIGHT, NOW)
    assert endpoint.effects() == []
    assert endpoint.indications() == []
