"""What a foreign device answers, through a foreign core, is what the initiator hears: one table.

The device is sipp, the core is Kamailio, the gateway is the daemon. All rows go on at once: the
gateway has to keep them apart, and nobody waits for the deadline of another.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from omapush.core.instants import SECOND_MS, later
from omapush.daemon.clock import SystemClock
from omapush.pap.codes import MessageState
from omapush.pap.model import ResultNotificationMessage
from omapush.testing.kamailio import DOMAIN, GATEWAY, HOST, Kamailio
from omapush.testing.running_gateway import RunningGateway
from omapush.testing.sipp import Sipp, SippMessage

pytestmark = pytest.mark.xdist_group("sip-foreign-device")  # all share what one fixture found out

MMS = "x-wap-application:mms.ua"
AWAY_SECONDS = 5
"""Deadline of the pushes that wait for something that never comes."""

_S = MessageState


@dataclass(frozen=True)
class Row:
    """What a device answers, and what the initiator is told then.

    :ivar status: of the answer to MESSAGE. :ivar invite: of the answer to INVITE.
    :ivar requests: the methods that the device saw, in order; ``None``: as many as time allows.
    :ivar size: octets of the content; what is long goes by INVITE at once.
    :ivar expires: it is given up at its deadline and no sooner.
    :ivar afterwards: what it answers from the second request on, if not the same.
    """

    name: str
    status: str
    state: MessageState
    code: int
    requests: tuple[str, ...] | None = ("MESSAGE",)
    header: str = "User-Agent: sipp"
    invite: str = "488 Not Acceptable Here"
    confirmed: bool = True
    size: int = 10
    expires: bool = False
    afterwards: str | None = None


def refused(status: str, code: int, *, state: MessageState = _S.ABORTED) -> Row:
    """Return a row of an answer that ends the push at once."""
    return Row(status, status, state, code)


def absent(status: str, push_status: int, *requests: str) -> Row:
    """Return a row of an answer in which the push client says why."""
    header = f"X-Wap-Push-Status: {push_status} no"
    name = f"{status} with {push_status}"
    return Row(name, status, _S.ABORTED, 5000 + push_status, requests or ("MESSAGE",), header)


BOTH = ("MESSAGE", "INVITE")
TWICE = ("MESSAGE", "MESSAGE")
UNDELIVERABLE = _S.UNDELIVERABLE
LONG = 3_000

ROWS = [
    Row("taken", "200 OK", _S.DELIVERED, 1000),
    Row("taken, unconfirmed", "200 OK", _S.DELIVERED, 1000, confirmed=False),
    # As with every bearer that takes a push and never reports: what the client got stays unknown.
    Row("stored on the way", "202 Accepted", _S.UNKNOWN, 4000, expires=True),
    Row("stored on the way, unconfirmed", "202 Accepted", _S.DELIVERED, 1000, confirmed=False),
    Row(
        "moved to another domain", "302 Moved", UNDELIVERABLE, 4000,
        header="Contact: <sip:u@elsewhere.test>",
    ),
    refused("400 Bad Request", 5235),
    refused("401 Unauthorized", 4000, state=UNDELIVERABLE),
    refused("403 Forbidden", 5235),
    refused("404 Not Found", 2003, state=UNDELIVERABLE),
    Row("no method", "405 Method Not Allowed", UNDELIVERABLE, 3007, BOTH, invite="405 No"),
    Row("INVITE instead", "405 Method Not Allowed", _S.ABORTED, 5235, BOTH, invite="603 Decline"),
    refused("406 Not Acceptable", 5238),
    Row("silent", "408 Request Timeout", _S.TIMEOUT, 4000, TWICE),
    refused("410 Gone", 2003, state=UNDELIVERABLE),
    Row("too large", "413 Request Entity Too Large", _S.ABORTED, 5237, BOTH, invite="413 No"),
    Row("no type", "415 Unsupported Media Type", _S.ABORTED, 5238, BOTH),
    Row(
        "bare form", "415 Unsupported Media Type", _S.ABORTED, 5238,
        ("MESSAGE", "MESSAGE", "INVITE"), header="Accept: text/plain",
    ),
    absent("415 Unsupported Media Type", 238),
    refused("420 Bad Extension", 5235),
    refused("421 Extension Required", 4000, state=UNDELIVERABLE),
    Row("flow failed", "430 Flow Failed", _S.EXPIRED, 4000, None, expires=True),
    Row("not registered", "480 Temporarily Unavailable", _S.EXPIRED, 4000, None, expires=True),
    absent("480 Temporarily Unavailable", 236),
    absent("480 Temporarily Unavailable", 234, *TWICE),
    Row("no such call", "481 Call Does Not Exist", _S.ABORTED, 5234, TWICE),
    refused("485 Ambiguous", 2003, state=UNDELIVERABLE),
    Row("busy", "486 Busy Here", _S.ABORTED, 5237, TWICE),
    Row(
        "busy for a second", "486 Busy Here", _S.DELIVERED, 1000, TWICE,
        header="Retry-After: 1 (asleep)", afterwards="200 OK",
    ),
    Row("not acceptable", "488 Not Acceptable Here", _S.ABORTED, 5238, BOTH),
    refused("489 Bad Event", 4000, state=UNDELIVERABLE),
    refused("493 Undecipherable", 5235),
    refused("494 Security Agreement Required", 4000, state=UNDELIVERABLE),
    Row("in trouble", "500 Server Internal Error", _S.EXPIRED, 4000, None, expires=True),
    Row("implements no method", "501 Not Implemented", UNDELIVERABLE, 3007, BOTH, invite="501 No"),
    refused("580 Precondition Failure", 4000, state=UNDELIVERABLE),
    Row("busy everywhere", "600 Busy Everywhere", _S.ABORTED, 5237, TWICE),
    refused("603 Decline", 5235),
    refused("604 Does Not Exist Anywhere", 5235),
    refused("606 Not Acceptable", 5238),
    Row("no session", "200 OK", _S.ABORTED, 5238, ("INVITE",), size=LONG),
    Row("session refused", "200 OK", _S.ABORTED, 5235, ("INVITE",), invite="603 No", size=LONG),
    Row("no INVITE", "200 OK", UNDELIVERABLE, 3007, ("INVITE",), invite="405 No", size=LONG),
]  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How the push of a row ended.

    :ivar requests: what the device was asked, without repetitions and ACK.
    """

    result: ResultNotificationMessage
    requests: tuple[SippMessage, ...]
    timeline: str


@pytest.fixture(scope="module")
def ended(sip_peers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ended]]:
    folder = tmp_path_factory.mktemp("foreign-device")
    with Kamailio(answer_within=5) as core:
        yield asyncio.run(pushed_all(core, folder))


async def pushed_all(core: Kamailio, folder: Path) -> dict[str, Ended]:
    users = "".join(
        f'[[clients]]\nid = "u{number}"\nsip = "sip:u{number}@{DOMAIN}"\n'
        for number in range(len(ROWS))
    )
    gateway = RunningGateway(
        folder,
        f'[sip]\ncore = "{HOST}:{core.isc_port}"\nuri = "{GATEWAY}"\n'
        f'listen_udp = "{HOST}:{core.ppg_port}"\nlisten_tcp = "{HOST}:{core.ppg_port}"\n{users}',
    )
    at_once = asyncio.Semaphore(8)
    async with gateway.running(), contextlib.AsyncExitStack() as devices:
        ways = [pushed(core, gateway, devices, at_once, f"u{i}", ROWS[i]) for i in range(len(ROWS))]
        found = await asyncio.gather(*ways)
    return {row.name: each for row, each in zip(ROWS, found, strict=True)}


async def pushed(
    core: Kamailio,
    gateway: RunningGateway,
    devices: contextlib.AsyncExitStack,
    at_once: asyncio.Semaphore,
    user: str,
    row: Row,
) -> Ended:
    """Register a device that answers as the row says, push to it, and wait for the result."""
    keys = {"status": row.status, "invite_status": row.invite, "header": row.header}
    device = _device(core, user, 50 if row.afterwards is None else 1, keys)
    async with at_once:
        await devices.enter_async_context(device)
        contact = {"contact_port": str(device.port)}
        registered = await Sipp("register", core.port, user=user, keys=contact).run()
        assert registered.answers == [200]
    deadline = later(SystemClock()(), AWAY_SECONDS * SECOND_MS) if row.expires else None
    push_id = await gateway.push(
        f"sip:{user}@{DOMAIN}", b"x" * row.size, application=MMS, confirmed=row.confirmed,
        deliver_before=deadline,
    )  # fmt: skip
    asked: list[SippMessage] = []
    if row.afterwards is not None:
        asked += (await device.finished()).requests
        device = _device(core, user, 50, {**keys, "status": row.afterwards}, device.port)
        await devices.enter_async_context(device)
    result = await gateway.ended(push_id)
    asked += [one for one in device.messages if not one.sent and one.status is None]
    calls: dict[str | None, SippMessage] = {}
    for one in asked:
        calls.setdefault(one.header("Call-ID"), one)
    return Ended(result, tuple(calls.values()), await gateway.reasons(push_id))


def _device(
    core: Kamailio, user: str, calls: int, keys: dict[str, str], port: int | None = None
) -> Sipp:
    return Sipp(
        "client_message_or_invite", core.port, port=port, user=user, keys=keys, calls=calls,
        timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_answer_of_foreign_device_becomes_the_result(ended: dict[str, Ended], row: Row) -> None:
    """OTA-SIP 9, row by row."""
    got = ended[row.name]
    assert (got.result.message_state, int(got.result.code)) == (row.state, row.code), got.timeline
    if row.requests is not None:
        assert tuple(one.first_line.split()[0] for one in got.requests) == row.requests


def test_device_without_envelope_gets_the_content_by_itself(ended: dict[str, Ended]) -> None:
    """OTA-SIP 6.1: 415 with the content's type in Accept."""
    first, second, _invite = ended["bare form"].requests
    assert first.header("Content-Type") == "application/vnd.oma.push"
    assert second.header("Content-Type") == "text/plain"
    assert second.body == "x" * 10


def test_every_request_says_what_it_is(ended: dict[str, Ended]) -> None:
    """OTA-SIP 6, 7, 10 and 11: who pushes, and to which application."""
    for each in ended.values():
        for request in each.requests:
            assert request.header("P-Asserted-Identity") == f"<{GATEWAY}>"
            wanted = '*;+g.oma.pusheventapp="mms.ua";require;explicit'
            assert request.header("Accept-Contact") == wanted
            assert (request.header("From") or "").startswith(f"<{GATEWAY}>;tag=")
