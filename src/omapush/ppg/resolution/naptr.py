"""NAPTR rules as ENUM uses them: which apply, and in which order (RFC 3403, RFC 6116)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from omapush.ppg.resolution.substitution import RuleRefused, substitute

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[!-~]+")
ROOT = "."
"""The replacement of a rule that has none."""


@dataclass(frozen=True, slots=True)
class Naptr:
    """A NAPTR record (RFC 3403 4.1); its texts octet by octet, as in Latin-1.

    :ivar replacement: a domain without final dot, or ``ROOT``.
    """

    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    replacement: str = ROOT

    @property
    def leads_on(self) -> bool:
        """The rule ends nothing: it names the domain where there are more of them."""
        return not self.flags


@dataclass(frozen=True, slots=True)
class NaptrAnswer:
    """What name servers say of a domain.

    :ivar records: in any order; none: there is no such domain, or it has no such records.
    :ivar life_ms: for how long they vouch for it; 0: for this once.
    """

    records: tuple[Naptr, ...]
    life_ms: int


class NaptrSource(Protocol):
    """Port: asks name servers."""

    async def naptr(self, domain: str) -> NaptrAnswer:
        """Return the NAPTR records of ``domain``.

        :raises ResolverUnavailable: it cannot be told now whether there are any.
        """


def by_order(records: Iterable[Naptr]) -> Iterator[list[Naptr]]:
    """Return the records of each order, lowest first, by preference (RFC 3403 4.1)."""
    ranked = sorted(records, key=lambda record: (record.order, record.preference))
    for _, group in itertools.groupby(ranked, key=lambda record: record.order):
        yield list(group)


def enumservices(field: str) -> tuple[str, ...]:
    """Return what a service field names, ``sip`` or ``sms:tel``, in small letters.

    Nothing, if it is of another application than ENUM. RFC 2916 had E2U at the end.
    """
    names = field.lower().split("+")
    if names[0] == "e2u":
        return tuple(names[1:])
    return tuple(names[:-1]) if names[-1] == "e2u" else ()


def serves(record: Naptr, wanted: Collection[str]) -> bool:
    """Whether the record is of one of ``wanted``: ``sms`` stands for its subtypes too."""
    return any(
        name == service or name.startswith(f"{service}:")
        for name in enumservices(record.service)
        for service in wanted
    )


def uri_of(record: Naptr, number: str) -> str | None:
    """Return the URI that a last rule makes of ``number``; ``None``: it is for other numbers.

    :raises RuleRefused: the rule is not one of ENUM, or not one that is applied here.
    """
    if record.flags.lower() != "u":
        raise RuleRefused("a rule of ENUM has the flag u")
    if record.replacement != ROOT:
        raise RuleRefused("a rule has both a regexp and a replacement")
    uri = substitute(record.regexp, number)
    if uri is not None and not _URI.fullmatch(uri):
        raise RuleRefused("what the rule makes is no URI")
    return uri
