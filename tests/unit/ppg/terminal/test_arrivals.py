"""Terminals that dial in: from a nameless connection to a client's, with both real ends."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from omapush.content.message import PushMessage
from omapush.core.instants import SECOND_MS
from omapush.core.peer_certificate import PeerCertificate
from omapush.ota.http.authentication import Login, Scheme
from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
from omapush.ota.http.contexts import ProvisioningContext
from omapush.ota.http.ppg import HttpPpgRequest, HttpPpgSession, HttpPpgSettings
from omapush.ota.interface import (
    ClientCapabilities,
    CloseConnection,
    OutcomeKind,
    PoConfirmedPushInd,
    PoConfirmedPushReq,
    PoConfirmedPushRes,
    PushSource,
    SendOctets,
)
from omapush.pap import address as addressing
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, HttpContact
from omapush.ppg.lockout import Lockout, LockoutSettings
from omapush.ppg.recipients import Recipients
from omapush.ppg.terminal.accounts import Accounts, Secrets
from omapush.ppg.terminal.arrivals import Arrivals
from omapush.ppg.terminal.directory import Directory, DirectorySettings
from omapush.ppg.terminal.identification import Identification
from omapush.ppg.terminal.live import LiveTerminals
from omapush.ppg.terminal.metrics import TerminalMetrics
from omapush.testing.memory_store import MemoryStore
from omapush.testing.virtual_clock import VirtualClock

DIALS_IN = (Contact(HttpContact(dials_in=True)),)
ANNA, BERTA = "00anna_x.net", "00berta_x.net"
HOST = "10.0.0.7"
TAKES = ClientCapabilities(("*/*",), max_message_size=5_000, max_push_requests=2)
PUSH = PushMessage((("Content-Type", "text/plain"),), b"hello")
FAILURES = 3


class Link:
    """A connection on which both ends are ours, and every octet arrives at once."""

    peer_certificate: PeerCertificate | None = None
    is_secure = False

    def __init__(
        self, world: World, session: HttpPpgSession, terminal: HttpTerminalSession
    ) -> None:
        self._world = world
        self._session = session
        self._terminal = terminal
        self.peer = f"{HOST}:{next(world.ports)}"
        self.is_identified = False
        self.close_reason: str | None = None
        self.sent = b""
        session.connected(world.clock())
        terminal.connected(world.clock())
        self.pump()

    def request(self, primitive: HttpPpgRequest) -> None:
        self._session.request(primitive, self._world.clock())
        self.pump()

    def identified(self) -> None:
        self.is_identified = True

    def close(self, reason: str) -> None:
        if self.close_reason is None:
            self.close_reason = reason
            self._session.disconnected(reason, self._world.clock())
            self._tell()
            self._world.arrivals.closed(self, reason)

    def pump(self) -> None:
        now, moved = self._world.clock(), True
        while moved and self.close_reason is None:
            moved = False
            for ours, theirs in ((self._session, self._terminal), (self._terminal, self._session)):
                for effect in ours.effects():
                    moved = True
                    if isinstance(effect, SendOctets):
                        self.sent += effect.octets if ours is self._session else b""
                        theirs.receive(effect.octets, now)
                    elif isinstance(effect, CloseConnection):
                        self._tell()
                        self.close(effect.reason)
            self._take()
            self._tell()

    def _take(self) -> None:
        """Let the application take what has come."""
        for indication in self._terminal.indications():
            if isinstance(indication, PoConfirmedPushInd):
                self._world.taken.append(indication.message)
                answer = PoConfirmedPushRes(indication.reference)
                self._terminal.request(answer, self._world.clock())

    def _tell(self) -> None:
        for indication in self._session.indications():
            self._world.arrivals.indication(self, indication)


class World:
    """A gateway process that terminals dial."""

    def __init__(
        self,
        secrets: dict[str, Secrets] | None = None,
        settings: HttpPpgSettings | None = None,
        *,
        proof_required: bool = False,
    ) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore()
        self.hastened: list[str] = []
        self.taken: list[PushMessage] = []
        self.live = LiveTerminals()
        self.metrics = CollectorRegistry()
        self.ports = itertools.count(50_000)
        self.capabilities = TAKES
        clients = [
            Client(name, (addressing.parse(f"WAPPUSH={name}/TYPE=USER@ppg"),), DIALS_IN, terminal)
            for name, terminal in (("anna", ANNA), ("berta", BERTA))
        ]
        accounts = Accounts("ppg.example.com", secrets)
        self.directory = Directory(
            self.store, "a", self.hastened.append, self.clock, DirectorySettings(gather_ms=0)
        )
        self.arrivals = Arrivals(
            Identification(Recipients(clients), accounts, proof_required=proof_required),
            accounts,
            self.live,
            self.directory,
            settings or HttpPpgSettings(),
            Lockout(LockoutSettings(FAILURES, locked_ms=SECOND_MS)),
            map("nonce{}".format, itertools.count()).__next__,
            self.clock,
            TerminalMetrics(self.metrics),
        )
        self._task = asyncio.create_task(self.directory.run())

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def dial(
        self,
        terminal: str | HttpTerminalSettings = ANNA,
        certificate: PeerCertificate | None = None,
        made: type[Link] = Link,
    ) -> Link:
        """Let a terminal connect, and register if it may."""
        settings = HttpTerminalSettings(terminal) if isinstance(terminal, str) else terminal
        source = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1")
        session = HttpTerminalSession(settings, lambda: self.capabilities, source)
        secured = type("Secured", (made,), {"peer_certificate": certificate})
        return secured(self, self.arrivals.open_session(HOST), session)

    def counted(self, what: str, **labels: str) -> float | None:
        return self.metrics.get_sample_value(f"omapush_terminal_{what}_total", labels)

    async def rest(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)


Make = Callable[..., World]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[World] = []

    def new(
        secrets: dict[str, Secrets] | None = None,
        settings: HttpPpgSettings | None = None,
        *,
        proof_required: bool = False,
    ) -> World:
        made.append(World(secrets, settings, proof_required=proof_required))
        return made[-1]

    yield new
    for world in made:
        await world.close()


async def test_terminal_that_says_who_it_is_is_its_clients_from_then_on(make: Make) -> None:
    world = make()
    await world.store.open()
    link = world.dial()
    assert link.is_identified
    connection = world.live.connection_of("anna")
    assert connection is not None
    assert connection.how == f"TO-TCP from {link.peer}"
    outcome = await connection.push(PoConfirmedPushReq("d.0", PUSH))
    assert outcome.kind is OutcomeKind.DONE
    assert [message.body for message in world.taken] == [b"hello"]
    await world.rest()
    [known] = await world.store.registrations("anna")
    assert (known.terminal_id, known.address) == (ANNA, link.peer)
    assert world.hastened == ["anna"]
    assert len(world.arrivals) == 1


async def test_connection_that_ends_is_no_way_any_more(make: Make) -> None:
    world = make()
    link = world.dial()
    link.close("reset")
    assert world.live.connection_of("anna") is None
    assert len(world.arrivals) == 0


@pytest.mark.parametrize("terminal", ["00zoe_x.net", "4999", "not a client id"])
async def test_stranger_is_turned_away_and_not_listened_to_when_it_guesses(
    make: Make, terminal: str
) -> None:
    world = make()
    for _ in range(FAILURES):
        assert world.arrivals.admits(HOST)
        link = world.dial(terminal)
        assert link.close_reason is not None
        assert not link.is_identified
    assert not world.arrivals.admits(HOST)
    world.clock.advance(SECOND_MS)
    assert world.arrivals.admits(HOST)


async def test_terminal_with_a_password_proves_who_it_is(make: Make) -> None:
    settings = HttpPpgSettings(identity="ppg.example.com", challenge=Scheme.DIGEST)
    world = make({ANNA: Secrets("theirs")}, settings)
    proving = ProvisioningContext(ANNA, login=Login(ANNA, "theirs", Scheme.DIGEST))
    guessing = ProvisioningContext(ANNA, login=Login(ANNA, "guess", Scheme.DIGEST))
    refused = world.dial(HttpTerminalSettings(ANNA, contexts=(guessing,)))
    assert refused.close_reason is not None
    assert world.live.connection_of("anna") is None
    world.dial(HttpTerminalSettings(ANNA, contexts=(proving,)))
    connection = world.live.connection_of("anna")
    assert connection is not None
    assert connection.registration.authenticated


async def test_terminal_is_known_by_its_certificate(make: Make) -> None:
    world = make({ANNA: Secrets(certificates=("anna.x.net",))})
    assert world.dial().close_reason is not None
    link = world.dial(certificate=PeerCertificate("0" * 64, ("anna.x.net",)))
    assert link.close_reason is None
    connection = world.live.connection_of("anna")
    assert connection is not None
    assert connection.registration.authenticated


async def test_what_is_known_is_not_asked_for_again(make: Make) -> None:
    world = make()
    first = world.dial()
    assert b"X-Wap-CPITag" not in first.sent
    first.close("network change")
    again = world.dial()
    assert b"X-Wap-CPITag" in again.sent
    connection = world.live.connection_of("anna")
    assert connection is not None
    assert connection.registration.capabilities == TAKES


async def test_terminal_at_the_address_of_another_is_not_taken_for_it(make: Make) -> None:
    world = make()
    world.dial(ANNA).close("moved")
    world.capabilities = replace(TAKES, max_message_size=9_000)
    world.dial(BERTA)
    berta = world.live.connection_of("berta")
    assert berta is not None
    assert berta.registration.capabilities.max_message_size == 9_000
    assert world.live.connection_of("anna") is None


async def test_same_capabilities_at_the_address_of_another_are_asked_for(make: Make) -> None:
    world = make()
    world.dial(ANNA).close("moved")
    world.dial(BERTA)  # its tag is the one that was assumed of the other
    berta = world.live.connection_of("berta")
    assert berta is not None
    assert berta.registration.terminal_id == BERTA
    assert berta.registration.capabilities == TAKES


async def test_terminal_registers_again_when_it_is_asked(make: Make) -> None:
    world = make()
    world.dial()
    connection = world.live.connection_of("anna")
    assert connection is not None
    world.capabilities = replace(TAKES, max_message_size=9_000)
    told = await connection.register_again()
    assert told.capabilities.max_message_size == 9_000
    assert connection.registration is told


async def test_registrations_and_ends_are_counted(make: Make) -> None:
    world = make()
    idle, busy = world.dial(), world.dial(BERTA)
    assert world.counted("registrations", method="TO-TCP", authenticated="no") == 2
    connection = world.live.connection_of("berta")
    assert connection is not None
    busy.pump = lambda: None  # type: ignore[method-assign] - the terminal is not heard any more
    push = asyncio.create_task(connection.push(PoConfirmedPushReq("d.0", PUSH)))
    await world.rest()
    assert connection.under_way == 1
    busy.close("reset")
    assert (await push).kind is OutcomeKind.IN_DOUBT
    idle.close("moved")
    assert world.counted("connections_ended", method="TO-TCP") == 2


async def test_refusals_are_counted_by_reason_and_lockouts_by_themselves(make: Make) -> None:
    world = make()
    for _ in range(FAILURES):
        world.dial("4999")
    world.dial().close("registered, and gone")
    mute = world.dial(made=type("Mute", (Link,), {"pump": lambda self: None}))
    mute.close("never answered")
    assert world.counted("refusals", method="TO-TCP", reason="stranger") == FAILURES
    assert world.counted("refusals", method="TO-TCP", reason="registration") == 1
    assert world.counted("lockouts") == 1


ASKED = HttpPpgSettings(identity="ppg.example.com", challenge=Scheme.DIGEST, proof_required=False)


async def test_terminal_without_a_password_is_let_in_beside_one_that_has_to_prove_itself(
    make: Make,
) -> None:
    world = make({ANNA: Secrets("theirs")}, ASKED)
    assert world.dial(BERTA).close_reason is None
    connection = world.live.connection_of("berta")
    assert connection is not None
    assert not connection.registration.authenticated
    told = await connection.register_again()
    assert told.terminal_id == BERTA
    assert world.dial(ANNA).close_reason is not None
    assert world.live.connection_of("anna") is None


async def test_wrong_password_is_refused_though_no_proof_is_required(make: Make) -> None:
    world = make({ANNA: Secrets("theirs")}, ASKED)
    for terminal in (ANNA, BERTA):
        guessing = ProvisioningContext(terminal, login=Login(terminal, "guess", Scheme.DIGEST))
        link = world.dial(HttpTerminalSettings(terminal, contexts=(guessing,)))
        assert link.close_reason is not None
    assert len(world.live) == 0


@pytest.mark.parametrize("required", [False, True])
async def test_terminal_that_is_known_by_its_certificate_need_not_have_a_password(
    make: Make, *, required: bool
) -> None:
    secrets = {ANNA: Secrets("theirs"), BERTA: Secrets(certificates=("berta.x.net",))}
    world = make(secrets, ASKED, proof_required=required)
    assert world.dial(BERTA).close_reason is not None
    link = world.dial(BERTA, certificate=PeerCertificate("0" * 64, ("berta.x.net",)))
    assert link.close_reason is None


async def test_name_of_a_terminal_that_proves_nothing_does_not_hide_guesses(make: Make) -> None:
    world = make({ANNA: Secrets("theirs")}, ASKED)
    guessing = ProvisioningContext(ANNA, login=Login(ANNA, "guess", Scheme.DIGEST))
    for _ in range(FAILURES):
        assert world.arrivals.admits(HOST)
        world.dial(HttpTerminalSettings(ANNA, contexts=(guessing,)))
        world.dial(BERTA)
    assert not world.arrivals.admits(HOST)


async def test_proof_ends_a_row_of_failures(make: Make) -> None:
    world = make({ANNA: Secrets("theirs")}, ASKED)
    proving = ProvisioningContext(ANNA, login=Login(ANNA, "theirs", Scheme.DIGEST))
    for _ in range(FAILURES):
        world.dial("00zoe_x.net")
        world.dial(HttpTerminalSettings(ANNA, contexts=(proving,)))
    assert world.arrivals.admits(HOST)


async def test_password_of_the_gateway_is_not_sent_to_a_stranger_who_asks_for_it(
    make: Make,
) -> None:
    world = make({ANNA: Secrets(gateway="ours")})
    login = Login("ppg.example.com", "ours")
    asking = ProvisioningContext(ANNA, gateway=login, demand=Scheme.BASIC)
    link = world.dial(HttpTerminalSettings(ANNA, contexts=(asking,)))
    assert b"Authorization" not in link.sent
    assert link.close_reason is not None
    proved = ProvisioningContext(ANNA, gateway=login, demand=Scheme.DIGEST)
    link = world.dial(HttpTerminalSettings(ANNA, contexts=(proved,)))
    assert b"Authorization: Digest" in link.sent
    assert link.close_reason is None


async def test_password_of_the_gateway_is_not_sent_to_who_declines_to_prove_himself(
    make: Make,
) -> None:
    world = make({ANNA: Secrets(gateway="ours"), BERTA: Secrets("theirs")}, ASKED)
    asking = ProvisioningContext(
        ANNA, gateway=Login("ppg.example.com", "ours"), demand=Scheme.BASIC
    )
    link = world.dial(HttpTerminalSettings(ANNA, contexts=(asking,)))
    assert b"Authorization" not in link.sent
    assert link.close_reason is not None
