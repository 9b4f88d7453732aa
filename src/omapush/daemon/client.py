"""A running Push Client, from its settings."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import structlog

from omapush.cai.model import WhitelistEntry
from omapush.client.agent import ClientLimits, ClientRules, PushClient
from omapush.client.choice_of_binders import Ways
from omapush.client.content_routes import ClientContent
from omapush.client.peer_credentials import PeerCredentialsProtocol
from omapush.client.service_point import ServicePoint
from omapush.client.sia import SessionInitiationApplication
from omapush.client.source_trust import FixedList
from omapush.client.store import ClientStore
from omapush.client.whitelist import Source, read_entries
from omapush.core.instants import SECOND_MS
from omapush.daemon.built_in import built_in_application
from omapush.daemon.client_binders import ClientBinders
from omapush.daemon.client_sessions import holding_sessions
from omapush.daemon.clock import SystemClock
from omapush.daemon.modem_client import receiving_short_messages
from omapush.daemon.serving import HttpServer, ListenError
from omapush.daemon.session_initiation import WspSessionOpener, sia_settings
from omapush.daemon.settings import ClientSettings
from omapush.daemon.supervise import Part, stop_on_signals, supervise
from omapush.ota.interface import ClientCapabilities

log = structlog.get_logger(__name__)

SOCKET_MODE = 0o660


async def run_client(settings: ClientSettings) -> None:
    """Run a client until it is asked to stop.

    :raises OmapushError: it cannot start, or a part of it failed.
    """
    clock = SystemClock()
    store = ClientStore(settings.store.path)

    def registered() -> set[str]:
        return agent.applications()

    opener = WspSessionOpener()
    sia = SessionInitiationApplication(sia_settings(settings.sia), opener, clock, registered)
    binders = ClientBinders(settings, clock)
    rules = ClientRules(judge=FixedList(device_list(settings)), own=[sia])
    agent = PushClient(store, clock, _limits(settings), rules, Ways(binders.binders))
    binders.give_pushes_to(agent)
    await agent.start()
    try:
        async with built_in_application(settings, clock, agent) as content:
            await _run(settings, clock, store, agent, opener, binders, content)
    finally:
        await agent.close()


async def _run(
    settings: ClientSettings,
    clock: SystemClock,
    store: ClientStore,
    agent: PushClient,
    opener: WspSessionOpener,
    binders: ClientBinders,
    content: ClientContent,
) -> None:
    stopping = asyncio.Event()
    stop_on_signals(stopping)
    parts: dict[str, Part] = {}
    servers: list[HttpServer] = []
    async with (
        binders.open(),
        receiving_short_messages(settings.modem, clock, agent, binders.wsp_bearers) as modem_parts,
        holding_sessions(settings, clock, agent, binders.wsp_bearers) as opener.sessions,
    ):
        parts |= modem_parts
        if settings.cai.socket is not None:
            point = ServicePoint(
                agent,
                store,
                clock,
                trust_application_id=settings.cai.trust_application_id,
                content=content,
            )
            listening = unix_socket(settings.cai.socket)
            server = HttpServer(point.application, [listening], http=PeerCredentialsProtocol)
            servers.append(server)
            parts["service access point"] = server.run_until_stopped()
        log.info(
            "client_started",
            terminal=settings.terminal.id,
            ota_http=str(settings.ota_http.listen),
            ota_wsp_udp=str(settings.ota_wsp.udp_listen) if settings.ota_wsp.udp_listen else None,
            modem=settings.modem.kind,
            cai=str(settings.cai.socket) if settings.cai.socket else None,
            registrations=len(agent.live_registrations()),
            built_in=settings.built_in.enabled,
        )

        async def stop() -> None:
            for server in servers:
                server.stop()

        await supervise(parts, stop, stopping)
    log.info("client_stopped", terminal=settings.terminal.id)


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
    )


def device_list(settings: ClientSettings) -> tuple[Source, ...] | None:
    """Return the device's whitelist, or ``None`` if the settings have none of its lists."""
    table = settings.whitelist
    lists = (
        (None, table.addresses),
        ("E164", table.originators),
        ("ALPHA", table.originator_names),
        ("SMSC", table.service_centres),
    )
    if all(entries is None for _, entries in lists):
        return None
    return read_entries(WhitelistEntry(entry, kind) for kind, one in lists for entry in one or ())
