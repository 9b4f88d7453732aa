"""Asking a user's device what it takes, before a push (OTA-SIP 5.2)."""

from __future__ import annotations

from dataclasses import replace

import structlog

from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError, OmapushError
from omapush.core.instants import HOUR_MS, SECOND_MS
from omapush.ota.interface import BearerUnavailable, ClientCapabilities
from omapush.ota.sip.requests import GATEWAY_METHODS, Target, options
from omapush.ota.sip.results import Method, Next, verdict_of
from omapush.ppg.client import Client
from omapush.ppg.contacts import SipContact
from omapush.ppg.sip.devices import device_told_by
from omapush.ppg.sip.line import SipLine
from omapush.ppg.sip.registrations import UNNAMED, Device, Source, until
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.message import Field, SipResponse

log = structlog.get_logger(__name__)

BELIEVED_S = HOUR_MS // 1000
"""So long an answer is believed that does not say until when it holds."""


class AbsentError(BearerUnavailable):
    """Nobody is registered there for this application; nothing was sent."""


async def ask_device(
    line: SipLine, user: str, uri: str, application: ApplicationId | None, within_ms: int
) -> None:
    """Ask what the device takes that the core picks; the answer is kept.

    Where somebody is there, or nobody says otherwise, and nothing is told, that is kept.

    :param uri: of the user, or of the device that is meant.
    :param application: that the device has to have; ``None``: any device is asked.

    :raises AbsentError: nobody is registered there. :raises BearerUnavailable: the core cannot be
        reached, or does not answer.
    """
    asked: tuple[Field, ...] = ()
    if application is not None:
        explicit = not line.settings.plain_devices
        asked = Target(uri, application, explicit=explicit).headers()
    request = options(
        line.sender,
        line.names(),
        uri,
        f"<{line.contact}>",
        asked,
        methods=GATEWAY_METHODS,
    )
    answered = await line.caller.send(request, within_ms)
    response = answered.response
    if response.is_success:
        line.registrations.told(user, [_told(line, user, response) or _silent(line)])
        return
    verdict = verdict_of("", Method.MESSAGE, response, confirmed=True)
    if verdict.next is Next.REGISTRATION:
        raise AbsentError(f"not registered: {verdict.outcome.reason}")
    if verdict.next is Next.OTHER_HOP:
        raise BearerUnavailable(verdict.outcome.reason)
    # The push will tell more: a device need not understand OPTIONS.
    line.registrations.told(user, [_silent(line)])


def _told(line: SipLine, user: str, response: SipResponse) -> Device | None:
    """Return the device that has answered; ``None``: it does not say enough."""
    believed = until(line.clock(), BELIEVED_S)
    try:
        device = device_told_by(response.headers, user, Source.QUERY, believed)
    except (BadSipMessage, DecodeError) as error:
        log.info("capabilities_not_read", user=user, reason=error.reason)
        return None
    return None if device is None else replace(device, until_is_told=False)


def _silent(line: SipLine) -> Device:
    """Return what is known of somebody who tells nothing: it is not asked again soon."""
    return Device(UNNAMED, Source.QUERY, until(line.clock(), BELIEVED_S))


class CapabilityInquiry:
    """Asks for initiators what a client takes (PAP 5.5), where nothing is known."""

    def __init__(self, line: SipLine, within_ms: int = 5 * SECOND_MS) -> None:
        self._line = line
        self._within_ms = within_ms

    async def ask(self, client: Client, app_id: str | None) -> ClientCapabilities | None:
        """Return what a device of the client takes; ``None``: nobody says."""
        for where in client.contacts_where:
            if isinstance(where, SipContact):
                return await self._ask(where.address_of_record, app_id)
        return None

    async def _ask(self, user: str, app_id: str | None) -> ClientCapabilities | None:
        try:
            application = None if app_id is None else ApplicationId.parse(app_id)
            await ask_device(self._line, user, user, application, self._within_ms)
        except OmapushError as error:
            log.info("capabilities_not_told", user=user, reason=error.reason)
        told = (one.capabilities for one in self._line.registrations.devices(user))
        return next((one for one in told if one is not None), None)
