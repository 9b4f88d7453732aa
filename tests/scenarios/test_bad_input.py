"""Real daemon, bad input and bad peers: each has its code or status, and nothing else suffers."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from omapush.content.message import PushMessage as ContentMessage
from omapush.initiator import NotificationReceiver, PushInitiator, SubmissionResult, serve
from omapush.pap import entity, model, xml
from omapush.pap.model import DeliveryMethod
from omapush.ppg.store.contract import PushRecord, Store
from omapush.ppg.store.opening import open_store
from omapush.testing.daemons import Daemon, free_port, running
from omapush.testing.plain_terminal import Terminal

PATIENCE_SECONDS = 30
GOOD, GARBAGE, SILENT, AWAY = (
    f"WAPPUSH=+4412345678{number}/TYPE=PLMN@ppg.example.net" for number in range(4)
)


class Gateway:
    """A running gateway with four clients, one of which is good."""

    def __init__(self, folder: Path, pap: int, admin: int, good: Terminal) -> None:
        self.url = f"http://127.0.0.1:{pap}/pap"
        self.pap = pap
        self.admin = f"http://127.0.0.1:{admin}"
        self.store_url = f"sqlite:///{folder}/omapush.db"
        self.good = good

    async def submit(self, *addresses: str, **more: str) -> SubmissionResult:
        async with PushInitiator(self.url) as initiator:
            return await initiator.submit(
                list(addresses),
                "x-wap-application:wml.ua",
                b"hello",
                "text/plain",
                delivery_method=DeliveryMethod.CONFIRMED,
                **more,  # type: ignore[arg-type]
            )

    async def until(self, push_id: str, event: str) -> PushRecord:
        """Wait until a line of the timeline says ``event``."""
        store = open_store(self.store_url)
        await store.open()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await _until(store, push_id, event)
        finally:
            await store.close()

    async def is_well(self) -> None:
        """It answers its operator, takes a good push and delivers it."""
        async with httpx2.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{self.admin}/readyz")).status_code == 200
        result = await self.submit(GOOD)
        assert result.code == 1001
        await self.until(result.push_id, "delivered")


async def _until(store: Store, push_id: str, event: str) -> PushRecord:
    while True:
        record = await store.push(push_id)
        if record is not None and event in [line.event for line in record.timeline]:
            return record
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def garbage_server() -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"\x00\xffSSH-2.0-nonsense\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    good, silent = Terminal(), Terminal(answer=None)
    await good.start()
    await silent.start()
    pap, admin = free_port(), free_port()
    async with garbage_server() as garbage:
        ports = {GOOD: good.port, GARBAGE: garbage, SILENT: silent.port, AWAY: free_port()}
        clients = "".join(
            f'[[clients]]\nid = "client-{number}"\naddresses = ["{address}"]\n'
            f'ota_http = "127.0.0.1:{port}"\n'
            for number, (address, port) in enumerate(ports.items())
        )
        settings = tmp_path / "ppg.toml"
        settings.write_text(
            f'[pap]\nlisten = "127.0.0.1:{pap}"\nanonymous_from = ["127.0.0.1/32"]\n'
            "read_timeout_seconds = 0.5\nmax_entity = 4096\n"
            f'[admin]\nlisten = "127.0.0.1:{admin}"\n'
            f'[store]\nurl = "sqlite:///{tmp_path}/omapush.db"\n'
            "[delivery]\nretry_first_seconds = 0.05\nretry_longest_seconds = 0.2\n"
            "response_timeout_seconds = 0.3\nmax_sent_attempts = 2\n"
            "[notification]\nretry_seconds = [0.1, 0.1, 0.1, 0.1, 0.1]\ntimeout_seconds = 0.5\n"
            '[[initiators]]\nid = "fenced"\nusername = "fenced"\npassword = "secret"\n'
            f'allowed_addresses = ["192.0.2.0/24"]\n{clients}'
        )
        async with running(Daemon("ppg", settings, port=pap)) as daemon:
            yield Gateway(tmp_path, pap, admin, good)
            assert "Traceback" not in daemon.log
            assert "secret" not in daemon.log
    await good.stop()
    await silent.stop()


def submission(control: bytes | None = None) -> tuple[str, bytes]:
    document = control or xml.encode(model.Pap(model.PushMessage("x@pi", (model.Address(GOOD),))))
    return entity.join(document, ContentMessage((("Content-Type", "text/plain"),), b"hello"))


RELATED, GOOD_BODY = submission()
FAULTS = {
    "nothing": (RELATED, b""),
    "no boundary": ("multipart/related", GOOD_BODY),
    "wrong type": ("text/html", GOOD_BODY),
    "one part": (RELATED, GOOD_BODY[:60]),
    "malformed": submission(b"<pap><push-message push-id='a'>"),
    "entity": submission(b'<!DOCTYPE pap [<!ENTITY a "b">]><pap>&a;</pap>'),
    "unknown element": submission(b"<pap><push-massage/></pap>"),
    "another document": submission(b"<html/>"),
    "binary": ("application/xml", bytes(range(256))),
}


async def test_documents_that_cannot_be_read_are_answered_with_pap_2000(gateway: Gateway) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        for name, (content_type, body) in FAULTS.items():
            headers = {"Content-Type": content_type}
            answer = await client.post(gateway.url, content=body, headers=headers)
            assert answer.status_code == 202, name
            message = xml.decode(answer.content).message
            assert isinstance(message, model.BadMessageResponse), name
            assert message.code == 2000, name
    await gateway.is_well()


async def test_requests_that_http_refuses_have_their_status(gateway: Gateway) -> None:
    fenced = base64.b64encode(b"fenced:secret").decode()
    async with httpx2.AsyncClient(trust_env=False) as client:
        assert (await client.get(gateway.url)).status_code == 405
        assert (await client.post(gateway.url + "x")).status_code == 404
        for token, status in ((fenced, 403), ("eDp5", 401), ("?", 401)):
            headers = {"Authorization": f"Basic {token}"}
            assert (await client.post(gateway.url, headers=headers)).status_code == status
    await gateway.is_well()


async def raw(port: int, octets: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(octets)
    async with asyncio.timeout(PATIENCE_SECONDS):
        answer = await reader.read(200)
    writer.close()
    return answer


async def test_large_and_slow_bodies_are_refused_without_being_read(gateway: Gateway) -> None:
    head = b"POST /pap HTTP/1.1\r\nHost: x\r\nContent-Type: application/xml\r\n"
    # Announced only: the answer comes although not one octet of it was sent.
    answer = await raw(gateway.pap, head + b"Content-Length: 1073741824\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    chunks = b"1000\r\n" + b"x" * 4096 + b"\r\n1000\r\n" + b"x" * 4096 + b"\r\n"
    answer = await raw(gateway.pap, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    assert answer.startswith(b"HTTP/1.1 413")
    answer = await raw(gateway.pap, head + b"Content-Length: 100\r\n\r\nslow")
    assert answer.startswith(b"HTTP/1.1 408")
    assert (await raw(gateway.pap, b"\x16\x03\x01 no HTTP\r\n\r\n")).startswith(b"HTTP/1.1 400")
    await gateway.is_well()


async def test_bad_terminals_do_not_delay_the_good_one(gateway: Gateway) -> None:
    bad = [await gateway.submit(address) for address in (GARBAGE, SILENT, AWAY) for _ in range(20)]
    assert {result.code for result in bad} == {1001}
    await gateway.is_well()
    # Sent twice and never answered: it is told so, and not called delivered.
    silent = await gateway.until(bad[20].push_id, "timeout")
    assert (silent.deliveries[0].code, silent.deliveries[0].sent_attempts) == (4000, 2)
    # Nothing was ever sent to these: they wait, and say why.
    for result in (bad[0], bad[40]):
        record = await gateway.until(result.push_id, "retry")
        assert record.deliveries[0].sent_attempts == 0
        assert not record.deliveries[0].state.is_final
    await gateway.is_well()


async def test_notification_targets_that_misbehave_hinder_no_others(gateway: Gateway) -> None:
    receiver = NotificationReceiver()
    forbidden = await gateway.submit(GOOD, notify_to="http://169.254.169.254/latest")
    refused = await gateway.submit(GOOD, notify_to=f"http://127.0.0.1:{free_port()}/")
    async with garbage_server() as garbage, serve(receiver) as url:
        nonsense = await gateway.submit(GOOD, notify_to=f"http://127.0.0.1:{garbage}/")
        good = await gateway.submit(GOOD, notify_to=url)
        found = await receiver.wait_for(good.push_id, PATIENCE_SECONDS)
        assert (found.message_state.value, found.code) == ("delivered", 1000)
        await gateway.until(refused.push_id, "notification_failed")
        await gateway.until(nonsense.push_id, "notification_failed")
    record = await gateway.until(forbidden.push_id, "delivered")
    assert record.notify_url is None
    await gateway.is_well()
