"""What an entity asks of a session's connection, and what it is told; and what limits it.

Requests go to ``connection.MsrpConnection.request``, indications come from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from omapush.core.instants import SECOND_MS
from omapush.protocols.msrp.frame import FailureReport, Field, Status
from omapush.protocols.msrp.uri import MsrpUri, Path

SMALL_CHUNK = 2_048
"""Octets of the longest chunk whose end may be said beforehand (RFC 4975 5.1)."""


@dataclass(frozen=True, slots=True)
class MsrpSettings:
    """How a session behaves.

    :ivar max_octets: of the longest message that is taken.
    :ivar max_held_octets: of all messages together that are coming; ``max_messages`` is their
        number.
    :ivar chunk_octets: of a chunk that is sent. Long ones are quicker; through relays none is
        longer than :data:`SMALL_CHUNK`.
    :ivar window: so many chunks may be unanswered.
    :ivar response_ms: so long a response may take (RFC 4975 7.1.1).
    :ivar accept_types: content types that are taken; none: all.
    """

    max_octets: int = 16 * 1024 * 1024
    max_held_octets: int = 32 * 1024 * 1024
    max_messages: int = 8
    chunk_octets: int = 262_144
    window: int = 2
    response_ms: int = 30 * SECOND_MS
    accept_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ends:
    """The two ends of a session.

    :ivar own: this end's path, its own URI last.
    :ivar remote: the other's, next hop first; empty for a passive end that does not know it yet:
        then it is the path that the first request comes from.
    """

    own: Path
    remote: Path


Find = Callable[[MsrpUri], Ends | Status]
"""Finds the session that a first request is for, by this end's URI; or says why there is none."""


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send a message.

    :ivar message_id: 4 to 32 characters, unique in the session.
    """

    message_id: str
    content_type: str
    body: bytes
    success_report: bool = False
    failure_report: FailureReport = FailureReport.YES
    more: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class SendReport:
    """Report what became of a message that came: with status 200 that it was taken.

    :ivar octets: of the message.
    """

    message_id: str
    octets: int
    status: int = Status.OK
    comment: str = Status.OK.comment
    more: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Bind:
    """Send a request without content, by which the other end knows whose connection this is."""


@dataclass(frozen=True, slots=True)
class Authorise:
    """Ask a relay for a place (RFC 4976 5.1).

    :ivar relay: where it is; ``authorization``: credentials that answer its challenge.
    """

    relay: MsrpUri
    authorization: str | None = None
    expires_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class FarEnd:
    """Say where the other end is; who asks a relay for a place learns it only afterwards.

    :ivar path: next hop first: this end's relays, then the path that the other end gave.
    """

    path: Path


@dataclass(frozen=True, slots=True)
class StopMessage:
    """Take no more of a message: its next chunk is answered with ``status``."""

    message_id: str
    status: Status = Status.STOP_SENDING


@dataclass(frozen=True, slots=True)
class EndSession:
    """Close the connection, once what was written is on its way."""

    reason: str


MsrpRequest = SendMessage | SendReport | Bind | Authorise | FarEnd | StopMessage | EndSession


@dataclass(frozen=True, slots=True)
class BoundInd:
    """It is known whose connection this is: the first request came, or its answer did."""

    ends: Ends


@dataclass(frozen=True, slots=True)
class MessageInd:
    """A whole message came."""

    message_id: str
    content_type: str
    body: bytes = field(repr=False)
    success_report: bool = False
    failure_report: FailureReport = FailureReport.YES
    more: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class MessageSentInd:
    """All chunks of a message are answered, or have been written where nobody answers."""

    message_id: str


@dataclass(frozen=True, slots=True)
class MessageFailedInd:
    """A message did not arrive whole: a chunk was refused, or nobody answered (408).

    :ivar was_written: all of it had gone; without an answer it may have arrived.
    """

    message_id: str
    status: int
    comment: str
    was_written: bool = False


@dataclass(frozen=True, slots=True)
class ReportInd:
    """The other end, or a relay, reports on a message that was sent."""

    message_id: str
    status: int
    comment: str
    more: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthorisedInd:
    """The relay answered.

    :ivar status: 200, or why not; ``path``: what goes in front of the own URI.
    :ivar challenge: with 401, the value of WWW-Authenticate.
    """

    status: int
    path: Path = ()
    expires_seconds: int | None = None
    challenge: str | None = None


@dataclass(frozen=True, slots=True)
class EndedInd:
    """The connection has ended; messages that were not answered have been told as failed before."""

    reason: str


MsrpIndication = (
    BoundInd | MessageInd | MessageSentInd | MessageFailedInd | ReportInd | AuthorisedInd | EndedInd
)
