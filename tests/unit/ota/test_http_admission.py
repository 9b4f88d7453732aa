"""The terminal judges its gateway, and shows who it is itself (WAP-235, 7.2.5.4 and 7.2.6.2)."""

from __future__ import annotations

import itertools

import pytest

from omapush.core.errors import EncodeError
from omapush.core.instants import Instant, later
from omapush.ota.http import authentication as auth
from omapush.ota.http.admission import MAX_DEMANDS, MAX_FAILURES, MAX_REFUSALS
from omapush.ota.http.authentication import Algorithm, Challenge, Login, Scheme
from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
from omapush.ota.http.contexts import ProvisioningContext
from omapush.ota.interface import (
    ClientCapabilities,
    CloseConnection,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PushSource,
    SendOctets,
)
from omapush.protocols.http import HttpClientEnd, Request, Response

NOW = Instant(1_700_000_000_000)
ID, PROXY = "4165012322222", "ppg.example.com"
OURS = Login(ID, "secret")
GATEWAY = Login(PROXY, "gateway secret")
INNER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello"
PUSH = ("Content-Type", "application/http")


def context(**more: object) -> ProvisioningContext:
    return ProvisioningContext(ID, **more)  # type: ignore[arg-type] # by name


class Rig:
    """A session with contexts, and a gateway that reads its answers."""

    def __init__(self, *contexts: ProvisioningContext, source: PushSource | None = None) -> None:
        nonces = (f"nonce{number}" for number in itertools.count(1))
        self.session = HttpTerminalSession(
            HttpTerminalSettings("built-in", "0B", contexts=contexts),
            lambda: ClientCapabilities(max_push_requests=4),
            source or PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1"),
            new_nonce=lambda: next(nonces),
        )
        self.session.connected(NOW)
        self.gateway = HttpClientEnd(10_000)
        self.closed: str | None = None

    def send(self, method: str, *headers: tuple[str, str]) -> list[Response]:
        """Send a request, and take every push that it makes."""
        body = INNER if method == "POST" else b""
        given = (("Host", ""), *((PUSH,) if body else ()), *headers)
        self.session.receive(self.gateway.request(Request(method, "/wappush", given, body)), NOW)
        self.pushes = [one for one in self.session.indications() if _is_push(one)]
        for push in self.pushes:
            self.session.request(PoConfirmedPushRes(push.reference), NOW)
        return self.answers()

    def ask(self, method: str, *headers: tuple[str, str]) -> Response:
        (response,) = self.send(method, *headers)
        return response

    def answers(self) -> list[Response]:
        octets = b""
        for effect in self.session.effects():
            match effect:
                case SendOctets(octets=more):
                    octets += more
                case CloseConnection(reason=reason):
                    self.closed = reason
        responses = self.gateway.receive(octets)
        assert self.gateway.failure is None
        return responses


def _is_push(indication: object) -> bool:
    assert isinstance(indication, PoConfirmedPushInd)
    return True


def told(response: Response) -> tuple[int, str | None]:
    status = response.get("X-Wap-Push-Status")
    return response.status, status[:3] if status is not None else None


def answering(response: Response, method: str, login: Login = GATEWAY) -> tuple[str, str]:
    """Return the Authorization header that a gateway gives to the challenge in ``response``."""
    (challenge,) = auth.parse_challenges([response.get("WWW-Authenticate") or ""])
    assert isinstance(challenge, Challenge)
    credentials = auth.answer(challenge, login, method)
    return "Authorization", auth.format_credentials(credentials, mirrored=False)


def basic(login: Login = GATEWAY) -> tuple[str, str]:
    return "Authorization", auth.format_credentials(auth.basic(login), mirrored=False)


def challenge_of(
    scheme: Scheme = Scheme.DIGEST,
    *,
    nonce: str = "dcd98b7102dd2f0e",
    realm: str = PROXY,
    algorithm: Algorithm = Algorithm.SHA_1,
    status: auth.AuthStatus | None = None,
) -> tuple[str, str]:
    challenge = Challenge(scheme, realm, nonce, algorithm, auth_status=status)
    return "X-Wap-Authenticate", auth.format_challenge(challenge, mirrored=True)


# -- contexts and X-Wap-Push-ProvURL (digest 8) --

A = ProvisioningContext("first", "http://a.example/p")
B = ProvisioningContext("second", "http://b.example/p")
EMPTY = ProvisioningContext("nameless")


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
@pytest.mark.parametrize(
    ("contexts", "prov_url", "terminal_id"),
    [
        ((A, B, EMPTY), None, "first"),
        ((A, B, EMPTY), "http://b.example/p", "second"),
        ((A, B, EMPTY), "", "nameless"),
        ((A, B, EMPTY), "http://c.example/p", None),
        ((A, B), "", None),
        ((), "http://c.example/p", "built-in"),
        ((), "", "built-in"),
        ((), None, "built-in"),
    ],
)
def test_terminal_chooses_context_by_prov_url(
    method: str,
    contexts: tuple[ProvisioningContext, ...],
    prov_url: str | None,
    terminal_id: str | None,
) -> None:
    rig = Rig(*contexts)
    given = (("X-Wap-Push-ProvURL", prov_url),) if prov_url is not None else ()
    response = rig.ask(method, *given)
    if terminal_id is None:
        assert told(response) == (204, "302" if method == "OPTIONS" else "257")
        assert response.get("X-Wap-Terminal-Id") is None
        assert not rig.pushes
        return
    assert told(response) == (204, "501" if method == "OPTIONS" else "400")
    # The association lasts: a request without the header is of the same context.
    assert rig.ask("OPTIONS").get("X-Wap-Terminal-Id") == terminal_id


def test_terminal_names_its_bearer_even_when_no_context_matches() -> None:
    response = Rig(A).ask("OPTIONS", ("X-Wap-Push-ProvURL", "http://other.example/"))
    assert response.get("X-Wap-Bearer-Indication") == "0B"


def test_context_that_was_named_stays_until_the_connection_ends() -> None:
    rig = Rig(A, B)
    rig.ask("OPTIONS", ("X-Wap-Push-ProvURL", B.prov_url))
    assert told(rig.ask("OPTIONS", ("X-Wap-Push-ProvURL", A.prov_url))) == (204, "302")
    assert told(rig.ask("POST", ("X-Wap-Push-ProvURL", A.prov_url))) == (204, "257")
    assert told(rig.ask("POST", ("X-Wap-Push-ProvURL", B.prov_url))) == (204, "400")
    assert rig.ask("OPTIONS").get("X-Wap-Terminal-Id") == "second"


def test_prov_url_that_matches_nothing_settles_nothing() -> None:
    rig = Rig(A, B)
    rig.ask("OPTIONS", ("X-Wap-Push-ProvURL", "http://c.example/p"))
    response = rig.ask("OPTIONS", ("X-Wap-Push-ProvURL", B.prov_url))
    assert (told(response), response.get("X-Wap-Terminal-Id")) == ((204, "501"), "second")


def test_login_in_one_context_does_not_count_in_another() -> None:
    asking = ProvisioningContext("b", "http://b.example/p", None, GATEWAY, Scheme.BASIC)
    rig = Rig(context(gateway=GATEWAY, demand=Scheme.BASIC), asking)
    assert told(rig.ask("OPTIONS", basic())) == (204, "501")
    assert told(rig.ask("OPTIONS", ("X-Wap-Push-ProvURL", asking.prov_url))) == (401, "300")


def test_context_with_identity_that_no_header_can_hold_is_refused() -> None:
    with pytest.raises(EncodeError):
        ProvisioningContext("4165\r\nX-Evil: 1")
    with pytest.raises(EncodeError):
        ProvisioningContext("4165", login=Login("a", "\ud800"))


OUTDATED = (
    "Authorization",
    f'Digest username="{PROXY}", realm="{ID}", nonce="old", uri="/wappush", response="{"0" * 40}"',
)

# -- the gateway proves itself (digest 14.1) --


def test_terminal_demands_digest_as_the_standard_has_it() -> None:
    response = Rig(context(gateway=GATEWAY, demand=Scheme.DIGEST)).ask(
        "OPTIONS", ("X-Wap-Push-OTA-Version", "1.0")
    )
    assert response.status == 401
    assert response.headers == (
        ("X-Wap-Push-Status", "300 Unauthorized"),
        ("X-Wap-Push-OTA-Version", "1.0"),
        ("X-Wap-Bearer-Indication", "0B"),
        (
            "WWW-Authenticate",
            f'Digest realm="{ID}", domain="/wappush", nonce="nonce1", algorithm=SHA-1',
        ),
        ("Content-Length", "0"),
    )


@pytest.mark.parametrize("scheme", [Scheme.BASIC, Scheme.DIGEST])
@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_terminal_takes_proof_of_gateway_and_remembers_it(scheme: Scheme, method: str) -> None:
    rig = Rig(context(gateway=GATEWAY, demand=scheme))
    refused = rig.ask(method)
    assert told(refused) == (401, "300" if method == "OPTIONS" else None)
    assert not rig.pushes
    accepted = rig.ask(method, answering(refused, method))
    assert told(accepted) == (204, "501" if method == "OPTIONS" else "400")
    rig.ask("POST")
    (push,) = rig.pushes
    assert push.source.identity == PROXY
    assert rig.ask("OPTIONS").get("X-Wap-Terminal-Id") == ID


def test_terminal_takes_basic_that_comes_unasked() -> None:
    rig = Rig(context(gateway=GATEWAY, demand=Scheme.BASIC))
    response = rig.ask("OPTIONS", basic())
    assert (told(response), response.get("X-Wap-Terminal-Id")) == ((204, "501"), ID)


def test_terminal_that_asks_for_nothing_passes_over_credentials() -> None:
    rig = Rig(context())
    for _ in range(MAX_FAILURES + 1):
        assert told(rig.ask("OPTIONS", basic(Login("x", "y")))) == (204, "501")
    rig.ask("POST")
    assert rig.pushes[0].source.identity is None


def test_identity_that_tls_has_proved_stays() -> None:
    source = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1", identity="by-tls.example")
    rig = Rig(context(gateway=GATEWAY, demand=Scheme.BASIC), source=source)
    rig.ask("POST", basic())
    assert rig.pushes[0].source.identity == "by-tls.example"


def test_terminal_refuses_digest_that_is_sent_twice() -> None:
    rig = Rig(context(gateway=GATEWAY, demand=Scheme.DIGEST))
    proof = answering(rig.ask("POST"), "POST")
    assert told(rig.ask("POST", proof)) == (204, "400")
    again = rig.ask("POST", proof)
    assert again.status == 401
    assert not rig.pushes
    # What was proved before does not hold any more, either.
    assert rig.ask("POST").status == 401


def test_terminal_refuses_digest_for_another_method() -> None:
    rig = Rig(context(gateway=GATEWAY, demand=Scheme.DIGEST))
    refused = rig.ask("OPTIONS")
    assert rig.ask("POST", answering(refused, "OPTIONS")).status == 401


def test_terminal_refuses_digest_of_another_connection() -> None:
    one, other = (Rig(context(gateway=GATEWAY, demand=Scheme.DIGEST)) for _ in range(2))
    one.ask("OPTIONS")
    other.ask("OPTIONS")
    refused = one.ask("OPTIONS")  # its second challenge, which the other has not made yet
    assert other.ask("OPTIONS", answering(refused, "OPTIONS")).status == 401


@pytest.mark.parametrize(
    ("demand", "credentials"),
    [
        (Scheme.DIGEST, basic()[1]),
        (Scheme.BASIC, 'Digest username="a", realm="b", nonce="c", uri="/", response="d"'),
        (Scheme.BASIC, "Basic !!!"),
        (Scheme.DIGEST, "Digest"),
        (Scheme.DIGEST, "Bearer token"),
        (Scheme.DIGEST, 'Digest x-wap-auth-status="failed_retry"'),
        (Scheme.BASIC, "x" * 5_000),
    ],
)
def test_terminal_refuses_what_is_no_proof(demand: Scheme, credentials: str) -> None:
    rig = Rig(context(gateway=GATEWAY, demand=demand))
    assert told(rig.ask("OPTIONS", ("Authorization", credentials))) == (401, "300")
    assert rig.closed is None


@pytest.mark.parametrize("scheme", [Scheme.BASIC, Scheme.DIGEST])
def test_unknown_gateway_and_wrong_password_look_alike(scheme: Scheme) -> None:
    answers = []
    for login in (Login("unknown", "gateway secret"), Login(PROXY, "wrong")):
        rig = Rig(context(gateway=GATEWAY, demand=scheme))
        refused = rig.ask("OPTIONS")
        answers.append(rig.ask("OPTIONS", answering(refused, "OPTIONS", login)))
    assert answers[0] == answers[1]
    assert told(answers[0]) == (401, "300")


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_terminal_ends_connection_after_wrong_credentials_in_a_row(method: str) -> None:
    rig = Rig(context(gateway=GATEWAY, demand=Scheme.BASIC))
    wrong = basic(Login(PROXY, "wrong"))
    for _ in range(MAX_FAILURES - 1):
        assert rig.ask(method, wrong).status == 401
    last = rig.ask(method, wrong)
    assert told(last) == (403, "301" if method == "OPTIONS" else "235")
    assert last.get("Connection") == "close"
    assert rig.send("OPTIONS", basic()) == []
    rig.session.handle_timer(later(NOW, 2_000))
    rig.answers()
    assert rig.closed == "too many requests without right credentials"


def test_terminal_that_ends_the_connection_asks_for_no_more() -> None:
    rig = Rig(context(gateway=GATEWAY, demand=Scheme.BASIC))
    wrong = basic(Login(PROXY, "wrong"))
    request = Request("OPTIONS", "/wappush", (("Host", ""), wrong))
    octets = b"".join(rig.gateway.request(request) for _ in range(MAX_FAILURES))
    expecting = (
        b"POST /wappush HTTP/1.1\r\nHost:\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    )
    rig.session.receive(octets + expecting, NOW)
    sent = b"".join(one.octets for one in rig.session.effects() if isinstance(one, SendOctets))
    assert sent.count(b"HTTP/1.1 ") == MAX_FAILURES
    assert b" 100 " not in sent


def test_terminal_does_not_demand_credentials_for_ever() -> None:
    rig = Rig(context(gateway=GATEWAY, demand=Scheme.DIGEST))
    for _ in range(MAX_DEMANDS):
        assert rig.ask("POST").status == 401
    assert rig.ask("POST").status == 403
    rig = Rig(context(gateway=GATEWAY, demand=Scheme.DIGEST))
    for _ in range(MAX_DEMANDS + 1):  # each with its own proof, as RFC 2617 has it
        assert told(rig.ask("POST", answering(rig.ask("POST", OUTDATED), "POST")))[0] == 204


def test_right_credentials_end_the_row_of_wrong_ones() -> None:
    rig = Rig(context(gateway=GATEWAY, demand=Scheme.BASIC))
    for _ in range(3):
        for _ in range(MAX_FAILURES - 1):
            assert rig.ask("OPTIONS", basic(Login(PROXY, "wrong"))).status == 401
        assert told(rig.ask("OPTIONS", basic())) == (204, "501")


@pytest.mark.parametrize("taken", [True, False])
def test_terminal_offers_and_takes_md5_only_where_set_up(taken: bool) -> None:
    rig = Rig(context(gateway=GATEWAY, demand=Scheme.DIGEST, takes_md5=taken))
    offered = auth.parse_challenges(
        value for name, value in rig.ask("OPTIONS").headers if name == "WWW-Authenticate"
    )
    assert [one.algorithm for one in offered if isinstance(one, Challenge)] == (
        [Algorithm.SHA_1, Algorithm.MD5] if taken else [Algorithm.SHA_1]
    )
    by_md5 = Challenge(Scheme.DIGEST, ID, "nonce1", Algorithm.MD5)
    proof = auth.format_credentials(auth.answer(by_md5, GATEWAY, "OPTIONS"), mirrored=False)
    assert rig.ask("OPTIONS", ("Authorization", proof)).status == (204 if taken else 401)


def test_context_that_demands_and_knows_nobody_lets_nobody_in() -> None:
    rig = Rig(context(demand=Scheme.BASIC))
    assert rig.ask("OPTIONS", basic(Login("", ""))).status == 401
    assert rig.ask("POST", basic(Login("", "a password that nobody has"))).status == 401


def test_pushes_before_the_end_are_answered_and_those_behind_are_not_taken() -> None:
    rig = Rig(context(gateway=GATEWAY, demand=Scheme.BASIC))
    wrong = basic(Login(PROXY, "wrong"))
    heads = [("OPTIONS", (wrong,))] * MAX_FAILURES + [("POST", (basic(),))]
    octets = b""
    for method, headers in heads:
        body = INNER if method == "POST" else b""
        request = Request(method, "/wappush", (("Host", ""), PUSH, *headers), body)
        octets += rig.gateway.request(request)
    rig.session.receive(octets, NOW)
    assert rig.session.indications() == []
    assert [told(one)[0] for one in rig.answers()] == [401, 401, 403]


@pytest.mark.parametrize("offered", ["1.0", "2.0"])
def test_identity_is_not_told_before_the_gateway_has_proved_its_own(offered: str) -> None:
    rig = Rig(context(gateway=GATEWAY, demand=Scheme.DIGEST))
    response = rig.ask("OPTIONS", ("X-Wap-Push-OTA-Version", offered))
    assert response.get("X-Wap-Terminal-Id") is None
    assert response.get("X-Wap-CPITag") is None
    assert response.get("X-Wap-Bearer-Indication") == "0B"


# -- we prove ourselves (digest 14.2) --


@pytest.mark.parametrize(
    ("method", "proof"),
    [
        ("OPTIONS", "ee436b7d8ae57305a489d616dbd778579792a125"),
        ("POST", "dc854bad908f648950944ea2b2e246ccf3ab81dd"),
    ],
)
def test_terminal_answers_digest_challenge(method: str, proof: str) -> None:
    response = Rig(context(login=OURS)).ask(method, challenge_of())
    assert response.get("X-Wap-Authorization") == (
        f'Digest username="{ID}", realm="{PROXY}", nonce="dcd98b7102dd2f0e", uri="/wappush", '
        f'response="{proof}", algorithm="SHA-1"'
    )
    assert told(response) == (204, "501" if method == "OPTIONS" else "400")
    assert response.get("X-Wap-Terminal-Id") is None


def test_terminal_answers_basic_challenge_where_it_may() -> None:
    response = Rig(context(login=OURS)).ask("OPTIONS", challenge_of(Scheme.BASIC))
    assert response.get("X-Wap-Authorization") == "Basic NDE2NTAxMjMyMjIyMjpzZWNyZXQ="


def test_terminal_shows_nothing_when_not_asked() -> None:
    rig = Rig(context(login=OURS))
    rig.ask("OPTIONS", challenge_of())
    response = rig.ask("OPTIONS")
    assert response.get("X-Wap-Authorization") is None
    assert response.get("X-Wap-Terminal-Id") == ID


def test_terminal_prefers_the_stronger_challenge() -> None:
    response = Rig(context(login=OURS)).ask("OPTIONS", challenge_of(Scheme.BASIC), challenge_of())
    assert (response.get("X-Wap-Authorization") or "").startswith("Digest ")


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
@pytest.mark.parametrize(
    ("one", "asked", "status"),
    [
        (context(), challenge_of(), "failed_noretry"),
        (None, challenge_of(), "failed_noretry"),
        (context(login=OURS, proxy_id="other.example"), challenge_of(), "failed_noretry"),
        (context(login=Login("a:b", "c")), challenge_of(Scheme.BASIC), "failed_noretry"),
        (context(login=OURS), ("X-Wap-Authenticate", 'Digest realm="'), "failed_noretry"),
        (
            context(login=Login(ID, "secret", Scheme.DIGEST)),
            challenge_of(Scheme.BASIC),
            "failed_retry",
        ),
        (context(login=OURS), challenge_of(algorithm=Algorithm.MD5), "failed_retry"),
        (context(login=OURS), ("X-Wap-Authenticate", 'Other realm="x"'), "failed_retry"),
    ],
)
def test_terminal_refuses_challenge_that_it_does_not_answer(
    method: str, one: ProvisioningContext | None, asked: tuple[str, str], status: str
) -> None:
    rig = Rig(*(() if one is None else (one,)))
    response = rig.ask(method, asked)
    refusals = {"failed_retry": "300", "failed_noretry": "301"}
    assert told(response) == (412, refusals[status] if method == "OPTIONS" else "235")
    scheme = "Basic" if asked[1].startswith("Basic") else "Digest"
    assert response.get("X-Wap-Authorization") == f'{scheme} x-wap-auth-status="{status}"'
    assert response.get("X-Wap-Terminal-Id") is None
    assert b"secret" not in repr(response).encode()
    assert not rig.pushes
    assert rig.closed is None


def test_terminal_answers_md5_challenge_where_set_up() -> None:
    rig = Rig(context(login=OURS, takes_md5=True))
    response = rig.ask("OPTIONS", challenge_of(algorithm=Algorithm.MD5))
    assert 'algorithm="MD5"' in (response.get("X-Wap-Authorization") or "")


def test_terminal_advises_another_challenge_only_so_often() -> None:
    rig = Rig(context(login=Login(ID, "secret", Scheme.DIGEST)))
    told_so = [rig.ask("OPTIONS", challenge_of(Scheme.BASIC)) for _ in range(MAX_REFUSALS)]
    assert [told(one)[1] for one in told_so] == ["300"] * (MAX_REFUSALS - 1) + ["301"]


def test_terminal_answers_again_once_and_then_ends_the_connection() -> None:
    rig = Rig(context(login=OURS))
    rig.ask("OPTIONS", challenge_of())
    again = challenge_of(nonce="other", status=auth.AuthStatus.FAILED_RETRY)
    assert 'nonce="other"' in (rig.ask("OPTIONS", again).get("X-Wap-Authorization") or "")
    assert rig.send("OPTIONS", again) == []
    assert rig.closed == "the gateway does not take our credentials"


@pytest.mark.parametrize("value", ['"failed_noretry"', "failed_noretry", "FAILED_NORETRY"])
def test_terminal_ends_connection_when_its_credentials_are_refused_for_good(value: str) -> None:
    rig = Rig(context(login=OURS))
    rig.ask("OPTIONS", challenge_of())
    refusal = ("X-Wap-Authenticate", f"Digest x-wap-auth-status={value}")
    assert rig.send("OPTIONS", refusal) == []
    assert rig.closed is not None
    assert rig.session.next_timer() is None


def test_refusal_for_good_does_not_overtake_an_unanswered_push() -> None:
    rig = Rig(context(login=OURS))
    host, refusal = ("Host", ""), ("X-Wap-Authenticate", "Digest x-wap-auth-status=failed_noretry")
    requests = (
        Request("POST", "/wappush", (host, PUSH), INNER),
        Request("OPTIONS", "/wappush", (host, refusal)),
    )
    rig.session.receive(b"".join(map(rig.gateway.request, requests)), NOW)
    (push,) = rig.session.indications()
    assert isinstance(push, PoConfirmedPushInd)
    assert (rig.answers(), rig.closed) == ([], None)
    rig.session.request(PoConfirmedPushRes(push.reference), NOW)
    assert [told(one) for one in rig.answers()] == [(204, "400")]
    assert rig.closed is not None


@pytest.mark.parametrize("demand", [Scheme.BASIC, Scheme.DIGEST])
def test_both_ends_prove_themselves_in_one_flow(demand: Scheme) -> None:
    rig = Rig(context(login=OURS, gateway=GATEWAY, demand=demand))
    refused = rig.ask("OPTIONS", challenge_of())
    assert told(refused) == (401, "300")
    assert "ee436b7d8ae57305" in (refused.get("X-Wap-Authorization") or "")
    assert refused.get("X-Wap-Terminal-Id") is None
    accepted = rig.ask("OPTIONS", answering(refused, "OPTIONS"))
    assert told(accepted) == (204, "501")
    assert accepted.get("X-Wap-Authorization") is None
