"""SIP URIs are taken apart, put together unchanged, and compared as RFC 3261 19.1.4 says."""

from __future__ import annotations

import pytest

from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.uri import SipUri


@pytest.mark.parametrize(
    "text",
    [
        "sip:alice@atlanta.com",
        "sip:alice:secretword@atlanta.com;transport=tcp",
        "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:+1-212-555-1212:1234@gateway.com;user=phone",
        "sip:alice;day=tuesday@atlanta.com",
        "sip:[2001:db8::9:1]:5061;lr",
        "sip:bob@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too."
        "(doesn't-it)@example.com",
        "sip:null-%00-null@example.com",
        "sip:a@b_c.example",
    ],
)
def test_uri_is_written_as_it_was_read(text: str) -> None:
    assert str(SipUri.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["sip:", "sip:@h", "sip:a b@h", "sip:a@h:99999", "sip:a@[h", "sip:%zz@h"],
)
def test_malformed_uri_is_refused(text: str) -> None:
    with pytest.raises(BadSipMessage) as raised:
        SipUri.parse(text)
    assert raised.value.status == 400


def test_foreign_scheme_is_refused_with_416() -> None:
    with pytest.raises(BadSipMessage) as raised:
        SipUri.parse("soap.beep://192.0.2.103:3002")
    assert raised.value.status == 416


def test_parts_of_a_gruu_are_found() -> None:
    uri = SipUri.parse("SIP:Bob%40home@Example.COM:5070;gr=urn:uuid:1;Transport=TCP;lr")
    assert (uri.user_name, uri.port, uri.transport, uri.lr) == ("Bob@home", 5070, "tcp", True)
    assert uri.gr == "urn:uuid:1"
    assert SipUri.parse("sip:x@h;gr").gr == ""
    assert SipUri.parse("sip:x@h").gr is None
    assert str(uri.aor()) == "sip:Bob%40home@example.com:5070"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
    ],
)
def test_equivalent_uris_are_recognised(one: str, other: str) -> None:
    assert SipUri.parse(one).is_equivalent(SipUri.parse(other))
    assert SipUri.parse(other).is_equivalent(SipUri.parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;gr=urn:uuid:1"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    ],
)
def test_different_uris_are_told_apart(one: str, other: str) -> None:
    assert not SipUri.parse(one).is_equivalent(SipUri.parse(other))
    assert not SipUri.parse(other).is_equivalent(SipUri.parse(one))


def test_parameters_are_set_escaped_and_taken_away() -> None:
    uri = SipUri.of("a b@c", "h").with_parameter("gr", "urn:uuid:1").with_parameter("x", "a;b")
    assert str(uri) == "sip:a%20b%40c@h;gr=urn:uuid:1;x=a%3Bb"
    assert str(uri.without_parameters("GR")) == "sip:a%20b%40c@h;x=a%3Bb"
    assert str(uri.without_parameters()) == "sip:a%20b%40c@h"


def test_user_and_device_whose_names_are_no_utf_8_keep_them() -> None:
    read = SipUri.parse("sip:%99@Push.test;gr=%FF")
    assert str(read.aor()) == "sip:%99@push.test"
    assert str(read.aor().with_parameter("gr", read.gr)) == "sip:%99@push.test;gr=%FF"
