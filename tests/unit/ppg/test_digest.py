"""HTTP Digest: the responses of RFC 7616, what a header may be, and the life of a nonce."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.errors import DecodeError
from omapush.core.instants import MINUTE_MS, Instant, later
from omapush.ppg import digest
from omapush.ppg.authentication import Identified, Initiators, Unidentified, Verdict
from omapush.ppg.credentials import Initiator, Means, RequestCredentials, Scheme
from omapush.ppg.digest import Algorithm, Nonces, parse_credentials
from omapush.ppg.lockout import LockoutSettings

NOW = Instant(1_700_000_000_000)
LIFE_MS = 5 * MINUTE_MS
SOURCE = "192.0.2.1"

# RFC 7616 3.9.1
EXAMPLE = (
    'username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{}", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
MD5_RESPONSE = "8ca523f5e9506fed4657c9700eebdbec"
SHA_256_RESPONSE = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"


@pytest.mark.parametrize(
    ("algorithm", "name", "response"),
    [
        (Algorithm.MD5, "MD5", MD5_RESPONSE),
        (Algorithm.SHA_256, "SHA-256", SHA_256_RESPONSE),
        (Algorithm.SHA_256, '"sha-256"', SHA_256_RESPONSE.upper()),
    ],
)
def test_response_is_that_of_the_example_in_the_rfc(
    algorithm: Algorithm, name: str, response: str
) -> None:
    credentials = parse_credentials(EXAMPLE.format(name, response))
    secret = algorithm.hexdigest(b"Mufasa:http-auth@example.org:Circle of Life")
    assert credentials.algorithm is algorithm
    assert credentials.username == b"Mufasa"
    assert credentials.nonce_count == 1
    assert digest.response(secret, "GET", credentials) == credentials.response
    assert digest.response(secret, "POST", credentials) != credentials.response


GOOD = EXAMPLE.format("MD5", MD5_RESPONSE)


@pytest.mark.parametrize(
    ("text", "username"),
    [
        (GOOD.replace("username=", "USERNAME = "), b"Mufasa"),
        (GOOD.replace('"Mufasa"', "Mufasa"), b"Mufasa"),
        (GOOD.replace('"Mufasa"', r'"Mu\"fa\\sa"'), b'Mu"fa\\sa'),
        (GOOD.replace('"Mufasa"', '"J\xc3\xa4s\xc3\xb8n"'), "Jäsøn".encode()),
        # RFC 7616 3.9.2
        (GOOD.replace('username="Mufasa"', "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe"),
         "Jäsøn Doe".encode()),
        (GOOD.replace(", algorithm=MD5", ""), b"Mufasa"),
        (GOOD + ", userhash=false", b"Mufasa"),
        (f" ,, {GOOD} ,", b"Mufasa"),
        (GOOD.replace(", ", ","), b"Mufasa"),
    ],
)  # fmt: skip
def test_every_form_of_the_header_is_read(text: str, username: bytes) -> None:
    credentials = parse_credentials(text)
    assert credentials.username == username
    assert credentials.algorithm is Algorithm.MD5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mufasa",
        GOOD.replace('"Mufasa"', '"Mufasa'),
        GOOD.replace('username="Mufasa", ', ""),
        GOOD + ", username*=UTF-8''Mufasa",
        GOOD.replace('username="Mufasa"', "username*=ISO-8859-1''Mufasa"),
        GOOD.replace('username="Mufasa"', "username*=Mufasa"),
        GOOD + ', nonce="again"',
        GOOD.replace("nc=00000001", "nc=1"),
        GOOD.replace("nc=00000001", "nc=0000000g"),
        GOOD.replace("nc=00000001, ", ""),
        GOOD.replace("qop=auth", "qop=auth-int"),
        GOOD.replace("qop=auth, ", ""),
        GOOD.replace("algorithm=MD5", "algorithm=MD5-sess"),
        GOOD.replace("algorithm=MD5", "algorithm=SHA-256"),
        GOOD.replace(MD5_RESPONSE, MD5_RESPONSE[1:]),
        GOOD.replace(MD5_RESPONSE, "\xe9" * 32),
        GOOD.replace('uri="/dir/index.html", ', ""),
        GOOD + ", userhash=true",
        GOOD + " nonsense",
        GOOD + "\n",
    ],
)
def test_header_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_credentials(text)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(st.characters(max_codepoint=255), max_size=200),
        st.builds(
            lambda start, end, middle: GOOD[:start] + middle + GOOD[end:],
            st.integers(0, len(GOOD)),
            st.integers(0, len(GOOD)),
            st.text(st.sampled_from('=,"\\ \t*abc0%\xff'), max_size=20),
        ),
    )
)
def test_any_header_is_read_or_refused_with_the_documented_error(text: str) -> None:
    try:
        credentials = parse_credentials(text)
    except DecodeError:
        return
    assert len(digest.response("0", "POST", credentials)) == len(credentials.response)


@pytest.mark.parametrize(
    "text",
    [
        " " * 8_000 + "x",
        ("a" * 4_000 + "=") * 2,
        '"' * 8_000,
        'a="' + "\\" * 8_000,
        "a" + " " * 8_000 + "b",
        "," * 8_000,
    ],
)
def test_hostile_header_is_refused(text: str) -> None:
    with pytest.raises(DecodeError):  # trying each way to read it would take hours
        parse_credentials(text)


def test_nonce_is_taken_once_for_each_count_in_any_near_order() -> None:
    nonces = Nonces(b"secret")
    nonce = nonces.make(NOW).encode()
    counts = [1, 2, 5, 3, 4, 6, 300, 299, 45, 44, 301]
    assert all(nonces.take("a", nonce, count, NOW) for count in counts)
    assert not any(nonces.take("a", nonce, count, NOW) for count in counts)
    assert not nonces.take("a", nonce, 7, NOW)  # too far behind to be known
    assert not nonces.take("a", nonce, 0, NOW)
    assert nonces.take("a", nonce, 0xFFFF_FFFF, NOW)
    assert nonces.take("b", nonce, 1, NOW)  # another user's business


@given(st.lists(st.integers(0, 600), max_size=60))
@settings(max_examples=100, deadline=None)
def test_no_count_is_ever_taken_twice(counts: list[int]) -> None:
    nonces = Nonces(b"secret")
    nonce = nonces.make(NOW).encode()
    taken = [count for count in counts if nonces.take("a", nonce, count, NOW)]
    assert len(taken) == len(set(taken))
    highest = 0
    for count in counts:  # whatever is new and near is taken
        if count and count not in taken:
            assert highest - count >= Nonces.WINDOW
        highest = max(highest, count)


def test_nonce_lives_for_five_minutes() -> None:
    nonces = Nonces(b"secret")
    nonce = nonces.make(NOW).encode()
    assert nonces.take("a", nonce, 1, later(NOW, LIFE_MS - 1))
    assert not nonces.take("a", nonce, 2, later(NOW, LIFE_MS))


def test_nonce_of_another_process_or_nobody_is_not_taken() -> None:
    nonce = Nonces(b"another").make(NOW).encode()
    nonces = Nonces(b"secret")
    own = nonces.make(NOW).encode()
    for wrong in (nonce, b"", b"x", b"\xff", own[:-4], b"B" + own[1:], own + own):
        assert not nonces.take("a", wrong, 1, NOW)


def test_no_two_nonces_are_the_same() -> None:
    nonces = Nonces(b"secret")
    assert len({nonces.make(NOW) for _ in range(100)}) == 100


def test_table_is_bounded_and_forgetting_allows_no_replay() -> None:
    nonces = Nonces(b"secret", capacity=4)
    made = [nonces.make(later(NOW, number)).encode() for number in range(10)]
    then = later(NOW, 10)
    assert all(nonces.take("a", nonce, 1, then) for nonce in made)
    assert len(nonces._used) == 4
    assert not any(nonces.take("a", nonce, 1, then) for nonce in made)
    assert nonces.take("a", made[-1], 2, then)


def test_table_forgets_what_is_too_old() -> None:
    nonces = Nonces(b"secret")
    for number in range(10):
        assert nonces.take("a", nonces.make(NOW).encode(), number + 1, NOW)
    end = later(NOW, LIFE_MS)
    assert nonces.take("a", nonces.make(end).encode(), 1, end)
    assert len(nonces._used) == 1


class Prover:
    """An initiator that answers challenges."""

    def __init__(self, username: str = "anna", password: str = "pä:ss") -> None:
        self.username, self.password = username, password

    def header(self, challenge: str, count: int = 1, uri: str = "/pap?a=b", **more: str) -> str:
        told = {
            name: value.strip('"')
            for name, _, value in (
                part.partition("=") for part in challenge.removeprefix("Digest ").split(", ")
            )
        }
        algorithm = Algorithm(told["algorithm"])
        hexdigest = {Algorithm.MD5: hashlib.md5, Algorithm.SHA_256: hashlib.sha256}[algorithm]

        def h(text: str) -> str:
            return hexdigest(text.encode()).hexdigest()

        realm = more.get("realm", told["realm"])
        ha1 = h(f"{self.username}:{realm}:{self.password}")
        proof = h(f"{ha1}:{told['nonce']}:{count:08x}:cn:auth:{h(f'POST:{uri}')}")
        text = (
            f'Digest username="{self.username}", realm="{realm}", uri="{uri}", '
            f'algorithm={algorithm.value}, nonce="{told["nonce"]}", nc={count:08x}, '
            f'cnonce="cn", qop=auth, response="{proof}"'
        )
        return text.encode().decode("latin-1")


ANNA = Prover()


def make(*known: Initiator, **more: object) -> Initiators:
    options = {"secret": b"s" * 32, "lockout": LockoutSettings(failures=5), **more}
    return Initiators(known or [Initiator("pi", "anna", "pä:ss")], **options)  # type: ignore[arg-type]


def judged(initiators: Initiators, authorization: str | None, now: Instant = NOW) -> Verdict:
    request = RequestCredentials(SOURCE, authorization, "POST", "/pap?a=b")
    verdict = initiators.identify(request, now)
    assert isinstance(verdict, Verdict)
    return verdict


def challenges(initiators: Initiators, now: Instant = NOW) -> tuple[str, ...]:
    refused = judged(initiators, None, now)
    assert isinstance(refused, Unidentified)
    return tuple(text for text in refused.challenges if text.startswith("Digest"))


IDENTIFIED = Identified("pi", authenticated=True, means=(Means.DIGEST,))


@pytest.mark.parametrize("number", [0, 1])
def test_initiator_that_answers_the_challenge_is_authenticated_until_it_replays(
    number: int,
) -> None:
    initiators = make()
    challenge = challenges(initiators)[number]
    header = ANNA.header(challenge)
    assert judged(initiators, header) == IDENTIFIED
    replayed = judged(initiators, header)
    assert isinstance(replayed, Unidentified)
    assert all("stale=true" in text for text in replayed.challenges if text[:6] == "Digest")
    assert judged(initiators, ANNA.header(challenge, 2)) == IDENTIFIED
    assert judged(initiators, ANNA.header(replayed.challenges[number])) == IDENTIFIED


def test_stale_nonce_is_said_only_to_who_knows_the_password() -> None:
    initiators = make()
    (challenge, _md5) = challenges(initiators)
    late = later(NOW, LIFE_MS)
    refused = judged(initiators, ANNA.header(challenge), late)
    assert isinstance(refused, Unidentified)
    assert "stale=true" in refused.challenges[0]
    for stranger in (Prover(password="wrong"), Prover("nobody")):
        refused = judged(initiators, stranger.header(challenge), late)
        assert isinstance(refused, Unidentified)
        assert "stale" not in "".join(refused.challenges)


def test_stale_nonces_lock_nobody_out() -> None:
    initiators = make()
    (challenge, _md5) = challenges(initiators)
    late = later(NOW, LIFE_MS)
    for _ in range(10):
        assert isinstance(judged(initiators, ANNA.header(challenge), late), Unidentified)
    assert judged(initiators, ANNA.header(challenges(initiators, late)[0]), late) == IDENTIFIED


@pytest.mark.parametrize(
    ("prover", "more"),
    [
        (Prover(password="wrong"), {}),
        (Prover("nobody"), {}),
        (ANNA, {"uri": "/pap"}),
        (ANNA, {"realm": "elsewhere"}),
    ],
)
def test_wrong_digest_is_refused(prover: Prover, more: dict[str, str]) -> None:
    initiators = make()
    refused = judged(initiators, prover.header(challenges(initiators)[0], **more))
    assert isinstance(refused, Unidentified)
    assert refused.reason == "the credentials are not right"


def test_stored_ha1_does_without_the_password_and_only_for_its_algorithm() -> None:
    ha1 = hashlib.md5("anna:PAP:pä:ss".encode()).hexdigest()
    initiators = make(Initiator("pi", "anna", digest_ha1_md5=ha1))
    (challenge,) = challenges(initiators)
    assert "algorithm=MD5" in challenge
    assert judged(initiators, ANNA.header(challenge)) == IDENTIFIED
    other = ANNA.header(challenge.replace("=MD5", "=SHA-256"), 2)
    assert isinstance(judged(initiators, other), Unidentified)


def test_algorithm_that_is_not_taken_is_refused() -> None:
    challenge = challenges(make())[1]
    initiators = make(schemes=[Scheme.DIGEST_SHA_256])
    assert len(challenges(initiators)) == 1
    assert isinstance(judged(initiators, ANNA.header(challenge)), Unidentified)
