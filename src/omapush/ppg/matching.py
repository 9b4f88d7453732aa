"""The capabilities entity: what the initiator assumes of clients, and what is known (PAP 10.3).

Each recipient is judged alone (PAP 6.1). A client of which nothing is known contradicts nobody.
"""

from __future__ import annotations

from collections.abc import Sequence

from omapush.content.uaprof import Profile, read_profile
from omapush.core.errors import DecodeError
from omapush.pap.codes import StatusCode
from omapush.ppg.capabilities import assumed_mismatch, capabilities_of
from omapush.ppg.store.contract import Rejection, Store
from omapush.ppg.submission import Found, RejectionError

CODE = StatusCode.CAPABILITIES_MISMATCH


def assumptions(octets: bytes) -> Profile:
    """Read a capabilities entity. :raises RejectionError: it is no UAProf document."""
    try:
        return read_profile(octets)
    except DecodeError as error:
        reason = f"the capabilities entity: {error.reason}"
        raise RejectionError(StatusCode.BAD_REQUEST, reason) from error


async def match(assumed: Profile, found: Sequence[Found], store: Store) -> dict[str, Rejection]:
    """Return the recipients whose clients lack what ``assumed`` says, each with the reason.

    :raises RejectionError: every recipient does.
    :raises StoreUnavailable: what is known cannot be told.
    """
    rejections: dict[str, Rejection] = {}
    for each in found:
        if each.is_group:
            continue  # its members differ; each is judged when it is served
        shortfall = await _shortfall(assumed, each.clients[0].client_id, store)
        if shortfall is not None:
            rejections[each.recipient] = Rejection(CODE, shortfall)
    if len(rejections) == len(found):
        raise RejectionError(CODE, next(iter(rejections.values())).reason)
    return rejections


async def _shortfall(assumed: Profile, client_id: str, store: Store) -> str | None:
    registrations = await store.registrations(client_id)
    known = next(filter(None, map(capabilities_of, registrations)), None)
    return assumed_mismatch(assumed, known) if known is not None else None
