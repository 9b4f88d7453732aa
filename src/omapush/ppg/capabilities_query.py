"""Client capabilities query: what does a client take? (PAP 5.5, 8.10, 8.11)

Told is what is known without asking the client: what its latest registration said, completed by
the profile that it named where profiles are fetched. Only a client of which nothing is known is
asked, if its OTA variant lets it be asked at any time, as OTA-SIP does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from omapush.content.uaprof import write_profile
from omapush.core.errors import DecodeError
from omapush.ota.interface import ClientCapabilities
from omapush.pap.address_reading import read_address
from omapush.pap.codes import StatusCode
from omapush.pap.model import CcqMessage, CcqResponse
from omapush.pap.tolerance import Tolerance
from omapush.ppg.capabilities import to_profile
from omapush.ppg.client import Client
from omapush.ppg.finding import Finder
from omapush.ppg.permissions import Permissions, judge_recipient
from omapush.ppg.profiles import Profiles, known_capabilities
from omapush.ppg.store.contract import Store
from omapush.ppg.submission import Named, RejectionError, insist

Inquire = Callable[[Client, str | None], Awaitable[ClientCapabilities | None]]
"""Asks a client what it takes, for an application if one is named; ``None``: it cannot be asked,
or does not say. The wait is bounded."""


async def query_capabilities(
    message: CcqMessage,
    finder: Finder,
    store: Store,
    tolerance: Tolerance,
    permissions: Permissions,
    profiles: Profiles | None = None,
    inquire: Inquire | None = None,
) -> tuple[CcqResponse, bytes | None]:
    """Return the response to ``message`` and, on success, the UAProf document beside it (PAP 7.3).

    :param tolerance: how far the address may be off the grammar.
    :param permissions: whoever may not push to a client is not told about it either.
    :param profiles: completes what registrations said; ``None``: that counts alone.
    :param inquire: asks a client of which nothing is known; ``None``: none is asked.
    :raises StoreUnavailable: the ledger cannot tell.
    """
    try:
        address = read_address(message.address.address_value, tolerance)
    except DecodeError as error:
        return response_to(message, StatusCode.ADDRESS_ERROR, error.reason), None
    named = Named("the client", message.address.address_value, address)
    try:
        insist(judge_recipient(address, named.place, permissions))
        (found,) = await finder.find([named], permissions)
    except RejectionError as error:
        return response_to(message, error.code, error.reason), None
    if found.is_group:
        reason = "a group has no capabilities of its own"
        return response_to(message, StatusCode.CAPABILITIES_NOT_AVAILABLE, reason), None
    registrations = await store.registrations(found.clients[0].client_id)
    known = await known_capabilities(registrations, profiles)
    if known is None and inquire is not None:
        known = await inquire(found.clients[0], message.app_id)
    if known is None:
        reason = "the client is known, its capabilities are not"
        return response_to(message, StatusCode.CAPABILITIES_NOT_AVAILABLE, reason), None
    profile = write_profile(to_profile(known, message.app_id))
    return response_to(message, StatusCode.OK, "OK"), profile


def response_to(message: CcqMessage, code: StatusCode, desc: str) -> CcqResponse:
    """Return a response that repeats the query's id and address."""
    return CcqResponse(code, message.address, message.query_id, desc)
