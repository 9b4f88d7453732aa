"""What each octet of a WBXML document means, token by token.

A reader that watches itself: the rules of reading are those of
:class:`~omapush.protocols.wbxml.decoding.Reader`, this only notes which octets each construct took.
Tokens that no table knows are shown instead of refused, since explaining is for finding out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from omapush.core.errors import DecodeError
from omapush.core.explanation import Field, Scalar, telling_how_far
from omapush.protocols.wbxml import charsets, tables
from omapush.protocols.wbxml.conversion import table_of
from omapush.protocols.wbxml.decoding import Reader
from omapush.protocols.wbxml.index import Start
from omapush.protocols.wbxml.model import Element, ProcessingInstruction
from omapush.protocols.wbxml.tokens import (
    ENTITY,
    EXT_0,
    EXT_I_0,
    EXT_T_0,
    HAS_ATTRIBUTES,
    HAS_CONTENT,
    OPAQUE,
    TAG_MASK,
    UNKNOWN_PUBLIC_ID,
    TokenTable,
)

_NO_TABLE = TokenTable(title="a document of unknown type", root="", tags={})
_EXTENSIONS = {EXT_I_0: "EXT_I", EXT_T_0: "EXT_T", EXT_0: "EXT"}
_TAG_PARTS = {
    0: "empty",
    HAS_CONTENT: "content",
    HAS_ATTRIBUTES: "attributes",
    HAS_ATTRIBUTES | HAS_CONTENT: "attributes and content",
}


def explain(octets: bytes, media_type: str | None = None, *, charset: str | None = None) -> Field:
    """Return the tree of a WBXML document; fields are called as in the grammar (WAP-192).

    Unknown tokens and octets after the document are shown with a note.

    :raises DecodeError: as :func:`~omapush.protocols.wbxml.decoding.decode`, but for unknown
        tokens and an unknown public identifier.
    """
    reader = _Explainer(octets, table_of(octets, media_type), charset=charset)
    with telling_how_far(lambda: reader.fields):
        reader.document()
    children = list(reader.fields)
    rest = octets[reader.position :]
    if rest:
        note = "octets after the end of the document, not read"
        children.append(Field("rest", reader.position, rest, rest.hex(), note=note))
    return Field("WBXML", 0, octets, reader.table.title, tuple(children))


class _Explainer(Reader):
    """Notes a field for each construct; ``fields`` are those of the innermost open one."""

    fields: list[Field]
    _note: str | None

    def __init__(
        self, octets: bytes, table: TokenTable | None = None, *, charset: str | None = None
    ) -> None:
        super().__init__(octets, table, charset=charset)
        self.fields = []
        self._note = None

    @contextmanager
    def _inside(self) -> Iterator[list[Field]]:
        outer, self.fields = self.fields, []
        try:
            yield self.fields
        except (DecodeError, IndexError):
            # What is open at a fault is left open: its parts stand for themselves.
            outer += self.fields
            raise
        finally:
            self.fields = outer

    def _add(
        self, name: str, start: int, value: Scalar, children: list[Field] | None = None
    ) -> None:
        octets = self.octets[start : self.position]
        self.fields.append(Field(name, start, octets, value, tuple(children or ()), self._note))
        self._note = None

    def version(self) -> int:
        version = super().version()
        self._add("version", 0, f"WBXML {(version >> 4) + 1}.{version & 15}")
        return version

    def public_id(self) -> tuple[int, int | None]:
        start = self.position
        number, index = super().public_id()
        if index is not None:
            self._add("publicid", start, f"string {index} of the string table")
        else:
            table = tables.by_public_id(number)
            self._note = None if table is not None else "not a public identifier known here"
            if number == UNKNOWN_PUBLIC_ID:
                self._note = "unknown or missing"
            self._add("publicid", start, table.public_name if table is not None else number)
        return number, index

    def charset(self, version: int) -> int:
        start = self.position
        mibenum = super().charset(version)
        if version:
            if mibenum == charsets.UNKNOWN:
                self._note = f"unknown, read as {self._charset.name}"
            self._add("charset", start, self._charset.name)
        return mibenum

    def string_table(self) -> bytes:
        start = self.position
        table = super().string_table()
        shown = table.decode(self._charset.codec, "replace") if table else ""
        self._add("strtbl", start, shown or "empty")
        return table

    def find_table(self, public_id: int | str, position: int) -> TokenTable:
        try:
            return super().find_table(public_id, position)
        except DecodeError:
            return _NO_TABLE

    def instruction(self) -> ProcessingInstruction:
        start = self.position
        with self._inside() as children:
            children.append(Field("PI", start, self.octets[start : start + 1]))
            said = super().instruction()
        self._add("pi", start, f"{said.target} {said.data}", children)
        return said

    def element(self, depth: int) -> Element:
        start = self.position
        with self._inside() as children:
            element = super().element(depth)
        self._add("element", start, element.name, children)
        return element

    def stag(self) -> tuple[int, str]:
        start, before = self.position, len(self.fields)
        token, name = super().stag()
        start = self._own_start(start, before)
        parts = _TAG_PARTS[token & (HAS_ATTRIBUTES | HAS_CONTENT)]
        self._add("stag", start, f"{name}, {parts}")
        return token, name

    def attribute(self) -> tuple[str, str]:
        start = self.position
        with self._inside() as children:
            name, value = super().attribute()
        self._add("attribute", start, f'{name}="{value}"', children)
        return name, value

    def attribute_start(self) -> Start:
        start, before = self.position, len(self.fields)
        name, value = super().attribute_start()
        start = self._own_start(start, before)
        self._add("attrStart", start, f'{name}="{value}' if value else name)
        return name, value

    def attribute_value(self, token: int, attribute: str) -> str:
        start = self.position
        before = len(self.fields)
        value = super().attribute_value(token, attribute)
        if token == OPAQUE:
            self.fields.pop()
            self._add("OPAQUE", start, value)
        elif len(self.fields) == before:
            self._add("attrValue", start, value)
        return value

    def inline_string(self, attribute: str | None) -> str:
        start = self.position
        text = super().inline_string(attribute)
        self._add("STR_I", start, text)
        return text

    def string_reference(self, attribute: str | None) -> str:
        start = self.position
        text = super().string_reference(attribute)
        self._add("STR_T", start, text)
        return text

    def entity(self, attribute: str | None) -> str:
        start = self.position
        text = super().entity(attribute)
        self._add("ENTITY", start, text)
        return text

    def extension(self, token: int, attribute: str | None) -> str:
        start = self.position
        text = super().extension(token, attribute)
        self._add(f"{_EXTENSIONS[token & ~3]}_{token & 3}", start, text)
        return text

    def opaque(self) -> bytes:
        start = self.position
        octets = super().opaque()
        self._add("OPAQUE", start, octets.hex())
        return octets

    def end(self, what: str) -> None:
        start = self.position
        super().end(what)
        self._add("END", start, what)

    def switch_tag_page(self) -> None:
        start = self.position
        super().switch_tag_page()
        self._add("switchPage", start, f"tags, page {self.octets[start + 1]}")

    def switch_attribute_page(self) -> None:
        start = self.position
        super().switch_attribute_page()
        self._add("switchPage", start, f"attributes, page {self.octets[start + 1]}")

    def unknown_tag(self, token: int, position: int) -> str:
        if token & TAG_MASK <= ENTITY + 2:
            return super().unknown_tag(token, position)
        self._note = f"{self.table.title} has no such tag on this page"
        return f"tag-{token & TAG_MASK:02X}"

    def unknown_start(self, token: int, position: int) -> Start:
        if token < 0x05 or EXT_I_0 <= token <= EXT_I_0 + 4 or token >= EXT_T_0:
            return super().unknown_start(token, position)
        self._note = f"{self.table.title} has no such attribute start on this page"
        # Two unknown attributes of one element are not one that comes twice.
        return f"attribute-{token:02X}-at-{position}", ""

    def unknown_value(self, token: int) -> str:
        if token & TAG_MASK < 0x05:
            return super().unknown_value(token)
        self.position += 1
        self._note = f"{self.table.title} has no such value on this page"
        return f"(value {token:02X})"

    def unknown_extension(self, token: int, argument: str | None, position: int) -> str:
        self._note = f"{self.table.title} gives extension tokens no meaning"
        return f"({token:02X})" if argument is None else f"({argument})"

    def _own_start(self, start: int, before: int) -> int:
        """Return where a construct starts whose page switches became fields of their own."""
        switches = self.fields[before:]
        return switches[-1].offset + len(switches[-1].octets) if switches else start
