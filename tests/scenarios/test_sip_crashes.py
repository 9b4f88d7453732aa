"""Kill -9 of a gateway of OTA-SIP while a MESSAGE is unanswered: nothing is lost, nothing is new.

The core with a device behind it is the test's own, and sees every octet.
"""

from __future__ import annotations

from pathlib import Path

from omapush.ota.push_headers import PUSH_ID
from omapush.pap.codes import MessageState
from omapush.protocols.sip.message import SipRequest, SipResponse
from omapush.testing.kamailio import free_sip_port
from omapush.testing.plain_sip_peer import PlainSipPeer
from omapush.testing.running_gateway import RunningGateway

HOST = "127.0.0.1"
ALICE = "sip:alice@push.test"


def unanswered(request: SipRequest) -> SipResponse | None:
    """Answer whatever is asked, and no push."""
    return None if request.method == "MESSAGE" else SipResponse(200, "OK")


def answered(_request: SipRequest) -> SipResponse:
    return SipResponse(200, "OK")


def gateway_for(folder: Path, core: PlainSipPeer) -> RunningGateway:
    table = (
        f'[sip]\ncore = "{HOST}:{core.port}"\nuri = "sip:ppg@push.test"\n'
        f'listen_udp = "{HOST}:{free_sip_port()}"\n'
        f'[[clients]]\nid = "alice"\nsip = "{ALICE}"\n'
    )
    return RunningGateway(folder, table)


async def test_message_unanswered_when_the_gateway_dies_is_sent_again_under_its_push_id(
    tmp_path: Path,
) -> None:
    async with (
        PlainSipPeer(unanswered).running() as core,
        gateway_for(tmp_path, core).running() as gateway,
    ):
        push_id = await gateway.push(ALICE, b"an mms")
        first = await core.next("MESSAGE")
        await gateway.daemon.kill()
        call_id = first.headers.first("Call-ID")
        await gateway.daemon.start()
        await core.until(lambda: _others(core, call_id))
        said = await gateway.until_said(push_id, "in_doubt")  # the ledger shows it
        again = _others(core, call_id)[0]
        assert again.headers.first(PUSH_ID) == first.headers.first(PUSH_ID)
        assert again.headers.first(PUSH_ID) is not None
        assert again.body == first.body
        core.answering = answered
        result = await gateway.ended(push_id)
        assert (result.message_state, result.code) == (MessageState.DELIVERED, 1000), said
        assert len({one.headers.first(PUSH_ID) for one in core.of("MESSAGE")}) == 1


async def test_push_that_waits_for_its_user_survives_the_death_of_the_gateway(
    tmp_path: Path,
) -> None:
    def away(_request: SipRequest) -> SipResponse:
        return SipResponse(480, "Not registered")

    async with (
        PlainSipPeer(away).running() as core,
        gateway_for(tmp_path, core).running() as gateway,
    ):
        push_id = await gateway.push(ALICE, b"an mms")
        await gateway.until_said(push_id, "480")
        await gateway.daemon.kill()
        core.answering = answered
        await gateway.daemon.start()
        result = await gateway.ended(push_id)
        assert (result.message_state, result.code) == (MessageState.DELIVERED, 1000)
        assert len(core.of("MESSAGE")) == 1


def _others(core: PlainSipPeer, call_id: str | None) -> list[SipRequest]:
    """Return the pushes that are no repetition of the first by its own transaction."""
    return [one for one in core.of("MESSAGE") if one.headers.first("Call-ID") != call_id]
