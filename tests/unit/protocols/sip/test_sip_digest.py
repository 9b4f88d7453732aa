"""Digest authentication of SIP requests: the computation, and the client's answers."""

from __future__ import annotations

import base64
from itertools import count

import pytest

from omapush.protocols.http_authentication import parse_parameters, split_scheme
from omapush.protocols.sip.digest import MAX_STALE, AkaRefused, AkaResult, Credentials, DigestClient
from omapush.protocols.sip.digest_response import (
    Algorithm,
    Proven,
    QualityOfProtection,
    Secret,
    digest_response,
    hashed_username,
)
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse

REGISTER = SipRequest("REGISTER", "sip:push.test", SipHeaders((("CSeq", "1 REGISTER"),)))
MESSAGE = SipRequest("MESSAGE", "sip:bob@push.test", SipHeaders(), b"hello")
RFC_7616 = Proven(
    b"GET",
    b"/dir/index.html",
    b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    b"00000001",
    b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
)
BOB = Secret(b"bob", b"biloxi.com", b"zanzibar")
NONCE = b"dcd98b7102dd2f0e8b11d0f600bfb0c093"


def test_response_is_that_of_rfc_2617() -> None:
    mufasa = Secret(b"Mufasa", b"testrealm@host.com", b"Circle Of Life")
    proven = Proven(b"GET", b"/dir/index.html", NONCE, b"00000001", b"0a4f113b")

    found = digest_response(Algorithm.MD5, mufasa, proven)

    assert found == "6629fae49393a05397450978507c4ef1"


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        (Algorithm.MD5, "8ca523f5e9506fed4657c9700eebdbec"),
        (
            Algorithm.SHA_256,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ],
)
def test_response_is_that_of_rfc_7616(algorithm: Algorithm, expected: str) -> None:
    mufasa = Secret(b"Mufasa", b"http-auth@example.org", b"Circle of Life")

    assert digest_response(algorithm, mufasa, RFC_7616) == expected


def test_hashed_username_is_that_of_rfc_7616_as_corrected() -> None:
    found = hashed_username(Algorithm.SHA_512_256, "Jäsøn Doe".encode(), b"api@example.org")

    assert found == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"


@pytest.mark.parametrize(
    ("algorithm", "proven", "expected"),
    [
        (
            Algorithm.MD5,
            Proven(b"INVITE", b"sip:bob@biloxi.com", NONCE, qop=QualityOfProtection.NONE),
            "bf57e4e0d0bffc0fbaedce64d59add5e",
        ),
        (
            Algorithm.MD5,
            Proven(b"INVITE", b"sip:bob@biloxi.com", NONCE, b"00000001", b"0a4f113b"),
            "89eb0059246c02b2f6ee02c7961d5ea3",
        ),
        (
            Algorithm.MD5_SESS,
            Proven(b"INVITE", b"sip:bob@biloxi.com", NONCE, b"00000001", b"0a4f113b"),
            "e4e4ea61d186d07a92c9e1f6919902e9",
        ),
    ],
)
def test_response_is_that_of_the_sip_authentication_examples(
    algorithm: Algorithm, proven: Proven, expected: str
) -> None:
    # draft-smith-sipping-auth-examples-01, sections 3.1, 3.3 and 3.4
    assert digest_response(algorithm, BOB, proven) == expected


# -- the client --


def client(credentials: Credentials = "alice-secret", **more: str | bool) -> DigestClient:
    numbers = count(1)
    return DigestClient("alice", credentials, lambda: f"cnonce{next(numbers)}", **more)  # type: ignore[arg-type]


def challenged(*values: str, status: int = 401) -> SipResponse:
    name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    return SipResponse(status, "Who?", SipHeaders(tuple((name, value) for value in values)))


def given(request: SipRequest | None, name: str = "Authorization") -> dict[str, str]:
    assert request is not None
    (value,) = request.headers.every(name)
    scheme, rest = split_scheme(value)
    assert scheme == "digest"
    return parse_parameters(rest)


def proof(parameters: dict[str, str], request: SipRequest, password: bytes) -> str:
    """Compute what the server expects of credentials."""
    algorithm = Algorithm.named(parameters.get("algorithm", "MD5"))
    assert algorithm is not None
    proven = Proven(
        request.method.encode(),
        parameters["uri"].encode(),
        parameters["nonce"].encode(),
        parameters.get("nc", "").encode(),
        parameters.get("cnonce", "").encode(),
        QualityOfProtection(parameters.get("qop", "")),
        request.body,
    )
    secret = Secret(parameters["username"].encode(), parameters["realm"].encode(), password)
    return digest_response(algorithm, secret, proven)


@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256"])
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
def test_client_proves_itself_by_each_algorithm(algorithm: str, qop: str) -> None:
    challenge = f'Digest realm="push.test", nonce="n1", qop="{qop}", algorithm={algorithm}'

    answered = client().answer(MESSAGE, challenged(challenge))

    found = given(answered)
    assert found["algorithm"] == algorithm
    assert (found["uri"], found["nc"], found["qop"]) == ("sip:bob@push.test", "00000001", qop)
    assert found["response"] == proof(found, MESSAGE, b"alice-secret")


def test_client_answers_challenge_of_the_old_form() -> None:
    answered = client().answer(REGISTER, challenged('Digest realm="push.test",nonce="n1"'))

    found = given(answered)
    assert not {"qop", "nc", "cnonce", "algorithm"} & found.keys()
    assert found["response"] == proof(found, REGISTER, b"alice-secret")


def test_client_answers_first_challenge_that_it_supports() -> None:
    answered = client().answer(
        REGISTER,
        challenged(
            "Basic realm=push.test",
            'Digest realm="push.test", nonce="n0", algorithm=SHA3-256',
            'Digest realm="push.test", nonce="n1", qop="auth", algorithm=SHA-256',
            'Digest realm="push.test", nonce="n2", qop="auth", algorithm=MD5',
        ),
    )

    assert given(answered)["nonce"] == "n1"


def test_client_protects_body_only_where_asked_to() -> None:
    challenge = challenged('Digest realm="push.test", nonce="n1", qop="auth,auth-int"')

    assert given(client().answer(MESSAGE, challenge))["qop"] == "auth"
    assert given(client(protects_body=True).answer(MESSAGE, challenge))["qop"] == "auth-int"


@pytest.mark.parametrize(
    "challenge",
    [
        'Digest realm="push.test", nonce="n1", qop="token"',
        'Digest realm="push.test", nonce="n1", algorithm=SHA-256-sess',
        'Digest realm="push.test"',
        'Digest realm="push.test", nonce="unended',
        'Digest realm="push.test", realm="b", nonce="n"',
        "",
    ],
)
def test_client_leaves_unusable_challenge_alone(challenge: str) -> None:
    assert client().answer(REGISTER, challenged(challenge)) is None


def test_client_answers_only_its_own_realm() -> None:
    own = client(realm="push.test")

    assert own.answer(REGISTER, challenged('Digest realm="evil.test", nonce="n"')) is None
    assert own.answer(REGISTER, challenged('Digest realm="push.test", nonce="n"')) is not None


def test_client_leaves_other_responses_alone() -> None:
    challenge = challenged('Digest realm="push.test", nonce="n1"')

    assert client().answer(REGISTER, SipResponse(403, "No", challenge.headers)) is None


def test_client_answers_proxy_in_header_of_its_own() -> None:
    challenge = challenged('Digest realm="push.test", nonce="n1", qop="auth"', status=407)

    answered = client().answer(MESSAGE, challenge)

    assert given(answered, "Proxy-Authorization")["nonce"] == "n1"


def test_client_stops_when_its_password_is_refused() -> None:
    own = client()
    answered = own.answer(REGISTER, challenged('Digest realm="push.test", nonce="n1", qop="auth"'))
    assert answered is not None

    again = challenged('Digest realm="push.test", nonce="n2", qop="auth"')

    assert own.answer(answered, again) is None


def test_client_takes_fresh_nonce_for_stale_one_a_few_times() -> None:
    own = client()
    request = own.answer(REGISTER, challenged('Digest realm="p", nonce="n0", qop="auth"'))
    for number in range(1, MAX_STALE + 1):
        assert request is not None
        stale = challenged(f'Digest realm="p", nonce="n{number}", qop="auth", stale=TRUE')
        request = own.answer(request, stale)
        assert given(request)["nonce"] == f"n{number}"
    assert request is not None
    assert own.answer(request, challenged('Digest realm="p", nonce="z", stale=true')) is None


def test_client_uses_kept_nonce_with_rising_count_for_later_requests() -> None:
    own = client()
    own.answer(REGISTER, challenged('Digest realm="push.test", nonce="n1", qop="auth"'))

    later = [own.authorise(REGISTER) for _ in range(2)]

    assert [given(one)["nc"] for one in later] == ["00000002", "00000003"]
    assert given(later[1])["response"] == proof(given(later[1]), REGISTER, b"alice-secret")
    assert own.authorise(MESSAGE) == MESSAGE  # it is for other servers
    own.forget()
    assert own.authorise(REGISTER) == REGISTER


def test_client_answers_again_when_kept_nonce_is_refused() -> None:
    own = client()
    own.answer(REGISTER, challenged('Digest realm="push.test", nonce="n1", qop="auth"'))
    later = own.authorise(REGISTER)

    answered = own.answer(later, challenged('Digest realm="push.test", nonce="n2", qop="auth"'))

    assert (given(answered)["nonce"], given(answered)["nc"]) == ("n2", "00000001")


def test_client_proves_itself_to_several_proxies_each_with_counts_of_its_own() -> None:
    own = client()
    first = own.answer(MESSAGE, challenged('Digest realm="a", nonce="1", qop="auth"', status=407))
    assert first is not None

    both = own.answer(first, challenged('Digest realm="b", nonce="2", qop="auth"', status=407))

    assert both is not None
    values = [parse_parameters(one[7:]) for one in both.headers.every("Proxy-Authorization")]
    assert [(one["realm"], one["nc"]) for one in values] == [("a", "00000002"), ("b", "00000001")]


def test_client_hides_username_from_server_that_asks() -> None:
    challenge = 'Digest realm="p", nonce="n", qop="auth", algorithm=SHA-256, userhash=true'

    found = given(client().answer(REGISTER, challenged(challenge)))

    assert found["username"] == hashed_username(Algorithm.SHA_256, b"alice", b"p")
    assert found["userhash"] == "true"


def test_client_gives_opaque_back_and_keeps_octets_of_realm() -> None:
    challenge = challenged('Digest realm="Bücher\udcff", nonce="n\\"1", opaque="o\\\\"')

    answered = client().answer(REGISTER, challenge)

    assert answered is not None
    value = answered.headers.first("Authorization") or ""
    assert 'realm="Bücher\udcff"' in value
    assert 'nonce="n\\"1"' in value
    assert 'opaque="o\\\\"' in value


def test_client_does_not_show_its_password() -> None:
    own = client()
    own.answer(REGISTER, challenged('Digest realm="push.test", nonce="n1", qop="auth"'))

    assert "alice-secret" not in repr(vars(own)["_spaces"])


# -- AKA (RFC 3310) --


class Sim:
    """A SIM that says what it is told to."""

    def __init__(self, *results: AkaResult) -> None:
        self.results = list(results)
        self.asked: list[tuple[bytes, bytes]] = []

    def respond(self, rand: bytes, autn: bytes) -> AkaResult:
        self.asked.append((rand, autn))
        if not self.results:
            raise AkaRefused("not from home")
        return self.results.pop(0)


RAND, AUTN = bytes(range(16)), bytes(range(16, 32))


def aka(nonce: bytes = RAND + AUTN + b"server data") -> SipResponse:
    text = base64.b64encode(nonce).decode()
    return challenged(f'Digest realm="ims", nonce="{text}", qop="auth", algorithm=AKAv1-MD5')


def test_sim_is_asked_and_its_result_is_the_password() -> None:
    sim = Sim(AkaResult(b"\x00\xff:res"))

    found = given(client(sim).answer(REGISTER, aka()))

    assert sim.asked == [(RAND, AUTN)]
    assert found["algorithm"] == "AKAv1-MD5"
    assert found["response"] == proof(found, REGISTER, b"\x00\xff:res")


def test_sim_that_has_counted_otherwise_tells_its_home_then_answers() -> None:
    sim = Sim(AkaResult(auts=b"fourteen octet"), AkaResult(b"res"))
    own = client(sim)

    told = own.answer(REGISTER, aka())

    assert told is not None
    found = given(told)
    assert base64.b64decode(found["auts"]) == b"fourteen octet"
    assert found["response"] == proof(found, REGISTER, b"")
    answered = given(own.answer(told, aka(bytes(32))))
    assert "auts" not in answered
    assert answered["response"] == proof(answered, REGISTER, b"res")


def test_sim_that_never_agrees_with_its_home_ends_it() -> None:
    own = client(Sim(AkaResult(auts=b"one"), AkaResult(auts=b"two")))
    told = own.answer(REGISTER, aka())
    assert told is not None

    assert own.answer(told, aka(bytes(32))) is None


@pytest.mark.parametrize("nonce", [bytes(31), b""])
def test_client_leaves_short_nonce_of_aka_alone(nonce: bytes) -> None:
    assert client(Sim(AkaResult(b"res"))).answer(REGISTER, aka(nonce)) is None


def test_client_leaves_challenge_alone_that_sim_refuses() -> None:
    assert client(Sim()).answer(REGISTER, aka()) is None


def test_password_does_not_answer_aka_nor_sim_others() -> None:
    assert client().answer(REGISTER, aka()) is None
    assert client(Sim()).answer(REGISTER, challenged('Digest realm="p", nonce="n"')) is None


def test_first_register_of_sim_says_whose_it_is() -> None:
    own = client(Sim(AkaResult(b"res")), realm="ims")

    first = own.authorise(REGISTER)

    found = given(first)
    assert (found["username"], found["realm"], found["uri"]) == ("alice", "ims", "sip:push.test")
    assert (found["nonce"], found["response"]) == ("", "")
    answered = own.answer(first, aka())
    assert given(answered)["nc"] == "00000001"
    assert own.authorise(MESSAGE) == MESSAGE
    assert client(Sim()).authorise(REGISTER) == REGISTER
    assert given(own.authorise(REGISTER))["nc"] == "00000002"
