"""Pushes by MESSAGE through Kamailio, from PAP to the result notification; sipp's own rate beside it.

The ceiling is sipp on both sides of the same Kamailio, pushing at rising rates until not all are
answered in time. Then the gateway pushes to the clients of ``omapush farm`` by the same Kamailio:
each push is submitted over PAP, stored, sent in a MESSAGE, accepted by its client, settled, and the
initiator is told of it. The generator (submissions, and where notifications go) is this process.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import uvloop
from gateway import OMAPUSH, ppg_settings
from load import CONTENT_LENGTH, Submissions, submit
from processes import Measured, free_ports, running
from sip_farm import Farm, processes_of, told_gateway

from omapush.testing.kamailio import DOMAIN, GATEWAY, Kamailio
from omapush.testing.sipp import Sipp

APPLICATION = "x-wap-application:wml.ua"
TAG = ';+g.oma.pusheventapp="wml.ua"'
REQUIRED = '*;+g.oma.pusheventapp="wml.ua";require;explicit'
RATES = (1_000, 2_000, 3_000, 4_000, 5_000, 6_500, 8_000, 10_000)
SECONDS = 3
"""At each rate: queues must not hide that somebody does not keep up."""
ENOUGH = 0.9
"""Of the rate that was asked for: below it sipp or the core does not keep up."""
EXPIRES = ("--sip-expires", "3600")
SUBMITTERS = 32
CLIENTS = 1_000
PATIENCE = 60
SAID = re.compile(rb'desc="([^";]*)')


@dataclass(frozen=True)
class Ceiling:
    """sipp to sipp: MESSAGEs a second, and CPU seconds of the core for 1,000."""

    per_second: float
    core_cpu: float


@dataclass(frozen=True)
class SipPushes:
    """Pushes of the gateway, until the last result notification.

    :ivar transport: between the gateway and the core, and between the core and the clients.
    :ivar accepted: submissions answered a second.
    :ivar gateway_cpu, core_cpu, farm_cpu: CPU seconds for 1,000.
    """

    transport: str
    pushes: int
    per_second: float
    accepted: float
    gateway_cpu: float
    core_cpu: float
    farm_cpu: float


def sip_pushes(total: int, rounds: int) -> tuple[Ceiling, list[SipPushes]]:
    """Measure the ceiling, and the gateway: medians of rounds that take turns."""
    with tempfile.TemporaryDirectory() as folder:
        ceiling = asyncio.run(_ceiling(Path(folder)))
    found: dict[str, list[SipPushes]] = {"udp": [], "tcp": []}
    for _ in range(rounds):
        for transport, rows in found.items():
            rows.append(_pushed(total, transport))
    return ceiling, [_median(transport, rows) for transport, rows in found.items()]


# -- the ceiling --


async def _ceiling(folder: Path) -> Ceiling:
    """Find it; ``folder`` is for the list of users."""
    users = folder / "users.csv"
    users.write_text("SEQUENTIAL\n" + "".join(f"u{number}\n" for number in range(1, CLIENTS + 1)))
    with Kamailio() as core:
        async with told_gateway(core):
            keys = {"tags": TAG, "expires": "600", "contact_port": str(core.tls_port)}
            register = Sipp(
                "register", core.port, user="u[call_number]", keys=keys, calls=CLIENTS,
                timeout=PATIENCE, trace=False, options=("-r", "500"),
            )  # fmt: skip
            if (await register.run()).status:
                raise SystemExit("sipp cannot register its users")
        best = Ceiling(0, 0)
        for rate in RATES:
            found = await _at(core, rate, users)
            if found is None:
                break
            best = max(best, found, key=lambda one: one.per_second)
            if found.per_second < ENOUGH * rate:
                break
        if not best.per_second:
            raise SystemExit(f"sipp and Kamailio do not even carry {RATES[0]} MESSAGEs a second")
        return best


async def _at(core: Kamailio, rate: int, users: Path) -> Ceiling | None:
    """Push for some seconds at this rate; ``None``: not all were answered."""
    calls = rate * SECONDS
    # The device is at a port of the core's that nobody uses without TLS.
    device = Sipp(
        "client_uas", core.port, port=core.tls_port, calls=calls, timeout=PATIENCE, trace=False
    )
    keys = {"target": f"sip:[field0]@{DOMAIN}", "accept_contact": REQUIRED}
    pusher = Sipp(
        "push", core.isc_port, keys=keys, calls=calls, timeout=PATIENCE, trace=False,
        options=("-r", str(rate), "-l", str(calls), "-inf", str(users)),
    )  # fmt: skip
    measured = processes_of(core)
    async with device:
        cpu, begun = measured.cpu_seconds(), time.perf_counter()
        run = await pusher.run()
        seconds = time.perf_counter() - begun
        cpu = measured.cpu_seconds() - cpu
    return None if run.status else Ceiling(calls / seconds, cpu / calls * 1000)


# -- the gateway --


class Notified(asyncio.Protocol):
    """Where result notifications go: counts them, and what undelivered pushes came to."""

    count = 0
    wanted = 0
    others: ClassVar[Counter[str]] = Counter()
    complete: asyncio.Event

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with a connection."""
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Answer each notification."""
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(head)
        if not blank or length is None or len(body) < int(length[1]):
            return
        self._received = body[int(length[1]) :]
        if b'"delivered"' not in body:
            said = SAID.search(body)
            Notified.others[said[1].decode() if said else repr(body)] += 1
        Notified.count += 1
        if Notified.count >= Notified.wanted:
            Notified.complete.set()
        self._transport.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")  # type: ignore[attr-defined]


def _pushed(total: int, transport: str) -> SipPushes:
    with tempfile.TemporaryDirectory() as text, Kamailio() as core:
        folder = Path(text)
        pap, admin, notified = free_ports(3)
        settings = ppg_settings(
            folder, pap, admin,
            f'[sip]\ncore = "127.0.0.1:{core.isc_port}"\ntransport = "{transport}"\n'
            f'uri = "{GATEWAY}"\nlisten_udp = "127.0.0.1:{core.ppg_port}"\n'
            f'listen_tcp = "127.0.0.1:{core.ppg_port}"\n{_clients()}',
        )  # fmt: skip
        with (
            running("ppg", [[OMAPUSH, "ppg", "--config", str(settings)]], pap, folder) as gateway,
            Farm(core, CLIENTS, *EXPIRES, transport=transport, application=APPLICATION) as farm,
        ):
            farm.wait_for(registrations=CLIENTS)
            return uvloop.run(_measured(total, transport, pap, notified, gateway, farm, core))


def _clients() -> str:
    """Return the tables of the clients, users of the core."""
    return "".join(
        f'[[clients]]\nid = "u{number}"\naddresses = ["{_address(number)}"]\n'
        f'sip = "sip:u{number}@{DOMAIN}"\n'
        for number in range(1, CLIENTS + 1)
    )


def _address(number: int) -> str:
    return f"WAPPUSH=u{number}/TYPE=USER@ppg.example.net"


async def _measured(
    total: int, transport: str, pap: int, notified: int, gateway: Measured, farm: Farm,
    core: Kamailio,
) -> SipPushes:  # fmt: skip
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Notified, "127.0.0.1", notified)
    addresses = tuple(_address(number) for number in range(1, CLIENTS + 1))
    wants = f' ppg-notify-requested-to="http://127.0.0.1:{notified}/"'
    what = Submissions(pap, "/pap", addresses, wants)
    await _until_notified(what, min(total, CLIENTS), "warm")
    sides = (gateway, processes_of(core), farm.measured)
    before = [one.cpu_seconds() for one in sides]
    begun = time.perf_counter()
    accepted = await _until_notified(what, total, "s")
    seconds = time.perf_counter() - begun
    used = [one.cpu_seconds() - cpu for one, cpu in zip(sides, before, strict=True)]
    server.close()
    return SipPushes(
        transport, total, total / seconds, accepted, *(cpu / total * 1000 for cpu in used)
    )


async def _until_notified(what: Submissions, total: int, run: str) -> float:
    """Submit, and wait for the last notification; return how many were accepted a second."""
    Notified.count, Notified.wanted, Notified.complete = 0, total, asyncio.Event()
    result = await submit(what, SUBMITTERS, total, run)
    if result.accepted != total:
        raise SystemExit(f"{result.accepted} of {total} accepted, others {result.others}")
    async with asyncio.timeout(PATIENCE):
        await Notified.complete.wait()
    if Notified.others:
        raise SystemExit(f"not delivered: {Notified.others.most_common(3)}")
    return result.per_second


def _median(transport: str, rows: list[SipPushes]) -> SipPushes:
    def middle(what: Callable[[SipPushes], float]) -> float:
        return statistics.median(what(one) for one in rows)

    return SipPushes(
        transport, rows[0].pushes, middle(lambda one: one.per_second),
        middle(lambda one: one.accepted), middle(lambda one: one.gateway_cpu),
        middle(lambda one: one.core_cpu), middle(lambda one: one.farm_cpu),
    )  # fmt: skip
