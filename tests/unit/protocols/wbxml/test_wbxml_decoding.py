from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, LimitError
from omapush.protocols import wbxml
from omapush.protocols.wbxml.tables import PROV, SI, SL, WML_1_3
from omapush.protocols.wbxml.tokens import TokenTable

HEAD = "02056a00"


def root(octets: str, table: TokenTable | None = SI, **options: str) -> wbxml.Element:
    return wbxml.decode(bytes.fromhex(octets), table, **options).root


def test_reader_chooses_the_table_by_the_public_identifier() -> None:
    assert root("02066a00850803780001", None).name == "sl"


def test_reader_chooses_the_table_by_a_spelt_public_identifier() -> None:
    name = b"-//WAPFORUM//DTD SL 1.0//EN\0"
    octets = bytes.fromhex("0200006a") + bytes([len(name)]) + name + bytes.fromhex("850803780001")
    document = wbxml.decode(octets)
    assert document.public_id == "-//WAPFORUM//DTD SL 1.0//EN"
    assert wbxml.decode(wbxml.encode(document)) == document


def test_reader_goes_by_the_media_type_whatever_the_public_identifier_says() -> None:
    assert b"<sl href" in wbxml.decode_xml(
        bytes.fromhex("02016a00850803780001"), "application/vnd.wap.slc; charset=utf-8"
    )


def test_reader_without_media_type_refuses_an_unknown_public_identifier() -> None:
    with pytest.raises(DecodeError, match="no token table") as caught:
        wbxml.decode_xml(bytes.fromhex("02016a0005"), "application/vnd.wap.wbxml")
    assert (caught.value.layer, caught.value.position) == ("wbxml", 1)


def test_reader_refuses_a_media_type_without_table() -> None:
    with pytest.raises(wbxml.UnsupportedMediaType, match="text/plain"):
        wbxml.decode_xml(b"", "text/plain")


def test_version_1_0_has_no_character_set() -> None:
    assert root("00050046037800" + "01").text == "x"


def test_versions_after_1_3_are_refused() -> None:
    with pytest.raises(DecodeError, match="1\\.4"):
        root("04056a0005")


@pytest.mark.parametrize(
    ("charset", "string", "text"),
    [
        ("04", "e900", "é"),
        ("87 68", "00e9 2100 0000", "é\u2100"),
        ("87 75", "00e90000", "é"),
        ("87 76", "e9000000", "é"),
        ("87 77", "feff00e90000", "é"),
        ("87 77", "fffee9000000", "é"),
        ("87 69", "000000e900000000", "é"),
        ("11", "82a000", "あ"),
        ("8f6a", "a4e500", "文"),
    ],
)
def test_strings_are_of_the_character_set_that_the_document_names(
    charset: str, string: str, text: str
) -> None:
    assert root(f"0205{charset}00 46 03 {string} 01").text == text


def test_transport_says_the_character_set_when_the_document_does_not() -> None:
    assert root("020500004603e90001", charset="ISO-8859-1").text == "é"
    assert root("020500004603c3a90001").text == "é"
    assert root("02056a004603c3a90001", charset="ISO-8859-1").text == "é"


def test_unknown_character_set_is_refused() -> None:
    with pytest.raises(DecodeError, match="character set 9999"):
        root("0205ce0f0005")
    with pytest.raises(DecodeError, match="'klingon'"):
        root("0205000005", charset="klingon")


def test_tags_and_attributes_may_be_literals() -> None:
    octets = HEAD[:6] + "0a" + b"new\0class\0".hex() + "c6040403780001840004040300014400" + "0101"
    element = root(octets)
    assert element.attributes == {"class": "x"}
    first, second = element.elements()
    assert (first.name, first.attributes) == ("new", {"class": ""})
    assert second == wbxml.Element("new")


def test_literal_that_is_no_name_is_refused() -> None:
    with pytest.raises(DecodeError, match="not a name"):
        root("02056a03" + b"a b".hex() + "0400")


def test_entity_and_string_reference_join_the_text_around_them() -> None:
    element = root("02056a02790046 03780002 8120 8300 03 7a00 01".replace(" ", ""))
    assert element.children == ("x\xa0yz",)


@pytest.mark.parametrize("code", ["00", "01", "c48000", "83b000"])
def test_entity_that_is_no_character_is_refused(code: str) -> None:
    with pytest.raises(DecodeError):
        root(HEAD + f"4602{code}01")


def test_opaque_data_without_text_form_stays_octets_in_content() -> None:
    element = root(HEAD + "46c302ff0001")
    assert element.children == (b"\xff\0",)
    with pytest.raises(DecodeError, match="no text"):
        wbxml.decode_xml(bytes.fromhex(HEAD + "46c302ff0001"))


def test_opaque_data_in_an_attribute_is_text_or_refused() -> None:
    assert root(HEAD + "8611c3026162 01").attributes == {"si-id": "ab"}
    with pytest.raises(DecodeError):
        root(HEAD + "8611c302ff0001")


@pytest.mark.parametrize(
    ("octets", "date"),
    [
        ("c30719990625152315", "1999-06-25T15:23:15Z"),
        ("c306199904300640", "1999-04-30T06:40:00Z"),
        ("c30419990630", "1999-06-30T00:00:00Z"),
        ("c3052011112212", "2011-11-22T12:00:00Z"),
        ("03" + b"1999-06-30T00:00:00Z".hex() + "00", "1999-06-30T00:00:00Z"),
    ],
)
def test_dates_are_read_from_digits_and_from_strings(octets: str, date: str) -> None:
    assert root(HEAD + f"860a{octets}01").attributes == {"created": date}


@pytest.mark.parametrize("octets", ["c300", "c303199906", "c3081999062515231500", "c3041999063a"])
def test_dates_without_a_day_or_with_other_digits_are_refused(octets: str) -> None:
    with pytest.raises(DecodeError, match="date") as caught:
        root(HEAD + f"860a{octets}01")
    assert caught.value.position == 6


def test_processing_instructions_are_kept_around_and_inside_elements() -> None:
    octets = bytes.fromhex("02056a024100" + "430400037800 01" + "4643110379000101" + "430400 01")
    document = wbxml.decode(octets, SI)
    assert document.before == (wbxml.ProcessingInstruction("A", "x"),)
    assert document.after == (wbxml.ProcessingInstruction("A", ""),)
    assert document.root.children == (wbxml.ProcessingInstruction("si-id", "y"),)
    assert wbxml.decode(wbxml.encode(document)) == document
    text = wbxml.write_xml(document).decode()
    assert text.splitlines()[-1] == "<?A x?><indication><?si-id y?></indication><?A ?>"


def test_extension_tokens_are_references_to_variables() -> None:
    octets = "030a6a02780060 40 7800 41 7800 42 7800 8000 8100 8200 01".replace(" ", "")
    text = "$(x:escape)$(x:unesc)$(x)"
    assert root(octets, WML_1_3).children == (text + text,)


def test_extension_token_in_a_link_escapes_unless_it_says_otherwise() -> None:
    element = root("030a6a009c4a40780042780001", WML_1_3)
    assert element.attributes == {"href": "$(x)$(x:noesc)"}


@pytest.mark.parametrize("octets", ["60c001", "60407820000001", "a7 55 40780001"])
def test_extension_token_without_meaning_is_refused(octets: str) -> None:
    with pytest.raises(DecodeError):
        root("030a6a00" + octets, WML_1_3)


def test_extension_token_where_the_type_has_no_variables_is_refused() -> None:
    with pytest.raises(DecodeError, match="no meaning in SI"):
        root(HEAD + "464078000101")


def test_code_pages_of_tags_and_attributes_switch_apart() -> None:
    octets = "030b6a00c54601 0001 c6 0001 55 01 87 36 06037732 00 01 01 01".replace(" ", "")
    element = root(octets, PROV)
    application = next(element.elements())
    assert application.attributes == {"type": "APPLICATION"}
    assert next(application.elements()).attributes == {"name": "APPID", "value": "w2"}


def test_unknown_code_page_is_refused_where_it_is_used() -> None:
    with pytest.raises(DecodeError, match="no tag 05 on this page") as caught:
        root(HEAD + "00070500")
    assert caught.value.position == 6


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("", "ends early"),
        ("02", "ends early"),
        ("02056a", "ends early"),
        ("02056a05", "5 octets wanted"),
        ("02056a00", "ends early"),
        (HEAD + "45", "ends early"),
        (HEAD + "460378", "no end"),
        (HEAD + "46c30578", "5 octets wanted"),
        (HEAD + "468305", "string 5"),
        (HEAD + "4603ff0001", "not UTF-8"),
        (HEAD + "01", "no tag"),
        (HEAD + "8585", "no attribute start 85"),
        (HEAD + "8613", "no attribute start 13"),
        (HEAD + "861184", "token 84"),
        (HEAD + "861189", "no value 89"),
        (HEAD + "8611037800110379000101", "twice"),
        (HEAD + "43110345", "no end"),
        (HEAD + "4311110101", "does not end"),
        ("0205ffffffffff00", "32 bits"),
        ("02059fffffffff00", "32 bits"),
    ],
)
def test_what_is_not_wbxml_is_refused_with_reason_and_position(octets: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason) as caught:
        root(octets)
    assert caught.value.layer == "wbxml"
    assert isinstance(caught.value.position, int)
    assert caught.value.position <= len(octets) // 2


def test_every_cut_of_a_document_is_refused() -> None:
    octets = bytes.fromhex("02056a0045c60d0378797a00850361000ac30719990625152315010379000101")
    assert wbxml.decode(octets).root.name == "si"
    for end in range(len(octets)):
        with pytest.raises(DecodeError):
            wbxml.decode(octets[:end])


def test_octets_after_the_document_are_not_read() -> None:
    assert root(HEAD + "05ff") == wbxml.Element("si")


def test_nesting_is_bounded() -> None:
    octets = HEAD + "45" * 64
    with pytest.raises(DecodeError, match="ends early"):
        root(octets)
    with pytest.raises(LimitError, match="within each other"):
        root(octets + "45")


def test_elements_are_bounded() -> None:
    with pytest.raises(LimitError, match="elements"):
        root(HEAD + "45" + "05" * 16_384)


def test_references_to_the_string_table_are_bounded() -> None:
    table = b"x" * 2_000
    head = bytes.fromhex("02056a8f50") + table + b"\x46"
    limits = wbxml.Limits(referenced=10_000)
    assert len(wbxml.decode(head + b"\x83\0" * 4 + b"\1", SI, limits=limits).root.text) == 8_000
    with pytest.raises(LimitError, match="references"):
        wbxml.decode(head + b"\x83\0" * 5 + b"\1", SI, limits=limits)
    with pytest.raises(LimitError, match="references"):
        wbxml.decode(head + b"\x83\0" * 100_000 + b"\1", SI)


def test_characters_that_xml_cannot_hold_have_no_text_form() -> None:
    octets = bytes.fromhex(HEAD + "4603010001")
    assert wbxml.decode(octets).root.text == "\x01"
    with pytest.raises(DecodeError, match="XML"):
        wbxml.decode_xml(octets)


def test_empty_value_is_read_with_and_without_a_string() -> None:
    assert root("02066a0085080300 01".replace(" ", ""), SL).attributes == {"href": ""}
    assert root("02066a00850801", SL).attributes == {"href": ""}
