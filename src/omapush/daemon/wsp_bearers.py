"""The bearers of OTA-WSP, as far as the gateway's settings ask for them."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Sequence

from omapush.bearers.smsc import PATIENCE_MS, SmscBearer
from omapush.bearers.smsc_account import SmscAccount
from omapush.bearers.udp import UdpBearer
from omapush.core.instants import SECOND_MS
from omapush.daemon.clock import SystemClock
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_table import SettingsError
from omapush.daemon.tls import verifying_context
from omapush.ota.bearer_reports import BearerReport
from omapush.ota.datagrams import Peer
from omapush.ppg.contacts import SmsContact, UdpContact
from omapush.ppg.datagram_reach import Datagrams, DatagramSettings
from omapush.ppg.reports import Reports
from omapush.ppg.unit_push import UnitPushSettings
from omapush.ppg.ways import ShortMessages


@contextlib.asynccontextmanager
async def datagrams(settings: PpgSettings, clock: SystemClock) -> AsyncIterator[Datagrams | None]:
    """Open the port that pushes by UDP come from; ``None``: no client is reached that way.

    :raises BearerUnavailable: the port cannot be had.
    """
    if not _reaches_by_udp(settings):
        yield None
        return
    table, bearer = settings.ota_wsp, UdpBearer(clock)
    endpoint = await bearer.open(table.udp_from.host, table.udp_from.port, _nobody_answers)
    try:
        yield Datagrams(bearer, endpoint, DatagramSettings(unit_push(settings), table.max_datagram))
    finally:
        endpoint.close()


@contextlib.asynccontextmanager
async def short_messages(
    settings: PpgSettings, clock: SystemClock, reports: Reports
) -> AsyncIterator[ShortMessages | None]:
    """Bind to the SMSCs and stay bound; ``None``: there are none.

    :raises SettingsError: what only the files say does not fit.
    """
    if not settings.smsc:
        yield None
        return

    async def keep(told: Sequence[BearerReport]) -> None:
        await reports.take(told)

    bearer = SmscBearer(smsc_accounts(settings), clock, keep, random.random)
    async with bearer.running():
        yield ShortMessages(bearer, settings.ota_wsp.short_messages(unit_push(settings)), reports)


def unit_push(settings: PpgSettings) -> UnitPushSettings:
    """Return how connectionless pushes are written, over whichever bearer."""
    return UnitPushSettings(rules=tuple(table.rule() for table in settings.header_profiles))


def smsc_accounts(settings: PpgSettings) -> list[SmscAccount]:
    """Return the SMSCs. :raises SettingsError: a file cannot be used, or they contradict."""
    names = [table.name for table in settings.smsc]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SettingsError(f"smsc: the name {twice[0]!r} is given twice")
    accounts = []
    for table in settings.smsc:
        context = None
        if table.tls:
            context = verifying_context(table.tls_ca, f"tls_ca of smsc {table.name!r}")
        accounts.append(table.account(context))
    _check_reached(settings, accounts)
    return accounts


def _check_reached(settings: PpgSettings, accounts: Sequence[SmscAccount]) -> None:
    """Check that an SMSC serves whoever is reached by SMS."""
    if not accounts and any(table.numbers for table in settings.subscribers):
        raise SettingsError("subscribers: numbers are reached by SMS, and there is no [[smsc]]")
    for table in settings.clients:
        for way in table.ways():
            where = way.where
            if isinstance(where, SmsContact) and not any(a.serves(where.number) for a in accounts):
                reason = f"client {table.id!r}: no [[smsc]] serves {where.number}"
                raise SettingsError(reason)


def longest_submission_ms(settings: PpgSettings) -> int:
    """Return how long handing a push to an SMSC may take; 0: there are none."""
    return max(
        (PATIENCE_MS + round(each.response_timeout_seconds * SECOND_MS) for each in settings.smsc),
        default=0,
    )


def _reaches_by_udp(settings: PpgSettings) -> bool:
    if any(table.networks for table in settings.subscribers):
        return True
    ways = (way for table in settings.clients for way in table.ways())
    return any(isinstance(way.where, UdpContact) for way in ways)


def _nobody_answers(octets: bytes, peer: Peer) -> None:
    """A connectionless push has no answer; what comes to its port all the same is dropped."""
