"""A foreign gateway pushes through a foreign core to our client: what it is answered, and why.

The gateway is sipp, the core is Kamailio, the client is the daemon with an application beside it.
All rows go to the same client, one after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from omapush.ota.message_format import MAX_HEAD
from omapush.testing.kamailio import GATEWAY, HOST, Kamailio
from omapush.testing.sip_phone import sip_phone
from omapush.testing.sip_stage import Phone, PhoneApplication
from omapush.testing.sipp import Sipp, SippRun

pytestmark = pytest.mark.xdist_group("sip-foreign-gateway")  # all share what one fixture found out

MMS, WML, ULP = "x-wap-application:mms.ua", "x-wap-application:wml.ua", "x-oma-application:ulp.ua"
SUPL = "application/vnd.omaloc-supl-init"
ALL_TYPES = (  # of all applications of the client
    f"application/vnd.oma.push, {SUPL}, application/vnd.wap.sia, application/vnd.wap.sic, "
    "application/xml, text/vnd.wap.si, text/xml"
)
TAGGED = '*;+g.oma.pusheventapp="{}";require;explicit'
ANYBODY = "*"
PAST = "Sat, 03 Jan 2026 10:00:00 GMT"


def envelope(content_type: str, application: str, content: str, *more: str) -> str:
    """Return the body of a push, as sipp wants it written."""
    lines = (f"Content-Type: {content_type}", f"X-Wap-Application-Id: {application}", *more)
    return "\r\n".join((*lines, "", content))


@dataclass(frozen=True)
class Row:
    """A push, and what becomes of it.

    :ivar keys: of sipp's scenario.
    :ivar taken: the content that the application gets; ``None``: it gets nothing.
    :ivar says: the status in X-Wap-Push-Status; 0: none, another element answers.
    :ivar to: whose application it is. :ivar accepts: it takes what it gets.
    :ivar headers: that the answer has.
    """

    name: str
    status: int
    says: int
    taken: bytes | None = None
    to: str = MMS
    accepts: bool = True
    scenario: str = "push"
    headers: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)


def to(application: str, **keys: str) -> dict[str, str]:
    """Return a push that the core routes by the tag of an application."""
    return {"accept_contact": TAGGED.format(application), **keys}


ROWS = [
    Row("accepted", 200, 400, b"<si/>"),
    Row("refused", 603, 235, b"<si/>", accepts=False),
    Row("no such application at the core", 480, 0, keys=to("nobody.ua")),
    Row(
        "no such application at the client", 480, 236,
        keys={"accept_contact": ANYBODY, "body": envelope("text/plain", "x-acme:nobody", "?")},
    ),
    Row("sender not on the whitelist", 403, 235, keys=to("wml.ua", body=envelope(
        "text/vnd.wap.si", WML, "<si/>"), sender="sip:stranger@push.test")),
    Row("sender on the whitelist", 200, 400, b"<si/>", WML, keys=to("wml.ua", body=envelope(
        "text/vnd.wap.si", WML, "<si/>"))),
    Row("bare content type", 200, 400, b"supl", ULP, keys=to(
        "ulp.ua", content_type=SUPL, body="supl")),
    Row("bare content type of another", 415, 238, keys=to(
        "ulp.ua", content_type="text/plain", body="supl"),
        headers={"Accept": ALL_TYPES}),
    Row("envelope without header lines", 200, 400, b"<x/>", keys=to("mms.ua", body="<x/>")),
    Row("malformed envelope", 400, 235, keys=to("mms.ua", body="no header lines")),
    Row("envelope without content type", 400, 235, keys=to(
        "mms.ua", body="X-Wap-Application-Id: 4\r\n\r\nx")),
    Row("envelope with a lying length", 400, 235, keys=to(
        "mms.ua", body=envelope("text/vnd.wap.si", MMS, "<si/>", "Content-Length: 99"))),
    Row("coding that nobody knows", 415, 238, keys=to(
        "mms.ua", body=envelope("text/vnd.wap.si", MMS, "x", "Content-Encoding: br"))),
    Row("application as a number", 200, 400, b"<si/>", keys={
        "accept_contact": ANYBODY, "body": envelope("text/vnd.wap.si", "4", "<si/>")}),
    Row("expired", 480, 234, keys={"header": f"Date: {PAST}\r\nExpires: 60"}),
    Row("extension that is required", 420, 0, keys={"header": "Require: x-acme"},
        headers={"Unsupported": "x-acme"}),
    Row("session", 200, 0, scenario="push_invite"),
    Row("session for nobody", 480, 236, scenario="push_invite", keys={
        "accept_contact": ANYBODY, "header": "X-Wap-Application-Id: x-acme:nobody"}),
    Row("session for what is too large", 413, 237, scenario="push_invite", keys={
        "header": "X-Wap-Push-Size: 2000000"}),
    Row("session with a path that is none", 488, 0, scenario="push_invite", keys={
        "msrp_path": "http://127.0.0.1/"}),
]  # fmt: skip


@dataclass(frozen=True)
class Pushed:
    """What became of the push of a row."""

    run: SippRun
    content: bytes | None


@pytest.fixture(scope="module")
def pushed(
    sip_peers: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Pushed]]:
    folder = tmp_path_factory.mktemp("foreign-gateway")
    with Kamailio(auth=True) as core:
        yield asyncio.run(pushed_all(core, folder))


async def pushed_all(core: Kamailio, folder: Path) -> dict[str, Pushed]:
    at = f"{HOST}:{core.port}"
    found: dict[str, Pushed] = {}
    async with sip_phone(folder, core=at, transport="udp", max_message_size=1_000_000) as alice:
        applications = await registered(alice)
        for row in ROWS:
            found[row.name] = await pushed_one(core, applications, row)
    return found


async def registered(alice: Phone) -> dict[str, PhoneApplication]:
    whitelist = [{"addr": GATEWAY, "type": "URI"}]
    return {
        MMS: await alice.application(MMS, "text/vnd.wap.si", "application/xml", "text/xml"),
        WML: await alice.application(WML, "text/vnd.wap.si", whitelist=whitelist),
        ULP: await alice.application(ULP, SUPL),
    }


async def pushed_one(core: Kamailio, applications: dict[str, PhoneApplication], row: Row) -> Pushed:
    keys = dict(row.keys)
    if row.scenario == "push_invite":
        return Pushed(await invited(core, keys), None)
    sipp = Sipp(row.scenario, core.isc_port, keys=keys)
    if row.taken is None:
        return Pushed(await sipp.run(), None)
    application = applications[row.to]
    takes = application.takes() if row.accepts else application.refuses()
    content, run = await asyncio.gather(takes, sipp.run())
    return Pushed(run, content)


async def invited(core: Kamailio, keys: dict[str, str]) -> SippRun:
    """Offer a session to a port that takes connections, and says nothing there."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(connected, HOST, 0) as media:
        port = media.sockets[0].getsockname()[1]
        keys.setdefault("msrp_path", f"msrp://{HOST}:{port}/k9sWh2Lq;tcp")
        return await Sipp("push_invite", core.isc_port, keys=keys).run()


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_foreign_gateway_is_answered_by_the_table(pushed: dict[str, Pushed], row: Row) -> None:
    """OTA-SIP 9: the answers of the client."""
    got = pushed[row.name]
    answer = next(one for one in got.run.received if (one.status or 0) >= 200)
    assert answer.status == row.status, answer.text
    said = answer.header("X-Wap-Push-Status")
    assert (int(said.split()[0]) if said else 0) == row.says
    assert got.content == row.taken
    for name, value in row.headers.items():
        assert answer.header(name) == value


def test_foreign_gateway_learns_where_the_media_go(pushed: dict[str, Pushed]) -> None:
    """OTA-SIP 7.2: the client connects, and takes one MSRP session."""
    run = pushed["session"].run
    assert run.status == 0
    answer = next(one for one in run.received if one.status == 200)
    lines = answer.body.splitlines()
    assert "a=setup:active" in lines
    assert "a=recvonly" in lines
    # what the settings say of the content, and the headers in the envelope
    assert f"a=max-size:{1_000_000 + MAX_HEAD}" in lines
    [path] = [line for line in lines if line.startswith("a=path:")]
    assert path.startswith(f"a=path:msrp://{HOST}:")


def test_foreign_gateway_learns_nothing_of_the_contents_of_an_answer(
    pushed: dict[str, Pushed],
) -> None:
    """RFC 3428 7: no answer to a MESSAGE has a body."""
    for name, got in pushed.items():
        if not name.startswith("session"):
            assert all(one.body.strip() == "" for one in got.run.received), name
