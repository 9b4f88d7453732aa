"""The use cases of the SIP Push requirements document (5.1 to 5.5), played on a stage.

Each is a coroutine that does what the document's normal flow says, step by step, and its
alternative flows after it. It tells what it does, and raises :class:`UseCaseFailed` when something
does not hold.
``make demo-sip`` shows them; the scenario tests run them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from omapush.content import mms_notification
from omapush.content.provisioning import builder
from omapush.content.provisioning.documents import write_text
from omapush.content.recipes import messages
from omapush.core.errors import OmapushError
from omapush.core.instants import SECOND_MS, later
from omapush.daemon.clock import SystemClock
from omapush.pap.model import DeliveryMethod
from omapush.protocols.wbxml import encode_xml
from omapush.testing.kamailio import DOMAIN
from omapush.testing.sip_stage import Phone, SipStage

MMS, BROWSER = "x-wap-application:mms.ua", "x-wap-application:wml.ua"
DEVICE_MANAGEMENT = "x-wap-application:push.syncml"
STOCKS = "x-acme:stock-quotes"
MMS_TYPE = mms_notification.MEDIA_TYPE
PROVISIONING_TEXT, PROVISIONING = (
    "text/vnd.wap.connectivity-xml",
    "application/vnd.wap.connectivity-wbxml",
)
DM_NOTIFICATION = "application/vnd.syncml.notification"

# M-Delivery.ind (MMS encapsulation, WAP-209 6.6): the message was retrieved.
DELIVERY_REPORT = (
    b"\x8c\x86\x8d\x90\x8bmessage-1@mmsc.push.test\x00"
    b"\x97+358401000002/TYPE=PLMN\x00\x85\x04\x65\x5c\x00\x00\x95\x81"
)
# Package #0 (OMA DM notification): digest, version 1.2, by the server, session 1, "dm.push.test".
DM_START = bytes(range(16)) + b"\x02\xc8\x00\x00\x00\x00\x01\x0cdm.push.test"


class UseCaseFailed(OmapushError):
    """Something that the use case asks for did not hold."""


@dataclass(slots=True)
class Teller:
    """Tells each step to people, and compares. :ivar say: takes who acts, and what happens."""

    say: Callable[[str, str], None] = lambda _who, _what: None

    def expect(self, what: str, found: object, wanted: object) -> None:
        """:raises UseCaseFailed: they differ."""
        if found != wanted:
            raise UseCaseFailed(f"{what}: {found!r} instead of {wanted!r}")


@dataclass(frozen=True, slots=True)
class UseCase:
    """:ivar letter: as in the document. :ivar title: what it is about."""

    letter: str
    title: str
    play: Callable[[SipStage, Teller], Awaitable[None]]


async def _delivered(
    stage: SipStage, tell: Teller, push_id: str, *, confirmed: bool = True
) -> None:
    """Expect a result notification that says so; with what quality it came."""
    result = await stage.result(push_id)
    said = (result.message_state.value, int(result.code))
    tell.expect(f"result of {push_id}: {result.desc}", said, ("delivered", 1000))
    method = result.quality_of_service.delivery_method if result.quality_of_service else None
    wanted = DeliveryMethod.CONFIRMED if confirmed else DeliveryMethod.UNCONFIRMED
    tell.expect("delivery-method of the result", method, wanted)


async def mms(stage: SipStage, tell: Teller) -> None:
    """5.1: an MMS notification to Bob, and the delivery report to Alice."""
    alice, bob = await stage.phone("alice"), await stage.phone("bob")
    alices = await alice.application(MMS, MMS_TYPE)
    bobs = await bob.application(MMS, MMS_TYPE)
    notification = messages.mms_notification(
        "http://mmsc.push.test/1", 30_000, from_=alice.number, subject="Holiday"
    ).body
    tell.say("MMS proxy", "has a message of Alice's for Bob, and tells him by a push (steps 6, 7)")
    push_id = await stage.push(bob, notification, MMS_TYPE, MMS)
    tell.expect("notification at Bob", await bobs.takes(), notification)
    tell.say("Bob", "has the notification, octet for octet (step 8), and fetches the message")
    await _delivered(stage, tell, push_id)
    report_id = await stage.push(alice, DELIVERY_REPORT, MMS_TYPE, MMS)
    tell.expect("delivery report at Alice", await alices.takes(), DELIVERY_REPORT)
    await _delivered(stage, tell, report_id)
    tell.say("Alice", "has the delivery report (step 13)")
    await _off(stage, alice, bob)


async def provisioning(stage: SipStage, tell: Teller) -> None:
    """5.2: OMA CP bootstrap to a phone without settings, then the start of a DM session."""
    alice = await stage.phone("alice")
    settings = await alice.application(DEVICE_MANAGEMENT, PROVISIONING, DM_NOTIFICATION)
    document = encode_xml(
        write_text(
            builder.document(
                builder.bootstrap("Online game", provurl="http://dm.push.test/"),
                builder.characteristic(
                    "APPLICATION", {"APPID": "w7", "PROVIDER-ID": "dm.push.test", "NAME": "Game"}
                ),
            )
        ),
        PROVISIONING_TEXT,
    )
    tell.say("DM server", f"sends the bootstrap, OMA CP of {len(document)} octets (step 3)")
    push_id = await stage.push(alice, document, PROVISIONING, DEVICE_MANAGEMENT)
    tell.expect("bootstrap at Alice", await settings.takes(), document)
    await _delivered(stage, tell, push_id)
    tell.say("Alice", "has the settings (step 6)")
    push_id = await stage.push(alice, DM_START, DM_NOTIFICATION, DEVICE_MANAGEMENT)
    tell.expect("DM notification at Alice", await settings.takes(), DM_START)
    await _delivered(stage, tell, push_id)
    tell.say("Alice", "is told to start the session, and does (steps 7, 8)")
    await _off(stage, alice)


async def continuous_management(stage: SipStage, tell: Teller) -> None:
    """5.3: settings have changed; the phone is told, wherever its registration was lost."""
    alice = await stage.phone("alice")
    management = await alice.application(DEVICE_MANAGEMENT, DM_NOTIFICATION)
    push_id = await stage.push(alice, DM_START, DM_NOTIFICATION, DEVICE_MANAGEMENT)
    tell.expect("notification", await management.takes(), DM_START)
    await _delivered(stage, tell, push_id)
    tell.say("Alice", "has the notification, and starts the session (steps 3 to 5)")
    await alice.off()
    push_id = await stage.push(alice, DM_START, DM_NOTIFICATION, DEVICE_MANAGEMENT)
    await stage.until_said(push_id, "not registered")
    tell.say("DM server", "sends another while the phone is off: it waits in the ledger")
    await alice.on()
    tell.expect("notification that waited", await management.takes(), DM_START)
    await _delivered(stage, tell, push_id)
    tell.say("Alice", "is on again, and has it")
    await _off(stage, alice)


async def advertisement(stage: SipStage, tell: Teller) -> None:
    """5.4: unconfirmed, to one application among several; by SMS in segments as a fall-back."""
    alice = await stage.phone("alice")
    browser = await alice.application(BROWSER, "text/plain")
    other = await alice.application(STOCKS, "text/plain")
    text = b"A new flavour of ice cream, today only."
    push_id = await stage.push(
        alice, text, "text/plain", BROWSER, method=DeliveryMethod.UNCONFIRMED
    )
    tell.expect("advertisement", await browser.takes(), text)
    tell.expect("at the other application", await other.cai.next_event(
        other.registration["id"], wait_seconds=0), None)  # fmt: skip
    await _delivered(stage, tell, push_id, confirmed=False)
    tell.say("Alice", "sees it in the application that it was for (steps 3 to 6)")
    carol = await stage.phone("carol", sip=False, short_messages=True)
    reader = await carol.application(BROWSER, "text/plain")
    long = text * 12
    before = len(stage.smsc.messages)
    push_id = await stage.push(
        carol, long, "text/plain", BROWSER, method=DeliveryMethod.UNCONFIRMED
    )
    tell.expect("advertisement by SMS", await reader.takes(), long)
    segments = len(stage.smsc.messages) - before
    if segments < 2:
        raise UseCaseFailed(f"{segments} short messages: it was to be segmented")
    tell.say("Carol", f"is not registered: {segments} short messages came, and were joined (5.4.6)")
    tell.expect("state", (await stage.result(push_id)).message_state.value, "delivered")
    await _off(stage, alice, carol)


async def stock_quote(stage: SipStage, tell: Teller) -> None:
    """5.5: confirmed, with a result notification; and what may come in between."""
    bob = await stage.phone("bob")
    ticker = await bob.application(STOCKS, "application/json")
    quote = b'{"ACME": 17.25}'
    push_id = await stage.push(bob, quote, "application/json", STOCKS)
    event, content = await ticker.next_push()
    tell.expect("quote", content, quote)
    state = (await stage.record(push_id)).deliveries[0].state.value
    tell.expect("state before Bob's application has accepted", state, "in_flight")
    await ticker.cai.accept(event["id"])
    await _delivered(stage, tell, push_id)
    tell.say("Broker", "hears that Bob's application took it (steps 4, 5)")
    history = b'{"ACME": [' + b"17.25, " * 20_000 + b"17.25]}"
    push_id = await stage.push(bob, history, "application/json", STOCKS)
    tell.expect("history", await ticker.takes(), history)
    await _delivered(stage, tell, push_id)
    tell.say("Bob", f"has a history of {len(history)} octets, by INVITE and MSRP")
    push_id = await stage.push(bob, quote, "application/json", STOCKS)
    tell.expect("quote that is refused", await ticker.refuses(), quote)
    refused = await stage.result(push_id)
    said = (refused.message_state.value, int(refused.code))
    tell.expect("result of what was refused", said, ("aborted", 5235))
    tell.say("Broker", f"hears that Bob's application refused: {int(refused.code)}")
    await _unfit(stage, tell, bob)
    await _off(stage, bob)
    await _expired(stage, tell, quote)


async def _unfit(stage: SipStage, tell: Teller, bob: Phone) -> None:
    """5.5.6, 2: the device's capabilities say that the content is not for it."""
    push_id = await stage.push(bob, b"RIFF", "video/avi", STOCKS)
    result = await stage.result(push_id)
    tell.expect("state of what the device cannot show", result.message_state.value, "undeliverable")
    timeline = await stage.timeline(push_id)
    if "video/avi" not in timeline:
        raise UseCaseFailed(f"the type is not named in:\n{timeline}")
    tell.say("Broker", f"hears that Bob's device cannot show a video: {result.desc}")


async def _expired(stage: SipStage, tell: Teller, quote: bytes) -> None:
    """5.5.6, 1: the device is away until the push is of no use; a progress note says so far."""
    before = later(SystemClock()(), 2 * SECOND_MS)
    bob = f"sip:bob@{DOMAIN}"
    answer = await stage.submit(
        bob, quote, "application/json", STOCKS, deliver_before=before, progress_notes=True
    )
    tell.expect("answer", int(answer.code), 1001)
    if not answer.progress_notes:
        raise UseCaseFailed("there was no progress note")
    result = await stage.result(answer.push_id)
    tell.expect("state of what nobody got", result.message_state.value, "expired")
    tell.say("Broker", "hears that nobody was there before the push expired")


async def _off(stage: SipStage, *phones: Phone) -> None:
    for phone in phones:
        await phone.stop()
        stage.phones.remove(phone)


USE_CASES = (
    UseCase("A", "MMS", mms),
    UseCase("B", "new service, device management provisioning", provisioning),
    UseCase("C", "continuous device management", continuous_management),
    UseCase("D", "a push without confirmation", advertisement),
    UseCase("E", "a push with confirmation", stock_quote),
)
