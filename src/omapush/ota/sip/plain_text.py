"""Text of peers that goes to ledgers, logs and people.

The values of SIP headers keep octets that are no UTF-8 (``protocols.sip.message``), and such text
cannot be written anywhere else.
"""

from __future__ import annotations


def is_plain(text: str) -> bool:
    """Whether ``text`` is printable ASCII, as URIs and names of ours are."""
    return text.isascii() and text.isprintable()


def readable(text: str) -> str:
    """Return ``text`` with what is no UTF-8 replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
