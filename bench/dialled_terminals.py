"""A gateway that very many terminals have dialled (TO-TCP): memory at rest, pushes, and their return.

Beside it, with the same generator: mosquitto from Debian, whose clients keep a connection for the
same reason, and a bare acceptor in Python. ``python dialled_terminals.py`` measures this part
alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from dialling_peers import terminal_id
from gateway import OMAPUSH, ROOT, ppg_settings
from load import CONTENT_LENGTH, RESULT, Submissions, submit
from processes import Measured, free_ports, running

from omapush.testing.authority import Authority

MOSQUITTO = Path("/usr/sbin/mosquitto")
GATEWAY, BARE, BROKER = "omapush", "bare asyncio", "mosquitto"
SIZES = (1_000, 10_000)
WARM = 100
"""Connections before the first that is measured: whatever is made once has been made."""
OUR_CAP = 50_000
"""More are not tried, however many the machine would hold."""
OTHERS = 200
"""Descriptors that a process needs for other things."""
MEMORY_KIB = 160
"""What a connection takes of the machine by TLS, both ends, at a guess that is high."""
PORTS = 28_000 * 64
STORM = 10_000
AT_ONCE = 4_000
"""Connections on their way at a time when all return: the system keeps 4,096 (net.core.somaxconn) for
a server that is slow to accept, and drops what is more, which comes back after a second or never."""
FEW = 64
"""And when memory is measured: mosquitto lets 100 wait to be accepted."""
SUBMITTERS = 32


@dataclass(frozen=True)
class Held:
    """One server with idle connections.

    :ivar kib: KiB of its memory a connection, by how many there are.
    """

    name: str
    tls: bool
    kib: dict[int, float]


@dataclass(frozen=True)
class Pushes:
    """Pushes to many connected terminals.

    :ivar per_second: until the last had its push, submitted as fast as they are accepted.
    :ivar cpu: seconds of the gateway for 1,000. :ivar generators: of those that submit and take.
    :ivar paced: pushes a second for the waits. :ivar accepted, there: milliseconds from submission
        to its acceptance, and to the terminal: median, and what 99 of 100 are below.
    """

    terminals: int
    count: int
    per_second: float
    cpu: float
    generators: float
    paced: float
    accepted: tuple[float, float]
    there: tuple[float, float]


@dataclass(frozen=True)
class Return:
    """All terminals return to a server that has started again: medians over the rounds.

    :ivar seconds: until all are registered. :ivar cpu: of the server, ``generator`` of the other
        end, in seconds for all.
    """

    name: str
    seconds: float
    cpu: float
    generator: float


@dataclass(frozen=True)
class Dialled:
    """All figures; ``limit`` is what ended the largest number of connections."""

    held: list[Held] = field(default_factory=list)
    limit: str = ""
    pushes: Pushes | None = None
    returns: list[Return] = field(default_factory=list)
    terminals: int = STORM
    missing: str = ""


def dialled_terminals(scale: float, rounds: int) -> Dialled:
    """Measure everything; with ``scale`` below 1 fewer connections."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most, limit = most_connections()
    sizes = sorted({max(WARM * 2, int(size * scale)) for size in (*SIZES, most) if size <= most})
    missing = "" if MOSQUITTO.exists() else "mosquitto is not installed: scripts/install_peers.sh"
    names = (GATEWAY, BARE) if missing else (GATEWAY, BARE, BROKER)
    terminals = min(sizes[-1], max(WARM * 2, int(STORM * scale)))
    held = [idle(name, sizes, tls=tls) for tls in (False, True) for name in names]
    pushes, returns = pushes_and_return(terminals, rounds)
    return Dialled(held, limit, pushes, returns, terminals, missing)


def most_connections() -> tuple[int, str]:
    """Return how many one process can hold here, and what sets the limit."""
    available = next(
        int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemAvailable")
    )  # fmt: skip
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    limits = (
        (descriptors - OTHERS, f"descriptors: {descriptors:,} for a process"),
        (available // 2 // MEMORY_KIB, f"half of the free memory: {available >> 20} GiB"),
        (PORTS, "ports"),
        (OUR_CAP, "a cap of our own"),
    )
    return min(limits)


# -- servers, and the other end --


@dataclass(frozen=True)
class Place:
    """Where a server listens, and its files."""

    folder: Path
    port: int
    pap: int
    admin: int
    terminals: int
    tls: bool

    @property
    def certificate(self) -> tuple[str, str]:
        return str(self.folder / "server.pem"), str(self.folder / "server.key")


@contextlib.contextmanager
def place(terminals: int, *, tls: bool) -> Iterator[Place]:
    """Prepare a folder, with certificates and settings for so many terminals."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        folder.chmod(0o755)
        if tls:
            authority = Authority(folder)
            authority.sign("server", "DNS:localhost")
            (folder / "server.key").chmod(0o644)
        port, pap, admin = free_ports(3)
        where = Place(folder, port, pap, admin, terminals, tls)
        ppg_settings(folder, pap, admin, _terminals_tables(where))
        (folder / "mosquitto.conf").write_text(_mosquitto_settings(where))
        yield where


def addresses(count: int) -> tuple[str, ...]:
    """Return the initiators' addresses of the terminals."""
    return tuple(f"WAPPUSH=+{terminal_id(number)[1:]}/TYPE=PLMN@b" for number in range(count))


def _terminals_tables(where: Place) -> str:
    certificate, key = where.certificate
    kind = "secure_listen" if where.tls else "listen"
    files = f'tls_certificate = "{certificate}"\ntls_key = "{key}"\n' if where.tls else ""
    most = where.terminals + OTHERS
    clients = (
        f'[[clients]]\nid = "c{number}"\naddresses = ["{address}"]\n'
        f'terminal_id = "{terminal_id(number)}"\nota_http_dials_in = true\n'
        for number, address in enumerate(addresses(where.terminals))
    )
    return (
        f'[ota_http]\n{kind} = "127.0.0.1:{where.port}"\n{files}max_connections = {most}\n'
        f"max_anonymous = {most}\nmax_anonymous_per_address = {most}\n{''.join(clients)}"
    )


def _mosquitto_settings(where: Place) -> str:
    certificate, key = where.certificate
    files = f"certfile {certificate}\nkeyfile {key}\n" if where.tls else ""
    return f"listener {where.port} 127.0.0.1\nallow_anonymous true\nmax_connections -1\n{files}"


@contextlib.contextmanager
def server(name: str, where: Place) -> Iterator[Measured]:
    """Run one of the servers."""
    files = where.certificate if where.tls else ()
    command, port = {
        GATEWAY: ([OMAPUSH, "ppg", "--config", str(where.folder / "ppg.toml")], where.pap),
        BARE: (
            [sys.executable, str(ROOT / "bench/bare_acceptor.py"), str(where.port), *files],
            where.port,
        ),
        BROKER: ([str(MOSQUITTO), "-c", str(where.folder / "mosquitto.conf")], where.port),
    }[name]
    with running(name.rpartition(" ")[2], [command], port, where.folder, 120) as measured:
        yield measured


class Peers:
    """The generator: dialling_peers.py in a process of its own."""

    def __init__(self, where: Place, kind: str) -> None:
        authority = [str(where.folder / "ca.pem")] if where.tls else []
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "bench/dialling_peers.py"), str(where.port), kind,
             *authority], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def begin(self, what: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()

    def end(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit("the generator has ended")
        found: dict[str, Any] = json.loads(line)
        return found

    def do(self, what: str) -> dict[str, Any]:
        self.begin(what)
        return self.end()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def peers_of(name: str, where: Place) -> Iterator[Peers]:
    """Run the generator."""
    peers = Peers(where, "mqtt" if name == BROKER else "terminal")
    try:
        yield peers
    finally:
        peers.close()


def wait_for_all(name: str, where: Place, count: int) -> None:
    """Wait until the gateway says that so many terminals are registered."""
    while name == GATEWAY:
        with urllib.request.urlopen(f"http://127.0.0.1:{where.admin}/healthz") as answer:
            found = re.search(rb"(\d+) connections? of", answer.read())
        if found is not None and int(found[1]) >= count:
            return
        time.sleep(0.01)


# -- connections at rest --


def idle(name: str, sizes: Sequence[int], *, tls: bool) -> Held:
    """Measure one server's memory with more and more connections."""
    with place(sizes[-1] + WARM, tls=tls) as where, server(name, where) as measured:
        with peers_of(name, where) as peers:
            peers.do(f"open {WARM} {FEW}")
            before = _settled(measured)
            kib = {}
            for size in sizes:
                peers.do(f"open {WARM + size} {FEW}")
                wait_for_all(name, where, WARM + size)
                kib[size] = (_settled(measured) - before) / size
        return Held(name, tls, kib)


def _settled(measured: Measured) -> float:
    """Return the server's memory in KiB when it has nothing more to do."""
    used = -1.0
    while used != (used := measured.cpu_seconds()):
        time.sleep(0.25)
    return measured.proportional_kib()


# -- pushes, and the return of all --


def pushes_and_return(terminals: int, rounds: int) -> tuple[Pushes, list[Return]]:
    """Push to all terminals; then let them come back to servers that start again, in turns."""
    found: dict[str, list[Return]] = {GATEWAY: [], BARE: []}
    pushes: Pushes | None = None
    with place(terminals, tls=False) as where, peers_of(GATEWAY, where) as peers:
        for number, name in itertools.product(range(rounds), found):
            with server(name, where) as measured:
                found[name].append(_returned(name, where, measured, peers))
                if number == rounds - 1 and name == GATEWAY:
                    pushes = _pushes(where, measured, peers)
            peers.do("lost")
    assert pushes is not None
    return pushes, [_median(rounds_of) for rounds_of in found.values()]


def _returned(name: str, where: Place, measured: Measured, peers: Peers) -> Return:
    """Let all terminals dial at once; nobody is connected, and the server has just started."""
    time.sleep(0.5)
    cpu, began = measured.cpu_seconds(), time.perf_counter()
    answered = peers.do(f"open {where.terminals} {AT_ONCE}")
    wait_for_all(name, where, where.terminals)
    seconds = time.perf_counter() - began
    return Return(name, seconds, measured.cpu_seconds() - cpu, answered["cpu_seconds"])


def _median(rounds: list[Return]) -> Return:
    def middle(what: Callable[[Return], float]) -> float:
        return statistics.median(what(one) for one in rounds)

    return Return(
        rounds[0].name,
        middle(lambda one: one.seconds),
        middle(lambda one: one.cpu),
        middle(lambda one: one.generator),
    )


def _pushes(where: Place, measured: Measured, peers: Peers) -> Pushes:
    count = where.terminals
    what = Submissions(where.pap, "/pap", addresses(count))
    cpu, began, ours = measured.cpu_seconds(), time.perf_counter(), time.process_time()
    peers.begin(f"pushes {count}")
    result = uvloop.run(submit(what, SUBMITTERS, count, "d"))
    if result.accepted != count:
        sys.exit(f"{result.accepted} of {count} accepted, others {result.others}")
    arrived = peers.end()
    _settled(measured)
    generators = time.process_time() - ours + arrived["cpu_seconds"]
    used = measured.cpu_seconds() - cpu
    per_second = count / (max(instant for _, instant in arrived["arrived"]) - began)
    paced, few = per_second / 3, min(count, 2_000)
    peers.begin(f"pushes {few}")
    submitted, accepted = uvloop.run(_paced(what, few, paced))
    there = dict(peers.end()["arrived"])
    return Pushes(
        count, count, per_second, used / count * 1_000, generators / count * 1_000, paced,
        _quantiles([accepted[number] - submitted[number] for number in range(few)]),
        _quantiles([there[number] - submitted[number] for number in range(few)]),
    )  # fmt: skip


async def _paced(what: Submissions, total: int, rate: float) -> tuple[list[float], list[float]]:
    """Submit one push after the other at an even pace; return when each went and was accepted."""
    submitted, accepted = [0.0] * total, [0.0] * total
    began = time.perf_counter() + 0.1

    async def some(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", what.port)
        for number in range(first, total, SUBMITTERS):
            await asyncio.sleep(began + number / rate - time.perf_counter())
            submitted[number] = time.perf_counter()
            writer.write(what.request(number, "paced"))
            head = await reader.readuntil(b"\r\n\r\n")
            length = CONTENT_LENGTH.search(head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            accepted[number] = time.perf_counter()
            code = RESULT.search(body)
            if code is None or code[1] != b"1001":
                sys.exit(f"not accepted: {head!r}")
        writer.close()

    await asyncio.gather(*(some(first) for first in range(SUBMITTERS)))
    return submitted, accepted


def _quantiles(waits: list[float]) -> tuple[float, float]:
    """Return the median, and what 99 of 100 are below, in milliseconds."""
    waits = sorted(waits)
    return waits[len(waits) // 2] * 1_000, waits[len(waits) * 99 // 100] * 1_000


if __name__ == "__main__":
    import report

    part = dialled_terminals(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0, 3)
    print("\n".join(report.dialled(part)))
