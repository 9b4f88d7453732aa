"""TCP's own questions whether the other end is still there (RFC 9293, 3.8.4)."""

from __future__ import annotations

import asyncio
import socket

PROBE_SECONDS = 30
"""Between questions that were not answered."""
PROBES = 4
"""Questions without an answer after which the connection has ended."""


def keep_alive(transport: asyncio.BaseTransport, seconds: int) -> None:
    """Have TCP ask after so many seconds without traffic; 0: never.

    It is how an end that waits finds out that the other one is gone, and it keeps address
    translators on the way from forgetting the connection. Where the system cannot be told how
    often, it asks as often as it likes.
    """
    found = transport.get_extra_info("socket")
    if found is not None:
        keep_alive_on(found, seconds)


def keep_alive_on(found: socket.socket, seconds: int) -> None:
    """Do the same of a socket; one that listens hands it on to what it accepts, at no cost."""
    if not seconds:
        return
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", seconds),
        ("TCP_KEEPINTVL", min(seconds, PROBE_SECONDS)),
        ("TCP_KEEPCNT", PROBES),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            found.setsockopt(socket.IPPROTO_TCP, option, value)
