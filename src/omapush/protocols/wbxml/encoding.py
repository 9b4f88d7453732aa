"""A document to octets (WAP-192).

For every attribute the longest attribute start is taken, then values are replaced by tokens from
the left; names without a token become literals in the string table, which holds nothing else.
"""

from __future__ import annotations

from omapush.core.errors import EncodeError
from omapush.protocols.wbxml import charsets, tables
from omapush.protocols.wbxml.index import Places, encoding_index
from omapush.protocols.wbxml.model import (
    DEFAULT_LIMITS,
    LAYER,
    Child,
    Element,
    ProcessingInstruction,
    WbxmlDocument,
)
from omapush.protocols.wbxml.opaque import OpaqueCodec
from omapush.protocols.wbxml.tokens import (
    END,
    ENTITY,
    EXT_I_0,
    HAS_ATTRIBUTES,
    HAS_CONTENT,
    LITERAL,
    OPAQUE,
    PI,
    STR_I,
    SWITCH_PAGE,
    TokenTable,
)

_VERSIONS = (0x01, 0x02, 0x03)


def encode(
    document: WbxmlDocument, table: TokenTable | None = None, *, version: int | None = None
) -> bytes:
    """Write a document as WBXML 1.1, 1.2 or 1.3.

    Characters that its character set does not have are written as entities.

    :param table: chosen by the media type; without it the document's public identifier chooses.
    :param version: as coded; the document's own otherwise.
    :raises EncodeError: no token table, another version or character set; more than 64 elements
        within each other; text with a NUL; a value without the form that its opaque coding needs.
    """
    table = table or tables.by_public_id(document.public_id)
    if table is None:
        raise EncodeError(f"no token table for {document.public_id!r:.60}", None, LAYER)
    version = document.version if version is None else version
    if version not in _VERSIONS:
        raise EncodeError(f"WBXML version {version:02X}, 01 to 03 can be written", None, LAYER)
    charset = charsets.BY_MIBENUM.get(document.charset or charsets.UTF_8)
    if charset is None:
        raise EncodeError(f"the character set {document.charset} is not known", None, LAYER)
    return _Writer(table, charset).document(document, version)


class _Writer:
    """Writes one document: the body first, since only then the string table is known."""

    def __init__(self, table: TokenTable, charset: charsets.Charset) -> None:
        self._table = table
        self._index = encoding_index(table)
        self._out = bytearray()
        self._charset = charset
        self._terminator = bytes(charset.width)
        self._strings = bytearray()
        self._string_index: dict[str, int] = {}
        self._tag_page = 0
        self._attribute_page = 0

    def document(self, document: WbxmlDocument, version: int) -> bytes:
        """Return the whole document."""
        for instruction in document.before:
            self._instruction(instruction)
        self._element(document.root, 1)
        for instruction in document.after:
            self._instruction(instruction)
        if isinstance(document.public_id, str):
            public_id = b"\0" + mb_u_int32(self._literal(document.public_id))
        else:
            public_id = mb_u_int32(document.public_id)
        return b"".join(
            (
                bytes((version,)),
                public_id,
                mb_u_int32(self._charset.mibenum),
                mb_u_int32(len(self._strings)),
                self._strings,
                self._out,
            )
        )

    def _element(self, element: Element, depth: int) -> None:
        if depth > DEFAULT_LIMITS.depth:
            raise EncodeError(
                f"more than {DEFAULT_LIMITS.depth} elements within each other", None, LAYER
            )
        attributes, children = element.attributes, element.children
        flags = (HAS_ATTRIBUTES if attributes else 0) | (HAS_CONTENT if children else 0)
        places = self._index.tags.get(element.name)
        if places is None:
            self._out.append(LITERAL | flags)
            self._out += mb_u_int32(self._literal(element.name))
        else:
            self._out.append(self._on_tag_page(places) | flags)
        if attributes:
            for name, value in attributes.items():
                self._attribute(name, value)
            self._out.append(END)
        if children:
            codec = self._table.content_codecs.get(element.name)
            for child in children:
                self._child(child, codec, depth)
            self._out.append(END)

    def _child(self, child: Child, codec: OpaqueCodec | None, depth: int) -> None:
        if isinstance(child, Element):
            self._element(child, depth + 1)
        elif isinstance(child, str):
            if codec is not None:
                self._coded(child, codec, "text")
            else:
                self._text(child, None)
        elif isinstance(child, bytes):
            self._opaque(child)
        else:
            self._instruction(child)

    def _instruction(self, instruction: ProcessingInstruction) -> None:
        self._out.append(PI)
        self._attribute(instruction.target, instruction.data)
        self._out.append(END)

    def _attribute(self, name: str, value: str) -> None:
        starts = self._index.starts.get(name)
        if starts is None:
            self._literal_start(name)
            self._value(value, name)
            return
        whole = starts.whole.get(value)
        if whole is not None:
            self._out.append(self._on_attribute_page(whole))
            return
        codec = self._table.attribute_codecs.get(name)
        if codec is None:
            for prefix, places in starts.prefixes:
                if value.startswith(prefix):
                    self._out.append(self._on_attribute_page(places))
                    self._value(value[len(prefix) :], name)
                    return
        if starts.plain:
            self._out.append(self._on_attribute_page(starts.plain))
        else:
            self._literal_start(name)
        if codec is not None:
            self._coded(value, codec, name)
        else:
            self._value(value, name)

    def _literal_start(self, name: str) -> None:
        self._out.append(LITERAL)
        self._out += mb_u_int32(self._literal(name))

    def _value(self, value: str, attribute: str) -> None:
        """Write the value of ``attribute``, or what its start leaves of it."""
        whole = self._index.values.get(value)
        if whole is not None:
            self._out.append(self._on_attribute_page(whole))
            return
        fragments = self._index.fragments
        position = 0
        if fragments is not None:
            for match in fragments.finditer(value):
                if match.start() > position:
                    self._text(value[position : match.start()], attribute)
                self._out.append(self._on_attribute_page(self._index.values[match[0]]))
                position = match.end()
        if position < len(value):
            self._text(value[position:] if position else value, attribute)
        elif not value:
            # WAP-192: an empty value is written.
            self._string("")

    def _text(self, text: str, attribute: str | None) -> None:
        variables = self._table.variables
        if variables is None or "$" not in text or not variables.allowed(attribute):
            self._string(text)
            return
        for part in variables.split(text, attribute):
            if isinstance(part, str):
                self._string(part)
            else:
                self._out.append(EXT_I_0 + part.conversion)
                self._out += self._encoded(part.name) + self._terminator

    def _string(self, text: str) -> None:
        if "\0" in text:
            raise EncodeError("text cannot hold a NUL", None, LAYER)
        out = self._out
        try:
            octets = self._charset.encode(text)
        except UnicodeEncodeError:
            self._with_entities(text)
            return
        out.append(STR_I)
        out += octets
        out += self._terminator

    def _with_entities(self, text: str) -> None:
        """Write ``text``, of which the character set does not have every character."""
        out = self._out
        open_string = False
        for character in text:
            try:
                octets = self._charset.encode(character)
            except UnicodeEncodeError as error:
                if "\ud800" <= character <= "\udfff":
                    raise EncodeError("text with half a character", None, LAYER) from error
                if open_string:
                    out += self._terminator
                    open_string = False
                out.append(ENTITY)
                out += mb_u_int32(ord(character))
                continue
            if not open_string:
                out.append(STR_I)
                open_string = True
            out += octets
        if open_string:
            out += self._terminator

    def _coded(self, text: str, codec: OpaqueCodec, what: str) -> None:
        try:
            octets = codec.encode(text)
        except ValueError as error:
            raise EncodeError(str(error), what, LAYER) from error
        self._opaque(octets)

    def _opaque(self, octets: bytes) -> None:
        self._out.append(OPAQUE)
        self._out += mb_u_int32(len(octets))
        self._out += octets

    def _literal(self, text: str) -> int:
        """Return where ``text`` is in the string table, after putting it there if need be."""
        index = self._string_index.get(text)
        if index is None:
            index = self._string_index[text] = len(self._strings)
            self._strings += self._encoded(text) + self._terminator
        return index

    def _encoded(self, text: str) -> bytes:
        if "\0" in text:
            raise EncodeError("a name cannot hold a NUL", None, LAYER)
        try:
            return self._charset.encode(text)
        except UnicodeEncodeError as error:
            raise EncodeError(
                f"{self._charset.name} cannot write {text[:40]!r}", None, LAYER
            ) from error

    def _on_tag_page(self, places: Places) -> int:
        """Return the token of one of ``places``, after switching to its page if need be."""
        page, token = self._chosen(places, self._tag_page)
        if page != self._tag_page:
            self._out += bytes((SWITCH_PAGE, page))
            self._tag_page = page
        return token

    def _on_attribute_page(self, places: Places) -> int:
        page, token = self._chosen(places, self._attribute_page)
        if page != self._attribute_page:
            self._out += bytes((SWITCH_PAGE, page))
            self._attribute_page = page
        return token

    def _chosen(self, places: Places, current: int) -> tuple[int, int]:
        if self._table.keeps_page and len(places) > 1:
            return next((place for place in places if place[0] == current), places[0])
        return places[0]


def mb_u_int32(value: int) -> bytes:
    """Return ``value`` as a multi-byte integer (WAP-192). :raises EncodeError: over 32 bits."""
    if 0 <= value < 0x80:
        return bytes((value,))
    if not 0 <= value <= 0xFFFF_FFFF:
        raise EncodeError(f"{value} does not fit 32 bits", None, LAYER)
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(0x80 | (value & 0x7F))
    return bytes(reversed(groups))
