"""Whatever comes in OTA-SIP is read, or refused as documented: pushes, news, capabilities, tags."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError
from omapush.core.instants import Instant
from omapush.ota.interface import PoConfirmedPushInd
from omapush.ota.sip import iari, push_resource_identifier
from omapush.ota.sip.capabilities import read_headers
from omapush.ota.sip.core import Origin
from omapush.ota.sip.envelope import CONTENT_TYPE, decode_push, encode_envelope
from omapush.ota.sip.granted import read_granted
from omapush.ota.sip.push_features import PushFeatures, accept_contact, asked_for
from omapush.ota.sip.reception import Recipient, read_invite, read_message
from omapush.ota.sip.results import Method, outcome_of_report, verdict_of
from omapush.ota.sip.third_party import read_third_party
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.header_fields import NameAddress
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse

MOST = 2_000
OCTETS = st.binary(max_size=24).map(lambda octets: octets.decode("utf-8", "surrogateescape"))
VISIBLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=24)
NAMES = st.text("ABCXYZabcxyz-", min_size=1, max_size=12).filter(
    lambda name: name.lower() not in ("content-length", "content-encoding", "content-type")
)
TYPES = st.sampled_from(["text/plain", "text/vnd.wap.si; charset=utf-8", "application/x-y"])
MESSAGES = st.builds(
    lambda content_type, headers, body: PushMessage(
        (("Content-Type", content_type), *headers), body
    ),
    TYPES,
    st.lists(st.tuples(NAMES, VISIBLE.map(str.strip)), max_size=5).map(tuple),
    st.binary(max_size=200),
)
ENVELOPES = st.lists(
    st.sampled_from(
        [
            b"Content-Type: text/plain\r\n",
            b"Content-Type: \r\n",
            b"Content-Encoding: deflate\r\n",
            b"Content-Length: 4\r\n",
            b"X-Wap-Application-Id: 4\r\n",
            b" folded\r\n",
            b"\r\n",
            b"\n\n",
            b"<si/>",
            b"\x78\x9c\x03\x00\x00\x00\x00\x01",
            b"\xff\x00",
            b"abcd",
        ]
    ),
    max_size=8,
).map(b"".join)
HEADER_NAMES = st.sampled_from(
    [
        "Accept",
        "Accept-Contact",
        "Allow",
        "Contact",
        "Content-Type",
        "Content-Encoding",
        "Date",
        "Expires",
        "Flow-Timer",
        "P-Asserted-Identity",
        "P-Associated-URI",
        "Require",
        "Retry-After",
        "Service-Route",
        "To",
        "X-Push-Id",
        "X-Wap-Application-Id",
        "X-Wap-Push-Info",
        "X-Wap-Push-MaxMsgSize",
        "X-Wap-Push-Size",
        "X-Wap-Push-Status",
    ]
)
VALUES = (
    VISIBLE
    | OCTETS
    | st.lists(
        st.sampled_from(
            [
                "<sip:a@b>",
                ";expires=5",
                '*;+g.oma.pusheventapp="mms.ua,x%3Ay"',
                ";+g.oma.pusheventapp",
                ';+g.3gpp.iari-ref="urn%3Aurn-7%3A3gpp-application.ims.iari.x"',
                ';+sip.instance="<urn:x>"',
                ";require;explicit",
                ", ",
                '"',
                "Sun, 09 Sep 2001 01:45:40 GMT",
                "60",
                "multipart/mixed;boundary=b",
                "message/sip",
                CONTENT_TYPE,
                "234 text",
                "400",
                "%",
                "*",
            ]
        ),
        max_size=5,
    ).map("".join)
)
HEADERS = st.lists(st.tuples(HEADER_NAMES, VALUES), max_size=10).map(
    lambda fields: SipHeaders(tuple(fields))
)
EMBEDDED = st.lists(
    st.sampled_from(
        [
            b"--b\r\n",
            b"\r\n--b\r\n",
            b"\r\n--b--",
            b"Content-Type: message/sip\r\n",
            b"\r\n",
            b"REGISTER sip:b SIP/2.0\r\n",
            b"SIP/2.0 200 OK\r\n",
            b'Contact: <sip:a@b>;+g.oma.pusheventapp="mms.ua";expires=3\r\n',
            b"Contact: *\r\n",
            b"m: <<\r\n",
            b"Expires: 60\r\n",
            b"Expires: x\r\n",
            b"\xff",
        ]
    ),
    max_size=10,
).map(b"".join)
CORE = Origin(Hop(Transport.UDP, "192.0.2.1", 5060), is_trusted=True)
RECIPIENT = Recipient(("x-wap-application:mms.ua",), MOST)


def assert_written(*texts: str | None) -> None:
    """All of these can go to ledgers and logs."""
    for text in texts:
        assert text is None or isinstance(text.encode(), bytes)


@given(MESSAGES)
@settings(max_examples=150, deadline=None)
def test_envelope_brings_push_message_octet_for_octet(message: PushMessage) -> None:
    assert decode_push(CONTENT_TYPE, (), encode_envelope(message), MOST) == message


@given(
    st.sampled_from([CONTENT_TYPE, "text/plain", "", ";"]),
    HEADERS,
    ENVELOPES | st.binary(max_size=100),
)
@settings(max_examples=300, deadline=None)
def test_body_is_read_or_refused(content_type: str, headers: SipHeaders, body: bytes) -> None:
    try:
        message = decode_push(content_type, headers.fields, body, MOST)
    except DecodeError:
        return
    assert message.media_type
    assert len(message.body) <= MOST
    if message.get("Content-Encoding") is None:
        assert decode_push(CONTENT_TYPE, (), encode_envelope(message), MOST).body == message.body


@given(HEADERS, ENVELOPES)
@settings(max_examples=200, deadline=None)
def test_message_is_push_or_gets_refusal(headers: SipHeaders, body: bytes) -> None:
    request = SipRequest("MESSAGE", "sip:a@b", headers, body)
    read = read_message(request, CORE, "1", RECIPIENT, Instant(1_000_000_000_000))
    if isinstance(read, SipResponse):
        assert read.status in (400, 413, 415, 480)
        outcome = verdict_of("d", Method.MESSAGE, read, confirmed=True).outcome
        assert outcome.status is not None
    else:
        assert isinstance(read, PoConfirmedPushInd)
        pushed = (value for _, value in read.message.headers)
        assert_written(*pushed, read.push_id, read.source.identity, read.source.binding)
    word = read_invite(request, CORE, RECIPIENT)
    assert not isinstance(word, SipResponse) or word.status in (400, 413)


@given(HEADERS, EMBEDDED)
@settings(max_examples=300, deadline=None)
def test_news_of_registration_is_read_or_refused(headers: SipHeaders, body: bytes) -> None:
    try:
        news = read_third_party(SipRequest("REGISTER", "sip:ppg@x", headers, body))
    except BadSipMessage:
        return
    for contact in news.contacts:
        assert_written(news.aor, contact.uri, contact.instance, contact.gruu)
    assert all(0 <= one.expires_s <= news.expires_s for one in news.contacts)


@given(HEADERS)
@settings(max_examples=200, deadline=None)
def test_capabilities_are_read_or_refused(headers: SipHeaders) -> None:
    try:
        told = read_headers(headers)
    except DecodeError:
        return
    assert told.capabilities.max_message_size >= 0
    assert_written(*(value for _, value in told.cpi), *told.features.applications)


@given(st.integers(300, 699) | st.integers(200, 299), HEADERS, st.booleans())
@settings(max_examples=200, deadline=None)
def test_every_answer_means_something(status: int, headers: SipHeaders, confirmed: bool) -> None:
    response = SipResponse(status, "x", headers)
    for method in Method:
        verdict = verdict_of("d", method, response, confirmed=confirmed, media_type="text/plain")
        assert verdict.outcome.reason.isascii()
    given_status = headers.first("X-Wap-Push-Status")
    assert outcome_of_report("d", status, "x", given_status).delivery_id == "d"
    granted = read_granted(response, NameAddress(None, "sip:a@b"), 600, Instant(0))
    if granted is not None:
        assert_written(granted.public_gruu, *granted.identities, *granted.service_route)
    assert granted is None or 0 < granted.refresh_at <= granted.expires_at


@given(st.text(max_size=30) | VALUES)
@settings(max_examples=300, deadline=None)
def test_tags_are_read_or_refused(text: str) -> None:
    features = PushFeatures.read(text)
    assert PushFeatures.read(";".join(features.parameters())) == features or not text.isascii()
    asked_for([text, text])
    for reading in (push_resource_identifier.application_of, iari.application_id_of):
        try:
            reading(text)
        except DecodeError:
            continue


@given(
    st.one_of(
        st.from_regex(r"\Ax-(wap|oma)-application:[A-Za-z0-9.*%+-]{1,12}\Z"),
        st.from_regex(r"\A[a-z][a-z0-9+.-]{0,6}:[!-:<-~]{1,12}\Z"),
        st.from_regex(r"\A[0-9A-F]{1,8}\Z"),
    ),
    st.none() | st.from_regex(r"\A[a-z]{1,5}:[!-~]{1,16}\Z"),
)
@settings(max_examples=300, deadline=None)
def test_what_a_push_asks_for_is_what_its_contact_declares(
    application: str, instance: str | None
) -> None:
    wanted = ApplicationId.parse(application)
    value = push_resource_identifier.value_of(wanted)
    assert push_resource_identifier.application_of(value, [str(wanted)]).same_application(wanted)
    instances = () if instance is None else (instance,)
    declared = PushFeatures.declared([wanted], instances)
    assert PushFeatures.read(";".join(declared.parameters())) == declared
    assert declared.has(wanted)
    asked = asked_for([accept_contact(wanted, instance, contact=declared)])
    assert asked == declared
    if instance is not None and not instance.startswith("urn:"):
        assert iari.application_id_of(iari.value_of(instance)) == instance
