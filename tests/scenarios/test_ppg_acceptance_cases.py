"""Real daemon, the acceptance cases of a commercial gateway: what each checks, and what we answer.

The numbers are those of its test suite; the cases are our own. docs/pap-acceptance.md is the same
table for reading. Where we answer otherwise on purpose, the row says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from omapush.content.message import PushMessage as ContentMessage
from omapush.core.instants import SECOND_MS, Instant, later
from omapush.daemon.clock import SystemClock
from omapush.initiator import NotificationReceiver, serve
from omapush.pap import entity, model, xml
from omapush.pap.codes import MessageState
from omapush.pap.model import DeliveryMethod, Priority, QualityOfService
from omapush.pap.versions import PapVersion, VersionRange
from omapush.ppg.store.contract import PushRecord
from omapush.ppg.store.opening import open_store
from omapush.testing.daemons import Daemon, free_port, running
from omapush.testing.plain_terminal import Terminal

PATIENCE_SECONDS = 30
PHONES = tuple(f"WAPPUSH=+4477009002{number:02}/TYPE=PLMN@ppg.example.net" for number in range(10))
PHONE, ON_GPRS = PHONES[1], PHONES[0]
AWAY = "WAPPUSH=+447700900300/TYPE=PLMN@ppg.example.net"
NOWHERE = "WAPPUSH=+447700900301/TYPE=PLMN@ppg.example.net"
BARE = "07700900200"
TESTER, GUESSED = ("tester", "of-tester"), ("tester", "guessed")
ELSEWHERE, SLOPPY = ("elsewhere", "of-elsewhere"), ("sloppy", "of-sloppy")
V2 = PapVersion(2, 0)


class Ground:
    """The gateway, its clients, and somebody to be notified."""

    def __init__(self, folder: Path, pap: int, terminal: Terminal, away: int) -> None:
        self.url = f"http://127.0.0.1:{pap}/pap"
        self.pap = pap
        self.terminal = terminal
        self.away = Terminal()
        self.away.port = away
        self.store = open_store(f"sqlite:///{folder}/omapush.db")
        self.receiver = NotificationReceiver()
        self.notify_to = ""
        self.late = NotificationReceiver()
        self.late_port = free_port()
        self.due: dict[str, Instant] = {}

    def pushes(self, push_id: str) -> int:
        """Return how often a push with this id reached a terminal."""
        marked = f"[{push_id}]".encode()
        return sum(marked in each for each in self.terminal.pushes + self.away.pushes)

    async def until_delivered(self, push_id: str, number: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if self.pushes(push_id) >= number:
                    break
                await asyncio.sleep(0.02)
        assert self.pushes(push_id) == number

    async def until(self, push_id: str, event: str) -> PushRecord:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                record = await self.store.push(push_id)
                if record is not None and event in [line.event for line in record.timeline]:
                    return record
                await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    folder = tmp_path_factory.mktemp("acceptance")
    terminal = Terminal()
    await terminal.start()
    pap, admin, away = free_port(), free_port(), free_port()
    clients = [(f"phone-{n}", PHONES[n], terminal.port, "SMS") for n in range(1, 10)]
    clients += [
        ("on-gprs", ON_GPRS, terminal.port, "GPRS"),
        ("bare", BARE, terminal.port, "SMS"),
        ("away", AWAY, away, "SMS"),
        ("nowhere", NOWHERE, free_port(), "SMS"),
    ]
    settings = folder / "ppg.toml"
    settings.write_text(
        f'[pap]\nlisten = "127.0.0.1:{pap}"\nanonymous_from = ["127.0.0.1/32"]\n'
        f'[admin]\nlisten = "127.0.0.1:{admin}"\n'
        f'[store]\nurl = "sqlite:///{folder}/omapush.db"\n'
        "[delivery]\nretry_first_seconds = 0.05\nretry_longest_seconds = 0.2\n"
        "[notification]\nretry_seconds = [0.2, 0.2, 0.2, 0.5, 0.5, 1, 1, 1, 1, 1]\n"
        '[[initiators]]\nid = "tester"\nusername = "tester"\npassword = "of-tester"\n'
        'allowed_addresses = ["127.0.0.1/32"]\n'
        '[[initiators]]\nid = "elsewhere"\nusername = "elsewhere"\npassword = "of-elsewhere"\n'
        'allowed_addresses = ["192.0.2.20/32"]\n'
        '[[initiators]]\nid = "sloppy"\nusername = "sloppy"\npassword = "of-sloppy"\n'
        'tolerance = {profile = "tolerant"}\n'
        + "".join(
            f'[[clients]]\nid = "{name}"\naddresses = ["{address}"]\n'
            f'ota_http = "127.0.0.1:{port}"\nnetwork = "GSM"\nbearer = "{bearer}"\n'
            for name, address, port, bearer in clients
        )
    )
    async with running(Daemon("ppg", settings, port=pap)) as daemon:
        found = Ground(folder, pap, terminal, away)
        await found.store.open()
        async with serve(found.receiver) as found.notify_to:
            yield found
        await found.store.close()
        assert "Traceback" not in daemon.log
    await terminal.stop()


LIKE_SMS = QualityOfService(network="GSM", bearer="SMS")
NEEDS_GPRS = QualityOfService(network="GSM", bearer="GPRS", bearer_required=True)


@dataclass(frozen=True)
class Asked:
    """One request, and what we answer.

    :ivar code: of our answer; or the HTTP status when HTTP alone answers.
    :ivar same: with the push-id of the request before it.
    :ivar before: seconds from now; ``after`` too.
    :ivar notify: where to: ``yes``, ``no scheme``, or ``late``, where nobody listens yet.
    :ivar document: something else than a well-formed submission, made of the push-id.
    """

    code: int
    phones: tuple[str, ...] = (PHONE,)
    wish: QualityOfService | None = LIKE_SMS
    same: bool = False
    before: float | None = None
    after: float | None = None
    notify: str = ""
    replaces: str | None = None
    listed: str = "2.*"
    credentials: tuple[str, str] | None = None
    document: Callable[[str], bytes | model.Message] | None = None
    element: type = model.PushResponse
    desc: str = ""

    def control(self, ground: Ground, push_id: str) -> bytes:
        made = self.document(push_id) if self.document else self._push(ground, push_id)
        if isinstance(made, bytes):
            return made
        listed = VersionRange(99, None) if self.listed == "99" else VersionRange(2, None)
        return xml.encode(model.Pap(made, V2, supported_versions=(listed,)))

    def _push(self, ground: Ground, push_id: str) -> model.PushMessage:
        targets = {
            "": None,
            "yes": ground.notify_to,
            "no scheme": ground.notify_to.removeprefix("http://"),
            "late": f"http://127.0.0.1:{ground.late_port}/",
        }
        after = _seconds_from_now(self.after)
        if after is not None:
            ground.due[push_id] = Instant(after - after % SECOND_MS)  # PAP has no fractions
        return model.PushMessage(
            push_id,
            tuple(model.Address(phone) for phone in self.phones),
            self.wish,
            replace_push_id=self.replaces,
            deliver_before_timestamp=_seconds_from_now(self.before),
            deliver_after_timestamp=after,
            ppg_notify_requested_to=targets[self.notify],
        )


def _seconds_from_now(seconds: float | None) -> Instant | None:
    return None if seconds is None else later(_CLOCK(), int(seconds * 1000))


_CLOCK = SystemClock()

Then = Callable[[Ground, str], Awaitable[None]]


def delivered(number: int = 1) -> Then:
    """The push reaches so many terminals, each once."""

    async def check(ground: Ground, push_id: str) -> None:
        await ground.until_delivered(push_id, number)

    return check


def notified(state: MessageState, code: int, number: int = 1) -> Then:
    """So many result notifications come, all alike."""

    async def check(ground: Ground, push_id: str) -> None:
        for _ in range(number):
            found = await ground.receiver.wait_for(push_id, PATIENCE_SECONDS)
            assert (found.message_state, found.code) == (state, code)
            assert found.desc

    return check


async def notified_late(ground: Ground, push_id: str) -> None:
    """The notification comes though at first nobody listened."""
    await ground.until(push_id, "notification_retry")
    async with serve(ground.late, port=ground.late_port):
        found = await ground.late.wait_for(push_id, PATIENCE_SECONDS)
    assert found.message_state is MessageState.DELIVERED


async def delivered_when_reachable(ground: Ground, push_id: str) -> None:
    """The client cannot be reached at first, and has the push as soon as it can."""
    await ground.until(push_id, "retry")
    assert not ground.pushes(push_id)
    await ground.away.start()
    try:
        await ground.until_delivered(push_id, 1)
    finally:
        await ground.away.stop()


async def expired_for_good(ground: Ground, push_id: str) -> None:
    """The client can be reached when the deadline is over: it gets later pushes, not this one."""
    record = await ground.until(push_id, "expired")
    assert record.deliveries[0].sent_attempts == 0
    await ground.away.start()
    try:
        await submit(ground, Asked(1001, (AWAY,)), f"after {push_id}")
        await ground.until_delivered(f"after {push_id}", 1)
    finally:
        await ground.away.stop()
    assert not ground.pushes(push_id)


async def not_early(ground: Ground, push_id: str) -> None:
    """Nothing was sent before deliver-after-timestamp."""
    record = await ground.until(push_id, "delivered")
    sent = next(line.at for line in record.timeline if line.event == "delivered")
    assert sent >= ground.due[push_id]


async def recorded(ground: Ground, push_id: str) -> None:
    """The ledger says what became of it, from its acceptance on."""
    record = await ground.until(push_id, "delivered")
    assert record.timeline[0].event == "accepted"
    assert record.initiator_id == "anonymous"


async def nothing(ground: Ground, push_id: str) -> None:
    """No terminal saw it, and there is no such push."""
    assert not ground.pushes(push_id)
    assert await ground.store.push(push_id) is None


async def cancelled(ground: Ground, push_id: str) -> None:
    """Its delivery ended before it began."""
    record = await ground.store.push(push_id)
    assert record is not None
    assert record.deliveries[0].state.is_final
    assert record.deliveries[0].sent_attempts == 0
    assert not ground.pushes(push_id)


@dataclass(frozen=True)
class Case:
    """A case: what it checks, in our words; what is asked and answered; what happens then.

    :ivar differs: why we answer otherwise than its suite expects.
    """

    number: str
    checks: str
    asked: tuple[Asked, ...]
    then: tuple[Then, ...] = ()
    differs: str = ""


def status(push_id: str) -> model.Message:
    return model.StatusQueryMessage(push_id, (model.Address(NOWHERE),))


def cancel(push_id: str) -> model.Message:
    return model.CancelMessage(push_id, (model.Address(PHONE),))


def unfinished(push_id: str) -> bytes:
    control = xml.encode(model.Pap(model.PushMessage(push_id, (model.Address(PHONE),)), V2))
    return control.replace(b"</push-message>", b"<push-message>")


def in_their_way(order: tuple[str, str]) -> Callable[[str], bytes]:
    """A submission as their documents are: the version list after the DOCTYPE, a bare number."""

    def document(push_id: str) -> bytes:
        return (
            '<?xml version="1.0"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" '
            '"http://www.wapforum.org/DTD/pap_2.0.dtd">'
            '<?wap-pap-ver supported-versions="2.0,1.*"?>'
            f'<pap><push-message push-id="{push_id}">{"".join(order)}</push-message></pap>'
        ).encode()

    return document


ADDRESS = f'<address address-value="{BARE}"></address>'
WISH = '<quality-of-service network="GSM" bearer="SMS"></quality-of-service>'

OK = notified(MessageState.DELIVERED, 1000)
AT_ONCE = "a deadline that is past is refused at once (2001), not accepted and dropped"
BINDING = "bearer-required binds (PAP 8.2.2): 3010, and no other bearer is taken instead"
CONFIRMS = "OTA-HTTP confirms, whatever the bearer: the push is taken and not refused with 3007"


def method(name: str) -> QualityOfService:
    return QualityOfService(delivery_method=DeliveryMethod(name), network="GSM", bearer="SMS")


CASES = (
    Case("001", "what is mandatory suffices", (Asked(1001),), (delivered(),)),
    Case(
        "001a",
        "the decision can be looked up afterwards",
        (Asked(1001),),
        (delivered(), recorded),
        "in the ledger's timeline of the push, not in a log: it is as durable as the push",
    ),
    Case(
        "001 form",
        "the same in the form of their documents",
        (Asked(1001, document=in_their_way((ADDRESS, WISH)), desc="wap-pap-ver outside"),),
        (delivered(),),
    ),
    Case(
        "002",
        "a document that is not well-formed",
        (Asked(2000, document=unfinished, element=model.BadMessageResponse),),
        (nothing,),
        "by badmessage-response (PAP 8.12): of what is no XML no push-id can be known",
    ),
    Case("003", "no quality-of-service", (Asked(1001, wish=None),), (delivered(),)),
    Case(
        "004",
        "a result notification when it is delivered, its target without a scheme",
        (Asked(1001, wish=None, notify="no scheme", desc="without a scheme"),),
        (delivered(), OK),
    ),
    Case(
        "005",
        "an initiator with the right password, from where it may submit",
        (Asked(1001, credentials=TESTER),),
        (delivered(),),
    ),
    Case(
        "006",
        "an initiator with a wrong password",
        (Asked(401, credentials=GUESSED),),
        (nothing,),
        "HTTP 401 with a challenge, not 202 and 2001: credentials are HTTP's (RFC 9110 15.5.2)",
    ),
    Case("007", "a deadline that is now", (Asked(2001, before=0),), (nothing,), AT_ONCE),
    Case(
        "008",
        "a client that can be reached before the deadline only",
        (Asked(1001, (AWAY,), before=120),),
        (delivered_when_reachable,),
    ),
    Case(
        "009",
        "a client that can be reached after the deadline only",
        (Asked(1001, (AWAY,), before=2),),
        (expired_for_good,),
    ),
    Case("010", "a deadline that is kept", (Asked(1001, before=60),), (delivered(),)),
    Case(
        "011",
        "deliver-after, and a deadline behind it",
        (Asked(1001, after=2, before=120),),
        (delivered(), not_early),
    ),
    Case(
        "012",
        "a deadline, and a result notification",
        (Asked(1001, before=60, notify="yes"),),
        (delivered(), OK),
    ),
    Case(
        "013",
        "whoever is to be notified does not listen at first",
        (Asked(1001, before=120, notify="late"),),
        (delivered(), notified_late),
    ),
    Case(
        "014",
        "deliver-after, a deadline, and a result notification",
        (Asked(1001, after=2, before=120, notify="yes"),),
        (delivered(), not_early, OK),
    ),
    Case(
        "015",
        "ten recipients, each with its notification",
        (Asked(1001, PHONES, before=60, notify="yes"),),
        (delivered(10), notified(MessageState.DELIVERED, 1000, 10)),
    ),
    Case(
        "016",
        "a deadline that is now, with a required bearer",
        (Asked(2001, (ON_GPRS,), NEEDS_GPRS, before=0),),
        (nothing,),
        AT_ONCE,
    ),
    Case(
        "017",
        "a required bearer that the client has",
        (Asked(1001, (ON_GPRS,), NEEDS_GPRS),),
        (delivered(),),
    ),
    Case(
        "017 order",
        "the same as their documents have it, quality-of-service first",
        (Asked(2000, document=in_their_way((WISH, ADDRESS)), desc="not stand in its place"),),
        (nothing,),
        "what is not valid is rejected (PPG 5.1.1) unless the operator chose to be tolerant",
    ),
    Case(
        "017 tolerant",
        "the same from an initiator towards whom the operator chose to be tolerant",
        (
            Asked(
                1001,
                document=in_their_way((WISH, ADDRESS)),
                credentials=SLOPPY,
                desc="not stand in its place",
            ),
        ),
        (delivered(),),
    ),
    Case(
        "018",
        "a required bearer that the client has not",
        (Asked(3010, wish=NEEDS_GPRS, before=60),),
        (nothing,),
        BINDING,
    ),
    Case(
        "020",
        "a required bearer, and a deadline that is kept",
        (Asked(1001, (ON_GPRS,), NEEDS_GPRS, before=60),),
        (delivered(),),
    ),
    Case(
        "021",
        "a required bearer, deliver-after, and a deadline",
        (Asked(1001, (ON_GPRS,), NEEDS_GPRS, after=2, before=60),),
        (delivered(), not_early),
    ),
    Case(
        "022",
        "a required bearer, a deadline, and a result notification",
        (Asked(1001, (ON_GPRS,), NEEDS_GPRS, before=60, notify="yes"),),
        (delivered(), OK),
    ),
    Case(
        "023",
        "the same with a later deadline",
        (Asked(1001, (ON_GPRS,), NEEDS_GPRS, before=120, notify="yes"),),
        (delivered(), OK),
    ),
    Case(
        "024",
        "deliver-after, a deadline, and a listener that comes late",
        (Asked(1001, (ON_GPRS,), NEEDS_GPRS, after=2, before=60, notify="late"),),
        (delivered(), not_early, notified_late),
    ),
    Case(
        "025",
        "ten recipients, of which one has the required bearer",
        (Asked(3010, PHONES, NEEDS_GPRS, before=60, notify="yes"),),
        (nothing,),
        BINDING,
    ),
    Case(
        "025 wished",
        "the same, the bearer not required",
        (
            Asked(
                1001,
                PHONES,
                QualityOfService(network="GSM", bearer="GPRS"),
                before=60,
                notify="yes",
            ),
        ),
        (delivered(10), notified(MessageState.DELIVERED, 1000, 10)),
    ),
    Case(
        "027",
        "an initiator from where it may not submit",
        (Asked(403, credentials=ELSEWHERE),),
        (nothing,),
        "HTTP 403, not 202 and 2001: nothing of the request is read",
    ),
    Case(
        "027 again",
        "the same push-id a second time",
        (Asked(1001, after=2, before=60), Asked(2007, after=2, before=60, same=True)),
        (delivered(), not_early),
    ),
    Case(
        "031",
        "status query of a push whose client cannot be reached",
        (
            Asked(1001, (NOWHERE,), before=60),
            Asked(1000, document=status, element=model.StatusQueryResponse, same=True),
        ),
    ),
    Case(
        "032",
        "status query, the bearer being required",
        (
            Asked(1001, (NOWHERE,), QualityOfService(bearer="SMS", bearer_required=True)),
            Asked(1000, document=status, element=model.StatusQueryResponse, same=True),
        ),
    ),
    Case(
        "033",
        "cancellation of a push that is held, for one recipient",
        (
            Asked(1001, after=20, before=60),
            Asked(1000, document=cancel, element=model.CancelResponse, same=True),
        ),
        (cancelled,),
    ),
    Case(
        "034",
        "cancellation, the bearer being required",
        (
            Asked(1001, wish=QualityOfService(bearer="SMS", bearer_required=True), after=20),
            Asked(1000, document=cancel, element=model.CancelResponse, same=True),
        ),
        (cancelled,),
    ),
    Case(
        "035 confirmed",
        "confirmed delivery",
        (Asked(1001, wish=method("confirmed")),),
        (delivered(),),
        CONFIRMS,
    ),
    Case(
        "035 methods",
        "delivery methods, one push-id: what is refused does not use it up, and the method is "
        "judged before the push-id",
        (
            Asked(3007, wish=method("confirmed-with-response")),
            Asked(3012, wish=method("oneshot"), same=True),
            Asked(1001, wish=method("preferconfirmed"), same=True),
            Asked(3007, wish=method("confirmed-with-response"), same=True),
            Asked(3012, wish=method("oneshot"), same=True),
        ),
        (delivered(),),
    ),
    Case(
        "035 unconfirmed",
        "unconfirmed delivery",
        (Asked(1001, wish=method("unconfirmed")),),
        (delivered(),),
    ),
    Case(
        "035 notspecified",
        "no delivery method",
        (Asked(1001, wish=method("notspecified")),),
        (delivered(),),
    ),
    Case(
        "036",
        "any network and any bearer, required",
        (Asked(1001, wish=QualityOfService(network="any", bearer="any", bearer_required=True)),),
        (delivered(),),
    ),
    Case(
        "036 network",
        "a network that nobody knows, not required",
        (Asked(1001, wish=QualityOfService(network="NOTONE", bearer="SMS", bearer_required=True)),),
        (delivered(),),
        "what is not required does not bind (PAP 8.2.2): 1001, not 3009",
    ),
    Case(
        "036 required",
        "a network that nobody knows, required",
        (Asked(3009, wish=QualityOfService(network="NOTONE", network_required=True)),),
        (nothing,),
    ),
    Case(
        "036 bearer",
        "a bearer that nobody knows, required",
        (Asked(3010, wish=QualityOfService(network="GSM", bearer="NOTONE", bearer_required=True)),),
        (nothing,),
    ),
    Case(
        "037",
        "priorities low, high and medium",
        (
            Asked(1001, wish=QualityOfService(Priority.LOW), after=2, before=120),
            Asked(1001, wish=QualityOfService(Priority.HIGH), after=2, before=120),
            Asked(1001, wish=QualityOfService(Priority.MEDIUM), after=2, before=120),
        ),
        (delivered(), not_early),
        "all are taken and delivered when they are due; high overtakes only what waits, and a "
        "deferred push has its own time",
    ),
    Case(
        "040",
        "a deadline that passes is told",
        (Asked(1001, (NOWHERE,), before=2, notify="yes"),),
        (notified(MessageState.EXPIRED, 4000),),
    ),
    Case(
        "041",
        "delivery and its notification by the bearer that the client has, another being required",
        (Asked(3010, wish=NEEDS_GPRS, before=60, notify="yes"),),
        (nothing,),
        BINDING,
    ),
    Case(
        "044 capabilities",
        "client capabilities query for a number that is not served",
        (
            Asked(
                2002,
                document=lambda _: model.CcqMessage(model.Address("000111222")),
                element=model.CcqResponse,
            ),
        ),
    ),
    Case(
        "044 status",
        "status query of a push that is not known",
        (Asked(2004, document=status, element=model.StatusQueryResponse),),
    ),
    Case(
        "044 versions",
        "a PAP 2.0 document whose sender says that it speaks 99 alone",
        (Asked(1001, listed="99"),),
        (delivered(),),
        "the version of the document decides (PAP 9.3), its list only chooses that of an answer "
        "to one we do not speak: 1001, not 3002",
    ),
    Case(
        "044 replacement",
        "replacement of a push that is not known",
        (Asked(1001, replaces="nobody-knows-it"),),
        (delivered(),),
        "we replace; with replace-method=all it is sent although nothing waits (PAP 8.2): not 3011",
    ),
)


async def submit(ground: Ground, asked: Asked, push_id: str) -> None:
    """Submit, and check that the answer is the one that is told."""
    content = ContentMessage((("Content-Type", "text/plain"),), f"[{push_id}]".encode())
    message = asked.control(ground, push_id)
    alone = asked.element in (model.StatusQueryResponse, model.CancelResponse, model.CcqResponse)
    content_type, body = entity.join(message, None if alone else content)
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            ground.url,
            content=body,
            headers={"Content-Type": content_type},
            auth=asked.credentials,
        )
    if asked.code < 1000:
        assert answer.status_code == asked.code
        return
    assert answer.status_code == 202
    said = xml.decode(answer.content).message
    assert isinstance(said, asked.element)
    results = getattr(said, "results", None) or (getattr(said, "response_result", said),)
    assert [result.code for result in results] == [asked.code]
    assert asked.desc in (results[0].desc or "")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", CASES, ids=[case.number for case in CASES])
async def test_case_is_answered_as_the_table_says(ground: Ground, case: Case) -> None:
    push_ids: list[str] = []
    for number, asked in enumerate(case.asked):
        push_id = push_ids[-1] if asked.same else f"{case.number} {number}"
        await submit(ground, asked, push_id)
        push_ids.append(push_id)
    for push_id in dict.fromkeys(push_ids):
        for then in case.then:
            await then(ground, push_id)


@pytest.mark.asyncio(loop_scope="module")
async def test_initiator_that_speaks_http_1_0_is_answered(ground: Ground) -> None:
    control = Asked(1001).control(ground, "in HTTP 1.0")
    content = ContentMessage((("Content-Type", "text/plain"),), b"[in HTTP 1.0]")
    content_type, body = entity.join(control, content)
    head = f"POST /pap HTTP/1.0\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", ground.pap)
    writer.write(head.encode() + b"\r\n" + body)
    async with asyncio.timeout(PATIENCE_SECONDS):
        answer = await reader.read()  # to the end: the connection is closed behind the answer
    writer.close()
    assert b" 202 " in answer.partition(b"\r\n")[0]
    assert b'code="1001"' in answer
    await ground.until_delivered("in HTTP 1.0", 1)


@pytest.mark.asyncio(loop_scope="module")
async def test_initiator_that_sends_in_chunks_is_answered(ground: Ground) -> None:
    control = Asked(1001).control(ground, "in chunks")
    content = ContentMessage((("Content-Type", "text/plain"),), b"[in chunks]")
    content_type, body = entity.join(control, content)

    async def chunks() -> AsyncIterator[bytes]:
        # Cut anywhere, also within a delimiter and within a header.
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    async with httpx2.AsyncClient(trust_env=False) as client:
        headers = {"Content-Type": content_type}
        answer = await client.post(ground.url, content=chunks(), headers=headers)
    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert answer.status_code == 202
    assert b'code="1001"' in answer.content
    await ground.until_delivered("in chunks", 1)


@pytest.mark.parametrize("case", CASES, ids=[case.number for case in CASES])
def test_case_is_in_the_table_for_reading(case: Case) -> None:
    page = Path(__file__).parents[2] / "docs" / "pap-acceptance.md"
    (row,) = [
        line for line in page.read_text().splitlines() if line.startswith(f"| {case.number} |")
    ]
    assert case.checks in row
    assert ("differs" in row) is bool(case.differs)
    assert case.differs in row
