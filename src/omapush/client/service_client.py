"""A typed client of the service access point, for applications in other processes.

::

    async with ServiceClient("/run/oma-push/cai.sock") as cai:
        registration = await cai.register({"push_application_id": "x-wap-application:mms.ua"})
        async for event in cai.events(registration["id"]):
            await cai.accept(event["id"])
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from omapush.core.errors import OmapushError

LONGEST_WAIT_SECONDS = 30.0


class ServicePointError(OmapushError):
    """The service access point refused; ``cause`` is its reason, ``status`` the HTTP status."""

    def __init__(self, cause: str, detail: str, parameter: str | None, status: int) -> None:
        super().__init__(f"{cause}: {detail}", parameter)
        self.cause = cause
        self.status = status


class ServicePointAwayError(OmapushError):
    """Nobody listens on the socket, or it was closed."""


class ServiceClient:
    """A connection to the service access point.

    :param token: from an earlier registration; without it a new one is asked for at the first.
    """

    def __init__(self, socket: Path | str, token: str | None = None) -> None:
        self.token = token
        self._http = httpx2.AsyncClient(
            transport=httpx2.AsyncHTTPTransport(uds=str(socket)),
            base_url="http://client",
            timeout=LONGEST_WAIT_SECONDS + 10,
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

    async def info(self) -> dict[str, Any]:
        """Return versions, protocols and limits."""
        return await self._object("GET", "/v1/info")

    async def register(
        self, request: Mapping[str, Any], wait_seconds: float = LONGEST_WAIT_SECONDS
    ) -> dict[str, Any]:
        """Register with the members of a registration request; return the registration.

        :param wait_seconds: how long to wait for the second answer, ``registered`` or ``failed``;
            0 returns the first one, ``pending``.
        :raises ServicePointError: rejected.
        """
        registration = await self._object("POST", "/v1/registrations", json=dict(request))
        self.token = registration.pop("token", None) or self.token
        if registration["state"] == "pending" and wait_seconds > 0:
            return await self.registration(registration["id"], wait_seconds)
        return registration

    async def registration(self, registration_id: str, wait_seconds: float = 0) -> dict[str, Any]:
        """Return a registration, after waiting for it to be no longer pending."""
        parameters = {"wait": str(wait_seconds)}
        return await self._object("GET", f"/v1/registrations/{registration_id}", parameters)

    async def registrations(self) -> list[dict[str, Any]]:
        """Return the application's registrations."""
        found: list[dict[str, Any]] = (await self._answer("GET", "/v1/registrations")).json()
        return found

    async def deregister(self, registration_id: str) -> dict[str, Any]:
        """End a registration."""
        return await self._object("DELETE", f"/v1/registrations/{registration_id}")

    async def next_event(
        self, registration_id: str, wait_seconds: float = LONGEST_WAIT_SECONDS
    ) -> dict[str, Any] | None:
        """Wait for a push; it is leased to this caller until its deadline."""
        parameters = {"registration": registration_id, "wait": str(wait_seconds)}
        events: list[dict[str, Any]] = (await self._answer("GET", "/v1/events", parameters)).json()
        return events[0] if events else None

    async def events(self, registration_id: str) -> AsyncIterator[dict[str, Any]]:
        """Yield pushes one after another; the next comes when this one is answered."""
        while True:
            event = await self.next_event(registration_id)
            if event is not None:
                yield event

    async def content(self, event: Mapping[str, Any]) -> bytes:
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

    async def inbox(self, after: int = 0, wait_seconds: float = 0) -> list[dict[str, Any]]:
        """Return the client's service indications in the order of presentation.

        This and what follows is for the user whom the client runs as; it needs no registration.

        :param wait_seconds: wait so long for one with a number above ``after``.
        """
        parameters = {"after": str(after), "wait": str(wait_seconds)}
        found: list[dict[str, Any]] = (await self._answer("GET", "/v1/inbox", parameters)).json()
        return found

    async def mark_shown(self, number: int) -> dict[str, Any]:
        """Note that the user has seen an indication; return it."""
        return await self._object("POST", f"/v1/inbox/{number}/shown")

    async def delete_indication(self, number: int) -> None:
        """Drop an indication. :raises ServicePointError: there is none of that number (404)."""
        await self._answer("DELETE", f"/v1/inbox/{number}")

    async def _object(
        self,
        method: str,
        path: str,
        parameters: dict[str, str] | None = None,
        json: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        found: dict[str, Any] = (await self._answer(method, path, parameters, json)).json()
        return found

    async def _answer(
        self,
        method: str,
        path: str,
        parameters: dict[str, str] | None = None,
        json: dict[str, Any] | None = None,
    ) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            answer = await self._http.request(
                method, path, params=parameters, json=json, headers=headers
            )
        except httpx2.HTTPError as error:
            what = str(error) or type(error).__name__
            raise ServicePointAwayError(f"the service access point is away: {what}") from error
        if answer.is_success:
            return answer
        try:
            fault = answer.json()
        except ValueError:
            fault = {}
        raise ServicePointError(
            str(fault.get("error", f"HTTP {answer.status_code}")),
            str(fault.get("detail", answer.reason_phrase)),
            fault.get("parameter"),
            answer.status_code,
        )
