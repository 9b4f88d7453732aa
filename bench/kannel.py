"""Kannel's PPG as the reference: a simulated SMSC swallows everything that it sends."""

from __future__ import annotations

import socket
import threading


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
