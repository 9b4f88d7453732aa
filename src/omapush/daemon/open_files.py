"""How many files this process may have open: each connection is one."""

from __future__ import annotations

import resource


def allow_files(needed: int) -> int:
    """Raise the soft limit to ``needed`` if it is lower, as far as the hard limit allows.

    :returns: how many files may be open, ``needed`` at most.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(soft, allowed)
