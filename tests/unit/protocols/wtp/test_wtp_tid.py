"""Whether an Invoke is new (WAP-224, 7.8)."""

from __future__ import annotations

import pytest

from omapush.core.instants import Instant, later
from omapush.protocols.wtp.tid import TransactionIdCache, is_ahead

NOW = Instant(1_700_000_000_000)
LIFETIME_MS = 100_000


def cache(size: int = 10, *, just_started: bool = False) -> TransactionIdCache:
    started = NOW if just_started else later(NOW, -2 * LIFETIME_MS)
    return TransactionIdCache(size, LIFETIME_MS, started)


@pytest.mark.parametrize(
    ("received", "last", "new"),
    [
        (5, 5, False),
        (6, 5, True),
        (5 + 0x4000, 5, True),
        (6 + 0x4000, 5, False),
        (4, 5, False),
        (0, 0x3FFF, False),
        (0, 0x4000, True),  # wrapped
        (0, 0x7FFF, True),
    ],
)
def test_an_identifier_is_ahead_within_half_of_all_counting_round(
    received: int, last: int, *, new: bool
) -> None:
    assert is_ahead(received, last) is new


def test_a_stranger_is_trusted_only_when_nothing_old_can_be_under_way() -> None:
    young = cache(just_started=True)
    assert not young.accepts("a", 7, tid_new=False, now=NOW)
    assert young.accepts("a", 7, tid_new=False, now=later(NOW, LIFETIME_MS))
    assert cache().accepts("a", 7, tid_new=False, now=NOW)


def test_the_same_identifier_twice_is_not_accepted_until_it_is_forgotten() -> None:
    known = cache()
    assert known.accepts("a", 7, tid_new=False, now=NOW)
    assert not known.accepts("a", 7, tid_new=False, now=NOW)
    assert known.accepts("b", 7, tid_new=False, now=NOW)
    assert known.accepts("a", 8, tid_new=False, now=NOW)
    assert known.accepts("a", 7, tid_new=False, now=later(NOW, LIFETIME_MS))


def test_a_new_start_is_always_verified_and_counts_from_there() -> None:
    known = cache()
    known.accepts("a", 500, tid_new=False, now=NOW)
    assert not known.accepts("a", 3, tid_new=True, now=NOW)
    known.verified("a", 3, tid_new=True, now=NOW)
    assert known.accepts("a", 4, tid_new=False, now=NOW)
    assert not known.accepts("a", 3, tid_new=False, now=NOW)


def test_a_verified_late_identifier_does_not_move_the_last_one_back() -> None:
    known = cache()
    known.accepts("a", 500, tid_new=False, now=NOW)
    known.verified("a", 400, tid_new=False, now=NOW)
    assert not known.accepts("a", 401, tid_new=False, now=NOW)


def test_a_full_cache_forgets_the_oldest_and_then_trusts_no_stranger_for_a_while() -> None:
    known = cache(size=2)
    for initiator in "abc":
        assert known.accepts(initiator, 1, tid_new=False, now=NOW)
    assert len(known) == 2
    assert not known.accepts("a", 1, tid_new=False, now=NOW)
    assert known.accepts("d", 1, tid_new=False, now=later(NOW, LIFETIME_MS))
