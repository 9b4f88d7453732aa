"""Quality of service of PAP, from the submission to the requests of SIP (OTA-SIP 8, REQ14, REQ15).

One table: what the initiator wants, how long the push is and what the device allows say how it
goes, and with what quality of service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import HOUR_MS
from omapush.ota.interface import OutcomeKind
from omapush.pap import entity, model, xml
from omapush.pap.codes import StatusCode
from omapush.pap.model import DeliveryMethod, Priority, QualityOfService
from omapush.pap.versions import PapVersion
from omapush.ppg.acceptance import Acceptance, PapRequest
from omapush.ppg.authentication import Identified
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, SipContact
from omapush.ppg.recipients import Recipients
from omapush.ppg.sip.media_arrivals import MediaArrivals
from omapush.ppg.sip.media_push import MediaPush, MediaSettings
from omapush.ppg.store.contract import ClaimedDelivery
from omapush.ppg.transform import Unfit
from omapush.protocols.msrp.session import MsrpSettings
from omapush.testing.media_wire import MediaDevice
from omapush.testing.memory_store import MemoryStore
from omapush.testing.sip_gateway_world import ALICE, SipGatewayWorld

ADDRESS = 'WAPPUSH="sip%3Aalice%40push.test"/TYPE=URI@ppg.example.net'
SHORT, LONG = 20, 5_000
NewAcceptance = Callable[..., Acceptance]
METHOD = DeliveryMethod


@dataclass(frozen=True)
class Row:
    """A row of the table.

    :ivar wanted: ``None``: the submission has no quality of service. :ivar allow: of the device.
    :ivar carried: the methods that the device saw.
    """

    wanted: DeliveryMethod | None
    size: int
    carried: str
    is_confirmed: bool
    allow: str = "MESSAGE, INVITE"


TABLE = [
    Row(METHOD.UNCONFIRMED, SHORT, "MESSAGE", is_confirmed=False),
    Row(METHOD.UNCONFIRMED, LONG, "INVITE", is_confirmed=False),
    Row(METHOD.CONFIRMED, SHORT, "MESSAGE", is_confirmed=True),
    Row(METHOD.CONFIRMED, LONG, "INVITE", is_confirmed=True),
    Row(METHOD.PREFERCONFIRMED, SHORT, "MESSAGE", is_confirmed=True),
    Row(METHOD.PREFERCONFIRMED, LONG, "INVITE", is_confirmed=True),
    # "As you like" is confirmed: every device of OTA-SIP can, and the initiator knows more.
    Row(METHOD.NOTSPECIFIED, SHORT, "MESSAGE", is_confirmed=True),
    Row(METHOD.NOTSPECIFIED, LONG, "INVITE", is_confirmed=True),
    Row(None, SHORT, "MESSAGE", is_confirmed=True),
    Row(None, LONG, "INVITE", is_confirmed=True),
    Row(METHOD.CONFIRMED, SHORT, "INVITE", is_confirmed=True, allow="INVITE"),
    Row(METHOD.UNCONFIRMED, SHORT, "INVITE", is_confirmed=False, allow="INVITE"),
    Row(METHOD.CONFIRMED, SHORT, "MESSAGE", is_confirmed=True, allow="MESSAGE"),
    Row(METHOD.CONFIRMED, LONG, "", is_confirmed=True, allow="MESSAGE"),
    Row(METHOD.UNCONFIRMED, LONG, "", is_confirmed=False, allow="MESSAGE"),
]


@pytest.fixture
def recipients() -> Recipients:
    """Return alice, whom the core leads to: in place of the clients of other variants."""
    return Recipients([Client("alice", (), (Contact(SipContact(ALICE)),))])


async def accepted(
    acceptance: Acceptance, store: MemoryStore, size: int, wish: QualityOfService | None
) -> ClaimedDelivery:
    """Submit a push over PAP, and claim it."""
    message = model.PushMessage("a@pi", (model.Address(ADDRESS),), wish)
    headers = (("Content-Type", "text/plain"), ("X-Wap-Application-Id", "x-wap-application:mms.ua"))
    document = xml.encode(model.Pap(message, PapVersion(2, 0)))
    content_type, body = entity.join(document, PushMessage(headers, b"x" * size))
    initiator = Identified("weather", authenticated=True)
    found = await acceptance.answer(PapRequest(content_type, body, initiator, "192.0.2.9"))
    assert found.code == StatusCode.ACCEPTED_FOR_PROCESSING
    record = await store.push("a@pi")
    assert record is not None
    [claimed] = await store.claim("ppg-1/a", record.received_at, HOUR_MS, 1, 1)
    return claimed


def device_of(world: SipGatewayWorld) -> MediaDevice:
    """Let a device take pushes by MSRP too."""
    arrivals = MediaArrivals(MsrpSettings(), world.line.new_token)
    device = MediaDevice(arrivals, world.clock)
    world.media = MediaPush(world.line, device, arrivals, MediaSettings("192.0.2.1", 2855))
    world.device.when_invited = device.invited
    world.serve()
    return device


@pytest.mark.parametrize("row", TABLE, ids=str)
async def test_delivery_method_size_and_device_say_how_a_push_goes(
    new_acceptance: NewAcceptance, store: MemoryStore, world: SipGatewayWorld, row: Row
) -> None:
    device = device_of(world)
    world.core.tells_gateway = False  # so that the device is asked, and tells what it allows
    world.device.told = (("Accept", "*/*"), ("Allow", row.allow))
    await world.register()
    wish = None if row.wanted is None else QualityOfService(delivery_method=row.wanted)
    claimed = await accepted(new_acceptance(), store, row.size, wish)
    assert claimed.confirmed == row.is_confirmed
    passage = await world.reach().passage(claimed, claimed.message)
    if not row.carried:
        assert isinstance(passage, Unfit)
        assert passage.code == StatusCode.SPECIFIED_DELIVERY_METHOD_NOT_POSSIBLE
        return
    assert not isinstance(passage, Unfit)
    outcome = await passage.push()
    assert outcome.kind is OutcomeKind.DONE
    [request] = [one for one in world.core.requests if one.method in ("MESSAGE", "INVITE")]
    assert request.method == row.carried
    # One copy is enough where somebody is to confirm it; else all devices may have it.
    disposition = "no-fork" if row.is_confirmed else None
    assert request.headers.first("Request-Disposition") == disposition
    if row.carried == "INVITE":
        for _ in range(1_000):
            if device.taken:
                break
            await _turn()
        [message] = device.taken
        assert message.success_report == row.is_confirmed


@pytest.mark.parametrize(
    ("priority", "written"),
    [(Priority.HIGH, "urgent"), (Priority.MEDIUM, None), (Priority.LOW, "non-urgent")],
)
@pytest.mark.parametrize("size", [SHORT, LONG])
async def test_priority_is_that_of_the_request(
    new_acceptance: NewAcceptance,
    store: MemoryStore,
    world: SipGatewayWorld,
    priority: Priority,
    written: str | None,
    size: int,
) -> None:
    """RFC 3261 20.26; normal is what is not written."""
    device_of(world)
    await world.register()
    wish = QualityOfService(priority)
    claimed = await accepted(new_acceptance(), store, size, wish)
    assert (await world.pushed(world.reach(), claimed)).kind is OutcomeKind.DONE
    [request] = [one for one in world.core.requests if one.method in ("MESSAGE", "INVITE")]
    assert request.headers.first("Priority") == written


async def _turn() -> None:
    await asyncio.sleep(0)
