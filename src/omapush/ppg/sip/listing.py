"""The operator's page: which SIP users are registered, with which devices, and who told so."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from omapush.core.instants import format_utc
from omapush.ppg.paging import page_size
from omapush.ppg.recipients import Recipients
from omapush.ppg.sip.address_of_record import address_of_record
from omapush.ppg.sip.registrations import Device, Registrations, Source

PATH = "/sip-users"


@dataclass(frozen=True, slots=True)
class SipUserListing:
    """Answers for one gateway process: what is known of registrations is in its memory."""

    registrations: Registrations
    recipients: Recipients
    node: str

    def route(self) -> Route:
        """Return the route that lists users as JSON.

        They are listed by ascending address; ``?after=ADDRESS`` goes on behind one, and
        ``?limit=N`` asks for so many. ``next`` in the answer is what to give to ``after``, as long
        as there may be more. ``?user=ADDRESS`` tells of one user, registered or not.
        """
        return Route(PATH, self._answer)

    async def _answer(self, request: Request) -> Response:
        given = request.query_params
        if "user" in given:
            return self._one(given["user"])
        limit, after = page_size(request), given.get("after", "")
        found = nsmallest(limit, (each for each in self.registrations.users() if each > after))
        more = found[-1] if len(found) == limit else None
        listed = [told for each in found if (told := self._told(each))["devices"]]
        return JSONResponse({"node": self.node, "users": listed, "next": more})

    def _one(self, name: str) -> Response:
        user = address_of_record(name)
        if user is None or self.recipients.client_of_sip_user(user) is None:
            reason = "no user of this gateway is called so; users are called sip:user@domain\n"
            return PlainTextResponse(reason, status_code=404)
        return JSONResponse({"node": self.node, "users": [self._told(user)], "next": None})

    def _told(self, user: str) -> dict[str, Any]:
        devices = self.registrations.devices(user)
        return {
            "user": user,
            "client": self.recipients.client_of_sip_user(user),
            "devices": [_device(each) for each in devices],
        }


def _device(device: Device) -> dict[str, Any]:
    takes, features = device.capabilities, device.features
    is_told = device.source is not Source.STATIC
    return {
        "device": device.key or None,
        "gruu": device.gruu,
        "told_by": device.source.value,
        "told": format_utc(device.told_at) if is_told else None,
        "until": format_utc(device.until) if is_told else None,
        "applications": None if features is None else list(features.applications),
        "instances": None if features is None else list(features.instances),
        "methods": sorted(device.methods),
        "takes": None
        if takes is None
        else {
            "types": takes.accept,
            "encodings": takes.accept_encoding,
            "max_message_size": takes.max_message_size,
        },
    }
