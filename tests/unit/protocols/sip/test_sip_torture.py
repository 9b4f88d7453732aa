"""The torture messages of RFC 4475: each is accepted, or refused as the RFC says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.header_fields import (
    LONGEST_S,
    NameAddress,
    call_id,
    contact_expires,
    contacts,
    cseq,
    expires,
    from_address,
    from_tag,
    max_forwards,
    parse_date,
    required,
    to_address,
    to_tag,
    top_via,
    vias,
)
from omapush.protocols.sip.message import SipMessage, SipRequest, SipResponse
from omapush.protocols.sip.parsing import parse_message
from omapush.protocols.sip.stream import SipStream, SipStreamLost
from omapush.protocols.sip.uri import SipUri
from omapush.protocols.sip.writing import encode_message

FOLDER = Path(__file__).parent / "torture"

# 3.1.1 and 3.3, 3.4: messages that any element reads, whatever it then thinks of them.
READABLE = (
    "wsinv",
    "intmeth",
    "esc01",
    "escnull",
    "esc02",
    "lwsdisp",
    "longreq",
    "dblreq",
    "semiuri",
    "transports",
    "mpart01",
    "unreason",
    "noreason",
    "baddate",
    "regbadct",
    "badbranch",
    "unksm2",
    "bext01",
    "invut",
    "regaut01",
    "bcast",
    "zeromf",
    "cparam01",
    "cparam02",
    "regescrt",
    "sdp01",
    "inv2543",
)
# 3.1.2 and 3.3: requests that are refused, with the status, and what the reason names.
REFUSED = {
    "badinv01": (400, "Via"),
    "clerr": (400, "octets of a body"),
    "ncl": (400, "Content-Length"),
    "scalar02": (400, "CSeq"),
    "quotbal": (400, "To"),
    "ltgtruri": (400, "URI"),
    "lwsruri": (400, "first line"),
    "lwsstart": (400, "first line"),
    "trws": (400, "first line"),
    "escruri": (400, "headers in the Request-URI"),
    "badaspec": (400, "To"),
    "baddn": (400, "From"),
    "badvers": (505, "version"),
    "mismatch01": (400, "CSeq"),
    "mismatch02": (400, "CSeq"),
    "insuf": (400, "no Call-ID"),
    "unkscm": (416, "nobodyKnowsThisScheme"),
    "novelsc": (416, "soap.beep"),
    "multi01": (400, "more than one"),
    "mcl01": (400, "more than one Content-Length"),
}
# 3.1.2: responses that are dropped.
DROPPED = ("scalarlg", "bigcode")


def octets_of(name: str) -> bytes:
    return (FOLDER / f"{name}.dat").read_bytes()


def parsed(name: str) -> SipMessage:
    return parse_message(octets_of(name))


def test_every_message_of_the_rfc_has_its_fate() -> None:
    assert len(READABLE) + len(REFUSED) + len(DROPPED) == 49
    assert {*READABLE, *REFUSED, *DROPPED} == {path.stem for path in FOLDER.glob("*.dat")}


@pytest.mark.parametrize("name", READABLE)
def test_readable_message_is_read_and_survives_being_written(name: str) -> None:
    message = parsed(name)
    assert call_id(message)
    assert cseq(message).number >= 0
    assert from_address(message).uri
    assert to_address(message).uri
    assert top_via(message).host
    again = parse_message(encode_message(message))
    assert again.headers.without("Content-Length") == message.headers.without("Content-Length")
    assert again.body == message.body


@pytest.mark.parametrize("name", READABLE)
def test_readable_message_is_cut_out_of_a_stream(name: str) -> None:
    whole = encode_message(parsed(name))
    stream = SipStream()
    received = [one for begin in range(len(whole)) for one in stream.receive(whole[begin:][:1])]
    assert received == [whole]


@pytest.mark.parametrize(("name", "fate"), REFUSED.items())
def test_malformed_request_is_refused_with_its_status(name: str, fate: tuple[int, str]) -> None:
    with pytest.raises(BadSipMessage) as raised:
        parsed(name)
    status, reason = fate
    assert raised.value.status == status
    assert reason in raised.value.reason
    # It can be answered: what an answer copies is there.
    readable = raised.value.readable
    assert readable is not None
    assert readable.headers.first("Via") is not None


@pytest.mark.parametrize("name", DROPPED)
def test_malformed_response_is_dropped(name: str) -> None:
    with pytest.raises(BadSipMessage) as raised:
        parsed(name)
    assert raised.value.readable is None


def test_tortuous_invite_is_understood_to_its_last_header() -> None:
    message = parsed("wsinv")
    assert isinstance(message, SipRequest)
    assert SipUri.parse(message.uri).parameters.has("unknownparam")
    assert to_tag(message) == "1918181833n"
    assert from_address(message).display_name == 'J Rosenberg \\"'
    assert from_tag(message) == "98asjd8"
    assert max_forwards(message) == 68
    assert (cseq(message).number, cseq(message).method) == (9, "INVITE")
    assert [(one.transport, one.host) for one in vias(message)] == [
        ("UDP", "192.0.2.2"), ("TCP", "spindle.example.com"), ("UDP", "192.168.255.111"),
    ]  # fmt: skip
    assert [one.branch for one in vias(message)] == ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]
    assert required(message, "Subject") == ""
    assert required(message, "NewFangledHeader") == "newfangled value continued newfangled value"
    assert required(message, "UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    (contact,) = contacts(message)
    assert contact.display_name == 'Quoted string ""'
    assert contact.parameters.get("newparam") == "newvalue"
    assert contact.parameters.get("secondparam") is None
    assert contact.parameters.has("secondparam")
    assert contact.parameters.get("q") == "0.33"


def test_wide_range_of_characters_is_taken() -> None:
    message = parsed("intmeth")
    assert isinstance(message, SipRequest)
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    uri = SipUri.parse(message.uri)
    assert (uri.host, str(uri)) == ("example.com", message.uri)
    assert to_address(message).display_name == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert from_address(message).parameters.get("fromParam''~+*_!.-%") == "работающий"
    assert from_tag(message) == "_token~1'+`*%!-."
    assert required(message, "extensionHeader-!.%*+_`'~") == "\ufeff大停電"
    assert max_forwards(message) == 255


def test_escapes_are_undone_only_where_they_mean_something() -> None:
    message = parsed("esc01")
    assert isinstance(message, SipRequest)
    assert SipUri.parse(message.uri).user_name == "sips:user@example.com"
    assert to_address(message).sip_uri().is_equivalent(SipUri.parse("sip:user@example.com"))
    (contact,) = contacts(message)
    assert contact.sip_uri().user_name == "caller"
    odd = parsed("esc02")
    assert isinstance(odd, SipRequest)
    assert odd.method == "RE%47IST%45R"
    assert to_address(odd).display_name == "%Z%45"
    assert [one.uri for one in contacts(odd)] == [
        "sip:alias1@host1.example.com", "sip:alias3@host3.example.com",
    ]  # fmt: skip
    nothing = parsed("escnull")
    assert [one.sip_uri().user_name for one in contacts(nothing)] == ["\x00", "\x00\x00"]
    assert not contacts(nothing)[0].sip_uri().is_equivalent(contacts(nothing)[1].sip_uri())


def test_octets_behind_the_body_are_dropped_with_the_request_that_they_are() -> None:
    message = parsed("dblreq")
    assert isinstance(message, SipRequest)
    assert (message.method, message.body) == ("REGISTER", b"")


def test_connection_carries_one_request_behind_the_other() -> None:
    with pytest.raises(SipStreamLost) as raised:
        SipStream().receive(octets_of("dblreq"))  # its last line is left over
    requests = [parse_message(one) for one in raised.value.before if isinstance(one, bytes)]
    assert [cseq(one).method for one in requests] == ["REGISTER", "INVITE"]


def test_user_part_may_have_semicolons_and_transports_any_name() -> None:
    message = parsed("semiuri")
    assert isinstance(message, SipRequest)
    uri = SipUri.parse(message.uri)
    assert (uri.user_name, uri.host) == ("user;par=u@example.net", "example.com")
    assert [one.transport for one in vias(parsed("transports"))] == [
        "UDP", "SCTP", "TLS", "UNKNOWN", "TCP",
    ]  # fmt: skip


def test_long_values_are_taken() -> None:
    message = parsed("longreq")
    assert len(vias(message)) == 34
    assert len(from_tag(message) or "") == 155
    assert len(contacts(message)[0].uri) > 100


def test_binary_body_is_kept() -> None:
    message = parsed("mpart01")
    assert b"\x30\x82\x01\x52" in message.body
    assert required(message, "Content-Type").startswith("multipart/mixed")


@pytest.mark.parametrize(("name", "reason"), [("noreason", ""), ("unreason", "= 2**3 * 5**2 но ")])
def test_reason_may_be_anything(name: str, reason: str) -> None:
    message = parsed(name)
    assert isinstance(message, SipResponse)
    assert message.reason.startswith(reason)
    assert bool(message.reason) is bool(reason)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("baddate", lambda message: parse_date(required(message, "Date"))),
        ("regbadct", contacts),
        ("unksm2", lambda message: to_address(message).sip_uri()),
    ],
)
def test_header_that_only_some_read_is_refused_by_those(
    name: str, read: Callable[[SipMessage], object]
) -> None:
    with pytest.raises(BadSipMessage):
        read(parsed(name))


def test_headers_of_a_contact_are_told_from_its_parameters() -> None:
    (escaped,) = contacts(parsed("regescrt"))
    assert escaped.sip_uri().headers == (("Route", "%3Csip:sip.example.com%3E"),)
    (outside,) = contacts(parsed("cparam01"))
    assert (outside.uri, str(outside.parameters)) == (
        "sip:+19725552222@gw1.example.net", ";unknownparam",
    )  # fmt: skip
    (inside,) = contacts(parsed("cparam02"))
    assert str(inside.sip_uri().parameters) == ";unknownparam"
    assert not inside.parameters


def test_senders_older_than_the_rfc_are_understood() -> None:
    message = parsed("inv2543")
    assert top_via(message).branch is None
    assert from_tag(message) is None
    assert top_via(parsed("badbranch")).branch == "z9hG4bK"


def test_sender_of_another_version_can_be_told_so() -> None:
    with pytest.raises(BadSipMessage) as raised:
        parsed("badvers")
    assert raised.value.readable is not None
    assert top_via(raised.value.readable).host == "c.example.com"


def test_last_hop_and_unknown_needs_are_seen() -> None:
    assert max_forwards(parsed("zeromf")) == 0
    assert parsed("bext01").headers.listed("Require") == (
        "nothingSupportsThis", "nothingSupportsThisEither",
    )  # fmt: skip
    assert [one.host for one in vias(parsed("bcast"))] == ["192.0.2.198", "255.255.255.255"]
    assert required(parsed("regaut01"), "Authorization").startswith("NoOneKnowsThisScheme")
    assert required(parsed("invut"), "Content-Type") == "application/unknownformat"


def test_overlarge_times_are_the_longest_that_there_are() -> None:
    with pytest.raises(BadSipMessage) as raised:
        parsed("scalar02")
    readable = raised.value.readable
    assert readable is not None
    assert expires(readable) == LONGEST_S
    granted = [contact_expires(one, readable) for one in contacts(readable)]
    assert granted == [LONGEST_S] * len(granted)
    assert isinstance(contacts(readable)[0], NameAddress)
