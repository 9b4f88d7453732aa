"""Asking name servers, over real sockets: a name server on loopback answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest

from omapush.daemon.resolution import ResolverTable, resolver_of
from omapush.pap import address as addressing
from omapush.ppg.client import Client
from omapush.ppg.recipients import Recipients
from omapush.ppg.resolution.name_servers import MAX_UDP_OCTETS, NameServers
from omapush.ppg.resolution.naptr import Naptr, NaptrAnswer
from omapush.ppg.resolution.port import (
    NOBODY,
    ClientFound,
    NotServed,
    ResolverMisconfigured,
    ResolverUnavailable,
)
from omapush.testing.daemons import free_port
from omapush.testing.virtual_clock import VirtualClock

HOME = "2.1.4.4.e164.arpa"
SIP = r'100 10 "u" "E2U+sip" "!^\\+44(.*)$!sip:\\1@example.net!" .'
SOA = "ns.example. hostmaster.example. 1 3600 600 86400 45"

Reply = Callable[[dns.message.QueryMessage, dns.message.QueryMessage], None]
"""Makes of a question and its empty answer what is answered."""


def naptr(*rules: str, name: str = HOME, ttl: int = 300) -> Reply:
    def reply(question: dns.message.QueryMessage, answer: dns.message.QueryMessage) -> None:
        answer.answer.append(dns.rrset.from_text(f"{name}.", ttl, "IN", "NAPTR", *rules))

    return reply


def nothing(rcode: dns.rcode.Rcode, ttl: int | None = None) -> Reply:
    def reply(question: dns.message.QueryMessage, answer: dns.message.QueryMessage) -> None:
        answer.set_rcode(rcode)
        if ttl is not None:
            answer.authority.append(dns.rrset.from_text("e164.arpa.", ttl, "IN", "SOA", SOA))

    return reply


class NameServer(asyncio.DatagramProtocol):
    """A name server that answers as ``replies`` says, by domain; the rest does not exist.

    :ivar before: makes of an answer what is sent over UDP before it.
    :ivar over_tcp: answers over UDP are cut short.
    """

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.questions: list[tuple[str, dns.message.QueryMessage]] = []
        self.silent = False
        self.over_tcp = False
        self.before: Callable[[dns.message.Message], bytes] | None = None
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, octets: bytes, peer: tuple[str, int]) -> None:
        answer = self.answer("udp", octets)
        if answer is None:
            return
        if self.before is not None:
            self.transport.sendto(self.before(answer), peer)
        if self.over_tcp:
            answer.flags |= dns.flags.TC
            answer.answer.clear()
        self.transport.sendto(answer.to_wire(), peer)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            size = int.from_bytes(await reader.readexactly(2), "big")
            answer = self.answer("tcp", await reader.readexactly(size))
            if answer is not None:
                octets = answer.to_wire(max_size=65_535)
                writer.write(len(octets).to_bytes(2, "big") + octets)
                await writer.drain()
        writer.close()

    def answer(self, way: str, octets: bytes) -> dns.message.QueryMessage | None:
        question = dns.message.from_wire(octets)
        assert isinstance(question, dns.message.QueryMessage)
        self.questions.append((way, question))
        if self.silent:
            return None
        answer = dns.message.make_response(question)
        assert isinstance(answer, dns.message.QueryMessage)
        asked = question.question[0].name.to_text(omit_final_dot=True)
        self.replies.get(asked, nothing(dns.rcode.NXDOMAIN, 60))(question, answer)
        return answer

    def asked(self, timeout_ms: int = 30_000) -> NameServers:
        return NameServers([("127.0.0.1", self.port)], timeout_ms)


async def both_ways(server: NameServer) -> tuple[asyncio.DatagramTransport, asyncio.Server]:
    """Have ``server`` listen on one port for UDP and TCP."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: server, local_addr=("127.0.0.1", free_port())
    )
    return transport, await asyncio.start_server(server.connected, "127.0.0.1", server.port)


@pytest.fixture
async def name_server() -> AsyncIterator[NameServer]:
    server = NameServer()
    transport, streams = await both_ways(server)
    async with streams:
        yield server
    transport.close()


async def test_records_come_as_the_name_server_gives_them(name_server: NameServer) -> None:
    name_server.replies[HOME] = naptr(SIP, '50 7 "" "" "" Other.Example.', ttl=120)
    answer = await name_server.asked().naptr(HOME)
    assert answer.life_ms == 120_000
    assert set(answer.records) == {
        Naptr(100, 10, "u", "E2U+sip", r"!^\+44(.*)$!sip:\1@example.net!"),
        Naptr(50, 7, "", "", "", "Other.Example"),
    }


async def test_question_is_recursive_and_announces_how_much_may_come(
    name_server: NameServer,
) -> None:
    await name_server.asked().naptr(HOME)
    ((way, question),) = name_server.questions
    assert way == "udp"
    assert question.flags & dns.flags.RD
    assert question.payload == MAX_UDP_OCTETS
    assert question.question[0].rdtype == dns.rdatatype.NAPTR
    assert question.question[0].name.to_text() == f"{HOME}."


async def test_answer_that_is_cut_short_is_asked_for_over_tcp(name_server: NameServer) -> None:
    rules = [f'{order} 10 "u" "E2U+sip" "!^.*$!sip:{"x" * 200}@x!" .' for order in range(200)]
    name_server.replies[HOME] = naptr(*rules)
    name_server.over_tcp = True
    answer = await name_server.asked().naptr(HOME)
    assert len(answer.records) == 200
    assert [way for way, _ in name_server.questions] == ["udp", "tcp"]


async def test_alias_is_followed_within_the_answer(name_server: NameServer) -> None:
    def reply(question: dns.message.QueryMessage, answer: dns.message.QueryMessage) -> None:
        answer.answer.append(dns.rrset.from_text(f"{HOME}.", 30, "IN", "CNAME", "b.example."))
        naptr(SIP, name="b.example")(question, answer)

    name_server.replies[HOME] = reply
    answer = await name_server.asked().naptr(HOME)
    assert (len(answer.records), answer.life_ms) == (1, 30_000)


@pytest.mark.parametrize(
    ("reply", "life_ms"),
    [
        (nothing(dns.rcode.NXDOMAIN, 3600), 45_000),  # the SOA's own minimum
        (nothing(dns.rcode.NXDOMAIN, 20), 20_000),
        (nothing(dns.rcode.NOERROR, 20), 20_000),
        (nothing(dns.rcode.NXDOMAIN), 0),
        (nothing(dns.rcode.NOERROR), 0),
    ],
)
async def test_number_that_is_not_there_has_no_records(
    name_server: NameServer, reply: Reply, life_ms: int
) -> None:
    # RFC 2308 5: for how long that is so
    name_server.replies[HOME] = reply
    assert await name_server.asked().naptr(HOME) == NaptrAnswer((), life_ms)


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP])
async def test_name_server_that_fails_says_nothing_of_the_number(
    name_server: NameServer, rcode: dns.rcode.Rcode
) -> None:
    name_server.replies[HOME] = nothing(rcode)
    with pytest.raises(ResolverUnavailable, match="NoNameservers"):
        await name_server.asked().naptr(HOME)


async def test_name_server_that_is_silent_is_unavailable(name_server: NameServer) -> None:
    name_server.silent = True
    with pytest.raises(ResolverUnavailable, match="LifetimeTimeout"):
        await name_server.asked(timeout_ms=100).naptr(HOME)


async def test_next_name_server_is_asked_when_one_fails(name_server: NameServer) -> None:
    loop = asyncio.get_running_loop()
    failing = NameServer()
    failing.replies[HOME] = nothing(dns.rcode.SERVFAIL)
    transport, _ = await loop.create_datagram_endpoint(lambda: failing, local_addr=("127.0.0.1", 0))
    name_server.replies[HOME] = naptr(SIP)
    both = NameServers([("127.0.0.1", failing.port), ("127.0.0.1", name_server.port)], 30_000)
    assert len((await both.naptr(HOME)).records) == 1
    assert (len(failing.questions), len(name_server.questions)) == (1, 1)
    transport.close()


def _forged(answer: dns.message.Message) -> bytes:
    forged = dns.message.from_wire(answer.to_wire())
    forged.id ^= 1
    forged.answer.clear()
    return forged.to_wire()


@pytest.mark.parametrize(
    "before", [_forged, lambda answer: answer.to_wire()[:-3], lambda answer: b"\x00" * 5]
)
async def test_datagram_that_is_no_answer_to_the_question_changes_nothing(
    name_server: NameServer, before: Callable[[dns.message.Message], bytes]
) -> None:
    name_server.replies[HOME] = naptr(SIP)
    name_server.before = before
    assert len((await name_server.asked().naptr(HOME)).records) == 1


@pytest.mark.parametrize("domain", ["x" * 64, ".".join(["x" * 60] * 5), "a..b"])
async def test_domain_that_dns_cannot_hold_is_unavailable(
    name_server: NameServer, domain: str
) -> None:
    with pytest.raises(ResolverUnavailable):
        await name_server.asked().naptr(domain)
    assert name_server.questions == []


def test_name_servers_are_those_of_the_system_unless_others_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[object] = []

    def find_none(resolver: dns.resolver.BaseResolver, *arguments: object) -> None:
        read.append(resolver)
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver.BaseResolver, "read_resolv_conf", find_none)
    NameServers([("192.0.2.1", 53)], 1_000)
    assert read == []
    with pytest.raises(ResolverMisconfigured, match="names no name servers"):
        NameServers([], 1_000)


async def test_settings_lead_from_a_number_through_dns_to_a_client(
    name_server: NameServer,
) -> None:
    anna = Client("anna", (addressing.parse("sip:12@example.net"),))
    table = ResolverTable.model_validate(
        {
            "kind": "enum",
            "nameservers": [f"127.0.0.1:{name_server.port}"],
            "timeout_seconds": 30,
        }
    )
    clock = VirtualClock()
    resolver = resolver_of([], [table], Recipients([anna]), clock)
    name_server.replies[HOME] = naptr(SIP, ttl=20)
    name_server.replies["3.1.4.4.e164.arpa"] = naptr(SIP, name="3.1.4.4.e164.arpa")
    wanted = [addressing.parse(text) for text in ("+4412", "tel:+4413", "+4414", "x/TYPE=USER")]
    answers = await resolver.resolve(wanted)
    assert answers[0] == ClientFound("anna")
    assert isinstance(answers[1], NotServed)
    assert answers[2:] == [NOBODY, NOBODY]
    name_server.replies[HOME] = nothing(dns.rcode.SERVFAIL)
    clock.advance(19_999)
    assert await resolver.resolve(wanted[:1]) == answers[:1]
    clock.advance(1)
    with pytest.raises(ResolverUnavailable):
        await resolver.resolve(wanted[:1])
    await resolver.close()
