"""Two ends of SIP over real sockets of this machine: UDP, TCP and TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count

import pytest

from omapush.bearers import tcp_link
from omapush.bearers.sip_core import SipCoreBearer
from omapush.bearers.sip_settings import Listen, TransportSettings
from omapush.bearers.sip_trust import SipTrust, SourceRates
from omapush.bearers.tcp_listener import ListenLimits
from omapush.core.instants import Instant
from omapush.core.trace import TraceRecord
from omapush.daemon.clock import SystemClock
from omapush.ota.interface import BearerUnavailable
from omapush.ota.sip.core import Answer, NoFinalAnswer, Origin
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.protocols.sip.primitives import EndpointSettings
from omapush.protocols.sip.stream import StreamLimits
from omapush.protocols.sip.timers import SipTimers
from omapush.testing.authority import Authority
from omapush.testing.daemons import free_udp_port

HOST = "127.0.0.1"
ALL = [Transport.UDP, Transport.TCP, Transport.TLS]
LOOPBACK = SipTrust((ipaddress.ip_network("127.0.0.0/8"),))
FAST = EndpointSettings(timers=SipTimers(t1_ms=10, t2_ms=40, t4_ms=50))


class Server:
    """Answers requests as it is told and notes what it hears."""

    def __init__(self, status: int | None = 200) -> None:
        self.status = status
        self.requests: list[SipRequest] = []
        self.origins: list[Origin] = []
        self.answers: list[Answer] = []
        self.told: asyncio.Queue[str] = asyncio.Queue()

    def arrived(self, request: SipRequest, origin: Origin, answer: Answer) -> None:
        self.requests.append(request)
        self.origins.append(origin)
        self.answers.append(answer)
        self.told.put_nowait(request.method)
        if self.status is not None:
            contact = ("Contact", f"<sip:{HOST}>")
            answer(SipResponse(self.status, "Noted", SipHeaders((contact,))))

    def acknowledged(self, ack: SipRequest) -> None:
        self.told.put_nowait("ACK")

    def unacknowledged(self, invite: SipRequest, response: SipResponse) -> None:
        self.told.put_nowait("no ACK")

    def cancelled(self, invite: SipRequest) -> None:
        self.told.put_nowait("CANCEL")


class FlowEnd:
    """Waits for the end of a flow."""

    def __init__(self) -> None:
        self.reasons: asyncio.Queue[str] = asyncio.Queue()

    def lost(self, reason: str) -> None:
        self.reasons.put_nowait(reason)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("sip_authority"))
    made.sign("core", "DNS:core.push.test,IP:127.0.0.1")
    made.sign("other", "DNS:other.push.test")
    return made


@pytest.fixture(scope="module")
def listening_tls(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.folder / "core.pem", authority.folder / "core.key")
    context.load_verify_locations(authority.folder / "ca.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


@pytest.fixture(scope="module")
def dialling_tls(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority.folder / "ca.pem")


NOWHERE = Hop(Transport.TCP, "192.0.2.1", 5060)


@contextlib.asynccontextmanager
async def running(
    settings: TransportSettings,
    traces: list[TraceRecord] | None = None,
    endpoint: EndpointSettings | None = None,
) -> AsyncIterator[SipCoreBearer]:
    bearer = SipCoreBearer(
        settings, SystemClock(), None if traces is None else traces.append, endpoint
    )
    await bearer.open()
    try:
        yield bearer
    finally:
        await bearer.close("the test is over")


@contextlib.asynccontextmanager
async def pair(
    transport: Transport,
    listening_tls: ssl.SSLContext | None = None,
    dialling_tls: ssl.SSLContext | None = None,
    *,
    endpoint: EndpointSettings | None = None,
) -> AsyncIterator[tuple[SipCoreBearer, SipCoreBearer, Server]]:
    """Give an end that listens, with its server, and one whose core it is."""
    listening = TransportSettings(
        NOWHERE,
        (Listen(transport, HOST, 0),),
        listening_tls=listening_tls,
        trust=LOOPBACK,
    )
    async with running(listening, endpoint=endpoint) as far:
        far.serve(server := Server())
        core = Hop(transport, HOST, far.port(transport) or 0)
        listen = (Listen(Transport.UDP, HOST, 0),) if transport is Transport.UDP else ()
        own = TransportSettings(core, listen, dialling_tls=dialling_tls)
        async with running(own, endpoint=endpoint) as near:
            yield far, near, server


CALLS = count(1)


def request(
    method: str = "MESSAGE", body: bytes = b"hello", *, to: str = "", call: str = ""
) -> SipRequest:
    return SipRequest(
        method,
        "sip:alice@push.test",
        SipHeaders(
            (
                ("From", "<sip:ppg@push.test>;tag=f"),
                ("To", to or "<sip:alice@push.test>"),
                ("Call-ID", call or f"call-{next(CALLS)}"),
                ("CSeq", f"1 {method}"),
                ("Contact", f"<sip:{HOST}>"),
                ("Content-Type", "application/octet-stream"),
            )
        ),
        body,
    )


@pytest.mark.parametrize("transport", ALL)
async def test_end_sends_request_and_gets_final_answer(
    transport: Transport, listening_tls: ssl.SSLContext, dialling_tls: ssl.SSLContext
) -> None:
    async with pair(transport, listening_tls, dialling_tls) as (_, near, server):
        body = bytes(range(256)) + b"\r\n\r\n"

        response = await near.send(request(body=body))

        assert response.status == 200
        assert [one.body for one in server.requests] == [body]
        assert server.origins[0].hop.transport is transport
        assert server.origins[0].is_trusted
        via = server.requests[0].headers.first("Via") or ""
        assert via.startswith(f"SIP/2.0/{transport.value} {near.contact()};")


async def test_end_sends_many_requests_by_one_connection() -> None:
    async with pair(Transport.TCP) as (_, near, server):
        many = [request(body=b"%d" % number) for number in range(50)]

        responses = await asyncio.gather(*(near.send(one) for one in many))

        assert {one.status for one in responses} == {200}
        assert len({origin.hop for origin in server.origins}) == 1


async def test_request_goes_over_the_flow_to_an_end_that_does_not_listen(
    listening_tls: ssl.SSLContext, dialling_tls: ssl.SSLContext
) -> None:
    for transport in (Transport.TCP, Transport.TLS):
        async with pair(transport, listening_tls, dialling_tls) as (far, near, server):
            near.serve(client := Server())
            await near.open_flow(FlowEnd())
            await near.send(request("REGISTER"))

            response = await far.send(request(), server.origins[0].hop)

            assert response.status == 200
            assert client.origins[0].is_trusted  # it came by the connection to the core


async def test_long_request_goes_by_tcp_where_the_core_takes_that() -> None:
    port = free_udp_port()
    both = (Listen(Transport.UDP, HOST, port), Listen(Transport.TCP, HOST, port))
    async with running(TransportSettings(NOWHERE, both)) as far:
        far.serve(server := Server())
        core = Hop(Transport.UDP, HOST, port)
        async with running(TransportSettings(core)) as near:
            await near.send(request(body=bytes(500)))
            await near.send(request(body=bytes(1_301)))

    assert [one.hop.transport for one in server.origins] == [Transport.UDP, Transport.TCP]


async def test_long_request_goes_by_udp_where_tcp_is_refused() -> None:
    async with pair(Transport.UDP) as (_, near, server):
        response = await near.send(request(body=bytes(4_000)))

        assert response.status == 200
        assert server.origins[0].hop.transport is Transport.UDP


async def test_size_of_request_is_what_leaves() -> None:
    async with pair(Transport.UDP) as (_, near, _server):
        empty, some = (near.request_size(request(body=bytes(size))) for size in (0, 9))

        assert some == empty + 9


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_invite_is_answered_and_acknowledged(transport: Transport) -> None:
    async with pair(transport) as (_, near, server):
        response = await near.invite(request("INVITE", call="invited"))
        to = response.headers.first("To") or ""
        near.acknowledge(request("ACK", b"", to=to, call="invited"))

        assert [await server.told.get() for _ in range(2)] == ["INVITE", "ACK"]


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_invite_of_caller_who_gives_up_is_cancelled(transport: Transport) -> None:
    async with pair(transport) as (_, near, server):
        server.status = None
        inviting = asyncio.create_task(near.invite(request("INVITE")))
        assert await server.told.get() == "INVITE"
        server.answers[0](SipResponse(180, "Ringing"))

        inviting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await inviting

        assert await server.told.get() == "CANCEL"


async def test_request_without_answer_fails_in_time() -> None:
    async with pair(Transport.TCP, endpoint=FAST) as (_, near, server):
        server.status = None
        with pytest.raises(NoFinalAnswer):
            await near.send(request(), within_ms=50)
        with pytest.raises(NoFinalAnswer):
            await near.send(request())  # by timer F

        server.answers[0](SipResponse(200, "Too late"))
        server.status = 200
        assert (await near.send(request("OPTIONS"))).status == 200


async def test_request_is_repeated_where_nobody_hears_it() -> None:
    heard: list[bytes] = []

    class Deaf(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            heard.append(data)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Deaf, local_addr=(HOST, 0))
    core = Hop(Transport.UDP, HOST, transport.get_extra_info("sockname")[1])
    async with running(TransportSettings(core), endpoint=FAST) as near:
        with pytest.raises(NoFinalAnswer):
            await near.send(request())
    transport.close()

    assert len(heard) > 3
    assert len(set(heard)) == 1


async def test_refused_connection_is_bearer_unavailable() -> None:
    core = Hop(Transport.TCP, HOST, free_udp_port())
    async with running(TransportSettings(core)) as near:
        with pytest.raises(BearerUnavailable, match="refused") as caught:
            await near.send(request())
        assert not isinstance(caught.value, NoFinalAnswer)
        with pytest.raises(BearerUnavailable):
            await near.open_flow(FlowEnd())


async def test_name_that_leads_nowhere_is_bearer_unavailable() -> None:
    core = Hop(Transport.UDP, "nowhere.invalid", 5060)
    async with running(TransportSettings(core)) as near:
        with pytest.raises(BearerUnavailable):
            await near.send(request())


async def test_core_is_found_by_name() -> None:
    async with pair(Transport.UDP) as (far, _near, server):
        core = Hop(Transport.UDP, "localhost", far.port(Transport.UDP) or 0)
        async with running(TransportSettings(core)) as near:
            assert (await near.send(request())).status == 200
            assert (await near.invite(request("INVITE"))).status == 200
            near.acknowledge(request("ACK", b""))
            assert len(server.requests) == 2


async def test_requests_under_way_fail_when_connection_breaks() -> None:
    async with pair(Transport.TCP) as (far, near, server):
        server.status = None
        flow = FlowEnd()
        await near.open_flow(flow)
        sending = asyncio.create_task(near.send(request()))
        await server.told.get()

        await far.close("restart")

        with pytest.raises(BearerUnavailable):
            await sending
        assert await flow.reasons.get()


async def test_flow_is_opened_again_after_it_was_lost() -> None:
    port = free_udp_port()
    listening = TransportSettings(NOWHERE, (Listen(Transport.TCP, HOST, port),))
    async with running(TransportSettings(Hop(Transport.TCP, HOST, port))) as near:
        flow = FlowEnd()
        for _ in range(2):
            async with running(listening) as far:
                far.serve(Server())
                await near.open_flow(flow)
                assert (await near.send(request())).status == 200
            assert await flow.reasons.get()


# -- TLS --


async def test_certificate_of_another_is_refused(
    listening_tls: ssl.SSLContext, dialling_tls: ssl.SSLContext
) -> None:
    async with pair(Transport.TLS, listening_tls, dialling_tls) as (far, _near, server):
        core = Hop(Transport.TLS, HOST, far.port(Transport.TLS) or 0)
        wrong = TransportSettings(core, dialling_tls=dialling_tls, core_name="other.push.test")
        async with running(wrong) as near:
            with pytest.raises(BearerUnavailable, match="TLS"):
                await near.send(request())
            with pytest.raises(BearerUnavailable):
                await near.open_flow(FlowEnd())
        assert server.requests == []


async def test_end_does_not_dial_by_tls_without_anything_to_verify_with() -> None:
    async with running(TransportSettings(Hop(Transport.TLS, HOST, 5061))) as near:
        with pytest.raises(BearerUnavailable, match="verify"):
            await near.send(request())


async def test_end_does_not_listen_by_tls_without_certificate() -> None:
    settings = TransportSettings(NOWHERE, (Listen(Transport.TLS, HOST, 0),))
    with pytest.raises(BearerUnavailable, match="certificate"):
        await SipCoreBearer(settings, SystemClock()).open()


async def test_whoever_shows_trusted_name_is_trusted(
    authority: Authority, listening_tls: ssl.SSLContext
) -> None:
    far_settings = TransportSettings(
        NOWHERE,
        (Listen(Transport.TLS, HOST, 0),),
        listening_tls=listening_tls,
        trust=SipTrust(names=("other.push.test",)),
    )
    shown = ssl.create_default_context(cafile=authority.folder / "ca.pem")
    shown.load_cert_chain(authority.folder / "other.pem", authority.folder / "other.key")
    async with running(far_settings) as far:
        far.serve(server := Server())
        core = Hop(Transport.TLS, HOST, far.port(Transport.TLS) or 0)
        for tls in (shown, ssl.create_default_context(cafile=authority.folder / "ca.pem")):
            async with running(TransportSettings(core, dialling_tls=tls)) as near:
                await near.send(request())

    assert [one.is_trusted for one in server.origins] == [True, False]
    assert server.origins[0].certificate is not None
    assert server.origins[1].certificate is None


# -- strangers --


async def test_core_is_trusted_by_its_address_but_strangers_are_not() -> None:
    settings = TransportSettings(NOWHERE, (Listen(Transport.UDP, HOST, 0),))
    async with running(settings) as far:
        far.serve(server := Server())
        core = Hop(Transport.UDP, HOST, far.port(Transport.UDP) or 0)
        async with running(TransportSettings(core)) as near:
            near.serve(client := Server())
            await near.send(request())
            await far.send(request(), server.origins[0].hop)

    assert not server.origins[0].is_trusted
    assert client.origins[0].is_trusted


@pytest.mark.parametrize(("status", "is_forgotten"), [(403, True), (480, False)])
async def test_stranger_who_is_refused_leaves_nothing_behind(
    status: int, is_forgotten: bool
) -> None:
    settings = TransportSettings(NOWHERE, (Listen(Transport.UDP, HOST, 0),))
    async with running(settings) as far:
        far.serve(server := Server(status))
        core = Hop(Transport.UDP, HOST, far.port(Transport.UDP) or 0)
        async with running(TransportSettings(core)) as near:
            assert (await near.invite(request("INVITE"))).status == status
        assert far._endpoint.is_idle is is_forgotten
    assert not server.origins[0].is_trusted


async def test_stream_that_is_no_sip_is_refused_and_closed() -> None:
    async with pair(Transport.TCP) as (far, near, server):
        reader, writer = await asyncio.open_connection(HOST, far.port(Transport.TCP) or 0)
        head = (
            b"MESSAGE sip:alice@push.test SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n"
            b"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\n"
        )
        writer.write(head + b"Content-Length: 99999999\r\n\r\n")
        answer = await reader.read()
        writer.close()

        assert answer.startswith(b"SIP/2.0 413 ")
        assert b"\r\nCSeq: 1 MESSAGE\r\n" in answer
        assert (await near.send(request())).status == 200
        assert len(server.requests) == 1


async def test_ping_of_peer_is_answered() -> None:
    async with pair(Transport.TCP) as (far, _near, _server):
        reader, writer = await asyncio.open_connection(HOST, far.port(Transport.TCP) or 0)
        writer.write(b"\r\n\r\n")

        assert await reader.readexactly(2) == b"\r\n"
        writer.close()


async def test_flow_is_lost_when_core_does_not_answer_pings() -> None:
    silent: list[asyncio.StreamWriter] = []

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silent.append(writer)

    server = await asyncio.start_server(accept, HOST, 0)
    core = Hop(Transport.TCP, HOST, server.sockets[0].getsockname()[1])
    settings = TransportSettings(core, flow_seconds=0.05, pong_ms=10)
    async with running(settings) as near:
        flow = FlowEnd()
        await near.open_flow(flow)

        assert await flow.reasons.get() == "its keep-alive was not answered"
    for writer in silent:
        writer.close()
    server.close()
    await server.wait_closed()


async def test_flow_timer_of_the_registrar_is_heeded() -> None:
    pinged = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        kept = [
            line
            for line in head.split("\r\n")
            if line.startswith(("Via", "From", "To", "Call-ID", "CSeq"))
        ]
        lines = ["SIP/2.0 200 OK", *kept, "Flow-Timer: 1", "Content-Length: 0", "", ""]
        writer.write("\r\n".join(lines).encode())
        if await reader.readexactly(4) == b"\r\n\r\n":
            pinged.set()
        writer.close()

    server = await asyncio.start_server(accept, HOST, 0)
    core = Hop(Transport.TCP, HOST, server.sockets[0].getsockname()[1])
    async with running(TransportSettings(core)) as near:
        await near.open_flow(FlowEnd())
        await near.send(request("REGISTER", b""))

        await pinged.wait()
    server.close()
    await server.wait_closed()


async def test_source_that_sends_too_fast_is_not_heard() -> None:
    traces: list[TraceRecord] = []
    settings = replace(
        TransportSettings(NOWHERE, (Listen(Transport.UDP, HOST, 0),)), messages_per_second=0.001
    )
    async with running(settings, traces) as far:
        far.serve(server := Server())
        core = Hop(Transport.UDP, HOST, far.port(Transport.UDP) or 0)
        async with running(TransportSettings(core), endpoint=FAST) as near:
            assert (await near.send(request())).status == 200
            with pytest.raises(NoFinalAnswer):
                await near.send(request())

    assert len(server.requests) == 1
    assert "too_fast" in [one.event for one in traces]


async def test_core_is_served_while_stranger_floods() -> None:
    core_trust = SipTrust((ipaddress.ip_network("127.0.0.2"),))
    settings = TransportSettings(
        NOWHERE, (Listen(Transport.UDP, HOST, 0),), trust=core_trust, messages_per_second=20
    )
    loop = asyncio.get_running_loop()
    async with running(settings) as far:
        far.serve(server := Server())
        at = (HOST, far.port(Transport.UDP) or 0)
        flood, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=("127.0.0.3", 0), remote_addr=at
        )
        own = (Listen(Transport.UDP, "127.0.0.2", 0),)
        async with running(TransportSettings(Hop(Transport.UDP, *at), own), endpoint=FAST) as near:
            for number in range(20):
                for each in range(50):
                    flood.sendto(
                        b"OPTIONS sip:ppg@push.test SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK"
                        b"%d.%d\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nMax-Forwards: 70\r\n"
                        b"Call-ID: %d.%d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
                        % (number, each, number, each)
                    )
                assert (await near.send(request())).status == 200
        flood.close()

    of_core = [one for one in server.origins if one.hop.host == "127.0.0.2"]
    assert len(of_core) == 20
    assert len(server.origins) - len(of_core) < 500


def test_rate_is_counted_by_source() -> None:
    rates = SourceRates(1)
    now = Instant(0)

    taken = [rates.takes(source, now) for source in ("192.0.2.1", "192.0.2.1", "192.0.2.2")]

    assert taken == [True, False, True]
    assert rates.takes("192.0.2.1", Instant(1_000))


async def test_more_connections_than_may_be_open_are_turned_away() -> None:
    limits = ListenLimits(connections=1)
    settings = TransportSettings(NOWHERE, (Listen(Transport.TCP, HOST, 0),), listen_limits=limits)
    async with running(settings) as far:
        far.serve(Server())
        core = Hop(Transport.TCP, HOST, far.port(Transport.TCP) or 0)
        async with running(TransportSettings(core)) as near:
            assert (await near.send(request())).status == 200
            reader, writer = await asyncio.open_connection(HOST, core.port)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
            assert (await near.send(request())).status == 200


async def test_no_more_is_dialled_than_may_be() -> None:
    async with pair(Transport.TCP) as (far, _near, _server):
        core = Hop(Transport.TCP, HOST, far.port(Transport.TCP) or 0)
        async with running(TransportSettings(core, max_dialled=1)) as near:
            assert (await near.send(request())).status == 200
            with pytest.raises(BearerUnavailable, match="too many"):
                await near.send(request(), Hop(Transport.TCP, HOST, 1))


async def test_taken_port_is_bearer_unavailable_and_leaves_nothing_open() -> None:
    async with pair(Transport.TCP) as (far, _near, _server):
        free = free_udp_port()
        listen = (
            Listen(Transport.UDP, HOST, free),
            Listen(Transport.TCP, HOST, far.port(Transport.TCP) or 0),
        )
        with pytest.raises(BearerUnavailable):
            await SipCoreBearer(TransportSettings(NOWHERE, listen), SystemClock()).open()
        again = TransportSettings(NOWHERE, (Listen(Transport.UDP, HOST, free),))
        async with running(again) as near:
            assert near.contact(Transport.UDP) == f"{HOST}:{free}"


async def test_unserved_end_refuses_requests_for_now() -> None:
    settings = TransportSettings(NOWHERE, (Listen(Transport.TCP, HOST, 0),))
    async with running(settings) as far:
        core = Hop(Transport.TCP, HOST, far.port(Transport.TCP) or 0)
        async with running(TransportSettings(core)) as near:
            assert (await near.send(request())).status == 503


async def test_closed_end_sends_nothing_more() -> None:
    async with pair(Transport.TCP) as (_, near, server):
        server.status = None
        sending = asyncio.create_task(near.send(request()))
        await server.told.get()

        await near.close("shutting down")

        with pytest.raises(BearerUnavailable, match="shutting down"):
            await sending
        with pytest.raises(BearerUnavailable):
            await near.send(request())


async def test_contact_names_advertised_host_and_route_of_open_address() -> None:
    core = Hop(Transport.UDP, HOST, 5060)
    open_to_all = (Listen(Transport.UDP, "0.0.0.0", 0),)
    async with running(TransportSettings(core, open_to_all)) as near:
        assert near.contact() == f"{HOST}:{near.port(Transport.UDP)}"
        assert near.contact(Transport.TCP) == near.contact()
    named = TransportSettings(core, open_to_all, advertised_host="ppg.push.test")
    async with running(named) as near:
        assert near.contact() == f"ppg.push.test:{near.port(Transport.UDP)}"


async def test_ends_reach_each_other_by_ipv6() -> None:
    settings = TransportSettings(NOWHERE, (Listen(Transport.UDP, "::1", 0),))
    async with running(settings) as far:
        far.serve(server := Server())
        core = Hop(Transport.UDP, "::1", far.port(Transport.UDP) or 0)
        async with running(TransportSettings(core)) as near:
            assert (await near.send(request())).status == 200
    assert server.origins[0].hop.host == "::1"


async def test_connection_that_rests_is_closed_and_dialled_again() -> None:
    async with pair(Transport.TCP) as (far, _near, server):
        core = Hop(Transport.TCP, HOST, far.port(Transport.TCP) or 0)
        closed = asyncio.Event()

        def note(record: TraceRecord) -> None:
            if record.event == "closed":
                closed.set()

        near = SipCoreBearer(TransportSettings(core, idle_ms=1), SystemClock(), note)
        await near.open()
        await near.send(request())
        await closed.wait()
        await near.send(request())
        await near.close("the test is over")

    assert len({one.hop.port for one in server.origins}) == 2


async def test_stream_limits_bound_the_head() -> None:
    limits = StreamLimits(head=200, body=10)
    settings = TransportSettings(NOWHERE, (Listen(Transport.TCP, HOST, 0),), stream_limits=limits)
    async with running(settings) as far:
        reader, writer = await asyncio.open_connection(HOST, far.port(Transport.TCP) or 0)
        writer.write(b"A" * 1_000)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


async def test_peer_that_does_not_read_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_link, "CLOSE_TIMEOUT_SECONDS", 0.0)
    async with pair(Transport.TCP) as (far, near, server):
        reader, writer = await asyncio.open_connection(HOST, far.port(Transport.TCP) or 0)
        writer.write(
            b"OPTIONS sip:ppg@push.test SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n"
            b"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
            b"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
        await server.told.get()
        hop = server.origins[0].hop
        many = [far.send(request(body=bytes(1_000_000)), hop) for _ in range(20)]

        outcomes = await asyncio.gather(*many, return_exceptions=True)

        assert all(isinstance(one, BearerUnavailable) for one in outcomes)
        writer.transport.abort()
        del reader
        assert (await near.send(request())).status == 200


async def test_request_fails_when_end_is_closed_while_it_dials() -> None:
    accepted = asyncio.Event()

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await _reader.read()
        writer.close()

    server = await asyncio.start_server(accept, HOST, 0)  # which never answers a handshake of TLS
    core = Hop(Transport.TLS, HOST, server.sockets[0].getsockname()[1])
    async with running(TransportSettings(core, dialling_tls=ssl.create_default_context())) as near:
        sending = asyncio.create_task(near.send(request()))
        await accepted.wait()
        await near.close("shutting down")

        with pytest.raises(BearerUnavailable):
            await sending
    server.close()
    await server.wait_closed()


async def test_core_that_is_a_name_is_trusted_before_anything_was_sent() -> None:
    port = free_udp_port()
    named = TransportSettings(
        Hop(Transport.UDP, "localhost", port), (Listen(Transport.UDP, HOST, 0),)
    )
    async with running(named) as gateway:
        gateway.serve(server := Server())
        core = Hop(Transport.UDP, HOST, gateway.port(Transport.UDP) or 0)
        async with running(TransportSettings(core, (Listen(Transport.UDP, HOST, port),))) as near:
            await near.send(request())

    assert server.origins[0].is_trusted


async def test_end_with_both_versions_of_ip_names_the_one_that_it_uses() -> None:
    both = (Listen(Transport.UDP, HOST, 0), Listen(Transport.UDP, "::1", 0))
    async with running(TransportSettings(NOWHERE, both)) as near:
        for host, name in ((HOST, "127.0.0.1:"), ("::1", "[::1]:")):
            listening = TransportSettings(NOWHERE, (Listen(Transport.UDP, host, 0),))
            async with running(listening) as far:
                far.serve(server := Server())
                await near.send(request(), Hop(Transport.UDP, host, far.port(Transport.UDP) or 0))
            via = server.requests[0].headers.first("Via") or ""
            assert via.startswith(f"SIP/2.0/UDP {name}")


@pytest.mark.parametrize("trust", [LOOPBACK, SipTrust()])
async def test_answer_to_lost_connection_makes_end_dial_the_core_only(trust: SipTrust) -> None:
    got: asyncio.Queue[bytes] = asyncio.Queue()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.put_nowait(await reader.readuntil(b"\r\n"))
        writer.close()

    dialled = await asyncio.start_server(accept, HOST, 0)
    via = f"{HOST}:{dialled.sockets[0].getsockname()[1]}"
    closed = asyncio.Event()

    def note(record: TraceRecord) -> None:
        if record.event == "closed":
            closed.set()

    settings = TransportSettings(NOWHERE, (Listen(Transport.TCP, HOST, 0),), trust=trust)
    far = SipCoreBearer(settings, SystemClock(), note)
    await far.open()
    far.serve(server := Server(None))
    _, writer = await asyncio.open_connection(HOST, far.port(Transport.TCP) or 0)
    writer.write(
        f"OPTIONS sip:ppg@push.test SIP/2.0\r\nVia: SIP/2.0/TCP {via};branch=z9hG4bK1\r\n"
        "From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode()
    )
    await server.told.get()
    writer.transport.abort()
    await closed.wait()

    server.answers[0](SipResponse(200, "OK"))

    if trust is LOOPBACK:
        assert await got.get() == b"SIP/2.0 200 OK\r\n"
    await far.close("the test is over")
    dialled.close()
    await dialled.wait_closed()
    assert got.empty()
