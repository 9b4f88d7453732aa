"""UAProf: documents as the field writes them, resolution, PushCharacteristics, and writing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.content.uaprof import (
    MAX_OCTETS,
    PUSH_CHARACTERISTICS,
    Bag,
    Component,
    Profile,
    ProfileError,
    PushCharacteristics,
    Seq,
    Value,
    merge,
    profile_of,
    push_characteristics,
    read_profile,
    write_profile,
)
from omapush.content.uaprof.reading import MAX_COMPONENTS, MAX_DEPTH, MAX_ELEMENTS
from omapush.core.errors import DecodeError, EncodeError, LimitError

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
UAPROF = "http://www.wapforum.org/profiles/UAPROF/ccppschema-20010430#"
OMA = "http://www.openmobilealliance.org/tech/profiles/UAPROF/ccppschema-20021212#"

# The answer to a client capabilities query (PAP 10.1).
ANSWER = f"""<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="{RDF}" xmlns:prf="{UAPROF}">
<rdf:Description rdf:ID="Device"><prf:component><rdf:Description rdf:ID="Push">
<rdf:type rdf:resource="{UAPROF}PushCharacteristics"/>
<prf:Push-Accept><rdf:Bag><rdf:li>text/html</rdf:li><rdf:li>application/vnd.wap.sic</rdf:li></rdf:Bag></prf:Push-Accept>
<prf:Push-Accept-AppID><rdf:Bag><rdf:li>x-wap-application:wml.ua</rdf:li></rdf:Bag></prf:Push-Accept-AppID>
<prf:Push-MsgSize>1400</prf:Push-MsgSize>
<prf:Push-MaxPushReq>1</prf:Push-MaxPushReq>
</rdf:Description></prf:component></rdf:Description></rdf:RDF>
"""
ANSWERED = PushCharacteristics(
    accept=("text/html", "application/vnd.wap.sic"),
    accept_app_id=("x-wap-application:wml.ua",),
    msg_size=1400,
    max_push_req=1,
)


def document(inner: str, schema: str = UAPROF, prefix: str = "prf", rdf: str = RDF) -> bytes:
    names = f'xmlns:rdf="{rdf}" xmlns:{prefix}="{schema}"'
    return f'<?xml version="1.0"?>\n<rdf:RDF {names}>{inner}</rdf:RDF>'.encode()


def pushed(inner: str) -> Component:
    """Read the one component that stands around ``inner``."""
    kind = f'<rdf:type rdf:resource="{UAPROF}PushCharacteristics"/>'
    described = f'<rdf:Description rdf:ID="P">{kind}{inner}</rdf:Description>'
    octets = document(
        f'<rdf:Description rdf:ID="D"><prf:component>{described}</prf:component></rdf:Description>'
    )
    return read_profile(octets).component(PUSH_CHARACTERISTICS)


def test_read_profile_reads_the_answer_to_a_capabilities_query() -> None:
    assert push_characteristics(read_profile(ANSWER.encode())) == ANSWERED


def test_write_profile_writes_the_answer_to_a_capabilities_query_octet_for_octet() -> None:
    assert write_profile(profile_of(ANSWERED)) == ANSWER.encode()


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(
            document(
                '<rdf:Description rdf:about="http://v.example/d"><p:component>'
                '<rdf:Description rdf:about="#x">'
                f'<rdf:type rdf:resource=" {OMA}PushCharacteristics "/>'
                "<p:Push-MsgSize>\n  9000\n </p:Push-MsgSize></rdf:Description>"
                "</p:component></rdf:Description>",
                OMA,
                "p",
            ),
            id="OMA schema, other prefix, rdf:about, white space",
        ),
        pytest.param(
            document(
                '<rdf:Description ID="D"><neutral:component>'
                '<rdf:Description ID="PushCharacteristics">'
                "<neutral:Push-MsgSize>9000</neutral:Push-MsgSize></rdf:Description>"
                "</neutral:component></rdf:Description>",
                "http://www.wapforum.org/profiles/UAPROF/ccppschema-20000405#",
                "neutral",
            ),
            id="first schema, no type, ID without prefix",
        ),
        pytest.param(
            document(
                '<rdf:Description rdf:ID="D"><prf:component><prf:PushCharacteristics rdf:ID="P">'
                "<prf:Push-MsgSize>9000</prf:Push-MsgSize></prf:PushCharacteristics>"
                "</prf:component></rdf:Description>"
            ),
            id="typed node",
        ),
        pytest.param(
            document(
                '<rdf:Description rdf:ID="D"><prf:component rdf:resource="#P"/></rdf:Description>'
                '<rdf:Description rdf:ID="P">'
                f'<rdf:type rdf:resource="{UAPROF}PushCharacteristics"/>'
                "<prf:Push-MsgSize>9000</prf:Push-MsgSize></rdf:Description>"
            ),
            id="component named from elsewhere in the document",
        ),
        pytest.param(
            document(
                '<rdf:Description rdf:ID="D"><prf:component rdf:parseType="Resource">'
                f'<rdf:type rdf:resource="{UAPROF}PushCharacteristics"/>'
                "<prf:Push-MsgSize>9000</prf:Push-MsgSize></prf:component></rdf:Description>"
            ),
            id="parseType Resource",
        ),
        pytest.param(
            document(
                '<rdf:Description rdf:ID="D"><prf:component><rdf:Description '
                f'rdf:type="{UAPROF}PushCharacteristics" prf:Push-MsgSize="9000"/>'
                "</prf:component></rdf:Description>"
            ),
            id="attributes as XML attributes",
        ),
        pytest.param(
            document(
                '<rdf:Description><rdf:type resource="PushCharacteristics"/>'
                "<prf:Push-MsgSize>9000</prf:Push-MsgSize></rdf:Description>",
                rdf=RDF.removesuffix("#"),
            ),
            id="stands alone, type without schema, RDF's name mistyped",
        ),
        pytest.param(
            f'<Description xmlns="{RDF}" xmlns:c="http://www.w3.org/2002/11/08-ccpp-schema#" '
            f'xmlns:prf="{UAPROF}"><c:component><Description>'
            f'<type resource="{UAPROF}PushCharacteristics"/>'
            "<prf:Push-MsgSize>9000</prf:Push-MsgSize>"
            "</Description></c:component></Description>".encode("utf-16"),
            id="no rdf:RDF, CC/PP's own component, UTF-16",
        ),
        pytest.param(
            b"\n <!DOCTYPE rdf:RDF SYSTEM 'http://v.example/x.dtd'>"
            + document(
                f'<!-- a --><prf:PushCharacteristics xmlns:x="{OMA}"><!-- b -->'
                "<x:Push-MsgSize>90<!-- c -->00</x:Push-MsgSize></prf:PushCharacteristics>"
            ).partition(b"\n")[2],
            id="DOCTYPE that is not fetched, comments, two schemas",
        ),
    ],
)
def test_read_profile_understands_what_the_field_writes(octets: bytes) -> None:
    assert push_characteristics(read_profile(octets)).msg_size == 9000


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("<rdf:Bag><rdf:li>a/b</rdf:li></rdf:Bag>", Bag(("a/b",))),
        ("<rdf:Bag>\n<rdf:li> a \n b </rdf:li>\n<rdf:li/></rdf:Bag>", Bag(("a b",))),
        ("<rdf:li>a</rdf:li><rdf:li>b</rdf:li>", Bag(("b", "a"))),
        ("<rdf:Seq><rdf:_1>a</rdf:_1><rdf:_2>b</rdf:_2></rdf:Seq>", Seq(("a", "b"))),
        ("<rdf:Alt><rdf:li>a</rdf:li></rdf:Alt>", Seq(("a",))),
        ('<rdf:Bag><rdf:li rdf:resource="urn:a"/></rdf:Bag>', Bag(("urn:a",))),
        ("<rdf:Bag/>", Bag()),
        ("plain", "plain"),
        ("&lt;&#65;&amp;", "<A&"),
        ("<![CDATA[<]]>", "<"),
    ],
)
def test_read_profile_reads_a_value_in_each_of_its_forms(written: str, value: Value) -> None:
    component = pushed(f"<prf:Push-Accept>{written}</prf:Push-Accept>")
    assert dict(component) == {"Push-Accept": value}


@pytest.mark.parametrize(
    "written",
    [
        "<prf:A/>",
        "<prf:A>  </prf:A>",
        "<prf:A><rdf:Description><prf:B>1</prf:B></rdf:Description></prf:A>",
        '<prf:A rdf:resource=""/>',
        "<prf:Größe>1</prf:Größe>",
    ],
)
def test_read_profile_passes_over_what_says_nothing(written: str) -> None:
    assert not pushed(written)


def test_read_profile_joins_an_attribute_given_twice_by_its_rule() -> None:
    component = pushed(
        "<prf:CcppAccept><rdf:Bag><rdf:li>a</rdf:li></rdf:Bag></prf:CcppAccept>"
        "<prf:CcppAccept>b</prf:CcppAccept>"
        "<prf:Model>first</prf:Model><prf:Model>second</prf:Model>"
        "<prf:Push-MsgSize>1</prf:Push-MsgSize><prf:Push-MsgSize>2</prf:Push-MsgSize>"
    )
    assert dict(component) == {
        "CcppAccept": Bag(("a", "b")),
        "Model": "first",
        "Push-MsgSize": "2",
    }


def test_read_profile_puts_what_is_said_before_defaults_wherever_they_stand() -> None:
    component = read_profile(
        document(
            f'<rdf:Description rdf:ID="Usual"><rdf:type rdf:resource="{UAPROF}HardwarePlatform"/>'
            "<prf:Model>usual</prf:Model><prf:Vendor>usual</prf:Vendor></rdf:Description>"
            '<rdf:Description rdf:ID="D"><prf:component><prf:HardwarePlatform>'
            '<prf:Defaults rdf:resource="#Usual"/>'
            '<prf:defaults rdf:resource="http://v.example/usual#hw"/>'
            "<prf:defaults><rdf:Description><prf:CPU>inline</prf:CPU></rdf:Description>"
            "</prf:defaults><prf:Model>said</prf:Model>"
            "</prf:HardwarePlatform></prf:component></rdf:Description>"
        )
    ).component("HardwarePlatform")
    assert dict(component) == {"Model": "said", "Vendor": "usual", "CPU": "inline"}
    assert dict(component.stated) == {"Model": "said"}
    assert component.default_uris == ("http://v.example/usual#hw",)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "not well-formed"),
        (b"<html/>", "not rdf:RDF"),
        (b"<rdf:RDF/>", "not well-formed"),
        (b"\xff\xff", "not utf-8"),
        (b"<?xml version='1.0' encoding='utf-7'?><a/>", "character set"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "declares an entity"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>".encode("utf-16"), "declares an entity"),
        (b"<!DOCTYPE a [<!ATTLIST a b CDATA 'c'>]><a/>", "or a default"),
        (b"<!DOCTYPE a SYSTEM 'a'><a>&nbsp;</a>", "an entity that is not declared"),
        (
            document("<rdf:Description><prf:component><rdf:Description/></prf:component>")
            .replace(b"</rdf:RDF>", b"</rdf:Description></rdf:RDF>"),
            "whose type is not known",
        ),
    ],
)  # fmt: skip
def test_read_profile_refuses_what_is_no_profile_and_says_why(octets: bytes, reason: str) -> None:
    with pytest.raises(ProfileError, match=reason):
        read_profile(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b" " * (MAX_OCTETS + 1),
        document("<prf:a>" * MAX_DEPTH + "</prf:a>" * MAX_DEPTH),
        document("<prf:a/>" * MAX_ELEMENTS),
        document("".join(f"<prf:a{number}/>" for number in range(MAX_COMPONENTS + 1))),
    ],
    ids=["octets", "depth", "elements", "components"],
)
def test_read_profile_refuses_what_is_beyond_its_bounds(octets: bytes) -> None:
    with pytest.raises(LimitError):
        read_profile(octets)


def test_read_profile_takes_the_bound_that_the_caller_sets() -> None:
    with pytest.raises(LimitError, match="100 are taken"):
        read_profile(ANSWER.encode(), max_octets=100)


def profile(**values: Value) -> Profile:
    return Profile({"HardwarePlatform": Component(values)})


@pytest.mark.parametrize(
    ("name", "earlier", "later", "expected"),
    [
        ("BitsPerPixel", "8", "16", "16"),
        ("Model", "A", "B", "A"),
        ("ScreenSize", "1x1", "2x2", "1x1"),
        ("X-Unknown", "A", "B", "B"),
        ("InputCharSet", Bag(("a", "b")), Bag(("b", "c")), Bag(("a", "b", "c"))),
        ("InputCharSet", "a", Bag(("a", "c")), Bag(("a", "c"))),
        ("InputCharSet", "a", "a", "a"),
        ("CcppAccept-Language", Seq(("en", "de")), Seq(("fr", "en")), Seq(("en", "de", "fr"))),
        ("Push-Accept", Bag(("a",)), Bag(("b",)), Bag(("b",))),
    ],
)
def test_merge_resolves_two_values_by_the_rule_of_the_attribute(
    name: str, earlier: Value, later: Value, expected: Value
) -> None:
    merged = merge(profile(**{name: earlier}), profile(**{name: later}))
    assert merged == profile(**{name: expected})


def test_merge_takes_differences_in_order_and_adds_what_is_new() -> None:
    software = Profile({"SoftwarePlatform": Component({"OSName": "x"})})
    merged = merge(profile(ColorCapable="No"), software, profile(ColorCapable="Yes", CPU="z"))
    assert merged == Profile(
        {
            "HardwarePlatform": Component({"ColorCapable": "Yes", "CPU": "z"}),
            "SoftwarePlatform": Component({"OSName": "x"}),
        }
    )


def test_merge_lets_no_default_lock_what_a_difference_says() -> None:
    base = Profile(
        {"H": Component(defaults={"Model": "usual", "CPU": "usual"}, default_uris=("u",))}
    )
    difference = Profile({"H": Component({"Model": "said"}, {"CPU": "newer"}, ("u", "v"))})
    component = merge(base, difference).component("H")
    assert dict(component) == {"Model": "said", "CPU": "newer"}
    assert component.default_uris == ("u", "v")


def test_push_characteristics_takes_lists_apart_and_reads_bad_numbers_as_absent() -> None:
    values: dict[str, Value] = {
        "Push-Accept": "text/html, text/plain",
        "Push-Accept-Charset": Bag(("UTF-8, US-ASCII", "ISO-8859-1")),
        "Push-Accept-Language": Seq(("en",)),
        "Push-Accept-Encoding": Bag(),
        "Push-MsgSize": "a lot",
        "Push-MaxPushReq": Bag(("9" * 30,)),
    }
    assert push_characteristics(
        Profile({PUSH_CHARACTERISTICS: Component(values)})
    ) == PushCharacteristics(
        accept=("text/html", "text/plain"),
        accept_charset=("UTF-8", "US-ASCII", "ISO-8859-1"),
        accept_language=("en",),
        accept_encoding=(),
        max_push_req=1 << 31,
    )


def test_push_characteristics_are_absent_in_a_profile_without_them() -> None:
    assert push_characteristics(Profile()) == PushCharacteristics()


@pytest.mark.parametrize(
    "profile",
    [
        Profile({"not a name": Component()}),
        Profile({"C": Component({"a:b": "1"})}),
        Profile({"C": Component({"Defaults": "1"})}),
        Profile({"C": Component(defaults={"": "1"})}),
    ],
)
def test_write_profile_refuses_names_that_no_element_can_have(profile: Profile) -> None:
    with pytest.raises(EncodeError):
        write_profile(profile)


def test_write_profile_replaces_characters_that_xml_cannot_hold() -> None:
    written = write_profile(Profile({"C": Component({"A": "a\0\ud800<b"})}))
    assert read_profile(written).component("C")["A"] == "a\ufffd\ufffd<b"


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,12}", fullmatch=True).filter(
    lambda name: name.lower() not in ("component", "defaults", "type")
)
CHARACTERS = st.characters(
    min_codepoint=0x21, exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"
)
WORDS = st.lists(st.text(CHARACTERS, min_size=1, max_size=8), min_size=1, max_size=3)
TEXT = WORDS.map(" ".join)
ITEMS = st.lists(TEXT, max_size=4).map(tuple)
VALUES = st.dictionaries(NAMES, st.one_of(TEXT, ITEMS.map(Bag), ITEMS.map(Seq)), max_size=5)
URIS = st.lists(
    st.from_regex(r"http://[a-z]{1,8}\.example/[a-z&]{0,5}", fullmatch=True),
    max_size=2,
    unique=True,
).map(tuple)
PROFILES = st.dictionaries(NAMES, st.builds(Component, VALUES, VALUES, URIS), max_size=3).map(
    Profile
)


@settings(max_examples=100, deadline=None)
@given(PROFILES)
def test_any_profile_survives_writing_and_reading(profile: Profile) -> None:
    octets = write_profile(profile)
    assert read_profile(octets) == profile
    assert write_profile(read_profile(octets)) == octets


@settings(max_examples=100, deadline=None)
@given(PROFILES, PROFILES, PROFILES)
def test_merge_in_one_step_or_two_gives_the_same(
    one: Profile, two: Profile, three: Profile
) -> None:
    assert merge(one, two, three) == merge(merge(one, two), three)
    assert merge(one) == merge(one, one) == one


LISTS = st.none() | st.lists(
    st.from_regex(r"[a-zA-Z*/:.+-]{1,12}", fullmatch=True), max_size=4
).map(tuple)
NUMBERS = st.none() | st.integers(0, 1 << 31)


@settings(max_examples=50, deadline=None)
@given(st.builds(PushCharacteristics, LISTS, LISTS, LISTS, LISTS, LISTS, NUMBERS, NUMBERS))
def test_any_push_characteristics_survive_a_profile(given: PushCharacteristics) -> None:
    assert push_characteristics(read_profile(write_profile(profile_of(given)))) == given


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_profiles_are_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    octets = bytearray(data.draw(st.sampled_from([ANSWER.encode(), *DEFAULTS_AND_REFERENCES])))
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, len(octets) - 1))
        octets[position : position + data.draw(st.integers(0, 12))] = data.draw(
            st.sampled_from([b"#", b"<rdf:li/>", b"<prf:defaults/>", b"&x;", b'"', b"</prf:A>"])
            | st.binary(max_size=8)
        )
    read_or_refused(bytes(octets))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_octets_are_a_profile_or_refused(octets: bytes) -> None:
    read_or_refused(octets)


DEFAULTS_AND_REFERENCES = [
    write_profile(
        Profile({"Push": Component({"Push-Accept": Bag(("a",))}, {"Push-MsgSize": "1"}, ("u",))})
    ),
    document(
        '<rdf:Description rdf:ID="D"><prf:component rdf:resource="#D"/>'
        '<prf:defaults rdf:resource="#D"/><rdf:type rdf:resource="#D"/></rdf:Description>'
    ),
]


def read_or_refused(octets: bytes) -> None:
    try:
        profile = read_profile(octets)
    except DecodeError as error:
        assert error.reason  # noqa: PT017 - either outcome is right, and nothing else
        return
    push_characteristics(profile)
    assert read_profile(write_profile(profile)) == profile
