"""Posts result notifications over HTTP, only to addresses that policy allows.

The host name is resolved here, every address it has is judged, and the connection goes to the very
address that was judged: a name that resolves differently a moment later changes nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx2

from omapush.core.errors import OmapushError
from omapush.ppg.policy import NotificationTarget, NotificationTargets

MAX_ANSWER_OCTETS = 65_536
"""An initiator's answer is a few hundred octets; more than this is not read."""


@dataclass(frozen=True, slots=True)
class NotificationAnswer:
    """What the initiator answered: HTTP status and body."""

    status: int
    body: bytes


class NotificationFailedError(OmapushError):
    """No answer came.

    :ivar written: the request had been written completely, so the initiator may have taken it.
    """

    def __init__(self, reason: str, *, written: bool) -> None:
        super().__init__(reason)
        self.written = written


class NotificationSender(Protocol):
    """Port: brings one document to one target."""

    async def post(self, target: NotificationTarget, document: bytes) -> NotificationAnswer:
        """Post ``document`` and return the answer.

        :raises TargetForbiddenError: policy does not let it go there.
        :raises NotificationFailedError: no answer.
        """

    async def close(self) -> None:
        """Close connections."""


class HttpNotificationSender:
    """The sender of a running gateway."""

    def __init__(self, targets: NotificationTargets, timeout_ms: int) -> None:
        self._targets = targets
        self._timeout = timeout_ms / 1000
        limits = httpx2.Limits(max_connections=128, max_keepalive_connections=32)
        self._client = httpx2.AsyncClient(
            timeout=self._timeout,
            limits=limits,
            trust_env=False,
            verify=ssl.create_default_context(),
        )

    async def post(self, target: NotificationTarget, document: bytes) -> NotificationAnswer:
        """Post, following at most one redirection on the same host (PAP has no rule; RFC 9110)."""
        try:
            async with asyncio.timeout(self._timeout):
                answer, location = await self._post_once(target, document)
                if location is not None:
                    answer, _ = await self._post_once(self._moved(target, location), document)
                return answer
        except TimeoutError as error:
            raise NotificationFailedError("no answer in time", written=True) from error

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def _post_once(
        self, target: NotificationTarget, document: bytes
    ) -> tuple[NotificationAnswer, str | None]:
        address = await self._judged_address(target)
        authority = f"[{address}]" if ":" in address else address
        parts = urlsplit(target.url)
        url = urlunsplit(
            (target.scheme, f"{authority}:{target.port}", parts.path or "/", parts.query, "")
        )
        request = self._client.build_request(
            "POST",
            url,
            content=document,
            headers={"Host": parts.netloc, "Content-Type": "application/xml; charset=UTF-8"},
            extensions={"sni_hostname": target.host},
        )
        try:
            response = await self._client.send(request, stream=True)
            try:
                return await _read(response), _redirection(response)
            finally:
                await response.aclose()
        except httpx2.ReadTimeout as error:
            raise NotificationFailedError("no answer in time", written=True) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError) as error:
            reason = f"{type(error).__name__}: {error}".strip(": ")
            raise NotificationFailedError(reason, written=False) from error

    async def _judged_address(self, target: NotificationTarget) -> str:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except OSError as error:
            reason = f"cannot resolve {target.host}: {error.strerror or error}"
            raise NotificationFailedError(reason, written=False) from error
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            self._targets.check(ipaddress.ip_address(address.partition("%")[0]))
        return addresses[0]

    def _moved(self, target: NotificationTarget, location: str) -> NotificationTarget:
        moved = self._targets.parse(urljoin(target.url, location))
        if (moved.scheme, moved.host, moved.port) != (target.scheme, target.host, target.port):
            raise NotificationFailedError("redirected to another host", written=True)
        return moved


async def _read(response: httpx2.Response) -> NotificationAnswer:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_ANSWER_OCTETS:
            break
    return NotificationAnswer(response.status_code, bytes(body[:MAX_ANSWER_OCTETS]))


def _redirection(response: httpx2.Response) -> str | None:
    return response.headers.get("Location") if response.status_code in (307, 308) else None
