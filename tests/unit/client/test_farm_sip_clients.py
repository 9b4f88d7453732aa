"""Simulated clients at a SIP core in memory: registration, refresh, and pushes by script."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import pytest

from omapush.client.farm.clients import Farm, FarmClient, FarmError, Fates, Group
from omapush.client.farm.script import parse_script, seeded_chance
from omapush.client.farm.sip_clients import SipAccounts, SipFarm
from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.instants import later
from omapush.ota.interface import ClientCapabilities, PoConfirmedPushReq, PushFlag
from omapush.ota.sip.requests import Circumstances, Names, Sender, Target, message, options
from omapush.protocols.sip.hop import Transport
from omapush.protocols.sip.message import SipRequest, SipResponse
from omapush.testing.sip_link import Answered, Fate, LoopbackCore
from omapush.testing.sip_users import SipUsers
from omapush.testing.virtual_clock import VirtualClock

MMS = "x-wap-application:mms.ua"
GATEWAY = Sender("sip:ppg@push.test", is_trusted=True)
TAKES = ClientCapabilities(accept=("text/plain",), accept_app_id=(MMS,), max_message_size=100)


class Lab:
    """A farm at a core without sockets; waits are those of a clock that is a number."""

    def __init__(
        self,
        script: str = "accept",
        clients: int = 1,
        *,
        transport: Transport = Transport.UDP,
        password: str | None = None,
        users: SipUsers | None = None,
        pattern: str = "u#",
        takes: ClientCapabilities = TAKES,
    ) -> None:
        self.clock = VirtualClock()
        self.core = LoopbackCore(self.clock, users=users)
        self.farm = Farm(seeded_chance(1), self._wait, self._vanished)
        self.clients = self.farm.clients([Group(clients, pattern, parse_script(script), takes)])
        numbers = count(1)
        accounts = SipAccounts(
            "push.test",
            transport,
            lambda: f"token{next(numbers)}",
            lambda name: f"urn:uuid:{name}",
            password,
            expires_s=60,
        )
        self.begun = 0
        self.sip = SipFarm(
            self.farm, self.clients, accounts, self.core.client, self.clock, self._begin
        )
        self.core.client.serve(self.sip)

    @property
    def figures(self) -> tuple[int, int]:
        """How many are registered, and how often registrations were confirmed."""
        return self.farm.figures.registered, self.farm.figures.registrations

    async def register(self) -> None:
        for client in self.clients:
            await self.sip.register(client)

    def push(self, user: str = "u1", body: bytes = b"hello") -> asyncio.Task[SipResponse]:
        pushed = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", MMS)), body)
        now = self.clock()
        request = message(
            GATEWAY,
            Names("call", "tag"),
            Target(f"sip:{user}@push.test", ApplicationId.parse(MMS)),
            PoConfirmedPushReq("delivery", pushed, PushFlag.NONE),
            Circumstances(now, later(now, 60_000)),
        )
        return self.send(request)

    def send(self, request: SipRequest) -> asyncio.Task[SipResponse]:
        return asyncio.create_task(self.core.gateway.send(request))

    async def advance(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)
        await settle()

    def _begin(self) -> None:
        self.begun += 1

    def _wait(self, milliseconds: int, call: Any) -> Any:
        return self.clock.call_at(later(self.clock(), milliseconds), call)

    def _vanished(self, client: FarmClient, milliseconds: int) -> None:
        self.sip.vanish(client, milliseconds)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_clients_register_with_their_instance_and_applications() -> None:
    lab = Lab(clients=3)
    lab.sip.start()
    assert lab.begun == 1
    await lab.register()
    assert lab.figures == (3, 3)
    contact = lab.core.sent("REGISTER")[1].headers.first("Contact") or ""
    assert contact.startswith("<sip:u2@127.0.0.1:5081>")
    assert '+sip.instance="<urn:uuid:u2>"' in contact
    assert '+g.oma.pusheventapp="mms.ua"' in contact


async def test_clients_for_every_application_say_so() -> None:
    lab = Lab(takes=ClientCapabilities(accept=("*/*",), accept_app_id=("*",)))
    await lab.register()
    contact = lab.core.sent("REGISTER")[0].headers.first("Contact") or ""
    assert contact.endswith("+g.oma.pusheventapp")


async def test_registrations_are_refreshed_by_themselves() -> None:
    lab = Lab(clients=2)
    await lab.register()
    await lab.advance(30_000)
    assert lab.figures == (2, 4)
    assert len(lab.core.sent("REGISTER")) == 4


async def test_clients_prove_themselves_where_the_core_asks() -> None:
    users = SipUsers({"u1": "load", "u2": "other"})
    lab = Lab(clients=2, password="load", users=users)
    await lab.register()
    assert lab.figures == (1, 1)
    assert sum(lab.farm.figures.failures.values()) == 1


async def test_refused_registration_is_counted_and_one_without_answer_tried_again() -> None:
    lab = Lab(clients=2)
    lab.core.script(Answered(403, "Forbidden"), "REGISTER")
    lab.core.script(Fate.LOST, "REGISTER")
    await lab.register()
    assert lab.figures == (0, 0)
    assert len(lab.farm.figures.failures) == 2
    await lab.advance(60_000)
    assert lab.figures == (1, 1)


@pytest.mark.parametrize(
    ("script", "status", "fates"),
    [
        ("accept", 200, Fates(1, accepted=1)),
        ("refuse(no_application)", 480, Fates(1, refused=1)),
        ("refuse", 603, Fates(1, refused=1)),
        ("refuse(busy)", 486, Fates(1, refused=1)),
    ],
)
async def test_push_is_answered_as_the_script_says(script: str, status: int, fates: Fates) -> None:
    lab = Lab(script)
    await lab.register()
    assert (await lab.push()).status == status
    assert lab.farm.figures.pushes == fates


async def test_delayed_answer_comes_late() -> None:
    lab = Lab("delay(5s)")
    await lab.register()
    answer = lab.push()
    await settle()
    assert not answer.done()
    assert lab.farm.figures.pushes.waiting == 1
    await lab.advance(5_000)
    assert (await answer).status == 200


async def test_vanished_client_answers_nothing_until_it_is_back() -> None:
    lab = Lab("vanish(10s)")
    await lab.register()
    first = lab.push()
    await settle()
    assert lab.farm.figures.pushes == Fates(1, void=1)
    second = lab.push()
    await settle()
    assert not any(one.done() for one in (first, second))
    assert lab.farm.figures.pushes.received == 1
    await lab.advance(10_000)
    third = lab.push()
    await settle()
    assert lab.farm.figures.pushes.received == 2
    for answer in (first, second, third):
        answer.cancel()
    await asyncio.gather(first, second, third, return_exceptions=True)


async def test_push_that_is_too_large_is_refused_without_the_script() -> None:
    lab = Lab()
    await lab.register()
    assert (await lab.push(body=bytes(101))).status >= 400
    assert lab.farm.figures.pushes == Fates()
    assert lab.farm.figures.malformed == 1


async def test_options_are_answered_with_what_the_client_takes() -> None:
    lab = Lab()
    await lab.register()
    request = options(GATEWAY, Names("c", "t"), "sip:u1@push.test", "<sip:ppg@push.test>")
    answer = await lab.send(request)
    assert answer.status == 200
    assert "text/plain" in (answer.headers.first("Accept") or "")
    assert answer.headers.first("Allow") == "MESSAGE, OPTIONS"
    assert "mms.ua" in (answer.headers.first("Contact") or "")


async def test_device_is_called_the_same_in_its_answers_as_by_the_core() -> None:
    lab = Lab()
    await lab.register()
    request = options(GATEWAY, Names("c", "t"), "sip:u1@push.test", "<sip:ppg@push.test>")
    contact = (await lab.send(request)).headers.first("Contact") or ""
    assert contact.startswith("<sip:u1@push.test;gr=urn:uuid:u1>")


async def test_sessions_are_not_taken() -> None:
    lab = Lab()
    await lab.register()
    request = options(GATEWAY, Names("c", "t"), "sip:u1@push.test", "<sip:ppg@push.test>")
    headers = request.headers.replaced("CSeq", "1 INVITE")
    answer = await lab.send(SipRequest("INVITE", request.uri, headers))
    assert answer.status == 405


async def test_request_for_nobody_is_not_found() -> None:
    lab = Lab()
    request = options(GATEWAY, Names("c", "t"), "sip:nobody@push.test", "<sip:ppg@push.test>")
    answer = await lab.core.deliver(lab.core.client, request)
    assert answer.status == 404


async def test_lost_connection_is_opened_again_and_everybody_registers_by_it() -> None:
    lab = Lab(clients=2, transport=Transport.TCP)
    lab.sip.start()
    await settle()
    assert lab.begun == 1
    await lab.register()
    lab.core.client.lose_flow("reset")
    await settle()
    assert lab.begun == 2
    await lab.register()
    assert lab.figures == (2, 4)
    assert lab.farm.figures.failures["reset"] == 1
    await lab.sip.close()


async def test_end_takes_registrations_back() -> None:
    lab = Lab(clients=2)
    await lab.register()
    await lab.sip.close()
    assert lab.figures == (0, 2)
    assert not lab.core.registrar.bindings


def test_id_that_is_no_user_is_refused() -> None:
    with pytest.raises(FarmError, match="not the user of a SIP address"):
        Lab(pattern="a@b#")
