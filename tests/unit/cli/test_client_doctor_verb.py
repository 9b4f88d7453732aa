"""``omapush client doctor``: what it finds, what it advises, and how it ends."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from omapush.cli import doctor_host
from omapush.cli.doctor_client import (
    application_findings,
    bearer_findings,
    quarantine_findings,
    version_finding,
    whitelist_findings,
)
from omapush.cli.doctor_finding import Finding, Level, worst
from omapush.daemon.cai_settings import CaiTable, RuleTable
from omapush.daemon.dbus_settings import DbusTable
from omapush.testing.daemons import free_port

WML = "x-wap-application:wml.ua"


def findings(result: Any) -> dict[str, list[str]]:
    """Return the levels that were found, by subject."""
    found: dict[str, list[str]] = {}
    for one in json.loads(result.stdout)["findings"]:
        found.setdefault(one["subject"], []).append(one["level"])
    return found


def levels(found: Any) -> list[tuple[str, str]]:
    return [(one.level.value, one.text) for one in found]


# ---- the whole ----------------------------------------------------------------------------------


def test_healthy_client_is_told_to_be_well(running: Any) -> None:
    running.omapush("register", WML)
    result = running.omapush("doctor")
    assert result.exit_code == 0, result.stdout
    assert result.stdout.splitlines()[-1] == "all is well"
    as_json = running.omapush("doctor", "--json")
    assert json.loads(as_json.stdout)["level"] == "ok"
    assert list(findings(as_json)) == [
        "settings", "socket", "version", "bearers", "applications", "whitelist", "quarantine",
        "policy", "store",
    ]  # fmt: skip


def test_client_without_application_is_warned_of(running: Any) -> None:
    result = running.omapush("doctor")
    assert result.exit_code == 1
    assert "-> try one: omapush client listen" in result.stdout
    assert result.stdout.splitlines()[-1] == "1 warning"


def test_refusals_are_counted_by_reason(running: Any) -> None:
    running.push()
    running.push()
    result = running.omapush("doctor")
    assert "2 refused: no application is registered for" in result.stdout
    assert "-> omapush client quarantine show 2" in result.stdout


def test_whitelist_that_refuses_everything_is_a_fault(running: Any) -> None:
    running.omapush("mo", "add", "./Push/PushWL")
    result = running.omapush("doctor", "--json")
    assert (result.exit_code, findings(result)["whitelist"]) == (2, ["fault"])


def test_client_that_does_not_run_is_a_fault_and_the_host_is_looked_at(away: Any) -> None:
    result = away("doctor", "--json")
    assert result.exit_code == 2
    assert findings(result) == {
        "settings": ["ok"], "socket": ["fault"], "policy": ["ok"], "store": ["ok", "ok"],
    }  # fmt: skip


def test_fault_in_the_settings_is_told(away: Any, tmp_path: Path) -> None:
    (tmp_path / "client.toml").write_text("[cai]\nsokcet = 1\n")
    result = away("doctor")
    assert result.exit_code == 2
    assert "did you mean 'socket'?" in result.stdout


def test_settings_without_socket_are_warned_of(away: Any, tmp_path: Path) -> None:
    (tmp_path / "client.toml").write_text(f'[store]\npath = "{tmp_path}/client.db"\n')
    assert findings(away("doctor", "--json"))["socket"] == ["warning"]


def test_program_that_is_no_client_is_told(away: Any, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "cai.sock"))
        assert findings(away("doctor", "--json"))["socket"] == ["fault"]
    assert "nobody listens there any more" in away("apps").stderr


# ---- what a client says -------------------------------------------------------------------------


def registration(state: str, waiting: int = 0) -> Any:
    return {
        "push_application_id": WML, "state": state, "reason": "bearer_lost", "detail": "",
        "bindings": [
            {"protocol": "OTA-WSP", "bearer": "SMS", "address": "", "state": "lost",
             "reason": None, "detail": "", "expires": None}
        ],
        "waiting": waiting, "last_seen": "2026-01-01T00:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "level"),
    [
        ("registered", "ok"),
        ("pending", "warning"),
        ("lost", "fault"),
        ("failed", "fault"),
        ("deregister_failed", "warning"),
    ],
)
def test_registration_is_judged_by_its_state(state: str, level: str) -> None:
    [(found, text)] = levels(application_findings([registration(state)]))
    assert found == level
    assert "bearer_lost" in text


def test_application_that_leaves_its_pushes_waiting_is_told() -> None:
    *_, (level, text) = levels(application_findings([registration("registered", 3)]))
    assert level == "warning"
    assert text == f"{WML} is away (last seen: 2026-01-01T00:00:00Z), 3 pushes wait"


def test_client_without_a_bearer_is_a_fault() -> None:
    down = {"OTA-WSP": {"bearers": [{"name": "SMS", "available": False}]}}
    found = levels(bearer_findings(down))
    assert [level for level, _ in found] == ["warning", "fault"]


def test_client_of_another_version_is_told() -> None:
    versions: Any = {"versions": {"omapush": "0.0.1", "cai": ["1.0"]}}
    assert version_finding(versions).level is Level.WARNING


def test_findings_of_the_object_are_told() -> None:
    listed = {
        "in_force": True,
        "entries": [{}],
        "findings": [{"path": "PushWL/x", "reason": "Addr is missing", "kept": False}],
    }
    assert levels(whitelist_findings(listed))[-1] == (
        "warning",
        "PushWL/x: Addr is missing (does not count)",
    )


def test_only_the_commonest_reasons_are_named() -> None:
    refused: Any = [{"reason": f"reason {n}", "source": "192.0.2.1", "number": n} for n in range(8)]
    assert levels(quarantine_findings(refused))[-1] == (
        "warning",
        "3 refused for other reasons",
    )


# ---- the host -----------------------------------------------------------------------------------


def test_port_of_somebody_else_is_a_fault(away: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        (tmp_path / "client.toml").write_text(f'[ota_http]\nlisten = "127.0.0.1:{port}"\n')
        assert findings(away("doctor", "--json"))["ports"] == ["fault"]
    assert findings(away("doctor", "--json"))["ports"] == ["ok"]


def test_port_that_a_running_client_should_have_is_missed(running: Any) -> None:
    port = free_port()
    text = running.config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}")
    running.config.write_text(text + f'[ota_wsp]\nudp_listen = "127.0.0.1:{port}"\n')
    assert findings(running.omapush("doctor", "--json"))["ports"] == ["fault", "fault"]


def test_address_of_another_host_is_a_fault(away: Any, tmp_path: Path) -> None:
    (tmp_path / "client.toml").write_text('[ota_http]\nlisten = "192.0.2.1:4035"\n')
    assert "has to be one of this host" in away("doctor").stdout


def test_group_that_is_not_there_is_a_fault() -> None:
    strict = CaiTable(policy="strict", group="no-such-group")
    [(level, text)] = levels(doctor_host.policy_findings(strict))
    assert (level, text) == (
        "fault",
        "strict: there is no group no-such-group: nobody may register",
    )


def test_rule_about_nobody_is_warned_of() -> None:
    rule = RuleTable(name="a", users=["root", 7, "no-such-user"], groups=["no-such-group"])
    rules = CaiTable(policy="rules", rules=[rule])
    [(level, text)] = levels(doctor_host.policy_findings(rules))
    assert (level, text) == ("warning", "rules name who is not there: no-such-group, no-such-user")


def test_file_that_others_may_read_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "client.db"
    path.touch()
    path.chmod(0o640)
    assert levels(doctor_host.store_findings(path))[0][0] == "fault"
    path.chmod(0o600)
    assert levels(doctor_host.store_findings(path))[0][0] == "ok"
    assert levels(doctor_host.store_findings(tmp_path / "no" / "client.db"))[0][0] == "fault"


@pytest.mark.parametrize(
    ("free", "level"), [(1 << 30, "ok"), (50 << 20, "warning"), (1 << 20, "fault")]
)
def test_little_room_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
    assert levels(doctor_host.store_findings(tmp_path / "client.db"))[-1][0] == level


def test_bus_that_is_not_there_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dbus_fast")
    assert list(doctor_host.bus_findings(DbusTable())) == []
    away = DbusTable(bus=f"unix:path={tmp_path}/bus")
    assert levels(doctor_host.bus_findings(away))[0][0] == "fault"
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    assert levels(doctor_host.bus_findings(DbusTable(bus="session")))[0][0] == "fault"
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(tmp_path / "bus"))
        bus.listen()
        assert levels(doctor_host.bus_findings(away))[0][0] == "ok"


def test_registration_files_are_read(tmp_path: Path) -> None:
    good, denied, bad = (tmp_path / f"{name}.toml" for name in ("a", "b", "c"))
    text = 'push_application_id = "x:a"\nevent_handler = "{}"\n'
    good.write_text(text.format("unix:/run/a.sock"))
    denied.write_text(text.replace('"{}"', "'exec:[\"/bin/true\"]'"))
    bad.write_text("[")
    for path in (good, denied, bad):
        path.chmod(0o600)
    found = levels(doctor_host.static_findings(CaiTable(static_registrations=tmp_path)))
    assert [level for level, _ in found] == ["fault", "fault", "ok"]
    assert "exec are not allowed" in found[0][1]
    missing = CaiTable(static_registrations=tmp_path / "none")
    assert levels(doctor_host.static_findings(missing))[0][0] == "fault"


def test_worst_finding_counts() -> None:
    assert worst([]) is Level.OK
    assert worst([Finding(Level.FAULT, "", ""), Finding(Level.WARNING, "", "")]) is Level.FAULT
