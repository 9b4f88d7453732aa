"""Real daemons: an application that knows a push service only, registered there by its client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from omapush.client.service_client import ServiceClient
from omapush.ppg.store.opening import open_store
from omapush.testing.daemons import Daemon, free_port, run_verb, running

PATIENCE_SECONDS = 30
NUMBER = "+441234567890"
TERMINAL = "4441234567890"
APPLICATION = "x-wap-application:mms.ua"


class System:
    """A gateway with a push service, a client, and the folder of both.

    :param proved: the terminal has a password.
    """

    def __init__(self, folder: Path, *, proved: bool) -> None:
        self.folder = folder
        self.pap, self.admin, self.services = free_port(), free_port(), free_port()
        self.dialled = free_port()
        self.cai = folder / "cai.sock"
        self.uri = f"http://127.0.0.1:{self.services}/push-service-registration"
        self.gateway = Daemon("ppg", self._gateway(proved=proved), port=self.services)
        self.client = Daemon("client", self._client(), path=self.cai)

    def _gateway(self, *, proved: bool) -> Path:
        settings = self.folder / "ppg.toml"
        password = 'terminal_password = "s3cret"\n' if proved else ""
        anonymous = "" if proved else 'anonymous_from = ["127.0.0.1/32"]\n'
        settings.write_text(
            f'[pap]\nlisten = "127.0.0.1:{self.pap}"\nanonymous_from = ["127.0.0.1/32"]\n'
            f'[admin]\nlisten = "127.0.0.1:{self.admin}"\n'
            f'[store]\nurl = "sqlite:///{self.folder}/omapush.db"\n'
            "[delivery]\nretry_first_seconds = 0.2\nretry_longest_seconds = 0.5\n"
            f'[ota_http]\nlisten = "127.0.0.1:{self.dialled}"\n'
            f'[[clients]]\nid = "anna"\naddresses = ["{NUMBER}"]\nterminal_id = "{TERMINAL}"\n'
            f"{password}ota_http_dials_in = true\n"
            f'[service_registration]\nlisten = "127.0.0.1:{self.services}"\n{anonymous}'
            '[[service_registration.services]]\nname = "mms"\n'
            f'applications = ["{APPLICATION}"]\n'
            '[[service_registration.services.profiles]]\nprotocol = "OTA-HTTP"\n'
            f'contact_point = "127.0.0.1"\nport = {self.dialled}\n',
            encoding="utf-8",
        )
        return settings

    def _client(self) -> Path:
        settings = self.folder / "client.toml"
        settings.write_text(
            f'[terminal]\nid = "{TERMINAL}"\n'
            f'[ota_http]\nlisten = "127.0.0.1:{free_port()}"\n'
            f'[cai]\nsocket = "{self.cai}"\n'
            f'[store]\npath = "{self.folder}/client.db"\n'
            '[service_registration]\nallow = ["127.0.0.0/8"]\n'
            '[[service_registration.credentials]]\nhost = "127.0.0.1"\n'
            f'username = "{TERMINAL}"\npassword = "s3cret"\n'
            f'[[gateways]]\nname = "ppg"\ncontact_points = ["127.0.0.1:{self.dialled}"]\n'
            'connect = "on_request"\nterminal_password = "s3cret"\n',
            encoding="utf-8",
        )
        return settings

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run both daemons."""
        async with running(self.gateway), running(self.client):
            yield

    async def omapush(self, *arguments: str) -> tuple[int, str]:
        ppg = f"http://127.0.0.1:{self.pap}/pap"
        ended = await run_verb(*arguments, "--ppg", ppg, folder=self.folder)
        return ended.status, ended.out + ended.err

    async def registered(self) -> list[dict[str, Any]]:
        """Return what the gateway's operator sees."""
        async with httpx2.AsyncClient(trust_env=False) as operator:
            url = f"http://127.0.0.1:{self.admin}/service-registrations"
            told: list[dict[str, Any]] = (await operator.get(url)).json()["registrations"]
            return told

    async def is_refreshed(self, registration_id: str) -> bool:
        """Wait until a registration has been refreshed; false: it has ended."""
        store = open_store(f"sqlite:///{self.folder}/omapush.db")
        await store.open()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (kept := await store.service_registration(registration_id)) is not None:
                    if kept.refreshed_at > kept.made_at:
                        return True
                    await asyncio.sleep(0.05)
        finally:
            await store.close()
        return False

    async def until(self, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Wait until something holds of what the gateway's operator sees; return that."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds(told := await self.registered()):  # noqa: ASYNC110 - it is nobody's
                await asyncio.sleep(0.05)
        return told


@pytest.mark.parametrize("proved", [False, True])
async def test_push_service_tells_the_contact_point_at_which_the_push_is_had(
    tmp_path: Path, proved: bool
) -> None:
    system = System(tmp_path, proved=proved)
    wishes = {"push_application_id": APPLICATION, "registration_uri": system.uri}
    async with system.running(), ServiceClient(system.cai) as cai:
        registration = await cai.register(wishes, wait_seconds=PATIENCE_SECONDS)
        assert registration["state"] == "registered", system.client.log
        (told,) = await system.registered()
        assert (told["client"], told["authenticated"]) == ("anna", proved)
        assert told["applications"] == [APPLICATION]
        status, out = await system.omapush("capabilities", NUMBER)
        assert (status, APPLICATION in out) == (0, True), out

        push = ("push", NUMBER, "--text", "x", "-a", APPLICATION, "--confirmed", "--wait")
        pushing = asyncio.ensure_future(system.omapush(*push))
        async with asyncio.timeout(PATIENCE_SECONDS):
            event = await anext(cai.events(registration["id"]))
        await cai.accept(event["id"])
        status, out = await pushing
        assert (status, "delivered" in out) == (0, True), out + system.gateway.log

        await cai.deregister(registration["id"], wait_seconds=PATIENCE_SECONDS)
        await system.until(lambda told: told == [])
    for log in (system.gateway.log, system.client.log):
        assert "s3cret" not in log


async def test_terminal_proves_itself_and_its_registration_outlives_restarts(
    tmp_path: Path,
) -> None:
    system = System(tmp_path, proved=True)
    wishes = {"push_application_id": APPLICATION, "registration_uri": system.uri}
    async with system.running():
        async with ServiceClient(system.cai) as cai:
            registration = await cai.register(wishes, wait_seconds=PATIENCE_SECONDS)
            token = cai.token
        (before,) = await system.registered()
        assert before["authenticated"]
        await system.gateway.kill()
        await system.client.kill()
        await system.gateway.start()
        assert await system.registered() == [before]
        await system.client.start()
        assert await system.is_refreshed(before["id"])
        (after,) = await system.registered()
        assert (after["id"], after["made"]) == (before["id"], before["made"])
        async with ServiceClient(system.cai, token) as cai:
            await cai.deregister(registration["id"], wait_seconds=PATIENCE_SECONDS)
        await system.until(lambda told: told == [])
    for log in (system.gateway.log, system.client.log):
        assert "s3cret" not in log
