"""One connection to a terminal, whoever dialled it: its registration, and one outcome a push.

A :class:`TerminalConnection` turns the indications of its session into awaitable results, and
nothing else: no queue, no retry, no store.
"""

from __future__ import annotations

import asyncio
import enum

from omapush.core.instants import Instant
from omapush.core.peer_certificate import PeerCertificate
from omapush.ota.http.ppg import HttpPpgRequest
from omapush.ota.interface import (
    BearerUnavailable,
    ConnectionLink,
    OutcomeKind,
    PomRegisterReq,
    PpgIndication,
    PpgRequest,
    PushOutcome,
    RegistrationInd,
    SessionFailedInd,
)
from omapush.ppg.reach import RegistrationFailedError


class Method(enum.StrEnum):
    """Who has dialled (WAP-235 7.2.4)."""

    TO_TCP = "TO-TCP"
    PO_TCP = "PO-TCP"


class TerminalConnection:
    """A connection on which the terminal has registered, or is about to.

    :param where: the peer's address, for people.
    :param since: when it was taken into use.
    :param secure: it is by TLS.
    :ivar is_noted: the timeline of a push tells of it already.
    :ivar registered_at: when the latest registration came; set by whoever keeps the connection.
    """

    __slots__ = (
        "_failure",
        "_link",
        "_outcomes",
        "_registration",
        "_retired",
        "_waiting",
        "is_noted",
        "method",
        "registered_at",
        "secure",
        "since",
        "where",
    )

    def __init__(
        self,
        method: Method,
        where: str,
        since: Instant,
        link: ConnectionLink[HttpPpgRequest] | None = None,
        *,
        secure: bool = False,
    ) -> None:
        self.method = method
        self.where = where
        self.since = since
        self.secure = secure
        self.registered_at = Instant(0)
        self.is_noted = False
        self._link = link
        self._registration: RegistrationInd | None = None
        self._waiting: asyncio.Future[RegistrationInd] | None = None
        # Most connections of a gateway carry nothing most of the time.
        self._outcomes: dict[str, asyncio.Future[PushOutcome]] | None = None
        self._failure: BearerUnavailable | RegistrationFailedError | None = None
        self._retired = ""

    @property
    def how(self) -> str:
        """How it came about, for the timeline."""
        towards = "from" if self.method is Method.TO_TCP else "to"
        by_tls = " by TLS" if self.secure else ""
        return f"{self.method.value} {towards} {self.where}{by_tls}"

    @property
    def usable(self) -> bool:
        """Whether pushes can be handed to it."""
        return self._registration is not None and self._failure is None and not self._retired

    @property
    def is_idle(self) -> bool:
        """Whether no push waits for its answer."""
        return not self._outcomes

    @property
    def under_way(self) -> int:
        """How many pushes wait for their answers."""
        return len(self._outcomes or ())

    @property
    def registration(self) -> RegistrationInd:
        """The latest registration. :raises RuntimeError: not registered yet."""
        if self._registration is None:
            raise RuntimeError("the terminal has not registered yet")
        return self._registration

    @property
    def peer_certificate(self) -> PeerCertificate | None:
        """What the verified certificate of the terminal says; ``None``: there is none."""
        return None if self._link is None else self._link.peer_certificate

    async def opened(self, link: ConnectionLink[HttpPpgRequest]) -> RegistrationInd:
        """Use a link that was just dialled, and wait until the terminal has registered on it.

        :raises BearerUnavailable: the connection ended before.
        :raises RegistrationFailedError: the terminal answered, but not with a registration.
        """
        self._link = link
        if self._registration is not None:
            return self._registration
        return await asyncio.shield(self._next_registration())

    async def register_again(self) -> RegistrationInd:
        """Ask the terminal anew what it takes (WAP-235 7.2.5).

        :raises BearerUnavailable: the connection ended.
        :raises RegistrationFailedError: the terminal answered, but not with a registration.
        """
        next_registration = self._next_registration()
        if self._link is not None:
            self._link.request(PomRegisterReq())
        return await asyncio.shield(next_registration)

    async def push(self, request: PpgRequest) -> PushOutcome:
        """Send one push and wait for its end; the session bounds the wait."""
        if self._outcomes is None:
            self._outcomes = {}
        outcome = self._outcomes.get(request.delivery_id)
        if outcome is not None:
            # Under way already: its lease ran out meanwhile. Both get the one end.
            return await asyncio.shield(outcome)
        if self._failure is not None or self._retired or self._link is None:
            # Octets that go to a closing connection are lost, and would count as sent.
            reason = "the connection closed before the push was sent"
            return PushOutcome(request.delivery_id, OutcomeKind.LATER, reason)
        outcome = self._outcomes[request.delivery_id] = asyncio.get_running_loop().create_future()
        try:
            self._link.request(request)
        except BaseException:
            self._outcomes.pop(request.delivery_id, None)  # nobody will end it
            raise
        return await asyncio.shield(outcome)

    def retire(self, reason: str) -> None:
        """Take no more pushes; close when those under way have ended."""
        self._retired = reason
        self._close_if_retired()

    def indication(self, indication: PpgIndication) -> None:
        """Take what the session tells."""
        match indication:
            case RegistrationInd():
                self._registration = indication
                if self._waiting is not None and not self._waiting.done():
                    self._waiting.set_result(indication)
            case PushOutcome(delivery_id=delivery_id):
                outcome = (self._outcomes or {}).pop(delivery_id, None)
                if outcome is not None:
                    outcome.set_result(indication)
                    self._close_if_retired()
            case SessionFailedInd(reason=reason, may_retry=may_retry, status=status):
                self._fail(RegistrationFailedError(reason, may_retry=may_retry, status=status))

    def ended(self, reason: str) -> None:
        """Take the end of the connection; what was under way is in doubt."""
        self._fail(BearerUnavailable(reason))
        outcomes, self._outcomes = self._outcomes or {}, None
        for delivery_id, outcome in outcomes.items():
            outcome.set_result(PushOutcome(delivery_id, OutcomeKind.IN_DOUBT, reason))

    def _next_registration(self) -> asyncio.Future[RegistrationInd]:
        if self._failure is not None:
            raise self._failure
        if self._waiting is None or self._waiting.done():
            self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    def _fail(self, error: BearerUnavailable | RegistrationFailedError) -> None:
        if self._failure is not None:
            return
        self._failure = error
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
            # Mark as seen: whoever waited may have been cancelled, and then nobody awaits it.
            self._waiting.exception()

    def _close_if_retired(self) -> None:
        if self._retired and not self._outcomes and self._link is not None:
            self._link.close(self._retired)
