"""Simulated clients of OTA-SIP at a foreign core, Kamailio, with sipp as gateway."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from omapush.testing.daemons import clean_environment
from omapush.testing.kamailio import DOMAIN, LOAD_PASSWORD, Kamailio
from omapush.testing.sipp import Sipp

pytestmark = pytest.mark.usefixtures("sip_peers")

CLIENTS = 20
PATIENCE_SECONDS = 30


@contextlib.asynccontextmanager
async def farm(core: Kamailio, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "omapush.cli", "farm", "--clients", str(CLIENTS), "--id", "u#",
        "--application", "x-wap-application:mms.ua", "--sip", f"{core.host}:{core.port}",
        "--every", "0.05", "--json", *words,
        stdout=asyncio.subprocess.PIPE, env=clean_environment({}),
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def figures(process: asyncio.subprocess.Process, **least: int) -> dict[str, Any]:
    """Return the first figures that are at least these."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for line in process.stdout:
            told: dict[str, Any] = json.loads(line)
            if all(told.get(name, 0) >= value for name, value in least.items()):
                return told
    raise AssertionError("the farm has ended")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_clients_register_with_digest_and_take_pushes(tmp_path: Path, transport: str) -> None:
    password = tmp_path / "password"
    password.write_text(f"{LOAD_PASSWORD}\n")
    with Kamailio(auth=True) as core:
        words = ("--sip-transport", transport, "--sip-password-file", str(password))
        async with farm(core, *words, "--behaviour", "accept") as process:
            await figures(process, registered=CLIENTS)
            assert {each.user for each in core.bindings()} == {f"u{n}" for n in range(1, 21)}
            keys = {"target": f"sip:u[call_number]@{DOMAIN}"}
            run = await Sipp("push", core.isc_port, keys=keys, calls=CLIENTS).run()
            assert (run.status, run.answers) == (0, [200] * CLIENTS)
            told = await figures(process, accepted=CLIENTS)
            assert (told["accepted"], told["refused"]) == (CLIENTS, 0)
            process.terminate()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await process.communicate()
            assert core.bindings() == []


async def test_clients_refresh_and_refuse_by_script() -> None:
    with Kamailio(values={"MIN_EXPIRES": "1"}) as core:
        async with farm(core, "--sip-expires", "2", "--behaviour", "refuse(busy)") as process:
            await figures(process, registrations=2 * CLIENTS)
            run = await Sipp("push", core.isc_port, keys={"target": f"sip:u1@{DOMAIN}"}).run()
            assert run.answers == [486]
            told = await figures(process, refused=1)
            assert told["registered"] == CLIENTS
