"""Kannel's compilers, packers and unpackers against ours: WBXML, WSP headers, WTP and WSP PDUs."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree.ElementTree import canonicalize

import pytest

from omapush.core.errors import EncodeError
from omapush.protocols import wbxml
from omapush.protocols.wbxml.tables import PROV, SI, SL, WML_1_1
from omapush.protocols.wbxml.tokens import TokenTable
from omapush.protocols.wsp import pdu as wsp
from omapush.protocols.wsp.capabilities import Capabilities, ProtocolOption
from omapush.protocols.wsp.headers import Header, decode_headers, encode_headers
from omapush.protocols.wsp.pdu_codec import encode_pdu
from omapush.protocols.wsp.profile import HeaderProfile
from omapush.protocols.wtp import pdu as wtp
from omapush.protocols.wtp import tpi

PROGRAMS = Path("/usr/lib/kannel/test")
WSP_1_2 = HeaderProfile(encoding_version=(1, 2))


def run(program: str, *arguments: str | Path) -> str:
    """Return what one of Kannel's test programs says."""
    path = PROGRAMS / program
    if not path.exists():
        reason = f"{path} is missing: install Debian's package kannel-extras"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run([path, *arguments], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    return done.stderr.decode(errors="replace")


# ---- compilers ----------------------------------------------------------------------------------

SI_TYPE, SL_TYPE, PROV_TYPE, WML_TYPE = (
    "text/vnd.wap.si",
    "text/vnd.wap.sl",
    "text/vnd.wap.connectivity-xml",
    "text/vnd.wap.wml",
)
COMPILERS = {SI_TYPE: "test_si", SL_TYPE: "test_sl", PROV_TYPE: "test_ota", WML_TYPE: "wml_tester"}
TABLES = {SI_TYPE: SI, SL_TYPE: SL, PROV_TYPE: PROV, WML_TYPE: WML_1_1}
DOCUMENTS = {
    "SI, published": (
        SI_TYPE,
        '<si><indication href="http://www.xyz.com/email/123/abc.wml"'
        ' created="1999-06-25T15:23:15Z" si-expires="1999-06-30T00:00:00Z">You have 4 new e-mails'
        "</indication></si>",
    ),
    "SI, delete": (SI_TYPE, '<si><indication si-id="123@x.example" action="delete"/></si>'),
    "SI, all": (
        SI_TYPE,
        '<si><indication href="https://www.shop.example.net/x" si-id="a1"'
        ' created="2011-11-22T12:00:00Z" action="signal-high">Sale &amp; more é</indication></si>',
    ),
    "SL": (SL_TYPE, '<sl href="https://example.com/a" action="cache"/>'),
    "SL, www": (SL_TYPE, '<sl href="http://www.xyz.com/a" action="cache"/>'),
    "PROV": (
        PROV_TYPE,
        '<wap-provisioningdoc version="1.0"><characteristic type="BOOTSTRAP">'
        '<parm name="NAME" value="Example"/></characteristic><characteristic type="NAPDEF">'
        '<parm name="NAPID" value="N1"/><parm name="BEARER" value="GSM-GPRS"/>'
        '<parm name="NAP-ADDRESS" value="apn.example"/><parm name="NAP-ADDRTYPE" value="APN"/>'
        "</characteristic></wap-provisioningdoc>",
    ),
    "WML": (
        WML_TYPE,
        '<wml><card id="a" title="T"><p align="center">Hi<br/><a href="http://www.x.org/">go</a>'
        "</p></card></wml>",
    ),
}
OCTET_DIFFERENCES = {
    # Both are valid; ours is shorter, by the longest prefix that there is a token for.
    "SL, www": "Kannel writes http:// and a string that begins with www.",
}


def source(media_type: str, document: str) -> bytes:
    table: TokenTable = TABLES[media_type]
    doctype = f'<!DOCTYPE {table.root} PUBLIC "{table.public_name}" "{table.system_id}">'
    return f'<?xml version="1.0"?>{doctype}{document}'.encode()


def compiled_by_kannel(media_type: str, document: str, folder: Path) -> bytes:
    path, result = folder / "source", folder / "result"
    path.write_bytes(source(media_type, document))
    result.unlink(missing_ok=True)  # or it would be written behind what is there
    binary = ("-b",) if media_type == WML_TYPE else ()
    run(COMPILERS[media_type], *binary, "-f", result, path)
    octets = result.read_bytes()
    if media_type in {SI_TYPE, SL_TYPE}:
        # These two write a line of text first, and most octets as \xHH.
        octets = re.sub(rb"\\x([0-9a-f]{2})", lambda hit: bytes.fromhex(hit[1].decode()), octets)
        octets = octets.partition(b"content being\n")[2]
    return octets


@pytest.mark.parametrize("name", DOCUMENTS)
def test_we_read_the_document_in_kannels_octets(tmp_path: Path, name: str) -> None:
    media_type, document = DOCUMENTS[name]
    octets = compiled_by_kannel(media_type, document, tmp_path)
    assert canonicalize(wbxml.decode_xml(octets).decode()) == canonicalize(document)


def test_kannel_writes_the_octets_that_we_write(tmp_path: Path) -> None:
    different = set()
    for name, (media_type, document) in DOCUMENTS.items():
        theirs = compiled_by_kannel(media_type, document, tmp_path)
        if theirs != wbxml.encode_xml(source(media_type, document), media_type):
            different.add(name)
    assert different == set(OCTET_DIFFERENCES)


# ---- PDUs ---------------------------------------------------------------------------------------

CONNECT = wsp.Connect(
    Capabilities(
        client_sdu_size=1_400,
        protocol_options=ProtocolOption.CONFIRMED_PUSH | ProtocolOption.PUSH,
        push_mor=2,
    ),
    (("Accept-Application", "4"), ("User-Agent", "PushTest/1.0")),
)
PUSH_HEADERS = (("Content-Type", "application/vnd.wap.sic"), ("X-Wap-Application-Id", "2"))
PDUS: dict[str, tuple[wtp.Pdu, wsp.Pdu | None]] = {
    "connect": (wtp.Invoke(1, 2, user_acknowledgement=True), CONNECT),
    "connect reply": (
        wtp.Result(0x8001),
        wsp.ConnectReply(0x1234, Capabilities(push_mor=1), (("Server", "x"),)),
    ),
    "ack": (wtp.Ack(1), None),
    "confirmed push": (
        wtp.Invoke(0x10, 1, user_acknowledgement=True),
        wsp.ConfirmedPush(PUSH_HEADERS, b"\x02\x05"),
    ),
    "again": (
        wtp.Invoke(0x10, 1, user_acknowledgement=True, retransmitted=True),
        wsp.ConfirmedPush(PUSH_HEADERS, b"\x02\x05"),
    ),
    "push": (wtp.Invoke(0x11, 0), wsp.Push(PUSH_HEADERS, b"\x02\x05")),
    "ack with headers": (wtp.Ack(0x8010, tpis=(tpi.InfoTpi(b"\xc3\x94"),)), None),
    "refused": (wtp.Abort(0x8010, 1, 0xED), None),
    "suspend": (wtp.Invoke(2, 0), wsp.Suspend(0x1234)),
    "resume": (wtp.Invoke(3, 2), wsp.Resume(0x1234, (("Bearer-Indication", "03"),))),
    "disconnect": (wtp.Invoke(4, 0), wsp.Disconnect(0x1234)),
    "get": (wtp.Invoke(6, 2), wsp.Get("http://www.example.com/a")),
    "reply": (wtp.Result(0x8006), wsp.Reply(404, (("Content-Type", "text/plain"),), b"none")),
    "segment": (wtp.SegmentedInvoke(0x20, 1, b"abc", group_trailer=True), None),
    "missing": (wtp.NegativeAck(0x8020, (1, 3)), None),
    "option": (wtp.Ack(7, tpis=(tpi.OptionTpi(1, b"\x05\x78"),)), None),
}
KANNELS_NAMES = {
    wtp.Invoke: "Invoke",
    wtp.Result: "Result",
    wtp.Ack: "Ack",
    wtp.Abort: "Abort",
    wtp.SegmentedInvoke: "Segmented_invoke",
    wtp.NegativeAck: "Negative_ack",
}


def octets_of(name: str) -> bytes:
    packet, content = PDUS[name]
    octets = wtp.encode(packet)
    return octets if content is None else octets + encode_pdu(content)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What Kannel's test_pdu says of each PDU, having unpacked and packed it again."""
    folder = tmp_path_factory.mktemp("pdus")
    for number, name in enumerate(PDUS):
        (folder / f"{number:02}").write_bytes(octets_of(name))
    said = run("test_pdu", *sorted(folder.iterdir()))
    parts = re.split(r"DEBUG: PDU \S+:\n", said)[1:]
    return dict(zip(PDUS, parts, strict=True))


@pytest.mark.parametrize("name", PDUS)
def test_kannel_unpacks_our_pdu_and_packs_the_same_octets(
    unpacked: dict[str, str], name: str
) -> None:
    said = unpacked[name]
    packet, content = PDUS[name]
    assert "changed" not in said
    assert "ERROR" not in said
    assert "WARNING" not in said
    assert f"WTP {KANNELS_NAMES[type(packet)]} PDU at" in said
    assert f"Transaction ID (TID): {packet.transaction_id}\n" in said
    if isinstance(packet, wtp.Invoke):
        assert f"Transaction class (TCL): {packet.transaction_class}\n" in said
        assert f"User ack flag: {packet.user_acknowledgement:d}\n" in said
        assert f"Re-transmission indicator (RID): {packet.retransmitted:d}\n" in said
    if content is not None:
        assert re.search(f"WSP {type(content).__name__} PDU at", said, re.IGNORECASE)


# ---- headers ------------------------------------------------------------------------------------

HEADERS = [
    ("Accept", "application/vnd.wap.wmlc"),
    ("Accept-Charset", "utf-8"),
    ("Accept-Language", "sv"),
    ("Age", "5868"),
    ("Cache-Control", "max-age=5000"),
    ("Content-Encoding", "gzip"),
    ("Content-Length", "5000"),
    ("Content-Location", "http://pi.example.com/msg/1"),
    ("Date", "Tue, 15 Nov 1994 08:12:31 GMT"),
    ("Expires", "Tue, 15 Nov 1994 08:12:31 GMT"),
    ("Location", "http://www.kannel.org/status.shtml"),
    ("User-Agent", "Kannel"),
    ("X-Wap-Application-Id", "4"),
    ("X-Unheard-Of", "foo, bar"),
]
# Kannel wants a number here, and takes a URI for number 0, which is any application: a client
# might hand the content to the wrong one. We are right to write the URI (WAP-235).
APPLICATION_BY_URI = ("X-Wap-Application-Id", "urn:x-example:app.ua")


def packed_by_kannel(headers: list[Header], folder: Path) -> bytes:
    source = folder / "headers"
    source.write_text("".join(f"| {name}: {value}\n" for name, value in headers))
    said = run("test_headers", "-v", "0", source)
    dump = re.search(r"((?:.*DEBUG: +data: .*\n)+)", said)
    assert dump is not None
    return b"".join(
        bytes.fromhex(line.partition("data: ")[2][:48]) for line in dump[1].splitlines()
    )


def test_kannel_packs_headers_as_we_do(tmp_path: Path) -> None:
    theirs = packed_by_kannel(HEADERS, tmp_path)
    assert encode_headers(HEADERS, WSP_1_2) == theirs
    assert list(decode_headers(theirs).headers) == HEADERS


def test_kannel_still_packs_an_application_by_uri_as_any(tmp_path: Path) -> None:
    assert packed_by_kannel([APPLICATION_BY_URI], tmp_path) == b"\xaf\x80"
    assert decode_headers(encode_headers([APPLICATION_BY_URI], WSP_1_2)).headers == (
        APPLICATION_BY_URI,
    )


# The file that Kannel tests its own headers with: "|" a header that comes back as it was, "<" one
# that comes back as the ">" after it. What differs, and who is right:
CORPUS_DIFFERENCES = {
    # We could be more lenient: white space around "=" is refused in these fields.
    "Cache-Control: min-fresh= 5000, min-fresh  =0, min-fresh=  2147483647",
    'Cache-Control: public, private = "Allow, Content-length", private = "foo"',
    "Range: bytes = -500, -20,-1,0-10",
    "Range: bytes = 50-",
    "Range: bytes = 50-,10-20",
    # Several credentials or challenges in one field: a gateway gets one.
    "Authorization: Basic",
    "Proxy-Authenticate: Basic",
    "WWW-Authenticate: Basic",
    # We are right: methods are case-sensitive, and one without a number cannot be said (WSP).
    "Allow: GET, head, PUT",
    "Allow: something",
    # We are right: these fields have no parameters in WSP.
    "Content-Encoding: compress;q=0.5, gzip;q=1.0",
    "Transfer-Encoding: foo; level=3; gnu=bar, Chunked, somethingelse",
    # We are right: Kannel drops or changes weights of codings.
    "Accept-encoding: compress;q=0.5, gzip;q=1.0",
    "Accept-Encoding: gzip;q=1.0, identity; q=0.5, *;q=0",
    # We are right: the warn-code is 110, WSP's number for it 10.
    'Warning: 110 www.kannel.org "Response is stale" "Tue, 15 Nov 1994 08:12:31 GMT"',
    'Warning: 112 www.kannel.org "Disconnected operation", 299 www.kannel.org "something else"',
}


def corpus() -> Iterator[tuple[Header, list[Header]]]:
    """Yield the headers of Kannel's file, and what each comes back as."""
    given: Header | None = None
    expected: list[Header] = []
    for line in [*(PROGRAMS / "header_test").read_text().splitlines(), "|"]:
        name, _, value = line[1:].partition(":")
        header = (name.strip(), value.strip())
        if line.startswith(">"):
            expected.append(header)
        elif line.startswith(("|", "<")):
            if given is not None:
                yield given, expected
            given = header
            expected = [header] if line.startswith("|") else []


def folded(headers: Iterable[Header]) -> list[str]:
    """Return ``headers`` without what means nothing: blanks, quotes of tokens, case of names."""
    lines = []
    for name, value in headers:
        text = re.sub(r'=\s*"([\w.-]+)"', r"=\1", re.sub(r"\s*([=;])\s*", r"\1", value))
        text = re.sub(r"(=[01])[.]0*$", r"\1", text)
        lines.append(f"{name}: {text}".lower())
    return lines


def test_we_read_the_headers_that_kannel_tests_itself_with_as_kannel_does() -> None:
    run("test_headers", PROGRAMS / "header_test")
    different = set()
    profile = HeaderProfile(encoding_version=(1, 5))
    for given, expected in corpus():
        try:
            read = decode_headers(encode_headers([given], profile)).headers
        except EncodeError:
            read = ()
        if folded(read) != folded(expected):
            different.add(f"{given[0]}: {given[1]}")
    assert {line.partition(" QWxh")[0].partition(" realm=")[0] for line in different} == (
        CORPUS_DIFFERENCES
    )
