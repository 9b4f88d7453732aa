"""Registrations at a push service over time: bound, refreshed, lost, ended, taken up again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest

from omapush.cai.model import (
    Binding,
    BindingState,
    ConnectionProfile,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
)
from omapush.client.binding.binder import (
    SHARED,
    BearerOffer,
    BindingFailed,
    BindingHold,
    BindingListener,
)
from omapush.client.service_registration.binder import (
    ServiceRegistrationBinder,
    ServiceRegistrationSettings,
)
from omapush.client.service_registration.procedure import Registered, ServiceRegistrationClient
from omapush.core.instants import SECOND_MS, Instant, later
from omapush.ota.interface import ClientCapabilities
from omapush.ota.service_registration import (
    RegisteredProfile,
    ServiceRegistration,
    ServiceRegistrationRequest,
)
from omapush.testing.registration_server import (
    RegistrationServer,
    running_registration_server,
)
from omapush.testing.virtual_clock import VirtualClock
from omapush.web.policy import OutboundPolicy

HTTP = RegisteredProfile("OTA-HTTP", "GPRS", 4035, "192.0.2.10", priority=1)
PTM = RegisteredProfile("OTA-PTM", "CBS", cb_message_id="0xA0A0", priority=2)
ID = "x-oma-application:dpe.ua"
LOOPBACK_POLICY = OutboundPolicy()


class Hold:
    """A binding of the fake variant, moved by the test."""

    def __init__(self, profile: ConnectionProfile, listener: BindingListener, scope: str) -> None:
        self.profile = profile
        self.listener = listener
        self.scope = scope
        self.refreshed = 0
        self.closed = False

    def refresh(self, registration: Registration) -> None:
        self.refreshed += 1

    async def close(self) -> None:
        self.closed = True


class Variant:
    """A Push-OTA variant in memory: what it begins is up at once, unless it is told not to be."""

    def __init__(self, protocol: str = "OTA-HTTP", *, default: bool = True) -> None:
        self.protocol = protocol
        self.default = default
        self.begins: BindingState | None = BindingState.UP
        self.refuses = ""
        self.holds: list[Hold] = []
        self.server_data: list[str] = []
        self.withdrawn: list[str] = []
        self.withdraw_fails = False

    def offers(self) -> tuple[BearerOffer, ...]:
        return (BearerOffer("GPRS", available=True),)

    def is_default(self) -> bool:
        return self.default

    def scope(self, request: RegistrationRequest, profile: ConnectionProfile, where: str) -> str:
        if self.refuses:
            raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, self.refuses, where)
        return SHARED

    def begin(
        self,
        registration: Registration,
        profile: ConnectionProfile,
        listener: BindingListener,
        server_data: str,
    ) -> BindingHold:
        return self.made(profile, listener, SHARED, server_data)

    def made(
        self, profile: ConnectionProfile, listener: BindingListener, scope: str, server_data: str
    ) -> Hold:
        hold = Hold(profile, listener, scope)
        self.holds.append(hold)
        self.server_data.append(server_data)
        if self.begins is not None:
            listener.changed(self.binding(self.begins))
        return hold

    def binding(self, state: BindingState, reason: Reason | None = None) -> Binding:
        return Binding(self.protocol, "GPRS", "192.0.2.1", state, reason)

    def announce(self) -> None:
        raise AssertionError("the agent does that")

    async def withdraw(self, server_data: str) -> None:
        if self.withdraw_fails:
            raise BindingFailed(Reason.NETWORK_ERROR, "away")
        self.withdrawn.append(server_data)


class ScopedVariant(Variant):
    """A variant that can keep bindings apart."""

    def begin_in_scope(
        self,
        profile: ConnectionProfile,
        listener: BindingListener,
        scope: str,
        server_data: str = "",
    ) -> BindingHold:
        return self.made(profile, listener, scope, server_data)


class Listener:
    """What the agent hears, with a way to wait for it."""

    def __init__(self) -> None:
        self.bindings: list[Binding] = []
        self.now: dict[int, Binding] = {}
        self.kept = ""
        self.trusted: list[str] = []
        self._heard = asyncio.Event()

    def changed(self, binding: Binding, number: int = 0) -> None:
        self.bindings.append(binding)
        self.now[number] = binding
        self._heard.set()

    def keep(self, server_data: str) -> None:
        self.kept = server_data
        self._heard.set()

    def trust(self, contact_point: str) -> None:
        self.trusted.append(contact_point)

    @property
    def states(self) -> list[tuple[str, BindingState]]:
        return [(one.protocol, one.state) for one in self.bindings]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                self._heard.clear()
                await self._heard.wait()


@dataclass
class Scene:
    """A client with a virtual clock, its variants, and a push service."""

    server: RegistrationServer
    client: ServiceRegistrationClient
    clock: VirtualClock = field(default_factory=VirtualClock)
    http: Variant = field(default_factory=Variant)
    ptm: Variant = field(default_factory=lambda: Variant("OTA-PTM", default=False))
    uri: str | None = None
    pausing: asyncio.Event = field(default_factory=asyncio.Event)
    due: Instant = Instant(0)

    def binder(self) -> ServiceRegistrationBinder:
        settings = ServiceRegistrationSettings(self.uri, "4165012322222", ClientCapabilities())
        variants = [self.http, self.ptm]
        return ServiceRegistrationBinder(self.client, variants, settings, self.clock, self.pause)

    def pause(self, milliseconds: int) -> Awaitable[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def over() -> None:
            if not future.done():
                future.set_result(None)

        self.due = later(self.clock(), milliseconds)
        self.clock.call_at(self.due, over)
        self.pausing.set()
        return future

    async def pass_time(self, milliseconds: int) -> None:
        """Let time pass in the steps in which it is waited for; what is waited for happens."""
        until = later(self.clock(), milliseconds)
        while self.clock() < until:
            async with asyncio.timeout(20):
                while self.due <= self.clock():
                    self.pausing.clear()
                    await self.pausing.wait()
            self.clock.advance(min(self.due, until) - self.clock())

    def registration(self, **members: object) -> Registration:
        request = RegistrationRequest(ID, **{"registration_uri": self.server.url, **members})  # type: ignore[arg-type]
        now = self.clock()
        return Registration("reg1", "P", ID, request, RegistrationState.PENDING, now, now)

    @contextlib.asynccontextmanager
    async def begun(
        self, registration: Registration | None = None, server_data: str = ""
    ) -> AsyncIterator[tuple[BindingHold, Listener]]:
        listener = Listener()
        hold = self.binder().begin(
            registration or self.registration(), ConnectionProfile(), listener, server_data
        )
        try:
            yield hold, listener
        finally:
            await hold.close()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    answer = ServiceRegistration(expires_seconds=100, profiles=(HTTP, PTM))
    async with running_registration_server(answer) as server:
        client = ServiceRegistrationClient(LOOPBACK_POLICY, 10_000)
        yield Scene(server, client)
        await client.close()


async def test_registration_is_bound_by_every_profile_that_the_service_answers(
    scene: Scene,
) -> None:
    async with scene.begun() as (_, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
        up = BindingState.UP
        assert listener.states == [("OTA-HTTP", up), ("OTA-PTM", up)]
        assert listener.trusted == ["192.0.2.10"]
        assert scene.http.holds[0].profile == ConnectionProfile(
            "OTA-HTTP", "GPRS", 4035, "192.0.2.10"
        )
        (asked,) = scene.server.requests
        assert asked.capabilities.accept_app_id == (ID,)
        assert (asked.protocols, asked.terminal_id) == (("OTA-HTTP", "OTA-PTM"), "4165012322222")
        assert json.loads(listener.kept)["location"].endswith("/registrations/r1")
    assert scene.http.holds[0].closed
    assert list(scene.server.registrations) == ["r1"]  # the server is not told by closing


class SlowAnswers(ServiceRegistrationClient):
    """The push service registers at once, and its answer is on the way until it may arrive."""

    def __init__(self) -> None:
        super().__init__(LOOPBACK_POLICY, 10_000)
        self.registered = asyncio.Event()
        self.may_arrive = asyncio.Event()

    async def register(self, url: str, request: ServiceRegistrationRequest) -> Registered:
        answer = await super().register(url, request)
        self.registered.set()
        await self.may_arrive.wait()
        return answer


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


async def test_registration_that_ends_before_the_server_answers_is_ended_there(
    scene: Scene,
) -> None:
    """Nobody else ever gets to know its location."""
    scene.client = slow = SlowAnswers()
    binder, listener = scene.binder(), Listener()
    hold = binder.begin(scene.registration(), ConnectionProfile(), listener, "")
    await slow.registered.wait()
    await hold.close()
    assert list(scene.server.registrations) == ["r1"]
    slow.may_arrive.set()
    await until(lambda: scene.server.ended)
    assert scene.server.ended == ["r1"]
    assert (listener.bindings, listener.kept) == ([], "")
    await binder.close()


async def test_client_that_stops_ends_what_was_under_way_first(scene: Scene) -> None:
    scene.client = slow = SlowAnswers()
    binder = scene.binder()
    hold = binder.begin(scene.registration(), ConnectionProfile(), Listener(), "")
    await slow.registered.wait()
    await hold.close()
    slow.may_arrive.set()
    await binder.close()
    assert scene.server.ended == ["r1"]


async def test_client_that_stops_waits_for_no_answer_too_long(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omapush.client.service_registration.binder.CLOSING_MS", 1)
    scene.client = slow = SlowAnswers()
    binder = scene.binder()
    hold = binder.begin(scene.registration(), ConnectionProfile(), Listener(), "")
    await slow.registered.wait()
    await hold.close()
    await binder.close()
    assert scene.server.ended == []


async def test_requests_left_over_are_bounded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omapush.client.service_registration.binder.MAX_LEFT_OVER", 1)
    scene.client = slow = SlowAnswers()
    binder = scene.binder()
    for _ in range(2):
        slow.registered.clear()
        hold = binder.begin(scene.registration(), ConnectionProfile(), Listener(), "")
        await slow.registered.wait()
        await hold.close()
    slow.may_arrive.set()
    await binder.close()
    assert scene.server.ended == ["r1"]


async def test_refresh_under_way_leaves_the_registration_to_who_keeps_it(scene: Scene) -> None:
    """The client stops, and takes the registration up again at its next start (CAI-44)."""
    async with scene.begun() as (_, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
    scene.client = slow = SlowAnswers()
    binder = scene.binder()
    hold = binder.begin(scene.registration(), ConnectionProfile(), Listener(), listener.kept)
    await slow.registered.wait()
    await hold.close()
    slow.may_arrive.set()
    await binder.close()
    assert list(scene.server.registrations) == ["r1"]


async def test_service_of_an_application_has_a_scope_of_its_own(scene: Scene) -> None:
    binder, profile = scene.binder(), ConnectionProfile()
    scopes = [
        binder.scope(scene.registration(registration_uri=uri).request, profile, "profiles[0]")
        for uri in ("http://a.example.net/r", "http://b.example.net/r", None)
    ]
    assert scopes == [
        "service registration http://a.example.net/r",
        "service registration http://b.example.net/r",
        SHARED,
    ]
    scene.http = ScopedVariant()
    async with scene.begun() as (_, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
        assert scene.http.holds[0].scope == f"service registration {scene.server.url}"
        assert scene.ptm.holds[0].scope == SHARED  # it has no other


async def test_preconfigured_service_is_used_where_nothing_else_is_named(scene: Scene) -> None:
    scene.uri, scene.http = scene.server.url, ScopedVariant()
    plain = scene.registration(registration_uri=None)
    assert scene.binder().is_default()
    async with scene.begun(plain) as (_, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
        assert scene.http.holds[0].scope == SHARED
        assert len(scene.server.requests) == 1


async def test_without_any_service_nothing_is_handled(scene: Scene) -> None:
    plain = scene.registration(registration_uri=None)
    assert not scene.binder().is_default()
    async with scene.begun(plain) as (_, listener):
        assert listener.bindings[0].reason is Reason.UNSUPPORTED_OPTION


@pytest.mark.parametrize(
    ("uri", "cause"),
    [
        ("ftp://psr.example.net/", Reason.INVALID_PARAMETER),
        ("urn:x", Reason.INVALID_PARAMETER),
        ("http://[::1", Reason.INVALID_PARAMETER),
        ("", Reason.INVALID_PARAMETER),
        ("http://169.254.169.254/latest", Reason.PERMISSION_DENIED),
        ("http://u:p@psr.example.net/", Reason.PERMISSION_DENIED),
    ],
)
async def test_address_that_cannot_be_a_push_service_is_rejected(
    scene: Scene, uri: str, cause: Reason
) -> None:
    request = scene.registration(registration_uri=uri).request
    with pytest.raises(RegistrationRejected) as caught:
        scene.binder().scope(request, ConnectionProfile(), "profiles[0]")
    assert (caught.value.cause, caught.value.parameter) == (cause, "registration_uri")


@pytest.mark.parametrize(
    ("status", "cause"), [(403, Reason.REFUSED_BY_SERVER), (500, Reason.SERVER_ERROR)]
)
async def test_registration_fails_when_the_first_attempt_does(
    scene: Scene, status: int, cause: Reason
) -> None:
    scene.server.status = status
    async with scene.begun() as (_, listener):
        await listener.until(lambda: bool(listener.bindings))
        (failed,) = listener.bindings
        assert (failed.state, failed.reason) == (BindingState.FAILED, cause)
        assert (failed.address, listener.kept) == (scene.server.url, "")


async def test_first_attempt_is_repeated_when_the_server_asks_for_a_little_patience(
    scene: Scene,
) -> None:
    scene.server.status, scene.server.headers = 503, {"Retry-After": "5"}
    async with scene.begun() as (_, listener):
        await scene.server.called(1)
        await scene.pass_time(4 * SECOND_MS)
        assert (scene.server.count, listener.bindings) == (1, [])
        scene.server.status = None
        await scene.pass_time(1 * SECOND_MS)
        await listener.until(lambda: len(listener.bindings) == 2)
    scene.server.status, scene.server.headers = 503, {"Retry-After": "31"}
    async with scene.begun() as (_, listener):
        await listener.until(lambda: bool(listener.bindings))
        assert listener.bindings[0].reason is Reason.SERVER_ERROR


async def test_registration_is_refreshed_at_its_own_address_in_time(scene: Scene) -> None:
    async with scene.begun() as (_, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
        await scene.pass_time(80 * SECOND_MS - 1)
        assert scene.server.count == 1
        await scene.pass_time(1)
        await scene.server.called(2)
        assert scene.server.calls[1] == ("POST", "/registrations/r1")
        await scene.pass_time(80 * SECOND_MS)
        await scene.server.called(3)
        assert len(scene.http.holds) == 1  # the same profiles: nothing is begun again


async def test_registration_that_the_server_forgot_is_made_anew(scene: Scene) -> None:
    async with scene.begun() as (_, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
        scene.server.registrations.clear()
        await scene.pass_time(80 * SECOND_MS)
        await listener.until(lambda: "r2" in listener.kept)
        assert scene.server.calls[1:] == [("POST", "/registrations/r1"), ("POST", "/register")]


async def test_bindings_are_lost_when_the_service_is_away_until_it_expires_and_come_back(
    scene: Scene,
) -> None:
    async with scene.begun() as (_, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
        scene.server.status = 500
        await scene.pass_time(99 * SECOND_MS)
        assert len(listener.bindings) == 2
        await scene.pass_time(2 * SECOND_MS)
        await listener.until(lambda: len(listener.bindings) == 4)
        lost = listener.bindings[2:]
        assert {(one.state, one.reason) for one in lost} == {
            (BindingState.LOST, Reason.SERVER_ERROR)
        }
        assert all(hold.closed for hold in scene.http.holds)
        scene.server.status = None
        await scene.pass_time(60 * SECOND_MS)
        await listener.until(lambda: len(listener.bindings) == 6)
        assert {one.state for one in listener.bindings[4:]} == {BindingState.UP}


async def test_refusal_of_a_refresh_is_final(scene: Scene) -> None:
    async with scene.begun() as (_, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
        scene.server.status = 403
        await scene.pass_time(80 * SECOND_MS)
        await listener.until(lambda: len(listener.bindings) == 4)
        failed = (BindingState.FAILED, Reason.REFUSED_BY_SERVER)
        assert {(one.state, one.reason) for one in listener.bindings[2:]} == {failed}


async def test_refresh_changes_the_profiles(scene: Scene) -> None:
    async with scene.begun() as (_, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
        moved = replace(HTTP, contact_point="192.0.2.20")
        scene.server.answer = ServiceRegistration(expires_seconds=100, profiles=(moved,))
        await scene.pass_time(80 * SECOND_MS)
        await listener.until(lambda: len(listener.bindings) == 5)
        assert listener.trusted == ["192.0.2.10", "192.0.2.20"]
        assert [hold.closed for hold in scene.http.holds] == [True, False]
        gone = Reason.NOT_OFFERED_BY_SERVER
        assert [one.reason for one in listener.bindings[2:]] == [None, gone, gone]


async def test_service_that_changes_its_mind_costs_no_more_than_its_profiles(
    scene: Scene,
) -> None:
    async with scene.begun() as (_, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
        for number in range(6):
            moved = replace(HTTP, contact_point=f"192.0.2.{20 + number}")
            scene.server.answer = ServiceRegistration(expires_seconds=100, profiles=(moved,))
            await scene.pass_time(80 * SECOND_MS)
            await listener.until(lambda: len(scene.http.holds) == number + 2)  # noqa: B023
            await listener.until(lambda: scene.http.holds[-2].closed)
        states = [one.state for one in listener.now.values()]
        assert states.count(BindingState.UP) == 1
        assert len(states) <= 4


async def test_change_of_what_the_application_takes_is_announced_at_once(scene: Scene) -> None:
    async with scene.begun() as (hold, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
        hold.refresh(scene.registration())  # nothing that this service was told has changed
        assert scene.http.holds[0].refreshed == 1
        hold.refresh(scene.registration(accept=("text/vnd.wap.si",)))
        await scene.server.called(2)
        assert scene.server.calls[1] == ("POST", "/registrations/r1")
        assert "text/vnd.wap.si" in scene.server.requests[1].capabilities.accept


async def test_failed_profile_is_told_only_when_another_has_been_heard_of(scene: Scene) -> None:
    scene.http.begins, scene.ptm.begins = BindingState.FAILED, None
    async with scene.begun() as (_, listener):
        await listener.until(lambda: bool(listener.kept) and bool(scene.ptm.holds))
        assert listener.bindings == []
        scene.ptm.holds[0].listener.changed(scene.ptm.binding(BindingState.UP))
        up, failed = BindingState.UP, BindingState.FAILED
        assert listener.states == [("OTA-PTM", up), ("OTA-HTTP", failed)]


async def test_all_profiles_failed_is_told_of_each(scene: Scene) -> None:
    scene.http.begins = scene.ptm.begins = BindingState.FAILED
    async with scene.begun() as (_, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
        failed = BindingState.FAILED
        assert listener.states == [("OTA-HTTP", failed), ("OTA-PTM", failed)]


@pytest.mark.parametrize(
    ("answer", "cause", "says"),
    [
        (ServiceRegistration(), Reason.NOT_OFFERED_BY_SERVER, "no connection profile"),
        (
            ServiceRegistration(application_ids=("x-other:ua",), profiles=(HTTP,)),
            Reason.NOT_OFFERED_BY_SERVER,
            "does not serve",
        ),
        (
            ServiceRegistration(profiles=(RegisteredProfile("OTA-SIP"),)),
            Reason.UNSUPPORTED_OPTION,
            "profile 1: OTA-SIP is not set up",
        ),
        (ServiceRegistration(profiles=(HTTP,)), Reason.UNSUPPORTED_OPTION, "no such bearer"),
    ],
)
async def test_answer_without_a_usable_profile_fails_with_the_reason(
    scene: Scene, answer: ServiceRegistration, cause: Reason, says: str
) -> None:
    scene.server.answer, scene.http.refuses = answer, "no such bearer"
    async with scene.begun() as (_, listener):
        await listener.until(lambda: bool(listener.bindings))
        (failed,) = listener.bindings
        assert (failed.state, failed.reason) == (BindingState.FAILED, cause)
        assert says in failed.detail
        # The server holds it all the same, and can be told.
        await scene.binder().withdraw(listener.kept)
        assert scene.server.ended == ["r1"]


async def test_application_named_by_its_number_is_recognised(scene: Scene) -> None:
    scene.server.answer = ServiceRegistration(application_ids=("14", "x:y"), profiles=(HTTP,))
    async with scene.begun() as (_, listener):
        await listener.until(lambda: bool(listener.bindings))
        assert listener.states == [("OTA-HTTP", BindingState.UP)]


async def test_empty_answer_leaves_the_defaults_of_the_client(scene: Scene) -> None:
    scene.server.answer = None
    async with scene.begun() as (_, listener):
        await listener.until(lambda: bool(listener.bindings))
        assert listener.states == [("OTA-HTTP", BindingState.UP)]
        assert scene.http.holds[0].profile == ConnectionProfile()


async def test_profile_without_a_variant_is_bound_by_the_default(scene: Scene) -> None:
    scene.server.answer = ServiceRegistration(profiles=(RegisteredProfile(port=4035),))
    async with scene.begun() as (_, listener):
        await listener.until(lambda: bool(listener.bindings))
        assert scene.http.holds[0].profile == ConnectionProfile(port=4035)


async def test_restart_goes_on_with_the_registration_of_before(scene: Scene) -> None:
    async with scene.begun() as (_, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
        scene.http.holds[0].listener.keep("gruu")
        kept = listener.kept
    async with scene.begun(server_data=kept) as (_, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
        assert scene.server.calls[1] == ("POST", "/registrations/r1")
        assert scene.http.server_data == ["", "gruu"]
    await scene.binder().withdraw(kept)
    assert (scene.server.ended, scene.http.withdrawn) == (["r1"], ["gruu"])


async def test_restart_without_the_service_waits_for_it(scene: Scene) -> None:
    async with scene.begun() as (_, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
        kept = listener.kept
    scene.server.status = 500
    scene.due = Instant(0)
    async with scene.begun(server_data=kept) as (_, listener):
        await scene.server.called(2)
        await scene.pass_time(4 * SECOND_MS)
        assert listener.bindings == []
        scene.server.status = None
        await scene.pass_time(1 * SECOND_MS)
        await listener.until(lambda: len(listener.bindings) == 2)


@pytest.mark.parametrize("kept", ["", "x", "[]", '{"uri": 1}', '{"uri": "http://other/"}'])
async def test_what_was_kept_and_cannot_be_read_is_begun_anew(scene: Scene, kept: str) -> None:
    await scene.binder().withdraw(kept)
    async with scene.begun(server_data=kept) as (_, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
        assert scene.server.calls == [("POST", "/register")]


async def test_withdrawal_that_a_variant_or_the_server_refuses_can_be_repeated(
    scene: Scene,
) -> None:
    async with scene.begun() as (_, listener):
        await listener.until(lambda: len(listener.bindings) == 2)
        scene.http.holds[0].listener.keep("gruu")
        kept = listener.kept
    scene.http.withdraw_fails = True
    with pytest.raises(BindingFailed) as caught:
        await scene.binder().withdraw(kept)
    assert caught.value.cause is Reason.NETWORK_ERROR
    scene.http.withdraw_fails, scene.server.status = False, 500
    with pytest.raises(BindingFailed):
        await scene.binder().withdraw(kept)
    scene.server.status = None
    await scene.binder().withdraw(kept)
    assert scene.server.ended == ["r1"]
