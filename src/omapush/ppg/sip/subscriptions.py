"""Subscriptions to the registrations of users to whom pushes go: the reg event package (RFC 3680).

Not every core tells of registrations by itself. A subscription is begun with the first push to a
user, and renewed as long as the core takes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace

import structlog

from omapush.core.instants import HOUR_MS, Instant, later
from omapush.ota.interface import BearerUnavailable
from omapush.ota.sip.requests import REGISTRATION_INFO, subscribe
from omapush.ppg.sip.address_of_record import address_of_record, device_of_user, is_device
from omapush.ppg.sip.devices import device_of
from omapush.ppg.sip.line import SipLine
from omapush.ppg.sip.registrations import Device, Source, until
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.dialog import Dialog
from omapush.protocols.sip.header_fields import cseq, expires
from omapush.protocols.sip.message import Field, SipRequest, SipResponse
from omapush.protocols.sip.reginfo import (
    EVENT_PACKAGE,
    ContactState,
    RegInfo,
    WatchedContact,
    merged,
    read_reginfo,
)

log = structlog.get_logger(__name__)

EXPIRES_S = 3_600
"""So long a subscription is asked for."""
RENEWED_AT = 0.9
"""Part of its time after which a subscription is renewed."""
REFUSED_MS = HOUR_MS
"""A core that refuses a subscription is not asked for it again before."""
MOST_REFUSED = 10_000


@dataclass(slots=True)
class _Subscription:
    """:ivar dialog: ``None`` until the core has answered. :ivar known: what its news add up to."""

    user: str
    call_id: str
    dialog: Dialog | None = None
    known: RegInfo | None = None
    timer: asyncio.TimerHandle | None = None

    def rest(self) -> None:
        """Renew nothing."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Subscriptions:
    """The subscriptions of this gateway; at most ``limit``."""

    def __init__(self, line: SipLine, limit: int = 100_000) -> None:
        self._line = line
        self._limit = limit
        self._by_user: dict[str, _Subscription] = {}
        self._by_call: dict[str, _Subscription] = {}
        self._refused: dict[str, Instant] = {}
        self._work: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._by_user)

    def wanted(self, user: str) -> None:
        """A push goes to this user: subscribe, unless it is done or was refused not long ago."""
        if user in self._by_user or len(self._by_user) >= self._limit:
            return
        if self._line.clock() < self._refused.get(user, Instant(0)):
            return
        names = self._line.names()
        begun = _Subscription(user, names.call_id)
        # Before the answer: the first news may be quicker (RFC 6665 4.1.2.4).
        self._by_user[user] = self._by_call[names.call_id] = begun
        request = subscribe(self._line.sender, names, user, self._line.contact, EXPIRES_S)
        self._later(self._begin(begun, request))

    def serve(self, request: SipRequest) -> SipResponse | None:
        """Answer a NOTIFY; see ``application_server.DialogRequests``."""
        one = self._by_call.get(request.headers.first("Call-ID") or "")
        if one is None or request.method != "NOTIFY":
            return None
        if (request.headers.first("Event") or "").partition(";")[0].strip() != EVENT_PACKAGE:
            return SipResponse(489, "Bad Event")
        if request.body:
            self._take(one, request.body)
        state = (request.headers.first("Subscription-State") or "").partition(";")[0].strip()
        if state.lower() == "terminated":
            self._drop(one)
        return SipResponse(200, "OK")

    async def close(self) -> None:
        """Renew nothing any more; the core's news are answered by 481, which ends them."""
        for one in list(self._by_user.values()):
            self._drop(one)
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    async def _begin(self, one: _Subscription, request: SipRequest) -> None:
        line = self._line
        try:
            answered = await line.caller.send(request, line.settings.response_ms)
            if not answered.response.is_success:
                self._refuse(one, f"SIP {answered.response.status}")
                return
            one.dialog = Dialog.of_response(answered.request, answered.response)
            self._renew_after(one, expires(answered.response))
        except (BearerUnavailable, BadSipMessage) as error:
            self._refuse(one, error.reason)

    async def _renew(self, one: _Subscription) -> None:
        line = self._line
        if one.dialog is None:
            return
        fields: tuple[Field, ...] = (
            ("Contact", f"<{line.contact}>"),
            ("Event", EVENT_PACKAGE),
            ("Accept", REGISTRATION_INFO),
            ("Expires", str(EXPIRES_S)),
        )
        try:
            request = one.dialog.request("SUBSCRIBE", *fields)
            answered = await line.caller.send(request, line.settings.response_ms)
            # Credentials that were asked for took a number, too (RFC 3261 12.2.1.1).
            one.dialog.local_sequence = cseq(answered.request).number
            if answered.response.is_success:
                one.dialog.refresh(answered.response)
                self._renew_after(one, expires(answered.response))
                return
            reason = f"SIP {answered.response.status}"
        except (BearerUnavailable, BadSipMessage) as error:
            reason = error.reason
        # With the next push it is begun anew.
        log.info("subscription_ended", user=one.user, reason=reason)
        self._drop(one)

    def _renew_after(self, one: _Subscription, granted_s: int | None) -> None:
        one.rest()
        if self._by_user.get(one.user) is not one:
            return  # it has ended while it was renewed
        seconds = max(1, min(granted_s or EXPIRES_S, EXPIRES_S))
        loop = asyncio.get_running_loop()
        one.timer = loop.call_later(RENEWED_AT * seconds, lambda: self._later(self._renew(one)))

    def _take(self, one: _Subscription, body: bytes) -> None:
        try:
            known = merged(one.known, read_reginfo(body))
        except BadSipMessage as error:
            log.info("registration_news_not_read", user=one.user, reason=error.reason)
            return
        if known is None:  # some were lost: the answer to a renewal tells all
            self._later(self._renew(one))
            return
        if known is one.known:
            return
        one.known = known
        for registration in known.registrations:
            if address_of_record(registration.aor) == one.user:
                self._tell(one.user, registration.contacts)

    def _tell(self, user: str, contacts: tuple[WatchedContact, ...]) -> None:
        here: list[Device] = []
        gone: list[str] = []
        now = self._line.clock()
        for contact in contacts:
            device = device_of(contact.address, user, Source.REG_EVENT, until(now, contact.expires))
            if contact.state is ContactState.ACTIVE:
                here.append(replace(device, gruu=_own(contact.pub_gruu, user) or device.gruu))
            else:
                gone.append(device.key)
        if gone:
            self._line.registrations.gone(user, gone)
        if here:
            self._line.registrations.told(user, here)

    def _refuse(self, one: _Subscription, reason: str) -> None:
        log.info("subscription_refused", user=one.user, reason=reason)
        self._drop(one)
        while len(self._refused) >= MOST_REFUSED:
            del self._refused[next(iter(self._refused))]
        self._refused[one.user] = later(self._line.clock(), REFUSED_MS)

    def _drop(self, one: _Subscription) -> None:
        one.rest()
        self._by_call.pop(one.call_id, None)
        if self._by_user.get(one.user) is one:
            del self._by_user[one.user]

    def _later(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)


def _own(gruu: str | None, user: str) -> str | None:
    """Return a GRUU if it is one of the user."""
    if gruu is None or not is_device(gruu) or address_of_record(gruu) != user:
        return None
    return device_of_user(user, gruu)
