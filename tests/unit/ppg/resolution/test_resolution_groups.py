"""From a group to its clients, through groups in groups, within limits."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.pap import address as addressing
from omapush.pap.address import Address
from omapush.ppg.resolution.groups import Expansion, GroupLimits, GroupMember, GroupRefused, expand
from omapush.ppg.resolution.port import (
    NOBODY,
    ClientFound,
    GroupFound,
    Member,
    NotServed,
    Resolved,
)


def user(name: str) -> Address:
    return addressing.parse(f"WAPPUSH={name}/TYPE=USER@x")


class Tree:
    """Knows groups by letter: capitals are groups, small letters clients, digits nobody."""

    def __init__(self, **groups: str) -> None:
        self._groups = groups
        self.asked: list[str] = []

    async def resolve(self, addresses: Sequence[Address]) -> list[Resolved]:
        self.asked.append("".join(address.value for address in addresses))
        return [self.answer(address.value) for address in addresses]

    async def close(self) -> None:
        pass

    def answer(self, name: str) -> Resolved:
        if name.isdigit():
            return NOBODY
        return self.group(name) if name.isupper() else ClientFound(name)

    def group(self, name: str) -> GroupFound:
        return GroupFound(name, tuple(user(letter) for letter in self._groups[name]))

    async def expand(self, limits: GroupLimits | None = None) -> Expansion:
        return await expand(self, user("A"), self.group("A"), limits or GroupLimits())


def names(expansion: Expansion) -> str:
    return "".join(member.client_id for member in expansion.clients)


async def test_nested_groups_give_each_client_once_and_ask_level_by_level() -> None:
    tree = Tree(A="aBC1", B="abD", C="cD", D="d")
    expansion = await tree.expand()
    assert names(expansion) == "abcd"
    assert expansion.clients[0] == GroupMember("a", user("a"))
    assert expansion.not_served == (NOBODY,)
    assert tree.asked == ["aBC1", "bDc", "d"]


async def test_named_clients_and_useless_entries_are_taken_as_they_are() -> None:
    bad = NotServed("not an address")
    members: tuple[Member, ...] = (ClientFound("a"), bad, user("a"), user("b"))
    expansion = await expand(Tree(), user("G"), GroupFound("G", members), GroupLimits())
    assert expansion.clients == (GroupMember("a"), GroupMember("b", user("b")))
    assert expansion.not_served == (bad,)


@pytest.mark.parametrize(
    "groups",
    [{"A": "A"}, {"A": "aB", "B": "A"}, {"A": "BC", "B": "C", "C": "B"}, {"A": "B", "B": "aB"}],
)
async def test_group_that_contains_itself_is_refused_even_beside_the_walk(
    groups: dict[str, str],
) -> None:
    with pytest.raises(GroupRefused, match="contain themselves"):
        await Tree(**groups).expand()


async def test_group_met_on_two_ways_is_no_cycle() -> None:
    assert names(await Tree(A="BC", B="D", C="D", D="d").expand()) == "d"


async def test_depth_and_members_are_bounded_exactly() -> None:
    tree = Tree(A="B", B="C", C="ab")
    assert names(await tree.expand(GroupLimits(max_depth=3, max_members=4))) == "ab"
    with pytest.raises(GroupRefused, match="more than 2 groups deep"):
        await tree.expand(GroupLimits(max_depth=2))
    with pytest.raises(GroupRefused, match="more than 3 members"):
        await tree.expand(GroupLimits(max_members=3))


LETTERS = st.text(st.sampled_from("ABCDEabc12"), min_size=1, max_size=5)


@settings(max_examples=150)
@given(st.fixed_dictionaries(dict.fromkeys("ABCDE", LETTERS)))
async def test_any_groups_give_who_can_be_reached_or_are_refused_for_a_cycle(
    groups: dict[str, str],
) -> None:
    reached: set[str] = set()
    todo = ["A"]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += groups.get(name, "")
    capitals = [name for name in reached if name.isupper()]
    below = {name: set(groups[name]) for name in capitals}
    for middle in capitals:  # Warshall's closure
        for name in capitals:
            if middle in below[name]:
                below[name] |= below[middle]
    try:
        expansion = await Tree(**groups).expand(GroupLimits(max_depth=9))
    except GroupRefused:
        assert any(name in below[name] for name in capitals)
    else:
        assert not any(name in below[name] for name in capitals)
        assert set(names(expansion)) == {name for name in reached if name.islower()}
        assert len(expansion.not_served) == sum(name.isdigit() for name in reached)
