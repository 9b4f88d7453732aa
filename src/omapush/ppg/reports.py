"""What bearers report of pushes that they took (Architecture C.3): into the ledger, then onward."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from omapush.ota.bearer_reports import BearerReport
from omapush.ppg.metrics import Metrics
from omapush.ppg.store.contract import ReportResult, Store

log = structlog.get_logger(__name__)


class Reports:
    """Takes the reports of every bearer.

    :param ended: is told when a delivery has ended and a notification may be due.
    """

    def __init__(self, store: Store, metrics: Metrics, ended: Callable[[], None]) -> None:
        self._store = store
        self._metrics = metrics
        self._ended = ended

    async def take(self, reports: Sequence[BearerReport]) -> list[ReportResult]:
        """Store ``reports`` by one commit; return what each did.

        A bearer may be told that a report arrived when this has returned, and not before.

        :raises StoreUnavailable: nothing is known of what became of them; they may be given again.
        """
        results = await self._store.report(reports)
        for report, result in zip(reports, results, strict=True):
            self._metrics.reported(report, result)
            log.debug(
                "bearer_reported",
                bearer=report.bearer,
                reference=report.reference,
                verdict=report.verdict.value,
                delivery_id=str(result.key) if result.key else None,
                ended=result.ended.value if result.ended else None,
            )
        if any(result.ended is not None for result in results):
            self._ended()
        return results
