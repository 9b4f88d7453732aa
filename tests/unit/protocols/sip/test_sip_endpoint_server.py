"""The server side of an endpoint: what is told, and what is answered where."""

from __future__ import annotations

import pytest

from omapush.core.errors import EncodeError
from omapush.core.instants import Instant
from omapush.protocols.sip.endpoint import SipEndpoint
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import Field, SipRequest, SipResponse
from omapush.protocols.sip.parsing import parse_message
from omapush.protocols.sip.primitives import (
    AckInd,
    CancelledInd,
    EndpointSettings,
    RequestInd,
    SendMessage,
    UnacknowledgedInd,
)
from omapush.protocols.sip.responses import plain_response
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
CONNECTION = Hop(Transport.TCP, "192.0.2.1", 40_000, connection=3)
VIA = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKone;rport"


def with_via(request: SipRequest, via: str = VIA) -> SipRequest:
    return request.with_headers(request.headers.before("Via", via))


def take(endpoint: SipEndpoint, request: SipRequest, source: Hop = LEFT) -> None:
    endpoint.receive(encode_message(request), source, NOW)


def told_request(endpoint: SipEndpoint) -> RequestInd:
    (told,) = endpoint.indications()
    assert isinstance(told, RequestInd)
    return told


def response_of(effect: SendMessage) -> SipResponse:
    message = parse_message(effect.octets)
    assert isinstance(message, SipResponse)
    return message


def statuses(endpoint: SipEndpoint) -> list[int]:
    """Return the statuses of the responses that are to leave."""
    return [response_of(one).status for one in endpoint.effects()]


def accepted_invite(endpoint: SipEndpoint) -> SipResponse:
    """Have an INVITE come and be accepted; return the 2xx."""
    take(endpoint, with_via(invite_request()))
    endpoint.respond(told_request(endpoint).key, plain_response(200), NOW)
    return response_of(endpoint.effects()[0])


def ack_of(response: SipResponse, branch: str = "z9hG4bKtwo") -> SipRequest:
    to = response.headers.first("To") or ""
    return with_via(sip_request("ACK", 1, to=to), f"SIP/2.0/UDP 192.0.2.1:5060;branch={branch}")


def test_server_tells_of_a_request_once_and_answers_each_repetition() -> None:
    endpoint = sip_endpoint(RIGHT)
    take(endpoint, with_via(push_request()))
    told = told_request(endpoint)
    assert told.request.method == "MESSAGE"
    assert told.request.body == push_request().body
    assert told.source == LEFT
    take(endpoint, with_via(push_request()))
    assert endpoint.effects() == []
    endpoint.respond(told.key, plain_response(200), NOW)
    take(endpoint, with_via(push_request()))
    first, second = endpoint.effects()
    assert first == second
    assert endpoint.indications() == []


def test_server_completes_the_response_of_its_user() -> None:
    endpoint = sip_endpoint(RIGHT)
    take(endpoint, with_via(push_request(4)))
    endpoint.respond(told_request(endpoint).key, SipResponse(480, "Away"), NOW)
    response = response_of(endpoint.effects()[0])
    assert (response.status, response.reason) == (480, "Away")
    assert response.headers.first("From") == "<sip:ppg@push.test>;tag=left"
    assert (response.headers.first("To") or "").startswith("<sip:alice@push.test>;tag=")
    assert response.headers.first("Call-ID") == "call-4@192.0.2.1"
    assert response.headers.first("CSeq") == "4 MESSAGE"


def test_response_to_what_is_over_or_unknown_does_nothing() -> None:
    endpoint = sip_endpoint(RIGHT)
    take(endpoint, with_via(push_request()))
    key = told_request(endpoint).key
    for status in (200, 500):
        endpoint.respond(key, plain_response(status), NOW)
    endpoint.respond("unknown", plain_response(200), NOW)
    assert statuses(endpoint) == [200]


def test_response_that_cannot_be_written_leaves_the_request_open() -> None:
    endpoint = sip_endpoint(RIGHT)
    take(endpoint, with_via(push_request()))
    key = told_request(endpoint).key
    with pytest.raises(EncodeError):
        endpoint.respond(key, plain_response(200, ("Subject", "a\nb")), NOW)
    endpoint.respond(key, plain_response(500), NOW)
    assert statuses(endpoint) == [500]


def test_requests_of_other_branches_hosts_and_methods_are_other_requests() -> None:
    endpoint = sip_endpoint(RIGHT)
    vias = (
        "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKone",
        "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKtwo",
        "SIP/2.0/UDP 192.0.2.1:5061;branch=z9hG4bKone",
    )
    for number, via in enumerate(vias):
        take(endpoint, with_via(push_request(number), via))
    take(endpoint, with_via(sip_request("OPTIONS", 9), vias[0]))
    assert len(endpoint.indications()) == 4


def test_software_older_than_rfc_3261_is_known_by_what_its_messages_share() -> None:
    endpoint = sip_endpoint(RIGHT)
    old = "SIP/2.0/UDP 192.0.2.1:5060;branch=1"
    take(endpoint, with_via(push_request(1), old))
    take(endpoint, with_via(push_request(1), old))
    take(endpoint, with_via(push_request(2), old))
    assert len(endpoint.indications()) == 2


# -- where answers go (18.2, RFC 3581) --


@pytest.mark.parametrize(
    ("via", "source", "stamped", "to"),
    [
        (
            "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa",
            LEFT,
            "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa",
            LEFT,
        ),
        (
            "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa",
            Hop(Transport.UDP, "192.0.2.1", 9_000),
            "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa",
            LEFT,
        ),
        (
            "SIP/2.0/UDP inside:5080;branch=z9hG4bKa",
            Hop(Transport.UDP, "192.0.2.1", 9_000),
            "SIP/2.0/UDP inside:5080;branch=z9hG4bKa;received=192.0.2.1",
            Hop(Transport.UDP, "192.0.2.1", 5_080),
        ),
        (
            "SIP/2.0/UDP inside:5080;rport;branch=z9hG4bKa",
            Hop(Transport.UDP, "192.0.2.1", 9_000),
            "SIP/2.0/UDP inside:5080;rport=9000;branch=z9hG4bKa;received=192.0.2.1",
            Hop(Transport.UDP, "192.0.2.1", 9_000),
        ),
    ],
)
def test_server_answers_datagrams_as_the_via_says(
    via: str, source: Hop, stamped: str, to: Hop
) -> None:
    endpoint = sip_endpoint(RIGHT)
    take(endpoint, with_via(push_request(), f"{via}, SIP/2.0/UDP b;branch=z9hG4bKb"), source)
    endpoint.respond(told_request(endpoint).key, plain_response(200), NOW)
    (effect,) = endpoint.effects()
    assert (effect.hop, effect.fallback) == (to, None)
    vias = response_of(effect).headers.listed("Via")
    assert vias == (stamped, "SIP/2.0/UDP b;branch=z9hG4bKb")


def test_server_answers_on_the_connection_or_by_a_new_one_to_who_the_via_names() -> None:
    endpoint = sip_endpoint(RIGHT)
    take(endpoint, with_via(push_request(), "SIP/2.0/TCP inside:5070;branch=z9hG4a"), CONNECTION)
    endpoint.respond(told_request(endpoint).key, plain_response(200), NOW)
    (effect,) = endpoint.effects()
    assert effect.hop == CONNECTION
    assert effect.fallback == Hop(Transport.TCP, "192.0.2.1", 5_070)
    assert endpoint.is_idle


# -- what is refused without the user --


def test_server_refuses_required_extensions_that_it_does_not_know() -> None:
    endpoint = sip_endpoint(RIGHT)
    required: tuple[Field, ...] = (("Require", "path, 100rel"), ("Require", "Gruu, sec-agree"))
    take(endpoint, with_via(sip_request("MESSAGE", 1, *required)))
    response = response_of(endpoint.effects()[0])
    assert response.status == 420
    assert response.headers.listed("Unsupported") == ("100rel", "sec-agree")
    assert endpoint.indications() == []
    assert endpoint.is_idle


def test_server_refuses_request_that_came_by_two_ways() -> None:
    endpoint = sip_endpoint(RIGHT)
    take(endpoint, with_via(push_request()))
    endpoint.indications()
    take(endpoint, with_via(push_request(), VIA.replace("one", "two")))
    assert statuses(endpoint) == [482]
    assert endpoint.indications() == []


def test_server_takes_repeated_number_within_dialog_as_a_matter_of_its_user() -> None:
    endpoint = sip_endpoint(RIGHT)
    inside = sip_request("BYE", 1, to="<sip:alice@push.test>;tag=right")
    take(endpoint, with_via(inside))
    take(endpoint, with_via(inside, VIA.replace("one", "two")))
    assert len(endpoint.indications()) == 2


def test_refusals_without_a_transaction_are_the_same_each_time() -> None:
    endpoint = sip_endpoint(RIGHT)
    for _ in range(2):
        take(endpoint, with_via(sip_request("MESSAGE", 1, ("Require", "x"))))
    first, second = endpoint.effects()
    assert first == second


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"MESSAGE sip:alice@push.test SIP/7.0\r\n", 505),
        (b"MESSAGE  sip:alice@push.test  SIP/2.0\r\n", 400),
        (b"MESSAGE sip:alice@push.test SIP/2.0\r\nContent-Length: 99\r\n", 400),
        (b"MESSAGE sip:alice@push.test SIP/2.0\r\nMax-Forwards: 300\r\n", 400),
    ],
)
def test_server_answers_malformed_requests(octets: bytes, status: int) -> None:
    endpoint = sip_endpoint(RIGHT)
    rest = encode_message(with_via(push_request())).partition(b"\r\n")[2]
    rest = rest.replace(b"Content-Length: 20\r\n", b"") if b"Content-L" in octets else rest
    endpoint.receive(octets + rest, LEFT, NOW)
    assert statuses(endpoint) == [status]
    assert endpoint.indications() == []
    assert endpoint.is_idle


def test_server_answers_request_with_a_parameter_given_twice() -> None:
    endpoint = sip_endpoint(RIGHT)
    take(endpoint, with_via(sip_request("OPTIONS", 1, to="<sip:a@push.test>;tag=1;tag=2")))
    (effect,) = endpoint.effects()
    assert effect.octets.startswith(b"SIP/2.0 400 ")
    assert b"To: <sip:a@push.test>;tag=1;tag=2\r\n" in effect.octets  # as it came (8.2.6.2)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\r\n\r\n",
        b"\x00" * 100,
        b"SIP/2.0 200 OK\r\n\r\n",
        b"SIP/2.0 999 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKa\r\n\r\n",
        b"MESSAGE sip:alice@push.test SIP/2.0\r\n\r\n",
        encode_message(with_via(sip_request("ACK", 1))).replace(b"CSeq: 1 ACK", b"CSeq: 1 BYE"),
        encode_message(with_via(sip_request("ACK", 1))),
    ],
)
def test_server_drops_what_cannot_or_must_not_be_answered(octets: bytes) -> None:
    endpoint = sip_endpoint(RIGHT)
    endpoint.receive(octets, LEFT, NOW)
    assert endpoint.effects() == []
    assert endpoint.indications() == []
    assert endpoint.is_idle


def test_server_answers_unreadable_via_straight_back() -> None:
    endpoint = sip_endpoint(RIGHT)
    source = Hop(Transport.UDP, "192.0.2.1", 9_000)
    octets = encode_message(with_via(push_request(), "SIP/2.0/UDP 192.0.2.1;;;"))
    endpoint.receive(octets, source, NOW)
    (effect,) = endpoint.effects()
    assert effect.hop == source
    assert effect.octets.startswith(b"SIP/2.0 400 ")


# -- INVITE, ACK, CANCEL --


def test_server_tells_of_the_ack_once() -> None:
    endpoint = sip_endpoint(RIGHT)
    ack = ack_of(accepted_invite(endpoint))
    take(endpoint, ack)
    take(endpoint, ack)
    take(endpoint, ack_of(plain_response(200, ("To", "<sip:alice@push.test>;tag=strange"))))
    (told,) = endpoint.indications()
    assert isinstance(told, AckInd)
    assert told.ack.headers.first("To") == ack.headers.first("To")
    endpoint.handle_timer(Instant(10_000))
    assert endpoint.effects() == []


def test_server_takes_ack_of_2xx_with_the_branch_of_the_invite() -> None:
    endpoint = sip_endpoint(RIGHT)
    take(endpoint, ack_of(accepted_invite(endpoint), "z9hG4bKone"))
    assert [type(one) for one in endpoint.indications()] == [AckInd]


def test_server_tells_that_no_ack_came() -> None:
    endpoint = sip_endpoint(RIGHT)
    response = accepted_invite(endpoint)
    while (due := endpoint.next_timer()) is not None:
        endpoint.handle_timer(due)
    (told,) = endpoint.indications()
    assert isinstance(told, UnacknowledgedInd)
    assert told.invite.method == "INVITE"
    assert told.response.headers.first("To") == response.headers.first("To")
    assert endpoint.is_idle


def test_server_answers_cancel_and_ends_the_invite() -> None:
    endpoint = sip_endpoint(RIGHT)
    take(endpoint, with_via(invite_request()))
    key = told_request(endpoint).key
    take(endpoint, with_via(sip_request("CANCEL", 1)))
    to_cancel, to_invite = (response_of(one) for one in endpoint.effects())
    assert (to_cancel.status, to_cancel.headers.first("CSeq")) == (200, "1 CANCEL")
    assert (to_invite.status, to_invite.headers.first("CSeq")) == (487, "1 INVITE")
    assert to_cancel.headers.first("To") == to_invite.headers.first("To")
    (told,) = endpoint.indications()
    assert isinstance(told, CancelledInd)
    assert told.key == key
    endpoint.respond(key, plain_response(200), NOW)
    assert endpoint.effects() == []
    take(endpoint, with_via(sip_request("CANCEL", 1)))
    assert statuses(endpoint) == [200]


def test_cancel_after_the_final_response_changes_nothing() -> None:
    endpoint = sip_endpoint(RIGHT)
    accepted_invite(endpoint)
    take(endpoint, with_via(sip_request("CANCEL", 1)))
    assert statuses(endpoint) == [200]
    assert endpoint.indications() == []


def test_cancel_of_nothing_is_refused() -> None:
    endpoint = sip_endpoint(RIGHT)
    take(endpoint, with_via(sip_request("CANCEL", 1)))
    assert statuses(endpoint) == [481]
    take(endpoint, with_via(push_request()))
    endpoint.indications()
    take(endpoint, with_via(sip_request("CANCEL", 1)))
    assert statuses(endpoint) == [481]
    assert endpoint.indications() == []


# -- bounds --


def test_server_keeps_a_bounded_number_of_requests_and_serves_those_it_has() -> None:
    settings = EndpointSettings(maximum_server_transactions=5, retry_after_s=7)
    endpoint = sip_endpoint(RIGHT, settings)
    for number in range(1_000):
        take(endpoint, with_via(push_request(number), VIA.replace("one", str(number))))
    told = endpoint.indications()
    assert len(told) == 5
    refusals = [response_of(one) for one in endpoint.effects()]
    assert {(one.status, one.headers.first("Retry-After")) for one in refusals} == {(503, "7")}
    assert len(refusals) == 995
    take(endpoint, with_via(push_request(0), VIA.replace("one", "0")))
    assert endpoint.effects() == []
    for one in told:
        assert isinstance(one, RequestInd)
        endpoint.respond(one.key, plain_response(200), NOW)
    assert statuses(endpoint) == [200] * 5
    endpoint.handle_timer(Instant(32_000))
    assert endpoint.is_idle
    assert endpoint.next_timer() is None


def test_server_forgets_the_oldest_answers_early_and_takes_new_requests() -> None:
    endpoint = sip_endpoint(
        RIGHT, EndpointSettings(maximum_server_transactions=2, maximum_remembered=3)
    )
    for number in range(100):
        take(endpoint, with_via(push_request(number), VIA.replace("one", str(number))))
        endpoint.respond(told_request(endpoint).key, plain_response(200), NOW)
    assert statuses(endpoint) == [200] * 100
    for number in (99, 98, 97, 96):
        take(endpoint, with_via(push_request(number), VIA.replace("one", str(number))))
    assert statuses(endpoint) == [200] * 3
    told_request(endpoint)
    endpoint.handle_timer(Instant(32_000))
    assert endpoint.is_idle
    assert endpoint.next_timer() is None


def test_server_keeps_a_bounded_number_of_octets_of_open_requests() -> None:
    endpoint = sip_endpoint(RIGHT, EndpointSettings(maximum_octets=20_000))
    for number in range(20):
        via = VIA.replace("one", str(number))
        take(endpoint, with_via(push_request(number, octets=4_000), via))
    told = endpoint.indications()
    assert len(told) == 4
    assert statuses(endpoint) == [503] * 16
    for one in told:
        assert isinstance(one, RequestInd)
        endpoint.respond(one.key, plain_response(200), NOW)
    take(endpoint, with_via(push_request(99, octets=4_000), VIA.replace("one", "99")))
    assert len(endpoint.indications()) == 1


def test_server_keeps_a_bounded_number_of_octets_of_answers() -> None:
    endpoint = sip_endpoint(RIGHT, EndpointSettings(maximum_octets=20_000))
    for number in range(20):
        take(endpoint, with_via(push_request(number), VIA.replace("one", str(number))))
        answer = plain_response(200, ("Subject", "x" * 4_000))
        endpoint.respond(told_request(endpoint).key, answer, NOW)
    endpoint.effects()
    for number in range(19, -1, -1):
        take(endpoint, with_via(push_request(number), VIA.replace("one", str(number))))
    assert len(endpoint.effects()) == 4


def test_invites_that_are_refused_and_never_acknowledged_shut_nobody_out() -> None:
    settings = EndpointSettings(maximum_server_transactions=5, maximum_remembered=3)
    endpoint = sip_endpoint(RIGHT, settings)
    for number in range(100):
        take(endpoint, with_via(invite_request(number), VIA.replace("one", str(number))))
        endpoint.respond(told_request(endpoint).key, plain_response(403), NOW)
    assert statuses(endpoint) == [403] * 100
    take(endpoint, with_via(push_request(200), VIA.replace("one", "push")))
    assert told_request(endpoint).request.method == "MESSAGE"
    for number in range(90, 100):
        ack = sip_request("ACK", number, to="<sip:alice@push.test>;tag=x")
        take(endpoint, with_via(ack, VIA.replace("one", str(number))))
    while (due := endpoint.next_timer()) is not None:
        endpoint.handle_timer(due)
    assert endpoint.is_idle


@pytest.mark.parametrize("request_", [invite_request(1), push_request(1)])
def test_stranger_is_refused_once_for_each_request_that_comes(request_: SipRequest) -> None:
    endpoint = sip_endpoint(RIGHT)
    answers: list[SipResponse] = []
    for _ in range(2):
        take(endpoint, with_via(request_))
        endpoint.respond(told_request(endpoint).key, plain_response(403), NOW, once=True)
        answers += [response_of(one) for one in endpoint.effects()]
        assert endpoint.is_idle
        assert endpoint.next_timer() is None
    assert [one.status for one in answers] == [403, 403]
    assert answers[0].headers.first("To") == answers[1].headers.first("To")
    take(endpoint, ack_of(answers[0], "z9hG4bKone"))
    assert endpoint.indications() == []
    assert endpoint.is_idle


def test_flood_of_invites_and_cancels_ends_in_nothing() -> None:
    endpoint = sip_endpoint(RIGHT, EndpointSettings(maximum_server_transactions=50))
    for number in range(200):
        for method in ("INVITE", "CANCEL"):
            via = VIA.replace("one", str(number))
            take(endpoint, with_via(sip_request(method, number), via))
    assert len(endpoint.effects()) <= 2 * 200
    while (due := endpoint.next_timer()) is not None:
        endpoint.handle_timer(due)
        endpoint.effects()
    assert endpoint.is_idle
