"""Values of one-octet fields that callers need by name (SMPP 3.4, 5.2)."""

from __future__ import annotations

import enum


class InterfaceVersion(enum.IntEnum):
    """interface_version and sc_interface_version (SMPP 3.4, 5.2.4; SMPP 5.0, 4.7.13)."""

    V3_3 = 0x33
    V3_4 = 0x34
    V5_0 = 0x50


class TypeOfNumber(enum.IntEnum):
    """Type of number (SMPP 3.4, 5.2.5)."""

    UNKNOWN = 0
    INTERNATIONAL = 1
    NATIONAL = 2
    NETWORK_SPECIFIC = 3
    SUBSCRIBER_NUMBER = 4
    ALPHANUMERIC = 5
    ABBREVIATED = 6


class NumberingPlan(enum.IntEnum):
    """Numbering plan indicator (SMPP 3.4, 5.2.6)."""

    UNKNOWN = 0
    ISDN = 1
    DATA = 3
    TELEX = 4
    LAND_MOBILE = 6
    NATIONAL = 8
    PRIVATE = 9
    ERMES = 10
    INTERNET = 14
    WAP_CLIENT_ID = 18


class MessagingMode(enum.IntEnum):
    """Bits 1-0 of esm_class (SMPP 3.4, 5.2.12)."""

    DEFAULT = 0
    DATAGRAM = 1
    FORWARD = 2
    STORE_AND_FORWARD = 3


class MessageType(enum.IntEnum):
    """Bits 5-2 of esm_class, as they stand there (SMPP 3.4, 5.2.12)."""

    DEFAULT = 0x00
    DELIVERY_RECEIPT = 0x04
    DELIVERY_ACKNOWLEDGEMENT = 0x08
    MANUAL_ACKNOWLEDGEMENT = 0x10
    CONVERSATION_ABORT = 0x18
    INTERMEDIATE_NOTIFICATION = 0x20


MODE_BITS = 0x03
TYPE_BITS = 0x3C
UDHI = 0x40
"""esm_class: short_message or message_payload begins with a user data header."""
REPLY_PATH = 0x80


class RegisteredDelivery(enum.IntEnum):
    """Bits 1-0 of registered_delivery (SMPP 3.4, 5.2.17); 3 exists since SMPP 5.0."""

    NONE = 0
    SUCCESS_OR_FAILURE = 1
    FAILURE = 2
    SUCCESS = 3


class DataCoding(enum.IntEnum):
    """data_coding, the values that Push meets (SMPP 3.4, 5.2.19)."""

    SMSC_DEFAULT = 0x00
    ASCII = 0x01
    OCTETS_2 = 0x02
    LATIN_1 = 0x03
    OCTETS = 0x04
    UCS2 = 0x08
    OCTETS_CLASS_1 = 0xF5


class MessageState(enum.IntEnum):
    """State of a message at the SMSC (SMPP 3.4, 5.2.28; 0 and 9 since SMPP 5.0, 4.7.15)."""

    SCHEDULED = 0
    ENROUTE = 1
    DELIVERED = 2
    EXPIRED = 3
    DELETED = 4
    UNDELIVERABLE = 5
    ACCEPTED = 6
    UNKNOWN = 7
    REJECTED = 8
    SKIPPED = 9

    @property
    def is_final(self) -> bool:
        """Whether nothing better or worse will follow.

        ACCEPTED means in the specification that somebody read the message on the subscriber's
        behalf; SMSCs use it for "taken", and send a final state later.
        """
        return self not in (MessageState.SCHEDULED, MessageState.ENROUTE, MessageState.ACCEPTED)
