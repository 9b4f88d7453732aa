"""OTA-HTTP as the gateway's settings have it: requests to dial in, passwords, TLS, faults."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from omapush.bearers.tcp import TcpBearer
from omapush.content.application_id import ApplicationId
from omapush.core.instants import Instant
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_table import Endpoint, SettingsError
from omapush.daemon.terminal_settings import TerminalsTable
from omapush.daemon.terminals import (
    SecureBearer,
    check_terminals,
    connection_request,
    terminal_secrets,
    terminal_ways,
)
from omapush.daemon.tls import serving_context
from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings
from omapush.ota.interface import BearerUnavailable, SecurityFailure
from omapush.ppg.recipients import Recipients
from omapush.ppg.terminal.metrics import TerminalMetrics
from omapush.testing.authority import Authority
from omapush.testing.daemons import free_port
from omapush.testing.memory_store import MemoryStore

METRICS = TerminalMetrics()
POINT = Endpoint("203.0.113.5", 4035)
MMS = ApplicationId.parse("x-wap-application:mms.ua")
ADDRESS = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
CLIENT = {"id": "anna", "addresses": [ADDRESS], "ota_http_dials_in": True}
PASSWORD_FREE = {**CLIENT, "terminal_id": "00anna_x.net"}


def settings_of(ota_http: dict[str, Any], *clients: dict[str, Any]) -> PpgSettings:
    return PpgSettings.model_validate({"ota_http": ota_http, "clients": list(clients)})


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.sign("gateway", "IP:127.0.0.1")
    return made


@pytest.mark.parametrize(
    ("tag", "octets"),
    [
        (None, "01 02 b2 84 00 07 44 0f c3 cb 00 71 05 01 00"),
        ("e6512c52", "01 02 b2 84 00 07 44 0f c3 cb 00 71 05 01 01 00 01 e6 51 2c 52"),
    ],
)
def test_request_to_dial_in_has_the_octets_of_the_standard(tag: str | None, octets: str) -> None:
    request = connection_request([POINT])
    assert request is not None
    message = request(MMS, None if tag is None else bytes.fromhex(tag))
    assert message.body == bytes.fromhex(octets)
    assert message.media_type == "application/vnd.wap.sia"
    assert message.get("X-Wap-Application-Id") == "1"


def test_request_names_every_contact_point_with_its_tag() -> None:
    request = connection_request([POINT, Endpoint("2001:db8::1", 4036)])
    assert request is not None
    body = request(MMS, b"\x01\x02\x03\x04").body
    assert body.hex(" ").endswith("02 01 01 00 02 01 02 03 04 01 02 03 04")


def test_gateway_that_cannot_be_dialled_asks_nobody() -> None:
    assert connection_request([]) is None


@pytest.mark.parametrize(
    ("table", "contacts"),
    [
        ({}, ()),
        ({"listen": "0.0.0.0:4035"}, ()),
        ({"listen": "ppg.example.com:4035"}, ()),
        ({"listen": "192.0.2.1:4035"}, (Endpoint("192.0.2.1", 4035),)),
        ({"listen": "0.0.0.0:4035", "contact_point": "203.0.113.5:4035"}, (POINT,)),
    ],
)
def test_terminals_are_told_of_addresses_that_they_can_use(
    table: dict[str, Any], contacts: tuple[Endpoint, ...]
) -> None:
    assert TerminalsTable.model_validate(table).contacts() == contacts


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({"tls_key": "k.pem"}, "need each other"),
        ({"secure_listen": "127.0.0.1:4036"}, "secure_listen needs tls_certificate"),
        ({"tls_client_certificate": "required"}, "needs tls_client_ca"),
        ({"contact_point": "203.0.113.5:4035"}, "needs its listen"),
        (
            {"listen": "127.0.0.1:4035", "contact_point": "ppg.example.com:4035"},
            "needs an IP address",
        ),
        ({"name": 'with a "quote'}, "pattern"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(table: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        TerminalsTable.model_validate(table)


@pytest.mark.parametrize(
    ("client", "fault"),
    [
        ({"terminal_password": "x"}, "terminal_password needs terminal_id"),
        ({"gateway_password": "x"}, "gateway_password needs terminal_id"),
        ({"terminal_certificate_name": ["a.net"]}, "needs terminal_id"),
        ({"ota_http_secure": True}, "ota_http_secure needs ota_http"),
        (
            {"terminal_id": "x", "terminal_password": "x", "terminal_password_file": "x"},
            "either terminal_password or terminal_password_file",
        ),
    ],
)
def test_secrets_belong_to_a_terminal(client: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        settings_of({}, {**CLIENT, **client})


def test_passwords_are_found_by_terminal_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "ours").write_text("0urs\n")
    files = {"terminal_password": "the1rs", "gateway_password_file": str(tmp_path / "ours")}
    settings = settings_of({}, {**PASSWORD_FREE, **files})
    found = terminal_secrets(settings)
    assert (found["00anna_x.net"].terminal, found["00anna_x.net"].gateway) == ("the1rs", "0urs")
    for text in (repr(found), repr(settings)):
        assert "the1rs" not in text
        assert "0urs" not in text
    assert terminal_secrets(settings_of({}, PASSWORD_FREE)) == {}


def test_certificates_of_terminals_need_to_be_asked_for() -> None:
    client = {**PASSWORD_FREE, "terminal_certificate_name": ["anna.x.net"]}
    with pytest.raises(SettingsError, match=r"'anna' needs ota_http\.tls_client_certificate"):
        check_terminals(settings_of({}, client))


def test_terminals_are_dialled_by_tls_only_with_a_certificate_in_the_role_of_the_standard() -> None:
    client = {"id": "anna", "addresses": [ADDRESS], "ota_http": "192.0.2.1:4036"}
    secure = {**client, "ota_http_secure": True}
    with pytest.raises(SettingsError, match="ota_http_secure of 'anna' needs"):
        check_terminals(settings_of({}, secure))
    check_terminals(settings_of({}, client))
    check_terminals(settings_of({"po_tcp_tls_roles": "tcp"}, secure))


async def dialled(authority: Authority, port: int, timeout_ms: int = 5_000) -> str:
    """Dial as the standard has it, the gateway being the TLS server; return why that failed."""
    files = (authority.folder / "gateway.pem", authority.folder / "gateway.key")
    context = serving_context(*files, None, "ota_http")
    secure = SecureBearer(TcpBearer(lambda: Instant(0)), context, tls_server=True)
    session = HttpPpgSession(HttpPpgSettings())
    with pytest.raises(SecurityFailure) as caught:
        await secure.connect("127.0.0.1", port, session, print, print, timeout_ms)
    return caught.value.reason


@asynccontextmanager
async def terminal_that_says(octets: bytes, *, closes: bool) -> AsyncIterator[int]:
    left: list[asyncio.StreamWriter] = []

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(octets)
        await writer.drain()
        left.append(writer)
        if closes:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in left:
            writer.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    ("octets", "closes", "timeout_ms", "reason"),
    [
        (b"", True, 5_000, "TLS: the peer closed the connection in the handshake"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False, 5_000, r"TLS: \w+"),
        (b"", False, 50, "TLS: no handshake within 50 ms"),
    ],
)
async def test_terminal_that_is_no_tls_client_is_told_of_as_such(
    authority: Authority, octets: bytes, *, closes: bool, timeout_ms: int, reason: str
) -> None:
    async with terminal_that_says(octets, closes=closes) as port:
        told = await dialled(authority, port, timeout_ms)
    told, _, role = told.partition("; ")
    assert re.fullmatch(reason, told)
    assert role == "the gateway is the TLS server there (ota_http.po_tcp_tls_roles)"


def now() -> Instant:
    return Instant(0)


async def test_ports_are_opened_and_closed() -> None:
    settings = settings_of({"listen": "127.0.0.1:0"}, PASSWORD_FREE)
    ways = terminal_ways(settings, Recipients(()), MemoryStore(), None, print, now, METRICS)
    async with ways as opened:
        assert list(opened.health()) == ["terminals: 0 connections of 0 clients"]
        assert len(opened.live) == 0
    nowhere = terminal_ways(
        settings_of({}), Recipients(()), MemoryStore(), None, print, now, METRICS
    )
    async with nowhere as opened:
        assert list(opened.health()) == []
        assert opened.request is None


async def test_port_that_is_taken_leaves_no_other_one_open(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = free_port()
        table = {
            "listen": f"127.0.0.1:{port}",
            "secure_listen": f"127.0.0.1:{taken.getsockname()[1]}",
            "tls_certificate": str(authority.folder / "gateway.pem"),
            "tls_key": str(authority.folder / "gateway.key"),
        }
        settings = settings_of(table)
        ways = terminal_ways(settings, Recipients(()), MemoryStore(), None, print, now, METRICS)
        with pytest.raises(BearerUnavailable, match="cannot listen on"):
            await ways.__aenter__()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
