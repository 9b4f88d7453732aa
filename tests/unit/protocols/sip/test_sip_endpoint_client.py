"""The client side of an endpoint: what leaves, where to, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omapush.core.errors import EncodeError
from omapush.core.instants import Instant
from omapush.protocols.sip.endpoint import SipEndpoint
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import Field, SipRequest, SipResponse
from omapush.protocols.sip.parsing import parse_message
from omapush.protocols.sip.primitives import (
    EndpointSettings,
    ResponseInd,
    SendMessage,
    TransactionFailedInd,
)
from omapush.protocols.sip.responses import completed_response, plain_response
from omapush.protocols.sip.writing import encode_message
from omapush.testing.sip_endpoints import (
    RIGHT,
    invite_request,
    push_request,
    sip_endpoint,
    sip_request,
)

NOW = Instant(0)
RIGHT_TCP = replace(RIGHT, transport=Transport.TCP)
CONTACT: Field = ("Contact", "<sip:alice@192.0.2.2:5081>")


def request_of(effect: SendMessage) -> SipRequest:
    message = parse_message(effect.octets)
    assert isinstance(message, SipRequest)
    return message


def sent(endpoint: SipEndpoint) -> list[str]:
    """Return the methods of the requests that are to leave."""
    return [request_of(one).method for one in endpoint.effects()]


def answer(
    endpoint: SipEndpoint,
    request: SipRequest,
    status: int,
    tag: str = "right",
    *fields: Field,
    now: Instant = NOW,
) -> SipResponse:
    """Have the peer answer; return the response."""
    response = completed_response(plain_response(status, *fields), request, tag)
    endpoint.receive(encode_message(response), RIGHT, now)
    return response


def test_client_writes_via_and_max_forwards() -> None:
    endpoint = sip_endpoint()
    key = endpoint.send(push_request(), RIGHT, NOW)
    (effect,) = endpoint.effects()
    assert effect.hop == RIGHT
    request = request_of(effect)
    branch = key.partition(" ")[0]
    assert branch.startswith("z9hG4bK")
    assert request.headers.fields[0] == (
        "Via",
        f"SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport",
    )
    assert request.headers.first("Max-Forwards") == "70"
    assert request.body == push_request().body


def test_client_leaves_max_forwards_of_its_user() -> None:
    endpoint = sip_endpoint()
    endpoint.send(sip_request("OPTIONS", 1, ("Max-Forwards", "0")), RIGHT, NOW)
    assert request_of(endpoint.effects()[0]).headers.every("Max-Forwards") == ("0",)


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.TLS])
def test_via_names_the_transport(transport: Transport) -> None:
    endpoint = sip_endpoint()
    endpoint.send(push_request(), replace(RIGHT, transport=transport), NOW)
    via = request_of(endpoint.effects()[0]).headers.first("Via") or ""
    assert via.startswith(f"SIP/2.0/{transport.value} 192.0.2.1:5060;branch=")


def test_client_tells_of_the_final_response_only_and_once() -> None:
    endpoint = sip_endpoint()
    key = endpoint.send(push_request(), RIGHT, NOW)
    request = request_of(endpoint.effects()[0])
    answer(endpoint, request, 100)
    assert endpoint.indications() == []
    response = answer(endpoint, request, 200)
    answer(endpoint, request, 200)
    (told,) = endpoint.indications()
    assert isinstance(told, ResponseInd)
    assert (told.key, told.response.status) == (key, 200)
    assert told.response.headers.first("To") == response.headers.first("To")


def test_client_drops_responses_of_others() -> None:
    endpoint = sip_endpoint()
    endpoint.send(push_request(), RIGHT, NOW)
    request = request_of(endpoint.effects()[0])
    stranger = request.with_headers(request.headers.replaced("Via", "SIP/2.0/UDP a;branch=z9hG4x"))
    answer(endpoint, stranger, 200)
    forwarded = request.with_headers(
        request.headers.replaced("Via", *request.headers.every("Via"), "SIP/2.0/UDP b;branch=z9")
    )
    answer(endpoint, forwarded, 200)
    other_method = request.with_headers(request.headers.replaced("CSeq", "1 OPTIONS"))
    answer(endpoint, other_method, 200)
    assert endpoint.indications() == []
    answer(endpoint, request, 200)
    assert len(endpoint.indications()) == 1


def test_client_tells_that_nobody_answered() -> None:
    endpoint = sip_endpoint()
    key = endpoint.send(push_request(), RIGHT, NOW)
    endpoint.handle_timer(Instant(32_000))
    assert endpoint.indications() == [
        TransactionFailedInd(key, "nobody answered in time", timed_out=True)
    ]
    assert endpoint.is_idle


# -- by which way (18.1.1) --


@pytest.mark.parametrize(
    ("octets", "transport"),
    [(1_299, Transport.UDP), (1_300, Transport.UDP), (1_301, Transport.TCP)],
)
def test_client_sends_by_tcp_what_is_longer_than_1300_octets(
    octets: int, transport: Transport
) -> None:
    endpoint = sip_endpoint()
    head = endpoint.size(push_request(octets=1_000), RIGHT) - 1_000
    endpoint.send(push_request(octets=octets - head), RIGHT, NOW)
    (effect,) = endpoint.effects()
    assert effect.hop == replace(RIGHT, transport=transport)
    via = request_of(effect).headers.first("Via") or ""
    assert via.startswith(f"SIP/2.0/{transport.value} ")
    if transport is Transport.UDP:
        assert len(effect.octets) == octets


def test_client_goes_back_to_udp_when_tcp_is_refused() -> None:
    endpoint = sip_endpoint()
    key = endpoint.send(push_request(octets=2_000), RIGHT, NOW)
    assert endpoint.effects()[0].hop == RIGHT_TCP
    endpoint.unreachable(RIGHT_TCP, "connection refused", Instant(100))
    assert endpoint.indications() == []
    (effect,) = endpoint.effects()
    assert effect.hop == RIGHT
    request = request_of(effect)
    assert (request.headers.first("Via") or "").startswith("SIP/2.0/UDP ")
    endpoint.handle_timer(Instant(600))
    assert [one.octets for one in endpoint.effects()] == [effect.octets]
    answer(endpoint, request, 200)
    assert [type(one) for one in endpoint.indications()] == [ResponseInd]
    assert key.endswith(" MESSAGE")


def test_long_message_fails_when_udp_is_refused_too() -> None:
    endpoint = sip_endpoint()
    key = endpoint.send(push_request(octets=2_000), RIGHT, NOW)
    endpoint.unreachable(RIGHT_TCP, "connection refused", NOW)
    endpoint.unreachable(RIGHT, "port unreachable", NOW)
    assert endpoint.indications() == [
        TransactionFailedInd(key, "port unreachable", timed_out=False)
    ]
    assert endpoint.is_idle


def test_long_message_is_not_sent_again_when_its_connection_broke_later() -> None:
    endpoint = sip_endpoint()
    key = endpoint.send(push_request(octets=2_000), RIGHT, NOW)
    endpoint.effects()
    endpoint.unreachable(RIGHT_TCP, "connection lost", NOW, after_sending=True)
    assert endpoint.effects() == []
    assert endpoint.indications() == [TransactionFailedInd(key, "connection lost", timed_out=True)]


def test_unreachable_hop_fails_its_own_requests_only() -> None:
    endpoint = sip_endpoint()
    elsewhere = Hop(Transport.UDP, "192.0.2.3", 5060)
    lost = [endpoint.send(push_request(number), RIGHT, NOW) for number in (1, 2)]
    kept = endpoint.send(push_request(3), elsewhere, NOW)
    endpoint.unreachable(RIGHT, "gone", NOW)
    endpoint.unreachable(RIGHT, "gone", NOW)
    assert endpoint.indications() == [
        TransactionFailedInd(key, "gone", timed_out=False) for key in lost
    ]
    endpoint.handle_timer(Instant(40_000))
    assert [one.key for one in endpoint.indications() if isinstance(one, TransactionFailedInd)] == [
        kept
    ]


def test_unreachable_hop_does_not_fail_what_is_answered() -> None:
    endpoint = sip_endpoint()
    endpoint.send(push_request(), RIGHT, NOW)
    answer(endpoint, request_of(endpoint.effects()[0]), 200)
    endpoint.indications()
    endpoint.unreachable(RIGHT, "gone", NOW)
    assert endpoint.indications() == []


# -- INVITE --


def test_client_acknowledges_refusal_with_the_branch_of_the_invite() -> None:
    endpoint = sip_endpoint()
    endpoint.send(invite_request(), RIGHT, NOW)
    invite = request_of(endpoint.effects()[0])
    answer(endpoint, invite, 486)
    ack = request_of(endpoint.effects()[0])
    assert ack.method == "ACK"
    assert ack.headers.first("Via") == invite.headers.first("Via")
    assert ack.headers.first("To") == "<sip:alice@push.test>;tag=right"


def test_client_repeats_ack_for_repeated_2xx_without_telling_again() -> None:
    endpoint = sip_endpoint()
    endpoint.send(invite_request(), RIGHT, NOW)
    invite = request_of(endpoint.effects()[0])
    answer(endpoint, invite, 200, "right", CONTACT)
    answer(endpoint, invite, 200, "right", CONTACT)
    assert endpoint.effects() == []  # the user has not acknowledged yet
    endpoint.acknowledge(sip_request("ACK", 1, to="<sip:alice@push.test>;tag=right"), RIGHT, NOW)
    (ack,) = endpoint.effects()
    answer(endpoint, invite, 200, "right", CONTACT)
    assert endpoint.effects() == [ack]
    assert len(endpoint.indications()) == 1
    via = request_of(ack).headers.first("Via")
    assert via != invite.headers.first("Via")


def test_client_acknowledges_and_ends_dialogs_of_other_forks() -> None:
    endpoint = sip_endpoint()
    endpoint.send(invite_request(), RIGHT, NOW)
    invite = request_of(endpoint.effects()[0])
    answer(endpoint, invite, 200, "right", CONTACT)
    endpoint.indications()
    answer(endpoint, invite, 200, "other", ("Contact", "<sip:alice@192.0.2.7>"))
    ack, bye = (request_of(one) for one in endpoint.effects())
    assert (ack.method, ack.headers.first("CSeq")) == ("ACK", "1 ACK")
    assert (bye.method, bye.headers.first("CSeq")) == ("BYE", "2 BYE")
    for each in (ack, bye):
        assert each.uri == "sip:alice@192.0.2.7"
        assert each.headers.first("To") == "<sip:alice@push.test>;tag=other"
    answer(endpoint, invite, 200, "other", CONTACT)
    assert sent(endpoint) == ["ACK"]
    answer(endpoint, bye, 200)
    assert endpoint.indications() == []


def test_client_ends_a_bounded_number_of_forks() -> None:
    endpoint = sip_endpoint(settings=EndpointSettings(maximum_forks=3))
    endpoint.send(invite_request(), RIGHT, NOW)
    invite = request_of(endpoint.effects()[0])
    for number in range(100):
        answer(endpoint, invite, 200, f"fork{number}", CONTACT)
    assert len(endpoint.indications()) == 1
    assert sent(endpoint).count("BYE") == 3


def test_client_ends_dialog_of_2xx_that_was_faster_than_cancel() -> None:
    endpoint = sip_endpoint()
    key = endpoint.send(invite_request(), RIGHT, NOW)
    invite = request_of(endpoint.effects()[0])
    answer(endpoint, invite, 180)
    endpoint.cancel(key, NOW)
    cancel = request_of(endpoint.effects()[0])
    assert cancel.method == "CANCEL"
    assert cancel.headers.first("Via") == invite.headers.first("Via")
    answer(endpoint, invite, 200, "right", CONTACT)
    answer(endpoint, cancel, 481)
    assert sent(endpoint) == ["ACK", "BYE"]
    assert endpoint.indications() == [TransactionFailedInd(key, "it was cancelled", timed_out=True)]


def test_cancelled_invite_ends_with_487() -> None:
    endpoint = sip_endpoint()
    key = endpoint.send(invite_request(), RIGHT, NOW)
    invite = request_of(endpoint.effects()[0])
    endpoint.cancel(key, NOW)
    assert endpoint.effects() == []
    answer(endpoint, invite, 100)
    assert sent(endpoint) == ["CANCEL"]
    answer(endpoint, invite, 487)
    assert sent(endpoint) == ["ACK"]
    (told,) = endpoint.indications()
    assert isinstance(told, ResponseInd)
    assert told.response.status == 487


def test_request_that_cannot_be_cancelled_is_forgotten_in_silence() -> None:
    endpoint = sip_endpoint()
    key = endpoint.send(push_request(), RIGHT, NOW)
    request = request_of(endpoint.effects()[0])
    endpoint.cancel(key, NOW)
    assert endpoint.next_timer() is None
    answer(endpoint, request, 200)
    assert endpoint.effects() == []
    assert endpoint.indications() == []


def test_cancelling_what_has_ended_does_nothing() -> None:
    endpoint = sip_endpoint()
    key = endpoint.send(invite_request(), RIGHT, NOW)
    answer(endpoint, request_of(endpoint.effects()[0]), 486)
    endpoint.effects()
    endpoint.cancel(key, NOW)
    endpoint.cancel("nobody's", NOW)
    assert endpoint.effects() == []


def test_2xx_whose_dialog_cannot_be_read_is_left_to_itself() -> None:
    endpoint = sip_endpoint()
    key = endpoint.send(invite_request(), RIGHT, NOW)
    invite = request_of(endpoint.effects()[0])
    answer(endpoint, invite, 180)
    endpoint.cancel(key, NOW)
    endpoint.effects()
    answer(endpoint, invite, 200, "right", ("Contact", "<no uri>"))
    assert endpoint.effects() == []
    assert [type(one) for one in endpoint.indications()] == [TransactionFailedInd]


# -- bounds and errors --


def test_client_refuses_requests_beyond_its_bound_without_sending() -> None:
    endpoint = sip_endpoint(settings=EndpointSettings(maximum_client_transactions=2))
    for number in (1, 2):
        endpoint.send(push_request(number), RIGHT, NOW)
    endpoint.effects()
    key = endpoint.send(push_request(3), RIGHT, NOW)
    assert endpoint.effects() == []
    assert endpoint.indications() == [
        TransactionFailedInd(key, "too many requests are under way", timed_out=False)
    ]


def test_request_that_cannot_be_written_leaves_nothing_behind() -> None:
    endpoint = sip_endpoint()
    with pytest.raises(EncodeError):
        endpoint.send(sip_request("MESSAGE", 1, ("Subject", "a\r\nb: c")), RIGHT, NOW)
    assert endpoint.is_idle
    assert endpoint.effects() == []


def test_size_is_that_of_what_leaves() -> None:
    endpoint = sip_endpoint()
    size = endpoint.size(push_request(), RIGHT)
    endpoint.send(push_request(), RIGHT, NOW)
    assert len(endpoint.effects()[0].octets) == size
