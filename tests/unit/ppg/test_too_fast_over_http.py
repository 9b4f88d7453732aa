"""The front door tells an initiator that is too fast when to come back, in HTTP's words."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from omapush.content.message import PushMessage as ContentMessage
from omapush.core.instants import Instant
from omapush.pap import entity, model, xml
from omapush.ppg.acceptance import Acceptance
from omapush.ppg.authentication import ANONYMOUS, Initiators
from omapush.ppg.authorisation import Authorisation, InitiatorPolicy
from omapush.ppg.http import PapHttpSettings, PapOverHttp
from omapush.ppg.limits import Allowance
from omapush.ppg.metrics import Metrics

ANNA = model.Address("WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net")
SI = ContentMessage((("Content-Type", "text/vnd.wap.si"),), b"<si/>")


async def posted(door: PapOverHttp, push_id: str) -> tuple[int, dict[bytes, bytes], bytes]:
    control = xml.encode(model.Pap(model.PushMessage(push_id, (ANNA,))))
    content_type, body = entity.join(control, SI)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event: Any) -> None:
        sent.append(event)

    scope = {
        "type": "http",
        "path": "/pap",
        "method": "POST",
        "headers": [(b"content-type", content_type.encode())],
        "client": ("192.0.2.9", 4711),
    }
    await door(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


async def test_initiator_that_is_too_fast_gets_503_with_the_seconds_to_wait(
    new_acceptance: Callable[..., Acceptance],
) -> None:
    slow = InitiatorPolicy(allowance=Allowance(per_second=0.4, burst=1))
    acceptance = new_acceptance(authorisation=Authorisation({ANONYMOUS: slow}))
    initiators = Initiators([], [ipaddress.ip_network("192.0.2.0/24")], secret=b"s" * 32)
    door = PapOverHttp(acceptance, initiators, Metrics(), PapHttpSettings(), lambda: Instant(1_000))
    status, headers, _ = await posted(door, "a@pi")
    assert status == 202
    assert b"retry-after" not in headers
    status, headers, body = await posted(door, "b@pi")
    assert status == 503
    # 2.5 seconds, never rounded down.
    assert headers[b"retry-after"] == b"3"
    response = xml.decode(body).message
    assert isinstance(response, model.PushResponse)
    assert response.response_result.code == 3000
