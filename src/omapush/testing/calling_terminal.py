"""An OTA-HTTP terminal that dials a gateway (TO-TCP, WAP-235 7.2.4) and proves who it is, or lies.

It shares no code with the sessions of ``ota.http``; its digests are computed here, from SIN-101::

    terminal = CallingTerminal("4155", "secret")
    await terminal.dial(port)
    await terminal.until(lambda: terminal.taken)
    await terminal.hang_up()

A test that wants another answer than a good terminal gives replaces :attr:`CallingTerminal.answer`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass

PATIENCE_SECONDS = 30

_PARAMETER = re.compile(r'([a-z-]+)="?([^",]*)"?')


@dataclass(frozen=True, slots=True)
class GatewayRequest:
    """What the gateway asked; names of headers in small letters."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[GatewayRequest], bytes]


class CallingTerminal:
    """See the module.

    :param source: the address of this machine that it dials from.
    :ivar answer: gives the octets of an answer; default: :meth:`good_answer`.
    :ivar at_once: octets that it sends before it is asked.
    :ivar requests: all that was asked.
    :ivar taken: the contents of the pushes that came.
    :ivar hung_up: whether the connection has ended.
    """

    def __init__(
        self, terminal_id: str, password: str | None = None, *, source: str = "127.0.0.1"
    ) -> None:
        self.terminal_id = terminal_id
        self.password = password
        self.source = source
        self.tag = base64.b64encode(hashlib.sha256(terminal_id.encode()).digest()[:4]).decode()
        self.answer: Answer = self.good_answer
        self.at_once = b""
        self.requests: list[GatewayRequest] = []
        self.taken: list[bytes] = []
        self.hung_up = False
        self._changed = asyncio.Condition()
        self._writer: asyncio.StreamWriter | None = None
        self._serving: asyncio.Task[None] | None = None

    async def dial(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Connect to a gateway on this machine, and answer what it asks."""
        reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", port, local_addr=(self.source, 0), ssl=tls
        )
        self.hung_up = False
        self._serving = asyncio.create_task(self._serve(reader, self._writer))

    async def hang_up(self) -> None:
        """End the connection."""
        if self._writer is not None:
            self._writer.close()
        if self._serving is not None:
            await self._serving

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until requests, or the end of the connection, have made ``condition`` true."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(condition)

    def good_answer(self, request: GatewayRequest) -> bytes:
        """Register, and take every push."""
        if request.method == "POST":
            return self.accept(request)
        lines = [
            "HTTP/1.1 204 No Content",
            "X-Wap-Push-OTA-Version: 1.0",
            "X-Wap-Bearer-Indication: 00",
            *self.identity(request),
        ]
        if request.headers.get("x-wap-cpitag") == self.tag:
            lines += ["X-Wap-Push-Status: 500"]
        else:
            lines += ["X-Wap-Push-Status: 501", f"X-Wap-CPITag: {self.tag}"]
            lines += ["X-Wap-Push-Accept: */*", "X-Wap-Push-Accept-AppID: *"]
        return "\r\n".join((*lines, "", "")).encode()

    def accept(self, request: GatewayRequest) -> bytes:
        """Take a push."""
        if request.headers.get("x-wap-cpitag") != self.tag:
            status = f"X-Wap-Push-Status: 256\r\nX-Wap-CPITag: {self.tag}"
        else:
            self.taken.append(request.body.partition(b"\r\n\r\n")[2])
            status = "X-Wap-Push-Status: 400"
        return f"HTTP/1.1 204 No Content\r\n{status}\r\n\r\n".encode()

    def identity(self, request: GatewayRequest) -> list[str]:
        """Return the header by which the terminal names itself, with proof if it was asked for."""
        challenge = request.headers.get("x-wap-authenticate")
        if challenge is None or self.password is None:
            return [f"X-Wap-Terminal-Id: {self.terminal_id}"]
        return [f"X-Wap-Authorization: {self.proof(challenge, request.method)}"]

    def proof(self, challenge: str, method: str) -> str:
        """Return credentials for a challenge (WAP-235 7.2.6.2, SIN-101)."""
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic":
            told = base64.b64encode(f"{self.terminal_id}:{self.password}".encode()).decode()
            return f"Basic {told}"
        given = dict(_PARAMETER.findall(rest))
        if given.get("x-wap-auth-status") == "failed_noretry":
            raise ConnectionAbortedError("SIN-101: a terminal that is refused for good closes")
        whose = _sha1(f"{self.terminal_id}:{given['realm']}:{self.password}")
        response = _sha1(f"{whose}:{given['nonce']}:{_sha1(f'{method}:/wappush')}")
        return (
            f'Digest username="{self.terminal_id}", realm="{given["realm"]}", '
            f'nonce="{given["nonce"]}", uri="/wappush", response="{response}", algorithm="SHA-1"'
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            writer.write(self.at_once)
            while True:
                request = await _read(reader)
                self.requests.append(request)
                writer.write(self.answer(request))
                await writer.drain()
                await self._tell()
        writer.close()
        self.hung_up = True
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def _read(reader: asyncio.StreamReader) -> GatewayRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, _version = start.split(" ")
    split = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in split}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return GatewayRequest(method, target, headers, body)


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
