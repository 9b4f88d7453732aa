"""Requests of the gateway: challenges are answered, redirections followed within the domain."""

from __future__ import annotations

import pytest

from omapush.ota.interface import OutcomeKind
from omapush.protocols.sip.digest import DigestClient
from omapush.protocols.sip.header_fields import cseq
from omapush.testing.memory_store import MemoryStore
from omapush.testing.sip_gateway_world import ALICE, GRUU, SipGatewayWorld
from omapush.testing.sip_link import Answered, Fate

CHALLENGE = 'Digest realm="push.test", nonce="{}", qop="auth", algorithm=SHA-256'


def challenged(nonce: str) -> Answered:
    header = ("Proxy-Authenticate", CHALLENGE.format(nonce))
    return Answered(407, "Proxy Authentication Required", (header,))


def redirected(*uris: str) -> Answered:
    return Answered(302, "Moved Temporarily", tuple(("Contact", f"<{uri}>") for uri in uris))


async def test_gateway_with_an_account_proves_who_it_is(store: MemoryStore) -> None:
    world = SipGatewayWorld(store, digest=DigestClient("ppg", "ppg-secret", lambda: "cnonce"))
    await world.register()
    world.core.script(challenged("first"), "MESSAGE")
    reach = world.reach()
    assert (await world.pushed(reach, await world.claim())).kind is OutcomeKind.DONE
    plain, proved = world.core.sent("MESSAGE")
    assert plain.headers.first("Proxy-Authorization") is None
    assert 'username="ppg"' in (proved.headers.first("Proxy-Authorization") or "")
    assert (cseq(plain).number, cseq(proved).number) == (1, 2)
    assert plain.headers.first("Call-ID") == proved.headers.first("Call-ID")
    await world.pushed(reach, await world.claim())
    again = world.core.sent("MESSAGE")[2].headers.first("Proxy-Authorization") or ""
    assert "nc=00000002" in again  # without being asked


async def test_gateway_whose_password_is_wrong_stops(store: MemoryStore) -> None:
    world = SipGatewayWorld(store, digest=DigestClient("ppg", "wrong", lambda: "cnonce"))
    await world.register()
    for nonce in ("first", "second", "third", "fourth"):
        world.core.script(challenged(nonce), "MESSAGE")
    outcome = await world.pushed(world.reach(), await world.claim())
    assert outcome.kind is OutcomeKind.NEVER
    assert len(world.core.sent("MESSAGE")) == 2


async def test_gateway_without_an_account_tells_that_it_is_asked_for_one(
    world: SipGatewayWorld,
) -> None:
    await world.register()
    world.core.script(challenged("first"), "MESSAGE")
    outcome = await world.pushed(world.reach(), await world.claim())
    assert outcome.kind is OutcomeKind.NEVER
    assert "407" in outcome.reason


async def test_redirection_within_the_domain_is_followed(world: SipGatewayWorld) -> None:
    await world.register()
    world.core.script(redirected("sip:alice@elsewhere.test", GRUU), "MESSAGE")
    assert (await world.pushed(world.reach(), await world.claim())).kind is OutcomeKind.DONE
    assert [one.uri for one in world.core.sent("MESSAGE")] == [ALICE, GRUU]


async def test_redirected_request_has_credentials_for_where_it_goes(store: MemoryStore) -> None:
    world = SipGatewayWorld(store, digest=DigestClient("ppg", "ppg-secret", lambda: "cnonce"))
    await world.register()
    world.core.script(challenged("first"), "MESSAGE")
    world.core.script(redirected(GRUU), "MESSAGE")
    assert (await world.pushed(world.reach(), await world.claim())).kind is OutcomeKind.DONE
    last = world.core.sent("MESSAGE")[-1]
    (credentials,) = last.headers.every("Proxy-Authorization")
    assert f'uri="{GRUU}"' in credentials
    assert "nc=00000002" in credentials


@pytest.mark.parametrize(
    "uri",
    [
        "sip:alice@elsewhere.test",
        "tel:+1555",
        ALICE,
        "sip:bob@push.test;maddr=192.0.2.66",
        "sip:bob@push.test?Route=%3Csip:192.0.2.66%3E",
    ],
)
async def test_redirection_elsewhere_or_in_a_circle_is_not_followed(
    world: SipGatewayWorld, uri: str
) -> None:
    await world.register()
    world.core.script(redirected(uri), "MESSAGE")
    outcome = await world.pushed(world.reach(), await world.claim())
    assert outcome.kind is OutcomeKind.NEVER
    assert len(world.core.sent("MESSAGE")) == 1


async def test_core_that_does_not_answer_is_known_until_it_does(world: SipGatewayWorld) -> None:
    await world.register()
    world.core.script(Fate.LOST, "MESSAGE")
    await world.pushed(world.reach(), await world.claim())
    assert world.line.caller.trouble == "the request was lost"
    await world.pushed(world.reach(), await world.claim())
    assert world.line.caller.trouble == ""
