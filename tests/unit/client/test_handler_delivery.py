"""Pushes to event handlers through the client: what the gateway is told in the end (IF-T8)."""

from __future__ import annotations

import asyncio
import json
import os
import select
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from omapush.cai.model import Registration, RegistrationRequest, RegistrationState
from omapush.client.agent import ClientLimits, PushClient
from omapush.client.handler import Handler
from omapush.client.handlers.activation import Activation, ActivationSettings
from omapush.core.instants import Instant
from omapush.ota.interface import PoConfirmedPushRes, PoPushAbortReq, PushStatus

WML = "x-wap-application:wml.ua"
NewClient = Callable[..., Awaitable[PushClient]]
NewLink = Callable[[PushClient], Any]


def handler_for(event_handler: str) -> Handler:
    """Return the handler of a registration by the client's own user."""
    settings = ActivationSettings(frozenset(("exec", "unix", "http")))
    activation = Activation(settings, os.getuid())
    request = RegistrationRequest(WML, event_handler=event_handler)
    owner, now = f"uid:{os.getuid()}/t", Instant(0)
    registration = Registration("r1", owner, WML, request, RegistrationState.REGISTERED, now, now)
    handler = activation.handler_for(registration)
    assert handler is not None
    return handler


def program(script: str) -> str:
    return f"exec:{json.dumps(['/bin/sh', '-c', script])}"


@pytest.mark.parametrize(
    ("event_handler", "status"),
    [
        (program('test "$(cat)" = hello'), None),
        (program("exit 1"), PushStatus.USERRFS),
        (program("exit 65"), PushStatus.USERDCU),
        (program("exit 75"), PushStatus.USERREQ),
        ('exec:["/no/such/program"]', PushStatus.USERREQ),
        ("unix:/no/such/socket", PushStatus.USERREQ),
    ],
)
async def test_gateway_is_told_what_the_event_handler_says(
    client: PushClient, link: Any, event_handler: str, status: PushStatus | None
) -> None:
    await client.register_application(WML, handler=handler_for(event_handler))
    answer = await link.push(body=b"hello")
    if status is None:
        assert isinstance(answer, PoConfirmedPushRes)
        return
    assert isinstance(answer, PoPushAbortReq)
    assert answer.status is status
    assert "/no/such" not in answer.reason  # names of this host are nobody's business


async def test_program_that_hangs_is_killed_at_the_deadline_and_the_next_push_is_served(
    new_client: NewClient, new_link: NewLink, tmp_path: Path
) -> None:
    client = await new_client(ClientLimits(acceptance_ms=1_000))
    link = new_link(client)
    fifo, hung = tmp_path / "fifo", tmp_path / "hung"
    os.mkfifo(fifo)
    script = f"test -e {hung} && exit 0; touch {hung}; sleep 600 & echo $! > {fifo}; wait"
    await client.register_application(WML, handler=handler_for(program(script)))
    first = link.push()
    end_of_child = os.pidfd_open(int(await asyncio.to_thread(fifo.read_text)))
    answer = await first
    assert isinstance(answer, PoPushAbortReq)
    assert answer.status is PushStatus.USERREQ
    ended, _, _ = await asyncio.to_thread(select.select, [end_of_child], [], [], 20)
    os.close(end_of_child)
    assert ended
    assert isinstance(await link.push(), PoConfirmedPushRes)
