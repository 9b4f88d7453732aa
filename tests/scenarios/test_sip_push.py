"""A gateway as SIP application server: from PAP to a SIP user, and back to the initiator."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from omapush.bearers.sip_core import SipCoreBearer
from omapush.bearers.sip_settings import Listen, TransportSettings
from omapush.bearers.sip_trust import SipTrust
from omapush.daemon.clock import SystemClock
from omapush.ota.sip.core import Answer, Origin
from omapush.ota.sip.envelope import CONTENT_TYPE, decode_push
from omapush.pap.codes import MessageState
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.testing.kamailio import free_sip_port
from omapush.testing.running_gateway import RunningGateway

HOST = "127.0.0.1"
ALICE = "sip:alice@push.test"
MMS = "x-wap-application:mms.ua"


class CoreAndDevice:
    """A core with one user's device behind it, as the gateway sees them."""

    def __init__(self, gateway_port: int) -> None:
        self.port = free_sip_port()
        self.is_registered = True
        self.came = asyncio.Event()
        self.pushes: list[SipRequest] = []
        self.answers: list[SipResponse] = []
        self._numbers = 0
        self.sip = SipCoreBearer(
            TransportSettings(
                Hop(Transport.UDP, HOST, gateway_port),
                (Listen(Transport.UDP, HOST, self.port), Listen(Transport.TCP, HOST, self.port)),
                trust=SipTrust(),
            ),
            SystemClock(),
        )
        self.sip.serve(self)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[CoreAndDevice]:
        await self.sip.open()
        try:
            yield self
        finally:
            await self.sip.close("the test ends")

    async def register(self, expires: int = 600) -> SipResponse:
        """Tell the gateway that alice has registered (3GPP TS 24.229 5.4.1.7)."""
        self._numbers += 1
        self.is_registered = expires > 0
        contact = '<sip:alice@127.0.0.1>;+sip.instance="<urn:uuid:1>";+g.oma.pusheventapp="mms.ua"'
        inner = f"REGISTER sip:push.test SIP/2.0\r\nContact: {contact}\r\n\r\n"
        headers = (
            ("From", f"<sip:scscf@push.test>;tag=t{self._numbers}"),
            ("To", f"<{ALICE}>"),
            ("Call-ID", f"third-party-{self._numbers}@{HOST}"),
            ("CSeq", "10 REGISTER"),
            ("Contact", f"<sip:scscf@{HOST}:{self.port}>"),
            ("Expires", str(expires)),
            ("Content-Type", "message/sip"),
        )
        request = SipRequest("REGISTER", "sip:ppg@push.test", SipHeaders(headers), inner.encode())
        return await self.sip.send(request)

    def arrived(self, request: SipRequest, origin: Origin, answer: Answer) -> None:
        if not self.is_registered:
            self.came.set()
            answer(SipResponse(480, "Not registered"))
        elif request.method == "MESSAGE":
            self.pushes.append(request)
            answer(self.answers.pop(0) if self.answers else SipResponse(200, "OK"))
        else:
            answer(SipResponse(405, "Method Not Allowed"))

    def acknowledged(self, ack: SipRequest) -> None:
        raise AssertionError

    def unacknowledged(self, invite: SipRequest, response: SipResponse) -> None:
        raise AssertionError

    def cancelled(self, invite: SipRequest) -> None:
        raise AssertionError


def gateway_for(folder: Path, core: CoreAndDevice, port: int) -> RunningGateway:
    table = (
        f'[sip]\ncore = "{HOST}:{core.port}"\nuri = "sip:ppg@push.test"\n'
        f'listen_udp = "{HOST}:{port}"\nlisten_tcp = "{HOST}:{port}"\n'
        f'[[clients]]\nid = "alice"\nsip = "{ALICE}"\n'
    )
    return RunningGateway(folder, table)


async def test_push_to_sip_user_is_taken_by_the_device_and_the_initiator_hears_of_it(
    tmp_path: Path,
) -> None:
    port = free_sip_port()
    async with (
        CoreAndDevice(port).running() as core,
        gateway_for(tmp_path, core, port).running() as gateway,
    ):
        assert (await core.register()).status == 200
        push_id = await gateway.push(ALICE, b"an mms", application=MMS)
        result = await gateway.ended(push_id)
        assert (result.message_state, result.code) == (MessageState.DELIVERED, 1000)
        (request,) = core.pushes
        assert request.headers.first("Content-Type") == CONTENT_TYPE
        assert decode_push(CONTENT_TYPE, (), request.body, 1_000).body == b"an mms"
        assert request.headers.first("P-Asserted-Identity") == "<sip:ppg@push.test>"


async def test_push_waits_for_a_user_who_is_away_and_goes_out_when_he_comes(
    tmp_path: Path,
) -> None:
    port = free_sip_port()
    async with (
        CoreAndDevice(port).running() as core,
        gateway_for(tmp_path, core, port).running() as gateway,
    ):
        core.is_registered = False
        push_id = await gateway.push(ALICE, b"an mms", application=MMS)
        await asyncio.wait_for(core.came.wait(), 30)
        assert (await core.register()).status == 200
        result = await gateway.ended(push_id)
        assert result.message_state is MessageState.DELIVERED
        assert len(core.pushes) == 1


async def test_refusal_of_the_device_is_the_result_that_the_initiator_hears(
    tmp_path: Path,
) -> None:
    port = free_sip_port()
    async with (
        CoreAndDevice(port).running() as core,
        gateway_for(tmp_path, core, port).running() as gateway,
    ):
        headers = SipHeaders((("X-Wap-Push-Status", "235 not wanted"),))
        core.answers = [SipResponse(603, "Decline", headers)]
        await core.register()
        result = await gateway.ended(await gateway.push(ALICE, b"an advert", application=MMS))
        assert (result.message_state, result.code) == (MessageState.ABORTED, 5235)


async def test_user_whom_the_core_does_not_know_is_an_address_not_found(tmp_path: Path) -> None:
    port = free_sip_port()
    async with (
        CoreAndDevice(port).running() as core,
        gateway_for(tmp_path, core, port).running() as gateway,
    ):
        core.answers = [SipResponse(404, "Not Found")]
        await core.register()
        result = await gateway.ended(await gateway.push(ALICE, b"hello?", application=MMS))
        assert (result.message_state, result.code) == (MessageState.UNDELIVERABLE, 2003)
