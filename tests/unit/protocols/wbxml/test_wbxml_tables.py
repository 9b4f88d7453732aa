from __future__ import annotations

import pytest

from omapush.protocols.wbxml import BINARY_TO_TEXT, TABLES, TEXT_TO_BINARY, by_media_type
from omapush.protocols.wbxml.index import encoding_index
from omapush.protocols.wbxml.tables import PROV, SI, UAPROF, WML_1_1, WML_1_3
from omapush.protocols.wbxml.tokens import Page, TokenTable


@pytest.mark.parametrize(
    ("page", "token", "said"),
    [
        (SI.starts[0], 0x12, "class"),
        (PROV.starts[0], 0x1A, "name=PXAUTH-ID"),
        (PROV.starts[0], 0x2E, "name=WSP-VERSION"),
        (PROV.starts[0], 0x3F, "name=PPGAUTH-TYPE"),
        (PROV.starts[0], 0x4C, "name=T-BIT"),
        (PROV.starts[0], 0x4F, "name=SPI"),
        (PROV.starts[0], 0x5B, "type=ACCESS"),
        (PROV.starts[1], 0x3B, "name=RULE"),
        (PROV.starts[1], 0x59, "type=RESOURCE"),
        (PROV.values[0], 0x8C, "MAN"),
        (PROV.values[0], 0x95, "DIRECT-ASYNCHRONOUS-DATA-SERVICE"),
        (PROV.values[0], 0x9F, "MD5"),
        (PROV.values[0], 0xBA, "CDMA2000-1X-MOBILE-IP"),
        (PROV.values[0], 0xD3, "OTA-HTTP-TLS-PO"),
        (PROV.values[1], 0x8E, "OBEX"),
        (WML_1_3.tags[0], 0x39, "strong"),
        (WML_1_3.tags[0], 0x3F, "wml"),
        (WML_1_3.starts[0], 0x0D, "content"),
        (WML_1_3.starts[0], 0x2A, "path"),
        (WML_1_3.starts[0], 0x33, "ordered=true"),
        (WML_1_3.starts[0], 0x3F, "type=ontimer"),
        (WML_1_3.starts[0], 0x50, "xml:lang"),
        (WML_1_3.starts[0], 0x64, "cache-control=no-cache"),
        (WML_1_3.values[0], 0x9B, "reset"),
        (WML_1_3.values[0], 0xA1, "www."),
        (UAPROF.tags[0], 0x0F, "rdf:object"),
        (UAPROF.tags[1], 0x13, "prf:Keyboard"),
        (UAPROF.tags[1], 0x3E, "prf:MexeSecureDomains"),
        (UAPROF.tags[2], 0x1C, "prf:XhtmlModules"),
        (UAPROF.tags[3], 0x13, "prf:Push-MaxPushReq"),
        (UAPROF.tags[4], 0x15, "prf:CcppAccept-Language"),
        (UAPROF.starts[0], 0x10, "xmlns:rdf"),
    ],
)
def test_each_run_of_tokens_ends_where_its_register_says(page: Page, token: int, said: str) -> None:
    assert page[token] == said


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.title)
def test_table_has_only_tokens_of_their_space(table: TokenTable) -> None:
    tags = [token for page in table.tags.values() for token in page]
    starts = [token for page in table.starts.values() for token in page]
    values = [token for page in table.values.values() for token in page]
    assert all(0x05 <= token <= 0x3F for token in tags)
    assert all(0x05 <= token <= 0x7F and not 0x40 <= token <= 0x44 for token in starts)
    assert all(token >= 0x85 and not 0xC0 <= token <= 0xC4 for token in values)
    assert table.root in encoding_index(table).tags
    assert table.fragments <= encoding_index(table).values.keys()


def test_media_types_come_in_pairs_with_the_same_table() -> None:
    assert {text: binary for binary, text in BINARY_TO_TEXT.items()} == TEXT_TO_BINARY
    for text, binary in TEXT_TO_BINARY.items():
        assert by_media_type(text) is by_media_type(binary) is not None


def test_media_type_is_found_without_regard_to_case_and_parameters() -> None:
    assert by_media_type("Text/VND.wap.si; charset=utf-8") is SI
    assert by_media_type(None) is None
    assert by_media_type("text/plain") is None


def test_public_identifier_chooses_among_editions_only() -> None:
    assert by_media_type("text/vnd.wap.wml", 0x04) is WML_1_1
    assert by_media_type("text/vnd.wap.wml", "-//WAPFORUM//DTD WML 1.1//EN") is WML_1_1
    assert by_media_type("text/vnd.wap.wml", 0x05) is WML_1_3
    assert by_media_type("text/vnd.wap.si", 0x06) is SI
