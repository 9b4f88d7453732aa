"""Which bindings a registration asks for, and who makes them (CAI-10 to CAI-18, CAI-26). Pure.

What an application names is what it gets, or it is told by name what cannot be had. What it leaves
out is the client's choice: the settings' own registration address (CAI-30), the device's default
profiles (CAI-33), and every variant that is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from omapush.cai.model import (
    ConnectionProfile,
    Protocol,
    Reason,
    RegistrationRejected,
    RegistrationRequest,
)
from omapush.client.binding.binder import SHARED, Binder
from omapush.client.binding.bindings import WantedBinding


@dataclass(frozen=True, slots=True)
class Ways:
    """What this client can bind registrations by.

    :ivar binders: one for each variant.
    :ivar registrar: carries out the Push Service Registration procedure; ``None``: not here.
    """

    binders: tuple[Binder, ...] = ()
    registrar: Binder | None = None

    @property
    def all(self) -> tuple[Binder, ...]:
        """Every binder."""
        return self.binders if self.registrar is None else (*self.binders, self.registrar)

    def bindings_for(
        self, request: RegistrationRequest, defaults: Sequence[ConnectionProfile] = ()
    ) -> tuple[WantedBinding, ...]:
        """Return what a registration is to be bound by.

        :param defaults: the profiles that the device is provisioned with, the preferred ones first.
        :raises RegistrationRejected: an option is not supported, or not available now.
        """
        found = self._chosen(request, defaults)
        if request.instance is not None and all(one.scope == SHARED for one in found):
            # CAI-22: by these variants a server cannot tell instances apart.
            raise _unsupported("instance", "telling instances under one id apart")
        return found

    def _chosen(
        self, request: RegistrationRequest, defaults: Sequence[ConnectionProfile]
    ) -> tuple[WantedBinding, ...]:
        if request.registration_uri is not None:
            return (self._registration(request),)
        if request.profiles:
            return tuple(
                wanted
                for number, profile in enumerate(request.profiles)
                for wanted in self._profile(request, profile, f"profiles[{number}]")
            )
        if self.registrar is not None and self.registrar.is_default():
            return (self._registration(request),)
        return self._defaults(request, defaults or (ConnectionProfile(),))

    def _registration(self, request: RegistrationRequest) -> WantedBinding:
        where = "registration_uri"
        if self.registrar is None:
            detail = "the Push Service Registration procedure is not supported"
            raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, where)
        profile = ConnectionProfile()
        scope = self.registrar.scope(request, profile, where)
        return WantedBinding(self.registrar.protocol, profile, scope)

    def _profile(
        self, request: RegistrationRequest, profile: ConnectionProfile, where: str
    ) -> tuple[WantedBinding, ...]:
        """Return the bindings for one profile: of the variant that it names, or of any that fit."""
        if profile.protocol is not None:
            binder = self._binder(profile.protocol, f"{where}.protocol")
            return (_wanted(binder, request, profile, where),)
        found, refusal = self._of_defaults(request, profile, where)
        if not found:
            raise refusal or _unsupported(f"{where}.protocol", "a profile that no variant takes")
        return found

    def _defaults(
        self, request: RegistrationRequest, profiles: Sequence[ConnectionProfile]
    ) -> tuple[WantedBinding, ...]:
        """Return the bindings of the device's choice; what is not available now is left out."""
        found: tuple[WantedBinding, ...] = ()
        refusal: RegistrationRejected | None = None
        for profile in profiles:
            if profile.protocol is None:
                more, refused = self._of_defaults(request, profile, "profiles")
                found, refusal = (*found, *more), refused or refusal
                continue
            try:
                binder = self._binder(profile.protocol, "profiles")
                found = (*found, _wanted(binder, request, profile, "profiles"))
            except RegistrationRejected as error:
                refusal = error
        if found:
            return found
        detail = refusal.detail if refusal is not None else "no bearer is available now"
        raise RegistrationRejected(Reason.UNAVAILABLE, detail)

    def _of_defaults(
        self, request: RegistrationRequest, profile: ConnectionProfile, where: str
    ) -> tuple[tuple[WantedBinding, ...], RegistrationRejected | None]:
        """Return the bindings of every default variant that takes a profile, and a refusal."""
        found: list[WantedBinding] = []
        refusal: RegistrationRejected | None = None
        for binder in self.binders:
            if not binder.is_default() or not binder.offers():
                continue
            try:
                found.append(_wanted(binder, request, profile, where))
            except RegistrationRejected as error:
                refusal = error
        return tuple(found), refusal

    def _binder(self, protocol: str, where: str) -> Binder:
        for binder in self.binders:
            if binder.protocol == protocol and binder.offers():
                return binder
        known = protocol in {member.value for member in Protocol}
        what = f"{protocol} is not set up here" if known else "there is no such protocol here"
        raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, what, where)


def _wanted(
    binder: Binder, request: RegistrationRequest, profile: ConnectionProfile, where: str
) -> WantedBinding:
    scope = binder.scope(request, profile, where)
    return WantedBinding(binder.protocol, replace(profile, protocol=binder.protocol), scope)


def _unsupported(parameter: str, what: str) -> RegistrationRejected:
    detail = f"{what} is not supported"
    return RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, parameter)
