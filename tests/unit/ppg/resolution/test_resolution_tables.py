"""The static tables, resolvers in a chain, and clients that the settings must name."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from omapush.pap import address as addressing
from omapush.pap.address import Address
from omapush.ppg.client import Client
from omapush.ppg.recipients import Recipients
from omapush.ppg.resolution.chain import ChainResolver
from omapush.ppg.resolution.known import KnownClientsResolver
from omapush.ppg.resolution.port import (
    NOBODY,
    ClientFound,
    GroupFound,
    NotServed,
    Resolved,
    ResolverMisconfigured,
    ResolverUnavailable,
)
from omapush.ppg.resolution.static import Group, StaticResolver

ANNA, CARL = addressing.parse("+441"), addressing.parse("+443")
NORTH = addressing.parse("north/TYPE=USER")
SOUTH = addressing.parse("south/TYPE=USER")
RECIPIENTS = Recipients([Client("anna", (ANNA,))])


class Fixed:
    """Answers what it was given, keeps what it was asked; away if it was given nothing."""

    def __init__(self, answers: dict[str, Resolved] | None) -> None:
        self._answers = answers
        self.asked: list[list[str]] = []
        self.closed = False

    async def resolve(self, addresses: Sequence[Address]) -> list[Resolved]:
        self.asked.append([address.original for address in addresses])
        if self._answers is None:
            raise ResolverUnavailable("away")
        return [self._answers.get(address.original, NOBODY) for address in addresses]

    async def close(self) -> None:
        self.closed = True


async def test_static_table_leads_to_clients_and_groups_in_order() -> None:
    members = (ANNA, ClientFound("anna"))
    resolver = StaticResolver(RECIPIENTS, [Group("north", (NORTH, CARL), members)])
    found = await resolver.resolve([NORTH, ANNA, SOUTH, CARL])
    group = GroupFound("north", members)
    assert found == [group, ClientFound("anna"), NOBODY, group]


async def test_qualifier_that_no_table_knows_changes_nothing() -> None:
    ported = addressing.parse("+441/PORT=1/TYPE=PLMN")
    resolver = StaticResolver(RECIPIENTS, [Group("north", (ported,), (ANNA,))])
    unknown = addressing.parse("+441/PORT=2/TYPE=PLMN")
    assert await resolver.resolve([unknown]) == [ClientFound("anna")]
    assert await resolver.resolve([ported]) == [GroupFound("north", (ANNA,))]


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ([Group("g", (NORTH,), (ANNA,)), Group("g", (SOUTH,), (ANNA,))], "two groups"),
        ([Group("g", (NORTH,), (ANNA,)), Group("h", (NORTH,), (ANNA,))], "both group 'g'"),
        ([Group("g", (ANNA,), (CARL,))], "both client 'anna'"),
        ([Group("g", (NORTH,), ())], "no members"),
        ([Group("g", (NORTH,), (ClientFound("carl"),))], "'carl'"),
        ([Group("g", (NORTH,), (NORTH,))], "contains itself: g in g"),
        ([Group("g", (NORTH,), (SOUTH,)), Group("h", (SOUTH,), (NORTH, ANNA))], "itself: .* in "),
    ],
)
def test_group_table_that_contradicts_itself_is_refused(groups: list[Group], reason: str) -> None:
    with pytest.raises(ResolverMisconfigured, match=reason):
        StaticResolver(RECIPIENTS, groups)


async def test_first_resolver_that_serves_answers_and_the_next_is_asked_for_the_rest() -> None:
    first = Fixed({"+441": ClientFound("anna"), "south/TYPE=USER": NotServed("is barred")})
    second = Fixed({"+441": ClientFound("other"), "+443": ClientFound("carl")})
    third = Fixed({"north/TYPE=USER": NotServed("leads to a stranger")})
    chain = ChainResolver([first, second, third])
    assert await chain.resolve([CARL, ANNA, NORTH, SOUTH]) == [
        ClientFound("carl"),
        ClientFound("anna"),
        NotServed("leads to a stranger"),
        NotServed("is barred"),
    ]
    assert second.asked == [["+443", "north/TYPE=USER", "south/TYPE=USER"]]
    assert third.asked == [["north/TYPE=USER", "south/TYPE=USER"]]
    await chain.close()
    assert first.closed
    assert second.closed


async def test_resolver_that_is_away_is_not_passed_over_but_not_needed_is_not_asked() -> None:
    away = Fixed(None)
    chain = ChainResolver(
        [Fixed({"+441": ClientFound("anna")}), away, Fixed({"+443": ClientFound("wrong")})]
    )
    assert await chain.resolve([ANNA]) == [ClientFound("anna")]
    assert away.asked == []
    with pytest.raises(ResolverUnavailable):
        await chain.resolve([ANNA, CARL])


async def test_client_that_the_settings_do_not_name_is_not_served_in_groups_too() -> None:
    inner = Fixed(
        {
            "+441": ClientFound("anna"),
            "+443": ClientFound("carl"),
            "north/TYPE=USER": GroupFound("n", (ANNA, ClientFound("carl"), ClientFound("anna"))),
            "south/TYPE=USER": GroupFound("s", (ClientFound("anna"),)),
        }
    )
    resolver = KnownClientsResolver(inner, lambda client_id: client_id == "anna")
    anna, carl, north, south = await resolver.resolve([ANNA, CARL, NORTH, SOUTH])
    assert anna == ClientFound("anna")
    assert isinstance(carl, NotServed)
    assert "'carl'" in carl.reason
    assert north == GroupFound("n", (ANNA, carl, ClientFound("anna")))
    assert south == GroupFound("s", (ClientFound("anna"),))
    await resolver.close()
    assert inner.closed
