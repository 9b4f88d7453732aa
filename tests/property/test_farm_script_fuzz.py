"""Whatever is written as a script of simulated clients: it is one, or its fault has a place."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.client.farm.script import MAX_DURATION_MS, ScriptError, parse_script

ACTIONS = ["accept", "refuse", "delay", "vanish"]
ARGUMENTS = ["(", ")", "busy", "235", ",", "..", "2s", "10ms", "1.5m"]
SIGNS = [":", "50", "100", "%", " ", "\n", "é", "0"]
PIECES = st.sampled_from([*ACTIONS, *ARGUMENTS, *SIGNS])
TEXTS = st.text(max_size=60) | st.lists(PIECES, max_size=20).map("".join)
SHARES = st.lists(st.integers(1, 20), min_size=1, max_size=5)


@given(TEXTS, st.floats(0, 1, exclude_max=True))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_script_or_its_fault_has_a_place(text: str, part: float) -> None:
    try:
        script = parse_script(text)
    except ScriptError as error:
        word, _, place = str(error.position).partition(" ")
        assert word == "character"
        assert 1 <= int(place) <= len(text) + 1
        return
    assert sum(share for _, share in script.choices) == 1_000_000
    behaviour = script.choose(part)
    assert 0 <= behaviour.time_ms(part) <= MAX_DURATION_MS
    assert parse_script(behaviour.text).choices[0][0] == behaviour


@given(SHARES, st.floats(0, 1, exclude_max=True))
@settings(max_examples=100, deadline=None)
def test_chosen_is_what_the_shares_say(shares: list[int], part: float) -> None:
    written = " ".join(f"delay({n}ms):{share}%" for n, share in enumerate(shares))
    script = parse_script(f"{written} accept:{100 - sum(shares)}%")
    below = 0.0
    for behaviour, share in script.choices:
        below += share
        if int(part * 1_000_000) < below:
            assert script.choose(part) == behaviour
            return
