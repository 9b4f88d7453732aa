"""What is said again only after a while."""

from __future__ import annotations

from omapush.core.instants import MINUTE_MS, Instant
from omapush.core.spacing import Spacing


def test_each_key_is_let_through_once_in_a_while() -> None:
    spacing = Spacing()
    said = [spacing.lets("a", Instant(at)) for at in (0, 1, MINUTE_MS - 1, MINUTE_MS)]
    assert said == [True, False, False, True]
    assert spacing.lets("b", Instant(1))


def test_only_so_many_keys_are_remembered() -> None:
    spacing = Spacing(limit=2)
    assert [spacing.lets(key, Instant(0)) for key in ("a", "b", "c", "c", "a")] == [
        True, True, True, False, True,
    ]  # fmt: skip
