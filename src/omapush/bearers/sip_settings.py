"""What an end of SIP is set up with: where it receives, where the core is, whom it trusts."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from omapush.bearers.sip_trust import SipTrust
from omapush.bearers.tcp_listener import ListenLimits
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.stream import StreamLimits

FLOW_SECONDS = 120
"""Longest time between two keep-alives, where the registrar says nothing (RFC 5626 4.4.1)."""
PONG_MS = 10_000
"""How long the answer to a keep-alive may take (RFC 5626 4.4.1)."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to receive. Port 0: a free one."""

    transport: Transport
    host: str
    port: int


LISTEN_LIMITS = ListenLimits(
    connections=1_024, per_address=256, max_anonymous=256, max_anonymous_per_address=16
)
"""Whoever is at a trusted address, or has said something with a trusted certificate, is not
anonymous: strangers cannot take the places of the core's elements."""


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """The sockets of one end.

    :ivar core: where requests go that say nothing else; a name or an address.
    :ivar listen: where requests are received. Without UDP in it, a free port of UDP and TCP is
        opened when the core is reached by UDP.
    :ivar advertised_host: what others reach this end by, if it is not the address it has.
    :ivar dialling_tls: for connections to the core by TLS. :ivar core_name: of whom its certificate
        has to be; default: the host of ``core``.
    :ivar listening_tls: for connections that are accepted by TLS.
    :ivar messages_per_second: of each source that is not trusted.
    :ivar idle_ms: connections that nothing goes over are closed after so long.
    """

    core: Hop
    listen: tuple[Listen, ...] = ()
    advertised_host: str | None = None
    dialling_tls: ssl.SSLContext | None = None
    core_name: str | None = None
    listening_tls: ssl.SSLContext | None = None
    trust: SipTrust = field(default_factory=SipTrust)
    messages_per_second: float | None = 200
    listen_limits: ListenLimits = LISTEN_LIMITS
    stream_limits: StreamLimits = field(default_factory=StreamLimits)
    max_dialled: int = 64
    connect_ms: int = 5_000
    idle_ms: int = 600_000
    flow_seconds: float = FLOW_SECONDS
    pong_ms: int = PONG_MS
