"""Ends bindings at their servers (CAI-49 to CAI-52), again and again if need be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from omapush.cai.model import Reason
from omapush.client.binding.binder import Binder, BindingFailed
from omapush.client.binding.bindings import WantedBinding
from omapush.core.instants import MINUTE_MS, SECOND_MS

log = structlog.get_logger(__name__)

ANSWER_MS = MINUTE_MS
"""How long a server may take to let go of one binding."""
WAITS_MS = tuple(seconds * SECOND_MS for seconds in (10, 30, 60, 120, 240, 480, 900, 900, 900))
"""Between one try and the next; together an hour."""


class Withdrawal:
    """Asks the binders of a client to end what servers keep.

    :param binders: returns those that there are.
    """

    def __init__(self, binders: Callable[[], Sequence[Binder]]) -> None:
        self._binders = binders

    async def attempt(
        self, data: Sequence[WantedBinding]
    ) -> tuple[list[WantedBinding], BindingFailed | None]:
        """Try once; return what is still kept at servers, and why."""
        left: list[WantedBinding] = []
        failure: BindingFailed | None = None
        for one in data:
            try:
                await self._withdraw(one)
            except BindingFailed as error:
                left.append(one)
                failure = failure or error
            except Exception:
                log.exception("withdrawal_broke", protocol=one.protocol)
                left.append(one)
                failure = failure or BindingFailed(Reason.INTERNAL_ERROR, "a fault of the client")
        return left, failure

    async def _withdraw(self, binding: WantedBinding) -> None:
        """End one binding. :raises BindingFailed: refused, or no answer in time."""
        for binder in self._binders():
            if binder.protocol == binding.protocol:
                try:
                    async with asyncio.timeout(ANSWER_MS / SECOND_MS):
                        await binder.withdraw(binding.server_data)
                except TimeoutError as error:
                    raise BindingFailed(Reason.TIMEOUT, "the server does not answer") from error
                return
        detail = f"{binding.protocol} is not set up any more"
        raise BindingFailed(Reason.UNAVAILABLE, detail)
