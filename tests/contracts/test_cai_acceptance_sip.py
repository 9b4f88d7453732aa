"""Acceptance tests of the CAI that need a variant which registers with a server: by OTA-SIP itself.

The same tests run with a scripted variant beside the others; here a core in memory is the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from omapush.cai.model import (
    ConnectionProfile,
    Reason,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
    WhitelistEntry,
)
from omapush.client.agent import ClientRules
from omapush.client.trust.judge import FixedList
from omapush.client.trust.whitelist import read_entries
from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.instants import later
from omapush.ota.interface import PoConfirmedPushReq
from omapush.ota.sip.requests import Circumstances, Names, Sender, Target, message
from omapush.protocols.sip.message import SipResponse
from omapush.testing.cai_applications import Application
from omapush.testing.sip_client import SipClient
from omapush.testing.sip_link import Answered, LoopbackCore
from omapush.testing.virtual_clock import VirtualClock

WML, MMS = "x-wap-application:wml.ua", "x-wap-application:mms.ua"
OTA_SIP = ConnectionProfile(protocol="OTA-SIP")
ALICE = "sip:alice@push.test"
PPG = "sip:ppg@push.test"
NewTerminal = Callable[..., Any]


class Served:
    """A terminal whose only way is a core in memory.

    :ivar terminal: see ``conftest``.
    """

    def __init__(self, terminal: Any, core: LoopbackCore, clock: VirtualClock) -> None:
        self.terminal = terminal
        self.core = core
        self._clock = clock
        self._numbers = 0

    @property
    def contact(self) -> str:
        """What the core has been told last."""
        return self.core.sent("REGISTER")[-1].headers.first("Contact") or ""

    async def registered(
        self, name: str, request: RegistrationRequest | str = WML, instance: str | None = None
    ) -> tuple[Application, str]:
        if isinstance(request, str):
            request = RegistrationRequest(request, profiles=(OTA_SIP,), instance=instance)
        found: tuple[Application, str] = await self.terminal.registered(name, request)
        return found

    def push(
        self,
        application: str = WML,
        *,
        instance: str | None = None,
        push_id: str | None = None,
        sender: str = PPG,
    ) -> asyncio.Task[SipResponse]:
        """Let a push arrive by MESSAGE; the result is what it is answered."""
        self._numbers += 1
        now = self._clock()
        headers = (("Content-Type", "text/plain"), ("X-Wap-Application-Id", application))
        wanted = PoConfirmedPushReq(
            push_id or f"push{self._numbers}", PushMessage(headers, b"hello")
        )
        request = message(
            Sender(sender, is_trusted=True),
            Names(f"call{self._numbers}", "tag"),
            Target(ALICE, ApplicationId.parse(application), instance),
            wanted,
            Circumstances(now, later(now, 60_000)),
        )
        return asyncio.create_task(self.core.deliver(self.core.client, request))

    async def taken(self, held: tuple[Application, str], push: asyncio.Task[SipResponse]) -> int:
        """Let an application accept what comes; return the final answer's status."""
        application, registration_id = held
        event = None
        while event is None and not push.done():
            event = await application.next_event(registration_id, 0.1)
        if event is not None:
            await application.accept(event.event_id)
        return (await push).status


@pytest.fixture
async def serve(
    new_terminal: NewTerminal, clock: VirtualClock
) -> AsyncIterator[Callable[..., Any]]:
    """Return a function that starts a terminal at a core."""
    running: list[SipClient] = []

    async def start(rules: ClientRules | None = None) -> Served:
        core = LoopbackCore(clock)
        sip = SipClient(core.client, clock)
        running.append(sip)
        terminal = await new_terminal([sip.binder], rules=rules, before_start=sip.take_over)
        sip.start()
        return Served(terminal, core, clock)

    yield start
    for sip in running:
        await sip.close()


async def test_t29_instances_share_an_id_and_each_gets_its_own_pushes(
    serve: Callable[..., Any],
) -> None:
    """CAI-22: by the instance tag, which is an IARI at the core."""
    served = await serve()
    first = await served.registered("P", instance="urn:uuid:1")
    second = await served.registered("Q", instance="urn:uuid:2")
    assert await served.taken(second, served.push(instance="urn:uuid:2")) == 200
    assert await first[0].next_event(first[1], 0) is None
    assert await served.taken(first, served.push(instance="urn:uuid:1")) == 200
    same = RegistrationRequest(WML, profiles=(OTA_SIP,), instance="urn:uuid:1")
    with pytest.raises(RegistrationRejected) as rejected:
        await served.terminal.application("R").register(same)
    assert rejected.value.cause is Reason.ALREADY_REGISTERED
    nobody = await served.push(instance="urn:uuid:3")
    assert nobody.status == 480
    assert (nobody.headers.first("X-Wap-Push-Status") or "").startswith("236")


async def test_t44_and_t45_core_has_what_is_left(serve: Callable[..., Any]) -> None:
    """CAI-51 to CAI-53."""
    served = await serve()
    first = await served.registered("P", instance="urn:uuid:1")
    second = await served.registered("Q", instance="urn:uuid:2")
    third = await served.registered("R", MMS)
    await first[0].deregister(first[1])
    await served.terminal.until(lambda: served.contact.count("ims.iari") == 1)
    assert '+g.oma.pusheventapp="mms.ua,wml.ua"' in served.contact
    assert await served.taken(second, served.push(instance="urn:uuid:2")) == 200
    await second[0].deregister(second[1])
    await served.terminal.until(lambda: '+g.oma.pusheventapp="mms.ua"' in served.contact)
    assert await served.taken(third, served.push(MMS)) == 200
    assert (await served.push(WML)).status == 480


async def test_t38_core_that_refuses_fails_the_registration(serve: Callable[..., Any]) -> None:
    """CAI-41."""
    served = await serve()
    served.core.script(Answered(403, "Forbidden"), "REGISTER", times=2)
    application = served.terminal.application("P")
    first = await application.register(RegistrationRequest(WML, profiles=(OTA_SIP,)))
    assert first.state is RegistrationState.PENDING
    settled = await application.settled(first.registration_id)
    assert (settled.state, settled.reason) == (
        RegistrationState.FAILED,
        Reason.REFUSED_BY_SERVER,
    )


async def test_t47_deregistration_ends_when_the_core_has_answered(
    serve: Callable[..., Any],
) -> None:
    """CAI-49 and CAI-50: the last application takes the registration with it."""
    served = await serve()
    application, registration_id = await served.registered("P")
    answer = await application.deregister(registration_id)
    assert answer.state is RegistrationState.DEREGISTERING
    await served.terminal.until(lambda: not served.core.registrar.bindings)
    await served.terminal.until(lambda: not served.terminal.client.all_registrations())


async def test_push_that_comes_again_is_answered_without_its_application(
    serve: Callable[..., Any],
) -> None:
    """By X-Push-Id, which stays the same when the gateway tries again."""
    served = await serve()
    held = await served.registered("P")
    assert await served.taken(held, served.push(push_id="one")) == 200
    assert (await served.push(push_id="one")).status == 200
    assert await held[0].next_event(held[1], 0) is None


async def test_gateway_that_the_whitelist_does_not_name_is_refused(
    serve: Callable[..., Any],
) -> None:
    """CAI-9, REQ19: the identity that the core asserts is what counts."""
    device = FixedList(read_entries((WhitelistEntry(PPG, "URI"),)))
    served = await serve(ClientRules(judge=device))
    held = await served.registered("P")
    assert await served.taken(held, served.push()) == 200
    refused = await served.push(sender="sip:other@push.test")
    assert refused.status == 403
    assert (refused.headers.first("X-Wap-Push-Status") or "").startswith("235")


async def test_application_names_the_gateway_that_it_expects(serve: Callable[..., Any]) -> None:
    """CAI-15: a contact point that is a SIP URI."""
    served = await serve()

    class Gateway:
        def arrived(self, request: Any, origin: Any, answer: Any) -> None:
            answer(SipResponse(200, "OK"))

    served.core.gateway.serve(Gateway())
    profile = ConnectionProfile("OTA-SIP", contact_point=PPG)
    held = await served.registered("P", RegistrationRequest(WML, profiles=(profile,)))
    assert await served.taken(held, served.push()) == 200
    assert (await served.push(sender="sip:other@push.test")).status == 403
