"""WTP PDUs, octet for octet: the vectors were confirmed by two independent decoders."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.protocols.wtp.codes import AbortReason
from omapush.protocols.wtp.concatenation import Part, join, joined_size, split
from omapush.protocols.wtp.pdu import (
    Abort,
    Ack,
    Invoke,
    NegativeAck,
    Pdu,
    Result,
    SegmentedInvoke,
    SegmentedResult,
    VersionError,
    decode,
    encode,
)
from omapush.protocols.wtp.tpi import (
    ErrorTpi,
    FrameBoundaryTpi,
    InfoTpi,
    OptionTpi,
    PacketSequenceNumberTpi,
    SduBoundaryTpi,
    UnknownTpi,
)

CONNECT = bytes.fromhex(
    "0110113903808a7803818a780282e0028301028402b284b282b38bc394a950757368546573742f312e3000b5"
    "687474703a2f2f6465762e6578616d706c652e636f6d2f756170726f662e72646600"
)
SI = bytes.fromhex(
    "02056a0045c60d0378797a008503656d61696c2f3132332f6162632e776d6c000ac3071999"
    "062515231510c304199906300103596f7520686176652034206e657720652d6d61696c73000101"
)
CONFIRMED_PUSH = bytes.fromhex("0705aeaf82b481") + SI
PUSH = bytes.fromhex("0603aeaf82") + SI

V23 = Invoke(0x0010, 1, CONFIRMED_PUSH, user_acknowledgement=True)

VECTORS: list[tuple[str, str, Pdu]] = [
    ("V20 Connect", "0e000112", Invoke(1, 2, CONNECT, user_acknowledgement=True)),
    (
        "V21 ConnectReply",
        "16800102a43406040282c0028401c393b790",
        Result(0x8001, bytes.fromhex("02a43406040282c0028401c393b790")),
    ),
    ("V22 Ack of V21", "180001", Ack(1)),
    ("V23 ConfirmedPush", "0e001011", V23),
    (
        "V24 the same again",
        "0f001011",
        Invoke(0x0010, 1, CONFIRMED_PUSH, retransmitted=True, user_acknowledgement=True),
    ),
    ("V25 Ack of V23", "188010", Ack(0x8010)),
    (
        "V25 with acknowledgement headers",
        "9880100ac394",
        Ack(0x8010, tpis=(InfoTpi(bytes.fromhex("c394")),)),
    ),
    ("V26 refusal USERDCR", "218010ed", Abort(0x8010, 1, 0xED)),
    ("V27 Push", "0e001100", Invoke(0x0011, 0, PUSH)),
    ("V28 Suspend", "0e00020008a434", Invoke(2, 0, bytes.fromhex("08a434"))),
    (
        "V28 Resume",
        "0e00031209a43400b383",
        Invoke(3, 2, bytes.fromhex("09a43400b383"), user_acknowledgement=True),
    ),
    ("V28 Reply 200", "16800304200100", Result(0x8003, bytes.fromhex("04200100"))),
    ("V28 Disconnect", "0e00040005a434", Invoke(4, 0, bytes.fromhex("05a434"))),
    (
        "V28 Redirect",
        "16800503008400c000020a",
        Result(0x8005, bytes.fromhex("03008400c000020a")),
    ),
    (
        "V28 Reply 503",
        "1680060463018362757379",
        Result(0x8006, bytes.fromhex("0463018362757379")),
    ),
    ("V28 Ack Tve", "1c8010", Ack(0x8010, verification=True)),
    ("V28 Ack Tok", "1c0010", Ack(0x0010, verification=True)),
    ("V28 Abort INVALIDTID", "20001002", Abort(0x0010, 0, AbortReason.INVALIDTID)),
    (
        "V28 Maximum Receive Unit",
        "8e0021121301057840012f",
        Invoke(
            0x21,
            2,
            bytes.fromhex("40012f"),
            user_acknowledgement=True,
            tpis=(OptionTpi(1, b"\x05\x78"),),
        ),
    ),
    (
        "V29 packet 0",
        "080020110705aeaf82b48102056a0045c60d0378797a008503656d61696c2f3132332f6162632e776d6c000a",
        Invoke(
            0x20,
            1,
            CONFIRMED_PUSH[:40],
            group_trailer=False,
            transmission_trailer=False,
            user_acknowledgement=True,
        ),
    ),
    (
        "V29 packet 1",
        "2c002001c3071999062515231510c304199906300103596f",
        SegmentedInvoke(0x20, 1, CONFIRMED_PUSH[40:60], group_trailer=True),
    ),
    (
        "V29 packet 2",
        "2a0020027520686176652034206e657720652d6d61696c73000101",
        SegmentedInvoke(0x20, 2, CONFIRMED_PUSH[60:], transmission_trailer=True),
    ),
    ("V29 Ack", "9880201901", Ack(0x8020, tpis=(PacketSequenceNumberTpi(1),))),
    ("V29 Nack", "3880200101", NegativeAck(0x8020, (1,))),
]

OTHERS: list[Pdu] = [
    SegmentedResult(0x8001, 255, b"end", transmission_trailer=True, retransmitted=True),
    NegativeAck(0x8001, (), retransmitted=True, tpis=(PacketSequenceNumberTpi(70_000, 3),)),
    Ack(1, tpis=(ErrorTpi(1, 9), ErrorTpi(2, 3, 0xAA), InfoTpi(b"x" * 255))),
    Invoke(1, 2, b"d", tid_new=True, tpis=(SduBoundaryTpi(), FrameBoundaryTpi())),
    Result(0x8001, b"", tpis=(UnknownTpi(9, b"abcd"), OptionTpi(7, b""))),
    Abort(1, 0, 0x0A, tpis=(InfoTpi(b""),)),
]


@pytest.mark.parametrize(("octets", "pdu"), [vector[1:] for vector in VECTORS])
def test_pdu_matches_its_vector_both_ways(octets: str, pdu: Pdu) -> None:
    written = encode(pdu).hex()
    if isinstance(pdu, Invoke) and len(octets) == 8:  # the header only: the data stands above
        octets += pdu.data.hex()
    assert written == octets
    assert decode(bytes.fromhex(octets)) == pdu


@pytest.mark.parametrize("pdu", OTHERS)
def test_pdu_is_read_as_it_was_written(pdu: Pdu) -> None:
    assert decode(encode(pdu)) == pdu


@pytest.mark.parametrize(
    ("octets", "position"),
    [
        ("", 0),
        ("0e", 1),
        ("0e0001", 3),
        ("0e000113", 3),  # class 3
        ("400001", 0),  # type 8
        ("000001", 0),  # type 0
        ("200001", 3),
        ("3800010301", 4),
        ("980001", 3),
        ("98000112", 4),
        ("980001141001", 5),  # a long TPI that says 16 octets
        ("980001" + "88" * 3, 6),  # each TPI announces another
    ],
)
def test_pdu_that_is_cut_or_nonsense_is_refused_with_its_place(octets: str, position: int) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(bytes.fromhex(octets))
    assert caught.value.layer == "wtp"
    assert caught.value.position == position


def test_invoke_of_another_version_is_an_error_of_its_own() -> None:
    with pytest.raises(VersionError) as caught:
        decode(bytes.fromhex("0e000152"))
    assert caught.value.position == 3


def test_header_with_too_many_tpis_is_refused() -> None:
    with pytest.raises(LimitError):
        decode(bytes.fromhex("980001" + "88" * 100))


@pytest.mark.parametrize(
    "pdu",
    [
        Invoke(0x1_0000, 1),
        Invoke(1, 3),
        Invoke(1, 1, version=4),
        Abort(1, 8, 0),
        Abort(1, 0, 256),
        SegmentedInvoke(1, 256),
        NegativeAck(1, (256,)),
        NegativeAck(1, tuple(range(256))),
        Ack(1, tpis=(InfoTpi(b"x" * 256),)),
        Ack(1, tpis=(InfoTpi(b""),) * 17),
        Ack(1, tpis=(PacketSequenceNumberTpi(256),)),
        Ack(1, tpis=(PacketSequenceNumberTpi(1, 4),)),
        Ack(1, tpis=(ErrorTpi(16, 0),)),
        Ack(1, tpis=(UnknownTpi(16, b""),)),
    ],
)
def test_value_that_does_not_fit_its_field_is_not_written(pdu: Pdu) -> None:
    with pytest.raises(EncodeError):
        encode(pdu)


def test_known_tpi_with_strange_content_is_kept_as_unknown() -> None:
    strange = decode(bytes.fromhex("98000118"))  # a packet sequence number of no octets
    assert strange.tpis == (UnknownTpi(3, b""),)


CONCATENATED = bytes.fromhex("0003180001070e00040005a434")


def test_datagram_with_two_pdus_is_taken_apart_and_put_together() -> None:
    parts = split(CONCATENATED)
    assert parts == [
        Part(2, bytes.fromhex("180001")),
        Part(6, bytes.fromhex("0e00040005a434")),
    ]
    assert join([part.octets for part in parts]) == CONCATENATED
    assert joined_size([3, 7]) == len(CONCATENATED)


def test_long_pdu_in_a_concatenation_has_a_length_of_two_octets() -> None:
    pdus = [encode(Invoke(1, 0, b"x" * 124)), encode(Ack(2))]
    joined = join(pdus)
    assert joined[:3].hex() == "008080"
    assert [part.octets for part in split(joined)] == pdus
    assert joined_size([len(pdu) for pdu in pdus]) == len(joined)


@pytest.mark.parametrize("octets", ["", "00", "0000", "0005180001", "0080", "00ffff18"])
def test_concatenation_whose_lengths_lie_is_refused(octets: str) -> None:
    with pytest.raises(DecodeError):
        split(bytes.fromhex(octets))


def test_concatenation_of_too_many_pdus_is_refused() -> None:
    with pytest.raises(LimitError):
        split(b"\0" + bytes.fromhex("03180001") * 33)
    with pytest.raises(EncodeError):
        join([b"x"] * 33)
    with pytest.raises(EncodeError):
        join([])
    with pytest.raises(EncodeError):
        join([b"x" * 0x8000, b"x"])


def test_single_pdu_is_sent_as_it_is() -> None:
    assert join([b"\x18\0\1"]) == b"\x18\0\1"
