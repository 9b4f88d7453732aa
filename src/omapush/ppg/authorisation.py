"""What the operator allows each initiator, and what each has used of it.

One entry for every initiator that the settings name, and one that all others share: whoever needs
no credentials, and whoever has some that no entry is for. So memory is bounded by the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from omapush.core.instants import Instant
from omapush.pap.tolerance import Tolerance
from omapush.ppg.authentication import ANONYMOUS
from omapush.ppg.limits import Allowance, Meter
from omapush.ppg.permissions import EVERYTHING, Permissions, Refusal


@dataclass(frozen=True, slots=True)
class InitiatorPolicy:
    """Everything that the operator says about one initiator, once it is known who it is.

    :ivar tolerance: what its documents may get wrong; ``None``: what everybody's may.
    """

    permissions: Permissions = EVERYTHING
    allowance: Allowance = Allowance()
    tolerance: Tolerance | None = None


class Authorisation:
    """The policies by initiator id; :data:`ANONYMOUS` is everybody else's."""

    def __init__(self, policies: Mapping[str, InitiatorPolicy] | None = None) -> None:
        self._policies = {ANONYMOUS: InitiatorPolicy(), **(policies or {})}
        self._meters = {
            initiator_id: Meter(policy.allowance) for initiator_id, policy in self._policies.items()
        }

    def policy_of(self, initiator_id: str) -> InitiatorPolicy:
        """Return what the operator says about an initiator."""
        return self._policies[self._entry(initiator_id)]

    def charge(self, initiator_id: str, recipients: int, now: Instant) -> Refusal | None:
        """Count ``recipients`` against rate and quota, or say why not."""
        return self._meters[self._entry(initiator_id)].charge(recipients, now)

    def give_back(self, initiator_id: str, recipients: int, now: Instant) -> None:
        """Return to the quota what was charged at ``now`` for a push that was not accepted."""
        self._meters[self._entry(initiator_id)].give_back(recipients, now)

    def _entry(self, initiator_id: str) -> str:
        return initiator_id if initiator_id in self._policies else ANONYMOUS
