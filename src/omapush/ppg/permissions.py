"""What an initiator may do, and what the gateway says about its pushes. Pure decisions.

Each judgement is ``None`` (allowed) or a :class:`Refusal`. Its ``desc`` goes to the initiator and
tells what of the submission is not allowed; its ``rule`` goes to the log and tells why. The first
holds nothing of the policy: neither patterns nor limits.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
from dataclasses import dataclass

from omapush.content.application_id import (
    DEFAULT_APPLICATION,
    HEADER,
    ApplicationId,
    outgoing_value,
)
from omapush.content.message import PushMessage as ContentMessage
from omapush.core.instants import Instant
from omapush.ota.interface import PushFlag
from omapush.pap.address import Address
from omapush.pap.codes import StatusCode
from omapush.pap.model import (
    CancelMessage,
    CcqMessage,
    DeliveryMethod,
    Message,
    Priority,
    PushMessage,
    QualityOfService,
    StatusQueryMessage,
)
from omapush.ppg.authentication import Identified
from omapush.ppg.patterns import (
    Filter,
    PatternError,
    check_application_pattern,
    check_media_type_pattern,
    check_recipient_pattern,
    matches,
    recipient_text,
)
from omapush.ppg.provisioning import is_provisioning, media_types

_SHOWN = 80
MAX_REMEMBERED = 256
"""Characters of the longest header whose judgement is remembered."""
"""Characters of the initiator's own words that a refusal repeats."""


class Operation(enum.StrEnum):
    """What an initiator can ask of the gateway (PAP 5)."""

    PUSH = "push"
    REPLACE = "replace"
    CANCEL = "cancel"
    STATUS = "status"
    CAPABILITIES = "capabilities"


METHODS = frozenset(
    (
        DeliveryMethod.CONFIRMED,
        DeliveryMethod.UNCONFIRMED,
        DeliveryMethod.CONFIRMED_WITH_RESPONSE,
        DeliveryMethod.ONESHOT,
    )
)
"""The delivery methods; the other values of the attribute leave the choice to the gateway."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Policy does not allow it.

    :ivar desc: for the initiator: what is not allowed.
    :ivar rule: for the log: the rule that decided, by the name of its setting.
    :ivar retry_after_ms: the same will be allowed later, after about this long.
    """

    desc: str
    rule: str
    code: StatusCode = StatusCode.FORBIDDEN
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Permissions:
    """What one initiator may do. By default everything but provisioning.

    :ivar content_types: on the media type, without parameters.
    :ivar application_ids: on X-Wap-Application-Id, as :class:`ApplicationId` compares.
    :ivar recipients: on the normalised address, ``TYPE:value``.
    :ivar initiator_uris: which initiator URIs the gateway may call authenticated.
    :ivar max_content_octets: size of the largest body; ``None``: whatever the gateway takes.
    :ivar max_recipients: most addresses in one push; ``None``: as many as the gateway takes.
    :ivar max_age_ms: life of a push without deliver-before-timestamp, and the longest life that
        one with it may ask for; ``None``: the gateway's default, and no longest.
    :ivar delivery_methods: those it may ask for; confirmed or unconfirmed is among them.
    :ivar high_priority: whether its wish for high priority counts.
    :ivar provisioning: whether it may send what configures devices; see ``provisioning``.
    :ivar trusted: the gateway vouches for its content (Architecture 6.2, WAP-235 6.2.5).
    :raises PatternError: a pattern could never match, or no delivery method is left.
    """

    operations: frozenset[Operation] = frozenset(Operation)
    content_types: Filter = Filter()
    application_ids: Filter = Filter()
    recipients: Filter = Filter()
    initiator_uris: tuple[str, ...] = ()
    max_content_octets: int | None = None
    max_recipients: int | None = None
    max_age_ms: int | None = None
    delivery_methods: frozenset[DeliveryMethod] = METHODS
    high_priority: bool = True
    provisioning: bool = False
    trusted: bool = False

    def __post_init__(self) -> None:
        for pattern in self.content_types.patterns:
            check_media_type_pattern(pattern)
        for pattern in self.application_ids.patterns:
            check_application_pattern(pattern)
        for pattern in self.recipients.patterns:
            check_recipient_pattern(pattern)
        if self.delivery_methods.isdisjoint((DeliveryMethod.CONFIRMED, DeliveryMethod.UNCONFIRMED)):
            raise PatternError("delivery methods: confirmed or unconfirmed must be allowed")

    @property
    def may_confirm(self) -> bool:
        """Whether a push that leaves the choice to the gateway may be sent confirmed."""
        return DeliveryMethod.CONFIRMED in self.delivery_methods


EVERYTHING = Permissions()
"""The permissions of an initiator about whom the operator says nothing more."""


def operation_of(message: Message) -> Operation | None:
    """Return what ``message`` asks for; ``None`` if no initiator sends it."""
    match message:
        case PushMessage(replace_push_id=None):
            return Operation.PUSH
        case PushMessage():
            return Operation.REPLACE
        case CancelMessage():
            return Operation.CANCEL
        case StatusQueryMessage():
            return Operation.STATUS
        case CcqMessage():
            return Operation.CAPABILITIES
        case _:
            return None


def judge_operation(message: Message, permissions: Permissions) -> Refusal | None:
    """Judge the operation as such (PAP 8.14)."""
    operation = operation_of(message)
    if operation is None or operation in permissions.operations:
        return None
    return Refusal(f"the operation {operation.value} is not allowed", "operations")


def judge_times(
    due_at: Instant, deliver_before: Instant | None, permissions: Permissions
) -> Refusal | None:
    """Judge how long the push wants to be kept (PAP 8.2, 8.6)."""
    longest = permissions.max_age_ms
    if longest is None or deliver_before is None or deliver_before - due_at <= longest:
        return None
    return Refusal("deliver-before-timestamp lies too far ahead", "max_age_hours")


def judge_number(recipients: int, permissions: Permissions) -> Refusal | None:
    """Judge the number of addresses of one push."""
    if permissions.max_recipients is None or recipients <= permissions.max_recipients:
        return None
    return Refusal(f"{recipients} recipients in one push are not allowed", "max_recipients")


def judge_recipient(address: Address, place: str, permissions: Permissions) -> Refusal | None:
    """Judge one recipient; ``place`` names it towards the initiator."""
    rule = permissions.recipients.refuses(recipient_text(address))
    return None if rule is None else Refusal(f"{place} is not allowed", f"recipients: {rule}")


def judge_quality_of_service(
    wish: QualityOfService | None, permissions: Permissions
) -> Refusal | None:
    """Judge the delivery method; a choice left to the gateway is never refused (PAP 8.2.2)."""
    method = None if wish is None else wish.delivery_method
    if wish is None or method not in METHODS or method in permissions.delivery_methods:
        return None
    name = wish.delivery_method.value
    return Refusal(f"delivery-method {name} is not allowed", "delivery_methods")


def judge_content(content: ContentMessage, permissions: Permissions) -> Refusal | None:
    """Judge the content: its size, its media type, and the application that it is for.

    :raises DecodeError: an X-Wap-Application-Id has no legal form.
    """
    longest = permissions.max_content_octets
    size = len(content.body)
    if longest is not None and size > longest:
        return Refusal(f"content of {size} octets is not allowed", "max_content_octets")
    types = tuple(content.get_all("Content-Type"))
    applications = tuple(content.get_all(HEADER))
    # An initiator's headers are the same push for push; long ones are judged without remembering.
    short = all(len(value) <= MAX_REMEMBERED for value in (*types, *applications))
    judged = _judge_headers if short else _judge_headers.__wrapped__
    return judged(types, applications, permissions)


@functools.lru_cache(maxsize=1_024)
def _judge_headers(
    content_types: tuple[str, ...], application_ids: tuple[str, ...], permissions: Permissions
) -> Refusal | None:
    types = tuple(media_types(content_types))
    for media_type in types:
        rule = permissions.content_types.refuses(media_type)
        if rule is not None:
            desc = f"content of type {media_type[:_SHOWN]} is not allowed"
            return Refusal(desc, f"content_types: {rule}")
    applications = _applications(application_ids)
    rule = permissions.application_ids.refuses_application(applications)
    if rule is not None:
        desc = f"content for the application {applications[0].canonical[:_SHOWN]} is not allowed"
        return Refusal(desc, f"application_ids: {rule}")
    if not permissions.provisioning and is_provisioning(types, applications):
        return Refusal("content that provisions a device is not allowed", "provisioning")
    return None


def _applications(values: tuple[str, ...]) -> tuple[ApplicationId, ...]:
    """Return every application that the headers may mean to some client.

    An unregistered URI with a code goes out as that code (PPG 5.1.2.1.2), which may name another
    application than the URI does: both are judged.
    """
    if not values:
        return (ApplicationId(None, DEFAULT_APPLICATION),)
    found = []
    for value in values:
        found += [ApplicationId.parse(value), ApplicationId.parse(outgoing_value(value))]
    return tuple(found)


def granted(message: PushMessage, permissions: Permissions) -> PushMessage:
    """Return ``message`` with the priority that its initiator may have.

    Priority is a wish that nobody has to fulfil (PAP 8.2.2), so it is lowered and not refused.
    """
    wish = message.quality_of_service
    if permissions.high_priority or wish is None or wish.priority is not Priority.HIGH:
        return message
    lowered = dataclasses.replace(wish, priority=Priority.MEDIUM)
    return dataclasses.replace(message, quality_of_service=lowered)


def flags_of(identified: Identified, permissions: Permissions, content: ContentMessage) -> PushFlag:
    """Return what the gateway may say to the client about a push (Architecture 6.2).

    Authenticated: the initiator proved who it is, and the URI by which the push names its
    initiator is one that it may claim; without such a URI there is nothing to claim (WAP-235
    6.2.4). Trusted: by permission of the operator (WAP-235 6.2.5).
    """
    flags = PushFlag.NONE
    if identified.authenticated and all(
        any(matches(pattern, uri) for pattern in permissions.initiator_uris)
        for uri in _initiator_uris(content)
    ):
        flags |= PushFlag.INITIATOR_AUTHENTICATED
    if permissions.trusted:
        flags |= PushFlag.CONTENT_TRUSTED
    return flags


def _initiator_uris(content: ContentMessage) -> tuple[str, ...]:
    # Push Message 5.2: without the header X-Wap-Content-URI stands for it, else Content-Location.
    for name in ("X-Wap-Initiator-URI", "X-Wap-Content-URI", "Content-Location"):
        values = tuple(content.get_all(name))
        if values:
            return values
    return ()
