"""PAP's elements, one value type each (PAP 8). Attribute names with ``_`` for ``-``."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from omapush.core.instants import Instant
from omapush.pap.codes import MessageState
from omapush.pap.versions import PapVersion, VersionRange


class Priority(enum.StrEnum):
    """How urgently the initiator wants a push delivered (PAP 8.2.2)."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class DeliveryMethod(enum.StrEnum):
    """How the push is to be delivered, or was (PAP 8.2.2). The last two came after PAP 2.0."""

    CONFIRMED = "confirmed"
    PREFERCONFIRMED = "preferconfirmed"
    UNCONFIRMED = "unconfirmed"
    NOTSPECIFIED = "notspecified"
    CONFIRMED_WITH_RESPONSE = "confirmed-with-response"
    ONESHOT = "oneshot"


class ReplaceMethod(enum.StrEnum):
    """To whom a replacing push goes (PAP 8.2)."""

    ALL = "all"
    PENDING_ONLY = "pending-only"


@dataclass(frozen=True, slots=True)
class Address:
    """``address``: a recipient, exactly as the initiator writes it."""

    address_value: str


@dataclass(frozen=True, slots=True)
class QualityOfService:
    """``quality-of-service``: wishes from the initiator, facts from the gateway (PAP 8.2.2)."""

    priority: Priority = Priority.MEDIUM
    delivery_method: DeliveryMethod = DeliveryMethod.NOTSPECIFIED
    network: str | None = None
    network_required: bool = False
    bearer: str | None = None
    bearer_required: bool = False


@dataclass(frozen=True, slots=True)
class PushMessage:
    """``push-message``: the control entity of a submission (PAP 8.2)."""

    push_id: str
    addresses: tuple[Address, ...]
    quality_of_service: QualityOfService | None = None
    replace_push_id: str | None = None
    replace_method: ReplaceMethod = ReplaceMethod.ALL
    deliver_before_timestamp: Instant | None = None
    deliver_after_timestamp: Instant | None = None
    source_reference: str | None = None
    ppg_notify_requested_to: str | None = None
    progress_notes_requested: bool = False


@dataclass(frozen=True, slots=True)
class ProgressNote:
    """``progress-note``: one completed stage (PAP 8.3.1)."""

    stage: str
    note: str | None = None
    time: Instant | None = None


@dataclass(frozen=True, slots=True)
class ResponseResult:
    """``response-result``: the verdict on a submission (PAP 8.3.2)."""

    code: int
    desc: str | None = None


@dataclass(frozen=True, slots=True)
class PushResponse:
    """``push-response``: the answer to a submission (PAP 8.3)."""

    push_id: str
    response_result: ResponseResult
    progress_notes: tuple[ProgressNote, ...] = ()
    sender_address: str | None = None
    sender_name: str | None = None
    reply_time: Instant | None = None


@dataclass(frozen=True, slots=True)
class CancelMessage:
    """``cancel-message``; no address means all recipients (PAP 8.4)."""

    push_id: str
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelResult:
    """``cancel-result`` (PAP 8.5)."""

    code: int
    desc: str | None = None
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """``cancel-response`` (PAP 8.5)."""

    push_id: str
    results: tuple[CancelResult, ...]


@dataclass(frozen=True, slots=True)
class ResultNotificationMessage:
    """``resultnotification-message``: how a push ended for one recipient (PAP 8.6)."""

    push_id: str
    message_state: MessageState
    code: int
    address: Address
    quality_of_service: QualityOfService | None = None
    sender_address: str | None = None
    sender_name: str | None = None
    received_time: Instant | None = None
    event_time: Instant | None = None
    desc: str | None = None


@dataclass(frozen=True, slots=True)
class ResultNotificationResponse:
    """``resultnotification-response`` (PAP 8.7)."""

    push_id: str
    code: int
    address: Address
    desc: str | None = None


@dataclass(frozen=True, slots=True)
class StatusQueryMessage:
    """``statusquery-message``; no address means all recipients (PAP 8.8)."""

    push_id: str
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusQueryResult:
    """``statusquery-result`` (PAP 8.9)."""

    message_state: MessageState
    code: int
    addresses: tuple[Address, ...] = ()
    quality_of_service: QualityOfService | None = None
    event_time: Instant | None = None
    desc: str | None = None


@dataclass(frozen=True, slots=True)
class StatusQueryResponse:
    """``statusquery-response`` (PAP 8.9)."""

    push_id: str
    results: tuple[StatusQueryResult, ...]


@dataclass(frozen=True, slots=True)
class CcqMessage:
    """``ccq-message``: client capabilities query (PAP 8.10)."""

    address: Address
    query_id: str | None = None
    app_id: str | None = None


@dataclass(frozen=True, slots=True)
class CcqResponse:
    """``ccq-response`` (PAP 8.11)."""

    code: int
    address: Address
    query_id: str | None = None
    desc: str | None = None


@dataclass(frozen=True, slots=True)
class BadMessageResponse:
    """``badmessage-response``: the message was not understood (PAP 8.12)."""

    code: int
    desc: str | None = None
    bad_message_fragment: str | None = None


Message = (
    PushMessage
    | PushResponse
    | CancelMessage
    | CancelResponse
    | ResultNotificationMessage
    | ResultNotificationResponse
    | StatusQueryMessage
    | StatusQueryResponse
    | CcqMessage
    | CcqResponse
    | BadMessageResponse
)


@dataclass(frozen=True, slots=True)
class Pap:
    """``pap``: a whole document.

    :ivar owner: the spelling of the public identifier, ``WAPFORUM`` or ``OMA``.
    :ivar supported_versions: what the sender listed in ``wap-pap-ver``; empty: no list.
    :ivar repairs: what a decoder had to tolerate; never written.
    """

    message: Message
    version: PapVersion = PapVersion(2, 0)
    owner: str = "WAPFORUM"
    supported_versions: tuple[VersionRange, ...] = ()
    product_name: str | None = None
    repairs: tuple[str, ...] = ()
