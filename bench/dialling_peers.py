"""Very many connections from one process: terminals that dial (TO-TCP), or MQTT clients beside them.

``python dialling_peers.py PORT KIND [CA]`` with KIND ``terminal`` or ``mqtt``; with CA by TLS. It
reads commands from standard input and answers each with a line of JSON:

``open N M``
    when N connections have been greeted: a terminal has answered OPTIONS, an MQTT client has its
    CONNACK. They dial as fast as they can, M on their way at a time, and those that are refused dial
    again.
``lost``
    when every connection has been lost.
``pushes N``
    when N pushes have come and are answered: the number of each terminal, and when it had it.

Written against the specifications alone, on epoll, with octets made beforehand: on two cores it has
to leave as much as possible to the server that is measured.
"""

from __future__ import annotations

import errno
import json
import re
import resource
import select
import socket
import ssl
import sys
import time

SOURCES = 64
"""Loopback addresses that are dialled from: one has ports for some 28,000 connections only."""
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
REGISTERED = (
    b"HTTP/1.1 204 No Content\r\nX-Wap-Push-Status: 501\r\nX-Wap-Push-OTA-Version: 1.0\r\n"
    b"X-Wap-Bearer-Indication: 00\r\nX-Wap-Terminal-Id: %s\r\nX-Wap-CPITag: 5lEsUg==\r\n"
    b"X-Wap-Push-Accept: */*\r\nX-Wap-Push-Accept-AppID: *\r\nX-Wap-Push-MaxMsgSize: 65536\r\n\r\n"
)
TAKEN = b"HTTP/1.1 204 No Content\r\nX-Wap-Push-Status: 400 Accepted\r\n\r\n"
READING = select.EPOLLIN | select.EPOLLRDHUP
LOST = (errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE)


def terminal_id(number: int) -> str:
    """Return the Terminal-ID of a terminal: its MSISDN, type 4."""
    return f"4{number:011d}"


class Terminal:
    """One terminal's end of a connection."""

    greeting = b""

    def __init__(self, number: int) -> None:
        self.number = number
        self._registered = REGISTERED % terminal_id(number).encode()
        self._received = b""
        self.stream: socket.socket | None = None
        self.is_dialling = False
        self.is_greeted = False
        self.has_spoken = False

    def answers(self, data: bytes, peers: Peers) -> bytes:
        """Return what is to be written for what came."""
        data, self._received = self._received + data, b""
        answers = b""
        while data:
            head, blank, rest = data.partition(b"\r\n\r\n")
            found = LENGTH.search(head)
            length = int(found[1]) if found else 0
            if not blank or len(rest) < length:
                self._received = data
                break
            data = rest[length:]
            if head.startswith(b"OPTIONS"):
                answers += self._registered
                peers.greeted(self)
            else:
                answers += TAKEN
                peers.pushed(self)
        return answers

    def lose(self) -> None:
        """Begin anew."""
        if self.stream is not None:
            self.stream.close()
        self.stream, self._received = None, b""
        self.is_greeted = self.has_spoken = False


class MqttClient(Terminal):
    """The same of an MQTT 3.1.1 client that keeps silent for ever after."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        name = terminal_id(number).encode()
        rest = b"\x00\x04MQTT\x04\x02\x00\x00" + len(name).to_bytes(2, "big") + name
        self.greeting = b"\x10" + bytes([len(rest)]) + rest

    def answers(self, data: bytes, peers: Peers) -> bytes:
        """Take the CONNACK."""
        self._received += data
        if self._received[:4] == b"\x20\x02\x00\x00":
            peers.greeted(self)
        return b""


class Peers:
    """All connections, and what came over them."""

    def __init__(self, port: int, kind: type[Terminal], tls: ssl.SSLContext | None) -> None:
        self._port, self._kind, self._tls = port, kind, tls
        self._epoll = select.epoll()
        self._count = 0
        self._by_descriptor: dict[int, Terminal] = {}
        self._to_dial: list[Terminal] = []
        self._greeted = 0
        self._pushes: list[tuple[int, float]] = []

    # -- commands --

    def open(self, count: int, at_once: int) -> dict[str, object]:
        """Dial until so many are greeted."""
        more = [self._kind(number) for number in range(self._count, count)]
        self._to_dial += reversed(more)
        self._count = max(self._count, count)
        began = time.perf_counter()
        while self._greeted < count:
            while self._to_dial and len(self._by_descriptor) - self._greeted < at_once:
                self._dial(self._to_dial.pop())
            self._turn()
        return {"seconds": time.perf_counter() - began}

    def lost(self) -> dict[str, object]:
        """Wait for the end of every connection."""
        while self._by_descriptor:
            self._turn()
        return {}

    def pushes(self, count: int) -> dict[str, object]:
        """Wait for so many pushes."""
        while len(self._pushes) < count:
            self._turn()
        pushes, self._pushes = self._pushes, []
        return {"arrived": pushes}

    # -- connections --

    def greeted(self, peer: Terminal) -> None:
        """Note that the server has taken a peer in."""
        self._greeted += not peer.is_greeted
        peer.is_greeted = True

    def pushed(self, peer: Terminal) -> None:
        """Note a push."""
        self._pushes.append((peer.number, time.perf_counter()))

    def _dial(self, peer: Terminal) -> None:
        stream = socket.socket()
        stream.setblocking(False)  # noqa: FBT003 - as sockets have it
        stream.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
        stream.bind((f"127.0.1.{1 + peer.number % SOURCES}", 0))
        stream.connect_ex(("127.0.0.1", self._port))
        peer.stream, peer.is_dialling = stream, True
        self._by_descriptor[stream.fileno()] = peer
        self._epoll.register(stream.fileno(), READING | select.EPOLLOUT)

    def _turn(self) -> None:
        for descriptor, what in self._epoll.poll(0.1):
            try:
                self._happened(self._by_descriptor[descriptor], descriptor, what)
            except (ssl.SSLWantReadError, BlockingIOError):
                pass
            except OSError as error:
                if error.errno not in LOST and not isinstance(error, ssl.SSLEOFError):
                    raise
                self._lose(descriptor)

    def _happened(self, peer: Terminal, descriptor: int, what: int) -> None:
        assert peer.stream is not None
        if peer.is_dialling:
            if what & (select.EPOLLERR | select.EPOLLHUP):
                self._lose(descriptor)
                return
            self._connected(peer, descriptor)
            if not what & select.EPOLLIN:
                return
        stream = peer.stream
        if isinstance(stream, ssl.SSLSocket) and stream.version() is None:
            stream.do_handshake()
            if peer.greeting:
                # Not yet: mosquitto 2.0 forgets what comes together with the end of the handshake.
                # Its session tickets follow.
                return
        elif isinstance(stream, ssl.SSLSocket) and peer.greeting and not peer.has_spoken:
            peer.has_spoken = True
            stream.send(peer.greeting)
        data = stream.recv(65_536)
        if not data:
            self._lose(descriptor)
        elif answers := peer.answers(data, self):
            stream.send(answers)

    def _connected(self, peer: Terminal, descriptor: int) -> None:
        assert peer.stream is not None
        peer.is_dialling = False
        self._epoll.modify(descriptor, READING)
        if self._tls is not None:
            peer.stream = self._tls.wrap_socket(
                peer.stream, do_handshake_on_connect=False, server_hostname="localhost"
            )
            peer.stream.do_handshake()
        elif peer.greeting:
            peer.stream.send(peer.greeting)

    def _lose(self, descriptor: int) -> None:
        peer = self._by_descriptor.pop(descriptor)
        self._epoll.unregister(descriptor)
        self._greeted -= peer.is_greeted
        peer.lose()
        self._to_dial.append(peer)


def main() -> None:
    """Do as standard input says."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kind = {"terminal": Terminal, "mqtt": MqttClient}[sys.argv[2]]
    tls = ssl.create_default_context(cafile=sys.argv[3]) if len(sys.argv) > 3 else None
    peers = Peers(int(sys.argv[1]), kind, tls)
    for line in sys.stdin:
        what, *numbers = line.split()
        before = time.process_time()
        found = {"open": peers.open, "lost": peers.lost, "pushes": peers.pushes}[what](
            *map(int, numbers)
        )
        found["cpu_seconds"] = time.process_time() - before
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
