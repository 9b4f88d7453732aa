"""Submissions large enough to be worked on beside the event loop are answered like small ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from omapush.content.message import PushMessage as ContentMessage
from omapush.core.instants import parse_utc
from omapush.pap import entity, model, xml
from omapush.pap.versions import PapVersion
from omapush.ppg.acceptance import Acceptance, PapRequest
from omapush.ppg.authentication import Identified
from omapush.ppg.large_work import LARGE_OCTETS
from omapush.ppg.store.contract import PLACED_AT_ONCE
from omapush.ppg.submission import SubmissionLimits
from omapush.testing.memory_store import MemoryStore

NewAcceptance = Callable[..., Acceptance]
LIMITS = SubmissionLimits(max_recipients=2_000)
CONTENT = ContentMessage((("Content-Type", "text/plain"),), b"hello")
LATER: dict[str, Any] = {
    "deliver_after_timestamp": parse_utc("2026-11-22T12:00:00Z"),
    "deliver_before_timestamp": parse_utc("2026-11-23T12:00:00Z"),
}


def addresses(count: int) -> list[str]:
    """Return so many recipients of one client: a qualifier that nobody knows tells them apart."""
    return [f"WAPPUSH=+441234567890/N={n}/TYPE=PLMN@ppg.example.net" for n in range(count)]


async def submit(acceptance: Acceptance, listed: list[str], **more: Any) -> tuple[int, str, int]:
    """Return code and description of the answer, and the size of what was submitted."""
    message = model.PushMessage("a@pi", tuple(map(model.Address, listed)), **more)
    document = xml.encode(model.Pap(message, PapVersion(2, 0)))
    content_type, body = entity.join(document, CONTENT)
    initiator = Identified("weather", authenticated=True)
    found = await acceptance.answer(PapRequest(content_type, body, initiator, "192.0.2.9"))
    answer = xml.decode(found.document).message
    assert isinstance(answer, model.PushResponse)
    return answer.response_result.code, answer.response_result.desc or "", len(body)


async def test_large_submission_is_accepted_with_every_recipient_in_its_place(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    listed = addresses(1_500)
    code, _, size = await submit(new_acceptance(limits=LIMITS), listed)
    assert (code, size > LARGE_OCTETS) == (1001, True)
    record = await store.push("a@pi")
    assert record is not None
    assert [delivery.address for delivery in record.deliveries] == listed


@pytest.mark.parametrize(
    ("bad", "code"), [("WAPPUSH=+44/N/TYPE=PLMN@b", 2002), ("WAPPUSH=nobody/TYPE=USER@b", 2002)]
)
async def test_large_submission_with_one_bad_address_is_refused_naming_it(
    new_acceptance: NewAcceptance, store: MemoryStore, bad: str, code: int
) -> None:
    listed = [*addresses(1_499), bad]
    told, reason, _ = await submit(new_acceptance(limits=LIMITS), listed)
    assert (told, reason.startswith("recipient 1500 of 1500")) == (code, True)
    assert await store.push("a@pi") is None


async def test_large_body_that_is_no_document_is_answered_as_a_bad_message(
    new_acceptance: NewAcceptance,
) -> None:
    initiator = Identified("weather", authenticated=True)
    body = b"<pap>" + b" " * LARGE_OCTETS
    asked = PapRequest("application/xml", body, initiator, "192.0.2.9")
    found = await new_acceptance().answer(asked)
    assert found.code == 2000


@pytest.mark.parametrize(("count", "wakes"), [(PLACED_AT_ONCE, []), (PLACED_AT_ONCE + 1, [True])])
async def test_push_for_later_wakes_the_gateway_only_if_deliveries_have_to_be_put_in_their_places(
    new_acceptance: NewAcceptance, woken: list[bool], count: int, wakes: list[bool]
) -> None:
    assert (await submit(new_acceptance(limits=LIMITS), addresses(count), **LATER))[0] == 1001
    assert woken == wakes
