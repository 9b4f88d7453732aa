"""Client addresses (PPG 6.1), and the forms seen in the field."""

from __future__ import annotations

import contextlib
import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.pap import address as addressing
from omapush.pap.address import AddressError

PPG = "ppg.example.net"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (f"WAPPUSH=+441234567890/TYPE=PLMN@{PPG}", "PLMN", "+441234567890"),
        (f"WAPPUSH=+44-1234.567890/TYPE=PLMN@{PPG}", "PLMN", "+441234567890"),
        (f"/WAPPUSH=+441234567890/TYPE=PLMN/@{PPG}", "PLMN", "+441234567890"),
        (f"wappush=+441234567890/type=plmn@{PPG}", "PLMN", "+441234567890"),
        (f"WAPPUSH=anna%40example.net/TYPE=USER@{PPG}", "USER", "anna@example.net"),
        (f"WAPPUSH=j%C3%BCrgen/TYPE=USER@{PPG}", "USER", "jürgen"),
        (f"WAPPUSH=%ff/TYPE=USER@{PPG}", "USER", "ÿ"),
        (f"WAPPUSH=under_score%5F/TYPE=USER@{PPG}", "USER", "under_score_"),
        (f"WAPPUSH=195.153.199.030/TYPE=IPv4@{PPG}", "IPV4", "195.153.199.30"),
        (
            f"WAPPUSH=FEDC:BA98:7654:3210:FEDC:BA98:7654:3210/TYPE=IPv6@{PPG}",
            "IPV6",
            "fedc:ba98:7654:3210:fedc:ba98:7654:3210",
        ),
        (f"WAPPUSH=12345678/TYPE=MAN@{PPG}", "MAN", "12345678"),
        (f"WAPPUSH=x+y/TYPE=iDEN_MSISDN@{PPG}", "IDEN_MSISDN", "x+y"),
        (
            f'WAPPUSH="sip%3Aanna%40IMS.example.net"/TYPE=URI@{PPG}',
            "URI",
            "sip:anna@ims.example.net",
        ),
        (
            f'WAPPUSH="sip%3Aa%40b%3Bgr=urn%3Auuid%3A0f"/TYPE=URI@{PPG}',
            "URI",
            "sip:a@b;gr=urn:uuid:0f",
        ),
        (
            f'WAPPUSH="sips%3AAnna%40B.Example%3A5061%3Bgr=KJh29x97Us"/TYPE=URI@{PPG}',
            "URI",
            "sips:Anna@b.example:5061;gr=KJh29x97Us",
        ),
        (f'WAPPUSH="tel%3A%2B44-12%2834%29.5"/TYPE=URI@{PPG}', "URI", "tel:+4412345"),
        (
            f'WAPPUSH="TEL%3A12-34%3BPhone-Context=Example.com"/TYPE=URI@{PPG}',
            "URI",
            "tel:1234;phone-context=example.com",
        ),
        (f'WAPPUSH="urn%3Auuid%3AF81D"/TYPE=URI@{PPG}', "URI", "urn:uuid:F81D"),
        (f"WAPPUSH=region-north/TYPE=USER@{PPG}", "USER", "region-north"),
        (f"WAPPUSH=100%25+%41%2f%2F/TYPE=user@{PPG}", "USER", "100%+A//"),
        (f"WAPPUSH=%2541/TYPE=X25_2@{PPG}", "X25_2", "%41"),
    ],
)
def test_address_by_the_grammar(text: str, kind: str, value: str) -> None:
    address = addressing.parse(text, tolerant=False)
    assert (address.type, address.value, address.ppg_specifier) == (kind, value, PPG)
    assert address.original == text
    assert addressing.parse(text) == address


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("+441234567890", "PLMN:+441234567890"),
        ("192.0.2.1", "IPV4:192.0.2.1"),
        ("2001:db8::1", "IPV6:2001:0db8:0000:0000:0000:0000:0000:0001"),
        ("sip:Anna@IMS.example.net", "URI:sip:Anna@ims.example.net"),
        ("tel:+441234", "URI:tel:+441234"),
        ("WAPPUSH=+441234567890", "PLMN:+441234567890"),
        ("WAPPUSH=1.2.3.4@x", "IPV4:1.2.3.4"),
        ("WAPPUSH=anna/TYPE=USER", "USER:anna"),
        ("+358501234567/TYPE=PLMN", "PLMN:+358501234567"),
        ("WAPPUSH=::1/TYPE=IPv6@x", "IPV6:0000:0000:0000:0000:0000:0000:0000:0001"),
        (" WAPPUSH=+44/TYPE=PLMN@x \n", "PLMN:+44"),
        ("WAPPUSH=1.2.3.4/TYPE=IPv4", "IPV4:1.2.3.4"),
        ("1.2.3.4/TYPE=IPv4", "IPV4:1.2.3.4"),
        ("192.0.2.01", "IPV4:192.0.2.1"),
        ("fe80::1%eth0", "IPV6:fe80:0000:0000:0000:0000:0000:0000:0001"),
        ("anna@example.net", "USER:anna@example.net"),
        ("+441234@example.net", "PLMN:+441234"),
        ("anna/TYPE=USER@example.net", "USER:anna"),
        ("tel:+44-12.34", "URI:tel:+441234"),
        ("SIP:a%40b@C;gr=X", "URI:sip:a%2540b@c;gr=X"),
        (
            'WAPPUSH="sip:a%20b@C.example;gr=urn:uuid:0F"/TYPE=URI@x',
            "URI:sip:a%2520b@c.example;gr=urn:uuid:0F",
        ),
        ("WAPPUSH=sip:a@C.example/TYPE=URI@x", "URI:sip:a@c.example"),
        ("2100000A", "USER:2100000A"),
    ],
)
def test_form_of_the_field_is_read_unless_strict(text: str, key: str) -> None:
    assert addressing.parse(text).recipient_key == key
    if text.strip() == text:
        with pytest.raises(AddressError):
            addressing.parse(text, tolerant=False)


def test_recipient_is_the_same_whatever_gateway_and_spelling() -> None:
    one = addressing.parse("WAPPUSH=+44-12.34/TYPE=PLMN@a")
    other = addressing.parse("wappush=+441234/type=plmn@b.example.net")
    assert one.recipient_key == other.recipient_key


def test_qualifiers_are_kept_and_part_of_the_recipient() -> None:
    text = "WAPPUSH=239.1.2.3/PORT=9000/Area=7/TYPE=IPv4@x"
    address = addressing.parse(text, tolerant=False)
    assert address.qualifiers == (("PORT", "9000"), ("Area", "7"))
    swapped = addressing.parse("WAPPUSH=239.1.2.3/area=7/port=9000/TYPE=IPv4@x")
    assert address.recipient_key == swapped.recipient_key
    assert address.recipient_key != addressing.parse("239.1.2.3").recipient_key


def test_qualifiers_compare_whatever_their_order_and_case() -> None:
    one = addressing.parse("WAPPUSH=+44/area=7/PORT=1/TYPE=PLMN@x", tolerant=False)
    other = addressing.parse("WAPPUSH=+44/port=1/AREA=7/TYPE=PLMN@x", tolerant=False)
    assert one.recipient_key == other.recipient_key


@pytest.mark.parametrize(
    "escaped", ["a%2FPORT%3D1", "a%2fport%3d1", "a%252FPORT=1".replace("=", "%3D")]
)
def test_value_with_a_slash_is_not_the_recipient_that_a_qualifier_makes(escaped: str) -> None:
    qualified = addressing.parse("WAPPUSH=a/PORT=1/TYPE=USER@x", tolerant=False)
    plain = addressing.parse(f"WAPPUSH={escaped}/TYPE=USER@x", tolerant=False)
    assert plain.qualifiers == ()
    assert plain.recipient_key != qualified.recipient_key


VALUES = st.text(st.sampled_from("aA/%=2F5"), min_size=1, max_size=6)
QUALIFIERS = st.lists(
    st.tuples(st.sampled_from(["A", "B"]), st.text(st.sampled_from("a%2F5"), min_size=1)),
    max_size=2,
)


@given(VALUES, QUALIFIERS, VALUES, QUALIFIERS)
def test_two_recipients_never_have_the_same_key(
    value: str,
    qualifiers: list[tuple[str, str]],
    other_value: str,
    other_qualifiers: list[tuple[str, str]],
) -> None:
    one = addressing.Address("", "USER", value, tuple(qualifiers))
    other = addressing.Address("", "USER", other_value, tuple(other_qualifiers))
    same = (value, sorted(qualifiers)) == (other_value, sorted(other_qualifiers))
    assert (one.recipient_key == other.recipient_key) == same


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0401234567/TYPE=PLMN",  # no country is known
        "WAPPUSH=a/TYPE=u\u017fer@x",
        "WAPPUSH=a/TYPE=\u00df@x",
        "j\u00fcrgen",
        "sip:j\u00fcrgen@x",
        "\u017fip:a@x",
        "sip:a\x7f@x",
        "sip:a b@x",
        "WAPPUSH=a/PORT=/TYPE=USER@x",
        "WAPPUSH=a/P_T=1/TYPE=USER@x",
        "WAPPUSH=a/PORT=1=2/TYPE=USER@x",
        "WAPPUSH=0001.2.3.4/TYPE=IPv4@x",
        "WAPPUSH=1.2.3.4.5/TYPE=IPv4@x",
        "WAPPUSH=123456789/TYPE=MAN@x",
        "WAPPUSH=%/TYPE=USER@x",
        'WAPPUSH="sip%3Aa/TYPE=URI@x',
        'WAPPUSH="sip%3Aa"b/TYPE=URI@x',
        'WAPPUSH="a"/TYPE=USER@x',
        'WAPPUSH="sip:a b@c"/TYPE=URI@x',
        "WAPPUSH=" + "a" * 3000 + "/TYPE=USER@x",
    ],
)
@pytest.mark.parametrize("tolerant", [True, False])
def test_what_no_tolerance_makes_an_address_is_refused(text: str, tolerant: bool) -> None:
    with pytest.raises(AddressError):
        addressing.parse(text, tolerant=tolerant)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "WAPPUSH=@x",
        "WAPPUSH=/TYPE=PLMN@x",
        "WAPPUSH=441234/TYPE=PLMN@x",
        "WAPPUSH=+/TYPE=PLMN@x",
        "WAPPUSH=+-./TYPE=PLMN@x",
        "WAPPUSH=1.2.3/TYPE=IPv4@x",
        "WAPPUSH=1.2.3.256/TYPE=IPv4@x",
        "WAPPUSH=g::1/TYPE=IPv6@x",
        "WAPPUSH=1234567/TYPE=MAN@x",
        "WAPPUSH=a%4/TYPE=USER@x",
        "WAPPUSH=a%zz/TYPE=USER@x",
        "WAPPUSH=a b/TYPE=USER@x",
        "WAPPUSH=a/TYPE=@x",
        "WAPPUSH=a/TYPE=US-ER@x",
        "WAPPUSH=a/b/TYPE=USER@x",
        'WAPPUSH="nouri"/TYPE=URI@x',
        'WAPPUSH="sip%3A"/TYPE=URI@x',
        "WAPPUSH=a/TYPE=USER@",
        "WAPPUSH=a/TYPE=USER@-x",
        "WAPPUSH=" + "a" * 3000 + "/TYPE=USER@x",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        addressing.parse(text, tolerant=False)


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40))
def test_any_user_identifier_survives_building_and_parsing(identifier: str) -> None:
    address = addressing.parse(addressing.user(identifier, PPG), tolerant=False)
    assert (address.type, address.value) == ("USER", identifier)


@given(st.ip_addresses())
def test_any_ip_address_survives_building_and_parsing(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    address = addressing.parse(addressing.internet(ip, PPG), tolerant=False)
    assert ipaddress.ip_address(address.value) == ip


def test_uri_survives_building_and_parsing() -> None:
    text = addressing.uri("sip:anna@ims.example.net;gr=urn:uuid:0f", PPG)
    assert addressing.parse(text, tolerant=False).value == "sip:anna@ims.example.net;gr=urn:uuid:0f"
    assert addressing.parse(addressing.plmn("+44123", PPG), tolerant=False).value == "+44123"


@settings(max_examples=300)
@given(
    st.text(st.sampled_from('WAPUSHTYELM=/@"%+.:-0123456789abcf_ \n'), max_size=60),
    st.booleans(),
)
def test_any_text_is_an_address_or_refused(text: str, tolerant: bool) -> None:
    with contextlib.suppress(AddressError):
        assert addressing.parse(text, tolerant=tolerant).original == text


@settings(max_examples=300)
@given(
    st.sampled_from(["a", "+4-4", '"sip%3Aa%40B"', '"tel%3A1-2"', "1.2.03.4", "12345678", "%41"]),
    st.sampled_from(["", "/A=1", "/b=1/A=2"]),
    st.sampled_from(["USER", "PLMN", "URI", "IPv4", "MAN", "x_1"]),
)
def test_strict_grammar_is_part_of_the_tolerant_one(value: str, more: str, kind: str) -> None:
    text = f"WAPPUSH={value}{more}/TYPE={kind}@x"
    with contextlib.suppress(AddressError):
        strict = addressing.parse(text, tolerant=False)
        assert addressing.parse(text) == strict
