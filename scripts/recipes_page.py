"""Runs the commands of docs/recipes.md and writes what they print, and the tables of parameters.

``python scripts/recipes_page.py`` rewrites the page: every ``text`` block after a ``sh`` block, and
every table of options under the heading of a recipe. With ``--check`` it only compares, and ends
with 1 if the page is not what would be written. A gateway that takes everything is in this process.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
from typer.testing import CliRunner

from omapush.cli import application, arguments
from omapush.content.recipes import RECIPES, Parameter
from omapush.initiator import exchange
from omapush.initiator.client import PushInitiator
from omapush.pap import model, xml
from omapush.pap.entity import split

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/recipes.md"
VERSION = "0.1.0"
"""What the page says of us, so that it does not change with each release."""

EXAMPLE = re.compile(r"^```sh\n(.*?)```\n+```text\n(.*?)```$", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"^(## `([a-z-]+)`\n\n)\| Option \| \|\n(?:\|.*\n)+", re.MULTILINE)
_VARIABLE = re.compile(r"[A-Z_]+=")


def main() -> int:
    """Write or compare the page; return the exit status."""
    page = PAGE.read_text(encoding="utf-8")
    wanted = written(page)
    if "--check" in sys.argv[1:]:
        return int(page != wanted)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


def written(page: str) -> str:
    """Return the page with the tables and outputs of this version."""
    page = TABLE.sub(lambda found: found[1] + table(found[2]), page)
    return EXAMPLE.sub(lambda found: f"```sh\n{found[1]}```\n\n```text\n{run(found[1])}```", page)


def table(name: str) -> str:
    """Return the table of a recipe's options."""
    rows = [f"| {_option(each)} | {_said(each)} |" for each in RECIPES[name].parameters]
    return "\n".join(["| Option | |", "|---|---|", *rows, ""])


def _option(parameter: Parameter) -> str:
    return f"`--{parameter.name}{'-file' if parameter.secret else ''}`"


def _said(parameter: Parameter) -> str:
    said = parameter.help
    if parameter.choices:
        said += f" `{'`, `'.join(parameter.choices)}`."
    said += " May be repeated." if parameter.many else ""
    return said + (" Required." if parameter.required else "")


def run(command: str) -> str:
    """Return what a command of the page prints, run in the root of the repository."""
    text = None
    with (
        mock.patch.object(arguments, "PushInitiator", _initiator),
        mock.patch.object(exchange, "__version__", VERSION),
        contextlib.chdir(ROOT),
    ):
        for piece in command.replace("\\\n", " ").split(" | "):
            text = _run(shlex.split(piece), text)
    return text or ""


def _run(words: list[str], text: str | None) -> str:
    environment = {}
    while _VARIABLE.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    if words[0] != "omapush":
        raise ValueError(f"the page runs omapush only, not {words[0]}")
    shown = CliRunner().invoke(application, words[1:], input=text, env=environment)
    if shown.exit_code:
        raise ValueError(f"{shlex.join(words)} ends with {shown.exit_code}: {shown.output}")
    return shown.output


def _initiator(ppg: str, **more: Any) -> PushInitiator:  # noqa: ANN401 - whatever it takes
    return PushInitiator(ppg, transport=httpx2.MockTransport(_accepting), **more)


def _accepting(request: httpx2.Request) -> httpx2.Response:
    """Answer as the gateway does that takes everything."""
    entity = split(request.headers["Content-Type"], request.content)
    submitted = xml.decode(entity.control).message
    push_id = submitted.push_id if isinstance(submitted, model.PushMessage) else ""
    verdict = model.ResponseResult(1001, "Accepted for processing")
    return httpx2.Response(202, content=xml.encode(model.Pap(model.PushResponse(push_id, verdict))))


if __name__ == "__main__":
    sys.exit(main())
