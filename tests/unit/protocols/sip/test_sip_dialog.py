"""Dialogs of both ends: targets, route sets, tags and numbers (RFC 3261 12)."""

from __future__ import annotations

import pytest

from omapush.protocols.sip.ack_and_cancel import ack_of_refusal, cancel_of
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.dialog import Dialog
from omapush.protocols.sip.message import Field, SipHeaders, SipRequest, SipResponse
from omapush.protocols.sip.responses import completed_response, plain_response
from omapush.testing.sip_endpoints import invite_request, sip_request

NEAR, FAR = "<sip:near.push.test;lr>", "<sip:far.push.test;lr>"
STRICT = "<sip:strict.push.test>"


def invited(*proxies: str) -> SipRequest:
    """Return an INVITE as it arrives: the proxy that it passed last stands first."""
    routes: tuple[Field, ...] = tuple(("Record-Route", one) for one in proxies)
    return sip_request("INVITE", 7, ("Contact", "<sip:ppg@192.0.2.1:5060>"), *routes)


def accepted(invite: SipRequest, *fields: Field) -> SipResponse:
    return completed_response(plain_response(200, *fields), invite, "right")


CONTACT: Field = ("Contact", "Alice <sip:alice@192.0.2.2:5081;transport=tcp>;expires=5")


def test_caller_reaches_callee_by_contact_through_proxies_from_near_to_far() -> None:
    invite = invited(FAR, NEAR)
    dialog = Dialog.of_response(invite, accepted(invite, CONTACT))
    bye = dialog.request("BYE")
    assert bye.uri == "sip:alice@192.0.2.2:5081;transport=tcp"
    assert bye.headers.every("Route") == (NEAR, FAR)
    assert bye.headers.first("From") == "<sip:ppg@push.test>;tag=left"
    assert bye.headers.first("To") == "<sip:alice@push.test>;tag=right"
    assert bye.headers.first("Call-ID") == "call-7@192.0.2.1"
    assert bye.headers.first("CSeq") == "8 BYE"
    assert dialog.next_hop == "sip:near.push.test;lr"


def test_callee_reaches_caller_through_proxies_in_the_other_order() -> None:
    invite = invited(FAR, NEAR)
    dialog = Dialog.of_request(invite, accepted(invite, CONTACT))
    bye = dialog.request("BYE", ("Reason", "SIP"), body=b"bye")
    assert bye.uri == "sip:ppg@192.0.2.1:5060"
    assert bye.headers.every("Route") == (FAR, NEAR)
    assert bye.headers.first("From") == "<sip:alice@push.test>;tag=right"
    assert bye.headers.first("To") == "<sip:ppg@push.test>;tag=left"
    assert bye.headers.first("CSeq") == "1 BYE"
    assert bye.headers.first("Reason") == "SIP"
    assert bye.body == b"bye"


def test_both_ends_of_a_dialog_know_each_others_requests() -> None:
    invite = invited()
    response = accepted(invite, CONTACT)
    caller = Dialog.of_response(invite, response)
    callee = Dialog.of_request(invite, response)
    assert callee.has(caller.request("BYE"))
    assert caller.has(callee.request("BYE"))
    assert not callee.has(invite)


def test_dialog_refuses_requests_that_are_out_of_order() -> None:
    invite = invited()
    response = accepted(invite, CONTACT)
    caller = Dialog.of_response(invite, response)
    callee = Dialog.of_request(invite, response)
    first, second = caller.request("OPTIONS"), caller.request("BYE")
    assert not callee.takes(invite)
    assert callee.takes(caller.acknowledge(invite))
    assert callee.takes(second)
    assert not callee.takes(first)
    assert not callee.takes(second)


def test_ack_has_number_and_credentials_of_the_invite() -> None:
    invite = invited(NEAR)
    invite = invite.with_headers(invite.headers.added(("Proxy-Authorization", "Digest x=y")))
    dialog = Dialog.of_response(invite, accepted(invite, CONTACT))
    ack = dialog.acknowledge(invite)
    assert (ack.method, ack.uri) == ("ACK", "sip:alice@192.0.2.2:5081;transport=tcp")
    assert ack.headers.first("CSeq") == "7 ACK"
    assert ack.headers.first("Proxy-Authorization") == "Digest x=y"
    assert ack.headers.every("Route") == (NEAR,)
    assert dialog.request("BYE").headers.first("CSeq") == "8 BYE"


def test_proxy_that_routes_strictly_stands_in_the_request_uri() -> None:
    invite = invited(FAR, STRICT)
    bye = Dialog.of_response(invite, accepted(invite, CONTACT)).request("BYE")
    assert bye.uri == "sip:strict.push.test"
    assert bye.headers.every("Route") == (FAR, "<sip:alice@192.0.2.2:5081;transport=tcp>")


def test_callee_without_contact_is_reached_where_the_invite_went() -> None:
    invite = invited()
    assert Dialog.of_response(invite, accepted(invite)).remote_target == "sip:alice@push.test"


def test_target_is_refreshed_by_a_later_contact_only() -> None:
    invite = invited()
    dialog = Dialog.of_response(invite, accepted(invite, CONTACT))
    dialog.refresh(plain_response(200))
    assert dialog.remote_target == "sip:alice@192.0.2.2:5081;transport=tcp"
    dialog.refresh(plain_response(200, ("Contact", "<sip:alice@192.0.2.9>")))
    assert dialog.remote_target == "sip:alice@192.0.2.9"


def test_callee_refuses_invite_without_contact() -> None:
    invite = sip_request("INVITE", 1)
    with pytest.raises(BadSipMessage, match="no Contact"):
        Dialog.of_request(invite, accepted(invite))


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_ack_of_refusal_and_cancel_go_the_way_of_the_invite(method: str) -> None:
    invite = invite_request(3)
    invite = invite.with_headers(
        SipHeaders(
            (
                ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKone"),
                ("Max-Forwards", "70"),
                ("Route", NEAR),
                ("Route", FAR),
                *invite.headers.fields,
                ("Content-Type", "application/sdp"),
            )
        )
    )
    refusal = completed_response(plain_response(487), invite, "right")
    made = ack_of_refusal(invite, refusal) if method == "ACK" else cancel_of(invite)
    assert (made.method, made.uri, made.body) == (method, invite.uri, b"")
    assert made.headers.every("Via") == ("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKone",)
    assert made.headers.every("Route") == (NEAR, FAR)
    assert made.headers.first("CSeq") == f"3 {method}"
    assert made.headers.first("Content-Type") is None
    tag = ";tag=right" if method == "ACK" else ""
    assert made.headers.first("To") == f"<sip:alice@push.test>{tag}"


def test_response_copies_what_it_must_and_record_route_only_into_what_makes_a_dialog() -> None:
    invite = invited(FAR, NEAR)
    invite = invite.with_headers(
        invite.headers.before("Via", "SIP/2.0/UDP b").before("Via", "SIP/2.0/UDP a")
    )
    ringing = completed_response(plain_response(180), invite, "right")
    assert ringing.headers.every("Via") == ("SIP/2.0/UDP a", "SIP/2.0/UDP b")
    assert ringing.headers.every("Record-Route") == (FAR, NEAR)
    assert ringing.headers.first("To") == "<sip:alice@push.test>;tag=right"
    for status in (100, 486):
        other = completed_response(plain_response(status), invite, "right")
        assert other.headers.every("Record-Route") == ()
    assert completed_response(plain_response(100), invite, "right").headers.first("To") == (
        "<sip:alice@push.test>"
    )


def test_response_keeps_what_its_user_wrote() -> None:
    own = plain_response(200, ("To", "<sip:alice@push.test>;tag=mine"), ("Via", "SIP/2.0/UDP x"))
    completed = completed_response(own, invited(), "right")
    assert completed.headers.every("To") == ("<sip:alice@push.test>;tag=mine",)
    assert completed.headers.every("Via") == ("SIP/2.0/UDP x",)
    assert completed.headers.first("CSeq") == "7 INVITE"
