"""WSP between us and tshark: every register, every header field."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omapush.content.application_id import REGISTRY
from omapush.protocols.wsp import registers
from omapush.protocols.wsp.assigned_numbers import HEADER_FIELDS, STATUSES, AbortReason
from omapush.protocols.wsp.headers import decode_headers, encode_headers
from omapush.protocols.wsp.pdu import Reply
from omapush.protocols.wsp.pdu_codec import encode_pdu
from omapush.protocols.wsp.profile import HeaderProfile
from omapush.protocols.wsp.values import integer, uintvar, with_length
from omapush.protocols.wtp import pdu as wtp
from omapush.testing.tshark import Capture, Dissected

LATEST = HeaderProfile(
    encoding_version=(1, 6), assumed_content_types=frozenset(registers.CONTENT_TYPES)
)

# ---- headers ------------------------------------------------------------------------------------

# What we write, and what tshark says of it: the same in its own words.
AGREED = [
    ("Accept", "application/vnd.wap.wmlc", "application/vnd.wap.wmlc"),
    ("Accept", "*/*", "*/*"),
    ("Accept", "text/html; q=0.5", "text/html; q=0.50"),
    ("Accept-Charset", "utf-8", "UTF-8"),
    ("Accept-Charset", "utf-16;q=0.5", "UTF-16; q=0.50"),
    ("Accept-Encoding", "gzip", "gzip"),
    ("Accept-Language", "en;q=0.7", "English (en); q=0.70"),
    ("Accept-Ranges", "bytes", "bytes"),
    ("Age", "86400", "86400 seconds"),
    ("Allow", "GET", "Get"),
    ("Connection", "close", "close"),
    ("Content-Base", "http://a/", "http://a/"),
    ("Content-Encoding", "deflate", "deflate"),
    ("Content-Language", "sv", "Swedish (sv)"),
    ("Content-Length", "1400", "1400"),
    ("Content-Location", "http://pi.example/m", "http://pi.example/m"),
    ("Content-MD5", "AAECAwQFBgcICQoLDA0ODw==", "000102030405060708090a0b0c0d0e0f"),
    ("Content-ID", "<2>", '"<2>"'),
    ("Date", "Thu, 23 Apr 1998 13:41:37 GMT", "Apr 23, 1998 13:41:37 UTC"),
    ("Expires", "Thu, 01 Jan 1970 00:00:01 GMT", "Jan  1, 1970 00:00:01 UTC"),
    ("Last-Modified", "Tue, 22 Nov 2011 12:00:00 GMT", "Nov 22, 2011 12:00:00 UTC"),
    ("If-Range", "Tue, 22 Nov 2011 12:00:00 GMT", "Nov 22, 2011 12:00:00 UTC"),
    ("X-Wap-Tod", "Tue, 22 Nov 2011 12:00:00 GMT", "Nov 22, 2011 12:00:00.000000000 UTC"),
    ("Etag", '"x"', '"x"'),
    ("Max-Forwards", "10", "10"),
    ("Location", "http://a/b", "http://a/b"),
    ("Public", "POST", "Post"),
    ("Server", "x/1", "x/1"),
    ("User-Agent", "PushTest/1.0", "PushTest/1.0"),
    ("Vary", "Accept", "Accept"),
    ("Via", "1.1 a", "1.1 a"),
    ("Transfer-Encoding", "chunked", "chunked"),
    ("Pragma", "no-cache", "no-cache"),
    ("Cache-Control", "max-age=3600", "max-age=3600 seconds"),
    ("Authorization", "Basic YTpi", "basic; user-id=a; password=b"),
    ("WWW-Authenticate", 'Basic realm="a b"', "basic; realm=a b"),
    ("Warning", '214 proxy "it changed"', "code=214; agent=proxy; text=it changed"),
    ("Range", "bytes=0-499", "byte-range; first-byte-pos=0; last-byte-pos=499"),
    ("Range", "bytes=500-", "byte-range; first-byte-pos=500"),
    (
        "Content-Disposition",
        "attachment; filename=a.txt",
        "attachment; Filename=a.txt",
    ),
    ("Encoding-Version", "1.3", "1.3"),
    ("Encoding-Version", "16 1.3", "code-page=16: 1.3"),
    ("Profile", "http://dev.example/p", "http://dev.example/p"),
    ("Profile-Warning", "100", "100 OK"),
    ("X-WAP-Security", "close-subordinate", "close-subordinate"),
    ("X-Wap-Content-URI", "http://a/", "http://a/"),
    ("X-Wap-Initiator-URI", "http://a/", "http://a/"),
    ("X-Wap-Application-Id", "2", "x-wap-application:wml.ua"),
    ("X-Wap-Application-Id", "urn:x-example:app.ua", "urn:x-example:app.ua"),
    ("Accept-Application", "*", "x-wap-application:*"),
    ("Accept-Application", "4", "x-wap-application:mms.ua"),
    ("Bearer-Indication", "0B", "GSM GPRS"),
    ("Push-Flag", "1", " (Initiator URI authenticated)"),
    ("Push-Flag", "10", " (Content trusted)"),
    ("Push-Flag", "100", " (Last push message)"),
    ("Push-Flag", "111", " (Initiator URI authenticated) (Content trusted) (Last push message)"),
    ("X-Oma-Foo", "bar", "bar"),
]
# What tshark says otherwise. We are right in all, by the grammar of WSP 8.4.2; it differs or
# gives up ("(Undecoded", "Invalid header value") for the reason beside.
DIFFERENT = [
    # The name of the fields is taken for another's, and it looks for them one octet early.
    ("TE", "trailers", "Encoding-Version: trailers"),
    ("TE", "gzip", "Invalid header value"),
    ("TE", "deflate;q=0.5", "Invalid header value"),
    # It counts the octet that says "suffix" into the number.
    ("Range", "bytes=-500", "Range: suffix-byte-range; suffix-length=16884"),
    # Name and value of an extension are cut one octet late, and the value is the name.
    ("Cache-Control", "community=UCI", "Cache-Control: ommunityommunity"),
    # The names of the fields are looked up with their high bit.
    (
        "Cache-Control",
        'private="Date, X-A"',
        "Cache-Control: private<Unknown WSP header field 0x92>X-A",
    ),
    # A parameter that is not well known has no name.
    ("Pragma", "a=b", "Pragma: ; a=b"),
    # A warning with a target, and dates.
    (
        "Profile-Warning",
        '203 http://p "Tue, 22 Nov 2011 12:00:00 GMT"',
        "Invalid header value",
    ),
    # The length octet is looked up in place of the number behind it.
    ("X-Wap-Application-Id", "9010", "X-Wap-Application-Id: x-wap-application:wml.ua"),
    ("Accept-Application", "9010", "Accept-Application: x-wap-application:wml.ua"),
    ("Content-Language", "vo", "Content-Language: Afar (aa)"),
    # Printed so in the specification; the language's code is pl (ISO 639).
    ("Content-Language", "pl", "Content-Language: Polish (po)"),
    # Not looked into at all.
    (
        "Retry-After",
        "120",
        "Retry-After: (Undecoded value in general form with length indicator)",
    ),
    ("Expect", "100-continue", "Expect (encoding 1.5): (Undecoded well-known value 0x00)"),
    (
        "Set-Cookie",
        'a=b; Version=1; path="/"',
        "Set-Cookie: (Undecoded value in general form with length indicator)",
    ),
]
HEADERS = [*AGREED, *DIFFERENT]

# ---- registers ----------------------------------------------------------------------------------

# Codes that were registered after tshark's tables were made.
NEWER_CONTENT_TYPES = {*range(0x4E, 0x59), *range(0x302, 0x31F)}
CONTENT_TYPE_DIFFERENCES = {
    # Kannel is with us.
    0x0A: "text/vnd.wap.channel",
    0x16: "application/vnd.wap.channelc",
    # We are right: a slip of the pen.
    0x201: "application/vnd.uplanet.cachop-wbxml",
}
NEWER_APPLICATIONS = set(range(0x10, 0x1A))
# tshark looks the length octet of larger codes up: see DIFFERENT.
CODES_OF_ONE_OCTET = range(0x80)


def media_type(code: int) -> bytes:
    return bytes((0x80 | code,)) if code in CODES_OF_ONE_OCTET else with_length(integer(code))


def push(headers: bytes, content_type: bytes = b"\x83") -> bytes:
    block = content_type + headers
    return b"\x01\x06" + uintvar(len(block)) + block + b"x"


@pytest.fixture(scope="module")
def seen(dissect: Callable[[Capture], dict[str, Dissected]]) -> dict[str, Dissected]:
    capture = Capture()

    def pushed(name: str, octets: bytes) -> None:
        capture.datagram(name, octets, source_port=9200, port=2948)

    for name, value, _ in HEADERS:
        pushed(f"{name}: {value}", push(encode_headers([(name, value)], LATEST)))
    for code in registers.CONTENT_TYPES:
        pushed(f"content type {code:x}", push(b"", media_type(code)))
    for code in REGISTRY:
        pushed(f"application {code:x}", push(b"\xaf" + integer(code)))
    for code in registers.CHARACTER_SETS:
        pushed(f"character set {code}", push(b"", with_length(b"\x83\x81" + integer(code))))
    for code in filter(CODES_OF_ONE_OCTET.__contains__, registers.LANGUAGES):
        pushed(f"language {code:x}", push(b"\x8c" + integer(code)))
    for code in HEADER_FIELDS:
        pushed(f"field {code:x}", push(bytes((0x80 | code,)) + b"x\x00"))
    for status in STATUSES.values():
        octets = wtp.encode(wtp.Result(0x8001, encode_pdu(Reply(status))))
        capture.datagram(f"status {status}", octets, source_port=9201, port=9201)
    for reason in AbortReason:
        octets = wtp.encode(wtp.Abort(0x8001, 1, reason))
        capture.datagram(f"abort {reason.name}", octets, source_port=9201, port=9201)
    return dissect(capture)


def header_line(packet: Dissected) -> str:
    """Return what tshark shows for the only header of a push."""
    complaints = packet.complaints
    if complaints:
        return complaints[0]
    (headers,) = packet.fields("wsp.headers")
    return next(
        field.shown
        for field in headers.all()
        if field.name.startswith(("wsp.header.", "wsp.default_", "wsp.header_text"))
        and field.name != "wsp.header.name_value"
    )


@pytest.mark.parametrize(("name", "value", "said"), AGREED)
def test_tshark_reads_our_header(
    seen: dict[str, Dissected], name: str, value: str, said: str
) -> None:
    shown, _, line = header_line(seen[f"{name}: {value}"]).partition(": ")
    # tshark leaves out the start of some names and has cases of its own.
    assert name.lower().endswith(shown.lower())
    assert line == said


@pytest.mark.parametrize(("name", "value", "said"), DIFFERENT)
def test_tshark_still_differs_about_a_header(
    seen: dict[str, Dissected], name: str, value: str, said: str
) -> None:
    assert header_line(seen[f"{name}: {value}"]) == said


@pytest.mark.parametrize(("name", "value", "said"), HEADERS)
def test_we_read_the_header_that_tshark_was_given(name: str, value: str, said: str) -> None:
    assert said
    assert decode_headers(encode_headers([(name, value)], LATEST)).headers == ((name, value),)


def test_tshark_gives_content_types_the_names_that_we_give_them(
    seen: dict[str, Dissected],
) -> None:
    different = {}
    for code, (name, _) in registers.CONTENT_TYPES.items():
        said = seen[f"content type {code:x}"].value("wsp.header.content_type")
        if said != name:
            different[code] = said
    newer = {code: f"<Unknown media type identifier 0x{code:X}>" for code in NEWER_CONTENT_TYPES}
    assert different == newer | CONTENT_TYPE_DIFFERENCES


def test_tshark_gives_applications_the_names_that_we_give_them(
    seen: dict[str, Dissected],
) -> None:
    different = set()
    for code in CODES_OF_ONE_OCTET:
        name = REGISTRY.get(code)
        if name is None:
            continue
        said = seen[f"application {code:x}"].value("wsp.header.x_wap_application_id")
        if said != name:
            assert said == f"<Unknown WAP application identifier 0x{code:X}>"
            different.add(code)
    assert different == NEWER_APPLICATIONS


def test_tshark_knows_the_larger_application_codes_for_integers(
    seen: dict[str, Dissected],
) -> None:
    for code in REGISTRY:
        if code not in CODES_OF_ONE_OCTET:
            packet = seen[f"application {code:x}"]
            assert packet.complaints == []
            (field,) = packet.fields("wsp.header.x_wap_application_id")
            assert field.octets == b"\xaf" + integer(code)


def test_tshark_gives_character_sets_and_languages_the_names_that_we_give_them(
    seen: dict[str, Dissected],
) -> None:
    for code, name in registers.CHARACTER_SETS.items():
        said = seen[f"character set {code}"].value("wsp.parameter.charset")
        assert said is not None
        assert said.lower() == name.lower()
    different = {}
    for code in CODES_OF_ONE_OCTET:
        if code in registers.LANGUAGES:
            said = seen[f"language {code:x}"].value("wsp.header.content_language")
            assert said is not None
            if not said.endswith(f"({registers.LANGUAGES[code]})"):
                different[code] = said
    assert different == {0x58: "Polish (po)"}


def test_tshark_gives_header_fields_the_names_that_we_give_them(
    seen: dict[str, Dissected],
) -> None:
    different = {}
    for code, (name, _) in HEADER_FIELDS.items():
        fields = seen[f"field {code:x}"].fields("wsp.header.name_value")
        said = fields[-1].shown.partition("Header name: ")[2].rpartition(" (")[0]
        said = said.partition(" (encoding")[0]
        if said.lower() != name.lower():
            different[code] = said
    assert different == {}


def test_tshark_gives_statuses_the_numbers_that_we_give_them(seen: dict[str, Dissected]) -> None:
    different = {}
    for octet, status in STATUSES.items():
        (field,) = seen[f"status {status}"].fields("wsp.reply.status")
        assert field.octets == bytes((octet,))
        if f": {status} " not in field.shown:
            different[status] = field.shown
    # Reserved in HTTP; WSP has a number for it all the same.
    assert different == {306: "Status: Unknown (0x36)"}


def test_tshark_knows_our_abort_reasons(seen: dict[str, Dissected]) -> None:
    for reason in AbortReason:
        (field,) = seen[f"abort {reason.name}"].fields("wtp.abort.reason.user")
        assert field.octets == bytes((reason,))
        assert "Unknown" not in field.shown
