"""Who gets a push; the rest of the rules is in the tests of delivery and in the property tests."""

from __future__ import annotations

import pytest

from omapush.cai.model import (
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
    WhitelistEntry,
)
from omapush.client.applications import check_request
from omapush.client.dispatch import Receiver, Refusal, application_of, misfit, receiver_of
from omapush.client.trust.whitelist import admits, read_entries, type_matches
from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.interface import AddressKind, PoConfirmedPushInd, PushSource, PushStatus

WML = "x-wap-application:wml.ua"
ANY = "x-wap-application:*"
HERE = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1")


def registered(
    identifier: str,
    accept: tuple[str, ...] = (),
    state: RegistrationState = RegistrationState.REGISTERED,
) -> Registration:
    request = RegistrationRequest(identifier, accept=accept)
    canonical = check_request(request).canonical
    now = Instant(0)
    return Registration(f"{identifier} {accept}", "P", canonical, request, state, now, now)


def push(application: str, media_type: str = "text/plain") -> PoConfirmedPushInd:
    headers = (("X-Wap-Application-Id", application), ("Content-Type", media_type))
    return PoConfirmedPushInd(
        "1", PushMessage(headers, b""), PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1")
    )


def choose(push: PoConfirmedPushInd, registrations: list[Registration]) -> Registration | Refusal:
    application = application_of(push)
    if isinstance(application, Refusal):
        return application
    found = receiver_of(application, push, [Receiver(one) for one in registrations])
    refusal = misfit(found, application, push)
    if refusal is not None:
        return refusal
    assert found is not None
    return found


def test_own_registration_goes_before_one_for_every_application() -> None:
    every, own = registered(ANY), registered(WML)
    assert choose(push("2"), [every, own]) is own
    assert choose(push("4"), [every, own]) is every


def test_push_to_every_application_goes_to_first_that_takes_its_type() -> None:
    first, second = registered("x:1", ("image/*",)), registered("x:2", ("text/plain",))
    assert choose(push("0"), [first, second]) is second
    refusal = choose(push(ANY, "audio/amr"), [first, second])
    assert isinstance(refusal, Refusal)
    assert refusal.status is PushStatus.USERDCU


def test_private_code_reaches_registration_under_that_number() -> None:
    private = registered("7FFF")
    assert choose(push("7fff"), [private]) is private
    assert choose(push("vnd.acme:x;app-encoding=7FFF"), [private]) is private
    by_uri = registered("vnd.acme:x")
    assert choose(push("vnd.acme:x;app-encoding=7FFF"), [by_uri]) is by_uri


@pytest.mark.parametrize("state", [one for one in RegistrationState if not one.is_live])
def test_registration_that_is_not_live_gets_nothing(state: RegistrationState) -> None:
    refusal = choose(push(WML), [registered(WML, state=state)])
    assert isinstance(refusal, Refusal)
    assert refusal.status is PushStatus.USERPND


def test_malformed_application_id_costs_235() -> None:
    refusal = choose(push("not an id"), [registered(WML)])
    assert isinstance(refusal, Refusal)
    assert refusal.status is PushStatus.USERRFS


@pytest.mark.parametrize(
    ("device", "own", "admitted"),
    [
        (None, (), True),
        ((), (), False),  # a list that is there and empty trusts nobody
        (None, ("192.0.2.1",), True),
        (None, ("192.0.2.2",), False),
        (("192.0.2.2",), ("192.0.2.1",), True),
        (("192.0.2.0/24",), (), True),
        (("2001:db8::/32",), (), False),
        (("0.0.0.0/0",), (), True),
    ],
)
def test_source_is_on_one_of_the_lists_in_force(
    device: tuple[str, ...] | None, own: tuple[str, ...], admitted: bool
) -> None:
    def read(addresses: tuple[str, ...]) -> tuple[WhitelistEntry, ...]:
        return tuple(WhitelistEntry(address) for address in addresses)

    lists = None if device is None else read_entries(read(device))
    assert admits(lists, read_entries(read(own)), HERE, "text/plain") is admitted


def test_entry_holds_for_its_types_only() -> None:
    entries = read_entries([WhitelistEntry("192.0.2.1", content_types=("text/*",))])
    assert admits(entries, (), HERE, "text/plain")
    assert not admits(entries, (), HERE, "image/png")


@pytest.mark.parametrize(
    ("entry", "cause"),
    [
        (WhitelistEntry("2001:db8::1", "IPV4"), Reason.INVALID_PARAMETER),
        (WhitelistEntry("192.0.2.1", "FQDN"), Reason.INVALID_PARAMETER),
        (WhitelistEntry("192.0.2.1/33"), Reason.INVALID_PARAMETER),
        (WhitelistEntry("192.0.2.1", "IMSI"), Reason.UNSUPPORTED_OPTION),
        (WhitelistEntry("+49 171 zero"), Reason.INVALID_PARAMETER),
        (WhitelistEntry("", "ALPHA"), Reason.INVALID_PARAMETER),
    ],
)
def test_entry_that_cannot_be_compared_is_rejected(entry: WhitelistEntry, cause: Reason) -> None:
    with pytest.raises(RegistrationRejected) as caught:
        read_entries([entry])
    assert caught.value.cause is cause
    assert str(caught.value.parameter).startswith("whitelist[0].")


NUMBER, NAME = AddressKind.NUMBER, AddressKind.NAME


@pytest.mark.parametrize(
    ("entry", "address", "kind", "centre", "admitted"),
    [
        (WhitelistEntry("+358401234567"), "+358401234567", NUMBER, None, True),
        (WhitelistEntry("00358 40 123 4567", "E164"), "+358401234567", NUMBER, None, True),
        (WhitelistEntry("12345", "E164"), "12345", NUMBER, None, True),
        (WhitelistEntry("12345", "E164"), "123456", NUMBER, None, False),
        # Who may choose a name may choose one that looks like somebody's number or address.
        (WhitelistEntry("+358401234", "E164"), "+358401234", NAME, None, False),
        (WhitelistEntry("192.0.2.1"), "192.0.2.1", NAME, None, False),
        (WhitelistEntry("Operator", "ALPHA"), "Operator", NAME, None, True),
        (WhitelistEntry("12345", "ALPHA"), "12345", NUMBER, None, False),
        (WhitelistEntry("+358501", "SMSC"), "Anybody", NAME, "+358501", True),
        (WhitelistEntry("+358501", "SMSC"), "+358501", NUMBER, None, False),
    ],
)
def test_originator_is_compared_with_its_like_only(
    entry: WhitelistEntry, address: str, kind: AddressKind, centre: str | None, admitted: bool
) -> None:
    source = PushSource("OTA-WSP", "SMS", address, kind=kind, service_centre=centre)
    assert admits(read_entries([entry]), (), source, "text/plain") is admitted


def test_media_types_compare_without_case_and_parameters() -> None:
    assert type_matches("Text/Plain; charset=utf-8", "text/plain")
    assert type_matches("*/*", "image/png")
    assert not type_matches("text/plain", "text/html")
