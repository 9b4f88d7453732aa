"""What is kept of a registration (WAP-235, 7.2.5)."""

from __future__ import annotations

from collections.abc import Mapping

from omapush.content.message import Header
from omapush.core.instants import Instant
from omapush.ota.interface import RegistrationInd
from omapush.ppg.store.contract import RegistrationRecord

MAX_TAGS = 8
"""Tags of one client under which its CPI is kept; the newest."""


def to_record(
    client_id: str,
    registration: RegistrationInd,
    known: Mapping[str, tuple[Header, ...]],
    address: str,
    now: Instant,
) -> RegistrationRecord:
    """Return what is to be kept.

    :param known: CPI by tag, as it was kept before.
    """
    known = dict(known)
    if registration.cpi_tag is not None and registration.cpi:
        known.pop(registration.cpi_tag, None)
        known[registration.cpi_tag] = registration.cpi
    return RegistrationRecord(
        client_id=client_id,
        bearer=registration.bearer_indication or "00",
        seen_at=now,
        terminal_id=registration.terminal_id,
        cpi_tag=registration.cpi_tag,
        cpi=dict(list(known.items())[-MAX_TAGS:]),
        authenticated=registration.authenticated,
        address=address,
    )
