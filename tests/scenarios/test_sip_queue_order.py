"""In which order the pushes of a SIP user go out who was away and comes (REQ14)."""

from __future__ import annotations

import itertools
from pathlib import Path

from omapush.ota.sip.envelope import CONTENT_TYPE, decode_push
from omapush.pap.model import DeliveryMethod, Priority
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.protocols.sip.writing import encode_message
from omapush.testing.kamailio import free_sip_port
from omapush.testing.plain_sip_peer import PlainSipPeer
from omapush.testing.running_gateway import RunningGateway

HOST = "127.0.0.1"
ALICE = "sip:alice@push.test"
PATIENT = "retry_first_seconds = 3600\nretry_longest_seconds = 3600\n"
"""Nothing is tried again before the user comes."""
_NUMBERS = itertools.count(1)


def registration(port: int) -> bytes:
    """Return what the core tells of a user who has come (3GPP TS 24.229 5.4.1.7)."""
    number = next(_NUMBERS)
    contact = f'<sip:alice@{HOST}>;+sip.instance="<urn:uuid:1>"'
    inner = f"REGISTER sip:push.test SIP/2.0\r\nContact: {contact}\r\n\r\n"
    headers = (
        ("Via", f"SIP/2.0/UDP {HOST}:{port};branch=z9hG4bKcame{number};rport"),
        ("Max-Forwards", "70"),
        ("From", f"<sip:scscf@push.test>;tag=t{number}"),
        ("To", f"<{ALICE}>"),
        ("Call-ID", f"third-party-{number}"),
        ("CSeq", "10 REGISTER"),
        ("Contact", f"<sip:scscf@{HOST}:{port}>"),
        ("Expires", "600"),
        ("Content-Type", "message/sip"),
    )
    request = SipRequest("REGISTER", "sip:ppg@push.test", SipHeaders(headers), inner.encode())
    return encode_message(request)


def priorities(core: PlainSipPeer) -> list[str | None]:
    """Return what the requests said of their priority, in their order."""
    return [one.headers.first("Priority") for one in core.of("MESSAGE")]


async def test_urgent_push_goes_first_when_the_user_comes(tmp_path: Path) -> None:
    port = free_sip_port()
    away = SipResponse(480, "Not registered")
    async with PlainSipPeer(lambda _: away).running() as core:
        table = (
            f'[sip]\ncore = "{HOST}:{core.port}"\nuri = "sip:ppg@push.test"\n'
            f'listen_udp = "{HOST}:{port}"\n[[clients]]\nid = "alice"\nsip = "{ALICE}"\n'
        )
        async with RunningGateway(tmp_path, table, delivery=PATIENT).running() as gateway:
            wishes = (Priority.LOW, Priority.MEDIUM, Priority.HIGH, Priority.MEDIUM, Priority.HIGH)
            pushes = []
            for number, priority in enumerate(wishes):
                answer = await gateway.initiator.submit(
                    [ALICE], None, f"{number}".encode(), "text/plain",
                    priority=priority, delivery_method=DeliveryMethod.CONFIRMED,
                )  # fmt: skip
                await gateway.until_said(answer.push_id, "480")
                pushes.append(answer.push_id)
            core.answering = lambda _: SipResponse(200, "OK")
            core.requests.clear()
            core.send(registration(core.port), port)
            for push_id in pushes:
                await gateway.until_said(push_id, "delivered")
        order = [decode_push(CONTENT_TYPE, (), one.body, 1_000).body for one in core.of("MESSAGE")]
        assert order == [b"2", b"4", b"0", b"1", b"3"]
        assert priorities(core) == ["urgent", "urgent", "non-urgent", None, None]
