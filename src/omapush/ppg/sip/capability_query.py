"""Asking a user's device what it takes, before a push (OTA-SIP 5.2)."""

from __future__ import annotations

import enum

import structlog

from omapush.core.errors import DecodeError
from omapush.core.instants import HOUR_MS
from omapush.ota.interface import BearerUnavailable
from omapush.ota.sip.requests import GATEWAY_METHODS, Target, options
from omapush.ota.sip.results import Method, Next, verdict_of
from omapush.ppg.sip.devices import device_told_by
from omapush.ppg.sip.line import SipLine
from omapush.ppg.sip.registrations import Source, until
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.message import SipResponse

log = structlog.get_logger(__name__)

BELIEVED_S = HOUR_MS // 1000
"""So long an answer is believed that does not say until when it holds."""


class Presence(enum.Enum):
    """What came of asking."""

    TOLD = "told"
    """A device has answered, and what it told is kept."""
    SILENT = "silent"
    """Somebody is there, or nobody says otherwise; nothing was told."""


class AbsentError(BearerUnavailable):
    """Nobody is registered there for this application; nothing was sent."""


async def ask_device(line: SipLine, user: str, target: Target) -> Presence:
    """Ask what the device takes that the core picks for this target.

    :raises AbsentError: nobody is registered there. :raises BearerUnavailable: the core cannot be
        reached, or does not answer.
    """
    request = options(
        line.sender,
        line.names(),
        target.uri,
        f"<{line.contact}>",
        target.headers(),
        methods=GATEWAY_METHODS,
    )
    answered = await line.caller.send(request, line.settings.response_ms)
    response = answered.response
    if response.is_success:
        return _told(line, user, response)
    verdict = verdict_of("", Method.MESSAGE, response, confirmed=True)
    if verdict.next is Next.REGISTRATION:
        raise AbsentError(f"not registered: {verdict.outcome.reason}")
    if verdict.next is Next.OTHER_HOP:
        raise BearerUnavailable(verdict.outcome.reason)
    # The push will tell more: a device need not understand OPTIONS.
    return Presence.SILENT


def _told(line: SipLine, user: str, response: SipResponse) -> Presence:
    now = line.clock()
    try:
        device = device_told_by(response.headers, user, Source.QUERY, until(now, BELIEVED_S))
    except (BadSipMessage, DecodeError) as error:
        log.info("capabilities_not_read", user=user, reason=error.reason)
        return Presence.SILENT
    if device is None:
        return Presence.SILENT
    line.registrations.told(user, [device])
    return Presence.TOLD
