"""The examples of README and documentation, run as they stand but for the ports."""

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from pathlib import Path

OMAPUSH = (sys.executable, "-c", "from omapush.cli import main; main()")
PATIENCE_SECONDS = 60


@contextlib.asynccontextmanager
async def running(*command: str, where: Path) -> AsyncIterator[Process]:
    """Run a program for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(*command, cwd=where, stdout=PIPE, stderr=STDOUT)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


async def says(process: Process, wanted: str) -> str:
    """Return what the program printed until ``wanted`` came."""
    assert process.stdout is not None
    printed = ""
    while wanted not in printed:
        line = await process.stdout.readline()
        assert line, f"ended after: {printed}"
        printed += line.decode()
    return printed


async def test_push_of_the_example_initiator_is_taken_by_the_example_application(
    examples: Path,
) -> None:
    ppg = (*OMAPUSH, "ppg", "--config", "gateway.toml")
    client = (*OMAPUSH, "client", "--config", "client.toml")
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        running(*ppg, where=examples) as gateway,
        running(*client, where=examples) as terminal,
    ):
        await says(gateway, "gateway_started")
        await says(terminal, "client_started")
        async with running(sys.executable, "application.py", where=examples) as application:
            await says(application, "registered")
            async with running(sys.executable, "initiator.py", where=examples) as initiator:
                told = await says(initiator, "delivered")
            assert told.startswith("1001 ")
            assert "delivered 1000" in told
            taken = await says(application, "Storm")
            assert taken.startswith("text/vnd.wap.si ")
            application.send_signal(signal.SIGINT)
            await application.wait()
        # It gave its id back, so it can be started again.
        async with running(sys.executable, "application.py", where=examples) as application:
            await says(application, "registered")


async def test_other_example_applications_take_the_same_push(examples: Path) -> None:
    """With a stream, and with nothing but the standard library."""
    ppg = (*OMAPUSH, "ppg", "--config", "gateway.toml")
    client = (*OMAPUSH, "client", "--config", "client.toml")
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        running(*ppg, where=examples) as gateway,
        running(*client, where=examples) as terminal,
    ):
        await says(gateway, "gateway_started")
        await says(terminal, "client_started")
        for name in ("applications/stream.py", "applications/standard_library.py"):
            async with running(sys.executable, name, where=examples) as application:
                await says(application, "registered")
                async with running(sys.executable, "initiator.py", where=examples) as initiator:
                    assert "delivered 1000" in await says(initiator, "delivered 1000")
                taken = await says(application, "Storm")
                assert "text/vnd.wap.si " in taken
                application.send_signal(signal.SIGINT)
                await application.wait()
        # The last one has kept its token, so it comes back to its registration.
        last = (sys.executable, "applications/standard_library.py")
        async with running(*last, where=examples) as application:
            await says(application, "registered")
