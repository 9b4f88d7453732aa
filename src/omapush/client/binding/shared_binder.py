"""Bindings over bearers that all applications share.

Such a bearer is up or down as those who run it say (:class:`BearerReports`); no application has it
for itself, and nothing is sent anywhere to bind to it (CAI-34). A binding covers every bearer that
its connection profile allows, and is up as long as one of them is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from omapush.cai.model import (
    Binding,
    BindingState,
    ConnectionProfile,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
)
from omapush.client.binding.binder import SHARED, BearerOffer, BindingHold, BindingListener
from omapush.client.binding.binding_hold import Hold

ANY = "any"
"""As a bearer type: whichever there is."""

# Options of OTA-PTM; no other variant can do anything with them.
_OTHERS = ("cb_message_id", "mbms_user_service_description", "bcast_access_info")


class BearerReports(Protocol):
    """Is told how bearers fare that all applications share."""

    def binding_up(self, binding: Binding) -> None:
        """Its bearer can be used now."""

    def binding_down(self, protocol: str, bearer: str) -> None:
        """The bearer cannot be used until it is up again."""


@dataclass(slots=True)
class _Bearer:
    """:ivar known: whether it is known how it fares. :ivar ways: in which it is up, and where."""

    name: str
    known: bool = False
    ways: dict[str, str] = field(default_factory=dict)
    reason: Reason = Reason.BEARER_LOST
    detail: str = ""

    @property
    def is_up(self) -> bool | None:
        """``None``: not known yet; it may be up soon."""
        return bool(self.ways) if self.known else None

    @property
    def address(self) -> str:
        return ", ".join(self.ways[way] for way in sorted(self.ways) if self.ways[way])


class SharedBearers:
    """A variant's shared bearers. Implements ``binder.Binder`` and :class:`BearerReports`.

    :param names: the bearers that are set up, as in UAProf or the variant's own.
    """

    def __init__(self, protocol: str, names: Iterable[str]) -> None:
        self._protocol = protocol
        self._bearers = {_key(name): _Bearer(name) for name in names}
        self._gateways: list[Callable[[], None]] = []
        self._holds: dict[Hold, tuple[str, ...]] = {}

    # -- how the bearers fare --

    def up(self, bearer: str, address: str = "", way: str = "") -> None:
        """A bearer can be used now.

        :param way: how; a bearer that can be used in several ways is up while one of them is.
        """
        one = self._bearers.setdefault(_key(bearer), _Bearer(bearer))
        one.known = True
        one.ways[way] = address
        self._tell_all()

    def down(
        self,
        bearer: str,
        reason: Reason = Reason.BEARER_LOST,
        detail: str | None = None,
        way: str = "",
    ) -> None:
        """A bearer cannot be used in this way until it is up again."""
        one = self._bearers.setdefault(_key(bearer), _Bearer(bearer))
        one.known = True
        one.ways.pop(way, None)
        one.reason, one.detail = reason, detail if detail is not None else f"{one.name} is down"
        self._tell_all()

    def binding_up(self, binding: Binding) -> None:
        """See :class:`BearerReports`."""
        self.up(binding.bearer, binding.address)

    def binding_down(self, protocol: str, bearer: str) -> None:
        """See :class:`BearerReports`."""
        self.down(bearer)

    def announce_to(self, tell: Callable[[], None]) -> None:
        """Have ``tell`` called when gateways are to learn anew what the client takes.

        For those who have connections on these bearers and know what was told on them.
        """
        self._gateways.append(tell)

    # -- client.binding.binder.Binder --

    @property
    def protocol(self) -> str:
        return self._protocol

    def offers(self) -> tuple[BearerOffer, ...]:
        return tuple(BearerOffer(one.name, one.is_up is True) for one in self._bearers.values())

    def is_default(self) -> bool:
        return bool(self._bearers)

    def scope(self, request: RegistrationRequest, profile: ConnectionProfile, where: str) -> str:
        """See ``binder``; a contact point is allowed, for it narrows the sources (CAI-15).

        :raises RegistrationRejected: an option that is not supported, or not available now.
        """
        check_options(self._protocol, profile, where)
        if profile.port is not None:
            raise unsupported(f"{where}.port", "an own port")
        self.check_available(self.select(profile.bearer_type, where), where)
        return SHARED

    def begin(
        self,
        registration: Registration,
        profile: ConnectionProfile,
        listener: BindingListener,
        server_data: str,
    ) -> BindingHold:
        return self.begin_with(self.named(profile.bearer_type), profile.bearer_type, listener)

    def announce(self) -> None:
        for tell in self._gateways:
            tell()

    async def withdraw(self, server_data: str) -> None:
        """There is no server to tell."""

    # -- for variants that have more than shared bearers --

    def select(self, bearer_type: str | None, where: str) -> tuple[str, ...]:
        """Return the bearers that a profile allows.

        :raises RegistrationRejected: there is none that is called so.
        """
        if not self._bearers:
            raise unsupported(f"{where}.protocol", self._protocol)
        names = self.named(bearer_type)
        if not names:
            what = f"{self._protocol} over {(bearer_type or 'any bearer')[:40]}"
            raise unsupported(f"{where}.bearer_type", what)
        return names

    def check_available(self, names: tuple[str, ...], where: str) -> None:
        """Check that one of these bearers is up, or may be soon (CAI-26, T-16).

        :raises RegistrationRejected: they are down.
        """
        if all(self._bearers[_key(name)].is_up is False for name in names):
            detail = f"{self._protocol} is not available now over {', '.join(names)}"
            raise RegistrationRejected(Reason.UNAVAILABLE, detail, f"{where}.bearer_type")

    def named(self, bearer_type: str | None) -> tuple[str, ...]:
        """Return the bearers that a profile allows; none: there is none that is called so."""
        if is_any(bearer_type):
            return tuple(one.name for one in self._bearers.values())
        one = self._bearers.get(_key(bearer_type or ""))
        return (one.name,) if one is not None else ()

    def begin_with(
        self, names: tuple[str, ...], bearer_type: str | None, listener: BindingListener
    ) -> Hold:
        """Bind to these bearers, by their names; without any the binding fails.

        :param bearer_type: what was asked for, for whoever is told of the failure.
        """
        hold = Hold(listener, self._leave)
        if names:
            self._holds[hold] = names
            self._tell(hold, names)
        else:
            detail = f"{self._protocol} is not set up for it"
            hold.fail(self._protocol, bearer_type or ANY, Reason.UNSUPPORTED_OPTION, detail)
        return hold

    def _leave(self, hold: Hold) -> None:
        self._holds.pop(hold, None)

    def _tell_all(self) -> None:
        for hold, names in list(self._holds.items()):
            self._tell(hold, names)

    def _tell(self, hold: Hold, names: tuple[str, ...]) -> None:
        bearers = [self._bearers[_key(name)] for name in names]
        up = [one for one in bearers if one.is_up]
        down = [one for one in bearers if one.is_up is False]
        if up:
            addresses = ", ".join(one.address for one in up if one.address)
            called = ", ".join(one.name for one in up)
            hold.tell(Binding(self._protocol, called, addresses))
        elif down and (hold.was_up or len(down) == len(bearers)):
            state = BindingState.LOST if hold.was_up else BindingState.PENDING
            last = down[-1]
            called = ", ".join(names)
            hold.tell(
                Binding(self._protocol, called, state=state, reason=last.reason, detail=last.detail)
            )


def is_any(bearer_type: str | None) -> bool:
    """Whether the profile leaves the bearer to the client."""
    return bearer_type is None or bearer_type.lower() == ANY


def check_options(protocol: str, profile: ConnectionProfile, where: str) -> None:
    """Check what makes no sense outside OTA-PTM, and that the profile is for ``protocol``.

    :raises RegistrationRejected: it names the first option that is not supported.
    """
    if profile.protocol not in (None, protocol):
        raise unsupported(f"{where}.protocol", (profile.protocol or "")[:40])
    for option in _OTHERS:
        if getattr(profile, option) is not None:
            raise unsupported(f"{where}.{option}", f"{option.replace('_', ' ')} with {protocol}")


def unsupported(parameter: str, what: str) -> RegistrationRejected:
    """Return the rejection of an option that is not supported (CAI-26)."""
    detail = f"{what} is not supported"
    return RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, parameter)


def _key(name: str) -> str:
    return name.lower()
