"""A WSP client and a WSP server over links that lose, repeat, delay and reorder."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.instants import Instant
from omapush.protocols.wsp.address import Address
from omapush.protocols.wsp.assigned_numbers import AbortReason
from omapush.protocols.wsp.capabilities import Capabilities, ProtocolOption
from omapush.protocols.wsp.pdu import Get, Post, Redirect, Reply
from omapush.protocols.wsp.session_client import ClientSettings, WspClient
from omapush.protocols.wsp.session_primitives import (
    ClientIndication,
    ClientRequest,
    SConfirmedPushCnf,
    SConfirmedPushInd,
    SConfirmedPushReq,
    SConfirmedPushRes,
    SConnectCnf,
    SConnectInd,
    SConnectReq,
    SConnectRes,
    SDisconnectInd,
    SDisconnectReq,
    ServerRequest,
    SessionTrouble,
    SMethodAbortInd,
    SMethodInvokeCnf,
    SMethodInvokeInd,
    SMethodInvokeReq,
    SMethodResultCnf,
    SMethodResultInd,
    SMethodResultReq,
    SMethodResultRes,
    SPushAbortInd,
    SPushAbortReq,
    SPushInd,
    SPushReq,
    SPushSent,
    SResumeCnf,
    SResumeInd,
    SResumeReq,
    SResumeRes,
    SSuspendInd,
    SSuspendReq,
    reason_name,
)
from omapush.protocols.wsp.session_server import ServerSettings
from omapush.protocols.wsp.session_states import ClientState, ServerState
from omapush.protocols.wsp.sessions import (
    SessionIndication,
    WspServer,
    WspServerSettings,
)
from omapush.protocols.wtp.primitives import SendDatagram
from omapush.protocols.wtp.settings import WtpSettings
from omapush.testing.datagram_link import DatagramLink, Faults
from omapush.testing.virtual_clock import START, VirtualClock

HOUR_MS = 3_600_000
LONG_AGO = Instant(START - HOUR_MS)
HOME = ("192.0.2.1", 40_000)
AWAY = ("192.0.2.99", 40_001)

ALL = (
    ProtocolOption.PUSH
    | ProtocolOption.CONFIRMED_PUSH
    | ProtocolOption.SESSION_RESUME
    | ProtocolOption.ACKNOWLEDGEMENT_HEADERS
)
WANTED = Capabilities(protocol_options=ALL, push_mor=4, client_sdu_size=0, method_mor=2)
HEADERS = (("Encoding-Version", "1.4"),)
TEXT = (("Content-Type", "text/plain"),)


class Exchange:
    """The server's datagrams, sorted by peer, so that each link sees its own."""

    def __init__(self, server: WspServer) -> None:
        self.server = server
        self._waiting: dict[Hashable, list[SendDatagram]] = {}
        self.told: list[SessionIndication] = []

    def collect(self) -> None:
        for effect in self.server.effects():
            self._waiting.setdefault(effect.peer, []).append(SendDatagram(effect.octets))

    def effects(self, peer: Hashable) -> list[SendDatagram]:
        self.collect()
        return self._waiting.pop(peer, [])


class ServerAt:
    """The server as one peer sees it."""

    def __init__(self, exchange: Exchange, peer: Hashable) -> None:
        self._exchange = exchange
        self._peer = peer
        self._server = exchange.server

    def request(self, primitive: tuple[int, ServerRequest], now: Instant) -> None:
        self._server.request(*primitive, now)

    def receive(self, datagram: bytes, now: Instant) -> None:
        self._server.receive(self._peer, datagram, now)

    def next_timer(self) -> Instant | None:
        return self._server.next_timer()

    def handle_timer(self, now: Instant) -> None:
        self._server.handle_timer(now)

    def effects(self) -> list[SendDatagram]:
        return self._exchange.effects(self._peer)

    def indications(self) -> list[SessionIndication]:
        told = self._server.indications()
        self._exchange.told += told
        return told


Link = DatagramLink[ClientRequest, ClientIndication, tuple[int, ServerRequest], SessionIndication]


class World:
    """A server whose user says yes, a client whose user takes every push, and their link."""

    def __init__(
        self,
        faults: Faults | None = None,
        seed: int = 0,
        server_settings: WspServerSettings | None = None,
        client_settings: ClientSettings | None = None,
        *,
        trusting: bool = True,
    ) -> None:
        self.clock = VirtualClock()
        started = LONG_AGO if trusting else START
        ids = itertools.count(0x1234)
        self.server = WspServer(server_settings or WspServerSettings(), lambda: next(ids), started)
        self.exchange = Exchange(self.server)
        self.client = WspClient(client_settings or ClientSettings(), started)
        self.grants = True
        self.answers = True
        self.link = self.linked(self.client, HOME, faults, seed)

    def linked(
        self, client: WspClient, peer: Hashable, faults: Faults | None = None, seed: int = 0
    ) -> Link:
        link: Link = DatagramLink(self.clock, client, ServerAt(self.exchange, peer), faults, seed)

        def at_server(told: SessionIndication) -> None:
            match told.primitive:
                case SConnectInd() if self.grants and told.session_id is not None:
                    link.right.request((told.session_id, SConnectRes()))
                case SResumeInd() if self.grants and told.session_id is not None:
                    link.right.request((told.session_id, SResumeRes()))

        def at_client(told: ClientIndication) -> None:
            match told:
                case SConfirmedPushInd() if self.answers:
                    link.left.request(SConfirmedPushRes(told.push_id, (("X-Wap-Tod", "0"),)))
                case SMethodResultInd():
                    link.left.request(SMethodResultRes(told.method_id))

        link.right.on_indication = at_server
        link.left.on_indication = at_client
        return link

    def connect(self) -> int:
        self.link.left.request(SConnectReq(WANTED, HEADERS))
        self.clock.advance(HOUR_MS // 4)
        assert self.client.state is ClientState.CONNECTED
        self.forget()
        return self.client.session_id

    def forget(self) -> None:
        self.link.left.take()
        self.link.right.take()
        self.exchange.told.clear()

    def at_server(self) -> list[object]:
        told = [
            one.primitive
            for one in self.exchange.told
            if not isinstance(one.primitive, SessionTrouble)
        ]
        self.exchange.told.clear()
        return told

    def at_client(self) -> list[object]:
        return [one for one in self.link.left.take() if not isinstance(one, SessionTrouble)]


def test_a_session_is_granted_with_what_both_ends_can_do() -> None:
    world = World()
    world.link.left.request(SConnectReq(WANTED, HEADERS))
    world.clock.advance(1_000)
    [granted] = world.at_client()
    assert isinstance(granted, SConnectCnf)
    assert granted.session_id == 0x1234
    assert granted.capabilities.protocol_options == ALL
    assert granted.capabilities.push_mor == 4
    assert world.server.session_count == 1
    session = world.server.session(0x1234)
    assert session is not None
    assert session.state is ServerState.CONNECTED
    assert session.agreed.push_mor == 4


def test_a_confirmed_push_comes_back_with_acknowledgement_headers() -> None:
    world = World()
    session_id = world.connect()
    push = SConfirmedPushReq(77, TEXT, b"hello")
    world.link.right.request((session_id, push))
    world.clock.advance(1_000)
    assert world.at_client() == [SConfirmedPushInd(1, TEXT, b"hello")]
    [confirmed] = world.at_server()
    assert isinstance(confirmed, SConfirmedPushCnf)
    assert confirmed.push_id == 77
    assert [name for name, _ in confirmed.headers] == ["X-Wap-Tod"]


def test_an_unconfirmed_push_is_sent_and_indicated() -> None:
    world = World()
    session_id = world.connect()
    world.link.right.request((session_id, SPushReq(5, TEXT, b"hello")))
    world.clock.advance(1_000)
    assert world.at_client() == [SPushInd(TEXT, b"hello")]
    assert world.at_server() == [SPushSent(5)]


def test_a_refused_push_tells_the_reason_and_who_gave_it() -> None:
    world = World()
    world.answers = False
    session_id = world.connect()
    world.link.right.request((session_id, SConfirmedPushReq(5, TEXT, b"x")))
    world.clock.advance(500)
    world.link.left.request(SPushAbortReq(1, AbortReason.USERDCR))
    world.clock.advance(500)
    assert world.at_server() == [SPushAbortInd(5, AbortReason.USERDCR, by_peer=True)]
    assert world.at_client()[-1] == SPushAbortInd(1, AbortReason.USERREQ)


def test_pushes_over_the_limit_wait_until_earlier_ones_are_answered() -> None:
    world = World()
    world.answers = False
    session_id = world.connect()
    for push_id in range(6):
        world.link.right.request((session_id, SConfirmedPushReq(push_id, TEXT, b"x")))
    world.clock.advance(500)
    assert len(world.at_client()) == 4
    for push_id in (1, 2):
        world.link.left.request(SConfirmedPushRes(push_id))
    world.clock.advance(500)
    assert len(world.at_client()) == 2
    assert world.at_server() == [SConfirmedPushCnf(0), SConfirmedPushCnf(1)]


def test_more_pushes_than_are_kept_are_refused_without_having_left() -> None:
    settings_ = WspServerSettings(session=ServerSettings(maximum_waiting_pushes=1))
    world = World(server_settings=settings_)
    world.answers = False
    world.link.left.request(SConnectReq(WANTED, HEADERS))
    world.clock.advance(30)  # the reply is under way: nothing may overtake it
    for push_id in (1, 2):
        world.link.right.request((0x1234, SConfirmedPushReq(push_id, TEXT, b"x")))
    world.clock.advance(1_000)
    aborted = [one for one in world.at_server() if isinstance(one, SPushAbortInd)]
    assert aborted == [SPushAbortInd(2, AbortReason.MOREXCEEDED, sent=False)]


def test_a_push_larger_than_the_client_takes_does_not_leave() -> None:
    world = World()
    world.link.left.request(SConnectReq(Capabilities(protocol_options=ALL), HEADERS))
    world.clock.advance(1_000)
    world.forget()
    world.link.right.request((0x1234, SConfirmedPushReq(1, TEXT, b"x" * 1_500)))
    assert world.at_server() == [SPushAbortInd(1, AbortReason.MRUEXCEEDED, sent=False)]


def test_a_push_whose_facility_was_not_negotiated_does_not_leave() -> None:
    world = World()
    world.link.left.request(SConnectReq(Capabilities(), HEADERS))
    world.clock.advance(1_000)
    world.forget()
    world.link.right.request((0x1234, SPushReq(1, TEXT, b"x")))
    assert world.at_server() == [SPushAbortInd(1, AbortReason.PROTOERR, sent=False)]


def test_a_push_to_a_session_that_is_gone_ends_at_once() -> None:
    world = World()
    world.link.right.request((99, SConfirmedPushReq(1, TEXT, b"x")))
    assert world.at_server() == [SPushAbortInd(1, AbortReason.DISCONNECT, sent=False)]


def test_a_refused_connect_brings_the_reply_to_the_client() -> None:
    world = World()
    world.grants = False
    world.link.left.request(SConnectReq(WANTED, HEADERS))
    world.clock.advance(500)
    busy = Reply(503, TEXT, b"busy")
    world.link.right.request((0x1234, SDisconnectReq(busy)))
    world.clock.advance(500)
    assert world.at_client() == [SDisconnectInd(AbortReason.CONNECTERR, busy)]
    assert isinstance(world.at_server()[-1], SDisconnectInd)
    assert world.server.session_count == 0


def test_a_redirected_connect_brings_the_addresses_to_the_client() -> None:
    world = World()
    world.grants = False
    world.link.left.request(SConnectReq(WANTED, HEADERS))
    world.clock.advance(500)
    elsewhere = Redirect(0, (Address(bytes((192, 0, 2, 10)), 0),))
    world.link.right.request((0x1234, SDisconnectReq(elsewhere)))
    world.clock.advance(500)
    assert world.at_client() == [SDisconnectInd(AbortReason.CONNECTERR, elsewhere)]
    assert world.server.session_count == 0


def test_a_disconnect_of_either_end_ends_the_session_at_both() -> None:
    for by_client in (True, False):
        world = World()
        session_id = world.connect()
        if by_client:
            world.link.left.request(SDisconnectReq())
        else:
            world.link.right.request((session_id, SDisconnectReq()))
        world.clock.advance(1_000)
        reasons = [AbortReason.USERREQ, AbortReason.DISCONNECT]
        told = [*world.at_client(), *world.at_server()]
        assert told == [SDisconnectInd(one) for one in reasons[:: 1 if by_client else -1]]
        assert world.server.session_count == 0
        assert world.client.state is ClientState.NULL


def test_a_suspended_session_resumes_and_pushes_again() -> None:
    world = World()
    session_id = world.connect()
    world.link.left.request(SSuspendReq())
    world.clock.advance(1_000)
    assert world.at_server() == [SSuspendInd(AbortReason.SUSPEND)]
    world.link.right.request((session_id, SConfirmedPushReq(1, TEXT, b"x")))
    assert world.at_server() == [SPushAbortInd(1, AbortReason.DISCONNECT, sent=False)]
    world.link.left.request(SResumeReq((("Bearer-Indication", "03"),)))
    world.clock.advance(1_000)
    assert world.at_server() == [SResumeInd((("Bearer-Indication", "03"),))]
    assert [type(one) for one in world.at_client()] == [SSuspendInd, SResumeCnf]
    world.link.right.request((session_id, SConfirmedPushReq(2, TEXT, b"x")))
    world.clock.advance(1_000)
    assert isinstance(world.at_server()[0], SConfirmedPushCnf)


def test_a_session_goes_on_from_another_address_and_no_more_from_the_old_one() -> None:
    world = World()
    session_id = world.connect()
    away = world.linked(world.client, AWAY)
    away.left.request(SResumeReq(address_changed=True))
    world.clock.advance(1_000)
    assert [type(one) for one in away.left.take()] == [SResumeCnf]
    session = world.server.session(session_id)
    assert session is not None
    assert session.state is ServerState.CONNECTED
    assert session.address == AWAY
    away.right.request((session_id, SConfirmedPushReq(1, TEXT, b"x")))
    world.clock.advance(1_000)
    assert isinstance(world.at_server()[-1], SConfirmedPushCnf)
    # The old address may no longer end it.
    world.link.right.receive(bytes.fromhex("0e70040005a434"))
    assert world.server.session_count == 1


def test_a_resume_of_an_unknown_session_ends_it_at_the_client() -> None:
    world = World()
    world.connect()
    world.link.left.request(SSuspendReq())
    world.clock.advance(1_000)
    world.link.right.request((0x1234, SDisconnectReq()))
    world.forget()
    world.link.left.request(SResumeReq())
    world.clock.advance(1_000)
    assert world.at_client() == [SDisconnectInd(AbortReason.DISCONNECT)]


def test_a_second_connect_of_one_address_replaces_the_session() -> None:
    world = World()
    world.connect()
    fresh = WspClient(ClientSettings(), LONG_AGO, first_transaction_id=500)
    link = world.linked(fresh, HOME)
    link.left.request(SConnectReq(WANTED, HEADERS))
    world.clock.advance(1_000)
    assert SDisconnectInd(AbortReason.DISCONNECT) in world.at_server()
    assert world.server.session_count == 1
    assert fresh.state is ClientState.CONNECTED
    assert fresh.session_id == 0x1235


def test_sessions_are_bounded_and_a_resting_one_makes_room() -> None:
    world = World(server_settings=WspServerSettings(maximum_sessions=1))
    world.connect()
    other = WspClient(ClientSettings(), LONG_AGO)
    link = world.linked(other, AWAY)
    link.left.request(SConnectReq(WANTED, HEADERS))
    world.clock.advance(1_000)
    assert link.left.take() == [SDisconnectInd(AbortReason.CONGESTION)]
    world.link.left.request(SSuspendReq())
    world.clock.advance(1_000)
    link.left.request(SConnectReq(WANTED, HEADERS))
    world.clock.advance(1_000)
    assert isinstance(link.left.take()[0], SConnectCnf)
    assert world.server.session_count == 1


def test_a_stranger_is_ignored_when_no_peer_can_be_forgotten() -> None:
    world = World(server_settings=WspServerSettings(maximum_peers=1))
    world.connect()
    other = WspClient(ClientSettings(), LONG_AGO)
    link = world.linked(other, AWAY)
    link.left.request(SConnectReq(WANTED, HEADERS))
    world.clock.advance(HOUR_MS)
    assert world.server.session_count == 1
    [ended] = link.left.take()
    assert isinstance(ended, SDisconnectInd)
    assert reason_name(ended.reason) == "NORESPONSE"


def test_a_method_is_answered_501_where_nobody_serves_methods() -> None:
    world = World()
    world.connect()
    world.link.left.request(SMethodInvokeReq(1, Get("http://www.example.com/a")))
    world.clock.advance(10_000)
    [result] = [one for one in world.at_client() if isinstance(one, SMethodResultInd)]
    assert result.reply.status == 501
    assert world.at_server() == []


def test_a_method_is_served_where_somebody_does() -> None:
    settings_ = WspServerSettings(
        session=ServerSettings(capabilities=Capabilities(method_mor=2), refuse_methods=False)
    )
    world = World(server_settings=settings_)
    session_id = world.connect()
    question = Post("http://www.example.com/a", TEXT, b"?")
    world.link.left.request(SMethodInvokeReq(9, question))
    world.link.left.request(SMethodInvokeReq(10, question))
    world.link.left.request(SMethodInvokeReq(11, question))
    world.clock.advance(10_000)
    assert world.at_server() == [SMethodInvokeInd(1, question), SMethodInvokeInd(2, question)]
    reply = Reply(200, TEXT, b"!")
    world.link.right.request((session_id, SMethodResultReq(1, reply)))
    world.clock.advance(10_000)
    told = world.at_client()
    assert SMethodAbortInd(11, AbortReason.MOREXCEEDED) in told
    assert SMethodInvokeCnf(9) in told
    assert SMethodResultInd(9, reply) in told
    assert world.at_server() == [SMethodResultCnf(1)]


def test_a_large_confirmed_push_is_segmented_and_arrives_whole() -> None:
    small = WtpSettings(segment_size=100, maximum_group=300)
    world = World(
        Faults(latency_ms=30, jitter_ms=60, loss=0.2, duplication=0.2),
        seed=3,
        server_settings=WspServerSettings(wtp=small),
    )
    session_id = world.connect()
    body = bytes(range(256)) * 20
    world.link.right.request((session_id, SConfirmedPushReq(1, TEXT, body)))
    world.clock.advance(HOUR_MS)
    assert world.at_client() == [SConfirmedPushInd(1, TEXT, body)]
    assert isinstance(world.at_server()[0], SConfirmedPushCnf)


@settings(max_examples=50, deadline=None)
@given(
    faults=st.builds(
        Faults,
        latency_ms=st.integers(1, 300),
        jitter_ms=st.integers(0, 1_000),
        loss=st.floats(0, 0.5),
        duplication=st.floats(0, 0.4),
    ),
    seed=st.integers(0, 1 << 30),
    sizes=st.lists(st.integers(0, 600), min_size=1, max_size=10),
    trusting=st.booleans(),
    disturbance=st.sampled_from(["none", "suspend", "disconnect", "resume", "break"]),
)
def test_each_confirmed_push_ends_once_and_is_indicated_at_most_once(
    faults: Faults, seed: int, sizes: list[int], trusting: bool, disturbance: str
) -> None:
    small = WspServerSettings(wtp=WtpSettings(segment_size=100, maximum_group=300))
    world = World(faults, seed, small, trusting=trusting)
    world.link.left.request(SConnectReq(WANTED, HEADERS))
    world.clock.advance(60_000)
    bodies = {push_id: bytes((push_id,)) * (size + 1) for push_id, size in enumerate(sizes)}
    for push_id, body in bodies.items():
        world.link.right.request((0x1234, SConfirmedPushReq(push_id, TEXT, body)))
        world.clock.advance(100)
    match disturbance:
        case "suspend":
            world.link.left.request(SSuspendReq())
        case "disconnect":
            world.link.left.request(SDisconnectReq())
        case "resume":
            world.link.left.request(SResumeReq())
        case "break":
            world.link.is_broken = True
    world.clock.advance(HOUR_MS)
    if world.server.session_count:
        world.link.right.request((0x1234, SDisconnectReq()))
    at_server, at_client = world.at_server(), world.at_client()
    ended = [one.push_id for one in at_server if isinstance(one, SConfirmedPushCnf | SPushAbortInd)]
    assert sorted(ended) == sorted(bodies)
    indicated = Counter(one.body for one in at_client if isinstance(one, SConfirmedPushInd))
    assert set(indicated) <= set(bodies.values())
    assert all(count == 1 for count in indicated.values())
    for one in at_server:
        if isinstance(one, SConfirmedPushCnf):
            assert indicated[bodies[one.push_id]] == 1
    world.clock.advance(HOUR_MS)
    assert world.server.session_count == 0
    assert world.server.next_timer() is None
