"""What the gateway counts of terminals by OTA-HTTP, for Prometheus.

Nothing is counted by client or by connection: a gateway may hold very many of both.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from omapush.ota.interface import OutcomeKind
from omapush.ppg.terminal.connection import Method


class Refusal(enum.StrEnum):
    """Why a terminal was not let in."""

    UNNAMED = "unnamed"
    """It does not say who it is."""
    STRANGER = "stranger"
    """It is no terminal that may dial in, or has not proved who it is; which, is not told apart."""
    ANOTHER_TERMINAL = "another_terminal"
    """It says that it is another terminal than before, or than was expected."""
    CREDENTIALS = "credentials"
    """Its credentials did not hold, or ours with it."""
    REGISTRATION = "registration"
    """It did not answer, or not with a registration."""
    LOCKED_OUT = "locked_out"
    """Its address has failed too often."""
    TOO_MANY = "too_many"
    """A limit of ``[ota_http]`` was reached."""


class TerminalMetrics:
    """Counts in ``registry``; without one for itself, where nobody asks."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = CollectorRegistry() if registry is None else registry
        self._connections = Gauge(
            "omapush_terminal_connections",
            "Open connections of terminals (OTA-HTTP), by method and state",
            ("method", "state"),
            registry=registry,
        )
        self._dials = Counter(
            "omapush_terminal_dials_total",
            "Terminals dialled (PO-TCP), by result",
            ("result",),
            registry=registry,
        )
        self._registrations = Counter(
            "omapush_terminal_registrations_total",
            "Registrations of terminals, by method and whether the terminal proved who it is",
            ("method", "authenticated"),
            registry=registry,
        )
        self._refusals = Counter(
            "omapush_terminal_refusals_total",
            "Connections of terminals that were not let in, by method and reason",
            ("method", "reason"),
            registry=registry,
        )
        self._handshakes = Counter(
            "omapush_terminal_tls_failures_total",
            "TLS handshakes with terminals that failed, by method",
            ("method",),
            registry=registry,
        )
        self._lockouts = Counter(
            "omapush_terminal_lockouts_total",
            "Addresses locked out for a while because terminals there failed too often",
            registry=registry,
        )
        self._ends = Counter(
            "omapush_terminal_connections_ended_total",
            "Connections of registered terminals that ended, by method",
            ("method",),
            registry=registry,
        )
        self._requests = Counter(
            "omapush_terminal_session_requests_total",
            "Requests to connect (SIR) to terminals, by result",
            ("result",),
            registry=registry,
        )
        self._pushes = Counter(
            "omapush_terminal_pushes_total",
            "Pushes sent over connections of terminals, by method and outcome",
            ("method", "outcome"),
            registry=registry,
        )

    def watch(self, method: Method, state: str, count: Callable[[], int]) -> None:
        """Have connections counted whenever somebody asks for the figures."""
        self._connections.labels(method.value, state).set_function(count)

    def dialled(self, result: str) -> None:
        """Count a terminal that the gateway dialled: ``connected`` or ``unreachable``."""
        self._dials.labels(result).inc()

    def registered(self, method: Method, *, authenticated: bool) -> None:
        """Count a registration."""
        self._registrations.labels(method.value, "yes" if authenticated else "no").inc()

    def refused(self, method: Method, reason: Refusal) -> None:
        """Count a connection that was not let in."""
        self._refusals.labels(method.value, reason.value).inc()

    def tls_failed(self, method: Method) -> None:
        """Count a handshake of TLS that failed."""
        self._handshakes.labels(method.value).inc()

    def locked_out(self) -> None:
        """Count an address that is not listened to for a while."""
        self._lockouts.inc()

    def ended(self, method: Method) -> None:
        """Count the end of a connection on which a terminal had registered."""
        self._ends.labels(method.value).inc()

    def session_requested(self, *, sent: bool) -> None:
        """Count a request to connect."""
        self._requests.labels("sent" if sent else "failed").inc()

    def pushed(self, method: Method, outcome: OutcomeKind) -> None:
        """Count the end of a push."""
        self._pushes.labels(method.value, outcome.value).inc()
