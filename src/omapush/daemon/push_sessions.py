"""The port for push sessions, as far as the gateway's settings ask for it."""

from __future__ import annotations

import contextlib
import functools
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Self

from pydantic import Field, model_validator

from omapush.bearers.udp_machine import UdpMachine
from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.content.session_initiation import SessionInitiation
from omapush.core.instants import SECOND_MS, Instant
from omapush.core.networks import ip_address
from omapush.daemon.settings_table import Endpoint, EndpointSetting
from omapush.daemon.settings_table import Table as _Table
from omapush.ota.wsp.ppg import WspPpg, WspPpgRequest
from omapush.ppg.hastening import Hastening
from omapush.ppg.profiles import Profiles
from omapush.ppg.push_sessions import PushSessions
from omapush.ppg.recipients import Recipients
from omapush.ppg.session_reach import SessionSettings
from omapush.ppg.session_request import request_message
from omapush.ppg.store.contract import Store
from omapush.ppg.ways import Sessions
from omapush.protocols.wdp import AddressType
from omapush.protocols.wsp.sessions import WspServerSettings


class PushSessionsTable(_Table):
    """[push_sessions]"""

    listen: EndpointSetting | None = Field(
        None,
        description="UDP address and port, normally 9201, where clients open push sessions "
        "(OTA-WSP); default: none is opened",
    )
    contact_point: EndpointSetting | None = Field(
        None,
        description="the address and port of it that session requests (SIR) give to clients; "
        "default: listen, if that is an address that clients can use",
    )
    max_sessions: int = Field(
        10_000, ge=1, le=1_000_000, description="sessions at a time, resting ones included"
    )
    ask_again_seconds: float = Field(
        30, gt=0, le=86_400, description="a client is asked for a session at most so often"
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        point = self.contact_point
        if point is not None:
            if self.listen is None:
                raise ValueError("contact_point needs listen")
            if ip_address(point.host) is None:
                raise ValueError("contact_point needs an IP address: a client gets its octets")
        return self

    def contact(self) -> Endpoint | None:
        """Return where clients are told to connect; ``None``: they are not asked for sessions."""
        if self.contact_point is not None or self.listen is None:
            return self.contact_point
        address = ip_address(self.listen.host)
        return None if address is None or address.is_unspecified else self.listen


@contextlib.asynccontextmanager
async def push_sessions(
    table: PushSessionsTable,
    recipients: Recipients,
    store: Store,
    profiles: Profiles | None,
    wake: Callable[[], None],
    clock: Callable[[], Instant],
) -> AsyncIterator[Sessions | None]:
    """Open the port; ``None``: the settings open none.

    :param wake: is called when something may have become due.
    :raises BearerUnavailable: the port cannot be had.
    """
    if table.listen is None:
        yield None
        return
    hastening = Hastening(store, wake, clock)
    sessions = PushSessions(recipients.client_at, hastening.begin, clock)
    settings = WspServerSettings(
        maximum_peers=2 * table.max_sessions, maximum_sessions=table.max_sessions
    )
    machine = WspPpg(settings, lambda: secrets.randbits(32), clock())
    host: UdpMachine[WspPpgRequest] = UdpMachine(machine, sessions.indication, clock)
    sessions.start(host)  # before the first datagram can come
    await host.open(table.listen.host, table.listen.port)
    contact = table.contact()
    request = None if contact is None else functools.partial(session_request, contact)
    wait_ms = max(1, round(table.ask_again_seconds * SECOND_MS))
    try:
        yield Sessions(sessions, SessionSettings(request, wait_ms), profiles)
    finally:
        sessions.close()
        host.close()
        await hastening.close()


def session_request(contact: Endpoint, application_id: ApplicationId) -> PushMessage:
    """Return the push that asks a client for a session for one application (WAP-235, 8.3)."""
    point = AddressType.of_ip(contact.host, contact.port)
    return request_message(SessionInitiation((application_id,), wsp_contact_points=(point,)))
