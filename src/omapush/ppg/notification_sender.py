"""Posts result notifications over HTTP, with the credentials that an initiator's listener wants."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from omapush.web.outbound import OutboundClient, OutboundError, OutboundLimits, OutboundRequest
from omapush.web.policy import OutboundPolicy, Target

MAX_ANSWER_OCTETS = 65_536
"""An initiator's answer is a few hundred octets; more than this is not read."""
MAX_CONNECTIONS = 256
"""As many as notifications are under way at a time."""


@dataclass(frozen=True, slots=True)
class NotificationAnswer:
    """What the initiator answered: HTTP status and body."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class ListenerCredentials:
    """What an initiator's listener wants of the gateway, by HTTP Basic (RFC 7617)."""

    username: str
    password: str = field(repr=False)

    @property
    def authorization(self) -> str:
        """Value of the header; a secret."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


class NotificationFailedError(OutboundError):
    """No answer came.

    :ivar written: the request had been written completely, so the initiator may have taken it.
    """


class NotificationSender(Protocol):
    """Port: brings one document to one target."""

    async def post(self, target: Target, document: bytes, initiator_id: str) -> NotificationAnswer:
        """Post ``document``, meant for this initiator, and return the answer.

        :raises TargetForbiddenError: policy does not let it go there.
        :raises NotificationFailedError: no answer.
        """

    async def close(self) -> None:
        """Close connections."""


class HttpNotificationSender:
    """The sender of a running gateway.

    :param credentials: by initiator id; the others' listeners get none.
    :param context: for TLS; default: the authorities that the system believes.
    """

    def __init__(
        self,
        policy: OutboundPolicy,
        timeout_ms: int,
        credentials: Mapping[str, ListenerCredentials] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        limits = OutboundLimits(timeout_ms, MAX_ANSWER_OCTETS, connections=MAX_CONNECTIONS)
        self._client = OutboundClient(policy, limits, context)
        self._credentials = dict(credentials or {})

    async def post(
        self, target: Target, document: bytes, initiator_id: str = ""
    ) -> NotificationAnswer:
        """Post, following at most one redirection on the same host (PAP has no rule; RFC 9110)."""
        headers = {"Content-Type": "application/xml; charset=UTF-8"}
        credentials = self._credentials.get(initiator_id)
        if credentials is not None:
            headers["Authorization"] = credentials.authorization
        request = OutboundRequest(target, "POST", headers, document)
        try:
            answer = await self._client.call(request, redirections=1)
        except OutboundError as error:
            raise NotificationFailedError(error.reason, written=error.written) from error
        return NotificationAnswer(answer.status, answer.body)

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()
