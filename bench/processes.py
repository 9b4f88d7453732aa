"""Processes under measurement: started, watched through /proc, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from omapush.testing.daemons import free_port

TICKS = os.sysconf("SC_CLK_TCK")


class Measured:
    """One or more processes that together are the server."""

    def __init__(self, name: str, processes: list[subprocess.Popen[bytes]]) -> None:
        self.name = name
        self.processes = processes

    def cpu_seconds(self) -> float:
        """Return user and system time used so far, threads included."""
        total = 0
        for process in self.processes:
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def resident_mib(self) -> float:
        """Return resident memory."""
        return self._status("VmRSS:")

    def peak_mib(self) -> float:
        """Return the largest resident memory so far."""
        return self._status("VmHWM:")

    def proportional_kib(self) -> float:
        """Return memory in KiB, that which is shared with other processes by its share (PSS)."""
        total = 0
        for process in self.processes:
            for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total

    def _status(self, what: str) -> float:
        total = 0
        for process in self.processes:
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
                if line.startswith(what):
                    total += int(line.split()[1])
        return total / 1024


@contextlib.contextmanager
def running(
    name: str,
    commands: list[list[str]],
    port: int,
    folder: Path,
    patience: float = 30,
    **environment: str,
) -> Iterator[Measured]:
    """Run ``commands`` until ``port`` answers, and end them afterwards."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for number, command in enumerate(commands):
            log = (folder / f"{name}-{number}.log").open("wb")
            processes.append(
                subprocess.Popen(
                    command, cwd=folder, stdout=log, stderr=log, env={**os.environ, **environment}
                )
            )
            if number + 1 < len(commands):
                time.sleep(1.5)  # the next one connects to this one
        _wait_for(port, processes, folder, name, patience)
        yield Measured(name, processes)
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(
    port: int,
    processes: list[subprocess.Popen[bytes]],
    folder: Path,
    name: str,
    patience: float,
) -> None:
    deadline = time.monotonic() + patience  # noqa: TID251 - a benchmark measures real time
    while time.monotonic() < deadline:  # noqa: TID251
        if any(process.poll() is not None for process in processes):
            logs = "".join(path.read_text() for path in sorted(folder.glob(f"{name}-*.log")))
            sys.exit(f"{name} ended early:\n{logs}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    sys.exit(f"{name} does not answer on port {port}")


def free_ports(count: int) -> list[int]:
    """Return ports that nobody else uses or is given."""
    return [free_port() for _ in range(count)]
