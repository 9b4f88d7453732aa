"""The guide for initiators: its examples exist, and its tables name what the code knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from omapush.pap.codes import MessageState, StatusCode
from omapush.ppg.cancellation import _VERDICTS

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples/initiator"
GATEWAY = ROOT / "src/omapush/ppg"
PAGE = (ROOT / "docs/initiator.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[2]


def first_cells(table: str) -> set[str]:
    return set(re.findall(r"^\| ([^|]+?) \|", table, re.MULTILINE)) - {"---"}


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_guide_shows_every_example(path: Path) -> None:
    assert f"literalinclude}} ../examples/initiator/{path.name}" in PAGE


def test_commands_of_the_guide_run_examples_that_exist() -> None:
    commands = re.findall(r"^sh (\S+)", PAGE, re.MULTILINE)
    assert commands
    assert [name for name in commands if not (ROOT / name).is_file()] == []


def test_codes_of_pap_are_each_either_met_here_or_not() -> None:
    met, other = section("Codes").split("PAP has more")
    here = set(re.findall(r"^\| (.+?) \|", met, re.MULTILINE))
    numbers = {int(text) for text in re.findall(r"\b[1-5]\d{3}\b", " ".join(here))}
    elsewhere = {int(text) for text in re.findall(r"^\| (\d{4}) \|", other, re.MULTILINE)}
    assert numbers | elsewhere == set(StatusCode)
    assert not numbers & elsewhere


def test_codes_that_the_gateway_uses_are_among_those_that_are_met() -> None:
    met = section("Codes").partition("PAP has more")[0]
    used = {
        StatusCode[name]
        for module in GATEWAY.rglob("*.py")
        for name in re.findall(r"\bStatusCode\.([A-Z_]+)", module.read_text(encoding="utf-8"))
    }
    assert [f"{code:d} {code.name}" for code in sorted(used) if f"{code:d}" not in met] == []


def test_final_states_of_the_guide_are_those_of_pap() -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", section("What became of it"), re.MULTILINE))
    assert told == {state.value for state in MessageState} - {"pending"}


def test_verdicts_on_a_cancellation_are_in_the_guide() -> None:
    told = first_cells(section("Cancelling"))
    assert {f"{code:d}" for code, _desc in _VERDICTS.values()} <= told
