"""How a registration gets the ways over which its pushes come: the port that variants implement.

A :class:`Binder` stands for one Push-OTA variant with the bearers that this client has for it. The
agent asks it for every connection profile of a registration, or with an empty profile when the
registration leaves the choice to the client. What follows is told to a :class:`BindingListener`:
the binding is up, is lost and back, or has failed for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from omapush.cai.model import Binding, ConnectionProfile, Reason, Registration, RegistrationRequest
from omapush.core.errors import OmapushError

SHARED = ""
"""The scope of bindings that all applications share."""


class BindingFailed(OmapushError):
    """A binding cannot be had, or a server did not let go of it."""

    def __init__(self, cause: Reason, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


@dataclass(frozen=True, slots=True)
class BearerOffer:
    """A bearer that a variant has here.

    :ivar name: as in UAProf's Push-SupportedBearers, or the variant's own.
    :ivar available: whether it can be used now (CAI-26).
    """

    name: str
    available: bool


class BindingListener(Protocol):
    """Is told how one binding of one registration fares; may be called from within ``begin``."""

    def changed(self, binding: Binding, number: int = 0) -> None:
        """The binding is as it says now. ``FAILED`` is the last that is told.

        :param number: which one, for a binder that makes several bindings of one.
        """

    def keep(self, server_data: str) -> None:
        """Remember what is needed to end the binding at a server, over restarts too.

        Replaces what was kept before; an empty string says that there is nothing to end.
        """

    def trust(self, contact_point: str) -> None:
        """Take pushes from there for this registration: its server has named it (CAI-43)."""


class BindingHold(Protocol):
    """A binding that was begun."""

    def refresh(self, registration: Registration) -> None:
        """The registration has changed, and its ways have not."""

    async def close(self) -> None:
        """Leave off on this side; nothing is told any more. A server is not told by this."""


class Binder(Protocol):
    """One Push-OTA variant, as registrations see it."""

    @property
    def protocol(self) -> str:
        """The variant, e.g. ``OTA-HTTP`` (CAI-12)."""

    def offers(self) -> tuple[BearerOffer, ...]:
        """Return the bearers that are set up for it; none: the variant is not set up."""

    def is_default(self) -> bool:
        """Whether registrations without a profile use it (CAI-33)."""

    def scope(self, request: RegistrationRequest, profile: ConnectionProfile, where: str) -> str:
        """Check a profile and return within what a push application id has to be unique (CAI-20).

        :data:`SHARED` is the scope of the bindings that all applications share. Any other is an own
        one, such as a port (CAI-22 to CAI-25), and pushes that come by it say so in
        ``PushSource.binding``.

        :param where: what the profile is called in errors, e.g. ``profiles[0]``.
        :raises RegistrationRejected: an option that is not supported, not available now, or
            malformed (CAI-26); it names the parameter.
        """

    def begin(
        self,
        registration: Registration,
        profile: ConnectionProfile,
        listener: BindingListener,
        server_data: str,
    ) -> BindingHold:
        """Begin to bind; must not block and must not raise.

        :param server_data: what an earlier life kept for this very binding, or empty.
        """

    def announce(self) -> None:
        """What the client takes in all has changed (CAI-39, CAI-40, CAI-51, CAI-52).

        For gateways that do not ask by themselves; must not block and must not raise.
        """

    async def withdraw(self, server_data: str) -> None:
        """End a binding at its server (CAI-49), by what was kept for it.

        :raises BindingFailed: the server refused, or is away; it may be called again.
        """
