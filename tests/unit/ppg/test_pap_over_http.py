"""The front door: what HTTP decides by itself, and what it hands on."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ipaddress
import threading
from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher

from omapush.core.instants import Instant
from omapush.pap import xml
from omapush.pap.model import BadMessageResponse
from omapush.ppg import digest
from omapush.ppg.acceptance import Acceptance
from omapush.ppg.authentication import Initiators
from omapush.ppg.credentials import ClientCertificate, Initiator, Scheme
from omapush.ppg.http import PapHttpSettings, PapOverHttp
from omapush.ppg.lockout import LockoutSettings
from omapush.ppg.metrics import Metrics
from omapush.ppg.passwords import Verification
from omapush.ppg.peer_certificate import SCOPE_KEY
from omapush.testing.memory_store import MemoryStore

NewAcceptance = Callable[..., Acceptance]
NewDoor = Callable[..., PapOverHttp]
NOW = Instant(1_700_000_000_000)
CHALLENGE = b'Basic realm="PAP", charset="UTF-8"'
BASIC = b"Basic " + base64.b64encode(b"weather:secret")
FENCED = b"Basic " + base64.b64encode(b"fenced:secret")


class Exchange:
    """One request in memory, given in pieces, and its answer."""

    def __init__(self, *pieces: bytes, hang_up: bool = False, stall: bool = False) -> None:
        self._events = [
            {"type": "http.request", "body": piece, "more_body": number + 1 < len(pieces) or stall}
            for number, piece in enumerate(pieces)
        ]
        if hang_up:
            self._events.append({"type": "http.disconnect"})
        self.read = 0
        self.status: int | None = None
        self.headers: dict[bytes, bytes] = {}
        self.all_headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def receive(self) -> dict[str, Any]:
        if self.read >= len(self._events):
            await never()
        self.read += 1
        return self._events[self.read - 1]

    async def send(self, event: Any) -> None:
        if event["type"] == "http.response.start":
            self.status = event["status"]
            self.all_headers = list(event["headers"])
            self.headers = dict(event["headers"])
        else:
            self.body += event["body"]


async def never() -> None:
    await asyncio.Event().wait()


def scope(
    path: str = "/pap", method: str = "POST", authorization: bytes | None = BASIC, **more: bytes
) -> dict[str, Any]:
    headers = [(name.replace("_", "-").encode(), value) for name, value in more.items()]
    if authorization is not None:
        headers.append((b"authorization", authorization))
    return {
        "type": "http",
        "path": path,
        "method": method,
        "headers": headers,
        "client": ("192.0.2.9", 4711),
    }


@pytest.fixture
def new_door(new_acceptance: NewAcceptance) -> NewDoor:
    def make(**settings: Any) -> PapOverHttp:
        initiators = Initiators(
            [
                Initiator("weather", "weather", "secret"),
                Initiator("fenced", "fenced", "secret", (ipaddress.ip_network("10.0.0.0/8"),)),
            ],
            secret=b"secret",
            schemes=[Scheme.BASIC],
        )
        limits = PapHttpSettings(max_entity=100, **settings)
        return PapOverHttp(new_acceptance(), initiators, Metrics(), limits, lambda: NOW)

    return make


@pytest.mark.parametrize(
    ("asked", "status", "header"),
    [
        (scope("/elsewhere"), 404, None),
        (scope(method="GET"), 405, (b"allow", b"POST")),
        (scope(authorization=None), 401, (b"www-authenticate", CHALLENGE)),
        (scope(authorization=b"Basic x"), 401, None),
        (scope(authorization=FENCED), 403, None),
        (scope(content_length=b"101"), 413, (b"connection", b"close")),
    ],
)  # fmt: skip
async def test_request_refused_by_its_head_is_not_read(
    new_door: NewDoor,
    asked: dict[str, Any],
    status: int,
    header: tuple[bytes, bytes] | None,
) -> None:
    exchange = Exchange(b"x" * 101)
    await new_door()(asked, exchange.receive, exchange.send)
    assert exchange.status == status
    assert exchange.read == 0
    assert exchange.headers[b"content-length"] == str(len(exchange.body)).encode()
    if header is not None:
        assert exchange.headers[header[0]] == header[1]


async def test_two_authorization_headers_are_400_even_if_both_are_right(new_door: NewDoor) -> None:
    exchange = Exchange(b"x")
    twice = scope()
    twice["headers"] = twice["headers"] * 2
    await new_door()(twice, exchange.receive, exchange.send)
    assert exchange.status == 400


async def test_body_that_grows_too_large_is_refused_without_reading_the_rest(
    new_door: NewDoor,
) -> None:
    exchange = Exchange(b"x" * 60, b"x" * 60, b"x" * 60, b"x" * 60)
    await new_door()(scope(), exchange.receive, exchange.send)
    assert exchange.status == 413
    assert exchange.read == 2


async def test_body_that_does_not_come_is_408(new_door: NewDoor) -> None:
    exchange = Exchange(b"x", stall=True)
    await new_door(read_timeout_ms=10)(scope(), exchange.receive, exchange.send)
    assert exchange.status == 408
    assert exchange.headers[b"connection"] == b"close"


async def test_initiator_that_hangs_up_gets_no_answer_and_leaves_nothing(
    new_door: NewDoor, store: MemoryStore
) -> None:
    exchange = Exchange(b"x", stall=True, hang_up=True)
    await new_door()(scope(), exchange.receive, exchange.send)
    assert exchange.status is None
    assert (await store.counts()).deliveries == {}


@pytest.mark.parametrize("status", [202, 200])
async def test_whatever_is_taken_in_is_answered_with_pap(new_door: NewDoor, status: int) -> None:
    exchange = Exchange(b"no", b"nsense")
    door = new_door(success_status=status)
    await door(scope(content_type=b"application/xml"), exchange.receive, exchange.send)
    assert exchange.status == status  # PAP 13.4.1: 202, whatever its quality
    assert exchange.headers[b"content-type"] == b"application/xml; charset=UTF-8"
    assert isinstance(xml.decode(exchange.body).message, BadMessageResponse)


HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("secret")
KEY = "k" * 40


@pytest.fixture
def guarded(new_acceptance: NewAcceptance) -> PapOverHttp:
    """A door for initiators of each kind, that locks out after three failures."""
    initiators = Initiators(
        [
            Initiator("weather", "weather", HASH),
            Initiator("digest", "anna", "secret"),
            Initiator("key", api_keys_sha256=(hashlib.sha256(KEY.encode()).hexdigest(),)),
            Initiator("certified", certificate_names=("pi.example.net",)),
        ],
        secret=b"secret",
        lockout=LockoutSettings(failures=3, locked_ms=1_500),
    )
    return PapOverHttp(new_acceptance(), initiators, Metrics(), PapHttpSettings(), lambda: NOW)


async def asked(door: PapOverHttp, **more: Any) -> Exchange:
    exchange = Exchange(b"nonsense")
    about = scope(authorization=more.pop("authorization", None))
    await door({**about, **more}, exchange.receive, exchange.send)
    return exchange


async def test_each_scheme_has_its_own_challenge(guarded: PapOverHttp) -> None:
    refused = await asked(guarded)
    assert refused.status == 401
    offered = [value.split()[0] for name, value in refused.all_headers if b"auth" in name]
    assert offered == [b"Digest", b"Digest", b"Basic", b"Bearer"]


async def test_password_kept_as_a_hash_is_verified(guarded: PapOverHttp) -> None:
    assert (await asked(guarded, authorization=BASIC)).status == 202
    assert (await asked(guarded, authorization=BASIC + b"x")).status == 401


async def test_api_key_and_certificate_are_handed_on(guarded: PapOverHttp) -> None:
    assert (await asked(guarded, authorization=b"Bearer " + KEY.encode())).status == 202
    certificate = ClientCertificate("ab" * 32, ("pi.example.net",))
    assert (await asked(guarded, **{SCOPE_KEY: certificate})).status == 202
    assert (await asked(guarded, **{SCOPE_KEY: None})).status == 401


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [(b"/pap", b"a=%20b", 202), (b"/p%61p", b"a=%20b", 401), (b"/pap", b"", 401)],
)
async def test_digest_is_of_the_request_target_as_it_was_sent(
    guarded: PapOverHttp, path: bytes, query: bytes, status: int
) -> None:
    (challenge, *_more) = [v for n, v in (await asked(guarded)).all_headers if b"auth" in n]
    nonce = challenge.partition(b'nonce="')[2].partition(b'"')[0].decode()
    ha1 = digest.ha1(digest.Algorithm.SHA_256, "anna", "secret")
    ha2 = hashlib.sha256(b"POST:/pap?a=%20b").hexdigest()
    proof = hashlib.sha256(f"{ha1}:{nonce}:00000001:c:auth:{ha2}".encode()).hexdigest()
    header = (
        f'Digest username="anna", realm="PAP", uri="/pap?a=%20b", algorithm=SHA-256, qop=auth, '
        f'nonce="{nonce}", nc=00000001, cnonce="c", response="{proof}"'
    )
    answered = await asked(
        guarded, authorization=header.encode(), raw_path=path, query_string=query
    )
    assert answered.status == status


async def test_source_that_guesses_gets_429_and_is_told_when_to_come_back(
    guarded: PapOverHttp,
) -> None:
    for _ in range(3):
        wrong = b"Basic " + base64.b64encode(b"anna:guess")
        assert (await asked(guarded, authorization=wrong)).status == 401
    refused = await asked(guarded, authorization=BASIC)
    assert refused.status == 429
    assert refused.headers[b"retry-after"] == b"2"


async def test_too_many_verifications_are_503(
    guarded: PapOverHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def verify(verification: Verification) -> bool:
        release.wait(30)
        return False

    monkeypatch.setattr(Verification, "verify", verify)
    guesses = [b"Basic " + base64.b64encode(b"weather:%d" % number) for number in range(18)]
    tasks = [asyncio.create_task(asked(guarded, authorization=guess)) for guess in guesses]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    busy = await asked(guarded, authorization=BASIC)
    assert busy.status == 503
    assert busy.headers[b"retry-after"] == b"1"
    release.set()
    answered = [exchange.status for exchange in await asyncio.gather(*tasks)]
    # That they are all guessed at the same time does not make more guesses.
    assert (answered.count(401), answered.count(429)) == (3, 15)
