"""What the settings of OTA-SIP at the gateway take and refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from omapush.daemon.client_settings import ClientTable, ContactTable, SubscribersTable
from omapush.daemon.client_sip import digest_of as digest_of_user
from omapush.daemon.client_sip_settings import ClientSipTable
from omapush.daemon.settings_table import Endpoint
from omapush.daemon.sip import digest_of
from omapush.daemon.sip_settings import SipTable
from omapush.ppg.contacts import Contact, SipContact
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse

LEAST: dict[str, Any] = {
    "core": "127.0.0.1:5060",
    "uri": "sip:ppg@push.test",
    "listen_udp": "127.0.0.1:5070",
}


def test_least_settings_serve_the_gateways_own_domain() -> None:
    table = SipTable(**LEAST)
    assert table.core == Endpoint("127.0.0.1", 5060)
    assert table.own_domains() == ("push.test",)
    assert table.listens() == (Endpoint("127.0.0.1", 5070),)
    assert table.secret() is None


@pytest.mark.parametrize(("realm", "answers"), [(None, True), ("other", False), ("core", True)])
def test_password_is_proved_to_the_realm_that_is_set(realm: str | None, *, answers: bool) -> None:
    challenge = ("Proxy-Authenticate", 'Digest realm="core", nonce="n", qop="auth"')
    response = SipResponse(407, "Challenge", SipHeaders((challenge,)))
    request = SipRequest("MESSAGE", "sip:alice@push.test")
    gateway = digest_of(SipTable(**LEAST, username="ppg", password="secret", realm=realm))
    user = digest_of_user(
        ClientSipTable(core="127.0.0.1:5060", aor="sip:a@b", password="secret", realm=realm)
    )
    for digest in (gateway, user):
        assert digest is not None
        assert (digest.answer(request, response) is not None) is answers


def test_without_core_nothing_is_set_up() -> None:
    assert SipTable().core is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"core": None}, "needs core"),
        ({"uri": None}, "core needs uri"),
        ({"uri": "sip:ppg@push.test;lr"}, "without parameters"),
        ({"uri": "ppg@push.test"}, "without parameters"),
        ({"listen_udp": None}, "needs listen_udp, listen_tcp or listen_tls"),
        ({"listen_udp": None, "listen_tcp": "127.0.0.1:5070"}, "needs listen_udp"),
        ({"listen_tls": "127.0.0.1:5071"}, "need tls_certificate and tls_key"),
        ({"msrp_listen": "127.0.0.1:0", "msrp_secure": True}, "need tls_certificate and tls_key"),
        ({"tls_key": "key.pem"}, "need each other"),
        ({"username": "ppg"}, "username and a password need each other"),
        ({"password": "x"}, "username and a password need each other"),
        ({"username": "ppg", "password": "x", "password_file": "x"}, "either password or"),
        ({"contact_point": "core.push.test:5060"}, "needs an IP address"),
        ({"icsi": "push"}, "match pattern"),
        ({"registrations": [{"user": "sip:bob@push.test", "gruu": "sip:bob@push.test"}]}, "gruu"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        SipTable(**(LEAST | changed))


def test_password_comes_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret\nrest\n")
    table = SipTable(**LEAST, username="ppg", password_file=file)
    assert table.secret() == "secret"
    assert "secret" not in repr(SipTable(**LEAST, username="ppg", password="secret"))


def test_client_with_sip_needs_no_addresses_and_is_reached_last_by_it() -> None:
    client = ClientTable(id="bob", sip="sip:bob@Push.test", network="LTE")
    assert client.ways() == (Contact(SipContact("sip:bob@push.test"), "LTE"),)
    with pytest.raises(ValidationError, match="needs addresses, or sip"):
        ClientTable(id="bob")
    with pytest.raises(ValidationError, match="without parameters"):
        ClientTable(id="bob", sip="sip:bob@push.test;gr=urn:uuid:1")


def test_further_contact_may_be_by_sip() -> None:
    contact = ContactTable(sip="sip:bob@push.test", bearer="WiFi").contact()
    assert contact == Contact(SipContact("sip:bob@push.test"), None, "WiFi")


def test_subscribers_may_be_the_users_of_domains_and_nothing_else_besides() -> None:
    table = SubscribersTable(sip_domains=["Push.test"])
    assert table.range().sip_domains == ("push.test",)
    with pytest.raises(ValidationError, match="needs one of numbers, networks and sip_domains"):
        SubscribersTable(sip_domains=["push.test"], numbers=["+1*"])
    with pytest.raises(ValidationError, match="dial_in is for numbers and networks"):
        SubscribersTable(sip_domains=["push.test"], dial_in=True)
