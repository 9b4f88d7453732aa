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
    out.uint8(HeaderField.MMS_VERSION).uint8(_version_octet(notification.version))
    if notification.from_ is not None:
        _put_from(out.uint8(HeaderField.FROM), notification.from_)
    if notification.subject is not None:
        _put_encoded_string(out.uint8(HeaderField.SUBJECT), notification.subject)
    _put_optional(out, notification)
    _put_class(out.uint8(HeaderField.MESSAGE_CLASS), notification.message_class)
    out.uint8(HeaderField.MESSAGE_SIZE).take(_long_integer(notification.message_size))
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
    """Append a Text-string, quoted where its first octet could be taken for a number."""
    try:
        octets = text.encode("ascii")
    except UnicodeEncodeError as error:
        raise EncodeError(f"not US-ASCII: {text[:40]!r}") from error
    out.text_string(octets)


def _put_from(out: OctetWriter, address: str) -> None:
    inner = OctetWriter().uint8(0x80)  # Address-present-token
    _put_encoded_string(inner, address)
    _put_value_length(out, inner)


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
    inner = OctetWriter().uint8(0x80 | UTF_8)
    if octets[0] >= 0x80:
        inner.uint8(0x7F)
    _put_value_length(out, inner.text_string(octets))


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
    inner = OctetWriter()
    if expiry.at is not None:
        # Absolute-token, Date-value: always a Long-integer.
        inner.uint8(0x80).take(_long_integer(expiry.at // SECOND_MS))
    elif expiry.seconds is not None:
        # Relative-token, Delta-seconds-value: an Integer-value, short where it fits.
        short = 0 <= expiry.seconds < 0x80
        octets = bytes((0x80 | expiry.seconds,)) if short else _long_integer(expiry.seconds)
        inner.uint8(0x81).take(octets)
    _put_value_length(out, inner)


def _put_value_length(out: OctetWriter, inner: OctetWriter) -> None:
    if len(inner) > 30:
        out.uint8(31).uintvar(len(inner))
    else:
        out.uint8(len(inner))
    out.take(inner.getvalue())


def _long_integer(value: int) -> bytes:
    if not 0 <= value < 1 << 64:
        raise EncodeError(f"{value} is no number from 0 to 2^64 - 1")
    octets = value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
    return bytes((len(octets),)) + octets


def _version_octet(version: str) -> int:
    major, _, minor = version.partition(".")
    digits = (major + minor).isascii() and (major + minor).isdecimal() and len(version) <= 4
    if not digits or not 1 <= int(major) <= 7 or not 0 <= int(minor or "15") <= 15:
        raise EncodeError(f"not a version: {version[:20]!r}")
    return 0x80 | int(major) << 4 | (int(minor) if minor else 0x0F)
