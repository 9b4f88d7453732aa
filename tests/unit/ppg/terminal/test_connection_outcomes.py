"""One connection to a terminal: its registration, and one outcome for each push."""

from __future__ import annotations

import asyncio

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.http.ppg import HttpPpgRequest
from omapush.ota.interface import (
    BearerUnavailable,
    ClientCapabilities,
    OutcomeKind,
    PoPushReq,
    PushOutcome,
    RegistrationInd,
    SessionFailedInd,
)
from omapush.ppg.reach import RegistrationFailedError
from omapush.ppg.terminal.connection import Method, TerminalConnection

TOLD = RegistrationInd("4155", "00", None, ClientCapabilities())
PUSH = PoPushReq("d.0", PushMessage((("Content-Type", "text/plain"),), b"hello"))
DONE = PushOutcome("d.0", OutcomeKind.DONE, "400")


class Link:
    """Notes what is asked of it."""

    peer = "192.0.2.1:50000"
    peer_certificate = None

    def __init__(self) -> None:
        self.asked: list[HttpPpgRequest] = []
        self.close_reason: str | None = None

    def request(self, primitive: HttpPpgRequest) -> None:
        self.asked.append(primitive)

    def identified(self) -> None:
        raise AssertionError

    def close(self, reason: str) -> None:
        self.close_reason = reason


@pytest.fixture
def link() -> Link:
    return Link()


@pytest.fixture
def connection(link: Link) -> TerminalConnection:
    made = TerminalConnection(Method.TO_TCP, "there", Instant(0), link)
    made.indication(TOLD)
    return made


async def begun(connection: TerminalConnection) -> asyncio.Task[PushOutcome]:
    task = asyncio.create_task(connection.push(PUSH))
    await asyncio.sleep(0)
    return task


def test_connection_is_usable_when_the_terminal_has_registered() -> None:
    connection = TerminalConnection(Method.TO_TCP, "there", Instant(0))
    assert not connection.usable
    with pytest.raises(RuntimeError):
        assert connection.registration
    connection.indication(TOLD)
    assert connection.usable
    assert connection.registration is TOLD


async def test_push_ends_as_the_session_says(link: Link, connection: TerminalConnection) -> None:
    task = await begun(connection)
    assert not connection.is_idle
    connection.indication(PushOutcome("another", OutcomeKind.NEVER, "no"))
    connection.indication(DONE)
    connection.indication(DONE)
    assert await task is DONE
    assert link.asked == [PUSH]
    assert connection.is_idle


async def test_push_under_way_when_the_connection_ends_is_in_doubt(
    connection: TerminalConnection,
) -> None:
    task = await begun(connection)
    connection.ended("reset")
    assert (await task).kind is OutcomeKind.IN_DOUBT
    assert not connection.usable


async def test_push_after_the_end_was_not_sent(link: Link, connection: TerminalConnection) -> None:
    connection.ended("reset")
    assert (await connection.push(PUSH)).kind is OutcomeKind.LATER
    assert link.asked == []


async def test_push_on_a_connection_that_is_being_closed_was_not_sent(
    link: Link, connection: TerminalConnection
) -> None:
    connection.retire("newer ones")
    assert (await connection.push(PUSH)).kind is OutcomeKind.LATER
    assert link.asked == []
    assert not connection.usable


async def test_connection_that_is_retired_closes_when_its_pushes_have_ended(
    link: Link, connection: TerminalConnection
) -> None:
    task = await begun(connection)
    connection.retire("newer ones")
    assert link.close_reason is None
    connection.indication(DONE)
    assert await task is DONE
    assert link.close_reason == "newer ones"


async def test_delivery_that_comes_twice_is_sent_once(
    link: Link, connection: TerminalConnection
) -> None:
    first, second = await begun(connection), await begun(connection)
    connection.indication(DONE)
    assert (await first, await second) == (DONE, DONE)
    assert link.asked == [PUSH]


async def test_attempt_that_is_given_up_does_not_take_the_other_with_it(
    connection: TerminalConnection,
) -> None:
    first, second = await begun(connection), await begun(connection)
    first.cancel()
    await asyncio.sleep(0)
    assert not second.done()
    connection.ended("reset")
    assert (await second).kind is OutcomeKind.IN_DOUBT


async def test_registration_that_came_before_the_link_counts(link: Link) -> None:
    connection = TerminalConnection(Method.PO_TCP, "there", Instant(0))
    connection.indication(TOLD)
    assert await connection.opened(link) is TOLD


@pytest.mark.parametrize("before", [True, False])
async def test_registration_that_fails_is_told_to_whoever_waits(link: Link, before: bool) -> None:
    connection = TerminalConnection(Method.PO_TCP, "there", Instant(0))
    failed = SessionFailedInd("302", may_retry=False, status=302)
    if before:
        connection.indication(failed)
    waiting = asyncio.create_task(connection.opened(link))
    await asyncio.sleep(0)
    if not before:
        connection.indication(failed)
    connection.ended("closed after that")
    with pytest.raises(RegistrationFailedError) as caught:
        await waiting
    assert (caught.value.may_retry, caught.value.status) == (False, 302)


async def test_those_who_ask_for_a_registration_together_share_it(
    connection: TerminalConnection,
) -> None:
    asking = [asyncio.create_task(connection.register_again()) for _ in range(2)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    again = RegistrationInd("4155", "00", "bmV3", ClientCapabilities())
    connection.indication(again)
    assert await asking[1] is again
    assert connection.registration is again


async def test_connection_that_ends_unregistered_is_unavailable(link: Link) -> None:
    connection = TerminalConnection(Method.PO_TCP, "there", Instant(0))
    waiting = asyncio.create_task(connection.opened(link))
    await asyncio.sleep(0)
    connection.ended("reset")
    with pytest.raises(BearerUnavailable, match="reset"):
        await waiting
