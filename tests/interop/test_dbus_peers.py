"""Programs that know nothing of us on a D-Bus with the client (IF-T11).

gdbus, busctl and dbus-send as applications that look and register; an application written with
dbus-python; and the push notification agent that comes with oFono.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from omapush.client.agent import ClientRules, PushClient
from omapush.client.binding.choice_of_binders import Ways
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.dbus.applications import Applications
from omapush.client.store import ClientStore
from omapush.content.message import PushMessage
from omapush.daemon.client_dbus import offering_on_dbus
from omapush.daemon.dbus_settings import DbusTable
from omapush.ota.interface import PoPushAbortReq, PoUnitPushInd, PushSource
from omapush.testing.dbus_application import OnBus
from omapush.testing.modem_manager import private_bus
from omapush.testing.virtual_clock import VirtualClock

PATIENCE_SECONDS = 30
CLIENT, PATH = "org.omapush.Client1", "/org/omapush/Client1"
SYSTEM_PYTHON = "/usr/bin/python3"
OFONO_AGENT = "/usr/share/ofono/scripts/test-push-notification"
MMS_NOTIFICATION = bytes.fromhex("8c82987431008d9080")


def need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{program} is missing")
        pytest.skip(f"{program} is missing")
    return found


@pytest.fixture
def applications() -> Applications:
    return Applications()


@pytest.fixture
async def client(tmp_path: Path, applications: Applications) -> AsyncIterator[PushClient]:
    rules = ClientRules(activation=OnBus(applications))
    bearers = SharedBearers("OTA-HTTP", ["TCP/IP"])
    bearers.up("TCP/IP", "127.0.0.1:4035")
    store, ways = ClientStore(tmp_path / "client.db"), Ways((bearers,))
    client = PushClient(store, VirtualClock(), rules=rules, ways=ways)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def bus(client: PushClient, applications: Applications) -> AsyncIterator[str]:
    """The address of a bus on which the client is, as itself and in oFono's place."""
    need("dbus-daemon")
    with tempfile.TemporaryDirectory() as folder:
        # Another user has to get there too.
        os.chmod(folder, 0o755)  # noqa: PTH101 - at once, and nobody waits for it
        async with private_bus(Path(folder)):
            address = f"unix:path={folder}/bus"
            table = DbusTable(bus=address, ofono=True)
            async with offering_on_dbus(table, client, applications) as offered:
                parts = [asyncio.create_task(part) for part in offered.values()]
                await names(address, CLIENT, table.ofono_name)
                yield address
                for part in parts:
                    part.cancel()
                await asyncio.gather(*parts, return_exceptions=True)


async def names(address: str, *wanted: str) -> None:
    """Wait until somebody has the names."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        for name in wanted:
            code = 1
            while code:
                code, _, _ = await run(
                    need("gdbus"), "wait", "--address", address, "--timeout", "20", name
                )


async def run(*command: str, **options: Any) -> tuple[int, str, str]:
    """Run a program to its end; return exit status, output and what it complained of."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, **options
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        output, complaint = await process.communicate()
    return process.returncode or 0, output.decode(), complaint.decode()


def push(client: PushClient, application: str, content_type: str, body: bytes) -> Any:
    headers = (("Content-Type", content_type), ("X-Wap-Application-Id", application))
    source = PushSource("OTA-WSP", "SMS", "+491710760000")
    return client.unit_push(PoUnitPushInd(PushMessage(headers, body), source))


async def nobody_is_registered(client: PushClient) -> None:
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        contextlib.aclosing(client.status_changes()) as changes,
    ):
        change = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        while client.live_registrations():
            await change
            change = asyncio.ensure_future(anext(changes))
        change.cancel()
        await asyncio.gather(change, return_exceptions=True)


async def test_gdbus_registers_introspects_and_is_refused(client: PushClient, bus: str) -> None:
    call = (need("gdbus"), "call", "--address", bus, "--dest", CLIENT, "--object-path", PATH)
    request = "{'push_application_id': <'2'>, 'path': <objectpath '/a'>, 'accept': <['a/b']>}"
    code, output, _ = await run(*call, "--method", f"{CLIENT}.Register", request)
    assert code == 0
    assert re.fullmatch(rf"\(objectpath '{PATH}/registration/[0-9a-f]+',\)\n", output)
    await nobody_is_registered(client)
    code, output, _ = await run(*call, "--method", f"{CLIENT}.GetRegistrations")
    assert (code, output) == (0, "(@ao [],)\n")

    code, _, complaint = await run(*call, "--method", f"{CLIENT}.Register", "{'path': <'/a'>}")
    assert code == 1
    assert "org.omapush.Error.InvalidParameter" in complaint
    assert "push_application_id" in complaint

    look = (need("gdbus"), "introspect", "--address", bus, "--dest", CLIENT, "--object-path")
    code, output, _ = await run(*look, PATH)
    assert "Register(in  a{sv} request," in output
    assert "readonly s Version" in output
    code, output, _ = await run(*look, "/", "--recurse")
    assert f"node {PATH} {{" in output


async def test_busctl_registers_and_lists(client: PushClient, bus: str) -> None:
    busctl = (need("busctl"), f"--address={bus}")
    register = (*busctl, "call", CLIENT, PATH, CLIENT, "Register", "a{sv}")
    code, output, complaint = await run(
        *register, "2", "push_application_id", "s", "2", "path", "o", "/a"
    )
    assert code == 0, complaint
    assert output.startswith(f'o "{PATH}/registration/')
    code, output, _ = await run(*busctl, "introspect", CLIENT, PATH)
    assert re.search(r"\.Register +method +a\{sv\} +o ", output)
    code, output, _ = await run(*busctl, "get-property", CLIENT, PATH, CLIENT, "Version")
    assert output.startswith('s "')
    code, output, _ = await run(*busctl, "tree", CLIENT)
    assert PATH in output


async def test_dbus_send_of_another_user_registers_nothing(client: PushClient, bus: str) -> None:
    send = (need("dbus-send"), f"--bus={bus}", "--print-reply", f"--dest={CLIENT}", PATH)
    others: dict[str, Any] = {"user": 65534} if os.getuid() == 0 else {}
    code, output, _ = await run(*send, f"{CLIENT}.GetRegistrations", **others)
    assert code == 0
    assert "array [" in output
    wrong = await run(*send, f"{CLIENT}.Register", "string:x", **others)
    assert "org.freedesktop.DBus.Error.InvalidArgs" in wrong[2]
    foreign = await run(*send, f"{CLIENT}.Unregister", f"objpath:{PATH}/registration/0", **others)
    assert "org.omapush.Error.NotRegistered" in foreign[2]


APPLICATION = """
import os, sys
import dbus, dbus.mainloop.glib, dbus.service
from gi.repository import GLib

NAME, PATH = "org.example.Weather", "/org/example/Weather"
CLIENT, CLIENT_PATH = "org.omapush.Client1", "/org/omapush/Client1"

def say(*words):
    print(*words, flush=True)

class Application(dbus.service.Object):
    @dbus.service.method("org.omapush.Application1", in_signature="a{sv}h", out_signature="s")
    def Push(self, event, content):
        with os.fdopen(content.take(), "rb") as file:
            octets = file.read()
        say("push", event["content_type"], len(octets), octets[:2].hex(), len(event["headers"]))
        return "accept" if len(octets) > 10 else "reject:busy"

    @dbus.service.method("org.omapush.Application1", in_signature="osss")
    def StatusChanged(self, registration, old, new, reason):
        say("status", old, new, reason)

    @dbus.service.method("org.omapush.Application1")
    def Released(self):
        say("released")
        loop.quit()

dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.bus.BusConnection(sys.argv[1])
loop = GLib.MainLoop()
application = Application(bus, PATH)
name = dbus.service.BusName(NAME, bus)
client = dbus.Interface(bus.get_object(CLIENT, CLIENT_PATH, introspect=False), CLIENT)
request = {"push_application_id": "x-wap-application:wml.ua", "bus_name": NAME,
           "path": dbus.ObjectPath(PATH), "ack_timeout": dbus.UInt32(20)}
registration = client.Register(dbus.Dictionary(request, signature="sv"))
bus.get_object(CLIENT, registration).connect_to_signal(
    "StateChanged", lambda *all: say("signal", *all), dbus_interface="org.omapush.Registration1")
say("registered")

def ended(_channel, _condition):
    client.Unregister(registration)
    return False

GLib.io_add_watch(sys.stdin, GLib.IO_IN, ended)
loop.run()
"""


@contextlib.asynccontextmanager
async def program(*command: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program beside the test."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def line(process: asyncio.subprocess.Process, begin: str) -> str:
    """Return the next line that begins like this."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while one := (await process.stdout.readline()).decode():
            if one.startswith(begin):
                return one.strip()
    raise AssertionError(f"no line {begin}")


async def test_application_by_another_library_takes_pushes(
    client: PushClient, bus: str, tmp_path: Path
) -> None:
    code, _, complaint = await run(need(SYSTEM_PYTHON), "-c", "import dbus, gi")
    if code and os.environ.get("CI") != "true":
        pytest.skip("python3-dbus or python3-gi is missing")
    assert code == 0, complaint
    script = tmp_path / "application.py"
    script.write_text(APPLICATION)
    async with program(SYSTEM_PYTHON, str(script), bus) as application:
        await line(application, "registered")
        content = bytes(range(256)) * 1_200
        push(client, "x-wap-application:wml.ua", "application/octet-stream", content)
        assert await line(application, "push") == (
            f"push application/octet-stream {len(content)} 0001 2"
        )
        push(client, "x-wap-application:wml.ua", "text/plain", b"short")
        assert await line(application, "push") == "push text/plain 5 7368 2"
        (registration,) = client.live_registrations()
        assert registration.owner == f"uid:{os.getuid()}/dbus:org.example.Weather"
        assert application.stdin is not None
        application.stdin.write(b"\n")
        await line(application, "released")
    assert client.live_registrations() == []


async def test_agent_of_ofono_gets_the_datagram_of_a_push(client: PushClient, bus: str) -> None:
    command = (need(SYSTEM_PYTHON), "-u", need(OFONO_AGENT))
    async with program(*command, DBUS_SYSTEM_BUS_ADDRESS=bus) as agent:
        await line(agent, "Agent registered")
        (registration,) = client.live_registrations()
        assert registration.owner == f"uid:{os.getuid()}/dbus:ofono-agent"
        content_type = "application/vnd.wap.mms-message"
        answer = push(client, "x-wap-application:mms.ua", content_type, MMS_NOTIFICATION)
        assert await line(agent, "Key: Sender") == "Key: Sender, Value: +491710760000"
        # Two octets of transaction and type, one of length, one of content type as a short
        # integer, two of the application id, and the content.
        await line(agent, f"Received notification of size: {6 + len(MMS_NOTIFICATION)}")
        assert not isinstance(await answer, PoPushAbortReq)
        agent.send_signal(2)
        await line(agent, "Release")
    assert client.live_registrations() == []


async def test_example_takes_a_push(client: PushClient, bus: str) -> None:
    example = Path(__file__).parents[2] / "examples/dbus/application.py"
    async with program(sys.executable, str(example), DBUS_SESSION_BUS_ADDRESS=bus) as application:
        await line(application, "registered /org/omapush/Client1/registration/")
        answer = push(client, "x-wap-application:wml.ua", "text/plain", b"rain")
        assert await line(application, "push") == "push text/plain b'rain'"
        assert not isinstance(await answer, PoPushAbortReq)
