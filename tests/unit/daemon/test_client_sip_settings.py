"""[ota_sip] of a client: what is taken and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from omapush.daemon.client_sip_settings import ClientSipTable
from omapush.daemon.settings_table import SettingsError

ALICE = {"core": "127.0.0.1:5060", "transport": "udp", "aor": "sip:alice@push.test"}


def table(**more: Any) -> ClientSipTable:
    return ClientSipTable.model_validate({**ALICE, **more})


def test_sip_is_not_set_up_without_a_core() -> None:
    assert ClientSipTable().core is None


def test_user_is_who_the_address_of_record_names() -> None:
    assert table().our_username() == "alice"
    assert table(username="alice@ims").our_username() == "alice@ims"
    assert table().our_password() is None


def test_password_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("alice-secret\n")
    assert table(password_file=file).our_password() == "alice-secret"
    assert table(password="own").our_password() == "own"
    with pytest.raises(SettingsError, match=r"ota_sip\.password_file"):
        table(password_file=tmp_path / "none").our_password()


def test_password_does_not_show(tmp_path: Path) -> None:
    assert "own-secret" not in repr(table(password="own-secret"))


def test_core_elsewhere_is_reached_by_tls_only() -> None:
    """REQ20: confidentiality and integrity are not given up by accident."""
    with pytest.raises(ValidationError, match="allow_plain"):
        table(core="192.0.2.1:5060")
    with pytest.raises(ValidationError, match="allow_plain"):
        table(core="core.example.com:5060", transport="tcp")
    assert table(core="192.0.2.1:5060", allow_plain=True).transport == "udp"
    assert table(core="core.example.com:5061", transport="tls").core is not None
    assert table(core="localhost:5060").transport == "udp"


@pytest.mark.parametrize(
    "wrong",
    [
        {"aor": None},
        {"aor": "alice@push.test"},
        {"aor": "sip:push.test"},
        {"aor": 'sip:alice@push.test>;x="'},
        {"ppg": ["ppg@push.test"]},
        {"instance": "f81d4fae"},
        {"instance": 'urn:uuid:1"'},
        {"password": "a", "password_file": "b"},
        {"client_key": "key.pem"},
        {"transport": "tls", "listen": "127.0.0.1:5061"},
        {"expires_seconds": 1},
        {"transport": "sctp"},
    ],
)
def test_table_that_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        table(**wrong)
