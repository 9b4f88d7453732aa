"""Contexts of TLS from files that the settings name: what they do, and what is said of bad ones."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from omapush.daemon.settings_table import SettingsError
from omapush.daemon.tls import serving_context, verifying_context
from omapush.testing.authority import Authority


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    authority.sign("gateway", "DNS:ppg.example.com")
    authority.sign("other", "DNS:other.example.com")
    key = authority.folder / "gateway.key"
    forms = {"pkcs8": ["pkcs8", "-topk8"], "traditional": ["ec", "-aes128"]}
    for name, words in forms.items():
        out = authority.folder / f"{name}.key"
        command = ["openssl", *words, "-passout", "pass:s3cret", "-in", str(key), "-out", str(out)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)  # ours
    (authority.folder / "nonsense").write_bytes(b"\x00nonsense")
    damaged = key.read_text().splitlines()
    (authority.folder / "damaged.key").write_text(f"{damaged[0]}\nAAAA\n{damaged[-1]}\n")
    return authority.folder


def test_contexts_take_tls_1_2_and_no_renegotiation(folder: Path) -> None:
    serving = serving_context(folder / "gateway.pem", folder / "gateway.key", None, "ota_http")
    verifying = verifying_context(folder / "ca.pem", "ota_http.contact_ca")
    for context in (serving, verifying):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_RENEGOTIATION
    assert serving.verify_mode == ssl.CERT_NONE
    assert verifying.verify_mode == ssl.CERT_REQUIRED
    assert verifying.check_hostname


@pytest.mark.parametrize(
    ("required", "mode"), [(False, ssl.CERT_OPTIONAL), (True, ssl.CERT_REQUIRED)]
)
def test_clients_are_asked_for_certificates_where_authorities_are_named(
    folder: Path, *, required: bool, mode: ssl.VerifyMode
) -> None:
    context = serving_context(
        folder / "gateway.pem",
        folder / "gateway.key",
        folder / "ca.pem",
        "ota_http",
        require_certificate=required,
    )
    assert context.verify_mode == mode
    assert len(context.get_ca_certs()) == 1


def test_client_verifies_without_names_where_they_are_compared_later(folder: Path) -> None:
    context = verifying_context(folder / "ca.pem", "ca", check_names=False)
    assert not context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("certificate", "key", "said"),
    [
        ("missing.pem", "gateway.key", "missing.pem: No such file"),
        ("gateway.pem", "missing.key", "missing.key: No such file"),
        ("nonsense", "gateway.key", "nonsense holds no certificate in PEM"),
        ("gateway.pem", "nonsense", "nonsense holds no private key in PEM"),
        ("gateway.key", "gateway.pem", "gateway.key holds no certificate in PEM"),
        ("gateway.pem", "pkcs8.key", "pkcs8.key is encrypted"),
        ("gateway.pem", "traditional.key", "traditional.key is encrypted"),
        ("gateway.pem", "other.key", "other.key is of another certificate"),
        ("gateway.pem", "damaged.key", "damaged.key is damaged"),
        (".", "gateway.key", "Is a directory"),
    ],
)
def test_certificate_or_key_that_is_no_good_is_said(
    folder: Path, certificate: str, key: str, said: str
) -> None:
    with pytest.raises(SettingsError) as serving:
        serving_context(folder / certificate, folder / key, None, "ota_http")
    own = (folder / certificate, folder / key, "a.certificate and a.key")
    with pytest.raises(SettingsError) as calling:
        verifying_context(None, "ca", own=own)
    assert serving.value.reason.startswith("ota_http.tls_certificate and ota_http.tls_key: ")
    assert calling.value.reason.startswith("a.certificate and a.key: ")
    assert said in serving.value.reason
    assert said in calling.value.reason


@pytest.mark.parametrize("name", ["missing.pem", "nonsense", "gateway.key"])
def test_authorities_that_are_no_good_are_said(folder: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=f"ota_http.contact_ca: .*{name}"):
        verifying_context(folder / name, "ota_http.contact_ca")
    own = folder / "gateway.pem", folder / "gateway.key"
    with pytest.raises(SettingsError, match=f"ota_http.tls_client_ca: .*{name}"):
        serving_context(*own, folder / name, "ota_http")
