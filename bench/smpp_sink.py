"""An SMSC for measurements: takes every submit_sm, gives it an id, forgets it.

``python bench/smpp_sink.py PORT`` counts on standard output, a line a second: submissions so far.
It reads no more of a PDU than its header, so that it leaves the cores to what is measured.
"""

from __future__ import annotations

import asyncio
import struct
import sys

import uvloop

HEADER = struct.Struct(">IIII")
BINDS = {1, 2, 9}
SUBMIT_SM, SUBMIT_MULTI, ENQUIRE_LINK, UNBIND = 4, 0x21, 0x15, 6
RESPONSE = 0x8000_0000


class Sink(asyncio.Protocol):
    """One connection."""

    count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        received = self._received + data
        position, answers = 0, []
        while len(received) - position >= HEADER.size:
            length, command, _, sequence = HEADER.unpack_from(received, position)
            if len(received) - position < length:
                break
            position += length
            answers.append(self._answer(command, sequence))
        self._received = received[position:]
        if answers:
            self._transport.write(b"".join(answers))  # type: ignore[attr-defined]

    def _answer(self, command: int, sequence: int) -> bytes:
        body = b""
        if command == SUBMIT_SM:
            Sink.count += 1
            body = b"%x\0" % Sink.count
        elif command in BINDS:
            body = b"sink\0"
        elif command & RESPONSE:
            return b""
        return HEADER.pack(HEADER.size + len(body), command | RESPONSE, 0, sequence) + body


async def main(port: int) -> None:
    """Listen until killed."""
    await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    print("ready", flush=True)
    while True:
        await asyncio.sleep(1)
        print(Sink.count, flush=True)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
