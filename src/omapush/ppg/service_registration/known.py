"""What a client takes by all of its registrations at push services, as one registration record.

Each request tells what one registration takes. Together they are less than what the client tells
when it registers for Push-OTA, so that the record counts only where there is no such.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

from omapush.core.errors import DecodeError
from omapush.core.instants import Instant
from omapush.ota.http import cpi
from omapush.ota.interface import ClientCapabilities
from omapush.ppg.sip.learning import BY_SIP
from omapush.ppg.store.contract import RegistrationRecord
from omapush.ppg.store.service_registration_contract import ServiceRegistrationRecord

AT_PUSH_SERVICES = "service registration"
"""What stands in the place of a bearer: no OTA variant registers by this name."""


def union_record(
    client_id: str, registrations: Sequence[ServiceRegistrationRecord], now: Instant
) -> RegistrationRecord:
    """Return what is known of a client by its registrations; by none: that nothing is."""
    if not registrations:
        return RegistrationRecord(client_id, AT_PUSH_SERVICES, now, None, None)
    # Neither Terminal-ID nor address: they are not those of a terminal on a connection.
    newest = max(registrations, key=lambda one: one.refreshed_at)
    headers = (
        *cpi.to_headers(_union([_capabilities(each) for each in (newest, *registrations)])),
        *((name, value) for name, value in newest.cpi if name.lower() in _OF_PROFILES),
    )
    tag = cpi.tag(headers)
    return RegistrationRecord(
        client_id,
        AT_PUSH_SERVICES,
        newest.refreshed_at,
        None,
        tag,
        {tag: headers},
        newest.authenticated,
    )


def told_on_connection(registrations: Iterable[RegistrationRecord]) -> RegistrationRecord | None:
    """Return the first, which is the newest, that was told on a connection or in a session;
    ``None``: none was.
    """
    return next((one for one in registrations if one.bearer not in _ELSEWHERE), None)


_ELSEWHERE = (AT_PUSH_SERVICES, BY_SIP)
_OF_PROFILES = (cpi.PROFILE, cpi.PROFILE_DIFF)


def _capabilities(registration: ServiceRegistrationRecord) -> ClientCapabilities:
    try:
        return cpi.to_capabilities(registration.cpi)
    except DecodeError:
        return ClientCapabilities()  # kept by an older version that took what this one does not


def _union(told: Sequence[ClientCapabilities]) -> ClientCapabilities:
    """Return the capabilities of the first, with the applications and content types of all."""
    return dataclasses.replace(
        told[0],
        accept=_together(each.accept for each in told),
        accept_app_id=_together(each.accept_app_id for each in told),
    )


def _together(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(itertools.chain.from_iterable(lists)))[: cpi.MAX_ENTRIES]
