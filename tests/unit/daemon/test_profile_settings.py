"""What the settings say of profiles."""

from __future__ import annotations

from structlog.testing import capture_logs

from omapush.core.instants import Instant
from omapush.daemon.profile_settings import ProfilesTable, profiles_of
from omapush.ota.interface import ClientCapabilities


def clock() -> Instant:
    return Instant(0)


def test_nothing_is_fetched_unless_it_is_wanted() -> None:
    assert profiles_of(ProfilesTable(), clock) is None


async def test_profiles_are_not_fetched_from_private_networks() -> None:
    profiles = profiles_of(ProfilesTable(fetch=True), clock)
    assert profiles is not None
    known = ClientCapabilities()
    hosts = ("127.0.0.1", "10.1.2.3", "[::1]", "[fd00::1]", "192.168.1.1", "169.254.169.254")
    with capture_logs() as logs:
        for host in hosts:
            headers = [("x-wap-profile", f'"http://{host}/p"')]
            assert await profiles.complete(known, headers) == known
    assert len(logs) == len(hosts)
    assert all("policy forbids" in line["reason"] for line in logs)
    await profiles.close()


async def test_exception_opens_a_network() -> None:
    table = ProfilesTable(fetch=True, allow=["127.0.0.1/32"], timeout_seconds=1)
    profiles = profiles_of(table, clock)
    assert profiles is not None
    with capture_logs() as logs:
        headers = [("x-wap-profile", '"http://127.0.0.1:1/p"')]
        await profiles.complete(ClientCapabilities(), headers)
    assert "policy" not in logs[0]["reason"]
    await profiles.close()
