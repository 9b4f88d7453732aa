"""The gateway's page: the figures that it names are all there are."""

from __future__ import annotations

import re
from pathlib import Path

from omapush.ppg.metrics import Metrics
from omapush.ppg.terminal.metrics import Refusal, TerminalMetrics

PAGE = Path(__file__).parents[3] / "docs" / "ppg.md"


def test_figures_of_the_page_are_all_there_are() -> None:
    metrics = Metrics()
    TerminalMetrics(metrics.registry)
    page = PAGE.read_text()
    named = dict(re.findall(r"^\| `(omapush_\w+)` \| ([^|]*) \|", page, re.MULTILINE))
    exposed = metrics.exposition(None).decode()
    kept = set(re.findall(r"^# TYPE (omapush_\w+) ", exposed, re.MULTILINE))
    assert set(named) == {name for name in kept if not name.endswith("_created")}
    for name, labels in named.items():
        collector = metrics.registry._names_to_collectors[name]
        assert re.findall(r"`(\w+)`", labels) == list(collector._labelnames)  # type: ignore[attr-defined]


def test_every_reason_of_a_refusal_is_on_the_page() -> None:
    named = re.findall(r"^\| `(\w+)` \| ", PAGE.read_text(), re.MULTILINE)
    assert {reason.value for reason in Refusal} <= set(named)
