"""What the settings say about initiators, and what the gateway makes of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from omapush.core.instants import HOUR_MS
from omapush.daemon.clock import SystemClock
from omapush.daemon.policies import policies
from omapush.daemon.ppg import check_ppg_settings
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_file import load_settings
from omapush.daemon.settings_table import SettingsError
from omapush.pap.model import DeliveryMethod
from omapush.pap.tolerance import Tolerance
from omapush.ppg.authentication import ANONYMOUS
from omapush.ppg.authorisation import InitiatorPolicy
from omapush.ppg.limits import Allowance
from omapush.ppg.patterns import Filter
from omapush.ppg.permissions import Operation, Permissions

INITIATOR = '[[initiators]]\nid = "weather"\nusername = "weather"\npassword = "secret"\n'


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith("OMAPUSH_"):
            monkeypatch.delenv(name)


def loaded(folder: Path, text: str) -> PpgSettings:
    file = folder / "settings.toml"
    file.write_text(text)
    return load_settings(PpgSettings, file)


def policy(folder: Path, text: str, initiator_id: str = "weather") -> InitiatorPolicy:
    return policies(loaded(folder, text), SystemClock()).authorisation.policy_of(initiator_id)


def test_initiator_without_more_may_do_everything_but_provisioning(tmp_path: Path) -> None:
    assert policy(tmp_path, INITIATOR) == InitiatorPolicy()
    assert policy(tmp_path, INITIATOR, ANONYMOUS) == InitiatorPolicy()
    assert not policy(tmp_path, INITIATOR).permissions.provisioning


def test_every_key_reaches_the_policy(tmp_path: Path) -> None:
    text = INITIATOR + (
        'operations = ["push", "cancel"]\n'
        'allow_content_types = ["text/*"]\n'
        'deny_content_types = ["text/vnd.wap.sl"]\n'
        'allow_application_ids = ["x-wap-application:*"]\n'
        'deny_application_ids = ["4"]\n'
        'allow_recipients = ["PLMN:+44*"]\n'
        'deny_recipients = ["PLMN:+4477*"]\n'
        'initiator_uris = ["http://weather.example/*"]\n'
        "max_content_octets = 1400\n"
        "max_recipients = 10\n"
        "max_age_hours = 0.5\n"
        'delivery_methods = ["unconfirmed"]\n'
        "high_priority = false\n"
        "provisioning = true\n"
        "trusted = true\n"
        "pushes_per_second = 2.5\n"
        "burst = 7\n"
        "recipients_per_day = 1000\n"
        'tolerance = { profile = "strict", strict_charset = false }\n'
    )
    permissions = Permissions(
        operations=frozenset((Operation.PUSH, Operation.CANCEL)),
        content_types=Filter(("text/*",), ("text/vnd.wap.sl",)),
        application_ids=Filter(("x-wap-application:*",), ("4",)),
        recipients=Filter(("PLMN:+44*",), ("PLMN:+4477*",)),
        initiator_uris=("http://weather.example/*",),
        max_content_octets=1400,
        max_recipients=10,
        max_age_ms=HOUR_MS // 2,
        delivery_methods=frozenset((DeliveryMethod.UNCONFIRMED,)),
        high_priority=False,
        provisioning=True,
        trusted=True,
    )
    tolerance = Tolerance.of({"profile": "strict", "strict_charset": False})
    assert policy(tmp_path, text) == InitiatorPolicy(
        permissions, Allowance(2.5, 7, 1000), tolerance
    )


def test_whoever_needs_no_credentials_has_a_table_of_its_own(tmp_path: Path) -> None:
    text = INITIATOR + "[anonymous]\nrecipients_per_day = 1\n"
    assert policy(tmp_path, text, ANONYMOUS).allowance == Allowance(per_day=1)
    assert policy(tmp_path, text).allowance == Allowance()


def test_tolerance_for_everybody_is_that_of_pap(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").pap.tolerance.tolerance() == Tolerance()
    text = '[pap]\ntolerance = { bare_msisdn_prefix = "+44", pin_addresses = true }\n'
    completing = loaded(tmp_path, text).pap.tolerance.tolerance()
    assert completing == Tolerance(bare_msisdn_prefix="+44", pin_addresses=True)
    strict = loaded(tmp_path, '[pap]\ntolerance.profile = "strict"\n').pap.tolerance.tolerance()
    assert strict == Tolerance.of({"profile": "strict"})


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ('operations = ["fly"]', r"initiators\[0\].operations\[0\]"),
        ('allow_recipient = ["*"]', "did you mean 'allow_recipients'"),
        ('delivery_methods = ["notspecified"]', "delivery_methods"),
        ("delivery_methods = []", "delivery_methods"),
        ("burst = 1", "burst needs pushes_per_second"),
        ("pushes_per_second = 0", "pushes_per_second"),
        ("recipients_per_day = 0", "recipients_per_day"),
        ('tolerance = { profile = "lax" }', "tolerance.profile"),
        ('tolerance = { bare_msisdn_prefix = "44" }', "tolerance.bare_msisdn_prefix"),
        ("tolerance = { strict_mine = true }", "did you mean 'strict_mime'"),
    ],
)
def test_key_that_means_nothing_is_named(tmp_path: Path, key: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        loaded(tmp_path, INITIATOR + key + "\n")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ('deny_recipients = ["+44*"]', "permissions of 'weather'.*PLMN"),
        ('deny_application_ids = ["wml.ua"]', "permissions of 'weather'.*wml.ua"),
        ('allow_content_types = ["text"]', "permissions of 'weather'.*type/subtype"),
        ('delivery_methods = ["oneshot"]', "confirmed or unconfirmed"),
    ],
)
def test_pattern_that_could_never_match_is_refused_at_the_start(
    tmp_path: Path, key: str, said: str
) -> None:
    settings = loaded(tmp_path, INITIATOR + key + "\n")
    with pytest.raises(SettingsError, match=said):
        check_ppg_settings(settings)
