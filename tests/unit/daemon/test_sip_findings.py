"""Settings of OTA-SIP that are allowed and will hardly be meant; and registrations in them."""

from __future__ import annotations

from typing import Any

import pytest

from omapush.content.application_id import ApplicationId
from omapush.daemon.clock import SystemClock
from omapush.daemon.policies import policies
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_table import SettingsError
from omapush.daemon.sip import check_sip
from omapush.daemon.sip_findings import sip_findings
from omapush.daemon.sip_registrations import static_registrations
from omapush.daemon.sip_settings import SipTable

HERE: dict[str, Any] = {
    "core": "127.0.0.1:5060",
    "uri": "sip:ppg@push.test",
    "listen_udp": "127.0.0.1:5070",
}
THERE = HERE | {"core": "192.0.2.1:5061", "transport": "tls", "listen_tcp": "192.0.2.2:5070"}
ALICE: dict[str, Any] = {"id": "alice", "sip": "sip:alice@push.test"}


def findings(sip: dict[str, Any], **tables: Any) -> str:
    settings = PpgSettings(sip=sip, **tables)
    clients = policies(settings, SystemClock()).recipients.clients.values()
    return "\n".join(sip_findings(settings, clients))


def test_settings_that_are_whole_are_without_findings() -> None:
    assert findings(HERE, clients=[ALICE]) == ""
    assert findings(THERE, subscribers=[{"sip_domains": ["push.test"]}]) == ""
    assert findings({}) == ""
    assert findings(HERE | {"core": "localhost:5060"}, clients=[ALICE]) == ""
    registered = HERE | {"registrations": [{"user": "sip:alice@push.test"}]}
    assert findings(registered, clients=[ALICE]) == ""
    assert findings(registered, subscribers=[{"sip_domains": ["Push.test"]}]) == ""


@pytest.mark.parametrize(
    ("sip", "said"),
    [
        ({}, "no core leads to them"),
        (THERE | {"transport": "tcp"}, "whoever is between gateway and core"),
        (THERE | {"msrp_listen": "192.0.2.2:2855"}, "set msrp_secure"),
        (HERE | {"message_size_limit": 4_000}, "message_size_limit = 4000"),
        (HERE | {"via_reserve": 1_000}, "via_reserve leaves hardly any room"),
        (HERE | {"contact_point": "127.0.0.1:5060"}, "none can be asked"),
        (HERE | {"registrations": [{"user": "sip:eve@push.test"}]}, "sip:eve@push.test is no"),
    ],
)
def test_what_will_hardly_be_meant_is_said(sip: dict[str, Any], said: str) -> None:
    assert said in findings(sip, clients=[ALICE])


def test_core_without_users_is_said() -> None:
    assert "nobody is reached by it" in findings(HERE)


def test_files_of_the_settings_are_looked_at_beforehand() -> None:
    check_sip(PpgSettings(sip=HERE))
    missing = THERE | {"tls_ca": "missing.pem"}
    with pytest.raises(SettingsError, match=r"sip\.tls_ca: missing\.pem"):
        check_sip(PpgSettings(sip=missing))
    account = HERE | {"username": "ppg", "password_file": "missing"}
    with pytest.raises(SettingsError, match=r"sip\.password_file"):
        check_sip(PpgSettings(sip=account))


def test_registrations_of_the_settings_are_devices() -> None:
    table = SipTable(
        **HERE,
        registrations=[
            {
                "user": "sip:alice@push.test",
                "gruu": "sip:alice@push.test;gr=urn:uuid:1",
                "applications": ["x-wap-application:mms.ua"],
                "accept": ["application/vnd.wap.mms-message"],
                "max_message_size": 9_000,
                "methods": ["MESSAGE"],
            },
            {"user": "sip:alice@push.test"},
        ],
    )
    first, second = static_registrations(table)["sip:alice@push.test"]
    assert (first.key, first.methods) == ("urn:uuid:1", {"MESSAGE"})
    assert first.wants_bare
    assert first.capabilities is not None
    assert first.capabilities.max_message_size == 9_000
    assert not first.serves(ApplicationId.parse("x-wap-application:wml.ua"))
    assert second.serves(ApplicationId.parse("x-wap-application:wml.ua"))
    assert not second.wants_bare


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"gruu": "sip:bob@push.test;gr=urn:uuid:1"}, r"sip\.registrations\[0\]: gruu is of"),
        ({"applications": ["no id"]}, r"sip\.registrations\[0\]: applications"),
    ],
)
def test_registration_that_contradicts_itself_is_refused(
    changed: dict[str, Any], reason: str
) -> None:
    table = HERE | {"registrations": [{"user": "sip:alice@push.test"} | changed]}
    with pytest.raises(SettingsError, match=reason):
        check_sip(PpgSettings(sip=table))
