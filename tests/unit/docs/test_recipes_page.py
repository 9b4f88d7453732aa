"""The page of recipes: its commands print what it says, and its tables are those of the code."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from omapush.cli.preview_options import LAYERS
from omapush.content.recipes import RECIPES

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
SCRIPT = runpy.run_path(str(ROOT / "scripts/recipes_page.py"))
EXAMPLES = SCRIPT["EXAMPLE"].findall(PAGE)


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


@pytest.mark.parametrize(("command", "output"), EXAMPLES)
def test_command_prints_what_the_page_says(command: str, output: str) -> None:
    assert SCRIPT["run"](command) == output  # else run scripts/recipes_page.py


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_has_a_command_to_push_and_one_to_preview(name: str) -> None:
    commands = [command for command, _output in SCRIPT["EXAMPLE"].findall(section(f"`{name}`"))]
    for verb in ("push", "preview"):
        assert any(f"omapush {verb} {name} " in command for command in commands)


@pytest.mark.parametrize("name", RECIPES)
def test_parameters_of_a_recipe_are_on_the_page(name: str) -> None:
    assert SCRIPT["table"](name) in section(f"`{name}`")  # else run scripts/recipes_page.py


def test_every_layer_is_on_the_page() -> None:
    told = re.findall(r"^\| `([a-z-]+)` \|", section("Layers"), re.MULTILINE)
    assert told == list(LAYERS)
