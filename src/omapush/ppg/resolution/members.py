"""Members of a group as a backend writes them: an address each."""

from __future__ import annotations

from omapush.pap import address as addressing
from omapush.pap.address import Address, AddressError
from omapush.ppg.resolution.port import NotServed


def member_of(text: str) -> Address | NotServed:
    """Read a member; one bad entry is no reason to send the others nothing."""
    try:
        return addressing.parse(text, tolerant=True)
    except AddressError as error:
        return NotServed(f"not an address: {text[:40]!r}, {error.reason}")
