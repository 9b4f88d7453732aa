"""The bindings of one registration, and what follows from them for its state (CAI 5.1).

A registration is registered as soon as one of its bindings is up, lost when none is any more, and
failed when every one has failed for good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from omapush.cai.model import (
    Binding,
    BindingState,
    ConnectionProfile,
    Reason,
    Registration,
    RegistrationState,
)
from omapush.client.binding.binder import SHARED, Binder, BindingHold

MAX_TRUSTED = 16
"""Contact points that the servers of one binding may name."""


@dataclass(frozen=True, slots=True)
class WantedBinding:
    """A binding that a registration is to have; kept on disk with it.

    :ivar protocol: names the binder.
    :ivar scope: see :meth:`~omapush.client.binding.binder.Binder.scope`.
    :ivar server_data: what its binder needs to end it at a server, or to take it up again.
    :ivar trusted: contact points that its server has named.
    """

    protocol: str
    profile: ConnectionProfile = ConnectionProfile()
    scope: str = SHARED
    server_data: str = ""
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What the bindings of a registration say of its state.

    :ivar reason: why it is not registered, or a warning if it is.
    """

    state: RegistrationState
    reason: Reason | None = None
    detail: str = ""


class RegistrationBindings:
    """What one registration is bound by.

    :param changed: is called when a binding has changed; must not block.
    :param keep: is called when what is kept of a binding has changed: its place and itself.
    """

    def __init__(
        self,
        wanted: Sequence[WantedBinding],
        changed: Callable[[], None],
        keep: Callable[[int, WantedBinding], None],
    ) -> None:
        self._changed = changed
        self._keep = keep
        self._places = [_Place(self, number, one) for number, one in enumerate(wanted)]

    @property
    def wanted(self) -> tuple[WantedBinding, ...]:
        """What is to be bound, as it is kept on disk."""
        return tuple(place.wanted for place in self._places)

    @property
    def scopes(self) -> tuple[str, ...]:
        """Within what the push application id has to be unique."""
        return tuple(dict.fromkeys(place.wanted.scope for place in self._places))

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """Every binding as it is now."""
        return tuple(binding for place in self._places for binding in place.told)

    @property
    def granted(self) -> tuple[str, ...]:
        """Contact points that servers have named."""
        return tuple(point for place in self._places for point in place.wanted.trusted)

    def begin(self, registration: Registration, binders: Iterable[Binder]) -> None:
        """Begin every binding."""
        by_protocol = {binder.protocol: binder for binder in binders}
        for place in self._places:
            place.begin(registration, by_protocol.get(place.wanted.protocol))

    def refresh(self, registration: Registration) -> None:
        """Let binders announce a registration that has changed."""
        for place in self._places:
            if place.hold is not None:
                place.hold.refresh(registration)

    async def close(self) -> None:
        """Leave off; servers are not told."""
        for place in self._places:
            await place.close()

    def standing(self) -> Standing:
        """Return what follows from the bindings."""
        told = self.bindings
        up = [one for one in told if one.state is BindingState.UP]
        if up:
            warned = next((one for one in up if one.reason is not None), up[0])
            return Standing(RegistrationState.REGISTERED, warned.reason, warned.detail)
        lost = [one for one in told if one.state is BindingState.LOST]
        if lost:
            return Standing(
                RegistrationState.LOST, lost[0].reason or Reason.BEARER_LOST, lost[0].detail
            )
        if all(place.has_failed for place in self._places):
            failed = told[0] if told else None
            reason = (failed.reason if failed else None) or Reason.UNAVAILABLE
            return Standing(RegistrationState.FAILED, reason, failed.detail if failed else "")
        return Standing(RegistrationState.PENDING)

    def kept(self, number: int, wanted: WantedBinding) -> None:
        """Hand on what is to be kept."""
        self._keep(number, wanted)

    def told(self) -> None:
        """Hand on that something has changed."""
        self._changed()


class _Place:
    """One wanted binding; the listener of its binder. A binder may tell of several bindings."""

    def __init__(self, of: RegistrationBindings, number: int, wanted: WantedBinding) -> None:
        self._of = of
        self._number = number
        self.wanted = wanted
        self._told: dict[int, Binding] = {}
        self.hold: BindingHold | None = None
        self._closed = False

    @property
    def told(self) -> tuple[Binding, ...]:
        return tuple(binding for _, binding in sorted(self._told.items()))

    @property
    def has_failed(self) -> bool:
        return bool(self._told) and all(one.state is BindingState.FAILED for one in self.told)

    def begin(self, registration: Registration, binder: Binder | None) -> None:
        if binder is None:  # the settings had it when the application registered
            detail = f"{self.wanted.protocol} is not set up any more"
            state, reason = BindingState.FAILED, Reason.UNAVAILABLE
            self.changed(Binding(self.wanted.protocol, "", "", state, reason, detail))
            return
        self.hold = binder.begin(registration, self.wanted.profile, self, self.wanted.server_data)

    async def close(self) -> None:
        self._closed = True
        hold, self.hold = self.hold, None
        if hold is not None:
            await hold.close()

    # -- the listener --

    def changed(self, binding: Binding, number: int = 0) -> None:
        """Take what a binder tells."""
        if not self._closed:
            self._told[number] = binding
            self._of.told()

    def keep(self, server_data: str) -> None:
        """Keep what the binder needs at its server."""
        self._note(replace(self.wanted, server_data=server_data))

    def trust(self, contact_point: str) -> None:
        """Take pushes from there, too."""
        trusted = tuple(dict.fromkeys((*self.wanted.trusted, contact_point)))[-MAX_TRUSTED:]
        self._note(replace(self.wanted, trusted=trusted))

    def _note(self, wanted: WantedBinding) -> None:
        if wanted != self.wanted and not self._closed:
            self.wanted = wanted
            self._of.kept(self._number, wanted)
