"""What the core and its users send to the gateway, and how it answers."""

from __future__ import annotations

import pytest

from omapush.content.application_id import ApplicationId
from omapush.ppg.profiles import known_capabilities
from omapush.ppg.sip.registrations import Source
from omapush.protocols.sip.message import Field, SipHeaders, SipRequest, SipResponse
from omapush.testing.sip_gateway_world import ALICE, GRUU, INSTANCE, PPG, SipGatewayWorld

MMS = ApplicationId.parse("x-wap-application:mms.ua")
WML = ApplicationId.parse("x-wap-application:wml.ua")
BOB = "sip:bob@push.test"


def request(method: str, *fields: Field, uri: str = PPG, body: bytes = b"") -> SipRequest:
    given = {name.lower() for name, _ in fields}
    needed = (
        ("Via", "SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK1"),
        ("From", f"<{ALICE}>;tag=1"),
        ("To", f"<{uri}>"),
        ("Call-ID", "1@here"),
        ("CSeq", f"1 {method}"),
    )
    kept = tuple(one for one in needed if one[0].lower() not in given)
    return SipRequest(method, uri, SipHeaders((*kept, *fields)), body)


async def answer_to(
    world: SipGatewayWorld, sent: SipRequest, *, is_trusted: bool = True
) -> SipResponse:
    return await world.core.deliver(world.core.gateway, sent, is_trusted=is_trusted)


def third_party(user: str, expires: int, contact: str | None = None) -> SipRequest:
    fields: list[Field] = [("To", f"<{user}>"), ("Expires", str(expires))]
    body = b""
    if contact is not None:
        fields.append(("Content-Type", "message/sip"))
        body = f"REGISTER sip:push.test SIP/2.0\r\nContact: {contact}\r\n\r\n".encode()
    return request("REGISTER", *fields, body=body)


async def test_registration_that_the_core_tells_of_is_kept_with_its_tags(
    world: SipGatewayWorld,
) -> None:
    contact = f'<sip:alice@192.0.2.7>;+sip.instance="<{INSTANCE}>";+g.oma.pusheventapp="mms.ua"'
    response = await answer_to(world, third_party(ALICE, 600, contact))
    assert (response.status, response.headers.first("Expires")) == (200, "600")
    (device,) = world.registrations.devices(ALICE)
    assert (device.key, device.gruu, device.source) == (INSTANCE, GRUU, Source.THIRD_PARTY)
    assert device.serves(MMS)
    assert not device.serves(WML)
    assert device.until == world.clock() + 600_000
    assert world.hastened == [ALICE]


async def test_registration_without_embedded_message_brings_what_waits_back(
    world: SipGatewayWorld,
) -> None:
    assert (await answer_to(world, third_party(ALICE, 600))).status == 200
    assert world.hastened == [ALICE]
    assert world.registrations.devices(ALICE) == ()


async def test_device_that_left_is_forgotten_and_the_other_is_not(world: SipGatewayWorld) -> None:
    contacts = [f'<sip:alice@192.0.2.{n}>;+sip.instance="<urn:uuid:{n}>"' for n in (7, 8)]
    for contact in contacts:
        await answer_to(world, third_party(ALICE, 600, contact))
    await answer_to(world, third_party(ALICE, 0, f"{contacts[0]};expires=0"))
    assert [one.key for one in world.registrations.devices(ALICE)] == ["urn:uuid:8"]
    await answer_to(world, third_party(ALICE, 0))
    assert world.registrations.devices(ALICE) == ()


async def test_user_who_is_no_client_is_registered_all_the_same_and_not_kept(
    world: SipGatewayWorld,
) -> None:
    assert (await answer_to(world, third_party(BOB, 600))).status == 200
    assert world.hastened == []
    assert len(world.registrations) == 0


async def test_device_tells_what_it_takes_and_learns_what_the_gateway_is(
    world: SipGatewayWorld,
) -> None:
    contact = f'<{GRUU}>;+g.oma.pusheventapp="mms.ua"'
    fields = (
        ("Contact", contact),
        ("Accept", "application/vnd.oma.push, image/png"),
        ("Accept-Encoding", "deflate, identity"),
        ("Allow", "MESSAGE, OPTIONS"),
        ("X-Wap-Push-MaxMsgSize", "65536"),
        ("P-Asserted-Identity", f"<{ALICE}>"),
    )
    response = await answer_to(world, request("OPTIONS", *fields))
    assert response.status == 200
    assert response.headers.first("Accept") == "application/vnd.oma.push"
    contact_of_gateway = response.headers.first("Contact") or ""
    assert contact_of_gateway == "<sip:ppg@127.0.0.1:5070>;+g.oma.pusheventapp"
    assert "OPTIONS" in response.headers.listed("Allow")
    (device,) = world.registrations.devices(ALICE)
    assert (device.key, device.gruu) == (INSTANCE, GRUU)
    assert device.methods == {"MESSAGE"}
    assert not device.wants_bare
    assert device.capabilities is not None
    assert device.capabilities.accept == ("image/png",)
    assert device.capabilities.max_message_size == 65_536
    await world.learning.close()
    known = await known_capabilities(await world.store.registrations("alice"), None)
    assert known == device.capabilities


async def test_what_the_core_and_the_device_tell_of_it_is_one_device(
    world: SipGatewayWorld,
) -> None:
    await world.register()
    fields = (("Contact", f"<{GRUU}>"), ("Accept", "image/png"))
    assert (await world.device.send("OPTIONS", PPG, PPG, *fields)).status == 200
    (device,) = world.registrations.devices(ALICE)
    assert device.serves(MMS)
    assert not device.serves(WML)
    assert device.capabilities is not None


OF_ALICE = (("P-Asserted-Identity", f"<{ALICE}>"),)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ((("P-Asserted-Identity", f"<{BOB}>"),), 403),
        ((("From", f"<{ALICE}>;tag=1"),), 403),
        ((("P-Asserted-Identity", f"<tel:+1555>, <{ALICE}>"),), 200),
        ((("P-Asserted-Identity", "<tel:+1555>"),), 403),
        ((("P-Asserted-Identity", "nobody <"),), 400),
        ((*OF_ALICE, ("Contact", f"<{GRUU}>"), ("X-Wap-Push-MaxMsgSize", "many")), 400),
        (OF_ALICE, 200),
        ((), 403),
    ],
)
async def test_only_who_is_a_client_tells_what_he_takes(
    world: SipGatewayWorld, fields: tuple[Field, ...], status: int
) -> None:
    assert (await answer_to(world, request("OPTIONS", *fields))).status == status


async def test_device_that_is_there_no_longer_is_forgotten(world: SipGatewayWorld) -> None:
    fields = (*OF_ALICE, ("Contact", f"<{GRUU}>"))
    await answer_to(world, request("OPTIONS", *fields))
    assert world.registrations.devices(ALICE)
    await answer_to(world, request("OPTIONS", *fields, ("Expires", "0")))
    assert not world.registrations.devices(ALICE)


async def test_fault_of_ours_is_answered_too(
    world: SipGatewayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(world.registrations, "told", broken)
    fields = (*OF_ALICE, ("Contact", f"<{GRUU}>"))
    assert (await answer_to(world, request("OPTIONS", *fields))).status == 500


async def test_another_gateway_is_not_found(world: SipGatewayWorld) -> None:
    other = request("OPTIONS", uri="sip:other@push.test")
    assert (await answer_to(world, other)).status == 404
    at_own_port = request("OPTIONS", *OF_ALICE, uri="sip:anything@127.0.0.1:5070")
    assert (await answer_to(world, at_own_port)).status == 200


@pytest.mark.parametrize("method", ["REGISTER", "OPTIONS", "MESSAGE", "SUBSCRIBE"])
async def test_whoever_is_no_element_of_the_core_is_refused(
    world: SipGatewayWorld, method: str
) -> None:
    sent = request(method, ("Expires", "600"), ("To", f"<{ALICE}>"))
    assert (await answer_to(world, sent, is_trusted=False)).status == 403
    assert world.hastened == []


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("SUBSCRIBE", 489),
        ("PUBLISH", 489),
        ("MESSAGE", 405),
        ("INVITE", 405),
        ("FLY", 405),
        ("BYE", 405),
    ],
)
async def test_what_a_gateway_does_not_serve_is_refused(
    world: SipGatewayWorld, method: str, status: int
) -> None:
    response = await answer_to(world, request(method))
    assert response.status == status
    assert "REGISTER" in response.headers.listed("Allow")


async def test_request_of_no_dialog_is_told_so(world: SipGatewayWorld) -> None:
    assert (await answer_to(world, request("BYE", ("To", f"<{PPG}>;tag=9")))).status == 481


async def test_request_that_cannot_be_read_is_refused(world: SipGatewayWorld) -> None:
    sent = request("REGISTER", ("To", f"<{ALICE}>"), ("Expires", "soon"))
    assert (await answer_to(world, sent)).status == 400
    sent = request("REGISTER", ("To", "<urn:nobody>"), ("Expires", "1"))
    assert (await answer_to(world, sent)).status in (400, 416)
