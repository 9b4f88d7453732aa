"""TLS below links: octets in any pieces, broken octets, and names of any form."""

from __future__ import annotations

import contextlib
import ssl
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omapush.bearers.tls_engine import PIECE, TlsEngine
from omapush.core.peer_certificate import PeerCertificate
from omapush.testing.authority import Authority

NAME = "ppg.example.com"
SIZES = st.lists(st.integers(1, PIECE), min_size=1, max_size=5)
MESSAGES = st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=9_000)), max_size=6)


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's."""
    folder = tmp_path_factory.mktemp("authority")
    Authority(folder).sign("gateway", f"DNS:{NAME}")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "gateway.pem", folder / "gateway.key")
    return server, ssl.create_default_context(cafile=folder / "ca.pem")


class End:
    """An engine and what came out of it."""

    def __init__(self, context: ssl.SSLContext, *, server_side: bool) -> None:
        self.engine = TlsEngine(context, server_side=server_side, server_name=NAME)
        self.is_open = False
        self.received = b""
        self._buffer = bytearray(16_384)

    def take(self, octets: bytes) -> None:
        self.engine.take(octets)
        self.is_open = self.is_open or self.engine.handshake()
        while self.is_open and (count := self.engine.read(self._buffer)):
            self.received += self._buffer[:count]


def carry(source: End, sink: End, octets: bytes, sizes: list[int]) -> None:
    """Give octets to the other end in pieces, and its answers back, until both rest."""
    while octets:
        pieces = cycle(sizes)
        while octets:
            size = next(pieces)
            sink.take(octets[:size])
            octets = octets[size:]
        source, sink, octets = sink, source, sink.engine.outgoing()


@given(messages=MESSAGES, sizes=SIZES)
def test_engines_carry_messages_whole_whatever_the_pieces(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
    messages: list[tuple[bool, bytes]],
    sizes: list[int],
) -> None:
    server, client = End(contexts[0], server_side=True), End(contexts[1], server_side=False)
    client.engine.handshake()
    carry(client, server, client.engine.outgoing(), sizes)
    assert server.is_open
    assert client.is_open
    for by_server, message in messages:
        source, sink = (server, client) if by_server else (client, server)
        carry(source, sink, source.engine.write(message), sizes)
    assert server.received == b"".join(octets for by_server, octets in messages if not by_server)
    assert client.received == b"".join(octets for by_server, octets in messages if by_server)


@given(
    broken=st.binary(max_size=200),
    at=st.integers(0, 2_000),
    server_side=st.booleans(),
    sizes=SIZES,
)
def test_engine_takes_broken_octets_or_fails_in_tls(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
    broken: bytes,
    at: int,
    sizes: list[int],
    *,
    server_side: bool,
) -> None:
    server, client = End(contexts[0], server_side=True), End(contexts[1], server_side=False)
    client.engine.handshake()
    hello = client.engine.outgoing()
    with contextlib.suppress(ssl.SSLError):
        if server_side:
            carry(client, server, hello[:at] + broken + hello[at + len(broken) :], sizes)
        else:
            server.take(hello)
            answer = server.engine.outgoing()
            carry(server, client, answer[:at] + broken + answer[at + len(broken) :], sizes)
    for end in (server, client):
        with contextlib.suppress(ssl.SSLError):
            end.engine.end()


@given(name=st.text(max_size=20), names=st.lists(st.text(max_size=20), max_size=3))
def test_certificate_is_of_its_names_only(name: str, names: list[str]) -> None:
    certificate = PeerCertificate("", tuple(each.lower() for each in names), (), tuple(names))
    if certificate.is_of(name):
        _, dot, parent = name.lower().removesuffix(".").partition(".")
        assert name.lower().removesuffix(".") in certificate.dns_names or (
            dot and f"*.{parent}" in certificate.dns_names
        )
