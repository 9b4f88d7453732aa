"""Tolerance from what an operator writes: a profile, and switches that differ from it."""

from __future__ import annotations

import dataclasses

import pytest

from omapush.pap.tolerance import PROFILES, Tolerance, UnknownSwitchError


def test_no_switch_gives_the_default() -> None:
    assert Tolerance.of({}) == Tolerance() == PROFILES["default"]


def test_profiles_say_strict_and_tolerant_of_every_strict_switch() -> None:
    strict, tolerant = Tolerance.of({"profile": "strict"}), Tolerance.of({"profile": "tolerant"})
    for field in dataclasses.fields(Tolerance):
        if field.name.startswith("strict_"):
            assert getattr(strict, field.name) is True
            assert getattr(tolerant, field.name) is False


def test_single_switch_overrides_its_profile_and_leaves_the_others() -> None:
    found = Tolerance.of({"profile": "strict", "strict_dtd": False})
    assert found == dataclasses.replace(PROFILES["strict"], strict_dtd=False)


@pytest.mark.parametrize(
    "switches",
    [
        {"profile": "lenient"},
        {"profile": ["strict"]},
        {"strict_mine": True},
        {"strict_mime": "yes"},
        {"strict_mime": 1},
        {"bare_msisdn_prefix": True},
        {"bare_msisdn_prefix": "44"},
        {"profile": None},
    ],
)
def test_switch_that_does_not_exist_or_has_no_such_value_is_refused(
    switches: dict[str, object],
) -> None:
    with pytest.raises(UnknownSwitchError):
        Tolerance.of(switches)
