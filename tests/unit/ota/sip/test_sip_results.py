"""What is tried next after an answer, and which answers the client gives."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, LimitError
from omapush.ota.interface import (
    BearerUnavailable,
    OutcomeKind,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PushStatus,
)
from omapush.ota.sip.core import NoFinalAnswer
from omapush.ota.sip.results import (
    Method,
    Next,
    Verdict,
    answer_of,
    outcome_of_report,
    refusal,
    unreadable,
    untrusted,
    verdict_of,
    verdict_of_failure,
)
from omapush.protocols.sip.message import SipHeaders, SipResponse


def judged(status: int, *headers: tuple[str, str], method: Method = Method.MESSAGE) -> Verdict:
    response = SipResponse(status, "Words", SipHeaders(headers))
    return verdict_of("d", method, response, confirmed=True, media_type="text/vnd.wap.si")


@pytest.mark.parametrize("status", [405, 413, 415, 513])
def test_other_method_is_tried_when_message_cannot_carry_push(status: int) -> None:
    assert judged(status).next is Next.OTHER_METHOD


@pytest.mark.parametrize("status", [405, 415, 488, 501])
def test_other_method_is_tried_when_client_takes_no_session(status: int) -> None:
    assert judged(status, method=Method.INVITE).next is Next.OTHER_METHOD


@pytest.mark.parametrize("status", [413, 415, 480, 486])
def test_nothing_else_is_tried_when_push_client_has_judged(status: int) -> None:
    verdict = judged(status, ("X-Wap-Push-Status", "238 no"))
    assert verdict.next is Next.NOTHING
    assert verdict.outcome.status == 238
    assert verdict.outcome.reason == f"SIP {status} Words, X-Wap-Push-Status 238 no"


@pytest.mark.parametrize(
    ("status", "following"),
    [
        (302, Next.OTHER_CONTACT),
        (401, Next.CREDENTIALS),
        (407, Next.CREDENTIALS),
        (430, Next.REGISTRATION),
        (480, Next.REGISTRATION),
        (503, Next.OTHER_HOP),
        (403, Next.NOTHING),
    ],
)
def test_answer_says_what_may_be_tried(status: int, following: Next) -> None:
    assert judged(status).next is following


def test_bare_form_is_tried_when_client_takes_type_but_no_envelope() -> None:
    accept = ("Accept", "text/plain, text/vnd.wap.SI;level=1")
    assert judged(415, accept).next is Next.BARE_FORM
    assert judged(415, ("Accept", "text/plain")).next is Next.OTHER_METHOD
    both = ("Accept", "text/vnd.wap.si, application/vnd.oma.push")
    assert judged(415, both).next is Next.OTHER_METHOD


@pytest.mark.parametrize(
    ("value", "wait"),
    [("18000;duration=3600", 18_000_000), ("120 (in a meeting)", 120_000), ("soon", None)],
)
def test_client_may_ask_to_wait(value: str, wait: int | None) -> None:
    verdict = judged(486, ("Retry-After", value))
    assert verdict.outcome.kind is OutcomeKind.LATER
    assert verdict.outcome.retry_after_ms == wait


def test_client_cannot_ask_to_wait_for_ever() -> None:
    assert judged(503, ("Retry-After", "9" * 12)).outcome.retry_after_ms == 86_400_000


def test_push_that_is_too_large_only_for_now_is_sent_later() -> None:
    assert judged(413).outcome.kind is OutcomeKind.NEVER
    assert judged(413, ("Retry-After", "5")).outcome.kind is OutcomeKind.LATER
    assert judged(413, method=Method.INVITE).next is Next.NOTHING


def test_message_without_answer_is_in_doubt_and_invite_is_not() -> None:
    silence = NoFinalAnswer("timer F")
    assert verdict_of_failure("d", Method.MESSAGE, silence).outcome.kind is OutcomeKind.IN_DOUBT
    assert verdict_of_failure("d", Method.INVITE, silence).outcome.kind is OutcomeKind.LATER
    assert judged(408).outcome.kind is OutcomeKind.IN_DOUBT
    assert judged(408, method=Method.INVITE).outcome.kind is OutcomeKind.LATER


def test_core_that_cannot_be_reached_is_tried_another_way() -> None:
    verdict = verdict_of_failure("d", Method.MESSAGE, BearerUnavailable("refused"))
    assert verdict == Verdict(verdict.outcome, Next.OTHER_HOP)
    assert (verdict.outcome.kind, verdict.outcome.reason) == (OutcomeKind.LATER, "refused")


@pytest.mark.parametrize(
    ("status", "code", "more"),
    [
        (PushStatus.USERREQ, 480, None),
        (PushStatus.USERRFS, 603, None),
        (PushStatus.USERPND, 480, None),
        (PushStatus.USERDCR, 486, ("Retry-After", "10")),
        (PushStatus.USERDCU, 415, ("Accept", "application/vnd.oma.push, a/b")),
        (PushStatus.CPITAG, 603, None),
    ],
)
def test_client_refuses_and_gateway_understands(
    status: PushStatus, code: int, more: tuple[str, str] | None
) -> None:
    response = refusal(status, "no\r\nè", accept=("a/b",))
    assert response.status == code
    assert response.headers.first("X-Wap-Push-Status") == f"{int(status)} no???"
    assert more is None or more in response.headers.fields
    outcome = verdict_of("d", Method.MESSAGE, response, confirmed=True).outcome
    assert outcome.status == status
    assert outcome.kind is (OutcomeKind.LATER if status.may_retry else OutcomeKind.NEVER)


def test_words_of_answer_can_be_written_anywhere() -> None:
    response = SipResponse(480, "\udcff" * 500, SipHeaders((("X-Wap-Push-Status", "234 \udc80"),)))
    outcome = verdict_of("d", Method.MESSAGE, response, confirmed=True).outcome
    assert outcome.reason == f"SIP 480 {'?' * 120}, X-Wap-Push-Status 234 ?"
    assert outcome_of_report("d", 413, "\udc80").reason == "MSRP 413 ?"


def test_client_does_not_take_pushes_of_strangers() -> None:
    response = untrusted("who are you")
    assert (response.status, response.headers.first("X-Wap-Push-Status")) == (
        403,
        "235 who are you",
    )


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (DecodeError("bad"), 400, "235 bad"),
        (LimitError("big"), 413, "237 big"),
        (DecodeError("gzip", "Content-Encoding"), 415, "238 gzip (at Content-Encoding)"),
    ],
)
def test_client_refuses_what_it_cannot_read(error: DecodeError, code: int, status: str) -> None:
    response = unreadable(error)
    assert (response.status, response.headers.first("X-Wap-Push-Status")) == (code, status)


def test_application_answers_message() -> None:
    assert answer_of(PoConfirmedPushRes("1")).status == 200
    assert answer_of(PoConfirmedPushRes("1")).body == b""
    aborted = answer_of(PoPushAbortReq("1", PushStatus.USERDCU, "no"), accept=("a/b",))
    assert aborted.headers.first("Accept") == "application/vnd.oma.push, a/b"
