"""What tells a device that something is there: SI, SL and CO.

Each is a value with two written forms, text (XML) and binary (WBXML), that say the same:
``from_xml``, ``to_xml``, ``from_wbxml``, ``to_wbxml``. ``document`` holds what they share, down to
the reading of dates; ``email_notification``, beside this package, is built on it as well. What a
client does with such a value is the client's business, except for ``comparison_key``.

Reading raises :class:`~omapush.core.errors.DecodeError` (layer ``si``, ``sl``, ``co`` or the form's
own), writing a value that its document type does not allow
:class:`~omapush.core.errors.EncodeError`.
"""

from omapush.content.indication.cache_operation import CacheOperation
from omapush.content.indication.service_indication import (
    InfoItem,
    ServiceIndication,
    SignalAction,
)
from omapush.content.indication.service_loading import LoadingAction, ServiceLoading

__all__ = [
    "CacheOperation",
    "InfoItem",
    "LoadingAction",
    "ServiceIndication",
    "ServiceLoading",
    "SignalAction",
]
