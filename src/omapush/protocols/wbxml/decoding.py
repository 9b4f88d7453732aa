"""Octets to a document (WAP-192).

One reader walks the octets once; every construct of the grammar is one method, so that
:mod:`~omapush.protocols.wbxml.explaining` can note what each of them read without reading by rules
of its own. :mod:`~omapush.protocols.wbxml.parts` reads what the constructs are made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from omapush.core.errors import DecodeError, LimitError
from omapush.protocols.wbxml import tables
from omapush.protocols.wbxml.characters import NAME, is_character, is_text
from omapush.protocols.wbxml.index import DecodingIndex, Start, decoding_index
from omapush.protocols.wbxml.model import (
    DEFAULT_LIMITS,
    LAYER,
    Child,
    Element,
    Limits,
    ProcessingInstruction,
    WbxmlDocument,
)
from omapush.protocols.wbxml.opaque import OpaqueCodec
from omapush.protocols.wbxml.parts import PartReader
from omapush.protocols.wbxml.tokens import (
    END,
    ENTITY,
    EXT_0,
    EXT_2,
    EXT_I_0,
    EXT_I_2,
    EXT_T_0,
    EXT_T_2,
    HAS_ATTRIBUTES,
    HAS_CONTENT,
    LITERAL,
    LITERAL_A,
    LITERAL_AC,
    LITERAL_C,
    OPAQUE,
    PI,
    STR_I,
    STR_T,
    SWITCH_PAGE,
    TAG_MASK,
    TokenTable,
)

_NO_ATTRIBUTES: Mapping[str, str] = {}


def decode(
    octets: bytes,
    table: TokenTable | None = None,
    *,
    charset: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> WbxmlDocument:
    """Read a WBXML document of version 1.0 to 1.3.

    What follows the document is not read; an explanation of the octets shows it.

    :param table: chosen by the media type; without it the document's public identifier chooses.
    :param charset: what the transport says of the character set, for documents that do not.
    :raises LimitError: deeper or larger than ``limits``.
    :raises DecodeError: not WBXML; no token table; a token that the table does not have; opaque
        data in an attribute that has no text form.
    """
    return Reader(octets, table, charset=charset, limits=limits).document()


class Reader(PartReader):
    """Reads one document; ``position`` is the offset of the next octet."""

    def __init__(
        self,
        octets: bytes,
        table: TokenTable | None = None,
        *,
        charset: str | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        super().__init__(octets, charset=charset, limits=limits)
        self._table = table
        self._elements = limits.elements

    def document(self) -> WbxmlDocument:
        """Read it all. :raises DecodeError: as :func:`decode`."""
        try:
            version, public_id, charset = self.header()
            before = self.instructions()
            root = self.element(1)
            after = self.instructions() if self.position < len(self.octets) else ()
        except IndexError as error:
            raise DecodeError("the document ends early", len(self.octets), LAYER) from error
        return WbxmlDocument(version, public_id, charset, root, before, after)

    def header(self) -> tuple[int, int | str, int]:
        """Read version, public identifier, character set and string table (WAP-192)."""
        version = self.version()
        public_at = self.position
        public_id, public_index = self.public_id()
        charset = self.charset(version)
        self._string_table = self.string_table()
        named: int | str = public_id
        if public_index is not None:
            named = self.table_string(public_index, public_at)
        self.table = self.find_table(named, public_at)
        index: DecodingIndex = decoding_index(self.table)
        self._index = index
        self._tags = index.tags.get(0, {})
        self._starts = index.starts.get(0, {})
        self._values = index.values.get(0, {})
        return version, named, charset

    def find_table(self, public_id: int | str, position: int) -> TokenTable:
        """Return the table to read by. :raises DecodeError: neither given nor known."""
        table = self._table or tables.by_public_id(public_id)
        if table is None:
            raise DecodeError(
                f"no token table for the public identifier {public_id!r:.60}", position, LAYER
            )
        return table

    def instructions(self) -> tuple[ProcessingInstruction, ...]:
        """Read the processing instructions that stand here, outside the document element."""
        found = []
        while self.position < len(self.octets) and self.octets[self.position] == PI:
            found.append(self.instruction())
        return tuple(found)

    def instruction(self) -> ProcessingInstruction:
        """Read ``PI attrStart *attrValue END``."""
        self._count_element()
        self.position += 1
        target, data = self.attribute()
        if self.octets[self.position] != END:
            self._refuse("a processing instruction does not end")
        self.end(target)
        return ProcessingInstruction(target, data)

    def element(self, depth: int) -> Element:
        """Read an element with all it holds."""
        self._count_element()
        if depth > self.limits.depth:
            raise LimitError(
                f"more than {self.limits.depth} elements within each other", self.position, LAYER
            )
        token, name = self.stag()
        attributes = self.attributes(name) if token & HAS_ATTRIBUTES else _NO_ATTRIBUTES
        children = self.content(name, depth) if token & HAS_CONTENT else ()
        return Element(name, attributes, children)

    def stag(self) -> tuple[int, str]:
        """Read the token of a tag and what it is called, page switches before it included."""
        octets = self.octets
        while (token := octets[self.position]) == SWITCH_PAGE:
            self.switch_tag_page()
        start = self.position
        self.position += 1
        name = self._tags.get(token & TAG_MASK)
        if name is None:
            if token in {LITERAL, LITERAL_A, LITERAL_C, LITERAL_AC}:
                return token, self._literal_name(start)
            name = self.unknown_tag(token, start)
        return token, name

    def attributes(self, element: str) -> dict[str, str]:
        """Read an attribute list to its END."""
        found: dict[str, str] = {}
        octets = self.octets
        while octets[self.position] != END:
            start = self.position
            name, value = self.attribute()
            if name in found:
                raise DecodeError(f"the attribute {name:.40} comes twice", start, LAYER)
            found[name] = value
        self.end(f"attributes of {element}")
        return found

    def attribute(self) -> tuple[str, str]:
        """Read an attribute start and all parts of its value."""
        name, value = self.attribute_start()
        octets = self.octets
        while True:
            token = octets[self.position]
            if token == STR_I:
                value += self.inline_string(name)
            elif token >= 0x80 or token == ENTITY or EXT_I_0 <= token <= EXT_I_2:
                if token in {LITERAL_A, LITERAL_AC}:
                    self._refuse(f"token {token:02X} in an attribute list")
                value += self.attribute_value(token, name)
            elif token == SWITCH_PAGE and self._value_follows():
                self.switch_attribute_page()
            else:
                return name, value

    def _value_follows(self) -> bool:
        """Whether what the page switch here is for is a part of a value, not the next start."""
        ahead = self.position
        while self.octets[ahead] == SWITCH_PAGE:
            ahead += 2
        token = self.octets[ahead]
        return token >= 0x80 or token in {STR_I, ENTITY} or EXT_I_0 <= token <= EXT_I_2

    def attribute_start(self) -> Start:
        """Read the token of an attribute start: its name, and the start of its value."""
        octets = self.octets
        while (token := octets[self.position]) == SWITCH_PAGE:
            self.switch_attribute_page()
        at = self.position
        self.position += 1
        start = self._starts.get(token)
        if start is not None:
            return start
        if token == LITERAL:
            return self._literal_name(at), ""
        return self.unknown_start(token, at)

    def attribute_value(self, token: int, attribute: str) -> str:
        """Read one part of a value that is not an inline string."""
        known = self._values.get(token)
        if known is not None:
            self.position += 1
            return known
        if token == OPAQUE:
            start = self.position
            codec = self.table.attribute_codecs.get(attribute)
            return self._opaque_text(self.opaque(), codec, start)
        text = self._text_token(token, attribute)
        return self.unknown_value(token) if text is None else text

    def content(self, element: str, depth: int) -> tuple[Child, ...]:
        """Read content to its END."""
        children: list[Child] = []
        text = ""
        octets = self.octets
        while (token := octets[self.position]) != END:
            if token == STR_I:
                text += self.inline_string(None)
                continue
            if token == SWITCH_PAGE:
                self.switch_tag_page()
                continue
            child = self._child(token, element, depth)
            if isinstance(child, str):
                text += child
                continue
            if text:
                children.append(text)
                text = ""
            children.append(child)
        if text:
            children.append(text)
        self.end(element)
        return tuple(children)

    def _child(self, token: int, element: str, depth: int) -> Child:
        if token & TAG_MASK >= LITERAL:
            return self.element(depth + 1)
        if token == PI:
            return self.instruction()
        if token == OPAQUE:
            start = self.position
            octets = self.opaque()
            codec = self.table.content_codecs.get(element)
            return octets if codec is None else self._opaque_text(octets, codec, start)
        text = self._text_token(token, None)
        return self.unknown_value(token) if text is None else text

    def _text_token(self, token: int, attribute: str | None) -> str | None:
        """Read a token that stands for characters in either space; ``None`` if it does not."""
        if token == STR_T:
            return self.string_reference(attribute)
        if token == ENTITY:
            return self.entity(attribute)
        if EXT_I_0 <= token <= EXT_I_2 or EXT_T_0 <= token <= EXT_T_2 or EXT_0 <= token <= EXT_2:
            return self.extension(token, attribute)
        return None

    def inline_string(self, attribute: str | None) -> str:
        """Read ``STR_I termstr``."""
        self.position += 1
        return self._said(self.termstr(), attribute)

    def string_reference(self, attribute: str | None) -> str:
        """Read ``STR_T index``."""
        start = self.position
        self.position += 1
        return self._said(self.table_string(self.mb_u_int32(), start), attribute)

    def entity(self, attribute: str | None) -> str:
        """Read ``ENTITY`` and its code point."""
        start = self.position
        self.position += 1
        code = self.mb_u_int32()
        if not is_character(code):
            raise DecodeError(f"no character has the code {code:X}", start, LAYER)
        return self._said(chr(code), attribute)

    def extension(self, token: int, attribute: str | None) -> str:
        """Read an extension token, which stands for a variable where it stands for anything."""
        start = self.position
        self.position += 1
        name = None
        if token < EXT_0:
            by_index = token >= EXT_T_0
            name = self.table_string(self.mb_u_int32(), start) if by_index else self.termstr()
        if name is None or self.table.variables is None:
            return self.unknown_extension(token, name, start)
        try:
            return self.table.variables.reference(name, token & 0x03, attribute)
        except ValueError as error:
            raise DecodeError(str(error), start, LAYER) from error

    def opaque(self) -> bytes:
        """Read ``OPAQUE length octets``."""
        self.position += 1
        return self.take(self.mb_u_int32())

    def end(self, what: str) -> None:
        """Read ``END``. :param what: ends here, for those who watch."""
        self.position += 1

    def switch_tag_page(self) -> None:
        """Read ``SWITCH_PAGE`` in the tag space."""
        self._tags = self._index.tags.get(self.octets[self.position + 1], {})
        self.position += 2

    def switch_attribute_page(self) -> None:
        """Read ``SWITCH_PAGE`` in the attribute space."""
        page = self.octets[self.position + 1]
        self._starts = self._index.starts.get(page, {})
        self._values = self._index.values.get(page, {})
        self.position += 2

    def unknown_tag(self, token: int, position: int) -> str:
        """Do what is to be done about a tag token that the page does not have: refuse it."""
        raise DecodeError(
            f"{self.table.title} has no tag {token & TAG_MASK:02X} on this page", position, LAYER
        )

    def unknown_start(self, token: int, position: int) -> Start:
        """The same for the token of an attribute start."""
        raise DecodeError(
            f"{self.table.title} has no attribute start {token:02X} on this page", position, LAYER
        )

    def unknown_value(self, token: int) -> str:
        """The same for any token of a value or of content."""
        self._refuse(f"{self.table.title} has no value {token:02X} on this page")

    def unknown_extension(self, token: int, argument: str | None, position: int) -> str:
        """The same for an extension token; ``argument`` is the string that came with it."""
        raise DecodeError(
            f"extension token {token:02X} has no meaning in {self.table.title}", position, LAYER
        )

    def _said(self, text: str, attribute: str | None) -> str:
        variables = self.table.variables
        return text if variables is None else variables.string(text, attribute)

    def _opaque_text(self, octets: bytes, codec: OpaqueCodec | None, position: int) -> str:
        if codec is None:
            text = self.decoded(octets, position)
            if not is_text(text):
                raise DecodeError("opaque data that is no text", position, LAYER)
            return text
        try:
            return codec.decode(octets)
        except ValueError as error:
            raise DecodeError(str(error), position, LAYER) from error

    def _literal_name(self, position: int) -> str:
        name = self.table_string(self.mb_u_int32(), position)
        if not NAME.fullmatch(name):
            raise DecodeError(f"not a name: {name[:40]!r}", position, LAYER)
        return name

    def _count_element(self) -> None:
        self._elements -= 1
        if self._elements < 0:
            raise LimitError(f"more than {self.limits.elements} elements", self.position, LAYER)

    def _refuse(self, reason: str) -> NoReturn:
        raise DecodeError(reason, self.position, LAYER)
