"""Registrations in files: what is taken of a directory, and what a reload makes of it (IF-T9)."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from omapush.cai.model import (
    DeregistrationRejected,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
)
from omapush.client.owner import file_owner
from omapush.client.static_registrations import (
    MAX_FILES,
    MAX_OCTETS,
    StaticRegistrationError,
    StaticRegistrations,
    read_directory,
    read_file,
)
from omapush.content.application_id import ApplicationId
from omapush.core.instants import Instant

ME = os.getuid()
WML = "x-wap-application:wml.ua"
MMS = "x-wap-application:mms.ua"
HANDLER = 'event_handler = "unix:/run/app.sock"\n'


class FakeAgent:
    """Registrations in memory, with one application for each id (CAI-20)."""

    def __init__(self) -> None:
        self.known: dict[str, Registration] = {}
        self.denied: set[str] = set()
        self.stuck = False
        self.away = False

    async def register(self, owner: str, request: RegistrationRequest) -> Registration:
        application = ApplicationId.parse(request.push_application_id).canonical
        if self.away:
            raise RegistrationRejected(Reason.UNAVAILABLE, "no bearer is available now")
        if application in self.denied:
            raise RegistrationRejected(Reason.PERMISSION_DENIED, "denied", "push_application_id")
        if any(one.push_application_id == application for one in self.known.values()):
            raise RegistrationRejected(Reason.ALREADY_REGISTERED, "taken", "push_application_id")
        state, now = RegistrationState.PENDING, Instant(0)
        identifier = f"r{len(self.known)}.{application}"
        registered = Registration(identifier, owner, application, request, state, now, now)
        self.known[identifier] = registered
        return registered

    async def change(
        self, owner: str, registration_id: str, request: RegistrationRequest
    ) -> Registration:
        assert self.known[registration_id].owner == owner
        if request.accept == ("text/refused",):
            raise RegistrationRejected(Reason.PERMISSION_DENIED, "denied", "accept")
        self.known[registration_id] = replace(self.known[registration_id], request=request)
        return self.known[registration_id]

    async def deregister(self, owner: str, registration_id: str) -> Registration:
        assert self.known[registration_id].owner == owner
        if self.stuck:
            raise DeregistrationRejected(Reason.INTERNAL_ERROR, "not now")
        return self.known.pop(registration_id)

    def live_registrations(self) -> list[Registration]:
        return [one for one in self.known.values() if one.state.is_live]

    def ids(self) -> dict[str, str]:
        """Return the registered ids by the names of their files."""
        return {Path(one.owner).name: one.push_application_id for one in self.known.values()}


class Folder:
    """A directory of registrations."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        file = self.path / name
        file.write_text(text)
        file.chmod(mode)
        return file

    def registration(self, name: str, application: str, more: str = "") -> Path:
        return self.write(name, f'push_application_id = "{application}"\n{HANDLER}{more}')

    def remove(self, name: str) -> None:
        (self.path / name).unlink()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    path = tmp_path / "registrations"
    path.mkdir()
    return Folder(path)


@pytest.fixture
def agent() -> FakeAgent:
    return FakeAgent()


@pytest.fixture
def static(agent: FakeAgent, folder: Folder) -> StaticRegistrations:
    return StaticRegistrations(agent, folder.path)


def test_file_says_everything_that_a_request_can(folder: Folder) -> None:
    path = folder.write(
        "weather.toml",
        """
        push_application_id = "vnd.acme:weather"
        application_id = "urn:example:weather"
        event_handler = 'exec:["/usr/bin/weather", "-"]'
        accept = ["text/*"]
        delegated_storage = true
        ack_timeout = 5
        [[whitelist]]
        addr = "192.0.2.0/24"
        [[profiles]]
        protocol = "OTA-WSP"
        port = 2950
        """,
    )
    file = read_file(path)
    assert file.owner == f"file:{ME}{path}" == file_owner(ME, str(path))
    assert file.application == "vnd.acme:weather"
    request = file.request
    assert request.event_handler == 'exec:["/usr/bin/weather", "-"]'
    assert (request.accept, request.ack_timeout_ms) == (("text/*",), 5_000)
    assert request.whitelist[0].addr == "192.0.2.0/24"
    assert request.profiles[0].port == 2950
    assert request.delegated_storage


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "push_application_id"),
        (f'push_application_id = "{WML}"', "event_handler is missing"),
        (f'push_application_id = "{WML}"\nevent_handler = "none"', "event_handler is missing"),
        (f'push_application_id = "{WML}"\nevent_handler = "smtp:x"', "not supported"),
        (HANDLER, "not an application id"),
        ('push_application_id = "no id"\n' + HANDLER, "not an application id"),
        (f'push_application_id = "{WML}"\nowner = "uid:0/x"\n{HANDLER}', "owner"),
        ("push_application_id = 1979-05-27\n" + HANDLER, "push_application_id"),
        ("push_application_id = ", "is no TOML"),
        ("a = " + "[" * 5_000, "is no TOML"),
        ("a = " + "9" * 5_000, "is no TOML"),
        ("#" * (MAX_OCTETS + 1), "more than"),
    ],
)
def test_file_that_is_no_registration_is_refused_with_its_reason(
    folder: Folder, text: str, reason: str
) -> None:
    with pytest.raises(StaticRegistrationError, match=reason):
        read_file(folder.write("a.toml", text))


def test_octets_that_are_no_text_are_refused(folder: Folder) -> None:
    path = folder.path / "a.toml"
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(StaticRegistrationError, match="is no TOML"):
        read_file(path)


def test_file_that_others_may_write_or_that_is_none_is_refused(folder: Folder) -> None:
    good = folder.registration("good.toml", WML)
    folder.registration("group.toml", MMS).chmod(0o664)
    folder.registration("all.toml", MMS).chmod(0o602)
    (folder.path / "link.toml").symlink_to(good)
    (folder.path / "directory.toml").mkdir()
    os.mkfifo(folder.path / "fifo.toml")
    folder.registration("ignored.conf", MMS)
    folder.registration(".hidden.toml", MMS)
    found = {Path(path).name: file for path, file in read_directory(folder.path).items()}
    refused = {name: file.reason for name, file in found.items() if isinstance(file, Exception)}
    assert set(found) - set(refused) == {"good.toml"}
    assert refused["group.toml"] == refused["all.toml"] == "may be written by others than its owner"
    assert refused["directory.toml"] == refused["fifo.toml"] == "is no regular file"
    assert set(refused) == {"group.toml", "all.toml", "link.toml", "directory.toml", "fifo.toml"}


def test_no_more_files_are_read_than_the_client_has_registrations(folder: Folder) -> None:
    for number in range(MAX_FILES + 2):
        folder.write(f"{number:04}.toml", "")
    found = read_directory(folder.path)
    assert len(found) == MAX_FILES + 1
    assert "only the first" in str(found[str(folder.path)])


async def test_files_are_registered_updated_and_deregistered(
    static: StaticRegistrations, agent: FakeAgent, folder: Folder
) -> None:
    """IF-T9"""
    wml = folder.registration("wml.toml", WML)
    loaded = await static.load()
    assert loaded.registered == [file_owner(ME, str(wml))]
    assert agent.ids() == {"wml.toml": WML}

    folder.registration("mms.toml", MMS)
    folder.registration("wml.toml", "2", 'accept = ["text/plain"]\n')
    before = {one.registration_id for one in agent.known.values()}
    loaded = await static.load()
    assert (len(loaded.registered), len(loaded.changed), loaded.deregistered) == (1, 1, [])
    assert before <= set(agent.known)  # an update keeps its registration
    assert agent.known[before.pop()].request.accept == ("text/plain",)

    loaded = await static.load()
    assert (loaded.registered, loaded.changed, loaded.deregistered) == ([], [], [])

    folder.remove("wml.toml")
    loaded = await static.load()
    assert loaded.deregistered == [file_owner(ME, str(wml))]
    assert agent.ids() == {"mms.toml": MMS}


async def test_registrations_of_others_are_left_alone(
    static: StaticRegistrations, agent: FakeAgent, folder: Folder
) -> None:
    other = await agent.register("uid:1000/token", RegistrationRequest(WML))
    own = await agent.register("in-process", RegistrationRequest("vnd.acme:x"))
    folder.registration("wml.toml", WML)
    folder.registration("mms.toml", MMS)
    loaded = await static.load()
    assert list(loaded.skipped.values()) == ["taken (at push_application_id)"]
    assert len(agent.known) == 3
    folder.remove("wml.toml")
    folder.remove("mms.toml")
    await static.load()
    assert set(agent.known) == {other.registration_id, own.registration_id}


async def test_id_may_move_from_one_file_to_another_and_two_may_swap(
    static: StaticRegistrations, agent: FakeAgent, folder: Folder
) -> None:
    folder.registration("a.toml", WML)
    folder.registration("b.toml", MMS)
    await static.load()
    folder.registration("a.toml", MMS)
    folder.registration("b.toml", WML)
    loaded = await static.load()
    assert loaded.skipped == {}
    assert agent.ids() == {"a.toml": MMS, "b.toml": WML}
    folder.remove("a.toml")
    folder.registration("c.toml", MMS)
    await static.load()
    assert agent.ids() == {"c.toml": MMS, "b.toml": WML}


@pytest.mark.parametrize("text", ["event_handler = ", "push_application_id = 'x y'"])
async def test_slip_of_the_pen_leaves_the_registration_as_it_was(
    static: StaticRegistrations, agent: FakeAgent, folder: Folder, text: str
) -> None:
    path = folder.registration("wml.toml", WML)
    await static.load()
    path.write_text(text)
    loaded = await static.load()
    assert list(loaded.skipped) == [str(path)]
    assert agent.ids() == {"wml.toml": WML}
    folder.registration("wml.toml", WML, 'accept = ["text/refused"]\n')
    loaded = await static.load()
    assert loaded.skipped == {str(path): "denied (at accept)"}
    assert agent.ids() == {"wml.toml": WML}


async def test_one_bad_file_does_not_keep_the_others_out(
    static: StaticRegistrations, agent: FakeAgent, folder: Folder
) -> None:
    agent.denied = {MMS}
    folder.write("a.toml", "event_handler = ")
    folder.registration("b.toml", MMS)
    folder.registration("c.toml", WML)
    folder.registration("d.toml", WML)
    loaded = await static.load()
    assert {Path(path).name for path in loaded.skipped} == {"a.toml", "b.toml", "d.toml"}
    assert agent.ids() == {"c.toml": WML}


async def test_directory_that_is_away_ends_nothing(
    static: StaticRegistrations, agent: FakeAgent, folder: Folder
) -> None:
    folder.registration("wml.toml", WML)
    await static.load()
    folder.path.rename(folder.path.with_name("elsewhere"))
    loaded = await static.load()
    assert list(loaded.skipped) == [str(folder.path)]
    assert agent.ids() == {"wml.toml": WML}


async def test_client_without_a_directory_ends_what_files_had_registered(
    static: StaticRegistrations, agent: FakeAgent, folder: Folder
) -> None:
    folder.registration("wml.toml", WML)
    await static.load()
    agent.stuck = True
    assert (await StaticRegistrations(agent, None).load()).deregistered == []
    agent.stuck = False
    assert len((await StaticRegistrations(agent, None).load()).deregistered) == 1
    assert agent.known == {}


async def test_file_that_changes_hands_is_another_users_registration(
    static: StaticRegistrations, agent: FakeAgent, folder: Folder
) -> None:
    path = folder.registration("wml.toml", WML)
    earlier = file_owner(ME + 1, str(path))
    await agent.register(earlier, read_file(path).request)
    loaded = await static.load()
    assert loaded.deregistered == [earlier]
    assert loaded.registered == [file_owner(ME, str(path))]


async def test_registration_that_is_not_possible_just_now_is_worth_another_try(
    static: StaticRegistrations, agent: FakeAgent, folder: Folder
) -> None:
    folder.registration("wml.toml", WML)
    agent.away = True
    assert (await static.load()).again
    agent.away, agent.denied = False, {WML}
    assert not (await static.load()).again
    agent.denied = set()
    assert not (await static.load()).again
    assert agent.ids() == {"wml.toml": WML}
