"""Which push service serves a request, what it offers, and what is known of clients by it."""

from __future__ import annotations

import pytest

from omapush.core.instants import Instant
from omapush.ota.http import cpi
from omapush.ota.interface import ClientCapabilities
from omapush.ota.service_registration import RegisteredProfile, ServiceRegistrationRequest
from omapush.ppg.capabilities import capabilities_of
from omapush.ppg.profiles import known_capabilities
from omapush.ppg.service_registration.known import (
    AT_PUSH_SERVICES,
    told_on_connection,
    union_record,
)
from omapush.ppg.service_registration.services import (
    NoSuchServiceError,
    NothingOfferedError,
    PushService,
    offer_for,
)
from omapush.ppg.store.contract import RegistrationRecord
from omapush.ppg.store.service_registration_contract import ServiceRegistrationRecord

HTTP = RegisteredProfile("OTA-HTTP", port=4035, contact_point="ppg.example.com", priority=1)
CELL = RegisteredProfile("OTA-PTM", cb_message_id="0xA0A0", priority=2)
EITHER = RegisteredProfile(None, "GPRS", priority=3)
SERVICES = (
    PushService("mms", ("x-wap-application:mms.ua",), (HTTP, CELL)),
    PushService("acme", ("urn:acme:*", "x-oma-application:dpe.ua"), (EITHER, CELL)),
    PushService("provisioned", ("x-wap-application:loc.ua", "x-wap-application:emn.ua")),
)
NOW = Instant(1_000_000)


def request(*ids: str, protocols: tuple[str, ...] = ()) -> ServiceRegistrationRequest:
    return ServiceRegistrationRequest(ClientCapabilities(accept_app_id=ids), protocols)


@pytest.mark.parametrize(
    ("asked", "service", "served"),
    [
        (("x-wap-application:mms.ua",), "mms", ("x-wap-application:mms.ua",)),
        (("4",), "mms", ("4",)),
        (("urn:acme:meter", "urn:other"), "acme", ("urn:acme:meter",)),
        (("x-oma-application:dpe.ua", "x-wap-application:mms.ua"), "mms",
         ("x-wap-application:mms.ua",)),
        (("*",), "mms", ("x-wap-application:mms.ua",)),
        (("x-wap-application:emn.ua",) * 2, "provisioned", ("x-wap-application:emn.ua",)),
    ],
)  # fmt: skip
def test_first_service_for_one_of_the_applications_serves_those_that_it_is_for(
    asked: tuple[str, ...], service: str, served: tuple[str, ...]
) -> None:
    offer = offer_for(SERVICES, request(*asked))
    assert (offer.service.name, offer.application_ids) == (service, served)


def test_service_for_all_applications_serves_even_ids_that_nobody_can_read() -> None:
    services = (*SERVICES, PushService("rest", profiles=(HTTP,)))
    assert offer_for(services, request("no id at all")).service.name == "rest"
    assert offer_for(services[-1:], request("*")).application_ids == ()


@pytest.mark.parametrize("asked", [("urn:other",), ("no id at all",), ()])
def test_application_without_a_service_is_refused(asked: tuple[str, ...]) -> None:
    with pytest.raises(NoSuchServiceError):
        offer_for(SERVICES, request(*asked))


def test_profiles_are_those_of_variants_that_the_client_offers() -> None:
    asked = request("urn:acme:meter", protocols=("ota-ptm", "OTA-SIP"))
    assert offer_for(SERVICES, asked).profiles == (EITHER, CELL)
    asked = request("x-wap-application:mms.ua", protocols=("OTA-HTTP",))
    assert offer_for(SERVICES, asked).profiles == (HTTP,)
    assert offer_for(SERVICES, request("x-wap-application:mms.ua")).profiles == (HTTP, CELL)
    with pytest.raises(NothingOfferedError):
        offer_for(SERVICES, request("x-wap-application:mms.ua", protocols=("OTA-SIP",)))


def test_provisioned_profile_fits_every_variant() -> None:
    offer = offer_for(SERVICES, request("x-wap-application:loc.ua", protocols=("OTA-SIP",)))
    assert offer.profiles == ()


def registration(number: int, *ids: str, accept: str) -> ServiceRegistrationRecord:
    capabilities = ClientCapabilities(
        accept=(accept,), accept_app_id=ids, max_message_size=number * 1_000
    )
    at = Instant(NOW + number)
    headers = (*cpi.to_headers(capabilities), ("x-wap-profile", f'"http://p.example/{number}"'))
    return ServiceRegistrationRecord(
        f"r{number}", "client a", "mms", at, at, Instant(at + 1), "a", "4165", cpi=headers
    )


def test_client_takes_what_all_of_its_registrations_say() -> None:
    told = [
        registration(2, "urn:b", accept="text/plain"),
        registration(1, "urn:a", accept="text/html"),
    ]
    record = union_record("a", told, NOW)
    known = capabilities_of(record)
    assert known is not None
    assert set(known.accept_app_id) == {"urn:a", "urn:b"}
    assert set(known.accept) == {"text/plain", "text/html"}
    assert known.max_message_size == 2_000
    assert ("x-wap-profile", '"http://p.example/2"') in record.cpi[record.cpi_tag or ""]
    assert (record.bearer, record.seen_at, record.terminal_id) == (
        AT_PUSH_SERVICES,
        NOW + 2,
        None,
    )


def test_client_without_registrations_is_not_known() -> None:
    assert capabilities_of(union_record("a", [], NOW)) is None


def test_registration_whose_capabilities_cannot_be_read_any_more_counts_as_silent() -> None:
    told = registration(1, "urn:a", accept="text/html")
    broken = ServiceRegistrationRecord(
        "r2", "client a", "mms", NOW, NOW, NOW, "a", cpi=((cpi.MAX_MSG_SIZE, "many"),)
    )
    known = capabilities_of(union_record("a", [told, broken], NOW))
    assert known is not None
    assert "urn:a" in known.accept_app_id


async def test_what_a_client_says_when_it_connects_stands_before_its_registrations() -> None:
    at_services = union_record("a", [registration(1, "urn:a", accept="text/html")], NOW)
    headers = cpi.to_headers(ClientCapabilities(accept_app_id=("urn:x",)))
    older = RegistrationRecord("a", "00", Instant(1), "4165", "tag", {"tag": headers})
    assert told_on_connection([at_services, older]) is older
    assert told_on_connection([at_services]) is None
    known = await known_capabilities([at_services, older], None)
    assert known is not None
    assert known.accept_app_id == ("urn:x",)
    known = await known_capabilities([at_services], None)
    assert known is not None
    assert known.accept_app_id == ("urn:a",)
