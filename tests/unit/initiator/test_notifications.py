"""Receiving result notifications."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from omapush.initiator.listener import ListenError, serve
from omapush.initiator.notifications import MAX_BODY, NotificationReceiver, NotNowError
from omapush.initiator.tls import TlsFilesError
from omapush.pap import model, xml
from omapush.pap.codes import MessageState
from omapush.pap.versions import PapVersion
from omapush.testing.authority import Authority

ADDRESS = "WAPPUSH=+44/TYPE=PLMN@x"


def notification(push_id: str = "a@pi", address: str = ADDRESS, version: str = "2.0") -> bytes:
    message = model.ResultNotificationMessage(
        push_id, MessageState.DELIVERED, 1000, model.Address(address)
    )
    return xml.encode(model.Pap(message, PapVersion.parse(version)))


async def post(
    receiver: NotificationReceiver, body: bytes, method: str = "POST", **more: Any
) -> httpx2.Response:
    transport = httpx2.ASGITransport(receiver)  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=transport, base_url="http://me") as client:
        return await client.request(method, "/", content=body, **more)


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


class Program:
    """A handler that does what the test says."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.failure: Exception | None = None
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.called = asyncio.Event()

    async def handle(self, message: model.ResultNotificationMessage) -> None:
        self.called.set()
        await self.may_go_on.wait()
        if self.failure is not None:
            raise self.failure
        self.taken.append(message.push_id)


async def test_handler_returns_before_the_gateway_is_answered() -> None:
    program = Program()
    program.may_go_on.clear()
    receiver = NotificationReceiver(program.handle)
    answer = asyncio.create_task(post(receiver, notification()))
    await program.called.wait()
    repeated = await post(receiver, notification())
    assert (repeated.status_code, program.taken, answer.done()) == (503, [], False)
    program.may_go_on.set()
    message = xml.decode((await answer).content).message
    assert isinstance(message, model.ResultNotificationResponse)
    assert (message.code, program.taken) == (1000, ["a@pi"])
    assert (await post(receiver, notification())).status_code == 202  # and is not called again
    assert program.taken == ["a@pi"]


@pytest.mark.parametrize("failure", [OSError("disk full"), NotNowError("busy")])
async def test_handler_that_fails_gets_the_notification_again(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    program = Program()
    program.failure = failure
    receiver = NotificationReceiver(program.handle)
    assert (await post(receiver, notification())).status_code == 503
    assert ("a@pi" in caplog.text) == isinstance(failure, OSError)
    program.failure = None
    assert (await post(receiver, notification())).status_code == 202
    assert program.taken == ["a@pi"]


async def test_handler_that_is_too_slow_gets_the_notification_again() -> None:
    program = Program()
    program.may_go_on.clear()
    receiver = NotificationReceiver(program.handle, handler_timeout_seconds=0)
    assert (await post(receiver, notification())).status_code == 503
    assert program.taken == []


async def test_handler_gets_no_more_at_a_time_than_allowed() -> None:
    program = Program()
    program.may_go_on.clear()
    receiver = NotificationReceiver(program.handle, max_waiting=1)
    first = asyncio.create_task(post(receiver, notification("a@pi")))
    await program.called.wait()
    assert (await post(receiver, notification("b@pi"))).status_code == 503
    program.may_go_on.set()
    assert (await first).status_code == 202
    assert (await post(receiver, notification("b@pi"))).status_code == 202


async def test_listener_with_credentials_takes_nothing_from_strangers() -> None:
    receiver = NotificationReceiver(username="ppg", password="pä:ss")
    for auth in (None, ("ppg", "guess"), ("", "")):
        refused = await post(receiver, notification(), auth=auth)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert (await post(receiver, notification(), auth=("ppg", "pä:ss"))).status_code == 202
    with pytest.raises(ValueError, match="belong together"):
        NotificationReceiver(username="ppg")


@pytest.mark.parametrize("hangs_up", [False, True])
async def test_body_that_does_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, *, hangs_up: bool
) -> None:
    sent: list[MutableMapping[str, Any]] = []
    monkeypatch.setattr("omapush.initiator.notifications.BODY_SECONDS", 0)

    async def receive() -> MutableMapping[str, Any]:
        if hangs_up:
            return {"type": "http.disconnect"}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(event: MutableMapping[str, Any]) -> None:
        sent.append(event)

    scope: dict[str, Any] = {"type": "http", "method": "POST", "headers": []}
    await NotificationReceiver()(scope, receive, send)
    assert [event.get("status") for event in sent] == ([] if hangs_up else [408, None])


async def test_listener_serves_tls_with_a_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.sign("me", "IP:127.0.0.1")
    certificate, key = tmp_path / "me.pem", tmp_path / "me.key"
    trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    receiver = NotificationReceiver()
    async with (
        serve(receiver, certificate=certificate, key=key) as url,
        httpx2.AsyncClient(trust_env=False, verify=trusting) as client,
    ):
        assert url.startswith("https://127.0.0.1:")
        assert (await client.post(url, content=notification())).status_code == 202
    for wrong in ({"certificate": certificate}, {"key": key}):
        with pytest.raises(TlsFilesError):
            async with serve(receiver, **wrong):
                pass
