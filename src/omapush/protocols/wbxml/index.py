"""Token tables turned round and sorted once, so that coding a token is one look-up."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from omapush.protocols.wbxml.tokens import Page, TokenTable

Start = tuple[str, str]
"""An attribute's name and the start of its value."""
Place = tuple[int, int]
"""Code page and token."""
Places = tuple[Place, ...]
"""All of one meaning, the preferred first."""

# Prefixes that end in a letter or digit are whole words, which longer values only happen to share.
_OPEN_ENDED = re.compile("[^A-Za-z0-9]$")


@dataclass(frozen=True, slots=True, eq=False)
class DecodingIndex:
    """By code page, what each token means."""

    tags: Mapping[int, Page]
    starts: Mapping[int, Mapping[int, Start]]
    values: Mapping[int, Page]


@dataclass(frozen=True, slots=True, eq=False)
class AttributeStarts:
    """The attribute starts of one name.

    :ivar plain: without a value. :ivar whole: with what can be a whole value, by that.
    :ivar prefixes: with what can be the start of a longer value, longest first.
    """

    plain: Places
    whole: Mapping[str, Places]
    prefixes: tuple[tuple[str, Places], ...]


@dataclass(frozen=True, slots=True, eq=False)
class EncodingIndex:
    """By meaning, where the tokens are.

    :ivar fragments: finds the leftmost, longest value that may stand inside a longer one.
    """

    tags: Mapping[str, Places]
    starts: Mapping[str, AttributeStarts]
    values: Mapping[str, Places]
    fragments: re.Pattern[str] | None


@functools.cache  # one entry a token table
def decoding_index(table: TokenTable) -> DecodingIndex:
    """Return what the tokens of ``table`` mean."""
    starts = {
        page: {token: _start(said) for token, said in tokens.items()}
        for page, tokens in table.starts.items()
    }
    return DecodingIndex(table.tags, starts, table.values)


@functools.cache  # one entry a token table
def encoding_index(table: TokenTable) -> EncodingIndex:
    """Return where ``table`` has a token for what."""
    by_name: dict[str, dict[str, Places]] = {}
    for said, places in _turned(table.starts).items():
        name, value = _start(said)
        by_name.setdefault(name, {})[value] = places
    values = {
        value: places
        for value, places in _turned(table.values).items()
        if value not in table.unwritten
    }
    longest = sorted(table.fragments & values.keys(), key=len, reverse=True)
    return EncodingIndex(
        tags=_turned(table.tags),
        starts={name: _attribute_starts(found) for name, found in by_name.items()},
        values=values,
        fragments=re.compile("|".join(map(re.escape, longest))) if longest else None,
    )


def _start(said: str) -> Start:
    name, _, value = said.partition("=")
    return name, value


def _turned(pages: Mapping[int, Page]) -> dict[str, Places]:
    found: dict[str, Places] = {}
    for said, place in _places(pages):
        found[said] = (*found.get(said, ()), place)
    return found


def _places(pages: Mapping[int, Page]) -> Iterator[tuple[str, Place]]:
    for page, tokens in pages.items():
        for token, said in tokens.items():
            yield said, (page, token)


def _attribute_starts(by_value: Mapping[str, Places]) -> AttributeStarts:
    whole = {value: places for value, places in by_value.items() if value}
    longest = sorted(whole, key=len, reverse=True)
    prefixes = tuple((value, whole[value]) for value in longest if _OPEN_ENDED.search(value))
    return AttributeStarts(by_value.get("", ()), whole, prefixes)
