"""What the gateway counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from omapush.ota.bearer_reports import BearerReport
from omapush.ppg.store.contract import (
    DeliveryState,
    NotificationState,
    ReportResult,
    Settlement,
    StoreCounts,
)

OPEN_STATES = tuple(state for state in DeliveryState if not state.is_final)


class Metrics:
    """One registry a gateway, so that several can live in one process (and in tests)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._submissions = Counter(
            "omapush_pap_responses_total",
            "PAP documents answered, by message element and status code",
            ("element", "code"),
            registry=self.registry,
        )
        self._refusals = Counter(
            "omapush_http_refusals_total",
            "PAP requests refused by HTTP status before PAP was read",
            ("status",),
            registry=self.registry,
        )
        self._attempts = Counter(
            "omapush_delivery_attempts_total",
            "Delivery attempts by the state that they led to",
            ("state",),
            registry=self.registry,
        )
        self._reports = Counter(
            "omapush_bearer_reports_total",
            "Reports of bearers about what they took, by bearer, verdict and whether it was known",
            ("bearer", "verdict", "known"),
            registry=self.registry,
        )
        self._reported = Counter(
            "omapush_deliveries_reported_total",
            "Deliveries that a report of a bearer ended, by state",
            ("state",),
            registry=self.registry,
        )
        self._notifications = Counter(
            "omapush_notification_attempts_total",
            "Result notification attempts by the state that they led to",
            ("state",),
            registry=self.registry,
        )
        self._deliveries = Gauge(
            "omapush_deliveries",
            "Deliveries that have not ended, by state",
            ("state",),
            registry=self.registry,
        )
        self._outbox = Gauge(
            "omapush_notifications",
            "Result notifications that have not ended, by state",
            ("state",),
            registry=self.registry,
        )

    def answered(self, element: str, code: int) -> None:
        """Count a PAP answer."""
        self._submissions.labels(element, str(code)).inc()

    def refused(self, status: int) -> None:
        """Count a request that ended with an HTTP status instead of a PAP document."""
        self._refusals.labels(str(status)).inc()

    def settled(self, settlement: Settlement) -> None:
        """Count the end of a delivery attempt."""
        self._attempts.labels(settlement.state.value).inc()

    def reported(self, report: BearerReport, result: ReportResult) -> None:
        """Count a report of a bearer, and the delivery that it ended."""
        known = "yes" if result.known else "no"
        self._reports.labels(report.bearer, report.verdict.value, known).inc()
        if result.ended is not None:
            self._reported.labels(result.ended.value).inc()

    def notified(self, state: str) -> None:
        """Count the end of a notification attempt."""
        self._notifications.labels(state).inc()

    def exposition(self, counts: StoreCounts | None) -> bytes:
        """Return everything in Prometheus' text form; ``counts`` are the ledger's, if any."""
        if counts is not None:
            # Every state that can be counted, or one that has emptied would keep its last figure.
            for state in OPEN_STATES:
                self._deliveries.labels(state.value).set(counts.deliveries.get(state, 0))
            pending = NotificationState.PENDING
            self._outbox.labels(pending.value).set(counts.notifications.get(pending, 0))
        return generate_latest(self.registry)
