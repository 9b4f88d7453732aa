"""A state machine drives a client against a model of CAI 5: who is registered, and who gets what.

The model knows the rules and nothing of how they are kept: an id belongs to one application within
a scope, what is announced is the union over all that live, whatever happens to one registration
happens to no other, states follow their table, and a push that was accepted never comes again.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from omapush.cai.model import (
    Accept,
    Binding,
    ConnectionProfile,
    Delivery,
    DeregistrationRejected,
    EventGone,
    Reason,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
    Reject,
    StatusChange,
    WhitelistEntry,
)
from omapush.cai.states import TRANSITIONS
from omapush.client.agent import ClientLimits, ClientRules, PushClient
from omapush.client.binding.choice_of_binders import Ways
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.store import ClientStore
from omapush.content.message import PushMessage
from omapush.ota.interface import (
    ClientRequest,
    PoConfirmedPushInd,
    PoPushAbortReq,
    PoUnitPushInd,
    PushSource,
    PushStatus,
)
from omapush.testing.scripted_binder import (
    Failed,
    Hangs,
    LetGo,
    Nothing,
    Refused,
    Scopes,
    ScriptedBinder,
    Up,
)
from omapush.testing.virtual_clock import VirtualClock

T = TypeVar("T")
_S = RegistrationState

LIMITS = ClientLimits(acceptance_ms=600_000, per_user=4, in_all=6)
OWN_ID, OWN_TYPE = "x-wap-application:push.sia", "application/vnd.wap.sia"
PATIENCE_SECONDS = 10

OWNERS = st.sampled_from(["uid:1/P", "uid:1/Q", "uid:2/R"])
APPLICATIONS = st.sampled_from(["x-wap-application:mms.ua", "vnd.acme.x:y", "vnd.acme.x:z"])
TYPES = st.sampled_from([(), ("text/a",), ("text/a", "text/b"), ("text/b",)])
SOURCES = st.sampled_from([(), (), ("192.0.2.1",), ("192.0.2.1", "192.0.2.2")])
SERVERS = st.sampled_from(["up", "up and kept", "fails", "silent"])


@dataclass(frozen=True)
class Way:
    """A way of registering, and the scope of ids that it has."""

    profile: ConnectionProfile
    instance: str | None = None
    scope: str = ""

    @property
    def source(self) -> tuple[str, str, str]:
        """Protocol, bearer and binding of pushes that come this way."""
        bearers = {"OTA-HTTP": "TCP/IP", "OTA-SIP": "IMS", "OTA-PTM": "CBS"}
        return self.protocol, bearers[self.protocol], self.scope

    @property
    def protocol(self) -> str:
        """The variant."""
        return self.profile.protocol or ""


HTTP = Way(ConnectionProfile("OTA-HTTP"))
WAYS = [
    HTTP,
    Way(ConnectionProfile("OTA-SIP")),
    *(Way(ConnectionProfile("OTA-SIP"), f"urn:x:{n}", f"instance urn:x:{n}") for n in (1, 2)),
    *(Way(ConnectionProfile("OTA-PTM", cb_message_id=n), None, f"CBS {n}") for n in ("1", "2")),
]


@dataclass(eq=False)
class Pushed:
    """A push that the client has taken and that is not over.

    :ivar stored: the client's own storage has it. :ivar answer: for the gateway, if it waits.
    """

    content: bytes
    key: tuple[str, str, bytes] | None
    stored: bool
    once: bool
    answer: asyncio.Future[ClientRequest] | None
    event_id: str | None = None
    leased: bool = False
    on_disk: bool = True


@dataclass(eq=False)
class Known:
    """A registration, as it has to be."""

    registration_id: str
    owner: str
    application: str
    way: Way
    request: RegistrationRequest
    state: RegistrationState
    is_kept_at_server: bool = False
    queue: list[Pushed] = field(default_factory=list)


class OwnApplication:
    """The client's own; it is always announced."""

    push_application_id = OWN_ID
    accept = (OWN_TYPE,)
    announced = True

    def push(self, push: PoConfirmedPushInd) -> None:
        """Take everything."""


class Link:
    """A gateway's connection; notes answers."""

    peer = "gateway"

    def __init__(self) -> None:
        self.answers: dict[str, asyncio.Future[ClientRequest]] = {}

    def request(self, primitive: ClientRequest) -> None:
        self.answers[primitive.reference].set_result(primitive)

    def close(self, reason: str) -> None:
        raise AssertionError(reason)


class RegistrationsObeyTheModel(RuleBasedStateMachine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.faults: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.faults.append(context))
        self.folder = Path(tempfile.mkdtemp())
        self.patched = mock.patch("omapush.client.agent.WAITS_MS", (1, 1))
        self.patched.start()
        self.is_http_up = True
        self.known: list[Known] = []
        self.ending: dict[str, str] = {}
        """Registrations that a server has not let go of, and whose they were."""
        self.hangs = True
        self.seen: set[tuple[str, str, bytes]] = set()
        self.handed: set[tuple[str, str, bytes]] = set()
        self.repeatable: list[tuple[PoConfirmedPushInd, bool]] = []
        self.settled: list[tuple[str, str]] = []
        self.count = 0
        self.states: dict[str, RegistrationState] = {}

    def run(self, work: Awaitable[T]) -> T:
        """Run until ``work`` is done and nothing is under way any more."""

        async def all_of_it() -> T:
            result = await work
            for _ in range(3):
                await self.rest()
            return result

        return self.loop.run_until_complete(all_of_it())

    async def rest(self) -> None:
        """Let tasks go on, and the file's thread do what it was asked."""
        for _ in range(10):
            await asyncio.sleep(0)
        await self.store.registrations()

    # -- life --

    @initialize()
    def begin(self) -> None:
        self.run(self.start())

    async def start(self) -> None:
        self.store = ClientStore(self.folder / "client.db")
        self.bearers = SharedBearers("OTA-HTTP", ["TCP/IP"])
        self.sip = ScriptedBinder("OTA-SIP", scopes=Scopes.INSTANCE)
        self.ptm = ScriptedBinder("OTA-PTM", ["CBS"], scopes=Scopes.BROADCAST)
        rules = ClientRules(own=(OwnApplication(),))
        ways = Ways((self.bearers, self.sip, self.ptm))
        self.clock = VirtualClock()
        self.client = PushClient(self.store, self.clock, LIMITS, rules, ways)
        self.link = Link()
        for binder in (self.sip, self.ptm):
            binder.capabilities = self.client.capabilities
        self.bearer_changes()
        self.states.clear()
        self.listening = asyncio.ensure_future(self.listen())
        await asyncio.sleep(0)
        await self.client.start()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def listen(self) -> None:
        """Check that every change goes on where the one before it ended."""
        async for change in self.client.status_changes():
            self.check(change)

    def check(self, change: StatusChange) -> None:
        registration_id = change.registration.registration_id
        assert self.states.get(registration_id, change.old) is change.old
        assert change.new in TRANSITIONS[change.old]
        assert change.registration.state is change.new
        self.states[registration_id] = change.new

    async def stop(self) -> None:
        await self.client.close()
        self.listening.cancel()
        (ended,) = await asyncio.gather(self.listening, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError), ended

    def teardown(self) -> None:
        try:
            if hasattr(self, "client"):
                self.loop.run_until_complete(self.stop())
        finally:
            self.patched.stop()
            self.loop.close()
            shutil.rmtree(self.folder)

    @rule()
    def client_restarts(self) -> None:
        self.run(self.restart())
        self.ending.clear()  # what is resumed, servers let go of now
        self.hangs = True
        self.settled.clear()
        for one in self.known:
            one.state = _S.REGISTERED
            if one.way is HTTP and not self.is_http_up:
                one.state = _S.LOST
            # What gateways waited for is void, as is what may come once and was handed over.
            one.queue = [push for push in one.queue if push.stored and push.on_disk]
            for push in one.queue:
                push.leased = False

    # -- registrations --

    @rule(
        owner=OWNERS,
        application=APPLICATIONS,
        way=st.sampled_from(WAYS),
        types=TYPES,
        sources=SOURCES,
        delegated=st.booleans(),
        once=st.booleans(),
        server=SERVERS,
    )
    def application_registers(
        self,
        owner: str,
        application: str,
        way: Way,
        types: tuple[str, ...],
        sources: tuple[str, ...],
        delegated: bool,
        once: bool,
        server: str,
    ) -> None:
        request = RegistrationRequest(
            application,
            accept=types,
            whitelist=tuple(WhitelistEntry(source) for source in sources),
            profiles=(way.profile,),
            instance=way.instance,
            delegated_storage=delegated,
            delivery=Delivery.AT_MOST_ONCE if once else Delivery.AT_LEAST_ONCE,
        )
        same = [one for one in self.known if one.application == application]
        existing = next(
            (one for one in same if one.owner == owner and one.way.instance == way.instance), None
        )
        expected = self.refusal(owner, way, same, existing)
        for binder in (self.sip, self.ptm):
            binder.answers = [_answer(server)]
        if expected is not None:
            with pytest.raises(RegistrationRejected) as caught:
                self.run(self.client.register(owner, request))
            assert caught.value.cause is expected
            return
        made = self.run(self.client.register(owner, request))
        if existing is None:
            assert made.state is _S.PENDING
            existing = Known(made.registration_id, owner, application, way, request, made.state)
            self.known.append(existing)
            self.bind(existing, server)
            return
        assert made.registration_id == existing.registration_id
        is_same, existing.way, existing.request = existing.way is way, way, request
        if not is_same:
            self.bind(existing, server)

    def refusal(
        self, owner: str, way: Way, same: list[Known], existing: Known | None
    ) -> Reason | None:
        """Return why a registration has to be rejected."""
        if way is HTTP and not self.is_http_up:
            return Reason.UNAVAILABLE
        if any(one is not existing and one.way.scope == way.scope for one in same):
            return Reason.ALREADY_REGISTERED
        user = owner.partition("/")[0]
        of_user = sum(one.owner.partition("/")[0] == user for one in self.known)
        is_full = of_user >= LIMITS.per_user or len(self.known) >= LIMITS.in_all
        return Reason.LIMIT_EXCEEDED if existing is None and is_full else None

    def bind(self, one: Known, server: str) -> None:
        one.is_kept_at_server = False
        if one.way is HTTP or server.startswith("up"):
            one.state = _S.REGISTERED
            one.is_kept_at_server = one.way is not HTTP and server == "up and kept"
        elif server == "fails":
            self.over(one)
        else:
            one.state = _S.PENDING

    def over(self, one: Known) -> None:
        """It has ended: gateways hear that nobody takes what is left."""
        self.known.remove(one)
        for push in one.queue:
            if push.answer is not None:
                self.expect(push.answer, PushStatus.USERPND)

    def live(self, number: int) -> Known:
        return self.known[number % len(self.known)]

    @precondition(lambda self: self.known)
    @rule(
        number=st.integers(0, 5), server=st.sampled_from([LetGo(), Refused(), Hangs()]), by=OWNERS
    )
    def application_deregisters(self, number: int, server: Any, by: str) -> None:
        one = self.live(number)
        if by != one.owner:
            self.is_refused(by, one.registration_id)
            return
        for binder in (self.sip, self.ptm):
            binder.withdrawals = [server]
        ended = self.run(self.client.deregister(one.owner, one.registration_id))
        for binder in (self.sip, self.ptm):
            binder.withdrawals = []
        self.over(one)
        if not one.is_kept_at_server:
            assert ended.state is _S.DEREGISTERED
            return
        assert ended.state is _S.DEREGISTERING
        if isinstance(server, Hangs) and self.hangs:
            self.ending[one.registration_id] = one.owner

    def is_refused(self, by: str, registration_id: str) -> None:
        with pytest.raises(DeregistrationRejected) as caught:
            self.run(self.client.deregister(by, registration_id))
        assert caught.value.cause is Reason.NOT_REGISTERED

    @precondition(lambda self: self.ending)
    @rule(force=st.booleans())
    def ending_registration_is_ended_again(self, force: bool) -> None:
        registration_id, owner = next(iter(self.ending.items()))
        again = self.run(self.client.deregister(owner, registration_id, force=force))
        assert again.state is (_S.DEREGISTERED if force else _S.DEREGISTERING)
        if force:
            del self.ending[registration_id]

    @precondition(lambda self: self.ending)
    @rule()
    def servers_answer_at_last(self) -> None:
        for binder in (self.sip, self.ptm):
            binder.go_on()
        self.hangs = False  # from now on, these servers do not
        self.ending.clear()

    # -- bearers and servers --

    @rule()
    def bearer_goes_or_comes(self) -> None:
        self.is_http_up = not self.is_http_up
        for one in self.known:
            if one.way is HTTP:
                one.state = _S.REGISTERED if self.is_http_up else _S.LOST
        self.run(_awaited(self.bearer_changes))

    def bearer_changes(self) -> None:
        if self.is_http_up:
            self.bearers.binding_up(Binding("OTA-HTTP", "TCP/IP"))
        else:
            self.bearers.binding_down("OTA-HTTP", "TCP/IP")

    @precondition(lambda self: any(one.way is not HTTP for one in self.known))
    @rule(number=st.integers(0, 5), says=st.sampled_from(["up", "lost", "failed"]))
    def server_says(self, number: int, says: str) -> None:
        by_server = [one for one in self.known if one.way is not HTTP]
        one = by_server[number % len(by_server)]
        binder = self.sip if one.way.protocol == "OTA-SIP" else self.ptm
        binding = next(
            begun
            for begun in reversed(binder.begun)
            if begun.registration.registration_id == one.registration_id and not begun.is_closed
        )
        match says:
            case "up":
                one.state = _S.REGISTERED
                self.run(_awaited(binding.up))
            case "lost":
                one.state = _S.LOST if one.state is _S.REGISTERED else one.state
                self.run(_awaited(binding.lost))
            case "failed":
                self.run(_awaited(lambda: binding.failed(Reason.SERVER_ERROR)))
                self.over(one)

    # -- pushes --

    @rule(
        application=APPLICATIONS,
        way=st.sampled_from(WAYS),
        media_type=st.sampled_from(["text/a", "text/b"]),
        address=st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
        confirmed=st.booleans(),
        has_key=st.booleans(),
    )
    def push_arrives(
        self,
        application: str,
        way: Way,
        media_type: str,
        address: str,
        confirmed: bool,
        has_key: bool,
    ) -> None:
        self.count += 1
        headers = (("Content-Type", media_type), ("X-Wap-Application-Id", application))
        protocol, bearer, binding = way.source
        push = PoConfirmedPushInd(
            str(self.count),
            PushMessage(headers, b"%d" % self.count),
            PushSource(protocol, bearer, address, binding=binding),
            push_id=f"d-{self.count}" if has_key else None,
        )
        self.arrives(push, way, confirmed=confirmed)

    @precondition(lambda self: self.repeatable)
    @rule(number=st.integers(0, 20))
    def push_arrives_again(self, number: int) -> None:
        """The gateway, or the bearer, did not hear of the answer."""
        push, confirmed = self.repeatable[number % len(self.repeatable)]
        if any(push.message.body == one.content for known in self.known for one in known.queue):
            return  # the application still has it
        binding = push.source.binding
        way = next(
            one for one in WAYS if (one.protocol, one.scope) == (push.source.protocol, binding)
        )
        self.arrives(push, way, confirmed=confirmed)

    def arrives(self, push: PoConfirmedPushInd, way: Way, *, confirmed: bool) -> None:
        application = push.message.get("X-Wap-Application-Id") or ""
        key = (push.push_id, application, push.message.body) if push.push_id else None
        if key is not None and (push, confirmed) not in self.repeatable:
            self.repeatable.append((push, confirmed))
        answer = self.run(self.send(push, confirmed=confirmed))
        receiver = self.receiver(application, way)
        refusal = _refusal(receiver, push)
        if key in self.seen:
            self.expect(answer, None)
        elif refusal is not None or receiver is None:
            self.expect(answer, refusal)
        elif receiver.request.delegated_storage or not confirmed:
            self.expect(answer, None)
            receiver.queue.append(Pushed(push.message.body, key, True, False, None))
            self.seen |= {key} if key is not None else set()
        elif key in self.handed and receiver.request.delivery is Delivery.AT_MOST_ONCE:
            self.expect(answer, PushStatus.USERRFS)
        else:
            assert not answer.done()
            once = receiver.request.delivery is Delivery.AT_MOST_ONCE
            receiver.queue.append(Pushed(push.message.body, key, False, once, answer))

    async def send(
        self, push: PoConfirmedPushInd, *, confirmed: bool
    ) -> asyncio.Future[ClientRequest]:
        if not confirmed:
            unit = PoUnitPushInd(push.message, push.source, push.flags, push.push_id)
            return self.client.unit_push(unit)
        answer: asyncio.Future[ClientRequest] = self.loop.create_future()
        self.link.answers[push.reference] = answer
        self.client.indication(self.link, push)
        return answer

    def receiver(self, application: str, way: Way) -> Known | None:
        """Return whom pushes for an id lead to that come by this way."""
        found = [
            one
            for one in self.known
            if one.application == application and one.way.scope == way.scope
            if one.way.protocol == way.protocol
        ]
        assert len(found) <= 1
        return found[0] if found else None

    def expect(self, answer: asyncio.Future[ClientRequest], status: PushStatus | None) -> None:
        async def wait() -> ClientRequest:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await answer

        said = self.run(wait())
        assert (said.status if isinstance(said, PoPushAbortReq) else None) is status

    @precondition(lambda self: self.known)
    @rule(number=st.integers(0, 5))
    def application_asks_for_event(self, number: int) -> None:
        one = self.live(number)
        event = self.run(self.client.next_event(one.owner, one.registration_id, 0))
        if not one.queue or any(push.leased for push in one.queue):
            assert event is None
            return
        push = one.queue[0]
        assert event is not None
        assert event.content == push.content
        # Handed over again it is the same event.
        assert push.event_id in (None, event.event_id)
        push.event_id, push.leased = event.event_id, True
        if push.stored:
            push.on_disk &= one.request.delivery is not Delivery.AT_MOST_ONCE
        elif push.once and push.key is not None:
            self.handed.add(push.key)

    @precondition(lambda self: any(push.leased for one in self.known for push in one.queue))
    @rule(accepts=st.booleans(), number=st.integers(0, 5))
    def application_answers(self, accepts: bool, number: int) -> None:
        leased = [(one, push) for one in self.known for push in one.queue if push.leased]
        one, push = leased[number % len(leased)]
        assert push.event_id is not None
        answer = Accept() if accepts else Reject()
        self.run(self.client.answer(one.owner, push.event_id, answer))
        one.queue.remove(push)
        self.settled.append((one.owner, push.event_id))
        if push.answer is None:
            return
        self.expect(push.answer, None if accepts else PushStatus.USERRFS)
        if accepts and push.key is not None:
            self.seen.add(push.key)

    @precondition(lambda self: self.settled)
    @rule(number=st.integers(0, 5))
    def second_answer_is_void(self, number: int) -> None:
        owner, event_id = self.settled[number % len(self.settled)]
        with pytest.raises(EventGone):
            self.run(self.client.answer(owner, event_id, Accept()))

    # -- what always holds --

    @invariant()
    def states_are_as_they_have_to_be(self) -> None:
        expected = {one.registration_id: (one.owner, one.state, one.request) for one in self.known}

        def found() -> dict[str, tuple[str, RegistrationState, RegistrationRequest]]:
            return {
                one.registration_id: (one.owner, one.state, one.request)
                for one in self.client.live_registrations()
            }

        self.eventually(lambda: found() == expected, lambda: (found(), expected))

    @invariant()
    def endings_come_to_their_end(self) -> None:
        def found() -> set[str]:
            owners = ("uid:1/P", "uid:1/Q", "uid:2/R")
            all_of_them = (one for owner in owners for one in self.client.registrations(owner))
            ending = (_S.DEREGISTERING, _S.DEREGISTER_FAILED)
            return {one.registration_id for one in all_of_them if one.state in ending}

        self.eventually(lambda: found() == set(self.ending), lambda: (found(), self.ending))

    @invariant()
    def what_is_announced_is_the_union(self) -> None:
        takes = self.client.capabilities()
        ids = {OWN_ID, *(one.application for one in self.known)}
        types = {OWN_TYPE, *(name for one in self.known for name in one.request.accept or ("*/*",))}
        assert takes.accept_app_id == tuple(sorted(ids))
        assert takes.accept == tuple(sorted(types))
        for binder in (self.sip, self.ptm):
            last = binder.announced[-1:]
            assert all(one.application_ids == takes.accept_app_id for one in last)
            assert all(one.types == takes.accept for one in last)

    @invariant()
    def nothing_went_wrong_in_secret(self) -> None:
        assert self.faults == []
        assert not self.listening.done(), self.listening

    def eventually(self, holds: Callable[[], bool], state: Callable[[], object]) -> None:
        async def wait() -> None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not holds():  # noqa: ASYNC110 - it is nobody's event
                    await asyncio.sleep(0.001)

        if not holds():
            try:
                self.loop.run_until_complete(wait())
            except TimeoutError:
                raise AssertionError(state()) from None


def _answer(server: str) -> Up | Failed | Nothing:
    return {
        "up": Up(),
        "up and kept": Up("at the server"),
        "fails": Failed(Reason.REFUSED_BY_SERVER),
        "silent": Nothing(),
    }[server]


def _refusal(receiver: Known | None, push: PoConfirmedPushInd) -> PushStatus | None:
    if receiver is None:
        return PushStatus.USERPND
    request = receiver.request
    if request.whitelist and push.source.address not in [one.addr for one in request.whitelist]:
        return PushStatus.USERRFS
    if request.accept and push.message.media_type not in request.accept:
        return PushStatus.USERDCU
    return None


async def _awaited(call: Callable[[], object]) -> None:
    call()


def test_registrations_and_events_obey_the_model() -> None:
    run_state_machine_as_test(
        RegistrationsObeyTheModel,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
