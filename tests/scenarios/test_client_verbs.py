"""The client for people, with real daemons: the page's own commands, and a listener's life."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omapush import __version__
from omapush.daemon.system_users import SystemUsers
from omapush.testing.daemons import Daemon, clean_environment, running

PATIENCE_SECONDS = 30
PAGE = Path(__file__).parents[2] / "docs" / "client.md"
WML = "x-wap-application:wml.ua"
CLIENT = ("client", "--config", "client.toml")


class Desk:
    """A running gateway and client, and the command line beside them."""

    def __init__(self, folder: Path, ports: dict[str, int]) -> None:
        self.folder = folder
        self.ports = ports
        self.client = Daemon("client", folder / "client.toml", path=folder / "cai.sock")
        self.gateway = Daemon("ppg", folder / "gateway.toml", port=ports["gateway"])

    async def begin(self, arguments: list[str]) -> asyncio.subprocess.Process:
        """Start ``omapush`` with these arguments."""
        if arguments[0] == "push":
            arguments = [*arguments, "--ppg", f"http://127.0.0.1:{self.ports['gateway']}/pap"]
        environment = {"COLUMNS": "160", "XDG_STATE_HOME": str(self.folder / "state")}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "omapush.cli", *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=self.folder,
            env=clean_environment(environment),
        )  # fmt: skip

    async def omapush(self, *arguments: str) -> str:
        """Run ``omapush``; return what it prints."""
        return await ended(await self.begin(list(arguments)))

    async def push(self, text: str) -> str:
        """Push a text for the application; return what becomes of it."""
        return await self.omapush(
            "push", "+441234567890", "--username", "weather", "--password", "only-an-example",
            "--confirmed", "--wait", "--text", text,
        )  # fmt: skip

    def as_on_page(self, text: str) -> list[str]:
        """Return lines without what differs from run to run."""
        user = SystemUsers().name(os.getuid()) or ""
        state = str(self.folder / "state")
        for here, there in ((state, "/home/anna/.local/state"), (__version__, "0.1.0")):
            text = text.replace(here, there)
        text = text.replace(f"127.0.0.1:{self.ports['terminal']}", "127.0.0.1:4035")
        text = re.sub(rf" {re.escape(user)} +registered", " anna registered", text)
        return [settled(line) for line in text.splitlines()]


def settled(line: str) -> str:
    """Return a line with times, numbers and columns alike."""
    line = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?Z?", "TIME", line)
    line = re.sub(r"[0-9a-f]{24}@\S+:", "PUSH:", line)
    line = re.sub(r"[0-9a-f]{32}\.0", "PUSH", line)
    line = re.sub(r"\d+ MiB", "N MiB", line)
    return re.sub(r"(\S) +", r"\1 ", line).rstrip()


async def ended(process: asyncio.subprocess.Process) -> str:
    """Wait for the end of a program; return what it has printed."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        out, _ = await process.communicate()
    return out.decode()


@pytest.fixture
async def desk(examples: Path, ports: dict[str, int]) -> AsyncIterator[Desk]:
    desk = Desk(examples, ports)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(running(desk.client))
        await stack.enter_async_context(running(desk.gateway))
        yield desk


def commands() -> list[tuple[list[str], str]]:
    """Return the commands of the page, each with what it prints there."""
    text = PAGE.read_text("utf-8")
    blocks = "".join(re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    found = re.findall(r"^\$ omapush (.*)\n((?:(?!\$ ).*\n)*)", blocks, re.MULTILINE)
    return [(shlex.split(command), printed) for command, printed in found]


async def line_of(process: asyncio.subprocess.Process, wanted: str) -> str:
    """Read what a program prints until a line begins with ``wanted``; return all of it."""
    assert process.stdout is not None
    read = ""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            line = (await process.stdout.readline()).decode()
            assert line, read
            read += line
            if line.startswith(wanted):
                return read


async def test_commands_of_the_page_print_what_stands_there(desk: Desk) -> None:
    listening = None
    for arguments, printed in commands():
        process = await desk.begin(arguments)
        if "listen" in arguments:
            # It goes on in a terminal of its own until the next command has pushed something.
            begun = await line_of(process, f"{WML}: registered")
            listening = (process, begun, desk.as_on_page(printed))
            continue
        assert desk.as_on_page(await ended(process)) == desk.as_on_page(printed), arguments
        if listening is not None:
            process, begun, expected = listening
            assert desk.as_on_page(begun + await ended(process)) == expected
            listening = None


async def test_listener_outlives_the_client_and_ends_cleanly(desk: Desk) -> None:
    process = await desk.begin([*CLIENT, "listen", WML, "--json", "--deregister"])
    async with asyncio.timeout(PATIENCE_SECONDS):
        while '"registered"' not in await desk.omapush(*CLIENT, "apps", "--json"):
            continue
    assert "delivered" in await desk.push("one")
    first = json.loads(await line_of(process, "{"))
    await desk.client.kill()
    await line_of(process, "omapush: no client answers at cai.sock")
    await desk.client.start()
    await line_of(process, f"omapush: {WML}: registered")
    assert "delivered" in await desk.push("two")
    second = json.loads((await line_of(process, "{")).splitlines()[-1])
    assert (first["size"], second["size"]) == (3, 3)
    assert first["registration"] == second["registration"]
    process.send_signal(signal.SIGINT)
    assert await ended(process) == f"omapush: {WML}: deregistered\n"
    assert process.returncode == 0
    assert await desk.omapush(*CLIENT, "apps") == "no application is registered\n"


async def test_refused_push_is_told_everywhere(desk: Desk) -> None:
    await desk.omapush(*CLIENT, "register", WML)
    await desk.omapush(*CLIENT, "whitelist", "add", "192.0.2.10")
    assert "235 the source is not on the whitelist" in await desk.push("secret words")
    [refused] = (
        json.loads(line)
        for line in (await desk.omapush(*CLIENT, "quarantine", "--json")).splitlines()
    )
    reason = "the source is not on the whitelist"
    assert (refused["reason"], refused["source"], refused["status"]) == (reason, "127.0.0.1", 235)
    [logged] = (json.loads(line) for line in desk.client.log.splitlines() if "push_refused" in line)
    assert (logged["reason"], logged["source"], logged["application"]) == (reason, "127.0.0.1", "2")
    assert (logged["protocol"], logged["bearer"]) == ("OTA-HTTP", "TCP/IP")
    assert logged["content_type"].startswith("text/plain")
    assert "secret words" not in desk.client.log
    told = await desk.omapush(*CLIENT, "doctor")
    assert f"1 refused: {reason}; the last from 127.0.0.1" in told


async def test_watched_registrations_are_followed(desk: Desk) -> None:
    process = await desk.begin([*CLIENT, "apps", "--watch"])
    await line_of(process, "no application is registered")
    await desk.omapush(*CLIENT, "register", WML)
    read = await line_of(process, "20")
    assert read.rstrip().endswith(f"{WML}: registered")
    await desk.omapush(*CLIENT, "deregister", WML)
    read = await line_of(process, "20")
    assert read.rstrip().endswith(f"{WML}: registered -> deregistered")
    process.send_signal(signal.SIGINT)
    assert await ended(process) == ""
    assert process.returncode == 0
