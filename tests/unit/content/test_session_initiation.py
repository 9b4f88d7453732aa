"""Session initiation requests: vectors V15 to V18 and what deployed senders do."""

from __future__ import annotations

import pytest

from omapush.content.application_id import ApplicationId
from omapush.content.session_initiation import (
    OTA_HTTP_CPI_TAG,
    OTA_SIP,
    ContactPoint,
    SessionInitiation,
    decode,
    explain_session_initiation,
    provisioning_url_hash,
)
from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.protocols.wdp import AddressType

MMS, WML, ANY = (ApplicationId(None, code) for code in (4, 2, 0))
WSP_SERVER = AddressType.of_ip("10.1.2.3", 9201, 0x0B)
HTTP_SERVER = AddressType.of_ip("10.1.2.4", 4035, 0x0B)
TAG = bytes.fromhex("a1b2c3d4")
URL = "http://prov.example.com/ctx1"

V15 = bytes.fromhex("0004b284b28208c40b23f10a010203")
V16 = bytes.fromhex("0104b284b28208c40b23f10a01020308c40b0fc30a01020401010483a20eeb01a1b2c3d4")
V17 = bytes.fromhex("0102b2800008c40b0fc30a0102040100")

REQUEST_15 = SessionInitiation((MMS, WML), (WSP_SERVER,), version=0)
REQUEST_16 = SessionInitiation(
    (MMS, WML), (WSP_SERVER,), (HTTP_SERVER,), (1,), provisioning_url_hash(URL), (TAG,)
)
REQUEST_17 = SessionInitiation((ANY,), (), (HTTP_SERVER,), (0,))


@pytest.mark.parametrize(
    ("octets", "request_"), [(V15, REQUEST_15), (V16, REQUEST_16), (V17, REQUEST_17)]
)
def test_request_is_read_and_written_as_the_vector(
    octets: bytes, request_: SessionInitiation
) -> None:
    assert decode(octets) == request_
    assert decode(octets).deviations == ()
    assert request_.encode() == octets


def test_request_complete_has_every_field() -> None:
    assert REQUEST_17.encode(complete=True) == V17 + b"\0\0"
    assert decode(V17 + b"\0\0") == REQUEST_17
    assert SessionInitiation(()).encode(complete=True) == b"\1" + bytes(6)


def test_request_reads_an_end_after_every_complete_field() -> None:
    ends = {1, 6, 15, 24, 26, 31, 36}
    for length in range(len(V16)):
        if length in ends:
            assert decode(V16[:length]).version == 1
        else:
            with pytest.raises(DecodeError) as caught:
                decode(V16[:length])
            assert caught.value.layer == "sir"


def test_request_of_a_later_version_is_read_as_far_as_known() -> None:
    later = decode(b"\x07" + V16[1:] + b"\xff\xff")
    assert later.version == 7
    assert later.ota_http_contact_points() == REQUEST_16.ota_http_contact_points()
    assert later.deviations == ("2 octets after the known fields are ignored",)


def test_contact_points_of_sip_are_told_from_those_of_http() -> None:
    points = tuple(AddressType.of_ip(f"10.0.0.{number}", 5060) for number in (1, 2, 3))
    request = SessionInitiation((), (), points, (OTA_SIP, OTA_HTTP_CPI_TAG, 300), b"", (b"tag!",))
    read = decode(request.encode())
    assert read == request
    assert read.ota_sip_contact_points() == points[:1]
    (of_http,) = read.ota_http_contact_points()
    assert (of_http.address, of_http.cpi_tag) == (points[1], b"tag!")


def test_request_of_version_0_ignores_later_fields() -> None:
    assert decode(b"\0" + V16[1:]) == REQUEST_15


def test_request_reads_long_codes_and_uris() -> None:
    uri = ApplicationId("x-acme:app", None)
    request = SessionInitiation((ApplicationId(None, 0x9055), uri, MMS))
    assert request.encode() == bytes.fromhex("0112b2029055b2") + b"x-acme:app\0" + b"\xb2\x84\0"
    assert decode(request.encode()) == request
    registered = SessionInitiation((ApplicationId("x-wap-application:mms.ua", None),))
    assert registered.encode() == bytes.fromhex("0102b28400")


@pytest.mark.parametrize(
    ("applications", "read", "deviation"),
    [
        ("8482", (MMS, WML), "without a header"),
        ("af84b282", (MMS, WML), "X-Wap-Application-Id"),
        ("84b2", (MMS, ApplicationId(None, 0x32)), "without a header"),
        ("34", (MMS,), "without its end"),
        ("b2" + b"not an id\0".hex() + "b282", (WML,), "ignored"),
    ],
)
def test_request_tolerates_deployed_application_lists(
    applications: str, read: tuple[ApplicationId, ...], deviation: str
) -> None:
    octets = bytes.fromhex(applications)
    request = decode(bytes([1, len(octets)]) + octets)
    assert request.application_ids == read
    assert any(deviation in one for one in request.deviations)


def test_request_of_kannel_is_read() -> None:
    address = b"192.168.10.20"
    contact = bytes([0xC0 | len(address), 0x0A]) + b"9201" + address
    request = decode(b"\0\1\x84" + bytes([len(contact)]) + contact)
    assert request.application_ids == (MMS,)
    assert request.wsp_contact_points == (AddressType.of_ip("192.168.10.20", 9201, 0x0A),)
    assert request.deviations == (
        "application ids without a header field",
        "a contact point whose port and address are text",
    )


@pytest.mark.parametrize("contact", ["cd0a" + b"92011.2.3.999.999".hex(), "cd0a" + "00" * 15])
def test_contact_point_that_is_not_kannels_is_an_address_type(contact: str) -> None:
    octets = bytes.fromhex(contact)
    try:
        request = decode(bytes([0, 0, len(octets)]) + octets)
    except DecodeError:
        return
    assert request.deviations == ()


def contacts(count: int, options: tuple[int, ...], tags: tuple[bytes, ...]) -> list[object]:
    servers = tuple(AddressType.of_ip(f"10.0.0.{number}") for number in range(count))
    request = SessionInitiation((), (), servers, options, b"", tags)
    assert decode(request.encode()) == request
    return [(point.has_cpi_tag, point.cpi_tag) for point in request.ota_http_contact_points()]


def test_contact_points_get_options_and_tags_by_their_order() -> None:
    one, two = TAG, b"\1\2\3\4"
    plain, unknown = (False, None), (True, None)
    assert contacts(2, (), ()) == [plain, plain]
    assert contacts(3, (1, 0, 1), (one, two)) == [(True, one), plain, (True, two)]
    assert contacts(2, (1, 1), (one,)) == [(True, one), (True, one)]
    assert contacts(2, (1,), (one, two)) == [(True, one), (True, two)]
    assert contacts(2, (1, 0, 0), (one, two)) == [(True, one), (True, two)]
    assert contacts(2, (1, 1), (one, two, one)) == [(True, one), (True, one)]
    assert contacts(2, (1, 1), ()) == [unknown, unknown]
    assert contacts(3, (300, 1, 0), (one,)) == [(True, one), plain]
    assert contacts(0, (1,), (one,)) == []
    assert ContactPoint(HTTP_SERVER, has_cpi_tag=True, cpi_tag=TAG) in (
        REQUEST_16.ota_http_contact_points()
    )


@pytest.mark.parametrize(
    ("field", "url", "meant"),
    [
        (bytes.fromhex("83a20eeb"), URL, True),
        (bytes.fromhex("83"), URL, True),
        (bytes.fromhex("83a20eec"), URL, False),
        (URL.encode(), URL, True),
        (URL.encode(), "http://other.example.com/", False),
        (b"", "", True),
        (b"", URL, False),
    ],
)
def test_provisioning_url_is_known_by_hash_or_itself(field: bytes, url: str, meant: bool) -> None:
    assert SessionInitiation((), provisioning_url=field).means_provisioning_url(url) is meant


@pytest.mark.parametrize(
    ("octets", "position"),
    [
        ("", 0),
        ("0105b284", 2),
        ("0101b200" "05", 5),
        ("0101" "00", 2),
        ("01011f", 2),
        ("01000001c4", 5),
        ("0100000005", 5),
        ("01000000" "00ffffffff7f", 5),
        ("0100000000" "05aabb", 6),
        ("0100000000" "0002aabbccddee", 11),
    ],
)  # fmt: skip
def test_request_that_is_malformed_is_refused_with_offset(octets: str, position: int) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(bytes.fromhex(octets))
    assert caught.value.position == position


def test_request_beyond_any_datagram_is_refused() -> None:
    with pytest.raises(LimitError):
        decode(bytes(32_769))


@pytest.mark.parametrize(
    "request_",
    [
        SessionInitiation((), (), (HTTP_SERVER,), version=0),
        SessionInitiation((ApplicationId("жук:x", None),)),
        SessionInitiation((), cpi_tags=(b"abc",)),
        SessionInitiation((), (AddressType(bytes(64)),)),
        SessionInitiation((ApplicationId(None, 1 << 240),)),
        SessionInitiation((), version=256),
    ],
)
def test_request_refuses_to_write_what_has_no_form(request_: SessionInitiation) -> None:
    with pytest.raises(EncodeError):
        request_.encode()


def test_request_is_explained_octet_by_octet() -> None:
    tree = explain_session_initiation(V16)
    assert b"".join(child.octets for child in tree.children) == V16
    assert [child.name for child in tree.children] == [
        "Version",
        "AppIdListLen",
        "Application-ID List",
        "ContactPointsLenWSP",
        "Contact Points WSP",
        "ContactPointsLen",
        "Contact Points",
        "ProtOptsLen",
        "ProtOpts",
        "ProvURLLen",
        "ProvURL",
        "CPITagLen",
        "CPITag",
    ]
    values = [field.value for field in tree.walk() if not field.children]
    assert "10.1.2.3 port 9201 by GSM GPRS" in values
    assert "x-wap-application:mms.ua" in values
    assert {"83a20eeb", "a1b2c3d4"} <= set(values)
    members = [field.name for field in tree.walk() if field.name == "AddressType"]
    assert members == ["AddressType"] * 2
    assert tree.named("Accept-Application") is not None
    assert tree.note is None
    noted = explain_session_initiation(bytes.fromhex("01028482ff"[:8]))
    assert noted.note is not None
    with pytest.raises(DecodeError):
        explain_session_initiation(V16[:5])
