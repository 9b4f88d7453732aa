"""The least that a gateway in Python has to do for terminals that dial: accept, ask, read, hold.

``python bare_acceptor.py PORT [CERTIFICATE KEY]`` writes the same OPTIONS to each connection, reads
one answer, and holds the connection: one protocol object each, on the event loop of the gateway.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import cast

import uvloop

OPTIONS = b"OPTIONS /wappush HTTP/1.1\r\nHost: \r\nX-Wap-Push-OTA-Version: 1.0\r\n\r\n"
BACKLOG = 4_096


class Held(asyncio.Protocol):
    """One connection."""

    __slots__ = ("_transport", "answered")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(OPTIONS)

    def data_received(self, data: bytes) -> None:
        self.answered = data.endswith(b"\r\n\r\n")


async def main(port: int, certificate: str = "", key: str = "") -> None:
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
    server = await asyncio.get_running_loop().create_server(
        Held, "127.0.0.1", port, backlog=BACKLOG, ssl=tls
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), *sys.argv[2:]))
