"""Acceptance tests of the CAI: pushes, and what becomes of them (CAI 5.3, Architecture 5.3.2).

Each test runs by every way in. Its name begins with its number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from omapush.cai.model import (
    ConnectionProfile,
    EventGone,
    PushEvent,
    RegistrationRequest,
    Reject,
    RejectReason,
    WhitelistEntry,
)
from omapush.client.agent import ClientLimits, ClientRules
from omapush.client.trust.judge import FixedList
from omapush.client.trust.whitelist import read_entries
from omapush.content.message import PushMessage
from omapush.ota.interface import (
    ClientRequest,
    OutcomeKind,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PushFlag,
    PushSource,
    PushStatus,
)
from omapush.ota.wsp.unit_push import encode_unit_push, unit_push_indication
from omapush.testing.cai_applications import Application
from omapush.testing.dialled_gateway import DialledGateway
from omapush.testing.virtual_clock import VirtualClock

WML = "x-wap-application:wml.ua"
MMS = "x-wap-application:mms.ua"
NewTerminal = Callable[..., Any]


async def aborted(answer: Any) -> PoPushAbortReq:
    """Return how a push was refused."""
    async with asyncio.timeout(20):
        primitive: ClientRequest = await answer
    assert isinstance(primitive, PoPushAbortReq)
    return primitive


async def event_of(application: Application, registration_id: str) -> PushEvent:
    """Return the next push of an application."""
    event = await application.next_event(registration_id)
    assert event is not None
    return event


async def test_t07_list_of_application_lets_only_its_sources_in(terminal: Any) -> None:
    entry = WhitelistEntry("192.0.2.10")
    held = await terminal.registered("P", RegistrationRequest(WML, whitelist=(entry,)))
    assert await terminal.is_delivered(*held, terminal.link.push(source="192.0.2.10"))
    refused = await aborted(terminal.link.push(source="192.0.2.11"))
    assert refused.status is PushStatus.USERRFS


async def test_t08_list_of_device_lets_only_its_sources_in(new_terminal: NewTerminal) -> None:
    device = FixedList(read_entries((WhitelistEntry("192.0.2.20"),)))
    terminal = await new_terminal(rules=ClientRules(judge=device))
    held = await terminal.registered("P", WML)
    assert await terminal.is_delivered(*held, terminal.link.push(source="192.0.2.20"))
    refused = await aborted(terminal.link.push(source="192.0.2.21"))
    assert refused.status is PushStatus.USERRFS


async def test_t20_contact_point_is_the_only_source(terminal: Any) -> None:
    profile = ConnectionProfile("OTA-HTTP", contact_point="192.0.2.10")
    held = await terminal.registered("P", RegistrationRequest(WML, profiles=(profile,)))
    assert await terminal.is_delivered(*held, terminal.link.push(source="192.0.2.10"))
    refused = await aborted(terminal.link.push(source="192.0.2.11"))
    assert refused.status is PushStatus.USERRFS


async def test_t26_type_that_application_does_not_take_is_refused(terminal: Any) -> None:
    held = await terminal.registered("P", RegistrationRequest(WML, accept=("text/vnd.wap.si",)))
    refused = await aborted(terminal.link.push(content_type="image/png"))
    assert refused.status is PushStatus.USERDCU
    push = terminal.link.push(content_type="text/vnd.wap.si; charset=utf-8")
    assert await terminal.is_delivered(*held, push)


async def test_t49_event_carries_what_came_over_ota_http(
    connected_terminal: NewTerminal, clock: VirtualClock
) -> None:
    """From a gateway's session, over TCP, to the application."""
    terminal = await connected_terminal()
    application, registration_id = await terminal.registered("P", WML)
    gateway = DialledGateway(clock)
    await gateway.dial("127.0.0.1", terminal.settings.ota_http.listen.port)
    await gateway.registered()
    body = bytes(range(256))
    content_type = "text/plain; charset=utf-8"
    extra = (("X-Acme", "one"), ("X-Other", "two"), ("X-Acme", "three"))
    headers = (("Content-Type", content_type), ("X-Wap-Application-Id", WML), *extra)
    pushing = asyncio.ensure_future(gateway.push(PushMessage(headers, body)))
    event = await event_of(application, registration_id)
    await application.accept(event.event_id)
    assert (await pushing).kind is OutcomeKind.DONE
    gateway.drop()
    assert (event.content, event.content_type) == (body, content_type)
    own = [(name, value) for name, value in event.headers if name.lower().startswith("x-")]
    assert [one for one in own if one[0] != "X-Wap-Application-Id"] == list(extra)
    assert ("Content-Type", content_type) in event.headers


async def test_t50_binary_headers_become_text(terminal: Any) -> None:
    """From the octets of a WSP Push PDU to the application."""
    application, registration_id = await terminal.registered("P", WML)
    headers = (
        ("Content-Type", "text/plain; charset=utf-8"),
        ("X-Wap-Application-Id", WML),
        ("Expires", "Tue, 01 Dec 2026 00:00:00 GMT"),
        ("X-Acme", "one"),
        ("X-Acme", "two"),
    )
    octets = encode_unit_push(PushMessage(headers, b"\0\xff"), PushFlag.NONE, 1)
    assert b"Expires" not in octets  # it goes as a number
    length = octets[2]
    # A field that WSP has not assigned, by number, with a text.
    octets = (
        octets[:2]
        + bytes((length + 7,))
        + octets[3 : 3 + length]
        + b"\xf0hello\0"
        + octets[3 + length :]
    )
    source = PushSource("OTA-WSP", "UDP", "192.0.2.10")
    terminal.client.unit_push(unit_push_indication(octets, source))
    event = await event_of(application, registration_id)
    await application.accept(event.event_id)
    assert (event.content, event.content_type) == (b"\0\xff", headers[0][1])
    assert event.headers == (*headers, ("x-wsp-0x70", "hello"))


async def test_t53_push_is_confirmed_after_and_not_before_acceptance(terminal: Any) -> None:
    application, registration_id = await terminal.registered("P", WML)
    push = terminal.link.push()
    event = await event_of(application, registration_id)
    assert event.confirmed
    await application.registrations()  # whatever else happens meanwhile
    assert not push.done()
    await application.accept(event.event_id)
    assert await push == PoConfirmedPushRes("1")


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (RejectReason.REFUSED, PushStatus.USERRFS),
        (RejectReason.BUSY, PushStatus.USERDCR),
        (RejectReason.UNSUPPORTED_TYPE, PushStatus.USERDCU),
        (RejectReason.TRY_LATER, PushStatus.USERREQ),
    ],
)
async def test_t54_refusal_of_application_is_an_abort(
    terminal: Any, reason: RejectReason, status: PushStatus
) -> None:
    application, registration_id = await terminal.registered("P", WML)
    push = terminal.link.push()
    event = await event_of(application, registration_id)
    await application.reject(event.event_id, Reject(reason, "not now"))
    assert await push == PoPushAbortReq("1", status, "not now")


async def test_t54_application_that_never_answers_costs_an_abort(new_terminal: NewTerminal) -> None:
    terminal = await new_terminal(limits=ClientLimits(acceptance_ms=200))
    application, registration_id = await terminal.registered("P", WML)
    reading = asyncio.ensure_future(event_of(application, registration_id))
    mailbox = terminal.client.mailbox_of(registration_id)
    await terminal.until(lambda: mailbox.readers)
    push = terminal.link.push()
    event = await reading
    assert (await aborted(push)).status is PushStatus.USERREQ
    # IF-T3: by then the event is void.
    with pytest.raises(EventGone) as caught:
        await application.accept(event.event_id)
    assert not caught.value.settled


async def test_t54_application_that_dies_costs_an_abort(terminal: Any) -> None:
    """It deregisters with its end; one that just vanishes is one that never answers."""
    application, registration_id = await terminal.registered("P", WML)
    push = terminal.link.push()
    await event_of(application, registration_id)
    await application.deregister(registration_id)
    assert (await aborted(push)).status is PushStatus.USERPND


async def test_t55_application_that_is_not_running_costs_236(
    terminal: Any, clock: VirtualClock
) -> None:
    """It has no handler, and has not been heard of for a while."""
    await terminal.registered("P", WML)
    clock.advance(ClientLimits().presence_ms)
    assert (await aborted(terminal.link.push())).status is PushStatus.USERPND


@pytest.mark.parametrize("registered", [WML, "2"])
async def test_t56_number_and_uri_reach_one_application(terminal: Any, registered: str) -> None:
    held = await terminal.registered("P", registered)
    for identifier in ("2", WML, "X-WAP-Application:WML.ua"):
        assert await terminal.is_delivered(*held, terminal.link.push(identifier))


async def test_t57_built_in_application_takes_what_nobody_is_registered_for(terminal: Any) -> None:
    """A stand-in of the client; the indications' own tests show what becomes of one."""
    taken: list[bytes] = []

    async def take(event: PushEvent) -> None:
        taken.append(event.content)

    terminal.client.take_itself(WML, ["text/vnd.wap.si"], take)
    confirmed = await terminal.link.push(body=b"si", content_type="text/vnd.wap.si")
    assert isinstance(confirmed, PoConfirmedPushRes)
    # AD-11: an application that registers has them from then on.
    held = await terminal.registered("P", WML)
    push = terminal.link.push(body=b"again", content_type="text/vnd.wap.si")
    assert await terminal.is_delivered(*held, push)
    assert taken == [b"si"]


async def test_t60_handler_that_raises_counts_as_refusal(terminal: Any) -> None:
    """In process; what stands for a callback by the other ways in is in the handlers' tests."""

    async def fail(event: PushEvent) -> None:
        if event.content == b"bad":
            raise ValueError("secret detail")

    await terminal.client.register_application(WML, handler=fail)
    refused = await aborted(terminal.link.push(body=b"bad"))
    assert refused.status is PushStatus.USERREQ
    assert refused.reason.startswith("application_error")
    assert "secret" not in refused.reason
    assert isinstance(await terminal.link.push(body=b"good"), PoConfirmedPushRes)
    # The client survives, and so do other applications.
    held = await terminal.registered("Q", MMS)
    assert await terminal.is_delivered(*held, terminal.link.push(MMS))
