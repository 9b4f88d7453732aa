"""What passes over the service access point, as types for applications in Python.

The members are described in ``cai/schema.json``. A later client may say more than is written here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict


class WhitelistEntry(TypedDict):
    """A source of pushes that the application accepts."""

    addr: str
    type: NotRequired[str]
    content_types: NotRequired[list[str]]


class Profile(TypedDict, total=False):
    """A connection profile."""

    protocol: str
    bearer_type: str
    port: int | str
    contact_point: str
    cb_message_id: str
    mbms_user_service_description: str
    bcast_access_info: str


class Changes(TypedDict, total=False):
    """What of a registration can be changed; ``None`` is as if never given."""

    event_handler: str | None
    whitelist: list[WhitelistEntry] | None
    accept: list[str] | None
    delegated_storage: bool | None
    ack_timeout: float | None
    delivery: str | None
    max_outstanding: int | None


class RegistrationRequest(Changes):
    """A registration request."""

    push_application_id: str
    application_id: NotRequired[str]
    registration_uri: NotRequired[str]
    profiles: NotRequired[list[Profile]]
    instance: NotRequired[str]


class Binding(TypedDict):
    """A way over which pushes arrive."""

    protocol: str
    bearer: str
    address: str
    state: str
    reason: str | None
    detail: str
    expires: str | None


class Warning(TypedDict):  # noqa: A001 - the interface's own word
    """What is short of perfect about a binding that is up."""

    protocol: str
    reason: str
    detail: str


class Registration(TypedDict):
    """A registration as the client knows it."""

    id: str
    push_application_id: str
    application_id: NotRequired[str]
    event_handler: NotRequired[str]
    whitelist: NotRequired[list[WhitelistEntry]]
    registration_uri: NotRequired[str]
    profiles: NotRequired[list[Profile]]
    accept: NotRequired[list[str]]
    instance: NotRequired[str]
    delegated_storage: NotRequired[bool]
    ack_timeout: NotRequired[float]
    delivery: str
    max_outstanding: int
    state: str
    reason: str | None
    detail: str
    created: str
    updated: str
    cai_version: str
    bindings: list[Binding]
    warnings: list[Warning]
    token: NotRequired[str]


class Application(Registration):
    """A registration as the client's own user sees it."""

    owner: str
    waiting: int
    last_seen: str | None


class Trust(TypedDict):
    """What is known about the origin of a push."""

    whitelisted: bool
    authenticated: bool
    trusted: bool
    signed_by: str | None


class Event(TypedDict):
    """A push."""

    id: str
    registration: str
    push_application_id: str
    content_type: str
    content_type_parameters: dict[str, str]
    headers: list[list[str]]
    size: int
    content_b64: NotRequired[str]
    protocol: str
    bearer: str
    source: str
    received: str
    deadline: str
    confirmed: bool
    trust: Trust
    push_id: str | None
    binding: str
    expires: str | None
    delivery_attempt: int


class Refused(TypedDict):
    """A push that was refused."""

    number: int
    refused: str
    reason: str
    status: int | None
    application: str
    content_type: str
    source: str
    protocol: str
    bearer: str
    push_id: str | None
    content_b64: str
    octets: int


class Gateway(TypedDict):
    """A gateway that the client dials, and how the connection to it stands."""

    name: str
    contact_points: list[str]
    purpose: str
    state: str
    peer: str
    secure: bool
    since: str | None
    next_try: str | None
    ended: str
    ended_at: str | None
    failures: int


class SipGateway(TypedDict):
    """A gateway that is told by OPTIONS what the client takes, and what it has said."""

    uri: str
    told: bool
    said: str


class SipRegistration(TypedDict):
    """How the client is registered at its SIP/IP core."""

    aor: str
    core: str
    state: str
    instance: str
    contact: str
    gruu: str
    tags: list[str]
    applications: list[str]
    instances: list[str]
    expires: str | None
    next_try: str | None
    last_answer: str
    answered_at: str | None
    gateways: list[SipGateway]


class Versions(TypedDict):
    """Versions of the client and of its interface."""

    omapush: str
    api: list[str]
    cai: list[str]


class Info(TypedDict):
    """What a client can do, and its limits."""

    versions: Versions
    protocols: dict[str, Any]
    event_handlers: list[str]
    schema: str
    limits: dict[str, float]


@dataclass(frozen=True, slots=True)
class PushMessage:
    """A message of the stream: a push, leased to its reader."""

    event: Event


@dataclass(frozen=True, slots=True)
class StatusMessage:
    """A message of the stream: a registration has changed.

    :ivar old: ``None``: nothing has changed, this is how it stands.
    """

    registration: Registration
    old: str | None
    new: str


StreamMessage = PushMessage | StatusMessage
