"""Both ends of OTA-HTTP joined: the tables of authentication, contexts, versions and tags.

Each case also runs over links that cut the octets up, which must change nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from omapush.content.message import PushMessage
from omapush.ota.http import cpi
from omapush.ota.http.authentication import Login, Scheme
from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
from omapush.ota.http.contexts import ProvisioningContext
from omapush.ota.http.ppg import (
    MAX_RENEWALS,
    HttpPpgRequest,
    HttpPpgSession,
    HttpPpgSettings,
    KnownCpi,
)
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    Effect,
    OutcomeKind,
    PoConfirmedPushInd,
    PoConfirmedPushReq,
    PoConfirmedPushRes,
    PpgIndication,
    PushFlag,
    PushOutcome,
    PushSource,
    PushStatus,
    RegistrationInd,
    SendOctets,
    SessionFailedInd,
)
from omapush.ppg.capabilities import profile_references
from omapush.testing.pair import Link, StreamPair
from omapush.testing.virtual_clock import VirtualClock

ID, PROXY = "4165012322222", "ppg.example.com"
CAPABILITIES = ClientCapabilities(accept=("*/*",), max_message_size=10_000)
CPI = cpi.to_headers(CAPABILITIES)
TAG = cpi.tag(CPI)
OLD = cpi.to_headers(replace(CAPABILITIES, max_message_size=9_000))
OLD_TAG = cpi.tag(OLD)
MESSAGE = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", "2")), b"hello")
TERMINAL = HttpTerminalSettings(ID)
LINKS = {
    "whole": Link(),
    "single octets": Link(latency_ms=3, segment=lambda _there: 1),
    "sevens": Link(latency_ms=40, segment=lambda there: min(7, there)),
}


@dataclass
class Accounts:
    """What the gateway has on file."""

    passwords: Mapping[str, str] = field(default_factory=dict)
    login: Login | None = None
    cpi: Mapping[str, KnownCpi] = field(default_factory=dict)

    def terminal_password(self, terminal_id: str) -> str | None:
        return self.passwords.get(terminal_id)

    def login_at(self, terminal_id: str | None) -> Login | None:
        return self.login

    def known_cpi(self, terminal_id: str) -> KnownCpi | None:
        return self.cpi.get(terminal_id)


def nonces(prefix: str) -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers)}"


class Pair:
    """A gateway on the left, a terminal on the right whose application takes every push."""

    def __init__(
        self,
        gateway: HttpPpgSession,
        terminal: HttpTerminalSettings = TERMINAL,
        *,
        link: Link | None = None,
        sir: str | None = None,
        session: type[HttpTerminalSession] = HttpTerminalSession,
        takes: ClientCapabilities = CAPABILITIES,
    ) -> None:
        self.capabilities = takes
        self.clock = VirtualClock()
        end = session(
            terminal,
            lambda: self.capabilities,
            PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1"),
            sir_cpi_tag=sir,
            new_nonce=nonces("t"),
        )
        self.streams: StreamPair[HttpPpgRequest, PpgIndication, ClientRequest, ClientIndication] = (
            StreamPair(self.clock, gateway, end, link)
        )
        self.arrived: list[PoConfirmedPushInd] = []
        self.streams.right.on_indication = self._take
        self.streams.open()

    def _take(self, indication: ClientIndication) -> None:
        if isinstance(indication, PoConfirmedPushInd):
            self.arrived.append(indication)
            self.streams.right.request(PoConfirmedPushRes(indication.reference))

    def told(self) -> RegistrationInd | SessionFailedInd:
        """Return how the registration ended."""
        (indication,) = self.streams.left.take()
        assert isinstance(indication, RegistrationInd | SessionFailedInd)
        return indication

    def push(self, delivery_id: str = "a", flags: PushFlag = PushFlag.NONE) -> PushOutcome:
        self.streams.left.request(PoConfirmedPushReq(delivery_id, MESSAGE, flags))
        self.streams.settle()
        (outcome,) = (one for one in self.streams.left.take() if isinstance(one, PushOutcome))
        return outcome

    @property
    def asked(self) -> int:
        return self.streams.left.sent.count(b"OPTIONS ")

    @property
    def posted(self) -> int:
        return self.streams.left.sent.count(b"POST ")


def gateway(
    settings: HttpPpgSettings | None = None,
    *,
    accounts: Accounts | None = None,
    known: Mapping[str, tuple[tuple[str, str], ...]] | None = None,
    assumed: str | None = None,
    expected: str | None = None,
    prov_url: str | None = None,
) -> HttpPpgSession:
    return HttpPpgSession(
        settings or HttpPpgSettings(identity=PROXY),
        assumed_cpi_tag=assumed,
        known_cpi=known,
        assumed_terminal_id=expected,
        accounts=accounts or Accounts(),
        new_nonce=nonces("g"),
        prov_url=prov_url,
    )


# -- authentication (22.5) --

MIRRORED = [Scheme.NONE, Scheme.BASIC, Scheme.DIGEST]


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("unasked", [False, True])
@pytest.mark.parametrize("demand", MIRRORED)
@pytest.mark.parametrize("challenge", MIRRORED)
def test_ends_that_know_each_other_register_by_every_pair_of_schemes(
    challenge: Scheme, demand: Scheme, unasked: bool, link: str
) -> None:
    shown = Login(PROXY, "gateway", Scheme.BASIC if unasked else Scheme.NONE)
    context = ProvisioningContext(
        ID, login=Login(ID, "terminal"), gateway=Login(PROXY, "gateway"), demand=demand
    )
    pair = Pair(
        gateway(
            HttpPpgSettings(identity=PROXY, challenge=challenge),
            accounts=Accounts({ID: "terminal"}, shown),
        ),
        replace(TERMINAL, contexts=(context,)),
        link=LINKS[link],
    )
    told = pair.told()
    assert isinstance(told, RegistrationInd)
    assert told.terminal_id == ID
    assert told.authenticated is (challenge is not Scheme.NONE)
    assert told.capabilities == CAPABILITIES
    assert pair.push().kind is OutcomeKind.DONE
    (arrived,) = pair.arrived
    assert arrived.source.identity == (None if demand is Scheme.NONE else PROXY)
    if demand is Scheme.NONE or (unasked and demand is Scheme.BASIC):
        assert pair.asked == 1  # no round trip is lost
    else:
        assert pair.asked == 2
    sent = bytes(pair.streams.left.sent + pair.streams.right.sent)
    if Scheme.BASIC not in (challenge, demand) and not unasked:
        assert b"Basic" not in sent


def mutual(link: Link) -> Pair:
    """Have both ends ask for Digest, over ``link``."""
    context = ProvisioningContext(
        ID, "", Login(ID, "terminal"), Login(PROXY, "gateway"), Scheme.DIGEST, PROXY
    )
    return Pair(
        gateway(
            HttpPpgSettings(identity=PROXY, challenge=Scheme.DIGEST),
            accounts=Accounts({ID: "terminal"}, Login(PROXY, "gateway")),
        ),
        replace(TERMINAL, contexts=(context,)),
        link=link,
    )


@pytest.mark.parametrize("way", ["left", "right"])
def test_nobody_is_taken_for_proved_wherever_the_link_is_cut(way: str) -> None:
    whole = mutual(Link())
    whole.push()
    ends = {"left": whole.streams.left, "right": whole.streams.right}
    for cut in range(0, ends[way].received, 3):
        to_left, to_right = (cut, None) if way == "left" else (None, cut)
        pair = mutual(Link(cut_to_left=to_left, cut_to_right=to_right))
        pair.streams.left.request(PoConfirmedPushReq("a", MESSAGE))
        pair.streams.settle()
        pair.streams.cut()
        told = pair.streams.left.take()
        (outcome,) = (one for one in told if isinstance(one, PushOutcome))
        assert outcome.kind is not OutcomeKind.DONE
        assert (outcome.kind is OutcomeKind.IN_DOUBT) or pair.arrived == []
        for one in told:
            assert not isinstance(one, RegistrationInd) or one.authenticated
            assert not isinstance(one, SessionFailedInd) or not one.authentication
        assert all(one.source.identity == PROXY for one in pair.arrived)


WRONG = "wrong"


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("scheme", [Scheme.BASIC, Scheme.DIGEST])
@pytest.mark.parametrize(
    ("terminal_knows", "gateway_knows"),
    [({"login": Login(ID, WRONG)}, "terminal"), ({"login": Login(ID, "terminal")}, None)],
)
def test_terminal_that_cannot_prove_its_identity_is_not_registered(
    scheme: Scheme, terminal_knows: dict[str, Login], gateway_knows: str | None, link: str
) -> None:
    passwords = {ID: gateway_knows} if gateway_knows else {}
    pair = Pair(
        gateway(
            HttpPpgSettings(identity=PROXY, challenge=scheme),
            accounts=Accounts(passwords),
        ),
        replace(TERMINAL, contexts=(ProvisioningContext(ID, login=terminal_knows["login"]),)),
        link=LINKS[link],
    )
    told = pair.told()
    assert isinstance(told, SessionFailedInd)
    assert told.authentication
    assert pair.streams.right.closed is not None
    assert WRONG.encode() not in pair.streams.left.sent
    assert pair.push().kind is OutcomeKind.LATER
    assert pair.arrived == []


@pytest.mark.parametrize(
    ("context", "challenge", "authentication"),
    [
        # It has no login at all.
        (ProvisioningContext(ID), Scheme.DIGEST, False),
        # It does not say its password in clear, and is not asked otherwise.
        (
            ProvisioningContext(ID, login=Login(ID, "terminal", Scheme.DIGEST)),
            Scheme.BASIC,
            False,
        ),
        # It knows another gateway.
        (
            ProvisioningContext(ID, login=Login(ID, "terminal"), proxy_id="other.example"),
            Scheme.DIGEST,
            False,
        ),
    ],
)
def test_terminal_that_does_not_answer_the_challenge_ends_registration(
    context: ProvisioningContext, challenge: Scheme, authentication: bool
) -> None:
    pair = Pair(
        gateway(
            HttpPpgSettings(identity=PROXY, challenge=challenge),
            accounts=Accounts({ID: "terminal"}),
        ),
        replace(TERMINAL, contexts=(context,)),
    )
    told = pair.told()
    assert isinstance(told, SessionFailedInd)
    assert told.authentication is authentication
    assert b" 412 " in pair.streams.right.sent
    assert b"Basic " + b"NDE2" not in pair.streams.right.sent


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("demand", [Scheme.BASIC, Scheme.DIGEST])
@pytest.mark.parametrize("shown", [None, Login(PROXY, WRONG), Login("other.example", "gateway")])
def test_gateway_that_cannot_prove_its_identity_learns_nothing(
    demand: Scheme, shown: Login | None, link: str
) -> None:
    context = ProvisioningContext(ID, gateway=Login(PROXY, "gateway"), demand=demand)
    pair = Pair(
        gateway(accounts=Accounts(login=shown)),
        replace(TERMINAL, contexts=(context,)),
        link=LINKS[link],
    )
    told = pair.told()
    assert isinstance(told, SessionFailedInd)
    assert told.authentication is (shown is not None)
    assert not told.may_retry
    assert b"X-Wap-Terminal-Id" not in pair.streams.right.sent
    assert b"X-Wap-CPITag" not in pair.streams.right.sent
    assert pair.arrived == []


# -- contexts (22.7) --

A = ProvisioningContext("first", "http://a.example/")
EMPTY = ProvisioningContext("nameless")


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize(
    ("contexts", "prov_url", "terminal_id"),
    [
        ((A, EMPTY), None, "first"),
        ((A, EMPTY), "", "nameless"),
        ((EMPTY, A), "http://a.example/", "first"),
        ((A,), "", None),
        ((A, EMPTY), "http://b.example/", None),
        ((), "http://b.example/", ID),
        ((), "", ID),
    ],
)
def test_gateway_names_context_and_terminal_takes_it_or_refuses(
    contexts: tuple[ProvisioningContext, ...],
    prov_url: str | None,
    terminal_id: str | None,
    link: str,
) -> None:
    pair = Pair(gateway(prov_url=prov_url), replace(TERMINAL, contexts=contexts), link=LINKS[link])
    told = pair.told()
    if terminal_id is None:
        assert isinstance(told, SessionFailedInd)
        assert (told.status, told.may_retry) == (302, False)
    else:
        assert isinstance(told, RegistrationInd)
        assert told.terminal_id == terminal_id
        assert pair.push().kind is OutcomeKind.DONE


# -- versions (22.6) --


class Rewriting(HttpPpgSession):
    """Offers other versions than it has."""

    __slots__ = ("offer",)
    offer: bytes

    def effects(self) -> list[Effect]:
        def rewritten(effect: Effect) -> Effect:
            if not isinstance(effect, SendOctets):
                return effect
            return SendOctets(effect.octets.replace(b"-Version: 1.0", b"-Version: " + self.offer))

        return [rewritten(effect) for effect in super().effects()]


@pytest.mark.parametrize(
    ("offer", "accepted"),
    [
        ("1.0", True),
        ("1.*", True),
        ("2.*,1.0", True),
        ("1.12, 2.0", True),
        ("2.0", False),
        ("2.*,3.*", False),
        ("10.0", False),
        ("nonsense", False),
    ],
)
def test_terminal_chooses_version_or_refuses_all(offer: str, accepted: bool) -> None:
    session = Rewriting(HttpPpgSettings())
    session.offer = offer.encode()
    pair = Pair(session)
    told = pair.told()
    if accepted:
        assert isinstance(told, RegistrationInd)
        assert pair.push().kind is OutcomeKind.DONE
    else:
        assert isinstance(told, SessionFailedInd)
        assert (told.status, told.may_retry) == (600, False)
    assert b"X-Wap-Push-OTA-Version: 1.0\r\n" in pair.streams.right.sent


# -- tags (22.2 to 22.4) --


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize(
    ("known", "assumed", "sir", "status"),
    [
        ({}, None, None, 501),
        ({TAG: CPI}, TAG, None, 500),
        ({OLD_TAG: OLD}, OLD_TAG, None, 501),
        ({}, None, TAG, 500),
        ({}, None, OLD_TAG, 501),
    ],
)
def test_capabilities_travel_only_when_the_assumed_tag_is_not_theirs(
    known: dict[str, tuple[tuple[str, str], ...]],
    assumed: str | None,
    sir: str | None,
    status: int,
    link: str,
) -> None:
    accounts = Accounts(cpi={ID: KnownCpi(TAG, {TAG: CPI})} if sir == TAG else {})
    session = gateway(known=known, assumed=assumed, accounts=accounts)
    pair = Pair(session, link=LINKS[link], sir=sir)
    told = pair.told()
    assert isinstance(told, RegistrationInd)
    assert (told.capabilities, told.cpi_tag) == (CAPABILITIES, TAG)
    assert f"X-Wap-Push-Status: {status}".encode() in pair.streams.right.sent
    assert (b"X-Wap-Push-Accept" in pair.streams.right.sent) is (status == 501)
    assert pair.asked == 1


def test_gateway_that_forgot_what_its_sir_named_asks_once_more() -> None:
    pair = Pair(gateway(), sir=TAG)
    told = pair.told()
    assert isinstance(told, RegistrationInd)
    assert told.capabilities == CAPABILITIES
    assert pair.asked == 2


@pytest.mark.parametrize(
    ("settings", "asked", "posted"),
    [(TERMINAL, 2, 2), (replace(TERMINAL, takes_mismatched=True), 2, 1)],
    ids=["discarded", "taken"],
)
def test_push_made_for_old_capabilities_arrives_once(
    settings: HttpTerminalSettings, asked: int, posted: int
) -> None:
    pair = Pair(gateway(), settings)
    pair.told()
    pair.capabilities = replace(CAPABILITIES, max_message_size=9_000)
    assert pair.push().kind is OutcomeKind.DONE
    assert (pair.asked, pair.posted) == (asked, posted)
    assert [one.push_id for one in pair.arrived] == ["a"]
    pair.capabilities = CAPABILITIES  # changed back: the old tag, which is known
    assert pair.push("b").kind is OutcomeKind.DONE
    assert pair.asked == asked
    assert [one.push_id for one in pair.arrived] == ["a", "b"]


def test_terminal_that_wants_a_tag_with_each_push_gets_one() -> None:
    pair = Pair(gateway(), replace(TERMINAL, takes_untagged=False))
    assert pair.push().kind is OutcomeKind.DONE
    assert (pair.asked, pair.posted) == (1, 1)


class NeverContent(HttpTerminalSession):
    """Refuses every push for its tag, whatever that is."""

    __slots__ = ()

    def effects(self) -> list[Effect]:
        return [
            SendOctets(one.octets.replace(b"400 Accepted", b"256 never"))
            if isinstance(one, SendOctets)
            else one
            for one in super().effects()
        ]


def test_gateway_stops_at_a_terminal_that_answers_256_for_ever() -> None:
    pair = Pair(gateway(), session=NeverContent)
    pair.told()
    outcome = pair.push()
    assert (outcome.kind, outcome.status) == (OutcomeKind.NEVER, PushStatus.CPITAG)
    assert pair.posted == MAX_RENEWALS + 1


# -- a connection that ends among four answers (22.8) --


def pipelined(link: Link) -> tuple[Pair, dict[str | None, OutcomeKind]]:
    """Send four pushes at once and let the link end; return the outcomes."""
    pair = Pair(gateway(), link=link, takes=replace(CAPABILITIES, max_push_requests=4))
    for delivery_id in "abcd":
        pair.streams.left.request(PoConfirmedPushReq(delivery_id, MESSAGE))
    pair.streams.settle()
    pair.streams.cut()
    told = [one for one in pair.streams.left.take() if isinstance(one, PushOutcome)]
    outcomes: dict[str | None, OutcomeKind] = {one.delivery_id: one.kind for one in told}
    assert len(told) == len(outcomes) == 4
    return pair, outcomes


def test_pushes_behind_the_second_of_four_answers_are_in_doubt_when_the_link_is_cut_there() -> None:
    whole, outcomes = pipelined(Link())
    assert set(outcomes.values()) == {OutcomeKind.DONE}
    answer = b"HTTP/1.1 204 "
    ends = bytes(whole.streams.right.sent).split(answer)[1:]  # that to OPTIONS, and four
    cut = sum(len(answer) + len(rest) for rest in ends[:3])
    pair, outcomes = pipelined(Link(cut_to_left=cut))
    done, doubt = OutcomeKind.DONE, OutcomeKind.IN_DOUBT
    assert outcomes == {"a": done, "b": done, "c": doubt, "d": doubt}
    assert [one.push_id for one in pair.arrived] == ["a", "b", "c", "d"]


def test_outcomes_are_true_wherever_four_answers_are_cut() -> None:
    total = pipelined(Link())[0].streams.left.received
    for cut in range(1, total):
        pair, outcomes = pipelined(Link(cut_to_left=cut))
        arrived = {one.push_id for one in pair.arrived}
        kinds = [outcomes[delivery_id] for delivery_id in "abcd"]
        order = [OutcomeKind.DONE, OutcomeKind.IN_DOUBT, OutcomeKind.LATER]
        assert kinds == sorted(kinds, key=order.index)
        for delivery_id, kind in outcomes.items():
            assert (kind is not OutcomeKind.DONE) or delivery_id in arrived
            assert (kind is not OutcomeKind.LATER) or delivery_id not in arrived


# -- two terminals swap their addresses (22.14) --


@pytest.mark.parametrize("alike", [True, False])
def test_gateway_learns_that_another_terminal_answers_at_the_address(alike: bool) -> None:
    session = gateway(known={TAG: CPI}, assumed=TAG, expected=ID)
    other = "4165099999999"
    takes = CAPABILITIES if alike else replace(CAPABILITIES, max_message_size=9_000)
    pair = Pair(session, HttpTerminalSettings(other), takes=takes)
    told = pair.told()
    assert isinstance(told, RegistrationInd)
    assert told.terminal_id == other
    assert told.capabilities == takes
    # Nothing is told that was only assumed of the first.
    assert pair.asked == (2 if alike else 1)
    assert pair.arrived == []


def test_terminal_at_the_address_of_another_cannot_prove_to_be_it() -> None:
    other = "4165099999999"
    context = ProvisioningContext(ID, login=Login(ID, "guessed"))
    pair = Pair(
        gateway(
            HttpPpgSettings(identity=PROXY, challenge=Scheme.DIGEST),
            accounts=Accounts({ID: "terminal", other: "guessed"}),
            expected=ID,
        ),
        replace(TERMINAL, contexts=(context,)),
    )
    told = pair.told()
    assert isinstance(told, SessionFailedInd)
    assert told.authentication


# -- profiles (digest 18) --


def test_gateway_reads_the_profile_that_the_terminal_names() -> None:
    document = '<rdf:RDF>\n  <rdf:Description prf:x="1"/>\n</rdf:RDF>'
    profile = cpi.profile_headers(["http://wap.example/phone.xml"], [document])
    pair = Pair(gateway(), replace(TERMINAL, profile=profile))
    told = pair.told()
    assert isinstance(told, RegistrationInd)
    references = profile_references(told.cpi)
    assert references.uris == ("http://wap.example/phone.xml",)
    assert references.differences == (" ".join(document.split()).encode(),)
    assert told.cpi_tag == cpi.tag((*CPI, *profile))


# -- the last push --


@pytest.mark.parametrize("closes", [True, False])
def test_last_push_is_answered_before_the_terminal_lets_the_bearer_go(closes: bool) -> None:
    pair = Pair(gateway(), replace(TERMINAL, close_after_last=closes), link=Link(latency_ms=40))
    pair.told()
    assert pair.push(flags=PushFlag.LAST).kind is OutcomeKind.DONE
    assert (pair.streams.right.closed is not None) is closes
