"""Single headers are read, kept as they are spelled, and refused."""

from __future__ import annotations

import pytest

from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.header_fields import (
    LONGEST_S,
    CSeq,
    NameAddress,
    RetryAfter,
    Via,
    contact_expires,
    contacts,
    expires,
    max_forwards,
    parse_date,
    parse_retry_after,
    vias,
)
from omapush.protocols.sip.message import SipHeaders, SipRequest
from omapush.protocols.sip.parameters import Parameters


def request(*fields: tuple[str, str]) -> SipRequest:
    return SipRequest("REGISTER", "sip:push.test", SipHeaders(fields))


def test_parameters_keep_order_and_quotation() -> None:
    text = ';+sip.instance="<urn:uuid:1>";Q=0.5;ob;+g.oma.pusheventapp="a,\\"b"'
    parameters = Parameters.parse(text)
    assert str(parameters) == text
    assert parameters.get("+SIP.instance") == "<urn:uuid:1>"
    assert parameters.get("q") == "0.5"
    assert parameters.has("OB")
    assert parameters.get("ob") is None
    assert parameters.get("+g.oma.pusheventapp") == 'a,"b'
    changed = parameters.with_("q", "1").with_("x", "a b").with_("y", "t", quote=True)
    assert str(changed.without("+sip.instance", "+g.oma.pusheventapp")) == ';q=1;ob;x="a b";y="t"'


def test_first_of_two_parameters_of_one_name_counts() -> None:
    parameters = Parameters.parse(";tag=1;TAG=2")
    assert parameters.get("tag") == "1"
    assert str(parameters) == ";tag=1;TAG=2"


@pytest.mark.parametrize("text", [";", "a=1", ';a="b', ";a=1,b", ";a b"])
def test_malformed_parameters_are_refused(text: str) -> None:
    with pytest.raises(BadSipMessage):
        Parameters.parse(text)


@pytest.mark.parametrize(
    ("text", "name", "uri", "parameters"),
    [
        ("<sip:a@b>;tag=1", None, "sip:a@b", ";tag=1"),
        ("sip:a@b;tag=1", None, "sip:a@b", ";tag=1"),
        ("caller<sip:a@b;x=1>;tag=1", "caller", "sip:a@b;x=1", ";tag=1"),
        ('"Watson, \\"T\\"" <sip:a@b?x=y> ; tag = 1 ', 'Watson, "T"', "sip:a@b?x=y", ";tag=1"),
        ("Two  Words <tel:+1>", "Two  Words", "tel:+1", ""),
        ("isbn:2983792873", None, "isbn:2983792873", ""),
        ('"" <sip:a@b>', "", "sip:a@b", ""),
    ],
)
def test_address_is_read(text: str, name: str | None, uri: str, parameters: str) -> None:
    address = NameAddress.parse(text)
    assert (address.display_name, address.uri, str(address.parameters)) == (name, uri, parameters)
    assert NameAddress.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", "a@b", "<a@b>", "< sip:a@b >", "<sip:a@b", '"x <sip:a@b>', "A, B <sip:a@b>",
     "sip:a@b?Route=x", "<sip:a@b>;tag=1, <sip:c@d>"],
)  # fmt: skip
def test_malformed_address_is_refused(text: str) -> None:
    with pytest.raises(BadSipMessage):
        NameAddress.parse(text)


def test_via_is_read_and_gets_its_source() -> None:
    via = Via.parse("sip / 2.0 /udp [2001:db8::1] : 5070 ;rport; branch=z9hG4bK1 , SIP/2.0/TCP x")
    assert str(via) == "SIP/2.0/UDP [2001:db8::1]:5070;rport;branch=z9hG4bK1"
    came = via.came_from("2001:db8::2", 9)
    assert (came.received, came.rport, came.branch) == ("2001:db8::2", 9, "z9hG4bK1")
    assert Via.parse(str(came)) == came
    assert Via.parse("SIP/2.0/UDP h:65535;rport=65536").rport is None
    plain = Via.parse("SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1")
    assert plain.came_from("192.0.2.1", 5) == plain
    assert plain.came_from("192.0.2.2", 5).received == "192.0.2.2"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP h;;",
        "SIP/2.0/UDP h x",
        "SIP/2.0/UDP h:65536",
    ],
)
def test_malformed_via_is_refused(text: str) -> None:
    with pytest.raises(BadSipMessage):
        Via.parse(text)


def test_vias_of_several_headers_are_read_in_order() -> None:
    message = request(("Via", "SIP/2.0/UDP a, SIP/2.0/TCP b"), ("Via", "SIP/2.0/TLS c"))
    assert [one.host for one in vias(message)] == ["a", "b", "c"]


@pytest.mark.parametrize("text", ["", "1", "1INVITE", "-1 INVITE", "2147483648 INVITE", "1 I V"])
def test_malformed_cseq_is_refused(text: str) -> None:
    with pytest.raises(BadSipMessage):
        CSeq.parse(text)


def test_wildcard_contact_stands_alone() -> None:
    (contact,) = contacts(request(("Contact", "*")))
    assert contact.is_wildcard
    assert str(contact) == "*"
    with pytest.raises(BadSipMessage):
        contacts(request(("Contact", "*, <sip:a@b>")))


def test_expiry_of_a_contact_is_its_own_or_that_of_the_message() -> None:
    message = request(
        ("Contact", "<sip:a@b>;expires=5"),
        ("Contact", "<sip:c@d>"),
        ("Contact", '<sip:e@f>;expires="soon"'),
        ("Expires", "99999999999999999999"),
    )
    granted = [contact_expires(one, message) for one in contacts(message)]
    assert granted == [5, LONGEST_S, 3_600]
    assert expires(request()) is None
    with pytest.raises(BadSipMessage):
        expires(request(("Expires", "soon")))


def test_hop_count_is_read_and_bounded() -> None:
    assert max_forwards(request(("Max-Forwards", "0070"))) == 70
    assert max_forwards(request()) is None
    with pytest.raises(BadSipMessage):
        max_forwards(request(("Max-Forwards", "300")))


def test_date_is_read_in_gmt_only() -> None:
    assert parse_date("Sat, 13 Nov 2010 23:29:00 GMT") == 1_289_690_940_000
    for text in ("Fri, 01 Jan 2010 16:00:00 EST", "Sat, 31 Feb 2026 00:00:00 GMT",
                 "Sat, 01 Feb 2026 24:00:00 GMT", "Sat, 01 Xyz 2026 00:00:00 GMT", ""):  # fmt: skip
        with pytest.raises(BadSipMessage):
            parse_date(text)


def test_retry_after_is_read_with_comment_and_duration() -> None:
    assert parse_retry_after("120") == RetryAfter(120)
    assert parse_retry_after("18000;duration=3600") == RetryAfter(18_000, None, 3_600)
    assert parse_retry_after("5 (busy);duration=9") == RetryAfter(5, "busy", 9)
    for text in ("", "soon", "5;duration=x", "5 (open"):
        with pytest.raises(BadSipMessage):
            parse_retry_after(text)
