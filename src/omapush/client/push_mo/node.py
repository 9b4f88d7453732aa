"""A tree of named nodes as OMA DM has it (OMA DM TND): interior ones, and leaves with a value."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

Path = tuple[str, ...]

MAX_NAME = 64
"""Characters of the longest node name."""

_NAME = re.compile(rf"(?!\.{{1,2}}\Z)[!$&'()*+,\-.0-9:;=@A-Z_a-z~]{{1,{MAX_NAME}}}")
# What XML cannot carry.
_NO_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Format(enum.StrEnum):
    """What a node holds; ``NODE`` is an interior one."""

    NODE = "node"
    CHR = "chr"
    INT = "int"
    BOOL = "bool"
    XML = "xml"
    BIN = "bin"
    B64 = "b64"
    DATE = "date"
    TIME = "time"
    FLOAT = "float"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Node:
    """A node; an interior one has children and no value, a leaf a value and no children."""

    name: str
    format: Format = Format.NODE
    value: str = field(default="", repr=False)
    children: tuple[Node, ...] = ()

    @property
    def is_leaf(self) -> bool:
        """Whether it holds a value."""
        return self.format is not Format.NODE

    def child(self, name: str) -> Node | None:
        """Return the child of that name."""
        return next((one for one in self.children if one.name == name), None)

    def find(self, path: Path) -> Node | None:
        """Return the node at ``path`` below this one; the empty path is this one."""
        found: Node | None = self
        for name in path:
            found = None if found is None else found.child(name)
        return found

    def walk(self, path: Path = ()) -> Iterator[tuple[Path, Node]]:
        """Yield this node and all below it with their paths, parents first."""
        yield path, self
        for child in self.children:
            yield from child.walk((*path, child.name))

    def only(self, keep: Callable[[Path, Node], bool], path: Path = ()) -> Node:
        """Return the tree without the subtrees that ``keep`` says no to."""
        below = (
            child.only(keep, (*path, child.name))
            for child in self.children
            if keep((*path, child.name), child)
        )
        return replace(self, children=tuple(below))


def interior(name: str, *children: Node | None) -> Node:
    """Return an interior node; children that are ``None`` are left out."""
    return Node(name, children=tuple(child for child in children if child is not None))


def leaf(name: str, value: str | None, format_: Format = Format.CHR) -> Node | None:
    """Return a leaf, or ``None`` where there is no value."""
    return None if value is None else Node(name, format_, value)


def is_name(text: str) -> bool:
    """Whether ``text`` can name a node: printable ASCII but for what a URI needs."""
    return _NAME.fullmatch(text) is not None


def is_text(text: str) -> bool:
    """Whether ``text`` can be a value: XML has all its characters."""
    return _NO_TEXT.search(text) is None
