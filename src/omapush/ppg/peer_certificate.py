"""The certificate of the client at the other end of TLS, told to the application by the server."""

from __future__ import annotations

import ssl
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from omapush.ppg.credentials import ClientCertificate

SCOPE_KEY = "omapush.client_certificate"


class PeerCertificateProtocol(HttpToolsProtocol):
    """uvicorn's protocol with one addition: the client's certificate stands in the ASGI scope."""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - uvicorn's own signature
        """Ask TLS, whose handshake is over by now."""
        super().connection_made(transport)
        self._certificate = peer_certificate(transport.get_extra_info("ssl_object"))

    def on_url(self, url: bytes) -> None:
        """Put the certificate into the scope of each request."""
        super().on_url(url)
        self.scope[SCOPE_KEY] = self._certificate  # type: ignore[literal-required]  # an extension


def peer_certificate(connection: ssl.SSLObject | None) -> ClientCertificate | None:
    """Return the verified certificate, or ``None`` if there is none or no TLS."""
    return None if connection is None else ClientCertificate.shown(connection.getpeercert)
