"""Feature tags of a contact, and a caller's preferences among contacts (RFC 3840, RFC 3841)."""

from __future__ import annotations

import pytest

from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.feature_tags import (
    AcceptContact,
    FeatureSet,
    RejectContact,
    accept_contacts,
    reject_contacts,
)
from omapush.protocols.sip.header_fields import NameAddress
from omapush.protocols.sip.message import SipHeaders, SipRequest

CONTACT = (
    '<sip:alice@127.0.0.1:5081>;q=0.5;expires=60;+sip.instance="<urn:uuid:F8,1>"'
    ';+g.oma.pusheventapp="mms.ua,ULP.ua";audio;methods="MESSAGE,INVITE";mobility="mobile"'
    ';priority="#>=10,#1:3";+sip.dice="#=-2.5";class="!business"'
)


def features(contact: str = CONTACT) -> FeatureSet:
    return FeatureSet.of(NameAddress.parse(contact).parameters)


def test_feature_tags_of_a_contact_are_told_from_its_other_parameters() -> None:
    declared = features()
    assert set(declared.features) == {
        "sip.instance", "g.oma.pusheventapp", "sip.audio", "sip.methods", "sip.mobility",
        "sip.priority", "sip.dice", "sip.class",
    }  # fmt: skip
    assert declared.values("g.oma.pusheventapp") == ("mms.ua", "ulp.ua")
    assert declared.values("sip.instance") == ("urn:uuid:F8,1",)
    assert declared.values("sip.audio") == ("true",)
    assert declared.values("sip.class") == ()
    assert declared.has("SIP.Class")
    assert not declared.has("sip.video")


@pytest.mark.parametrize(
    "wanted",
    [
        '*;+g.oma.pusheventapp="MMS.ua"',
        '*;+g.oma.pusheventapp="x,ulp.ua"',
        '*;methods="MESSAGE";audio',
        '*;+sip.audio="TRUE"',
        '*;+sip.instance="<urn:uuid:F8,1>"',
        '*;priority="#=2"',
        '*;priority="#<=10"',
        '*;priority="!#=2"',
        '*;+sip.dice="#-3:0"',
        '*;class="personal"',
        '*;class="!personal"',
        '*;mobility="!fixed"',
        "*",
    ],
)
def test_contact_that_declares_what_is_wanted_matches(wanted: str) -> None:
    preference = AcceptContact.parse(f"{wanted};require;explicit")
    assert preference.matches(features())
    assert preference.admits(features())
    assert preference.score(features()) == 1.0


@pytest.mark.parametrize(
    "wanted",
    [
        '*;+g.oma.pusheventapp="wml.ua"',
        '*;+g.oma.pusheventapp="mms.ua";mobility="fixed"',
        '*;+sip.instance="<urn:uuid:f8,1>"',
        '*;priority="#=5"',
        '*;+sip.dice="#>=0"',
        '*;class="business"',
        '*;mobility="!mobile"',
        '*;audio="FALSE"',
        "*;priority",
    ],
)
def test_contact_that_contradicts_does_not_match(wanted: str) -> None:
    assert not AcceptContact.parse(wanted).matches(features())
    assert AcceptContact.parse(wanted).admits(features())
    assert AcceptContact.parse(wanted).score(features()) == 0.0
    assert not AcceptContact.parse(f"{wanted};require").admits(features())


def test_undeclared_tag_matches_unless_it_has_to_be_explicit() -> None:
    wanted = '*;methods="MESSAGE";+g.3gpp.iari-ref="x"'
    assert AcceptContact.parse(f"{wanted};require").admits(features())
    assert AcceptContact.parse(f"{wanted};require").score(features()) == 0.5
    assert not AcceptContact.parse(f"{wanted};require;explicit").admits(features())
    assert AcceptContact.parse(f"{wanted};explicit").admits(features())
    assert AcceptContact.parse(f"{wanted};explicit").score(features()) == 0.0


def test_contact_with_all_unwanted_tags_is_rejected() -> None:
    assert RejectContact.parse('*;methods="MESSAGE";audio').matches(features())
    assert not RejectContact.parse('*;methods="MESSAGE";video').matches(features())
    assert not RejectContact.parse('*;mobility="fixed"').matches(features())
    assert not RejectContact.parse("*").matches(features())


def test_preferences_of_a_request_are_read_from_all_headers() -> None:
    request = SipRequest(
        "MESSAGE",
        "sip:a@b",
        SipHeaders(
            (
                ("Accept-Contact", '*;+a="x,y";require, *;audio'),
                ("Accept-Contact", "*;video"),
                ("Reject-Contact", "*;isfocus"),
            )
        ),
    )
    first, second, third = accept_contacts(request)
    assert (first.require, first.wanted.values("a")) == (True, ("x", "y"))
    assert second.wanted.has("sip.audio")
    assert third.wanted.has("sip.video")
    assert reject_contacts(request)[0].unwanted.has("sip.isfocus")


@pytest.mark.parametrize(
    "text",
    ["", "<sip:a@b>;audio", '*;audio="a b"', '*;audio="#=x"', '*;audio="a,,b"',
     '*;audio="!"', '*;audio="<open"'],
)  # fmt: skip
def test_malformed_preference_is_refused(text: str) -> None:
    with pytest.raises(BadSipMessage):
        AcceptContact.parse(text)
