"""Headers both ways: printed examples, every field, what a peer may be sent, hostile octets."""

from __future__ import annotations

from contextlib import suppress

import pytest

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.protocols.wsp.assigned_numbers import HEADER_FIELDS
from omapush.protocols.wsp.field_reading import SYNTAX
from omapush.protocols.wsp.headers import (
    MAX_BLOCK,
    HeaderBlock,
    RawHeader,
    decode_headers,
    encode_content_headers,
    encode_headers,
)
from omapush.protocols.wsp.pdu import Push
from omapush.protocols.wsp.pdu_codec import decode_pdu
from omapush.protocols.wsp.profile import HeaderProfile

LATEST = HeaderProfile(encoding_version=(1, 5))


def octets_of(*headers: tuple[str, str], profile: HeaderProfile = LATEST) -> str:
    return encode_headers(headers, profile).hex()


def headers_of(octets: str) -> tuple[tuple[str, str], ...]:
    return decode_headers(bytes.fromhex(octets)).headers


BOTH_WAYS = [
    # Printed in the WSP specification.
    ("Accept", "application/vnd.wap.wmlc", "8094"),
    ("Accept-Language", "en;q=0.7", "83029947"),
    ("Date", "Thu, 23 Apr 1998 13:41:37 GMT", "9204353f4511"),
    ("Accept-Ranges", "new-range-unit", "846e65772d72616e67652d756e697400"),
    ("X-New-header", "foo, bar", "582d4e65772d68656164657200666f6f2c2062617200"),
    # Media ranges and weights.
    ("Accept", "*/*", "8080"),
    ("Accept", "text/x-unheard", "80746578742f782d756e686561726400"),
    ("Accept", "text/html; q=0.5", "8003828033"),
    ("Accept-Charset", "*", "bb80"),
    ("Accept-Charset", "utf-8", "bbea"),
    ("Accept-Charset", "utf-16;q=0.5", "bb040203f733"),
    ("Accept-Charset", "iso-10646-ucs-2", "bb030203e8"),
    ("Accept-Charset", "x-mib-2900;q=0.5", "bb04020b5433"),
    ("Accept-Encoding", "gzip", "bc80"),
    ("Accept-Encoding", "*;q=0", "bc028301"),
    ("Accept-Encoding", "*", "bc0183"),
    ("Accept-Encoding", "br", "bc627200"),
    ("Accept-Language", "*", "8380"),
    ("Accept-Language", "en-US", "83656e2d555300"),
    ("Accept-Language", "fo", "83020182"),
    ("TE", "trailers", "b981"),
    ("TE", "deflate;q=0.5", "b903868033"),
    ("TE", "gzip", "b90184"),
    # Numbers and dates.
    ("Age", "0", "8580"),
    ("Age", "86400", "8503015180"),
    ("Max-Forwards", "10", "9e8a"),
    ("Content-Length", "1400", "8d020578"),
    ("Expires", "Thu, 01 Jan 1970 00:00:01 GMT", "940101"),
    ("Last-Modified", "Tue, 22 Nov 2011 12:00:00 GMT", "9d044ecb8ec0"),
    ("X-Wap-Tod", "Tue, 22 Nov 2011 12:00:00 GMT", "bf044ecb8ec0"),
    ("If-Range", '"abc"', "9a226162632200"),
    ("If-Range", "Tue, 22 Nov 2011 12:00:00 GMT", "9a044ecb8ec0"),
    ("Retry-After", "120", "a50281f8"),
    ("Retry-After", "Tue, 22 Nov 2011 12:00:00 GMT", "a50680044ecb8ec0"),
    # Tokens.
    ("Allow", "GET", "86c0"),
    ("Public", "POST", "a2e0"),
    ("Public", "PATCH", "a2504154434800"),
    ("Connection", "close", "8980"),
    ("Connection", "Keep-Alive", "894b6565702d416c69766500"),
    ("Content-Encoding", "deflate", "8b82"),
    ("Content-Language", "sv", "8cf0"),
    ("Content-Language", "pl", "8cd8"),
    ("Content-Language", "vo", "8c0185"),
    ("Transfer-Encoding", "chunked", "a780"),
    ("Vary", "Accept", "aa80"),
    ("Vary", "*", "aa2a00"),
    ("Trailer", "X-Sum", "ba582d53756d00"),
    ("X-WAP-Security", "close-subordinate", "c680"),
    # Texts.
    ("Content-Location", "http://a/b", "8e687474703a2f2f612f6200"),
    ("Etag", '"x"', "9322782200"),
    ("User-Agent", "PushTest/1.0", "a950757368546573742f312e3000"),
    ("From", "", "9500"),
    ("Content-ID", "<2>", "c0223c323e00"),
    # Structures.
    ("Authorization", "Basic YTpi", "87058061006200"),
    ("Authorization", 'Digest username="a b"', "871544696765737400757365726e616d65002261206200"),
    ("WWW-Authenticate", 'Basic realm="a b"', "ad058061206200"),
    ("Cache-Control", "no-cache", "c780"),
    ("Cache-Control", "max-age=3600", "c70482020e10"),
    ("Cache-Control", "s-maxage=1", "c7028b81"),
    ("Cache-Control", 'private="Date, X-A"', "c7068792582d4100"),
    ("Cache-Control", "community=UCI", "c70e636f6d6d756e6974790055434900"),
    ("Cache-Control", "max-stale", "c783"),
    ("Content-MD5", "AAECAwQFBgcICQoLDA0ODw==", "8f10000102030405060708090a0b0c0d0e0f"),
    ("Content-Range", "bytes 0-1024/1025", "be03008801"),
    ("Range", "bytes=0-499", "a30480008373"),
    ("Range", "bytes=500-", "a303808374"),
    ("Range", "bytes=-500", "a303818374"),
    ("Pragma", "no-cache", "9f80"),
    ("Pragma", "a=b", "9f0461006200"),
    ("Warning", '110 - ""', "ac8a"),
    ("Warning", '214 proxy "it changed"', "ac128e70726f7879006974206368616e67656400"),
    ("Content-Disposition", "inline", "c50182"),
    ("Content-Disposition", "attachment; filename=a.txt", "c5088198612e74787400"),
    ("Expect", "100-continue", "c880"),
    ("Expect", "a=b", "c80461006200"),
    ("Profile-Warning", "100", "c490"),
    (
        "Profile-Warning",
        '203 http://p "Tue, 22 Nov 2011 12:00:00 GMT"',
        "c40fa3687474703a2f2f7000044ecb8ec0",
    ),
    ("Set-Cookie", 'a=b; Version=1; path="/"', "c1099f610062009d222f00"),
    ("Cookie", "$Version=1; a=b", "c2069f0461006200"),
    ("Encoding-Version", "1.4", "c394"),
    ("Encoding-Version", "16 1.3", "c3029093"),
    ("Encoding-Version", "16", "c30190"),
    # Of pushes.
    ("X-Wap-Application-Id", "2", "af82"),
    ("X-Wap-Application-Id", "9010", "af029010"),
    ("X-Wap-Application-Id", "urn:x:app.ua", "af75726e3a783a6170702e756100"),
    ("Accept-Application", "*", "b280"),
    ("Accept-Application", "4", "b284"),
    ("Bearer-Indication", "0B", "b38b"),
    ("Push-Flag", "11", "b483"),
    ("Push-Flag", "100", "b484"),
    ("X-Wap-Content-URI", "http://a/", "b0687474703a2f2f612f00"),
    ("X-Wap-Initiator-URI", "http://a/", "b1687474703a2f2f612f00"),
    ("Profile", "http://a/", "b5687474703a2f2f612f00"),
    ("Profile-Diff", "AQID", "b603010203"),
    ("X-Wap-Loc-Delivery", "AQID", "ca03010203"),
]


@pytest.mark.parametrize(("name", "value", "octets"), BOTH_WAYS)
def test_header_has_these_octets_and_they_this_text(name: str, value: str, octets: str) -> None:
    assert octets_of((name, value)) == octets
    assert headers_of(octets) == ((name, value),)


def test_every_assigned_field_can_be_read() -> None:
    assert SYNTAX.keys() == HEADER_FIELDS.keys()


def test_every_assigned_field_is_in_an_example() -> None:
    shown = {name for name, _, _ in BOTH_WAYS}
    alike = {  # the same syntax as one that is shown
        "Content-Base", "Host", "If-Match", "If-None-Match", "Location", "Referer", "Server",
        "Upgrade", "Via", "If-Modified-Since", "If-Unmodified-Since", "Proxy-Authenticate",
        "Proxy-Authorization", "Content-Type", "X-Wap-Loc-Invocation",
    }  # fmt: skip
    assert {name for name, _ in HEADER_FIELDS.values()} <= shown | alike


@pytest.mark.parametrize("name", ["Content-Base", "Host", "Location", "Referer", "Server"])
def test_texts_stay_whole_commas_included(name: str) -> None:
    assert headers_of(octets_of((name, "a, b"))) == ((name, "a, b"),)


def test_lists_become_one_header_for_each_item() -> None:
    assert octets_of(("Accept-Language", "en, sv")) == "839983f0"
    assert octets_of(("Range", "bytes=0-1,-5")) == "a303800001a3028105"
    assert headers_of("839983f0") == (("Accept-Language", "en"), ("Accept-Language", "sv"))
    assert octets_of(("If-None-Match", '"a,b", "c"')) == octets_of(
        ("If-None-Match", '"a,b"'), ("If-None-Match", '"c"')
    )


@pytest.mark.parametrize("name", ["X-A", "Etag", "Push-Flag"])
def test_spaces_around_a_value_are_not_sent(name: str) -> None:
    assert octets_of((name, "\t 1 ")) == octets_of((name, "1"))


def test_unknown_field_keeps_its_commas_in_one_text() -> None:
    assert octets_of(("X-New-header", "foo, bar")).endswith(b"foo, bar\0".hex())


def test_content_range_takes_its_end_from_the_body() -> None:
    pushed = decode_pdu(bytes.fromhex("0606839003008801" + "61" * 500))
    assert isinstance(pushed, Push)
    assert pushed.headers[1] == ("Content-Range", "bytes 0-499/1025")


@pytest.mark.parametrize(
    ("name", "value", "octets"),
    [
        ("Cache-Control", "max-age=60", "880282bc"),
        ("Accept-Charset", "utf-8", "81ea"),
        ("Content-Disposition", "attachment; filename=a", "ae0481866100"),
        ("Profile-Warning", "100", "b790"),
        ("Encoding-Version", "1.4", b"Encoding-Version\x001.4\x00".hex()),
        ("Content-ID", "<2>", b"Content-ID\x00<2>\x00".hex()),
        ("TE", "trailers, gzip;q=0.5", b"TE\x00trailers, gzip;q=0.5\x00".hex()),
        ("Cache-Control", "s-maxage=9", "880a732d6d61786167650089"),
    ],
)
def test_peer_of_version_1_2_gets_old_numbers_or_text(name: str, value: str, octets: str) -> None:
    assert octets_of((name, value), profile=HeaderProfile()) == octets
    assert headers_of(octets) == ((name, value),)


def test_old_numbers_are_read_as_the_same_fields() -> None:
    assert headers_of("88028285bd028285") == (("Cache-Control", "max-age=5"),) * 2
    assert headers_of("9003008801") == (("Content-Range", "bytes 0-1024/1025"),)


@pytest.mark.parametrize(
    ("content_type", "octets"),
    [
        ("application/vnd.wap.sic", "ae"),
        ("text/vnd.wap.si", "ad"),
        ("application/vnd.wap.slc", "b0"),
        ("application/vnd.wap.mms-message", "be"),
        ("application/vnd.wap.emn+wbxml", "0302030a"),
        ("text/plain", "83"),
        ("Text/Plain", "83"),
        ("text/plain; charset=utf-8", "038381ea"),
        ('text/plain;charset="UTF-8"', "038381ea"),
        ("text/plain; charset=x-mine", "098381" + b"x-mine\0".hex()),
        ("application/x-unheard", b"application/x-unheard\0".hex()),
        ("text/css", b"text/css\0".hex()),  # encoding version 1.4
        (
            "application/vnd.wap.connectivity-wbxml; SEC=1; MAC=AB12",
            "09b6918192" + b"AB12\0".hex(),
        ),
        ("text/x-vCard; charset=utf-8; x=7", "068781ea780087"),
        (
            "application/vnd.wap.multipart.related; type=text/html; start=a",
            "06b389828a6100",
        ),
        ("text/directory; profile=vCard", "1d" + b"text/directory\0profile\0vCard\0".hex()),
    ],
)
def test_content_type_goes_out_as_short_as_an_unknown_peer_can_take_it(
    content_type: str, octets: str
) -> None:
    assert encode_content_headers((("Content-Type", content_type),), b"x").hex() == octets


def test_content_type_is_spelled_out_where_the_profile_says_so() -> None:
    profile = HeaderProfile(content_type_codes=False)
    written = encode_content_headers((("Content-Type", "text/vnd.wap.si"),), b"x", profile)
    assert written == b"text/vnd.wap.si\0"


def test_content_type_of_later_version_goes_out_as_number_to_a_peer_that_has_it() -> None:
    assert encode_content_headers((("Content-Type", "text/css"),), b"x", LATEST) == b"\xbd"


def test_content_type_is_written_once_and_not_with_two_values() -> None:
    same = (("Content-Type", "text/plain"), ("content-type", "text/plain"))
    assert encode_content_headers(same, b"x") == b"\x83"
    with pytest.raises(EncodeError):
        encode_content_headers((*same, ("Content-Type", "text/html")), b"x")


def test_body_without_content_type_is_refused_and_none_without_body_is_empty() -> None:
    assert encode_content_headers((), b"") == b"\0"
    with pytest.raises(EncodeError):
        encode_content_headers((), b"x")


def test_content_length_goes_out_only_without_body_or_when_asked_for() -> None:
    headers = (("Content-Type", "text/plain"), ("Content-Length", "1"))
    assert encode_content_headers(headers, b"x").hex() == "83"
    assert encode_content_headers(headers, b"").hex() == "838d81"
    assert encode_content_headers(headers, b"x", HeaderProfile(content_length=True)).hex() == (
        "838d81"
    )


def test_unknown_headers_are_dropped_where_the_profile_says_so() -> None:
    profile = HeaderProfile(unknown_headers=False)
    headers = (("X-A", "b"), ("X-Wap-Application-Id", "2"), ("Content-ID", "<2>"))
    assert encode_headers(headers, profile) == b"\xaf\x82Content-ID\0<2>\0"


@pytest.mark.parametrize(("codes", "octets"), [(True, "af029010"), (False, "af613a6200")])
def test_application_id_with_its_number_has_the_form_that_the_profile_wants(
    codes: bool, octets: str
) -> None:
    profile = HeaderProfile(application_codes=codes)
    header = ("X-Wap-Application-Id", "a:b;app-encoding=9010")
    assert octets_of(header, profile=profile) == octets


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Date", "soon"), ("Age", "-1"), ("Age", "x"), ("Allow", "PATCH"), ("Push-Flag", "3"),
        ("Push-Flag", "10000000"), ("Bearer-Indication", "B"), ("Content-MD5", "AAAA"),
        ("Content-MD5", "*"), ("Content-Range", "bytes */10"), ("Range", "lines=1-2"),
        ("Warning", "999 a \"b\""), ("Cache-Control", "max-age"), ("Cache-Control", "public=1"),
        ("Accept", "text"), ("Accept", "text/html;q=2"), ("X-Wap-Application-Id", "gone"),
        ("X A", "b"), ("X-A", "b\r\nX-B: c"), ("", "b"), ("Connection", "a b"),
        ("Authorization", "Basic !"), ("Authorization", "Basic YQ=="), ("Expect", "x"),
        ("WWW-Authenticate", "Basic"), ("Set-Cookie", ""), ("Cookie", "$Path=/"),
        ("Profile-Warning", "999"), ("Encoding-Version", "x 1.2"), ("Pragma", "a=b; c=d"),
        ("Retry-After", "never"), ("Profile-Diff", "?"),
        ("Age", "1" * 5000), ("If-Range", "x"),
    ],
)  # fmt: skip
def test_writer_refuses_what_a_field_cannot_have_and_names_it(name: str, value: str) -> None:
    with pytest.raises(EncodeError) as raised:
        octets_of((name, value))
    assert raised.value.position == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Via", '"\\' * 30_000),
        ("Accept", "a/b;a" + " " * 60_000 + "x"),
        ("Warning", '110 a "' + '\\"' * 30_000),
        ("Date", "1 " * 30_000),
        ("Cookie", "a=b" + "; $Path=c" * 6_000),
        ("Encoding-Version", "9" * 60_000),
        ("Encoding-Version", "\u00b2"),
    ],
)
def test_writer_takes_linear_time_for_hostile_values(name: str, value: str) -> None:
    with suppress(EncodeError):  # ends at all; it took many seconds where it was quadratic
        octets_of((name, value))


def test_refused_credentials_do_not_show_in_the_reason() -> None:
    with pytest.raises(EncodeError) as raised:
        octets_of(("Authorization", "Basic c2VjcmV0"))
    assert "c2Vj" not in str(raised.value)


SLOPPY = [
    ("Age as text", "8531303000", ("Age", "100")),
    ("Date as text", "92" + b"Tue, 22 Nov 2011 12:00:00 GMT\0".hex(),
     ("Date", "Tue, 22 Nov 2011 12:00:00 GMT")),
    ("long form of a small number", "8503000005", ("Age", "5")),
    ("number after a name in text", "582d4100" "85", ("X-A", "5")),
    ("no text after a name in text", "582d4100" "00", ("X-A", "")),
    ("spaces around a text", "a920612000", ("User-Agent", "a")),
    ("content id without marks", "c03c323e00", ("Content-ID", "<2>")),
    ("content id with closing mark", "c0223c323e2200", ("Content-ID", "<2>")),
    ("long length of a short value", "931f00", ("Etag", "")),
    ("old parameter with quoted string", "ae0681862261" "2200",
     ("Content-Disposition", "attachment; filename=a")),
    ("new parameter with text string", "c5068198612062" "00",
     ("Content-Disposition", 'attachment; filename="a b"')),
    ("unregistered number of a parameter", "910583fe8581ea",
     ("Content-Type", "text/plain; charset=utf-8")),
    ("weight with its token", "8303998047", ("Accept-Language", "en;q=0.7")),
    ("language of the printed table", "8c706f00", ("Content-Language", "po")),
]  # fmt: skip


@pytest.mark.parametrize(("octets", "header"), [(octets, header) for _, octets, header in SLOPPY])
def test_reader_takes_what_is_sloppy(octets: str, header: tuple[str, str]) -> None:
    assert headers_of(octets) == (header,)


def test_typed_parameters_have_their_text() -> None:
    octets = (
        "c5" "1f25" "81" "93044ecb8ec0" "960205" "78" "8f" "2f00" "8e83" "90" "00" "8882"
        "8a6100" "8c6200" "8d6300" "82" "94" "8791"
    )  # fmt: skip
    length = len(bytes.fromhex(octets)) - 3
    octets = octets[:4] + f"{length:02x}" + octets[6:]
    (header,) = headers_of(octets)
    assert header[1] == (
        'attachment; creation-date="Tue, 22 Nov 2011 12:00:00 GMT"; size=1400; path="/"; max-age=3;'
        " secure; padding=2; start=a; comment=b; domain=c; level=1.4; differences=Content-Type"
    )
    assert headers_of(octets_of(header)) == (header,)


def test_cookies_keep_path_and_domain() -> None:
    value = '$Version=1; a=b; $Path="/p"; $Domain=.d; c="x y"; $Domain=.e'
    assert headers_of(octets_of(("Cookie", value))) == (("Cookie", value),)


@pytest.mark.parametrize(
    ("octets", "position"),
    [
        ("00", 0),  # no field name
        ("af82cb80", 3),  # number not assigned
        ("af", 1),  # no value
        ("af05", 2),  # value cut off
        ("af1f", 2),
        ("a961", 1),  # no end of text
        ("582041006200", 0),  # name with a space
        ("8604353f4511", 2),  # a length where none can be
        ("aecf", 1),  # no such value in one octet
        ("8f0100", 2),  # a digest of one octet
        ("9207ffffffffffffff", 2),  # a date after all time
        ("af050100000000", 2),  # more than 32 bits
        ("be020080", 2),  # a range without end
        ("91d9", 1),  # a media type that is not registered
        ("8303994700", 4),  # more octets than the value has
        ("a9610d0a58003a2000", 1),  # a second header smuggled in
        ("10af82", 1),  # a page that was not agreed on
        ("7f", 1),
        ("8703806100", 5),  # credentials without password
    ],
)
def test_reader_refuses_with_layer_and_place(octets: str, position: int) -> None:
    with pytest.raises(DecodeError) as raised:
        headers_of(octets)
    assert raised.value.layer == "wsp"
    assert raised.value.position == position
    assert raised.value.reason


def test_tolerant_reader_keeps_what_has_no_text_and_the_rest() -> None:
    octets = bytes.fromhex("af82cb0301020392610d00b4837f40b461005a007900")
    block = decode_headers(octets, tolerant=True)
    assert block.headers == (("X-Wap-Application-Id", "2"), ("Push-Flag", "11"), ("Z", "y"))
    assert block.raw_headers == (
        RawHeader(1, 0x4B, bytes.fromhex("03010203")),
        RawHeader(1, 0x12, b"a\r\0"),
        RawHeader(64, 0x34, b"a\0"),
    )
    assert [raw.position for raw in block.raw_headers] == [2, 7, 15]
    assert all(raw.reason for raw in block.raw_headers)


def test_raw_headers_are_written_as_they_were_read() -> None:
    unassigned, named = RawHeader(1, 0x4B, b"\x01\x02"), RawHeader(16, "X-A", b"\0")
    raw = (RawHeader(64, 0x34, b"a\0"), unassigned, named)
    octets = encode_headers((("Push-Flag", "11"),), LATEST, raw)
    assert octets.hex() == "b483cb010210582d4100007f40b46100"
    block = decode_headers(octets, tolerant=True)
    assert block.headers == (("Push-Flag", "11"), ("X-A", ""))


def test_blocks_that_stand_alone_are_read() -> None:
    assert headers_of("c394") == (("Encoding-Version", "1.4"),)  # of an acknowledgement
    assert headers_of("b284b282") == (("Accept-Application", "4"), ("Accept-Application", "2"))
    assert headers_of("") == ()


def test_code_page_holds_to_the_end_of_its_block_only() -> None:
    assert decode_headers(b"\x01\xaf\x82") == HeaderBlock((("X-Wap-Application-Id", "2"),))
    assert decode_headers(b"\x10\x01\xaf\x82") == HeaderBlock((("X-Wap-Application-Id", "2"),))


def test_tolerant_reader_still_refuses_what_has_no_end() -> None:
    for octets in (b"\xaf\x05", b"\xa9abc", b"\x00", b"\x7f"):
        with pytest.raises(DecodeError):
            decode_headers(octets, tolerant=True)


def test_reader_refuses_blocks_beyond_its_limit() -> None:
    with pytest.raises(LimitError):
        decode_headers(b"\xaf\x82" * (MAX_BLOCK // 2 + 1))


def test_header_of_code_page_0_is_written_with_a_shift_of_two_octets() -> None:
    octets = bytes.fromhex("7f00c3bfff00")
    block = decode_headers(octets, tolerant=True)
    assert next(raw.page for raw in block.raw_headers) == 0
    again = encode_headers(block.headers, raw_headers=block.raw_headers)
    assert decode_headers(again, tolerant=True) == block
