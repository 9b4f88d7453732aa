"""WBXML between us and tshark: every token of every document type by its name, whole documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import canonicalize

import pytest

from omapush.protocols import wbxml
from omapush.protocols.wbxml.tables import CO, EMN, PROV, SI, SL, UAPROF, WML_1_1, WML_1_2, WML_1_3
from omapush.protocols.wbxml.tokens import Page, TokenTable
from omapush.protocols.wsp.pdu import Push
from omapush.protocols.wsp.pdu_codec import encode_unit_pdu
from omapush.testing.tshark import Capture, Dissected

# DRM REL is not here: tshark 4.0 has no names for its tokens.
TABLES = {each.title: each for each in (SI, SL, CO, EMN, PROV, WML_1_1, WML_1_2, WML_1_3, UAPROF)}
FIELDS = {
    "tag": "wbxml.known_tag",
    "start": "wbxml.known_attrstart",
    "value": "wbxml.known_attrvalue",
}
NOT_KNOWN = "(Requested token not defined for this content type)"

SI_TYPE, PROV_TYPE = "text/vnd.wap.si", "text/vnd.wap.connectivity-xml"
DOCUMENTS = {
    "published SI": (
        SI_TYPE,
        '<si><indication href="http://www.xyz.com/email/123/abc.wml"'
        ' created="1999-06-25T15:23:15Z" si-expires="1999-06-30T00:00:00Z">You have 4 new e-mails'
        "</indication></si>",
    ),
    "SI with all": (
        SI_TYPE,
        '<si><indication href="https://www.shop.example.net/x" si-id="a1"'
        ' created="2011-11-22T12:00:00Z" action="signal-high">Sale &amp; more é</indication>'
        '<info><item class="vnd.x">42</item></info></si>',
    ),
    "SI delete": (SI_TYPE, '<si><indication si-id="123@x.example" action="delete"/></si>'),
    "SL": ("text/vnd.wap.sl", '<sl href="https://example.com/a" action="cache"/>'),
    "CO": (
        "text/vnd.wap.co",
        '<co><invalidate-object uri="foo.wml"/><invalidate-service uri="http://www.x.org/"/></co>',
    ),
    "PROV 1.0": (
        PROV_TYPE,
        '<wap-provisioningdoc version="1.0"><characteristic type="NAPDEF">'
        '<parm name="NAPID" value="N1"/><parm name="BEARER" value="GSM-GPRS"/>'
        '<parm name="NAP-ADDRESS" value="apn.example"/><parm name="INTERNET"/></characteristic>'
        '<characteristic type="X-OTHER"><parm name="FOO" value="BAR"/></characteristic>'
        "</wap-provisioningdoc>",
    ),
    "PROV 1.1": (
        PROV_TYPE,
        '<wap-provisioningdoc version="1.1"><characteristic type="APPLICATION">'
        '<parm name="APPID" value="w2"/><parm name="NAME" value="Home"/>'
        '<parm name="TO-NAPID" value="N1"/><characteristic type="RESOURCE">'
        '<parm name="URI" value="http://a.example/"/></characteristic></characteristic>'
        "</wap-provisioningdoc>",
    ),
    "WML": (
        "text/vnd.wap.wml",
        '<wml><card id="a" title="T"><p align="center">Hi<br/><a href="http://www.xyz.com/">go</a>'
        "</p></card></wml>",
    ),
}

# Where the two differ, and who is right. Whatever is not listed here must agree; what is listed
# must still differ.
_LATER_IN_WML = {
    # We read all editions of WML by the table of 1.3, which only adds to the others (WAP-191).
    f"start 0 {token}": NOT_KNOWN
    for token in ("62", "63", "64")
}
_WML = {
    # libwbxml and WAP-191 are with us.
    "start 0 33": "ordered=false",
    "start 0 34": "ordered=true",
}
DIFFERENCES = {
    # libwbxml is with us; mailboxes such as user@wapforum.org have no slash after the domain. We
    # do not write these tokens.
    "EMN 1.0": {
        "value 0 85": ".com/",
        "value 0 86": ".edu/",
        "value 0 87": ".net/",
        "value 0 88": ".org/",
    },
    "PROV 1.0": {
        # WAP-183 and libwbxml are with us. We never write these two on page 1.
        "start 1 05": NOT_KNOWN,
        "start 1 06": NOT_KNOWN,
        # libwbxml is with us: the bearers are called 1X.
        "value 0 b9": "CDMA2000-IX-SIMPLE-IP",
        "value 0 ba": "CDMA2000-IX-MOBILE-IP",
        # Nobody knows: libwbxml is with us, the specification of 1.1 was not at hand. We do not
        # write these.
        "value 0 e0": NOT_KNOWN,
        "value 0 e1": NOT_KNOWN,
        **{f"value 1 {token}": NOT_KNOWN for token in ("90", "91", "92", "93")},
    },
    # We are right: it is a slip of the pen.
    "UAProf Profile-Diff": {"tag 2 1b": "Prf:XhtmlVersion"},
    "WML 1.3": _WML,
    "WML 1.2": _WML | _LATER_IN_WML,
    "WML 1.1": _WML
    | _LATER_IN_WML
    | {"tag 0 1b": NOT_KNOWN}
    | {f"start 0 {token}": NOT_KNOWN for token in ("5e", "5f", "60", "61")},
}


def every_token(table: TokenTable) -> Iterator[tuple[str, str, bytes]]:
    """Yield each token of ``table``: where it is, its name, and a smallest document with it."""
    head = bytes((table.version, table.public_id, 0x6A, 0))
    root = next(token for token, name in table.tags[0].items() if name == table.root)
    plain = next(
        token
        for token, name in table.starts[0].items()
        if "=" not in name and name not in table.attribute_codecs
    )
    kinds: dict[str, tuple[Mapping[int, Page], bytes, bytes]] = {
        "tag": (table.tags, bytes((root | 0x40,)), b"\x01"),
        "start": (table.starts, bytes((root | 0x80,)), b"\x03x\x00\x01"),
        "value": (table.values, bytes((root | 0x80, plain)), b"\x01"),
    }
    for kind, (pages, before, after) in kinds.items():
        for page, names in pages.items():
            switch = bytes((0x00, page)) if page else b""
            for token, name in names.items():
                octets = head + before + switch + bytes((token,)) + after
                yield f"{kind} {page} {token:02x}", name, octets


def push(media_type: str, body: bytes) -> bytes:
    return encode_unit_pdu(1, Push((("Content-Type", media_type),), body))


def plain(kind: str, said: str) -> str:
    """Return the name of a token as our tables have it: ``name`` or ``name=prefix``."""
    if kind == "value":
        return said[1:-1] if said.startswith("'") else said
    name, equals, prefix = said.partition("='")
    return f"{name}={prefix[:-1]}" if equals else said.removesuffix("=")


@pytest.fixture(scope="module")
def seen(dissect: Callable[[Capture], dict[str, Dissected]]) -> dict[str, Dissected]:
    capture = Capture()
    for title, table in TABLES.items():
        for token, _, octets in every_token(table):
            name = f"{title} {token}"
            if table is UAPROF:
                # Inside a header that says the type, the octets do not.
                capture.message(name, "wbxml-uaprof", octets)
            else:
                whole = push("application/vnd.wap.wbxml", octets)
                capture.datagram(name, whole, source_port=9200, port=2948)
    for name, (media_type, document) in DOCUMENTS.items():
        body = wbxml.encode_xml(document.encode(), media_type)
        whole = push(wbxml.TEXT_TO_BINARY[media_type], body)
        capture.datagram(name, whole, source_port=9200, port=2948)
    return dissect(capture)


@pytest.mark.parametrize("title", TABLES)
def test_tshark_gives_every_token_the_name_that_we_give_it(
    seen: dict[str, Dissected], title: str
) -> None:
    different = {}
    for token, name, _ in every_token(TABLES[title]):
        kind = token.partition(" ")[0]
        packet = seen[f"{title} {token}"]
        said = plain(kind, packet.values(FIELDS[kind])[-1])
        if said != name:
            different[token] = said
    assert different == DIFFERENCES.get(title, {})


def rebuilt(packet: Dissected) -> str:
    """Return the document that tshark's tokens make, as XML."""
    document = ElementTree.TreeBuilder()
    tag, attribute, content = "", "", False
    attributes: dict[str, str] | None = None
    for field in packet.all():
        kind = field.name.removeprefix("wbxml.")
        if kind == "known_tag":
            # Behind the name it shows which of attributes and content the tag says it has.
            tag, flags = field.said, field.shown.partition("(")[2][:2]
            attributes, content = ({} if flags[0] == "A" else None), flags[1] == "C"
        elif kind == "known_attrstart" and attributes is not None:
            attribute, _, prefix = plain("start", field.said).partition("=")
            attributes[attribute] = prefix
        elif kind in {"known_attrvalue", "str_i", "opaque_data"}:
            if attributes is None:
                document.data(text_of(field))
            else:
                attributes[attribute] += text_of(field)
        if kind == "end_attribute_list" or (kind == "known_tag" and attributes is None):
            document.start(tag, attributes or {})
            if content:
                attributes = None
            else:
                document.end(tag)
        elif kind == "end_known_tag.uint":
            document.start(tag, attributes or {})
            document.end(tag)
            attributes = None
        elif kind == "end_known_tag":
            document.end(field.said)
    return ElementTree.tostring(document.close(), encoding="unicode")


def text_of(field: Dissected) -> str:
    if field.name == "wbxml.opaque_data":
        return field.shown.rpartition("DateTime: ")[2]
    return plain("value", field.said) if field.name == "wbxml.known_attrvalue" else field.said


@pytest.mark.parametrize("name", DOCUMENTS)
def test_tshark_reads_the_document_in_our_octets(seen: dict[str, Dissected], name: str) -> None:
    packet = seen[name]
    assert canonicalize(rebuilt(packet)) == canonicalize(DOCUMENTS[name][1])
    assert packet.complaints == []
