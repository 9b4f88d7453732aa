"""A plain OTA-HTTP terminal for scenario tests (WAP-235, 7).

It is written against the specification and shares no code with the sessions of ``ota.http``, so
that a gateway is tested against something that is not its own other half.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter

from omapush.testing.ports import OURS

LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
PUSH_ID = re.compile(rb"x-push-id:\s*(\S+)", re.IGNORECASE)
REGISTERED = (
    b"HTTP/1.1 204 No Content\r\nX-Wap-Push-Status: 501\r\nX-Wap-Push-OTA-Version: 1.0\r\n"
    b"X-Wap-Bearer-Indication: 00\r\nX-Wap-Terminal-Id: 4155\r\nX-Wap-CPITag: 5lEsUg==\r\n"
    b"X-Wap-Push-Accept: */*\r\nX-Wap-Push-Accept-AppID: *\r\nX-Wap-Push-MaxMsgSize: 65536\r\n\r\n"
)


class Terminal:
    """Takes every push and counts how often each came, by the gateway's X-Push-Id.

    :param answer: X-Wap-Push-Status of its answers; ``None``: it never answers a push.
    """

    def __init__(self, answer: bytes | None = b"400 Accepted") -> None:
        self.answer = answer
        self.taken: Counter[str] = Counter()
        self.pushes: list[bytes] = []
        self.port = OURS.take()  # also when it starts again
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen on a port of its own."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Stop listening and drop the connections."""
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = LENGTH.search(head)
                body = await reader.readexactly(int(found[1]) if found else 0)
                writer.write(self._reply(head, body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _reply(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"OPTIONS"):
            return REGISTERED
        named = PUSH_ID.search(head)
        self.taken[named[1].decode() if named else ""] += 1
        self.pushes.append(body)
        if self.answer is None:
            return b""
        return b"HTTP/1.1 204 No Content\r\nX-Wap-Push-Status: " + self.answer + b"\r\n\r\n"
