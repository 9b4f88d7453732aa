"""The operator's pages on an address of their own: /healthz, /readyz, /metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from omapush.ppg.metrics import Metrics
from omapush.ppg.store.contract import Store, StoreCounts, StoreUnavailable

LEDGER_PATIENCE_SECONDS = 5


def admin_application(
    store: Store,
    metrics: Metrics,
    health: Callable[[], Sequence[str]] = tuple,
    more: Sequence[Route] = (),
) -> Starlette:
    """Return the ASGI application.

    ``/healthz`` says that the process runs, and below that what ``health`` adds, line by line;
    ``/readyz`` that the ledger answers as well (503 when
    it does not), ``/metrics`` counts, in Prometheus' text form.

    :param more: pages of other parts of the gateway.
    """

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("".join(f"{line}\n" for line in ("ok", *health())))

    async def readyz(_request: Request) -> Response:
        counts, reason = await _counts(store)
        if counts is None:
            return PlainTextResponse(f"the ledger does not answer: {reason}\n", status_code=503)
        return PlainTextResponse("ready\n")

    async def exposition(_request: Request) -> Response:
        counts, _reason = await _counts(store)
        media_type = "text/plain; version=0.0.4; charset=utf-8"
        return Response(metrics.exposition(counts), media_type=media_type)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", exposition),
            *more,
        ]
    )


async def _counts(store: Store) -> tuple[StoreCounts | None, str]:
    try:
        async with asyncio.timeout(LEDGER_PATIENCE_SECONDS):
            return await store.counts(), ""
    except StoreUnavailable as error:
        return None, error.reason
    except TimeoutError:
        return None, f"no answer within {LEDGER_PATIENCE_SECONDS} seconds"
