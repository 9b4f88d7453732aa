"""TLS between a connection of the event loop and the link on it.

A :class:`TlsStream` is a protocol towards the loop's transport, and a transport towards the link.
The event loops' own TLS is not used: its buffers take a quarter of a megabyte for each connection,
and a gateway is to hold ten thousand that rest. Nor does it resume sessions.

The link comes into being when the handshake is done, and is told of the connection only then. A
handshake that fails or takes too long ends the connection, and ``on_failed`` is told the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any, Protocol, cast

from omapush.bearers.failures import said
from omapush.bearers.tls_engine import PIECE, TlsEngine
from omapush.bearers.tls_sessions import OnSession
from omapush.ota.interface import SecurityFailure


class SecureLink(Protocol):
    """What is put on a stream: a protocol of the event loop that can be told to close."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; the handshake is done."""

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""

    def get_buffer(self, sizehint: int) -> bytearray:
        """Return where the next plain octets go."""

    def buffer_updated(self, nbytes: int) -> None:
        """Take plain octets."""

    def eof_received(self) -> bool | None:
        """The peer sends no more: close."""

    def pause_writing(self) -> None:
        """Note that the peer does not read."""

    def resume_writing(self) -> None:
        """Go on."""

    def close(self, reason: str) -> None:
        """Close the transport."""


class TlsStream(asyncio.Transport, asyncio.BufferedProtocol):
    """One connection by TLS.

    :param incoming: where the loop reads octets to; links and streams of one loop may share it.
    :param handshake_seconds: how long the handshake may take.
    :param open_link: gives the link when the handshake is done.
        :raises SecurityFailure: whoever is at the other end is not wanted.
    :param on_failed: is told, once and when the connection is gone, why no link was opened.
    :param on_session: is given what a later connection may resume, when this one ends.
    """

    __slots__ = (
        "_choked",
        "_closing",
        "_congested",
        "_deaf",
        "_engine",
        "_handshake_seconds",
        "_held",
        "_incoming",
        "_link",
        "_lower",
        "_on_failed",
        "_on_session",
        "_open_link",
        "_reason",
        "_timer",
    )

    def __init__(
        self,
        engine: TlsEngine,
        incoming: bytearray,
        handshake_seconds: float,
        open_link: Callable[[TlsStream], SecureLink],
        on_failed: Callable[[str], None],
        on_session: OnSession | None = None,
    ) -> None:
        super().__init__()
        self._engine = engine
        self._incoming = incoming
        self._handshake_seconds = handshake_seconds
        self._open_link = open_link
        self._on_failed = on_failed
        self._on_session = on_session
        self._link: SecureLink | None = None
        self._lower: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reason = ""
        self._closing = False
        self._congested = False
        self._choked = False  # TLS answered a peer that does not read
        self._held = False  # the link wants to read no more for now
        self._deaf = False  # the loop was told to read no more

    @property
    def has_begun(self) -> bool:
        """Whether there was a connection."""
        return self._timer is not None

    # -- called by the event loop --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        # uvloop's transports are streams without saying so by their class.
        self._lower = cast("asyncio.Transport", transport)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._handshake_seconds, self._too_late)
        self._go_on()

    def get_buffer(self, sizehint: int) -> bytearray:
        """Return where the next octets go."""
        return self._incoming

    def buffer_updated(self, nbytes: int) -> None:
        """Give octets to TLS, and what comes out of it to the link."""
        octets = bytes(self._incoming[:nbytes])  # the link reads to the same place
        for start in range(0, nbytes, PIECE):
            if self._closing:
                return
            self._engine.take(octets[start : start + PIECE])
            self._go_on()

    def eof_received(self) -> bool:
        """End as well: who closes without saying so in TLS is no worse than who does."""
        if self._link is not None:
            self._link.eof_received()
        self._reason = self._reason or "TLS: the peer closed the connection in the handshake"
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep what can be resumed, and tell the link."""
        self._closing = True
        self._lower = None
        if self._timer is not None:
            self._timer.cancel()
        if self._link is None:
            why = said(exc) if isinstance(exc, OSError) else "closed"
            self._on_failed(self._reason or f"TLS: {why} in the handshake")
            return
        if self._on_session is not None:
            self._on_session(self._engine.session)
        self._link.connection_lost(exc)

    def pause_writing(self) -> None:
        """Tell the link that the peer does not read."""
        self._congested = True
        if self._link is not None:
            self._link.pause_writing()

    def resume_writing(self) -> None:
        """Tell the link that the peer reads."""
        self._congested = self._choked = False
        self._listen()
        if self._link is not None:
            self._link.resume_writing()

    # -- called by the link --

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's own
        """Return what the connection below knows; and of TLS, ``tls_engine``."""
        if name == "tls_engine":
            return self._engine
        return default if self._lower is None else self._lower.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send plain octets."""
        if self._closing:
            return
        try:
            self._send(self._engine.write(bytes(data)))
        except ssl.SSLError as error:
            self._break(said(error))

    def get_write_buffer_size(self) -> int:
        """Return how many octets the connection below holds."""
        return 0 if self._lower is None else self._lower.get_write_buffer_size()

    def is_closing(self) -> bool:
        """Whether nothing more is sent."""
        return self._closing

    def pause_reading(self) -> None:
        """Read no more for now."""
        self._held = True
        self._listen()

    def resume_reading(self) -> None:
        """Go on reading."""
        self._held = False
        self._listen()

    def close(self) -> None:
        """End TLS, send what is still to be sent, then close."""
        if self._closing or self._lower is None:
            return
        self._closing = True
        with contextlib.suppress(ssl.SSLError):  # broken, or in the handshake
            self._engine.end()
        self._send(self._engine.outgoing())
        self._lower.close()

    def abort(self) -> None:
        """Cut the connection."""
        self._closing = True
        if self._lower is not None:
            self._lower.abort()

    # -- TLS --

    def _go_on(self) -> None:
        """Do whatever the octets that are there are good for."""
        try:
            if self._link is not None or self._engine.handshake():
                self._deliver()
        except ssl.SSLError as error:
            self._break(said(error))
        else:
            self._answer()

    def _deliver(self) -> None:
        link = self._link or self._opened()
        while link is not None and not self._closing:
            count = self._engine.read(link.get_buffer(-1))
            if count is None:
                return
            if count:
                link.buffer_updated(count)
            else:
                link.eof_received()
                return

    def _opened(self) -> SecureLink | None:
        """Return the link, now that the handshake is done; ``None`` if the peer is not wanted."""
        self._answer()
        try:
            self._link = self._open_link(self)
        except SecurityFailure as refusal:
            self._break(str(refusal))
            return None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._link.connection_made(self)
        return self._link

    def _answer(self) -> None:
        """Send what TLS itself has to say; a peer that does not read it is not read from."""
        if outgoing := self._engine.outgoing():
            self._choked = self._congested
            self._listen()
            self._send(outgoing)

    def _send(self, octets: bytes) -> None:
        if octets and self._lower is not None and not self._lower.is_closing():
            self._lower.write(octets)

    def _listen(self) -> None:
        """Have the loop read, or not."""
        deaf = self._held or self._choked
        if deaf == self._deaf or self._lower is None or self._lower.is_closing():
            return
        self._deaf = deaf
        if deaf:
            self._lower.pause_reading()
        else:
            self._lower.resume_reading()

    def _too_late(self) -> None:
        self._reason = self._reason or f"TLS: no handshake within {self._handshake_seconds:g} s"
        self.abort()

    def _break(self, reason: str) -> None:
        """End what TLS does not go on with; the peer is told by the alert that OpenSSL wrote."""
        self._reason = self._reason or reason
        if self._link is not None:
            self._link.close(reason)  # which closes us, and cuts if need be
        else:
            self.close()  # the handshake's timer cuts
