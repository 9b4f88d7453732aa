"""TLS on a connection that was dialled here: the handshake is waited for, sessions are resumed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from omapush.bearers.failures import said
from omapush.bearers.tls_engine import TlsEngine
from omapush.bearers.tls_sessions import OnSession
from omapush.bearers.tls_stream import SecureLink, TlsStream
from omapush.core.peer_certificate import PeerCertificate
from omapush.ota.interface import SecurityFailure

OnCertificate = Callable[[PeerCertificate | None], None]
"""Is told what the peer's verified certificate says, before a session begins.

:raises SecurityFailure: this peer is not wanted.
"""

Ends = Callable[[], tuple[TlsEngine, OnSession | None]]
"""Gives an end of TLS, and what keeps its session when the connection ends.

:raises ValueError: the server's name cannot be one. :raises ssl.SSLError: the context is not for
    this role.
"""


class TlsDialling:
    """One attempt to have ``link`` on a connection by TLS; :attr:`stream` is its protocol.

    :param ends: gives this end of TLS.
    :param handshake_seconds: how long the handshake may take.
    :raises SecurityFailure: the server's name cannot be one, or the context is not for this role.
    """

    def __init__(
        self,
        link: SecureLink,
        ends: Ends,
        incoming: bytearray,
        handshake_seconds: float,
        on_certificate: OnCertificate | None,
    ) -> None:
        self._link = link
        self._on_certificate = on_certificate
        self._failure: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        try:
            self._engine, on_session = ends()
        except ssl.SSLError as error:
            raise SecurityFailure(said(error)) from error
        except ValueError as error:
            raise SecurityFailure(f"TLS: {error}") from error

        self.stream = TlsStream(
            self._engine,
            incoming,
            handshake_seconds,
            self._open,
            self._ended,
            on_session,
        )

    @property
    def has_begun(self) -> bool:
        """Whether somebody was reached at all."""
        return self.stream.has_begun

    async def secured(self) -> None:
        """Wait for the handshake. :raises SecurityFailure: why there is none."""
        try:
            failure = await self._failure
        except asyncio.CancelledError:
            self.stream.abort()
            raise
        if failure is not None:
            raise SecurityFailure(failure)

    def _open(self, _stream: TlsStream) -> SecureLink:
        if self._on_certificate is not None:
            self._on_certificate(self._engine.peer_certificate)
        self._ended(None)
        return self._link

    def _ended(self, failure: str | None) -> None:
        if not self._failure.done():
            self._failure.set_result(failure)
