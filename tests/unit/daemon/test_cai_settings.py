"""What can be set about the interface to applications, and what comes of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omapush.cai.model import Reason, Registration, RegistrationRejected, RegistrationRequest
from omapush.client.owner import OwnerKind
from omapush.client.policy import TrustedApplications
from omapush.client.registration_rules import Rule
from omapush.client.static_registrations import StaticRegistrations
from omapush.daemon.cai_settings import CaiTable
from omapush.daemon.reloading import keep_loaded
from omapush.daemon.settings import ClientSettings
from omapush.daemon.settings_file import load_settings
from omapush.daemon.settings_table import SettingsError
from omapush.daemon.system_users import SystemUsers

WML = RegistrationRequest("x-wap-application:wml.ua")
ME = os.getuid()
MY_NAME = pwd.getpwuid(ME).pw_name


class Cai:
    """Reads settings as the daemon does."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, text: str) -> CaiTable:
        self._path.write_text(f"[cai]\n{text}\n")
        return load_settings(ClientSettings, self._path).cai


@pytest.fixture
def cai(tmp_path: Path) -> Cai:
    return Cai(tmp_path / "client.toml")


def judged(table: CaiTable, owner: str, request: RegistrationRequest = WML) -> Reason | None:
    try:
        table.registration_policy(SystemUsers(), list).check(owner, request)
    except RegistrationRejected as error:
        return error.cause
    return None


def test_everybody_is_trusted_unless_it_is_set_otherwise(cai: Cai) -> None:
    """CAI-62"""
    table = cai("")
    assert isinstance(table.registration_policy(SystemUsers(), list), TrustedApplications)
    assert table.static_registrations is None
    assert table.handlers.activation().schemes == {"unix", "http"}


def test_strict_policy_needs_the_group_that_is_set(cai: Cai) -> None:
    groups = sorted(SystemUsers().groups(ME))
    member = cai(f'policy = "strict"\ngroup = "{groups[0]}"')
    assert judged(member, f"uid:{ME}/t") is None
    stranger = cai('policy = "strict"\ngroup = "no such group"')
    assert judged(stranger, "uid:4294967/t") is Reason.PERMISSION_DENIED
    assert judged(stranger, "uid:9999999999/t") is Reason.PERMISSION_DENIED
    assert judged(stranger, "uid:0/t") is None


def test_rules_say_what_they_say(cai: Cai) -> None:
    table = cai(
        """
        policy = "rules"
        [[cai.rules]]
        name = "all of it"
        allow = false
        users = ["alice", 1000]
        groups = ["push"]
        owners = ["dbus", "file"]
        push_application_ids = ["vnd.{user}:*"]
        registered_ids = true
        event_handlers = ["none", "unix"]
        registration_hosts = ["*.example.com"]
        protocols = ["OTA-HTTP"]
        bearers = ["GPRS"]
        delegated_storage = false
        max_registrations = 3
        [[cai.rules]]
        name = "rest"
        """
    )
    assert table.rules[0].rule() == Rule(
        "all of it",
        allow=False,
        users=frozenset(("alice", "1000")),
        groups=frozenset(("push",)),
        owners=frozenset((OwnerKind.DBUS, OwnerKind.FILE)),
        push_application_ids=("vnd.{user}:*",),
        registered_ids=True,
        event_handlers=("none", "unix"),
        registration_hosts=("*.example.com",),
        protocols=("OTA-HTTP",),
        bearers=("GPRS",),
        delegated_storage=False,
        max_registrations=3,
    )
    every_kind = ("none", "exec", "unix", "http", "dbus", "python")
    assert table.rules[1].rule() == Rule("rest", event_handlers=every_kind)


def test_rule_by_the_name_of_the_user_who_registers(cai: Cai) -> None:
    """T-51"""
    table = cai(f'policy = "rules"\n[[cai.rules]]\nname = "me"\nusers = ["{MY_NAME}"]')
    assert judged(table, f"uid:{ME}/t") is None
    assert judged(table, f"uid:{ME + 1}/t") is Reason.PERMISSION_DENIED


@pytest.mark.parametrize(
    "text",
    [
        'policy = "rules"',
        '[[cai.rules]]\nname = "a"',
        'policy = "strict"\n[[cai.rules]]\nname = "a"',
        'policy = "rules"\n[[cai.rules]]\nname = "a"\n[[cai.rules]]\nname = "a"',
        'policy = "rules"\n[[cai.rules]]\nname = "a"\nowners = ["carrier pigeon"]',
        'policy = "rules"\n[[cai.rules]]\nname = "a"\nevent_handlers = ["smtp"]',
        'policy = "rules"\n[[cai.rules]]\nname = "a"\nuser = ["b"]',
        'policy = "rules"\n[[cai.rules]]\nallow = true',
        "[cai.handlers]\nprocesses = 0",
        '[cai.handlers]\nschemes = ["none"]',
    ],
)
def test_settings_that_contradict_themselves_are_refused(cai: Cai, text: str) -> None:
    with pytest.raises(SettingsError):
        cai(text)


def test_event_handlers_are_those_that_are_switched_on(cai: Cai) -> None:
    table = cai(
        '[cai.handlers]\nschemes = ["exec", "dbus"]\ndirectory = "/srv"\npath = "/bin"\n'
        "processes = 2\nanswer_seconds = 5"
    )
    activation = table.handlers.activation()
    assert activation.schemes == {"exec"}  # there is no bus
    request = RegistrationRequest(WML.push_application_id, event_handler='exec:["/bin/true"]')
    activation.check(f"uid:{ME}/t", request)
    with pytest.raises(RegistrationRejected):
        activation.check(f"uid:{ME + 1}/t", request)


def test_system_knows_its_users_and_no_others() -> None:
    users = SystemUsers()
    assert users.name(ME) == MY_NAME
    assert "root" in users.groups(0)
    for unknown in (4_294_967, 9_999_999_999):
        assert users.name(unknown) is None
        assert users.groups(unknown) == frozenset()


class NoAgent:
    """A client whose registrations are looked through for each load, and which has no bearer."""

    def __init__(self) -> None:
        self.looks: asyncio.Queue[None] = asyncio.Queue()
        self.requests: asyncio.Queue[str] = asyncio.Queue()

    async def register(self, owner: str, request: RegistrationRequest) -> Registration:
        self.requests.put_nowait(owner)
        raise RegistrationRejected(Reason.UNAVAILABLE, "no bearer is available now")

    async def change(
        self, owner: str, registration_id: str, request: RegistrationRequest
    ) -> Registration:
        raise AssertionError(owner)

    async def deregister(self, owner: str, registration_id: str) -> Registration:
        raise AssertionError(owner)

    def live_registrations(self) -> list[Registration]:
        self.looks.put_nowait(None)
        return []


@contextlib.asynccontextmanager
async def kept_loaded(
    agent: NoAgent, directory: Path, retry_seconds: float = 3_600
) -> AsyncIterator[None]:
    static = StaticRegistrations(agent, directory)
    keeping = asyncio.create_task(keep_loaded(static, retry_seconds))
    yield
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping


async def test_registrations_are_loaded_at_the_start_and_at_each_hangup(tmp_path: Path) -> None:
    agent = NoAgent()
    async with kept_loaded(agent, tmp_path):
        await agent.looks.get()
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
            await agent.looks.get()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


async def test_file_whose_bearer_is_not_there_yet_is_tried_again(tmp_path: Path) -> None:
    agent, file = NoAgent(), tmp_path / "a.toml"
    file.write_text('push_application_id = "2"\nevent_handler = "unix:/run/app.sock"\n')
    file.chmod(0o644)
    async with kept_loaded(agent, tmp_path, retry_seconds=0.01):
        for _ in range(3):
            assert await agent.requests.get() == f"file:{ME}{file}"
