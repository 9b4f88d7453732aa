"""Both ends of OTA-HTTP over real connections, whoever dialled."""

from __future__ import annotations

import asyncio

import pytest

from omapush.bearers.tcp import TcpBearer
from omapush.content.message import PushMessage
from omapush.daemon.clock import SystemClock
from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    OutcomeKind,
    PoConfirmedPushInd,
    PoConfirmedPushReq,
    PoConfirmedPushRes,
    PoPushVoidInd,
    PpgIndication,
    PpgRequest,
    PushOutcome,
    PushSource,
    PushStatus,
    RegistrationInd,
    StreamLink,
)

CAPABILITIES = ClientCapabilities(max_message_size=1_000_000, max_push_requests=4)
BODY = bytes(range(256)) * 2_000


def ignore(_reason: str) -> None:
    """Hear that a connection ended."""


class Rig:
    """A gateway and a terminal on one connection."""

    def __init__(self) -> None:
        self.bearer = TcpBearer(SystemClock())
        self.told: asyncio.Queue[PpgIndication] = asyncio.Queue()
        self.void: asyncio.Queue[PoPushVoidInd] = asyncio.Queue()
        self.terminal: asyncio.Future[StreamLink[ClientRequest]] = asyncio.Future()
        self.gateway: asyncio.Future[StreamLink[PpgRequest]] = asyncio.Future()
        self.arrived: asyncio.Queue[PoConfirmedPushInd] = asyncio.Queue()
        self.answering = True

    def ppg_session(self, _peer: str = "") -> HttpPpgSession:
        return HttpPpgSession(HttpPpgSettings())

    def terminal_session(self, peer: str = "") -> HttpTerminalSession:
        return HttpTerminalSession(
            HttpTerminalSettings("4165012322222"),
            lambda: CAPABILITIES,
            PushSource("OTA-HTTP", "TCP/IP", peer),
        )

    def at_gateway(self, link: StreamLink[PpgRequest], indication: PpgIndication) -> None:
        if not self.gateway.done():
            self.gateway.set_result(link)
        self.told.put_nowait(indication)

    def at_terminal(self, link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        if isinstance(indication, PoConfirmedPushInd):
            assert indication.message.body == BODY
            self.arrived.put_nowait(indication)
            if self.answering:
                link.request(PoConfirmedPushRes(indication.reference))
        else:
            self.void.put_nowait(indication)

    async def po_tcp(self) -> None:
        """Have the gateway dial."""
        listener = await self.bearer.listen("127.0.0.1", 0, self.terminal_session, self.at_terminal)
        link = await self.bearer.connect(
            "127.0.0.1", listener.port, self.ppg_session(), self.told.put_nowait, ignore, 5_000
        )
        self.gateway.set_result(link)
        self.listener = listener

    async def to_tcp(self) -> None:
        """Have the terminal dial; still the gateway speaks first."""
        listener = await self.bearer.listen("127.0.0.1", 0, self.ppg_session, self.at_gateway)

        def told(indication: ClientIndication) -> None:
            self.at_terminal(self.terminal.result(), indication)

        link = await self.bearer.connect(
            "127.0.0.1", listener.port, self.terminal_session(), told, ignore, 5_000
        )
        self.terminal.set_result(link)
        self.listener = listener

    async def next(self) -> PpgIndication:
        return await asyncio.wait_for(self.told.get(), 10)

    async def registered(self) -> StreamLink[PpgRequest]:
        registration = await self.next()
        assert isinstance(registration, RegistrationInd)
        assert registration.terminal_id == "4165012322222"
        return self.gateway.result()

    def push(self, link: StreamLink[PpgRequest], count: int) -> None:
        message = PushMessage((("Content-Type", "application/octet-stream"),), BODY)
        for number in range(count):
            link.request(PoConfirmedPushReq(str(number), message))

    async def outcomes(self, count: int) -> list[tuple[str, OutcomeKind]]:
        told = [await self.next() for _ in range(count)]
        return [(one.delivery_id, one.kind) for one in told if isinstance(one, PushOutcome)]


@pytest.mark.parametrize("who_dials", [Rig.po_tcp, Rig.to_tcp])
async def test_gateway_pushes_whoever_dialled(who_dials: object) -> None:
    rig = Rig()
    await who_dials(rig)  # type: ignore[operator] # one of two methods
    link = await rig.registered()
    rig.push(link, 10)
    assert await rig.outcomes(10) == [(str(n), OutcomeKind.DONE) for n in range(10)]
    await rig.listener.close("the test is over")


async def test_refusal_of_large_push_reaches_gateway_that_is_still_sending_it() -> None:
    rig = Rig()
    await rig.po_tcp()
    link = await rig.registered()
    link.request(PoConfirmedPushReq("large", PushMessage((), bytes(30_000_000))))
    outcome = await rig.next()
    assert isinstance(outcome, PushOutcome)
    assert (outcome.kind, outcome.status) == (OutcomeKind.NEVER, PushStatus.USERDCR)
    assert rig.arrived.empty()
    await rig.listener.close("the test is over")


async def test_end_of_connection_is_told_at_both_ends() -> None:
    rig = Rig()
    rig.answering = False
    await rig.po_tcp()
    link = await rig.registered()
    rig.push(link, 6)
    for _ in range(4):
        await asyncio.wait_for(rig.arrived.get(), 10)
    await rig.listener.close("the terminal is switched off")
    assert await rig.outcomes(6) == [
        *((str(n), OutcomeKind.IN_DOUBT) for n in range(4)),
        *((str(n), OutcomeKind.LATER) for n in range(4, 6)),
    ]
    void = [await asyncio.wait_for(rig.void.get(), 10) for _ in range(4)]
    assert {one.reason for one in void} == {"the terminal is switched off"}
