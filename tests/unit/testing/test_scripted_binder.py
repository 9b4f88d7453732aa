"""The variant that does as a test tells it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from omapush.cai.model import (
    Binding,
    BindingState,
    ConnectionProfile,
    Reason,
    RegistrationRejected,
    RegistrationRequest,
)
from omapush.client.binding.binder import SHARED, BearerOffer, BindingFailed
from omapush.core.instants import Instant
from omapush.ota.interface import ClientCapabilities
from omapush.testing.binding_notes import BindingNotes, registration_of
from omapush.testing.scripted_binder import (
    Announced,
    Failed,
    Hangs,
    Nothing,
    Refused,
    Scopes,
    ScriptedBinder,
    Up,
)

WML = "x-wap-application:wml.ua"
SIP = ConnectionProfile("OTA-SIP")
REQUEST = RegistrationRequest(WML)
USD = '<bundleDescription><userServiceDescription serviceId="urn:3gpp:{}"/></bundleDescription>'


async def test_bindings_begin_as_the_script_says() -> None:
    sip = ScriptedBinder(
        "OTA-SIP",
        answers=[
            Up("location 1", Instant(5)),
            Failed(Reason.REFUSED_BY_SERVER, "403"),
            Nothing(),
        ],
    )
    notes = [BindingNotes() for _ in range(4)]
    for one in notes:
        sip.begin(registration_of(), SIP, one, "earlier")
    up = Binding("OTA-SIP", "IMS", expires=Instant(5))
    assert (notes[0].told, notes[0].kept) == ([up], ["location 1"])
    assert [(one.state, one.reason, one.detail) for one in notes[1].told] == [
        (BindingState.FAILED, Reason.REFUSED_BY_SERVER, "403")
    ]
    assert notes[2].told == []
    assert notes[3].told == [replace(up, expires=None)]
    sip.begun[2].trust("192.0.2.1")
    sip.begun[2].up()
    sip.begun[2].lost(detail="no network")
    sip.begun[2].failed(Reason.TIMEOUT)
    assert notes[2].states == [BindingState.UP, BindingState.LOST, BindingState.FAILED]
    assert notes[2].trusted == ["192.0.2.1"]
    assert sip.begun[2].server_data == "earlier"


async def test_what_servers_were_told_is_noted_with_the_union_at_that_moment() -> None:
    sip, takes = ScriptedBinder("OTA-SIP"), ClientCapabilities(("text/plain",))
    sip.capabilities = lambda: takes
    takes = replace(takes, accept_app_id=(WML,))
    hold = sip.begin(registration_of(), SIP, BindingNotes(), "")
    takes = replace(takes, accept_app_id=(WML, "urn:x"))
    hold.refresh(registration_of())
    takes = replace(takes, accept_app_id=())
    await sip.withdraw("location")
    assert sip.announced == [
        Announced("begin", "r1", (WML,), ("text/plain",)),
        Announced("refresh", "r1", (WML, "urn:x"), ("text/plain",)),
        Announced("withdraw", "", (), ("text/plain",)),
    ]


async def test_servers_let_go_as_the_script_says() -> None:
    sip = ScriptedBinder("OTA-SIP", withdrawals=[Refused(Reason.SERVER_ERROR, "500"), Hangs()])
    with pytest.raises(BindingFailed, match="500") as failed:
        await sip.withdraw("one")
    assert failed.value.cause is Reason.SERVER_ERROR
    waiting = asyncio.ensure_future(sip.withdraw("two"))
    await asyncio.sleep(0)
    assert not waiting.done()
    sip.go_on()
    await waiting
    await sip.withdraw("three")
    assert sip.withdrawn == ["one", "two", "three"]
    assert [one.occasion for one in sip.announced] == ["withdraw", "withdraw"]


async def test_nothing_can_be_told_of_a_binding_that_was_left_off() -> None:
    sip = ScriptedBinder("OTA-SIP", answers=[Nothing()])
    hold = sip.begin(registration_of(), SIP, BindingNotes(), "")
    await hold.close()
    assert hold.is_closed
    with pytest.raises(AssertionError):
        sip.begun[0].up()


def test_instances_have_scopes_of_their_own() -> None:
    sip = ScriptedBinder("OTA-SIP", scopes=Scopes.INSTANCE, default=True)
    tagged = replace(REQUEST, instance="urn:uuid:1")
    assert sip.scope(tagged, SIP, "profiles[0]") == "instance urn:uuid:1"
    assert sip.scope(REQUEST, SIP, "profiles[0]") == SHARED
    assert sip.is_default()
    assert ScriptedBinder("OTA-SIP").scope(tagged, SIP, "profiles[0]") == SHARED


@pytest.mark.parametrize(
    ("option", "text", "scope"),
    [
        ("cb_message_id", "41120", "CBS 41120"),
        ("mbms_user_service_description", USD.format(7), "MBMS urn:3gpp:7"),
        ("bcast_access_info", "NT", "BCAST NT"),
    ],
)
async def test_broadcast_services_have_scopes_of_their_own(
    option: str, text: str, scope: str
) -> None:
    ptm = ScriptedBinder("OTA-PTM", ["CBS", "MBMS", "BCAST"], scopes=Scopes.BROADCAST)
    profile = replace(ConnectionProfile("OTA-PTM"), **{option: text})
    assert ptm.scope(REQUEST, profile, "profiles[0]") == scope
    assert ptm.scope(REQUEST, ConnectionProfile("OTA-PTM"), "profiles[0]") == SHARED
    hold = ptm.begin(registration_of(WML, profile), profile, BindingNotes(), "")
    source = hold.source()
    assert (source.protocol, source.bearer, source.binding) == ("OTA-PTM", "CBS", scope)


@pytest.mark.parametrize("description", ["<broken", "<bundleDescription/>", "<!ENTITY x>"])
def test_description_of_no_service_is_invalid(description: str) -> None:
    """T-24"""
    ptm = ScriptedBinder("OTA-PTM", ["MBMS"], scopes=Scopes.BROADCAST)
    profile = ConnectionProfile("OTA-PTM", mbms_user_service_description=description)
    with pytest.raises(RegistrationRejected) as rejected:
        ptm.scope(REQUEST, profile, "profiles[0]")
    assert rejected.value.cause is Reason.DESCRIPTION_INVALID
    assert rejected.value.parameter == "profiles[0].mbms_user_service_description"


def test_bearers_can_be_missing_or_down() -> None:
    sip = ScriptedBinder("OTA-SIP", ["IMS"])
    assert sip.offers() == (BearerOffer("IMS", True),)
    assert sip.scope(REQUEST, replace(SIP, bearer_type="ims"), "profiles[0]") == SHARED
    with pytest.raises(RegistrationRejected) as rejected:
        sip.scope(REQUEST, replace(SIP, bearer_type="GPRS"), "profiles[0]")
    assert rejected.value.cause is Reason.UNSUPPORTED_OPTION
    sip.available = False
    with pytest.raises(RegistrationRejected) as rejected:
        sip.scope(REQUEST, SIP, "profiles[0]")
    assert rejected.value.cause is Reason.UNAVAILABLE
    assert sip.offers() == (BearerOffer("IMS", False),)
