"""Octets to a document (WAP-192 5).

One reader walks the octets once; every construct of the grammar is one method, so that
:mod:`~omapush.protocols.wbxml.explain` can note what each of them read without reading by rules of
its own. The reader indexes the octets itself, since a document is hundreds of single tokens: past
the end Python raises ``IndexError``, which :meth:`Reader.document` turns into our error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from omapush.core.errors import DecodeError, LimitError
from omapush.protocols.wbxml import charsets, tables
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

MAX_VERSION = 0x03
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


class Reader:
    """Reads one document; ``position`` is the offset of the next octet."""

    def __init__(
        self,
        octets: bytes,
        table: TokenTable | None = None,
        *,
        charset: str | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.octets = octets
        self.position = 0
        self.limits = limits
        self._table = table
        self._transport_charset = charset
        self._elements = limits.elements
        self._referenced = limits.referenced
        self._string_table = b""

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
        """Read version, public identifier, character set and string table (WAP-192 5.4 to 5.7)."""
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

    def version(self) -> int:
        """Read the version. :raises DecodeError: later than 1.3."""
        version = self._octet()
        if version > MAX_VERSION:
            raise DecodeError(
                f"WBXML {(version >> 4) + 1}.{version & 15}, 1.0 to 1.3 are taken", 0, LAYER
            )
        return version

    def public_id(self) -> tuple[int, int | None]:
        """Read the public identifier: its number, or 0 and where its name is."""
        number = self.mb_u_int32()
        return (number, None) if number else (0, self.mb_u_int32())

    def charset(self, version: int) -> int:
        """Read the character set, which WBXML 1.0 does not have, and go by it from here on."""
        start = self.position
        mibenum = self.mb_u_int32() if version else charsets.UNKNOWN
        known = charsets.BY_MIBENUM.get(mibenum or charsets.UTF_8)
        if mibenum == charsets.UNKNOWN and self._transport_charset is not None:
            known = charsets.by_name(self._transport_charset)
        if known is None:
            said = mibenum or repr((self._transport_charset or "")[:40])
            raise DecodeError(f"the character set {said} is not taken", start, LAYER)
        self._charset = known
        # The codec alone where it is all there is to it.
        self._codec = None if known.width > 1 else known.codec
        self._terminator = bytes(known.width)
        return mibenum

    def string_table(self) -> bytes:
        """Read the string table."""
        return self._take(self.mb_u_int32())

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
        return self._said(self._termstr(), attribute)

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
        if token >= EXT_0 or self.table.variables is None:
            raise DecodeError(
                f"extension token {token:02X} has no meaning in {self.table.title}", start, LAYER
            )
        by_index = token >= EXT_T_0
        name = self.table_string(self.mb_u_int32(), start) if by_index else self._termstr()
        try:
            return self.table.variables.reference(name, token & 0x03, attribute)
        except ValueError as error:
            raise DecodeError(str(error), start, LAYER) from error

    def opaque(self) -> bytes:
        """Read ``OPAQUE length octets``."""
        self.position += 1
        return self._take(self.mb_u_int32())

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

    def table_string(self, index: int, position: int) -> str:
        """Return the string at ``index`` of the string table, to its terminator or the end.

        :param position: of the token that refers to it, for errors.
        """
        if index >= len(self._string_table):
            raise DecodeError(
                f"string {index} of a table of {len(self._string_table)} octets", position, LAYER
            )
        end = self._terminator_at(self._string_table, index)
        text = self._decoded(self._string_table[index : None if end < 0 else end], position)
        # Each reference costs at least one, and so do empty strings.
        self._referenced -= len(text) + 1
        if self._referenced < 0:
            raise LimitError(
                f"more than {self.limits.referenced} characters by references to the string table",
                position,
                LAYER,
            )
        return text

    def mb_u_int32(self) -> int:
        """Read a multi-byte integer of at most 32 bits (WAP-192 5.1)."""
        octet = self.octets[self.position]
        self.position += 1
        if octet < 0x80:
            return octet
        start = self.position - 1
        value = octet & 0x7F
        for _ in range(4):
            octet = self.octets[self.position]
            self.position += 1
            value = value << 7 | octet & 0x7F
            if octet < 0x80 and value <= 0xFFFF_FFFF:
                return value
        raise LimitError("a number is longer than 32 bits", start, LAYER)

    def _octet(self) -> int:
        self.position += 1
        return self.octets[self.position - 1]

    def _take(self, count: int) -> bytes:
        start = self.position
        if count > len(self.octets) - start:
            raise DecodeError(
                f"{count} octets wanted, {len(self.octets) - start} left", start, LAYER
            )
        self.position = start + count
        return self.octets[start : self.position]

    def _termstr(self) -> str:
        start = self.position
        if self._codec is not None:
            end = self.octets.find(b"\0", start)
        else:
            end = self._terminator_at(self.octets, start)
        if end < 0:
            raise DecodeError("a string has no end", start, LAYER)
        self.position = end + len(self._terminator)
        return self._decoded(self.octets[start:end], start)

    def _terminator_at(self, octets: bytes, start: int) -> int:
        """Return where the next terminator is, on a unit's boundary counted from ``start``."""
        end = octets.find(self._terminator, start)
        width = len(self._terminator)
        while end >= 0 and (end - start) % width:
            end = octets.find(self._terminator, end + 1)
        return end

    def _decoded(self, octets: bytes, position: int) -> str:
        try:
            if self._codec is not None:
                return octets.decode(self._codec)
            return self._charset.decode(octets)
        except UnicodeDecodeError as error:
            raise DecodeError(
                f"a string is not {self._charset.name}", position + error.start, LAYER
            ) from error

    def _said(self, text: str, attribute: str | None) -> str:
        variables = self.table.variables
        return text if variables is None else variables.string(text, attribute)

    def _opaque_text(self, octets: bytes, codec: OpaqueCodec | None, position: int) -> str:
        if codec is None:
            text = self._decoded(octets, position)
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
