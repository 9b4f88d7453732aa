"""Real daemons for scenario tests: started as processes, watched, killed, started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from omapush.testing.ports import OURS

PATIENCE_SECONDS = 30.0


class DaemonError(Exception):
    """A daemon did not do what it was started for; the message holds its log."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody else uses or is given; see ``ports``."""
    return OURS.take()


def free_udp_port() -> int:
    """Return such a port for UDP."""
    return OURS.take()


def clean_environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return our environment for a process that is to have no settings of omapush but ``more``."""
    inherited = {k: text for k, text in os.environ.items() if not k.startswith("OMAPUSH_")}
    return {**inherited, **more}


class Daemon:
    """One ``omapush`` daemon with its settings file.

    :param verb: ``ppg`` or ``client``.
    :param port: a port that answers as soon as the daemon is ready; or
    :param path: a Unix socket that does.
    """

    def __init__(
        self, verb: str, settings: Path, *, port: int | None = None, path: Path | None = None
    ) -> None:
        self._verb = verb
        self._settings = settings
        self._port = port
        self._path = path
        self._log = settings.with_suffix(f".{verb}.log")
        self._process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> str:
        """What the daemon wrote since it was started first."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def resident_kib(self) -> int:
        """Memory that the running process has in use."""
        status = (self._proc / "status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0])

    @property
    def open_files(self) -> int:
        """How many files and sockets the running process has open."""
        return sum(1 for _ in (self._proc / "fd").iterdir())

    @property
    def _proc(self) -> Path:
        if self._process is None:
            raise DaemonError("not running")
        return Path(f"/proc/{self._process.pid}")

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start it and wait until it answers. :raises DaemonError: it does not."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "omapush.cli", self._verb, "--config", str(self._settings),
                stdout=log, stderr=log, cwd=self._settings.parent,
                env=clean_environment(environment or {}),
            )  # fmt: skip
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await self._answers():
                    if self._process.returncode is not None:
                        raise DaemonError(f"ended with {self._process.returncode}:\n{self.log}")
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise DaemonError(f"does not answer:\n{self.log}") from error

    async def kill(self) -> None:
        """Kill it as a power cut would (SIGKILL)."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """Ask it to end; return its exit status."""
        return await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await process.wait()

    async def _answers(self) -> bool:
        try:
            if self._path is not None:
                _reader, writer = await asyncio.open_unix_connection(str(self._path))
            else:
                _reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        writer.close()
        return True


@contextlib.asynccontextmanager
async def running(daemon: Daemon) -> AsyncIterator[Daemon]:
    """Start ``daemon``, and stop it at the end, whatever happens."""
    await daemon.start()
    try:
        yield daemon
    finally:
        await daemon.stop()
