"""The client's registration with the core, under a clock that the tests move."""

from __future__ import annotations

import itertools

import pytest

from omapush.core.instants import HOUR_MS, MINUTE_MS, SECOND_MS, Instant, later
from omapush.ota.sip.push_features import PushFeatures
from omapush.ota.sip.registering import (
    MAX_AT_ONCE,
    DeregisteredInd,
    NotRegisteredInd,
    RegisteredInd,
    Registering,
    RegisteringSettings,
    RegistrationIndication,
    RegistrationState,
    SendRegister,
)
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse

INSTANCE = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
SETTINGS = RegisteringSettings("sip:alice@push.test", "sip:push.test", INSTANCE)
HERE, THERE = "sip:alice@127.0.0.1:5081", "sip:alice@127.0.0.2:5081"
MMS = PushFeatures(("mms.ua",))
MORE = PushFeatures(("mms.ua", "ulp.ua"))
START = Instant(1_000_000)


class Password:
    """An authenticator that has one answer, for one nonce."""

    def __init__(self, attempts: int = 1) -> None:
        self.attempts = attempts

    def authorise(self, request: SipRequest) -> SipRequest:
        return request

    def answer(self, request: SipRequest, response: SipResponse) -> SipRequest | None:
        if self.attempts == 0:
            return None
        self.attempts -= 1
        return request.with_headers(request.headers.added(("Authorization", "Digest x")))


class Device:
    """A registration with the registrar in the test's hands."""

    def __init__(
        self, settings: RegisteringSettings = SETTINGS, password: Password | None = None
    ) -> None:
        tokens = (f"token{number}" for number in itertools.count())
        self.machine = Registering(settings, password, lambda: next(tokens), lambda: 0.0)
        self.now = START
        self.told: list[RegistrationIndication] = []

    def register(self, features: PushFeatures = MMS, contact: str = HERE) -> None:
        self.machine.register(contact, features, self.now)

    def sent(self) -> SendRegister:
        (one,) = self.machine.requests()
        return one

    def answer(self, status: int, *headers: tuple[str, str]) -> SendRegister:
        one = self.sent()
        response = SipResponse(status, "Words", SipHeaders(headers))
        self.machine.answered(one.key, response, self.now)
        self.told = self.machine.indications()
        return one

    def grant(self, seconds: int = 600, *headers: tuple[str, str]) -> SendRegister:
        contact = f'<{HERE}>;expires={seconds};+sip.instance="<{INSTANCE}>"'
        return self.answer(200, ("Contact", contact), *headers)

    def pass_time(self, milliseconds: int) -> None:
        self.now = later(self.now, milliseconds)
        self.machine.handle_timer(self.now)

    def wait_for_timer(self) -> int:
        due = self.machine.next_timer()
        assert due is not None
        waited = due - self.now
        self.pass_time(waited)
        return waited


def test_register_is_as_the_reference_has_it() -> None:
    device = Device()
    device.register(MORE)
    request = device.sent().request
    assert request.uri == "sip:push.test"
    assert request.headers.fields == (
        ("From", "<sip:alice@push.test>;tag=token1"),
        ("To", "<sip:alice@push.test>"),
        ("Call-ID", "token0"),
        ("CSeq", "1 REGISTER"),
        (
            "Contact",
            f'<{HERE}>;+sip.instance="<{INSTANCE}>";+g.oma.pusheventapp="mms.ua,ulp.ua"',
        ),
        ("Expires", "600"),
        ("Supported", "path, gruu"),
        ("Allow", "MESSAGE, INVITE, ACK, BYE, CANCEL, OPTIONS"),
    )
    assert device.machine.state is RegistrationState.REGISTERING


def test_registrar_grants_what_client_needs() -> None:
    device = Device()
    device.register()
    contact = (
        f'<{HERE}>;expires=300;pub-gruu="sip:alice@push.test;gr=urn:x";temp-gruu="sip:t@x;gr"'
        f';+sip.instance="<{INSTANCE}>"'
    )
    device.answer(
        200,
        ("Contact", f"<sip:other@x>;expires=5, {contact}"),
        ("Service-Route", "<sip:orig@core;lr>, <sip:home;lr>"),
        ("P-Associated-URI", "<sip:alice@push.test>, <tel:+1555>"),
        ("Path", "<sip:edge;lr>"),
        ("Flow-Timer", "110"),
    )
    granted = device.machine.granted
    assert granted is not None
    assert granted.expires_at == later(START, 300 * SECOND_MS)
    assert granted.public_gruu == "sip:alice@push.test;gr=urn:x"
    assert granted.temporary_gruu == "sip:t@x;gr"
    assert granted.service_route == ("<sip:orig@core;lr>", "<sip:home;lr>")
    assert granted.identities == ("sip:alice@push.test", "tel:+1555")
    assert (granted.path, granted.flow_timer_s) == (("<sip:edge;lr>",), 110)
    assert device.told == [RegisteredInd(granted, MMS, has_changed=True)]
    assert device.machine.state is RegistrationState.REGISTERED


@pytest.mark.parametrize(
    ("seconds", "refreshed_after"),
    [(60, 30), (600, 300), (1_200, 600), (1_201, 601), (3_600, 3_000)],
)
def test_registration_is_refreshed_before_it_ends(seconds: int, refreshed_after: int) -> None:
    device = Device()
    device.register()
    device.grant(seconds)
    assert device.wait_for_timer() == refreshed_after * SECOND_MS
    assert device.machine.state is RegistrationState.REGISTERED
    again = device.grant(seconds)
    assert again.request.headers.first("Call-ID") == "token0"
    assert again.request.headers.first("CSeq") == "2 REGISTER"
    assert [one.has_changed for one in device.told if isinstance(one, RegisteredInd)] == [False]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ((), 600),
        ((("Expires", "120"),), 120),
        ((("Expires", "120"), ("Contact", f"<{HERE};x=1>;expires=60")), 60),
        ((("Expires", "120"), ("Contact", f"<{HERE}>")), 120),
        ((("Contact", f'<sip:nat@x>;expires=50;+sip.instance="<{INSTANCE}>"'),), 50),
        ((("Contact", f"<{HERE}>;expires=soon"),), 600),
        ((("Contact", "<<<"), ("Expires", "x")), 600),
    ],
)
def test_time_granted_is_that_of_own_contact(
    headers: tuple[tuple[str, str], ...], seconds: int
) -> None:
    device = Device()
    device.register()
    device.answer(200, *headers)
    assert device.machine.granted is not None
    assert device.machine.granted.expires_at == later(START, seconds * SECOND_MS)


def test_change_of_applications_is_told_at_once() -> None:
    device = Device()
    device.register()
    device.grant()
    device.register(MORE)
    assert "ulp.ua" in (device.grant().request.headers.first("Contact") or "")
    (told,) = device.told
    assert isinstance(told, RegisteredInd)
    assert (told.features, told.has_changed) == (MORE, True)
    device.register(MORE)
    assert device.machine.requests() == []


def test_change_waits_for_answer_to_register_before() -> None:
    device = Device()
    device.register()
    first = device.sent()
    device.register(MORE)
    assert device.machine.requests() == []
    device.machine.answered(first.key, SipResponse(200, "OK"), device.now)
    assert "ulp.ua" in (device.grant().request.headers.first("Contact") or "")


def test_challenge_is_answered_with_next_number() -> None:
    device = Device(password=Password())
    device.register()
    device.answer(401)
    assert device.told == []
    again = device.grant()
    assert again.request.headers.first("Authorization") == "Digest x"
    assert again.request.headers.first("CSeq") == "2 REGISTER"
    assert device.machine.state is RegistrationState.REGISTERED


def test_wrong_password_is_failure_that_is_not_repeated() -> None:
    device = Device(password=Password())
    device.register()
    device.answer(401)
    device.answer(401)
    assert device.told == [
        NotRegisteredInd(
            "the registrar answered 401 Words", 401, may_retry=False, authentication=True
        )
    ]
    assert device.machine.state is RegistrationState.REFUSED
    assert device.machine.next_timer() is None
    device.register()
    assert device.machine.requests() == []


def test_registrar_that_challenges_for_ever_is_given_up() -> None:
    device = Device(password=Password(attempts=1_000))
    device.register()
    for _ in range(MAX_AT_ONCE):
        device.answer(407)
        assert device.told == []
    device.answer(407)
    assert device.machine.state is RegistrationState.REFUSED


def test_longer_time_is_asked_for_when_registrar_wants_it() -> None:
    device = Device()
    device.register()
    device.answer(423, ("Min-Expires", "1800"))
    assert device.grant(1_800).request.headers.first("Expires") == "1800"
    device.wait_for_timer()
    assert device.sent().request.headers.first("Expires") == "1800"


@pytest.mark.parametrize("least", ["600", "x", "99999999"])
def test_registrar_cannot_want_any_time(least: str) -> None:
    device = Device()
    device.register()
    device.answer(423, ("Min-Expires", least))
    assert device.machine.state is RegistrationState.REFUSED


@pytest.mark.parametrize("status", [301, 400, 403, 404, 416, 603])
def test_refusal_is_final_until_something_changes(status: int) -> None:
    device = Device()
    device.register()
    device.answer(status)
    assert device.told == [
        NotRegisteredInd(f"the registrar answered {status} Words", status, may_retry=False)
    ]
    assert device.machine.state is RegistrationState.REFUSED
    device.register(MORE)
    device.grant()
    assert device.machine.state is RegistrationState.REGISTERED


def test_refusal_of_refresh_ends_registration() -> None:
    device = Device()
    device.register()
    device.grant()
    device.wait_for_timer()
    device.answer(403)
    assert device.machine.granted is None
    assert device.machine.state is RegistrationState.REFUSED


@pytest.mark.parametrize("status", [408, 480, 500, 503, 504, 599])
def test_registrar_in_trouble_is_tried_again_with_growing_waits(status: int) -> None:
    device = Device()
    device.register()
    waits = []
    for _ in range(8):
        device.answer(status)
        assert device.machine.state is RegistrationState.WAITING
        (told,) = device.told
        assert isinstance(told, NotRegisteredInd)
        assert told.may_retry
        waits.append(device.wait_for_timer())
    assert waits == [
        30_000, 60_000, 120_000, 240_000, 480_000, 960_000, 30 * MINUTE_MS, 30 * MINUTE_MS,
    ]  # fmt: skip
    device.grant()
    device.wait_for_timer()
    device.answer(status)
    assert device.wait_for_timer() == 30_000


def test_registrar_may_ask_to_wait() -> None:
    device = Device()
    device.register()
    device.answer(503, ("Retry-After", "3600 (tired)"))
    assert device.wait_for_timer() == HOUR_MS


def test_change_does_not_shorten_wait_but_new_address_does() -> None:
    device = Device()
    device.register()
    device.answer(503)
    device.register(MORE)
    assert device.machine.requests() == []
    device.register(MORE, THERE)
    assert THERE in (device.sent().request.headers.first("Contact") or "")


def test_silence_is_tried_again() -> None:
    device = Device()
    device.register()
    device.machine.failed(device.sent().key, "timer F", device.now)
    assert device.machine.indications() == [NotRegisteredInd("timer F")]
    assert device.machine.last_answer == "timer F"
    device.wait_for_timer()
    device.grant()
    assert device.machine.state is RegistrationState.REGISTERED


def test_binding_holds_while_refresh_fails_until_it_runs_out() -> None:
    device = Device()
    device.register()
    device.grant(60)
    device.wait_for_timer()
    device.answer(503, ("Retry-After", "600"))
    (told,) = device.told
    assert isinstance(told, NotRegisteredInd)
    assert told.still_holds
    assert device.machine.state is RegistrationState.REGISTERED
    assert device.wait_for_timer() == 30 * SECOND_MS
    assert device.machine.indications() == [NotRegisteredInd("the registration has run out")]
    assert device.machine.state is RegistrationState.WAITING
    device.wait_for_timer()
    device.grant()
    assert device.machine.state is RegistrationState.REGISTERED


def test_binding_runs_out_while_refresh_is_under_way() -> None:
    device = Device()
    device.register()
    device.grant(60)
    device.wait_for_timer()
    sent = device.sent()
    device.wait_for_timer()
    assert device.machine.state is RegistrationState.REGISTERING
    device.machine.answered(sent.key, SipResponse(200, "OK"), device.now)
    (lost, found) = device.machine.indications()
    assert isinstance(lost, NotRegisteredInd)
    assert isinstance(found, RegisteredInd)
    assert found.has_changed


def test_lost_flow_is_registered_again_at_once() -> None:
    device = Device()
    device.register()
    device.grant()
    device.machine.flow_lost("no pong", device.now)
    assert device.machine.indications() == [NotRegisteredInd("no pong")]
    device.grant()
    (told,) = device.told
    assert isinstance(told, RegisteredInd)
    assert told.has_changed


def test_new_address_takes_old_one_back() -> None:
    device = Device()
    device.register()
    device.grant()
    device.register(MMS, THERE)
    contacts = device.answer(200).request.headers.listed("Contact")
    assert [one.partition(">")[0] for one in contacts] == [f"<{THERE}", f"<{HERE}"]
    assert contacts[1].endswith(">;expires=0")
    (told,) = device.told
    assert isinstance(told, RegisteredInd)
    assert told.has_changed


def test_outbound_keeps_flow_and_is_left_where_edge_lacks_it() -> None:
    device = Device(RegisteringSettings("sip:a@b", "sip:b", INSTANCE, outbound=True))
    device.register()
    first = device.answer(439).request.headers
    assert f'<{HERE};ob>;+sip.instance="<{INSTANCE}>";reg-id=1' in (first.first("Contact") or "")
    assert first.first("Supported") == "path, gruu, outbound"
    second = device.grant(600, ("Require", "outbound")).request.headers
    assert "reg-id" not in (second.first("Contact") or "")
    assert device.machine.granted is not None
    assert device.machine.granted.is_outbound


def test_client_deregisters() -> None:
    device = Device()
    device.register()
    device.grant()
    device.machine.deregister(device.now)
    assert device.machine.state is RegistrationState.DEREGISTERING
    assert device.answer(200).request.headers.first("Expires") == "0"
    assert device.told == [DeregisteredInd("200 Words")]
    assert device.machine.state is RegistrationState.UNREGISTERED
    assert device.machine.next_timer() is None


def test_client_that_was_never_registered_deregisters_without_request() -> None:
    device = Device()
    device.machine.deregister(device.now)
    assert device.machine.requests() == []
    assert device.machine.indications() == [DeregisteredInd("")]


@pytest.mark.parametrize("status", [403, 423, 500])
def test_deregistration_ends_whatever_the_answer(status: int) -> None:
    device = Device()
    device.register()
    device.grant()
    device.machine.deregister(device.now)
    device.answer(status)
    assert device.told == [DeregisteredInd(f"{status} Words")]
    assert device.machine.state is RegistrationState.UNREGISTERED


def test_deregistration_waits_for_answer_under_way_and_is_authenticated() -> None:
    device = Device(password=Password(attempts=1))
    device.register()
    sent = device.sent()
    device.machine.deregister(device.now)
    assert device.machine.requests() == []
    device.machine.answered(sent.key, SipResponse(200, "OK"), device.now)
    device.answer(401)
    device.answer(200)
    assert device.told == [DeregisteredInd("200 Words")]


def test_client_registers_again_while_it_deregisters() -> None:
    device = Device()
    device.register()
    device.grant()
    device.machine.deregister(device.now)
    device.register(MORE)
    device.answer(200)
    assert device.told == []
    device.grant()
    assert device.machine.state is RegistrationState.REGISTERED


def test_binding_that_registrar_did_not_keep_is_tried_again() -> None:
    device = Device()
    device.register()
    device.grant(0)
    assert device.machine.state is RegistrationState.WAITING


def test_answer_to_another_request_changes_nothing() -> None:
    device = Device()
    device.register()
    sent = device.sent()
    device.machine.answered(sent.key + 1, SipResponse(200, "OK"), device.now)
    device.machine.failed(sent.key - 1, "x", device.now)
    assert device.machine.state is RegistrationState.REGISTERING
    device.machine.answered(sent.key, SipResponse(200, "OK"), device.now)
    device.machine.answered(sent.key, SipResponse(403, "No"), device.now)
    assert device.machine.state is RegistrationState.REGISTERED


def test_client_that_gave_up_does_not_wait_for_registrar_in_trouble() -> None:
    device = Device()
    device.register()
    sent = device.sent()
    device.machine.deregister(device.now)
    device.machine.failed(sent.key, "timer F", device.now)
    assert device.machine.indications() == [DeregisteredInd("timer F")]
    assert device.machine.state is RegistrationState.UNREGISTERED
