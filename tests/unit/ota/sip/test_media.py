"""A push over MSRP: listeners' sessions, reports, and what they mean for the push."""

from __future__ import annotations

import pytest

from omapush.core.instants import Instant
from omapush.ota.interface import CloseConnection, OutcomeKind, PushStatus, SendOctets
from omapush.ota.sip.media import (
    Answered,
    MediaSessions,
    MediaStream,
    message_of,
    outcome_of_failure,
    outcome_of_report,
    report_of,
)
from omapush.protocols.msrp.connection import MsrpConnection
from omapush.protocols.msrp.frame import FailureReport, Status
from omapush.protocols.msrp.session import (
    BoundInd,
    Ends,
    EndSession,
    MessageFailedInd,
    MessageInd,
    MsrpSettings,
    ReportInd,
    SendMessage,
)
from omapush.protocols.msrp.uri import parse_path

NOW = Instant(0)
GATEWAY = parse_path("msrp://127.0.0.1:2855/gatewaysession;tcp")
DEVICE = parse_path("msrp://127.0.0.1:9/devicesession;tcp")
ENDS = Ends(GATEWAY, DEVICE)


def octets_of(stream: MediaStream) -> bytes:
    """Return what a stream wants sent."""
    return b"".join(one.octets for one in stream.effects() if isinstance(one, SendOctets))


def test_passive_end_finds_its_session_and_a_second_connection_is_refused() -> None:
    sessions = MediaSessions()
    sessions.expect(ENDS)
    device = MsrpConnection(MsrpSettings(), lambda: "device00", ends=Ends(DEVICE, GATEWAY))
    active = MediaStream(device, binds=True)
    active.connected(NOW)
    hello = octets_of(active)

    def passive() -> MediaStream:
        return MediaStream(MsrpConnection(MsrpSettings(), lambda: "gate", find=sessions.find))

    first, second = passive(), passive()
    first.receive(hello, NOW)
    assert first.indications() == [BoundInd(ENDS)]
    assert b" 200 OK" in octets_of(first)
    second.receive(hello, NOW)
    assert b" 506 " in octets_of(second)
    sessions.forget(ENDS)
    third = passive()
    third.receive(hello, NOW)
    assert b" 481 " in octets_of(third)


def test_stream_closes_once_and_after_what_was_written() -> None:
    stream = MediaStream(MsrpConnection(MsrpSettings(), lambda: "abcd", ends=ENDS))
    stream.request(SendMessage("message1", "a/b", b"x" * 10_000), NOW)
    stream.request(EndSession("done"), NOW)
    effects = stream.effects()
    assert effects[-1] == CloseConnection("done")
    assert sum(isinstance(one, SendOctets) for one in effects) == 3  # head, content, end
    assert stream.effects() == []


def arrived(message: SendMessage) -> MessageInd:
    """Return ``message`` as the other end sees it."""
    return MessageInd(
        message.message_id,
        message.content_type,
        message.body,
        message.success_report,
        message.failure_report,
    )


CONFIRMED = arrived(message_of("message1", "a/b", b"abc", confirmed=True))
UNCONFIRMED = arrived(message_of("message1", "a/b", b"abc", confirmed=False))


def test_acceptance_is_reported_where_it_is_wanted() -> None:
    report = report_of(CONFIRMED, Answered())
    assert report is not None
    assert (report.status, report.octets) == (200, 3)
    assert report_of(UNCONFIRMED, Answered()) is None


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (PushStatus.USERREQ, 403, OutcomeKind.LATER),
        (PushStatus.USERRFS, 403, OutcomeKind.NEVER),
        (PushStatus.USERPND, 403, OutcomeKind.NEVER),
        (PushStatus.USERDCR, 413, OutcomeKind.LATER),
        (PushStatus.USERDCU, 415, OutcomeKind.NEVER),
    ],
)
@pytest.mark.parametrize("message", [CONFIRMED, UNCONFIRMED])
def test_refusal_says_the_same_at_the_other_end(
    message: MessageInd, status: PushStatus, code: int, kind: OutcomeKind
) -> None:
    report = report_of(message, Answered(status, "because"))
    assert report is not None
    assert report.status == code
    heard = ReportInd("message1", report.status, report.comment, report.more)
    outcome = outcome_of_report("d", heard)
    assert (outcome.kind, outcome.status, outcome.reason) == (
        kind,
        status,
        f"X-Wap-Push-Status {int(status)} because",
    )


def test_reason_of_an_application_stays_on_the_line_of_its_report() -> None:
    report = report_of(CONFIRMED, Answered(PushStatus.USERRFS, "no\r\nTo-Path: x\udc80"))
    assert report is not None
    assert report.more == (("X-Wap-Push-Status", "235 no??To-Path: x?"),)


def test_message_without_failure_report_hears_nothing() -> None:
    silent = MessageInd("message1", "a/b", b"", failure_report=FailureReport.NO)
    assert report_of(silent, Answered(PushStatus.USERRFS)) is None


@pytest.mark.parametrize(
    ("code", "kind", "status"),
    [
        (200, OutcomeKind.DONE, 400),
        (403, OutcomeKind.NEVER, 235),
        (408, OutcomeKind.IN_DOUBT, None),
        (413, OutcomeKind.NEVER, 237),
        (415, OutcomeKind.NEVER, 238),
        (481, OutcomeKind.LATER, 234),
    ],
)
def test_report_without_push_status_is_judged_by_its_code(
    code: int, kind: OutcomeKind, status: int | None
) -> None:
    outcome = outcome_of_report("d", ReportInd("message1", code, ""))
    assert (outcome.kind, outcome.status) == (kind, status)


def test_message_that_had_gone_and_was_not_answered_is_in_doubt() -> None:
    gone = MessageFailedInd("message1", Status.TIMEOUT, "cut", was_written=True)
    assert outcome_of_failure("d", gone).kind is OutcomeKind.IN_DOUBT
    part = MessageFailedInd("message1", Status.TIMEOUT, "cut")
    assert outcome_of_failure("d", part).kind is OutcomeKind.LATER
