"""PDUs: the vectors octet for octet, every layout both ways, and what is refused where."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.protocols.wsp.address import Address
from omapush.protocols.wsp.capabilities import Capabilities, ProtocolOption
from omapush.protocols.wsp.headers import RawHeader
from omapush.protocols.wsp.pdu import (
    ConfirmedPush,
    Connect,
    ConnectReply,
    DataFragment,
    Disconnect,
    Get,
    Pdu,
    Post,
    Push,
    Redirect,
    Reply,
    Resume,
    Suspend,
)
from omapush.protocols.wsp.pdu_codec import (
    decode_pdu,
    decode_unit_pdu,
    encode_pdu,
    encode_unit_pdu,
)
from omapush.protocols.wsp.profile import HeaderProfile

SI = (
    "02056a0045c60d0378797a008503656d61696c2f3132332f6162632e776d6c000ac3071999062515231510c304199906"
    "300103596f7520686176652034206e657720652d6d61696c73000101"
)
MMS = (
    "8c82985431323334353637008d908919802b3335383430313233343536372f545950453d504c4d4e0096477265657469"
    "6e67732066726f6d2074686520707573682074657374207375697465008a808e0278008805810303f48083687474703a"
    "2f2f6d6d73632e6578616d706c652e636f6d2f6d6d732f30313233343536373839616263646566303132333435363738"
    "3961626364656600"
)
SIR = "0104b284b28208c40b23f10a01020308c40b0fc30a01020401010483a20eeb01a1b2c3d4"
BOOTSTRAP = (
    "030b6a00c54601c65601870706034578616d706c65000101c65501871106034e310001871006ab018707060345780001"
    "8708060361706e2e6578616d706c65000187090689010101"
)

UNIT_PUSHES = {
    "V3 SI": (
        "010603aeaf82" + SI,
        1,
        (("Content-Type", "application/vnd.wap.sic"), ("X-Wap-Application-Id", "2")),
    ),
    "V4 SI with more headers": (
        "2a065103ae81eaaf82b483b1687474703a2f2f70692e6578616d706c652e636f6d2f0092044ecb8ec08e687474703a2f"
        "2f70692e6578616d706c652e636f6d2f6d73672f3100582d4f6d612d466f6f0062617200" + SI,
        0x2A,
        (
            ("Content-Type", "application/vnd.wap.sic; charset=utf-8"),
            ("X-Wap-Application-Id", "2"),
            ("Push-Flag", "11"),
            ("X-Wap-Initiator-URI", "http://pi.example.com/"),
            ("Date", "Tue, 22 Nov 2011 12:00:00 GMT"),
            ("Content-Location", "http://pi.example.com/msg/1"),
            ("X-Oma-Foo", "bar"),
        ),
    ),
    "V5 application id as URI": (
        "02061783af75726e3a782d6578616d706c653a6170702e75610068656c6c6f",
        2,
        (("Content-Type", "text/plain"), ("X-Wap-Application-Id", "urn:x-example:app.ua")),
    ),
    "V6 application id above 127": (
        "03060583af02901068656c6c6f",
        3,
        (("Content-Type", "text/plain"), ("X-Wap-Application-Id", "9010")),
    ),
    "V7 registered media type": (
        "0406060302030aaf89030d6a00",
        4,
        (("Content-Type", "application/vnd.wap.emn+wbxml"), ("X-Wap-Application-Id", "9")),
    ),
    "V8 multipart": (
        "060603a3af82020405038381ea6669727374074caec0223c323e00" + SI,
        6,
        (
            ("Content-Type", "application/vnd.wap.multipart.mixed"),
            ("X-Wap-Application-Id", "2"),
        ),
    ),
    "V10 MMS notification": (
        "7b0603beaf84" + MMS,
        0x7B,
        (("Content-Type", "application/vnd.wap.mms-message"), ("X-Wap-Application-Id", "4")),
    ),
    "V18 SIR": (
        "050603b4af81" + SIR,
        5,
        (("Content-Type", "application/vnd.wap.sia"), ("X-Wap-Application-Id", "1")),
    ),
    "V30 bootstrap": (
        "0106311f2db6918192424345453133423736423230343838444630303844434637304643443332423831444637384232"
        "4100af82" + BOOTSTRAP,
        1,
        (
            (
                "Content-Type",
                "application/vnd.wap.connectivity-wbxml; SEC=1;"
                " MAC=BCEE13B76B20488DF008DCF70FCD32B81DF78B2A",
            ),
            ("X-Wap-Application-Id", "2"),
        ),
    ),
}


@pytest.mark.parametrize("vector", UNIT_PUSHES.values(), ids=UNIT_PUSHES.keys())
def test_unit_push_vector_is_read_and_written(
    vector: tuple[str, int, tuple[tuple[str, str], ...]],
) -> None:
    octets, transaction_id, headers = vector
    read_id, pdu = decode_unit_pdu(bytes.fromhex(octets))
    assert (read_id, pdu) == (transaction_id, Push(headers, _body(octets)))
    assert encode_unit_pdu(transaction_id, pdu).hex() == octets


def _body(octets: str) -> bytes:
    plain = bytes.fromhex(octets)
    return plain[3 + plain[2] :]


V1_4 = HeaderProfile(encoding_version=(1, 4))
CONNECT = (
    "0110113903808a7803818a780282e0028301028402b284b282b38bc394a950757368546573742f312e3000b568747470"
    "3a2f2f6465762e6578616d706c652e636f6d2f756170726f662e72646600"
)
SESSION_PDUS: list[tuple[str, Pdu]] = [
    (
        CONNECT,  # V19
        Connect(
            Capabilities(
                client_sdu_size=1400,
                server_sdu_size=1400,
                protocol_options=ProtocolOption.CONFIRMED_PUSH
                | ProtocolOption.PUSH
                | ProtocolOption.SESSION_RESUME,
                method_mor=1,
                push_mor=2,
            ),
            (
                ("Accept-Application", "4"),
                ("Accept-Application", "2"),
                ("Bearer-Indication", "0B"),
                ("Encoding-Version", "1.4"),
                ("User-Agent", "PushTest/1.0"),
                ("Profile", "http://dev.example.com/uaprof.rdf"),
            ),
        ),
    ),
    (
        "02a43406040282c0028401c393c490",  # V21 with the number of Profile-Warning of version 1.4
        ConnectReply(
            0x1234,
            Capabilities(
                protocol_options=ProtocolOption.CONFIRMED_PUSH | ProtocolOption.PUSH, push_mor=1
            ),
            (("Encoding-Version", "1.3"), ("Profile-Warning", "100")),
        ),
    ),
    (
        "0705aeaf82b481" + SI,  # V23
        ConfirmedPush(
            (
                ("Content-Type", "application/vnd.wap.sic"),
                ("X-Wap-Application-Id", "2"),
                ("Push-Flag", "1"),
            ),
            bytes.fromhex(SI),
        ),
    ),
    # V28
    ("08a434", Suspend(0x1234)),
    ("09a43400b383", Resume(0x1234, (("Bearer-Indication", "03"),))),
    ("04200100", Reply(200)),
    ("05a434", Disconnect(0x1234)),
    ("03008400c000020a", Redirect(0, (Address(bytes((192, 0, 2, 10)), 0),))),
    ("0463018362757379", Reply(503, (("Content-Type", "text/plain"),), b"busy")),
    (
        "4018687474703a2f2f7777772e6578616d706c652e636f6d2f6180948399",
        Get(
            "http://www.example.com/a",
            (("Accept", "application/vnd.wap.wmlc"), ("Accept-Language", "en")),
        ),
    ),
    (
        "04200194030a6a007f01",
        Reply(200, (("Content-Type", "application/vnd.wap.wmlc"),), bytes.fromhex("030a6a007f01")),
    ),
    # Layouts that have no vector.
    ("03c04423f1c000020a", Redirect(0xC0, (Address(bytes((192, 0, 2, 10)), None, 9201),))),
    (
        "600301612f6283a9746573",
        Post("a/b", (("Content-Type", "text/plain"),), b"\xa9tes"),
    ),
    ("8002b48361", DataFragment((("Push-Flag", "11"),), b"a")),
    ("500161", Get("a", method=0x50)),
    ("7001016183", Post("a", (("Content-Type", "text/plain"),), method=0x70)),
]


@pytest.mark.parametrize(("octets", "pdu"), SESSION_PDUS)
def test_session_pdu_is_read_and_written(octets: str, pdu: Pdu) -> None:
    assert decode_pdu(bytes.fromhex(octets)) == pdu
    assert encode_pdu(pdu, V1_4).hex() == octets


def test_connect_reply_vector_goes_to_a_peer_of_version_1_3() -> None:
    octets = bytes.fromhex("02a43406040282c0028401c393b790")  # V21
    profile = HeaderProfile(encoding_version=(1, 3))
    assert encode_pdu(decode_pdu(octets), profile) == octets


def test_redirect_says_whether_it_is_for_ever() -> None:
    assert Redirect(0x80, ()).permanent
    assert not Redirect(0x40, ()).permanent


@pytest.mark.parametrize("octets", ["042000", "0420"])
def test_reply_without_headers_or_type_is_taken(octets: str) -> None:
    pdu = decode_pdu(bytes.fromhex(octets))
    assert isinstance(pdu, Reply)
    assert (pdu.status, pdu.headers) == (200, ())


def test_unassigned_status_counts_as_the_first_of_its_class() -> None:
    assert decode_pdu(bytes.fromhex("042f0100")) == Reply(200)


def test_pdu_without_body_may_be_followed_by_anything() -> None:
    assert decode_pdu(bytes.fromhex("05a43400ff")) == Disconnect(0x1234)


@pytest.mark.parametrize(
    ("octets", "position"),
    [
        ("", 0),
        ("00", 0),
        ("0a", 0),
        ("ff", 0),
        ("06", 1),
        ("060383", 2),  # headers longer than the PDU
        ("060283af", 4),  # a header without its value
        ("0401", 1),
        ("0110ff", 3),
        ("0110050000", 4),  # capabilities longer than the PDU
        ("4005aa", 2),  # a URI longer than the PDU
        ("40026100", 2),
        ("03", 1),
        ("030084c0", 4),
        ("0601d9", 2),  # a media type that is not registered
    ],
)
def test_malformed_pdu_is_refused_with_its_place(octets: str, position: int) -> None:
    with pytest.raises(DecodeError) as raised:
        decode_pdu(bytes.fromhex(octets))
    assert raised.value.layer == "wsp"
    assert raised.value.reason
    assert raised.value.position == position


def test_session_id_beyond_32_bits_is_refused() -> None:
    with pytest.raises(LimitError):
        decode_pdu(bytes.fromhex("05ffffffff7f"))


@pytest.mark.parametrize("octets", ["0105a434", "010110000000", "010705aeaf82b481"])
def test_unit_pdu_that_needs_a_session_is_refused(octets: str) -> None:
    with pytest.raises(DecodeError, match="session") as raised:
        decode_unit_pdu(bytes.fromhex(octets))
    assert raised.value.position == 1


def test_unit_positions_count_the_transaction_id() -> None:
    with pytest.raises(DecodeError) as raised:
        decode_unit_pdu(bytes.fromhex("010603aea980"))
    assert raised.value.position == 5


@pytest.mark.parametrize(
    "pdu",
    [
        Suspend(-1),
        Disconnect(1 << 32),
        Reply(299),
        Get("a", method=0x60),
        Post("a", method=0x40),
        Push((("Content-Type", "text/plain"), ("Date", "x"))),
        Push((), b"x"),
        Connect(Capabilities(push_mor=256)),
        Redirect(256, ()),
    ],
)
def test_writer_refuses_pdus_that_have_no_octets(pdu: Pdu) -> None:
    with pytest.raises(EncodeError):
        encode_pdu(pdu)


def test_writer_refuses_unit_pdus_that_need_a_session_or_have_no_such_id() -> None:
    with pytest.raises(EncodeError):
        encode_unit_pdu(1, Suspend(1))
    with pytest.raises(EncodeError):
        encode_unit_pdu(256, Push())


def test_tolerant_reader_keeps_a_type_and_a_header_it_does_not_know() -> None:
    octets = bytes.fromhex("010607d9af82cb809f85aa")
    _, pdu = decode_unit_pdu(octets, tolerant=True)
    assert pdu == Push(
        (("X-Wap-Application-Id", "2"),),
        b"\xaa",
        (RawHeader(1, 0x11, b"\xd9"), RawHeader(1, 0x4B, b"\x80"), RawHeader(1, 0x1F, b"\x85")),
    )
    assert encode_unit_pdu(1, pdu) == octets
