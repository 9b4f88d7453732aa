"""A running Push Client, from its settings."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from omapush.cai.model import Registration, WhitelistEntry
from omapush.client.agent import ClientLimits, ClientRules, PushClient
from omapush.client.binding.choice_of_binders import Ways
from omapush.client.handlers.activation import Activation
from omapush.client.service_point.content_routes import ClientContent
from omapush.client.service_point.gateway_routes import gateway_routes
from omapush.client.service_point.peer_credentials import PeerCredentialsProtocol
from omapush.client.service_point.point import ServicePoint
from omapush.client.service_point.requests import guarded, read_body
from omapush.client.service_point.sip_routes import sip_routes
from omapush.client.service_point.trust_routes import trust_routes
from omapush.client.sia import SessionInitiationApplication
from omapush.client.sip.identity import kept_instance
from omapush.client.static_registrations import StaticRegistrations
from omapush.client.store import ClientStore
from omapush.client.trust.lists import SourceTrust
from omapush.core.instants import SECOND_MS
from omapush.daemon.built_in import built_in_application
from omapush.daemon.client_binders import ClientBinders
from omapush.daemon.client_dbus import applications_on_dbus, offering_on_dbus
from omapush.daemon.client_sessions import holding_sessions
from omapush.daemon.client_sip import new_instance
from omapush.daemon.client_sip_settings import ClientSipTable
from omapush.daemon.clock import SystemClock
from omapush.daemon.garbage_collection import calm_garbage_collection
from omapush.daemon.gateway_settings import GatewayEntryTable
from omapush.daemon.modem_client import receiving_short_messages
from omapush.daemon.reloading import keep_loaded
from omapush.daemon.service_registration import registering_at_services
from omapush.daemon.serving import HttpServer, ListenError
from omapush.daemon.session_initiation import (
    WspSessionOpener,
    session_openers,
    sia_settings,
)
from omapush.daemon.settings import ClientSettings, WhitelistTable
from omapush.daemon.supervise import Part, stop_on_signals, supervise
from omapush.daemon.system_users import SystemUsers
from omapush.ota.interface import ClientCapabilities

if TYPE_CHECKING:
    from omapush.client.dbus.applications import Applications

log = structlog.get_logger(__name__)

SOCKET_MODE = 0o660
MAX_CONNECTIONS = 4_096
"""Open at a time at the service access point."""


@dataclass(frozen=True, slots=True)
class _Running:
    """The parts of a client that others talk to."""

    settings: ClientSettings
    clock: SystemClock
    store: ClientStore
    trust: SourceTrust
    agent: PushClient
    binders: ClientBinders
    opener: WspSessionOpener
    applications: Applications | None
    activation: Activation


async def run_client(settings: ClientSettings) -> None:
    """Run a client until it is asked to stop.

    :raises OmapushError: it cannot start, or a part of it failed.
    """
    async with (
        _agent(settings) as running,
        built_in_application(settings, running.clock, running.agent) as content,
    ):
        await _run(running, content)


@contextlib.asynccontextmanager
async def _agent(settings: ClientSettings) -> AsyncIterator[_Running]:
    """Start the client itself: its file, its rules, and the ways that it binds by."""
    clock = SystemClock()
    store = ClientStore(settings.store.path)
    await store.open()
    try:
        async with _trust(settings, store, clock) as trust:
            instance = await kept_instance(store.file, new_instance)
            binders = ClientBinders(
                settings, clock, profiles=trust.default_profiles, instance=instance
            )
            wsp_opener = WspSessionOpener()
            connections = binders.connections
            opener = session_openers(settings.sia, wsp_opener, connections, binders.sip_opener)
            may_ask = connections.knows if settings.gateways else None
            limits = _limits(settings)

            applications = applications_on_dbus(settings.dbus)
            on_bus = applications.handler_at if applications is not None else None
            activation = settings.cai.handlers.activation(on_bus)

            def registered() -> set[str]:
                return agent.applications()

            def live() -> list[Registration]:
                return agent.live_registrations()

            rules = ClientRules(
                judge=trust,
                policy=settings.cai.registration_policy(SystemUsers(), live),
                activation=activation,
                default_profiles=trust.profiles,
                own=[
                    SessionInitiationApplication(
                        sia_settings(settings.sia, may_ask),
                        opener,
                        clock,
                        registered,
                    )
                ],
            )
            agent = PushClient(store, clock, limits, rules)
            binders.give_pushes_to(agent, lambda: own_at_core(agent, settings))
            async with registering_at_services(
                settings.service_registration,
                settings.terminal.id,
                limits.capabilities,
                binders.binders,
                clock,
            ) as registrar:
                await agent.start(Ways(binders.binders, registrar))
                try:
                    yield _Running(
                        settings=settings,
                        clock=clock,
                        store=store,
                        trust=trust,
                        agent=agent,
                        binders=binders,
                        opener=wsp_opener,
                        applications=applications,
                        activation=activation,
                    )
                finally:
                    await agent.close()
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def _trust(
    settings: ClientSettings, store: ClientStore, clock: SystemClock
) -> AsyncIterator[SourceTrust]:
    """Judge sources by the settings' lists and gateways, and by the lists that the file keeps."""
    table = settings.whitelist
    trust = SourceTrust(
        store.file,
        clock,
        config=device_list(table),
        gateways=[*gateway_entries(settings.gateways), *sip_entries(settings.ota_sip)],
        believe_gateways=table.believe_gateways,
        country_code=table.country_code,
    )
    await trust.load()
    try:
        yield trust
    finally:
        await trust.close()


async def _run(running: _Running, content: ClientContent) -> None:
    settings, agent, bearers = running.settings, running.agent, running.binders.wsp_bearers
    stopping = asyncio.Event()
    stop_on_signals(stopping)
    parts: dict[str, Part] = {}
    servers: list[HttpServer] = []
    points: list[ServicePoint] = []
    async with (
        offering_on_dbus(settings.dbus, agent, running.applications) as dbus_parts,
        running.binders.open(),
        receiving_short_messages(settings.modem, running.clock, agent, bearers) as modem_parts,
        holding_sessions(settings, running.clock, agent, bearers) as running.opener.sessions,
    ):
        parts |= dbus_parts | modem_parts
        static = StaticRegistrations(agent, settings.cai.static_registrations)
        parts["static registrations"] = keep_loaded(static)
        if settings.cai.socket is not None:
            point = ServicePoint(
                agent,
                running.store,
                running.clock,
                trust_application_id=settings.cai.trust_application_id,
                content=content,
                event_handlers=running.activation.schemes,
                more=[
                    *trust_routes(running.trust, guarded, read_body),
                    *gateway_routes(running.binders.connections.statuses, guarded),
                    *sip_routes(running.binders.sip_status, guarded),
                ],
            )
            listening = unix_socket(settings.cai.socket)
            server = HttpServer(
                point.application,
                [listening],
                http=PeerCredentialsProtocol,
                limit_concurrency=MAX_CONNECTIONS,
            )
            servers.append(server)
            points.append(point)
            parts["service access point"] = server.run_until_stopped()
        _log_start(settings, len(agent.live_registrations()))
        calm_garbage_collection()

        async def stop() -> None:
            for point in points:
                point.stop()
            for server in servers:
                server.stop()

        await supervise(parts, stop, stopping)
    log.info("client_stopped", terminal=settings.terminal.id)


def _log_start(settings: ClientSettings, registrations: int) -> None:
    log.info(
        "client_started",
        terminal=settings.terminal.id,
        ota_http=str(settings.ota_http.listen) if settings.ota_http.po_tcp else None,
        gateways=[one.name for one in settings.gateways],
        ota_wsp_udp=str(settings.ota_wsp.udp_listen) if settings.ota_wsp.udp_listen else None,
        sip_core=str(settings.ota_sip.core) if settings.ota_sip.core else None,
        modem=settings.modem.kind,
        cai=str(settings.cai.socket) if settings.cai.socket else None,
        registrations=registrations,
        built_in=settings.built_in.enabled,
    )


def unix_socket(path: Path) -> socket.socket:
    """Return a listening Unix socket; one that a dead process left behind is replaced.

    :raises ListenError: the path cannot be had, or somebody listens there.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            if _answers(path):
                raise ListenError(f"cannot listen on {path}: another process does")
            path.unlink()
        before = os.umask(0o777 & ~SOCKET_MODE)
        try:
            listening.bind(str(path))
        finally:
            os.umask(before)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise ListenError(f"cannot listen on {path}: {error.strerror or error}") from error
    except ListenError:
        listening.close()
        raise
    return listening


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _limits(settings: ClientSettings) -> ClientLimits:
    return ClientLimits(
        capabilities=ClientCapabilities(
            accept_encoding=("identity", "deflate"),
            max_message_size=settings.ota_http.max_message_size,
            max_push_requests=settings.ota_http.max_push_requests,
        ),
        acceptance_ms=round(settings.cai.acceptance_seconds * SECOND_MS),
        registration_timeout_ms=round(settings.cai.registration_seconds * SECOND_MS),
        per_user=settings.cai.max_registrations_per_user,
        in_all=settings.cai.max_registrations,
    )


def device_list(table: WhitelistTable) -> list[WhitelistEntry] | None:
    """Return the device's whitelist, or ``None`` if the settings have none of its lists."""
    lists = (
        (None, table.addresses),
        ("E164", table.originators),
        ("ALPHA", table.originator_names),
        ("SMSC", table.service_centres),
    )
    if all(entries is None for _, entries in lists):
        return None
    return [WhitelistEntry(entry, kind) for kind, one in lists for entry in one or ()]


def gateway_entries(gateways: Iterable[GatewayEntryTable]) -> list[WhitelistEntry]:
    """Return entries for the gateways that the client is set up to dial."""
    hosts = [place.host for one in gateways for place in one.places]
    return [WhitelistEntry(host) for host in dict.fromkeys(hosts)]


def own_at_core(agent: PushClient, settings: ClientSettings) -> set[str]:
    """Return the ids that the client takes by itself, as far as a SIP/IP core is to know them.

    Who is registered there need not be asked to register: session initiation is among them only if
    it may lead elsewhere.
    """
    own = agent.own_applications()
    leads_elsewhere = settings.sia.gateways or settings.gateways
    return own if leads_elsewhere else own - {SessionInitiationApplication.push_application_id}


def sip_entries(table: ClientSipTable) -> list[WhitelistEntry]:
    """Return entries for the gateways that the client tells at its SIP/IP core what it takes."""
    return [WhitelistEntry(uri, "URI") for uri in dict.fromkeys(table.ppg)]
