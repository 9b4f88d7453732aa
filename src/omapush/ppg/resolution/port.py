"""The port: what resolving an address means, and what may come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from omapush.core.errors import OmapushError
from omapush.pap.address import Address


@dataclass(frozen=True, slots=True)
class ClientFound:
    """The address is this client's.

    :ivar client_id: the operator's name for it, as in ``[[clients]]``.
    """

    client_id: str


@dataclass(frozen=True, slots=True)
class NotServed:
    """The address leads nowhere here: PAP 2002.

    :ivar reason: in words for the initiator.
    """

    reason: str


Member = Address | ClientFound | NotServed
"""A member of a group: an address yet to be resolved, a client, or an entry that is of no use."""


@dataclass(frozen=True, slots=True)
class GroupFound:
    """The address is a group's (Architecture 2.3, 5.3.2.1.3.1); never without members.

    Towards the initiator a group remains one recipient (PPG 6).

    :ivar name: the operator's name for it, for logs.
    """

    name: str
    members: tuple[Member, ...]


Resolved = ClientFound | GroupFound | NotServed

NOBODY = NotServed("is not served here")
"""Nothing is known of the address."""


@dataclass(frozen=True, slots=True)
class Perishable:
    """An answer that its source vouches for only so long.

    :ivar life_ms: since it was asked for; 0: it is good for this once.
    """

    answer: Resolved
    life_ms: int


class ResolverUnavailable(OmapushError):
    """A backend gave no answer that can be used; the same question may be asked again later."""


class ResolverMisconfigured(OmapushError):
    """A resolver cannot be made of these settings."""


class Resolver(Protocol):
    """Port: knows whose an address is."""

    async def resolve(self, addresses: Sequence[Address]) -> list[Resolved]:
        """Return one answer for each of ``addresses``, in their order.

        The ppg-specifier of an address plays no part (PPG 6).

        :raises ResolverUnavailable: at least one of them cannot be told now.
        """

    async def close(self) -> None:
        """Close connections; nothing may be asked afterwards."""


class Source(Protocol):
    """Port: what a cache stands before. Like ``Resolver``, but answers may be perishable."""

    async def resolve(self, addresses: Sequence[Address]) -> Sequence[Resolved | Perishable]:
        """Return one answer for each of ``addresses``; see ``Resolver``."""

    async def close(self) -> None:
        """Close connections; nothing may be asked afterwards."""
