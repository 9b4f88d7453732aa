"""The model of MSRP frames (RFC 4975 9): requests with their content in chunks, and responses."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from omapush.protocols.msrp.byte_range import ByteRange
from omapush.protocols.msrp.uri import Path

MIN_IDENTIFIER, MAX_IDENTIFIER = 4, 32
"""Characters of a transaction id or Message-ID."""


class Flag(enum.Enum):
    """What follows a chunk: the last character of its end-line."""

    LAST = "$"
    MORE = "+"
    ABORTED = "#"


class FailureReport(enum.Enum):
    """Whether chunks are answered, and failures reported (RFC 4975 7.1.1)."""

    YES = "yes"
    NO = "no"
    PARTIAL = "partial"
    """Only failures are."""


class Status(enum.IntEnum):
    """Status codes (RFC 4975 10, IANA)."""

    OK = 200
    UNINTELLIGIBLE = 400
    UNAUTHORIZED = 401
    FORBIDDEN = 403
    TIMEOUT = 408
    STOP_SENDING = 413
    UNSUPPORTED_TYPE = 415
    OUT_OF_BOUNDS = 423
    NO_SESSION = 481
    UNKNOWN_METHOD = 501
    OTHER_CONNECTION = 506

    @property
    def comment(self) -> str:
        """Words for people."""
        return "OK" if self is Status.OK else self.name.replace("_", " ").capitalize()


Field = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """A request without its content.

    :ivar method: ``SEND``, ``REPORT``, ``AUTH`` or another.
    :ivar content_type: ``None``: the request has no content, not even an empty one.
    :ivar more: headers that have no place of their own, in their order.
    """

    transaction_id: str
    method: str
    to_path: Path
    from_path: Path
    message_id: str | None = None
    success_report: bool = False
    failure_report: FailureReport = FailureReport.YES
    byte_range: ByteRange | None = None
    status: tuple[int, str] | None = None
    content_type: str | None = None
    more: tuple[Field, ...] = ()

    def header(self, name: str) -> str | None:
        """Return the first of the other headers that is called so."""
        return first_of(self.more, name)


@dataclass(frozen=True, slots=True)
class Response:
    """A response; it has no content."""

    transaction_id: str
    status: int
    comment: str
    to_path: Path
    from_path: Path
    more: tuple[Field, ...] = ()

    @property
    def is_success(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """Return the first of the other headers that is called so."""
        return first_of(self.more, name)


@dataclass(frozen=True, slots=True)
class Content:
    """Octets of the content of the request before; there may be more of them."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The request before has ended."""

    flag: Flag


Piece = Request | Response | Content | End
"""What a reader makes of octets: a request is followed by its content and its end."""


def first_of(fields: tuple[Field, ...], name: str) -> str | None:
    """Return the value of the first field of this name, without regard to case."""
    wanted = name.lower()
    return next((value for each, value in fields if each.lower() == wanted), None)
