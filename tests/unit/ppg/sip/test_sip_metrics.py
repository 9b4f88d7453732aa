"""What the gateway counts of OTA-SIP."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from omapush.ota.interface import OutcomeKind
from omapush.ppg.sip.metrics import SipMetrics


def test_everything_is_counted_and_nothing_by_what_strangers_choose() -> None:
    registry = CollectorRegistry()
    metrics = SipMetrics(registry)
    metrics.watch_users(lambda: 7)
    metrics.watch_sessions(lambda: 2)
    metrics.pushed("MESSAGE", OutcomeKind.DONE)
    metrics.answered("MESSAGE", 200)
    metrics.answered("MESSAGE", 0)
    metrics.session_requested(sent=True)
    for method in ("OPTIONS", "FLY", "SWIM"):
        metrics.served(method, 200)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"omapush_sip_{name}", labels)

    assert value("users") == 7
    assert value("media_sessions") == 2
    assert value("pushes_total", method="MESSAGE", outcome="done") == 1
    assert value("answers_total", method="MESSAGE", status="200") == 1
    assert value("answers_total", method="MESSAGE", status="0") == 1
    assert value("session_requests_total", result="sent") == 1
    assert value("requests_served_total", method="OPTIONS", status="200") == 1
    assert value("requests_served_total", method="other", status="200") == 2
