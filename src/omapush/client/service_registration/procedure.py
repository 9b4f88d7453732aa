"""The Push Service Registration procedure over HTTP: register, refresh, deregister (CAI-29, 30).

Every call goes through :mod:`omapush.web`, so an application cannot make the client call what its
policy forbids, not by a redirection either. Whatever goes wrong is a
:class:`ServiceRegistrationFailed` with the reason that the application is told (CAI-41).
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from urllib.parse import urljoin

from omapush.cai.model import Reason
from omapush.client.binding.binder import BindingFailed
from omapush.core.errors import DecodeError, LimitError
from omapush.core.instants import SECOND_MS
from omapush.ota import service_registration as wire
from omapush.ota.service_registration import ServiceRegistration, ServiceRegistrationRequest
from omapush.web.authentication import CredentialsByHost
from omapush.web.outbound import (
    OutboundAnswer,
    OutboundClient,
    OutboundError,
    OutboundFault,
    OutboundLimits,
    OutboundRequest,
)
from omapush.web.policy import OutboundPolicy, Target, TargetForbiddenError

MAX_REDIRECTIONS = 3
MAX_RETRY_AFTER_SECONDS = 86_400
"""A longer Retry-After is read as this."""
MAX_LOCATION = 4_096
"""Characters of a Location that is kept."""

_FAULTS = {
    OutboundFault.NETWORK: Reason.NETWORK_ERROR,
    OutboundFault.SECURITY: Reason.SECURITY_FAILURE,
    OutboundFault.TIME: Reason.TIMEOUT,
    OutboundFault.ANSWER: Reason.SERVER_ERROR,
    OutboundFault.REQUEST: Reason.INTERNAL_ERROR,
}
_STATUSES = {
    401: (Reason.SECURITY_FAILURE, "the server does not take our credentials, or we have none"),
    403: (Reason.REFUSED_BY_SERVER, "the server refuses the registration"),
    404: (Reason.REFUSED_BY_SERVER, "the server has no such push service"),
    406: (Reason.REFUSED_BY_SERVER, "the server has no answer in a form that we read"),
    410: (Reason.REFUSED_BY_SERVER, "the server has no such push service any more"),
    429: (Reason.SERVER_ERROR, "the server wants to be asked later"),
    503: (Reason.SERVER_ERROR, "the server wants to be asked later"),
}
_GONE = (404, 410)
_XML = re.compile(r"(?:application|text)/(?:[a-z0-9.+-]+\+)?xml", re.IGNORECASE)
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([A-Za-z0-9._-]{1,40})', re.IGNORECASE)


class ServiceRegistrationFailed(BindingFailed):
    """The procedure did not succeed.

    :ivar status: what the server answered; ``None``: nothing.
    :ivar retry_after_ms: when it wants to be asked again, from now; ``None``: it does not say.
    """

    def __init__(
        self,
        cause: Reason,
        detail: str,
        status: int | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(cause, detail)
        self.status = status
        self.retry_after_ms = retry_after_ms

    @property
    def is_gone(self) -> bool:
        """Whether the server has nothing at that address."""
        return self.status in _GONE


@dataclass(frozen=True, slots=True)
class Registered:
    """A push service has registered us.

    :ivar location: names the registration, for refreshing and ending it; ``None``: it has no name.
    :ivar answer: ``None``: the profile that the client was provisioned with is to be used.
    """

    location: str | None
    answer: ServiceRegistration | None


class ServiceRegistrationClient:
    """Carries out the procedure with any push service. Belongs to one event loop.

    :param timeout_ms: patience for one call, redirections and credentials included.
    :param credentials: for servers that ask for some.
    :param context: for TLS; default: the authorities that the system believes.
    """

    def __init__(
        self,
        policy: OutboundPolicy,
        timeout_ms: int,
        credentials: CredentialsByHost | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        limits = OutboundLimits(timeout_ms, wire.MAX_OCTETS, connections=16, look_ups=8)
        self._http = OutboundClient(policy, limits, context, credentials)

    def check(self, url: str) -> Target:
        """Take an address of a push service apart.

        :raises TargetForbiddenError: it is none, or policy forbids it whatever it resolves to.
        """
        return self._policy.parse(url)

    async def register(self, url: str, request: ServiceRegistrationRequest) -> Registered:
        """Register at a push service, or refresh a registration by its ``Location``.

        :raises ServiceRegistrationFailed: it did not succeed.
        """
        headers = {**dict(wire.to_headers(request)), "Content-Length": "0"}
        answer = await self._call(url, "POST", headers)
        location = _location(answer)
        if answer.status == 204:
            return Registered(location, None)
        if answer.status not in (200, 201):
            raise _refusal(answer)
        return Registered(location, _read(answer))

    async def deregister(self, location: str) -> None:
        """End a registration. One that the server does not know any more has ended.

        :raises ServiceRegistrationFailed: it is not certain that it has.
        """
        answer = await self._call(location, "DELETE", {})
        if answer.status not in _GONE and not 200 <= answer.status < 300:
            raise _refusal(answer)

    async def close(self) -> None:
        """Close connections."""
        await self._http.close()

    async def _call(self, url: str, method: str, headers: dict[str, str]) -> OutboundAnswer:
        try:
            target = self._policy.parse(url)
            request = (
                OutboundRequest(target, "POST", headers)
                if method == "POST"
                else OutboundRequest(target, "DELETE", headers)
            )
            return await self._http.call(request, redirections=MAX_REDIRECTIONS, elsewhere=True)
        except TargetForbiddenError as error:
            raise ServiceRegistrationFailed(Reason.PERMISSION_DENIED, error.reason) from error
        except OutboundError as error:
            raise ServiceRegistrationFailed(_FAULTS[error.fault], error.reason) from error


def _read(answer: OutboundAnswer) -> ServiceRegistration:
    content_type = answer.get("Content-Type")
    try:
        if not answer.whole:
            raise LimitError(f"more than {wire.MAX_OCTETS} octets")
        if answer.get("Content-Encoding") not in (None, "identity"):
            raise DecodeError("a content coding that was not asked for")
        if content_type is not None and not _XML.match(content_type):
            raise DecodeError(f"the answer is {content_type[:40]}, not {wire.MEDIA_TYPE}")
        charset = _CHARSET.search(content_type or "")
        return wire.decode(answer.body, charset[1] if charset else None)
    except DecodeError as error:
        detail = f"the server's answer cannot be read: {error}"
        raise ServiceRegistrationFailed(Reason.SERVER_ERROR, detail, answer.status) from error


def _location(answer: OutboundAnswer) -> str | None:
    named = answer.get("Location")
    if named is None or len(named) > MAX_LOCATION:
        return None
    try:
        return urljoin(answer.url, named)
    except ValueError:
        return None


def _refusal(answer: OutboundAnswer) -> ServiceRegistrationFailed:
    cause, detail = _STATUSES.get(answer.status, (None, ""))
    if cause is None:
        refused = 400 <= answer.status < 500
        cause = Reason.REFUSED_BY_SERVER if refused else Reason.SERVER_ERROR
        detail = "the server refuses the registration" if refused else "the server failed"
    wait = _retry_after_ms(answer) if answer.status in (429, 503) else None
    return ServiceRegistrationFailed(cause, f"{detail} (HTTP {answer.status})", answer.status, wait)


def _retry_after_ms(answer: OutboundAnswer) -> int | None:
    """Read Retry-After; its other form, a date, needs both clocks to agree and is not used."""
    text = (answer.get("Retry-After") or "").strip()
    if not text.isascii() or not text.isdecimal():
        return None
    return min(int(text[:10]), MAX_RETRY_AFTER_SECONDS) * SECOND_MS
