"""Is this push submission acceptable? The checks of PPG 5.1.1 and PAP 8.2, in a fixed order. Pure.

The order follows the cost and the blame: what is wrong with the document comes before what this
gateway cannot do, and that before what its operator forbids. What concerns one
item (a recipient, the content) is forbidden where that item is checked. The first fault is the
answer; a rejected submission leaves nothing behind and does not use up its push-id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from omapush.content.message import PushMessage as ContentMessage
from omapush.core.errors import DecodeError, OmapushError
from omapush.core.instants import DAY_MS, MINUTE_MS, Instant, format_utc, later
from omapush.pap import address as addressing
from omapush.pap.address import Address
from omapush.pap.address_reading import read_address
from omapush.pap.codes import StatusCode
from omapush.pap.model import (
    DeliveryMethod,
    Priority,
    PushMessage,
    QualityOfService,
    ReplaceMethod,
)
from omapush.pap.tolerance import Tolerance
from omapush.ppg import permissions as permitting
from omapush.ppg.client import Client
from omapush.ppg.permissions import EVERYTHING, Permissions, Refusal
from omapush.ppg.priority import HEAD_START_MS
from omapush.ppg.routing import Wish
from omapush.ppg.store.contract import NewDelivery, Replacement

_DEFAULT = Tolerance()

GROUP_GRACE_MS = 5 * MINUTE_MS
"""How long after its expiry a group waits for parts that never ended."""
MAX_PUSH_ID = 1_024
"""Characters of the longest push-id taken; PAP itself sets no limit."""


class RejectionError(OmapushError):
    """The submission is not accepted; ``code`` and ``reason`` go into response-result.

    :ivar rule: the rule of the operator's policy that decided, if one did; for the log only.
    :ivar retry_after_ms: the same submission may succeed after this time.
    """

    def __init__(
        self,
        code: StatusCode,
        reason: str,
        rule: str | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.rule = rule
        self.retry_after_ms = retry_after_ms


def insist(refusal: Refusal | None) -> None:
    """Do nothing if policy allows it. :raises RejectionError: policy does not."""
    if refusal is not None:
        raise RejectionError(refusal.code, refusal.desc, refusal.rule, refusal.retry_after_ms)


@dataclass(frozen=True, slots=True)
class SubmissionLimits:
    """What this gateway takes.

    :ivar max_age_ms: life of a push without deliver-before-timestamp (PAP 8.6: "maximum age").
    :ivar match_capabilities: compare the capabilities entity with what is known (PAP 10.3);
        otherwise it is passed over.
    """

    max_recipients: int = 1_000
    max_age_ms: int = 3 * DAY_MS
    match_capabilities: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A recipient that the submission names.

    :ivar place: where it stands, in words for the initiator.
    :ivar text: the initiator's own address string (PPG 6).
    """

    place: str
    text: str
    address: Address


@dataclass(frozen=True, slots=True)
class Found:
    """A recipient that is served here: one client, or the clients of a group.

    :ivar recipient: the address in its normal form.
    """

    text: str
    recipient: str
    clients: tuple[Client, ...]
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class Examined:
    """What can be said of a submission before its recipients are looked up.

    :ivar due_at: when it may first be delivered.
    :ivar queued_at: what it is queued as due at: earlier for priority high, so that it overtakes.
    :ivar repairs: what had to be forgiven of its addresses; each kind once.
    """

    due_at: Instant
    queued_at: Instant
    expires_at: Instant
    named: tuple[Named, ...]
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """An acceptable submission: who gets it, when, until when, and how."""

    deliveries: tuple[NewDelivery, ...]
    due_at: Instant
    expires_at: Instant
    confirmed: bool
    content: ContentMessage
    replaces: Replacement | None = None


def examine(
    message: PushMessage,
    limits: SubmissionLimits,
    now: Instant,
    permissions: Permissions = EVERYTHING,
    tolerance: Tolerance = _DEFAULT,
) -> Examined:
    """Check what comes before the look-up of recipients, and name them, each once.

    What the operator forbids is judged beside the check that it belongs to: a recipient before it
    is looked up, so that nobody learns by trying who else is served here.

    :raises RejectionError: it is not acceptable.
    """
    if not 0 < len(message.push_id) <= MAX_PUSH_ID:
        raise RejectionError(
            StatusCode.BAD_REQUEST, f"push-id must have 1 to {MAX_PUSH_ID} characters"
        )
    insist(permitting.judge_operation(message, permissions))
    due_at, expires_at = _times(message, limits, permissions, now)
    repairs: dict[str, None] = {}
    named = _named(message, limits, permissions, tolerance, repairs)
    wish = message.quality_of_service
    queued_at = due_at
    if wish is not None and wish.priority is Priority.HIGH and due_at == now:
        queued_at = later(due_at, -HEAD_START_MS)
    return Examined(due_at, queued_at, expires_at, named, tuple(repairs))


def judge(
    message: PushMessage,
    content: ContentMessage | None,
    examined: Examined,
    found: Sequence[Found],
    permissions: Permissions = EVERYTHING,
) -> Judged:
    """Check the rest of a submission whose recipients were found.

    :raises RejectionError: it is not acceptable.
    """
    clients = [client for each in found for client in each.clients]
    wish = message.quality_of_service
    insist(permitting.judge_quality_of_service(wish, permissions))
    confirmed = _quality_of_service(wish, clients) and permissions.may_confirm
    checked = _content(content, permissions)
    return Judged(
        _deliveries(found, examined),
        examined.due_at,
        examined.expires_at,
        confirmed,
        checked,
        _replacement(message),
    )


def _deliveries(found: Sequence[Found], examined: Examined) -> tuple[NewDelivery, ...]:
    """Return a delivery for each recipient, in order, and behind them the parts of groups."""
    recipients: list[NewDelivery] = []
    parts: list[NewDelivery] = []
    due_at = examined.queued_at
    last_resort = later(examined.expires_at, GROUP_GRACE_MS)
    for position, each in enumerate(found):
        text, recipient = each.text, each.recipient
        if not each.is_group:
            client_id = each.clients[0].client_id
            recipients.append(NewDelivery(position, text, client_id, due_at, recipient))
            continue
        members = len(each.clients)
        recipients.append(NewDelivery(position, text, "", last_resort, recipient, members=members))
        start = len(found) + len(parts)
        parts += [
            NewDelivery(number, text, client.client_id, due_at, recipient, part_of=position)
            for number, client in enumerate(each.clients, start=start)
        ]
    return (*recipients, *parts)


def _replacement(message: PushMessage) -> Replacement | None:
    """Return what the push is to replace (PAP 8.2); without replace-push-id the method is idle."""
    earlier = message.replace_push_id
    if earlier is None:
        return None
    if earlier == message.push_id:
        # A replacement is a push of its own, and its push-id is taken by what it would replace.
        raise RejectionError(StatusCode.DUPLICATE_PUSH_ID, "a push cannot replace itself")
    return Replacement(earlier, message.replace_method is ReplaceMethod.PENDING_ONLY)


def _times(
    message: PushMessage, limits: SubmissionLimits, permissions: Permissions, now: Instant
) -> tuple[Instant, Instant]:
    """Return when it is due and when it expires (PAP 8.2, PPG 5.1.2.2.4)."""
    after = message.deliver_after_timestamp
    before = message.deliver_before_timestamp
    due_at = max(now, after) if after is not None else now
    if before is None:
        age_ms = permissions.max_age_ms or limits.max_age_ms
        return Instant(due_at), later(Instant(due_at), age_ms)
    if before <= now:
        raise RejectionError(
            StatusCode.FORBIDDEN, f"deliver-before-timestamp {format_utc(before)} is past"
        )
    if before <= due_at:
        raise RejectionError(
            StatusCode.FORBIDDEN, "deliver-before-timestamp is not after deliver-after-timestamp"
        )
    insist(permitting.judge_times(Instant(due_at), before, permissions))
    return Instant(due_at), before


def _named(
    message: PushMessage,
    limits: SubmissionLimits,
    permissions: Permissions,
    tolerance: Tolerance,
    repairs: dict[str, None],
) -> tuple[Named, ...]:
    """Return each recipient once, with the initiator's own address string (PPG 6)."""
    total = len(message.addresses)
    if total > limits.max_recipients:
        reason = f"{total} addresses, at most {limits.max_recipients} are taken"
        raise RejectionError(StatusCode.MULTIPLE_ADDRESSES_NOT_SUPPORTED, reason)
    insist(permitting.judge_number(total, permissions))
    named: dict[str, Named] = {}
    for number, element in enumerate(message.addresses, start=1):
        place, text = f"recipient {number} of {total}", element.address_value
        try:
            address = _read(text, tolerance, repairs)
        except DecodeError as error:
            reason = f"{place}: {error.reason}"
            raise RejectionError(StatusCode.ADDRESS_ERROR, reason) from error
        insist(permitting.judge_recipient(address, place, permissions))
        named.setdefault(address.recipient_key, Named(place, text, address))
    return tuple(named.values())


def _read(text: str, tolerance: Tolerance, repairs: dict[str, None]) -> Address:
    """Read an address, to the letter first, so that what is forgiven can be named."""
    try:
        return addressing.parse(text, tolerant=False)
    except DecodeError as error:
        address = read_address(text, tolerance)
        repairs[f"address not to the letter: {error.reason}"] = None
        return address


def _quality_of_service(wish: QualityOfService | None, clients: Sequence[Client]) -> bool:
    """Check that the wish can be honoured (PAP 8.2.2); return whether the push is confirmed."""
    if wish is None:
        return True
    if wish.network_required or wish.bearer_required:
        _require_ways(wish, clients)
    match wish.delivery_method:
        case DeliveryMethod.ONESHOT:
            raise RejectionError(StatusCode.ONESHOT_NOT_SUPPORTED, "oneshot is not supported")
        case DeliveryMethod.CONFIRMED_WITH_RESPONSE:
            raise RejectionError(
                StatusCode.SPECIFIED_DELIVERY_METHOD_NOT_POSSIBLE,
                "confirmed-with-response is not supported",
            )
        case DeliveryMethod.UNCONFIRMED:
            return False
        case DeliveryMethod.CONFIRMED:
            _require_confirmation(clients)
            return True
        case _:
            # "As you like" is confirmed where the way to the client allows it.
            return True


def _require_confirmation(clients: Sequence[Client]) -> None:
    """Check that each client has a way over which its application can confirm."""
    if any(not any(contact.confirms for contact in client.contacts) for client in clients):
        raise RejectionError(
            StatusCode.SPECIFIED_DELIVERY_METHOD_NOT_POSSIBLE,
            "no way to the client lets its application confirm",
        )


def _require_ways(wish: QualityOfService, clients: Sequence[Client]) -> None:
    """Check that each client has a way over what is required (WDP appendix C)."""
    network = Wish(wish.network, wish.network_required)
    both = replace(network, bearer=wish.bearer, bearer_required=wish.bearer_required)
    for client in clients:
        over_network = [contact for contact in client.contacts if network.allows(contact)]
        if not over_network:
            code = StatusCode.REQUIRED_NETWORK_NOT_AVAILABLE
            raise RejectionError(code, f"required network {wish.network!r} is not available")
        if not any(both.allows(contact) for contact in over_network):
            code = StatusCode.REQUIRED_BEARER_NOT_AVAILABLE
            raise RejectionError(code, f"required bearer {wish.bearer!r} is not available")


def _content(content: ContentMessage | None, permissions: Permissions) -> ContentMessage:
    if content is None:
        raise RejectionError(StatusCode.BAD_REQUEST, "the submission has no content entity")
    if "/" not in content.media_type:
        raise RejectionError(StatusCode.BAD_REQUEST, "the content entity has no Content-Type")
    try:
        refusal = permitting.judge_content(content, permissions)
    except DecodeError as error:
        raise RejectionError(StatusCode.BAD_REQUEST, error.reason) from error
    insist(refusal)
    return content
