"""What PAP and the PPG service ask for and no other test shows, from request to answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from omapush.content.message import PushMessage as ContentMessage
from omapush.core.instants import HOUR_MS, SECOND_MS, Instant, later, parse_utc
from omapush.pap import address as addressing
from omapush.pap import entity, model, xml
from omapush.pap.bad_message import BadMessage
from omapush.pap.codes import MessageState, StatusCode
from omapush.pap.versions import PapVersion, VersionRange
from omapush.ppg.acceptance import Acceptance, PapRequest
from omapush.ppg.authentication import Identified
from omapush.ppg.documents import Identity, result_notification
from omapush.ppg.lifecycle import RetryPolicy, before_attempt
from omapush.ppg.resolution.port import ClientFound
from omapush.ppg.resolution.static import Group
from omapush.ppg.store.contract import ClaimedDelivery, DeliveryState, Settlement
from omapush.testing.memory_store import MemoryStore

NewAcceptance = Callable[..., Acceptance]
PLMN = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
ODD = "wappush=+44-1234.567890/type=Plmn@PPG.example.net"
OTHER = "WAPPUSH=+447700900123/TYPE=PLMN@ppg.example.net"
FAMILY = "WAPPUSH=family/TYPE=USER@ppg.example.net"
NOW = parse_utc("2026-11-21T12:00:00Z")
WEATHER = Identified("weather", authenticated=True)
CONTENT = ContentMessage((("Content-Type", "text/plain"),), b"hello")
IDENTITY = Identity("Example PPG", "http://ppg.example.net/pap", "omapush/test")
URL = "http://pi.example.net/"
OWNER = "ppg-1/a"


class Desk:
    """An initiator at a gateway on a ledger in memory, and whoever delivers from that ledger."""

    def __init__(self, acceptance: Acceptance, store: MemoryStore) -> None:
        self.acceptance = acceptance
        self.store = store

    async def post(self, control: bytes, content: ContentMessage | None = None) -> model.Pap:
        content_type, body = entity.join(control, content)
        request = PapRequest(content_type, body, WEATHER, "192.0.2.9")
        return xml.decode((await self.acceptance.answer(request)).document)

    async def push(
        self, push_id: str, *addresses: str, version: str = "2.0", **more: object
    ) -> int:
        listed = tuple(model.Address(address) for address in addresses or (PLMN,))
        more.setdefault("ppg_notify_requested_to", URL)
        message = model.PushMessage(push_id, listed, **more)  # type: ignore[arg-type]
        control = xml.encode(model.Pap(message, PapVersion.parse(version)))
        answer = (await self.post(control, CONTENT)).message
        assert isinstance(answer, model.PushResponse)
        return answer.response_result.code

    async def status(self, push_id: str) -> tuple[model.StatusQueryResult, ...]:
        control = xml.encode(model.Pap(model.StatusQueryMessage(push_id), PapVersion(2, 0)))
        answer = (await self.post(control)).message
        assert isinstance(answer, model.StatusQueryResponse)
        return answer.results

    async def claim(self, now: Instant = NOW) -> list[ClaimedDelivery]:
        return await self.store.claim(OWNER, now, 60_000, 10, 10)

    async def end(
        self, claimed: ClaimedDelivery, state: DeliveryState, code: int, *, confirmed: bool = False
    ) -> None:
        settlement = Settlement(
            claimed.key, claimed.owner, claimed.attempt, later(NOW, SECOND_MS), state, "the reason",
            code=code, confirmed=confirmed, sent=True, notify=True,
        )  # fmt: skip
        assert await self.store.settle([settlement]) == [True]

    async def notifications(self) -> list[model.Pap]:
        """Return the documents that are due to the initiator."""
        owed = await self.store.claim_notifications(OWNER, later(NOW, HOUR_MS), 1_000, 10, 10)
        assert all(each.url == URL for each in owed)
        return [xml.decode(result_notification(each, IDENTITY)) for each in owed]

    async def told(self) -> list[model.ResultNotificationMessage]:
        messages = [document.message for document in await self.notifications()]
        return [each for each in messages if isinstance(each, model.ResultNotificationMessage)]


@pytest.fixture
def desk(new_acceptance: NewAcceptance, store: MemoryStore) -> Desk:
    return Desk(new_acceptance(), store)


# Versions (PAP 9)


@pytest.mark.parametrize("version", ["1.0", "2.0", "2.1", "2.2", "2.3"])
async def test_gateway_notifies_in_the_version_of_the_submission(desk: Desk, version: str) -> None:
    assert await desk.push("a@pi", version=version) == 1001
    (claimed,) = await desk.claim()
    await desk.end(claimed, DeliveryState.DELIVERED, 1000)
    (document,) = await desk.notifications()
    assert str(document.version) == version
    # PAP 9.2: a list goes to those only who speak more than 1.0.
    assert bool(document.supported_versions) is (version != "1.0")


@pytest.mark.parametrize(
    ("version", "listed", "answered"),
    [("1.0", "", False), ("1.0", "1.0", False), ("1.0", "1.0,2.0", True), ("2.1", "", True)],
)
@pytest.mark.parametrize("operation", ["push-message", "statusquery-message"])
@pytest.mark.parametrize("fault", ["", "<surprise/>"])
async def test_gateway_lists_its_versions_to_those_who_speak_more_than_1_0(
    desk: Desk, version: str, listed: str, answered: bool, operation: str, fault: str
) -> None:
    address = f'<address address-value="{PLMN}"/>'
    control = (
        f'<!DOCTYPE pap PUBLIC "-//OMA//DTD PAP {version}//EN" "pap_{version}.dtd" '
        f'[<?wap-pap-ver supported-versions="{listed}"?>]><pap><{operation} push-id="a@pi"'
        f' ppg-notify-requested-to="{URL}">{address}{fault}</{operation}></pap>'
    )
    if operation != "push-message":
        control = control.replace(f' ppg-notify-requested-to="{URL}"', "")
    answer = await desk.post(control.encode(), CONTENT)
    assert (str(answer.version), bool(answer.supported_versions)) == (version, answered)
    assert answer.owner == ("WAPFORUM" if version == "1.0" else "OMA")
    for claimed in await desk.claim():
        await desk.end(claimed, DeliveryState.DELIVERED, 1000)
    for document in await desk.notifications():
        assert (str(document.version), bool(document.supported_versions)) == (version, answered)


@pytest.mark.parametrize(
    "body",
    [
        '<push-message push-id="a" surprise="1"><address address-value="x"/></push-message>',
        '<push-message push-id="a"><surprise/></push-message>',
        "<surprise/>",
    ],
)
async def test_gateway_answers_3002_to_a_later_version_even_if_it_knows_not_what_it_says(
    desk: Desk, body: str
) -> None:
    control = (
        '<!DOCTYPE pap PUBLIC "-//OMA//DTD PAP 4.0//EN" "http://x/pap_4.0.dtd" '
        f'[<?wap-pap-ver supported-versions="4.0,2.1"?>]><pap>{body}</pap>'
    )
    answer = await desk.post(control.encode(), CONTENT)
    assert isinstance(answer.message, model.BadMessageResponse)
    assert answer.message.code == StatusCode.VERSION_NOT_SUPPORTED
    assert str(answer.version) == "2.1"
    assert VersionRange(2, 3) in answer.supported_versions


# Documents (PAP 8.12, PPG 5.1.1)


@pytest.mark.parametrize(
    ("operation", "response"),
    [
        ("push-message", model.PushResponse),
        ("cancel-message", model.CancelResponse),
        ("statusquery-message", model.StatusQueryResponse),
        ("ccq-message", model.BadMessageResponse),  # its response needs the address, too
    ],
)
@pytest.mark.parametrize("push_id", ['push-id="a@pi"', 'push-it="a@pi"'])
async def test_gateway_refuses_invalid_operation_in_kind_if_its_push_id_can_be_read(
    desk: Desk, operation: str, response: type, push_id: str
) -> None:
    control = f"<pap><{operation} {push_id}><surprise/></{operation}></pap>".encode()
    answer = (await desk.post(control, CONTENT)).message
    readable = push_id.startswith("push-id")
    assert isinstance(answer, response if readable else model.BadMessageResponse)
    result = getattr(answer, "response_result", None) or getattr(answer, "results", (answer,))[0]
    assert result.code == StatusCode.BAD_REQUEST
    assert getattr(answer, "push_id", "a@pi") == "a@pi"


def test_gateway_never_opens_what_a_doctype_names(tmp_path: Path) -> None:
    outside = tmp_path / "pap_2.0.dtd"
    outside.write_text('<!ENTITY a "from outside"><!ATTLIST pap product-name CDATA "from outside">')
    doctype = f'<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" "{outside.as_uri()}">'
    query = '<pap><statusquery-message push-id="{}"/></pap>'
    decoded = xml.decode((doctype + query.format("a@pi")).encode())
    assert decoded.message == model.StatusQueryMessage("a@pi")
    assert decoded.product_name is None
    with pytest.raises(BadMessage, match="entity that is not declared"):
        xml.decode((doctype + query.format("&a;")).encode())


def test_gateway_refuses_billion_laughs_without_expanding_them() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))
    octets = f'<!DOCTYPE pap [{laughs}]><pap><statusquery-message push-id="&l9;"/></pap>'.encode()
    with pytest.raises(BadMessage, match="declares an entity") as caught:
        xml.decode(octets)
    assert len(str(caught.value)) < 1_000


async def test_gateway_takes_submission_in_utf_16(desk: Desk) -> None:
    control = xml.encode(model.Pap(model.PushMessage("jürgen@pi", (model.Address(PLMN),))))
    text = control.decode().replace('encoding="UTF-8"', 'encoding="UTF-16"')
    answer = (await desk.post(text.encode("utf-16"), CONTENT)).message
    assert isinstance(answer, model.PushResponse)
    assert (answer.push_id, answer.response_result.code) == ("jürgen@pi", 1001)


async def test_gateway_answers_one_submission_to_many_once(desk: Desk) -> None:
    control = xml.encode(
        model.Pap(model.PushMessage("a@pi", (model.Address(PLMN), model.Address(OTHER))))
    )
    content_type, body = entity.join(control, CONTENT)
    request = PapRequest(content_type, body, WEATHER, "192.0.2.9")
    document = (await desk.acceptance.answer(request)).document
    assert document.count(b"<push-response ") == 1
    assert document.count(b"<response-result ") == 1


# Times (PAP 8.2, PPG 5.1.2.2.4)


async def test_gateway_holds_push_until_its_time_to_the_millisecond(desk: Desk) -> None:
    after, before = later(NOW, 10 * SECOND_MS), later(NOW, 20 * SECOND_MS)
    times = {"deliver_after_timestamp": after, "deliver_before_timestamp": before}
    assert await desk.push("a@pi", **times) == 1001
    assert await desk.claim(Instant(after - 1)) == []
    (claimed,) = await desk.claim(after)
    policy = RetryPolicy()
    assert before_attempt(claimed, after, policy) is None
    assert before_attempt(claimed, Instant(before - 1), policy) is None
    ended = before_attempt(claimed, before, policy)
    assert ended is not None
    assert (ended.state, ended.at) == (DeliveryState.EXPIRED, before)
    assert ended.reason


@pytest.mark.parametrize(
    ("after", "before", "code"),
    [
        (None, 0, 2001),
        (None, 1_000, 1001),
        (5_000, 5_000, 2001),
        (5_000, 6_000, 1001),
        (-5_000, 1_000, 1001),
        (-5_000, 0, 2001),
    ],
)
async def test_gateway_takes_window_that_is_not_empty(
    desk: Desk, after: int | None, before: int, code: int
) -> None:
    times = {
        "deliver_after_timestamp": None if after is None else Instant(NOW + after),
        "deliver_before_timestamp": Instant(NOW + before),
    }
    assert await desk.push("a@pi", **times) == code


# Notifications (PAP 5.2, 8.6; PPG 5.2, 6)

ENDS = [
    (DeliveryState.DELIVERED, 1000),
    (DeliveryState.UNDELIVERABLE, 2006),
    (DeliveryState.EXPIRED, 4000),
    (DeliveryState.ABORTED, 5235),
    (DeliveryState.TIMEOUT, 4000),
    (DeliveryState.UNKNOWN, 4000),
]


@pytest.mark.parametrize(("state", "code"), ENDS)
async def test_gateway_tells_every_end_by_notification_and_status_alike(
    desk: Desk, state: DeliveryState, code: int
) -> None:
    assert await desk.push("a@pi", ODD) == 1001
    assert await desk.told() == []  # "pending" is nothing to be told
    (claimed,) = await desk.claim()
    await desk.end(claimed, state, code)
    (told,) = await desk.told()
    (status,) = await desk.status("a@pi")
    for found in (told, status):
        assert (found.message_state.value, found.code) == (state.value, code)
        assert found.event_time == later(NOW, SECOND_MS)
        assert found.desc == "the reason"
    assert told.push_id == "a@pi"
    assert told.address.address_value == ODD  # PPG 6: as the initiator wrote it
    assert told.received_time == NOW


async def test_gateway_tells_of_cancelled_and_rejected_too(desk: Desk) -> None:
    await desk.push("old@pi", PLMN, OTHER)
    (sent,) = await desk.store.claim(OWNER, NOW, 60_000, 1, 1)
    assert sent.address == PLMN
    replaced = {"replace_push_id": "old@pi", "replace_method": model.ReplaceMethod.PENDING_ONLY}
    assert await desk.push("new@pi", PLMN, OTHER, **replaced) == 1001
    control = xml.encode(model.Pap(model.CancelMessage("new@pi"), PapVersion(2, 0)))
    assert isinstance((await desk.post(control)).message, model.CancelResponse)
    told = await desk.told()
    found = {(m.push_id, m.address.address_value, m.message_state.value, m.code) for m in told}
    assert found == {
        ("old@pi", OTHER, "cancelled", 1000),  # replaced
        ("new@pi", PLMN, "rejected", 2008),
        ("new@pi", OTHER, "cancelled", 1000),  # cancelled
    }
    assert all(each.desc and each.event_time == NOW for each in told)


def test_every_final_state_has_its_name_in_pap() -> None:
    final = {state.value for state in DeliveryState if state.is_final}
    assert final == {state.value for state in MessageState} - {"pending"}
    tested = {state for state, _ in ENDS}
    assert tested | {DeliveryState.CANCELLED, DeliveryState.REJECTED} == {
        state for state in DeliveryState if state.is_final
    }


async def test_gateway_tells_nothing_of_a_refused_submission_nor_unasked(desk: Desk) -> None:
    assert await desk.push("refused@pi", "WAPPUSH=+1/TYPE=PLMN@x") == 2002
    assert await desk.push("a@pi", ppg_notify_requested_to=None) == 1001
    (claimed,) = await desk.claim()
    await desk.end(claimed, DeliveryState.DELIVERED, 1000)
    assert await desk.told() == []


METHODS = model.DeliveryMethod


@pytest.mark.parametrize(
    ("asked", "sent_confirmed", "told"),
    [
        (METHODS.CONFIRMED, True, METHODS.CONFIRMED),
        (METHODS.PREFERCONFIRMED, True, METHODS.CONFIRMED),
        (METHODS.NOTSPECIFIED, True, METHODS.CONFIRMED),
        (METHODS.UNCONFIRMED, False, METHODS.UNCONFIRMED),
    ],
)
async def test_gateway_sends_by_the_method_and_tells_which_it_used(
    desk: Desk, asked: model.DeliveryMethod, sent_confirmed: bool, told: model.DeliveryMethod
) -> None:
    wish = model.QualityOfService(
        model.Priority.LOW, asked, "GSM", network_required=True, bearer="GPRS"
    )
    assert await desk.push("a@pi", quality_of_service=wish) == 1001
    (claimed,) = await desk.claim()
    assert claimed.confirmed is sent_confirmed
    await desk.end(claimed, DeliveryState.DELIVERED, 1000, confirmed=claimed.confirmed)
    (notification,) = await desk.told()
    (status,) = await desk.status("a@pi")
    used = model.QualityOfService(
        model.Priority.LOW, told, "GSM", network_required=True, bearer="GPRS"
    )
    assert (notification.quality_of_service, status.quality_of_service) == (used, used)


async def test_gateway_tells_no_quality_of_service_that_nobody_asked_for(desk: Desk) -> None:
    await desk.push("a@pi")
    (claimed,) = await desk.claim()
    await desk.end(claimed, DeliveryState.DELIVERED, 1000, confirmed=True)
    (notification,) = await desk.told()
    assert notification.quality_of_service is None


# Recipients (PAP 6, PPG 6)


@pytest.mark.parametrize("members", [("anna",), ("anna", "berta")])
async def test_gateway_tells_of_a_group_once_whatever_its_size(
    new_acceptance: NewAcceptance, store: MemoryStore, members: tuple[str, ...]
) -> None:
    whole = tuple(ClientFound(member) for member in members)
    family = Group("family", (addressing.parse(FAMILY),), whole)
    desk = Desk(new_acceptance(groups=[family]), store)
    assert await desk.push("a@pi", FAMILY) == 1001
    claimed = await desk.claim()
    assert [each.client_id for each in claimed] == list(members)
    for number, each in enumerate(claimed, start=1):
        assert await desk.told() == []
        await desk.end(each, DeliveryState.DELIVERED, 1000)
        (status,) = await desk.status("a@pi")
        assert [one.address_value for one in status.addresses] == [FAMILY]
        ended = number == len(members)
        assert status.message_state.value == ("delivered" if ended else "pending")
    (told,) = await desk.told()
    assert (told.address.address_value, told.message_state.value) == (FAMILY, "delivered")


# Operations (PAP 5.4, 8.9)


async def test_gateway_tells_status_until_the_push_is_purged_and_then_knows_it_no_more(
    desk: Desk,
) -> None:
    assert await desk.push("a@pi", ppg_notify_requested_to=None) == 1001
    assert await desk.store.purge(later(NOW, HOUR_MS), 10) == 0  # what is pending stays
    (claimed,) = await desk.claim()
    await desk.end(claimed, DeliveryState.DELIVERED, 1000)
    (before,) = await desk.status("a@pi")
    assert (before.code, before.message_state) == (1000, MessageState.DELIVERED)
    assert await desk.store.purge(later(NOW, HOUR_MS), 10) == 1
    (after,) = await desk.status("a@pi")
    assert (after.code, after.message_state) == (2004, MessageState.UNKNOWN)
    assert await desk.push("a@pi") == 1001  # its push-id is free again


async def test_gateway_takes_submissions_at_once_independently(desk: Desk) -> None:
    codes = await asyncio.gather(*(desk.push(f"{number % 5}@pi") for number in range(10)))
    assert sorted(codes) == [1001] * 5 + [2007] * 5
