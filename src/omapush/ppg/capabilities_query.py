"""Client capabilities query: what does a client take? (PAP 5.5, 8.10, 8.11)

Told is what is known without asking the client: what its latest registration said.
"""

from __future__ import annotations

from omapush.content.uaprof import write_profile
from omapush.core.errors import DecodeError
from omapush.pap import address as addressing
from omapush.pap.codes import StatusCode
from omapush.pap.model import CcqMessage, CcqResponse
from omapush.ppg.capabilities import capabilities_of, to_profile
from omapush.ppg.recipients import Recipients
from omapush.ppg.store.contract import Store


async def query_capabilities(
    message: CcqMessage, recipients: Recipients, store: Store, *, tolerant: bool
) -> tuple[CcqResponse, bytes | None]:
    """Return the response to ``message`` and, on success, the UAProf document beside it (PAP 7.3).

    :param tolerant: read an address that does not keep to the grammar.
    :raises StoreUnavailable: the ledger cannot tell.
    """
    try:
        address = addressing.parse(message.address.address_value, tolerant=tolerant)
    except DecodeError as error:
        return response_to(message, StatusCode.ADDRESS_ERROR, error.reason), None
    client = recipients.resolve(address)
    if client is None:
        return response_to(message, StatusCode.ADDRESS_ERROR, "it is not served here"), None
    registrations = await store.registrations(client.client_id)
    # The newest that says something: an older one on another bearer may know more, but not better.
    known = next(filter(None, map(capabilities_of, registrations)), None)
    if known is None:
        reason = "the client is known, its capabilities are not"
        return response_to(message, StatusCode.CAPABILITIES_NOT_AVAILABLE, reason), None
    profile = write_profile(to_profile(known, message.app_id))
    return response_to(message, StatusCode.OK, "OK"), profile


def response_to(message: CcqMessage, code: StatusCode, desc: str) -> CcqResponse:
    """Return a response that repeats the query's id and address."""
    return CcqResponse(code, message.address, message.query_id, desc)
