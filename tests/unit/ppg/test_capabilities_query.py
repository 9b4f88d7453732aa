"""Client capabilities query: from request to answer (PAP 5.5, 8.11)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest

from omapush.content.uaprof import (
    PushCharacteristics,
    profile_of,
    push_characteristics,
    read_profile,
    write_profile,
)
from omapush.core.instants import parse_utc
from omapush.pap import entity, model, xml
from omapush.pap.versions import PapVersion
from omapush.ppg.acceptance import Acceptance, PapRequest
from omapush.ppg.authentication import Identified
from omapush.ppg.profiles import Profiles, ProfileSettings
from omapush.ppg.store.contract import RegistrationRecord
from omapush.testing.memory_store import MemoryStore
from omapush.web.policy import OutboundPolicy

PLMN = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
NOW = parse_utc("2026-11-21T12:00:00Z")
WEATHER = Identified("weather", authenticated=True)
CPI = (
    ("X-Wap-Push-Accept", "text/vnd.wap.si, image/png"),
    ("X-Wap-Push-Accept-AppID", "x-wap-application:wml.ua, x-wap-application:mms.ua"),
    ("X-Wap-Push-MaxMsgSize", "8192"),
)


async def ask(
    acceptance: Acceptance, address: str = PLMN, app_id: str | None = None, version: str = "2.0"
) -> tuple[model.CcqResponse, bytes | None]:
    query = model.CcqMessage(model.Address(address), "q-1", app_id)
    document = xml.encode(model.Pap(query, PapVersion.parse(version)))
    content_type, body = entity.join(document)
    found = await acceptance.answer(PapRequest(content_type, body, WEATHER, "192.0.2.9"))
    parts = entity.split(found.content_type.decode(), found.document)
    answer = xml.decode(parts.control)
    assert str(answer.version) == version
    assert isinstance(answer.message, model.CcqResponse)
    assert answer.message.code == found.code
    assert answer.message.query_id == "q-1"
    assert answer.message.address.address_value == address
    return answer.message, parts.content.body if parts.content else None


async def registered(store: MemoryStore) -> None:
    record = RegistrationRecord("anna", "00", NOW, "6000", "tag", {"tag": CPI})
    await store.remember_registrations([record])


@pytest.mark.parametrize("version", ["1.0", "2.0", "2.3"])
async def test_what_registration_told_is_the_answer(
    new_acceptance: Callable[..., Acceptance], store: MemoryStore, version: str
) -> None:
    await registered(store)
    response, profile = await ask(new_acceptance(), version=version)
    assert response.code == 1000
    assert profile is not None
    told = push_characteristics(read_profile(profile))
    assert told.accept == ("text/vnd.wap.si", "image/png")
    assert told.msg_size == 8192
    assert told.max_push_req == 1  # not said: the default (WAP-235, 7.2.5.5)


async def test_answer_about_one_application_names_no_other(
    new_acceptance: Callable[..., Acceptance], store: MemoryStore
) -> None:
    await registered(store)
    _, profile = await ask(new_acceptance(), app_id="x-wap-application:mms.ua")
    assert profile is not None
    told = push_characteristics(read_profile(profile))
    assert told.accept_app_id == ("x-wap-application:mms.ua",)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("WAPPUSH=12/TYPE=MAN@x", 2002),
        ("WAPPUSH=+999/TYPE=PLMN@x", 2002),
        (PLMN, 3008),
    ],
)
async def test_query_that_cannot_be_answered_has_its_code_and_no_profile(
    new_acceptance: Callable[..., Acceptance], address: str, code: int
) -> None:
    response, profile = await ask(new_acceptance(), address)
    assert (response.code, profile) == (code, None)
    assert response.desc


async def test_ledger_that_is_away_is_3000(
    new_acceptance: Callable[..., Acceptance], store: MemoryStore
) -> None:
    store.unavailable = "disk full"
    response, _ = await ask(new_acceptance())
    assert response.code == 3000


async def test_profile_completes_what_registration_told(
    new_acceptance: Callable[..., Acceptance], store: MemoryStore
) -> None:
    document = write_profile(
        profile_of(PushCharacteristics(accept=("a/b",), accept_charset=("utf-16",)))
    )
    digest = base64.b64encode(hashlib.md5(document, usedforsecurity=False).digest()).decode()
    named = (("x-wap-profile", f'"1-{digest}"'), ("x-wap-profile-diff", f"1;{document.decode()}"))
    record = RegistrationRecord("anna", "00", NOW, "6000", "tag", {"tag": (*CPI, *named)})
    await store.remember_registrations([record])
    profiles = Profiles(OutboundPolicy(), ProfileSettings(), lambda: NOW)
    _, answer = await ask(new_acceptance(profiles=profiles))
    await profiles.close()
    assert answer is not None
    told = push_characteristics(read_profile(answer))
    assert told.accept_charset == ("utf-16",)
    assert told.accept == ("text/vnd.wap.si", "image/png")  # the headers' own words stand before
