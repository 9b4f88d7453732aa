"""The client's registration at the core, with everything that all its applications need there.

``ota.sip.registering`` says what is registered and when; this is its shell: it sends, wakes it,
keeps the connection (``flow``) and has gateways told (``gateways``).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from omapush.cai.model import Reason
from omapush.client.binding.binder import BindingFailed
from omapush.client.binding.push_receiver import PushReceiver
from omapush.client.sip.account import Account
from omapush.client.sip.exchange import AuthenticatedExchange
from omapush.client.sip.flow import Flow
from omapush.client.sip.gateways import ToldGateways
from omapush.client.sip.standing import (
    NO_APPLICATIONS,
    Applications,
    Condition,
    GatewayStanding,
    Standing,
)
from omapush.client.sip.status import GatewayStatus, SipStatus
from omapush.client.sip.user_agent import UserAgentRules
from omapush.client.sip.waiters import Waiters
from omapush.core.errors import OmapushError
from omapush.core.instants import MINUTE_MS, SECOND_MS, Instant
from omapush.ota.interface import BearerUnavailable, SecurityFailure
from omapush.ota.sip.core import NoFinalAnswer, SipCore
from omapush.ota.sip.push_features import PushFeatures
from omapush.ota.sip.registering import (
    DeregisteredInd,
    NotRegisteredInd,
    RegisteredInd,
    Registering,
    RegisteringSettings,
    RegistrationState,
    SendRegister,
)
from omapush.ota.sip.requests import Names, Sender, options
from omapush.protocols.sip.digest import DigestClient
from omapush.protocols.sip.hop import Transport
from omapush.protocols.sip.message import SipRequest

log = structlog.get_logger(__name__)

REFUSED_AGAIN_MS = 30 * MINUTE_MS
"""After which a core that refused is asked again, as long as an application was up before."""
FAREWELL_MS = 2 * SECOND_MS
"""How long the core may take to hear that nobody is there any more."""


class SipRegistration:
    """Implements ``client.sip.binder.CoreRegistration``.

    :ivar on_change: is called when the registration stands otherwise than before, or a gateway has
        said something.
    :param digest: proves who the user is; ``None``: there is no password.
    """

    def __init__(
        self,
        account: Account,
        core: SipCore,
        digest: DigestClient | None,
        receiver: PushReceiver,
        rules: UserAgentRules,
        clock: Callable[[], Instant],
    ) -> None:
        self.on_change: Callable[[], None] = _nothing
        self._account = account
        self._core = core
        self._receiver = receiver
        self._rules = rules
        self._clock = clock
        self._machine = Registering(
            RegisteringSettings(
                account.aor,
                account.registrar,
                account.instance,
                account.expires_s,
                account.outbound,
            ),
            digest,
            account.new_token,
            account.spread,
        )
        self._flow = Flow(core, self._opened, self._not_opened, account.spread)
        exchange = AuthenticatedExchange(core, digest)
        self._gateways = ToldGateways(
            account.gateways, self._options, exchange.send, self._gateway_said
        )
        self._wanted = NO_APPLICATIONS
        self._features = PushFeatures()
        self._asked: dict[PushFeatures, Applications] = {}
        self._known: PushFeatures | None = None
        self._standing = Standing(Condition.IDLE)
        self._answered_at: Instant | None = None
        self._failure: OmapushError | None = None
        self._contact_before = self._contact_seen = ""
        self._waiters = Waiters()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_running = False

    # -- client.sip.binder.CoreRegistration --

    @property
    def standing(self) -> Standing:
        return self._standing

    def gateway(self, uri: str) -> GatewayStanding:
        return self._gateways.of(uri)

    def want(self, applications: Applications, gateways: tuple[str, ...]) -> None:
        self._gateways.name(gateways)
        self._wanted = applications
        hidden = self._rules.hides_applications
        ids, instances = applications.ids, applications.instances
        self._features = PushFeatures.declared(ids, instances, hidden=hidden)
        self._asked[self._features] = applications
        self._asked = {  # what is neither wanted nor known is of no use any more
            features: asked
            for features, asked in self._asked.items()
            if features in (self._features, self._known)
        } | {self._features: applications}
        if self._standing.condition is Condition.REGISTERED and self._known == self._features:
            self._stand(replace(self._standing, applications=applications))
        self._go()

    def announce(self) -> None:
        self._gateways.outdate()
        self._tell_gateways()

    async def settled(self) -> None:
        if self._is_settled():
            return
        if self._standing.condition in (Condition.LOST, Condition.REFUSED):
            raise self._not_settled()
        await self._waiters.wait()

    # -- life --

    def start(self) -> None:
        """Begin: the sockets are open."""
        self._is_running = True
        self._go()

    async def close(self) -> None:
        """Tell the core that nobody is there any more, unless it does not answer soon."""
        self._is_running = False
        await self._gateways.close()
        await self._flow.close()
        self._machine.deregister(self._clock())
        self._drive()
        if self._timer is not None:
            self._timer.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_MS / SECOND_MS):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        late = list(self._tasks)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def look(self) -> None:
        """The network may have changed: if the address has, the core is told the new one."""
        if not self._is_running or not self._wanted.ids:
            return
        contact, before = self.contact_uri(), self._contact_seen
        self._contact_seen = contact
        if self._is_reachable():
            self._machine.register(contact, self._features, self._clock())
            self._drive()
        elif contact != before:
            self._flow.hasten()

    def ask(self) -> None:
        """A gateway wants to be told (SIR): register, and tell gateways.

        A gateway asks whom the core does not know; so a registration that is believed to hold is
        refreshed. A core that was away, or refused, is tried now.
        """
        if not self._is_reachable():
            self._flow.hasten()
        elif self._standing.condition in (Condition.LOST, Condition.REFUSED):
            self._machine.deregister(self._clock())  # the wait is over with it
            self._machine.indications()
        elif self.is_registered:
            self._machine.refresh(self._clock())
        self._go()
        self.announce()

    # -- for people, and for others --

    @property
    def is_registered(self) -> bool:
        """Whether the core knows the client."""
        return self._standing.condition is Condition.REGISTERED

    def contact_uri(self) -> str:
        """Return the URI at which this device receives."""
        return self._account.contact_at(self._core.contact())

    def contact(self) -> str:
        """Return the value of Contact in what is told of this end: its GRUU, if it has one."""
        return ";".join((f"<{self._address()}>", *self._features.parameters()))

    def status(self) -> SipStatus:
        """Return how it stands."""
        granted = self._machine.granted
        standing = self._standing
        return SipStatus(
            aor=self._account.aor,
            core=self._account.core,
            condition=standing.condition,
            instance=self._account.instance,
            contact=self.contact_uri() if self._is_running else "",
            gruu=(granted.public_gruu or "") if granted is not None else "",
            tags=self._features.parameters(),
            applications=standing.applications,
            expires=standing.expires,
            next_try=self._machine.next_timer() if standing.condition is Condition.LOST else None,
            last_answer=self._machine.last_answer or standing.detail,
            answered_at=self._answered_at,
            gateways=tuple(
                GatewayStatus(uri, one.is_told, one.said)
                for uri, one in self._gateways.standings.items()
            ),
        )

    # -- driving the machine --

    def _go(self) -> None:
        """Have the core know what is wanted."""
        if not self._is_running:
            return
        if not self._wanted.ids:
            self._machine.deregister(self._clock())
        elif self._is_reachable():
            self._machine.register(self.contact_uri(), self._features, self._clock())
            if self._machine.state is RegistrationState.REGISTERING:
                self._begin()
        else:
            self._begin()
            self._flow.want()
            return
        self._drive()

    def _begin(self) -> None:
        """What the core said before is said of another registration."""
        if self._standing.condition in (Condition.IDLE, Condition.REFUSED):
            self._stand(Standing(Condition.REGISTERING))

    def _is_reachable(self) -> bool:
        return self._account.transport is Transport.UDP or self._flow.is_open

    def _drive(self) -> None:
        for one in self._machine.requests():
            self._spawn(self._send(one))
        for indication in self._machine.indications():
            self._told(indication)
        self._arm()
        if self._is_settled():
            self._waiters.settled()

    async def _send(self, one: SendRegister) -> None:
        try:
            response = await self._core.send(one.request)
        except OmapushError as error:
            self._failure = error
            self._answered_at = None
            self._machine.failed(one.key, error.reason, self._clock())
        except Exception:  # a fault of ours: it is tried again all the same
            log.exception("registration_broke", aor=self._account.aor)
            self._machine.failed(one.key, "a fault of the client", self._clock())
        else:
            self._failure = None
            self._answered_at = self._clock()
            self._machine.answered(one.key, response, self._clock())
        self._drive()

    def handle_timer(self) -> None:
        """Refresh, or try again, if it is time."""
        self._machine.handle_timer(self._clock())
        self._drive()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not (self._is_running and self._is_reachable()):
            return  # what is due waits for the connection
        loop, due = asyncio.get_running_loop(), self._machine.next_timer()
        if due is not None:
            delay = max(0, due - self._clock()) / SECOND_MS
            self._timer = loop.call_later(delay, self.handle_timer)
        elif self._machine.state is RegistrationState.REFUSED:
            self._timer = loop.call_later(REFUSED_AGAIN_MS / SECOND_MS, self.ask)

    # -- what the machine says --

    def _told(self, indication: RegisteredInd | NotRegisteredInd | DeregisteredInd) -> None:
        match indication:
            case RegisteredInd():
                self._registered(indication)
            case NotRegisteredInd():
                self._not_registered(indication)
            case DeregisteredInd():
                self._known = None
                self._stand(Standing(Condition.IDLE))

    def _registered(self, indication: RegisteredInd) -> None:
        self._known = indication.features
        granted = indication.granted
        standing = Standing(
            Condition.REGISTERED,
            self._asked.get(indication.features, NO_APPLICATIONS),
            granted.public_gruu or self.contact_uri(),
            granted.expires_at,
        )
        if indication.has_changed:
            log.info(
                "registered_at_core",
                aor=self._account.aor,
                address=standing.address,
                expires=granted.expires_at,
                applications=list(standing.applications.ids),
            )
            self._gateways.outdate()
        self._stand(standing)
        self._tell_gateways()

    def _not_registered(self, indication: NotRegisteredInd) -> None:
        log.warning(
            "not_registered_at_core", aor=self._account.aor, reason=indication.reason,
            status=indication.status, tried_again=indication.may_retry,
        )  # fmt: skip
        reason = self._reason(indication)
        self._waiters.failed(BindingFailed(reason, indication.reason))
        if indication.still_holds:
            return
        self._known = None
        condition = Condition.LOST if indication.may_retry else Condition.REFUSED
        self._stand(Standing(condition, reason=reason, detail=indication.reason))

    def _reason(self, indication: NotRegisteredInd) -> Reason:
        if indication.authentication:
            return Reason.SECURITY_FAILURE
        if indication.status is not None:
            temporary = indication.may_retry
            return Reason.SERVER_ERROR if temporary else Reason.REFUSED_BY_SERVER
        return _reason_of(self._failure)

    def _stand(self, standing: Standing) -> None:
        if standing != self._standing:
            self._standing = standing
            self.on_change()

    # -- the connection --

    def _opened(self) -> None:
        contact, before = self.contact_uri(), self._contact_before
        self._contact_before = contact
        if contact == before:  # what the core has leads to a connection that is gone
            self._machine.flow_lost(self._standing.detail, self._clock())
        self._go()

    def _not_opened(self, error: BearerUnavailable) -> None:
        """There is no connection: no request can come, whatever the core still has."""
        self._arm()
        log.warning("core_not_reached", core=self._account.core, reason=error.reason)
        self._failure = error
        self._stand(Standing(Condition.LOST, reason=_reason_of(error), detail=error.reason))
        self._waiters.failed(BindingFailed(_reason_of(error), error.reason))

    # -- gateways --

    def _tell_gateways(self) -> None:
        if self._is_running and self.is_registered and self._is_settled():
            self._gateways.tell()

    def _gateway_said(self) -> None:
        self.on_change()

    def _options(self, uri: str) -> SipRequest:
        granted = self._machine.granted
        routes = () if granted is None else granted.service_route
        token = self._account.new_token
        return options(
            Sender(self._account.aor, routes),
            Names(token(), token()),
            uri,
            self.contact(),
            self._rules.told(self._receiver.capabilities()),
        )

    def _address(self) -> str:
        granted = self._machine.granted
        gruu = granted.public_gruu if granted is not None else None
        return gruu or self.contact_uri()

    # -- who waits --

    def _is_settled(self) -> bool:
        if not self._wanted.ids:
            return self._machine.state is RegistrationState.UNREGISTERED
        return self.is_registered and self._known == self._features

    def _not_settled(self) -> BindingFailed:
        standing = self._standing
        return BindingFailed(standing.reason or Reason.NETWORK_ERROR, standing.detail)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _reason_of(failure: OmapushError | None) -> Reason:
    match failure:
        case None:
            return Reason.BEARER_LOST
        case SecurityFailure():
            return Reason.SECURITY_FAILURE
        case NoFinalAnswer():
            return Reason.TIMEOUT
        case _:
            return Reason.NETWORK_ERROR


def _nothing() -> None:
    """Nobody wants to know."""
