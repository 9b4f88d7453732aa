"""What our daemons send by SIP and MSRP, as they send it, between us and tshark.

The test is the core and the device: it takes every datagram of the gateway's daemon and of the
client's, and the octets of a media session, and answers so that there is something to see.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import pytest

from omapush.core.instants import Instant
from omapush.protocols.msrp.connection import MsrpConnection
from omapush.protocols.msrp.session import Ends, MessageInd, MsrpSettings, SendReport
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.protocols.sip.parsing import parse_message
from omapush.protocols.sip.writing import encode_message
from omapush.testing.kamailio import DOMAIN, GATEWAY, HOST, free_sip_port
from omapush.testing.running_gateway import RunningGateway
from omapush.testing.sip_phone import sip_phone
from omapush.testing.tshark import Capture, Dissected

pytestmark = pytest.mark.xdist_group("tshark-sip-daemons")  # all share what one fixture found out

ALICE = f"sip:alice@{DOMAIN}"
MMS = "x-wap-application:mms.ua"
LONG = 1_500
SIP = [
    "OPTIONS", "MESSAGE", "INVITE", "ACK", "BYE", "REGISTER", "goodbye", "OPTIONS of the client",
]  # fmt: skip
MEDIA = ["empty SEND", "SEND", "answer to empty SEND", "answer to SEND", "REPORT"]
_ECHOED = ("Via", "From", "To", "Call-ID", "CSeq", "Record-Route")


class Core(asyncio.DatagramProtocol):
    """A core of one port. :ivar sent: the datagrams that came, each once, in their order."""

    def __init__(self, answer: Callable[[SipRequest], SipResponse]) -> None:
        self.sent: list[bytes] = []
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data not in self.sent:
            self.sent.append(data)
        request = parse_message(data)
        if not isinstance(request, SipRequest) or request.method == "ACK":
            return
        response = self._answer(request)
        echoed = [
            (name, value + (";tag=core" if name == "To" and ";tag=" not in value else ""))
            for name in _ECHOED
            for value in request.headers.every(name)
        ]
        headers = SipHeaders((*echoed, *response.headers.fields))
        assert self._transport is not None
        whole = SipResponse(response.status, response.reason, headers, response.body)
        self._transport.sendto(encode_message(whole), addr)

    def datagrams(self, method: str) -> list[bytes]:
        return [one for one in self.sent if one.startswith(method.encode() + b" ")]


@contextlib.asynccontextmanager
async def core_at(port: int, answer: Callable[[SipRequest], SipResponse]) -> AsyncIterator[Core]:
    loop = asyncio.get_running_loop()
    transport, core = await loop.create_datagram_endpoint(lambda: Core(answer), (HOST, port))
    try:
        yield core
    finally:
        transport.close()


class Media:
    """A device that takes a push over MSRP. :ivar came: its octets; ``went``: the answers."""

    def __init__(self) -> None:
        self.came = b""
        self.went = b""

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        numbers = itertools.count(1)
        end = MsrpConnection(
            MsrpSettings(), lambda: f"device{next(numbers):06}", find=lambda uri: Ends((uri,), ())
        )
        while octets := await reader.read(65_536):
            self.came += octets
            end.receive(octets, Instant(0))
            for indication in end.indications():
                if isinstance(indication, MessageInd):
                    end.request(SendReport(indication.message_id, len(indication.body)), Instant(0))
            answer = b"".join(end.written())
            self.went += answer
            writer.write(answer)
        writer.close()


async def sent_by_gateway(folder: Path, capture: Capture) -> None:
    media = Media()
    listener = await asyncio.start_server(media.connected, HOST, 0)
    media_port = listener.sockets[0].getsockname()[1]
    description = (
        f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
        f"m=message {media_port} TCP/MSRP *\r\na=accept-types:*\r\n"
        f"a=path:msrp://{HOST}:{media_port}/device;tcp\r\na=setup:passive\r\na=recvonly\r\n"
    )

    def answer(request: SipRequest) -> SipResponse:
        if request.method != "INVITE":
            return SipResponse(200, "OK")
        contact = ("Contact", f"<sip:alice@{HOST}:{port}>")
        headers = SipHeaders((contact, ("Content-Type", "application/sdp")))
        return SipResponse(200, "OK", headers, description.encode())

    port, own = free_sip_port(), free_sip_port()
    gateway = RunningGateway(
        folder,
        f'[sip]\ncore = "{HOST}:{port}"\nuri = "{GATEWAY}"\nlisten_udp = "{HOST}:{own}"\n'
        'icsi = "urn:urn-7:3gpp-service.ims.icsi.omapush"\n'
        f'[[clients]]\nid = "alice"\nsip = "{ALICE}"\n',
    )
    async with listener, core_at(port, answer) as core, gateway.running():
        for size in (3, LONG):
            result = await gateway.ended(await gateway.push(ALICE, b"x" * size, application=MMS))
            assert int(result.code) == 1000, result
    for method in ("OPTIONS", "MESSAGE", "INVITE", "ACK", "BYE"):
        capture.datagram(method, core.datagrams(method)[0], source_port=5070, port=5060)
    # The dissector reads one frame of a segment.
    for name, octets in zip(MEDIA, (*frames(media.came), *frames(media.went)), strict=True):
        ports = (40_000, 2855) if name in MEDIA[:2] else (2855, 40_000)
        capture.segment(name, octets, source_port=ports[0], port=ports[1])


def frames(octets: bytes) -> list[bytes]:
    """Cut the octets of a connection behind every end-line."""
    return [one.group() for one in re.finditer(rb".*?\r\n-{7}\w+[$+#]\r\n", octets, re.DOTALL)]


async def sent_by_client(folder: Path, capture: Capture) -> None:
    def answer(request: SipRequest) -> SipResponse:
        if request.method != "REGISTER":
            return SipResponse(200, "OK")
        granted = [("Contact", one) for one in request.headers.every("Contact")]
        return SipResponse(200, "OK", SipHeaders((*granted, ("Expires", "600"))))

    port = free_sip_port()
    async with core_at(port, answer) as core:
        table = {"core": f"{HOST}:{port}", "transport": "udp", "ppg": [GATEWAY]}
        async with sip_phone(folder, **table) as alice:
            await alice.application(MMS, "text/vnd.wap.si")
            async with asyncio.timeout(20):
                while not core.datagrams("OPTIONS"):  # noqa: ASYNC110 # of another process
                    await asyncio.sleep(0.02)
    [*_, registers, goodbye] = core.datagrams("REGISTER")
    capture.datagram("REGISTER", registers, source_port=5081, port=5060)
    capture.datagram("goodbye", goodbye, source_port=5081, port=5060)
    told = core.datagrams("OPTIONS")[-1]
    capture.datagram("OPTIONS of the client", told, source_port=5081, port=5060)


@pytest.fixture(scope="module")
def seen(
    dissect: Callable[[Capture], dict[str, Dissected]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Dissected]:
    capture = Capture()
    folder = tmp_path_factory.mktemp("daemons")

    async def record() -> None:
        await asyncio.gather(sent_by_gateway(folder, capture), sent_by_client(folder, capture))

    asyncio.run(record())
    return dissect(capture)


@pytest.mark.parametrize("name", [*SIP, *MEDIA])
def test_tshark_finds_nothing_wrong(seen: dict[str, Dissected], name: str) -> None:
    packet = seen[name]
    assert ("sip" if name in SIP else "msrp") in packet.protocols
    assert [one for one in packet.complaints if "alformed" in one or "rror" in one] == []


@pytest.mark.parametrize("name", SIP)
def test_tshark_reads_who_talks_to_whom(seen: dict[str, Dissected], name: str) -> None:
    packet = seen[name]
    gateway = name in SIP[:5]
    assert packet.value("sip.from.user") == ("ppg" if gateway else "alice")
    assert packet.value("sip.from.host") == DOMAIN
    assert packet.value("sip.Max-Forwards") == "70"
    assert packet.value("sip.Via.transport") == "UDP"
    assert (packet.value("sip.Via.branch") or "").startswith("z9hG4bK")


def test_tshark_reads_what_the_gateway_asks_of_the_core(seen: dict[str, Dissected]) -> None:
    """OTA-SIP 6, 7, 10, 11."""
    for name in ("OPTIONS", "MESSAGE", "INVITE"):
        packet = seen[name]
        assert packet.value("sip.Method") == name
        assert packet.value("sip.r-uri.user") == "alice"
        wanted = '*;+g.oma.pusheventapp="mms.ua";require;explicit'
        assert packet.value("sip.Accept-Contact") == wanted
        assert packet.value("sip.P-Asserted-Identity") == f"<{GATEWAY}>"
        assert packet.value("sip.P-Asserted-Service") == "urn:urn-7:3gpp-service.ims.icsi.omapush"
        assert (packet.value("sip.Route.uri") or "").endswith(";lr")
    assert seen["MESSAGE"].fields("sip.Contact") == []  # RFC 3428 8
    assert seen["MESSAGE"].value("sip.Content-Type") == "application/vnd.oma.push"


def test_tshark_reads_the_session_that_the_gateway_offers(seen: dict[str, Dissected]) -> None:
    """RFC 4975 8: where, how, and who connects."""
    offer = seen["INVITE"]
    assert offer.value("sdp.media.media") == "message"
    assert offer.value("sdp.media.proto") == "TCP/MSRP"
    assert offer.value("sdp.media.format") == "*"
    said = offer.values("sdp.media_attr")
    assert {"setup:active", "sendonly", "accept-types:application/vnd.oma.push"} <= set(said)
    assert any(one.startswith(f"path:msrp://{HOST}:9/") for one in said)


def test_tshark_reads_the_dialog_of_the_session(seen: dict[str, Dissected]) -> None:
    calls = {seen[name].value("sip.Call-ID") for name in ("INVITE", "ACK", "BYE")}
    assert len(calls) == 1
    tags = {seen[name].value("sip.to.tag") for name in ("ACK", "BYE")}
    assert tags == {"core"}
    first, last = (int(seen[name].value("sip.CSeq.seq") or 0) for name in ("INVITE", "BYE"))
    assert seen["ACK"].value("sip.CSeq.seq") == str(first)
    assert last == first + 1


def test_tshark_reads_the_registration_of_the_client(seen: dict[str, Dissected]) -> None:
    """OTA-SIP 3: who, with which applications, and for how long."""
    for name, expires in (("REGISTER", "600"), ("goodbye", "0")):
        packet = seen[name]
        assert packet.value("sip.r-uri.host") == DOMAIN
        assert packet.value("sip.Expires") == expires
        said = [one.strip() for one in packet.values("sip.contact.parameter")]
        assert any(one.startswith('+sip.instance="<urn:uuid:') for one in said)
        assert '+g.oma.pusheventapp="mms.ua"' in said
    told = seen["OPTIONS of the client"]
    assert told.value("sip.ppi.addr") == ALICE
    assert "text/vnd.wap.si" in (told.value("sip.Accept") or "")


def test_tshark_reads_the_frames_of_the_push(seen: dict[str, Dissected]) -> None:
    """RFC 4975 7.1: the message in its chunk, and its report."""
    empty, push, report = seen["empty SEND"], seen["SEND"], seen["REPORT"]
    assert (empty.value("msrp.method"), push.value("msrp.method")) == ("SEND", "SEND")
    assert push.value("msrp.content.type") == "application/vnd.oma.push"
    assert push.value("msrp.success.report") == "yes"
    assert push.value("msrp.messageid") == report.value("msrp.messageid")
    assert push.value("msrp.cnt.flg") == "$"
    first, _, total = (push.value("msrp.byte.range") or "").partition("/")
    assert first.startswith("1-")
    assert int(total) > LONG
    for name in ("empty SEND", "SEND"):
        answer = seen[f"answer to {name}"]
        assert answer.value("msrp.status.code") == "200"
        assert answer.value("msrp.transaction.id") == seen[name].value("msrp.transaction.id")
    assert report.value("msrp.method") == "REPORT"
    assert (report.value("msrp.status") or "").startswith("000 200")
    assert report.value("msrp.byte.range") == f"1-{total}/{total}"
