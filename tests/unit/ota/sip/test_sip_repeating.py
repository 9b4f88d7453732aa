"""Requests that are sent again: with credentials, or to another address."""

from __future__ import annotations

import pytest

from omapush.ota.sip.repeating import MAX_REPETITIONS, Repeated, counted_up
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.digest import AkaRefused, DigestClient
from omapush.protocols.sip.header_fields import cseq
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse

REQUEST = SipRequest("OPTIONS", "sip:ppg@push.test", SipHeaders((("CSeq", "7 OPTIONS"),)))
OK = SipResponse(200, "OK")


def challenge(nonce: str = "n", stale: str = "true") -> SipResponse:
    value = f'Digest realm="push.test", nonce="{nonce}", qop="auth", stale={stale}'
    return SipResponse(407, "Challenge", SipHeaders((("Proxy-Authenticate", value),)))


class Refusing:
    """A SIM to which nothing is authentic."""

    def authorise(self, request: SipRequest) -> SipRequest:
        return request

    def answer(self, request: SipRequest, response: SipResponse) -> SipRequest | None:
        raise AkaRefused("not from home")


def client() -> DigestClient:
    return DigestClient("alice", "secret", lambda: "cnonce")


def test_challenge_is_answered_by_a_new_request() -> None:
    repeated = Repeated(REQUEST, client())
    assert repeated.request == REQUEST
    assert repeated.is_challenged_by(challenge())
    assert cseq(repeated.request).number == 8
    assert repeated.request.headers.first("Proxy-Authorization") is not None
    assert not repeated.is_challenged_by(OK)
    assert not repeated.is_challenged_by(challenge("m", "false"))


def test_challenges_without_end_are_not_answered_without_end() -> None:
    repeated = Repeated(REQUEST, client())
    answered = [repeated.is_challenged_by(challenge(f"n{number}")) for number in range(9)]
    assert answered.count(True) <= MAX_REPETITIONS
    assert answered[-1] is False


@pytest.mark.parametrize("authenticator", [None, Refusing()])
def test_challenge_is_final_where_it_cannot_be_answered(authenticator: Refusing | None) -> None:
    repeated = Repeated(REQUEST, authenticator)
    assert not repeated.is_challenged_by(challenge())
    assert repeated.request == REQUEST


def test_request_goes_to_each_address_once() -> None:
    repeated = Repeated(REQUEST, None)
    assert not repeated.is_for(REQUEST.uri)
    assert repeated.is_for("sip:other@push.test")
    assert (repeated.request.uri, cseq(repeated.request).number) == ("sip:other@push.test", 8)
    assert not repeated.is_for("sip:other@push.test")
    tried = [repeated.is_for(f"sip:{number}@push.test") for number in range(9)]
    assert tried.count(True) == MAX_REPETITIONS - 1


def test_request_without_a_number_is_not_counted_up() -> None:
    with pytest.raises(BadSipMessage):
        counted_up(SipRequest("OPTIONS", "sip:x"))
