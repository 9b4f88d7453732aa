"""Pushes by SMS, from PAP to the SMSC's answer, beside Kannel; SMPP alone, beside smpplib."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import kannel
import smpplib.client
import smpplib.consts
import structlog
import uvloop
from gateway import OMAPUSH, ROOT, Cell, ppg_settings, submitted
from load import Submissions
from processes import Measured, free_ports, running

from omapush.bearers.smsc import SmscBearer
from omapush.bearers.smsc_account import Pace, SmscAccount
from omapush.core.instants import Instant, later
from omapush.daemon.clock import SystemClock
from omapush.ota.short_messages import ShortMessage, SubmissionVerdict, SubmissionWish

CONNECTIONS = (8, 32)
WINDOW = 100
UNCONFIRMED = ' delivery-method="unconfirmed"'
USER_DATA = bytes.fromhex("0605040b8423f0") + bytes(range(120))
MEMBERS_AT_A_TIME = 100_000
LONGEST_S = 300
_FAKE = re.compile(r"smsc = fake\n.*?connect-allow-ip = 127.0.0.1\n", re.DOTALL)


class Smsc:
    """A simulated SMSC in a process of its own."""

    def __init__(self, port: int, counter: Path) -> None:
        self.port = port
        self._counter = counter

    def taken(self) -> int:
        """Return how many submissions it has taken so far."""
        return int(self._counter.read_text() or 0)

    def wait_for(self, number: int) -> None:
        """Wait until it has taken so many."""
        give_up_at = time.perf_counter() + LONGEST_S
        while self.taken() < number:
            if time.perf_counter() > give_up_at:
                sys.exit(f"the SMSC got {self.taken()} of {number} submissions")
            time.sleep(0.02)


@contextlib.contextmanager
def smsc(folder: Path) -> Iterator[Smsc]:
    """Run a simulated SMSC."""
    (port,) = free_ports(1)
    counter = folder / "taken"
    counter.write_text("0")
    command = [sys.executable, str(ROOT / "bench/smpp_sink.py"), str(port), str(counter)]
    with running("smsc", [command], port, folder):
        yield Smsc(port, counter)


def pushes_by_sms(total: int, rounds: int) -> dict[str, dict[int, Cell]]:
    """Measure pushes to phones, the gateways taking turns: until the SMSC has them all."""
    found: dict[str, dict[int, list[Cell]]] = {}
    for number in range(rounds):
        for name, run in (("omapush", _omapush), ("Kannel", _kannel)):
            with tempfile.TemporaryDirectory() as text, smsc(Path(text)) as sink:
                for connections, cell in run(Path(text), sink, total, number):
                    found.setdefault(name, {}).setdefault(connections, []).append(cell)
    return {
        name: {
            connections: Cell(
                statistics.median(cell.per_second for cell in cells),
                statistics.median(cell.cpu_per_1000 for cell in cells),
            )
            for connections, cells in row.items()
        }
        for name, row in found.items()
    }


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(f"WAPPUSH=+4477{number:08d}/TYPE=PLMN@b" for number in range(count))


def _by_sms(folder: Path, pap: int, admin: int, sink: Smsc, more: str = "") -> list[str]:
    tables = (
        f'{more}[[smsc]]\nname = "sink"\nendpoint = "127.0.0.1:{sink.port}"\nsystem_id = "omapush"\n'
        f'password = "secret"\nwindow = {WINDOW}\n[[subscribers]]\nnumbers = ["+44*"]\n'
    )
    return [OMAPUSH, "ppg", "--config", str(ppg_settings(folder, pap, admin, tables))]


def _omapush(folder: Path, sink: Smsc, total: int, number: int) -> list[tuple[int, Cell]]:
    pap, admin = free_ports(2)
    what = Submissions(pap, "/pap", _numbers(10_000), "", UNCONFIRMED)
    with running("server", [_by_sms(folder, pap, admin, sink)], pap, folder) as server:
        return _measured(server, what, sink, total, number)


def _kannel(folder: Path, sink: Smsc, total: int, number: int) -> list[tuple[int, Cell]]:
    peer = kannel.prepared(folder)
    path = Path(peer.commands[0][1])
    by_smpp = (
        f"smsc = smpp\nhost = 127.0.0.1\nport = {sink.port}\ntransceiver-mode = true\n"
        f"smsc-username = omapush\nsmsc-password = secret\nsystem-type = x\nsmsc-id = sink\n"
        f"max-pending-submits = {WINDOW}\n"
    )
    path.write_text(_FAKE.sub(by_smpp, path.read_text()))
    what = Submissions(
        peer.ppg_port, "/wappush", _numbers(10_000), "",
        f'{UNCONFIRMED} bearer="SMS" network="GSM"', "1.0", kannel.authorization(),
    )  # fmt: skip
    with running("kannel", list(peer.commands), peer.ppg_port, folder) as server:
        return _measured(server, what, sink, total, number)


def _measured(
    server: Measured, what: Submissions, sink: Smsc, total: int, number: int
) -> list[tuple[int, Cell]]:
    submitted(server, what, 8, 500, f"warm{number}")
    sink.wait_for(500)
    cells = []
    for connections in CONNECTIONS:
        taken, before, started = sink.taken(), server.cpu_seconds(), time.perf_counter()
        submitted(server, what, connections, total, f"r{number}c{connections}")
        sink.wait_for(taken + total)
        seconds = time.perf_counter() - started
        time.sleep(0.5)  # what is settled after the SMSC's answer counts as well
        used = server.cpu_seconds() - before
        cells.append((connections, Cell(total / seconds, used / total * 1000)))
    return cells


@dataclass(frozen=True)
class Many:
    """One push to very many phones.

    :ivar answered: seconds until 1001; ``sent``: until the SMSC had all.
    :ivar idle_mib: resident memory of the gateway before the push; ``accepted_mib``: when it had
        answered; ``sent_mib``: when the last was sent; ``peak_mib``: the largest in between.
    """

    recipients: int
    answered: float
    sent: float
    cpu: float
    idle_mib: float
    accepted_mib: float
    sent_mib: float
    peak_mib: float


def push_to_many(recipients: int) -> Many:
    """Measure one push to so many phones, until the SMSC has taken the last."""
    with tempfile.TemporaryDirectory() as text, smsc(Path(text)) as sink:
        folder = Path(text)
        pap, admin = free_ports(2)
        # The settings of ppg_settings have [pap] already: these two go to it by the environment.
        limits = {
            "OMAPUSH_PPG_PAP__MAX_RECIPIENTS": str(MEMBERS_AT_A_TIME),
            "OMAPUSH_PPG_PAP__MAX_ENTITY": str(1 << 26),
        }
        command = _by_sms(folder, pap, admin, sink)
        with running("server", [command], pap, folder, **limits) as server:
            one = Submissions(pap, "/pap", _numbers(1_000), "", UNCONFIRMED)
            submitted(server, one, 8, 1_000, "warm")
            sink.wait_for(1_000)
            idle, before = server.resident_mib(), server.cpu_seconds()
            everybody = Submissions(
                pap, "/pap", _numbers(recipients), "", UNCONFIRMED, together=recipients
            )
            started = time.perf_counter()
            answered = submitted(server, everybody, 1, 1, "many").waits[0]
            accepted = server.resident_mib()
            sink.wait_for(1_000 + recipients)
            sent = time.perf_counter() - started
            memory = (idle, accepted, server.resident_mib(), server.peak_mib())
            return Many(recipients, answered, sent, server.cpu_seconds() - before, *memory)


def smpp_alone(total: int, rounds: int) -> dict[str, Cell]:
    """Measure submit_sm with a window of 100: our bearer, and smpplib driven by hand."""
    found: dict[str, list[Cell]] = {}
    for _ in range(rounds):
        for name, run in (("omapush", _our_bearer), ("smpplib", _smpplib)):
            with tempfile.TemporaryDirectory() as text, smsc(Path(text)) as sink:
                found.setdefault(name, []).append(run(sink.port, total))
    return {
        name: Cell(
            statistics.median(cell.per_second for cell in cells),
            statistics.median(cell.cpu_per_1000 for cell in cells),
        )
        for name, cells in found.items()
    }


def _our_bearer(port: int, total: int) -> Cell:
    async def nobody(reports: object) -> None:
        """No receipts are asked for."""

    async def run() -> Cell:
        clock = SystemClock()
        account = SmscAccount("sink", "127.0.0.1", port, "bench", pace=Pace(window=WINDOW))
        bearer = SmscBearer([account], clock, nobody, lambda: 0.5)
        wish = SubmissionWish(later(Instant(clock()), 3_600_000))
        numbers = itertools.count()

        async def worker() -> None:
            while (number := next(numbers)) < total:
                message = ShortMessage(f"+4477{number:08d}", USER_DATA)
                (answer,) = await bearer.submit([message], wish)
                if answer.verdict is not SubmissionVerdict.TAKEN:
                    sys.exit(f"not taken: {answer.reason}")

        async with bearer.running():
            await bearer.until_bound(10_000)
            before, started = time.process_time(), time.perf_counter()
            await asyncio.gather(*(worker() for _ in range(WINDOW)))
            seconds = time.perf_counter() - started
            return Cell(total / seconds, (time.process_time() - before) / total * 1000)

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        return uvloop.run(run())
    finally:
        structlog.reset_defaults()


def _ignore(*_: object, **__: object) -> None:
    """Do nothing."""


def _smpplib(port: int, total: int) -> Cell:
    client = smpplib.client.Client("127.0.0.1", port, allow_unknown_opt_params=True)
    client.set_message_sent_handler(_ignore)  # its own prints each
    client.connect()
    client.bind_transceiver(system_id="bench", password="")
    before, started = time.process_time(), time.perf_counter()
    sent = answered = 0
    while answered < total:
        while sent < total and sent - answered < WINDOW:
            client.send_message(
                source_addr_ton=0,
                source_addr="",
                dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
                dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
                destination_addr=f"4477{sent:08d}",
                esm_class=smpplib.consts.SMPP_GSMFEAT_UDHI,
                data_coding=4,
                short_message=USER_DATA,
            )
            sent += 1
        client.read_once()
        answered += 1
    seconds = time.perf_counter() - started
    used = time.process_time() - before
    client.unbind()
    client.disconnect()
    return Cell(total / seconds, used / total * 1000)
