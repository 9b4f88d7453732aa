"""The Push Client itself: registrations, and pushes from indication to confirmation.

:class:`PushClient` implements the CAI (``cai.service``) for whoever calls it with an owner, and
offers applications in the same process a handle, :class:`ApplicationRegistration`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from omapush.cai.model import (
    Accept,
    Answer,
    Binding,
    ConnectionProfile,
    DeregistrationRejected,
    EventGone,
    PushEvent,
    Reason,
    Registration,
    RegistrationFailed,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
    Reject,
    StatusChange,
    WhitelistEntry,
)
from omapush.cai.states import check_transition
from omapush.client.applications import announced, check_request, own_registration
from omapush.client.confirmation import Confirmation
from omapush.client.mailbox import Mailbox
from omapush.client.store import ClientStore
from omapush.client.whitelist import Source
from omapush.core.instants import SECOND_MS, Instant
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    PoConfirmedPushInd,
    StreamLink,
)

IN_PROCESS = "in-process"
"""Owner of the registrations that code in this process makes."""

MAX_STATUS_CHANGES = 256
"""Changes of state that wait for one listener; a slower one loses the oldest."""

Handler = Callable[[PushEvent], Awaitable[Answer | None]]


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


@dataclass(slots=True)
class _Registered:
    registration: Registration
    mailbox: Mailbox = field(default_factory=Mailbox)
    seen_at: Instant = Instant(0)
    has_handler: bool = False


class PushClient:
    """A Push Client.

    :param device_list: whose pushes are taken for any application; ``None``: no such list.
    """

    def __init__(
        self,
        store: ClientStore,
        clock: Callable[[], Instant],
        limits: ClientLimits | None = None,
        device_list: tuple[Source, ...] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits or ClientLimits()
        self._registered: dict[str, _Registered] = {}
        self._bindings: dict[tuple[str, str], Binding] = {}
        self._registering = asyncio.Lock()
        self._listeners: set[asyncio.Queue[StatusChange]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._confirmation = Confirmation(self, store, clock, device_list)

    # -- life --

    async def start(self) -> None:
        """Open the store; registrations of an earlier life are pending again."""
        await self._store.open()
        for kept in await self._store.registrations():
            if not kept.state.is_live:
                await self._store.forget(kept.registration_id)
                continue
            registration = replace(kept, state=RegistrationState.PENDING)
            entry = _Registered(registration, seen_at=self._clock())
            self._registered[kept.registration_id] = entry
            self._limit_pending(kept.registration_id)

    async def close(self) -> None:
        """Stop handing out pushes and close the store. Registrations stay."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._confirmation.close()
        await self._store.close()

    # -- towards bearers --

    def capabilities(self) -> ClientCapabilities:
        """Return what gateways are to be told now (CAI-39, CAI-40)."""
        live = [entry.registration for entry in self._registered.values()]
        return announced(live, self._limits.capabilities)

    def indication(self, link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        """Take an indication of a session; the answer goes to ``link`` when there is one."""
        if isinstance(indication, PoConfirmedPushInd):
            self._confirmation.begin(link, indication)
        # A push that became void keeps its place until its deadline: what the application still
        # accepts is remembered, and the gateway's repetition is then confirmed at once.

    def binding_up(self, binding: Binding) -> None:
        """A bearer is ready: what waited for it is registered."""
        self._bindings[(binding.protocol, binding.bearer)] = binding
        for entry in list(self._registered.values()):
            self._bind(entry)

    def binding_down(self, protocol: str, bearer: str) -> None:
        """A bearer is gone: what depended on it alone is lost until it is back."""
        self._bindings.pop((protocol, bearer), None)
        for entry in list(self._registered.values()):
            if entry.registration.state is RegistrationState.REGISTERED and not self._bindings:
                self._change(entry, RegistrationState.LOST, Reason.BEARER_LOST)

    # -- the CAI (cai.service) --

    async def register(self, owner: str, request: RegistrationRequest) -> Registration:
        """Register or update; see ``cai.service``."""
        application = check_request(request)
        async with self._registering:
            live = [entry.registration for entry in self._registered.values()]
            existing = own_registration(owner, application, live)
            now = self._clock()
            registration = Registration(
                registration_id=existing.registration_id if existing else secrets.token_hex(8),
                owner=owner,
                push_application_id=application.canonical,
                request=request,
                state=existing.state if existing else RegistrationState.PENDING,
                created=existing.created if existing else now,
                updated=now,
                bindings=existing.bindings if existing else (),
            )
            # On disk before it is answered (CAI-44).
            await self._store.keep(registration)
            entry = self._registered.setdefault(
                registration.registration_id, _Registered(registration)
            )
            entry.registration, entry.seen_at = registration, now
        if not self._bind(entry):
            self._limit_pending(registration.registration_id)
        return entry.registration

    async def deregister(self, owner: str, registration_id: str) -> Registration:
        """Deregister; see ``cai.service``. Other applications' registrations stay (CAI-53)."""
        entry = self._own(owner, registration_id)
        self._change(entry, RegistrationState.DEREGISTERING)
        await self._store.forget(registration_id)
        # OTA-HTTP has no message for it: the id is missing from what the gateway is told next.
        self._change(entry, RegistrationState.DEREGISTERED)
        del self._registered[registration_id]
        return entry.registration

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
            return await entry.mailbox.lease(wait_ms)
        finally:
            entry.seen_at = self._clock()

    async def answer(self, owner: str, event_id: str, answer: Answer) -> None:
        """Accept or refuse a push; returns when that has taken effect. See ``cai.service``."""
        entry = self._entry_of_event(owner, event_id)
        await self._confirmation.answered(entry.mailbox, event_id, answer)

    def event(self, owner: str, event_id: str) -> PushEvent:
        """Return an event that is not over. :raises EventGone: unknown, over, or not yours."""
        event = self._entry_of_event(owner, event_id).mailbox.find(event_id)
        if event is None:
            raise EventGone("no such event, or its deadline has passed")
        return event

    # -- for confirmation --

    def live_registrations(self) -> list[Registration]:
        """Return every registration that takes pushes."""
        registrations = [entry.registration for entry in self._registered.values()]
        return [one for one in registrations if one.state.is_live]

    def mailbox_of(self, registration_id: str) -> Mailbox | None:
        """Return the mailbox of an application that is there to look into it, or ``None``."""
        entry = self._registered.get(registration_id)
        if entry is None:
            return None
        recently = self._clock() - entry.seen_at < self._limits.presence_ms
        present = entry.has_handler or entry.mailbox.readers > 0 or recently
        return entry.mailbox if present else None

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
        if handler is not None and not entry.has_handler:
            entry.has_handler = True
            self._spawn(self._serve(entry, handler))
        return ApplicationRegistration(self, owner, registration.registration_id)

    async def next_change(self, registration_id: str, wait_ms: int) -> Registration | None:
        """Wait for the next change of one registration; ``None`` when the wait is over."""
        changes = self.status_changes()
        try:
            async with asyncio.timeout(wait_ms / 1000):
                async for change in changes:
                    if change.registration.registration_id == registration_id:
                        return change.registration
        except TimeoutError:
            pass
        return None

    async def status_changes(self) -> AsyncGenerator[StatusChange, None]:
        """Yield every change of state from now on."""
        changes: asyncio.Queue[StatusChange] = asyncio.Queue(MAX_STATUS_CHANGES)
        self._listeners.add(changes)
        try:
            while True:
                yield await changes.get()
        finally:
            self._listeners.discard(changes)

    async def _serve(self, entry: _Registered, handler: Handler) -> None:
        while entry.registration.state.is_live:
            event = await entry.mailbox.lease(SECOND_MS)
            if event is None:
                continue
            try:
                answer = await handler(event) or Accept()
            except Exception as error:  # noqa: BLE001 - an application may raise anything
                answer = Reject(detail=f"application_error: {type(error).__name__}")
            try:
                await self._confirmation.answered(entry.mailbox, event.event_id, answer)
            except EventGone:
                continue  # too late: the gateway was told so at the deadline

    # -- state --

    def _own(self, owner: str, registration_id: str) -> _Registered:
        entry = self._registered.get(registration_id)
        if entry is None or entry.registration.owner != owner:
            # CAI-48. Of another's registration not even the existence is told.
            raise DeregistrationRejected(Reason.NOT_REGISTERED, "no such registration of yours")
        return entry

    def _entry_of_event(self, owner: str, event_id: str) -> _Registered:
        entry = self._registered.get(event_id.partition(".")[0])
        if entry is None or entry.registration.owner != owner:
            raise EventGone("no such event, or its deadline has passed")
        return entry

    def _bind(self, entry: _Registered) -> bool:
        """Register what waits for a binding, if there is one; return whether there is."""
        if not self._bindings:
            return False
        entry.registration = replace(entry.registration, bindings=tuple(self._bindings.values()))
        if entry.registration.state in (RegistrationState.PENDING, RegistrationState.LOST):
            self._change(entry, RegistrationState.REGISTERED)
        return True

    def _change(
        self, entry: _Registered, new: RegistrationState, reason: Reason | None = None
    ) -> None:
        old = entry.registration.state
        check_transition(old, new)
        entry.registration = replace(
            entry.registration, state=new, reason=reason, updated=self._clock()
        )
        change = StatusChange(entry.registration, old, new)
        for listener in self._listeners:
            if listener.full():
                listener.get_nowait()
            listener.put_nowait(change)

    def _limit_pending(self, registration_id: str) -> None:
        """Let the registration fail if it is still pending after its time (T-39)."""

        async def fail() -> None:
            await asyncio.sleep(self._limits.registration_timeout_ms / 1000)
            entry = self._registered.get(registration_id)
            if entry is None or entry.registration.state is not RegistrationState.PENDING:
                return
            self._change(entry, RegistrationState.FAILED, Reason.TIMEOUT)
            await self._store.forget(registration_id)

        self._spawn(fail())

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class ApplicationRegistration:
    """A registration as the application in the same process holds it."""

    def __init__(self, client: PushClient, owner: str, registration_id: str) -> None:
        self._client = client
        self._owner = owner
        self.registration_id = registration_id

    @property
    def registration(self) -> Registration:
        """The registration as it is now. :raises RegistrationRejected: it is no more."""
        for registration in self._client.registrations(self._owner):
            if registration.registration_id == self.registration_id:
                return registration
        raise RegistrationRejected(Reason.NOT_REGISTERED, "the registration has ended")

    @property
    def state(self) -> RegistrationState:
        """Where the registration is."""
        return self.registration.state

    async def wait_registered(self, timeout_ms: int = 60 * SECOND_MS) -> Registration:
        """Wait until the registration has succeeded (CAI-42).

        :raises RegistrationFailed: it failed (CAI-41), or not within the time.
        """
        changes = self._client.status_changes()
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                while self.state is RegistrationState.PENDING:
                    await anext(changes)
        except TimeoutError as error:
            raise RegistrationFailed(Reason.TIMEOUT, "still pending") from error
        finally:
            await changes.aclose()
        registration = self.registration
        if registration.state is not RegistrationState.REGISTERED:
            cause = registration.reason or Reason.INTERNAL_ERROR
            raise RegistrationFailed(cause, f"the registration is {registration.state}")
        return registration

    async def events(self) -> AsyncIterator[LeasedEvent]:
        """Yield pushes one after another; the next comes when this one is answered."""
        while True:
            event = await self._client.next_event(self._owner, self.registration_id, SECOND_MS)
            if event is not None:
                yield LeasedEvent(self._client, self._owner, event)

    async def deregister(self) -> Registration:
        """End the registration (CAI-47)."""
        return await self._client.deregister(self._owner, self.registration_id)


@dataclass(frozen=True, slots=True)
class LeasedEvent:
    """A push that waits for this application's answer."""

    client: PushClient
    owner: str
    event: PushEvent

    async def accept(self) -> None:
        """Take responsibility. :raises EventGone: too late."""
        await self.client.answer(self.owner, self.event.event_id, Accept())

    async def reject(self, answer: Reject | None = None) -> None:
        """Refuse. :raises EventGone: too late."""
        await self.client.answer(self.owner, self.event.event_id, answer or Reject())
