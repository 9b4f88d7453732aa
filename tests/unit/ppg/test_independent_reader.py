"""Every document that we write, read by something that is not ours: a DTD and a validating parser.

The DTD says what PAP 2.0 says of elements, their order and their attributes (PAP 8, 11), in another
form than the tables of the code.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from omapush.content.message import PushMessage as ContentMessage
from omapush.core.instants import Instant, parse_utc
from omapush.pap import entity, model, xml
from omapush.pap.codes import MessageState, StatusCode
from omapush.pap.versions import PapVersion, VersionRange
from omapush.ppg.acceptance import Acceptance, PapRequest
from omapush.ppg.authentication import Identified
from omapush.ppg.documents import Identity, result_notification
from omapush.ppg.store.contract import (
    DeliveryState,
    RegistrationRecord,
    Settlement,
)
from omapush.testing.memory_store import MemoryStore

DTD = etree.DTD(
    io.StringIO("""
<!ENTITY % State "(rejected|pending|delivered|undeliverable|expired|aborted|timeout
  |cancelled|unknown)">
<!ELEMENT pap (push-message|push-response|cancel-message|cancel-response
  |resultnotification-message|resultnotification-response|statusquery-message
  |statusquery-response|ccq-message|ccq-response|badmessage-response)>
<!ATTLIST pap product-name CDATA #IMPLIED>
<!ELEMENT push-message (address+, quality-of-service?)>
<!ATTLIST push-message push-id CDATA #REQUIRED replace-push-id CDATA #IMPLIED
  replace-method (pending-only|all) "all" deliver-before-timestamp CDATA #IMPLIED
  deliver-after-timestamp CDATA #IMPLIED source-reference CDATA #IMPLIED
  ppg-notify-requested-to CDATA #IMPLIED progress-notes-requested (true|false) "false">
<!ELEMENT address EMPTY>
<!ATTLIST address address-value CDATA #REQUIRED>
<!ELEMENT quality-of-service EMPTY>
<!ATTLIST quality-of-service priority (high|medium|low) "medium"
  delivery-method (confirmed|preferconfirmed|unconfirmed|notspecified) "notspecified"
  network CDATA #IMPLIED network-required (true|false) "false"
  bearer CDATA #IMPLIED bearer-required (true|false) "false">
<!ELEMENT push-response (progress-note*, response-result)>
<!ATTLIST push-response push-id CDATA #REQUIRED sender-address CDATA #IMPLIED
  sender-name CDATA #IMPLIED reply-time CDATA #IMPLIED>
<!ELEMENT progress-note EMPTY>
<!ATTLIST progress-note stage CDATA #REQUIRED note CDATA #IMPLIED time CDATA #IMPLIED>
<!ELEMENT response-result EMPTY>
<!ATTLIST response-result code CDATA #REQUIRED desc CDATA #IMPLIED>
<!ELEMENT cancel-message (address*)>
<!ATTLIST cancel-message push-id CDATA #REQUIRED>
<!ELEMENT cancel-response (cancel-result+)>
<!ATTLIST cancel-response push-id CDATA #REQUIRED>
<!ELEMENT cancel-result (address*)>
<!ATTLIST cancel-result code CDATA #REQUIRED desc CDATA #IMPLIED>
<!ELEMENT resultnotification-message (address, quality-of-service?)>
<!ATTLIST resultnotification-message push-id CDATA #REQUIRED sender-address CDATA #IMPLIED
  sender-name CDATA #IMPLIED received-time CDATA #IMPLIED event-time CDATA #IMPLIED
  message-state %State; #REQUIRED code CDATA #REQUIRED desc CDATA #IMPLIED>
<!ELEMENT resultnotification-response (address)>
<!ATTLIST resultnotification-response push-id CDATA #REQUIRED code CDATA #REQUIRED
  desc CDATA #IMPLIED>
<!ELEMENT statusquery-message (address*)>
<!ATTLIST statusquery-message push-id CDATA #REQUIRED>
<!ELEMENT statusquery-response (statusquery-result+)>
<!ATTLIST statusquery-response push-id CDATA #REQUIRED>
<!ELEMENT statusquery-result (address*, quality-of-service?)>
<!ATTLIST statusquery-result event-time CDATA #IMPLIED message-state %State; #REQUIRED
  code CDATA #REQUIRED desc CDATA #IMPLIED>
<!ELEMENT ccq-message (address)>
<!ATTLIST ccq-message query-id CDATA #IMPLIED app-id CDATA #IMPLIED>
<!ELEMENT ccq-response (address)>
<!ATTLIST ccq-response query-id CDATA #IMPLIED code CDATA #REQUIRED desc CDATA #IMPLIED>
<!ELEMENT badmessage-response EMPTY>
<!ATTLIST badmessage-response code CDATA #REQUIRED desc CDATA #IMPLIED
  bad-message-fragment CDATA #IMPLIED>
""")
)

NOW = parse_utc("2026-11-21T12:00:00Z")
PLMN = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
OTHER = "WAPPUSH=+447700900123/TYPE=PLMN@ppg.example.net"
NOBODY = "WAPPUSH=+999/TYPE=PLMN@ppg.example.net"
BAD = "WAPPUSH=12/TYPE=MAN@x"
WEATHER = Identified("weather", authenticated=True)
CONTENT = ContentMessage((("Content-Type", "text/plain"),), b"hello")
QOS = model.QualityOfService(model.Priority.HIGH, model.DeliveryMethod.CONFIRMED, bearer="GPRS")


def control_of(content_type: str, body: bytes) -> bytes:
    """Take the control entity out with the standard library's MIME parser, not with ours."""
    if not content_type.startswith("multipart/"):
        return body
    whole = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    first = whole.get_payload(0)
    assert not isinstance(first, str)
    octets = first.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return octets


def valid(document: bytes) -> str:
    """Return the name of the message of a document that is valid by the DTD."""
    root = etree.fromstring(document, etree.XMLParser(load_dtd=False, no_network=True))
    assert DTD.validate(root), DTD.error_log.filter_from_errors()
    (message,) = root
    return str(message.tag)


def push(push_id: str, *addresses: str, **more: object) -> model.PushMessage:
    listed = tuple(model.Address(address) for address in addresses or (PLMN,))
    url = "http://pi.example.net/"
    return model.PushMessage(push_id, listed, QOS, ppg_notify_requested_to=url, **more)  # type: ignore[arg-type]


def addresses(*texts: str) -> tuple[model.Address, ...]:
    return tuple(model.Address(text) for text in texts)


ASKED: list[tuple[model.Message, str]] = [
    (push("a@pi", PLMN, OTHER), "push-response"),
    (push("a@pi"), "push-response"),
    (push("notes@pi", progress_notes_requested=True), "push-response"),
    (push("bad@pi", BAD), "push-response"),
    (push("new@pi", replace_push_id="notes@pi"), "push-response"),
    (model.StatusQueryMessage("a@pi"), "statusquery-response"),
    (model.StatusQueryMessage("a@pi", addresses(PLMN, NOBODY, BAD)), "statusquery-response"),
    (model.StatusQueryMessage("nobody@pi"), "statusquery-response"),
    (model.CancelMessage("a@pi", addresses(OTHER, NOBODY, BAD)), "cancel-response"),
    (model.CancelMessage("a@pi"), "cancel-response"),
    (model.CancelMessage("nobody@pi"), "cancel-response"),
    (model.CcqMessage(model.Address(PLMN), "q", "x-wap-application:wml.ua"), "ccq-response"),
    (model.CcqMessage(model.Address(NOBODY)), "ccq-response"),
    (model.ResultNotificationResponse("x", 1000, model.Address(PLMN)), "badmessage-response"),
]


async def test_requests_and_answers_of_every_operation_are_valid(
    new_acceptance: Callable[..., Acceptance], store: MemoryStore
) -> None:
    acceptance = new_acceptance()
    cpi = {"tag": (("X-Wap-Push-Accept", "*/*"),)}
    await store.remember_registrations([RegistrationRecord("anna", "00", NOW, "1", "tag", cpi)])
    for asked, answered in ASKED:
        document = xml.encode(
            model.Pap(asked, PapVersion(2, 0), supported_versions=(VersionRange(2, 0),))
        )
        assert valid(document)
        content = CONTENT if isinstance(asked, model.PushMessage) else None
        content_type, body = entity.join(document, content)
        assert control_of(content_type, body) == document
        found = await acceptance.answer(PapRequest(content_type, body, WEATHER, "192.0.2.9"))
        assert valid(control_of(found.content_type.decode(), found.document)) == answered


@pytest.mark.parametrize(
    "body", [b"", b"<pap>\x00</pap>", b"<pap><push-message push-id='a'/></pap>", b"\xff\xfe<"]
)
async def test_answers_to_what_cannot_be_read_are_valid(
    new_acceptance: Callable[..., Acceptance], body: bytes
) -> None:
    request = PapRequest("application/xml", body, WEATHER, "192.0.2.9")
    assert valid((await new_acceptance().answer(request)).document)


@pytest.mark.parametrize("state", [state for state in DeliveryState if state.is_final])
async def test_notification_of_every_final_state_is_valid(
    new_acceptance: Callable[..., Acceptance], store: MemoryStore, state: DeliveryState
) -> None:
    document = xml.encode(model.Pap(push("a@pi"), PapVersion(2, 0)))
    content_type, body = entity.join(document, CONTENT)
    await new_acceptance().answer(PapRequest(content_type, body, WEATHER, "192.0.2.9"))
    (claimed,) = await store.claim("ppg-1/a", NOW, 1_000, 1, 1)
    end = Settlement(claimed.key, claimed.owner, claimed.attempt, NOW, state, "why", code=4000)
    await store.settle([replace(end, notify=True)])
    (told,) = await store.claim_notifications("ppg-1/a", NOW, 1_000, 1, 1)
    identity = Identity("Example PPG", "http://ppg.example.net/pap", "omapush/test")
    assert valid(result_notification(told, identity)) == "resultnotification-message"


TEXT = st.text(max_size=40)


@given(
    push_id=TEXT.filter(bool),
    desc=TEXT,
    address=TEXT,
    state=st.sampled_from(MessageState),
    code=st.sampled_from(StatusCode),
    at=st.integers(0, 4_000_000_000_000),
)
def test_whatever_stands_in_attributes_the_document_is_valid_and_says_it(
    push_id: str, desc: str, address: str, state: MessageState, code: StatusCode, at: int
) -> None:
    result = model.StatusQueryResult(state, code, addresses(address), QOS, Instant(at), desc=desc)
    document = xml.encode(model.Pap(model.StatusQueryResponse(push_id, (result,))))
    assert valid(document) == "statusquery-response"
    (read,) = etree.fromstring(document).iter("statusquery-result")
    assert (read.get("message-state"), int(read.get("code"))) == (state.value, code)
