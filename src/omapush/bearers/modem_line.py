"""A modem on a line: TPDUs as text over TCP or a Unix socket. Implements ``ota.modem``.

The other end, a modem's driver or a simulated SMSC, writes one line for each message and gets one
for it, in order::

    DELIVER <SMS-DELIVER TPDU in hexadecimal>     ->     OK
                                                  or     FAIL <TP-Failure-Cause in hexadecimal>

A line ends with LF or CR LF. The TPDU begins with its first octet, not with the address of the
service centre, which the line does not tell; it is set for the line as a whole. ``OK`` means that
the other end may forget the message. A line of another form is answered ``FAIL FF``; one that is
too long ends the connection. Who connects to whom is a setting. One that connects tries again with
growing waits; one that listens serves a few peers at a time, each in its own order.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from dataclasses import dataclass
from pathlib import Path

import structlog

from omapush.core.errors import DecodeError
from omapush.core.instants import SECOND_MS
from omapush.ota.interface import BearerUnavailable
from omapush.ota.modem import (
    FailureCause,
    ModemState,
    OnMessage,
    OnState,
    ReceivedTpdu,
    Refused,
    Verdict,
)

log = structlog.get_logger(__name__)

MAX_LINE = 1_024
"""Octets of a line; an SMS-DELIVER TPDU has at most 175, two digits each."""
MAX_PEERS = 8
"""Peers that one that listens serves at a time."""
WRITE_SECONDS = 10
"""How long the other end may take to read an answer."""
_VERB = "DELIVER"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class LineSettings:
    """Where the line is.

    :ivar where: host and port, or the path of a Unix socket.
    :ivar listens: whether the modem connects to us, not we to it.
    :ivar service_centre: the number of the service centre whose messages come by the line.
    :ivar first_wait_ms: until a connection is tried again; doubles up to ``longest_wait_ms``.
    """

    where: tuple[str, int] | Path
    listens: bool = False
    service_centre: str | None = None
    first_wait_ms: int = SECOND_MS
    longest_wait_ms: int = 60 * SECOND_MS


class LineModem:
    """A modem on a line."""

    def __init__(self, settings: LineSettings) -> None:
        self._settings = settings

    async def run(self, on_message: OnMessage, on_state: OnState) -> None:
        """See ``ota.modem``. :raises BearerUnavailable: the place to listen cannot be had."""
        if self._settings.listens:
            await self._listen(on_message, on_state)
        else:
            await self._dial(on_message, on_state)

    async def _dial(self, on_message: OnMessage, on_state: OnState) -> None:
        wait_ms = self._settings.first_wait_ms
        while True:
            try:
                streams = await _connect(self._settings.where)
            except OSError as error:
                log.warning("modem_line_down", where=self._name, why=str(error), retry_ms=wait_ms)
            else:
                on_state(ModemState.UP)
                try:
                    came = await self._serve(streams, on_message)
                finally:
                    on_state(ModemState.DOWN)
                # Only a line over which something came is as good as before.
                wait_ms = self._settings.first_wait_ms if came else wait_ms
            await asyncio.sleep(wait_ms / 1000)
            wait_ms = min(wait_ms * 2, self._settings.longest_wait_ms)

    async def _listen(self, on_message: OnMessage, on_state: OnState) -> None:
        served: set[asyncio.Task[None] | None] = set()

        async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(served) >= MAX_PEERS:
                log.warning("modem_line_busy", where=self._name)
                writer.close()
                return
            served.add(task := asyncio.current_task())
            # Cancelled below, where nobody waits for it.
            with contextlib.suppress(asyncio.CancelledError):
                await self._serve((reader, writer), on_message)
            served.discard(task)

        try:
            listening = _listening(self._settings.where)
        except (OSError, OverflowError) as error:
            raise BearerUnavailable(f"cannot listen on {self._name}: {error}") from error
        unix = listening.family == socket.AF_UNIX
        start = asyncio.start_unix_server if unix else asyncio.start_server
        server = await start(peer, sock=listening, limit=MAX_LINE)
        on_state(ModemState.UP)
        try:
            await asyncio.Event().wait()
        finally:
            on_state(ModemState.DOWN)
            server.close()
            for task in served:
                if task is not None:
                    task.cancel()

    @property
    def _name(self) -> str:
        where = self._settings.where
        return str(where) if isinstance(where, Path) else f"{where[0]}:{where[1]}"

    async def _serve(self, streams: Streams, on_message: OnMessage) -> bool:
        """Take messages until the line ends; return whether any came."""
        reader, writer = streams
        log.info("modem_line_up", where=self._name)
        came, why = False, "closed by the other end"
        try:
            while line := await _line(reader):
                came = True
                writer.write(await self._answer(line, on_message))
                async with asyncio.timeout(WRITE_SECONDS):
                    await writer.drain()
        except (DecodeError, OSError, TimeoutError) as error:
            why = str(error) or "it does not read our answers"
        finally:
            writer.close()
        log.info("modem_line_ended", where=self._name, why=why)
        return came

    async def _answer(self, line: bytes, on_message: OnMessage) -> bytes:
        try:
            message = ReceivedTpdu(read_line(line), self._settings.service_centre)
        except DecodeError as error:
            log.warning("modem_line_malformed", where=self._name, why=str(error))
            return written(Refused(FailureCause.UNSPECIFIED, error.reason))
        return written(await on_message(message))


def read_line(line: bytes) -> bytes:
    """Return the TPDU that a line brings. :raises DecodeError: it is of no such form."""
    verb, _, digits = line.rstrip(b"\r\n").partition(b" ")
    if verb != _VERB.encode():
        raise DecodeError(f"a line begins with {_VERB}, not {verb[:20]!r}", 0, "line")
    try:
        # ``fromhex`` alone would pass over blanks.
        octets = bytes.fromhex(digits.decode("ascii")) if digits.isalnum() else b""
    except ValueError as error:
        raise DecodeError("the TPDU is not hexadecimal", len(verb) + 1, "line") from error
    if not octets:
        raise DecodeError("no TPDU in hexadecimal", len(verb) + 1, "line")
    return octets


def written(verdict: Verdict) -> bytes:
    """Return the line that tells the other end ``verdict``."""
    return f"FAIL {verdict.cause:02X}\n".encode() if isinstance(verdict, Refused) else b"OK\n"


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Return the next line, or nothing at the end. :raises DecodeError: it is too long."""
    try:
        line = await reader.readline()
    except ValueError as error:
        raise DecodeError(f"a line of more than {MAX_LINE} octets", MAX_LINE, "line") from error
    return line if line.endswith(b"\n") else b""


async def _connect(where: tuple[str, int] | Path) -> Streams:
    if isinstance(where, Path):
        return await asyncio.open_unix_connection(str(where), limit=MAX_LINE)
    return await asyncio.open_connection(*where, limit=MAX_LINE)


def _listening(where: tuple[str, int] | Path) -> socket.socket:
    """Return a listening socket. :raises OSError: it cannot be had."""
    if not isinstance(where, Path):
        family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
        return socket.create_server(where, family=family)
    if where.is_socket():
        if _answers(where):
            raise FileExistsError(errno.EADDRINUSE, "another process listens there")
        where.unlink()  # a dead process left it
    listening = socket.socket(socket.AF_UNIX)
    # Whoever can write to it can push: nobody but our own user and group.
    before = os.umask(0o117)
    try:
        listening.bind(str(where))
        listening.listen(1)
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(before)
    return listening


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
