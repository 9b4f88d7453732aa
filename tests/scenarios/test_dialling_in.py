"""TO-TCP with real daemons: terminals dial the gateway, and pushes go over their connections."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx2
import pytest

from omapush.client.service_client import ServiceClient
from omapush.daemon.clock import SystemClock
from omapush.ppg.store.contract import Store
from omapush.ppg.store.opening import open_store
from omapush.testing.authority import Authority
from omapush.testing.daemons import Daemon, free_port, free_udp_port, run_verb, running
from omapush.testing.dialling_terminal import DiallingTerminal

PATIENCE_SECONDS = 30
NUMBER, TERMINAL_ID = "+441234567890", "4441234567890"
DIALS_IN = "ota_http_dials_in = true\n"


async def _told(store: Store, push_id: str, words: str) -> bool:
    record = await store.push(push_id)
    lines = record.timeline if record is not None else ()
    return any(words in f"{line.event} {line.detail}" for line in lines)


class System:
    """A gateway that terminals may dial, and the folder of everything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pap, self.admin, self.port = free_port(), free_port(), free_port()
        self.cai = folder / "cai.sock"

    def gateway(self, client: str = DIALS_IN, ota_http: str = "", more: str = "") -> Daemon:
        settings = self.folder / "ppg.toml"
        settings.write_text(
            f'[pap]\nlisten = "127.0.0.1:{self.pap}"\nanonymous_from = ["127.0.0.1/32"]\n'
            f'[admin]\nlisten = "127.0.0.1:{self.admin}"\n'
            f'[store]\nurl = "sqlite:///{self.folder}/omapush.db"\n'
            "[delivery]\nretry_first_seconds = 0.2\nretry_longest_seconds = 0.5\n"
            f'[ota_http]\nlisten = "127.0.0.1:{self.port}"\n{ota_http}'
            f'{more}[[clients]]\nid = "anna"\naddresses = ["{NUMBER}"]\n{client}'
        )
        return Daemon("ppg", settings, port=self.pap)

    def client(self, more: str = "") -> Daemon:
        settings = self.folder / "client.toml"
        settings.write_text(
            f'[terminal]\nid = "{TERMINAL_ID}"\n'
            f'[ota_http]\nlisten = "127.0.0.1:{free_port()}"\n'
            f'[cai]\nsocket = "{self.cai}"\n'
            f'[store]\npath = "{self.folder}/client.db"\n{more}'
        )
        return Daemon("client", settings, path=self.cai)

    async def until(self, words: str, push_id: str) -> None:
        """Wait until the timeline of a push has these words."""
        store = open_store(f"sqlite:///{self.folder}/omapush.db")
        await store.open()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                told = await _told(store, push_id, words)
                while not told:
                    await asyncio.sleep(0.02)
                    told = await _told(store, push_id, words)
        finally:
            await store.close()

    async def terminal(
        self, terminal_id: str = TERMINAL_ID, *, takes: bool = True
    ) -> DiallingTerminal:
        terminal = DiallingTerminal(terminal_id, SystemClock(), takes=takes)
        await terminal.dial("127.0.0.1", self.port)
        return terminal

    async def omapush(self, *arguments: str) -> tuple[int, str, str]:
        ended = await run_verb(*arguments, folder=self.folder)
        return ended.status, ended.out, ended.err

    async def push(self, *arguments: str) -> tuple[int, str, str]:
        ppg = f"http://127.0.0.1:{self.pap}/pap"
        return await self.omapush("push", NUMBER, "--ppg", ppg, "--text", "hello", *arguments)

    async def timeline_of(self, push_id: str) -> str:
        database = f"sqlite:///{self.folder}/omapush.db"
        _, out, _ = await self.omapush("status", push_id, "--store", database)
        return " ".join(out.split())


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


async def test_push_goes_over_the_connection_that_the_terminal_has_made(system: System) -> None:
    async with running(system.gateway(more='[log]\nlevel = "debug"\n')) as gateway:
        terminal = await system.terminal()
        status, out, err = await system.push("--push-id", "a@pi", "--wait")
        assert (status, err) == (0, ""), out
        assert [push.message.body for push in terminal.pushes] == [b"hello"]
        timeline = await system.timeline_of("a@pi")
        assert f"terminal {TERMINAL_ID}, TO-TCP from 127.0.0.1:" in timeline
        assert "delivered" in timeline
        await terminal.close()
        assert "terminal_connected" in gateway.log


async def test_push_waits_in_the_ledger_for_a_terminal_that_is_away(system: System) -> None:
    async with running(system.gateway()):
        status, out, _ = await system.push("--push-id", "a@pi")
        assert status == 0, out
        await system.until("is not connected, and cannot be asked to connect", "a@pi")
        terminal = await system.terminal(takes=False)
        push = await terminal.next_push()
        assert push.message.body == b"hello"
        terminal.accept(push)
        await system.until("delivered", "a@pi")
        await terminal.close()


async def test_connection_that_dies_under_a_push_leaves_it_in_doubt_and_it_comes_again(
    system: System,
) -> None:
    async with running(system.gateway()):
        first = await system.terminal(takes=False)
        await system.push("--push-id", "a@pi")
        lost = await first.next_push()
        await first.close()
        second = await system.terminal(takes=False)
        again = await second.next_push()
        assert again.push_id == lost.push_id
        second.accept(again)
        await system.until("delivered", "a@pi")
        assert "sent, but no answer" in await system.timeline_of("a@pi")
        await second.close()


async def test_operator_sees_where_a_terminal_is_and_what_happened_to_others(
    system: System,
) -> None:
    admin = f"127.0.0.1:{system.admin}"
    async with running(system.gateway()):
        _, out, _ = await system.omapush("terminals", "anna", "--admin", admin)
        assert "never seen" in out
        terminal, stranger = await system.terminal(), await system.terminal("4999")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await stranger.ended
            while "TO-TCP" not in out.partition("connected to")[2]:
                _, out, _ = await system.omapush("terminals", "anna", "--admin", admin)
        assert "TO-TCP from 127.0.0.1:" in out
        assert f"as {TERMINAL_ID}" in out
        status, out, err = await system.omapush("terminals", "--admin", admin, "--json")
        assert (status, err) == (0, "")
        [told] = [json.loads(line) for line in out.splitlines()]
        assert (told["client"], len(told["connections"])) == ("anna", 1)
        async with httpx2.AsyncClient() as http:
            figures = (await http.get(f"http://{admin}/metrics")).text
        for line in (
            'omapush_terminal_connections{method="TO-TCP",state="registered"} 1.0',
            'omapush_terminal_connections{method="TO-TCP",state="anonymous"} 0.0',
            'omapush_terminal_registrations_total{authenticated="no",method="TO-TCP"} 1.0',
            'omapush_terminal_refusals_total{method="TO-TCP",reason="stranger"} 1.0',
        ):
            assert line in figures
        await terminal.close()
    status, _, err = await system.omapush("terminals", "--admin", admin)
    assert (status, "no gateway answers" in err) == (1, True)


async def test_terminal_that_nobody_knows_is_turned_away(system: System) -> None:
    async with running(system.gateway()) as gateway:
        stranger = await system.terminal("4999")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await stranger.ended
        assert "terminal_refused" in gateway.log


async def test_client_daemon_dials_in_for_an_application_and_gets_its_pushes(
    system: System,
) -> None:
    profile = {"protocol": "OTA-HTTP", "contact_point": "127.0.0.1", "port": system.port}
    request = {
        "push_application_id": "x-wap-application:wml.ua",
        "accept": ["*/*"],
        "profiles": [profile],
    }
    async with (
        running(system.gateway()),
        running(system.client()),
        ServiceClient(system.cai) as cai,
    ):
        registration = await cai.register(request)
        await system.push("--push-id", "a@pi")
        async with asyncio.timeout(PATIENCE_SECONDS):
            event = await anext(cai.events(registration["id"]))
        assert event["content_type"].startswith("text/plain")
        await cai.accept(event["id"])
        await system.until("delivered", "a@pi")


async def test_terminal_that_is_away_is_asked_and_both_prove_themselves_by_tls_and_digest(
    system: System, tmp_path: Path
) -> None:
    """No connection, no address to dial: a session request (SIR), then TO-TCP, then the push."""
    authority = Authority(tmp_path)
    authority.sign("gateway", "IP:127.0.0.1")
    certificate, key = tmp_path / "gateway.pem", tmp_path / "gateway.key"
    secure, udp, udp_from = free_port(), free_udp_port(), free_udp_port()
    gateway = system.gateway(
        DIALS_IN
        + f'ota_wsp_udp = "127.0.0.1:{udp}"\nterminal_id = "{TERMINAL_ID}"\n'
        + 'terminal_password = "theirs"\ngateway_password = "ours"\n',
        f'secure_listen = "127.0.0.1:{secure}"\ntls_certificate = "{certificate}"\n'
        f'tls_key = "{key}"\nname = "ppg.example.com"\n',
        f'[ota_wsp]\nudp_from = "127.0.0.1:{udp_from}"\n',
    )
    client = system.client(
        f'[ota_wsp]\nudp_listen = "127.0.0.1:{udp}"\n[sia]\ngateways = ["127.0.0.1/32"]\n'
        f'[[gateways]]\nname = "ppg"\ncontact_points = ["https://127.0.0.1:{secure}"]\n'
        f'connect = "on_request"\nca_file = "{tmp_path}/ca.pem"\nusername = "ppg.example.com"\n'
        'scheme = "digest"\npassword = "ours"\nterminal_password = "theirs"\n'
        "close_after_last = true\n"
    )
    request = {"push_application_id": "x-wap-application:wml.ua", "accept": ["*/*"]}
    async with running(gateway), running(client), ServiceClient(system.cai) as cai:
        registration = await cai.register(request)
        await system.push("--push-id", "a@pi", "--confirmed")
        async with asyncio.timeout(PATIENCE_SECONDS):
            event = await anext(cai.events(registration["id"]))
        await cai.accept(event["id"])
        await system.until("delivered", "a@pi")
        timeline = await system.timeline_of("a@pi")
    assert "session requested" in timeline
    assert f"terminal {TERMINAL_ID}, authenticated, TO-TCP from 127.0.0.1" in timeline
    assert event["trust"]["authenticated"] is False  # of the initiator, who was nobody
    for secret in ("theirs", "ours"):
        assert f'"{secret}"' not in gateway.log + client.log
