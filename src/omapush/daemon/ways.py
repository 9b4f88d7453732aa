"""Every way to clients that the gateway's settings ask for, with the bearers under it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from starlette.routing import Route

from omapush.daemon.clock import SystemClock
from omapush.daemon.push_sessions import push_sessions
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_table import milliseconds
from omapush.daemon.sip import sip_ways
from omapush.daemon.terminals import terminal_ways
from omapush.daemon.wsp_bearers import datagrams, short_messages
from omapush.ppg.capabilities_query import Inquire
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.profiles import Profiles
from omapush.ppg.recipients import Recipients
from omapush.ppg.reports import Reports
from omapush.ppg.sip.metrics import SipMetrics
from omapush.ppg.store.contract import Store
from omapush.ppg.terminal.metrics import TerminalMetrics
from omapush.ppg.terminal.reach import TerminalReachSettings
from omapush.ppg.ways import Ways


@dataclass(frozen=True, slots=True)
class OpenWays:
    """The ways to clients, and what keeps them open.

    :ivar loops: to be run as long as the ways are used, each by its name.
    :ivar inquire: asks clients what they take; ``None``: no variant has a way to.
    :ivar pages: the operator's, about who is reached by them.
    """

    ways: Ways
    loops: Mapping[str, Callable[[], Coroutine[object, object, None]]]
    healths: Sequence[Callable[[], Sequence[str]]]
    pages: Sequence[Route]
    inquire: Inquire | None = None

    def health(self) -> Sequence[str]:
        """Return lines for people about what carries pushes."""
        return (*self.ways.health(), *(line for health in self.healths for line in health()))


@contextlib.asynccontextmanager
async def open_ways(
    settings: PpgSettings,
    recipients: Recipients,
    store: Store,
    profiles: Profiles | None,
    reports: Reports,
    wake: Callable[[], None],
    clock: SystemClock,
    registry: CollectorRegistry,
) -> AsyncIterator[OpenWays]:
    """Open the bearers' ports.

    :param reports: takes what bearers tell later of pushes that they took.

    :param wake: is called when something may have become due because a client can be reached.
    :param registry: what is counted of terminals and of SIP goes there.
    :raises BearerUnavailable: a port cannot be had.
    :raises SettingsError: what only the files say does not fit.
    """
    async with (
        datagrams(settings, clock) as udp,
        short_messages(settings, clock, reports) as sms,
        push_sessions(settings.push_sessions, recipients, store, profiles, wake, clock) as sessions,
        terminal_ways(
            settings, recipients, store, profiles, wake, clock, TerminalMetrics(registry)
        ) as http,
        sip_ways(
            settings.sip,
            settings.gateway.node,
            recipients,
            store,
            wake,
            clock,
            SipMetrics(registry),
        ) as sip,
    ):
        reach = TerminalReachSettings(
            retry_policy(settings),
            milliseconds(settings.delivery.registration_age_seconds),
            http.request,
            milliseconds(settings.ota_http.ask_again_seconds),
        )
        ways = Ways(store, http.terminals, clock, reach, udp, sms, sessions, http.live, sip.users)
        loops = {"directory of terminals": http.directory}
        yield OpenWays(
            ways, loops, (http.health, sip.health), (http.listing, *sip.pages), sip.inquire
        )


def retry_policy(settings: PpgSettings) -> RetryPolicy:
    """Return how often and how soon deliveries are tried again."""
    table = settings.delivery
    return RetryPolicy(
        first_ms=milliseconds(table.retry_first_seconds),
        longest_ms=milliseconds(table.retry_longest_seconds),
        max_sent_attempts=table.max_sent_attempts,
        in_doubt=table.in_doubt,
    )
