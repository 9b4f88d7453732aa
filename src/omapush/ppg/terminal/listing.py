"""The operator's page: which terminals are connected, and what is known of one client's.

Passwords are nowhere in it; Terminal-IDs and addresses are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from omapush.core.instants import Instant, format_utc
from omapush.ppg.client import Client
from omapush.ppg.paging import page_size
from omapush.ppg.recipients import Recipients
from omapush.ppg.store.contract import Attachment, RegistrationRecord, Store, StoreUnavailable
from omapush.ppg.terminal.connection import TerminalConnection
from omapush.ppg.terminal.live import LiveTerminals

PATH = "/terminals"


@dataclass(frozen=True, slots=True)
class TerminalListing:
    """Answers for one gateway process.

    :ivar held: the connections that this process holds, whoever has dialled.
    :ivar node: this process, as the ledger knows it.
    """

    held: Sequence[LiveTerminals]
    recipients: Recipients
    store: Store
    node: str
    clock: Callable[[], Instant]

    def route(self) -> Route:
        """Return the route that lists terminals as JSON.

        Those that are connected to this process are listed by ascending client id; ``?after=ID``
        goes on behind one, and ``?limit=N`` asks for so many. ``next`` in the answer is what to
        give to ``after``, as long as there may be more. ``?client=ID`` tells of one client what
        the ledger knows as well, whether it is connected or not; a Terminal-ID of the settings
        will do for the ID.
        """
        return Route(PATH, self._answer)

    async def _answer(self, request: Request) -> Response:
        given = request.query_params
        if "client" in given:
            return await self._one(given["client"])
        limit, after = page_size(request), given.get("after", "")
        ids = {each for live in self.held for each in live.clients() if each > after}
        found = nsmallest(limit, ids)
        more = found[-1] if len(found) == limit else None
        listed = [{"client": each, "connections": self._connections(each)} for each in found]
        return JSONResponse({"node": self.node, "terminals": listed, "next": more})

    async def _one(self, name: str) -> Response:
        client = self.recipients.client(name) or self.recipients.client_of_terminal(name)
        if client is None:
            reason = "no client of this gateway is called so, and no terminal of one\n"
            return PlainTextResponse(reason, status_code=404)
        told = {**self._told(client), **await self._kept(client.client_id)}
        return JSONResponse({"node": self.node, "terminals": [told], "next": None})

    def _told(self, client: Client) -> dict[str, Any]:
        return {
            "client": client.client_id,
            "terminal_id": client.terminal_id,
            "ways": [contact.where.way for contact in client.contacts],
            "connections": self._connections(client.client_id),
        }

    async def _kept(self, client_id: str) -> dict[str, Any]:
        """Return what the ledger knows, or why it does not tell: the rest is told all the same."""
        try:
            registrations = await self.store.registrations(client_id)
            attachments = await self.store.attachments(client_id, self.clock())
        except StoreUnavailable as error:
            return {"registrations": None, "held_by": None, "ledger": error.reason}
        return {
            "registrations": [_registration(each) for each in registrations],
            "held_by": [_attachment(each) for each in attachments],
            "ledger": None,
        }

    def _connections(self, client_id: str) -> list[dict[str, Any]]:
        """Return the client's connections, that which came last first."""
        return [_connection(each) for live in self.held for each in reversed(live.of(client_id))]


def _connection(connection: TerminalConnection) -> dict[str, Any]:
    registration = connection.registration
    takes = registration.capabilities
    return {
        "method": connection.method.value,
        "peer": connection.where,
        "tls": connection.secure,
        "since": format_utc(connection.since),
        "registered": format_utc(connection.registered_at),
        "usable": connection.usable,
        "under_way": connection.under_way,
        "terminal_id": registration.terminal_id,
        "authenticated": registration.authenticated,
        "bearer": registration.bearer_indication,
        "cpi_tag": registration.cpi_tag,
        "takes": {
            "types": takes.accept,
            "charsets": takes.accept_charset,
            "encodings": takes.accept_encoding,
            "languages": takes.accept_language,
            "applications": takes.accept_app_id,
            "max_message_size": takes.max_message_size,
            "max_push_requests": takes.max_push_requests,
        },
    }


def _registration(record: RegistrationRecord) -> dict[str, Any]:
    return {
        "bearer": record.bearer,
        "seen": format_utc(record.seen_at),
        "address": record.address,
        "terminal_id": record.terminal_id,
        "authenticated": record.authenticated,
        "cpi_tag": record.cpi_tag,
        "known_tags": list(record.cpi),
    }


def _attachment(attachment: Attachment) -> dict[str, Any]:
    return {
        "node": attachment.node,
        "kind": attachment.kind,
        "address": attachment.address,
        "since": format_utc(Instant(attachment.epoch)),
        "until": format_utc(attachment.until),
    }
