"""The Push Service Registration procedure against a real server: what succeeds, fails, and why."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from omapush.cai.model import Reason
from omapush.client.service_registration.procedure import (
    ServiceRegistrationClient,
    ServiceRegistrationFailed,
)
from omapush.ota.interface import ClientCapabilities
from omapush.ota.service_registration import (
    MAX_OCTETS,
    RegisteredProfile,
    ServiceRegistration,
    ServiceRegistrationRequest,
)
from omapush.testing.authority import Authority
from omapush.testing.registration_server import (
    DigestUser,
    RegistrationServer,
    running_registration_server,
)
from omapush.web.authentication import CredentialsByHost, HostCredentials
from omapush.web.policy import OutboundPolicy

REQUEST = ServiceRegistrationRequest(
    ClientCapabilities(accept=("text/plain",), accept_app_id=("x-oma-application:dpe.ua",)),
    ("OTA-HTTP",),
    "4165012322222",
)
PROFILES = (RegisteredProfile("OTA-HTTP", "GPRS", 4035, "192.0.2.10", priority=1),)
MINE = HostCredentials("127.0.0.1", "terminal", "s3cret")
XML = {"Content-Type": "application/xml"}


@pytest.fixture
async def server() -> AsyncIterator[RegistrationServer]:
    answer = ServiceRegistration(expires_seconds=86_400, profiles=PROFILES)
    async with running_registration_server(answer) as made:
        yield made


@pytest.fixture
async def client() -> AsyncIterator[ServiceRegistrationClient]:
    made = ServiceRegistrationClient(OutboundPolicy(), 10_000, CredentialsByHost([MINE]))
    yield made
    await made.close()


async def failure_of(
    client: ServiceRegistrationClient, url: str, *, ending: bool = False
) -> ServiceRegistrationFailed:
    with pytest.raises(ServiceRegistrationFailed) as caught:
        await (client.deregister(url) if ending else client.register(url, REQUEST))
    return caught.value


async def test_client_registers_refreshes_and_deregisters(
    server: RegistrationServer, client: ServiceRegistrationClient
) -> None:
    first = await client.register(server.url, REQUEST)
    assert first.answer == ServiceRegistration("r1", 86_400, (), PROFILES)
    assert server.requests == [REQUEST]
    assert first.location == server.url.replace("/register", "/registrations/r1")
    again = await client.register(first.location, REQUEST)
    assert (again, server.registrations) == (first, {"r1": 1})
    await client.deregister(first.location)
    assert (server.registrations, server.ended) == ({}, ["r1"])
    await client.deregister(first.location)  # the server knows it no more: it has ended


async def test_answer_without_content_leaves_the_provisioned_profile(
    server: RegistrationServer, client: ServiceRegistrationClient
) -> None:
    server.answer = None
    registered = await client.register(server.url, REQUEST)
    assert registered.answer is None
    assert registered.location is not None


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_client_answers_a_digest_challenge(
    server: RegistrationServer, client: ServiceRegistrationClient, algorithm: str
) -> None:
    server.user = DigestUser("terminal", "s3cret", algorithm)
    registered = await client.register(server.url, REQUEST)
    assert registered.location is not None
    await client.deregister(registered.location)
    assert server.ended == ["r1"]


async def test_wrong_password_is_a_security_failure(
    server: RegistrationServer, client: ServiceRegistrationClient
) -> None:
    server.user = DigestUser("terminal", "another")
    failure = await failure_of(client, server.url)
    assert (failure.cause, failure.status) == (Reason.SECURITY_FAILURE, 401)
    assert "s3cret" not in str(failure)


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (400, Reason.REFUSED_BY_SERVER),
        (401, Reason.SECURITY_FAILURE),
        (403, Reason.REFUSED_BY_SERVER),
        (404, Reason.REFUSED_BY_SERVER),
        (406, Reason.REFUSED_BY_SERVER),
        (410, Reason.REFUSED_BY_SERVER),
        (202, Reason.SERVER_ERROR),
        (301, Reason.SERVER_ERROR),
        (500, Reason.SERVER_ERROR),
        (503, Reason.SERVER_ERROR),
    ],
)
async def test_refusal_by_the_server_says_why(
    server: RegistrationServer, client: ServiceRegistrationClient, status: int, cause: Reason
) -> None:
    server.status = status
    failure = await failure_of(client, server.url)
    assert (failure.cause, failure.status) == (cause, status)
    assert str(status) in failure.detail
    assert failure.is_gone == (status in (404, 410))


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("7", 7_000),
        ("99999999999", 86_400_000),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("", None),
    ],
)
async def test_wait_that_the_server_asks_for_is_heard(
    server: RegistrationServer, client: ServiceRegistrationClient, said: str, heard: int | None
) -> None:
    server.status, server.headers = 503, {"Retry-After": said}
    assert (await failure_of(client, server.url)).retry_after_ms == heard


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (XML, b""),
        (XML, b"<registration/>"),
        (XML, b"<push-registration>" + b" " * MAX_OCTETS + b"</push-registration>"),
        ({"Content-Type": "text/html"}, b"<push-registration/>"),
        ({**XML, "Content-Encoding": "gzip"}, b"<push-registration/>"),
        (XML, b'<!DOCTYPE a SYSTEM "http://192.0.2.1/"><push-registration/>'),
    ],
)
async def test_answer_that_is_none_is_an_error_of_the_server(
    server: RegistrationServer,
    client: ServiceRegistrationClient,
    headers: dict[str, str],
    body: bytes,
) -> None:
    server.status, server.headers, server.body = 200, headers, body
    failure = await failure_of(client, server.url)
    assert failure.cause is Reason.SERVER_ERROR
    assert "cannot be read" in failure.detail


async def test_deregistration_that_the_server_refuses_has_not_happened(
    server: RegistrationServer, client: ServiceRegistrationClient
) -> None:
    location = (await client.register(server.url, REQUEST)).location or ""
    server.status = 403
    failure = await failure_of(client, location, ending=True)
    assert failure.cause is Reason.REFUSED_BY_SERVER


async def test_server_that_is_away_is_a_network_error(client: ServiceRegistrationClient) -> None:
    async with running_registration_server() as server:
        url = server.url
    assert (await failure_of(client, url)).cause is Reason.NETWORK_ERROR


async def test_name_that_does_not_resolve_is_a_network_error(
    client: ServiceRegistrationClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolves(*_asked: object, **_more: object) -> list[Any]:
        raise OSError("Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolves)
    failure = await failure_of(client, "http://nowhere.invalid/register")
    assert failure.cause is Reason.NETWORK_ERROR


async def test_server_that_never_answers_is_a_timeout(server: RegistrationServer) -> None:
    server.hangs = True
    client = ServiceRegistrationClient(OutboundPolicy(), 50)
    assert (await failure_of(client, server.url)).cause is Reason.TIMEOUT
    await client.close()


async def test_redirection_keeps_the_method_and_is_judged(
    server: RegistrationServer, client: ServiceRegistrationClient
) -> None:
    async with running_registration_server() as first:
        first.status, first.headers = 307, {"Location": server.url}
        registered = await client.register(first.url, REQUEST)
        # The registration is named relative to the server that made it.
        assert registered.location == server.url.replace("/register", "/registrations/r1")
        assert server.requests == [REQUEST]
        first.headers = {"Location": "http://169.254.169.254/latest/"}
        assert (await failure_of(client, first.url)).cause is Reason.PERMISSION_DENIED
        first.headers = {"Location": first.url}
        assert (await failure_of(client, first.url)).cause is Reason.SERVER_ERROR
        assert first.count == 2 + 4  # the last was followed three times


async def test_no_request_goes_to_an_address_that_policy_forbids(
    server: RegistrationServer,
) -> None:
    loopback = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
    client = ServiceRegistrationClient(OutboundPolicy(forbidden=loopback), 10_000)
    for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
        assert (await failure_of(client, url)).cause is Reason.PERMISSION_DENIED
    assert server.count == 0
    await client.close()


async def test_server_has_to_prove_its_name_by_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.sign("right", "IP:127.0.0.1")
    authority.sign("wrong", "DNS:psr.example.net")
    believed = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    outcomes = []
    for name, context in (("right", believed), ("wrong", believed), ("right", None)):
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        client = ServiceRegistrationClient(OutboundPolicy(), 10_000, context=context)
        async with running_registration_server(context=serving) as server:
            try:
                await client.register(server.url, REQUEST)
            except ServiceRegistrationFailed as error:
                outcomes.append(error.cause)
            else:
                outcomes.append(None)
            await client.close()
    assert outcomes == [None, Reason.SECURITY_FAILURE, Reason.SECURITY_FAILURE]
