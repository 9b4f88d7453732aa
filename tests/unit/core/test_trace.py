"""Trace records read well."""

from __future__ import annotations

from omapush.core.instants import Instant
from omapush.core.trace import TraceRecord


def test_record_prints_time_layer_event_and_facts() -> None:
    record = TraceRecord(
        Instant(1_000), "ota-http", "registered", {"terminal": "4155", "tag": None}
    )
    assert str(record) == "1970-01-01T00:00:01Z ota-http registered terminal=4155 tag=None"
    assert str(TraceRecord(Instant(0), "ppg", "idle")) == "1970-01-01T00:00:00Z ppg idle"
