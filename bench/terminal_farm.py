"""Many OTA-HTTP terminals in one process, each on a port of its own; prints what arrived.

Written against the specification alone and sharing no code with omapush, so that only the gateway
is measured. ``python terminal_farm.py FIRST_PORT COUNT EXPECTED`` prints ``listening``, then a line
of JSON when EXPECTED pushes have come: the seconds from the first to the last, and the cost.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import sys
import time
from typing import cast

import uvloop

LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
REGISTERED = (
    b"HTTP/1.1 204 No Content\r\nX-Wap-Push-Status: 501\r\nX-Wap-Push-OTA-Version: 1.0\r\n"
    b"X-Wap-Bearer-Indication: 00\r\nX-Wap-Terminal-Id: %s\r\nX-Wap-CPITag: 5lEsUg==\r\n"
    b"X-Wap-Push-Accept: */*\r\nX-Wap-Push-Accept-AppID: *\r\nX-Wap-Push-MaxMsgSize: 65536\r\n\r\n"
)
TAKEN = b"HTTP/1.1 204 No Content\r\nX-Wap-Push-Status: 400 Accepted\r\n\r\n"


class Farm:
    """Counts pushes over all terminals."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.taken = 0
        self.first = 0.0
        self.last = 0.0
        self.done = asyncio.Event()

    def push(self) -> None:
        self.last = time.perf_counter()
        if not self.taken:
            self.first = self.last
        self.taken += 1
        if self.taken == self.expected:
            self.done.set()


class Terminal(asyncio.Protocol):
    """The HTTP server of one connection."""

    def __init__(self, farm: Farm, name: bytes) -> None:
        self._farm, self._name, self._received = farm, name, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            head, blank, rest = self._received.partition(b"\r\n\r\n")
            found = LENGTH.search(head)
            length = int(found[1]) if found else 0
            if not blank or len(rest) < length:
                return
            self._received = rest[length:]
            if head.startswith(b"OPTIONS"):
                self._transport.write(REGISTERED % self._name)
            else:
                self._farm.push()
                self._transport.write(TAKEN)


async def main(first_port: int, count: int, expected: int) -> None:
    farm, loop = Farm(expected), asyncio.get_running_loop()
    for number in range(count):
        name = b"4%011d" % number
        await loop.create_server(
            lambda name=name: Terminal(farm, name), "127.0.0.1", first_port + number
        )
    print("listening", flush=True)
    await farm.done.wait()
    used = resource.getrusage(resource.RUSAGE_SELF)
    report = {
        "pushes": farm.taken,
        "seconds": farm.last - farm.first,
        "cpu_seconds": used.ru_utime + used.ru_stime,
    }
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:4])))
