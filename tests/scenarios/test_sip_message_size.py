"""How long a MESSAGE may be, measured on the wire of a running gateway (REQ12, RFC 3428 8)."""

from __future__ import annotations

from pathlib import Path

from omapush.protocols.sip.message import SipRequest, SipResponse
from omapush.testing.kamailio import free_sip_port
from omapush.testing.plain_sip_peer import PlainSipPeer
from omapush.testing.running_gateway import RunningGateway

HOST = "127.0.0.1"
ALICE = "sip:alice@push.test"
LIMIT = 1_300


def core(request: SipRequest) -> SipResponse:
    """Take a MESSAGE; of an INVITE it is enough that it came."""
    refused = request.method == "INVITE"
    return SipResponse(603, "Decline") if refused else SipResponse(200, "OK")


async def test_request_of_1300_octets_goes_by_message_and_of_1301_by_invite(
    tmp_path: Path,
) -> None:
    async with PlainSipPeer(core).running() as peer:
        table = (
            f'[sip]\ncore = "{HOST}:{peer.port}"\nuri = "sip:ppg@push.test"\nvia_reserve = 0\n'
            f'listen_udp = "{HOST}:{free_sip_port()}"\nmsrp_listen = "{HOST}:0"\n'
            f'[[clients]]\nid = "alice"\nsip = "{ALICE}"\n'
        )
        async with RunningGateway(tmp_path, table).running() as gateway:

            async def pushed(size: int) -> tuple[str, int]:
                """Push so many octets; return by what they went, and how long that was."""
                before = len(peer.requests)
                await gateway.ended(await gateway.push(ALICE, b"x" * size))
                requests = zip(peer.requests[before:], peer.octets[before:], strict=True)
                [carried] = [
                    (request.method, len(octets))
                    for request, octets in requests
                    if request.method in ("MESSAGE", "INVITE")
                ]
                return carried

            method, length = await pushed(500)
            assert method == "MESSAGE"
            most = 500 + LIMIT - length
            assert await pushed(most - 1) == ("MESSAGE", LIMIT - 1)
            assert await pushed(most) == ("MESSAGE", LIMIT)
            assert (await pushed(most + 1))[0] == "INVITE"
