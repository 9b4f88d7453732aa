"""The Push Client itself: registrations, and pushes from indication to confirmation.

:class:`PushClient` implements the CAI (``cai.service``) for whoever calls it with an owner, and
offers applications in the same process a handle, :class:`ApplicationRegistration`.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from omapush.cai.model import (
    Answer,
    CaiVersion,
    ConnectionProfile,
    Delivery,
    DeregistrationRejected,
    EventGone,
    PushEvent,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
    StatusChange,
    WhitelistEntry,
)
from omapush.cai.states import check_transition
from omapush.client.applications import announced_for, check_request
from omapush.client.binding.bindings import RegistrationBindings, WantedBinding
from omapush.client.binding.choice_of_binders import Ways
from omapush.client.binding.withdrawal import WAITS_MS, Withdrawal
from omapush.client.confirmation import Confirmation
from omapush.client.dispatch import Receiver, names_of
from omapush.client.event_queue import EventQueue
from omapush.client.event_store import EventStore
from omapush.client.handler import Activation, Handler, NoActivation, serve
from omapush.client.mailbox import Mailbox
from omapush.client.own_application import OwnApplication
from omapush.client.policy import RegistrationPolicy, TrustedApplications
from omapush.client.quarantine import Quarantine
from omapush.client.registered import IN_PROCESS, Registered, outdated, unregistered
from omapush.client.registration import ApplicationRegistration
from omapush.client.registry import Registry
from omapush.client.status import StatusListeners
from omapush.client.store import ClientStore, ClientStoreError
from omapush.client.trust.judge import FixedList, SourceJudge
from omapush.content.application_id import ApplicationId
from omapush.core.instants import SECOND_MS, Instant
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    PoConfirmedPushInd,
    PoUnitPushInd,
    StreamLink,
)

log = structlog.get_logger(__name__)

_Answer = asyncio.Task[tuple[Registered, Registration]]

CLIENT_ITSELF = "client"
"""Owner of what is ended at servers without a registration."""


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """How the client behaves.

    :ivar capabilities: what does not depend on registrations: sizes, counts, codings.
    :ivar acceptance_ms: how long an application may take to accept a push, unless it said.
    :ivar registration_timeout_ms: how long a registration may be pending.
    :ivar presence_ms: an application that asked for events so recently counts as present.
    :ivar per_user: registrations that one user may have. :ivar in_all: and all together.
    """

    capabilities: ClientCapabilities = ClientCapabilities(
        accept_encoding=("identity", "deflate"), max_message_size=65_536
    )
    acceptance_ms: int = 20 * SECOND_MS
    registration_timeout_ms: int = 60 * SECOND_MS
    presence_ms: int = 30 * SECOND_MS
    per_user: int = 32
    in_all: int = 256


def _no_profiles(_: ApplicationId) -> Sequence[ConnectionProfile]:
    return ()


@dataclass(frozen=True, slots=True)
class ClientRules:
    """What the client asks before it does something; each is a port with a default.

    :ivar judge: whose pushes are taken. :ivar policy: who may register what (CAI 6).
    :ivar activation: how applications are reached that do not ask for their events.
    :ivar default_profiles: returns those that the device is provisioned with for an application.
    :ivar own: applications that are part of the client; nobody else gets their ids.
    """

    judge: SourceJudge = field(default_factory=FixedList)
    policy: RegistrationPolicy = field(default_factory=TrustedApplications)
    activation: Activation = field(default_factory=NoActivation)
    default_profiles: Callable[[ApplicationId], Sequence[ConnectionProfile]] = _no_profiles
    own: Sequence[OwnApplication] = ()


class OneAnswer:
    """In place of the link to a gateway, for a push that the network wants no answer to."""

    peer = "nobody"

    def __init__(self) -> None:
        self.answer: asyncio.Future[ClientRequest] = asyncio.get_running_loop().create_future()

    def request(self, primitive: ClientRequest) -> None:
        """Keep what became of the push."""
        if not self.answer.done():
            self.answer.set_result(primitive)

    def close(self, reason: str) -> None:
        """There is no connection."""


class PushClient:
    """A Push Client.

    :param ways: what registrations are bound by.
    """

    def __init__(
        self,
        store: ClientStore,
        clock: Callable[[], Instant],
        limits: ClientLimits | None = None,
        rules: ClientRules | None = None,
        ways: Ways | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self.limits = limits or ClientLimits()
        self._rules = rules or ClientRules()
        self._ways = ways or Ways()
        self._own_applications = {one.push_application_id: one for one in self._rules.own}
        self._registry = Registry(self.limits.per_user, self.limits.in_all)
        self._stand_ins: dict[str, Registered] = {}
        self._registering = asyncio.Lock()
        self._listeners = StatusListeners()
        self._tasks: set[asyncio.Task[None]] = set()
        self._unbroken: set[_Answer] = set()
        self._writing: set[asyncio.Task[None]] = set()
        self._announced: ClientCapabilities | None = None
        self.quarantine = Quarantine(store.file, clock)
        self._withdrawal = Withdrawal(lambda: self._ways.all)
        self._queue = EventQueue(EventStore(store.file), self.quarantine, clock, self.acceptance_ms)
        self._confirmation = Confirmation(
            self,
            store,
            self._queue,
            self.quarantine,
            clock,
            self._rules.judge,
            self._own_applications,
        )

    # -- life --

    async def start(self, ways: Ways | None = None) -> None:
        """Take up the registrations of an earlier life.

        What was registered is lost until its bindings are up again: an application notices nothing
        but a change of state. Pushes that were kept are handed over again.

        :param ways: what registrations are bound by from now on.
        """
        await self._store.open()
        self._ways = ways or self._ways
        events = await self._queue.load()
        taken_up: list[Registered] = []
        for kept in await self._store.registrations():
            if kept.state is RegistrationState.FAILED:
                await self._store.forget(kept.registration_id)
                continue
            wanted = await self._store.bindings(kept.registration_id)
            if not kept.state.is_live:
                self._resume_ending(kept, wanted)
                continue
            pending = kept.state is RegistrationState.PENDING
            state = RegistrationState.PENDING if pending else RegistrationState.LOST
            entry = Registered(replace(kept, state=state), self._clock())
            self._registry.add(entry)
            self._queue.open(entry.mailbox, _current(entry), events.pop(kept.registration_id, None))
            self._activate(entry)
            self._prepare(entry, wanted)
            taken_up.append(entry)
        for gone in events:
            await self._queue.forget(gone)
        # The first that gateways are told is the union over all of them (CAI-39).
        self._announce()
        for entry in taken_up:
            self._bind(entry)

    async def close(self) -> None:
        """Stop handing out pushes and close the store. Registrations stay."""
        for entry in self._registry:
            entry.stop_waiting()
            if entry.bindings is not None:
                await entry.bindings.close()
        # What bindings have had kept is what ends them at their servers (CAI-44).
        await asyncio.gather(*self._writing)
        await asyncio.gather(*self._unbroken, return_exceptions=True)
        tasks = [*self._tasks, *(one.ending for one in self._registry if one.ending is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._confirmation.close()
        await self._queue.close()
        await self.quarantine.written()
        await self._store.close()

    # -- towards bearers --

    def capabilities(self) -> ClientCapabilities:
        """Return what gateways are to be told now (CAI-39, CAI-40)."""
        if self._announced is None:
            ids, ranges = self._registry.live_ids, self._registry.live_ranges
            stand_ins = self._standing_in(ids)
            self._announced = announced_for(
                (*ids, *(one.push_application_id for one in stand_ins)),
                (*ranges, *(one.request.accept for one in stand_ins)),
                self.limits.capabilities,
                self._own_applications.values(),
            )
        return self._announced

    def indication(self, link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        """Take an indication of a session; the answer goes to ``link`` when there is one."""
        if isinstance(indication, PoConfirmedPushInd):
            self._confirmation.begin(link, indication)
        # A push that became void keeps its place until its deadline: what the application still
        # accepts is remembered, and the gateway's repetition is then confirmed at once.

    def unit_push(self, indication: PoUnitPushInd) -> asyncio.Future[ClientRequest]:
        """Take a push that came without a connection.

        :return: what becomes of it, for bearers that can make use of that; pending for good if the
            client is closed before.
        """
        push = PoConfirmedPushInd(
            reference="",
            message=indication.message,
            source=indication.source,
            flags=indication.flags,
            push_id=indication.push_id,
        )
        link = OneAnswer()
        self._confirmation.begin(link, push, confirmed=False)
        return link.answer

    # -- the CAI (cai.service) --

    async def register(self, owner: str, request: RegistrationRequest) -> Registration:
        """Register or update; see ``cai.service``."""
        application = self._checked(owner, request)
        return await self._whole(self._register(owner, request, application))

    async def _register(
        self, owner: str, request: RegistrationRequest, application: ApplicationId
    ) -> Registered:
        async with self._registering:
            wanted = self._ways.bindings_for(request, self._rules.default_profiles(application))
            scopes = [one.scope for one in wanted]
            existing = self._registry.own(owner, application, request.instance, scopes)
            if existing is not None:
                return await self._update(existing, request, wanted)
            now = self._clock()
            registration = Registration(
                registration_id=secrets.token_hex(8),
                owner=owner,
                push_application_id=application.canonical,
                request=request,
                state=RegistrationState.PENDING,
                created=now,
                updated=now,
            )
            # On disk before it is answered (CAI-44).
            await self._store.keep(registration, wanted)
            for failed in outdated(self._registry.failed, registration, now, self.limits.in_all):
                self._registry.remove(failed)
            entry = Registered(registration, now)
            self._prepare(entry, wanted)
            self._registry.add(entry)
            self._queue.open(entry.mailbox, _current(entry))
            self._activate(entry)
            self._announce()
            return entry

    async def change(
        self, owner: str, registration_id: str, request: RegistrationRequest
    ) -> Registration:
        """Replace the request of one registration, which keeps its application (AD-3).

        :raises DeregistrationRejected: the caller has no such registration.
        :raises RegistrationRejected: not accepted; the registration is as it was.
        """
        application = self._checked(owner, request)
        return await self._whole(self._change_request(owner, registration_id, request, application))

    async def _change_request(
        self,
        owner: str,
        registration_id: str,
        request: RegistrationRequest,
        application: ApplicationId,
    ) -> Registered:
        async with self._registering:
            entry = self._own_live(owner, registration_id)
            if application.canonical != entry.registration.push_application_id:
                raise RegistrationRejected(
                    Reason.INVALID_PARAMETER,
                    "a registration keeps its application",
                    "push_application_id",
                )
            wanted = self._ways.bindings_for(request, self._rules.default_profiles(application))
            scopes = [one.scope for one in wanted]
            self._registry.check_change(entry, request.instance, scopes)
            return await self._update(entry, request, wanted)

    async def deregister(
        self, owner: str, registration_id: str, *, force: bool = False
    ) -> Registration:
        """Deregister; see ``cai.service``. Other applications' registrations stay (CAI-53).

        The application is detached at once. A registration that a server keeps is deregistering
        until the server has let go; with ``force`` the server is not told.
        """
        return await self._whole(self._deregister(owner, registration_id, force=force))

    async def _deregister(self, owner: str, registration_id: str, *, force: bool) -> Registered:
        async with self._registering:
            entry = self._own(owner, registration_id)
            if entry.state is RegistrationState.FAILED:
                raise DeregistrationRejected(Reason.NOT_REGISTERED, "the registration has failed")
            if entry.ending is not None and not force:
                return entry
            if entry.ending is not None:
                entry.ending.cancel()
                entry.ending = None
            if entry.state is not RegistrationState.DEREGISTERING:
                self._change(entry, RegistrationState.DEREGISTERING)
            await self._detach(entry)
            data = [one for one in entry.wanted if one.server_data and not force]
            try:
                if data:
                    await self._store.keep(entry.registration, data)
                else:
                    await self._store.forget(registration_id)
            except ClientStoreError as error:
                # CAI-56. The application is detached all the same; it may ask again.
                log.error("registration_not_forgotten", reason=str(error))
                self._change(entry, RegistrationState.DEREGISTER_FAILED, Reason.INTERNAL_ERROR)
                detail = "the client cannot forget the registration now"
                raise DeregistrationRejected(Reason.INTERNAL_ERROR, detail) from error
            if data:
                self._end(entry, data)
            else:
                # Without a message for it the id is missing from what the gateway is told next.
                self._gone(entry)
            return entry

    async def change_owner(self, old: str, new: str) -> None:
        """Give all registrations of ``old`` to ``new``; on disk when this returns.

        :raises ClientStoreError: some may have been given already.
        """
        async with self._registering:
            for entry in self._registry.of_owner(old) if old != new else ():
                if not entry.state.is_live:
                    continue
                await self._store.keep(replace(entry.registration, owner=new))
                if self.is_registered(entry.registration.registration_id):
                    entry.registration = replace(entry.registration, owner=new)
                    self._registry.note(entry)
                else:  # it has failed while that was written
                    await self._store.forget(entry.registration.registration_id)

    def registrations(self, owner: str) -> list[Registration]:
        """Return the owner's registrations."""
        return [entry.registration for entry in self._registry.of_owner(owner)]

    def attach(self, owner: str, registration_id: str, handler: Handler | None) -> None:
        """Call ``handler`` for each push of a registration; ``None``: it asks for its events again.

        :raises DeregistrationRejected: the owner has no such registration.
        """
        entry = self._own_live(owner, registration_id)
        entry.handler = handler
        if handler is None:
            _leave_off(entry)
        self._serve(entry)

    async def next_event(self, owner: str, registration_id: str, wait_ms: int) -> PushEvent | None:
        """Wait for a push; see ``cai.service``."""
        entry = self._own(owner, registration_id)
        try:
            if entry.mailbox.closed:
                raise DeregistrationRejected(Reason.NOT_REGISTERED, "the registration has ended")
            delivery = await entry.mailbox.lease(wait_ms)
        finally:
            entry.seen_at = self._clock()
        return delivery.event if delivery is not None else None

    async def release(self, owner: str, event_id: str) -> None:
        """Take back an event whose holder went away before it was given to it."""
        await self._entry_of_event(owner, event_id).mailbox.release(event_id)

    async def answer(self, owner: str, event_id: str, answer: Answer) -> None:
        """Accept or refuse a push; returns when that has taken effect. See ``cai.service``."""
        entry = self._entry_of_event(owner, event_id)
        entry.seen_at = self._clock()
        await self._confirmation.answered(entry.mailbox, event_id, answer)

    def event(self, owner: str, event_id: str) -> PushEvent:
        """Return an event that is not over. :raises EventGone: unknown, over, or not yours."""
        event = self._entry_of_event(owner, event_id).mailbox.find(event_id)
        if event is None:
            raise EventGone("no such event, or its deadline has passed")
        return event

    def live_registrations(self) -> list[Registration]:
        """Return every registration of an application that counts."""
        return [entry.registration for entry in self._registry.live()]

    def applications(self) -> set[str]:
        """Return the push application ids that somebody takes pushes for."""
        ids = self._registry.live_ids
        return {*ids, *(one.push_application_id for one in self._standing_in(ids))}

    def all_registrations(self) -> list[Registration]:
        """Return every registration that is known, also those that are ending or have failed."""
        return [entry.registration for entry in self._registry]

    def own_applications(self) -> set[str]:
        """Return the push application ids that the client takes by itself now."""
        own = {one.push_application_id for one in self._rules.own if one.announced}
        stand_ins = self._standing_in(self._registry.live_ids)
        return own | {one.push_application_id for one in stand_ins}

    def last_seen(self, registration_id: str) -> Instant | None:
        """Return when the application of a registration was last heard of."""
        entry = self._registry.get(registration_id)
        return entry.seen_at if entry is not None else None

    def waiting(self, registration_id: str) -> int:
        """Return how many pushes are kept for a registration."""
        return self._queue.waiting(registration_id)

    # -- for confirmation --

    def receivers(self, application: ApplicationId) -> list[Receiver]:
        """Return what may take a push for ``application``: of applications, then of stand-ins."""
        found = self._registry.candidates(application)
        names = names_of(application)
        stand_ins = self._standing_in({one.registration.push_application_id for one in found})
        return [
            *found,
            *(Receiver(one) for one in stand_ins if one.push_application_id in names),
        ]

    def _standing_in(self, served: Collection[str]) -> list[Registration]:
        """Return the stand-ins for ids that no application is registered for."""
        entries = (entry.registration for entry in self._stand_ins.values())
        return [one for one in entries if one.push_application_id not in served]

    def granted(self, registration_id: str) -> tuple[str, ...]:
        """Return the contact points that servers of a registration have named."""
        entry = self._registry.get(registration_id)
        return entry.granted if entry is not None else ()

    def is_registered(self, registration_id: str) -> bool:
        """Whether it is a registration that has not ended, and not a stand-in."""
        entry = self._registry.get(registration_id)
        return entry is not None and entry.state.is_live

    def mailbox_of(self, registration_id: str) -> Mailbox | None:
        """Return the mailbox of an application that is there to look into it, or ``None``."""
        entry = self._registry.get(registration_id) or self._stand_ins.get(registration_id)
        if entry is None:
            return None
        recently = self._clock() - entry.seen_at < self.limits.presence_ms
        mailbox = entry.mailbox
        # One that has a push still in hand is busy, not away.
        at_work = mailbox.readers > 0 or mailbox.outstanding > 0
        return mailbox if entry.handler is not None or at_work or recently else None

    def acceptance_ms(self, registration: Registration) -> int:
        """Return how long the application of ``registration`` may take."""
        return registration.request.ack_timeout_ms or self.limits.acceptance_ms

    # -- in the same process --

    async def register_application(
        self,
        push_application_id: str,
        *,
        handler: Handler | None = None,
        application_id: str | None = None,
        accept: Sequence[str] = (),
        whitelist: Sequence[WhitelistEntry] = (),
        profiles: Sequence[ConnectionProfile] = (),
        registration_uri: str | None = None,
        instance: str | None = None,
        delegated_storage: bool = False,
        delivery: Delivery = Delivery.AT_LEAST_ONCE,
        ack_timeout_ms: int | None = None,
        max_outstanding: int = 1,
        cai_version: CaiVersion = CaiVersion.V1_1,
        owner: str = IN_PROCESS,
    ) -> ApplicationRegistration:
        """Register an application of this process; with ``handler``, it is called for each push.

        A handler that returns, or returns :class:`~omapush.cai.model.Accept`, has taken
        responsibility; one that returns :class:`~omapush.cai.model.Reject` or raises has not.

        :raises RegistrationRejected: not accepted.
        """
        request = RegistrationRequest(
            push_application_id=push_application_id,
            application_id=application_id,
            accept=tuple(accept),
            whitelist=tuple(whitelist),
            profiles=tuple(profiles),
            registration_uri=registration_uri,
            instance=instance,
            delegated_storage=delegated_storage,
            delivery=delivery,
            ack_timeout_ms=ack_timeout_ms,
            max_outstanding=max_outstanding,
            cai_version=cai_version,
        )
        registration = await self.register(owner, request)
        self.attach(owner, registration.registration_id, handler)
        return ApplicationRegistration(self, owner, registration.registration_id)

    def take_itself(self, push_application_id: str, accept: Sequence[str], take: Handler) -> None:
        """Stand in for an application: take the pushes for its id while it is not registered.

        This is no registration: it is not kept, and any application may register for the id, which
        then gets the pushes. One for every application does not; call it once for each id.
        """
        entry = unregistered(push_application_id, accept, take, self._clock())
        self._stand_ins[entry.registration.registration_id] = entry
        self._serve(entry)
        self._announce()

    def _serve(self, entry: Registered) -> None:
        """Call the handler of ``entry`` with its pushes, if it has one and nobody does yet."""
        if entry.handler is not None and (entry.server is None or entry.server.done()):
            answered = self._confirmation.answered
            entry.server = self._spawn(serve(entry.mailbox, lambda: entry.handler, answered))

    def _activate(self, entry: Registered) -> None:
        """Reach the application as its registration says, if it says how."""
        handler = self._rules.activation.handler_for(entry.registration)
        if handler is not None:
            entry.handler = handler
            self._serve(entry)

    async def next_change(self, registration_id: str, wait_ms: int) -> Registration | None:
        """Wait for the next change of one registration; ``None`` when the wait is over."""
        return await self._listeners.next_of(registration_id, wait_ms)

    @property
    def status(self) -> StatusListeners:
        """The newest changes of state, by number."""
        return self._listeners

    @property
    def ways(self) -> Ways:
        """What registrations are bound by now."""
        return self._ways

    def status_changes(self) -> AsyncGenerator[StatusChange, None]:
        """Yield every change of state from now on; a slow listener loses the oldest."""
        return self._listeners.changes()

    # -- state --

    def _checked(self, owner: str, request: RegistrationRequest) -> ApplicationId:
        """Check what can be checked of a request by itself; return the application it is for.

        :raises RegistrationRejected: see ``register``.
        """
        application = check_request(request)
        self._rules.policy.check(owner, request)  # CAI-61
        self._rules.activation.check(owner, request)
        if application.canonical in self._own_applications:
            raise RegistrationRejected(
                Reason.ALREADY_REGISTERED,
                f"the client itself is {application}",
                "push_application_id",
            )
        return application

    async def _update(
        self, entry: Registered, request: RegistrationRequest, wanted: Sequence[WantedBinding]
    ) -> Registered:
        """Replace the request of a registration (CAI-21); bind it anew if its ways are others."""
        is_same = [_way(one) for one in wanted] == [_way(one) for one in entry.wanted]
        entry.updating = True  # its old ways may fail meanwhile, which is not its end
        try:
            if not is_same:
                await self._leave_servers(entry)
            changed = replace(entry.registration, request=request, updated=self._clock())
            await self._store.keep(changed, None if is_same else wanted)
        finally:
            entry.updating = False
        self._take_over(entry, request)
        if not is_same:
            await self._rebind(entry, wanted)
        elif entry.bindings is not None:
            entry.bindings.refresh(entry.registration)
            if entry.state is RegistrationState.PENDING:
                self._limit_pending(entry)
            self._stand(entry)
        self._announce()
        return entry

    def _take_over(self, entry: Registered, request: RegistrationRequest) -> None:
        """Let a request that is on disk count from now on."""
        now, had_handler = self._clock(), entry.registration.request.event_handler
        # Its state may have changed while the request was written.
        entry.registration = replace(entry.registration, request=request, updated=now)
        entry.seen_at = now
        entry.mailbox.max_outstanding = request.max_outstanding
        self._registry.note(entry)
        if request.event_handler != had_handler:
            entry.handler = None  # the way it named before is not its way any more
            _leave_off(entry)
            self._activate(entry)

    async def _rebind(self, entry: Registered, wanted: Sequence[WantedBinding]) -> None:
        """Bind a registration by other ways."""
        if entry.bindings is not None:
            await entry.bindings.close()
        self._prepare(entry, wanted)
        if entry.state is not RegistrationState.PENDING:
            self._change(entry, RegistrationState.PENDING)

    def _own(self, owner: str, registration_id: str) -> Registered:
        entry = self._registry.get(registration_id)
        if entry is None or entry.registration.owner != owner:
            # CAI-48. Of another's registration not even the existence is told.
            raise DeregistrationRejected(Reason.NOT_REGISTERED, "no such registration of yours")
        return entry

    def _own_live(self, owner: str, registration_id: str) -> Registered:
        entry = self._own(owner, registration_id)
        if not entry.state.is_live:
            raise DeregistrationRejected(Reason.NOT_REGISTERED, "the registration has ended")
        return entry

    def _entry_of_event(self, owner: str, event_id: str) -> Registered:
        entry = self._registry.get(event_id.partition(".")[0])
        if entry is None or entry.registration.owner != owner:
            raise EventGone("no such event, or its deadline has passed")
        return entry

    def _prepare(self, entry: Registered, wanted: Sequence[WantedBinding]) -> None:
        """Note what a registration is to be bound by, which then begins with ``_bind``."""
        entry.unbound = True
        registration_id = entry.registration.registration_id
        entry.bindings = RegistrationBindings(
            wanted,
            lambda: self._stand(entry),
            lambda number, one: self._note_binding(registration_id, number, one),
        )

    def _bind(self, entry: Registered) -> None:
        """Begin the bindings of a registration, whose state follows them from now on."""
        entry.unbound = False
        if entry.bindings is None or not entry.state.is_live:
            return
        if entry.state is RegistrationState.PENDING:
            self._limit_pending(entry)
        entry.bindings.begin(entry.registration, self._ways.all)

    def _stand(self, entry: Registered) -> None:
        """Let the state of a registration follow its bindings."""
        if entry.bindings is None or not entry.state.is_live:
            return
        standing = entry.bindings.standing()
        entry.registration = replace(entry.registration, bindings=entry.bindings.bindings)
        state = standing.state
        if state is RegistrationState.PENDING or state is entry.state:
            return
        if state is RegistrationState.LOST and entry.state is RegistrationState.PENDING:
            return  # it was never up
        if state is RegistrationState.FAILED:
            if entry.state is RegistrationState.REGISTERED:
                self._change(entry, RegistrationState.LOST, standing.reason, standing.detail)
            self._spawn(self._fail(entry, standing.reason, standing.detail))
            return
        self._change(entry, state, standing.reason, standing.detail)
        if state is RegistrationState.REGISTERED:
            self._write(self._note_state(entry.registration))

    def _change(
        self,
        entry: Registered,
        new: RegistrationState,
        reason: Reason | None = None,
        detail: str = "",
    ) -> None:
        old = entry.state
        check_transition(old, new)
        entry.stop_waiting()
        entry.registration = replace(
            entry.registration, state=new, reason=reason, detail=detail, updated=self._clock()
        )
        self._registry.note(entry)
        self._listeners.tell(StatusChange(entry.registration, old, new))
        if old.is_live is not new.is_live:
            self._announce()

    def _announce(self) -> None:
        """Tell gateways what the client takes now; those that ask get it when they ask."""
        before, self._announced = self._announced, None
        if before is None or before != self.capabilities():
            for binder in self._ways.all:
                binder.announce()

    async def _note_state(self, registration: Registration) -> None:
        try:
            await self._store.note_state(registration)
        except ClientStoreError as error:  # then it is pending again after a restart
            log.error("state_not_kept", reason=str(error))

    def _note_binding(self, registration_id: str, number: int, wanted: WantedBinding) -> None:
        self._write(self._keep_binding(registration_id, number, wanted))

    async def _keep_binding(self, registration_id: str, number: int, wanted: WantedBinding) -> None:
        try:
            await self._store.note_binding(registration_id, number, wanted)
        except ClientStoreError as error:
            log.error("binding_not_kept", registration=registration_id, reason=str(error))

    def _limit_pending(self, entry: Registered) -> None:
        """Let the registration fail if it is still pending after its time (T-39)."""
        entry.stop_waiting()
        delay = self.limits.registration_timeout_ms / SECOND_MS
        entry.patience = asyncio.get_running_loop().call_later(
            delay, lambda: self._spawn(self._fail(entry, Reason.TIMEOUT, "no answer in time"))
        )

    # -- endings --

    async def _fail(self, entry: Registered, reason: Reason | None, detail: str) -> None:
        """End a registration that cannot be bound (CAI-41); one that is up meanwhile stays."""
        waits = (RegistrationState.PENDING, RegistrationState.LOST)
        if entry.updating or entry.state not in waits:
            return
        self._change(entry, RegistrationState.FAILED, reason, detail)
        await self._detach(entry)
        with contextlib.suppress(ClientStoreError):  # then it is pending again after a restart
            await self._leave_servers(entry)
            await self._store.forget(entry.registration.registration_id)

    async def _detach(self, entry: Registered) -> None:
        """Hand nothing to the application any more."""
        await entry.mailbox.close()
        await self._queue.drop(entry.registration.registration_id)
        if entry.bindings is not None:
            await entry.bindings.close()

    async def _leave_servers(self, entry: Registered) -> None:
        """End at its servers what a registration has there and does not need any more.

        That goes on without the registration, under an id of its own, also after a restart.

        :raises ClientStoreError: it cannot be kept.
        """
        data = [one for one in entry.wanted if one.server_data]
        if not data:
            return
        left = replace(
            entry.registration,
            registration_id=secrets.token_hex(8),
            owner=CLIENT_ITSELF,
            state=RegistrationState.DEREGISTERING,
            bindings=(),
        )
        await self._store.keep(left, data)
        self._resume_ending(left, data)

    def _resume_ending(self, kept: Registration, wanted: Sequence[WantedBinding]) -> None:
        """Go on with a deregistration that an earlier life had begun."""
        entry = Registered(replace(kept, state=RegistrationState.DEREGISTERING), self._clock())
        entry.mailbox.end()
        self._registry.add(entry)
        self._end(entry, wanted)

    def _end(self, entry: Registered, data: Sequence[WantedBinding]) -> None:
        if entry.ending is not None:
            entry.ending.cancel()
        entry.ending = asyncio.create_task(self._end_at_servers(entry, data))

    async def _end_at_servers(self, entry: Registered, data: Sequence[WantedBinding]) -> None:
        """End a registration at its servers: for an hour, then it is over all the same."""
        left = data
        for wait_ms in (*WAITS_MS, 0):
            left, failure = await self._withdrawal.attempt(left)
            if failure is None:
                break
            if wait_ms:
                # CAI-56: the answer; what follows are changes of state.
                failed = RegistrationState.DEREGISTER_FAILED
                self._change(entry, failed, failure.cause, failure.detail)
                await asyncio.sleep(wait_ms / SECOND_MS)
                self._change(entry, RegistrationState.DEREGISTERING)
        with contextlib.suppress(ClientStoreError):
            await self._store.forget(entry.registration.registration_id)
        self._gone(entry, "a server may still keep it" if left else "")

    def _gone(self, entry: Registered, detail: str = "") -> None:
        """Forget a registration that has ended."""
        if entry.ending is not None and entry.ending is not asyncio.current_task():
            entry.ending.cancel()
        entry.registration = replace(entry.registration, bindings=())
        self._change(entry, RegistrationState.DEREGISTERED, None, detail)
        self._registry.remove(entry.registration.registration_id)

    async def _whole(self, work: Coroutine[Any, Any, Registered]) -> Registration:
        """Do what must not stop halfway, also when whoever asked goes away meanwhile."""

        async def answer() -> tuple[Registered, Registration]:
            entry = await work
            return entry, entry.registration

        task = asyncio.create_task(answer())
        self._unbroken.add(task)
        task.add_done_callback(self._unbroken.discard)
        try:
            entry, registration = await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._bind_for_nobody)
            raise
        # The first answer is "pending", whatever follows (CAI-27); the second comes after.
        asyncio.get_running_loop().call_soon(self._bind_unbound, entry)
        return registration

    def _bind_for_nobody(self, task: _Answer) -> None:
        if not task.cancelled() and task.exception() is None:
            self._bind_unbound(task.result()[0])

    def _bind_unbound(self, entry: Registered) -> None:
        if entry.unbound:
            self._bind(entry)

    def _write(self, work: Awaitable[None]) -> None:
        """Write to the file beside what goes on; it is done before the client has closed."""
        task = self._spawn(work)
        self._tasks.discard(task)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    def _spawn(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _current(entry: Registered) -> Callable[[], Registration]:
    return lambda: entry.registration


def _way(wanted: WantedBinding) -> tuple[str, ConnectionProfile, str]:
    return wanted.protocol, wanted.profile, wanted.scope


def _leave_off(entry: Registered) -> None:
    """Have nobody wait for the pushes of a registration whose handler is gone."""
    if entry.server is not None and not entry.mailbox.outstanding:
        entry.server.cancel()
        entry.server = None
