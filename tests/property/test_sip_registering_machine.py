"""The registration of a client, whatever the core, the network and the applications do."""

from __future__ import annotations

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from omapush.core.instants import DAY_MS, SECOND_MS, Instant, later
from omapush.ota.sip.push_features import PushFeatures
from omapush.ota.sip.registering import (
    LONGEST_EXPIRES_S,
    MAX_AT_ONCE,
    DeregisteredInd,
    NotRegisteredInd,
    RegisteredInd,
    Registering,
    RegisteringSettings,
    RegistrationState,
    SendRegister,
)
from omapush.protocols.sip.header_fields import call_id, cseq
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse

FEATURES = st.sampled_from(
    [PushFeatures(), PushFeatures(("mms.ua",)), PushFeatures(("mms.ua", "ulp.ua"))]
)
CONTACTS = st.sampled_from(["sip:alice@192.0.2.1:5060", "sip:alice@192.0.2.2:5060"])
STATUSES = st.sampled_from([200, 301, 401, 403, 407, 408, 423, 439, 480, 500, 503, 603])
EXTRA = st.sampled_from(
    [
        (),
        (("Expires", "60"),),
        (("Expires", "0"),),
        (("Min-Expires", "1200"),),
        (("Min-Expires", "90000"),),
        (("Retry-After", "120"),),
        (("Contact", "<sip:alice@192.0.2.1:5060>;expires=30"),),
        (("Contact", "<<"), ("Retry-After", "x"), ("Expires", "y")),
    ]
)


class Password:
    """An authenticator that always has another answer."""

    def authorise(self, request: SipRequest) -> SipRequest:
        return request

    def answer(self, request: SipRequest, response: SipResponse) -> SipRequest | None:
        return request


class RegistrationOfClient(RuleBasedStateMachine):
    """Applications come and go, the core answers anything or nothing, and time passes."""

    @initialize(outbound=st.booleans())
    def begin(self, outbound: bool) -> None:
        tokens = (f"token{number}" for number in itertools.count())
        settings_ = RegisteringSettings(
            "sip:alice@push.test", "sip:push.test", "urn:uuid:1", outbound=outbound
        )
        self.machine = Registering(settings_, Password(), lambda: next(tokens), lambda: 0.5)
        self.now = Instant(1_000_000)
        self.under_way: SendRegister | None = None
        self.wanted: tuple[str, PushFeatures] | None = None
        self.last_cseq = 0
        self.sent_at_once = 0
        self.is_registered = False

    def look(self) -> None:
        """Carry out what the machine wants, and check what it says."""
        for one in self.machine.requests():
            assert self.under_way is None, "two requests under way"
            self.under_way = one
            number = cseq(one.request)
            assert (number.method, call_id(one.request)) == ("REGISTER", "token0")
            assert number.number > self.last_cseq
            self.last_cseq = number.number
        for told in self.machine.indications():
            match told:
                case RegisteredInd(granted=granted):
                    assert self.now < granted.refresh_at <= granted.expires_at
                    self.is_registered = True
                case NotRegisteredInd(still_holds=still_holds):
                    assert not still_holds or self.is_registered
                    self.is_registered = still_holds
                case DeregisteredInd():
                    self.is_registered = False

    @rule(contact=CONTACTS, features=FEATURES)
    def register(self, contact: str, features: PushFeatures) -> None:
        self.wanted = contact, features
        self.machine.register(contact, features, self.now)
        self.look()

    @rule()
    def deregister(self) -> None:
        self.wanted = None
        self.machine.deregister(self.now)
        self.look()

    @rule(status=STATUSES, extra=EXTRA)
    def answer(self, status: int, extra: tuple[tuple[str, str], ...]) -> None:
        self.finish(SipResponse(status, "x", SipHeaders(extra)))

    def finish(self, response: SipResponse) -> None:
        if self.under_way is not None:
            key, self.under_way = self.under_way.key, None
            self.machine.answered(key, response, self.now)
            self.look()

    @rule(times=st.integers(2, MAX_AT_ONCE + 2))
    def challenge_for_ever(self, times: int) -> None:
        for _ in range(times):
            self.finish(SipResponse(401, "x"))
        if times > MAX_AT_ONCE and self.wanted is not None and self.under_way is None:
            assert self.machine.state is not RegistrationState.REGISTERING

    @rule()
    def fail(self) -> None:
        if self.under_way is not None:
            key, self.under_way = self.under_way.key, None
            self.machine.failed(key, "no answer", self.now)
            self.look()

    @rule()
    def lose_flow(self) -> None:
        self.machine.flow_lost("broken", self.now)
        self.look()

    @rule()
    def stray_answer(self) -> None:
        key = 0 if self.under_way is None else self.under_way.key + 1
        self.machine.answered(key, SipResponse(200, "OK"), self.now)
        self.look()

    @rule()
    def wait_for_timer(self) -> None:
        due = self.machine.next_timer()
        if due is not None:
            self.now = max(self.now, due)
            self.machine.handle_timer(self.now)
            self.look()
            assert self.machine.next_timer() != due or self.under_way is not None

    @rule(milliseconds=st.integers(0, DAY_MS))
    def pass_time(self, milliseconds: int) -> None:
        self.now = later(self.now, milliseconds)
        self.machine.handle_timer(self.now)
        self.look()

    @rule()
    def core_recovers(self) -> None:
        """From here everything is granted: the core then knows what is wanted, or refused it."""
        for _ in range(2 * MAX_AT_ONCE):
            if self.under_way is not None:
                self.finish(SipResponse(200, "OK"))
            elif self.machine.state is RegistrationState.WAITING:
                self.pass_time(DAY_MS)
        if self.under_way is not None or self.machine.state is RegistrationState.REFUSED:
            return
        if self.wanted is None:
            assert self.machine.state is RegistrationState.UNREGISTERED
        else:
            assert self.machine.state is RegistrationState.REGISTERED

    @invariant()
    def somebody_wakes_it(self) -> None:
        if not hasattr(self, "machine"):
            return
        registered = self.machine.granted is not None
        assert registered == self.is_registered or self.machine.granted is None
        waits = registered or self.machine.state is RegistrationState.WAITING
        if waits and self.under_way is None:
            due = self.machine.next_timer()
            assert due is not None
            assert due - self.now <= LONGEST_EXPIRES_S * SECOND_MS


RegistrationOfClient.TestCase.settings = settings(
    max_examples=80, stateful_step_count=30, deadline=None
)
TestRegistrationOfClient = RegistrationOfClient.TestCase
