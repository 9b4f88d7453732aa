"""The requests that the core and its users send to the gateway.

The core tells who has registered (third-party REGISTER), and devices tell what they take (OPTIONS).
Nothing is taken from whoever is not an element of the core: it is the core that knows who somebody
is (RFC 3325).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import structlog

from omapush.core.errors import DecodeError
from omapush.core.instants import DAY_MS, SECOND_MS
from omapush.core.networks import source_key
from omapush.core.spacing import Spacing
from omapush.ota.sip.core import Answer, Origin
from omapush.ota.sip.envelope import CONTENT_TYPE
from omapush.ota.sip.push_features import PushFeatures
from omapush.ota.sip.push_resource_identifier import ANY
from omapush.ota.sip.requests import GATEWAY_METHODS, contact_of, options_answer
from omapush.ota.sip.third_party import RegistrationNews, read_third_party
from omapush.ppg.sip.address_of_record import address_of_record
from omapush.ppg.sip.devices import device_told_by, known_by_news
from omapush.ppg.sip.line import SipLine
from omapush.ppg.sip.registrations import Source, until
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.header_fields import NameAddress, expires, to_tag
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse

log = structlog.get_logger(__name__)

_ALLOW = ("Allow", ", ".join(GATEWAY_METHODS))
_EVENTS = frozenset({"SUBSCRIBE", "PUBLISH"})
LONGEST_S = DAY_MS // SECOND_MS


class DialogRequests(Protocol):
    """Serves the requests within a dialog of the gateway: media sessions, subscriptions."""

    def serve(self, request: SipRequest) -> SipResponse | None:
        """Return the answer; ``None``: it is of no dialog here."""


class ApplicationServer:
    """Implements ``ota.sip.core.SipServer``.

    :param serves: whether this gateway has a client of this address of record.
    :param dialogs: asked one after the other.
    """

    def __init__(
        self, line: SipLine, serves: Callable[[str], bool], dialogs: tuple[DialogRequests, ...] = ()
    ) -> None:
        self._line = line
        self._serves = serves
        self._dialogs = dialogs
        self._strangers = Spacing()  # of lines in the log about them

    def arrived(self, request: SipRequest, origin: Origin, answer: Answer) -> None:
        """Answer a request."""
        try:
            response = self._response(request, origin)
        except BadSipMessage as error:
            response = SipResponse(error.status, _REASONS.get(error.status, "Bad Request"))
        except DecodeError as error:
            log.info("sip_request_not_read", method=request.method, reason=error.reason)
            response = SipResponse(400, "Bad Request")
        except Exception:  # a fault of ours: the core is not to wait for nothing
            log.exception("sip_request_broke", method=request.method)
            response = SipResponse(500, "Server Internal Error")
        self._line.metrics.served(request.method, response.status)
        answer(response)

    def acknowledged(self, ack: SipRequest) -> None:
        """Nothing is answered here that is acknowledged: INVITEs are refused."""

    def unacknowledged(self, invite: SipRequest, response: SipResponse) -> None:
        """As for ``acknowledged``."""

    def cancelled(self, invite: SipRequest) -> None:
        """As for ``acknowledged``."""

    def _response(self, request: SipRequest, origin: Origin) -> SipResponse:
        if not origin.is_trusted:
            if self._strangers.lets(source_key(origin.hop.host), self._line.clock()):
                log.warning("sip_request_refused", method=request.method, source=str(origin.hop))
            return SipResponse(403, "Forbidden")
        if to_tag(request) is not None:
            return self._within_dialog(request)
        match request.method:
            case "REGISTER":
                return self._third_party(request)
            case "OPTIONS":
                return self._capabilities(request)
            case method if method in _EVENTS:
                # A push event package is no part of Push 2.3.
                return SipResponse(489, "Bad Event", SipHeaders((_ALLOW,)))
            case _:
                return SipResponse(405, "Method Not Allowed", SipHeaders((_ALLOW,)))

    def _within_dialog(self, request: SipRequest) -> SipResponse:
        for each in self._dialogs:
            response = each.serve(request)
            if response is not None:
                return response
        return SipResponse(481, "Call/Transaction Does Not Exist")

    def _third_party(self, request: SipRequest) -> SipResponse:
        news = read_third_party(request)
        if self._serves(news.aor):
            self._take(news)
        # Whoever is no client here is none of ours to refuse: the core could end his registration.
        return SipResponse(200, "OK", SipHeaders((("Expires", str(news.expires_s)),)))

    def _take(self, news: RegistrationNews) -> None:
        registrations = self._line.registrations
        if news.is_all:
            registrations.gone(news.aor)
            return
        here, gone = known_by_news(news, self._line.clock())
        if gone:
            registrations.gone(news.aor, gone)
        if news.is_registered:
            registrations.told(news.aor, here)

    def _capabilities(self, request: SipRequest) -> SipResponse:
        if address_of_record(request.uri) not in (self._line.sender.uri, None):
            own_host = self._line.caller.core.contact()
            if not request.uri.rpartition("@")[2].startswith(own_host):
                return SipResponse(404, "Not Found")
        user = _who(request)
        if user is None or not self._serves(user):
            return SipResponse(403, "Forbidden")
        lasts = expires(request)
        ends = until(self._line.clock(), LONGEST_S if lasts is None else min(lasts, LONGEST_S))
        device = device_told_by(request.headers, user, Source.OPTIONS, ends)
        if device is not None:
            told = replace(device, until_is_told=lasts is not None)
            self._line.registrations.told(user, [told])
        # It is for pushes to any application.
        contact = contact_of(self._line.contact, PushFeatures((ANY,)))
        return options_answer(contact, (("Accept", CONTENT_TYPE),), methods=GATEWAY_METHODS)


def _who(request: SipRequest) -> str | None:
    """Return the user that the core says has sent it; ``None``: it does not say.

    From does not count: everybody may write the name of somebody else there (RFC 3325).
    """
    for value in request.headers.listed("P-Asserted-Identity"):
        user = address_of_record(NameAddress.parse(value).uri)
        if user is not None:
            return user
    return None


_REASONS = {
    413: "Request Entity Too Large",
    416: "Unsupported URI Scheme",
    505: "Version Not Supported",
}
