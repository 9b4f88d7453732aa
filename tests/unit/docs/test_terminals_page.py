"""The page about terminals that dial: its settings are good, its words are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from omapush.cli import application
from omapush.testing.authority import Authority

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/terminals.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```toml\n# (\w+)\.toml.*\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the files that the settings name."""
    monkeypatch.chdir(tmp_path)
    Authority(tmp_path).sign("gateway", "IP:127.0.0.1")
    for name in ("terminal", "gateway"):
        (tmp_path / f"{name}.password").write_text("only-an-example\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "settings"), BLOCKS, ids=[f"{n}-{name}" for n, (name, _) in enumerate(BLOCKS)]
)
def test_settings_of_the_page_are_good(folder: Path, name: str, settings: str) -> None:
    (folder / f"{name}.toml").write_text(settings, encoding="utf-8")
    result = CliRunner().invoke(application, ["check-config", f"{name}.toml"])
    kind = "client" if name == "client" else "gateway"
    assert result.output.startswith(f"{name}.toml: good settings of a {kind}"), result.output


def test_every_block_of_settings_is_tried() -> None:
    assert len(BLOCKS) == PAGE.count("```toml\n") == 7


def test_words_to_look_for_are_those_of_the_code() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "src/omapush").rglob("*.py")
    )
    told = PAGE.partition("## When it does not connect")[2]
    events = re.findall(r"`((?:contact_point|terminal|session|client|push)_[a-z]+)`", told)
    settings = {"terminal_password", "terminal_id", "contact_points", "contact_point"}
    events = [event for event in events if event not in settings]
    assert len(set(events)) > 6
    for event in events:
        assert f'"{event}"' in sources, event
    for words in (
        "the gateway does not take our credentials",
        "the terminal is not connected",
        "not a terminal of a client that dials in, or not proved",
        "the credentials of the terminal are not right",
        "our credentials were refused",
    ):
        assert words in told
        assert words in sources
