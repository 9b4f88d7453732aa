"""What the settings let the client take itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from omapush.client.agent import PushClient
from omapush.client.built_in.cache import MemoryCache
from omapush.client.built_in.inbox_store import InboxStoreError
from omapush.client.service_point.content_routes import ClientContent
from omapush.client.store import ClientStore
from omapush.daemon.built_in import built_in_application
from omapush.daemon.settings import ClientSettings
from omapush.daemon.settings_file import load_settings
from omapush.daemon.settings_table import SettingsError
from omapush.testing.virtual_clock import VirtualClock

SI = ("application/vnd.wap.sic", "text/vnd.wap.si")
SL = ("application/vnd.wap.slc", "text/vnd.wap.sl")
CO = ("application/vnd.wap.coc", "text/vnd.wap.co")


class Folder:
    """Where a client with given settings is started."""

    def __init__(self, path: Path, stack: AsyncExitStack) -> None:
        self._path = path
        self._stack = stack
        self._clock = VirtualClock()

    def settings(self, text: str) -> ClientSettings:
        file = self._path / "client.toml"
        file.write_text(f'[inbox]\npath = "{self._path}/inbox.db"\n[built_in]\n{text}\n')
        return load_settings(ClientSettings, file)

    async def started(self, text: str) -> tuple[PushClient, ClientContent]:
        agent = PushClient(ClientStore(self._path / "client.db"), self._clock)
        await agent.start()
        self._stack.push_async_callback(agent.close)
        running = built_in_application(self.settings(text), self._clock, agent)
        return agent, await self._stack.enter_async_context(running)


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Folder]:
    async with AsyncExitStack() as stack:
        yield Folder(tmp_path, stack)


async def test_nothing_is_taken_unless_it_is_switched_on(folder: Folder, tmp_path: Path) -> None:
    agent, content = await folder.started("")
    assert content == ClientContent()
    assert agent.applications() == set()
    assert not (tmp_path / "inbox.db").exists()


async def test_indications_and_the_cache_are_on_by_default_and_service_loading_is_not(
    folder: Folder,
) -> None:
    agent, content = await folder.started("enabled = true\ncached_types = []")
    assert agent.capabilities().accept == tuple(sorted(SI + CO))
    assert content.indications is not None
    assert content.services is None
    assert isinstance(content.cache, MemoryCache)


async def test_each_part_follows_its_setting(folder: Folder) -> None:
    agent, content = await folder.started(
        'enabled = true\ncache_octets = 0\nservice_loading = "trusted"\nloading_hosts = ["a.*"]'
    )
    assert agent.capabilities().accept == tuple(sorted(SI + SL))
    assert content.services is not None
    assert content.services.policy.hosts == ("a.*",)
    assert content.cache is None


async def test_inbox_that_cannot_be_opened_keeps_the_client_from_starting(
    folder: Folder, tmp_path: Path
) -> None:
    (tmp_path / "inbox.db").write_bytes(b"no database" * 100)
    with pytest.raises(InboxStoreError):
        await folder.started("enabled = true")


@pytest.mark.parametrize(
    "text", ['service_loading = "me"', "cache_octets = -1", "enabled = 3", "inbox = 1"]
)
def test_setting_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        Folder(tmp_path, AsyncExitStack()).settings(text)


@pytest.mark.parametrize("types", [["text"], ["a/b, c/d"], ["text/plain;q=1"]])
async def test_types_that_could_not_be_announced_are_refused(
    folder: Folder, types: list[str]
) -> None:
    with pytest.raises(SettingsError):
        folder.settings(f"enabled = true\ncached_types = {types}".replace("'", '"'))
