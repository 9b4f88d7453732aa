#!/usr/bin/env python3
"""Play the use cases of OTA-SIP against Kamailio; end with 0 only if all of them hold.

Needs the peers of ``make setup``: Kamailio. Everything stays on this machine's loopback.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from omapush.core.errors import OmapushError
from omapush.testing.daemons import DaemonError
from omapush.testing.sip_stage import sip_stage
from omapush.testing.sip_use_cases import USE_CASES, Teller, UseCase


async def play(use_case: UseCase) -> bool:
    """Play one; say whether it holds."""
    print(f"\nUse case {use_case.letter}: {use_case.title}")
    teller = Teller(lambda who, what: print(f"{who:>12}  {what}"))
    with tempfile.TemporaryDirectory(prefix="omapush-sip-") as folder:
        try:
            async with sip_stage(Path(folder)) as stage:
                await use_case.play(stage, teller)
        except (OmapushError, DaemonError, TimeoutError) as error:
            print(f"{'does not hold':>12}  {error or type(error).__name__}", file=sys.stderr)
            return False
    print(f"{'':>12}  holds")
    return True


def main() -> int:
    """Play all, or those whose letters are given."""
    letters = {one.upper() for one in sys.argv[1:]} or {one.letter for one in USE_CASES}
    held = [asyncio.run(play(one)) for one in USE_CASES if one.letter in letters]
    print("\nAll hold." if all(held) else f"\n{held.count(False)} of {len(held)} do not hold.")
    return 0 if held and all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
