"""What went wrong with a connection, in words for people."""

from __future__ import annotations

import os
import ssl


def said(error: OSError) -> str:
    """Return what went wrong, without the address that the caller knows."""
    if isinstance(error, ssl.SSLError):
        why = getattr(error, "verify_message", None) or error.reason or "no handshake"
        return f"TLS: {why}"
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error) or type(error).__name__
