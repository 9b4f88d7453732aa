"""HTTP servers inside our own event loop: uvicorn, without its own signals, logs and exits."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from omapush.core.errors import OmapushError
from omapush.daemon.settings_table import Endpoint


class ListenError(OmapushError):
    """An address that is to be served cannot be listened on."""


def listening_socket(endpoint: Endpoint) -> socket.socket:
    """Return a bound, listening socket. :raises ListenError: the address cannot be had."""
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    try:
        return socket.create_server(
            (endpoint.host, endpoint.port), family=family, backlog=1024, reuse_port=False
        )
    except OSError as error:
        raise ListenError(f"cannot listen on {endpoint}: {error.strerror or error}") from error


class HttpServer(uvicorn.Server):
    """A server that leaves signals to the supervisor."""

    def __init__(self, application: Any, sockets: list[socket.socket], **options: Any) -> None:  # noqa: ANN401 - uvicorn takes any ASGI callable and option
        super().__init__(
            uvicorn.Config(
                application,
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=True,
                proxy_headers=False,
                ws="none",
                timeout_graceful_shutdown=5,
                **options,
            )
        )
        self._listening = sockets

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do not capture any: see ``supervise``."""
        yield

    async def run_until_stopped(self) -> None:
        """Serve until :meth:`stop` is called or the task is cancelled."""
        await self.serve(self._listening)

    def stop(self) -> None:
        """Accept no more connections, and return when the open requests are answered."""
        self.should_exit = True
