"""The requests of OTA-SIP, as gateway and client build them."""

from __future__ import annotations

import pytest

from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.errors import EncodeError
from omapush.core.instants import Instant
from omapush.ota.interface import PoConfirmedPushReq, PushFlag
from omapush.ota.sip.capabilities import UNTOLD, read_headers, to_headers
from omapush.ota.sip.push_features import PushFeatures
from omapush.ota.sip.requests import (
    GATEWAY_METHODS,
    MAX_EXPIRES_S,
    Circumstances,
    Names,
    Priority,
    Sender,
    Target,
    contact_of,
    invite,
    message,
    options,
    options_answer,
    register,
    subscribe,
)
from omapush.protocols.sip.message import SipRequest
from omapush.protocols.sip.parsing import parse_message
from omapush.protocols.sip.writing import encode_message

GATEWAY = Sender("sip:ppg@push.test", ("<sip:core.push.test;lr>",), is_trusted=True)
ALICE = Sender("sip:alice@push.test", ("<sip:orig@core;lr>", "<sip:home;lr>"))
NAMES = Names("1-3086@127.0.0.1", "1m", 7)
MMS = ApplicationId.parse("4")
PUSH = PoConfirmedPushReq(
    "push-1",
    PushMessage(
        (("Content-Type", "text/vnd.wap.si"), ("X-Wap-Application-Id", "4")),
        b"<si/>",
    ),
)
WHEN = Circumstances(Instant(1_795_223_231_000), Instant(1_795_226_831_999))


def sent(request: SipRequest) -> SipRequest:
    """Return the request as the other end reads it."""
    complete = request.with_headers(
        request.headers.before("Max-Forwards", "70").before("Via", "SIP/2.0/UDP h;branch=z9hG4bKx")
    )
    read = parse_message(encode_message(complete))
    assert isinstance(read, SipRequest)
    return read


def test_message_is_as_the_reference_has_it() -> None:
    request = sent(message(GATEWAY, NAMES, Target("sip:alice@push.test", MMS), PUSH, WHEN))
    assert (request.method, request.uri) == ("MESSAGE", "sip:alice@push.test")
    assert request.headers.without("Via", "Max-Forwards", "Content-Length").fields == (
        ("Route", "<sip:core.push.test;lr>"),
        ("From", "<sip:ppg@push.test>;tag=1m"),
        ("To", "<sip:alice@push.test>"),
        ("Call-ID", "1-3086@127.0.0.1"),
        ("CSeq", "7 MESSAGE"),
        ("P-Asserted-Identity", "<sip:ppg@push.test>"),
        ("Accept-Contact", '*;+g.oma.pusheventapp="mms.ua";require;explicit'),
        ("Request-Disposition", "no-fork"),
        ("Date", "Sat, 21 Nov 2026 01:07:11 GMT"),
        ("Expires", "3600"),
        ("X-Push-Id", "push-1"),
        ("Content-Type", "application/vnd.oma.push"),
    )
    assert request.body == (
        b"Content-Type: text/vnd.wap.si\r\nX-Wap-Application-Id: 4\r\n\r\n<si/>"
    )
    assert request.headers.first("Contact") is None


def test_message_says_how_push_goes() -> None:
    flags = PushFlag.LAST | PushFlag.CONTENT_TRUSTED
    push = PoConfirmedPushReq("push-1", PUSH.message, flags)
    when = Circumstances(Instant(5_000), Instant(5_000), Priority.URGENT)
    target = Target("sip:alice@push.test;gr=urn:uuid:1", MMS, instance="urn:acme:1", one_copy=False)
    sender = Sender("sip:ppg@push.test", is_trusted=True, service="urn:urn-7:3gpp-service.ims.x")
    headers = sent(message(sender, NAMES, target, push, when)).headers
    assert headers.first("X-Wap-Push-Info") == "trusted,last"
    assert headers.first("Priority") == "urgent"
    assert headers.first("Expires") == "1"
    assert headers.first("Request-Disposition") is None
    assert headers.first("P-Asserted-Service") == "urn:urn-7:3gpp-service.ims.x"
    assert "g.3gpp.iari-ref" in (headers.first("Accept-Contact") or "")


def test_push_may_be_worth_something_for_ever() -> None:
    when = Circumstances(Instant(0), Instant(253_402_300_799_999))
    request = message(GATEWAY, NAMES, Target("sip:a@b", MMS), PUSH, when)
    assert request.headers.first("Expires") == str(MAX_EXPIRES_S)


def test_client_that_hides_its_applications_is_asked_for_none() -> None:
    target = Target("sip:a@b", MMS, features=PushFeatures(("TRUE",)))
    request = message(GATEWAY, NAMES, target, PUSH, WHEN)
    assert request.headers.first("Accept-Contact") == "*;+g.oma.pusheventapp;require;explicit"


def test_bare_message_is_the_content_itself() -> None:
    request = sent(message(GATEWAY, NAMES, Target("sip:a@b", MMS), PUSH, WHEN, bare=True))
    assert request.body == b"<si/>"
    assert request.headers.first("Content-Type") == "text/vnd.wap.si"
    assert request.headers.first("X-Wap-Application-Id") == "4"


def test_push_that_cannot_be_written_is_refused() -> None:
    push = PoConfirmedPushReq("1", PushMessage((("A b", "c"),), b""))
    with pytest.raises(EncodeError):
        message(GATEWAY, NAMES, Target("sip:a@b", MMS), push, WHEN)


def test_invite_tells_early_what_is_to_come() -> None:
    contact = "sip:ppg@127.0.0.1:5070"
    target = Target("sip:alice@push.test", MMS)
    request = sent(invite(GATEWAY, NAMES, target, PUSH, WHEN, contact=contact, offer=b"v=0\r\n"))
    assert request.headers.first("Contact") == "<sip:ppg@127.0.0.1:5070>"
    assert request.headers.first("X-Wap-Application-Id") == "x-wap-application:mms.ua"
    assert request.headers.first("X-Wap-Push-Size") == "5"
    assert request.headers.first("X-Push-Id") == "push-1"
    assert request.headers.first("Content-Type") == "application/sdp"
    assert request.headers.first("Expires") is None
    assert request.body == b"v=0\r\n"


def test_client_tells_gateway_what_it_takes() -> None:
    contact = '<sip:alice@push.test;gr=x>;+g.oma.pusheventapp="mms.ua"'
    request = sent(options(ALICE, NAMES, "sip:ppg@push.test", contact, to_headers(UNTOLD)))
    headers = request.headers
    assert headers.every("Route") == ("<sip:orig@core;lr>", "<sip:home;lr>")
    assert headers.first("P-Preferred-Identity") == "<sip:alice@push.test>"
    assert headers.first("P-Asserted-Identity") is None
    assert headers.first("Accept") == "application/vnd.oma.push, */*"
    assert headers.first("Allow") == "MESSAGE, INVITE, ACK, BYE, CANCEL, OPTIONS"


def test_answer_to_options_tells_the_same() -> None:
    contact = contact_of("sip:ppg@push.test", PushFeatures(("mms.ua",)))
    answer = options_answer(contact, to_headers(UNTOLD), methods=GATEWAY_METHODS)
    told = read_headers(answer.headers)
    assert (answer.status, answer.body) == (200, b"")
    assert told.features == PushFeatures(("mms.ua",))
    assert told.capabilities.accept == ("application/vnd.oma.push", "*/*")
    assert told.allows("NOTIFY")
    assert not told.allows("INVITE")


def test_client_registers() -> None:
    contact = "<sip:alice@127.0.0.1:5081>"
    request = sent(
        register(ALICE, NAMES, "sip:push.test", contact, 600, supported=("path", "outbound"))
    )
    assert (request.method, request.uri) == ("REGISTER", "sip:push.test")
    assert request.headers.first("To") == "<sip:alice@push.test>"
    assert request.headers.first("Supported") == "path, outbound"
    assert request.headers.first("Expires") == "600"
    assert request.headers.first("Route") is None


def test_gateway_asks_for_registrations_of_user() -> None:
    request = sent(subscribe(GATEWAY, NAMES, "sip:alice@push.test", "sip:ppg@127.0.0.1:5070", 0))
    assert request.headers.first("Event") == "reg"
    assert request.headers.first("Accept") == "application/reginfo+xml"
    assert request.headers.first("Expires") == "0"
