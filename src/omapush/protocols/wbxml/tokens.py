"""The global tokens, and the shape of the token table of one document type (WAP-192)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from omapush.protocols.wbxml.opaque import OpaqueCodec
from omapush.protocols.wbxml.variables import Variables

# WAP-192: the same in every code page of both spaces.
SWITCH_PAGE = 0x00
END = 0x01
ENTITY = 0x02
STR_I = 0x03
LITERAL = 0x04
EXT_I_0 = 0x40
EXT_I_2 = 0x42
PI = 0x43
LITERAL_C = 0x44
EXT_T_0 = 0x80
EXT_T_2 = 0x82
STR_T = 0x83
LITERAL_A = 0x84
EXT_0 = 0xC0
EXT_2 = 0xC2
OPAQUE = 0xC3
LITERAL_AC = 0xC4

HAS_ATTRIBUTES = 0x80
HAS_CONTENT = 0x40
TAG_MASK = 0x3F

UNKNOWN_PUBLIC_ID = 1

Page = Mapping[int, str]
"""Tokens of one code page; an attribute start is ``name`` or ``name=prefix of its value``."""


class WhiteSpace(Enum):
    """What reading a text document does with white space outside ``xml:space="preserve"``."""

    KEEP = "keep"
    """All of it is content."""
    TRIM = "trim"
    """Around text it goes; inside, a run with a line break or tab in it becomes one space."""
    FOLD = "fold"
    """A run becomes one space."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenTable:
    """How one document type is written in tokens: data only.

    :ivar title: for people, such as ``SI 1.0``.
    :ivar public_id: the registered number of ``public_name``; 1 when there is none.
    :ivar version: of WBXML that the encoder writes, as coded (2 is WBXML 1.2).
    :ivar tags: by code page; so are ``starts`` (attribute starts) and ``values``. Where one name
        has tokens on several pages, the encoder prefers the page that is listed first.
    :ivar fragments: of ``values``, those that the encoder also uses inside a longer value; the
        others it uses for whole values only.
    :ivar unwritten: tokens of ``values`` that are read but never written, since decoders disagree
        about them.
    :ivar keeps_page: the encoder stays on the current page if the name is there as well.
    :ivar attribute_codecs: by name of the attribute whose value is opaque on the wire.
    :ivar content_codecs: by name of the element whose text is opaque on the wire.
    :ivar variables: how extension tokens stand for variables, if this document type has them.
    :ivar white_space: in text documents; ``element_only`` names elements in which it always goes,
        ``preserving`` those in which it stays.
    :ivar entities: character entities that the document type declares beside XML's five.
    :ivar namespaces: by prefix, those that the tokens imply and that WBXML leaves out.
    :ivar aliases: other spellings of attribute names that text documents use.
    """

    title: str
    root: str
    tags: Mapping[int, Page]
    starts: Mapping[int, Page] = field(default_factory=dict)
    values: Mapping[int, Page] = field(default_factory=dict)
    public_id: int = UNKNOWN_PUBLIC_ID
    public_name: str | None = None
    system_id: str | None = None
    version: int = 0x03
    fragments: frozenset[str] = frozenset()
    unwritten: frozenset[str] = frozenset()
    keeps_page: bool = False
    attribute_codecs: Mapping[str, OpaqueCodec] = field(default_factory=dict)
    content_codecs: Mapping[str, OpaqueCodec] = field(default_factory=dict)
    variables: Variables | None = None
    white_space: WhiteSpace = WhiteSpace.TRIM
    element_only: frozenset[str] = frozenset()
    preserving: frozenset[str] = frozenset()
    entities: Mapping[str, str] = field(default_factory=dict)
    namespaces: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)


def consecutive(first: int, names: str) -> dict[int, str]:
    """Return a page's part whose tokens count up from ``first``, of names divided by blanks."""
    return dict(enumerate(names.split(), first))


def words(names: str) -> frozenset[str]:
    """Return the set of ``names``, which are divided by blanks."""
    return frozenset(names.split())
