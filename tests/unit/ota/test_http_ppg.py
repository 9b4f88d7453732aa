"""The gateway's end of OTA-HTTP against a scripted terminal."""

from __future__ import annotations

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import Instant, later
from omapush.ota.http.ppg import MAX_TAGS, HttpPpgSession, HttpPpgSettings
from omapush.ota.http.states import TRANSITIONS, Event, State
from omapush.ota.interface import (
    ClientCapabilities,
    CloseConnection,
    OutcomeKind,
    PoConfirmedPushReq,
    PoPushReq,
    PpgIndication,
    PushFlag,
    PushOutcome,
    RegistrationInd,
    SendOctets,
    SessionFailedInd,
)

NOW = Instant(1_700_000_000_000)
MESSAGE = PushMessage((("Content-Type", "text/plain"),), b"hello")
CPI = (("X-Wap-Push-Accept", "text/plain"), ("X-Wap-Push-MaxMsgSize", "5000"))
WITH_CPI = "X-Wap-CPITag: tag1\r\nX-Wap-Push-Accept: text/plain\r\nX-Wap-Push-MaxMsgSize: 5000\r\n"


class Rig:
    """A session, the octets it wrote, and what it told."""

    def __init__(self, **known: object) -> None:
        settings = known.pop("settings", HttpPpgSettings())
        self.session = HttpPpgSession(settings, **known)  # type: ignore[arg-type] # passed on
        self.now = NOW
        self.closed: str | None = None
        self.session.connected(self.now)

    def push(self, *ids: str, **more: object) -> None:
        for delivery_id in ids:
            request = PoConfirmedPushReq(delivery_id, MESSAGE, **more)  # type: ignore[arg-type]
            self.session.request(request, self.now)

    def written(self) -> str:
        octets = b""
        for effect in self.session.effects():
            match effect:
                case SendOctets(octets=more):
                    octets += more
                case CloseConnection(reason=reason):
                    self.closed = reason
        return octets.decode("latin-1")

    def answer(self, status: str | None, more: str = "", http: int = 204) -> list[PpgIndication]:
        told = f"X-Wap-Push-Status: {status}\r\n" if status is not None else ""
        self.session.receive(f"HTTP/1.1 {http} X\r\n{told}{more}\r\n".encode("latin-1"), self.now)
        return self.session.indications()

    def register(self, more: str = "") -> RegistrationInd:
        self.written()
        (registration,) = self.answer("501", WITH_CPI + more)
        assert isinstance(registration, RegistrationInd)
        return registration


def ids(octets: str) -> list[str]:
    return [line[11:] for line in octets.split("\r\n") if line.startswith("X-Push-Id: ")]


def ended(indications: list[PpgIndication]) -> dict[str, OutcomeKind]:
    return {one.delivery_id: one.kind for one in indications if isinstance(one, PushOutcome)}


def test_states_and_transitions_are_those_of_the_table() -> None:
    assert {
        (state.value, event.value, after.value)
        for state, row in TRANSITIONS.items()
        for event, after in row.items()
    } == {
        ("idle", "connected", "registering"),
        ("idle", "disconnected", "closed"),
        ("registering", "registered", "ready"),
        ("registering", "refused", "failed"),
        ("registering", "reregister", "registering"),
        ("registering", "disconnected", "closed"),
        ("ready", "reregister", "registering"),
        ("ready", "refused", "failed"),
        ("ready", "disconnected", "closed"),
        ("failed", "disconnected", "closed"),
    }
    assert set(TRANSITIONS) == set(State)
    assert {event for row in TRANSITIONS.values() for event in row} == set(Event)


# -- registration (WAP-235, 7.2.5) --


def test_ppg_registers_terminal_first() -> None:
    rig = Rig()
    assert (
        rig.written()
        == "OPTIONS /wappush HTTP/1.1\r\nHost: \r\nX-Wap-Push-OTA-Version: 1.0\r\n\r\n"
    )
    rig.push("a")
    assert rig.written() == ""
    (registration,) = rig.answer(
        "501 with CPI",
        WITH_CPI
        + "X-Wap-Terminal-ID: 4165012322222\r\nX-Wap-Bearer-Indication: 0b\r\n"
        + "X-Wap-Push-OTA-Version: 1.0\r\n",
    )
    assert registration == RegistrationInd(
        terminal_id="4165012322222",
        bearer_indication="0B",
        cpi_tag="tag1",
        capabilities=ClientCapabilities(accept=("text/plain",), max_message_size=5000),
        cpi=CPI,
    )
    assert ids(rig.written()) == ["a"]


def test_ppg_keeps_profile_headers_as_cpi() -> None:
    registration = Rig().register('x-wap-profile: "http://example.org/p"\r\n')
    assert registration.cpi == (*CPI, ("x-wap-profile", '"http://example.org/p"'))


def test_ppg_takes_remembered_cpi_when_its_tag_is_current() -> None:
    rig = Rig(assumed_cpi_tag="old", known_cpi={"old": CPI})
    assert "X-Wap-CPITag: old\r\n" in rig.written()
    (registration,) = rig.answer("500", "X-Wap-Terminal-Id: 44\r\n")
    assert isinstance(registration, RegistrationInd)
    assert (registration.cpi_tag, registration.cpi) == ("old", CPI)
    assert registration.capabilities.max_message_size == 5000


def test_ppg_takes_new_cpi_when_its_tag_is_out_of_date() -> None:
    rig = Rig(assumed_cpi_tag="old", known_cpi={"old": ()})
    assert rig.register().cpi_tag == "tag1"


def test_ppg_offers_no_tag_whose_cpi_it_does_not_have() -> None:
    assert "CPITag" not in Rig(assumed_cpi_tag="old").written()


def test_ppg_registers_terminal_that_knows_no_push_status() -> None:
    rig = Rig()
    (registration,) = rig.answer(None)
    assert isinstance(registration, RegistrationInd)
    assert registration.capabilities == ClientCapabilities()


@pytest.mark.parametrize(
    ("status", "more", "http", "may_retry", "told"),
    [
        ("300 later", "", 204, True, 300),
        ("301 never", "", 204, False, 301),
        ("302 no context", "", 204, False, 302),
        ("600 Version Not Supported", "", 204, False, 600),
        (None, "", 404, False, 236),
        (None, "", 405, False, 236),
        (None, "", 503, True, 234),
        (None, "", 302, True, None),
        ("300", 'WWW-Authenticate: Basic realm="44"\r\n', 401, False, None),
        (
            "300",
            'X-Wap-Authorization: Basic x-wap-auth-status="failed_retry"\r\n',
            412,
            True,
            300,
        ),
        ("501", "X-Wap-Push-OTA-Version: 2.0\r\n", 204, False, None),
        ("501", "X-Wap-Push-MaxMsgSize: large\r\n", 204, True, None),
        ("501", f"X-Wap-Terminal-Id: {'4' * 256}\r\n", 204, True, None),
    ],
)
def test_ppg_fails_when_terminal_refuses_registration(
    status: str | None, more: str, http: int, may_retry: bool, told: int | None
) -> None:
    rig = Rig()
    rig.push("a", "b")
    rig.written()
    failed, *outcomes = rig.answer(status, more + "Content-Length: 0\r\n" * (http != 204), http)
    assert isinstance(failed, SessionFailedInd)
    assert (failed.may_retry, failed.status) == (may_retry, told)
    assert ended(outcomes) == {"a": OutcomeKind.LATER, "b": OutcomeKind.LATER}
    assert rig.written() == ""  # no second try on this connection
    assert rig.closed is not None
    assert ("authentication" in failed.reason) is (http == 401)


def test_ppg_gives_up_registration_that_is_not_answered() -> None:
    rig = Rig()
    rig.push("a")
    assert rig.session.next_timer() == later(NOW, 20_000)
    rig.session.handle_timer(later(NOW, 19_999))
    assert rig.session.indications() == []
    rig.session.handle_timer(later(NOW, 20_000))
    failed, outcome = rig.session.indications()
    assert isinstance(failed, SessionFailedInd)
    assert ended([outcome]) == {"a": OutcomeKind.LATER}
    assert rig.session.next_timer() is None


# -- push (WAP-235, 7.4) --


def test_ppg_posts_push_with_its_headers() -> None:
    rig = Rig()
    rig.register()
    flags = PushFlag.INITIATOR_AUTHENTICATED | PushFlag.LAST
    rig.push("d1", flags=flags, response_allowed=True)
    head, inner, body = rig.written().split("\r\n\r\n")
    assert head.split("\r\n") == [
        "POST /wappush HTTP/1.1",
        "Host: ",
        "Content-Type: application/http",
        "X-Wap-Push-OTA-Version: 1.0",
        "X-Push-Id: d1",
        "X-Wap-CPITag: tag1",
        "X-Wap-Push-Info: authenticated,last,response",
        "Content-Length: 69",
    ]
    assert inner == "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5"
    assert body == "hello"


def test_ppg_sends_one_push_at_a_time_unless_told_otherwise() -> None:
    rig = Rig()
    rig.register()
    rig.push("a", "b")
    assert ids(rig.written()) == ["a"]
    assert ended(rig.answer("400")) == {"a": OutcomeKind.DONE}
    assert ids(rig.written()) == ["b"]
    assert ended(rig.answer("234")) == {"b": OutcomeKind.LATER}


@pytest.mark.parametrize(("allowed", "at_a_time"), [("4", 4), ("0", 1), ("1000000", 16)])
def test_ppg_pipelines_as_terminal_allows_within_its_own_bound(
    allowed: str, at_a_time: int
) -> None:
    rig = Rig()
    rig.register(f"X-Wap-Push-Accept-MaxPushReq: {allowed}\r\n")
    rig.push(*(str(number) for number in range(20)))
    assert ids(rig.written()) == [str(number) for number in range(at_a_time)]


def test_ppg_bounds_pushes_that_wait() -> None:
    rig = Rig(settings=HttpPpgSettings(max_waiting=2))
    rig.push("a", "b", "c")
    assert ended(rig.session.indications()) == {"c": OutcomeKind.LATER}


def test_ppg_refuses_push_that_cannot_be_written() -> None:
    rig = Rig()
    rig.register()
    broken = PushMessage((("X-Name", "a\r\nb"),), b"")
    rig.session.request(PoConfirmedPushReq("a", broken), NOW)
    rig.session.request(PoConfirmedPushReq("b\r\n", MESSAGE), NOW)
    rig.push("c")
    assert ended(rig.session.indications()) == {"a": OutcomeKind.NEVER, "b\r\n": OutcomeKind.NEVER}
    assert ids(rig.written()) == ["c"]


@pytest.mark.parametrize("status", ["400", "235", "600", None])
def test_ppg_reports_unconfirmed_push_as_done_whatever_the_answer(status: str | None) -> None:
    rig = Rig()
    rig.register()
    rig.session.request(PoPushReq("u", MESSAGE), NOW)
    assert ended(rig.answer(status)) == {"u": OutcomeKind.DONE}


def test_ppg_names_authentication_that_a_push_is_refused_for() -> None:
    rig = Rig()
    rig.register()
    rig.push("a", "b")
    rig.written()
    (outcome,) = rig.answer(None, "Content-Length: 0\r\n", http=401)
    assert isinstance(outcome, PushOutcome)
    assert (outcome.kind, outcome.status) == (OutcomeKind.NEVER, None)
    assert "demands authentication" in outcome.reason
    assert ids(rig.written()) == ["b"]  # and "a" is not sent again


def test_ppg_leaves_push_in_doubt_when_answer_is_overdue() -> None:
    rig = Rig()
    rig.register()
    rig.push("a", "b")
    rig.written()
    assert rig.session.next_timer() == later(NOW, 30_000)
    rig.session.handle_timer(later(NOW, 30_000))
    indications = rig.session.indications()
    assert ended(indications) == {"a": OutcomeKind.IN_DOUBT, "b": OutcomeKind.LATER}
    rig.written()
    assert rig.closed is not None
    assert rig.answer("400") == []  # too late


@pytest.mark.parametrize("unconfirmed", [True, False])
def test_ppg_leaves_what_was_sent_in_doubt_when_connection_ends(unconfirmed: bool) -> None:
    rig = Rig()
    rig.register()
    request = PoPushReq if unconfirmed else PoConfirmedPushReq
    for delivery_id in ("a", "b"):
        rig.session.request(request(delivery_id, MESSAGE), NOW)
    rig.session.disconnected("gone", NOW)
    assert ended(rig.session.indications()) == {"a": OutcomeKind.IN_DOUBT, "b": OutcomeKind.LATER}
    rig.push("late")
    assert ended(rig.session.indications()) == {"late": OutcomeKind.LATER}
    rig.session.disconnected("again", NOW)
    assert rig.session.indications() == []


def test_ppg_tells_that_session_failed_when_connection_ends_before_registration() -> None:
    rig = Rig()
    rig.session.disconnected("gone", NOW)
    (failed,) = rig.session.indications()
    assert isinstance(failed, SessionFailedInd)
    assert failed.may_retry


def test_ppg_takes_answer_that_ends_with_the_connection() -> None:
    rig = Rig()
    rig.register()
    rig.push("a", "b")
    rig.session.receive(b"HTTP/1.1 200 OK\r\nX-Wap-Push-Status: 400\r\n\r\nbody", NOW)
    rig.session.disconnected("gone", NOW)
    assert ended(rig.session.indications()) == {"a": OutcomeKind.DONE, "b": OutcomeKind.LATER}


def test_ppg_sends_nothing_more_to_terminal_that_closes() -> None:
    rig = Rig()
    rig.register()
    rig.push("a", "b")
    rig.written()
    indications = rig.answer("400", "Connection: close\r\n")
    assert ended(indications) == {"a": OutcomeKind.DONE, "b": OutcomeKind.LATER}
    assert rig.written() == ""
    assert rig.closed is not None


def test_ppg_keeps_answers_before_garbage() -> None:
    rig = Rig()
    rig.register("X-Wap-Push-Accept-MaxPushReq: 4\r\n")
    rig.push("a", "b")
    answer = b"HTTP/1.1 204 X\r\nX-Wap-Push-Status: 400\r\n\r\n"
    rig.session.receive(answer + b"\0\r\n\r\n", NOW)
    assert ended(rig.session.indications()) == {"a": OutcomeKind.DONE, "b": OutcomeKind.IN_DOUBT}


# -- a tag that is out of date (WAP-235, 7.2.5.2) --


def test_ppg_switches_to_cpi_it_knows_and_sends_again() -> None:
    other = (("X-Wap-Push-MaxMsgSize", "9"),)
    rig = Rig(assumed_cpi_tag="old", known_cpi={"old": CPI, "new": other})
    rig.answer("500", "X-Wap-Terminal-Id: 44\r\n")
    rig.push("a")
    rig.written()
    (registration,) = rig.answer("256", "X-Wap-CPITag: new\r\n")
    assert isinstance(registration, RegistrationInd)
    assert (registration.cpi_tag, registration.terminal_id) == ("new", "44")
    assert registration.capabilities.max_message_size == 9
    again = rig.written()
    assert ids(again) == ["a"]
    assert "X-Wap-CPITag: new\r\n" in again
    assert "OPTIONS" not in again
    assert ended(rig.answer("400")) == {"a": OutcomeKind.DONE}


@pytest.mark.parametrize("more", ["X-Wap-CPITag: new\r\n", "", "X-Wap-CPITag: tag1\r\n"])
def test_ppg_registers_anew_for_tag_it_does_not_know_and_sends_again(more: str) -> None:
    rig = Rig()
    rig.register()
    rig.push("a", "b")
    rig.written()
    assert rig.answer("256", more) == []
    assert rig.written().startswith("OPTIONS /wappush HTTP/1.1\r\n")
    (registration,) = rig.answer("501", "X-Wap-CPITag: new\r\n")
    assert isinstance(registration, RegistrationInd)
    assert ids(rig.written()) == ["a"]
    assert ended(rig.answer("400")) == {"a": OutcomeKind.DONE}
    assert ids(rig.written()) == ["b"]


@pytest.mark.parametrize(
    ("kind", "end"), [(PoConfirmedPushReq, OutcomeKind.NEVER), (PoPushReq, OutcomeKind.DONE)]
)
def test_ppg_stops_when_tag_is_out_of_date_for_ever(
    kind: type[PoConfirmedPushReq | PoPushReq], end: OutcomeKind
) -> None:
    rig = Rig()
    rig.register()
    rig.session.request(kind("a", MESSAGE), NOW)
    sent = 0
    while not (outcomes := ended(rig.answer("256", f"X-Wap-CPITag: new{sent}\r\n"))):
        sent += 1
        assert sent < 10
        rig.written()
        rig.answer("501", f"X-Wap-CPITag: other{sent}\r\n")
    assert (sent, outcomes) == (2, {"a": end})


def test_ppg_keeps_order_of_pushes_that_met_a_new_tag() -> None:
    many = (("X-Wap-Push-Accept-MaxPushReq", "4"),)
    rig = Rig(assumed_cpi_tag="old", known_cpi={"old": many, "new": many})
    rig.answer("500")
    rig.push("a", "b", "c", "d", "e")
    rig.written()
    for _ in "abcd":
        rig.answer("256", "X-Wap-CPITag: new\r\n")
    assert ids(rig.written()) == ["a", "b", "c", "d"]
    for _ in "abcd":
        rig.answer("400")
    assert ids(rig.written()) == ["e"]


def test_ppg_follows_tag_that_comes_with_an_accepted_push() -> None:
    rig = Rig()
    rig.register()
    rig.push("a", "b")
    rig.written()
    assert ended(rig.answer("401", "X-Wap-CPITag: new\r\n")) == {"a": OutcomeKind.DONE}
    assert rig.written().startswith("OPTIONS ")
    rig.answer("501", "X-Wap-CPITag: new\r\n")
    assert ids(rig.written()) == ["b"]


def test_ppg_waits_for_outstanding_answers_before_it_registers_anew() -> None:
    rig = Rig()
    rig.register("X-Wap-Push-Accept-MaxPushReq: 2\r\n")
    rig.push("a", "b", "c")
    rig.written()
    rig.answer("256", "X-Wap-CPITag: new\r\n")
    assert rig.written() == ""
    assert rig.session.state is State.REGISTERING
    assert rig.session.next_timer() == later(NOW, 30_000)
    assert ended(rig.answer("400")) == {"b": OutcomeKind.DONE}
    assert rig.written().startswith("OPTIONS ")


def test_ppg_keeps_cpi_of_few_tags_only() -> None:
    rig = Rig()
    rig.register()
    for number in range(MAX_TAGS + 1):
        rig.push(str(number))
        rig.answer("401", f"X-Wap-CPITag: t{number}\r\n")
        rig.answer("501", f"X-Wap-CPITag: t{number}\r\n")
    rig.push("a")
    rig.written()
    rig.answer("401", "X-Wap-CPITag: tag1\r\n")
    assert rig.written().startswith("OPTIONS ")  # the first one was forgotten


def test_ppg_passes_tag_of_any_characters_back() -> None:
    rig = Rig()
    rig.written()
    rig.answer("501", "X-Wap-CPITag: \xe9\xff\r\n")
    rig.push("a")
    assert "X-Wap-CPITag: \xe9\xff\r\n" in rig.written()
