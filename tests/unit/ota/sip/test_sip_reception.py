"""A push that arrived: what it says, who it is from, and what is refused at once."""

from __future__ import annotations

import pytest

from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.core.peer_certificate import PeerCertificate
from omapush.ota.interface import PoConfirmedPushInd, PoConfirmedPushReq, PushFlag, PushSource
from omapush.ota.sip.core import Origin
from omapush.ota.sip.envelope import encode_envelope
from omapush.ota.sip.iari import iari_of
from omapush.ota.sip.reception import (
    EarlyWord,
    Recipient,
    read_invite,
    read_message,
    read_session_push,
    source_of,
)
from omapush.ota.sip.requests import Circumstances, Names, Sender, Target, invite, marks, message
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse

NOW, LATER = Instant(1_000_000_000_000), Instant(1_000_000_060_000)
CORE = Origin(Hop(Transport.TLS, "192.0.2.1", 5061), is_trusted=True)
STRANGER = Origin(Hop(Transport.UDP, "198.51.100.9", 5060), is_trusted=False)
GATEWAY = Sender("sip:ppg@push.test", is_trusted=True)
MMS = ApplicationId.parse("4")
CONTENT = PushMessage(
    (("Content-Type", "text/plain"), ("X-Wap-Application-Id", "4"), ("X-Other", "kept")), b"hello"
)
PUSH = PoConfirmedPushReq("push-1", CONTENT, PushFlag.LAST)
RECIPIENT = Recipient(("x-wap-application:mms.ua", "x-wap-application:unheard.of"), 1_000)


def arrived(
    request: SipRequest, origin: Origin = CORE, now: Instant = NOW
) -> PoConfirmedPushInd | SipResponse:
    return read_message(request, origin, "r1", RECIPIENT, now)


def sent(push: PoConfirmedPushReq = PUSH, **target: str) -> SipRequest:
    return message(
        GATEWAY,
        Names("c", "t"),
        Target("sip:alice@push.test", MMS, **target),
        push,
        Circumstances(NOW, LATER),
    )


def bare(*headers: tuple[str, str], content_type: str = "text/plain") -> SipRequest:
    given = SipHeaders((*headers, ("Content-Type", content_type)))
    return SipRequest("MESSAGE", "sip:alice@192.0.2.7", given, b"hello")


def test_push_arrives_as_it_was_sent() -> None:
    push = arrived(sent())
    assert push == PoConfirmedPushInd(
        "r1",
        CONTENT,
        PushSource("OTA-SIP", "TLS", "192.0.2.1", "sip:ppg@push.test"),
        PushFlag.LAST,
        "push-1",
    )


def test_push_to_instance_says_so() -> None:
    push = arrived(sent(instance="urn:acme:1"))
    assert isinstance(push, PoConfirmedPushInd)
    assert push.source.binding == iari_of("urn:acme:1")


def test_stranger_is_nobody_whatever_it_asserts() -> None:
    push = arrived(sent(), STRANGER)
    assert isinstance(push, PoConfirmedPushInd)
    assert push.source.identity is None
    assert push.source.address == "198.51.100.9"


def test_stranger_with_certificate_is_who_it_names() -> None:
    certificate = PeerCertificate("00", ("ppg.example",), ("sip:ppg@example",))
    origin = Origin(STRANGER.hop, is_trusted=False, certificate=certificate)
    assert source_of(sent(), origin).identity == "sip:ppg@example"
    nameless = Origin(STRANGER.hop, is_trusted=False, certificate=PeerCertificate("00"))
    assert source_of(sent(), nameless).identity is None


@pytest.mark.parametrize(
    ("asserted", "identity"),
    [
        (("tel:+1555, <sip:ppg@push.test>",), "sip:ppg@push.test"),
        (("<tel:+1555>",), "tel:+1555"),
        (("<<",), None),
        ((), None),
    ],
)
def test_core_vouches_for_sender(asserted: tuple[str, ...], identity: str | None) -> None:
    headers = tuple(("P-Asserted-Identity", one) for one in asserted)
    request = bare(("From", "<sip:somebody@else>;tag=1"), *headers)
    assert source_of(request, CORE).identity == identity


def test_application_is_that_of_feature_tag_if_push_names_none() -> None:
    push = arrived(bare(("Accept-Contact", '*;+g.oma.pusheventapp="unheard.of";require')))
    assert isinstance(push, PoConfirmedPushInd)
    assert push.message.get("X-Wap-Application-Id") == "x-wap-application:unheard.of"


def test_application_that_push_names_counts_more_than_feature_tag() -> None:
    asked = ("Accept-Contact", '*;+g.oma.pusheventapp="wml.ua"')
    push = arrived(bare(asked, ("X-Wap-Application-Id", "4")))
    assert isinstance(push, PoConfirmedPushInd)
    assert push.message.get("X-Wap-Application-Id") == "4"


def test_push_without_application_stays_without() -> None:
    push = arrived(bare(("Accept-Contact", "*;+g.oma.pusheventapp;require")))
    assert isinstance(push, PoConfirmedPushInd)
    assert push.message.get("X-Wap-Application-Id") is None


def test_long_push_id_is_as_good_as_none() -> None:
    push = arrived(bare(("X-Push-Id", "x" * 129)))
    assert isinstance(push, PoConfirmedPushInd)
    assert push.push_id is None


@pytest.mark.parametrize(
    ("date", "expires", "expired"),
    [
        ("Sun, 09 Sep 2001 01:45:40 GMT", "60", True),
        ("Sun, 09 Sep 2001 01:45:41 GMT", "60", False),
        ("Sun, 09 Sep 2001 01:45:40 GMT", "0", False),
        ("yesterday", "60", False),
        ("Sun, 09 Sep 2001 01:45:40 GMT", "soon", False),
        (None, "60", False),
    ],
)
def test_expired_push_is_dropped(date: str | None, expires: str, *, expired: bool) -> None:
    headers = [("Expires", expires)]
    if date is not None:
        headers.append(("Date", date))
    answer = arrived(bare(*headers))
    assert isinstance(answer, SipResponse) is expired
    if isinstance(answer, SipResponse):
        assert answer.status == 480
        assert answer.headers.first("X-Wap-Push-Status") == "234 the push has expired"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (SipRequest("MESSAGE", "sip:a@b"), 400),
        (bare(content_type="application/vnd.oma.push"), 400),
        (bare(("Content-Encoding", "gzip")), 415),
        (bare(("Accept-Contact", '*;+g.oma.pusheventapp="a%20b"')), 400),
    ],
)
def test_what_is_no_push_is_refused(request_: SipRequest, status: int) -> None:
    answer = arrived(request_)
    assert isinstance(answer, SipResponse)
    assert answer.status == status
    assert answer.headers.first("X-Wap-Push-Status") is not None


def test_large_push_is_refused() -> None:
    large = PoConfirmedPushReq("1", PushMessage(CONTENT.headers, b"x" * 1_001))
    answer = arrived(sent(large))
    assert isinstance(answer, SipResponse)
    assert answer.status == 413


def offered(size: int) -> SipRequest:
    push = PoConfirmedPushReq("push-1", PushMessage(CONTENT.headers, b"x" * size))
    return invite(
        GATEWAY,
        Names("c", "t"),
        Target("sip:alice@push.test", MMS),
        push,
        Circumstances(NOW, LATER),
        contact="sip:ppg@192.0.2.1",
        offer=b"",
    )


def test_invite_tells_what_is_to_come() -> None:
    word = read_invite(offered(1_000), CORE, RECIPIENT)
    assert isinstance(word, EarlyWord)
    assert (word.size, word.source.identity) == (1_000, "sip:ppg@push.test")
    assert word.application is not None
    assert word.application.same_application(MMS)


def test_large_push_is_refused_before_it_flows() -> None:
    answer = read_invite(offered(1_001), CORE, RECIPIENT)
    assert isinstance(answer, SipResponse)
    assert answer.status == 413
    assert (answer.headers.first("X-Wap-Push-Status") or "").startswith("237")


def test_invite_may_tell_nothing() -> None:
    word = read_invite(SipRequest("INVITE", "sip:a@b"), CORE, RECIPIENT)
    assert word == EarlyWord(PushSource("OTA-SIP", "TLS", "192.0.2.1"), None, None)
    malformed = SipHeaders((("X-Wap-Application-Id", "?"),))
    assert isinstance(
        read_invite(SipRequest("INVITE", "x", malformed), CORE, RECIPIENT), SipResponse
    )


def test_push_in_session_is_named_by_its_own_headers() -> None:
    headers = (*marks(PUSH), ("Content-Type", "application/vnd.oma.push"))
    push = read_session_push(offered(1), headers, encode_envelope(CONTENT), CORE, "r1", RECIPIENT)
    assert push == arrived(sent())
