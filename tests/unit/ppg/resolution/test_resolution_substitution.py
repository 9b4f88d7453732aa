"""The substitution expression of NAPTR rules: what is applied, and what is refused unread."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.ppg.resolution.substitution import MAX_LENGTH, RuleRefused, substitute

NUMBER = "+441632960083"


@pytest.mark.parametrize(
    ("regexp", "made"),
    [
        # RFC 6116 and RFC 2916, and what zones hold
        (r"!^.*$!sip:anna@example.net!", "sip:anna@example.net"),
        (r"!^(.*)$!tel:\1!", f"tel:{NUMBER}"),
        (r"!^(\+441632960083)$!sip:\1@x!", f"sip:{NUMBER}@x"),
        (r"!^\+44(.*)$!sip:0\1@example.net!", "sip:01632960083@example.net"),
        (r"!^+44(.*)$!sip:0\1@example.net!", "sip:01632960083@example.net"),
        (r"!^\+(44)(.{4})(.*)$!sip:\3@\2.\1!", "sip:960083@1632.44"),
        (r"/^\+441632([0-9]+)$/sip:\1@x\/y/i", "sip:960083@x/y"),
        (r"!(.*)!sip:\1@x!", f"sip:{NUMBER}@x"),
        (r"!.*83$!sip:x!", "sip:x"),
        (r"!^[+]44[1-3]6.*!sip:x!", "sip:x"),
        (r"!^\+[^5-9+](4[0-9]{3,11})$!sip:\1!", "sip:41632960083"),
        (r"!^\+4410?632960083$!sip:x!", "sip:x"),
        (r"!^\+4490?1632960083$!sip:x!", None),
        (r"!^\+44(16|17)?.*$!sip:x!", RuleRefused),
        (r"#^.*$#sip:\\a\#b#", r"sip:\a#b"),
        (r"!^\!?\+441632960083$!sip:x\!!", "sip:x!"),
        # of other numbers
        (r"!^\+43.*$!sip:x!", None),
        (r"!^\+441632960083.+$!sip:x!", None),
        (r"!^\+44163296008$!sip:x!", None),
        (r"!^\+441632960083[0-9]{2,3}$!sip:x!", None),
        (r"!^.{1,5}$!sip:x!", None),
        (r"!^$!sip:x!", None),
        (r"!^[0-9]*$!sip:x!", None),
        (r"!^a*.*$!sip:x!", RuleRefused),
    ],
)
def test_rule_makes_of_a_number_what_it_says(regexp: str, made: str | type | None) -> None:
    if isinstance(made, type):
        with pytest.raises(RuleRefused):
            substitute(regexp, NUMBER)
    else:
        assert substitute(regexp, NUMBER) == made


@pytest.mark.parametrize(
    ("regexp", "reason"),
    [
        ("", "begins with a delimiter"),
        (r"1^.*$1x1", "begins with a delimiter"),
        (r"i^.*$ixi", "begins with a delimiter"),
        (r"\^.*$\x\ ".strip(), "begins with a delimiter"),
        (r"!^.*$!sip:x", "three delimiters"),
        (r"!^.*$!sip:x!!", "three delimiters"),
        (r"!^.*$!sip:x\!", "three delimiters"),
        (r"!^.*$!sip:x!g", "only flag"),
        (r"!^.*$!sip:\1!", "no group 1"),
        (r"!^(.*)$!sip:\2!", "no group 2"),
        (r"!^(.*)$!sip:\0!", "a digit or the delimiter"),
        (r"!^(.*)$!sip:\n!", "a digit or the delimiter"),
        (r"!^\d+$!sip:x!", "operator or the delimiter"),
        (r"!^(.)\1.*$!sip:x!", "operator or the delimiter"),
        (r"!^((.*))$!sip:x!", "groups in groups"),
        (r"!^(.*$!sip:x!", "not closed"),
        (r"!^(.*!sip:x!", "not closed"),
        (r"!^.*)$!sip:x!", "not applied here"),
        (r"!^(.*)*$!sip:x!", "repeated group"),
        (r"!^(4){2}$!sip:x!", "repeated group"),
        (r"!^(.*)+$!sip:x!", "repeated group"),
        (r"!^.**$!sip:x!", "repetition of a repetition"),
        (r"!^.*?$!sip:x!", "repetition of a repetition"),
        (r"!^.*.*$!sip:x!", "varying length"),
        (r"!^[0-9]+4?$!sip:x!", "varying length"),
        (r"!^(4|5)$!sip:x!", "not applied here"),
        (r"!^4{3,2}$!sip:x!", "before it begins"),
        (r"!^4{1000}$!sip:x!", "repetition of a repetition|not applied"),
        (r"!^[[:digit:]]*$!sip:x!", "a set of anything but"),
        (r"!^[a-z]*$!sip:x!", "a set of anything but"),
        (r"!^[0-9$!sip:x!", "a set of anything but"),
        (r"!44!sip:x!", "part of the number"),
        (r"!^44!sip:x!", "part of the number"),
        (r"!83$!sip:x!", "part of the number"),
        (r"!!sip:x!", "part of the number"),
        (r"!^4^.*$!sip:x!", "not applied here"),
        (r"!^*$!sip:x!", "not applied here"),
        ("!^.*$!sip:\xfc!", "printable ASCII"),
        ("!^.*$!sip:\nx!", "printable ASCII"),
        ("!^.*$!" + "x" * MAX_LENGTH + "!", "at most 255"),
    ],
)
def test_rule_of_another_form_is_refused_with_the_reason(regexp: str, reason: str) -> None:
    with pytest.raises(RuleRefused, match=reason):
        substitute(regexp, NUMBER)


def test_rule_says_where_it_is_wrong() -> None:
    with pytest.raises(RuleRefused) as caught:
        substitute(r"!^\+44(5|6)$!sip:x!", NUMBER)
    assert caught.value.position == 8


FIXED = st.sampled_from([r"\+", "4", "1", ".", "[0-9]", "[^4]", "[+4]", "4{2}", ".{3}", "[0-9]{0}"])
VARYING = st.sampled_from([".*", ".+", "4?", "[0-9]*", "[0-9]+", ".{2,5}", "4{0,2}", "[1-6]{1,}"])
FIXED_PARTS = st.lists(FIXED, max_size=4).map("".join)
NUMBERS = st.text("146", min_size=1, max_size=8).map("+".__add__)


@settings(max_examples=300)
@given(FIXED_PARTS, VARYING | st.just(""), FIXED_PARTS, NUMBERS)
def test_rule_that_is_applied_matches_like_any_regular_expression(
    before: str, varying: str, after: str, number: str
) -> None:
    expression = f"^({before})({varying})({after})$"
    found = re.search(expression, number)
    wanted = ":".join(found.groups()) if found else None
    assert substitute(rf"!{expression}!\1:\2:\3!", number) == wanted


PIECES = st.sampled_from([*"!^$.*+?(){}[]|\\,-", "0", "9", "i", "\\1", "\\!", "[0-9]", "{2}", "x"])


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=20).map("".join).map("!".__add__) | st.text(max_size=20))
def test_any_rule_is_applied_or_refused(regexp: str) -> None:
    with contextlib.suppress(RuleRefused):
        made = substitute(regexp, NUMBER)
        assert made is None or len(made) <= MAX_LENGTH * len(NUMBER)
