"""Real daemons for scenario tests: started as processes, watched, killed, started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from omapush.testing.daemon_process import start_process
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
        self._process: BaseProcess | None = None

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
        self._process = await asyncio.to_thread(
            start_process,
            [self._verb, "--config", str(self._settings)],
            self._settings.parent, clean_environment(environment or {}),
            out=self._log, err=self._log,
        )  # fmt: skip
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await self._answers():
                    if self._process.exitcode is not None:
                        raise DaemonError(f"ended with {self._process.exitcode}:\n{self.log}")
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise DaemonError(f"does not answer:\n{self.log}") from error

    async def kill(self) -> None:
        """Kill it as a power cut would (SIGKILL)."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """Ask it to end; return its exit status. :raises DaemonError: it does not."""
        return await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        if process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)
        return await _ended(process)

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


@dataclass(frozen=True)
class Ended:
    """How a verb ended: its exit status, and what it printed."""

    status: int
    out: str
    err: str


async def run_verb(
    *arguments: str, folder: Path, environment: Mapping[str, str] | None = None
) -> Ended:
    """Run ``omapush`` in ``folder`` until it ends by itself.

    :param environment: variables beside ours, whose settings of omapush it does not get.
    :raises DaemonError: it does not end.
    """
    with tempfile.TemporaryDirectory(prefix="omapush-verb-") as printed:
        out, err = Path(printed, "out"), Path(printed, "err")
        process = await asyncio.to_thread(
            start_process, arguments, folder, clean_environment(environment or {}), out, err
        )
        status = await _ended(process)
        return await asyncio.to_thread(_as_printed, status, out, err)


def _as_printed(status: int, out: Path, err: Path) -> Ended:
    return Ended(status, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))


async def _ended(process: BaseProcess) -> int:
    await asyncio.to_thread(process.join, PATIENCE_SECONDS)
    if process.exitcode is None:
        process.kill()
        raise DaemonError("does not end")
    return process.exitcode
