"""M-Notification.ind: tells a handset that a multimedia message waits (WAP-209, 6.2).

The body of nearly every push there is. Its layout is WSP's: a header is one octet with the top bit
set and a value. Senders must give transaction, version, class, size, expiry and location; what is
read may lack all but the transaction and the location, since deployed senders leave them out.

* ``model``: :class:`MmsNotification` and what its fields are.
* ``encoding``, ``decoding``: to octets and back; ``charsets`` for texts.
* ``explaining``: the meaning of every octet, by the same reading functions.

What cannot be read raises :class:`~omapush.core.errors.DecodeError` of the layer ``mms``, what
cannot be written :class:`~omapush.core.errors.EncodeError`.
"""

from omapush.content.mms_notification.decoding import decode
from omapush.content.mms_notification.encoding import encode
from omapush.content.mms_notification.explaining import explain
from omapush.content.mms_notification.model import (
    APPLICATION_ID,
    LAYER,
    MAX_OCTETS,
    MEDIA_TYPE,
    Expiry,
    HeaderField,
    MessageClass,
    MmsNotification,
    Priority,
    UnreadHeader,
)

__all__ = [
    "APPLICATION_ID",
    "LAYER",
    "MAX_OCTETS",
    "MEDIA_TYPE",
    "Expiry",
    "HeaderField",
    "MessageClass",
    "MmsNotification",
    "Priority",
    "UnreadHeader",
    "decode",
    "encode",
    "explain",
]
