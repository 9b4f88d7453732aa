"""What can be set for a modem and for session initiation, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from omapush.bearers.modem_line import LineModem
from omapush.client.trust.source_addresses import Name, Number, ServiceCentre
from omapush.client.trust.whitelist import read_entries
from omapush.daemon.client import device_list
from omapush.daemon.modem_client import modem_of
from omapush.daemon.modem_settings import ModemTable
from omapush.daemon.session_initiation import sia_settings
from omapush.daemon.settings import ClientSettings
from omapush.daemon.settings_file import load_settings
from omapush.daemon.settings_table import Endpoint, SettingsError


def settings(folder: Path, text: str) -> ClientSettings:
    file = folder / "client.toml"
    file.write_text(text)
    return load_settings(ClientSettings, file)


def test_default_is_no_modem_no_gateway_and_no_whitelist(tmp_path: Path) -> None:
    read = settings(tmp_path, "")
    assert read.modem.kind is None
    assert sia_settings(read.sia).gateways == ()
    assert device_list(read.whitelist) is None


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("127.0.0.1:2775", Endpoint("127.0.0.1", 2775)),
        ("[::1]:2775", Endpoint("::1", 2775)),
        ("/run/modem.sock", Path("/run/modem.sock")),
        ("./modem.sock", Path("modem.sock")),
    ],
)
def test_line_is_at_a_port_or_a_path(tmp_path: Path, address: str, where: Endpoint | Path) -> None:
    table = settings(tmp_path, f'modem.kind = "line"\nmodem.address = "{address}"\n').modem
    assert table.line_address() == where
    assert isinstance(modem_of(table), LineModem)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('kind = "line"', "a line needs an address"),
        ('kind = "line"\naddress = "modem"', "host:port"),
        ('kind = "serial"', "modem.kind"),
        ('kind = "modem-manager"\nlisten = true', "for kind = 'line'"),
        ('kind = "line"\naddress = "a:1"\nservice_centre = "Operator"', "modem.service_centre"),
        ("hold_hours = 0", "modem.hold_hours"),
        ("holdhours = 1", "did you mean 'hold_hours'"),
    ],
)
def test_modem_that_cannot_be_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        settings(tmp_path, f"[modem]\n{text}\n")


def test_extra_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "omapush.bearers.modem_manager", raising=False)
    monkeypatch.setitem(sys.modules, "dbus_fast", None)
    with pytest.raises(SettingsError, match=r"needs the extra omapush\[modem\]"):
        modem_of(ModemTable(kind="modem-manager"))


def test_whitelists_of_all_kinds_are_one(tmp_path: Path) -> None:
    read = settings(
        tmp_path,
        '[whitelist]\naddresses = ["192.0.2.0/24"]\noriginators = ["+358401", "16400"]\n'
        'originator_names = ["Operator"]\nservice_centres = ["+358501"]\n',
    )
    parties = [source.party for source in read_entries(device_list(read.whitelist) or ())]
    assert parties[1:] == [
        Number("358401"),
        Number("16400"),
        Name("Operator"),
        ServiceCentre(Number("358501")),
    ]
    # A list that is there and empty trusts nobody.
    assert device_list(settings(tmp_path, "whitelist.originators = []\n").whitelist) == []


@pytest.mark.parametrize("text", ['originators = ["Operator"]', 'originator_names = [""]'])
def test_whitelist_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        settings(tmp_path, f"[whitelist]\n{text}\n")


def test_session_initiation_is_read(tmp_path: Path) -> None:
    table = settings(
        tmp_path,
        '[sia]\ngateways = ["192.0.2.10", "2001:db8::/64"]\nlockout_seconds = 5\n'
        "hide_applications = true\n",
    ).sia
    read = sia_settings(table)
    assert [str(network) for network in read.gateways] == ["192.0.2.10/32", "2001:db8::/64"]
    assert (read.lockout_ms, read.hide_applications) == (5_000, True)
