"""Which elements belong to the core, and how much those that do not may send."""

from __future__ import annotations

import functools
from collections import OrderedDict
from dataclasses import dataclass

from omapush.bearers.smsc_rate import TokenBucket
from omapush.core.instants import Instant
from omapush.core.networks import Network, contains, source_key
from omapush.core.peer_certificate import PeerCertificate

MAX_SOURCES = 10_000
"""Sources whose rate is remembered."""


@dataclass(frozen=True, slots=True)
class SipTrust:
    """Who is an element of the core.

    :ivar networks: by address, however he comes.
    :ivar names: by verified certificate: host names or IP addresses that it was given to.
    """

    networks: tuple[Network, ...] = ()
    names: tuple[str, ...] = ()

    def includes(self, address: str, certificate: PeerCertificate | None) -> bool:
        """Whether who is at ``address``, or has shown ``certificate``, is trusted."""
        if _lies_in(self.networks, address):
            return True
        return certificate is not None and any(certificate.is_of(name) for name in self.names)


@functools.lru_cache(maxsize=4_096)
def _lies_in(networks: tuple[Network, ...], address: str) -> bool:
    return contains(networks, address)


class SourceRates:
    """How many messages each source may send.

    :param per_second: of one IPv4 address, or of one /64 of IPv6; ``None``: as many as it likes.
    """

    def __init__(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def takes(self, address: str, now: Instant) -> bool:
        """Whether one more message from there is taken now."""
        if self._per_second is None:
            return True
        key = source_key(address)
        bucket = self._buckets.pop(key, None) or TokenBucket(self._per_second)
        self._buckets[key] = bucket
        if len(self._buckets) > MAX_SOURCES:
            self._buckets.popitem(last=False)
        return bucket.take(now)
