"""What a WBXML document says, apart from how its tokens say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

LAYER = "wbxml"
"""The name of this protocol in errors."""


@dataclass(frozen=True, slots=True)
class ProcessingInstruction:
    """A processing instruction: ``<?target data?>``."""

    target: str
    data: str


@dataclass(frozen=True, slots=True)
class Element:
    """An element with its names as they are written in XML, prefix included.

    :ivar attributes: in the order of the document; what is opaque on the wire and has a text form
        (dates) is in that form here.
    :ivar children: text is never empty and never next to text; ``bytes`` is opaque data that no
        token table gives a text form.
    """

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: tuple[Element | str | bytes | ProcessingInstruction, ...] = ()

    @property
    def text(self) -> str:
        """The character data directly in this element, joined."""
        return "".join(child for child in self.children if isinstance(child, str))

    def elements(self, name: str | None = None) -> Iterator[Element]:
        """Yield the child elements, or those called ``name``, in order."""
        for child in self.children:
            if isinstance(child, Element) and name in {None, child.name}:
                yield child


Child = Element | str | bytes | ProcessingInstruction


@dataclass(frozen=True, slots=True)
class WbxmlDocument:
    """A whole document.

    :ivar version: as coded, ``(major - 1) << 4 | minor``: 3 is WBXML 1.3.
    :ivar public_id: the registered number, or the name when the document spells it; 1 is unknown.
    :ivar charset: MIBenum of the character set of the strings; 0 is unknown.
    :ivar before: processing instructions before the document element; ``after`` those behind it.
    """

    version: int
    public_id: int | str
    charset: int
    root: Element
    before: tuple[ProcessingInstruction, ...] = ()
    after: tuple[ProcessingInstruction, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what one document may become, whatever its octets ask for.

    :ivar depth: elements within each other, the document element being the first.
    :ivar elements: elements and processing instructions in all.
    :ivar referenced: characters that references into the string table may add up to. All else is
        in proportion to the input: inline text to its octets, names and values to their tokens.
    """

    depth: int = 64
    elements: int = 16_384
    referenced: int = 1 << 20


DEFAULT_LIMITS = Limits()
