"""PAP versions and their negotiation (PAP 9)."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError
from omapush.pap.versions import (
    Negotiation,
    PapVersion,
    VersionRange,
    format_instruction,
    identify,
    negotiate,
    parse_instruction,
    public_id,
    system_id,
)

V = PapVersion.parse
OURS = tuple(V(text) for text in ("2.3", "2.2", "2.1", "2.0", "1.0"))


def listed(text: str) -> tuple[VersionRange, ...]:
    return parse_instruction(f'supported-versions="{text}"')


def test_numbers_compare_as_integers() -> None:
    assert V("2.4") < V("2.10") < V("3.0")
    assert str(V("2.10")) == "2.10"


@pytest.mark.parametrize("text", ["", "2", "2.*", "a.b", "2.0 ", "-1.0", "2.0.0"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        V(text)


@pytest.mark.parametrize(
    ("data", "versions"),
    [
        ('supported-versions="2.0,1.*"', ["2.0", "1.*"]),
        ("supported-versions='2.0'", ["2.0"]),
        ('supported-versions="99, 2.0 ,x,"', ["2.0"]),
        ('supported-versions=""', []),
        ("nothing", []),
    ],
)
def test_version_list_is_read_and_nonsense_in_it_passed_over(
    data: str, versions: list[str]
) -> None:
    assert [str(version) for version in parse_instruction(data)] == versions


def test_version_list_is_written() -> None:
    text = format_instruction((VersionRange(2, 0), VersionRange(1, None)))
    assert text == '<?wap-pap-ver supported-versions="2.0,1.*"?>'


@pytest.mark.parametrize("version", OURS)
@pytest.mark.parametrize("owner", ["WAPFORUM", "OMA"])
def test_identifiers_are_written_and_read(version: PapVersion, owner: str) -> None:
    found = identify(public_id(version, owner), "")
    assert found.version == version
    assert found.owner == (owner if version > V("2.0") else "WAPFORUM")
    assert identify("", system_id(version)).version == version


def test_identifiers_of_the_first_versions_are_those_of_the_wap_forum() -> None:
    assert public_id(V("2.0"), "OMA") == "-//WAPFORUM//DTD PAP 2.0//EN"
    assert system_id(V("1.0")) == "http://www.wapforum.org/DTD/pap_1.0.dtd"
    assert system_id(V("2.3")) == "http://www.openmobilealliance.org/tech/DTD/pap_2.3.dtd"


@pytest.mark.parametrize(
    ("version", "list_text", "supported", "answer", "with_list"),
    [
        ("2.0", "2.0,1.*", True, "2.0", True),
        ("1.0", "", True, "1.0", False),
        ("1.0", "2.0", True, "1.0", True),
        ("4.0", "4.0,2.*", False, "2.3", True),
        ("4.0", "1.0,2.0", False, "1.0", True),
        ("4.0", "", False, "1.0", True),
        ("4.0", "5.*,6.0", False, "1.0", True),
        ("2.9", "2.9,2.0", False, "2.0", True),
        ("2.0", "99", True, "2.0", True),
    ],
)
def test_answer_follows_the_table(
    version: str, list_text: str, supported: bool, answer: str, with_list: bool
) -> None:
    found = negotiate(V(version), listed(list_text), OURS)
    assert found == Negotiation(supported, V(answer), with_list)


def test_best_common_version_is_found_by_number_and_not_by_letter() -> None:
    ours = tuple(V(text) for text in ("2.10", "2.4", "1.0"))
    found = negotiate(V("4.0"), listed("4.*,2.*"), ours)
    assert found == Negotiation(supported=False, version=V("2.10"), with_list=True)
    assert negotiate(V("4.0"), listed("2.1"), ours).version == V("1.0")  # 2.1 is not 2.10


def test_gateway_of_1_0_alone_never_lists() -> None:
    assert negotiate(V("2.0"), listed("2.0"), (V("1.0"),)) == Negotiation(False, V("1.0"), False)
