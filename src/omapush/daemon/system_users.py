"""The users of this host, for rules about registrations."""

from __future__ import annotations

import grp
import os
import pwd


class SystemUsers:
    """Asks the system's databases each time: users and groups change while the client runs."""

    def name(self, uid: int) -> str | None:
        """Return the name of a user; ``None``: there is none."""
        try:
            return pwd.getpwuid(uid).pw_name
        except (KeyError, OverflowError):
            return None

    def groups(self, uid: int) -> frozenset[str]:
        """Return the names of the groups that a user is in, the primary one included."""
        try:
            user = pwd.getpwuid(uid)
        except (KeyError, OverflowError):
            return frozenset()
        numbers = os.getgrouplist(user.pw_name, user.pw_gid)
        return frozenset(name for number in numbers if (name := _group_name(number)) is not None)


def _group_name(gid: int) -> str | None:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return None
