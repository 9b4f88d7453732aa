"""Very many connections from one process: terminals that dial (TO-TCP), or MQTT clients beside them.

``python dialling_peers.py PORT KIND [CA]`` with KIND ``terminal`` or ``mqtt``; with CA by TLS. It
reads commands from standard input and answers each with a line of JSON:

``open N``
    until N connections have been greeted: a terminal has answered OPTIONS, an MQTT client has its
    CONNACK.
``again``
    until every connection has been lost, has been dialled again, all at once, and is greeted.
``pushes N``
    until N pushes have come and are answered; with the instant at which each came.

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
UNGREETED = 2_000
"""Connections that are on their way at a time, where they are not dialled all at once."""
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
PUSH_ID = re.compile(rb"x-push-id: *([^\r]+)", re.IGNORECASE)
REGISTERED = (
    b"HTTP/1.1 204 No Content\r\nX-Wap-Push-Status: 501\r\nX-Wap-Push-OTA-Version: 1.0\r\n"
    b"X-Wap-Bearer-Indication: 00\r\nX-Wap-Terminal-Id: %s\r\nX-Wap-CPITag: 5lEsUg==\r\n"
    b"X-Wap-Push-Accept: */*\r\nX-Wap-Push-Accept-AppID: *\r\nX-Wap-Push-MaxMsgSize: 65536\r\n\r\n"
)
TAKEN = b"HTTP/1.1 204 No Content\r\nX-Wap-Push-Status: 400 Accepted\r\n\r\n"
READING = select.EPOLLIN | select.EPOLLRDHUP
TO_COME = select.EPOLLOUT
LOST = (errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE)


class Terminal:
    """One terminal's end of a connection."""

    greeting = b""

    def __init__(self, number: int) -> None:
        self._registered = REGISTERED % (b"4%011d" % number)
        self._received = b""
        self.stream: socket.socket | None = None
        self.is_dialling = False
        self.is_greeted = False

    def answers(self, data: bytes, peers: Peers) -> bytes:
        """Return what is to be written for what came."""
        if self._received:
            data = self._received + data
            self._received = b""
        answers = b""
        while data:
            head, blank, rest = data.partition(b"\r\n\r\n")
            if not blank:
                self._received = data
                break
            if head.startswith(b"OPTIONS"):
                data = rest
                answers += self._registered
                peers.greeted(self)
                continue
            found = LENGTH.search(head)
            length = int(found[1]) if found else 0
            if len(rest) < length:
                self._received = data
                break
            data = rest[length:]
            answers += TAKEN
            peers.pushed(head)
        return answers


class MqttClient(Terminal):
    """The same of an MQTT 3.1.1 client that keeps silent for ever."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        name = b"4%011d" % number
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
        self._all: list[Terminal] = []
        self._by_number: dict[int, Terminal] = {}
        self._to_dial: list[Terminal] = []
        self._greeted = 0
        self._lost_connections = 0
        self._pushes: list[tuple[str, float]] = []
        self._began = 0.0

    # -- commands --

    def open(self, count: int) -> dict[str, object]:
        """Dial until so many are greeted."""
        more = [self._kind(number) for number in range(len(self._all), count)]
        self._all += more
        self._to_dial += reversed(more)
        self._began = 0.0
        while self._greeted < count:
            while self._to_dial and len(self._all) - len(self._to_dial) - self._greeted < UNGREETED:
                self._dial(self._to_dial.pop())
            self._turn()
        return {"seconds": time.perf_counter() - (self._began or time.perf_counter())}

    def again(self) -> dict[str, object]:
        """Wait for the end of the server, then dial all again until all are greeted."""
        while self._by_number:
            self._turn()
        self._to_dial, self._greeted, self._began = [], 0, 0.0
        first, *others = self._all
        while not first.is_greeted:  # until somebody listens again
            if first.stream is None:
                self._began = 0.0
                time.sleep(0.002)
                self._dial(first)
            self._turn()
        self._lost_connections = 0
        for peer in others:
            self._dial(peer)
        dialled = time.perf_counter() - self._began
        while self._greeted < len(self._all):
            self._turn()
            while self._to_dial:
                self._dial(self._to_dial.pop())
        return {
            "seconds": time.perf_counter() - self._began,
            "dialled": dialled,
            "lost": self._lost_connections,
        }

    def pushes(self, count: int) -> dict[str, object]:
        """Wait for so many pushes."""
        while len(self._pushes) < count:
            self._turn()
        pushes, self._pushes = self._pushes, []
        return {"arrived": pushes}

    # -- connections --

    def greeted(self, peer: Terminal) -> None:
        if not peer.is_greeted:
            peer.is_greeted = True
            self._greeted += 1

    def pushed(self, head: bytes) -> None:
        found = PUSH_ID.search(head)
        self._pushes.append((found[1].decode() if found else "", time.perf_counter()))

    def _dial(self, peer: Terminal) -> None:
        self._began = self._began or time.perf_counter()
        stream = socket.socket()
        stream.setblocking(False)
        stream.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
        stream.bind((f"127.0.1.{1 + stream.fileno() % SOURCES}", 0))
        stream.connect_ex(("127.0.0.1", self._port))
        peer.stream, peer.is_dialling = stream, True
        self._by_number[stream.fileno()] = peer
        self._epoll.register(stream.fileno(), READING | TO_COME)

    def _turn(self) -> None:
        for number, what in self._epoll.poll(0.1):
            peer = self._by_number[number]
            try:
                self._happened(peer, number, what)
            except (ssl.SSLWantReadError, BlockingIOError):
                pass
            except OSError as error:
                if error.errno not in LOST and not isinstance(error, ssl.SSLEOFError):
                    raise
                self._lost(peer, number)

    def _happened(self, peer: Terminal, number: int, what: int) -> None:
        stream = peer.stream
        assert stream is not None
        if peer.is_dialling:
            if what & (select.EPOLLERR | select.EPOLLHUP):
                self._lost(peer, number)
                return
            self._connected(peer, number)
            stream = peer.stream
            if not what & select.EPOLLIN:
                return
        if isinstance(stream, ssl.SSLSocket) and stream.version() is None:
            stream.do_handshake()
            if peer.greeting:
                stream.send(peer.greeting)
        data = stream.recv(65_536)
        if not data:
            self._lost(peer, number)
            return
        answers = peer.answers(data, self)
        if answers:
            stream.send(answers)

    def _connected(self, peer: Terminal, number: int) -> None:
        assert peer.stream is not None
        peer.is_dialling = False
        self._epoll.modify(number, READING)
        if self._tls is not None:
            peer.stream = self._tls.wrap_socket(
                peer.stream, do_handshake_on_connect=False, server_hostname="localhost"
            )
            peer.stream.do_handshake()
        elif peer.greeting:
            peer.stream.send(peer.greeting)

    def _lost(self, peer: Terminal, number: int) -> None:
        del self._by_number[number]
        self._epoll.unregister(number)
        assert peer.stream is not None
        peer.stream.close()
        peer.stream = None
        self._greeted -= peer.is_greeted
        peer.is_greeted = False
        self._lost_connections += 1
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
        found = {"open": peers.open, "again": peers.again, "pushes": peers.pushes}[what](
            *map(int, numbers)
        )
        found["cpu_seconds"] = time.process_time() - before
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
