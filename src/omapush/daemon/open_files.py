"""How many files a process may have open, of which every connection is one."""

from __future__ import annotations

import resource


def raise_open_files() -> int | None:
    """Raise the soft limit to the hard one, where that is allowed; return what holds now.

    ``None``: there is no limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return None if soft == resource.RLIM_INFINITY else soft
    return None if hard == resource.RLIM_INFINITY else hard


def open_files_allowed() -> int | None:
    """Return to how many the limit can be raised; ``None``: there is no limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return None if hard == resource.RLIM_INFINITY else hard


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
