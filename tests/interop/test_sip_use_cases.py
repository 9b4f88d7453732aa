"""The five use cases of the SIP Push requirements, with real daemons, at Kamailio."""

from __future__ import annotations

from pathlib import Path

import pytest

from omapush.testing.sip_stage import sip_stage
from omapush.testing.sip_use_cases import USE_CASES, Teller, UseCase


@pytest.mark.usefixtures("sip_peers")
@pytest.mark.parametrize("use_case", USE_CASES, ids=lambda one: one.title)
async def test_use_case_holds(tmp_path: Path, use_case: UseCase) -> None:
    told: list[str] = []
    async with sip_stage(tmp_path) as stage:
        await use_case.play(stage, Teller(lambda who, what: told.append(f"{who}: {what}")))
    assert told
