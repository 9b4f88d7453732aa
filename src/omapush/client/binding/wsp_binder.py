"""Bindings by OTA-WSP: the bearers that all share, and UDP ports of an application's own.

Shared are the push port over UDP, short messages, and sessions with gateways. A profile that names
another port than the shared one gets that port, and is alone there with its push application id:
its pushes say by which port they came (CAI-23).
"""

from __future__ import annotations

from omapush.cai.model import (
    ConnectionProfile,
    Protocol,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
)
from omapush.client.binding.binder import SHARED, BearerOffer, BindingHold, BindingListener
from omapush.client.binding.own_ports import UDP, OwnPorts
from omapush.client.binding.shared_binder import (
    SharedBearers,
    check_options,
    is_any,
    unsupported,
)
from omapush.ota.wsp.unit_push import PUSH_PORT

SMS = "SMS"
WSP_SESSION = "WSP session"


class OtaWspBinder:
    """OTA-WSP for registrations. Implements ``client.binding.binder.Binder``.

    :param shared: the bearers that all share, by these names: UDP, SMS, WSP session.
    :param shared_port: that all share over UDP; ``None``: there is none.
    :param own_ports: ``None``: no application gets one.
    """

    def __init__(
        self, shared: SharedBearers, shared_port: int | None, own_ports: OwnPorts | None
    ) -> None:
        self._shared = shared
        self._own_ports = own_ports
        self._ports = {SMS: PUSH_PORT}
        if shared_port is not None:
            self._ports[UDP] = shared_port

    @property
    def protocol(self) -> str:
        return Protocol.OTA_WSP.value

    def offers(self) -> tuple[BearerOffer, ...]:
        offers = self._shared.offers()
        if self._own_ports is None or self._shared.named(UDP):
            return offers
        return (*offers, BearerOffer(UDP, available=True))

    def is_default(self) -> bool:
        return self._shared.is_default()

    def scope(self, request: RegistrationRequest, profile: ConnectionProfile, where: str) -> str:
        check_options(self.protocol, profile, where)
        if not self._wants_own_port(profile):
            self._shared.check_available(self._select(profile, where), where)
            return SHARED
        if self._own_ports is None or not _is_udp(profile):
            raise unsupported(f"{where}.port", "an own port there")
        if not 0 < (profile.port or 0) < 65_536:
            detail = f"{where}.port is not from 1 to 65535"
            raise RegistrationRejected(Reason.INVALID_PARAMETER, detail, f"{where}.port")
        return own_scope(profile.port or 0)

    def begin(
        self,
        registration: Registration,
        profile: ConnectionProfile,
        listener: BindingListener,
        server_data: str,
    ) -> BindingHold:
        scope = own_scope(profile.port or 0) if self._wants_own_port(profile) else SHARED
        return self.begin_in_scope(profile, listener, scope)

    def begin_in_scope(
        self,
        profile: ConnectionProfile,
        listener: BindingListener,
        scope: str,
        server_data: str = "",
    ) -> BindingHold:
        """Begin a binding whose pushes say that they come by ``scope``.

        Those by bearers that all share say nothing.
        """
        wants_own = self._wants_own_port(profile) and _is_udp(profile)
        if wants_own and self._own_ports is not None and profile.port is not None:
            return self._own_ports.begin(profile.port, scope, listener)
        names = () if wants_own else self._on_port(profile)
        return self._shared.begin_with(names, profile.bearer_type, listener)

    def announce(self) -> None:
        self._shared.announce()

    async def withdraw(self, server_data: str) -> None:
        """Do nothing: nobody was told of the binding."""

    def _select(self, profile: ConnectionProfile, where: str) -> tuple[str, ...]:
        """Return the shared bearers that a profile allows. :raises RegistrationRejected: none."""
        self._shared.select(profile.bearer_type, where)
        return self._on_port(profile)

    def _on_port(self, profile: ConnectionProfile) -> tuple[str, ...]:
        names = self._shared.named(profile.bearer_type)
        if profile.port is None:
            return names
        return tuple(name for name in names if self._ports.get(name) == profile.port)

    def _wants_own_port(self, profile: ConnectionProfile) -> bool:
        """Whether the profile names a port that is none of those that all share."""
        return profile.port is not None and not self._on_port(profile)


def own_scope(port: int) -> str:
    """Return the scope of an own port."""
    return f"{Protocol.OTA_WSP.value} port {port}"


def _is_udp(profile: ConnectionProfile) -> bool:
    return is_any(profile.bearer_type) or (profile.bearer_type or "").lower() == UDP.lower()
