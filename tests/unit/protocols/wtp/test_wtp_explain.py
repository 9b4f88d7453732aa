"""What the octets of WTP mean, for people."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError
from omapush.core.explanation import Field
from omapush.protocols.wtp.explain import DATA, explain


def covered(field: Field) -> bytes:
    """Join the leaves, which must be the whole without gaps."""
    if not field.children:
        return field.octets
    joined = b"".join(covered(child) for child in field.children)
    assert joined == field.octets, field.name
    return joined


@pytest.mark.parametrize(
    "octets",
    [
        "0e0010110705aeaf82b481",
        "9880100ac394",
        "218010ed",
        "20001002",
        "1c8010",
        "8e0021121301057840012f",
        "2c002001c307",
        "9880201901",
        "3880200101",
        "388020020102",
        "3880200101ff",
        "98000101a9",
        "980001910208",
        "16800102a434",
    ],
)
def test_every_octet_of_a_pdu_belongs_to_a_field(octets: str) -> None:
    tree = explain(bytes.fromhex(octets))
    assert covered(tree).hex() == octets
    for field in tree.walk():
        assert bytes.fromhex(octets)[field.offset :].startswith(field.octets)


def test_invoke_says_its_flags_and_where_the_users_data_is() -> None:
    tree = explain(bytes.fromhex("0f0010110705aeaf82b481"))
    assert tree.name == "WTP Invoke"
    said = {field.name: field.value for field in tree.walk()}
    assert said["PDU Type and flags"] == "Invoke GTR TTR RID"
    assert said["TID"] == 0x10
    assert said["Invoke parameters"] == "version 0, class 1, U/P"
    data = tree.named(DATA)
    assert data is not None
    assert (data.offset, data.octets.hex()) == (4, "0705aeaf82b481")


def test_ack_says_tve_or_tok_by_who_sent_it() -> None:
    assert "Tve" in str(explain(bytes.fromhex("1c8010")).children[0].value)
    assert "Tok" in str(explain(bytes.fromhex("1c0010")).children[0].value)


def test_abort_names_the_providers_reason_and_gives_the_users_as_number() -> None:
    provider = explain(bytes.fromhex("20001002")).named("Abort Reason")
    user = explain(bytes.fromhex("218010ed")).named("Abort Reason")
    assert provider is not None
    assert provider.value == "INVALIDTID"
    assert user is not None
    assert user.value == "0xed"


def test_concatenation_gives_each_pdu_its_place_in_the_datagram() -> None:
    octets = bytes.fromhex("0003180001070e00040005a434")
    tree = explain(octets)
    assert [child.name for child in tree.children] == [
        "Concatenation Indicator",
        "PDU Length",
        "WTP Ack",
        "PDU Length",
        "WTP Invoke",
    ]
    assert covered(tree) == octets
    for field in tree.walk():
        assert octets[field.offset :].startswith(field.octets)


def test_unknown_tpi_and_trailing_octets_are_noted() -> None:
    tree = explain(bytes.fromhex("98000149aa"))
    assert [field.note for field in tree.walk() if field.name == "TPI"] != [None]
    trailing = explain(bytes.fromhex("180001ff")).named("Trailing octets")
    assert trailing is not None
    assert trailing.note


@pytest.mark.parametrize("octets", ["", "0e", "0e000152", "400001", "0005180001"])
def test_what_the_decoder_refuses_is_refused(octets: str) -> None:
    with pytest.raises(DecodeError):
        explain(bytes.fromhex(octets))


def test_the_place_of_an_error_counts_in_the_datagram() -> None:
    with pytest.raises(DecodeError) as caught:
        explain(bytes.fromhex("000318000103200001"))
    assert caught.value.position == 9
