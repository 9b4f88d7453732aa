"""Bindings by OTA-SIP: one registration at the core carries the applications of all (CAI 5.1).

Each instance tag is a scope of its own, so that several applications may share a push application
id (CAI-22). A profile whose contact point is a SIP URI names a gateway, which must agree to serve
this user; any other contact point says only from whom pushes are taken (CAI-15).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol as Port

from omapush.cai.model import (
    Binding,
    BindingState,
    ConnectionProfile,
    Protocol,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
)
from omapush.client.binding.binder import SHARED, BearerOffer, BindingHold, BindingListener
from omapush.client.binding.binding_hold import Hold
from omapush.client.binding.shared_binder import check_options, is_any, unsupported
from omapush.client.sip.standing import Applications, Condition, GatewayStanding, Standing
from omapush.core.errors import DecodeError
from omapush.ota.sip.iari import iari_in, value_of

OTA_SIP = Protocol.OTA_SIP.value
IMS = "IMS"
"""The bearer, as connection profiles name it: whatever leads to the core."""
KEPT = "registered"
"""Kept for a binding that has been up: its end is to be told to the core (CAI-49)."""
_SCHEMES = ("sip:", "sips:")


class CoreRegistration(Port):
    """The registration at the core; implemented by ``client.sip.registration``."""

    @property
    def standing(self) -> Standing:
        """How it stands."""

    def gateway(self, uri: str) -> GatewayStanding:
        """Return what a gateway has said."""

    def want(self, applications: Applications, gateways: tuple[str, ...]) -> None:
        """Have the core know these applications; gateways are told as well.

        Also after it was refused. :param gateways: beside those of the settings.
        """

    def announce(self) -> None:
        """What is taken has changed: gateways are told."""

    async def settled(self) -> None:
        """Wait until the core knows what is wanted. :raises BindingFailed: it does not."""


def _instance_scope(instance: str) -> str:
    """Return the scope of an instance tag, which pushes for it have in ``PushSource.binding``.

    :raises RegistrationRejected: it cannot be written as a feature tag.
    """
    try:
        return iari_in(value_of(instance))
    except DecodeError as error:
        detail = f"the instance cannot be an IARI: {error.reason}"
        raise RegistrationRejected(Reason.INVALID_PARAMETER, detail, "instance") from error


class OtaSipBinder:
    """OTA-SIP for registrations. Implements ``client.binding.binder.Binder``.

    :param own: returns the ids that the client takes by itself.
    :param default: registrations without a profile are bound by it.
    """

    def __init__(
        self,
        registration: CoreRegistration,
        own: Callable[[], Iterable[str]] = tuple,
        *,
        default: bool = True,
    ) -> None:
        self._registration = registration
        self._own = own
        self._default = default
        self._bound: dict[Hold, _Bound] = {}

    @property
    def protocol(self) -> str:
        return OTA_SIP

    def offers(self) -> tuple[BearerOffer, ...]:
        is_refused = self._registration.standing.condition is Condition.REFUSED
        return (BearerOffer(IMS, self._is_available() and not is_refused),)

    def is_default(self) -> bool:
        return self._default

    def scope(self, request: RegistrationRequest, profile: ConnectionProfile, where: str) -> str:
        check_options(OTA_SIP, profile, where)
        if not _is_ims(profile):
            what = f"{OTA_SIP} over {(profile.bearer_type or '')[:40]}"
            raise unsupported(f"{where}.bearer_type", what)
        if profile.port is not None:
            raise unsupported(f"{where}.port", "a port of its own")
        if not self._is_available():
            detail = f"{OTA_SIP} is not available now: {self._registration.standing.detail}"
            raise RegistrationRejected(Reason.UNAVAILABLE, detail, f"{where}.bearer_type")
        return SHARED if request.instance is None else _instance_scope(request.instance)

    def begin(
        self,
        registration: Registration,
        profile: ConnectionProfile,
        listener: BindingListener,
        server_data: str,
    ) -> BindingHold:
        hold = Hold(listener, self._leave)
        self._bound[hold] = _Bound(hold, registration, profile, was_up=bool(server_data))
        self._want()
        return hold

    def announce(self) -> None:
        """See ``binder``; ids of the client's own may have come or gone as well."""
        self._want()
        self._registration.announce()

    async def withdraw(self, server_data: str) -> None:
        """Wait until the core has let go: its REGISTER has gone out already."""
        self._want()
        await self._registration.settled()

    # -- towards the registration --

    def changed(self) -> None:
        """The registration, or what a gateway says, has changed."""
        standing = self._registration.standing
        for bound in list(self._bound.values()):
            bound.tell(standing, self._registration)

    def _want(self) -> None:
        requests = [bound.registration for bound in self._bound.values()]
        instances = {one.request.instance for one in requests} - {None}
        ids = {*self._own(), *(one.push_application_id for one in requests)}
        gateways = {one.gateway for one in self._bound.values()} - {None}
        wanted = Applications(tuple(sorted(ids)), tuple(sorted(map(str, instances))))
        self._registration.want(wanted, tuple(sorted(map(str, gateways))))
        self.changed()

    def _leave(self, hold: Hold) -> None:
        if self._bound.pop(hold, None) is not None:
            self._want()

    def _is_available(self) -> bool:
        return self._registration.standing.condition is not Condition.LOST


class _Bound:
    """A binding of one registration.

    :ivar gateway: the one that its profile names, or ``None``.
    """

    def __init__(
        self, hold: Hold, registration: Registration, profile: ConnectionProfile, *, was_up: bool
    ) -> None:
        self.registration = registration
        contact = profile.contact_point or ""
        self.gateway = contact if contact.lower().startswith(_SCHEMES) else None
        self._hold = hold
        self._was_up = was_up

    def tell(self, standing: Standing, core: CoreRegistration) -> None:
        """Tell the application what follows for it."""
        one = self.registration
        match standing.condition:
            case Condition.REGISTERED if standing.applications.have(
                one.push_application_id, one.request.instance
            ):
                self._registered(standing, core)
            case Condition.LOST:
                self._tell_down(standing)
            case Condition.REFUSED if self._was_up:
                self._tell_down(standing)
            case Condition.REFUSED:
                reason = standing.reason or Reason.REFUSED_BY_SERVER
                self._hold.fail(OTA_SIP, IMS, reason, standing.detail)
            case _:
                pass  # the core has not said anything about it yet

    def _registered(self, standing: Standing, core: CoreRegistration) -> None:
        if self.gateway is not None and not self._was_up:
            said = core.gateway(self.gateway)
            if said.refused is not None:
                self._hold.fail(OTA_SIP, IMS, Reason.REFUSED_BY_SERVER, said.refused)
                return
            if not said.is_told:
                return
        if not self._was_up:
            self._hold.keep(KEPT)
        self._was_up = True
        self._hold.tell(Binding(OTA_SIP, IMS, standing.address, expires=standing.expires))

    def _tell_down(self, standing: Standing) -> None:
        state = BindingState.LOST if self._hold.was_up else BindingState.PENDING
        self._hold.tell(
            Binding(OTA_SIP, IMS, "", state, standing.reason, standing.detail, standing.expires)
        )


def _is_ims(profile: ConnectionProfile) -> bool:
    return is_any(profile.bearer_type) or (profile.bearer_type or "").lower() == IMS.lower()
