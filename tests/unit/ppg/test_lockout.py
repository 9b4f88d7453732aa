"""Sources that fail: counted by what they can easily change, and in bounded memory."""

from __future__ import annotations

import pytest

from omapush.core.instants import Instant, later
from omapush.ppg.lockout import Lockout, LockoutSettings

NOW = Instant(1_700_000_000_000)
TWO = LockoutSettings(failures=2, window_ms=1_000, locked_ms=5_000, capacity=3)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("", "", True),
        ("socket", "another", False),
    ],
)
def test_failures_are_counted_by_host_or_by_the_network_of_an_ipv6_host(
    first: str, second: str, same: bool
) -> None:
    lockout = Lockout(TWO)
    lockout.failed(first, NOW)
    lockout.failed(second, NOW)
    assert lockout.remaining_ms(second, NOW) == (5_000 if same else 0)


def test_row_that_takes_too_long_locks_nobody_out() -> None:
    lockout = Lockout(TWO)
    lockout.failed("192.0.2.1", NOW)
    lockout.failed("192.0.2.1", later(NOW, 1_000))
    assert lockout.remaining_ms("192.0.2.1", later(NOW, 1_000)) == 0
    lockout.failed("192.0.2.1", later(NOW, 1_999))
    assert lockout.remaining_ms("192.0.2.1", later(NOW, 1_999)) == 5_000


def test_after_the_lock_a_new_row_is_counted() -> None:
    lockout = Lockout(TWO)
    for _ in range(2):
        lockout.failed("192.0.2.1", NOW)
    then = later(NOW, 5_000)
    assert lockout.remaining_ms("192.0.2.1", then) == 0
    lockout.failed("192.0.2.1", then)
    assert lockout.remaining_ms("192.0.2.1", then) == 0
    lockout.failed("192.0.2.1", then)
    assert lockout.remaining_ms("192.0.2.1", then) == 5_000


def test_table_is_bounded() -> None:
    lockout = Lockout(TWO)
    for number in range(10):
        for _ in range(2):
            lockout.failed(f"192.0.2.{number}", NOW)
    locked = [n for n in range(10) if lockout.remaining_ms(f"192.0.2.{n}", NOW)]
    assert locked == [7, 8, 9]
