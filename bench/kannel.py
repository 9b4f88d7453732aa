"""Kannel's PPG as the reference: a simulated SMSC swallows everything that it sends."""

from __future__ import annotations

import base64
import socket
import sys
import threading
from pathlib import Path

from processes import free_ports

from omapush.testing.kannel import PASSWORD, USERNAME, Kannel, KannelMissing, prepare


def prepared(folder: Path) -> Kannel:
    """Write Kannel's configuration; end everything if it is not installed."""
    try:
        return prepare(folder, free_ports(5))
    except KannelMissing as error:
        sys.exit(f"the benchmark needs its reference: {error}")


def authorization() -> str:
    """Return the header line that its PPG wants."""
    credentials = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    return f"Authorization: Basic {credentials}\r\n"


class Sink:
    """The far end of Kannel's simulated SMSC: reads and forgets."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._swallow, daemon=True)
        self._thread.start()

    def _swallow(self) -> None:
        try:
            while self._socket.recv(1 << 20):
                pass
        except OSError:
            pass

    def close(self) -> None:
        self._socket.close()
