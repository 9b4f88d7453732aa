"""How OTA-SIP of this client stands, for people: ``omapush client sip``."""

from __future__ import annotations

from dataclasses import dataclass

from omapush.client.sip.standing import Applications, Condition
from omapush.core.instants import Instant


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """A gateway that is told by OPTIONS what is taken.

    :ivar is_told: it knows what is taken now. :ivar said: its last answer.
    """

    uri: str
    is_told: bool
    said: str


@dataclass(frozen=True, slots=True)
class SipStatus:
    """The registration at the core.

    :ivar core: where the core is reached, as ``UDP 127.0.0.1:5060``.
    :ivar instance: who this device is there.
    :ivar gruu: its public GRUU; empty: the core gave none.
    :ivar tags: the feature tags of the last REGISTER, as they are written.
    :ivar applications: what the core knows of applications.
    :ivar last_answer: of the core, with its instant.
    """

    aor: str
    core: str
    condition: Condition
    instance: str
    contact: str = ""
    gruu: str = ""
    tags: tuple[str, ...] = ()
    applications: Applications = Applications()
    expires: Instant | None = None
    next_try: Instant | None = None
    last_answer: str = ""
    answered_at: Instant | None = None
    gateways: tuple[GatewayStatus, ...] = ()
