"""Bindings over bearers that all applications share."""

from __future__ import annotations

import pytest

from omapush.cai.model import (
    Binding,
    BindingState,
    ConnectionProfile,
    Reason,
    RegistrationRejected,
    RegistrationRequest,
)
from omapush.client.binding.binder import SHARED, BearerOffer
from omapush.client.binding.shared_binder import SharedBearers
from omapush.testing.binding_notes import BindingNotes, registration_of

REQUEST = RegistrationRequest("x-wap-application:wml.ua")
ANY = ConnectionProfile()
UP, LOST, FAILED = BindingState.UP, BindingState.LOST, BindingState.FAILED


def bearers() -> SharedBearers:
    return SharedBearers("OTA-WSP", ["UDP", "SMS"])


def refused(binder: SharedBearers, profile: ConnectionProfile) -> tuple[Reason, str | None]:
    with pytest.raises(RegistrationRejected) as rejected:
        binder.scope(REQUEST, profile, "profiles[1]")
    return rejected.value.cause, rejected.value.parameter


def test_bearer_is_offered_as_available_while_it_is_up() -> None:
    binder = bearers()
    assert binder.offers() == (BearerOffer("UDP", False), BearerOffer("SMS", False))
    binder.up("udp", "127.0.0.1:2948")
    assert binder.offers()[0] == BearerOffer("UDP", True)
    binder.down("UDP")
    assert not binder.offers()[0].available


def test_variant_without_bearers_is_neither_default_nor_supported() -> None:
    binder = SharedBearers("OTA-WSP", [])
    assert binder.offers() == ()
    assert not binder.is_default()
    assert bearers().is_default()
    assert refused(binder, ANY) == (Reason.UNSUPPORTED_OPTION, "profiles[1].protocol")


@pytest.mark.parametrize("bearer_type", [None, "any", "ANY", "SMS", "sms"])
def test_profile_names_its_bearer_in_any_case(bearer_type: str | None) -> None:
    profile = ConnectionProfile("OTA-WSP", bearer_type, contact_point="192.0.2.1")
    assert bearers().scope(REQUEST, profile, "profiles[1]") == SHARED


@pytest.mark.parametrize(
    ("profile", "parameter"),
    [
        (ConnectionProfile("OTA-HTTP"), "protocol"),
        (ConnectionProfile(bearer_type="GPRS"), "bearer_type"),
        (ConnectionProfile(port=2950), "port"),
        (ConnectionProfile(cb_message_id="41120"), "cb_message_id"),
        (
            ConnectionProfile(mbms_user_service_description="<x/>"),
            "mbms_user_service_description",
        ),
        (ConnectionProfile(bcast_access_info="NT"), "bcast_access_info"),
    ],
)
def test_option_that_makes_no_sense_is_refused_by_name(
    profile: ConnectionProfile, parameter: str
) -> None:
    """CAI-26"""
    assert refused(bearers(), profile) == (
        Reason.UNSUPPORTED_OPTION,
        f"profiles[1].{parameter}",
    )


def test_bearer_that_is_down_is_unavailable() -> None:
    """T-16"""
    binder = bearers()
    binder.down("SMS", Reason.BEARER_LOST, "no modem")
    by_sms = ConnectionProfile(bearer_type="SMS")
    assert refused(binder, by_sms) == (Reason.UNAVAILABLE, "profiles[1].bearer_type")
    assert binder.scope(REQUEST, ANY, "profiles[0]") == SHARED  # UDP may be up soon
    binder.down("UDP")
    assert refused(binder, ANY)[0] is Reason.UNAVAILABLE
    binder.up("SMS")
    assert binder.scope(REQUEST, by_sms, "profiles[0]") == SHARED


async def test_binding_follows_its_bearer() -> None:
    binder, notes = bearers(), BindingNotes()
    binder.begin(registration_of(), ConnectionProfile(bearer_type="sms"), notes, "")
    assert notes.told == []
    binder.binding_up(Binding("OTA-WSP", "UDP", "elsewhere"))
    assert notes.told == []
    binder.binding_up(Binding("OTA-WSP", "SMS", "modem"))
    binder.binding_up(Binding("OTA-WSP", "SMS", "modem"))
    binder.down("SMS", Reason.NETWORK_ERROR, "no network")
    binder.binding_up(Binding("OTA-WSP", "SMS", "modem"))
    up = Binding("OTA-WSP", "SMS", "modem")
    lost = Binding("OTA-WSP", "SMS", "", LOST, Reason.NETWORK_ERROR, "no network")
    assert notes.told == [up, lost, up]


async def test_binding_over_any_bearer_is_up_as_long_as_one_is() -> None:
    binder, notes = bearers(), BindingNotes()
    binder.up("UDP", "127.0.0.1:2948")
    binder.begin(registration_of(), ANY, notes, "")
    binder.up("SMS", "modem")
    binder.binding_down("OTA-WSP", "UDP")
    binder.binding_down("OTA-WSP", "SMS")
    assert [(one.state, one.bearer, one.address) for one in notes.told] == [
        (UP, "UDP", "127.0.0.1:2948"),
        (UP, "UDP, SMS", "127.0.0.1:2948, modem"),
        (UP, "SMS", "modem"),
        (LOST, "UDP, SMS", ""),
    ]
    assert notes.told[-1].reason is Reason.BEARER_LOST


async def test_binding_begun_while_its_bearer_is_down_says_why_it_waits() -> None:
    binder, notes = bearers(), BindingNotes()
    binder.down("SMS", Reason.BEARER_LOST, "no modem")
    binder.begin(registration_of(), ConnectionProfile(bearer_type="SMS"), notes, "")
    assert [(one.state, one.detail) for one in notes.told] == [(BindingState.PENDING, "no modem")]
    binder.up("SMS")
    assert notes.states == [BindingState.PENDING, UP]


async def test_binding_to_a_bearer_that_is_not_set_up_any_more_fails() -> None:
    binder, notes = bearers(), BindingNotes()
    binder.begin(registration_of(), ConnectionProfile(bearer_type="GPRS"), notes, "")
    assert (notes.states, notes.told[0].reason) == ([FAILED], Reason.UNSUPPORTED_OPTION)


async def test_nothing_is_told_of_a_binding_that_was_left_off() -> None:
    binder, notes = bearers(), BindingNotes()
    hold = binder.begin(registration_of(), ANY, notes, "")
    await hold.close()
    await hold.close()
    binder.up("SMS")
    assert notes.told == []
    await binder.withdraw("")


async def test_those_who_know_gateways_are_told_to_announce() -> None:
    announced: list[str] = []
    binder = bearers()
    binder.announce()
    binder.announce_to(lambda: announced.append("sessions"))
    binder.announce_to(lambda: announced.append("listeners"))
    hold = binder.begin(registration_of(), ANY, BindingNotes(), "")
    hold.refresh(registration_of())
    assert announced == []
    binder.announce()
    assert announced == ["sessions", "listeners"]
