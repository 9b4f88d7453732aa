"""The requirements of SIP push (REQ1 to REQ22) from PAP to the application, with real daemons.

The core is Kamailio, users have passwords there, the gateway and the phones are processes. One
stage serves the whole module; every test has users of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote

import pytest
import pytest_asyncio

from omapush.client.service_messages import Event
from omapush.content import mms_notification
from omapush.content.message import PushMessage
from omapush.content.recipes import messages
from omapush.content.uaprof import push_characteristics, read_profile
from omapush.core.instants import parse_utc
from omapush.initiator import PushInitiator
from omapush.pap.codes import MessageState
from omapush.pap.model import DeliveryMethod, Priority, ReplaceMethod
from omapush.protocols.wbxml import encode_xml
from omapush.testing.kamailio import DOMAIN, HOST, LOAD_PASSWORD
from omapush.testing.sip_stage import Phone, PhoneApplication, SipStage, sip_stage

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("sip_peers"),
    pytest.mark.xdist_group("sip-requirements"),
]

BROWSER, MMS = "x-wap-application:wml.ua", "x-wap-application:mms.ua"
STOCKS = "x-acme:stock-quotes"
OCTETS = "application/octet-stream"
CONFIRMED, UNCONFIRMED = DeliveryMethod.CONFIRMED, DeliveryMethod.UNCONFIRMED
USERS = 40
MOST_OCTETS = 16 * 1_048_576
PRESS_PASSWORD = "press-secret"
PRESS = (
    f'[[initiators]]\nid = "press"\nusername = "press"\npassword = "{PRESS_PASSWORD}"\n'
    'initiator_uris = ["http://pi.push.test/*"]\ntrusted = true\n'
)
CANARY = b"a secret that nobody but the application is to read"
_NUMBERS = itertools.count()


def client_tables() -> str:
    return "".join(
        f'[[clients]]\nid = "u{number}"\nsip = "sip:u{number}@{DOMAIN}"\n'
        for number in range(USERS)
    )


class Ground:
    """The stage, and who plays on it in one test."""

    def __init__(self, stage: SipStage) -> None:
        self.stage = stage
        self.phones: list[Phone] = []

    async def phone(
        self,
        user: str | None = None,
        device: str = "",
        *,
        more: str = "",
        others: Sequence[str] = (),
    ) -> Phone:
        """Switch on a phone of a user of this test, or of a new one."""
        name = user or f"u{next(_NUMBERS)}"
        lines = f'password = "{LOAD_PASSWORD}"\nmax_message_size = {MOST_OCTETS}\n{more}'
        phone = await self.stage.phone(name, device=device, more=lines, others=others)
        self.phones.append(phone)
        return phone

    async def delivered(self, push_id: str) -> None:
        """Expect that the initiator hears of a delivery."""
        result = await self.stage.result(push_id)
        timeline = await self.stage.timeline(push_id)
        assert (result.message_state, result.code) == (MessageState.DELIVERED, 1000), timeline

    async def off(self) -> None:
        for phone in self.phones:
            await phone.stop()
            self.stage.phones.remove(phone)
            for secret in (CANARY.decode(), LOAD_PASSWORD + '"', LOAD_PASSWORD + ":"):
                assert secret not in phone.daemon.log


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    sip_peers: None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SipStage]:
    # Without a reserve for proxies the limit is the octet that a test can hit.
    more = f"via_reserve = 0\n{PRESS}{client_tables()}"
    async with sip_stage(tmp_path_factory.mktemp("requirements"), more=more) as running:
        yield running
        assert CANARY.decode() not in running.gateway.log  # REQ22: logs without content


@pytest_asyncio.fixture(loop_scope="module")
async def ground(stage: SipStage) -> AsyncIterator[Ground]:
    ground = Ground(stage)
    try:
        yield ground
    finally:
        await ground.off()


async def nothing_comes(application: PhoneApplication) -> bool:
    return await application.cai.next_event(application.registration["id"], 0) is None


async def received(application: PhoneApplication) -> tuple[Event, bytes]:
    """Wait for a push and take it."""
    event, content = await application.next_push()
    await application.cai.accept(event["id"])
    return event, content


async def method_of(stage: SipStage, push_id: str) -> str:
    """Return by which method a push went last, as its device's report or answer shows."""
    timeline = await stage.timeline(push_id)
    return "INVITE" if "MSRP" in timeline else "MESSAGE"


# -- REQ1 --


async def test_push_reaches_exactly_the_user_the_device_and_the_application_that_it_names(
    ground: Ground,
) -> None:
    """REQ1: a device by its GRUU, as an address of PAP."""
    one = await ground.phone()
    two = await ground.phone(one.name, "-tablet")
    somebody = await ground.phone()
    places = {
        (phone.name, device, application): await phone.application(application, "text/plain")
        for phone, device in ((one, 1), (two, 2), (somebody, 1))
        for application in (BROWSER, STOCKS)
    }
    for phone, device in ((one, 1), (two, 2)):
        [status] = await places[phone.name, device, BROWSER].cai.sip()
        gruu = status["gruu"]
        assert gruu.startswith(f"{phone.sip};gr=urn:uuid:")
        written = quote(gruu, safe="=")  # as the Architecture writes it (5.3.2.2.6)
        address = f'WAPPUSH="{written}"/TYPE=URI@ppg.example.net'
        for application in (BROWSER, STOCKS):
            text = f"{device} {application}".encode()
            push_id = await ground.stage.push(address, text, "text/plain", application)
            found = places.pop((phone.name, device, application))
            assert (await received(found))[1] == text
            await ground.delivered(push_id)
            assert all([await nothing_comes(other) for other in places.values()])
            places[phone.name, device, application] = found


async def test_push_for_a_user_goes_to_the_device_that_has_the_application(ground: Ground) -> None:
    """REQ1: the user is named, and the application; the core finds the device."""
    one = await ground.phone()
    two = await ground.phone(one.name, "-tablet")
    browser = await one.application(BROWSER, "text/plain")
    ticker = await two.application(STOCKS, "text/plain")
    for application, name in ((ticker, STOCKS), (browser, BROWSER), (ticker, STOCKS)):
        push_id = await ground.stage.push(one, name.encode(), "text/plain", name)
        assert (await received(application))[1] == name.encode()
        await ground.delivered(push_id)
    assert await nothing_comes(browser)
    assert await nothing_comes(ticker)


async def test_confirmed_push_reaches_one_of_two_equal_devices_and_an_unconfirmed_one_both(
    ground: Ground,
) -> None:
    """REQ1: one copy is enough where somebody takes responsibility (RFC 3841 9.1)."""
    one = await ground.phone()
    two = await ground.phone(one.name, "-tablet")
    places = [await phone.application(STOCKS, "text/plain") for phone in (one, two)]
    push_id = await ground.stage.push(one, b"to all", "text/plain", STOCKS, method=UNCONFIRMED)
    assert [await place.takes() for place in places] == [b"to all"] * 2
    await ground.delivered(push_id)
    push_id = await ground.stage.push(one, b"to one", "text/plain", STOCKS)
    offers = [asyncio.create_task(place.next_push()) for place in places]
    offered, waiting = await asyncio.wait(offers, return_when=asyncio.FIRST_COMPLETED)
    [offer] = offered
    place = places[offers.index(offer)]
    await place.cai.accept(offer.result()[0]["id"])
    await ground.delivered(push_id)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert await nothing_comes(places[1 - places.index(place)])


# -- REQ7, REQ8 --


@pytest.mark.parametrize("size", [20, 5_000], ids=["MESSAGE", "INVITE"])
async def test_unconfirmed_push_is_delivered_before_its_application_has_looked(
    ground: Ground, size: int
) -> None:
    """REQ7."""
    phone = await ground.phone()
    application = await phone.application(STOCKS, OCTETS, delegated_storage=True)
    push_id = await ground.stage.push(phone, b"x" * size, OCTETS, STOCKS, method=UNCONFIRMED)
    await ground.delivered(push_id)  # nobody has taken it yet
    assert await application.takes() == b"x" * size


@pytest.mark.parametrize("size", [20, 5_000], ids=["MESSAGE", "INVITE"])
async def test_confirmed_push_is_delivered_when_its_application_has_accepted_and_not_before(
    ground: Ground, size: int
) -> None:
    """REQ8."""
    phone = await ground.phone()
    application = await phone.application(STOCKS, OCTETS)
    push_id = await ground.stage.push(phone, b"x" * size, OCTETS, STOCKS)
    event, _ = await application.next_push()
    [asked] = (await ground.stage.initiator.status(push_id)).results
    assert (asked.message_state, asked.code) == (MessageState.PENDING, 1000)
    await application.cai.accept(event["id"])
    await ground.delivered(push_id)


@pytest.mark.parametrize(("reason", "code"), [("refused", 5235), ("unsupported_type", 5238)])
@pytest.mark.parametrize("size", [20, 5_000], ids=["MESSAGE", "INVITE"])
async def test_confirmed_push_that_its_application_refuses_is_aborted_with_the_reason(
    ground: Ground, size: int, reason: str, code: int
) -> None:
    """REQ8."""
    phone = await ground.phone()
    application = await phone.application(STOCKS, OCTETS)
    push_id = await ground.stage.push(phone, b"x" * size, OCTETS, STOCKS)
    await application.refuses(reason)
    result = await ground.stage.result(push_id)
    assert (result.message_state, result.code) == (MessageState.ABORTED, code)
    assert await nothing_comes(application)


async def test_confirmed_push_is_offered_again_to_an_application_that_was_busy(
    ground: Ground,
) -> None:
    """REQ8; a MESSAGE comes again after the ten seconds that the client asks for."""
    phone = await ground.phone()
    application = await phone.application(STOCKS, OCTETS)
    push_id = await ground.stage.push(phone, b"x" * 5_000, OCTETS, STOCKS)
    for _ in range(2):
        await application.refuses("busy")
    await received(application)
    await ground.delivered(push_id)
    assert (await ground.stage.timeline(push_id)).count("X-Wap-Push-Status 237") == 2


# -- REQ9 --


@pytest.mark.parametrize("size", [20, 5_000], ids=["MESSAGE", "INVITE"])
async def test_headers_of_a_push_arrive_as_the_initiator_wrote_them(
    ground: Ground, size: int
) -> None:
    """REQ9."""
    phone = await ground.phone()
    application = await phone.application(STOCKS, OCTETS)
    # What is said of one push is not said of the next in the same session.
    push_id = await ground.stage.push(phone, b"y" * size, OCTETS, STOCKS)
    event, _ = await received(application)
    assert (event["trust"]["authenticated"], event["trust"]["trusted"]) == (True, False)
    await ground.delivered(push_id)
    headers = (
        ("X-Wap-Content-URI", "http://www.push.test/quotes?of=ACME&now"),
        ("X-Wap-Initiator-URI", "http://pi.push.test/"),
        ("Content-Language", "en, fi"),
        ("Content-Location", "http://www.push.test/quotes.bin"),
        ("Cache-Control", "no-transform"),
        ("Expires", "Sat, 21 Nov 2026 23:00:00 GMT"),
        ("ETag", '"a;b,c"'),
        ("X-Acme-Anything", "between commas, semicolons; and = signs"),
        ("X-Acme-Anything", "twice"),
    )
    url = f"http://{HOST}:{ground.stage.pap}/pap"
    async with PushInitiator(url, username="press", password=PRESS_PASSWORD) as press:
        answer = await press.submit(
            [phone.sip], STOCKS, b"x" * size, f'{OCTETS}; name="q.bin"', headers,
            delivery_method=CONFIRMED, notify_to=ground.stage.notify_to,
        )  # fmt: skip
    event, _ = await received(application)
    await ground.delivered(answer.push_id)
    given = [(name.lower(), value) for name, value in event["headers"]]
    wanted = [(name.lower(), value) for name, value in headers]
    assert [one for one in given if one[0] in dict(wanted)] == wanted
    assert event["push_application_id"] == STOCKS
    assert event["content_type"] == f'{OCTETS}; name="q.bin"'
    assert event["content_type_parameters"] == {"name": "q.bin"}
    assert event["push_id"]
    # The gateway knows whose URI that is, and whom it trusts (X-Wap-Push-Info).
    assert event["trust"]["authenticated"]
    assert event["trust"]["trusted"]


# -- REQ10 --

SI = messages.service_indication(
    "Mail", "http://push.test/mail", si_id="1", created=parse_utc("2026-11-21T12:00:00Z")
)
SL = messages.service_loading("http://push.test/news")
CO = messages.cache_operation(["http://push.test/a"], content_uri="http://push.test/")
NOTIFICATION = messages.mms_notification("http://mmsc.push.test/1", 30_000)
TEXTS = {
    "SI": (SI, "application/vnd.wap.sic"),
    "SL": (SL, "application/vnd.wap.slc"),
    "CO": (CO, "application/vnd.wap.coc"),
}


async def pushed(ground: Ground, phone: Phone, message: PushMessage) -> str:
    """Push a message to the WML user agent, whatever application it is for otherwise."""
    kept = [
        one for one in message.headers if one[0] not in ("Content-Type", "X-Wap-Application-Id")
    ]
    answer = await ground.stage.initiator.submit(
        [phone.sip], BROWSER, message.body, message.content_type or "", kept,
        delivery_method=CONFIRMED, notify_to=ground.stage.notify_to,
    )  # fmt: skip
    assert answer.code == 1001, answer
    return answer.push_id


async def test_texts_reach_a_client_of_texts_octet_for_octet(ground: Ground) -> None:
    """REQ10."""
    phone = await ground.phone()
    types = [one.media_type for one, _ in TEXTS.values()]
    application = await phone.application(BROWSER, *types)
    for message, _ in TEXTS.values():
        push_id = await pushed(ground, phone, message)
        event, content = await received(application)
        assert (event["content_type"], content) == (message.content_type, message.body)
        await ground.delivered(push_id)


async def test_texts_are_compiled_for_a_client_of_the_binary_forms(ground: Ground) -> None:
    """REQ10."""
    phone = await ground.phone()
    application = await phone.application(BROWSER, *[binary for _, binary in TEXTS.values()])
    for message, binary in TEXTS.values():
        push_id = await pushed(ground, phone, message)
        event, content = await received(application)
        compiled = encode_xml(message.body, message.media_type)
        assert (event["content_type"], content) == (binary, compiled)
        await ground.delivered(push_id)


async def test_binary_content_types_of_push_arrive_octet_for_octet(ground: Ground) -> None:
    """REQ10: SIC, SLC, COC and the MMS notification."""
    phone = await ground.phone()
    sent = [
        PushMessage((("Content-Type", binary),), encode_xml(message.body, message.media_type))
        for message, binary in TEXTS.values()
    ]
    sent.append(NOTIFICATION)
    application = await phone.application(BROWSER, *[one.media_type for one in sent])
    assert sent[-1].media_type == mms_notification.MEDIA_TYPE
    for message in sent:
        push_id = await pushed(ground, phone, message)
        event, content = await received(application)
        assert (event["content_type"], content) == (message.media_type, message.body)
        await ground.delivered(push_id)


async def test_request_for_a_session_makes_the_client_open_it(ground: Ground) -> None:
    """REQ10: SIA, which is for the client itself."""
    phone = await ground.phone(others=[f'sia.gateways = ["{HOST}"]'])
    await phone.application(BROWSER)
    came = asyncio.Event()

    async def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        writer.close()

    async with await asyncio.start_server(connected, HOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        request = messages.session_initiation([f"{HOST}:{port}"], applications=[BROWSER])
        push_id = await pushed(ground, phone, request)
        await ground.delivered(push_id)
        async with asyncio.timeout(30):
            await came.wait()


async def test_text_for_a_client_that_takes_neither_form_is_undeliverable(ground: Ground) -> None:
    """REQ10."""
    phone = await ground.phone()
    application = await phone.application(BROWSER, "image/png")
    result = await ground.stage.result(await pushed(ground, phone, SI))
    assert (result.message_state, result.code) == (MessageState.UNDELIVERABLE, 2006)
    assert await nothing_comes(application)


# -- REQ11, REQ12 --


def octets(size: int) -> bytes:
    """Return octets as if at random, the same each time."""
    return hashlib.shake_128(b"omapush").digest(size)


INNER = b"--in\r\nContent-Type: image/png\r\n\r\n" + octets(200) + b"\r\n--in\r\n\r\n\r\n--in--\r\n"
NESTED = (
    b"--out\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n" + INNER + b"\r\n--out\r\n"
    b"Content-Type: message/sip\r\n\r\nMESSAGE sip:a@b SIP/2.0\r\nContent-Length: 9\r\n\r\n"
    b"\r\n-------abc$\r\n--out--\r\n"
)


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/x-unheard-of", bytes(range(256))),
        ("application/x-unheard-of", octets(3_000)),
        ("text/plain; charset=utf-16", "Grüße, 世界".encode("utf-16")),
        ("text/plain", b"\r\n\r\n<si/>\r\n\r\n"),
        ("multipart/mixed; boundary=in", INNER),
        ("multipart/related; boundary=out", NESTED),
        ("multipart/related; boundary=out", NESTED + octets(5_000)),
    ],
    ids=["256", "3000", "utf-16", "empty lines", "multipart", "nested", "nested by MSRP"],
)
async def test_any_content_of_any_type_arrives_octet_for_octet(
    ground: Ground, content_type: str, content: bytes
) -> None:
    """REQ11."""
    phone = await ground.phone()
    application = await phone.application(STOCKS)
    push_id = await ground.stage.push(phone, content, content_type, STOCKS)
    event, taken = await received(application)
    assert taken == content
    assert event["content_type"] == content_type
    await ground.delivered(push_id)


async def test_content_of_every_size_arrives_and_its_size_decides_how_it_goes(
    ground: Ground,
) -> None:
    """REQ12: from one octet to ten mebioctets."""
    phone = await ground.phone()
    application = await phone.application(STOCKS, OCTETS)
    sizes = {
        1: "MESSAGE",
        2_048: "INVITE",
        2_049: "INVITE",
        65_536: "INVITE",
        1_048_576: "INVITE",
        10_485_760: "INVITE",
    }
    for size, method in sizes.items():
        content = octets(size)
        push_id = await ground.stage.push(phone, content, OCTETS, STOCKS)
        taken = (await received(application))[1]
        assert hashlib.sha256(taken).digest() == hashlib.sha256(content).digest()
        await ground.delivered(push_id)
        assert await method_of(ground.stage, push_id) == method


async def test_request_of_1300_octets_is_a_message_and_one_octet_more_is_not(
    ground: Ground,
) -> None:
    """REQ12, RFC 3428 8. How long the request is all in all is seen from where it changes."""
    phone = await ground.phone()
    application = await phone.application(STOCKS, OCTETS)

    async def way(size: int) -> str:
        push_id = await ground.stage.push(phone, octets(size), OCTETS, STOCKS)
        assert (await received(application))[1] == octets(size)
        await ground.delivered(push_id)
        return await method_of(ground.stage, push_id)

    shorter, longer = 1, 1_300
    assert (await way(shorter), await way(longer)) == ("MESSAGE", "INVITE")
    while longer - shorter > 1:
        middle = (shorter + longer) // 2
        if await way(middle) == "MESSAGE":
            shorter = middle
        else:
            longer = middle
    assert 100 < shorter < 900  # the rest of the 1,300 are headers


# -- REQ13, REQ14 --


async def away(ground: Ground) -> tuple[Phone, PhoneApplication]:
    """Return a phone that was there and is switched off, and its application."""
    phone = await ground.phone()
    application = await phone.application(STOCKS, "text/plain")
    await phone.off()
    return phone, application


async def waits(ground: Ground, phone: Phone, text: bytes) -> str:
    push_id = await ground.stage.push(phone, text, "text/plain", STOCKS)
    await ground.stage.until_said(push_id, "not registered")
    return push_id


async def test_push_that_waits_for_a_device_can_be_asked_for_and_cancelled(ground: Ground) -> None:
    """REQ13: submit, status query, cancel, result notification."""
    phone, application = await away(ground)
    push_id = await waits(ground, phone, b"of no more use")
    [asked] = (await ground.stage.initiator.status(push_id)).results
    assert (asked.message_state, asked.code) == (MessageState.PENDING, 1000)
    [cancelled] = (await ground.stage.initiator.cancel(push_id)).results
    assert cancelled.code == 1000
    result = await ground.stage.result(push_id)
    assert result.message_state is MessageState.CANCELLED
    await phone.on()
    kept = await waits_no_more(ground, phone, b"of use")
    assert (await received(application))[1] == b"of use"
    await ground.delivered(kept)
    assert await nothing_comes(application)


async def waits_no_more(ground: Ground, phone: Phone, text: bytes) -> str:
    return await ground.stage.push(phone, text, "text/plain", STOCKS)


async def test_push_that_waits_for_a_device_can_be_replaced(ground: Ground) -> None:
    """REQ13."""
    phone, application = await away(ground)
    old = await waits(ground, phone, b"17.25")
    answer = await ground.stage.initiator.submit(
        [phone.sip], STOCKS, b"17.50", "text/plain", delivery_method=CONFIRMED,
        notify_to=ground.stage.notify_to, replaces=old, replace_method=ReplaceMethod.PENDING_ONLY,
    )  # fmt: skip
    assert answer.code == 1001, answer
    await phone.on()
    assert (await received(application))[1] == b"17.50"
    await ground.delivered(answer.push_id)
    [asked] = (await ground.stage.initiator.status(old)).results
    assert asked.message_state is MessageState.CANCELLED
    assert await nothing_comes(application)


async def test_gateway_tells_an_initiator_what_a_sip_client_takes(ground: Ground) -> None:
    """REQ13: client capabilities query; the gateway knows from OPTIONS."""
    phone = await ground.phone()
    await phone.application(STOCKS, "application/json", "image/png")
    found = await ground.stage.initiator.capabilities(phone.sip, STOCKS)
    assert found.code == 1000, found
    assert found.profile is not None
    told = push_characteristics(read_profile(found.profile))
    assert set(told.accept) >= {"application/json", "image/png"}
    assert told.accept_app_id == (STOCKS,)
    assert told.msg_size == MOST_OCTETS


async def test_urgent_push_overtakes_those_that_wait_for_the_same_device(ground: Ground) -> None:
    """REQ14: the order of the queue; one push at a time is on its way to a user (RFC 3428 8)."""
    phone = await ground.phone()
    application = await phone.application(STOCKS, "text/plain", max_outstanding=1)
    pushes = {}
    for text, priority in (
        (b"on its way", Priority.LOW),
        (b"waits", Priority.MEDIUM),
        (b"waits longer", Priority.LOW),
        (b"urgent", Priority.HIGH),
    ):
        answer = await ground.stage.initiator.submit(
            [phone.sip], STOCKS, text, "text/plain", delivery_method=CONFIRMED, priority=priority,
            notify_to=ground.stage.notify_to,
        )  # fmt: skip
        pushes[text] = answer.push_id
        await ground.stage.until_said(answer.push_id, "attempt: 1")  # it is in the lane
        if text == b"on its way":
            event, _ = await application.next_push()
    await application.cai.accept(event["id"])
    taken = [(await received(application))[1] for _ in range(3)]
    for push_id in pushes.values():
        await ground.delivered(push_id)
    assert taken == [b"urgent", b"waits", b"waits longer"]


async def test_what_is_preferably_confirmed_is_confirmed_and_the_initiator_hears_so(
    ground: Ground,
) -> None:
    """REQ15: every device of OTA-SIP can confirm."""
    phone = await ground.phone()
    application = await phone.application(STOCKS, "text/plain")
    push_id = await ground.stage.push(
        phone, b"17.25", "text/plain", STOCKS, method=DeliveryMethod.PREFERCONFIRMED
    )
    event, _ = await application.next_push()
    assert event["confirmed"]
    assert (await ground.stage.record(push_id)).deliveries[0].state.value == "in_flight"
    await application.cai.accept(event["id"])
    result = await ground.stage.result(push_id)
    assert result.quality_of_service is not None
    assert result.quality_of_service.delivery_method is CONFIRMED


# -- REQ22 --


async def test_content_of_a_push_stands_in_no_log(ground: Ground) -> None:
    """REQ22: the gateway logs all that it can (debug); the fixtures look at the logs."""
    phone = await ground.phone()
    application = await phone.application(STOCKS, "text/plain")
    for content in (CANARY, CANARY * 100):
        push_id = await ground.stage.push(phone, content, "text/plain", STOCKS)
        assert (await received(application))[1] == content
        await ground.delivered(push_id)
    timeline = await ground.stage.timeline(push_id)
    assert CANARY.decode() not in timeline


async def test_device_that_hides_its_applications_is_pushed_to_all_the_same(
    ground: Ground,
) -> None:
    """REQ22: neither the core nor the gateway is told which applications there are."""
    phone = await ground.phone(more="hide_applications = true")
    application = await phone.application("x-acme:delicate", "text/x-delicate")
    [status] = await application.cai.sip()
    push_id = await ground.stage.push(phone, b"hm", "text/x-delicate", "x-acme:delicate")
    assert (await received(application))[1] == b"hm"
    await ground.delivered(push_id)
    known = ground.stage.core.ask("htable.dump", "features")
    assert f"{phone.name}::" in known
    for told in (*status["tags"], known, ground.stage.core.log):
        assert "delicate" not in told
