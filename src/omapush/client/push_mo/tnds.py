"""The object as XML (OMA DM tree and description serialisation, TNDS), both ways.

Taken with its namespace or without, nested or with ``Path``, with the formats of nodes or without:
the schema knows them. The parser fetches, expands and defaults nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from omapush.client.push_mo.node import Format, Node
from omapush.client.push_mo.schema import OBJECT_ID, OBJECT_IDS
from omapush.core.errors import DecodeError, LimitError
from omapush.protocols import xml

MEDIA_TYPE = "application/vnd.syncml.dmtnds+xml"
NAMESPACE = "syncml:dmddf1.2"

MAX_OCTETS = 1 << 18
MAX_DEPTH = 24
MAX_NODES = 8_192

_DEFAULT_NAMESPACE: Any = {None: NAMESPACE}  # what the stubs do not know
_FORMATS = {one.value: one for one in Format}


@dataclass(slots=True)
class _Growing:
    """A node while a document is read: parts of it may stand in several places."""

    name: str
    format: Format | None = None
    value: str | None = None
    type: str | None = None
    children: list[_Growing] = field(default_factory=list)
    interiors: dict[str, _Growing] = field(default_factory=dict)

    def interior(self, name: str) -> _Growing:
        """Return the interior child called ``name``, made if there is none."""
        found = self.interiors.get(name)
        if found is None:
            found = self.interiors[name] = _Growing(name)
            self.children.append(found)
        return found

    def node(self) -> Node:
        if self.children or (self.value is None and self.format in (None, Format.NODE)):
            return Node(self.name, children=tuple(child.node() for child in self.children))
        format_ = Format.CHR if self.format in (None, Format.NODE) else self.format
        return Node(self.name, format_ or Format.CHR, self.value or "")


def read(octets: bytes) -> Node:
    """Return the root of the object in a document; what is in it is not judged.

    :raises DecodeError: not XML, not this kind of document, or no Push Management Object in it.
    :raises LimitError: larger or deeper than the bounds.
    """
    top = _tree(octets)
    found = next(_by_type(top), None) or next(_by_shape(top), None)
    if found is None:
        raise DecodeError(f"no node of the type {OBJECT_ID}", "MgmtTree")
    return found.node()


def read_subtree(octets: bytes) -> Node:
    """Return the one node that a document holds, for Add.

    :raises DecodeError: not XML, not this kind of document, or not one node.
    :raises LimitError: larger or deeper than the bounds.
    """
    top = _tree(octets)
    if len(top.children) != 1:
        raise DecodeError("not one node", "MgmtTree")
    return top.children[0].node()


def write(root: Node, *, object_id: str | None = OBJECT_ID) -> bytes:
    """Return the document of a tree in UTF-8.

    :param object_id: the type of its root; ``None``: it is a part of an object.
    """
    document = etree.Element(f"{{{NAMESPACE}}}MgmtTree", nsmap=_DEFAULT_NAMESPACE)
    _add(document, "VerDTD", "1.2")
    _write(document, root, object_id)
    return etree.tostring(document, encoding="utf-8", xml_declaration=True, pretty_print=True)


# ---- reading ------------------------------------------------------------------------------------


def _tree(octets: bytes) -> _Growing:
    if len(octets) > MAX_OCTETS:
        raise LimitError(f"a document of {len(octets)} octets, {MAX_OCTETS} are taken")
    encoding = xml.encoding_of(octets)
    try:
        text = octets.decode(encoding).strip("\ufeff \t\r\n")
    except UnicodeDecodeError as error:
        raise xml.XmlError(f"not {encoding}", error.start) from error
    xml.refuse_expansion(text)
    document = xml.parse(text, text.encode("utf-8", "replace"))
    if _local(document) != "MgmtTree":
        raise DecodeError(f"the document element is {_local(document)[:40]}", "/")
    top = _Growing("")
    count = 0
    for element in _named(document, "Node"):
        count = _grow(top, element, count, 1)
    return top


def _grow(parent: _Growing, element: Any, count: int, depth: int) -> int:  # noqa: ANN401 - lxml's
    """Put an element's node and those below it into the tree; return how many there are now."""
    name = (_text_of(element, "NodeName") or "").strip()
    path = [step for step in (_text_of(element, "Path") or "").strip().split("/") if step]
    if path[:1] == ["."]:
        del path[0]
    if depth + len(path) > MAX_DEPTH:
        raise LimitError(f"nodes more than {MAX_DEPTH} deep")
    count += 1 + len(path)
    if count > MAX_NODES:
        raise LimitError(f"more than {MAX_NODES} nodes")
    for step in path:
        parent = parent.interior(step)
    value = _text_of(element, "Value")
    if value is None:
        node = parent.interior(name)
    else:
        node = _Growing(name, value=value)
        parent.children.append(node)
    _describe(node, element)
    for below in _named(element, "Node"):
        count = _grow(node, below, count, depth + 1 + len(path))
    return count


def _describe(node: _Growing, element: Any) -> None:  # noqa: ANN401 - lxml's
    for properties in _named(element, "RTProperties"):
        for format_ in _named(properties, "Format"):
            named = [_local(one) for one in format_ if isinstance(one.tag, str)]
            node.format = _FORMATS.get(named[0] if named else (format_.text or "").strip())
        for type_ in _named(properties, "Type"):
            names = [_text(one) for one in type_ if isinstance(one.tag, str)]
            node.type = (names[0] if names else _text(type_)).strip()


def _by_type(node: _Growing) -> Iterator[_Growing]:
    for child in node.children:
        if child.type in OBJECT_IDS:
            yield child
        yield from _by_type(child)


def _by_shape(node: _Growing) -> Iterator[_Growing]:
    names = {child.name for child in node.children if child.value is None}
    if "PushWL" in names or any(
        child.name == "Ext" and any(below.name == "ConnProfile" for below in child.children)
        for child in node.children
    ):
        yield node
    for child in node.children:
        yield from _by_shape(child)


def _named(element: Any, name: str) -> list[Any]:  # noqa: ANN401 - lxml's
    return [one for one in element if isinstance(one.tag, str) and _local(one) == name]


def _local(element: Any) -> str:  # noqa: ANN401 - lxml's
    return str(element.tag).rpartition("}")[2]


def _text_of(element: Any, name: str) -> str | None:  # noqa: ANN401 - lxml's
    found = _named(element, name)
    return _text(found[0]) if found else None


def _text(element: Any) -> str:  # noqa: ANN401 - lxml's
    """Return an element's text; XML within it as XML."""
    inner = (etree.tostring(one, encoding="unicode") for one in element)
    return (element.text or "") + "".join(inner)


# ---- writing ------------------------------------------------------------------------------------


def _write(parent: Any, node: Node, type_: str | None = None) -> None:  # noqa: ANN401 - lxml's
    element = _add(parent, "Node")
    _add(element, "NodeName", node.name)
    properties = _add(element, "RTProperties")
    _add(_add(properties, "Format"), node.format.value)
    if type_ is not None:
        _add(_add(properties, "Type"), "DDFName", type_)
    if node.is_leaf:
        _add(element, "Value", node.value)
    for child in node.children:
        _write(element, child)


def _add(parent: Any, name: str, text: str | None = None) -> Any:  # noqa: ANN401 - lxml's
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    if text is not None:
        element.text = text
    return element
