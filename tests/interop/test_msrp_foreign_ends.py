"""MSRP as others write it: frames by hand, under INVITEs of sipp, against our daemons.

The frames are text of this file: nothing of ours reads or writes them at the foreign end.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from omapush.pap.codes import MessageState
from omapush.pap.model import ResultNotificationMessage
from omapush.testing.kamailio import DOMAIN, GATEWAY, HOST, Kamailio
from omapush.testing.running_gateway import RunningGateway
from omapush.testing.sip_phone import sip_phone
from omapush.testing.sipp import ENVELOPE, Sipp, SippRun

MMS = "x-wap-application:mms.ua"
TIMEOUT_SECONDS = 20
LONG = 3_000
OWN = "msrp://127.0.0.1:{port}/k9sWh2LqForeign;tcp"

_S = MessageState


@dataclass(frozen=True)
class Frame:
    """A frame that came. :ivar first: its first line. :ivar flag: the one at its end."""

    first: str
    fields: dict[str, str]
    content: bytes
    flag: str

    @property
    def transaction(self) -> str:
        return self.first.split()[1]

    @property
    def method(self) -> str:
        """SEND, REPORT, or the status of an answer."""
        return self.first.split()[2]


async def next_frame(reader: asyncio.StreamReader) -> Frame:
    """Read a frame. :raises asyncio.IncompleteReadError: none comes any more."""
    first = (await reader.readuntil(b"\r\n")).decode().rstrip()
    end = f"-------{first.split()[1]}".encode()
    rest = await reader.readuntil(end)
    flag = (await reader.readexactly(3))[:1].decode()
    head, _, content = rest.removesuffix(end).partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
    return Frame(first, fields, content.removesuffix(b"\r\n"), flag)


def answer_to(frame: Frame, status: str) -> bytes:
    """Return an answer to a request: its ends are the other way round (RFC 4975 7.2)."""
    return (
        f"MSRP {frame.transaction} {status}\r\nTo-Path: {frame.fields['From-Path']}\r\n"
        f"From-Path: {frame.fields['To-Path']}\r\n-------{frame.transaction}$\r\n"
    ).encode()


# -- a foreign device --


@dataclass(frozen=True)
class Row:
    """What a device does with a push, and what the initiator is told then.

    :ivar status: of the answer to the chunk with the push; ``None``: it closes the connection.
    :ivar report: what its report says; ``None``: there is none.
    """

    name: str
    state: MessageState
    code: int
    status: str | None = "200 OK"
    report: str | None = None
    confirmed: bool = True


ROWS = [
    Row("taken", _S.DELIVERED, 1000, report="Status: 000 200 OK"),
    Row("taken, unconfirmed", _S.DELIVERED, 1000, confirmed=False),
    Row("forbidden", _S.ABORTED, 5235, report="Status: 000 403 Forbidden"),
    Row("too large", _S.ABORTED, 5237, report="Status: 000 413 Too large"),
    Row("type not taken", _S.ABORTED, 5238, report="Status: 000 415 No"),
    Row(
        "no application", _S.ABORTED, 5236,
        report="Status: 000 403 No\r\nX-Wap-Push-Status: 236 nobody",
    ),
    Row("stop sending", _S.ABORTED, 5237, "413 Enough"),
    Row("chunk of a type not taken", _S.ABORTED, 5238, "415 No"),
    Row("chunk of no session", _S.ABORTED, 5234, "481 No session"),
    # All of it had gone, so it may have arrived.
    Row("connection lost", _S.TIMEOUT, 4000, None),
]  # fmt: skip


@dataclass
class Device:
    """The MSRP end of a foreign device. :ivar came: the frames of the gateway."""

    row: Row
    came: list[Frame] = field(default_factory=list)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                frame = await next_frame(reader)
                self.came.append(frame)
                if frame.method == "SEND" and not frame.content:
                    writer.write(answer_to(frame, "200 OK"))  # it says whose connection this is
                elif frame.method == "SEND" and frame.flag != "#":
                    if self.row.status is None:
                        break
                    writer.write(answer_to(frame, self.row.status))
                    if self.row.report is not None and frame.flag == "$":
                        writer.write(self._report(frame))
        writer.close()

    def _report(self, frame: Frame) -> bytes:
        total = frame.fields["Byte-Range"].partition("/")[2]
        return (
            f"MSRP r3p0rt1 REPORT\r\nTo-Path: {frame.fields['From-Path']}\r\n"
            f"From-Path: {frame.fields['To-Path']}\r\nMessage-ID: {frame.fields['Message-ID']}\r\n"
            f"Byte-Range: 1-{total}/{total}\r\n{self.row.report}\r\n-------r3p0rt1$\r\n"
        ).encode()


@dataclass(frozen=True)
class Ended:
    """How the push of a row ended, and what the device was sent."""

    result: ResultNotificationMessage
    timeline: str
    frames: list[Frame]


@pytest.fixture(scope="module")
def ended(sip_peers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ended]]:
    folder = tmp_path_factory.mktemp("foreign-ends")
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
    async with gateway.running(), contextlib.AsyncExitStack() as stack:
        ways = [pushed(core, gateway, stack, f"u{n}", ROWS[n]) for n in range(len(ROWS))]
        found = await asyncio.gather(*ways)
    return {row.name: each for row, each in zip(ROWS, found, strict=True)}


async def pushed(
    core: Kamailio, gateway: RunningGateway, stack: contextlib.AsyncExitStack, user: str, row: Row
) -> Ended:
    device = Device(row)
    listener = await stack.enter_async_context(
        await asyncio.start_server(device.connected, HOST, 0)
    )
    port = listener.sockets[0].getsockname()[1]
    keys = {"msrp_path": OWN.format(port=port), "msrp_port": str(port)}
    sipp = Sipp("client_invite_uas", core.port, user=user, keys=keys, calls=9, timeout=60)
    await stack.enter_async_context(sipp)
    contact = {"contact_port": str(sipp.port)}
    registered = await Sipp("register", core.port, user=user, keys=contact).run()
    assert registered.answers == [200]
    push_id = await gateway.push(
        f"sip:{user}@{DOMAIN}", b"x" * LONG, application=MMS, confirmed=row.confirmed
    )
    result = await gateway.ended(push_id)
    return Ended(result, await gateway.reasons(push_id), device.came)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_word_of_foreign_device_on_a_long_push_becomes_the_result(
    ended: dict[str, Ended], row: Row
) -> None:
    """OTA-SIP 9, of MSRP."""
    got = ended[row.name]
    assert (got.result.message_state, int(got.result.code)) == (row.state, row.code), got.timeline


def test_foreign_device_gets_the_push_as_one_message(ended: dict[str, Ended]) -> None:
    """RFC 4975 5.4, 7.1: first whose connection it is, then the message with what it asks for."""
    for name, success in (("taken", "yes"), ("taken, unconfirmed", "no")):
        first, *chunks = (one for one in ended[name].frames if one.method == "SEND")
        assert first.content == b""
        content = b"".join(one.content for one in chunks)
        assert content.endswith(b"\r\n\r\n" + b"x" * LONG)
        assert chunks[-1].fields["Byte-Range"].endswith(f"/{len(content)}")
        assert chunks[-1].flag == "$"
        assert {one.fields["Content-Type"] for one in chunks} == {"application/vnd.oma.push"}
        assert chunks[0].fields.get("Success-Report", "no") == success
        assert chunks[0].fields.get("Failure-Report") == ("yes" if success == "yes" else "partial")


# -- a foreign gateway --


@dataclass
class ForeignGateway:
    """The MSRP end of a foreign gateway: writes the frames of a test when the client connects.

    :ivar came: what the client sent, after it has said whose connection it is.
    """

    frames: list[str]
    expected: int
    came: list[Frame] = field(default_factory=list)
    bound: Frame | None = None

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.bound = await next_frame(reader)
        writer.write(answer_to(self.bound, "200 OK"))
        to, own = self.bound.fields["From-Path"], self.bound.fields["To-Path"]
        for text in self.frames:
            writer.write(text.format(to=to, own=own).encode())
        with contextlib.suppress(asyncio.IncompleteReadError):
            while len(self.came) < self.expected:
                self.came.append(await next_frame(reader))
        writer.close()


def chunk(transaction: str, content: str, first: int, total: int, flag: str, *more: str) -> str:
    """Return a SEND, to be completed with both paths."""
    lines = (
        f"MSRP {transaction} SEND", "To-Path: {to}", "From-Path: {own}", "Message-ID: m3ss4g3",
        f"Byte-Range: {first}-{first + len(content) - 1}/{total}", *more,
        "Content-Type: application/vnd.oma.push", "", content, f"-------{transaction}{flag}", "",
    )  # fmt: skip
    return "\r\n".join(lines)


async def pushed_by(foreign: ForeignGateway, core: Kamailio) -> SippRun:
    """Offer a session to alice, and keep it until the client ends it."""
    async with await asyncio.start_server(foreign.connected, HOST, 0) as media:
        port = media.sockets[0].getsockname()[1]
        keys = {"msrp_path": OWN.format(port=port), "msrp_port": str(port), "setup": "actpass"}
        return await Sipp("push_invite_held", core.isc_port, keys=keys).run()


CUT = 60
ORDERS = {
    "one chunk": [chunk("abcd1", ENVELOPE, 1, len(ENVELOPE), "$", "Success-Report: yes")],
    "two chunks": [
        chunk("abcd1", ENVELOPE[:CUT], 1, len(ENVELOPE), "+", "Success-Report: yes"),
        chunk("abcd2", ENVELOPE[CUT:], CUT + 1, len(ENVELOPE), "$", "Success-Report: yes"),
    ],
    "the last chunk first": [
        chunk("abcd2", ENVELOPE[CUT:], CUT + 1, len(ENVELOPE), "$", "Success-Report: yes"),
        chunk("abcd1", ENVELOPE[:CUT], 1, len(ENVELOPE), "+", "Success-Report: yes"),
    ],
}


@pytest.mark.usefixtures("sip_peers")
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("accepts", [True, False], ids=["accepted", "refused"])
async def test_client_takes_push_from_foreign_gateway_and_reports(
    tmp_path: Path, order: str, accepts: bool
) -> None:
    frames = ORDERS[order]
    foreign = ForeignGateway(frames, expected=len(frames) + 1)
    with Kamailio() as core:
        async with sip_phone(tmp_path, core=f"{HOST}:{core.port}", transport="udp") as alice:
            application = await alice.application(MMS, "text/vnd.wap.si")
            takes = application.takes() if accepts else application.refuses()
            async with asyncio.timeout(TIMEOUT_SECONDS):
                content, run = await asyncio.gather(takes, pushed_by(foreign, core))
    assert run.status == 0
    assert content == b"<si/>"
    assert foreign.bound is not None
    assert (foreign.bound.method, foreign.bound.content) == ("SEND", b"")
    *answers, report = foreign.came
    assert [one.method for one in answers] == ["200"] * len(frames)
    assert report.method == "REPORT"
    assert report.fields["Message-ID"] == "m3ss4g3"
    said = report.fields["Status"]
    assert re.match("000 200" if accepts else "000 403", said)
    assert report.fields["Byte-Range"] == f"1-{len(ENVELOPE)}/{len(ENVELOPE)}"
    if not accepts:
        assert report.fields["X-Wap-Push-Status"].startswith("235")
