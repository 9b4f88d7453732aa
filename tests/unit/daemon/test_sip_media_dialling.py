"""Where the gateway connects to when a device wants it to."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from omapush.bearers.tcp import ListenLimits, TcpBearer
from omapush.daemon.clock import SystemClock
from omapush.daemon.sip_media import DeviceBearer
from omapush.ota.interface import BearerUnavailable
from omapush.ota.sip.media import MediaStream
from omapush.protocols.msrp.connection import MsrpConnection
from omapush.protocols.msrp.session import MsrpSettings
from omapush.web.policy import OutboundPolicy

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


def stream(*_: object) -> MediaStream:
    return MediaStream(MsrpConnection(MsrpSettings(), lambda: "id0000000000"))


def nothing(*_: Any) -> None:
    """Nobody listens."""


async def dial(host: str, port: int, policy: OutboundPolicy) -> str:
    bearer = DeviceBearer(TcpBearer(SystemClock()), policy)
    link = await bearer.connect(host, port, stream(), nothing, nothing, 5_000)
    link.close("seen")
    return link.peer


async def test_device_is_dialled_by_its_address_or_its_name() -> None:
    listener = await TcpBearer(SystemClock()).listen(
        "127.0.0.1", 0, stream, nothing, ListenLimits(), nothing
    )
    try:
        for host in ("127.0.0.1", "localhost"):
            assert await dial(host, listener.port, OutboundPolicy()) == f"127.0.0.1:{listener.port}"
    finally:
        await listener.close("the test ends")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254"])
async def test_what_policy_forbids_is_not_dialled_under_whatever_name(host: str) -> None:
    policy = OutboundPolicy((*OutboundPolicy().forbidden, *LOOPBACK))
    with pytest.raises(BearerUnavailable, match="policy"):
        await dial(host, 9, policy)


async def test_host_that_is_none_is_not_dialled() -> None:
    with pytest.raises(BearerUnavailable, match="cannot be resolved"):
        await dial("a" * 300, 9, OutboundPolicy())
