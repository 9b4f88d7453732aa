"""uvicorn's HTTP protocol with patience that ends: whoever connects and asks nothing is let go."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle


def patient_protocol(patience_seconds: float) -> type[H11Protocol]:
    """Return a protocol that closes a connection without a whole head of a request in that time.

    It bounds the head as well (``h11_max_incomplete_event_size``), which httptools does not.
    """

    class PatientProtocol(H11Protocol):
        _patience: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as uvicorn has it
            super().connection_made(transport)
            self._wait_for_head()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._wait_for_head()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self._patience is not None:
                self._patience.cancel()

        def _wait_for_head(self) -> None:
            if self._patience is not None:
                self._patience.cancel()
            self._patience = self.loop.call_later(patience_seconds, self._give_up)

        def _give_up(self) -> None:
            cycle: RequestResponseCycle | None = self.cycle
            is_answering = cycle is not None and not cycle.response_complete
            if not is_answering and not self.transport.is_closing():
                self.transport.close()

    return PatientProtocol
