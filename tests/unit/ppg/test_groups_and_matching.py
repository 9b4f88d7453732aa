"""Submissions to groups, to very many, and with a capabilities entity (PPG 6, PAP 10.3)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from omapush.content.message import PushMessage as ContentMessage
from omapush.content.uaprof import PushCharacteristics, profile_of, write_profile
from omapush.core.instants import parse_utc
from omapush.pap import address as addressing
from omapush.pap import entity, model, xml
from omapush.pap.versions import PapVersion
from omapush.ppg.acceptance import Acceptance, PapRequest
from omapush.ppg.authentication import Identified
from omapush.ppg.authorisation import Authorisation, InitiatorPolicy
from omapush.ppg.patterns import Filter
from omapush.ppg.permissions import Permissions
from omapush.ppg.profiles import Profiles, ProfileSettings
from omapush.ppg.resolution.port import ClientFound
from omapush.ppg.resolution.static import Group
from omapush.ppg.store.contract import DeliveryState, RegistrationRecord
from omapush.ppg.submission import SubmissionLimits
from omapush.testing.memory_store import MemoryStore
from omapush.web.policy import OutboundPolicy

PLMN = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
OTHER = "WAPPUSH=+447700900123/TYPE=PLMN@ppg.example.net"
FAMILY = "WAPPUSH=family/TYPE=USER@ppg.example.net"
NOW = parse_utc("2026-11-21T12:00:00Z")
WEATHER = Identified("weather", authenticated=True)
CONTENT = ContentMessage((("Content-Type", "text/plain"),), b"hello")
NewAcceptance = Callable[..., Acceptance]


def group(*members: str | ClientFound, name: str = "family") -> Group:
    read = [each if isinstance(each, ClientFound) else addressing.parse(each) for each in members]
    return Group(name, (addressing.parse(FAMILY),), tuple(read))


ANNA_AND_BERTA = group(ClientFound("anna"), OTHER)


async def submit(
    acceptance: Acceptance, *addresses: str, capabilities: bytes | None = None
) -> tuple[int, str]:
    listed = tuple(model.Address(address) for address in addresses)
    message = model.PushMessage("a@pi", listed, ppg_notify_requested_to="http://pi.example.net/")
    document = xml.encode(model.Pap(message, PapVersion(2, 0)))
    content_type, body = entity.join(document, CONTENT, capabilities)
    found = await acceptance.answer(PapRequest(content_type, body, WEATHER, "192.0.2.9"))
    answer = xml.decode(found.document).message
    assert isinstance(answer, model.PushResponse)
    return answer.response_result.code, answer.response_result.desc or ""


async def query(acceptance: Acceptance, *addresses: str) -> tuple[model.StatusQueryResult, ...]:
    listed = tuple(model.Address(address) for address in addresses)
    document = xml.encode(model.Pap(model.StatusQueryMessage("a@pi", listed), PapVersion(2, 0)))
    content_type, body = entity.join(document)
    found = await acceptance.answer(PapRequest(content_type, body, WEATHER, "192.0.2.9"))
    answer = xml.decode(found.document).message
    assert isinstance(answer, model.StatusQueryResponse)
    return answer.results


async def test_group_is_one_recipient_and_each_member_a_delivery(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    acceptance = new_acceptance(groups=[ANNA_AND_BERTA])
    assert (await submit(acceptance, FAMILY))[0] == 1001
    record = await store.push("a@pi")
    assert record is not None
    whole, *parts = record.deliveries
    assert (whole.address, whole.client_id, whole.part_of) == (FAMILY, "", None)
    assert [(part.client_id, part.part_of, part.address) for part in parts] == [
        ("anna", 0, FAMILY),
        ("berta", 0, FAMILY),
    ]
    claimed = await store.claim("ppg-1/a", NOW, 1_000, 10, 10)
    assert {each.client_id for each in claimed} == {"anna", "berta"}
    (result,) = await query(acceptance)
    assert [each.address_value for each in result.addresses] == [FAMILY]
    assert result.message_state.value == "pending"


async def test_group_beside_its_member_is_two_recipients(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    acceptance = new_acceptance(groups=[ANNA_AND_BERTA])
    assert (await submit(acceptance, PLMN, FAMILY))[0] == 1001
    record = await store.push("a@pi")
    assert record is not None
    assert [each.part_of for each in record.deliveries] == [None, None, 1, 1]


async def test_group_of_nobody_who_is_served_is_refused(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    acceptance = new_acceptance(groups=[group("WAPPUSH=+999/TYPE=PLMN@x")])
    code, desc = await submit(acceptance, FAMILY)
    assert (code, await store.push("a@pi")) == (2002, None)
    assert "a group without anybody who is served here" in desc


async def test_group_does_not_walk_around_what_an_initiator_may_not_do(
    new_acceptance: NewAcceptance,
) -> None:
    denied = Permissions(recipients=Filter(deny=("PLMN:+447700900*",)))
    policy = Authorisation({"weather": InitiatorPolicy(permissions=denied)})
    acceptance = new_acceptance(groups=[ANNA_AND_BERTA], authorisation=policy)
    assert (await submit(acceptance, FAMILY))[0] == 2001
    one = Permissions(max_recipients=1)
    policy = Authorisation({"weather": InitiatorPolicy(permissions=one)})
    acceptance = new_acceptance(groups=[ANNA_AND_BERTA], authorisation=policy)
    assert (await submit(acceptance, FAMILY))[0] == 2001


def assuming(*types: str) -> bytes:
    return write_profile(profile_of(PushCharacteristics(accept=types)))


async def registered(store: MemoryStore, client_id: str, accept: str) -> None:
    cpi = {"tag": (("X-Wap-Push-Accept", accept),)}
    await store.remember_registrations([RegistrationRecord(client_id, "00", NOW, "1", "tag", cpi)])


MATCHING = SubmissionLimits(match_capabilities=True)


async def test_assumption_that_a_client_does_not_meet_is_2005(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    await registered(store, "anna", "text/vnd.wap.si")
    acceptance = new_acceptance(limits=MATCHING)
    code, desc = await submit(acceptance, PLMN, capabilities=assuming("image/png"))
    assert (code, await store.push("a@pi")) == (2005, None)
    assert "image/png" in desc
    assert (await submit(acceptance, PLMN, capabilities=assuming("text/vnd.wap.si")))[0] == 1001


async def test_each_recipient_is_judged_alone(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    await registered(store, "anna", "text/vnd.wap.si")  # and of berta nothing is known
    acceptance = new_acceptance(limits=MATCHING)
    assert (await submit(acceptance, PLMN, OTHER, capabilities=assuming("image/png")))[0] == 1001
    record = await store.push("a@pi")
    assert record is not None
    assert [each.state for each in record.deliveries] == [
        DeliveryState.REJECTED,
        DeliveryState.QUEUED,
    ]
    (told,) = await store.claim_notifications("ppg-1/a", NOW, 1_000, 10, 10)
    assert (told.address, told.code) == (PLMN, 2005)


async def test_capabilities_entity_is_passed_over_unless_matching_is_on(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    await registered(store, "anna", "text/vnd.wap.si")
    assert (await submit(new_acceptance(), PLMN, capabilities=b"no RDF at all"))[0] == 1001


async def test_capabilities_entity_that_is_none_is_2000_when_matching_is_on(
    new_acceptance: NewAcceptance,
) -> None:
    acceptance = new_acceptance(limits=MATCHING)
    assert (await submit(acceptance, PLMN, capabilities=b"no RDF at all"))[0] == 2000


async def test_assumption_is_compared_with_the_profile_as_well(
    new_acceptance: NewAcceptance, store: MemoryStore
) -> None:
    document = write_profile(profile_of(PushCharacteristics(accept=("image/png",))))
    digest = base64.b64encode(hashlib.md5(document, usedforsecurity=False).digest()).decode()
    named = (("x-wap-profile", f'"1-{digest}"'), ("x-wap-profile-diff", f"1;{document.decode()}"))
    record = RegistrationRecord("anna", "00", NOW, "1", "tag", {"tag": named})
    await store.remember_registrations([record])
    profiles = Profiles(OutboundPolicy(), ProfileSettings(), lambda: NOW)
    for known, code in ((None, 2005), (profiles, 1001)):
        acceptance = new_acceptance(limits=MATCHING, profiles=known)
        assert (await submit(acceptance, PLMN, capabilities=assuming("image/png")))[0] == code
    await profiles.close()
