"""What the initiator's wish for priority means for the order of pushes (PAP 8.2.2)."""

from __future__ import annotations

from omapush.core.instants import MINUTE_MS
from omapush.pap.model import Priority
from omapush.ppg.store.contract import ClaimedDelivery

HEAD_START_MS = MINUTE_MS
"""By so much a push of high priority overtakes others; no other waits longer for it than that."""


def is_urgent(claimed: ClaimedDelivery) -> bool:
    """Whether a delivery is of high priority."""
    wish = claimed.control.get("qos")
    return isinstance(wish, dict) and wish.get("priority") == Priority.HIGH.value
