"""The torture messages of RFC 4475 at the ports of a running gateway and of a running client.

They come from where the core is, by UDP and by TCP. Whatever they are, the daemon answers what has
to be answered, and pushes go on beside them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from omapush.client.service_client import ServiceClient
from omapush.content.message import PushMessage
from omapush.ota.sip.envelope import CONTENT_TYPE, encode_envelope
from omapush.protocols.sip.message import Field, SipHeaders, SipRequest, SipResponse
from omapush.protocols.sip.stream import SipStream
from omapush.protocols.sip.writing import encode_message
from omapush.testing.daemons import Daemon, running
from omapush.testing.kamailio import free_sip_port
from omapush.testing.plain_sip_peer import PlainSipPeer
from omapush.testing.running_gateway import RunningGateway

HOST = "127.0.0.1"
ALICE = "sip:alice@push.test"
STOCKS = "x-acme:stock-quotes"
PATIENCE_SECONDS = 30
FOLDER = Path(__file__).parents[1] / "unit" / "protocols" / "sip" / "torture"
MESSAGES = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.dat"))}
# What the transaction layer answers, whoever is behind it (see the tests of the endpoint).
REFUSED = {
    **dict.fromkeys(
        [
            "badinv01", "ncl", "scalar02", "quotbal", "ltgtruri", "lwsruri", "lwsstart", "trws",
            "escruri", "badaspec", "baddn", "mismatch01", "mismatch02", "insuf", "multi01", "mcl01",
        ],
        400,
    ),
    "badvers": 505,
    "unkscm": 416,
    "novelsc": 416,
    "bext01": 420,
}  # fmt: skip
RESPONSES = ("unreason", "noreason", "bigcode", "scalarlg", "bcast")
ENDLESS = "clerr"
"""It announces more than it has: on a connection, the rest may still come."""
_NUMBERS = itertools.count(1)


def request_to(uri: str, port: int, method: str, *more: Field, body: bytes = b"") -> SipRequest:
    """Return a request of the core's, whose answer comes to ``port``."""
    number = next(_NUMBERS)
    headers = (
        ("Via", f"SIP/2.0/UDP {HOST}:{port};branch=z9hG4bKlife{number};rport"),
        ("Max-Forwards", "70"),
        ("From", f"<sip:ppg@push.test>;tag=l{number}"),
        ("To", f"<{uri}>"),
        ("Call-ID", f"life-{number}"),
        ("CSeq", f"1 {method}"),
        ("P-Asserted-Identity", "<sip:ppg@push.test>"),
        *more,
    )
    return SipRequest(method, uri, SipHeaders(headers), body)


async def answered(core: PlainSipPeer, request: SipRequest, port: int) -> SipResponse:
    """Send a request of one's own, and wait for its final answer."""
    core.send(encode_message(request), port)
    wanted = request.headers.first("Call-ID")

    def final() -> list[SipResponse]:
        return [
            one for one in core.responses if one.headers.first("Call-ID") == wanted and one.is_final
        ]

    await core.until(final)
    return final()[0]


async def lives(core: PlainSipPeer, uri: str, port: int) -> bool:
    """Whether who listens there answers a question."""
    contact = ("Contact", f"<sip:ppg@{HOST}:{core.port}>")
    return (await answered(core, request_to(uri, core.port, "OPTIONS", contact), port)).status < 500


async def answer_by_tcp(octets: bytes, port: int) -> int | None:
    """Send octets on a connection of their own; return the status of the first final answer.

    :returns: ``None``: it was closed without one.
    """
    reader, writer = await asyncio.open_connection(HOST, port)
    stream = SipStream()
    try:
        writer.write(octets)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while received := await reader.read(65_536):
                for one in stream.receive(received):
                    # An answer repeats what it answers, and may be as hard to read.
                    status = int(one.split(b" ")[1]) if isinstance(one, bytes) else 0
                    if status >= 200:
                        return status
    finally:
        writer.close()
    return None


async def tortured_by_udp(core: PlainSipPeer, uri: str, port: int) -> None:
    for octets in MESSAGES.values():
        core.send(octets, port)
        assert await lives(core, uri, port)


async def tortured_by_tcp(core: PlainSipPeer, uri: str, port: int) -> dict[str, int | None]:
    """Return what each message is answered."""
    answers = {}
    for name, octets in MESSAGES.items():
        if name in (*RESPONSES, ENDLESS):
            _, writer = await asyncio.open_connection(HOST, port)
            writer.write(octets)
            await writer.drain()
            writer.close()
        else:
            answers[name] = await answer_by_tcp(octets, port)
        assert await lives(core, uri, port)
    return answers


def check(answers: dict[str, int | None]) -> None:
    """What is malformed is refused as it should be, and nothing else is no answer or a fault."""
    assert {name: answers[name] for name in REFUSED} == REFUSED
    for name, status in answers.items():
        assert status is not None, name
        assert status != 500, name


@contextlib.asynccontextmanager
async def beside(push: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Push again and again meanwhile; none of the pushes may fail, and they have to end."""
    ended = 0
    over = False

    async def pushing() -> None:
        nonlocal ended
        while not over:
            await push()
            ended += 1

    task = asyncio.create_task(pushing())
    try:
        yield
    finally:
        over = True
        await task
    assert ended


# -- the gateway --


async def test_gateway_survives_every_message_and_pushes_go_on(tmp_path: Path) -> None:
    port = free_sip_port()
    async with PlainSipPeer(lambda _: SipResponse(200, "OK")).running() as core:
        table = (
            f'[sip]\ncore = "{HOST}:{core.port}"\nuri = "sip:ppg@push.test"\n'
            f'listen_udp = "{HOST}:{port}"\nlisten_tcp = "{HOST}:{port}"\n'
            f'[[clients]]\nid = "alice"\nsip = "{ALICE}"\n'
        )
        async with RunningGateway(tmp_path, table).running() as gateway:
            async with beside(lambda: gateway.delivers(ALICE)):
                check(await tortured_by_tcp(core, "sip:ppg@push.test", port))
                await tortured_by_udp(core, "sip:ppg@push.test", port)
            await gateway.delivers(ALICE)


# -- the client --


def registrar(request: SipRequest) -> SipResponse:
    """Grant every registration; nothing else is asked of a core here."""
    contact = (request.headers.first("Contact") or "") + ";expires=600"
    return SipResponse(200, "OK", SipHeaders((("Contact", contact),)))


async def test_client_survives_every_message_and_takes_pushes_beside_them(tmp_path: Path) -> None:
    port = free_sip_port()
    async with PlainSipPeer(registrar).running() as core:
        settings = tmp_path / "client.toml"
        settings.write_text(
            f'ota_http.po_tcp = false\ncai.socket = "{tmp_path}/cai.sock"\n'
            f'store.path = "{tmp_path}/client.db"\n[ota_sip]\ncore = "{HOST}:{core.port}"\n'
            f'transport = "udp"\naor = "{ALICE}"\nlisten = "{HOST}:{port}"\n'
        )
        daemon = Daemon("client", settings, path=tmp_path / "cai.sock")
        async with running(daemon), ServiceClient(tmp_path / "cai.sock") as cai:
            registered = await cai.register({"push_application_id": STOCKS})
            assert registered["state"] == "registered", daemon.log
            async with beside(lambda: taken(core, cai, registered["id"], port)):
                check(await tortured_by_tcp(core, ALICE, port))
                await tortured_by_udp(core, ALICE, port)
            await taken(core, cai, registered["id"], port)
        assert "Traceback" not in daemon.log


async def taken(core: PlainSipPeer, cai: ServiceClient, registration_id: str, port: int) -> None:
    """Push, have the application take it, and expect the answer that says so."""
    headers = (("Content-Type", "text/plain"), ("X-Wap-Application-Id", STOCKS))
    body = encode_envelope(PushMessage(headers, b"17.25"))
    message = request_to(ALICE, core.port, "MESSAGE", ("Content-Type", CONTENT_TYPE), body=body)
    answer = asyncio.create_task(answered(core, message, port))
    event = await cai.next_event(registration_id)
    assert event is not None
    assert await cai.content(event) == b"17.25"
    await cai.accept(event["id"])
    assert (await answer).status == 200
