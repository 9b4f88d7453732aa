"""Whatever comes: octets are a document or refused; whatever is written reads the same."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.content.email_notification import EmailNotification
from omapush.content.indication import (
    CacheOperation,
    InfoItem,
    ServiceIndication,
    ServiceLoading,
    SignalAction,
)
from omapush.core.errors import DecodeError
from omapush.core.instants import Instant
from omapush.protocols import wbxml
from omapush.protocols.wbxml.tables import TABLES, WML_1_3

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20)
VALUES = st.lists(
    st.one_of(TEXTS, st.sampled_from(["http://", "www.", ".com/", "APN", "accept", "$(x)", "$"])),
    max_size=4,
).map("".join)
LITERALS = st.text(string.ascii_letters, min_size=1, max_size=3)
CHARSETS = st.sampled_from([3, 4, 17, 106, 1013, 1014, 2026, 2252])
BY_TITLE = {table.title: table for table in TABLES}
TITLES = st.sampled_from(sorted(BY_TITLE))


def names(pages: dict[int, dict[int, str]]) -> st.SearchStrategy[str]:
    known = sorted({said.partition("=")[0] for page in pages.values() for said in page.values()})
    return st.one_of(st.sampled_from(known), LITERALS) if known else LITERALS


def elements(table: wbxml.TokenTable) -> st.SearchStrategy[wbxml.Element]:
    """Elements of a type, but for names whose values have a form of their own."""
    tags = names(table.tags).filter(lambda name: name not in table.content_codecs)
    attributes = st.dictionaries(
        names(table.starts).filter(lambda name: name not in table.attribute_codecs),
        VALUES,
        max_size=3,
    )
    instructions = st.builds(wbxml.ProcessingInstruction, LITERALS, VALUES)

    def children(inner: st.SearchStrategy[wbxml.Element]) -> st.SearchStrategy[wbxml.Element]:
        other = st.one_of(inner, st.binary(max_size=4), instructions)
        # Text stands next to no text.
        content = st.lists(st.tuples(st.none() | VALUES, other), max_size=3).map(
            lambda pairs: tuple(
                part for pair in pairs for part in pair if part is not None and part != ""
            )
        )
        return st.builds(wbxml.Element, tags, attributes, content)

    return st.recursive(st.builds(wbxml.Element, tags, attributes), children, max_leaves=6)


def documents(table: wbxml.TokenTable) -> st.SearchStrategy[wbxml.WbxmlDocument]:
    return st.builds(
        wbxml.WbxmlDocument,
        st.sampled_from([1, 2, 3]),
        st.just(table.public_id),
        CHARSETS,
        elements(table),
    )


@settings(max_examples=150, deadline=None)
@given(st.data(), TITLES)
def test_document_that_was_written_reads_the_same(data: st.DataObject, title: str) -> None:
    table = BY_TITLE[title]
    document = data.draw(documents(table))
    octets = wbxml.encode(document, table)
    again = wbxml.decode(octets, table)
    if table.variables is None:
        assert again == document
    # Of a text with variables only the meaning stays: what was read is its own first spelling.
    assert wbxml.decode(wbxml.encode(again, table), table) == again
    tree = wbxml.explain(octets, "application/vnd.wap.uaprof" if table.public_id == 1 else None)
    leaves = [field.octets for field in tree.walk() if not field.children]
    assert b"".join(leaves) == octets


def judged(octets: bytes, media_type: str | None) -> None:
    try:
        text = wbxml.decode_xml(octets, media_type)
    except DecodeError:
        return
    assert text.startswith(b"<?xml")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.none() | st.sampled_from(sorted(wbxml.BINARY_TO_TEXT)))
def test_any_octets_are_a_document_or_refused(octets: bytes, media_type: str | None) -> None:
    judged(octets, media_type)
    judged(b"\x03\x0a\x6a\x03ab\0" + octets, media_type)


@settings(max_examples=200, deadline=None)
@given(st.data(), TITLES)
def test_any_damage_to_a_document_is_read_or_refused(data: st.DataObject, title: str) -> None:
    table = BY_TITLE[title]
    octets = bytearray(wbxml.encode(data.draw(documents(table)), table))
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    judged(bytes(octets), None)
    try:
        tree = wbxml.explain(bytes(octets))
    except DecodeError:
        return
    leaves = [field.octets for field in tree.walk() if not field.children]
    assert b"".join(leaves) == bytes(octets)


@pytest.mark.parametrize("amplifier", [b"\x83\0", b"\x80\0", b"\x04\0"])
def test_references_cannot_make_much_of_little(amplifier: bytes) -> None:
    octets = b"\x03\x0a\x6a\x8f\x50" + b"x" * 2_000 + b"\x60" + amplifier * 50_000 + b"\1"
    limits = wbxml.Limits(referenced=100_000)
    with pytest.raises(DecodeError):
        wbxml.decode(octets, WML_1_3, limits=limits)


LINES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), max_size=20
)
URIS = st.none() | st.text(string.ascii_letters + "/:.$&", max_size=20)
SECONDS = st.none() | st.integers(0, 253_402_300_799).map(lambda second: Instant(second * 1000))
CONTENT = st.one_of(
    st.builds(
        ServiceIndication,
        LINES,
        URIS,
        st.text(string.digits, min_size=1),
        SECONDS,
        SECONDS,
        st.sampled_from(SignalAction),
        st.lists(st.builds(InfoItem, LITERALS, LINES), max_size=2).map(tuple),
    ),
    st.builds(ServiceLoading, LITERALS),
    st.builds(CacheOperation, st.lists(LITERALS, min_size=1, max_size=3).map(tuple)),
    st.builds(EmailNotification, LITERALS, SECONDS),
)


@settings(max_examples=150, deadline=None)
@given(CONTENT)
def test_text_and_binary_form_of_content_say_the_same(
    value: ServiceIndication | ServiceLoading | CacheOperation | EmailNotification,
) -> None:
    text, binary = value.to_xml(), value.to_wbxml()
    assert type(value).from_xml(text) == type(value).from_wbxml(binary) == value
    assert wbxml.encode_xml(text, value.TEXT_TYPE) == binary
    assert wbxml.decode_xml(binary, value.BINARY_TYPE) == text


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([ServiceIndication, ServiceLoading, CacheOperation]), st.binary(max_size=40))
def test_any_octets_are_content_or_refused(
    kind: type[ServiceIndication | ServiceLoading | CacheOperation], octets: bytes
) -> None:
    for read in (kind.from_xml, kind.from_wbxml):
        try:
            value = read(octets)
        except DecodeError:
            continue
        assert isinstance(value, kind)
