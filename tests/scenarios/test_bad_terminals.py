"""Real gateway, terminals that misbehave: each costs itself, for a bounded time, and nobody else.

Every terminal of a table does one thing wrong, all of them at the same time, while a good one gets
its pushes. What was wrong stands in the timeline of the push.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from omapush.testing.plain_terminal import REGISTERED, Terminal
from omapush.testing.running_gateway import RunningGateway, address_of, client_table

GOOD = address_of(0)
LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
ENOUGH_KIB = 48 * 1024
"""What the gateway's memory may grow by while it meets them all; a bomb of one is larger."""

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


# -- what a terminal may do instead of answering --


def says(*octets: bytes) -> Behaviour:
    """Say this, and go on listening."""

    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(octets))
        await writer.drain()

    return act


def says_and_ends(octets: bytes) -> Behaviour:
    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(octets)
        await writer.drain()
        writer.close()

    return act


def says_and_resets(octets: bytes) -> Behaviour:
    """Reset the connection in the middle of an answer."""

    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(octets)
        await writer.drain()
        await asyncio.sleep(0.05)  # else the reset overtakes what was written
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    return act


def drips(octets: bytes) -> Behaviour:
    """Say it octet by octet, and so slowly that it never ends."""

    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for octet in octets:
            writer.write(bytes((octet,)))
            await asyncio.sleep(0.1)

    return act


def repeats(octets: bytes, before: bytes = b"") -> Behaviour:
    """Say the same as long as anybody listens."""

    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(before)
        while not writer.is_closing():
            writer.write(octets)
            await writer.drain()

    return act


def says_anew(header: bytes) -> Behaviour:
    """Say something else each time."""

    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 204 \r\n" + header + secrets.token_hex(4).encode() + b"\r\n\r\n")

    return act


def challenges_anew(header: bytes, realm: bytes) -> Behaviour:
    """Want a proof, whatever was shown."""

    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonce = secrets.token_hex(8).encode()
        challenge = b'Digest realm="%s", nonce="%s", algorithm=SHA-1' % (realm, nonce)
        writer.write(
            b"HTTP/1.1 401 \r\nContent-Length: 0\r\n" + header
            + b"WWW-Authenticate: " + challenge + b"\r\n\r\n"
        )  # fmt: skip

    return act


silence = says()


@dataclass(frozen=True, slots=True)
class Bad:
    """A bad terminal.

    :ivar says: what the timeline must say of it.
    :ivar to_options: what it does when it is to be registered.
    :ivar to_push: what it does with a push.
    :ivar at_once: what it says before it is asked.
    :ivar settings: what else the gateway knows of the client.
    """

    says: str
    to_options: Behaviour = says(REGISTERED)
    to_push: Behaviour = says(b"HTTP/1.1 204 \r\nX-Wap-Push-Status: 400\r\n\r\n")
    at_once: bytes = b""
    settings: Mapping[str, str] = field(default_factory=dict)


OK = b"HTTP/1.1 200 OK\r\nX-Wap-Push-Status: 400\r\n"
NO_CONTENT = b"HTTP/1.1 204 \r\nX-Wap-Push-Status: 400\r\n"
NOT_HTTP = "the terminal does not speak HTTP"
NO_ANSWER = "the terminal did not answer the push in time"
NOT_REGISTERED = "the terminal did not answer the registration in time"


def registered(*headers: bytes) -> bytes:
    """Return a registration with more headers, of which the last of a name need not count."""
    return REGISTERED.replace(b"\r\n\r\n", b"\r\n" + b"\r\n".join((*headers, b"", b"")))


SLOW: Mapping[str, Bad] = {
    "never registers": Bad(NOT_REGISTERED, to_options=silence),
    "registers octet by octet": Bad(NOT_REGISTERED, to_options=drips(REGISTERED)),
    "interim registrations": Bad(
        "interim", to_options=repeats(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
    ),
    "never answers": Bad(NO_ANSWER, to_push=silence),
    "answers octet by octet": Bad(NO_ANSWER, to_push=drips(NO_CONTENT)),
    "body octet by octet": Bad(
        NO_ANSWER, to_push=drips(OK + b"Content-Length: 1000\r\n\r\n" + b"x" * 999)
    ),
    "stops within its headers": Bad(NO_ANSWER, to_push=says(NO_CONTENT)),
    "announces more than it sends": Bad(
        NO_ANSWER, to_push=says(OK, b"Content-Length: 100\r\n\r\nshort")
    ),
}
"""Terminals that take their time."""

LARGE: Mapping[str, Bad] = {
    "endless head": Bad(NOT_HTTP, to_push=repeats(b"X-Header: " + b"x" * 1_000 + b"\r\n", OK)),
    "endless header": Bad(NOT_HTTP, to_push=repeats(b"x" * 65_536, OK + b"X-Header: ")),
    "endless status line": Bad(NOT_HTTP, to_push=repeats(b"x" * 65_536, b"HTTP/1.1 200 ")),
    "endless registration": Bad(
        NOT_HTTP, to_options=repeats(b"X-Header: x\r\n" * 1_000, b"HTTP/1.1 204 \r\n")
    ),
    "endless interim answers": Bad(
        "interim", to_push=repeats(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
    ),
    "endless body": Bad(
        "a body of more than", to_push=repeats(b"x" * 65_536, OK + b"Connection: close\r\n\r\n")
    ),
    "endless chunks": Bad(
        "a body of more than",
        to_push=repeats(
            b"1000\r\n" + b"x" * 4_096 + b"\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n"
        ),
    ),
    "endless chunk extension": Bad(
        NOT_HTTP,
        to_push=repeats(b"x" * 65_536, OK + b"Transfer-Encoding: chunked\r\n\r\n1;"),
    ),
    "endless trailers": Bad(
        NOT_HTTP,
        to_push=repeats(b"X-Trailer: x\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"),
    ),
    "announces a chunk of exabytes": Bad(
        "a body of more than",
        to_push=repeats(
            b"x" * 65_536, OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"
        ),
    ),
    "announces a terabyte": Bad(
        "a body of more than", to_push=says(OK, b"Content-Length: 1099511627776\r\n\r\n")
    ),
}
"""Terminals that send more than anybody wants."""

WRONG: Mapping[str, Bad] = {
    "nonsense": Bad(NOT_HTTP, to_options=says(b"\x00\xffSSH-2.0-nonsense\r\n\r\n")),
    "nonsense for a push": Bad(NOT_HTTP, to_push=says(b"\x16\x03\x01 alert\r\n\r\n")),
    "speaks first": Bad(NOT_HTTP, at_once=b"220 mail.example.net ESMTP\r\n"),
    "answers before it is asked": Bad(
        "terminal None answered",
        at_once=b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        settings={"terminal_id": "4003"},
    ),
    "asks instead of answering": Bad(NOT_HTTP, to_push=says(b"GET / HTTP/1.1\r\nHost:\r\n\r\n")),
    "upgrades": Bad(
        NOT_HTTP, to_push=says(b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: u\r\n\r\n")
    ),
    "ends within an answer": Bad("no answer", to_push=says_and_ends(NO_CONTENT)),
    "ends within a body": Bad(
        "no answer", to_push=says_and_ends(OK + b"Content-Length: 9\r\n\r\nx")
    ),
    "ends within a chunk": Bad(
        "no answer", to_push=says_and_ends(OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nx")
    ),
    "resets within an answer": Bad("no answer", to_push=says_and_resets(NO_CONTENT)),
    "resets within a registration": Bad(
        "not registered", to_options=says_and_resets(REGISTERED[:60])
    ),
    "ends within a registration": Bad("not registered", to_options=says_and_ends(REGISTERED[:60])),
    # Framing that two readers may read differently (RFC 9112, 6.3 and 11)
    "two lengths": Bad(
        NOT_HTTP, to_push=says(OK, b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello")
    ),
    "a list of lengths": Bad(NOT_HTTP, to_push=says(OK, b"Content-Length: 0, 5\r\n\r\nhello")),
    "a negative length": Bad(NOT_HTTP, to_push=says(OK, b"Content-Length: -1\r\n\r\n")),
    "a signed length": Bad(NOT_HTTP, to_push=says(OK, b"Content-Length: +0\r\n\r\n")),
    "a hexadecimal length": Bad(NOT_HTTP, to_push=says(OK, b"Content-Length: 0x5\r\n\r\nhello")),
    "a length and chunks": Bad(
        NOT_HTTP,
        to_push=says(OK, b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ),
    "chunks of another coding": Bad(
        NOT_HTTP, to_push=says(OK, b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")
    ),
    "a coding that hides": Bad(
        NOT_HTTP, to_push=says(OK, b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")
    ),
    "white space before the colon": Bad(
        NOT_HTTP, to_push=says(OK, b"Content-Length : 5\r\n\r\nhello")
    ),
    "a line that goes on before any header": Bad(
        NOT_HTTP, to_push=says(b"HTTP/1.1 200 OK\r\n X: y\r\n\r\n")
    ),
    "a zero octet in a header": Bad(NOT_HTTP, to_push=says(OK, b"X-Header: a\0b\r\n\r\n")),
    "a carriage return in a header": Bad(
        NOT_HTTP, to_push=says(OK, b"X-Header: a\rX-Wap-Push-Status: 234\r\n\r\n")
    ),
    "a chunk size with a sign": Bad(
        NOT_HTTP, to_push=says(OK, b"Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n")
    ),
    # Registrations that cannot be
    "a message size that is no number": Bad(
        "unreadable header", to_options=says(registered(b"X-Wap-Push-MaxMsgSize: many"))
    ),
    "a Terminal-ID too long": Bad(
        "unreadable header",
        to_options=says(REGISTERED.replace(b"Id: 4155", b"Id: " + b"4" * 300)),
    ),
    "somebody else's Terminal-ID": Bad(
        "terminal '4000' answered",
        to_options=says(REGISTERED.replace(b"Id: 4155", b"Id: 4000")),
        settings={"terminal_id": "4001"},
    ),
    "no Terminal-ID": Bad(
        "terminal None answered",
        to_options=says(REGISTERED.replace(b"X-Wap-Terminal-Id: 4155\r\n", b"")),
        settings={"terminal_id": "4002"},
    ),
    # What would never end
    "a new tag for every push": Bad(
        "aborted: X-Wap-Push-Status 256",
        to_push=says_anew(b"X-Wap-Push-Status: 256\r\nX-Wap-CPITag: "),
    ),
    "a new challenge for every answer": Bad(
        "our credentials were refused",
        to_options=challenges_anew(b"X-Wap-Push-Status: 300\r\n", b"4004"),
        settings={"terminal_id": "4004", "gateway_password": "s3cret"},
    ),
    "a challenge for every push": Bad(
        "our credentials were refused",
        to_options=says(REGISTERED.replace(b"Id: 4155", b"Id: 4005")),
        to_push=challenges_anew(b"", b"4005"),
        settings={"terminal_id": "4005", "gateway_password": "s3cret"},
    ),
    "a challenge of another realm": Bad(
        "there are no credentials for its challenge",
        to_options=challenges_anew(b"X-Wap-Push-Status: 300\r\n", b"another"),
        settings={"terminal_id": "4006", "gateway_password": "s3cret"},
    ),
    "a challenge that cannot be read": Bad(
        "a challenge that cannot be read",
        to_options=says(
            b"HTTP/1.1 401 \r\nX-Wap-Push-Status: 300\r\nContent-Length: 0\r\n"
            b'WWW-Authenticate: Digest realm="\r\n\r\n'
        ),
        settings={"terminal_id": "4007", "gateway_password": "s3cret"},
    ),
}
"""Terminals that say what cannot be."""

HARMLESS: Mapping[str, Bad] = {
    "answers twice": Bad("delivered", to_push=says(NO_CONTENT + b"\r\n", NO_CONTENT + b"\r\n")),
    "a body behind 204": Bad(
        "delivered", to_push=says(NO_CONTENT, b"Content-Length: 5\r\n\r\nhello")
    ),
    "more than it announces": Bad("delivered", to_push=says(OK, b"Content-Length: 2\r\n\r\nhello")),
    "a few interim answers": Bad(
        "delivered", to_push=says(b"HTTP/1.1 102 \r\n\r\n" * 3, NO_CONTENT, b"\r\n")
    ),
    "capabilities without end": Bad(
        "delivered",
        to_options=says(
            registered(
                b"X-Wap-Push-Accept: " + b", ".join(b"x/%d" % n for n in range(1_500)),
                b"X-Wap-Push-Accept-MaxPushReq: 99999999999999999999",
            )
        ),
    ),
    "a tag of no reasonable length": Bad(
        "delivered",
        to_options=says(REGISTERED.replace(b"5lEsUg==", b"5" * 10_000)),
    ),
    "a status that would end a line elsewhere": Bad(
        "delivered",
        to_push=says(b"HTTP/1.1 204 \r\nX-Wap-Push-Status: 400 \x1b[2J\x01\x7f\r\n\r\n"),
    ),
}
"""Terminals whose answer counts; what comes behind it only costs them the connection."""


class BadTerminals:
    """All terminals of a table, each on a port of its own."""

    def __init__(self, table: Mapping[str, Bad]) -> None:
        self._table = table
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Yield the settings of clients that are these terminals; the first has number 1."""
        async with contextlib.AsyncExitStack() as stack:
            tables = []
            for number, bad in enumerate(self._table.values(), start=1):
                server = await asyncio.start_server(self._served(bad), "127.0.0.1", 0)
                await stack.enter_async_context(server)
                at = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
                name, address = f"bad-{number}", address_of(number)
                tables.append(client_table(name, address, ota_http=at, **bad.settings))
            try:
                yield "".join(tables)
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    def _served(self, bad: Bad) -> Behaviour:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            over = (asyncio.IncompleteReadError, asyncio.CancelledError, OSError)
            with contextlib.suppress(*over):
                await _misbehave(bad, reader, writer)
            writer.close()
            self._tasks.discard(task)

        return serve


async def _misbehave(bad: Bad, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(bad.at_once)
    while not writer.is_closing():
        head = await reader.readuntil(b"\r\n\r\n")
        found = LENGTH.search(head)
        await reader.readexactly(int(found[1]) if found else 0)
        act = bad.to_options if head.startswith(b"OPTIONS") else bad.to_push
        await act(reader, writer)


async def meet(folder: Path, table: Mapping[str, Bad]) -> dict[str, str]:
    """Push to all of them and, all the while, to a good one.

    :returns: by name, the timelines that do not say what they should.
    """
    good = Terminal()
    await good.start()
    async with BadTerminals(table).listening() as clients:
        well = client_table("good", GOOD, ota_http=f"127.0.0.1:{good.port}")
        gateway = RunningGateway(
            folder, clients + well, ota_http="registration_timeout_seconds = 0.5\n"
        )
        async with gateway.running():
            await gateway.delivers(GOOD)
            before = gateway.daemon.resident_kib
            push_ids = {
                name: await gateway.push(address_of(number))
                for number, name in enumerate(table, start=1)
            }
            wrong = {}
            for name, push_id in push_ids.items():
                await gateway.delivers(GOOD)
                try:
                    await gateway.until_said(push_id, table[name].says)
                except AssertionError as error:
                    wrong[name] = str(error)
            await gateway.delivers(GOOD)
            assert await gateway.is_ready()
            assert gateway.daemon.resident_kib - before < ENOUGH_KIB
    await good.stop()
    assert "s3cret" not in gateway.daemon.log
    return wrong


async def test_slow_terminals_are_given_up_and_delay_nobody(tmp_path: Path) -> None:
    assert await meet(tmp_path, SLOW) == {}


async def test_terminals_that_send_without_end_are_cut_off(tmp_path: Path) -> None:
    assert await meet(tmp_path, LARGE) == {}


async def test_what_is_no_answer_by_http_is_refused_with_a_reason(tmp_path: Path) -> None:
    assert await meet(tmp_path, WRONG) == {}


async def test_what_follows_a_good_answer_does_not_undo_it(tmp_path: Path) -> None:
    assert await meet(tmp_path, HARMLESS) == {}
