"""Capabilities between our gateway and foreign devices, by OPTIONS in both directions.

The core tells the gateway of no registrations: it knows nothing of the devices, and has to ask.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from omapush.core.instants import SECOND_MS, later
from omapush.daemon.clock import SystemClock
from omapush.pap.codes import MessageState
from omapush.pap.model import ResultNotificationMessage
from omapush.testing.kamailio import DOMAIN, GATEWAY, HOST, Kamailio
from omapush.testing.running_gateway import RunningGateway
from omapush.testing.sipp import Sipp, SippMessage

pytestmark = pytest.mark.xdist_group(
    "sip-foreign-capabilities"
)  # all share what one fixture found out

MMS = "x-wap-application:mms.ua"
ENVELOPED, BARE = "application/vnd.oma.push", "text/plain"
_S = MessageState


@dataclass(frozen=True)
class Row:
    """What a device says of itself, and how a push of text to it ends.

    :ivar keys: of its scenario. :ivar sent: the types of the bodies that it is sent.
    :ivar expires: it is given up at its deadline and no sooner.
    """

    name: str
    state: MessageState
    code: int
    sent: tuple[str, ...]
    keys: dict[str, str] = field(default_factory=dict)
    expires: bool = False


ROWS = [
    Row("takes the envelope", _S.DELIVERED, 1000, (ENVELOPED,)),
    Row("takes everything", _S.DELIVERED, 1000, (ENVELOPED,), {"accept": "*/*"}),
    Row("takes text alone", _S.DELIVERED, 1000, (BARE,), {"accept": "text/plain, text/html"}),
    Row("takes no text", _S.UNDELIVERABLE, 2006, (), {"accept": "image/gif"}),
    Row("says nothing of it", _S.DELIVERED, 1000, (ENVELOPED,), {"options_status": "405 No"}),
    Row("knows no OPTIONS", _S.DELIVERED, 1000, (ENVELOPED,), {"options_status": "501 No"}),
    Row(
        "is not there", _S.EXPIRED, 4000, (), {"options_status": "480 Not here"}, expires=True
    ),
    Row(
        "takes no pushes", _S.UNDELIVERABLE, 3007, (), {"allow": "ACK, BYE, OPTIONS"},
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How the push of a row ended, and what the device was asked."""

    result: ResultNotificationMessage
    timeline: str
    requests: list[SippMessage]


@pytest.fixture(scope="module")
def ended(sip_peers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ended]]:
    folder = tmp_path_factory.mktemp("foreign-capabilities")
    with Kamailio(answer_within=5, ppg=f"sip:{HOST}:9") as core:  # it tells nobody
        yield asyncio.run(pushed_all(core, folder))


def gateway_of(core: Kamailio, folder: Path) -> RunningGateway:
    users = "".join(
        f'[[clients]]\nid = "u{number}"\nsip = "sip:u{number}@{DOMAIN}"\n'
        for number in range(len(ROWS))
    )
    return RunningGateway(
        folder,
        f'[sip]\ncore = "{HOST}:{core.isc_port}"\nuri = "{GATEWAY}"\n'
        f'listen_udp = "{HOST}:{core.ppg_port}"\nlisten_tcp = "{HOST}:{core.ppg_port}"\n{users}',
    )


async def pushed_all(core: Kamailio, folder: Path) -> dict[str, Ended]:
    async with contextlib.AsyncExitStack() as stack:
        devices = [await registered(core, f"u{n}", ROWS[n], stack) for n in range(len(ROWS))]
        gateway = gateway_of(core, folder)
        async with gateway.running():
            ways = [pushed(gateway, f"u{n}", ROWS[n], devices[n]) for n in range(len(ROWS))]
            found = await asyncio.gather(*ways)
    return {row.name: each for row, each in zip(ROWS, found, strict=True)}


async def registered(core: Kamailio, user: str, row: Row, stack: contextlib.AsyncExitStack) -> Sipp:
    device = Sipp("client_asked", core.port, user=user, keys=row.keys, calls=50, timeout=60)
    await stack.enter_async_context(device)
    keys = {"contact_port": str(device.port)}
    run = await Sipp("register", core.port, user=user, keys=keys).run()
    assert run.answers == [200]
    return device


async def pushed(gateway: RunningGateway, user: str, row: Row, device: Sipp) -> Ended:
    deadline = later(SystemClock()(), 4 * SECOND_MS) if row.expires else None
    push_id = await gateway.push(
        f"sip:{user}@{DOMAIN}", b"hello", application=MMS, deliver_before=deadline
    )
    result = await gateway.ended(push_id)
    asked = [one for one in device.messages if not one.sent and one.status is None]
    return Ended(result, await gateway.reasons(push_id), asked)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_gateway_asks_foreign_device_and_heeds_what_it_says(
    ended: dict[str, Ended], row: Row
) -> None:
    """OTA-SIP 5.2, 6.1."""
    got = ended[row.name]
    assert (got.result.message_state, int(got.result.code)) == (row.state, row.code), got.timeline
    first, *others = got.requests
    assert first.first_line.startswith("OPTIONS ")
    wanted = '*;+g.oma.pusheventapp="mms.ua";require;explicit'
    assert first.header("Accept-Contact") == wanted
    pushes = [one for one in others if one.first_line.startswith("MESSAGE ")]
    assert tuple(one.header("Content-Type") for one in pushes) == row.sent


@pytest.mark.usefixtures("sip_peers")
async def test_foreign_client_asks_gateway_what_it_is(tmp_path: Path) -> None:
    """OTA-SIP 5.1: for its own users; whose it is not, it does not serve."""
    with Kamailio() as core:
        async with gateway_of(core, tmp_path).running():
            for user, status in (("u0", 200), ("mallory", 403)):
                keys = {"target": GATEWAY, "sender": f"sip:{user}@{DOMAIN}"}
                run = await Sipp("options_uac", core.port, user=user, keys=keys).run()
                assert run.answers == [status]
                if status == 200:
                    told = run.received[-1]
                    assert told.header("Accept") == ENVELOPED
                    assert "g.oma.pusheventapp" in (told.header("Contact") or "")
                    assert "OPTIONS" in (told.header("Allow") or "")
            run = await Sipp("push", core.isc_port, keys={"target": GATEWAY}).run()
            assert run.answers == [405]
            assert "MESSAGE" not in (run.received[-1].header("Allow") or "")
