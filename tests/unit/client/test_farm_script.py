"""Scripts of simulated clients: what they say, what is wrong with them, and chance."""

from __future__ import annotations

import pytest

from omapush.client.farm.script import (
    MAX_TEXT,
    Action,
    Behaviour,
    ScriptError,
    parse_script,
    seeded_chance,
)
from omapush.ota.interface import PushStatus


def only(text: str) -> Behaviour:
    """Return the only choice of a script."""
    ((behaviour, share),) = parse_script(text).choices
    assert share == 1_000_000
    return behaviour


def test_script_of_one_action_is_always_that_action() -> None:
    assert only("accept") == Behaviour("accept", Action.ACCEPT)
    assert only("accept:100%") == Behaviour("accept", Action.ACCEPT)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("refuse", PushStatus.USERRFS),
        ("refuse(refused)", PushStatus.USERRFS),
        ("refuse(busy)", PushStatus.USERDCR),
        ("refuse(try_later)", PushStatus.USERREQ),
        ("refuse(unsupported_type)", PushStatus.USERDCU),
        ("refuse(no_application)", PushStatus.USERPND),
        ("refuse(236)", PushStatus.USERPND),
    ],
)
def test_refusal_names_its_reason(text: str, status: PushStatus) -> None:
    assert only(text) == Behaviour(text, Action.REFUSE, status=status)


@pytest.mark.parametrize(
    ("text", "action", "shortest_ms", "longest_ms"),
    [
        ("accept(200ms)", Action.ACCEPT, 200, 200),
        ("delay(2s)", Action.DELAY, 2_000, 2_000),
        ("delay(1.5s..1m)", Action.DELAY, 1_500, 60_000),
        ("vanish", Action.VANISH, 0, 0),
        ("vanish(10s)", Action.VANISH, 10_000, 10_000),
        ("vanish(60m)", Action.VANISH, 3_600_000, 3_600_000),
    ],
)
def test_time_is_read_in_milliseconds(
    text: str, action: Action, shortest_ms: int, longest_ms: int
) -> None:
    assert only(text) == Behaviour(text, action, shortest_ms, longest_ms)


def test_refusal_may_take_its_time() -> None:
    behaviour = only("refuse( busy , 300ms )")
    assert behaviour == Behaviour("refuse(busy,300ms)", Action.REFUSE, 300, 300, PushStatus.USERDCR)


def test_shares_divide_chance() -> None:
    script = parse_script("accept:90% refuse(busy):5%  delay(2s):4% vanish(10s):1%")
    chosen = {part: script.choose(part).text for part in (0, 0.8999, 0.9, 0.949, 0.95, 0.99)}
    assert list(chosen.values()) == [
        "accept",
        "accept",
        "refuse(busy)",
        "refuse(busy)",
        "delay(2s)",
        "vanish(10s)",
    ]
    assert script.choose(0.999999999).text == "vanish(10s)"


def test_choice_without_share_has_what_the_others_leave() -> None:
    shares = [share for _, share in parse_script("accept refuse:2.5% vanish:0.0001%").choices]
    assert shares == [974_999, 25_000, 1]


@pytest.mark.parametrize(
    ("text", "reason", "at"),
    [
        ("", "names an action", 1),
        ("   ", "names an action", 1),
        ("take", "an action belongs here", 1),
        ("accept:90% explode:10%", "an action belongs here", 12),
        ("Accept", "an action belongs here", 1),
        ("accept:90%", "make 90 %", 11),
        ("accept:90% refuse:20%", "make 110 %", 22),
        ("accept:200% refuse", "make 200 %", 19),
        ("accept refuse", "only one choice", 8),
        ("accept:ninety", "a share belongs here", 7),
        ("accept:90", "a share belongs here", 7),
        ("accept,refuse", "or a blank", 7),
        ("accept:50%refuse:50%", "or a blank", 11),
        ("refuse(busyy)", "a reason belongs here", 8),
        ("refuse(400)", "a reason belongs here", 8),
        ("refuse(256)", "a reason belongs here", 8),
        ("refuse()", "a reason belongs here", 8),
        ("refuse(busy, soon)", "a time belongs here", 14),
        ("refuse(busy,1s,2s)", "nothing belongs here", 16),
        ("refuse(busy", "not closed", 7),
        ("delay", "needs a time", 6),
        ("delay(2)", "a time belongs here", 7),
        ("delay(2s..)", "a time belongs here", 11),
        ("delay(2s..1s)", "shorter than the first", 7),
        ("delay(61m)", "at most 60m", 7),
        ("vanish(-1s)", "a time belongs here", 8),
        ("accept(1s,2s)", "nothing belongs here", 11),
        ("accept(((", "not closed", 7),
    ],
)
def test_wrong_script_says_where(text: str, reason: str, at: int) -> None:
    with pytest.raises(ScriptError) as caught:
        parse_script(text)
    assert reason in caught.value.reason
    assert caught.value.position == f"character {at}"


def test_script_without_end_is_not_read() -> None:
    with pytest.raises(ScriptError, match="at most 1,000 characters"):
        parse_script("accept " * MAX_TEXT)


def test_drawn_time_lies_between_its_ends() -> None:
    behaviour = only("delay(100ms..200ms)")
    assert behaviour.time_ms(0) == 100
    assert behaviour.time_ms(0.5) == 150
    assert behaviour.time_ms(0.9999999) == 200


def test_chance_repeats_itself_in_any_order() -> None:
    asked = [(client, number) for client in ("a", "b") for number in range(50)]
    once = [seeded_chance(7)(*each, "behaviour") for each in asked]
    again = seeded_chance(7)
    assert [again(*each, "behaviour") for each in reversed(asked)] == once[::-1]
    assert len(set(once)) == len(once)
    assert all(0 <= each < 1 for each in once)


def test_chance_depends_on_seed_client_push_and_question() -> None:
    told = {
        seeded_chance(1)("a", 1, "behaviour"),
        seeded_chance(2)("a", 1, "behaviour"),
        seeded_chance(1)("b", 1, "behaviour"),
        seeded_chance(1)("a", 2, "behaviour"),
        seeded_chance(1)("a", 1, "time"),
    }
    assert len(told) == 5


def test_chance_keeps_the_shares_over_many_pushes() -> None:
    script, chance = parse_script("accept:90% refuse:10%"), seeded_chance(1)
    chosen = [script.choose(chance("a", number, "behaviour")).text for number in range(2_000)]
    assert 150 < chosen.count("refuse") < 250
