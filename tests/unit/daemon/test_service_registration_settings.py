"""[service_registration] of a client: what is taken, what is refused, and what is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from omapush.cai.model import (
    ConnectionProfile,
    Reason,
    RegistrationRejected,
    RegistrationRequest,
)
from omapush.client.service_registration.binder import ServiceRegistrationBinder
from omapush.daemon.service_registration import registering_at_services
from omapush.daemon.service_registration_settings import ServiceRegistrationTable
from omapush.daemon.settings_table import SettingsError
from omapush.ota.interface import ClientCapabilities
from omapush.testing.virtual_clock import VirtualClock

MINE = {"host": "psr.example.net", "username": "terminal"}


async def use(table: ServiceRegistrationTable, uri: str | None = None) -> bool:
    """Whether registrations go to a push service by default; ``uri``: check this one too."""
    made = registering_at_services(table, "4165", ClientCapabilities(), (), VirtualClock())
    async with made as binder:
        assert isinstance(binder, ServiceRegistrationBinder)
        request = RegistrationRequest("x:y", registration_uri=uri)
        binder.scope(request, ConnectionProfile(), "profiles[0]")
        return binder.is_default()


async def test_client_without_the_table_asks_where_applications_say_only() -> None:
    assert not await use(ServiceRegistrationTable(), "http://psr.example.net/register")
    assert await use(ServiceRegistrationTable(uri="https://psr.example.net/register"))


@pytest.mark.parametrize(
    "table",
    [
        {"hosts": ["psr.example.net", ".ppg.example.com"]},
        {"tls_only": True},
        {"forbid": ["192.0.2.0/24"]},
    ],
)
async def test_policy_judges_what_applications_name(table: dict[str, Any]) -> None:
    with pytest.raises(RegistrationRejected) as caught:
        await use(ServiceRegistrationTable(**table), "http://192.0.2.7/register")
    assert caught.value.cause is Reason.PERMISSION_DENIED


async def test_preconfigured_service_has_to_obey_the_policy_itself() -> None:
    table = ServiceRegistrationTable(uri="http://psr.example.net/", tls_only=True)
    with pytest.raises(SettingsError, match=r"service_registration\.uri"):
        await use(table)


@pytest.mark.parametrize(
    "wrong",
    [
        {"uri": "ftp://psr.example.net/"},
        {"uri": "http://u:s3cret@psr.example.net/"},
        {"hosts": ["http://psr.example.net"]},
        {"forbid": ["everything"]},
        {"credentials": [MINE]},
        {"credentials": [{**MINE, "password": "s3cret", "password_file": "x"}]},
        {"credentials": [{**MINE, "password": "s3cret", "username": "a:b"}]},
        {"credentials": [{**MINE, "password": "s3cret"}] * 2},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ServiceRegistrationTable(**wrong)


async def test_password_comes_from_the_settings_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    monkeypatch.setenv("PSR_PASSWORD", "s3cret")
    for source in (
        {"password": "s3cret"},
        {"password_file": tmp_path / "password"},
        {"password_environment": "PSR_PASSWORD"},
    ):
        table = ServiceRegistrationTable(credentials=[{**MINE, **source}])
        assert table.credentials[0].secret() == "s3cret"
        assert "s3cret" not in repr(table)
        await use(table)
    for source in (
        {"password_file": tmp_path / "missing"},
        {"password_environment": "PSR_MISSING"},
    ):
        table = ServiceRegistrationTable(credentials=[{**MINE, **source}])
        with pytest.raises(SettingsError, match=r"psr\.example\.net"):
            await use(table)
