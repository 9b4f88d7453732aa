"""Credentials go to the host that they are for, in the best way that it offers, or not at all."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator

import httpx2
import pytest

from omapush.web.authentication import (
    CredentialsByHost,
    CredentialsError,
    DigestOrBasic,
    HostCredentials,
)
from omapush.web.outbound import (
    OutboundClient,
    OutboundError,
    OutboundFault,
    OutboundLimits,
    OutboundRequest,
)
from omapush.web.policy import OutboundPolicy

POLICY = OutboundPolicy()
MINE = HostCredentials("127.0.0.1", "terminal", "s3cret")
GIVEN = re.compile(r"^authorization: (.*)\r$", re.IGNORECASE | re.MULTILINE)
DIGEST = 'Digest realm="psr", qop="auth", algorithm={}, nonce="n{}"'


class Server:
    """Answers 401 with ``challenges`` until what comes proves knowledge of the password."""

    def __init__(self, *challenges: str) -> None:
        self.challenges = challenges
        self.given: list[str | None] = []
        self.body = ""
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode()
                    found = GIVEN.search(head)
                    self.given.append(found[1] if found else None)
                    writer.write(self.answer(head, self.given[-1]).encode())
                    await writer.drain()
        finally:
            writer.transport.abort()

    def answer(self, head: str, given: str | None) -> str:
        if given is not None and self.is_right(given, head.partition(" ")[0]):
            return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        asked = "".join(f"WWW-Authenticate: {challenge}\r\n" for challenge in self.challenges)
        return f"HTTP/1.1 401 No\r\n{asked}Content-Length: {len(self.body)}\r\n\r\n{self.body}"

    def is_right(self, given: str, method: str) -> bool:
        if not given.startswith("Digest "):
            return False
        said = dict(re.findall(r'(\w+)="?([^",]*)"?', given))
        algorithm = hashlib.sha256 if said["algorithm"] == "SHA-256" else hashlib.md5

        def digest(text: str) -> str:
            return algorithm(text.encode()).hexdigest()

        secret = digest(f"terminal:{said['realm']}:s3cret")
        request = digest(f"{method}:{said['uri']}")
        proof = (secret, said["nonce"], said["nc"], said["cnonce"], said["qop"], request)
        return said["response"] == digest(":".join(proof))


@contextlib.asynccontextmanager
async def serving(*challenges: str) -> AsyncIterator[Server]:
    made = Server(*challenges)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


@contextlib.asynccontextmanager
async def calling(*entries: HostCredentials) -> AsyncIterator[OutboundClient]:
    limits = OutboundLimits(timeout_ms=10_000, max_octets=64)
    client = OutboundClient(POLICY, limits, credentials=CredentialsByHost(entries))
    try:
        yield client
    finally:
        await client.close()


def post(server: Server, path: str = "/r?a=1") -> OutboundRequest:
    return OutboundRequest(POLICY.parse(f"http://127.0.0.1:{server.port}{path}"), "POST", body=b"")


@pytest.mark.parametrize(
    ("challenges", "algorithm"),
    [
        ([DIGEST.format("MD5", 1)], "MD5"),
        ([DIGEST.format("SHA-256", 1)], "SHA-256"),
        ([DIGEST.format("MD5", 1), 'Basic realm="psr"', DIGEST.format("SHA-256", 2)], "SHA-256"),
    ],
)
async def test_digest_is_answered_by_the_best_algorithm_and_then_sent_at_once(
    challenges: list[str], algorithm: str
) -> None:
    async with serving(*challenges) as server, calling(MINE) as client:
        server.body = "x" * 100_000  # of a refusal, and not read
        for _ in range(2):
            answer = await client.call(post(server))
            assert (answer.status, answer.body) == (200, b"ok")
        assert server.given[0] is None
        assert [f"algorithm={algorithm}" in str(given) for given in server.given[1:]] == [True] * 2


async def test_method_of_a_deregistration_is_part_of_the_proof() -> None:
    async with serving(DIGEST.format("SHA-256", 1)) as server, calling(MINE) as client:
        target = POLICY.parse(f"http://127.0.0.1:{server.port}/r/1")
        assert (await client.call(OutboundRequest(target, "DELETE"))).status == 200


@pytest.mark.parametrize(
    ("challenge", "entry"),
    [
        ('Basic realm="psr"', MINE),  # not without TLS
        (DIGEST.format("MD5", 1), HostCredentials("psr.example.net", "terminal", "s3cret")),
        (DIGEST.format("MD5", 1), HostCredentials("127.0.0.1", "terminal", "s3cret", "other")),
        ("Bearer", MINE),
        ("", MINE),
    ],
)
async def test_credentials_stay_where_they_are(challenge: str, entry: HostCredentials) -> None:
    async with serving(challenge) as server, calling(entry) as client:
        assert (await client.call(post(server))).status == 401
        assert set(server.given) == {None}


async def test_wrong_password_is_tried_once() -> None:
    wrong = HostCredentials("127.0.0.1", "terminal", "wrong")
    async with serving(DIGEST.format("MD5", 1)) as server, calling(wrong) as client:
        assert (await client.call(post(server))).status == 401
        assert len(server.given) == 2


async def test_challenge_that_nobody_can_answer_is_a_fault_of_security() -> None:
    async with serving(DIGEST.format("SHA3-512", 1)) as server, calling(MINE) as client:
        with pytest.raises(OutboundError, match="SHA3-512") as caught:
            await client.call(post(server))
        assert caught.value.fault is OutboundFault.SECURITY


async def test_credentials_do_not_follow_a_redirection_to_another_host() -> None:
    async with serving(DIGEST.format("MD5", 1)) as other, serving() as first:
        moved = f"http://localhost:{other.port}/b"
        first.answer = lambda *_: (  # type: ignore[method-assign]
            f"HTTP/1.1 307 Moved\r\nLocation: {moved}\r\nContent-Length: 0\r\n\r\n"
        )
        async with calling(MINE) as client:
            answer = await client.call(post(first), redirections=1, elsewhere=True)
        assert (answer.status, answer.url) == (401, moved)
        assert other.given == [None]


def test_basic_is_the_last_resort_under_tls() -> None:
    basic = base64.b64encode(b"terminal:s3cret").decode()
    target = POLICY.parse("https://psr.example.net/")
    found = CredentialsByHost([HostCredentials("PSR.example.net", "terminal", "s3cret")]).of(target)
    assert isinstance(found, DigestOrBasic)
    for challenges, expected in (
        (['Basic realm="x"'], f"Basic {basic}"),
        (['Basic realm="x"', DIGEST.format("MD5", 1)], 'Digest username="terminal"'),
    ):
        request = httpx2.Request("POST", target.url)
        flow = found.auth_flow(request)
        assert "Authorization" not in next(flow).headers
        headers = [("WWW-Authenticate", challenge) for challenge in challenges]
        again = flow.send(httpx2.Response(401, headers=headers, request=request))
        assert again.headers["Authorization"].startswith(expected)


def test_credentials_that_cannot_be_meant_are_refused_without_repeating_them() -> None:
    for entries in (
        [MINE, MINE],
        [HostCredentials("a", "x:y", "s3cret")],
        [HostCredentials("a", 'x"y', "s3cret")],
    ):
        with pytest.raises(CredentialsError) as caught:
            CredentialsByHost(entries)
        assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(MINE)
