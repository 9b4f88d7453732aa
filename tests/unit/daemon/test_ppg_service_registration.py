"""[service_registration] of a gateway: what is taken and refused, and the server that is made."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from omapush.core.instants import Instant
from omapush.daemon.ppg_service_registration import (
    MAX_HEAD,
    check_service_registration,
    service_registration_server,
)
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_table import SettingsError
from omapush.ota.service_registration import RegisteredProfile
from omapush.testing.authority import Authority
from omapush.testing.daemons import free_port
from omapush.testing.memory_store import MemoryStore

SERVICE = {"name": "all", "profiles": [{"protocol": "OTA-HTTP", "contact_point": "ppg.example"}]}


def client(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"c{number}", "addresses": [f"+44123456789{number}"], **more}


def settings(*clients: dict[str, Any], **table: Any) -> PpgSettings:
    listen = {"listen": f"127.0.0.1:{free_port()}", "services": [SERVICE], **table}
    return PpgSettings(service_registration=listen, clients=list(clients))


def test_gateway_without_the_table_serves_no_registrations() -> None:
    without = PpgSettings()
    check_service_registration(without)
    assert service_registration_server(without, MemoryStore(), lambda: Instant(0)) is None


def test_profiles_are_told_in_the_order_of_the_settings() -> None:
    table = settings(
        services=[
            {
                "name": "mms",
                "applications": ["x-wap-application:mms.ua", "urn:acme:*"],
                "profiles": [{"port": 4035, "bearer_type": "GPRS"}, {"cb_message_id": "0xA0A0"}],
            }
        ]
    ).service_registration
    (service,) = (each.service() for each in table.services)
    assert service.applications == ("x-wap-application:mms.ua", "urn:acme:*")
    assert service.profiles == (
        RegisteredProfile(None, "GPRS", 4035, priority=1),
        RegisteredProfile(cb_message_id="0xA0A0", priority=2),
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"services": []}, "listen needs services"),
        ({"services": [SERVICE, SERVICE]}, "two services of the same name"),
        ({"schemes": ["bearer"]}, "bearer"),
        ({"tls_key": "key.pem"}, "need each other"),
        ({"paths": ["register"]}, "path"),
        ({"paths": ["/register/"]}, "path"),
        ({"services": [{**SERVICE, "applications": ["urn:*:x"]}]}, "may only end"),
        ({"services": [{**SERVICE, "profiles": [{"bcast_access_info": "<a>"}]}]}, "profiles"),
        ({"services": [{**SERVICE, "profiles": [{"protocol": "\x01"}]}]}, "profiles"),
    ],
)
def test_table_that_cannot_be_served_is_refused(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(**table)


@pytest.mark.parametrize(
    ("clients", "said"),
    [
        ((client(1),), "nobody may register"),
        ((client(1, terminal_id="4165"),), "nobody may register"),
        ((client(1, terminal_id="4165", terminal_password_file="absent"),), "c1"),
    ],
)  # fmt: skip
def test_terminals_that_cannot_register_are_found_before_the_start(
    clients: tuple[dict[str, Any], ...], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        check_service_registration(settings(*clients))


@pytest.mark.parametrize(
    "keys",
    [
        {"terminal_password": "x"},
        {"terminal_id": "1", "terminal_password": "x", "terminal_password_file": "f"},
    ],
)
def test_password_of_a_terminal_needs_its_id_and_one_place(keys: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="terminal_password"):
        settings(client(1, **keys))


def test_certificate_that_is_none_is_found_before_the_start(tmp_path: Path) -> None:
    for name in ("a.pem", "a.key"):
        (tmp_path / name).write_text("nothing")
    files = {"tls_certificate": tmp_path / "a.pem", "tls_key": tmp_path / "a.key"}
    wanted = settings(anonymous_from=["127.0.0.0/8"], **files)
    with pytest.raises(SettingsError, match=r"service_registration\.tls_certificate"):
        check_service_registration(wanted)


async def answer_to(
    wanted: PpgSettings, request: bytes, tls: ssl.SSLContext | None = None
) -> bytes:
    """Serve; return all that comes until the server closes."""
    store = MemoryStore()
    await store.open()
    server = service_registration_server(wanted, store, lambda: Instant(0))
    assert server is not None
    endpoint = wanted.service_registration.listen
    assert endpoint is not None
    serving = asyncio.create_task(server.run_until_stopped())
    try:
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection(*endpoint, ssl=tls)
            writer.write(request)
            return await reader.read()
    finally:
        writer.close()
        server.stop()
        await serving


HEAD = b"POST /push-service-registration HTTP/1.1\r\nHost: ppg\r\n"


@pytest.mark.parametrize("request_", [b"", HEAD, b"\0"], ids=["nothing", "half a head", "garbage"])
async def test_whoever_asks_nothing_is_let_go(request_: bytes) -> None:
    wanted = settings(anonymous_from=["127.0.0.0/8"], read_timeout_seconds=0.2)
    answer = await answer_to(wanted, request_)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")


async def test_head_that_grows_too_large_is_refused() -> None:
    wanted = settings(anonymous_from=["127.0.0.0/8"])
    answer = await answer_to(wanted, HEAD + b"X: " + b"x" * 2 * MAX_HEAD)
    assert answer.startswith(b"HTTP/1.1 4")


async def test_registration_on_a_connection_that_is_not_closed_gets_its_answer() -> None:
    wanted = settings(anonymous_from=["127.0.0.0/8"], read_timeout_seconds=0.5)
    answer = await answer_to(wanted, HEAD + b"Content-Length: 0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 201")
    assert b"ppg.example" in answer


async def test_body_that_does_not_come_is_not_waited_for() -> None:
    wanted = settings(anonymous_from=["127.0.0.0/8"], read_timeout_seconds=0.2)
    answer = await answer_to(wanted, HEAD + b"Content-Length: 5\r\n\r\nab")
    assert answer.startswith(b"HTTP/1.1 408")


async def test_registrations_are_served_by_tls(tmp_path: Path) -> None:
    Authority(tmp_path).sign("server", "IP:127.0.0.1")
    files = {"tls_certificate": tmp_path / "server.pem", "tls_key": tmp_path / "server.key"}
    wanted = settings(anonymous_from=["127.0.0.0/8"], read_timeout_seconds=2, **files)
    check_service_registration(wanted)
    trusted = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    assert (await answer_to(wanted, HEAD + b"\r\n", trusted)).startswith(b"HTTP/1.1 201")
