"""Bindings by OTA-HTTP: gateways dial the terminal, or the terminal dials a contact point.

* A profile without a contact point is bound to the listeners that all share (PO-TCP), as is one
  with a contact point alone: that says only from whom pushes are taken (CAI-15).
* With a contact point and a port the terminal dials there (TO-TCP), and keeps the connection.

Either way OTA-HTTP has one set of applications per terminal, so a push application id is unique
among all of them. Registrations from a Push Service Registration may have a scope of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from omapush.cai.model import (
    ConnectionProfile,
    Protocol,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
)
from omapush.client.binding.binder import SHARED, BearerOffer, BindingHold, BindingListener
from omapush.client.binding.binding_hold import Hold
from omapush.client.binding.contact_point import ContactPoint, contact_point_of
from omapush.client.binding.dialled import DialledConnections
from omapush.client.binding.shared_binder import (
    ANY,
    SharedBearers,
    check_options,
    is_any,
    unsupported,
)
from omapush.client.connections.dialling import TCP_IP, Destination
from omapush.ota.http.ports import PUSH_PORT


@dataclass(frozen=True, slots=True)
class HttpPlaces:
    """Where this terminal is.

    :ivar port: that it listens on.
    :ivar addresses: its own address on each bearer that has a name.
    """

    port: int
    addresses: Mapping[str, str] = field(default_factory=dict)


class OtaHttpBinder:
    """OTA-HTTP for registrations. Implements ``client.binding.binder.Binder``.

    :param shared: the listeners, by bearer.
    """

    def __init__(
        self, shared: SharedBearers, connections: DialledConnections, places: HttpPlaces
    ) -> None:
        self._shared = shared
        self._connections = connections
        self._places = places
        self._addresses = {name.lower(): address for name, address in places.addresses.items()}

    @property
    def protocol(self) -> str:
        return Protocol.OTA_HTTP.value

    def offers(self) -> tuple[BearerOffer, ...]:
        return self._shared.offers()

    def is_default(self) -> bool:
        return self._shared.is_default()

    def scope(self, request: RegistrationRequest, profile: ConnectionProfile, where: str) -> str:
        check_options(self.protocol, profile, where)
        names = self._shared.select(profile.bearer_type, where)
        contact = contact_point_of(profile, where)
        if contact is None and profile.port not in (None, self._places.port):
            raise unsupported(f"{where}.port", "a port that is not listened on")
        is_dialled = contact is not None and contact.port is not None
        if not (is_dialled and is_any(profile.bearer_type)):
            self._shared.check_available(names, where)
        return SHARED

    def begin(
        self,
        registration: Registration,
        profile: ConnectionProfile,
        listener: BindingListener,
        server_data: str,
    ) -> BindingHold:
        return self.begin_in_scope(profile, listener, SHARED, server_data)

    def begin_in_scope(
        self,
        profile: ConnectionProfile,
        listener: BindingListener,
        scope: str,
        server_data: str = "",
    ) -> BindingHold:
        """Begin a binding whose pushes say that they come by ``scope``.

        A contact point of an own scope is always dialled, on the standard port if the profile has
        none. Without a contact point, pushes come by the shared listeners and say nothing.
        """
        names = self._shared.named(profile.bearer_type)
        try:
            contact = contact_point_of(profile, "profile")
        except RegistrationRejected as error:
            return self._failed(profile, listener, error.cause, error.detail)
        port = _port_to_dial(contact, scope)
        if contact is None or port is None:
            return self._shared.begin_with(names, profile.bearer_type, listener)
        if not names:  # no such bearer any more, since it was registered
            detail = "the bearer is not set up"
            return self._failed(profile, listener, Reason.UNSUPPORTED_OPTION, detail)
        bearer = TCP_IP if is_any(profile.bearer_type) else names[0]
        address = self._addresses.get(bearer.lower())
        to = Destination(contact, port, bearer, address, scope)
        return self._connections.begin(to, listener, server_data)

    def announce(self) -> None:
        self._shared.announce()
        self._connections.announce()

    async def withdraw(self, server_data: str) -> None:
        """Do nothing: OTA-HTTP has no message for it, the id is missing from what is told next."""

    def _failed(
        self, profile: ConnectionProfile, listener: BindingListener, cause: Reason, detail: str
    ) -> BindingHold:
        hold = Hold(listener, lambda _: None)
        hold.fail(self.protocol, profile.bearer_type or ANY, cause, detail)
        return hold


def _port_to_dial(contact: ContactPoint | None, scope: str) -> int | None:
    if contact is None:
        return None
    return contact.port or (PUSH_PORT if scope != SHARED else None)
