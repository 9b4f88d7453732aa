"""The verbs against real daemons, as a person or a script uses them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from omapush.client.service_client import ServiceClient
from omapush.testing.daemons import Daemon, free_port, run_verb, running
from omapush.testing.plain_terminal import Terminal

PATIENCE_SECONDS = 30
GOOD, REFUSING, AWAY = (f"WAPPUSH=+4412345678{n}/TYPE=PLMN@ppg.example.net" for n in range(3))


class Desk:
    """A folder with the settings of a running gateway, and the command line in it."""

    def __init__(self, folder: Path, pap: int) -> None:
        self.folder = folder
        self.ppg = f"http://127.0.0.1:{pap}/pap"

    async def omapush(self, *arguments: str, password: str = "secret") -> tuple[int, str, str]:
        environment = {"OMAPUSH_PASSWORD": password}
        ended = await run_verb(*arguments, folder=self.folder, environment=environment)
        return ended.status, ended.out, ended.err

    async def push(self, *arguments: str, password: str = "secret") -> tuple[int, str, str]:
        sender = ("--ppg", self.ppg, "--username", "weather", "--text", "hello")
        return await self.omapush("push", *arguments, *sender, password=password)

    async def until_delivered(self, push_id: str, address: str) -> tuple[int, str, str]:
        asked = ("status", push_id, "--ppg", self.ppg, "--username", "weather")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while f"{address}: delivered" not in (told := await self.omapush(*asked))[1]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return told


def gateway_settings(
    folder: Path, pap: int, clients: dict[str, int], retry_seconds: float = 30
) -> Path:
    settings = folder / "ppg.toml"
    listed = "".join(
        f'[[clients]]\nid = "client-{port}"\naddresses = ["{address}"]\n'
        f'ota_http = "127.0.0.1:{port}"\n'
        for address, port in clients.items()
    )
    settings.write_text(
        f'[pap]\nlisten = "127.0.0.1:{pap}"\n[admin]\nlisten = "127.0.0.1:{free_port()}"\n'
        f'[store]\nurl = "sqlite:///{folder}/omapush.db"\n'
        f"[delivery]\nretry_first_seconds = {retry_seconds}\n"
        f"retry_longest_seconds = {retry_seconds}\n"
        "[notification]\nretry_seconds = [0.2, 0.2, 0.2, 0.2, 0.2, 0.2]\n"
        '[[initiators]]\nid = "weather"\nusername = "weather"\npassword = "secret"\n' + listed
    )
    return settings


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    good, refusing = Terminal(), Terminal(b"235 no")
    await good.start()
    await refusing.start()
    pap = free_port()
    ports = {GOOD: good.port, REFUSING: refusing.port, AWAY: free_port()}
    settings = gateway_settings(tmp_path, pap, ports)
    async with running(Daemon("ppg", settings, port=pap)):
        yield Desk(tmp_path, pap)
    await good.stop()
    await refusing.stop()


def documents(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines()]


async def test_push_that_waits_shows_the_result_and_status_its_life(desk: Desk) -> None:
    status, out, err = await desk.push(GOOD, "--confirmed", "--wait", "--push-id", "a@pi")
    assert (status, err) == (0, "")
    assert out.splitlines()[0].startswith("a@pi: accepted, 1001")
    assert out.splitlines()[1].startswith(f"{GOOD}: delivered, 1000")
    status, out, _ = await desk.omapush("status", "a@pi", "--config", "ppg.toml")
    assert status == 0
    for event in ("accepted", "attempt", "registered", "delivered", "notification delivered"):
        assert event in out


async def test_json_is_one_document_a_line_and_a_refusal_ends_with_1(desk: Desk) -> None:
    asked = (GOOD, REFUSING, "--confirmed", "--wait", "--json", "--push-id", "b@pi")
    status, out, err = await desk.push(*asked)
    assert (status, err) == (1, "")
    accepted, *results = documents(out)
    assert (accepted["accepted"], accepted["code"]) == (True, 1001)
    ends = {result["address"]: (result["state"], result["code"]) for result in results}
    assert ends == {GOOD: ("delivered", 1000), REFUSING: ("aborted", 5235)}
    _, out, _ = await desk.omapush("status", "b@pi", "--json", "--config", "ppg.toml")
    (told,) = documents(out)
    assert [each["state"] for each in told["deliveries"]] == ["delivered", "aborted"]


async def test_wrong_password_address_and_push_id_are_told(desk: Desk) -> None:
    status, out, err = await desk.push(GOOD, password="guess")
    assert (status, out) == (1, "")
    assert "401" in err
    assert "guess" not in err
    status, out, _ = await desk.push("+999")
    assert status == 1
    assert "not accepted, 2002" in out
    assert (await desk.push(GOOD, "--push-id", "c@pi"))[0] == 0
    status, out, _ = await desk.push(GOOD, "--push-id", "c@pi")
    assert status == 1
    assert "not accepted, 2007" in out


async def test_push_that_waits_is_asked_for_replaced_and_cancelled(desk: Desk) -> None:
    asking = ("--ppg", desk.ppg, "--username", "weather")
    status, out, _ = await desk.push(AWAY, GOOD, "--push-id", "old@pi")
    assert status == 0
    status, out, _ = await desk.until_delivered("old@pi", GOOD)
    assert f"{AWAY}: pending, 1000" in out
    content = ("--text", "new")
    status, out, err = await desk.omapush(
        "replace", "old@pi", AWAY, "--pending-only", "--push-id", "new@pi", *content, *asking
    )
    assert (status, err) == (0, "")
    _, out, _ = await desk.omapush("status", "old@pi", AWAY, "--json", *asking)
    (told,) = documents(out)
    assert (told["state"], told["desc"]) == ("cancelled", "replaced by new@pi")
    status, out, _ = await desk.omapush("cancel", "new@pi", *asking)
    assert (status, out) == (0, "new@pi: 1000 cancelled\n")
    status, out, _ = await desk.omapush("cancel", "new@pi", AWAY, "--json", *asking)
    assert status == 1
    assert documents(out)[0]["code"] == 3003
    status, out, _ = await desk.omapush("status", "nobody@pi", *asking)
    assert (status, out) == (1, "nobody@pi: unknown, 2004 no such push is known\n")
    status, out, _ = await desk.omapush("status", "new@pi", "--config", "ppg.toml")
    assert "cancelled" in out


async def test_results_are_listened_for(desk: Desk) -> None:
    port = free_port()
    listener = asyncio.create_task(
        desk.omapush("listen", f"127.0.0.1:{port}", "--count", "2", "--json")
    )
    url = f"http://127.0.0.1:{port}/"
    await desk.push(GOOD, REFUSING, "--push-id", "a@pi", "--notify-to", url)
    status, out, err = await listener
    assert (status, err) == (0, f"listening on {url}\n")
    assert {told["code"] for told in documents(out)} == {1000, 5235}


async def test_client_that_is_killed_keeps_its_registrations_and_gets_what_waited(
    tmp_path: Path,
) -> None:
    pap, ota = free_port(), free_port()
    socket = tmp_path / "cai.sock"
    client_settings = tmp_path / "client.toml"
    client_settings.write_text(
        f'[terminal]\nid = "4441234567890"\n[ota_http]\nlisten = "127.0.0.1:{ota}"\n'
        f'[cai]\nsocket = "{socket}"\n[store]\npath = "{tmp_path}/client.db"\n'
    )
    client = Daemon("client", client_settings, path=socket)
    desk = Desk(tmp_path, pap)
    ppg = Daemon("ppg", gateway_settings(tmp_path, pap, {GOOD: ota}, 0.1), port=pap)
    async with running(ppg):
        await client.start()
        async with ServiceClient(socket) as cai:
            registration = await cai.register({"push_application_id": "x-wap-application:wml.ua"})
            token = cai.token
        await client.kill()
        assert (await desk.push(GOOD, "--confirmed", "--push-id", "a@pi"))[0] == 0
        async with running(client), ServiceClient(socket, token=token) as cai:
            assert [one["id"] for one in await cai.registrations()] == [registration["id"]]
            async with asyncio.timeout(PATIENCE_SECONDS):
                event = await anext(cai.events(registration["id"]))
                assert await cai.content(event) == b"hello"
                await cai.accept(event["id"])
                while "delivered" not in (await desk.omapush("status", "a@pi"))[1]:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
