"""The port to modems, from which a client gets its short messages; implemented by ``bearers``.

A modem gives each message to whoever runs it and waits for the verdict, which decides what becomes
of the message: the modem acknowledges, refuses or deletes it. Whoever takes a message has it on
disk, or has done with it, before it says so; after that no other copy need exist.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ReceivedTpdu:
    """A TPDU as it came from the network, without the service centre's address in front.

    :ivar service_centre: the number of the service centre, if the modem tells.
    """

    tpdu: bytes
    service_centre: str | None = None


@dataclass(frozen=True, slots=True)
class ReceivedPayload:
    """8 bit data of which others have read the TPDU and removed the user data header.

    It is whole, but nobody knows any more which port it was for.

    :ivar originator: a number as people write it, or a name.
    """

    originator: str
    payload: bytes
    service_centre: str | None = None


ReceivedMessage = ReceivedTpdu | ReceivedPayload


class FailureCause(enum.IntEnum):
    """TP-Failure-Cause, as far as a receiver has use for it (3GPP TS 23.040, 9.2.3.22)."""

    TPDU_NOT_SUPPORTED = 0xB0
    ERROR_IN_MS = 0xD2
    MEMORY_CAPACITY_EXCEEDED = 0xD3
    UNSPECIFIED = 0xFF


@dataclass(frozen=True, slots=True)
class Taken:
    """The message is on disk or dealt with: the modem may forget it."""


@dataclass(frozen=True, slots=True)
class NotOurs:
    """It is no business of push: text, or data for somebody else. Another program may want it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not taken: it cannot be read, or there is no room."""

    cause: FailureCause
    reason: str


Verdict = Taken | NotOurs | Refused

OnMessage = Callable[[ReceivedMessage], Awaitable[Verdict]]
"""Takes one message; bounded in time, and raises nothing."""


class ModemState(enum.Enum):
    """Whether a modem can be heard."""

    UP = "up"
    DOWN = "down"


OnState = Callable[[ModemState], None]
"""Told when the modem can be heard and when no longer; must not raise."""


class Modem(Protocol):
    """Something that receives short messages."""

    async def run(self, on_message: OnMessage, on_state: OnState) -> None:
        """Give every message to ``on_message``, one after the other, until cancelled.

        A modem that goes away is waited for.

        :raises BearerUnavailable: it cannot be had as the settings describe it, now or later.
        """
