"""OTA-SIP of a client from its settings, on the real sockets of this machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from omapush.bearers.sip_core import SipCoreBearer
from omapush.bearers.sip_settings import Listen, TransportSettings
from omapush.bearers.tcp import TcpBearer
from omapush.cai.model import (
    ConnectionProfile,
    Registration,
    RegistrationRequest,
    RegistrationState,
)
from omapush.content.message import PushMessage
from omapush.core.peer_certificate import PeerCertificate
from omapush.daemon.client_sip import ClientSip, account_of, check_of, transport_settings
from omapush.daemon.client_sip_settings import ClientSipTable
from omapush.daemon.clock import SystemClock
from omapush.daemon.tls import serving_context
from omapush.ota.interface import (
    BearerUnavailable,
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PoUnitPushInd,
    SecurityFailure,
    StreamLink,
)
from omapush.ota.sip.core import Answer, Origin
from omapush.ota.sip.envelope import CONTENT_TYPE, encode_envelope
from omapush.ota.sip.media import MediaSessions, MediaStream, message_of
from omapush.protocols.msrp.connection import MsrpConnection
from omapush.protocols.msrp.session import BoundInd, Ends, MsrpSettings, ReportInd
from omapush.protocols.msrp.uri import MsrpUri, parse_path
from omapush.protocols.sdp import (
    MSRP_PLAIN,
    MSRP_TLS,
    Description,
    Direction,
    Media,
    Setup,
    encode_description,
    parse_description,
)
from omapush.protocols.sip.dialog import Dialog
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.testing.authority import Authority
from omapush.testing.binding_notes import BindingNotes
from omapush.testing.daemons import free_port

HOST = "127.0.0.1"
WML = "x-wap-application:wml.ua"
PUSH = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", WML)), b"hello" * 999)
PATIENCE_SECONDS = 20


class Accepting:
    """An agent whose applications take everything."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def capabilities(self) -> ClientCapabilities:
        return ClientCapabilities(accept=("*/*",), accept_app_id=(WML,))

    def indication(self, link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        assert isinstance(indication, PoConfirmedPushInd)
        self.taken.append(indication.message.body)
        link.request(PoConfirmedPushRes(indication.reference))

    def unit_push(self, indication: PoUnitPushInd) -> object:
        self.taken.append(indication.message.body)
        return None


class Core:
    """A registrar with one user, and a gateway, in one."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.contact = ""
        self.ended = asyncio.Event()
        self.sip = SipCoreBearer(
            TransportSettings(
                Hop(Transport.UDP, HOST, 9),
                (Listen(Transport.UDP, HOST, port), Listen(Transport.TCP, HOST, port)),
            ),
            SystemClock(),
        )
        self.sip.serve(self)
        self._numbers = count(1)

    def arrived(self, request: SipRequest, origin: Origin, answer: Answer) -> None:
        if request.method == "REGISTER":
            value = request.headers.first("Contact") or ""
            self.contact = value.partition("<")[2].partition(">")[0]
            seconds = request.headers.first("Expires")
            answer(SipResponse(200, "OK", SipHeaders((("Contact", f"{value};expires={seconds}"),))))
            return
        self.ended.set()
        answer(SipResponse(200, "OK"))

    def acknowledged(self, ack: SipRequest) -> None:
        raise AssertionError

    def unacknowledged(self, invite: SipRequest, response: SipResponse) -> None:
        raise AssertionError

    def cancelled(self, invite: SipRequest) -> None:
        raise AssertionError

    def request(self, method: str, body: bytes, content_type: str) -> SipRequest:
        number = next(self._numbers)
        headers = (
            ("From", f"<sip:ppg@push.test>;tag=t{number}"),
            ("To", "<sip:alice@push.test>"),
            ("Call-ID", f"call{number}@{HOST}"),
            ("CSeq", f"1 {method}"),
            ("Contact", f"<sip:{HOST}:{self.port}>"),
            ("P-Asserted-Identity", "<sip:ppg@push.test>"),
            ("Content-Type", content_type),
        )
        return SipRequest(method, self.contact, SipHeaders(headers), body)

    @property
    def client(self) -> Hop:
        port = self.contact.partition(";")[0].rpartition(":")[2]
        return Hop(Transport.UDP, HOST, int(port))

    async def push(self, message: PushMessage) -> SipResponse:
        body = encode_envelope(message)
        return await self.sip.send(self.request("MESSAGE", body, CONTENT_TYPE), self.client)

    async def invite(self, media: Media) -> tuple[SipResponse, Dialog | None]:
        """Offer a session; the answer, and the dialog if there is one."""
        body = encode_description(Description(HOST, (media,)))
        request = self.request("INVITE", body, "application/sdp")
        response = await self.sip.invite(request, self.client)
        if not response.is_success:
            return response, None
        dialog = Dialog.of_response(request, response)
        self.sip.acknowledge(dialog.acknowledge(request), self.client)
        return response, dialog


@contextlib.asynccontextmanager
async def client_at(core: Core, agent: Accepting, **more: Any) -> AsyncIterator[ClientSip]:
    """Run a client that is registered."""
    table = {"core": f"{HOST}:{core.port}", "transport": "udp", "aor": "sip:alice@push.test"}
    sip = ClientSip(
        ClientSipTable.model_validate({**table, **more}), SystemClock(), agent, "urn:uuid:1"
    )
    request = RegistrationRequest(WML)
    now = SystemClock()()
    registration = Registration("r", "o", WML, request, RegistrationState.PENDING, now, now)
    sip.binder.begin(registration, ConnectionProfile(), BindingNotes(), "")
    async with sip.open(), asyncio.timeout(PATIENCE_SECONDS):
        await sip.registration.settled()
        yield sip


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = Core(free_port())
    await core.sip.open()
    yield core
    await core.sip.close("the test ends")


class Sessions:
    """The gateway's side of MSRP.

    :ivar reports: that the client has sent.
    """

    def __init__(self) -> None:
        self.reports: asyncio.Queue[ReportInd] = asyncio.Queue()
        self.waiting = MediaSessions()
        self.tcp = TcpBearer(SystemClock())
        self._ids = count(1)

    def new_id(self) -> str:
        return f"Gateway{next(self._ids):013}"

    def accepted(self, _address: str) -> MediaStream:
        return MediaStream(MsrpConnection(MsrpSettings(), self.new_id, find=self.waiting.find))

    def told(self, link: Any, indication: object) -> None:
        match indication:
            case BoundInd():
                self.push(link)
            case ReportInd():
                self.reports.put_nowait(indication)
            case _:
                pass

    def push(self, link: Any) -> None:
        body = encode_envelope(PUSH)
        link.request(message_of("message1", CONTENT_TYPE, body, confirmed=True))


async def test_client_on_real_sockets_registers_and_takes_a_push(core: Core) -> None:
    agent = Accepting()
    async with client_at(core, agent) as sip:
        assert sip.status().contact == core.contact
        small = PushMessage(PUSH.headers, b"hello")
        assert (await core.push(small)).status == 200
        assert agent.taken == [b"hello"]
        # More than a datagram may carry: by TCP to the same port (RFC 3261 18.1.1).
        assert (await core.push(PUSH)).status == 200


@pytest.mark.parametrize("announced", ["none", "right", "wrong"])
async def test_session_by_tls_is_with_the_gateway_that_was_announced(
    core: Core, tmp_path: Path, announced: str
) -> None:
    """REQ20: MSRPS, and the certificate of the offer."""
    authority = Authority(tmp_path)
    authority.sign("gateway", f"IP:{HOST}")
    certificate, key = tmp_path / "gateway.pem", tmp_path / "gateway.key"
    sessions, agent = Sessions(), Accepting()
    tls = serving_context(certificate, key, None, "test")
    listener = await sessions.tcp.listen(HOST, 0, sessions.accepted, sessions.told, tls=tls)
    try:
        own = MsrpUri(HOST, listener.port, sessions.new_id(), secure=True)
        fingerprint = {
            "none": None,
            "right": f"SHA-256 {authority.fingerprint('gateway')}",
            "wrong": "sha-256 00:11",
        }[announced]
        offer = Media(
            port=listener.port,
            protocol=MSRP_TLS,
            path=str(own),
            accept_types=("*",),
            setup=Setup.ACTPASS,
            direction=Direction.SENDONLY,
            fingerprint=fingerprint,
        )
        async with client_at(core, agent, ca_file=tmp_path / "ca.pem"):
            # Whose session it is can be known only from the answer.
            response, dialog = await core.invite(offer)
            answered = parse_description(response.body).msrp
            assert answered is not None
            assert dialog is not None
            sessions.waiting.expect(Ends((own,), parse_path(answered.path)))
            if announced == "wrong":
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await core.ended.wait()
                assert agent.taken == []
            else:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    report = await sessions.reports.get()
                assert (report.status, agent.taken) == (200, [PUSH.body])
                bye = await core.sip.send(dialog.request("BYE"), core.client)
                assert bye.status == 200
    finally:
        await listener.close("the test ends")


async def test_gateway_may_connect_where_the_settings_say(core: Core) -> None:
    sessions, agent = Sessions(), Accepting()
    offer = Media(
        port=9,
        protocol=MSRP_PLAIN,
        path=str(MsrpUri(HOST, 9, sessions.new_id())),
        accept_types=("*",),
        setup=Setup.ACTIVE,
        direction=Direction.SENDONLY,
    )
    async with client_at(core, agent, msrp_listen=f"{HOST}:0"):
        response, _ = await core.invite(offer)
        answered = parse_description(response.body).msrp
        assert answered is not None
        there = parse_path(answered.path)
        ends = Ends(parse_path(offer.path), there)
        connection = MsrpConnection(MsrpSettings(), sessions.new_id, ends=ends)
        link: Any = await sessions.tcp.connect(
            HOST,
            there[0].port,
            MediaStream(connection, binds=True),
            lambda one: sessions.told(link, one),
            lambda _reason: None,
            1_000 * PATIENCE_SECONDS,
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert (await sessions.reports.get()).status == 200
        assert agent.taken == [PUSH.body]
        link.close("the test ends")
    refused = Core(free_port())  # a client without such a port has to connect itself
    await refused.sip.open()
    async with client_at(refused, agent):
        response, _ = await refused.invite(offer)
        assert response.status == 488
    await refused.sip.close("the test ends")


async def test_address_that_is_taken_is_an_error(core: Core) -> None:
    with pytest.raises(BearerUnavailable):
        async with client_at(core, Accepting(), listen=f"{HOST}:{core.port}"):
            pass


def settings_of(**more: Any) -> TransportSettings:
    table = {"core": "127.0.0.1:5060", "transport": "udp", "aor": "sip:alice@push.test"}
    found = ClientSipTable.model_validate({**table, **more})
    return transport_settings(found, None)


def test_requests_come_to_one_port_by_udp_and_tcp() -> None:
    first, second = settings_of().listen
    assert (first.transport, second.transport) == (Transport.UDP, Transport.TCP)
    assert first.port == second.port != 0
    assert first.host == HOST
    first, second = settings_of(listen="127.0.0.1:5081").listen
    assert (first.port, second.port) == (5081, 5081)
    assert settings_of(core="192.0.2.1:5060", allow_plain=True).listen[0].host == "0.0.0.0"
    assert settings_of(core="[2001:db8::1]:5060", allow_plain=True).listen[0].host == "::"
    assert settings_of(transport="tcp").listen == ()


def test_account_is_of_the_users_domain() -> None:
    table = ClientSipTable.model_validate(
        {"core": "core.example.com:5061", "aor": "sip:alice@example.com"}
    )
    account = account_of(table, "urn:uuid:1")
    assert account.registrar == "sip:example.com"
    assert account.core == "TLS core.example.com:5061"
    assert account.contact_at("192.0.2.7:5061") == "sip:alice@192.0.2.7:5061;transport=tls"


def test_certificate_is_compared_with_what_was_announced() -> None:
    certificate = PeerCertificate("00ff")
    check_of("SHA-256 00:FF")(certificate)
    check_of("SHA-1 12:34")(certificate)  # that hash is known to nobody here
    check_of(None)(None)
    for other in (replace(certificate, sha256="00fe"), None):
        with pytest.raises(SecurityFailure):
            check_of("sha-256 00:ff")(other)
