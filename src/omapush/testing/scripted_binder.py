"""A Push-OTA variant that does as a test tells it, and notes what it was asked for.

It stands for variants that register with a server, as OTA-SIP and OTA-PTM do::

    sip = ScriptedBinder("OTA-SIP", scopes=Scopes.INSTANCE)
    sip.capabilities = agent.capabilities       # so that it notes what would be announced
    sip.answers = [Up(), Failed(Reason.REFUSED_BY_SERVER, "403"), Nothing()]
    ...
    sip.begun[2].up()                           # the third, later
    sip.announced[-1].application_ids           # the set that its server has now
    sip.withdrawals = [Refused(Reason.SERVER_ERROR), Hangs()]

Every ``begin`` uses up one entry of ``answers``, every ``withdraw`` one of ``withdrawals``; beyond
them bindings are up and servers let go.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from omapush.cai.model import (
    Binding,
    BindingState,
    ConnectionProfile,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
)
from omapush.client.binding.binder import SHARED, BearerOffer, BindingFailed, BindingListener
from omapush.core.instants import Instant
from omapush.ota.interface import ClientCapabilities, PushSource
from omapush.protocols.xml import XmlError, parse, refuse_expansion


class Scopes(enum.Enum):
    """Within what push application ids have to be unique."""

    SHARED = "shared"
    """Among all applications."""
    INSTANCE = "instance"
    """Each instance tag for itself, as with OTA-SIP (CAI-22)."""
    BROADCAST = "broadcast"
    """Each broadcast service for itself, as with OTA-PTM (CAI-25)."""


@dataclass(frozen=True, slots=True)
class Up:
    """``begin``: the binding is up at once.

    :ivar server_data: what is kept for ending it.
    """

    server_data: str = ""
    expires: Instant | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """``begin``: the binding fails at once."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Nothing:
    """``begin``: nothing is told until the test does."""


@dataclass(frozen=True, slots=True)
class LetGo:
    """``withdraw``: the server lets go."""


@dataclass(frozen=True, slots=True)
class Refused:
    """``withdraw``: the server refuses, or is away."""

    reason: Reason = Reason.REFUSED_BY_SERVER
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Hangs:
    """``withdraw``: the server does not answer until :meth:`ScriptedBinder.go_on` is called."""


Answer = Up | Failed | Nothing
Withdrawal = LetGo | Refused | Hangs


@dataclass(frozen=True, slots=True)
class Announced:
    """What a server was told.

    :ivar occasion: ``begin``, ``refresh``, ``announce`` or ``withdraw``.
    :ivar registration_id: for which it was told; empty where it was for none in particular.
    :ivar application_ids: the union over all applications at that moment; ``types`` likewise.
    """

    occasion: str
    registration_id: str
    application_ids: tuple[str, ...]
    types: tuple[str, ...]


class ScriptedBinding:
    """A binding that was begun, for the test to play its server. Implements ``BindingHold``."""

    def __init__(
        self,
        binder: ScriptedBinder,
        registration: Registration,
        profile: ConnectionProfile,
        listener: BindingListener,
        server_data: str,
    ) -> None:
        self.registration = registration
        self.profile = profile
        self.server_data = server_data
        self.is_closed = False
        self._binder = binder
        self._listener = listener

    # -- what its server does --

    def up(self, expires: Instant | None = None) -> None:
        """The binding is up."""
        self._tell(BindingState.UP, expires=expires)

    def warned(self, reason: Reason, detail: str = "") -> None:
        """The binding is up, but its server does not give all that was asked for."""
        self._tell(BindingState.UP, reason, detail)

    def lost(self, reason: Reason = Reason.BEARER_LOST, detail: str = "") -> None:
        """The binding is lost and may come back."""
        self._tell(BindingState.LOST, reason, detail)

    def failed(self, reason: Reason, detail: str = "") -> None:
        """The binding cannot be had."""
        self._tell(BindingState.FAILED, reason, detail)

    def keep(self, server_data: str) -> None:
        """Something is to be kept for ending it."""
        self._listener.keep(server_data)

    def trust(self, contact_point: str) -> None:
        """The server has named where pushes come from."""
        self._listener.trust(contact_point)

    def source(self, address: str = "192.0.2.10") -> PushSource:
        """Return the source of a push that comes by this binding."""
        request = self.registration.request
        scope = self._binder.scope(request, self.profile, "profile")
        return PushSource(self._binder.protocol, self._bearer, address, binding=scope)

    # -- BindingHold --

    def refresh(self, registration: Registration) -> None:
        """Note what is to be announced now."""
        self.registration = registration
        self._binder.note("refresh", registration.registration_id)

    async def close(self) -> None:
        """Note it."""
        self.is_closed = True

    @property
    def _bearer(self) -> str:
        return self.profile.bearer_type or self._binder.offers()[0].name

    def _tell(
        self,
        state: BindingState,
        reason: Reason | None = None,
        detail: str = "",
        expires: Instant | None = None,
    ) -> None:
        if self.is_closed:
            raise AssertionError("nothing is told of a binding that was left off")
        protocol = self._binder.protocol
        binding = Binding(protocol, self._bearer, "", state, reason, detail, expires)
        self._listener.changed(binding)


class ScriptedBinder:
    """See the module. Implements ``client.binding.binder.Binder``.

    :ivar answers: to the next calls of ``begin``; ``withdrawals`` to those of ``withdraw``.
    :ivar begun: every binding that was begun, in order.
    :ivar announced: what servers were told, in order.
    :ivar withdrawn: what ``withdraw`` was given, in order, whatever became of it.
    :ivar capabilities: what the agent says that the client takes.
    :ivar available: whether its bearers can be used now (T-16).
    """

    def __init__(
        self,
        protocol: str,
        bearers: Iterable[str] = ("IMS",),
        *,
        default: bool = False,
        scopes: Scopes = Scopes.SHARED,
        answers: Iterable[Answer] = (),
        withdrawals: Iterable[Withdrawal] = (),
    ) -> None:
        self._protocol = protocol
        self._bearers = tuple(bearers)
        self._default = default
        self._scopes = scopes
        self.answers = list(answers)
        self.withdrawals = list(withdrawals)
        self.available = True
        self.begun: list[ScriptedBinding] = []
        self.announced: list[Announced] = []
        self.withdrawn: list[str] = []
        self.capabilities: Callable[[], ClientCapabilities] = ClientCapabilities
        self._going_on = asyncio.Event()

    @property
    def protocol(self) -> str:
        return self._protocol

    def offers(self) -> tuple[BearerOffer, ...]:
        return tuple(BearerOffer(name, self.available) for name in self._bearers)

    def is_default(self) -> bool:
        return self._default

    def scope(self, request: RegistrationRequest, profile: ConnectionProfile, where: str) -> str:
        """See ``client.binding.binder``; a description of no service is refused as that (T-24)."""
        known = {"any", *(name.lower() for name in self._bearers)}
        if (profile.bearer_type or "any").lower() not in known:
            detail = f"{profile.bearer_type} is not supported"
            raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, f"{where}.bearer_type")
        if not self.available:
            detail = f"{self._protocol} is not available now"
            raise RegistrationRejected(Reason.UNAVAILABLE, detail, f"{where}.bearer_type")
        if self._scopes is Scopes.INSTANCE and request.instance is not None:
            return f"instance {request.instance}"
        return _broadcast_scope(profile, where) if self._scopes is Scopes.BROADCAST else SHARED

    def begin(
        self,
        registration: Registration,
        profile: ConnectionProfile,
        listener: BindingListener,
        server_data: str,
    ) -> ScriptedBinding:
        binding = ScriptedBinding(self, registration, profile, listener, server_data)
        self.begun.append(binding)
        self.note("begin", registration.registration_id)
        match self.answers.pop(0) if self.answers else Up():
            case Up(server_data=kept, expires=expires):
                if kept:
                    binding.keep(kept)
                binding.up(expires)
            case Failed(reason=reason, detail=detail):
                binding.failed(reason, detail)
            case Nothing():
                pass
        return binding

    def announce(self) -> None:
        """Note what servers are told now."""
        self.note("announce", "")

    async def withdraw(self, server_data: str) -> None:
        self.withdrawn.append(server_data)
        match self.withdrawals.pop(0) if self.withdrawals else LetGo():
            case Refused(reason=reason, detail=detail):
                raise BindingFailed(reason, detail)
            case Hangs():
                await self._going_on.wait()
            case LetGo():
                pass
        self.note("withdraw", "")

    def go_on(self) -> None:
        """Let servers answer that have not."""
        self._going_on.set()

    def note(self, occasion: str, registration_id: str) -> None:
        """Note what a server is told now."""
        takes = self.capabilities()
        self.announced.append(
            Announced(occasion, registration_id, takes.accept_app_id, takes.accept)
        )


def _broadcast_scope(profile: ConnectionProfile, where: str) -> str:
    if profile.cb_message_id is not None:
        return f"CBS {profile.cb_message_id}"
    if profile.mbms_user_service_description is not None:
        parameter = f"{where}.mbms_user_service_description"
        return f"MBMS {_service_id(profile.mbms_user_service_description, parameter)}"
    return SHARED if profile.bcast_access_info is None else f"BCAST {profile.bcast_access_info}"


def _service_id(description: str, parameter: str) -> str:
    """Return the first ``serviceId`` in a user service description."""
    try:
        refuse_expansion(description)
        elements = parse(description, description.encode()).iter()
        found = next((one.get("serviceId") for one in elements if one.get("serviceId")), None)
    except XmlError as error:
        reason = Reason.DESCRIPTION_INVALID
        raise RegistrationRejected(reason, error.reason, parameter) from error
    if found is None:
        raise RegistrationRejected(Reason.DESCRIPTION_INVALID, "names no service", parameter)
    return str(found)
