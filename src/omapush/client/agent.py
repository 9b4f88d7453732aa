"""The Push Client itself: registrations, and pushes from indication to confirmation.

:class:`PushClient` implements the CAI (``cai.service``) for whoever calls it with an owner, and
offers applications in the same process a handle, :class:`ApplicationRegistration`.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from omapush.cai.model import (
    Answer,
    Binding,
    ConnectionProfile,
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
from omapush.client.applications import announced, check_request, own_registration
from omapush.client.confirmation import Confirmation
from omapush.client.handler import Handler, serve
from omapush.client.mailbox import Mailbox
from omapush.client.own_application import OwnApplication
from omapush.client.registered import IN_PROCESS, Registered, outdated, unregistered
from omapush.client.registration import ApplicationRegistration
from omapush.client.status import StatusListeners
from omapush.client.store import ClientStore, ClientStoreError
from omapush.client.whitelist import Source
from omapush.core.instants import SECOND_MS, Instant
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    PoConfirmedPushInd,
    PoUnitPushInd,
    StreamLink,
)


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """How the client behaves.

    :ivar capabilities: what does not depend on registrations: sizes, counts, codings.
    :ivar acceptance_ms: how long an application may take to accept a push, unless it said.
    :ivar registration_timeout_ms: how long a registration may be pending.
    :ivar presence_ms: an application that asked for events so recently counts as present.
    """

    capabilities: ClientCapabilities = ClientCapabilities(
        accept_encoding=("identity", "deflate"), max_message_size=65_536
    )
    acceptance_ms: int = 20 * SECOND_MS
    registration_timeout_ms: int = 60 * SECOND_MS
    presence_ms: int = 30 * SECOND_MS


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

    :param device_list: whose pushes are taken for any application; ``None``: no such list.
    :param own: applications that are part of the client; nobody else gets their ids.
    """

    def __init__(
        self,
        store: ClientStore,
        clock: Callable[[], Instant],
        limits: ClientLimits | None = None,
        device_list: tuple[Source, ...] | None = None,
        own: Sequence[OwnApplication] = (),
    ) -> None:
        self._own_applications = {one.push_application_id: one for one in own}
        self._store = store
        self._clock = clock
        self._limits = limits or ClientLimits()
        self._registered: dict[str, Registered] = {}
        self._stand_ins: dict[str, Registered] = {}
        self._bindings: dict[tuple[str, str], Binding] = {}
        self._down: set[tuple[str, str]] = set()
        self._registering = asyncio.Lock()
        self._listeners = StatusListeners()
        self._tasks: set[asyncio.Task[None]] = set()
        self._confirmation = Confirmation(self, store, clock, device_list, self._own_applications)

    # -- life --

    async def start(self) -> None:
        """Open the store; registrations of an earlier life are pending again."""
        await self._store.open()
        for kept in await self._store.registrations():
            if not kept.state.is_live:
                await self._store.forget(kept.registration_id)
                continue
            registration = replace(kept, state=RegistrationState.PENDING)
            entry = Registered(registration, self._clock())
            self._registered[kept.registration_id] = entry
            self._limit_pending(entry)

    async def close(self) -> None:
        """Stop handing out pushes and close the store. Registrations stay."""
        for entry in self._registered.values():
            entry.stop_waiting()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._confirmation.close()
        await self._store.close()

    # -- towards bearers --

    def capabilities(self) -> ClientCapabilities:
        """Return what gateways are to be told now (CAI-39, CAI-40)."""
        return announced(
            self.receivers(), self._limits.capabilities, self._own_applications.values()
        )

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
        self._confirmation.begin(link, push)
        return link.answer

    def binding_up(self, binding: Binding) -> None:
        """A bearer is ready: what waited for it is registered."""
        self._bindings[(binding.protocol, binding.bearer)] = binding
        self._down.discard((binding.protocol, binding.bearer))
        for entry in list(self._registered.values()):
            self._bind(entry)

    def binding_down(self, protocol: str, bearer: str) -> None:
        """A bearer is gone: what depended on it alone is lost until it is back."""
        self._bindings.pop((protocol, bearer), None)
        self._down.add((protocol, bearer))
        left = tuple(self._bindings.values())
        for entry in list(self._registered.values()):
            entry.registration = replace(entry.registration, bindings=left)
            if entry.state is RegistrationState.REGISTERED and not left:
                self._change(entry, RegistrationState.LOST, Reason.BEARER_LOST)

    # -- the CAI (cai.service) --

    async def register(self, owner: str, request: RegistrationRequest) -> Registration:
        """Register or update; see ``cai.service``."""
        application = check_request(request)
        if application.canonical in self._own_applications:
            raise RegistrationRejected(
                Reason.ALREADY_REGISTERED,
                f"the client itself is {application}",
                "push_application_id",
            )
        async with self._registering:
            known = [entry.registration for entry in self._registered.values()]
            existing = own_registration(owner, application, known)
            now = self._clock()
            if existing is None:
                self._check_available()
                registration = Registration(
                    registration_id=secrets.token_hex(8),
                    owner=owner,
                    push_application_id=application.canonical,
                    request=request,
                    state=RegistrationState.PENDING,
                    created=now,
                    updated=now,
                )
            else:
                registration = replace(existing, request=request, updated=now)
            # On disk before it is answered (CAI-44).
            await self._store.keep(registration)
            for failed in outdated(self._registered.values(), registration, now):
                del self._registered[failed]
            if existing is None:
                entry = Registered(registration, now)
                self._registered[registration.registration_id] = entry
                self._limit_pending(entry)
                # The first answer is "pending", whatever follows (CAI-27); the second comes after.
                asyncio.get_running_loop().call_soon(self._bind, entry)
            else:
                entry = self._registered[registration.registration_id]
                # Its state may have changed while the request was written.
                entry.registration = replace(entry.registration, request=request, updated=now)
                entry.seen_at = now
            return entry.registration

    async def deregister(self, owner: str, registration_id: str) -> Registration:
        """Deregister; see ``cai.service``. Other applications' registrations stay (CAI-53)."""
        async with self._registering:
            entry = self._own(owner, registration_id)
            if entry.state is RegistrationState.FAILED:
                raise DeregistrationRejected(Reason.NOT_REGISTERED, "the registration has failed")
            if entry.state is not RegistrationState.DEREGISTERING:
                self._change(entry, RegistrationState.DEREGISTERING)
            await entry.mailbox.close()
            try:
                await self._store.forget(registration_id)
            except ClientStoreError as error:
                # CAI-56. The application is detached all the same; it may ask again.
                self._change(entry, RegistrationState.DEREGISTER_FAILED, Reason.INTERNAL_ERROR)
                detail = "the client cannot forget the registration now"
                raise DeregistrationRejected(Reason.INTERNAL_ERROR, detail) from error
            # OTA-HTTP has no message for it: the id is missing from what the gateway is told next.
            self._change(entry, RegistrationState.DEREGISTERED)
            del self._registered[registration_id]
            return entry.registration

    async def change_owner(self, old: str, new: str) -> None:
        """Give all registrations of ``old`` to ``new``; on disk when this returns.

        :raises ClientStoreError: some may have been given already.
        """
        async with self._registering:
            for entry in self._registered.values():
                if old != new and entry.registration.owner == old:
                    await self._store.keep(replace(entry.registration, owner=new))
                    entry.registration = replace(entry.registration, owner=new)

    def registrations(self, owner: str) -> list[Registration]:
        """Return the owner's registrations."""
        return [
            entry.registration
            for entry in self._registered.values()
            if entry.registration.owner == owner
        ]

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

    # -- for confirmation --

    def live_registrations(self) -> list[Registration]:
        """Return every registration of an application that counts."""
        registrations = [entry.registration for entry in self._registered.values()]
        return [one for one in registrations if one.state.is_live]

    def receivers(self) -> list[Registration]:
        """Return every registration that takes pushes: of applications, then of stand-ins."""
        live = self.live_registrations()
        served = {one.push_application_id for one in live}
        others = (entry.registration for entry in self._stand_ins.values())
        return [*live, *(one for one in others if one.push_application_id not in served)]

    def mailbox_of(self, registration_id: str) -> Mailbox | None:
        """Return the mailbox of an application that is there to look into it, or ``None``."""
        entry = self._registered.get(registration_id) or self._stand_ins.get(registration_id)
        if entry is None:
            return None
        recently = self._clock() - entry.seen_at < self._limits.presence_ms
        mailbox = entry.mailbox
        # One that has a push still in hand is busy, not away.
        at_work = mailbox.readers > 0 or mailbox.outstanding > 0
        return mailbox if entry.handler is not None or at_work or recently else None

    def acceptance_ms(self, registration: Registration) -> int:
        """Return how long the application of ``registration`` may take."""
        return registration.request.ack_timeout_ms or self._limits.acceptance_ms

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
        )
        registration = await self.register(owner, request)
        entry = self._registered[registration.registration_id]
        entry.handler = handler
        self._serve(entry)
        return ApplicationRegistration(self, owner, registration.registration_id)

    def take_itself(self, push_application_id: str, accept: Sequence[str], take: Handler) -> None:
        """Stand in for an application: take the pushes for its id while it is not registered.

        This is no registration: it is not kept, and any application may register for the id, which
        then gets the pushes. One for every application does not; call it once for each id.
        """
        entry = unregistered(push_application_id, accept, take, self._clock())
        self._stand_ins[entry.registration.registration_id] = entry
        self._serve(entry)

    def _serve(self, entry: Registered) -> None:
        """Call the handler of ``entry`` with its pushes, if it has one and nobody does yet."""
        if entry.handler is not None and (entry.server is None or entry.server.done()):
            answered = self._confirmation.answered
            work = serve(entry.mailbox, lambda: entry.handler, answered)
            entry.server = self._spawn(work)

    async def next_change(self, registration_id: str, wait_ms: int) -> Registration | None:
        """Wait for the next change of one registration; ``None`` when the wait is over."""
        return await self._listeners.next_of(registration_id, wait_ms)

    def status_changes(self) -> AsyncGenerator[StatusChange, None]:
        """Yield every change of state from now on; a slow listener loses the oldest."""
        return self._listeners.changes()

    # -- state --

    def _own(self, owner: str, registration_id: str) -> Registered:
        entry = self._registered.get(registration_id)
        if entry is None or entry.registration.owner != owner:
            # CAI-48. Of another's registration not even the existence is told.
            raise DeregistrationRejected(Reason.NOT_REGISTERED, "no such registration of yours")
        return entry

    def _entry_of_event(self, owner: str, event_id: str) -> Registered:
        entry = self._registered.get(event_id.partition(".")[0])
        if entry is None or entry.registration.owner != owner:
            raise EventGone("no such event, or its deadline has passed")
        return entry

    def _check_available(self) -> None:
        """Check that a registration can be bound, now or soon (CAI-26).

        :raises RegistrationRejected: ``unavailable``.
        """
        if self._down and not self._bindings:
            raise RegistrationRejected(Reason.UNAVAILABLE, "no bearer is available now")

    def _bind(self, entry: Registered) -> None:
        """Register what waits for a binding, if there is one."""
        if not self._bindings:
            return
        entry.registration = replace(entry.registration, bindings=tuple(self._bindings.values()))
        if entry.state in (RegistrationState.PENDING, RegistrationState.LOST):
            self._change(entry, RegistrationState.REGISTERED)

    def _change(
        self, entry: Registered, new: RegistrationState, reason: Reason | None = None
    ) -> None:
        old = entry.state
        check_transition(old, new)
        entry.stop_waiting()
        entry.registration = replace(
            entry.registration, state=new, reason=reason, updated=self._clock()
        )
        self._listeners.tell(StatusChange(entry.registration, old, new))

    def _limit_pending(self, entry: Registered) -> None:
        """Let the registration fail if it is still pending after its time (T-39)."""
        delay = self._limits.registration_timeout_ms / 1000
        loop = asyncio.get_running_loop()
        entry.patience = loop.call_later(delay, lambda: self._spawn(self.fail(entry.registration)))

    async def fail(self, registration: Registration) -> None:
        """End a registration that has been pending for too long; any other stays."""
        entry = self._registered.get(registration.registration_id)
        if entry is None or entry.state is not RegistrationState.PENDING:
            return
        self._change(entry, RegistrationState.FAILED, Reason.TIMEOUT)
        await entry.mailbox.close()
        with contextlib.suppress(ClientStoreError):  # then it is pending again after a restart
            await self._store.forget(registration.registration_id)

    def _spawn(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
