"""From a registration to its event handler (CAI-8): which kinds are allowed, and to whom.

``exec`` and ``python`` run code with the client's own rights. They are off unless the operator
names them, and then open only to root, to the client's own user and to code in this process:
anybody else would gain rights by them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from omapush.cai.model import Reason, Registration, RegistrationRejected, RegistrationRequest
from omapush.client.handler import Handler
from omapush.client.handlers.address import (
    PARAMETER,
    BusAddress,
    FunctionAddress,
    HandlerAddress,
    LoopbackAddress,
    ProgramAddress,
    SocketAddress,
    parse_address,
)
from omapush.client.handlers.function import function_handler
from omapush.client.handlers.launch import Launcher, LaunchSettings
from omapush.client.handlers.post import Poster
from omapush.client.owner import Owner, OwnerKind

log = structlog.get_logger(__name__)

BusHandlerMaker = Callable[[BusAddress, Owner], Handler]
"""Makes the handler that calls an object on D-Bus, for the owner who registered it."""

_WITH_OUR_RIGHTS = (ProgramAddress.scheme, FunctionAddress.scheme)


@dataclass(frozen=True, slots=True)
class ActivationSettings:
    """What event handlers may be.

    :ivar schemes: kinds that are allowed; one that nothing here can call is not there all the same.
    :ivar post_seconds: patience for a whole request to an application's server.
    """

    schemes: frozenset[str] = frozenset(("unix", "http", "dbus"))
    launch: LaunchSettings = LaunchSettings()
    post_seconds: float = 60


class Activation:
    """The handlers of registrations.

    :param client_uid: the user whom the client runs as.
    :param on_bus: makes the handlers of kind ``dbus``; without it they are not supported.
    """

    def __init__(
        self,
        settings: ActivationSettings,
        client_uid: int,
        on_bus: BusHandlerMaker | None = None,
    ) -> None:
        self._launcher = Launcher(settings.launch)
        self._poster = Poster(settings.post_seconds)
        self._on_bus = on_bus
        without_bus = settings.schemes - {BusAddress.scheme}
        self._schemes = without_bus if on_bus is None else settings.schemes
        self._client_uid = client_uid

    @property
    def schemes(self) -> frozenset[str]:
        """The kinds that registrations may name."""
        return self._schemes

    def check(self, owner: str, request: RegistrationRequest) -> None:
        """Check the event handler of a request; none is fine (T-05).

        :raises RegistrationRejected: ``unsupported_option``: not a kind that is supported here
            (T-06); ``invalid_parameter``: malformed; ``permission_denied``: not for this owner.
        """
        self._handler(owner, request.event_handler)

    def handler_for(self, registration: Registration) -> Handler | None:
        """Return what is called with the pushes of a registration.

        ``None``: the application asks for them itself, or its handler, kept from an earlier life
        with other settings, is not allowed any more.
        """
        try:
            return self._handler(registration.owner, registration.request.event_handler)
        except RegistrationRejected as error:
            log.warning(
                "handler_not_allowed",
                registration_id=registration.registration_id,
                reason=error.detail,
            )
            return None

    def _handler(self, owner_text: str, event_handler: str | None) -> Handler | None:
        address = parse_address(event_handler)
        if address is None:
            return None
        if address.scheme not in self._schemes:
            detail = f"event handlers of kind {address.scheme!r} are not enabled here"
            raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, PARAMETER)
        owner = Owner.of(owner_text)
        if owner.kind is None:
            detail = "who registers is not known, and may have no event handler"
            raise RegistrationRejected(Reason.PERMISSION_DENIED, detail, PARAMETER)
        if address.scheme in _WITH_OUR_RIGHTS and not self._has_our_rights(owner):
            detail = f"event handlers of kind {address.scheme!r} run with the client's rights"
            raise RegistrationRejected(Reason.PERMISSION_DENIED, detail, PARAMETER)
        of_connection = isinstance(address, BusAddress) and address.is_of_connection
        if of_connection and owner.kind is not OwnerKind.DBUS:
            # Nobody knows whose connection it is, but the bus while it registers.
            detail = "only who registers by D-Bus may name a connection"
            raise RegistrationRejected(Reason.INVALID_PARAMETER, detail, PARAMETER)
        return self._made(address, owner)

    def _made(self, address: HandlerAddress, owner: Owner) -> Handler | None:
        match address:
            case ProgramAddress():
                return self._launcher.handler(address)
            case SocketAddress() | LoopbackAddress():
                return self._poster.handler(address, owner.uid)
            case FunctionAddress():
                return function_handler(address)
            case BusAddress():
                return self._on_bus(address, owner) if self._on_bus is not None else None

    def _has_our_rights(self, owner: Owner) -> bool:
        return owner.kind is OwnerKind.IN_PROCESS or owner.uid in (0, self._client_uid)
