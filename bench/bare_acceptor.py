"""The least that a gateway in Python has to do for terminals that dial: accept, ask, read, hold.

``python bare_acceptor.py PORT COUNT [CERTIFICATE KEY]`` writes the same OPTIONS to each connection,
reads one answer of a fixed length, and holds the connection: one protocol object each. It prints
``listening``, and ``registered`` each time COUNT answers have come.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import cast

import uvloop

OPTIONS = b"OPTIONS /wappush HTTP/1.1\r\nHost: \r\nX-Wap-Push-OTA-Version: 1.0\r\n\r\n"
BACKLOG = 4_096


class Acceptor:
    """Counts answers."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.answered = 0

    def answer(self) -> None:
        self.answered += 1
        if self.answered == self._count:
            print("registered", flush=True)


class Held(asyncio.Protocol):
    """One connection."""

    __slots__ = ("_acceptor", "_transport")

    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(OPTIONS)

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self._acceptor.answer()


async def main(port: int, count: int, certificate: str = "", key: str = "") -> None:
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
    acceptor = Acceptor(count)
    server = await asyncio.get_running_loop().create_server(
        lambda: Held(acceptor), "127.0.0.1", port, backlog=BACKLOG, ssl=tls
    )
    print("listening", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    port, count, *files = sys.argv[1:]
    uvloop.run(main(int(port), int(count), *files))
