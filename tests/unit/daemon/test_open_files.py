"""The limit of open files is raised to what is needed, as far as the system allows."""

from __future__ import annotations

import resource

import pytest

from omapush.daemon.open_files import allow_files


@pytest.mark.parametrize(
    ("before", "needed", "allowed", "after"),
    [
        ((1_024, 20_000), 5_000, 5_000, (5_000, 20_000)),
        ((1_024, 20_000), 30_000, 20_000, (20_000, 20_000)),
        ((20_000, 20_000), 30_000, 20_000, (20_000, 20_000)),
        ((8_000, 20_000), 5_000, 5_000, (8_000, 20_000)),
        ((1_024, resource.RLIM_INFINITY), 30_000, 30_000, (30_000, resource.RLIM_INFINITY)),
        ((resource.RLIM_INFINITY,) * 2, 30_000, 30_000, (resource.RLIM_INFINITY,) * 2),
    ],
)
def test_soft_limit_is_raised_as_far_as_needed_and_allowed(
    monkeypatch: pytest.MonkeyPatch,
    before: tuple[int, int],
    needed: int,
    allowed: int,
    after: tuple[int, int],
) -> None:
    limits = [before]
    monkeypatch.setattr(resource, "getrlimit", lambda _which: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _which, found: limits.append(found))
    assert allow_files(needed) == allowed
    assert limits[-1] == after
