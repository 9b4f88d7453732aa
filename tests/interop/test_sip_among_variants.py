"""OTA-SIP beside the other variants of Push OTA: one phone that is reached by each of them.

The gateway has a client for each way to the same phone, so the initiator chooses by the address.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from omapush.content.recipes import messages
from omapush.core.instants import SECOND_MS, later, parse_utc
from omapush.pap.codes import MessageState
from omapush.pap.model import DeliveryMethod
from omapush.testing.daemons import free_port, free_udp_port
from omapush.testing.sip_stage import Phone, PhoneApplication, SipStage, sip_stage

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("sip_peers"),
    pytest.mark.xdist_group("sip-among-variants"),
]

STOCKS, BROWSER = "x-acme:stock-quotes", "x-wap-application:wml.ua"
WAYS = {
    "OTA-SIP": "sip:alice@push.test",
    "OTA-HTTP": "WAPPUSH=by-http/TYPE=USER@ppg.example.net",
    "OTA-WSP": "WAPPUSH=by-wsp/TYPE=USER@ppg.example.net",
}
CREATED = parse_utc("2026-11-21T12:00:00Z")

Told = tuple[MessageState, int, DeliveryMethod | None]


@dataclass
class Ground:
    stage: SipStage
    phone: Phone

    async def told(self, push_id: str) -> Told:
        """Wait for what the initiator hears."""
        result = await self.stage.result(push_id)
        used = result.quality_of_service
        return (result.message_state, result.code, None if used is None else used.delivery_method)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(
    sip_peers: None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ground]:
    http, sessions = free_port(), free_udp_port()
    folder = tmp_path_factory.mktemp("variants")
    more = (
        f'[ota_wsp]\nudp_from = "127.0.0.1:{free_udp_port()}"\n'
        f'[push_sessions]\nlisten = "127.0.0.1:{sessions}"\n'
        f'[[clients]]\nid = "by-http"\naddresses = ["{WAYS["OTA-HTTP"]}"]\n'
        f'ota_http = "127.0.0.1:{http}"\n'
        f'[[clients]]\nid = "by-wsp"\naddresses = ["{WAYS["OTA-WSP"]}"]\n'
        'ota_wsp_session = "127.0.0.1"\n'
    )
    others = (
        f'ota_wsp.session_with = ["127.0.0.1:{sessions}"]',
        "built_in.enabled = true",
        f'inbox.path = "{folder}/inbox.db"',
    )
    async with sip_stage(folder, more=more) as stage:
        yield Ground(stage, await stage.phone("alice", http_port=http, others=others))


async def application_of(ground: Ground) -> PhoneApplication:
    return await ground.phone.application(STOCKS, "text/plain")


# -- REQ3 --


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        (DeliveryMethod.CONFIRMED, (MessageState.DELIVERED, 1000, DeliveryMethod.CONFIRMED)),
        (DeliveryMethod.UNCONFIRMED, (MessageState.DELIVERED, 1000, DeliveryMethod.UNCONFIRMED)),
        (DeliveryMethod.PREFERCONFIRMED, (MessageState.DELIVERED, 1000, DeliveryMethod.CONFIRMED)),
    ],
)
async def test_same_submission_has_the_same_result_whatever_carries_it(
    ground: Ground, method: DeliveryMethod, wanted: Told
) -> None:
    """REQ3."""
    application = await application_of(ground)
    for variant, address in WAYS.items():
        push_id = await ground.stage.push(address, b"17.25", "text/plain", STOCKS, method=method)
        event, content = await application.next_push()
        await application.cai.accept(event["id"])
        assert (event["protocol"], content) == (variant, b"17.25")
        assert (event["push_application_id"], event["content_type"]) == (STOCKS, "text/plain")
        assert await ground.told(push_id) == wanted
    await application.cai.deregister(application.registration["id"])


async def test_refusal_of_the_application_has_the_same_result_whatever_carried_the_push(
    ground: Ground,
) -> None:
    """REQ3."""
    application = await application_of(ground)
    wanted = (MessageState.ABORTED, 5235, DeliveryMethod.CONFIRMED)
    for address in WAYS.values():
        push_id = await ground.stage.push(address, b"17.25", "text/plain", STOCKS)
        await application.refuses()
        assert await ground.told(push_id) == wanted
    await application.cai.deregister(application.registration["id"])


async def test_content_that_the_phone_does_not_take_has_the_same_result_whatever_the_way(
    ground: Ground,
) -> None:
    """REQ3: what the phone takes is known by each variant's own means."""
    application = await application_of(ground)
    for address in WAYS.values():
        push_id = await ground.stage.push(address, b"RIFF", "video/avi", STOCKS)
        assert (await ground.told(push_id))[:2] == (MessageState.UNDELIVERABLE, 2006)
    await application.cai.deregister(application.registration["id"])


# -- REQ16 --


async def test_indication_is_replaced_by_a_newer_one_whatever_carries_them(
    ground: Ground,
) -> None:
    """REQ16: si-id and created are what counts (WAP-167)."""
    one = await ground.phone.application("x-acme:reader")
    expected = [
        ("OTA-SIP", 10, "ten", {"ten"}),
        ("OTA-HTTP", 20, "twenty", {"twenty"}),
        ("OTA-SIP", 15, "late", {"twenty"}),  # older than what is there
        ("OTA-WSP", 30, "thirty", {"thirty"}),
        ("OTA-SIP", 40, "forty", {"forty"}),
    ]
    for variant, seconds, text, inbox in expected:
        message = messages.service_indication(
            text, "http://push.test/mail", si_id="mail@push.test",
            created=later(CREATED, seconds * SECOND_MS),
        )  # fmt: skip
        push_id = await ground.stage.push(
            WAYS[variant], message.body, message.content_type or "", BROWSER
        )
        assert (await ground.told(push_id))[:2] == (MessageState.DELIVERED, 1000), variant
        assert {entry["text"] for entry in await one.cai.inbox()} == inbox
