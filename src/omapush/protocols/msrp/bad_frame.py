"""Why octets are no MSRP frame."""

from __future__ import annotations

from omapush.core.errors import DecodeError


class BadFrame(DecodeError):
    """Octets do not have the form of RFC 4975 9, or are more than the limit in force allows."""
