"""The capabilities entity: what the initiator assumes of clients, and what is known (PAP 10.3).

Each recipient is judged alone (PAP 6.1). A client of which nothing is known contradicts nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from omapush.content.uaprof import Profile, read_profile
from omapush.core.errors import DecodeError
from omapush.pap.codes import StatusCode
from omapush.ppg.capabilities import assumed_mismatch
from omapush.ppg.profiles import Profiles, known_capabilities
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


async def match(
    assumed: Profile, found: Sequence[Found], store: Store, profiles: Profiles | None = None
) -> dict[str, Rejection]:
    """Return the recipients whose clients lack what ``assumed`` says, each with the reason.

    :param profiles: completes what registrations said, within one timeout for all recipients.
    :raises RejectionError: every recipient does.
    :raises StoreUnavailable: what is known cannot be told.
    """
    # The members of a group differ; each is judged when it is served.
    single = [each for each in found if not each.is_group]
    told = [await store.registrations(each.clients[0].client_id) for each in single]
    known = await asyncio.gather(*(known_capabilities(each, profiles) for each in told))
    rejections: dict[str, Rejection] = {}
    for each, capabilities in zip(single, known, strict=True):
        shortfall = capabilities and assumed_mismatch(assumed, capabilities)
        if shortfall:
            rejections[each.recipient] = Rejection(CODE, shortfall)
    if len(rejections) == len(found):
        raise RejectionError(CODE, next(iter(rejections.values())).reason)
    return rejections
