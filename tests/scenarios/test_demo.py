"""`omapush demo`, as a new user runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

QUICKSTART = Path(__file__).resolve().parents[2] / "docs/quickstart.md"


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
    printed = iter(without_numbers(line) for line in ended.stdout.splitlines())
    missing = [line for line in shown_in_the_quickstart() if without_numbers(line) not in printed]
    assert missing == [], ended.stdout  # each line, in this order


def shown_in_the_quickstart() -> list[str]:
    page = QUICKSTART.read_text(encoding="utf-8")
    block = re.search(r"```text\n( +gateway .*?)```", page, re.DOTALL)
    assert block
    return [line for line in block[1].splitlines() if line != "…"]


def without_numbers(line: str) -> str:
    return re.sub(r"\d+", "0", line.rstrip())
