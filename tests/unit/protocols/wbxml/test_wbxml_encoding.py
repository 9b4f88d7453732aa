from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.protocols import wbxml
from omapush.protocols.wbxml.encoding import mb_u_int32
from omapush.protocols.wbxml.tables import SI, SL, UAPROF, WML_1_3
from omapush.protocols.wbxml.tokens import TokenTable
from omapush.protocols.wbxml.xml_reading import read_with

SI_TYPE = "text/vnd.wap.si"


def body(table: TokenTable, text: str) -> str:
    """The octets of ``text`` after version, public identifier and character set."""
    return wbxml.encode(read_with(table, text), table)[3:].hex()


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (0, "00"),
        (0x60, "60"),
        (0x7F, "7f"),
        (0x80, "8100"),
        (0xA0, "8120"),
        (0xFFFF_FFFF, "8fffffff7f"),
    ],
)
def test_numbers_have_seven_bits_an_octet(value: int, octets: str) -> None:
    assert mb_u_int32(value).hex() == octets


@pytest.mark.parametrize("value", [-1, 1 << 32])
def test_numbers_of_more_than_32_bits_are_refused(value: int) -> None:
    with pytest.raises(EncodeError):
        mb_u_int32(value)


@pytest.mark.parametrize(
    ("href", "octets"),
    [
        ("http://www.", "0a"),
        ("http://www", "09 03 77777700"),
        ("https://www.a", "0c 03 6100"),
        ("ftp://a", "08 03 6674703a2f2f6100"),
        ("", "08 0300"),
        (".com/", "08 85"),
        ("http://a.com/.org/", "09 03 6100 85 88"),
        ("a.com", "08 03 612e636f6d00"),
    ],
)
def test_writer_takes_the_longest_attribute_start_and_tokens_in_the_value(
    href: str, octets: str
) -> None:
    assert body(SL, f'<sl href="{href}"/>') == "0085" + octets.replace(" ", "") + "01"


def test_writer_takes_words_as_values_only_whole() -> None:
    assert body(WML_1_3, '<do label="topic"/>').endswith("18" + "03746f7069630001")
    assert body(WML_1_3, '<do label="top"/>').endswith("189e01")


def test_names_without_token_are_literals_used_again() -> None:
    octets = body(SI, '<si new="a"><more new="b"/><more>c</more></si>')
    assert octets == ("09" + b"new\0more\0".hex() + "c5040003610001840404000362000144040363000101")


def test_value_without_plain_start_is_a_literal_attribute() -> None:
    document = read_with(WML_1_3, '<p mode="sideways"/>')
    again = wbxml.decode(wbxml.encode(document, WML_1_3), WML_1_3)
    assert again == document
    assert b"mode\0" in wbxml.encode(document, WML_1_3)


def test_date_that_is_none_is_refused() -> None:
    with pytest.raises(EncodeError, match="YYYY") as caught:
        wbxml.encode_xml(b'<si><indication created="yesterday"/></si>', SI_TYPE)
    assert (caught.value.layer, caught.value.position) == ("wbxml", "created")


@pytest.mark.parametrize(
    ("charset", "octets"),
    [
        (106, "0346c3a9e282ac00"),
        (4, "0346e90002c12c"),
        (3, "034600028169" + "02c12c"),
        (1013, "03004600e920ac0000"),
        (1014, "034600e900ac200000"),
        (0, "0346c3a9e282ac00"),
    ],
)
def test_text_is_in_the_character_set_asked_for_with_entities_for_the_rest(
    charset: int, octets: str
) -> None:
    document = wbxml.WbxmlDocument(2, 5, charset, wbxml.Element("si", {}, ("Fé€",)))
    written = wbxml.encode(document)
    assert written.hex().endswith("45" + octets + "01")
    assert wbxml.decode(written).root == document.root


@pytest.mark.parametrize(
    "root",
    [
        wbxml.Element("si", {}, ("a\0b",)),
        wbxml.Element("a\0b"),
        wbxml.Element("si", {}, ("\ud800",)),
        wbxml.Element("\ud800"),
    ],
)
def test_what_no_string_can_hold_is_refused(root: wbxml.Element) -> None:
    with pytest.raises(EncodeError):
        wbxml.encode(wbxml.WbxmlDocument(2, 5, 106, root))


def test_other_versions_types_and_character_sets_are_refused() -> None:
    root = wbxml.Element("si")
    with pytest.raises(EncodeError, match="version"):
        wbxml.encode(wbxml.WbxmlDocument(0, 5, 106, root))
    with pytest.raises(EncodeError, match="token table"):
        wbxml.encode(wbxml.WbxmlDocument(2, 1, 106, root))
    with pytest.raises(EncodeError, match="character set"):
        wbxml.encode(wbxml.WbxmlDocument(2, 5, 9_999, root))
    document = wbxml.WbxmlDocument(2, 5, 106, root)
    assert wbxml.encode(document, version=1).hex() == "01056a0005"


def test_writer_bounds_nesting() -> None:
    root = wbxml.Element("si")
    for _ in range(64):
        root = wbxml.Element("si", {}, (root,))
    with pytest.raises(EncodeError, match="within each other"):
        wbxml.encode(wbxml.WbxmlDocument(2, 5, 106, root))


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("$(x)", "42 7800"),
        ("$x.", "42 7800 03 2e00"),
        ("$(x:e)$(x:Unesc)$(x:noesc)", "40 7800 41 7800 42 7800"),
        ("5 $$", "03 35202400"),
        ("$$(x)", "03 2400 03 28782900"),
        ("$$$$", "03 2400 03 2400"),
        ("$$$(x)", "03 2400 42 7800"),
        ("5 $ 6", "03 3520242036 00"),
    ],
)
def test_variables_become_extension_tokens_and_two_dollars_one(text: str, octets: str) -> None:
    assert body(WML_1_3, f"<p>{text}</p>") == "0060" + octets.replace(" ", "") + "01"


def test_variables_in_links_escape_and_stand_nowhere_else_than_allowed() -> None:
    assert body(WML_1_3, '<go href="/$(x)"/>') == "00ab4a032f0040780001"
    assert body(WML_1_3, '<card id="$(x)"/>') == "00a755032428782900" + "01"


@pytest.mark.parametrize("text", ["$$(x)", "$$$$", "a $$ b$$", "$(x)$(y:unesc)", "$$x"])
def test_dollars_and_variables_survive(text: str) -> None:
    document = read_with(WML_1_3, f'<p title="{text}">{text}</p>')
    assert wbxml.decode(wbxml.encode(document), WML_1_3) == document


def test_white_space_goes_as_the_type_has_it() -> None:
    si = read_with(SI, "\n<si>\n <indication>\n  You have\n  mail,  two \n</indication>\n</si>")
    assert si.root.children == (wbxml.Element("indication", {}, ("You have mail,  two",)),)
    wml = read_with(
        WML_1_3,
        '<wml>\n <card>\n <p>\n a  <b>b</b>\n c</p><pre>\n x</pre><p xml:space="preserve">  </p>'
        "</card></wml>",
    )
    card = next(wml.root.elements())
    first, pre, kept = card.children
    assert first == wbxml.Element("p", {}, (" a ", wbxml.Element("b", {}, ("b",)), " c"))
    assert pre == wbxml.Element("pre", {}, ("\n x",))
    assert isinstance(kept, wbxml.Element)
    assert kept.text == "  "
    assert wbxml.encode(wml).hex().endswith("e06201032020000" + "10101")


def test_entities_of_wml_are_known_and_others_refused() -> None:
    octets = wbxml.encode_xml(b"<wml><card><p>a&nbsp;b</p></card></wml>", "text/vnd.wap.wml")
    assert "a\xa0b".encode() in octets
    with pytest.raises(DecodeError, match="entity"):
        wbxml.encode_xml(b"<si><indication>a&nbsp;b</indication></si>", SI_TYPE)


@pytest.mark.parametrize(
    ("doctype", "head"), [("1.1", "0104"), ("1.2", "0209"), ("1.3", "030a"), ("9.9", "030a")]
)
def test_doctype_chooses_the_edition_of_wml(doctype: str, head: str) -> None:
    text = f'<!DOCTYPE wml PUBLIC "-//WAPFORUM//DTD WML {doctype}//EN" "x"><wml/>'
    octets = wbxml.encode_xml(text.encode(), "text/vnd.wap.wml")
    assert octets[:2].hex() == head
    if doctype != "9.9":
        assert f"WML {doctype}//".encode() in wbxml.decode_xml(octets, "application/vnd.wap.wmlc")


@pytest.mark.parametrize(
    "octets",
    [
        b"<sl href='/\xc3\xa9'/>",
        b"\n\r\n <?xml version='1.0'?>\n<!-- a --><?b c?><sl href='/\xc3\xa9'/>\n",
        b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?><sl href='/\xc3\xa9'/>",
        b"<?xml version='1.0' encoding='iso-8859-1'?><sl href='/\xe9'/>",
        "\ufeff<?xml version='1.0' encoding='UTF-16'?><sl href='/é'/>".encode("utf-16-le"),
        b"<!DOCTYPE sl SYSTEM 'http://www.wapforum.org/DTD/sl.dtd'><sl href='/&#233;'/>",
        b"<!DOCTYPE sl PUBLIC '-//WAPFORUM//DTD SI 1.0//EN' 'x'><sl href='/\xc3\xa9'></sl>",
    ],
)
def test_text_forms_of_the_field_are_one_document(octets: bytes) -> None:
    written = wbxml.encode_xml(octets, "text/vnd.wap.sl")
    assert written.hex() == "02066a008508032fc3a90001"
    assert wbxml.decode_xml(written, "application/vnd.wap.slc").decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE sl PUBLIC "-//WAPFORUM//DTD SL 1.0//EN"'
        ' "http://www.wapforum.org/DTD/sl.dtd">\n<sl href="/é"/>'
    )


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<sl>",
        b"<a:sl/>",
        b"\xff",
        b"<?xml version='1.0' encoding='ebcdic'?><sl/>",
        b"<!DOCTYPE sl [<!ENTITY a 'b'>]><sl/>",
    ],
)
def test_what_is_no_xml_is_refused(octets: bytes) -> None:
    with pytest.raises(DecodeError):
        wbxml.encode_xml(octets, "text/vnd.wap.sl")


def test_reading_text_is_bounded() -> None:
    with pytest.raises(LimitError):
        wbxml.encode_xml(b"<si>" * 65 + b"</si>" * 65, SI_TYPE)
    with pytest.raises(LimitError):
        wbxml.read_xml(b"<si><a/><a/></si>", SI_TYPE, limits=wbxml.Limits(elements=2))


def test_prefixes_of_a_profile_do_not_matter() -> None:
    text = (
        '<RDF xmlns="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        ' xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        ' xmlns:c="http://www.wapforum.org/profiles/UAPROF/ccppschema-20010430#"'
        ' xmlns:v="urn:vendor"><Description r:ID="D"><c:component/><v:new v:of="1"/></Description>'
        "</RDF>"
    )
    root = read_with(UAPROF, text).root
    assert (root.name, root.attributes) == ("rdf:RDF", {"xmlns:v": "urn:vendor"})
    description = next(root.elements())
    assert (description.name, description.attributes) == ("rdf:Description", {"ID": "D"})
    component, new = description.elements()
    assert component.name == "prf:component"
    assert (new.name, new.attributes) == ("v:new", {"v:of": "1"})


def test_text_writer_escapes_what_markup_would_be_and_keeps_line_breaks_of_values() -> None:
    root = wbxml.Element("si", {"a": '<&">\n'}, ("a<b>&c\r",))
    document = wbxml.WbxmlDocument(2, 5, 106, root)
    text = wbxml.write_xml(document)
    assert text.splitlines()[-1] == b'<si a="&lt;&amp;&quot;&gt;&#10;">a&lt;b&gt;&amp;c&#13;</si>'


@pytest.mark.parametrize(
    "root",
    [
        wbxml.Element("a b"),
        wbxml.Element("si", {"<": ""}),
        wbxml.Element("si", {}, (wbxml.ProcessingInstruction("a", "?>"),)),
        wbxml.Element("si", {}, (wbxml.ProcessingInstruction("xml", ""),)),
        wbxml.Element("si", {}, ("\ud800",)),
    ],
)
def test_text_writer_refuses_what_is_no_xml(root: wbxml.Element) -> None:
    with pytest.raises(EncodeError):
        wbxml.write_xml(wbxml.WbxmlDocument(2, 5, 106, root))


def test_character_that_a_set_would_change_goes_out_as_an_entity() -> None:
    # Python's cp932 writes the cent sign as its full-width neighbour.
    root = wbxml.Element("co", {"uri": "a¢b"})
    document = wbxml.WbxmlDocument(3, 7, 17, root)
    assert wbxml.decode(wbxml.encode(document)) == document
