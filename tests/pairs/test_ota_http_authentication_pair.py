"""Both ends of OTA-HTTP authenticate each other over a simulated link (WAP-235, 7.2.6.2)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.content.message import PushMessage
from omapush.ota.http import cpi
from omapush.ota.http.authentication import Login, Scheme
from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
from omapush.ota.http.contexts import ProvisioningContext
from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings, KnownCpi
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    OutcomeKind,
    PoConfirmedPushInd,
    PoConfirmedPushReq,
    PoConfirmedPushRes,
    PpgIndication,
    PpgRequest,
    PushOutcome,
    PushSource,
    RegistrationInd,
    SessionFailedInd,
)
from omapush.testing.pair import Link, StreamPair
from omapush.testing.virtual_clock import VirtualClock

CAPABILITIES = ClientCapabilities(accept=("*/*",), max_message_size=10_000, max_push_requests=3)
MESSAGE = PushMessage((("Content-Type", "text/plain"),), b"hello")
TERMINAL, GATEWAY = "4165012322222", "ppg.example.com"
SECRET_OF_TERMINAL, SECRET_OF_GATEWAY = "t-secret", "g-secret"
CONTEXT = ProvisioningContext(
    TERMINAL,
    "http://example.org/p",
    login=Login(TERMINAL, SECRET_OF_TERMINAL),
    gateway=Login(GATEWAY, SECRET_OF_GATEWAY),
)
schemes = st.sampled_from(Scheme)


@dataclass
class Accounts:
    password: str | None = SECRET_OF_TERMINAL
    login: Login | None = field(default_factory=lambda: Login(GATEWAY, SECRET_OF_GATEWAY))
    known: KnownCpi | None = None

    def terminal_password(self, terminal_id: str) -> str | None:
        return self.password if terminal_id == TERMINAL else None

    def login_at(self, terminal_id: str | None) -> Login | None:
        return self.login if terminal_id == TERMINAL else None

    def known_cpi(self, terminal_id: str) -> KnownCpi | None:
        return self.known if terminal_id == TERMINAL else None


class Pair:
    """A gateway on the left, a terminal on the right whose application takes everything."""

    def __init__(
        self,
        challenge: Scheme,
        context: ProvisioningContext = CONTEXT,
        accounts: Accounts | None = None,
        link: Link | None = None,
        sir_cpi_tag: str | None = None,
        **more: str,
    ) -> None:
        nonces = map(str, itertools.count())
        ppg = HttpPpgSession(
            HttpPpgSettings(identity=GATEWAY, challenge=challenge),
            accounts=accounts or Accounts(),
            new_nonce=lambda: next(nonces),
            **more,
        )
        terminal = HttpTerminalSession(
            HttpTerminalSettings("unused", contexts=(context,)),
            lambda: CAPABILITIES,
            PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1"),
            sir_cpi_tag=sir_cpi_tag,
            new_nonce=lambda: next(nonces),
        )
        self.arrived: list[PoConfirmedPushInd] = []
        self.streams: StreamPair[PpgRequest, PpgIndication, ClientRequest, ClientIndication] = (
            StreamPair(VirtualClock(), ppg, terminal, link)
        )
        self.streams.right.on_indication = self._at_terminal
        self.streams.open()
        self.streams.settle()
        self.told = self.streams.left.take()

    def _at_terminal(self, indication: ClientIndication) -> None:
        assert isinstance(indication, PoConfirmedPushInd)
        self.arrived.append(indication)
        self.streams.right.request(PoConfirmedPushRes(indication.reference))

    def push(self, *delivery_ids: str) -> dict[str, OutcomeKind]:
        for delivery_id in delivery_ids:
            self.streams.left.request(PoConfirmedPushReq(delivery_id, MESSAGE))
        self.streams.settle()
        told = self.streams.left.take()
        return {one.delivery_id: one.kind for one in told if isinstance(one, PushOutcome)}


def registration(pair: Pair) -> RegistrationInd:
    (told,) = pair.told
    assert isinstance(told, RegistrationInd)
    return told


def failure(pair: Pair) -> SessionFailedInd:
    (told,) = pair.told
    assert isinstance(told, SessionFailedInd)
    return told


@pytest.mark.parametrize("shown", Scheme)
@pytest.mark.parametrize("demand", Scheme)
@pytest.mark.parametrize("challenge", Scheme)
def test_ends_that_know_each_other_register_and_push_whatever_they_ask(
    challenge: Scheme, demand: Scheme, shown: Scheme
) -> None:
    accounts = Accounts(login=Login(GATEWAY, SECRET_OF_GATEWAY, shown))
    pair = Pair(challenge, replace(CONTEXT, demand=demand), accounts, assumed_terminal_id=TERMINAL)
    if (demand, shown) == (Scheme.BASIC, Scheme.DIGEST):  # would give the password away
        assert "demands authentication" in failure(pair).reason
        return
    told = registration(pair)
    assert told.terminal_id == TERMINAL
    assert told.authenticated is (challenge is not Scheme.NONE)
    assert told.capabilities == CAPABILITIES
    assert pair.push(*"abcdef") == dict.fromkeys("abcdef", OutcomeKind.DONE)
    identity = None if demand is Scheme.NONE else GATEWAY
    assert {one.source.identity for one in pair.arrived} == {identity}
    if demand is not Scheme.BASIC and shown is not Scheme.BASIC:
        assert SECRET_OF_GATEWAY.encode() not in pair.streams.left.sent
        assert b"Basic" not in pair.streams.left.sent or challenge is Scheme.BASIC


@pytest.mark.parametrize("demand", [Scheme.BASIC, Scheme.DIGEST])
def test_gateway_with_a_wrong_password_gets_no_push_across(demand: Scheme) -> None:
    pair = Pair(
        Scheme.NONE, replace(CONTEXT, demand=demand), Accounts(login=Login(GATEWAY, "wrong"))
    )
    failed = failure(pair)
    assert (failed.authentication, failed.may_retry) == (True, False)
    assert pair.push("a") == {"a": OutcomeKind.LATER}
    assert pair.arrived == []


@pytest.mark.parametrize("challenge", [Scheme.BASIC, Scheme.DIGEST])
@pytest.mark.parametrize("password", ["wrong", None])
def test_terminal_with_a_wrong_password_is_not_registered(
    challenge: Scheme, password: str | None
) -> None:
    pair = Pair(challenge, accounts=Accounts(password))
    failed = failure(pair)
    assert failed.authentication
    assert b"failed_retry" in pair.streams.left.sent
    assert pair.push("a") == {"a": OutcomeKind.LATER}


def test_unknown_terminal_and_wrong_password_look_alike() -> None:
    wrong, unknown = (Pair(Scheme.DIGEST, accounts=Accounts(p)) for p in ("wrong", None))
    assert wrong.streams.left.sent == unknown.streams.left.sent
    assert wrong.told == unknown.told


def test_terminal_without_login_is_not_registered() -> None:
    failed = failure(Pair(Scheme.DIGEST, replace(CONTEXT, login=None)))
    assert (failed.authentication, failed.may_retry) == (False, False)


def test_terminal_that_shows_its_password_to_nobody_refuses_basic() -> None:
    login = Login(TERMINAL, SECRET_OF_TERMINAL, Scheme.DIGEST)
    failed = failure(Pair(Scheme.BASIC, replace(CONTEXT, login=login)))
    assert not failed.authentication


@pytest.mark.parametrize(
    ("prov_url", "matches"), [("http://example.org/p", True), ("http://example.org/q", False)]
)
def test_context_that_gateway_names_is_the_one_that_counts(prov_url: str, matches: bool) -> None:
    pair = Pair(Scheme.DIGEST, replace(CONTEXT, demand=Scheme.DIGEST), prov_url=prov_url)
    if matches:
        assert registration(pair).authenticated
    else:
        assert (failure(pair).status, failure(pair).may_retry) == (302, False)


@pytest.mark.parametrize("challenge", Scheme)
@pytest.mark.parametrize("demand", Scheme)
def test_tag_of_the_sir_spares_the_capabilities(challenge: Scheme, demand: Scheme) -> None:
    headers = cpi.to_headers(CAPABILITIES)
    tag = cpi.tag(headers)
    accounts = Accounts(known=KnownCpi(tag, {tag: headers}))
    pair = Pair(challenge, replace(CONTEXT, demand=demand), accounts, sir_cpi_tag=tag)
    told = registration(pair)
    assert (told.cpi_tag, told.capabilities) == (tag, CAPABILITIES)
    assert b"X-Wap-Push-Accept" not in pair.streams.right.sent


def test_tag_of_a_sir_that_gateway_has_forgotten_costs_one_more_round() -> None:
    tag = cpi.tag(cpi.to_headers(CAPABILITIES))
    pair = Pair(Scheme.NONE, sir_cpi_tag=tag)
    assert registration(pair).capabilities == CAPABILITIES
    assert pair.streams.left.sent.count(b"OPTIONS ") == 2


@settings(max_examples=60, deadline=None)
@given(
    schemes, schemes, schemes, st.sampled_from(["right", "wrong", None]), st.booleans(), st.data()
)
def test_every_combination_comes_to_an_end_and_segments_change_nothing(
    challenge: Scheme,
    demand: Scheme,
    shown: Scheme,
    password: str | None,
    is_ours: bool,
    data: st.DataObject,
) -> None:
    def segment(available: int) -> int:
        return data.draw(st.integers(1, min(available, 200)))

    right = SECRET_OF_TERMINAL if password == "right" else password
    login = Login(GATEWAY, SECRET_OF_GATEWAY if is_ours else "wrong", shown)
    context = replace(CONTEXT, demand=demand)
    whole, cut_up = (
        Pair(challenge, context, Accounts(right, login), link, assumed_terminal_id=TERMINAL)
        for link in (Link(), Link(latency_ms=3, segment=segment))
    )
    assert whole.streams.left.sent.count(b"OPTIONS ") <= 6
    assert whole.told == cut_up.told
    outcomes = whole.push("a", "b")
    assert outcomes == cut_up.push("a", "b")
    knows = challenge is Scheme.NONE or password == "right"
    registered = isinstance(whole.told[0], RegistrationInd)
    assert registered <= knows
    assert set(outcomes.values()) == {OutcomeKind.DONE if registered else OutcomeKind.LATER}


def test_cut_anywhere_in_the_exchange_tells_no_untruth() -> None:
    context = replace(CONTEXT, demand=Scheme.DIGEST)
    undisturbed = Pair(Scheme.DIGEST, context)
    undisturbed.push("a")
    for cut in range(0, undisturbed.streams.left.received + 1, 3):
        pair = Pair(Scheme.DIGEST, context, link=Link(cut_to_left=cut))
        outcomes = pair.push("a")
        pair.streams.cut()
        told = pair.streams.left.take()
        outcomes |= {one.delivery_id: one.kind for one in told if isinstance(one, PushOutcome)}
        arrived = bool(pair.arrived)
        assert outcomes["a"] is not OutcomeKind.DONE or arrived
        assert outcomes["a"] is not OutcomeKind.LATER or not arrived
