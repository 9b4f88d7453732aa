"""Names that MSRP takes: of sessions, transactions and messages."""

from __future__ import annotations

import secrets


def new_identifier() -> str:
    """Return a name that nobody can guess, of 24 letters and digits.

    RFC 4975 9 wants at most 32 of few characters, and 14.1 wants 80 bits of chance; 96 are here.
    """
    return secrets.token_hex(12)
