"""Authentication at the gateway's end of OTA-HTTP, both directions, with a scripted terminal."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError
from omapush.core.instants import Instant, later
from omapush.ota.http import authentication
from omapush.ota.http.authentication import (
    Algorithm,
    AuthStatus,
    BasicCredentials,
    Challenge,
    DigestCredentials,
    Login,
    Refusal,
    Scheme,
    format_challenge,
    format_credentials,
    parse_challenges,
    parse_credentials,
    verify,
)
from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings, KnownCpi
from omapush.ota.http.states import State
from omapush.ota.interface import (
    CloseConnection,
    OutcomeKind,
    PoConfirmedPushReq,
    PomRegisterReq,
    PoPushReq,
    PpgIndication,
    PushOutcome,
    RegistrationInd,
    SendOctets,
    SessionFailedInd,
)
from omapush.protocols.http import HttpServerEnd, Request

NOW = Instant(1_700_000_000_000)
MESSAGE = PushMessage((("Content-Type", "text/plain"),), b"hello")
TERMINAL = "4165012322222"
OF_TERMINAL = Login(TERMINAL, "secret of the terminal")
OF_GATEWAY = Login("ppg.example.com", "secret of the gateway")
REGISTERED = ("501", "X-Wap-CPITag: tag1\r\nX-Wap-Push-Accept-MaxPushReq: 4\r\n")


@dataclass
class Accounts:
    passwords: Mapping[str, str] = field(default_factory=dict)
    logins: Mapping[str | None, Login] = field(default_factory=dict)

    def terminal_password(self, terminal_id: str) -> str | None:
        return self.passwords.get(terminal_id)

    def login_at(self, terminal_id: str | None) -> Login | None:
        return self.logins.get(terminal_id)

    def known_cpi(self, terminal_id: str) -> KnownCpi | None:
        return None


KNOWN = Accounts({TERMINAL: OF_TERMINAL.password}, {TERMINAL: OF_GATEWAY})


class Rig:
    """A session, the requests it wrote, and what it told."""

    def __init__(
        self, challenge: Scheme = Scheme.NONE, accounts: Accounts = KNOWN, **more: str
    ) -> None:
        settings = HttpPpgSettings(identity="ppg.example.com", challenge=challenge)
        nonces = itertools.count(1)
        self.session = HttpPpgSession(
            settings, accounts=accounts, new_nonce=lambda: f"nonce{next(nonces)}", **more
        )
        self.http = HttpServerEnd(100_000, 100)
        self.closed: str | None = None
        self.session.connected(NOW)

    def push(self, *ids: str) -> None:
        for delivery_id in ids:
            self.session.request(PoConfirmedPushReq(delivery_id, MESSAGE), NOW)

    def written(self) -> list[Request]:
        requests: list[Request] = []
        for effect in self.session.effects():
            match effect:
                case SendOctets(octets=octets):
                    requests += self.http.receive(octets)
                case CloseConnection(reason=reason):
                    self.closed = reason
        return requests

    def request(self) -> Request:
        (request,) = self.written()
        return request

    def answer(self, status: str | None, more: str = "", http: int = 204) -> list[PpgIndication]:
        told = f"X-Wap-Push-Status: {status}\r\n" if status is not None else ""
        length = "Content-Length: 0\r\n" * (http != 204)
        head = f"HTTP/1.1 {http} X\r\n{told}{length}{more}\r\n"
        self.session.receive(head.encode("latin-1"), NOW)
        return self.session.indications()

    def demand(self, challenge: Challenge, *more: str) -> list[PpgIndication]:
        value = format_challenge(challenge, mirrored=False)
        return self.answer("300", "".join((f"WWW-Authenticate: {value}\r\n", *more)), 401)


def shown(request: Request) -> BasicCredentials | DigestCredentials | None:
    value = request.get("Authorization")
    credentials = parse_credentials(value) if value is not None else None
    assert not isinstance(credentials, Refusal)
    return credentials


def asked(request: Request) -> Challenge | Refusal | None:
    value = request.get("X-Wap-Authenticate")
    return parse_challenges([value])[0] if value is not None else None


def proof(request: Request, login: Login = OF_TERMINAL) -> str:
    challenge = asked(request)
    assert isinstance(challenge, Challenge)
    given = authentication.answer(challenge, login, request.method)
    return f"X-Wap-Authorization: {format_credentials(given, mirrored=True)}\r\n"


def failure(indications: list[PpgIndication]) -> SessionFailedInd:
    failed = indications[0]
    assert isinstance(failed, SessionFailedInd)
    return failed


def ended(indications: list[PpgIndication]) -> dict[str, OutcomeKind]:
    return {one.delivery_id: one.kind for one in indications if isinstance(one, PushOutcome)}


def push_id(request: Request) -> str | None:
    return request.get("X-Push-Id")


DIGEST = Challenge(Scheme.DIGEST, TERMINAL, "abc", domain="/wappush")
BASIC = Challenge(Scheme.BASIC, TERMINAL)


# -- the gateway to the terminal (WAP-235, 7.2.6.2.1) --


@pytest.mark.parametrize("demand", [DIGEST, BASIC, Challenge(Scheme.DIGEST, TERMINAL, "n",
                                                            Algorithm.MD5)])  # fmt: skip
def test_ppg_shows_who_it_is_when_terminal_asks(demand: Challenge) -> None:
    rig = Rig(prov_url="http://example.org/p")
    first = rig.request()
    assert shown(first) is None
    assert rig.demand(demand) == []
    again = rig.request()
    assert again.get("X-Wap-Push-ProvURL") == "http://example.org/p"
    given = shown(again)
    assert given is not None
    assert given.username == "ppg.example.com"
    assert verify(given, demand, "OPTIONS", OF_GATEWAY.password, tuple(Algorithm))
    (registration,) = rig.answer(*REGISTERED)
    assert isinstance(registration, RegistrationInd)
    assert not registration.authenticated


def test_ppg_shows_basic_at_once_where_it_is_told_to() -> None:
    accounts = Accounts(logins={TERMINAL: Login("ppg.example.com", "x", Scheme.BASIC)})
    rig = Rig(accounts=accounts, assumed_terminal_id=TERMINAL)
    given = shown(rig.request())
    assert given == BasicCredentials("ppg.example.com", b"x")
    rig.answer(*REGISTERED)
    rig.push("a")
    assert shown(rig.request()) == given  # and goes on to, for nothing more is given away


def test_ppg_shows_nothing_unasked_otherwise() -> None:
    for scheme in (Scheme.NONE, Scheme.DIGEST):
        accounts = Accounts(logins={TERMINAL: Login("ppg.example.com", "x", scheme)})
        rig = Rig(accounts=accounts, assumed_terminal_id=TERMINAL)
        assert shown(rig.request()) is None


def test_ppg_answers_demand_for_digest_after_it_showed_basic() -> None:
    accounts = Accounts(logins={TERMINAL: Login("ppg.example.com", "x", Scheme.BASIC)})
    rig = Rig(accounts=accounts, assumed_terminal_id=TERMINAL)
    rig.written()
    rig.demand(DIGEST)
    assert isinstance(shown(rig.request()), DigestCredentials)
    rig.answer(*REGISTERED)
    rig.push("a")
    assert shown(rig.request()) is None  # the connection is authenticated


@pytest.mark.parametrize("at_once", [True, False])
def test_ppg_fails_when_its_credentials_are_refused(at_once: bool) -> None:
    login = Login("ppg.example.com", "x", Scheme.BASIC if at_once else Scheme.NONE)
    rig = Rig(accounts=Accounts(logins={TERMINAL: login}), assumed_terminal_id=TERMINAL)
    rig.push("a")
    rig.written()
    if not at_once:
        assert rig.demand(BASIC) == []
        rig.written()
    told = rig.demand(BASIC)
    failed = failure(told)
    assert (failed.authentication, failed.may_retry) == (True, False)
    assert ended(told) == {"a": OutcomeKind.LATER}
    assert rig.written() == []
    assert rig.closed is not None


def test_ppg_fails_when_its_proof_is_refused_whatever_is_asked_next() -> None:
    rig = Rig()
    rig.written()
    rig.demand(DIGEST)
    rig.written()
    assert failure(rig.demand(Challenge(Scheme.DIGEST, TERMINAL, "another"))).authentication


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        'WWW-Authenticate: Negotiate, NTLM\r\n',
        'WWW-Authenticate: Digest realm="stranger", nonce="n", algorithm=SHA-1\r\n',
        f'WWW-Authenticate: Digest realm="{TERMINAL}", nonce="n", algorithm=SHA-512\r\n',
        f'WWW-Authenticate: Digest realm="{TERMINAL}"\r\n',
        'WWW-Authenticate: Digest x-wap-auth-status="failed_retry"\r\n',
        f'WWW-Authenticate: Basic realm="{"4" * 5000}"\r\n',
        "WWW-Authenticate: Basic realm=\"a\r\n",
    ],
)  # fmt: skip
def test_ppg_fails_when_it_has_nothing_to_show(challenge: str) -> None:
    rig = Rig()
    rig.written()
    failed = failure(rig.answer("300", challenge, 401))
    assert (failed.authentication, failed.may_retry) == (False, False)
    assert "demands authentication" in failed.reason


@pytest.mark.parametrize("login", [OF_GATEWAY, Login("p", "x", Scheme.DIGEST)])
def test_ppg_sends_no_password_to_another_terminal_nor_where_it_is_to_be_proved(
    login: Login,
) -> None:
    accounts = Accounts(logins={"other": login, TERMINAL: Login("p", "x", Scheme.DIGEST)})
    for realm in ("other", TERMINAL):
        rig = Rig(accounts=accounts, assumed_terminal_id=TERMINAL)
        rig.written()
        failure(rig.demand(Challenge(Scheme.BASIC, realm)))
        assert rig.written() == []


@pytest.mark.parametrize("scheme", [Scheme.NONE, Scheme.BASIC])
def test_ppg_sends_no_password_to_terminal_that_owes_a_proof_unless_told_to(
    scheme: Scheme,
) -> None:
    login = Login("ppg.example.com", "x", scheme)
    rig = Rig(Scheme.DIGEST, Accounts(logins={TERMINAL: login}))
    rig.written()
    told = rig.demand(BASIC)
    if scheme is Scheme.NONE:
        assert not failure(told).authentication
    else:
        assert shown(rig.request()) == BasicCredentials("ppg.example.com", b"x")


def test_ppg_sends_password_to_terminal_that_has_just_proved_who_it_is() -> None:
    rig = Rig(Scheme.DIGEST)
    rig.demand(BASIC, proof(rig.request()))
    assert isinstance(shown(rig.request()), BasicCredentials)


@pytest.mark.parametrize("after_credentials", [True, False])
def test_ppg_heeds_refusal_for_good_although_terminal_also_asks(after_credentials: bool) -> None:
    rig = Rig()
    rig.written()
    if after_credentials:
        rig.demand(DIGEST)
        rig.written()
    value = format_challenge(DIGEST, mirrored=False)
    failed = failure(rig.answer("301", f"WWW-Authenticate: {value}\r\n", 401))
    assert (failed.status, failed.may_retry) == (301, False)
    assert failed.authentication is after_credentials


def test_ppg_fails_when_its_login_cannot_be_written() -> None:
    rig = Rig(accounts=Accounts(logins={TERMINAL: Login("a:b", "x")}))
    rig.written()
    failed = failure(rig.demand(BASIC))
    assert not failed.may_retry


# -- a push that meets a demand --


def registered(rig: Rig) -> Rig:
    rig.written()
    rig.answer(*REGISTERED)
    return rig


def test_ppg_repeats_push_with_what_terminal_demands() -> None:
    rig = registered(Rig())
    rig.push("a")
    assert push_id(rig.request()) == "a"
    assert rig.demand(DIGEST) == []
    again = rig.request()
    given = shown(again)
    assert push_id(again) == "a"
    assert given is not None
    assert verify(given, DIGEST, "POST", OF_GATEWAY.password)
    assert ended(rig.answer("400")) == {"a": OutcomeKind.DONE}


def test_ppg_pipelines_nothing_across_an_authentication() -> None:
    rig = registered(Rig())
    rig.push("a", "b", "c", "d", "e")
    assert [push_id(one) for one in rig.written()] == ["a", "b", "c", "d"]
    for number in range(4):
        assert rig.written() == []
        assert rig.demand(Challenge(Scheme.DIGEST, TERMINAL, f"n{number}")) == []
    first = rig.request()
    given = shown(first)
    assert isinstance(given, DigestCredentials)
    assert (push_id(first), given.nonce) == ("a", "n3")
    assert ended(rig.answer("400")) == {"a": OutcomeKind.DONE}
    rest = rig.written()
    assert [push_id(one) for one in rest] == ["b", "c", "d", "e"]
    assert [shown(one) for one in rest] == [None] * 4


def test_ppg_goes_on_when_terminal_asks_for_each_push() -> None:
    rig = registered(Rig())
    rig.push("a", "b")
    rig.written()
    rig.demand(DIGEST)
    rig.demand(DIGEST)
    for delivery_id in ("a", "b"):
        (request,) = rig.written()
        if shown(request) is None:
            rig.demand(DIGEST)
            (request,) = rig.written()
        assert isinstance(shown(request), DigestCredentials)
        assert ended(rig.answer("400")) == {delivery_id: OutcomeKind.DONE}


def test_ppg_ends_session_when_a_push_is_refused_for_its_credentials() -> None:
    rig = registered(Rig())
    rig.push("a", "b", "c", "d", "e")
    rig.written()
    for _ in range(4):
        rig.demand(DIGEST)
    rig.written()
    told = rig.demand(DIGEST)
    assert ended(told) == {"a": OutcomeKind.NEVER} | dict.fromkeys("bcde", OutcomeKind.LATER)
    (failed,) = (one for one in told if isinstance(one, SessionFailedInd))
    assert (failed.authentication, failed.may_retry) == (True, False)


def test_ppg_ends_only_the_push_when_it_has_nothing_to_show() -> None:
    rig = registered(Rig(accounts=Accounts()))
    rig.push("a")
    rig.session.request(PoPushReq("u", MESSAGE), NOW)
    rig.written()
    assert ended(rig.demand(DIGEST)) == {"a": OutcomeKind.NEVER}
    assert ended(rig.demand(DIGEST)) == {"u": OutcomeKind.DONE}
    assert rig.session.state is State.READY


def test_ppg_answers_with_the_registration_that_comes_between() -> None:
    rig = registered(Rig())
    rig.push("a", "b")
    rig.written()
    rig.demand(DIGEST)
    rig.answer("256", "X-Wap-CPITag: new\r\n")
    options = rig.request()
    given = shown(options)
    assert options.method == "OPTIONS"
    assert given is not None
    assert verify(given, DIGEST, "OPTIONS", OF_GATEWAY.password)
    rig.answer(*REGISTERED)
    assert [(push_id(one), shown(one)) for one in rig.written()] == [("a", None), ("b", None)]


def test_push_whose_credentials_are_on_their_way_is_in_doubt_when_connection_ends() -> None:
    rig = registered(Rig())
    rig.push("a", "b")
    rig.written()
    rig.demand(DIGEST)
    rig.demand(DIGEST)
    rig.written()
    rig.session.disconnected("gone", NOW)
    assert ended(rig.session.indications()) == {"a": OutcomeKind.IN_DOUBT, "b": OutcomeKind.LATER}


# -- the terminal to the gateway (WAP-235, 7.2.6.2.2) --


@pytest.mark.parametrize("scheme", [Scheme.BASIC, Scheme.DIGEST])
def test_terminal_proves_who_it_is(scheme: Scheme) -> None:
    rig = Rig(scheme)
    request = rig.request()
    nonce = "nonce1" if scheme is Scheme.DIGEST else ""
    assert asked(request) == Challenge(scheme, "ppg.example.com", nonce)
    (registration,) = rig.answer(REGISTERED[0], REGISTERED[1] + proof(request))
    assert isinstance(registration, RegistrationInd)
    assert registration.authenticated
    assert registration.terminal_id == TERMINAL
    rig.session.request(PomRegisterReq(), NOW)
    again = rig.request()
    assert (again.method, asked(again)) == ("OPTIONS", None)  # it holds for the connection
    (registration,) = rig.answer("500", f"X-Wap-Terminal-Id: {TERMINAL}\r\n")
    assert isinstance(registration, RegistrationInd)
    assert registration.authenticated
    assert registration.capabilities.max_push_requests == 4


def test_both_ends_authenticate_in_two_rounds() -> None:
    rig = Rig(Scheme.DIGEST)
    assert rig.demand(DIGEST, proof(rig.request())) == []
    second = rig.request()
    assert asked(second) is None
    assert isinstance(shown(second), DigestCredentials)
    (registration,) = rig.answer("501", f"X-Wap-Terminal-Id: {TERMINAL}\r\n")
    assert isinstance(registration, RegistrationInd)
    assert registration.authenticated


def test_terminal_that_wants_the_gateway_to_go_first_is_asked_anew() -> None:
    rig = Rig(Scheme.DIGEST)
    rig.written()
    assert rig.demand(DIGEST) == []
    second = rig.request()
    challenge = asked(second)
    assert isinstance(challenge, Challenge)
    assert (challenge.nonce, challenge.auth_status) == ("nonce2", None)
    (registration,) = rig.answer("501", proof(second))
    assert isinstance(registration, RegistrationInd)
    assert registration.authenticated


def wrong_proof(request: Request) -> str:
    return proof(request, Login(TERMINAL, "wrong"))


def unknown_terminal(request: Request) -> str:
    return proof(request, Login("stranger", OF_TERMINAL.password))


def garbage(request: Request) -> str:
    return "X-Wap-Authorization: Digest garbage\r\n"


def twice(request: Request) -> str:
    return proof(request) * 2


@pytest.mark.parametrize("show", [wrong_proof, unknown_terminal, garbage, twice])
def test_terminal_with_wrong_proof_gets_one_more_chance_and_then_the_last_word(
    show: Callable[[Request], str],
) -> None:
    rig = Rig(Scheme.DIGEST)
    rig.push("a")
    assert rig.answer(REGISTERED[0], REGISTERED[1] + show(rig.request())) == []
    again = rig.request()
    assert asked(again) == Challenge(
        Scheme.DIGEST, "ppg.example.com", "nonce2", auth_status=AuthStatus.FAILED_RETRY
    )
    told = rig.answer(REGISTERED[0], REGISTERED[1] + show(again))
    assert failure(told) == SessionFailedInd(
        "the terminal was not authenticated: the credentials of the terminal are not right",
        authentication=True,
    )
    assert ended(told) == {"a": OutcomeKind.LATER}
    assert asked(rig.request()) == Refusal(Scheme.DIGEST, AuthStatus.FAILED_NORETRY)
    assert rig.closed is not None


def test_terminal_may_correct_itself_once() -> None:
    rig = Rig(Scheme.DIGEST)
    rig.answer("501", wrong_proof(rig.request()))
    (registration,) = rig.answer("501", proof(rig.request()))
    assert isinstance(registration, RegistrationInd)
    assert registration.authenticated


def test_answer_to_an_earlier_challenge_is_refused() -> None:
    rig = Rig(Scheme.DIGEST)
    first = rig.request()
    old = proof(first)
    rig.demand(DIGEST)  # the terminal keeps the answer to itself, for now
    rig.written()
    assert rig.answer("501", old) == []
    assert isinstance(asked(rig.request()), Challenge)


def test_basic_is_not_taken_where_digest_was_asked() -> None:
    rig = Rig(Scheme.DIGEST)
    rig.written()
    given = format_credentials(authentication.basic(OF_TERMINAL), mirrored=True)
    assert rig.answer("501", f"X-Wap-Authorization: {given}\r\n") == []


@pytest.mark.parametrize("how", ["closed", "late", "not http"])
def test_wrong_proof_counts_although_terminal_does_not_stay_for_the_answer(how: str) -> None:
    rig = Rig(Scheme.DIGEST)
    rig.answer("501", wrong_proof(rig.request()))
    match how:
        case "closed":
            rig.session.disconnected("gone", NOW)
        case "late":
            rig.session.handle_timer(later(NOW, 20_000))
        case _:
            rig.session.receive(b"\0\r\n\r\n", NOW)
    assert failure(rig.session.indications()).authentication


def test_terminal_that_shows_nothing_is_not_registered() -> None:
    rig = Rig(Scheme.DIGEST)
    rig.written()
    failed = failure(rig.answer("501", f"X-Wap-Terminal-Id: {TERMINAL}\r\n"))
    assert (failed.authentication, failed.may_retry) == (False, True)


def test_refusal_of_registration_counts_before_the_missing_proof() -> None:
    rig = Rig(Scheme.DIGEST)
    rig.written()
    failed = failure(rig.answer("301"))
    assert (failed.status, failed.may_retry) == (301, False)


def test_terminal_that_declines_for_now_is_challenged_anew_within_bounds() -> None:
    rig = Rig(Scheme.DIGEST)
    declined = 'X-Wap-Authorization: Digest x-wap-auth-status="failed_retry"\r\n'
    nonces = []
    while not (told := rig.answer("300", declined, 412)):
        nonces += [one.nonce for one in map(asked, rig.written()) if isinstance(one, Challenge)]
        assert len(nonces) < 10
    assert nonces == ["nonce1", "nonce2", "nonce3", "nonce4"]
    failed = failure(told)
    assert (failed.authentication, failed.may_retry) == (False, True)


@pytest.mark.parametrize(
    "refused",
    ["", "X-Wap-Authorization: Basic x-wap-auth-status=failed_noretry\r\n"],
)
def test_terminal_that_will_not_be_authenticated_is_left_alone(refused: str) -> None:
    rig = Rig(Scheme.DIGEST)
    rig.written()
    failed = failure(rig.answer("301", refused, 412))
    assert (failed.authentication, failed.may_retry) == (False, False)
    assert rig.written() == []


def test_terminal_that_names_itself_otherwise_than_it_proved_is_not_registered() -> None:
    rig = Rig(Scheme.DIGEST)
    request = rig.request()
    told = rig.answer("501", proof(request) + "X-Wap-Terminal-Id: another\r\n")
    assert "two identities" in failure(told).reason


def test_all_rounds_together_have_one_deadline() -> None:
    rig = Rig(Scheme.DIGEST)
    rig.written()
    head = "HTTP/1.1 401 X\r\nContent-Length: 0\r\nWWW-Authenticate: "
    octets = f"{head}{format_challenge(DIGEST, mirrored=False)}\r\n\r\n".encode()
    rig.session.receive(octets, later(NOW, 15_000))
    assert rig.session.next_timer() == later(NOW, 20_000)


def test_identity_that_no_header_can_hold_fails_the_session() -> None:
    settings = HttpPpgSettings(identity="a\r\nb", challenge=Scheme.BASIC)
    session = HttpPpgSession(settings)
    session.connected(NOW)
    assert not failure(session.indications()).may_retry


def test_fresh_nonces_differ() -> None:
    session = HttpPpgSession(HttpPpgSettings(identity="i", challenge=Scheme.DIGEST))
    session.connected(NOW)
    (effect,) = session.effects()
    assert isinstance(effect, SendOctets)
    (request,) = HttpServerEnd(0, 1).receive(effect.octets)
    challenge = asked(request)
    assert isinstance(challenge, Challenge)
    assert len(challenge.nonce) == 32
    with pytest.raises(DecodeError):
        parse_credentials(f"Digest nonce={challenge.nonce}")
