"""``omapush sip-users`` at a gateway that Kamailio tells of registrations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from omapush.testing.daemons import Ended, run_verb
from omapush.testing.sip_stage import SipStage, sip_stage

STOCKS = "x-acme:stock-quotes"


async def sip_users(stage: SipStage, *arguments: str) -> Ended:
    return await run_verb(
        "sip-users", "--admin", f"127.0.0.1:{stage.admin}", *arguments, folder=stage.folder
    )


@pytest.mark.usefixtures("sip_peers")
async def test_operator_sees_who_is_registered_and_with_what(tmp_path: Path) -> None:
    async with sip_stage(tmp_path) as stage:
        nobody = await sip_users(stage)
        assert (nobody.status, nobody.out[:9]) == (0, "no device")
        bob = await stage.phone("bob")
        ticker = await bob.application(STOCKS, "application/json", instance="urn:acme:1")
        await stage.push(bob, b"{}", "application/json", STOCKS)
        await ticker.takes()
        listed = await sip_users(stage)
        assert "sip:bob@push.test" in listed.out
        one = await sip_users(stage, "sip:bob@push.test")
        assert "reached at sip:bob@push.test;gr=urn:uuid:" in one.out
        assert "applications: x-acme%3Astock-quotes" in one.out
        assert "instance: urn:urn-7:3gpp-application.ims.iari." in one.out
        (line,) = (await sip_users(stage, "--json")).out.splitlines()
        assert json.loads(line)["devices"][0]["methods"] == ["INVITE", "MESSAGE"]
        stranger = await sip_users(stage, "sip:nobody@push.test")
        assert (stranger.status, stranger.out) == (1, "")
        assert "no user of this gateway is called so" in stranger.err
        for arguments in (("--limit", "0"), ("--admin", "nonsense")):
            assert (await sip_users(stage, *arguments)).status == 2
