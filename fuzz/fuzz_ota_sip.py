"""Whatever a SIP/IP core brings is read or refused: pushes, news of registrations, capabilities."""

import contextlib
import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.errors import DecodeError
    from omapush.core.instants import Instant
    from omapush.ota.interface import PoConfirmedPushInd
    from omapush.ota.sip.capabilities import read_headers
    from omapush.ota.sip.core import Origin
    from omapush.ota.sip.envelope import CONTENT_TYPE, decode_push, encode_envelope
    from omapush.ota.sip.granted import read_granted
    from omapush.ota.sip.push_features import PushFeatures
    from omapush.ota.sip.reception import Recipient, read_invite, read_message
    from omapush.ota.sip.results import Method, verdict_of
    from omapush.ota.sip.third_party import read_third_party
    from omapush.protocols.sip.bad_message import BadSipMessage
    from omapush.protocols.sip.header_fields import NameAddress
    from omapush.protocols.sip.hop import Hop, Transport
    from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
    from omapush.protocols.sip.parsing import parse_message

CORE = Origin(Hop(Transport.UDP, "192.0.2.1", 5060), is_trusted=True)
RECIPIENT = Recipient(("x-wap-application:mms.ua",), 4_096)
HEAD = (
    b"MESSAGE sip:alice@push.test SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n"
    b"From: <sip:ppg@push.test>;tag=1\r\nTo: <sip:alice@push.test>\r\nCall-ID: 1\r\n"
    b"CSeq: 1 MESSAGE\r\n"
)


def of_request(request: SipRequest) -> None:
    """Read a request as everything that it may be."""
    push = read_message(request, CORE, "1", RECIPIENT, Instant(1_000_000_000_000))
    if isinstance(push, PoConfirmedPushInd):
        again = decode_push(CONTENT_TYPE, (), encode_envelope(push.message), 4_096)
        assert again.body == push.message.body
    else:
        assert verdict_of("d", Method.MESSAGE, push, confirmed=True).outcome.status != 400
    read_invite(request, CORE, RECIPIENT)
    with contextlib.suppress(BadSipMessage):
        read_third_party(request)


def of_headers(headers: SipHeaders, status: int) -> None:
    """Read the headers of a message, and those of an answer with them."""
    with contextlib.suppress(DecodeError):
        read_headers(headers)
    for value in headers.every("Contact"):
        PushFeatures.read(";".join(PushFeatures.read(value).parameters()))
    response = SipResponse(status, "x", headers)
    verdict_of("d", Method.INVITE, response, confirmed=True, media_type="text/plain")
    read_granted(response, NameAddress(None, "sip:a@b"), 600, Instant(0))


def one_input(data: bytes) -> None:
    """Read ``data`` as a whole message, and as the end of one."""
    for octets in (data, HEAD + data):
        try:
            message = parse_message(octets)
        except BadSipMessage:
            continue
        if isinstance(message, SipRequest):
            of_request(message)
            of_headers(message.headers, 200 + len(data) % 500)
        else:
            of_headers(message.headers, message.status)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
