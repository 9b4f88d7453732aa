"""A terminal that behaves as the OTA-HTTP terminals of BlackBerry handsets did.

Written against what is known of them, with blocking sockets and threads, and without one line of
``ota.http`` or of an HTTP library. What they do that WAP-235 does not ask for, or asks otherwise:

* the CPITag is SHA-1 over five values, of which four octets are written in hexadecimal without
  leading zeros, and not in base64;
* the size of messages is called X-Wap-Push-MsgSize;
* a push without a tag is answered 256, as one with a wrong tag;
* every answer is 204, with X-Wap-Push-OTA-Version whether that was asked for or not, and with
  headers that push does not know;
* on PO-TCP the terminal is TLS server, on TO-TCP it is TLS client;
* Expect, chunked bodies and a second request before the first is answered are not understood.

::

    with BlackberryTerminal() as terminal:
        terminal.listen()                         # PO-TCP, at terminal.port
        terminal.dial("127.0.0.1", 4035)          # TO-TCP
        terminal.until(lambda: terminal.taken)
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from omapush.testing.ports import OURS

PATIENCE_SECONDS = 30
MAX_HEAD = 4_096
"""Octets of a request's head that fit into the handset's buffer."""

_COMMON = (
    ("Cache-Control", "no-cache"),
    ("Date", "Thu, 01 Jan 2004 00:00:00 GMT"),
    ("Server", "RIM WAP Push Source"),
    ("X-Wap-Push-OTA-Version", "1.0"),
)


@dataclass(frozen=True, slots=True)
class HandsetRequest:
    """What a gateway asked, as the handset read it; names of headers in small letters."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HandsetCpi:
    """What the handset says of itself. Whoever changes it changes the tag."""

    accept: str = "*/*"
    charset: str = "UTF-8, ISO-8859-1, US-ASCII"
    language: str = "en"
    app_id: str = "*"
    message_size: int = 1400
    max_push_requests: int = 1

    @property
    def tag(self) -> str:
        """SHA-1 over five values, its first four octets as a number without leading zeros."""
        hashed = (self.charset, self.language, self.app_id, self.message_size)
        values = "".join(str(value) for value in (*hashed, self.max_push_requests))
        return format(int.from_bytes(hashlib.sha1(values.encode()).digest()[:4]), "x")  # noqa: S324

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """All of it, with what the handset adds on its own account."""
        return (
            ("X-Wap-CPITag", self.tag),
            ("X-Wap-Push-Accept", self.accept),
            ("X-Wap-Push-Accept-Charset", self.charset),
            ("X-Wap-Push-Accept-Language", self.language),
            ("X-Wap-Push-Accept-AppID", self.app_id),
            ("X-Wap-Push-MsgSize", str(self.message_size)),
            ("X-Wap-Push-Accept-MaxPushReq", str(self.max_push_requests)),
            ("X-Wap-Push-User-Agent", "BlackBerry7100i/4.0.2"),
        )


@dataclass
class BlackberryTerminal:
    """See the module.

    :ivar terminal_id: X-Wap-Terminal-Id.
    :ivar bearer: X-Wap-Bearer-Indication; 12 on iDEN.
    :ivar refuses: the status for a push, by its content; others are taken.
    :ivar requests: all that was asked.
    :ivar taken: bodies of the pushes that were accepted, as they came.
    :ivar port: where it listens for PO-TCP.
    """

    terminal_id: str = "4165012322222"
    bearer: str = "00"
    cpi: HandsetCpi = field(default_factory=HandsetCpi)
    refuses: Callable[[bytes], int | None] = lambda _content: None
    requests: list[HandsetRequest] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    port: int = field(default_factory=OURS.take)
    _sockets: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _over: bool = False

    def __enter__(self) -> Self:
        """Begin without any connection."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the battery out."""
        self._over = True
        self.hang_up()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def listen(self, tls: ssl.SSLContext | None = None) -> None:
        """Wait for gateways (PO-TCP); with ``tls`` as TLS server."""
        listening = socket.create_server(("127.0.0.1", self.port))
        self._sockets.append(listening)
        self._in_thread(lambda: self._accept(listening, tls))

    def dial(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Connect to a gateway (TO-TCP), with ``tls`` as TLS client, and wait for its requests."""
        connection = socket.create_connection((host, port), PATIENCE_SECONDS)
        if tls is not None:
            connection = tls.wrap_socket(connection, server_hostname=host)
        self._take(connection)

    def hang_up(self) -> None:
        """End every connection, and listen no more."""
        sockets, self._sockets = self._sockets, []
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until requests have made ``condition`` true. :raises TimeoutError: they have not."""
        with self._changed:
            if not self._changed.wait_for(condition, PATIENCE_SECONDS):
                asked = "\n".join(str(request) for request in self.requests)
                raise TimeoutError(f"the gateway has asked only:\n{asked}")

    def count(self, method: str) -> int:
        """Return how many requests of a method came."""
        return sum(request.method == method for request in self.requests)

    def _accept(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        while not self._over:
            connection, _ = listening.accept()
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
            self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        connection.settimeout(None)
        self._sockets.append(connection)
        self._in_thread(lambda: self._serve(connection))

    def _in_thread(self, work: Callable[[], None]) -> None:
        def end_quietly() -> None:
            with contextlib.suppress(OSError):  # hung up, by whomever
                work()

        thread = threading.Thread(target=end_quietly, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, connection: socket.socket) -> None:
        """Answer one request after the other, until the gateway goes."""
        with connection:
            held = b""
            while not self._over:
                request, held = _read(connection, held)
                if request is None:
                    return
                with self._changed:
                    self.requests.append(request)
                    status, headers = self._answer(request)
                    self._changed.notify_all()
                lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
                connection.sendall("\r\n".join((*lines, "", "")).encode("ascii"))

    def _answer(self, request: HandsetRequest) -> tuple[str, tuple[tuple[str, str], ...]]:
        if request.target != "/wappush":
            return "404 Not Found", (*_COMMON, ("Content-Length", "0"))
        match request.method:
            case "OPTIONS":
                return "204 No Content", (*_COMMON, *self._registration(request))
            case "POST":
                return "204 No Content", (*_COMMON, *self._verdict(request))
            case _:
                allow = ("Allow", "POST, OPTIONS")
                return "405 Method Not Allowed", (*_COMMON, allow, ("Content-Length", "0"))

    def _registration(self, request: HandsetRequest) -> tuple[tuple[str, str], ...]:
        identity = (
            ("X-Wap-Terminal-ID", self.terminal_id),
            ("X-Wap-Bearer-Indication", self.bearer),
        )
        if request.headers.get("x-wap-cpitag") == self.cpi.tag:
            return (("X-Wap-Push-Status", "500 OK"), *identity)
        return (("X-Wap-Push-Status", "501 OK"), *identity, *self.cpi.headers)

    def _verdict(self, request: HandsetRequest) -> tuple[tuple[str, str], ...]:
        if request.headers.get("x-wap-cpitag") != self.cpi.tag:
            return (("X-Wap-Push-Status", "256 Retry"), ("X-Wap-CPITag", self.cpi.tag))
        refused = self.refuses(request.body)
        if refused is not None:
            return (("X-Wap-Push-Status", f"{refused} Refused"),)
        self.taken.append(request.body)
        return (("X-Wap-Push-Status", "400 OK"),)


def _read(connection: socket.socket, held: bytes) -> tuple[HandsetRequest | None, bytes]:
    """Return the next request, or ``None`` at the end, and what came behind it."""
    while b"\r\n\r\n" not in held:
        if len(held) > MAX_HEAD or not (more := connection.recv(512)):
            return None, b""
        held += more
    head, _, body = held.partition(b"\r\n\r\n")
    start, *lines = head.decode("ascii").split("\r\n")
    method, target, _version = start.split(" ")
    split = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in split}
    length = int(headers.get("content-length", "0"))
    while len(body) < length:
        if not (more := connection.recv(512)):
            return None, b""
        body += more
    return HandsetRequest(method, target, headers, body[:length]), body[length:]
