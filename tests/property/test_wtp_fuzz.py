"""Whatever a peer sends over WTP and WSP: nothing raised, everything bounded, everything ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.errors import DecodeError
from omapush.core.instants import Instant, later
from omapush.protocols.wsp.capabilities import Capabilities, ProtocolOption
from omapush.protocols.wsp.session_client import ClientSettings, WspClient
from omapush.protocols.wsp.session_primitives import (
    SConfirmedPushCnf,
    SConfirmedPushReq,
    SConnectInd,
    SConnectReq,
    SConnectRes,
    SDisconnectReq,
    SPushAbortInd,
    SResumeInd,
    SResumeRes,
)
from omapush.protocols.wsp.sessions import WspServer, WspServerSettings
from omapush.protocols.wtp.endpoint import WtpEndpoint
from omapush.protocols.wtp.explain import explain
from omapush.protocols.wtp.pdu import decode, encode
from omapush.protocols.wtp.primitives import (
    Handle,
    TrAbortInd,
    TrInvokeCnf,
    TrInvokeInd,
    TrInvokeReq,
)
from omapush.protocols.wtp.settings import WtpSettings
from omapush.protocols.wtp.tid import TransactionIdCache

T = TypeVar("T")

NOW = Instant(1_700_000_000_000)
LONG_AGO = later(NOW, -3_600_000)
SMALL = WtpSettings(
    segment_size=4,
    maximum_group=8,
    maximum_message_size=64,
    maximum_transactions=4,
    maximum_remembered=4,
)

# Octets that look like WTP: any type and flags, few identifiers, some TPIs, some WSP.
first_octets = st.integers(0, 255)
identifiers = st.sampled_from(["0000", "0001", "0002", "8000", "8001", "8002", "7fff", "ffff"])
tails = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [
            bytes.fromhex("120110000000"),
            bytes.fromhex("12011000050382e0"),
            bytes.fromhex("1209a43400"),
            bytes.fromhex("0008a434"),
            bytes.fromhex("0005a434"),
            bytes.fromhex("02a4340000"),
            bytes.fromhex("02a43404000382f000"),
            bytes.fromhex("1107018068"),
            bytes.fromhex("0006018068"),
            bytes.fromhex("0420018000"),
            bytes.fromhex("12400d687474703a2f2f612e622f632f64"),
        ]
    ),
)


@st.composite
def pdus(draw: st.DrawFn) -> bytes:
    octet = draw(first_octets)
    return bytes((octet,)) + bytes.fromhex(draw(identifiers)) + draw(tails)


@st.composite
def concatenations(draw: st.DrawFn) -> bytes:
    parts = draw(st.lists(pdus(), max_size=4))
    return b"\0" + b"".join(bytes((len(part),)) + part for part in parts)


datagrams = st.one_of(st.binary(max_size=30), pdus(), pdus(), concatenations())
steps = st.lists(st.one_of(datagrams, st.integers(0, 20_000)), max_size=30)


def refusal_or(read: Callable[[bytes], T], octets: bytes) -> T | DecodeError:
    try:
        return read(octets)
    except DecodeError as error:
        return error


@settings(max_examples=200)
@given(datagrams)
def test_pdu_is_read_and_written_alike_or_refused(octets: bytes) -> None:
    read = refusal_or(decode, octets)
    explained = refusal_or(explain, octets)
    for refused in (read, explained):
        if isinstance(refused, DecodeError):
            assert refused.layer == "wtp"
            assert isinstance(refused.position, int)
            assert 0 <= refused.position <= len(octets)
    if not isinstance(read, DecodeError):
        assert decode(encode(read)) == read
        assert not isinstance(explained, DecodeError)
        assert explained.octets == octets


@settings(max_examples=100, deadline=None)
@given(steps, st.booleans())
def test_endpoint_ends_each_message_of_its_user_once_whatever_comes(
    what: list[bytes | int], trusting: bool
) -> None:
    started = LONG_AGO if trusting else NOW
    endpoint = WtpEndpoint(SMALL, TransactionIdCache(2, 300_000, started), "peer")
    now = NOW
    for number in (1, 2):
        endpoint.request(TrInvokeReq(Handle(number), 1, b"0123456789"), now)
    told = []
    for one in what:
        if isinstance(one, int):
            now = later(now, one)
            endpoint.handle_timer(now)
        else:
            endpoint.receive(one, now)
            assert len(endpoint.effects()) <= 8 * 32
        told += endpoint.indications()
    while (due := endpoint.next_timer()) is not None:
        endpoint.handle_timer(due)
        told += endpoint.indications()
    ended = [one.handle for one in told if isinstance(one, TrInvokeCnf | TrAbortInd)]
    assert sorted(handle for handle in ended if handle > 0) == [1, 2]
    assert all(len(one.data) <= 64 for one in told if isinstance(one, TrInvokeInd))
    assert endpoint.is_idle


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.one_of(datagrams, st.just(7_000)))))
def test_server_of_sessions_stays_bounded_and_ends_each_push_whatever_comes(
    what: list[tuple[str, bytes | int]],
) -> None:
    ids = itertools.count(0x1234)
    server = WspServer(
        WspServerSettings(wtp=SMALL, maximum_peers=2, maximum_sessions=2),
        lambda: next(ids),
        LONG_AGO,
    )
    now = NOW
    asked, ended = 0, 0
    server.receive("a", bytes.fromhex("0e00051201100400" + "0382e0".rjust(8, "0")), now)
    for peer, one in what:
        if isinstance(one, int):
            now = later(now, one)
            server.handle_timer(now)
        else:
            server.receive(peer, one, now)
        for told in server.indications():
            match told.primitive:
                case SConnectInd() if told.session_id is not None:
                    server.request(told.session_id, SConnectRes(), now)
                    push = SConfirmedPushReq(asked, (("Content-Type", "text/plain"),), b"x")
                    server.request(told.session_id, push, now)
                    asked += 1
                case SResumeInd() if told.session_id is not None:
                    server.request(told.session_id, SResumeRes(), now)
                case SConfirmedPushCnf() | SPushAbortInd():
                    ended += 1
        server.effects()
        assert server.session_count <= 2
    for session_id in range(0x1234, next(ids)):
        server.request(session_id, SDisconnectReq(), now)
    while (due := server.next_timer()) is not None:
        server.handle_timer(due)
    ended += sum(
        isinstance(told.primitive, SConfirmedPushCnf | SPushAbortInd)
        for told in server.indications()
    )
    assert ended == asked
    assert server.session_count == 0


@settings(max_examples=100, deadline=None)
@given(steps)
def test_client_of_a_session_raises_nothing_and_comes_to_rest_whatever_comes(
    what: list[bytes | int],
) -> None:
    client = WspClient(ClientSettings(wtp=SMALL), LONG_AGO)
    options = ProtocolOption.PUSH | ProtocolOption.CONFIRMED_PUSH | ProtocolOption.SESSION_RESUME
    now = NOW
    client.request(SConnectReq(Capabilities(protocol_options=options)), now)
    client.receive(bytes.fromhex("16800002a4340000"), now)
    for one in what:
        if isinstance(one, int):
            now = later(now, one)
            client.handle_timer(now)
        else:
            client.receive(one, now)
        client.effects()
        client.indications()
    while (due := client.next_timer()) is not None:
        client.handle_timer(due)
