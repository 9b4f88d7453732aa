"""Whatever comes: short messages are read or refused, and datagrams come back whole or not."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.content import session_initiation
from omapush.content.application_id import ApplicationId
from omapush.content.session_initiation import SessionInitiation
from omapush.core.errors import DecodeError, EncodeError
from omapush.core.instants import Instant
from omapush.core.octets import OctetReader
from omapush.protocols import wcmp, wdp
from omapush.protocols.sms import alphabet, explain, reading, user_data_header
from omapush.protocols.sms.reassembly import Datagram, Reassembler, ReassemblyLimits
from omapush.protocols.sms.segmentation import MAXIMUM, segment, segment_count
from omapush.protocols.sms.tpdu import Direction
from omapush.protocols.sms.user_data import UserData
from omapush.protocols.sms.user_data_header import (
    ApplicationPorts,
    Concatenation,
    InformationElement,
    UserDataHeader,
)
from omapush.protocols.wdp import AddressType

NOW = Instant(0)
BITS = st.sampled_from([8, 16])
TEXTS = st.text(
    st.sampled_from(alphabet.DEFAULT.replace("\x1b", "") + "".join(alphabet.EXTENSION.values())),
    max_size=70,
)
HEADERS = st.none() | st.lists(
    st.builds(Concatenation, st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), BITS)
    | st.builds(ApplicationPorts, st.integers(0, 255), st.integers(0, 255), BITS)
    | st.builds(InformationElement, st.sampled_from([0x09, 0x24, 0x70]), st.binary(max_size=9)),
    max_size=4,
).map(lambda elements: UserDataHeader(tuple(elements)))


@given(st.binary(max_size=900), st.data(), BITS, st.integers(14, MAXIMUM))
@settings(max_examples=80, deadline=None)
def test_datagram_comes_back_from_its_segments_in_any_order_or_not_at_all(
    payload: bytes, data: st.DataObject, bits: int, maximum: int
) -> None:
    if segment_count(len(payload), bits, maximum) > 60:
        maximum = MAXIMUM
    segments = segment(payload, 2948, 9200, 7, bits, maximum)
    assert len(segments) == segment_count(len(payload), bits, maximum)
    assert all(len(one) <= maximum for one in segments)
    indexes = st.integers(0, len(segments) - 1)
    order = data.draw(
        st.permutations(range(len(segments))) | st.lists(indexes, max_size=2 * len(segments))
    )
    machine = Reassembler()
    received = [machine.receive("+358401", segments[index], NOW) for index in order]
    whole = [datagram for datagram in received if datagram is not None]
    assert all(one.payload == payload for one in whole)
    if len(segments) > 1:
        assert len(whole) == (1 if set(order) == set(range(len(segments))) else 0)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.integers(0, 3)), max_size=60)
)
@settings(max_examples=80, deadline=None)
def test_reassembler_keeps_its_bounds_whatever_comes(steps: list[tuple[str, int, int]]) -> None:
    limits = ReassemblyLimits(
        timeout_ms=10, duplicates_ms=5, originator_datagrams=2, datagrams=3, octets=900
    )
    machine = Reassembler(limits)
    payloads = [bytes([number]) * 300 for number in range(6)]
    for now, (source, number, index) in enumerate(steps):
        segments = segment(payloads[number], 2948, 9200, number)
        datagram = quietly(machine, source, segments[index % 3], Instant(now))
        assert datagram is None or datagram.payload == payloads[number]
        assert machine.open_datagrams <= 3
        assert machine.octets <= 900
    end = Instant(len(steps) + 10)
    machine.handle_timer(end)
    assert (machine.open_datagrams, machine.octets, machine.next_timer()) == (0, 0, None)


def quietly(machine: Reassembler, source: str, octets: bytes, now: Instant) -> Datagram | None:
    try:
        return machine.receive(source, octets, now)
    except DecodeError:
        return None


@given(TEXTS, HEADERS)
@settings(max_examples=80, deadline=None)
def test_text_comes_back_from_user_data(text: str, header: UserDataHeader | None) -> None:
    try:
        data = UserData.of_text(text, header)
    except EncodeError:
        return
    assert (data.text, data.header) == (text, header)
    assert len(data.octets) <= MAXIMUM


def read_tpdu(direction: Direction, *, refusal: bool) -> Callable[[bytes], Any]:
    def read(octets: bytes) -> None:
        message = reading.decode(octets, direction, refusal=refusal)
        tree = explain.explain(octets, direction, refusal=refusal)
        assert b"".join(child.octets for child in tree.children) == octets
        again = reading.decode(message.encode(), direction, refusal=refusal)
        assert again == message

    return read


DECODERS: dict[str, Callable[[bytes], Any]] = {
    f"{direction.name} refusal={refusal}": read_tpdu(direction, refusal=refusal)
    for direction in Direction
    for refusal in (False, True)
} | {
    "service centre": reading.decode_with_service_centre,
    "user data header": user_data_header.split,
    "explained user data": explain.explain_user_data,
    "wcmp": lambda octets: wcmp.decode(wcmp.decode(octets).encode()),
    "address type": lambda octets: wdp.read_address_type(OctetReader(octets)).text,
    "sir": session_initiation.decode,
    "explained sir": session_initiation.explain_session_initiation,
    "reassembler": lambda octets: Reassembler().receive("x", octets, NOW),
    "septets": alphabet.decode_septets,
    "septets packed": lambda octets: alphabet.unpack(octets, 160, 3),
}
# Valid beginnings lead deeper than chance does.
BEGINNINGS = [
    b"", b"\x44\x05\x81\x21\x43\xf5\x00", b"\x11\x00\x04\x81\x21\x43", b"\x02\x00\x02\x81\x21",
    b"\x40\x04\x81\x21\x43\x00\x00" + bytes(7), b"\x00\x07", b"\x01\xc0\x07" + bytes(7),
    b"\x06\x05\x04", b"\x33\x04\x0b\x84\x23\xf0\x03", b"\x01\x04\xb2\x84\xb2\x82",
    b"\x00\x00\x16\xcd\x0a9201", b"\xc4\x0b",
]  # fmt: skip
OCTETS = st.builds(bytes.__add__, st.sampled_from(BEGINNINGS), st.binary(max_size=180))


@pytest.mark.parametrize("name", DECODERS)
def test_decoder_accepts_or_refuses_with_the_documented_error(name: str) -> None:
    @given(OCTETS)
    @settings(max_examples=120, deadline=None)
    def run(octets: bytes) -> None:
        with contextlib.suppress(DecodeError):
            DECODERS[name](octets)

    run()


CONTACTS = st.lists(
    st.builds(
        AddressType,
        st.binary(max_size=63),
        st.none() | st.integers(0, 255),
        st.none() | st.integers(0, 65_535),
    ),
    max_size=3,
).map(tuple)
REQUESTS = st.builds(
    SessionInitiation,
    st.lists(
        st.integers(0, 1 << 40).map(lambda code: ApplicationId(None, code))
        | st.sampled_from(["x-acme:one", "urn:x:y"]).map(lambda uri: ApplicationId(uri, None)),
        max_size=4,
    ).map(tuple),
    CONTACTS,
    CONTACTS,
    st.lists(st.integers(0, 1 << 32) | st.integers(0, 2), max_size=4).map(tuple),
    st.binary(max_size=40),
    st.lists(st.binary(min_size=4, max_size=4), max_size=3).map(tuple),
)


@given(REQUESTS, st.booleans())
@settings(max_examples=80, deadline=None)
def test_session_initiation_is_read_as_it_was_written(
    request_: SessionInitiation, complete: bool
) -> None:
    try:
        octets = request_.encode(complete=complete)
    except EncodeError:
        assert any(option > 0xFFFF_FFFF for option in request_.protocol_options)
        return
    read = session_initiation.decode(octets)
    assert read.encode(complete=complete) == octets
    assert len(read.ota_http_contact_points()) <= len(request_.contact_points)
