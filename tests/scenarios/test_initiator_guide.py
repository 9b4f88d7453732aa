"""The examples of the initiator's guide, in Python and with curl, against real daemons."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from omapush.testing.daemons import Daemon, running

PATIENCE_SECONDS = 60
ADDRESS = "WAPPUSH=+441234567890/TYPE=PLMN@127.0.0.1"
GUIDE = (Path(__file__).resolve().parents[2] / "docs/initiator.md").read_text(encoding="utf-8")
HELD = "2099-01-01T00:00:00Z"

Run = Callable[..., Awaitable[str]]


@pytest.fixture
async def gateway(examples: Path, ports: dict[str, int]) -> AsyncIterator[Daemon]:
    settings = examples / "gateway.toml"
    async with running(Daemon("ppg", settings, port=ports["gateway"])) as daemon:
        yield daemon


@pytest.fixture
async def application(gateway: Daemon, examples: Path) -> AsyncIterator[None]:
    """Let the example application be there to take what is pushed."""
    client = Daemon("client", examples / "client.toml", path=examples / "cai.sock")
    async with running(client), talking(examples, "application.py") as says:
        await says("registered")
        yield


@pytest.fixture
def run(gateway: Daemon, examples: Path) -> Run:
    """Return what runs an example of the guide to its end and returns what it printed."""

    async def run(name: str, *arguments: str) -> str:
        program = await start(examples, f"initiator/{name}", *arguments)
        async with asyncio.timeout(PATIENCE_SECONDS):
            printed, _ = await program.communicate()
        assert program.returncode == 0, printed.decode()
        return printed.decode()

    return run


@pytest.fixture
def curl() -> None:
    if shutil.which("curl") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("curl is missing")
        pytest.skip("curl is missing")


async def start(where: Path, name: str, *arguments: str) -> asyncio.subprocess.Process:
    interpreter = sys.executable if name.endswith(".py") else "/bin/sh"
    return await asyncio.create_subprocess_exec(
        interpreter, name, *arguments, cwd=where, stdout=PIPE, stderr=STDOUT
    )


@contextlib.asynccontextmanager
async def talking(where: Path, name: str) -> AsyncIterator[Run]:
    """Run an example as long as the block lasts; yield what waits until it has said something."""
    program = await start(where, name)
    assert program.stdout is not None
    lines = program.stdout

    async def says(wanted: str) -> str:
        printed = ""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while wanted not in printed:
                line = await lines.readline()
                assert line, f"ended after: {printed}"
                printed += line.decode()
        return printed

    try:
        yield says
    finally:
        with contextlib.suppress(ProcessLookupError):
            program.terminate()
        await program.communicate()


async def test_python_listener_hears_of_what_python_submitted(
    run: Run, application: None, examples: Path
) -> None:
    async with talking(examples, "initiator/listen.py") as says:
        await says("listening on")
        push_id, _, verdict = (await run("submit.py")).strip().partition(" ")
        assert verdict == "1001 Accepted for processing"
        assert f"{push_id} {ADDRESS} delivered 1000 " in await says("delivered")
    assert f"['{ADDRESS}'] delivered 20" in await run("status.py", push_id, "+441234567890")
    assert (await run("status.py", push_id)).startswith(f"['{ADDRESS}'] delivered 20")


async def test_python_submission_that_is_not_answered_is_repeated(
    gateway: Daemon, examples: Path, ports: dict[str, int]
) -> None:
    await gateway.stop()
    asked = asyncio.Event()

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        writer.close()

    silent = await asyncio.start_server(hang_up, "127.0.0.1", ports["gateway"])
    async with talking(examples, "initiator/submit.py") as says:
        async with silent, asyncio.timeout(PATIENCE_SECONDS):
            await asked.wait()
        await gateway.start()
        assert "1001 Accepted for processing" in await says("Accepted")


async def test_python_asks_for_status_of_a_push_that_waits(run: Run) -> None:
    push_id = (await run("submit.py")).split()[0]  # there is no client: it waits
    told = await run("status.py", push_id)
    assert re.search(r"^\['WAPPUSH=[^']+'\] pending now 1000 (waiting|on its way)", told), told
    assert (await run("status.py", "nobody@example.org")).startswith("all unknown now 2004 ")


async def test_python_replaces_a_push_that_waits(run: Run) -> None:
    earlier, new, became = (await run("replace.py")).splitlines()
    assert earlier == "earlier: 1001 Accepted for processing"
    assert new == "new: 1001 Accepted for processing"
    assert became.startswith("earlier: cancelled 1000 replaced by ")


async def test_python_cancels_a_push_that_waits_and_is_refused_the_second_time(run: Run) -> None:
    submitted, first, second = (await run("cancel.py")).splitlines()
    assert submitted == "submitted: 1001 Accepted for processing"
    assert first == "cancelled for all 1000 cancelled"
    assert second == "cancelled for all 3003 it was cancelled before"


@pytest.mark.parametrize("name", ["capabilities.py", "capabilities.sh"])
async def test_capabilities_query_is_answered_in_kind(run: Run, curl: None, name: str) -> None:
    told = await run(name)
    wanted = {"capabilities.py": r"^\d{4} \S", "capabilities.sh": r'<ccq-response[^>]*code="\d{4}"'}
    assert re.search(wanted[name], told), told


def code(told: str) -> int:
    """Return the PAP code of an answer that curl printed."""
    assert told.endswith("\nHTTP 202\n"), told
    found = re.search(r'<(?:response-result|\w+-result|\w+-response)\b[^>]*\bcode="(\d+)"', told)
    assert found, told
    return int(found[1])


async def test_curl_submits_and_python_listener_hears_of_it(
    run: Run, curl: None, application: None, examples: Path
) -> None:
    async with talking(examples, "initiator/listen.py") as says:
        await says("listening on")
        assert code(await run("submit.sh", "1@weather.example.org")) == 1001
        assert "1@weather.example.org" in await says("delivered")
    assert 'message-state="delivered"' in await run("status.sh", "1@weather.example.org")
    assert code(await run("cancel.sh", "1@weather.example.org")) == 3003
    assert code(await run("submit.sh", "1@weather.example.org")) == 2007


async def test_commands_of_the_guide_are_answered_as_it_says(
    run: Run, curl: None, application: None
) -> None:
    commands = re.findall(r"^sh examples/initiator/(\S+\.sh)(.*?) +# (\d{4})$", GUIDE, re.MULTILINE)
    assert len(commands) > 5
    for name, arguments, expected in commands:
        told = await run(name, *arguments.split())
        assert code(told) == int(expected), (name, arguments, told)


async def test_curl_replaces_and_cancels_what_waits(run: Run, curl: None) -> None:
    assert code(await run("submit.sh", "1@weather.example.org", HELD)) == 1001
    assert code(await run("submit.sh", "2@weather.example.org", HELD)) == 1001
    told = await run("status.sh", "1@weather.example.org")
    assert code(told) == 1000
    assert 'message-state="pending"' in told
    assert code(await run("cancel.sh", "1@weather.example.org")) == 1000
    assert code(await run("replace.sh", "2@weather.example.org", "3@weather.example.org")) == 1001
    assert 'message-state="cancelled"' in await run("status.sh", "2@weather.example.org")
    assert code(await run("replace.sh", "1@weather.example.org", "4@weather.example.org")) == 2008
    assert code(await run("cancel.sh", "4@weather.example.org")) == 2004


async def test_listener_hears_of_a_cancellation(run: Run, curl: None, examples: Path) -> None:
    async with talking(examples, "initiator/listen.py") as says:
        await says("listening on")
        assert code(await run("submit.sh", "1@weather.example.org", HELD)) == 1001
        assert code(await run("cancel.sh", "1@weather.example.org")) == 1000
        assert "cancelled 1000 the initiator cancelled it" in await says("cancelled")


async def test_curl_plays_the_gateway_and_the_listener_answers(
    run: Run, curl: None, examples: Path
) -> None:
    async with talking(examples, "initiator/listen.py") as says:
        await says("listening on")
        assert code(await run("notify.sh", "9@weather.example.org")) == 1000
        assert "9@weather.example.org" in await says("delivered 1000")
