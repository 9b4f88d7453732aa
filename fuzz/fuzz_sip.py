"""Any octets are SIP messages or refused, by datagram and by stream; what was read stays the same
when it is written."""

import contextlib
import sys

import atheris

with atheris.instrument_imports():
    from omapush.protocols.sip import feature_tags, header_fields
    from omapush.protocols.sip.bad_message import BadSipMessage
    from omapush.protocols.sip.parsing import parse_message
    from omapush.protocols.sip.stream import SipStream, SipStreamLost, StreamLimits
    from omapush.protocols.sip.writing import encode_message

READERS = (
    header_fields.vias,
    header_fields.contacts,
    header_fields.expires,
    header_fields.max_forwards,
    feature_tags.accept_contacts,
    feature_tags.reject_contacts,
    lambda message: [one.sip_uri() for one in header_fields.contacts(message)],
    lambda message: [
        feature_tags.FeatureSet.of(one.parameters) for one in header_fields.contacts(message)
    ],
)


def one_message(octets: bytes) -> None:
    try:
        message = parse_message(octets)
    except BadSipMessage:
        return
    header_fields.top_via(message)
    header_fields.cseq(message)
    header_fields.call_id(message)
    header_fields.from_tag(message)
    header_fields.to_tag(message)
    for read in READERS:
        with contextlib.suppress(BadSipMessage):
            read(message)
    again = parse_message(encode_message(message))
    assert again.headers.without("Content-Length") == message.headers.without("Content-Length")
    assert again.body == message.body


def one_input(octets: bytes) -> None:
    one_message(octets)
    stream = SipStream(StreamLimits(head=2_000, body=1_000))
    received = []
    try:
        for begin in range(0, len(octets), 7):
            received += stream.receive(octets[begin : begin + 7])
    except SipStreamLost as lost:
        received += lost.before
    for one in received:
        if isinstance(one, bytes):
            one_message(one)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
