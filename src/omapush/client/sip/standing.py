"""How the registration at a SIP/IP core stands, and what gateways have said."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from omapush.cai.model import Reason
from omapush.core.instants import Instant


@dataclass(frozen=True, slots=True)
class Applications:
    """What the core is told of the applications, by feature tags.

    :ivar ids: push application ids in canonical form, sorted; ``instances``: instance tags, sorted.
    """

    ids: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()

    def have(self, push_application_id: str, instance: str | None) -> bool:
        """Whether an application is among them."""
        return push_application_id in self.ids and (instance is None or instance in self.instances)


NO_APPLICATIONS = Applications()


class Condition(enum.Enum):
    """Where the registration is."""

    IDLE = "idle"
    """There is nothing to register for."""
    REGISTERING = "registering"
    """The first answer has not come yet."""
    REGISTERED = "registered"
    LOST = "lost"
    """The core does not answer, or cannot for now; it is tried again."""
    REFUSED = "refused"
    """The core says no; it is asked again when somebody wants it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the registration stands.

    :ivar applications: what the core knows: of its last 200.
    :ivar address: the device's own address there, its GRUU or else its contact.
    :ivar expires: until when the core keeps it.
    :ivar reason: why it is lost or refused; ``detail``: the same in words.
    """

    condition: Condition
    applications: Applications = NO_APPLICATIONS
    address: str = ""
    expires: Instant | None = None
    reason: Reason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class GatewayStanding:
    """What a gateway has said to the last OPTIONS.

    :ivar is_told: it has answered 200 to what is taken now.
    :ivar refused: why it will not serve this user (403, 404); ``None``: it has not said so.
    :ivar said: its last answer, for people.
    """

    is_told: bool = False
    refused: str | None = None
    said: str = ""
