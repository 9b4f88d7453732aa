"""[[smsc]] and [ota_wsp]: what is read, and which contradictions are refused in which words."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from omapush.bearers.smsc_account import MessageIdForm, Number, SubmissionStyle
from omapush.cli import application
from omapush.core.instants import MINUTE_MS
from omapush.daemon.ppg import check_ppg_settings
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_file import load_settings
from omapush.daemon.settings_table import SettingsError
from omapush.daemon.wsp_bearers import longest_submission_ms, smsc_accounts
from omapush.ppg.short_message_reach import ReceiptPolicy
from omapush.ppg.unit_push import UnitPushSettings
from omapush.protocols.smpp.values import InterfaceVersion
from omapush.testing.authority import Authority

SMSC = '[[smsc]]\nname = "main"\nendpoint = "smsc.example.net:2775"\nsystem_id = "us"\n'
PHONE = (
    '[[clients]]\nid = "anna"\naddresses = ["WAPPUSH=+358401/TYPE=PLMN@ppg.example.net"]\n'
    'ota_wsp_sms = "+358401"\n'
)


def loaded(folder: Path, text: str) -> PpgSettings:
    file = folder / "settings.toml"
    file.write_text(text)
    return load_settings(PpgSettings, file)


def fault(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as refused:
        check_ppg_settings(loaded(folder, text))
    return refused.value.reason


def test_smsc_needs_little(tmp_path: Path) -> None:
    settings = loaded(tmp_path, SMSC)
    (account,) = smsc_accounts(settings)
    assert (account.bearer, account.host, account.port) == ("smsc:main", "smsc.example.net", 2775)
    assert (account.password, account.tls, account.version) == ("", None, InterfaceVersion.V3_4)
    assert account.writing.style is SubmissionStyle.UDH
    assert len(account.bind_types()) == 1
    assert longest_submission_ms(settings) == 50_000
    check_ppg_settings(settings)


def test_smsc_is_read_whole(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\nand more\n")
    text = (
        f'{SMSC}password_file = "{secret}"\nbind = "separate"\nbinds = 2\nversion = "5.0"\n'
        'window = 50\nper_second = 200.5\nstyle = "data_sm"\ndata_coding = 0xF5\n'
        'source = "12345"\nsource_ton = 3\nsource_npi = 0\nservice_type = "WAP"\n'
        'numbers = ["+358*", "16*"]\nmessage_id_form = "hex-in-receipt"\nvalidity = "absolute"\n'
        "unmarked_receipts = true\nshort_code_ton = 6\nresponse_timeout_seconds = 5\n"
        "[ota_wsp]\nmax_segments = 4\nreference_bits = 8\n"
        'receipts = "always"\nreport_within_minutes = 1.5\n'
    )
    settings = loaded(tmp_path, text)
    (account,) = smsc_accounts(settings)
    assert account.password == "s3cret"
    assert len(account.bind_types()) == 4
    assert account.version == InterfaceVersion.V5_0
    assert (account.pace.window, account.pace.per_second) == (50, 200.5)
    assert account.pace.response_timeout_ms == 5_000
    assert account.writing.source == Number("12345", 3, 0)
    assert account.writing.short_code.ton == 6
    assert account.writing.data_coding == 0xF5
    assert account.reading.message_id_form is MessageIdForm.HEX_IN_RECEIPT
    assert account.reading.unmarked
    assert account.numbers == ("+358*", "16*")
    sms = settings.ota_wsp.short_messages(UnitPushSettings())
    assert (sms.max_segments, sms.reference_bits, sms.receipts) == (4, 8, ReceiptPolicy.ALWAYS)
    assert sms.report_within_ms == 1.5 * MINUTE_MS


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", Number()),
        ("+358401", Number("358401", 1, 1)),
        ("12345", Number("12345", 0, 1)),
        ("Example", Number("Example", 5, 0)),
    ],
)
def test_type_of_our_address_follows_from_how_it_looks(
    tmp_path: Path, source: str, expected: Number
) -> None:
    (account,) = smsc_accounts(loaded(tmp_path, f'{SMSC}source = "{source}"\n'))
    assert account.writing.source == expected


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('password = "a"\npassword_file = "b"\n', "either password or password_file"),
        ('password = "ninechars"\n', "at most 8 characters"),
        ('tls_ca = "ca.pem"\n', "tls_ca needs tls"),
        ("reconnect_first_seconds = 100\n", "over reconnect_longest_seconds"),
        ("source_ton = 1\n", "need each other"),
        ("source_ton = 1\nsource_npi = 1\n", "need a source"),
        ("data_coding = 8\n", "data_coding"),
        ('version = "3.3"\n', "version"),
        ('numbers = ["+358x"]\n', "numbers"),
        ("window = 0\n", "window"),
        ('tls = true\ntls_ca = "/nowhere/ca.pem"\n', "tls_ca of smsc 'main'"),
        ('password_file = "/nowhere/secret"\n', "password_file of smsc 'main'"),
        (SMSC, "the name 'main' is given twice"),
        (f'numbers = ["+44*"]\n{PHONE}', "client 'anna': no [[smsc]] serves +358401"),
    ],
)
def test_contradiction_is_refused_and_named(tmp_path: Path, more: str, said: str) -> None:
    reason = fault(tmp_path, SMSC + more)
    assert said in reason
    assert "ninechars" not in reason


def test_long_password_in_a_file_is_refused_and_not_shown(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("ninechars\n")
    reason = fault(tmp_path, f'{SMSC}password_file = "{secret}"\n')
    assert "at most 8 characters" in reason
    assert "ninechars" not in reason


def test_phones_without_an_smsc_are_refused(tmp_path: Path) -> None:
    assert "there is no [[smsc]]" in fault(tmp_path, '[[subscribers]]\nnumbers = ["+358*"]\n')
    assert "no [[smsc]] serves" in fault(tmp_path, PHONE)


def test_smsc_by_tls_is_verified_by_the_authority_that_is_set(tmp_path: Path) -> None:
    Authority(tmp_path)
    (account,) = smsc_accounts(
        loaded(tmp_path, f'{SMSC}tls = true\ntls_ca = "{tmp_path}/ca.pem"\n')
    )
    assert account.tls is not None
    assert account.tls.check_hostname
    assert account.tls.cert_store_stats()["x509_ca"] >= 1


def test_check_config_tells_of_contradictions(tmp_path: Path) -> None:
    file = tmp_path / "ppg.toml"
    file.write_text(PHONE)
    refused = CliRunner().invoke(application, ["check-config", str(file)])
    assert refused.exit_code != 0
    assert "no [[smsc]] serves +358401" in refused.output
    file.write_text(SMSC + PHONE)
    assert CliRunner().invoke(application, ["check-config", str(file)]).exit_code == 0
