"""Looking addresses up over HTTP: answers, bounds, and where the gateway may connect to."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.pap import address as addressing
from omapush.ppg.resolution.bounded import LookUpLimits
from omapush.ppg.resolution.http import MAX_ANSWER_OCTETS, HttpResolver, Service, read_answer
from omapush.ppg.resolution.port import (
    NOBODY,
    ClientFound,
    GroupFound,
    NotServed,
    ResolverMisconfigured,
    ResolverUnavailable,
)
from omapush.web.policy import OutboundPolicy

LOOPBACK = OutboundPolicy()
NO_LOOPBACK = OutboundPolicy((ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))
PATIENT = LookUpLimits(timeout_ms=30_000, at_a_time=4, max_members=3)
PHONE = addressing.parse("+441")


def answer(body: object, status: str = "200 OK", more: str = "") -> bytes:
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(octets)}\r\n{more}\r\n"
    return head.encode() + octets


class Directory:
    """A web service that answers each path as ``answers`` says, and 404 otherwise.

    :ivar under_way: requests being answered now, and the most there ever were.
    """

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.heads: list[str] = []
        self.under_way = 0
        self.most_under_way = 0
        self.silent = False
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.under_way += 1
                self.most_under_way = max(self.under_way, self.most_under_way)
                path = head.split(" ", 2)[1]
                self.requests.append(path)
                self.heads.append(head)
                for _ in range(5):
                    await asyncio.sleep(0)
                self.under_way -= 1
                if not self.silent:
                    writer.write(self.answers.get(path, answer({}, "404 Not Found")))
                    await writer.drain()
        writer.close()

    def resolver(
        self,
        path: str = "/{type}/{address}",
        targets: OutboundPolicy = LOOPBACK,
        limits: LookUpLimits = PATIENT,
        token: str | None = None,
    ) -> HttpResolver:
        url = f"http://localhost:{self.port}{path}"
        return HttpResolver(Service(url, token), targets, limits)


@pytest.fixture
async def directory() -> AsyncIterator[Directory]:
    directory = Directory()
    server = await asyncio.start_server(directory.serve, "localhost", 0, family=2)
    directory.port = server.sockets[0].getsockname()[1]
    async with server:
        yield directory


async def test_service_leads_addresses_to_clients_groups_and_nobody(directory: Directory) -> None:
    directory.answers = {
        "/PLMN/%2B441": answer({"client": "anna", "since": 2020}),
        "/USER/north": answer({"group": ["+441", {"client": "b"}, 7], "name": "North"}),
        "/USER/south": answer({"group": ["+441"]}),
        "/USER/gone": answer({}, "410 Gone"),
        "/USER/empty": answer({"group": []}),
        "/USER/big": answer({"group": ["+1"] * 4}),
    }
    resolver = directory.resolver(token="secret")
    wanted = ["+441", "north/TYPE=USER", "south/TYPE=USER", "gone/TYPE=USER", "x/TYPE=USER"]
    wanted += ["empty/TYPE=USER", "big/TYPE=USER"]
    found = await resolver.resolve([addressing.parse(text) for text in wanted])
    assert found[0] == ClientFound("anna")
    assert isinstance(found[1], GroupFound)
    assert (found[1].name, found[1].members[:2]) == ("North", (PHONE, ClientFound("b")))
    assert isinstance(found[1].members[2], NotServed)
    assert found[2] == GroupFound("south", (PHONE,))
    assert found[3:6] == [NOBODY] * 3
    assert found[6] == NotServed("is a group of more than 3 members")
    await resolver.close()
    assert "secret" not in repr(resolver) + repr(Service("http://x/", "secret"))
    for head in directory.heads:
        assert f"Host: localhost:{directory.port}\r\n" in head
        assert "Authorization: Bearer secret\r\n" in head


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a%2F..%2Fb/TYPE=USER", "/USER/a%2F..%2Fb"),
        ("../TYPE=USER", "/USER/%2E%2E"),
        ("%3Fx%23y%25z/TYPE=USER", "/USER/%3Fx%23y%25z"),
        ("j%C3%BCrgen%0D%0AX:/TYPE=USER".replace(":", "%3A"), "/USER/j%C3%BCrgen%0D%0AX%3A"),
    ],
)
async def test_address_stays_within_its_place_in_the_url(
    directory: Directory, text: str, path: str
) -> None:
    resolver = directory.resolver()
    assert await resolver.resolve([addressing.parse(text)]) == [NOBODY]
    assert directory.requests == [path]
    await resolver.close()


async def test_query_of_the_template_is_filled_in(directory: Directory) -> None:
    resolver = directory.resolver("/find?a={address}&q={qualifiers}&fixed=1")
    await resolver.resolve([addressing.parse("+441/PORT=9/TYPE=PLMN")])
    assert directory.requests == ["/find?a=%2B441&q=PORT%3D9&fixed=1"]
    await resolver.close()


@pytest.mark.parametrize(
    "reply",
    [
        answer({"client": "anna"}, "500 Internal Server Error"),
        answer({"client": "anna"}, "401 Unauthorized"),
        answer({}, "302 Found", "Location: /elsewhere\r\n"),
        answer(b"", "204 No Content"),
        answer(b"<html>"),
        answer(b"\xff\xfe"),
        answer(b"[" * 100_000),
        answer({"client": ""}),
        answer({"client": 7}),
        answer({"client": "a", "group": ["+1"]}),
        answer({"group": "anna"}),
        answer(["anna"]),
        answer(b" " * (MAX_ANSWER_OCTETS + 1)),
        answer(b"\x1f\x8b\x08", more="Content-Encoding: gzip\r\n"),
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{",
    ],
    ids=lambda reply: repr(reply[:60]),
)
async def test_answer_of_another_form_is_no_answer(directory: Directory, reply: bytes) -> None:
    directory.answers["/PLMN/%2B441"] = reply
    limits = LookUpLimits(timeout_ms=100 if reply.endswith(b"{") else 30_000)
    resolver = directory.resolver(limits=limits)
    with pytest.raises(ResolverUnavailable):
        await resolver.resolve([PHONE])
    await resolver.close()


async def test_service_that_is_silent_or_away_is_unavailable(directory: Directory) -> None:
    directory.silent = True
    resolver = directory.resolver(limits=LookUpLimits(timeout_ms=100, at_a_time=1))
    for _ in range(3):  # more than there are connections: each is given back
        with pytest.raises(ResolverUnavailable, match=r"in time|Timeout"):
            await resolver.resolve([PHONE])
    await resolver.close()
    away = HttpResolver(Service("http://127.0.0.1:1/{address}"), LOOPBACK, PATIENT)
    with pytest.raises(ResolverUnavailable, match="away"):
        await away.resolve([PHONE])
    await away.close()


async def test_name_of_the_host_is_resolved_once_a_call(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    resolve, asked = loop.getaddrinfo, []

    async def getaddrinfo(host: str, *args: Any, **options: Any) -> Any:
        if options.get("type") and host == "localhost":
            asked.append(host)
        return await resolve(host, *args, **options)

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    resolver = directory.resolver()
    for call in (1, 2):
        await resolver.resolve([PHONE] * 10)
        assert len(asked) == call
    await resolver.close()


async def test_closed_resolver_is_unavailable(directory: Directory) -> None:
    resolver = directory.resolver()
    await resolver.close()
    with pytest.raises(ResolverUnavailable, match="closed"):
        await resolver.resolve([PHONE])


async def test_look_ups_at_a_time_are_bounded(directory: Directory) -> None:
    resolver = directory.resolver(limits=LookUpLimits(timeout_ms=30_000, at_a_time=3))
    calls = [resolver.resolve([PHONE] * 20) for _ in range(3)]
    assert await asyncio.gather(*calls) == [[NOBODY] * 20] * 3
    assert 1 < directory.most_under_way <= 3
    await resolver.close()


async def test_more_callers_than_may_wait_are_refused_at_once(directory: Directory) -> None:
    resolver = directory.resolver(limits=LookUpLimits(timeout_ms=30_000, most_waiting=2))
    calls = [asyncio.create_task(resolver.resolve([PHONE])) for _ in range(3)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert outcomes[:2] == [[NOBODY], [NOBODY]]
    assert isinstance(outcomes[2], ResolverUnavailable)
    assert await resolver.resolve([PHONE]) == [NOBODY]
    await resolver.close()


async def test_host_whose_address_policy_forbids_is_not_called(directory: Directory) -> None:
    resolver = directory.resolver(targets=NO_LOOPBACK)
    with pytest.raises(ResolverUnavailable, match="policy forbids"):
        await resolver.resolve([PHONE])
    assert directory.requests == []
    await resolver.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://{address}/", "behind the host"),
        ("http://x.{type}.example/{address}", "behind the host"),
        ("http://{address}@host/", "behind the host"),
        ("{address}://host/", "behind the host"),
        ("http://host/", "missing"),
        ("http://host/{adress}", "not known"),
        ("ftp://host/{address}", "http"),
        ("/{address}", "behind"),
        ("http://169.254.169.254/{address}", "forbids"),
        ("http://user:secret@host/{address}", "credentials"),
    ],
)
def test_url_of_no_known_form_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ResolverMisconfigured, match=reason) as caught:
        HttpResolver(Service(url), LOOPBACK, PATIENT)
    assert "secret" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["client", "group", "name"]) | st.text(max_size=3), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_an_answer_or_unavailable(body: bytes) -> None:
    with contextlib.suppress(ResolverUnavailable):
        assert isinstance(read_answer(body, PHONE, 3), ClientFound | GroupFound | NotServed)
