"""What passes over the interface (CAI 5): registrations, events, answers and reasons."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from omapush.content.message import Header
from omapush.core.errors import OmapushError
from omapush.core.instants import Instant


class Reason(enum.StrEnum):
    """Why a registration or deregistration was rejected, failed or changed (CAI-26, 41, 48, 56)."""

    INVALID_PARAMETER = "invalid_parameter"
    UNREGISTERED_ID = "unregistered_id"
    ALREADY_REGISTERED = "already_registered"
    NOT_REGISTERED = "not_registered"
    UNSUPPORTED_OPTION = "unsupported_option"
    UNAVAILABLE = "unavailable"
    PERMISSION_DENIED = "permission_denied"
    LIMIT_EXCEEDED = "limit_exceeded"
    DESCRIPTION_INVALID = "description_invalid"
    ADDRESS_IN_USE = "address_in_use"
    NETWORK_ERROR = "network_error"
    TIMEOUT = "timeout"
    REFUSED_BY_SERVER = "refused_by_server"
    NOT_OFFERED_BY_SERVER = "not_offered_by_server"
    SECURITY_FAILURE = "security_failure"
    SERVER_ERROR = "server_error"
    BEARER_LOST = "bearer_lost"
    CANCELLED = "cancelled"
    INTERNAL_ERROR = "internal_error"

    @property
    def retryable(self) -> bool:
        """Whether the same request may fare better later."""
        return self in _RETRYABLE


_RETRYABLE = frozenset(
    (
        Reason.UNAVAILABLE,
        Reason.LIMIT_EXCEEDED,
        Reason.ADDRESS_IN_USE,
        Reason.NETWORK_ERROR,
        Reason.TIMEOUT,
        Reason.SERVER_ERROR,
        Reason.BEARER_LOST,
        Reason.INTERNAL_ERROR,
    )
)


class CaiError(OmapushError):
    """The interface says no. ``parameter`` names what is wrong, e.g. ``profiles[0].port``."""

    def __init__(self, cause: Reason, detail: str, parameter: str | None = None) -> None:
        super().__init__(detail, parameter)
        self.cause = cause
        self.detail = detail
        self.parameter = parameter


class RegistrationRejected(CaiError):
    """A registration request is not accepted; nothing was stored (CAI-20, CAI-26)."""


class DeregistrationRejected(CaiError):
    """A deregistration request is not accepted (CAI-48)."""


class RegistrationFailed(CaiError):
    """An accepted registration did not succeed (CAI-41)."""


class EventGone(CaiError):
    """An event cannot be answered any more, or never could by this caller.

    :ivar settled: it was answered before; otherwise its deadline passed or it never existed.
    """

    def __init__(self, detail: str, *, settled: bool = False) -> None:
        super().__init__(Reason.TIMEOUT, detail)
        self.settled = settled


class CaiVersion(enum.StrEnum):
    """Which version of the interface an application speaks; its requests are judged by it."""

    V1_0 = "1.0"
    V1_1 = "1.1"


class Delivery(enum.StrEnum):
    """What an application prefers when it is not certain whether it has had a push."""

    AT_LEAST_ONCE = "at_least_once"
    """It is handed over again until it is answered; ``event_id`` tells a repetition."""
    AT_MOST_ONCE = "at_most_once"
    """It is never handed over twice, even if the application died over it."""


class Protocol(enum.StrEnum):
    """Push-OTA variants that a connection profile may ask for (CAI-12)."""

    OTA_WSP = "OTA-WSP"
    OTA_HTTP = "OTA-HTTP"
    OTA_SIP = "OTA-SIP"
    OTA_PTM = "OTA-PTM"


@dataclass(frozen=True, slots=True)
class WhitelistEntry:
    """A source of pushes that the application accepts (CAI-9): an address and what kind it is.

    :ivar content_types: only these types from this source; empty means every type.
    """

    addr: str
    type: str | None = None
    content_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConnectionProfile:
    """One option set (CAI-11 to CAI-18); what is ``None`` is left to the client."""

    protocol: str | None = None
    bearer_type: str | None = None
    port: int | None = None
    contact_point: str | None = None
    cb_message_id: str | None = None
    mbms_user_service_description: str | None = None
    bcast_access_info: str | None = None


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """A registration request with every parameter of CAI 5.1.

    :ivar push_application_id: pushApplicationID, a URN or a number.
    :ivar application_id: Application ID, a URI that names the application itself.
    :ivar event_handler: how to reach the application when it does not ask for its events.
    :ivar accept: MIME types wanted; empty means any.
    :ivar instance: distinguishes instances under one push application id (OTA-SIP).
    :ivar delegated_storage: the client's queue on disk takes responsibility for pushes while the
        application is away; otherwise they are refused then.
    :ivar ack_timeout_ms: how long the application may take to accept a push; ``None``: the client's
        default.
    :ivar max_outstanding: pushes that the application has in hand at a time.
    :ivar cai_version: the version that the request was made by; not what the application says but
        by which way in it came.
    """

    push_application_id: str
    application_id: str | None = None
    event_handler: str | None = None
    whitelist: tuple[WhitelistEntry, ...] = ()
    registration_uri: str | None = None
    profiles: tuple[ConnectionProfile, ...] = ()
    accept: tuple[str, ...] = ()
    instance: str | None = None
    delegated_storage: bool = False
    ack_timeout_ms: int | None = None
    delivery: Delivery = Delivery.AT_LEAST_ONCE
    max_outstanding: int = 1
    cai_version: CaiVersion = CaiVersion.V1_1


class RegistrationState(enum.StrEnum):
    """Where a registration is (CAI 5.1, 5.2)."""

    PENDING = "pending"
    REGISTERED = "registered"
    LOST = "lost"
    FAILED = "failed"
    DEREGISTERING = "deregistering"
    DEREGISTER_FAILED = "deregister_failed"
    DEREGISTERED = "deregistered"

    @property
    def is_live(self) -> bool:
        """Whether the registration counts: for uniqueness, dispatch and what is announced."""
        return self in (self.PENDING, self.REGISTERED, self.LOST)


class BindingState(enum.StrEnum):
    """Where a binding of a registration is."""

    PENDING = "pending"
    UP = "up"
    LOST = "lost"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Binding:
    """A way over which pushes for a registration arrive, or are to arrive.

    :ivar address: the client's own, or the gateway's that it is connected with, for people.
    :ivar reason: why it is not up.
    :ivar expires: until when the server keeps it, where a server does.
    """

    protocol: str
    bearer: str
    address: str = ""
    state: BindingState = BindingState.UP
    reason: Reason | None = None
    detail: str = ""
    expires: Instant | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """A registration as the client knows it.

    :ivar registration_id: given by the client, stable over updates and restarts.
    :ivar owner: who registered, as the client established it; never what the application says.
    :ivar push_application_id: the canonical form: the registered URN for a registered number.
    """

    registration_id: str
    owner: str
    push_application_id: str
    request: RegistrationRequest
    state: RegistrationState
    created: Instant
    updated: Instant
    reason: Reason | None = None
    detail: str = ""
    bindings: tuple[Binding, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A registration went from one state to another."""

    registration: Registration
    old: RegistrationState
    new: RegistrationState


class RejectReason(enum.StrEnum):
    """Why an application refuses a push."""

    REFUSED = "refused"
    BUSY = "busy"
    UNSUPPORTED_TYPE = "unsupported_type"
    TRY_LATER = "try_later"


@dataclass(frozen=True, slots=True)
class Accept:
    """The application takes responsibility for the push."""


@dataclass(frozen=True, slots=True)
class Reject:
    """The application refuses the push."""

    reason: RejectReason = RejectReason.REFUSED
    detail: str = ""


Answer = Accept | Reject


@dataclass(frozen=True, slots=True)
class Trust:
    """What is known about the origin of a push (Architecture 6.2).

    :ivar whitelisted: a list is in force and names its source.
    :ivar authenticated: the gateway says that it authenticated the initiator, and is believed.
    :ivar trusted: the gateway vouches for the content, and is believed.
    :ivar signed_by: who signed it, where the bearer carries signatures.
    """

    whitelisted: bool = False
    authenticated: bool = False
    trusted: bool = False
    signed_by: str | None = None


@dataclass(frozen=True, slots=True)
class PushEvent:
    """A push for an application (CAI 5.3): content, type and headers exactly as received.

    :ivar event_id: the same when the same push is handed over again.
    :ivar confirmed: the network waits for the application's answer, until ``deadline``.
    :ivar push_id: the bearer's key, by which it tells a repetition.
    :ivar binding: of its own, over which it came, e.g. a port; empty: one that all share.
    :ivar expires: when the client gives up handing it over; ``None``: with its deadline.
    :ivar delivery_attempt: how often it was handed over, this time included.
    """

    event_id: str
    registration_id: str
    push_application_id: str
    content: bytes
    content_type: str
    headers: tuple[Header, ...]
    protocol: str
    bearer: str
    source: str
    received: Instant
    deadline: Instant
    confirmed: bool = True
    trust: Trust = Trust()
    push_id: str | None = None
    binding: str = ""
    expires: Instant | None = None
    delivery_attempt: int = 1
