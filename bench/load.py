"""A load generator for PAP submissions: keep-alive connections that ask as soon as they are answered.

It parses no more than it must (status line, Content-Length, the result code), so that on two cores
it leaves as much as possible to the server that is measured. It never counts an answer other than
1001 as accepted.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import re
import time
from dataclasses import dataclass, field
from typing import cast

CONTENT_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
RESULT = re.compile(rb'<response-result code ?="(\d+)"')
BOUNDARY = "b7Qx-ppg-01"

CONTROL = (
    '<?xml version="1.0" encoding="UTF-8"?>\r\n'
    '<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP {version}//EN" '
    '"http://www.wapforum.org/DTD/pap_{version}.dtd">\r\n'
    '<pap><push-message push-id="{push_id}"{attributes}>'
    "{addresses}<quality-of-service{qos}/></push-message></pap>"
)
CONTENT = (
    '<?xml version="1.0"?>\r\n'
    '<!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" "http://www.wapforum.org/DTD/si.dtd">\r\n'
    '<si><indication href="http://mail.example.net/inbox/77" si-id="inbox-77" '
    'action="signal-medium" created="2026-11-22T09:00:00Z" si-expires="2027-11-23T09:00:00Z">'
    "2 new messages</indication></si>"
)


@dataclass(frozen=True)
class Submissions:
    """What is submitted, and where to.

    :ivar together: addresses in each push, taken from ``addresses`` in turn.
    """

    port: int
    path: str
    addresses: tuple[str, ...]
    attributes: str = ""
    qos: str = ' delivery-method="confirmed"'
    version: str = "2.0"
    authorization: str = ""
    together: int = 1

    @functools.cached_property
    def blocks(self) -> tuple[str, ...]:
        """The address elements of one push after the other."""
        elements = [f'<address address-value="{address}"/>' for address in self.addresses]
        starts = range(0, len(elements), self.together)
        return tuple("".join(elements[start : start + self.together]) for start in starts)

    def request(self, number: int, run: str) -> bytes:
        """Return the whole HTTP request of the ``number``-th push of ``run``."""
        control = CONTROL.format(
            version=self.version,
            push_id=f"{run}-{number}@bench.example.net",
            attributes=self.attributes,
            addresses=self.blocks[number % len(self.blocks)],
            qos=self.qos,
        )
        body = (
            f"--{BOUNDARY}\r\nContent-Type: application/xml\r\n\r\n{control}\r\n"
            f"--{BOUNDARY}\r\nContent-Type: text/vnd.wap.si\r\n"
            f"X-Wap-Application-Id: x-wap-application:wml.ua\r\n\r\n{CONTENT}\r\n--{BOUNDARY}--\r\n"
        )
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{self.authorization}"
            f'Content-Type: multipart/related; boundary="{BOUNDARY}"; type="application/xml"\r\n'
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return (head + body).encode()


@dataclass
class Result:
    """What came of a run.

    :ivar waits: seconds from each submission to its answer.
    """

    accepted: int = 0
    others: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Accepted pushes per second."""
        return self.accepted / self.seconds if self.seconds else 0.0


class _Connection(asyncio.Protocol):
    def __init__(self, what: Submissions, run: str, numbers: itertools.count[int], total: int,
                 result: Result, done: asyncio.Future[None]) -> None:  # fmt: skip
        self._what, self._run, self._numbers, self._total = what, run, numbers, total
        self._result, self._done = result, done
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def _next(self) -> None:
        number = next(self._numbers)
        if number >= self._total:
            self._transport.close()
        else:
            self._asked = time.perf_counter()
            self._transport.write(self._what.request(number, self._run))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(head)
        if not blank or length is None or len(body) < int(length[1]):
            return
        self._received = b""
        self._result.waits.append(time.perf_counter() - self._asked)
        code = RESULT.search(body)
        if code is not None and code[1] == b"1001":
            self._result.accepted += 1
        else:
            what = code[1].decode() if code else head.partition(b"\r\n")[0].decode()
            self._result.others[what] = self._result.others.get(what, 0) + 1
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


async def submit(what: Submissions, connections: int, total: int, run: str) -> Result:
    """Submit ``total`` pushes over ``connections`` keep-alive connections."""
    loop = asyncio.get_running_loop()
    result, numbers = Result(), itertools.count()
    ends = [loop.create_future() for _ in range(connections)]
    started = time.perf_counter()
    for end in ends:
        await loop.create_connection(
            lambda end=end: _Connection(what, run, numbers, total, result, end),
            "127.0.0.1",
            what.port,
        )
    await asyncio.gather(*ends)
    result.seconds = time.perf_counter() - started
    return result
