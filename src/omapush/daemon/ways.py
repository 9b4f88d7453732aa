"""Every way to clients that the gateway's settings ask for, with the bearers under it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

from omapush.bearers.tcp import TcpBearer
from omapush.core.instants import SECOND_MS
from omapush.daemon.clock import SystemClock
from omapush.daemon.push_sessions import push_sessions
from omapush.daemon.settings import PpgSettings
from omapush.daemon.wsp_bearers import datagrams, short_messages
from omapush.ota.http.ppg import HttpPpgSettings
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.profiles import Profiles
from omapush.ppg.recipients import Recipients
from omapush.ppg.reports import Reports
from omapush.ppg.store.contract import Store
from omapush.ppg.terminal_reach import TerminalReachSettings
from omapush.ppg.terminals import Terminals
from omapush.ppg.ways import Ways


@contextlib.asynccontextmanager
async def open_ways(
    settings: PpgSettings,
    recipients: Recipients,
    store: Store,
    profiles: Profiles | None,
    reports: Reports,
    wake: Callable[[], None],
    clock: SystemClock,
) -> AsyncIterator[Ways]:
    """Open the bearers' ports.

    :param reports: takes what bearers tell later of pushes that they took.

    :param wake: is called when something may have become due because a client can be reached.
    :raises BearerUnavailable: a port cannot be had.
    :raises SettingsError: what only the files say does not fit.
    """
    async with (
        datagrams(settings, clock) as udp,
        short_messages(settings, clock, reports) as sms,
        push_sessions(settings.push_sessions, recipients, store, profiles, wake, clock) as sessions,
    ):
        yield Ways(
            store,
            _terminals(settings, clock, profiles),
            clock,
            TerminalReachSettings(
                retry_policy(settings), _ms(settings.delivery.registration_age_seconds)
            ),
            udp,
            sms,
            sessions,
        )


def retry_policy(settings: PpgSettings) -> RetryPolicy:
    """Return how often and how soon deliveries are tried again."""
    table = settings.delivery
    return RetryPolicy(
        first_ms=_ms(table.retry_first_seconds),
        longest_ms=_ms(table.retry_longest_seconds),
        max_sent_attempts=table.max_sent_attempts,
        in_doubt=table.in_doubt,
    )


def _terminals(settings: PpgSettings, clock: SystemClock, profiles: Profiles | None) -> Terminals:
    table = settings.delivery
    session = HttpPpgSettings(response_timeout_ms=_ms(table.response_timeout_seconds))
    connect_timeout_ms = _ms(table.connect_timeout_seconds)
    return Terminals(TcpBearer(clock), session, clock, connect_timeout_ms, profiles)


def _ms(seconds: float) -> int:
    return max(1, round(seconds * SECOND_MS))
