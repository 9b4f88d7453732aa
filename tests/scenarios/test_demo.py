"""`omapush demo`, as a new user runs it."""

from __future__ import annotations

import subprocess
import sys


def test_demo_shows_both_ways_and_ends_well() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "omapush.cli", "demo"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for expected in (
        "1001 Accepted for processing",
        "is told: delivered, 1000",
        "is told: aborted, 5235",
        "notification delivered",
        "Everything went as it should.",
    ):
        assert expected in ended.stdout
    assert ended.stderr == ""
