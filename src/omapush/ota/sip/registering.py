"""The client's registration with the core: begun, kept, changed, lost and ended (RFC 3261 10.2).

::

                 register                2xx
    UNREGISTERED ───────► REGISTERING ────────► REGISTERED ──┐ refreshed before it ends,
        ▲  ▲                │  ▲  │                │  ▲      │ and at once when what it
        │  │  no answer,5xx │  │  │ 403, 404 ...   │  └──────┘ says has changed
        │  │                ▼  │  ▼                │ deregister
        │  │             WAITING  REFUSED          ▼
        │  └──────────────────────────────── DEREGISTERING
        └─ the flow is lost, or it ran out: REGISTERING again

At most one REGISTER is under way: a change waits for the answer to the one before. A core that has
lost all bindings is told everything by the next refresh. Without input or output: ``requests``
hands out what is to be sent, and the shell tells what came of it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, replace

from omapush.core.backoff import Backoff
from omapush.core.errors import OmapushError
from omapush.core.instants import DAY_MS, MINUTE_MS, SECOND_MS, Instant, later
from omapush.ota.push_headers import printable
from omapush.ota.sip.granted import Granted, min_expires_s, read_granted
from omapush.ota.sip.push_features import PushFeatures
from omapush.ota.sip.repeating import CHALLENGES, Authenticator
from omapush.ota.sip.requests import Names, Sender, register
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.header_fields import NameAddress, parse_retry_after
from omapush.protocols.sip.message import SipRequest, SipResponse
from omapush.protocols.sip.parameters import Parameters

FIRST_RETRY_MS = 30 * SECOND_MS
LONGEST_RETRY_MS = 30 * MINUTE_MS
MAX_AT_ONCE = 8
"""REGISTERs in a row without a wait: for credentials, for a longer time, without outbound."""
LONGEST_EXPIRES_S = 7 * DAY_MS // SECOND_MS
"""No registrar is asked for longer, whatever it wants."""

# The registrar cannot answer now, or nobody there could be asked.
_FOR_NOW = frozenset((408, 430, 480, 486, 491))
_TOO_BRIEF = 423
_NO_OUTBOUND = 439


@dataclass(frozen=True, slots=True)
class RegisteringSettings:
    """Who registers where.

    :ivar aor: the address of record, a URI.
    :ivar registrar: the URI of its domain.
    :ivar instance: the URN of this device, the same for ever.
    :ivar expires_s: for how long; the registrar may grant less.
    :ivar outbound: keep the connection with the binding, where the core can (RFC 5626).
    """

    aor: str
    registrar: str
    instance: str
    expires_s: int = 600
    outbound: bool = False
    path: bool = True
    first_retry_ms: int = FIRST_RETRY_MS
    longest_retry_ms: int = LONGEST_RETRY_MS


class RegistrationState(enum.Enum):
    """How the registration stands; the value is for people."""

    UNREGISTERED = "not registered"
    REGISTERING = "registering"
    REGISTERED = "registered"
    WAITING = "waiting to try again"
    REFUSED = "refused"
    DEREGISTERING = "deregistering"


@dataclass(frozen=True, slots=True)
class RegisteredInd:
    """The core has the binding.

    :ivar features: that are registered now.
    :ivar has_changed: it is new, or says something else than before: the gateway is to be told.
    """

    granted: Granted
    features: PushFeatures
    has_changed: bool


@dataclass(frozen=True, slots=True)
class NotRegisteredInd:
    """A try failed, or the binding is lost.

    :ivar status: of the answer; ``None``: there was none.
    :ivar may_retry: it is tried again, without being asked to.
    :ivar still_holds: the binding of before has not run out yet.
    :ivar authentication: the credentials did not hold.
    """

    reason: str
    status: int | None = None
    may_retry: bool = True
    still_holds: bool = False
    authentication: bool = False


@dataclass(frozen=True, slots=True)
class DeregisteredInd:
    """The binding was taken back, as asked for; the core may not have heard of it."""

    reason: str


RegistrationIndication = RegisteredInd | NotRegisteredInd | DeregisteredInd


@dataclass(frozen=True, slots=True)
class SendRegister:
    """A REGISTER to send; ``key`` names it in what is told of it."""

    key: int
    request: SipRequest


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the core is to know: where requests go to, and what is taken there."""

    contact: str
    features: PushFeatures


@dataclass(frozen=True, slots=True)
class _Sent:
    """The REGISTER under way."""

    key: int
    request: SipRequest
    wanted: _Wanted
    contact: NameAddress
    expires_s: int

    @property
    def is_ending(self) -> bool:
        return self.expires_s == 0


class Registering:
    """The registration of one device. No clock: every call is given ``now``.

    After each call :meth:`requests`, then :meth:`indications`, then :meth:`next_timer` are to be
    looked at.

    :param new_token: returns a random text, fit for Call-IDs and tags.
    :param spread: from 0 to 1, so that not all clients come back at once.
    """

    def __init__(
        self,
        settings: RegisteringSettings,
        authenticator: Authenticator | None,
        new_token: Callable[[], str],
        spread: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._new_token = new_token
        self._backoff = Backoff(settings.first_retry_ms, settings.longest_retry_ms, spread)
        self._call_id = new_token()
        self._cseq = 0
        self._expires_s = settings.expires_s
        self._outbound = settings.outbound
        self._wanted: _Wanted | None = None
        self._registered: tuple[_Wanted, Granted] | None = None
        self._told: PushFeatures | None = None  # what the last RegisteredInd said
        self._sent: _Sent | None = None
        self._retry_at: Instant | None = None
        self._is_refused = False
        self._is_ending = False
        self._at_once = 0
        self._last_answer = ""
        self._requests: list[SendRegister] = []
        self._indications: list[RegistrationIndication] = []

    # -- what is asked from above --

    def register(self, contact: str, features: PushFeatures, now: Instant) -> None:
        """Register, or change what is registered; at once, if nothing is under way.

        After a failure the wait goes on, unless the address is another: the network has changed.

        :param contact: the URI at which this device receives.
        """
        wanted = _Wanted(contact, features)
        if self._wanted is not None and self._wanted.contact != contact:
            self._retry_at = None
        if wanted != self._wanted:
            self._is_refused = False
        self._wanted, self._is_ending = wanted, False
        self._go_on(now)

    def deregister(self, now: Instant) -> None:
        """Take the binding back."""
        self._wanted, self._is_ending = None, True
        self._retry_at, self._is_refused = None, False
        self._go_on(now)

    def refresh(self, now: Instant) -> None:
        """Register again before the time has come: the core may have forgotten this end."""
        if self._registered is not None:
            wanted, granted = self._registered
            self._registered = wanted, replace(granted, refresh_at=now)
        self._go_on(now)

    def flow_lost(self, reason: str, now: Instant) -> None:
        """The connection to the core is gone, and requests cannot come by it: register again."""
        if self._registered is not None:
            self._lose(NotRegisteredInd(reason))
            self._retry_at = None
        self._go_on(now)

    # -- what comes of a request --

    def answered(self, key: int, response: SipResponse, now: Instant) -> None:
        """Take the final answer to a REGISTER."""
        sent = self._taken_back(key)
        if sent is None:
            return
        self._last_answer = f"{response.status} {printable(response.reason)}".rstrip()
        if not self._send_again(sent, response, now):
            if response.is_success:
                self._succeeded(sent, response, now)
            else:
                self._refused_or_put_off(sent, response, now)
        self._go_on(now)

    def failed(self, key: int, reason: str, now: Instant) -> None:
        """Take it that no answer came, or that the request could not be sent."""
        sent = self._taken_back(key)
        if sent is not None:
            self._last_answer = reason
            self._put_off(sent, NotRegisteredInd(reason), None, now)
            self._go_on(now)

    # -- time --

    def next_timer(self) -> Instant | None:
        """When :meth:`handle_timer` wants to be called."""
        due = [] if self._registered is None else [self._registered[1].expires_at]
        if self._sent is None and self._retry_at is not None:
            due.append(self._retry_at)
        elif self._sent is None and self._registered is not None and not self._is_refused:
            due.append(self._registered[1].refresh_at)
        return min(due, default=None)

    def handle_timer(self, now: Instant) -> None:
        """Refresh, try again, or notice that the binding has run out."""
        if self._registered is not None and now >= self._registered[1].expires_at:
            self._lose(NotRegisteredInd("the registration has run out"))
        self._go_on(now)

    # -- what is to be done, and what is known --

    def requests(self) -> list[SendRegister]:
        """Hand out what is to be sent."""
        requests, self._requests = self._requests, []
        return requests

    def indications(self) -> list[RegistrationIndication]:
        """Hand out what is to be told above."""
        indications, self._indications = self._indications, []
        return indications

    @property
    def state(self) -> RegistrationState:
        """How the registration stands; it is still one while it is refreshed."""
        if self._sent is not None and self._sent.is_ending:
            return RegistrationState.DEREGISTERING
        if self._registered is not None:
            return RegistrationState.REGISTERED
        if self._sent is not None:
            return RegistrationState.REGISTERING
        if self._retry_at is not None:
            return RegistrationState.WAITING
        return RegistrationState.REFUSED if self._is_refused else RegistrationState.UNREGISTERED

    @property
    def granted(self) -> Granted | None:
        """What the registrar granted, while it holds."""
        return None if self._registered is None else self._registered[1]

    @property
    def last_answer(self) -> str:
        """How the last REGISTER ended, for people."""
        return self._last_answer

    # -- decisions --

    def _go_on(self, now: Instant) -> None:
        """Send what has to be sent now."""
        if self._sent is not None:
            return
        if self._wanted is None:
            self._end(now)
        elif not self._is_refused and (self._retry_at is None or now >= self._retry_at):
            known = self._registered
            if known is None or known[0] != self._wanted or now >= known[1].refresh_at:
                self._send(self._wanted, self._expires_s)

    def _end(self, now: Instant) -> None:
        if self._registered is not None:
            self._send(self._registered[0], 0)
        elif self._is_ending:
            self._is_ending = False
            self._indications.append(DeregisteredInd(self._last_answer))

    def _send(self, wanted: _Wanted, expires_s: int) -> None:
        self._retry_at = None
        contact = self._contact(wanted)
        values = [str(contact)]
        before = self._registered
        if before is not None and before[0].contact != wanted.contact and not self._outbound:
            # With outbound the new contact takes the place of the old one by itself.
            values.append(f"<{before[0].contact}>;expires=0")
        supported = ["path"] if self._settings.path else []
        supported += ["gruu", "outbound"] if self._outbound else ["gruu"]
        names = Names(self._call_id, self._new_token(), self._next_cseq())
        request = register(
            Sender(self._settings.aor),
            names,
            self._settings.registrar,
            ", ".join(values),
            expires_s,
            supported=supported,
        )
        if self._authenticator is not None:
            request = self._authenticator.authorise(request)
        self._take_under_way(_Sent(self._cseq, request, wanted, contact, expires_s))

    def _take_under_way(self, sent: _Sent) -> None:
        self._sent = sent
        self._requests.append(SendRegister(sent.key, sent.request))

    def _contact(self, wanted: _Wanted) -> NameAddress:
        uri = f"{wanted.contact};ob" if self._outbound else wanted.contact
        parameters = Parameters().with_("+sip.instance", f"<{self._settings.instance}>", quote=True)
        if self._outbound:
            parameters = parameters.with_("reg-id", "1")
        features = Parameters.parse("".join(f";{one}" for one in wanted.features.parameters()))
        return NameAddress(None, uri, Parameters((*parameters.items, *features.items)))

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def _taken_back(self, key: int) -> _Sent | None:
        """Return the request under way, which is none from now; ``None``: it is another."""
        sent = self._sent
        if sent is None or sent.key != key:
            return None
        self._sent = None
        return sent

    # -- answers --

    def _send_again(self, sent: _Sent, response: SipResponse, now: Instant) -> bool:
        """Do at once what an answer asks for; return whether it asks for something."""
        self._at_once += 1
        if self._at_once > MAX_AT_ONCE:
            return False
        if response.status in CHALLENGES:
            return self._authenticate(sent, response)
        if response.status == _TOO_BRIEF and not sent.is_ending:
            least = min_expires_s(response) or 0
            if sent.expires_s < least <= LONGEST_EXPIRES_S:
                self._expires_s = least
                return True
        if response.status == _NO_OUTBOUND and self._outbound:
            self._outbound = False
            return True
        return False

    def _authenticate(self, sent: _Sent, response: SipResponse) -> bool:
        if self._authenticator is None:
            return False
        try:
            request = self._authenticator.answer(sent.request, response)
        except OmapushError:
            return False
        if request is None:
            return False
        headers = request.headers.replaced("CSeq", f"{self._next_cseq()} REGISTER")
        self._take_under_way(replace(sent, key=self._cseq, request=request.with_headers(headers)))
        return True

    def _succeeded(self, sent: _Sent, response: SipResponse, now: Instant) -> None:
        self._at_once = 0
        if sent.is_ending:
            self._registered = self._told = None
            return
        granted = read_granted(response, sent.contact, sent.expires_s, now)
        if granted is None:
            self._registered = None
            reason = "the registrar has answered, and has not kept the binding"
            self._put_off(sent, NotRegisteredInd(reason, response.status), None, now)
            return
        self._backoff.reset()
        is_new = self._registered is None or self._registered[0].contact != sent.wanted.contact
        has_changed = is_new or self._told != sent.wanted.features
        self._registered, self._told = (sent.wanted, granted), sent.wanted.features
        self._indications.append(RegisteredInd(granted, sent.wanted.features, has_changed))

    def _refused_or_put_off(self, sent: _Sent, response: SipResponse, now: Instant) -> None:
        reason = f"the registrar answered {self._last_answer}"
        if response.status in _FOR_NOW or 500 <= response.status <= 599:
            told = NotRegisteredInd(reason, response.status)
            self._put_off(sent, told, _retry_after_ms(response), now)
            return
        self._at_once = 0
        self._registered = self._told = None
        if not sent.is_ending:
            # What has been changed meanwhile may fare better.
            self._is_refused = self._wanted == sent.wanted
            is_login = response.status in CHALLENGES
            self._indications.append(
                NotRegisteredInd(reason, response.status, may_retry=False, authentication=is_login)
            )

    def _put_off(
        self, sent: _Sent, told: NotRegisteredInd, wait_ms: int | None, now: Instant
    ) -> None:
        self._at_once = 0
        if sent.is_ending:
            # The core will find out when the registration runs out.
            self._registered = self._told = None
        if self._wanted is None:
            return
        self._retry_at = later(now, max(self._backoff.wait_ms(), wait_ms or 0))
        self._indications.append(replace(told, still_holds=self._registered is not None))

    def _lose(self, told: NotRegisteredInd) -> None:
        self._registered = self._told = None
        if self._wanted is not None:
            self._indications.append(told)


def _retry_after_ms(response: SipResponse) -> int | None:
    value = response.headers.first("Retry-After")
    try:
        seconds = 0 if value is None else parse_retry_after(value).seconds
    except BadSipMessage:
        return None
    return min(seconds * SECOND_MS, DAY_MS)
