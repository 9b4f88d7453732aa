from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError
from omapush.core.explanation import Field
from omapush.protocols import wbxml

PUBLISHED = bytes.fromhex(
    "02056a0045c60d0378797a008503656d61696c2f3132332f6162632e776d6c000ac3071999062515231510c304"
    "199906300103596f7520686176652034206e657720652d6d61696c73000101"
)


def leaves(tree: Field) -> list[Field]:
    return [field for field in tree.walk() if not field.children]


def test_explanation_of_the_published_example_is_the_printed_one() -> None:
    tree = wbxml.explain(PUBLISHED)
    assert [(field.name, field.value) for field in leaves(tree)] == [
        ("version", "WBXML 1.2"),
        ("publicid", "-//WAPFORUM//DTD SI 1.0//EN"),
        ("charset", "UTF-8"),
        ("strtbl", "empty"),
        ("stag", "si, content"),
        ("stag", "indication, attributes and content"),
        ("attrStart", 'href="http://www.'),
        ("STR_I", "xyz"),
        ("attrValue", ".com/"),
        ("STR_I", "email/123/abc.wml"),
        ("attrStart", "created"),
        ("OPAQUE", "1999-06-25T15:23:15Z"),
        ("attrStart", "si-expires"),
        ("OPAQUE", "1999-06-30T00:00:00Z"),
        ("END", "attributes of indication"),
        ("STR_I", "You have 4 new e-mails"),
        ("END", "indication"),
        ("END", "si"),
    ]


@pytest.mark.parametrize(
    "octets",
    [
        PUBLISHED,
        bytes.fromhex(
            "030b6a00c54503312e310001c6000155018736000006037732000187070603486f6d650001872206034e3100"
            "01c600015901873a00000603687474703a2f2f612e6578616d706c652f0001010101"
        ),
        bytes.fromhex(
            "02096a04580059007fe7550361626300330160e83801ab4b0378797a008803730001010320583a2000820026"
            "0320593a20008202260320456e746572206e616d653a2000af4821034e0001010101"
        ),
        bytes.fromhex("02056a02790043110378000145c30161028120830000000501" + "43110378000199"),
    ],
)
def test_explanation_leaves_no_octet_out_and_shows_none_twice(octets: bytes) -> None:
    tree = wbxml.explain(octets)
    assert b"".join(field.octets for field in leaves(tree)) == octets
    position = 0
    for field in leaves(tree):
        assert field.offset == position
        position += len(field.octets)
    for field in tree.walk():
        assert field.octets == octets[field.offset : field.offset + len(field.octets)]


def test_page_switches_stand_with_what_they_are_for() -> None:
    tree = wbxml.explain(bytes.fromhex("030b6a00c501c60001550187360000060377320001 01 01"))
    values = [field.value for field in tree.walk() if field.name == "switchPage"]
    assert values == ["attributes, page 1", "attributes, page 0"]
    parts = [field for field in tree.walk() if field.name == "attribute"]
    assert [field.value for field in parts] == ['type="APPLICATION"', 'name="APPID"', 'value="w2"']
    assert parts[2].children[0].name == "switchPage"


def test_octets_after_the_document_have_a_note() -> None:
    rest = wbxml.explain(bytes.fromhex("02056a0005abcd")).children[-1]
    assert (rest.name, rest.offset, rest.value) == ("rest", 5, "abcd")
    assert rest.note is not None


def test_unknown_tokens_are_shown_with_a_note() -> None:
    tree = wbxml.explain(bytes.fromhex("02056a00d313890378000103" + "3000c041780001"), None)
    noted = [(field.name, field.note) for field in tree.walk() if field.note]
    assert [name for name, _ in noted] == ["stag", "attrStart", "attrValue", "EXT_0", "EXT_I_1"]


def test_document_of_an_unknown_type_is_shown_without_names() -> None:
    octets = bytes.fromhex("03016a0045c6050344000103780001 01")
    tree = wbxml.explain(octets)
    assert tree.value == "a document of unknown type"
    public_id = tree.named("publicid")
    assert public_id is not None
    assert public_id.note == "unknown or missing"
    assert wbxml.explain(octets, "application/vnd.wap.uaprof").value == "UAProf Profile-Diff"


def test_media_type_says_what_the_tokens_are() -> None:
    tree = wbxml.explain(bytes.fromhex("02016a0005"), "application/vnd.wap.slc")
    stag = tree.named("stag")
    assert stag is not None
    assert stag.value == "sl, empty"


def test_character_set_left_open_has_a_note() -> None:
    charset = wbxml.explain(bytes.fromhex("0205000005")).named("charset")
    assert charset is not None
    assert charset.note == "unknown, read as UTF-8"


@pytest.mark.parametrize("octets", ["", "02056a", "02056a0045", "02056a0001", "02056a00468301"])
def test_what_is_not_wbxml_is_refused_as_in_decoding(octets: str) -> None:
    with pytest.raises(DecodeError) as caught:
        wbxml.explain(bytes.fromhex(octets))
    assert caught.value.layer == "wbxml"
