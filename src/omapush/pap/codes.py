"""Status codes and message states (PAP 8.6, 8.13, 8.14)."""

from __future__ import annotations

import enum


class StatusCode(enum.IntEnum):
    """Codes that PAP assigns. Vendors add others, of four or five digits."""

    OK = 1000
    ACCEPTED_FOR_PROCESSING = 1001
    BAD_REQUEST = 2000
    FORBIDDEN = 2001
    ADDRESS_ERROR = 2002
    ADDRESS_NOT_FOUND = 2003
    PUSH_ID_NOT_FOUND = 2004
    CAPABILITIES_MISMATCH = 2005
    REQUIRED_CAPABILITIES_NOT_SUPPORTED = 2006
    DUPLICATE_PUSH_ID = 2007
    CANCELLATION_NOT_POSSIBLE = 2008
    INTERNAL_SERVER_ERROR = 3000
    NOT_IMPLEMENTED = 3001
    VERSION_NOT_SUPPORTED = 3002
    NOT_POSSIBLE = 3003
    CAPABILITY_MATCHING_NOT_SUPPORTED = 3004
    MULTIPLE_ADDRESSES_NOT_SUPPORTED = 3005
    TRANSFORMATION_FAILURE = 3006
    SPECIFIED_DELIVERY_METHOD_NOT_POSSIBLE = 3007
    CAPABILITIES_NOT_AVAILABLE = 3008
    REQUIRED_NETWORK_NOT_AVAILABLE = 3009
    REQUIRED_BEARER_NOT_AVAILABLE = 3010
    REPLACEMENT_NOT_SUPPORTED = 3011
    ONESHOT_NOT_SUPPORTED = 3012
    SERVICE_FAILURE = 4000
    SERVICE_UNAVAILABLE = 4001
    MOBILE_CLIENT_ABORTED = 5000


class CodeClass(enum.IntEnum):
    """The first digit of a code says what kind it is (PAP 8.13)."""

    SUCCESS = 1
    CLIENT_ERROR = 2
    SERVER_ERROR = 3
    SERVICE_FAILURE = 4
    MOBILE_ABORT = 5


class MessageState(enum.StrEnum):
    """States of a push message towards one recipient (PAP 8.6)."""

    REJECTED = "rejected"
    PENDING = "pending"
    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"
    EXPIRED = "expired"
    ABORTED = "aborted"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


def class_of(code: int) -> CodeClass | None:
    """Return the class of ``code`` by its first digit, or ``None`` if it has no known one.

    An unknown code of a class counts as the class's x000 (PAP 8.13).
    """
    digits = str(code)
    if len(digits) not in (4, 5) or digits[0] not in "12345":
        return None
    return CodeClass(int(digits[0]))


def abort_code(status: int) -> int:
    """Return the code for a client's abort: 5, then the three digits of its reason (PAP 8.14.5).

    ``status`` is a WSP abort reason or an X-Wap-Push-Status; outside three digits it is 5000.
    """
    if not 0 <= status <= 999:
        return StatusCode.MOBILE_CLIENT_ABORTED
    return StatusCode.MOBILE_CLIENT_ABORTED + status
