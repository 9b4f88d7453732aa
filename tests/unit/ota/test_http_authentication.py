"""Authentication headers of OTA-HTTP: the vectors of both directions, strictness, no oracle."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.ota.http.authentication import (
    MAX_HEADER,
    Algorithm,
    AuthStatus,
    BasicCredentials,
    Challenge,
    DigestCredentials,
    Login,
    Refusal,
    Scheme,
    answer,
    basic,
    format_challenge,
    format_credentials,
    parse_challenges,
    parse_credentials,
    verify,
)

LOGIN = Login("4165012322222", "secret")
DEMAND = Challenge(Scheme.DIGEST, "ppg.example.com", "dcd98b7102dd2f0e")
BASIC = Challenge(Scheme.BASIC, "ppg.example.com")
OF_OPTIONS = "ee436b7d8ae57305a489d616dbd778579792a125"
OF_POST = "dc854bad908f648950944ea2b2e246ccf3ab81dd"
TOKEN = "NDE2NTAxMjMyMjIyMjpzZWNyZXQ="


@pytest.mark.parametrize(("method", "response"), [("OPTIONS", OF_OPTIONS), ("POST", OF_POST)])
def test_digest_answer_is_that_of_the_vector(method: str, response: str) -> None:
    given = answer(DEMAND, LOGIN, method)
    assert isinstance(given, DigestCredentials)
    assert given.response == response
    assert verify(given, DEMAND, method, "secret")


def test_basic_answer_is_that_of_the_vector() -> None:
    assert format_credentials(answer(BASIC, LOGIN, "POST"), mirrored=True) == f"Basic {TOKEN}"
    read = parse_credentials(f"bASIC   {TOKEN}")
    assert read == BasicCredentials("4165012322222", b"secret")
    assert verify(read, BASIC, "OPTIONS", "secret")


def test_digest_headers_are_written_as_each_direction_has_them() -> None:
    demand = Challenge(Scheme.DIGEST, "44", "n", domain="/wappush")
    assert (
        format_challenge(demand, mirrored=False)
        == 'Digest realm="44", domain="/wappush", nonce="n", algorithm=SHA-1'
    )
    assert (
        format_challenge(DEMAND, mirrored=True)
        == 'Digest realm="ppg.example.com", nonce="dcd98b7102dd2f0e", algorithm="SHA-1"'
    )
    assert format_credentials(answer(DEMAND, LOGIN, "POST"), mirrored=True) == (
        'Digest username="4165012322222", realm="ppg.example.com", nonce="dcd98b7102dd2f0e", '
        f'uri="/wappush", response="{OF_POST}", algorithm="SHA-1"'
    )
    assert format_credentials(answer(DEMAND, LOGIN, "POST"), mirrored=False).endswith(
        ", algorithm=SHA-1"
    )


def test_md5_answer_is_taken_only_where_it_is_configured() -> None:
    demand = Challenge(Scheme.DIGEST, "44", "n", Algorithm.MD5)
    given = answer(demand, LOGIN, "POST")
    assert isinstance(given, DigestCredentials)
    assert len(given.response) == 32
    assert not verify(given, demand, "POST", "secret")
    assert verify(given, demand, "POST", "secret", tuple(Algorithm))


@pytest.mark.parametrize(
    "challenge",
    [
        DEMAND,
        BASIC,
        Challenge(Scheme.DIGEST, 'a "b" \\ é', "n", Algorithm.MD5, "/wappush", "o"),
        Challenge(Scheme.DIGEST, "r", "n", auth_status=AuthStatus.FAILED_RETRY),
        Challenge(Scheme.BASIC, "", auth_status=AuthStatus.FAILED_RETRY),
        Refusal(Scheme.DIGEST, AuthStatus.FAILED_NORETRY),
        Refusal(Scheme.BASIC, AuthStatus.FAILED_RETRY),
    ],
)
@pytest.mark.parametrize("mirrored", [True, False])
def test_challenge_reads_as_it_was_written(
    challenge: Challenge | Refusal, *, mirrored: bool
) -> None:
    assert parse_challenges([format_challenge(challenge, mirrored=mirrored)]) == [challenge]


@pytest.mark.parametrize(
    "credentials",
    [
        answer(DEMAND, LOGIN, "POST"),
        basic(Login("Jäsøn", "pass:wörd")),
        answer(Challenge(Scheme.DIGEST, "é", "n", Algorithm.MD5, opaque="o"), LOGIN, "POST"),
        Refusal(Scheme.BASIC, AuthStatus.FAILED_NORETRY),
        Refusal(Scheme.DIGEST, AuthStatus.FAILED_RETRY),
    ],
)
@pytest.mark.parametrize("mirrored", [True, False])
def test_credentials_read_as_they_were_written(
    credentials: BasicCredentials | DigestCredentials | Refusal, *, mirrored: bool
) -> None:
    assert parse_credentials(format_credentials(credentials, mirrored=mirrored)) == credentials


def test_auth_status_is_read_without_quotes() -> None:
    refused = Refusal(Scheme.DIGEST, AuthStatus.FAILED_NORETRY)
    assert parse_credentials("Digest x-wap-auth-status=failed_noretry") == refused
    assert parse_challenges(['digest realm="r", X-WAP-auth-status=FAILED_noretry']) == [refused]
    assert parse_credentials("basic x-wap-auth-status=failed_retry") == Refusal(
        Scheme.BASIC, AuthStatus.FAILED_RETRY
    )


def test_strongest_challenge_comes_first_and_foreign_ones_are_left_out() -> None:
    values = [
        'Negotiate, NTLM TlRMTVNTUAAB=, Basic realm="44", charset="UTF-8"',
        'Digest realm="44", nonce="m", qop="auth", Digest algorithm=sha-1,realm = "44",nonce=n',
        'Digest realm="44", nonce="s", algorithm=SHA-256,, ,',
    ]
    assert parse_challenges(values) == [
        Challenge(Scheme.DIGEST, "44", "n"),
        Challenge(Scheme.DIGEST, "44", "m", Algorithm.MD5),
        Challenge(Scheme.BASIC, "44"),
    ]


@pytest.mark.parametrize(
    "value",
    [
        "Basic",
        "Basic realm",
        "Basic realm=",
        'Basic realm="a", realm="b"',
        'Basic realm="a" nonce="b"',
        'Basic realm="a',
        'Basic realm="a\x00"',
        'Basic realm="a\x7f"',
        'realm="a"',
        'Digest realm="a"',
        'Digest nonce="a"',
        'Digest x-wap-auth-status="failed"',
        ", ".join(['Basic realm="a"'] * 9),
        "Basic realm=" + "a" * MAX_HEADER,
    ],
)
def test_challenge_of_another_form_is_refused(value: str) -> None:
    with pytest.raises(DecodeError):
        parse_challenges([value])


GOOD = format_credentials(answer(DEMAND, LOGIN, "POST"), mirrored=True)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic",
        "Basic ?",
        "Basic c2VjcmV0",
        f"Basic {TOKEN} x",
        f"Bearer {TOKEN}",
        "Digest",
        GOOD.replace("username", "user"),
        GOOD.replace("uri", "url"),
        GOOD.replace(OF_POST, OF_POST[1:]),
        GOOD.replace(OF_POST, "g" * 40),
        GOOD.replace("SHA-1", "MD5"),
        GOOD.replace("SHA-1", "SHA-256"),
        GOOD + ", qop=auth",
        GOOD + ', cnonce="a"',
        GOOD + ", uri=x",
        GOOD + ' uri="x"',
        GOOD + ', x="a',
    ],
)
def test_credentials_of_another_form_are_refused(value: str) -> None:
    with pytest.raises(DecodeError):
        parse_credentials(value)


def test_header_of_any_length_is_refused_as_too_long() -> None:
    with pytest.raises(LimitError):
        parse_credentials("Basic " + "a" * MAX_HEADER)


@pytest.mark.parametrize(
    ("challenge", "method", "password"),
    [
        (DEMAND, "POST", "Secret"),
        (DEMAND, "POST", None),
        (DEMAND, "OPTIONS", "secret"),
        (Challenge(Scheme.DIGEST, "ppg.example.com", "another"), "POST", "secret"),
        (Challenge(Scheme.DIGEST, "another", "dcd98b7102dd2f0e"), "POST", "secret"),
        (BASIC, "POST", "secret"),
    ],
)
def test_digest_that_answers_something_else_is_wrong(
    challenge: Challenge, method: str, password: str | None
) -> None:
    assert not verify(answer(DEMAND, LOGIN, "POST"), challenge, method, password)


def test_digest_for_another_target_is_wrong() -> None:
    given = parse_credentials(GOOD.replace("/wappush", "/"))
    assert isinstance(given, DigestCredentials)
    assert not verify(given, DEMAND, "POST", "secret")


@pytest.mark.parametrize("password", ["Secret", "", None, "a password that nobody has"])
def test_basic_with_another_password_is_wrong(password: str | None) -> None:
    assert not verify(basic(LOGIN), BASIC, "POST", password)
    nobody = basic(Login("44", "a password that nobody has"))
    assert not verify(nobody, BASIC, "POST", None)


def test_basic_does_not_answer_a_demand_for_digest() -> None:
    assert not verify(basic(LOGIN), DEMAND, "POST", "secret")


def test_digest_without_algorithm_is_told_by_its_length() -> None:
    read = parse_credentials(GOOD.replace(', algorithm="SHA-1"', ""))
    assert read == answer(DEMAND, LOGIN, "POST")


def test_secrets_are_not_printed() -> None:
    for value in (LOGIN, basic(LOGIN), answer(DEMAND, LOGIN, "POST")):
        assert "secret" not in repr(value)
        assert OF_POST not in repr(value)


@pytest.mark.parametrize(
    "login", [Login("a:b", "x"), Login("a\ud800", "x"), Login("a", "\ud800")], ids=range(3)
)
def test_login_that_basic_cannot_carry_is_refused(login: Login) -> None:
    with pytest.raises(EncodeError):
        format_credentials(basic(login), mirrored=True)


@pytest.mark.parametrize("realm", ["a\r\nb", "\0", "\ud800"], ids=range(3))
def test_realm_that_would_end_the_header_is_refused(realm: str) -> None:
    with pytest.raises(EncodeError):
        format_challenge(Challenge(Scheme.BASIC, realm), mirrored=False)
