"""What a gateway forgives an initiator if its operator says so (field practice, not PAP)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from omapush.content.message import PushMessage as ContentMessage
from omapush.pap import entity, model, xml
from omapush.pap.tolerance import Tolerance
from omapush.ppg.acceptance import Acceptance, PapRequest
from omapush.ppg.authentication import Identified
from omapush.ppg.authorisation import Authorisation, InitiatorPolicy
from omapush.ppg.patterns import Filter
from omapush.ppg.permissions import Permissions
from omapush.testing.memory_store import MemoryStore

NewAcceptance = Callable[..., Acceptance]
BARE = "441234567890"
ANNA = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
SI = ContentMessage((("Content-Type", "text/vnd.wap.si"),), b"<si/>")
WEATHER = Identified("weather", authenticated=True)
HOME = "http://192.0.2.9/reports"


def request(asked: model.Message, content: ContentMessage | None = SI) -> PapRequest:
    content_type, body = entity.join(xml.encode(model.Pap(asked)), content)
    return PapRequest(content_type, body, WEATHER, "192.0.2.9")


def push(address: str = ANNA, notify: str | None = None) -> model.PushMessage:
    return model.PushMessage(
        "a@pi",
        (model.Address(address),),
        ppg_notify_requested_to=notify,
        progress_notes_requested=True,
    )


async def test_bare_number_is_taken_cancelled_and_echoed_as_the_initiator_wrote_it(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    assert (await new_acceptance().answer(request(push(BARE)))).code == 2002
    acceptance = new_acceptance(Tolerance(bare_msisdn_prefix="+"))
    assert (await acceptance.answer(request(push(BARE)))).code == 1001
    record = await store.push("a@pi")
    assert record is not None
    assert [delivery.address for delivery in record.deliveries] == [BARE]
    for asked in (
        model.StatusQueryMessage("a@pi", (model.Address(BARE),)),
        model.CancelMessage("a@pi", (model.Address(BARE),)),
    ):
        assert (await acceptance.answer(request(asked, None))).code == 1000


async def test_bare_number_does_not_walk_around_a_denial(new_acceptance: NewAcceptance) -> None:
    denied = Permissions(recipients=Filter(deny=("PLMN:+44*",)))
    policy = InitiatorPolicy(denied, tolerance=Tolerance(bare_msisdn_prefix="+"))
    acceptance = new_acceptance(authorisation=Authorisation({"weather": policy}))
    assert (await acceptance.answer(request(push(BARE)))).code == 2001


@pytest.mark.parametrize(
    ("header", "tolerance", "content", "application"),
    [
        ("x-wap-application:mms.ua", Tolerance(), SI, None),
        (None, Tolerance(http_appid_fallback=True), SI, None),
        ("/", Tolerance(http_appid_fallback=True), SI, None),
        (
            "x-wap-application:mms.ua",
            Tolerance(http_appid_fallback=True),
            SI,
            "x-wap-application:mms.ua",
        ),
        (
            "x-wap-application:mms.ua",
            Tolerance(http_appid_fallback=True),
            SI.replacing("X-Wap-Application-Id", "2"),
            "2",
        ),
    ],
)
async def test_application_id_of_the_http_request_counts_only_if_set_so_and_none_is_in_the_content(
    new_acceptance: NewAcceptance,
    store: MemoryStore,
    header: str | None,
    tolerance: Tolerance,
    content: ContentMessage,
    application: str | None,
) -> None:
    asked = dataclasses.replace(request(push(), content), application_id=header)
    with capture_logs() as logs:
        assert (await new_acceptance(tolerance).answer(asked)).code == 1001
    record = await store.push("a@pi")
    assert record is not None
    (claimed,) = await store.claim("ppg-1/x", record.received_at, 1_000, 10, 10)
    assert claimed.message.get("X-Wap-Application-Id") == application
    used = application is not None and content is SI
    assert any(line["event"] == "tolerated" for line in logs) is used


async def test_application_id_of_the_http_request_is_judged_like_any_other(
    new_acceptance: NewAcceptance,
) -> None:
    asked = dataclasses.replace(request(push()), application_id="x-wap-application:push.sia")
    assert (await new_acceptance(Tolerance()).answer(asked)).code == 1001
    asked = dataclasses.replace(asked, application_id="7")
    assert (await new_acceptance(Tolerance(http_appid_fallback=True)).answer(asked)).code == 2001


@pytest.mark.parametrize(
    ("wish", "default", "url"),
    [
        (None, HOME, None),
        ("*", HOME, HOME),
        ("", HOME, HOME),
        ("/reports", HOME, HOME),
        ("192.0.2.7:80", HOME, HOME),
        ("*", "", None),
        ("http://192.0.2.7/", HOME, "http://192.0.2.7/"),
        ("ftp://192.0.2.7/", HOME, None),
    ],
)
async def test_notifications_go_to_the_default_if_the_initiator_names_no_absolute_url(
    new_acceptance: NewAcceptance,
    store: MemoryStore,
    wish: str | None,
    default: str,
    url: str | None,
) -> None:
    acceptance = new_acceptance(Tolerance(notify_default=default))
    assert (await acceptance.answer(request(push(notify=wish)))).code == 1001
    record = await store.push("a@pi")
    assert record is not None
    assert record.notify_url == url
