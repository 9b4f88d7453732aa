"""A small HTTP server around a notification receiver, for initiators that have none."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import uvicorn

from omapush.core.errors import OmapushError
from omapush.core.networks import written_host
from omapush.initiator.notifications import NotificationReceiver
from omapush.initiator.tls import TlsFilesError, of_listener

MAX_CONNECTIONS = 1_000
"""What more connections at a time ask is answered 503."""


class ListenError(OmapushError):
    """The address for notifications cannot be listened on."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the program."""
        yield


@contextlib.asynccontextmanager
async def serve(
    receiver: NotificationReceiver,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    certificate: Path | None = None,
    key: Path | None = None,
) -> AsyncIterator[str]:
    """Serve ``receiver`` as long as the context lasts; yield the URL to give to gateways.

    :param port: 0 lets the system choose.
    :param certificate: PEM, for this host, with its chain: serve TLS. Its ``key`` may be in the
        same file.
    :raises ListenError: the address cannot be had.
    :raises TlsFilesError: the certificate or its key cannot be used.
    """
    if certificate is None and key is not None:
        raise TlsFilesError("a key needs its certificate")
    context = of_listener(certificate, key) if certificate is not None else None
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    server = _Server(
        uvicorn.Config(
            receiver,
            lifespan="off",
            access_log=False,
            log_config=None,
            ws="none",
            limit_concurrency=MAX_CONNECTIONS,
            ssl_context_factory=(lambda _config, _default: context) if context else None,
            timeout_graceful_shutdown=2,
        )
    )
    running = asyncio.create_task(server.serve([listening]))
    try:
        name = written_host(host)
        scheme = "http" if context is None else "https"
        yield f"{scheme}://{name}:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        await running
