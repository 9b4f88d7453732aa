"""A delivery as a connectionless push: what is the same over SMS and over UDP.

Nothing registers a client that is reached without a connection, so nothing is known of what it
takes but that it is a WAP push client: text of the types that have a binary form is compiled, since
phones know the binary forms only, and the rest goes as it is.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from omapush.content.message import PushMessage
from omapush.core.errors import EncodeError
from omapush.ota.interface import PushFlag
from omapush.ota.wsp.unit_push import encode_unit_push
from omapush.pap.codes import StatusCode
from omapush.ppg.compilation import binary_form_of, may_transform
from omapush.ppg.patterns import matches
from omapush.ppg.store.contract import ClaimedDelivery, DeliveryKey
from omapush.ppg.transform import Unfit, in_binary_form
from omapush.protocols.wsp.profile import DEFAULT_PROFILE, HeaderProfile


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """How headers are written for some deliveries.

    :ivar clients: patterns of client ids; ``initiators`` likewise.
    """

    profile: HeaderProfile
    clients: tuple[str, ...] = ("*",)
    initiators: tuple[str, ...] = ("*",)

    def holds(self, claimed: ClaimedDelivery) -> bool:
        """Whether the rule is for this delivery."""
        return any(matches(each, claimed.client_id) for each in self.clients) and any(
            matches(each, claimed.initiator_id) for each in self.initiators
        )


@dataclass(frozen=True, slots=True)
class UnitPushSettings:
    """How connectionless pushes are written.

    :ivar profile: which headers of WSP go out as numbers, where no rule holds.
    :ivar rules: the first that holds counts.
    """

    profile: HeaderProfile = DEFAULT_PROFILE
    rules: tuple[HeaderRule, ...] = ()

    def profile_for(self, claimed: ClaimedDelivery) -> HeaderProfile:
        """Return how the headers of one delivery are written."""
        found = next((rule for rule in self.rules if rule.holds(claimed)), None)
        return self.profile if found is None else found.profile


def datagram_of(
    claimed: ClaimedDelivery, message: PushMessage, settings: UnitPushSettings
) -> bytes | Unfit:
    """Return the datagram of one delivery; the same in every attempt."""
    fitting = binary_where_known(message)
    if isinstance(fitting, Unfit):
        return fitting
    profile = settings.profile_for(claimed)
    return written(fitting, PushFlag(claimed.flags), number_of(claimed.key), profile)


def binary_where_known(message: PushMessage) -> PushMessage | Unfit:
    """Return ``message`` in binary form if it has one and may be changed, else as it is."""
    if binary_form_of(message.media_type) is None or not may_transform(message):
        return message
    return in_binary_form(message)


def written(
    message: PushMessage, flags: PushFlag, number: int, profile: HeaderProfile
) -> bytes | Unfit:
    """Return the datagram that carries ``message`` as it is.

    :param number: as :func:`number_of` gives it; the transaction id is its last octet.
    """
    try:
        return encode_unit_push(message, flags, number & 0xFF, profile)
    except EncodeError as error:
        return Unfit(f"cannot be written for the air: {error}", StatusCode.TRANSFORMATION_FAILURE)


def number_of(key: DeliveryKey) -> int:
    """Return a number of 32 bits, the same for each attempt of one delivery, of another another.

    Transaction ids and references of segments come from it: what arrives twice is recognised, and
    two pushes to one client hardly ever get the same.
    """
    return zlib.crc32(str(key).encode())
