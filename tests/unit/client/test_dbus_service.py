"""Applications on a D-Bus: registrations as objects, pushes by call, whose is whose (IF-T11).

The bus is a real one, of our own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from dbus_fast import DBusError, Message, Variant
from dbus_fast.aio import MessageBus

import omapush
from omapush.cai.model import RegistrationRequest
from omapush.client.agent import ClientLimits, ClientRules, PushClient
from omapush.client.dbus.applications import Applications
from omapush.client.dbus.bus import MAX_CALLS_OF_ONE, BusSettings, BusUnavailable, offer
from omapush.client.dbus.service import ClientService
from omapush.client.service_client import ServiceClient
from omapush.client.service_point.peer_credentials import PeerCredentialsProtocol
from omapush.client.service_point.point import ServicePoint
from omapush.daemon.client import unix_socket
from omapush.daemon.serving import HttpServer
from omapush.ota.interface import PoConfirmedPushRes, PoPushAbortReq, PushStatus
from omapush.testing.dbus_application import CLIENT, CLIENT_PATH, PATH, DbusApplication, OnBus
from omapush.testing.modem_manager import PATIENCE_SECONDS, private_bus
from omapush.testing.virtual_clock import VirtualClock

WML = "x-wap-application:wml.ua"
MMS = "x-wap-application:mms.ua"
WEATHER = "org.example.Weather"
REGISTRATION = "org.omapush.Registration1"
PROPERTIES = "org.freedesktop.DBus.Properties"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"

NewApplication = Callable[..., Awaitable[DbusApplication]]


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[str]:
    if shutil.which("dbus-daemon") is None:
        assert not os.environ.get("CI"), "dbus-daemon is missing"
        pytest.skip("dbus-daemon is not installed")
    async with private_bus(tmp_path):
        yield f"unix:path={tmp_path / 'bus'}"


@pytest.fixture
def applications() -> Applications:
    return Applications()


def rules_for(applications: Applications) -> ClientRules:
    return ClientRules(activation=OnBus(applications))


@pytest.fixture
async def client(
    new_client: Callable[..., Awaitable[PushClient]], applications: Applications
) -> PushClient:
    return await new_client(rules=rules_for(applications))


@contextlib.asynccontextmanager
async def offering(
    client: PushClient, bus: str, applications: Applications
) -> AsyncIterator[ClientService]:
    """Offer the client on a bus; it is there when this begins."""
    service = ClientService(client, applications)
    await service.start()
    settings = BusSettings(bus, first_wait_ms=10, longest_wait_ms=10)
    parts = [asyncio.create_task(offer(settings, service))]
    parts.append(asyncio.create_task(service.tell_changes()))
    try:
        await there(bus)
        yield service
    finally:
        for part in parts:
            part.cancel()
        results = await asyncio.gather(*parts, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in results), results


async def there(bus: str) -> None:
    """Wait until the client has its name."""
    watcher = await MessageBus(bus_address=bus).connect()
    found = asyncio.Event()

    def look(message: Message) -> None:
        if message.member == "NameOwnerChanged" and message.body[0] == CLIENT and message.body[2]:
            found.set()

    watcher.add_message_handler(look)
    rule = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'"
    driver = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
    await watcher.call(Message(*driver, "AddMatch", signature="s", body=[rule]))
    has = await watcher.call(Message(*driver, "NameHasOwner", signature="s", body=[CLIENT]))
    async with asyncio.timeout(PATIENCE_SECONDS):
        if not has.body[0]:
            await found.wait()
    watcher.disconnect()


@pytest.fixture
async def service(
    client: PushClient, bus: str, applications: Applications
) -> AsyncIterator[ClientService]:
    async with offering(client, bus, applications) as service:
        yield service


@pytest.fixture
async def new_application(bus: str) -> AsyncIterator[NewApplication]:
    """Return a function that starts an application; the name is taken on the bus if given."""
    with contextlib.ExitStack() as stack:

        async def start(name: str | None = None) -> DbusApplication:
            application = DbusApplication(bus)
            await application.start(name)
            stack.callback(application.stop)
            return application

        yield start


async def registered_are(client: PushClient, wanted: set[str]) -> None:
    """Wait until there are registrations for these applications and no others."""
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        contextlib.aclosing(client.status_changes()) as changes,
    ):
        change = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        while {one.push_application_id for one in client.live_registrations()} != wanted:
            await change
            change = asyncio.ensure_future(anext(changes))
        change.cancel()
        await asyncio.gather(change, return_exceptions=True)


async def refused(call: Awaitable[object]) -> tuple[str, str]:
    """Return name and text of the error that a call is answered with."""
    with pytest.raises(DBusError) as caught:
        await call
    return caught.value.type, caught.value.text


async def test_application_registers_accepts_a_push_and_deregisters(
    service: ClientService, client: PushClient, new_application: NewApplication, link: Any
) -> None:
    """CAI-4, CAI-27, CAI-42, CAI-47, CAI-55, CAI-57 to CAI-60, IF-T11"""
    application = await new_application()
    path = await application.register(WML, accept=Variant("as", ["text/plain"]))
    assert await application.registrations() == [path]
    await application.state("registered")
    assert await application.property(path, "State") == "registered"
    assert await application.property(path, "PushApplicationId") == WML
    (binding,) = await application.property(path, "Bindings")  # type: ignore[misc]
    assert binding["protocol"].value == "OTA-HTTP"

    headers = (("X-One", "1"), ("X-One", "ä"), ("X-Nul", "a\0b"))
    push = link.push(body=bytes(range(256)), headers=headers, push_id="p1")
    handed = await application.next_push()
    assert handed.content == bytes(range(256))
    assert handed.members["content_type"] == "text/plain"
    assert [tuple(one) for one in handed.members["headers"]][-3:] == [
        ("X-One", "1"),
        ("X-One", "ä"),
        ("X-Nul", "a\ufffdb"),
    ]
    assert handed.members["confirmed"] is True
    assert path.endswith(handed.members["registration"])
    assert "content_b64" not in handed.members
    assert await push == PoConfirmedPushRes("1")

    await application.call(path, REGISTRATION, "Deregister")
    await application.state("deregistered")
    assert await application.released.get() == PATH
    assert client.live_registrations() == []
    name, _ = await refused(application.property(path, "State"))
    assert name == "org.freedesktop.DBus.Error.UnknownObject"


async def test_signals_of_a_registration_tell_each_state(
    service: ClientService, client: PushClient, new_application: NewApplication
) -> None:
    """AD-6"""
    application = await new_application()
    path = await application.register(WML)
    await application.state("registered")
    client.bearers.binding_down("OTA-HTTP", "TCP/IP")
    await application.state("lost")
    signals = [application.signals.get_nowait() for _ in range(4)]
    assert {one.path for one in signals} == {path}
    told = [tuple(one.body) for one in signals if one.member == "StateChanged"]
    assert told == [("pending", "registered", ""), ("registered", "lost", "bearer_lost")]
    changed = [one.body[1] for one in signals if one.member == "PropertiesChanged"]
    assert [one["State"].value for one in changed] == ["registered", "lost"]
    assert changed[1]["Reason"].value == "bearer_lost"
    (binding,) = changed[1]["Bindings"].value
    assert binding["state"].value == "lost"


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ("reject", PushStatus.USERREQ),
        ("reject:refused", PushStatus.USERREQ),
        ("reject:busy", PushStatus.USERDCR),
        ("reject:unsupported_type", PushStatus.USERDCU),
        ("reject:try_later", PushStatus.USERPND),
        ("yes", None),
        ("org.example.Error.Broken", None),
    ],
)
async def test_answer_of_an_application_becomes_the_abort_that_stands_for_it(
    service: ClientService,
    new_application: NewApplication,
    link: Any,
    result: str,
    status: PushStatus | None,
) -> None:
    """T-54, T-60"""
    application = await new_application()
    application.result = result
    await application.register(WML)
    answer = await link.push()
    assert isinstance(answer, PoPushAbortReq)
    application.result = "reject:try_later"
    later = await link.push()
    # What is no answer counts as "try later".
    expected = later.status if status is None or result == "reject:try_later" else answer.status
    assert answer.status == expected
    assert (answer.status == later.status) == (status is None or result == "reject:try_later")


async def test_application_that_never_answers_costs_the_push_and_gets_the_next(
    new_client: Callable[..., Awaitable[PushClient]],
    new_link: Callable[[PushClient], Any],
    bus: str,
    applications: Applications,
    new_application: NewApplication,
) -> None:
    """T-54 (never answers)"""
    client = await new_client(ClientLimits(acceptance_ms=5), rules=rules_for(applications))
    async with offering(client, bus, applications):
        application = await new_application()
        application.result = None
        await application.register(WML)
        link = new_link(client)
        assert isinstance(await link.push(), PoPushAbortReq)
    assert client.live_registrations() == []


async def test_application_that_dies_with_a_push_in_hand_has_not_taken_it(
    service: ClientService, client: PushClient, new_application: NewApplication, link: Any
) -> None:
    """T-54 (dies)"""
    application = await new_application()
    application.result = None
    application.before_answer = application.stop
    await application.register(WML)
    assert isinstance(await link.push(), PoPushAbortReq)
    await registered_are(client, set())


async def test_content_of_any_size_comes_by_descriptor_that_cannot_be_written(
    service: ClientService, new_application: NewApplication, link: Any, bus: str
) -> None:
    application = await new_application()
    await application.register(WML)
    content = os.urandom(300_000)
    push = link.push(body=content, content_type="application/octet-stream")
    handed = await application.next_push()
    assert handed.content == content
    assert handed.members["size"] == 300_000
    assert isinstance(await push, PoConfirmedPushRes)


async def test_registration_of_another_connection_is_not_there(
    service: ClientService, client: PushClient, new_application: NewApplication
) -> None:
    """T-27, T-43, IF-T2"""
    owner, other = await new_application(), await new_application()
    path = await owner.register(WML)
    await owner.state("registered")
    assert await other.registrations() == []
    unknown, _ = await refused(other.property(path, "State"))
    absent, _ = await refused(other.property(f"{CLIENT_PATH}/registration/0", "State"))
    assert unknown == absent == "org.freedesktop.DBus.Error.UnknownObject"
    name, _ = await refused(other.call(path, REGISTRATION, "Deregister"))
    assert name == "org.freedesktop.DBus.Error.UnknownObject"
    name, _ = await refused(other.call(CLIENT_PATH, CLIENT, "Unregister", "o", path))
    assert name == "org.omapush.Error.NotRegistered"
    name, text = await refused(other.register(WML))
    assert name == "org.omapush.Error.AlreadyRegistered"
    assert "push_application_id" in text
    document = await other.call("/", "org.freedesktop.DBus.Introspectable", "Introspect")
    assert "org" in document
    assert path.rpartition("/")[2] not in await other.call(
        CLIENT_PATH, "org.freedesktop.DBus.Introspectable", "Introspect"
    )
    assert other.signals.empty()
    assert [one.owner for one in client.live_registrations()] == [
        f"uid:{os.getuid()}/dbus:{owner.unique_name}"
    ]


async def test_same_application_registers_again_and_updates(
    service: ClientService, client: PushClient, new_application: NewApplication
) -> None:
    """T-28, CAI-21"""
    application = await new_application()
    first = await application.register(WML)
    assert await application.register("2", accept=Variant("as", ["image/png"])) == first
    (registration,) = client.live_registrations()
    assert registration.request.accept == ("image/png",)


async def test_registrations_of_a_connection_end_with_it(
    service: ClientService, client: PushClient, new_application: NewApplication
) -> None:
    application = await new_application()
    await application.register(WML)
    await application.register(MMS)
    application.stop()
    await registered_are(client, set())


async def test_bus_name_that_is_claimed_but_not_owned_is_refused(
    service: ClientService, client: PushClient, new_application: NewApplication
) -> None:
    await new_application(WEATHER)
    impostor = await new_application()
    for claimed, error in [
        (Variant("s", WEATHER), "PermissionDenied"),
        (Variant("s", "org.example.Nobody"), "PermissionDenied"),
        (Variant("s", "org.freedesktop.DBus"), "PermissionDenied"),
        (Variant("s", "no name"), "InvalidParameter"),
        (Variant("u", 7), "InvalidParameter"),
    ]:
        name, text = await refused(impostor.register(WML, bus_name=claimed))
        assert name == f"org.omapush.Error.{error}"
        assert text.startswith("bus_name")
    assert client.live_registrations() == []


async def test_application_with_a_bus_name_comes_back_to_its_registration(
    service: ClientService, client: PushClient, new_application: NewApplication, link: Any
) -> None:
    application = await new_application(WEATHER)
    path = await application.register(WML, bus_name=Variant("s", WEATHER))
    await application.state("registered")
    application.stop()
    # Away, and nobody can start it.
    refusal = await link.push()
    assert isinstance(refusal, PoPushAbortReq)
    assert len(client.live_registrations()) == 1

    again = await new_application(WEATHER)
    assert await again.registrations() == [path]
    assert isinstance(await link.push(body=b"second"), PoConfirmedPushRes)
    assert (await again.next_push()).content == b"second"
    await again.call(CLIENT_PATH, CLIENT, "Unregister", "o", path)
    assert await again.registrations() == []


async def test_restarted_client_serves_bus_names_and_ends_connections(
    new_client: Callable[..., Awaitable[PushClient]],
    new_link: Callable[[PushClient], Any],
    bus: str,
    applications: Applications,
    new_application: NewApplication,
) -> None:
    """T-40"""
    named, nameless = await new_application(WEATHER), await new_application()
    first = await new_client(rules=rules_for(applications))
    service = ClientService(first, applications)
    offered = asyncio.create_task(offer(BusSettings(bus), service))
    await there(bus)
    path = await named.register(WML, bus_name=Variant("s", WEATHER))
    await nameless.register(MMS)
    await first.close()  # it cannot end anything any more, as if it had been killed
    offered.cancel()
    await asyncio.gather(offered, return_exceptions=True)

    second = await new_client(rules=rules_for(applications))
    async with offering(second, bus, applications):
        assert [one.push_application_id for one in second.live_registrations()] == [WML]
        assert await named.registrations() == [path]
        assert isinstance(await new_link(second).push(body=b"after"), PoConfirmedPushRes)
        assert (await named.next_push()).content == b"after"


async def test_client_that_stops_releases_applications_without_a_bus_name(
    client: PushClient, bus: str, applications: Applications, new_application: NewApplication
) -> None:
    named, nameless = await new_application(WEATHER), await new_application()
    async with offering(client, bus, applications):
        await named.register(WML, bus_name=Variant("s", WEATHER))
        await nameless.register(MMS)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await nameless.released.get() == PATH
    assert [one.push_application_id for one in client.live_registrations()] == [WML]
    assert named.released.empty()


STARTED = """
import asyncio, pathlib, sys
from omapush.testing.dbus_application import DbusApplication

async def main():
    application = DbusApplication(sys.argv[1])
    noted = pathlib.Path(sys.argv[2])
    application.before_answer = lambda: noted.write_bytes(application.pushes.get_nowait().content)
    await application.start("org.example.Weather")
    await application.gone()

asyncio.run(main())
"""


async def test_application_that_is_away_is_started_by_the_bus(
    service: ClientService,
    client: PushClient,
    new_application: NewApplication,
    link: Any,
    bus: str,
    tmp_path: Path,
) -> None:
    application = await new_application(WEATHER)
    await application.register(WML, bus_name=Variant("s", WEATHER))
    await application.state("registered")
    application.stop()
    program, noted = tmp_path / "weather.py", tmp_path / "noted"
    program.write_text(STARTED)
    source = Path(omapush.__file__).parents[1]
    command = f"/usr/bin/env PYTHONPATH={source} {sys.executable} {program} {bus} {noted}"
    entry = f"[D-BUS Service]\nName={WEATHER}\nExec={command}\n"
    (tmp_path / "services" / f"{WEATHER}.service").write_text(entry)
    watcher = await new_application()
    driver = ("/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig")
    watcher.client = "org.freedesktop.DBus"
    await watcher.call(*driver)

    assert isinstance(await link.push(body=b"wake up"), PoConfirmedPushRes)
    assert noted.read_bytes() == b"wake up"


async def test_name_of_another_user_is_not_called(
    service: ClientService, new_application: NewApplication, link: Any, client: PushClient
) -> None:
    application = await new_application(WEATHER)
    handler = service.applications.handler(WEATHER, PATH, os.getuid() + 1)
    registration = await client.register("uid:0/x", RegistrationRequest(WML))
    client.attach("uid:0/x", registration.registration_id, handler)
    assert isinstance(await link.push(), PoPushAbortReq)
    assert application.pushes.empty()
    anybody = service.applications.handler(WEATHER, PATH)
    client.attach("uid:0/x", registration.registration_id, anybody)
    assert isinstance(await link.push(), PoConfirmedPushRes)


SOME = Variant("s", "x")


def nested(depth: int) -> Variant:
    value = Variant("s", "x")
    for _ in range(depth):
        value = Variant("av", [value])
    return value


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"push_application_id": Variant("s", "")}, "push_application_id"),
        ({"push_application_id": Variant("ay", b"x")}, "push_application_id"),
        ({"colour": Variant("s", "red")}, "colour"),
        ({"path": Variant("s", "not a path")}, "path"),
        ({"path": Variant("u", 1)}, "path"),
        ({"accept": Variant("s", "text/plain")}, "accept"),
        ({"accept": Variant("a{us}", {1: "x"})}, "accept"),
        ({"accept": nested(20)}, "accept"),
        ({"accept": Variant("au", [1] * 5_000)}, "accept"),
        ({"profiles": Variant("aa{sv}", [{"port": Variant("s", "x")}])}, "profiles[0].port"),
        ({"event_handler": Variant("s", "exec:[]")}, "event_handler"),
        ({"ack_timeout": Variant("d", float("nan"))}, "ack_timeout"),
    ],
)
async def test_bad_request_is_refused_by_the_name_of_its_member(
    service: ClientService,
    client: PushClient,
    new_application: NewApplication,
    members: dict[str, Variant],
    named: str,
) -> None:
    """T-02, T-17"""
    application = await new_application()
    request = {"push_application_id": SOME, "path": Variant("o", PATH), **members}
    call = application.call(CLIENT_PATH, CLIENT, "Register", "a{sv}", request)
    name, text = await refused(call)
    assert name.startswith("org.omapush.Error.")
    assert text.startswith(named)
    assert client.live_registrations() == []
    assert await application.registrations() == []


@pytest.mark.parametrize(
    ("path", "interface", "member", "signature", "body", "error"),
    [
        (CLIENT_PATH, CLIENT, "Register", "s", ["x"], "InvalidArgs"),
        (CLIENT_PATH, CLIENT, "Fly", "", [], "UnknownMethod"),
        (CLIENT_PATH, REGISTRATION, "Deregister", "", [], "UnknownMethod"),
        ("/elsewhere", CLIENT, "GetRegistrations", "", [], "UnknownObject"),
        ("/elsewhere", INTROSPECTABLE, "Introspect", "", [], "UnknownObject"),
        (CLIENT_PATH, PROPERTIES, "Get", "ss", [CLIENT, "Colour"], "UnknownProperty"),
        (CLIENT_PATH, PROPERTIES, "Get", "s", [CLIENT], "UnknownMethod"),
        (CLIENT_PATH, PROPERTIES, "Set", "ssv", [CLIENT, "Info", SOME], "PropertyReadOnly"),
    ],
)  # fmt: skip
async def test_call_of_what_is_not_there_is_refused(
    service: ClientService,
    new_application: NewApplication,
    path: str,
    interface: str,
    member: str,
    signature: str,
    body: list[Any],
    error: str,
) -> None:
    application = await new_application()
    name, _ = await refused(application.call(path, interface, member, signature, *body))
    assert name == f"org.freedesktop.DBus.Error.{error}"


async def test_client_says_its_versions(
    service: ClientService, new_application: NewApplication
) -> None:
    application = await new_application()
    everything = await application.call(CLIENT_PATH, PROPERTIES, "GetAll", "s", CLIENT)
    assert everything["Version"].value == omapush.__version__
    assert everything["Info"].value["cai"].value == ["1.0", "1.1"]
    assert await application.call(CLIENT_PATH, "org.freedesktop.DBus.Peer", "Ping") is None


async def test_descriptors_that_callers_send_are_closed(
    service: ClientService, new_application: NewApplication
) -> None:
    application = await new_application()
    assert application._bus is not None
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - no objects of our own meanwhile
    for _ in range(10):
        call = Message(
            CLIENT, CLIENT_PATH, CLIENT, "Register", signature="h", body=[0], unix_fds=[0]
        )
        await application._bus.call(call)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


async def test_caller_with_too_many_calls_at_a_time_is_told(
    service: ClientService, new_application: NewApplication
) -> None:
    eager = await new_application()
    calls = [eager.registrations() for _ in range(MAX_CALLS_OF_ONE * 3)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    refusals = {one.type for one in results if isinstance(one, DBusError)}
    assert refusals <= {"org.freedesktop.DBus.Error.LimitsExceeded"}
    assert [] in results
    assert await eager.registrations() == []


async def test_history_of_states_is_that_of_the_service_access_point(
    service: ClientService,
    client: PushClient,
    new_application: NewApplication,
    clock: VirtualClock,
    tmp_path: Path,
) -> None:
    """IF-T11"""
    told: dict[str, list[tuple[str, str]]] = {WML: [], MMS: []}

    async def note() -> None:
        async for change in client.status_changes():
            kept = told[change.registration.push_application_id]
            kept.append((change.old.value, change.new.value))

    noting = asyncio.create_task(note())
    application = await new_application()
    path = await application.register(WML)
    await application.state("registered")
    await application.call(path, REGISTRATION, "Deregister")
    await application.state("deregistered")

    listening = unix_socket(tmp_path / "cai.sock")
    point = ServicePoint(client, client._store, clock)
    server = HttpServer(point.application, [listening], http=PeerCredentialsProtocol)
    serving = asyncio.create_task(server.run_until_stopped())
    async with ServiceClient(tmp_path / "cai.sock") as other:
        registration = await other.register({"push_application_id": MMS})
        await other.deregister(registration["id"])
    server.stop()
    await serving
    listening.close()
    noting.cancel()
    await asyncio.gather(noting, return_exceptions=True)
    assert told[MMS] == told[WML]
    assert [new for _, new in told[WML]] == ["registered", "deregistering", "deregistered"]


async def test_bus_that_goes_away_is_found_again(
    client: PushClient, tmp_path: Path, link: Any, applications: Applications
) -> None:
    address = f"unix:path={tmp_path / 'bus'}"
    async with AsyncExitStack() as whole:
        async with private_bus(tmp_path):
            await whole.enter_async_context(offering(client, address, applications))
            named, nameless = DbusApplication(address), DbusApplication(address)
            await named.start(WEATHER)
            await nameless.start()
            path = await named.register(WML, bus_name=Variant("s", WEATHER))
            await nameless.register(MMS)
        # Connections are gone for good; who has a name may come back.
        await registered_are(client, {WML})
        assert isinstance(await link.push(), PoPushAbortReq)
        async with private_bus(tmp_path):
            await there(address)
            again = DbusApplication(address)
            await again.start(WEATHER)
            assert await again.registrations() == [path]
            assert isinstance(await link.push(body=b"back"), PoConfirmedPushRes)
            assert (await again.next_push()).content == b"back"
            again.stop()


async def test_address_that_is_none_is_said(client: PushClient) -> None:
    with pytest.raises(BusUnavailable):
        await offer(BusSettings("nonsense"), ClientService(client, Applications()))
