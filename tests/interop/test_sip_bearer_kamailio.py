"""Our ends of SIP at a real core: a client and a gateway on either side of Kamailio."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from omapush.bearers.sip_core import SipCoreBearer
from omapush.bearers.sip_settings import Listen, TransportSettings
from omapush.bearers.sip_trust import SipTrust
from omapush.daemon.clock import SystemClock
from omapush.ota.sip.core import Answer, Origin
from omapush.protocols.sip.dialog import Dialog
from omapush.protocols.sip.digest import DigestClient
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.testing.authority import Authority
from omapush.testing.kamailio import DOMAIN, GATEWAY, HOST, USERS, Kamailio, free_sip_port

pytestmark = pytest.mark.usefixtures("sip_peers")

ALICE = f"sip:alice@{DOMAIN}"
DEVICE = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
WANTED = ("Accept-Contact", '*;+g.oma.pusheventapp="mms.ua";require;explicit')
NUMBERS = count(1)


@dataclass
class Server:
    """Answers everything with 200 and hands on what came."""

    contact: str = ""
    came: asyncio.Queue[tuple[SipRequest, Origin]] = field(default_factory=asyncio.Queue)
    acknowledged_calls: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)

    def arrived(self, request: SipRequest, origin: Origin, answer: Answer) -> None:
        headers = SipHeaders((("Contact", self.contact),))
        answer(SipResponse(200, "OK", headers))
        self.came.put_nowait((request, origin))

    def acknowledged(self, ack: SipRequest) -> None:
        self.acknowledged_calls.put_nowait(ack.headers.first("Call-ID"))

    def unacknowledged(self, invite: SipRequest, response: SipResponse) -> None:
        raise AssertionError("no ACK came")

    def cancelled(self, invite: SipRequest) -> None:
        raise AssertionError("nobody cancels here")


@dataclass
class Ends:
    """A core with a client, who has registered, and a gateway, who has heard of it."""

    core: Kamailio
    client: SipCoreBearer
    gateway: SipCoreBearer
    user_agent: Server
    application_server: Server
    registered: SipResponse


def request(
    method: str, uri: str, caller: str, *fields: tuple[str, str], body: bytes = b""
) -> SipRequest:
    number = next(NUMBERS)
    addresses = (("From", f"<{caller}>;tag=t{number}"), ("To", f"<{uri}>"))
    named = (("Call-ID", f"{number}@omapush"), ("CSeq", f"{number} {method}"))
    return SipRequest(method, uri, SipHeaders((*addresses, *named, *fields)), body)


def push(*fields: tuple[str, str], uri: str = ALICE, body: bytes = b"push") -> SipRequest:
    asserted = ("P-Asserted-Identity", f"<{GATEWAY}>")
    form = ("Content-Type", "application/vnd.oma.push")
    return request("MESSAGE", uri, GATEWAY, asserted, form, *fields, body=body)


async def register(end: SipCoreBearer) -> SipResponse:
    """Register as the user agent does: without credentials, then with them."""
    contact = f'<sip:alice@{end.contact()}>;+sip.instance="<{DEVICE}>";'
    tags = '+g.oma.pusheventapp="mms.ua,ulp.ua"'
    fields = (("Contact", contact + tags), ("Supported", "path, gruu"), ("Expires", "60"))
    first = request("REGISTER", f"sip:{DOMAIN}", ALICE, *fields)
    first = first.with_headers(first.headers.replaced("To", f"<{ALICE}>"))
    digest = DigestClient("alice", USERS["alice"], lambda: f"cnonce{next(NUMBERS)}")
    challenge = await end.send(first)
    assert challenge.status == 401
    answered = digest.answer(first, challenge)
    assert answered is not None
    again = answered.headers.replaced("CSeq", f"{next(NUMBERS)} REGISTER")
    return await end.send(answered.with_headers(again))


@contextlib.asynccontextmanager
async def started(settings: TransportSettings) -> AsyncIterator[tuple[SipCoreBearer, Server]]:
    end = SipCoreBearer(settings, SystemClock())
    end.serve(server := Server())
    await end.open()
    server.contact = f"<sip:{end.contact()};transport={settings.core.transport.value.lower()}>"
    try:
        yield end, server
    finally:
        await end.close("the test is over")


@contextlib.asynccontextmanager
async def ends(transport: Transport, folder: Path, *, sha256: bool = False) -> AsyncIterator[Ends]:
    authority = Authority(folder) if transport is Transport.TLS else None
    port = free_sip_port()
    suffix = "" if transport is Transport.UDP else f";transport={transport.value.lower()}"
    with Kamailio(
        ppg=f"sip:{HOST}:{port}{suffix}", auth=True, sha256=sha256, tls=authority
    ) as core:
        is_tls = authority is not None
        towards_user = Hop(transport, HOST, core.tls_port if is_tls else core.port)
        towards_gateway = Hop(transport, HOST, core.isc_tls_port if is_tls else core.isc_port)
        dialling = _dialling(authority)
        at_gateway = TransportSettings(
            towards_gateway,
            (Listen(transport, HOST, port),),
            dialling_tls=dialling,
            listening_tls=_listening(authority),
            trust=SipTrust(names=(HOST,)),
        )
        at_user = TransportSettings(towards_user, dialling_tls=dialling)
        async with started(at_gateway) as (gateway, server), started(at_user) as (client, agent):
            await client.open_flow(Flow())
            agent.contact = f"<sip:alice@{client.contact()}{suffix}>"
            registered = await register(client)
            yield Ends(core, client, gateway, agent, server, registered)


class Flow:
    """A flow that is not to end."""

    def lost(self, reason: str) -> None:
        raise AssertionError(reason)


def _dialling(authority: Authority | None) -> ssl.SSLContext | None:
    if authority is None:
        return None
    authority.sign("gateway", f"IP:{HOST}")
    context = ssl.create_default_context(cafile=authority.folder / "ca.pem")
    context.load_cert_chain(authority.folder / "gateway.pem", authority.folder / "gateway.key")
    return context


def _listening(authority: Authority | None) -> ssl.SSLContext | None:
    if authority is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.folder / "gateway.pem", authority.folder / "gateway.key")
    context.load_verify_locations(authority.folder / "ca.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


@pytest.mark.parametrize("transport", list(Transport))
async def test_push_goes_through_core_to_registered_client(
    transport: Transport, tmp_path: Path
) -> None:
    async with ends(transport, tmp_path) as at:
        assert at.registered.status == 200
        assert f"gr={DEVICE}" in (at.registered.headers.first("Contact") or "")
        assert at.registered.headers.first("Service-Route")
        told, origin = await at.application_server.came.get()
        assert (told.method, told.uri) == ("REGISTER", GATEWAY)
        assert b'+g.oma.pusheventapp="mms.ua,ulp.ua"' in told.body
        assert origin.is_trusted
        assert origin.hop.transport is transport

        body = bytes(range(256))
        responses = [
            await at.gateway.send(push(WANTED, body=body)),
            await at.gateway.send(push(uri=f"{ALICE};gr={DEVICE}", body=body)),
        ]

        assert [one.status for one in responses] == [200, 200]
        for _ in responses:
            message, origin = await at.user_agent.came.get()
            assert message.body == body
            assert message.headers.first("P-Asserted-Identity") == f"<{GATEWAY}>"
            assert origin.is_trusted


async def test_client_proves_itself_by_sha256(tmp_path: Path) -> None:
    async with ends(Transport.UDP, tmp_path, sha256=True) as at:
        assert at.registered.status == 200


async def test_long_message_goes_by_tcp_though_both_ends_use_udp(tmp_path: Path) -> None:
    async with ends(Transport.UDP, tmp_path) as at:
        body = bytes(3_400)

        response = await at.gateway.send(push(body=body))

        assert response.status == 200
        message, origin = await at.user_agent.came.get()
        assert message.body == body
        assert origin.hop.transport is Transport.TCP
        hops = [one.partition(" ")[0] for one in message.headers.listed("Via")]
        assert hops == ["SIP/2.0/TCP", "SIP/2.0/TCP"]


async def test_core_says_who_is_not_registered(tmp_path: Path) -> None:
    async with ends(Transport.TCP, tmp_path) as at:
        refused = await at.gateway.send(push(uri=f"sip:bob@{DOMAIN}"))

        assert refused.status == 480


@pytest.mark.parametrize("transport", list(Transport))
async def test_dialog_is_made_and_ended_through_core(transport: Transport, tmp_path: Path) -> None:
    async with ends(transport, tmp_path) as at:
        contact = ("Contact", at.application_server.contact)
        invite = request("INVITE", ALICE, GATEWAY, contact)

        response = await at.gateway.invite(invite)
        dialog = Dialog.of_response(invite, response)
        at.gateway.acknowledge(dialog.acknowledge(invite))
        assert await at.user_agent.acknowledged_calls.get() == dialog.call_id
        bye = await at.gateway.send(dialog.request("BYE"))

        assert bye.status == 200
        arrived = [(await at.user_agent.came.get())[0].method for _ in range(2)]
        assert arrived == ["INVITE", "BYE"]


async def test_client_comes_back_by_new_flow_when_core_was_restarted(tmp_path: Path) -> None:
    async with ends(Transport.TCP, tmp_path) as at:
        lost = LostFlow()
        await at.client.open_flow(lost)
        assert (await at.gateway.send(push())).status == 200

        at.core.restart()
        assert await lost.reasons.get()
        assert (await at.gateway.send(push())).status == 480
        await at.client.open_flow(lost)
        at.user_agent.contact = f"<sip:alice@{at.client.contact()};transport=tcp>"
        assert (await register(at.client)).status == 200

        assert (await at.gateway.send(push())).status == 200
        assert lost.reasons.empty()


class LostFlow:
    """A flow that ends."""

    def __init__(self) -> None:
        self.reasons: asyncio.Queue[str] = asyncio.Queue()

    def lost(self, reason: str) -> None:
        self.reasons.put_nowait(reason)
