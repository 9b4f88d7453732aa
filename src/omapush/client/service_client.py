"""A typed client of the service access point, for applications in other processes.

::

    async with ServiceClient("/run/oma-push/cai.sock") as cai:
        registration = await cai.register({"push_application_id": "x-wap-application:mms.ua"})
        async for event in cai.events(registration["id"]):
            await cai.accept(event["id"])

:meth:`ServiceClient.events` and :meth:`ServiceClient.stream` go on when the client is started anew;
every other call then raises :class:`ServicePointAwayError`, and may be made again.
"""

from __future__ import annotations

import asyncio
import base64
import json as json_text
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import httpx2

from omapush.client.service_messages import (
    Application,
    Changes,
    Event,
    Gateway,
    Info,
    PushMessage,
    Refused,
    Registration,
    RegistrationRequest,
    SipRegistration,
    StatusMessage,
    StreamMessage,
)
from omapush.core.errors import OmapushError

LONGEST_WAIT_SECONDS = 30.0
AGAIN_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Waits between attempts to reach a client that is away; the last one is repeated."""
ATTEMPTS = 120
"""How often a client that is away is tried in a row: about 20 minutes."""

Members = dict[str, Any]
Sleep = Callable[[float], Awaitable[None]]


class ServicePointError(OmapushError):
    """The service access point refused; ``cause`` is its reason, ``status`` the HTTP status.

    :ivar members: the whole answer, such as the status of a command of OMA DM.
    """

    def __init__(
        self,
        cause: str,
        detail: str,
        parameter: str | None,
        status: int,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{cause}: {detail}", parameter)
        self.cause = cause
        self.status = status
        self.members = members or {}


class ServicePointAwayError(OmapushError):
    """Nobody listens on the socket, or it was closed."""


class ServiceClient:
    """A connection to the service access point.

    :param token: from an earlier registration; without it a new one is asked for at the first.
    :param sleep: waits so many seconds before a client that is away is tried again.
    """

    def __init__(
        self, socket: Path | str, token: str | None = None, sleep: Sleep = asyncio.sleep
    ) -> None:
        self.token = token
        self._sleep = sleep
        self._http = httpx2.AsyncClient(
            transport=httpx2.AsyncHTTPTransport(uds=str(socket)),
            base_url="http://client",
            timeout=2 * LONGEST_WAIT_SECONDS + 10,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def info(self) -> Info:
        """Return versions, protocols and limits."""
        return cast("Info", await self._object("GET", "/v1/info"))

    async def schema(self) -> Members:
        """Return the JSON Schema of the interface."""
        return await self._object("GET", "/v1/schema")

    # -- registrations --

    async def register(
        self,
        request: RegistrationRequest | Mapping[str, Any],
        wait_seconds: float = LONGEST_WAIT_SECONDS,
    ) -> Registration:
        """Register with the members of a registration request; return the registration.

        :param wait_seconds: how long to wait for the second answer, ``registered`` or ``failed``;
            0 returns the first one, ``pending``.
        :raises ServicePointError: rejected.
        """
        # The token comes with the first answer, and is safe before the second is waited for.
        registration = _registration(
            await self._object("POST", "/v1/registrations", json=dict(request))
        )
        self.token = registration.pop("token", None) or self.token
        if registration["state"] == "pending" and wait_seconds > 0:
            return await self.registration(registration["id"], wait_seconds)
        return registration

    async def change(self, registration_id: str, changes: Changes) -> Registration:
        """Change members of a registration. :raises ServicePointError: it is as it was."""
        path = f"/v1/registrations/{registration_id}"
        return _registration(await self._object("PATCH", path, json=dict(changes)))

    async def registration(self, registration_id: str, wait_seconds: float = 0) -> Registration:
        """Return a registration, after waiting for it to be no longer pending."""
        parameters = {"wait": str(wait_seconds)}
        path = f"/v1/registrations/{registration_id}"
        return _registration(await self._object("GET", path, parameters))

    async def registrations(self) -> list[Registration]:
        """Return the application's registrations."""
        return cast("list[Registration]", await self._list("/v1/registrations"))

    async def deregister(
        self, registration_id: str, wait_seconds: float = 0, *, force: bool = False
    ) -> Registration:
        """End a registration.

        :param wait_seconds: how long to wait for servers to let go of it.
        :param force: do not tell servers.
        """
        parameters = {"wait": str(wait_seconds), "force": str(int(force))}
        path = f"/v1/registrations/{registration_id}"
        return _registration(await self._object("DELETE", path, parameters))

    # -- pushes --

    async def next_event(
        self, registration_id: str, wait_seconds: float = LONGEST_WAIT_SECONDS
    ) -> Event | None:
        """Wait for a push; it is leased to this caller until its deadline."""
        events = await self.next_events(registration_id, 1, wait_seconds)
        return events[0] if events else None

    async def next_events(
        self, registration_id: str, most: int, wait_seconds: float = LONGEST_WAIT_SECONDS
    ) -> list[Event]:
        """Wait for pushes; as many as are there, and as the registration has outstanding."""
        parameters = {
            "registration": registration_id,
            "wait": str(wait_seconds),
            "max": str(most),
        }
        return cast("list[Event]", await self._list("/v1/events", parameters))

    async def events(self, registration_id: str) -> AsyncIterator[Event]:
        """Yield pushes one after another; the next comes when this one is answered.

        :raises ServicePointAwayError: the client was away for :data:`ATTEMPTS` attempts.
        :raises ServicePointError: the registration has ended.
        """
        failures = 0
        while True:
            try:
                event = await self.next_event(registration_id)
            except ServicePointAwayError:
                failures = await self._again(failures)
                continue
            failures = 0
            if event is not None:
                yield event

    async def stream(self, *registration_ids: str) -> AsyncGenerator[StreamMessage, None]:
        """Yield pushes and changes of state as they happen, until all registrations have ended.

        :param registration_ids: which ones; none: all of this application.
        :raises ServicePointAwayError: the client was away for :data:`ATTEMPTS` attempts.
        :raises ServicePointError: refused.
        """
        last, failures = "", 0
        while True:
            try:
                async for name, message in self._stream(registration_ids, last):
                    failures, last = 0, name or last
                    yield message
            except ServicePointAwayError:
                pass
            if registration_ids and not failures and not await self._any(registration_ids):
                return
            failures = await self._again(failures)

    async def content(self, event: Event) -> bytes:
        """Return the content of a push, octet for octet."""
        inline = event.get("content_b64")
        if inline is not None:
            return base64.b64decode(inline)
        return (await self._answer("GET", f"/v1/events/{event['id']}/content")).content

    async def accept(self, event_id: str) -> None:
        """Take responsibility for a push. :raises ServicePointError: too late (409, 410)."""
        await self._answer("POST", f"/v1/events/{event_id}/accept")

    async def reject(self, event_id: str, reason: str = "refused", detail: str = "") -> None:
        """Refuse a push. :raises ServicePointError: too late (409, 410)."""
        body = {"reason": reason, "detail": detail}
        await self._answer("POST", f"/v1/events/{event_id}/reject", json=body)

    # -- for the user whom the client runs as; no registration is needed --

    async def applications(self) -> list[Application]:
        """Return every registration of everybody."""
        return cast("list[Application]", await self._list("/v1/applications"))

    async def end_application(self, registration_id: str, *, force: bool = False) -> Registration:
        """End a registration whose application cannot, because its token is lost.

        :param force: do not tell servers.
        """
        parameters = {"force": "1"} if force else None
        path = f"/v1/applications/{registration_id}"
        return _registration(await self._object("DELETE", path, parameters))

    async def quarantine(self) -> list[Refused]:
        """Return the pushes that were refused, the newest first."""
        return cast("list[Refused]", await self._list("/v1/quarantine"))

    async def clear_quarantine(self) -> None:
        """Forget the pushes that were refused."""
        await self._answer("DELETE", "/v1/quarantine")

    async def gateways(self) -> list[Gateway]:
        """Return the gateways that the client dials, and how the connections to them stand."""
        return cast("list[Gateway]", await self._list("/v1/gateways"))

    async def sip(self) -> list[SipRegistration]:
        """Return how the client is registered at its SIP/IP core; none: OTA-SIP is not set up."""
        return cast("list[SipRegistration]", await self._list("/v1/sip"))

    async def whitelist(self) -> Members:
        """Return the device's whitelist: whether it is in force, its entries and findings."""
        return await self._object("GET", "/v1/whitelist")

    async def add_to_whitelist(self, entry: Mapping[str, Any]) -> Members:
        """Add an entry to the device's whitelist; return it with its origin and number."""
        return await self._object("POST", "/v1/whitelist", json=dict(entry))

    async def remove_from_whitelist(self, origin: str, number: int) -> None:
        """Remove an entry of the device's whitelist."""
        parameters = {"origin": origin, "number": str(number)}
        await self._answer("DELETE", "/v1/whitelist", parameters)

    async def get_node(self, uri: str, listed: str | None = None) -> Members:
        """Return a node of the Push Management Object, or with ``listed`` what is below it."""
        parameters = {"uri": uri} if listed is None else {"uri": uri, "list": listed}
        return await self._object("GET", "/v1/mo", parameters)

    async def add_node(self, command: Mapping[str, Any]) -> Members:
        """Add a node to the Push Management Object, or carry out ``atomic`` commands."""
        return await self._object("POST", "/v1/mo", json=dict(command))

    async def replace_node(self, command: Mapping[str, Any]) -> Members:
        """Replace the value of a node of the Push Management Object."""
        return await self._object("PUT", "/v1/mo", json=dict(command))

    async def delete_node(self, uri: str) -> Members:
        """Delete a node of the Push Management Object, with what is below it."""
        return await self._object("DELETE", "/v1/mo", {"uri": uri})

    async def import_management_object(
        self, document: bytes, media_type: str, origin: str | None = None
    ) -> Members:
        """Import a Push Management Object in one of its forms; return the report."""
        parameters = {} if origin is None else {"origin": origin}
        headers = {"Content-Type": media_type}
        answer = await self._answer(
            "POST", "/v1/mo/import", parameters, content=document, headers=headers
        )
        return cast("Members", answer.json())

    async def export_management_object(self, form: str = "tnds") -> bytes:
        """Return the Push Management Object in one of its forms."""
        return (await self._answer("GET", "/v1/mo/export", {"form": form})).content

    async def inbox(self, after: int = 0, wait_seconds: float = 0) -> list[Members]:
        """Return the client's service indications in the order of presentation.

        :param wait_seconds: wait so long for one with a number above ``after``.
        """
        parameters = {"after": str(after), "wait": str(wait_seconds)}
        return await self._list("/v1/inbox", parameters)

    async def mark_shown(self, number: int) -> Members:
        """Note that the user has seen an indication; return it."""
        return await self._object("POST", f"/v1/inbox/{number}/shown")

    async def delete_indication(self, number: int) -> None:
        """Drop an indication. :raises ServicePointError: there is none of that number (404)."""
        await self._answer("DELETE", f"/v1/inbox/{number}")

    # -- requests --

    async def _again(self, failures: int) -> int:
        """Wait before the client is tried again. :raises ServicePointAwayError: often enough."""
        if failures >= ATTEMPTS:
            raise ServicePointAwayError(f"the service access point is away, tried {failures} times")
        await self._sleep(AGAIN_SECONDS[min(failures, len(AGAIN_SECONDS) - 1)])
        return failures + 1

    async def _any(self, registration_ids: Sequence[str]) -> bool:
        """Whether one of the registrations still lives; when nobody can say, it does."""
        try:
            registrations = await self.registrations()
        except ServicePointAwayError:
            return True
        return any(
            one["id"] in registration_ids and one["state"] != "failed" for one in registrations
        )

    async def _stream(
        self, registration_ids: Sequence[str], last: str
    ) -> AsyncGenerator[tuple[str, StreamMessage], None]:
        """Yield the messages of one stream, each with its id, until it ends."""
        headers = {"Last-Event-ID": last} if last else {}
        try:
            async with self._http.stream(
                "GET",
                "/v1/stream",
                params=[("registration", one) for one in registration_ids],
                headers={**self._headers(), **headers},
            ) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise _refusal(answer)
                members: dict[str, str] = {}
                async for line in answer.aiter_lines():
                    if line:
                        name, _, value = line.partition(": ")
                        members[name] = value
                        continue
                    message = _message(members)
                    if message is not None:
                        yield members.get("id", ""), message
                    members = {}
        except httpx2.HTTPError as error:
            raise _away(error) from error

    async def _list(self, path: str, parameters: dict[str, str] | None = None) -> list[Members]:
        found: list[Members] = (await self._answer("GET", path, parameters)).json()
        return found

    async def _object(
        self,
        method: str,
        path: str,
        parameters: dict[str, str] | None = None,
        json: Members | None = None,
    ) -> Members:
        found: Members = (await self._answer(method, path, parameters, json)).json()
        return found

    async def _answer(
        self,
        method: str,
        path: str,
        parameters: dict[str, str] | None = None,
        json: Members | None = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        try:
            answer = await self._http.request(
                method,
                path,
                params=parameters,
                json=json,
                content=content,
                headers={**self._headers(), **(headers or {})},
            )
        except httpx2.HTTPError as error:
            raise _away(error) from error
        if answer.is_success:
            return answer
        raise _refusal(answer)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def _registration(members: Members) -> Registration:
    return cast("Registration", members)


def _message(members: Mapping[str, str]) -> StreamMessage | None:
    """Return a message of the stream; ``None``: a comment, or of a kind that is not known."""
    match members.get("event"):
        case "push":
            return PushMessage(json_text.loads(members["data"]))
        case "status":
            return StatusMessage(**json_text.loads(members["data"]))
    return None


def _away(error: Exception) -> ServicePointAwayError:
    what = str(error) or type(error).__name__
    return ServicePointAwayError(f"the service access point is away: {what}")


def _refusal(answer: httpx2.Response) -> ServicePointError:
    try:
        fault = answer.json()
    except ValueError:
        fault = {}
    fault = fault if isinstance(fault, dict) else {}
    return ServicePointError(
        str(fault.get("error", f"HTTP {answer.status_code}")),
        str(fault.get("detail", answer.reason_phrase)),
        fault.get("parameter"),
        answer.status_code,
        fault,
    )
