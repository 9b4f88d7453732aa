"""Receiving result notifications."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from omapush.initiator.listener import ListenError, serve
from omapush.initiator.notifications import MAX_BODY, NotificationReceiver
from omapush.pap import model, xml
from omapush.pap.codes import MessageState
from omapush.pap.versions import PapVersion

ADDRESS = "WAPPUSH=+44/TYPE=PLMN@x"


def notification(push_id: str = "a@pi", address: str = ADDRESS, version: str = "2.0") -> bytes:
    message = model.ResultNotificationMessage(
        push_id, MessageState.DELIVERED, 1000, model.Address(address)
    )
    return xml.encode(model.Pap(message, PapVersion.parse(version)))


async def post(
    receiver: NotificationReceiver, body: bytes, method: str = "POST"
) -> httpx2.Response:
    transport = httpx2.ASGITransport(receiver)  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=transport, base_url="http://me") as client:
        return await client.request(method, "/", content=body)


async def test_notification_is_answered_in_its_version_and_handed_out_once() -> None:
    receiver = NotificationReceiver()
    answer = await post(receiver, notification(version="2.1"))
    document = xml.decode(answer.content)
    assert answer.status_code == 202
    assert str(document.version) == "2.1"
    expected = model.ResultNotificationResponse("a@pi", 1000, model.Address(ADDRESS), "OK")
    assert document.message == expected
    assert (await receiver.wait_for("a@pi", 1)).code == 1000
    await post(receiver, notification())  # the gateway repeats what it thinks was lost
    with pytest.raises(TimeoutError):
        await receiver.wait_for("a@pi", 0.01)


async def test_each_recipient_has_its_own_and_others_wait_their_turn() -> None:
    receiver = NotificationReceiver()
    waiting = asyncio.create_task(receiver.wait_for("b@pi", 5))
    for push_id, address in (("a@pi", "x"), ("a@pi", "y"), ("b@pi", "x")):
        await post(receiver, notification(push_id, address))
    assert (await waiting).push_id == "b@pi"
    stream = receiver.notifications()
    found = [(await anext(stream)).address.address_value for _ in range(2)]
    assert found == ["x", "y"]


async def test_full_queue_is_answered_503_so_that_the_gateway_comes_again() -> None:
    receiver = NotificationReceiver(max_waiting=1)
    assert (await post(receiver, notification("a@pi"))).status_code == 202
    assert (await post(receiver, notification("b@pi"))).status_code == 503
    await receiver.wait_for("a@pi", 1)
    assert (await post(receiver, notification("b@pi"))).status_code == 202


async def test_what_is_no_notification_is_a_bad_message() -> None:
    receiver = NotificationReceiver()
    for body in (b"", b"<pap>", xml.encode(model.Pap(model.StatusQueryMessage("a")))):
        message = xml.decode((await post(receiver, body)).content).message
        assert isinstance(message, model.BadMessageResponse)
        assert message.code == 2000


async def test_other_methods_and_large_bodies_are_refused() -> None:
    receiver = NotificationReceiver()
    refused = await post(receiver, b"", "GET")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "POST")
    assert (await post(receiver, b"x" * (MAX_BODY + 1))).status_code == 413


async def test_listener_serves_on_a_port_of_its_own_and_says_when_it_cannot() -> None:
    receiver = NotificationReceiver()
    async with serve(receiver) as url, httpx2.AsyncClient(trust_env=False) as client:
        assert (await client.post(url, content=notification())).status_code == 202
        port = int(url.rstrip("/").rpartition(":")[2])
        with pytest.raises(ListenError):
            async with serve(receiver, port=port):
                pass
    assert (await receiver.wait_for("a@pi", 1)).push_id == "a@pi"
