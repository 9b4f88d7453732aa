"""Submissions that the operator's policy refuses, narrows or marks; and the audit line of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from omapush.content.message import PushMessage as ContentMessage
from omapush.core.instants import HOUR_MS, later, parse_utc
from omapush.ota.interface import PushFlag
from omapush.pap import entity, model, xml
from omapush.pap.tolerance import Tolerance
from omapush.ppg.acceptance import Acceptance, PapRequest
from omapush.ppg.authentication import ANONYMOUS, Identified
from omapush.ppg.authorisation import Authorisation, InitiatorPolicy
from omapush.ppg.documents import PapAnswer
from omapush.ppg.limits import Allowance
from omapush.ppg.patterns import Filter
from omapush.ppg.permissions import Operation, Permissions
from omapush.ppg.store.contract import StoreUnavailable
from omapush.testing.memory_store import MemoryStore

NewAcceptance = Callable[..., Acceptance]
NOW = parse_utc("2026-11-21T12:00:00Z")
ANNA = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
ANNA_BY_NAME = "WAPPUSH=anna%40example.net/TYPE=USER@ppg.example.net"
BERTA = "WAPPUSH=+447700900123/TYPE=PLMN@ppg.example.net"
NOBODY = "WAPPUSH=+447799999999/TYPE=PLMN@ppg.example.net"
SI = ContentMessage((("Content-Type", "text/vnd.wap.si"),), b"<si/>")
WEATHER = Identified("weather", authenticated=True)
PATIENT = Identified("weather", authenticated=True, idempotent_resubmission=True)
QOS = model.QualityOfService
METHOD = model.DeliveryMethod


def message(push_id: str = "a@pi", *addresses: str, **more: Any) -> model.PushMessage:
    listed = tuple(model.Address(address) for address in addresses or (ANNA,))
    return model.PushMessage(push_id, listed, **more)


def request(
    asked: model.Message, content: ContentMessage | None = SI, initiator: Identified = WEATHER
) -> PapRequest:
    content_type, body = entity.join(xml.encode(model.Pap(asked)), content)
    return PapRequest(content_type, body, initiator, "192.0.2.9")


def under(permissions: Permissions = Permissions(), **allowance: Any) -> Authorisation:  # noqa: B008 - frozen
    return Authorisation({"weather": InitiatorPolicy(permissions, Allowance(**allowance))})


def result(answer: PapAnswer) -> tuple[int, str]:
    response = xml.decode(answer.document).message
    assert isinstance(response, model.PushResponse)
    return response.response_result.code, response.response_result.desc or ""


REFUSED = [
    (
        Permissions(operations=frozenset((Operation.STATUS,))),
        message(),
        SI,
        "the operation push is not allowed",
        "operations",
    ),
    (
        Permissions(operations=frozenset((Operation.PUSH,))),
        message(replace_push_id="old@pi"),
        SI,
        "the operation replace is not allowed",
        "operations",
    ),
    (
        Permissions(max_age_ms=HOUR_MS),
        message(deliver_before_timestamp=later(NOW, 2 * HOUR_MS)),
        SI,
        "deliver-before-timestamp lies too far ahead",
        "max_age_hours",
    ),
    (
        Permissions(max_recipients=1),
        message("a@pi", ANNA, BERTA),
        SI,
        "2 recipients in one push are not allowed",
        "max_recipients",
    ),
    (
        Permissions(recipients=Filter(deny=("PLMN:+4477*",))),
        message("a@pi", ANNA, BERTA),
        SI,
        "recipient 2 of 2 is not allowed",
        "recipients: deny PLMN:+4477*",
    ),
    (
        Permissions(recipients=Filter(("PLMN:*",))),
        message("a@pi", ANNA_BY_NAME),
        SI,
        "recipient 1 of 1 is not allowed",
        "recipients: not in allow",
    ),
    (
        Permissions(delivery_methods=frozenset((METHOD.CONFIRMED,))),
        message(quality_of_service=QOS(delivery_method=METHOD.UNCONFIRMED)),
        SI,
        "delivery-method unconfirmed is not allowed",
        "delivery_methods",
    ),
    (
        Permissions(max_content_octets=4),
        message(),
        SI,
        "content of 5 octets is not allowed",
        "max_content_octets",
    ),
    (
        Permissions(content_types=Filter(("image/*",))),
        message(),
        SI,
        "content of type text/vnd.wap.si is not allowed",
        "content_types: not in allow",
    ),
    (
        Permissions(application_ids=Filter(deny=("2",))),
        message(),
        SI,
        "content for the application x-wap-application:wml.ua is not allowed",
        "application_ids: deny 2",
    ),
    (
        Permissions(),
        message(),
        SI.replacing("Content-Type", "application/vnd.wap.connectivity-wbxml"),
        "content that provisions a device is not allowed",
        "provisioning",
    ),
]


@pytest.mark.parametrize(
    ("permissions", "asked", "content", "desc", "rule"), REFUSED, ids=[row[4] for row in REFUSED]
)
async def test_forbidden_submission_is_2001_and_only_the_log_names_the_rule(
    new_acceptance: NewAcceptance,
    store: MemoryStore,
    permissions: Permissions,
    asked: model.PushMessage,
    content: ContentMessage,
    desc: str,
    rule: str,
) -> None:
    acceptance = new_acceptance(authorisation=under(permissions))
    with capture_logs() as logs:
        answer = await acceptance.answer(request(asked, content))
    assert result(answer) == (2001, desc)
    assert answer.retry_after_ms is None
    assert await store.push("a@pi") is None
    (line,) = logs
    assert line == {
        "event": "submission_decided",
        "log_level": "info",
        "decision": "refused",
        "initiator": "weather",
        "push_id": "a@pi",
        "source": "192.0.2.9",
        "code": 2001,
        "rule": rule,
        "reason": desc,
    }


async def test_accepted_submission_has_one_audit_line_without_its_content(
    new_acceptance: NewAcceptance,
) -> None:
    with capture_logs() as logs:
        answer = await new_acceptance().answer(request(message("a@pi", ANNA, BERTA)))
    assert result(answer)[0] == 1001
    (line,) = [entry for entry in logs if entry["event"] == "submission_decided"]
    assert (line["decision"], line["rule"], line["recipients"]) == ("accepted", None, 2)
    assert "<si/>" not in repr(logs)


async def test_denied_recipient_is_refused_alike_whether_it_is_served_here_or_not(
    new_acceptance: NewAcceptance,
) -> None:
    acceptance = new_acceptance(
        authorisation=under(Permissions(recipients=Filter(deny=("PLMN:+4477*",))))
    )
    served = result(await acceptance.answer(request(message("a@pi", BERTA))))
    not_served = result(await acceptance.answer(request(message("a@pi", NOBODY))))
    assert served == not_served == (2001, "recipient 1 of 1 is not allowed")


async def test_fault_of_the_document_is_told_before_what_is_forbidden(
    new_acceptance: NewAcceptance,
) -> None:
    acceptance = new_acceptance(authorisation=under(Permissions(content_types=Filter(()))))
    broken = SI.replacing("X-Wap-Application-Id", "not an id")
    assert (
        result(await acceptance.answer(request(message("a@pi", "WAPPUSH=x/TYPE=PLMN"))))[0] == 2002
    )
    acceptance = new_acceptance(authorisation=under())
    assert result(await acceptance.answer(request(message(), broken)))[0] == 2000


@pytest.mark.parametrize(
    ("asked", "element"),
    [
        (model.CancelMessage("a@pi"), model.CancelResponse),
        (model.StatusQueryMessage("a@pi"), model.StatusQueryResponse),
        (model.CcqMessage(model.Address(ANNA)), model.CcqResponse),
    ],
)
async def test_forbidden_operation_is_2001_in_its_own_response(
    new_acceptance: NewAcceptance, asked: model.Message, element: type
) -> None:
    only_push = under(Permissions(operations=frozenset((Operation.PUSH,))))
    with capture_logs() as logs:
        answer = await new_acceptance(authorisation=only_push).answer(request(asked, None))
    assert answer.code == 2001
    assert isinstance(xml.decode(answer.document).message, element)
    assert [line["rule"] for line in logs] == ["operations"]


async def test_choice_left_to_the_gateway_keeps_to_the_allowed_method(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    only = under(Permissions(delivery_methods=frozenset((METHOD.UNCONFIRMED,))))
    assert result(await new_acceptance(authorisation=only).answer(request(message())))[0] == 1001
    record = await store.push("a@pi")
    assert record is not None
    assert not record.confirmed


async def test_initiators_own_age_ends_a_push_without_deadline(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    aged = under(Permissions(max_age_ms=HOUR_MS))
    await new_acceptance(authorisation=aged).answer(request(message()))
    record = await store.push("a@pi")
    assert record is not None
    assert record.expires_at == later(NOW, HOUR_MS)


async def test_high_priority_that_is_not_granted_is_lowered_and_said(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    acceptance = new_acceptance(authorisation=under(Permissions(high_priority=False)))
    wish = QOS(priority=model.Priority.HIGH)
    asked = message(quality_of_service=wish, progress_notes_requested=True)
    response = xml.decode((await acceptance.answer(request(asked))).document).message
    assert isinstance(response, model.PushResponse)
    assert response.response_result.code == 1001
    assert "priority high is not granted" in [note.note for note in response.progress_notes]
    record = await store.push("a@pi")
    assert record is not None
    facts = record.control["qos"]
    assert isinstance(facts, dict)
    assert facts["priority"] == "medium"


@pytest.mark.parametrize(
    ("initiator", "trusted", "flags"),
    [
        (WEATHER, False, PushFlag.INITIATOR_AUTHENTICATED),
        (WEATHER, True, PushFlag.INITIATOR_AUTHENTICATED | PushFlag.CONTENT_TRUSTED),
        (Identified(ANONYMOUS, authenticated=False), False, PushFlag.NONE),
    ],
)
async def test_flags_go_into_the_ledger(
    new_acceptance: NewAcceptance,
    store: MemoryStore,
    initiator: Identified,
    trusted: bool,
    flags: PushFlag,
) -> None:
    acceptance = new_acceptance(authorisation=under(Permissions(trusted=trusted)))
    assert result(await acceptance.answer(request(message(), initiator=initiator)))[0] == 1001
    (claimed,) = await store.claim("ppg-1/x", NOW, 1_000, 10, 10)
    assert claimed.flags == flags


async def test_permissions_of_one_initiator_are_not_anothers(new_acceptance: NewAcceptance) -> None:
    acceptance = new_acceptance(authorisation=under(Permissions(operations=frozenset())))
    other = Identified("news", authenticated=True)
    assert result(await acceptance.answer(request(message())))[0] == 2001
    assert result(await acceptance.answer(request(message(), initiator=other)))[0] == 1001


async def test_push_that_comes_too_fast_is_to_be_repeated_after_the_time_it_is_told(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    acceptance = new_acceptance(authorisation=under(per_second=0.5, burst=2))
    both = message("a@pi", ANNA, BERTA)
    assert result(await acceptance.answer(request(both)))[0] == 1001
    with capture_logs() as logs:
        answer = await acceptance.answer(request(message("b@pi")))
    assert result(answer) == (3000, "too many pushes in a short time, try again later")
    assert answer.retry_after_ms == 2_000
    assert [line["rule"] for line in logs] == ["pushes_per_second"]
    assert await store.push("b@pi") is None


async def test_used_up_quota_is_2001_and_refused_pushes_use_none_of_it(
    new_acceptance: NewAcceptance,
) -> None:
    acceptance = new_acceptance(authorisation=under(per_day=2))
    assert (
        result(await acceptance.answer(request(message("bad@pi", "WAPPUSH=x/TYPE=PLMN"))))[0]
        == 2002
    )
    assert result(await acceptance.answer(request(message("a@pi"))))[0] == 1001
    assert result(await acceptance.answer(request(message("a@pi"))))[0] == 2007
    assert result(await acceptance.answer(request(message("b@pi"))))[0] == 1001
    code, desc = result(await acceptance.answer(request(message("c@pi"))))
    assert (code, desc) == (2001, "1 more recipients are not allowed today (UTC)")


async def test_repetition_of_an_accepted_push_costs_nothing_and_is_told_apart_from_a_used_up_quota(
    new_acceptance: NewAcceptance,
) -> None:
    acceptance = new_acceptance(authorisation=under(per_day=2))
    for _ in range(3):
        with capture_logs() as logs:
            answer = await acceptance.answer(request(message("a@pi"), initiator=PATIENT))
        assert result(answer)[0] == 1001
    assert logs[-1]["decision"] == "repeated"
    assert result(await acceptance.answer(request(message("b@pi"))))[0] == 1001
    # The quota is used up, but 2001 would say that this push was never taken.
    assert result(await acceptance.answer(request(message("a@pi"))))[0] == 2007


async def test_push_that_cannot_be_stored_uses_no_quota(
    new_acceptance: NewAcceptance, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    acceptance = new_acceptance(authorisation=under(per_day=1))

    async def fail(*_: object) -> None:
        raise StoreUnavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "accept", fail)
        assert result(await acceptance.answer(request(message())))[0] == 3000
    assert result(await acceptance.answer(request(message())))[0] == 1001
    with monkeypatch.context() as patch:
        patch.setattr(store, "push", fail)
        assert result(await acceptance.answer(request(message("b@pi"))))[0] == 2001


async def test_tolerance_of_one_initiator_differs_from_everybodys(
    new_acceptance: NewAcceptance,
) -> None:
    bare = message("a@pi", "+441234567890")
    strict = InitiatorPolicy(tolerance=Tolerance.of({"profile": "strict"}))
    acceptance = new_acceptance(authorisation=Authorisation({"weather": strict}))
    assert result(await acceptance.answer(request(bare)))[0] == 2002
    news = Identified("news", authenticated=True)
    assert result(await acceptance.answer(request(bare, initiator=news)))[0] == 1001


async def test_initiator_is_not_told_about_a_client_that_it_may_not_push_to(
    new_acceptance: NewAcceptance,
) -> None:
    denied = under(Permissions(recipients=Filter(deny=("PLMN:+44*",))))
    query = model.CcqMessage(model.Address(ANNA), "q@pi")
    assert (await new_acceptance().answer(request(query, None))).code == 3008
    answer = await new_acceptance(authorisation=denied).answer(request(query, None))
    assert answer.code == 2001
