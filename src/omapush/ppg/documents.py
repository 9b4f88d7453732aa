"""The PAP documents that the gateway writes, in the version that the initiator speaks (PAP 9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from omapush.core.instants import Instant
from omapush.pap import entity, xml
from omapush.pap.bad_message import BadMessage
from omapush.pap.codes import MessageState, StatusCode
from omapush.pap.elements import NAMES
from omapush.pap.model import (
    Address,
    BadMessageResponse,
    CancelMessage,
    CancelResponse,
    CancelResult,
    CcqMessage,
    CcqResponse,
    DeliveryMethod,
    Message,
    Pap,
    Priority,
    ProgressNote,
    PushMessage,
    PushResponse,
    QualityOfService,
    ResponseResult,
    ResultNotificationMessage,
    StatusQueryMessage,
    StatusQueryResponse,
    StatusQueryResult,
)
from omapush.pap.versions import PAP_1_0, Negotiation, PapVersion, VersionRange
from omapush.ppg.store.contract import ClaimedNotification

SUPPORTED_VERSIONS = tuple(PapVersion.parse(text) for text in ("2.3", "2.2", "2.1", "2.0", "1.0"))
"""What the gateway speaks, best first."""

XML_TYPE = b"application/xml; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Identity:
    """How the gateway calls itself towards initiators (PAP 8.3)."""

    name: str
    address: str
    product_name: str


@dataclass(frozen=True, slots=True)
class PapAnswer:
    """An answer ready to be sent; ``element`` and ``code`` are for counting and logging.

    :ivar retry_after_ms: the initiator is too fast and may repeat the request after this time.
    """

    document: bytes
    element: str
    code: int
    content_type: bytes = XML_TYPE
    retry_after_ms: int | None = None

    def with_capabilities(self, profile: bytes) -> PapAnswer:
        """Return the answer with a UAProf document as its second part (PAP 7.3)."""
        content_type, body = entity.join(self.document, capabilities=profile)
        return replace(self, document=body, content_type=content_type.encode("ascii"))


def push_response(
    document: Pap,
    message: PushMessage,
    code: StatusCode,
    desc: str,
    identity: Identity,
    now: Instant,
    notes: tuple[ProgressNote, ...] = (),
) -> PapAnswer:
    """Answer a submission (PAP 8.3)."""
    response = PushResponse(
        push_id=message.push_id,
        response_result=ResponseResult(code, desc),
        progress_notes=notes,
        sender_address=identity.address,
        sender_name=identity.name,
        reply_time=now,
    )
    return answer_in_kind(document, response, code, identity)


def refused(document: Pap, code: StatusCode, desc: str, identity: Identity) -> PapAnswer:
    """Refuse an operation other than a submission as a whole, in its own response (PAP 8.14).

    What is no operation of an initiator's has none, and is answered by badmessage-response.
    """
    response: Message
    match document.message:
        case CancelMessage(push_id=push_id):
            response = CancelResponse(push_id, (CancelResult(code, desc),))
        case StatusQueryMessage(push_id=push_id):
            result = StatusQueryResult(MessageState.UNKNOWN, code, desc=desc)
            response = StatusQueryResponse(push_id, (result,))
        case CcqMessage(address=address, query_id=query_id):
            response = CcqResponse(code, address, query_id, desc)
        case _:
            response = BadMessageResponse(StatusCode.BAD_REQUEST, desc)
    return answer_in_kind(document, response, code, identity)


def bad_message(error: BadMessage, identity: Identity, now: Instant) -> PapAnswer:
    """Answer what was not understood, in a version that is spoken here (PAP 8.12).

    A submission, cancellation or status query whose push-id could be read is refused by its own
    response (PPG 5.1.1, PAP 8.14), anything else by a badmessage-response.
    """
    response = _refusal_in_kind(error, identity, now) if error.message_id else None
    if response is None:
        response = BadMessageResponse(error.code, str(error), error.fragment)
    document = Pap(response, error.version, error.owner, _list_for(error), identity.product_name)
    return PapAnswer(xml.encode(document), NAMES[type(response)], error.code)


def _refusal_in_kind(error: BadMessage, identity: Identity, now: Instant) -> Message | None:
    """Return the response of the operation that was not valid, if its push-id suffices for one."""
    push_id, desc = error.message_id or "", str(error)
    match error.operation:
        case "push-message":
            return PushResponse(
                push_id,
                ResponseResult(error.code, desc),
                sender_address=identity.address,
                sender_name=identity.name,
                reply_time=now,
            )
        case "cancel-message":
            return CancelResponse(push_id, (CancelResult(error.code, desc),))
        case "statusquery-message":
            result = StatusQueryResult(MessageState.UNKNOWN, error.code, desc=desc)
            return StatusQueryResponse(push_id, (result,))
        case _:
            return None


def unsupported_version(
    asked: Pap | BadMessage, negotiation: Negotiation, identity: Identity
) -> PapAnswer:
    """Answer a version that this gateway does not speak (PAP 9.3).

    :param asked: the document, or what could be read of it: the rules of another version are not
        known here.
    """
    code = StatusCode.VERSION_NOT_SUPPORTED
    response = BadMessageResponse(code, f"PAP {asked.version} is not supported")
    answer = Pap(
        response,
        negotiation.version,
        asked.owner,
        _OUR_LIST if negotiation.with_list else (),
        identity.product_name,
    )
    return PapAnswer(xml.encode(answer), NAMES[type(response)], code)


def control_facts(document: Pap, message: PushMessage) -> dict[str, object]:
    """Return what later documents about this push must repeat, as JSON-able values.

    The initiator's wishes come back in every result notification (PAP 8.6), in its own PAP version
    and spelling (PAP 9.5).
    """
    facts: dict[str, object] = {"owner": document.owner}
    if _list_for(document):
        facts["listed"] = True
    if message.source_reference is not None:
        facts["source_reference"] = message.source_reference
    wish = message.quality_of_service
    if wish is not None:
        facts["qos"] = {
            "priority": wish.priority.value,
            "network": wish.network,
            "network_required": wish.network_required,
            "bearer": wish.bearer,
            "bearer_required": wish.bearer_required,
            "delivery_method": wish.delivery_method.value,
        }
    return facts


def result_notification(notification: ClaimedNotification, identity: Identity) -> bytes:
    """Write the result notification of a delivery that has ended (PAP 8.6, PPG 5.2)."""
    message = ResultNotificationMessage(
        push_id=notification.push_id,
        message_state=MessageState(notification.state.value),
        code=notification.code,
        address=Address(notification.address),
        quality_of_service=used_quality_of_service(
            notification.control,
            Used(notification.confirmed, notification.network, notification.bearer),
        ),
        sender_address=identity.address,
        sender_name=identity.name,
        received_time=notification.received_at,
        event_time=notification.event_time,
        desc=notification.reason or None,
    )
    document = Pap(
        message,
        PapVersion.parse(notification.pap_version),
        str(notification.control.get("owner", "WAPFORUM")),
        _OUR_LIST if notification.control.get("listed") else (),
        identity.product_name,
    )
    return xml.encode(document)


@dataclass(frozen=True, slots=True)
class Used:
    """How a push was really sent (PAP 8.2.2); network and bearer as far as they have names."""

    confirmed: bool
    network: str | None = None
    bearer: str | None = None


def used_quality_of_service(control: Mapping[str, object], used: Used) -> QualityOfService | None:
    """Return the quality of service as it was, if the submission had one (PAP 8.2.2).

    What the gateway has no name for is repeated as it was wished.

    :param control: what :func:`control_facts` kept of the submission.
    """
    wish = control.get("qos")
    if not isinstance(wish, Mapping):
        return None
    method = DeliveryMethod.CONFIRMED if used.confirmed else DeliveryMethod.UNCONFIRMED
    return QualityOfService(
        priority=Priority(wish["priority"]),
        delivery_method=method,
        network=used.network or wish["network"],
        network_required=wish["network_required"],
        bearer=used.bearer or wish["bearer"],
        bearer_required=wish["bearer_required"],
    )


def answer_in_kind(document: Pap, response: Message, code: int, identity: Identity) -> PapAnswer:
    """Write ``response`` in the version of ``document`` (PAP 9.3).

    :param code: for counting; it stands in the response already.
    """
    answer = Pap(
        response,
        document.version,
        document.owner,
        _list_for(document),
        identity.product_name,
    )
    return PapAnswer(xml.encode(answer), NAMES[type(response)], code)


def _list_for(asked: Pap | BadMessage) -> tuple[VersionRange, ...]:
    """Return our version list, for those alone who are known to speak more than 1.0 (PAP 9.2)."""
    above = asked.version > PAP_1_0 or any(each.above_1_0 for each in asked.supported_versions)
    return _OUR_LIST if above else ()


_OUR_LIST = tuple(VersionRange(version.major, version.minor) for version in SUPPORTED_VERSIONS)
