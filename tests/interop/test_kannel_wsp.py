"""Kannel's gateway and our client over UDP; Kannel's WAP client and our gateway."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from omapush.client.service_client import ServiceClient
from omapush.content import session_initiation
from omapush.content.indication.service_indication import ServiceIndication
from omapush.initiator import PushInitiator
from omapush.ota.wsp.unit_push import decode_unit_push
from omapush.pap.model import DeliveryMethod
from omapush.testing.daemons import Daemon, free_port, running
from omapush.testing.kannel import (
    PASSWORD,
    PUSH_PORT,
    SESSION_PORT,
    USERNAME,
    Kannel,
    KannelMissing,
    prepare,
    running_kannel,
    wdp_addresses,
)

# One Kannel at a time is enough.
pytestmark = pytest.mark.xdist_group("kannel-wsp")

PATIENCE_SECONDS = 30
ATTEMPTS = 10
FAKEWAP = Path("/usr/lib/kannel/test/fakewap")

MMS_UA = "x-wap-application:mms.ua"
WML_UA = "x-wap-application:wml.ua"
MMS_TYPE = "application/vnd.wap.mms-message"
MMS = bytes.fromhex("8c82985431323334353637008d90")
SI = (
    b'<?xml version="1.0"?><!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" '
    b'"http://www.wapforum.org/DTD/si.dtd"><si><indication href="http://www.xyz.com/" '
    b'si-id="a@xyz.com">hello</indication></si>'
)

# What Kannel writes in its log.
CONFIRMED = "PPG: handle_internal_event: push confirmation from OTA"
# Its layers above do not always survive the abort of a push.
ABORTED = "state INITIATOR_RESULT_WAIT, event RcvAbort"
DISCONNECTED = "Destroying WSPMachine"
GAVE_UP = "PPG: destroying PPGSEssionMachine"


def missing(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(f"{reason} (make setup does)")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - what another process writes
            await asyncio.sleep(0.02)


class Phone:
    """A client of Kannel with an address of its own."""

    def __init__(self, folder: Path, kannel: Kannel, address: str) -> None:
        self.folder = folder
        self.kannel = kannel
        self.address = address
        self.cai = folder / "cai.sock"

    def client(self, *, holds_session: bool = False) -> Daemon:
        """Return our client for this address; Kannel may ask it for a session.

        :param holds_session: it opens one unasked.
        """
        kannel = self.kannel.address
        held = f'session_with = ["{kannel}:{SESSION_PORT}"]\n' if holds_session else ""
        settings = self.folder / "client.toml"
        settings.write_text(
            f'[ota_http]\nlisten = "127.0.0.1:{free_port()}"\n'
            f'[ota_wsp]\nudp_listen = "{self.address}:{PUSH_PORT}"\n'
            f'session_from = "{self.address}"\n{held}'
            f'[sia]\ngateways = ["{kannel}/32"]\n'
            f'[cai]\nsocket = "{self.cai}"\n'
            f'[store]\npath = "{self.folder}/client.db"\n'
        )
        return Daemon("client", settings, path=self.cai)

    async def push(
        self, application: str, body: bytes, content_type: str, method: DeliveryMethod
    ) -> None:
        """Have our initiator submit to Kannel a push to this phone."""
        ppg = f"http://127.0.0.1:{self.kannel.ppg_port}/wappush"
        async with PushInitiator(ppg, username=USERNAME, password=PASSWORD) as initiator:
            taken = await initiator.submit(
                [f"WAPPUSH={self.address}/TYPE=IPv4@ppg.example.net"],
                application, body, content_type, delivery_method=method,
            )  # fmt: skip
        assert (taken.code, taken.accepted) == (1001, True)

    async def push_mms(self, method: DeliveryMethod) -> None:
        await self.push(MMS_UA, MMS, MMS_TYPE, method)


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Phone]:
    """A client of a Kannel that no other test has used: what it has met before confuses it."""
    address, client = wdp_addresses(2)
    try:
        peer = prepare(tmp_path, [free_port() for _ in range(5)], address)
    except KannelMissing as error:
        missing(str(error))
        raise
    with running_kannel(peer):
        yield Phone(tmp_path, peer, client)


async def next_event(cai: ServiceClient, registration_id: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for event in cai.events(registration_id):
            await cai.accept(event["id"])
            return event
    raise AssertionError("no more events")


async def test_kannels_connectionless_push_reaches_the_application(phone: Phone) -> None:
    async with running(phone.client()) as client, ServiceClient(phone.cai) as cai:
        registration = await cai.register({"push_application_id": MMS_UA})
        await phone.push_mms(DeliveryMethod.UNCONFIRMED)
        event = await next_event(cai, registration["id"])
        assert await cai.content(event) == MMS
    assert (event["protocol"], event["bearer"]) == ("OTA-WSP", "UDP")
    assert event["source"] == phone.kannel.address
    headers = dict(event["headers"])
    assert headers["Content-Type"] == MMS_TYPE
    assert headers["X-Wap-Application-Id"] == "4"
    assert headers["Content-Length"] == str(len(MMS))
    assert headers["Encoding-Version"] == "1.3"
    assert "push_malformed" not in client.log


async def test_service_indication_that_kannel_compiled_reaches_the_application(
    phone: Phone,
) -> None:
    async with running(phone.client()), ServiceClient(phone.cai) as cai:
        registration = await cai.register({"push_application_id": WML_UA})
        await phone.push(WML_UA, SI, "text/vnd.wap.si", DeliveryMethod.UNCONFIRMED)
        event = await next_event(cai, registration["id"])
        content = await cai.content(event)
    # Kannel leaves the application out, as that is the one that stands for none.
    assert "X-Wap-Application-Id" not in dict(event["headers"])
    assert event["push_application_id"] == WML_UA
    assert event["content_type"] == "application/vnd.wap.sic"
    read = ServiceIndication.from_wbxml(content)
    assert (read.href, read.si_id, read.text) == ("http://www.xyz.com/", "a@xyz.com", "hello")


async def test_kannels_session_request_is_understood(phone: Phone) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind((phone.address, PUSH_PORT))
        port.settimeout(PATIENCE_SECONDS)
        await phone.push_mms(DeliveryMethod.CONFIRMED)
        datagram, source = await asyncio.to_thread(port.recvfrom, 65_536)
    assert source[0] == phone.kannel.address
    message = decode_unit_push(datagram).message
    assert message.media_type == session_initiation.CONTENT_TYPE
    request = session_initiation.decode(message.body)
    assert [one.code for one in request.application_ids] == [4]
    (contact,) = request.wsp_contact_points
    assert (contact.text, contact.port) == (phone.kannel.address, SESSION_PORT)
    # Its writing of numbers and addresses as text is an old one.
    assert len(request.deviations) == 3


Answer = Callable[[ServiceClient, str], Awaitable[None]]


async def confirmed_push(phone: Phone, answer: Answer, then: str, *, asks: bool) -> dict[str, Any]:
    """Return the event of a confirmed push, which Kannel sends in our client's next session.

    Kannel forgets a push if its own threads meet badly at the Connect, so there are attempts.

    :param answer: gives the application's answer.
    :param then: what Kannel is to write in its log after it.
    :param asks: whether it is Kannel that asks for the session, or our client opens it unasked,
        when the push waits.
    """
    async with running(phone.client()), ServiceClient(phone.cai) as cai:
        registration = await cai.register({"push_application_id": MMS_UA})
        token = cai.token
    for _ in range(ATTEMPTS):
        known, given_up = phone.kannel.log.count(then), phone.kannel.log.count(GAVE_UP)
        client = phone.client(holds_session=not asks)
        if not asks:
            await phone.push_mms(DeliveryMethod.CONFIRMED)
        async with running(client), ServiceClient(phone.cai, token) as cai:
            if asks:
                await phone.push_mms(DeliveryMethod.CONFIRMED)
            event = await event_or_loss(phone.kannel, given_up, cai, registration["id"])
            if event is not None:
                await answer(cai, event["id"])
                await until(lambda known=known: phone.kannel.log.count(then) > known)
                return event
    pytest.fail(f"Kannel gave up every time:\n{client.log}")


async def event_or_loss(
    kannel: Kannel, given_up: int, cai: ServiceClient, registration_id: str
) -> dict[str, Any] | None:
    """Wait for a push that is in the session; ``None``: Kannel has given it up."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            lost = kannel.log.count(GAVE_UP) > given_up
            event = await cai.next_event(registration_id, wait_seconds=0.2)
            if event is not None:
                return event
            if lost:
                return None


async def test_kannel_asks_for_a_session_and_its_push_there_is_confirmed(phone: Phone) -> None:
    event = await confirmed_push(phone, ServiceClient.accept, CONFIRMED, asks=True)
    assert (event["protocol"], event["bearer"]) == ("OTA-WSP", "WSP session")
    assert event["confirmed"] is True
    assert event["content_type"] == MMS_TYPE
    assert event["source"] == phone.kannel.address
    assert dict(event["headers"])["X-Wap-Application-Id"] == "4"


async def test_kannel_understands_that_our_application_refuses(phone: Phone) -> None:
    await confirmed_push(phone, ServiceClient.reject, ABORTED, asks=False)


async def test_our_client_holds_a_session_with_kannel_and_ends_it(phone: Phone) -> None:
    client = phone.client(holds_session=True)
    ended = phone.kannel.log.count(DISCONNECTED)
    async with running(client):
        await until(lambda: "push_session_opened" in client.log)
        assert "push_session_ended" not in client.log
    await until(lambda: phone.kannel.log.count(DISCONNECTED) > ended)


class Gateway:
    """Our gateway with a port for sessions, and Kannel's client of WAP."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address, self.phone = wdp_addresses(2)

    def daemon(self) -> Daemon:
        pap = free_port()
        settings = self.folder / "ppg.toml"
        settings.write_text(
            f'[pap]\nlisten = "127.0.0.1:{pap}"\nanonymous_from = ["127.0.0.1/32"]\n'
            f'[admin]\nlisten = "127.0.0.1:{free_port()}"\n'
            f'[store]\nurl = "sqlite:///{self.folder}/omapush.db"\n'
            f'[push_sessions]\nlisten = "{self.address}:{SESSION_PORT}"\n'
            '[[clients]]\nid = "anna"\naddresses = ["+441234567890"]\n'
            f'ota_wsp_session = "{self.phone}"\n'
        )
        return Daemon("ppg", settings, port=pap)

    async def fakewap(self, *options: str) -> str:
        """Run sessions from the phone; return what the program says of them."""
        process = await asyncio.create_subprocess_exec(
            FAKEWAP, "-D", "1", "-g", self.address, "-p", str(SESSION_PORT), "-I", self.phone,
            *options, "http://www.example.com/",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=self.folder,
        )  # fmt: skip
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                told, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        assert process.returncode == 0, told.decode()
        return told.decode()


@pytest.fixture(scope="module")
def fakewap() -> None:
    if not FAKEWAP.exists():
        missing("fakewap is missing: install Debian's package kannel-extras")


@pytest.fixture
async def gateway(fakewap: None, tmp_path: Path) -> AsyncIterator[tuple[Gateway, Daemon]]:
    gateway = Gateway(tmp_path)
    async with running(gateway.daemon()) as daemon:
        yield gateway, daemon


async def test_fakewap_opens_sessions_is_answered_501_and_disconnects(
    gateway: tuple[Gateway, Daemon],
) -> None:
    ours, daemon = gateway
    posted = ours.folder / "posted"
    posted.write_bytes(b"x" * 1_250)  # its segments are of 1200; an SDU is not over 1400
    runs = {
        "of one method": (),
        "with an identifier that begins anew": ("-n",),
        "one after another": ("-m", "3", "-i", "0.05"),
        "with a body in segments": ("-P", str(posted)),
    }
    sessions = 0
    for name, options in runs.items():
        number = 3 if "-m" in options else 1
        told = await ours.fakewap(*options)
        assert told.count("Received WSP_ConnectReply") == number, name
        assert told.count("received reply with status 501") == number, name
        assert told.count("finished session") == number, name
        assert ("Sending WTP_SEGM_INVOKE" in told) == ("-P" in options)
        sessions += number
        await until(lambda sessions=sessions: daemon.log.count("push_session_ended") == sessions)
    assert daemon.log.count("push_session_opened") == sessions
    assert daemon.log.count('"reason": "DISCONNECT"') == sessions
    assert "wsp_trouble" not in daemon.log
