"""Text that others wrote, for a terminal and for people."""

from __future__ import annotations

import unicodedata

_UNPRINTABLE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Unicode categories whose characters could do things to a terminal, or turn its text round."""


def printable(text: str) -> str:
    """Return ``text`` without what a terminal could take for a command, or people for other text.

    Pushed text may hold control characters of ISO 8859 (which begin escape sequences too) and
    characters that reverse the direction of writing.
    """
    return "".join(
        "\ufffd" if unicodedata.category(character) in _UNPRINTABLE else character
        for character in text
    )


def printable_lines(text: str) -> str:
    """Return the same of a text whose ends of lines and tabs are meant."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(printable(line.expandtabs()) for line in lines)
