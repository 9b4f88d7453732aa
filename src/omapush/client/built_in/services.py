"""Service loading (SL, WAP-168) in this client: whose is followed, and what waits to be loaded.

A service loading makes a device do something without asking its user. So the specification wants
it to be switchable and recommends policy; here nobody's is followed unless the settings say whose.
The client has no browser: what is to be loaded waits until whoever has one takes it.
"""

from __future__ import annotations

import enum
import fnmatch
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from omapush.cai.model import Accept, Answer, Reject, RejectReason, Trust
from omapush.client.built_in import loading_queue
from omapush.client.built_in.loading_queue import Loading, LoadingQueue, Waiting
from omapush.content.indication import ServiceLoading

log = structlog.get_logger(__name__)

_SCHEMES = ("http", "https")
"""What is loaded by fetching it; ``wtai:`` and ``tel:`` would make calls."""


class Followed(enum.StrEnum):
    """Whose service loadings are followed."""

    NOBODY = "nobody"
    TRUSTED = "trusted"
    """The gateway vouches for the content."""
    AUTHENTICATED = "authenticated"
    """It does, or it has authenticated the initiator."""
    EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class LoadingPolicy:
    """Which service loadings are followed.

    :ivar hosts: patterns of the hosts that services may be loaded from, such as ``*.example.com``.
    """

    followed: Followed = Followed.NOBODY
    hosts: tuple[str, ...] = ("*",)

    def objection(self, loading: ServiceLoading, trust: Trust) -> str | None:
        """Return why ``loading`` is not followed, or ``None`` if it is."""
        believed = {
            Followed.NOBODY: False,
            Followed.TRUSTED: trust.trusted,
            Followed.AUTHENTICATED: trust.trusted or trust.authenticated,
            Followed.EVERYBODY: True,
        }
        if not believed[self.followed]:
            return f"service loadings of {self.followed} only are followed"
        try:
            target = urlsplit(loading.href)
            host = (target.hostname or "").lower()
        except ValueError:
            return "the address is malformed"
        if target.scheme not in _SCHEMES or not host:
            return "only http and https services are loaded"
        if not any(fnmatch.fnmatchcase(host, pattern.lower()) for pattern in self.hosts):
            return "services are not loaded from that host"
        return None


_REFUSALS = {
    Loading.FULL: Reject(RejectReason.BUSY, "too many services wait to be loaded"),
    Loading.TOO_LARGE: Reject(RejectReason.REFUSED, "the address is too long"),
}


class Services:
    """The services that wait to be loaded. In memory: a restart forgets them."""

    def __init__(self, policy: LoadingPolicy, *, has_cache: bool = True) -> None:
        self.policy = policy
        self._has_cache = has_cache
        self._queue = LoadingQueue()

    def receive(self, loading: ServiceLoading, trust: Trust) -> Answer:
        """Take a service loading that was pushed; return what its gateway is told."""
        objection = self.policy.objection(loading, trust)
        if objection is not None:
            return Reject(RejectReason.REFUSED, objection)
        self._queue, outcome = loading_queue.receive(
            self._queue, loading, has_cache=self._has_cache
        )
        log.info("service_received", outcome=outcome.value, action=loading.action.value)
        return _REFUSALS.get(outcome, Accept())

    def take(self) -> Waiting | None:
        """Take out the service that is to be loaded next, ``None`` if none waits."""
        self._queue, waiting = loading_queue.take(self._queue)
        return waiting
