"""Settings: what is read, what is refused and how that is said, and what never shows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from omapush.daemon.clock import SystemClock
from omapush.daemon.policies import policies
from omapush.daemon.ppg import check_ppg_settings
from omapush.daemon.settings import ClientSettings, PpgSettings
from omapush.daemon.settings_file import kind_of, load_settings, read_toml
from omapush.daemon.settings_table import Endpoint, SettingsError

INITIATOR = '[[initiators]]\nid = "weather"\nusername = "weather"\npassword = "s3cret"\n'
BARE = '[[initiators]]\nid = "weather"\n'
CLIENT = (
    '[[clients]]\nid = "anna"\naddresses = ["WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"]\n'
    'ota_http = "192.0.2.1:4035"\n'
)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OMAPUSH_"):
            monkeypatch.delenv(name)


def written(folder: Path, text: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(text)
    return file


def fault(folder: Path, text: str, kind: type = PpgSettings) -> str:
    with pytest.raises(SettingsError) as refused:
        load_settings(kind, written(folder, text))
    return refused.value.reason


def test_defaults_are_the_documented_ones() -> None:
    settings = load_settings(PpgSettings, None)
    assert settings.pap.listen == Endpoint("127.0.0.1", 8080)
    assert settings.pap.paths == ["/pap"]
    assert settings.store.url == "sqlite:///omapush.db"
    assert settings.initiators == []
    assert settings.pap.anonymous_from == []


def test_file_is_read(tmp_path: Path) -> None:
    text = f'[pap]\nlisten = "[::1]:9090"\n[store]\nurl = "sqlite:///x.db"\n{INITIATOR}{CLIENT}'
    settings = load_settings(PpgSettings, written(tmp_path, text))
    assert settings.pap.listen == Endpoint("::1", 9090)
    assert str(settings.pap.listen) == "[::1]:9090"
    assert settings.initiators[0].secret() == "s3cret"
    assert settings.clients[0].ota_http == Endpoint("192.0.2.1", 4035)
    check_ppg_settings(settings)


def test_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMAPUSH_PPG_STORE__URL", "postgresql://db/ledger")
    monkeypatch.setenv("OMAPUSH_PPG_PAP__LISTEN", "127.0.0.1:1")
    monkeypatch.setenv("OMAPUSH_PPG_PAP__PATHS", '["/a", "/b"]')
    settings = load_settings(PpgSettings, written(tmp_path, '[store]\nurl = "sqlite:///x.db"\n'))
    assert settings.store.url == "postgresql://db/ledger"
    assert settings.pap.listen == Endpoint("127.0.0.1", 1)
    assert settings.pap.paths == ["/a", "/b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[pap]\nlissen = 1\n", "pap.lissen: unknown key; did you mean 'listen'?"),
        ("[papp]\n", "papp: unknown key; did you mean 'pap'?"),
        (INITIATOR + "pasword = 'x'\n", "initiators[0].pasword: unknown key; did you mean"),
        (CLIENT + "adresses = []\n", "clients[0].adresses: unknown key; did you mean 'addresses'?"),
        ('[pap]\nlisten = "8080"\n', "write it as host:port"),
        ('[pap]\nlisten = "x:99999"\n', "write it as host:port"),
        ("[pap]\nlisten = 8080\n", "pap.listen"),
        ('[pap]\nanonymous_from = ["lo"]\n', "pap.anonymous_from[0]"),
        ("[pap]\nmax_entity = 1\n", "pap.max_entity"),
        ('[[clients]]\nid = "anna"\n', "clients[0]: Value error, needs addresses, or sip"),
        ('[[initiators]]\nid = "a"\nusername = "a"\n', "needs a password, password_file"),
        (INITIATOR.replace('"weather"', '"anonymous"', 1), "reserved"),
        (INITIATOR + "password_file = 'x'\n", "one of password, password_file and password_hash"),
        (INITIATOR.replace("password =", "password_hash ="), "not an Argon2id hash"),
        (INITIATOR.replace('username = "weather"\n', ""), "need each other"),
        (BARE + 'username = "a"\napi_key_sha256 = "{}"\n'.format("0" * 64), "need each other"),
        (BARE + 'api_key_sha256 = "s3cret"\n', "not 64 hexadecimal digits"),
        (BARE + 'digest_ha1_sha256 = "s3cret"\n', "not 64 hexadecimal digits"),
        (BARE + 'digest_ha1_md5 = "s3cret"\n', "not 32 hexadecimal digits"),
        (BARE + 'certificate_name = "*.example.net"\n', "neither a URI nor a DNS name"),
        (INITIATOR + "require_all = true\n", "require_all needs a certificate, and either"),
        (BARE + 'certificate_name = "a"\nrequire_all = true\n', "require_all needs"),
        ('[pap]\ntls_key = "x"\n', "tls_certificate and tls_key need each other"),
        ('[pap]\ntls_client_ca = "x"\n', "tls_client_ca needs tls_certificate"),
        ("[pap]\nschemes = []\n", "pap.schemes"),
        ('[pap]\nschemes = ["ntlm"]\n', "digest-sha-256"),
        ("[pap", "not TOML"),
    ],
)
def test_fault_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    reason = fault(tmp_path, text)
    assert said in reason
    assert str(tmp_path / "settings.toml") in reason


def test_every_fault_has_its_line(tmp_path: Path) -> None:
    assert len(fault(tmp_path, "[pap]\nlissen = 1\n[store]\nurll = 2\n").splitlines()) == 2


def test_secret_is_never_shown(tmp_path: Path) -> None:
    settings = load_settings(PpgSettings, written(tmp_path, INITIATOR))
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in settings.model_dump_json()
    assert "s3cret" not in fault(tmp_path, INITIATOR + 'password_file = "also"\n')
    assert "s3cret" not in fault(tmp_path, INITIATOR + 'pasword = "s3cret"\n')


def test_every_means_of_an_initiator_is_read_in_one_form(tmp_path: Path) -> None:
    text = (
        f"{BARE}username = 'weather'\ndigest_ha1_sha256 = '{'AB' * 32}'\n"
        f"digest_ha1_md5 = '{'CD' * 16}'\ncertificate_name = ['PI.example.net', 'urn:x:Y']\n"
        f"certificate_sha256 = '{':'.join(['EF'] * 32)}'\napi_key_sha256 = ['{'01' * 32}']\n"
    )
    settings = load_settings(PpgSettings, written(tmp_path, text))
    table = settings.initiators[0]
    assert table.digest_ha1_sha256 is not None
    assert table.digest_ha1_sha256.get_secret_value() == "ab" * 32
    assert table.digest_ha1_md5 is not None
    assert table.digest_ha1_md5.get_secret_value() == "cd" * 16
    assert table.certificate_name == ["pi.example.net", "urn:x:Y"]
    assert table.certificate_sha256 == ["ef" * 32]
    assert table.api_key_sha256 == ["01" * 32]
    assert table.secret() is None
    assert "abab" not in repr(settings)
    assert "cdcd" not in settings.model_dump_json()
    with pytest.raises(SettingsError, match=r"needs pap\.tls_client_ca"):
        check_ppg_settings(settings)


def test_two_initiators_cannot_share_an_api_key_or_a_user_name(tmp_path: Path) -> None:
    key = f'{BARE}api_key_sha256 = "{"0" * 64}"\n'
    for text, what in ((INITIATOR, "username"), (key, "api_key_sha256")):
        twice = text + text.replace('id = "weather"', 'id = "other"')
        with pytest.raises(SettingsError, match=what):
            check_ppg_settings(load_settings(PpgSettings, written(tmp_path, twice)))


def test_initiators_without_user_name_are_several(tmp_path: Path) -> None:
    keys = "".join(f'[[initiators]]\nid = "{n}"\napi_key_sha256 = "{n * 64}"\n' for n in ("0", "1"))
    check_ppg_settings(load_settings(PpgSettings, written(tmp_path, keys)))


def test_file_for_tls_that_is_no_good_is_said(tmp_path: Path) -> None:
    (tmp_path / "nonsense.pem").write_text("nonsense")
    for name in ("nonsense.pem", "nothing.pem"):
        text = f"[pap]\ntls_certificate = '{tmp_path / name}'\ntls_key = '{tmp_path / name}'\n"
        with pytest.raises(SettingsError, match=r"pap\.tls_certificate and pap\.tls_key: "):
            check_ppg_settings(load_settings(PpgSettings, written(tmp_path, text)))


@pytest.mark.parametrize("text", ["s3cret\n", "s3cret\r\nnot this\n", "s3cret"])
def test_password_file_gives_its_first_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "password"
    file.write_bytes(text.encode())
    line = f'password_file = "{file}"'
    settings = load_settings(
        PpgSettings, written(tmp_path, INITIATOR.replace('password = "s3cret"', line))
    )
    assert settings.initiators[0].secret() == "s3cret"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_password_file_that_is_no_good_is_said(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    line = f'password_file = "{file}"'
    settings = load_settings(
        PpgSettings, written(tmp_path, INITIATOR.replace('password = "s3cret"', line))
    )
    with pytest.raises(SettingsError, match="weather"):
        settings.initiators[0].secret()


def test_unknown_variable_is_refused_with_the_nearest_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMAPUSH_PPG_STORE__URI", "x")
    with pytest.raises(SettingsError, match="did you mean 'OMAPUSH_PPG_STORE__URL'"):
        load_settings(PpgSettings, None)


def test_variable_that_cannot_be_read_is_said_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMAPUSH_PPG_INITIATORS", "[{s3cret")
    with pytest.raises(SettingsError) as refused:
        load_settings(PpgSettings, None)
    assert "environment" in refused.value.reason
    assert "s3cret" not in refused.value.reason


def test_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(PpgSettings, tmp_path / "nothing.toml")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", PpgSettings),
        ("[pap]\n", PpgSettings),
        ("[terminal]\n", ClientSettings),
        ("[cai]\n", ClientSettings),
        ('[store]\npath = "client.db"\n[ota_http]\n', ClientSettings),
        ("[ota_http]\nmax_message_size = 4000\n[log]\n", ClientSettings),
        ('[ota_http]\nsecure_listen = "127.0.0.1:4036"\n[log]\n', PpgSettings),
    ],
)
def test_kind_is_told_by_the_tables(tmp_path: Path, text: str, kind: type) -> None:
    assert kind_of(read_toml(written(tmp_path, text))) is kind


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (INITIATOR + INITIATOR, "weather"),
        (INITIATOR + INITIATOR.replace('"weather"', '"other"', 1), "weather"),
        (CLIENT + CLIENT, "anna"),
        (CLIENT + CLIENT.replace('"anna"', '"berta"'), "berta"),
        (CLIENT.replace("+441234567890/TYPE=PLMN@ppg.example.net", "12/TYPE=MAN@ppg"), "anna"),
        ('[store]\nurl = "mysql://x"\n', "mysql"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    settings = load_settings(PpgSettings, written(tmp_path, text))
    with pytest.raises(SettingsError, match=said):
        check_ppg_settings(settings)


def test_credentials_for_a_listener_are_whole_or_absent_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "listener"
    file.write_text("s3cret\nrest\n")
    for line in ('notify_password = "s3cret"', f"notify_password_file = '{file}'"):
        text = f'{INITIATOR}notify_username = "ppg"\n{line}\n'
        settings = load_settings(PpgSettings, written(tmp_path, text))
        assert settings.initiators[0].notify_secret() == "s3cret"
        assert "s3cret" not in repr(settings) + repr(policies(settings, SystemClock()))
    base = INITIATOR
    for lines in ('notify_username = "ppg"', 'notify_password = "s3cret"'):
        said = fault(tmp_path, f"{base}{lines}\n")
        assert "need each other" in said
        assert "s3cret" not in said
    file.write_text("")
    text = f"{base}notify_username = 'ppg'\nnotify_password_file = '{file}'\n"
    with pytest.raises(SettingsError, match=r"notify_password_file of initiator .* is empty"):
        check_ppg_settings(load_settings(PpgSettings, written(tmp_path, text)))


def test_authorities_for_listeners_that_are_no_good_are_said(tmp_path: Path) -> None:
    (tmp_path / "nonsense.pem").write_text("nonsense")
    for name in ("nonsense.pem", "nothing.pem"):
        text = f"[notification]\nca_file = '{tmp_path / name}'\n"
        with pytest.raises(SettingsError, match=r"notification\.ca_file: "):
            check_ppg_settings(load_settings(PpgSettings, written(tmp_path, text)))
