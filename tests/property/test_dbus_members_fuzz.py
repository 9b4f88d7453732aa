"""Whatever dictionary an application sends: members, or a refusal that names one."""

from __future__ import annotations

from typing import Any

from dbus_fast import Variant
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omapush.cai import wire
from omapush.cai.model import RegistrationRejected
from omapush.client.dbus.variants import members_of, variants_of

NAMES = st.sampled_from(
    ["push_application_id", "accept", "profiles", "whitelist", "ack_timeout", "path", "other"]
)
LEAVES = st.one_of(
    st.builds(Variant, st.just("s"), st.text(max_size=20)),
    st.builds(Variant, st.just("x"), st.integers(-(2**63), 2**63 - 1)),
    st.builds(Variant, st.just("b"), st.booleans()),
    st.builds(Variant, st.just("d"), st.floats()),
    st.builds(Variant, st.just("ay"), st.binary(max_size=20)),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Variant, st.just("av"), st.lists(inner, max_size=4)),
        st.builds(Variant, st.just("v"), inner),
        st.builds(Variant, st.just("a{sv}"), st.dictionaries(NAMES, inner, max_size=4)),
    ),
    max_leaves=20,
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=9)),
    lambda inner: st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=20,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # the library checks each variant made
@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_dictionary_is_a_request_or_refused_by_name(dictionary: dict[str, Variant]) -> None:
    named: str | None = "nothing"
    try:
        wire.registration_request(members_of(dictionary))
    except RegistrationRejected as error:
        named = error.parameter
    assert named


@given(st.dictionaries(st.text(max_size=9), JSON, max_size=4))
def test_members_survive_the_way_there_and_back(members: dict[str, Any]) -> None:
    def said(value: Any) -> Any:
        if not isinstance(value, dict):
            return value.replace("\0", "\ufffd") if isinstance(value, str) else value
        return {said(name): said(one) for name, one in value.items() if one is not None}

    try:
        back = members_of(variants_of(members))
    except RegistrationRejected:
        return  # deeper than anything that is said
    assert back == said(members)
