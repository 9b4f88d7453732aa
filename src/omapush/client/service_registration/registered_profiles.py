"""The bindings of the profiles that a push service has answered with.

Each profile is bound by the binder of its variant. The agent has one listener for all of them, and
tells their bindings apart by number. That one of several profiles has failed is held back until
another has been heard of: until then it looks as if nothing were left.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol, runtime_checkable

from omapush.cai.model import (
    Binding,
    BindingState,
    ConnectionProfile,
    Reason,
    Registration,
    RegistrationRejected,
)
from omapush.client.binding.binder import SHARED, Binder, BindingHold, BindingListener
from omapush.ota.service_registration import RegisteredProfile

_Key = tuple[str, ConnectionProfile]
_Known = tuple[_Key, int]
"""A way, and the number by which its own binder tells its bindings apart."""
_MEMBERS = tuple(member.name for member in fields(ConnectionProfile))


@runtime_checkable
class ScopedBinder(Protocol):
    """A binder that can keep pushes of one binding apart from what all applications share."""

    def begin_in_scope(
        self,
        profile: ConnectionProfile,
        listener: BindingListener,
        scope: str,
        server_data: str = "",
    ) -> BindingHold:
        """Begin as :meth:`Binder.begin` does; pushes name ``scope`` as what they came by."""


@dataclass(frozen=True, slots=True)
class Way:
    """A profile, and the binder that can bind it."""

    binder: Binder
    profile: ConnectionProfile

    @property
    def key(self) -> _Key:
        """What tells it from the other ways of a registration."""
        return self.binder.protocol, self.profile


def ways_for(
    registration: Registration, profiles: Iterable[RegisteredProfile], binders: Sequence[Binder]
) -> tuple[list[Way], list[str]]:
    """Return the ways that can be bound here, best first, and why the others cannot."""
    ways: list[Way] = []
    refused: list[str] = []
    for number, offered in enumerate(profiles):
        profile = ConnectionProfile(**{name: getattr(offered, name) for name in _MEMBERS})
        found = _way(registration, profile, binders, f"profile {number + 1}")
        if isinstance(found, str):
            refused.append(found)
        elif found.key not in [way.key for way in ways]:
            ways.append(found)
    return ways, refused


def provisioned_ways(binders: Sequence[Binder]) -> list[Way]:
    """Return the ways of registrations that ask for none (CAI-33)."""
    return [Way(binder, ConnectionProfile()) for binder in binders if binder.is_default()]


def _way(
    registration: Registration, profile: ConnectionProfile, binders: Sequence[Binder], where: str
) -> Way | str:
    fitting = [
        binder
        for binder in binders
        if binder.offers() and (profile.protocol or binder.protocol) == binder.protocol
    ]
    # Where the service leaves the variant to us, what is used by default goes first.
    fitting.sort(key=lambda binder: not binder.is_default())
    refused = f"{where}: {(profile.protocol or 'no variant')[:40]} is not set up"
    for binder in fitting:
        try:
            binder.scope(registration.request, profile, where)
        except RegistrationRejected as error:
            refused = error.detail if error.detail.startswith(where) else f"{where}: {error.detail}"
        else:
            return Way(binder, profile)
    return refused


class RegisteredProfiles:
    """Holds the bindings of one registration's profiles.

    :param scope: an own one, or :data:`~omapush.client.binding.binder.SHARED`.
    :param keep: is given what the binder of a way wants to be kept.
    """

    def __init__(
        self, scope: str, listener: BindingListener, keep: Callable[[Way, str], None]
    ) -> None:
        self._scope = scope
        self._listener = listener
        self._keep = keep
        self._holds: dict[_Key, BindingHold] = {}
        self._heard: dict[_Known, Binding] = {}
        self._numbers: dict[_Known, int] = {}
        self._held_back: dict[int, Binding] = {}
        self._beginning = False

    @property
    def all_failed(self) -> bool:
        """Whether there were some, and none is left."""
        return bool(self._holds) and not self._any_alive() and not self._any_silent()

    async def become(
        self, registration: Registration, ways: Sequence[Way], kept: Callable[[Way], str]
    ) -> None:
        """Bind these ways and no others; what was bound already stays as it is."""
        wanted = {way.key for way in ways}
        known = dict.fromkeys((*self._holds, *(key for key, _ in self._heard)))
        self._beginning = True
        for way in ways:
            if way.key not in self._holds:
                self._begin(registration, way, kept(way))
        self._beginning = False
        for key in known.keys() - wanted:
            detail = "the push service does not offer it any more"
            await self._end(key, BindingState.FAILED, Reason.NOT_OFFERED_BY_SERVER, detail)
        self._tell_held_back()

    def refresh(self, registration: Registration) -> None:
        """Pass on that the registration, or what the client takes, has changed."""
        for hold in self._holds.values():
            hold.refresh(registration)

    async def lose(self, cause: Reason, detail: str) -> None:
        """Leave off with all of them; they come back when the service registers us again."""
        for key in list(self._holds):
            await self._end(key, BindingState.LOST, cause, detail)

    async def fail(self, cause: Reason, detail: str) -> bool:
        """Leave off with all of them, for good; return whether the agent knew any."""
        known = self._any_alive()
        for key in dict.fromkeys((*self._holds, *(key for key, _ in self._heard))):
            await self._end(key, BindingState.FAILED, cause, detail)
        self._tell_held_back()
        return known

    async def close(self) -> None:
        """Leave off with all of them and tell nothing."""
        holds, self._holds = list(self._holds.values()), {}
        for hold in holds:
            await hold.close()

    def _begin(self, registration: Registration, way: Way, server_data: str) -> None:
        if way.profile.contact_point is not None:
            self._listener.trust(way.profile.contact_point)  # CAI-43: its server has named it
        listener = _WayListener(self, way, self._listener)
        binder = way.binder
        if self._scope != SHARED and isinstance(binder, ScopedBinder):
            hold = binder.begin_in_scope(way.profile, listener, self._scope, server_data)
        else:
            hold = binder.begin(registration, way.profile, listener, server_data)
        self._holds[way.key] = hold

    async def _end(self, key: _Key, state: BindingState, cause: Reason, detail: str) -> None:
        hold = self._holds.pop(key, None)
        if hold is not None:
            await hold.close()
        for known in [one for one in self._heard if one[0] == key]:
            binding = self._heard[known]
            if binding.state is not BindingState.FAILED:
                ended = replace(binding, state=state, reason=cause, detail=detail, expires=None)
                self._hear(known, ended)
            if state is BindingState.FAILED:
                # Its number is free for another, so that there are never more than bindings.
                del self._heard[known], self._numbers[known]

    def _hear(self, known: _Known, binding: Binding) -> None:
        self._heard[known] = binding
        number = self._number_of(known)
        if binding.state is BindingState.FAILED:
            self._held_back[number] = binding
        else:
            self._held_back.pop(number, None)
            self._listener.changed(binding, number)

    def _number_of(self, known: _Known) -> int:
        if known not in self._numbers:
            taken = {*self._numbers.values(), *self._held_back}
            self._numbers[known] = next(one for one in itertools.count() if one not in taken)
        return self._numbers[known]

    # -- for _WayListener --

    def changed(self, way: Way, binding: Binding, number: int) -> None:
        """Hear of a binding of this way."""
        self._hear((way.key, number), binding)
        if not self._beginning:
            self._tell_held_back()

    def keep(self, way: Way, server_data: str) -> None:
        """Hear what is to be kept for this way."""
        self._keep(way, server_data)

    def _any_alive(self) -> bool:
        return any(one.state is not BindingState.FAILED for one in self._heard.values())

    def _any_silent(self) -> bool:
        heard = {key for key, _ in self._heard}
        return any(key not in heard for key in self._holds)

    def _tell_held_back(self) -> None:
        """Tell what has failed, unless all that is left has not been heard of yet."""
        if self._any_silent() and not self._any_alive():
            return
        told, self._held_back = self._held_back, {}
        for number, binding in told.items():
            self._listener.changed(binding, number)


class _WayListener:
    """Hears of one way, for all of them."""

    def __init__(self, profiles: RegisteredProfiles, way: Way, listener: BindingListener) -> None:
        self._profiles = profiles
        self._way = way
        self._listener = listener

    def changed(self, binding: Binding, number: int = 0) -> None:
        """The binding is as it says now."""
        self._profiles.changed(self._way, binding, number)

    def keep(self, server_data: str) -> None:
        """Remember what is needed to end the binding at a server."""
        self._profiles.keep(self._way, server_data)

    def trust(self, contact_point: str) -> None:
        """Take pushes from there."""
        self._listener.trust(contact_point)
