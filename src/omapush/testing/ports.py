"""Ports for tests that run at the same time: nobody is given one that another has.

A test needs the number of a port before the daemon that is to listen there has been started. The
kernel could name one that is free, but it may give the same number to the next process that asks,
as the port of a server or of an outgoing connection. So the ports handed out here lie outside of
the range that the kernel chooses from, and each process takes them from a block of its own, which
it holds by a lock on a file until it ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from omapush.core.errors import OmapushError

RANGE = range(21_000, 65_000)
"""Above the default ports of all peers of our tests."""

BLOCK = 100
"""How many ports a process takes at a time."""

LOOPBACK = "127.0.0.1"

_KERNELS_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


class NoFreePortError(OmapushError):
    """Every port that could be handed out is somebody else's."""


class PortShare:
    """The ports that this process may use, each handed out once.

    :param locks: an existing directory that all processes share; a file there for each block.
    :param among: the ports to choose from.
    """

    def __init__(self, locks: Path, among: range = RANGE) -> None:
        self._locks = locks
        self._ports = self._free_ports(among)

    def take(self) -> int:
        """Return a port of 127.0.0.1 that nobody uses, neither for TCP nor for UDP.

        :raises NoFreePortError: there is none left.
        """
        port = next(self._ports, None)
        if port is None:
            raise NoFreePortError("no port is left outside of the range of the kernel")
        return port

    def _free_ports(self, among: range) -> Iterator[int]:
        for block in _blocks(among):
            if self._lock(block):
                yield from filter(_is_free, block)

    def _lock(self, block: range) -> bool:
        """Take a block if nobody has it; the end of the process gives it back."""
        try:
            descriptor = os.open(
                self._locks / f"omapush-test-ports-{block.start}",
                os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600,
            )  # fmt: skip
        except OSError:  # another user's, or no plain file
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        return True


def _blocks(among: range) -> Iterator[range]:
    """Return the blocks outside of the range from which the kernel chooses ports."""
    first, last = (int(word) for word in _KERNELS_RANGE.read_text(encoding="ascii").split())
    for start in range(among.start, among.stop, BLOCK):
        if start + BLOCK <= first or start > last:
            yield range(start, start + BLOCK)


def _is_free(port: int) -> bool:
    try:
        with socket.create_server((LOOPBACK, port)):
            pass
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((LOOPBACK, port))
    except OSError:
        return False
    return True


OURS = PortShare(Path(tempfile.gettempdir()))
"""The share of this process."""
