"""[[gateways]] of a client: what is taken, what is refused, and what is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from omapush.client.binding.contact_point import ContactPoint
from omapush.client.connections.dialling import Destination
from omapush.client.push_mo.model import DefaultProfile
from omapush.daemon.client import gateway_entries
from omapush.daemon.clock import SystemClock
from omapush.daemon.gateway_connections import dial_by_tcp, gateway_of, terminal_at
from omapush.daemon.gateway_settings import GatewayEntryTable, contact_point
from omapush.daemon.settings import ClientSettings
from omapush.daemon.settings_table import SettingsError
from omapush.daemon.terminal_identity import Provisioned
from omapush.ota.http.authentication import Login, Scheme
from omapush.ota.http.client import HttpTerminalSettings
from omapush.ota.http.contexts import ProvisioningContext

HOME = {"name": "home", "contact_points": ["ppg.example.com:4035"]}
PROOF = {"scheme": "digest", "username": "ppg.example.com", "password": "its"}


def settings_of(*gateways: dict[str, Any], **tables: Any) -> ClientSettings:
    return ClientSettings.model_validate({"gateways": list(gateways), **tables})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ppg.example.com:4040", ContactPoint("ppg.example.com", 4040, tls=False)),
        ("ppg.example.com", ContactPoint("ppg.example.com", 4035, tls=False)),
        ("ppg.example.com:4036", ContactPoint("ppg.example.com", 4036, tls=True)),
        ("https://ppg.example.com", ContactPoint("ppg.example.com", 4036, tls=True)),
        ("https://ppg.example.com:443", ContactPoint("ppg.example.com", 443, tls=True)),
        ("http://192.0.2.1:80", ContactPoint("192.0.2.1", 80, tls=False)),
        ("192.0.2.1", ContactPoint("192.0.2.1", 4035, tls=False)),
        ("2001:db8::1", ContactPoint("2001:db8::1", 4035, tls=False)),
        ("[2001:db8::1]", ContactPoint("2001:db8::1", 4035, tls=False)),
        ("[2001:db8::1]:4036", ContactPoint("2001:db8::1", 4036, tls=True)),
    ],
)
def test_contact_point_is_a_host_with_port_or_a_uri(text: str, found: ContactPoint) -> None:
    assert contact_point(text) == found


@pytest.mark.parametrize(
    "text",
    ["", ":4035", "ppg.example.com:0", "ppg.example.com:99999", "ppg example", "ftp://ppg/",
     "https://u:p@ppg.example.com", "ppg.example.com:x"],
)  # fmt: skip
def test_contact_point_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        settings_of({**HOME, "contact_points": [text]})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"contact_points": []}, "contact_points"),
        ({"scheme": "digest"}, "need each other"),
        ({"password": "x", "username": "y"}, "need each other"),
        ({"scheme": "basic", "password": "x"}, "needs username"),
        ({"terminal_password": "x", "terminal_password_file": "/x"}, "exclude each other"),
        ({"client_certificate": "/x"}, "need each other"),
        ({"close_after_last": True}, "on_request"),
        ({"reconnect_first_seconds": 60, "reconnect_longest_seconds": 5}, "is less than"),
        ({"bearer": "GPRS"}, "no bearer"),
        ({"server_name": "not a name"}, "neither a host name nor"),
    ],
)
def test_contradictions_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings_of({**HOME, **given})


def test_gateways_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(ValidationError, match="same name"):
        settings_of(HOME, {**HOME, "contact_points": ["192.0.2.1"]})
    with pytest.raises(ValidationError, match="same contact point"):
        settings_of(HOME, {**HOME, "name": "other"})


def test_gateway_is_dialled_as_its_table_says() -> None:
    table = {
        **HOME,
        "contact_points": ["192.0.2.1", "https://192.0.2.2"],
        "connect": "on_request",
        "bearer": "gprs",
        "server_name": "PPG.example.com",
        "idle_close_seconds": 30,
        "reconnect_first_seconds": 5,
        "first_again_seconds": 60,
    }
    settings = settings_of(table, bearers=[{"name": "GPRS", "address": "127.0.0.2"}])
    made = gateway_of(settings.gateways[0], settings)
    first, second = made.destinations
    assert (first.bearer, first.local_address, first.identity) == ("GPRS", "127.0.0.2", None)
    assert (second.port, second.identity) == (4036, "ppg.example.com")
    assert (made.always, made.limits.first_wait_ms, made.limits.return_ms) == (False, 5_000, 60_000)
    assert made.terminal.idle_timeout_ms == 30_000
    assert made.terminal.close_after_last
    assert made.terminal.contexts == ()


def test_gateway_that_is_always_connected_is_not_left_after_its_last_push() -> None:
    settings = settings_of(HOME)
    assert not gateway_of(settings.gateways[0], settings).terminal.close_after_last


def test_passwords_cross_the_network_by_tls_only() -> None:
    table = {
        **HOME,
        **PROOF,
        "scheme": "basic",
        "terminal_id": "02my",
        "terminal_password": "ours",
        "prov_url": "http://op.example.com/prov",
    }
    settings = settings_of(table)
    made = gateway_of(settings.gateways[0], settings)
    assert made.terminal.contexts == (
        ProvisioningContext(
            "02my",
            "http://op.example.com/prov",
            Login("02my", "ours", Scheme.DIGEST),
            Login("ppg.example.com", "its"),
            Scheme.DIGEST,
            "ppg.example.com",
        ),
    )
    assert made.terminal_by_tls is not None
    [secure] = made.terminal_by_tls.contexts
    assert (secure.demand, secure.login) == (Scheme.BASIC, Login("02my", "ours", Scheme.NONE))
    allowed = settings_of({**table, "clear_password": True})
    [clear] = gateway_of(allowed.gateways[0], allowed).terminal.contexts
    assert clear == secure
    assert "ours" not in repr(made)
    assert "its'" not in repr(made)


def test_secrets_come_from_files(tmp_path: Path) -> None:
    ours, its = tmp_path / "ours", tmp_path / "its"
    ours.write_text("secret 1\nrest")
    its.write_text("secret 2\n")
    table = {**HOME, **PROOF, "terminal_password_file": str(ours), "password_file": str(its)}
    del table["password"]
    settings = settings_of(table)
    [context] = gateway_of(settings.gateways[0], settings).terminal.contexts
    assert context.login is not None
    assert context.gateway is not None
    assert (context.login.password, context.gateway.password) == ("secret 1", "secret 2")
    its.unlink()
    with pytest.raises(SettingsError, match="password_file of gateway home"):
        gateway_of(settings.gateways[0], settings)


def test_identity_that_no_header_holds_is_told() -> None:
    settings = settings_of({**HOME, "terminal_id": "4\n1", "terminal_password": "x"})
    with pytest.raises(SettingsError, match="gateways: home"):
        gateway_of(settings.gateways[0], settings)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ca_file": "/none.pem"}, "ca_file of gateway home"),
        (
            {"client_certificate": "/none.pem", "client_key": "/none.key"},
            "client_certificate and client_key of gateway home",
        ),
    ],
)
def test_files_that_cannot_be_read_are_told(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        dial_by_tcp(settings_of({**HOME, **given}), SystemClock())


def test_gateways_of_the_settings_are_on_the_list() -> None:
    table = GatewayEntryTable(
        name="x", contact_points=["ppg.example.com:1", "ppg.example.com:2", "192.0.2.1"]
    )
    assert [one.addr for one in gateway_entries([table])] == ["ppg.example.com", "192.0.2.1"]


def test_application_that_dials_a_gateway_of_the_settings_is_the_same_terminal() -> None:
    table = {
        **HOME,
        "contact_points": ["192.0.2.1", "https://192.0.2.2"],
        "connect": "on_request",
        "terminal_password": "ours",
    }
    settings = settings_of(table)
    gateways = [gateway_of(settings.gateways[0], settings)]

    def terminal(text: str) -> HttpTerminalSettings | None:
        place = contact_point(text)
        return terminal_at(Destination(place, place.port or 0, scope="its own"), gateways)

    plain, by_tls = terminal("192.0.2.1"), terminal("https://192.0.2.2:4036")
    assert plain is not None
    assert by_tls is not None
    for found, scheme in ((plain, Scheme.DIGEST), (by_tls, Scheme.NONE)):
        [context] = found.contexts
        assert context.login == Login("60000000000000", "ours", scheme)
        assert not found.close_after_last
    assert terminal("192.0.2.1:1") is None


def test_profile_of_the_management_object_brings_credentials() -> None:
    profiles = [
        DefaultProfile(contact_point="other.example.com", auth_secret="x"),
        DefaultProfile(contact_point="no host", auth_secret="x"),
        DefaultProfile(
            contact_point="ppg.example.com", port=4036, proxy_id="proxy", auth_name="02me",
            auth_secret="ours",
        ),
        DefaultProfile(contact_point="ppg.example.com", port=4035, auth_secret="theirs"),
        DefaultProfile(contact_point="192.0.2.1", auth_name="a\nb", auth_secret="x"),
    ]  # fmt: skip
    provisioned = Provisioned(settings_of(), lambda: profiles)

    def contexts(text: str) -> tuple[ProvisioningContext, ...]:
        place = contact_point(text)
        return provisioned.terminal_for(Destination(place, place.port or 0)).contexts

    by_tls = Login("02me", "ours", Scheme.NONE)
    plain = Login("60000000000000", "theirs", Scheme.DIGEST)
    assert contexts("ppg.example.com:4036") == (
        ProvisioningContext("02me", login=by_tls, proxy_id="proxy"),
    )
    assert contexts("ppg.example.com:4035") == (ProvisioningContext("60000000000000", login=plain),)
    assert contexts("ppg.example.com:1") == contexts("192.0.2.1") == ()
