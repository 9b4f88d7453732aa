"""What a simulated client of ``omapush farm`` costs: clients that dial (TO-TCP) a bare gateway."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

from gateway import OMAPUSH, ROOT
from processes import Measured, free_ports

PACE = 2_000
"""Connections that the farm opens a second."""


@dataclass(frozen=True)
class Farmed:
    """A farm of so many clients; memory is resident.

    :ivar connected: MiB when all are registered, ``pushed``: when each has taken two pushes.
    :ivar seconds: from the start of the farm until all are registered.
    :ivar pushes: a second, one to each client, both processes on the same cores.
    :ivar cpu: seconds of the farm for 1,000 pushes.
    """

    clients: int
    connected: float
    pushed: float
    seconds: float
    pushes: float
    cpu: float


def client_farm(clients: int) -> Farmed:
    """Start a bare gateway and a farm of ``clients``, and push twice to each."""
    (port,) = free_ports(1)
    gateway_command = [sys.executable, str(ROOT / "bench/bare_gateway.py"), str(port), str(clients)]
    farm_command = [
        OMAPUSH, "farm", "--clients", str(clients), "--connect", f"127.0.0.1:{port}",
        "--pace", str(PACE), "--every", "3600",
    ]  # fmt: skip
    with subprocess.Popen(
        gateway_command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as gateway:
        assert gateway.stdin is not None
        assert gateway.stdout is not None
        gateway.stdout.readline()
        begun = time.perf_counter()
        with subprocess.Popen(farm_command, stdout=subprocess.DEVNULL) as farm:
            try:
                gateway.stdout.readline()
                seconds = time.perf_counter() - begun
                measured = Measured("farm", [farm])
                connected, before = measured.resident_mib(), measured.cpu_seconds()
                took = 0.0
                for _ in range(2):
                    gateway.stdin.write("push\n")
                    gateway.stdin.flush()
                    took += float(gateway.stdout.readline())
                cpu = (measured.cpu_seconds() - before) / (2 * clients) * 1_000
                pushed = measured.resident_mib()
            finally:
                farm.terminate()
                gateway.stdin.close()
        gateway.terminate()
    return Farmed(clients, connected, pushed, seconds, 2 * clients / took, cpu)
