"""Any challenge of SIP is answered or left alone, and every proof is what the server computes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from omapush.protocols.http_authentication import parse_parameters
from omapush.protocols.sip.digest import DigestClient
from omapush.protocols.sip.digest_challenge import as_header_text, as_octets_text
from omapush.protocols.sip.digest_response import (
    Algorithm,
    Proven,
    QualityOfProtection,
    Secret,
    digest_response,
)
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.protocols.sip.writing import encode_message

PIECES = [
    "Digest ", "Basic ", "realm", "nonce", "algorithm", "qop", "opaque", "stale", "userhash", "=",
    '"', "\\", ",", " ", "true", "auth", "auth-int", "MD5", "SHA-256-sess", "AKAv1-MD5", "token",
    "é", "\udcff", "A" * 44,
]  # fmt: skip
REGISTER = SipRequest("REGISTER", "sip:push.test", SipHeaders((("CSeq", "1 REGISTER"),)))
octets_text = st.text(st.characters(max_codepoint=255, exclude_categories=("Cc",)), max_size=20)


def challenged(value: str) -> SipResponse:
    return SipResponse(401, "Unauthorized", SipHeaders((("WWW-Authenticate", value),)))


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_client_answers_any_challenge_or_leaves_it_alone(value: str) -> None:
    client = DigestClient("alice", "secret", lambda: "cnonce")

    answered = client.answer(REGISTER, challenged(value))

    if answered is not None:
        assert encode_message(answered)
        assert client.answer(answered, challenged(value)) is None or "stale" in value


@given(
    realm=octets_text,
    nonce=octets_text,
    algorithm=st.sampled_from([one for one in Algorithm if one is not Algorithm.AKA_V1_MD5]),
    qop=st.sampled_from(["auth", "auth-int", "auth-int, auth", "x, auth"]),
    username=st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=20),
    password=st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    body=st.binary(max_size=20),
)
def test_server_that_knows_the_password_computes_the_same_proof(
    realm: str,
    nonce: str,
    algorithm: Algorithm,
    qop: str,
    username: str,
    password: str,
    body: bytes,
) -> None:
    escaped = [one.replace("\\", "\\\\").replace('"', '\\"') for one in (realm, nonce)]
    value = as_header_text(
        f'Digest realm="{escaped[0]}", nonce="{escaped[1]}", qop="{qop}", '
        f"algorithm={algorithm.value}"
    )
    request = SipRequest("MESSAGE", "sip:bob@push.test", SipHeaders(), body)
    client = DigestClient(username, password, lambda: "cnonce")

    answered = client.answer(request, challenged(value))

    assert answered is not None
    header = as_octets_text(answered.headers.first("Authorization") or "")
    given_back = parse_parameters(header.removeprefix("Digest "))
    assert (given_back["realm"], given_back["nonce"]) == (realm, nonce)
    proven = Proven(
        b"MESSAGE",
        b"sip:bob@push.test",
        nonce.encode("latin-1"),
        given_back["nc"].encode(),
        given_back["cnonce"].encode(),
        QualityOfProtection(given_back["qop"]),
        body,
    )
    secret = Secret(username.encode(), realm.encode("latin-1"), password.encode())
    assert given_back["username"].encode("latin-1") == username.encode()
    assert given_back["response"] == digest_response(algorithm, secret, proven)
