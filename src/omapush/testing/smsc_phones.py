"""Phones of a simulated SMSC: a function in a test, or a modem on a line port.

The line port is a socket (TCP or Unix) on which a modem gets one line for each short message, the
SMS-DELIVER TPDU in hexadecimal, and answers each by one line::

    SMSC   DELIVER 44059121...
    modem  OK                     or   FAIL D3       (TP-Failure-Cause in hexadecimal)

A modem may say ``NUMBER +358401234567`` whose phone it is; otherwise it gets what is for any number
that no other phone has. What comes while no modem is there waits for one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from pathlib import Path

from omapush.protocols.sms.tpdu import SmsDeliver

Phone = Callable[[SmsDeliver], Awaitable[int | None]]
"""Takes a short message; returns why not (TP-Failure-Cause), or ``None``."""

UNSPECIFIED = 0xFF
"""TP-Failure-Cause: unspecified error (3GPP 23.040, 9.2.3.22)."""
ANSWER_SECONDS = 30.0
MAX_LINE = 4_096


class Phones:
    """Which phone has which number."""

    def __init__(self) -> None:
        self._phones: list[tuple[str, Phone]] = []
        self._changed = asyncio.Event()
        self._servers: list[asyncio.Server] = []
        self._waits = False

    def attach(self, numbers: str, phone: Phone) -> None:
        """Let ``phone`` have the numbers of a pattern with ``*``.

        The latest comes first, but who takes every number comes last.
        """
        self._phones.insert(0, (numbers, phone))
        self._phones.sort(key=lambda entry: entry[0] == "*")
        self._tell()

    def detach(self, phone: Phone) -> None:
        """Take a phone away."""
        self._phones = [entry for entry in self._phones if entry[1] is not phone]

    @property
    def numbers(self) -> list[str]:
        """The patterns of numbers that have a phone, in the order in which they are looked at."""
        return [numbers for numbers, _ in self._phones]

    @property
    def are_there(self) -> bool:
        """Whether a short message needs a phone to arrive."""
        return bool(self._phones) or self._waits

    async def deliver(self, number: str, message: SmsDeliver) -> int | None:
        """Hand a short message to the phone; wait until there is one. See :data:`Phone`."""
        while True:
            for numbers, phone in self._phones:
                if fnmatchcase(number, numbers):
                    with contextlib.suppress(ConnectionError):
                        return await phone(message)
            changed = self._changed
            await changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # -- the line port --

    async def listen(self, host: str, port: int) -> int:
        """Let modems connect by TCP; return the port."""
        server = await asyncio.start_server(self._modem, host, port, limit=MAX_LINE)
        self._opened(server)
        return int(server.sockets[0].getsockname()[1])

    async def listen_at(self, path: Path) -> None:
        """Let modems connect by a Unix socket."""
        self._opened(await asyncio.start_unix_server(self._modem, str(path), limit=MAX_LINE))

    def close(self) -> None:
        """Let no more modems connect, and hang up on those that are there."""
        for server in self._servers:
            server.close()
        for _, phone in self._phones:
            if isinstance(phone, _Modem):
                phone.close()

    def _opened(self, server: asyncio.Server) -> None:
        self._servers.append(server)
        self._waits = True

    async def _modem(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        modem = _Modem(writer)
        self.attach("*", modem)
        try:
            while line := await reader.readline():
                word, _, rest = line.decode("ascii", "replace").strip().partition(" ")
                if word == "NUMBER":
                    self.detach(modem)
                    self.attach(rest.strip(), modem)
                elif word in ("OK", "FAIL"):
                    modem.answered(None if word == "OK" else _cause(rest))
        except (ConnectionError, ValueError):
            pass  # gone, or no modem at all
        finally:
            self.detach(modem)
            modem.close()


class _Modem:
    """A modem on the line port: one short message at a time."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._turn = asyncio.Lock()
        self._answer: asyncio.Future[int | None] | None = None

    async def __call__(self, message: SmsDeliver) -> int | None:
        """Hand a short message over. :raises ConnectionError: the modem is gone."""
        async with self._turn:
            if self._writer.is_closing():
                raise ConnectionError("the modem is gone")
            self._answer = asyncio.get_running_loop().create_future()
            self._writer.write(b"DELIVER " + message.encode().hex().encode() + b"\n")
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    return await self._answer
            except TimeoutError:
                return UNSPECIFIED

    def answered(self, cause: int | None) -> None:
        """Take the modem's answer; one that nobody asked for is dropped."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(cause)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the modem hung up"))


def _cause(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return UNSPECIFIED
