"""SIP between us and tshark: it reads what we write, header by header."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omapush.protocols.sip.header_fields import NameAddress, Via, cseq, top_via
from omapush.protocols.sip.message import SipHeaders, SipMessage, SipRequest, SipResponse
from omapush.protocols.sip.parameters import Parameters
from omapush.protocols.sip.uri import SipUri
from omapush.protocols.sip.writing import encode_message
from omapush.testing.tshark import Capture, Dissected

ALICE = SipUri.of("alice", "push.test")
INSTANCE = "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"
CONTACT = NameAddress(
    None,
    str(SipUri.of("alice", "[2001:db8::1]", 5081).with_parameter("transport", "tcp")),
    Parameters()
    .with_("+sip.instance", INSTANCE)
    .with_("+g.oma.pusheventapp", "mms.ua,ulp.ua", quote=True)
    .with_("expires", "600"),
)


def headers(method: str, *more: tuple[str, str]) -> SipHeaders:
    via = Via("UDP", "192.0.2.1", 5072, Parameters().with_("branch", "z9hG4bKn1").with_("rport"))
    sender = NameAddress('The "gateway", ÄÖ', "sip:ppg@push.test", Parameters().with_("tag", "1m"))
    return SipHeaders(
        (
            ("Via", str(via)),
            ("Max-Forwards", "70"),
            ("From", str(sender)),
            ("To", str(NameAddress(None, str(ALICE)))),
            ("Call-ID", "1-3086@192.0.2.1"),
            ("CSeq", f"7 {method}"),
            *more,
        )
    )


MESSAGES: dict[str, SipMessage] = {
    "MESSAGE": SipRequest(
        "MESSAGE",
        str(ALICE.with_parameter("gr", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6")),
        headers(
            "MESSAGE",
            ("Route", "<sip:core.push.test;lr>"),
            ("Accept-Contact", '*;+g.oma.pusheventapp="mms.ua";require;explicit'),
            ("Request-Disposition", "no-fork"),
            ("P-Asserted-Identity", "<sip:ppg@push.test>"),
            ("Expires", "3600"),
            ("Content-Type", "application/vnd.oma.push"),
        ),
        b"Content-Type: text/plain\r\n\r\n\x00\xff\r\n\r\n",
    ),
    "REGISTER": SipRequest(
        "REGISTER", "sip:push.test", headers("REGISTER", ("Contact", str(CONTACT)))
    ),
    "OK": SipResponse(200, "OK", headers("REGISTER", ("Contact", str(CONTACT)))),
    "declined": SipResponse(603, "Nicht jetzt, ÄÖ", headers("MESSAGE")),
}


@pytest.fixture(scope="module")
def seen(dissect: Callable[[Capture], dict[str, Dissected]]) -> dict[str, Dissected]:
    capture = Capture()
    for name, message in MESSAGES.items():
        capture.datagram(name, encode_message(message), source_port=5072, port=5060)
    return dissect(capture)


@pytest.mark.parametrize("name", MESSAGES)
def test_tshark_reads_the_headers_of_our_message(seen: dict[str, Dissected], name: str) -> None:
    message, packet = MESSAGES[name], seen[name]
    assert "sip" in packet.protocols
    assert packet.value("sip.CSeq.seq") == str(cseq(message).number)
    assert packet.value("sip.CSeq.method") == cseq(message).method
    assert packet.value("sip.Call-ID") == "1-3086@192.0.2.1"
    assert packet.value("sip.from.user") == "ppg"
    assert packet.value("sip.from.host") == "push.test"
    assert packet.value("sip.from.tag") == "1m"
    assert packet.value("sip.to.user") == "alice"
    assert packet.value("sip.Via.transport") == "UDP"
    assert packet.value("sip.Via.sent-by.address") == "192.0.2.1"
    assert packet.value("sip.Via.sent-by.port") == "5072"
    assert packet.value("sip.Via.branch") == top_via(message).branch
    assert packet.value("sip.Content-Length") == str(len(message.body))
    assert [one for one in packet.complaints if "alformed" in one] == []


def test_tshark_reads_the_first_line_of_our_message(seen: dict[str, Dissected]) -> None:
    assert seen["MESSAGE"].value("sip.Method") == "MESSAGE"
    assert seen["MESSAGE"].value("sip.r-uri.user") == "alice"
    assert seen["MESSAGE"].value("sip.r-uri.host") == "push.test"
    assert seen["OK"].value("sip.Status-Code") == "200"
    assert seen["declined"].value("sip.Status-Code") == "603"


def test_tshark_reads_the_contact_with_its_tags(seen: dict[str, Dissected]) -> None:
    for name in ("REGISTER", "OK"):
        contact = seen[name]
        assert contact.value("sip.contact.user") == "alice"
        assert contact.value("sip.contact.port") == "5081"
        said = contact.values("sip.contact.parameter")
        assert f'+sip.instance="{INSTANCE}"' in said
        assert '+g.oma.pusheventapp="mms.ua,ulp.ua"' in said


def test_tshark_finds_our_body_whole(seen: dict[str, Dissected]) -> None:
    (body,) = seen["MESSAGE"].fields("sip.msg_body")
    assert b"".join(line.octets for line in body.children) == MESSAGES["MESSAGE"].body
