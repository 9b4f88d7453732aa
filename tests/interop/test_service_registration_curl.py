"""curl registers at a running gateway as the page says: its commands and settings as they stand."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from omapush.testing.daemons import Daemon, free_port, running

PAGE = (Path(__file__).resolve().parents[2] / "docs/service-registration.md").read_text("utf-8")
(SETTINGS,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
(COMMANDS,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
(ANSWER,) = re.findall(r"```xml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def shell() -> str:
    """Return a shell that has what the commands need."""
    missing = [name for name in ("bash", "curl", "sed", "tr") if shutil.which(name) is None]
    if missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"missing: {missing}")
        pytest.skip(f"missing: {missing}")
    return str(shutil.which("bash"))


async def test_commands_of_the_page_are_a_whole_registration(shell: str, tmp_path: Path) -> None:
    ports = {"8081": free_port(), "8082": free_port()}
    pap = free_port()
    settings, script = tmp_path / "gateway.toml", COMMANDS
    text = f'{SETTINGS}\n[pap]\nlisten = "127.0.0.1:{pap}"\n[admin]\nlisten = "127.0.0.1:8081"\n'
    for stated, free in ports.items():
        there = f"127.0.0.1:{stated}"
        text = text.replace(there, f"127.0.0.1:{free}")
        script = script.replace(there, f"127.0.0.1:{free}")
    settings.write_text(text, encoding="utf-8")
    async with running(Daemon("ppg", settings, port=ports["8082"])) as gateway:
        program = await asyncio.create_subprocess_exec(
            shell, "-c", f"set -eu\n{script}", cwd=tmp_path, stdout=PIPE, stderr=STDOUT
        )
        async with asyncio.timeout(60):
            printed, _ = await program.communicate()
    told = printed.decode()
    assert program.returncode == 0, told + gateway.log
    found = re.search(r'id="([0-9a-f]{32})"', told)
    assert found is not None, told
    assert told.startswith(ANSWER.replace("ID", found[1]).rstrip("\n")), told
    rest = re.fullmatch(
        r"(\d+)\n(\{.*\})(\d+)\n", told.partition("</push-registration>")[2].lstrip()
    )
    assert rest is not None, told
    refreshed, listing, ended = rest.groups()
    assert refreshed == "200"
    (registration,) = json.loads(listing)["registrations"]
    assert registration["id"] == found[1]
    assert (registration["client"], registration["authenticated"]) == ("anna-phone", True)
    assert ended == "204"
    assert "only-an-example" not in gateway.log
