"""The last steps of accepting a push: charge for it, and make it durable.

What is not accepted anew, because it is refused or known already, uses none of the day's quota.
"""

from __future__ import annotations

import structlog

from omapush.core.instants import format_utc
from omapush.pap.codes import StatusCode
from omapush.ppg.authentication import Identified
from omapush.ppg.authorisation import Authorisation
from omapush.ppg.store.contract import (
    Accepted,
    DuplicatePushId,
    NewPush,
    NothingToReplace,
    Store,
    StoreRefused,
    StoreUnavailable,
)
from omapush.ppg.submission import RejectionError, insist

log = structlog.get_logger(__name__)

_NOTHING_TO_REPLACE = {
    # PAP 8.2: who replaces only what is pending has to be told when there is nothing of the kind.
    False: (StatusCode.PUSH_ID_NOT_FOUND, "the push to be replaced is not known"),
    True: (StatusCode.CANCELLATION_NOT_POSSIBLE, "nothing of the push to be replaced waits"),
}


async def admit(
    push: NewPush, initiator: Identified, store: Store, authorisation: Authorisation
) -> bool:
    """Charge for ``push`` and store it; return whether it is new, or repeats an accepted one.

    :raises RejectionError: it is too much, too fast, known already, or cannot be stored.
    """
    initiator_id, recipients = push.initiator_id, len(push.deliveries)
    refusal = authorisation.charge(initiator_id, recipients, push.received_at)
    if refusal is not None and refusal.retry_after_ms is None:
        # Said of a push that was accepted before, 2001 would make its initiator give it up.
        await _refuse_known(push.push_id, store)
    insist(refusal)
    fresh = False
    try:
        fresh = await _make_durable(push, initiator, store)
    finally:
        if not fresh:
            authorisation.give_back(initiator_id, recipients, push.received_at)
    return fresh


async def _refuse_known(push_id: str, store: Store) -> None:
    try:
        known = await store.push(push_id)
    except StoreUnavailable:
        return
    if known is not None:
        reason = "this push-id was accepted before"
        raise RejectionError(StatusCode.DUPLICATE_PUSH_ID, reason)


async def _make_durable(push: NewPush, initiator: Identified, store: Store) -> bool:
    """Store the push; return whether it is new, and not the repetition of an accepted one."""
    try:
        (result,) = await store.accept([push])
    except StoreUnavailable as error:
        log.error("push_not_stored", push_id=push.push_id, reason=error.reason)
        reason = "the gateway cannot store the push now"
        raise RejectionError(StatusCode.INTERNAL_SERVER_ERROR, reason) from error
    except StoreRefused as error:
        raise RejectionError(StatusCode.BAD_REQUEST, error.reason) from error
    match result:
        case Accepted():
            return True
        case NothingToReplace(known=known):
            code, reason = _NOTHING_TO_REPLACE[known]
            raise RejectionError(code, reason)
        case DuplicatePushId():
            same_initiator = result.initiator_id == push.initiator_id
            same_push = same_initiator and result.content_digest == push.content_digest
            if initiator.idempotent_resubmission and same_push:
                return False
            reason = "this push-id was accepted before"
            if same_initiator:
                reason += f", at {format_utc(result.received_at)}"
            raise RejectionError(StatusCode.DUPLICATE_PUSH_ID, reason)
