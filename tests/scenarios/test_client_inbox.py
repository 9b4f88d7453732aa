"""Service indications from an initiator, through a gateway and UDP, into a client's inbox.

Real daemons and the command line, as people use them (WAP-167).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from omapush.client.service_client import ServiceClient
from omapush.core.instants import SECOND_MS, format_utc, later
from omapush.daemon.clock import SystemClock
from omapush.initiator.client import PushInitiator
from omapush.pap.model import DeliveryMethod
from omapush.testing.daemons import Daemon, free_port, run_verb, running

PATIENCE_SECONDS = 30
PHONE = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
SETTINGS = """
[pap]
listen = "127.0.0.1:{pap}"
[admin]
listen = "127.0.0.1:0"
[store]
url = "sqlite:///{folder}/omapush.db"
[ota_wsp]
udp_from = "127.0.0.1:0"
[[initiators]]
id = "mail"
username = "mail"
password = "secret"
[[clients]]
id = "phone"
addresses = ["{phone}"]
ota_wsp_udp = "127.0.0.1:{udp}"
"""
CLIENT_SETTINGS = """
[ota_http]
listen = "127.0.0.1:0"
[ota_wsp]
udp_listen = "127.0.0.1:{udp}"
[cai]
socket = "{folder}/cai.sock"
[store]
path = "{folder}/client.db"
[built_in]
enabled = true
[inbox]
path = "{folder}/inbox.db"
"""


class Desk:
    """A running gateway and client, and the command line beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        pap, udp = free_port(), free_port()
        gateway, client = folder / "ppg.toml", folder / "client.toml"
        gateway.write_text(SETTINGS.format(pap=pap, folder=folder, phone=PHONE, udp=udp))
        client.write_text(CLIENT_SETTINGS.format(folder=folder, udp=udp))
        self.gateway = Daemon("ppg", gateway, port=pap)
        self.client = Daemon("client", client, path=folder / "cai.sock")
        self.initiator = PushInitiator(
            f"http://127.0.0.1:{pap}/pap", username="mail", password="secret"
        )

    async def omapush(self, *arguments: str) -> tuple[int, str, str]:
        ended = await run_verb(*arguments, folder=self.folder, environment={"COLUMNS": "120"})
        return ended.status, ended.out, ended.err

    async def push(self, text: str, **attributes: str) -> None:
        """Push a service indication; return when the gateway has taken it."""
        named = {name.replace("_", "-"): value for name, value in attributes.items()}
        said = "".join(f' {name}="{value}"' for name, value in named.items())
        body = f"<si><indication{said}>{text}</indication></si>".encode()
        result = await self.initiator.submit(
            [PHONE], None, body, "text/vnd.wap.si", delivery_method=DeliveryMethod.UNCONFIRMED
        )
        assert result.accepted, result

    async def inbox(self, *arguments: str) -> tuple[int, str, str]:
        return await self.omapush("client", "inbox", *arguments, "--config", "client.toml")

    async def entries(self) -> list[dict[str, Any]]:
        status, out, err = await self.inbox("--json")
        assert (status, err) == (0, "")
        return [json.loads(line) for line in out.splitlines()]

    async def until(self, wanted: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await wanted():  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def until_texts(self, *texts: str) -> None:
        """Wait until the inbox shows these texts in this order."""

        async with ServiceClient(self.folder / "cai.sock") as client:

            async def shows_them() -> bool:
                return [entry["text"] for entry in await client.inbox()] == list(texts)

            await self.until(shows_them)

    async def until_received(self, outcome: str) -> None:
        """Wait until the client has noted this outcome of an indication."""

        async def is_noted() -> bool:
            lines = [line for line in self.client.log.splitlines() if "indication_received" in line]
            return any(json.loads(line)["outcome"] == outcome for line in lines)

        await self.until(is_noted)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(running(desk.client))
        await stack.enter_async_context(running(desk.gateway))
        await stack.enter_async_context(desk.initiator)
        yield desk


async def test_indication_is_listed_replaced_shown_and_deleted(desk: Desk) -> None:
    await desk.push(
        "You have 1 new e-mail", href="http://mail.example/1", si_id="mail", action="signal-low",
        created="2026-01-01T00:00:00Z", si_expires="2099-01-01T00:00:00Z",
    )  # fmt: skip
    await desk.until_texts("You have 1 new e-mail")
    (entry,) = await desk.entries()
    assert (entry["action"], entry["source"], entry["href"]) == (
        "signal-low",
        "127.0.0.1",
        "http://mail.example/1",
    )
    # Newer, of the same id; and one of its own that goes before it.
    await desk.push("You have 2 new e-mails", si_id="mail", created="2026-01-02T00:00:00Z")
    await desk.until_texts("You have 2 new e-mails")
    await desk.push("Fire!", action="signal-high")
    await desk.until_texts("Fire!", "You have 2 new e-mails")

    status, out, err = await desk.inbox()
    assert (status, err) == (0, "")
    title, first, second = out.splitlines()
    assert title.split()[:4] == ["no.", "state", "action", "created"]
    assert first.split()[:3] == ["3", "waiting", "signal-high"]
    assert second.split()[:5] == ["2", "waiting", "signal-medium", "2026-01-02", "00:00"]
    status, out, _ = await desk.inbox("show", "3")
    assert (status, out.splitlines()[:2]) == (0, ["indication 3, postponed", "  text: Fire!"])
    await desk.until_texts("You have 2 new e-mails", "Fire!")
    assert (await desk.inbox("delete", "3"))[:2] == (0, "indication 3 is deleted\n")
    status, _, err = await desk.inbox("delete", "3")
    assert (status, err) == (1, "omapush: there is no indication 3 in the inbox\n")

    # Its initiator takes the other one back.
    await desk.push("", si_id="mail", action="delete", created="2026-01-03T00:00:00Z")
    await desk.until_received("deleted")
    status, out, _ = await desk.inbox()
    assert (status, out) == (0, "the inbox is empty\n")


async def test_indication_expires_in_the_inbox_and_late_ones_never_come_in(desk: Desk) -> None:
    soon = format_utc(later(SystemClock()(), 4 * SECOND_MS))
    await desk.push("for a moment", si_expires=soon)
    await desk.until_received("present")
    await desk.push("too late", si_expires="2020-01-01T00:00:00Z")
    await desk.until_received("expired")
    await desk.until_texts()


async def test_inbox_outlives_the_client_and_is_read_without_it(desk: Desk) -> None:
    await desk.push("kept", si_expires="2099-01-01T00:00:00Z")
    await desk.until_received("present")
    await desk.client.kill()
    assert [entry["text"] for entry in await desk.entries()] == ["kept"]
    assert (await desk.inbox("show", "1"))[0] == 0
    await desk.client.start()
    (entry,) = await desk.entries()
    assert (entry["text"], entry["state"]) == ("kept", "postponed")
