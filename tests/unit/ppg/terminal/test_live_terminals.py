"""Which connection of a client is used."""

from __future__ import annotations

import asyncio

from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.interface import ClientCapabilities, PoPushReq, RegistrationInd
from omapush.ppg.terminal.connection import Method, TerminalConnection
from omapush.ppg.terminal.live import MOST_OF_ONE, LiveTerminals


class Link:
    """Notes why it was closed."""

    peer = "192.0.2.1:50000"
    peer_certificate = None

    def __init__(self) -> None:
        self.close_reason: str | None = None

    def request(self, primitive: object) -> None:
        """Never answer."""

    def identified(self) -> None:
        raise AssertionError

    def close(self, reason: str) -> None:
        self.close_reason = reason


def connection() -> tuple[TerminalConnection, Link]:
    link = Link()
    made = TerminalConnection(Method.TO_TCP, link.peer, Instant(0), link)
    made.indication(RegistrationInd("4155", "00", None, ClientCapabilities()))
    return made, link


def test_client_without_a_connection_has_none() -> None:
    live = LiveTerminals()
    assert live.connection_of("anna") is None
    assert len(live) == 0


def test_connection_that_came_last_is_used_and_an_older_one_when_it_has_failed() -> None:
    live = LiveTerminals()
    (first, _), (second, _) = connection(), connection()
    live.add("anna", first)
    live.add("anna", second)
    assert live.connection_of("anna") is second
    second.ended("reset")
    assert live.connection_of("anna") is first
    assert not live.remove("anna", second)
    assert live.remove("anna", first)
    assert live.connection_of("anna") is None
    assert len(live) == 0


def test_clients_do_not_share_connections() -> None:
    live = LiveTerminals()
    (of_anna, _), (of_berta, _) = connection(), connection()
    live.add("anna", of_anna)
    live.add("berta", of_berta)
    assert (live.connection_of("anna"), live.connection_of("berta")) == (of_anna, of_berta)
    assert live.remove("anna", of_anna)
    assert live.connection_of("berta") is of_berta


def test_oldest_connection_goes_when_a_terminal_has_too_many() -> None:
    live = LiveTerminals()
    made = [connection() for _ in range(MOST_OF_ONE + 1)]
    for each, _ in made:
        live.add("anna", each)
    assert made[0][1].close_reason == "the terminal has newer connections"
    assert [link.close_reason for _, link in made[1:]] == [None] * MOST_OF_ONE
    assert live.connection_of("anna") is made[-1][0]


async def test_newest_connection_stays_though_it_alone_has_no_work() -> None:
    live = LiveTerminals()
    made = [connection() for _ in range(MOST_OF_ONE + 1)]
    message = PushMessage((("Content-Type", "text/plain"),), b"hello")
    tasks = []
    for number, (each, _) in enumerate(made[:-1]):
        live.add("anna", each)
        tasks.append(asyncio.create_task(each.push(PoPushReq(f"d.{number}", message))))
    await asyncio.sleep(0)
    newest, link = made[-1]
    live.add("anna", newest)
    assert live.connection_of("anna") is newest
    assert link.close_reason is None
    made[0][0].ended("reset")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
