"""Each kind of entry against each kind of source."""

from __future__ import annotations

import ipaddress

import pytest

from omapush.cai.model import (
    ConnectionProfile,
    Reason,
    RegistrationRejected,
    RegistrationRequest,
    WhitelistEntry,
)
from omapush.client.trust.source_addresses import comparable_uri, derived_kind, host_of, read_party
from omapush.client.trust.whitelist import (
    AllowedApplication,
    Source,
    admits,
    contact_points_of,
    names_to_know,
    read_entries,
)
from omapush.content.application_id import ApplicationId
from omapush.ota.interface import AddressKind, PushSource

KNOWN = {"ppg.example.com": frozenset({ipaddress.ip_address("192.0.2.1")})}
HTTP = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1")
PROVED = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.9", identity="PPG.example.com")
SIP = PushSource("OTA-SIP", "UDP", "192.0.2.9", identity="sip:push@Example.com;user=ip")
SMS = PushSource("OTA-WSP", "SMS", "0401234567", kind=AddressKind.NUMBER, service_centre="+358501")
NAMED = PushSource("OTA-WSP", "SMS", "ppg.example.com", kind=AddressKind.NAME)
BROADCAST = PushSource("OTA-PTM", "CBS", "cbs:262-01:4112", kind=AddressKind.NAME)
IMITATED = PushSource("OTA-WSP", "SMS", "cbs:262-01:4112", kind=AddressKind.NAME)
BY_APN = PushSource("OTA-WSP", "UDP", "192.0.2.9", access_point="Push.Example")


@pytest.mark.parametrize(
    ("addr", "kind", "of", "not_of"),
    [
        ("192.0.2.0/28", None, [HTTP, PROVED, SIP, BY_APN], [SMS, NAMED]),
        ("2001:db8::/32", "ipv6", [], [HTTP]),
        ("ppg.example.com", None, [HTTP, PROVED], [SIP, NAMED, BY_APN]),
        ("PPG.Example.COM.", "FQDN", [HTTP, PROVED], [SIP]),
        ("ppg.example.com:4036", None, [HTTP, PROVED], [SIP]),
        ("https://ppg.example.com/", None, [HTTP, PROVED], [SIP, NAMED]),
        ("http://192.0.2.1:4036/push", None, [HTTP], [PROVED]),
        ("sip:ppg.example.com", "URI", [HTTP, PROVED], [SIP]),
        ("sip:push@example.com", None, [SIP], [HTTP, PROVED]),
        ("sip:other@example.com", None, [], [SIP]),
        ("example.com", None, [], [SIP]),  # whoever has an account there is not meant
        ("+358 50 1", "SMSC", [SMS], [HTTP]),
        ("ppg.example.com", "ALPHA", [NAMED], [HTTP, PROVED]),
        ("push.example", "APN", [BY_APN], [HTTP]),
        ("CBS:262-01:0x1010", None, [BROADCAST], [IMITATED]),
        ("cbs:262-01:4113", None, [], [BROADCAST]),
    ],
)
def test_entry_names_its_sources_and_no_others(
    addr: str, kind: str | None, of: list[PushSource], not_of: list[PushSource]
) -> None:
    _, party = read_party(addr, kind, "whitelist[0]")
    assert [one for one in of if not party.is_of(one, KNOWN)] == []
    assert [one for one in not_of if party.is_of(one, KNOWN)] == []


def test_national_form_counts_only_with_the_country_code_of_the_device() -> None:
    entry = WhitelistEntry("+358401234567")
    assert not admits(read_entries([entry]), (), SMS, "text/plain")
    assert admits(read_entries([entry], "358"), (), SMS, "text/plain")
    national = WhitelistEntry("040 1234567", "E164")
    abroad = PushSource("OTA-WSP", "SMS", "+358401234567", kind=AddressKind.NUMBER)
    assert admits(read_entries([national], "358"), (), abroad, "text/plain")


@pytest.mark.parametrize(
    ("addr", "kind"),
    [
        ("192.0.2.1", "IPV4"),
        ("2001:db8::/32", "IPV6"),
        ("+358401", "E164"),
        ("cbs:262-01:1", "CBS"),
        ("sip:push@example.com", "URI"),
        ("urn:example:ppg", "URI"),
        ("ppg.example.com", "FQDN"),
        ("localhost:4036", "FQDN"),
    ],
)
def test_kind_follows_from_the_address(addr: str, kind: str) -> None:
    assert derived_kind(addr) == kind
    assert read_party(addr, None, "")[0] == kind


@pytest.mark.parametrize(
    ("addr", "kind"),
    [
        ("192.0.2.1.5", None),
        ("exa mple.com", None),
        ("-.example.com", "FQDN"),
        ("a" * 64 + ".com", "FQDN"),
        ("ppg.example.com", "URI"),
        ("https:", "URI"),
        ("cbs:262-01:99999", None),
        ("cbs:262:1", None),
        ("not an apn", "APN"),
        ("x" * 600, "ALPHA"),
        ("   ", "ALPHA"),
    ],
)
def test_address_that_is_not_of_its_kind_is_rejected(addr: str, kind: str | None) -> None:
    with pytest.raises(RegistrationRejected) as caught:
        read_party(addr, kind, "whitelist[3]")
    assert (caught.value.cause, caught.value.parameter) == (
        Reason.INVALID_PARAMETER,
        "whitelist[3].addr",
    )


def test_uris_that_mean_the_same_compare_equal() -> None:
    assert comparable_uri("HTTPS://PPG.example.com/") == "https://ppg.example.com"
    assert comparable_uri("sip:Push@EXAMPLE.com;transport=tcp") == "sip:Push@example.com"
    assert comparable_uri("tel:+358-40-1;phone-context=x") == "tel:+358401"
    assert comparable_uri("URN:x:Y") == "urn:x:Y"
    assert comparable_uri("ppg.example.com") is None
    assert host_of("sip:push@example.com") is None
    assert host_of("https://PPG.example.com:4036/x") == "ppg.example.com"
    assert host_of("https://192.0.2.1") is None


MMS = ApplicationId.parse("4")
WML = ApplicationId.parse("x-wap-application:wml.ua")
EVERYBODY = ApplicationId.parse("0")


def test_entry_holds_for_its_applications_and_their_types_only() -> None:
    """MO-T2"""
    allowed = AllowedApplication(
        ApplicationId.parse("X-WAP-Application:mms.ua"), ("application/vnd.wap.mms-message",)
    )
    [plain] = read_entries([WhitelistEntry("192.0.2.1")])
    entry = Source(plain.party, applications=(allowed,))
    assert entry.matches(HTTP, "application/vnd.wap.mms-message", MMS)
    assert not entry.matches(HTTP, "text/plain", MMS)
    assert not entry.matches(HTTP, "application/vnd.wap.mms-message", WML)
    # Whom the push is for has to be known, and a push to everybody is not one to this application.
    assert not entry.matches(HTTP, "application/vnd.wap.mms-message", None)
    assert not entry.matches(HTTP, "application/vnd.wap.mms-message", EVERYBODY)
    anybody = Source(plain.party, applications=(AllowedApplication(EVERYBODY, ("text/*",)),))
    assert anybody.matches(HTTP, "text/plain", WML)
    assert anybody.matches(HTTP, "text/vnd.wap.si", EVERYBODY)
    assert not anybody.matches(HTTP, "image/png", WML)


def test_names_are_looked_up_only_where_they_may_decide() -> None:
    entries = read_entries(
        [
            WhitelistEntry("ppg.example.com"),
            WhitelistEntry("https://ppg.example.com"),
            WhitelistEntry("two.example.com", content_types=("image/*",)),
            WhitelistEntry("192.0.2.1"),
        ]
    )
    assert names_to_know(entries, HTTP, "text/plain", WML) == ("ppg.example.com",)
    assert names_to_know(entries, HTTP, "image/png", WML) == ("ppg.example.com", "two.example.com")
    assert names_to_know(entries, SMS, "text/plain", WML) == ()


def test_contact_point_is_an_address_a_name_or_a_uri() -> None:
    """CAI-15"""

    def expected(text: str) -> tuple[Source, ...]:
        return contact_points_of(
            RegistrationRequest("2", profiles=(ConnectionProfile(contact_point=text),))
        )

    for text in ("192.0.2.1", "ppg.example.com", "https://ppg.example.com/x", "ppg.example.com:80"):
        assert admits((), expected(text), HTTP, "text/plain", WML, KNOWN)
        assert not admits((), expected(text), BY_APN, "text/plain", WML, KNOWN)
    for text in ("+358401", "the gateway", ""):
        with pytest.raises(RegistrationRejected) as caught:
            expected(text)
        assert caught.value.parameter == "profiles[0].contact_point"
