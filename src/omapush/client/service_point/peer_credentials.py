"""Who is at the other end of a Unix socket, told to the application by the HTTP server."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from omapush.cai.model import CaiError, Reason

Handle = Callable[[Request], Awaitable[Response]]

SCOPE_KEY = "omapush.peer_uid"

_ROOT = 0
_UCRED = struct.Struct("3i")  # pid, uid, gid: struct ucred of unix(7)


class PeerCredentialsProtocol(HttpToolsProtocol):
    """uvicorn's protocol with one addition: the peer's user id stands in the ASGI scope."""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - uvicorn's own signature
        """Ask the kernel, which cannot be lied to (SO_PEERCRED)."""
        super().connection_made(transport)
        self._uid = peer_uid(transport.get_extra_info("socket"))

    def on_url(self, url: bytes) -> None:
        """Put the user id into the scope of each request."""
        super().on_url(url)
        self.scope[SCOPE_KEY] = self._uid  # type: ignore[literal-required]  # an extension


def peer_uid(connection: Any) -> int | None:  # noqa: ANN401 - a socket or asyncio's wrapper of one
    """Return the user id of the process at the other end, or ``None`` if it is no Unix socket."""
    if connection is None or connection.family != socket.AF_UNIX:
        return None
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _pid, uid, _gid = _UCRED.unpack(raw)
    return int(uid)


def for_owner(handle: Handle) -> Handle:
    """Return ``handle`` for the user whom this process runs as, and root; others are refused."""

    async def handle_for_owner(request: Request) -> Response:
        if request.scope.get(SCOPE_KEY) not in (os.getuid(), _ROOT):
            raise CaiError(Reason.PERMISSION_DENIED, "only the user whom the client runs as")
        return await handle(request)

    return handle_for_owner
