"""The page of the farm: its commands run and print what it says, and its files are good."""

from __future__ import annotations

import re
import resource
import runpy
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from omapush.cli import application
from omapush.client.farm.script import REASONS, Action
from omapush.daemon.farm_settings import load_groups
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_file import load_settings
from omapush.testing.daemons import free_port

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/farm.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)```(?:\n\n```text\n(.*?)```)?$", PAGE, re.MULTILINE | re.DOTALL)
FARMS = [(command, shown) for command, shown in BLOCKS if command.startswith("omapush farm")]
LAB, GROUPS, DIALLED = re.findall(r"^```toml\n(.*?)```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where commands run; the limit of open files is that of the page."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (20_000, 20_000))
    (tmp_path / "groups.toml").write_text(GROUPS, encoding="utf-8")
    (tmp_path / "lab.toml").write_text(LAB, encoding="utf-8")
    return tmp_path


def run(command: str) -> tuple[Result, str]:
    """Run a command of the page for a moment; return what it printed, with the page's ports."""
    ports = {4035: free_port(), 2948: free_port(), 20_000: 20_000}
    for stated, free in ports.items():
        command = command.replace(f":{stated}", f":{free}")
    words = shlex.split(command.replace("\\\n", ""))
    shown = CliRunner().invoke(application, [*words[1:], "--for", "0"])
    printed = shown.stdout + shown.stderr
    for stated, free in ports.items():
        printed = printed.replace(f":{free}", f":{stated}")
    return shown, printed


@pytest.mark.parametrize(("command", "shown"), FARMS)
def test_farm_of_the_page_prints_what_it_says(folder: Path, command: str, shown: str) -> None:
    result, printed = run(command)
    assert result.exit_code == (2 if shown.startswith("omapush: ") else 0), printed
    assert printed.startswith(shown)


def test_gateway_of_the_page_knows_the_clients_that_were_written(folder: Path) -> None:
    run(FARMS[0][0])
    together = (folder / "lab.toml").read_text() + (folder / "clients.toml").read_text()
    path = folder / "gateway.toml"
    path.write_text(together, encoding="utf-8")
    settings = load_settings(PpgSettings, path)
    assert len(settings.clients) == 1_000
    (push,) = [command for command, _ in BLOCKS if command.startswith("omapush push")]
    assert settings.clients[0].addresses[0] in push
    script = runpy.run_path(str(ROOT / "scripts/recipes_page.py"))
    assert "1001" in script["run"](push.replace(" --wait", ""))


def test_gateway_of_the_page_takes_the_clients_that_dial(folder: Path) -> None:
    (command,) = [one for one, _ in FARMS if "--connect" in one and "--write-clients" in one]
    run(command)
    path = folder / "gateway.toml"
    path.write_text(DIALLED + (folder / "clients.toml").read_text(), encoding="utf-8")
    settings = load_settings(PpgSettings, path)
    assert len(settings.clients) == 1_000
    assert all(client.ota_http_dials_in for client in settings.clients)


def test_groups_of_the_page_are_read(folder: Path) -> None:
    assert [group.count for group in load_groups(folder / "groups.toml")] == [900, 100]


def test_every_action_and_reason_is_on_the_page() -> None:
    for action in Action:
        assert re.search(rf"^\| `{action}[`(]", PAGE, re.MULTILINE)
    for word, status in REASONS.items():
        again = "yes" if status.may_retry else "no"
        assert f"| `{word}`, `{status.value}` | {status.value} | {again} |" in PAGE
