"""Patterns of the operator: what they match, and which are refused because they never could."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.content.application_id import ApplicationId
from omapush.pap import address as addressing
from omapush.ppg.patterns import (
    Filter,
    PatternError,
    check_application_pattern,
    check_media_type_pattern,
    check_recipient_pattern,
    matches,
    names_application,
    recipient_text,
)


@settings(max_examples=200)
@given(st.text("ab*", max_size=8), st.text("abAB", max_size=10))
def test_pattern_matches_what_the_regular_expression_of_it_matches(pattern: str, text: str) -> None:
    expression = ".*".join(re.escape(piece) for piece in pattern.split("*"))
    expected = re.fullmatch(expression, text, re.IGNORECASE) is not None
    assert matches(pattern, text) is expected


def test_pattern_characters_other_than_the_star_stand_for_themselves() -> None:
    assert matches("USER:a?[b].c*", "USER:a?[b].c")
    assert not matches("USER:a?[b].c*", "USER:axbyc")


def test_pattern_of_many_stars_takes_no_longer_for_it() -> None:
    # With backtracking this would not end.
    assert not matches("*a" * 200 + "b", "a" * 100_000)


def test_filter_denies_before_it_allows_and_says_which_pattern_decided() -> None:
    rules = Filter(("PLMN:+44*", "USER:*"), ("PLMN:+4477*",))
    assert rules.refuses("PLMN:+441234") is None
    assert rules.refuses("PLMN:+447700") == "deny PLMN:+4477*"
    assert rules.refuses("PLMN:+33") == "not in allow"
    assert Filter((), ()).refuses("anything") == "not in allow"


@pytest.mark.parametrize(
    ("pattern", "value", "named"),
    [
        ("*", "0", True),
        ("x-wap-application:wml.ua", "2", True),
        ("2", "X-WAP-Application:WML.UA", True),
        ("x-wap-application:*", "2", True),
        ("x-wap-application:*", "0", False),
        ("x-wap-application:*", "x-oma-application:cpm.ua", False),
        ("x-example:one", "x-example:two", False),
        ("x-example:*", "x-example:two", True),
        ("8123", "8123", True),
    ],
)
def test_application_pattern_means_an_application(pattern: str, value: str, named: bool) -> None:
    assert names_application(pattern, ApplicationId.parse(value)) is named


def test_push_for_any_application_reaches_denied_ones_and_so_is_denied() -> None:
    anyone = ApplicationId.parse("x-wap-application:*")
    assert Filter().refuses_application([anyone]) is None
    assert Filter(deny=("7",)).refuses_application([anyone]) == "deny 7"
    assert Filter(allow=("2", "x-*")).refuses_application([anyone]) == "not in allow"


@pytest.mark.parametrize(
    ("text", "compared"),
    [
        ("WAPPUSH=+44-1234.567/TYPE=plmn@ppg", "PLMN:+441234567"),
        ("WAPPUSH=+441234/more=1/TYPE=PLMN@ppg", "PLMN:+441234"),
        ("WAPPUSH=anna%40example.net/TYPE=USER@ppg", "USER:anna@example.net"),
        ("sip:Anna@EXAMPLE.net", "URI:sip:Anna@example.net"),
    ],
)
def test_recipients_are_compared_by_type_and_value_without_qualifiers(
    text: str, compared: str
) -> None:
    assert recipient_text(addressing.parse(text)) == compared


@pytest.mark.parametrize("pattern", ["*", "PLMN:+44*", "plmn:*", "*:*", "URI:sip:*@example.net"])
def test_recipient_pattern_that_can_match_is_taken(pattern: str) -> None:
    check_recipient_pattern(pattern)


@pytest.mark.parametrize("pattern", ["", "+44*", "PLMN:", "PLMN:+44-7700*", "PLMN:0044 7*"])
def test_recipient_pattern_that_can_never_match_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        check_recipient_pattern(pattern)


@pytest.mark.parametrize("pattern", ["", "text", "text/plain; charset=utf-8", "a/b/c"])
def test_media_type_pattern_that_can_never_match_is_refused(pattern: str) -> None:
    check_media_type_pattern("text/*")
    check_media_type_pattern("*")
    with pytest.raises(PatternError):
        check_media_type_pattern(pattern)


@pytest.mark.parametrize("pattern", ["", "wml.ua", "x-*:ua", "x y:z"])
def test_application_pattern_that_can_never_match_is_refused(pattern: str) -> None:
    check_application_pattern("x-oma-*")
    check_application_pattern("7")
    with pytest.raises(PatternError):
        check_application_pattern(pattern)
