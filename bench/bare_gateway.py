"""A gateway without a ledger, for measuring clients: takes connections (TO-TCP) and pushes to each.

``python bare_gateway.py PORT COUNT`` listens, prints ``listening``, ``registered`` when COUNT
terminals are, and for each line on standard input pushes once to every terminal and prints the
seconds until the last has answered.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import uvloop

from omapush.bearers.tcp import ListenLimits, TcpBearer
from omapush.content.message import PushMessage
from omapush.daemon.clock import SystemClock
from omapush.daemon.garbage_collection import calm_garbage_collection
from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings
from omapush.ota.interface import OutcomeKind, PoConfirmedPushReq, PushOutcome, RegistrationInd

MESSAGE = PushMessage(
    (("Content-Type", "text/plain"), ("X-Wap-Application-Id", "x-wap-application:wml.ua")),
    b"x" * 1_024,
)


class Gateway:
    """Counts registrations and outcomes."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._links: list[Any] = []
        self._outcomes = 0
        self._answered = asyncio.Event()
        self.registered = asyncio.Event()

    def indication(self, link: Any, indication: object) -> None:
        match indication:
            case RegistrationInd():
                self._links.append(link)
                if len(self._links) == self._count:
                    self.registered.set()
            case PushOutcome(kind=kind, reason=reason):
                if kind is not OutcomeKind.DONE:
                    sys.exit(f"a push failed: {reason}")
                self._outcomes += 1
                if self._outcomes == self._count:
                    self._answered.set()

    async def push(self) -> float:
        """Push to all, and return the seconds until all have answered."""
        self._outcomes = 0
        self._answered.clear()
        begun = time.perf_counter()
        for number, link in enumerate(self._links):
            link.request(PoConfirmedPushReq(f"d{number}", MESSAGE))
            if number % 100 == 0:
                await asyncio.sleep(0)
        await self._answered.wait()
        return time.perf_counter() - begun


async def main(port: int, count: int) -> None:
    gateway = Gateway(count)
    await TcpBearer(SystemClock()).listen(
        "127.0.0.1",
        port,
        lambda _peer: HttpPpgSession(HttpPpgSettings()),
        gateway.indication,
        ListenLimits(count + 1, count + 1),
    )
    calm_garbage_collection()
    print("listening", flush=True)
    await gateway.registered.wait()
    print("registered", flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(await gateway.push(), flush=True)


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:3])))
