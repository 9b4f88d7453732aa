"""What the page about PAP says happens: the submission that it prints, and its faults."""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx2
import pytest

from omapush.core.instants import Instant
from omapush.pap import address, xml
from omapush.pap.codes import StatusCode
from omapush.pap.model import (
    BadMessageResponse,
    CancelResponse,
    CcqResponse,
    PushResponse,
    StatusQueryResponse,
)
from omapush.pap.tolerance import Tolerance
from omapush.ppg.acceptance import Acceptance, PapRequest
from omapush.ppg.authentication import Identified, Initiators
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, HttpContact
from omapush.ppg.credentials import Initiator
from omapush.ppg.documents import Identity
from omapush.ppg.finding import Finder
from omapush.ppg.http import PapHttpSettings, PapOverHttp
from omapush.ppg.metrics import Metrics
from omapush.ppg.recipients import Recipients
from omapush.ppg.resolution.static import StaticResolver
from omapush.ppg.submission import SubmissionLimits
from omapush.testing.memory_store import MemoryStore
from omapush.web.policy import OutboundPolicy

PAGE = Path(__file__).resolve().parents[3] / "docs/pap.md"
NOW = Instant(1_700_000_000_000)
ANNA = Client(
    "anna-phone",
    (address.parse("WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"),),
    (Contact(HttpContact("192.0.2.7", 4035)),),
)


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture
async def store() -> MemoryStore:
    store = MemoryStore()
    await store.open()
    return store


@pytest.fixture
def acceptance(store: MemoryStore) -> Acceptance:
    keys: Iterator[int] = count()
    return Acceptance(
        store,
        Finder(StaticResolver(Recipients([ANNA]), []), Recipients([ANNA])),
        OutboundPolicy(),
        Identity("omapush", "http://127.0.0.1:8080/pap", "omapush"),
        SubmissionLimits(),
        Tolerance(),
        lambda: NOW,
        lambda _now: f"{next(keys):032x}",
        lambda _push: None,
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


async def answered(acceptance: Acceptance, request: PapRequest) -> tuple[str, int]:
    """Return the kind of the answer and its code."""
    message = xml.decode((await acceptance.answer(request)).document).message
    match message:
        case PushResponse(response_result=result):
            return "push-response", result.code
        case BadMessageResponse(code=code):
            return "badmessage-response", code
        case CancelResponse(results=(result, *_)):
            return "cancel-response", result.code
        case StatusQueryResponse(results=(query, *_)):
            return "statusquery-response", query.code
        case CcqResponse(code=code):
            return "ccq-response", code
    raise AssertionError(message)


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


ID = 'push-id="4711@weather.example.org"'
QOS = 'delivery-method="confirmed"'
PENDING_ONLY = 'replace-push-id="4710@weather.example.org" replace-method="pending-only"'
FAULTS = [
    ("multipart/related", "text/plain", "badmessage-response", 2000),
    ("</pap>", "", "badmessage-response", 2000),
    ("<quality-of-service", "<quality", "push-response", 2000),
    ("<pap>", "<wap>", "badmessage-response", 2000),
    ("[<?wap-pap-ver", '[<!ENTITY a "b"><?wap-pap-ver', "badmessage-response", 2000),
    ("DTD PAP 2.0//", "DTD PAP 9.0//", "badmessage-response", 3002),
    (ID, 'push-id=""', "push-response", 2000),
    (ID, f'{ID} deliver-before-timestamp="2001-01-01T00:00:00Z"', "push-response", 2001),
    ("+441234567890", "+440000000000", "push-response", 2002),
    ("/TYPE=PLMN@", "/TYPE=@", "push-response", 2002),
    (QOS, f'{QOS} network="CDMA" network-required="true"', "push-response", 3009),
    (QOS, f'{QOS} bearer="SMS" bearer-required="true"', "push-response", 3010),
    (QOS, 'delivery-method="confirmed-with-response"', "push-response", 3007),
    (QOS, 'delivery-method="oneshot"', "push-response", 3012),
    ("Content-Type: text/vnd.wap.si\r\n", "", "push-response", 2000),
    ("x-wap-application:wml.ua", "not an id", "push-response", 2000),
    (ID, f"{ID} {PENDING_ONLY}", "push-response", 2004),
    (ID, f'{ID} replace-push-id="4711@weather.example.org"', "push-response", 2007),
]


@pytest.mark.parametrize(("old", "new", "element", "code"), FAULTS)
async def test_fault_is_answered_as_the_page_says(
    page: str, acceptance: Acceptance, old: str, new: str, element: str, code: int
) -> None:
    good = submission(page)
    body = good.body.replace(old.encode(), new.encode(), 1)
    content_type = new if old.startswith("multipart") else good.content_type
    assert (body, content_type) != (good.body, good.content_type)
    request = PapRequest(content_type, body, good.initiator, good.source)
    assert await answered(acceptance, request) == (element, code)
    assert str(code) in page
    # A rejected submission leaves nothing behind and does not use up its push-id.
    assert await answered(acceptance, good) == ("push-response", 1001)


async def test_push_id_is_taken_once(page: str, acceptance: Acceptance) -> None:
    assert await answered(acceptance, submission(page)) == ("push-response", 1001)
    assert await answered(acceptance, submission(page)) == ("push-response", 2007)


async def test_replacement_for_whom_nothing_waits_is_refused(
    page: str, acceptance: Acceptance, store: MemoryStore
) -> None:
    good = submission(page)
    assert await answered(acceptance, good) == ("push-response", 1001)
    await store.claim("ppg-1/a", NOW, 60_000, 1, 1)
    replacement = good.body.replace(b"4711@", b"4712@").replace(
        b"<push-message ",
        b'<push-message replace-push-id="4711@weather.example.org" replace-method="pending-only" ',
    )
    request = PapRequest(good.content_type, replacement, good.initiator, good.source)
    assert await answered(acceptance, request) == ("push-response", 2008)
    assert "| and is waiting for one of the recipients | 2008 |" in page


async def test_push_that_cannot_be_stored_is_not_accepted(
    page: str, acceptance: Acceptance, store: MemoryStore
) -> None:
    store.unavailable = "the disk is full"
    assert await answered(acceptance, submission(page)) == ("push-response", 3000)


def operation(element: str) -> PapRequest:
    document = (
        '<?xml version="1.0"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" '
        f'"http://www.wapforum.org/DTD/pap_2.0.dtd"><pap>{element}</pap>'
    )
    initiator = Identified("weather-service", authenticated=True)
    return PapRequest("application/xml", document.encode(), initiator, "127.0.0.1")


@pytest.mark.parametrize(
    ("asked", "element", "code"),
    [
        ('<cancel-message push-id="1"/>', "cancel-response", 2004),
        ('<statusquery-message push-id="1"/>', "statusquery-response", 2004),
        (
            '<ccq-message><address address-value="WAPPUSH=+441234567890/TYPE=PLMN@b"/>'
            "</ccq-message>",
            "ccq-response",
            3008,
        ),
    ],
)
async def test_operation_is_answered_in_kind(
    acceptance: Acceptance, asked: str, element: str, code: int
) -> None:
    assert await answered(acceptance, operation(asked)) == (element, code)


@pytest.mark.parametrize("what", ["cancel", "statusquery"])
async def test_only_the_initiator_of_a_push_can_ask_for_it(
    page: str, acceptance: Acceptance, what: str
) -> None:
    good = submission(page)
    assert await answered(acceptance, good) == ("push-response", 1001)
    its_own = operation(f'<{what}-message push-id="4711@weather.example.org"/>')
    stranger = Identified("stranger", authenticated=True)
    of_another = PapRequest(its_own.content_type, its_own.body, stranger, "127.0.0.1")
    assert await answered(acceptance, of_another) == (f"{what}-response", 2004)
    assert await answered(acceptance, its_own) == (f"{what}-response", 1000)


@pytest.mark.parametrize("what", ["cancel", "statusquery"])
async def test_address_that_is_none_or_no_recipient_has_a_result_of_its_own(
    page: str, acceptance: Acceptance, what: str
) -> None:
    await answered(acceptance, submission(page))
    for recipient, code in (("WAPPUSH=1/TYPE=MAN@b", 2002), ("WAPPUSH=a/TYPE=USER@b", 2003)):
        asked = operation(
            f'<{what}-message push-id="4711@weather.example.org">'
            f'<address address-value="{recipient}"/></{what}-message>'
        )
        assert await answered(acceptance, asked) == (f"{what}-response", code)
        assert str(code) in page


@pytest.mark.parametrize(
    ("method", "path", "password", "body", "status"),
    [
        ("POST", "/pap", "right", b"no PAP at all", 202),
        ("POST", "/elsewhere", "right", b"", 404),
        ("GET", "/pap", "right", b"", 405),
        ("POST", "/pap", "wrong", b"", 401),
        ("POST", "/pap", "right", b"." * 1_048_577, 413),
    ],
)
async def test_http_status_is_as_the_page_says(
    page: str,
    acceptance: Acceptance,
    method: str,
    path: str,
    password: str,
    body: bytes,
    status: int,
) -> None:
    initiators = Initiators([Initiator("weather-service", "weather", "right")], secret=b"secret")
    front = PapOverHttp(acceptance, initiators, Metrics(), PapHttpSettings(), lambda: NOW)
    transport = httpx2.ASGITransport(app=front)
    async with httpx2.AsyncClient(transport=transport, base_url="http://ppg") as http:
        answer = await http.request(method, path, content=body, auth=("weather", password))
    assert answer.status_code == status
    assert f"| {status}" in page


async def test_verdict_is_in_the_document_under_202(page: str, acceptance: Acceptance) -> None:
    front = PapOverHttp(
        acceptance,
        Initiators([Initiator("weather-service", "weather", "right")], secret=b"secret"),
        Metrics(),
        PapHttpSettings(),
        lambda: NOW,
    )
    good = submission(page)
    codes = []
    transport = httpx2.ASGITransport(app=front)
    async with httpx2.AsyncClient(transport=transport, base_url="http://ppg") as http:
        for _ in range(2):
            answer = await http.post(
                "/pap",
                content=good.body,
                headers={"Content-Type": good.content_type},
                auth=("weather", "right"),
            )
            assert answer.status_code == 202
            message = xml.decode(answer.content).message
            assert isinstance(message, PushResponse)
            codes.append(message.response_result.code)
    assert codes == [1001, 2007]
