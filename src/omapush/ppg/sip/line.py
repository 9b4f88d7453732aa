"""What every request of the gateway has in common: who it is from, and how it goes to the core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from omapush.core.instants import SECOND_MS, Instant
from omapush.ota.sip.method_choice import MethodPolicy
from omapush.ota.sip.requests import Names, Sender
from omapush.ppg.sip.calling import Caller
from omapush.ppg.sip.metrics import SipMetrics
from omapush.ppg.sip.registrations import Registrations
from omapush.protocols.sip.hop import Transport

LONGEST_ANSWER_MS = 32 * SECOND_MS
"""So long a transaction lives without a final answer (RFC 3261 17.1)."""


@dataclass(frozen=True, slots=True)
class SipLineSettings:
    """How pushes are sent.

    :ivar methods: how one is chosen.
    :ivar ask_capabilities: devices of which nothing is known are asked before a push.
    :ivar plain_devices: pushes also go to devices that declare no applications.
    :ivar transport: by which the core reaches this end.
    """

    methods: MethodPolicy = MethodPolicy()
    ask_capabilities: bool = True
    response_ms: int = LONGEST_ANSWER_MS
    plain_devices: bool = False
    transport: Transport = Transport.UDP


@dataclass(frozen=True, slots=True)
class SipLine:
    """The way to the core, and what is known of the users behind it.

    :ivar new_token: returns letters and digits that nobody can guess, at least 80 bits.
    """

    caller: Caller
    sender: Sender
    registrations: Registrations
    metrics: SipMetrics
    settings: SipLineSettings
    new_token: Callable[[], str]
    clock: Callable[[], Instant]

    def names(self) -> Names:
        """Return what names one more request."""
        host = self.caller.core.contact()
        return Names(f"{self.new_token()}@{host}", self.new_token())

    @property
    def contact(self) -> str:
        """The URI at which this end receives."""
        user = self.sender.uri.partition(":")[2].rpartition("@")[0]
        transport = self.settings.transport
        # The core sends requests of a dialog there, and by UDP if nothing else is said.
        by = "" if transport is Transport.UDP else f";transport={transport.value.lower()}"
        return f"sip:{user}@{self.caller.core.contact()}{by}"
