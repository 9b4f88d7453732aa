"""The SIP/IP core in memory that gateway and clients are tested with."""

from __future__ import annotations

import asyncio

import pytest

from omapush.ota.interface import BearerUnavailable
from omapush.ota.sip.core import Answer, NoFinalAnswer, Origin
from omapush.protocols.sip.digest import DigestClient
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.testing.sip_link import Answered, Fate, Held, LoopbackCore, LoopbackEnd
from omapush.testing.sip_registrar import SERVICE_ROUTE, Registrar
from omapush.testing.sip_users import SipUsers
from omapush.testing.virtual_clock import VirtualClock

ALICE = "sip:alice@push.test"
DEVICE = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
OTHER_DEVICE = "urn:uuid:00000000-7dec-11d0-a765-00a0c91e6bf6"


class NotingServer:
    """Answers every request with the same status, or not at all."""

    def __init__(self, status: int | None = 200) -> None:
        self.status = status
        self.requests: list[SipRequest] = []
        self.origins: list[Origin] = []
        self.answers: list[Answer] = []
        self.told: list[str] = []
        self.came = asyncio.Event()

    def arrived(self, request: SipRequest, origin: Origin, answer: Answer) -> None:
        self.requests.append(request)
        self.origins.append(origin)
        self.answers.append(answer)
        self.came.set()
        if self.status is not None:
            answer(SipResponse(self.status, "Noted"))

    def acknowledged(self, ack: SipRequest) -> None:
        self.told.append("acknowledged")

    def unacknowledged(self, invite: SipRequest, response: SipResponse) -> None:
        self.told.append("unacknowledged")

    def cancelled(self, invite: SipRequest) -> None:
        self.told.append("cancelled")


def request(method: str, uri: str, *fields: tuple[str, str], to: str | None = None) -> SipRequest:
    caller = ALICE if method in ("REGISTER", "OPTIONS") else "sip:ppg@push.test"
    return SipRequest(
        method,
        uri,
        SipHeaders(
            (
                ("From", f"<{caller}>;tag=f"),
                ("To", to or f"<{uri}>"),
                ("Call-ID", f"{method}-1"),
                ("CSeq", f"1 {method}"),
                *fields,
            )
        ),
    )


def register(
    end: LoopbackEnd, tags: str = "mms.ua", device: str = DEVICE, expires: int = 600
) -> SipRequest:
    contact = f'<sip:alice@{end.address}>;+sip.instance="<{device}>";+g.oma.pusheventapp="{tags}"'
    fields = (("Contact", contact), ("Supported", "path, gruu"), ("Expires", str(expires)))
    return request("REGISTER", "sip:push.test", *fields, to=f"<{ALICE}>")


@pytest.fixture
async def core() -> LoopbackCore:
    core = LoopbackCore()
    core.gateway.serve(NotingServer())
    core.client.serve(NotingServer())
    return core


def served(end: LoopbackEnd) -> NotingServer:
    assert isinstance(end.server, NotingServer)
    return end.server


async def test_core_grants_registration_and_tells_gateway(core: LoopbackCore) -> None:
    response = await core.client.send(register(core.client))

    assert response.status == 200
    assert response.headers.first("Service-Route") == SERVICE_ROUTE
    assert f'pub-gruu="{ALICE};gr={DEVICE}"' in (response.headers.first("Contact") or "")
    await served(core.gateway).came.wait()
    (told,) = served(core.gateway).requests
    assert (told.method, told.uri) == ("REGISTER", "sip:ppg@push.test")
    assert told.headers.first("Expires") == "600"
    assert b'+g.oma.pusheventapp="mms.ua"' in told.body
    assert served(core.gateway).origins[0].is_trusted


async def test_core_asks_for_more_than_too_short_interval(core: LoopbackCore) -> None:
    core.registrar.min_seconds = 60

    response = await core.client.send(register(core.client, expires=10))

    assert (response.status, response.headers.first("Min-Expires")) == (423, "60")


async def test_core_routes_push_to_the_contact_that_accept_contact_leaves(
    core: LoopbackCore,
) -> None:
    other = core.further_client("127.0.0.1:5082")
    other.serve(NotingServer())
    await core.client.send(register(core.client, "mms.ua,ulp.ua"))
    await other.send(register(other, "wml.ua", OTHER_DEVICE))
    wanted = ("Accept-Contact", '*;+g.oma.pusheventapp="wml.ua";require;explicit')

    response = await core.gateway.send(request("MESSAGE", ALICE, wanted))

    assert response.status == 200
    assert "tag=" in (response.headers.first("To") or "")
    assert [one.uri for one in served(other).requests] == ["sip:alice@127.0.0.1:5082"]
    assert served(core.client).requests == []


async def test_core_routes_gruu_to_its_device(core: LoopbackCore) -> None:
    other = core.further_client("127.0.0.1:5082")
    other.serve(NotingServer())
    await core.client.send(register(core.client))
    await other.send(register(other, "mms.ua", OTHER_DEVICE))

    await core.gateway.send(request("MESSAGE", f"{ALICE};gr={OTHER_DEVICE}"))

    assert len(served(other).requests) == 1
    assert served(core.client).requests == []


async def test_core_answers_480_for_application_that_nobody_registered(core: LoopbackCore) -> None:
    await core.client.send(register(core.client))
    wanted = ("Accept-Contact", '*;+g.oma.pusheventapp="nab.ua";require;explicit')

    response = await core.gateway.send(request("MESSAGE", ALICE, wanted))

    assert (response.status, response.reason) == (480, "No matching contact")


async def test_core_answers_480_when_registration_has_expired() -> None:
    clock = VirtualClock()
    core = LoopbackCore(clock, registrar=Registrar(granted_seconds=60))
    core.client.serve(NotingServer())
    await core.client.send(register(core.client))
    clock.advance(60_000)

    assert (await core.gateway.send(request("MESSAGE", ALICE))).status == 480


async def test_core_replaces_identity_that_client_asserts(core: LoopbackCore) -> None:
    forged = ("P-Asserted-Identity", "<sip:president@push.test>")

    await core.client.send(request("OPTIONS", "sip:ppg@push.test", forged))

    (arrived,) = served(core.gateway).requests
    assert arrived.headers.every("P-Asserted-Identity") == (f"<{ALICE}>",)


async def test_script_has_core_answer_the_next_message_only(core: LoopbackCore) -> None:
    await core.client.send(register(core.client))
    core.script(Answered(480, "Away"), method="MESSAGE")

    statuses = [(await core.gateway.send(request("MESSAGE", ALICE))).status for _ in range(2)]

    assert statuses == [480, 200]
    assert len(core.sent("MESSAGE")) == 2


async def test_script_loses_request_or_answer(core: LoopbackCore) -> None:
    await core.client.send(register(core.client))
    for fate, error, arrived in (
        (Fate.LOST, NoFinalAnswer, 0),
        (Fate.UNREACHABLE, BearerUnavailable, 0),
        (Fate.ANSWER_LOST, NoFinalAnswer, 1),
    ):
        core.script(fate)
        with pytest.raises(error):
            await core.gateway.send(request("MESSAGE", ALICE))
        assert len(served(core.client).requests) == arrived


async def test_script_holds_message_until_it_is_released(core: LoopbackCore) -> None:
    await core.client.send(register(core.client))
    held = Held()
    core.script(held)
    sending = asyncio.create_task(core.gateway.send(request("MESSAGE", ALICE)))
    await held.arrived.wait()
    assert served(core.client).requests == []

    held.release()

    assert (await sending).status == 200


async def test_request_fails_in_time_when_server_does_not_answer(core: LoopbackCore) -> None:
    await core.client.send(register(core.client))
    core.client.serve(silent := NotingServer(None))
    sending = asyncio.create_task(core.gateway.send(request("MESSAGE", ALICE)))
    await silent.came.wait()

    core.time_out()

    with pytest.raises(NoFinalAnswer):
        await sending


async def test_invite_makes_dialog_until_bye(core: LoopbackCore) -> None:
    await core.client.send(register(core.client))
    invite = request("INVITE", ALICE)
    response = await core.gateway.invite(invite)
    to = response.headers.first("To") or ""
    call = (("Call-ID", "INVITE-1"),)
    within = request("BYE", "sip:alice@127.0.0.1:5081", to=to)
    bye = within.with_headers(within.headers.without("Call-ID").added(*call))
    core.gateway.acknowledge(bye)

    statuses = [(await core.gateway.send(bye)).status for _ in range(2)]

    assert statuses == [200, 481]
    assert served(core.client).told == ["acknowledged"]
    assert [one.method for one in served(core.client).requests] == ["INVITE", "BYE"]


async def test_client_hears_that_its_answer_was_not_acknowledged(core: LoopbackCore) -> None:
    await core.client.send(register(core.client))
    await core.gateway.invite(request("INVITE", ALICE))

    core.no_acknowledgement()

    assert served(core.client).told == ["unacknowledged"]


async def test_invite_of_caller_who_gives_up_is_cancelled(core: LoopbackCore) -> None:
    await core.client.send(register(core.client))
    core.client.serve(silent := NotingServer(None))
    inviting = asyncio.create_task(core.gateway.invite(request("INVITE", ALICE)))
    await silent.came.wait()

    inviting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await inviting

    assert silent.told == ["cancelled"]


async def test_core_lets_in_users_who_prove_themselves(core: LoopbackCore) -> None:
    core.users = SipUsers({"alice": "alice-secret"})
    digest = DigestClient("alice", "alice-secret", lambda: "cnonce")
    first = register(core.client)
    challenge = await core.client.send(first)
    answered = digest.answer(first, challenge)
    assert answered is not None

    assert (await core.client.send(answered)).status == 200

    core.users.make_stale()
    stale = digest.authorise(first)
    again = digest.answer(stale, await core.client.send(stale))
    assert again is not None
    assert (await core.client.send(again)).status == 200
    assert (await core.gateway.send(request("MESSAGE", ALICE))).status == 200


async def test_core_does_not_let_in_wrong_password(core: LoopbackCore) -> None:
    core.users = SipUsers({"alice": "alice-secret"})
    digest = DigestClient("alice", "guessed", lambda: "cnonce")
    first = register(core.client)
    answered = digest.answer(first, await core.client.send(first))
    assert answered is not None

    refused = await core.client.send(answered)

    assert refused.status == 401
    assert digest.answer(answered, refused) is None
    options = request("OPTIONS", "sip:ppg@push.test")
    assert (await core.client.send(options)).status == 407


async def test_restarted_core_knows_nobody(core: LoopbackCore) -> None:
    await core.client.send(register(core.client))

    core.restart()

    assert (await core.gateway.send(request("MESSAGE", ALICE))).status == 480


async def test_flow_is_lost_when_the_test_says_so(core: LoopbackCore) -> None:
    reasons: list[str] = []

    class Listener:
        def lost(self, reason: str) -> None:
            reasons.append(reason)

    await core.client.open_flow(Listener())

    core.client.lose_flow("no pong")

    assert reasons == ["no pong"]
