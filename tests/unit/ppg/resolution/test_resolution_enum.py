"""ENUM: from a number by its rules to a client; the name servers are a table here."""

from __future__ import annotations

import asyncio

import pytest

from omapush.pap import address as addressing
from omapush.ppg.client import Client
from omapush.ppg.recipients import Recipients
from omapush.ppg.resolution.bounded import LookUpLimits
from omapush.ppg.resolution.cache import CacheLimits, CachingResolver
from omapush.ppg.resolution.enum_dns import (
    EnumResolver,
    EnumRules,
    addresses_of,
    domain_of,
    number_of,
)
from omapush.ppg.resolution.naptr import Naptr, NaptrAnswer, enumservices
from omapush.ppg.resolution.port import (
    NOBODY,
    ClientFound,
    GroupFound,
    NotServed,
    Perishable,
    Resolved,
    ResolverUnavailable,
)
from omapush.ppg.resolution.static import Group, StaticResolver
from omapush.testing.virtual_clock import VirtualClock

PHONE = addressing.parse("+4412")
HOME = "2.1.4.4.e164.arpa"
DIRECTORY = StaticResolver(
    Recipients(
        [
            Client("anna", (addressing.parse("sip:anna@example.net"),)),
            Client("berta", (addressing.parse("berta@example.net"),)),
            Client("carl", (addressing.parse("+4413"),)),
            Client("dora", (addressing.parse("tel:+4414"),)),
            Client("emil", (addressing.parse(addressing.uri("pres:emil@example.net", "x")),)),
        ]
    ),
    [Group("all", (addressing.parse("sip:all@example.net"),), (ClientFound("anna"),))],
)
ALL = ("sip", "pres", "email", "sms:tel", "voice")
LIMITS = LookUpLimits(timeout_ms=30_000)


class Table:
    """Name servers that know what ``answers`` says; all else does not exist, for a minute."""

    def __init__(self, **answers: NaptrAnswer) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.away = False

    async def naptr(self, domain: str) -> NaptrAnswer:
        self.asked.append(domain)
        await asyncio.sleep(0)
        if self.away:
            raise ResolverUnavailable("no answer of name servers")
        return self.answers.get(domain, NaptrAnswer((), 60_000))


def rule(
    uri: str, order: int = 10, preference: int = 10, service: str = "E2U+sip", flags: str = "u"
) -> Naptr:
    return Naptr(order, preference, flags, service, f"!^.*$!{uri}!")


def onward(domain: str, order: int = 10, preference: int = 10) -> Naptr:
    return Naptr(order, preference, "", "", "", domain)


def table(*records: Naptr, life_ms: int = 300_000, **others: tuple[Naptr, ...]) -> Table:
    answers = {name.replace("_", "."): NaptrAnswer(rules, 60_000) for name, rules in others.items()}
    return Table(**{HOME: NaptrAnswer(records, life_ms)}, **answers)


def resolver(source: Table, services: tuple[str, ...] = ALL, most: int = 8) -> EnumResolver:
    return EnumResolver(source, EnumRules(services=services, max_records=most), DIRECTORY, LIMITS)


async def found(source: Table, services: tuple[str, ...] = ALL, most: int = 8) -> Resolved:
    (answer,) = await resolver(source, services, most).resolve([PHONE])
    assert isinstance(answer, Perishable)
    return answer.answer


def reason(answer: Resolved) -> str:
    assert isinstance(answer, NotServed)
    return answer.reason


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+44.12-3", "+44123"),
        ("WAPPUSH=+44123/PORT=9/TYPE=PLMN@x", "+44123"),
        ("tel:+44-(12)3", "+44123"),
        ("+123456789012345", "+123456789012345"),
        ("+1234567890123456", None),
        ("+044", None),
        ("tel:44123", None),
        ("tel:+44123;ext=7", None),
        ("sip:+44123@example.net", None),
        ("WAPPUSH=+44123/TYPE=USER@x", None),
        ("10.1.2.3", None),
    ],
)
def test_number_is_what_e164_calls_so(text: str, number: str | None) -> None:
    assert number_of(addressing.parse(text)) == number


def test_domain_of_a_number_is_its_digits_from_the_last() -> None:
    # RFC 6116 3.2
    domain = domain_of("+442079460148", "e164.arpa")
    assert domain == "8.4.1.0.6.4.9.7.0.2.4.4.e164.arpa"


async def test_address_that_is_no_number_is_not_asked_for() -> None:
    source = table(rule("sip:anna@example.net"))
    wanted = [addressing.parse("anna/TYPE=USER"), addressing.parse("sip:anna@example.net")]
    assert await resolver(source).resolve(wanted) == [NOBODY, NOBODY]
    assert source.asked == []


@pytest.mark.parametrize(
    ("uri", "service", "client"),
    [
        ("sip:anna@EXAMPLE.net", "E2U+sip", "anna"),
        ("SIP:anna@example.net", "e2u+SIP", "anna"),
        ("sip:anna@example.net", "sip+E2U", "anna"),
        ("mailto:berta@example.net", "E2U+email:mailto", "berta"),
        ("mailto:berta%40example.net?subject=x", "E2U+email:mailto", "berta"),
        ("tel:+44-13", "E2U+voice:tel+sms:tel", "carl"),
        ("tel:+4414", "E2U+sms:tel", "dora"),
        ("pres:emil@example.net", "E2U+pres", "emil"),
    ],
)
async def test_uri_of_a_rule_leads_to_the_client_that_has_it(
    uri: str, service: str, client: str
) -> None:
    assert await found(table(rule(uri, service=service))) == ClientFound(client)


def test_tel_uri_is_tried_as_number_before_it_is_tried_as_uri() -> None:
    number, uri = addresses_of("tel:+4413")
    assert (number.recipient_key, uri.recipient_key) == ("PLMN:+4413", "URI:tel:+4413")


@pytest.mark.parametrize("uri", ["mailto:", "sip:", "mailto:?subject=x", "sip:" + "x" * 2050])
def test_uri_that_is_no_address_leads_to_none(uri: str) -> None:
    assert addresses_of(uri) == []


async def test_uri_may_lead_to_a_group() -> None:
    group = await found(table(rule("sip:all@example.net")))
    assert isinstance(group, GroupFound)


async def test_number_without_domain_or_rules_is_nobodys() -> None:
    assert await found(Table()) == NOBODY
    assert await found(table()) == NOBODY


async def test_lowest_order_counts_and_in_it_the_lowest_preference() -> None:
    rules = (
        rule("sip:all@example.net", order=20, preference=1),
        rule("mailto:berta@example.net", order=10, preference=30, service="E2U+email:mailto"),
        rule("sip:anna@example.net", order=10, preference=20),
    )
    assert await found(table(*rules)) == ClientFound("anna")
    assert await found(table(*rules), services=("email",)) == ClientFound("berta")


async def test_rule_to_nobody_gives_way_to_one_of_the_same_order_only() -> None:
    first = rule("sip:stranger@example.org")
    second = rule("sip:anna@example.net", preference=20)
    assert await found(table(first, second)) == ClientFound("anna")
    later = rule("sip:anna@example.net", order=20)
    assert "nobody who is served" in reason(await found(table(first, later)))


async def test_order_without_any_rule_that_can_be_used_gives_way_to_the_next() -> None:
    rules = (
        rule("http://example.net/", order=1, service="E2U+web:http"),
        Naptr(2, 1, "u", "E2U+sip", "!^(.*)*$!sip:x!"),
        Naptr(3, 1, "u", "E2U+sip", r"!^\+49.*$!sip:x!"),
        rule("sip:anna@example.net", order=4),
    )
    assert await found(table(*rules)) == ClientFound("anna")


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (rule("sip:x", service="E2U+ift:ftp"), "none of its rules"),
        (rule("sip:x", service="E2U+sms:mailto"), "none of its rules"),
        (rule("sip:x", service="SIP+D2U"), "none of its rules"),
        (rule("sip:x", service=""), "none of its rules"),
        (rule("sip:x", flags="s"), "flag u"),
        (rule("sip:x", flags="up"), "flag u"),
        (Naptr(1, 1, "u", "E2U+sip", "!^(.*)*$!sip:x!"), "repeated group"),
        (Naptr(1, 1, "u", "E2U+sip", ""), "delimiter"),
        (Naptr(1, 1, "u", "E2U+sip", "!^.*$!sip:x!", "example.net"), "both"),
        (Naptr(1, 1, "", "", "!^.*$!x!", "example.net"), "names a domain"),
        (Naptr(1, 1, "", "", ""), "names a domain"),
        (rule("nonsense"), "no URI"),
        (rule("sip:a b"), "no URI"),
    ],
)
async def test_rule_that_cannot_be_used_serves_nobody_and_says_why(
    record: Naptr, said: str
) -> None:
    assert said in reason(await found(table(record)))


async def test_rule_without_flag_leads_on_in_its_place() -> None:
    source = table(
        rule("sip:all@example.net", preference=20),
        onward("other.example"),
        other_example=(rule("sip:anna@example.net", order=99),),
    )
    assert await found(source) == ClientFound("anna")
    assert source.asked == [HOME, "other.example"]


async def test_rules_that_lead_in_a_circle_end() -> None:
    source = table(onward("b.example"), b_example=(onward(HOME.upper()), onward("B.example")))
    assert "circle" in reason(await found(source))
    assert source.asked == [HOME, "b.example"]


async def test_rules_that_lead_on_too_often_end() -> None:
    chain = {f"d{step}": (onward(f"d{step + 1}"),) for step in range(1, 20)}
    source = table(onward("d1"), **chain)
    assert "more than 5 times" in reason(await found(source))
    assert source.asked == [HOME, "d1", "d2", "d3", "d4", "d5"]


async def test_number_with_too_many_rules_is_not_served_wherever_they_stand() -> None:
    many = tuple(rule("sip:anna@example.net", preference=step) for step in range(5))
    assert await found(table(*many), most=5) == ClientFound("anna")
    assert "at most 4 rules" in reason(await found(table(*many), most=4))
    source = table(onward("b.example"), *many, b_example=many)
    assert "at most 8 rules" in reason(await found(source))


async def test_name_servers_that_are_away_make_it_unavailable_not_nobodys() -> None:
    source = table(rule("sip:anna@example.net"))
    source.away = True
    with pytest.raises(ResolverUnavailable):
        await resolver(source).resolve([PHONE])


async def test_directory_that_is_away_makes_it_unavailable() -> None:
    class Away:
        async def resolve(self, addresses: object) -> list[Resolved]:
            raise ResolverUnavailable("the database is away")

        async def close(self) -> None:
            pass

    source = table(rule("sip:anna@example.net"))
    with pytest.raises(ResolverUnavailable, match="database"):
        await EnumResolver(source, EnumRules(), Away(), LIMITS).resolve([PHONE])


async def test_closed_resolver_asks_nobody() -> None:
    source = table(rule("sip:anna@example.net"))
    closed = resolver(source)
    await closed.close()
    with pytest.raises(ResolverUnavailable, match="closed"):
        await closed.resolve([PHONE])
    assert source.asked == []


@pytest.mark.parametrize(
    ("record", "life_ms", "remembered_ms"),
    [
        (rule("sip:anna@example.net"), 20_000, 20_000),
        (rule("sip:anna@example.net"), 86_400_000, 60_000),
        (rule("sip:anna@example.net"), 0, 0),
        (onward("nowhere.example"), 5_000, 5_000),
        (onward("nowhere.example"), 50_000, 10_000),
    ],
)
async def test_answer_is_remembered_as_long_as_both_dns_and_settings_allow(
    record: Naptr, life_ms: int, remembered_ms: int
) -> None:
    clock = VirtualClock()
    source = table(record, life_ms=life_ms)
    limits = CacheLimits(found_ms=60_000, not_served_ms=10_000)
    cached = CachingResolver(resolver(source), clock, limits)
    first = await cached.resolve([PHONE])
    asked = len(source.asked)
    if remembered_ms:
        clock.advance(remembered_ms - 1)
        assert await cached.resolve([PHONE]) == first
        assert len(source.asked) == asked
        clock.advance(1)
    assert await cached.resolve([PHONE]) == first
    assert len(source.asked) == 2 * asked
    await cached.close()


async def test_life_of_an_answer_is_that_of_the_shortest_lived_on_the_way() -> None:
    source = table(onward("b.example"), life_ms=90_000)
    source.answers["b.example"] = NaptrAnswer((rule("sip:anna@example.net"),), 30_000)
    (answer,) = await resolver(source).resolve([PHONE])
    assert answer == Perishable(ClientFound("anna"), 30_000)


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("E2U+sip", ("sip",)),
        ("e2u+Voice:tel+SMS:tel", ("voice:tel", "sms:tel")),
        ("mailto+E2U", ("mailto",)),
        ("E2U", ()),
        ("", ()),
        ("SIP+D2U", ()),
    ],
)
def test_service_field_names_enumservices(field: str, names: tuple[str, ...]) -> None:
    assert enumservices(field) == names
