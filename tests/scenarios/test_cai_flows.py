"""The flows of the Push Architecture with real daemons: appendix B, and C.1 to C.3.

A gateway, its SMSC, a client with a modem, an application at the client's service access point, and
an initiator who wants to know how pushes end. The steps are numbered as the architecture has them.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omapush.client.service_client import ServiceClient, ServicePointError
from omapush.client.service_messages import Event
from omapush.content.application_id import ApplicationId
from omapush.content.session_initiation import (
    APPLICATION,
    CONTENT_TYPE,
    SessionInitiation,
    decode,
)
from omapush.initiator import NotificationReceiver, PushInitiator, serve
from omapush.ota.wsp.unit_push import decode_unit_push
from omapush.pap.codes import MessageState
from omapush.pap.model import DeliveryMethod, ResultNotificationMessage
from omapush.protocols.sms.user_data_header import split
from omapush.protocols.wdp import AddressType
from omapush.testing.daemons import Daemon, free_port, running
from omapush.testing.smsc_simulator import SmscSimulator

PATIENCE_SECONDS = 30
PHONE = "+358401234567"
BAR = "x-wap-application:mms.ua"
MMS_TYPE = "application/vnd.wap.mms-message"
BODY = b"\x8c\x82notification"


class Ground:
    """Everybody who takes part.

    :ivar application: the application Bar's connection to its client.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pap = free_port()
        self.smsc = SmscSimulator(passwords={"omapush": "s3cret"})
        self.receiver = NotificationReceiver()
        self.notify_to = ""
        self.terminal = free_port()
        self.sessions = free_port()
        self.application = ServiceClient(folder / "cai.sock")
        self.initiator = PushInitiator(f"http://127.0.0.1:{self.pap}/pap")

    def gateway(self, way: str) -> Daemon:
        """Return the gateway, which knows the phone by ``way``."""
        settings = self.folder / "ppg.toml"
        settings.write_text(
            f'[pap]\nlisten = "127.0.0.1:{self.pap}"\nanonymous_from = ["127.0.0.1/32"]\n'
            f'[admin]\nlisten = "127.0.0.1:0"\n'
            f'[store]\nurl = "sqlite:///{self.folder}/omapush.db"\n'
            "[delivery]\nretry_first_seconds = 0.1\nretry_longest_seconds = 0.3\n"
            f'[push_sessions]\nlisten = "127.0.0.1:{self.sessions}"\nask_again_seconds = 1\n'
            f'[[smsc]]\nname = "main"\nendpoint = "127.0.0.1:{self.smsc.port}"\n'
            'system_id = "omapush"\npassword = "s3cret"\nsource = "12345"\n'
            "reconnect_first_seconds = 0.05\nreconnect_longest_seconds = 0.2\n"
            f'[[clients]]\nid = "foo"\naddresses = ["{PHONE}"]\n{way}\n'
        )
        return Daemon("ppg", settings, port=self.pap)

    def client(self, line_port: int, more: str = "") -> Daemon:
        """Return the client Foo, whose modem is at the SMSC's line port."""
        settings = self.folder / "client.toml"
        settings.write_text(
            f'ota_http.listen = "127.0.0.1:{self.terminal}"\n'
            f'cai.socket = "{self.folder}/cai.sock"\n'
            f'store.path = "{self.folder}/client.db"\n'
            f'modem.kind = "line"\nmodem.address = "127.0.0.1:{line_port}"\n'
            f'modem.path = "{self.folder}/messages.db"\n{more}'
        )
        return Daemon("client", settings, path=self.folder / "cai.sock")

    @contextlib.asynccontextmanager
    async def at_work(self, way: str, more: str = "") -> AsyncIterator[Daemon]:
        """Start everybody; give the client."""
        await self.smsc.start()
        line_port = await self.smsc.phones.listen("127.0.0.1", 0)
        gateway, client = self.gateway(way), self.client(line_port, more)
        try:
            async with (
                serve(self.receiver) as self.notify_to,
                running(gateway),
                running(client),
                self.application,
                self.initiator,
            ):
                yield client
        finally:
            self.smsc.phones.close()
            await self.smsc.close()
        assert "Traceback" not in gateway.log + client.log

    async def push(
        self, method: DeliveryMethod, body: bytes = BODY, content_type: str = MMS_TYPE
    ) -> str:
        """Submit a push for Bar, with a result notification wanted; return its id."""
        submitted = await self.initiator.submit(
            [PHONE], BAR, body, content_type, delivery_method=method, notify_to=self.notify_to
        )
        assert submitted.code == 1001
        return submitted.push_id

    async def asked_for_session(self, times: int = 1) -> SessionInitiation:
        """Wait until the gateway has asked the phone for a session so often; return the request."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.smsc.until(lambda smsc: len(smsc.messages) >= times)
        (user_data,) = self.smsc.messages[-1].user_data()
        _, octets = split(user_data)
        push = decode_unit_push(octets)
        assert push.message.media_type == CONTENT_TYPE
        assert ApplicationId.of(push.message).canonical == APPLICATION
        return decode(push.message.body)

    async def register_bar(self) -> str:
        """Register the application; return the id of its registration."""
        registration = await self.application.register({"push_application_id": BAR})
        assert registration["state"] == "registered"
        return registration["id"]

    async def next_event(self, registration_id: str) -> Event:
        """Return the next push that Bar gets."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            event = await self.application.next_event(registration_id)
        assert event is not None
        return event

    def ending(self, push_id: str) -> asyncio.Future[ResultNotificationMessage]:
        """Return what the initiator is told in the end."""
        return asyncio.ensure_future(self.receiver.wait_for(push_id, PATIENCE_SECONDS))

    async def state_of(self, push_id: str) -> MessageState:
        """Return what the gateway says of a push that the initiator asks about."""
        (result,) = (await self.initiator.status(push_id)).results
        return result.message_state


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


BY_SMS_AND_SESSION = f'ota_wsp_sms = "{PHONE}"\ncontacts = [{{ota_wsp_session = "127.0.0.1"}}]'
SIA = 'sia.gateways = ["127.0.0.1"]\n'


@pytest.mark.parametrize("accepts", [True, False])
async def test_b_confirmed_push_to_device_that_is_not_known_yet(
    ground: Ground, accepts: bool
) -> None:
    """B-1 to B-10; B-11, where the application refuses.

    The request names a contact point for OTA-WSP only; one for OTA-HTTP comes with that variant.
    """
    async with ground.at_work(BY_SMS_AND_SESSION, SIA) as client:
        bar = await ground.register_bar()
        push_id = await ground.push(DeliveryMethod.CONFIRMED)  # B-1
        ending = ground.ending(push_id)
        assert await ground.state_of(push_id) is MessageState.PENDING  # B-2
        request = await ground.asked_for_session()  # B-3, B-4
        assert [one.canonical for one in request.application_ids] == [BAR]
        assert request.wsp_contact_points == (AddressType.of_ip("127.0.0.1", ground.sessions),)
        event = await ground.next_event(bar)  # B-5 to B-9
        assert (event["bearer"], event["confirmed"]) == ("WSP session", True)
        assert base64.b64decode(event["content_b64"]) == BODY
        assert not ending.done()
        if accepts:
            await ground.application.accept(event["id"])
        else:
            await ground.application.reject(event["id"], "refused", "no room for pictures")
        told = await ending
    assert "session_initiation" in client.log
    if accepts:  # B-10
        assert told.message_state is MessageState.DELIVERED
        assert told.code == 1000
    else:  # B-11
        assert told.message_state is MessageState.ABORTED
        assert told.code == 5235


async def test_b5_no_session_is_opened_for_application_that_is_not_there(ground: Ground) -> None:
    """B-5: nothing is sent; as soon as the application is there, the next request is followed."""
    async with ground.at_work(BY_SMS_AND_SESSION, SIA + "sia.lockout_seconds = 1\n") as client:
        other = await ground.application.register({"push_application_id": "vnd.acme.test:other"})
        assert other["state"] == "registered"
        push_id = await ground.push(DeliveryMethod.CONFIRMED)
        ending = ground.ending(push_id)
        await ground.asked_for_session(2)
        assert "push_session_opened" not in client.log
        assert await ground.state_of(push_id) is MessageState.PENDING
        bar = await ground.register_bar()
        await ground.application.accept((await ground.next_event(bar))["id"])
        assert (await ending).message_state is MessageState.DELIVERED


async def test_c1_and_c2_gateway_follows_registrations(ground: Ground) -> None:
    """C1-1 to C1-4 and C2-1 to C2-4, by OTA-HTTP: what is registered is what is delivered."""
    async with ground.at_work(f'ota_http = "127.0.0.1:{ground.terminal}"'):
        cai = ground.application
        first = await cai.register({"push_application_id": BAR}, wait_seconds=0)  # C1-1
        assert first["state"] == "pending"  # C1-2
        assert (await cai.registration(first["id"], PATIENCE_SECONDS))["state"] == "registered"
        push_id = await ground.push(DeliveryMethod.CONFIRMED)
        await cai.accept((await ground.next_event(first["id"]))["id"])
        assert (await ground.ending(push_id)).message_state is MessageState.DELIVERED  # C1-3

        # An update: the gateway learns that the type is not wanted any more.
        again = await cai.register({"push_application_id": BAR, "accept": ["text/plain"]})
        assert again["id"] == first["id"]
        refused = await ground.ending(await ground.push(DeliveryMethod.CONFIRMED))
        assert refused.message_state is not MessageState.DELIVERED
        push_id = await ground.push(DeliveryMethod.CONFIRMED, b"hello", "text/plain")
        await cai.accept((await ground.next_event(first["id"]))["id"])
        assert (await ground.ending(push_id)).message_state is MessageState.DELIVERED

        ended = await cai.deregister(first["id"], PATIENCE_SECONDS)  # C2-1 to C2-4
        assert ended["state"] == "deregistered"
        with pytest.raises(ServicePointError) as caught:
            await cai.next_event(first["id"], 0)
        assert caught.value.cause == "not_registered"
        refused = await ground.ending(await ground.push(DeliveryMethod.CONFIRMED))
        assert refused.message_state is not MessageState.DELIVERED


async def test_c3_confirmed_push_reaches_application_before_it_is_confirmed(
    ground: Ground,
) -> None:
    """C3-1 to C3-8, in the order 8, 6, 7."""
    async with ground.at_work(f'ota_http = "127.0.0.1:{ground.terminal}"'):
        bar = await ground.register_bar()
        push_id = await ground.push(DeliveryMethod.CONFIRMED)  # C3-1 to C3-3
        ending = ground.ending(push_id)
        event = await ground.next_event(bar)  # C3-4, C3-5, C3-8
        assert (event["protocol"], event["confirmed"]) == ("OTA-HTTP", True)
        assert await ground.state_of(push_id) is MessageState.PENDING
        assert not ending.done()
        await ground.application.accept(event["id"])  # C3-6
        assert (await ending).message_state is MessageState.DELIVERED  # C3-7


async def test_c3_unconfirmed_push_is_reported_though_nobody_has_fetched_it(
    ground: Ground,
) -> None:
    """C3-1 to C3-8, with 7 before 8: the SMSC's receipt is all that there is."""
    async with ground.at_work(f'ota_wsp_sms = "{PHONE}"'):
        bar = await ground.register_bar()
        push_id = await ground.push(DeliveryMethod.UNCONFIRMED)
        assert (await ground.ending(push_id)).message_state is MessageState.DELIVERED  # C3-7
        event = await ground.next_event(bar)  # C3-8
        assert (event["bearer"], event["confirmed"]) == ("SMS", False)
        await ground.application.accept(event["id"])
