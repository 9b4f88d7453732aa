"""ENUM: from a phone number by DNS to a URI, and by that URI to a client (RFC 6116).

``+441234`` is asked for as ``4.3.2.1.4.4.e164.arpa``. The URIs that its NAPTR rules make become
addresses, which a directory of this gateway knows or does not know:

* ``tel:+441235``: the PLMN address of that number, then the URI;
* ``mailto:anna@example.net``: the USER address ``anna@example.net``;
* all others (``sip:``, ``sips:``, ``pres:`` ...): the URI.

Whoever owns the number decides by DNS to which of the gateway's clients it leads, and to no other
place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from omapush.core.errors import LimitError
from omapush.pap import address as addressing
from omapush.pap.address import Address, AddressError
from omapush.ppg.resolution.bounded import BoundedLookUps, LookUpLimits
from omapush.ppg.resolution.naptr import ROOT, Naptr, NaptrSource, by_order, serves, uri_of
from omapush.ppg.resolution.port import NOBODY, NotServed, Perishable, Resolved, Resolver
from omapush.ppg.resolution.substitution import RuleRefused

MAX_LED_ON = 5
"""Domains that rules without flag lead to, one after the other or beside each other."""

# E.164: a country code and what follows it have fifteen digits together.
_GLOBAL_NUMBER = re.compile(r"(?:tel:)?(\+[1-9][0-9]{0,14})")
_OWN = "localhost"


@dataclass(frozen=True, slots=True)
class EnumRules:
    """Where numbers stand, and which of their rules count.

    :ivar zone: domain below which they stand.
    :ivar services: enumservices that lead to clients, ``sip`` or ``sms:tel``, in small letters.
    :ivar max_records: rules of one number, wherever they stand.
    """

    zone: str = "e164.arpa"
    services: tuple[str, ...] = ("sip",)
    max_records: int = 32


def number_of(address: Address) -> str | None:
    """Return ``+`` and digits if ``address`` is a number of E.164 (RFC 6116 3.1)."""
    if address.type not in (addressing.PLMN, addressing.URI):
        return None
    found = _GLOBAL_NUMBER.fullmatch(address.value)
    return found[1] if found else None


def domain_of(number: str, zone: str) -> str:
    """Return where the rules of ``number`` stand: its digits from the last (RFC 6116 3.2)."""
    return ".".join([*reversed(number.removeprefix("+")), zone])


def addresses_of(uri: str) -> list[Address]:
    """Return what a client may be known by that ``uri`` leads to; nothing, if it is no address."""
    scheme, _, rest = uri.partition(":")
    try:
        if scheme.lower() == "mailto":
            return [_parsed(addressing.user(unquote(rest.partition("?")[0]), _OWN))]
        address = _parsed(addressing.uri(uri, _OWN))
        number = number_of(address)
        if number is None:
            return [address]
        return [_parsed(addressing.plmn(number, _OWN)), address]
    except AddressError:
        return []


def _parsed(text: str) -> Address:
    return addressing.parse(text, tolerant=False)


@dataclass(slots=True)
class _Walk:
    """The way through the rules of one number.

    :ivar life_ms: of the answer that lives shortest.
    :ivar records: rules met.
    :ivar fault: why the first rule that counts for nothing does so.
    """

    number: str
    life_ms: int | None = None
    records: int = 0
    domains: set[str] = field(default_factory=set)
    fault: str | None = None


class EnumResolver:
    """Looks numbers up in DNS. Stands behind a cache, which minds how long DNS lets it remember.

    :param directory: knows whose the addresses are that the rules lead to. It is not closed here.
    """

    def __init__(
        self, source: NaptrSource, rules: EnumRules, directory: Resolver, limits: LookUpLimits
    ) -> None:
        self._source = source
        self._rules = rules
        self._directory = directory
        self._look_ups = BoundedLookUps(limits)

    def __repr__(self) -> str:
        return f"EnumResolver({self._rules.zone!r})"

    async def resolve(self, addresses: Sequence[Address]) -> list[Resolved | Perishable]:
        return await self._look_ups.run(self._look_up, addresses)

    async def close(self) -> None:
        self._look_ups.close()

    async def _look_up(self, address: Address) -> Resolved | Perishable:
        number = number_of(address)
        if number is None:
            return NOBODY
        walk = _Walk(number)
        try:
            uris = await self._uris(domain_of(number, self._rules.zone), walk)
        except LimitError as error:
            uris, walk.fault = [], error.reason
        if uris:
            answer = await self._owner(uris)
        else:
            answer = NotServed(f"has no usable rule in DNS: {walk.fault}") if walk.fault else NOBODY
        return Perishable(answer, walk.life_ms or 0)

    async def _uris(self, domain: str, walk: _Walk) -> list[str]:
        """Return what the rules at ``domain`` make of the number. :raises LimitError: too many."""
        walk.domains.add(domain.lower())
        found = await self._source.naptr(domain)
        walk.life_ms = found.life_ms if walk.life_ms is None else min(walk.life_ms, found.life_ms)
        walk.records += len(found.records)
        if walk.records > self._rules.max_records:
            raise LimitError(f"a number has at most {self._rules.max_records} rules")
        for records in by_order(found.records):
            uris = [uri for record in records for uri in await self._made_by(record, walk)]
            if uris:  # RFC 3403 4.1: what has another order does not count then
                return uris
        return []

    async def _made_by(self, record: Naptr, walk: _Walk) -> list[str]:
        try:
            if record.leads_on:
                return await self._uris(_next_domain(record, walk), walk)
            if serves(record, self._rules.services):
                uri = uri_of(record, walk.number)
                if uri is not None:
                    return [uri]
            reason = "none of its rules leads to a service that is used here"
        except RuleRefused as error:
            reason = str(error)
        walk.fault = walk.fault or reason
        return []

    async def _owner(self, uris: list[str]) -> Resolved:
        """Return whom the first of ``uris`` leads to that leads to somebody."""
        for uri in uris:
            for answer in await self._directory.resolve(addresses_of(uri)):
                if not isinstance(answer, NotServed):
                    return answer
        return NotServed("leads by DNS to nobody who is served here")


def _next_domain(record: Naptr, walk: _Walk) -> str:
    if record.regexp or record.replacement == ROOT:
        raise RuleRefused("a rule that leads on names a domain and has no regexp")
    if record.replacement.lower() in walk.domains:
        raise RuleRefused("a rule leads in a circle")
    if len(walk.domains) > MAX_LED_ON:
        raise RuleRefused(f"rules lead on more than {MAX_LED_ON} times")
    return record.replacement
