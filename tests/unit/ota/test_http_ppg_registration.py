"""Registration by the gateway's end of OTA-HTTP: tags from elsewhere, again, contexts, memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import Instant, later
from omapush.ota.http.authentication import Login
from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings, KnownCpi
from omapush.ota.http.states import State
from omapush.ota.interface import (
    CloseConnection,
    Effect,
    OutcomeKind,
    PoConfirmedPushReq,
    PomRegisterReq,
    PpgIndication,
    PushOutcome,
    RegistrationInd,
    SendOctets,
    SessionFailedInd,
)

NOW = Instant(1_700_000_000_000)
MESSAGE = PushMessage((("Content-Type", "text/plain"),), b"hello")
CPI = (("X-Wap-Push-MaxMsgSize", "5000"),)
OTHER = (("X-Wap-Push-MaxMsgSize", "7000"),)
UNREADABLE = (("X-Wap-Push-MaxMsgSize", "large"),)


class Accounts:
    def __init__(self, **known: KnownCpi) -> None:
        self.known = known

    def terminal_password(self, terminal_id: str) -> str | None:
        return None

    def login_at(self, terminal_id: str | None) -> Login | None:
        return None

    def known_cpi(self, terminal_id: str) -> KnownCpi | None:
        return self.known.get(terminal_id)


def start(settings: HttpPpgSettings | None = None, **more: object) -> HttpPpgSession:
    session = HttpPpgSession(settings or HttpPpgSettings(), **more)  # type: ignore[arg-type]
    session.connected(NOW)
    return session


def written(session: HttpPpgSession) -> str:
    effects: list[Effect] = session.effects()
    return b"".join(one.octets for one in effects if isinstance(one, SendOctets)).decode("latin-1")


def answer(session: HttpPpgSession, status: str, more: str = "") -> list[PpgIndication]:
    head = f"HTTP/1.1 204 X\r\nX-Wap-Push-Status: {status}\r\n{more}\r\n"
    session.receive(head.encode("latin-1"), NOW)
    return session.indications()


def registration(indications: list[PpgIndication]) -> RegistrationInd:
    (told,) = indications
    assert isinstance(told, RegistrationInd)
    return told


# -- a tag that we did not send --


def test_ppg_takes_cpi_that_the_sir_named() -> None:
    session = start(accounts=Accounts(t44=KnownCpi("sir", {"sir": CPI, "x": OTHER})))
    assert "CPITag" not in written(session)
    told = registration(answer(session, "500", "X-Wap-Terminal-Id: t44\r\n"))
    assert (told.cpi_tag, told.cpi) == ("sir", CPI)
    session.request(PoConfirmedPushReq("a", MESSAGE), NOW)
    assert "X-Wap-CPITag: sir\r\n" in written(session)


@pytest.mark.parametrize(
    "known",
    [None, KnownCpi("sir", {"x": OTHER}), KnownCpi("sir", {"sir": UNREADABLE})],
)
def test_ppg_asks_once_more_when_it_does_not_know_what_the_terminal_means(
    known: KnownCpi | None,
) -> None:
    session = start(accounts=Accounts(**({"t44": known} if known else {})))
    written(session)
    assert answer(session, "500", "X-Wap-Terminal-Id: t44\r\n") == []
    again = written(session)
    assert again.startswith("OPTIONS ")
    assert "CPITag" not in again
    told = registration(answer(session, "501", "X-Wap-CPITag: new\r\nX-Wap-Terminal-Id: t44\r\n"))
    assert told.cpi_tag == "new"


def test_ppg_takes_defaults_from_terminal_that_insists_that_it_is_known() -> None:
    session = start()
    assert answer(session, "500") == []
    assert registration(answer(session, "500")).capabilities.max_message_size == 1400
    assert written(session).count("OPTIONS ") == 2


def test_ppg_does_not_give_one_terminal_the_cpi_of_another() -> None:
    known = {"assumed_cpi_tag": "t", "known_cpi": {"t": CPI}, "assumed_terminal_id": "t44"}
    session = start(**known)
    assert "X-Wap-CPITag: t\r\n" in written(session)
    assert answer(session, "500", "X-Wap-Terminal-Id: t45\r\n") == []
    assert "CPITag" not in written(session)
    accounts = Accounts(t45=KnownCpi("u", {"t": OTHER, "u": CPI}))
    session = start(accounts=accounts, **known)
    told = registration(answer(session, "500", "X-Wap-Terminal-Id: t45\r\n"))
    assert (told.terminal_id, told.cpi_tag, told.cpi) == ("t45", "t", OTHER)


def test_ppg_follows_new_tag_that_it_remembers_of_the_terminal() -> None:
    session = start(accounts=Accounts(t44=KnownCpi("old", {"new": OTHER})))
    answer(session, "501", "X-Wap-CPITag: now\r\nX-Wap-Terminal-Id: t44\r\n")
    session.request(PoConfirmedPushReq("a", MESSAGE), NOW)
    told = registration(answer(session, "256", "X-Wap-CPITag: new\r\n"))
    assert told.cpi == OTHER
    assert written(session).count("OPTIONS ") == 1


def test_ppg_passes_over_remembered_cpi_that_cannot_be_read() -> None:
    session = start(assumed_cpi_tag="t", known_cpi={"t": UNREADABLE})
    assert "CPITag" not in written(session)


# -- again (PomRegisterReq) --


def test_ppg_registers_again_when_it_is_asked_to() -> None:
    session = start()
    answer(session, "501", "X-Wap-CPITag: t\r\nX-Wap-Push-MaxMsgSize: 5000\r\n")
    written(session)
    session.request(PomRegisterReq(), NOW)
    assert "X-Wap-CPITag: t\r\n" in written(session)
    told = registration(answer(session, "500"))
    assert (told.cpi_tag, told.cpi) == ("t", CPI)
    assert session.state is State.READY


def test_ppg_registers_again_between_pushes() -> None:
    session = start()
    answer(session, "501", "X-Wap-CPITag: t\r\n")
    session.request(PoConfirmedPushReq("a", MESSAGE), NOW)
    written(session)
    session.request(PomRegisterReq(), NOW)
    session.request(PomRegisterReq(), NOW)
    session.request(PoConfirmedPushReq("b", MESSAGE), NOW)
    assert written(session) == ""
    answer(session, "400")
    assert written(session).startswith("OPTIONS ")
    assert answer(session, "501")
    assert "X-Push-Id: b" in written(session)
    assert session.next_timer() == later(NOW, 30_000)


@pytest.mark.parametrize("when", ["before", "after"])
def test_ppg_needs_no_second_registration_while_it_registers_nor_when_it_is_over(
    when: str,
) -> None:
    session = start()
    written(session)
    if when == "after":
        session.disconnected("gone", NOW)
        session.indications()
    session.request(PomRegisterReq(), NOW)
    assert written(session) == ""
    assert session.indications() == []


def test_terminal_that_becomes_another_on_its_connection_ends_it() -> None:
    session = start()
    answer(session, "501", "X-Wap-Terminal-Id: t44\r\n")
    session.request(PomRegisterReq(), NOW)
    (failed,) = answer(session, "501", "X-Wap-Terminal-Id: t45\r\n")
    assert isinstance(failed, SessionFailedInd)
    assert any(isinstance(one, CloseConnection) for one in session.effects())


def test_terminal_that_does_not_repeat_its_identity_keeps_it() -> None:
    session = start()
    answer(session, "501", "X-Wap-Terminal-Id: t44\r\n")
    session.request(PomRegisterReq(), NOW)
    assert registration(answer(session, "501")).terminal_id == "t44"


# -- what else stands in the first request --


@pytest.mark.parametrize("prov_url", ["", "http://example.org/p"])
def test_ppg_names_provisioning_context_until_it_is_registered(prov_url: str) -> None:
    session = start(prov_url=prov_url)
    assert f"X-Wap-Push-ProvURL: {prov_url}\r\n" in written(session)
    answer(session, "501")
    session.request(PomRegisterReq(), NOW)
    session.request(PoConfirmedPushReq("a", MESSAGE), NOW)
    answer(session, "501")
    assert "ProvURL" not in written(session)


def test_ppg_names_no_context_unless_told_to() -> None:
    assert "ProvURL" not in written(start())


def test_ppg_says_that_it_reads_profiles() -> None:
    session = start(HttpPpgSettings(profile_warning=True))
    assert "x-wap-profile-warning: 200\r\n" in written(session)


@pytest.mark.parametrize(
    "more",
    [
        {"prov_url": "http://example.org/\r\nX: y"},
        {"prov_url": "Δ"},
        {"assumed_cpi_tag": "a\r\nb", "known_cpi": {"a\r\nb": CPI}},
    ],
)
def test_registration_that_cannot_be_written_fails_the_session(more: dict[str, object]) -> None:
    session = start(**more)
    (failed,) = session.indications()
    assert isinstance(failed, SessionFailedInd)
    assert not failed.may_retry


# -- what a push brings back --


@pytest.mark.parametrize(("allowed", "body"), [(True, b"ok"), (False, b"")])
def test_answer_of_application_is_told_where_it_was_asked_for(allowed: bool, body: bytes) -> None:
    session = start()
    answer(session, "501")
    session.request(PoConfirmedPushReq("a", MESSAGE, response_allowed=allowed), NOW)
    head = b"HTTP/1.1 200 OK\r\nX-Wap-Push-Status: 400\r\nContent-Type: text/plain\r\n"
    session.receive(head + b"Content-Length: 2\r\n\r\nok", NOW)
    (outcome,) = session.indications()
    assert isinstance(outcome, PushOutcome)
    assert (outcome.kind, outcome.body) == (OutcomeKind.DONE, body)
    assert outcome.content_type == ("text/plain" if allowed else None)


@pytest.mark.parametrize(
    ("status", "kind"), [("257", OutcomeKind.NEVER), ("600", OutcomeKind.NEVER)]
)
def test_push_without_context_or_version_ends_for_good(status: str, kind: OutcomeKind) -> None:
    session = start()
    answer(session, "501")
    session.request(PoConfirmedPushReq("a", MESSAGE), NOW)
    (outcome,) = answer(session, status)
    assert isinstance(outcome, PushOutcome)
    assert (outcome.kind, outcome.status) == (kind, int(status))


# -- many sessions --


def idle(number: int) -> HttpPpgSession:
    """Return a session that has registered a terminal, and done one push."""
    session = start()
    told = (
        "X-Wap-CPITag: 5lEsUg==\r\nX-Wap-Push-Accept: application/vnd.wap.sia, text/vnd.wap.si\r\n"
    )
    told += "X-Wap-Push-Accept-AppID: x-wap-application:wml.ua, x-wap-application:mms.ua\r\n"
    told += f"X-Wap-Bearer-Indication: 00\r\nX-Wap-Terminal-Id: 4{number:012}\r\n"
    answer(session, "501", told)
    session.request(PoConfirmedPushReq("a", MESSAGE), NOW)
    written(session)
    answer(session, "400")
    return session


def octets_per(make: Callable[[int], HttpPpgSession], count: int) -> float:
    warm = [make(number) for number in range(10)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [make(number) for number in range(count)]
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(kept) + len(warm) == count + 10
    return (after - before) / count


def test_idle_session_takes_little_memory() -> None:
    assert octets_per(idle, 300) < 2_048
