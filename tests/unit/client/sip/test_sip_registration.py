"""The registration at the core and the bindings that rest on it, against a core in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from omapush.cai.model import (
    BindingState,
    ConnectionProfile,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
)
from omapush.client.binding.binder import BindingFailed, BindingHold
from omapush.client.sip.standing import Condition
from omapush.client.sip.user_agent import UserAgentRules
from omapush.core.instants import Instant
from omapush.ota.sip.core import Origin
from omapush.protocols.sip.hop import Transport
from omapush.protocols.sip.message import SipRequest, SipResponse
from omapush.testing.binding_notes import BindingNotes
from omapush.testing.sip_client import INSTANCE, SipClient
from omapush.testing.sip_link import Answered, Fate, Held, LoopbackCore
from omapush.testing.virtual_clock import VirtualClock

from .scripted_agent import WML, ScriptedAgent

MMS = "x-wap-application:mms.ua"
ALICE = "sip:alice@push.test"
GRUU = f"{ALICE};gr={INSTANCE}"
PPG = "sip:ppg@push.test"
ANY = ConnectionProfile()


class Gateway:
    """A gateway that answers OPTIONS."""

    def __init__(self) -> None:
        self.options: list[SipRequest] = []
        self.answer = SipResponse(200, "OK")

    def arrived(self, request: SipRequest, origin: Origin, answer: Any) -> None:
        if request.method == "OPTIONS":
            self.options.append(request)
            answer(self.answer)
        else:
            answer(SipResponse(200, "OK"))


@dataclass
class Bound:
    """A binding with what was told of it."""

    notes: BindingNotes
    hold: BindingHold

    @property
    def states(self) -> list[BindingState]:
        return [one.state for one in self.notes.told]


@dataclass
class Client:
    """A registration and its binder at a core in memory."""

    transport: Transport = Transport.UDP
    gateways: tuple[str, ...] = ()
    rules: UserAgentRules = field(default_factory=UserAgentRules)
    password: str | None = None

    def __post_init__(self) -> None:
        self.agent, self.clock = ScriptedAgent(), VirtualClock()
        self.core = LoopbackCore(self.clock)
        self.gateway = Gateway()
        self.core.gateway.serve(self.gateway)  # type: ignore[arg-type]
        self.sip = SipClient(
            self.core.client,
            self.clock,
            transport=self.transport,
            gateways=self.gateways,
            rules=self.rules,
            password=self.password,
        )
        self.sip.take_over(self.agent)
        self.registration, self.binder = self.sip.registration, self.sip.binder

    def begin(
        self,
        application: str = WML,
        instance: str | None = None,
        profile: ConnectionProfile = ANY,
        kept: str = "",
    ) -> Bound:
        request = RegistrationRequest(application, instance=instance)
        now = self.clock()
        registration = Registration(
            "r", "o", application, request, RegistrationState.PENDING, now, now
        )
        notes = BindingNotes()
        hold = self.binder.begin(registration, profile, notes, kept)
        return Bound(notes, hold)

    async def started(self) -> Client:
        self.registration.start()
        await settle()
        return self

    @property
    def registers(self) -> list[SipRequest]:
        return self.core.sent("REGISTER")

    def contact(self, number: int = -1) -> str:
        return self.registers[number].headers.first("Contact") or ""

    async def wait(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)
        self.registration.handle_timer()
        await settle()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client()
    yield client
    await client.registration.close()


async def test_registration_of_an_application_is_up_when_the_core_says_so(client: Client) -> None:
    await client.started()
    assert client.registers == []
    bound = client.begin()
    assert bound.states == []
    await settle()
    [register] = client.registers
    assert (register.uri, register.headers.first("To")) == ("sip:push.test", f"<{ALICE}>")
    assert '+g.oma.pusheventapp="wml.ua"' in client.contact()
    assert f'+sip.instance="<{INSTANCE}>"' in client.contact()
    [binding] = bound.notes.told
    assert (binding.state, binding.bearer, binding.address) == (BindingState.UP, "IMS", GRUU)
    assert binding.expires == Instant(client.clock() + 600_000)
    assert bound.notes.kept == ["registered"]


async def test_one_registration_carries_all_applications(client: Client) -> None:
    """CAI 5.1: the set is complete at each change, and an id that two have stays while one is."""
    await client.started()
    first, second = client.begin(WML, "urn:uuid:1"), client.begin(WML, "urn:uuid:2")
    third = client.begin(MMS)
    await settle()
    assert '+g.oma.pusheventapp="mms.ua,wml.ua"' in client.contact()
    assert client.contact().count("3gpp-application.ims.iari") == 2
    assert all(one.states == [BindingState.UP] for one in (first, second, third))
    await first.hold.close()
    await settle()
    assert '+g.oma.pusheventapp="mms.ua,wml.ua"' in client.contact()
    assert client.contact().count("3gpp-application.ims.iari") == 1
    await second.hold.close()
    await settle()
    assert '+g.oma.pusheventapp="mms.ua"' in client.contact()


async def test_last_application_takes_the_registration_with_it(client: Client) -> None:
    """CAI 5.2."""
    await client.started()
    bound = client.begin()
    await settle()
    await bound.hold.close()
    await client.binder.withdraw("registered")
    assert client.registers[-1].headers.first("Expires") == "0"
    assert client.core.registrar.bindings == []
    assert client.registration.standing.condition is Condition.IDLE


async def test_withdrawal_waits_for_the_core(client: Client) -> None:
    await client.started()
    bound, _ = client.begin(), client.begin(MMS)
    await settle()
    held = Held()
    client.core.script(held, "REGISTER")
    await bound.hold.close()
    withdrawal = asyncio.create_task(client.binder.withdraw("registered"))
    await settle()
    assert not withdrawal.done()
    held.release()
    await withdrawal
    assert '"mms.ua"' in client.contact()


async def test_withdrawal_that_the_core_does_not_take_fails(client: Client) -> None:
    await client.started()
    bound, other = client.begin(), client.begin(MMS)
    await settle()
    client.core.script(Answered(500), "REGISTER")
    await bound.hold.close()
    with pytest.raises(BindingFailed) as failed:
        await client.binder.withdraw("registered")
    assert failed.value.cause is Reason.SERVER_ERROR
    assert other.states == [BindingState.UP]  # the binding of before still holds


@pytest.mark.parametrize("status", [403, 404])
async def test_core_that_refuses_fails_the_registration(client: Client, status: int) -> None:
    """CAI-41."""
    client.core.script(Answered(status, "No"), "REGISTER", times=9)
    await client.started()
    bound = client.begin()
    await settle()
    [binding] = bound.notes.told
    assert (binding.state, binding.reason) == (BindingState.FAILED, Reason.REFUSED_BY_SERVER)
    assert f"{status} No" in binding.detail
    assert len(client.registers) == 1


async def test_core_that_refused_is_asked_again_by_the_next_application(client: Client) -> None:
    client.core.script(Answered(403, "No"), "REGISTER")
    await client.started()
    first = client.begin()
    await settle()
    await first.hold.close()
    again = client.begin()
    await settle()
    assert again.states == [BindingState.UP]


async def test_wrong_password_is_a_failure_of_security() -> None:
    """REQ19."""
    client = await Client(password="wrong").started()
    challenge = (("WWW-Authenticate", 'Digest realm="push.test", nonce="n", qop="auth"'),)
    client.core.script(Answered(401, "Unauthorized", challenge), "REGISTER", times=9)
    bound = client.begin()
    await settle()
    [binding] = bound.notes.told
    assert (binding.state, binding.reason) == (BindingState.FAILED, Reason.SECURITY_FAILURE)
    assert len(client.registers) == 2
    await client.registration.close()


async def test_core_that_does_not_answer_is_tried_again(client: Client) -> None:
    client.core.script(Fate.LOST, "REGISTER")
    await client.started()
    bound = client.begin()
    await settle()
    [binding] = bound.notes.told
    assert (binding.state, binding.reason) == (BindingState.PENDING, Reason.TIMEOUT)
    assert client.registration.status().next_try is not None
    await client.wait(60_000)
    assert bound.states == [BindingState.PENDING, BindingState.UP]


async def test_registration_that_runs_out_is_lost_and_comes_back(client: Client) -> None:
    await client.started()
    bound = client.begin()
    await settle()
    client.core.client.is_cut_off = True
    await client.wait(300_000)
    assert bound.states == [BindingState.UP]  # it still holds
    await client.wait(300_000)
    with pytest.raises(RegistrationRejected) as rejected:
        client.binder.scope(RegistrationRequest(MMS), ANY, "profiles[0]")
    assert rejected.value.cause is Reason.UNAVAILABLE
    assert bound.states[1:] == [BindingState.LOST] * 2  # it has run out, and is tried in vain
    assert [one.available for one in client.binder.offers()] == [False]
    client.core.client.is_cut_off = False
    await client.wait(1_800_000)
    assert bound.states[-1] is BindingState.UP


async def test_core_that_has_forgotten_everything_is_told_with_the_next_refresh(
    client: Client,
) -> None:
    await client.started()
    client.begin()
    await settle()
    client.core.restart()
    await client.wait(300_000)
    assert len(client.core.registrar.bindings) == 1


async def test_binding_of_an_earlier_life_waits_for_the_core(client: Client) -> None:
    """What was up once is lost and not failed, whatever the core says now."""
    client.core.script(Answered(403, "No"), "REGISTER")
    bound = client.begin(kept="registered")
    await client.started()
    [binding] = bound.notes.told
    assert (binding.state, binding.reason) == (BindingState.PENDING, Reason.REFUSED_BY_SERVER)


async def test_core_that_refused_what_was_up_before_is_asked_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omapush.client.sip.registration.REFUSED_AGAIN_MS", 0)
    client.core.script(Answered(403, "No"), "REGISTER")
    bound = client.begin(kept="registered")
    await client.started()
    assert bound.states == [BindingState.PENDING, BindingState.UP]


async def test_change_of_address_is_told_at_once(client: Client) -> None:
    """REQ5: the same user and device, wherever it is."""
    await client.started()
    client.begin()
    await settle()
    client.core.client.address = "192.0.2.7:5081"
    client.registration.look()
    await settle()
    assert len(client.registers) == 2
    assert "<sip:alice@192.0.2.7:5081>" in client.contact()
    assert "<sip:alice@127.0.0.1:5081>;expires=0" in client.contact()
    assert client.registration.standing.address == GRUU


async def test_ids_of_the_clients_own_are_registered_too(client: Client) -> None:
    client.sip.own = {"x-wap-application:push.sia"}
    await client.started()
    client.binder.announce()
    await settle()
    assert '+g.oma.pusheventapp="push.sia"' in client.contact()


async def test_hidden_applications_are_not_named_to_the_core() -> None:
    """REQ22."""
    client = await Client(rules=UserAgentRules(hides_applications=True)).started()
    first = client.begin(WML, "urn:uuid:1")
    await settle()
    second = client.begin(MMS)
    await settle()
    assert "wml" not in client.contact()
    assert "iari" not in client.contact()
    assert "+g.oma.pusheventapp" in client.contact()
    assert first.states[-1] is second.states[-1] is BindingState.UP
    await client.registration.close()


# -- gateways --


async def test_gateway_is_told_after_each_change() -> None:
    """CAI 5.1: the client tells its Push Server by OPTIONS."""
    client = await Client(gateways=(PPG,)).started()
    client.begin()
    await settle()
    [options] = client.gateway.options
    assert options.headers.first("Accept") == "application/vnd.oma.push, text/plain"
    assert options.headers.first("Contact") == f'<{GRUU}>;+g.oma.pusheventapp="wml.ua"'
    assert options.headers.first("P-Asserted-Identity") == f"<{ALICE}>"
    await client.wait(300_000)  # a refresh that changes nothing
    assert len(client.gateway.options) == 1
    client.agent.takes = replace(client.agent.takes, accept=("text/html",))
    client.binder.announce()
    await settle()
    assert "text/html" in (client.gateway.options[-1].headers.first("Accept") or "")
    assert len(client.gateway.options) == 2
    client.begin(MMS)
    client.binder.announce()
    await settle()
    assert len(client.gateway.options) == 3
    assert "mms.ua" in (client.gateway.options[-1].headers.first("Contact") or "")
    await client.registration.close()


async def test_gateway_that_refuses_fails_those_only_that_named_it() -> None:
    client = await Client(gateways=(PPG,)).started()
    client.gateway.answer = SipResponse(403, "Forbidden")
    anybody = client.begin()
    named = client.begin(MMS, profile=ConnectionProfile("OTA-SIP", contact_point=PPG))
    await settle()
    assert anybody.states == [BindingState.UP]
    [binding] = named.notes.told
    assert (binding.state, binding.reason) == (BindingState.FAILED, Reason.REFUSED_BY_SERVER)
    assert client.registration.status().gateways[0].said == "403 Forbidden"
    await client.registration.close()


async def test_gateway_that_a_profile_names_has_to_agree(client: Client) -> None:
    await client.started()
    held = Held()
    client.core.script(held, "OPTIONS")
    named = client.begin(profile=ConnectionProfile("OTA-SIP", contact_point=PPG))
    await settle()
    assert named.states == []
    held.release()
    await settle()
    assert named.states == [BindingState.UP]


async def test_request_to_contact_the_gateway_registers_and_tells_it_again() -> None:
    """Section 12: a session initiation request; the core may have forgotten its bindings."""
    client = await Client(gateways=(PPG,)).started()
    client.begin()
    await settle()
    client.registration.ask()
    await settle()
    assert len(client.gateway.options) == 2
    assert [one.headers.first("Expires") for one in client.registers] == ["600", "600"]
    await client.registration.close()


async def test_request_to_contact_the_gateway_does_not_wait_for_the_next_try() -> None:
    client = Client()
    client.core.script(Fate.LOST, "REGISTER")
    await client.started()
    bound = client.begin()
    await settle()
    client.registration.ask()
    await settle()
    assert bound.states == [BindingState.PENDING, BindingState.UP]
    assert len(client.registers) == 2
    await client.registration.close()


# -- connections --


async def test_connection_is_opened_before_anything_is_registered() -> None:
    client = await Client(transport=Transport.TCP).started()
    bound = client.begin()
    await settle()
    assert client.core.client.flow is not None
    assert "<sip:alice@127.0.0.1:5081;transport=tcp>" in client.contact()
    client.core.client.lose_flow("connection reset")
    assert bound.states == [BindingState.UP, BindingState.LOST]
    assert bound.notes.told[-1].reason is Reason.NETWORK_ERROR
    await settle()
    assert bound.states == [BindingState.UP, BindingState.LOST, BindingState.UP]
    assert len(client.registers) == 2
    await client.registration.close()


async def test_connection_that_cannot_be_had_is_told() -> None:
    client = Client(transport=Transport.TLS)
    client.core.client.is_cut_off = True
    await client.started()
    bound = client.begin()
    await settle()
    [binding] = bound.notes.told
    assert (binding.state, binding.reason) == (BindingState.PENDING, Reason.NETWORK_ERROR)
    await client.registration.close()


async def test_connection_is_tried_at_once_when_the_network_is_another() -> None:
    client = Client(transport=Transport.TCP)
    client.core.client.is_cut_off = True
    await client.started()
    bound = client.begin()
    await settle()
    client.core.client.is_cut_off = False
    client.registration.look()
    await settle()
    assert bound.states == [BindingState.PENDING, BindingState.UP]
    await client.registration.close()


async def test_request_to_contact_the_gateway_opens_the_connection_now() -> None:
    client = Client(transport=Transport.TCP)
    await client.started()
    bound = client.begin()
    await settle()
    client.core.client.is_cut_off = True
    client.core.client.lose_flow("connection reset")
    await settle()
    client.core.client.is_cut_off = False
    client.registration.ask()
    await settle()
    assert bound.states[0] is bound.states[-1] is BindingState.UP
    assert [one.headers.first("Expires") for one in client.registers] == ["600", "600"]
    await client.registration.close()


async def test_nothing_is_refreshed_without_the_connection() -> None:
    client = Client(transport=Transport.TCP)
    await client.started()
    client.begin()
    await settle()
    client.core.client.is_cut_off = True
    client.core.client.lose_flow("connection reset")
    await settle()
    assert client.registration.status().condition is Condition.LOST
    assert client.registration.is_registered is False
    assert len(client.registers) == 1
    await client.registration.close()


async def test_core_is_told_that_the_client_stops(client: Client) -> None:
    await client.started()
    client.begin()
    await settle()
    await client.registration.close()
    assert client.core.registrar.bindings == []


# -- what profiles may ask for --


@pytest.mark.parametrize(
    ("profile", "parameter"),
    [
        (ConnectionProfile("OTA-SIP", "GPRS"), "profiles[0].bearer_type"),
        (ConnectionProfile("OTA-SIP", port=5060), "profiles[0].port"),
        (ConnectionProfile("OTA-SIP", cb_message_id="1"), "profiles[0].cb_message_id"),
        (ConnectionProfile("OTA-WSP"), "profiles[0].protocol"),
    ],
)
async def test_option_that_makes_no_sense_is_refused_by_name(
    client: Client, profile: ConnectionProfile, parameter: str
) -> None:
    """CAI-26."""
    with pytest.raises(RegistrationRejected) as rejected:
        client.binder.scope(RegistrationRequest(WML), profile, "profiles[0]")
    assert rejected.value.cause is Reason.UNSUPPORTED_OPTION
    assert rejected.value.parameter == parameter


async def test_each_instance_is_a_scope_of_its_own(client: Client) -> None:
    """CAI-22."""
    scopes = {
        client.binder.scope(RegistrationRequest(WML, instance=one), ANY, "profiles[0]")
        for one in (None, "urn:uuid:1", "urn:uuid:2")
    }
    assert len(scopes) == 3
    assert "" in scopes
    with pytest.raises(RegistrationRejected) as rejected:
        client.binder.scope(RegistrationRequest(WML, instance="x" * 4_000), ANY, "profiles[0]")
    assert rejected.value.parameter == "instance"


async def test_status_says_how_it_stands() -> None:
    client = await Client(gateways=(PPG,)).started()
    client.begin()
    await settle()
    status = client.registration.status()
    assert (status.aor, status.gruu, status.condition) == (ALICE, GRUU, Condition.REGISTERED)
    assert status.contact == "sip:alice@127.0.0.1:5081"
    assert status.last_answer == "200 OK"
    assert status.applications.ids == (WML,)
    assert status.tags == ('+g.oma.pusheventapp="wml.ua"',)
    assert status.gateways[0].is_told
    await client.registration.close()
