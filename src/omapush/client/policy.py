"""Who may register what (CAI 6, CAI-61): the port, and the default."""

from __future__ import annotations

from typing import Protocol

from omapush.cai.model import RegistrationRequest


class RegistrationPolicy(Protocol):
    """Judges registrations, before anything else is done with them."""

    def check(self, owner: str, request: RegistrationRequest) -> None:
        """Return if the registration is allowed.

        :param owner: as the way in has established it: ``uid:1000/...``, ``in-process``.
        :raises RegistrationRejected: ``permission_denied``; the detail says what is not allowed.
        """


class TrustedApplications:
    """No policy: every application is trusted and authorised (CAI-62)."""

    def check(self, owner: str, request: RegistrationRequest) -> None:
        """Allow it."""
