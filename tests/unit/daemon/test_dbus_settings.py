"""What can be set for D-Bus, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from omapush.client.agent import PushClient
from omapush.client.store import ClientStore
from omapush.daemon.client_dbus import applications_on_dbus, offering_on_dbus
from omapush.daemon.dbus_settings import DbusTable
from omapush.daemon.settings import ClientSettings
from omapush.daemon.settings_file import load_settings
from omapush.daemon.settings_table import SettingsError
from omapush.testing.virtual_clock import VirtualClock


def settings(folder: Path, text: str) -> DbusTable:
    file = folder / "client.toml"
    file.write_text(f"[dbus]\n{text}\n")
    return load_settings(ClientSettings, file).dbus


def test_default_is_no_bus(tmp_path: Path) -> None:
    read = settings(tmp_path, "")
    assert (read.bus, read.name, read.ofono) == ("off", "org.omapush.Client1", False)


@pytest.mark.parametrize("bus", ["session", "system", "unix:path=/run/bus", "tcp:host=::1,port=1"])
def test_bus_is_taken(tmp_path: Path, bus: str) -> None:
    assert settings(tmp_path, f'bus = "{bus}"\nofono = true').bus == bus


@pytest.mark.parametrize(
    "text",
    [
        'bus = "on"',
        "ofono = true",
        'name = "client"',
        'name = "org..client"',
        'bus = "system"\nofono = true\nofono_name = "org.omapush.Client1"',
        'ofono_modem = "modem"',
        'ofono_modem = "/modem/"',
        "ofono_application_ids = []",
        'ofono_application_ids = [""]',
        'colour = "red"',
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        settings(tmp_path, text)


@pytest.fixture
def agent(tmp_path: Path) -> PushClient:
    return PushClient(ClientStore(tmp_path / "client.db"), VirtualClock())


async def test_without_a_bus_nothing_is_run(agent: PushClient) -> None:
    applications = applications_on_dbus(DbusTable())
    assert applications is None
    async with offering_on_dbus(DbusTable(), agent, applications) as parts:
        assert parts == {}


def test_missing_extra_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith("omapush.client.dbus."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "dbus_fast", None)
    with pytest.raises(SettingsError, match="omapush\\[dbus\\]"):
        applications_on_dbus(DbusTable(bus="session"))


async def test_bus_has_parts(agent: PushClient) -> None:
    await agent.start()
    table = DbusTable(bus="session", ofono=True)
    async with offering_on_dbus(table, agent, applications_on_dbus(table)) as parts:
        assert len(parts) == 3
    await agent.close()
