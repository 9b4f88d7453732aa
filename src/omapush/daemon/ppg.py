"""A running Push Proxy Gateway, from its settings."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from omapush import __version__
from omapush.core.instants import HOUR_MS, MINUTE_MS, SECOND_MS, Instant, later
from omapush.daemon.client_settings import RouteTable
from omapush.daemon.clock import SystemClock
from omapush.daemon.garbage_collection import calm_garbage_collection
from omapush.daemon.open_files import open_files_allowed, raise_open_files
from omapush.daemon.policies import Policies, policies
from omapush.daemon.ppg_service_registration import (
    check_service_registration,
    service_registration_server,
)
from omapush.daemon.profile_settings import profiles_of
from omapush.daemon.serving import HttpServer, listening_socket
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_table import SettingsError, milliseconds
from omapush.daemon.sip import check_sip, longest_sip_push_ms
from omapush.daemon.sip_findings import sip_findings
from omapush.daemon.supervise import stop_on_signals, supervise
from omapush.daemon.terminal_findings import terminal_findings
from omapush.daemon.terminals import check_terminals
from omapush.daemon.tls import tls_options
from omapush.daemon.ways import OpenWays, open_ways, retry_policy
from omapush.daemon.wsp_bearers import longest_submission_ms, smsc_accounts
from omapush.ppg.acceptance import Acceptance
from omapush.ppg.admin import admin_application
from omapush.ppg.delivery import DeliveryLoop, DeliverySettings
from omapush.ppg.documents import Identity
from omapush.ppg.expanding import ExpansionLoop
from omapush.ppg.finding import Finder
from omapush.ppg.http import PapHttpSettings, PapOverHttp
from omapush.ppg.lane import LaneSettings
from omapush.ppg.metrics import Metrics
from omapush.ppg.notification import NotificationLoop, NotificationSettings
from omapush.ppg.notification_sender import HttpNotificationSender
from omapush.ppg.peer_certificate import PeerCertificateProtocol
from omapush.ppg.profiles import Profiles
from omapush.ppg.reports import Reports
from omapush.ppg.routing import RouteRule
from omapush.ppg.service_registration.listing import listing_route
from omapush.ppg.store.contract import PLACED_AT_ONCE, NewPush, Store, StoreUnavailable
from omapush.ppg.store.opening import StoreUrlError, open_store
from omapush.ppg.submission import SubmissionLimits

log = structlog.get_logger(__name__)

LONGEST_LEASE_MS = 10 * MINUTE_MS
"""How long a claim lasts at most, unless a single push may take longer."""
STOP_PATIENCE_MS = 5 * SECOND_MS
PURGE_EVERY_SECONDS = 60
PURGE_AT_A_TIME = 1_000


def check_ppg_settings(settings: PpgSettings) -> list[str]:
    """Check what only composition can see, and return what is good but hardly meant.

    :raises SettingsError: something does not fit.
    """
    clock = SystemClock()
    recipients = policies(settings, clock).recipients
    tls_options(settings.pap)
    smsc_accounts(settings)
    check_service_registration(settings)
    check_terminals(settings)
    check_sip(settings)
    _ledger(settings)
    clients = recipients.clients.values()
    return [
        *terminal_findings(settings, clients, clock(), open_files_allowed()),
        *sip_findings(settings, clients),
    ]


def _ledger(settings: PpgSettings) -> Store:
    try:
        return open_store(settings.store.url)
    except StoreUrlError as error:
        raise SettingsError(f"store.url: {error.reason}") from error


async def run_ppg(settings: PpgSettings) -> None:
    """Run a gateway until it is asked to stop.

    :raises OmapushError: it cannot start, or a part of it failed.
    """
    clock = SystemClock()
    rules = policies(settings, clock)
    clients = rules.recipients.clients.values()
    findings = (
        *terminal_findings(settings, clients, clock(), raise_open_files()),
        *sip_findings(settings, clients),
    )
    for finding in findings:
        log.warning("settings_doubtful", finding=finding)
    store = _ledger(settings)
    await store.open()
    sender = _sender(settings, rules)
    profiles = profiles_of(settings.profiles, clock)
    try:
        await _run(settings, rules, clock, store, sender, profiles)
    finally:
        if profiles is not None:
            await profiles.close()
        await sender.close()
        await rules.resolver.close()
        await store.close()


async def _run(
    settings: PpgSettings,
    rules: Policies,
    clock: SystemClock,
    store: Store,
    sender: HttpNotificationSender,
    profiles: Profiles | None,
) -> None:
    incarnation = secrets.token_hex(8)
    node = settings.gateway.node
    in_doubt = await store.recover(node, incarnation, clock())
    if in_doubt:
        log.warning("recovered", in_doubt=in_doubt, policy=settings.delivery.in_doubt.value)
    owner, metrics, identity = f"{node}/{incarnation}", Metrics(), _identity(settings)
    notifications = NotificationLoop(
        store,
        sender,
        rules.targets,
        identity,
        metrics,
        clock,
        owner,
        _notification_settings(settings),
    )
    deliveries: DeliveryLoop

    def reachable() -> None:
        deliveries.wake()

    reports = Reports(store, metrics, notifications.wake)
    async with open_ways(
        settings,
        rules.recipients,
        store,
        profiles,
        reports,
        reachable,
        clock,
        metrics.registry,
    ) as opened:
        deliveries = DeliveryLoop(
            store,
            rules.recipients,
            opened.ways,
            metrics,
            notifications.wake,
            clock,
            owner,
            _delivery_settings(settings),
        )
        ground = _Ground(settings, rules, clock, store, profiles, metrics, identity, opened)
        async with store.wake_ups(node, deliveries.wake):
            await _serve(ground, deliveries, notifications)
    log.info("gateway_stopped", node=node)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What every part of a running gateway stands on."""

    settings: PpgSettings
    rules: Policies
    clock: SystemClock
    store: Store
    profiles: Profiles | None
    metrics: Metrics
    identity: Identity
    opened: OpenWays


async def _serve(
    ground: _Ground, deliveries: DeliveryLoop, notifications: NotificationLoop
) -> None:
    """Take and deliver pushes until the gateway is asked to stop."""
    settings, store, clock = ground.settings, ground.store, ground.clock
    expansions = ExpansionLoop(store, deliveries.wake)

    def accepted(push: NewPush) -> None:
        deliveries.wake()
        if len(push.deliveries) > PLACED_AT_ONCE:
            expansions.wake()

    front_door = PapOverHttp(
        _acceptance(ground, accepted, notifications.wake),
        ground.rules.initiators,
        ground.metrics,
        _http_settings(settings),
        clock,
    )
    pap = HttpServer(
        front_door,
        [listening_socket(settings.pap.listen)],
        http=PeerCertificateProtocol,
        limit_concurrency=settings.pap.max_connections,
        **tls_options(settings.pap),
    )
    admin = HttpServer(
        admin_application(
            store,
            ground.metrics,
            ground.opened.health,
            [listing_route(store, clock), *ground.opened.pages],
        ),
        [listening_socket(settings.admin.listen)],
    )
    push_services = service_registration_server(settings, store, clock)
    log.info(
        "gateway_started",
        node=settings.gateway.node,
        pap=f"{settings.pap.origin}{settings.pap.paths[0]}",
        admin=f"http://{settings.admin.listen}",
        initiators=len(settings.initiators),
        clients=len(settings.clients),
        smscs=len(settings.smsc),
        sip_core=None if settings.sip.core is None else str(settings.sip.core),
    )
    calm_garbage_collection()
    stopping = asyncio.Event()
    stop_on_signals(stopping)

    async def stop() -> None:
        pap.stop()
        if push_services is not None:
            push_services.stop()
        await deliveries.stop(STOP_PATIENCE_MS)
        admin.stop()

    await supervise(
        {
            "PAP server": pap.run_until_stopped(),
            "admin server": admin.run_until_stopped(),
            **({"push services": push_services.run_until_stopped()} if push_services else {}),
            "delivery loop": deliveries.run(),
            "expansion loop": expansions.run(),
            "notification loop": notifications.run(),
            **{name: run() for name, run in ground.opened.loops.items()},
            "retention": _retention(store, clock, _retention_ms(settings)),
        },
        stop,
        stopping,
    )


def _acceptance(
    ground: _Ground, accepted: Callable[[NewPush], None], notify: Callable[[], None]
) -> Acceptance:
    settings, rules = ground.settings, ground.rules
    return Acceptance(
        ground.store,
        Finder(rules.resolver, rules.recipients),
        rules.targets,
        ground.identity,
        SubmissionLimits(
            settings.pap.max_recipients,
            round(settings.delivery.max_age_hours * HOUR_MS),
            settings.pap.match_capabilities,
        ),
        settings.pap.tolerance.tolerance(),
        ground.clock,
        new_push_key,
        accepted,
        notify,
        rules.authorisation,
        ground.profiles,
        ground.opened.inquire,
    )


def new_push_key(now: Instant) -> str:
    """Return 32 hexadecimal digits: 48 bits of time, then 80 random ones; ascending with time."""
    return f"{now:012x}{secrets.token_hex(10)}"


async def _retention(store: Store, clock: Callable[[], Instant], keep_ms: int) -> None:
    while True:
        await asyncio.sleep(PURGE_EVERY_SECONDS)
        try:
            purged = PURGE_AT_A_TIME
            while purged == PURGE_AT_A_TIME:
                purged = await store.purge(later(clock(), -keep_ms), PURGE_AT_A_TIME)
            await store.forget_service_registrations(clock(), PURGE_AT_A_TIME)
        except StoreUnavailable as error:
            log.warning("ledger_unavailable", reason=error.reason)


def _sender(settings: PpgSettings, rules: Policies) -> HttpNotificationSender:
    timeout_ms = milliseconds(settings.notification.timeout_seconds)
    return HttpNotificationSender(rules.targets, timeout_ms, rules.listeners, rules.listener_tls)


def _identity(settings: PpgSettings) -> Identity:
    default = f"{settings.pap.origin}{settings.pap.paths[0]}"
    address = settings.gateway.address or default
    return Identity(settings.gateway.name, address, f"omapush/{__version__}")


def _http_settings(settings: PpgSettings) -> PapHttpSettings:
    pap = settings.pap
    read_timeout_ms = milliseconds(pap.read_timeout_seconds)
    return PapHttpSettings(tuple(pap.paths), pap.max_entity, read_timeout_ms, pap.success_status)


def _delivery_settings(settings: PpgSettings) -> DeliverySettings:
    table = settings.delivery
    response_ms = milliseconds(table.response_timeout_seconds)
    profile_ms = milliseconds(settings.profiles.timeout_seconds) if settings.profiles.fetch else 0
    submission_ms = max(longest_submission_ms(settings), longest_sip_push_ms(settings))
    margin_ms = max(2 * response_ms + profile_ms, submission_ms)
    lane = LaneSettings(
        retry=retry_policy(settings),
        idle_close_ms=milliseconds(table.idle_close_seconds),
        lease_margin_ms=margin_ms,
        rules=tuple(_route_rule(each) for each in settings.routes),
    )
    return DeliverySettings(
        lane=lane,
        in_flight=table.in_flight,
        per_client=table.per_client,
        # Long enough for a full lane to be worked off answer by slow answer, within reason: what
        # waits longer is put off, and what a dead gateway had waits for the end of the lease.
        lease_ms=max(
            3 * margin_ms,
            min(
                (table.per_client + 3) * max(response_ms + profile_ms, submission_ms),
                LONGEST_LEASE_MS,
            ),
        ),
    )


def _route_rule(table: RouteTable) -> RouteRule:
    return RouteRule(
        table.name,
        tuple(table.clients),
        tuple(table.initiators),
        tuple(table.content_types),
        table.min_octets,
        table.max_octets,
        table.network,
        table.bearer,
    )


def _notification_settings(settings: PpgSettings) -> NotificationSettings:
    table = settings.notification
    # A redirected request may take the patience twice.
    lease_ms = 3 * milliseconds(table.timeout_seconds)
    return NotificationSettings(
        retry_ms=tuple(milliseconds(seconds) for seconds in table.retry_seconds),
        lease_ms=lease_ms,
        max_age_ms=round(table.max_age_hours * HOUR_MS),
    )


def _retention_ms(settings: PpgSettings) -> int:
    return round(settings.store.retention_hours * HOUR_MS)
