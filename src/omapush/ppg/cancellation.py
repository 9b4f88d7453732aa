"""Cancellation: what an initiator asks to be withdrawn, and what could be (PAP 5.3, PPG 5.4)."""

from __future__ import annotations

from collections.abc import Iterable

from omapush.core.instants import Instant
from omapush.pap.codes import StatusCode
from omapush.pap.model import Address, CancelMessage, CancelResponse, CancelResult
from omapush.pap.tolerance import Tolerance
from omapush.ppg.named_recipients import NamedRecipients, read_named
from omapush.ppg.store.contract import Cancellation, CancelledDelivery, CancelOutcome, Store

REASON = "the initiator cancelled it"

# "cancelled" is said only of what nobody will ever see: all else is refused (PPG 5.4).
_VERDICTS: dict[CancelOutcome, tuple[StatusCode, str]] = {
    CancelOutcome.CANCELLED: (StatusCode.OK, "cancelled"),
    CancelOutcome.ON_ITS_WAY: (
        StatusCode.CANCELLATION_NOT_POSSIBLE,
        "it is on its way to the client, or may be",
    ),
    CancelOutcome.ENDED: (StatusCode.NOT_POSSIBLE, "it had ended before"),
    CancelOutcome.CANCELLED_BEFORE: (StatusCode.NOT_POSSIBLE, "it was cancelled before"),
}


async def cancel(
    message: CancelMessage, initiator_id: str, store: Store, now: Instant, tolerance: Tolerance
) -> CancelResponse:
    """Carry out ``message`` and return its response.

    :param tolerance: how far addresses may be off the grammar.
    :raises StoreUnavailable: nothing is known of what became of it; it may be repeated.
    """
    named = read_named(message.addresses, tolerance)
    wish = Cancellation(message.push_id, initiator_id, now, REASON, frozenset(named.by_recipient))
    # With nothing but unreadable addresses there is nobody left to cancel for; empty means all.
    nobody = bool(message.addresses) and not named.by_recipient
    told = [] if nobody else await store.cancel(wish)
    if told is None:
        unknown = CancelResult(StatusCode.PUSH_ID_NOT_FOUND, "no such push is known")
        return CancelResponse(message.push_id, (unknown,))
    return CancelResponse(message.push_id, _results(named, told))


def _results(named: NamedRecipients, told: list[CancelledDelivery]) -> tuple[CancelResult, ...]:
    """Group recipients by verdict; a verdict on all that names none speaks for all (PAP 8.5)."""
    groups: dict[tuple[StatusCode, str], list[str]] = {}
    for each in told:
        spelled = named.by_recipient.get(each.recipient, (each.address,))
        groups.setdefault(_VERDICTS[each.outcome], []).extend(spelled)
    if not named.any_given and len(groups) == 1:
        ((code, desc),) = groups
        return (CancelResult(code, desc),)
    found = {each.recipient for each in told}
    groups.update(named.faults(found))
    return tuple(
        CancelResult(code, desc, tuple(Address(address) for address in addresses))
        for (code, desc), addresses in groups.items()
    )


def summary_code(results: Iterable[CancelResult]) -> int:
    """Return one code for counting: the first that is no success, else success."""
    codes = [result.code for result in results]
    return next((code for code in codes if code != StatusCode.OK), StatusCode.OK)
