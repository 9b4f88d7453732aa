"""Our two ends of a push over MSRP through a foreign relay, Kamailio's (RFC 4976).

Both ask the relay for a place, as ends behind translators of addresses do, and tell each other
their paths as a session description would. The daemons have no setting for a relay yet: these are
their sessions on the bearer that they use.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from omapush.bearers.tcp import TcpBearer
from omapush.daemon.clock import SystemClock
from omapush.ota.interface import ConnectionLink
from omapush.ota.sip.media import MediaStream
from omapush.protocols.msrp.connection import MsrpConnection
from omapush.protocols.msrp.session import (
    Authorise,
    AuthorisedInd,
    Ends,
    EndSession,
    FarEnd,
    MessageFailedInd,
    MessageInd,
    MessageSentInd,
    MsrpIndication,
    MsrpRequest,
    MsrpSettings,
    ReportInd,
    SendMessage,
    SendReport,
)
from omapush.protocols.msrp.uri import MsrpUri
from omapush.protocols.msrp.uri import Path as MsrpPath
from omapush.testing.authority import Authority
from omapush.testing.kamailio import HOST, MsrpRelay

pytestmark = pytest.mark.usefixtures("sip_peers")

PUSH_TYPE = "application/vnd.oma.push"
TIMEOUT_SECONDS = 30
SMALL_CHUNKS = MsrpSettings(chunk_octets=2_048, window=4)  # all that relays have to take


@dataclass
class End:
    """One end, connected to the relay."""

    uri: MsrpUri
    link: ConnectionLink[MsrpRequest] | None = None
    place: MsrpPath = ()
    came: asyncio.Queue[MsrpIndication] = field(default_factory=asyncio.Queue)

    @property
    def path(self) -> MsrpPath:
        """What its session description says."""
        return (*self.place, self.uri)

    def request(self, primitive: MsrpRequest) -> None:
        assert self.link is not None
        self.link.request(primitive)

    async def next(self, kind: type[MsrpIndication]) -> MsrpIndication:
        """Return the next indication of a kind; what comes before it does not matter here."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not isinstance(found := await self.came.get(), kind):
                assert not isinstance(found, MessageFailedInd), found
        return found


@contextlib.asynccontextmanager
async def end_at(relay: MsrpRelay, tls: ssl.SSLContext | None) -> AsyncIterator[End]:
    """Connect an end to the relay, and ask for a place there."""
    end = End(MsrpUri(HOST, 9, secrets.token_hex(10), secure=tls is not None))
    connection = MsrpConnection(
        SMALL_CHUNKS, lambda: secrets.token_hex(8), ends=Ends((end.uri,), ())
    )
    end.link = await TcpBearer(SystemClock()).connect(
        HOST, relay.port, MediaStream(connection), end.came.put_nowait, lambda _reason: None, 5_000,
        tls,
    )  # fmt: skip
    end.request(Authorise(MsrpUri(HOST, relay.port, secure=tls is not None)))
    granted = await end.next(AuthorisedInd)
    assert isinstance(granted, AuthorisedInd)
    assert granted.status == 200
    end.place = granted.path
    try:
        yield end
    finally:
        end.request(EndSession("the test is over"))


@contextlib.asynccontextmanager
async def ends(folder: Path, *, secure: bool) -> AsyncIterator[tuple[End, End]]:
    authority = Authority(folder) if secure else None
    tls = ssl.create_default_context(cafile=folder / "ca.pem") if secure else None
    with MsrpRelay(tls=authority) as relay:
        async with end_at(relay, tls) as gateway, end_at(relay, tls) as client:
            yield gateway, client


@pytest.mark.parametrize("octets", [1, 2_048, 300_000])
@pytest.mark.parametrize("secure", [False, True], ids=["msrp", "msrps"])
async def test_push_and_its_report_go_through_relay(
    tmp_path: Path, octets: int, secure: bool
) -> None:
    """REQ12, REQ8: as many octets as came, and the client's word on them."""
    body = bytes(number % 251 for number in range(octets))
    async with ends(tmp_path, secure=secure) as (gateway, client):
        gateway.request(FarEnd(client.path))
        client.request(FarEnd(gateway.path))
        gateway.request(SendMessage("push0001", PUSH_TYPE, body, success_report=True))

        arrived = await client.next(MessageInd)
        assert isinstance(arrived, MessageInd)
        assert (arrived.content_type, arrived.body) == (PUSH_TYPE, body)
        assert arrived.success_report
        client.request(SendReport("push0001", octets))

        reported = await gateway.next(ReportInd)
        assert isinstance(reported, ReportInd)
        assert (reported.message_id, reported.status) == ("push0001", 200)


async def test_relay_refuses_push_to_place_that_nobody_has(tmp_path: Path) -> None:
    async with ends(tmp_path, secure=False) as (gateway, client):
        (place,) = client.place
        nobody = MsrpUri(place.host, place.port, "msrp-nobody-0-0-0")
        gateway.request(FarEnd((nobody, client.uri)))
        gateway.request(SendMessage("push0002", PUSH_TYPE, b"x"))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not isinstance(found := await gateway.came.get(), MessageFailedInd):
                assert not isinstance(found, MessageSentInd)
    assert found.status == 481
