"""The page on event handlers and rules: its examples are taken as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from omapush.client.handlers.address import parse_address, scheme_of
from omapush.client.static_registrations import read_file
from omapush.daemon.settings import ClientSettings
from omapush.daemon.settings_file import load_settings

PAGE = Path(__file__).parents[3] / "docs/client-applications.md"
TEXT = PAGE.read_text(encoding="utf-8")
REGISTRATION, SETTINGS = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("scheme", ["exec", "unix", "http", "dbus", "python"])
def test_event_handler_of_each_kind_is_shown_as_it_is_written(scheme: str) -> None:
    shown = re.search(rf"^\| `({scheme}:[^`]+)` \|", TEXT, re.MULTILINE)
    assert shown is not None
    address = parse_address(shown[1])
    assert address is not None
    assert address.scheme == scheme_of(shown[1]) == scheme


def test_registration_file_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "mms.toml"
    path.write_text(REGISTRATION)
    path.chmod(0o644)
    assert read_file(path).application == "x-wap-application:mms.ua"


def test_rules_are_settings(tmp_path: Path) -> None:
    path = tmp_path / "client.toml"
    path.write_text(SETTINGS)
    rules = load_settings(ClientSettings, path).cai.rules
    assert [rule.allow for rule in rules] == [True, False, True]
