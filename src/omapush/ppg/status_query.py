"""Status query: where is each recipient's push now? (PAP 5.4, 8.8, 8.9; PPG 5.3)"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from omapush.pap.codes import MessageState, StatusCode
from omapush.pap.model import (
    Address,
    StatusQueryMessage,
    StatusQueryResponse,
    StatusQueryResult,
)
from omapush.pap.tolerance import Tolerance
from omapush.ppg.documents import Used, used_quality_of_service
from omapush.ppg.named_recipients import read_named
from omapush.ppg.store.contract import DeliveryRecord, DeliveryState, PushRecord, Store

_PENDING = {
    DeliveryState.QUEUED: "waiting",
    DeliveryState.IN_FLIGHT: "on its way to the client",
    DeliveryState.IN_DOUBT: "may have reached the client; it is not known",
    DeliveryState.HANDED_OVER: "handed over to the bearer, which has not yet reported",
}


async def query_status(
    message: StatusQueryMessage, initiator_id: str, store: Store, tolerance: Tolerance
) -> StatusQueryResponse:
    """Return the response to ``message``: the state just before it is written.

    :param tolerance: how far addresses may be off the grammar.
    :raises StoreUnavailable: the ledger cannot tell.
    """
    record = await store.push(message.push_id, timeline=False)
    if record is None or record.initiator_id != initiator_id:
        # Another initiator's push is as good as none: who may not see it is not told that it is.
        code, desc = StatusCode.PUSH_ID_NOT_FOUND, "no such push is known"
        unknown = StatusQueryResult(MessageState.UNKNOWN, code, desc=desc)
        return StatusQueryResponse(message.push_id, (unknown,))
    named = read_named(message.addresses, tolerance)
    asked = [
        each
        for each in record.deliveries
        # A group is one recipient towards the initiator, whoever is in it (PPG 6).
        if each.part_of is None and (not named.any_given or each.recipient in named.by_recipient)
    ]
    results = [
        _result(record, each, named.by_recipient.get(each.recipient, (each.address,)))
        for each in asked
    ]
    faults = [
        StatusQueryResult(
            MessageState.UNKNOWN, code, tuple(Address(text) for text in addresses), desc=desc
        )
        for (code, desc), addresses in named.faults({each.recipient for each in asked}).items()
    ]
    return StatusQueryResponse(message.push_id, (*_grouped(results), *faults))


def _result(
    record: PushRecord, delivery: DeliveryRecord, addresses: Iterable[str]
) -> StatusQueryResult:
    pending = _PENDING.get(delivery.state)
    return StatusQueryResult(
        message_state=MessageState.PENDING if pending else MessageState(delivery.state.value),
        code=StatusCode.OK if pending else delivery.code or StatusCode.SERVICE_FAILURE,
        addresses=tuple(Address(address) for address in addresses),
        quality_of_service=used_quality_of_service(
            record.control, Used(delivery.confirmed, delivery.network, delivery.bearer)
        ),
        event_time=delivery.event_time,
        desc=pending or delivery.reason or None,
    )


def _grouped(results: Iterable[StatusQueryResult]) -> list[StatusQueryResult]:
    """Let recipients that share everything share one result (PAP 6.1)."""
    groups: dict[StatusQueryResult, list[Address]] = {}
    for result in results:
        groups.setdefault(replace(result, addresses=()), []).extend(result.addresses)
    return [replace(shared, addresses=tuple(listed)) for shared, listed in groups.items()]


def failed(message: StatusQueryMessage, desc: str) -> StatusQueryResponse:
    """Return the response for a gateway that cannot tell just now (PAP 8.9: 3000)."""
    code = StatusCode.INTERNAL_SERVER_ERROR
    return StatusQueryResponse(
        message.push_id, (StatusQueryResult(MessageState.UNKNOWN, code, desc=desc),)
    )
