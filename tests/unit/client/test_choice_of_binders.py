"""Which bindings a registration asks for, and which options are refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.client.test_bindings import NotingBinder

from omapush.cai.model import ConnectionProfile, Reason, RegistrationRejected, RegistrationRequest
from omapush.client.binding.binder import BearerOffer
from omapush.client.binding.choice_of_binders import Ways

HTTP, SIP = ConnectionProfile(protocol="OTA-HTTP"), ConnectionProfile(protocol="OTA-SIP")


class Choosy(NotingBinder):
    """Takes some bearers, and gives instances a scope of their own."""

    def __init__(self, protocol: str, *bearers: str, default: bool = True) -> None:
        super().__init__(protocol)
        self.bearers = bearers
        self.default = default

    def offers(self) -> tuple[BearerOffer, ...]:
        return tuple(BearerOffer(one, available=True) for one in self.bearers)

    def is_default(self) -> bool:
        return self.default

    def scope(self, request: RegistrationRequest, profile: ConnectionProfile, where: str) -> str:
        if profile.bearer_type not in (None, *self.bearers):
            detail = f"no {profile.bearer_type}"
            raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, f"{where}.bearer_type")
        return f"instance {request.instance}" if self.protocol == "OTA-SIP" else ""


WAYS = Ways(
    (
        Choosy("OTA-HTTP", "GPRS"),
        Choosy("OTA-WSP", "SMS"),
        Choosy("OTA-SIP", "IMS", default=False),
        Choosy("OTA-PTM"),
    )
)


def chosen(ways: Ways = WAYS, *defaults: ConnectionProfile, **members: Any) -> list[str]:
    request = RegistrationRequest("x:y", **members)
    return [one.protocol for one in ways.bindings_for(request, defaults)]


def refused(ways: Ways = WAYS, **members: Any) -> tuple[Reason, str | None]:
    with pytest.raises(RegistrationRejected) as caught:
        chosen(ways, **members)
    return caught.value.cause, caught.value.parameter


def test_nothing_said_means_every_default_variant_that_is_set_up() -> None:
    """T-14, CAI-12"""
    assert chosen() == ["OTA-HTTP", "OTA-WSP"]


def test_each_profile_gets_its_variant() -> None:
    """T-13"""
    assert chosen(profiles=(SIP, HTTP)) == ["OTA-SIP", "OTA-HTTP"]


def test_profile_without_protocol_gets_those_that_take_it() -> None:
    profile = ConnectionProfile(bearer_type="SMS")
    (wanted,) = WAYS.bindings_for(RegistrationRequest("x:y", profiles=(profile,)))
    assert (wanted.protocol, wanted.profile.protocol) == ("OTA-WSP", "OTA-WSP")


@pytest.mark.parametrize(
    ("profile", "parameter"),
    [
        (ConnectionProfile(protocol="OTA-FOO"), "profiles[1].protocol"),  # T-17
        (ConnectionProfile(protocol="OTA-PTM"), "profiles[1].protocol"),  # T-15: not set up
        (ConnectionProfile("OTA-HTTP", "CSD"), "profiles[1].bearer_type"),
        (ConnectionProfile(bearer_type="CSD"), "profiles[1].bearer_type"),
    ],
)
def test_option_that_cannot_be_had_is_refused_by_name(
    profile: ConnectionProfile, parameter: str
) -> None:
    """CAI-26"""
    assert refused(profiles=(HTTP, profile)) == (Reason.UNSUPPORTED_OPTION, parameter)


def test_default_profiles_of_the_device_count_where_nothing_is_said() -> None:
    """CAI-33"""
    assert chosen(WAYS, SIP) == ["OTA-SIP"]
    assert chosen(WAYS, ConnectionProfile(protocol="OTA-PTM"), HTTP) == ["OTA-HTTP"]
    assert chosen(WAYS, SIP, profiles=(HTTP,)) == ["OTA-HTTP"]


def test_nothing_available_is_told_as_such() -> None:
    """T-16"""
    assert refused(Ways((Choosy("OTA-HTTP"),))) == (Reason.UNAVAILABLE, None)
    assert refused(Ways()) == (Reason.UNAVAILABLE, None)


def test_registration_uri_needs_who_carries_out_the_procedure() -> None:
    """CAI-10, CAI-29, CAI-30"""
    registrar = Choosy("service registration", default=False)
    ways = Ways(WAYS.binders, registrar)
    uri = "http://ppg.example.com/register"
    assert chosen(ways, registration_uri=uri) == ["service registration"]
    assert chosen(ways) == ["OTA-HTTP", "OTA-WSP"]
    registrar.default = True
    assert chosen(ways) == ["service registration"]
    assert refused(registration_uri=uri) == (Reason.UNSUPPORTED_OPTION, "registration_uri")


def test_instance_needs_a_variant_that_tells_instances_apart() -> None:
    """CAI-22"""
    assert chosen(profiles=(SIP,), instance="urn:uuid:1") == ["OTA-SIP"]
    assert refused(instance="urn:uuid:1") == (Reason.UNSUPPORTED_OPTION, "instance")
