"""Our reading and writing of SIP messages beside sipmessage, in one process, taking turns.

sipmessage checks the Request-URI and separates the headers, and reads a header when it is asked
for; ours checks every header that a message needs as well. So the second job of each message reads
what a user agent always reads, and sipmessage checks that too. The messages are without feature
tags: sipmessage writes those back changed.
"""

from __future__ import annotations

from load import CONTENT
from sipmessage import Message
from wire_codecs import Pair, turns

from omapush.protocols.sip.header_fields import call_id, contacts, cseq, from_tag, to_tag, top_via
from omapush.protocols.sip.message import SipHeaders, SipMessage, SipRequest
from omapush.protocols.sip.parsing import parse_message
from omapush.protocols.sip.writing import encode_message

REFERENCE = "sipmessage"
ENVELOPE = (
    "Content-Type: text/vnd.wap.si\r\nX-Wap-Application-Id: x-wap-application:mms.ua\r\n\r\n"
    + CONTENT[:600]
).encode()


def sip_codecs(calls: int) -> list[Pair]:
    """Time every job for a MESSAGE with a push and for a REGISTER."""
    pushed = f"MESSAGE with a push, {len(encode_message(_message()))} octets"
    registered = f"REGISTER, {len(encode_message(_register()))} octets"
    return [*_jobs(pushed, _message(), calls), *_jobs(registered, _register(), calls)]


def _jobs(name: str, message: SipRequest, calls: int) -> list[Pair]:
    octets = encode_message(message)
    theirs = Message.parse(octets)
    # Both have read and written the same.
    assert parse_message(bytes(theirs)).body == message.body
    assert bytes(theirs) == octets

    return [
        Pair(f"parse, {name}", REFERENCE,
             *turns(lambda: parse_message(octets), lambda: Message.parse(octets), calls)),
        Pair(f"parse and read what every user agent reads, {name}", REFERENCE,
             *turns(lambda: _read(parse_message(octets)),
                    lambda: _read_theirs(Message.parse(octets)), calls)),
        Pair(f"serialise, {name}", REFERENCE,
             *turns(lambda: encode_message(message), lambda: bytes(theirs), calls)),
    ]  # fmt: skip


def _read(message: SipMessage) -> tuple[object, ...]:
    found = contacts(message) if message.headers.first("Contact") else ()
    return (top_via(message).branch, from_tag(message), to_tag(message), call_id(message),
            cseq(message), found)  # fmt: skip


def _read_theirs(message: Message) -> tuple[object, ...]:
    return (message.via[0].parameters.get("branch"), message.from_address.parameters.get("tag"),
            message.to_address.parameters.get("tag"), message.call_id, message.cseq,
            message.contact)  # fmt: skip


def _message() -> SipRequest:
    headers = SipHeaders((
        ("Via", "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK0d6.f1c1a6d6000000000000000000000000.0"),
        ("Via", "SIP/2.0/UDP 127.0.0.1:5072;branch=z9hG4bK8f7a5b1c2d3e4f60;rport=5072"),
        ("Max-Forwards", "69"),
        ("From", "<sip:ppg@push.test>;tag=1c9a4e"),
        ("To", "<sip:alice@push.test>"),
        ("Call-ID", "8a6f0d7e5b3c41d2@127.0.0.1"),
        ("CSeq", "1 MESSAGE"),
        ("P-Asserted-Identity", "<sip:ppg@push.test>"),
        ("Request-Disposition", "no-fork"),
        ("Date", "Sat, 21 Nov 2026 01:07:11 GMT"),
        ("Expires", "3600"),
        ("Content-Type", "application/vnd.oma.push"),
        ("Content-Length", str(len(ENVELOPE))),
    ))  # fmt: skip
    return SipRequest("MESSAGE", "sip:alice@127.0.0.1:5081", headers, ENVELOPE)


def _register() -> SipRequest:
    headers = SipHeaders((
        ("Via", "SIP/2.0/UDP 127.0.0.1:5081;branch=z9hG4bK776a8c2f10;rport"),
        ("Max-Forwards", "70"),
        ("From", "<sip:alice@push.test>;tag=9f1"),
        ("To", "<sip:alice@push.test>"),
        ("Call-ID", "843817637@127.0.0.1"),
        ("CSeq", "1 REGISTER"),
        ("Contact", "<sip:alice@127.0.0.1:5081>;expires=600"),
        ("Supported", "path, gruu, outbound"),
        ("Allow", "MESSAGE, INVITE, ACK, BYE, CANCEL, OPTIONS"),
        ("Expires", "600"),
        ("Content-Length", "0"),
    ))  # fmt: skip
    return SipRequest("REGISTER", "sip:push.test", headers)
