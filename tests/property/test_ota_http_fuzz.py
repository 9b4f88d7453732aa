"""Garbage from either peer: nothing raised, every push ends once, and memory stays bounded."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError, EncodeError
from omapush.core.instants import Instant, later
from omapush.ota.http import cpi, entity
from omapush.ota.http.authentication import Login, Scheme, basic, format_credentials
from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
from omapush.ota.http.contexts import ProvisioningContext
from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings, KnownCpi
from omapush.ota.interface import (
    ClientCapabilities,
    CloseConnection,
    PoConfirmedPushInd,
    PoConfirmedPushReq,
    PoConfirmedPushRes,
    PomRegisterReq,
    PoPushReq,
    PushOutcome,
    PushSource,
    RegistrationInd,
    SendOctets,
)
from omapush.protocols.http import HttpServerEnd, Request

NOW = Instant(1_700_000_000_000)
MESSAGE = PushMessage((("Content-Type", "text/plain"),), b"hello")
CAPABILITIES = ClientCapabilities(max_message_size=2_000, max_push_requests=2)

OURS = Login("ppg", "secret", Scheme.DIGEST)
PROOF = format_credentials(basic(Login("44", "secret")), mirrored=True)

token = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12)
status_lines = st.sampled_from(
    [
        "HTTP/1.1 204 X",
        "HTTP/1.1 200 OK",
        "HTTP/1.0 200 OK",
        "HTTP/1.1 401 X",
        "HTTP/1.1 412 X",
        "HTTP/1.1 100 X",
        "x",
    ]
)
request_lines = st.sampled_from(
    [
        "OPTIONS /wappush HTTP/1.1",
        "POST /wappush HTTP/1.1",
        "POST /wappush HTTP/1.0",
        "GET / HTTP/1.1",
        "OPTIONS * HTTP/1.1",
    ]
)
header_lines = st.one_of(
    st.sampled_from(
        [
            "Host:",
            "Content-Length: 0",
            "Content-Length: 5",
            "Transfer-Encoding: chunked",
            "Connection: close",
            "Content-Type: application/http",
            "Content-Encoding: deflate",
            "X-Wap-Push-OTA-Version: 1.0",
            "X-Wap-Push-OTA-Version: 9.9",
            "X-Wap-CPITag: other",
            "X-Wap-Push-Status: 400",
            "X-Wap-Push-Status: 256",
            "X-Wap-Push-Status: 500",
            "X-Wap-Push-Status: 501",
            "X-Wap-Push-Accept-MaxPushReq: 3",
            "X-Wap-Push-MaxMsgSize: -1",
            "X-Wap-Terminal-Id: \xff\xfe",
            "X-Wap-Terminal-Id: 44",
            'WWW-Authenticate: Basic realm="44"',
            'WWW-Authenticate: Digest realm="44", nonce="n", algorithm=SHA-1',
            'WWW-Authenticate: Digest realm="',
            f"X-Wap-Authorization: {PROOF}",
            'X-Wap-Authorization: Digest x-wap-auth-status="failed_retry"',
            "X-Wap-Authorization: Basic x-wap-auth-status=failed_noretry",
            "X-Wap-Authorization: Basic ?",
            "X-Wap-Push-ProvURL:",
            "X-Wap-Push-ProvURL: http://a.example/",
            "X-Wap-Push-Info: last,response",
            "Authorization: Basic Zzp3cm9uZw==",
            'Authorization: Digest username="g", realm="44", nonce="n", uri="/wappush", '
            'response="0123456789012345678901234567890123456789"',
            'X-Wap-Authenticate: Digest realm="p", nonce="n", algorithm="SHA-1"',
            'X-Wap-Authenticate: Basic realm="p"',
            "X-Wap-Authenticate: Digest x-wap-auth-status=failed_noretry",
            'X-Wap-Authenticate: Digest realm="p", nonce="n", x-wap-auth-status="failed_retry"',
            "X-Wap-Authorization: Basic NDQ6eA==",
            "X-Wap-Authorization: Digest x-wap-auth-status=failed_retry",
            "Content-Length : 5",
            " folded",
        ]
    ),
    st.builds("{}: {}".format, token, token),
)
bodies = st.one_of(
    st.just(b""),
    st.just(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello"),
    st.binary(max_size=40),
)


def messages(start: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda first, headers, body: (
            "\r\n".join([first, *headers, "", ""]).encode("latin-1") + body
        ),
        start,
        st.lists(header_lines, max_size=6),
        bodies,
    )


def streams(start: st.SearchStrategy[str]) -> st.SearchStrategy[list[bytes]]:
    return st.lists(st.one_of(messages(start), st.binary(max_size=60)), max_size=8)


class Accounts:
    def terminal_password(self, terminal_id: str) -> str | None:
        return "secret" if terminal_id == "44" else None

    def login_at(self, terminal_id: str | None) -> Login | None:
        return OURS if terminal_id == "44" else None

    def known_cpi(self, terminal_id: str) -> KnownCpi | None:
        return KnownCpi("t", {"t": (), "other": ((cpi.MAX_MSG_SIZE, "?"),)})


@settings(max_examples=300, deadline=None)
@given(streams(status_lines), st.sampled_from(Scheme))
def test_gateway_bears_any_terminal(octets: list[bytes], challenge: Scheme) -> None:
    session = HttpPpgSession(
        HttpPpgSettings(challenge=challenge),
        assumed_cpi_tag="t",
        known_cpi={"t": ()},
        assumed_terminal_id="44",
        accounts=Accounts(),
    )
    session.connected(NOW)
    for number in range(3):
        session.request(PoConfirmedPushReq(f"c{number}", MESSAGE), NOW)
        session.request(PoPushReq(f"u{number}", MESSAGE), NOW)
    indications, closed = [], False
    for part in octets:
        session.receive(part, NOW)
        session.request(PomRegisterReq(), NOW)
        indications += session.indications()
        effects = session.effects()
        assert not (closed and effects)  # nothing is written after the end
        # Whatever it asks for, the password is proved and never sent.
        assert b"secret" not in b"".join(e.octets for e in effects if isinstance(e, SendOctets))
        closed |= any(isinstance(effect, CloseConnection) for effect in effects)
    session.handle_timer(later(NOW, 1_000_000))
    session.disconnected("over", NOW)
    indications += session.indications()
    ended = [one.delivery_id for one in indications if isinstance(one, PushOutcome)]
    assert sorted(ended) == ["c0", "c1", "c2", "u0", "u1", "u2"]
    if challenge is Scheme.DIGEST:  # nobody has the answer to a nonce of ours
        assert not any(isinstance(one, RegistrationInd) for one in indications)
    assert session.next_timer() is None


@settings(max_examples=200, deadline=None)
@given(streams(request_lines), st.booleans())
def test_terminal_bears_any_gateway(octets: list[bytes], answering: bool) -> None:
    session = HttpTerminalSession(
        HttpTerminalSettings("44"), lambda: CAPABILITIES, PushSource("OTA-HTTP", "00", "::1")
    )
    session.connected(NOW)
    closed, unanswered = False, 0
    for part in octets:
        session.receive(part, NOW)
        for indication in session.indications():
            assert isinstance(indication, PoConfirmedPushInd)
            assert len(indication.message.body) <= CAPABILITIES.max_message_size
            unanswered += 1
            if answering:
                session.request(PoConfirmedPushRes(indication.reference), NOW)
        effects = session.effects()
        assert not (closed and effects)
        closed |= any(isinstance(effect, CloseConnection) for effect in effects)
        for effect in effects:
            if isinstance(effect, SendOctets):
                assert effect.octets.startswith(b"HTTP/1.1 ")
    assert answering or unanswered <= CAPABILITIES.max_push_requests
    session.handle_timer(later(NOW, 1_000_000))
    session.disconnected("over", NOW)
    assert session.next_timer() is None


CLEAR = Login("44", "the terminal's own")
PROVEN = Login("44", "the terminal's own", Scheme.DIGEST)
SCHEMES = st.sampled_from(list(Scheme))
contexts = st.builds(
    ProvisioningContext,
    terminal_id=st.just("44"),
    prov_url=st.sampled_from(["", "http://a.example/"]),
    login=st.sampled_from([None, CLEAR, PROVEN]),
    gateway=st.sampled_from([None, Login("g", "the gateway's own")]),
    demand=SCHEMES,
)


@settings(max_examples=300, deadline=None)
@given(streams(request_lines), st.lists(contexts, max_size=2), st.sampled_from([None, "t"]))
def test_terminal_lets_in_no_gateway_that_proves_nothing(
    octets: list[bytes], known: list[ProvisioningContext], sir: str | None
) -> None:
    session = HttpTerminalSession(
        HttpTerminalSettings("built-in", contexts=tuple(known), close_after_last=True),
        lambda: CAPABILITIES,
        PushSource("OTA-HTTP", "00", "::1"),
        sir_cpi_tag=sir,
    )
    session.connected(NOW)
    sent, closed, pushes = b"", False, 0
    for part in octets:
        session.receive(part, NOW)
        for indication in session.indications():
            assert isinstance(indication, PoConfirmedPushInd)
            assert indication.source.identity is None
            pushes += 1
            session.request(PoConfirmedPushRes(indication.reference), NOW)
        for effect in session.effects():
            assert not closed
            match effect:
                case SendOctets(octets=more):
                    sent += more
                case CloseConnection():
                    closed = True
    if known and all(one.demand is not Scheme.NONE for one in known):
        assert pushes == 0
        assert b"X-Wap-Terminal-Id" not in sent
        assert b"X-Wap-CPITag" not in sent
    if CLEAR not in (one.login for one in known):
        assert b"X-Wap-Authorization: Basic NDQ6" not in sent
    assert b"own" not in sent
    while (due := session.next_timer()) is not None:
        session.handle_timer(due)
        session.effects()
    session.disconnected("over", NOW)
    assert session.indications() == []


@settings(max_examples=300, deadline=None)
@given(streams(request_lines), st.data())
def test_server_reads_the_same_requests_in_any_segments(
    octets: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(octets)
    whole, cut_up = HttpServerEnd(100, 50), HttpServerEnd(100, 50)
    expected = whole.receive(stream)
    found: list[Request] = []
    while stream:
        size = data.draw(st.integers(1, min(len(stream), 50)))
        found += cut_up.receive(stream[:size])
        stream = stream[size:]
    assert found == expected
    assert (cut_up.failure is None) is (whole.failure is None)
    if whole.failure is not None and cut_up.failure is not None:
        assert cut_up.failure.status == whole.failure.status


@settings(max_examples=200, deadline=None)
@given(messages(st.sampled_from(["HTTP/1.1 200 OK", "HTTP/1.1 200", "HTTP/9 1", ""])))
def test_entity_is_read_or_refused(octets: bytes) -> None:
    try:
        message = entity.decode(octets, 1_000)
    except DecodeError:
        return
    assert len(message.body) <= 1_000
    # What was read can be written, and reads the same, but for the lengths.
    again = entity.decode(entity.encode(message), 1_000)
    assert again.body == message.body
    assert again.content_type == message.content_type


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=4), st.binary())
def test_message_is_written_and_reads_the_same_or_is_refused(
    headers: list[tuple[str, str]], body: bytes
) -> None:
    message = PushMessage(tuple(headers), body)
    try:
        octets = entity.encode(message)
    except EncodeError:
        return
    assert len(octets) == entity.encoded_size(message)
    names = {name.lower() for name, _ in headers}
    if names.isdisjoint(("content-encoding", "content-length", "transfer-encoding")):
        again = entity.decode(octets, len(body))
        assert again.body == body
        stripped = tuple((name, value.strip(" \t")) for name, value in headers)
        assert again.headers == (*stripped, ("Content-Length", str(len(body))))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["X-Wap-Push-Accept", *"ab", cpi.MAX_MSG_SIZE]), st.text()))
)
def test_cpi_is_read_or_refused(headers: list[tuple[str, str]]) -> None:
    try:
        capabilities = cpi.to_capabilities(headers)
    except DecodeError:
        return
    assert 0 <= capabilities.max_message_size <= cpi.MAX_NUMBER
    assert len(cpi.tag(headers)) == 8


id_text = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"[0-9A-Fa-f]{1,9}", fullmatch=True),
    st.from_regex(r"x-[a-z]{1,8}:[a-z.*]{0,8}(;app-encoding=[0-9a-f]{0,9})?", fullmatch=True),
)


@settings(max_examples=200, deadline=None)
@given(id_text)
def test_application_id_is_read_or_refused(value: str) -> None:
    try:
        application = ApplicationId.parse(value)
    except DecodeError:
        return
    again = ApplicationId.parse(application.canonical)
    assert again.canonical == application.canonical
    assert application.same_application(application)
