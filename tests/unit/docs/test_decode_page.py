"""The examples on the page about ``omapush decode`` are what it prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from omapush.cli import application
from omapush.inspection.model import Kind

PAGE = (Path(__file__).resolve().parents[3] / "docs/decode.md").read_text(encoding="utf-8")
CONSOLE = "\n".join(re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL))
EXAMPLES = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", CONSOLE, re.MULTILINE)


def test_page_has_examples() -> None:
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize(("command", "printed"), EXAMPLES)
def test_example_prints_what_the_page_says(command: str, printed: str) -> None:
    before, _, verb = command.rpartition("omapush ")
    stdin = None
    if before:
        said = shlex.split(before.rstrip(" |"))
        stdin = said[1].encode().decode("unicode_escape").encode()
    result = CliRunner().invoke(application, shlex.split(verb), input=stdin)
    lines = (result.stdout + result.stderr).rstrip("\n")
    assert lines == printed.rstrip("\n")


def test_page_names_every_kind() -> None:
    for kind in Kind:
        assert f"`{kind.value}`" in PAGE
