"""The commands of the guide to push through a SIP/IP core, at Kamailio: they print what it shows.

Ports are others, and with them what is new in each run: times, device, contact.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from omapush.testing.daemons import Daemon, free_port
from omapush.testing.kamailio import Kamailio

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/howto/sip-core.md").read_text(encoding="utf-8")
CONSOLES = re.findall(r"```console\n(.*?)```", GUIDE, re.DOTALL)
LISTEN = next(line for line in GUIDE.splitlines() if line.startswith("omapush client listen"))
PATIENCE_SECONDS = 30
MOST_TRIES = 20

_NEW_EACH_TIME = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?", "<time>"),
    (r"\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", "<time>"),
    (r"urn:uuid:[0-9a-f-]{36}", "<device>"),
    (r"127\.0\.0\.1:\d+", "<place>"),
    (r"[ \t]+$", ""),
)


def constant(text: str) -> str:
    """Return a text without what is new each time."""
    for pattern, sign in _NEW_EACH_TIME:
        text = re.sub(pattern, sign, text, flags=re.MULTILINE)
    return text.rstrip("\n")


def examples(console: str) -> list[tuple[str, str]]:
    """Return the commands of a block, each with what it prints."""
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", console, re.MULTILINE)


class Reader:
    """Somebody who follows the guide in ``folder``.

    :param instead: what is typed instead of a text of the guide.
    """

    def __init__(self, folder: Path, instead: dict[str, str]) -> None:
        self._folder = folder
        self._instead = instead
        self._environment = {
            **os.environ,
            "PATH": f"{folder}/bin{os.pathsep}{os.environ['PATH']}",
            "XDG_STATE_HOME": str(folder / "state"),
            "COLUMNS": "80",
        }

    def sees(self, command: str, shown: str) -> None:
        """Type a command until it prints what the guide shows; a push is typed once."""
        tries = 1 if "omapush push" in command else MOST_TRIES
        for _ in range(tries):
            printed = constant(self._types(command))
            if printed == constant(shown):
                return
        assert printed == constant(shown)

    @contextlib.contextmanager
    def running(self, command: str) -> Iterator[None]:
        """Let a program run in a terminal of its own."""
        program = subprocess.Popen(  # of the guide
            f"exec {self._here(command)}", shell=True, cwd=self._folder, env=self._environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield
        finally:
            program.terminate()
            program.wait(PATIENCE_SECONDS)

    def _types(self, command: str) -> str:
        done = subprocess.run(  # pipes of the guide
            self._here(command), shell=True, cwd=self._folder, env=self._environment,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, check=False,
        )  # fmt: skip
        return done.stdout.decode()

    def _here(self, command: str) -> str:
        for stated, ours in self._instead.items():
            command = command.replace(stated, ours)
        return command


def checkout(folder: Path, core: Kamailio, pap: int, admin: int) -> dict[str, Path]:
    """Make what the guide uses of a checkout, on ports of our own; return the settings' files."""
    shutil.copytree(ROOT / "examples/sip-core", folder / "examples/sip-core")
    shutil.copy(ROOT / "LICENSE", folder)
    (folder / "bin").mkdir()
    program = folder / "bin/omapush"
    run = "from omapush.cli import main; main()"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{run}" "$@"\n')
    program.chmod(0o700)
    instead = {
        "127.0.0.1:5060": f"127.0.0.1:{core.port}",
        "127.0.0.1:5058": f"127.0.0.1:{core.isc_port}",
        "127.0.0.1:5070": f"127.0.0.1:{core.ppg_port}",
        "127.0.0.1:2855": f"127.0.0.1:{free_port()}",
        "sqlite:///": f"sqlite:///{folder}/",
        '"cai.sock"': f'"{folder}/cai.sock"',
    }
    more = {
        "gateway": f'[pap]\nlisten = "127.0.0.1:{pap}"\n[admin]\nlisten = "127.0.0.1:{admin}"\n',
        "client": f'[ota_http]\nlisten = "127.0.0.1:{free_port()}"\n',
    }
    settings = {name: folder / f"examples/sip-core/{name}.toml" for name in more}
    for name, path in settings.items():
        text = path.read_text(encoding="utf-8")
        for stated, ours in instead.items():
            text = text.replace(stated, ours)
        path.write_text(f"{text}\n{more[name]}", encoding="utf-8")
    return settings


@pytest.fixture
def reader(tmp_path: Path, sip_peers: None) -> Iterator[Reader]:
    """Return a reader who has the core, the gateway and the client running."""
    for program in ("tshark", "curl"):
        if shutil.which(program) is None:
            says = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            says(f"{program} is missing")
    pap, admin = free_port(), free_port()
    with Kamailio(auth=True) as core, asyncio.Runner() as runner:
        settings = checkout(tmp_path, core, pap, admin)
        gateway = Daemon("ppg", settings["gateway"], port=pap)
        client = Daemon("client", settings["client"], path=tmp_path / "cai.sock")
        runner.run(gateway.start())
        try:
            runner.run(client.start())
            push = f"omapush push --ppg http://127.0.0.1:{pap}/pap "
            yield Reader(tmp_path, {":8081/": f":{admin}/", "omapush push ": push})
        finally:
            runner.run(client.stop())
            runner.run(gateway.stop())


def test_reader_of_the_guide_sees_what_it_shows(reader: Reader) -> None:
    before, *others = CONSOLES
    for command, shown in examples(before):
        reader.sees(command, shown)
    with reader.running(LISTEN):
        for command, shown in (each for console in others for each in examples(console)):
            reader.sees(command, shown)
