"""What goes out for credentials, and what never does."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.errors import DecodeError
from omapush.core.instants import Instant
from omapush.initiator.client import (
    CredentialsError,
    HttpRefusalError,
    PushInitiator,
    SubmissionResult,
    TlsFilesError,
)
from omapush.pap import model, xml
from omapush.pap.entity import split
from omapush.ppg import digest
from omapush.testing.authority import Authority

URL = "http://ppg.example.net/pap?from=test"
USERNAME, PASSWORD = "wetter-ä", "s3cret: ö"


def accepted(request: httpx2.Request) -> httpx2.Response:
    message = xml.decode(split(request.headers["Content-Type"], request.content).control).message
    assert isinstance(message, model.PushMessage)
    response = model.PushResponse(message.push_id, model.ResponseResult(1001, "Accepted"))
    return httpx2.Response(202, content=xml.encode(model.Pap(response)))


class Gateway:
    """Admits by Digest, with what the real gateway computes; notes what it was sent.

    :param challenges: what it asks for; the nonce is ``n``.
    """

    def __init__(self, *challenges: str) -> None:
        self.challenges = challenges
        self.authorizations: list[str | None] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        given = request.headers.get("Authorization")
        self.authorizations.append(given)
        if given is None or not self.admits(given):
            headers = [(b"WWW-Authenticate", each.encode()) for each in self.challenges]
            return httpx2.Response(401, headers=headers, text="who are you?")
        return accepted(request)

    def admits(self, authorization: str) -> bool:
        scheme, _, text = authorization.partition(" ")
        if scheme != "Digest":
            return False
        try:
            read = digest.parse_credentials(text.encode().decode("latin-1"))
        except DecodeError:
            return False
        ha1 = digest.ha1(read.algorithm, USERNAME, PASSWORD)
        return digest.response(ha1, "POST", read) == read.response

    async def submit(self, times: int = 1) -> SubmissionResult:
        transport = httpx2.MockTransport(self)
        async with PushInitiator(
            URL, username=USERNAME, password=PASSWORD, digest=True, transport=transport
        ) as initiator:
            for _ in range(times):
                result = await initiator.submit(["+44"], None, b"hello", "text/plain")
        return result


def challenge(algorithm: digest.Algorithm) -> str:
    nonce = digest.Nonces(b"secret").make(Instant(0))
    return digest.challenge(algorithm, nonce, stale=False)


SHA_256 = challenge(digest.Algorithm.SHA_256)
MD5 = challenge(digest.Algorithm.MD5)
SHA_512_256 = SHA_256.replace("SHA-256", "SHA-512-256")


@pytest.mark.parametrize(
    ("challenges", "chosen"),
    [
        ((SHA_256,), "SHA-256"),
        ((MD5,), "MD5"),
        ((MD5, SHA_256), "SHA-256"),
        ((SHA_512_256, 'Basic realm="PAP"', MD5), "MD5"),
        ((MD5.replace("algorithm=MD5, ", ""),), "MD5"),
    ],
)
async def test_initiator_answers_the_best_digest_challenge_that_it_speaks(
    challenges: tuple[str, ...], chosen: str
) -> None:
    gateway = Gateway(*challenges)
    assert (await gateway.submit()).accepted
    first, answer = gateway.authorizations
    assert first is None
    assert answer is not None
    assert f"algorithm={chosen}," in answer


async def test_initiator_uses_a_nonce_again_with_another_count() -> None:
    gateway = Gateway(SHA_256)
    assert (await gateway.submit(times=3)).accepted
    first, *answers = gateway.authorizations
    assert first is None
    counts = [found[1] for text in answers if (found := re.search(r"nc=([0-9a-f]{8})", text or ""))]
    assert len(answers) == 3
    assert counts == ["00000001", "00000002", "00000003"]


@pytest.mark.parametrize(
    "challenges",
    [
        (),
        ('Basic realm="PAP"',),
        (SHA_512_256,),
        ('Digest realm="PAP"',),
        ("Digest nonsense",),
        (SHA_256.replace('qop="auth"', 'qop="auth-int"'),),
        (SHA_256.replace('qop="auth"', 'qop="other"'),),
    ],
)
async def test_challenge_that_cannot_be_answered_is_a_refusal_and_gives_nothing_away(
    challenges: tuple[str, ...],
) -> None:
    gateway = Gateway(*challenges)
    with pytest.raises(HttpRefusalError) as caught:
        await gateway.submit()
    assert caught.value.status == 401
    assert gateway.authorizations == [None]


async def test_wrong_password_is_tried_once_and_not_told() -> None:
    gateway = Gateway(SHA_256.replace("PAP", "another realm"))
    with pytest.raises(HttpRefusalError) as caught:
        await gateway.submit()
    assert caught.value.status == 401
    assert len(gateway.authorizations) == 2
    assert "s3cret" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(
    st.text(alphabet='aD"=, \\;-5MnorSHA\x85é', max_size=60)
    | st.sampled_from(["realm=", "nonce=", "qop=auth", 'opaque="', "algorithm=md5-sess"])
)
async def test_any_challenge_is_answered_or_a_refusal(text: str) -> None:
    gateway = Gateway(f'Digest realm="x", nonce="n", {text}')
    with pytest.raises(HttpRefusalError):
        await gateway.submit()
    assert len(gateway.authorizations) in (1, 2)


async def test_api_key_is_sent_as_a_bearer_token() -> None:
    asked: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return accepted(request)

    transport = httpx2.MockTransport(handler)
    async with PushInitiator(URL, api_key="pi_a.b-c~d+e/f==", transport=transport) as initiator:
        await initiator.submit(["+44"], None, b"hello", "text/plain")
    assert asked[0].headers["Authorization"] == "Bearer pi_a.b-c~d+e/f=="


@pytest.mark.parametrize(
    "arguments",
    [
        {"username": "me", "api_key": "s3cret"},
        {"digest": True},
        {"digest": True, "api_key": "s3cret"},
        {"api_key": ""},
        {"api_key": "s3cret\n"},
        {"api_key": "s3cret key"},
        {"username": 'm"e', "password": "s3cret", "digest": True},
        {"username": "m:e", "password": "s3cret"},
        {"ca_file": Path("ca.pem")},
    ],
)
def test_credentials_that_cannot_be_sent_are_refused_and_not_told(
    arguments: dict[str, object],
) -> None:
    with pytest.raises(CredentialsError) as caught:
        PushInitiator(URL, **arguments)  # type: ignore[arg-type] # of several types
    assert "s3cret" not in str(caught.value)


def test_credentials_in_the_url_are_refused_and_not_told() -> None:
    with pytest.raises(CredentialsError) as caught:
        PushInitiator("http://me:s3cret@ppg.example.net/pap")
    assert "s3cret" not in str(caught.value)


def test_files_for_tls_are_read_at_once_and_named_when_they_are_of_no_use(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.sign("me", "DNS:me.example.net")
    ca, me, key = (tmp_path / name for name in ("ca.pem", "me.pem", "me.key"))
    url = "https://ppg.example.net/pap"
    PushInitiator(url, ca_file=ca, certificate=me, key=key)
    both = tmp_path / "both.pem"
    both.write_bytes(me.read_bytes() + key.read_bytes())
    PushInitiator(url, certificate=both)
    cases: list[tuple[dict[str, Path], str]] = [
        ({"ca_file": tmp_path / "none.pem"}, "none.pem: No such file"),
        ({"ca_file": key}, "me.key: not in PEM"),
        ({"certificate": me}, "me.pem: not in PEM"),
        ({"certificate": me, "key": tmp_path / "ca.key"}, "ca.key: not in PEM"),
        ({"key": key}, "a key needs its certificate"),
    ]
    for files, said in cases:
        with pytest.raises(TlsFilesError) as caught:
            PushInitiator(url, **files)  # type: ignore[arg-type] # paths only
        assert said in str(caught.value)


def test_md5_is_what_an_old_gateway_computes() -> None:
    # RFC 7616 3.9.1, so that the pair above is not right by agreeing with itself alone.
    ha1 = hashlib.md5(b"Mufasa:http-auth@example.org:Circle of Life").hexdigest()
    header = (
        'username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=MD5, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
        'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
        'response="8ca523f5e9506fed4657c9700eebdbec"'
    )
    read = digest.parse_credentials(header)
    assert digest.response(ha1, "GET", read) == read.response
