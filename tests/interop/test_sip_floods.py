"""Floods at the gateway's port, from strangers and from the core itself: others are served.

The datagrams come from other addresses of loopback than the core's, and from the core's own. The
gateway keeps little of them, and a push to a device of a foreign make goes through beside them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from omapush.pap.codes import MessageState
from omapush.protocols.sip.message import SipHeaders, SipRequest
from omapush.protocols.sip.writing import encode_message
from omapush.testing.kamailio import DOMAIN, GATEWAY, HOST, Kamailio, free_sip_port
from omapush.testing.running_gateway import RunningGateway
from omapush.testing.sipp import Sipp

pytestmark = pytest.mark.usefixtures("sip_peers")

ALICE, BOB = f"sip:alice@{DOMAIN}", f"sip:bob@{DOMAIN}"
MMS = "x-wap-application:mms.ua"
STRANGER = "127.0.0.2"
DATAGRAMS = 2_000
CONNECTIONS = 1_200
MORE_KIB = 32 * 1024
"""What a flood may add to the memory of the gateway."""
NUMBERS = itertools.count(1)


def request(method: str, uri: str, to: str, *more: tuple[str, str], body: bytes = b"") -> bytes:
    number = next(NUMBERS)
    fields = (
        ("Via", f"SIP/2.0/UDP {HOST}:9;branch=z9hG4bK{number};rport"),
        ("Max-Forwards", "70"),
        ("From", f"<{to}>;tag={number}"),
        ("To", f"<{to}>"),
        ("Call-ID", f"{number}@flood"),
        ("CSeq", f"1 {method}"),
        *more,
    )
    return encode_message(SipRequest(method, uri, SipHeaders(fields), body))


def registers(user: Callable[[int], str]) -> Iterator[bytes]:
    """Yield third-party REGISTERs, each of another device."""
    for number in itertools.count():
        contact = (
            f'<sip:x@{HOST}:9;n={number}>;+sip.instance="<urn:uuid:{number}>";'
            '+g.oma.pusheventapp="mms.ua"'
        )
        inner = f"REGISTER sip:{DOMAIN} SIP/2.0\r\nContact: {contact}\r\n\r\n".encode()
        fields = (("Expires", "600"), ("Content-Type", "message/sip"))
        yield request("REGISTER", GATEWAY, user(number), *fields, body=inner)


def options() -> Iterator[bytes]:
    for number in itertools.count():
        contact = f'<sip:bob@{HOST}:9>;+sip.instance="<urn:uuid:{number}>"'
        yield request("OPTIONS", GATEWAY, BOB, ("Contact", contact))


FLOODS: dict[str, Callable[[], Iterator[bytes]]] = {
    "REGISTER of nobody's users": lambda: registers(lambda n: f"sip:x{n}@{DOMAIN}"),
    "REGISTER of devices of one user": lambda: registers(lambda _: BOB),
    "OPTIONS of devices of one user": options,
    "retransmissions": lambda: itertools.repeat(request("OPTIONS", GATEWAY, BOB)),
    "what nobody can read": lambda: itertools.repeat(b"MESSAGE \xff\x00 SIP/2.0\r\n" + b"x" * 900),
}


def flood(source: str, port: int, datagrams: Iterator[bytes]) -> None:
    """Send in gushes, a thousand a second; answers are not read."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind((source, 0))
        for number, octets in enumerate(itertools.islice(datagrams, DATAGRAMS)):
            end.sendto(octets, (HOST, port))
            if number % 20 == 0:
                time.sleep(0.02)


async def metric(gateway: RunningGateway, name: str) -> float:
    """Return a figure; 0: nothing was counted."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        page = (await client.get(f"http://{HOST}:{gateway.admin}/metrics")).text
    found = (line for line in page.splitlines() if line.startswith(f"{name} "))
    return float(next(found, "0").split()[-1])


@dataclass
class Flooded:
    """A gateway with a core and alice's device, which answers everything with 200."""

    core: Kamailio
    gateway: RunningGateway


@pytest.fixture
async def flooded(tmp_path: Path) -> AsyncIterator[Flooded]:
    with Kamailio() as core:
        gateway = RunningGateway(
            tmp_path,
            f'[sip]\ncore = "{HOST}:{core.isc_port}"\nuri = "{GATEWAY}"\n'
            f'listen_udp = "{HOST}:{core.ppg_port}"\n'
            f'[[clients]]\nid = "alice"\nsip = "{ALICE}"\n[[clients]]\nid = "bob"\nsip = "{BOB}"\n',
        )
        async with gateway.running(), Sipp("client_uas", core.port, calls=9, timeout=60) as device:
            keys = {"contact_port": str(device.port)}
            assert (await Sipp("register", core.port, keys=keys).run()).status == 0
            yield Flooded(core, gateway)


@pytest.mark.parametrize("source", [STRANGER, HOST], ids=["stranger", "core"])
async def test_push_goes_through_beside_floods_and_little_is_kept(
    flooded: Flooded, source: str
) -> None:
    gateway, port = flooded.gateway, flooded.core.ppg_port
    before = gateway.resident_kib
    floods = [
        asyncio.create_task(asyncio.to_thread(flood, source, port, datagrams()))
        for datagrams in FLOODS.values()
    ]
    try:
        for _ in range(3):
            result = await gateway.ended(await gateway.push(ALICE, b"x", application=MMS))
            assert result.message_state is MessageState.DELIVERED
    finally:
        await asyncio.gather(*floods)
    result = await gateway.ended(await gateway.push(ALICE, b"x", application=MMS))
    assert result.message_state is MessageState.DELIVERED
    assert gateway.resident_kib - before < MORE_KIB
    # alice, and bob if the core told of him: no users of others.
    assert await metric(gateway, "omapush_sip_users") == (2 if source == HOST else 1)


async def test_core_gets_through_beside_connections_of_strangers(tmp_path: Path) -> None:
    """Strangers that connect and say nothing, or never end a message, keep nobody out."""
    port = free_sip_port()
    with Kamailio(ppg=f"sip:{HOST}:{port};transport=tcp") as core:
        gateway = RunningGateway(
            tmp_path,
            f'[sip]\ncore = "{HOST}:{core.isc_port}"\ntransport = "tcp"\nuri = "{GATEWAY}"\n'
            f'listen_tcp = "{HOST}:{port}"\n[[clients]]\nid = "alice"\nsip = "{ALICE}"\n',
        )
        async with gateway.running(), contextlib.AsyncExitStack() as stack:
            before = gateway.resident_kib
            for number in range(CONNECTIONS):
                local = (f"127.0.0.{2 + number % 8}", 0)
                _, writer = await asyncio.open_connection(HOST, port, local_addr=local)
                stack.callback(writer.close)
                if number % 2:
                    writer.write(b"OPTIONS sip:ppg@push.test SIP/2.0\r\nSubject: " + b"x" * 4_000)
            device = await stack.enter_async_context(Sipp("client_uas", core.port, calls=9))
            push_id = await gateway.push(ALICE, b"x", application=MMS)
            await gateway.until_said(push_id, "not registered")
            keys = {"contact_port": str(device.port)}
            assert (await Sipp("register", core.port, keys=keys).run()).status == 0
            result = await gateway.ended(push_id)
            assert result.message_state is MessageState.DELIVERED
            assert gateway.resident_kib - before < MORE_KIB
            # By the core's own connection, and not by asking again and again.
            told = 'omapush_sip_requests_served_total{method="REGISTER",status="200"}'
            assert await metric(gateway, told) == 1
