"""The guide to push through a SIP/IP core: good settings, and the words of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from omapush.cli import application
from omapush.testing.authority import Authority

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/howto/sip-core.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```toml\n# (\w+)\.toml\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)
EXAMPLES = ROOT / "examples"


def checked(name: str) -> str:
    result = CliRunner().invoke(application, ["check-config", name])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the files that the settings name."""
    monkeypatch.chdir(tmp_path)
    authority = Authority(tmp_path)
    authority.sign("ppg", "DNS:ppg.push.test")
    (tmp_path / "ca.pem").rename(tmp_path / "core-ca.pem")
    (tmp_path / "alice.password").write_text("only-an-example\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("name", "settings"), BLOCKS, ids=[name for name, _ in BLOCKS])
def test_settings_of_the_guide_are_good(folder: Path, name: str, settings: str) -> None:
    (folder / f"{name}.toml").write_text(settings, encoding="utf-8")
    assert checked(f"{name}.toml").startswith(f"{name}.toml: good settings of a {name}")


def test_every_block_of_settings_in_the_guide_is_tried() -> None:
    assert len(BLOCKS) == PAGE.count("```toml\n") == 2


@pytest.mark.parametrize("name", ["gateway", "client"])
def test_commented_settings_of_the_examples_are_good_without_the_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (EXAMPLES / f"{name}.toml").read_text(encoding="utf-8")
    lines = [
        line.removeprefix("# ") for line in re.findall(r"^# (?![A-Z]).*$|^#$", text, re.MULTILINE)
    ]
    plain = re.sub(r"^# (?![A-Z]).*\n|^#\n", "", text, flags=re.MULTILINE)
    table = "sip" if name == "gateway" else "ota_sip"
    assert f"[{table}]" in lines
    (tmp_path / f"{name}.toml").write_text(plain + "\n".join(lines).replace("#\n", ""))
    assert checked(f"{name}.toml").startswith(f"{name}.toml: good settings of a {name}")


def test_words_of_the_guide_are_those_of_the_code() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "src/omapush").rglob("*.py")
    )
    told = PAGE.partition("## What the timeline says")[2]
    for words in (
        "answer to OPTIONS",
        "not registered: ",
        "the application did not answer in time",
        "nobody answered in time",
        "sip_stranger",
        "sip_request_refused",
        "media_connection_unused",
        "push_session_ended",
        "the device hung up",
        "refused by the core",
        "is not served here",
        "sip_answers_total",
        "sip_requests_served_total",
    ):
        assert words in told
        assert words.removesuffix("_total") in sources, words
    for key in re.findall(r"\[(?:sip|ota_sip)\] (\w+)", PAGE):
        assert f"    {key}: " in sources, key
