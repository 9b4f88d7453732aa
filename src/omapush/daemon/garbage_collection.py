"""How often a daemon lets Python look for cycles."""

from __future__ import annotations

import gc


def calm_garbage_collection() -> None:
    """Let the collector look less often, and not at what start-up made.

    A push makes hundreds of objects and hardly a cycle: with Python's default thresholds the
    collector searches them in vain thousands of times a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
