"""Who registered, read from the words that the ways in give. Pure.

``in-process``; ``uid:1000/...`` for the service access point, ``uid:1000/dbus:...`` for D-Bus and
``file:1000/absolute/path`` for a file of registrations: the user id that the system vouches for,
and behind the slash which of the user's applications it is.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

_OF_USER = re.compile(r"(uid|file):([0-9]{1,10})/(dbus:)?.*", re.ASCII | re.DOTALL)


class OwnerKind(enum.StrEnum):
    """By which way registrations come."""

    IN_PROCESS = "in-process"
    SOCKET = "socket"
    DBUS = "dbus"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of a registration.

    :ivar kind: ``None``: none of the ways that are known.
    :ivar uid: whose it is; ``None``: the client's own, or not known.
    """

    kind: OwnerKind | None
    uid: int | None = None

    @classmethod
    def of(cls, text: str) -> Owner:
        """Read an owner as it stands in a registration; what is not understood is of no kind."""
        if text == OwnerKind.IN_PROCESS:
            return cls(OwnerKind.IN_PROCESS)
        found = _OF_USER.fullmatch(text)
        if found is None:
            return cls(None)
        if found[1] == "file":
            return cls(OwnerKind.FILE, int(found[2]))
        return cls(OwnerKind.DBUS if found[3] else OwnerKind.SOCKET, int(found[2]))


def file_owner(uid: int, path: str) -> str:
    """Return the owner of the registration in a file.

    :param uid: whose file it is.
    :param path: absolute.
    """
    return f"file:{uid}{path}"
