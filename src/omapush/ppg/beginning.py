"""Sending a push as soon as it is stored: what acceptance asks of the delivery loop."""

from __future__ import annotations

from typing import Protocol

from omapush.core.instants import Instant
from omapush.ppg.store.contract import NewPush


class Beginning(Protocol):
    """Begins deliveries without a claim, see :class:`omapush.ppg.delivery.DeliveryLoop`."""

    def reserve(self, push: NewPush, now: Instant) -> NewPush:
        """Return ``push`` as it is to be stored: begun, if there is room for it now."""

    def begin(self, push: NewPush) -> None:
        """Go on with a push that was reserved and is now stored."""

    def abandon(self, push: NewPush) -> None:
        """Give back what was reserved for a push that is not stored."""


class NothingIsBegun:
    """Leaves every push to the next claim."""

    def reserve(self, push: NewPush, now: Instant) -> NewPush:
        """Return it as it is."""
        return push

    def begin(self, push: NewPush) -> None:
        """Never asked for."""

    def abandon(self, push: NewPush) -> None:
        """Never asked for."""
