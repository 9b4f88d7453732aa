"""A SIP element on a UDP port of its own, for tests that look at every octet.

It keeps what comes, repetitions too, and answers as it is told; it has no transactions::

    async with PlainSipPeer(lambda request: SipResponse(200, "OK")).running() as core:
        ...
        request = await core.next("MESSAGE")
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.message import SipRequest, SipResponse
from omapush.protocols.sip.parsing import parse_message
from omapush.protocols.sip.responses import completed_response
from omapush.protocols.sip.writing import encode_message

HOST = "127.0.0.1"
PATIENCE_SECONDS = 30

Answering = Callable[[SipRequest], SipResponse | None]
"""Returns what a request is answered; ``None``: nothing."""


class PlainSipPeer(asyncio.DatagramProtocol):
    """See the module.

    :ivar octets: the requests that came, as they came. :ivar port: where it listens.
    :ivar responses: what came in answer to octets that were sent by :meth:`send`.
    :ivar unreadable: what came and is not SIP, such as an answer that repeats a bad header.
    """

    def __init__(self, answering: Answering, port: int = 0) -> None:
        self.answering = answering
        self.octets: list[bytes] = []
        self.requests: list[SipRequest] = []
        self.responses: list[SipResponse] = []
        self.unreadable: list[bytes] = []
        self.port = port
        self._moved = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[PlainSipPeer]:
        """Listen."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(HOST, self.port)
        )
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]
        try:
            yield self
        finally:
            transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Keep it, and answer a request."""
        self._moved.set()
        try:
            message = parse_message(data)
        except BadSipMessage:
            self.unreadable.append(data)
            return
        if isinstance(message, SipResponse):
            self.responses.append(message)
        else:
            self.octets.append(data)
            self.requests.append(message)
            response = self.answering(message)
            if response is not None and self._transport is not None:
                answer = completed_response(response, message, "peer")
                self._transport.sendto(encode_message(answer), addr)

    def send(self, octets: bytes, port: int) -> None:
        """Send a datagram to a port of this machine."""
        if self._transport is not None:
            self._transport.sendto(octets, (HOST, port))

    def of(self, method: str) -> list[SipRequest]:
        """Return the requests of a method, in their order."""
        return [one for one in self.requests if one.method == method]

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds of what came. :raises TimeoutError: it does not."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                self._moved.clear()
                await self._moved.wait()

    async def next(self, method: str, number: int = 1) -> SipRequest:
        """Wait for the ``number``-th request of a method. :raises TimeoutError: none comes."""
        await self.until(lambda: len(self.of(method)) >= number)
        return self.of(method)[number - 1]
