"""Messages on their way out, in chunks that take turns (RFC 4975 5.1)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from omapush.protocols.msrp.byte_range import ByteRange
from omapush.protocols.msrp.frame import FailureReport, Flag
from omapush.protocols.msrp.session import SMALL_CHUNK, MsrpSettings, SendMessage

SMALL_WINDOW = 32
"""So many small chunks may be unanswered."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next chunk of a message."""

    message: SendMessage
    byte_range: ByteRange
    content: bytes
    flag: Flag


@dataclass(slots=True)
class _Outgoing:
    message: SendMessage
    sent: int = 0
    unanswered: int = 0
    written: bool = False


class Outbox:
    """The messages of one session that are on their way.

    A chunk that nobody answers opens no window; so a message that does not fit into the window is
    sent with answers to every chunk, whatever was asked for (7.1.1 leaves that to the sender).
    """

    def __init__(self, settings: MsrpSettings) -> None:
        self._settings = settings
        self._turns: deque[_Outgoing] = deque()
        self._by_id: dict[str, _Outgoing] = {}
        self._unanswered = 0

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._by_id

    @property
    def message_ids(self) -> tuple[str, ...]:
        """The messages that have not ended."""
        return tuple(self._by_id)

    def put(self, message: SendMessage) -> None:
        """Add a message."""
        one = _Outgoing(message)
        self._by_id[message.message_id] = one
        self._turns.append(one)

    def failure_report(self, message: SendMessage) -> FailureReport:
        """Return whether the chunks of ``message`` are answered."""
        window = self._settings.chunk_octets * self._settings.window
        return message.failure_report if len(message.body) <= window else FailureReport.YES

    def next_chunk(self, *, through_relays: bool = False) -> Chunk | None:
        """Return what is to be sent now; ``None``: nothing, or the window is full.

        :param through_relays: they keep a chunk before they pass it on, and take no large ones.
        """
        size, window = self._settings.chunk_octets, self._settings.window
        if through_relays and size > SMALL_CHUNK:
            size, window = SMALL_CHUNK, SMALL_WINDOW
        if not self._turns or self._unanswered >= window:
            return None
        one = self._turns.popleft()
        message, total = one.message, len(one.message.body)
        begin, end = one.sent, min(one.sent + size, total)
        said_end = end if size <= SMALL_CHUNK else None
        one.sent = end
        one.written = end == total
        if not one.written:
            self._turns.append(one)
        if self.failure_report(message) is FailureReport.YES:
            one.unanswered += 1
            self._unanswered += 1
        content = message.body if end - begin == total else message.body[begin:end]
        flag = Flag.LAST if one.written else Flag.MORE
        return Chunk(message, ByteRange(begin + 1, said_end, total), content, flag)

    def release(self) -> None:
        """A chunk is not waited for any more."""
        self._unanswered -= 1

    def answered(self, message_id: str) -> bool:
        """A chunk was taken; return whether the message has ended by that."""
        self.release()
        one = self._by_id.get(message_id)
        if one is None:
            return False
        one.unanswered -= 1
        return self.settled(message_id)

    def settled(self, message_id: str) -> bool:
        """Return whether nothing is to be sent or answered any more; then it is forgotten."""
        one = self._by_id.get(message_id)
        if one is None or not one.written or one.unanswered:
            return False
        del self._by_id[message_id]
        return True

    def failed(self, message_id: str) -> bool | None:
        """Send no more of a message; return whether all of it had gone, ``None``: it had ended.

        Chunks of it that are not answered yet still count until they are.
        """
        one = self._by_id.pop(message_id, None)
        if one is None:
            return None
        if not one.written:
            self._turns.remove(one)
        return one.written

    def unfinished(self, message_id: str) -> SendMessage | None:
        """Return a message of which some chunks have gone and some not (it is to be aborted)."""
        one = self._by_id.get(message_id)
        return one.message if one is not None and one.sent and not one.written else None
