"""The description of the tree for device management servers (DDF), made from the schema."""

from __future__ import annotations

from typing import Any

from lxml import etree

from omapush.client.push_mo.schema import OBJECT_ID, SCHEMA, Access, Rule

MEDIA_TYPE = "application/vnd.syncml.dmddf+xml"


def document() -> bytes:
    """Return the description in UTF-8."""
    tree = etree.Element("MgmtTree")
    _add(tree, "VerDTD", "1.2")
    _node(tree, SCHEMA)
    return etree.tostring(tree, encoding="utf-8", xml_declaration=True, pretty_print=True)


def _node(parent: Any, rule: Rule) -> None:  # noqa: ANN401 - lxml's
    node = _add(parent, "Node")
    _add(node, "NodeName", rule.name or None)
    properties = _add(node, "DFProperties")
    access = _add(properties, "AccessType")
    for one in Access:
        if one in rule.access:
            _add(access, one.value)
    _add(properties, "Description", rule.meaning)
    format_ = _add(properties, "DFFormat")
    _add(format_, "node" if rule.format is None else rule.format.value)
    _add(_add(properties, "Occurrence"), rule.occurrence.value)
    _add(_add(properties, "Scope"), "Dynamic")
    type_ = _add(properties, "DFType")
    if rule is SCHEMA:
        _add(type_, "DDFName", OBJECT_ID)
    elif rule.check is None:
        _add(type_, "DDFName")
    else:
        _add(type_, "MIME", "text/plain")
    for child in rule.children:
        _node(node, child)


def _add(parent: Any, name: str, text: str | None = None) -> Any:  # noqa: ANN401 - lxml's
    element = etree.SubElement(parent, name)
    if text is not None:
        element.text = text
    return element
