"""The submission that the page about PAP prints is accepted."""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from omapush.core.instants import Instant
from omapush.pap import address, xml
from omapush.pap.codes import StatusCode
from omapush.pap.model import PushResponse
from omapush.pap.tolerance import Tolerance
from omapush.ppg.acceptance import Acceptance, PapRequest
from omapush.ppg.documents import Identity
from omapush.ppg.policy import Identified, NotificationTargets
from omapush.ppg.recipients import Client, HttpContact, Recipients
from omapush.ppg.submission import SubmissionLimits
from omapush.testing.memory_store import MemoryStore

PAGE = Path(__file__).resolve().parents[3] / "docs/pap.md"
NOW = Instant(1_700_000_000_000)
ANNA = Client(
    "anna-phone",
    (address.parse("WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"),),
    HttpContact("192.0.2.7", 4035),
)


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture
async def acceptance() -> Acceptance:
    keys: Iterator[int] = count()
    store = MemoryStore()
    await store.open()
    return Acceptance(
        store,
        Recipients([ANNA]),
        NotificationTargets(),
        Identity("omapush", "http://127.0.0.1:8080/pap", "omapush"),
        SubmissionLimits(),
        Tolerance(),
        lambda: NOW,
        lambda _now: f"{next(keys):032x}",
        lambda: None,
    )


def submission(page: str) -> PapRequest:
    content_type = re.search(r"-H 'Content-Type: (multipart/related[^']*)'", page)
    body = re.search(r"```text\n(--.*?--\n)```", page, re.DOTALL)
    assert content_type
    assert body
    octets = body[1].replace("\n", "\r\n").encode()
    initiator = Identified("weather-service", authenticated=True)
    return PapRequest(content_type[1], octets, initiator, "127.0.0.1")


async def test_submission_on_the_page_is_accepted(page: str, acceptance: Acceptance) -> None:
    answer = await acceptance.answer(submission(page))
    message = xml.decode(answer.document).message
    assert isinstance(message, PushResponse)
    assert message.push_id == "4711@weather.example.org"
    assert message.response_result.code == StatusCode.ACCEPTED_FOR_PROCESSING


async def test_submission_on_the_page_is_well_formed_in_every_respect(
    page: str, acceptance: Acceptance
) -> None:
    request = submission(page)
    wanted = b'push-id="4711@weather.example.org"'
    noted = request.body.replace(wanted, wanted + b' progress-notes-requested="true"')
    answer = await acceptance.answer(
        PapRequest(request.content_type, noted, request.initiator, request.source)
    )
    message = xml.decode(answer.document).message
    assert isinstance(message, PushResponse)
    stages = [note.stage for note in message.progress_notes]
    assert "queued" in stages
    assert "tolerated" not in stages


@pytest.mark.parametrize("form", re.findall(r"\| `(WAPPUSH=[^`]+)` \|", PAGE.read_text("utf-8")))
def test_address_on_the_page_is_one_by_the_grammar(form: str) -> None:
    assert address.parse(form, tolerant=False).original == form
