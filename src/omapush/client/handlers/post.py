"""Sends each push to an application's own HTTP server: the event handlers ``unix:`` and ``http:``.

The request is a POST of the event as ``GET /v1/events`` gives it, as JSON, with the whole content
in ``content_b64`` whatever its size. The status of the answer is all that counts: 2xx accepts, 415
refuses with ``unsupported_type``, 429 with ``busy``, 5xx with ``try_later``, any other with
``refused``. Redirections are not followed, and the answer's body is not read.

Behind a Unix socket must be a process of the user who registered, as the kernel tells: otherwise
one user could make the client speak to a server that he himself cannot reach. Who registered as
root names whom he likes. A port of this host is open to every user anyway.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import structlog

from omapush.cai.model import Accept, Answer, PushEvent, Reject, RejectReason
from omapush.cai.wire import event_members
from omapush.client.handler import Handler
from omapush.client.handlers.address import LoopbackAddress, SocketAddress
from omapush.client.service_point.peer_credentials import peer_uid
from omapush.core.errors import OmapushError

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 5
"""Patience for a server on this host to take the connection."""

_REASONS = {415: RejectReason.UNSUPPORTED_TYPE, 429: RejectReason.BUSY}
_AWAY = Reject(RejectReason.TRY_LATER, "the application is away")


class _WrongPeer(OmapushError):
    """The process behind the socket is another user's."""


@dataclass(frozen=True, slots=True)
class Poster:
    """Makes the requests, each over a connection of its own: an application may come and go.

    :ivar seconds: patience for a whole request.
    """

    seconds: float = 60
    # Nothing is sent by TLS; this one is only there because making one takes long.
    context: ssl.SSLContext = field(default_factory=lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def handler(self, address: SocketAddress | LoopbackAddress, uid: int | None) -> Handler:
        """Return the handler that sends events to ``address``.

        :param uid: who must be behind a Unix socket; ``None`` or 0: anybody.
        """

        async def post(event: PushEvent) -> Answer:
            try:
                async with asyncio.timeout(self.seconds):
                    status = await self._status(address, uid, event)
            except TimeoutError:
                log.warning("handler_silent", address=str(address), event_id=event.event_id)
                return Reject(RejectReason.TRY_LATER, "the event handler did not answer in time")
            except (httpx2.HTTPError, OSError, OmapushError) as error:
                reason = f"{type(error).__name__}: {error}".strip(": ")
                log.warning("handler_away", address=str(address), reason=reason)
                return _AWAY
            return _answer(status)

        return post

    async def _status(
        self, address: SocketAddress | LoopbackAddress, uid: int | None, event: PushEvent
    ) -> int:
        if isinstance(address, SocketAddress):
            url = f"http://localhost{address.path}"
            transport = httpx2.AsyncHTTPTransport(
                verify=self.context, trust_env=False, uds=address.socket
            )
            extensions: dict[str, Any] = {"trace": _PeerCheck(uid)} if uid else {}
        else:
            url, extensions = address.url, {}
            transport = httpx2.AsyncHTTPTransport(verify=self.context, trust_env=False)
        timeout = httpx2.Timeout(self.seconds, connect=CONNECT_SECONDS)
        # Without httpx's client around it, which would follow redirections and keep cookies.
        request = httpx2.Request(
            "POST",
            url,
            content=_body(event),
            headers={"Content-Type": "application/json", "Connection": "close"},
            extensions={"timeout": timeout.as_dict(), **extensions},
        )
        async with transport:
            response = await transport.handle_async_request(request)
            await response.aclose()
            return response.status_code


class _PeerCheck:
    """Is told by the library how a request goes on, and stops it at the wrong peer."""

    def __init__(self, uid: int) -> None:
        self._uid = uid

    async def __call__(self, event: str, facts: Mapping[str, Any]) -> None:
        if event != "connection.connect_unix_socket.complete":
            return
        stream = facts["return_value"]
        found = peer_uid(stream.get_extra_info("socket"))
        if found != self._uid:
            await stream.aclose()
            raise _WrongPeer(f"user {found} is behind the socket, not {self._uid}")


def _body(event: PushEvent) -> bytes:
    content = base64.b64encode(event.content).decode("ascii")
    return json.dumps({**event_members(event), "content_b64": content}).encode("ascii")


def _answer(status: int) -> Answer:
    if 200 <= status < 300:
        return Accept()
    later = RejectReason.TRY_LATER if status >= 500 else RejectReason.REFUSED
    reason = _REASONS.get(status, later)
    return Reject(reason, f"the event handler answered {status}")
