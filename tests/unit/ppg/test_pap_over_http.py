"""The front door: what HTTP decides by itself, and what it hands on."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
from collections.abc import Callable
from typing import Any

import pytest

from omapush.core.instants import Instant
from omapush.pap import xml
from omapush.pap.model import BadMessageResponse
from omapush.ppg.acceptance import Acceptance
from omapush.ppg.authentication import Initiators
from omapush.ppg.credentials import Initiator, Scheme
from omapush.ppg.http import PapHttpSettings, PapOverHttp
from omapush.ppg.metrics import Metrics
from omapush.testing.memory_store import MemoryStore

NewAcceptance = Callable[..., Acceptance]
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
        self.body = b""

    async def receive(self) -> dict[str, Any]:
        if self.read >= len(self._events):
            await never()
        self.read += 1
        return self._events[self.read - 1]

    async def send(self, event: Any) -> None:
        if event["type"] == "http.response.start":
            self.status = event["status"]
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
def new_door(new_acceptance: NewAcceptance) -> Callable[..., PapOverHttp]:
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
    new_door: Callable[..., PapOverHttp],
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


async def test_body_that_grows_too_large_is_refused_without_reading_the_rest(
    new_door: Callable[..., PapOverHttp],
) -> None:
    exchange = Exchange(b"x" * 60, b"x" * 60, b"x" * 60, b"x" * 60)
    await new_door()(scope(), exchange.receive, exchange.send)
    assert exchange.status == 413
    assert exchange.read == 2


async def test_body_that_does_not_come_is_408(new_door: Callable[..., PapOverHttp]) -> None:
    exchange = Exchange(b"x", stall=True)
    await new_door(read_timeout_ms=10)(scope(), exchange.receive, exchange.send)
    assert exchange.status == 408
    assert exchange.headers[b"connection"] == b"close"


async def test_initiator_that_hangs_up_gets_no_answer_and_leaves_nothing(
    new_door: Callable[..., PapOverHttp], store: MemoryStore
) -> None:
    exchange = Exchange(b"x", stall=True, hang_up=True)
    await new_door()(scope(), exchange.receive, exchange.send)
    assert exchange.status is None
    assert (await store.counts()).deliveries == {}


@pytest.mark.parametrize("status", [202, 200])
async def test_whatever_is_taken_in_is_answered_with_pap(
    new_door: Callable[..., PapOverHttp], status: int
) -> None:
    exchange = Exchange(b"no", b"nsense")
    door = new_door(success_status=status)
    await door(scope(content_type=b"application/xml"), exchange.receive, exchange.send)
    assert exchange.status == status  # PAP 13.4.1: 202, whatever its quality
    assert exchange.headers[b"content-type"] == b"application/xml; charset=UTF-8"
    assert isinstance(xml.decode(exchange.body).message, BadMessageResponse)
