"""What the gateway counts of OTA-SIP, for Prometheus. Nothing is counted by user or by device."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from omapush.ota.interface import OutcomeKind

_METHODS = frozenset(
    {"REGISTER", "OPTIONS", "NOTIFY", "SUBSCRIBE", "INVITE", "BYE", "MESSAGE", "PUBLISH", "UPDATE"}
)


class SipMetrics:
    """Counts in ``registry``; without one for itself, where nobody asks."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = CollectorRegistry() if registry is None else registry
        self._users = Gauge(
            "omapush_sip_users",
            "SIP users of whose devices something is known",
            registry=registry,
        )
        self._served = Counter(
            "omapush_sip_requests_served_total",
            "SIP requests that came, by method and status of the answer",
            ("method", "status"),
            registry=registry,
        )
        self._answers = Counter(
            "omapush_sip_answers_total",
            "Final answers to SIP requests of the gateway, by method and status; 0: none came",
            ("method", "status"),
            registry=registry,
        )
        self._pushes = Counter(
            "omapush_sip_pushes_total",
            "Pushes sent by SIP, by method and outcome",
            ("method", "outcome"),
            registry=registry,
        )
        self._requests = Counter(
            "omapush_sip_session_requests_total",
            "Requests to register (SIR) to devices of SIP users, by result",
            ("result",),
            registry=registry,
        )
        self._sessions = Gauge(
            "omapush_sip_media_sessions",
            "Media sessions (MSRP) with devices that are open",
            registry=registry,
        )

    def watch_users(self, count: Callable[[], int]) -> None:
        """Have users counted whenever somebody asks for the figures."""
        self._users.set_function(count)

    def watch_sessions(self, count: Callable[[], int]) -> None:
        """Have media sessions counted whenever somebody asks for the figures."""
        self._sessions.set_function(count)

    def served(self, method: str, status: int) -> None:
        """Count a request that came, and how it was answered."""
        # Whoever sends a request chooses its method; not as many series.
        self._served.labels(method if method in _METHODS else "other", str(status)).inc()

    def answered(self, method: str, status: int) -> None:
        """Count the answer to a request of ours; 0: none came."""
        self._answers.labels(method, str(status)).inc()

    def pushed(self, method: str, outcome: OutcomeKind) -> None:
        """Count the end of a push."""
        self._pushes.labels(method, outcome.value).inc()

    def session_requested(self, *, sent: bool) -> None:
        """Count a request to register."""
        self._requests.labels("sent" if sent else "failed").inc()
