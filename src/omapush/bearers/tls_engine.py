"""One end of TLS without a connection: its octets in and out, plain octets out and in.

What is held for a connection that rests is what OpenSSL needs, and no more: octets are fed and
taken in pieces of :data:`PIECE`, because the buffers between OpenSSL and us never shrink.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import cast

from omapush.core.peer_certificate import PeerCertificate

PIECE = 4_096
"""Octets that go through TLS at a time: the buffers of a connection stay about as large as that."""


class TlsEngine:
    """One end of one connection. Whatever fails in TLS is raised as :class:`ssl.SSLError`.

    :param server_side: whether this end is TLS server, whoever dialled (WAP-235 7.2.2).
    :param server_name: of whom the server's certificate has to be, where this end is TLS client
        and the context checks names; a host name or an IP address.
    :param session: an earlier session of ``context`` with the same server, to be resumed.
    :raises ValueError: the name cannot be one, or is missing.
    """

    __slots__ = ("_incoming", "_outgoing", "_tls")

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_name: str | None = None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_side,
            server_hostname=None if server_side else server_name,
            session=None if server_side else session,
        )

    def take(self, piece: bytes) -> None:
        """Keep octets that came, for :meth:`handshake` and :meth:`read`; :data:`PIECE` at most."""
        self._incoming.write(piece)

    def outgoing(self) -> bytes:
        """Hand out and forget what is to be sent."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def handshake(self) -> bool:
        """Go on with the handshake; return whether it is done."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def read(self, buffer: bytearray) -> int | None:
        """Put plain octets into ``buffer``; return how many, 0 at the peer's end of TLS.

        ``None``: there are none until more is taken.
        """
        try:
            # The count, where a buffer is given; typeshed has octets for both.
            return cast("int", self._tls.read(len(buffer), buffer))
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLZeroReturnError:
            return 0

    def write(self, octets: bytes) -> bytes:
        """Return ``octets`` as they are to be sent, after whatever waits in :meth:`outgoing`."""
        written = []
        rest = memoryview(octets)
        while rest:
            rest = rest[self._tls.write(rest[:PIECE]) :]
            written.append(self._outgoing.read())
        return b"".join(written)

    def end(self) -> None:
        """Tell the peer that nothing more follows: ``close_notify`` (RFC 8446 6.1)."""
        with contextlib.suppress(ssl.SSLWantReadError):  # the peer's own end is not waited for
            self._tls.unwrap()

    @property
    def session(self) -> ssl.SSLSession | None:
        """What a later connection to the same server may resume, as far as the server allows."""
        return self._tls.session

    @property
    def peer_certificate(self) -> PeerCertificate | None:
        """The peer's verified certificate; ``None`` if it showed none, or nobody verified it."""
        return PeerCertificate.shown(self._tls.getpeercert)

    @property
    def description(self) -> dict[str, str | bool | None]:
        """Return version, cipher and whether a session was resumed, for traces."""
        cipher = self._tls.cipher()
        return {
            "tls": self._tls.version(),
            "cipher": cipher[0] if cipher else None,
            "resumed": self._tls.session_reused,
        }
