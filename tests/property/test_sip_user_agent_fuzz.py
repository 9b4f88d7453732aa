"""Whatever comes to the client's user agent is answered once, and disturbs nobody else."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from omapush.client.agent import OneAnswer
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PoUnitPushInd,
    StreamLink,
)
from omapush.ota.sip.core import Origin
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.testing.sip_client import SipClient
from omapush.testing.sip_link import LoopbackCore
from omapush.testing.virtual_clock import VirtualClock

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
KNOWN = {
    "From": ["<sip:ppg@push.test>;tag=1", "sip:ppg@push.test", ""],
    "To": ["<sip:alice@push.test>", "<sip:alice@push.test>;tag=x", "<sip:a@b>;tag=a;tag=b"],
    "Call-ID": ["a", "", "a b"],
    "CSeq": ["1 MESSAGE", "x", "4294967296 INVITE"],
    "Contact": ["<sip:127.0.0.1:5070>", "*", ""],
    "Content-Type": ["application/vnd.oma.push", "application/sdp", "text/plain", ""],
    "Accept-Contact": [
        '*;+g.oma.pusheventapp="wml.ua";require;explicit',
        '*;+g.3gpp.iari-ref="urn%3Aurn-7%3A3gpp-application.ims.iari.x"',
        ";;;",
    ],
    "Date": ["Sat, 21 Nov 2026 01:07:11 GMT", "yesterday"],
    "Expires": ["0", "60", "-1"],
    "X-Wap-Application-Id": ["x-wap-application:wml.ua", "2", "not an id, this"],
    "X-Wap-Push-Size": ["1", "99999999999999999999", "x"],
    "P-Asserted-Identity": ["<sip:ppg@push.test>", "tel:+1", ",,"],
    "Require": ["gruu", "nothing-known"],
}
FIELDS = st.lists(
    st.one_of(
        *(st.tuples(st.just(name), st.sampled_from(values)) for name, values in KNOWN.items()),
        st.tuples(st.sampled_from(sorted(KNOWN)), TEXT),
    ),
    max_size=12,
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"Content-Type: text/plain\r\n\r\nhello",
            b"<si/>",
            b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            b"m=message 2855 TCP/MSRP *\r\na=accept-types:*\r\na=setup:actpass\r\n"
            b"a=path:msrp://127.0.0.1:2855/k9sWh2LqwertzuiopAsd;tcp\r\n",
        ]
    ),
)
METHODS = st.sampled_from(["MESSAGE", "INVITE", "OPTIONS", "BYE", "NOTIFY", "PUBLISH", "REGISTER"])


class Accepting:
    """An agent whose applications take everything."""

    def capabilities(self) -> ClientCapabilities:
        return ClientCapabilities(accept_app_id=("x-wap-application:wml.ua",))

    def indication(self, link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        assert isinstance(indication, PoConfirmedPushInd)
        link.request(PoConfirmedPushRes(indication.reference))

    def unit_push(self, indication: PoUnitPushInd) -> object:
        return OneAnswer()


@given(METHODS, FIELDS, BODIES, st.booleans())
def test_every_request_is_answered_once(
    method: str, fields: list[tuple[str, str]], body: bytes, is_trusted: bool
) -> None:
    async def serve() -> list[SipResponse]:
        core = LoopbackCore()
        client = SipClient(core.client, VirtualClock())
        client.take_over(Accepting())
        request = SipRequest(method, "sip:alice@127.0.0.1", SipHeaders(tuple(fields)), body)
        answers: list[SipResponse] = []
        origin = Origin(Hop(Transport.UDP, "127.0.0.1", 5060), is_trusted)
        client.user_agent.arrived(request, origin, answers.append)
        client.user_agent.acknowledged(request)
        client.user_agent.unacknowledged(request, SipResponse(200, "OK", request.headers))
        client.user_agent.cancelled(request)
        await client.close()
        return answers

    [answer] = asyncio.run(serve())
    assert 200 <= answer.status < 700
    assert answer.status != 500
