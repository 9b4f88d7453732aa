"""The ceiling of any push client in Python: a terminal that confirms each push at once.

``python bare_terminal.py PORT`` reads a request with httptools and answers it; with ``FILE`` it
commits the push's id to SQLite before, each in a transaction of its own (``synchronous=FULL``).
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import httptools
import uvloop
from single_commit import SingleCommit

TAKEN = b"HTTP/1.1 204 No Content\r\nX-Wap-Push-Status: 400 Accepted\r\n\r\n"


class Terminal(asyncio.Protocol):
    """The HTTP server of one connection."""

    def __init__(self, ids: SingleCommit | None) -> None:
        self._ids = ids
        self._push_id = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-push-id":
            self._push_id = value.decode()

    def on_message_complete(self) -> None:
        if self._ids is not None:
            self._ids.keep(self._push_id)
        self._transport.write(TAKEN)


async def main(port: int, path: str | None) -> None:
    ids = SingleCommit(path) if path is not None else None
    server = await asyncio.get_running_loop().create_server(
        lambda: Terminal(ids), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
