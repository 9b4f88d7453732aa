"""A push that came by MESSAGE: what its application says of it becomes the final response."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from omapush.core.instants import SECOND_MS
from omapush.ota.interface import ClientRequest, PoPushAbortReq, PushStatus
from omapush.ota.sip.core import Answer
from omapush.ota.sip.results import answer_of, refusal, untrusted

log = structlog.get_logger(__name__)


class AnswerToMessage:
    """In place of the link to a gateway. Implements ``ota.interface.StreamLink``.

    A MESSAGE can be answered for half a minute only, and proxies often give up sooner: an
    application that has not accepted by the deadline is answered for. What it still accepts
    afterwards is remembered, so that the gateway's repetition is answered 200 at once.

    :param accept: returns the types that are taken, for the answer to one that is not.
    """

    def __init__(
        self,
        answer: Answer,
        peer: str,
        acceptance_ms: int,
        accept: Callable[[], Iterable[str]],
    ) -> None:
        self.peer = peer
        self._answer: Answer | None = answer
        self._accept = accept
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(acceptance_ms / SECOND_MS, self._too_late)

    def request(self, primitive: ClientRequest) -> None:
        """Answer the push, unless that has been done."""
        answer, self._answer = self._answer, None
        self._deadline.cancel()
        if answer is None:
            log.debug("answer_too_late", gateway=self.peer)
        elif isinstance(primitive, PoPushAbortReq) and primitive.of_source:
            answer(untrusted(primitive.reason))
        else:
            answer(answer_of(primitive, accept=self._accept()))

    def close(self, reason: str) -> None:
        """There is no connection of its own."""

    def _too_late(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            log.info("push_not_accepted_in_time", gateway=self.peer)
            answer(refusal(PushStatus.USERREQ, "the application did not answer in time"))
