"""Text documents to the same model as WBXML's (WAP-192)."""

from __future__ import annotations

import re
from typing import Any

from omapush.core.errors import LimitError
from omapush.protocols import xml
from omapush.protocols.wbxml import charsets, tables
from omapush.protocols.wbxml.model import (
    DEFAULT_LIMITS,
    Child,
    Element,
    Limits,
    WbxmlDocument,
)
from omapush.protocols.wbxml.tokens import TokenTable, WhiteSpace

_PUBLIC = re.compile(r"""<!DOCTYPE\s+[^\s>\["']{1,100}\s+PUBLIC\s+["']([^"'<>]{1,200})["']""")
_PROLOGUE = 2_000
_BEFORE_XML = "\ufeff \t\r\n"
_XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
_SPACE = re.compile("[ \t\r\n]+")
_SPACE_WITH_BREAK = re.compile("[ ]*[\t\r\n][ \t\r\n]*")
_BLANK = " \t\r\n"


def read_xml(
    octets: bytes,
    media_type: str,
    *,
    charset: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> WbxmlDocument:
    """Read a text document as it would be read from WBXML.

    White space goes as the document type has it, comments and processing instructions go; white
    space before the XML declaration, which senders do write, is no error.

    :param media_type: of the text or the binary form; it chooses the token table, and the DOCTYPE
        only among the editions of WML.
    :param charset: what the transport says of the character set.
    :raises UnsupportedMediaType: no token table belongs to ``media_type``.
    :raises XmlError: not well-formed, declares entities or defaults, or another character set.
    :raises LimitError: deeper or larger than ``limits``.
    """
    encoding = xml.encoding_of(octets, charset)
    try:
        text = octets.decode(encoding).lstrip(_BEFORE_XML)
    except UnicodeDecodeError as error:
        raise xml.XmlError(f"not {encoding}", error.start) from error
    declared = _PUBLIC.search(text, 0, _PROLOGUE)
    table = tables.table_for(media_type, declared[1] if declared else None)
    return read_with(table, text, limits=limits)


def read_with(table: TokenTable, text: str, *, limits: Limits = DEFAULT_LIMITS) -> WbxmlDocument:
    """Read the characters of a text document of the type that ``table`` is for.

    :raises XmlError: not well-formed, or declares entities or defaults.
    :raises LimitError: deeper or larger than ``limits``.
    """
    for name, character in table.entities.items():
        text = text.replace(f"&{name};", character)
    xml.refuse_expansion(text)
    try:
        root = xml.parse(text, text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise xml.XmlError("half a character", error.start) from error
    reader = _TreeReader(table, limits, namespaced="xmlns" in text or "xml:" in text)
    element = reader.element(root, 1, preserve=table.white_space is WhiteSpace.KEEP)
    return WbxmlDocument(table.version, table.public_id, charsets.UTF_8, element)


class _TreeReader:
    """Turns lxml's tree into ours; ``namespaced`` spares documents without namespaces the work."""

    def __init__(self, table: TokenTable, limits: Limits, *, namespaced: bool) -> None:
        self._table = table
        self._limits = limits
        self._left = limits.elements
        self._namespaced = namespaced
        self._fold = table.white_space is WhiteSpace.FOLD
        # Whatever prefix a document chose, the tokens know one.
        self._prefixes = {uri: prefix for prefix, uri in table.namespaces.items()}
        self._prefixes[_XML_NAMESPACE] = "xml"

    def element(self, node: Any, depth: int, *, preserve: bool) -> Element:  # noqa: ANN401 - lxml's element type is private
        self._left -= 1
        if depth > self._limits.depth or self._left < 0:
            raise LimitError(
                f"more than {self._limits.depth} elements within each other or"
                f" {self._limits.elements} in all"
            )
        table = self._table
        tag: str = node.tag
        if self._namespaced:
            name = self._qualified(node, tag) if tag[0] == "{" else tag
            attributes = self._attributes(node)
        else:
            name = tag
            attributes = dict(node.items())
        space = attributes.get("xml:space")
        if space is not None:
            preserve = space == "preserve"
        elif name in table.preserving:
            preserve = True
        children: list[Child] = []
        bare = name in table.element_only
        text = node.text
        if text:
            self._text(children, text, bare=bare, preserve=preserve)
        for child in node:
            children.append(self.element(child, depth + 1, preserve=preserve))
            text = child.tail
            if text:
                self._text(children, text, bare=bare, preserve=preserve)
        return Element(name, attributes, tuple(children))

    def _text(self, children: list[Child], text: str, *, bare: bool, preserve: bool) -> None:
        if not preserve:
            text = _folded(text) if self._fold and not bare else trimmed(text)
        if text:
            children.append(text)

    def _attributes(self, node: Any) -> dict[str, str]:  # noqa: ANN401
        attributes = self._declarations(node)
        for name, value in node.items():
            qualified = self._qualified(node, name) if name[0] == "{" else name
            attributes[self._table.aliases.get(qualified, qualified)] = value
        return attributes

    def _declarations(self, node: Any) -> dict[str, str]:  # noqa: ANN401
        """Return the namespaces declared here, but for those that the tokens imply."""
        parent = node.getparent()
        known = {} if parent is None else parent.nsmap
        return {
            f"xmlns:{prefix}" if prefix else "xmlns": uri
            for prefix, uri in node.nsmap.items()
            if known.get(prefix) != uri and uri not in self._table.namespaces.values()
        }

    def _qualified(self, node: Any, name: str) -> str:  # noqa: ANN401
        uri, _, local = name[1:].rpartition("}")
        prefix = self._prefixes.get(uri)
        if prefix is None:
            if node.tag == name:
                prefix = node.prefix
            else:
                prefix = next(
                    (known for known, of in node.nsmap.items() if known and of == uri), ""
                )
        return f"{prefix}:{local}" if prefix else local


def trimmed(text: str) -> str:
    """Return ``text`` without white space around it, and on one line."""
    text = text.strip(_BLANK)
    return _SPACE_WITH_BREAK.sub(" ", text) if "\n" in text or "\t" in text else text


def _folded(text: str) -> str:
    return _SPACE.sub(" ", text)
