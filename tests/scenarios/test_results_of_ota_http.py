"""What terminals answer by OTA-HTTP, and what the initiator hears of it.

PAP 8.14.5, PPG 5.1.2.2.5. A real gateway, an initiator who wants result notifications, and one
terminal for each answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from omapush.core.instants import later
from omapush.daemon.clock import SystemClock
from omapush.pap.model import ResultNotificationMessage
from omapush.testing.running_gateway import RunningGateway, address_of, client_table

LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
REGISTERED = (
    "204", "X-Wap-Push-Status: 501", "X-Wap-Bearer-Indication: 00", "X-Wap-Terminal-Id: 4155",
    "X-Wap-CPITag: AAAAAA==", "X-Wap-Push-Accept: */*",
)  # fmt: skip
NEW_TAG = "X-Wap-CPITag: AAAAAA=="


@dataclass(frozen=True, slots=True)
class Case:
    """One terminal.

    :ivar answer: the HTTP status and the headers of its answers to pushes.
    :ivar ends: message-state, code and delivery-method of a confirmed push.
    :ivar sent: how often it is sent then.
    :ivar sent_unconfirmed: how often it is sent if nobody wants a confirmation.
    :ivar options: its answer to registrations.
    """

    answer: tuple[str, ...]
    ends: str
    sent: int = 1
    sent_unconfirmed: int = 1
    options: tuple[str, ...] = REGISTERED


def status(number: int | str, *more: str) -> tuple[str, ...]:
    return ("204", f"X-Wap-Push-Status: {number}", *more)


def aborted(number: int) -> str:
    return f"aborted {5000 + number} confirmed"


DELIVERED = "delivered 1000 confirmed"
UNDELIVERABLE = "undeliverable 4000 unconfirmed"

PUSHES = {
    # X-Wap-Push-Status (WAP-235, 7.4.2.1)
    "400": Case(status("400 Accepted"), DELIVERED),
    "400 with body": Case(("200", "X-Wap-Push-Status: 400", "Content-Length: 0"), DELIVERED),
    "401": Case(status("401 Accepted", NEW_TAG), DELIVERED),
    "499": Case(status(499), DELIVERED),
    "234": Case(status(234), aborted(234), sent=2),
    "235": Case(status(235), aborted(235)),
    "236": Case(status("236 no such application"), aborted(236)),
    "237": Case(status(237), aborted(237), sent=2),
    "238": Case(status(238), aborted(238)),
    "239": Case(status(239), aborted(239)),
    "256 for ever": Case(status(256, NEW_TAG), aborted(256), sent=3, sent_unconfirmed=3),
    "256 without a tag": Case(status(256), aborted(256), sent=3, sent_unconfirmed=3),
    "257": Case(status(257), aborted(257)),
    "299": Case(status(299), aborted(299)),
    "600": Case(status(600), aborted(600)),
    # The push's answer counts, whatever HTTP says beside it.
    "400 beside 500": Case(("500", "X-Wap-Push-Status: 400", "Content-Length: 0"), DELIVERED),
    "238 beside 200": Case(("200", "X-Wap-Push-Status: 238", "Content-Length: 0"), aborted(238)),
    # No answer to a push at all
    "500": Case(status(500), UNDELIVERABLE),
    "999": Case(status(999), UNDELIVERABLE),
    # HTTP alone
    "HTTP 204": Case(("204",), DELIVERED),
    "HTTP 200": Case(("200", "Content-Length: 0"), DELIVERED),
    "HTTP 302": Case(("302", "Location: http://127.0.0.1/", "Content-Length: 0"), UNDELIVERABLE),
    "HTTP 400": Case(("400", "Content-Length: 0"), aborted(235)),
    "HTTP 401": Case(
        ("401", 'WWW-Authenticate: Basic realm="4155"', "Content-Length: 0"), UNDELIVERABLE
    ),
    "HTTP 401 without a challenge": Case(("401", "Content-Length: 0"), UNDELIVERABLE),
    "HTTP 403": Case(("403", "Content-Length: 0"), aborted(235)),
    "HTTP 404": Case(("404", "Content-Length: 0"), aborted(236)),
    "HTTP 405": Case(("405", "Allow: OPTIONS", "Content-Length: 0"), aborted(236)),
    "HTTP 406": Case(("406", "Content-Length: 0"), aborted(238)),
    "HTTP 408": Case(("408", "Content-Length: 0"), aborted(234), sent=2),
    "HTTP 410": Case(("410", "Content-Length: 0"), aborted(236)),
    "HTTP 412": Case(("412", "Content-Length: 0"), aborted(235)),
    "HTTP 413": Case(("413", "Content-Length: 0"), aborted(237)),
    "HTTP 415": Case(("415", "Content-Length: 0"), aborted(238)),
    "HTTP 418": Case(("418", "Content-Length: 0"), UNDELIVERABLE),
    "HTTP 500": Case(("500", "Content-Length: 0"), aborted(234), sent=2),
    "HTTP 503": Case(("503", "Retry-After: 0", "Content-Length: 0"), aborted(234), sent=2),
    "HTTP 505": Case(("505", "Content-Length: 0"), aborted(600)),
    "no answer": Case((), "timeout 4000 confirmed", sent=2, sent_unconfirmed=2),
}
"""Answers to pushes. An unconfirmed one is delivered whatever they are (PPG 5.1.2.2.5.1)."""

EXPIRED = "expired 4000 unconfirmed"
EXPIRES_MS = 2_000
"""What never ends otherwise has this long."""

REGISTRATIONS = {
    "300": Case((), EXPIRED, options=status(300)),
    "301": Case((), UNDELIVERABLE, options=status(301)),
    "302": Case((), UNDELIVERABLE, options=status(302)),
    "600": Case((), "aborted 5600 unconfirmed", options=status(600)),
    "version 2": Case((), UNDELIVERABLE, options=(*REGISTERED, "X-Wap-Push-OTA-Version: 2.0")),
    "HTTP 401": Case(
        (), UNDELIVERABLE, options=("401", 'WWW-Authenticate: Basic realm="1"', "Content-Length: 0")
    ),
    "HTTP 403": Case((), UNDELIVERABLE, options=("403", "Content-Length: 0")),
    "HTTP 404": Case((), UNDELIVERABLE, options=("404", "Content-Length: 0")),
    "HTTP 405": Case((), UNDELIVERABLE, options=("405", "Content-Length: 0")),
    "HTTP 412": Case((), UNDELIVERABLE, options=("412", "Content-Length: 0")),
    "HTTP 503": Case((), EXPIRED, options=("503", "Content-Length: 0")),
    "HTTP 505": Case((), "aborted 5600 unconfirmed", options=("505", "Content-Length: 0")),
}
"""Answers to registrations. Nothing is sent, and so nothing was confirmed (PAP SIN-100)."""


class Terminals:
    """A terminal for each case, all on a port of their own."""

    def __init__(self, cases: dict[str, Case]) -> None:
        self.cases = cases
        self.sent: Counter[str] = Counter()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Yield the settings of clients that are these terminals."""
        async with contextlib.AsyncExitStack() as stack:
            tables = []
            for number, (name, case) in enumerate(self.cases.items()):
                terminal = _Terminal(self, name, case)
                server = await asyncio.start_server(terminal.serve, "127.0.0.1", 0)
                await stack.enter_async_context(server)
                at = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
                tables.append(client_table(f"c{number}", address_of(number), ota_http=at))
            yield "".join(tables)


class _Terminal:
    def __init__(self, all_of_them: Terminals, name: str, case: Case) -> None:
        self._all = all_of_them
        self._name = name
        self._case = case

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = LENGTH.search(head)
                await reader.readexactly(int(found[1]) if found else 0)
                answer = self._case.options
                if head.startswith(b"POST"):
                    self._all.sent[self._name] += 1
                    answer = self._case.answer
                if answer:
                    first, *headers = answer
                    writer.write("\r\n".join((f"HTTP/1.1 {first} ", *headers, "", "")).encode())
        writer.close()


def said(result: ResultNotificationMessage) -> str:
    """Return what the initiator hears: how it ended, why, and whether somebody confirmed it."""
    quality = result.quality_of_service
    method = quality.delivery_method.value if quality and quality.delivery_method else None
    return f"{result.message_state.value} {result.code} {method}"


async def results(folder: Path, terminals: Terminals, *, confirmed: bool) -> dict[str, str]:
    """Push to every terminal at a time; return what the initiator hears, by case."""
    async with terminals.listening() as clients:
        gateway = RunningGateway(folder, clients)
        push_ids = {}
        async with gateway.running():
            for number, (name, case) in enumerate(terminals.cases.items()):
                expires = later(SystemClock()(), EXPIRES_MS) if case.ends == EXPIRED else None
                push_ids[name] = await gateway.push(
                    address_of(number), confirmed=confirmed, deliver_before=expires
                )
            return {name: said(await gateway.ended(each)) for name, each in push_ids.items()}


async def test_answers_to_confirmed_pushes_become_results_of_pap(tmp_path: Path) -> None:
    terminals = Terminals(PUSHES)
    heard = await results(tmp_path, terminals, confirmed=True)
    assert heard == {name: case.ends for name, case in PUSHES.items()}
    assert terminals.sent == {name: case.sent for name, case in PUSHES.items()}


async def test_unconfirmed_push_that_was_answered_is_delivered(tmp_path: Path) -> None:
    terminals = Terminals(PUSHES)
    heard = await results(tmp_path, terminals, confirmed=False)
    expected = dict.fromkeys(PUSHES, "delivered 1000 unconfirmed")
    expected["no answer"] = "timeout 4000 unconfirmed"
    assert heard == expected
    assert terminals.sent == {name: case.sent_unconfirmed for name, case in PUSHES.items()}


@pytest.mark.parametrize("confirmed", [True, False])
async def test_answers_to_registrations_become_results_of_pap(
    tmp_path: Path, *, confirmed: bool
) -> None:
    terminals = Terminals(REGISTRATIONS)
    heard = await results(tmp_path, terminals, confirmed=confirmed)
    assert heard == {name: case.ends for name, case in REGISTRATIONS.items()}
    assert not terminals.sent
