"""One media session with a device: the dialog that an INVITE made, and the pushes over MSRP in it.

A push has ended when the device has reported on it (confirmed), when all of it was sent
(unconfirmed), or when the session ended before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from omapush.core.instants import SECOND_MS
from omapush.ota.interface import OutcomeKind, PushOutcome, PushStatus, StreamLink
from omapush.ota.sip.media import outcome_of_failure, outcome_of_report
from omapush.protocols.msrp.session import (
    EndSession,
    MessageFailedInd,
    MessageSentInd,
    MsrpIndication,
    MsrpRequest,
    ReportInd,
    SendMessage,
)
from omapush.protocols.sdp import Media
from omapush.protocols.sip.dialog import Dialog

GRACE_MS = 2 * SECOND_MS
"""So long a report is waited for after the device has ended the dialog."""


@dataclass(slots=True)
class _Push:
    delivery_id: str
    confirmed: bool
    ended: asyncio.Future[PushOutcome]


class MediaSession:
    """Pushes over one connection; more than one may be under way.

    :ivar answer: what the device has said of the media.
    :ivar ended: why it takes no more pushes; ``None``: it does.
    :param leave: is called with the reason when the connection has ended, or nothing was under way
        for ``idle_ms``: the dialog is to be ended, and :meth:`end` to be called.
    """

    def __init__(
        self,
        dialog: Dialog,
        answer: Media,
        link: StreamLink[MsrpRequest],
        leave: Callable[[MediaSession, str], None],
        idle_ms: int,
    ) -> None:
        self.dialog = dialog
        self.answer = answer
        self.ended: str | None = None
        self._link = link
        self._leave = leave
        self._idle_s = idle_ms / SECOND_MS
        self._pushes: dict[str, _Push] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def push(self, delivery_id: str, message: SendMessage, within_ms: int) -> PushOutcome:
        """Send one push and wait for its end: its report, if one is asked for."""
        if self.ended is not None:
            return PushOutcome(delivery_id, OutcomeKind.LATER, self.ended)
        self._rest(0)
        ended: asyncio.Future[PushOutcome] = asyncio.get_running_loop().create_future()
        self._pushes[message.message_id] = _Push(delivery_id, message.success_report, ended)
        self._link.request(message)
        try:
            async with asyncio.timeout(within_ms / SECOND_MS):
                return await ended
        except TimeoutError:
            reason = f"sent by MSRP, and nothing was reported within {within_ms} ms"
            return PushOutcome(delivery_id, OutcomeKind.IN_DOUBT, reason)
        finally:
            self._pushes.pop(message.message_id, None)
            if not self._pushes:
                self._rest(self._idle_s)

    def indication(self, indication: MsrpIndication) -> None:
        """Take what the connection tells."""
        if not isinstance(indication, ReportInd | MessageFailedInd | MessageSentInd):
            return
        push = self._pushes.get(indication.message_id)
        if push is None:
            return
        match indication:
            case ReportInd():
                _end(push, outcome_of_report(push.delivery_id, indication))
            case MessageFailedInd():
                _end(push, outcome_of_failure(push.delivery_id, indication))
            case MessageSentInd() if not push.confirmed:
                reason = "sent by MSRP; nobody confirms it"
                _end(push, PushOutcome(push.delivery_id, OutcomeKind.DONE, reason))
            case _:
                pass  # the report decides

    def lost(self, reason: str) -> None:
        """The connection has ended."""
        if self.ended is None:
            self._leave(self, f"the media connection ended: {reason}")

    def hung_up(self, reason: str) -> None:
        """The device has ended the dialog.

        Its last report may still be under way: by another path than what ended the dialog.
        """
        if not self._pushes or self.ended is not None:
            self.end(reason)
            return
        self._rest(0)
        self._timer = asyncio.get_running_loop().call_later(GRACE_MS / SECOND_MS, self.end, reason)

    def end(self, reason: str) -> None:
        """Take no more pushes, and close the connection.

        Pushes without a report count as failed (OTA-SIP 7.3).
        """
        if self.ended is not None:
            return
        self.ended = reason
        self._rest(0)
        for push in self._pushes.values():
            outcome = PushOutcome(push.delivery_id, OutcomeKind.LATER, reason, PushStatus.USERREQ)
            _end(push, outcome)
        self._link.request(EndSession(reason))

    def _rest(self, seconds: float) -> None:
        """End after so long without pushes; 0: there are some."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds and self.ended is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(seconds, self._leave, self, "nothing more to push")


def _end(push: _Push, outcome: PushOutcome) -> None:
    if not push.ended.done():
        push.ended.set_result(outcome)
