"""The values of an M-Notification.ind (WAP-209, 6.2)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from omapush.core.instants import LATEST, SECOND_MS, Instant

LAYER = "mms"
MEDIA_TYPE = "application/vnd.wap.mms-message"
APPLICATION_ID = "x-wap-application:mms.ua"

MAX_OCTETS = 1 << 16
MAX_HEADERS = 64
M_NOTIFICATION_IND = 0x82


class HeaderField(enum.IntEnum):
    """The header fields that a notification may have, as octets (WAP-209 and later editions)."""

    CONTENT_LOCATION = 0x83
    DELIVERY_REPORT = 0x86
    EXPIRY = 0x88
    FROM = 0x89
    MESSAGE_CLASS = 0x8A
    MESSAGE_TYPE = 0x8C
    MMS_VERSION = 0x8D
    MESSAGE_SIZE = 0x8E
    PRIORITY = 0x8F
    SUBJECT = 0x96
    TRANSACTION_ID = 0x98
    REPLY_CHARGING = 0x9C
    REPLY_CHARGING_DEADLINE = 0x9D
    REPLY_CHARGING_ID = 0x9E
    REPLY_CHARGING_SIZE = 0x9F
    STORED = 0xA7
    DISTRIBUTION_INDICATOR = 0xB1
    ELEMENT_DESCRIPTOR = 0xB2
    RECOMMENDED_RETRIEVAL_MODE = 0xB4
    RECOMMENDED_RETRIEVAL_MODE_TEXT = 0xB5
    APPLIC_ID = 0xB7
    REPLY_APPLIC_ID = 0xB8
    AUX_APPLIC_INFO = 0xB9
    CONTENT_CLASS = 0xBA
    DRM_CONTENT = 0xBB
    REPLACE_ID = 0xBD


FIELD_NAMES: dict[int, str] = {
    HeaderField.CONTENT_LOCATION: "X-Mms-Content-Location",
    HeaderField.FROM: "From",
    HeaderField.SUBJECT: "Subject",
    HeaderField.MESSAGE_TYPE: "X-Mms-Message-Type",
    HeaderField.TRANSACTION_ID: "X-Mms-Transaction-ID",
    HeaderField.MMS_VERSION: "X-Mms-MMS-Version",
    HeaderField.REPLY_CHARGING_ID: "X-Mms-Reply-Charging-ID",
    HeaderField.APPLIC_ID: "X-Mms-Applic-ID",
    HeaderField.REPLY_APPLIC_ID: "X-Mms-Reply-Applic-ID",
    HeaderField.REPLACE_ID: "X-Mms-Replace-ID",
    HeaderField.DRM_CONTENT: "X-Mms-DRM-Content",
}
"""By octet, as the specifications write them."""
FIELD_NAMES |= {
    field: "X-Mms-" + field.name.replace("_", "-").title()
    for field in HeaderField
    if field not in FIELD_NAMES
}


class MessageClass(enum.IntEnum):
    """X-Mms-Message-Class; other classes are tokens of text."""

    PERSONAL = 0x80
    ADVERTISEMENT = 0x81
    INFORMATIONAL = 0x82
    AUTO = 0x83


class Priority(enum.IntEnum):
    """X-Mms-Priority."""

    LOW = 0x80
    NORMAL = 0x81
    HIGH = 0x82


@dataclass(frozen=True, slots=True)
class Expiry:
    """When the message is gone: ``seconds`` from now, or an instant; exactly one of them."""

    seconds: int | None = None
    at: Instant | None = None

    def instant(self, received: Instant) -> Instant:
        """Return the end as an instant, for a notification that came at ``received``."""
        if self.at is not None:
            return self.at
        return Instant(min(LATEST, received + (self.seconds or 0) * SECOND_MS))


@dataclass(frozen=True, slots=True)
class UnreadHeader:
    """A header that this version of the codec does not interpret; ``value`` as on the wire."""

    field: int
    value: bytes


@dataclass(frozen=True, slots=True)
class MmsNotification:
    """An M-Notification.ind.

    :ivar transaction_id: to be returned in the answer, up to 40 octets by custom.
    :ivar content_location: URI from which the message is fetched.
    :ivar version: of the MMS protocol, ``"1.0"`` to ``"1.3"``.
    :ivar from_: who sent the message, ``+358401234567/TYPE=PLMN`` or a mail address; ``None``: the
        sender is not told.
    :ivar message_class: a :class:`MessageClass`, a token of a class outside it, or not given.
    :ivar message_size: octets of the message, roughly.
    :ivar delivery_report: whether the sender asked for one.
    :ivar others: headers that are not interpreted, or could not be, written back as they came.
    """

    transaction_id: str
    content_location: str
    version: str = "1.0"
    from_: str | None = None
    subject: str | None = None
    message_class: MessageClass | str | None = MessageClass.PERSONAL
    message_size: int | None = None
    expiry: Expiry | None = None
    delivery_report: bool | None = None
    priority: Priority | None = None
    others: tuple[UnreadHeader, ...] = ()
