"""The content of a push as a file descriptor, so that its size does not matter to the bus.

What is given away is in memory and sealed: whoever gets it can read it from the beginning and
change nothing. Where the system has no such files, it is a temporary one without a name, open for
reading only.
"""

from __future__ import annotations

import fcntl
import os
import tempfile

_SEALS = "F_SEAL_SEAL", "F_SEAL_SHRINK", "F_SEAL_GROW", "F_SEAL_WRITE"


def descriptor_of(content: bytes) -> int:
    """Return a descriptor from which ``content`` can be read; it is the caller's to close.

    :raises OSError: there is no room for it.
    """
    return _sealed(content) if hasattr(os, "memfd_create") else _temporary(content)


def _sealed(content: bytes) -> int:
    descriptor = os.memfd_create("push", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        _write(descriptor, content)
        # The reader gets this very offset with the file.
        os.lseek(descriptor, 0, os.SEEK_SET)
        seals = sum(getattr(fcntl, name) for name in _SEALS)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _temporary(content: bytes) -> int:
    with tempfile.NamedTemporaryFile() as file:
        _write(file.fileno(), content)
        return os.open(file.name, os.O_RDONLY | os.O_CLOEXEC)


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
