"""Any authentication header is read or refused in time, and only right credentials are right."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.errors import DecodeError, EncodeError
from omapush.ota.http.authentication import (
    MAX_HEADER,
    Algorithm,
    AuthStatus,
    Challenge,
    Login,
    Refusal,
    Scheme,
    answer,
    format_challenge,
    format_credentials,
    parse_challenges,
    parse_credentials,
    verify,
)

header_text = st.text(st.characters(max_codepoint=255), max_size=60)
pieces = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "Basic ", "Digest ", "NTLM ", "realm", "nonce", "username", "uri", "response",
                "algorithm", "x-wap-auth-status", "qop", "=", '"', "\\", ",", " ", "SHA-1", "MD5",
                "/wappush", "failed_retry", "failed_noretry", "0" * 40, "0" * 32, "NDQ6eA==",
            ]
        ),
        st.text(st.characters(max_codepoint=255), max_size=3),
    ),
    max_size=30,
).map("".join)  # fmt: skip
writable = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=20)
asking = st.sampled_from([Scheme.BASIC, Scheme.DIGEST])


@settings(max_examples=400, deadline=None)
@given(st.one_of(header_text, pieces), st.booleans())
def test_header_is_read_and_reads_the_same_when_written_or_is_refused(
    text: str, mirrored: bool
) -> None:
    try:
        challenges = parse_challenges([text])
    except DecodeError:
        challenges = []
    for challenge in challenges:
        again = parse_challenges([format_challenge(challenge, mirrored=mirrored)])
        assert [type(one) for one in again] == [type(challenge)]
    try:
        credentials = parse_credentials(text)
    except DecodeError:
        return
    if isinstance(credentials, Refusal):
        return
    for scheme in (Scheme.BASIC, Scheme.DIGEST):
        assert not verify(credentials, Challenge(scheme, "r", "n"), "POST", "correct horse")
        assert not verify(credentials, Challenge(scheme, "r", "n"), "POST", None)


@settings(max_examples=200, deadline=None)
@given(
    asking,
    writable,
    st.sampled_from(Algorithm),
    st.sampled_from(["", "nonce", 'a"b\\c']),
    st.sampled_from([None, *AuthStatus]),
    st.booleans(),
)
def test_challenge_that_is_written_reads_the_same(
    scheme: Scheme,
    realm: str,
    algorithm: Algorithm,
    nonce: str,
    status: AuthStatus | None,
    mirrored: bool,
) -> None:
    challenge = Challenge(scheme, realm, auth_status=status)
    if scheme is Scheme.DIGEST:
        challenge = Challenge(scheme, realm, nonce, algorithm, auth_status=status)
    (read,) = parse_challenges([format_challenge(challenge, mirrored=mirrored)])
    if status is AuthStatus.FAILED_NORETRY:
        assert read == Refusal(scheme, status)
    else:
        assert read == challenge


@settings(max_examples=200, deadline=None)
@given(asking, writable, writable, writable, st.sampled_from(["POST", "OPTIONS"]), st.booleans())
def test_right_credentials_are_right_after_the_wire_and_others_are_not(
    scheme: Scheme, username: str, password: str, realm: str, method: str, mirrored: bool
) -> None:
    challenge = Challenge(scheme, realm, "n" if scheme is Scheme.DIGEST else "")
    login = Login(username, password)
    try:
        written = format_credentials(answer(challenge, login, method), mirrored=mirrored)
    except EncodeError:
        assert scheme is Scheme.BASIC
        assert ":" in username
        return
    if len(written) > MAX_HEADER:
        return
    read = parse_credentials(written)
    assert not isinstance(read, Refusal)
    assert read.username == username
    assert verify(read, challenge, method, password)
    assert not verify(read, challenge, method, password + "x")
    assert not verify(read, challenge, method, None)
    assert not verify(read, Challenge(Scheme.DIGEST, realm, "m"), method, password)


@pytest.mark.parametrize(
    "text",
    [
        'Digest a="' + "\\" * 4_000,
        "Digest " + "a" * 4_000,
        "Digest " + "a " * 2_000,
        "Digest " + "a=" * 2_000,
        "Digest" + " " * 4_000 + "!",
        "Digest " + "a=b," * 1_000,
        "Digest " + "," * 4_000,
        "Basic " + "=" * 4_000,
    ],
)
def test_long_header_is_read_or_refused(text: str) -> None:
    for read in (lambda: parse_challenges([text]), lambda: parse_credentials(text)):
        with pytest.raises(DecodeError):
            read()
