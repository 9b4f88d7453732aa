"""XML from strangers: which characters, nothing that expands, and where it is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omapush.protocols.xml import XmlError, encoding_of, parse, refuse_expansion


@pytest.mark.parametrize(
    ("octets", "charset", "encoding"),
    [
        (b"<a/>", None, "utf-8"),
        (b"<a/>", "ISO-8859-1", "iso-8859-1"),
        (b'<?xml version="1.0" encoding="latin-1"?><a/>', None, "iso-8859-1"),
        (b'<?xml version="1.0" encoding="latin-1"?><a/>', "utf-8", "utf-8"),
        (b"\xef\xbb\xbf<a/>", "iso-8859-1", "utf-8"),
        ("<a/>".encode("utf-16"), "iso-8859-1", "utf-16"),
        (b"\r\n <?xml version='1.0' encoding='cp1252'?><a/>", None, "windows-1252"),
    ],
)
def test_mark_counts_before_transport_before_declaration(
    octets: bytes, charset: str | None, encoding: str
) -> None:
    assert encoding_of(octets, charset) == encoding


@pytest.mark.parametrize("charset", ["utf-7", "ebcdic", "", "\u2603"])
def test_other_character_sets_are_refused(charset: str) -> None:
    with pytest.raises(XmlError, match="not taken"):
        encoding_of(b'<?xml encoding="utf-7"?><a/>', charset)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", 13),
        ("<!DOCTYPE a [<!ATTLIST a b CDATA 'c'>]><a/>", 13),
        ("<a>&b;</a>", 3),
    ],
)
def test_what_could_expand_is_refused_at_its_place(text: str, position: int) -> None:
    with pytest.raises(XmlError) as refused:
        refuse_expansion(text)
    assert refused.value.position == position


def test_predefined_entities_and_references_are_no_danger() -> None:
    text = "<a>&amp;&lt;&#65;&#x41;</a>"
    refuse_expansion(text)
    assert parse(text, text.encode()).text == "&<AA"


def test_fault_has_its_position_in_characters() -> None:
    text = "<a>\n  é <b>\n</a>"
    with pytest.raises(XmlError, match="not well-formed XML") as refused:
        parse(text, text.encode())
    assert isinstance(refused.value.position, int)
    assert text.find("</a>") <= refused.value.position <= len(text)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_anything_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        refuse_expansion(text)
        parse(text, text.encode("utf-8", "replace"))
    except XmlError:
        pass
