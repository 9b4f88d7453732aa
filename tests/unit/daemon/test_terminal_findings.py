"""What is said of settings of OTA-HTTP that are good, and hardly meant."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from omapush.cli import application
from omapush.core.instants import DAY_MS, Instant, later
from omapush.daemon.clock import SystemClock
from omapush.daemon.open_files import open_files_allowed, raise_open_files
from omapush.daemon.policies import policies
from omapush.daemon.settings import PpgSettings
from omapush.daemon.terminal_findings import terminal_findings
from omapush.testing.authority import Authority

NUMBER = "WAPPUSH=+441234567890/TYPE=PLMN@ppg"
LISTEN = {"listen": "192.0.2.1:4035"}


def client(**more: Any) -> dict[str, Any]:
    dials = {"id": "anna", "addresses": [NUMBER], "ota_http_dials_in": True}
    return {**dials, "ota_wsp_udp": "192.0.2.9:2948", **more}


def found(
    ota_http: dict[str, Any],
    *clients: dict[str, Any],
    now: Instant | None = None,
    open_files: int | None = None,
    **more: Any,
) -> list[str]:
    content = {"ota_http": ota_http, "clients": [*clients], **more}
    settings = PpgSettings.model_validate(content)
    listed = policies(settings, SystemClock()).recipients.clients.values()
    return list(terminal_findings(settings, listed, now or SystemClock()(), open_files))


def test_good_settings_are_silent() -> None:
    assert found({}) == []
    assert found({}, client(ota_http_dials_in=False)) == []
    assert found(LISTEN, client()) == []
    assert found({"listen": "127.0.0.1:4035"}, client(ota_wsp_udp="127.0.0.1:2948")) == []


@pytest.mark.parametrize(
    ("ota_http", "clients", "said"),
    [
        (LISTEN, [], "no client dials in"),
        ({}, [client()], "set ota_http.listen"),
        ({"listen": "192.0.2.1:4036"}, [client()], "will speak TLS to 192.0.2.1:4036"),
        ({**LISTEN, "max_anonymous": 30_000}, [client()], "it limits nothing"),
        ({"listen": "0.0.0.0:4035"}, [client()], "set ota_http.contact_point"),
        (LISTEN, [client(ota_wsp_udp=None)], "anna cannot be asked to connect"),
        (LISTEN, [client(ota_wsp_udp=None, ota_wsp_sms="+441")], "anna cannot be asked to connect"),
        (
            {"listen": "127.0.0.1:4035"},
            [client()],
            "anna are told to connect to 127.0.0.1:4035, and are elsewhere",
        ),
        (
            LISTEN,
            [client(addresses=["WAPPUSH=anna/TYPE=USER@ppg"])],
            "anna dial in without terminal_id, number or IP address",
        ),
        (
            {**LISTEN, "authentication_required": True},
            [client(terminal_id="4155")],
            "anna cannot prove who they are",
        ),
        (
            {**LISTEN, "authenticate": "none"},
            [client(terminal_id="4155", terminal_password="s")],
            "anna have passwords that nobody asks for",
        ),
        (
            {**LISTEN, "authenticate": "basic"},
            [client(terminal_id="4155", terminal_password="s")],
            "passwords can be read on the way",
        ),
    ],
)
def test_what_is_hardly_meant_is_said(
    ota_http: dict[str, Any], clients: list[dict[str, Any]], said: str
) -> None:
    [finding] = found(ota_http, *clients)
    assert said in finding


def test_very_many_clients_are_one_finding() -> None:
    many = [
        client(id=f"c{number}", addresses=[f"WAPPUSH=+{number:05}/TYPE=PLMN@ppg"], ota_wsp_udp=None)
        for number in range(100)
    ]
    [finding] = found(LISTEN, *many)
    assert finding.startswith("c0, c1, c2, c3, c4 and 95 others cannot be asked")


def test_client_that_can_be_dialled_need_not_be_asked() -> None:
    assert found(LISTEN, client(ota_wsp_udp=None, ota_http="192.0.2.9:4035")) == []


def test_open_files_have_to_last_for_the_connections() -> None:
    [finding] = found({**LISTEN, "max_connections": 5_000}, client(), open_files=4_096)
    assert "need 6256 open files, and 4096 are allowed" in finding
    assert found({**LISTEN, "max_connections": 5_000}, client(), open_files=6_256) == []


def test_certificate_is_looked_at(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.sign("gateway", "DNS:ppg.example.com")
    tls = {
        "secure_listen": "192.0.2.1:4036",
        "tls_certificate": str(tmp_path / "gateway.pem"),
        "tls_key": str(tmp_path / "gateway.key"),
    }
    ends, another = found(tls, client())
    assert "gateway.pem ends 20" in ends
    assert "is for ppg.example.com, and terminals are told to connect to 192.0.2.1" in another
    authority.sign("gateway", "IP:192.0.2.1")
    early = later(SystemClock()(), -60 * DAY_MS)
    assert found(tls, client(), now=early) == []


def test_certificate_that_has_run_out_is_refused_by_terminals(tmp_path: Path) -> None:
    config, request = tmp_path / "openssl.cnf", tmp_path / "old.csr"
    key, certificate = tmp_path / "old.key", tmp_path / "old.pem"
    config.write_text(
        "[req]\ndistinguished_name = dn\n[dn]\n[ca]\ndefault_ca = own\n[own]\n"
        f"database = {tmp_path}/index\nnew_certs_dir = {tmp_path}\nrand_serial = yes\n"
        "default_md = sha256\npolicy = any\n[any]\ncommonName = supplied\n"
    )
    (tmp_path / "index").touch()
    for words in (
        ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=old", "-keyout", key, "-out", request],
        ["ca", "-batch", "-selfsign", "-notext", "-startdate", "20200101000000Z", "-enddate",
         "20200102000000Z", "-keyfile", key, "-in", request, "-out", certificate],
    ):  # fmt: skip
        command = ["openssl", words[0], "-config", config, *words[1:]]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    tls = {"tls_certificate": str(certificate), "tls_key": str(key)}
    [finding] = found({**LISTEN, **tls}, client())
    assert "terminals will refuse it: certificate has expired" in finding


def test_check_config_says_it_and_takes_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "ppg.toml"
    file.write_text('[ota_http]\nlisten = "192.0.2.1:4035"\n')
    told = CliRunner().invoke(application, ["check-config", str(file)])
    assert told.exit_code == 0
    assert "good settings of a gateway" in told.stdout
    assert "  ! ota_http is open and no client dials in" in told.stdout


def test_open_files_are_raised_to_what_is_allowed() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = before
    lower = soft - 1 if soft > 256 else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lower, hard))
        assert raise_open_files() == open_files_allowed()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_range_that_anybody_may_claim_is_told() -> None:
    anywhere: dict[str, Any] = {"numbers": ["+44*"], "dial_in": True}
    known = {**anywhere, "dial_in_from": ["10.0.0.0/8"]}
    why = "whoever reaches the port and knows a number"
    assert any(why in each for each in found(LISTEN, subscribers=[anywhere]))
    assert not any(why in each for each in found(LISTEN, subscribers=[known]))
