"""Calls a handler in the client's own process with each push of its registration (CAI-3, CAI-8).

A handler that returns has taken responsibility, one that returns a
:class:`~omapush.cai.model.Reject` or raises has not (T-60). One that is still busy at the deadline
is cancelled: by then the gateway has been told that the push was not taken. The next push waits
until a handler has really ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import structlog

from omapush.cai.model import (
    Accept,
    Answer,
    CaiError,
    PushEvent,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    Reject,
    RejectReason,
)
from omapush.client.mailbox import Delivery, Mailbox
from omapush.core.errors import OmapushError

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 1.0

Handler = Callable[[PushEvent], Awaitable[Answer | None]]


class Activation(Protocol):
    """Reaches applications by what they registered as their Event Handler (CAI-8)."""

    def check(self, owner: str, request: RegistrationRequest) -> None:
        """Check the event handler of a registration, and whether its owner may have it.

        :raises RegistrationRejected: not of a form that is known, or not allowed here.
        """

    def handler_for(self, registration: Registration) -> Handler | None:
        """Return what reaches the application; ``None``: it asks for its events."""


class NoActivation:
    """Knows no event handlers: every application asks for its events."""

    def check(self, owner: str, request: RegistrationRequest) -> None:
        """Refuse any event handler."""
        if request.event_handler not in (None, "", "none"):
            detail = f"the handler {request.event_handler!r:.80} is not supported"
            raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, "event_handler")

    def handler_for(self, registration: Registration) -> Handler | None:
        """Return none."""
        return None


Answered = Callable[[Mailbox, str, Answer], Awaitable[None]]


async def serve(
    mailbox: Mailbox, current: Callable[[], Handler | None], answered: Answered
) -> None:
    """Serve pushes until the mailbox is closed, or the application has no handler any more.

    :param current: returns the handler, which an update of the registration may replace.
    """
    while True:
        try:
            delivery = await mailbox.lease(None)
        except OmapushError as error:
            log.error("push_not_handed", reason=str(error))
            await asyncio.sleep(AGAIN_SECONDS)
            continue
        handler = current()
        if delivery is None:
            return
        if handler is None:
            await mailbox.release(delivery.event.event_id)
            return
        answer = await _called(handler, delivery)
        if answer is None:
            continue
        try:
            await answered(mailbox, delivery.event.event_id, answer)
        except CaiError as error:
            # Too late, or not kept: the gateway was told so, and will send it again.
            log.info("answer_void", event_id=delivery.event.event_id, reason=error.detail)


async def _called(handler: Handler, delivery: Delivery) -> Answer | None:
    """Return what the handler says, or ``None`` when its time was over first."""
    task = asyncio.ensure_future(_call(handler, delivery.event))
    either: set[asyncio.Future[Any]] = {task, delivery.over}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        too_late = task.cancel()
    await asyncio.wait({task})
    if too_late:
        return None
    return _failed("CancelledError") if task.cancelled() else task.result()


async def _call(handler: Handler, event: PushEvent) -> Answer:
    try:
        answer = await handler(event)
    except Exception as error:  # an application may raise anything
        log.warning("handler_failed", event_id=event.event_id, exc_info=True)
        return _failed(type(error).__name__)
    return answer if isinstance(answer, Reject) else Accept()


def _failed(what: str) -> Reject:
    return Reject(RejectReason.TRY_LATER, f"application_error: {what}")
