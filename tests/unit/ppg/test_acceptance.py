"""From a PAP request to a PAP answer: 1001 only when it is on disk, each fault its own code."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from omapush.content.message import PushMessage as ContentMessage
from omapush.core.instants import parse_utc
from omapush.pap import entity, model, xml
from omapush.pap.codes import StatusCode
from omapush.pap.tolerance import PROFILES, Tolerance
from omapush.pap.versions import PapVersion, VersionRange
from omapush.ppg.acceptance import MAX_DESC, Acceptance, PapRequest
from omapush.ppg.authentication import Identified
from omapush.ppg.store.contract import DeliveryState
from omapush.testing.memory_store import MemoryStore

NewAcceptance = Callable[..., Acceptance]
PLMN = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
USER = "WAPPUSH=anna%40example.net/TYPE=USER@ppg.example.net"
OTHER = "WAPPUSH=+447700900123/TYPE=PLMN@ppg.example.net"
SI = ContentMessage(
    (("Content-Type", "text/vnd.wap.si"), ("X-Wap-Application-Id", "x-wap-application:wml.ua")),
    bytes(range(256)),
)
V2 = PapVersion(2, 0)
LISTED = (VersionRange(2, 0),)
WEATHER = Identified("weather", authenticated=True)
NOTHING = object()


def message(push_id: str = "a@pi", *addresses: str, **more: object) -> model.PushMessage:
    listed = tuple(model.Address(address) for address in addresses or (PLMN,))
    return model.PushMessage(push_id, listed, **more)  # type: ignore[arg-type]


def request(
    asked: model.Message,
    content: ContentMessage | None = SI,
    initiator: Identified = WEATHER,
    version: PapVersion = V2,
    listed: tuple[VersionRange, ...] = LISTED,
) -> PapRequest:
    document = xml.encode(model.Pap(asked, version, supported_versions=listed))
    content_type, body = entity.join(document, content)
    return PapRequest(content_type, body, initiator, "192.0.2.9")


async def answer(acceptance: Acceptance, asked: PapRequest) -> model.Pap:
    found = await acceptance.answer(asked)
    document = xml.decode(found.document)
    result = getattr(document.message, "response_result", document.message)
    code = getattr(result, "code", None)
    if code is not None:
        assert found.code == code
    return document


async def verdict(acceptance: Acceptance, asked: PapRequest) -> tuple[int, str]:
    response = (await answer(acceptance, asked)).message
    assert isinstance(response, model.PushResponse)
    return response.response_result.code, response.response_result.desc or ""


async def test_good_submission_is_stored_before_it_is_answered_1001(
    new_acceptance: NewAcceptance, store: MemoryStore, woken: list[bool]
) -> None:
    document = await answer(new_acceptance(), request(message("a@pi", PLMN, OTHER)))
    assert document.version == V2
    assert document.supported_versions
    response = document.message
    assert isinstance(response, model.PushResponse)
    assert response.push_id == "a@pi"
    assert response.response_result.code == StatusCode.ACCEPTED_FOR_PROCESSING
    assert response.sender_name == "Example PPG"
    assert response.reply_time == parse_utc("2026-11-21T12:00:00Z")
    record = await store.push("a@pi")
    assert record is not None
    assert [delivery.client_id for delivery in record.deliveries] == ["anna", "berta"]
    assert [delivery.address for delivery in record.deliveries] == [PLMN, OTHER]
    assert {delivery.state for delivery in record.deliveries} == {DeliveryState.QUEUED}
    assert record.initiator_id == "weather"
    assert woken == [True]


async def test_content_reaches_the_ledger_octet_for_octet(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    await answer(new_acceptance(), request(message()))
    now = parse_utc("2026-11-21T12:00:00Z")
    (claimed,) = await store.claim("ppg-1/x", now, 1_000, 10, 10)
    assert claimed.message == SI
    assert claimed.confirmed


async def test_two_addresses_of_one_client_are_two_recipients_and_one_twice_is_one(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    await answer(new_acceptance(), request(message("a@pi", PLMN, USER, PLMN)))
    record = await store.push("a@pi")
    assert record is not None
    assert [delivery.address for delivery in record.deliveries] == [PLMN, USER]


async def test_push_for_later_wakes_nobody_and_waits(
    new_acceptance: NewAcceptance, store: MemoryStore, woken: list[bool]
) -> None:
    after = parse_utc("2026-11-22T12:00:00Z")
    before = parse_utc("2026-11-23T12:00:00Z")
    asked = message(deliver_after_timestamp=after, deliver_before_timestamp=before)
    assert (await verdict(new_acceptance(), request(asked)))[0] == 1001
    record = await store.push("a@pi")
    assert record is not None
    assert (record.deliveries[0].due_at, record.expires_at) == (after, before)
    assert woken == []


async def test_push_of_high_priority_overtakes_what_waits(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    acceptance = new_acceptance()
    high = model.QualityOfService(model.Priority.HIGH)
    await answer(acceptance, request(message("first@pi")))
    await answer(acceptance, request(message("urgent@pi", quality_of_service=high)))
    now = parse_utc("2026-11-21T12:00:00Z")
    claimed = await store.claim("ppg-1/x", now, 1_000, 10, 10)
    assert [each.push_id for each in claimed] == ["urgent@pi", "first@pi"]
    after = parse_utc("2026-11-22T12:00:00Z")
    deferred = message("later@pi", quality_of_service=high, deliver_after_timestamp=after)
    await answer(acceptance, request(deferred))
    record = await store.push("later@pi")
    assert record is not None
    assert record.deliveries[0].due_at == after  # never before its time (PAP 8.2)


QOS = model.QualityOfService
CONFIRMED = model.DeliveryMethod.CONFIRMED


@pytest.mark.parametrize(
    ("asked", "content", "code"),
    [
        (message("x" * 1025), SI, 2000),
        (message(deliver_before_timestamp=parse_utc("2026-11-21T12:00:00Z")), SI, 2001),
        (
            message(
                deliver_after_timestamp=parse_utc("2026-11-23T00:00:00Z"),
                deliver_before_timestamp=parse_utc("2026-11-22T00:00:00Z"),
            ),
            SI,
            2001,
        ),
        (message("a", PLMN, USER, OTHER, "+4499"), SI, 3005),
        (message("a", PLMN, "WAPPUSH=nonsense"), SI, 2002),
        (message("a", "WAPPUSH=+1/TYPE=PLMN@x"), SI, 2002),
        (message("a", "WAPPUSH=12/TYPE=MAN@x"), SI, 2002),
        (message(quality_of_service=QOS(network="PDC", network_required=True)), SI, 3009),
        (message(quality_of_service=QOS(bearer="SMS", bearer_required=True)), SI, 3010),
        (
            message("a", OTHER, quality_of_service=QOS(bearer="GPRS", bearer_required=True)),
            SI,
            3010,
        ),
        (
            message(quality_of_service=QOS(delivery_method=model.DeliveryMethod.ONESHOT)),
            SI,
            3012,
        ),
        (
            message(
                quality_of_service=QOS(delivery_method=model.DeliveryMethod.CONFIRMED_WITH_RESPONSE)
            ),
            SI,
            3007,
        ),
        (message(), ContentMessage((), b"x"), 2000),
        (message(), ContentMessage((("Content-Type", "nonsense"),), b"x"), 2000),
        (message(), SI.replacing("X-Wap-Application-Id", "not an id"), 2000),
        (message(replace_push_id="a@pi"), SI, 2007),
        (
            message(replace_push_id="old@pi", replace_method=model.ReplaceMethod.PENDING_ONLY),
            SI,
            2004,
        ),
    ],
)
async def test_fault_has_its_code_and_leaves_nothing_behind(
    new_acceptance: NewAcceptance,
    store: MemoryStore,
    woken: list[bool],
    asked: model.PushMessage,
    content: ContentMessage,
    code: int,
) -> None:
    assert (await verdict(new_acceptance(), request(asked, content)))[0] == code
    assert await store.push(asked.push_id) is None
    assert woken == []
    # A rejected submission does not use up its push-id.
    if code != 2000:
        assert (await verdict(new_acceptance(), request(message(asked.push_id))))[0] == 1001


@pytest.mark.parametrize(
    "wish",
    [
        QOS(network="any", network_required=True, bearer="ANY", bearer_required=True),
        QOS(network="gsm", network_required=True, bearer="gprs", bearer_required=True),
        QOS(network="unheard of", bearer="pigeon"),
        QOS(network_required=True, bearer_required=True),
        QOS(delivery_method=model.DeliveryMethod.PREFERCONFIRMED),
    ],
)
async def test_wish_that_can_be_met_or_need_not_be_is_accepted(
    new_acceptance: NewAcceptance, wish: model.QualityOfService
) -> None:
    assert (await verdict(new_acceptance(), request(message(quality_of_service=wish))))[0] == 1001


async def test_control_entity_alone_is_no_submission(new_acceptance: NewAcceptance) -> None:
    assert (await verdict(new_acceptance(), request(message(), None)))[0] == 2000


async def test_push_id_is_used_once(new_acceptance: NewAcceptance) -> None:
    acceptance = new_acceptance()
    assert (await verdict(acceptance, request(message())))[0] == 1001
    code, desc = await verdict(acceptance, request(message()))
    assert code == 2007
    assert "2026-11-21T12:00:00Z" in desc
    stranger = Identified("other", authenticated=True)
    code, desc = await verdict(acceptance, request(message(), initiator=stranger))
    assert code == 2007
    assert "2026" not in desc  # another's push is nobody's business


async def test_same_push_again_is_answered_1001_where_the_setting_says_so(
    new_acceptance: NewAcceptance,
) -> None:
    acceptance = new_acceptance()
    again = Identified("weather", authenticated=True, idempotent_resubmission=True)
    assert (await verdict(acceptance, request(message(), initiator=again)))[0] == 1001
    assert (await verdict(acceptance, request(message(), initiator=again)))[0] == 1001
    other = ContentMessage(SI.headers, b"other")
    assert (await verdict(acceptance, request(message(), other, again)))[0] == 2007


async def test_ledger_that_is_away_is_3000_and_nothing_is_promised(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    acceptance = new_acceptance()
    store.unavailable = "disk full"
    assert (await verdict(acceptance, request(message())))[0] == 3000
    store.unavailable = None
    assert (await verdict(acceptance, request(message())))[0] == 1001


async def test_progress_notes_are_given_to_those_who_ask(new_acceptance: NewAcceptance) -> None:
    asked = message(progress_notes_requested=True)
    response = (await answer(new_acceptance(), request(asked))).message
    assert isinstance(response, model.PushResponse)
    assert [note.stage for note in response.progress_notes] == ["validated", "queued"]


async def test_notification_url_that_policy_forbids_costs_the_report_and_not_the_push(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    asked = message(
        ppg_notify_requested_to="http://169.254.169.254/", progress_notes_requested=True
    )
    response = (await answer(new_acceptance(), request(asked))).message
    assert isinstance(response, model.PushResponse)
    assert response.response_result.code == 1001
    assert "notification" in [note.stage for note in response.progress_notes]
    record = await store.push("a@pi")
    assert record is not None
    assert record.notify_url is None


async def test_forgiven_faults_are_named_in_progress_notes(new_acceptance: NewAcceptance) -> None:
    good = request(message(progress_notes_requested=True))
    sloppy = good.body.replace(b"\r\n", b"\n").replace(b'"true"', b'"TRUE"')
    acceptance = new_acceptance(Tolerance(strict_dtd=False))
    response = (
        await answer(acceptance, PapRequest(good.content_type, sloppy, WEATHER, "x"))
    ).message
    assert isinstance(response, model.PushResponse)
    assert "tolerated" in [note.stage for note in response.progress_notes]


async def test_forgiven_faults_are_named_in_the_description_of_1001(
    new_acceptance: NewAcceptance,
) -> None:
    good = request(message("a@pi", "+441234567890", "+447700900123"))
    sloppy = good.content_type.replace("; type=", "; x="), good.body.replace(b"\r\n", b"\n")
    code, desc = await verdict(new_acceptance(), PapRequest(*sloppy, WEATHER, "x"))
    assert code == 1001
    assert desc == (
        "Accepted for processing; tolerated: no type parameter; multipart line ends or delimiters; "
        "address not to the letter: an address ends with @ and a gateway"
    )
    assert (await verdict(new_acceptance(), request(message("b@pi"))))[1] == (
        "Accepted for processing"
    )


async def test_notification_target_without_a_scheme_is_of_http_unless_strict(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    asked = message("a@pi", ppg_notify_requested_to="192.0.2.1:5555")
    code, desc = await verdict(new_acceptance(), request(asked))
    assert (code, "192.0.2.1:5555" in desc) == (1001, True)
    record = await store.push("a@pi")
    assert record is not None
    assert record.notify_url == "http://192.0.2.1:5555"
    asked = message("b@pi", ppg_notify_requested_to="192.0.2.1:5555")
    assert (await verdict(new_acceptance(PROFILES["strict"]), request(asked)))[0] == 1001
    record = await store.push("b@pi")
    assert record is not None
    assert record.notify_url is None


async def test_log_names_what_was_forgiven_of_any_request_whatever_the_verdict(
    new_acceptance: NewAcceptance,
) -> None:
    for asked, content, push_id in (
        (message("a@pi", "WAPPUSH=nonsense"), SI, "a@pi"),
        (model.StatusQueryMessage("b@pi"), None, "b@pi"),
        (model.CancelMessage("c@pi"), None, "c@pi"),
    ):
        good = request(asked, content)
        body = good.body.replace(b"DTD PAP 2.0", b"DTD PAP")
        with capture_logs() as logs:
            await new_acceptance().answer(PapRequest(good.content_type, body, WEATHER, "x"))
        (line,) = [line for line in logs if line["event"] == "tolerated"]
        assert (line["push_id"], line["initiator"]) == (push_id, "weather")
        assert "public identifier" in line["repair"]


async def test_description_of_1001_is_short_whatever_was_forgiven(
    new_acceptance: NewAcceptance,
) -> None:
    good = request(message())
    odd = b"".join(b' odd-%d="x"' % number for number in range(60))
    body = good.body.replace(b' push-id="a@pi"', b' push-id="a@pi"' + odd)
    acceptance = new_acceptance(Tolerance(strict_dtd=False))
    code, desc = await verdict(acceptance, PapRequest(good.content_type, body, WEATHER, "x"))
    assert code == 1001
    assert "'odd-0'" in desc
    assert desc.endswith(" more")
    assert len(desc) < MAX_DESC + 60


async def test_document_that_an_initiator_never_sends_is_a_bad_message(
    new_acceptance: NewAcceptance,
) -> None:
    asked = model.ResultNotificationResponse("a@pi", 1000, model.Address(PLMN))
    document = await answer(new_acceptance(), request(asked, None))
    assert document.version == V2
    response = document.message
    assert isinstance(response, model.BadMessageResponse)
    assert response.code == 2000


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/xml", b""),
        ("application/xml", b"<pap><push-message push-id='a'"),
        ("text/plain", b"hello"),
        ("multipart/related; boundary=x", b"no boundary here"),
        ("application/xml", b'<!DOCTYPE pap [<!ENTITY a "b">]><pap/>'),
    ],
)
async def test_what_cannot_be_read_is_a_bad_message_in_pap_1_0(
    new_acceptance: NewAcceptance, content_type: str, body: bytes
) -> None:
    document = await answer(new_acceptance(), PapRequest(content_type, body, WEATHER, "x"))
    assert isinstance(document.message, model.BadMessageResponse)
    assert document.message.code == 2000
    assert document.version == PapVersion(1, 0)
    assert document.supported_versions == ()


async def test_invalid_push_message_with_a_readable_id_is_refused_in_kind(
    new_acceptance: NewAcceptance,
) -> None:
    good = request(message("readable@pi"))
    bad = good.body.replace(b"<address ", b"<adress ").replace(b"</address", b"</adress")
    code, desc = await verdict(new_acceptance(), PapRequest(good.content_type, bad, WEATHER, "x"))
    assert code == 2000
    assert "adress" in desc


@pytest.mark.parametrize(
    ("version", "listed", "answered", "with_list"),
    [
        ("4.0", (VersionRange(4, 0), VersionRange(2, None)), "2.3", True),
        ("4.0", (), "1.0", True),
    ],
)
async def test_version_that_is_not_spoken_is_3002_in_the_best_common_one(
    new_acceptance: NewAcceptance,
    version: str,
    listed: tuple[VersionRange, ...],
    answered: str,
    with_list: bool,
) -> None:
    asked = request(message(), version=PapVersion.parse(version), listed=listed)
    document = await answer(new_acceptance(), asked)
    assert isinstance(document.message, model.BadMessageResponse)
    assert document.message.code == 3002
    assert str(document.version) == answered
    assert bool(document.supported_versions) is with_list


async def test_pap_1_0_without_a_list_is_answered_in_1_0_without_one(
    new_acceptance: NewAcceptance,
) -> None:
    asked = request(message(), version=PapVersion(1, 0), listed=())
    document = await answer(new_acceptance(), asked)
    assert (str(document.version), document.supported_versions) == ("1.0", ())
