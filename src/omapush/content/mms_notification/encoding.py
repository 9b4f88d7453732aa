"""Writes an M-Notification.ind (WAP-209, 6.2)."""

from __future__ import annotations

from omapush.content.mms_notification.charsets import UTF_8
from omapush.content.mms_notification.model import (
    M_NOTIFICATION_IND,
    Expiry,
    HeaderField,
    MessageClass,
    MmsNotification,
)
from omapush.core.errors import EncodeError
from omapush.core.instants import SECOND_MS
from omapush.core.octets import OctetWriter
from omapush.protocols.wsp import values


def encode(notification: MmsNotification) -> bytes:
    """Return the octets of ``notification``.

    :raises EncodeError: class, size or expiry are missing (WAP-209, 6.2), or a value does not fit.
    """
    if notification.message_class is None or notification.message_size is None:
        raise EncodeError("a notification needs a message class and a message size")
    if notification.expiry is None:
        raise EncodeError("a notification needs an expiry")
    out = OctetWriter()
    # WAP-209: these three come first and in this order.
    out.uint8(HeaderField.MESSAGE_TYPE).uint8(M_NOTIFICATION_IND)
    _put_text(out.uint8(HeaderField.TRANSACTION_ID), notification.transaction_id)
    out.uint8(HeaderField.MMS_VERSION).take(values.version(notification.version))
    if notification.from_ is not None:
        _put_from(out.uint8(HeaderField.FROM), notification.from_)
    if notification.subject is not None:
        _put_encoded_string(out.uint8(HeaderField.SUBJECT), notification.subject)
    _put_optional(out, notification)
    _put_class(out.uint8(HeaderField.MESSAGE_CLASS), notification.message_class)
    out.uint8(HeaderField.MESSAGE_SIZE).take(values.long_integer(notification.message_size))
    _put_expiry(out.uint8(HeaderField.EXPIRY), notification.expiry)
    for header in notification.others:
        out.uint8(header.field).take(header.value)
    _put_text(out.uint8(HeaderField.CONTENT_LOCATION), notification.content_location)
    return out.getvalue()


def _put_optional(out: OctetWriter, notification: MmsNotification) -> None:
    if notification.delivery_report is not None:
        # Yes is 128, No is 129 (WAP-209).
        octet = 0x80 if notification.delivery_report else 0x81
        out.uint8(HeaderField.DELIVERY_REPORT).uint8(octet)
    if notification.priority is not None:
        out.uint8(HeaderField.PRIORITY).uint8(notification.priority)


def _put_text(out: OctetWriter, text: str) -> None:
    """Append a Text-string of US-ASCII, which needs no Quote. :raises EncodeError: it is not."""
    try:
        octets = text.encode("ascii")
    except UnicodeEncodeError as error:
        raise EncodeError(f"not US-ASCII: {text[:40]!r}") from error
    out.text_string(octets)


def _put_from(out: OctetWriter, address: str) -> None:
    inner = OctetWriter().uint8(0x80)  # Address-present-token
    _put_encoded_string(inner, address)
    out.take(values.with_length(inner.getvalue()))


def _put_encoded_string(out: OctetWriter, text: str) -> None:
    """Append an Encoded-string-value: plain where it is US-ASCII, else with its charset.

    A control character in front would look like a length, and so cannot stand there plainly.
    """
    if (text.isascii() and text[:1] >= " ") or not text:
        out.text_string(text.encode("ascii"))
        return
    try:
        octets = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise EncodeError("a text holds half a character") from error
    inner = OctetWriter().take(values.short_integer(UTF_8))
    if octets[0] >= 0x80:
        inner.uint8(values.QUOTE)
    out.take(values.with_length(inner.text_string(octets).getvalue()))


def _put_class(out: OctetWriter, message_class: MessageClass | str) -> None:
    if isinstance(message_class, MessageClass):
        out.uint8(message_class)
    elif message_class:
        _put_text(out, message_class)
    else:
        raise EncodeError("a message class that is empty")


def _put_expiry(out: OctetWriter, expiry: Expiry) -> None:
    if (expiry.seconds is None) is (expiry.at is None):
        raise EncodeError("an expiry is either absolute or relative")
    if expiry.at is not None:
        # Absolute-token, Date-value: always a Long-integer.
        content = b"\x80" + values.long_integer(expiry.at // SECOND_MS)
    else:
        # Relative-token, Delta-seconds-value: an Integer-value, short where it fits.
        content = b"\x81" + values.integer(expiry.seconds or 0)
    out.take(values.with_length(content))
