"""Whatever comes from the core, the gateway answers it, once, and stays as it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from omapush.ota.sip.core import Origin
from omapush.ppg.sip.address_of_record import address_of_record, domain_of, instance_of, is_device
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.testing.memory_store import MemoryStore
from omapush.testing.sip_gateway_world import ALICE, GRUU, PPG, SipGatewayWorld

METHODS = ("REGISTER", "OPTIONS", "NOTIFY", "BYE", "INVITE", "MESSAGE", "SUBSCRIBE", "X")
NAMES = (
    "To",
    "From",
    "Contact",
    "Expires",
    "Call-ID",
    "CSeq",
    "Content-Type",
    "P-Asserted-Identity",
    "Accept",
    "Allow",
    "Accept-Encoding",
    "X-Wap-Push-MaxMsgSize",
    "X-Wap-Push-Accept-AppID",
    "Event",
    "Subscription-State",
)
LIKELY = (
    f"<{ALICE}>",
    f"<{ALICE}>;tag=1",
    f'<{GRUU}>;+g.oma.pusheventapp="mms.ua,%";expires=0',
    f'<sip:alice@1.2.3.4>;+sip.instance="<>";pub-gruu="{GRUU}"',
    "*",
    "<tel:+1>",
    "600",
    "99999999999999999999",
    "message/sip",
    "multipart/mixed;boundary=b",
    "reg",
)
VALUES = st.sampled_from(LIKELY) | st.text(max_size=40)
BODIES = st.binary(max_size=200) | st.builds(
    lambda value: f"REGISTER sip:a SIP/2.0\r\nContact: {value}\r\n\r\n".encode(
        "utf-8", "surrogateescape"
    ),
    VALUES,
)


@given(
    method=st.sampled_from(METHODS),
    uri=st.sampled_from((PPG, ALICE, "sip:127.0.0.1:5070", "")) | st.text(max_size=30),
    fields=st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=8),
    body=BODIES,
    is_trusted=st.booleans(),
)
def test_every_request_is_answered_once(
    method: str, uri: str, fields: list[tuple[str, str]], body: bytes, is_trusted: bool
) -> None:
    answers: list[SipResponse] = []
    world = SipGatewayWorld(MemoryStore(), learns=False)
    origin = Origin(Hop(Transport.UDP, "127.0.0.1", 5060), is_trusted)
    request = SipRequest(method, uri, SipHeaders(tuple(fields)), body)
    world.core.gateway.served().arrived(request, origin, answers.append)
    (answer,) = answers
    assert 200 <= answer.status < 700
    if not is_trusted:
        assert answer.status == 403
        assert len(world.registrations) == 0


@given(st.text(max_size=60) | st.sampled_from(LIKELY))
def test_address_of_record_of_an_address_of_record_is_itself(text: str) -> None:
    record = address_of_record(text)
    if record is not None:
        assert address_of_record(record) == record
        assert not is_device(record)
        assert domain_of(record) == record.rpartition("@")[2]
        assert instance_of(record) is None
