"""The recipients that a cancellation or a status query names (PAP 8.4, 8.8)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from omapush.core.errors import DecodeError
from omapush.pap.address_reading import read_address
from omapush.pap.codes import StatusCode
from omapush.pap.model import Address
from omapush.pap.tolerance import Tolerance


@dataclass(frozen=True, slots=True)
class NamedRecipients:
    """Addresses by the recipient that they mean; each keeps the initiator's spelling (PPG 6).

    :ivar unreadable: addresses by the reason for which they are none.
    """

    by_recipient: dict[str, tuple[str, ...]]
    unreadable: dict[str, list[str]]

    @property
    def any_given(self) -> bool:
        """Whether recipients were named at all; otherwise the operation is about every one."""
        return bool(self.by_recipient or self.unreadable)

    def faults(self, found: Collection[str]) -> dict[tuple[StatusCode, str], list[str]]:
        """Return the addresses that lead nowhere, by code and description.

        :param found: the recipients that the push has.
        """
        faults = {
            (StatusCode.ADDRESS_ERROR, reason): addresses
            for reason, addresses in self.unreadable.items()
        }
        strangers = [
            address
            for recipient, addresses in self.by_recipient.items()
            if recipient not in found
            for address in addresses
        ]
        if strangers:
            reason = "the push has no such recipient"
            faults[StatusCode.ADDRESS_NOT_FOUND, reason] = strangers
        return faults


def read_named(addresses: Sequence[Address], tolerance: Tolerance) -> NamedRecipients:
    """Read ``addresses``; one that is none is kept with the reason."""
    by_recipient: dict[str, tuple[str, ...]] = {}
    unreadable: dict[str, list[str]] = {}
    for element in addresses:
        text = element.address_value
        try:
            key = read_address(text, tolerance).recipient_key
        except DecodeError as error:
            unreadable.setdefault(error.reason, []).append(text)
        else:
            spellings = by_recipient.get(key, ())
            if text not in spellings:
                by_recipient[key] = (*spellings, text)
    return NamedRecipients(by_recipient, unreadable)
